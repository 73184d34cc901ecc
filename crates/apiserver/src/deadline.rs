//! How long a request may take: the server's limit, or less if the client says so.
//!
//! Follows apiserver `endpoints/filters/request_deadline.go`; durations are read as Go's `time.ParseDuration`.
//!
//! **Invariant:** no client can get more time than the server's limit.

use std::time::Duration;

use plimsoll_model::quote::quote;

use crate::query;
use crate::status::Status;

/// The time for a request with this query.
pub(crate) fn of_request(raw_query: &str, limit: Duration) -> Result<Duration, Status> {
    match query::first(raw_query, "timeout") {
        Some(value) if !value.is_empty() => match go_duration(&value) {
            // Zero and negative durations express no wish.
            Ok(wish) if wish > 0.0 => Ok(limit.min(Duration::try_from_secs_f64(wish).unwrap_or(limit))),
            Ok(_) => Ok(limit),
            Err(reason) => {
                Err(Status::bad_request(format!("invalid timeout specified in the request URL - {reason}")))
            }
        },
        _ => Ok(limit),
    }
}

/// Seconds, or Go's text of the error.
fn go_duration(text: &str) -> Result<f64, String> {
    let invalid = || format!("time: invalid duration {}", quote(text.as_bytes()));
    let negative = text.starts_with('-');
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    if rest == "0" {
        return Ok(0.0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number = &rest[..number_end];
        if !number.bytes().any(|byte| byte.is_ascii_digit()) || number.matches('.').count() > 1 {
            return Err(invalid());
        }
        let value: f64 = number.trim_end_matches('.').parse().map_err(|_| invalid())?;
        rest = &rest[number_end..];
        let unit_end = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let unit = &rest[..unit_end];
        rest = &rest[unit_end..];
        seconds += value
            * match unit {
                "ns" => 1e-9,
                "us" | "\u{b5}s" | "\u{3bc}s" => 1e-6,
                "ms" => 1e-3,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3600.0,
                "" => return Err(format!("time: missing unit in duration {}", quote(text.as_bytes()))),
                other => {
                    let (unit, text) = (quote(other.as_bytes()), quote(text.as_bytes()));
                    return Err(format!("time: unknown unit {unit} in duration {text}"));
                }
            };
    }
    // Go counts nanoseconds in 64 bits.
    if seconds > 9_223_372_036.0 {
        return Err(invalid());
    }
    Ok(if negative { -seconds } else { seconds })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    #[test]
    fn a_client_may_ask_for_less_time_but_not_for_more() {
        for (raw, millis) in [
            ("", 60_000),
            ("timeout=", 60_000),
            ("timeout=5s", 5_000),
            ("timeout=1m30s", 60_000),
            ("timeout=1.5s", 1_500),
            ("timeout=300ms&timeout=1s", 300),
            ("timeout=0", 60_000),
            ("timeout=0s", 60_000),
            ("timeout=-5s", 60_000),
            ("timeout=1000000h", 60_000),
        ] {
            assert_eq!(of_request(raw, LIMIT), Ok(Duration::from_millis(millis)), "{raw}");
        }
    }

    #[test]
    fn a_timeout_that_is_no_duration_is_refused_in_go_s_words() {
        for (raw, reason) in [
            ("timeout=abc", "time: invalid duration \"abc\""),
            ("timeout=5", "time: missing unit in duration \"5\""),
            ("timeout=5d", "time: unknown unit \"d\" in duration \"5d\""),
            ("timeout=1.2.3s", "time: invalid duration \"1.2.3s\""),
            ("timeout=9999999h", "time: invalid duration \"9999999h\""),
        ] {
            let message = format!("invalid timeout specified in the request URL - {reason}");
            assert_eq!(of_request(raw, LIMIT).unwrap_err().message, message);
        }
    }
}
