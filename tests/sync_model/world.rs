//! Everything at once: two stores, the hub, the wire, and what really happened at the counters.
use std::collections::BTreeSet;

use stateright::{Model, Property};

use crate::hub::{Holder, Hub};
use crate::laws;
use crate::rules::{Guard, Rules, Trouble};
use crate::store::{Ask, Store};
use crate::wire::{Act, CODES, Entry, Message, STORES, Way};

/// The store whose disk dies, or that is written off. One is enough: the stores are alike.
const UNLUCKY: usize = 0;

/// The store whose customers bring codes that it does not hold.
pub(crate) const OTHER: usize = 1;

/// The code that is asked for elsewhere and called back. The second code is granted once and makes
/// the chains longer than one entry.
const WANTED: usize = 0;

/// How often a code is granted: the wanted one once to each store, or twice to the same one.
const GRANTS: [usize; CODES] = [2, 1];

/// How many entries a chain may have.
const LONGEST: usize = 3;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "what has happened so far")]
pub(crate) struct World {
    pub(crate) stores: [Store; STORES],
    pub(crate) hub: Hub,
    /// Messages are never taken out: each may arrive late, again, in any order, or never.
    wire: BTreeSet<Message>,
    /// What customers really went home with. No machine knows all of it.
    pub(crate) handed_out: BTreeSet<Act>,
    /// What was on no other disk when the unlucky store's died.
    pub(crate) died: BTreeSet<Act>,
    backup: Option<Box<Store>>,
    had_restore: bool,
    had_write_off: bool,
    soft_end_is_past: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    Arrives(Message),
    Grants { code: usize, store: usize },
    Spends { store: usize, code: usize },
    HandsOver { store: usize, code: usize },
    TakesBack { code: usize },
    Asks,
    GivesUp,
    BacksUp,
    Restores,
    WritesOff,
    SoftEndPasses,
}

impl World {
    fn new() -> World {
        World {
            stores: [Store::new(), Store::new()],
            hub: Hub::new(),
            wire: BTreeSet::new(),
            handed_out: BTreeSet::new(),
            died: BTreeSet::new(),
            backup: None,
            had_restore: false,
            had_write_off: false,
            soft_end_is_past: false,
        }
    }

    /// The store takes the right to be its own, and may use it.
    pub(crate) fn may_spend_as_holder(&self, rules: &Rules, store: usize, code: usize) -> bool {
        let it = &self.stores[store];
        let is_in_time = !self.soft_end_is_past || !rules.keeps(Guard::SoftEnd);
        it.holds[code].is_some() && !it.spent[code] && !it.quarantined && is_in_time
    }

    fn may_spend(&self, rules: &Rules, store: usize, code: usize) -> bool {
        let it = &self.stores[store];
        let is_lax = rules.may(Trouble::AcceptAny) && !it.spent[code] && !it.quarantined;
        is_lax || self.may_spend_as_holder(rules, store, code)
    }

    fn spend(&mut self, store: usize, code: usize) {
        let alone = self.handed_out.iter().filter(|act| {
            act.store == store && act.code == code && matches!(act.way, Way::Alone(_))
        });
        let way = Way::Alone(alone.count());
        let act = Act { store, code, way };
        self.stores[store].spend(act);
        self.handed_out.insert(act);
    }

    /// Puts on the wire what the stores have to say. As anything there may arrive late or never,
    /// saying it at once leaves nothing out, and spares the checker the steps in between.
    fn say(&mut self) {
        for (store, it) in self.stores.iter().enumerate() {
            for (incarnation, chain) in it.chains.iter().enumerate() {
                if it.acknowledged[incarnation] < chain.len() {
                    let chain = chain.clone();
                    self.wire.insert(Message::Up {
                        store,
                        incarnation,
                        chain,
                    });
                }
            }
            if it.quarantined {
                let incarnation = it.incarnation;
                let chain = it.chains[incarnation].clone();
                self.wire.insert(Message::Hello {
                    store,
                    incarnation,
                    chain,
                });
            }
        }
    }

    fn arrives(&mut self, message: &Message, rules: &Rules) {
        match message {
            Message::Up { .. } | Message::Hello { .. } | Message::Ask { .. } => {
                let answer = self.hub.hear(message, rules, self.soft_end_is_past);
                self.wire.extend(answer);
            }
            Message::Ack { store, .. }
            | Message::Grant { store, .. }
            | Message::Welcome { store, .. } => {
                self.stores[*store].hear(message, rules);
            }
            Message::Answer { store, code, .. } => {
                if self.stores[*store].hear(message, rules) {
                    let way = Way::Asked;
                    self.handed_out.insert(Act {
                        store: *store,
                        code: *code,
                        way,
                    });
                }
            }
        }
    }

    /// The disk dies and the backup takes its place. What nobody else has is gone.
    fn restore(&mut self, rules: &Rules) {
        let Some(backup) = self.backup.take() else {
            return;
        };
        self.stores[UNLUCKY] = *backup;
        self.stores[UNLUCKY].quarantined = rules.keeps(Guard::Quarantine);
        self.had_restore = true;
        let left = &self.stores[UNLUCKY];
        let dead = self.handed_out.iter().filter(|act| {
            act.store == UNLUCKY && !left.has(**act) && !self.hub.facts.contains(*act)
        });
        self.died = dead.copied().collect();
    }

    fn mishaps(&self, rules: &Rules, steps: &mut Vec<Step>) {
        if rules.may(Trouble::Restore) && !self.had_restore {
            steps.push(match self.backup {
                None => Step::BacksUp,
                Some(_) => Step::Restores,
            });
        }
        if rules.may(Trouble::WriteOff) && !self.had_write_off {
            steps.push(Step::WritesOff);
        }
        if rules.may(Trouble::SoftEndPasses) && !self.soft_end_is_past {
            steps.push(Step::SoftEndPasses);
        }
    }

    fn moves_of_right(&self, rules: &Rules, code: usize, steps: &mut Vec<Step>) {
        for store in 0..STORES {
            let is_known_lost = store == UNLUCKY && self.had_write_off;
            if self.hub.holds(code) && self.hub.grants[code] < GRANTS[code] && !is_known_lost {
                steps.push(Step::Grants { code, store });
            }
            if code == WANTED
                && rules.may(Trouble::Recall)
                && rules.keeps(Guard::HandedOver)
                && self.may_spend_as_holder(rules, store, code)
            {
                steps.push(Step::HandsOver { store, code });
            }
        }
        let is_out = matches!(self.hub.holder[code], Holder::Store { .. });
        let is_called = code == WANTED && rules.may(Trouble::Recall);
        if is_called && !rules.keeps(Guard::HandedOver) && is_out {
            steps.push(Step::TakesBack { code });
        }
    }
}

impl Model for Rules {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        vec![World::new()]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        steps.extend(world.wire.iter().cloned().map(Step::Arrives));
        world.mishaps(self, steps);
        for code in 0..CODES {
            world.moves_of_right(self, code, steps);
            for store in 0..STORES {
                if world.may_spend(self, store, code) {
                    steps.push(Step::Spends { store, code });
                }
            }
        }
        let other = &world.stores[OTHER];
        if self.may(Trouble::Ask) && other.holds[WANTED].is_none() && !other.spent[WANTED] {
            match other.asks[WANTED] {
                Ask::None => steps.push(Step::Asks),
                Ask::Pending => steps.push(Step::GivesUp),
                Ask::Answered | Ask::GivenUp => {}
            }
        }
    }

    fn next_state(&self, before: &World, step: Step) -> Option<World> {
        let mut world = before.clone();
        match step {
            Step::Arrives(message) => world.arrives(&message, self),
            Step::Grants { code, store } => {
                let grant = world.hub.grant(code, store);
                world.wire.insert(grant);
            }
            Step::Spends { store, code } => world.spend(store, code),
            Step::HandsOver { store, code } => world.stores[store].hand_over(code),
            Step::TakesBack { code } => world.hub.holder[code] = Holder::Hub,
            Step::Asks => {
                world.stores[OTHER].asks[WANTED] = Ask::Pending;
                world.wire.insert(Message::Ask {
                    store: OTHER,
                    code: WANTED,
                });
            }
            Step::GivesUp => {
                world.stores[OTHER].asks[WANTED] = Ask::GivenUp;
                if self.keeps(Guard::Withdrawn) {
                    world.stores[OTHER].write(Entry::Withdrawn { code: WANTED });
                }
            }
            Step::BacksUp => world.backup = Some(Box::new(world.stores[UNLUCKY].clone())),
            Step::Restores => world.restore(self),
            Step::WritesOff => {
                world.hub.write_off(UNLUCKY, self);
                world.had_write_off = true;
            }
            Step::SoftEndPasses => world.soft_end_is_past = true,
        }
        world.say();
        (world != *before).then_some(world)
    }

    /// Without grant numbers a store could take and hand over the same grant for ever.
    fn within_boundary(&self, world: &World) -> bool {
        let mut chains = world.stores.iter().flat_map(|store| &store.chains);
        chains.all(|chain| chain.len() <= LONGEST)
    }

    fn properties(&self) -> Vec<Property<Rules>> {
        laws::all()
    }
}
