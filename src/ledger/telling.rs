//! At a hub: what is told to a store, a page at a time.
//!
//! Invariant: a page is one view of the ledger, and what it holds is as it stands in that view. The
//! feed's head is read first and what the hub has of the store second, so that whatever is written
//! meanwhile is told with the next page. A page ends after [`CODES_MAX`] codes, in the middle of a
//! batch too, and the next begins where it ended.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::conflict::ConflictKind;
use crate::domain::entry::{Body, Hash, Recovered, hex};
use crate::domain::verdict::CodeState;
use crate::domain::wire::{
    CODES_MAX, Cursor, Down, Item, Page, WireCampaign, WireCode, WireConflict, WireCustomer,
    WireLease, WireOperator, WireStory, WireTestMode,
};
use crate::ledger::chain::{OWN_NODE, side_of};
use crate::ledger::codes::{shapes, state_number};
use crate::ledger::engine::{Row, Tx};
use crate::ledger::error::Cause;
use crate::ledger::feed::{self, EVERYBODY, FeedKind};
use crate::ledger::{
    Act, Ledger, LedgerError, behind, bulk, campaigns, customers, nodes, stores, test_mode,
};

/// Rows of the feed that are looked at for one page.
const ROWS_MAX: i64 = 2_000;

impl Ledger {
    /// What a node has not been told yet, as much as fits into a page. The node is let in already.
    pub fn down_page(&mut self, down: &Down, act: &Act) -> Result<Page, LedgerError> {
        self.place_what_waits()?;
        self.read("tell", &down.hello.node, |tx| page(tx, down, act))
    }
}

fn page(tx: &Tx<'_>, down: &Down, act: &Act) -> Result<Page, Cause> {
    let node = nodes::find(tx, &down.hello.node)?
        .ok_or_else(|| Cause::Damaged(format!("no store has the node {}", down.hello.node)))?;
    let head = feed::position(tx)?;
    let mut welcome = stores::welcome(tx, node, act.now)?;
    welcome.feed_position = head;
    behind::say_what_is_here(tx, &mut welcome, &down.hub)?;
    if welcome.is_behind {
        // What is here is older than what was told: nothing of it would be true.
        return Ok(Page {
            welcome,
            after: down.after,
            items: Vec::new(),
            cursor: down.after,
            more: false,
            codes_ahead: 0,
        });
    }
    // A store that is ahead of the feed was told by a life of the hub that is gone: it begins anew.
    let after = if down.after.position > head {
        Cursor::default()
    } else {
        down.after
    };
    let mut telling = Telling::new(tx, node, after);
    let is_more = telling.gather(head)?;
    telling.put_codes()?;
    Ok(Page {
        welcome,
        after: down.after,
        items: telling.items,
        cursor: telling.cursor,
        more: is_more,
        codes_ahead: codes_ahead(tx, telling.cursor, head)?,
    })
}

/// Codes of the batches that stand in the feed after a place, up to its head.
fn codes_ahead(tx: &Tx<'_>, cursor: Cursor, head: i64) -> Result<u64, Cause> {
    let whole = tx.one(
        "SELECT coalesce(sum(b.code_count), 0) FROM feed f JOIN batch b ON b.id = f.subject \
         WHERE f.kind = $1 AND f.position > $2 AND f.position <= $3 AND b.is_published = 1",
        &[
            FeedKind::Batch.number().into(),
            cursor.position.into(),
            head.into(),
        ],
        |row| row.int(0),
    )?;
    let told = match cursor.code_after {
        0 => None,
        last => tx.one(
            "SELECT first_code FROM batch WHERE first_code <= $1 AND first_code + code_count > $1 \
             AND is_published = 1",
            &[last.into()],
            |row| Ok(last - row.int(0)? + 1),
        )?,
    };
    let left = whole.unwrap_or(0) - told.unwrap_or(0);
    Ok(left.max(0).unsigned_abs())
}

/// A page that is being written.
struct Telling<'t, 'c> {
    tx: &'t Tx<'c>,
    node: i64,
    after: Cursor,
    cursor: Cursor,
    items: Vec<Item>,
    codes: Vec<ToldCode>,
    owners: Vec<WireCustomer>,
    code_count: usize,
    campaigns: BTreeSet<i64>,
    customers: BTreeSet<i64>,
}

impl<'t, 'c> Telling<'t, 'c> {
    fn new(tx: &'t Tx<'c>, node: i64, after: Cursor) -> Telling<'t, 'c> {
        Telling {
            tx,
            node,
            after,
            cursor: after,
            items: Vec::new(),
            codes: Vec::new(),
            owners: Vec::new(),
            code_count: 0,
            campaigns: BTreeSet::new(),
            customers: BTreeSet::new(),
        }
    }

    /// Goes along the feed up to its head; whether there is more than fits.
    fn gather(&mut self, head: i64) -> Result<bool, Cause> {
        let rows = self.tx.all(
            "SELECT kind, subject, position FROM feed \
             WHERE position > $1 AND position <= $2 AND (node = $3 OR node = $4) \
             ORDER BY position LIMIT $5",
            &[
                self.after.position.into(),
                head.into(),
                EVERYBODY.into(),
                self.node.into(),
                ROWS_MAX.into(),
            ],
            |row| Ok((FeedKind::of_number(row.int(0)?)?, row.int(1)?, row.int(2)?)),
        )?;
        let is_all = i64::try_from(rows.len()).is_ok_and(|count| count < ROWS_MAX);
        let mut changed = changed_codes(self.tx, &rows)?;
        for (kind, subject, position) in rows {
            let is_whole = match kind {
                FeedKind::Batch => self.tell_batch(subject)?,
                FeedKind::Code => self.tell_code(changed.remove(&subject))?,
                FeedKind::Campaign => self.tell_campaign(subject)?,
                FeedKind::Customer => self.tell_customer(subject)?,
                FeedKind::Lease => self.tell_lease(subject)?,
                FeedKind::Recall => self.tell_recall(subject)?,
                FeedKind::Conflict => self.tell_conflict(subject)?,
                FeedKind::Operator => self.tell_operator(subject)?,
            };
            if !is_whole {
                return Ok(true);
            }
            self.cursor = Cursor {
                position,
                code_after: 0,
            };
        }
        if is_all {
            self.cursor = Cursor {
                position: head,
                code_after: 0,
            };
        }
        Ok(!is_all)
    }

    fn room(&self) -> usize {
        let used = self.code_count.max(self.customers.len());
        CODES_MAX.saturating_sub(used)
    }

    /// The codes gathered so far stand before whatever comes next.
    fn put_codes(&mut self) -> Result<(), Cause> {
        if !self.owners.is_empty() {
            self.items.push(Item::Customers {
                customers: std::mem::take(&mut self.owners),
            });
        }
        if !self.codes.is_empty() {
            let mut codes = std::mem::take(&mut self.codes);
            complete(self.tx, &mut codes)?;
            self.items.push(Item::Codes {
                codes: codes.into_iter().map(|code| code.wire).collect(),
            });
        }
        Ok(())
    }

    fn put(&mut self, item: Item) -> Result<(), Cause> {
        self.put_codes()?;
        self.items.push(item);
        Ok(())
    }

    /// A batch from where the page before ended in it; whether it was told to its end.
    fn tell_batch(&mut self, batch: i64) -> Result<bool, Cause> {
        let place = self.tx.one(
            "SELECT first_code, code_count FROM batch WHERE id = $1 AND is_published = 1",
            &[batch.into()],
            |row| Ok((row.int(0)?, row.int(1)?)),
        )?;
        let Some((first, count)) = place else {
            return Ok(true);
        };
        let end = first + count;
        let resumed = self.cursor.code_after;
        let begun = if (first..end).contains(&resumed) {
            resumed
        } else {
            first - 1
        };
        let room = self.room();
        let codes = self.tx.all(
            &format!("{CODE} AND c.id > $1 AND c.id < $2 AND c.batch = $3 ORDER BY c.id LIMIT $4"),
            &[
                begun.into(),
                end.into(),
                batch.into(),
                i64::try_from(room).unwrap_or(i64::MAX).into(),
            ],
            told_code,
        )?;
        let (told, last) = (codes.len(), codes.last().map_or(begun, |code| code.id));
        for code in codes {
            self.put_code(code)?;
        }
        if told < room || last + 1 >= end {
            return Ok(true);
        }
        self.cursor.code_after = last;
        Ok(false)
    }

    fn tell_code(&mut self, code: Option<ToldCode>) -> Result<bool, Cause> {
        if self.room() == 0 {
            return Ok(false);
        }
        if let Some(code) = code {
            self.put_code(code)?;
        }
        Ok(true)
    }

    /// A code, and before it what the store must know to read it: its campaign, where that has
    /// changed since, and whose it is.
    fn put_code(&mut self, code: ToldCode) -> Result<(), Cause> {
        self.introduce_campaign(code.campaign)?;
        if let Some(customer) = code.customer {
            self.put_owner(customer)?;
        }
        self.code_count += 1;
        self.codes.push(code);
        Ok(())
    }

    fn put_owner(&mut self, customer: i64) -> Result<(), Cause> {
        for one in with_joined(self.tx, customer)? {
            if self.customers.insert(one) {
                self.owners.push(wire_customer(self.tx, one)?);
            }
        }
        Ok(())
    }

    fn tell_customer(&mut self, customer: i64) -> Result<bool, Cause> {
        if self.room() == 0 {
            return Ok(false);
        }
        self.put_owner(customer)?;
        Ok(true)
    }

    /// A campaign that changed after what names it stands later in the feed, and is told at once.
    fn introduce_campaign(&mut self, campaign: i64) -> Result<(), Cause> {
        if self.campaigns.contains(&campaign) {
            return Ok(());
        }
        let placed = self.tx.one(
            "SELECT position FROM feed WHERE kind = $1 AND subject = $2 AND node = $3",
            &[
                FeedKind::Campaign.number().into(),
                campaign.into(),
                EVERYBODY.into(),
            ],
            |row| row.maybe_int(0),
        )?;
        if placed.flatten().is_none_or(|at| at > self.after.position) {
            let told = wire_campaign(self.tx, campaign)?;
            self.items.push(Item::Campaign(Box::new(told)));
        }
        self.campaigns.insert(campaign);
        Ok(())
    }

    fn tell_campaign(&mut self, campaign: i64) -> Result<bool, Cause> {
        if self.campaigns.insert(campaign) {
            let told = wire_campaign(self.tx, campaign)?;
            self.put(Item::Campaign(Box::new(told)))?;
        }
        Ok(true)
    }

    fn tell_lease(&mut self, lease: i64) -> Result<bool, Cause> {
        let found = self.tx.one(
            "SELECT l.campaign, m.name, l.first_ordinal, l.end_ordinal, l.next_ordinal, l.holder, \
             l.grant_number FROM lease l JOIN campaign m ON m.id = l.campaign WHERE l.id = $1",
            &[lease.into()],
            |row| {
                let is_theirs = row.int(5)? == self.node;
                let lease = WireLease {
                    campaign: campaigns::id_of(&row.text(1)?)?,
                    first_ordinal: row.int(2)?,
                    end_ordinal: row.int(3)?,
                    next_ordinal: row.int(4)?,
                    grant_number: if is_theirs { row.int(6)? } else { 0 },
                };
                Ok((row.int(0)?, lease))
            },
        )?;
        if let Some((campaign, lease)) = found {
            self.introduce_campaign(campaign)?;
            self.put(Item::Lease(lease))?;
        }
        Ok(true)
    }

    /// A code is asked back for as long as the node holds it and somebody wants it.
    fn tell_recall(&mut self, code: i64) -> Result<bool, Cause> {
        let recalled = self.tx.one(
            "SELECT c.folded FROM recall r JOIN code c ON c.id = r.code \
             WHERE r.code = $1 AND r.node = $2 AND c.holder = $2",
            &[code.into(), self.node.into()],
            |row| row.text(0),
        )?;
        if let Some(code) = recalled {
            self.put(Item::Recall { code })?;
        }
        Ok(true)
    }

    fn tell_conflict(&mut self, conflict: i64) -> Result<bool, Cause> {
        let found = self.tx.one(
            "SELECT x.id, x.kind, x.entry, c.folded, m.name, x.told, x.raised_at_ms, x.is_open, \
             x.decision, x.reason, x.settled_by, x.settled_at_ms FROM conflict x \
             LEFT JOIN code c ON c.id = x.code LEFT JOIN campaign m ON m.id = x.campaign \
             WHERE x.id = $1",
            &[conflict.into()],
            wire_conflict,
        )?;
        if let Some(conflict) = found {
            self.put(Item::Conflict(Box::new(conflict)))?;
        }
        Ok(true)
    }

    fn tell_operator(&mut self, operator: i64) -> Result<bool, Cause> {
        let found = self.tx.one(
            "SELECT name, role, pin_hash, badge_hash, is_removed FROM operator WHERE id = $1",
            &[operator.into()],
            |row| {
                Ok(WireOperator {
                    name: row.text(0)?,
                    role: row.text(1)?,
                    pin_hash: row.maybe_text(2)?,
                    badge_hash: row.maybe_text(3)?,
                    is_removed: row.int(4)? != 0,
                })
            },
        )?;
        if let Some(operator) = found {
            self.put(Item::Operator(operator))?;
        }
        Ok(true)
    }
}

/// A code on its way to be told, with the local numbers that are not.
pub(crate) struct ToldCode {
    pub(crate) id: i64,
    pub(crate) campaign: i64,
    pub(crate) customer: Option<i64>,
    newest_entry: Option<i64>,
    pub(crate) wire: WireCode,
}

/// Test codes are told to nobody: by their shape no counter honours them.
pub(crate) const CODE: &str = "SELECT c.id, c.folded, c.shown, m.name, c.ordinal, c.state, c.uses_made, \
    n.name, c.grant_number, c.customer, c.expires_at_ms, c.newest_entry, c.campaign, u.public_id \
    FROM code c JOIN campaign m ON m.id = c.campaign JOIN node n ON n.id = c.holder \
    JOIN batch b ON b.id = c.batch LEFT JOIN customer u ON u.id = c.customer \
    WHERE b.is_published = 1 AND c.state <> 5";

pub(crate) fn told_code(row: &Row<'_>) -> Result<ToldCode, Cause> {
    Ok(ToldCode {
        id: row.int(0)?,
        campaign: row.int(12)?,
        customer: row.maybe_int(9)?,
        newest_entry: row.maybe_int(11)?,
        wire: WireCode {
            code: row.text(1)?,
            shown: row.maybe_text(2)?,
            campaign: campaigns::id_of(&row.text(3)?)?,
            ordinal: row.maybe_int(4)?,
            state: row.int(5)?,
            uses_made: row.count(6)?,
            holder: row.text(7)?,
            grant_number: row.int(8)?,
            customer: row.maybe_text(13)?,
            expires_at_ms: row.maybe_int(10)?,
            first: None,
            void_reason: None,
            hub_uses: Vec::new(),
        },
    })
}

/// The codes among the subjects of these rows of the feed.
fn changed_codes(
    tx: &Tx<'_>,
    rows: &[(FeedKind, i64, i64)],
) -> Result<BTreeMap<i64, ToldCode>, Cause> {
    let codes: Vec<i64> = rows
        .iter()
        .filter(|(kind, _, _)| *kind == FeedKind::Code)
        .map(|(_, subject, _)| *subject)
        .collect();
    let found = bulk::find(tx, &format!("{CODE} AND c.id"), &[], &codes, "", told_code)?;
    Ok(found.into_iter().map(|code| (code.id, code)).collect())
}

/// What a use by an own entry is called, also once that entry was lost and came back.
pub(crate) fn use_name(body: &Body, hash: &Hash) -> String {
    body.recovered
        .as_ref()
        .and_then(|recovered| recovered.entry.clone())
        .unwrap_or_else(|| Recovered::name_of(hash))
}

/// What an entry of a code's list tells of it.
struct Told {
    code: i64,
    previous: Option<i64>,
    /// Whether it ended the code's life, and why.
    is_end: bool,
    void_reason: Option<String>,
    /// The use that it tells of, where that was not undone.
    first: Option<WireStory>,
    /// What that is called, where it is this ledger's own.
    hub_use: Option<String>,
}

/// Adds what stands in the entries of codes: who first redeemed them, and why they are void. One step
/// of all their lists at a time.
fn complete(tx: &Tx<'_>, codes: &mut [ToldCode]) -> Result<(), Cause> {
    let mut places = BTreeMap::new();
    let mut next = Vec::new();
    for (place, code) in codes.iter().enumerate() {
        let is_void = code.wire.state == state_number(CodeState::Void);
        if code.wire.uses_made > 0 || is_void {
            places.insert(code.id, (place, is_void));
            next.extend(code.newest_entry);
        }
    }
    while !next.is_empty() {
        next.sort_unstable();
        let read = bulk::find(
            tx,
            "SELECT e.code, e.kind, e.body, r.entry, coalesce(n.store, l.store), s.text, \
             e.previous_of_code, e.node, e.hash FROM entry e JOIN node n ON n.id = e.node \
             JOIN ledger l ON l.id = 1 LEFT JOIN reversal r ON r.redemption = e.id \
             LEFT JOIN side s ON s.entry = e.id WHERE e.id",
            &[],
            &next,
            "",
            told_entry,
        )?;
        next.clear();
        for told in read {
            let Some((place, is_newest_end)) = places.get_mut(&told.code) else {
                continue;
            };
            let Some(code) = codes.get_mut(*place) else {
                continue;
            };
            next.extend(told.previous);
            if told.is_end && *is_newest_end {
                code.wire.void_reason = told.void_reason;
                *is_newest_end = false;
            }
            code.wire.hub_uses.extend(told.hub_use);
            if let Some(first) = told.first {
                code.wire.first = Some(first);
            }
        }
    }
    // What this hub did for a store happened at that store's counter.
    for code in codes {
        if let Some(first) = &mut code.wire.first
            && let Some((store, counter)) = nodes::asking_counter(tx, &first.counter)?
        {
            first.store = store;
            first.counter = counter;
        }
    }
    Ok(())
}

fn told_entry(row: &Row<'_>) -> Result<Told, Cause> {
    let kind = row.text(1)?;
    let is_end = kind == "voided";
    let void_reason = if is_end {
        side_of(row.maybe_text(5)?.as_deref())?.reason
    } else {
        None
    };
    let mut hub_use = None;
    let first = if kind == "redeemed" && row.maybe_int(3)?.is_none() {
        let body: Body = serde_json::from_str(&row.text(2)?)?;
        if row.int(7)? == OWN_NODE {
            hub_use = Some(use_name(&body, &row.hash(8)?));
        }
        Some(WireStory {
            at_ms: body.at_ms,
            store: row.text(4)?,
            counter: body.counter,
            operator: body.operator,
        })
    } else {
        None
    };
    Ok(Told {
        code: row.int(0)?,
        previous: row.maybe_int(6)?,
        is_end,
        void_reason,
        first,
        hub_use,
    })
}

/// A code as stores are told of it; none: it is not to be told of.
pub(crate) fn wire_code(tx: &Tx<'_>, code: i64) -> Result<Option<WireCode>, Cause> {
    let told = tx.one(&format!("{CODE} AND c.id = $1"), &[code.into()], told_code)?;
    let mut told: Vec<ToldCode> = told.into_iter().collect();
    complete(tx, &mut told)?;
    Ok(told.into_iter().next().map(|told| told.wire))
}

/// A customer and everybody who was joined to them.
pub(crate) fn with_joined(tx: &Tx<'_>, customer: i64) -> Result<Vec<i64>, Cause> {
    let mut found = vec![customers::standing(tx, customer)?];
    let mut place = 0;
    while let Some(kept) = found.get(place).copied() {
        let gone = tx.all(
            "SELECT id FROM customer WHERE joined_to = $1 ORDER BY id",
            &[kept.into()],
            |row| row.int(0),
        )?;
        found.extend(gone);
        place += 1;
    }
    Ok(found)
}

/// A customer as stores are told of them: by hashes alone.
pub(crate) fn wire_customer(tx: &Tx<'_>, customer: i64) -> Result<WireCustomer, Cause> {
    let mut told = tx
        .one(
            "SELECT u.public_id, k.public_id, u.erased_at_ms FROM customer u \
             LEFT JOIN customer k ON k.id = u.joined_to WHERE u.id = $1",
            &[customer.into()],
            |row| {
                Ok(WireCustomer {
                    customer: row.text(0)?,
                    joined_to: row.maybe_text(1)?,
                    erased_at_ms: row.maybe_int(2)?,
                    ..WireCustomer::default()
                })
            },
        )?
        .ok_or_else(|| Cause::Damaged(format!("customer {customer} is missing")))?;
    told.hashes = tx.all(
        "SELECT m.name, h.hash FROM contact_hash h JOIN campaign m ON m.id = h.campaign \
         WHERE h.customer = $1 AND (h.batch IS NULL OR EXISTS \
         (SELECT 1 FROM batch b WHERE b.id = h.batch AND b.is_published = 1)) \
         ORDER BY h.campaign, h.hash",
        &[customer.into()],
        |row| Ok((campaigns::id_of(&row.text(0)?)?, hex(&row.hash(1)?))),
    )?;
    Ok(told)
}

pub(crate) fn wire_campaign(tx: &Tx<'_>, campaign: i64) -> Result<WireCampaign, Cause> {
    let told = campaigns::load(tx, campaign)?;
    let shapes = shapes(tx)?
        .into_iter()
        .map(|shape| (shape.prefix, u32::try_from(shape.length).unwrap_or(0)))
        .collect();
    Ok(WireCampaign {
        campaign: told.id,
        revision: told.revision,
        is_paused: told.is_paused,
        rules: told.rules,
        contact_key: hex(&campaigns::contact_key(tx, campaign)?),
        shapes,
        test_mode: wire_test_mode(tx, campaign)?,
    })
}

fn wire_test_mode(tx: &Tx<'_>, campaign: i64) -> Result<Option<WireTestMode>, Cause> {
    let Some((until_ms, testers)) = test_mode::state(tx, campaign)? else {
        return Ok(None);
    };
    let mut customers = Vec::new();
    for tester in testers {
        for one in with_joined(tx, tester)? {
            customers.push(wire_customer(tx, one)?);
        }
    }
    Ok(Some(WireTestMode {
        until_ms,
        customers,
    }))
}

fn wire_conflict(row: &Row<'_>) -> Result<WireConflict, Cause> {
    let kind = row.text(1)?;
    let kind: ConflictKind = kind
        .parse()
        .ok()
        .ok_or_else(|| Cause::Damaged(format!("a conflict of kind {kind:?}")))?;
    Ok(WireConflict {
        number: row.int(0)?,
        kind,
        entry: row.text(2)?,
        code: row.maybe_text(3)?,
        campaign: row
            .maybe_text(4)?
            .map(|name| campaigns::id_of(&name))
            .transpose()?,
        told: row.text(5)?,
        raised_at_ms: row.int(6)?,
        is_open: row.int(7)? != 0,
        decision: row.maybe_text(8)?,
        reason: row.maybe_text(9)?,
        settled_by: row.maybe_text(10)?,
        settled_at_ms: row.maybe_int(11)?,
    })
}
