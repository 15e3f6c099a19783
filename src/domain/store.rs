//! The stores of a hub: which nodes were let in, and how each is known. Not here: secrets.

use crate::domain::wire::Standing;

/// What a store's node is called where its store has no other.
pub const FIRST_LABEL: &str = "1";

/// A store's node, as its hub keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreNode {
    /// The hub's own number of the node.
    pub number: i64,
    /// The node's name for ever; none: it has not joined yet.
    pub node: Option<String>,
    /// The store.
    pub store: String,
    /// Tells nodes of one store apart.
    pub label: String,
    /// What it may do.
    pub standing: Standing,
    /// The time zone of its counters; empty before it joined.
    pub timezone: String,
    /// The life of its ledger that has authority.
    pub incarnation: i64,
    /// Its entries up to here are at the hub.
    pub acked_seq: i64,
    /// What it said it has of the feed.
    pub feed_position: i64,
    /// The last contact by the hub's clock, milliseconds since 1970; none: never.
    pub last_contact_ms: Option<i64>,
    /// Its clock less the hub's, at the last contact.
    pub clock_offset_ms: i64,
    /// Entries that it said it has and the hub has not.
    pub unsent: i64,
}

impl StoreNode {
    /// The store, and which of its nodes where that is not the first.
    pub fn called(&self) -> String {
        if self.label == FIRST_LABEL {
            self.store.clone()
        } else {
            format!("{} / {}", self.store, self.label)
        }
    }
}
