//! A document that many clients read: encoded and compressed at most once per representation.
//!
//! **Invariant:** the bytes of a document never change.

use std::io::Write as _;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderName, HeaderValue};

use crate::encode::{Encoding, KubeObject};
use crate::negotiate::Format;
use crate::route::Answer;

type Render = Box<dyn Fn(Encoding) -> (&'static str, Bytes) + Send + Sync>;

/// A value and its encoded forms.
pub(crate) struct Document {
    render: Render,
    forms: [OnceLock<Arc<Rendered>>; 4],
}

impl Document {
    pub(crate) fn new(object: impl KubeObject + Send + Sync + 'static) -> Self {
        Self { render: Box::new(move |encoding| encoding.encode(&object)), forms: Default::default() }
    }

    fn form(&self, encoding: Encoding) -> &Arc<Rendered> {
        let position = match (encoding.format, encoding.pretty) {
            (Format::Json, false) => 0,
            (Format::Json, true) => 1,
            (Format::Yaml, _) => 2,
            (Format::Protobuf, _) => 3,
        };
        self.forms[position].get_or_init(|| {
            let (content_type, plain) = (self.render)(encoding);
            Arc::new(Rendered { content_type, plain, compressed: OnceLock::new(), etag: OnceLock::new() })
        })
    }
}

/// One encoded form of a document.
pub(crate) struct Rendered {
    content_type: &'static str,
    plain: Bytes,
    compressed: OnceLock<Bytes>,
    etag: OnceLock<HeaderValue>,
}

impl Rendered {
    /// The body compressed by gzip.
    pub(crate) fn compressed(&self) -> &Bytes {
        self.compressed.get_or_init(|| gzip(&self.plain))
    }

    /// A quoted tag that names these bytes.
    pub(crate) fn etag(&self) -> &HeaderValue {
        self.etag.get_or_init(|| etag(&self.plain))
    }
}

/// A quoted tag that is equal for equal bytes, on every replica.
pub(crate) fn etag(bytes: &[u8]) -> HeaderValue {
    // FNV-1a with 128 bits: a name, not a defence against forgery.
    let mut hash: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    for byte in bytes {
        hash = (hash ^ u128::from(*byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
    }
    HeaderValue::from_str(&format!("\"{hash:032X}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

/// Compresses at the fastest level, as upstream does.
pub(crate) fn gzip(bytes: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 8 + 64), Compression::fast());
    // Writing into a growing vector does not fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default().into()
}

/// An answer on its way out, with what an [`Answer`] cannot say.
pub(crate) struct Reply {
    pub(crate) answer: Answer,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// Where the body comes from, if it is shared.
    pub(crate) rendered: Option<Arc<Rendered>>,
}

impl Reply {
    pub(crate) fn document(document: &Document, encoding: Encoding) -> Self {
        let rendered = document.form(encoding);
        Self {
            answer: Answer {
                status: http::StatusCode::OK,
                content_type: rendered.content_type,
                body: rendered.plain.clone(),
                warnings: Vec::new(),
            },
            headers: Vec::new(),
            rendered: Some(Arc::clone(rendered)),
        }
    }

    pub(crate) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        Self { answer, headers: Vec::new(), rendered: None }
    }
}
