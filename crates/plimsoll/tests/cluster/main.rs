//! End to end: real Prometheus, `plimsoll serve` behind real APIServices, and the released HPA
//! controller changing the replicas of real Deployments whose pods are processes.
//!
//! The program enters a namespace of its own ([`plimsoll_testkit::sandbox`]) and starts one cluster that all tests
//! share, each in a Kubernetes namespace. A machine that lacks the parts or the right to make
//! namespaces skips the tests, with the reason.
//!
//! **Invariant:** no test decides or fakes a step between the application's counter and
//! `spec.replicas`.

mod discovery;
mod outages;
mod permission;
mod reasons;
mod scaling;
mod space;
mod top;
mod walkthrough;
mod world;

use std::{process::ExitCode, sync::Arc};

use libtest_mimic::Trial;
use plimsoll_testkit::{app, harness};

use self::world::{Company, Suite};

/// Tests mostly wait, so more of them run at once than there are processors.
const AT_ONCE: usize = 6;

fn main() -> ExitCode {
    if let Some(code) = app::run_if_asked() {
        return code;
    }
    harness::run(&names(), AT_ONCE, |sandbox, programs| Ok(trials(&Arc::new(Suite::new(sandbox, programs)?))))
}

/// Declares the tests once: their names for a listing, and what they run.
macro_rules! tests {
    ($($company:ident $module:ident::$test:ident,)*) => {
        fn names() -> Vec<&'static str> {
            vec![$(concat!(stringify!($module), "::", stringify!($test)),)*]
        }

        fn trials(suite: &Arc<Suite>) -> Vec<Trial> {
            vec![$(suite.trial(
                concat!(stringify!($module), "::", stringify!($test)),
                Company::$company,
                async |space| $module::$test(space).await,
            ),)*]
        }
    };
}

tests! {
    InCompany walkthrough::a_counter_in_a_pod_becomes_a_second_replica,
    InCompany walkthrough::the_autoscaler_reports_a_valid_metric,
    InCompany walkthrough::describe_shows_the_value_and_no_warning,
    InCompany scaling::load_that_goes_away_takes_replicas_with_it,
    InCompany scaling::a_metric_of_a_service_scales_a_deployment,
    InCompany scaling::an_external_metric_scales_a_deployment,
    InCompany discovery::every_served_version_is_available,
    InCompany discovery::both_custom_versions_answer_with_the_same_value,
    InCompany discovery::every_kubectl_lists_all_apis_and_the_autoscaler,
    InCompany top::pods_show_what_their_processes_use,
    InCompany top::nodes_show_what_their_pods_use,
    InCompany permission::a_stranger_may_not_read_metrics,
    InCompany permission::a_role_on_the_pods_subresource_is_enough,
    InCompany reasons::describe_says_which_link_is_missing,
    InCompany reasons::get_raw_says_which_link_is_missing,
    Alone outages::a_namespace_can_be_deleted_while_prometheus_is_down,
    Alone outages::a_restart_of_prometheus_takes_no_replicas_away,
}
