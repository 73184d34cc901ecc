//! Texts that are read, and texts that are refused with the place and what to write.

use plimsoll_collector::exposition::{Exposition, ExpositionError, Format, Kind, Limits, parse};
use plimsoll_model::series::NAN_BITS;
use proptest::prelude::*;

fn text(text: &str) -> Result<Exposition, ExpositionError> {
    parse(text.as_bytes(), Format::Text, &Limits::default())
}

fn open_metrics(text: &str) -> Result<Exposition, ExpositionError> {
    parse(text.as_bytes(), Format::OpenMetrics, &Limits::default())
}

/// The samples, one a line: labels, value, and time where there is one.
fn shown(exposition: &Exposition) -> String {
    let lines = exposition.samples.iter().map(|sample| {
        let labels: Vec<String> =
            sample.labels.iter().map(|label| format!("{}={:?}", label.name, label.value)).collect();
        let time = sample.timestamp.map(|time| format!(" @{time}")).unwrap_or_default();
        format!("{} {}{time}", labels.join(","), sample.value)
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn reads(result: Result<Exposition, ExpositionError>, wanted: &str) {
    match result {
        Ok(found) => assert_eq!(shown(&found), wanted),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn samples_of_the_text_format_are_read_as_prometheus_reads_them() {
    for (line, wanted) in [
        ("x 1", "__name__=\"x\" 1"),
        ("  x 1\n\n", "__name__=\"x\" 1"),
        ("a:b_c1 -1.5e3 1700000000000\n", "__name__=\"a:b_c1\" -1500 @1700000000000"),
        ("x{a=\"1\"b=\"2\"} 3", "__name__=\"x\",a=\"1\",b=\"2\" 3"),
        ("x\t{ a = \"1\" , } \t3\t5 \n", "__name__=\"x\",a=\"1\" 3 @5"),
        ("x{b=\"2\",a=\"1\"} 3", "__name__=\"x\",a=\"1\",b=\"2\" 3"),
        ("{\"a.b\",c=\"d\"} 1", "__name__=\"a.b\",c=\"d\" 1"),
        ("{c=\"d\",\"a.b\"} 1", "__name__=\"a.b\",c=\"d\" 1"),
        ("x{\"a.b\"=\"c\"} 1", "__name__=\"x\",a.b=\"c\" 1"),
        (r#"x{a="\\\"\n\té"} 1"#, r#"__name__="x",a="\\\"\n\\té" 1"#),
        ("x{a=\"1\n2\"} 1", "__name__=\"x\",a=\"1\\n2\" 1"),
        ("x{a=\"\"} 1", "__name__=\"x\" 1"),
        ("x +Inf\nx -inf\nx NaN", "__name__=\"x\" inf\n__name__=\"x\" -inf\n__name__=\"x\" NaN"),
        ("x 1\n\0 anything", "__name__=\"x\" 1"),
        ("#TYPE x nonsense\n# HELPLESS\n# TYPES\nx 1", "__name__=\"x\" 1"),
        ("# TYPE x histogram\nx_bucket{le=\"1\"} 2\n", "__name__=\"x_bucket\",le=\"1.0\" 2"),
        ("# TYPE x summary\nx{quantile=\"0.50\"} 2\n", "__name__=\"x\",quantile=\"0.5\" 2"),
        ("", ""),
    ] {
        reads(text(line), wanted);
    }
}

#[test]
fn a_nan_is_never_a_stale_marker() {
    let found = text("x nan\n").unwrap();
    assert_eq!(found.samples[0].value.to_bits(), NAN_BITS);
}

#[test]
fn samples_know_their_lines_also_behind_a_value_of_several() {
    let found = text("x{a=\"1\n2\"} 1\n# HELP y z\n\ny 1\n").unwrap();
    assert_eq!(found.samples.iter().map(|sample| sample.line).collect::<Vec<_>>(), [1, 5]);
}

#[test]
fn metadata_is_kept_by_family() {
    let found =
        text("# HELP x_total a\\nb\\\\\n# TYPE x_total counter\n#\tTYPE y untyped\n# HELP z\n").unwrap();
    let x = &found.families["x_total"];
    assert_eq!((x.kind, x.help.as_deref()), (Some(Kind::Counter), Some("a\nb\\")));
    assert_eq!(found.families["y"].kind, Some(Kind::Unknown));
    assert_eq!(found.families["z"].help.as_deref(), Some(""));
}

#[test]
fn mistakes_of_the_text_format_are_told_with_their_place() {
    for (line, wanted) in [
        ("x", "line 1, column 2: a value is expected here, not the end of the text"),
        ("x y", "line 1, column 3: \"y\" is no value"),
        ("x 1\r\n", "line 1, column 3: \"1\\r\" is no value"),
        ("# TYPE x counter\r\nx 1\r\n", "line 1, column 10: \"counter\\r\" is no type of the text format"),
        ("# TYPE x Counter\n", "line 1, column 10: \"Counter\" is no type of the text format"),
        ("# TYPE x info\n", "line 1, column 10: \"info\" is no type of the text format"),
        ("# TYPE x  gauge\n", "line 1, column 10: \" gauge\" is no type of the text format"),
        ("# HELP 1x y\n", "line 1, column 8: the name of a metric is expected behind HELP, not `1`"),
        ("ok 1\n1x 2", "line 2, column 1: a sample begins with its name, and this is `1`"),
        ("x{a=\"é\",,} 1", "line 1, column 9: a label's name is expected here, not `,`"),
        ("x{a='1'} 1", "line 1, column 5: the value of `a` is expected in double quotes, not `'`"),
        ("x{a:b=\"1\"} 1", "line 1, column 4: `=` is expected behind the label `a`, not `:`"),
        ("x{a=\"1} 1", "line 1, column 5: a label's value begins here and is never closed"),
        ("x{a=\"1\",a=\"2\"} 1", "line 1, column 9: the label `a` is given twice"),
        ("x{\"y\"} 1", "line 1, column 3: the sample is named twice"),
        ("{a=\"1\"} 1", "line 1, column 1: the sample has no name"),
        ("x 1e400", "line 1, column 3: \"1e400\" is no value"),
        ("x 0x10", "line 1, column 3: \"0x10\" is no value"),
        ("x 1 -5", "line 1, column 5: the line should end here, and goes on with `-`"),
        ("x 1 1.5", "line 1, column 6: the line should end here, and goes on with `.`"),
        ("x 1 99999999999999999999", "line 1, column 5: 99999999999999999999 is no time"),
        ("x 1 # {a=\"b\"} 1", "line 1, column 5: the line should end here, and goes on with `#`"),
        ("x\0 1", "line 1, column 2: \"\\0\" is no value"),
    ] {
        let error = text(line).map(|found| shown(&found)).unwrap_err();
        assert_eq!(error.to_string(), wanted, "{line:?}");
        assert!(!error.fix.is_empty(), "{line:?} has no fix");
    }
    let error = parse(b"x{a=\"\xff\"} 1", Format::Text, &Limits::default()).unwrap_err();
    assert_eq!(error.to_string(), "line 1, column 5: a label's value is no valid UTF-8");
}

#[test]
fn open_metrics_is_read_with_times_and_exemplars() {
    let found = open_metrics(
        "# TYPE x_seconds counter\n# UNIT x_seconds seconds\n# HELP x_seconds a \\\"b\\\"\nx_seconds_total{a=\"b\",} 1.5 2.25 # {t=\"1\"} \
         0.5 -1\nx_seconds_created 1 # {} 2\n# EOF\n",
    )
    .unwrap();
    assert_eq!(
        shown(&found),
        "__name__=\"x_seconds_total\",a=\"b\" 1.5 @2250\n__name__=\"x_seconds_created\" 1"
    );
    let exemplar = found.samples[0].exemplar.as_ref().unwrap();
    assert_eq!((exemplar.labels.get("t"), exemplar.value, exemplar.timestamp), ("1", 0.5, Some(-1000)));
    assert_eq!(found.samples[1].exemplar.as_ref().map(|exemplar| exemplar.labels.len()), Some(0));
    let family = &found.families["x_seconds"];
    assert_eq!((family.unit.as_deref(), family.help.as_deref()), (Some("seconds"), Some("a \"b\"")));
    reads(open_metrics("# EOF"), "");
}

#[test]
fn mistakes_of_open_metrics_are_told_with_their_place() {
    for (line, wanted) in [
        ("x 1\n", "line 2, column 1: the text ends without `# EOF`, so that it may be cut off"),
        ("x 1", "line 1, column 4: the text ends without `# EOF`, so that it may be cut off"),
        ("\n# EOF", "line 1, column 1: OpenMetrics has no empty lines"),
        ("# EOF\nx 1\n", "line 2, column 1: something follows `# EOF`"),
        ("# a comment\n# EOF", "line 1, column 1: this line is neither metadata nor the end"),
        ("x  1\n# EOF", "line 1, column 3: the value of the sample is expected here, not a blank"),
        (
            "x\t1\n# EOF",
            "line 1, column 2: a single blank and the value of the sample are expected here, not a tab",
        ),
        ("x 1 \n# EOF", "line 1, column 5: a time is expected here, not the end of the line"),
        (
            "x{a=\"b\"c=\"d\"} 1\n# EOF",
            "line 1, column 8: a comma or } is expected behind the label, not `c`",
        ),
        ("x{ a=\"b\"} 1\n# EOF", "line 1, column 3: a label's name is expected here, not a blank"),
        ("x{a=\"b\nc\"} 1\n# EOF", "line 1, column 5: a label's value begins here and is never closed"),
        ("x 1 NaN\n# EOF", "line 1, column 5: \"NaN\" is no time"),
        ("x 1 # {\"y\"} 1\n# EOF", "line 1, column 8: an exemplar has labels, but no name"),
        ("# TYPE x untyped\n# EOF", "line 1, column 10: \"untyped\" is no type of OpenMetrics"),
        (
            "# UNIT x_seconds meters\n# EOF",
            "line 1, column 18: the unit \"meters\" is not the end of the name \"x_seconds\"",
        ),
        (
            "# HELP x\n# EOF",
            "line 1, column 9: a single blank is expected behind the metric's name, not the end of the line",
        ),
    ] {
        let error = open_metrics(line).map(|found| shown(&found)).unwrap_err();
        assert_eq!(error.to_string(), wanted, "{line:?}");
        assert!(!error.fix.is_empty(), "{line:?} has no fix");
    }
}

#[test]
fn each_bound_has_its_own_message() {
    let limits = Limits { bytes: 100, samples: 2, labels: 3, value_bytes: 8 };
    for (line, wanted) in [
        ("x".repeat(101), "line 1, column 101: the text has 101 bytes, at most 100 are read"),
        ("x 1\n".repeat(3), "line 3, column 1: the text has more than 2 samples"),
        ("x{a=\"1\",b=\"2\",c=\"3\"} 1".to_owned(), "line 1, column 15: the sample has more than 3 labels"),
        ("x{a=\"123456789\"} 1".to_owned(), "line 1, column 5: a label's value has more than 8 bytes"),
    ] {
        let error = parse(line.as_bytes(), Format::Text, &limits).unwrap_err();
        assert_eq!(error.to_string(), wanted);
    }
}

#[test]
fn open_metrics_is_known_by_its_end() {
    for (text, format) in [
        ("x 1\n# EOF\n", Format::OpenMetrics),
        ("# EOF", Format::OpenMetrics),
        ("x 1\n", Format::Text),
        ("# HELP x # EOF", Format::Text),
    ] {
        assert_eq!(Format::guess(text.as_bytes()), format, "{text:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_reading_panic(
        text in r#"(x|_total|\{|\}|=|"|\\|,| |\t|\n|\r|\x00|1|\.|-|e5|NaN|# HELP |# TYPE |# UNIT |# EOF| # \{|counter|é|le){0,30}"#,
    ) {
        for format in [Format::Text, Format::OpenMetrics] {
            let _ = parse(text.as_bytes(), format, &Limits::default());
        }
    }
}
