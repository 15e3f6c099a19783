//! After a hub was restored: what it has lost of itself, and its stores still know.
//!
//! A store names the codes that it knows, brings its own entries again, and then tells of every code as
//! it knew it from the life of the hub that is gone. Invariant: what the hub finds there and has not got is written anew by its own
//! entries, which say from whom; each lost use once, however many stores tell of it. What only may have
//! been spent is suspect. Not here: what a store holds; that is told to it by the feed.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::entry::{Body, Fact, Recovered, unhex_hash};
use crate::domain::verdict::CodeState;
use crate::domain::wire::{CODES_MAX, KnownCodes, WireCampaign, WireCode, WireCustomer, WireStory};
use crate::ledger::agreed::{Persons, agree};
use crate::ledger::arrivals::TOLD_BATCH;
use crate::ledger::chain::{OWN_NODE, take_code_ids};
use crate::ledger::codes::{CodeRow, state_number, state_of};
use crate::ledger::customers::standing;
use crate::ledger::engine::Tx;
use crate::ledger::error::Cause;
use crate::ledger::feed::{EVERYBODY, FeedKind, touch};
use crate::ledger::intake::people;
use crate::ledger::link::HubLink;
use crate::ledger::lookups::{find_many, lock_many, numbers_of};
use crate::ledger::restore::mark_suspect;
use crate::ledger::tally::{Shift, add_codes, count_hour};
use crate::ledger::telling::{
    CODE, told_code, use_name, wire_campaign, wire_customer, with_joined,
};
use crate::ledger::{Act, Setting, Writing, campaigns, second_code, setting_of};

/// Codes in one page: with their customers, well below what a body may have.
const PAGE: usize = CODES_MAX / 2;

/// At a store: what is to be told next of codes to a hub that was restored; none: nothing.
pub(crate) fn known_codes(tx: &Tx<'_>, link: &HubLink) -> Result<Option<KnownCodes>, Cause> {
    let Some(after) = link.named_after.or(link.retold_after) else {
        return Ok(None);
    };
    let names_only = link.named_after.is_some();
    let told = tx.all(
        &format!("{CODE} AND c.id > $1 ORDER BY c.id LIMIT $2"),
        &[after.into(), (PAGE as u64).cast_signed().into()],
        told_code,
    )?;
    let mut known = KnownCodes {
        names_only,
        campaigns: Vec::new(),
        customers: Vec::new(),
        codes: Vec::new(),
        through: told
            .last()
            .filter(|_| told.len() == PAGE)
            .map_or(i64::MAX, |last| last.id),
    };
    let (mut campaigns, mut customers) = (BTreeSet::new(), BTreeSet::new());
    let mut uses = match told.last() {
        Some(last) if !names_only => hub_uses(tx, after, last.id)?,
        Some(_) | None => BTreeMap::new(),
    };
    for code in told {
        if campaigns.insert(code.campaign) {
            known.campaigns.push(wire_campaign(tx, code.campaign)?);
        }
        if let Some(customer) = code.customer.filter(|_| !names_only) {
            for one in with_joined(tx, customer)? {
                if customers.insert(one) {
                    known.customers.push(wire_customer(tx, one)?);
                }
            }
        }
        let (id, mut wire) = (code.id, code.wire);
        if wire.uses_made > 0 && !names_only {
            wire.first = first_elsewhere(tx, id)?;
        }
        wire.hub_uses = uses.remove(&id).unwrap_or_default();
        known.codes.push(wire);
    }
    Ok(Some(known))
}

/// The hub's own uses of the codes in this range, by code. Also of codes that stand here as unused: what
/// the hub told of them was put off, and its uses were kept.
fn hub_uses(tx: &Tx<'_>, after: i64, last: i64) -> Result<BTreeMap<i64, Vec<String>>, Cause> {
    let mut uses = BTreeMap::<i64, Vec<String>>::new();
    tx.each(
        "SELECT code, entry FROM hub_use WHERE code > $1 AND code <= $2 ORDER BY code, entry",
        &[after.into(), last.into()],
        |row| {
            uses.entry(row.int(0)?).or_default().push(row.text(1)?);
            Ok(())
        },
    )?;
    Ok(uses)
}

fn first_elsewhere(tx: &Tx<'_>, code: i64) -> Result<Option<WireStory>, Cause> {
    tx.one(
        "SELECT at_ms, store, counter, operator FROM story WHERE code = $1",
        &[code.into()],
        |row| {
            Ok(WireStory {
                at_ms: row.int(0)?,
                store: row.text(1)?,
                counter: row.text(2)?,
                operator: row.maybe_text(3)?,
            })
        },
    )
}

/// At a store: the hub has taken in what was told up to here.
pub(crate) fn has_told(tx: &Tx<'_>, names_only: bool, through: i64) -> Result<(), Cause> {
    let column = if names_only {
        "named_after"
    } else {
        "retold_after"
    };
    tx.execute(
        &format!(
            "UPDATE hub_link SET {column} = CASE WHEN $1 = $2 THEN NULL ELSE $1 END \
             WHERE id = 1 AND {column} < $1"
        ),
        &[through.into(), i64::MAX.into()],
    )?;
    Ok(())
}

/// At the hub: an entry came again that a life had which is gone. What was done with its code then,
/// nobody here knows: that it was given out since is no proof that it was not used.
pub(crate) fn had_before(tx: &Tx<'_>, code: i64) -> Result<(), Cause> {
    tx.execute(
        "UPDATE code SET assigned_incarnation = NULL WHERE id = $1",
        &[code.into()],
    )?;
    Ok(())
}

/// At the hub: a right came back by an entry that a life had which is gone. That life may have given
/// the codes out.
pub(crate) fn had_range_before(
    tx: &Tx<'_>,
    campaign: i64,
    code: Option<i64>,
    range: Option<(u64, u64)>,
) -> Result<(), Cause> {
    let ends = match range {
        Some((first, end)) => Some((first.cast_signed(), end.cast_signed())),
        None => tx
            .one(
                "SELECT ordinal FROM code WHERE id = $1 AND state = 0",
                &[code.into()],
                |row| row.maybe_int(0),
            )?
            .flatten()
            .map(|ordinal| (ordinal, ordinal + 1)),
    };
    let Some((first, end)) = ends else {
        return Ok(());
    };
    mark_suspect(tx, campaign, first, end)?;
    tx.execute(
        "UPDATE lease SET next_ordinal = end_ordinal WHERE campaign = $1 AND holder = $2 \
         AND first_ordinal >= $3 AND end_ordinal <= $4",
        &[campaign.into(), OWN_NODE.into(), first.into(), end.into()],
    )?;
    Ok(())
}

/// At the hub: takes in what a store knows of codes. The same again changes nothing.
pub(crate) fn take(
    writing: &mut Writing<'_, '_>,
    node: &str,
    known: &KnownCodes,
    act: &Act,
) -> Result<(), Cause> {
    for campaign in &known.campaigns {
        recover_campaign(writing, campaign, node, act)?;
    }
    let folded: Vec<String> = known.codes.iter().map(|code| code.code.clone()).collect();
    lock_many(writing.tx, &folded)?;
    let (people, alike) = people_of(writing, known)?;
    let mut recovery = Recovery {
        node,
        act,
        people,
        alike,
        shifts: BTreeMap::new(),
        newest: BTreeMap::new(),
        codes: 0,
        suspects: 0,
    };
    let mut rows = rows_of(writing.tx, &folded)?;
    for told in &known.codes {
        if !rows.contains_key(&told.code) {
            recovery.add(writing, told)?;
        }
    }
    if known.names_only {
        return recovery.finish(writing);
    }
    if recovery.codes > 0 {
        rows = rows_of(writing.tx, &folded)?;
    }
    for told in &known.codes {
        if let Some(row) = rows.get(&told.code)
            && row.state != CodeState::Test
        {
            recovery.compare(writing, told, row)?;
        }
    }
    recovery.finish(writing)
}

fn rows_of(tx: &Tx<'_>, folded: &[String]) -> Result<BTreeMap<String, CodeRow>, Cause> {
    Ok(find_many(tx, folded)?
        .into_iter()
        .map(|row| (row.folded.clone(), row))
        .collect())
}

/// A campaign that was begun in the life that is gone begins anew, under the rules that are known; one
/// that was changed there goes under those rules again.
fn recover_campaign(
    writing: &mut Writing<'_, '_>,
    told: &WireCampaign,
    node: &str,
    act: &Act,
) -> Result<(), Cause> {
    if campaigns::find(writing.tx, &told.campaign)?.is_some() {
        return campaigns::recover(writing, told, node, act);
    }
    let Some(key) = unhex_hash(&told.contact_key) else {
        return Ok(());
    };
    campaigns::begin_anew(writing, told, &key, node, act)
}

/// The customers that codes are told to have, by their ids: known by their hashes, else by their id,
/// else made known; and who of them turned out to be taken for the same person as somebody else.
fn people_of(
    writing: &Writing<'_, '_>,
    known: &KnownCodes,
) -> Result<(BTreeMap<String, i64>, Persons), Cause> {
    let tx = writing.tx;
    let mut people = BTreeMap::new();
    let mut strangers: Vec<WireCustomer> = Vec::new();
    for told in &known.customers {
        match by_hash(tx, told)? {
            Some(number) => {
                people.insert(told.customer.clone(), number);
            }
            None => strangers.push(WireCustomer {
                joined_to: None,
                ..told.clone()
            }),
        }
    }
    let alike = people::merge(writing, &strangers, &[])?;
    let names: Vec<String> = strangers
        .into_iter()
        .map(|stranger| stranger.customer)
        .collect();
    people.extend(numbers_of(tx, &names)?);
    Ok((people, alike))
}

fn by_hash(tx: &Tx<'_>, told: &WireCustomer) -> Result<Option<i64>, Cause> {
    for (campaign, hash) in &told.hashes {
        let Some(hash) = unhex_hash(hash) else {
            continue;
        };
        let found = tx.one(
            "SELECT h.customer FROM contact_hash h JOIN campaign m ON m.id = h.campaign \
             WHERE m.name = $1 AND h.hash = $2",
            &[campaign.as_str().into(), hash.as_slice().into()],
            |row| row.int(0),
        )?;
        if let Some(customer) = found {
            return standing(tx, customer).map(Some);
        }
    }
    Ok(None)
}

/// A page that is being taken in.
struct Recovery<'k> {
    node: &'k str,
    act: &'k Act,
    people: BTreeMap<String, i64>,
    alike: Persons,
    shifts: BTreeMap<i64, Shift>,
    /// The newest entry of the list of every code that something was written of.
    newest: BTreeMap<i64, Option<i64>>,
    codes: u64,
    suspects: u64,
}

impl Recovery<'_> {
    /// A code that came in during the life that is gone: known again, and never given out.
    fn add(&mut self, writing: &mut Writing<'_, '_>, told: &WireCode) -> Result<(), Cause> {
        let tx = writing.tx;
        let Some((campaign, _)) = campaigns::find(tx, &told.campaign)? else {
            return Ok(());
        };
        let ordinal = match told.ordinal {
            Some(ordinal) if is_free(tx, campaign, ordinal)? => Some(ordinal),
            Some(_) | None => None,
        };
        let batch = told_batch(tx, campaign)?;
        let id = take_code_ids(tx, &mut writing.head, 1)?;
        let added = tx.execute(
            "INSERT INTO code (id, folded, shown, campaign, batch, ordinal, state, holder, \
             grant_number, expires_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9) \
             ON CONFLICT DO NOTHING",
            &[
                id.into(),
                (&told.code).into(),
                told.shown.as_ref().into(),
                campaign.into(),
                batch.into(),
                ordinal.into(),
                state_number(CodeState::Suspect).into(),
                OWN_NODE.into(),
                told.expires_at_ms.into(),
            ],
        )?;
        if added == 0 {
            // An import under way brings it: it is told again with the next life.
            return Ok(());
        }
        if let Some(ordinal) = ordinal {
            tx.execute(
                "INSERT INTO pool_slot (campaign, ordinal, code) VALUES ($1, $2, $3)",
                &[campaign.into(), ordinal.into(), id.into()],
            )?;
            tx.execute(
                "UPDATE campaign SET next_ordinal = $1 WHERE id = $2 AND next_ordinal < $1",
                &[(ordinal + 1).into(), campaign.into()],
            )?;
        }
        add_codes(tx, campaign, [0, 0, 1, 0])?;
        touch(tx, FeedKind::Code, id, EVERYBODY)?;
        self.codes += 1;
        Ok(())
    }

    /// Writes anew what the hub has not got of a code.
    fn compare(
        &mut self,
        writing: &mut Writing<'_, '_>,
        told: &WireCode,
        row: &CodeRow,
    ) -> Result<(), Cause> {
        let told_state = state_of(told.state)?;
        let lost = lost_uses(writing.tx, told, row)?;
        let customer = told
            .customer
            .as_ref()
            .and_then(|name| self.people.get(name).copied());
        let is_lost_owner = customer.is_some()
            && customer
                != row
                    .customer
                    .map(|own| standing(writing.tx, own))
                    .transpose()?;
        // What a store holds, it will tell of itself.
        let is_held = row.holder == OWN_NODE;
        let may_be_used = told.uses_made as usize > row.uses_made as usize + lost.len();
        let may_be_given = told_state != CodeState::Available
            && row.state == CodeState::Available
            && customer.is_none();
        if is_held && (may_be_used || may_be_given) || told_state == CodeState::Suspect {
            self.suspect(writing, row)?;
        }
        if is_held && is_lost_owner {
            let fact = Fact::Assigned {
                ordinal: row.ordinal.map(i64::unsigned_abs),
                expires_at_ms: told.expires_at_ms,
            };
            self.append(writing, row, told, fact, None)?;
        }
        for (made, entry) in lost.iter().enumerate() {
            let fact = Fact::Redeemed {
                uses_made: row
                    .uses_made
                    .saturating_add(u32::try_from(made).unwrap_or(u32::MAX))
                    .saturating_add(1),
                certainty: crate::domain::verdict::Certainty::Confirmed
                    .as_str()
                    .to_owned(),
                overrode: Vec::new(),
                approved_by: None,
            };
            self.append(writing, row, told, fact, Some(entry.clone()))?;
        }
        if told_state == CodeState::Void && row.state != CodeState::Void {
            let fact = Fact::Voided {
                from_state: row.state.as_str().to_owned(),
                is_replaced: false,
                approved_by: None,
            };
            self.append(writing, row, told, fact, None)?;
        }
        Ok(())
    }

    /// A code that can be given out or used still may have been spent.
    fn suspect(&mut self, writing: &Writing<'_, '_>, row: &CodeRow) -> Result<(), Cause> {
        let state = row.state;
        if !matches!(state, CodeState::Available | CodeState::Assigned) {
            return Ok(());
        }
        let changed = writing.tx.execute(
            "UPDATE code SET state = $1 WHERE id = $2 AND state = $3",
            &[
                state_number(CodeState::Suspect).into(),
                row.id.into(),
                state_number(state).into(),
            ],
        )?;
        if changed == 1 {
            let shift = self.shifts.entry(row.campaign).or_default();
            shift.count(state, row.uses_made, row.holder, -1);
            shift.count(CodeState::Suspect, row.uses_made, row.holder, 1);
            touch(writing.tx, FeedKind::Code, row.id, EVERYBODY)?;
            self.suspects += 1;
        }
        Ok(())
    }

    /// Writes an entry of this life that stands for what was lost.
    fn append(
        &mut self,
        writing: &mut Writing<'_, '_>,
        row: &CodeRow,
        told: &WireCode,
        fact: Fact,
        entry: Option<String>,
    ) -> Result<(), Cause> {
        let campaign = campaigns::load(writing.tx, row.campaign)?;
        let customer = told
            .customer
            .as_ref()
            .and_then(|name| self.people.get(name).copied())
            .or(row.customer)
            .map(|number| crate::ledger::customers::public_id(writing.tx, number))
            .transpose()?;
        // Who first used it, where that is told and this is that use.
        let first = told
            .first
            .as_ref()
            .filter(|_| entry.is_some() && told.uses_made == 1);
        let own = setting_of(self.act);
        let at_ms = first.map_or(own.at_ms, |first| first.at_ms);
        let kind = fact.kind();
        let newest = self
            .newest
            .get(&row.id)
            .copied()
            .unwrap_or(row.newest_entry);
        let written = writing.append(
            fact,
            &Setting {
                campaign: Some((row.campaign, &campaign.id, campaign.revision)),
                code: Some((row.id, &row.folded, newest)),
                customer: customer.as_deref(),
                counter: first.map_or(own.counter, |first| first.counter.as_str()),
                operator: first.map_or(own.operator, |first| first.operator.as_deref()),
                at_ms,
                recovered: Some(Recovered {
                    node: self.node.to_owned(),
                    entry,
                }),
                ..own
            },
        )?;
        if matches!(kind, "assigned" | "redeemed") {
            count_hour(writing.tx, row.campaign, kind, at_ms, written.local)?;
        }
        self.newest.insert(row.id, Some(written.local));
        Ok(())
    }

    /// Adds up what the entries come to, and says what came back.
    fn finish(self, writing: &mut Writing<'_, '_>) -> Result<(), Cause> {
        let now_ms = self.act.now.as_millisecond();
        for (campaign, shift) in self.shifts {
            shift.write(writing.tx, campaign)?;
        }
        let mut persons = agree(writing.tx, &writing.head, &self.newest, now_ms)?;
        persons.extend(self.alike);
        second_code::look(writing.tx, &writing.head, &persons, now_ms)?;
        for code in self.newest.keys() {
            touch(writing.tx, FeedKind::Code, *code, EVERYBODY)?;
        }
        if self.codes > 0 || self.suspects > 0 {
            writing.append(
                Fact::Recovered {
                    node: self.node.to_owned(),
                    codes: self.codes,
                    suspects: self.suspects,
                },
                &setting_of(self.act),
            )?;
        }
        Ok(())
    }
}

/// The hub's own uses of a code that a store was told of, and that are not in its list: neither as they
/// were written first, nor as they were written anew.
fn lost_uses(tx: &Tx<'_>, told: &WireCode, row: &CodeRow) -> Result<Vec<String>, Cause> {
    if told.hub_uses.is_empty() {
        return Ok(Vec::new());
    }
    let mut here = BTreeSet::new();
    let mut next = row.newest_entry;
    while let Some(entry) = next {
        next = tx
            .one(
                "SELECT node, kind, body, hash, previous_of_code FROM entry WHERE id = $1",
                &[entry.into()],
                |row| {
                    if row.int(0)? == OWN_NODE && row.text(1)? == "redeemed" {
                        let body: Body = serde_json::from_str(&row.text(2)?)?;
                        here.insert(use_name(&body, &row.hash(3)?));
                    }
                    row.maybe_int(4)
                },
            )?
            .flatten();
    }
    let told: BTreeSet<&String> = told.hub_uses.iter().collect();
    Ok(told
        .into_iter()
        .filter(|name| !here.contains(*name))
        .cloned()
        .collect())
}

fn is_free(tx: &Tx<'_>, campaign: i64, ordinal: i64) -> Result<bool, Cause> {
    let taken = tx.one(
        "SELECT code FROM pool_slot WHERE campaign = $1 AND ordinal = $2",
        &[campaign.into(), ordinal.into()],
        |row| row.int(0),
    )?;
    Ok(taken.is_none())
}

/// The batch of the codes of a campaign that a store has told of.
fn told_batch(tx: &Tx<'_>, campaign: i64) -> Result<i64, Cause> {
    let known = tx.one(
        "SELECT id FROM batch WHERE campaign = $1 AND how = $2",
        &[campaign.into(), TOLD_BATCH.into()],
        |row| row.int(0),
    )?;
    match known {
        Some(known) => Ok(known),
        None => tx.insert(
            "INSERT INTO batch (campaign, how, is_published, first_code, code_count, \
             first_ordinal, ordinal_count) VALUES ($1, $2, 1, 0, 0, 0, 0) RETURNING id",
            &[campaign.into(), TOLD_BATCH.into()],
        ),
    }
}
