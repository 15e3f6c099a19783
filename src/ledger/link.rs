//! A store's link to its hub, as it is kept: who the hub is, and how far the two have come.

use std::path::PathBuf;

use crate::domain::entry::Fact;
use crate::domain::wire::{Cursor, Standing, Welcome};
use crate::ledger::engine::Tx;
use crate::ledger::error::Cause;
use crate::ledger::{Act, Ledger, LedgerError, Writing, setting_of};

/// How long a store acts as a holder without having heard from its hub: a lease's soft end.
pub const SOFT_END_MS: i64 = 7 * 24 * 3_600_000;

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
    /// The last contact by our clock, milliseconds since 1970; none: never.
    pub last_contact_ms: Option<i64>,
    /// Time counted since, which no clock shortens.
    pub contact_age_ms: i64,
    /// Our clock less the hub's.
    pub clock_offset_ms: i64,
}

impl HubLink {
    /// How long ago the last contact was, by the more pessimistic of both clocks; for ever, where
    /// there was none.
    pub fn age_ms(&self, now_ms: i64) -> i64 {
        self.last_contact_ms.map_or(i64::MAX, |last_ms| {
            (now_ms - last_ms).max(self.contact_age_ms)
        })
    }

    /// Whether this ledger may spend what it holds without asking.
    pub fn may_hold(&self, now_ms: i64) -> bool {
        self.standing == Standing::Active && self.age_ms(now_ms) < SOFT_END_MS
    }
}

impl Ledger {
    /// The link to the hub; none: a shop alone, or a hub.
    pub fn hub_link(&mut self) -> Result<Option<HubLink>, LedgerError> {
        self.read("read", "the link to the hub", load)
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
        self.write("hear", "the hub", |writing| hear(writing, welcome, act))
    }
}

/// The link to the hub; none: a shop alone, or a hub.
pub(crate) fn load(tx: &Tx<'_>) -> Result<Option<HubLink>, Cause> {
    tx.one(
        "SELECT l.url, l.ca_file, l.secret, n.name, l.standing, l.acked_seq, l.acked_attempt, \
         l.feed_position, l.feed_code_after, l.feed_goal, l.last_contact_ms, l.contact_age_ms, \
         l.clock_offset_ms FROM hub_link l JOIN node n ON n.id = l.hub WHERE l.id = 1",
        &[],
        |row| {
            let standing = row.int(4)?;
            Ok(HubLink {
                url: row.text(0)?,
                ca_file: row.maybe_text(1)?.map(PathBuf::from),
                secret: row.text(2)?,
                hub: row.text(3)?,
                standing: Standing::of_number(standing)
                    .ok_or_else(|| Cause::Damaged(format!("a standing of {standing}")))?,
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
            })
        },
    )
}

/// Takes down what the hub said at a contact: every answer of the hub comes through here, in the
/// transaction that applies the rest of it.
///
/// A life of this ledger that the hub does not know is quarantined, whatever the hub says of the life
/// that it knows, and nothing of that is acknowledged for this one.
pub(crate) fn hear(
    writing: &mut Writing<'_, '_>,
    welcome: &Welcome,
    act: &Act,
) -> Result<(), Cause> {
    let Some(link) = load(writing.tx)? else {
        return Ok(());
    };
    let is_this_life = welcome.incarnation == writing.head.incarnation
        && welcome.acked_through <= writing.head.seq;
    let standing = if is_this_life {
        welcome.standing
    } else {
        Standing::Quarantined
    };
    let acked_seq = if is_this_life {
        link.acked_seq.max(welcome.acked_through)
    } else {
        link.acked_seq
    };
    let now_ms = act.now.as_millisecond();
    writing.tx.execute(
        "UPDATE hub_link SET standing = $1, acked_seq = $2, feed_goal = $3, last_contact_ms = $4, \
         contact_age_ms = 0, clock_offset_ms = $5 WHERE id = 1",
        &[
            standing.number().into(),
            acked_seq.into(),
            link.feed_goal.max(welcome.feed_position).into(),
            now_ms.into(),
            now_ms.saturating_sub(welcome.now_ms).into(),
        ],
    )?;
    let began = standing == Standing::Quarantined;
    if began != (link.standing == Standing::Quarantined) {
        writing.append(Fact::Quarantined { began }, &setting_of(act))?;
    }
    Ok(())
}
