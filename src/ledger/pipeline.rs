//! Several statements under way at once: none waits for the answer of the one before it.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;

use tokio_postgres::{Client, Error, Row, Statement};

use crate::ledger::waiting::{Bound, Owned, Waiting};

/// Waits until nobody else has this number, and has it to the end of the transaction. In the form of a
/// write, so that those of several go out as one.
pub(crate) const HAVE_NUMBER: &str = "SELECT pg_advisory_xact_lock($1) WHERE true";

/// A question that is asked without waiting for the ones before it.
pub(crate) struct Ahead<'q> {
    pub(crate) sql: String,
    pub(crate) bound: Vec<Bound<'q>>,
}

impl<'q> Ahead<'q> {
    pub(crate) fn new(sql: impl Into<String>, values: &'q [Owned]) -> Ahead<'q> {
        Ahead {
            sql: sql.into(),
            bound: values.iter().map(Bound::One).collect(),
        }
    }

    /// Of the rows that join these, which the query calls `v` with columns `c1`, `c2` and so on.
    pub(crate) fn of_rows(sql: &str, rows: &'q [Vec<Owned>]) -> Ahead<'q> {
        let mut lists = Vec::new();
        let mut names = Vec::new();
        for (place, value) in (1..).zip(rows.first().into_iter().flatten()) {
            lists.push(format!("CAST(${place} AS {}[])", value.kind()));
            names.push(format!("c{place}"));
        }
        let from = format!(
            "FROM unnest({}) AS v({}) ",
            lists.join(", "),
            names.join(", ")
        );
        Ahead {
            sql: sql.replacen("FROM v ", &from, 1),
            bound: (0..names.len())
                .map(|place| Bound::Column(rows, place))
                .collect(),
        }
    }

    /// Of the rows whose column, with which `before` ends, is one of these; `lead` are the values that
    /// `before` uses.
    pub(crate) fn of_list(
        before: &str,
        lead: &'q [Owned],
        list: &'q [Vec<Owned>],
        after: &str,
    ) -> Ahead<'q> {
        let place = lead.len() + 1;
        let ones = lead.iter().map(Bound::One);
        Ahead {
            sql: format!("{before} = ANY (${place}){after}"),
            bound: ones.chain([Bound::Column(list, 0)]).collect(),
        }
    }

    /// The rows of the table that it calls so are held to the end of the transaction.
    pub(crate) fn locking_of(self, name: &str) -> Ahead<'q> {
        Ahead {
            sql: format!("{} FOR UPDATE OF {name}", self.sql),
            ..self
        }
    }

    /// For numbers of new rows of a table, which nobody else has: one for each of these.
    pub(crate) fn numbers(table: &str, rows: &'q [Vec<Owned>]) -> Ahead<'q> {
        // The name of the sequence is looked up once, not for each number.
        let sql = format!(
            "SELECT nextval((SELECT CAST(pg_get_serial_sequence('{table}', 'id') AS regclass))) FROM v "
        );
        Ahead::of_rows(&sql, rows)
    }
}

/// A question under way, and its answer once there is one.
type Asked<F> = (Pin<Box<F>>, Option<<F as Future>::Output>);

/// All answers, in order; the first failure is told.
pub(crate) async fn all_of<F>(questions: Vec<F>) -> Result<Vec<Vec<Row>>, Error>
where
    F: Future<Output = Result<Vec<Row>, Error>>,
{
    let mut asked: Vec<Asked<F>> = questions
        .into_iter()
        .map(|question| (Box::pin(question), None))
        .collect();
    poll_fn(|context| {
        let mut is_done = true;
        for (asking, answer) in &mut asked {
            if answer.is_none()
                && let Poll::Ready(done) = asking.as_mut().poll(context)
            {
                *answer = Some(done);
            }
            is_done &= answer.is_some();
        }
        if is_done {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    asked.into_iter().filter_map(|(_, answer)| answer).collect()
}

/// Every statement in its turn, all under way at once.
pub(crate) async fn in_order<R>(
    client: &Client,
    waiting: &[Waiting],
    statements: &[Statement],
    asked: impl Future<Output = R>,
) -> (Vec<Result<u64, Error>>, R) {
    let mut sent: Vec<_> = waiting
        .iter()
        .zip(statements)
        .map(|(one, statement)| {
            let sending = client.execute_raw(statement, one.bound());
            (Box::pin(sending), None)
        })
        .collect();
    let mut asked = pin!(asked);
    let mut answer = None;
    let answer = poll_fn(|context| {
        // Whoever is looked at first is sent first.
        let mut is_done = true;
        for (sending, changed) in &mut sent {
            if changed.is_none()
                && let Poll::Ready(done) = sending.as_mut().poll(context)
            {
                *changed = Some(done);
            }
            is_done &= changed.is_some();
        }
        if answer.is_none()
            && let Poll::Ready(done) = asked.as_mut().poll(context)
        {
            answer = Some(done);
        }
        match answer.take() {
            Some(done) if is_done => Poll::Ready(done),
            early => {
                answer = early;
                Poll::Pending
            }
        }
    })
    .await;
    let sent = sent
        .into_iter()
        .filter_map(|(_, changed)| changed)
        .collect();
    (sent, answer)
}
