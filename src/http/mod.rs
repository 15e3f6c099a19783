//! HTTP, both ends: the hub, where programs claim and redeem from this ledger, each by its own token;
//! and [`client`], by which a store asks its hub.
//!
//! Invariants: one thread owns the ledger, and answers after the commit; questions reach it through a
//! bounded channel, and where that is full the answer is 503 at once. Every question is let in by the
//! ledger itself, so that a revoked token stops at the next one. No body, contact, code or secret is
//! logged. Not here: rules, the clock (it comes in).

mod asked;
pub mod client;
mod fault;
mod ledger_thread;
mod log;
mod routes;
pub mod tls;

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::oneshot;

use crate::http::log::Counters;
use crate::http::routes::Shared;
use crate::ledger::Ledger;

/// The hub's own mark: a header of every answer and every question, by which a store knows that it was
/// the hub that answered. Its value is the version of the protocol.
pub const WIRE_MARK: &str = "counterfoil-wire";

/// The version of the protocol that this program speaks.
pub const WIRE_VERSION: &str = "1";

/// How long after the signal an answer under way is waited for.
const ENDING_TIME: Duration = Duration::from_secs(10);

/// What a hub is made of.
pub struct Hub {
    /// The ledger it answers from.
    pub ledger: Ledger,
    /// Where it is asked.
    pub listener: TcpListener,
    /// Hosts whose web links may hold codes.
    pub allowed_hosts: Vec<String>,
    /// The wall clock, read once for each act.
    pub clock: fn() -> Timestamp,
}

/// Answers until `stop` returns; then takes no more questions, answers those under way (for 10 s at
/// most) and ends. An error means that it could not begin, or lost its socket.
pub fn serve(hub: Hub, stop: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let clock = hub.clock;
    let (asks, ledger_thread) = ledger_thread::begin(hub.ledger, hub.allowed_hosts, clock)?;
    let shared = Arc::new(Shared {
        asks,
        counters: Counters::default(),
        clock,
    });
    hub.listener.set_nonblocking(true)?;
    let (end, ended) = oneshot::channel::<()>();
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            stop();
            drop(end);
        })?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let served = runtime.block_on(answer(hub.listener, shared, ended));
    // Whoever could still ask is gone: the thread ends after what it was asked.
    drop(runtime);
    drop(ledger_thread.join());
    served
}

async fn answer(
    listener: TcpListener,
    shared: Arc<Shared>,
    ended: oneshot::Receiver<()>,
) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let (tell, mut told) = tokio::sync::watch::channel(());
    let serving = axum::serve(listener, routes::router(shared))
        .with_graceful_shutdown(async move {
            // Also where the other end is dropped: that is how the end is told.
            drop(ended.await);
            drop(tell);
        })
        .into_future();
    let late = async move {
        while told.changed().await.is_ok() {}
        tokio::time::sleep(ENDING_TIME).await;
    };
    tokio::select! {
        served = serving => served,
        () = late => Ok(()),
    }
}
