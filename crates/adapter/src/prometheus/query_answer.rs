//! Reading an answer of `/api/v1/query`.
//!
//! The body is held whole (it is bounded) and read in one pass, whatever the order of its members.
//!
//! **Invariant:** a body that the original adapter's decoder refuses is refused, except that a
//! native histogram is a sample without a value instead of the value 0.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::number::parse_go_float;
use crate::backend::{QueryResult, Sample};

/// What the answer says.
#[derive(Debug, PartialEq)]
pub(super) enum QueryAnswer {
    /// The result, and the warnings that came with it.
    Result(QueryResult, Vec<String>),
    /// `status` is `error`.
    Refused { kind: String, message: String },
}

/// Reads `body`. The error describes what is wrong with it.
pub(super) fn read(body: &[u8]) -> Result<QueryAnswer, String> {
    let answer: Envelope<'_> = match first_value(body) {
        Ok(answer) => answer,
        Err(error) => return refusal(body).ok_or_else(|| describe(&error, body)),
    };
    if answer.status.as_deref() == Some("error") {
        let kind = answer.error_type.unwrap_or_default().into_owned();
        return Ok(QueryAnswer::Refused { kind, message: answer.error.unwrap_or_default().into_owned() });
    }
    let data = answer.data.ok_or("JSON without `data`")?;
    let mut warnings = answer.warnings.unwrap_or_default();
    warnings.extend(answer.infos.unwrap_or_default());
    Ok(QueryAnswer::Result(data.into_result()?, warnings))
}

/// Describes why `body` cannot be read as an answer.
pub(super) fn describe(error: &serde_json::Error, body: &[u8]) -> String {
    if error.is_eof() {
        return format!("truncated JSON at byte {}", body.len());
    }
    let text = error.to_string();
    let text = text.split_once(" at line ").map_or(&*text, |(text, _)| text);
    format!("malformed JSON at byte {}: {}", offset(error, body), super::foreign::shortened(text))
}

/// The first JSON value of `body`; what follows it is ignored, as Go's stream decoder does.
fn first_value<'a, T: Deserialize<'a>>(body: &'a [u8]) -> serde_json::Result<T> {
    T::deserialize(&mut serde_json::Deserializer::from_slice(body))
}

/// The error of an answer whose data is not readable.
fn refusal(body: &[u8]) -> Option<QueryAnswer> {
    let answer: Refusal = first_value(body).ok()?;
    (answer.status == "error")
        .then_some(QueryAnswer::Refused { kind: answer.error_type, message: answer.error })
}

fn offset(error: &serde_json::Error, body: &[u8]) -> usize {
    let lines = body.split_inclusive(|byte| *byte == b'\n').take(error.line().saturating_sub(1));
    lines.map(<[u8]>::len).sum::<usize>() + error.column()
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Envelope<'a> {
    #[serde(borrow)]
    status: Option<Cow<'a, str>>,
    #[serde(borrow)]
    error_type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    error: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: Option<Data<'a>>,
    warnings: Option<Vec<String>>,
    infos: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Refusal {
    status: String,
    #[serde(default)]
    error_type: String,
    #[serde(default)]
    error: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    #[serde(borrow)]
    result_type: Option<Cow<'a, str>>,
    /// `Some(None)` when `null`.
    #[serde(default, deserialize_with = "present")]
    result: Option<Option<Elements>>,
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<Elements>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl Data<'_> {
    fn into_result(self) -> Result<QueryResult, String> {
        let kind = self.result_type.ok_or("JSON without `data.resultType`")?;
        let elements = self.result.ok_or("JSON without `data.result`")?.unwrap_or_default();
        match &*kind {
            "vector" => {
                if !elements.pair.is_empty() {
                    return Err("a vector whose elements are no samples".into());
                }
                let samples = elements.series.into_iter().map(Series::into_sample).collect::<Option<_>>();
                samples.map(QueryResult::Vector).ok_or_else(|| "a vector with a sample without value".into())
            }
            "scalar" => match (&elements.pair[..], elements.series.is_empty()) {
                ([Part::Number(time), Part::Text(value)], true) => match parse_go_float(value) {
                    Some(value) => Ok(QueryResult::Scalar { time: *time, value }),
                    None => {
                        Err(format!("a scalar that is no number: \"{}\"", super::foreign::shortened(value)))
                    }
                },
                _ => Err("a scalar that is no pair of a time and a value".into()),
            },
            "matrix" => Ok(QueryResult::Matrix),
            "string" => Ok(QueryResult::String),
            other => Err(format!("a result of the unknown type \"{}\"", super::foreign::shortened(other))),
        }
    }
}

/// The elements of a result: series, or the two parts of a scalar or string.
#[derive(Default)]
struct Elements {
    series: Vec<Series>,
    pair: Vec<Part>,
}

enum Part {
    Number(f64),
    Text(String),
}

#[derive(Default)]
struct Series {
    labels: Vec<(Box<str>, Box<str>)>,
    value: Option<(f64, f64)>,
    histogram: Option<f64>,
}

impl Series {
    fn into_sample(self) -> Option<Sample> {
        match (self.value, self.histogram) {
            (Some((time, value)), _) => Some(Sample { labels: self.labels, time, value: Some(value) }),
            (None, Some(time)) => Some(Sample { labels: self.labels, time, value: None }),
            (None, None) => None,
        }
    }
}

enum Element {
    Series(Series),
    Part(Part),
}

impl<'de> Deserialize<'de> for Elements {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Elements;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of series, or a time and a value")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Elements, A::Error> {
                let mut elements = Elements::default();
                while let Some(element) = list.next_element()? {
                    match element {
                        Element::Series(series) => elements.series.push(series),
                        Element::Part(part) => elements.pair.push(part),
                    }
                }
                Ok(elements)
            }
        }
        deserializer.deserialize_seq(List)
    }
}

impl<'de> Deserialize<'de> for Element {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct One;
        impl<'de> Visitor<'de> for One {
            type Value = Element;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a series, a time or a value")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Element, A::Error> {
                let mut series = Series::default();
                while let Some(member) = members.next_key::<Member>()? {
                    match member {
                        Member::Metric => series.labels = members.next_value::<Labels>()?.0,
                        Member::Value => {
                            let Pair(time, Value(value)) = members.next_value()?;
                            series.value = Some((time, value));
                        }
                        Member::Histogram => {
                            let Pair(time, IgnoredAny) = members.next_value()?;
                            series.histogram = Some(time);
                        }
                        Member::Other => drop(members.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(Element::Series(series))
            }
            fn visit_f64<E>(self, number: f64) -> Result<Element, E> {
                Ok(Element::Part(Part::Number(number)))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Element, E> {
                Ok(Element::Part(Part::Number(number as f64)))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Element, E> {
                Ok(Element::Part(Part::Number(number as f64)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Element, E> {
                Ok(Element::Part(Part::Text(text.to_owned())))
            }
        }
        deserializer.deserialize_any(One)
    }
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Member {
    Metric,
    Value,
    Histogram,
    #[serde(other)]
    Other,
}

struct Labels(Vec<(Box<str>, Box<str>)>);

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Labels;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("labels, whose values are strings")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Labels, A::Error> {
                let mut labels = Vec::with_capacity(4);
                while let Some(label) = members.next_entry()? {
                    labels.push(label);
                }
                Ok(Labels(labels))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

/// A Unix time in seconds and a value.
struct Pair<T>(f64, T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Pair<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Two<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Two<T> {
            type Value = Pair<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time and a value")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Pair<T>, A::Error> {
                let time = list.next_element()?.ok_or_else(|| de::Error::invalid_length(0, &self))?;
                let value = list.next_element()?.ok_or_else(|| de::Error::invalid_length(1, &self))?;
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Pair(time, value))
            }
        }
        deserializer.deserialize_seq(Two(std::marker::PhantomData))
    }
}

/// A sample value, which is a string.
struct Value(f64);

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Value;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a sample value, which is a string")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
                let refused = || {
                    E::custom(format!("sample value \"{}\" is no number", super::foreign::shortened(text)))
                };
                parse_go_float(text).map(Value).ok_or_else(refused)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(body: &str) -> QueryResult {
        match read(body.as_bytes()) {
            Ok(QueryAnswer::Result(result, _)) => result,
            other => panic!("{body}: {other:?}"),
        }
    }

    fn vector(result: &str) -> String {
        format!(r#"{{"status":"success","data":{{"resultType":"vector","result":{result}}}}}"#)
    }

    #[test]
    fn the_samples_of_a_vector_are_read_in_order() {
        let body = vector(
            r#"[{"metric":{"__name__":"m","pod":"a\u00e9"},"value":[1700000000.123,"1.5e3"]},
                {"metric":{},"value":[1700000000,"NaN"]},
                {"value":[0,"-Inf"],"metric":{"z":"","a":"b"}},
                {"metric":{"h":"1"},"histogram":[5,{"count":"2","buckets":[[0,"1","2","2"]]}]}]"#,
        );
        let QueryResult::Vector(samples) = result(&body) else { panic!("{body}") };
        assert_eq!(samples[0].label("pod"), Some("aé"));
        assert_eq!((samples[0].time, samples[0].value), (1700000000.123, Some(1500.0)));
        assert!(samples[1].value.is_some_and(f64::is_nan));
        assert_eq!(samples[2].labels, [("z".into(), "".into()), ("a".into(), "b".into())]);
        assert_eq!(samples[2].value, Some(f64::NEG_INFINITY));
        assert_eq!(
            (samples[3].time, samples[3].value),
            (5.0, None),
            "a native histogram has no single value"
        );
    }

    #[test]
    fn the_order_of_members_does_not_matter() {
        let body = r#"{"warnings":["w"],"infos":["i"],"data":{"result":[7.5,"2"],"x":{},"resultType":"scalar"},"status":"odd"} tail"#;
        let expected =
            QueryAnswer::Result(QueryResult::Scalar { time: 7.5, value: 2.0 }, vec!["w".into(), "i".into()]);
        assert_eq!(read(body.as_bytes()), Ok(expected));
    }

    #[test]
    fn every_kind_of_result_is_told_apart() {
        let of = |kind: &str, text: &str| format!(r#"{{"data":{{"resultType":"{kind}","result":{text}}}}}"#);
        assert_eq!(result(&of("vector", "[]")), QueryResult::Vector(vec![]));
        assert_eq!(result(&of("vector", "null")), QueryResult::Vector(vec![]));
        assert_eq!(result(&of("string", r#"[1,"abc"]"#)), QueryResult::String);
        let matrix = r#"[{"metric":{"a":"b"},"values":[[1,"1"],[2,"2"]],"histograms":[]}]"#;
        assert_eq!(result(&of("matrix", matrix)), QueryResult::Matrix);
    }

    #[test]
    fn errors_are_passed_on_whatever_comes_with_them() {
        for body in [
            r#"{"status":"error","errorType":"bad_data","error":"parse error"}"#,
            r#"{"status":"error","data":"none","errorType":"bad_data","error":"parse error"}"#,
        ] {
            let refused = QueryAnswer::Refused { kind: "bad_data".into(), message: "parse error".into() };
            assert_eq!(read(body.as_bytes()), Ok(refused), "{body}");
        }
    }

    #[test]
    fn what_the_original_decoder_refuses_is_refused() {
        for (body, reason) in [
            ("{", "truncated JSON at byte 1"),
            ("{}", "JSON without `data`"),
            (r#"{"status":"success","data":null}"#, "JSON without `data`"),
            (r#"{"data":{"resultType":"vector"}}"#, "JSON without `data.result`"),
            (r#"{"data":{"result":[]}}"#, "JSON without `data.resultType`"),
            (r#"{"data":{"resultType":"streams","result":[]}}"#, "a result of the unknown type \"streams\""),
            (&vector(r#"[{"metric":{}}]"#), "a vector with a sample without value"),
            (&vector(r#"[1,"2"]"#), "a vector whose elements are no samples"),
            (
                &vector(r#"[{"metric":{},"value":[1,2]}]"#),
                "malformed JSON at byte 85: invalid type: integer `2`, expected a sample value, which is a string",
            ),
            (
                &vector(r#"[{"metric":{},"value":["x","1"]}]"#),
                "malformed JSON at byte 85: invalid type: string \"x\", expected f64",
            ),
            (
                &vector(r#"[{"metric":{},"value":[1,"1e999"]}]"#),
                "malformed JSON at byte 91: sample value \"1e999\" is no number",
            ),
            (
                &vector(r#"[{"metric":{"a":1},"value":[1,"1"]}]"#),
                "malformed JSON at byte 76: invalid type: integer `1`, expected a string",
            ),
            (&vector(r#"[{"metric":{},"value":[1,"1"]}"#)[..80], "truncated JSON at byte 80"),
            (r#"{"data":{"resultType":"scalar","result":[1,"x"]}}"#, "a scalar that is no number: \"x\""),
            (
                r#"{"data":{"resultType":"scalar","result":[]}}"#,
                "a scalar that is no pair of a time and a value",
            ),
        ] {
            assert_eq!(read(body.as_bytes()), Err(reason.to_owned()), "{body}");
        }
    }
}
