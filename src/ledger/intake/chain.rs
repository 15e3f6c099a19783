//! Where the entries of a batch stand in their writer's chain: known, following on, or of a life that
//! nobody knows.

use std::collections::BTreeMap;

use crate::domain::entry::{CHAIN_START, Hash, chained, unhex};
use crate::domain::wire::{Up, WireEntry};
use crate::ledger::engine::Tx;
use crate::ledger::error::Cause;
use crate::ledger::intake::Sender;

/// An entry that follows on.
pub(super) struct NewEntry<'u> {
    pub(super) wire: &'u WireEntry,
    pub(super) hash: Hash,
}

/// What a batch holds.
#[derive(Default)]
pub(super) struct Placed<'u> {
    /// In order.
    pub(super) new: Vec<NewEntry<'u>>,
    /// The last entry that is here, or is about to be, and its hash.
    pub(super) reached: Option<(i64, Hash)>,
    /// The hash before the first of them.
    pub(super) first_previous: Option<Hash>,
    /// The newest entry that both have, where what follows is another here.
    pub(super) forked_after: Option<i64>,
}

/// Entries of one life that stand together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) incarnation: i64,
    pub(super) first: i64,
    pub(super) last: i64,
}

/// The entries of a batch by the lives in which they were written.
pub(super) fn ranges(entries: &[WireEntry]) -> Vec<Range> {
    let mut ranges: Vec<Range> = Vec::new();
    for entry in entries {
        match ranges.last_mut() {
            Some(range) if range.incarnation == entry.incarnation => range.last = entry.seq,
            _ => ranges.push(Range {
                incarnation: entry.incarnation,
                first: entry.seq,
                last: entry.seq,
            }),
        }
    }
    ranges
}

/// Finds the place of every entry. What cannot be placed is left out, with all that follows it: it is
/// not acknowledged, and comes again.
pub(super) fn place<'u>(tx: &Tx<'_>, sender: &Sender, up: &'u Up) -> Result<Placed<'u>, Cause> {
    let mut placed = Placed::default();
    let Some(first) = up.entries.first() else {
        return Ok(placed);
    };
    let is_its_life = up.hello.incarnation == sender.incarnation;
    // A life that began by itself: who it is, is asked first, and its entries come after that.
    if up.hello.incarnation > sender.incarnation {
        return Ok(placed);
    }
    let follows_at_once = is_its_life && first.seq == sender.acked_seq + 1;
    let lives = lives_here(tx, sender)?;
    // What follows may be here all the same: as facts of a life that had no authority then.
    let is_new = lives.iter().all(|(_, newest)| *newest <= sender.acked_seq);
    let known = if follows_at_once && is_new {
        BTreeMap::new()
    } else {
        known(tx, sender, &up.entries)?
    };
    let Some(claimed) = hash_of(&up.previous_hash) else {
        return Ok(placed);
    };
    let before = if follows_at_once {
        Some(sender.acked_hash)
    } else {
        hash_before(tx, sender, first, &claimed)?
    };
    match before {
        Some(before) if before == claimed => placed.reached = Some((first.seq - 1, before)),
        Some(_) => {
            // Where the two have parted lies before all of these: nothing is known to be common.
            placed.forked_after = Some(0);
            return Ok(placed);
        }
        None => {}
    }
    for entry in &up.entries {
        let Some(hash) = hash_of(&entry.hash) else {
            return Ok(placed);
        };
        let may_follow = entry.incarnation <= up.hello.incarnation;
        let follows = placed.reached.is_none_or(|(seq, _)| entry.seq == seq + 1);
        if !may_follow || !follows {
            return Ok(placed);
        }
        match known.get(&(entry.incarnation, entry.seq)) {
            Some(here) if *here == hash => {}
            Some(_) => {
                placed.forked_after = Some(placed.reached.map_or(0, |(seq, _)| seq));
                return Ok(placed);
            }
            None => {
                if is_its_life && entry.seq <= sender.acked_seq {
                    placed.forked_after = Some(placed.reached.map_or(0, |(seq, _)| seq));
                    return Ok(placed);
                }
                let Some((_, previous)) = placed.reached else {
                    return Ok(placed);
                };
                // Changed on the way, or cut off: it comes again.
                if chained(&previous, entry.body.as_bytes()) != hash {
                    return Ok(placed);
                }
                if !came_before(tx, sender, &lives, entry, &hash)? {
                    if placed.new.is_empty() {
                        placed.first_previous = Some(previous);
                    }
                    placed.new.push(NewEntry { wire: entry, hash });
                }
            }
        }
        placed.reached = Some((entry.seq, hash));
    }
    Ok(placed)
}

/// The lives of the sender that have entries here, each with its newest.
fn lives_here(tx: &Tx<'_>, sender: &Sender) -> Result<Vec<(i64, i64)>, Cause> {
    let mut lives = Vec::new();
    for life in 1..=sender.incarnation {
        let newest = tx
            .one(
                "SELECT max(seq) FROM entry WHERE node = $1 AND incarnation = $2",
                &[sender.node.into(), life.into()],
                |row| row.maybe_int(0),
            )?
            .flatten();
        lives.extend(newest.map(|newest| (life, newest)));
    }
    Ok(lives)
}

/// Whether the very same entry is here under the number of another life: its hash stands for all that
/// came before it. It came late, after its writer had been given another life, under which it comes now:
/// then it is called by that from here on, as its writer calls it. Or a disk was set back, and calls it
/// as it did before. Either way it counts once.
fn came_before(
    tx: &Tx<'_>,
    sender: &Sender,
    lives: &[(i64, i64)],
    entry: &WireEntry,
    hash: &Hash,
) -> Result<bool, Cause> {
    for (life, newest) in lives {
        if *life == entry.incarnation || entry.seq > *newest {
            continue;
        }
        let here = tx.one(
            "SELECT hash FROM entry WHERE node = $1 AND incarnation = $2 AND seq = $3",
            &[sender.node.into(), (*life).into(), entry.seq.into()],
            |row| row.hash(0),
        )?;
        if here.as_ref() != Some(hash) {
            continue;
        }
        if *life < entry.incarnation {
            rename(tx, sender, *life, entry)?;
        }
        return Ok(true);
    }
    Ok(false)
}

/// An entry of a former life is called by a later one.
fn rename(tx: &Tx<'_>, sender: &Sender, life: i64, entry: &WireEntry) -> Result<(), Cause> {
    tx.execute(
        "UPDATE entry SET incarnation = $1 WHERE node = $2 AND incarnation = $3 AND seq = $4",
        &[
            entry.incarnation.into(),
            sender.node.into(),
            life.into(),
            entry.seq.into(),
        ],
    )?;
    let name = |life: i64| format!("{}-{life}-{}", sender.name, entry.seq);
    tx.execute(
        "UPDATE conflict SET entry = $1 WHERE entry = $2",
        &[(&name(entry.incarnation)).into(), (&name(life)).into()],
    )?;
    Ok(())
}

fn hash_of(text: &str) -> Option<Hash> {
    unhex(text)?.try_into().ok()
}

/// The hashes of those entries of a batch that are here.
fn known(
    tx: &Tx<'_>,
    sender: &Sender,
    entries: &[WireEntry],
) -> Result<BTreeMap<(i64, i64), Hash>, Cause> {
    let mut known = BTreeMap::new();
    for range in ranges(entries) {
        tx.each(
            "SELECT incarnation, seq, hash FROM entry WHERE node = $1 AND incarnation = $2 \
             AND seq >= $3 AND seq <= $4",
            &[
                sender.node.into(),
                range.incarnation.into(),
                range.first.into(),
                range.last.into(),
            ],
            |row| {
                known.insert((row.int(0)?, row.int(1)?), row.hash(2)?);
                Ok(())
            },
        )?;
    }
    Ok(known)
}

/// The hash of the entry before the first of a batch, as it is here: the claimed one, where any life
/// has that; none: it is not here.
fn hash_before(
    tx: &Tx<'_>,
    sender: &Sender,
    first: &WireEntry,
    claimed: &Hash,
) -> Result<Option<Hash>, Cause> {
    if first.seq == 1 {
        return Ok(Some(CHAIN_START));
    }
    if first.seq - 1 == sender.acked_seq && *claimed == sender.acked_hash {
        return Ok(Some(sender.acked_hash));
    }
    let mut before = None;
    for incarnation in (1..=first.incarnation).rev() {
        let here = tx.one(
            "SELECT hash FROM entry WHERE node = $1 AND incarnation = $2 AND seq = $3",
            &[
                sender.node.into(),
                incarnation.into(),
                (first.seq - 1).into(),
            ],
            |row| row.hash(0),
        )?;
        if here.as_ref() == Some(claimed) {
            return Ok(here);
        }
        before = before.or(here);
    }
    Ok(before)
}
