//! What a store may not decide alone: its counters ask the hub, wait for a moment, and say so where no
//! answer comes; its courier asks again until there is one.

use counterfoil::domain::ids::{EntryId, Key};
use counterfoil::domain::notes::Notes;
use counterfoil::domain::wire::{Asked, Question};
use counterfoil::ledger::{
    Act, ClaimRequest, Claimed, FromHub, HeardBy, Judged, Ledger, Undo, UndoRequest, Undone,
};
use counterfoil::sync::intake::Route;

use crate::broken::{Checked, Undisturbed as _};
use crate::counters::{Scanned, SignedUp, Undoing};
use crate::letters::{Parcel, read, written};
use crate::record::{self, Place};
use crate::world::World;

/// How long a counter waits for the hub.
const DEADLINE_MS: i64 = 1_500;

/// A question whose answer is waited for.
#[derive(Debug, Clone)]
pub(crate) struct Asking {
    call: u64,
    until_ms: i64,
    question: Question,
    sought: Sought,
}

/// What somebody at a counter waits for.
#[derive(Debug, Clone)]
pub(crate) enum Sought {
    Scan(Scanned),
    SignUp(SignedUp),
    Undo(Undoing),
}

impl Sought {
    fn place(&self) -> (Place, &str) {
        match self {
            Sought::Scan(scanned) => (scanned.place, &scanned.counter),
            Sought::SignUp(claimed) => (claimed.place, &claimed.counter),
            Sought::Undo(undoing) => (undoing.place, &undoing.counter),
        }
    }
}

impl Undoing {
    /// With this as the ledger is asked it.
    fn with<T>(&self, take: impl FnOnce(&UndoRequest<'_>) -> T) -> T {
        let entry: Option<EntryId> = self
            .by_entry
            .as_ref()
            .map(|entry| entry.parse().expect("an entry's name"));
        take(&UndoRequest {
            undo: match &entry {
                Some(entry) => Undo::Redemption(entry),
                None => Undo::Code {
                    raw: self.code.as_bytes(),
                    allowed_hosts: &[],
                },
            },
            reason: "wrong item",
            key: Some(&self.key),
            minted: &self.key,
            approval: self.approval.as_ref(),
        })
    }
}

impl World {
    /// With a claim as the ledger is asked it.
    fn with_claim<T>(
        &mut self,
        claimed: &SignedUp,
        take: impl FnOnce(&mut Ledger, &ClaimRequest<'_>, &Act) -> T,
    ) -> T {
        let act = self.act(claimed.place, &claimed.counter);
        let random = self.dice.bytes();
        let campaign = self.offers[claimed.offer].id.clone();
        let contacts = claimed.contacts();
        let request = ClaimRequest {
            campaign: &campaign,
            contacts: &contacts,
            context: claimed.context,
            key: Some(&claimed.key),
            minted: &claimed.key,
            trigger: None,
            notes: Notes::default(),
            resends: false,
            prints: false,
            name: None,
            consents: false,
            random,
        };
        take(self.node(claimed.place).ledger(), &request, &act)
    }

    /// Judges a scan where it is made, and asks the hub where it must.
    pub(crate) fn scan_this(&mut self, scanned: Scanned) -> Checked<()> {
        if scanned.place == Place::Hub {
            return self.decide_apart(&Sought::Scan(scanned));
        }
        let act = self.act(scanned.place, &scanned.counter);
        let judged = self
            .node(scanned.place)
            .ledger()
            .redeem_or_ask(&scanned.as_scan(), &act)
            .undisturbed("redeem or ask")?;
        match judged {
            Judged::Answered(answer) => self.hear_answer(&scanned, &answer),
            Judged::Ask(question) => self.ask(*question, Sought::Scan(scanned)),
        }
    }

    /// Answers a claim where it is made, and asks the hub where it must.
    pub(crate) fn claim_this(&mut self, claimed: &SignedUp) -> Checked<()> {
        if claimed.place == Place::Hub {
            return self.decide_apart(&Sought::SignUp(claimed.clone()));
        }
        let told = self
            .with_claim(claimed, |ledger, request, act| {
                ledger.assign_or_ask(request, act)
            })
            .undisturbed("assign or ask")?;
        match told {
            Ok(Claimed::Answered(claim)) => self.hear_claim(claimed, &claim),
            Ok(Claimed::Ask(question)) => self.ask(*question, Sought::SignUp(claimed.clone())),
            Err(refusal) => {
                self.trace
                    .step(&format!("{:?} refuses a claim: {refusal}", claimed.place));
                Ok(())
            }
        }
    }

    /// Undoes a redemption where it is asked, and asks the hub where it must.
    pub(crate) fn reverse_this(&mut self, undoing: &Undoing) -> Checked<()> {
        if undoing.place == Place::Hub {
            return self.decide_apart(&Sought::Undo(undoing.clone()));
        }
        let act = self.act(undoing.place, &undoing.counter);
        let undone = undoing
            .with(|request| {
                self.node(undoing.place)
                    .ledger()
                    .reverse_or_ask(request, &act)
            })
            .undisturbed("reverse or ask")?;
        match undone {
            Undone::Answered(reversal) => {
                self.hear_reversal(undoing, &reversal);
                Ok(())
            }
            Undone::Ask(question) => self.ask(*question, Sought::Undo(undoing.clone())),
        }
    }

    /// Decides without asking anybody.
    fn decide_apart(&mut self, sought: &Sought) -> Checked<()> {
        let (place, counter) = sought.place();
        let act = self.act(place, counter);
        match sought {
            Sought::Scan(scanned) => {
                let answer = self
                    .node(place)
                    .ledger()
                    .redeem(&scanned.as_scan(), &act)
                    .undisturbed("redeem")?;
                self.hear_answer(scanned, &answer)
            }
            Sought::SignUp(claimed) => {
                let told = self
                    .with_claim(claimed, Ledger::assign)
                    .undisturbed("assign")?;
                match told {
                    Ok(claim) => self.hear_claim(claimed, &claim),
                    Err(refusal) => {
                        self.trace
                            .step(&format!("{place:?} refuses a claim: {refusal}"));
                        Ok(())
                    }
                }
            }
            Sought::Undo(undoing) => {
                let reversal = undoing
                    .with(|request| self.node(place).ledger().reverse(request, &act))
                    .undisturbed("reverse")?;
                self.hear_reversal(undoing, &reversal);
                Ok(())
            }
        }
    }

    /// What is said where the hub was asked, and no answer came.
    fn decide_unanswered(&mut self, sought: &Sought) -> Checked<()> {
        let (place, counter) = sought.place();
        let act = self.act(place, counter);
        match sought {
            Sought::Scan(scanned) => {
                let answer = self
                    .node(place)
                    .ledger()
                    .unanswered(&scanned.as_scan(), &act)
                    .undisturbed("say that no answer came")?;
                self.hear_answer(scanned, &answer)
            }
            Sought::SignUp(_) => self.decide_apart(sought),
            Sought::Undo(undoing) => {
                let reversal = undoing
                    .with(|request| self.node(place).ledger().unanswered_reversal(request, &act))
                    .undisturbed("say that no answer came")?;
                self.hear_reversal(undoing, &reversal);
                Ok(())
            }
        }
    }

    /// Asks the hub, unless the line is known to be down.
    fn ask(&mut self, question: Question, sought: Sought) -> Checked<()> {
        let (place, counter) = sought.place();
        let Place::Store(store) = place else {
            return self.decide_apart(&sought);
        };
        let is_down = self.net.cut_off.contains(&store);
        if self.is_apart || is_down && self.dice.is_one_in(2) {
            self.stores[store]
                .node
                .ledger()
                .not_asked(&question)
                .undisturbed("take a question back")?;
            return self.decide_apart(&sought);
        }
        let act = self.act(place, counter);
        if let Sought::Undo(undoing) = &sought {
            // What comes of it they may never learn.
            self.record.undo_perhaps(&undoing.code);
        }
        let asked = self.stores[store]
            .node
            .ledger()
            .ask_of(&question, act.now)
            .undisturbed("write a question")?;
        self.calls += 1;
        self.trace.step(&format!(
            "store {store} {} asks the hub as call {} under {}: {:?}",
            question.counter, self.calls, question.key, question.verb
        ));
        let parcel = Parcel {
            store,
            route: Route::Ask,
            is_answer: false,
            call: self.calls,
            put_off: 0,
            json: written(&asked),
        };
        self.net.send(store, &parcel, self.now_ms, &mut self.dice);
        self.stores[store].lines.asking.push(Asking {
            call: self.calls,
            until_ms: self.now_ms + DEADLINE_MS,
            question,
            sought,
        });
        Ok(())
    }

    /// An answer came, for whoever still waits for it.
    pub(crate) fn hear_call(&mut self, parcel: &Parcel) -> Checked<()> {
        let store = parcel.store;
        let asking = &mut self.stores[store].lines.asking;
        let Some(number) = asking.iter().position(|asking| asking.call == parcel.call) else {
            self.trace.step(&format!(
                "nobody at store {store} waits for answer {}",
                parcel.call
            ));
            return Ok(());
        };
        let asking = asking.remove(number);
        self.stores[store].node.aged_ms = self.now_ms;
        self.hear_asked(&asking, &read(&parcel.json))
    }

    fn hear_asked(&mut self, asking: &Asking, asked: &Asked) -> Checked<()> {
        let question = &asking.question;
        let (place, counter) = asking.sought.place();
        let act = self.act(place, counter);
        let ledger = self.node(place).ledger();
        match &asking.sought {
            Sought::Scan(scanned) => {
                let heard = ledger
                    .witness(question, asked, HeardBy::Caller, &act)
                    .undisturbed("witness")?;
                match heard {
                    FromHub::Answer(answer) => self.hear_answer(scanned, &answer),
                    FromHub::NothingDone => self.decide_apart(&asking.sought),
                    FromHub::NoAnswer => self.decide_unanswered(&asking.sought),
                }
            }
            Sought::SignUp(claimed) => {
                let heard = self
                    .with_claim(claimed, |ledger, request, act| {
                        ledger.witness_claim(request, question, asked, act)
                    })
                    .undisturbed("witness a claim")?;
                match heard {
                    FromHub::Answer(Ok(claim)) => self.hear_claim(claimed, &claim),
                    FromHub::Answer(Err(refusal)) => {
                        self.trace
                            .step(&format!("the hub refuses a claim: {refusal}"));
                        Ok(())
                    }
                    FromHub::NothingDone | FromHub::NoAnswer => self.decide_apart(&asking.sought),
                }
            }
            Sought::Undo(undoing) => {
                let heard = ledger
                    .witness_reversal(question, asked, &act)
                    .undisturbed("witness a reversal")?;
                match heard {
                    FromHub::Answer(reversal) => {
                        self.hear_reversal(undoing, &reversal);
                        Ok(())
                    }
                    FromHub::NothingDone => self.decide_apart(&asking.sought),
                    FromHub::NoAnswer => self.decide_unanswered(&asking.sought),
                }
            }
        }
    }

    /// Somebody has waited long enough; whether there was anybody.
    pub(crate) fn give_up_waiting(&mut self) -> Checked<bool> {
        for store in 0..self.stores.len() {
            let asking = &mut self.stores[store].lines.asking;
            let late = asking
                .iter()
                .position(|asking| asking.until_ms <= self.now_ms);
            if let Some(number) = late {
                let asking = asking.remove(number);
                self.decide_unanswered(&asking.sought)?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A manager at a store gives up a question that has no answer.
    pub(crate) fn withdraw(&mut self) -> Checked<()> {
        let store = self.any_store();
        let place = Place::Store(store);
        let kept = self.stores[store]
            .node
            .ledger()
            .unanswered_questions()
            .undisturbed("list questions")?;
        if kept.is_empty() {
            self.trace
                .step(&format!("store {store} has no open question"));
            return Ok(());
        }
        let question = kept[self.dice.below(kept.len())].question.clone();
        let key: Key = question.key.parse().undisturbed("read a key")?;
        let act = self.act(place, "back room");
        let is_given_up = self.stores[store]
            .node
            .ledger()
            .withdraw(&question.counter, &key, "they have gone", &act)
            .undisturbed("withdraw")?;
        let told = self.record.of_key(place, key.as_str());
        if let Some((entry, code)) = told.map(|act| (act.entry.clone(), act.code.clone())) {
            self.record.undo((&entry, &code), record::Undone::Perhaps);
        }
        self.trace
            .step(&format!("store {store} gives {key} up: {is_given_up}"));
        Ok(())
    }
}
