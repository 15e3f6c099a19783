//! At a store: what the hub tells, applied a page at a time.
//!
//! Invariants: a page is applied as a whole with its cursor, only where the page before it ended, and
//! applying it twice is applying it once. It never overwrites work that the hub has not seen: a code
//! whose newest own entry the hub did not have when it wrote the page stays as it is, and is told
//! again once it has. A right that was given away comes back only by a newer grant.

use std::collections::BTreeMap;

use crate::domain::entry::Hash;
use crate::domain::ids::CampaignId;
use crate::domain::verdict::CodeState;
use crate::domain::wire::Standing::Quarantined;
use crate::domain::wire::{
    Item, Page, WireCampaign, WireCode, WireConflict, WireCustomer, WireLease, WireOperator,
    WireTestMode,
};
use crate::ledger::chain::{OWN_NODE, take_code_ids};
use crate::ledger::codes::{state_number, state_of};
use crate::ledger::customers::standing;
use crate::ledger::engine::Tx;
use crate::ledger::error::Cause;
use crate::ledger::lease::{hand_over_code, split};
use crate::ledger::link::Heard;
use crate::ledger::second_code::are_alike;
use crate::ledger::tally::{Shift, move_leased};
use crate::ledger::{Act, Ledger, LedgerError, Writing, link, nodes, slips, tally, test_mode};

/// Codes that the hub told of came in under this name of their batch.
pub(crate) const TOLD_BATCH: &str = "told";

impl Ledger {
    /// Applies a page that the hub wrote; whether it did. One that does not begin where this ledger is,
    /// or that another hub wrote, changes nothing.
    pub fn apply_page(&mut self, page: &Page, act: &Act) -> Result<bool, LedgerError> {
        self.finish_letting_go()?;
        self.erase_as_told(page, act)?;
        let is_applied = self.write("apply", "what the hub tells", |writing| {
            apply(writing, page, act)
        })?;
        self.finish_letting_go()?;
        Ok(is_applied)
    }

    /// Who was erased at the hub is erased here before the page is applied, so that a crash between
    /// the two leaves nothing readable behind.
    fn erase_as_told(&mut self, page: &Page, act: &Act) -> Result<(), LedgerError> {
        let told = page.items.iter().flat_map(|item| match item {
            Item::Customers { customers } => customers.as_slice(),
            Item::Campaign(_)
            | Item::Codes { .. }
            | Item::Lease(_)
            | Item::Recall { .. }
            | Item::Conflict(_)
            | Item::Operator(_) => &[],
        });
        for customer in told.filter(|customer| customer.erased_at_ms.is_some()) {
            let id = &customer.customer;
            let is_known = self.read("read", "a customer", |tx| {
                let cursor = link::load(tx)?.map(|link| link.cursor);
                let readable = tx.one(
                    "SELECT id FROM customer WHERE public_id = $1 AND erased_at_ms IS NULL \
                     AND joined_to IS NULL",
                    &[id.into()],
                    |row| row.int(0),
                )?;
                Ok(cursor == Some(page.after) && readable.is_some())
            })?;
            if is_known {
                drop(self.erase_customer(id, act)?);
            }
        }
        Ok(())
    }
}

pub(super) fn apply(writing: &mut Writing<'_, '_>, page: &Page, act: &Act) -> Result<bool, Cause> {
    let Some(link) = link::load(writing.tx)? else {
        return Ok(false);
    };
    if link.cursor != page.after || link.hub != page.welcome.hub {
        return Ok(false);
    }
    // A quarantined life may bear the number by which the hub fenced the former one: until the hub has
    // told it by its first entry, it is another one.
    let is_this_life = link.standing != Quarantined
        && page.welcome.incarnation == writing.head.incarnation
        && page.welcome.acked_through <= writing.head.seq;
    let seen_through = if is_this_life {
        page.welcome.acked_through
    } else {
        // What the hub has of another life, this one has only as far as both knew it.
        page.welcome.acked_through.min(link.acked_seq)
    };
    if link::hear(writing, &page.welcome, act)? != Heard::Counts || link.retold_after.is_some() {
        // One that comes before a restored hub was told what is known here would overwrite that.
        return Ok(false);
    }
    let mut arrivals = Arrivals::new(writing, seen_through)?;
    for item in &page.items {
        match item {
            Item::Campaign(campaign) => arrivals.campaign(campaign)?,
            Item::Codes { codes } => {
                for code in codes {
                    arrivals.code(code)?;
                }
            }
            Item::Lease(lease) => arrivals.lease(lease)?,
            Item::Customers { customers } => {
                for customer in customers {
                    arrivals.customer(customer)?;
                }
            }
            Item::Recall { code } => arrivals.recall(code, act)?,
            Item::Conflict(conflict) => arrivals.conflict(conflict)?,
            Item::Operator(operator) => arrivals.operator(operator)?,
        }
    }
    arrivals.finish()?;
    writing.tx.execute(
        "UPDATE hub_link SET feed_position = $1, feed_code_after = $2, codes_ahead = $3 \
         WHERE id = 1",
        &[
            page.cursor.position.into(),
            page.cursor.code_after.into(),
            page.codes_ahead.cast_signed().into(),
        ],
    )?;
    Ok(true)
}

/// Applies one code, and whose it is, as the hub told them with an answer.
pub(crate) fn take_told(
    writing: &mut Writing<'_, '_>,
    seen_through: i64,
    code: &WireCode,
    customer: Option<&WireCustomer>,
) -> Result<(), Cause> {
    let mut arrivals = Arrivals::new(writing, seen_through)?;
    if let Some(customer) = customer {
        arrivals.customer(customer)?;
    }
    arrivals.code(code)?;
    arrivals.finish()
}

/// A code as it stands here.
struct Standing {
    id: i64,
    campaign: i64,
    state: CodeState,
    uses_made: u32,
    holder: i64,
    grant_number: i64,
    customer: Option<i64>,
    expires_at_ms: Option<i64>,
    newest_seq: Option<i64>,
}

/// A page under way: what it names is looked up once, and figures are written at its end.
struct Arrivals<'w, 't, 'c> {
    writing: &'w mut Writing<'t, 'c>,
    /// Own entries up to this one are in what the hub tells.
    seen_through: i64,
    /// What is known here of codes after this one is not in it: the hub was restored; none: all is.
    retold_after: Option<i64>,
    hub: i64,
    campaigns: BTreeMap<CampaignId, i64>,
    nodes: BTreeMap<String, i64>,
    customers: BTreeMap<String, i64>,
    batches: BTreeMap<i64, i64>,
    shifts: BTreeMap<i64, Shift>,
    ends: BTreeMap<i64, i64>,
}

impl<'w, 't, 'c> Arrivals<'w, 't, 'c> {
    fn new(
        writing: &'w mut Writing<'t, 'c>,
        seen_through: i64,
    ) -> Result<Arrivals<'w, 't, 'c>, Cause> {
        let (hub, retold_after) = writing
            .tx
            .one(
                "SELECT hub, retold_after FROM hub_link WHERE id = 1",
                &[],
                |row| Ok((row.int(0)?, row.maybe_int(1)?)),
            )?
            .ok_or_else(|| Cause::Damaged("this ledger has no hub".into()))?;
        Ok(Arrivals {
            writing,
            seen_through,
            retold_after,
            hub,
            campaigns: BTreeMap::new(),
            nodes: BTreeMap::new(),
            customers: BTreeMap::new(),
            batches: BTreeMap::new(),
            shifts: BTreeMap::new(),
            ends: BTreeMap::new(),
        })
    }

    fn tx(&self) -> &'t Tx<'c> {
        self.writing.tx
    }

    /// Writes the figures that the page changed.
    fn finish(self) -> Result<(), Cause> {
        let tx = self.tx();
        for (campaign, shift) in &self.shifts {
            shift.write(tx, *campaign)?;
        }
        for (campaign, end) in &self.ends {
            tx.execute(
                "UPDATE campaign SET next_ordinal = $1 WHERE id = $2 AND next_ordinal < $1",
                &[(*end).into(), (*campaign).into()],
            )?;
        }
        Ok(())
    }

    fn campaign(&mut self, told: &WireCampaign) -> Result<(), Cause> {
        let tx = self.tx();
        let key = bytes_of(&told.contact_key)?;
        let rules = serde_json::to_string(&told.rules)?;
        let name = told.campaign.as_str();
        let known = tx.one(
            "UPDATE campaign SET revision = $1, is_paused = $2, rules = $3, contact_key = $4 \
             WHERE name = $5 RETURNING id",
            &[
                told.revision.into(),
                told.is_paused.into(),
                (&rules).into(),
                key.as_slice().into(),
                name.into(),
            ],
            |row| row.int(0),
        )?;
        let campaign = if let Some(known) = known {
            known
        } else {
            let campaign = tx.insert(
                "INSERT INTO campaign (name, revision, is_paused, rules, contact_key) \
                 VALUES ($1, $2, $3, $4, $5) RETURNING id",
                &[
                    name.into(),
                    told.revision.into(),
                    told.is_paused.into(),
                    (&rules).into(),
                    key.as_slice().into(),
                ],
            )?;
            tally::begin(tx, campaign, told.revision)?;
            campaign
        };
        // The entry that made the revision is the hub's: 0 stands for it here.
        tx.execute(
            "INSERT INTO campaign_revision (campaign, revision, rules, entry) \
             VALUES ($1, $2, $3, 0) ON CONFLICT DO NOTHING",
            &[campaign.into(), told.revision.into(), (&rules).into()],
        )?;
        for (prefix, length) in &told.shapes {
            tx.execute(
                "INSERT INTO shape (prefix, length) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                &[prefix.into(), (*length).into()],
            )?;
        }
        self.campaigns.insert(told.campaign.clone(), campaign);
        self.test_mode(campaign, told.test_mode.as_ref())
    }

    fn test_mode(&mut self, campaign: i64, told: Option<&WireTestMode>) -> Result<(), Cause> {
        let mut testers = Vec::new();
        for customer in told.iter().flat_map(|told| &told.customers) {
            self.customer(customer)?;
            testers.push(self.customer_named(&customer.customer)?);
        }
        let until_ms = told.map(|told| told.until_ms);
        test_mode::take_told(self.tx(), campaign, until_ms, &testers)
    }

    fn campaign_named(&mut self, name: &CampaignId) -> Result<i64, Cause> {
        if let Some(known) = self.campaigns.get(name) {
            return Ok(*known);
        }
        let campaign = self
            .tx()
            .one(
                "SELECT id FROM campaign WHERE name = $1",
                &[name.as_str().into()],
                |row| row.int(0),
            )?
            .ok_or_else(|| {
                Cause::Damaged(format!("the hub tells of {name}, which it never told of"))
            })?;
        self.campaigns.insert(name.clone(), campaign);
        Ok(campaign)
    }

    fn node_named(&mut self, name: &str) -> Result<i64, Cause> {
        if let Some(known) = self.nodes.get(name) {
            return Ok(*known);
        }
        let node = nodes::number_of(self.tx(), name)?;
        self.nodes.insert(name.to_owned(), node);
        Ok(node)
    }

    /// The customer of this id, who is made known where they are not; who was joined to another is
    /// that other.
    fn customer_named(&mut self, public_id: &str) -> Result<i64, Cause> {
        if let Some(known) = self.customers.get(public_id) {
            return Ok(*known);
        }
        let customer = standing(self.tx(), self.row_of(public_id)?)?;
        self.customers.insert(public_id.to_owned(), customer);
        Ok(customer)
    }

    fn row_of(&self, public_id: &str) -> Result<i64, Cause> {
        let known = self.tx().one(
            "SELECT id FROM customer WHERE public_id = $1",
            &[public_id.into()],
            |row| row.int(0),
        )?;
        match known {
            Some(known) => Ok(known),
            None => self.tx().insert(
                "INSERT INTO customer (public_id) VALUES ($1) RETURNING id",
                &[public_id.into()],
            ),
        }
    }

    fn customer(&mut self, told: &WireCustomer) -> Result<(), Cause> {
        let tx = self.tx();
        let customer = self.row_of(&told.customer)?;
        if let Some(kept) = &told.joined_to {
            let kept = self.customer_named(kept)?;
            if kept != customer {
                self.join(customer, kept)?;
            }
        }
        if let Some(erased_at_ms) = told.erased_at_ms {
            tx.execute(
                "UPDATE customer SET erased_at_ms = $1 WHERE id = $2 AND erased_at_ms IS NULL",
                &[erased_at_ms.into(), customer.into()],
            )?;
        }
        for (campaign, hash) in &told.hashes {
            let campaign = self.campaign_of_hash(campaign)?;
            let Some(campaign) = campaign else {
                continue;
            };
            let hash: Hash = bytes_of(hash)?
                .try_into()
                .ok()
                .ok_or_else(|| Cause::Damaged("the hub tells of a hash that is none".into()))?;
            self.keep_likeness(campaign, &hash, customer)?;
            self.tx().execute(
                "INSERT INTO contact_hash (campaign, hash, customer) VALUES ($1, $2, $3) \
                 ON CONFLICT (campaign, hash) DO UPDATE SET customer = excluded.customer",
                &[campaign.into(), hash.as_slice().into(), customer.into()],
            )?;
        }
        Ok(())
    }

    /// A hash goes over to the hub's customer. Whoever had it here is the same person, and the hub may
    /// not have heard of them: it is told so with them.
    fn keep_likeness(&self, campaign: i64, hash: &Hash, customer: i64) -> Result<(), Cause> {
        let tx = self.tx();
        let had = tx.one(
            "SELECT customer FROM contact_hash WHERE campaign = $1 AND hash = $2",
            &[campaign.into(), hash.as_slice().into()],
            |row| row.int(0),
        )?;
        if let Some(had) = had.filter(|had| *had != customer) {
            // What it means for their codes the hub finds out.
            are_alike(tx, campaign, had, customer)?;
        }
        Ok(())
    }

    /// The campaign that a hash is for; none: it is told of later, and the hash with its codes.
    fn campaign_of_hash(&mut self, name: &CampaignId) -> Result<Option<i64>, Cause> {
        if let Some(known) = self.campaigns.get(name) {
            return Ok(Some(*known));
        }
        let found = self.tx().one(
            "SELECT id FROM campaign WHERE name = $1",
            &[name.as_str().into()],
            |row| row.int(0),
        )?;
        if let Some(found) = found {
            self.campaigns.insert(name.clone(), found);
        }
        Ok(found)
    }

    /// Somebody turned out to be somebody else: what they have here goes to that other.
    fn join(&mut self, gone: i64, kept: i64) -> Result<(), Cause> {
        let tx = self.tx();
        // Only customers that stand are joined, so that the way to whoever stands ends.
        let joined = tx.execute(
            "UPDATE customer SET joined_to = $1, name = NULL, name_form = NULL, \
             consented_at_ms = NULL WHERE id = $2 AND joined_to IS NULL",
            &[kept.into(), gone.into()],
        )?;
        if joined == 0 {
            return Ok(());
        }
        self.customers.retain(|_, known| *known != gone);
        let codes = tx.all(
            "SELECT campaign, code FROM customer_slot WHERE customer = $1 ORDER BY campaign, slot",
            &[gone.into()],
            |row| Ok((row.int(0)?, row.int(1)?)),
        )?;
        for (campaign, code) in codes {
            drop_slot(tx, campaign, gone, code)?;
            add_slot(tx, campaign, kept, code)?;
            tx.execute(
                "UPDATE code SET customer = $1 WHERE id = $2",
                &[kept.into(), code.into()],
            )?;
        }
        tx.execute(
            "INSERT INTO contact (customer, kind, normal_form, batch) \
             SELECT $1, kind, normal_form, batch FROM contact WHERE customer = $2 \
             ON CONFLICT DO NOTHING",
            &[kept.into(), gone.into()],
        )?;
        tx.execute("DELETE FROM contact WHERE customer = $1", &[gone.into()])?;
        Ok(())
    }

    fn code(&mut self, told: &WireCode) -> Result<(), Cause> {
        let campaign = self.campaign_named(&told.campaign)?;
        let Some(standing) = self.standing_of(&told.code)? else {
            return self.new_code(campaign, told);
        };
        if standing.campaign != campaign {
            return Err(Cause::Damaged(format!(
                "the hub has the code {} in another campaign",
                told.code
            )));
        }
        // The hub has not seen what was done with it here, or was restored and not told yet how it
        // stood: it will tell again when it has.
        let is_unseen = standing.newest_seq > Some(self.seen_through);
        let is_untold = self.retold_after.is_some_and(|after| standing.id > after);
        if is_unseen || is_untold {
            return keep_hub_uses(self.tx(), standing.id, told);
        }
        self.change_code(&standing, told)
    }

    fn standing_of(&self, folded: &str) -> Result<Option<Standing>, Cause> {
        self.tx().one(
            "SELECT c.id, c.campaign, c.state, c.uses_made, c.holder, c.grant_number, c.customer, \
             c.expires_at_ms, e.seq FROM code c LEFT JOIN entry e ON e.id = c.newest_entry \
             WHERE c.folded = $1",
            &[folded.into()],
            |row| {
                Ok(Standing {
                    id: row.int(0)?,
                    campaign: row.int(1)?,
                    state: state_of(row.int(2)?)?,
                    uses_made: row.count(3)?,
                    holder: row.int(4)?,
                    grant_number: row.int(5)?,
                    customer: row.maybe_int(6)?,
                    expires_at_ms: row.maybe_int(7)?,
                    newest_seq: row.maybe_int(8)?,
                })
            },
        )
    }

    fn new_code(&mut self, campaign: i64, told: &WireCode) -> Result<(), Cause> {
        let state = state_of(told.state)?;
        let holder = self.node_named(&told.holder)?;
        let customer = match &told.customer {
            Some(public_id) => Some(self.customer_named(public_id)?),
            None => None,
        };
        let batch = self.batch(campaign)?;
        let tx = self.tx();
        let id = take_code_ids(tx, &mut self.writing.head, 1)?;
        tx.execute(
            "INSERT INTO code (id, folded, shown, campaign, batch, ordinal, state, uses_made, \
             holder, grant_number, customer, expires_at_ms) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            &[
                id.into(),
                (&told.code).into(),
                told.shown.as_ref().into(),
                campaign.into(),
                batch.into(),
                told.ordinal.into(),
                told.state.into(),
                told.uses_made.into(),
                holder.into(),
                told.grant_number.into(),
                customer.into(),
                told.expires_at_ms.into(),
            ],
        )?;
        if let Some(ordinal) = told.ordinal {
            let placed = tx.execute(
                "INSERT INTO pool_slot (campaign, ordinal, code) VALUES ($1, $2, $3) \
                 ON CONFLICT DO NOTHING",
                &[campaign.into(), ordinal.into(), id.into()],
            )?;
            if placed == 0 {
                take_place_of_lost(tx, campaign, ordinal, id)?;
            }
            let end = self.ends.entry(campaign).or_default();
            *end = (*end).max(ordinal + 1);
        }
        if let Some(customer) = customer {
            add_slot(tx, campaign, customer, id)?;
        }
        if told.first.is_some() || told.void_reason.is_some() {
            tell_story(tx, id, told)?;
        }
        keep_hub_uses(tx, id, told)?;
        let shift = self.shifts.entry(campaign).or_default();
        shift.count(state, told.uses_made, holder, 1);
        Ok(())
    }

    /// The batch of the codes of a campaign that came from the hub.
    fn batch(&mut self, campaign: i64) -> Result<i64, Cause> {
        if let Some(known) = self.batches.get(&campaign) {
            return Ok(*known);
        }
        let tx = self.tx();
        let known = tx.one(
            "SELECT id FROM batch WHERE campaign = $1 AND how = $2",
            &[campaign.into(), TOLD_BATCH.into()],
            |row| row.int(0),
        )?;
        let batch = match known {
            Some(known) => known,
            None => tx.insert(
                "INSERT INTO batch (campaign, how, is_published, first_code, code_count, \
                 first_ordinal, ordinal_count) VALUES ($1, $2, 1, 0, 0, 0, 0) RETURNING id",
                &[campaign.into(), TOLD_BATCH.into()],
            )?,
        };
        self.batches.insert(campaign, batch);
        Ok(batch)
    }

    fn change_code(&mut self, standing: &Standing, told: &WireCode) -> Result<(), Cause> {
        let state = state_of(told.state)?;
        let (holder, grant_number) = self.holder_of(standing, told)?;
        let customer = match &told.customer {
            Some(public_id) => Some(self.customer_named(public_id)?),
            None => None,
        };
        let tx = self.tx();
        let is_changed = (state, told.uses_made, holder, grant_number)
            != (
                standing.state,
                standing.uses_made,
                standing.holder,
                standing.grant_number,
            )
            || customer != standing.customer
            || told.expires_at_ms != standing.expires_at_ms;
        if is_changed {
            tx.execute(
                "UPDATE code SET state = $1, uses_made = $2, holder = $3, grant_number = $4, \
                 customer = $5, expires_at_ms = $6 WHERE id = $7",
                &[
                    state_number(state).into(),
                    told.uses_made.into(),
                    holder.into(),
                    grant_number.into(),
                    customer.into(),
                    told.expires_at_ms.into(),
                    standing.id.into(),
                ],
            )?;
            let shift = self.shifts.entry(standing.campaign).or_default();
            shift.count(standing.state, standing.uses_made, standing.holder, -1);
            shift.count(state, told.uses_made, holder, 1);
        }
        if customer != standing.customer {
            if let Some(former) = standing.customer {
                drop_slot(tx, standing.campaign, former, standing.id)?;
            }
            if let Some(customer) = customer {
                add_slot(tx, standing.campaign, customer, standing.id)?;
            }
        }
        if state == CodeState::Void && standing.state != CodeState::Void {
            slips::let_go(tx, standing.id)?;
        }
        tx.execute("DELETE FROM hub_use WHERE code = $1", &[standing.id.into()])?;
        keep_hub_uses(tx, standing.id, told)?;
        tell_story(tx, standing.id, told)
    }

    /// Who holds a code, and by which grant: what was given away comes back only by a newer one.
    fn holder_of(&mut self, standing: &Standing, told: &WireCode) -> Result<(i64, i64), Cause> {
        let holder = self.node_named(&told.holder)?;
        let was_given_away = holder == OWN_NODE
            && standing.holder != OWN_NODE
            && told.grant_number <= standing.grant_number;
        Ok(if was_given_away {
            (standing.holder, standing.grant_number)
        } else {
            (holder, told.grant_number)
        })
    }

    fn lease(&mut self, told: &WireLease) -> Result<(), Cause> {
        let campaign = self.campaign_named(&told.campaign)?;
        // Codes that came with this page are counted before they are moved.
        if let Some(shift) = self.shifts.remove(&campaign) {
            shift.write(self.tx(), campaign)?;
        }
        let end = self.ends.entry(campaign).or_default();
        *end = (*end).max(told.end_ordinal);
        if told.grant_number == 0 {
            return self.give_up(campaign, told.first_ordinal, told.end_ordinal);
        }
        self.hold(campaign, told)
    }

    /// A range is another's: whatever of it was held here is not any more.
    fn give_up(&mut self, campaign: i64, first: i64, end: i64) -> Result<(), Cause> {
        let tx = self.tx();
        if first >= end {
            return Ok(());
        }
        for ordinal in [first, end] {
            split(tx, campaign, ordinal)?;
        }
        empty_ranges(tx, campaign, first, end)?;
        let given = tx.execute(
            "UPDATE code SET holder = $1 WHERE id IN (SELECT code FROM pool_slot \
             WHERE campaign = $2 AND ordinal >= $3 AND ordinal < $4) AND state = $5 AND holder = $6",
            &[
                self.hub.into(),
                campaign.into(),
                first.into(),
                end.into(),
                state_number(CodeState::Available).into(),
                OWN_NODE.into(),
            ],
        )?;
        move_leased(tx, campaign, i64::try_from(given).unwrap_or(i64::MAX))
    }

    fn hold(&mut self, campaign: i64, told: &WireLease) -> Result<(), Cause> {
        let tx = self.tx();
        let known = tx.one(
            "SELECT id FROM lease WHERE campaign = $1 AND grant_number = $2 LIMIT 1",
            &[campaign.into(), told.grant_number.into()],
            |row| row.int(0),
        )?;
        if known.is_some() {
            // Within a grant nothing comes back: what is missing here was handed over, and what the
            // hub took is told as taken. A life before this one may have gone further.
            tx.execute(
                "UPDATE lease SET next_ordinal = CASE WHEN end_ordinal < $1 THEN end_ordinal \
                 ELSE $1 END WHERE campaign = $2 AND first_ordinal = $3 AND grant_number = $4 \
                 AND next_ordinal < $1",
                &[
                    told.next_ordinal.into(),
                    campaign.into(),
                    told.first_ordinal.into(),
                    told.grant_number.into(),
                ],
            )?;
            return Ok(());
        }
        let newer = tx.one(
            "SELECT id FROM lease WHERE campaign = $1 AND first_ordinal < $2 AND end_ordinal > $3 \
             AND grant_number > $4 LIMIT 1",
            &[
                campaign.into(),
                told.end_ordinal.into(),
                told.first_ordinal.into(),
                told.grant_number.into(),
            ],
            |row| row.int(0),
        )?;
        if newer.is_some() || told.first_ordinal >= told.end_ordinal {
            return Ok(());
        }
        self.take(campaign, told)
    }

    /// A new grant: whatever older one was on its ordinals is over.
    fn take(&mut self, campaign: i64, told: &WireLease) -> Result<(), Cause> {
        let tx = self.tx();
        for ordinal in [told.first_ordinal, told.end_ordinal] {
            split(tx, campaign, ordinal)?;
        }
        empty_ranges(tx, campaign, told.first_ordinal, told.end_ordinal)?;
        tx.execute(
            "DELETE FROM lease WHERE campaign = $1 AND first_ordinal = $2",
            &[campaign.into(), told.first_ordinal.into()],
        )?;
        tx.execute(
            "INSERT INTO lease (campaign, first_ordinal, end_ordinal, next_ordinal, holder, \
             grant_number) VALUES ($1, $2, $3, $4, $5, $6)",
            &[
                campaign.into(),
                told.first_ordinal.into(),
                told.end_ordinal.into(),
                told.next_ordinal.into(),
                OWN_NODE.into(),
                told.grant_number.into(),
            ],
        )?;
        // Those that others hold, as far as is known here; then those that were held already.
        let held = tx.execute(
            "UPDATE code SET grant_number = $1, holder = $2 WHERE id IN (SELECT code FROM pool_slot \
             WHERE campaign = $3 AND ordinal >= $4 AND ordinal < $5) AND state = $6 \
             AND grant_number < $1 AND holder <> $2",
            &[
                told.grant_number.into(),
                OWN_NODE.into(),
                campaign.into(),
                told.next_ordinal.into(),
                told.end_ordinal.into(),
                state_number(CodeState::Available).into(),
            ],
        )?;
        tx.execute(
            "UPDATE code SET grant_number = $1 WHERE id IN (SELECT code FROM pool_slot \
             WHERE campaign = $2 AND ordinal >= $3 AND ordinal < $4) AND state = $5 \
             AND grant_number < $1",
            &[
                told.grant_number.into(),
                campaign.into(),
                told.next_ordinal.into(),
                told.end_ordinal.into(),
                state_number(CodeState::Available).into(),
            ],
        )?;
        move_leased(tx, campaign, -i64::try_from(held).unwrap_or(i64::MAX))
    }

    /// The hub asks a code back: it is handed over at once, where it is held here.
    fn recall(&mut self, folded: &str, act: &Act) -> Result<(), Cause> {
        let Some(standing) = self.standing_of(folded)? else {
            return Ok(());
        };
        // Its state is counted before it is moved.
        if let Some(shift) = self.shifts.remove(&standing.campaign) {
            shift.write(self.tx(), standing.campaign)?;
        }
        hand_over_code(self.writing, standing.id, act)?;
        Ok(())
    }

    fn conflict(&mut self, told: &WireConflict) -> Result<(), Cause> {
        let tx = self.tx();
        let code = match &told.code {
            Some(folded) => self.standing_of(folded)?.map(|standing| standing.id),
            None => None,
        };
        let campaign = match &told.campaign {
            Some(name) => self.campaign_of_hash(name)?,
            None => None,
        };
        tx.execute(
            "INSERT INTO conflict (id, kind, entry, code, campaign, told, raised_at_ms, is_open, \
             decision, reason, settled_by, settled_at_ms) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
             ON CONFLICT (id) DO UPDATE SET told = excluded.told, is_open = excluded.is_open, \
             decision = excluded.decision, reason = excluded.reason, \
             settled_by = excluded.settled_by, settled_at_ms = excluded.settled_at_ms",
            &[
                told.number.into(),
                told.kind.as_str().into(),
                (&told.entry).into(),
                code.into(),
                campaign.into(),
                (&told.told).into(),
                told.raised_at_ms.into(),
                told.is_open.into(),
                told.decision.as_ref().into(),
                told.reason.as_ref().into(),
                told.settled_by.as_ref().into(),
                told.settled_at_ms.into(),
            ],
        )?;
        self.note_outcome(told)
    }

    /// What became of an own entry that the conflict is about.
    fn note_outcome(&self, told: &WireConflict) -> Result<(), Cause> {
        let Ok(named) = told.entry.parse::<crate::domain::ids::EntryId>() else {
            return Ok(());
        };
        if named.node != self.writing.head.node {
            return Ok(());
        }
        let tx = self.tx();
        let own = tx.one(
            "SELECT id FROM entry WHERE node = $1 AND incarnation = $2 AND seq = $3",
            &[
                OWN_NODE.into(),
                named.incarnation.into(),
                named.seq.cast_signed().into(),
            ],
            |row| row.int(0),
        )?;
        if let Some(entry) = own {
            tx.execute(
                "INSERT INTO outcome (entry, word, kind, conflict) VALUES ($1, 'conflict', $2, $3) \
                 ON CONFLICT (entry) DO UPDATE SET word = excluded.word, kind = excluded.kind, \
                 conflict = excluded.conflict",
                &[entry.into(), told.kind.as_str().into(), told.number.into()],
            )?;
        }
        Ok(())
    }

    /// An operator of the hub may sign in here. One of the store's own under the same name stays as
    /// they are, and keep their badge.
    fn operator(&mut self, told: &WireOperator) -> Result<(), Cause> {
        let tx = self.tx();
        let own = tx.one(
            "SELECT id FROM operator WHERE name = $1 AND is_hubs = 0 AND is_removed = 0",
            &[(&told.name).into()],
            |row| row.int(0),
        )?;
        if own.is_some() {
            return Ok(());
        }
        // A badge that went from one of the hub's operators to another.
        tx.execute(
            "UPDATE operator SET badge_hash = NULL WHERE badge_hash = $1 AND is_hubs = 1 \
             AND name <> $2",
            &[told.badge_hash.as_ref().into(), (&told.name).into()],
        )?;
        let is_taken = tx.one(
            "SELECT id FROM operator WHERE badge_hash = $1 AND name <> $2",
            &[told.badge_hash.as_ref().into(), (&told.name).into()],
            |row| row.int(0),
        )?;
        let badge = told.badge_hash.as_ref().filter(|_| is_taken.is_none());
        tx.execute(
            "INSERT INTO operator (name, role, pin_hash, badge_hash, is_removed, is_hubs) \
             VALUES ($1, $2, $3, $4, $5, 1) ON CONFLICT (name) DO UPDATE SET \
             role = excluded.role, pin_hash = excluded.pin_hash, \
             badge_hash = excluded.badge_hash, is_removed = excluded.is_removed, is_hubs = 1",
            &[
                (&told.name).into(),
                (&told.role).into(),
                told.pin_hash.as_ref().into(),
                badge.into(),
                told.is_removed.into(),
            ],
        )?;
        Ok(())
    }
}

/// A hub that was restored gave the place to another code than the one that it had lost.
fn take_place_of_lost(tx: &Tx<'_>, campaign: i64, ordinal: i64, code: i64) -> Result<(), Cause> {
    tx.execute(
        "UPDATE code SET ordinal = NULL WHERE id = \
         (SELECT code FROM pool_slot WHERE campaign = $1 AND ordinal = $2)",
        &[campaign.into(), ordinal.into()],
    )?;
    tx.execute(
        "UPDATE pool_slot SET code = $1 WHERE campaign = $2 AND ordinal = $3",
        &[code.into(), campaign.into(), ordinal.into()],
    )?;
    Ok(())
}

/// Keeps which uses are the hub's own: it may lose them.
fn keep_hub_uses(tx: &Tx<'_>, code: i64, told: &WireCode) -> Result<(), Cause> {
    for entry in &told.hub_uses {
        tx.execute(
            "INSERT INTO hub_use (code, entry) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            &[code.into(), entry.into()],
        )?;
    }
    Ok(())
}

/// Keeps who redeemed a code first and why it is void, as the hub tells it.
fn tell_story(tx: &Tx<'_>, code: i64, told: &WireCode) -> Result<(), Cause> {
    match &told.first {
        Some(first) => tx.execute(
            "INSERT INTO story (code, at_ms, store, counter, operator) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (code) DO UPDATE SET at_ms = excluded.at_ms, \
             store = excluded.store, counter = excluded.counter, operator = excluded.operator",
            &[
                code.into(),
                first.at_ms.into(),
                (&first.store).into(),
                (&first.counter).into(),
                first.operator.as_ref().into(),
            ],
        )?,
        None => tx.execute("DELETE FROM story WHERE code = $1", &[code.into()])?,
    };
    match &told.void_reason {
        Some(reason) => tx.execute(
            "INSERT INTO ended (code, reason) VALUES ($1, $2) \
             ON CONFLICT (code) DO UPDATE SET reason = excluded.reason",
            &[code.into(), reason.into()],
        )?,
        None => tx.execute("DELETE FROM ended WHERE code = $1", &[code.into()])?,
    };
    Ok(())
}

/// The ranges that lie in another are ranges no more. Each stays as an empty one, so that its grant
/// is known to have been here.
fn empty_ranges(tx: &Tx<'_>, campaign: i64, first: i64, end: i64) -> Result<(), Cause> {
    tx.execute(
        "UPDATE lease SET end_ordinal = first_ordinal, next_ordinal = first_ordinal \
         WHERE campaign = $1 AND first_ordinal >= $2 AND end_ordinal <= $3",
        &[campaign.into(), first.into(), end.into()],
    )?;
    Ok(())
}

/// A customer has a code: below every other of theirs that came before. Whether they may have it is
/// not asked: they do.
fn add_slot(tx: &Tx<'_>, campaign: i64, customer: i64, code: i64) -> Result<(), Cause> {
    tx.execute(
        "INSERT INTO customer_slot (campaign, customer, slot, code) \
         SELECT $1, $2, coalesce(max(slot), 0) + 1, $3 FROM customer_slot \
         WHERE campaign = $1 AND customer = $2",
        &[campaign.into(), customer.into(), code.into()],
    )?;
    Ok(())
}

fn drop_slot(tx: &Tx<'_>, campaign: i64, customer: i64, code: i64) -> Result<(), Cause> {
    tx.execute(
        "DELETE FROM customer_slot WHERE campaign = $1 AND customer = $2 AND code = $3",
        &[campaign.into(), customer.into(), code.into()],
    )?;
    Ok(())
}

/// The bytes of lower-case hexadecimal.
fn bytes_of(text: &str) -> Result<Vec<u8>, Cause> {
    let malformed = || Cause::Damaged("the hub tells of bytes that are none".into());
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return Err(malformed());
    }
    (0..text.len())
        .step_by(2)
        .map(|place| {
            text.get(place..place + 2)
                .and_then(|pair| u8::from_str_radix(pair, 16).ok())
                .ok_or_else(malformed)
        })
        .collect()
}
