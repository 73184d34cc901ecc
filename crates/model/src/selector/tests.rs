//! Rows after the behaviour of `labels.Parse` v0.30, properties, and the recorded cases.

use std::collections::BTreeMap;

use super::*;

const VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and \
    must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for \
    validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const NAME: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an \
    alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
    '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

#[test]
fn selectors_print_in_canonical_form() {
    let rows = [
        ("", ""),
        ("  \t\n", ""),
        ("a", "a"),
        ("!a", "!a"),
        ("! a ", "!a"),
        ("a=b", "a=b"),
        ("a == b", "a==b"),
        (" a != b ", "a!=b"),
        ("a=", "a="),
        ("a!=,b", "a!=,b"),
        ("a>1", "a>1"),
        ("a < 5", "a<5"),
        ("a in (z,b, b)", "a in (b,z)"),
        ("a in(b)", "a in (b)"),
        ("a notin (z,b)", "a notin (b,z)"),
        ("a in ()", "a in ()"),
        ("a in (,)", "a in ()"),
        ("a in (b,)", "a in (,b)"),
        ("a in (,b)", "a in (,b)"),
        ("a in (b,,c)", "a in (,b,c)"),
        ("a in (in,notin)", "a in (in,notin)"),
        ("in in (in)", "in in (in)"),
        ("in", "in"),
        ("notin=in", "notin=in"),
        ("z=1,a=2,m in (q)", "a=2,m in (q),z=1"),
        ("a=c,a=b", "a=c,a=b"),
        ("app.kubernetes.io/name=x", "app.kubernetes.io/name=x"),
        ("a\0=b", "a=b"),
        ("a,\0b", "a,b"),
        ("a \0=b", "a"),
    ];
    for (text, canonical) in rows {
        let selector = Selector::parse(text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
        assert_eq!(selector.to_string(), canonical, "{text:?}");
        assert_eq!(Selector::parse(canonical).as_ref(), Ok(&selector), "{canonical:?} read again");
    }
}

#[test]
fn malformed_selectors_are_refused_in_the_words_of_kubernetes() {
    let long = "x".repeat(64);
    let rows = [
        (",", "found ',', expected: !, identifier, or 'end of string'".to_owned()),
        ("=web", "found '=', expected: !, identifier, or 'end of string'".to_owned()),
        ("(a)", "found '(', expected: !, identifier, or 'end of string'".to_owned()),
        ("a=b,", "found '', expected: identifier after ','".to_owned()),
        ("a,,b", "found ',', expected: identifier after ','".to_owned()),
        ("a=b c", "found 'c', expected: ',' or 'end of string'".to_owned()),
        ("a=b=c", "found '=', expected: ',' or 'end of string'".to_owned()),
        ("!a=b", "found '=', expected: ',' or 'end of string'".to_owned()),
        ("a in (b) c", "found 'c', expected: ',' or 'end of string'".to_owned()),
        ("!", "unable to parse requirement: found '', expected: identifier".to_owned()),
        ("!!a", "unable to parse requirement: found '!', expected: identifier".to_owned()),
        ("a=)", "unable to parse requirement: found ')', expected: identifier".to_owned()),
        ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt".to_owned()),
        ("a in", "unable to parse requirement: found '' expected: '('".to_owned()),
        ("a in web", "unable to parse requirement: found 'web' expected: '('".to_owned()),
        ("a in (", "unable to parse requirement: found '', expected: ',', ')' or identifier".to_owned()),
        ("a in (=", "unable to parse requirement: found '=', expected: ',', ')' or identifier".to_owned()),
        ("a in (b", "unable to parse requirement: found '', expected: ',' or ')'".to_owned()),
        ("a in (b c)", "unable to parse requirement: found 'c', expected: ',' or ')'".to_owned()),
        ("a in (b,", "unable to parse requirement: found '', expected: ',', or identifier".to_owned()),
        ("a in (b,>)", "unable to parse requirement: found '>', expected: ',', or identifier".to_owned()),
        ("a=b|c", format!("unable to parse requirement: values[0][a]: Invalid value: \"b|c\": {VALUE}")),
        (
            "a in (b|c,d*)",
            format!(
                "unable to parse requirement: [values[0][a]: Invalid value: \"b|c\": {VALUE}, \
                 values[1][a]: Invalid value: \"d*\": {VALUE}]"
            ),
        ),
        (
            &format!("a={long}"),
            format!(
                "unable to parse requirement: values[0][a]: Invalid value: \"{long}\": must be no more than 63 characters"
            ),
        ),
        ("-a=b", format!("unable to parse requirement: <nil>: Invalid value: \"-a\": name part {NAME}")),
        ("\u{7f}", format!("unable to parse requirement: <nil>: Invalid value: \"\\x7f\": name part {NAME}")),
        (
            "/a",
            "unable to parse requirement: <nil>: Invalid value: \"/a\": prefix part must be non-empty".to_owned(),
        ),
        (
            "a/",
            format!(
                "unable to parse requirement: <nil>: Invalid value: \"a/\": name part must be non-empty; name part {NAME}"
            ),
        ),
        (
            "a/b/c",
            format!(
                "unable to parse requirement: <nil>: Invalid value: \"a/b/c\": a qualified name {NAME} with an optional \
                 DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            ),
        ),
        (
            "A/b",
            "unable to parse requirement: <nil>: Invalid value: \"A/b\": prefix part a lowercase RFC 1123 subdomain must \
             consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric \
             character (e.g. 'example.com', regex used for validation is \
             '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
                .to_owned(),
        ),
        (
            "a>b",
            "unable to parse requirement: values[0]: Invalid value: \"b\": for 'Gt', 'Lt' operators, the value must be \
             an integer"
                .to_owned(),
        ),
    ];
    for (text, message) in rows {
        match Selector::parse(text) {
            Ok(selector) => panic!("{text:?} was read as {selector:?}"),
            Err(error) => assert_eq!(error.to_string(), message, "{text:?}"),
        }
    }
}

#[test]
fn an_overlong_selector_is_refused_by_size() {
    let text = "a,".repeat(MAX_LENGTH);
    assert_eq!(Selector::parse(&text), Err(SelectorError::TooLong { length: text.len() }));
    let error = FieldSelector::parse(&text).unwrap_err();
    assert!(error.to_string().contains("shorten it"), "{error}");
}

#[test]
fn labels_are_matched_as_kubernetes_matches_them() {
    let labels = BTreeMap::from([("app", "web"), ("ver", "2"), ("empty", "")]);
    let rows = [
        ("", true),
        ("app", true),
        ("tier", false),
        ("!app", false),
        ("!tier", true),
        ("app=web", true),
        ("app==db", false),
        ("app=", false),
        ("empty=", true),
        ("tier=", false),
        ("app!=db", true),
        ("app!=web", false),
        ("tier!=a", true),
        ("app in (db,web)", true),
        ("app in ()", false),
        ("empty in ()", true),
        ("tier in (a)", false),
        ("app notin (db,web)", false),
        ("tier notin (a)", true),
        ("ver>1", true),
        ("ver>2", false),
        ("ver<3", true),
        ("app<3", false),
        ("tier>1", false),
        ("app=web,ver=2", true),
        ("app=web,ver=3", false),
        ("app=web,app=db", false),
    ];
    for (text, expected) in rows {
        let selector = Selector::parse(text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
        assert_eq!(selector.matches(|key| labels.get(key).copied()), expected, "{text:?}");
        assert_eq!(selector.is_empty(), text.is_empty(), "{text:?}");
    }
}

#[test]
fn field_selectors_know_name_and_namespace() {
    let rows = [
        ("", "", true),
        ("metadata.name=web-1", "metadata.name=web-1", true),
        ("metadata.name==web-1", "metadata.name=web-1", true),
        ("metadata.name!=web-1", "metadata.name!=web-1", false),
        (
            "metadata.name=web-1,metadata.namespace=default",
            "metadata.name=web-1,metadata.namespace=default",
            true,
        ),
        ("metadata.name=web-1,,", "metadata.name=web-1", true),
        ("metadata.namespace!=default", "metadata.namespace!=default", false),
        ("metadata.namespace=default,metadata.name!=x", "metadata.name!=x,metadata.namespace=default", true),
        (r"metadata.name=a\,b\=c\\", r"metadata.name=a\,b\=c\\", false),
        ("==", "", true),
    ];
    for (text, canonical, selected) in rows {
        let selector = FieldSelector::parse(text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
        assert_eq!(selector.to_string(), canonical, "{text:?}");
        assert_eq!(selector.matches("web-1", "default"), selected, "{text:?}");
    }
    let rows = [
        (
            "status.phase=Running",
            r#""status.phase" is not a known field selector: only "metadata.name", "metadata.namespace""#,
        ),
        ("a=b", r#""a" is not a known field selector: only "metadata.name", "metadata.namespace""#),
        ("metadata.name", "invalid selector: 'metadata.name'; can't understand 'metadata.name'"),
        ("metadata.name=a,b", "invalid selector: 'metadata.name=a,b'; can't understand 'b'"),
        (r"metadata.name=\a", r"invalid field selector: invalid escape sequence: \a"),
        ("metadata.name=a=b", "invalid field selector: unescaped character in value: 61"),
    ];
    for (text, message) in rows {
        assert_eq!(FieldSelector::parse(text).unwrap_err().to_string(), message, "{text:?}");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn no_text_makes_the_parsers_panic(text in "[a-z0-9/.!=<>(), \\\\\0\"é]{0,40}|\\PC{0,40}") {
        let _ = FieldSelector::parse(&text);
        if let Ok(selector) = Selector::parse(&text) {
            let printed = selector.to_string();
            let again = Selector::parse(&printed);
            proptest::prop_assert_eq!(again.as_ref(), Ok(&selector), "{} printed as {}", text, printed);
            selector.matches(|_| Some("1"));
        }
    }
}

/// Each recorded request that carries a label or field selector: refused with the recorded text, or read and
/// printed as it was handed on.
#[test]
fn recorded_selectors_give_the_recorded_text() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/cases/adapter/adapter_cases.jsonl");
    let Ok(text) = std::fs::read_to_string(&path) else {
        return skip("the recorded cases are not here");
    };
    let mut checked = 0;
    for line in text.lines() {
        let case: serde_json::Value = serde_json::from_str(line).expect("a recorded case is JSON");
        for request in case["requests"].as_array().into_iter().flatten() {
            let path = request["path"].as_str().unwrap_or_default();
            let Some((_, query)) = path.split_once('?') else { continue };
            let mut seen = Vec::new();
            for (key, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
                // Of a repeated parameter the first counts.
                if seen.contains(&key) {
                    continue;
                }
                seen.push(key);
                let Some(value) = decode(value) else { continue };
                let problem = match key {
                    "labelSelector" | "metricLabelSelector" => {
                        Selector::parse(&value).err().map(|e| e.to_string())
                    }
                    "fieldSelector" => FieldSelector::parse(&value).err().map(|e| e.to_string()),
                    _ => continue,
                };
                let message = request["body"]["message"].as_str().unwrap_or_default();
                match problem {
                    Some(problem) => assert_eq!(problem, message, "{}: {path}", case["id"]),
                    None => {
                        let parsing = ["unable to parse requirement", "found '", "is not a known field"];
                        assert!(!parsing.iter().any(|text| message.contains(text)), "{}: {path}", case["id"]);
                    }
                }
                checked += 1;
                let handed_on = request["expect_upstream"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter(|call| call["target"] == "kube" && key == "labelSelector")
                    .filter_map(|call| call["params"]["labelSelector"].as_str());
                for recorded in handed_on {
                    assert_eq!(
                        Selector::parse(&value).map(|s| s.to_string()).as_deref(),
                        Ok(recorded),
                        "{path}"
                    );
                }
            }
        }
    }
    assert!(checked > 50, "only {checked} recorded selectors were checked");
}

/// Decodes a query value; `None` when it is no UTF-8.
fn decode(value: &str) -> Option<String> {
    let mut out = Vec::new();
    let mut bytes = value.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => {
                let digits = [bytes.next()?, bytes.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            b'+' => b' ',
            _ => byte,
        });
    }
    String::from_utf8(out).ok()
}

#[allow(clippy::print_stderr)]
fn skip(reason: &str) {
    eprintln!("skipped: {reason}");
}
