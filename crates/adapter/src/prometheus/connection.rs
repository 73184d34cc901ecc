//! Connections that remember whether they have served.
//!
//! A server may close an idle connection in the moment a request is written to it. Go's transport
//! repeats such a request on another connection, and only such a one; this is what tells them apart.
//!
//! **Invariant:** a connection counts as served from the first response head that came over it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use http::{Extensions, Uri};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};

/// Whether a response came over a connection.
#[derive(Debug, Clone, Default)]
struct Served(Arc<AtomicBool>);

/// Marks the connection that `extensions` (of a response) belong to as having served.
pub(super) fn mark_served(extensions: &Extensions) {
    if let Some(Served(served)) = extensions.get() {
        served.store(true, Ordering::Relaxed);
    }
}

/// Whether `connection` served before.
pub(super) fn has_served(connection: &Connected) -> bool {
    let mut extensions = Extensions::new();
    connection.get_extras(&mut extensions);
    extensions.get().is_some_and(|Served(served)| served.load(Ordering::Relaxed))
}

/// A connector whose connections remember.
#[derive(Debug, Clone)]
pub(super) struct Remembering<C>(pub(super) C);

/// A connection that remembers.
#[derive(Debug)]
pub(super) struct Remembered<S> {
    stream: S,
    served: Served,
}

impl<C> tower::Service<Uri> for Remembering<C>
where
    C: tower::Service<Uri>,
    C::Future: Send + 'static,
{
    type Response = Remembered<C::Response>;
    type Error = C::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, C::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), C::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, destination: Uri) -> Self::Future {
        let connecting = self.0.call(destination);
        Box::pin(async move { Ok(Remembered { stream: connecting.await?, served: Served::default() }) })
    }
}

impl<S: Connection> Connection for Remembered<S> {
    fn connected(&self) -> Connected {
        self.stream.connected().extra(self.served.clone())
    }
}

impl<S: Read + Unpin> Read for Remembered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: Write + Unpin> Write for Remembered<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }
}
