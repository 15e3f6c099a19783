//! At a hub: the nodes of its stores, as it keeps them.

use crate::domain::store::StoreNode;
use crate::domain::wire::{Hello, Standing, WIRE, Welcome};
use crate::ledger::Act;
use crate::ledger::chain::Head;
use crate::ledger::engine::{Row, Tx};
use crate::ledger::error::Cause;

/// What stands in place of a node's name until it has joined; no node is called so.
const INVITED: &str = "invited ";

const COLUMNS: &str = "s.node, n.name, n.store, s.label, s.standing, s.timezone, s.incarnation, \
    s.acked_seq, s.feed_position, s.last_contact_ms, s.clock_offset_ms, s.unsent \
    FROM store s JOIN node n ON n.id = s.node";

/// What the hub says of a node, at every contact.
pub(crate) fn welcome(tx: &Tx<'_>, node: i64, now: jiff::Timestamp) -> Result<Welcome, Cause> {
    let store = load(tx, node)?;
    let feed_position = tx
        .one("SELECT position FROM feed_head WHERE id = 1", &[], |row| {
            row.int(0)
        })?
        .unwrap_or(0);
    Ok(Welcome {
        wire: WIRE,
        hub: Head::load(tx)?.node,
        now_ms: now.as_millisecond(),
        standing: store.standing,
        acked_through: store.acked_seq,
        incarnation: store.incarnation,
        feed_position,
    })
}

/// Notes a contact with a node.
pub(crate) fn contact(
    tx: &Tx<'_>,
    node: i64,
    hello: &Hello,
    feed_position: Option<i64>,
    act: &Act,
) -> Result<(), Cause> {
    let now_ms = act.now.as_millisecond();
    tx.execute(
        "UPDATE store SET last_contact_ms = $1, clock_offset_ms = $2, unsent = $3, \
         feed_position = coalesce($4, feed_position) WHERE node = $5",
        &[
            now_ms.into(),
            hello.now_ms.saturating_sub(now_ms).into(),
            i64::try_from(hello.unsent).unwrap_or(i64::MAX).into(),
            feed_position.into(),
            node.into(),
        ],
    )?;
    Ok(())
}

/// A node of a store by the hub's number.
pub(crate) fn load(tx: &Tx<'_>, node: i64) -> Result<StoreNode, Cause> {
    tx.one(
        &format!("SELECT {COLUMNS} WHERE s.node = $1"),
        &[node.into()],
        read,
    )?
    .ok_or_else(|| Cause::Damaged(format!("the store of node {node} is missing")))
}

fn read(row: &Row<'_>) -> Result<StoreNode, Cause> {
    let standing = row.int(4)?;
    let name = row.text(1)?;
    Ok(StoreNode {
        number: row.int(0)?,
        node: Some(name).filter(|name| !name.starts_with(INVITED)),
        store: row.text(2)?,
        label: row.text(3)?,
        standing: Standing::of_number(standing)
            .ok_or_else(|| Cause::Damaged(format!("a standing of {standing}")))?,
        timezone: row.text(5)?,
        incarnation: row.int(6)?,
        acked_seq: row.int(7)?,
        feed_position: row.int(8)?,
        last_contact_ms: row.maybe_int(9)?,
        clock_offset_ms: row.int(10)?,
        unsent: row.int(11)?,
    })
}
