//! Ranges of a pool that one process alone claims from, where several write one ledger: claims do not
//! queue on one row. On SQLite the lease itself is the range.
//!
//! A claim moves its range's cursor, in its own transaction, under the range's owner and number. What
//! an ended process gave back is taken first; then a new range from the pool; and where the pool has
//! none left, what others still have, be they alive or dead: its number is counted up first, so that
//! the former owner, waking late, can claim nothing from it. A pool is exhausted only when no range
//! has a code left. Stores are lent what ended and silent processes left behind: it is put back into the
//! lease from which it was cut, and its range is gone.

use crate::ledger::chain::OWN_NODE;
use crate::ledger::codes::{CodeRow, by_place, code_row};
use crate::ledger::engine::{Row, Tx};
use crate::ledger::error::Cause;
use crate::ledger::group::Range;
use crate::ledger::lease;
use crate::ledger::postgres::{NOW_MS, SILENCE_MS};

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
    let Some((group, open)) = tx.group() else {
        return Ok(None);
    };
    if let Some(next) = group.next_place(campaign) {
        return Ok(Some(next));
    }
    if let Some(used_up) = group.take_range(campaign) {
        store(tx, &used_up, writer)?;
    }
    group.take_range_of(open, campaign, writer)?;
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
    let known = tx
        .group()
        .and_then(|(group, _)| group.code_at(campaign, ordinal));
    match known {
        Some(row) => code_row(&Row::Postgres(&row)).map(Some),
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

/// Ranges with codes left that an ended process gave back, or that a process has of which nothing was
/// heard for long, other than this one; they are called `r`, and it is the value `$2`.
fn left_behind() -> String {
    format!(
        "FROM claim_range r WHERE r.campaign = $1 AND r.next_ordinal < r.end_ordinal \
         AND (r.writer IS NULL OR r.writer <> $2 AND NOT EXISTS \
         (SELECT 1 FROM writer w WHERE w.incarnation = r.writer \
         AND w.beat_at_ms > {NOW_MS} - {SILENCE_MS}))"
    )
}

/// Places of a pool that were left behind in such ranges.
pub(crate) fn count_left_behind(tx: &Tx<'_>, campaign: i64) -> Result<u64, Cause> {
    let Some(writer) = tx.writer() else {
        return Ok(0);
    };
    let left = tx.one(
        &format!(
            "SELECT coalesce(sum(r.end_ordinal - r.next_ordinal), 0) {}",
            left_behind()
        ),
        &[campaign.into(), writer.into()],
        |row| row.int(0),
    )?;
    Ok(left.unwrap_or(0).unsigned_abs())
}

/// Puts what is left of one such range back into the hub's own part of the pool; whether there was
/// one. It is gone then: whoever had it, waking late, claims nothing more from it.
pub(crate) fn take_left_behind(tx: &Tx<'_>, campaign: i64) -> Result<bool, Cause> {
    let Some(writer) = tx.writer() else {
        return Ok(false);
    };
    let found = tx.one(
        &format!(
            "SELECT r.id, r.next_ordinal, r.end_ordinal, r.code_grant, r.grant_number {} \
             ORDER BY r.id LIMIT 1",
            left_behind()
        ),
        &[campaign.into(), writer.into()],
        |row| {
            Ok((
                row.int(0)?,
                row.int(1)?..row.int(2)?,
                row.int(3)?,
                row.int(4)?,
            ))
        },
    )?;
    let Some((id, left, code_grant, grant_number)) = found else {
        return Ok(false);
    };
    for ordinal in [left.start, left.end] {
        lease::split(tx, campaign, ordinal)?;
    }
    let back = tx.execute(
        "UPDATE lease SET next_ordinal = first_ordinal WHERE campaign = $1 AND holder = $2 \
         AND grant_number = $3 AND first_ordinal >= $4 AND end_ordinal <= $5 \
         AND first_ordinal < end_ordinal AND next_ordinal = end_ordinal",
        &[
            campaign.into(),
            OWN_NODE.into(),
            code_grant.into(),
            left.start.into(),
            left.end.into(),
        ],
    )?;
    if back == 0 {
        // It is of no lease of ours: whoever has it may go on.
        return Ok(false);
    }
    tx.guarded(
        "DELETE FROM claim_range WHERE id = $1 AND next_ordinal = $2 AND grant_number = $3",
        &[id.into(), left.start.into(), grant_number.into()],
        "this range was just claimed from",
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
