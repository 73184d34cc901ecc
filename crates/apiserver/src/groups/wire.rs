//! The objects of the metrics groups as clients see them, in JSON and in protobuf.
//!
//! Key order, omitted keys and `"selector": null` are upstream's, because clients compare text.
//!
//! **Invariant:** one type per kind serves both encodings.

use std::collections::BTreeMap;
use std::fmt::Display;

use plimsoll_model::quantity::{Milli, MilliBytes};
use plimsoll_model::selector::{Operator, Selector};
use serde::{Serialize, Serializer};

use crate::encode::KubeObject;
use crate::protobuf::Message;

/// Something that prints itself as a JSON string.
#[derive(Debug, Clone, Copy)]
pub struct Printed<T>(pub T);

impl<T: Display> Serialize for Printed<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// A time in whole seconds, printed once and used for many values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    unix: i64,
    printed: String,
}

impl Moment {
    /// Truncates Unix `seconds`. Times before year 1 or after year 9999, which Go refuses to print, become the ends.
    pub fn from_unix(seconds: f64) -> Self {
        let unix = (seconds.trunc() as i64).clamp(-62_135_596_800, 253_402_300_799);
        let epoch = jiff::civil::DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
        let civil = epoch.saturating_add(jiff::SignedDuration::from_secs(unix));
        Self { unix, printed: format!("{civil}Z") }
    }

    fn write(&self, number: u32, message: &mut Message) {
        message.time(number, self.unix);
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.printed)
    }
}

/// `metadata` of a list: always empty.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct ListMeta {}

/// A list with its type.
#[derive(Debug, Serialize)]
pub struct List<T> {
    pub kind: &'static str,
    #[serde(rename = "apiVersion")]
    pub api_version: &'static str,
    pub metadata: ListMeta,
    pub items: Vec<T>,
}

/// A value that both encodings can carry.
pub trait Wire: Serialize {
    /// Writes the fields of the protobuf message.
    fn write(&self, message: &mut Message);
}

impl<T: Wire> KubeObject for List<T> {
    fn kind(&self) -> &str {
        self.kind
    }

    fn api_version(&self) -> &str {
        self.api_version
    }

    fn protobuf(&self) -> Option<Vec<u8>> {
        let mut message = Message::default();
        message.message(1, |metadata| {
            metadata.string(1, "").string(2, "").string(3, "");
        });
        for item in &self.items {
            message.message(2, |inner| item.write(inner));
        }
        Some(message.into_bytes())
    }
}

/// The object that a metric describes.
#[derive(Debug, Serialize)]
pub struct ObjectReference<'a> {
    pub kind: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub namespace: &'a str,
    pub name: &'a str,
    #[serde(rename = "apiVersion")]
    pub api_version: &'a str,
}

impl ObjectReference<'_> {
    fn write(&self, message: &mut Message) {
        message.string(1, self.kind).string(2, self.namespace).string(3, self.name);
        message.string(4, "").string(5, self.api_version).string(6, "").string(7, "");
    }
}

/// A metric selector, as the `LabelSelector` that answers echo.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LabelSelector<'a> {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    match_labels: BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    match_expressions: Vec<LabelExpression<'a>>,
}

#[derive(Debug, Serialize)]
struct LabelExpression<'a> {
    key: &'a str,
    operator: &'static str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    values: &'a [String],
}

impl<'a> LabelSelector<'a> {
    /// `None` for the empty selector. `!=` is echoed as `NotIn` with one value, which means the same.
    pub fn echo(selector: &'a Selector) -> Option<Self> {
        if selector.is_empty() {
            return None;
        }
        let mut echoed = Self { match_labels: BTreeMap::new(), match_expressions: Vec::new() };
        for requirement in &selector.requirements {
            let operator = match requirement.operator {
                Operator::Equals | Operator::DoubleEquals => {
                    let value = requirement.values.first().map(String::as_str).unwrap_or_default();
                    echoed.match_labels.insert(&requirement.key, value);
                    continue;
                }
                Operator::In => "In",
                Operator::NotIn | Operator::NotEquals => "NotIn",
                Operator::Exists => "Exists",
                Operator::DoesNotExist => "DoesNotExist",
                // Refused before a query is made.
                Operator::GreaterThan => "Gt",
                Operator::LessThan => "Lt",
            };
            echoed.match_expressions.push(LabelExpression {
                key: &requirement.key,
                operator,
                values: &requirement.values,
            });
        }
        Some(echoed)
    }

    fn write(&self, message: &mut Message) {
        for (key, value) in &self.match_labels {
            message.entry(1, key, value);
        }
        for expression in &self.match_expressions {
            message.message(2, |inner| {
                inner.string(1, expression.key).string(2, expression.operator);
                for value in expression.values {
                    inner.string(3, value);
                }
            });
        }
    }
}

/// `MetricValue` of `custom.metrics.k8s.io/v1beta1`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricValueV1beta1<'a> {
    pub described_object: ObjectReference<'a>,
    pub metric_name: &'a str,
    pub timestamp: &'a Moment,
    pub value: Printed<Milli>,
    pub selector: Option<&'a LabelSelector<'a>>,
}

impl Wire for MetricValueV1beta1<'_> {
    fn write(&self, message: &mut Message) {
        message.message(1, |object| self.described_object.write(object)).string(2, self.metric_name);
        self.timestamp.write(3, message);
        message.quantity(5, &self.value.0.to_string());
        if let Some(selector) = self.selector {
            message.message(6, |inner| selector.write(inner));
        }
    }
}

/// `MetricValue` of `custom.metrics.k8s.io/v1beta2`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricValueV1beta2<'a> {
    pub described_object: ObjectReference<'a>,
    pub metric: MetricIdentifier<'a>,
    pub timestamp: &'a Moment,
    pub value: Printed<Milli>,
}

/// The name and selector of a metric.
#[derive(Debug, Serialize)]
pub struct MetricIdentifier<'a> {
    pub name: &'a str,
    pub selector: Option<&'a LabelSelector<'a>>,
}

impl Wire for MetricValueV1beta2<'_> {
    fn write(&self, message: &mut Message) {
        message.message(1, |object| self.described_object.write(object));
        message.message(2, |metric| {
            metric.string(1, self.metric.name);
            if let Some(selector) = self.metric.selector {
                metric.message(2, |inner| selector.write(inner));
            }
        });
        self.timestamp.write(3, message);
        message.quantity(5, &self.value.0.to_string());
    }
}

/// `ExternalMetricValue` of `external.metrics.k8s.io/v1beta1`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExternalMetricValue<'a> {
    pub metric_name: &'a str,
    pub metric_labels: Option<BTreeMap<&'a str, &'a str>>,
    pub timestamp: &'a Moment,
    pub value: Printed<Milli>,
}

impl Wire for ExternalMetricValue<'_> {
    fn write(&self, message: &mut Message) {
        message.string(1, self.metric_name);
        for (name, value) in self.metric_labels.iter().flatten() {
            message.entry(2, name, value);
        }
        self.timestamp.write(3, message);
        message.quantity(5, &self.value.0.to_string());
    }
}

/// `metadata` of a pod's or node's metrics.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectMeta<'a> {
    pub name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub namespace: &'a str,
    pub creation_timestamp: &'a Moment,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<&'a str, &'a str>,
}

impl ObjectMeta<'_> {
    fn write(&self, message: &mut Message) {
        message.string(1, self.name).string(2, "").string(3, self.namespace).string(4, "").string(5, "");
        message.string(6, "").int64(7, 0);
        self.creation_timestamp.write(8, message);
        for (key, value) in &self.labels {
            message.entry(11, key, value);
        }
    }
}

/// Processor time and memory.
#[derive(Debug, Clone, Serialize)]
pub struct Usage {
    pub cpu: Printed<Milli>,
    pub memory: Printed<MilliBytes>,
}

impl Usage {
    fn write(&self, number: u32, message: &mut Message) {
        for (name, printed) in [("cpu", self.cpu.0.to_string()), ("memory", self.memory.0.to_string())] {
            message.message(number, |entry| {
                entry.string(1, name).quantity(2, &printed);
            });
        }
    }
}

/// `kind` and `apiVersion` of an object that stands alone.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TypeMeta {
    pub kind: &'static str,
    pub api_version: &'static str,
}

/// `PodMetrics` or `NodeMetrics` of `metrics.k8s.io/v1beta1`.
#[derive(Debug, Clone, Serialize)]
pub struct UsageMetrics<'a> {
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub r#type: Option<TypeMeta>,
    pub metadata: ObjectMeta<'a>,
    pub timestamp: &'a Moment,
    pub window: &'a str,
    #[serde(flatten)]
    pub measured: Measured<'a>,
    #[serde(skip)]
    pub window_nanoseconds: i64,
}

/// What tells pods from nodes.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Measured<'a> {
    /// The containers of a pod.
    Containers(Vec<ContainerMetrics<'a>>),
    /// The usage of a node.
    Usage(Usage),
}

/// The usage of one container.
#[derive(Debug, Clone, Serialize)]
pub struct ContainerMetrics<'a> {
    pub name: &'a str,
    pub usage: Usage,
}

impl KubeObject for UsageMetrics<'_> {
    fn kind(&self) -> &str {
        match self.measured {
            Measured::Containers(_) => "PodMetrics",
            Measured::Usage(_) => "NodeMetrics",
        }
    }

    fn api_version(&self) -> &str {
        "metrics.k8s.io/v1beta1"
    }

    fn protobuf(&self) -> Option<Vec<u8>> {
        let mut message = Message::default();
        self.write(&mut message);
        Some(message.into_bytes())
    }
}

impl Wire for UsageMetrics<'_> {
    fn write(&self, message: &mut Message) {
        message.message(1, |metadata| self.metadata.write(metadata));
        self.timestamp.write(2, message);
        message.message(3, |window| {
            window.int64(1, self.window_nanoseconds);
        });
        match &self.measured {
            Measured::Usage(usage) => usage.write(4, message),
            Measured::Containers(containers) => {
                for container in containers {
                    message.message(4, |inner| {
                        inner.string(1, container.name);
                        container.usage.write(2, inner);
                    });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_print_as_the_calendar_has_them() {
        for (unix, printed) in [
            (0.0, "1970-01-01T00:00:00Z"),
            (1_600_000_000.999, "2020-09-13T12:26:40Z"),
            (-1.5, "1969-12-31T23:59:59Z"),
            (951_782_400.0, "2000-02-29T00:00:00Z"),
            (253_402_300_799.0, "9999-12-31T23:59:59Z"),
            (1e300, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(
                serde_json::to_string(&Moment::from_unix(unix)).unwrap_or_default(),
                format!("\"{printed}\"")
            );
        }
    }

    #[test]
    fn an_unequal_requirement_is_echoed_as_not_in() {
        let selector = Selector::parse("method!=GET,zone=a,!old").expect("a selector");
        let echoed = LabelSelector::echo(&selector).expect("not empty");
        assert_eq!(
            serde_json::to_string(&echoed).unwrap_or_default(),
            r#"{"matchLabels":{"zone":"a"},"matchExpressions":[{"key":"method","operator":"NotIn","values":["GET"]},{"key":"old","operator":"DoesNotExist"}]}"#
        );
    }
}
