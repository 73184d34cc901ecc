//! Templates against Go's results, errors and advice, limits, and arbitrary input.

mod recorded;

use super::*;

/// The data of a rule for pods, as the rows of `testdata/template/rows.jsonl` expect it.
fn pods() -> Value<'static> {
    Value::record([
        ("Series", Value::from("http_requests")),
        ("LabelMatchers", Value::from(r#"namespace="default",pod=~"web-1|web-2""#)),
        ("LabelValuesByName", Value::map([("namespace", "default"), ("pod", "web-1|web-2"), ("empty", "")])),
        ("GroupBy", Value::from("pod,zone")),
        ("GroupBySlice", Value::strings(["pod", "zone"])),
    ])
}

fn render(text: &str) -> Result<String, String> {
    let template = Template::parse("metrics-query", text).map_err(|error| error.to_string())?;
    template.render(&pods()).map_err(|error| error.to_string())
}

/// Each row holds a template of ours and what Go's text/template makes of it: the text, the sentence with which it
/// refuses to parse, or that it fails to execute.
#[test]
fn templates_give_what_go_gives() {
    let rows = include_str!("../../../testdata/template/rows.jsonl");
    let mut wrong = Vec::new();
    for row in rows.lines() {
        let row: serde_json::Value = serde_json::from_str(row).expect("a row is JSON");
        let text = row["template"].as_str().expect("a row has a template");
        let parsed = Template::parse("metrics-query", text);
        let same = match (&parsed, &row["text"], &row["refused"]) {
            (Ok(template), serde_json::Value::String(expected), _) => {
                template.render(&pods()).as_deref() == Ok(expected)
            }
            (Err(error), _, serde_json::Value::String(message)) => error.message == *message,
            (Ok(template), _, serde_json::Value::Null) => {
                row["fails"].is_string() && template.render(&pods()).is_err()
            }
            _ => false,
        };
        if !same {
            wrong.push(format!("{row}\n  gave {:?}", parsed.map(|template| template.render(&pods()))));
        }
    }
    assert!(wrong.is_empty(), "{} rows differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn parse_errors_name_line_column_and_fix() {
    let rows = [
        (
            "sum(\n  <<foo .Series>>)",
            "template: metrics-query:2:5: function \"foo\" not defined (rule templates have only Go's own functions: and, call, eq, ge, gt, html, index, js, le, len, lt, ne, not, or, print, printf, println, slice, urlquery)",
        ),
        (
            "ü<<Series>>",
            "template: metrics-query:1:4: function \"Series\" not defined (a field starts with a dot: <<.Series>>)",
        ),
        (
            "<<.Series}}",
            "template: metrics-query:1:10: bad character U+007D '}' (actions end with >>, not }})",
        ),
        ("a\n<<.Series", "template: metrics-query:2:1: unclosed action (every << needs its >>)"),
        (
            "<<if .Series>>\n<<range .GroupBySlice>>x",
            "template: metrics-query:2:25: unexpected EOF (the <<range>> opened at 2:3 has no <<end>>)",
        ),
        (
            "<<end>>",
            "template: metrics-query:1:1: unexpected <<end>> (no <<if>>, <<range>>, <<with>>, <<block>> or <<define>> is open here)",
        ),
    ];
    for (text, message) in rows {
        assert_eq!(render(text).as_ref().map_err(String::as_str), Err(message), "{text}");
    }
    let helm = render("<<toYaml .>>").unwrap_err();
    assert!(helm.contains("toYaml is a Helm function"), "{helm}");
}

#[test]
fn execution_errors_name_the_field_and_what_there_is() {
    let rows = [
        (
            "<<index .LabelMatchersByName \"pod\">>",
            "template: metrics-query:1:9: executing \"metrics-query\" at <.LabelMatchersByName>: LabelMatchersByName is not a \
             field; available: .Series, .LabelMatchers, .LabelValuesByName, .GroupBy, .GroupBySlice",
        ),
        (
            "\n<<.series>>",
            "template: metrics-query:2:3: executing \"metrics-query\" at <.series>: series is not a field; write .Series \
             (available: .Series, .LabelMatchers, .LabelValuesByName, .GroupBy, .GroupBySlice)",
        ),
        (
            "<<define \"t\">><<.x>><<end>><<template \"t\" .Series>>",
            "template: metrics-query:1:17: executing \"t\" at <.x>: can't evaluate field x in type string: it has no fields",
        ),
        (
            "<<index .GroupBySlice 7>>",
            "template: metrics-query:1:3: executing \"metrics-query\" at <index .GroupBySlice 7>: error calling index: index \
             out of range: 7",
        ),
        (
            "<<range 3>><<end>>",
            "template: metrics-query:1:9: executing \"metrics-query\" at <3>: range can't iterate over a value of type int",
        ),
    ];
    for (text, message) in rows {
        assert_eq!(render(text).as_ref().map_err(String::as_str), Err(message), "{text}");
    }
}

#[test]
fn numbers_and_booleans_of_the_data_print_as_go_prints_them() {
    let data = Value::record([
        ("Int", Value::from(7_i64)),
        ("Float", Value::from(1e6)),
        ("Bool", Value::from(true)),
        ("Nil", Value::Nil),
        ("Owned", Value::from(String::from("x"))),
    ]);
    let template =
        Template::parse("t", "<<.Int>> <<.Float>> <<.Bool>> <<.Nil>> <<.Owned>> <<.>>").expect("parses");
    assert_eq!(template.render(&data).as_deref(), Ok("7 1e+06 true <no value> x {7 1e+06 true <nil> x}"));
}

#[test]
fn the_fields_a_template_names_are_listed_once_each() {
    let text = "<<if .A>><<with $.B.x>><<print (.C | len) (.D).y>><<end>><<else>><<template \"t\" .A>><<end>>\
                <<define \"t\">><<range $i, $v := .E>><<$v>><<end>><<end>>";
    let template = Template::parse("rule", text).expect("parses");
    let mut fields: Vec<_> = template.fields().collect();
    fields.sort_unstable();
    assert_eq!(fields, ["A", "B", "C", "D", "E"]);
    assert_eq!(template.name(), "rule");
    assert_eq!(template.text(), text);
}

#[test]
fn a_template_that_calls_itself_stops_at_a_depth() {
    for text in [
        "<<define \"t\">><<template \"t\" .>><<end>><<template \"t\" .>>",
        "x<<template \"metrics-query\" .>>",
        "<<define \"t\">><<with .>><<if .>><<range $.GroupBySlice>><<template \"t\" $>><<end>><<end>><<end>><<end>><<template \"t\" .>>",
    ] {
        let error = render(text).unwrap_err();
        assert!(error.contains("nest more than 150 levels"), "{text}: {error}");
    }
}

#[test]
fn nesting_in_the_text_is_bounded() {
    for (open, close) in
        [("<<if 1>>", "<<end>>"), ("<<if 1>>a<<else>>", "<<end>>"), ("<<block \"b\" .>>", "<<end>>")]
    {
        let deep = |count: usize| format!("{}x{}", open.repeat(count), close.repeat(count));
        assert!(Template::parse("t", &deep(50)).is_ok() || open.contains("block"), "{open}");
        let error = Template::parse("t", &deep(51)).unwrap_err();
        assert!(error.message.contains("nested more than 50 levels"), "{error}");
    }
    let deep = |count: usize| format!("<<{}1{}>>", "(".repeat(count), ")".repeat(count));
    assert_eq!(render(&deep(50)).as_deref(), Ok("1"));
    assert!(render(&deep(100_000)).is_err());
}

#[test]
fn output_steps_and_work_are_bounded() {
    let many =
        Value::record([("L", Value::strings(vec!["x"; 1000])), ("Big", Value::from("y".repeat(1 << 20)))]);
    let rows = [
        ("<<range .L>><<range $.L>>x<<end>><<end>>", "takes more than 100000 steps"),
        ("<<range .L>><<$.Big>><<end>>", "longer than 1048576 bytes"),
        (
            "<<range .L>><<range $.L>>0123456789012345678901234567890123456789<<end>><<end>>",
            "longer than 1048576 bytes",
        ),
        ("<<range .L>><<$x := len $.Big>><<end>>", "work on more than 16777216 bytes"),
        (
            "<<$x := \"0123456789abcdef\">><<range .L>><<$x = print $x $x>><<end>>",
            "longer than 1048576 bytes",
        ),
        ("<<printf \"%1000000d%1000000d\" 1 2>>", "longer than 1048576 bytes"),
        ("<<range .L>><<$x := printf \"%1000000d\" 1>><<end>>", "work on more than 16777216 bytes"),
    ];
    for (text, message) in rows {
        let error = Template::parse("t", text).expect("parses").render(&many).unwrap_err();
        assert!(error.message.contains(message), "{text}: {error}");
    }
    let error = Template::parse("t", &"x".repeat(MAX_TEXT + 1)).unwrap_err();
    assert!(error.message.contains("at most"), "{error}");
}

mod arbitrary {
    use proptest::prelude::*;

    fn pieces() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("<<"),
            Just(">>"),
            Just("<<- "),
            Just(" ->>"),
            Just("if "),
            Just("range "),
            Just("with "),
            Just("<<else>>"),
            Just("<<end>>"),
            Just("<<end>>"),
            Just("$x := "),
            Just("$x, $y := "),
            Just("$x"),
            Just("$"),
            Just("."),
            Just(".Series"),
            Just(".GroupBySlice"),
            Just(".LabelValuesByName"),
            Just(".no"),
            Just("("),
            Just(")"),
            Just(" | "),
            Just(" "),
            Just("\""),
            Just("'"),
            Just("`"),
            Just("1"),
            Just("-1.5e3"),
            Just("0x1p4"),
            Just("2i"),
            Just("printf "),
            Just("\"%[2]*.3x%v%+q%#08.3g\""),
            Just("index "),
            Just("slice "),
            Just("eq "),
            Just("len "),
            Just("js "),
            Just("define \"t\""),
            Just("template \"t\" "),
            Just("block \"b\" "),
            Just("<<break>>"),
            Just("<<continue>>"),
            Just("/*"),
            Just("*/"),
            Just("\\xff"),
            Just("é\u{301}"),
            Just("\n"),
        ];
        prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn no_text_makes_parsing_or_rendering_panic(text in prop_oneof![pieces(), "\\PC{0,60}".prop_map(String::from)]) {
            let _ = super::render(&text);
            let _ = super::render(&format!("<<{text}>>"));
        }

        #[test]
        fn no_format_makes_printing_panic(format in "(%[-+# 0]{0,3}[0-9*]{0,4}(\\.[0-9*]{0,5})?(\\[[0-9]{0,2}\\])?[a-zA-Z%!]?|\\PC){0,6}") {
            let quoted = super::quote(format.as_bytes());
            let _ = super::render(&format!("<<printf {quoted} 1 -2 1.5 \"a\" .GroupBySlice .LabelValuesByName 1i nil true>>"));
        }
    }
}
