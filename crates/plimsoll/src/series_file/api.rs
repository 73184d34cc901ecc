//! The answer of `/api/v1/series`, or the list inside of it.
//!
//! **Invariant:** its series have no values; none is made up.

use std::collections::BTreeMap;

use plimsoll_model::labels::Labels;
use plimsoll_promql::promqltest::MemorySource;
use serde::Deserialize;

use super::{Form, SeriesError, SeriesFile};

#[derive(Deserialize)]
#[serde(untagged)]
enum Answer {
    List(Vec<BTreeMap<String, String>>),
    Whole(Whole),
}

#[derive(Deserialize)]
struct Whole {
    status: Option<String>,
    data: Option<serde_json::Value>,
    error: Option<String>,
}

pub(super) fn read(text: &str) -> Result<SeriesFile, SeriesError> {
    let refused = |message: &str, fix: &str| SeriesError::new(1, 1, message, fix);
    // Untagged types lose the place of a mistake in the syntax.
    let value: serde_json::Value = serde_json::from_str(text).map_err(|error| {
        let message = format!("the file is no JSON: {}", without_place(&error.to_string()));
        SeriesError::new(error.line(), error.column(), &message, "give the answer of the server as it came")
    })?;
    let shape = "{\"status\": \"success\", \"data\": [{\"__name__\": \"up\", \"job\": \"a\"}]}";
    let answer: Answer = serde_json::from_value(value)
        .map_err(|_| refused("the file is JSON, but no list of series", shape))?;
    let list = match answer {
        Answer::List(list) => list,
        Answer::Whole(Whole { status: Some(status), error, .. }) if status != "success" => {
            let message = format!("the answer is no success: {}", error.unwrap_or(status));
            return Err(refused(&message, "ask again: GET /api/v1/series?match[]=SELECTOR"));
        }
        Answer::Whole(Whole { data: Some(data), .. }) => serde_json::from_value(data).map_err(|_| {
            refused(
                "`data` is no list of series: an answer of /api/v1/query has other members",
                "give the answer of /api/v1/series?match[]=SELECTOR",
            )
        })?,
        Answer::Whole(_) => return Err(refused("the answer has no `data`", shape)),
    };
    let mut source = MemorySource::new();
    for series in &list {
        source.append(&Labels::from_pairs(series), 0, 0.0);
    }
    Ok(SeriesFile { source, form: Form::Api, latest: None, unstamped: false, notes: Vec::new() })
}

/// The message without `at line 1 column 2`, which is said in another form.
fn without_place(message: &str) -> &str {
    message.rfind(" at line ").map_or(message, |at| &message[..at])
}
