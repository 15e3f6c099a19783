//! Watches the pools: a thread of its own that has low ones warned of, and tells somebody outside.
//!
//! Invariants: it has its own connection to the ledger, so that nobody at a counter waits for it; what
//! it could not tell stays in the ledger and is tried again, by this process or another.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::desk::act;
use crate::domain::ids::CampaignId;
use crate::domain::pool::PoolLow;
use crate::ledger::{DueNotice, Ledger, LedgerError, Notified};

/// The counter of what is entered because a pool was watched.
pub const POOLS_COUNTER: &str = "pools";

/// How often the pools are looked at.
const LOOKS_APART: Duration = Duration::from_secs(20);

/// Notices told at one look, at most.
const NOTICES_MAX: usize = 16;

/// Tells somebody outside; else says why it could not. It may take its time.
pub type TellOutside = Arc<dyn Fn(&PoolNotice) -> Result<(), String> + Send + Sync>;

/// Opens the ledger.
pub type OpenLedger = Box<dyn FnMut() -> Result<Ledger, LedgerError> + Send>;

/// What somebody outside is told: a JSON object of these keys, in this order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PoolNotice {
    /// What it is: `pool_low`.
    pub notice: &'static str,
    /// When it was warned of.
    pub at: Timestamp,
    /// The store of this ledger.
    pub store: String,
    /// The campaign.
    pub campaign: CampaignId,
    /// How low: `empty`, `share` or `days`.
    pub low: PoolLow,
    /// Codes left.
    pub left: u64,
    /// Codes ever put into the pool.
    pub claimable: u64,
    /// When it will be empty; none: no end is in sight.
    pub empties_between: Option<(Timestamp, Timestamp)>,
    /// All of it in words, in the store's time zone.
    pub message: String,
}

/// What a watch is made of.
pub struct WatchSetup {
    /// Opens the ledger that is watched.
    pub open: OpenLedger,
    /// The wall clock.
    pub clock: fn() -> Timestamp,
    /// Who is told; none: nobody outside.
    pub tell: Option<TellOutside>,
}

/// The thread; it ends once this is dropped, after what it is just telling.
pub struct PoolWatch {
    _alive: Sender<()>,
    _thread: JoinHandle<()>,
}

impl PoolWatch {
    /// Begins to watch.
    pub fn start(setup: WatchSetup) -> io::Result<PoolWatch> {
        let (alive, over) = channel();
        let thread = std::thread::Builder::new()
            .name("pools".into())
            .spawn(move || watch(setup, &over))?;
        Ok(PoolWatch {
            _alive: alive,
            _thread: thread,
        })
    }
}

fn watch(mut setup: WatchSetup, over: &Receiver<()>) {
    let mut ledger = None;
    loop {
        // What fails is tried again: a full disk, a ledger that is being restored.
        if look(&mut setup, &mut ledger).is_err() {
            ledger = None;
        }
        if over.recv_timeout(LOOKS_APART) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
}

fn look(setup: &mut WatchSetup, kept: &mut Option<Ledger>) -> Result<(), LedgerError> {
    let ledger = match kept {
        Some(ledger) => ledger,
        None => kept.insert((setup.open)()?),
    };
    ledger.watch_pools(&act(POOLS_COUNTER, None, (setup.clock)())?)?;
    if let Some(tell) = &setup.tell {
        tell_outside(ledger, setup.clock, tell)?;
    }
    Ok(())
}

/// Tells whoever is outside of all that is due; gives back how many were told.
pub fn tell_outside(
    ledger: &mut Ledger,
    clock: fn() -> Timestamp,
    tell: &TellOutside,
) -> Result<usize, LedgerError> {
    let mut told = 0;
    for _ in 0..NOTICES_MAX {
        let Some(due) = ledger.take_notice(clock())? else {
            break;
        };
        let notice = notice_of(ledger, &due, clock())?;
        let became = match tell(&notice) {
            Ok(()) => {
                told += 1;
                Notified::Told
            }
            Err(why) => Notified::Failed(why),
        };
        ledger.notified(&due, &became, clock())?;
    }
    Ok(told)
}

fn notice_of(
    ledger: &mut Ledger,
    due: &DueNotice,
    now: Timestamp,
) -> Result<PoolNotice, LedgerError> {
    let place = ledger.place()?;
    let pool = &due.pool;
    let forecast = match due.low {
        PoolLow::Empty => String::new(),
        PoolLow::Share | PoolLow::Days => {
            format!("; {}", pool.forecast_in_words(now, &place.zone))
        }
    };
    Ok(PoolNotice {
        notice: "pool_low",
        at: due.raised_at,
        store: place.store,
        campaign: pool.campaign.clone(),
        low: due.low,
        left: pool.left(),
        claimable: pool.claimable,
        empties_between: pool.forecast.map(|forecast| (forecast.from, forecast.to)),
        message: format!(
            "{}: {}: {} of {} codes left{forecast}",
            pool.campaign,
            due.low.in_words(),
            pool.left(),
            pool.claimable
        ),
    })
}
