//! At a store: it holds nothing until the feed has told it what, so what it held is let go, a slice at a
//! time.
//!
//! The first write takes its ranges away and notes what is to be done; the slices follow, each a write of
//! its own, by whoever comes next should this process die. Invariant: until the last slice nothing is
//! held here, whatever a code that has not had its turn says, and nothing that the hub says is taken in:
//! a right that it gives meanwhile would be let go with the others.

use crate::domain::verdict::CodeState;
use crate::ledger::chain::OWN_NODE;
use crate::ledger::codes::state_number;
use crate::ledger::engine::Tx;
use crate::ledger::error::Cause;
use crate::ledger::tally::move_leased;
use crate::ledger::{Ledger, LedgerError, Writing};

/// Codes in one slice.
const SLICE: i64 = 1_000;

/// Codes that one slice looks at: most are held by others.
const LOOKED_AT: i64 = 20 * SLICE;

/// Which grants give a right back that was let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grants {
    /// Newer ones than that by which it was held.
    Stand,
    /// Any: a hub that was restored knows none newer than that by which it was held.
    AreForgotten,
}

impl Ledger {
    /// Lets the rest go of what this store held, where it was told to, in slices.
    pub fn finish_letting_go(&mut self) -> Result<(), LedgerError> {
        let (op, thing) = ("let go", "what this store held");
        let mut is_more = self.read(op, thing, is_pending)?;
        while is_more {
            is_more = self.write(op, thing, slice)?;
        }
        Ok(())
    }
}

/// From here on this ledger holds nothing until the feed has told it what it holds.
pub(crate) fn begin(tx: &Tx<'_>, grants: Grants) -> Result<(), Cause> {
    tx.execute(
        "UPDATE hub_link SET let_go_after = 0, forgets_grants = forgets_grants + $1 WHERE id = 1",
        &[i64::from(grants == Grants::AreForgotten).into()],
    )?;
    tx.execute("DELETE FROM lease WHERE holder = $1", &[OWN_NODE.into()])?;
    Ok(())
}

/// Whether something is still to be let go.
pub(crate) fn is_pending(tx: &Tx<'_>) -> Result<bool, Cause> {
    let pending = tx.one(
        "SELECT id FROM hub_link WHERE let_go_after IS NOT NULL",
        &[],
        |row| row.int(0),
    )?;
    Ok(pending.is_some())
}

/// Lets one slice go; whether there may be more.
pub(crate) fn slice(writing: &mut Writing<'_, '_>) -> Result<bool, Cause> {
    let tx = writing.tx;
    let pending = tx.one(
        "SELECT hub, let_go_after, forgets_grants FROM hub_link WHERE let_go_after IS NOT NULL",
        &[],
        |row| Ok((row.int(0)?, row.int(1)?, row.int(2)? != 0)),
    )?;
    let Some((hub, after, forgets_grants)) = pending else {
        return Ok(false);
    };
    let looked_at = tx.one(
        "SELECT max(w.id) FROM \
         (SELECT id FROM code WHERE id > $1 ORDER BY id LIMIT $2) AS w",
        &[after.into(), LOOKED_AT.into()],
        |row| row.maybe_int(0),
    )?;
    let Some(end) = looked_at.flatten() else {
        tx.execute(
            "UPDATE hub_link SET let_go_after = NULL, forgets_grants = 0 WHERE id = 1",
            &[],
        )?;
        return Ok(false);
    };
    let held = tx.all(
        "SELECT id FROM code WHERE id > $1 AND id <= $2 AND holder = $3 ORDER BY id LIMIT $4",
        &[after.into(), end.into(), OWN_NODE.into(), SLICE.into()],
        |row| row.int(0),
    )?;
    let is_full = i64::try_from(held.len()).is_ok_and(|count| count == SLICE);
    let end = held.last().copied().filter(|_| is_full).unwrap_or(end);
    let available = tx.all(
        "SELECT c.campaign, count(*) FROM code c JOIN batch b ON b.id = c.batch \
         WHERE c.id > $1 AND c.id <= $2 AND c.holder = $3 AND c.state = $4 \
         AND b.is_published = 1 GROUP BY c.campaign ORDER BY c.campaign",
        &[
            after.into(),
            end.into(),
            OWN_NODE.into(),
            state_number(CodeState::Available).into(),
        ],
        |row| Ok((row.int(0)?, row.int(1)?)),
    )?;
    for (campaign, count) in available {
        move_leased(tx, campaign, count)?;
    }
    // Used ones too: once a use is undone, the code can be used again.
    let grants = if forgets_grants {
        ", grant_number = 0"
    } else {
        ""
    };
    tx.execute(
        &format!("UPDATE code SET holder = $1{grants} WHERE id > $2 AND id <= $3 AND holder = $4"),
        &[hub.into(), after.into(), end.into(), OWN_NODE.into()],
    )?;
    tx.execute(
        "UPDATE hub_link SET let_go_after = $1 WHERE id = 1",
        &[end.into()],
    )?;
    Ok(true)
}
