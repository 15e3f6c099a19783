//! HTTP, both ends: the hub, where programs claim and redeem from this ledger, each by its own token;
//! and [`client`], by which a store asks its hub.
//!
//! Invariants: one thread owns the ledger, and answers after the commit; questions reach it through a
//! bounded channel, and where that is full the answer is 503 at once. Every question is let in by the
//! ledger itself, so that a revoked token stops at the next one. No body, contact, code or secret is
//! logged. Not here: rules, the clock (it comes in).

mod asked;
pub mod client;
mod connections;
mod fault;
mod guesses;
mod held;
mod ledger_thread;
mod log;
mod patience;
mod routes;
pub mod sync_loop;
pub mod tls;
mod validity;

use std::io::{self, Write};
use std::net::TcpListener;
use std::sync::Arc;

use jiff::Timestamp;
use thiserror::Error;
use tokio::sync::watch;

use crate::http::guesses::Guesses;
use crate::http::ledger_thread::Desk;
use crate::http::log::{Counters, Log};
use crate::http::routes::Shared;
use crate::http::tls::HubCertificate;
use crate::ledger::Ledger;

pub use connections::Limits;
pub use routes::{Method, ROUTES, Route, refusal_of_body};

/// The hub's own mark: a header of every answer and every question, by which a store knows that it was
/// the hub that answered. Its value is the version of the protocol.
pub const WIRE_MARK: &str = "counterfoil-wire";

/// The version of the protocol that this program speaks.
pub const WIRE_VERSION: &str = "1";

/// What a hub is made of.
pub struct Hub {
    /// The ledger it answers from.
    pub ledger: Ledger,
    /// Where it is asked.
    pub listener: TcpListener,
    /// By what it is known; none: it is asked in clear.
    pub certificate: Option<HubCertificate>,
    /// How much it puts up with.
    pub limits: Limits,
    /// Where it says what it answered: one JSON line an answer.
    pub log: Box<dyn Write + Send>,
    /// Hosts whose web links may hold codes.
    pub allowed_hosts: Vec<String>,
    /// The wall clock, read once for each act.
    pub clock: fn() -> Timestamp,
}

/// Why a hub does not answer any more.
#[derive(Debug, Error)]
pub enum HubFault {
    /// It could not begin, or lost its socket.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The thread that owns the ledger has ended by a bug: what it was about to store is not stored.
    #[error("the hub ends, for the thread that owns its ledger has failed")]
    LedgerThread,
}

/// Answers until `stop` returns; then takes no more questions, answers those that the ledger is already
/// asked (for 10 s at most) and ends, within 2 s if there are none. Where nobody is left to answer from
/// the ledger it ends too: whoever watches over it begins it anew.
pub fn serve(hub: Hub, stop: impl FnOnce() + Send + 'static) -> Result<(), HubFault> {
    let clock = hub.clock;
    let feed = watch::channel(0).0;
    let (end, ended) = watch::channel(());
    let guesses = Arc::new(Guesses::new());
    let desk = Desk {
        allowed_hosts: hub.allowed_hosts,
        clock,
        guesses: Arc::clone(&guesses),
    };
    let (asks, ledger_thread) = ledger_thread::begin(hub.ledger, desk, feed.clone(), end.clone())?;
    let shared = Arc::new(Shared {
        asks,
        feed,
        counters: Counters::default(),
        log: Log::to(hub.log),
        guesses,
        clock,
        under_way: watch::channel(0).0,
        body_time: hub.limits.body_time,
    });
    hub.listener.set_nonblocking(true)?;
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            stop();
            end.send_replace(());
        })?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let served = runtime.block_on(connections::answer(
        hub.listener,
        hub.certificate,
        hub.limits,
        shared,
        ended,
    ));
    // Whoever could still ask is gone: the thread ends after what it was asked.
    drop(runtime);
    if ledger_thread.join().is_err() {
        return Err(HubFault::LedgerThread);
    }
    Ok(served?)
}
