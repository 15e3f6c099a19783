//! The thin seam to the engines: execute and query within one transaction, typed values and rows.
//!
//! The SQL above it stays in the subset that SQLite and PostgreSQL share: `$1` in order of first
//! use, `RETURNING`, `ON CONFLICT`, no functions of a server. What differs goes by a method here:
//! on SQLite one writer has the ledger to itself; on PostgreSQL many write at once, so that what one
//! has read may have been changed by another before it writes ([`Tx::lock_rows`], [`Tx::guarded`]).

use std::collections::BTreeSet;

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};

use crate::domain::contact::PhoneRegion;
use crate::ledger::error::Cause;
use crate::ledger::group::{Absent, Expected, Group};
use crate::ledger::pipeline;
use crate::ledger::postgres::{self, Postgres};
use crate::ledger::sqlite::Sqlite;
use crate::ledger::waiting::Joins;

/// What a ledger is kept in.
pub(crate) enum Engine {
    Sqlite(Box<Sqlite>),
    Postgres(Box<Postgres>),
}

impl Engine {
    /// A transaction that only reads: one consistent view, given back at once.
    pub(crate) fn read<T>(
        &mut self,
        work: impl FnMut(&Tx<'_>) -> Result<T, Cause>,
    ) -> Result<T, Cause> {
        match self {
            Engine::Sqlite(sqlite) => sqlite.read(work),
            Engine::Postgres(postgres) => postgres.read(work),
        }
    }

    /// A transaction that writes and moves no chain. `work` commits by itself; it may be run again.
    pub(crate) fn write<T>(
        &mut self,
        work: impl FnMut(Tx<'_>) -> Result<T, Cause>,
    ) -> Result<T, Cause> {
        match self {
            Engine::Sqlite(sqlite) => sqlite.write(work),
            Engine::Postgres(postgres) => postgres.write(work),
        }
    }

    /// Looks up what the use cases are about to ask that are committed at once.
    pub(crate) fn look_ahead(
        &mut self,
        expected: &[Expected<'_>],
        region: Option<PhoneRegion>,
    ) -> Result<(), Cause> {
        match self {
            Engine::Sqlite(_) => Ok(()),
            Engine::Postgres(postgres) => postgres.look_ahead(expected, region),
        }
    }

    /// Begins a transaction that the next reads and writes are parts of.
    pub(crate) fn begin_together(&mut self) -> Result<(), Cause> {
        match self {
            Engine::Sqlite(sqlite) => sqlite.begin_together(),
            Engine::Postgres(postgres) => postgres.begin_together(),
        }
    }

    /// Ends it: what was written is stored, all of it, or nothing.
    pub(crate) fn end_together(&mut self) -> Result<(), Cause> {
        match self {
            Engine::Sqlite(sqlite) => sqlite.end_together(),
            Engine::Postgres(postgres) => postgres.end_together(),
        }
    }

    /// The file that this is about; an act on a file has no meaning on a server.
    pub(crate) fn file(&mut self, act: &'static str) -> Result<&mut Sqlite, Cause> {
        match self {
            Engine::Sqlite(sqlite) => Ok(sqlite),
            Engine::Postgres(_) => Err(Cause::OnlyInFiles(act)),
        }
    }

    /// Whether there is a table of this name.
    pub(crate) fn has_table(&mut self, name: &str) -> Result<bool, Cause> {
        match self {
            Engine::Sqlite(sqlite) => sqlite.has_table(name),
            Engine::Postgres(postgres) => postgres.has_table(name),
        }
    }

    /// Work for an idle moment: what SQLite put aside.
    pub(crate) fn checkpoint(&mut self) -> Result<(), Cause> {
        match self {
            Engine::Sqlite(sqlite) => sqlite.checkpoint(),
            Engine::Postgres(_) => Ok(()),
        }
    }

    /// Whether it is time for that.
    pub(crate) fn is_rest_due(&self) -> bool {
        match self {
            Engine::Sqlite(sqlite) => sqlite.is_rest_due(),
            Engine::Postgres(_) => false,
        }
    }

    /// Whether deleted bytes are written over with zeros; a server has its own way with them.
    pub(crate) fn zero_what_is_deleted(&self, zeroes: bool) -> Result<(), Cause> {
        match self {
            Engine::Sqlite(sqlite) => sqlite.zero_what_is_deleted(zeroes),
            Engine::Postgres(_) => Ok(()),
        }
    }

    /// Changes whenever another connection has written, as far as the engine tells.
    pub(crate) fn data_version(&self) -> Result<i64, Cause> {
        match self {
            Engine::Sqlite(sqlite) => sqlite.data_version(),
            Engine::Postgres(_) => Ok(0),
        }
    }

    /// What the engine itself finds wrong with what it keeps.
    pub(crate) fn integrity_faults(&self) -> Result<Vec<String>, Cause> {
        match self {
            Engine::Sqlite(sqlite) => sqlite.integrity_faults(),
            Engine::Postgres(_) => Ok(Vec::new()),
        }
    }

    /// What a quicker check finds wrong, and whether it went through everything.
    pub(crate) fn quick_faults(&self) -> Result<(Vec<String>, bool), Cause> {
        match self {
            Engine::Sqlite(sqlite) => sqlite.quick_faults(),
            Engine::Postgres(_) => Ok((Vec::new(), false)),
        }
    }
}

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
pub(crate) enum Row<'r> {
    Sqlite(&'r rusqlite::Row<'r>),
    Postgres(&'r postgres::Row),
}

impl Row<'_> {
    pub(crate) fn int(&self, column: usize) -> Result<i64, Cause> {
        self.maybe_int(column)?.ok_or_else(|| nothing(column))
    }

    pub(crate) fn maybe_int(&self, column: usize) -> Result<Option<i64>, Cause> {
        match self {
            Row::Sqlite(row) => Ok(row.get(column)?),
            Row::Postgres(row) => postgres::int(row, column),
        }
    }

    pub(crate) fn text(&self, column: usize) -> Result<String, Cause> {
        self.maybe_text(column)?.ok_or_else(|| nothing(column))
    }

    pub(crate) fn maybe_text(&self, column: usize) -> Result<Option<String>, Cause> {
        match self {
            Row::Sqlite(row) => Ok(row.get(column)?),
            Row::Postgres(row) => postgres::text(row, column),
        }
    }

    pub(crate) fn hash(&self, column: usize) -> Result<[u8; 32], Cause> {
        match self {
            Row::Sqlite(row) => Ok(row.get(column)?),
            Row::Postgres(_) => {
                let bytes = self.blob(column)?;
                let is_hash = <[u8; 32]>::try_from(bytes).ok();
                is_hash.ok_or_else(|| Cause::Damaged("a hash of another length".into()))
            }
        }
    }

    pub(crate) fn blob(&self, column: usize) -> Result<Vec<u8>, Cause> {
        match self {
            Row::Sqlite(row) => Ok(row.get(column)?),
            Row::Postgres(row) => postgres::blob(row, column)?.ok_or_else(|| nothing(column)),
        }
    }

    /// A count or a limit, which is never negative and fits 32 bits by the schema's rules.
    pub(crate) fn count(&self, column: usize) -> Result<u32, Cause> {
        let number = self.int(column)?;
        u32::try_from(number)
            .ok()
            .ok_or_else(|| Cause::Damaged(format!("a count of {number}")))
    }
}

fn nothing(column: usize) -> Cause {
    Cause::Damaged(format!(
        "nothing where column {column} of an answer has a value"
    ))
}

/// One transaction, reading or writing; without [`Tx::commit`] it changes nothing.
pub(crate) enum Tx<'c> {
    Sqlite(Held<'c>),
    Postgres(postgres::Open<'c>),
}

/// A transaction of its own, or a part of one that is committed with others.
pub(crate) enum Held<'c> {
    Own(rusqlite::Transaction<'c>),
    Within(&'c rusqlite::Connection),
}

impl std::ops::Deref for Held<'_> {
    type Target = rusqlite::Connection;

    fn deref(&self) -> &rusqlite::Connection {
        match self {
            Held::Own(transaction) => transaction,
            Held::Within(connection) => connection,
        }
    }
}

impl<'c> Tx<'c> {
    pub(crate) fn new(inner: rusqlite::Transaction<'c>) -> Self {
        Tx::Sqlite(Held::Own(inner))
    }

    /// A part of a transaction that somebody else commits.
    pub(crate) fn within(connection: &'c rusqlite::Connection) -> Self {
        Tx::Sqlite(Held::Within(connection))
    }

    pub(crate) fn commit(self) -> Result<(), Cause> {
        match self {
            Tx::Sqlite(Held::Own(inner)) => Ok(inner.commit()?),
            Tx::Sqlite(Held::Within(_)) => Ok(()),
            Tx::Postgres(open) => open.commit(),
        }
    }

    /// The number of the process that writes, where several write this ledger at once.
    pub(crate) fn writer(&self) -> Option<i64> {
        match self {
            Tx::Sqlite(_) => None,
            Tx::Postgres(open) => Some(open.writer),
        }
    }

    /// Runs one statement; the number of rows it changed.
    pub(crate) fn execute(&self, sql: &str, values: &[Value<'_>]) -> Result<usize, Cause> {
        match self {
            Tx::Sqlite(inner) => {
                let mut statement = inner.prepare_cached(sql)?;
                Ok(statement.execute(rusqlite::params_from_iter(values))?)
            }
            Tx::Postgres(open) => open.execute(sql, values),
        }
    }

    /// Sends what waits, and looks at what came of it.
    pub(crate) fn flush(&self) -> Result<(), Cause> {
        match self {
            Tx::Sqlite(_) => Ok(()),
            Tx::Postgres(open) => open.flush(),
        }
    }

    /// Runs one statement whose outcome nobody looks at. On PostgreSQL it is on its way with the next
    /// one that is waited for, or with the commit.
    pub(crate) fn later(&self, sql: &str, values: &[Value<'_>]) -> Result<(), Cause> {
        match self {
            Tx::Sqlite(_) => self.execute(sql, values).map(drop),
            Tx::Postgres(open) => open.later(sql, values, Joins::Never, None),
        }
    }

    /// Writes one row whose outcome nobody looks at. Where several use cases are committed at once on
    /// PostgreSQL, those of the same statement are written together, in the order of their value
    /// `by`, counted from 0: the one by which all who write them take their locks.
    pub(crate) fn row(&self, sql: &str, values: &[Value<'_>], by: usize) -> Result<(), Cause> {
        match self {
            Tx::Sqlite(_) => self.execute(sql, values).map(drop),
            Tx::Postgres(open) => open.later(sql, values, Joins::Rows { by }, None),
        }
    }

    /// Writes rows, each by this statement; where it is guarded, each must change exactly one, else
    /// somebody was faster, as these words say. On PostgreSQL all of them are one statement, on its
    /// way with the next one that is waited for.
    pub(crate) fn rows(
        &self,
        sql: &str,
        rows: &[Vec<Value<'_>>],
        guard: Option<&'static str>,
    ) -> Result<(), Cause> {
        if rows.is_empty() {
            return Ok(());
        }
        match (self, guard) {
            (Tx::Postgres(open), _) => open.later_rows(sql, rows, guard),
            (Tx::Sqlite(_), Some(words)) => rows
                .iter()
                .try_for_each(|row| self.guarded(sql, row, words)),
            (Tx::Sqlite(_), None) => {
                let mut one = self.statement(sql)?;
                rows.iter().try_for_each(|row| one.execute(row))
            }
        }
    }

    /// Counts a row up by its last value, written together with others as by [`Tx::row`].
    pub(crate) fn count_row(&self, sql: &str, values: &[Value<'_>]) -> Result<(), Cause> {
        match self {
            Tx::Sqlite(_) => self.execute(sql, values).map(drop),
            Tx::Postgres(open) => open.later(sql, values, Joins::Counts, None),
        }
    }

    /// Counts up: the first values are added. Where several use cases are committed at once on
    /// PostgreSQL, those of the same `same` values after them are added up first; what follows stands
    /// as the first one has it.
    pub(crate) fn sum(
        &self,
        sql: &str,
        values: &[Value<'_>],
        (added, same): (usize, usize),
    ) -> Result<(), Cause> {
        match self {
            Tx::Sqlite(_) => self.execute(sql, values).map(drop),
            Tx::Postgres(open) => open.later(sql, values, Joins::Sums { added, same }, None),
        }
    }

    /// A guarded write that is the same for several use cases: it is looked at once for all of them.
    pub(crate) fn guarded_once(
        &self,
        sql: &str,
        values: &[Value<'_>],
        words: &'static str,
    ) -> Result<(), Cause> {
        match self {
            Tx::Sqlite(_) => self.guarded(sql, values, words),
            Tx::Postgres(open) => {
                let same = values.len();
                open.later(sql, values, Joins::Sums { added: 0, same }, Some(words))
            }
        }
    }

    /// A guarded write of one row, written together with those of other use cases as by [`Tx::row`].
    pub(crate) fn guarded_row(
        &self,
        sql: &str,
        values: &[Value<'_>],
        by: usize,
        words: &'static str,
    ) -> Result<(), Cause> {
        match self {
            Tx::Sqlite(_) => self.guarded(sql, values, words),
            Tx::Postgres(open) => open.later(sql, values, Joins::Rows { by }, Some(words)),
        }
    }

    /// Has a number to the end of the transaction, which others who want it wait for; on SQLite there
    /// is nobody else. What is written next sees what whoever had it before has stored.
    pub(crate) fn have_number(&self, number: i64) -> Result<(), Cause> {
        match self {
            Tx::Sqlite(_) => Ok(()),
            Tx::Postgres(open) => {
                let by = Joins::Rows { by: 0 };
                open.later(pipeline::HAVE_NUMBER, &[number.into()], by, None)
            }
        }
    }

    /// What several use cases that are committed at once know together, on PostgreSQL.
    pub(crate) fn group(&self) -> Option<(&Group, &postgres::Open<'c>)> {
        match self {
            Tx::Sqlite(_) => None,
            Tx::Postgres(open) => open.group().map(|group| (group, open)),
        }
    }

    /// Whether it is known beforehand that this is nowhere.
    pub(crate) fn is_absent(&self, what: Absent<'_>) -> bool {
        self.group().is_some_and(|(group, _)| group.is_absent(what))
    }

    /// The first row of an answer of a table that seldom changes: several use cases that are committed
    /// at once ask for it once, until one of them writes to it.
    pub(crate) fn settled<T>(
        &self,
        table: &'static str,
        sql: &str,
        values: &[Value<'_>],
        read: impl Fn(&Row<'_>) -> Result<T, Cause>,
    ) -> Result<Option<T>, Cause> {
        let Some((group, open)) = self.group() else {
            return self.one(sql, values, read);
        };
        let rows = group.settled(table, sql, values, || open.query(sql, values))?;
        rows.first()
            .map(|row| read(&Row::Postgres(row)))
            .transpose()
    }

    /// The first row of an answer that never changes: on PostgreSQL it is asked for once.
    pub(crate) fn lasting<T>(
        &self,
        sql: &str,
        values: &[Value<'_>],
        read: impl Fn(&Row<'_>) -> Result<T, Cause>,
    ) -> Result<Option<T>, Cause> {
        let Tx::Postgres(open) = self else {
            return self.one(sql, values, read);
        };
        let rows = open.lasting(sql, values)?;
        rows.first()
            .map(|row| read(&Row::Postgres(row)))
            .transpose()
    }

    /// Inserts one row into a table and answers its id. Several use cases that are committed at once
    /// take their numbers in one go, and write their rows together.
    pub(crate) fn insert_row(
        &self,
        table: &'static str,
        sql: &str,
        values: &[Value<'_>],
    ) -> Result<i64, Cause> {
        let Some((group, open)) = self.group() else {
            return self.insert(sql, values);
        };
        let number = group.number(table, open)?;
        let with_number: Vec<Value<'_>> = values.iter().copied().chain([number.into()]).collect();
        let last = with_number.len();
        let sql = sql.replacen(") VALUES (", ", id) VALUES (", 1).replacen(
            ") RETURNING id",
            &format!(", ${last})"),
            1,
        );
        self.row(&sql, &with_number, last - 1)?;
        Ok(number)
    }

    /// Runs one guarded write: unless it changes exactly one row, somebody was faster, as these words
    /// say, and the whole use case fails with [`Cause::Changed`]. On PostgreSQL that may come to light
    /// with a later statement, before the commit at the latest.
    pub(crate) fn guarded(
        &self,
        sql: &str,
        values: &[Value<'_>],
        words: &'static str,
    ) -> Result<(), Cause> {
        match self {
            Tx::Sqlite(_) => match self.execute(sql, values)? {
                1 => Ok(()),
                _ => Err(Cause::Changed(words.to_owned())),
            },
            Tx::Postgres(open) => open.later(sql, values, Joins::Never, Some(words)),
        }
    }

    /// Holds the rows that a query names until the end of the transaction, so that nobody changes
    /// them meanwhile, and answers how many there are: none is known on SQLite, where nobody can.
    /// Whoever holds several rows takes them in the order campaign limit, customer, code, and by key
    /// (`ORDER BY`).
    pub(crate) fn lock_rows(
        &self,
        sql: &str,
        values: &[Value<'_>],
    ) -> Result<Option<usize>, Cause> {
        match self {
            Tx::Sqlite(_) => Ok(None),
            Tx::Postgres(open) => {
                let rows = open.query(&format!("{sql} FOR UPDATE"), values)?;
                Ok(Some(rows.len()))
            }
        }
    }

    /// Waits for everybody who has written to a table, or has looked whether to; nobody does so from
    /// here to the end of the transaction.
    pub(crate) fn wait_for_writers_of(&self, table: &'static str) -> Result<(), Cause> {
        match self {
            Tx::Sqlite(_) => Ok(()),
            Tx::Postgres(open) => {
                // It excludes itself too: two that first only shared it could not both go on to write.
                open.execute(
                    &format!("LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE"),
                    &[],
                )?;
                Ok(())
            }
        }
    }

    /// The rows of a query that nobody else holds just now, held until the end of the transaction.
    /// Whoever passes over what others hold waits for nobody.
    pub(crate) fn free_rows<T>(
        &self,
        sql: &str,
        values: &[Value<'_>],
        read: impl FnMut(&Row<'_>) -> Result<T, Cause>,
    ) -> Result<Vec<T>, Cause> {
        match self {
            Tx::Sqlite(_) => self.all(sql, values, read),
            Tx::Postgres(_) => self.all(&format!("{sql} FOR UPDATE SKIP LOCKED"), values, read),
        }
    }

    /// The transactions that have begun to write entries or attempts and have not ended, as they are
    /// just now and not as this view of the ledger was begun; on SQLite there is none to be waited for.
    pub(crate) fn writers_of_the_log(&self) -> Result<BTreeSet<String>, Cause> {
        match self {
            Tx::Sqlite(_) => Ok(BTreeSet::new()),
            Tx::Postgres(open) => open.writers_of_the_log(),
        }
    }

    /// Whether a process that writes this ledger has not done so for a minute, by the server's clock.
    pub(crate) fn is_silent(&self, writer: i64) -> Result<bool, Cause> {
        match self {
            Tx::Sqlite(_) => Ok(true),
            Tx::Postgres(open) => open.is_silent(writer),
        }
    }

    /// Runs one statement for many rows, prepared once.
    pub(crate) fn statement(&self, sql: &str) -> Result<Many<'_>, Cause> {
        Ok(match self {
            Tx::Sqlite(inner) => Many::Sqlite(inner.prepare_cached(sql)?),
            Tx::Postgres(open) => Many::Postgres(open, sql.to_owned()),
        })
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
        match self {
            Tx::Sqlite(inner) => {
                let mut statement = inner.prepare_cached(sql)?;
                let mut rows = statement.query(rusqlite::params_from_iter(values))?;
                match rows.next()? {
                    Some(row) => read(&Row::Sqlite(row)).map(Some),
                    None => Ok(None),
                }
            }
            Tx::Postgres(open) => open
                .query(sql, values)?
                .first()
                .map(|row| read(&Row::Postgres(row)))
                .transpose(),
        }
    }

    /// Every row of an answer, in order.
    pub(crate) fn all<T>(
        &self,
        sql: &str,
        values: &[Value<'_>],
        mut read: impl FnMut(&Row<'_>) -> Result<T, Cause>,
    ) -> Result<Vec<T>, Cause> {
        match self {
            Tx::Sqlite(_) => {
                let mut found = Vec::new();
                self.each(sql, values, |row| {
                    found.push(read(row)?);
                    Ok(())
                })?;
                Ok(found)
            }
            Tx::Postgres(open) => open
                .query(sql, values)?
                .iter()
                .map(|row| read(&Row::Postgres(row)))
                .collect(),
        }
    }

    /// Hands over every row of an answer, one at a time and however many there are; `take` asks the
    /// ledger nothing meanwhile.
    pub(crate) fn each(
        &self,
        sql: &str,
        values: &[Value<'_>],
        mut take: impl FnMut(&Row<'_>) -> Result<(), Cause>,
    ) -> Result<(), Cause> {
        match self {
            Tx::Sqlite(inner) => {
                let mut statement = inner.prepare_cached(sql)?;
                let mut rows = statement.query(rusqlite::params_from_iter(values))?;
                while let Some(row) = rows.next()? {
                    take(&Row::Sqlite(row))?;
                }
                Ok(())
            }
            Tx::Postgres(open) => open.each(sql, values, |row| take(&Row::Postgres(row))),
        }
    }
}

/// A prepared statement that is run many times.
pub(crate) enum Many<'t> {
    Sqlite(rusqlite::CachedStatement<'t>),
    Postgres(&'t postgres::Open<'t>, String),
}

impl Many<'_> {
    /// Runs it once more; what is wrong with it may come to light with a later statement.
    pub(crate) fn execute(&mut self, values: &[Value<'_>]) -> Result<(), Cause> {
        match self {
            Many::Sqlite(statement) => {
                statement.execute(rusqlite::params_from_iter(values))?;
                Ok(())
            }
            Many::Postgres(open, sql) => open.later(sql, values, Joins::Never, None),
        }
    }

    /// Runs it once more to insert one row, and answers the number that this has in its table: on
    /// PostgreSQL the first value of its answer, which the statement asks for.
    pub(crate) fn insert(&mut self, values: &[Value<'_>]) -> Result<i64, Cause> {
        match self {
            Many::Sqlite(statement) => Ok(statement.insert(rusqlite::params_from_iter(values))?),
            Many::Postgres(open, sql) => open
                .query(sql, values)?
                .first()
                .map(|row| Row::Postgres(row).int(0))
                .transpose()?
                .ok_or_else(|| Cause::Damaged("an insert answered nothing".into())),
        }
    }
}
