//! Taking back what a counter has just given out: a slip that was not printed, a customer who does
//! not want it after all. The code is ended, never given out again.

use crate::domain::claim::{GivenOut, cancel_fault};
use crate::domain::log::Life;
use crate::domain::reading::kept_form;
use crate::domain::refusal::Refusal;
use crate::domain::verdict::{CANCELLED, CodeState};
use crate::ledger::codes::{CodeRow, assignment_of, by_id, look_up};
use crate::ledger::error::Cause;
use crate::ledger::log::{end_life, life, no_such};
use crate::ledger::{Act, Ledger, LedgerError, Writing, anonymous, attempts};

impl Ledger {
    /// Takes an assignment back: the code becomes void, and its customer may draw again. Only at
    /// the counter that gave it out, within 15 minutes of it, and while it has no uses; else a
    /// refusal that says so, and a manager has [`void_code`](Ledger::void_code) and
    /// [`replace`](Ledger::replace). What it answers is committed.
    ///
    /// `reason` is one line in a person's words; it is kept with "cancelled: " before it.
    pub fn cancel(
        &mut self,
        raw: &[u8],
        reason: &str,
        act: &Act,
    ) -> Result<Result<Life, Refusal>, LedgerError> {
        self.write("cancel", "a code", |writing| {
            cancel(writing, raw, reason, act)
        })
    }
}

fn cancel(
    writing: &mut Writing<'_, '_>,
    raw: &[u8],
    reason: &str,
    act: &Act,
) -> Result<Result<Life, Refusal>, Cause> {
    let (row, _) = look_up(writing.tx, raw, &[])?;
    let refused = match &row {
        Some(row) => refusal(writing, row, act)?,
        None => Some(no_such(raw)),
    };
    let (None, Some(row)) = (&refused, &row) else {
        let refusal = refused.unwrap_or_else(|| no_such(raw));
        note(writing, row.as_ref(), raw, reason, &refusal, act)?;
        return Ok(Err(refusal));
    };
    anonymous::give_back(writing, row)?;
    end_life(writing, row, &format!("{CANCELLED}{reason}"), None, act)?;
    let ended = by_id(writing.tx, row.id)?
        .ok_or_else(|| Cause::Damaged(format!("code {} is missing", row.id)))?;
    life(writing.tx, &ended).map(Ok)
}

fn refusal(writing: &Writing<'_, '_>, row: &CodeRow, act: &Act) -> Result<Option<Refusal>, Cause> {
    if !matches!(row.state, CodeState::Assigned | CodeState::Redeemed) {
        return Ok(Some(Refusal::State(row.state)));
    }
    let assignment = assignment_of(writing.tx, &writing.head, row)?;
    // A counter of the same name at another store is another counter.
    let here = assignment.as_ref().filter(|told| !told.is_foreign());
    let given_out = here.map(|told| GivenOut {
        at_ms: told.body.at_ms,
        counter: &told.body.counter,
    });
    let now_ms = act.now.as_millisecond();
    Ok(cancel_fault(given_out, row.uses_made, &act.counter, now_ms).map(Refusal::NotCancelled))
}

fn note(
    writing: &Writing<'_, '_>,
    row: Option<&CodeRow>,
    raw: &[u8],
    reason: &str,
    refusal: &Refusal,
    act: &Act,
) -> Result<(), Cause> {
    attempts::note(
        writing,
        act,
        &attempts::Attempt {
            kind: "cancel",
            answer: refusal.code(),
            code: row.map(|row| row.id),
            campaign: row.map(|row| row.campaign),
            customer: row.and_then(|row| row.customer),
            raw: Some(kept_form(raw)),
            reason: Some(reason.to_owned()),
            ..attempts::Attempt::default()
        },
    )
}
