//! A connection that is given up where the other end takes nothing for too long.
//!
//! Without it, whoever asks and never reads the answers would keep a connection for as long as they
//! like: nothing else in the hub waits for an answer to be taken.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// A connection, and how long a write to it may stand still.
pub(super) struct Patience<W> {
    wire: W,
    write_time: Duration,
    /// Since a write stands still.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl<W> Patience<W> {
    pub(super) fn with(wire: W, write_time: Duration) -> Patience<W> {
        Patience {
            wire,
            write_time,
            waiting: None,
        }
    }

    /// What a write came to, or that it has stood still for too long.
    fn waited<T>(
        &mut self,
        written: Poll<io::Result<T>>,
        look: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.waiting = None;
            return written;
        }
        let time = self.write_time;
        let waiting = self
            .waiting
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(time)));
        waiting
            .as_mut()
            .poll(look)
            .map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<W: AsyncRead + Unpin> AsyncRead for Patience<W> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        look: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_read(look, into)
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for Patience<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        look: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.wire).poll_write(look, bytes);
        self.waited(written, look)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        look: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.wire).poll_write_vectored(look, bytes);
        self.waited(written, look)
    }

    fn is_write_vectored(&self) -> bool {
        self.wire.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, look: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.wire).poll_flush(look);
        self.waited(flushed, look)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, look: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.wire).poll_shutdown(look);
        self.waited(shut, look)
    }
}
