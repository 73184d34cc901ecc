//! Bodies of answers: taken as they arrive, inflated, within a bound.
//!
//! **Invariant:** no more than the bound reaches the receiver, whatever the compression.

use std::io::{self, Write};

use flate2::write::MultiGzDecoder;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::failure::Failure;
use super::foreign::HEAD;

/// Takes a body piece by piece.
pub(super) trait Receiver {
    type Refusal;

    fn take(&mut self, piece: &[u8]) -> Result<(), Self::Refusal>;
}

/// Why a body was not taken whole.
#[derive(Debug)]
pub(super) enum Unreceived<R> {
    /// The connection failed.
    Broken(Failure),
    /// The body exceeds the bound.
    TooLarge,
    /// The compression is unknown or damaged.
    Encoding(String),
    /// The receiver refused a piece.
    Refused(R),
}

/// What came, besides what the receiver has.
#[derive(Debug, Default)]
pub(super) struct Received {
    /// Bytes after decompression.
    pub(super) bytes: u64,
    /// The beginning of the body.
    pub(super) head: Vec<u8>,
}

impl Receiver for Vec<u8> {
    type Refusal = std::convert::Infallible;

    fn take(&mut self, piece: &[u8]) -> Result<(), Self::Refusal> {
        self.extend_from_slice(piece);
        Ok(())
    }
}

/// Hands the body over to `receiver`. The beginning of the body is returned in either case.
pub(super) async fn receive<R: Receiver>(
    mut body: Incoming,
    headers: &HeaderMap,
    bound: u64,
    host: &str,
    receiver: &mut R,
) -> (Received, Result<(), Unreceived<R::Refusal>>) {
    let mut intake = Intake { receiver, bound, received: Received::default(), halt: None };
    let encoding =
        headers.get(CONTENT_ENCODING).map(|value| value.to_str().unwrap_or("?").trim().to_ascii_lowercase());
    let mut inflater = match encoding.as_deref() {
        None | Some("" | "identity") => Inflater::None(&mut intake),
        Some("gzip" | "x-gzip") => Inflater::Gzip(Box::new(MultiGzDecoder::new(&mut intake))),
        Some(other) => {
            let other = super::foreign::shortened(other);
            let what = format!("a body in the encoding \"{other}\", which was not asked for");
            return (intake.received, Err(Unreceived::Encoding(what)));
        }
    };
    let mut broken = None;
    let mut damaged = false;
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => {
                let Ok(piece) = frame.into_data() else { continue };
                damaged = inflater.write_all(&piece).is_err();
                if damaged {
                    break;
                }
            }
            Err(error) => {
                broken = Some(Failure::of(&error, host));
                break;
            }
        }
    }
    if !damaged && broken.is_none() {
        damaged = inflater.finish().is_err();
    }
    drop(inflater);
    let result = match (intake.halt, broken) {
        (Some(halt), _) => Err(halt),
        (None, Some(failure)) => Err(Unreceived::Broken(failure)),
        (None, None) if damaged => Err(Unreceived::Encoding("a damaged gzip body".into())),
        (None, None) => Ok(()),
    };
    (intake.received, result)
}

enum Inflater<W: Write> {
    None(W),
    Gzip(Box<MultiGzDecoder<W>>),
}

impl<W: Write> Inflater<W> {
    fn write_all(&mut self, piece: &[u8]) -> io::Result<()> {
        match self {
            Self::None(writer) => writer.write_all(piece),
            Self::Gzip(decoder) => decoder.write_all(piece),
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        match self {
            Self::None(_) => Ok(()),
            Self::Gzip(decoder) => decoder.try_finish(),
        }
    }
}

/// Counts and passes on, until something is wrong.
struct Intake<'a, R: Receiver> {
    receiver: &'a mut R,
    bound: u64,
    received: Received,
    halt: Option<Unreceived<R::Refusal>>,
}

impl<R: Receiver> Write for Intake<'_, R> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        if self.halt.is_some() {
            return Err(io::ErrorKind::Other.into());
        }
        let received = &mut self.received;
        let kept = piece.len().min(HEAD - received.head.len());
        received.head.extend_from_slice(&piece[..kept]);
        received.bytes += piece.len() as u64;
        if received.bytes > self.bound {
            self.halt = Some(Unreceived::TooLarge);
        } else if let Err(refusal) = self.receiver.take(piece) {
            self.halt = Some(Unreceived::Refused(refusal));
        }
        if self.halt.is_some() { Err(io::ErrorKind::Other.into()) } else { Ok(piece.len()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
