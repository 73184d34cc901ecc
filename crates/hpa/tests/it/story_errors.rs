//! What people are told about a story that cannot be read, and about one that does not hold.

use plimsoll_hpa::story::{LIMITS, Story};

/// A story up to its first turn; the next line is the sixth.
const BEGIN: &str = "\
kubernetes 1.37
hpa web: 2 to 10 replicas of Deployment/web
  resource cpu utilization 50%
  external metric queue_depth{queue=mail} average value 10
pods: 3 ready
";

fn refused(text: &str) -> String {
    match Story::read(text) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("this was read:\n{text}"),
    }
}

#[test]
fn what_is_wrong_with_a_whole_story_is_said_with_its_place() {
    let cases = [
        ("", "1:1: the story is empty: begin it with 'kubernetes 1.37' and an hpa block"),
        ("# only a comment\n", "1:1: the story is empty: begin it with 'kubernetes 1.37' and an hpa block"),
        (
            "hpa web: 1 to 2 replicas of Deployment/web",
            "1:1: a story begins with the version it is about, 'kubernetes 1.37', not 'hpa'",
        ),
        ("kubernetes 1.12", "1:12: Kubernetes 1.12 is not covered: choose a version from 1.29 to 1.37"),
        ("kubernetes latest", "1:12: 'latest' is no Kubernetes version: write it as 1.37 or v1.37.2"),
        ("kubernetes 1.37 please", "1:17: the line should end here, before 'please'"),
        ("kubernetes 1.37\nkubernetes 1.36", "2:1: the version is told twice, first on the first line"),
        (
            "kubernetes 1.37\npods: 3 ready",
            "2:1: the hpa comes before this: 'hpa web: 2 to 10 replicas of Deployment/web', with metrics under it",
        ),
        ("kubernetes 1.37\n  gate HPAScaleToZero on", "2:3: nothing may be indented under the line above"),
        ("kubernetes 1.37\n\tgate HPAScaleToZero on", "2:1: indent with spaces; this is '\\t'"),
        (
            "kubernetes 1.37\nhpa web: 2 to 10 replicas of Deployment/web",
            "2:1: the HPA has no metric: indent one under it, such as 'resource cpu utilization 80%'",
        ),
        (
            "kubernetes 1.37\nhpa web: 2 to 10 replicas of deployment/web",
            "2:30: 'deployment' is no kind of Kubernetes' own: did you mean Deployment/web?",
        ),
        (
            "kubernetes 1.37\nhpa web: 2 to 10 replicas of Fleet/web",
            "2:30: 'Fleet' is no kind of Kubernetes' own: write its apiVersion before it, such as example.com/v1 Fleet/web",
        ),
        (
            "kubernetes 1.37\nhpa web: 2 to 10 replicas of Deployment/web\n  resource cpu utilisation 50%",
            "3:16: a target: utilization, average value or value is due here, not 'utilisation': did you mean utilization?",
        ),
        (
            "kubernetes 1.37\nhpa web: 2 to 10 replicas of Deployment/web\n  external queue_depth average value 10",
            "3:12: 'external metric' goes before the name of the metric",
        ),
        (
            "kubernetes 1.37\nhpa web: 2 to 10 replicas of Deployment/web\n  cpu utilization 50%",
            "3:3: say what kind of metric it is: 'resource cpu'",
        ),
        (
            "kubernetes 1.37\nhpa web: 2 to 10 replicas of Deployment/web\n  behavior",
            "3:3: leave 'behavior' away: 'scale up:' and 'scale down:' are its lines",
        ),
        (
            "kubernetes 1.37\nhpa web: 2 to 10 replicas of Deployment/web\n  resource cpu utilization 50",
            "3:28: a percentage such as 50% is due here, not '50'",
        ),
        (
            "kubernetes 1.37\nhpa web: 2 to 10 replicas of Deployment/web\n  externl metric q value 5",
            "3:3: a metric, 'scale up:' or 'scale down:' is due here, not 'externl': did you mean external?",
        ),
        (
            "kubernetes 1.37\nhpa web: 2 to 10 replicas of Deployment/web\n  external metric q value 5\n   scale up: defaults",
            "4:4: nothing may be indented under the line above",
        ),
        (
            "kubernetes 1.37\nhpa web: 2 to 10 replicas of Deployment/web\n    external metric q value 5\n  scale up: defaults",
            "4:3: begin this line in column 5, like those beside it",
        ),
        (BEGIN, "5:1: the story has no turn: add 'at 0s' with '-> stays at 3' or the like indented under it"),
    ];
    for (text, expected) in cases {
        assert_eq!(refused(text), expected, "{text}");
    }
}

#[test]
fn what_is_wrong_before_the_first_turn_is_said_with_its_place() {
    let cases = [
        ("pods: 2 ready", "6:1: the list of pods is told twice, first on line 5"),
        ("replicas three", "6:10: a number of replicas is due here, not 'three'"),
        ("relicas 3", "6:1: 'relicas' begins no line here: did you mean replicas?"),
        ("gate HPAScaleToZero maybe", "6:21: on or off is due here, not 'maybe': write on or off"),
        (
            "flag --horizontal-pod-autoscaler-tolerence=0.1",
            "6:6: a flag that changes a decision is due here, not '--horizontal-pod-autoscaler-tolerence': did you mean \
             --horizontal-pod-autoscaler-tolerance?",
        ),
        (
            "flag --horizontal-pod-autoscaler-tolerance",
            "6:6: this flag needs a value: write --horizontal-pod-autoscaler-tolerance=VALUE",
        ),
        (
            "flag --horizontal-pod-autoscaler-downscale-stabilization=5",
            "6:58: a duration is due here, not '5': write 15s or 1m30s",
        ),
        ("pod web-4: redy", "6:12: the state of the pods is due here, not 'redy': did you mean ready?"),
        ("pod web-4: running", "6:12: say whether they are 'ready' or 'unready'; both are running"),
        ("pod web-4: ready since 5s", "6:26: ago or ahead is due here, not the end of the line"),
        ("pod web-4: ready deleting deleting", "6:27: this is said twice of the same pods"),
        ("pod a to b: ready", "6:5: a range goes from one number to another, such as a-1 to a-5"),
        ("no pod web-7", "6:8: there is no pod web-7 to go"),
        ("quue_depth is 5", "6:1: the HPA has no metric 'quue_depth': did you mean queue_depth?"),
        (
            "queue_depth{queue=letter} is 5",
            "6:1: the HPA has no metric 'queue_depth': it has resource cpu or external metric queue_depth{…}",
        ),
        (
            "queue_depth is five",
            "6:16: a value is due here: 'five' is no quantity: write a number with an optional suffix, as in 500m, 2, 1k or 100Mi",
        ),
        ("queue_depth = 5", "6:13: 'is' or 'fails' is due here, not '=': write is or fails"),
        ("queue_depth fails badly", "6:19: the error's text in quotes is due here, not 'badly'"),
        ("queue_depth fails \"badly", "6:19: this text is not closed: end it with \""),
        ("cpu is 5m", "6:10: say which pods have the value: 'on each pod' or 'on web-1 to web-3'"),
        ("selector app=web", "6:1: pods are labelled for the selector: write it before them"),
        (
            "somebody scales to 3",
            "6:1: 'somebody' begins no line here: write kubernetes, gate, flag, hpa, other, \
         template, pods, pod, replicas, status, selector, no or at, or 'METRIC is VALUE'",
        ),
        (
            "status reads fail",
            "6:1: 'status reads fail' is not known here, although lines may begin with 'status'",
        ),
    ];
    for (line, expected) in cases {
        assert_eq!(refused(&format!("{BEGIN}{line}\nat 0s\n  -> stays at 3\n")), expected, "{line}");
    }
}

#[test]
fn what_is_wrong_in_a_turn_is_said_with_its_place() {
    let cases = [
        ("at 0s", "6:1: the turn at 0s expects nothing: add a line such as '-> stays at 3'"),
        ("at soon\n  -> stays at 3", "6:4: a time such as 15s is due here, not 'soon': write 15s or 1m30s"),
        (
            "at 15s\n  -> stays at 3\nat 15s\n  -> stays at 3",
            "8:1: turns go forward in time, and this is not after 15s",
        ),
        ("at 0s every 0s until 1m\n  -> stays at 3", "6:13: turns repeat after some time, until a later one"),
        (
            "at 0s\n  -> stays at 3\npods: 5 ready",
            "8:1: turns have begun: write an 'at' line with a later time, and indent what happens then under it",
        ),
        (
            "at 0s\n  -> stays at 3\n  queue_depth is 3",
            "8:3: first tell what happens in a turn, then what is expected: move this line up",
        ),
        (
            "at 0s\n  cpu is 5m on web-4\n  -> stays at 3",
            "7:10: there is no pod web-4 in this turn: did you mean web-1?",
        ),
        (
            "at 0s\n  cpu is 5m on gone web-3\n  -> stays at 3",
            "7:10: the pod web-3 is there: leave 'gone' away",
        ),
        (
            "at 0s\n  queue_depth is 3\n  queue_depth is 4\n  -> stays at 3",
            "8:3: what 'external metric queue_depth{…}' is (metric 2) is told twice, first on line 7",
        ),
        (
            "at 0s\n  -> stays at 3\n  -> scales 3 to 4",
            "8:3: the expectation on the size is told twice, first on line 7",
        ),
        ("at 0s\n  -> scales 3 to 3", "7:18: this is no change: write 'stays at 3'"),
        ("at 0s\n  -> scaled 3 to 4", "7:6: an expectation is due here, not 'scaled': did you mean scales?"),
        (
            "at 0s\n  -> condition AbleToScale True SucceededRescail",
            "7:33: a reason of AbleToScale is due here, not 'SucceededRescail': did you mean SucceededRescale?",
        ),
        (
            "at 0s\n  -> condition ScalingAble True ValidMetricFound",
            "7:16: the type of a condition is due here, not 'ScalingAble': write AbleToScale, ScalingActive, \
             ScalingLimited or ScaledToZero",
        ),
        (
            "at 0s\n  -> condition AbleToScale False SucceededRescale",
            "7:28: AbleToScale is never False with SucceededRescale, only True",
        ),
        ("at 0s\n  -> stays at 3\nat 15s\n  pods 4 ready\n  -> stays at 3", "9:8: ':' is due here, not '4'"),
        ("at 0s\n-> stays at 3", "7:1: indent what is expected under the 'at' of its turn"),
        (
            "at 0s\n  -> AbleToScale True SucceededRescale",
            "7:6: this is a condition: write 'condition AbleToScale …'",
        ),
        ("at 0s\n  -> SuccessfulRescale", "7:6: this is an event: write 'event Normal SuccessfulRescale'"),
        ("at 0s\n  -> event Normal FailedRescale", "7:12: an event FailedRescale is always Warning"),
        (
            "at 0s\n  hpa edited\n  -> stays at 3",
            "7:3: say what is edited: 'hpa edited: 3 to 8 replicas', or indent metrics or behaviour under it",
        ),
        (
            "at 0s\n  pods: 4 ready\n  selector app=x\n  -> stays at 3",
            "7:3: the list of pods is told twice, first on line 5",
        ),
        (
            "at 0s\n  -> stays at 3\nat 15s\n  pods: 4 ready\n  selector app=x\n  -> stays at 3",
            "10:3: pods are labelled for the selector: write it before them",
        ),
        ("at 0s\n  -> writes scale 9 times", "7:19: a number of writes lies between 0 and 5, 9 does not"),
    ];
    for (turn, expected) in cases {
        assert_eq!(refused(&format!("{BEGIN}{turn}\n")), expected, "{turn}");
    }
}

#[test]
fn a_gate_that_changes_nothing_is_refused_in_the_words_of_the_profile() {
    let error = refused(&format!("{BEGIN}gate HPAScaleToZeros on\n"));
    assert!(
        error.starts_with("6:6: 'HPAScaleToZeros' is no feature gate that changes a decision: use"),
        "{error}"
    );
}

#[test]
fn a_metric_that_may_be_two_is_asked_about() {
    let text = "\
kubernetes 1.37
hpa web: 2 to 10 replicas of Deployment/web
  pods metric rps average value 5
  external metric rps value 5
pods: none
rps is 5
";
    assert_eq!(refused(text), "6:1: 'rps' may be several: write pods metric rps or external metric rps");
}

#[test]
fn sizes_that_nobody_means_are_refused_without_making_them() {
    let cases = [
        ("pods: 100000000 ready".to_owned(), "a number of pods lies between 1 and 10000, 100000000 does not"),
        ("pods: 10000 ready, 1 ready".to_owned(), "a story has at most 10000 pods at a time"),
        ("pod web-1 to web-4000000000: ready".to_owned(), "a range grows, and has at most 10000 pods"),
        (format!("# {}", "x".repeat(LIMITS.line_bytes)), "this line has more than 4096 bytes"),
        ("\n".repeat(LIMITS.bytes), "at most 1048576 are read"),
        ("replicas 3\nstatus replicas 3\nat 0s every 1ms until 1h\n  -> stays at 3".to_owned(), "a story has at most 5000 turns"),
        ("at 0s\n  pods: 9999 ready\n  -> stays at 3\nat 1s every 1s until 4000s\n  cpu is 1 on each pod\n  -> stays at 3".to_owned(), "the story has more than 1000000 values of pods, over all turns"),
    ];
    let begin = BEGIN.replace("pods: 3 ready\n", "");
    for (lines, expected) in cases {
        let error = refused(&format!("{begin}{lines}\n"));
        assert!(error.ends_with(expected) || error.contains(expected), "{error}");
    }
    let mut many = begin;
    for at in 0..60 {
        many.push_str(&format!("at {at}s\n  pods: 10000 ready\n  -> stays at 3\n"));
    }
    let error = refused(&many);
    assert!(error.contains("the story tells of too many pods"), "{error}");
}

#[test]
fn an_expectation_that_does_not_hold_shows_what_was_instead_and_why() {
    let text = format!(
        "{BEGIN}cpu is 50m on each pod\nat 15s\n  queue_depth is 60\n  -> scales 3 to 5\n  -> no events\n"
    );
    let text = text.replace("pods:", "template\n  container app requests cpu 100m\npods:");
    let story = Story::read(&text).expect("a story");
    let shown: Vec<String> = story.check().map(|failure| failure.to_string()).collect();
    let reason = "external metric queue_depth(&LabelSelector{MatchLabels:map[string]string{queue: mail,},\
                  MatchExpressions:[]LabelSelectorRequirement{},}) above target";
    let decision = "  the decision:
    scales up from 3 to 6 replicas
      cpu is 50% of requests (50m per pod), target 50%: asks for 3, as now (exactly the target, within 10%)
      external metric queue_depth is 60 in all, target 10 per pod: asks for 6 (60 / 10) <- taken";
    assert_eq!(
        shown,
        [
            format!("11:3: at 15s expected: scales 3 to 5\n  but: scales 3 to 6: \"{reason}\"\n{decision}"),
            format!(
                "12:3: at 15s expected: no events\n  but: the events are Normal SuccessfulRescale \"New size: 6; \
                 reason: {reason}\"\n{decision}"
            ),
        ]
    );
}

#[test]
fn a_turn_that_asks_for_a_metric_of_which_nothing_is_told_fails() {
    let text = format!("{BEGIN}cpu is 50m on each pod\nat 0s\n  -> cannot decide\n  -> metric calls 2\n");
    let story = Story::read(&text).expect("a story");
    let found: Vec<String> = story.check().map(|failure| failure.found).collect();
    assert_eq!(found, ["the story has not told what 'external metric queue_depth{…}' is"]);
}
