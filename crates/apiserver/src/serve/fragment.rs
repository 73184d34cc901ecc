//! Keeps a `#` in the target of an HTTP/1.1 request.
//!
//! Go's server reads it as part of the path. The parser under ours takes it, and what follows, for a fragment and drops
//! both: a request for the metric `m#x` would be answered with the metric `m`. So the byte is escaped before it is parsed.
//!
//! **Invariant:** only the first line of a head is ever changed, and nothing more on a connection once a head has
//! announced a body, so that the boundaries between requests stay where the client put them.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream whose reader sees escaped targets.
pub(super) struct Escaping<S> {
    inner: S,
    /// `None` where nothing is to be escaped, as in HTTP/2.
    heads: Option<Heads>,
    /// Bytes that grew when they were escaped and are yet to be read.
    pending: Vec<u8>,
}

impl<S> Escaping<S> {
    /// Escapes if `http1`; otherwise the stream stays as it is.
    pub(super) fn new(inner: S, http1: bool) -> Self {
        Self { inner, heads: http1.then(Heads::default), pending: Vec::new() }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Escaping<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.pending.is_empty() {
            let before = buffer.filled().len();
            match Pin::new(&mut self.inner).poll_read(context, buffer) {
                Poll::Ready(Ok(())) => {}
                other => return other,
            }
            let Some(escaped) =
                self.heads.as_mut().and_then(|heads| heads.escape(&buffer.filled()[before..]))
            else {
                return Poll::Ready(Ok(()));
            };
            buffer.set_filled(before);
            self.pending = escaped;
        }
        let count = self.pending.len().min(buffer.remaining());
        buffer.put_slice(&self.pending[..count]);
        self.pending.drain(..count);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Escaping<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

/// Where in the heads of a connection the reader is.
#[derive(Debug, Default)]
struct Heads {
    place: Place,
    /// Bytes of the current line so far, line ends left out.
    length: usize,
    /// The start of the current header's name.
    name: Vec<u8>,
    body_announced: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Place {
    #[default]
    RequestLine,
    Headers,
    /// A body may follow: nothing is looked at any more.
    Beyond,
}

/// The headers that announce a body; their longer name has this many bytes.
const ANNOUNCING: [&[u8]; 2] = [b"content-length", b"transfer-encoding"];
const LONGEST: usize = 18;

impl Heads {
    /// Follows `bytes`; returns them escaped if anything had to be.
    fn escape(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut escaped: Option<Vec<u8>> = None;
        for (at, &byte) in bytes.iter().enumerate() {
            if self.place == Place::Beyond {
                if let Some(escaped) = &mut escaped {
                    escaped.extend_from_slice(&bytes[at..]);
                }
                break;
            }
            let in_target = byte == b'#' && self.place == Place::RequestLine;
            if in_target {
                escaped.get_or_insert_with(|| bytes[..at].to_vec()).extend_from_slice(b"%23");
            } else if let Some(escaped) = &mut escaped {
                escaped.push(byte);
            }
            self.step(byte);
        }
        escaped
    }

    fn step(&mut self, byte: u8) {
        match (self.place, byte) {
            (_, b'\r') => {}
            (Place::RequestLine, b'\n') => {
                // Blank lines before a request count for nothing.
                if self.length > 0 {
                    self.place = Place::Headers;
                }
                self.length = 0;
            }
            (Place::Headers, b'\n') => {
                if self.length == 0 {
                    self.place = if self.body_announced { Place::Beyond } else { Place::RequestLine };
                }
                self.length = 0;
                self.name.clear();
            }
            (place, byte) => {
                self.length += 1;
                if place == Place::Headers && self.length <= LONGEST {
                    if byte == b':' {
                        self.body_announced |= ANNOUNCING.contains(&self.name.as_slice());
                    }
                    self.name.push(byte.to_ascii_lowercase());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All of `pieces` after escaping, read one piece at a time.
    fn read(pieces: &[&str]) -> String {
        let mut heads = Heads::default();
        let bytes: Vec<u8> = pieces
            .iter()
            .flat_map(|piece| heads.escape(piece.as_bytes()).unwrap_or_else(|| piece.as_bytes().to_vec()))
            .collect();
        String::from_utf8(bytes).expect("text")
    }

    #[test]
    fn the_target_of_each_request_is_escaped_and_headers_are_not() {
        let request = "GET /m#x HTTP/1.1\r\nHost: a#b\r\n\r\n";
        let expected = "GET /m%23x HTTP/1.1\r\nHost: a#b\r\n\r\n";
        assert_eq!(read(&[request, request]), expected.repeat(2));
        let bytes: Vec<String> = request.repeat(2).chars().map(String::from).collect();
        assert_eq!(read(&bytes.iter().map(String::as_str).collect::<Vec<_>>()), expected.repeat(2));
    }

    #[test]
    fn nothing_is_changed_after_a_head_that_announces_a_body() {
        for header in ["Content-Length: 9", "transfer-encoding: chunked"] {
            let text = format!("POST /m HTTP/1.1\r\n{header}\r\n\r\nGET /#\r\n\r\nGET /m#x HTTP/1.1\r\n\r\n");
            assert_eq!(read(&[&text]), text);
        }
    }
}
