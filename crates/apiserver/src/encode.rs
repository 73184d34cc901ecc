//! Objects written as JSON, YAML or protobuf: what group handlers use to make an [`Answer`].
//!
//! A handler asks [`ApiRequest::encoding`] for the client's choice, builds a value that implements
//! [`KubeObject`], and calls [`Encoding::answer`]; failures go through [`ApiRequest::failure`].
//!
//! **Invariant:** compact JSON ends with a newline and indented JSON does not, as upstream's serializers do.

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use serde::Serialize;

use crate::negotiate::{self, Conversion, Format, Offers};
use crate::query;
use crate::route::{Answer, ApiRequest};
use crate::status::Status;
use crate::{wire, yaml};

/// A value with a Kubernetes type. Its JSON form, `kind` and `apiVersion` included, comes from serde.
pub trait KubeObject: Serialize {
    /// The kind, for the envelope of the protobuf form.
    fn kind(&self) -> &str;

    /// `group/version`, or `v1` for core types.
    fn api_version(&self) -> &str;

    /// The encoded protobuf message without its envelope; `None` when the type has none, and the client gets
    /// JSON.
    fn protobuf(&self) -> Option<Vec<u8>>;
}

/// How one client wants its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encoding {
    pub format: Format,
    /// Indented JSON.
    pub pretty: bool,
    /// Another shape that the client asked for; only where [`Offers::conversions`] allows it.
    pub conversion: Option<Conversion>,
}

impl Encoding {
    /// Compact JSON.
    pub const JSON: Self = Self { format: Format::Json, pretty: false, conversion: None };
    /// Indented JSON, for clients with which nothing was negotiated.
    pub const INDENTED: Self = Self { format: Format::Json, pretty: true, conversion: None };

    /// What the client wants of a route with the given offers.
    pub fn negotiate(headers: &HeaderMap, raw_query: &str, offers: Offers) -> Result<Self, Status> {
        let choice = negotiate::negotiate(headers, offers)?;
        let pretty = choice.pretty || wants_pretty(headers, raw_query);
        Ok(Self { format: choice.format, pretty, conversion: choice.conversion })
    }

    /// What the client gets for a failure: indented JSON if it accepts nothing else we write.
    pub fn for_failure(headers: &HeaderMap, raw_query: &str) -> Self {
        match negotiate::negotiate_failure(headers) {
            Some(choice) => Self {
                format: choice.format,
                pretty: choice.pretty || wants_pretty(headers, raw_query),
                conversion: None,
            },
            None => Self::INDENTED,
        }
    }

    /// The answer that carries `object`.
    pub fn answer<T: KubeObject + ?Sized>(&self, status: StatusCode, object: &T) -> Answer {
        let (content_type, body) = self.encode(object);
        Answer { status, content_type, body, warnings: Vec::new() }
    }

    /// Content type and body for `object`.
    pub fn encode<T: KubeObject + ?Sized>(&self, object: &T) -> (&'static str, Bytes) {
        let (format, body) = match self.format {
            Format::Protobuf => match object.protobuf() {
                Some(message) => {
                    (Format::Protobuf, wire::envelope(object.api_version(), object.kind(), &message))
                }
                None => (Format::Json, json(object, self.pretty)),
            },
            Format::Yaml => (Format::Yaml, yaml::to_string(object).into_bytes()),
            Format::Json => (Format::Json, json(object, self.pretty)),
        };
        (format.media_type(), body.into())
    }
}

impl ApiRequest {
    /// What the client wants of a route with the given offers, or the answer (406) that tells it what there is.
    pub fn encoding(&self, offers: Offers) -> Result<Encoding, Answer> {
        Encoding::negotiate(&self.headers, &self.query, offers).map_err(|status| self.failure(&status))
    }

    /// The answer for a failed request, in a representation the client accepts.
    pub fn failure(&self, status: &Status) -> Answer {
        failure(status, &self.headers, &self.query)
    }

    /// The first value of a query parameter, decoded as Go does.
    pub fn parameter(&self, name: &str) -> Option<std::borrow::Cow<'_, str>> {
        query::first(&self.query, name)
    }
}

/// The answer for a failed request with these headers and this query.
pub fn failure(status: &Status, headers: &HeaderMap, raw_query: &str) -> Answer {
    Encoding::for_failure(headers, raw_query).answer(status.status_code(), status)
}

/// JSON text of a value that serde can write; compact with a newline, or indented without.
pub fn json<T: Serialize + ?Sized>(value: &T, pretty: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    let written = if pretty {
        serde_json::to_writer_pretty(&mut out, value)
    } else {
        serde_json::to_writer(&mut out, value)
    };
    if let Err(error) = written {
        // Only a Serialize implementation that fails by itself gets here.
        tracing::error!(%error, "an answer could not be written as JSON");
        out.clear();
        out.extend_from_slice(b"null");
    }
    let mut out = escaped(out);
    if !pretty {
        out.push(b'\n');
    }
    out
}

/// JSON as Go's `encoding/json` writes it: no byte in it means anything to HTML or to JavaScript. All of these
/// characters can stand inside strings only.
fn escaped(json: Vec<u8>) -> Vec<u8> {
    if !json.iter().any(|byte| matches!(byte, b'<' | b'>' | b'&' | 0xe2)) {
        return json;
    }
    let mut out = Vec::with_capacity(json.len() + 32);
    let mut rest = json.as_slice();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'<' => out.extend_from_slice(br"\u003c"),
            b'>' => out.extend_from_slice(br"\u003e"),
            b'&' => out.extend_from_slice(br"\u0026"),
            // U+2028 and U+2029.
            0xe2 if let [0x80, last @ (0xa8 | 0xa9), rest_of_it @ ..] = after => {
                out.extend_from_slice(if *last == 0xa8 { br"\u2028" } else { br"\u2029" });
                rest = rest_of_it;
            }
            byte => out.push(*byte),
        }
    }
    out
}

fn wants_pretty(headers: &HeaderMap, raw_query: &str) -> bool {
    let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    query::wants_pretty(raw_query, agent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_of_markup_are_escaped_as_go_escapes_them() {
        let value = "a<b>&\u{2028}\u{2029}\u{201c}€";
        assert_eq!(json(value, true), "\"a\\u003cb\\u003e\\u0026\\u2028\\u2029\u{201c}€\"".as_bytes());
        assert_eq!(json("plain", false), b"\"plain\"\n");
    }
}
