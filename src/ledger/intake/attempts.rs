//! Scans and claims of stores that changed nothing: kept in bulk, apart from the chain.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::entry::instant;
use crate::domain::local_time::day_number;
use crate::domain::wire::{Up, WireAttempt};
use crate::ledger::agreed::zone_of_node;
use crate::ledger::attempts::Counted;
use crate::ledger::chain::Head;
use crate::ledger::engine::Tx;
use crate::ledger::error::Cause;
use crate::ledger::intake::{Attempts, Sender};
use crate::ledger::{bulk, lookups};

/// What attempts name, by its numbers here.
struct Named {
    codes: BTreeMap<String, i64>,
    campaigns: BTreeMap<String, i64>,
    customers: BTreeMap<String, i64>,
}

impl Named {
    fn load(tx: &Tx<'_>, attempts: &[&WireAttempt]) -> Result<Named, Cause> {
        let named = |of: fn(&WireAttempt) -> Option<&String>| {
            let names: BTreeSet<&String> =
                attempts.iter().filter_map(|attempt| of(attempt)).collect();
            names.into_iter().cloned().collect::<Vec<String>>()
        };
        let campaigns = bulk::find(
            tx,
            "SELECT name, id FROM campaign WHERE name",
            &[],
            &named(|attempt| attempt.campaign.as_ref()),
            "",
            |row| Ok((row.text(0)?, row.int(1)?)),
        )?;
        let codes = lookups::find_many(tx, &named(|attempt| attempt.code.as_ref()))?;
        Ok(Named {
            codes: codes.into_iter().map(|row| (row.folded, row.id)).collect(),
            campaigns: campaigns.into_iter().collect(),
            customers: lookups::numbers_of(tx, &named(|attempt| attempt.customer.as_ref()))?,
        })
    }

    fn code(&self, attempt: &WireAttempt) -> Option<i64> {
        self.codes.get(attempt.code.as_ref()?).copied()
    }

    fn campaign(&self, attempt: &WireAttempt) -> Option<i64> {
        self.campaigns.get(attempt.campaign.as_ref()?).copied()
    }

    fn customer(&self, attempt: &WireAttempt) -> Option<i64> {
        self.customers.get(attempt.customer.as_ref()?).copied()
    }
}

/// Keeps attempts, apart from the chain: those after the newest of the life that numbers them.
pub(super) fn keep(tx: &Tx<'_>, head: &Head, sender: &mut Sender, up: &Up) -> Result<(), Cause> {
    if up.attempts.is_empty() {
        return Ok(());
    }
    let known = if sender.attempts.incarnation == up.hello.incarnation {
        sender.attempts.through
    } else {
        0
    };
    let new: Vec<&WireAttempt> = up
        .attempts
        .iter()
        .filter(|attempt| attempt.number > known)
        .collect();
    let known_here = Named::load(tx, &new)?;
    let newest = tx
        .one("SELECT coalesce(max(id), 0) FROM entry", &[], |row| {
            row.int(0)
        })?
        .unwrap_or(0);
    let rows: Vec<_> = new
        .iter()
        .map(|attempt| {
            let code = known_here.code(attempt);
            let campaign = known_here.campaign(attempt);
            let customer = known_here.customer(attempt);
            vec![
                attempt.at_ms.into(),
                newest.into(),
                (&attempt.kind).into(),
                (&attempt.answer).into(),
                code.into(),
                campaign.into(),
                customer.into(),
                (&attempt.counter).into(),
                attempt.operator.as_ref().into(),
                attempt.key.as_ref().into(),
                attempt.raw.as_ref().into(),
                attempt.reason.as_ref().into(),
                attempt.trigger.as_ref().into(),
                attempt.notes.as_ref().into(),
                sender.node.into(),
            ]
        })
        .collect();
    bulk::insert(
        tx,
        "INSERT INTO attempt (at_ms, after_entry, kind, answer, code, campaign, customer, \
         counter, operator, key, raw, reason, trigger_text, notes, node)",
        "",
        &rows,
    )?;
    count(tx, head, sender.node, &new, &known_here)?;
    let through = new.last().map_or(known, |attempt| attempt.number);
    sender.attempts = Attempts {
        through,
        incarnation: up.hello.incarnation,
    };
    tx.execute(
        "UPDATE store SET acked_attempt = $1, acked_attempt_incarnation = $2 WHERE node = $3",
        &[
            through.into(),
            up.hello.incarnation.into(),
            sender.node.into(),
        ],
    )?;
    Ok(())
}

/// Counts them into the days of their store.
fn count(
    tx: &Tx<'_>,
    head: &Head,
    node: i64,
    new: &[&WireAttempt],
    known_here: &Named,
) -> Result<(), Cause> {
    let zone = zone_of_node(tx, head, node)?;
    let mut counts = BTreeMap::<Counted<'_>, i64>::new();
    for attempt in new {
        let counted = Counted {
            day: day_number(instant(attempt.at_ms), &zone),
            node,
            campaign: known_here.campaign(attempt).unwrap_or(0),
            kind: &attempt.kind,
            answer: &attempt.answer,
            counter: &attempt.counter,
            operator: attempt.operator.as_deref(),
        };
        *counts.entry(counted).or_default() += 1;
    }
    for (counted, amount) in counts {
        counted.add(tx, amount)?;
    }
    Ok(())
}
