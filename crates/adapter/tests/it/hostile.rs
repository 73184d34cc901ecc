//! Names that somebody chose in order to change the query they end up in.
//!
//! The measure is PromQL itself: what is rendered is parsed, and must be the query of the template with the hostile text
//! as the value of a matcher, as a whole, and nowhere else; or there must be no query.

use plimsoll_adapter::rules::query::{Names, Query, QueryError, Subject, render};
use plimsoll_adapter::template::Template;
use plimsoll_model::matcher::MatchOp;
use plimsoll_model::selector::Selector;
use plimsoll_promql::syntax::ast::Expr;
use plimsoll_promql::syntax::parse;
use proptest::prelude::*;

/// Breaks out of each kind of string, out of braces, of a regular expression, of a line, of an escape.
const HOSTILE: [&str; 26] = [
    r#"x"} or secret{a=""#,
    r#"x",pod=~".*"#,
    r#"x\"} or secret{a=\""#,
    r#"x\"#,
    r"x\\",
    "x'} or secret{a='",
    "x`} or secret{a=`",
    "x} or secret{",
    "x{} or secret",
    "x){}) or sum(secret",
    "x{}\tor\tsecret",
    "x{}\nor\nsecret",
    "x{}\ror\rsecret",
    "x\n#",
    "x#",
    "x[5m]",
    "x@0",
    "x=1",
    "x,y",
    ".*",
    "a|b",
    "a..b",
    "(a)",
    "-",
    "\0",
    "\u{202e}",
];

fn template(text: &str) -> Template {
    Template::parse("metrics-query", text).expect("a template")
}

/// Each selector of the query: its matchers, all equalities, as `label=value`.
fn selectors(text: &str) -> Vec<Vec<String>> {
    fn collect(text: &str, expr: &Expr, into: &mut Vec<Vec<String>>) {
        let vector = match expr {
            Expr::Vector(vector) => Some(vector),
            Expr::Matrix(matrix) => Some(&matrix.vector),
            _ => None,
        };
        if let Some(vector) = vector {
            let matchers = vector.matchers.iter().filter(|matcher| matcher.name() != "__name__");
            into.push(
                matchers
                    .map(|one| {
                        assert_eq!(one.op(), MatchOp::Equal, "{text}");
                        format!("{}={}", one.name(), one.value())
                    })
                    .collect(),
            );
        }
        for child in expr.children() {
            collect(text, child, into);
        }
    }
    let mut found = Vec::new();
    let expr = parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
    collect(text, &expr, &mut found);
    found
}

fn of_pod(text: &str, series: &str, namespace: &str, name: &str) -> Result<Query, QueryError> {
    let group_by = ["pod".into()];
    let subject = Subject {
        series,
        selector: &Selector::default(),
        namespace: Some(("namespace", namespace)),
        objects: Some(("pod", Names::Requested(name.as_bytes()))),
        group_by: &group_by,
    };
    render(&template(text), &subject)
}

#[test]
fn names_of_a_request_are_values_of_matchers_whatever_they_say() {
    let text = "sum(rate(<<.Series>>{<<.LabelMatchers>>}[5m])) by (<<.GroupBy>>)";
    for hostile in HOSTILE {
        for (namespace, name) in [("ns", hostile), (hostile, "web"), (hostile, hostile)] {
            let query = of_pod(text, "requests", namespace, name).expect("a query");
            let expected = vec![vec![format!("namespace={namespace}"), format!("pod={name}")]];
            assert_eq!(selectors(&query.text), expected, "{}", query.text);
            assert_eq!(query.quoted, None);
        }
    }
}

#[test]
fn a_name_that_a_template_takes_unquoted_is_refused_unless_it_is_a_name_of_kubernetes() {
    for text in [
        r#"sum(<<.Series>>{namespace="<<index .LabelValuesByName "namespace">>",pod=~"<<index .LabelValuesByName "pod">>"})"#,
        r#"sum(<<.Series>>{<<range $label, $value := .LabelValuesByName>><<$label>>='<<$value>>',<<end>>})"#,
        r#"sum(<<.Series>>{<<range $label, $value := .LabelValuesByName>><<$label>>=`<<$value>>`,<<end>>})"#,
        r#"sum(<<.Series>>_<<index .LabelValuesByName "pod">>{<<.LabelMatchers>>})"#,
        r#"sum(<<.Series>>{note="<<.>>",<<.LabelMatchers>>})"#,
    ] {
        for hostile in HOSTILE {
            let refused = of_pod(text, "requests", "ns", hostile);
            let expected = QueryError::UnsafeValue { label: "pod".to_owned(), value: hostile.to_owned() };
            assert_eq!(refused, Err(expected), "{text}");
        }
        for name in ["web-1", "kube-system.web-1", "system:node:x", "a_b"] {
            of_pod(text, "requests", "ns", name).expect(name);
        }
    }
    let text = r#"x{namespace="<<index .LabelValuesByName "namespace">>"}"#;
    let unused = of_pod(text, "requests", "ns", ".*").expect("the template uses the namespace only");
    assert_eq!(unused.text, r#"x{namespace="ns"}"#);
    let error = of_pod(text, "requests", "a\nb", "web").expect_err("a hostile namespace").to_string();
    assert!(error.contains(r#"the value "a\nb" of namespace"#) && !error.contains('\n'), "{error}");
}

#[test]
fn listed_names_that_a_template_takes_unquoted_are_joined_as_ever() {
    let text = r#"sum(<<.Series>>{pod=~"<<index .LabelValuesByName "pod">>"})"#;
    let group_by = [];
    let mut subject = Subject {
        series: "requests",
        selector: &Selector::default(),
        namespace: None,
        objects: Some(("pod", Names::Listed(&["web-1", "web-2"]))),
        group_by: &group_by,
    };
    let query = render(&template(text), &subject).expect("a query");
    assert_eq!(query.text, r#"sum(requests{pod=~"web-1|web-2"})"#);
    subject.objects = Some(("pod", Names::Listed(&["web-1", "x\"} or secret{a=\""])));
    assert!(matches!(render(&template(text), &subject), Err(QueryError::UnsafeValue { .. })));
}

/// Since Prometheus 3 any text may be the name of a series, and whoever is scraped chooses it.
#[test]
fn names_of_series_are_quoted_or_refused_whatever_they_say() {
    let expected = vec![vec!["namespace=ns".to_owned(), "pod=web".to_owned()]];
    for hostile in HOSTILE {
        for text in [
            "sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)",
            "sum(rate(<<.Series>>{<<.LabelMatchers>>}[5m]))",
        ] {
            let query = of_pod(text, hostile, "ns", "web").expect("a query");
            // What PromQL has no meaning for may go bare; the server refuses it, and is asked again.
            let text = query.quoted.as_ref().unwrap_or(&query.text);
            assert_eq!(selectors(text), expected, "{text}");
            if query.quoted.is_some() {
                assert!(parse(&query.text).is_err(), "{}", query.text);
            }
        }
        for text in [
            "sum(rate(<<.Series>>[5m]))",
            "<<.Series>>_total{<<.LabelMatchers>>}",
            "<<.Series>>{<<.LabelMatchers>>} / <<.Series>>",
            "x{__name__='<<.Series>>',<<.LabelMatchers>>}",
        ] {
            match of_pod(text, hostile, "ns", "web") {
                Err(QueryError::UnsafeSeries { series, .. }) => assert_eq!(series, hostile),
                Ok(query) => assert!(
                    parse(&query.text).is_err() && hostile.contains(['.', '\u{202e}']),
                    "{text} {query:?}"
                ),
                Err(other) => panic!("{text}: {other}"),
            }
        }
    }
    let text = r#"sum({__name__="<<.Series>>",<<.LabelMatchers>>})"#;
    for hostile in HOSTILE {
        let query = of_pod(text, hostile, "ns", "web").expect("a name inside quotes");
        assert_eq!(selectors(query.quoted.as_ref().unwrap_or(&query.text)), expected);
    }
}

#[test]
fn a_pod_may_be_called_like_the_series() {
    let text = "sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)";
    for name in ["queue-depth", "queue-depth-5d4f-x2", "a\"queue-depth\"b", "\0series\0", "\0series\0{"] {
        let query = of_pod(text, "queue-depth", "ns", name).expect("a query");
        assert_eq!(selectors(&query.text), [["namespace=ns".to_owned(), format!("pod={name}")]]);
        assert!(query.text.starts_with(r#"sum({"queue-depth",namespace="ns",pod="#), "{}", query.text);
    }
}

/// Text from what has a meaning in PromQL, in Go's templates and in regular expressions.
fn any_hostile() -> impl Strategy<Value = String> {
    let pieces = [
        "\"", "'", "`", "\\", "{", "}", "(", ")", "[", "]", ",", "=", "=~", "!=", "#", "@", "|", ".", "..",
        "*", "+", "-", "/", "^", "%", "$", ":", "_", " ", "\t", "\n", "\r", "\0", "<<", ">>", "x", "5m",
        " or ", "secret", "é", "\u{feff}",
    ];
    proptest::collection::vec(proptest::sample::select(pieces.to_vec()), 1..8)
        .prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_name_becomes_a_part_of_the_query(series in any_hostile(), namespace in any_hostile(), name in any_hostile()) {
        let expected = vec![vec![format!("namespace={namespace}"), format!("pod={name}")]];
        let text = "sum(rate(<<.Series>>{<<.LabelMatchers>>}[5m])) by (<<.GroupBy>>)";
        let looks_bare = |value: &str| value.contains(&format!("{series}{{"));
        let query = match of_pod(text, &series, &namespace, &name) {
            Ok(query) => query,
            // It cannot be told from a template that looks at the name.
            Err(QueryError::UnsafeSeries { .. }) if looks_bare(&namespace) || looks_bare(&name) => return Ok(()),
            Err(error) => return Err(TestCaseError::fail(error.to_string())),
        };
        // What the server refuses is asked again with quotes.
        match parse(&query.text) {
            Ok(_) => prop_assert_eq!(selectors(&query.text), expected.clone(), "{}", query.text),
            Err(_) => prop_assert!(query.quoted.is_some(), "{}", query.text),
        }
        if let Some(quoted) = &query.quoted {
            prop_assert_eq!(selectors(quoted), expected, "{}", quoted);
        }
    }

    #[test]
    fn what_a_template_takes_unquoted_leaves_the_query_as_it_is(series in any_hostile(), name in any_hostile()) {
        let text = r#"sum(<<.Series>>{namespace="ns",pod="<<index .LabelValuesByName "pod">>"}) / max(rate({__name__="<<.Series>>"}[5m]))"#;
        if let Ok(query) = of_pod(text, &series, "ns", &name)
            && parse(&query.text).is_ok()
        {
            let expected = vec![vec!["namespace=ns".to_owned(), format!("pod={name}")], vec![]];
            prop_assert_eq!(selectors(&query.text), expected, "{}", query.text);
        }
    }
}
