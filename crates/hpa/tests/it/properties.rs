//! What holds for any input.

use std::sync::Arc;

use plimsoll_hpa::{
    Container, Hpa, HpaSpec, Inputs, MetricAnswer, Phase, Pod, Profile, PutError, Ready, Replies, Requests,
    Route, Sample, Samples, Scale, Span, State, Time, decide,
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn edge() -> impl Strategy<Value = i64> {
    prop_oneof![
        4 => 0_i64..100_000,
        1 => any::<i64>(),
        1 => Just(i64::MAX),
        1 => Just(i64::MIN),
        1 => Just(0_i64),
    ]
}

fn replicas() -> impl Strategy<Value = i32> {
    prop_oneof![6 => 0_i32..40, 1 => any::<i32>(), 1 => Just(i32::MAX)]
}

fn target() -> impl Strategy<Value = Value> {
    prop_oneof![
        (1_i32..200).prop_map(|percent| json!({"type": "Utilization", "averageUtilization": percent})),
        (1_i64..100_000)
            .prop_map(|milli| json!({"type": "AverageValue", "averageValue": format!("{milli}m")})),
        (1_i64..100_000).prop_map(|milli| json!({"type": "Value", "value": format!("{milli}m")})),
        Just(json!({"type": "Value", "value": "9Ei", "averageValue": "1E"})),
        Just(json!({"type": "AverageValue"})),
    ]
}

fn metric() -> impl Strategy<Value = Value> {
    (0_usize..6, target(), any::<bool>()).prop_map(|(kind, target, memory)| {
        let resource = if memory { "memory" } else { "cpu" };
        let metric = json!({"name": "m"});
        match kind {
            0 => json!({"type": "Resource", "resource": {"name": resource, "target": target}}),
            1 => json!({"type": "ContainerResource",
                "containerResource": {"name": resource, "container": "app", "target": target}}),
            2 => json!({"type": "Pods", "pods": {"metric": metric, "target": target}}),
            3 => json!({"type": "Object", "object": {"metric": metric, "target": target,
                "describedObject": {"kind": "Ingress", "name": "main"}}}),
            4 => json!({"type": "External", "external": {"metric": metric, "target": target}}),
            _ => json!({"type": "Resource"}),
        }
    })
}

fn rules() -> impl Strategy<Value = Value> {
    let policy = (any::<bool>(), 1_i32..200, 1_i32..100).prop_map(|(pods, value, period)| {
        json!({"type": if pods { "Pods" } else { "Percent" }, "value": value, "periodSeconds": period})
    });
    let select = prop::sample::select(vec!["Max", "Min", "Disabled"]);
    (proptest::option::of(0_i32..600), select, prop::collection::vec(policy, 0..3)).prop_map(
        |(window, select, policies)| {
            json!({"stabilizationWindowSeconds": window, "selectPolicy": select, "policies": policies})
        },
    )
}

fn spec() -> impl Strategy<Value = HpaSpec> {
    let behavior = proptest::option::of((rules(), rules()));
    (proptest::option::of(0_i32..20), 0_i32..40, prop::collection::vec(metric(), 0..4), behavior).prop_map(
        |(min, more, metrics, behavior)| {
            let behavior = behavior.map(|(up, down)| json!({"scaleUp": up, "scaleDown": down}));
            let max = min.unwrap_or(1) + more;
            let target = json!({"kind": "Deployment", "name": "x", "apiVersion": "apps/v1"});
            let spec = json!({"scaleTargetRef": target, "minReplicas": min, "maxReplicas": max, "metrics": metrics,
                "behavior": behavior});
            serde_json::from_value(spec).expect("a spec")
        },
    )
}

fn pod(at: usize) -> impl Strategy<Value = Pod> {
    let phase = prop::sample::select(vec![
        Phase::Running,
        Phase::Running,
        Phase::Pending,
        Phase::Failed,
        Phase::Succeeded,
        Phase::Unknown,
    ]);
    let ready = prop::sample::select(vec![Some(Ready::True), Some(Ready::False), Some(Ready::Unknown), None]);
    let time =
        prop_oneof![Just(Time::ZERO), (-600_000_i64..0).prop_map(Time::millis), any::<i64>().prop_map(Time)];
    (phase, any::<bool>(), ready, time.clone(), proptest::option::of(time), proptest::option::of(edge()))
        .prop_map(move |(phase, deleting, ready, changed, started, request)| {
            let mut pod = Pod::named(format!("p{at}"));
            pod.labels.insert("app".into(), "x".into());
            pod.phase = phase;
            pod.deleting = deleting;
            pod.ready = ready.map(|ready| (ready, changed));
            pod.started = started;
            let requests = request.map(|milli| ("cpu".to_owned(), milli)).into_iter().collect();
            pod.containers =
                vec![Container { name: "app".into(), requests: Requests(requests), restarts_always: false }];
            pod
        })
}

fn answer() -> impl Strategy<Value = MetricAnswer> {
    let samples = prop::collection::vec((0_usize..8, edge(), any::<i64>()), 0..8).prop_map(|samples| {
        MetricAnswer::Pods(Samples::new(samples.into_iter().map(|(at, milli, time)| {
            (Arc::from(format!("p{at}")), Sample { milli, time: Time(time), window: Span::seconds(60) })
        })))
    });
    prop_oneof![
        4 => samples,
        1 => edge().prop_map(MetricAnswer::Value),
        2 => prop::collection::vec(edge(), 0..4).prop_map(MetricAnswer::Values),
        1 => Just(MetricAnswer::Failed("boom".into())),
    ]
}

fn turn() -> impl Strategy<Value = (Vec<Pod>, Vec<MetricAnswer>, Option<i32>, i32, bool, i64)> {
    let pods = (0_usize..6).prop_flat_map(|count| (0..count).map(pod).collect::<Vec<_>>());
    (
        pods,
        prop::collection::vec(answer(), 0..5),
        proptest::option::of(replicas()),
        replicas(),
        any::<bool>(),
        0_i64..400_000,
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whole_sequences_of_any_version_keep_the_laws(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        plimsoll_hpa::recorded::laws::check(&bytes);
    }

    #[test]
    fn any_turns_decide_without_panic_the_same_twice_and_within_bounds(
        minor in Profile::OLDEST..=Profile::NEWEST,
        spec in spec(),
        first in replicas(),
        turns in prop::collection::vec(turn(), 1..5),
    ) {
        let profile = Profile::of_version(&format!("1.{minor}")).expect("a version");
        let mut hpa = Hpa { namespace: "ns".into(), name: "h".into(), generation: 1, spec, ..Hpa::default() };
        let mut scale = Scale { spec_replicas: first, status_replicas: first, selector: "app=x".into() };
        let (mut state, mut now) = (State::default(), Time(0));
        for (pods, answers, somebody, status_replicas, refused, wait) in turns {
            now = now + Span::millis(wait);
            scale.spec_replicas = somebody.unwrap_or(scale.spec_replicas);
            scale.status_replicas = status_replicas;
            let inputs = Inputs { hpa: &hpa, scale: Ok(&scale), pods: &pods, others: &[], metrics: &answers };
            let puts = [PutError { conflict: true, message: "conflict".into() }];
            let replies = Replies { puts: if refused { &puts } else { &[] }, status_error: None };
            let (decision, after) = decide(&profile, state.clone(), now, &inputs, &replies);
            let again = decide(&profile, state, now, &inputs, &replies);
            prop_assert_eq!(format!("{:?}", (&decision, &after)), format!("{again:?}"));
            prop_assert!(!decision.to_string().is_empty());
            prop_assert!(serde_json::to_string(&decision).is_ok());
            if let Some(rescale) = &decision.rescale {
                let (min, max) = (hpa.spec.min(), hpa.spec.max_replicas);
                // Without behavior, doubling beyond int32 overflows upstream too; from a negative size nothing holds.
                let overflows = scale.spec_replicas > i32::MAX / 2 || scale.spec_replicas < 0;
                // From zero, min is not applied when the rate limit says less.
                let from_zero = scale.spec_replicas == 0 && decision.derivation.route == Route::Metrics;
                prop_assert!(overflows || rescale.to <= max, "{} > {max}\n{decision}", rescale.to);
                prop_assert!(overflows || from_zero || rescale.to >= min, "{} < {min}\n{decision}", rescale.to);
                prop_assert!(rescale.to != scale.spec_replicas || hpa.spec.metrics.is_empty());
                if rescale.error.is_none() {
                    scale.spec_replicas = rescale.to;
                }
            }
            hpa.status = decision.status;
            state = after;
        }
    }
}

#[test]
fn many_choices_keep_the_laws_in_every_version() {
    for seed in 0..300_u64 {
        let bytes: Vec<u8> = (0..500_u64)
            .map(|at| ((seed * 1_000_003 + at).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8)
            .collect();
        plimsoll_hpa::recorded::laws::check(&bytes);
    }
}
