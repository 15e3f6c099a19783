//! Whether the end of a chain that stands on paper is in this ledger, and everything before it as it
//! was then.

use jiff::Timestamp;

use crate::domain::chain_head::ChainHead;
use crate::domain::entry::{Body, Fact, hex, instant};
use crate::domain::ids::EntryId;
use crate::ledger::chain::OWN_NODE;
use crate::ledger::engine::{Tx, Value};
use crate::ledger::error::Cause;
use crate::ledger::verify::{Health, follow};
use crate::ledger::{Ledger, LedgerError, branches, nodes};

/// What became of a head on paper.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeadCheck {
    /// Whether there is an entry of this name here.
    pub is_here: bool,
    /// Whether its hash is the one on paper.
    pub is_same: bool,
    /// When it was written; none: it is not here.
    pub at: Option<Timestamp>,
    /// Its hash here, hexadecimal.
    pub hash: Option<String>,
    /// Entries up to it, itself counted.
    pub entries: u64,
    /// Entries of the same chain after it.
    pub since: u64,
    /// Ends of other chains that it tells of: those of a hub's processes and of its stores.
    pub covers: u64,
    /// What is wrong up to it, each in a sentence.
    pub faults: Vec<String>,
}

impl HeadCheck {
    /// Whether the paper and the file agree.
    pub fn is_well(&self) -> bool {
        self.is_here && self.is_same && self.faults.is_empty()
    }
}

impl Ledger {
    /// Looks whether an entry is here with the hash that stands on paper, and whether everything
    /// before it is as it was written. Changes nothing.
    pub fn verify_head(&mut self, head: &ChainHead) -> Result<HeadCheck, LedgerError> {
        let Ok(id) = head.entry.parse::<EntryId>() else {
            return Ok(HeadCheck::default());
        };
        self.read("verify", "the head of a chain", |tx| {
            let mut found = check(tx, &id, head)?;
            for other in others(tx, &id)? {
                let beside = match other.entry.parse::<EntryId>() {
                    Ok(id) => check(tx, &id, &other)?,
                    Err(_) => HeadCheck::default(),
                };
                found.covers += 1;
                if !beside.is_here || !beside.is_same {
                    found.faults.push(format!(
                        "the chain that ended at {} when the paper was printed: that entry is {}",
                        other.entry,
                        if beside.is_here {
                            "another one here"
                        } else {
                            "not here"
                        }
                    ));
                }
                found.faults.extend(beside.faults);
            }
            Ok(found)
        })
    }
}

/// The ends of other chains that an entry tells of, where it is that of a Z report.
fn others(tx: &Tx<'_>, id: &EntryId) -> Result<Vec<ChainHead>, Cause> {
    let stored = tx.one(
        "SELECT e.body FROM entry e JOIN node n ON n.id = e.node WHERE n.name = $1 \
         AND e.incarnation = $2 AND e.seq = $3 AND e.kind = 'day_closed' AND e.node = 1",
        &[
            (&id.node).into(),
            i64::from(id.incarnation).into(),
            id.seq.cast_signed().into(),
        ],
        |row| row.text(0),
    )?;
    // One that cannot be read is a fault of the chain already.
    let body = stored.and_then(|stored| serde_json::from_str::<Body>(&stored).ok());
    Ok(body
        .and_then(|body| {
            if let Fact::DayClosed { others, .. } = body.fact {
                Some(others)
            } else {
                None
            }
        })
        .unwrap_or_default())
}

fn check(tx: &Tx<'_>, id: &EntryId, head: &ChainHead) -> Result<HeadCheck, Cause> {
    let Some(node) = nodes::find(tx, &id.node)? else {
        return Ok(HeadCheck::default());
    };
    let seq = id.seq.cast_signed();
    let life = i64::from(id.incarnation);
    let found = tx.one(
        "SELECT hash, at_ms FROM entry WHERE node = $1 AND incarnation = $2 AND seq = $3",
        &[node.into(), life.into(), seq.into()],
        |row| Ok((row.hash(0)?, row.int(1)?)),
    )?;
    let Some((hash, at_ms)) = found else {
        return Ok(HeadCheck::default());
    };
    let mut health = Health::default();
    let has_chain_of_its_own = node == OWN_NODE && tx.writer().is_some();
    let (which, values): (&str, &[Value<'_>]) = if has_chain_of_its_own {
        (
            "node = 1 AND e.incarnation = $1 AND e.seq <= $2",
            &[life.into(), seq.into()],
        )
    } else {
        ("node = 1 AND e.seq <= $1", &[seq.into()])
    };
    if node == OWN_NODE {
        follow(tx, &mut health, (which, values), (seq, hash))?;
    } else {
        branches::check_chain_to(tx, &mut health, node, seq)?;
    }
    let (which, values): (&str, &[Value<'_>]) = if has_chain_of_its_own {
        (
            "node = $1 AND seq > $2 AND incarnation = $3",
            &[node.into(), seq.into(), life.into()],
        )
    } else {
        ("node = $1 AND seq > $2", &[node.into(), seq.into()])
    };
    let since = tx.one(
        &format!("SELECT count(*) FROM entry WHERE {which}"),
        values,
        |row| row.int(0),
    )?;
    Ok(HeadCheck {
        is_here: true,
        is_same: head.is_of(&hash),
        at: Some(instant(at_ms)),
        hash: Some(hex(&hash)),
        entries: health.entries,
        since: since.unwrap_or(0).max(0).unsigned_abs(),
        covers: 0,
        faults: health.faults,
    })
}
