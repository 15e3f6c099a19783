//! At rest: the line is whole, everything is sent and heard, and every law is looked at in full.

use std::collections::{BTreeMap, BTreeSet};

use counterfoil::domain::entry::{Body, Fact, Hash, Recovered};
use counterfoil::domain::wire::{Cursor, Standing};

use crate::broken::{Checked, Law, Undisturbed as _, broken};
use crate::courier::Lines;
use crate::network::Line;
use crate::record::{Place, Record, Told, Undone, What};
use crate::world::{Falls, World};

/// Rounds of every courier, after which it must be quiet.
const ROUNDS: usize = 60;

/// An entry as the hub has it.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) node: String,
    pub(crate) incarnation: i64,
    pub(crate) seq: i64,
    pub(crate) hash: Vec<u8>,
    pub(crate) body: Body,
}

/// The newest entry by its life and number, open questions, what is acknowledged of entries and
/// attempts, what is applied of the feed, and what the store may do.
pub(crate) type LinkState = ((i64, i64), usize, i64, i64, Cursor, Standing);

/// A code as a ledger tells it: state, uses, whose it is.
type Agreed = (i64, i64, Option<String>);

impl World {
    /// Lets everything come to rest, and looks at every law.
    pub(crate) fn rest(&mut self) -> Checked<()> {
        let done = self.settle_down();
        self.goes_on(done)?;
        self.plant_at_rest();
        let checks: [fn(&mut World) -> Checked<()>; 9] = [
            World::look,
            World::check_arrived,
            World::check_told,
            World::check_came_back,
            World::check_conflicts,
            World::check_second_codes,
            World::check_leased,
            World::check_agreed,
            World::check_health,
        ];
        for check in checks {
            let done = check(self);
            self.goes_on(done)?;
        }
        self.trace.step("at rest");
        self.net.line = Line::drawn(&mut self.dice);
        Ok(())
    }

    fn settle_down(&mut self) -> Checked<()> {
        self.net.lose_all();
        self.net.line = Line::WHOLE;
        self.net.cut_off.clear();
        self.now_ms += 10_000;
        while self.give_up_waiting()? {}
        for store in 0..self.stores.len() {
            self.stores[store].lines = Lines::new();
        }
        self.trace.step("the line is whole");
        for _ in 0..ROUNDS {
            // Long enough for whoever still waits at a counter to have gone.
            self.now_ms += 10_000;
            let falls = self.record.words.get("hub_found_behind").copied();
            self.mind_hub()?;
            let mut is_quiet = falls == self.record.words.get("hub_found_behind").copied();
            for store in 0..self.stores.len() {
                is_quiet &= self.round(store)?;
            }
            // One that was just found behind has nothing to say before a manager has minded it.
            is_quiet &= self.game.hub_falls == Falls::Never || !self.is_hub_behind()?;
            if is_quiet {
                return Ok(());
            }
        }
        let left: Vec<String> = (0..self.stores.len())
            .map(|store| self.standing_of(store))
            .collect();
        broken(
            Law::Rests,
            format!("after {ROUNDS} rounds: {}", left.join("; ")),
        )
    }

    /// How far a store is, in words.
    fn standing_of(&mut self, store: usize) -> String {
        let state = self.state_of_link(store);
        format!("store {store}: {state:?}")
    }

    /// Every line of one store; whether nothing came of it.
    fn round(&mut self, store: usize) -> Checked<bool> {
        let up = self.says_all(store, 0)?;
        let down = self.says_all(store, 1)?;
        Ok(!up && !down)
    }

    /// What changes while a store and its hub have something to say.
    pub(crate) fn state_of_link(&mut self, store: usize) -> Checked<LinkState> {
        let node = &mut self.stores[store].node;
        let newest = node
            .ledger()
            .newest_entry()
            .undisturbed("read the ledger")?;
        let open = node
            .ledger()
            .unanswered_questions()
            .undisturbed("list questions")?
            .len();
        let link = node.ledger().hub_link().undisturbed("read the link")?;
        let Some(link) = link else {
            return broken(Law::Rests, format!("store {store} has no link"));
        };
        Ok((
            newest,
            open,
            link.acked_seq,
            link.acked_attempt,
            link.cursor,
            link.standing,
        ))
    }

    /// I4: every entry of a store is at the hub, once.
    fn check_arrived(&mut self) -> Checked<()> {
        for store in 0..self.stores.len() {
            let name = self.stores[store].node.name.clone();
            let mut at_hub: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
            for hash in self.hashes(Place::Hub, &name) {
                *at_hub.entry(hash).or_default() += 1;
            }
            if let Some((_, count)) = at_hub.iter().find(|(_, count)| **count > 1) {
                return broken(
                    Law::I4Durable,
                    format!("the hub has an entry of store {store} {count} times"),
                );
            }
            let own = self.hashes(Place::Store(store), &name);
            let missing = own
                .iter()
                .filter(|hash| !at_hub.contains_key(*hash))
                .count();
            if missing > 0 {
                return broken(
                    Law::I4Durable,
                    format!(
                        "{missing} of {} entries of store {store} were acknowledged and are not at the hub",
                        own.len()
                    ),
                );
            }
        }
        Ok(())
    }

    fn hashes(&mut self, place: Place, node: &str) -> Vec<Vec<u8>> {
        let mut found = self
            .node(place)
            .eyes()
            .prepare_cached(
                "SELECT e.hash FROM entry e JOIN node n ON n.id = e.node WHERE n.name = ?1",
            )
            .expect("a statement");
        let rows = found.query_map([node], |row| row.get(0));
        rows.and_then(Iterator::collect).expect("hashes")
    }

    /// I4: what somebody was told of is an entry at the hub.
    fn check_told(&mut self) -> Checked<()> {
        let all: BTreeSet<Vec<u8>> = {
            let mut found = self
                .hub
                .eyes()
                .prepare_cached("SELECT hash FROM entry")
                .expect("a statement");
            let rows = found.query_map([], |row| row.get(0));
            rows.and_then(Iterator::collect).expect("hashes")
        };
        match self
            .record
            .acts
            .iter()
            .find(|act| !act.has_died() && !all.contains(&act.hash))
        {
            Some(act) => broken(
                Law::I4Durable,
                format!(
                    "{} of {} was told of by {:?} in step {}, and the hub does not have it",
                    act.entry, act.code, act.place, act.step
                ),
            ),
            None => Ok(()),
        }
    }

    /// I4: what a store was told that the hub did, and the hub lost when it fell back, the store has told
    /// it: it stands at the hub again, by another entry that names the lost one. What a store's own older
    /// disk or backup has forgotten since nobody can tell.
    fn check_came_back(&mut self) -> Checked<()> {
        let hub = format!("{}-", self.hub.name);
        let lost: Vec<Told> = self
            .record
            .acts
            .iter()
            .filter(|act| {
                let is_untouched = match act.place {
                    Place::Hub => false,
                    Place::Store(store) => self.stores[store].reborn_in < act.step,
                };
                is_untouched
                    && act.has_died()
                    && act.what == What::Use
                    && act.undone == Undone::No
                    && act.entry.starts_with(&hub)
            })
            .cloned()
            .collect();
        for act in lost {
            let hash: Hash = act.hash.clone().try_into().expect("a hash");
            let named = format!("%\"entry\":\"{}\"%", Recovered::name_of(&hash));
            let found: i64 = self
                .hub
                .eyes()
                .prepare_cached(
                    "SELECT count(*) FROM entry e JOIN code c ON c.id = e.code \
                     WHERE c.folded = ?1 AND e.kind = 'redeemed' AND (e.hash = ?2 OR e.body LIKE ?3)",
                )
                .and_then(|mut found| {
                    found.query_row((&act.code, &act.hash, &named), |row| row.get(0))
                })
                .expect("entries");
            if found != 1 {
                return broken(
                    Law::I4Durable,
                    format!(
                        "{} of {} was told of by {:?} in step {}, died with the hub, and came back \
                         {found} times",
                        act.entry, act.code, act.place, act.step
                    ),
                );
            }
        }
        Ok(())
    }

    /// Every entry that the hub has, read anew.
    pub(crate) fn known(&mut self) -> Checked<Vec<Known>> {
        let rows: Vec<(String, i64, i64, Vec<u8>, String, String)> = {
            let mut found = self
                .hub
                .eyes()
                .prepare_cached(
                    "SELECT n.name, e.incarnation, e.seq, e.hash, e.kind, e.body FROM entry e \
                     JOIN node n ON n.id = e.node \
                     WHERE e.code IS NOT NULL OR e.kind IN ('lease_granted', 'parked') \
                     ORDER BY e.id",
                )
                .expect("a statement");
            let rows = found.query_map([], |row| {
                Ok((
                    row.get(0)?,
                    row.get(1)?,
                    row.get(2)?,
                    row.get(3)?,
                    row.get(4)?,
                    row.get(5)?,
                ))
            });
            rows.and_then(Iterator::collect).expect("entries")
        };
        let mut known = Vec::new();
        for (node, incarnation, seq, hash, kind, body) in rows {
            if kind == "parked" {
                return broken(Law::I4Durable, format!("an entry was parked: {body}"));
            }
            known.push(Known {
                node,
                incarnation,
                seq,
                hash,
                body: serde_json::from_str(&body).undisturbed("read an entry")?,
            });
        }
        Ok(known)
    }

    /// I3: as many conflicts as there are uses too many, and as many customers too many.
    fn check_conflicts(&mut self) -> Checked<()> {
        let standing = standing_uses(&self.known()?, &self.record);
        let conflicts = self.conflicts_by_code();
        for imported in &self.codes {
            let uses = self.offers[imported.offer].uses;
            let made = standing.get(&imported.text).map_or(0, BTreeSet::len);
            let excess = made.saturating_sub(uses);
            let of = |kind: &str| {
                conflicts
                    .get(&(imported.text.clone(), kind.to_owned()))
                    .copied()
                    .unwrap_or_default()
            };
            let (open, settled) = of("double_redeemed");
            if open > excess || open + settled < excess {
                return broken(
                    Law::I3NeverSilent,
                    format!(
                        "{} was used {made} times of {uses}, and the hub has {open} open and \
                         {settled} settled conflicts: {:?}",
                        imported.text,
                        standing.get(&imported.text)
                    ),
                );
            }
            let people: BTreeSet<usize> = self
                .record
                .codes_of(&imported.text)
                .filter_map(|act| act.person)
                .collect();
            let (open, settled) = of("double_assigned");
            if people.len() > 1 + open + settled {
                return broken(
                    Law::I3NeverSilent,
                    format!(
                        "{} was given to {people:?}, and the hub has {} conflicts",
                        imported.text,
                        open + settled
                    ),
                );
            }
        }
        Ok(())
    }

    /// Open conflicts, and those that a person settled, by code and kind.
    fn conflicts_by_code(&mut self) -> BTreeMap<(String, String), (usize, usize)> {
        let rows: Vec<(String, String, bool, Option<String>)> = {
            let mut found = self
                .hub
                .eyes()
                .prepare_cached(
                    "SELECT c.folded, f.kind, f.is_open, f.decision FROM conflict f \
                     JOIN code c ON c.id = f.code",
                )
                .expect("a statement");
            let rows = found.query_map([], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            });
            rows.and_then(Iterator::collect).expect("conflicts")
        };
        let mut conflicts: BTreeMap<(String, String), (usize, usize)> = BTreeMap::new();
        for (code, kind, is_open, decision) in rows {
            let (open, settled) = conflicts.entry((code, kind)).or_default();
            *open += usize::from(is_open);
            *settled += usize::from(!is_open && decision.is_some());
        }
        conflicts
    }

    /// I8: whoever has more codes than they may is in a conflict for each.
    fn check_second_codes(&mut self) -> Checked<()> {
        let mut theirs: BTreeMap<(usize, usize), BTreeSet<String>> = BTreeMap::new();
        for act in &self.record.acts {
            if let (What::Code, Some(person), false) = (act.what, act.person, act.has_died()) {
                let offer = self.codes[self.by_text[&act.code]].offer;
                theirs
                    .entry((person, offer))
                    .or_default()
                    .insert(act.code.clone());
            }
        }
        let conflicts = self.conflicts_by_code();
        for ((person, offer), codes) in theirs {
            let most = self.offers[offer].per_customer;
            if codes.len() <= most {
                continue;
            }
            let mut live = Vec::new();
            for code in &codes {
                if self.state_at(Place::Hub, code) != Some("void") {
                    live.push(code.clone());
                }
            }
            // A code that another customer has is told of as such.
            let told: usize = codes
                .iter()
                .flat_map(|code| {
                    ["second_code", "double_assigned"].map(|kind| (code.clone(), kind.to_owned()))
                })
                .filter_map(|named| conflicts.get(&named))
                .map(|(open, settled)| open + settled)
                .sum();
            if live.len() > most + told {
                return broken(
                    Law::I8OneEach,
                    format!("person {person} has {live:?}, and the hub has {told} conflicts of it"),
                );
            }
        }
        Ok(())
    }

    /// I10: whatever a store assigned from a pool had been lent to it.
    fn check_leased(&mut self) -> Checked<()> {
        if self.falls > 0 {
            // What was lent in a life that is gone nobody can tell.
            return Ok(());
        }
        let known = self.known()?;
        let mut lent: BTreeMap<(&str, &str), Vec<(u64, u64)>> = BTreeMap::new();
        for entry in &known {
            let campaign = entry.body.campaign.as_ref().map_or("", |id| id.as_str());
            match &entry.body.fact {
                Fact::LeaseGranted {
                    node,
                    first_ordinal,
                    end_ordinal,
                    ..
                } => lent
                    .entry((node, campaign))
                    .or_default()
                    .push((*first_ordinal, *end_ordinal)),
                Fact::Assigned {
                    ordinal: Some(ordinal),
                    ..
                } if entry.node != self.hub.name => {
                    let ranges = lent.get(&(entry.node.as_str(), campaign));
                    let is_lent = ranges
                        .into_iter()
                        .flatten()
                        .any(|(first, end)| (first..end).contains(&ordinal));
                    if !is_lent {
                        return broken(
                            Law::I10Leased,
                            format!(
                                "{}-{} assigned {ordinal} of {campaign}, which was never lent to it",
                                entry.node, entry.seq
                            ),
                        );
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// What every ledger tells of every code.
    fn told_at(&mut self, place: Place) -> BTreeMap<String, Agreed> {
        let mut found = self
            .node(place)
            .eyes()
            .prepare_cached(
                "SELECT c.folded, c.state, c.uses_made, u.public_id FROM code c \
                 LEFT JOIN customer u ON u.id = c.customer",
            )
            .expect("a statement");
        let rows = found.query_map([], |row| {
            Ok((row.get(0)?, (row.get(1)?, row.get(2)?, row.get(3)?)))
        });
        rows.and_then(Iterator::collect).expect("codes")
    }

    /// Law 9: at rest all ledgers tell the same of every code.
    fn check_agreed(&mut self) -> Checked<()> {
        let at_hub = self.told_at(Place::Hub);
        for store in 0..self.stores.len() {
            let here = self.told_at(Place::Store(store));
            for (code, told) in &at_hub {
                let ours = here.get(code);
                if ours != Some(told) {
                    return broken(
                        Law::Agree,
                        format!(
                            "{code} is (state, uses, customer) {told:?} at the hub, and {ours:?} \
                             at store {store}: {}",
                            self.standing_of(store)
                        ),
                    );
                }
            }
        }
        Ok(())
    }

    /// I7: every ledger finds itself well, and its figures add up.
    fn check_health(&mut self) -> Checked<()> {
        for place in self.places() {
            let act = self.act(place, "back room");
            let codes = self.codes_at(place).len() as u64;
            let ledger = self.node(place).ledger();
            let health = ledger.verify(&mut |_| ()).undisturbed("verify")?;
            if !health.faults.is_empty() {
                return broken(
                    Law::I7Conserved,
                    format!("{place:?} finds: {}", health.faults.join("; ")),
                );
            }
            let mut total = 0;
            let pools = ledger
                .pools(None, act.now)
                .undisturbed("read the figures")?
                .expect("every campaign");
            for pool in pools {
                let sum = pool.available
                    + pool.leased
                    + pool.assigned
                    + pool.redeemed
                    + pool.void
                    + pool.suspect
                    + pool.test;
                if sum != pool.total {
                    return broken(Law::I7Conserved, format!("{place:?} counts {pool:?}"));
                }
                total += pool.total;
            }
            if total != codes {
                return broken(
                    Law::I7Conserved,
                    format!("{place:?} has {codes} codes, and its figures count {total}"),
                );
            }
        }
        Ok(())
    }
}

/// By code: the acts of redemption that stand, each by its key and whose key it is.
///
/// An entry is called by another life of its writer once it came late, or was told anew: which one a
/// reversal names that is here under no such name, people know by its hash.
fn standing_uses(known: &[Known], record: &Record) -> BTreeMap<String, BTreeSet<(String, String)>> {
    // A hub that was put back unnoticed gives names that it has given before: of which code tells.
    let names: BTreeSet<(String, Option<&str>)> = known
        .iter()
        .map(|entry| {
            let name = format!("{}-{}-{}", entry.node, entry.incarnation, entry.seq);
            (name, entry.body.code.as_deref())
        })
        .collect();
    let mut undone: BTreeSet<(String, i64, i64, Option<&str>)> = BTreeSet::new();
    let mut undone_hashes: BTreeSet<&[u8]> = BTreeSet::new();
    for entry in known {
        if let Fact::Reversed { redemption, .. } = &entry.body.fact {
            let code = entry.body.code.as_deref();
            let is_here = names.contains(&(redemption.clone(), code));
            let told = record.of_entry(redemption, code.unwrap_or_default());
            if let Some(told) = told.filter(|_| !is_here) {
                undone_hashes.insert(&told.hash);
            }
            let mut parts = redemption.split('-');
            let node = parts.next().unwrap_or_default().to_owned();
            let mut number = || parts.next().and_then(|part| part.parse().ok()).unwrap_or(0);
            undone.insert((node, number(), number(), code));
        }
    }
    let mut acts: BTreeMap<String, BTreeMap<(String, String), bool>> = BTreeMap::new();
    for entry in known {
        let (Fact::Redeemed { .. }, Some(code)) = (&entry.body.fact, &entry.body.code) else {
            continue;
        };
        let counter = &entry.body.counter;
        let caller = if entry.node == "HEADOFFICE" {
            counter.clone()
        } else {
            format!("{}/{counter}", entry.node)
        };
        let of = entry.body.code.as_deref();
        let name = (entry.node.clone(), entry.incarnation, entry.seq, of);
        let key = entry
            .body
            .key
            .clone()
            .unwrap_or_else(|| format!("{name:?}"));
        let is_undone = undone.contains(&name) || undone_hashes.contains(entry.hash.as_slice());
        // One key acts once: where two entries tell of one act, undoing one undoes it.
        let act = acts
            .entry(code.clone())
            .or_default()
            .entry((caller, key))
            .or_default();
        *act |= is_undone;
    }
    acts.into_iter()
        .map(|(code, acts)| {
            let standing = acts
                .into_iter()
                .filter(|(_, is_undone)| !is_undone)
                .map(|(act, _)| act)
                .collect();
            (code, standing)
        })
        .collect()
}
