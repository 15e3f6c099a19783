//! What concerns others: a row a subject, which moves up whenever the subject changes.
//!
//! Invariant: no item at or below a position that was given out ever appears later. Where one writer
//! has the ledger to itself, a change takes its position in its own transaction. Where many write at
//! once, a position taken before the commit could be seen after a higher one: there a change is
//! written without one, and [`Ledger::sequence_feed`] gives positions to what is committed.
//!
//! What is sent is the subject as it stands when it is read, so a row holds no content, and a subject
//! that changed a hundred times is one row. On a shop alone nothing is kept.

use crate::ledger::engine::{Tx, Value};
use crate::ledger::error::Cause;
use crate::ledger::test_mode::TEST_BATCH;
use crate::ledger::{Ledger, LedgerError, bulk};

/// What kind of subject changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FeedKind {
    Campaign,
    Batch,
    Code,
    Lease,
    Customer,
    Recall,
    Conflict,
    Operator,
}

impl FeedKind {
    pub(crate) const ALL: [FeedKind; 8] = [
        FeedKind::Campaign,
        FeedKind::Batch,
        FeedKind::Code,
        FeedKind::Lease,
        FeedKind::Customer,
        FeedKind::Recall,
        FeedKind::Conflict,
        FeedKind::Operator,
    ];

    pub(crate) fn number(self) -> i64 {
        match self {
            FeedKind::Campaign => 1,
            FeedKind::Batch => 2,
            FeedKind::Code => 3,
            FeedKind::Lease => 4,
            FeedKind::Customer => 5,
            FeedKind::Recall => 6,
            FeedKind::Conflict => 7,
            FeedKind::Operator => 8,
        }
    }

    pub(crate) fn of_number(number: i64) -> Result<FeedKind, Cause> {
        FeedKind::ALL
            .into_iter()
            .find(|kind| kind.number() == number)
            .ok_or_else(|| Cause::Damaged(format!("an item of the feed of kind {number}")))
    }
}

/// Whom a change concerns: every store.
pub(crate) const EVERYBODY: i64 = 0;

/// Rows of the feed that are given their positions in one write.
const SEQUENCED_MAX: i64 = 2_000;

/// Whether this ledger has stores to tell.
pub(crate) fn has_stores(tx: &Tx<'_>) -> Result<bool, Cause> {
    Ok(tx
        .one("SELECT node FROM store LIMIT 1", &[], |row| row.int(0))?
        .is_some())
}

/// The newest position that was given.
pub(crate) fn position(tx: &Tx<'_>) -> Result<i64, Cause> {
    tx.one("SELECT position FROM feed_head WHERE id = 1", &[], |row| {
        row.int(0)
    })?
    .ok_or_else(headless)
}

/// A subject changed: whoever it concerns is told of it as it stands.
pub(crate) fn touch(tx: &Tx<'_>, kind: FeedKind, subject: i64, concerns: i64) -> Result<(), Cause> {
    if tx.writer().is_some() {
        return touch_unplaced(tx, kind, subject, concerns);
    }
    if !has_stores(tx)? {
        return Ok(());
    }
    let position = next_position(tx)?;
    tx.execute(
        "INSERT INTO feed (kind, subject, node, position) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (kind, subject, node) DO UPDATE SET position = excluded.position",
        &[
            kind.number().into(),
            subject.into(),
            concerns.into(),
            position.into(),
        ],
    )?;
    Ok(())
}

/// The same where several processes write: in its place once it is committed.
pub(crate) fn touch_unplaced(
    tx: &Tx<'_>,
    kind: FeedKind,
    subject: i64,
    concerns: i64,
) -> Result<(), Cause> {
    tx.row(
        "INSERT INTO feed (kind, subject, node, position) SELECT $1, $2, $3, NULL \
         WHERE EXISTS (SELECT 1 FROM store) \
         ON CONFLICT (kind, subject, node) DO UPDATE SET position = NULL",
        &[kind.number().into(), subject.into(), concerns.into()],
        1,
    )
}

/// Many subjects changed, each named once; where several processes write, in the order of their
/// numbers. Whoever calls has seen that there are stores to tell.
pub(crate) fn touch_all(
    tx: &Tx<'_>,
    kind: FeedKind,
    subjects: impl Iterator<Item = i64>,
    concerns: i64,
) -> Result<(), Cause> {
    let mut rows: Vec<Vec<Value<'_>>> = subjects
        .map(|subject| {
            vec![
                kind.number().into(),
                subject.into(),
                concerns.into(),
                Value::Null,
            ]
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    if tx.writer().is_none() {
        let count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        let newest = take_positions(tx, count)?;
        for (row, position) in rows.iter_mut().zip(newest - count + 1..) {
            if let Some(last) = row.last_mut() {
                *last = position.into();
            }
        }
    }
    bulk::insert(
        tx,
        "INSERT INTO feed (kind, subject, node, position)",
        " ON CONFLICT (kind, subject, node) DO UPDATE SET position = excluded.position",
        &rows,
    )
}

fn next_position(tx: &Tx<'_>) -> Result<i64, Cause> {
    take_positions(tx, 1)
}

/// Takes so many positions, the last of which it answers.
fn take_positions(tx: &Tx<'_>, count: i64) -> Result<i64, Cause> {
    tx.one(
        "UPDATE feed_head SET position = position + $1 WHERE id = 1 RETURNING position",
        &[count.into()],
        |row| row.int(0),
    )?
    .ok_or_else(headless)
}

fn headless() -> Cause {
    Cause::Damaged("the feed has no head".into())
}

/// The codes of a range of ordinals changed.
pub(crate) fn touch_range(
    tx: &Tx<'_>,
    campaign: i64,
    first_ordinal: i64,
    end_ordinal: i64,
) -> Result<(), Cause> {
    if tx.writer().is_some() {
        return tx.later(
            "INSERT INTO feed (kind, subject, node, position) \
             SELECT $1, code, $2, NULL FROM pool_slot \
             WHERE campaign = $3 AND ordinal >= $4 AND ordinal < $5 \
             AND EXISTS (SELECT 1 FROM store) ORDER BY code \
             ON CONFLICT (kind, subject, node) DO UPDATE SET position = NULL",
            &[
                FeedKind::Code.number().into(),
                EVERYBODY.into(),
                campaign.into(),
                first_ordinal.into(),
                end_ordinal.into(),
            ],
        );
    }
    if !has_stores(tx)? {
        return Ok(());
    }
    let codes = tx.all(
        "SELECT code FROM pool_slot WHERE campaign = $1 AND ordinal >= $2 AND ordinal < $3 \
         ORDER BY ordinal",
        &[campaign.into(), first_ordinal.into(), end_ordinal.into()],
        |row| row.int(0),
    )?;
    touch_all(tx, FeedKind::Code, codes.into_iter(), EVERYBODY)
}

/// The first store is let in: everything that is here has to be told of. Codes come with their
/// batches, and customers with their codes, so that this is a few rows, however many codes there are.
pub(crate) fn fill(tx: &Tx<'_>) -> Result<(), Cause> {
    let subjects = [
        (FeedKind::Campaign, "SELECT id FROM campaign ORDER BY id"),
        (
            FeedKind::Operator,
            "SELECT id FROM operator WHERE is_removed = 0 ORDER BY id",
        ),
    ];
    for (kind, sql) in subjects {
        for subject in tx.all(sql, &[], |row| row.int(0))? {
            touch(tx, kind, subject, EVERYBODY)?;
        }
    }
    let batches = tx.all(
        "SELECT id FROM batch WHERE is_published = 1 AND how <> $1 ORDER BY id",
        &[TEST_BATCH.into()],
        |row| row.int(0),
    )?;
    for batch in batches {
        touch(tx, FeedKind::Batch, batch, EVERYBODY)?;
    }
    Ok(())
}

impl Ledger {
    /// The newest position of the feed: whoever waits for something new looks here. What any process
    /// has committed until now is at it or below it.
    pub fn feed_position(&mut self) -> Result<i64, LedgerError> {
        self.place_what_waits()?;
        self.read("read", "the feed", position)
    }

    /// Gives positions to all that was committed without one, where several processes write.
    pub(crate) fn place_what_waits(&mut self) -> Result<(), LedgerError> {
        if !self.has_several_writers() {
            return Ok(());
        }
        let waits = self.read("read", "the feed", |tx| {
            tx.one(
                "SELECT subject FROM feed WHERE position IS NULL LIMIT 1",
                &[],
                |row| row.int(0),
            )
        })?;
        let mut is_more = waits.is_some();
        while is_more {
            (_, is_more) = self.sequence_feed()?;
        }
        Ok(())
    }

    /// Gives positions to changes that were committed without one, in the order of their subjects,
    /// under the lock of the feed's head; how many it gave, and whether there may be more.
    ///
    /// Whoever reads sees the head and the positions up to it together, so that nothing appears below
    /// a position that was given out.
    pub fn sequence_feed(&mut self) -> Result<(u64, bool), LedgerError> {
        self.write("order", "the feed", |writing| sequence(writing.tx))
    }
}

fn sequence(tx: &Tx<'_>) -> Result<(u64, bool), Cause> {
    // Locks the head, also where others write at the same time: one gives positions at a time.
    let head = tx
        .one(
            "UPDATE feed_head SET position = position WHERE id = 1 RETURNING position",
            &[],
            |row| row.int(0),
        )?
        .ok_or_else(headless)?;
    // What another changes again just now gets its place when that is committed. Whoever waited for
    // it here would hold what that one waits for.
    let waiting = tx.free_rows(
        "SELECT kind, subject, node FROM feed WHERE position IS NULL \
         ORDER BY kind, subject, node LIMIT $1",
        &[SEQUENCED_MAX.into()],
        |row| Ok((row.int(0)?, row.int(1)?, row.int(2)?)),
    )?;
    let mut given = head;
    for (kind, subject, node) in &waiting {
        given += 1;
        tx.guarded(
            "UPDATE feed SET position = $1 \
             WHERE kind = $2 AND subject = $3 AND node = $4 AND position IS NULL",
            &[
                given.into(),
                (*kind).into(),
                (*subject).into(),
                (*node).into(),
            ],
            "this was just given its place",
        )?;
    }
    tx.execute(
        "UPDATE feed_head SET position = $1 WHERE id = 1",
        &[Value::Int(given)],
    )?;
    let is_more = i64::try_from(waiting.len()).is_ok_and(|count| count >= SEQUENCED_MAX);
    Ok((waiting.len() as u64, is_more))
}
