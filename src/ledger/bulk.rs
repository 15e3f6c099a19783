//! Many rows at once. Where a statement is a round trip, all rows go in one, their columns as lists, so
//! that its text is the same for any number of them and is prepared once. In this process a row at a
//! time is faster: nothing is sent, and the statement of one row is prepared once for all of them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::ledger::engine::{Row, Tx, Value};
use crate::ledger::error::Cause;
use crate::ledger::pipeline::Ahead;
use crate::ledger::postgres;
use crate::ledger::waiting::Owned;

/// Inserts rows. `into` names the table and its columns; `after` is what follows the values.
pub(crate) fn insert(
    tx: &Tx<'_>,
    into: &str,
    after: &str,
    rows: &[Vec<Value<'_>>],
) -> Result<(), Cause> {
    let Some(width) = rows.first().map(Vec::len) else {
        return Ok(());
    };
    let sql = format!("{into} VALUES ({}){after}", parameters(1, width));
    tx.rows(&sql, rows, None)
}

/// Inserts rows into a table whose rows have an `id`, and answers it for each, in their order. In the
/// column `by`, the one at this place of a row, each has another whole number.
pub(crate) fn insert_numbered(
    tx: &Tx<'_>,
    into: &str,
    (by, place): (&str, usize),
    rows: &[Vec<Value<'_>>],
) -> Result<Vec<i64>, Cause> {
    let Some(width) = rows.first().map(Vec::len) else {
        return Ok(Vec::new());
    };
    let sql = format!("{into} VALUES ({})", parameters(1, width));
    let Tx::Postgres(open) = tx else {
        // It knows the number of the row that it inserted, and need not be asked.
        let mut one = tx.statement(&sql)?;
        return rows.iter().map(|row| one.insert(row)).collect();
    };
    let mut numbers = BTreeMap::new();
    for row in open.query_rows(&format!("{sql} RETURNING id, {by}"), rows)? {
        let row = Row::Postgres(&row);
        numbers.insert(row.int(1)?, row.int(0)?);
    }
    rows.iter()
        .map(|row| match row.get(place) {
            Some(Value::Int(number)) => numbers.get(number).copied(),
            Some(Value::Null | Value::Text(_) | Value::Blob(_)) | None => None,
        })
        .map(|id| id.ok_or_else(|| Cause::Damaged("an insert answered too little".into())))
        .collect()
}

/// Changes rows, each guarded: the values of a row are those that it is given, in the order of `given`,
/// and then those by which it must be found, in the order of `found`, all of them whole numbers. Unless
/// each finds exactly one row, somebody was faster, as these words say.
pub(crate) fn update(
    tx: &Tx<'_>,
    table: &str,
    given: &[&str],
    found: &[&str],
    rows: &[Vec<Value<'_>>],
    words: &'static str,
) -> Result<(), Cause> {
    let each = |(place, name): (usize, &&str)| format!("{name} = ${}", place + 1);
    let found: Vec<String> = (given.len()..).zip(found).map(each).collect();
    let given: Vec<String> = given.iter().enumerate().map(each).collect();
    let (given, found) = (given.join(", "), found.join(" AND "));
    let sql = format!("UPDATE {table} SET {given} WHERE {found}");
    tx.rows(&sql, rows, Some(words))
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
    if let Tx::Postgres(open) = tx {
        let (lead, keys) = (owned(lead.iter().copied()), lists(keys));
        let asked = Ahead::of_list(before, &lead, &keys, after);
        return answers(open, asked, read);
    }
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

/// The same, of rows that the query calls `held`: nobody else changes them until the end of the
/// transaction. They are held in the order that `after` says.
pub(crate) fn hold<'k, K, T>(
    tx: &Tx<'_>,
    before: &str,
    held: &str,
    keys: &'k [K],
    after: &str,
    read: impl FnMut(&Row<'_>) -> Result<T, Cause>,
) -> Result<Vec<T>, Cause>
where
    Value<'k>: From<&'k K>,
{
    let Tx::Postgres(open) = tx else {
        return find(tx, before, &[], keys, after, read);
    };
    let keys = lists(keys);
    let asked = Ahead::of_list(before, &[], &keys, after).locking_of(held);
    answers(open, asked, read)
}

fn answers<T>(
    open: &postgres::Open<'_>,
    asked: Ahead<'_>,
    mut read: impl FnMut(&Row<'_>) -> Result<T, Cause>,
) -> Result<Vec<T>, Cause> {
    let answers = open.query_all(&[asked])?;
    let rows = answers.iter().flatten();
    rows.map(|row| read(&Row::Postgres(row))).collect()
}

fn owned<'v>(values: impl Iterator<Item = Value<'v>>) -> Vec<Owned> {
    values.map(|value| Owned::of(&value)).collect()
}

/// Keys as rows of one value.
fn lists<'k, K>(keys: &'k [K]) -> Vec<Vec<Owned>>
where
    Value<'k>: From<&'k K>,
{
    keys.iter()
        .map(|key| vec![Owned::of(&Value::from(key))])
        .collect()
}

/// Keys of one question, the largest number that fits first: the texts of questions are few.
const SIZES: [usize; 5] = [500, 100, 25, 5, 1];

fn size_of(left: usize) -> usize {
    SIZES.into_iter().find(|size| *size <= left).unwrap_or(1)
}

fn parameters(first: usize, count: usize) -> String {
    let mut names = String::with_capacity(6 * count);
    for number in first..first + count {
        let comma = if number == first { "" } else { ", " };
        // Writing to a string cannot fail.
        write!(names, "{comma}${number}").unwrap_or_default();
    }
    names
}
