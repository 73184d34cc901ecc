//! The request of a pod for a resource, which utilisation is a percentage of.
//!
//! Not scheduling: only what `calculateRequests` (`replica_calculator.go`) and `PodRequests`
//! (`component-helpers/resource`) add up.
//!
//! **Invariant:** sums wrap as upstream's do.

use crate::inputs::{Container, Pod};
use crate::profile::Profile;

/// Why a pod has no request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// A container does not say what it needs.
    #[error("missing request for {resource} in container {container} of Pod {pod}")]
    Missing {
        /// The resource.
        resource: String,
        /// The container.
        container: String,
        /// The pod.
        pod: String,
    },
    /// The pod as a whole does not.
    #[error("missing pod-level request for {resource} in Pod {pod}")]
    MissingForPod {
        /// The resource.
        resource: String,
        /// The pod.
        pod: String,
    },
    /// The pod has no container of that name.
    #[error("container {container} not found in Pod {pod}")]
    NoContainer {
        /// The container.
        container: String,
        /// The pod.
        pod: String,
    },
}

/// The request of a pod, or of one of its containers, in thousandths.
///
/// # Errors
/// A missing request, which fails the metric.
pub fn pod_request(
    profile: &Profile,
    pod: &Pod,
    resource: &str,
    container: Option<&str>,
) -> Result<i64, RequestError> {
    if container.is_none() && profile.pod_level_requests() && sets_pod_level(pod) {
        return whole_pod(pod, resource).ok_or_else(|| RequestError::MissingForPod {
            resource: resource.into(),
            pod: pod.name.to_string(),
        });
    }
    let sidecars = pod.init_containers.iter().filter(|container| container.restarts_always);
    let mut sum = 0_i64;
    for each in pod.containers.iter().chain(sidecars) {
        if container.is_some_and(|wanted| wanted != each.name) {
            continue;
        }
        let request = each.requests.get(resource).ok_or_else(|| missing(pod, each, resource))?;
        if container.is_some() {
            return Ok(request);
        }
        sum = sum.wrapping_add(request);
    }
    match container {
        Some(container) if profile.absent_container_fails() => {
            Err(RequestError::NoContainer { container: container.into(), pod: pod.name.to_string() })
        }
        _ => Ok(sum),
    }
}

#[cold]
fn missing(pod: &Pod, container: &Container, resource: &str) -> RequestError {
    RequestError::Missing {
        resource: resource.into(),
        container: container.name.clone(),
        pod: pod.name.to_string(),
    }
}

fn supports_pod_level(resource: &str) -> bool {
    matches!(resource, "cpu" | "memory") || resource.starts_with("hugepages-")
}

fn sets_pod_level(pod: &Pod) -> bool {
    pod.pod_requests.0.iter().any(|(resource, _)| supports_pod_level(resource))
}

/// The pod-level value if there is one, else the larger of what runs together and the hungriest init step.
fn whole_pod(pod: &Pod, resource: &str) -> Option<i64> {
    let mut running: Option<i128> = None;
    let mut starting: Option<i128> = None;
    let add = |sum: &mut Option<i128>, request: Option<i64>| {
        if let Some(request) = request {
            *sum = Some(sum.unwrap_or(0) + i128::from(request));
        }
    };
    for container in &pod.containers {
        add(&mut running, container.requests.get(resource));
    }
    let mut sidecars: Option<i128> = None;
    for container in &pod.init_containers {
        let request = container.requests.get(resource);
        let step = if container.restarts_always {
            add(&mut running, request);
            add(&mut sidecars, request);
            sidecars
        } else {
            let mut step = sidecars;
            add(&mut step, request);
            step
        };
        starting = starting.max(step);
    }
    let mut request = running.max(starting);
    if let Some(stated) = pod.pod_requests.get(resource).filter(|_| supports_pod_level(resource)) {
        request = Some(i128::from(stated));
    }
    add(&mut request, pod.overhead.get(resource));
    // Upstream compares quantities of any size; only the sum as a whole is cut to 64 bits.
    request.map(|request| request as i64)
}
