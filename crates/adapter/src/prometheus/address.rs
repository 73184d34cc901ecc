//! Where the server is: the base URL, the paths under it, and the parameters of a request.
//!
//! Not a general URL type: it knows what the original adapter did with `--prometheus-url`.
//!
//! **Invariant:** user information never appears in what is shown or sent as a URL.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::uri::{Authority, Scheme};
use http::{HeaderValue, Uri};

/// A base URL such as `https://user:password@prometheus.monitoring:9090/prefix?x=y`, taken apart.
#[derive(Clone)]
pub(super) struct BaseUrl {
    pub(super) scheme: Scheme,
    pub(super) authority: Authority,
    /// Decoded path, without a slash at its end; empty for the root.
    prefix: String,
    /// Kept on POST, overwritten on GET, as the original does (`pkg/client/api.go`, `Do`).
    query: Option<String>,
    /// `Basic …`, from the user information.
    pub(super) basic: Option<HeaderValue>,
    shown: String,
}

impl BaseUrl {
    /// Takes `text` apart. The error says what is wrong and shows no password.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) =
            text.split_once("://").ok_or("missing protocol scheme: write http:// or https:// first")?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => Scheme::HTTP,
            "https" => Scheme::HTTPS,
            _ => return Err("unsupported protocol scheme: write http:// or https:// first".into()),
        };
        let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
        let (rest, query) =
            rest.split_once('?').map_or((rest, None), |(before, query)| (before, Some(query)));
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (user, host) =
            authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
        let authority: Authority =
            host.parse().map_err(|_| "the host is malformed: write it as HOST or HOST:PORT".to_owned())?;
        if authority.host().is_empty() {
            return Err("the host is missing: write it as http://HOST:PORT/".into());
        }
        if host.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']') && port.parse::<u16>().is_err())
        {
            return Err("the port is no number up to 65535".into());
        }
        let basic = match user {
            Some(user) => Some(basic_credentials(user)?),
            None => None,
        };
        let path = percent_decoded(path).ok_or("the path has a malformed % escape")?;
        let prefix = cleaned(&path);
        let shown = format!("{scheme}://{authority}{}", path_encoded(&prefix));
        let query = query.filter(|query| !query.is_empty()).map(str::to_owned);
        Ok(Self { scheme, authority, prefix, query, basic, shown })
    }

    /// The URL without credentials, query string and final slash.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// `endpoint` (with a leading slash) under the base path. Both are joined as Go's `path.Join`
    /// does, which collapses slashes and dots. `query` is the encoded query string of a GET;
    /// `None` (a POST) keeps the one of the base URL.
    pub(super) fn endpoint(&self, endpoint: &str, query: Option<&str>) -> Result<Uri, http::Error> {
        let mut target = path_encoded(&self.prefix) + endpoint;
        if let Some(query) = query.or(self.query.as_deref()) {
            target.push('?');
            target.push_str(query);
        }
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(target)
            .build()
    }
}

/// Parameters as Go's `url.Values.Encode` writes them; `pairs` must be sorted by key.
pub(super) fn form_encoded(pairs: &[(&str, &str)]) -> String {
    debug_assert!(pairs.is_sorted_by_key(|(key, _)| key));
    let mut text =
        String::with_capacity(pairs.iter().map(|(key, value)| key.len() + value.len() * 2 + 2).sum());
    for (at, (key, value)) in pairs.iter().enumerate() {
        if at > 0 {
            text.push('&');
        }
        push_escaped(&mut text, key, b"-_.~", true);
        text.push('=');
        push_escaped(&mut text, value, b"-_.~", true);
    }
    text
}

/// Unix `seconds` to the millisecond, in the shortest decimal form, such as `1795284096.78`.
pub(super) fn unix_time(seconds: f64) -> String {
    ((seconds * 1000.0).round() / 1000.0).to_string()
}

fn basic_credentials(user: &str) -> Result<HeaderValue, String> {
    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    let malformed = || "the user name or password has a malformed % escape".to_owned();
    let name = percent_decoded(name).ok_or_else(malformed)?;
    let password = percent_decoded(password).ok_or_else(malformed)?;
    let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(format!("{name}:{password}"))))
        .map_err(|_| malformed())?;
    value.set_sensitive(true);
    Ok(value)
}

/// A rooted path without empty, `.` and `..` segments; empty for the root.
fn cleaned(path: &str) -> String {
    let mut segments = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    segments.iter().flat_map(|segment| ["/", segment]).collect()
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |byte: Option<u8>| (byte? as char).to_digit(16);
            let high = digit(rest.next())?;
            bytes.push((high * 16 + digit(rest.next())?) as u8);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

fn path_encoded(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    push_escaped(&mut text, path, b"-_.~$&+,/:;=@", false);
    text
}

fn push_escaped(text: &mut String, part: &str, plain: &[u8], plus_for_space: bool) {
    for byte in part.bytes() {
        match byte {
            b' ' if plus_for_space => text.push('+'),
            byte if byte.is_ascii_alphanumeric() || plain.contains(&byte) => text.push(byte as char),
            byte => {
                const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
                text.push('%');
                text.push(DIGITS[usize::from(byte >> 4)] as char);
                text.push(DIGITS[usize::from(byte & 15)] as char);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_joined_as_go_joins_paths() {
        for (base, url) in [
            ("http://h:9090", "http://h:9090/api/v1/query?a=b"),
            ("http://h:9090/", "http://h:9090/api/v1/query?a=b"),
            ("http://h:9090/prefix", "http://h:9090/prefix/api/v1/query?a=b"),
            ("http://h:9090//a//b//", "http://h:9090/a/b/api/v1/query?a=b"),
            ("http://h/a/../b/./c?x=y#f", "http://h/b/c/api/v1/query?a=b"),
            ("https://[::1]:9090/x%20y", "https://[::1]:9090/x%20y/api/v1/query?a=b"),
            ("HTTP://h/%2e%2e/k%c3%a9", "http://h/k%C3%A9/api/v1/query?a=b"),
        ] {
            let parsed = BaseUrl::parse(base).unwrap_or_else(|error| panic!("{base}: {error}"));
            let built = parsed.endpoint("/api/v1/query", Some("a=b")).expect("a valid URL");
            assert_eq!(built.to_string(), url, "{base}");
        }
    }

    #[test]
    fn a_query_string_in_the_base_url_is_kept_for_post_only() {
        let base = BaseUrl::parse("http://h/p?tenant=a&k=v").expect("valid");
        assert_eq!(base.endpoint("/e", None).expect("valid").to_string(), "http://h/p/e?tenant=a&k=v");
        assert_eq!(base.endpoint("/e", Some("q=1")).expect("valid").to_string(), "http://h/p/e?q=1");
        assert_eq!(base.shown(), "http://h/p");
    }

    #[test]
    fn user_information_becomes_basic_credentials_and_is_never_shown() {
        let base = BaseUrl::parse("https://me:p%40ss@h/p").expect("valid");
        assert_eq!(base.basic.as_ref().map(HeaderValue::as_bytes), Some("Basic bWU6cEBzcw==".as_bytes()));
        assert_eq!(base.shown(), "https://h/p");
        assert!(!format!("{:?}", base.basic).contains("bWU6"), "debug output hides the value");
        assert_eq!(base.endpoint("/e", None).expect("valid").to_string(), "https://h/p/e");
    }

    #[test]
    fn malformed_urls_are_refused_with_a_reason() {
        for (url, reason) in [
            ("::bad", "missing protocol scheme"),
            ("prometheus:9090", "missing protocol scheme"),
            ("ftp://h", "unsupported protocol scheme"),
            ("http://", "host"),
            ("http://:80/", "host"),
            ("http://a b/", "host"),
            ("http://h:99999/", "port"),
            ("http://h:/", "port"),
            ("http://h/%zz", "% escape"),
        ] {
            let error = BaseUrl::parse(url).map(|_| ()).expect_err(url);
            assert!(error.contains(reason), "{url}: {error}");
        }
    }

    #[test]
    fn parameters_are_encoded_as_a_form() {
        let text = form_encoded(&[("match[]", r#"{a=~"b c+é"}"#), ("start", "1.5")]);
        assert_eq!(text, "match%5B%5D=%7Ba%3D~%22b+c%2B%C3%A9%22%7D&start=1.5");
    }

    #[test]
    fn times_are_seconds_with_milliseconds() {
        for (seconds, text) in [
            (1795284096.78, "1795284096.78"),
            (1700000000.0, "1700000000"),
            (1.0004, "1"),
            (1700000000.9996, "1700000001"),
        ] {
            assert_eq!(unix_time(seconds), text);
        }
    }
}
