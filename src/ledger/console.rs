//! What a console asks of the ledger beside verdicts: today's figures, and acceptances not yet shown.

use jiff::Timestamp;

use crate::domain::campaign::Rules;
use crate::domain::entry::{Body, instant};
use crate::domain::local_time::{day_number, day_start};
use crate::domain::verdict::Unseen;
use crate::ledger::chain::Head;
use crate::ledger::engine::Tx;
use crate::ledger::error::Cause;
use crate::ledger::tally::{DAY_MS, hour_of};
use crate::ledger::{Act, Ledger, LedgerError, zone_of};

/// Acceptances that were never drawn are kept this long.
const UNSHOWN_KEPT_MS: i64 = DAY_MS;

/// What this ledger answered since the store's midnight.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Today {
    /// Codes honoured, reversals taken off.
    pub accepted: u64,
    /// Scans that were refused or asked about.
    pub refused: u64,
    /// Codes honoured provisionally, also those that were undone since.
    pub provisional: u64,
}

impl Ledger {
    /// Acceptances were drawn: they are no longer repeated to a rescan, nor listed after a crash.
    pub fn mark_shown(&mut self, entries: &[i64]) -> Result<(), LedgerError> {
        self.write("mark as shown", "acceptances", |writing| {
            for entry in entries {
                writing
                    .tx
                    .execute("DELETE FROM unshown WHERE entry = $1", &[(*entry).into()])?;
            }
            Ok(())
        })
    }

    /// Forgets acceptances of more than a day ago that were never drawn: nobody looks for them now.
    pub fn forget_old_unshown(&mut self, act: &Act) -> Result<(), LedgerError> {
        let oldest_ms = act.now.as_millisecond() - UNSHOWN_KEPT_MS;
        let due = self.read("look for", "old acceptances", |tx| {
            tx.one(
                "SELECT entry FROM unshown WHERE at_ms < $1 LIMIT 1",
                &[oldest_ms.into()],
                |row| row.int(0),
            )
        })?;
        if due.is_none() {
            return Ok(());
        }
        self.write("forget", "old acceptances", |writing| {
            writing
                .tx
                .execute("DELETE FROM unshown WHERE at_ms < $1", &[oldest_ms.into()])?;
            Ok(())
        })
    }

    /// Acceptances of this counter that may not have been drawn, newest first.
    pub fn unseen(&mut self, act: &Act) -> Result<Vec<Unseen>, LedgerError> {
        self.read("list", "acceptances not yet shown", |tx| {
            tx.all(
                "SELECT u.entry, e.body, coalesce(c.shown, c.folded), m.rules FROM unshown u \
                 JOIN entry e ON e.id = u.entry JOIN code c ON c.id = u.code \
                 JOIN campaign m ON m.id = c.campaign WHERE u.counter = $1 ORDER BY u.entry DESC",
                &[(&act.counter).into()],
                |row| {
                    let body: Body = serde_json::from_str(&row.text(1)?)?;
                    let rules: Rules = serde_json::from_str(&row.text(3)?)?;
                    Ok(Unseen {
                        entry: row.int(0)?,
                        at: instant(body.at_ms),
                        code: row.text(2)?,
                        offer: rules.offer,
                    })
                },
            )
        })
    }

    /// Today's figures of all counters on this ledger.
    pub fn today(&mut self, now: Timestamp) -> Result<Today, LedgerError> {
        self.read("count", "today", |tx| today(tx, now))
    }
}

fn today(tx: &Tx<'_>, now: Timestamp) -> Result<Today, Cause> {
    let head = Head::load(tx)?;
    let zone = zone_of(&head)?;
    let date = now.to_zoned(zone.clone()).date();
    let midnight_ms = day_start(date, &zone).map_or(0, Timestamp::as_millisecond);
    // Whole hours since midnight; zones off by half an hour count their first half hour too.
    let first_hour = hour_of(midnight_ms);
    let sum_of = |kind: &str| {
        tx.one(
            "SELECT coalesce(sum(amount), 0) FROM tally_hour WHERE kind = $1 AND hour >= $2",
            &[kind.into(), first_hour.into()],
            |row| row.int(0),
        )
        .map(|sum| sum.unwrap_or(0))
    };
    // What the hub redeemed for a counter here was honoured here.
    let standing = sum_of("redeemed")? + sum_of("witnessed")?
        - sum_of("reversed")?
        - sum_of("witnessed_back")?;
    let provisional = tx.one(
        "SELECT coalesce(sum(amount), 0) FROM provisional_day WHERE day = $1",
        &[day_number(now, &zone).into()],
        |row| row.int(0),
    )?;
    Ok(Today {
        accepted: standing.max(0).unsigned_abs(),
        refused: sum_of("refused")?.unsigned_abs(),
        provisional: provisional.unwrap_or(0).max(0).unsigned_abs(),
    })
}
