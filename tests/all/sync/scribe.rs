//! A store that writes what it is told to, without a ledger: its chain is a true one, and what stands
//! in it may be anything that two nodes which were apart could have written.

use counterfoil::domain::entry::{Body, CHAIN_START, Fact, Hash, chained, hex};
use counterfoil::domain::wire::{Hello, HubKnown, Up, WIRE, WireCustomer, WireEntry};

use crate::sync::world::{Node, SPRING};

/// A store's chain, and who its customers are.
#[derive(Clone)]
pub(crate) struct Scribe {
    pub(crate) node: String,
    pub(crate) incarnation: i64,
    hash: Hash,
    pub(crate) entries: Vec<WireEntry>,
    pub(crate) customers: Vec<WireCustomer>,
    pub(crate) now_ms: i64,
}

impl Scribe {
    /// Takes the place of a store that has joined and has sent what it had.
    pub(crate) fn of(store: &mut Node) -> Scribe {
        Scribe {
            node: store.name(),
            incarnation: 1,
            hash: CHAIN_START,
            entries: store.batch().entries,
            customers: Vec::new(),
            now_ms: store.now_ms,
        }
        .at_its_end()
    }

    /// Goes on after the entries that it has: another life of the same ledger.
    pub(crate) fn again(mut self) -> Scribe {
        self.hash = CHAIN_START;
        self.at_its_end()
    }

    fn at_its_end(mut self) -> Scribe {
        for entry in &self.entries {
            self.hash = chained(&self.hash, entry.body.as_bytes());
        }
        self
    }

    /// An entry about a code; its name for ever.
    pub(crate) fn write(&mut self, fact: Fact, about: About<'_>) -> String {
        self.now_ms += 1000;
        let body = Body {
            at_ms: about.at_ms.unwrap_or(self.now_ms),
            fact,
            campaign: Some(SPRING.parse().unwrap()),
            revision: Some(1),
            code: about.code.map(str::to_owned),
            customer: about.customer.map(str::to_owned),
            counter: "till 1".into(),
            operator: Some("ana".into()),
            key: about.key.map(str::to_owned),
            side: None,
            recovered: None,
        };
        self.write_raw(serde_json::to_string(&body).unwrap())
    }

    /// An entry of these bytes.
    pub(crate) fn write_raw(&mut self, body: String) -> String {
        self.hash = chained(&self.hash, body.as_bytes());
        let seq = i64::try_from(self.entries.len()).unwrap() + 1;
        self.entries.push(WireEntry {
            incarnation: self.incarnation,
            seq,
            body,
            hash: hex(&self.hash),
            salt: None,
            side: None,
        });
        format!("{}-{}-{seq}", self.node, self.incarnation)
    }

    /// The batch of its entries from one seq to another, both included.
    pub(crate) fn batch(&self, first: usize, last: usize) -> Up {
        let previous_hash = match first.checked_sub(2).and_then(|at| self.entries.get(at)) {
            Some(before) => before.hash.clone(),
            None => hex(&CHAIN_START),
        };
        Up {
            hello: Hello {
                wire: WIRE,
                node: self.node.clone(),
                incarnation: self.incarnation,
                now_ms: self.now_ms,
                unsent: 0,
            },
            previous_hash,
            entries: self
                .entries
                .iter()
                .skip(first - 1)
                .take((last + 1).saturating_sub(first))
                .cloned()
                .collect(),
            customers: self.customers.clone(),
            attempts: Vec::new(),
            demands: Vec::new(),
            feed_position: 0,
            hub: HubKnown::default(),
            known: None,
        }
    }

    /// All of it.
    pub(crate) fn whole(&self) -> Up {
        self.batch(1, self.entries.len())
    }
}

/// What surrounds a fact.
#[derive(Clone, Copy, Default)]
pub(crate) struct About<'a> {
    pub(crate) code: Option<&'a str>,
    pub(crate) customer: Option<&'a str>,
    pub(crate) key: Option<&'a str>,
    pub(crate) at_ms: Option<i64>,
}

impl<'a> About<'a> {
    pub(crate) fn code(code: &'a str) -> About<'a> {
        About {
            code: Some(code),
            ..About::default()
        }
    }
}

/// A use that was provisional.
pub(crate) fn used() -> Fact {
    used_as("provisional")
}

pub(crate) fn used_as(certainty: &str) -> Fact {
    Fact::Redeemed {
        uses_made: 1,
        certainty: certainty.to_owned(),
        overrode: Vec::new(),
        approved_by: None,
    }
}

pub(crate) fn undone(redemption: &str) -> Fact {
    Fact::Reversed {
        redemption: redemption.to_owned(),
        uses_made: 0,
        approved_by: None,
    }
}

pub(crate) fn given() -> Fact {
    Fact::Assigned {
        ordinal: None,
        expires_at_ms: None,
    }
}

pub(crate) fn ended() -> Fact {
    Fact::Voided {
        is_replaced: false,
        from_state: "assigned".into(),
        approved_by: None,
    }
}
