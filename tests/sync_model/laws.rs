//! The properties: what the protocol promises, over everything that really happened.
use stateright::Property;

use crate::rules::Rules;
use crate::store::{Ask, Store};
use crate::wire::{Act, CODES, STORES, Way};
use crate::world::{OTHER, World};

/// No code goes to two customers.
pub(crate) const NO_DOUBLE: &str = "no double hand-out";
/// Once everything is up, a double hand-out has a conflict per excess entry.
pub(crate) const NEVER_SILENT: &str = "never silent";
/// Once everything is up, the hub has all that a store still has.
pub(crate) const NOTHING_LOST: &str = "nothing lost";
/// The same for what a store once had. No protocol can hold this across a dead disk.
pub(crate) const NOTHING_DIES: &str = "nothing dies with a disk";
/// The right to a code is in one hand.
pub(crate) const EXCLUSIVE: &str = "exclusive";
/// An ask given up has used up nothing.
pub(crate) const GIVEN_UP: &str = "given up is given up";
/// What the hub has redeemed for somebody, no holder can still spend.
pub(crate) const LAST_WORD: &str = "the hub has the last word";

pub(crate) fn all() -> Vec<Property<Rules>> {
    vec![
        Property::always(NO_DOUBLE, |_, world: &World| {
            (0..CODES).all(|code| handed_out(world, code).count() <= 1)
        }),
        Property::always(NEVER_SILENT, |_, world: &World| {
            !is_drained(world) || (0..CODES).all(|code| is_told(world, code))
        }),
        Property::always(NOTHING_LOST, |_, world: &World| {
            world.handed_out.iter().all(|act| {
                let store = &world.stores[act.store];
                !store.is_drained() || !store.has(*act) || world.hub.facts.contains(act)
            })
        }),
        Property::always(NOTHING_DIES, |_, world: &World| {
            !is_drained(world) || world.died.is_subset(&world.hub.facts)
        }),
        Property::always(EXCLUSIVE, |rules, world: &World| {
            (0..CODES).all(|code| hands(rules, world, code) <= 1)
        }),
        Property::always(LAST_WORD, |rules: &Rules, world: &World| {
            world.hub.facts.iter().all(|act| {
                let is_by_hub = act.way == Way::Asked;
                let may = |store| world.may_spend_as_holder(rules, store, act.code);
                !is_by_hub || !(0..STORES).any(may)
            })
        }),
        Property::always(GIVEN_UP, |_, world: &World| {
            let other = &world.stores[OTHER];
            (0..CODES).all(|code| {
                let act = Act {
                    store: OTHER,
                    code,
                    way: Way::Asked,
                };
                let is_settled = other.asks[code] == Ask::GivenUp && other.is_drained();
                !is_settled || !world.hub.facts.contains(&act)
            })
        }),
    ]
}

fn is_drained(world: &World) -> bool {
    world.stores.iter().all(Store::is_drained)
}

fn handed_out(world: &World, code: usize) -> impl Iterator<Item = &Act> {
    world.handed_out.iter().filter(move |act| act.code == code)
}

/// What died with a disk cannot be told; everything else must be.
fn is_told(world: &World, code: usize) -> bool {
    let left = handed_out(world, code).filter(|act| !world.died.contains(act));
    left.count() <= 1 + world.hub.conflicts[code]
}

/// In how many hands the right to spend this code is. A store whose incarnation the hub has ended
/// has no right, whatever it believes.
fn hands(rules: &Rules, world: &World, code: usize) -> usize {
    let stores = (0..STORES).filter(|store| {
        world.stores[*store].incarnation == world.hub.incarnation[*store]
            && world.may_spend_as_holder(rules, *store, code)
    });
    stores.count() + usize::from(world.hub.holds(code))
}
