//! Attempts: scans and claims with their answers, whether or not they changed anything.
//!
//! What changed something is an entry; here is the rest, kept 30 days and capped. How many there were of
//! a day, a counter and an answer is kept as long as the entries.

use crate::domain::local_time::day_number;
use crate::domain::notes::Notes;
use crate::ledger::chain::OWN_NODE;
use crate::ledger::engine::Tx;
use crate::ledger::error::Cause;
use crate::ledger::tally::{DAY_MS, part};
use crate::ledger::{Act, Ledger, LedgerError, Writing, guessing, zone_of};

/// Attempts are kept this long.
pub(crate) const KEPT_MS: i64 = 30 * DAY_MS;

/// And no more than this many, the newest.
const KEPT_COUNT: i64 = 1_000_000;

/// How many are forgotten in one go, so that no till waits.
const FORGOTTEN_AT_ONCE: i64 = 5_000;

/// An attempt that changed nothing.
#[derive(Default)]
pub(crate) struct Attempt<'a> {
    pub(crate) kind: &'a str,
    pub(crate) answer: &'a str,
    pub(crate) code: Option<i64>,
    pub(crate) campaign: Option<i64>,
    pub(crate) customer: Option<i64>,
    pub(crate) key: Option<&'a str>,
    /// In kept form: escaped, capped, and without what must not be kept.
    pub(crate) raw: Option<String>,
    pub(crate) reason: Option<String>,
    /// What set it off.
    pub(crate) trigger: Option<&'a str>,
    /// What the caller noted beside it.
    pub(crate) notes: Notes,
}

/// Keeps an attempt.
pub(crate) fn note(
    writing: &Writing<'_, '_>,
    act: &Act,
    attempt: &Attempt<'_>,
) -> Result<(), Cause> {
    let notes = if attempt.notes.is_empty() {
        None
    } else {
        Some(serde_json::to_string(&attempt.notes)?)
    };
    writing.tx.later(
        "INSERT INTO attempt (at_ms, after_entry, kind, answer, code, campaign, customer, \
         counter, operator, key, raw, reason, trigger_text, notes) \
         VALUES ($1, (SELECT coalesce(max(id), 0) FROM entry), $2, $3, $4, $5, $6, $7, $8, $9, \
         $10, $11, $12, $13)",
        &[
            act.now.as_millisecond().into(),
            attempt.kind.into(),
            attempt.answer.into(),
            attempt.code.into(),
            attempt.campaign.into(),
            attempt.customer.into(),
            (&act.counter).into(),
            act.operator.as_ref().into(),
            attempt.key.into(),
            attempt.raw.as_ref().into(),
            attempt.reason.as_ref().into(),
            attempt.trigger.into(),
            notes.as_ref().into(),
        ],
    )?;
    if guessing::is_guess(attempt, act) {
        guessing::count(writing, act)?;
    }
    let zone = zone_of(&writing.head)?;
    let counted = Counted {
        day: day_number(act.now, &zone),
        node: OWN_NODE,
        campaign: attempt.campaign.unwrap_or(0),
        kind: attempt.kind,
        answer: attempt.answer,
        counter: &act.counter,
        operator: act.operator.as_deref(),
    };
    counted.add(writing.tx, 1)
}

/// Under what an attempt is counted, for as long as the ledger lives: the report of a day outlives the
/// attempts themselves.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Counted<'a> {
    /// The local day of the node's store, as days since 1970.
    pub(crate) day: i64,
    pub(crate) node: i64,
    /// 0: of none that is known.
    pub(crate) campaign: i64,
    pub(crate) kind: &'a str,
    pub(crate) answer: &'a str,
    pub(crate) counter: &'a str,
    pub(crate) operator: Option<&'a str>,
}

impl Counted<'_> {
    /// Counts so many more.
    pub(crate) fn add(&self, tx: &Tx<'_>, amount: i64) -> Result<(), Cause> {
        tx.sum(
            "INSERT INTO attempt_day (amount, day, node, campaign, kind, answer, counter, operator, \
             part) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
             ON CONFLICT (day, node, campaign, kind, answer, counter, operator, part) \
             DO UPDATE SET amount = attempt_day.amount + excluded.amount",
            &[
                amount.into(),
                self.day.into(),
                self.node.into(),
                self.campaign.into(),
                self.kind.into(),
                self.answer.into(),
                self.counter.into(),
                self.operator.unwrap_or_default().into(),
                part(tx).into(),
            ],
            (1, 8),
        )
    }
}

impl Ledger {
    /// Forgets some of the attempts that are older than 30 days or beyond the newest million;
    /// answers whether there are more to forget.
    pub fn forget_old_attempts(&mut self, act: &Act) -> Result<bool, LedgerError> {
        let oldest_ms = act.now.as_millisecond() - KEPT_MS;
        let due = self.read("look for", "old attempts", |tx| is_any_due(tx, oldest_ms))?;
        if !due {
            return Ok(false);
        }
        self.write("forget", "old attempts", |writing| {
            let forgotten = writing.tx.execute(
                "DELETE FROM attempt WHERE id IN (SELECT id FROM attempt \
                 WHERE at_ms < $1 OR id <= (SELECT max(id) FROM attempt) - $2 \
                 ORDER BY id LIMIT $3)",
                &[
                    oldest_ms.into(),
                    KEPT_COUNT.into(),
                    FORGOTTEN_AT_ONCE.into(),
                ],
            )?;
            writing
                .tx
                .execute("DELETE FROM heard WHERE at_ms < $1", &[oldest_ms.into()])?;
            guessing::forget(writing.tx, oldest_ms)?;
            Ok(forgotten > 0)
        })
    }
}

fn is_any_due(tx: &Tx<'_>, oldest_ms: i64) -> Result<bool, Cause> {
    // The oldest row tells: ids and times grow together, but for steps of the clock.
    Ok(tx
        .one(
            "SELECT at_ms, id, (SELECT max(id) FROM attempt) FROM attempt ORDER BY id LIMIT 1",
            &[],
            |row| Ok(row.int(0)? < oldest_ms || row.int(2)? - row.int(1)? >= KEPT_COUNT),
        )?
        .unwrap_or(false))
}
