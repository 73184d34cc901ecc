//! Metrics: what they are, what they should be, and how the rest of a story refers to them.
//!
//! Not what they are at a time; that is `answers`.
//!
//! **Invariant:** a metric is named in a turn by the words of its line in the `hpa` block, or by as few of them as
//! leave no doubt.

use std::sync::Arc;

use super::advice::{nearest, one_of};
use super::words::{Read, Word, Words, error, integer};
use super::{Place, selector};
use crate::label_selector::LabelSelector;
use crate::spec::{
    ContainerResourceSource, CrossVersionObjectReference, ExternalSource, HpaSpec, MetricIdentifier,
    MetricSpec, MetricTarget, ObjectSource, PodsSource, ResourceSource,
};

/// The kinds of metrics, as lines begin with them.
pub(super) const KINDS: [&str; 4] = ["resource", "pods", "object", "external"];

const TARGETS: [&str; 3] = ["utilization", "average", "value"];

/// A metric in the words of a story.
#[derive(Debug, Clone)]
pub(super) struct Reference {
    /// `resource`, `pods`, `object` or `external`, if it is said.
    kind: Option<&'static str>,
    name: String,
    selector: Option<LabelSelector>,
    of: Option<Of>,
    place: Place,
}

#[derive(Debug, Clone, PartialEq)]
enum Of {
    Container(String),
    Object(CrossVersionObjectReference),
}

/// What a metric is, without what it should be.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Source {
    Resource { name: Arc<str>, container: Option<Arc<str>> },
    Pods { metric: MetricIdentifier },
    Object { metric: MetricIdentifier, object: Arc<CrossVersionObjectReference> },
    External { metric: MetricIdentifier },
}

/// A metric and what it should be; leaves `words` at the end of what was read.
pub(super) fn metric<'t>(line: &mut Words<'t>, words: &mut Words<'t>) -> Read<MetricSpec> {
    if line.peek() != "resource" && line.peek_second() != "metric" {
        let kind = line.word("a kind of metric")?;
        return error(line.place(), format!("'{} metric' goes before the name of the metric", kind.text));
    }
    let source = reference(line)?.source()?;
    let target = metric_target(line)?;
    *words = line.clone();
    Ok(source.spec(target))
}

fn metric_target(words: &mut Words<'_>) -> Read<MetricTarget> {
    let mut target = MetricTarget::default();
    loop {
        let place = words.place();
        let (kind, said) = match words.choose("a target: utilization, average value or value", &TARGETS)? {
            0 => {
                let percent = percent(words)?;
                ("Utilization", target.average_utilization.replace(percent).is_some())
            }
            1 => {
                words.expect("value")?;
                let quantity = words.quantity("a quantity")?;
                ("AverageValue", target.average_value.replace(quantity).is_some())
            }
            _ => ("Value", target.value.replace(words.quantity("a quantity")?).is_some()),
        };
        if said {
            return error(place, "this target is said twice");
        }
        if target.kind.is_empty() {
            kind.clone_into(&mut target.kind);
        }
        if !words.accept("and") {
            break;
        }
    }
    if words.accept("typed") {
        let types = ["Utilization", "AverageValue", "Value"];
        let at = words.choose("the type of the target", &types)?;
        types[at].clone_into(&mut target.kind);
    }
    Ok(target)
}

/// `50%`.
pub(super) fn percent(words: &mut Words<'_>) -> Read<i32> {
    let word = words.word("a percentage such as 50%")?;
    let Some(number) = word.text.strip_suffix('%') else {
        return error(word.place, format!("a percentage such as 50% is due here, not '{}'", word.text));
    };
    let number = integer(Word { text: number, ..word }, "a percentage", i32::MIN.into(), i32::MAX.into())?;
    Ok(number as i32)
}

/// `[APIVERSION] KIND/NAME`, and whether a version was said.
pub(super) fn object(words: &mut Words<'_>) -> Read<(CrossVersionObjectReference, bool)> {
    let (first, place) = words.name("an object such as Ingress/main")?;
    let versioned = words.peek().contains('/');
    let (api_version, object, place) = if versioned {
        let (object, place) = words.name("an object such as Ingress/main")?;
        (first, object, place)
    } else {
        (String::new(), first, place)
    };
    match object.split_once('/') {
        Some((kind, name)) if !kind.is_empty() && !name.is_empty() => Ok((
            CrossVersionObjectReference { kind: kind.to_owned(), name: name.to_owned(), api_version },
            versioned,
        )),
        _ => error(place, format!("an object is written as Kind/name, such as Ingress/main, not '{object}'")),
    }
}

/// Reads how a line names a metric.
pub(super) fn reference(words: &mut Words<'_>) -> Read<Reference> {
    let place = words.place();
    let (first, second) = (words.peek(), words.peek_second());
    let kind = KINDS.into_iter().find(|kind| *kind == first).filter(|kind| match *kind {
        "resource" => !matches!(second, "is" | "fails" | "of" | "proposes"),
        _ => second == "metric",
    });
    if let Some(kind) = kind {
        words.expect(kind)?;
        if kind != "resource" {
            words.expect("metric")?;
        }
    }
    let (name, _) = words.name("the name of a metric")?;
    let selector = selector::maybe(words)?;
    let of = if words.accept("of") {
        Some(if words.accept("container") {
            Of::Container(words.name("the name of a container")?.0)
        } else {
            Of::Object(object(words)?.0)
        })
    } else {
        None
    };
    Ok(Reference { kind, name, selector, of, place })
}

impl Reference {
    fn source(self) -> Read<Source> {
        let Self { kind, name, selector, of, place } = self;
        let name: Arc<str> = name.into();
        match (kind, of, selector) {
            (Some("resource"), None, None) => Ok(Source::Resource { name, container: None }),
            (Some("resource"), Some(Of::Container(container)), None) => {
                Ok(Source::Resource { name, container: Some(container.into()) })
            }
            (Some("resource"), ..) => error(
                place,
                "a resource is written as 'resource cpu' or 'resource cpu of container app', without a selector",
            ),
            (Some("pods"), None, selector) => Ok(Source::Pods { metric: identifier(name, selector) }),
            (Some("object"), Some(Of::Object(object)), selector) => {
                Ok(Source::Object { metric: identifier(name, selector), object: object.into() })
            }
            (Some("object"), ..) => {
                error(place, format!("say which object has it: 'object metric {name} of Ingress/main'"))
            }
            (Some("external"), None, selector) => Ok(Source::External { metric: identifier(name, selector) }),
            (Some(kind @ ("pods" | "external")), Some(_), _) => error(
                place,
                format!("{} metric belongs to no container or object: leave 'of' away", article(kind)),
            ),
            _ => error(
                place,
                format!(
                    "write 'pods metric {name}', 'object metric {name} of Ingress/main' or 'external metric {name}'"
                ),
            ),
        }
    }

    /// Which metrics of an HPA this names: one, or several that ask the same question.
    pub(super) fn among(&self, sources: &[Source]) -> Read<Vec<usize>> {
        let found: Vec<usize> = (0..sources.len()).filter(|at| self.names(&sources[*at])).collect();
        match found.first() {
            None => {
                let all: Vec<String> = sources.iter().map(Source::words).collect();
                let names: Vec<&str> = sources.iter().map(Source::name).collect();
                let near = nearest(&self.name, names.iter().copied()).filter(|near| *near != self.name);
                let hint = match near {
                    Some(near) => format!("did you mean {near}?"),
                    None => format!("it has {}", one_of(&all.iter().map(String::as_str).collect::<Vec<_>>())),
                };
                error(self.place, format!("the HPA has no metric '{}': {hint}", self.shown()))
            }
            Some(first) if found.iter().any(|at| sources[*at] != sources[*first]) => {
                let all: Vec<String> = found.iter().map(|at| sources[*at].words()).collect();
                let all: Vec<&str> = all.iter().map(String::as_str).collect();
                error(self.place, format!("'{}' may be several: write {}", self.shown(), one_of(&all)))
            }
            Some(_) => Ok(found),
        }
    }

    fn shown(&self) -> String {
        match &self.of {
            None => self.name.clone(),
            Some(Of::Container(container)) => format!("{} of container {container}", self.name),
            Some(Of::Object(object)) => format!("{} of {}/{}", self.name, object.kind, object.name),
        }
    }

    fn names(&self, source: &Source) -> bool {
        let kind = match source {
            Source::Resource { .. } => "resource",
            Source::Pods { .. } => "pods",
            Source::Object { .. } => "object",
            Source::External { .. } => "external",
        };
        let selected = |metric: &MetricIdentifier| {
            self.selector.is_none() || self.selector.as_ref() == metric.selector.as_deref()
        };
        let rest = match (source, &self.of) {
            (Source::Resource { container: None, .. }, None) => self.selector.is_none(),
            (Source::Resource { container: Some(container), .. }, Some(Of::Container(said))) => {
                self.selector.is_none() && **container == **said
            }
            (Source::Object { metric, object }, Some(Of::Object(said))) => {
                let versioned = said.api_version.is_empty() || said.api_version == object.api_version;
                selected(metric) && versioned && (&said.kind, &said.name) == (&object.kind, &object.name)
            }
            (Source::Pods { metric } | Source::External { metric } | Source::Object { metric, .. }, None) => {
                selected(metric)
            }
            _ => false,
        };
        rest && self.name == source.name() && self.kind.is_none_or(|said| said == kind)
    }
}

fn article(kind: &str) -> &'static str {
    if kind == "pods" { "a pods" } else { "an external" }
}

fn identifier(name: Arc<str>, selector: Option<LabelSelector>) -> MetricIdentifier {
    MetricIdentifier { name, selector: selector.map(Arc::new) }
}

impl Source {
    /// The metrics of a spec, in its order.
    pub(super) fn all(spec: &HpaSpec) -> Vec<Self> {
        spec.metrics.iter().filter_map(Self::of).collect()
    }

    fn of(spec: &MetricSpec) -> Option<Self> {
        let resource = spec
            .resource
            .as_ref()
            .map(|source| Self::Resource { name: source.name.clone(), container: None });
        let container = spec.container_resource.as_ref().map(|source| Self::Resource {
            name: source.name.clone(),
            container: Some(source.container.clone()),
        });
        let pods = spec.pods.as_ref().map(|source| Self::Pods { metric: source.metric.clone() });
        let object = spec.object.as_ref().map(|source| Self::Object {
            metric: source.metric.clone(),
            object: Arc::clone(&source.described_object),
        });
        let external = spec.external.as_ref().map(|source| Self::External { metric: source.metric.clone() });
        resource.or(container).or(pods).or(object).or(external)
    }

    /// The type that the API gives it.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Resource { container: None, .. } => "Resource",
            Self::Resource { container: Some(_), .. } => "ContainerResource",
            Self::Pods { .. } => "Pods",
            Self::Object { .. } => "Object",
            Self::External { .. } => "External",
        }
    }

    pub(super) fn name(&self) -> &str {
        match self {
            Self::Resource { name, .. } => name,
            Self::Pods { metric } | Self::External { metric } | Self::Object { metric, .. } => &metric.name,
        }
    }

    /// The metric as a line would name it.
    pub(super) fn words(&self) -> String {
        let selected = |metric: &MetricIdentifier| {
            let selector = if metric.selector.is_some() { "{…}" } else { "" };
            format!("{}{selector}", metric.name)
        };
        match self {
            Self::Resource { name, container: None } => format!("resource {name}"),
            Self::Resource { name, container: Some(container) } => {
                format!("resource {name} of container {container}")
            }
            Self::Pods { metric } => format!("pods metric {}", selected(metric)),
            Self::Object { metric, object } => {
                format!("object metric {} of {}/{}", selected(metric), object.kind, object.name)
            }
            Self::External { metric } => format!("external metric {}", selected(metric)),
        }
    }

    fn spec(self, target: MetricTarget) -> MetricSpec {
        let mut spec = MetricSpec { kind: self.kind().to_owned(), ..MetricSpec::default() };
        match self {
            Self::Resource { name, container: None } => spec.resource = Some(ResourceSource { name, target }),
            Self::Resource { name, container: Some(container) } => {
                spec.container_resource = Some(ContainerResourceSource { name, container, target });
            }
            Self::Pods { metric } => spec.pods = Some(PodsSource { metric, target }),
            Self::Object { metric, object } => {
                spec.object = Some(ObjectSource { described_object: object, metric, target });
            }
            Self::External { metric } => spec.external = Some(ExternalSource { metric, target }),
        }
        spec
    }
}
