//! The chain of entries: appending to it, and finding the first broken link.

use crate::domain::entry::{Body, Fact, Hash, Recovered, Side, chained, side_hash};
use crate::domain::ids::{CampaignId, EntryId};
use crate::ledger::engine::{Row, Tx};
use crate::ledger::error::Cause;

/// This ledger's own number among nodes.
pub(crate) const OWN_NODE: i64 = 1;

/// The number that every code is below: a store knows more than this hub, so that nobody can say what
/// any of them is.
pub(crate) const EVERY_CODE: i64 = i64::MAX;

/// Where the chain ends, and whose it is.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) node: String,
    pub(crate) incarnation: i64,
    pub(crate) seq: i64,
    pub(crate) hash: Hash,
    pub(crate) newest_at_ms: i64,
    pub(crate) store: String,
    pub(crate) timezone: String,
    pub(crate) next_code_id: i64,
    pub(crate) restored_code_id: i64,
    pub(crate) is_moved: bool,
    /// Entries of earlier lives that this file does not hold, at most.
    pub(crate) lost: i64,
}

impl Head {
    pub(crate) fn load(tx: &Tx<'_>) -> Result<Head, Cause> {
        match tx.writer() {
            None => tx.one(
                "SELECT node, incarnation, seq, hash, newest_at_ms, store, timezone, next_code_id, \
                 restored_code_id, is_moved, lost FROM ledger WHERE id = 1",
                &[],
                head_row,
            )?,
            // The end of this process's own chain; who only reads goes by the newest process.
            Some(writer) => tx.one(
                "SELECT l.node, w.incarnation, w.seq, w.hash, w.newest_at_ms, l.store, l.timezone, \
                 l.next_code_id, l.restored_code_id, l.is_moved, l.lost FROM ledger l \
                 JOIN writer w \
                 ON w.incarnation = CASE WHEN $1 = 0 THEN l.incarnation ELSE $1 END WHERE l.id = 1",
                &[writer.into()],
                head_row,
            )?,
        }
        .ok_or_else(|| Cause::Damaged("the ledger's first row is missing".into()))
    }

    /// Stores the end of a ledger's only chain; where several processes write, each stores its own with
    /// its commit.
    pub(crate) fn store(&self, tx: &Tx<'_>) -> Result<(), Cause> {
        tx.execute(
            "UPDATE ledger SET incarnation = $1, seq = $2, hash = $3, newest_at_ms = $4, \
             next_code_id = $5, restored_code_id = $6, is_moved = $7, lost = $8 WHERE id = 1",
            &[
                self.incarnation.into(),
                self.seq.into(),
                self.hash.as_slice().into(),
                self.newest_at_ms.into(),
                self.next_code_id.into(),
                self.restored_code_id.into(),
                self.is_moved.into(),
                self.lost.into(),
            ],
        )?;
        Ok(())
    }

    /// Entries that all lives of this ledger have written, as far as is known.
    ///
    /// It never falls, whereas `seq` falls back to the backup's at a restore.
    pub(crate) fn written(&self) -> i64 {
        self.seq + self.lost
    }

    /// Whether a store knows more of this hub than there is in it: nothing is given out, and what is
    /// honoured needs a manager, until one begins a new life.
    pub(crate) fn is_behind(&self) -> bool {
        self.restored_code_id == EVERY_CODE
    }

    pub(crate) fn entry_id(&self, seq: i64) -> EntryId {
        EntryId {
            node: self.node.clone(),
            incarnation: u32::try_from(self.incarnation).unwrap_or(0),
            seq: seq.unsigned_abs(),
        }
    }
}

fn head_row(row: &Row<'_>) -> Result<Head, Cause> {
    Ok(Head {
        node: row.text(0)?,
        incarnation: row.int(1)?,
        seq: row.int(2)?,
        hash: row.hash(3)?,
        newest_at_ms: row.int(4)?,
        store: row.text(5)?,
        timezone: row.text(6)?,
        next_code_id: row.int(7)?,
        restored_code_id: row.int(8)?,
        is_moved: row.int(9)? != 0,
        lost: row.int(10)?,
    })
}

/// Takes so many numbers for new codes, the first of which it answers: none is given out twice,
/// whoever writes.
pub(crate) fn take_code_ids(tx: &Tx<'_>, head: &mut Head, count: i64) -> Result<i64, Cause> {
    if tx.writer().is_none() {
        let first = head.next_code_id;
        head.next_code_id += count;
        return Ok(first);
    }
    let next = tx.one(
        "UPDATE ledger SET next_code_id = next_code_id + $1 WHERE id = 1 RETURNING next_code_id",
        &[count.into()],
        |row| row.int(0),
    )?;
    next.map(|next| next - count)
        .ok_or_else(|| Cause::Damaged("the ledger's first row is missing".into()))
}

/// Gives back the numbers from `first` up to `end`, where they were the last that were taken; others
/// stay a gap, which means nothing.
pub(crate) fn give_back_code_ids(
    tx: &Tx<'_>,
    head: &mut Head,
    first: i64,
    end: i64,
) -> Result<(), Cause> {
    if tx.writer().is_some() {
        return tx.later(
            "UPDATE ledger SET next_code_id = $1 WHERE id = 1 AND next_code_id = $2",
            &[first.into(), end.into()],
        );
    }
    if head.next_code_id == end {
        head.next_code_id = first;
    }
    Ok(())
}

/// What surrounds a fact in its entry.
#[derive(Debug, Clone, Default)]
pub(crate) struct Setting<'a> {
    pub(crate) campaign: Option<(i64, &'a CampaignId, u32)>,
    pub(crate) code: Option<(i64, &'a str, Option<i64>)>,
    pub(crate) customer: Option<&'a str>,
    pub(crate) counter: &'a str,
    pub(crate) operator: Option<&'a str>,
    pub(crate) key: Option<&'a str>,
    pub(crate) side: Side,
    pub(crate) salt: [u8; 16],
    pub(crate) at_ms: i64,
    /// Whom a restored hub knows it from.
    pub(crate) recovered: Option<Recovered>,
}

/// The erasable text of an entry as it is stored; empty where there is none, or no more.
pub(crate) fn side_of(stored: Option<&str>) -> Result<Side, Cause> {
    Ok(match stored {
        Some(text) => serde_json::from_str(text)?,
        None => Side::default(),
    })
}

/// An entry as it was appended.
#[derive(Debug, Clone)]
pub(crate) struct Appended {
    /// Its local number, by which other tables point to it.
    pub(crate) local: i64,
    /// Its name for ever.
    pub(crate) id: EntryId,
}

/// Appends one entry; the caller stores `head` before it commits.
pub(crate) fn append(
    tx: &Tx<'_>,
    head: &mut Head,
    fact: Fact,
    setting: &Setting<'_>,
) -> Result<Appended, Cause> {
    let kind = fact.kind();
    let side = if setting.side.is_empty() {
        None
    } else {
        Some(serde_json::to_string(&setting.side)?)
    };
    let body = Body {
        at_ms: setting.at_ms,
        fact,
        campaign: setting.campaign.map(|(_, name, _)| name.clone()),
        revision: setting.campaign.map(|(_, _, revision)| revision),
        code: setting.code.map(|(_, folded, _)| folded.to_owned()),
        customer: setting.customer.map(str::to_owned),
        counter: setting.counter.to_owned(),
        operator: setting.operator.map(str::to_owned),
        key: setting.key.map(str::to_owned),
        side: side.as_ref().map(|text| side_hash(&setting.salt, text)),
        recovered: setting.recovered.clone(),
    };
    let body = serde_json::to_string(&body)?;
    let hash = chained(&head.hash, body.as_bytes());
    let seq = head.seq + 1;
    let local = tx.insert_row(
        "entry",
        "INSERT INTO entry (node, incarnation, seq, at_ms, kind, campaign, code, \
         previous_of_code, body, hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
         RETURNING id",
        &[
            OWN_NODE.into(),
            head.incarnation.into(),
            seq.into(),
            setting.at_ms.into(),
            kind.into(),
            setting.campaign.map(|(id, _, _)| id).into(),
            setting.code.map(|(id, _, _)| id).into(),
            setting.code.and_then(|(_, _, previous)| previous).into(),
            (&body).into(),
            hash.as_slice().into(),
        ],
    )?;
    if let Some(text) = &side {
        tx.row(
            "INSERT INTO side (entry, salt, text) VALUES ($1, $2, $3)",
            &[local.into(), setting.salt.as_slice().into(), text.into()],
            0,
        )?;
    }
    head.seq = seq;
    head.hash = hash;
    head.newest_at_ms = head.newest_at_ms.max(setting.at_ms);
    Ok(Appended {
        local,
        id: head.entry_id(seq),
    })
}
