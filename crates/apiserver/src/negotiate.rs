//! Which representation a client gets, from its `Accept` header.
//!
//! Two steps, as upstream has them: the route compares bare media types (go-restful `Route.matchesAccept`), then
//! the clauses are tried with their parameters in order of preference (apiserver
//! `endpoints/handlers/negotiation`). A client that passes the first and fails the second gets another text.
//!
//! **Invariant:** only the first `Accept` header counts, and an absent or empty one means JSON.

use http::{HeaderMap, header};

use crate::status::Status;

/// How an object is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    Json,
    Yaml,
    Protobuf,
}

impl Format {
    /// All formats, in the order in which a wildcard prefers them.
    pub const ALL: [Self; 3] = [Self::Json, Self::Yaml, Self::Protobuf];

    /// The media type, which is also the `Content-Type` of an answer.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Yaml => "application/yaml",
            Self::Protobuf => "application/vnd.kubernetes.protobuf",
        }
    }

    fn subtype(self) -> &'static str {
        self.media_type().trim_start_matches("application/")
    }
}

/// Another shape in which a client wants an object (`as=Table;v=v1;g=meta.k8s.io`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Conversion {
    pub shape: Shape,
    /// `v1` or `v1beta1` of `meta.k8s.io`.
    pub version: &'static str,
}

/// The shapes of `meta.k8s.io`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shape {
    /// `Table`, for `kubectl get`.
    Table,
    /// `PartialObjectMetadata`.
    Metadata,
    /// `PartialObjectMetadataList`.
    MetadataList,
}

/// What a route can answer with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offers {
    /// Whether `Table` and the metadata shapes may be asked for.
    pub conversions: bool,
    /// Whether the route lists its streaming types in the text of a 406.
    pub streams: bool,
}

impl Offers {
    /// Discovery documents and failures.
    pub const PLAIN: Self = Self { conversions: false, streams: false };
    /// Lists of metric values: no conversions.
    pub const METRIC_VALUES: Self = Self { conversions: false, streams: true };
    /// One object of `metrics.k8s.io`: tables and metadata as well.
    pub const OBJECT: Self = Self { conversions: true, streams: false };
    /// Lists of objects of `metrics.k8s.io`.
    pub const OBJECTS: Self = Self { conversions: true, streams: true };

    fn available(self) -> &'static str {
        if self.streams {
            "application/json, application/yaml, application/vnd.kubernetes.protobuf, \
             application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch"
        } else {
            "application/json, application/yaml, application/vnd.kubernetes.protobuf"
        }
    }
}

/// The outcome of a negotiation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    pub format: Format,
    pub conversion: Option<Conversion>,
    /// The clause itself asked for indentation (`pretty=1`).
    pub pretty: bool,
}

const JSON: Choice = Choice { format: Format::Json, conversion: None, pretty: false };

/// Chooses for a route with the given offers.
pub fn negotiate(headers: &HeaderMap, offers: Offers) -> Result<Choice, Status> {
    let accept = accept(headers);
    if accept.is_empty() {
        return Ok(JSON);
    }
    if !route_matches(accept) {
        return Err(Status::no_representation(offers.available()));
    }
    choose(accept, offers).ok_or_else(Status::no_conversion)
}

/// Chooses for a failure: no conversions, and `None` when nothing fits.
pub fn negotiate_failure(headers: &HeaderMap) -> Option<Choice> {
    let accept = accept(headers);
    if accept.is_empty() { Some(JSON) } else { choose(accept, Offers::PLAIN) }
}

/// The first `Accept` header; one that is not visible ASCII matches nothing.
pub fn accept(headers: &HeaderMap) -> &str {
    headers.get(header::ACCEPT).map_or("", |value| value.to_str().unwrap_or("?"))
}

/// Whether the client accepts any of our formats, whatever their parameters ask for.
pub fn accepts_a_format(headers: &HeaderMap) -> bool {
    let accept = accept(headers);
    accept.is_empty() || route_matches(accept)
}

fn route_matches(accept: &str) -> bool {
    accept.split(',').any(|clause| {
        let bare = clause.split(';').next().unwrap_or_default().trim();
        bare == "*/*" || Format::ALL.iter().any(|format| format.media_type() == bare)
    })
}

fn choose(accept: &str, offers: Offers) -> Option<Choice> {
    clauses(accept).into_iter().find_map(|clause| {
        Format::ALL
            .into_iter()
            .filter(|format| clause.covers("application", format.subtype()))
            .find_map(|format| clause.choice(format, offers))
    })
}

/// One clause of an `Accept` header.
#[derive(Debug, Clone, Copy)]
pub struct Clause<'a> {
    kind: &'a str,
    subtype: &'a str,
    parameters: &'a str,
    quality: f32,
}

impl<'a> Clause<'a> {
    /// Whether the media range of this clause contains the given type.
    pub fn covers(&self, kind: &str, subtype: &str) -> bool {
        (self.kind == kind && (self.subtype == subtype || self.subtype == "*"))
            || (self.kind == "*" && self.subtype == "*")
    }

    /// The value of a parameter; the last one wins.
    pub fn parameter(&self, name: &str) -> Option<&'a str> {
        parameters(self.parameters).filter(|(key, _)| *key == name).last().map(|(_, value)| value)
    }

    fn choice(&self, format: Format, offers: Offers) -> Option<Choice> {
        if self.parameters.is_empty() {
            return Some(Choice { format, conversion: None, pretty: false });
        }
        if self.parameter("stream").is_some_and(|stream| !stream.is_empty())
            && (self.parameter("stream") != Some("watch") || format == Format::Yaml)
        {
            return None;
        }
        if self.parameter("sv").is_some_and(|version| !version.is_empty()) {
            return None;
        }
        let target = (self.parameter("as"), self.parameter("g"), self.parameter("v"));
        let conversion = match target {
            (None, None, None) => None,
            (Some(shape), Some("meta.k8s.io"), Some(version)) if offers.conversions => {
                let version = ["v1", "v1beta1"].into_iter().find(|known| *known == version)?;
                let shape = match shape {
                    "Table" if format != Format::Protobuf => Shape::Table,
                    "PartialObjectMetadata" => Shape::Metadata,
                    "PartialObjectMetadataList" => Shape::MetadataList,
                    _ => return None,
                };
                Some(Conversion { shape, version })
            }
            _ => return None,
        };
        Some(Choice { format, conversion, pretty: self.parameter("pretty") == Some("1") })
    }
}

fn parameters(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split(';').filter_map(|part| {
        let (key, value) = part.split_once('=')?;
        Some((key.trim(), value.trim()))
    })
}

/// The clauses of an `Accept` header, best first: by quality, then the specific before the general, then in
/// the order of the header.
pub fn clauses(accept: &str) -> Vec<Clause<'_>> {
    let mut clauses: Vec<Clause<'_>> = accept
        .split(',')
        .filter_map(|part| {
            let (range, parameters) = part.split_once(';').unwrap_or((part, ""));
            let (kind, subtype) = match range.trim() {
                "*" => ("*", "*"),
                range => range.split_once('/')?,
            };
            let mut clause = Clause { kind: kind.trim(), subtype: subtype.trim(), parameters, quality: 1.0 };
            if let Some(quality) = clause.parameter("q") {
                clause.quality = quality.parse().unwrap_or(1.0);
            }
            Some(clause)
        })
        .collect();
    let generality = |clause: &Clause<'_>| (clause.kind == "*", clause.subtype == "*");
    clauses.sort_by(|a, b| b.quality.total_cmp(&a.quality).then_with(|| generality(a).cmp(&generality(b))));
    clauses
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn ask(accept: &str, offers: Offers) -> Result<(Format, Option<Shape>), u16> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_str(accept).unwrap());
        negotiate(&headers, offers)
            .map(|choice| (choice.format, choice.conversion.map(|conversion| conversion.shape)))
            .map_err(|status| status.code)
    }

    #[test]
    fn a_client_gets_the_first_representation_it_prefers() {
        for (accept, format) in [
            ("", Format::Json),
            ("*/*", Format::Json),
            ("application/json", Format::Json),
            ("application/yaml", Format::Yaml),
            ("application/vnd.kubernetes.protobuf, */*", Format::Protobuf),
            ("*/*, application/vnd.kubernetes.protobuf", Format::Protobuf),
            ("application/xml, application/json;q=0.5", Format::Json),
            ("application/json;q=0.1, application/yaml;q=0.9", Format::Yaml),
            ("application/json;stream=watch", Format::Json),
        ] {
            assert_eq!(ask(accept, Offers::METRIC_VALUES), Ok((format, None)), "{accept}");
        }
    }

    #[test]
    fn a_client_that_accepts_nothing_we_write_is_refused() {
        for accept in
            ["text/html", "garbage", "application/*", "application/json;as=Table;v=v1;g=meta.k8s.io"]
        {
            assert_eq!(ask(accept, Offers::METRIC_VALUES), Err(406), "{accept}");
        }
        assert_eq!(ask("application/yaml;stream=watch", Offers::METRIC_VALUES), Err(406));
    }

    #[test]
    fn a_table_is_offered_where_objects_have_columns_and_skipped_elsewhere() {
        let accept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
        assert_eq!(ask(accept, Offers::OBJECTS), Ok((Format::Json, Some(Shape::Table))));
        assert_eq!(ask(accept, Offers::METRIC_VALUES), Ok((Format::Json, None)));
        let protobuf = "application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io,application/json";
        assert_eq!(ask(protobuf, Offers::OBJECTS), Ok((Format::Json, None)));
    }
}
