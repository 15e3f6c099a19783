//! Ranges of a pool that one process alone claims from, where several write one ledger: claims do not
//! queue on one row. On SQLite the lease itself is the range.
//!
//! A claim moves its range's cursor, in its own transaction, under the range's owner and number. What
//! an ended process gave back is taken first; then a new range from the pool; and where the pool has
//! none left, what others still have, be they alive or dead: its number is counted up first, so that
//! the former owner, waking late, can claim nothing from it. A pool is exhausted only when no range
//! has a code left.

use crate::ledger::chain::OWN_NODE;
use crate::ledger::codes::{CodeRow, by_place};
use crate::ledger::engine::Tx;
use crate::ledger::error::Cause;
use crate::ledger::group::Range;

/// Codes in one range, at most.
const LENGTH_MAX: i64 = 500;

/// What is left of the pool is shared by so many: a small one is not taken whole by one process.
const SHARES: i64 = 16;

/// The next place of a pool, and the grant number of its code.
pub(crate) fn next_place(
    tx: &Tx<'_>,
    campaign: i64,
    writer: i64,
) -> Result<Option<(i64, i64)>, Cause> {
    loop {
        if tx.group().is_some() {
            if let Some(next) = next_of_range(tx, campaign, writer)? {
                return Ok(Some(next));
            }
            if !another(tx, campaign, writer)? {
                return Ok(None);
            }
            continue;
        }
        let next = tx.one(
            "UPDATE claim_range SET next_ordinal = next_ordinal + 1 WHERE id = \
             (SELECT id FROM claim_range WHERE campaign = $1 AND writer = $2 \
              AND next_ordinal < end_ordinal ORDER BY id LIMIT 1) \
             AND writer = $2 AND next_ordinal < end_ordinal \
             RETURNING next_ordinal - 1, code_grant",
            &[campaign.into(), writer.into()],
            |row| Ok((row.int(0)?, row.int(1)?)),
        )?;
        if next.is_some() {
            return Ok(next);
        }
        if !another(tx, campaign, writer)? {
            return Ok(None);
        }
    }
}

/// Takes another range for this process; whether there was one.
fn another(tx: &Tx<'_>, campaign: i64, writer: i64) -> Result<bool, Cause> {
    Ok(take(tx, campaign, writer, "writer IS NULL")?
        || cut(tx, campaign, writer)?
        || take(tx, campaign, writer, "writer IS NOT NULL")?)
}

/// Where several claims are committed at once, they hold their range meanwhile, and its cursor is
/// moved once for all of them.
fn next_of_range(tx: &Tx<'_>, campaign: i64, writer: i64) -> Result<Option<(i64, i64)>, Cause> {
    let Some((group, _)) = tx.group() else {
        return Ok(None);
    };
    if let Some(next) = group.next_place(campaign) {
        return Ok(Some(next));
    }
    if let Some(used_up) = group.take_range(campaign) {
        store(tx, &used_up, writer)?;
    }
    tx.lock_rows(
        "SELECT id FROM claim_range WHERE campaign = $1 AND writer = $2 \
         AND next_ordinal < end_ordinal ORDER BY id LIMIT 1",
        &[campaign.into(), writer.into()],
    )?;
    let range = tx.one(
        "SELECT id, next_ordinal, end_ordinal, code_grant FROM claim_range \
         WHERE campaign = $1 AND writer = $2 AND next_ordinal < end_ordinal ORDER BY id LIMIT 1",
        &[campaign.into(), writer.into()],
        |row| {
            Ok(Range {
                id: row.int(0)?,
                next_ordinal: row.int(1)?,
                end_ordinal: row.int(2)?,
                code_grant: row.int(3)?,
                stored_ordinal: row.int(1)?,
            })
        },
    )?;
    let Some(range) = range else {
        return Ok(None);
    };
    group.keep_range(campaign, range);
    Ok(group.next_place(campaign))
}

/// Stores how far a range's cursor was moved that was held.
pub(crate) fn store(tx: &Tx<'_>, range: &Range, writer: i64) -> Result<(), Cause> {
    if range.next_ordinal == range.stored_ordinal {
        return Ok(());
    }
    tx.guarded(
        "UPDATE claim_range SET next_ordinal = $1 \
         WHERE id = $2 AND writer = $3 AND next_ordinal = $4",
        &[
            range.next_ordinal.into(),
            range.id.into(),
            writer.into(),
            range.stored_ordinal.into(),
        ],
        "this range was just taken",
    )
}

/// The code at a place of a pool that this process may claim.
pub(crate) fn code_at(tx: &Tx<'_>, campaign: i64, ordinal: i64) -> Result<Option<CodeRow>, Cause> {
    match tx.group() {
        Some((group, open)) => group.code_at(open, campaign, ordinal),
        None => by_place(tx, campaign, ordinal),
    }
}

/// Takes one range over that has codes left; whether there was one. Whoever has it is waited for.
fn take(tx: &Tx<'_>, campaign: i64, writer: i64, whose: &str) -> Result<bool, Cause> {
    let taken = tx.one(
        &format!(
            "UPDATE claim_range SET grant_number = grant_number + 1, writer = $1 WHERE id = \
             (SELECT id FROM claim_range WHERE campaign = $2 AND {whose} \
              AND next_ordinal < end_ordinal ORDER BY id LIMIT 1) \
             AND {whose} AND next_ordinal < end_ordinal RETURNING id"
        ),
        &[writer.into(), campaign.into()],
        |row| row.int(0),
    )?;
    if taken.is_some() {
        return Ok(true);
    }
    // Another process may have taken that very one while we waited: there may be more.
    let left = tx.one(
        &format!(
            "SELECT id FROM claim_range WHERE campaign = $1 AND {whose} \
             AND next_ordinal < end_ordinal LIMIT 1"
        ),
        &[campaign.into()],
        |row| row.int(0),
    )?;
    if left.is_some() {
        return Err(Cause::Changed("this range was just taken".into()));
    }
    Ok(false)
}

/// Cuts a range off the oldest lease that has codes left; whether there was one.
fn cut(tx: &Tx<'_>, campaign: i64, writer: i64) -> Result<bool, Cause> {
    tx.lock_rows(
        "SELECT id FROM lease WHERE campaign = $1 AND holder = $2 \
         AND next_ordinal < end_ordinal ORDER BY first_ordinal",
        &[campaign.into(), OWN_NODE.into()],
    )?;
    let lease = tx.one(
        "SELECT id, next_ordinal, end_ordinal, grant_number FROM lease WHERE campaign = $1 \
         AND holder = $2 AND next_ordinal < end_ordinal ORDER BY first_ordinal LIMIT 1",
        &[campaign.into(), OWN_NODE.into()],
        |row| Ok((row.int(0)?, row.int(1)?, row.int(2)?, row.int(3)?)),
    )?;
    let Some((lease, first, end, grant_number)) = lease else {
        return Ok(false);
    };
    let length = ((end - first) / SHARES).clamp(1, LENGTH_MAX);
    tx.guarded(
        "UPDATE lease SET next_ordinal = $1 WHERE id = $2 AND next_ordinal = $3 \
         AND grant_number = $4",
        &[
            (first + length).into(),
            lease.into(),
            first.into(),
            grant_number.into(),
        ],
        "this lease was just changed",
    )?;
    // Used up: of no use to anybody.
    tx.later(
        "DELETE FROM claim_range WHERE campaign = $1 AND writer = $2 \
         AND next_ordinal >= end_ordinal",
        &[campaign.into(), writer.into()],
    )?;
    tx.later(
        "INSERT INTO claim_range (campaign, next_ordinal, end_ordinal, code_grant, grant_number, \
         writer) VALUES ($1, $2, $3, $4, 1, $5)",
        &[
            campaign.into(),
            first.into(),
            (first + length).into(),
            grant_number.into(),
            writer.into(),
        ],
    )?;
    Ok(true)
}

/// Gives everything back that a process still has, when it ends.
pub(crate) fn give_back(tx: &Tx<'_>, writer: i64) -> Result<(), Cause> {
    tx.later(
        "UPDATE claim_range SET grant_number = grant_number + 1, writer = NULL WHERE writer = $1",
        &[writer.into()],
    )
}
