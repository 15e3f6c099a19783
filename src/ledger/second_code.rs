//! More codes of one person than a campaign allows: two nodes that were apart have each given one, or
//! two customers turned out to be one. Both stay; each beyond the limit is one conflict.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::conflict::ConflictKind;
use crate::domain::verdict::CodeState;
use crate::ledger::agreed::Persons;
use crate::ledger::chain::Head;
use crate::ledger::codes::{by_id, newest_of_kind, redemption};
use crate::ledger::conflicts::{self, Raising};
use crate::ledger::customers::{slots_of, standing};
use crate::ledger::engine::Tx;
use crate::ledger::error::Cause;
use crate::ledger::{campaigns, feed};

/// A campaign takes two customers for one person: both had the same contact. Whether that is new: at a
/// hub their codes are to be looked at then, whatever became of the codes themselves.
pub(crate) fn are_alike(
    tx: &Tx<'_>,
    campaign: i64,
    customer: i64,
    other: i64,
) -> Result<bool, Cause> {
    let mut is_new = false;
    for (one, two) in [(customer, other), (other, customer)] {
        is_new |= tx.execute(
            "INSERT INTO likeness (campaign, customer, other) VALUES ($1, $2, $3) \
             ON CONFLICT DO NOTHING",
            &[campaign.into(), one.into(), two.into()],
        )? > 0;
    }
    Ok(is_new)
}

/// Looks whether people have more codes than they may, and raises or closes what is to be.
pub(crate) fn look(tx: &Tx<'_>, head: &Head, persons: &Persons, now_ms: i64) -> Result<(), Cause> {
    let mut seen = Persons::new();
    let mut limits = BTreeMap::new();
    for (campaign, customer) in persons {
        let customer = standing(tx, *customer)?;
        if seen.contains(&(*campaign, customer)) {
            continue;
        }
        let alike = alike(tx, *campaign, customer)?;
        seen.extend(alike.iter().map(|one| (*campaign, *one)));
        let limit = if let Some(known) = limits.get(campaign) {
            *known
        } else {
            let limit = campaigns::load(tx, *campaign)?.rules.per_customer as usize;
            limits.insert(*campaign, limit);
            limit
        };
        look_at(tx, head, (*campaign, limit), &alike, now_ms)?;
    }
    Ok(())
}

/// The same of one code's customer, at a hub: the code's life has ended.
pub(crate) fn look_again(
    tx: &Tx<'_>,
    head: &Head,
    campaign: i64,
    customer: Option<i64>,
    now_ms: i64,
) -> Result<(), Cause> {
    let Some(customer) = customer else {
        return Ok(());
    };
    if !feed::has_stores(tx)? {
        return Ok(());
    }
    look(tx, head, &Persons::from([(campaign, customer)]), now_ms)
}

/// Everybody who is taken for the same person as a customer, themselves among them.
pub(crate) fn alike(tx: &Tx<'_>, campaign: i64, customer: i64) -> Result<BTreeSet<i64>, Cause> {
    let mut alike = BTreeSet::from([customer]);
    let mut to_follow = vec![customer];
    while let Some(one) = to_follow.pop() {
        let others = tx.all(
            "SELECT other FROM likeness WHERE campaign = $1 AND customer = $2",
            &[campaign.into(), one.into()],
            |row| row.int(0),
        )?;
        for other in others {
            let other = standing(tx, other)?;
            if alike.insert(other) {
                to_follow.push(other);
            }
        }
    }
    Ok(alike)
}

/// A live code of a person, with the entry by which they got it.
struct Had {
    code: i64,
    /// None: it came given out.
    entry: Option<i64>,
    /// Who gave it, to which customer as they were then known.
    given: Option<(i64, Option<String>)>,
}

fn look_at(
    tx: &Tx<'_>,
    head: &Head,
    (campaign, limit): (i64, usize),
    customers: &BTreeSet<i64>,
    now_ms: i64,
) -> Result<(), Cause> {
    let mut codes = Vec::new();
    let mut live = Vec::new();
    for customer in customers {
        for slot in slots_of(tx, campaign, *customer)? {
            codes.push(slot.code);
            if slot.is_live {
                live.push(slot.code);
            }
        }
    }
    let mut beyond = BTreeSet::new();
    if live.len() > limit {
        let mut in_turn = Vec::new();
        for code in live {
            in_turn.extend(had_of(tx, head, code)?);
        }
        in_turn.sort_by_key(|had| (had.entry, had.code));
        // One node and one customer: the campaign came to allow fewer, and nobody was at fault.
        let givers: BTreeSet<_> = in_turn.iter().map(|had| &had.given).collect();
        if givers.len() > 1 {
            let counted: Vec<i64> = in_turn
                .iter()
                .take(limit)
                .filter_map(|had| had.entry)
                .collect();
            for had in in_turn.iter().skip(limit) {
                let Some(entry) = had.entry else {
                    continue;
                };
                beyond.insert(had.code);
                let raising = Raising {
                    kind: ConflictKind::SecondCode,
                    entry,
                    code: Some(had.code),
                    campaign: Some(campaign),
                    counted: counted.clone(),
                };
                conflicts::raise(tx, head, &raising, now_ms)?;
            }
        }
    }
    if codes.is_empty() {
        return Ok(());
    }
    for kept in conflicts::of_codes(tx, &codes)? {
        if kept.is_open && kept.kind == ConflictKind::SecondCode && !beyond.contains(&kept.code) {
            conflicts::close(tx, kept.number, now_ms)?;
        }
    }
    Ok(())
}

fn had_of(tx: &Tx<'_>, head: &Head, code: i64) -> Result<Option<Had>, Cause> {
    let Some(row) = by_id(tx, code)? else {
        return Ok(None);
    };
    if row.state == CodeState::Test {
        return Ok(None);
    }
    let entry = newest_of_kind(tx, &row, "assigned")?;
    let given = match entry {
        Some(entry) => {
            let told = redemption(tx, head, entry)?;
            Some((told.node, told.body.customer))
        }
        None => None,
    };
    Ok(Some(Had { code, entry, given }))
}
