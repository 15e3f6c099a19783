//! A store that is only pretended: a true chain of uses of codes that were given out.

use counterfoil::desk::mint_key;
use counterfoil::domain::entry::{Body, CHAIN_START, Fact, Hash, chained, hex};
use counterfoil::domain::wire::{Cursor, HubKnown, Up, WireEntry};
use jiff::Timestamp;

use crate::hub::{campaign, hello};

pub(crate) struct Writer {
    pub(crate) node: String,
    /// What it has of the hub's feed.
    pub(crate) cursor: Cursor,
    seq: i64,
    hash: Hash,
}

impl Writer {
    pub(crate) fn new(node: String) -> Writer {
        Writer {
            node,
            cursor: Cursor::default(),
            seq: 0,
            hash: CHAIN_START,
        }
    }

    /// The next entry's number, less one.
    pub(crate) fn newest(&self) -> i64 {
        self.seq
    }

    /// A provisional use of each of these codes.
    pub(crate) fn batch(&mut self, codes: &[String]) -> Up {
        let previous_hash = hex(&self.hash);
        let entries = codes.iter().map(|code| self.entry(code)).collect();
        Up {
            hello: hello(&self.node),
            previous_hash,
            entries,
            customers: Vec::new(),
            attempts: Vec::new(),
            demands: Vec::new(),
            feed_position: self.cursor.position,
            hub: HubKnown::default(),
            known: None,
        }
    }

    fn entry(&mut self, code: &str) -> WireEntry {
        let now = Timestamp::now();
        let body = Body {
            at_ms: now.as_millisecond(),
            fact: Fact::Redeemed {
                uses_made: 1,
                certainty: "provisional".into(),
                overrode: Vec::new(),
                approved_by: None,
            },
            campaign: Some(campaign()),
            revision: Some(1),
            code: Some(code.to_owned()),
            customer: None,
            counter: "till 1".into(),
            operator: Some("ana".into()),
            key: Some(mint_key(now).expect("a key").to_string()),
            side: None,
            recovered: None,
        };
        let body = serde_json::to_string(&body).expect("JSON");
        self.seq += 1;
        self.hash = chained(&self.hash, body.as_bytes());
        WireEntry {
            incarnation: 1,
            seq: self.seq,
            body,
            hash: hex(&self.hash),
            salt: None,
            side: None,
        }
    }
}
