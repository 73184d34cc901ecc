//! How long a request may take: the server's limit, or less if the client says so.
//!
//! Follows apiserver `endpoints/filters/request_deadline.go`; durations are read as Go's `time.ParseDuration`.
//!
//! **Invariant:** no client can get more time than the server's limit.

use std::time::Duration;

use plimsoll_model::duration;

use crate::query;
use crate::status::Status;

/// The time for a request with this query.
pub(crate) fn of_request(raw_query: &str, limit: Duration) -> Result<Duration, Status> {
    match query::first(raw_query, "timeout") {
        Some(value) if !value.is_empty() => match duration::parse_go(&value) {
            // Zero and negative durations express no wish.
            Ok(wish) if wish > 0 => Ok(limit.min(Duration::from_nanos(wish.unsigned_abs()))),
            Ok(_) => Ok(limit),
            Err(error) => {
                Err(Status::bad_request(format!("invalid timeout specified in the request URL - {error}")))
            }
        },
        _ => Ok(limit),
    }
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
            ("timeout=1.2.3s", "time: missing unit in duration \"1.2.3s\""),
            ("timeout=9999999h", "time: invalid duration \"9999999h\""),
        ] {
            let message = format!("invalid timeout specified in the request URL - {reason}");
            assert_eq!(of_request(raw, LIMIT).unwrap_err().message, message);
        }
    }
}
