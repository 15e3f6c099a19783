//! Removing batches that nobody will publish: their owner died, or gave them up.

use std::collections::BTreeSet;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use crate::ledger::chain::give_back_code_ids;
use crate::ledger::engine::{Engine, Row, Tx};
use crate::ledger::error::{Cause, Naming as _};
use crate::ledger::pool::pace::{Pace, Slice};
use crate::ledger::pool::sort::SORT_FILE;
use crate::ledger::pool::store::{Batch, hold};
use crate::ledger::sqlite::{BATCH_LOCK, lock_file};
use crate::ledger::{Ledger, LedgerError, Writing};

/// Rows removed by one statement.
const CHUNK: i64 = 256;

/// The tables whose rows bear the number of their unpublished batch, with their keys.
const MARKED: [(&str, &str); 3] = [
    ("contact_hash", "campaign, hash"),
    ("contact", "customer, kind, normal_form"),
    ("customer", "id"),
];

impl Ledger {
    /// Removes a little of what a dead import left: at most one short write. Whether there is more.
    pub fn sweep_batches(&mut self) -> Result<bool, LedgerError> {
        let mut pace = Pace::new(u64::MAX);
        sweep_some(self, &mut pace).naming("tidy", "unfinished imports")
    }
}

/// Sweeps to the end; what another process is still at stays.
pub(super) fn sweep(ledger: &mut Ledger, pace: &mut Pace) -> Result<(), Cause> {
    while sweep_some(ledger, pace)? {}
    Ok(())
}

fn sweep_some(ledger: &mut Ledger, pace: &mut Pace) -> Result<bool, Cause> {
    let unfinished = ledger.engine.read(unfinished_batches)?;
    let named = named_locks(ledger)?;
    if !unfinished.is_empty() || !named.is_empty() {
        let (files, mode) = (ledger.files.clone(), ledger.mode);
        let is_more = pace.slice(ledger, |writing, slice| {
            // Looked up again: the turn has come only now.
            let unfinished = unfinished_batches(writing.tx)?;
            for id in named {
                // Its batch was published or never begun; nobody can take the number meanwhile.
                if unfinished.iter().all(|batch| batch.id != id) {
                    drop(std::fs::remove_file(files.batch_lock(id)));
                }
            }
            for batch in unfinished {
                if let Some(writer) = batch.writer {
                    if writing.tx.is_silent(writer)? {
                        hold(writing.tx, &batch)?;
                        remove_some(writing, &batch, None, slice)?;
                        return Ok(true);
                    }
                    continue;
                }
                let path = files.batch_lock(batch.id);
                let lock = lock_file(&path, mode)?;
                if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
                    remove_some(writing, &batch, Some(&path), slice)?;
                    return Ok(true);
                }
            }
            Ok(false)
        })?;
        if is_more {
            return Ok(true);
        }
    }
    let Some(published) = ledger.engine.read(marked_and_published)? else {
        return Ok(false);
    };
    pace.slice(ledger, |writing, slice| {
        unmark_some(writing.tx, published, slice)
    })?;
    Ok(true)
}

fn unfinished_batches(tx: &Tx<'_>) -> Result<Vec<Batch>, Cause> {
    tx.all(
        "SELECT id, campaign, first_code, code_count, first_ordinal, ordinal_count, \
          writer FROM batch \
          WHERE is_published = 0 ORDER BY id",
        &[],
        |row: &Row<'_>| {
            Ok(Batch {
                id: row.int(0)?,
                campaign: row.int(1)?,
                first_code: row.int(2)?,
                code_count: row.int(3)?,
                first_ordinal: row.int(4)?,
                ordinal_count: row.int(5)?,
                writer: row.maybe_int(6)?,
            })
        },
    )
}

/// A published batch whose rows still bear its number.
fn marked_and_published(tx: &Tx<'_>) -> Result<Option<i64>, Cause> {
    for (table, _) in MARKED {
        let found = tx.one(
            &format!(
                "SELECT b.id FROM batch b WHERE b.is_published = 1 AND EXISTS \
                 (SELECT 1 FROM {table} r WHERE r.batch = b.id)"
            ),
            &[],
            |row| row.int(0),
        )?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// The batches that lock files are named after. Sort files that kept their name are removed: who
/// made them holds them open and needs no name.
fn named_locks(ledger: &Ledger) -> Result<BTreeSet<i64>, Cause> {
    let mut named = BTreeSet::new();
    if matches!(ledger.engine, Engine::Postgres(_)) {
        return Ok(named);
    }
    for entry in std::fs::read_dir(ledger.files.folder())? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else {
            continue;
        };
        if name.starts_with(SORT_FILE) {
            drop(std::fs::remove_file(entry.path()));
        }
        named.extend(
            name.strip_prefix(BATCH_LOCK)
                .and_then(|number| number.parse::<i64>().ok()),
        );
    }
    Ok(named)
}

/// Removes rows of an unpublished batch until the slice is over; whether nothing is left of it.
pub(super) fn remove_some(
    writing: &mut Writing<'_, '_>,
    batch: &Batch,
    lock: Option<&Path>,
    slice: &mut Slice,
) -> Result<bool, Cause> {
    let tx = writing.tx;
    // Looked at in the same transaction: what is published is never removed.
    let is_published = tx.one(
        "SELECT is_published FROM batch WHERE id = $1",
        &[batch.id.into()],
        |row| row.int(0),
    )?;
    if is_published != Some(0) {
        return Ok(true);
    }
    loop {
        let removed = remove_chunk(tx, batch)?;
        if removed == 0 {
            break;
        }
        if slice.is_over_after(removed) {
            return Ok(false);
        }
    }
    let end = batch.first_code + batch.code_count;
    give_back_code_ids(tx, &mut writing.head, batch.first_code, end)?;
    tx.execute(
        "UPDATE campaign SET next_ordinal = $1 WHERE id = $2 AND next_ordinal = $3",
        &[
            batch.first_ordinal.into(),
            batch.campaign.into(),
            (batch.first_ordinal + batch.ordinal_count).into(),
        ],
    )?;
    tx.execute(
        "DELETE FROM batch WHERE id = $1 AND is_published = 0",
        &[batch.id.into()],
    )?;
    // Before the commit: afterwards the number may be another batch's.
    if let Some(lock) = lock {
        drop(std::fs::remove_file(lock));
    }
    Ok(true)
}

fn remove_chunk(tx: &Tx<'_>, batch: &Batch) -> Result<u64, Cause> {
    let mut removed = remove_codes(tx, batch)?;
    if removed == 0 {
        removed = remove_pool(tx, batch)?;
    }
    for (table, key) in MARKED {
        if removed == 0 {
            removed = tx.execute(
                &format!(
                    "DELETE FROM {table} WHERE batch = $1 AND ({key}) IN \
                     (SELECT {key} FROM {table} WHERE batch = $1 LIMIT $2)"
                ),
                &[batch.id.into(), CHUNK.into()],
            )? as u64;
        }
    }
    Ok(removed)
}

fn remove_codes(tx: &Tx<'_>, batch: &Batch) -> Result<u64, Cause> {
    let end = batch.first_code + batch.code_count;
    let first = tx.one(
        "SELECT id FROM code WHERE id >= $1 AND id < $2 ORDER BY id LIMIT 1",
        &[batch.first_code.into(), end.into()],
        |row| row.int(0),
    )?;
    let Some(first) = first else {
        return Ok(0);
    };
    let end = end.min(first + CHUNK);
    let owned = tx.all(
        "SELECT id, customer FROM code WHERE id >= $1 AND id < $2 AND customer IS NOT NULL",
        &[first.into(), end.into()],
        |row| Ok((row.int(0)?, row.int(1)?)),
    )?;
    for (code, customer) in owned {
        tx.execute(
            "DELETE FROM customer_slot WHERE campaign = $1 AND customer = $2 AND code = $3",
            &[batch.campaign.into(), customer.into(), code.into()],
        )?;
    }
    let removed = tx.execute(
        "DELETE FROM code WHERE id >= $1 AND id < $2",
        &[first.into(), end.into()],
    )?;
    Ok(removed as u64)
}

fn remove_pool(tx: &Tx<'_>, batch: &Batch) -> Result<u64, Cause> {
    let end = batch.first_ordinal + batch.ordinal_count;
    let first = tx.one(
        "SELECT ordinal FROM pool_slot WHERE campaign = $1 AND ordinal >= $2 AND ordinal < $3 \
         ORDER BY ordinal LIMIT 1",
        &[
            batch.campaign.into(),
            batch.first_ordinal.into(),
            end.into(),
        ],
        |row| row.int(0),
    )?;
    let Some(first) = first else {
        return Ok(0);
    };
    let removed = tx.execute(
        "DELETE FROM pool_slot WHERE campaign = $1 AND ordinal >= $2 AND ordinal < $3",
        &[
            batch.campaign.into(),
            first.into(),
            end.min(first + CHUNK).into(),
        ],
    )?;
    Ok(removed as u64)
}

/// Takes a published batch's number off its rows until the slice is over; whether that was all.
pub(super) fn unmark_some(tx: &Tx<'_>, batch: i64, slice: &mut Slice) -> Result<bool, Cause> {
    for (table, key) in MARKED {
        loop {
            let unmarked = tx.execute(
                &format!(
                    "UPDATE {table} SET batch = NULL WHERE batch = $1 AND ({key}) IN \
                     (SELECT {key} FROM {table} WHERE batch = $1 LIMIT $2)"
                ),
                &[batch.into(), CHUNK.into()],
            )?;
            if unmarked == 0 {
                break;
            }
            if slice.is_over_after(unmarked as u64) {
                return Ok(false);
            }
        }
    }
    Ok(true)
}
