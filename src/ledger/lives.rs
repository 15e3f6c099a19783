//! Lives of ledgers that a hub and its stores know of each other: a restored or copied store asks for
//! a new one, a lost one is fenced, and a hub that was restored itself is noticed.
//!
//! Invariant: whatever a life may have spent that the hub does not know of is suspect before another
//! life may spend anything. Invariant: what an ended life held comes back under a new grant number, so
//! that nothing it says later gives or takes a right. Facts are taken in whatever the life.

use crate::domain::entry::{CHAIN_START, Fact, Hash, hex};
use crate::domain::refusal::Refusal;
use crate::domain::wire::{Hello, Joined, NewLife, Standing, WIRE};
use crate::ledger::chain::{Head, OWN_NODE};
use crate::ledger::engine::Tx;
use crate::ledger::error::Cause;
use crate::ledger::fence::{self, Lost};
use crate::ledger::let_go::{self, Grants};
use crate::ledger::link::{Heard, HubLink};
use crate::ledger::{Act, Ledger, LedgerError, Writing, behind, link, setting_of, stores};

/// Entries whose hashes are told one by one; below them only every second, fourth, … is.
const POINTS_MAX: i64 = 4096;

impl Ledger {
    /// What a quarantined ledger asks of its hub; none: it is not quarantined.
    pub fn new_life_request(
        &mut self,
        now: jiff::Timestamp,
    ) -> Result<Option<NewLife>, LedgerError> {
        self.read("read", "the ledger", |tx| {
            let Some(link) = link::load(tx)? else {
                return Ok(None);
            };
            if link.standing != Standing::Quarantined {
                return Ok(None);
            }
            request(tx, &link, now).map(Some)
        })
    }

    /// At the hub: a store's ledger asks for a life that is known here. The same life is told the same
    /// again, as its answer may have been lost. A hub that was found behind, by this perhaps, begins
    /// none before a manager has begun one of its own.
    pub fn begin_life(
        &mut self,
        asked: &NewLife,
        act: &Act,
    ) -> Result<Result<Joined, Refusal>, LedgerError> {
        // The same node's former life may still be on its way back.
        self.finish_fences(act)?;
        let (op, thing) = ("begin", "a life of a store");
        let begun = self.write(op, thing, |writing| {
            let Some(node) = crate::ledger::nodes::find(writing.tx, &asked.hello.node)? else {
                return Ok(Err(Refusal::NoSuchStore(asked.hello.node.clone())));
            };
            // By its life alone: how far this hub has come with the store's, it asks about just now.
            behind::look(writing, node, &asked.hub, (0, 0), act)?;
            if !writing.head.is_behind() {
                begin(writing, node, asked, act)?;
            }
            stores::contact(writing.tx, node, &asked.hello, None, act)?;
            Ok(Ok(node))
        })?;
        let node = match begun {
            Ok(node) => node,
            Err(refusal) => return Ok(Err(refusal)),
        };
        // The new life spends nothing before it is answered.
        self.finish_fences(act)?;
        self.read(op, thing, |tx| {
            Ok(Ok(Joined {
                welcome: stores::welcome(tx, node, act.now)?,
                pieces: 0,
                life_hash: life_hash_of(tx, node)?,
            }))
        })
    }

    /// At the store: what the hub said of the life it asked for. Where it is known now, this ledger
    /// holds nothing until the feed has told it again what it holds, and what the hub has not got of
    /// the former life goes up under this one. Where its number was taken, it takes a higher one.
    pub fn heard_life(&mut self, joined: &Joined, act: &Act) -> Result<(), LedgerError> {
        self.finish_letting_go()?;
        self.write("begin", "a new life", |writing| {
            let Some(link) = link::load(writing.tx)? else {
                return Ok(());
            };
            if link.standing != Standing::Quarantined {
                drop(link::hear(writing, &joined.welcome, act)?);
                return Ok(());
            }
            let welcome = &joined.welcome;
            let (first_seq, own) = first_of_life(writing.tx, writing.head.incarnation)?;
            let is_this_life = welcome.incarnation == writing.head.incarnation
                && joined.life_hash.as_deref() == Some(own.as_str());
            if link::hear(writing, welcome, act)? == Heard::NotOurs {
                return Ok(());
            }
            if !is_this_life {
                return take_number(writing, welcome.incarnation, act);
            }
            if welcome.acked_through >= first_seq {
                // This very life has gone on already: its disk was set back since, and what it did
                // then nobody can say.
                return quarantine(writing, welcome.incarnation, None, "hub_ahead", act);
            }
            relabel(writing, welcome.acked_through)?;
            let_go::begin(writing.tx, Grants::Stand)?;
            // From the beginning: what was told while the former life had not sent its work was passed
            // over here, and the hub may have that work by now.
            writing.tx.execute(
                "UPDATE hub_link SET standing = $1, acked_seq = $2, life_missing = 0, \
                 feed_position = 0, feed_code_after = 0 WHERE id = 1",
                &[
                    welcome.standing.number().into(),
                    welcome.acked_through.into(),
                ],
            )?;
            writing.append(Fact::Quarantined { began: false }, &setting_of(act))?;
            Ok(())
        })?;
        self.finish_letting_go()
    }
}

/// At the store: a new life begins, which spends nothing until the hub knows it. `missing` is how many
/// entries of the former one are missing here; none: nobody can say.
pub(crate) fn quarantine(
    writing: &mut Writing<'_, '_>,
    known: i64,
    missing: Option<i64>,
    why: &str,
    act: &Act,
) -> Result<(), Cause> {
    writing.head.incarnation = writing.head.incarnation.max(known) + 1;
    writing.append(
        Fact::IncarnationBegan {
            why: why.to_owned(),
            missing: missing.unwrap_or(0).unsigned_abs(),
            suspects: 0,
            needs_approval: false,
        },
        &setting_of(act),
    )?;
    note_quarantine(writing, missing, act)
}

/// From here on this ledger is quarantined. What is missing adds up until the hub knows of it.
pub(crate) fn note_quarantine(
    writing: &mut Writing<'_, '_>,
    missing: Option<i64>,
    act: &Act,
) -> Result<(), Cause> {
    let began = writing.tx.execute(
        "UPDATE hub_link SET standing = $1 WHERE id = 1 AND standing <> $1",
        &[Standing::Quarantined.number().into()],
    )?;
    // Null and a number is null: what nobody can say stays so.
    writing.tx.execute(
        "UPDATE hub_link SET life_missing = life_missing + $1 WHERE id = 1",
        &[missing.into()],
    )?;
    if began == 1 {
        writing.append(Fact::Quarantined { began: true }, &setting_of(act))?;
    }
    Ok(())
}

/// The number of this life is that of another one: a higher one is taken.
fn take_number(writing: &mut Writing<'_, '_>, known: i64, act: &Act) -> Result<(), Cause> {
    if known < writing.head.incarnation {
        return Ok(());
    }
    writing.head.incarnation = known + 1;
    writing.append(
        Fact::IncarnationBegan {
            why: "number_taken".into(),
            missing: 0,
            suspects: 0,
            needs_approval: false,
        },
        &setting_of(act),
    )?;
    Ok(())
}

/// What is here and the hub has not got goes on under the life that the hub knows.
fn relabel(writing: &Writing<'_, '_>, common_seq: i64) -> Result<(), Cause> {
    writing.tx.execute(
        "UPDATE entry SET incarnation = $1 WHERE node = $2 AND seq > $3",
        &[
            writing.head.incarnation.into(),
            OWN_NODE.into(),
            common_seq.into(),
        ],
    )?;
    Ok(())
}

/// What is told of a former life, so that the hub finds where the two part.
fn request(tx: &Tx<'_>, link: &HubLink, now: jiff::Timestamp) -> Result<NewLife, Cause> {
    let (acked_seq, hub) = (link.acked_seq, behind::known(tx, link)?);
    let head = Head::load(tx)?;
    let missing = tx
        .one(
            "SELECT life_missing FROM hub_link WHERE id = 1",
            &[],
            |row| row.maybe_int(0),
        )?
        .flatten();
    let (first_seq, life_hash) = first_of_life(tx, head.incarnation)?;
    let branch_seq = first_seq - 1;
    let mut points = Vec::new();
    for seq in told_of(branch_seq, acked_seq) {
        let hash = tx.one(
            "SELECT hash FROM entry WHERE node = $1 AND seq = $2",
            &[OWN_NODE.into(), seq.into()],
            |row| row.hash(0),
        )?;
        points.extend(hash.map(|hash| (seq, hex(&hash))));
    }
    let gave = tx.all(
        "SELECT seq FROM entry WHERE node = $1 AND seq <= $2 AND kind = 'assigned' \
         ORDER BY seq DESC LIMIT $3",
        &[OWN_NODE.into(), branch_seq.into(), POINTS_MAX.into()],
        |row| row.int(0),
    )?;
    Ok(NewLife {
        hello: Hello {
            wire: WIRE,
            node: head.node,
            incarnation: head.incarnation,
            now_ms: now.as_millisecond(),
            unsent: (head.seq - acked_seq).max(0).unsigned_abs(),
        },
        life_hash,
        branch_seq,
        points,
        missing: missing.map(i64::unsigned_abs),
        gave: Some(gave),
        hub,
    })
}

/// The number of a life's first entry here, and its hash, which tells it from every other life.
fn first_of_life(tx: &Tx<'_>, incarnation: i64) -> Result<(i64, String), Cause> {
    tx.one(
        "SELECT seq, hash FROM entry WHERE node = $1 AND incarnation = $2 ORDER BY seq LIMIT 1",
        &[OWN_NODE.into(), incarnation.into()],
        |row| Ok((row.int(0)?, hex(&row.hash(1)?))),
    )?
    .ok_or_else(|| Cause::Damaged("this life has no first entry".into()))
}

/// The numbers of the entries that are told of: all down to the newest acknowledged one, then ever
/// fewer, down to the first.
fn told_of(branch_seq: i64, acked_seq: i64) -> Vec<i64> {
    let floor = acked_seq
        .min(branch_seq)
        .max(branch_seq - POINTS_MAX)
        .max(0);
    let mut seqs: Vec<i64> = (floor.max(1)..=branch_seq).rev().collect();
    let mut step = 1;
    let mut seq = floor - step;
    while seq >= 1 {
        seqs.push(seq);
        step *= 2;
        seq -= step;
    }
    seqs
}

fn begin(
    writing: &mut Writing<'_, '_>,
    node: i64,
    asked: &NewLife,
    act: &Act,
) -> Result<(), Cause> {
    let tx = writing.tx;
    let known = stores::load(tx, node)?;
    if asked.hello.incarnation <= known.incarnation || known.standing == Standing::Invited {
        // Told before, or its number was taken by another life: the answer says which.
        return Ok(());
    }
    let (common_seq, common_hash) = common(tx, node, &asked.points)?;
    // What came back and the hub has not got comes after this, and was done before what is lost: the
    // codes that it gave out are the first of those that any of it may have given out.
    let untold = untold(asked, common_seq);
    let lost = match asked.missing {
        // What the hub has of the former life beyond what came back is not lost.
        Some(missing) if untold == 0 => {
            let here = entries_after(tx, node, common_seq)?;
            Lost::AtMost(missing.saturating_sub(here))
        }
        Some(0) => Lost::Untold(untold),
        Some(missing) => Lost::AtMost(missing.saturating_add(untold)),
        None => Lost::Anything,
    };
    let own_life = behind::life(tx, &writing.head)?;
    let lost = if came_to_gone_hub(asked, common_seq, own_life) {
        lost.or_given_back()
    } else {
        lost
    };
    tx.execute(
        "UPDATE store SET incarnation = $1, life_hash = $2, acked_seq = $3, acked_hash = $4 \
         WHERE node = $5",
        &[
            asked.hello.incarnation.into(),
            (&asked.life_hash).into(),
            common_seq.into(),
            common_hash.as_slice().into(),
            node.into(),
        ],
    )?;
    let fact = Fact::StoreReborn {
        node: asked.hello.node.clone(),
        life: asked.hello.incarnation,
        suspects: 0,
    };
    fence::begin(tx, node, lost, &fact, act)
}

/// Whether entries that are not here may have come to a life of this hub that is gone: what they gave back
/// that life may have given out.
fn came_to_gone_hub(asked: &NewLife, common_seq: i64, own_life: i64) -> bool {
    let has_heard = asked.hub.life == 0 || asked.hub.life >= own_life;
    let of_gone = if has_heard {
        asked.hub.former_head.min(asked.branch_seq)
    } else {
        asked.branch_seq
    };
    of_gone > common_seq
}

/// How many codes entries have given out that came back, and that are not here yet.
fn untold(asked: &NewLife, common_seq: i64) -> u64 {
    let all = asked.branch_seq.saturating_sub(common_seq).max(0);
    let Some(gave) = &asked.gave else {
        return all.unsigned_abs();
    };
    let is_cut_off = gave.len() as u64 >= POINTS_MAX.unsigned_abs()
        && gave.last().is_some_and(|oldest| *oldest > common_seq);
    if is_cut_off {
        return all.unsigned_abs();
    }
    gave.iter().filter(|seq| **seq > common_seq).count() as u64
}

fn life_hash_of(tx: &Tx<'_>, node: i64) -> Result<Option<String>, Cause> {
    Ok(tx
        .one(
            "SELECT life_hash FROM store WHERE node = $1",
            &[node.into()],
            |row| row.maybe_text(0),
        )?
        .flatten())
}

/// The newest entry that both have: a hash stands for everything before it.
fn common(tx: &Tx<'_>, node: i64, points: &[(i64, String)]) -> Result<(i64, Hash), Cause> {
    for (seq, told) in points {
        let here = tx.all(
            "SELECT hash FROM entry WHERE node = $1 AND seq = $2",
            &[node.into(), (*seq).into()],
            |row| row.hash(0),
        )?;
        if let Some(hash) = here.into_iter().find(|hash| hex(hash) == *told) {
            return Ok((*seq, hash));
        }
    }
    Ok((0, CHAIN_START))
}

/// Entries of one life of a node after this one; none, where several lives went on from there, of which
/// nobody can say which is the longest.
fn entries_after(tx: &Tx<'_>, node: i64, seq: i64) -> Result<u64, Cause> {
    let (count, newest) = tx
        .one(
            "SELECT count(*), max(seq) FROM entry WHERE node = $1 AND seq > $2",
            &[node.into(), seq.into()],
            |row| Ok((row.int(0)?, row.maybe_int(1)?)),
        )?
        .unwrap_or((0, None));
    let is_one_life = newest.is_none_or(|newest| newest - seq == count);
    Ok(if is_one_life { count.unsigned_abs() } else { 0 })
}
