//! A store's link to its hub, as it is kept: who the hub is, and how far the two have come.

use std::path::PathBuf;

use crate::domain::wire::{Cursor, HubKnown, Standing, Welcome};
use crate::ledger::engine::Tx;
use crate::ledger::error::Cause;
use crate::ledger::let_go::{self, Grants};
use crate::ledger::{Act, Ledger, LedgerError, Writing, behind, lives};

pub use crate::domain::hub_status::SOFT_END_MS;

/// What of the link a single act depends on.
pub(crate) const RIGHTS: &str = "SELECT standing, acked_seq, last_contact_ms, contact_age_ms, let_go_after \
     FROM hub_link WHERE id = 1";

/// The whole of it.
pub(crate) const LINK: &str = "SELECT l.url, l.ca_file, l.secret, n.name, l.standing, l.acked_seq, l.acked_attempt, \
    l.feed_position, l.feed_code_after, l.feed_goal, l.last_contact_ms, l.contact_age_ms, \
    l.clock_offset_ms, l.hub_life, l.former_head, l.retold_after, l.hub_is_behind, \
    l.codes_ahead, l.named_after, l.let_go_after FROM hub_link l JOIN node n ON n.id = l.hub WHERE l.id = 1";

/// A store's link to its hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubLink {
    /// Where the hub is.
    pub url: String,
    /// Whom to trust beside the usual roots: a PEM file.
    pub ca_file: Option<PathBuf>,
    /// What to send at every contact.
    pub secret: String,
    /// The hub's node.
    pub hub: String,
    /// The life of the hub's own ledger.
    pub hub_life: i64,
    /// What this ledger may do.
    pub standing: Standing,
    /// Own entries up to this seq are at the hub.
    pub acked_seq: i64,
    /// Attempts up to this number are at the hub.
    pub acked_attempt: i64,
    /// What of the feed is applied.
    pub cursor: Cursor,
    /// The newest position of the feed that the hub told of.
    pub feed_goal: i64,
    /// Codes of batches that the hub has still to tell of, as it last said.
    pub codes_ahead: u64,
    /// The last contact by our clock, milliseconds since 1970; none: never.
    pub last_contact_ms: Option<i64>,
    /// Time counted since, which no clock shortens.
    pub contact_age_ms: i64,
    /// Our clock less the hub's.
    pub clock_offset_ms: i64,
    /// Own entries up to this seq were written while a life of the hub stood that is gone.
    pub former_head: i64,
    /// Codes after this one are still to be named to a hub that was restored; none: all are.
    pub named_after: Option<i64>,
    /// What is known of codes after this one is still to be told to a hub that was restored; none:
    /// there is nothing.
    pub retold_after: Option<i64>,
    /// The hub was put back to an older state, and waits for its manager.
    pub hub_is_behind: bool,
    /// What this ledger held is being let go: until that is done it holds and hears nothing.
    pub lets_go: bool,
}

impl HubLink {
    /// How long ago the last contact was, by the more pessimistic of both clocks; for ever, where
    /// there was none.
    pub fn age_ms(&self, now_ms: i64) -> i64 {
        self.rights().age_ms(now_ms)
    }

    /// Whether this ledger may spend what it holds without asking.
    pub fn may_hold(&self, now_ms: i64) -> bool {
        self.rights().may_hold(now_ms)
    }

    fn rights(&self) -> Rights {
        Rights {
            standing: self.standing,
            acked_seq: self.acked_seq,
            last_contact_ms: self.last_contact_ms,
            contact_age_ms: self.contact_age_ms,
            lets_go: self.lets_go,
        }
    }
}

/// What of the link a single act depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rights {
    pub(crate) standing: Standing,
    pub(crate) acked_seq: i64,
    last_contact_ms: Option<i64>,
    contact_age_ms: i64,
    /// What this ledger held is being let go.
    lets_go: bool,
}

impl Rights {
    /// What a ledger that has joined a hub may do; none: a shop alone, or a hub.
    pub(crate) fn load(tx: &Tx<'_>) -> Result<Option<Rights>, Cause> {
        tx.settled("hub_link", RIGHTS, &[], |row| {
            Ok(Rights {
                standing: standing_of(row.int(0)?)?,
                acked_seq: row.int(1)?,
                last_contact_ms: row.maybe_int(2)?,
                contact_age_ms: row.int(3)?,
                lets_go: row.maybe_int(4)?.is_some(),
            })
        })
    }

    fn age_ms(self, now_ms: i64) -> i64 {
        self.last_contact_ms.map_or(i64::MAX, |last_ms| {
            (now_ms - last_ms).max(self.contact_age_ms)
        })
    }

    /// Whether this ledger may spend what it holds without asking.
    pub(crate) fn may_hold(self, now_ms: i64) -> bool {
        self.standing == Standing::Active && !self.lets_go && self.age_ms(now_ms) < SOFT_END_MS
    }
}

fn standing_of(number: i64) -> Result<Standing, Cause> {
    Standing::of_number(number).ok_or_else(|| Cause::Damaged(format!("a standing of {number}")))
}

impl Ledger {
    /// The link to the hub; none: a shop alone, or a hub.
    pub fn hub_link(&mut self) -> Result<Option<HubLink>, LedgerError> {
        self.read("read", "the link to the hub", load)
    }

    /// What is known here of the hub: less than nothing where there is none.
    pub fn hub_known(&mut self) -> Result<HubKnown, LedgerError> {
        self.read("read", "the link to the hub", |tx| {
            Ok(match load(tx)? {
                Some(link) => behind::known(tx, &link)?,
                None => HubKnown::default(),
            })
        })
    }

    /// Counts time without a contact, by a clock that nobody can set: whoever keeps one says now and
    /// then how much has passed since it last said so.
    pub fn age_contact(&mut self, passed_ms: i64) -> Result<(), LedgerError> {
        self.write("age", "the last contact", |writing| {
            writing.tx.execute(
                "UPDATE hub_link SET contact_age_ms = contact_age_ms + $1 WHERE id = 1",
                &[passed_ms.max(0).into()],
            )?;
            Ok(())
        })
    }

    /// Takes down what the hub said where it said nothing else.
    pub fn hear_welcome(&mut self, welcome: &Welcome, act: &Act) -> Result<(), LedgerError> {
        self.finish_letting_go()?;
        self.write("hear", "the hub", |writing| {
            // There is no rest of it.
            drop(hear(writing, welcome, act)?);
            Ok(())
        })?;
        self.finish_letting_go()
    }
}

/// The link to the hub; none: a shop alone, or a hub.
pub(crate) fn load(tx: &Tx<'_>) -> Result<Option<HubLink>, Cause> {
    tx.settled("hub_link", LINK, &[], |row| {
        Ok(HubLink {
            url: row.text(0)?,
            ca_file: row.maybe_text(1)?.map(PathBuf::from),
            secret: row.text(2)?,
            hub: row.text(3)?,
            standing: standing_of(row.int(4)?)?,
            acked_seq: row.int(5)?,
            acked_attempt: row.int(6)?,
            cursor: Cursor {
                position: row.int(7)?,
                code_after: row.int(8)?,
            },
            feed_goal: row.int(9)?,
            last_contact_ms: row.maybe_int(10)?,
            contact_age_ms: row.int(11)?,
            clock_offset_ms: row.int(12)?,
            hub_life: row.int(13)?,
            former_head: row.int(14)?,
            retold_after: row.maybe_int(15)?,
            hub_is_behind: row.int(16)? != 0,
            codes_ahead: row.int(17)?.max(0).unsigned_abs(),
            named_after: row.maybe_int(18)?,
            lets_go: row.maybe_int(19)?.is_some(),
        })
    })
}

/// What becomes of an answer of the hub.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// The rest of it counts.
    Counts,
    /// The hub was restored from a backup: what follows is told again from the beginning, and the rest
    /// of this answer does not count.
    Rewound,
    /// Another hub, or an older life of ours, has answered, or what was held is still being let go:
    /// nothing of it counts.
    NotOurs,
}

/// Takes down what the hub said at a contact: every answer of the hub comes through here first, in the
/// transaction that applies the rest of it.
///
/// A life of this ledger that the hub does not know is quarantined, whatever the hub says of the life
/// that it knows, and nothing of that is acknowledged for this one; only [`Ledger::heard_life`] ends
/// that.
pub(crate) fn hear(
    writing: &mut Writing<'_, '_>,
    welcome: &Welcome,
    act: &Act,
) -> Result<Heard, Cause> {
    let Some(link) = load(writing.tx)? else {
        return Ok(Heard::NotOurs);
    };
    if welcome.hub != link.hub || link.lets_go {
        return Ok(Heard::NotOurs);
    }
    if welcome.is_behind != link.hub_is_behind {
        writing.tx.execute(
            "UPDATE hub_link SET hub_is_behind = $1 WHERE id = 1",
            &[welcome.is_behind.into()],
        )?;
    }
    if welcome.hub_life < link.hub_life {
        return Ok(Heard::NotOurs);
    }
    let now_ms = act.now.as_millisecond();
    writing.tx.execute(
        "UPDATE hub_link SET feed_goal = $1, last_contact_ms = $2, contact_age_ms = 0, \
         clock_offset_ms = $3 WHERE id = 1",
        &[
            link.feed_goal.max(welcome.feed_position).into(),
            now_ms.into(),
            now_ms.saturating_sub(welcome.now_ms).into(),
        ],
    )?;
    let mut heard = Heard::Counts;
    if welcome.hub_life > link.hub_life {
        rewind(writing, &link, welcome)?;
        heard = Heard::Rewound;
    }
    behind::learn_newest(writing.tx, welcome)?;
    if link.standing == Standing::Quarantined {
        return Ok(heard);
    }
    let is_this_life = welcome.incarnation == writing.head.incarnation;
    let lacks_entries = is_this_life && welcome.acked_through > writing.head.seq;
    let is_forked = is_this_life && welcome.standing == Standing::Quarantined;
    if !is_this_life || lacks_entries || is_forked {
        // Of a life that went on elsewhere nobody can say what it has done.
        let (missing, why) = match (lacks_entries, is_forked) {
            (true, _) => (None, "hub_ahead"),
            (false, true) => (None, "forked"),
            // The life of the hub is gone that knew of this one, and of what was missing then.
            (false, false) if welcome.incarnation < writing.head.incarnation => {
                (None, "hub_behind")
            }
            (false, false) => (Some(0), "fenced"),
        };
        lives::quarantine(writing, welcome.incarnation, missing, why, act)?;
        return Ok(heard);
    }
    writing.tx.execute(
        "UPDATE hub_link SET standing = $1 WHERE id = 1",
        &[welcome.standing.number().into()],
    )?;
    writing.tx.execute(
        "UPDATE hub_link SET acked_seq = $1 WHERE id = 1 AND acked_seq < $1",
        &[welcome.acked_through.into()],
    )?;
    Ok(heard)
}

/// The hub was restored: it acknowledged and told what it does not know any more. The codes that are
/// known here are named to it, what it lacks goes up again, then what is known here of every code; what
/// it has comes down again, and nothing is held until it has told so.
fn rewind(writing: &mut Writing<'_, '_>, link: &HubLink, welcome: &Welcome) -> Result<(), Cause> {
    let_go::begin(writing.tx, Grants::AreForgotten)?;
    // Conflicts are the hub's, by numbers of its own: those that stand are told again by others.
    writing.tx.execute("DELETE FROM conflict", &[])?;
    writing.tx.execute("DELETE FROM hub_newest", &[])?;
    writing.tx.execute(
        "UPDATE hub_link SET hub_life = $1, acked_seq = $2, feed_position = 0, \
         feed_code_after = 0, feed_goal = $3, former_head = $4, \
         named_after = 0, retold_after = 0 WHERE id = 1",
        &[
            welcome.hub_life.into(),
            link.acked_seq.min(welcome.acked_through).into(),
            welcome.feed_position.into(),
            writing.head.seq.into(),
        ],
    )?;
    Ok(())
}
