//! Nodes by name and by number: 1 is this ledger.

use crate::ledger::engine::Tx;
use crate::ledger::error::Cause;

/// The store and the counter of a caller that asked this hub, as `NODE/COUNTER`; none: a counter of
/// this ledger.
pub(crate) fn asking_counter(tx: &Tx<'_>, caller: &str) -> Result<Option<(String, String)>, Cause> {
    let Some((node, counter)) = caller.split_once('/') else {
        return Ok(None);
    };
    let store = tx.one(
        "SELECT store FROM node WHERE name = $1",
        &[node.into()],
        |row| row.maybe_text(0),
    )?;
    Ok(store.flatten().map(|store| (store, counter.to_owned())))
}

/// The number of a node, which is given one where it has none.
pub(crate) fn number_of(tx: &Tx<'_>, name: &str) -> Result<i64, Cause> {
    if let Some(known) = find(tx, name)? {
        return Ok(known);
    }
    tx.insert(
        "INSERT INTO node (name) VALUES ($1) RETURNING id",
        &[name.into()],
    )
}

/// The number of a node that is known.
pub(crate) fn find(tx: &Tx<'_>, name: &str) -> Result<Option<i64>, Cause> {
    tx.one(
        "SELECT id FROM node WHERE name = $1",
        &[name.into()],
        |row| row.int(0),
    )
}

/// The name of a node.
pub(crate) fn name_of(tx: &Tx<'_>, number: i64) -> Result<String, Cause> {
    tx.one(
        "SELECT name FROM node WHERE id = $1",
        &[number.into()],
        |row| row.text(0),
    )?
    .ok_or_else(|| Cause::Damaged(format!("node {number} is missing")))
}
