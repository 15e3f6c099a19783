//! Whatever stores wrote while they were apart, the hub comes to the same figures and the same
//! conflicts, in whatever pieces and order it hears of it, and however often.
//!
//! A small model says what the facts add up to. It knows no order between stores.
#![expect(
    clippy::indexing_slicing,
    clippy::too_many_lines,
    clippy::wildcard_enum_match_arm,
    reason = "a model and its dice: what fails here fails the test, with its seed"
)]

use std::collections::{BTreeMap, BTreeSet};

use counterfoil::domain::campaign::Rules;
use counterfoil::domain::conflict::ConflictKind;
use counterfoil::domain::wire::{Standing, WireCustomer};

use crate::dice::Dice;
use crate::sync::scribe::{About, Scribe, ended, given, undone, used_as};
use crate::sync::world::{Node, SPRING, and_with_hubs_in_databases, empty_hub, store};

/// The first seed, and how many follow it.
const SEEDS: (u64, u64) = (0x5EED_0001, 12);

const STORES: [&str; 3] = ["Riverside", "Station Road", "Old Mill"];

/// Codes that were given out: any store may have used them.
const GIVEN_OUT: [&str; 5] = ["GIVENA", "GIVENB", "GIVENC", "GIVEND", "GIVENE"];

/// What a store wrote that matters.
#[derive(Debug, Clone)]
enum Wrote {
    Used { code: String, is_certain: bool },
    Undone { name: String },
    Ended { code: String },
    Given { code: String, customer: String },
}

struct Line {
    store: usize,
    seq: usize,
    name: String,
    wrote: Wrote,
}

/// What must come of it, whatever the order.
#[derive(Debug, PartialEq, Eq)]
struct Sum {
    /// State and uses by code.
    codes: BTreeMap<String, (i64, i64)>,
    conflicts: BTreeMap<ConflictKind, usize>,
    /// Entries counted by hour: used, undone, given.
    acts: (i64, i64, i64),
}

fn expected(lines: &[Line], known: &BTreeSet<String>, uses: usize, persons: &[usize]) -> Sum {
    let undone: BTreeSet<&String> = lines
        .iter()
        .filter_map(|line| match &line.wrote {
            Wrote::Undone { name } => Some(name),
            _ => None,
        })
        .collect();
    let mut conflicts = BTreeMap::<ConflictKind, usize>::new();
    let mut add = |kind, count: usize| {
        if count > 0 {
            *conflicts.entry(kind).or_default() += count;
        }
    };
    let mut codes = BTreeMap::new();
    let mut had = BTreeMap::<usize, usize>::new();
    for code in known {
        let of_code = |line: &&Line| match &line.wrote {
            Wrote::Used { code: of, .. }
            | Wrote::Ended { code: of }
            | Wrote::Given { code: of, .. } => of == code,
            Wrote::Undone { .. } => false,
        };
        let about: Vec<&Line> = lines.iter().filter(of_code).collect();
        let ends: Vec<&&Line> = about
            .iter()
            .filter(|line| matches!(line.wrote, Wrote::Ended { .. }))
            .collect();
        let all_used = about
            .iter()
            .filter(|line| matches!(line.wrote, Wrote::Used { .. }));
        let standing: Vec<&&Line> = all_used
            .clone()
            .filter(|line| !undone.contains(&line.name))
            .collect();
        let customers: BTreeSet<&String> = about
            .iter()
            .filter_map(|line| match &line.wrote {
                Wrote::Given { customer, .. } => Some(customer),
                _ => None,
            })
            .collect();
        add(
            ConflictKind::DoubleRedeemed,
            standing.len().saturating_sub(uses),
        );
        add(
            ConflictKind::DoubleAssigned,
            customers.len().saturating_sub(1),
        );
        let is_after = |made: &Line| {
            ends.iter()
                .any(|end| end.store != made.store || end.seq < made.seq)
        };
        add(
            ConflictKind::RedeemedAfterVoid,
            standing.iter().filter(|made| is_after(made)).count(),
        );
        let is_ours = GIVEN_OUT.contains(&code.as_str());
        let state = if !ends.is_empty() {
            3
        } else if standing.len() >= uses {
            2
        } else {
            i64::from(is_ours || all_used.count() > 0 || !customers.is_empty())
        };
        if state != 3
            && let Some(customer) = customers.first().filter(|_| customers.len() == 1)
        {
            let number: usize = customer[1..].parse().unwrap_or(0);
            *had.entry(persons[number]).or_default() += 1;
        }
        let made = i64::try_from(standing.len().min(uses)).unwrap();
        codes.insert(code.clone(), (state, made));
    }
    for held in had.values() {
        add(ConflictKind::SecondCode, held.saturating_sub(1));
    }
    let mut acts = (0, 0, 0);
    for line in lines {
        match &line.wrote {
            Wrote::Used { code, is_certain } => {
                acts.0 += 1;
                if !known.contains(code) {
                    add(ConflictKind::NotFound, 1);
                } else if *is_certain {
                    add(ConflictKind::LeaseBreach, 1);
                }
            }
            Wrote::Undone { .. } => acts.1 += 1,
            Wrote::Given { .. } => {
                acts.2 += 1;
                add(ConflictKind::LeaseBreach, 1);
            }
            Wrote::Ended { .. } => {}
        }
    }
    Sum {
        codes,
        conflicts,
        acts,
    }
}

fn found(hub: &mut Node) -> Sum {
    let mut codes = BTreeMap::new();
    for row in hub.texts("SELECT folded || ' ' || state || ' ' || uses_made FROM code") {
        let mut words = row.split(' ');
        let code = words.next().unwrap().to_owned();
        let mut figure = || words.next().unwrap().parse().unwrap();
        codes.insert(code, (figure(), figure()));
    }
    let acts = |kind: &str| {
        hub.count(&format!(
            "SELECT coalesce(sum(amount), 0) FROM tally_hour WHERE kind = '{kind}'"
        ))
    };
    let acts = (acts("redeemed"), acts("reversed"), acts("assigned"));
    let mut conflicts = BTreeMap::new();
    for open in hub.ledger.conflicts(true).unwrap() {
        *conflicts.entry(open.kind).or_default() += 1;
    }
    Sum {
        codes,
        conflicts,
        acts,
    }
}

/// What each store writes while it is apart from the others.
fn write(dice: &mut Dice, scribes: &mut [Scribe], pool: &[String]) -> (Vec<Line>, Vec<usize>) {
    let mut lines: Vec<Line> = Vec::new();
    let mut persons = Vec::new();
    let mut in_pool = pool.to_vec();
    for _ in 0..10 + dice.below(20) {
        let store = dice.below(scribes.len());
        let scribe = &mut scribes[store];
        let code = GIVEN_OUT[dice.below(GIVEN_OUT.len())];
        let own: Vec<&Line> = lines
            .iter()
            .filter(|line| {
                line.store == store
                    && matches!(&line.wrote, Wrote::Used { code, .. } if code != "UNKNOWN")
            })
            .collect();
        let (name, wrote) = match dice.below(12) {
            0..=4 => {
                let is_certain = dice.below(4) == 0;
                let certainty = if is_certain {
                    "confirmed"
                } else {
                    "provisional"
                };
                let code = if dice.below(8) == 0 { "UNKNOWN" } else { code };
                let name = scribe.write(used_as(certainty), About::code(code));
                let code = code.to_owned();
                (name, Wrote::Used { code, is_certain })
            }
            5 | 6 if !own.is_empty() => {
                let undone_name = own[dice.below(own.len())].name.clone();
                let code = GIVEN_OUT
                    .iter()
                    .find(|known| {
                        own.iter().any(|line| {
                            line.name == undone_name
                                && matches!(&line.wrote, Wrote::Used { code, .. } if code == *known)
                        })
                    })
                    .copied();
                let of_code = About {
                    code,
                    ..About::default()
                };
                let name = scribe.write(undone(&undone_name), of_code);
                (name, Wrote::Undone { name: undone_name })
            }
            7 => {
                let name = scribe.write(ended(), About::code(code));
                let code = code.to_owned();
                (name, Wrote::Ended { code })
            }
            // A code for somebody, who may be somebody's customer elsewhere too.
            _ if !in_pool.is_empty() => {
                let place = dice.below(in_pool.len());
                // Given twice, to two people who have nothing else.
                let is_shared = dice.below(4) == 0;
                let code = in_pool.swap_remove(place);
                let person = if is_shared {
                    1000 + persons.len()
                } else {
                    dice.below(3)
                };
                let customer = introduce(scribe, &mut persons, person);
                let name = scribe.write(given(), about(&code, &customer));
                if is_shared {
                    lines.push(Line {
                        store,
                        seq: scribe.entries.len(),
                        name,
                        wrote: Wrote::Given {
                            code: code.clone(),
                            customer,
                        },
                    });
                    let other = (store + 1) % scribes.len();
                    let scribe = &mut scribes[other];
                    let person = 1000 + persons.len();
                    let customer = introduce(scribe, &mut persons, person);
                    let name = scribe.write(given(), about(&code, &customer));
                    lines.push(Line {
                        store: other,
                        seq: scribe.entries.len(),
                        name,
                        wrote: Wrote::Given { code, customer },
                    });
                    continue;
                }
                (name, Wrote::Given { code, customer })
            }
            _ => continue,
        };
        let seq = scribes[store].entries.len();
        lines.push(Line {
            store,
            seq,
            name,
            wrote,
        });
    }
    (lines, persons)
}

fn about<'a>(code: &'a str, customer: &'a str) -> About<'a> {
    About {
        customer: Some(customer),
        ..About::code(code)
    }
}

/// A new customer of a store; who is one person has one contact.
fn introduce(scribe: &mut Scribe, persons: &mut Vec<usize>, person: usize) -> String {
    let name = format!("U{}", persons.len());
    persons.push(person);
    scribe.customers.push(WireCustomer {
        customer: name.clone(),
        hashes: vec![(SPRING.parse().unwrap(), format!("{person:064x}"))],
        ..WireCustomer::default()
    });
    name
}

/// Hears of everything, in pieces that overlap, come again, and come between those of others.
fn hear(dice: &mut Dice, hub: &mut Node, scribes: &[Scribe]) {
    let mut sent = vec![0; scribes.len()];
    loop {
        let left: Vec<usize> = (0..scribes.len())
            .filter(|at| sent[*at] < scribes[*at].entries.len())
            .collect();
        if left.is_empty() {
            return;
        }
        let at = left[dice.below(left.len())];
        let (scribe, sent) = (&scribes[at], &mut sent[at]);
        let first = sent.saturating_sub(dice.below(4)) + 1;
        let last = (first + dice.below(6)).min(scribe.entries.len());
        let act = hub.act();
        let answer = hub
            .ledger
            .take_in(&scribe.batch(first, last), &act)
            .unwrap();
        assert_eq!(answer.forked_after, None);
        assert_eq!(answer.welcome.standing, Standing::Active);
        *sent = (*sent).max(last);
        assert_eq!(answer.welcome.acked_through, i64::try_from(*sent).unwrap());
        // What comes again without what was before it, and from the middle, changes nothing.
        if dice.below(3) == 0 {
            let again = hub
                .ledger
                .take_in(&scribe.batch(first, last), &act)
                .unwrap();
            assert_eq!(again.outcomes, answer.outcomes);
        }
    }
}

#[test]
fn figures_and_conflicts_do_not_depend_on_what_came_first() {
    let mut seen = BTreeSet::new();
    for seed in SEEDS.0..SEEDS.0 + SEEDS.1 {
        let mut dice = Dice::new(seed);
        let uses = 1 + dice.below(2);
        let mut hub = empty_hub();
        hub.campaign(
            SPRING,
            &Rules {
                uses: u32::try_from(uses).unwrap(),
                ..Rules::new("Free coffee")
            },
        );
        hub.import(SPRING, &GIVEN_OUT);
        hub.generate(SPRING, 8, false);
        let pool = hub.texts("SELECT folded FROM code WHERE ordinal IS NOT NULL ORDER BY folded");
        let mut scribes: Vec<Scribe> = STORES
            .iter()
            .map(|name| Scribe::of(&mut store(&mut hub, name)))
            .collect();
        let (lines, persons) = write(&mut dice, &mut scribes, &pool);
        let known: BTreeSet<String> = pool
            .iter()
            .cloned()
            .chain(GIVEN_OUT.map(str::to_owned))
            .collect();
        hear(&mut dice, &mut hub, &scribes);
        let found = found(&mut hub);
        assert_eq!(
            found,
            expected(&lines, &known, uses, &persons),
            "seed {seed:#x}"
        );
        seen.extend(found.conflicts.into_keys());
        hub.assert_well();
    }
    // Dice that raise nothing prove nothing.
    for kind in [
        ConflictKind::DoubleRedeemed,
        ConflictKind::DoubleAssigned,
        ConflictKind::RedeemedAfterVoid,
        ConflictKind::NotFound,
        ConflictKind::SecondCode,
        ConflictKind::LeaseBreach,
    ] {
        assert!(seen.contains(&kind), "{kind:?} was never raised");
    }
}

and_with_hubs_in_databases! {
    figures_and_conflicts_do_not_depend_on_what_came_first,
}
