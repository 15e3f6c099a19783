//! Slices: how long the write lock is held, and when the write-ahead log is taken over.

use std::time::{Duration, Instant};

use crate::ledger::error::Cause;
use crate::ledger::{Ledger, LedgerError, Writing};

/// The longest that a slice should hold the write lock, its commit included.
const HELD_MAX: Duration = Duration::from_millis(40);

/// The same while others are at work: they take turns with us, and each waits for a whole slice.
const HELD_CROWDED_MAX: Duration = Duration::from_millis(3);

/// Whoever waits longer than this for a turn is not alone.
const WAITED_ALONE_MAX: Duration = Duration::from_millis(1);

/// What a slice may spend before its commit, at least.
const SPENT_MIN: Duration = Duration::from_micros(500);

/// Rows between two looks at the clock.
const ROWS_PER_LOOK: u64 = 32;

/// Slices between two takings-over of the write-ahead log; each slice adds a few MiB to it.
const SLICES_PER_CHECKPOINT: u32 = 4;

/// Learns how much fits into a slice on this disk.
pub(super) struct Pace {
    spend: Duration,
    rows_max: u64,
    slices: u32,
}

/// One slice under way.
pub(super) struct Slice {
    begun: Instant,
    spend: Duration,
    rows: u64,
    rows_max: u64,
}

impl Pace {
    pub(super) fn new(rows_max: u64) -> Pace {
        Pace {
            spend: HELD_MAX / 4,
            rows_max,
            slices: 0,
        }
    }

    /// A commit takes as long as the disk pleases, so what may be spent before it is learnt; when
    /// others come, at once.
    fn learn(&mut self, waited: Duration, held: Duration) {
        let held_max = if waited > WAITED_ALONE_MAX {
            HELD_CROWDED_MAX
        } else {
            HELD_MAX
        };
        if held > held_max * 2 {
            self.spend = (self.spend / 4).max(SPENT_MIN);
        } else if held > held_max {
            self.spend = (self.spend * 3 / 4).max(SPENT_MIN);
        } else if held < held_max * 3 / 4 {
            self.spend = (self.spend * 9 / 8).min(held_max * 3 / 4).max(SPENT_MIN);
        }
    }

    /// One short write of long work. The clock starts when the turn has come.
    pub(super) fn slice<T>(
        &mut self,
        ledger: &mut Ledger,
        work: impl FnOnce(&mut Writing<'_, '_>, &mut Slice) -> Result<T, Cause>,
    ) -> Result<T, Cause> {
        let (spend, rows_max) = (self.spend, self.rows_max);
        let asked = now();
        let mut begun = None;
        let done = ledger
            .write_once("store", "codes", |writing| {
                let mut slice = Slice {
                    begun: now(),
                    spend,
                    rows: 0,
                    rows_max,
                };
                begun = Some(slice.begun);
                work(writing, &mut slice)
            })
            .map_err(|error: LedgerError| error.cause)?;
        if let Some(begun) = begun {
            self.learn(begun.duration_since(asked), now().duration_since(begun));
        }
        self.slices += 1;
        if self.slices.is_multiple_of(SLICES_PER_CHECKPOINT) {
            // The slice is committed; a log that cannot be taken over now is taken over later.
            drop(ledger.engine.checkpoint());
        }
        Ok(done)
    }
}

impl Slice {
    /// Counts rows; whether the slice has had its time.
    pub(super) fn is_over_after(&mut self, rows: u64) -> bool {
        let looks = self.rows / ROWS_PER_LOOK;
        self.rows += rows;
        self.rows >= self.rows_max
            || (self.rows / ROWS_PER_LOOK > looks && now().duration_since(self.begun) >= self.spend)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "only the time between two readings counts: how long the lock was held"
)]
fn now() -> Instant {
    Instant::now()
}
