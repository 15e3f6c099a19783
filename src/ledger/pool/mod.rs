//! Pools: codes come in by import or generation, are counted and given out as lists.
//!
//! Invariant: a batch exists for nobody until one last write publishes it; a process that dies
//! half-way leaves an unpublished batch, which [`Ledger::sweep_batches`] removes. Invariant: the
//! write lock is given back after at most about 40 ms. Invariant: memory is bounded, whatever is
//! imported. Not here: what a row of a list may say (`domain::code_list`).

mod clash;
mod export;
mod figures;
mod generate;
mod import;
mod list;
mod pace;
mod people;
mod permutation;
mod rows;
mod sort;
mod store;
mod sweep;
#[cfg(test)]
mod tests;
mod watch;

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;

use crate::domain::code_list::ListFault;
use crate::domain::refusal::Refusal;
use crate::ledger::Ledger;
use crate::ledger::engine::Tx;
use crate::ledger::error::{Cause, LedgerError, Naming as _};

pub use crate::ledger::pool::export::ExportedCode;
pub use crate::ledger::pool::generate::{Drawing, GenerateOrder};
pub use crate::ledger::pool::import::{ImportOrder, ImportReport};
pub use crate::ledger::pool::list::{ListLook, look_at_list};
pub use crate::ledger::pool::watch::{DueNotice, Notified};

/// What long work needs of its caller.
pub struct LongWork<'w> {
    /// Fills a buffer with random bytes.
    pub random: &'w mut dyn FnMut(&mut [u8]) -> Result<(), getrandom::Error>,
    /// Is told how far it is, about ten times a second.
    pub progress: &'w mut dyn FnMut(Progress),
    /// Once set, the work ends within a slice and leaves nothing.
    pub stop: &'w AtomicBool,
}

/// How far long work is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub step: Step,
    /// Rows done in this step.
    pub done: u64,
    /// Rows of this step, where it is known.
    pub total: Option<u64>,
    /// Bad rows found so far.
    pub bad: u64,
}

/// What long work does, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Reads a list.
    Reading,
    /// Draws codes.
    Drawing,
    /// Looks for clashes.
    Checking,
    /// Stores codes; nobody can use them yet.
    Storing,
}

/// Sizes, so that tests can be small.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    /// What one sorted run takes of memory.
    pub(crate) run_bytes: usize,
    /// The most rows that are written in one go.
    pub(crate) slice_rows_max: u64,
    /// Rows between two reports of progress.
    pub(crate) rows_per_report: u64,
}

impl Default for Sizes {
    fn default() -> Self {
        Sizes {
            run_bytes: sort::RUN_BYTES,
            slice_rows_max: u64::MAX,
            rows_per_report: 50_000,
        }
    }
}

/// Why work ended early: refused, or failed.
pub(crate) enum Fail {
    /// A value for the person who asked.
    Refused(Refusal),
    /// An error.
    Failed(Cause),
}

impl<C: Into<Cause>> From<C> for Fail {
    fn from(cause: C) -> Self {
        Fail::Failed(cause.into())
    }
}

impl From<Refusal> for Fail {
    fn from(refusal: Refusal) -> Self {
        Fail::Refused(refusal)
    }
}

impl From<ListFault> for Fail {
    fn from(fault: ListFault) -> Self {
        Fail::Refused(Refusal::Faulty(fault.to_string()))
    }
}

fn settled<T>(
    result: Result<T, Fail>,
    op: &'static str,
    thing: &str,
) -> Result<Result<T, Refusal>, LedgerError> {
    match result {
        Ok(done) => Ok(Ok(done)),
        Err(Fail::Refused(refusal)) => Ok(Err(refusal)),
        Err(Fail::Failed(cause)) => Err(cause).naming(op, thing),
    }
}

/// Long work under way.
struct Job<'j, 'w> {
    ledger: &'j mut Ledger,
    work: &'j mut LongWork<'w>,
    sizes: Sizes,
    pace: pace::Pace,
    /// Bad rows found so far.
    bad: u64,
}

impl<'j, 'w> Job<'j, 'w> {
    fn new(ledger: &'j mut Ledger, work: &'j mut LongWork<'w>, sizes: Sizes) -> Job<'j, 'w> {
        Job {
            pace: pace::Pace::new(sizes.slice_rows_max),
            ledger,
            work,
            sizes,
            bad: 0,
        }
    }

    fn read<T>(&mut self, work: impl FnMut(&Tx<'_>) -> Result<T, Cause>) -> Result<T, Cause> {
        self.ledger.engine.read(work)
    }

    fn sorter(&self) -> sort::Sorter {
        sort::Sorter::new(self.ledger.files.folder(), self.sizes.run_bytes)
    }

    fn spool(&self) -> io::Result<sort::Spool> {
        sort::Spool::new(self.ledger.files.folder())
    }

    /// Called once a row: ends the work if that was asked for, and tells how far it is.
    fn tick(&mut self, step: Step, done: u64, total: Option<u64>) -> Result<(), Cause> {
        if done.is_multiple_of(self.sizes.rows_per_report) {
            self.tell(step, done, total);
        }
        self.go_on()
    }

    fn report(&mut self, step: Step, done: u64, total: Option<u64>) -> Result<(), Cause> {
        self.tell(step, done, total);
        self.go_on()
    }

    fn tell(&mut self, step: Step, done: u64, total: Option<u64>) {
        let bad = self.bad;
        (self.work.progress)(Progress {
            step,
            done,
            total,
            bad,
        });
    }

    fn go_on(&self) -> Result<(), Cause> {
        if self.work.stop.load(Ordering::Relaxed) {
            return Err(Cause::Interrupted);
        }
        Ok(())
    }
}
