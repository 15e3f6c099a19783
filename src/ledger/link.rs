//! A store's link to its hub, as it is kept: who the hub is, and how far the two have come.

use std::path::PathBuf;

use crate::domain::wire::{Cursor, Standing};
use crate::ledger::engine::Tx;
use crate::ledger::error::Cause;
use crate::ledger::{Ledger, LedgerError};

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
