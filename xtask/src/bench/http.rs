//! A small HTTP/1.1 server for the stubs: whole answers from memory, so that it costs as little as possible.
//!
//! Not for anything but the benches: it trusts its one client and reads no more of a request than the stubs need.
//!
//! **Invariant:** connections are kept, and an answer is never waited for longer than it takes to write.

use std::{net::SocketAddr, sync::Arc};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

/// A request as it was read.
pub struct Request<'a> {
    /// Path and query, as sent.
    pub target: &'a str,
    /// The body, as sent.
    pub body: &'a [u8],
}

/// What goes back.
pub enum Reply {
    /// Head and body.
    Whole(Bytes),
    /// Pieces of a body, sent as chunks.
    Pieces(Box<dyn Iterator<Item = Vec<u8>> + Send>),
    /// A watch on which nothing happens.
    Quiet,
}

impl Reply {
    /// A JSON document.
    pub fn json(body: &[u8]) -> Self {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let mut whole = head.into_bytes();
        whole.extend_from_slice(body);
        Self::Whole(whole.into())
    }

    /// There is no such thing.
    pub fn missing() -> Self {
        Self::Whole(Bytes::from_static(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"))
    }
}

/// What answers.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request.
    fn answer(&self, request: &Request<'_>) -> Reply;
}

/// Serves on a free port of the loopback device, on a thread of its own, until the process ends.
pub fn serve(name: &str, handler: Arc<impl Handler>, tls: Option<TlsAcceptor>) -> Result<SocketAddr> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").context("cannot listen")?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        runtime.block_on(async move {
            let Ok(listener) = TcpListener::from_std(listener) else { return };
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                let (handler, tls) = (handler.clone(), tls.clone());
                // A connection that breaks is its client's loss.
                tokio::spawn(async move {
                    match tls {
                        Some(tls) => converse(tls.accept(stream).await?, &*handler).await,
                        None => converse(stream, &*handler).await,
                    }
                });
            }
        });
    })?;
    Ok(address)
}

async fn converse(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    handler: &impl Handler,
) -> std::io::Result<()> {
    let mut buffer: Vec<u8> = Vec::with_capacity(8192);
    loop {
        let end = loop {
            if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        };
        let total =
            end + header(&buffer[..end], "content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
        while buffer.len() < total {
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        }
        let line = buffer.split(|byte| *byte == b'\r').next().unwrap_or_default();
        let target = str::from_utf8(line).unwrap_or_default().split(' ').nth(1).unwrap_or_default();
        let reply = handler.answer(&Request { target, body: &buffer[end..total] });
        match reply {
            Reply::Whole(whole) => stream.write_all(&whole).await?,
            Reply::Pieces(pieces) => {
                stream.write_all(CHUNKED).await?;
                for piece in pieces {
                    stream.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).await?;
                    stream.write_all(&piece).await?;
                    stream.write_all(b"\r\n").await?;
                }
                stream.write_all(b"0\r\n\r\n").await?;
            }
            Reply::Quiet => {
                stream.write_all(CHUNKED).await?;
                stream.flush().await?;
                // Until the client closes.
                while stream.read_u8().await.is_ok() {}
                return Ok(());
            }
        }
        stream.flush().await?;
        buffer.drain(..total);
    }
}

const CHUNKED: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";

/// The value of a header in the bytes of a head; `name` in lower case.
pub fn header<'a>(head: &'a [u8], name: &str) -> Option<&'a str> {
    head.split(|byte| *byte == b'\n').find_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        line[..colon].eq_ignore_ascii_case(name.as_bytes()).then_some(())?;
        Some(str::from_utf8(&line[colon + 1..]).ok()?.trim())
    })
}
