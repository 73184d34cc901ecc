//! Recorded cases of the original as surroundings for our program: configuration, flags, cluster and Prometheus.
//!
//! Not a comparison: what the original answered is not looked at here.
//!
//! **Invariant:** without the recordings a test says so and passes.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use plimsoll_testkit::fakes::Reply;
use plimsoll_testkit::fakes::caller::{Answer, Caller};
use plimsoll_testkit::fakes::kubernetes::failure;
use serde_json::{Value, json};

use crate::stand::{Stand, Surroundings};

/// A recorded case.
pub struct Case(pub Value);

/// All cases for which `wanted` holds; `None`, with a word about it, where there are no recordings.
pub fn cases(wanted: impl Fn(&Value) -> bool) -> Result<Option<Vec<Case>>> {
    let Some(text) = read("adapter_cases.jsonl")? else { return Ok(None) };
    let mut cases = Vec::new();
    for line in text.lines() {
        let case: Value = serde_json::from_str(line)?;
        if wanted(&case) {
            cases.push(Case(case));
        }
    }
    Ok(Some(cases))
}

/// The case called `id`.
pub fn case(id: &str) -> Result<Option<Case>> {
    let Some(mut found) = cases(|case| case["id"] == id)? else { return Ok(None) };
    ensure!(found.len() == 1, "{} cases are called {id}", found.len());
    Ok(found.pop())
}

fn read(name: &str) -> Result<Option<String>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/cases/adapter");
    let path = folder.join(name);
    if path.exists() {
        return Ok(Some(std::fs::read_to_string(&path)?));
    }
    #[expect(clippy::print_stderr, reason = "whoever runs the tests should know what was not tested")]
    {
        eprintln!("skipped: there are no recorded cases at {}", path.display());
    }
    Ok(None)
}

impl Case {
    pub fn id(&self) -> &str {
        self.0["id"].as_str().unwrap_or("?")
    }

    pub fn requests(&self) -> &[Value] {
        list(&self.0["requests"])
    }

    /// The surroundings of the case.
    pub async fn surroundings(&self) -> Result<Surroundings> {
        let case = &self.0;
        let around = Surroundings::new(case["config"].as_str().unwrap_or_default()).await?;
        for (name, text) in case["files"].as_object().into_iter().flatten() {
            std::fs::write(around.path(name), text.as_str().unwrap_or_default())?;
        }
        let fixtures: Value = serde_json::from_str(&read("fixtures.json")?.unwrap_or_default())?;
        let kube = &case["kube"];
        let types = if kube["apis"] == "default" { &fixtures["apis"]["default"] } else { &kube["apis"] };
        around.kubernetes.types(list(types).to_vec());
        around.kubernetes.objects(list(&kube["objects"]).iter().cloned());
        for error in list(&kube["errors"]) {
            let text = |key: &str| error[key].as_str().unwrap_or_default();
            let code = error["status"].as_u64().and_then(|code| u16::try_from(code).ok()).unwrap_or(500);
            around.kubernetes.at(text("path"), failure(code, text("reason"), text("message")));
        }
        for (selector, series) in case["series"].as_object().into_iter().flatten() {
            around.prometheus.series(selector, series);
        }
        for (selector, recorded) in case["series_errors"].as_object().into_iter().flatten() {
            around.prometheus.listing(selector, reply(recorded));
        }
        answer(&around, &case["answers"]);
        Ok(around.with_flags(list(&case["flags"]).iter().filter_map(Value::as_str)))
    }

    /// Starts the program in these surroundings.
    pub async fn serve(&self) -> Result<Stand> {
        self.surroundings().await?.serve().await
    }
}

impl Stand {
    /// Sends a recorded request, after telling Prometheus of the answers that belong to it.
    pub async fn send(&self, request: &Value) -> Result<Answer> {
        answer(&self.around, &request["answers"]);
        let caller = match &request["token"] {
            Value::Null if request.get("token").is_some() => Caller::anonymous(self.address)?,
            token => Caller::with_token(self.address, token.as_str().unwrap_or("admin"))?,
        };
        let headers = request["headers"].as_object().into_iter().flatten();
        let caller = headers.fold(caller, |caller, (name, value)| {
            caller.with_header(name, value.as_str().unwrap_or_default())
        });
        caller.get(request["path"].as_str().unwrap_or_default()).await
    }
}

fn answer(around: &Surroundings, answers: &Value) {
    for answer in list(answers) {
        around.prometheus.answer(answer["query"].as_str().unwrap_or_default(), reply(answer));
    }
}

fn reply(recorded: &Value) -> Reply {
    if recorded["close"] == true {
        return Reply::Hangup;
    }
    let status = recorded["status"].as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or(200);
    let content_type = recorded["content_type"].as_str();
    let empty = json!({"status": "success", "data": {"resultType": "vector", "result": []}});
    let whole = match recorded["text"].as_str() {
        Some(text) => {
            Reply::text(status, content_type.unwrap_or("text/plain; charset=utf-8"), text.to_owned())
        }
        None => {
            let body = recorded.get("body").unwrap_or(&empty).to_string();
            Reply::text(status, content_type.unwrap_or("application/json"), body)
        }
    };
    match recorded["delay_s"].as_f64() {
        Some(seconds) => Reply::Late(Duration::from_secs_f64(seconds), Box::new(whole)),
        None => whole,
    }
}

pub fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}
