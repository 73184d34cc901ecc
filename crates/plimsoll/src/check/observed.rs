//! The rules tried on the series of a file: what they serve, which queries that takes, and what comes out.
//!
//! Answers are made by the adapter, as for requests for all objects of a type.
//!
//! **Invariant:** per metric, a bounded number of namespaces and objects is asked for; the rest is counted.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use plimsoll_adapter::answers::Queries;
use plimsoll_adapter::answers::custom::{self, CustomError, CustomRequest, FetchError, Target};
use plimsoll_adapter::answers::external::{self, ExternalError, ExternalFetchError, ExternalRequest};
use plimsoll_adapter::backend::{BackendError, SeriesShape};
use plimsoll_adapter::catalogue::{Catalogue, CustomEntry, ExternalEntry, ExternalMatch};
use plimsoll_adapter::config::{Code, Finding, Place, Section};
use plimsoll_adapter::mapper::RestMapper;
use plimsoll_adapter::rules::{Rule, RuleSet};
use plimsoll_model::labels::{Labels, METRIC_NAME};
use plimsoll_model::selector::Selector;
use plimsoll_promql::eval::Query;

use super::engine::{Engine, Named, shapes};
use super::{kubernetes, usage};
use crate::promql::eval::needs_two_samples;

/// Most namespaces that a metric is asked for in.
pub(super) const MOST_NAMESPACES: usize = 3;

/// Most objects of a namespace that a metric is asked for.
pub(super) const MOST_OBJECTS: usize = 10;

/// Most metrics of a rule that are asked for, counted by type.
const MOST_METRICS: usize = 100;

/// Longer than an evaluation may take.
const LIMIT: Duration = Duration::from_secs(600);

/// What became of one rule.
#[derive(Debug)]
pub(super) struct RuleOutcome {
    pub place: Place,
    /// `rule 1 of rules (up{…})`
    pub rule: String,
    /// Series that its selector matches; none if it is no selector.
    pub series: Option<usize>,
    pub answers: Vec<Answer>,
    /// Metrics that were left out to be brief.
    pub more: usize,
}

/// A request and what came of it.
#[derive(Debug)]
pub(super) struct Answer {
    pub metric: String,
    /// The series behind it.
    pub series: String,
    /// The resource type; none for an external metric.
    pub resource: Option<String>,
    pub namespace: Option<String>,
    pub query: Option<String>,
    pub values: Vec<Valued>,
    /// Why values are missing.
    pub why: Option<String>,
    /// Objects and namespaces that were left out to be brief.
    pub more: usize,
}

/// A value and whose it is.
#[derive(Debug)]
pub(super) struct Valued {
    /// The object's name, or the sample's labels.
    pub of: Of,
    /// As a quantity.
    pub value: String,
}

#[derive(Debug)]
pub(super) enum Of {
    Object(String),
    Labels(BTreeMap<String, String>),
}

/// The series of a selector.
#[derive(Debug, Default)]
struct Selected {
    count: usize,
    by_name: HashMap<String, Vec<Labels>>,
}

/// A metric of a rule.
enum Served {
    Custom(String, CustomEntry),
    External(String, ExternalEntry),
}

/// The rules tried on the series of an engine.
pub(super) struct Observation<'a> {
    rules: &'a RuleSet,
    mapper: RestMapper,
    catalogue: Catalogue,
    engine: Arc<Engine>,
    queries: Queries,
    objects: Named,
    /// The series of each selector, by their names.
    selected: BTreeMap<String, Selected>,
    /// What could not be evaluated.
    pub findings: Vec<Finding>,
}

impl<'a> Observation<'a> {
    pub(super) fn new(rules: &'a RuleSet, engine: Engine) -> Self {
        let engine = Arc::new(engine);
        let mut selected: BTreeMap<String, Selected> = BTreeMap::new();
        let mut by_selector: HashMap<&str, Vec<SeriesShape>> = HashMap::new();
        for selector in rules.selectors() {
            let Some(series) = engine.select(selector) else { continue };
            by_selector.insert(selector, shapes(&series));
            let mut found = Selected { count: series.len(), ..Selected::default() };
            for labels in series {
                found.by_name.entry(labels.get(METRIC_NAME).to_owned()).or_default().push(labels);
            }
            selected.insert(selector.to_owned(), found);
        }
        let mapper = kubernetes::with_types_of(rules);
        let catalogue =
            Catalogue::build(rules, &mapper, |selector| by_selector.get(selector).map(|list| &list[..]));
        let queries = Queries::new(Arc::clone(&engine) as _);
        Self {
            rules,
            mapper,
            catalogue,
            engine,
            queries,
            objects: Named::default(),
            selected,
            findings: Vec::new(),
        }
    }

    /// What became of each rule, in the order of the file's sections.
    pub(super) async fn run(&mut self) -> Vec<RuleOutcome> {
        let mut outcomes = Vec::new();
        let mut served = self.served();
        for rule in self.rules.custom.iter().chain(&self.rules.external) {
            let metrics = served.remove(&Arc::as_ptr(rule)).unwrap_or_default();
            let more = metrics.len().saturating_sub(MOST_METRICS);
            let mut answers = Vec::new();
            for metric in metrics.iter().take(MOST_METRICS) {
                answers.extend(match metric {
                    Served::Custom(name, entry) => self.ask_custom(name, entry).await,
                    Served::External(name, entry) => self.ask_external(name, entry).await,
                });
            }
            let series = self.selected.get(&rule.series_query).map(|found| found.count);
            outcomes.push(RuleOutcome { place: rule.place, rule: rule.to_string(), series, answers, more });
        }
        if let Some(rules) = self.rules.resource.clone() {
            for (section, rule) in [(Section::Cpu, &rules.cpu), (Section::Memory, &rules.memory)] {
                let answers = usage::ask(&self.engine, &self.mapper, rule);
                let answers = answers.into_iter().map(|answer| self.completed(answer)).collect();
                let place = Place { section, number: 1, ..Place::default() };
                outcomes.push(RuleOutcome { place, rule: place.to_string(), series: None, answers, more: 0 });
            }
        }
        outcomes
    }

    /// The metrics of each rule, sorted.
    fn served(&self) -> HashMap<*const Rule, Vec<Served>> {
        let mut served: HashMap<*const Rule, Vec<Served>> = HashMap::new();
        for (resource, metric, namespaced) in self.catalogue.custom_list() {
            if let Some(entry) = self.catalogue.custom(metric, resource, namespaced) {
                let of_rule = served.entry(Arc::as_ptr(&entry.rule)).or_default();
                of_rule.push(Served::Custom(metric.to_owned(), entry.clone()));
            }
        }
        for metric in self.catalogue.external_list() {
            if let ExternalMatch::Exact(entry) = self.catalogue.external(metric) {
                let of_rule = served.entry(Arc::as_ptr(&entry.rule)).or_default();
                of_rule.push(Served::External(metric.to_owned(), entry.clone()));
            }
        }
        served
    }

    /// The series behind a metric.
    fn series_of(&self, rule: &Rule, name: &str) -> &[Labels] {
        let found = self.selected.get(&rule.series_query).and_then(|found| found.by_name.get(name));
        found.map(Vec::as_slice).unwrap_or_default()
    }

    async fn ask_custom(&mut self, metric: &str, entry: &CustomEntry) -> Vec<Answer> {
        let mut objects: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for labels in self.series_of(&entry.rule, &entry.series) {
            let object = labels.get(&entry.label);
            let namespace = match (&entry.namespace_label, entry.namespaced) {
                (Some(label), true) => labels.get(label),
                _ => "",
            };
            if !object.is_empty() && (!entry.namespaced || !namespace.is_empty()) {
                objects.entry(namespace.to_owned()).or_default().insert(object.to_owned());
            }
        }
        let further = objects.len().saturating_sub(MOST_NAMESPACES);
        let mut answers = Vec::new();
        for (namespace, names) in objects.iter().take(MOST_NAMESPACES) {
            let namespace = entry.namespaced.then_some(namespace.as_str());
            let listed: Vec<&str> = names.iter().take(MOST_OBJECTS).map(String::as_str).collect();
            self.objects.set(namespace, &listed);
            let resource = entry.resource.to_string();
            let any = Selector::default();
            let request = CustomRequest {
                resource: &resource,
                namespace,
                target: Target::All,
                metric,
                objects: &any,
                series: &any,
                at: self.engine.time as f64 / 1000.0,
                limit: LIMIT,
                explain: false,
            };
            let result =
                custom::answer(&request, &self.catalogue, &self.mapper, &self.objects, &self.queries).await;
            let mut answer = Answer {
                metric: metric.to_owned(),
                series: entry.series.to_string(),
                resource: Some(resource.clone()),
                namespace: namespace.map(str::to_owned),
                query: self.engine.take_asked().pop(),
                values: Vec::new(),
                why: None,
                more: names.len() - listed.len(),
            };
            match result {
                Ok(found) => {
                    answer.why = found.why.map(|why| why.to_string());
                    let value = |(object, value): (custom::Described, _)| Valued {
                        of: Of::Object(object.name().to_owned()),
                        value: plimsoll_model::quantity::Milli::to_string(&value),
                    };
                    answer.values = found.values.into_iter().map(value).collect();
                }
                Err(CustomError::NotFound { why, .. }) => answer.why = Some(why.to_string()),
                Err(CustomError::Fetch { error }) => answer.why = Some(self.failed(&entry.rule, &error)),
                Err(error) => answer.why = Some(error.to_string()),
            }
            answers.push(self.completed(answer));
        }
        if let Some(last) = answers.last_mut() {
            last.more += further;
        }
        answers
    }

    async fn ask_external(&mut self, metric: &str, entry: &ExternalEntry) -> Vec<Answer> {
        let namespaces: BTreeSet<String> = match &entry.namespace_label {
            None => BTreeSet::from([String::new()]),
            Some(label) => self
                .series_of(&entry.rule, &entry.series)
                .iter()
                .map(|labels| labels.get(label).to_owned())
                .filter(|namespace| !namespace.is_empty())
                .collect(),
        };
        let further = namespaces.len().saturating_sub(MOST_NAMESPACES);
        let mut answers = Vec::new();
        for namespace in namespaces.iter().take(MOST_NAMESPACES) {
            let request = ExternalRequest {
                namespace,
                metric,
                selector: &Selector::default(),
                at: self.engine.time as f64 / 1000.0,
                limit: LIMIT,
                explain: false,
            };
            let result = external::answer(&request, &self.catalogue, &self.queries).await;
            let mut answer = Answer {
                metric: metric.to_owned(),
                series: entry.series.to_string(),
                resource: None,
                namespace: (!namespace.is_empty()).then(|| namespace.clone()),
                query: self.engine.take_asked().pop(),
                values: Vec::new(),
                why: None,
                more: 0,
            };
            match result {
                Ok(found) => {
                    answer.why = found.why.map(|why| why.to_string());
                    answer.more = found.values.len().saturating_sub(MOST_OBJECTS);
                    for value in found.values.into_iter().take(MOST_OBJECTS) {
                        let pair = |(name, value): (Box<str>, Box<str>)| (name.into(), value.into());
                        let labels = value.labels.unwrap_or_default().into_iter().map(pair).collect();
                        answer.values.push(Valued { of: Of::Labels(labels), value: value.value.to_string() });
                    }
                }
                Err(ExternalError::NotFound { why, .. }) => answer.why = Some(why.to_string()),
                Err(
                    ExternalError::Fetch { error: ExternalFetchError::Fetch(error) }
                    | ExternalError::Type { error },
                ) => {
                    answer.why = Some(self.failed(&entry.rule, &error));
                }
                Err(ExternalError::Fetch { error }) => answer.why = Some(error.to_string()),
                Err(error) => answer.why = Some(error.to_string()),
            }
            answers.push(self.completed(answer));
        }
        if let Some(last) = answers.last_mut() {
            last.more += further;
        }
        answers
    }

    /// Why a query failed; what the text of the rule does not show already becomes a finding, once per rule.
    fn failed(&mut self, rule: &Rule, error: &FetchError) -> String {
        let FetchError::Backend { fault, .. } = error else { return error.to_string() };
        if let BackendError::Rejected { kind, message } = &fault.error
            && kind == "execution"
            && !self.findings.iter().any(|finding| finding.place == Some(rule.place))
        {
            let message = format!("metricsQuery fails on the given series: {message}");
            let fix = format!(
                "correct it; `plimsoll promql eval --load FILE` tries a query, such as\n{}",
                fault.query
            );
            self.findings.push(self.rules.finding(rule, Code::QueryFailed, message).with_fix(fix));
        }
        fault.error.to_string()
    }

    /// The answer, with the reason that a file has for giving no value.
    fn completed(&self, mut answer: Answer) -> Answer {
        if !self.engine.file.has_values() {
            answer.why = None;
        } else if answer.values.is_empty()
            && let Some(query) = answer.query.as_deref().and_then(|query| Query::new(query).ok())
            && let Some(why) = needs_two_samples(&query, &self.engine.file)
        {
            answer.why = Some(why);
        }
        answer
    }
}
