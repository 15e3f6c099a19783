//! What a store may not decide alone: its counters ask the hub, wait for a moment, and say so where no
//! answer comes; its courier asks again until there is one.

use counterfoil::domain::ids::Key;
use counterfoil::domain::wire::{AskHub, Asked, Hello, Question, WIRE};
use counterfoil::ledger::{FromHub, HeardBy, Judged};
use counterfoil::sync::intake::Route;

use crate::broken::{Checked, Undisturbed as _};
use crate::counters::Scanned;
use crate::letters::{Parcel, read, written};
use crate::record::{Place, Undone};
use crate::world::World;

/// How long a counter waits for the hub.
const DEADLINE_MS: i64 = 1_500;

/// A question whose answer is waited for.
#[derive(Debug, Clone)]
pub(crate) struct Asking {
    call: u64,
    until_ms: i64,
    question: Question,
    scanned: Scanned,
}

impl World {
    /// Judges a scan where it is made, and asks the hub where it must.
    pub(crate) fn scan_this(&mut self, scanned: Scanned) -> Checked<()> {
        let Place::Store(store) = scanned.place else {
            return self.judge_apart(&scanned);
        };
        let act = self.act(scanned.place, &scanned.counter);
        let judged = self.stores[store]
            .node
            .ledger()
            .redeem_or_ask(&scanned.as_scan(), &act)
            .undisturbed("redeem or ask")?;
        let question = match judged {
            Judged::Answered(answer) => return self.hear_answer(&scanned, &answer),
            Judged::Ask(question) => *question,
        };
        // Now and then the line is known to be down.
        let is_down = self.net.cut_off.contains(&store);
        if self.is_apart || is_down && self.dice.is_one_in(2) {
            self.not_asked(store, &question)?;
            return self.judge_apart(&scanned);
        }
        self.trace.step(&format!(
            "store {store} {} asks the hub about {} under {}",
            scanned.counter, scanned.code, question.key
        ));
        self.ask(store, question, scanned)
    }

    /// Judges a scan without asking anybody.
    fn judge_apart(&mut self, scanned: &Scanned) -> Checked<()> {
        let act = self.act(scanned.place, &scanned.counter);
        let answer = self
            .node(scanned.place)
            .ledger()
            .redeem(&scanned.as_scan(), &act)
            .undisturbed("redeem")?;
        self.hear_answer(scanned, &answer)
    }

    fn not_asked(&mut self, store: usize, question: &Question) -> Checked<()> {
        self.stores[store]
            .node
            .ledger()
            .not_asked(question)
            .undisturbed("take a question back")
    }

    fn ask(&mut self, store: usize, question: Question, scanned: Scanned) -> Checked<()> {
        let hello = self.hello(store)?;
        self.calls += 1;
        let asked = AskHub {
            hello,
            question: question.clone(),
        };
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
            scanned,
        });
        Ok(())
    }

    /// Who calls.
    fn hello(&mut self, store: usize) -> Checked<Hello> {
        let now_ms = self.now_ms + self.stores[store].node.offset_ms;
        let node = &mut self.stores[store].node;
        let (incarnation, seq) = node
            .ledger()
            .newest_entry()
            .undisturbed("read the ledger")?;
        let link = node.ledger().hub_link().undisturbed("read the link")?;
        let acked_seq = link.map_or(0, |link| link.acked_seq);
        Ok(Hello {
            wire: WIRE,
            node: node.name.clone(),
            incarnation,
            now_ms,
            unsent: (seq - acked_seq).max(0).unsigned_abs(),
        })
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
        self.hear_asked(store, &asking.question, &asking.scanned, &parcel.json)
    }

    fn hear_asked(
        &mut self,
        store: usize,
        question: &Question,
        scanned: &Scanned,
        json: &[u8],
    ) -> Checked<()> {
        let asked: Asked = read(json);
        let act = self.act(scanned.place, &question.counter);
        let node = &mut self.stores[store].node;
        node.aged_ms = self.now_ms;
        let heard = node
            .ledger()
            .witness(question, &asked, HeardBy::Caller, &act)
            .undisturbed("witness")?;
        match heard {
            FromHub::Answer(answer) => self.hear_answer(scanned, &answer),
            // Where nothing is known to be done, the question stays pending.
            FromHub::NothingDone | FromHub::NotTheHub => self.judge_apart(scanned),
        }
    }

    /// Somebody has waited long enough; whether there was anybody.
    pub(crate) fn give_up_waiting(&mut self) -> Checked<bool> {
        for store in 0..self.stores.len() {
            let asking = &mut self.stores[store].lines.asking;
            let late = asking
                .iter()
                .position(|asking| asking.until_ms <= self.now_ms);
            let Some(number) = late else { continue };
            let asking = asking.remove(number);
            let scanned = asking.scanned;
            let act = self.act(scanned.place, &scanned.counter);
            let answer = self.stores[store]
                .node
                .ledger()
                .unanswered(&scanned.as_scan(), &act)
                .undisturbed("say that no answer came")?;
            self.hear_answer(&scanned, &answer)?;
            return Ok(true);
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
        if let Some(entry) = self
            .record
            .of_key(place, key.as_str())
            .map(|act| act.entry.clone())
        {
            self.record.undo(&entry, Undone::Perhaps);
        }
        self.trace
            .step(&format!("store {store} gives {key} up: {is_given_up}"));
        Ok(())
    }
}
