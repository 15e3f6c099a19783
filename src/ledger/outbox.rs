//! At a store: what goes up to the hub, and what the hub says of it.
//!
//! The outbox is "entries above the acknowledged seq", not a second queue. An answer moves it only
//! forward, and only where it is about this life of the ledger.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::domain::conflict::ConflictKind;
use crate::domain::entry::{Body, CHAIN_START, Fact, Hash, hex};
use crate::domain::ids::CampaignId;
use crate::domain::lease::rests;
use crate::domain::wire::{
    Demand, ENTRIES_MAX, Hello, Standing, UP_BYTES_MAX, Up, UpAnswer, WIRE, WireAttempt,
    WireCustomer, WireEntry,
};
use crate::ledger::chain::{Head, OWN_NODE};
use crate::ledger::customers::kind_of;
use crate::ledger::engine::Tx;
use crate::ledger::error::Cause;
use crate::ledger::lease::DEMAND_MS;
use crate::ledger::link::HubLink;
use crate::ledger::tally::hour_of;
use crate::ledger::{Act, Ledger, LedgerError, Writing, behind, bulk, link, recovery};

/// Attempts in one batch at most.
const ATTEMPTS_MAX: i64 = 500;

/// Of a batch's bytes, those that entries and attempts may take up; the rest is for customers.
const ENTRY_BYTES_MAX: usize = UP_BYTES_MAX / 2;

/// What an answer told that was not known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Heard {
    /// Entries that are in conflict.
    pub conflicts: u64,
    /// Entries that the hub cannot read.
    pub parked: u64,
    /// Whether this ledger may act as a holder.
    pub is_active: bool,
}

impl Ledger {
    /// What is to be sent to the hub next, empty where all of it is there; none: there is no hub.
    pub fn up_batch(&mut self, now: Timestamp) -> Result<Option<Up>, LedgerError> {
        self.read("read", "what goes to the hub", |tx| up_batch(tx, now))
    }

    /// Keeps what the hub answered to a batch.
    pub fn heard_up(&mut self, answer: &UpAnswer, act: &Act) -> Result<Heard, LedgerError> {
        self.finish_letting_go()?;
        let heard = self.write("keep", "the hub's answer", |writing| {
            heard(writing, answer, act)
        })?;
        self.finish_letting_go()?;
        Ok(heard)
    }
}

/// Who calls, at every contact.
pub(crate) fn hello(head: &Head, link: &HubLink, now: Timestamp) -> Hello {
    Hello {
        wire: WIRE,
        node: head.node.clone(),
        incarnation: head.incarnation,
        now_ms: now.as_millisecond(),
        unsent: (head.seq - link.acked_seq).max(0).unsigned_abs(),
    }
}

fn up_batch(tx: &Tx<'_>, now: Timestamp) -> Result<Option<Up>, Cause> {
    let Some(link) = link::load(tx)? else {
        return Ok(None);
    };
    batch_after(tx, (link.acked_seq, link.acked_attempt), now)
}

/// What follows an entry and an attempt; none: there is no hub.
pub(crate) fn batch_after(
    tx: &Tx<'_>,
    (seq, attempt): (i64, i64),
    now: Timestamp,
) -> Result<Option<Up>, Cause> {
    let Some(link) = link::load(tx)? else {
        return Ok(None);
    };
    let head = Head::load(tx)?;
    let is_named = link.named_after.is_none() || seq != link.acked_seq;
    let (entries, bodies) = if is_named {
        entries_after(tx, &head, seq)?
    } else {
        (Vec::new(), Vec::new())
    };
    let first = entries.first().map_or(head.seq + 1, |entry| entry.seq);
    let previous = hash_before(tx, &head, first)?;
    // The hub has all entries first: what they tell is not to be told as lost.
    let known = if entries.is_empty() && seq == link.acked_seq {
        recovery::known_codes(tx, &link)?.map(Box::new)
    } else {
        None
    };
    Ok(Some(Up {
        hello: hello(&head, &link, now),
        previous_hash: hex(&previous),
        customers: customers_named(tx, &bodies)?,
        entries,
        attempts: attempts_after(tx, attempt)?,
        demands: demands(tx, now)?,
        feed_position: link.cursor.position,
        hub: behind::known(tx, &link)?,
        known,
    }))
}

/// The entries after a seq, as many as one batch takes, with their bodies as they read.
fn entries_after(
    tx: &Tx<'_>,
    head: &Head,
    after: i64,
) -> Result<(Vec<WireEntry>, Vec<Body>), Cause> {
    let (mut entries, mut bodies) = (Vec::new(), Vec::new());
    let mut bytes = 0;
    // A later life goes on counting where the former one had come to, so lives follow each other.
    for incarnation in 1..=head.incarnation {
        let left = ENTRIES_MAX.saturating_sub(entries.len());
        if left == 0 || bytes >= ENTRY_BYTES_MAX {
            break;
        }
        let read = tx.all(
            "SELECT e.seq, e.body, e.hash, s.salt, s.text FROM entry e \
             LEFT JOIN side s ON s.entry = e.id WHERE e.node = $1 AND e.incarnation = $2 \
             AND e.seq > $3 ORDER BY e.seq LIMIT $4",
            &[
                OWN_NODE.into(),
                incarnation.into(),
                after.into(),
                i64::try_from(left).unwrap_or(i64::MAX).into(),
            ],
            |row| {
                let side = row.maybe_text(4)?;
                let salt = match &side {
                    Some(_) => Some(hex(&row.blob(3)?)),
                    None => None,
                };
                Ok(WireEntry {
                    incarnation,
                    seq: row.int(0)?,
                    body: row.text(1)?,
                    hash: hex(&row.hash(2)?),
                    salt,
                    side,
                })
            },
        )?;
        for entry in read {
            bytes += serde_json::to_string(&entry)?.len();
            if bytes > ENTRY_BYTES_MAX && !entries.is_empty() {
                break;
            }
            // One that cannot be read here is for the hub to judge: it never holds up the others.
            bodies.extend(serde_json::from_str::<Body>(&entry.body).ok());
            entries.push(entry);
        }
    }
    Ok((entries, bodies))
}

/// The hash of the entry before a seq.
fn hash_before(tx: &Tx<'_>, head: &Head, seq: i64) -> Result<Hash, Cause> {
    if seq == head.seq + 1 {
        return Ok(head.hash);
    }
    for incarnation in (1..=head.incarnation).rev() {
        let found = tx.one(
            "SELECT hash FROM entry WHERE node = $1 AND incarnation = $2 AND seq = $3",
            &[OWN_NODE.into(), incarnation.into(), (seq - 1).into()],
            |row| row.hash(0),
        )?;
        if let Some(hash) = found {
            return Ok(hash);
        }
    }
    Ok(CHAIN_START)
}

/// The customers that entries name, with all that is known of them.
fn customers_named(tx: &Tx<'_>, bodies: &[Body]) -> Result<Vec<WireCustomer>, Cause> {
    let mut named = BTreeSet::new();
    for body in bodies {
        named.extend(body.customer.clone());
        if let Fact::CustomersJoined { gone } = &body.fact {
            named.insert(gone.clone());
        }
    }
    let named: Vec<String> = named.into_iter().collect();
    let found = bulk::find(
        tx,
        "SELECT u.id, u.public_id, u.name, u.consented_at_ms, u.erased_at_ms, k.public_id \
         FROM customer u LEFT JOIN customer k ON k.id = u.joined_to WHERE u.public_id",
        &[],
        &named,
        "",
        |row| {
            let customer = WireCustomer {
                customer: row.text(1)?,
                name: row.maybe_text(2)?,
                consented_at_ms: row.maybe_int(3)?,
                erased_at_ms: row.maybe_int(4)?,
                joined_to: row.maybe_text(5)?,
                contacts: Vec::new(),
                hashes: Vec::new(),
            };
            Ok((row.int(0)?, customer))
        },
    )?;
    let mut customers = Vec::new();
    for (number, mut customer) in found {
        customer.contacts = tx.all(
            "SELECT kind, normal_form FROM contact WHERE customer = $1 AND batch IS NULL \
             ORDER BY kind, normal_form",
            &[number.into()],
            |row| {
                let kind = kind_of(row.int(0)?)
                    .ok_or_else(|| Cause::Damaged("a contact of an unknown kind".into()))?;
                Ok((kind.as_str().to_owned(), row.text(1)?))
            },
        )?;
        customer.hashes = tx.all(
            // A hash that the hub knows as another's went over to that one here: whose it was as well
            // is for the hub to say.
            "SELECT m.name, h.hash FROM contact_hash h JOIN campaign m ON m.id = h.campaign \
             WHERE h.customer = $1 AND h.batch IS NULL UNION \
             SELECT m.name, h.hash FROM likeness k \
             JOIN contact_hash h ON h.customer = k.other AND h.campaign = k.campaign \
             JOIN campaign m ON m.id = k.campaign WHERE k.customer = $1 AND h.batch IS NULL \
             ORDER BY 1, 2",
            &[number.into()],
            |row| Ok((campaign_id(&row.text(0)?)?, hex(&row.hash(1)?))),
        )?;
        customers.push(customer);
    }
    Ok(customers)
}

fn campaign_id(name: &str) -> Result<CampaignId, Cause> {
    name.parse()
        .ok()
        .ok_or_else(|| Cause::Damaged(format!("a campaign called {name:?}")))
}

fn attempts_after(tx: &Tx<'_>, after: i64) -> Result<Vec<WireAttempt>, Cause> {
    tx.all(
        "SELECT a.id, a.at_ms, a.kind, a.answer, c.folded, m.name, u.public_id, a.counter, \
         a.operator, a.trigger_text, a.key, a.raw, a.reason, a.notes FROM attempt a \
         LEFT JOIN code c ON c.id = a.code LEFT JOIN campaign m ON m.id = a.campaign \
         LEFT JOIN customer u ON u.id = a.customer WHERE a.id > $1 ORDER BY a.id LIMIT $2",
        &[after.into(), ATTEMPTS_MAX.into()],
        |row| {
            Ok(WireAttempt {
                number: row.int(0)?,
                at_ms: row.int(1)?,
                kind: row.text(2)?,
                answer: row.text(3)?,
                code: row.maybe_text(4)?,
                campaign: row.maybe_text(5)?,
                customer: row.maybe_text(6)?,
                counter: row.text(7)?,
                operator: row.maybe_text(8)?,
                trigger: row.maybe_text(9)?,
                key: row.maybe_text(10)?,
                raw: row.maybe_text(11)?,
                reason: row.maybe_text(12)?,
                notes: row.maybe_text(13)?,
            })
        },
    )
}

/// What is left of each campaign's leases, and how fast it goes.
fn demands(tx: &Tx<'_>, now: Timestamp) -> Result<Vec<Demand>, Cause> {
    let now_ms = now.as_millisecond();
    let since = hour_of(now_ms - DEMAND_MS);
    tx.all(
        "SELECT m.name, (SELECT coalesce(sum(l.end_ordinal - l.next_ordinal), 0) FROM lease l \
         WHERE l.campaign = m.id AND l.holder = $1), \
         (SELECT coalesce(sum(h.amount), 0) FROM tally_hour h \
         WHERE h.campaign = m.id AND h.kind = 'assigned' AND h.hour >= $2), r.at_ms \
         FROM campaign m LEFT JOIN lease_return r ON r.campaign = m.id ORDER BY m.id",
        &[OWN_NODE.into(), since.into()],
        |row| {
            Ok(Demand {
                campaign: campaign_id(&row.text(0)?)?,
                left: row.int(1)?.max(0).unsigned_abs(),
                assigned_7d: row.int(2)?.max(0).unsigned_abs(),
                wanted: 0,
                rests: row
                    .maybe_int(3)?
                    .is_some_and(|returned_ms| rests(now_ms - returned_ms)),
            })
        },
    )
}

fn heard(writing: &mut Writing<'_, '_>, answer: &UpAnswer, act: &Act) -> Result<Heard, Cause> {
    let Some(link) = link::load(writing.tx)? else {
        return Ok(Heard::default());
    };
    if answer.welcome.hub != link.hub {
        return Err(Cause::AnotherHub(answer.welcome.hub.clone()));
    }
    let mut welcome = answer.welcome.clone();
    let is_this_life = welcome.incarnation == writing.head.incarnation;
    if let Some(forked_after) = answer.forked_after
        && is_this_life
    {
        // What follows the newest entry that both have is of a life that the hub does not know.
        welcome.standing = Standing::Quarantined;
        welcome.acked_through = forked_after;
        writing.tx.execute(
            "UPDATE hub_link SET acked_seq = $1 WHERE id = 1 AND acked_seq > $1",
            &[forked_after.into()],
        )?;
    }
    if link::hear(writing, &welcome, act)? != link::Heard::Counts {
        return Ok(Heard::default());
    }
    if is_this_life {
        writing.tx.execute(
            "UPDATE hub_link SET acked_attempt = $1 WHERE id = 1 AND acked_attempt < $1 \
             AND $1 <= (SELECT coalesce(max(id), 0) FROM attempt)",
            &[answer.attempts_through.into()],
        )?;
    }
    if let Some((names_only, through)) = answer.known_through {
        recovery::has_told(writing.tx, names_only, through)?;
    }
    let mut heard = keep_outcomes(writing.tx, answer)?;
    heard.is_active = is_this_life && welcome.standing == Standing::Active;
    Ok(heard)
}

/// Keeps what became of entries; how many of them were not known.
fn keep_outcomes(tx: &Tx<'_>, answer: &UpAnswer) -> Result<Heard, Cause> {
    let mut heard = Heard::default();
    for outcome in &answer.outcomes {
        let (word, count) = if outcome.conflict.is_some() {
            ("conflict", &mut heard.conflicts)
        } else {
            ("parked", &mut heard.parked)
        };
        let local = tx.one(
            "SELECT id FROM entry WHERE node = $1 AND incarnation = $2 AND seq = $3",
            &[
                OWN_NODE.into(),
                outcome.incarnation.into(),
                outcome.seq.into(),
            ],
            |row| row.int(0),
        )?;
        let Some(local) = local else {
            continue;
        };
        let kept = tx.execute(
            "INSERT INTO outcome (entry, word, kind, conflict) VALUES ($1, $2, $3, $4) \
             ON CONFLICT DO NOTHING",
            &[
                local.into(),
                word.into(),
                outcome.conflict.map(ConflictKind::as_str).into(),
                outcome.number.into(),
            ],
        )?;
        *count += kept as u64;
    }
    Ok(heard)
}
