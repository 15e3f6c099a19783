//! What each entry of a batch means beside what is known: whose code it is about, whether its act is
//! known by another entry, and what cannot be right about it. In memory, in order; nothing is written.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::campaign::Campaign;
use crate::domain::conflict::ConflictKind;
use crate::domain::entry::{Body, Fact, instant};
use crate::domain::verdict::{Certainty, CodeState};
use crate::ledger::chain::OWN_NODE;
use crate::ledger::codes::{CodeRow, caller_of};
use crate::ledger::engine::Tx;
use crate::ledger::error::Cause;
use crate::ledger::intake::Sender;
use crate::ledger::lookups::{hold_many, numbers_of};
use crate::ledger::{bulk, campaigns};

/// The entry that an act is known by already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// By its local number.
    Here(i64),
    /// By its place in this batch.
    InBatch(usize),
}

/// A key to be bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binding {
    pub(super) caller: String,
    pub(super) key: String,
    pub(super) verb: &'static str,
    pub(super) subject: i64,
}

/// What an entry means here.
#[derive(Debug, Default)]
pub(super) struct Judged {
    pub(super) code: Option<i64>,
    pub(super) campaign: Option<i64>,
    pub(super) customer: Option<i64>,
    /// Whether it stands in its code's list.
    pub(super) is_linked: bool,
    /// The entry that stands for the same act.
    pub(super) known_by: Option<Known>,
    pub(super) binds: Option<Binding>,
    /// What cannot be right about it, whatever else comes.
    pub(super) faults: BTreeSet<ConflictKind>,
}

/// What is bound to a key.
#[derive(Debug, Clone)]
struct Bound {
    verb: String,
    subject: i64,
    code: Option<i64>,
    by: Known,
}

/// Everything that the entries of a batch are judged by.
pub(super) struct Facts<'f> {
    sender: &'f Sender,
    codes: BTreeMap<String, CodeRow>,
    campaigns: BTreeMap<String, (i64, Campaign)>,
    customers: BTreeMap<String, i64>,
    keys: BTreeMap<(String, String), Bound>,
}

impl<'f> Facts<'f> {
    /// Holds the codes of a batch: whoever else changes them meanwhile is waited for.
    pub(super) fn load(
        tx: &Tx<'_>,
        sender: &'f Sender,
        bodies: &[Option<Body>],
    ) -> Result<Facts<'f>, Cause> {
        let bodies: Vec<&Body> = bodies.iter().flatten().collect();
        let named = |of: fn(&Body) -> Option<String>| {
            let names: BTreeSet<String> = bodies.iter().filter_map(|body| of(body)).collect();
            names.into_iter().collect::<Vec<String>>()
        };
        let codes = hold_many(tx, &named(|body| body.code.clone()))?
            .into_iter()
            .map(|row| (row.folded.clone(), row))
            .collect();
        let mut known = BTreeMap::new();
        for body in &bodies {
            if let Some(id) = &body.campaign
                && !known.contains_key(id.as_str())
                && let Some(campaign) = campaigns::find(tx, id)?
            {
                known.insert(id.to_string(), campaign);
            }
        }
        Ok(Facts {
            sender,
            codes,
            campaigns: known,
            customers: numbers_of(tx, &named(|body| body.customer.clone()))?,
            keys: keys(tx, sender, &bodies)?,
        })
    }

    /// The codes that entries of the batch name, as they stand here.
    pub(super) fn codes(&self) -> impl Iterator<Item = &CodeRow> {
        self.codes.values()
    }

    /// Judges the entry at a place of the batch; what it changes, the next ones are judged by. Of the
    /// leases of a life of this hub that is gone nobody knows here: what was done under them is not
    /// measured by those that are known.
    pub(super) fn judge(&mut self, place: usize, body: &Body, is_under_former: bool) -> Judged {
        let row = body.code.as_ref().and_then(|code| self.codes.get(code));
        let campaign = body
            .campaign
            .as_ref()
            .and_then(|id| self.campaigns.get(id.as_str()));
        let mut judged = Judged {
            code: row.map(|row| row.id),
            campaign: row
                .map(|row| row.campaign)
                .or(campaign.map(|(number, _)| *number)),
            customer: body
                .customer
                .as_ref()
                .and_then(|name| self.customers.get(name).copied()),
            ..Judged::default()
        };
        self.look_at_key(place, body, &mut judged);
        judged.is_linked = judged.code.is_some() && judged.known_by.is_none();
        if judged.known_by.is_none() {
            judged.faults.extend(self.faults(body, judged.code));
            if is_under_former {
                judged.faults.remove(&ConflictKind::LeaseBreach);
            }
        }
        self.hand_over(body, judged.campaign);
        judged
    }

    /// A key acts once: the same act under it is known, and what is another one cannot be right.
    fn look_at_key(&mut self, place: usize, body: &Body, judged: &mut Judged) {
        let (Some(key), Some((verb, subject))) = (&body.key, bound_as(body, judged)) else {
            return;
        };
        let name = (caller_of(&self.sender.name, &body.counter), key.clone());
        let Some(bound) = self.keys.get(&name) else {
            judged.binds = Some(Binding {
                caller: name.0.clone(),
                key: name.1.clone(),
                verb,
                subject,
            });
            let bound = Bound {
                verb: verb.to_owned(),
                subject,
                code: judged.code,
                by: Known::InBatch(place),
            };
            self.keys.insert(name, bound);
            return;
        };
        let is_same = if verb == "assign" {
            let is_given = bound.verb == "assign" || bound.verb == "replace";
            is_given && bound.code.is_some() && bound.code == judged.code
        } else {
            bound.verb == verb && bound.subject == subject
        };
        if is_same {
            judged.known_by = Some(bound.by);
        } else {
            judged.faults.insert(ConflictKind::SameKeyOtherContent);
        }
    }

    /// What cannot be right about an entry that is judged for itself.
    fn faults(&self, body: &Body, code: Option<i64>) -> BTreeSet<ConflictKind> {
        let mut faults = BTreeSet::new();
        let is_assigned = matches!(body.fact, Fact::Assigned { .. });
        let redeemed = if let Fact::Redeemed {
            certainty,
            overrode,
            ..
        } = &body.fact
        {
            Some((certainty, overrode))
        } else {
            None
        };
        if !is_assigned && redeemed.is_none() {
            return faults;
        }
        let Some(row) = body
            .code
            .as_ref()
            .and_then(|folded| self.codes.get(folded))
            .filter(|_| code.is_some())
        else {
            faults.insert(ConflictKind::NotFound);
            return faults;
        };
        // What was taken by force is suspect: that its holder had spent it is what was feared.
        let is_held = row.holder == self.sender.node || row.state == CodeState::Suspect;
        let is_certain =
            redeemed.is_none_or(|(certainty, _)| certainty == Certainty::Confirmed.as_str());
        if is_certain && !is_held {
            faults.insert(ConflictKind::LeaseBreach);
        }
        if let Some((_, overrode)) = redeemed
            && let Some((_, campaign)) = body
                .campaign
                .as_ref()
                .and_then(|id| self.campaigns.get(id.as_str()))
            && is_outside(campaign, body.at_ms, overrode)
        {
            faults.insert(ConflictKind::RedeemedOutsideWindow);
        }
        faults
    }

    /// From this entry on, its writer does not hold what it gave back.
    fn hand_over(&mut self, body: &Body, campaign: Option<i64>) {
        let Fact::HandedOver {
            grant_number,
            range,
        } = &body.fact
        else {
            return;
        };
        let node = self.sender.node;
        for row in self.codes.values_mut() {
            let is_meant = match range {
                Some((first, end)) => {
                    Some(row.campaign) == campaign
                        && row.state == CodeState::Available
                        && row
                            .ordinal
                            .is_some_and(|at| (*first..*end).contains(&at.unsigned_abs()))
                }
                None => Some(&row.folded) == body.code.as_ref(),
            };
            if is_meant && row.holder == node && row.grant_number == *grant_number {
                row.holder = OWN_NODE;
            }
        }
    }
}

/// Under which verb, and of what, an act binds its key.
fn bound_as(body: &Body, judged: &Judged) -> Option<(&'static str, i64)> {
    let verb = if matches!(body.fact, Fact::Assigned { .. }) {
        return Some(("assign", judged.customer?));
    } else if matches!(body.fact, Fact::Redeemed { .. }) {
        "redeem"
    } else if matches!(body.fact, Fact::Reversed { .. }) {
        "reverse"
    } else {
        return None;
    };
    Some((verb, judged.code?))
}

/// Whether a use lies outside the campaign's own window, by the counter's clock, and no manager set
/// that aside.
fn is_outside(campaign: &Campaign, at_ms: i64, overrode: &[String]) -> bool {
    let at = instant(at_ms);
    let is_set_aside = |word: &str| overrode.iter().any(|set_aside| set_aside == word);
    let is_early = campaign.rules.starts_at.is_some_and(|starts| at < starts);
    let is_late = campaign.rules.ends_at.is_some_and(|ends| at >= ends);
    (is_early && !is_set_aside("not_yet_valid")) || (is_late && !is_set_aside("expired"))
}

/// What the keys of a batch are bound to.
fn keys(
    tx: &Tx<'_>,
    sender: &Sender,
    bodies: &[&Body],
) -> Result<BTreeMap<(String, String), Bound>, Cause> {
    let mut asked = BTreeMap::<String, BTreeSet<String>>::new();
    for body in bodies {
        if let Some(key) = &body.key {
            asked
                .entry(caller_of(&sender.name, &body.counter))
                .or_default()
                .insert(key.clone());
        }
    }
    let mut keys = BTreeMap::new();
    for (caller, names) in asked {
        let names: Vec<String> = names.into_iter().collect();
        let bound = bulk::find(
            tx,
            "SELECT k.key, k.verb, k.subject, k.entry, e.code FROM act_key k \
             LEFT JOIN entry e ON e.id = k.entry WHERE k.caller = $1 AND k.key",
            &[(&caller).into()],
            &names,
            "",
            |row| {
                let bound = Bound {
                    verb: row.text(1)?,
                    subject: row.int(2)?,
                    code: row.maybe_int(4)?,
                    by: Known::Here(row.int(3)?),
                };
                Ok((row.text(0)?, bound))
            },
        )?;
        for (key, bound) in bound {
            keys.insert((caller.clone(), key), bound);
        }
    }
    Ok(keys)
}
