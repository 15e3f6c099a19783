//! Slips: each is stored before it goes to a printer, and only a person settles a doubtful one.
//!
//! A reprint is the next copy of the same code, by an entry; nothing here ever draws a code.

use crate::domain::campaign::Campaign;
use crate::domain::entry::{Fact, instant};
use crate::domain::local_time::in_words;
use crate::domain::refusal::Refusal;
use crate::domain::slip::Slip;
use crate::domain::slip_job::{OpenSlip, SlipJob, SlipOutcome, SlipState};
use crate::domain::verdict::CodeState;
use crate::ledger::codes::{CodeRow, assignment_of, by_id, look_up};
use crate::ledger::engine::{Row, Tx};
use crate::ledger::error::Cause;
use crate::ledger::log::no_such;
use crate::ledger::{Act, Ledger, LedgerError, Setting, Writing, campaigns, setting_of, zone_of};

/// A slip that is still printing after this long was left so by a program that ended. The longest
/// that a printer is waited for is far less.
const LEFT_AFTER_MS: i64 = 120_000;

/// How many slips a list names.
const LISTED_MAX: i64 = 100;

/// The stored number of a state.
fn state_number(state: SlipState) -> i64 {
    match state {
        SlipState::Printing => 0,
        SlipState::Printed => 1,
        SlipState::Unconfirmed => 2,
        SlipState::Settled => 3,
    }
}

/// The state of a stored number.
pub(crate) fn state_of(number: i64) -> Result<SlipState, Cause> {
    SlipState::ALL
        .into_iter()
        .find(|state| state_number(*state) == number)
        .ok_or_else(|| Cause::Damaged(format!("a slip in state {number}")))
}

impl Ledger {
    /// Stores the next copy of a customer's slip, to be printed at once. Only a code that can be
    /// used is printed.
    pub fn order_slip(
        &mut self,
        raw: &[u8],
        act: &Act,
    ) -> Result<Result<SlipJob, Refusal>, LedgerError> {
        self.write("print", "a slip", |writing| {
            let (Some(row), _) = look_up(writing.tx, raw, &[])? else {
                return Ok(Err(no_such(raw)));
            };
            let campaign = campaigns::load(writing.tx, row.campaign)?;
            if let Some(refusal) = unprintable(&row, &campaign, act) {
                return Ok(Err(refusal));
            }
            order(writing, &row, &campaign, act).map(Ok)
        })
    }

    /// Keeps what became of a slip. A printed one is never doubtful again; one that a person has
    /// settled meanwhile stays so unless it was printed after all.
    pub fn slip_done(&mut self, number: i64, outcome: &SlipOutcome) -> Result<(), LedgerError> {
        self.write("note the outcome of", "a slip", |writing| {
            match outcome {
                SlipOutcome::Printed => writing.tx.execute(
                    "UPDATE slip SET state = $1, why = NULL WHERE id = $2 AND state IN (0, 2)",
                    &[state_number(SlipState::Printed).into(), number.into()],
                )?,
                SlipOutcome::Unconfirmed(why) => writing.tx.execute(
                    "UPDATE slip SET state = $1, why = $2 WHERE id = $3 AND state = 0",
                    &[
                        state_number(SlipState::Unconfirmed).into(),
                        why.into(),
                        number.into(),
                    ],
                )?,
            };
            Ok(())
        })
    }

    /// The slips of which nobody knows whether the customer has them, of all counters, the newest
    /// first; at most a hundred.
    pub fn open_slips(&mut self, act: &Act) -> Result<Vec<OpenSlip>, LedgerError> {
        let left_before_ms = act.now.as_millisecond() - LEFT_AFTER_MS;
        self.read("list", "slips not confirmed", |tx| {
            tx.all(
                "SELECT s.id, coalesce(c.shown, c.folded), m.name, u.name, s.copy, s.why, \
                 s.counter, s.at_ms FROM slip s JOIN code c ON c.id = s.code \
                 JOIN campaign m ON m.id = c.campaign LEFT JOIN customer u ON u.id = c.customer \
                 WHERE s.state IN (0, 2) AND (s.state = 2 OR s.at_ms < $1) \
                 ORDER BY s.id DESC LIMIT $2",
                &[left_before_ms.into(), LISTED_MAX.into()],
                open_slip,
            )
        })
    }

    /// How many slips are not confirmed, of all counters.
    pub fn open_slip_count(&mut self, act: &Act) -> Result<u32, LedgerError> {
        let left_before_ms = act.now.as_millisecond() - LEFT_AFTER_MS;
        self.read("count", "slips not confirmed", |tx| {
            tx.one(
                "SELECT count(*) FROM slip WHERE state IN (0, 2) AND (state = 2 OR at_ms < $1)",
                &[left_before_ms.into()],
                |row| row.count(0),
            )
            .map(|count| count.unwrap_or(0))
        })
    }

    /// A person says that the customer has the slip.
    pub fn settle_slip(
        &mut self,
        number: i64,
        act: &Act,
    ) -> Result<Result<(), Refusal>, LedgerError> {
        self.write("settle", "a slip", |writing| settle(writing, number, act))
    }
}

fn open_slip(row: &Row<'_>) -> Result<OpenSlip, Cause> {
    Ok(OpenSlip {
        number: row.int(0)?,
        code: row.text(1)?,
        campaign: row.text(2)?,
        name: row.maybe_text(3)?,
        copy: row.count(4)?,
        why: row.maybe_text(5)?,
        counter: row.text(6)?,
        at: instant(row.int(7)?),
    })
}

/// Why a code is not printed, where it is not.
fn unprintable(row: &CodeRow, campaign: &Campaign, act: &Act) -> Option<Refusal> {
    if !matches!(row.state, CodeState::Assigned | CodeState::Test) {
        return Some(Refusal::State(row.state));
    }
    let ends_at = campaign.rules.end_of_code(row.expires_at_ms.map(instant));
    ends_at
        .filter(|end| act.now >= *end)
        .map(Refusal::ExpiredSince)
}

/// Stores the next copy of a code's slip; older copies in doubt are settled by it.
pub(crate) fn order(
    writing: &mut Writing<'_, '_>,
    row: &CodeRow,
    campaign: &Campaign,
    act: &Act,
) -> Result<SlipJob, Cause> {
    // A slip may follow another entry of the same act: read the end of the code's list anew.
    let row = by_id(writing.tx, row.id)?
        .ok_or_else(|| Cause::Damaged(format!("code {} is missing", row.id)))?;
    let copy = 1 + writing
        .tx
        .one(
            "SELECT coalesce(max(copy), 0) FROM slip WHERE code = $1",
            &[row.id.into()],
            |row| row.count(0),
        )?
        .unwrap_or(0);
    let slip = words(writing, &row, campaign, copy, act)?;
    let_go(writing.tx, row.id)?;
    let entry = note(writing, Fact::SlipOrdered { copy }, &row, campaign, act)?;
    let number = writing.tx.insert(
        "INSERT INTO slip (code, copy, entry, state, counter, at_ms, words) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id",
        &[
            row.id.into(),
            copy.into(),
            entry.into(),
            state_number(SlipState::Printing).into(),
            (&act.counter).into(),
            act.now.as_millisecond().into(),
            (&serde_json::to_string(&slip)?).into(),
        ],
    )?;
    Ok(SlipJob { number, slip })
}

/// Settles a code's slips in doubt: another copy takes their place, or the code has ended.
pub(crate) fn let_go(tx: &Tx<'_>, code: i64) -> Result<(), Cause> {
    tx.execute(
        "UPDATE slip SET state = $1 WHERE code = $2 AND state IN (0, 2)",
        &[state_number(SlipState::Settled).into(), code.into()],
    )?;
    Ok(())
}

/// What stands on the paper.
fn words(
    writing: &Writing<'_, '_>,
    row: &CodeRow,
    campaign: &Campaign,
    copy: u32,
    act: &Act,
) -> Result<Slip, Cause> {
    let zone = zone_of(&writing.head)?;
    let assigned = assignment_of(writing.tx, &writing.head, row)?;
    let issued_at = assigned.map_or(act.now, |told| instant(told.body.at_ms));
    let name = match row.customer {
        Some(customer) => writing
            .tx
            .one(
                "SELECT name FROM customer WHERE id = $1",
                &[customer.into()],
                |row| row.maybe_text(0),
            )?
            .flatten(),
        None => None,
    };
    Ok(Slip {
        store: writing.head.store.clone(),
        campaign: campaign.id.to_string(),
        offer: campaign.rules.offer.clone(),
        code: row.as_stored().to_owned(),
        name,
        validity: campaign
            .rules
            .validity_in_words(row.expires_at_ms.map(instant), &zone),
        issued: in_words(issued_at, &zone),
        copy,
        is_test: row.state == CodeState::Test,
    })
}

fn settle(
    writing: &mut Writing<'_, '_>,
    number: i64,
    act: &Act,
) -> Result<Result<(), Refusal>, Cause> {
    let open = writing.tx.one(
        "UPDATE slip SET state = $1 WHERE id = $2 AND state IN (0, 2) RETURNING code, copy",
        &[state_number(SlipState::Settled).into(), number.into()],
        |row| Ok((row.int(0)?, row.count(1)?)),
    )?;
    let Some((code, copy)) = open else {
        return Ok(Err(Refusal::SlipNotOpen));
    };
    let row = by_id(writing.tx, code)?
        .ok_or_else(|| Cause::Damaged(format!("code {code} is missing")))?;
    let campaign = campaigns::load(writing.tx, row.campaign)?;
    note(writing, Fact::SlipSettled { copy }, &row, &campaign, act)?;
    Ok(Ok(()))
}

/// Appends an entry about a slip to its code's list; its local number.
fn note(
    writing: &mut Writing<'_, '_>,
    fact: Fact,
    row: &CodeRow,
    campaign: &Campaign,
    act: &Act,
) -> Result<i64, Cause> {
    let entry = writing.append(
        fact,
        &Setting {
            campaign: Some((row.campaign, &campaign.id, campaign.revision)),
            code: Some((row.id, &row.folded, row.newest_entry)),
            ..setting_of(act)
        },
    )?;
    writing.tx.guarded(
        "UPDATE code SET newest_entry = $1 WHERE id = $2 AND coalesce(newest_entry, 0) = $3",
        &[
            entry.local.into(),
            row.id.into(),
            row.newest_entry.unwrap_or(0).into(),
        ],
        "this code was just changed elsewhere",
    )?;
    Ok(entry.local)
}
