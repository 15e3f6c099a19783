//! Codes that entries of several nodes are about: their lists are read, added up by the one
//! [`add_up`], and what comes out is written: state, uses, customer, tallies, and conflicts.

use std::borrow::Cow;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;

use crate::domain::agreement::{CodeEntry, CodeFact, Ground, Sum, add_up};
use crate::domain::campaign::Rules;
use crate::domain::conflict::ConflictKind;
use crate::domain::entry::{Body, Fact, instant};
use crate::domain::ids::EntryId;
use crate::domain::local_time::day_number;
use crate::domain::verdict::{Certainty, CodeState};
use crate::ledger::chain::{Head, OWN_NODE};
use crate::ledger::codes::{CodeRow, state_number};
use crate::ledger::conflicts::{self, Kept};
use crate::ledger::customer_day::CustomerDay;
use crate::ledger::engine::{Tx, Value};
use crate::ledger::error::Cause;
use crate::ledger::lookups::{by_ids, numbers_of};
use crate::ledger::tally::Shift;
use crate::ledger::{bulk, campaigns, customers, zone_of};

/// What was said beside a redemption whose end a manager set aside.
const EXPIRED: &str = "expired";

/// Customers with their campaign whose live codes are others than before.
pub(crate) type Persons = BTreeSet<(i64, i64)>;

/// What whoever calls has read and written just now, so that it need not be read again.
pub(crate) struct Fresh<'b> {
    /// Each code, as it stood before, with the newest entry of its list.
    pub(crate) codes: Vec<(CodeRow, Option<i64>)>,
    /// New entries, by their local numbers.
    pub(crate) entries: BTreeMap<i64, FreshEntry<'b>>,
}

/// A new entry of a code's list.
pub(crate) struct FreshEntry<'b> {
    /// The number of the node that wrote it.
    pub(crate) node: i64,
    /// Its name for ever.
    pub(crate) id: EntryId,
    /// What stands in it.
    pub(crate) body: &'b Body,
    /// The one before it in the list, by its local number.
    pub(crate) previous: Option<i64>,
}

/// Writes what the entries of codes add up to. Each code comes with the newest entry of its list,
/// where that is a new one. Answers whose codes are others than before.
pub(crate) fn agree(
    tx: &Tx<'_>,
    head: &Head,
    codes: &BTreeMap<i64, Option<i64>>,
    now_ms: i64,
) -> Result<Persons, Cause> {
    let numbers: Vec<i64> = codes.keys().copied().collect();
    let codes = by_ids(tx, &numbers)?
        .into_iter()
        .map(|row| {
            let newest = codes.get(&row.id).copied().flatten().or(row.newest_entry);
            (row, newest)
        })
        .collect();
    let fresh = Fresh {
        codes,
        entries: BTreeMap::new(),
    };
    agree_knowing(tx, head, fresh, now_ms)
}

/// The same where some of it is known.
pub(crate) fn agree_knowing(
    tx: &Tx<'_>,
    head: &Head,
    fresh: Fresh<'_>,
    now_ms: i64,
) -> Result<Persons, Cause> {
    let Fresh { codes, entries } = fresh;
    let numbers: Vec<i64> = codes.iter().map(|(row, _)| row.id).collect();
    let mut lists = Lists::load(tx, &codes, entries)?;
    let mut kept = BTreeMap::<i64, Vec<Kept>>::new();
    for conflict in conflicts::of_codes(tx, &numbers)? {
        kept.entry(conflict.code).or_default().push(conflict);
    }
    let customers = numbers_of(tx, &lists.customers())?;
    let mut rules = BTreeMap::<i64, Rules>::new();
    let mut agreement = Agreement {
        tx,
        head,
        now_ms,
        shifts: BTreeMap::new(),
        persons: Persons::new(),
        codes: Vec::new(),
    };
    for (row, newest) in &codes {
        let rules = match rules.entry(row.campaign) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(campaigns::load(tx, row.campaign)?.rules),
        };
        let case = Case {
            row,
            newest: *newest,
            list: lists.of_code.remove(&row.id).unwrap_or_default(),
            kept: kept.remove(&row.id).unwrap_or_default(),
        };
        agreement.write(&case, rules, &customers)?;
    }
    agreement.write_codes()?;
    for (campaign, shift) in agreement.shifts {
        shift.write(tx, campaign)?;
    }
    Ok(agreement.persons)
}

/// An entry of a code's list that matters to what they add up to.
struct Listed<'b> {
    number: i64,
    node: i64,
    name: String,
    seq: i64,
    body: Cow<'b, Body>,
}

/// The lists of entries of several codes.
#[derive(Default)]
struct Lists<'b> {
    of_code: BTreeMap<i64, Vec<Listed<'b>>>,
}

impl<'b> Lists<'b> {
    /// Follows every list from its newest entry on: through those that are known, and then one step of
    /// all lists at a time.
    fn load(
        tx: &Tx<'_>,
        codes: &[(CodeRow, Option<i64>)],
        mut known: BTreeMap<i64, FreshEntry<'b>>,
    ) -> Result<Lists<'b>, Cause> {
        let mut lists = Lists::default();
        let mut next = Vec::new();
        for (row, newest) in codes {
            let mut at = *newest;
            while let Some((number, entry)) =
                at.and_then(|number| Some((number, known.remove(&number)?)))
            {
                at = entry.previous;
                if matters(entry.body.fact.kind()) {
                    lists.of_code.entry(row.id).or_default().push(Listed {
                        number,
                        node: entry.node,
                        name: entry.id.to_string(),
                        seq: entry.id.seq.cast_signed(),
                        body: Cow::Borrowed(entry.body),
                    });
                }
            }
            next.extend(at);
        }
        while !next.is_empty() {
            next.sort_unstable();
            let read = bulk::find(
                tx,
                "SELECT e.id, e.code, e.previous_of_code, e.kind, e.node, n.name, e.incarnation, \
                 e.seq, e.body FROM entry e JOIN node n ON n.id = e.node WHERE e.id",
                &[],
                &next,
                "",
                |row| {
                    let listed = if matters(&row.text(3)?) {
                        let seq = row.int(7)?;
                        let id = EntryId {
                            node: row.text(5)?,
                            incarnation: row.count(6)?,
                            seq: seq.unsigned_abs(),
                        };
                        Some(Listed {
                            number: row.int(0)?,
                            node: row.int(4)?,
                            name: id.to_string(),
                            seq,
                            body: Cow::Owned(serde_json::from_str(&row.text(8)?)?),
                        })
                    } else {
                        None
                    };
                    Ok((row.int(1)?, row.maybe_int(2)?, listed))
                },
            )?;
            next.clear();
            for (code, previous, listed) in read {
                next.extend(previous);
                if let Some(listed) = listed {
                    lists.of_code.entry(code).or_default().push(listed);
                }
            }
        }
        lists.follow_same_acts(tx)?;
        Ok(lists)
    }

    /// A reversal may name the store's own entry of an act that the hub's entry stands for; or an entry
    /// that is called by a later life of its writer by now.
    fn follow_same_acts(&mut self, tx: &Tx<'_>) -> Result<(), Cause> {
        for list in self.of_code.values_mut() {
            let mut originals = Vec::new();
            for (place, listed) in list.iter().enumerate() {
                if let Fact::Reversed { redemption, .. } = &listed.body.fact
                    && list.iter().all(|other| other.name != *redemption)
                {
                    let original = match same_act(tx, redemption)? {
                        Some(original) => Some(original),
                        None => called_anew(list, redemption),
                    };
                    originals.extend(original.map(|original| (place, original)));
                }
            }
            for (place, original) in originals {
                if let Some(listed) = list.get_mut(place)
                    && let Fact::Reversed { redemption, .. } = &mut listed.body.to_mut().fact
                {
                    *redemption = original;
                }
            }
        }
        Ok(())
    }

    fn customers(&self) -> Vec<String> {
        let named: BTreeSet<String> = self
            .of_code
            .values()
            .flatten()
            .filter(|listed| matches!(listed.body.fact, Fact::Assigned { .. }))
            .filter_map(|listed| listed.body.customer.clone())
            .collect();
        named.into_iter().collect()
    }
}

/// Whether entries of a kind matter to what a code's entries add up to.
fn matters(kind: &str) -> bool {
    matches!(kind, "assigned" | "redeemed" | "reversed" | "voided")
}

/// What a redemption of a list is called by now that was written under this name: no life of its writer
/// has another entry of this number in the chain that the reversal belongs to.
fn called_anew(list: &[Listed<'_>], name: &str) -> Option<String> {
    let former = name.parse::<EntryId>().ok()?;
    list.iter()
        .filter(|listed| matches!(listed.body.fact, Fact::Redeemed { .. }))
        .filter_map(|listed| listed.name.parse::<EntryId>().ok())
        .filter(|id| {
            id.node == former.node && id.seq == former.seq && id.incarnation > former.incarnation
        })
        .min_by_key(|id| id.incarnation)
        .map(|id| id.to_string())
}

/// The entry that stands for the act of another one, both by their names for ever.
fn same_act(tx: &Tx<'_>, name: &str) -> Result<Option<String>, Cause> {
    let Ok(id) = name.parse::<EntryId>() else {
        return Ok(None);
    };
    tx.one(
        "SELECT m.name, o.incarnation, o.seq FROM entry e JOIN node n ON n.id = e.node \
         JOIN outcome w ON w.entry = e.id AND w.word = 'same' JOIN entry o ON o.id = w.conflict \
         JOIN node m ON m.id = o.node WHERE n.name = $1 AND e.incarnation = $2 AND e.seq = $3",
        &[
            (&id.node).into(),
            id.incarnation.into(),
            id.seq.cast_signed().into(),
        ],
        |row| {
            let id = EntryId {
                node: row.text(0)?,
                incarnation: row.count(1)?,
                seq: row.int(2)?.unsigned_abs(),
            };
            Ok(id.to_string())
        },
    )
}

/// A code with everything that is known of it.
struct Case<'r, 'b> {
    row: &'r CodeRow,
    newest: Option<i64>,
    list: Vec<Listed<'b>>,
    kept: Vec<Kept>,
}

impl Case<'_, '_> {
    fn is_kept(&self, entry: &str, kind: ConflictKind) -> bool {
        self.kept
            .iter()
            .any(|kept| kept.kind == kind && kept.entry == entry)
    }

    fn entries(&self, customers: &BTreeMap<String, i64>) -> Vec<CodeEntry> {
        self.list
            .iter()
            .filter_map(|listed| {
                let is_breach = self.is_kept(&listed.name, ConflictKind::LeaseBreach);
                let (told, is_certain) = told(listed, customers)?;
                let told = match told {
                    CodeFact::Redeemed {
                        at_ms,
                        is_end_set_aside,
                        ..
                    } => CodeFact::Redeemed {
                        at_ms,
                        is_end_set_aside,
                        is_outside: self.is_kept(&listed.name, ConflictKind::RedeemedOutsideWindow),
                    },
                    other @ (CodeFact::Assigned { .. }
                    | CodeFact::Reversed { .. }
                    | CodeFact::Voided) => other,
                };
                Some(CodeEntry {
                    number: listed.number,
                    name: listed.name.clone(),
                    node: listed.node,
                    seq: listed.seq,
                    is_holders: is_certain && !is_breach,
                    told,
                })
            })
            .collect()
    }

    /// What the code is apart from its entries: what an import or a stock has brought.
    fn ground(&self, entries: &[CodeEntry], uses: u32) -> Ground {
        let is_told_of = self.row.customer.is_some_and(|customer| {
            entries.iter().any(|entry| {
                matches!(entry.told, CodeFact::Assigned { customer: told, .. } if told == Some(customer))
            })
        });
        let has_assignment = entries
            .iter()
            .any(|entry| matches!(entry.told, CodeFact::Assigned { .. }));
        let is_untold = self.row.customer.is_some() && !is_told_of;
        Ground {
            uses,
            is_given_out: self.row.ordinal.is_none() || is_untold,
            customer: self.row.customer.filter(|_| !is_told_of),
            expires_at_ms: self
                .row
                .expires_at_ms
                .filter(|_| !has_assignment || self.row.ordinal.is_none()),
            is_suspect: self.row.state == CodeState::Suspect,
            own_node: OWN_NODE,
        }
    }
}

/// What an entry tells of its code, and whether its writer was certain.
fn told(listed: &Listed<'_>, customers: &BTreeMap<String, i64>) -> Option<(CodeFact, bool)> {
    let body = &listed.body;
    if let Fact::Assigned { expires_at_ms, .. } = &body.fact {
        let customer = body
            .customer
            .as_ref()
            .and_then(|name| customers.get(name).copied());
        let fact = CodeFact::Assigned {
            customer,
            expires_at_ms: *expires_at_ms,
        };
        return Some((fact, true));
    }
    if let Fact::Redeemed {
        certainty,
        overrode,
        ..
    } = &body.fact
    {
        let fact = CodeFact::Redeemed {
            at_ms: body.at_ms,
            is_end_set_aside: overrode.iter().any(|word| word == EXPIRED),
            is_outside: false,
        };
        return Some((fact, certainty == Certainty::Confirmed.as_str()));
    }
    if let Fact::Reversed { redemption, .. } = &body.fact {
        let fact = CodeFact::Reversed {
            redemption: redemption.clone(),
        };
        return Some((fact, false));
    }
    matches!(body.fact, Fact::Voided { .. }).then_some((CodeFact::Voided, false))
}

struct Agreement<'t, 'c> {
    tx: &'t Tx<'c>,
    head: &'t Head,
    now_ms: i64,
    shifts: BTreeMap<i64, Shift>,
    persons: Persons,
    /// What is to be written of each code.
    codes: Vec<Vec<Value<'static>>>,
}

impl Agreement<'_, '_> {
    fn write(
        &mut self,
        case: &Case<'_, '_>,
        rules: &Rules,
        customers: &BTreeMap<String, i64>,
    ) -> Result<(), Cause> {
        let row = case.row;
        if row.state == CodeState::Test {
            return self.move_list(case);
        }
        let entries = case.entries(customers);
        let sum = add_up(&case.ground(&entries, rules.uses), &entries);
        self.note_code(case, &sum);
        let shift = self.shifts.entry(row.campaign).or_default();
        shift.count(row.state, row.uses_made, row.holder, -1);
        shift.count(sum.state, sum.uses_made, row.holder, 1);
        self.write_slots(row, &sum)?;
        if (row.state == CodeState::Void) != (sum.state == CodeState::Void) {
            let whose = sum.customer.map(|customer| (row.campaign, customer));
            self.persons.extend(whose);
        }
        self.undo(case, &sum)?;
        self.write_conflicts(case, &sum, &entries)
    }

    /// Whatever is known of a test code, its state stays.
    fn move_list(&self, case: &Case<'_, '_>) -> Result<(), Cause> {
        self.tx.execute(
            "UPDATE code SET newest_entry = $1 WHERE id = $2",
            &[case.newest.into(), case.row.id.into()],
        )?;
        Ok(())
    }

    fn note_code(&mut self, case: &Case<'_, '_>, sum: &Sum) {
        let row = case.row;
        let is_given_now = row.customer.is_none() && sum.customer.is_some();
        // Whose assignment is told by an entry is known in this life.
        let incarnation = if is_given_now {
            Some(self.head.incarnation)
        } else {
            row.assigned_incarnation
        };
        self.codes.push(vec![
            state_number(sum.state).into(),
            sum.uses_made.into(),
            sum.customer.into(),
            sum.expires_at_ms.into(),
            incarnation.into(),
            case.newest.into(),
            row.id.into(),
            state_number(row.state).into(),
            row.uses_made.into(),
            row.newest_entry.unwrap_or(0).into(),
        ]);
    }

    fn write_codes(&self) -> Result<(), Cause> {
        bulk::update(
            self.tx,
            "code",
            &[
                "state",
                "uses_made",
                "customer",
                "expires_at_ms",
                "assigned_incarnation",
                "newest_entry",
            ],
            &["id", "state", "uses_made", "coalesce(newest_entry, 0)"],
            &self.codes,
            "this code was just changed elsewhere",
        )
    }

    /// Whose code it is: they have a slot for it, beyond the campaign's limit as well, for it is so.
    fn write_slots(&mut self, row: &CodeRow, sum: &Sum) -> Result<(), Cause> {
        if row.customer == sum.customer {
            return Ok(());
        }
        if let Some(former) = row.customer {
            self.tx.execute(
                "DELETE FROM customer_slot WHERE campaign = $1 AND customer = $2 AND code = $3",
                &[row.campaign.into(), former.into(), row.id.into()],
            )?;
            self.persons.insert((row.campaign, former));
        }
        if let Some(customer) = sum.customer {
            customers::add_slot(self.tx, row.campaign, customer, row.id)?;
            self.persons.insert((row.campaign, customer));
        }
        Ok(())
    }

    /// Redemptions that were undone, each once; what they counted of a customer's day is given back.
    fn undo(&self, case: &Case<'_, '_>, sum: &Sum) -> Result<(), Cause> {
        for (made, undoing) in &sum.reversed {
            let (Some(made), Some(undoing)) = (case.list.get(*made), case.list.get(*undoing))
            else {
                continue;
            };
            let slot = self.tx.execute(
                "INSERT INTO reversal (redemption, entry) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                &[made.number.into(), undoing.number.into()],
            )?;
            if slot == 1 {
                give_back_day(self.tx, self.head, case.row.campaign, made)?;
            }
        }
        Ok(())
    }

    fn write_conflicts(
        &self,
        case: &Case<'_, '_>,
        sum: &Sum,
        entries: &[CodeEntry],
    ) -> Result<(), Cause> {
        let (code, campaign) = (case.row.id, case.row.campaign);
        let numbers: Vec<i64> = entries.iter().map(|entry| entry.number).collect();
        let mut standing = BTreeSet::new();
        for excess in &sum.excess {
            let Some(entry) = entries.get(excess.entry) else {
                continue;
            };
            standing.insert((entry.name.as_str(), excess.kind));
            if let Some(raising) = conflicts::raising(excess, &numbers, code, campaign) {
                conflicts::raise(self.tx, self.head, &raising, self.now_ms)?;
            }
        }
        for kept in &case.kept {
            if kept.is_open
                && conflicts::is_summed(kept.kind)
                && !standing.contains(&(kept.entry.as_str(), kept.kind))
            {
                conflicts::close(self.tx, kept.number, self.now_ms)?;
            }
        }
        Ok(())
    }
}

fn give_back_day(tx: &Tx<'_>, head: &Head, campaign: i64, made: &Listed<'_>) -> Result<(), Cause> {
    let Some(public_id) = &made.body.customer else {
        return Ok(());
    };
    let Some((customer, _)) = customers::by_public_id(tx, public_id)? else {
        return Ok(());
    };
    let day = CustomerDay {
        campaign,
        customer,
        day: day_number(
            instant(made.body.at_ms),
            &zone_of_node(tx, head, made.node)?,
        ),
    };
    day.give_one_back(tx)
}

/// The time zone of a node's counters: by that its days are counted.
pub(crate) fn zone_of_node(tx: &Tx<'_>, head: &Head, node: i64) -> Result<TimeZone, Cause> {
    let named = tx.one(
        "SELECT timezone FROM store WHERE node = $1",
        &[node.into()],
        |row| row.text(0),
    )?;
    match named.and_then(|name| TimeZone::get(&name).ok()) {
        Some(zone) => Ok(zone),
        None => zone_of(head),
    }
}
