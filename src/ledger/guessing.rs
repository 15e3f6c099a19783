//! Guessing at counters: unknown codes are counted beside their attempts, too many raise a notice.
//!
//! It stands in the ledger, so that a restart forgets nothing, and goes by the counter's name: every
//! process of a counter is one. Programs with a token are slowed by the hub itself.

use jiff::Timestamp;

use crate::domain::entry::{Fact, Side, instant};
use crate::domain::guessing::{COUNTER, Guessing, NOTICE_MS};
use crate::domain::log::UNKNOWN;
use crate::domain::refusal::Refusal;
use crate::domain::token::is_caller;
use crate::domain::verdict::Approval;
use crate::ledger::attempts::{self, Attempt};
use crate::ledger::engine::{Row, Tx};
use crate::ledger::error::Cause;
use crate::ledger::{Act, Ledger, LedgerError, Setting, Writing, nodes, setting_of};

/// What is kept of a counter.
struct Kept {
    full_at_ms: i64,
    began_at_ms: i64,
    newest_at_ms: i64,
    guesses: i64,
    noticed_at_ms: Option<i64>,
}

const COLUMNS: &str = "full_at_ms, began_at_ms, newest_at_ms, guesses, noticed_at_ms";

fn kept_row(row: &Row<'_>) -> Result<Kept, Cause> {
    Ok(Kept {
        full_at_ms: row.int(0)?,
        began_at_ms: row.int(1)?,
        newest_at_ms: row.int(2)?,
        guesses: row.int(3)?,
        noticed_at_ms: row.maybe_int(4)?,
    })
}

fn find(tx: &Tx<'_>, counter: &str) -> Result<Option<Kept>, Cause> {
    tx.one(
        &format!("SELECT {COLUMNS} FROM guessing WHERE counter = $1"),
        &[counter.into()],
        kept_row,
    )
}

/// Whether an attempt is one that somebody makes who tries codes.
pub(crate) fn is_guess(attempt: &Attempt<'_>, act: &Act) -> bool {
    matches!(attempt.kind, "redeem" | "check")
        && UNKNOWN.contains(&attempt.answer)
        && !is_caller(&act.counter)
}

/// Counts a guess at the act's counter; one too many raises a notice, once until it is quiet again.
pub(crate) fn count(writing: &Writing<'_, '_>, act: &Act) -> Result<(), Cause> {
    let (tx, now_ms) = (writing.tx, act.now.as_millisecond());
    tx.lock_rows(
        "SELECT counter FROM guessing WHERE counter = $1",
        &[(&act.counter).into()],
    )?;
    let before = find(tx, &act.counter)?;
    // Where the allowance was full again, it is another story.
    let mut kept = before
        .filter(|kept| kept.full_at_ms > now_ms)
        .unwrap_or(Kept {
            full_at_ms: now_ms,
            began_at_ms: now_ms,
            newest_at_ms: now_ms,
            guesses: 0,
            noticed_at_ms: None,
        });
    let is_too_many = COUNTER.wait_ms(kept.full_at_ms, now_ms) > 0;
    kept.full_at_ms = COUNTER.guessed(kept.full_at_ms, now_ms);
    kept.guesses += 1;
    if is_too_many && kept.noticed_at_ms.is_none() {
        kept.noticed_at_ms = Some(now_ms);
        let reason = format!(
            "{} unknown codes within {} s; answers to further ones are slowed",
            kept.guesses,
            ((now_ms - kept.began_at_ms) / 1_000).max(1)
        );
        attempts::note(
            writing,
            act,
            &Attempt {
                kind: "guessing",
                answer: "noticed",
                reason: Some(reason),
                ..Attempt::default()
            },
        )?;
    }
    tx.execute(
        "INSERT INTO guessing (counter, full_at_ms, began_at_ms, newest_at_ms, guesses, \
         noticed_at_ms) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (counter) DO UPDATE SET \
         full_at_ms = excluded.full_at_ms, began_at_ms = excluded.began_at_ms, \
         newest_at_ms = excluded.newest_at_ms, guesses = excluded.guesses, \
         noticed_at_ms = excluded.noticed_at_ms",
        &[
            (&act.counter).into(),
            kept.full_at_ms.into(),
            kept.began_at_ms.into(),
            now_ms.into(),
            kept.guesses.into(),
            kept.noticed_at_ms.into(),
        ],
    )?;
    Ok(())
}

/// Forgets counters at which nobody has guessed for as long as attempts are kept.
pub(crate) fn forget(tx: &Tx<'_>, oldest_ms: i64) -> Result<(), Cause> {
    tx.execute(
        "DELETE FROM guessing WHERE newest_at_ms < $1",
        &[oldest_ms.into()],
    )?;
    Ok(())
}

impl Ledger {
    /// By how many milliseconds the answer to the newest unknown code of a counter is slowed.
    pub fn slowed_ms(&mut self, counter: &str, now: Timestamp) -> Result<i64, LedgerError> {
        let kept = self.read("read", "guesses", |tx| find(tx, counter))?;
        Ok(kept.map_or(0, |kept| {
            COUNTER.slowed_ms(kept.full_at_ms, now.as_millisecond())
        }))
    }

    /// The counters at which too many unknown codes were read, that no manager has looked after.
    pub fn guessing(&mut self, now: Timestamp) -> Result<Vec<Guessing>, LedgerError> {
        let now_ms = now.as_millisecond();
        self.read("read", "guesses", |tx| {
            let found = tx.all(
                &format!(
                    "SELECT {COLUMNS}, counter FROM guessing \
                     WHERE noticed_at_ms IS NOT NULL AND newest_at_ms > $1 ORDER BY counter"
                ),
                &[(now_ms - NOTICE_MS).into()],
                |row| Ok((kept_row(row)?, row.text(5)?)),
            )?;
            let notices = found.into_iter();
            notices
                .map(|(kept, counter)| {
                    let wait_ms = COUNTER.wait_ms(kept.full_at_ms, now_ms);
                    Ok(Guessing {
                        store: nodes::asking_counter(tx, &counter)?.map(|(store, _)| store),
                        counter,
                        since: instant(kept.began_at_ms),
                        newest: instant(kept.newest_at_ms),
                        guesses: kept.guesses.unsigned_abs(),
                        slowed_until: (wait_ms > 0).then(|| instant(now_ms + wait_ms)),
                    })
                })
                .collect()
        })
    }

    /// A manager has looked after it: the notice is gone, and nothing is slowed until there are too many
    /// again.
    pub fn end_guessing(
        &mut self,
        counter: &str,
        approval: &Approval,
        act: &Act,
    ) -> Result<Result<(), Refusal>, LedgerError> {
        self.write("end the notice about", counter, |writing| {
            let ended = writing.tx.execute(
                "DELETE FROM guessing WHERE counter = $1 AND noticed_at_ms IS NOT NULL",
                &[counter.into()],
            )?;
            if ended == 0 {
                return Ok(Err(Refusal::NoGuessing(counter.to_owned())));
            }
            writing.append(
                Fact::GuessingEnded {
                    at_counter: counter.to_owned(),
                    approved_by: approval.by.clone(),
                },
                &Setting {
                    side: Side {
                        reason: Some(format!("unknown codes at {counter}: {}", approval.reason)),
                        ..Side::default()
                    },
                    ..setting_of(act)
                },
            )?;
            Ok(Ok(()))
        })
    }
}
