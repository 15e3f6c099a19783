//! Many rows at once. Where a statement is a round trip, many rows go in one, in pieces of a few sizes,
//! so that the texts of statements are few and each is prepared once. In this process a row at a time
//! is faster: the text of the statement is short, and it is prepared once for all of them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::ledger::engine::{Row, Tx, Value};
use crate::ledger::error::Cause;

/// Rows of one statement, the largest size that fits first.
const SIZES: [usize; 5] = [500, 100, 25, 5, 1];

/// Inserts rows. `into` names the table and its columns; `after` is what follows the values, which
/// may answer rows.
pub(crate) fn insert(
    tx: &Tx<'_>,
    into: &str,
    after: &str,
    rows: &[Vec<Value<'_>>],
    mut take: impl FnMut(&Row<'_>) -> Result<(), Cause>,
) -> Result<(), Cause> {
    let Some(width) = rows.first().map(Vec::len) else {
        return Ok(());
    };
    if tx.writer().is_none() {
        let sql = format!("{into} VALUES ({}){after}", parameters(1, width));
        let mut one = tx.statement(&sql)?;
        for row in rows {
            one.each(row, &mut take)?;
        }
        return Ok(());
    }
    let mut left = rows;
    while !left.is_empty() {
        let (piece, rest) = left.split_at(size_of(left.len()));
        left = rest;
        let values: Vec<Value<'_>> = piece.iter().flatten().copied().collect();
        let mut sql = format!("{into} VALUES ");
        for row in 0..piece.len() {
            sql.push_str(if row == 0 { "(" } else { ", (" });
            sql.push_str(&parameters(row * width + 1, width));
            sql.push(')');
        }
        sql.push_str(after);
        if after.contains("RETURNING") {
            tx.each(&sql, &values, &mut take)?;
        } else {
            tx.later(&sql, &values)?;
        }
    }
    Ok(())
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
    if tx.writer().is_none() {
        // It knows the number of the row that it inserted, and need not be asked.
        let sql = format!("{into} VALUES ({})", parameters(1, width));
        let mut one = tx.statement(&sql)?;
        return rows.iter().map(|row| one.insert(row)).collect();
    }
    let mut numbers = BTreeMap::new();
    insert(tx, into, &format!(" RETURNING id, {by}"), rows, |row| {
        numbers.insert(row.int(1)?, row.int(0)?);
        Ok(())
    })?;
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
    let changes = |value: &dyn Fn(usize) -> String| {
        let each = |(place, name): (usize, &&str)| format!("{name} = {}", value(place + 1));
        let given: Vec<String> = given.iter().enumerate().map(each).collect();
        let found: Vec<String> = (given.len()..).zip(found).map(each).collect();
        (given.join(", "), found.join(" AND "))
    };
    if tx.writer().is_none() {
        let (given, found) = changes(&|place| format!("${place}"));
        let sql = format!("UPDATE {table} SET {given} WHERE {found}");
        return rows.iter().try_for_each(|row| tx.guarded(&sql, row, words));
    }
    let (given_to, found_by) = changes(&|place| format!("v.column{place}"));
    let width = given.len() + found.len();
    let mut left = rows;
    while !left.is_empty() {
        let (piece, rest) = left.split_at(size_of(left.len()));
        left = rest;
        let values: Vec<Value<'_>> = piece.iter().flatten().copied().collect();
        // Of what type the values are, is said once.
        let first: Vec<String> = (1..=width)
            .map(|number| format!("CAST(${number} AS BIGINT)"))
            .collect();
        let mut sql = format!(
            "UPDATE {table} SET {given_to} FROM (VALUES ({})",
            first.join(", ")
        );
        for row in 1..piece.len() {
            write!(sql, ", ({})", parameters(row * width + 1, width)).unwrap_or_default();
        }
        write!(sql, ") AS v WHERE {found_by}").unwrap_or_default();
        if tx.execute(&sql, &values)? != piece.len() {
            return Err(Cause::Changed(words.to_owned()));
        }
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
    let mut names = String::with_capacity(6 * count);
    for number in first..first + count {
        let comma = if number == first { "" } else { ", " };
        // Writing to a string cannot fail.
        write!(names, "{comma}${number}").unwrap_or_default();
    }
    names
}
