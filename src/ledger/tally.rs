//! Tallies: kept numbers of a campaign's codes by state, and of its acts by hour.
//!
//! Invariant: a tally changes in the transaction of what it counts; `verify` recounts them all.

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

/// Moves one code between the states of its campaign's tally, and counts its uses.
pub(crate) fn move_tally(
    tx: &Tx<'_>,
    campaign: i64,
    from: CodeState,
    to: CodeState,
    uses_change: i64,
) -> Result<(), Cause> {
    let change = |state: CodeState| Value::Int(i64::from(to == state) - i64::from(from == state));
    tx.execute(
        "UPDATE tally SET available = available + $1, assigned = assigned + $2, \
         redeemed = redeemed + $3, void = void + $4, suspect = suspect + $5, \
         uses_made = uses_made + $6 WHERE campaign = $7",
        &[
            change(CodeState::Available),
            change(CodeState::Assigned),
            change(CodeState::Redeemed),
            change(CodeState::Void),
            change(CodeState::Suspect),
            Value::Int(uses_change),
            campaign.into(),
        ],
    )?;
    Ok(())
}

/// Counts one act into its campaign's hour.
pub(crate) fn count_hour(
    tx: &Tx<'_>,
    campaign: i64,
    kind: &str,
    at_ms: i64,
    entry: i64,
) -> Result<(), Cause> {
    tx.execute(
        "INSERT INTO tally_hour (campaign, hour, kind, amount, first_entry) \
         VALUES ($1, $2, $3, 1, $4) ON CONFLICT (hour, campaign, kind) \
         DO UPDATE SET amount = tally_hour.amount + 1",
        &[
            campaign.into(),
            hour_of(at_ms).into(),
            kind.into(),
            entry.into(),
        ],
    )?;
    Ok(())
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
            tx.execute(
                "INSERT INTO tally_hour (campaign, hour, kind, amount, first_entry) \
                 VALUES ($1, $2, $3, $4, $5) ON CONFLICT (hour, campaign, kind) \
                 DO UPDATE SET amount = tally_hour.amount + excluded.amount",
                &[
                    campaign.into(),
                    hour.into(),
                    (*kind).into(),
                    amount.into(),
                    entry.into(),
                ],
            )?;
        }
        Ok(())
    }
}

/// Changes the number of available codes that other nodes hold.
pub(crate) fn move_leased(tx: &Tx<'_>, campaign: i64, change: i64) -> Result<(), Cause> {
    if change != 0 {
        tx.execute(
            "UPDATE tally SET leased = leased + $1 WHERE campaign = $2",
            &[change.into(), campaign.into()],
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
             WHERE campaign = $9",
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
            ],
        )?;
        Ok(())
    }
}
