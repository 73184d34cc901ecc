//! A Prometheus that knows every answer beforehand, and counts the questions.
//!
//! **Invariant:** an answer holds a sample for exactly the pods that the query names.

use std::{
    collections::HashMap,
    fmt::Write as _,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;

use super::http::{Handler, Reply, Request};

/// How many series it lists, in how many metrics.
#[derive(Debug, Clone, Copy)]
pub struct Inventory {
    /// Distinct metric names.
    pub metrics: usize,
    /// Series of each.
    pub series: usize,
}

/// The stub.
pub struct Prometheus {
    inventory: Inventory,
    queries: AtomicU64,
    /// Answers by the query as it came.
    known: Mutex<HashMap<Box<[u8]>, Bytes>>,
}

impl Prometheus {
    /// One that lists `inventory`.
    pub fn new(inventory: Inventory) -> Arc<Self> {
        Arc::new(Self { inventory, queries: AtomicU64::new(0), known: Mutex::default() })
    }

    /// Instant queries so far.
    pub fn queries(&self) -> u64 {
        self.queries.load(Ordering::Relaxed)
    }
}

impl Handler for Prometheus {
    fn answer(&self, request: &Request<'_>) -> Reply {
        let (path, query) = request.target.split_once('?').unwrap_or((request.target, ""));
        match path {
            "/api/v1/query" => {
                self.queries.fetch_add(1, Ordering::Relaxed);
                let form = if request.body.is_empty() { query.as_bytes() } else { request.body };
                let asked = form
                    .split(|byte| *byte == b'&')
                    .find_map(|pair| pair.strip_prefix(b"query="))
                    .unwrap_or_default();
                let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(answer) = known.get(asked) {
                    return Reply::Whole(answer.clone());
                }
                let reply = Reply::json(vector(&decoded(asked)).as_bytes());
                if let Reply::Whole(whole) = &reply {
                    known.insert(asked.into(), whole.clone());
                }
                reply
            }
            "/api/v1/series" => Reply::Pieces(Box::new(series(self.inventory))),
            _ => Reply::missing(),
        }
    }
}

/// The pods of the query's matcher, each with a value.
fn vector(query: &str) -> String {
    let mut text = String::from(r#"{"status":"success","data":{"resultType":"vector","result":["#);
    let names = query.split_once("pod=").map_or("", |(_, rest)| {
        rest.trim_start_matches('~').trim_start_matches('"').split('"').next().unwrap_or_default()
    });
    for (at, pod) in names.split('|').enumerate() {
        let comma = if at == 0 { "" } else { "," };
        // Writing to a String cannot fail.
        let _ =
            write!(text, r#"{comma}{{"metric":{{"pod":"{pod}"}},"value":[1795632000.781,"{}.25"]}}"#, at + 1);
    }
    text.push_str("]}}");
    text
}

/// A listing in pieces of about 64 kB: twelve labels each, among them the objects that they belong to.
fn series(inventory: Inventory) -> impl Iterator<Item = Vec<u8>> + Send {
    const PIECE: usize = 200;
    let total = inventory.metrics * inventory.series;
    (0..total.div_ceil(PIECE)).map(move |piece| {
        let first = piece * PIECE;
        let last = (first + PIECE).min(total);
        let mut text = String::with_capacity(80_000);
        if first == 0 {
            text.push_str(r#"{"status":"success","data":["#);
        }
        for n in first..last {
            let (metric, one) = (n / inventory.series, n % inventory.series);
            let comma = if n == 0 { "" } else { "," };
            let _ = write!(
                text,
                r#"{comma}{{"__name__":"app_metric_{metric}_total","namespace":"team-{}","pod":"web-7d4b9c6f58-{one:05}","service":"web","node":"node-{}","container":"app","endpoint":"http","instance":"10.244.{}.{}:8080","job":"web","code":"200","method":"GET","version":"v1.2.3"}}"#,
                one % 20,
                one % 50,
                one / 250,
                one % 250,
            );
        }
        if last == total {
            text.push_str("]}");
        }
        text.into_bytes()
    })
}

fn decoded(text: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(&byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || rest.next().and_then(|digit| char::from(*digit).to_digit(16)).unwrap_or(0);
                (digit() * 16 + digit()) as u8
            }
            byte => byte,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_a_sample_for_each_pod_that_the_query_names() {
        let query = decoded(b"sum%28x%7Bnamespace%3D%22n%22%2Cpod%3D~%22a%7Cb%22%7D%29+by+%28pod%29");
        assert_eq!(query, r#"sum(x{namespace="n",pod=~"a|b"}) by (pod)"#);
        let answer: serde_json::Value = serde_json::from_str(&vector(&query)).expect("JSON");
        let result = answer["data"]["result"].as_array().expect("a vector");
        assert_eq!(result.len(), 2);
        assert_eq!(result[1]["metric"]["pod"], "b");
    }

    #[test]
    fn a_listing_is_one_document_of_all_series() {
        let pieces: Vec<u8> = series(Inventory { metrics: 3, series: 250 }).flatten().collect();
        let answer: serde_json::Value = serde_json::from_slice(&pieces).expect("JSON");
        let data = answer["data"].as_array().expect("series");
        assert_eq!(data.len(), 750);
        assert!(data.iter().all(|series| series.as_object().is_some_and(|labels| labels.len() == 12)));
    }
}
