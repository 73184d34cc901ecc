//! A Prometheus that knows the series and answers that a test tells it.
//!
//! **Invariant:** what it was not told about does not exist: no series, and empty vectors.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::Result;
use serde_json::{Value, json};

use super::listener::{self, Asked, Reply};

/// A server under way.
#[derive(Debug, Clone)]
pub struct Prometheus {
    /// `http://` and host:port.
    pub url: String,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    series: HashMap<String, Reply>,
    answers: HashMap<String, Reply>,
    everything: Option<Reply>,
    asked: Vec<Asked>,
}

impl Prometheus {
    /// Starts a server without series.
    ///
    /// # Errors
    /// No port is free.
    pub async fn start() -> Result<Self> {
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let address = listener::serve(move |asked| {
            let reply = reply(&shared, asked);
            async move { reply }
        })
        .await?;
        Ok(Self { url: format!("http://{address}"), state })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The series that match `selector` from now on, as objects of labels.
    pub fn series(&self, selector: &str, series: &Value) {
        self.listing(selector, Reply::json(200, &json!({"status": "success", "data": series})));
    }

    /// How `selector` is listed from now on.
    pub fn listing(&self, selector: &str, reply: Reply) {
        self.state().series.insert(selector.to_owned(), reply);
    }

    /// A vector as the answer to `query`: labels and a value as text each.
    pub fn vector(&self, query: &str, samples: &[(Value, &str)]) {
        let result: Vec<Value> = samples
            .iter()
            .map(|(labels, value)| json!({"metric": labels, "value": [1_700_000_000, value]}))
            .collect();
        let data = json!({"resultType": "vector", "result": result});
        self.answer(query, Reply::json(200, &json!({"status": "success", "data": data})));
    }

    /// The answer to `query` from now on. Names joined by `|` may come in any order.
    pub fn answer(&self, query: &str, reply: Reply) {
        self.state().answers.insert(in_order(query), reply);
    }

    /// The answer to whatever is asked, until it is `None` again.
    pub fn everything(&self, reply: Option<Reply>) {
        self.state().everything = reply;
    }

    /// Everything asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.state().asked.clone()
    }

    /// The queries so far, listings left out.
    pub fn queries(&self) -> Vec<String> {
        let asked = self.asked();
        asked
            .iter()
            .filter(|asked| asked.path.ends_with("/query"))
            .filter_map(|a| a.parameter("query"))
            .collect()
    }

    /// The selectors listed so far, one entry for each time.
    pub fn listed(&self) -> Vec<String> {
        let asked = self.asked();
        asked
            .iter()
            .filter(|asked| asked.path.ends_with("/series"))
            .filter_map(|asked| asked.parameter("match[]"))
            .collect()
    }
}

fn reply(state: &Mutex<State>, asked: Asked) -> Reply {
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    let known = if let Some(reply) = &state.everything {
        Some(reply.clone())
    } else if asked.path.ends_with("/api/v1/series") {
        let selector = asked.parameter("match[]").unwrap_or_default();
        let none = || Reply::json(200, &json!({"status": "success", "data": []}));
        Some(state.series.get(&selector).cloned().unwrap_or_else(none))
    } else if asked.path.ends_with("/api/v1/query") {
        let query = in_order(&asked.parameter("query").unwrap_or_default());
        let data = json!({"resultType": "vector", "result": []});
        let none = || Reply::json(200, &json!({"status": "success", "data": data}));
        Some(state.answers.get(&query).cloned().unwrap_or_else(none))
    } else {
        None
    };
    state.asked.push(asked);
    known.unwrap_or_else(|| Reply::text(404, "text/plain", "404 page not found\n"))
}

/// The query with the names of each `=~"b|a"` sorted.
fn in_order(query: &str) -> String {
    let mut parts = query.split("=~\"");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (names, rest) = part.split_once('"').unwrap_or((part, ""));
        let mut names: Vec<&str> = names.split('|').collect();
        names.sort_unstable();
        text.push_str("=~\"");
        text.push_str(&names.join("|"));
        text.push('"');
        text.push_str(rest);
    }
    text
}
