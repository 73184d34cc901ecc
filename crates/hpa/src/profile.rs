//! Which Kubernetes the decision is to equal: its version, its feature gates and the controller's flags.
//!
//! Not a list of every change: only those that a decision shows.
//!
//! **Invariant:** the rest of the crate asks a profile for a behaviour by name and never compares versions itself.

/// The feature gates of kube-controller-manager that change a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gates {
    /// `HPAConfigurableTolerance` (KEP-4951): tolerances of `behavior` are honoured. On from 1.35.
    pub configurable_tolerance: bool,
    /// `HPAScaleToZero`: the `ScaledToZero` condition steers scaling from zero. On from 1.37; before 1.36 the
    /// controller did not read it.
    pub scale_to_zero: bool,
    /// `PodLevelResources`: requests of the pod as a whole count. On from 1.34.
    pub pod_level_resources: bool,
    /// `HPAGeneration`: `status.observedGeneration` is written. On from 1.37.
    pub generation: bool,
    /// `HPAOptimizedSelectorStore`: the text on rival HPAs names two of them, not all. On from 1.37.
    pub optimized_selector_store: bool,
}

/// The flags of kube-controller-manager that change a decision.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// `--horizontal-pod-autoscaler-tolerance`, 0.1.
    pub tolerance: f64,
    /// `--horizontal-pod-autoscaler-downscale-stabilization`, 300 s.
    pub downscale_stabilization: super::Span,
    /// `--horizontal-pod-autoscaler-cpu-initialization-period`, 300 s.
    pub cpu_initialization: super::Span,
    /// `--horizontal-pod-autoscaler-initial-readiness-delay`, 30 s.
    pub initial_readiness_delay: super::Span,
    /// Without `behavior` a turn may multiply the size by this. A constant 2 outside upstream's own tests.
    pub scale_up_limit_factor: f64,
    /// Without `behavior` a turn may always reach this size. A constant 4.
    pub scale_up_limit_minimum: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            tolerance: 0.1,
            downscale_stabilization: super::Span::seconds(300),
            cpu_initialization: super::Span::seconds(300),
            initial_readiness_delay: super::Span::seconds(30),
            scale_up_limit_factor: 2.0,
            scale_up_limit_minimum: 4.0,
        }
    }
}

/// The controller that a decision equals.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Profile {
    minor: u32,
    /// Feature gates; only those that the version knows have an effect.
    pub gates: Gates,
    /// Flags.
    pub settings: Settings,
}

/// Why a text chooses no profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// Not a version.
    #[error("'{0}' is no Kubernetes version: write it as 1.37 or v1.37.2")]
    Malformed(String),
    /// A version whose rules are not known.
    #[error("Kubernetes {0} is not covered: choose a version from 1.29 to 1.37")]
    Unknown(String),
    /// A gate that changes no decision.
    #[error(
        "'{0}' is no feature gate that changes a decision: use HPAConfigurableTolerance, HPAScaleToZero, \
         PodLevelResources, HPAGeneration or HPAOptimizedSelectorStore"
    )]
    Gate(String),
}

impl Profile {
    /// The oldest minor version of Kubernetes 1 whose rules are known.
    pub const OLDEST: u32 = 29;
    /// The newest.
    pub const NEWEST: u32 = 37;

    /// The profile of a version such as `1.37`, `v1.35.4` or `1.34.2-gke.100`, with its default gates and flags.
    ///
    /// # Errors
    /// Texts that are no version, and versions outside 1.29 to 1.37.
    pub fn of_version(version: &str) -> Result<Self, ProfileError> {
        let malformed = || ProfileError::Malformed(version.to_owned());
        let mut parts = version.strip_prefix('v').unwrap_or(version).split('.');
        let major: u32 = parts.next().and_then(|part| part.parse().ok()).ok_or_else(malformed)?;
        let minor = parts.next().ok_or_else(malformed)?.trim_end_matches('+');
        let minor: u32 = minor.parse().map_err(|_| malformed())?;
        if major != 1 || !(Self::OLDEST..=Self::NEWEST).contains(&minor) {
            return Err(ProfileError::Unknown(version.to_owned()));
        }
        Ok(Self::of_minor(minor))
    }

    /// The newest profile.
    pub fn newest() -> Self {
        Self::of_minor(Self::NEWEST)
    }

    fn of_minor(minor: u32) -> Self {
        let gates = Gates {
            configurable_tolerance: minor >= 35,
            scale_to_zero: minor >= 37,
            pod_level_resources: minor >= 34,
            generation: minor >= 37,
            optimized_selector_store: minor >= 37,
        };
        Self { minor, gates, settings: Settings::default() }
    }

    /// Sets a feature gate by its Kubernetes name.
    ///
    /// # Errors
    /// Names that change no decision.
    pub fn set_gate(&mut self, name: &str, enabled: bool) -> Result<(), ProfileError> {
        let gate = match name {
            "HPAConfigurableTolerance" => &mut self.gates.configurable_tolerance,
            "HPAScaleToZero" => &mut self.gates.scale_to_zero,
            "PodLevelResources" => &mut self.gates.pod_level_resources,
            "HPAGeneration" => &mut self.gates.generation,
            "HPAOptimizedSelectorStore" => &mut self.gates.optimized_selector_store,
            // Says only whether a turn takes place.
            "StaleControllerConsistencyHPA" => return Ok(()),
            _ => return Err(ProfileError::Gate(name.to_owned())),
        };
        *gate = enabled;
        Ok(())
    }

    /// The minor version of Kubernetes 1.
    pub fn minor(&self) -> u32 {
        self.minor
    }

    /// From 1.33 the tolerance test includes both ends, `1 - down <= ratio <= 1 + up`; before it was
    /// `|1 - ratio| <= tolerance` (the two differ at exactly +10 %).
    pub fn tolerance_by_bounds(&self) -> bool {
        self.minor >= 33
    }

    /// Whether tolerances of `behavior` are honoured.
    pub fn configurable_tolerance(&self) -> bool {
        self.minor >= 33 && self.gates.configurable_tolerance
    }

    /// From 1.36 a target at zero is scaled only when the `ScaledToZero` condition says so; before, whenever
    /// `minReplicas` is 0.
    pub fn knows_scaled_to_zero(&self) -> bool {
        self.minor >= 36
    }

    /// Whether the `ScaledToZero` condition is read and written.
    pub fn scale_to_zero(&self) -> bool {
        self.minor >= 36 && self.gates.scale_to_zero
    }

    /// From 1.34 a conflict on writing the scale is tried again (at most 5 writes in all).
    pub fn scale_writes(&self) -> u32 {
        if self.minor >= 34 { 5 } else { 1 }
    }

    /// From 1.34 averages of memory print with binary suffixes.
    pub fn memory_in_binary(&self) -> bool {
        self.minor >= 34
    }

    /// Whether requests of the pod as a whole count.
    pub fn pod_level_requests(&self) -> bool {
        self.minor >= 34 && self.gates.pod_level_resources
    }

    /// From 1.35 a pod without the named container fails the metric; before, its request counted as 0.
    pub fn absent_container_fails(&self) -> bool {
        self.minor >= 35
    }

    /// Up to 1.32 the metrics client failed when a pod's metrics lacked the named container
    /// (`getContainerMetrics`, `metrics/client.go`).
    pub fn absent_container_metric_fails(&self) -> bool {
        self.minor <= 32
    }

    /// Up to 1.32 the status of an Object metric with an average value did not say which object.
    pub fn omits_object_of_averages(&self) -> bool {
        self.minor <= 32
    }

    /// From 1.34 external average values saturate instead of overflowing.
    pub fn guards_external_average(&self) -> bool {
        self.minor >= 34
    }

    /// From 1.35 `Value` targets saturate instead of overflowing.
    pub fn guards_value(&self) -> bool {
        self.minor >= 35
    }

    /// From 1.34 texts on refused selectors print lists of values as JSON, before in Go's syntax.
    pub(crate) fn prints_refused_values_as_json(&self) -> bool {
        self.minor >= 34
    }

    /// From 1.35 texts on refused selectors speak of label keys, before of qualified names (`k8s.io/apimachinery`).
    pub(crate) fn calls_keys_label_keys(&self) -> bool {
        self.minor >= 35
    }

    /// Whether the text on rival HPAs names two of them, and not all.
    pub fn names_two_rivals(&self) -> bool {
        self.minor >= 37 && self.gates.optimized_selector_store
    }

    /// From 1.37 the text on rival HPAs speaks of more than one, before of multiple HPAs.
    pub fn speaks_of_more_than_one_rival(&self) -> bool {
        self.minor >= 37
    }

    /// From 1.37 the error text of an Object metric has its parts in the right order.
    pub fn object_error_in_order(&self) -> bool {
        self.minor >= 37
    }

    /// Whether `status.observedGeneration` is written.
    pub fn observes_generation(&self) -> bool {
        self.minor >= 37 && self.gates.generation
    }

    /// From 1.30 the TARGETS column prefixes resources with their name.
    pub fn prefixes_resource_names(&self) -> bool {
        self.minor >= 30
    }
}
