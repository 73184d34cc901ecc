//! A small cluster and a Prometheus that answer what a test says.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use plimsoll_adapter::answers::custom::{CustomAnswer, CustomError, CustomRequest, Target};
use plimsoll_adapter::answers::external::{ExternalAnswer, ExternalError, ExternalRequest};
use plimsoll_adapter::backend::{Backend, BackendError, QueryResult, Sample, SeriesShape};
use plimsoll_adapter::cluster::{ApiResource, ListError, ObjectMeta, Objects, Scope};
use plimsoll_adapter::config::Config;
use plimsoll_adapter::relist::RelistSettings;
use plimsoll_adapter::rules::RuleSet;
use plimsoll_adapter::service::Adapter;
use plimsoll_model::selector::Selector;
use tokio::sync::watch;
use tokio::time::timeout;

/// The moment at which every request is made, Unix seconds.
pub const NOW: f64 = 1_700_000_000.0;

/// How long a test waits for something that must happen.
const PATIENCE: Duration = Duration::from_secs(300);

/// A Prometheus that answers what it is told, and remembers what it was asked.
#[derive(Default)]
pub struct Prometheus {
    pub series: Mutex<HashMap<String, Result<Vec<SeriesShape>, BackendError>>>,
    pub answers: Mutex<HashMap<String, Result<QueryResult, BackendError>>>,
    pub queries: Mutex<Vec<String>>,
    pub listed: watch::Sender<usize>,
}

#[async_trait]
impl Backend for Prometheus {
    async fn query(&self, query: &str, _: f64, _: Duration) -> Result<QueryResult, BackendError> {
        self.queries.lock().unwrap().push(query.to_owned());
        self.answers.lock().unwrap().get(query).cloned().unwrap_or_else(|| Ok(QueryResult::Vector(vec![])))
    }

    async fn series(&self, selector: &str, _: f64, _: f64) -> Result<Vec<SeriesShape>, BackendError> {
        let answer = self.series.lock().unwrap().get(selector).cloned();
        self.listed.send_modify(|count| *count += 1);
        match answer {
            Some(answer) => answer,
            None if selector.starts_with("hang") => std::future::pending().await,
            None => Ok(vec![]),
        }
    }

    fn describe(&self) -> String {
        "http://prometheus.test".to_owned()
    }
}

/// The objects of the cluster.
#[derive(Default)]
pub struct Inventory {
    /// (plural, namespace, name, labels)
    pub objects: Mutex<Vec<(&'static str, &'static str, &'static str, &'static str)>>,
}

#[async_trait]
impl Objects for Inventory {
    async fn list(
        &self,
        resource: &ApiResource,
        scope: Scope<'_>,
        selector: &Selector,
    ) -> Result<Vec<Arc<ObjectMeta>>, ListError> {
        if resource.plural == "secrets" {
            return Err(ListError::Refused {
                code: 403,
                reason: "Forbidden".to_owned(),
                message: "secrets is forbidden".to_owned(),
            });
        }
        let objects = self.objects.lock().unwrap();
        Ok(objects
            .iter()
            .filter(|(plural, namespace, ..)| {
                *plural == resource.plural && scope.namespace.is_none_or(|wanted| wanted == *namespace)
            })
            .map(|(_, namespace, name, labels)| {
                let labels = labels
                    .split(',')
                    .filter_map(|label| label.split_once('='))
                    .map(|(key, value)| (key.into(), value.into()))
                    .collect();
                Arc::new(ObjectMeta { namespace: (*namespace).into(), name: (*name).into(), labels })
            })
            .filter(|object| {
                selector.matches(|key| {
                    object.labels.iter().find(|(name, _)| **name == *key).map(|(_, value)| &**value)
                })
            })
            .collect())
    }
}

/// An adapter with its surroundings.
pub struct World {
    pub adapter: Arc<Adapter>,
    pub prometheus: Arc<Prometheus>,
    pub inventory: Arc<Inventory>,
    pub resources: watch::Sender<Arc<Vec<ApiResource>>>,
    pub rules: watch::Sender<Arc<RuleSet>>,
    /// Whether requests are made for someone who reads reasons.
    pub explain: bool,
}

pub fn rules(config: &str) -> Arc<RuleSet> {
    let loaded = Config::parse(config).unwrap_or_else(|error| panic!("{error}"));
    Arc::new(RuleSet::compile(&loaded).unwrap_or_else(|error| panic!("{error}")))
}

/// `name{label,label}`.
pub fn shape(text: &str) -> SeriesShape {
    let (name, labels) = text.strip_suffix('}').and_then(|text| text.split_once('{')).unwrap_or((text, ""));
    let mut labels: Vec<Box<str>> =
        labels.split(',').filter(|label| !label.is_empty()).map(Into::into).collect();
    labels.sort();
    SeriesShape { name: name.into(), labels: labels.into() }
}

/// `(label=value,…, value)` at the time of the request.
pub fn vector(samples: &[(&str, f64)]) -> QueryResult {
    QueryResult::Vector(
        samples
            .iter()
            .map(|(labels, value)| Sample {
                labels: labels
                    .split(',')
                    .filter_map(|label| label.split_once('='))
                    .map(|(name, value)| (name.into(), value.into()))
                    .collect(),
                time: NOW,
                value: Some(*value),
            })
            .collect(),
    )
}

pub fn resource(group: &str, plural: &str, kind: &str, namespaced: bool) -> ApiResource {
    ApiResource {
        group: group.into(),
        version: "v1".into(),
        plural: plural.into(),
        singular: kind.to_ascii_lowercase(),
        kind: kind.into(),
        namespaced,
        short_names: vec![],
    }
}

/// What every cluster of these tests serves.
pub fn cluster() -> Vec<ApiResource> {
    vec![
        resource("", "namespaces", "Namespace", false),
        resource("", "nodes", "Node", false),
        resource("", "pods", "Pod", true),
        resource("", "secrets", "Secret", true),
        resource("", "services", "Service", true),
        resource("apps", "deployments", "Deployment", true),
        resource("cheese.io", "brands", "Brand", false),
    ]
}

impl World {
    /// Starts an adapter with `config`; `series` are (selector, shapes). Two pods exist: `web-1` and `web-2`.
    pub async fn start(config: &str, series: &[(&str, &[&str])]) -> Self {
        let world = Self::start_unlisted(config, series);
        world.wait("every selector has been listed", |world| world.adapter.state().discovered()).await;
        world
    }

    /// As [`Self::start`], without waiting for the first listing.
    pub fn start_unlisted(config: &str, series: &[(&str, &[&str])]) -> Self {
        let prometheus = Arc::new(Prometheus::default());
        for (selector, shapes) in series {
            prometheus.set_series(selector, shapes);
        }
        let inventory = Arc::new(Inventory::default());
        inventory.objects.lock().unwrap().extend([
            ("pods", "default", "web-1", "app=web"),
            ("pods", "default", "web-2", "app=web,tier=canary"),
            ("nodes", "", "n1", ""),
        ]);
        let compiled = rules(config);
        let relist = RelistSettings {
            interval: Duration::from_secs(60),
            max_age: Duration::from_secs(60),
            limit: Duration::from_secs(10),
        };
        let adapter = Arc::new(Adapter::new(
            Arc::clone(&compiled),
            Arc::clone(&prometheus) as Arc<dyn Backend>,
            Arc::clone(&inventory) as Arc<dyn Objects>,
            relist,
        ));
        let (rules, follow_rules) = watch::channel(compiled);
        let (resources, follow_resources) = watch::channel(Arc::new(cluster()));
        let running = Arc::clone(&adapter);
        tokio::spawn(async move { running.run(follow_rules, follow_resources, || NOW).await });
        Self { adapter, prometheus, inventory, resources, rules, explain: false }
    }

    /// Waits until `condition` holds after some change of the adapter's state.
    pub async fn wait(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        let mut changes = self.adapter.subscribe();
        let held = timeout(PATIENCE, async {
            while !condition(self) {
                changes.changed().await.expect("the adapter runs");
            }
        });
        held.await.unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"));
    }

    pub async fn custom(
        &self,
        resource: &str,
        name: &str,
        metric: &str,
    ) -> Result<CustomAnswer, CustomError> {
        self.custom_with(Some("default"), resource, name, metric, "", "").await
    }

    pub async fn custom_with(
        &self,
        namespace: Option<&str>,
        resource: &str,
        name: &str,
        metric: &str,
        objects: &str,
        series: &str,
    ) -> Result<CustomAnswer, CustomError> {
        let parse = |text| Selector::parse(text).expect("a selector");
        let request = CustomRequest {
            resource,
            namespace,
            target: if name == "*" { Target::All } else { Target::One { name, raw: name.as_bytes() } },
            metric,
            objects: &parse(objects),
            series: &parse(series),
            at: NOW,
            limit: Duration::from_secs(5),
            explain: self.explain,
        };
        self.adapter.custom(&request).await
    }

    pub async fn external(&self, metric: &str, selector: &str) -> Result<ExternalAnswer, ExternalError> {
        let request = ExternalRequest {
            namespace: "default",
            metric,
            selector: &Selector::parse(selector).expect("a selector"),
            at: NOW,
            limit: Duration::from_secs(5),
            explain: self.explain,
        };
        self.adapter.external(&request).await
    }
}

impl Prometheus {
    pub fn set_series(&self, selector: &str, shapes: &[&str]) {
        let shapes = shapes.iter().map(|text| shape(text)).collect();
        self.series.lock().unwrap().insert(selector.to_owned(), Ok(shapes));
    }

    pub fn answer(&self, query: &str, result: QueryResult) {
        self.answers.lock().unwrap().insert(query.to_owned(), Ok(result));
    }

    pub fn fail(&self, query: &str, error: BackendError) {
        self.answers.lock().unwrap().insert(query.to_owned(), Err(error));
    }

    /// The queries since the last call.
    pub fn take_queries(&self) -> Vec<String> {
        std::mem::take(&mut self.queries.lock().unwrap())
    }
}

/// `name=value,…` of an answer.
pub fn shown(answer: &CustomAnswer) -> String {
    answer
        .values
        .iter()
        .map(|(object, value)| format!("{}={value}", object.name()))
        .collect::<Vec<_>>()
        .join(",")
}

/// The reason behind a missing metric.
pub fn why(error: CustomError) -> String {
    match error {
        CustomError::NotFound { why, .. } => why.to_string(),
        other => panic!("not found was expected, got {other:?}"),
    }
}
