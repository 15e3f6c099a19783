//! People at counters, and a mail tool at the hub: what they ask, and what they make of the answers.

use counterfoil::domain::campaign::ContactKind;
use counterfoil::domain::claim::{Claim, ClaimContext, ClaimWord};
use counterfoil::domain::ids::Key;
use counterfoil::domain::reversal::{Reversal, ReversalWord};
use counterfoil::domain::verdict::{Answer, Approval, Certainty, Verdict};
use counterfoil::ledger::Scan;

use crate::broken::{Checked, Law, Undisturbed as _, broken};
use crate::record::{Fate, Place, Told, Undone, What};
use crate::world::{PEOPLE, World, code_text};

/// How many of the newest codes are likely to be scanned: so that paths cross.
const HOT: usize = 40;

/// Askings of a node that are kept, to be asked again under their keys.
const RETRIES: usize = 12;

/// Something that was asked, as it can be asked again.
#[derive(Debug, Clone)]
pub(crate) struct Retry {
    pub(crate) counter: String,
    pub(crate) key: Key,
    pub(crate) asked: Asked,
}

/// What was asked.
#[derive(Debug, Clone)]
pub(crate) enum Asked {
    Scan { code: String, is_approved: bool },
    Claim { person: usize, offer: usize },
}

/// A scan as a counter makes it.
#[derive(Debug, Clone)]
pub(crate) struct Scanned {
    pub(crate) place: Place,
    pub(crate) counter: String,
    pub(crate) key: Key,
    pub(crate) code: String,
    pub(crate) approval: Option<Approval>,
    pub(crate) is_check: bool,
}

impl Scanned {
    pub(crate) fn as_scan(&self) -> Scan<'_> {
        Scan {
            key: Some(&self.key),
            approval: self.approval.as_ref(),
            is_check: self.is_check,
            ..Scan::new(self.code.as_bytes(), &self.key)
        }
    }
}

fn approval() -> Approval {
    Approval {
        by: None,
        reason: "known to me".into(),
    }
}

impl World {
    pub(crate) fn counter_at(&mut self, place: Place) -> String {
        match place {
            Place::Hub => "office".to_owned(),
            Place::Store(_) => format!("till {}", self.dice.below(2)),
        }
    }

    fn retries(&mut self, place: Place) -> &mut std::collections::VecDeque<Retry> {
        match place {
            Place::Hub => &mut self.hub_retries,
            Place::Store(store) => &mut self.stores[store].retries,
        }
    }

    fn may_be_retried(&mut self, place: Place, retry: Retry) {
        let retries = self.retries(place);
        retries.push_back(retry);
        if retries.len() > RETRIES {
            retries.pop_front();
        }
    }

    /// Something that was asked at this node before, where the dice want it again.
    fn drawn_again(&mut self, place: Place) -> Option<Retry> {
        let count = self.retries(place).len();
        if count == 0 || !self.dice.is_one_in(4) {
            return None;
        }
        let number = self.dice.below(count);
        Some(self.retries(place)[number].clone())
    }

    /// A store more often than the hub.
    fn somewhere(&mut self) -> Place {
        if self.dice.is_one_in(6) {
            Place::Hub
        } else {
            Place::Store(self.any_store())
        }
    }

    /// A code that somebody may bring.
    fn code_brought(&mut self) -> String {
        let hot =
            |dice: &mut crate::dice::Dice, count: usize| count - 1 - dice.below(count.min(HOT));
        match self.dice.below(20) {
            0..10 if !self.record.given.is_empty() => {
                let number = hot(&mut self.dice, self.record.given.len());
                self.record.given[number].clone()
            }
            0..17 => {
                let given_out: Vec<usize> = (0..self.codes.len())
                    .rev()
                    .filter(|number| self.codes[*number].is_given_out)
                    .take(HOT)
                    .collect();
                let number = given_out[self.dice.below(given_out.len())];
                self.codes[number].text.clone()
            }
            17..19 => {
                let number = self.dice.below(self.codes.len());
                self.codes[number].text.clone()
            }
            _ => code_text(&mut self.dice),
        }
    }

    pub(crate) fn scan(&mut self) -> Checked<()> {
        let place = self.somewhere();
        let scanned = match self.drawn_again(place) {
            Some(Retry {
                counter,
                key,
                asked: Asked::Scan { code, is_approved },
            }) => {
                // Now and then the key comes with another code.
                let code = if self.dice.is_one_in(8) {
                    self.code_brought()
                } else {
                    code
                };
                let is_approved = is_approved || self.dice.is_one_in(3);
                Scanned {
                    place,
                    counter,
                    key,
                    code,
                    approval: is_approved.then(approval),
                    is_check: false,
                }
            }
            _ => Scanned {
                place,
                counter: self.counter_at(place),
                key: self.new_key(),
                code: self.code_brought(),
                approval: self.dice.is_one_in(6).then(approval),
                is_check: self.dice.is_one_in(12),
            },
        };
        if !scanned.is_check {
            let retry = Retry {
                counter: scanned.counter.clone(),
                key: scanned.key.clone(),
                asked: Asked::Scan {
                    code: scanned.code.clone(),
                    is_approved: scanned.approval.is_some(),
                },
            };
            self.may_be_retried(place, retry);
        }
        self.scan_this(scanned)
    }

    /// What a counter makes of the answer to a scan.
    pub(crate) fn hear_answer(&mut self, scanned: &Scanned, answer: &Answer) -> Checked<()> {
        let word = answer.verdict.word();
        self.record.count(word);
        let certainty = answer.verdict.certainty().as_str();
        self.trace.step(&format!(
            "{:?} {} scans {} under {}{}{}: {word} {certainty} {}",
            scanned.place,
            scanned.counter,
            scanned.code,
            scanned.key,
            if scanned.approval.is_some() {
                ", approved"
            } else {
                ""
            },
            if scanned.is_check {
                ", looking only"
            } else {
                ""
            },
            answer.redemption_id.as_deref().unwrap_or("-"),
        ));
        if scanned.is_check {
            return Ok(());
        }
        let place = scanned.place;
        let before = self.record.of_key(place, &answer.key).cloned();
        let is_of_lost_life = self.falls > 0 && before.as_ref().is_some_and(Told::has_died);
        let same = before
            .filter(|act| act.what == What::Use && !act.has_died() && act.code == scanned.code);
        match &answer.verdict {
            Verdict::Accepted { certainty } => {
                // After a hub fell back a manager vouches for what nobody knows.
                let is_vouched_for = self.falls > 0 && scanned.approval.is_some();
                let is_provisional = *certainty != Certainty::Confirmed || is_vouched_for;
                self.keep_use(scanned, answer, is_provisional)
            }
            // What they were told then stands, and its entry is gone.
            Verdict::Replayed if is_of_lost_life => Ok(()),
            Verdict::Replayed if same.is_none() => {
                // Nobody was told of it before: the hub's answer had been lost.
                self.keep_use(scanned, answer, true)
            }
            Verdict::Replayed => Ok(()),
            Verdict::Reversed => match same {
                Some(act) if act.undone == Undone::No => broken(
                    Law::I5Once,
                    format!("{} is said to be reversed, and nobody did", act.entry),
                ),
                _ => Ok(()),
            },
            _ => match same {
                Some(act) if act.fate == Fate::Kept => broken(
                    Law::I5Once,
                    format!(
                        "key {} acted as {} in step {}, and is now told {word}",
                        act.key, act.entry, act.step
                    ),
                ),
                _ => Ok(()),
            },
        }
    }

    fn keep_use(
        &mut self,
        scanned: &Scanned,
        answer: &Answer,
        is_provisional: bool,
    ) -> Checked<()> {
        let Some(entry) = answer.redemption_id.clone() else {
            return broken(Law::I4Durable, "an acceptance without an entry");
        };
        let (hash, fate) = self.hash_of(scanned.place, &entry, &answer.key)?;
        let is_unnoticed = self.is_by_unnoticed(scanned.place, &scanned.code)?;
        self.record.keep(Told {
            what: What::Use,
            place: scanned.place,
            counter: scanned.counter.clone(),
            key: answer.key.clone(),
            code: scanned.code.clone(),
            is_provisional,
            entry,
            hash,
            person: None,
            undone: Undone::No,
            fate,
            is_unnoticed,
            step: self.trace.steps,
        })?;
        self.check_uses(&scanned.code)
    }

    /// I2: what was honoured for certain was not honoured more often than it may be.
    fn check_uses(&self, code: &str) -> Checked<()> {
        let Some(imported) = self.by_text.get(code) else {
            return broken(Law::I2Safe, format!("{code} was accepted, and is no code"));
        };
        let uses = self.offers[self.codes[*imported].offer].uses;
        let certain: Vec<&Told> = self
            .record
            .uses_of(code)
            .filter(|act| !act.is_provisional && act.undone == Undone::No)
            .collect();
        let is_by_copy = certain.iter().any(|act| act.is_unnoticed);
        let places = certain.iter().map(|act| act.place);
        if certain.len() > uses && !is_by_copy && !self.is_excused(places) {
            let told: Vec<String> = certain
                .iter()
                .map(|act| format!("{:?} in step {} ({})", act.place, act.step, act.entry))
                .collect();
            return broken(
                Law::I2Safe,
                format!("{code} was honoured for certain {}", told.join(", ")),
            );
        }
        Ok(())
    }

    /// Whether a store among these was written off or set back without anybody's notice: what it
    /// spends then nobody can prevent, and the hub must find.
    pub(crate) fn is_excused(&self, mut places: impl Iterator<Item = Place>) -> bool {
        places.any(|place| match place {
            Place::Hub => false,
            Place::Store(store) => {
                self.stores[store].was_written_off || self.stores[store].was_set_back
            }
        })
    }

    pub(crate) fn claim(&mut self) -> Checked<()> {
        let place = self.somewhere();
        let again = match self.drawn_again(place) {
            Some(Retry {
                counter,
                key,
                asked: Asked::Claim { person, offer },
            }) => Some((counter, key, person, offer)),
            _ => None,
        };
        let (counter, key, person, offer) = if let Some(again) = again {
            again
        } else {
            let counter = match place {
                Place::Hub => "mail".to_owned(),
                Place::Store(_) => self.counter_at(place),
            };
            let key = self.new_key();
            let person = self.newcomer();
            let offer = self.dice.below(self.offers.len());
            (counter, key, person, offer)
        };
        let retry = Retry {
            counter: counter.clone(),
            key: key.clone(),
            asked: Asked::Claim { person, offer },
        };
        self.may_be_retried(place, retry);
        let context = if self.dice.is_one_in(12) {
            ClaimContext::View
        } else {
            ClaimContext::Send
        };
        self.claim_this(&SignedUp {
            place,
            counter,
            key,
            person,
            offer,
            context,
        })
    }

    /// Somebody who asks: people come and go, so that there are always new ones.
    fn newcomer(&mut self) -> usize {
        let gone = usize::try_from(self.trace.steps / 60).expect("steps fit");
        gone + self.dice.below(PEOPLE)
    }

    pub(crate) fn hear_claim(&mut self, claimed: &SignedUp, claim: &Claim) -> Checked<()> {
        let word = claim.word.as_str();
        self.record.count(word);
        let code = claim.code.clone();
        self.trace.step(&format!(
            "{:?} {} claims {} for person {} under {}: {word} {} {}",
            claimed.place,
            claimed.counter,
            self.offers[claimed.offer].id,
            claimed.person,
            claimed.key,
            code.as_deref().unwrap_or("-"),
            claim.assignment_id.as_deref().unwrap_or("-"),
        ));
        let Some(code) = code else {
            return Ok(());
        };
        match claim.word {
            ClaimWord::Assigned if claimed.place == Place::Hub && self.is_hub_behind()? => broken(
                Law::I10Leased,
                format!("{code} was given out by a hub that was found behind"),
            ),
            ClaimWord::Assigned => self.keep_code(claimed, claim, &code),
            ClaimWord::Replayed | ClaimWord::AlreadyAssigned => {
                match self.record.owners.get(&code).copied() {
                    Some(owner) if owner != claimed.person => {
                        let is_by_copy = self.is_by_unnoticed(claimed.place, &code)?
                            || self.record.codes_of(&code).any(|act| act.is_unnoticed);
                        let excused = self.record.codes_of(&code).map(|act| act.place);
                        let excused = self.is_excused(excused.collect::<Vec<_>>().into_iter());
                        if is_by_copy || excused {
                            return Ok(());
                        }
                        broken(
                            Law::I2Safe,
                            format!(
                                "{code} is person {owner}'s and was told person {}",
                                claimed.person
                            ),
                        )
                    }
                    Some(_) => Ok(()),
                    // It was given before, under another key or elsewhere, and the answer had been lost.
                    None if claim.word == ClaimWord::AlreadyAssigned
                        || claim.assignment_id.is_none() =>
                    {
                        self.record.given.push(code.clone());
                        self.record.owners.insert(code, claimed.person);
                        Ok(())
                    }
                    None => self.keep_code(claimed, claim, &code),
                }
            }
            _ => Ok(()),
        }
    }

    fn keep_code(&mut self, claimed: &SignedUp, claim: &Claim, code: &str) -> Checked<()> {
        let Some(entry) = claim.assignment_id.clone() else {
            return broken(Law::I4Durable, format!("{code} was given without an entry"));
        };
        let (hash, fate) = self.hash_of(claimed.place, &entry, claim.key.as_str())?;
        let told = self.record.of_key(claimed.place, claim.key.as_str());
        if told.is_some_and(|told| told.hash == hash) {
            // Two claims of one key were asked at once: one act by one entry, told twice.
            return Ok(());
        }
        let is_unnoticed = self.is_by_unnoticed(claimed.place, code)?;
        let is_by_copy = is_unnoticed || self.record.codes_of(code).any(|act| act.is_unnoticed);
        if let Some((owner, giver)) = self.record.lost_owners.get(code)
            && *owner != claimed.person
            && !is_by_copy
            && !self.is_excused([*giver].into_iter())
        {
            return broken(
                Law::I2Safe,
                format!(
                    "{code} was given to person {owner} in a life that is gone, and now to {}",
                    claimed.person
                ),
            );
        }
        let before: Vec<Place> = self
            .record
            .codes_of(code)
            .map(|act| act.place)
            .chain([claimed.place])
            .collect();
        if before.len() > 1 && !is_by_copy && !self.is_excused(before.iter().copied()) {
            return broken(
                Law::I2Safe,
                format!(
                    "{code} was given by {before:?}, now to person {}",
                    claimed.person
                ),
            );
        }
        self.record.owners.insert(code.to_owned(), claimed.person);
        self.record.given.push(code.to_owned());
        if fate == Fate::Died {
            let lost = (claimed.person, claimed.place);
            self.record.lost_owners.insert(code.to_owned(), lost);
        }
        self.record.keep(Told {
            what: What::Code,
            place: claimed.place,
            counter: claimed.counter.clone(),
            key: claim.key.clone(),
            code: code.to_owned(),
            is_provisional: false,
            entry,
            hash,
            person: Some(claimed.person),
            undone: Undone::No,
            fate,
            is_unnoticed,
            step: self.trace.steps,
        })?;
        self.check_one_each(claimed)
    }

    /// I8: by one ledger nobody is given more codes than they may have.
    fn check_one_each(&mut self, claimed: &SignedUp) -> Checked<()> {
        let offer = &self.offers[claimed.offer];
        let (per_customer, number) = (offer.per_customer, claimed.offer);
        let theirs: Vec<String> = self
            .record
            .acts
            .iter()
            .filter(|act| {
                act.person == Some(claimed.person)
                    && act.place == claimed.place
                    && act.fate == Fate::Kept
                    && self.codes[self.by_text[&act.code]].offer == number
            })
            .map(|act| act.code.clone())
            .collect();
        if theirs.len() <= per_customer {
            return Ok(());
        }
        let mut live = Vec::new();
        for code in theirs {
            // One that was given to somebody else as well is a conflict of its own.
            let is_theirs_alone = self
                .record
                .codes_of(&code)
                .all(|act| act.person == Some(claimed.person));
            if is_theirs_alone && self.state_at(claimed.place, &code) != Some("void") {
                live.push(code);
            }
        }
        if live.len() > per_customer {
            return broken(
                Law::I8OneEach,
                format!(
                    "{:?} gave person {} {live:?}",
                    claimed.place, claimed.person
                ),
            );
        }
        Ok(())
    }

    pub(crate) fn reverse(&mut self) -> Checked<()> {
        let newest: Vec<usize> = (0..self.record.acts.len())
            .rev()
            .filter(|number| {
                let act = &self.record.acts[*number];
                act.what == What::Use && act.undone == Undone::No
            })
            .take(HOT)
            .collect();
        if newest.is_empty() {
            self.trace.step("nothing to undo yet");
            return Ok(());
        }
        let act = self.record.acts[newest[self.dice.below(newest.len())]].clone();
        let place = if self.dice.is_one_in(4) {
            self.any_place()
        } else {
            act.place
        };
        // At a store the newest one may be another by the time the hub is asked.
        let is_named = place != Place::Hub || self.dice.is_one_in(2);
        let by_entry = is_named.then(|| act.entry.clone());
        let undoing = Undoing {
            place,
            counter: self.counter_at(place),
            key: self.new_key(),
            code: act.code,
            by_entry,
            approval: (!self.dice.is_one_in(4)).then(approval),
        };
        self.reverse_this(&undoing)
    }

    pub(crate) fn hear_reversal(&mut self, undoing: &Undoing, reversal: &Reversal) {
        let word = reversal.word.as_str();
        self.record.count(word);
        self.trace.step(&format!(
            "{:?} {} undoes {} ({}) under {}: {word} {}",
            undoing.place,
            undoing.counter,
            undoing.code,
            undoing.by_entry.as_deref().unwrap_or("newest"),
            undoing.key,
            reversal.redemption_id.as_deref().unwrap_or("-"),
        ));
        match reversal.word {
            ReversalWord::Reversed | ReversalWord::Replayed => match &reversal.redemption_id {
                Some(entry) if self.record.of_entry(entry, &undoing.code).is_some() => {
                    self.record.undo((entry, &undoing.code), Undone::Yes);
                }
                _ => self.record.undo_perhaps(&undoing.code),
            },
            ReversalWord::NothingToReverse
            | ReversalWord::NeedsApproval
            | ReversalWord::KeyConflict => {}
            _ => self.record.undo_perhaps(&undoing.code),
        }
    }

    pub(crate) fn void(&mut self) -> Checked<()> {
        let place = self.somewhere();
        let code = self.code_brought();
        let counter = self.counter_at(place);
        let act = self.act(place, &counter);
        let ended = self
            .node(place)
            .ledger()
            .void_code(code.as_bytes(), "lost", &act)
            .undisturbed("void a code")?;
        let word = match &ended {
            Ok(_) => "done".to_owned(),
            Err(refusal) => refusal.to_string(),
        };
        self.trace.step(&format!("{place:?} voids {code}: {word}"));
        Ok(())
    }
}

/// A claim as it is made.
#[derive(Debug, Clone)]
pub(crate) struct SignedUp {
    pub(crate) place: Place,
    pub(crate) counter: String,
    pub(crate) key: Key,
    pub(crate) person: usize,
    pub(crate) offer: usize,
    pub(crate) context: ClaimContext,
}

impl SignedUp {
    pub(crate) fn contacts(&self) -> [(ContactKind, String); 1] {
        [(
            ContactKind::Email,
            format!("person{}@example.org", self.person),
        )]
    }
}

/// A reversal as it is asked.
#[derive(Debug, Clone)]
pub(crate) struct Undoing {
    pub(crate) place: Place,
    pub(crate) counter: String,
    pub(crate) key: Key,
    pub(crate) code: String,
    pub(crate) by_entry: Option<String>,
    pub(crate) approval: Option<Approval>,
}
