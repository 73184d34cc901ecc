//! `resourceRules` tried on the series of a file: the queries for pods and nodes, and what they give.
//!
//! Not the answers of the API, which join both resources by container: one query and its samples each.
//!
//! **Invariant:** pods and nodes are those that series of the file name in the mapped labels.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_adapter::backend::{BackendError, QueryResult};
use plimsoll_adapter::mapper::RestMapper;
use plimsoll_adapter::rules::query::{Query, QueryError};
use plimsoll_adapter::rules::resource::ResourceRule;
use plimsoll_model::quantity::Milli;

use super::engine::Engine;
use super::observed::{Answer, MOST_NAMESPACES, MOST_OBJECTS, Of, Valued};

/// The queries of one resource and what they give.
pub(super) fn ask(engine: &Engine, mapper: &RestMapper, rule: &ResourceRule) -> Vec<Answer> {
    let labels = rule.labels(mapper);
    let mut pods: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut nodes: BTreeSet<String> = BTreeSet::new();
    for series in engine.file.series() {
        let value = |label: &Option<Box<str>>| label.as_deref().map(|label| series.get(label).to_owned());
        if let (Some(pod), Some(namespace)) = (value(&labels.pod), value(&labels.namespace))
            && !pod.is_empty()
            && !namespace.is_empty()
        {
            pods.entry(namespace).or_default().insert(pod);
        }
        nodes.extend(value(&labels.node).filter(|node| !node.is_empty()));
    }
    let mut answers = Vec::new();
    for (namespace, names) in pods.iter().take(MOST_NAMESPACES) {
        let listed: Vec<&str> = names.iter().take(MOST_OBJECTS).map(String::as_str).collect();
        let query = rule.container_query(&labels, namespace, &listed);
        let more = names.len() - listed.len();
        answers.push(answer(engine, "containers", "pods", Some(namespace), query, more));
    }
    if !nodes.is_empty() {
        let listed: Vec<&str> = nodes.iter().take(MOST_OBJECTS).map(String::as_str).collect();
        let query = rule.node_query(&labels, &listed);
        answers.push(answer(engine, "nodes", "nodes", None, query, nodes.len() - listed.len()));
    }
    answers
}

fn answer(
    engine: &Engine,
    name: &str,
    resource: &str,
    namespace: Option<&str>,
    query: Result<Query, QueryError>,
    more: usize,
) -> Answer {
    let mut answer = Answer {
        metric: name.to_owned(),
        series: String::new(),
        resource: Some(resource.to_owned()),
        namespace: namespace.map(str::to_owned),
        query: None,
        values: Vec::new(),
        why: None,
        more,
    };
    match query {
        Err(error) => answer.why = Some(error.to_string()),
        Ok(query) => {
            match engine.answer(&query.text) {
                Ok(QueryResult::Vector(samples)) => {
                    for sample in samples.into_iter().take(MOST_OBJECTS) {
                        let Some(Ok(value)) = sample.value.map(Milli::from_f64) else { continue };
                        let labels =
                            sample.labels.into_iter().map(|(name, value)| (name.into(), value.into()));
                        answer
                            .values
                            .push(Valued { of: Of::Labels(labels.collect()), value: value.to_string() });
                    }
                    if answer.values.is_empty() {
                        answer.why = Some("the query gives no sample".to_owned());
                    }
                }
                Ok(_) => answer.why = Some("the query gives no list of samples".to_owned()),
                Err(BackendError::Rejected { message, .. }) => answer.why = Some(message),
                Err(error) => answer.why = Some(error.to_string()),
            }
            answer.query = Some(query.text);
        }
    }
    answer
}
