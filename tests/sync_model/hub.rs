//! The hub: takes in chains, grants and takes rights, answers asks, and keeps the conflicts.
use std::collections::BTreeSet;

use crate::rules::{Guard, Rules};
use crate::wire::{Act, CODES, Chain, Entry, Message, STORES, Way, in_common};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Holder {
    Hub,
    Store { store: usize, grant: usize },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Hub {
    /// The incarnation of each store that may hold rights.
    pub(crate) incarnation: [usize; STORES],
    /// What it has of each store, one chain per incarnation.
    pub(crate) chains: [[Chain; 2]; STORES],
    pub(crate) holder: [Holder; CODES],
    /// How often each code was granted.
    pub(crate) grants: [usize; CODES],
    pub(crate) suspect: [bool; CODES],
    /// What is known to have been handed out.
    pub(crate) facts: BTreeSet<Act>,
    /// One per excess entry.
    pub(crate) conflicts: [usize; CODES],
    /// Asks that are refused for ever: store and code.
    pub(crate) withdrawn: BTreeSet<(usize, usize)>,
}

impl Hub {
    pub(crate) fn new() -> Hub {
        Hub {
            incarnation: [0; STORES],
            chains: Default::default(),
            holder: [Holder::Hub; CODES],
            grants: [0; CODES],
            suspect: [false; CODES],
            facts: BTreeSet::new(),
            conflicts: [0; CODES],
            withdrawn: BTreeSet::new(),
        }
    }

    pub(crate) fn is_spent(&self, code: usize) -> bool {
        self.facts.iter().any(|act| act.code == code)
    }

    /// The right is in the hub's own hand.
    pub(crate) fn holds(&self, code: usize) -> bool {
        self.holder[code] == Holder::Hub && !self.suspect[code] && !self.is_spent(code)
    }

    fn is_held_by(&self, code: usize, by: usize) -> bool {
        matches!(self.holder[code], Holder::Store { store, .. } if store == by)
    }

    /// From here on the hub treats the store as the holder, whether or not it hears of it.
    pub(crate) fn grant(&mut self, code: usize, store: usize) -> Message {
        self.grants[code] += 1;
        let grant = self.grants[code];
        self.holder[code] = Holder::Store { store, grant };
        Message::Grant {
            store,
            incarnation: self.incarnation[store],
            code,
            grant,
        }
    }

    pub(crate) fn write_off(&mut self, store: usize, rules: &Rules) {
        if rules.keeps(Guard::Fence) {
            self.incarnation[store] += 1;
        }
        for code in 0..CODES {
            self.suspect[code] |= self.is_held_by(code, store);
        }
    }

    /// Takes in what a store says; `is_late` once the soft end is past. Gives the answer.
    pub(crate) fn hear(
        &mut self,
        message: &Message,
        rules: &Rules,
        is_late: bool,
    ) -> Option<Message> {
        match message {
            Message::Up {
                store,
                incarnation,
                chain,
            } => self.take_in(*store, *incarnation, chain, rules),
            Message::Hello {
                store,
                incarnation,
                chain,
            } => (*incarnation == self.incarnation[*store])
                .then(|| self.welcome(*store, chain, rules)),
            Message::Ask { store, code } => {
                let act = Act {
                    store: *store,
                    code: *code,
                    way: Way::Asked,
                };
                let is_yes = self.answer(act, rules, is_late);
                Some(Message::Answer {
                    store: *store,
                    code: *code,
                    is_yes,
                })
            }
            Message::Ack { .. }
            | Message::Grant { .. }
            | Message::Welcome { .. }
            | Message::Answer { .. } => None,
        }
    }

    fn take_in(
        &mut self,
        store: usize,
        incarnation: usize,
        chain: &Chain,
        rules: &Rules,
    ) -> Option<Message> {
        let ended = incarnation < self.incarnation[store];
        let known = self.chains[store][incarnation].len();
        let same = in_common(&self.chains[store][incarnation], chain);
        if rules.keeps(Guard::HashedSkips) && same < known.min(chain.len()) {
            // Another life of this ledger: nothing is acknowledged, and the store begins again.
            return (!ended).then(|| self.welcome(store, chain, rules));
        }
        // Authority can be fenced; facts never are.
        if !ended || rules.keeps(Guard::LateFacts) {
            for entry in chain.iter().skip(known) {
                self.chains[store][incarnation].push(*entry);
                self.judge(store, *entry, rules);
            }
        }
        Some(Message::Ack {
            store,
            incarnation,
            chain: chain.clone(),
            ended,
        })
    }

    fn judge(&mut self, store: usize, entry: Entry, rules: &Rules) {
        match entry {
            Entry::Spent(act) => {
                // One key acts once: an entry taken in under a second incarnation is no news.
                let is_excess = self.is_spent(act.code);
                if self.facts.insert(act) && is_excess {
                    self.conflicts[act.code] += 1;
                }
            }
            Entry::HandedOver { code, grant } => {
                let is_named = self.holder[code] == Holder::Store { store, grant };
                let is_trusted = !rules.keeps(Guard::GrantNumbers) && self.is_held_by(code, store);
                if is_named || is_trusted {
                    self.holder[code] = Holder::Hub;
                }
            }
            Entry::Withdrawn { code } => {
                self.withdrawn.insert((store, code));
                self.facts.remove(&Act {
                    store,
                    code,
                    way: Way::Asked,
                });
            }
        }
    }

    /// A new incarnation for a restored or copied ledger.
    fn welcome(&mut self, store: usize, chain: &[Entry], rules: &Rules) -> Message {
        let old = self.incarnation[store];
        self.incarnation[store] += 1;
        let mut leases = [None; CODES];
        for (code, lease) in leases.iter_mut().enumerate() {
            if self.is_held_by(code, store) {
                if rules.keeps(Guard::Suspect) {
                    self.suspect[code] = true;
                } else {
                    // A new number, so that entries of the old life cannot give it back.
                    self.grants[code] += 1;
                    let grant = self.grants[code];
                    self.holder[code] = Holder::Store { store, grant };
                    *lease = Some(grant);
                }
            }
        }
        Message::Welcome {
            store,
            incarnation: self.incarnation[store],
            in_common: in_common(&self.chains[store][old], chain),
            spent: std::array::from_fn(|code| self.is_spent(code)),
            leases,
        }
    }

    /// The hub's entry is the act. The same ask has the same answer, however often it arrives.
    fn answer(&mut self, act: Act, rules: &Rules, is_late: bool) -> bool {
        if self.withdrawn.contains(&(act.store, act.code)) {
            return false;
        }
        let may_suspect = self.suspect[act.code]
            && !self.is_spent(act.code)
            && (is_late || !rules.keeps(Guard::Margin));
        if self.holds(act.code) || may_suspect {
            self.facts.insert(act);
        }
        self.facts.contains(&act)
    }
}
