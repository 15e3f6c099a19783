//! Tallies: kept numbers of a campaign's codes by state, and of its acts by hour.
//!
//! Invariant: a tally changes in the transaction of what it counts; `verify` recounts them all.
//! Where several processes write, each counts in a part of its own, and whoever reads adds the parts
//! up: they would wait for each other at one row otherwise. Two that share a part only wait.

use std::collections::BTreeMap;

use crate::domain::verdict::CodeState;
use crate::ledger::chain::OWN_NODE;
use crate::ledger::engine::{Tx, Value};
use crate::ledger::error::Cause;

pub(crate) const HOUR_MS: i64 = 3_600_000;
pub(crate) const DAY_MS: i64 = 24 * HOUR_MS;

/// The hour, counted from 1970, under which an act is counted.
pub(crate) fn hour_of(at_ms: i64) -> i64 {
    at_ms.div_euclid(HOUR_MS)
}

/// Parts that a campaign's numbers are kept in where several processes write.
const PARTS: i64 = 16;

/// The part in which this process counts.
pub(crate) fn part(tx: &Tx<'_>) -> i64 {
    tx.writer().map_or(0, |writer| writer.rem_euclid(PARTS))
}

/// Begins the numbers of a new campaign, in every part.
pub(crate) fn begin(tx: &Tx<'_>, campaign: i64, revision: u32) -> Result<(), Cause> {
    let parts = if tx.writer().is_some() { PARTS } else { 1 };
    for part in 0..parts {
        tx.later(
            "INSERT INTO tally (campaign, part, revision) VALUES ($1, $2, $3)",
            &[campaign.into(), part.into(), revision.into()],
        )?;
    }
    Ok(())
}

/// From here on it is counted under these rules: every process that is about to count under the
/// former ones is waited for, and none can after it.
pub(crate) fn go_under(tx: &Tx<'_>, campaign: i64, revision: u32) -> Result<(), Cause> {
    tx.execute(
        "UPDATE tally SET revision = $1 WHERE campaign = $2",
        &[revision.into(), campaign.into()],
    )?;
    Ok(())
}

/// Moves one code between the states of its campaign's tally, and counts its uses.
pub(crate) fn move_tally(
    tx: &Tx<'_>,
    campaign: i64,
    from: CodeState,
    to: CodeState,
    uses_change: i64,
) -> Result<(), Cause> {
    let change = |state: CodeState| Value::Int(i64::from(to == state) - i64::from(from == state));
    tx.sum(
        "UPDATE tally SET available = available + $1, assigned = assigned + $2, \
         redeemed = redeemed + $3, void = void + $4, suspect = suspect + $5, \
         uses_made = uses_made + $6 WHERE campaign = $7 AND part = $8",
        &[
            change(CodeState::Available),
            change(CodeState::Assigned),
            change(CodeState::Redeemed),
            change(CodeState::Void),
            change(CodeState::Suspect),
            Value::Int(uses_change),
            campaign.into(),
            part(tx).into(),
        ],
        (6, 2),
    )
}

/// The same for what was decided by the campaign's rules of this revision: where they were changed
/// meanwhile, it is to be decided anew. Whoever changes them waits for it, or it for them.
pub(crate) fn move_tally_under(
    tx: &Tx<'_>,
    (campaign, revision): (i64, u32),
    from: CodeState,
    to: CodeState,
    uses_change: i64,
) -> Result<(), Cause> {
    if tx.writer().is_some() {
        tx.guarded_once(
            "UPDATE tally SET revision = revision WHERE campaign = $1 AND part = $2 \
             AND revision = $3",
            &[campaign.into(), part(tx).into(), revision.into()],
            "the campaign's rules were just changed",
        )?;
    }
    move_tally(tx, campaign, from, to, uses_change)
}

/// Adds to the codes of a campaign that are available, assigned, suspect and in the test part.
pub(crate) fn add_codes(
    tx: &Tx<'_>,
    campaign: i64,
    [available, assigned, suspect, test]: [i64; 4],
) -> Result<(), Cause> {
    tx.later(
        "UPDATE tally SET available = available + $1, assigned = assigned + $2, \
         suspect = suspect + $3, test = test + $4 WHERE campaign = $5 AND part = $6",
        &[
            available.into(),
            assigned.into(),
            suspect.into(),
            test.into(),
            campaign.into(),
            part(tx).into(),
        ],
    )
}

/// Counts one act into its campaign's hour.
pub(crate) fn count_hour(
    tx: &Tx<'_>,
    campaign: i64,
    kind: &str,
    at_ms: i64,
    entry: i64,
) -> Result<(), Cause> {
    count_in_hour(tx, (campaign, hour_of(at_ms), kind), (1, entry))
}

/// Counts so many acts into an hour, the first of them by this entry.
fn count_in_hour(
    tx: &Tx<'_>,
    (campaign, hour, kind): (i64, i64, &str),
    (amount, entry): (i64, i64),
) -> Result<(), Cause> {
    // Numbers of entries come in the order of their making, not of their commits.
    tx.sum(
        "INSERT INTO tally_hour (amount, campaign, hour, kind, part, first_entry) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (hour, campaign, kind, part) \
         DO UPDATE SET amount = tally_hour.amount + excluded.amount, first_entry = CASE \
         WHEN excluded.first_entry < tally_hour.first_entry THEN excluded.first_entry \
         ELSE tally_hour.first_entry END",
        &[
            amount.into(),
            campaign.into(),
            hour.into(),
            kind.into(),
            part(tx).into(),
            entry.into(),
        ],
        (1, 4),
    )
}

/// Acts of many entries, counted into their campaigns' hours at once.
#[derive(Debug, Default)]
pub(crate) struct Hours(BTreeMap<(i64, i64, &'static str), (i64, i64)>);

impl Hours {
    /// Counts one act; entries come in order.
    pub(crate) fn count(&mut self, campaign: i64, kind: &'static str, at_ms: i64, entry: i64) {
        let hour = hour_of(at_ms);
        self.0.entry((campaign, hour, kind)).or_insert((0, entry)).0 += 1;
    }

    pub(crate) fn write(&self, tx: &Tx<'_>) -> Result<(), Cause> {
        for ((campaign, hour, kind), (amount, entry)) in &self.0 {
            count_in_hour(tx, (*campaign, *hour, kind), (*amount, *entry))?;
        }
        Ok(())
    }
}

/// Changes the number of available codes that other nodes hold.
pub(crate) fn move_leased(tx: &Tx<'_>, campaign: i64, change: i64) -> Result<(), Cause> {
    if change != 0 {
        tx.later(
            "UPDATE tally SET leased = leased + $1 WHERE campaign = $2 AND part = $3",
            &[change.into(), campaign.into(), part(tx).into()],
        )?;
    }
    Ok(())
}

/// A code that was in this state and with this holder is available no more: where another node held
/// it in the pool, it is not among the leased ones any longer.
pub(crate) fn leave_pool(
    tx: &Tx<'_>,
    campaign: i64,
    state: CodeState,
    holder: i64,
) -> Result<(), Cause> {
    let was_leased = state == CodeState::Available && holder != OWN_NODE;
    move_leased(tx, campaign, -i64::from(was_leased))
}

/// What changes in a campaign's figures by many codes, gathered to be written at once.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Shift {
    states: [i64; 6],
    uses_made: i64,
    leased: i64,
}

impl Shift {
    /// Counts a code of this state, with its uses and its holder, so many times.
    pub(crate) fn count(&mut self, state: CodeState, uses_made: u32, holder: i64, times: i64) {
        for (place, figure) in CodeState::ALL.iter().zip(self.states.iter_mut()) {
            *figure += times * i64::from(*place == state);
        }
        self.uses_made += times * i64::from(uses_made);
        if state == CodeState::Available && holder != OWN_NODE {
            self.leased += times;
        }
    }

    /// Adds it to the campaign's figures.
    pub(crate) fn write(self, tx: &Tx<'_>, campaign: i64) -> Result<(), Cause> {
        let [available, assigned, redeemed, void, suspect, test] = self.states;
        tx.execute(
            "UPDATE tally SET available = available + $1, assigned = assigned + $2, \
             redeemed = redeemed + $3, void = void + $4, suspect = suspect + $5, \
             test = test + $6, uses_made = uses_made + $7, leased = leased + $8 \
             WHERE campaign = $9 AND part = $10",
            &[
                available.into(),
                assigned.into(),
                redeemed.into(),
                void.into(),
                suspect.into(),
                test.into(),
                self.uses_made.into(),
                self.leased.into(),
                campaign.into(),
                part(tx).into(),
            ],
        )?;
        Ok(())
    }
}
