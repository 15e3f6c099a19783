//! An answer that is held back until there is something to tell: until then it says now and then that
//! the hub is there.
//!
//! Without it, a store whose cable is pulled while it waits for news would think itself online for as
//! long as the hub may hold its question. What it says is a space, which JSON passes over.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::response::Response;
use hyper::body::{Body as HttpBody, Frame};
use tokio::time::Interval;

/// How often an answer that is held back says that the hub is there; the first time at once.
const BEAT: Duration = Duration::from_secs(2);

/// Marks a response whose answer is still to come.
#[derive(Debug, Clone, Copy)]
pub(super) struct IsHeld;

type Waiting = Pin<Box<dyn Future<Output = Response> + Send>>;

/// The body of such an answer.
pub(super) enum Held {
    /// There is nothing to tell yet.
    Waiting(Waiting, Interval),
    /// What there is to tell.
    Told(Body),
}

impl Held {
    /// Held back until this answers.
    pub(super) fn until(answer: impl Future<Output = Response> + Send + 'static) -> Held {
        Held::Waiting(Box::pin(answer), tokio::time::interval(BEAT))
    }
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        look: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Held::Waiting(answer, beat) = &mut *self {
            let Poll::Ready(answer) = answer.as_mut().poll(look) else {
                let beat = beat.poll_tick(look);
                return beat.map(|_| Some(Ok(Frame::data(Bytes::from_static(b" ")))));
            };
            if !answer.status().is_success() {
                // Its head has said that all is well: whoever is cut off asks again, and is told.
                let refused = io::Error::other("refused while it was held back");
                return Poll::Ready(Some(Err(axum::Error::new(refused))));
            }
            *self = Held::Told(answer.into_body());
        }
        match &mut *self {
            Held::Told(body) => Pin::new(body).poll_frame(look),
            Held::Waiting(..) => Poll::Pending,
        }
    }
}
