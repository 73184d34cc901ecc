//! `plimsoll check`: every finding as it is printed, exit codes, JSON, and the series that rules are tried on.
//!
//! `testdata/check/CODE.yaml` shows the finding of that code, and `CODE.txt` is all that is printed about it. Run with
//! `PLIMSOLL_WRITE_TESTDATA=1` to rewrite the texts, and read what changed.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use plimsoll_adapter::config::{Code, Config};
use plimsoll_adapter::rules::RuleSet;
use serde_json::Value;

/// What a command left behind.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// Runs `plimsoll` in `folder` with `input` on its standard input.
pub fn plimsoll(folder: &Path, arguments: &[&str], input: &str) -> Result<Ended> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    // Whoever refuses an input early does not read it.
    let _ = child.stdin.take().context("no standard input")?.write_all(input.as_bytes());
    let output = child.wait_with_output()?;
    Ok(Ended {
        code: output.status.code(),
        out: String::from_utf8(output.stdout)?,
        err: String::from_utf8(output.stderr)?,
    })
}

fn testdata() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/check")
}

/// Codes whose files are too large to keep.
const GENERATED: [Code; 3] = [Code::TooLarge, Code::ExcessiveAliases, Code::TooManyMistakes];

/// What a file of the code is checked with besides `--config`.
fn flags(code: Code) -> &'static [&'static str] {
    match code {
        Code::GmpMetricName | Code::GmpLanguage | Code::GmpAllClusters => &["--backend=gmp"],
        Code::QueryFailed => &["--series=query-failed.series", "--time=1700000000"],
        _ => &[],
    }
}

#[test]
fn every_finding_is_printed_with_rule_place_reason_and_fix() -> Result<()> {
    let mut different = Vec::new();
    for code in Code::ALL.iter().filter(|code| !GENERATED.contains(code)) {
        let (config, expected) = (format!("{code}.yaml"), testdata().join(format!("{code}.txt")));
        let arguments = [&["check", "--config", &config], flags(*code)].concat();
        let ended = plimsoll(&testdata(), &arguments, "")?;
        if std::env::var_os("PLIMSOLL_WRITE_TESTDATA").is_some() {
            std::fs::write(&expected, &ended.out)?;
        }
        let wanted = std::fs::read_to_string(&expected).unwrap_or_default();
        if ended.out != wanted {
            different.push(format!("{code} is told\n{}instead of\n{wanted}", ended.out));
        }
        ensure!(
            ended.out.contains(&format!(": {} [{code}]: ", code.severity())),
            "{code} is not found:\n{}",
            ended.out
        );
        // A file that others check without their flags has the finding of its name alone at fault.
        let clean = ended.out.contains("nothing to correct");
        assert_eq!(ended.code, Some(i32::from(!clean)), "{code}");
        assert_eq!(ended.err, "", "{code}");
    }
    ensure!(different.is_empty(), "{}", different.join("\n"));
    Ok(())
}

#[test]
fn files_beyond_their_bounds_are_told_which() -> Result<()> {
    let aliases =
        format!("rules:\n- &r0 {{seriesQuery: '{}'}}\n{}", "x".repeat(10_000), "- *r0\n".repeat(10_000));
    for (code, config, told) in [
        (
            Code::TooLarge,
            "# comment\n".repeat(200_000),
            "the file has 2000000 bytes; at most 1048576 are read",
        ),
        (Code::ExcessiveAliases, aliases, "aliases expand this file beyond any sensible size"),
        (
            Code::TooManyMistakes,
            format!("rules:\n{}", "- a: x\n".repeat(50)),
            "further mistakes are not listed",
        ),
    ] {
        let ended = plimsoll(&testdata(), &["check", "--config=-"], &config)?;
        let line = format!("error [{code}]: {told}");
        ensure!(ended.code == Some(1) && ended.out.contains(&line), "{ended:?}");
    }
    let ended = plimsoll(&testdata(), &["check", "--config=-"], &"# comment\n".repeat(500_000))?;
    let told = "error: <stdin> has more than 4194304 bytes, which are the most that are read\n  fix: a ConfigMap cannot hold \
                more than 1 MiB: check that this is the right file\n";
    assert_eq!((ended.code, ended.err.as_str()), (Some(2), told));
    Ok(())
}

/// What only a check can know: it has a cluster without extensions, a server of its choice, or series.
const OF_CHECKS: [Code; 5] =
    [Code::ResourceUnknown, Code::GmpMetricName, Code::GmpLanguage, Code::GmpAllClusters, Code::QueryFailed];

#[test]
fn a_server_says_the_same_words_when_it_loads_the_file() -> Result<()> {
    let mut compared = 0;
    for code in Code::ALL.iter().filter(|code| !GENERATED.contains(code) && !OF_CHECKS.contains(code)) {
        let text = std::fs::read_to_string(testdata().join(format!("{code}.yaml")))?;
        let compiled = Config::parse(&text).and_then(|loaded| RuleSet::compile(&loaded));
        // What stops a start, what is logged at a start, and what is logged once the cluster is known.
        let said = match compiled {
            Err(error) => error.findings,
            Ok(rules) => rules.warnings,
        };
        let printed = plimsoll(&testdata(), &["check", "--config", &format!("{code}.yaml")], "")?.out;
        for finding in &said {
            let words = finding.render_with_code(&format!("{code}.yaml"));
            ensure!(printed.contains(&words), "{words}\nis not in\n{printed}");
            compared += 1;
        }
    }
    ensure!(compared > 40, "only {compared} findings were compared");
    Ok(())
}

#[test]
fn the_readme_shows_what_is_printed() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(root.join("../../README.md"))?;
    for arguments in [
        &["check", "--config", "config.yaml"][..],
        &["check", "--config", "fixed.yaml", "--series", "series.txt"],
    ] {
        let ended = plimsoll(&root.join("testdata/readme"), arguments, "")?;
        let shown = format!("$ plimsoll {}\n{}", arguments.join(" "), ended.out);
        ensure!(readme.contains(&shown), "README.md does not show\n{shown}");
    }
    Ok(())
}

const GOOD: &str = "rules:\n- seriesQuery: http_requests_total{namespace!=\"\",pod!=\"\"}\n  resources: {overrides: {namespace: \
                    {resource: namespace}, pod: {resource: pod}}}\n  name: {matches: ^(.*)_total$, as: \
                    \"${1}_per_second\"}\n  metricsQuery: sum(rate(<<.Series>>{<<.LabelMatchers>>}[2m])) by \
                    (<<.GroupBy>>)\nexternalRules:\n- seriesQuery: queue_depth\n  resources: {namespaced: false}\n  \
                    metricsQuery: max(<<.Series>>{<<.LabelMatchers>>}) by (queue)\n";

#[test]
fn a_good_file_ends_with_zero_and_says_what_was_checked() -> Result<()> {
    for (config, told) in [
        (GOOD, "<stdin>: 1 rule, 1 external rule: nothing to correct\n"),
        ("", "<stdin>: no rules: nothing to correct\n"),
    ] {
        let ended = plimsoll(&testdata(), &["check", "--config=-"], config)?;
        assert_eq!((ended.code, ended.out.as_str(), ended.err.as_str()), (Some(0), told, ""));
    }
    Ok(())
}

#[test]
fn whoever_cannot_be_followed_is_told_on_standard_error_and_ends_with_two() -> Result<()> {
    for (arguments, told) in [
        (
            &["check"][..],
            "error: no configuration file is given\n  fix: add --config=FILE, or --config=- to read it from standard input\n",
        ),
        (
            &["check", "--config=absent.yaml"],
            "error: absent.yaml cannot be read: No such file or directory (os error 2)\n  fix: check the path; it counts from \
             the working directory\n",
        ),
        (
            &["check", "--config=-", "--series=-"],
            "error: --config and --series cannot both be standard input\n  fix: write one of them to a file\n",
        ),
        (
            &["check", "--config=-", "--backend=thanos"],
            "error: --backend=thanos cannot be followed: it is none of the possible values\n  fix: write prometheus or gmp\n",
        ),
        (
            &["check", "--config=-", "--time=now"],
            "error: --time=now cannot be followed: it is no time\n  fix: write Unix seconds, as in 1700000000, or RFC 3339, as in \
             2023-11-14T22:13:20Z\n",
        ),
        (
            &["check", "--config=-", "--time=5"],
            "error: --time has no effect without --series\n  fix: add --series=FILE, or remove --time\n",
        ),
        (&["check", "--confg=-"], "error: there is no flag --confg\n  fix: did you mean --config?\n"),
        (
            &["check", "config.yaml"],
            "error: \"config.yaml\" belongs to no flag\n  fix: the file is given with --config: plimsoll check --config=config.yaml\n",
        ),
    ] {
        let ended = plimsoll(&testdata(), arguments, "")?;
        assert_eq!(
            (ended.code, ended.out.as_str(), ended.err.as_str()),
            (Some(2), "", told),
            "{arguments:?}"
        );
    }
    Ok(())
}

#[test]
fn json_has_everything_that_the_text_has() -> Result<()> {
    let ended = plimsoll(&testdata(), &["check", "--config=label-lost.yaml", "--output=json"], "")?;
    let report: Value = serde_json::from_str(&ended.out)?;
    assert_eq!(ended.code, Some(1));
    assert_eq!(report["schemaVersion"], 1);
    assert_eq!(report["rules"], serde_json::json!({"custom": 2, "external": 0, "resource": false}));
    assert_eq!(report["counts"], serde_json::json!({"error": 2, "warning": 0, "hint": 0}));
    assert_eq!(
        report["findings"][0],
        serde_json::json!({
            "code": "label-lost", "severity": "error", "line": 4, "column": 17,
            "rule": {"section": "rules", "number": 1, "seriesQuery": "queue_depth{namespace!=\"\",pod!=\"\"}"},
            "message": "metricsQuery drops the label `pod`, which says whose value it is",
            "fix": "aggregate with by (<<.GroupBy>>)",
            "rendered": {
                "query": "sum(queue_depth{namespace=\"default\",pod=\"example-1\"})", "line": 1, "column": 1,
            },
        })
    );
    Ok(())
}

/// Writes both texts and checks them.
fn tried(config: &str, series: &str, more: &[&str]) -> Result<Ended> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("config.yaml"), config)?;
    let arguments = [&["check", "--config=config.yaml", "--series=-"], more].concat();
    plimsoll(folder.path(), &arguments, series)
}

#[test]
fn rules_are_tried_on_series_over_time() -> Result<()> {
    let series = "load 1m\n  http_requests_total{namespace=\"default\",pod=\"web-1\"} 0+60x10\n  \
                  http_requests_total{namespace=\"default\",pod=\"web-2\"} 0+30x10\n  \
                  http_requests_total{namespace=\"other\",pod=\"web-1\"} 0+6x10\n  queue_depth{queue=\"orders\"} 7x10\n";
    let told = r#"tried on 4 series of <stdin> (load blocks) at 1970-01-01T00:10:00Z

rule 1 of rules (http_requests_total{namespace!="",pod!=""}): 3 series
  http_requests_per_second (namespaces)
    query: sum(rate(http_requests_total{namespace=~"default|other"}[2m])) by (namespace)
    default  1500m
    other    100m
  http_requests_per_second (pods in namespace default)
    query: sum(rate(http_requests_total{namespace="default",pod=~"web-1|web-2"}[2m])) by (pod)
    web-1  1
    web-2  500m
  http_requests_per_second (pods in namespace other)
    query: sum(rate(http_requests_total{namespace="other",pod="web-1"}[2m])) by (pod)
    web-1  100m

rule 1 of externalRules (queue_depth): 1 series
  queue_depth (external metric)
    query: max(queue_depth{}) by (queue)
    {queue="orders"}  7

config.yaml: 1 rule, 1 external rule: nothing to correct
"#;
    let ended = tried(GOOD, series, &[])?;
    assert_eq!((ended.code, ended.out.as_str(), ended.err.as_str()), (Some(0), told, ""));
    Ok(())
}

#[test]
fn a_rate_over_what_a_target_shows_says_that_it_needs_two_samples() -> Result<()> {
    let series = "# TYPE http_requests_total counter\nhttp_requests_total{namespace=\"default\",pod=\"web-1\"} 5\n\
                  http_requests_total{namespace=\"default\",pod=\"web-1\"} 6\nqueue_depth{queue=\"orders\"} 7\n";
    let ended = tried(GOOD, series, &["--time=1700000000"])?;
    ensure!(
        ended.out.contains("tried on 2 series of <stdin> (text format) at 2023-11-14T22:13:20Z"),
        "{ended:?}"
    );
    let told = "    no value: rate() needs two samples of a series in the window, and what a target exposes is one of each: give a \
                load block\n";
    assert_eq!(ended.out.matches(told).count(), 2, "{}", ended.out);
    ensure!(ended.out.contains("    {queue=\"orders\"}  7\n"), "{}", ended.out);
    assert_eq!(ended.err, "note: 1 sample repeats a series at the same time and is left out\n");
    Ok(())
}

#[test]
fn series_without_values_show_names_and_queries() -> Result<()> {
    let series = r#"{"status":"success","data":[
        {"__name__":"http_requests_total","namespace":"default","pod":"web-1"},{"__name__":"up","pod":"web-1"}]}"#;
    let told = r#"tried on 2 series of <stdin> (answer of /api/v1/series), which have no values

rule 1 of rules (http_requests_total{namespace!="",pod!=""}): 1 series
  http_requests_per_second (namespaces)
    query: sum(rate(http_requests_total{namespace="default"}[2m])) by (namespace)
  http_requests_per_second (pods in namespace default)
    query: sum(rate(http_requests_total{namespace="default",pod="web-1"}[2m])) by (pod)

rule 1 of externalRules (queue_depth): 0 series

config.yaml: 1 rule, 1 external rule: nothing to correct
"#;
    let ended = tried(GOOD, series, &[])?;
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), told));
    let json: Value = serde_json::from_str(&tried(GOOD, series, &["--output=json"])?.out)?;
    assert_eq!(json["series"]["hasValues"], false);
    let metric = &json["tried"][0]["metrics"][1];
    assert_eq!((&metric["name"], &metric["resource"]), (&"http_requests_per_second".into(), &"pods".into()));
    assert_eq!(metric["values"], serde_json::json!([]));
    Ok(())
}

#[test]
fn resource_rules_are_tried_too() -> Result<()> {
    let half = |series: &str| {
        format!(
            "    containerQuery: sum({series}{{<<.LabelMatchers>>}}) by (<<.GroupBy>>)\n    nodeQuery: \
             sum(node_{series}{{<<.LabelMatchers>>}}) by (<<.GroupBy>>)\n    containerLabel: container\n    resources: {{overrides: \
             {{node: {{resource: node}}, namespace: {{resource: namespace}}, pod: {{resource: pod}}}}}}\n"
        )
    };
    let config =
        format!("resourceRules:\n  window: 1m\n  cpu:\n{}  memory:\n{}", half("cores"), half("bytes"));
    let series =
        "cores{namespace=\"default\",pod=\"web-1\",container=\"app\"} 0.25\nnode_cores{node=\"n1\"} 2\n";
    let told = r#"resourceRules.cpu:
  containers (pods in namespace default)
    query: sum(cores{namespace="default",pod="web-1"}) by (pod,container)
    {container="app", pod="web-1"}  250m
  nodes (nodes)
    query: sum(node_cores{node="n1"}) by (node)
    {node="n1"}  2

resourceRules.memory:
  containers (pods in namespace default)
    query: sum(bytes{namespace="default",pod="web-1"}) by (pod,container)
    no value: the query gives no sample
"#;
    let ended = tried(&config, series, &[])?;
    ensure!(ended.code == Some(0) && ended.out.contains(told), "{}", ended.out);
    Ok(())
}

#[test]
fn a_metric_of_many_objects_is_shown_for_some_of_them() -> Result<()> {
    let config = GOOD.replace("rate(<<.Series>>{<<.LabelMatchers>>}[2m])", "<<.Series>>{<<.LabelMatchers>>}");
    let series: String = (0..5)
        .flat_map(|namespace| (0..30).map(move |pod| (namespace, pod)))
        .map(|(namespace, pod)| {
            format!("http_requests_total{{namespace=\"n{namespace}\",pod=\"p{pod:02}\"}} {pod}\n")
        })
        .collect();
    let ended = tried(&config, &series, &[])?;
    assert_eq!(ended.out.matches("(pods in namespace").count(), 3, "{}", ended.out);
    ensure!(ended.out.contains("    p09  9\n    and 20 more values or namespaces\n"), "{}", ended.out);
    ensure!(ended.out.contains("    and 22 more values or namespaces\n"), "{}", ended.out);
    Ok(())
}

#[test]
fn a_file_of_series_with_a_mistake_is_told_its_place() -> Result<()> {
    for (series, told) in [
        (
            "up 1\nup{pod='a'} 1\n",
            "error: <stdin>:2:8: the value of `pod` is expected in double quotes, not `'`\n   |\n 2 | up{pod='a'} 1\n   |        \
             ^\n  fix: pod=\"value\"\n",
        ),
        (
            "{\"status\":\"error\",\"error\":\"invalid parameter\"}",
            "error: <stdin>:1:1: the answer is no success: invalid parameter\n   |\n 1 | \
             {\"status\":\"error\",\"error\":\"invalid parameter\"}\n   | ^\n  fix: ask again: GET /api/v1/series?match[]=SELECTOR\n",
        ),
        (
            "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\"}}",
            "error: <stdin>:1:1: `data` is no list of series: an answer of /api/v1/query has other members\n   |\n 1 | \
             {\"status\":\"success\",\"data\":{\"resultType\":\"vector\"}}\n   | ^\n  fix: give the answer of \
             /api/v1/series?match[]=SELECTOR\n",
        ),
    ] {
        let ended = tried(GOOD, series, &[])?;
        assert_eq!((ended.code, ended.out.as_str(), ended.err.as_str()), (Some(1), "", told));
    }
    Ok(())
}
