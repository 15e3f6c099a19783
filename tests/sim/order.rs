//! Law 9: what the entries add up to does not depend on which store came first. The same disks are
//! played to rest several times, each time with the stores' entries in another order.

use std::collections::BTreeMap;

use counterfoil::domain::conflict::ConflictKind;
use counterfoil::domain::wire::Up;
use counterfoil::sync::intake::Route;

use crate::broken::{Checked, Law, Undisturbed as _, broken};
use crate::letters::{Parcel, read, written};
use crate::node::Disk;
use crate::record::Place;
use crate::world::{Falls, Game, World};

/// In which order the stores' entries come, and how many at a time.
struct Order {
    stores: [usize; 3],
    at_a_time: usize,
}

const ORDERS: [Order; 4] = [
    Order {
        stores: [0, 1, 2],
        at_a_time: 500,
    },
    Order {
        stores: [2, 1, 0],
        at_a_time: 500,
    },
    Order {
        stores: [1, 2, 0],
        at_a_time: 7,
    },
    Order {
        stores: [2, 0, 1],
        at_a_time: 1,
    },
];

/// What everything added up to: codes, figures, and the conflicts by kind and code.
#[derive(Debug, PartialEq, Eq)]
struct Sum {
    codes: BTreeMap<String, (i64, i64)>,
    figures: Vec<(String, [u64; 6])>,
    conflicts: Vec<(String, Option<String>)>,
}

/// Plays a game with every store on its own for a while, then brings it to rest in every order.
pub(crate) fn in_every_order(seed: u64, steps: u64) -> Checked<()> {
    let mut world = World::begin(Game {
        seed,
        steps,
        fault: None,
        goes_on: false,
        hub_falls: Falls::Never,
    });
    world.first_contact()?;
    world.steps(steps)?;
    world.rest()?;
    world.people_only(steps / 2)?;
    let disks: Vec<Disk> = world
        .places()
        .into_iter()
        .map(|place| {
            let act = world.act(place, "start");
            world.node(place).disk(&act)
        })
        .collect();
    let mut first: Option<Sum> = None;
    for (number, order) in ORDERS.iter().enumerate() {
        for (place, disk) in world.places().into_iter().zip(&disks) {
            let act = world.act(place, "start");
            world.node(place).set_back(disk, &act);
            world.watch.forget(place);
        }
        world.watch.forget_feed();
        world.upload(order)?;
        world.rest()?;
        let sum = world.sum()?;
        match &first {
            None => first = Some(sum),
            Some(first) if *first != sum => {
                return broken(Law::Order, told(number, first, &sum));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

fn told(number: usize, first: &Sum, sum: &Sum) -> String {
    let codes: Vec<String> = first
        .codes
        .iter()
        .filter(|(code, told)| sum.codes.get(*code) != Some(told))
        .map(|(code, told)| format!("{code} {told:?} or {:?}", sum.codes.get(code)))
        .collect();
    let one_sided = |of: &Sum, beside: &Sum| -> Vec<String> {
        of.conflicts
            .iter()
            .filter(|conflict| !beside.conflicts.contains(conflict))
            .map(|conflict| format!("{conflict:?}"))
            .collect()
    };
    format!(
        "in order {number} the same entries add up to something else: {codes:?}; figures {:?} or \
         {:?}; conflicts {:?} or {:?}",
        first.figures,
        sum.figures,
        one_sided(first, sum),
        one_sided(sum, first)
    )
}

impl World {
    /// Uploads everything, some entries of one store after some of another.
    fn upload(&mut self, order: &Order) -> Checked<()> {
        let mut batches: BTreeMap<usize, Vec<Up>> = BTreeMap::new();
        for store in order.stores {
            let act = self.act(Place::Store(store), "courier");
            let up = self.stores[store]
                .node
                .ledger()
                .up_batch(act.now)
                .undisturbed("gather a batch")?;
            if let Some(up) = up {
                batches.insert(store, pieces(&up, order.at_a_time));
            }
        }
        let most = batches.values().map(Vec::len).max().unwrap_or(0);
        for piece in 0..most {
            for store in order.stores {
                let Some(up) = batches.get(&store).and_then(|pieces| pieces.get(piece)) else {
                    continue;
                };
                let parcel = Parcel {
                    store,
                    route: Route::Up,
                    is_answer: false,
                    call: 0,
                    put_off: 0,
                    json: written(up),
                };
                let Some(json) = self.answers(&parcel)? else {
                    continue;
                };
                let act = self.act(Place::Store(store), "courier");
                self.stores[store]
                    .node
                    .ledger()
                    .heard_up(&read(&json), &act)
                    .undisturbed("hear what was acknowledged")?;
            }
        }
        Ok(())
    }

    fn sum(&mut self) -> Checked<Sum> {
        let codes = self
            .codes_at(Place::Hub)
            .into_iter()
            .map(|seen| (seen.code, (seen.state, seen.uses_made)))
            .collect();
        let act = self.act(Place::Hub, "back room");
        let ledger = self.hub.ledger();
        let figures = ledger
            .pools(None, act.now)
            .undisturbed("read the figures")?
            .expect("every campaign")
            .into_iter()
            .map(|pool| {
                // How much of a pool is lent depends on who came first.
                let left = pool.available + pool.leased;
                let figures = [
                    left,
                    pool.assigned,
                    pool.redeemed,
                    pool.void,
                    pool.suspect,
                    pool.uses_made,
                ];
                (pool.campaign.to_string(), figures)
            })
            .collect();
        let mut conflicts: Vec<(String, Option<String>)> = ledger
            .conflicts(true)
            .undisturbed("list conflicts")?
            .into_iter()
            .map(|conflict| {
                // Which of two codes is called the second one, the hub says as they come.
                let about = if conflict.kind == ConflictKind::SecondCode {
                    conflict.campaign
                } else {
                    conflict.code
                };
                (conflict.kind.as_str().to_owned(), about)
            })
            .collect();
        conflicts.sort();
        Ok(Sum {
            codes,
            figures,
            conflicts,
        })
    }
}

/// A batch as several shorter ones.
fn pieces(up: &Up, at_a_time: usize) -> Vec<Up> {
    let mut previous_hash = up.previous_hash.clone();
    let mut pieces = Vec::new();
    for entries in up.entries.chunks(at_a_time) {
        pieces.push(Up {
            previous_hash: previous_hash.clone(),
            entries: entries.to_vec(),
            ..up.clone()
        });
        if let Some(last) = entries.last() {
            previous_hash.clone_from(&last.hash);
        }
    }
    pieces
}
