//! Looking into the ledgers past the program, as the game goes on: what is cheap enough to look at
//! often.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use counterfoil::domain::ids::EntryId;
use counterfoil::domain::wire::Standing;
use rusqlite::OptionalExtension as _;

use crate::broken::{Checked, Law, Undisturbed as _, broken};
use crate::record::{Fate, Place, What};
use crate::world::{Falls, World};

/// How many steps go by between two looks at everything.
const EVERY: u64 = 25;

const AVAILABLE: i64 = 0;
const ASSIGNED: i64 = 1;
const VOID: i64 = 3;
const SUSPECT: i64 = 4;

const STATES: [&str; 6] = [
    "available",
    "assigned",
    "redeemed",
    "void",
    "suspect",
    "test",
];

/// What was seen before.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    codes: BTreeMap<Place, Rc<Vec<Seen>>>,
    /// Rows of the feed at or below the newest cursor that was given out.
    told: BTreeSet<[i64; 4]>,
    told_through: i64,
}

impl Watch {
    /// The ledger of a place is an older one from here on.
    pub(crate) fn forget(&mut self, place: Place) {
        self.codes.remove(&place);
    }

    /// The hub's ledger is an older one from here on.
    pub(crate) fn forget_feed(&mut self) {
        self.told.clear();
        self.told_through = 0;
    }
}

/// A code as a ledger has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) code: String,
    pub(crate) state: i64,
    pub(crate) uses_made: i64,
    pub(crate) is_held: bool,
}

/// A range that a ledger may assign, what is left of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Range {
    campaign: String,
    next: i64,
    end: i64,
}

/// An own act that was not sent, as its code stood.
pub(crate) type Unsent = Vec<(i64, i64, i64)>;

impl World {
    pub(crate) fn codes_at(&mut self, place: Place) -> Vec<Seen> {
        let mut found = self
            .node(place)
            .eyes()
            .prepare_cached("SELECT folded, state, uses_made, holder = 1 FROM code ORDER BY folded")
            .expect("a statement");
        let rows = found.query_map([], |row| {
            Ok(Seen {
                code: row.get(0)?,
                state: row.get(1)?,
                uses_made: row.get(2)?,
                is_held: row.get(3)?,
            })
        });
        rows.and_then(Iterator::collect).expect("codes")
    }

    /// The state of a code at a node, in words.
    pub(crate) fn state_at(&mut self, place: Place, code: &str) -> Option<&'static str> {
        let state: Option<i64> = self
            .node(place)
            .eyes()
            .prepare_cached("SELECT state FROM code WHERE folded = ?1")
            .and_then(|mut found| found.query_row([code], |row| row.get(0)).optional())
            .expect("a code");
        state.and_then(|state| STATES.get(usize::try_from(state).ok()?).copied())
    }

    fn ranges_at(&mut self, place: Place) -> Vec<Range> {
        let mut found = self
            .node(place)
            .eyes()
            .prepare_cached(
                "SELECT m.name, l.next_ordinal, l.end_ordinal FROM lease l \
                 JOIN campaign m ON m.id = l.campaign \
                 WHERE l.holder = 1 AND l.next_ordinal < l.end_ordinal ORDER BY 1, 2",
            )
            .expect("a statement");
        let rows = found.query_map([], |row| {
            Ok(Range {
                campaign: row.get(0)?,
                next: row.get(1)?,
                end: row.get(2)?,
            })
        });
        rows.and_then(Iterator::collect).expect("ranges")
    }

    /// The newest grant of each campaign at the hub.
    pub(crate) fn newest_grants(&mut self) -> BTreeMap<i64, i64> {
        let mut found = self
            .hub
            .eyes()
            .prepare_cached("SELECT id, newest_grant FROM campaign")
            .expect("a statement");
        let rows = found.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        rows.and_then(Iterator::collect).expect("grants")
    }

    /// A hub that was put back, and that nobody has found out, has answered a store.
    pub(crate) fn note_unnoticed(&mut self, store: usize) -> Checked<()> {
        if !self.is_unnoticed()? {
            return Ok(());
        }
        let life = self.hub.life();
        self.unnoticed.served.insert(store, life);
        let grants = self.unnoticed.grants.clone();
        for (campaign, newest) in grants {
            let mut found = self
                .hub
                .eyes()
                .prepare_cached(
                    "SELECT c.folded FROM lease l JOIN pool_slot s ON s.campaign = l.campaign \
                     AND s.ordinal >= l.first_ordinal AND s.ordinal < l.end_ordinal \
                     JOIN code c ON c.id = s.code \
                     WHERE l.campaign = ?1 AND l.holder <> 1 AND l.grant_number > ?2",
                )
                .expect("a statement");
            let rows = found.query_map((campaign, newest), |row| row.get(0));
            let lent: Vec<String> = rows.and_then(Iterator::collect).expect("codes");
            self.unnoticed.lent.extend(lent);
        }
        Ok(())
    }

    /// Whether the hub was put back, and nobody has told it so.
    fn is_unnoticed(&mut self) -> Checked<bool> {
        Ok(self.unnoticed.is_hub && !self.is_hub_behind()?)
    }

    /// Whether what is done here with a code is done by a copy that nobody has noticed, or by what that
    /// has given.
    pub(crate) fn is_by_unnoticed(&mut self, place: Place, code: &str) -> Checked<bool> {
        if self.unnoticed.lent.contains(code) {
            return Ok(true);
        }
        match place {
            Place::Hub => self.is_unnoticed(),
            Place::Store(store) => {
                let served = self.unnoticed.served.get(&store).copied();
                self.is_in_hubs_life(store, served)
            }
        }
    }

    /// The hub is about to be an older one: whom it had barred since stays without a right, until they
    /// hear of its next life.
    pub(crate) fn note_barred(&mut self) -> Checked<()> {
        for store in 0..self.stores.len() {
            let ledger = self.stores[store].node.ledger();
            let link = ledger.hub_link().undisturbed("read the link")?;
            if let Some(link) = link
                && !self.is_trusted(store)
            {
                self.unnoticed.barred.insert(store, link.hub_life);
            }
        }
        Ok(())
    }

    /// Whether the hub takes this life of a store for one that may spend.
    fn is_trusted(&mut self, store: usize) -> bool {
        let node = &mut self.stores[store].node;
        let (life, name) = (node.life(), node.name.clone());
        let (standing, known): (i64, i64) = self
            .hub
            .eyes()
            .query_row(
                "SELECT s.standing, s.incarnation FROM store s JOIN node n ON n.id = s.node \
                 WHERE n.name = ?1",
                [name],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .expect("a store");
        standing == Standing::Active.number() && known == life
    }

    /// Whether a store knows no newer life of its hub than this one.
    fn is_in_hubs_life(&mut self, store: usize, life: Option<i64>) -> Checked<bool> {
        let Some(life) = life else {
            return Ok(false);
        };
        let ledger = self.stores[store].node.ledger();
        let link = ledger.hub_link().undisturbed("read the link")?;
        Ok(link.is_some_and(|link| link.hub_life == life))
    }

    /// The hash of an entry that somebody was told of, and what became of it: in the ledger that told
    /// it, or at the hub. I4: it is there.
    ///
    /// The hub's own may have been there, and died with it before the answer that tells of it was heard:
    /// on its way when the hub fell back, or heard by a courier for nobody. A store can say it all the
    /// same, for it has not heard of the fall. What it stands for comes back by what the store knows
    /// (`check_came_back`), never the entry itself.
    ///
    /// One that was put back unnoticed gives names that it has given before: which entry is told of is
    /// told by the key of the act.
    pub(crate) fn hash_of(
        &mut self,
        place: Place,
        entry: &str,
        key: &str,
    ) -> Checked<(Vec<u8>, Fate)> {
        let id: EntryId = entry.parse().undisturbed("read an entry's name")?;
        let named = format!("\"key\":\"{key}\"");
        let mut buried = self.record.buried.get(entry).into_iter().flatten();
        let died = buried.find(|(_, body)| body.contains(&named)).cloned();
        for at in [place, Place::Hub] {
            let hash = self
                .node(at)
                .eyes()
                .prepare_cached(
                    "SELECT e.hash, e.body FROM entry e JOIN node n ON n.id = e.node \
                     WHERE n.name = ?1 AND e.incarnation = ?2 AND e.seq = ?3",
                )
                .and_then(|mut found| {
                    found
                        .query_row((&id.node, id.incarnation, id.seq.cast_signed()), |row| {
                            Ok((row.get(0)?, row.get::<_, String>(1)?))
                        })
                        .optional()
                })
                .expect("an entry");
            if let Some((hash, body)) = hash
                && (died.is_none() || body.contains(&named))
            {
                return Ok((hash, Fate::Kept));
            }
        }
        if let Some((hash, _)) = died {
            return Ok((hash, Fate::Died));
        }
        broken(
            Law::I4Durable,
            format!("{place:?} told of {entry}, and it is nowhere"),
        )
    }

    pub(crate) fn has_hash(&mut self, place: Place, hash: &[u8]) -> i64 {
        self.node(place)
            .eyes()
            .prepare_cached("SELECT count(*) FROM entry WHERE hash = ?1")
            .and_then(|mut found| found.query_row([hash], |row| row.get(0)))
            .expect("entries")
    }

    /// What only the former ledger of a store knew has died; what the hub knows of it is forgotten here.
    pub(crate) fn mark_died(&mut self, place: Place) {
        for number in 0..self.record.acts.len() {
            if self.record.acts[number].place != place || self.record.acts[number].has_died() {
                continue;
            }
            let hash = self.record.acts[number].hash.clone();
            let is_here = self.has_hash(place, &hash) > 0;
            let is_at_hub = self.has_hash(Place::Hub, &hash) > 0;
            let act = &mut self.record.acts[number];
            act.fate = match (is_here, is_at_hub) {
                (true, _) => act.fate,
                (false, true) => Fate::Forgotten,
                (false, false) => Fate::Died,
            };
            let lost = (act.fate == Fate::Died && act.what == What::Code)
                .then(|| (act.code.clone(), act.person));
            let place_of = act.place;
            let falls = self.game.hub_falls != Falls::Never;
            if let (true, Some((code, Some(person)))) = (falls, lost) {
                self.record.lost_owners.insert(code, (person, place_of));
            }
        }
    }

    /// The hub's own entries are noted before it falls back: those that it has no more afterwards were
    /// there once.
    pub(crate) fn bury(&mut self) {
        let rows: Vec<(String, (Vec<u8>, String))> = {
            let mut found = self
                .hub
                .eyes()
                .prepare_cached(
                    "SELECT n.name || '-' || e.incarnation || '-' || e.seq, e.hash, e.body FROM entry e \
                     JOIN node n ON n.id = e.node WHERE e.node = 1 AND e.code IS NOT NULL",
                )
                .expect("a statement");
            let rows = found.query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))));
            rows.and_then(Iterator::collect).expect("entries")
        };
        for (name, entry) in rows {
            let buried = self.record.buried.entry(name).or_default();
            if !buried.contains(&entry) {
                buried.push(entry);
            }
        }
    }

    /// I4: after a crash everything that somebody was told of by this ledger is in it.
    pub(crate) fn check_kept(&mut self, place: Place) -> Checked<()> {
        let told: Vec<(String, Vec<u8>)> = self
            .record
            .acts
            .iter()
            .rev()
            .filter(|act| act.place == place && act.fate == Fate::Kept)
            .take(40)
            .map(|act| (act.entry.clone(), act.hash.clone()))
            .collect();
        for (entry, hash) in told {
            if self.has_hash(place, &hash) == 0 && self.has_hash(Place::Hub, &hash) == 0 {
                return broken(
                    Law::I4Durable,
                    format!("{entry} was told of by {place:?} and is gone after a crash"),
                );
            }
        }
        Ok(())
    }

    /// Codes with own entries that the hub does not have.
    pub(crate) fn unsent(&mut self, store: usize, acked_through: i64) -> Unsent {
        let mut found = self.stores[store]
            .node
            .eyes()
            .prepare_cached(
                "SELECT c.id, c.state, c.uses_made FROM code c WHERE c.id IN \
                 (SELECT e.code FROM entry e WHERE e.node = 1 AND e.seq > ?1) ORDER BY c.id",
            )
            .expect("a statement");
        let rows = found.query_map([acked_through], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        });
        rows.and_then(Iterator::collect).expect("codes")
    }

    /// A download changed nothing of what was not sent.
    pub(crate) fn check_unsent(&mut self, store: usize, before: &Unsent) -> Checked<()> {
        for (code, state, uses_made) in before {
            let after: (i64, i64) = self.stores[store]
                .node
                .eyes()
                .prepare_cached("SELECT state, uses_made FROM code WHERE id = ?1")
                .and_then(|mut found| found.query_row([code], |row| Ok((row.get(0)?, row.get(1)?))))
                .expect("a code");
            if after != (*state, *uses_made) {
                return broken(
                    Law::Unsent,
                    format!(
                        "a page changed code {code} of store {store} from {state} with {uses_made} \
                         uses to {after:?} before the hub had heard of it"
                    ),
                );
            }
        }
        Ok(())
    }

    /// A page was given out whose cursor stands here.
    pub(crate) fn saw_given_out(&mut self, position: i64) {
        if position <= self.watch.told_through {
            return;
        }
        let rows = self.feed_between(self.watch.told_through, position);
        self.watch.told.extend(rows);
        self.watch.told_through = position;
    }

    fn feed_between(&mut self, after: i64, through: i64) -> Vec<[i64; 4]> {
        let mut found = self
            .hub
            .eyes()
            .prepare_cached(
                "SELECT kind, subject, node, position FROM feed \
                 WHERE position > ?1 AND position <= ?2",
            )
            .expect("a statement");
        let rows = found.query_map([after, through], |row| {
            Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?])
        });
        rows.and_then(Iterator::collect).expect("the feed")
    }

    /// Looks at everything, now and then.
    pub(crate) fn watch_over(&mut self) -> Checked<()> {
        if self.trace.steps.is_multiple_of(EVERY) {
            self.look()?;
        }
        Ok(())
    }

    /// I1, I6, I9 and I10, as they stand.
    pub(crate) fn look(&mut self) -> Checked<()> {
        self.check_feed()?;
        let mut hands: BTreeMap<String, Place> = BTreeMap::new();
        let mut ranges: Vec<(Place, Range)> = Vec::new();
        for place in self.places() {
            let codes = Rc::new(self.codes_at(place));
            self.check_forward(place, &codes)?;
            self.check_figures(place)?;
            if !self.has_rights(place)? {
                continue;
            }
            for seen in codes.iter() {
                let is_live = seen.state == AVAILABLE || seen.state == ASSIGNED;
                if !seen.is_held || !is_live {
                    continue;
                }
                if let Some(other) = hands.insert(seen.code.clone(), place) {
                    return broken(
                        Law::I1Exclusive,
                        format!("{} is in the hands of {other:?} and {place:?}", seen.code),
                    );
                }
            }
            for range in self.ranges_at(place) {
                let twice = ranges.iter().find(|(_, other)| {
                    other.campaign == range.campaign
                        && other.next < range.end
                        && range.next < other.end
                });
                if let Some((other, theirs)) = twice {
                    return broken(
                        Law::I10Leased,
                        format!("{place:?} has {range:?} and {other:?} has {theirs:?}"),
                    );
                }
                ranges.push((place, range));
            }
        }
        Ok(())
    }

    /// I7: what is kept of every pool is what its codes are.
    fn check_figures(&mut self, place: Place) -> Checked<()> {
        let mut found = self
            .node(place)
            .eyes()
            .prepare_cached(
                "SELECT m.name, t.kept, c.counted FROM campaign m LEFT JOIN \
                 (SELECT campaign, sum(available) || ' ' || sum(assigned) || ' ' || sum(redeemed) \
                  || ' ' || sum(void) || ' ' || sum(suspect) || ' ' || sum(leased) AS kept \
                  FROM tally GROUP BY campaign) t ON t.campaign = m.id LEFT JOIN \
                 (SELECT campaign, sum(state = 0) || ' ' || sum(state = 1) || ' ' || sum(state = 2) \
                  || ' ' || sum(state = 3) || ' ' || sum(state = 4) || ' ' || \
                  sum(state = 0 AND holder <> 1) AS counted \
                  FROM code GROUP BY campaign) c ON c.campaign = m.id \
                 WHERE t.kept <> coalesce(c.counted, '0 0 0 0 0 0')",
            )
            .expect("a statement");
        let wrong: Option<(String, String, String)> = found
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()
            .expect("figures");
        match wrong {
            Some((campaign, kept, counted)) => broken(
                Law::I7Conserved,
                format!(
                    "{place:?} keeps {kept} of {campaign} and has {counted} (available, assigned, \
                     redeemed, void, suspect, of the available ones leased)"
                ),
            ),
            None => Ok(()),
        }
    }

    /// Whether this place may spend what it holds for certain: a store whose life the hub has ended has
    /// no right, whatever it believes.
    fn has_rights(&mut self, place: Place) -> Checked<bool> {
        let Place::Store(store) = place else {
            // One that was found behind gives nothing out before a manager begins a new life of it, and
            // that life begins with what it may give: what its rows say until then is no right. Of
            // one that nobody has found yet neither, nor what a store has from there.
            return Ok(!self.is_hub_behind()? && !self.unnoticed.is_hub);
        };
        let served = self.unnoticed.served.get(&store).copied();
        let barred = self.unnoticed.barred.get(&store).copied();
        if self.is_in_hubs_life(store, served)? || self.is_in_hubs_life(store, barred)? {
            return Ok(false);
        }
        let now_ms = self.now_ms + self.stores[store].node.offset_ms;
        let node = &mut self.stores[store].node;
        let link = node.ledger().hub_link().undisturbed("read the link")?;
        let life = node.life();
        if self.stores[store]
            .set_back_in
            .is_some_and(|ended| ended == life)
        {
            return Ok(false);
        }
        if self.game.hub_falls != Falls::Never {
            // It has not heard yet that the hub is another; where that began from an older backup than
            // the one that it knows, the other has the lower number.
            let life = self.hub.life();
            if link.as_ref().is_none_or(|link| link.hub_life != life) {
                return Ok(false);
            }
        }
        Ok(self.is_trusted(store) && link.is_some_and(|link| link.may_hold(now_ms)))
    }

    /// Whether a store told the hub that it was put back, and no manager has minded it yet.
    pub(crate) fn is_hub_behind(&mut self) -> Checked<bool> {
        let behind = self.hub.ledger().behind_of();
        Ok(behind.undisturbed("look at the hub")?.is_some())
    }

    /// I6: nothing becomes available again, and what has ended stays so. (A store that was restored
    /// takes for suspect what the hub may know to be unspent.)
    fn check_forward(&mut self, place: Place, codes: &Rc<Vec<Seen>>) -> Checked<()> {
        let before = self.watch.codes.insert(place, Rc::clone(codes));
        let before = before.unwrap_or_default();
        // Both are sorted by their codes.
        let mut before = before.iter().peekable();
        for seen in codes.iter() {
            while before.next_if(|before| before.code < seen.code).is_some() {}
            let Some(before) = before.next_if(|before| before.code == seen.code) else {
                continue;
            };
            let before = before.state;
            if before == seen.state {
                continue;
            }
            // So does what another store assigned, until a hub that fell back has heard of it again.
            let is_told_better = place != Place::Hub && (before == SUSPECT || self.falls > 0);
            if (seen.state == AVAILABLE && !is_told_better) || before == VOID {
                return broken(
                    Law::I6Forward,
                    format!(
                        "{} at {place:?} went from state {before} to {}",
                        seen.code, seen.state
                    ),
                );
            }
        }
        Ok(())
    }

    /// I9: what stands below a cursor that was given out stood there when it was given out.
    fn check_feed(&mut self) -> Checked<()> {
        let rows = self.feed_between(0, self.watch.told_through);
        match rows.iter().find(|row| !self.watch.told.contains(*row)) {
            Some(row) => broken(
                Law::I9Feed,
                format!(
                    "{row:?} (kind, subject, node, position) appeared below {}",
                    self.watch.told_through
                ),
            ),
            None => Ok(()),
        }
    }
}
