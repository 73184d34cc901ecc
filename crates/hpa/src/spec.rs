//! `HorizontalPodAutoscalerSpec` of `autoscaling/v2`, as far as a decision reads it.
//!
//! Not validated: what the API server refuses may stand here and is answered as upstream's controller would.
//!
//! **Invariant:** field names are those of the API, so the JSON of an object's `spec` reads into it unchanged.

use std::sync::Arc;

use plimsoll_model::quantity::Quantity;
use serde::{Deserialize, Serialize};

use crate::label_selector::LabelSelector;

/// `spec` of a HorizontalPodAutoscaler.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HpaSpec {
    /// What is scaled.
    pub scale_target_ref: CrossVersionObjectReference,
    /// Smallest size; 1 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_replicas: Option<i32>,
    /// Largest size.
    pub max_replicas: i32,
    /// Metrics in order.
    #[serde(default)]
    pub metrics: Vec<MetricSpec>,
    /// How fast to scale; the rules of older versions apply when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behavior: Option<Behavior>,
}

/// A reference to an object of the namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CrossVersionObjectReference {
    /// `Deployment`.
    pub kind: String,
    /// `web`.
    pub name: String,
    /// `apps/v1`; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub api_version: String,
}

/// One metric; `kind` says which of the sources counts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricSpec {
    /// `Resource`, `ContainerResource`, `Pods`, `Object` or `External`.
    #[serde(rename = "type")]
    pub kind: String,
    /// For `Resource`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<ResourceSource>,
    /// For `ContainerResource`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_resource: Option<ContainerResourceSource>,
    /// For `Pods`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pods: Option<PodsSource>,
    /// For `Object`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<ObjectSource>,
    /// For `External`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<ExternalSource>,
}

/// A resource of all containers of the pods.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResourceSource {
    /// `cpu` or `memory`.
    pub name: Arc<str>,
    /// What it should be.
    pub target: MetricTarget,
}

/// A resource of one container of the pods.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContainerResourceSource {
    /// `cpu` or `memory`.
    pub name: Arc<str>,
    /// The container.
    pub container: Arc<str>,
    /// What it should be.
    pub target: MetricTarget,
}

/// A custom metric of the pods.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PodsSource {
    /// Which metric.
    pub metric: MetricIdentifier,
    /// What it should be on average.
    pub target: MetricTarget,
}

/// A custom metric of one object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectSource {
    /// The object.
    pub described_object: Arc<CrossVersionObjectReference>,
    /// Which metric.
    pub metric: MetricIdentifier,
    /// What it should be.
    pub target: MetricTarget,
}

/// A metric of something outside the cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExternalSource {
    /// Which metric.
    pub metric: MetricIdentifier,
    /// What it should be.
    pub target: MetricTarget,
}

/// A metric by name and selector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricIdentifier {
    /// The metric's name.
    pub name: Arc<str>,
    /// Which of its series.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<Arc<LabelSelector>>,
}

/// What a metric should be; `kind` is only read for `Object`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricTarget {
    /// `Utilization`, `Value` or `AverageValue`.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// The value as such.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Quantity>,
    /// The value per pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average_value: Option<Quantity>,
    /// Percent of the requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average_utilization: Option<i32>,
}

/// How fast to scale.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Behavior {
    /// Growing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_up: Option<ScalingRules>,
    /// Shrinking.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_down: Option<ScalingRules>,
}

/// Rules of one direction; absent fields mean what API defaulting would fill in.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScalingRules {
    /// Seconds of recommendations that are looked back on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stabilization_window_seconds: Option<i32>,
    /// `Max`, `Min` or `Disabled`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub select_policy: Option<String>,
    /// Limits; the direction's defaults when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policies: Option<Vec<ScalingPolicy>>,
    /// The direction's own tolerance (KEP-4951).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<Quantity>,
}

/// One limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScalingPolicy {
    /// `Pods` or `Percent`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Pods or percent.
    pub value: i32,
    /// In how many seconds.
    pub period_seconds: i32,
}

impl HpaSpec {
    /// The smallest size, with its default.
    pub fn min(&self) -> i32 {
        self.min_replicas.unwrap_or(1)
    }

    /// Whether any metric is of a kind that exists without pods.
    pub fn has_metric_without_pods(&self) -> bool {
        self.metrics.iter().any(|metric| matches!(metric.kind.as_str(), "Object" | "External"))
    }
}

impl MetricIdentifier {
    /// The selector as Go's `%+v` prints it.
    pub(crate) fn selector_text(&self) -> String {
        self.selector.as_ref().map_or_else(|| "nil".to_owned(), ToString::to_string)
    }
}
