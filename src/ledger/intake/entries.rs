//! Writing the entries of a batch: as they came, linked into the lists of their codes; then what they
//! add up to, and what follows from those that are about more than a code.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::conflict::ConflictKind;
use crate::domain::entry::{Body, Fact, Side, instant, side_hash, unhex};
use crate::domain::ids::EntryId;
use crate::domain::local_time::day_number;
use crate::domain::verdict::CodeState;
use crate::domain::wire::Up;
use crate::ledger::agreed::{Fresh, FreshEntry, Persons, agree, agree_knowing, zone_of_node};
use crate::ledger::chain::{Head, OWN_NODE};
use crate::ledger::codes::{CodeRow, by_id, caller_of, redemption};
use crate::ledger::conflicts::{Raising, close_of, raise};
use crate::ledger::customer_day::CustomerDay;
use crate::ledger::engine::Value;
use crate::ledger::error::Cause;
use crate::ledger::feed::{EVERYBODY, FeedKind, touch, touch_all};
use crate::ledger::intake::chain::NewEntry;
use crate::ledger::intake::judge::{Facts, Judged, Known};
use crate::ledger::intake::{PARKED, Sender, people};
use crate::ledger::log::end_life;
use crate::ledger::tally::{Hours, count_hour};
use crate::ledger::{
    Act, Setting, Writing, behind, bulk, campaigns, customers, join, lease, recovery, second_code,
    setting_of,
};

/// Why a code is ended that was given out under a key that was given up.
const GIVEN_UP: &str = "the store that asked for it gave up waiting";

/// An entry as it is stored here.
struct Stored<'b> {
    entry: &'b NewEntry<'b>,
    /// None: it cannot be read.
    body: Option<&'b Body>,
    judged: Judged,
    local: i64,
    /// The entry before it in its code's list.
    previous: Option<i64>,
}

/// Takes in the entries that follow on.
pub(super) fn take(
    writing: &mut Writing<'_, '_>,
    sender: &Sender,
    up: &Up,
    new: &[NewEntry<'_>],
    act: &Act,
) -> Result<(), Cause> {
    let bodies: Vec<Option<Body>> = new
        .iter()
        .map(|entry| serde_json::from_str(&entry.wire.body).ok())
        .collect();
    let alike = people::merge(writing, &up.customers, &bodies)?;
    let mut facts = Facts::load(writing.tx, sender, &bodies)?;
    let own_life = behind::life(writing.tx, &writing.head)?;
    let codes: BTreeMap<i64, CodeRow> = facts.codes().map(|row| (row.id, row.clone())).collect();
    let mut batch: Vec<Stored<'_>> = new
        .iter()
        .zip(&bodies)
        .enumerate()
        .map(|(place, (entry, body))| Stored {
            entry,
            body: body.as_ref(),
            judged: body.as_ref().map_or_else(Judged::default, |body| {
                facts.judge(
                    place,
                    body,
                    is_of_former(up, (&writing.head, own_life), entry.wire.seq),
                )
            }),
            local: 0,
            previous: None,
        })
        .collect();
    let now_ms = act.now.as_millisecond();
    let newest = write(writing, sender, &mut batch, &codes, now_ms)?;
    keep_texts(writing, &batch)?;
    keep_outcomes(writing, &batch)?;
    bind(writing, &batch)?;
    count(writing, sender, &batch)?;
    raise_faults(writing, &batch, now_ms)?;
    let fresh = fresh(sender, &batch, codes, &newest);
    let mut persons = agree_knowing(writing.tx, &writing.head, fresh, now_ms)?;
    persons.extend(alike);
    for stored in &batch {
        let was_known = is_of_former(up, (&writing.head, own_life), stored.entry.wire.seq);
        follow(writing, sender, stored, &mut persons, (was_known, act))?;
    }
    second_code::look(writing.tx, &writing.head, &persons, now_ms)?;
    // Of an act that is known nothing changes here; its writer has counted it beside what it was told.
    let known = batch
        .iter()
        .filter(|stored| stored.judged.known_by.is_some())
        .filter_map(|stored| stored.judged.code);
    let told: BTreeSet<i64> = newest.keys().copied().chain(known).collect();
    touch_all(writing.tx, FeedKind::Code, told.into_iter(), EVERYBODY)
}

/// The codes of a batch and its entries, as they are known.
fn fresh<'b>(
    sender: &Sender,
    batch: &[Stored<'b>],
    mut codes: BTreeMap<i64, CodeRow>,
    newest: &BTreeMap<i64, Option<i64>>,
) -> Fresh<'b> {
    let entries = batch
        .iter()
        .filter(|stored| stored.judged.is_linked)
        .filter_map(|stored| {
            let wire = stored.entry.wire;
            let entry = FreshEntry {
                node: sender.node,
                id: EntryId {
                    node: sender.name.clone(),
                    incarnation: u32::try_from(wire.incarnation).ok()?,
                    seq: wire.seq.unsigned_abs(),
                },
                body: stored.body?,
                previous: stored.previous,
            };
            Some((stored.local, entry))
        })
        .collect();
    Fresh {
        codes: newest
            .iter()
            .filter_map(|(code, newest)| Some((codes.remove(code)?, *newest)))
            .collect(),
        entries,
    }
}

/// Whether an entry was written while another life of this hub stood, which may have had it, and more
/// that nobody here knows of: before its writer heard of this one. Where this hub was put back unnoticed
/// the life that is gone has the same number, or a higher one: whatever comes before its manager begins
/// another may have come to that one.
fn is_of_former(up: &Up, (head, own_life): (&Head, i64), seq: i64) -> bool {
    let has_heard = up.hub.life == 0 || up.hub.life >= own_life;
    !has_heard || head.is_behind() || seq <= up.hub.former_head
}

/// Inserts the entries and links them; answers the newest entry of every code's list.
fn write(
    writing: &Writing<'_, '_>,
    sender: &Sender,
    batch: &mut [Stored<'_>],
    codes: &BTreeMap<i64, CodeRow>,
    now_ms: i64,
) -> Result<BTreeMap<i64, Option<i64>>, Cause> {
    let tx = writing.tx;
    let mut newest: BTreeMap<i64, Option<i64>> = batch
        .iter()
        .filter(|stored| stored.judged.is_linked)
        .filter_map(|stored| codes.get(&stored.judged.code?))
        .map(|row| (row.id, row.newest_entry))
        .collect();
    // The first of a code follows what is here; the number of those before the others is not known
    // yet.
    let mut seen = BTreeSet::new();
    let rows: Vec<Vec<Value<'_>>> = batch
        .iter()
        .map(|stored| {
            let linked = stored.judged.code.filter(|_| stored.judged.is_linked);
            let previous = linked
                .filter(|code| seen.insert(*code))
                .and_then(|code| newest.get(&code).copied().flatten());
            vec![
                sender.node.into(),
                stored.entry.wire.incarnation.into(),
                stored.entry.wire.seq.into(),
                stored.body.map_or(now_ms, |body| body.at_ms).into(),
                stored.body.map_or(PARKED, |body| body.fact.kind()).into(),
                stored.judged.campaign.into(),
                stored.judged.code.into(),
                previous.into(),
                (&stored.entry.wire.body).into(),
                stored.entry.hash.as_slice().into(),
            ]
        })
        .collect();
    let locals = bulk::insert_numbered(
        tx,
        "INSERT INTO entry (node, incarnation, seq, at_ms, kind, campaign, code, \
         previous_of_code, body, hash)",
        ("seq", 2),
        &rows,
    )?;
    let mut seen = BTreeSet::new();
    for (stored, local) in batch.iter_mut().zip(locals) {
        stored.local = local;
        let Some(code) = stored.judged.code.filter(|_| stored.judged.is_linked) else {
            continue;
        };
        stored.previous = newest.insert(code, Some(stored.local)).flatten();
        if !seen.insert(code) {
            tx.later(
                "UPDATE entry SET previous_of_code = $1 WHERE id = $2",
                &[stored.previous.into(), stored.local.into()],
            )?;
        }
    }
    Ok(newest)
}

/// Keeps the erasable texts, where they are those that were written.
fn keep_texts(writing: &Writing<'_, '_>, batch: &[Stored<'_>]) -> Result<(), Cause> {
    let texts: Vec<(i64, [u8; 16], &String)> = batch
        .iter()
        .filter_map(|stored| {
            let wire = stored.entry.wire;
            let (salt, text) = (wire.salt.as_ref()?, wire.side.as_ref()?);
            let salt: [u8; 16] = unhex(salt)?.try_into().ok()?;
            let is_readable = serde_json::from_str::<Side>(text).is_ok();
            let is_written = stored
                .body
                .is_none_or(|body| body.side.as_ref() == Some(&side_hash(&salt, text)));
            (is_readable && is_written).then_some((stored.local, salt, text))
        })
        .collect();
    let rows: Vec<Vec<Value<'_>>> = texts
        .iter()
        .map(|(local, salt, text)| vec![local.into(), salt.as_slice().into(), (*text).into()])
        .collect();
    bulk::insert(
        writing.tx,
        "INSERT INTO side (entry, salt, text)",
        "",
        &rows,
    )
}

/// Keeps what became of those that are not simply confirmed: parked, or of an act that is known.
fn keep_outcomes(writing: &Writing<'_, '_>, batch: &[Stored<'_>]) -> Result<(), Cause> {
    let mut rows: Vec<Vec<Value<'_>>> = Vec::new();
    for stored in batch {
        if stored.body.is_none() {
            rows.push(vec![stored.local.into(), PARKED.into(), Value::Null]);
        } else if let Some(known) = stored.judged.known_by {
            let original = match known {
                Known::Here(local) => Some(local),
                Known::InBatch(place) => batch.get(place).map(|stored| stored.local),
            };
            rows.push(vec![stored.local.into(), "same".into(), original.into()]);
        } else if stored
            .body
            .is_some_and(|body| matches!(body.fact, Fact::CustomerErased))
            && let Some(customer) = stored.judged.customer
            && !customers::is_erased(writing.tx, customer)?
        {
            // Until it is done here as well.
            rows.push(vec![stored.local.into(), "erasing".into(), Value::Null]);
        }
    }
    bulk::insert(
        writing.tx,
        "INSERT INTO outcome (entry, word, conflict)",
        "",
        &rows,
    )
}

/// Binds the keys, so that the same act is known when it is asked for as well.
fn bind(writing: &Writing<'_, '_>, batch: &[Stored<'_>]) -> Result<(), Cause> {
    let rows: Vec<Vec<Value<'_>>> = batch
        .iter()
        .filter_map(|stored| {
            let binding = stored.judged.binds.as_ref()?;
            Some(vec![
                (&binding.caller).into(),
                (&binding.key).into(),
                binding.verb.into(),
                binding.subject.into(),
                stored.local.into(),
            ])
        })
        .collect();
    bulk::insert(
        writing.tx,
        "INSERT INTO act_key (caller, key, verb, subject, entry)",
        "",
        &rows,
    )
}

/// Counts the acts into their hours, and the uses into their customers' days.
fn count(writing: &Writing<'_, '_>, sender: &Sender, batch: &[Stored<'_>]) -> Result<(), Cause> {
    let tx = writing.tx;
    let mut hours = Hours::default();
    let mut days = BTreeMap::<(i64, i64, i64), u32>::new();
    let mut ordinals = BTreeMap::<i64, Vec<i64>>::new();
    let zone = zone_of_node(tx, &writing.head, sender.node)?;
    for stored in batch {
        let (Some(body), None) = (stored.body, stored.judged.known_by) else {
            continue;
        };
        let campaign = stored.judged.campaign.unwrap_or(0);
        if matches!(
            body.fact,
            Fact::Assigned { .. } | Fact::Redeemed { .. } | Fact::Reversed { .. }
        ) {
            hours.count(campaign, body.fact.kind(), body.at_ms, stored.local);
        }
        if matches!(body.fact, Fact::Redeemed { .. })
            && let (Some(customer), Some(_)) = (stored.judged.customer, stored.judged.code)
        {
            let day = day_number(instant(body.at_ms), &zone);
            *days.entry((campaign, customer, day)).or_default() += 1;
        }
        if let (
            Fact::Assigned {
                ordinal: Some(at), ..
            },
            Some(campaign),
        ) = (&body.fact, stored.judged.campaign)
        {
            ordinals.entry(campaign).or_default().push(at.cast_signed());
        }
    }
    for (campaign, ordinals) in ordinals {
        lease::has_assigned(tx, sender.node, campaign, &ordinals)?;
    }
    hours.write(tx)?;
    for ((campaign, customer, day), amount) in days {
        let day = CustomerDay {
            campaign,
            customer,
            day,
        };
        day.count(tx, amount)?;
    }
    Ok(())
}

/// Raises what cannot be right about an entry for itself.
fn raise_faults(writing: &Writing<'_, '_>, batch: &[Stored<'_>], now_ms: i64) -> Result<(), Cause> {
    for stored in batch {
        for kind in &stored.judged.faults {
            let bound = match (kind, stored.body.and_then(|body| body.key.as_ref())) {
                (ConflictKind::SameKeyOtherContent, Some(key)) => {
                    let counter = stored.body.map_or("", |body| body.counter.as_str());
                    bound_entry(writing, stored.local, counter, key)?
                }
                _ => None,
            };
            let raising = Raising {
                kind: *kind,
                entry: stored.local,
                code: stored.judged.code,
                campaign: stored.judged.campaign,
                counted: bound.into_iter().collect(),
            };
            raise(writing.tx, &writing.head, &raising, now_ms)?;
        }
    }
    Ok(())
}

/// The entry that a key of the sender is bound to.
fn bound_entry(
    writing: &Writing<'_, '_>,
    entry: i64,
    counter: &str,
    key: &str,
) -> Result<Option<i64>, Cause> {
    let node = redemption(writing.tx, &writing.head, entry)?.id.node;
    writing.tx.one(
        "SELECT entry FROM act_key WHERE caller = $1 AND key = $2",
        &[(&caller_of(&node, counter)).into(), key.into()],
        |row| row.int(0),
    )
}

/// What follows from an entry beside its code's state.
fn follow(
    writing: &mut Writing<'_, '_>,
    sender: &Sender,
    stored: &Stored<'_>,
    persons: &mut Persons,
    (was_known, act): (bool, &Act),
) -> Result<(), Cause> {
    let Some(body) = stored.body else {
        return Ok(());
    };
    if was_known && let Some(code) = stored.judged.code {
        recovery::had_before(writing.tx, code)?;
    }
    if let Fact::HandedOver {
        grant_number,
        range,
    } = &body.fact
    {
        if let Some(campaign) = stored.judged.campaign {
            let code = stored.judged.code;
            let is_ours = lease::has_handed_over(
                writing.tx,
                sender.node,
                campaign,
                code,
                *grant_number,
                *range,
            )?;
            if is_ours && was_known {
                recovery::had_range_before(writing.tx, campaign, code, *range)?;
            }
        }
    } else if let Fact::CustomersJoined { gone } = &body.fact {
        if let (Some(kept), Some((gone, _))) = (
            stored.judged.customer,
            customers::by_public_id(writing.tx, gone)?,
        ) {
            let kept = customers::standing(writing.tx, kept)?;
            if kept != gone {
                persons.extend(join::merge(writing.tx, kept, gone)?);
            }
        }
    } else if let Fact::Reversed { redemption, .. } = &body.fact {
        if stored.judged.code.is_none() {
            let now_ms = act.now.as_millisecond();
            close_of(writing.tx, redemption, ConflictKind::NotFound, now_ms)?;
        }
    } else if matches!(body.fact, Fact::Withdrawn) {
        withdraw(writing, sender, stored, body, act)?;
    }
    Ok(())
}

/// A key was given up: what the hub did under it is undone by an entry of its own, and the key is
/// bound, so that nothing is ever done under it.
fn withdraw(
    writing: &mut Writing<'_, '_>,
    sender: &Sender,
    stored: &Stored<'_>,
    body: &Body,
    act: &Act,
) -> Result<(), Cause> {
    let Some(key) = &body.key else {
        return Ok(());
    };
    let caller = caller_of(&sender.name, &body.counter);
    let bound = writing.tx.one(
        "SELECT k.verb, k.entry, e.node, e.code, r.entry FROM act_key k \
         JOIN entry e ON e.id = k.entry LEFT JOIN reversal r ON r.redemption = k.entry \
         WHERE k.caller = $1 AND k.key = $2",
        &[(&caller).into(), key.into()],
        |row| {
            Ok((
                row.text(0)?,
                row.int(1)?,
                row.int(2)?,
                row.maybe_int(3)?,
                row.maybe_int(4)?,
            ))
        },
    )?;
    let Some((verb, entry, node, code, reversal)) = bound else {
        writing.tx.execute(
            "INSERT INTO act_key (caller, key, verb, subject, entry) \
             VALUES ($1, $2, 'withdrawn', $3, $4)",
            &[
                (&caller).into(),
                key.into(),
                stored.judged.code.unwrap_or(0).into(),
                stored.local.into(),
            ],
        )?;
        return Ok(());
    };
    let (true, Some(code)) = (node == OWN_NODE, code) else {
        return Ok(());
    };
    writing.tx.execute(
        "UPDATE act_key SET verb = 'withdrawn' WHERE caller = $1 AND key = $2 \
         AND verb IN ('redeem', 'assign')",
        &[(&caller).into(), key.into()],
    )?;
    let Some(row) = by_id(writing.tx, code)? else {
        return Ok(());
    };
    if verb == "redeem" && reversal.is_none() {
        undo(writing, &row, entry, act)?;
    } else if verb == "assign" && row.state == CodeState::Assigned {
        end_life(writing, &row, GIVEN_UP, None, act)?;
    }
    touch(writing.tx, FeedKind::Code, row.id, EVERYBODY)
}

/// The hub undoes what it did under a key that was given up.
fn undo(writing: &mut Writing<'_, '_>, row: &CodeRow, entry: i64, act: &Act) -> Result<(), Cause> {
    let made = redemption(writing.tx, &writing.head, entry)?;
    let campaign = campaigns::load(writing.tx, row.campaign)?;
    let undone = writing.append(
        Fact::Reversed {
            redemption: made.id.to_string(),
            uses_made: row.uses_made.saturating_sub(1),
            approved_by: None,
        },
        &Setting {
            campaign: Some((row.campaign, &campaign.id, campaign.revision)),
            code: Some((row.id, &row.folded, row.newest_entry)),
            customer: made.body.customer.as_deref(),
            side: Side {
                reason: Some(GIVEN_UP.to_owned()),
                ..Side::default()
            },
            ..setting_of(act)
        },
    )?;
    let now_ms = act.now.as_millisecond();
    count_hour(writing.tx, row.campaign, "reversed", now_ms, undone.local)?;
    let newest = BTreeMap::from([(row.id, Some(undone.local))]);
    agree(writing.tx, &writing.head, &newest, now_ms)?;
    Ok(())
}
