//! Joining a hub. At the store: what is asked, and the link once it is granted. At the hub: the stock
//! of a shop that worked alone, staged until all of it is there.

use crate::domain::entry::{Fact, hex};
use crate::domain::refusal::Refusal;
use crate::domain::wire::{Hello, Join, Joined, Standing, WIRE};
use crate::ledger::chain::Head;
use crate::ledger::engine::Tx;
use crate::ledger::error::Cause;
use crate::ledger::{Act, Ledger, LedgerError, feed, link, nodes, setting_of};

/// Where the hub is, and by what this ledger is known there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubAddress {
    /// Its URL.
    pub url: String,
    /// Whom to trust beside the usual roots: a PEM file.
    pub ca_file: Option<String>,
    /// The permanent secret, drawn here.
    pub secret: String,
}

impl Ledger {
    /// What this ledger asks of a hub that it wants to join with nothing to bring; refused where it is
    /// a hub, or has joined one.
    pub fn join_request(
        &mut self,
        secret: &str,
        now: jiff::Timestamp,
    ) -> Result<Result<Join, Refusal>, LedgerError> {
        self.read("read", "the ledger", |tx| {
            if let Some(refusal) = refused(tx)? {
                return Ok(Err(refusal));
            }
            let head = Head::load(tx)?;
            Ok(Ok(Join {
                hello: Hello {
                    wire: WIRE,
                    node: head.node,
                    incarnation: head.incarnation,
                    now_ms: now.as_millisecond(),
                    unsent: head.seq.unsigned_abs(),
                },
                store: head.store,
                timezone: head.timezone,
                seq: head.seq,
                hash: hex(&head.hash),
                secret: secret.to_owned(),
                pieces: 0,
            }))
        })
    }

    /// Whether this ledger has what a hub would have to take over: campaigns, codes or customers.
    pub fn has_stock(&mut self) -> Result<bool, LedgerError> {
        self.read("read", "the ledger", |tx| {
            let found = tx.one(
                "SELECT 1 WHERE EXISTS (SELECT 1 FROM campaign) OR EXISTS (SELECT 1 FROM customer)",
                &[],
                |row| row.int(0),
            )?;
            Ok(found.is_some())
        })
    }

    /// The hub has let this ledger in: from here on it is a store of it.
    pub fn join_hub(
        &mut self,
        address: &HubAddress,
        joined: &Joined,
        act: &Act,
    ) -> Result<Result<(), Refusal>, LedgerError> {
        self.write("join", &address.url, |writing| {
            if let Some(refusal) = refused(writing.tx)? {
                return Ok(Err(refusal));
            }
            let hub = nodes::number_of(writing.tx, &joined.welcome.hub)?;
            writing.tx.execute(
                "INSERT INTO hub_link (id, url, ca_file, secret, hub, standing, acked_seq, \
                 feed_goal, last_contact_ms, clock_offset_ms) \
                 VALUES (1, $1, $2, $3, $4, $5, $6, $7, $8, $9)",
                &[
                    (&address.url).into(),
                    address.ca_file.as_ref().into(),
                    (&address.secret).into(),
                    hub.into(),
                    Standing::Active.number().into(),
                    joined.welcome.acked_through.into(),
                    joined.welcome.feed_position.into(),
                    act.now.as_millisecond().into(),
                    act.now
                        .as_millisecond()
                        .saturating_sub(joined.welcome.now_ms)
                        .into(),
                ],
            )?;
            writing.append(
                Fact::HubJoined {
                    hub: joined.welcome.hub.clone(),
                },
                &setting_of(act),
            )?;
            Ok(Ok(()))
        })
    }
}

/// Why a ledger joins no hub.
fn refused(tx: &Tx<'_>) -> Result<Option<Refusal>, Cause> {
    if let Some(link) = link::load(tx)? {
        return Ok(Some(Refusal::JoinedAHub(link.url)));
    }
    Ok(feed::has_stores(tx)?.then_some(Refusal::IsAHub))
}

/// Pieces of a node's stock that are here.
pub(crate) fn pieces_here(_tx: &Tx<'_>, _node: i64) -> Result<u64, Cause> {
    Ok(0)
}
