//! Paths and query strings decoded as Go's `net/url` decodes them.
//!
//! Not a general URL library: the target has been split into path and query already.
//!
//! **Invariant:** no input makes these functions fail except a path with a broken percent escape, which Go's
//! HTTP server refuses as well. A broken pair of a query is left out, the others count.

use std::borrow::Cow;

/// A `%` of a path is not followed by two hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the path holds a % that is not followed by two hexadecimal digits")]
pub struct BrokenEscape;

/// The decoded path (Go: `url.URL.Path`). Bytes that are no UTF-8 become U+FFFD, as they do in the JSON of an
/// access review.
pub fn decode_path(raw: &str) -> Result<Cow<'_, str>, BrokenEscape> {
    unescape(raw, false).ok_or(BrokenEscape)
}

/// The bytes of the decoded path when they are no UTF-8; otherwise [`decode_path`] says it all.
pub fn undecodable_path(raw: &str) -> Option<Vec<u8>> {
    unescaped(raw.as_bytes(), false).filter(|bytes| std::str::from_utf8(bytes).is_err())
}

/// The decoded pairs of a query in their order (Go: `url.Values`, without the errors).
pub fn pairs(raw: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    raw.split('&').filter(|pair| !pair.is_empty() && !pair.contains(';')).filter_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        Some((unescape(key, true)?, unescape(value, true)?))
    })
}

/// The first value of `key` (Go: `url.Values.Get`; an absent key is `None` here).
pub fn first<'a>(raw: &'a str, key: &str) -> Option<Cow<'a, str>> {
    if raw.is_empty() {
        return None;
    }
    pairs(raw).find(|(name, _)| name == key).map(|(_, value)| value)
}

/// Whether a boolean parameter is set, as `k8s.io/apimachinery` converts them: everything but `false`, `0` and
/// an absent parameter is true.
pub fn flag(raw: &str, key: &str) -> bool {
    first(raw, key).is_some_and(|value| !(value == "0" || value.eq_ignore_ascii_case("false")))
}

/// Whether answers are to be indented: the parameter `pretty` as `strconv.ParseBool` reads it, or else a user
/// agent behind which a person sits (apiserver `negotiation.isPrettyPrint`).
pub fn wants_pretty(raw: &str, user_agent: Option<&str>) -> bool {
    match first(raw, "pretty") {
        Some(value) if !value.is_empty() => {
            matches!(&*value, "1" | "t" | "T" | "true" | "TRUE" | "True")
        }
        _ => user_agent
            .is_some_and(|agent| ["curl", "Wget", "Mozilla/5.0"].iter().any(|name| agent.starts_with(name))),
    }
}

fn unescape(text: &str, plus_is_space: bool) -> Option<Cow<'_, str>> {
    let bytes = text.as_bytes();
    if !bytes.iter().any(|byte| *byte == b'%' || (plus_is_space && *byte == b'+')) {
        return Some(Cow::Borrowed(text));
    }
    Some(Cow::Owned(match String::from_utf8(unescaped(bytes, plus_is_space)?) {
        Ok(text) => text,
        Err(broken) => String::from_utf8_lossy(broken.as_bytes()).into_owned(),
    }))
}

fn unescaped(bytes: &[u8], plus_is_space: bool) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let high = char::from(*rest.next()?).to_digit(16)?;
                let low = char::from(*rest.next()?).to_digit(16)?;
                out.push((high * 16 + low) as u8);
            }
            b'+' if plus_is_space => out.push(b' '),
            _ => out.push(*byte),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_keeps_plus_signs_and_decodes_escapes_in_either_case() {
        assert_eq!(decode_path("/a+b/%2a%2F%41").unwrap(), "/a+b/*/A");
        assert_eq!(decode_path("/%e4"), Ok(Cow::Owned("/\u{fffd}".to_owned())));
    }

    #[test]
    fn a_path_with_a_broken_escape_is_refused() {
        for raw in ["/%", "/%4", "/%zz", "/%4g"] {
            assert_eq!(decode_path(raw), Err(BrokenEscape), "{raw}");
        }
    }

    #[test]
    fn broken_pairs_are_left_out_and_the_first_value_counts() {
        let raw = "a;b=c&labelSelector=%zz&labelSelector=app%3Dweb+x&labelSelector=second&&flag";
        assert_eq!(first(raw, "labelSelector").unwrap(), "app=web x");
        assert_eq!(first(raw, "flag").unwrap(), "");
        assert_eq!(first(raw, "a"), None);
        assert_eq!(pairs(raw).count(), 3);
    }

    #[test]
    fn boolean_parameters_are_true_unless_they_say_false() {
        for (raw, expected) in [
            ("", false),
            ("watch=false", false),
            ("watch=0", false),
            ("watch=1", true),
            ("watch=maybe", true),
            ("watch=", true),
        ] {
            assert_eq!(flag(raw, "watch"), expected, "{raw}");
        }
    }

    #[test]
    fn pretty_follows_the_parameter_before_the_user_agent() {
        assert!(wants_pretty("pretty=true", None));
        assert!(wants_pretty("", Some("curl/8.0")));
        assert!(wants_pretty("pretty", Some("Mozilla/5.0 (X11)")));
        assert!(!wants_pretty("pretty=false", Some("curl/8.0")));
        assert!(!wants_pretty("pretty", Some("kubectl/v1.30")));
    }
}
