//! What concerns others: a row a subject, which moves up whenever the subject changes.
//!
//! Invariant: no item at or below a position that was given out ever appears later. What is sent is
//! the subject as it stands when it is read, so a row holds no content, and a subject that changed a
//! hundred times is one row. On a shop alone nothing is kept.

use crate::ledger::engine::Tx;
use crate::ledger::error::Cause;

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
}

/// Whom a change concerns: every store.
pub(crate) const EVERYBODY: i64 = 0;

/// Whether this ledger has stores to tell.
pub(crate) fn has_stores(tx: &Tx<'_>) -> Result<bool, Cause> {
    Ok(tx
        .one("SELECT node FROM store LIMIT 1", &[], |row| row.int(0))?
        .is_some())
}

/// A subject changed: whoever it concerns is told of it as it stands.
pub(crate) fn touch(tx: &Tx<'_>, kind: FeedKind, subject: i64, concerns: i64) -> Result<(), Cause> {
    if !has_stores(tx)? {
        return Ok(());
    }
    let position = tx
        .one(
            "UPDATE feed_head SET position = position + 1 WHERE id = 1 RETURNING position",
            &[],
            |row| row.int(0),
        )?
        .ok_or_else(|| Cause::Damaged("the feed has no head".into()))?;
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

/// The first store is let in: everything that is here is told of from now on.
pub(crate) fn fill(tx: &Tx<'_>) -> Result<(), Cause> {
    let whole: [(FeedKind, &str); 4] = [
        (FeedKind::Campaign, "SELECT id FROM campaign ORDER BY id"),
        (
            FeedKind::Batch,
            "SELECT id FROM batch WHERE is_published = 1 ORDER BY id",
        ),
        (
            FeedKind::Customer,
            "SELECT DISTINCT customer FROM contact_hash ORDER BY customer",
        ),
        (FeedKind::Operator, "SELECT id FROM operator ORDER BY id"),
    ];
    for (kind, subjects) in whole {
        for subject in tx.all(subjects, &[], |row| row.int(0))? {
            touch(tx, kind, subject, EVERYBODY)?;
        }
    }
    Ok(())
}
