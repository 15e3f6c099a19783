//! What the entries of several nodes about one code add up to, whichever of them came first.
//!
//! [`add_up`] is a function of the set of entries: their order at the hub only names which of two
//! like ones counts, never how many do, and never what state the code is in. Not here: rows.

use std::collections::BTreeSet;

use crate::domain::conflict::{ConflictKind, Standing, in_excess};
use crate::domain::verdict::CodeState;

/// What a code is apart from what its entries tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ground {
    /// How often the campaign honours it.
    pub uses: u32,
    /// Whether it came given out, or was assigned by nobody's entry that is known.
    pub is_given_out: bool,
    /// Who had it then.
    pub customer: Option<i64>,
    /// The end of its own validity then, milliseconds since 1970.
    pub expires_at_ms: Option<i64>,
    /// Whether a life that nobody knows may have spent it.
    pub is_suspect: bool,
    /// The hub's own node: what it did, it did knowing all that came before.
    pub own_node: i64,
}

/// One entry about a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeEntry {
    /// The hub's own number of it, in the order in which it came to know them.
    pub number: i64,
    /// Its name for ever.
    pub name: String,
    /// Who wrote it.
    pub node: i64,
    /// Its place in the writer's count.
    pub seq: i64,
    /// Whether its writer held the code, and so spent what was theirs.
    pub is_holders: bool,
    /// What it tells.
    pub told: CodeFact,
}

/// What an entry tells of a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CodeFact {
    /// It was given to a customer.
    Assigned {
        /// To whom.
        customer: Option<i64>,
        /// The end of its own validity from then on.
        expires_at_ms: Option<i64>,
    },
    /// It was used.
    Redeemed {
        /// When, by that counter's clock.
        at_ms: i64,
        /// Whether the writer had no means to know that it had ended, or a manager set that aside.
        is_end_set_aside: bool,
        /// Whether it was found to be outside the campaign's own window.
        is_outside: bool,
    },
    /// A use was undone, by the name of its entry.
    Reversed {
        /// The redemption.
        redemption: String,
    },
    /// Its life was ended.
    Voided,
}

/// An entry that cannot be right beside those that count. Numbers are places in the list given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excess {
    /// The entry.
    pub entry: usize,
    /// What cannot be right.
    pub kind: ConflictKind,
    /// Those that count beside it.
    pub counted: Vec<usize>,
}

/// What the entries of a code add up to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sum {
    /// Its state.
    pub state: CodeState,
    /// Uses that count.
    pub uses_made: u32,
    /// Who has it.
    pub customer: Option<i64>,
    /// The end of its own validity.
    pub expires_at_ms: Option<i64>,
    /// The assignment that counts, as a place in the list.
    pub assignment: Option<usize>,
    /// Redemptions that were undone, each with its reversal, as places in the list.
    pub reversed: Vec<(usize, usize)>,
    /// What cannot be right.
    pub excess: Vec<Excess>,
}

/// Adds up the entries of one code.
pub fn add_up(ground: &Ground, entries: &[CodeEntry]) -> Sum {
    let reversed = reversed(entries);
    let undone: BTreeSet<usize> = reversed.iter().map(|(made, _)| *made).collect();
    let standing: Vec<usize> = redemptions(entries)
        .filter(|place| !undone.contains(place))
        .collect();
    let made = u32::try_from(standing.len()).unwrap_or(u32::MAX);
    let (assignment, doubly) = assignments(ground, entries);
    let (customer, expires_at_ms) = match assignment.and_then(|place| entries.get(place)) {
        Some(CodeEntry {
            told:
                CodeFact::Assigned {
                    customer,
                    expires_at_ms,
                },
            ..
        }) => (*customer, *expires_at_ms),
        _ => (ground.customer, ground.expires_at_ms),
    };
    let mut excess = doubly;
    excess.extend(too_many(ground, entries, &standing));
    excess.extend(after_void(ground, entries, &standing));
    excess.extend(outside(ground, entries, &standing, expires_at_ms));
    Sum {
        state: state(ground, entries, made),
        uses_made: made.min(ground.uses),
        customer,
        expires_at_ms,
        assignment,
        reversed,
        excess,
    }
}

fn redemptions(entries: &[CodeEntry]) -> impl Iterator<Item = usize> {
    places(entries, |told| matches!(told, CodeFact::Redeemed { .. }))
}

fn places(
    entries: &[CodeEntry],
    is_wanted: impl Fn(&CodeFact) -> bool,
) -> impl Iterator<Item = usize> {
    entries
        .iter()
        .enumerate()
        .filter(move |(_, entry)| is_wanted(&entry.told))
        .map(|(place, _)| place)
}

/// Each redemption that was undone, with the first entry that tells so; a second one undoes nothing.
fn reversed(entries: &[CodeEntry]) -> Vec<(usize, usize)> {
    redemptions(entries)
        .filter_map(|made| {
            let name = &entries.get(made)?.name;
            let undoing = places(
                entries,
                |told| matches!(told, CodeFact::Reversed { redemption } if redemption == name),
            )
            .min_by_key(|place| entries.get(*place).map(|entry| entry.number))?;
            Some((made, undoing))
        })
        .collect()
}

/// A code that has ended stays ended. What was possibly spent is so until as many uses are known as
/// it has, whether or not some were undone since.
fn state(ground: &Ground, entries: &[CodeEntry], made: u32) -> CodeState {
    let known = u32::try_from(redemptions(entries).count()).unwrap_or(u32::MAX);
    let is_given = ground.is_given_out
        || entries.iter().any(|entry| {
            matches!(
                entry.told,
                CodeFact::Assigned { .. } | CodeFact::Redeemed { .. }
            )
        });
    if entries.iter().any(|entry| entry.told == CodeFact::Voided) {
        CodeState::Void
    } else if made >= ground.uses {
        CodeState::Redeemed
    } else if ground.is_suspect && known < ground.uses {
        CodeState::Suspect
    } else if is_given {
        CodeState::Assigned
    } else {
        CodeState::Available
    }
}

/// The assignment that counts, and one excess for each further customer.
fn assignments(ground: &Ground, entries: &[CodeEntry]) -> (Option<usize>, Vec<Excess>) {
    let mut given: Vec<(usize, &CodeEntry, Option<i64>)> = entries
        .iter()
        .enumerate()
        .filter_map(|(place, entry)| match &entry.told {
            CodeFact::Assigned { customer, .. } => Some((place, entry, *customer)),
            CodeFact::Redeemed { .. } | CodeFact::Reversed { .. } | CodeFact::Voided => None,
        })
        .collect();
    given.sort_by_key(|(_, entry, _)| (!entry.is_holders, entry.number));
    let first = given.first().map(|(place, _, _)| *place);
    let has_ground = ground.is_given_out && ground.customer.is_some();
    let mut has = BTreeSet::new();
    if has_ground {
        has.insert(ground.customer);
    } else if let Some((_, _, customer)) = given.first() {
        has.insert(*customer);
    }
    let counted: Vec<usize> = first.into_iter().filter(|_| !has_ground).collect();
    let mut excess = Vec::new();
    for (place, _, customer) in &given {
        if has.insert(*customer) {
            excess.push(Excess {
                entry: *place,
                kind: ConflictKind::DoubleAssigned,
                counted: counted.clone(),
            });
        }
    }
    (first.filter(|_| !has_ground), excess)
}

fn too_many(ground: &Ground, entries: &[CodeEntry], standing: &[usize]) -> Vec<Excess> {
    let made: Vec<Standing> = standing
        .iter()
        .filter_map(|place| entries.get(*place))
        .map(|entry| Standing {
            entry: entry.number,
            is_holders: entry.is_holders,
        })
        .collect();
    let beyond = in_excess(&made, ground.uses);
    let is_beyond = |place: &usize| {
        entries
            .get(*place)
            .is_some_and(|entry| beyond.contains(&entry.number))
    };
    let counted: Vec<usize> = standing
        .iter()
        .copied()
        .filter(|place| !is_beyond(place))
        .collect();
    standing
        .iter()
        .filter(|place| is_beyond(place))
        .map(|place| Excess {
            entry: *place,
            kind: ConflictKind::DoubleRedeemed,
            counted: counted.clone(),
        })
        .collect()
}

/// Uses of a code that somebody else had ended. Within one node its own count tells what was first;
/// what the hub ended, it ended knowing what had come before.
fn after_void(ground: &Ground, entries: &[CodeEntry], standing: &[usize]) -> Vec<Excess> {
    let voids: Vec<(usize, &CodeEntry)> = entries
        .iter()
        .enumerate()
        .filter(|(_, entry)| entry.told == CodeFact::Voided)
        .collect();
    standing
        .iter()
        .filter_map(|place| {
            let made = entries.get(*place)?;
            let counted: Vec<usize> = voids
                .iter()
                .filter(|(_, void)| {
                    if void.node == made.node {
                        made.seq > void.seq
                    } else {
                        void.node != ground.own_node || made.number > void.number
                    }
                })
                .map(|(place, _)| *place)
                .collect();
            (!counted.is_empty()).then_some(Excess {
                entry: *place,
                kind: ConflictKind::RedeemedAfterVoid,
                counted,
            })
        })
        .collect()
}

/// Uses after the code's own end, by the clock of the counter that made them. What the hub itself
/// honoured it judged by its own clock.
fn outside(
    ground: &Ground,
    entries: &[CodeEntry],
    standing: &[usize],
    expires_at_ms: Option<i64>,
) -> Vec<Excess> {
    standing
        .iter()
        .filter(|place| {
            entries.get(**place).is_some_and(|entry| match &entry.told {
                CodeFact::Redeemed {
                    at_ms,
                    is_end_set_aside,
                    is_outside,
                } => {
                    let is_late = expires_at_ms.is_some_and(|end_ms| *at_ms >= end_ms);
                    entry.node != ground.own_node && (*is_outside || (is_late && !is_end_set_aside))
                }
                CodeFact::Assigned { .. } | CodeFact::Reversed { .. } | CodeFact::Voided => false,
            })
        })
        .map(|place| Excess {
            entry: *place,
            kind: ConflictKind::RedeemedOutsideWindow,
            counted: Vec::new(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GROUND: Ground = Ground {
        uses: 1,
        is_given_out: false,
        customer: None,
        expires_at_ms: None,
        is_suspect: false,
        own_node: 1,
    };

    fn entry(number: i64, node: i64, told: CodeFact) -> CodeEntry {
        CodeEntry {
            number,
            name: format!("N{node}-1-{number}"),
            node,
            seq: number,
            is_holders: false,
            told,
        }
    }

    fn used() -> CodeFact {
        CodeFact::Redeemed {
            at_ms: 50,
            is_end_set_aside: false,
            is_outside: false,
        }
    }

    fn given(customer: i64, expires_at_ms: Option<i64>) -> CodeFact {
        CodeFact::Assigned {
            customer: Some(customer),
            expires_at_ms,
        }
    }

    fn kinds(sum: &Sum) -> Vec<ConflictKind> {
        let mut kinds: Vec<ConflictKind> = sum.excess.iter().map(|excess| excess.kind).collect();
        kinds.sort();
        kinds
    }

    #[test]
    fn a_second_use_is_one_excess_until_either_is_undone() {
        let mut entries = vec![entry(1, 2, used()), entry(2, 3, used())];
        let sum = add_up(&GROUND, &entries);
        assert_eq!((sum.state, sum.uses_made), (CodeState::Redeemed, 1));
        assert_eq!(kinds(&sum), [ConflictKind::DoubleRedeemed]);
        assert_eq!(sum.excess[0].entry, 1);
        assert_eq!(sum.excess[0].counted, [0]);
        let undoing = CodeFact::Reversed {
            redemption: entries[0].name.clone(),
        };
        entries.push(entry(3, 2, undoing.clone()));
        let sum = add_up(&GROUND, &entries);
        assert_eq!((sum.state, sum.uses_made), (CodeState::Redeemed, 1));
        assert_eq!(sum.excess, []);
        // Undone twice is undone once.
        entries.push(entry(4, 3, undoing));
        assert_eq!(add_up(&GROUND, &entries), sum);
    }

    #[test]
    fn an_ended_code_stays_ended_and_its_uses_elsewhere_are_told() {
        let sum = add_up(
            &GROUND,
            &[entry(1, 2, used()), entry(2, 3, CodeFact::Voided)],
        );
        assert_eq!((sum.state, sum.uses_made), (CodeState::Void, 1));
        assert_eq!(kinds(&sum), [ConflictKind::RedeemedAfterVoid]);
        // What the hub ended after it knew of a use, it ended knowingly.
        let twice = Ground { uses: 2, ..GROUND };
        let sum = add_up(
            &twice,
            &[entry(1, 2, used()), entry(2, 1, CodeFact::Voided)],
        );
        assert_eq!(kinds(&sum), []);
        let sum = add_up(
            &twice,
            &[entry(2, 2, used()), entry(1, 1, CodeFact::Voided)],
        );
        assert_eq!(kinds(&sum), [ConflictKind::RedeemedAfterVoid]);
    }

    #[test]
    fn a_use_after_the_end_that_an_assignment_set_is_told_unless_it_was_set_aside() {
        let late = add_up(
            &GROUND,
            &[entry(1, 2, used()), entry(2, 3, given(7, Some(50)))],
        );
        assert_eq!(kinds(&late), [ConflictKind::RedeemedOutsideWindow]);
        let in_time = add_up(
            &GROUND,
            &[entry(1, 2, used()), entry(2, 3, given(7, Some(51)))],
        );
        assert_eq!(kinds(&in_time), []);
    }

    #[test]
    fn what_was_possibly_spent_is_so_until_its_uses_are_known() {
        let suspect = Ground {
            is_suspect: true,
            ..GROUND
        };
        let sum = add_up(&suspect, &[entry(1, 2, given(7, None))]);
        assert_eq!((sum.state, sum.customer), (CodeState::Suspect, Some(7)));
        let sum = add_up(&suspect, &[entry(1, 2, used())]);
        assert_eq!(sum.state, CodeState::Redeemed);
    }

    fn any_fact() -> impl Strategy<Value = CodeFact> {
        prop_oneof![
            4 => (40_i64..60, any::<bool>()).prop_map(|(at_ms, is_end_set_aside)| {
                CodeFact::Redeemed { at_ms, is_end_set_aside, is_outside: false }
            }),
            2 => (1_i64..4).prop_map(|customer| given(customer, Some(50))),
            1 => Just(CodeFact::Voided),
            3 => (2_i64..5, 0_i64..8).prop_map(|(node, seq)| CodeFact::Reversed {
                redemption: format!("N{node}-{seq}"),
            }),
        ]
    }

    proptest! {
        /// Stores write; the hub hears of them in one order or in another.
        #[test]
        fn the_sum_does_not_depend_on_which_came_first(
            facts in proptest::collection::vec((2_i64..5, any_fact(), any::<bool>()), 0..9),
            uses in 1_u32..3,
            order in any::<u64>(),
        ) {
            let ground = Ground { uses, ..GROUND };
            let mut entries: Vec<CodeEntry> = facts
                .into_iter()
                .zip(0_i64..)
                .map(|((node, told, is_holders), place)| CodeEntry {
                    number: place,
                    name: format!("N{node}-{place}"),
                    node,
                    seq: place,
                    is_holders,
                    told,
                })
                .collect();
            let one = add_up(&ground, &entries);
            let count = entries.len().max(1);
            entries.rotate_left(usize::try_from(order % count as u64).unwrap());
            if order % 2 == 0 {
                entries.reverse();
            }
            for (number, entry) in (0_i64..).zip(&mut entries) {
                entry.number = number;
            }
            let other = add_up(&ground, &entries);
            prop_assert_eq!((one.state, one.uses_made), (other.state, other.uses_made));
            prop_assert_eq!(kinds(&one), kinds(&other));
            prop_assert_eq!(one.reversed.len(), other.reversed.len());
        }
    }
}
