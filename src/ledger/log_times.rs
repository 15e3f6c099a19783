//! Where in the ledger a time lies: found by halving, without an index by time that every act would
//! have to keep.
//!
//! Entries of one life of one node come in the order of its clock, but for its steps. A hub takes in
//! what stores did long before, so each life is searched by itself. Attempts are a million at most, and
//! are gone through.

use jiff::Timestamp;

use crate::ledger::engine::Tx;
use crate::ledger::error::Cause;
use crate::ledger::log::{Lines, NO_HORIZON, newest};

/// A clock that was set back by no more than this hides no line.
const STEP_MS: i64 = 3_600_000;

/// An entry of a life: its number in it, its local number, and its time.
#[derive(Debug, Clone, Copy)]
struct Found {
    seq: i64,
    id: i64,
    at_ms: i64,
}

/// The last lines that are certainly too old.
pub(crate) fn floor(tx: &Tx<'_>, since: Option<Timestamp>) -> Result<Lines, Cause> {
    let Some(since) = since else {
        return Ok(Lines::default());
    };
    let since_ms = since.as_millisecond();
    let newest = newest(tx)?;
    let mut first: Option<i64> = None;
    for life in lives(tx)? {
        let found = first_from(tx, life, since_ms - STEP_MS)?.map(|found| found.id);
        first = [first, found].into_iter().flatten().min();
    }
    let attempt = tx.one(
        "SELECT id FROM attempt WHERE at_ms >= $1 ORDER BY id LIMIT 1",
        &[since_ms.into()],
        |row| row.int(0),
    )?;
    Ok(Lines {
        entry: first.map_or(newest.entry, |first| first - 1),
        attempt: attempt.map_or(newest.attempt, |first| first - 1),
    })
}

/// The last lines that may not be too new.
pub(crate) fn ceiling(tx: &Tx<'_>, until: Option<Timestamp>) -> Result<Lines, Cause> {
    let Some(until) = until else {
        return Ok(NO_HORIZON);
    };
    let until_ms = until.as_millisecond();
    let mut last = 0;
    for life in lives(tx)? {
        let before = match first_from(tx, life, until_ms + STEP_MS)? {
            Some(found) => newest_before(tx, life, found.seq)?,
            None => newest_before(tx, life, i64::MAX)?,
        };
        last = last.max(before.map_or(0, |found| found.id));
    }
    let attempt = tx.one(
        "SELECT id FROM attempt WHERE at_ms < $1 ORDER BY id DESC LIMIT 1",
        &[until_ms.into()],
        |row| row.int(0),
    )?;
    Ok(Lines {
        entry: last,
        attempt: attempt.unwrap_or(0),
    })
}

/// Every life of every node that has entries here.
fn lives(tx: &Tx<'_>) -> Result<Vec<(i64, i64)>, Cause> {
    let nodes = tx.all("SELECT id FROM node ORDER BY id", &[], |row| row.int(0))?;
    let mut lives = Vec::new();
    for node in nodes {
        let mut after = -1;
        while let Some(incarnation) = tx.one(
            "SELECT incarnation FROM entry WHERE node = $1 AND incarnation > $2 \
             ORDER BY incarnation LIMIT 1",
            &[node.into(), after.into()],
            |row| row.int(0),
        )? {
            lives.push((node, incarnation));
            after = incarnation;
        }
    }
    Ok(lives)
}

/// The first entry of a life that is no older than this.
fn first_from(tx: &Tx<'_>, life: (i64, i64), from_ms: i64) -> Result<Option<Found>, Cause> {
    let Some(mut first) =
        newest_before(tx, life, i64::MAX)?.filter(|newest| newest.at_ms >= from_ms)
    else {
        return Ok(None);
    };
    // It is `first`, or lies from `low` up to `end`.
    let (mut low, mut end) = (0, first.seq);
    while low < end {
        let middle = low + (end - low) / 2;
        let found = next_from(tx, life, middle)?.filter(|found| found.seq < end);
        match found {
            Some(found) if found.at_ms < from_ms => low = found.seq + 1,
            Some(found) => {
                first = found;
                end = middle;
            }
            None => end = middle,
        }
    }
    Ok(Some(first))
}

fn next_from(
    tx: &Tx<'_>,
    (node, incarnation): (i64, i64),
    seq: i64,
) -> Result<Option<Found>, Cause> {
    tx.one(
        "SELECT seq, id, at_ms FROM entry WHERE node = $1 AND incarnation = $2 AND seq >= $3 \
         ORDER BY seq LIMIT 1",
        &[node.into(), incarnation.into(), seq.into()],
        |row| {
            Ok(Found {
                seq: row.int(0)?,
                id: row.int(1)?,
                at_ms: row.int(2)?,
            })
        },
    )
}

fn newest_before(
    tx: &Tx<'_>,
    (node, incarnation): (i64, i64),
    seq: i64,
) -> Result<Option<Found>, Cause> {
    tx.one(
        "SELECT seq, id, at_ms FROM entry WHERE node = $1 AND incarnation = $2 AND seq < $3 \
         ORDER BY seq DESC LIMIT 1",
        &[node.into(), incarnation.into(), seq.into()],
        |row| {
            Ok(Found {
                seq: row.int(0)?,
                id: row.int(1)?,
                at_ms: row.int(2)?,
            })
        },
    )
}
