//! A hub that was put back to an older state without knowing it: a database restored from a dump, or a
//! file copied back with all that is beside it. A store that knows more of it tells: at each contact it
//! names the entries that it knows to be there.
//!
//! Invariant: from then on the hub gives nothing out, lends and tells nothing, and honours only what a
//! manager approves, until a manager begins a new life of it; its stores begin again with that.

use sha2::{Digest as _, Sha256};

use crate::domain::entry::{Fact, hex};
use crate::domain::refusal::Refusal;
use crate::domain::wire::{HubKnown, NewestEntry, Welcome};
use crate::ledger::chain::{EVERY_CODE, Head};
use crate::ledger::engine::Tx;
use crate::ledger::error::Cause;
use crate::ledger::link::HubLink;
use crate::ledger::{
    Act, Ledger, LedgerError, Rebirth, Writing, feed, restore, setting_of, stores,
};

/// So many numbers of grants are left out at a new life: a life that is gone may have given them.
const GRANTS_LEFT_OUT: i64 = 1 << 24;

impl Ledger {
    /// Which store knows more of this hub than there is in it; none: none does.
    pub fn behind_of(&mut self) -> Result<Option<String>, LedgerError> {
        self.read("read", "the ledger", |tx| {
            tx.one(
                "SELECT coalesce(n.store, n.name) FROM behind b JOIN node n ON n.id = b.node",
                &[],
                |row| row.text(0),
            )
        })
    }

    /// A store asks for what is new, and says what it has: where that is more than was ever told, this
    /// ledger was put back, and is behind from here on. Whether that was found just now.
    pub fn hear_of_hub(
        &mut self,
        node: i64,
        known: &HubKnown,
        (life, feed_position): (i64, i64),
        act: &Act,
    ) -> Result<bool, LedgerError> {
        let is_found = self.read("read", "the ledger", |tx| {
            let head = Head::load(tx)?;
            Ok(!head.is_behind() && knows_more(tx, &head, node, known, (life, feed_position))?)
        })?;
        if !is_found {
            return Ok(false);
        }
        self.write("look at", "what a store knows", |writing| {
            look(writing, node, known, (life, feed_position), act)
        })
    }

    /// A manager begins a new life of a hub that was put back, in whatever way: what it holds and has
    /// not assigned becomes suspect, as many codes as are named, else all; what is honoured needs a
    /// manager until they end that; and its stores tell it what they know, and begin the feed again.
    pub fn begin_hub_life(
        &mut self,
        missing: Option<u32>,
        act: &Act,
    ) -> Result<Result<Rebirth, Refusal>, LedgerError> {
        self.write("begin", "a new life of the hub", |writing| {
            if !feed::has_stores(writing.tx)? {
                return Ok(Err(Refusal::NotAHub));
            }
            begin_life(writing, missing, act).map(Ok)
        })
    }
}

/// The life of this ledger as its stores know it. Processes that write one ledger together are one life
/// of it, whichever of them a store reaches.
pub(crate) fn life(tx: &Tx<'_>, head: &Head) -> Result<i64, Cause> {
    if tx.writer().is_none() {
        return Ok(head.incarnation);
    }
    tx.one("SELECT hub_life FROM ledger WHERE id = 1", &[], |row| {
        row.int(0)
    })?
    .ok_or_else(|| Cause::Damaged("the ledger's first row is missing".into()))
}

/// At a store: what is known here of the hub.
pub(crate) fn known(tx: &Tx<'_>, link: &HubLink) -> Result<HubKnown, Cause> {
    Ok(HubKnown {
        life: link.hub_life,
        acked_seq: link.acked_seq,
        former_head: link.former_head,
        newest: tx.all(
            "SELECT number, hash FROM hub_newest ORDER BY number",
            &[],
            |row| {
                Ok(NewestEntry {
                    number: row.int(0)?,
                    hash: row.text(1)?,
                })
            },
        )?,
    })
}

/// At a store: keeps what was the hub's newest entry, in place of those that it had before and has still.
/// What was learned by other answers since this one was asked for stays beside it: a hub that was put
/// back meanwhile has not got that.
pub(crate) fn learn_newest(tx: &Tx<'_>, welcome: &Welcome) -> Result<(), Cause> {
    let Some(newest) = welcome.newest.as_ref().filter(|_| !welcome.is_behind) else {
        return Ok(());
    };
    for before in &welcome.still_here {
        tx.execute(
            "DELETE FROM hub_newest WHERE number = $1 AND hash = $2",
            &[before.number.into(), (&before.hash).into()],
        )?;
    }
    tx.execute(
        "INSERT INTO hub_newest (number, hash) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        &[newest.number.into(), (&newest.hash).into()],
    )?;
    Ok(())
}

/// Entries that one store may name as ours.
const NAMED_MAX: usize = 64;

/// The newest entry here. Those of a shop that is joining are told to nobody, and may go again.
pub(crate) fn newest_entry(tx: &Tx<'_>) -> Result<Option<NewestEntry>, Cause> {
    tx.one(
        "SELECT id, hash FROM entry WHERE id < coalesce((SELECT min(staged.first) FROM \
         (SELECT (SELECT e.id FROM entry e WHERE e.node = s.node \
         ORDER BY e.incarnation, e.seq LIMIT 1) AS first \
         FROM store s WHERE s.standing = 0) AS staged), $1) ORDER BY id DESC LIMIT 1",
        &[i64::MAX.into()],
        |row| {
            Ok(NewestEntry {
                number: row.int(0)?,
                hash: hex(&row.hash(1)?),
            })
        },
    )
}

fn is_here(tx: &Tx<'_>, named: &NewestEntry) -> Result<bool, Cause> {
    let hash = tx.one(
        "SELECT hash FROM entry WHERE id = $1",
        &[named.number.into()],
        |row| row.hash(0),
    )?;
    Ok(hash.is_some_and(|hash| hex(&hash) == named.hash))
}

/// Says to a store which of the entries are here that it knows to be.
pub(crate) fn say_what_is_here(
    tx: &Tx<'_>,
    welcome: &mut Welcome,
    known: &HubKnown,
) -> Result<(), Cause> {
    if known.life != welcome.hub_life {
        return Ok(());
    }
    for named in known.newest.iter().take(NAMED_MAX) {
        if is_here(tx, named)? {
            welcome.still_here.push(named.clone());
        }
    }
    Ok(())
}

/// Whether a store in this life of its own knows of more than there is here. What it said earlier and
/// comes late is less, never more.
///
/// Its place in the feed tells of that until as much was written here as was lost, and what was
/// acknowledged only to itself: the entries that it knows tell of it always.
fn knows_more(
    tx: &Tx<'_>,
    head: &Head,
    node: i64,
    known: &HubKnown,
    (store_life, feed_position): (i64, i64),
) -> Result<bool, Cause> {
    let own = life(tx, head)?;
    if known.life != own {
        return Ok(known.life > own);
    }
    if feed_position > feed::position(tx)? {
        return Ok(true);
    }
    let store = stores::load(tx, node)?;
    if store.incarnation == store_life && known.acked_seq > store.acked_seq {
        return Ok(true);
    }
    for named in known.newest.iter().take(NAMED_MAX) {
        if !is_here(tx, named)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Looks whether a store knows of more than there is here; whether that was found just now.
pub(crate) fn look(
    writing: &mut Writing<'_, '_>,
    node: i64,
    known: &HubKnown,
    told: (i64, i64),
    act: &Act,
) -> Result<bool, Cause> {
    let tx = writing.tx;
    let was_behind = writing.head.is_behind();
    if !knows_more(tx, &writing.head, node, known, told)? {
        return Ok(false);
    }
    let life = known.life.max(life(tx, &writing.head)?);
    let higher = tx.execute(
        "INSERT INTO behind (id, node, hub_life, at_ms) VALUES (1, $1, $2, $3) \
         ON CONFLICT (id) DO UPDATE SET hub_life = excluded.hub_life \
         WHERE behind.hub_life < excluded.hub_life",
        &[node.into(), life.into(), act.now.as_millisecond().into()],
    )?;
    if was_behind || higher == 0 {
        return Ok(false);
    }
    need_managers(writing, EVERY_CODE)?;
    writing.append(Fact::Quarantined { began: true }, &setting_of(act))?;
    Ok(true)
}

/// Codes up to this number need a manager from here on, at every process that writes this ledger.
pub(crate) fn need_managers(writing: &mut Writing<'_, '_>, code: i64) -> Result<(), Cause> {
    writing.head.restored_code_id = code;
    let Some(writer) = writing.tx.writer() else {
        return Ok(());
    };
    writing.tx.execute(
        "UPDATE ledger SET restored_code_id = $1 WHERE id = 1",
        &[code.into()],
    )?;
    // What the others know by heart is older: their next write fails, and is done anew with this.
    writing.tx.execute(
        "UPDATE writer SET turn = turn + 1 WHERE incarnation <> $1",
        &[writer.into()],
    )?;
    Ok(())
}

/// The number of a hub's next life, above all that are known here. It is drawn: two lives that began
/// from one and the same backup know nothing of each other, and their stores must not take one for the
/// other, nor an entry of the one for that of the other.
pub(crate) fn next_life(known: i64, act: &Act) -> i64 {
    let drawn: [u8; 32] = Sha256::digest(act.salt).into();
    let [first, second, third, ..] = drawn;
    known + 1 + i64::from(u32::from_be_bytes([0, first >> 4, second, third]))
}

/// What every new life of a hub begins with: its grants have numbers that no life before has given.
pub(crate) fn renew(tx: &Tx<'_>) -> Result<(), Cause> {
    tx.execute(
        "UPDATE campaign SET newest_grant = newest_grant + $1",
        &[GRANTS_LEFT_OUT.into()],
    )?;
    tx.execute("DELETE FROM behind", &[])?;
    Ok(())
}

fn begin_life(
    writing: &mut Writing<'_, '_>,
    missing: Option<u32>,
    act: &Act,
) -> Result<Rebirth, Cause> {
    let tx = writing.tx;
    let told = tx
        .one("SELECT hub_life FROM behind WHERE id = 1", &[], |row| {
            row.int(0)
        })?
        .unwrap_or(0);
    let next = next_life(life(tx, &writing.head)?.max(told), act);
    let newest_code = if tx.writer().is_some() {
        tx.execute(
            "UPDATE ledger SET hub_life = $1 WHERE id = 1",
            &[next.into()],
        )?;
        tx.one("SELECT next_code_id FROM ledger WHERE id = 1", &[], |row| {
            row.int(0)
        })?
        .unwrap_or(1)
    } else {
        writing.head.incarnation = next;
        writing.head.next_code_id
    };
    renew(tx)?;
    let suspects = restore::make_suspect(tx, missing.map_or(i64::MAX, i64::from))?;
    need_managers(writing, newest_code - 1)?;
    let missing = u64::from(missing.unwrap_or(0));
    writing.append(
        Fact::IncarnationBegan {
            why: PUT_BACK.to_owned(),
            missing,
            suspects,
            needs_approval: true,
        },
        &setting_of(act),
    )?;
    Ok(Rebirth {
        why: PUT_BACK,
        missing,
        suspects,
        needs_approval: true,
        is_quarantined: false,
    })
}

/// Why such a life begins.
const PUT_BACK: &str = "put_back";
