//! Limits, warnings and positions of loading.

use super::{Code, Config, Finding, Position, Section, Text};

fn load(source: &str) -> Config {
    Config::parse(source).unwrap().config
}

/// The position of each place where `needle` stands in the value.
fn positions(text: &Text, needle: &str) -> Vec<(u32, u32)> {
    let offsets = text.match_indices(needle).map(|(offset, _)| offset);
    offsets.map(|offset| text.position_at(offset)).map(|at| (at.line, at.column)).collect()
}

/// The metricsQuery of the only rule.
fn query(source: &str) -> Text {
    load(source).rules[0].metrics_query.clone()
}

#[test]
fn characters_of_a_plain_text_are_found_in_the_file() {
    let text = query("rules:\n- metricsQuery: sum(é X) by (X)\n");
    assert_eq!(positions(&text, "X"), [(2, 23), (2, 30)]);
    assert_eq!(text.position(), Position { line: 2, column: 17 });
    assert_eq!(text.position_at(999), Position { line: 2, column: 32 });
}

#[test]
fn characters_of_a_literal_block_are_found_in_the_file() {
    let text = query("rules:\n- metricsQuery: |\n    sum(\n      X\n\n    ) X\n  seriesQuery: x\n");
    assert_eq!(text, "sum(\n  X\n\n) X\n");
    assert_eq!(positions(&text, "X"), [(4, 7), (6, 7)]);
    assert_eq!(text.position_at(0), Position { line: 3, column: 5 });
}

#[test]
fn characters_of_a_folded_block_are_found_in_the_file() {
    let text = query("rules:\n- metricsQuery: >- # note with X\n    sum(\n    X)\n    by (X)\n");
    assert_eq!(text, "sum( X) by (X)");
    assert_eq!(positions(&text, "X"), [(4, 5), (5, 9)]);
}

#[test]
fn characters_of_quoted_texts_are_found_in_the_file() {
    let single = query("rules:\n- metricsQuery: 'it''s ''X'''\n");
    assert_eq!(single, "it's 'X'");
    assert_eq!(positions(&single, "X"), [(2, 26)]);
    let double = query("rules:\n- metricsQuery: \"a\\\"b\\x41 \\u00e9X\\n\\\n    X\n    X\"\n");
    assert_eq!(double, "a\"bA éX\nX X");
    assert_eq!(positions(&double, "A"), [(2, 22)]);
    assert_eq!(positions(&double, "X"), [(2, 33), (3, 5), (4, 5)]);
}

#[test]
fn characters_behind_an_alias_are_found_at_its_anchor() {
    let config = load("rules:\n- metricsQuery: &q sum(X)\n- metricsQuery: *q\n");
    assert_eq!(positions(&config.rules[1].metrics_query, "X"), [(2, 24)]);
    assert_eq!(config.rules[1].place.position, Position { line: 3, column: 3 });
}

#[test]
fn characters_after_windows_line_breaks_are_found_in_the_file() {
    let text = query("rules:\r\n- metricsQuery: |\r\n    a\r\n    X\r\n");
    assert_eq!(positions(&text, "X"), [(4, 5)]);
}

#[test]
fn a_byte_order_mark_takes_no_column() {
    let error = Config::parse("\u{feff}Rules: []\n").unwrap_err();
    assert_eq!(error.findings[0].position, Position { line: 1, column: 1 });
    assert_eq!(error.render("c").lines().nth(3), Some("   | ^^^^^"));
}

#[test]
fn every_rule_knows_its_place() {
    let config = load(
        "rules:\n- seriesQuery: a\n- seriesQuery: b\nexternalRules:\n- {seriesQuery: c}\nresourceRules:\n  cpu:\n    \
         nodeQuery: d\n",
    );
    let second = config.rules[1].place;
    assert_eq!(second.to_string(), "rule 2 of rules");
    assert_eq!(second.position, Position { line: 3, column: 3 });
    assert_eq!(config.external_rules[0].place.to_string(), "rule 1 of externalRules");
    let resource_rules = config.resource_rules.unwrap();
    assert_eq!(resource_rules.cpu.place.to_string(), "resourceRules.cpu");
    assert_eq!(resource_rules.memory.place.section, Section::Memory);
}

#[test]
fn an_absent_field_points_at_its_holder() {
    let config = load("rules:\n- seriesQuery: a\n  name: {matches: b}\n");
    let rule = &config.rules[0];
    assert!(!rule.metrics_query.is_present() && rule.name.matches.is_present());
    assert_eq!(rule.metrics_query.position(), Position { line: 2, column: 3 });
    assert_eq!(rule.name.replacement.position(), Position { line: 3, column: 9 });
}

#[test]
fn labels_keep_the_order_of_the_file() {
    let config = load("rules:\n- resources: {overrides: {z: {resource: pod}, a: {resource: pod}, m: {}}}\n");
    let labels: Vec<&str> =
        config.rules[0].resources.overrides.iter().map(|entry| entry.label.as_str()).collect();
    assert_eq!(labels, ["z", "a", "m"]);
}

#[test]
fn a_further_document_is_ignored_with_a_warning() {
    let loaded = Config::parse("rules: []\n---\nrules: [\n").unwrap();
    let [warning] = &loaded.warnings[..] else { panic!("{:?}", loaded.warnings) };
    assert_eq!(
        warning.render("config.yaml"),
        "config.yaml:2:1: only the first document of the file is read\n   |\n 2 | ---\n   | ^^^\n  \
         fix: move what follows `---` into the first document"
    );
}

#[test]
fn a_placeholder_inside_quotes_is_warned_about() {
    let loaded = Config::parse("rules:\n- seriesQuery: \"{{ .Values.query }}\"\n").unwrap();
    let [warning] = &loaded.warnings[..] else { panic!("{:?}", loaded.warnings) };
    assert_eq!(
        (warning.code, warning.position),
        (Code::UnrenderedTemplate, Position { line: 2, column: 17 })
    );
    let promql = Config::parse("rules:\n- metricsQuery: 'x{a=~\"b{{2}}\"}'\n").unwrap();
    assert_eq!(promql.warnings, []);
}

#[test]
fn a_text_larger_than_a_config_map_is_refused() {
    let line = "# a comment\n";
    let small = line.repeat((1 << 20) / line.len());
    assert!(Config::parse(&small).is_ok());
    let error = Config::parse(&(small + line)).unwrap_err();
    assert_eq!(error.findings[0].code, Code::TooLarge);
}

#[test]
fn aliases_cannot_multiply_a_file_beyond_its_bound() {
    let mut source = format!("rules:\n- &r0 {{seriesQuery: '{}'}}\n", "x".repeat(10_000));
    source.push_str(&"- *r0\n".repeat(10_000));
    let error = Config::parse(&source).unwrap_err();
    assert_eq!(error.findings[0].code, Code::ExcessiveAliases);
    assert_eq!(error.findings.len(), 1);
}

#[test]
fn nesting_has_a_bound() {
    for (open, close) in [("[", "]"), ("{a: ", "}")] {
        let source = format!("x: {}{}\n", open.repeat(10_000), close.repeat(10_000));
        assert!(Config::parse(&source).is_err(), "{open}");
    }
    let mut block = String::new();
    for depth in 0..500 {
        block.push_str(&format!("{}a:\n", " ".repeat(depth)));
    }
    assert!(Config::parse(&block).is_err());
}

#[test]
fn a_file_full_of_mistakes_lists_some_of_them() {
    let source = format!("rules:\n{}", "- seriesquery: x\n".repeat(5_000));
    let error = Config::parse(&source).unwrap_err();
    assert_eq!(error.findings.len(), 21);
    assert_eq!(error.findings.last().map(|finding| finding.code), Some(Code::TooManyMistakes));
}

#[test]
fn a_file_of_nothing_but_labels_loads_with_each_of_them() {
    let labels: String = (0..60_000).map(|number| format!("l{number}: {{}}\n      ")).collect();
    let config = load(&format!("rules:\n- resources:\n    overrides:\n      {labels}"));
    assert_eq!(config.rules[0].resources.overrides.len(), 60_000);
}

#[test]
fn a_long_line_is_shown_around_the_mistake() {
    let source = format!(
        "rules:\n- {{seriesQuery: '{}', nmae: x, metricsQuery: '{}'}}\n",
        "a".repeat(500),
        "b".repeat(500)
    );
    let shown = Config::parse(&source).unwrap_err().render("c");
    let lines: Vec<&str> = shown.lines().collect();
    assert!(lines[2].starts_with(" 2 | …aaa") && lines[2].ends_with("bbb…"), "{shown}");
    let caret = lines[3].chars().position(|character| character == '^').unwrap();
    assert_eq!(lines[2].chars().skip(caret).take(4).collect::<String>(), "nmae", "{shown}");
}

#[test]
fn a_finding_of_the_rule_compiler_looks_like_one_of_the_loader() {
    let source = "rules:\n- seriesQuery: x\n  metricsQuery: |\n    sum(<<.Serie>>)\n";
    let loaded = Config::parse(source).unwrap();
    let rule = &loaded.config.rules[0];
    let finding =
        Finding::new(Code::QueryTemplate, rule.metrics_query.position_at(6), "there is no field .Serie")
            .in_rule(rule.place, &rule.series_query)
            .with_fix("write .Series")
            .with_excerpt(&loaded.source, 6);
    assert_eq!(
        finding.render("config.yaml"),
        "config.yaml:4:11: there is no field .Serie\n   |\n 4 |     sum(<<.Serie>>)\n   |           ^^^^^^\n  \
         in rule 1 of rules (seriesQuery x)\n  fix: write .Series"
    );
}

proptest::proptest! {
    #[test]
    fn no_text_makes_loading_panic(source in r#"(rules|externalRules|name|as|<<|&a|\*a|[-:?{}\[\],'"|>\n \t#!%@~]|\n- |\n  |x|é|\u{feff}){0,40}"#) {
        let _ = Config::parse(&source).map_err(|error| error.render("c"));
    }
}
