//! Planted faults: one for each law, so that a law that cannot be found broken is found out. All are
//! planted from outside, in rows or on the line; the program has no switch for any of them.

use counterfoil::domain::claim::ClaimContext;
use counterfoil::domain::wire::{HubKnown, Page};
use counterfoil::sync::intake::Request;

use crate::broken::{Checked, Law};
use crate::counters::{Scanned, SignedUp};
use crate::record::{Fate, Place, Undone, What};
use crate::world::{Falls, World};

/// What is planted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A store takes a code that the hub holds.
    TwoHands,
    /// A store forgets that a code of its own was honoured elsewhere.
    Unspent,
    /// A conflict disappears.
    LostConflict,
    /// A store takes a lost answer for an acknowledgement.
    FalseAcknowledgement,
    /// A key is forgotten.
    LostKey,
    /// A code goes back into the pool.
    BackIntoPool,
    /// A figure is wrong.
    WrongFigure,
    /// A customer is forgotten.
    LostCustomer,
    /// Something appears in the feed where stores have passed.
    LateInFeed,
    /// A range is lent twice.
    LentTwice,
    /// A page is taken for one that the hub wrote later.
    OverUnsent,
    /// A page is lost, and its cursor is not.
    LostPage,
    /// A store does not tell a hub that was restored what it knows.
    Untold,
    /// A hub that was put back unnoticed does not look at what its stores know of it.
    Unlooked,
}

impl Fault {
    /// Every fault, with the law that must be found broken.
    pub(crate) const ALL: [(Fault, Law); 14] = [
        (Fault::TwoHands, Law::I1Exclusive),
        (Fault::Unspent, Law::I2Safe),
        (Fault::LostConflict, Law::I3NeverSilent),
        (Fault::FalseAcknowledgement, Law::I4Durable),
        (Fault::LostKey, Law::I5Once),
        (Fault::BackIntoPool, Law::I6Forward),
        (Fault::WrongFigure, Law::I7Conserved),
        (Fault::LostCustomer, Law::I8OneEach),
        (Fault::LateInFeed, Law::I9Feed),
        (Fault::LentTwice, Law::I10Leased),
        (Fault::OverUnsent, Law::Unsent),
        (Fault::LostPage, Law::Agree),
        (Fault::Untold, Law::I6Forward),
        (Fault::Unlooked, Law::I4Durable),
    ];

    /// How its hub falls back, in whose games it is planted.
    pub(crate) fn needs(self) -> Falls {
        match self {
            Fault::Untold => Falls::ByRestore,
            Fault::Unlooked => Falls::Unnoticed,
            _ => Falls::Never,
        }
    }
}

/// How many steps are played before anything is planted.
const UNTIL: u64 = 400;

impl World {
    /// Plants the game's fault once there is something to plant it in.
    pub(crate) fn plant(&mut self) -> Checked<()> {
        let Some(fault) = self.game.fault else {
            return Ok(());
        };
        if self.is_planted || self.trace.steps < UNTIL {
            return Ok(());
        }
        // So that what is found is what is planted.
        self.look()?;
        self.is_planted = match fault {
            Fault::TwoHands => self.take_from_hub(),
            Fault::Unspent => self.unspend()?,
            // Planted on the line, where pages are heard, and once everything is at rest.
            Fault::OverUnsent | Fault::LostPage | Fault::LostConflict => true,
            Fault::FalseAcknowledgement => self.acknowledge_falsely(),
            Fault::LostKey => self.lose_key()?,
            Fault::BackIntoPool => {
                let back = "UPDATE code SET state = 0 WHERE id = \
                            (SELECT min(id) FROM code WHERE state = 1)";
                self.hub.meddle(back) > 0
            }
            Fault::WrongFigure => {
                let wrong = "UPDATE tally SET assigned = assigned + 1 WHERE campaign = 1";
                self.stores[0].node.meddle(wrong) > 0
            }
            Fault::LostCustomer => self.lose_customer()?,
            Fault::LateInFeed => {
                let late = "UPDATE feed SET position = position - 1 WHERE position = \
                            (SELECT max(position) FROM feed WHERE position < \
                            (SELECT position FROM feed_head) / 2 AND position - 1 NOT IN \
                            (SELECT position FROM feed))";
                self.hub.meddle(late) > 0
            }
            Fault::LentTwice => self.lend_twice(),
            Fault::Unlooked => self.put_back_unlooked()?,
            Fault::Untold => {
                let untold = "UPDATE hub_link SET named_after = NULL, retold_after = NULL \
                              WHERE retold_after IS NOT NULL";
                for store in 0..self.stores.len() {
                    self.stores[store].node.meddle(untold);
                }
                // Again whenever the hub falls back.
                false
            }
        };
        if self.is_planted {
            self.trace.step(&format!("{fault:?} is planted"));
            self.look()?;
        }
        Ok(())
    }

    /// At rest, where nothing that happens can raise it again.
    pub(crate) fn plant_at_rest(&mut self) {
        if self.game.fault == Some(Fault::LostConflict) && self.is_planted {
            self.hub
                .meddle("DELETE FROM conflict WHERE kind = 'double_redeemed'");
        }
    }

    /// A number from a store's ledger.
    pub(crate) fn number_at(&mut self, store: usize, sql: &str) -> i64 {
        let eyes = self.stores[store].node.eyes();
        eyes.query_row(sql, [], |row| row.get(0)).expect("a number")
    }

    fn take_from_hub(&mut self) -> bool {
        let held = self
            .codes_at(Place::Hub)
            .into_iter()
            .find(|seen| seen.is_held && seen.state == 1)
            .map(|seen| seen.code);
        let Some(code) = held else { return false };
        let takes = format!("UPDATE code SET holder = 1 WHERE folded = '{code}' AND state = 1");
        (0..self.stores.len()).all(|store| self.stores[store].node.meddle(&takes) > 0)
    }

    /// A code that was honoured for certain somewhere is as new at a store, which honours it.
    fn unspend(&mut self) -> Checked<bool> {
        let spent = self.record.acts.iter().rev().find(|act| {
            act.what == What::Use
                && !act.is_provisional
                && act.undone == Undone::No
                && self.offers[self.codes[self.by_text[&act.code]].offer].uses == 1
                && !self.is_excused([act.place].into_iter())
        });
        let Some((code, place)) = spent.map(|act| (act.code.clone(), act.place)) else {
            return Ok(false);
        };
        let other = (0..self.stores.len()).find(|store| {
            Place::Store(*store) != place && !self.is_excused([Place::Store(*store)].into_iter())
        });
        let Some(store) = other else {
            return Ok(false);
        };
        let again =
            format!("UPDATE code SET state = 1, uses_made = 0, holder = 1 WHERE folded = '{code}'");
        if self.stores[store].node.meddle(&again) == 0 {
            return Ok(false);
        }
        let scanned = Scanned {
            place: Place::Store(store),
            counter: "till 0".into(),
            key: self.new_key(),
            code,
            approval: None,
            is_check: false,
        };
        self.scan_this(scanned)?;
        Ok(false)
    }

    fn acknowledge_falsely(&mut self) -> bool {
        let all = "UPDATE hub_link SET acked_seq = (SELECT seq FROM ledger) \
                   WHERE acked_seq < (SELECT seq FROM ledger)";
        (0..self.stores.len()).any(|store| self.stores[store].node.meddle(all) > 0)
    }

    fn lose_key(&mut self) -> Checked<bool> {
        let told = self.record.acts.iter().rev().find(|act| {
            act.what == What::Use && act.undone == Undone::No && act.fate == Fate::Kept
        });
        let Some(act) = told.cloned() else {
            return Ok(false);
        };
        let lost = format!("DELETE FROM act_key WHERE key = '{}'", act.key);
        self.node(act.place).meddle(&lost);
        let scanned = Scanned {
            place: act.place,
            counter: act.counter,
            key: act.key.parse().expect("a key"),
            code: act.code,
            approval: None,
            is_check: false,
        };
        self.scan_this(scanned)?;
        Ok(false)
    }

    /// A store that has given somebody a code does not know them any more.
    fn lose_customer(&mut self) -> Checked<bool> {
        let given = self.record.acts.iter().rev().find(|act| {
            act.what == What::Code
                && act.place != Place::Hub
                && act.fate == Fate::Kept
                && self.offers[self.codes[self.by_text[&act.code]].offer].per_customer == 1
        });
        let Some(act) = given.cloned() else {
            return Ok(false);
        };
        for forgets in ["DELETE FROM contact_hash", "DELETE FROM contact"] {
            self.node(act.place).meddle(forgets);
        }
        let claimed = SignedUp {
            place: act.place,
            counter: act.counter,
            key: self.new_key(),
            person: act.person.unwrap_or_default(),
            offer: self.codes[self.by_text[&act.code]].offer,
            context: ClaimContext::Send,
        };
        self.claim_this(&claimed)?;
        Ok(false)
    }

    /// What one store may assign, another one may too.
    fn lend_twice(&mut self) -> bool {
        let twice = "UPDATE lease SET next_ordinal = first_ordinal, end_ordinal = 10000 \
                     WHERE holder = 1";
        (0..self.stores.len())
            .map(|store| self.stores[store].node.meddle(twice))
            .filter(|changed| *changed > 0)
            .count()
            > 1
    }

    /// A store gives a code out and tells its hub, which is then put back: nobody looks whether the store
    /// knows more.
    fn put_back_unlooked(&mut self) -> Checked<bool> {
        self.rest()?;
        self.hub_disk_passes(true)?;
        for store in 0..self.stores.len() {
            let (before, ..) = self.state_of_link(store)?;
            let claimed = SignedUp {
                place: Place::Store(store),
                counter: "till 0".into(),
                key: self.new_key(),
                person: usize::MAX - store,
                offer: 0,
                context: ClaimContext::Send,
            };
            self.claim_this(&claimed)?;
            let (after, ..) = self.state_of_link(store)?;
            if after != before {
                self.says_all(store, 0)?;
                self.hub_disk_passes(false)?;
                self.is_planted = true;
                self.rest()?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What stores know of the hub is not looked at.
    pub(crate) fn meddle_with_request(&self, request: &mut Request) {
        if !self.is_planted || self.game.fault != Some(Fault::Unlooked) {
            return;
        }
        match request {
            Request::Up(up) => up.hub = HubKnown::default(),
            Request::Down(down) => down.hub = HubKnown::default(),
            Request::Ask(ask) => ask.hub = HubKnown::default(),
            Request::Live(life) => life.hub = HubKnown::default(),
            Request::Join(_) | Request::Stock(_) => {}
        }
    }

    /// What is on the line is not what the hub wrote.
    pub(crate) fn meddle_with_page(&mut self, store: usize, page: &mut Page) {
        if !self.is_planted {
            return;
        }
        match self.game.fault {
            Some(Fault::OverUnsent) => {
                page.welcome.acked_through = self.number_at(store, "SELECT seq FROM ledger");
            }
            Some(Fault::LostPage) => page.items.clear(),
            _ => {}
        }
    }
}
