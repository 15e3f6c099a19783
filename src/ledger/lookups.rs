//! Codes and customers by lists of names or numbers: what a batch is about, in a few statements.

use std::collections::BTreeMap;

use crate::ledger::bulk;
use crate::ledger::codes::{CODE_COLUMNS, CodeRow, code_row};
use crate::ledger::customers::standing;
use crate::ledger::engine::Tx;
use crate::ledger::error::Cause;

/// The codes of these local numbers, in the order of their numbers.
pub(crate) fn by_ids(tx: &Tx<'_>, codes: &[i64]) -> Result<Vec<CodeRow>, Cause> {
    let mut rows = bulk::find(
        tx,
        &format!("SELECT {CODE_COLUMNS} FROM code c WHERE c.id"),
        &[],
        codes,
        "",
        code_row,
    )?;
    rows.sort_by_key(|row| row.id);
    Ok(rows)
}

/// Published codes by their foldings.
fn published() -> String {
    format!(
        "SELECT {CODE_COLUMNS} FROM code c JOIN batch b ON b.id = c.batch \
         WHERE b.is_published = 1 AND c.folded"
    )
}

/// The codes of these foldings whose batch is published.
pub(crate) fn find_many(tx: &Tx<'_>, folded: &[String]) -> Result<Vec<CodeRow>, Cause> {
    bulk::find(tx, &published(), &[], folded, "", code_row)
}

/// The same, held until the end of the transaction in the order of their numbers, so that nobody changes
/// them meanwhile and none wait for each other.
pub(crate) fn hold_many(tx: &Tx<'_>, folded: &[String]) -> Result<Vec<CodeRow>, Cause> {
    bulk::hold(tx, &published(), "c", folded, " ORDER BY c.id", code_row)
}

/// Holds them where anybody else could change them meanwhile.
pub(crate) fn lock_many(tx: &Tx<'_>, folded: &[String]) -> Result<(), Cause> {
    if tx.writer().is_some() {
        hold_many(tx, folded)?;
    }
    Ok(())
}

/// The numbers of customers by their ids; who was joined to another is that other.
pub(crate) fn numbers_of(
    tx: &Tx<'_>,
    public_ids: &[String],
) -> Result<BTreeMap<String, i64>, Cause> {
    let known = bulk::find(
        tx,
        "SELECT public_id, id, joined_to FROM customer WHERE public_id",
        &[],
        public_ids,
        "",
        |row| Ok((row.text(0)?, row.int(1)?, row.maybe_int(2)?)),
    )?;
    let mut numbers = BTreeMap::new();
    for (name, number, joined_to) in known {
        let number = match joined_to {
            Some(kept) => standing(tx, kept)?,
            None => number,
        };
        numbers.insert(name, number);
    }
    Ok(numbers)
}
