//! At a hub: the stock of a shop that worked alone, staged piece by piece and published with its last
//! piece. What is staged bears the numbers of campaigns and batches that do not exist yet, so that
//! nobody sees it.
//!
//! Invariants: until then nobody sees anything of it, and a refusal leaves nothing behind. A piece is
//! here or it is not: the count of pieces moves in the transaction that stores it. What the shop held
//! is held by its node from the first moment that it exists here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::campaign::ContactKind;
use crate::domain::customer::name_form;
use crate::domain::entry::{Body, Fact, Hash, chained, hex, unhex, unhex_hash};
use crate::domain::ids::{CampaignId, EntryId};
use crate::domain::refusal::Refusal;
use crate::domain::store::StoreNode;
use crate::domain::verdict::CodeState;
use crate::domain::wire::{
    Goods, Join, Joined, Standing, Stock, WireBatch, WireCampaign, WireCode, WireCustomer,
    WireEntry, WireLease,
};
use crate::ledger::codes::{state_number, state_of};
use crate::ledger::customers::kind_number;
use crate::ledger::engine::Tx;
use crate::ledger::error::Cause;
use crate::ledger::feed::{self, EVERYBODY, FeedKind};
use crate::ledger::tally::{Shift, count_hour};
use crate::ledger::{
    Act, Ledger, LedgerError, Writing, campaigns, nodes, setting_of, stores, tally,
};

/// Local numbers of the campaigns and batches that a node brings begin here, times its own: nothing
/// else has them, and they are known before there are any.
const NUMBERS_OF_NODE: i64 = 1_000_000;

/// What stands in a row of `stock`: what is known from the first piece on, and published with the last.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Staged {
    campaigns: Vec<StagedCampaign>,
    batches: Vec<StagedBatch>,
    leases: Vec<WireLease>,
    revisions: Vec<StagedRevision>,
    /// Codes that are here.
    codes: i64,
}

#[derive(Debug, Serialize, Deserialize)]
struct StagedCampaign {
    id: i64,
    wire: WireCampaign,
    /// Codes by state, in the order of the states' numbers.
    states: [i64; 6],
    uses_made: i64,
    next_ordinal: i64,
}

/// A campaign's rules as an entry tells them.
#[derive(Debug, Serialize, Deserialize)]
struct StagedRevision {
    campaign: i64,
    revision: u32,
    rules: String,
    entry: i64,
}

#[derive(Debug, Serialize, Deserialize)]
struct StagedBatch {
    id: i64,
    campaign: i64,
    first_code: i64,
    wire: WireBatch,
}

/// Why a piece is not taken: a value for the shop, or a failure. Whichever it is, nothing is stored.
enum Fail {
    Refused(Refusal),
    Failed(Cause),
}

impl<C: Into<Cause>> From<C> for Fail {
    fn from(cause: C) -> Self {
        Fail::Failed(cause.into())
    }
}

impl Ledger {
    /// Takes a piece of a shop's stock. One that is here already, or that comes before its turn, changes
    /// nothing: the answer says how many there are. A refusal ends it, and leaves nothing.
    pub fn take_stock(
        &mut self,
        piece: &Stock,
        act: &Act,
    ) -> Result<Result<Joined, Refusal>, LedgerError> {
        let mut refused = None;
        let taken = self.write("take in", "a stock", |writing| {
            let Some(node) = nodes::find(writing.tx, &piece.hello.node)? else {
                return Ok(Err(Refusal::NotInvited));
            };
            match take(writing, node, piece, act) {
                Ok(()) => {}
                Err(Fail::Failed(cause)) => return Err(cause),
                Err(Fail::Refused(refusal)) => {
                    // An error rolls this piece back; those before it are removed below.
                    let why = refusal.to_string();
                    refused = Some((node, refusal));
                    return Err(Cause::Changed(why));
                }
            }
            stores::contact(writing.tx, node, &piece.hello, None, act)?;
            Ok(Ok(joined(writing.tx, node, act)?))
        });
        let Some((node, refusal)) = refused else {
            return taken;
        };
        self.write("remove", "a stock", |writing| discard(writing.tx, node))?;
        Ok(Err(refusal))
    }
}

/// What a node is told of its joining.
pub(crate) fn joined(tx: &Tx<'_>, node: i64, act: &Act) -> Result<Joined, Cause> {
    let pieces = tx
        .one(
            "SELECT pieces FROM stock WHERE node = $1",
            &[node.into()],
            |row| row.int(0),
        )?
        .unwrap_or(0);
    Ok(Joined {
        welcome: stores::welcome(tx, node, act.now)?,
        pieces: pieces.unsigned_abs(),
        life_hash: None,
    })
}

/// A shop that brings stock was let in: its pieces are waited for. Where it has cut another stock since
/// it first came, that one is.
pub(crate) fn expect(tx: &Tx<'_>, node: i64, join: &Join) -> Result<(), Cause> {
    let known = tx.one(
        "SELECT seq, hash, total FROM stock WHERE node = $1",
        &[node.into()],
        |row| Ok((row.int(0)?, row.text(1)?, row.int(2)?)),
    )?;
    let total = i64::try_from(join.pieces).unwrap_or(i64::MAX);
    if known == Some((join.seq, join.hash.clone(), total)) {
        return Ok(());
    }
    clear(tx, node)?;
    tx.execute(
        "INSERT INTO stock (node, total, pieces, seq, hash, goods) VALUES ($1, $2, 0, $3, $4, '{}')",
        &[
            node.into(),
            total.into(),
            join.seq.into(),
            (&join.hash).into(),
        ],
    )?;
    Ok(())
}

/// Removes what is staged of a node, which has to be let in anew.
pub(crate) fn discard(tx: &Tx<'_>, node: i64) -> Result<(), Cause> {
    clear(tx, node)?;
    tx.execute(
        "UPDATE store SET secret_hash = NULL WHERE node = $1 AND standing = $2",
        &[node.into(), Standing::Invited.number().into()],
    )?;
    Ok(())
}

/// Leaves what is staged of a node to whoever sweeps.
fn clear(tx: &Tx<'_>, node: i64) -> Result<(), Cause> {
    let goods = tx.one(
        "SELECT goods FROM stock WHERE node = $1",
        &[node.into()],
        |row| row.text(0),
    )?;
    let Some(goods) = goods else {
        return Ok(());
    };
    let staged = staged_of(&goods)?;
    for batch in &staged.batches {
        tx.execute(
            "DELETE FROM code WHERE id >= $1 AND id < $2 AND batch = $3",
            &[
                batch.first_code.into(),
                (batch.first_code + batch.wire.codes).into(),
                batch.id.into(),
            ],
        )?;
        for table in ["contact_hash", "contact", "customer"] {
            tx.execute(
                &format!("DELETE FROM {table} WHERE batch = $1"),
                &[batch.id.into()],
            )?;
        }
    }
    for campaign in &staged.campaigns {
        for table in ["tally_hour", "pool_slot", "customer_slot"] {
            tx.execute(
                &format!("DELETE FROM {table} WHERE campaign = $1"),
                &[campaign.id.into()],
            )?;
        }
    }
    // No entry of a node that is only invited has been told to anybody.
    for table in ["side", "reversal"] {
        let key = if table == "side" {
            "entry"
        } else {
            "redemption"
        };
        tx.execute(
            &format!("DELETE FROM {table} WHERE {key} IN (SELECT id FROM entry WHERE node = $1)"),
            &[node.into()],
        )?;
    }
    tx.execute("DELETE FROM entry WHERE node = $1", &[node.into()])?;
    tx.execute(
        "UPDATE store SET acked_seq = 0, acked_hash = $1 WHERE node = $2",
        &[
            crate::domain::entry::CHAIN_START.as_slice().into(),
            node.into(),
        ],
    )?;
    tx.execute("DELETE FROM stock WHERE node = $1", &[node.into()])?;
    Ok(())
}

fn staged_of(goods: &str) -> Result<Staged, Cause> {
    if goods == "{}" {
        return Ok(Staged::default());
    }
    Ok(serde_json::from_str(goods)?)
}

fn take(writing: &mut Writing<'_, '_>, node: i64, piece: &Stock, act: &Act) -> Result<(), Fail> {
    let store = stores::load(writing.tx, node)?;
    let row = writing.tx.one(
        "SELECT pieces, total, seq, hash, goods FROM stock WHERE node = $1",
        &[node.into()],
        |row| {
            Ok((
                row.int(0)?.unsigned_abs(),
                row.int(1)?.unsigned_abs(),
                row.int(2)?,
                row.text(3)?,
                row.text(4)?,
            ))
        },
    )?;
    let Some((pieces, total, seq, hash, goods)) = row else {
        return Err(Fail::Refused(Refusal::NotInvited));
    };
    if piece.piece != pieces || store.standing != Standing::Invited {
        return Ok(());
    }
    let mut staging = Staging {
        tx: writing.tx,
        node,
        staged: staged_of(&goods)?,
    };
    match &piece.goods {
        Goods::Pools {
            campaigns,
            batches,
            leases,
        } => {
            let next_code_id =
                staging.pools(campaigns, batches, leases, writing.head.next_code_id)?;
            writing.head.next_code_id = next_code_id;
        }
        Goods::Customers { customers } => staging.customers(customers)?,
        Goods::Codes { codes } => staging.codes(codes)?,
        Goods::Entries { entries } => staging.entries(entries, &store)?,
        Goods::End => {
            let end: Hash = acked_hash(writing.tx, node)?;
            let store = stores::load(writing.tx, node)?;
            if store.acked_seq != seq || hex(&end) != hash || pieces + 1 != total {
                return Err(Fail::Refused(Refusal::Faulty(
                    "the stock that arrived is not the one that was announced".into(),
                )));
            }
        }
    }
    let staged = staging.staged;
    if piece.goods == Goods::End {
        publish(writing, &store, &staged, act)?;
    }
    let goods = if piece.goods == Goods::End {
        "{}".to_owned()
    } else {
        serde_json::to_string(&staged)?
    };
    writing.tx.execute(
        "UPDATE stock SET pieces = pieces + 1, goods = $1 WHERE node = $2",
        &[(&goods).into(), node.into()],
    )?;
    Ok(())
}

fn acked_hash(tx: &Tx<'_>, node: i64) -> Result<Hash, Cause> {
    tx.one(
        "SELECT acked_hash FROM store WHERE node = $1",
        &[node.into()],
        |row| row.hash(0),
    )?
    .ok_or_else(|| Cause::Damaged(format!("the store of node {node} is missing")))
}

struct Staging<'t, 'c> {
    tx: &'t Tx<'c>,
    node: i64,
    staged: Staged,
}

impl Staging<'_, '_> {
    /// Names are looked at first; then each batch takes its block of numbers. Answers the next code's.
    fn pools(
        &mut self,
        campaigns: &[WireCampaign],
        batches: &[WireBatch],
        leases: &[WireLease],
        mut next_code_id: i64,
    ) -> Result<i64, Fail> {
        for (place, wire) in (1..).zip(campaigns) {
            free_name(self.tx, &wire.campaign)?;
            self.staged.campaigns.push(StagedCampaign {
                id: self.node * NUMBERS_OF_NODE + place,
                wire: wire.clone(),
                states: [0; 6],
                uses_made: 0,
                next_ordinal: 0,
            });
        }
        for (place, wire) in (1..).zip(batches) {
            let campaign = self.campaign(&wire.campaign)?.id;
            self.staged.batches.push(StagedBatch {
                id: self.node * NUMBERS_OF_NODE + place,
                campaign,
                first_code: next_code_id,
                wire: wire.clone(),
            });
            next_code_id += wire.codes.max(0);
        }
        self.staged.leases = leases.to_vec();
        Ok(next_code_id)
    }

    fn campaign(&mut self, name: &CampaignId) -> Result<&mut StagedCampaign, Fail> {
        self.staged
            .campaigns
            .iter_mut()
            .find(|known| known.wire.campaign == *name)
            .ok_or_else(|| Fail::Refused(Refusal::NoSuchCampaign(name.clone())))
    }

    /// The batch whose rows the stock's customers are seen with.
    fn mark(&self) -> Option<i64> {
        self.staged.batches.first().map(|batch| batch.id)
    }

    fn customers(&mut self, customers: &[WireCustomer]) -> Result<(), Fail> {
        let mark = self.mark();
        for wire in customers {
            let known = self.customer(&wire.customer)?;
            let customer = match known {
                Some(customer) => customer,
                None => self.tx.insert(
                    "INSERT INTO customer (public_id, batch, name, name_form, consented_at_ms, \
                     erased_at_ms) VALUES ($1, $2, $3, $4, $5, $6) RETURNING id",
                    &[
                        (&wire.customer).into(),
                        mark.into(),
                        wire.name.as_ref().into(),
                        wire.name.as_deref().map(name_form).as_ref().into(),
                        wire.consented_at_ms.into(),
                        wire.erased_at_ms.into(),
                    ],
                )?,
            };
            if let Some(kept) = &wire.joined_to {
                let kept = self.customer(kept)?;
                self.tx.execute(
                    "UPDATE customer SET joined_to = $1 WHERE id = $2",
                    &[kept.into(), customer.into()],
                )?;
            }
            for (kind, form) in &wire.contacts {
                let Some(kind) = ContactKind::ALL
                    .into_iter()
                    .find(|known| known.as_str() == kind)
                else {
                    continue;
                };
                self.tx.execute(
                    "INSERT INTO contact (customer, kind, normal_form, batch) \
                     VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
                    &[
                        customer.into(),
                        kind_number(kind).into(),
                        form.into(),
                        mark.into(),
                    ],
                )?;
            }
            for (campaign, hash) in &wire.hashes {
                let campaign = self.campaign(campaign)?.id;
                let Some(hash) = unhex_hash(hash) else {
                    continue;
                };
                self.tx.execute(
                    "INSERT INTO contact_hash (campaign, hash, customer, batch) \
                     VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
                    &[
                        campaign.into(),
                        hash.as_slice().into(),
                        customer.into(),
                        mark.into(),
                    ],
                )?;
            }
        }
        Ok(())
    }

    fn customer(&self, public_id: &str) -> Result<Option<i64>, Cause> {
        self.tx.one(
            "SELECT id FROM customer WHERE public_id = $1",
            &[public_id.into()],
            |row| row.int(0),
        )
    }

    fn codes(&mut self, codes: &[WireCode]) -> Result<(), Fail> {
        for wire in codes {
            self.code(wire)?;
        }
        Ok(())
    }

    /// The number of the next code, and that of its batch.
    fn place_of(&self, wire: &WireCode) -> Result<(i64, i64), Fail> {
        let place = self.staged.codes;
        let mut before = 0;
        let batch = self
            .staged
            .batches
            .iter()
            .find(|batch| {
                let is_here = place < before + batch.wire.codes;
                if !is_here {
                    before += batch.wire.codes;
                }
                is_here
            })
            .filter(|batch| batch.wire.campaign == wire.campaign);
        let Some(batch) = batch else {
            return Err(Fail::Refused(Refusal::Faulty(
                "the stock has other codes than its batches say".into(),
            )));
        };
        Ok((batch.first_code + place - before, batch.id))
    }

    /// The next code, in its batch's next place.
    fn code(&mut self, wire: &WireCode) -> Result<(), Fail> {
        let (id, batch) = self.place_of(wire)?;
        let state = state_of(wire.state)?;
        let customer = match &wire.customer {
            Some(public_id) => self.customer(public_id)?,
            None => None,
        };
        let node = self.node;
        let tx = self.tx;
        let campaign = self.campaign(&wire.campaign)?;
        let stored = tx.execute(
            "INSERT INTO code (id, folded, shown, campaign, batch, ordinal, state, uses_made, \
             holder, grant_number, customer, expires_at_ms) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING",
            &[
                id.into(),
                (&wire.code).into(),
                wire.shown.as_ref().into(),
                campaign.id.into(),
                batch.into(),
                wire.ordinal.into(),
                state_number(state).into(),
                wire.uses_made.into(),
                node.into(),
                wire.grant_number.into(),
                customer.into(),
                wire.expires_at_ms.into(),
            ],
        )?;
        if stored == 0 {
            let named = wire.shown.as_ref().unwrap_or(&wire.code);
            return Err(Fail::Refused(Refusal::CodeTaken(named.clone())));
        }
        if let Some(ordinal) = wire.ordinal {
            tx.execute(
                "INSERT INTO pool_slot (campaign, ordinal, code) VALUES ($1, $2, $3)",
                &[campaign.id.into(), ordinal.into(), id.into()],
            )?;
            campaign.next_ordinal = campaign.next_ordinal.max(ordinal + 1);
        }
        if let Some(customer) = customer {
            tx.execute(
                "INSERT INTO customer_slot (campaign, customer, slot, code) \
                 SELECT $1, $2, coalesce(max(s.slot), 0) + 1, $3 FROM customer_slot s \
                 WHERE s.campaign = $1 AND s.customer = $2",
                &[campaign.id.into(), customer.into(), id.into()],
            )?;
        }
        if let Some(count) = usize::try_from(wire.state)
            .ok()
            .and_then(|number| campaign.states.get_mut(number))
        {
            *count += 1;
        }
        campaign.uses_made += i64::from(wire.uses_made);
        self.staged.codes += 1;
        Ok(())
    }

    fn entries(&mut self, entries: &[WireEntry], store: &StoreNode) -> Result<(), Fail> {
        let mut seq = store.acked_seq;
        let mut hash = acked_hash(self.tx, self.node)?;
        for wire in entries {
            let follows = chained(&hash, wire.body.as_bytes());
            if wire.seq != seq + 1 || hex(&follows) != wire.hash {
                return Err(Fail::Refused(Refusal::Faulty(format!(
                    "entry {} of the stock does not follow from the one before",
                    wire.seq
                ))));
            }
            (seq, hash) = (wire.seq, follows);
            self.entry(wire, &hash, store)?;
        }
        self.tx.execute(
            "UPDATE store SET acked_seq = $1, acked_hash = $2 WHERE node = $3",
            &[seq.into(), hash.as_slice().into(), self.node.into()],
        )?;
        Ok(())
    }

    /// One entry as it is: the codes' state is what all of them add up to already.
    fn entry(&mut self, wire: &WireEntry, hash: &Hash, store: &StoreNode) -> Result<(), Fail> {
        let body = serde_json::from_str::<Body>(&wire.body).ok();
        let campaign = match body.as_ref().and_then(|body| body.campaign.as_ref()) {
            Some(name) => Some(self.campaign(name)?.id),
            None => None,
        };
        let code = match body.as_ref().and_then(|body| body.code.as_ref()) {
            Some(folded) => self.tx.one(
                "SELECT id, newest_entry FROM code WHERE folded = $1 AND holder = $2",
                &[folded.into(), self.node.into()],
                |row| Ok((row.int(0)?, row.maybe_int(1)?)),
            )?,
            None => None,
        };
        let kind = body.as_ref().map_or("parked", |body| body.fact.kind());
        let local = self.tx.insert(
            "INSERT INTO entry (node, incarnation, seq, at_ms, kind, campaign, code, \
             previous_of_code, body, hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
             RETURNING id",
            &[
                self.node.into(),
                wire.incarnation.into(),
                wire.seq.into(),
                body.as_ref().map_or(0, |body| body.at_ms).into(),
                kind.into(),
                campaign.into(),
                code.map(|(code, _)| code).into(),
                code.and_then(|(_, newest)| newest).into(),
                (&wire.body).into(),
                hash.as_slice().into(),
            ],
        )?;
        if let (Some(salt), Some(text)) = (wire.salt.as_deref().and_then(unhex), &wire.side) {
            self.tx.execute(
                "INSERT INTO side (entry, salt, text) VALUES ($1, $2, $3)",
                &[local.into(), salt.as_slice().into(), text.into()],
            )?;
        }
        if let Some((code, _)) = code {
            self.tx.execute(
                "UPDATE code SET newest_entry = $1 WHERE id = $2",
                &[local.into(), code.into()],
            )?;
        }
        let Some(body) = body else {
            return Ok(());
        };
        self.fact(&body, (local, campaign), store)
    }

    /// What is kept beside an entry, by its kind.
    fn fact(
        &mut self,
        body: &Body,
        (local, campaign): (i64, Option<i64>),
        store: &StoreNode,
    ) -> Result<(), Fail> {
        match (&body.fact, campaign) {
            (Fact::CampaignCreated { rules } | Fact::CampaignChanged { rules }, Some(campaign)) => {
                self.staged.revisions.push(StagedRevision {
                    campaign,
                    revision: body.revision.unwrap_or(1),
                    rules: serde_json::to_string(rules)?,
                    entry: local,
                });
            }
            (Fact::Reversed { redemption, .. }, Some(campaign)) => {
                let name: EntryId = redemption
                    .parse()
                    .ok()
                    .ok_or_else(|| Cause::Damaged(format!("a redemption named {redemption:?}")))?;
                self.tx.execute(
                    "INSERT INTO reversal (redemption, entry) SELECT e.id, $1 FROM entry e \
                     WHERE e.node = $2 AND e.incarnation = $3 AND e.seq = $4 \
                     ON CONFLICT DO NOTHING",
                    &[
                        local.into(),
                        store.number.into(),
                        name.incarnation.into(),
                        name.seq.cast_signed().into(),
                    ],
                )?;
                count_hour(self.tx, campaign, "reversed", body.at_ms, local)?;
            }
            (Fact::Redeemed { .. } | Fact::Assigned { .. }, Some(campaign)) => {
                count_hour(self.tx, campaign, body.fact.kind(), body.at_ms, local)?;
            }
            _ => {}
        }
        Ok(())
    }
}

fn free_name(tx: &Tx<'_>, name: &CampaignId) -> Result<(), Fail> {
    if campaigns::find(tx, name)?.is_some() {
        return Err(Fail::Refused(Refusal::CampaignTaken(name.to_string())));
    }
    Ok(())
}

/// The last write: from here on all of it exists, and the shop is a store.
fn publish(
    writing: &mut Writing<'_, '_>,
    store: &StoreNode,
    staged: &Staged,
    act: &Act,
) -> Result<(), Fail> {
    let tx = writing.tx;
    let expected: i64 = staged.batches.iter().map(|batch| batch.wire.codes).sum();
    if staged.codes != expected {
        return Err(Fail::Refused(Refusal::Faulty(
            "the stock has fewer codes than its batches say".into(),
        )));
    }
    for campaign in &staged.campaigns {
        free_name(tx, &campaign.wire.campaign)?;
        publish_campaign(tx, campaign, store.number)?;
    }
    publish_pools(tx, store, staged)?;
    tx.execute(
        "UPDATE store SET standing = $1 WHERE node = $2 AND standing = $3",
        &[
            Standing::Active.number().into(),
            store.number.into(),
            Standing::Invited.number().into(),
        ],
    )?;
    writing.append(
        Fact::StoreJoined {
            node: store.node.clone().unwrap_or_default(),
            store: store.called(),
            codes: staged.codes.unsigned_abs(),
        },
        &setting_of(act),
    )?;
    Ok(())
}

/// Batches, the rules that codes were judged by, and the leases that the shop held.
fn publish_pools(tx: &Tx<'_>, store: &StoreNode, staged: &Staged) -> Result<(), Fail> {
    for batch in &staged.batches {
        let hash = unhex_hash(&batch.wire.codes_sha256);
        tx.execute(
            "INSERT INTO batch (id, campaign, how, is_published, first_code, code_count, \
             first_ordinal, ordinal_count, codes_hash) VALUES ($1, $2, $3, 1, $4, $5, $6, $7, $8)",
            &[
                batch.id.into(),
                batch.campaign.into(),
                (&batch.wire.how).into(),
                batch.first_code.into(),
                batch.wire.codes.into(),
                batch.wire.first_ordinal.into(),
                batch.wire.ordinals.into(),
                hash.as_ref().map(<[u8; 32]>::as_slice).into(),
            ],
        )?;
        feed::touch(tx, FeedKind::Batch, batch.id, EVERYBODY)?;
    }
    for told in &staged.revisions {
        tx.execute(
            "INSERT INTO campaign_revision (campaign, revision, rules, entry) \
             VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
            &[
                told.campaign.into(),
                told.revision.into(),
                (&told.rules).into(),
                told.entry.into(),
            ],
        )?;
    }
    let mut newest_grants = BTreeMap::<i64, i64>::new();
    for lease in &staged.leases {
        let campaign = staged
            .campaigns
            .iter()
            .find(|known| known.wire.campaign == lease.campaign)
            .ok_or_else(|| Fail::Refused(Refusal::NoSuchCampaign(lease.campaign.clone())))?
            .id;
        let local = tx.insert(
            "INSERT INTO lease (campaign, first_ordinal, end_ordinal, next_ordinal, holder, \
             grant_number) VALUES ($1, $2, $3, $4, $5, $6) RETURNING id",
            &[
                campaign.into(),
                lease.first_ordinal.into(),
                lease.end_ordinal.into(),
                lease.next_ordinal.into(),
                store.number.into(),
                lease.grant_number.into(),
            ],
        )?;
        feed::touch(tx, FeedKind::Lease, local, store.number)?;
        let newest = newest_grants.entry(campaign).or_insert(1);
        *newest = lease.grant_number.max(*newest);
    }
    for (campaign, grant) in newest_grants {
        tx.execute(
            "UPDATE campaign SET newest_grant = $1 WHERE id = $2",
            &[grant.into(), campaign.into()],
        )?;
    }
    Ok(())
}

fn publish_campaign(tx: &Tx<'_>, staged: &StagedCampaign, holder: i64) -> Result<(), Fail> {
    let wire = &staged.wire;
    let key = unhex(&wire.contact_key)
        .ok_or_else(|| Fail::Refused(Refusal::Faulty("a campaign's contact key".into())))?;
    tx.execute(
        "INSERT INTO campaign (id, name, revision, is_paused, rules, next_ordinal, contact_key) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        &[
            staged.id.into(),
            wire.campaign.as_str().into(),
            wire.revision.into(),
            wire.is_paused.into(),
            (&serde_json::to_string(&wire.rules)?).into(),
            staged.next_ordinal.into(),
            key.as_slice().into(),
        ],
    )?;
    for (prefix, length) in &wire.shapes {
        tx.execute(
            "INSERT INTO shape (prefix, length) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            &[prefix.into(), (*length).into()],
        )?;
    }
    tally::begin(tx, staged.id, wire.revision)?;
    let mut shift = Shift::default();
    for state in CodeState::ALL {
        let count = usize::try_from(state_number(state))
            .ok()
            .and_then(|number| staged.states.get(number));
        shift.count(state, 0, holder, count.copied().unwrap_or(0));
    }
    shift.write(tx, staged.id)?;
    // Uses alone: no code changes its state.
    let same = CodeState::Redeemed;
    tally::move_tally(tx, staged.id, same, same, staged.uses_made)?;
    feed::touch(tx, FeedKind::Campaign, staged.id, EVERYBODY)?;
    Ok(())
}
