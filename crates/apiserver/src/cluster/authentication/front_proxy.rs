//! Users that a front proxy names in headers, as kube-apiserver's aggregator does.
//!
//! Follows `apiserver/pkg/authentication/request/headerrequest/requestheader.go`.
//!
//! **Invariant:** headers are read only here, and only for a client that `admits` let through.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName};

use super::certificate::Authorities;
use super::subject::Subject;
use crate::identity::User;

/// Who may name users, and in which headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrontProxy {
    pub authorities: Authorities,
    pub names: ProxyNames,
}

/// The names that a front proxy goes by and uses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProxyNames {
    /// Common names of front proxies; empty means any that the authorities vouch for.
    pub allowed: Vec<String>,
    /// Headers that may hold the user's name; the first that does counts.
    pub username: Vec<HeaderName>,
    /// Headers that may hold the user's uid. Empty unless asked for: a proxy that does not know the header
    /// passes on what its own client sent.
    pub uid: Vec<HeaderName>,
    /// Headers whose values are groups.
    pub group: Vec<HeaderName>,
    /// Beginnings of headers whose values are further attributes, lower case.
    pub extra_prefix: Vec<String>,
}

impl ProxyNames {
    /// Whether a certificate's common name is one of a front proxy.
    pub fn admits(&self, subject: &Subject) -> bool {
        self.allowed.is_empty() || self.allowed.contains(&subject.common_name)
    }

    /// The user that the headers name, `None` if they name none.
    pub fn user(&self, headers: &HeaderMap) -> Option<User> {
        let first = |names: &[HeaderName]| {
            names.iter().filter_map(|name| text(headers.get(name)?)).find(|value| !value.is_empty())
        };
        let name = first(&self.username)?;
        let uid = first(&self.uid).unwrap_or_default();
        let groups = self
            .group
            .iter()
            .flat_map(|name| headers.get_all(name))
            .filter_map(text)
            .filter(|value| !value.is_empty())
            .collect();
        Some(User { name, uid, groups, extra: self.extra(headers), proxied: true })
    }

    fn extra(&self, headers: &HeaderMap) -> BTreeMap<String, Vec<String>> {
        let mut extra: BTreeMap<String, Vec<String>> = BTreeMap::new();
        // Every header begins with nothing, the one with the credentials included.
        for prefix in self.extra_prefix.iter().filter(|prefix| !prefix.trim().is_empty()) {
            for (name, value) in headers {
                if let Some(key) = name.as_str().strip_prefix(prefix.as_str())
                    && let Some(value) = text(value)
                {
                    extra.entry(unescape(key)).or_default().push(value);
                }
            }
        }
        extra
    }
}

fn text(value: &http::HeaderValue) -> Option<String> {
    String::from_utf8(value.as_bytes().to_vec()).ok()
}

/// Undoes percent-encoding; a text that is not well encoded stays as it is.
fn unescape(key: &str) -> String {
    let mut bytes = Vec::with_capacity(key.len());
    let mut rest = key.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let hex = |at: usize| rest.get(at).and_then(|digit| char::from(*digit).to_digit(16));
        let (Some(high), Some(low)) = (hex(0), hex(1)) else { return key.to_owned() };
        bytes.push((high * 16 + low) as u8);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).unwrap_or_else(|_| key.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> ProxyNames {
        ProxyNames {
            allowed: vec!["front-proxy-client".into()],
            username: vec![HeaderName::from_static("x-remote-user")],
            uid: vec![HeaderName::from_static("x-remote-uid")],
            group: vec![HeaderName::from_static("x-remote-group")],
            extra_prefix: vec!["x-remote-extra-".into()],
        }
    }

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(
                HeaderName::from_bytes(name.as_bytes()).expect("a name"),
                value.parse().expect("a value"),
            );
        }
        headers
    }

    #[test]
    fn headers_name_a_user_with_groups_and_attributes() {
        let user = names().user(&headers(&[
            ("X-Remote-User", "bob"),
            ("X-Remote-Uid", "42"),
            ("X-Remote-Group", "g1"),
            ("X-Remote-Group", "g2"),
            ("X-Remote-Extra-Scopes", "a"),
            ("X-Remote-Extra-Scopes", "b"),
            ("X-Remote-Extra-example.com%2Fproject", "p"),
            ("X-Remote-Extra-50%", "odd"),
        ]));
        let user = user.expect("a user");
        assert_eq!((user.name.as_str(), user.uid.as_str(), user.proxied), ("bob", "42", true));
        assert_eq!(user.groups, ["g1", "g2"]);
        assert_eq!(user.extra["scopes"], ["a", "b"]);
        assert_eq!(user.extra["example.com/project"], ["p"]);
        assert_eq!(user.extra["50%"], ["odd"]);
    }

    #[test]
    fn without_a_name_there_is_no_user() {
        assert_eq!(names().user(&headers(&[("X-Remote-Group", "system:masters")])), None);
        assert_eq!(names().user(&headers(&[("X-Remote-User", "")])), None);
    }

    #[test]
    fn a_uid_is_ignored_where_its_header_is_not_configured() {
        let names = ProxyNames { uid: Vec::new(), ..names() };
        let user = names.user(&headers(&[("X-Remote-User", "bob"), ("X-Remote-Uid", "42")]));
        assert_eq!(user.expect("a user").uid, "");
    }

    #[test]
    fn an_empty_prefix_makes_no_header_an_attribute() {
        let names = ProxyNames { extra_prefix: vec![String::new(), " ".into()], ..names() };
        let user = names.user(&headers(&[("X-Remote-User", "bob"), ("Authorization", "Bearer secret")]));
        assert_eq!(user.expect("a user").extra, BTreeMap::new());
    }

    #[test]
    fn names_of_attributes_decode_once_and_keep_what_is_not_encoded_well() {
        for (header, key) in [
            ("x-remote-extra-a%2Fb", "a/b"),
            ("x-remote-extra-a%252Fb", "a%2fb"),
            ("x-remote-extra-%c3%a9", "é"),
            ("x-remote-extra-%ff", "%ff"),
            ("x-remote-extra-%", "%"),
            ("x-remote-extra-%2", "%2"),
            ("x-remote-extra-%2x", "%2x"),
            ("x-remote-extra-%00", "\0"),
            ("x-remote-extra-", ""),
        ] {
            let user = names().user(&headers(&[("X-Remote-User", "bob"), (header, "v")])).expect("a user");
            assert_eq!(user.extra, BTreeMap::from([(key.to_owned(), vec!["v".to_owned()])]), "{header}");
        }
    }

    #[test]
    fn the_first_header_that_names_somebody_counts_and_what_is_no_text_names_nobody() {
        let names = ProxyNames {
            username: vec![HeaderName::from_static("x-first"), HeaderName::from_static("x-second")],
            ..names()
        };
        let named = |pairs: &[(&str, &str)]| names.user(&headers(pairs)).map(|user| user.name);
        assert_eq!(named(&[("X-Second", "b"), ("X-First", "a"), ("X-First", "c")]).as_deref(), Some("a"));
        assert_eq!(named(&[("X-Second", "b"), ("X-First", "")]).as_deref(), Some("b"));
        let mut odd = HeaderMap::new();
        odd.insert("x-first", http::HeaderValue::from_bytes(b"root\xff").expect("a value"));
        odd.append("x-remote-group", http::HeaderValue::from_bytes(b"system:masters\xff").expect("a value"));
        assert_eq!(names.user(&odd), None);
    }

    #[test]
    fn only_allowed_names_are_front_proxies_unless_none_are_listed() {
        let named = |name: &str| Subject { common_name: name.into(), organizations: Vec::new() };
        assert!(names().admits(&named("front-proxy-client")));
        assert!(!names().admits(&named("someone-else")));
        assert!(ProxyNames::default().admits(&named("someone-else")));
    }
}
