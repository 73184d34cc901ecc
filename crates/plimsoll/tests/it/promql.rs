//! `plimsoll promql`: normal forms, mistakes with their place, results as Prometheus' users know them.

use std::path::Path;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::check::{Ended, plimsoll};

fn promql(arguments: &[&str], input: &str) -> Result<Ended> {
    plimsoll(Path::new(env!("CARGO_MANIFEST_DIR")), &[&["promql"], arguments].concat(), input)
}

#[test]
fn format_prints_the_normal_form() -> Result<()> {
    let ended = promql(&["format", "sum (rate(x{a='b',c=~\"d\"}[5m])) by(pod)>bool 1e3"], "")?;
    let normal = "sum by (pod) (rate(x{a=\"b\",c=~\"d\"}[5m])) > bool 1000\n";
    assert_eq!((ended.code, ended.out.as_str(), ended.err.as_str()), (Some(0), normal, ""));
    assert_eq!(promql(&["format", "-"], "sum  (x)\n")?.out, "sum(x)\n");
    let told = "error: 1:4: parse error: unexpected end of input\n   |\n 1 | 1 +\n   |    ^\n";
    let ended = promql(&["format", "1 +"], "")?;
    assert_eq!((ended.code, ended.out.as_str(), ended.err.as_str()), (Some(1), "", told));
    Ok(())
}

#[test]
fn check_says_the_type_or_the_mistake() -> Result<()> {
    let ended = promql(&["check", "rate(x[5m])"], "")?;
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), "ok: instant vector\n"));
    let ended = promql(&["check", "sum(\n  rate(x)\n)"], "")?;
    let told = "2:8: parse error: expected type range vector in call to function \"rate\", got instant vector\n   |\n 2 |   rate(x)\n   |        \
                ^\n";
    assert_eq!((ended.code, ended.out.as_str(), ended.err.as_str()), (Some(1), told, ""));
    let ended = promql(&["check", "sum(é) + y{", "--output=json"], "")?;
    let value: Value = serde_json::from_str(&ended.out)?;
    assert_eq!((ended.code, &value["valid"]), (Some(1), &json!(false)));
    ensure!(value["message"].is_string() && value["line"] == 1, "{value}");
    Ok(())
}

#[test]
fn every_bound_of_a_query_is_named() -> Result<()> {
    let deep = format!("{}1{}", "(".repeat(5_000), ")".repeat(5_000));
    let long = "x".repeat(70_000);
    let pattern = format!("x{{a=~\"{}\"}}", "a".repeat(20_000));
    for (query, bound) in [
        (&*deep, "expressions nest deeper than 100 levels"),
        (&*pattern, "16384"),
        ("x{a=~\"((a{1000}){1000}){1000}\"}", "a"),
    ] {
        let ended = promql(&["check", query], "")?;
        ensure!(ended.code == Some(1) && ended.out.contains(bound), "{bound}: {}", ended.out);
        ensure!(ended.out.len() < 2_000, "{} bytes are printed", ended.out.len());
    }
    let ended = promql(&["check", "-"], &long)?;
    ensure!(ended.code == Some(2) && ended.err.contains("more than 65536 bytes"), "{ended:?}");
    Ok(())
}

const LOAD: &str =
    "load 1m\n  http_requests_total{pod=\"a\"} 0+60x10\n  http_requests_total{pod=\"b\"} 0+30x10\n";

#[test]
fn an_instant_query_prints_as_promtool_does() -> Result<()> {
    for (arguments, out) in [
        (
            &["sum by (pod) (rate(http_requests_total[5m]))"][..],
            "{pod=\"a\"} => 1 @[600]\n{pod=\"b\"} => 0.5 @[600]\n",
        ),
        (
            &["http_requests_total", "--time=90.5"],
            "http_requests_total{pod=\"a\"} => 60 @[90.5]\nhttp_requests_total{pod=\"b\"} => 30 @[90.5]\n",
        ),
        (&["1 / 0"], "scalar: +Inf @[600]\n"),
        (&["'text'", "--time=1970-01-01T00:00:01Z"], "text\n"),
        (
            &["http_requests_total{pod=\"a\"}[2m]"],
            "http_requests_total{pod=\"a\"} =>\n540 @[540]\n600 @[600]\n",
        ),
    ] {
        let ended = promql(&[&["eval", "--load=-"], arguments].concat(), LOAD)?;
        assert_eq!((ended.code, ended.out.as_str(), ended.err.as_str()), (Some(0), out, ""), "{arguments:?}");
    }
    Ok(())
}

#[test]
fn a_range_query_prints_as_promtool_does() -> Result<()> {
    let arguments =
        ["eval", "--load=-", "sum(rate(http_requests_total[5m]))", "--start=300", "--end=420", "--step=1m"];
    let ended = promql(&arguments, LOAD)?;
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), "{} =>\n1.5 @[300]\n1.5 @[360]\n1.5 @[420]\n"));
    Ok(())
}

#[test]
fn json_is_that_of_the_http_api() -> Result<()> {
    let ended = promql(&["eval", "--load=-", "-ojson", "http_requests_total{pod=\"a\"}"], LOAD)?;
    let wanted = json!({"status": "success", "data": {"resultType": "vector", "result": [
        {"metric": {"__name__": "http_requests_total", "pod": "a"}, "value": [600, "600"]}]}});
    assert_eq!(serde_json::from_str::<Value>(&ended.out)?, wanted);
    let histogram = "load 1m\n  h {{schema:0 sum:5 count:4 buckets:[1 2 1]}}x2\n";
    let ended = promql(&["eval", "--load=-", "-ojson", "h", "--time=60.5"], histogram)?;
    let wanted = json!({"status": "success", "data": {"resultType": "vector", "result": [{
        "metric": {"__name__": "h"},
        "histogram": [60.5, {"count": "4", "sum": "5", "buckets":
            [[0, "0.5", "1", "1"], [0, "1", "2", "2"], [0, "2", "4", "1"]]}]}]}});
    assert_eq!(serde_json::from_str::<Value>(&ended.out)?, wanted);
    let ended = promql(&["eval", "--load=-", "-ojson", "sum("], LOAD)?;
    let value: Value = serde_json::from_str(&ended.out)?;
    assert_eq!(
        (ended.code, &value["status"], &value["errorType"]),
        (Some(1), &json!("error"), &json!("bad_data"))
    );
    Ok(())
}

#[test]
fn what_is_to_be_said_of_a_result_goes_to_standard_error() -> Result<()> {
    let load = "load 1m\n  requests 0+60x10\n\neval instant at 5m requests\n  requests 300\n";
    let ended = promql(&["eval", "--load=-", "rate(requests[5m])"], load)?;
    let told = "note: 1 eval command of the file is not run\nnote: PromQL info: metric might not be a counter, name does not end \
                in _total/_sum/_count/_bucket: \"requests\" (1:6)\n";
    assert_eq!((ended.out.as_str(), ended.err.as_str()), ("{} => 1 @[600]\n", told));
    let ended =
        promql(&["eval", "--load=-", "irate(x_total[5m]) + rate(x_total[5m])", "--time=0"], "x_total 1\n")?;
    let told = "note: the result is empty at 1970-01-01T00:00:00Z: irate() and rate() need two samples of a series in the window, and \
                what a target exposes is one of each: give a load block\n";
    assert_eq!((ended.code, ended.out.as_str(), ended.err.as_str()), (Some(0), "", told));
    Ok(())
}

#[test]
fn open_metrics_times_make_a_range() -> Result<()> {
    let text = "x_total 1 100\nx_total 7 160\n# EOF\n";
    let ended = promql(&["eval", "--load=-", "increase(x_total[2m])", "--time=160"], text)?;
    ensure!(ended.out.starts_with("{} => "), "{ended:?}");
    let ended = promql(&["eval", "--load=-", "x_total", "--start=100", "--end=160", "--step=60"], text)?;
    assert_eq!(ended.out, "x_total =>\n1 @[100]\n7 @[160]\n");
    Ok(())
}

#[test]
fn what_cannot_be_evaluated_is_told_with_a_way_out() -> Result<()> {
    for (arguments, input, code, told) in [
        (
            &["eval", "x"][..],
            "",
            2,
            "error: no series are given\n  fix: add --load=FILE, or --load=- to read them from standard input\n",
        ),
        (
            &["eval", "--load=-", "-"],
            "",
            2,
            "error: the query and --load cannot both be standard input\n  fix: write the series to a file\n",
        ),
        (
            &["eval", "--load=-", "x", "--start=1"],
            "",
            2,
            "error: a range query needs all of --start, --end and --step\n  fix: plimsoll promql eval --load=FILE --start=0 \
             --end=3600 --step=60 EXPR\n",
        ),
        (
            &["eval", "--load=-", "x", "--start=2", "--end=1", "--step=1"],
            "",
            2,
            "error: --end is before --start\n  fix: swap them\n",
        ),
        (
            &["eval", "--load=-", "x", "--start=0", "--end=1e6", "--step=1ms"],
            LOAD,
            1,
            "error: 1000000001 steps are asked for, at most 11000 are evaluated\n  fix: use a longer --step or a shorter range\n",
        ),
        (
            &["eval", "--load=-", "x", "--start=0", "--end=1", "--step=1"],
            "x 1\n",
            1,
            "error: the samples of the file have no times, and a range query needs some\n  fix: use --time, or give a load block, \
             or samples with times\n",
        ),
        (
            &["eval", "--load=-", "x"],
            "[{\"__name__\": \"x\"}]",
            1,
            "error: the file lists series without values, and a query needs values\n  fix: give what /metrics of a target shows, or \
             a load block\n",
        ),
        (
            &["eval", "--load=-", "x"],
            "load 1m\n  x 1\n\nload 2\n  x 1\n",
            1,
            "error: <stdin>:4:1: not a valid duration string: \"2\"\n   |\n 4 | load 2\n   | ^\n  fix: load 1m\n         \
             name{label=\"value\"} 1 2 3\n",
        ),
        (
            &["eval", "--load=-", "sum_over_time(x[1y:1ms])"],
            LOAD,
            1,
            "error: 31536000000 steps are asked for, at most 100000 are evaluated; use a longer step or a shorter range\n",
        ),
        (
            &["evil"],
            "",
            2,
            "error: there is no command \"evil\"\n  fix: did you mean `plimsoll promql eval`?\n",
        ),
        (
            &[],
            "",
            2,
            "error: `plimsoll promql` needs one of format, check and eval\n  fix: plimsoll promql check \
             'sum(rate(http_requests_total[5m]))'\n",
        ),
    ] {
        let ended = promql(arguments, input)?;
        assert_eq!((ended.code, ended.err.as_str()), (Some(code), told), "{arguments:?}");
    }
    Ok(())
}
