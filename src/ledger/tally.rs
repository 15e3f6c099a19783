//! Tallies: kept numbers of a campaign's codes by state, and of its acts by hour.
//!
//! Invariant: a tally changes in the transaction of what it counts; `verify` recounts them all.

use std::collections::BTreeMap;

use crate::domain::verdict::CodeState;
use crate::ledger::chain::OWN_NODE;
use crate::ledger::codes::CodeRow;
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

/// Changes of tallies, of many codes at a time: one write a campaign.
#[derive(Debug, Default)]
pub(crate) struct Tallies(BTreeMap<i64, Change>);

#[derive(Debug, Default)]
struct Change {
    states: [i64; 5],
    leased: i64,
    uses_made: i64,
}

impl Tallies {
    /// A code as it was has this state and so many uses from now on; its holder is the same.
    pub(crate) fn moved(&mut self, row: &CodeRow, state: CodeState, uses_made: u32) {
        let change = self.0.entry(row.campaign).or_default();
        let by = |of: CodeState| i64::from(state == of) - i64::from(row.state == of);
        for (place, of) in COUNTED.into_iter().enumerate() {
            if let Some(sum) = change.states.get_mut(place) {
                *sum += by(of);
            }
        }
        if row.holder != OWN_NODE {
            change.leased += by(CodeState::Available);
        }
        change.uses_made += i64::from(uses_made) - i64::from(row.uses_made);
    }

    pub(crate) fn write(&self, tx: &Tx<'_>) -> Result<(), Cause> {
        for (campaign, change) in &self.0 {
            let mut values: Vec<Value<'_>> = change.states.iter().map(Value::from).collect();
            values.extend([
                change.leased.into(),
                change.uses_made.into(),
                Value::from(campaign),
            ]);
            tx.execute(
                "UPDATE tally SET available = available + $1, assigned = assigned + $2, \
                 redeemed = redeemed + $3, void = void + $4, suspect = suspect + $5, \
                 leased = leased + $6, uses_made = uses_made + $7 WHERE campaign = $8",
                &values,
            )?;
        }
        Ok(())
    }
}

/// The states that a tally counts and that a code may come to by its entries.
const COUNTED: [CodeState; 5] = [
    CodeState::Available,
    CodeState::Assigned,
    CodeState::Redeemed,
    CodeState::Void,
    CodeState::Suspect,
];

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
