//! Reading an answer of `/api/v1/query`.
//!
//! The body is held whole (it is bounded) and read in one pass, whatever the order of its members.
//! Written out instead of derived, since answers of some hundred samples arrive many times a second.
//!
//! **Invariant:** a body that the original adapter's decoder refuses is refused, except that a
//! native histogram is a sample without a value instead of the value 0.

use std::borrow::Cow;

use serde::Deserialize;

use super::foreign::shortened;
use super::json_text::{RawString, Reader, Stop};
use super::number::parse_go_float;
use crate::backend::{QueryResult, Sample};

/// What the answer says.
#[derive(Debug, PartialEq)]
pub(super) enum QueryAnswer {
    Result {
        result: QueryResult,
        /// The JSON text of warnings and other remarks, shortened; empty when there are none.
        warnings: String,
    },
    /// `status` is `error`.
    Refused { kind: String, message: String },
}

/// Reads `body`. The error describes what is wrong with it.
pub(super) fn read(body: &[u8]) -> Result<QueryAnswer, String> {
    // As in Go, what is no valid text becomes U+FFFD.
    let text = std::str::from_utf8(body).map_or_else(|_| String::from_utf8_lossy(body), Cow::Borrowed);
    let mut answer = Answer { text: &text, reader: Reader::new(text.as_bytes(), 0), content: None };
    answer
        .read()
        .map_err(|stop| match (stop, answer.content) {
            (Stop::More, _) => format!("truncated JSON at byte {}", body.len()),
            (Stop::Bad, Some(what)) => what,
            (Stop::Bad, None) => {
                format!(
                    "malformed JSON at byte {}: expected {}",
                    answer.reader.at(),
                    answer.reader.expected()
                )
            }
        })
        // An error may come with data of any form.
        .or_else(|what| refusal(body).ok_or(what))
}

/// The error of an answer whose data is not readable.
fn refusal(body: &[u8]) -> Option<QueryAnswer> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Refusal {
        status: String,
        #[serde(default)]
        error_type: String,
        #[serde(default)]
        error: String,
    }
    let answer = Refusal::deserialize(&mut serde_json::Deserializer::from_slice(body)).ok()?;
    (answer.status == "error")
        .then_some(QueryAnswer::Refused { kind: answer.error_type, message: answer.error })
}

/// The elements of a result: samples, or the two parts of a scalar or string.
#[derive(Default)]
struct Elements<'a> {
    samples: Vec<Sample>,
    /// Series that are no samples, as in a matrix.
    others: usize,
    parts: Vec<Part<'a>>,
}

enum Part<'a> {
    Number(f64),
    Text(Cow<'a, str>),
}

struct Answer<'a> {
    text: &'a str,
    reader: Reader<'a>,
    /// Why JSON of the right form is no answer.
    content: Option<String>,
}

impl<'a> Answer<'a> {
    fn read(&mut self) -> Result<QueryAnswer, Stop> {
        let (mut status, mut kind, mut message) = (Cow::default(), Cow::default(), Cow::default());
        let mut data = None;
        let mut warnings = String::new();
        self.object("an object", |answer, key| {
            match key {
                "status" => status = answer.optional_text()?,
                "errorType" => kind = answer.optional_text()?,
                "error" => message = answer.optional_text()?,
                "data" if !answer.null()? => data = Some(answer.data()?),
                "warnings" | "infos" if !answer.null()? => {
                    let start = answer.reader.at();
                    answer.reader.skip_value()?;
                    warnings.push_str(&shortened(&answer.text[start..answer.reader.at()]));
                }
                "data" | "warnings" | "infos" => {}
                _ => answer.reader.skip_value()?,
            }
            Ok(())
        })?;
        if status == "error" {
            return Ok(QueryAnswer::Refused { kind: kind.into_owned(), message: message.into_owned() });
        }
        let Some((kind, elements)) = data else { return Err(self.refuse("JSON without `data`")) };
        let result = result(kind, elements).map_err(|what| self.refuse(what))?;
        Ok(QueryAnswer::Result { result, warnings })
    }

    fn data(&mut self) -> Result<(Option<Cow<'a, str>>, Option<Elements<'a>>), Stop> {
        let (mut kind, mut elements) = (None, None);
        self.object("`data` to be an object", |answer, key| {
            match key {
                "resultType" => kind = Some(answer.optional_text()?),
                "result" if answer.null()? => elements = Some(Elements::default()),
                "result" => elements = Some(answer.elements()?),
                _ => answer.reader.skip_value()?,
            }
            Ok(())
        })?;
        Ok((kind, elements))
    }

    fn elements(&mut self) -> Result<Elements<'a>, Stop> {
        let mut elements = Elements::default();
        self.reader.expect(b'[', "a list as the result")?;
        if self.reader.take(b']')? {
            return Ok(elements);
        }
        loop {
            let start = self.reader.peek().map(|first| (first, self.reader.at()))?;
            match start {
                (b'{', at) => {
                    let labels = elements.samples.last().map_or(4, |sample| sample.labels.len());
                    match self.series(labels)? {
                        Some(sample) => elements.samples.push(sample),
                        None => elements.others += 1,
                    }
                    if elements.samples.len() == 1 {
                        // The others are likely of the same length.
                        let rest = (self.text.len() - at) / (self.reader.at() - at);
                        elements.samples.reserve_exact(rest.min(4096));
                    }
                }
                (b'"', _) => {
                    let text = self.reader.string("a value")?;
                    elements.parts.push(Part::Text(self.resolved(text)?));
                }
                _ => elements.parts.push(Part::Number(self.time()?)),
            }
            if self.reader.take(b']')? {
                return Ok(elements);
            }
            self.reader.expect(b',', "`,` or `]` after an element of the result")?;
        }
    }

    /// A sample; `None` for a series that has neither a value nor a histogram.
    fn series(&mut self, label_count: usize) -> Result<Option<Sample>, Stop> {
        let mut labels = Vec::new();
        let (mut value, mut histogram) = (None, None);
        self.object("a series", |answer, key| {
            match key {
                "metric" if !answer.null()? => {
                    labels.reserve_exact(label_count);
                    answer.object("labels, which are an object", |answer, label| {
                        labels.push((label.into(), answer.optional_text()?.into()));
                        Ok(())
                    })?;
                }
                "value" if !answer.null()? => value = Some(answer.pair(Self::value)?),
                "histogram" if !answer.null()? => {
                    histogram = Some(answer.pair(|answer| answer.reader.skip_value())?);
                }
                "metric" | "value" | "histogram" => {}
                _ => answer.reader.skip_value()?,
            }
            Ok(())
        })?;
        Ok(match (value, histogram) {
            (Some((time, value)), _) => Some(Sample { labels, time, value: Some(value) }),
            (None, Some((time, ()))) => Some(Sample { labels, time, value: None }),
            (None, None) => None,
        })
    }

    /// A time, what `second` reads, and anything after it, in a list.
    fn pair<T>(&mut self, second: impl FnOnce(&mut Self) -> Result<T, Stop>) -> Result<(f64, T), Stop> {
        self.reader.expect(b'[', "a time and a value in a list")?;
        let time = self.time()?;
        self.reader.expect(b',', "`,` after a time")?;
        let value = second(self)?;
        while !self.reader.take(b']')? {
            self.reader.expect(b',', "`,` or `]` after a value")?;
            self.reader.skip_value()?;
        }
        Ok((time, value))
    }

    /// A Unix time in seconds.
    fn time(&mut self) -> Result<f64, Stop> {
        if let Some(time) = self.reader.decimal() {
            return Ok(time);
        }
        let number = self.reader.number("a time, which is a number")?;
        let number = std::str::from_utf8(number).ok().and_then(|number| number.parse().ok());
        let number = number.filter(|number: &f64| number.is_finite());
        number.ok_or_else(|| self.reader.bad("a number before"))
    }

    fn value(&mut self) -> Result<f64, Stop> {
        let text = self.reader.string("a sample value, which is a string")?;
        let text = self.resolved(text)?;
        let number = parse_go_float(&text);
        number
            .ok_or_else(|| self.refuse(format!("a sample value that is no number: \"{}\"", shortened(&text))))
    }

    #[cold]
    fn refuse(&mut self, what: impl Into<String>) -> Stop {
        self.content = Some(what.into());
        Stop::Bad
    }

    /// A string; `null` counts as empty, as in Go.
    fn optional_text(&mut self) -> Result<Cow<'a, str>, Stop> {
        if self.null()? {
            return Ok(Cow::default());
        }
        let text = self.reader.string("a string")?;
        self.resolved(text)
    }

    #[inline(always)]
    fn resolved(&mut self, raw: RawString<'a>) -> Result<Cow<'a, str>, Stop> {
        let end = raw.start + raw.bytes.len();
        if !raw.escaped {
            return Ok(Cow::Borrowed(&self.text[raw.start..end]));
        }
        let unescaped = serde_json::from_str(&self.text[raw.start - 1..=end]);
        unescaped.map(Cow::Owned).map_err(|_| self.reader.bad("valid escapes before"))
    }

    #[inline]
    fn null(&mut self) -> Result<bool, Stop> {
        let null = self.reader.peek()? == b'n';
        if null {
            self.reader.literal("null")?;
        }
        Ok(null)
    }

    /// Reads an object; `member` is called for each key and consumes its value.
    fn object(
        &mut self,
        expected: &'static str,
        mut member: impl FnMut(&mut Self, &str) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        self.reader.expect(b'{', expected)?;
        if self.reader.take(b'}')? {
            return Ok(());
        }
        loop {
            let key = self.reader.string("a key")?;
            let key = self.resolved(key)?;
            self.reader.expect(b':', "`:` after a key")?;
            member(self, &key)?;
            if self.reader.take(b'}')? {
                return Ok(());
            }
            self.reader.expect(b',', "`,` or `}` after a member")?;
        }
    }
}

fn result(kind: Option<Cow<'_, str>>, elements: Option<Elements<'_>>) -> Result<QueryResult, String> {
    let kind = kind.ok_or("JSON without `data.resultType`")?;
    let elements = elements.ok_or("JSON without `data.result`")?;
    match &*kind {
        "vector" if !elements.parts.is_empty() => Err("a vector whose elements are no samples".into()),
        "vector" if elements.others > 0 => Err("a vector with a sample without value".into()),
        "vector" => Ok(QueryResult::Vector(elements.samples)),
        "scalar" => match (&elements.parts[..], elements.samples.len() + elements.others) {
            ([Part::Number(time), Part::Text(value)], 0) => match parse_go_float(value) {
                Some(value) => Ok(QueryResult::Scalar { time: *time, value }),
                None => Err(format!("a scalar that is no number: \"{}\"", shortened(value))),
            },
            _ => Err("a scalar that is no pair of a time and a value".into()),
        },
        "matrix" => Ok(QueryResult::Matrix),
        "string" => Ok(QueryResult::String),
        other => Err(format!("a result of the unknown type \"{}\"", shortened(other))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(body: &str) -> QueryResult {
        match read(body.as_bytes()) {
            Ok(QueryAnswer::Result { result, .. }) => result,
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
        let result = QueryResult::Scalar { time: 7.5, value: 2.0 };
        let expected = QueryAnswer::Result { result, warnings: r#"["w"]["i"]"#.into() };
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
                "malformed JSON at byte 84: expected a sample value, which is a string",
            ),
            (
                &vector(r#"[{"metric":{},"value":["x","1"]}]"#),
                "malformed JSON at byte 82: expected a time, which is a number",
            ),
            (
                &vector(r#"[{"metric":{},"value":[1e999,"1"]}]"#),
                "malformed JSON at byte 87: expected a number before",
            ),
            (
                &vector(r#"[{"metric":{},"value":[1,"1e999"]}]"#),
                "a sample value that is no number: \"1e999\"",
            ),
            (
                &vector(r#"[{"metric":{"a":1},"value":[1,"1"]}]"#),
                "malformed JSON at byte 75: expected a string",
            ),
            (
                &vector(r#"[{"metric":{"a":"\x"}}]"#),
                "malformed JSON at byte 79: expected valid escapes before",
            ),
            (
                &vector(r#"[{"metric":{}}{}]"#),
                "malformed JSON at byte 73: expected `,` or `]` after an element of the result",
            ),
            (r#"{"data":5}"#, "malformed JSON at byte 8: expected `data` to be an object"),
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
