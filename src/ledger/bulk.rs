//! Many rows in one statement, on either engine: a statement a row is a round trip a row.
//!
//! The rows of a write come in pieces of a few sizes, so that the texts of statements are few and
//! each is prepared once.

use crate::ledger::engine::{Row, Tx, Value};
use crate::ledger::error::Cause;

/// Rows of one statement, the largest size that fits first.
const SIZES: [usize; 4] = [128, 32, 8, 1];

/// Inserts rows. `into` names the table and its columns; `after` is what follows the values, which
/// may answer rows.
pub(crate) fn insert(
    tx: &Tx<'_>,
    into: &str,
    after: &str,
    rows: &[Vec<Value<'_>>],
    mut take: impl FnMut(&Row<'_>) -> Result<(), Cause>,
) -> Result<(), Cause> {
    let mut left = rows;
    while !left.is_empty() {
        let (piece, rest) = left.split_at(size_of(left.len()));
        left = rest;
        let width = piece.first().map_or(0, Vec::len);
        let values: Vec<Value<'_>> = piece.iter().flatten().copied().collect();
        let mut sql = format!("{into} VALUES ");
        for row in 0..piece.len() {
            sql.push_str(if row == 0 { "(" } else { ", (" });
            sql.push_str(&parameters(row * width + 1, width));
            sql.push(')');
        }
        sql.push_str(after);
        tx.each(&sql, &values, &mut take)?;
    }
    Ok(())
}

/// Rows by a list of keys. `before` ends with the column that is looked up, and uses the values of
/// `lead`; `after` is what follows the list.
pub(crate) fn find<'k, K, T>(
    tx: &Tx<'_>,
    before: &str,
    lead: &[Value<'k>],
    keys: &'k [K],
    after: &str,
    mut read: impl FnMut(&Row<'_>) -> Result<T, Cause>,
) -> Result<Vec<T>, Cause>
where
    Value<'k>: From<&'k K>,
{
    let mut found = Vec::new();
    let mut left = keys;
    while !left.is_empty() {
        let (piece, rest) = left.split_at(size_of(left.len()));
        left = rest;
        let mut values = lead.to_vec();
        values.extend(piece.iter().map(Value::from));
        let sql = format!(
            "{before} IN ({}){after}",
            parameters(lead.len() + 1, piece.len())
        );
        tx.each(&sql, &values, |row| {
            found.push(read(row)?);
            Ok(())
        })?;
    }
    Ok(found)
}

/// Holds rows by a list of keys, which come in the order in which they are to be held.
pub(crate) fn lock<'k, K>(
    tx: &Tx<'_>,
    before: &str,
    keys: &'k [K],
    after: &str,
) -> Result<(), Cause>
where
    Value<'k>: From<&'k K>,
{
    let mut left = keys;
    while !left.is_empty() {
        let (piece, rest) = left.split_at(size_of(left.len()));
        left = rest;
        let values: Vec<Value<'k>> = piece.iter().map(Value::from).collect();
        let sql = format!("{before} IN ({}){after}", parameters(1, piece.len()));
        tx.lock_rows(&sql, &values)?;
    }
    Ok(())
}

fn size_of(left: usize) -> usize {
    SIZES.into_iter().find(|size| *size <= left).unwrap_or(1)
}

fn parameters(first: usize, count: usize) -> String {
    let names: Vec<String> = (first..first + count)
        .map(|number| format!("${number}"))
        .collect();
    names.join(", ")
}
