//! Values of flags, read as pflag and Go read them.
//!
//! **Invariant:** an error says what is wrong and, after a line break, what to write.

use std::time::Duration;

use plimsoll_model::duration::{GoDurationError, parse_go};

use super::settings::SniCertificate;

/// `strconv.ParseBool`.
pub(super) fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("it is neither true nor false\nwrite true or false".to_owned()),
    }
}

/// A Go duration that is not negative.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let nanoseconds = parse_go(text).map_err(|error| match error {
        GoDurationError::MissingUnit { .. } => {
            format!("a duration needs a unit\nwrite {text}s for seconds or {text}m for minutes")
        }
        GoDurationError::UnknownUnit { unit, .. } => {
            format!("\"{unit}\" is no unit of a duration\nthe units are h, m, s, ms, us and ns, as in 1h30m")
        }
        GoDurationError::Invalid { .. } => {
            "it is no duration\nwrite numbers with units, as in 90s or 1h30m".to_owned()
        }
    })?;
    let nanoseconds = u64::try_from(nanoseconds)
        .map_err(|_| "a duration must not be negative\nremove the sign".to_owned())?;
    Ok(Duration::from_nanos(nanoseconds))
}

/// A whole number.
pub(super) fn integer(text: &str) -> Result<i64, String> {
    text.parse().map_err(|_| "it is no whole number\nwrite digits only".to_owned())
}

/// An IPv4 or IPv6 address.
pub(super) fn address(text: &str) -> Result<std::net::IpAddr, String> {
    text.parse()
        .map_err(|_| "it is no IP address\nwrite 0.0.0.0 or :: for all addresses of this host".to_owned())
}

/// pflag's `StringSlice`: one line of comma-separated values, quoted as in CSV.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CommaList(pub Vec<String>);

pub(super) fn comma_list(text: &str) -> Result<CommaList, String> {
    let mut values = Vec::new();
    let mut rest = text;
    if rest.is_empty() {
        return Ok(CommaList(values));
    }
    loop {
        let Some(quoted) = rest.strip_prefix('"') else {
            let (value, after) =
                rest.split_once(',').map_or((rest, None), |(value, after)| (value, Some(after)));
            if value.contains('"') {
                return Err(
                    "a double quote stands inside a value\nquote whole values, as in '\"a,b\",c'".to_owned()
                );
            }
            values.push(value.to_owned());
            match after {
                Some(after) => rest = after,
                None => return Ok(CommaList(values)),
            }
            continue;
        };
        let mut value = String::new();
        let mut characters = quoted.char_indices().peekable();
        let end = loop {
            match characters.next() {
                None => {
                    return Err("a double quote is not closed\nadd it, or remove the first one".to_owned());
                }
                Some((_, '"')) if characters.next_if(|(_, next)| *next == '"').is_some() => value.push('"'),
                Some((offset, '"')) => break offset,
                Some((_, character)) => value.push(character),
            }
        };
        values.push(value);
        rest = &quoted[end + 1..];
        match rest.strip_prefix(',') {
            Some(after) => rest = after,
            None if rest.is_empty() => return Ok(CommaList(values)),
            None => return Err("text follows a closing double quote\nput a comma after it".to_owned()),
        }
    }
}

/// A moment in milliseconds since 1970: Unix seconds, also with a fraction, or RFC 3339.
pub(super) fn moment(text: &str) -> Result<i64, String> {
    if let Ok(seconds) = text.parse::<f64>() {
        // As far as jiff and Prometheus go: some thousand years.
        if seconds.is_finite() && seconds.abs() < 250_000_000_000.0 {
            return Ok((seconds * 1000.0).round() as i64);
        }
        return Err("no such time can be handled\nwrite Unix seconds, as in 1700000000".to_owned());
    }
    text.parse::<jiff::Timestamp>().map(jiff::Timestamp::as_millisecond).map_err(|_| {
        "it is no time\nwrite Unix seconds, as in 1700000000, or RFC 3339, as in 2023-11-14T22:13:20Z"
            .to_owned()
    })
}

/// A distance of times in milliseconds, over 0: seconds, or a duration as Prometheus writes it.
pub(super) fn step(text: &str) -> Result<i64, String> {
    let milliseconds = match text.parse::<f64>() {
        Ok(seconds) => seconds * 1000.0,
        Err(_) => match plimsoll_model::duration::parse_prometheus(text) {
            Ok(duration) => duration.as_millis() as f64,
            Err(_) => {
                return Err(
                    "it is no duration\nwrite seconds, as in 15, or a duration, as in 30s or 1m".to_owned()
                );
            }
        },
    };
    if (1.0..1e15).contains(&milliseconds) {
        Ok(milliseconds as i64)
    } else {
        Err("a step is at least a millisecond\nwrite seconds, as in 15, or a duration, as in 30s or 1m"
            .to_owned())
    }
}

/// `NAME=VALUE`, split at the first `=`; without one, the value is empty.
pub(super) fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(
            "the part before = is no name of a header\nwrite NAME=VALUE, as in X-Scope-OrgID=team".to_owned()
        );
    }
    if value.chars().any(|character| character.is_control() && character != '\t') {
        return Err("the value of a header must not hold control characters\nremove line breaks".to_owned());
    }
    Ok((name.to_owned(), value.to_owned()))
}

/// `CERTIFICATE,KEY` or `CERTIFICATE,KEY:NAME,NAME`.
pub(super) fn sni_certificate(text: &str) -> Result<SniCertificate, String> {
    let wrong = |what: &str| Err(format!("{what}\nwrite CERTIFICATE,KEY or CERTIFICATE,KEY:NAME,NAME"));
    let (files, names) = match text.split_once(':') {
        Some((_, names)) if names.trim().is_empty() => return wrong("no names follow the colon"),
        Some((files, names)) => {
            (files, names.split(',').map(|name| name.trim().to_ascii_lowercase()).collect())
        }
        None => (text, Vec::new()),
    };
    let files: Vec<&str> = files.split(',').map(str::trim).collect();
    let [certificate, key] = files[..] else {
        return wrong("it must name exactly one certificate file and one key file");
    };
    if certificate.is_empty() || key.is_empty() {
        return wrong("the certificate file or the key file has no name");
    }
    Ok(SniCertificate { certificate: certificate.into(), key: key.into(), names })
}

/// An absolute HTTP URL with a host.
pub(super) fn url(text: &str) -> Result<String, String> {
    let lower = text.to_ascii_lowercase();
    let rest = lower.strip_prefix("http://").or_else(|| lower.strip_prefix("https://"));
    let Some(rest) = rest else {
        let bare = text.split('/').next().unwrap_or_default();
        let is_host = !bare.is_empty() && !bare.starts_with(':') && !text.contains("://");
        let fix = if is_host { format!("http://{text}") } else { "http://HOST:PORT".to_owned() };
        return Err(format!("a URL must begin with http:// or https://\nwrite {fix}"));
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if host.is_empty() || host.starts_with(':') {
        return Err("the URL has no host\nwrite http://HOST:PORT".to_owned());
    }
    let port = host.rsplit_once(':').filter(|(name, _)| !name.starts_with('[') || name.ends_with(']'));
    if let Some((_, port)) = port.filter(|(_, port)| port.parse::<u16>().is_err()) {
        return Err(format!("\"{port}\" is no port\nwrite a number up to 65535 after the colon"));
    }
    if text.chars().any(|character| character.is_whitespace() || character.is_control()) {
        return Err("a URL must not hold white space\nwrite %20 for a space".to_owned());
    }
    Ok(text.to_owned())
}
