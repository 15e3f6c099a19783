//! The thin seam to the engine: execute and query within one transaction, typed values and rows.
//!
//! The SQL above it stays in the subset that SQLite and PostgreSQL share: `$1` in order of first
//! use, `RETURNING`, `ON CONFLICT`, no functions of a server.

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};

use crate::ledger::error::Cause;

/// A bound value.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'a> {
    Null,
    Int(i64),
    Text(&'a str),
    Blob(&'a [u8]),
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Value::Null => ValueRef::Null,
            Value::Int(number) => ValueRef::Integer(*number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Value::Int(number)
    }
}

impl From<&i64> for Value<'_> {
    fn from(number: &i64) -> Self {
        Value::Int(*number)
    }
}

impl From<u32> for Value<'_> {
    fn from(number: u32) -> Self {
        Value::Int(i64::from(number))
    }
}

impl From<bool> for Value<'_> {
    fn from(truth: bool) -> Self {
        Value::Int(i64::from(truth))
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Value::Text(text)
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        Value::Text(text)
    }
}

impl<'a> From<&&'a [u8]> for Value<'a> {
    fn from(bytes: &&'a [u8]) -> Self {
        Value::Blob(bytes)
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Value::Blob(bytes)
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

/// One row of an answer; columns count from 0.
pub(crate) struct Row<'r>(&'r rusqlite::Row<'r>);

impl Row<'_> {
    pub(crate) fn int(&self, column: usize) -> Result<i64, Cause> {
        Ok(self.0.get(column)?)
    }

    pub(crate) fn maybe_int(&self, column: usize) -> Result<Option<i64>, Cause> {
        Ok(self.0.get(column)?)
    }

    pub(crate) fn text(&self, column: usize) -> Result<String, Cause> {
        Ok(self.0.get(column)?)
    }

    pub(crate) fn maybe_text(&self, column: usize) -> Result<Option<String>, Cause> {
        Ok(self.0.get(column)?)
    }

    pub(crate) fn hash(&self, column: usize) -> Result<[u8; 32], Cause> {
        Ok(self.0.get(column)?)
    }

    pub(crate) fn blob(&self, column: usize) -> Result<Vec<u8>, Cause> {
        Ok(self.0.get(column)?)
    }

    /// A count or a limit, which is never negative and fits 32 bits by the schema's rules.
    pub(crate) fn count(&self, column: usize) -> Result<u32, Cause> {
        let number = self.int(column)?;
        u32::try_from(number)
            .ok()
            .ok_or_else(|| Cause::Damaged(format!("a count of {number}")))
    }
}

/// One transaction, reading or writing.
pub(crate) struct Tx<'c> {
    inner: rusqlite::Transaction<'c>,
}

impl<'c> Tx<'c> {
    pub(crate) fn new(inner: rusqlite::Transaction<'c>) -> Self {
        Tx { inner }
    }

    pub(crate) fn commit(self) -> Result<(), Cause> {
        Ok(self.inner.commit()?)
    }

    /// Runs one statement; the number of rows it changed.
    pub(crate) fn execute(&self, sql: &str, values: &[Value<'_>]) -> Result<usize, Cause> {
        let mut statement = self.inner.prepare_cached(sql)?;
        Ok(statement.execute(rusqlite::params_from_iter(values))?)
    }

    /// Runs one statement for many rows, prepared once.
    pub(crate) fn statement(&self, sql: &str) -> Result<Many<'_>, Cause> {
        Ok(Many(self.inner.prepare_cached(sql)?))
    }

    /// Inserts one row and answers its id.
    pub(crate) fn insert(&self, sql: &str, values: &[Value<'_>]) -> Result<i64, Cause> {
        self.one(sql, values, |row| row.int(0))?
            .ok_or_else(|| Cause::Damaged("an insert answered nothing".into()))
    }

    /// The first row of an answer.
    pub(crate) fn one<T>(
        &self,
        sql: &str,
        values: &[Value<'_>],
        mut read: impl FnMut(&Row<'_>) -> Result<T, Cause>,
    ) -> Result<Option<T>, Cause> {
        let mut statement = self.inner.prepare_cached(sql)?;
        let mut rows = statement.query(rusqlite::params_from_iter(values))?;
        match rows.next()? {
            Some(row) => read(&Row(row)).map(Some),
            None => Ok(None),
        }
    }

    /// Every row of an answer, in order.
    pub(crate) fn all<T>(
        &self,
        sql: &str,
        values: &[Value<'_>],
        mut read: impl FnMut(&Row<'_>) -> Result<T, Cause>,
    ) -> Result<Vec<T>, Cause> {
        let mut found = Vec::new();
        self.each(sql, values, |row| {
            found.push(read(row)?);
            Ok(())
        })?;
        Ok(found)
    }

    /// Hands over every row of an answer, one at a time.
    pub(crate) fn each(
        &self,
        sql: &str,
        values: &[Value<'_>],
        mut take: impl FnMut(&Row<'_>) -> Result<(), Cause>,
    ) -> Result<(), Cause> {
        let mut statement = self.inner.prepare_cached(sql)?;
        let mut rows = statement.query(rusqlite::params_from_iter(values))?;
        while let Some(row) = rows.next()? {
            take(&Row(row))?;
        }
        Ok(())
    }
}

/// A prepared statement that is run many times.
pub(crate) struct Many<'t>(rusqlite::CachedStatement<'t>);

impl Many<'_> {
    pub(crate) fn execute(&mut self, values: &[Value<'_>]) -> Result<usize, Cause> {
        Ok(self.0.execute(rusqlite::params_from_iter(values))?)
    }
}
