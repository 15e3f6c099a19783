//! The server engine: PostgreSQL, for a hub of several processes.
//!
//! Many processes write at once, and each is a writer of its own: it has its own chain of entries,
//! its own row of `writer`, and ranges of every pool for itself. Isolation is READ COMMITTED: what
//! could be changed between a look and a write is a unique slot, a conditional write or a locked row.
//! Where another was faster, or the connection was lost, the whole use case is run anew.
//!
//! # What becomes of a commit that was not answered
//!
//! A connection lost before the commit was sent: the server rolls back, and the use case runs anew.
//! Lost after it: the outcome is not known, and running anew could do twice what bears no key of its
//! caller's (a campaign made, a customer edited), or tell the wrong answer (`replayed` for a first
//! redemption). So every write also counts up `turn` in its writer's row, in the same transaction.
//! Nobody else writes that row; whoever reads it, locked, waits for the lost transaction to end either
//! way. If it shows the next turn, the commit was done, and the answer that is still in memory is
//! given; if not, it was not, and never will be. Where not even that can be asked, the outcome is
//! told as unknown: the caller asks again under the same key, and an act is done once.
//!
//! Statements whose answer nobody looks at wait for the next one that is looked at, and go out
//! with it: a use case costs as many round trips as it has questions.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_core::Stream as _;
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Error, Statement};

pub(crate) use tokio_postgres::Row;

use crate::domain::contact::PhoneRegion;
use crate::domain::entry::CHAIN_START;
use crate::ledger::chain::Head;
use crate::ledger::claim_range;
use crate::ledger::database::{Database, unsafe_words};
use crate::ledger::engine::{Tx, Value};
use crate::ledger::error::Cause;
use crate::ledger::group::{AskedOf, Expected, Group};
use crate::ledger::pipeline::{Ahead, all_of, in_order};
use crate::ledger::waiting::{Joins, Owned, Queue, Waiting, for_many, sendable};

/// How often a use case is run anew before it is given up.
const TRIES_MAX: u32 = 12;

/// The first pause before a lost connection is made anew; each further one is twice as long.
const PAUSE: Duration = Duration::from_millis(20);

/// Statements that wait for the next are sent by themselves when there are so many.
const WAITING_MAX: usize = 24;

/// The server's clock in milliseconds since 1970: one clock for all processes.
pub(crate) const NOW_MS: &str = "CAST(extract(epoch FROM current_timestamp) * 1000 AS BIGINT)";

/// A process that has not written for so long may be gone. What it had begun is taken from it in a
/// way that it notices, should it be there after all.
pub(crate) const SILENCE_MS: i64 = 60_000;

/// Stated for every connection, whatever the server's configuration says. A transaction that its
/// process forgot (a machine that was cut off) holds its locks for a minute at most.
const SETTINGS: &str = "SET default_transaction_isolation = 'read committed';
    SET lock_timeout = '20s';
    SET idle_in_transaction_session_timeout = '60s';
    SET client_min_messages = 'warning';
    SET random_page_cost = 1.1";

const BEGIN_WRITE: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

/// One view for all that a use case reads.
const BEGIN_READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// A ledger on a server, and this process as one of its writers.
pub(crate) struct Postgres {
    database: Database,
    runtime: Arc<Runtime>,
    session: Option<Session>,
    /// This process's incarnation of the hub's node; 0 until it writes.
    writer: i64,
    /// How many writes it has committed.
    turn: i64,
    /// The end of its chain; none: to be read again.
    head: Option<Head>,
    /// Reads and writes are parts of one transaction just now.
    together: Option<Together>,
}

/// What several use cases have come to that are committed at once.
struct Together {
    head: Head,
    /// Why nothing of it can be committed.
    broken: Option<String>,
}

impl Postgres {
    /// Connects.
    pub(crate) fn open(database: &Database) -> Result<Postgres, Cause> {
        let runtime = Arc::new(Builder::new_current_thread().enable_all().build()?);
        let session = Session::open(&runtime, database)?;
        Ok(Postgres {
            database: database.clone(),
            runtime,
            session: Some(session),
            writer: 0,
            turn: 0,
            head: None,
            together: None,
        })
    }

    /// Whether the database has a table of this name.
    pub(crate) fn has_table(&mut self, name: &str) -> Result<bool, Cause> {
        let count = self.read(|tx| {
            tx.one(
                "SELECT count(*) FROM information_schema.tables \
                 WHERE table_schema = current_schema() AND table_name = CAST($1 AS TEXT)",
                &[name.into()],
                |row| row.int(0),
            )
        })?;
        Ok(count.is_some_and(|count| count > 0))
    }

    /// One consistent view.
    pub(crate) fn read<T>(
        &mut self,
        mut work: impl FnMut(&Tx<'_>) -> Result<T, Cause>,
    ) -> Result<T, Cause> {
        if self.together.is_some() {
            return self.look(work);
        }
        self.again_and_again(|postgres| {
            let writer = postgres.writer;
            let tx = Tx::Postgres(postgres.session()?.begin(BEGIN_READ, writer)?);
            work(&tx)
        })
    }

    /// A transaction that moves no chain; `work` commits by itself.
    pub(crate) fn write<T>(
        &mut self,
        mut work: impl FnMut(Tx<'_>) -> Result<T, Cause>,
    ) -> Result<T, Cause> {
        self.again_and_again(|postgres| {
            let writer = postgres.writer;
            let open = postgres.session()?.begin(BEGIN_WRITE, writer)?;
            work(Tx::Postgres(open))
        })
    }

    /// One use case that writes: run, the end of the chain stored, committed. It is run anew where
    /// another process was faster or the connection was lost.
    pub(crate) fn write_chain<T>(
        &mut self,
        mut work: impl FnMut(&Tx<'_>, Head) -> Result<(T, Head), Cause>,
    ) -> Result<T, Cause> {
        if self.together.is_none() {
            return self.again_and_again(|postgres| postgres.write_chain_once(&mut work));
        }
        for _ in 1..TRIES_MAX {
            match self.part(&mut work) {
                Err(Cause::Changed(_)) => {}
                done => return done.map(|done| self.go_on_from(done)),
            }
        }
        let done = self.part(work)?;
        Ok(self.go_on_from(done))
    }

    fn go_on_from<T>(&mut self, (done, head): (T, Head)) -> T {
        if let Some(together) = &mut self.together {
            together.head = head;
        }
        done
    }

    /// Reads within a transaction; where even that fails, nothing of the transaction can be had.
    fn look<T>(&mut self, mut work: impl FnMut(&Tx<'_>) -> Result<T, Cause>) -> Result<T, Cause> {
        let (Some(together), Some(session)) = (&mut self.together, &self.session) else {
            return Err(Cause::Dropped("no connection".into()));
        };
        if let Some(why) = &together.broken {
            return Err(Cause::Dropped(why.clone()));
        }
        let tx = Tx::Postgres(Open {
            session,
            writer: self.writer,
            is_done: Cell::new(true),
        });
        work(&tx).inspect_err(|cause| together.broken = Some(cause.to_string()))
    }

    /// One use case as a part of a transaction: what fails is taken back, and the others stand.
    fn part<T>(
        &mut self,
        work: impl FnOnce(&Tx<'_>, Head) -> Result<(T, Head), Cause>,
    ) -> Result<(T, Head), Cause> {
        let (Some(together), Some(session)) = (&mut self.together, &self.session) else {
            return Err(Cause::Dropped("no connection".into()));
        };
        if let Some(why) = &together.broken {
            return Err(Cause::Dropped(why.clone()));
        }
        let ranges = session.group.as_ref().map(Group::ranges);
        let tx = Tx::Postgres(Open {
            session,
            writer: self.writer,
            is_done: Cell::new(true),
        });
        session.part.set(Part::Unasked);
        let done = work(&tx, together.head.clone()).and_then(|done| {
            if session.part.get() == Part::Asked {
                // Whatever is wrong with it comes to light now, not in the next one.
                tx.later("RELEASE SAVEPOINT part", &[])?;
                tx.flush()?;
            }
            Ok(done)
        });
        drop(tx);
        let part = session.part.replace(Part::Outside);
        let cause = match done {
            Ok(done) => {
                session.queue.borrow_mut().close();
                return Ok(done);
            }
            Err(cause) => cause,
        };
        session.queue.borrow_mut().clear_own();
        if let (Some(group), Some(ranges)) = (&session.group, ranges) {
            group.go_back(ranges);
        }
        if part == Part::Unasked {
            // The server has heard nothing of it.
            return Err(cause);
        }
        // Two that wait for each other hold what others of their group took, and a key that another
        // process binds just now is known when that has ended: each is asked by itself.
        let is_hopeless = matches!(cause, Cause::Raced(_) | Cause::Dropped(_));
        let taken_back = if is_hopeless {
            Ok(0)
        } else {
            session.execute("ROLLBACK TO SAVEPOINT part", &[])
        };
        if is_hopeless || taken_back.is_err() {
            together.broken = Some(cause.to_string());
        }
        Err(cause)
    }

    /// Begins a transaction that the next use cases are parts of.
    pub(crate) fn begin_together(&mut self) -> Result<(), Cause> {
        self.join()?;
        let head = self.chain_end()?;
        self.session()?;
        let session = self
            .session
            .as_mut()
            .ok_or_else(|| Cause::Dropped("no connection".into()))?;
        session.queue.borrow_mut().clear();
        session.part.set(Part::Outside);
        session.group = Some(Group::default());
        session.later(BEGIN_WRITE, &[], Joins::Never, None)?;
        session.later(BY_INDEX, &[], Joins::Never, None)?;
        session.queue.borrow_mut().close();
        let wanted = std::mem::take(&mut session.wanted_before);
        self.together = Some(Together { head, broken: None });
        if wanted.is_empty() {
            return Ok(());
        }
        let asked = self.look(|tx| match tx.group() {
            Some((group, open)) => group.ask_again(open, &wanted),
            None => Ok(()),
        });
        if asked.is_err() {
            drop(self.end_together());
        }
        asked
    }

    /// Looks up what they are about to ask.
    pub(crate) fn look_ahead(
        &mut self,
        expected: &[Expected<'_>],
        region: Option<PhoneRegion>,
    ) -> Result<(), Cause> {
        self.look(|tx| match tx.group() {
            Some((group, open)) => group.look_ahead(tx, open, expected, region),
            None => Ok(()),
        })
    }

    /// Stores the end of the chain, and commits what all of them wrote.
    pub(crate) fn end_together(&mut self) -> Result<(), Cause> {
        let Some(together) = self.together.take() else {
            return Ok(());
        };
        let (writer, turn) = (self.writer, self.turn);
        let Some(session) = &mut self.session else {
            return Err(Cause::Dropped("no connection".into()));
        };
        let group = session.group.take();
        session.wanted_before = group
            .as_ref()
            .map(Group::wanted_of_settled)
            .unwrap_or_default();
        let ranges = group.map(|group| group.ranges());
        let session = &*session;
        let open = Open {
            session,
            writer,
            is_done: Cell::new(false),
        };
        if let Some(why) = together.broken {
            return Err(Cause::Dropped(why));
        }
        let tx = Tx::Postgres(open);
        for range in ranges.unwrap_or_default().values() {
            claim_range::store(&tx, range, writer)?;
        }
        store_turn(&tx, &together.head, turn)?;
        let committed = tx.commit();
        self.settle(committed, turn)?;
        self.head = Some(together.head);
        Ok(())
    }

    /// The same for work that cannot be run anew.
    pub(crate) fn write_chain_once<T>(
        &mut self,
        work: impl FnOnce(&Tx<'_>, Head) -> Result<(T, Head), Cause>,
    ) -> Result<T, Cause> {
        self.join()?;
        let head = self.chain_end()?;
        let (writer, turn) = (self.writer, self.turn);
        let open = self.session()?.begin(BEGIN_WRITE, writer)?;
        let tx = Tx::Postgres(open);
        let (done, head) = work(&tx, head)?;
        store_turn(&tx, &head, turn)?;
        let committed = tx.commit();
        self.settle(committed, turn)?;
        self.head = Some(head);
        Ok(done)
    }

    /// What became of a commit.
    fn settle(&mut self, committed: Result<(), Cause>, turn: i64) -> Result<(), Cause> {
        match committed {
            Ok(()) => {}
            // Sent, and not answered.
            Err(Cause::Dropped(why)) => {
                self.session = None;
                if !self.is_committed(turn)? {
                    return Err(Cause::Dropped(why));
                }
            }
            Err(cause) => return Err(cause),
        }
        self.turn = turn + 1;
        Ok(())
    }

    /// Where this process's chain ends, and after how many turns: known, or read again.
    fn chain_end(&mut self) -> Result<Head, Cause> {
        if let Some(head) = self.head.take() {
            return Ok(head);
        }
        let writer = self.writer;
        let (head, turn) = self.read_once(|tx| {
            let turn = tx.one(
                "SELECT turn FROM writer WHERE incarnation = $1",
                &[writer.into()],
                |row| row.int(0),
            )?;
            let turn = turn.ok_or_else(|| Cause::Damaged("a writer's row is missing".into()))?;
            Ok((Head::load(tx)?, turn))
        })?;
        self.turn = turn;
        Ok(head)
    }

    /// Takes a number of its own, once.
    fn join(&mut self) -> Result<(), Cause> {
        if self.writer != 0 {
            return Ok(());
        }
        let tx = Tx::Postgres(self.session()?.begin(BEGIN_WRITE, 0)?);
        let taken = tx.one(
            "UPDATE ledger SET incarnation = incarnation + 1 WHERE id = 1 RETURNING incarnation",
            &[],
            |row| row.int(0),
        )?;
        let writer = taken.ok_or_else(|| Cause::Damaged("the ledger's first row".into()))?;
        enroll(&tx, writer)?;
        // Where this commit is not answered, the number stays unused: another one is taken.
        tx.commit()?;
        self.writer = writer;
        Ok(())
    }

    /// Whether the write after this turn was committed: waits for its end, and looks.
    fn is_committed(&mut self, turn: i64) -> Result<bool, Cause> {
        let writer = self.writer;
        let seen = self.again_and_again(|postgres| {
            let tx = Tx::Postgres(postgres.session()?.begin(BEGIN_WRITE, writer)?);
            tx.one(
                "SELECT turn FROM writer WHERE incarnation = $1 FOR UPDATE",
                &[writer.into()],
                |row| row.int(0),
            )
        });
        match seen {
            Ok(Some(seen)) => Ok(seen > turn),
            Ok(None) => Err(Cause::Damaged("a writer's row is missing".into())),
            Err(_) => Err(Cause::OutcomeUnknown),
        }
    }

    /// Gives back what this process has for itself alone.
    fn give_back(&self) -> Result<(), Cause> {
        let Some(session) = &self.session else {
            return Ok(());
        };
        let tx = Tx::Postgres(session.begin(BEGIN_WRITE, self.writer)?);
        claim_range::give_back(&tx, self.writer)?;
        tx.commit()
    }

    fn read_once<T>(&mut self, work: impl FnOnce(&Tx<'_>) -> Result<T, Cause>) -> Result<T, Cause> {
        let writer = self.writer;
        let tx = Tx::Postgres(self.session()?.begin(BEGIN_READ, writer)?);
        work(&tx)
    }

    /// The connection, made anew where it was lost.
    fn session(&mut self) -> Result<&Session, Cause> {
        if self
            .session
            .as_ref()
            .is_none_or(|session| session.client.is_closed())
        {
            self.session = None;
            self.head = None;
            self.session = Some(Session::open(&self.runtime, &self.database)?);
        }
        self.session
            .as_ref()
            .ok_or_else(|| Cause::Dropped("no connection".into()))
    }

    /// Runs `once`, and again where it was a race or a lost connection that ended it.
    fn again_and_again<T>(
        &mut self,
        mut once: impl FnMut(&mut Postgres) -> Result<T, Cause>,
    ) -> Result<T, Cause> {
        let mut pause = PAUSE;
        for _ in 1..TRIES_MAX {
            let is_lost = match once(self) {
                Err(Cause::Raced(_) | Cause::Changed(_)) => false,
                Err(Cause::Dropped(_) | Cause::Unreachable(_)) => true,
                done => return done,
            };
            self.head = None;
            if is_lost {
                self.session = None;
                // Made within the runtime, whose clock it goes by.
                self.runtime
                    .block_on(async { tokio::time::sleep(pause).await });
                pause = pause.saturating_mul(2).min(Duration::from_secs(1));
            }
        }
        once(self)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if self.writer != 0 {
            // What cannot be given back now is taken from us when somebody needs it.
            drop(self.give_back());
        }
    }
}

/// The last statements before a commit: the end of the chain, and one turn more. All that waited is
/// looked at with them, so that a commit that is not answered is the only thing not known.
fn store_turn(tx: &Tx<'_>, head: &Head, turn: i64) -> Result<(), Cause> {
    tx.guarded(
        &format!(
            "UPDATE writer SET seq = $1, hash = $2, newest_at_ms = $3, turn = turn + 1, \
             beat_at_ms = {NOW_MS} WHERE incarnation = $4 AND turn = $5"
        ),
        &[
            head.seq.into(),
            head.hash.as_slice().into(),
            head.newest_at_ms.into(),
            tx.writer().into(),
            turn.into(),
        ],
        "another process writes under this one's number",
    )?;
    tx.flush()
}

/// Enters a process among the writers: a chain of its own, from its beginning.
pub(crate) fn enroll(tx: &Tx<'_>, writer: i64) -> Result<(), Cause> {
    tx.later(
        &format!(
            "INSERT INTO writer (incarnation, seq, hash, newest_at_ms, turn, beat_at_ms) \
             VALUES ($1, 0, $2, (SELECT coalesce(max(newest_at_ms), 0) FROM writer), 0, {NOW_MS})"
        ),
        &[writer.into(), CHAIN_START.as_slice().into()],
    )
}

/// A question, and what was asked for.
type Asked = (String, Vec<Owned>);

/// One connection.
struct Session {
    runtime: Arc<Runtime>,
    client: Client,
    statements: RefCell<BTreeMap<String, Statement>>,
    /// By the statement of one row, that of many.
    of_many: RefCell<BTreeMap<String, Statement>>,
    /// What never changes.
    lasting: RefCell<BTreeMap<Asked, Vec<Row>>>,
    queue: RefCell<Queue>,
    is_streaming: Cell<bool>,
    /// Several use cases are committed at once just now.
    group: Option<Group>,
    /// What the ones before them wanted to know that seldom changes.
    wanted_before: AskedOf,
    part: Cell<Part>,
}

/// Where a use case stands that is committed with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// None runs.
    Outside,
    /// The server has heard nothing of it: all that it writes waits.
    Unasked,
    /// The server has, so that what it wrote is taken back there if it fails.
    Asked,
}

/// A group's queries go by an index each, whatever the server guesses of tables that were empty when
/// it first planned them.
const BY_INDEX: &str = "SELECT set_config('enable_seqscan', 'off', true), \
     set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)";

impl Session {
    fn open(runtime: &Arc<Runtime>, database: &Database) -> Result<Session, Cause> {
        let tls = database.tls()?;
        let client = runtime
            .block_on(async {
                let (client, connection) = database.config().connect(tls).await?;
                // Its end shows in whatever is asked next.
                drop(tokio::spawn(async move { drop(connection.await) }));
                client.batch_execute(SETTINGS).await?;
                Ok(client)
            })
            .map_err(|error: Error| match unsafe_words(&error) {
                Some(words) => Cause::Unsafe(words),
                None => Cause::Unreachable(words_of(&error)),
            })?;
        let session = Session {
            runtime: Arc::clone(runtime),
            client,
            statements: RefCell::default(),
            of_many: RefCell::default(),
            lasting: RefCell::default(),
            queue: RefCell::default(),
            is_streaming: Cell::new(false),
            group: None,
            wanted_before: AskedOf::new(),
            part: Cell::new(Part::Outside),
        };
        for (setting, is_fit) in CHECKED {
            let found = session.query(&format!("SHOW {setting}"), &[])?;
            let found = found.first().map(|row| text(row, 0)).transpose()?.flatten();
            if let Some(fault) = found.as_deref().and_then(is_fit) {
                return Err(Cause::Unreachable(fault.to_owned()));
            }
        }
        Ok(session)
    }

    fn begin(&self, how: &str, writer: i64) -> Result<Open<'_>, Cause> {
        self.queue.borrow_mut().clear();
        let open = Open {
            session: self,
            writer,
            is_done: Cell::new(false),
        };
        open.later(how, &[], Joins::Never, None)?;
        Ok(open)
    }

    fn later(
        &self,
        sql: &str,
        values: &[Value<'_>],
        joins: Joins,
        guard: Option<&'static str>,
    ) -> Result<(), Cause> {
        self.forget(sql, values);
        self.wait(Waiting::new(sql, values, joins, guard))
    }

    fn later_rows(
        &self,
        sql: &str,
        rows: &[Vec<Value<'_>>],
        guard: Option<&'static str>,
    ) -> Result<(), Cause> {
        for row in rows {
            self.forget(sql, row);
        }
        self.wait(Waiting::of_rows(sql, rows, guard))
    }

    fn wait(&self, waiting: Waiting) -> Result<(), Cause> {
        let mut queue = self.queue.borrow_mut();
        queue.push(waiting);
        let is_full = queue.len() >= WAITING_MAX;
        drop(queue);
        if is_full { self.flush() } else { Ok(()) }
    }

    /// What a group knows of what is written.
    fn forget(&self, sql: &str, values: &[Value<'_>]) {
        if let Some(group) = &self.group {
            group.forget(sql, values);
        }
    }

    /// The statement of what waits, for as many rows as it has.
    fn statement_of(&self, waiting: &Waiting) -> Result<Statement, Cause> {
        let of_one = self.prepared(&waiting.sql)?;
        if waiting.rows.len() == 1 {
            return Ok(of_one);
        }
        if let Some(known) = self.of_many.borrow().get(&waiting.sql) {
            return Ok(known.clone());
        }
        let sql = for_many(&waiting.sql, of_one.params());
        let statement = self.runtime.block_on(self.client.prepare(&sql))?;
        self.of_many
            .borrow_mut()
            .insert(waiting.sql.clone(), statement.clone());
        Ok(statement)
    }

    /// Asks several questions without waiting in between.
    fn query_all(&self, questions: &[Ahead<'_>]) -> Result<Vec<Vec<Row>>, Cause> {
        let statements: Vec<Statement> = questions
            .iter()
            .map(|question| self.prepared(&question.sql))
            .collect::<Result<_, _>>()?;
        let bound: Vec<Vec<&(dyn ToSql + Sync)>> = questions
            .iter()
            .map(|question| question.bound.iter().map(|value| value as _).collect())
            .collect();
        let asked: Vec<_> = statements
            .iter()
            .zip(&bound)
            .map(|(statement, bound)| self.client.query(statement, bound))
            .collect();
        self.after_waiting(all_of(asked))
    }

    /// Runs the statement of one row for all of these at once, and answers all its rows.
    fn query_rows(&self, sql: &str, rows: &[Vec<Value<'_>>]) -> Result<Vec<Row>, Cause> {
        for row in rows {
            self.forget(sql, row);
        }
        let waiting = Waiting::of_rows(sql, rows, None);
        let statement = self.statement_of(&waiting)?;
        let bound = waiting.bound();
        let bound: Vec<&(dyn ToSql + Sync)> = bound.iter().map(|value| value as _).collect();
        self.after_waiting(self.client.query(&statement, &bound))
    }

    /// Answers that never change, once they are committed: a group begins with what is.
    fn lasting(&self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, Cause> {
        if self.group.is_none() {
            return self.query(sql, values);
        }
        let asked = (sql.to_owned(), values.iter().map(Owned::of).collect());
        if let Some(rows) = self.lasting.borrow().get(&asked) {
            return Ok(rows.clone());
        }
        let rows = self.query(sql, values)?;
        if !rows.is_empty() {
            self.lasting.borrow_mut().insert(asked, rows.clone());
        }
        Ok(rows)
    }

    fn prepared(&self, sql: &str) -> Result<Statement, Cause> {
        if let Some(known) = self.statements.borrow().get(sql) {
            return Ok(known.clone());
        }
        let statement = self.runtime.block_on(self.client.prepare(sql))?;
        self.statements
            .borrow_mut()
            .insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    fn query(&self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, Cause> {
        self.forget(sql, values);
        let statement = self.prepared(sql)?;
        let bound: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
        self.after_waiting(self.client.query(&statement, &bound))
    }

    fn execute(&self, sql: &str, values: &[Value<'_>]) -> Result<usize, Cause> {
        self.forget(sql, values);
        let statement = self.prepared(sql)?;
        let bound: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
        let changed = self.after_waiting(self.client.execute(&statement, &bound))?;
        Ok(usize::try_from(changed).unwrap_or(usize::MAX))
    }

    fn each(
        &self,
        sql: &str,
        values: &[Value<'_>],
        mut take: impl FnMut(&Row) -> Result<(), Cause>,
    ) -> Result<(), Cause> {
        self.flush()?;
        let statement = self.prepared(sql)?;
        let asked = self.client.query_raw(&statement, values.iter().copied());
        let mut rows = pin!(self.runtime.block_on(asked)?);
        self.is_streaming.set(true);
        let taken = loop {
            let next = self
                .runtime
                .block_on(poll_fn(|context| rows.as_mut().poll_next(context)));
            match next {
                None => break Ok(()),
                Some(Err(error)) => break Err(error.into()),
                Some(Ok(row)) => {
                    if let Err(cause) = take(&row) {
                        break Err(cause);
                    }
                }
            }
        };
        self.is_streaming.set(false);
        taken
    }

    /// Sends what waits, and looks at what came of it.
    fn flush(&self) -> Result<(), Cause> {
        if self.queue.borrow().is_empty() {
            return Ok(());
        }
        self.after_waiting(async { Ok(()) })
    }

    /// Sends what waits and then what is asked, without waiting in between. The first failure is
    /// told: what follows one only fails because of it.
    fn after_waiting<R>(&self, asked: impl Future<Output = Result<R, Error>>) -> Result<R, Cause> {
        if self.is_streaming.get() {
            return Err(Cause::Damaged("a question within a question".into()));
        }
        let (mut all, own) = self.queue.borrow_mut().take();
        if self.part.get() == Part::Unasked {
            all.push(Waiting::new("SAVEPOINT part", &[], Joins::Never, None));
            self.part.set(Part::Asked);
        }
        let of_others = all.len();
        all.extend(own);
        let statements: Vec<Statement> = all
            .iter()
            .map(|waiting| self.statement_of(waiting))
            .collect::<Result<_, _>>()
            .map_err(|cause| {
                if of_others > 0 {
                    of_another(&cause)
                } else {
                    cause
                }
            })?;
        let (sent, answer) =
            self.runtime
                .block_on(in_order(&self.client, &all, &statements, asked));
        for (place, (waiting, changed)) in all.iter().zip(sent).enumerate() {
            let found = match (changed, waiting.changes()) {
                (Ok(changed), Some((wanted, words))) if changed != wanted => {
                    Err(Cause::Changed(words.to_owned()))
                }
                (changed, _) => changed.map(drop).map_err(Cause::from),
            };
            if place < of_others {
                found.map_err(|cause| of_another(&cause))?;
            } else {
                found?;
            }
        }
        Ok(answer?)
    }
}

/// Something that another use case of a group left waiting went wrong: nothing of the group can be had,
/// and each is asked by itself.
fn of_another(cause: &Cause) -> Cause {
    Cause::Dropped(format!("another of the group: {cause}"))
}

/// A setting of the server, and what is wrong with its value.
type Checked = (&'static str, fn(&str) -> Option<&'static str>);

const CHECKED: [Checked; 2] = [
    ("server_encoding", |value| {
        (value != "UTF8").then_some("this database is not in UTF-8: make it with ENCODING 'UTF8'")
    }),
    ("synchronous_commit", |value| {
        (value == "off").then_some(
            "this server answers before it has stored (synchronous_commit = off): set it to on",
        )
    }),
];

/// One transaction on the server; dropped, it is rolled back.
pub(crate) struct Open<'c> {
    session: &'c Session,
    pub(crate) writer: i64,
    is_done: Cell<bool>,
}

impl Open<'_> {
    pub(crate) fn commit(self) -> Result<(), Cause> {
        self.session.flush()?;
        self.session.execute("COMMIT", &[])?;
        self.is_done.set(true);
        Ok(())
    }

    pub(crate) fn flush(&self) -> Result<(), Cause> {
        self.session.flush()
    }

    pub(crate) fn execute(&self, sql: &str, values: &[Value<'_>]) -> Result<usize, Cause> {
        self.session.execute(sql, values)
    }

    pub(crate) fn query(&self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, Cause> {
        self.session.query(sql, values)
    }

    pub(crate) fn each(
        &self,
        sql: &str,
        values: &[Value<'_>],
        take: impl FnMut(&Row) -> Result<(), Cause>,
    ) -> Result<(), Cause> {
        self.session.each(sql, values, take)
    }

    /// A transaction holds its lock on a table from before it takes a number in it until what it wrote
    /// is seen by everybody (`ROW EXCLUSIVE`, chapter 13.3 of PostgreSQL's manual).
    pub(crate) fn writers_of_the_log(&self) -> Result<BTreeSet<String>, Cause> {
        let rows = self.query(
            "SELECT virtualtransaction FROM pg_locks WHERE locktype = 'relation' AND granted \
             AND mode = 'RowExclusiveLock' AND database = \
             (SELECT oid FROM pg_database WHERE datname = current_database()) \
             AND relation IN (CAST('entry' AS regclass), CAST('attempt' AS regclass))",
            &[],
        )?;
        let names = rows.iter().map(|row| text(row, 0));
        Ok(names
            .collect::<Result<Vec<_>, _>>()?
            .into_iter()
            .flatten()
            .collect())
    }

    pub(crate) fn is_silent(&self, writer: i64) -> Result<bool, Cause> {
        let heard = self.query(
            &format!(
                "SELECT incarnation FROM writer \
                 WHERE incarnation = $1 AND beat_at_ms > {NOW_MS} - {SILENCE_MS}"
            ),
            &[writer.into()],
        )?;
        Ok(heard.is_empty())
    }

    pub(crate) fn later(
        &self,
        sql: &str,
        values: &[Value<'_>],
        joins: Joins,
        guard: Option<&'static str>,
    ) -> Result<(), Cause> {
        self.session.later(sql, values, joins, guard)
    }

    /// Runs the statement of one row for all of these, with the next one that is looked at.
    pub(crate) fn later_rows(
        &self,
        sql: &str,
        rows: &[Vec<Value<'_>>],
        guard: Option<&'static str>,
    ) -> Result<(), Cause> {
        self.session.later_rows(sql, rows, guard)
    }

    /// The same, at once; all rows of its answer.
    pub(crate) fn query_rows(&self, sql: &str, rows: &[Vec<Value<'_>>]) -> Result<Vec<Row>, Cause> {
        self.session.query_rows(sql, rows)
    }

    /// What use cases that are committed at once know together.
    pub(crate) fn group(&self) -> Option<&Group> {
        self.session.group.as_ref()
    }

    /// Asks several questions without waiting in between.
    pub(crate) fn query_all(&self, questions: &[Ahead<'_>]) -> Result<Vec<Vec<Row>>, Cause> {
        self.session.query_all(questions)
    }

    /// Answers that never change.
    pub(crate) fn lasting(&self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, Cause> {
        self.session.lasting(sql, values)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if !self.is_done.get() {
            // Nothing of what still waits is wanted, but perhaps the transaction was begun. Where
            // this is not answered the connection is gone, and the transaction with it.
            self.session.queue.borrow_mut().clear();
            drop(self.session.execute("ROLLBACK", &[]));
        }
    }
}

impl From<Error> for Cause {
    fn from(error: Error) -> Self {
        let words = words_of(&error);
        let Some(code) = error.code() else {
            // Without an answer of the server's: the connection, or a value that does not fit.
            let is_lost = error.is_closed()
                || std::error::Error::source(&error)
                    .is_some_and(<dyn std::error::Error>::is::<std::io::Error>);
            return if is_lost {
                Cause::Dropped(words)
            } else {
                Cause::Postgres(words)
            };
        };
        let is_race = [
            SqlState::UNIQUE_VIOLATION,
            SqlState::T_R_SERIALIZATION_FAILURE,
            SqlState::T_R_DEADLOCK_DETECTED,
        ]
        .contains(code);
        // 08: the connection; 57P01 to 57P03: the server ends or begins.
        let is_lost = code.code().starts_with("08") || code.code().starts_with("57P0");
        if is_race {
            Cause::Raced(words)
        } else if is_lost || *code == SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT {
            Cause::Dropped(words)
        } else if *code == SqlState::DISK_FULL {
            Cause::DiskFull
        } else if *code == SqlState::LOCK_NOT_AVAILABLE {
            Cause::Busy
        } else {
            Cause::Postgres(words)
        }
    }
}

/// What an error says: the server's own words where it sent some.
fn words_of(error: &Error) -> String {
    match error.as_db_error() {
        Some(said) => said.message().to_owned(),
        None => match std::error::Error::source(error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        },
    }
}

type BindError = Box<dyn std::error::Error + Sync + Send>;

impl ToSql for Value<'_> {
    fn to_sql(&self, wanted: &Type, out: &mut BytesMut) -> Result<IsNull, BindError> {
        match self {
            Value::Null => Ok(IsNull::Yes),
            Value::Int(number) if *wanted == Type::INT8 => number.to_sql(wanted, out),
            Value::Int(number) if *wanted == Type::INT4 => {
                i32::try_from(*number)?.to_sql(wanted, out)
            }
            Value::Text(text) if *wanted == Type::TEXT => sendable(text).to_sql(wanted, out),
            Value::Blob(bytes) if *wanted == Type::BYTEA => bytes.to_sql(wanted, out),
            Value::Int(_) | Value::Text(_) | Value::Blob(_) => {
                Err(format!("a value of another type than {wanted}").into())
            }
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// A whole number, however the server counts it: sums come as NUMERIC.
struct Number(i64);

impl<'r> FromSql<'r> for Number {
    fn from_sql(kind: &Type, raw: &'r [u8]) -> Result<Number, BindError> {
        if *kind == Type::INT8 {
            return i64::from_sql(kind, raw).map(Number);
        }
        if *kind == Type::INT4 {
            return i32::from_sql(kind, raw).map(|number| Number(i64::from(number)));
        }
        whole(raw)
            .map(Number)
            .ok_or_else(|| "a sum that is no whole number".into())
    }

    fn accepts(kind: &Type) -> bool {
        [Type::INT8, Type::INT4, Type::NUMERIC].contains(kind)
    }
}

/// A NUMERIC as it is sent (`numeric_send` in PostgreSQL's numeric.c): the number of digits, the
/// place of the first, a sign, the digits shown, then digits to the base of 10 000.
fn whole(raw: &[u8]) -> Option<i64> {
    let mut words = raw
        .chunks_exact(2)
        .map(|pair| <[u8; 2]>::try_from(pair).map(u16::from_be_bytes));
    let digits = words.next()?.ok()?;
    let first = words.next()?.ok()?.cast_signed();
    let is_negative = words.next()?.ok()? == 0x4000;
    words.next()?.ok()?;
    let mut number = 0_i64;
    let mut place = first;
    for _ in 0..digits {
        let digit = i64::from(words.next()?.ok()?);
        if place < 0 {
            return None;
        }
        number = number.checked_mul(10_000)?.checked_add(digit)?;
        place -= 1;
    }
    while place >= 0 && number != 0 {
        number = number.checked_mul(10_000)?;
        place -= 1;
    }
    Some(if is_negative { -number } else { number })
}

pub(crate) fn int(row: &Row, column: usize) -> Result<Option<i64>, Cause> {
    Ok(row
        .try_get::<_, Option<Number>>(column)?
        .map(|number| number.0))
}

pub(crate) fn text(row: &Row, column: usize) -> Result<Option<String>, Cause> {
    Ok(row.try_get(column)?)
}

pub(crate) fn blob(row: &Row, column: usize) -> Result<Option<Vec<u8>>, Cause> {
    Ok(row.try_get(column)?)
}

#[cfg(test)]
mod tests {
    use super::whole;

    #[test]
    fn sums_are_read_as_they_are_sent() {
        let sent = |first: i16, sign: u16, digits: &[u16]| {
            let mut raw = Vec::new();
            raw.extend_from_slice(&u16::try_from(digits.len()).unwrap().to_be_bytes());
            raw.extend_from_slice(&first.to_be_bytes());
            raw.extend_from_slice(&sign.to_be_bytes());
            raw.extend_from_slice(&[0, 0]);
            for digit in digits {
                raw.extend_from_slice(&digit.to_be_bytes());
            }
            raw
        };
        assert_eq!(whole(&sent(0, 0, &[])), Some(0));
        assert_eq!(whole(&sent(0, 0, &[7])), Some(7));
        assert_eq!(whole(&sent(0, 0x4000, &[7])), Some(-7));
        assert_eq!(whole(&sent(1, 0, &[12, 3456])), Some(123_456));
        // Zeros at the end are not sent.
        assert_eq!(whole(&sent(2, 0, &[5])), Some(500_000_000));
        assert_eq!(whole(&sent(-1, 0, &[5000])), None);
    }
}
