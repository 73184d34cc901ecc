//! Renders each rule once at load, for the requests that may come, and reads what comes out as PromQL, so that what
//! would fail in the middle of the night is said in the morning.
//!
//! **Invariant:** advice never stops a rule: a server may speak more than PromQL, and a request answers as it would have
//! without it.

use std::ops::Range;

use plimsoll_model::selector::Selector;
use plimsoll_promql::syntax::ast::{AggregateOp, Expr, ValueType};
use plimsoll_promql::syntax::functions::FUNCTIONS;
use plimsoll_promql::syntax::{self, ParseError, Span};

use super::compile::{Site, offset};
use super::query::{self, Names, QueryError, Subject};
use super::resource::ResourceRule;
use super::{Dialect, Rule, discovery, meaning};
use crate::config::{self, Code, DiscoveryRule, Finding, Position, Section, Text};
use crate::template::Template;

/// What the series of a rule are called in trials if its selector names none.
const SERIES: &str = "example_series";

/// A request that may come.
struct Trial<'a> {
    /// In words.
    what: &'static str,
    subject: Subject<'a>,
}

/// A query of a rule, to be tried.
struct Tried<'a> {
    site: &'a Site<'a>,
    field: &'static str,
    text: &'a Text,
    template: Option<&'a Template>,
    dialect: Dialect,
}

/// A query that was rendered and is PromQL.
struct Read<'a> {
    subject: Subject<'a>,
    text: String,
    expr: Expr,
}

/// What is likely not meant in `rule`, its selector first.
pub(super) fn advice(rule: &Rule, written: &DiscoveryRule, source: &str, dialect: Dialect) -> Vec<Finding> {
    let site = Site { place: rule.place, series_query: &rule.series_query, source };
    let (selector, finding) = discovery::read(&site, written, dialect);
    let mut found = Vec::from_iter(finding);
    let series = selector.as_ref().and_then(meaning::exact_name).unwrap_or(SERIES);
    let external = rule.place.section == Section::ExternalRules;
    let tried = Tried {
        site: &site,
        field: "metricsQuery",
        text: &written.metrics_query,
        template: rule.metrics_query.as_ref(),
        dialect,
    };
    let (any, some) = (Selector::default(), Selector::parse("example=value").unwrap_or_default());
    let labels = rule.labels.examples();
    let namespace = labels.namespace.as_deref().map(|label| (label, "default"));
    let plain = Subject { series, selector: &any, namespace: None, objects: None, group_by: &[] };
    let object = [labels.object.clone().unwrap_or_else(|| "pod".into())];
    let outside = [labels.outside.clone().unwrap_or_default()];
    let mut trials = Vec::new();
    if external {
        if rule.namespaced && namespace.is_some() {
            trials.push(Trial { what: "a namespace", subject: Subject { namespace, ..plain } });
        }
        trials.push(Trial { what: "any namespace", subject: plain });
        trials.push(Trial { what: "a selector", subject: Subject { selector: &some, ..plain } });
    } else {
        let one = Subject { namespace, ..plain.about(&["example-1"], &object) };
        trials.push(Trial { what: "one object", subject: one });
        let all = Subject { namespace, ..plain.about(&["example-1", "example-2"], &object) };
        trials.push(Trial { what: "all objects of a namespace", subject: all });
        if !outside[0].is_empty() {
            trials.push(Trial {
                what: "an object outside namespaces",
                subject: plain.about(&["example-1"], &outside),
            });
        }
    }
    let reads = match tried.all(trials) {
        Ok(reads) => reads,
        Err(finding) => {
            found.push(*finding);
            return found;
        }
    };
    let mut seen = Vec::new();
    for read in &reads {
        let own = read.subject.group_by.iter().map(|label| &**label);
        let others = rule.labels.overridden().filter(|label| labels.namespace.as_deref() != Some(label));
        // With a template any label may name the objects.
        let mentioned = if rule.labels.has_template() { meaning::mentioned(&read.expr) } else { Vec::new() };
        let names: Vec<&str> = own.chain(others).chain(mentioned).collect();
        let required = if external { Vec::new() } else { vec![names] };
        for finding in tried.judge(read, &required, external) {
            if !seen.contains(&finding.code) {
                seen.push(finding.code);
                found.push(finding);
            }
        }
    }
    if external {
        found.extend(tried.uses_matchers());
    } else if let (Some(first), Some((label, _)), false) =
        (reads.first(), namespace, seen.contains(&Code::LabelLost))
    {
        found.extend(tried.selects_namespace(first, label));
    }
    found
}

/// What is likely not meant in a half of `resourceRules`.
pub(super) fn resource_advice(
    rule: &ResourceRule,
    written: &config::ResourceRule,
    source: &str,
    dialect: Dialect,
) -> Vec<Finding> {
    let site = Site { place: written.place, series_query: "", source };
    let mut found = Vec::new();
    let mut label = |plural: &str, singular: &str| {
        let label = rule.labels.example(plural, singular);
        if label.is_none() {
            let message = format!("no label is mapped to {plural}, so that usage cannot be told apart");
            let fix = format!("resources:\n  overrides:\n    LABEL: {{resource: {singular}}}");
            let at = written.resources.position;
            found.push(site.finding(Code::ResourceLabelMissing, at, 1, message).with_fix(fix));
        }
        label
    };
    let (pod, namespace, node) =
        (label("pods", "pod"), label("namespaces", "namespace"), label("nodes", "node"));
    let any = Selector::default();
    let plain = Subject { series: "", selector: &any, namespace: None, objects: None, group_by: &[] };
    if let (Some(pod), Some(namespace)) = (&pod, &namespace) {
        let group_by = [pod.clone(), rule.container_label.as_str().into()];
        let subject = Subject {
            namespace: Some((namespace, "default")),
            objects: Some((pod, Names::Listed(&["example-1", "example-2"]))),
            group_by: &group_by,
            ..plain
        };
        let text = &written.container_query;
        let tried = Tried {
            site: &site,
            field: "containerQuery",
            text,
            template: rule.container_query.as_ref(),
            dialect,
        };
        let required = [&**pod, &rule.container_label];
        found.extend(tried.resource(Trial { what: "pods", subject }, &required));
    }
    if let Some(node) = &node {
        let group_by = [node.clone()];
        let objects = Some((&**node, Names::Listed(&["example-1", "example-2"])));
        let subject = Subject { objects, group_by: &group_by, ..plain };
        let text = &written.node_query;
        let tried =
            Tried { site: &site, field: "nodeQuery", text, template: rule.node_query.as_ref(), dialect };
        found.extend(tried.resource(Trial { what: "nodes", subject }, &[node]));
    }
    found
}

impl<'a> Subject<'a> {
    /// The same about objects whose names `label` holds.
    fn about(self, names: &'a [&'a str], label: &'a [Box<str>; 1]) -> Self {
        Self { objects: Some((&label[0], Names::Listed(names))), group_by: label, ..self }
    }
}

impl<'a> Tried<'a> {
    /// All trials rendered and read; the first that fails is the only one told of.
    fn all(&self, trials: Vec<Trial<'a>>) -> Result<Vec<Read<'a>>, Box<Finding>> {
        trials.into_iter().map(|trial| self.read(trial)).collect()
    }

    fn resource(&self, trial: Trial<'a>, required: &[&str]) -> Vec<Finding> {
        let required: Vec<Vec<&str>> =
            required.iter().filter(|label| !label.is_empty()).map(|label| vec![*label]).collect();
        match self.read(trial) {
            Ok(read) => self.judge(&read, &required, false),
            Err(finding) => vec![*finding],
        }
    }

    fn read(&self, trial: Trial<'a>) -> Result<Read<'a>, Box<Finding>> {
        let Trial { what, subject } = trial;
        let rendered =
            self.template.ok_or(QueryError::Empty).and_then(|template| query::render(template, &subject));
        let rendered = rendered.map_err(|error| {
            Box::new(match error {
                QueryError::UnsafeSeries { text, .. } => self.bare_name(&subject, &text),
                error => self.not_rendered(what, error),
            })
        })?;
        // A server that refuses bare names is asked again with quoted ones.
        let texts = [Some(rendered.text.clone()), rendered.quoted];
        let read = texts.into_iter().flatten().find_map(|text| Some((syntax::parse(&text).ok()?, text)));
        if let Some((expr, text)) = read {
            return Ok(Read { subject, text, expr });
        }
        match syntax::parse(&rendered.text) {
            Ok(expr) => Ok(Read { subject, text: rendered.text, expr }),
            Err(error) => Err(Box::new(self.no_promql(what, &subject, &rendered.text, &error))),
        }
    }

    fn not_rendered(&self, what: &str, error: QueryError) -> Finding {
        let field = self.field;
        match error {
            QueryError::Template(error) => {
                let at = self.text.position_at(offset(self.text, error.line, error.column));
                let message = format!("{field} cannot be rendered for {what}: {}", error.message);
                self.site.finding(Code::QueryTemplate, at, error.at.chars().count(), message).with_fix(
                    "correct it; until then every such request fails with \"could not find the metric\"",
                )
            }
            QueryError::Empty => self
                .site
                .finding(
                    Code::QueryTemplate,
                    self.text.position(),
                    1,
                    format!("{field} gives an empty query for {what}"),
                )
                .with_fix(format!("{field}: 'sum(<<.Series>>{{<<.LabelMatchers>>}}) by (<<.GroupBy>>)'")),
            error => {
                self.site.finding(Code::QueryTemplate, self.text.position(), 1, format!("{error} for {what}"))
            }
        }
    }

    fn no_promql(&self, what: &str, subject: &Subject<'_>, text: &str, error: &ParseError) -> Finding {
        if !query::is_metric_name(subject.series) {
            let plain = Subject { series: SERIES, ..*subject };
            let plain = self.template.and_then(|template| query::render(template, &plain).ok());
            if plain.is_some_and(|query| syntax::parse(&query.text).is_ok()) {
                return self.bare_name(subject, text);
            }
        }
        let message = format!("{} gives no PromQL for {what}: {}", self.field, error.message);
        self.at(Code::QuerySyntax, subject, text, error.span, message).with_fix(self.correction(error))
    }

    fn correction(&self, error: &ParseError) -> String {
        let message = &error.message;
        if message.contains("expected type range vector") {
            return "write the range behind the braces: <<.Series>>{<<.LabelMatchers>>}[2m]".to_owned();
        }
        if message.contains("got range vector") {
            return "take the range in brackets away, or put rate() around it".to_owned();
        }
        let Some(name) = message.strip_prefix("unknown function with name ") else {
            return "correct the template, so that what it gives (behind `=`) is PromQL; until then such requests fail"
                .to_owned();
        };
        let name = name.trim_matches('"');
        let lower = name.to_ascii_lowercase();
        let known = || FUNCTIONS.iter().map(|function| function.name);
        let similar = known()
            .find(|known| known.starts_with(&lower))
            .or_else(|| known().find(|known| config::is_similar(known, &lower)));
        similar.map_or_else(
            || {
                format!(
                    "Prometheus has no {name}(); a server that extends PromQL may, as VictoriaMetrics does"
                )
            },
            |known| format!("did you mean {known}()?"),
        )
    }

    fn bare_name(&self, subject: &Subject<'_>, text: &str) -> Finding {
        let start = text.find(subject.series).unwrap_or_default();
        let span = Span { start, end: start + subject.series.len() };
        let message = format!(
            "the series is called `{}`, which is no plain name, and {} has it where it cannot be quoted",
            subject.series, self.field
        );
        self.at(Code::SeriesNameBare, subject, text, span, message).with_fix(
            "put braces directly behind it, <<.Series>>{<<.LabelMatchers>>}, or write {__name__=\"<<.Series>>\"}",
        )
    }

    /// What is wrong or doubtful in a query that is PromQL; of each of `required`, its result must have a label.
    fn judge(&self, read: &Read<'_>, required: &[Vec<&str>], scalar_is_fine: bool) -> Vec<Finding> {
        let mut found = Vec::new();
        let Read { subject, text, expr } = read;
        let whole = expr.span();
        let at = |code, span, message: String| self.at(code, subject, text, span, message);
        let field = self.field;
        match expr.value_type() {
            ValueType::Vector => {}
            ValueType::Scalar if scalar_is_fine => {}
            ValueType::Scalar => {
                let message = format!("{field} gives a number without labels, which belongs to no object");
                found.push(
                    at(Code::QueryType, whole, message).with_fix("use <<.Series>>{<<.LabelMatchers>>}"),
                );
            }
            ValueType::Matrix => {
                let message = format!("{field} gives a range vector, where one value per object is needed");
                found.push(at(Code::QueryType, whole, message).with_fix(
                    "rate(<<.Series>>{<<.LabelMatchers>>}[2m]) for a counter; no brackets for a gauge",
                ));
            }
            ValueType::String => {
                let message = format!("{field} gives a text, where one value per object is needed");
                found.push(at(Code::QueryType, whole, message).with_fix("take the quotes away"));
            }
        }
        for labels in required {
            let lost: Option<Vec<Span>> = labels.iter().map(|label| meaning::loses(expr, label)).collect();
            let (Some(label), Some(span)) = (labels.first(), lost.and_then(|spans| spans.first().copied()))
            else {
                continue;
            };
            let message = format!("{field} drops the label `{label}`, which says whose value it is");
            found.push(at(Code::LabelLost, span, message).with_fix("aggregate with by (<<.GroupBy>>)"));
            break;
        }
        if !query::is_metric_name(subject.series) {
            let named = meaning::selectors(expr);
            let used = self.template.is_some_and(|template| template.fields().any(|field| field == "Series"));
            if used && !named.iter().any(|selector| meaning::exact_name(selector) == Some(subject.series)) {
                found.push(self.bare_name(subject, text));
            }
        }
        if subject.series != SERIES
            && subject.series.ends_with("_total")
            && let Some(counter) = meaning::latest(expr)
                .into_iter()
                .find(|selector| meaning::exact_name(selector) == Some(subject.series))
        {
            let message = format!(
                "`{}` is a counter: without a rate it only ever grows, and nothing scales down on it",
                subject.series
            );
            let fix = "rate(<<.Series>>{<<.LabelMatchers>>}[2m])";
            found.push(at(Code::RawCounter, counter.span, message).with_fix(fix));
        }
        found.extend(self.language(read));
        found
    }

    /// Parts of the language that the server may not have.
    fn language(&self, read: &Read<'_>) -> Vec<Finding> {
        let Read { subject, text, expr } = read;
        let mut found = Vec::new();
        let at = |code, span, message: String| self.at(code, subject, text, span, message);
        let functions = meaning::calls(expr)
            .into_iter()
            .find(|call| call.function.experimental)
            .map(|call| (call.function.name, call.span));
        let aggregations = meaning::aggregations(expr)
            .into_iter()
            .find(|aggregate| matches!(aggregate.op, AggregateOp::Limitk | AggregateOp::LimitRatio))
            .map(|aggregate| (aggregate.op.as_str(), aggregate.span));
        if let Some((name, span)) = functions.or(aggregations) {
            found.push(match self.dialect {
                Dialect::Prometheus => {
                    let message = format!("Prometheus has {name}() only behind a feature flag");
                    at(Code::ExperimentalFunction, span, message)
                        .with_fix("start Prometheus with --enable-feature=promql-experimental-functions")
                }
                Dialect::GoogleManaged => {
                    let message =
                        format!("{name}() is newer than PromQL of Prometheus 2.44, which Google's managed service speaks");
                    at(Code::GmpLanguage, span, message).with_fix("do without it")
                }
            });
        }
        if self.dialect == Dialect::GoogleManaged && !meaning::selects(expr, "cluster") {
            let message = "Google's managed service answers from all clusters of the metrics scope, and the query selects none";
            found.push(at(Code::GmpAllClusters, expr.span(), message.to_owned()).with_fix(
                "where the scope has several clusters, put cluster=\"NAME\" into the braces of each query",
            ));
        }
        if self.dialect == Dialect::GoogleManaged
            && let Some(selector) =
                meaning::selectors(expr).into_iter().find(|selector| meaning::exact_name(selector).is_none())
        {
            let message = format!(
                "{} selects series without an exact metric name, and Google's managed service answers no such query",
                self.field
            );
            let fix = "put <<.Series>> in front of the braces";
            found.push(at(Code::GmpMetricName, selector.span, message).with_fix(fix));
        }
        found
    }

    fn selects_namespace(&self, read: &Read<'_>, label: &str) -> Option<Finding> {
        let Read { subject, text, expr } = read;
        if meaning::selects(expr, label) || expr.value_type() != ValueType::Vector {
            return None;
        }
        // Whoever describes namespaces themselves keeps the label, or is told so.
        if subject.group_by.iter().any(|grouped| **grouped == *label) {
            return None;
        }
        let span = meaning::loses(expr, label)?;
        let message = format!(
            "{} neither selects the namespace nor keeps the label `{label}`, so that objects of the same name in other \
             namespaces count too",
            self.field
        );
        Some(self.at(Code::NamespaceNotSelected, subject, text, span, message).with_fix(format!(
            "put <<.LabelMatchers>> into the braces behind the series, or add {label} to by (...)"
        )))
    }

    fn uses_matchers(&self) -> Option<Finding> {
        let mut fields = self.template?.fields();
        if fields.any(|field| matches!(field, "LabelMatchers" | "LabelValuesByName")) {
            return None;
        }
        let message = format!(
            "{} uses no <<.LabelMatchers>>, so that the namespace and the selector of an HPA have no effect",
            self.field
        );
        let finding = self.site.finding(Code::MatchersUnused, self.text.position(), 1, message);
        Some(
            finding
                .with_fix("put <<.LabelMatchers>> into the braces behind the series, if that is not meant"),
        )
    }

    /// A finding at the part of the template that gave `span` of `text`.
    fn at(&self, code: Code, subject: &Subject<'_>, text: &str, span: Span, message: String) -> Finding {
        // A mistake at the end is shown behind the last word, not on the empty line after it.
        let end = text.trim_end().len();
        let span = if span.start > end { Span { start: end, end } } else { span };
        let of = |at| self.template.map_or(0..0, |template| query::source_of(template, subject, text, at));
        let (first, last) = (of(span.start), of(span.end.saturating_sub(1).max(span.start)));
        let Range { start, end } = first.start..last.end.max(first.end);
        let width = first_line(self.text.get(start..end).unwrap_or_default());
        let (line, column) = span.position(text);
        let line_text = text.lines().nth(line - 1).unwrap_or_default();
        let characters = line_text.get(..column - 1).unwrap_or(line_text).chars().count();
        let position = Position {
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(characters + 1).unwrap_or(u32::MAX),
        };
        let rendered_width = first_line(text.get(span.start..span.end).unwrap_or_default());
        self.site.finding(code, self.text.position_at(start), width, message).with_rendered(
            text,
            position,
            rendered_width,
        )
    }
}

/// Characters of the first line of `text`, without white space behind them.
fn first_line(text: &str) -> usize {
    text.lines().next().unwrap_or_default().trim_end().chars().count()
}
