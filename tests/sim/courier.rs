//! The line between a store and its hub, carried by hand: the program's own courier says what to send
//! and takes the answers, its own intake answers them.

use counterfoil::domain::wire::{Asked, Joined, Page, Told, UpAnswer};
use counterfoil::sync::courier::{Courier, Letter, Line, Missed, Next};
use counterfoil::sync::intake::{self, Reply, Request, Route};

use crate::asks::Asking;
use crate::broken::{Checked, Law, Undisturbed as _, broken};
use crate::fault::Fault;
use crate::letters::{Parcel, read, written};
use crate::record::Place;
use crate::world::World;

/// How long a call waits for its answer.
const CALL_MS: i64 = 5_000;

/// How long the hub waits for a holder to hand over, in goes and milliseconds.
pub(crate) const PUT_OFF_MAX: u32 = 4;
const PUT_OFF_MS: i64 = 250;

/// A letter whose answer is waited for.
#[derive(Debug)]
struct Wait {
    call: u64,
    until_ms: i64,
    letter: Box<Letter>,
}

/// One line of a store.
#[derive(Debug)]
struct OneWay {
    courier: Courier,
    wait: Option<Wait>,
}

impl OneWay {
    fn new(line: Line) -> OneWay {
        OneWay {
            courier: Courier::new(line),
            wait: None,
        }
    }
}

/// Everything that a store's process knows of the hub by heart. A crash forgets it.
#[derive(Debug)]
pub(crate) struct Lines {
    ways: [OneWay; 2],
    /// Questions of counters that wait.
    pub(crate) asking: Vec<Asking>,
}

impl Lines {
    pub(crate) fn new() -> Lines {
        Lines {
            ways: [OneWay::new(Line::Up), OneWay::new(Line::Down)],
            asking: Vec::new(),
        }
    }
}

impl World {
    /// A store's courier takes its next step on one of its lines.
    pub(crate) fn courier_goes(&mut self) -> Checked<()> {
        let store = self.any_store();
        let way = self.dice.below(2);
        self.age(store)?;
        let one = &mut self.stores[store].lines.ways[way];
        if let Some(wait) = &one.wait {
            if self.now_ms < wait.until_ms {
                self.trace
                    .step(&format!("store {store} waits for call {}", wait.call));
                return Ok(());
            }
            let letter = one.wait.take().expect("a wait").letter;
            return self.miss(store, way, &letter, "no answer came");
        }
        let Some(letter) = self.next_letter(store, way)? else {
            self.trace
                .step(&format!("store {store} has nothing to say on way {way}"));
            return Ok(());
        };
        self.calls += 1;
        let call = self.calls;
        self.trace.step(&format!(
            "store {store} sends {:?} {call}, {} bytes",
            letter.route,
            letter.body.len()
        ));
        let parcel = Parcel {
            store,
            route: letter.route,
            is_answer: false,
            call,
            put_off: 0,
            json: letter.body.clone(),
        };
        self.net.send(store, &parcel, self.now_ms, &mut self.dice);
        self.stores[store].lines.ways[way].wait = Some(Wait {
            call,
            until_ms: self.now_ms + CALL_MS,
            letter,
        });
        Ok(())
    }

    fn next_letter(&mut self, store: usize, way: usize) -> Checked<Option<Box<Letter>>> {
        let act = self.act(Place::Store(store), "courier");
        let store = &mut self.stores[store];
        let next = store.lines.ways[way]
            .courier
            .next(store.node.ledger(), false, &act)
            .undisturbed("look what to send")?;
        Ok(match next {
            Next::Send(letter) => Some(letter),
            Next::Idle => None,
            Next::Over => return broken(Law::Rests, "a store has no hub any more"),
        })
    }

    fn miss(&mut self, store: usize, way: usize, letter: &Letter, why: &str) -> Checked<()> {
        let act = self.act(Place::Store(store), "courier");
        let chance = self.dice.roll();
        self.trace
            .step(&format!("store {store} misses {:?}: {why}", letter.route));
        let store = &mut self.stores[store];
        store.lines.ways[way]
            .courier
            .missed(
                store.node.ledger(),
                letter,
                &Missed::Unknown {
                    why: why.to_owned(),
                },
                chance,
                &act,
            )
            .undisturbed("take a miss")?;
        Ok(())
    }

    /// Counts the time since the last contact by the clock that nobody can set.
    fn age(&mut self, store: usize) -> Checked<()> {
        let node = &mut self.stores[store].node;
        let passed_ms = self.now_ms - node.aged_ms;
        if passed_ms < 60_000 {
            return Ok(());
        }
        node.aged_ms = self.now_ms;
        node.ledger()
            .age_contact(passed_ms)
            .undisturbed("count the time since the last contact")
    }

    /// A parcel arrives.
    pub(crate) fn deliver(&mut self, parcel: &Parcel) -> Checked<()> {
        let Parcel { store, call, .. } = *parcel;
        if !parcel.is_answer {
            let Some(json) = self.answers(parcel)? else {
                return Ok(());
            };
            let answer = Parcel {
                is_answer: true,
                json,
                ..parcel.clone()
            };
            self.net.send(store, &answer, self.now_ms, &mut self.dice);
            return Ok(());
        }
        let ways = &mut self.stores[store].lines.ways;
        let is_waited_for = |way: &OneWay| way.wait.as_ref().is_some_and(|wait| wait.call == call);
        let Some(way) = ways.iter().position(is_waited_for) else {
            return self.hear_call(parcel);
        };
        let wait = ways[way].wait.take().expect("a wait");
        self.hears(store, way, &wait.letter, &parcel.json)
    }

    /// What the hub answers to a question of a store; none: it puts it off, or refuses it.
    pub(crate) fn answers(&mut self, parcel: &Parcel) -> Checked<Option<Vec<u8>>> {
        let store = parcel.store;
        let secret = self.stores[store].node.secret.clone();
        let mut request: Request =
            intake::read(parcel.route, &parcel.json).undisturbed("read a question")?;
        self.meddle_with_request(&mut request);
        let act = self.act(Place::Hub, "hub");
        let is_last = parcel.put_off >= PUT_OFF_MAX;
        let reply = intake::answer(self.hub.ledger(), &secret, &request, is_last, &act)
            .undisturbed("answer a store")?;
        self.note_unnoticed(store)?;
        let json = match reply {
            Ok(Reply::Said(json)) => json,
            Ok(Reply::Later(_)) => {
                self.trace.step(&format!(
                    "the hub puts off call {} of store {store}",
                    parcel.call
                ));
                let later = Parcel {
                    put_off: parcel.put_off + 1,
                    ..parcel.clone()
                };
                self.net.put_off(later, self.now_ms + PUT_OFF_MS);
                return Ok(None);
            }
            Err(barred) => {
                self.trace
                    .step(&format!("the hub bars store {store}: {barred:?}"));
                return Ok(None);
            }
        };
        let told = self.in_words(&request, json.as_bytes());
        self.trace
            .step(&format!("the hub answers store {store}: {told}"));
        Ok(Some(json.into_bytes()))
    }

    /// A question and its answer in words, without what differs between two machines.
    fn in_words(&mut self, request: &Request, json: &[u8]) -> String {
        match request {
            Request::Up(up) => {
                let answer: UpAnswer = read(json);
                let through = up.entries.last().map_or(0, |entry| entry.seq);
                format!(
                    "{} entries of life {} through {through}: it has them through {}, {:?}, forked {:?}",
                    up.entries.len(),
                    up.hello.incarnation,
                    answer.welcome.acked_through,
                    answer.outcomes,
                    answer.forked_after
                )
            }
            Request::Down(down) => {
                let page: Page = read(json);
                // A hub that was found behind tells nothing, and gives the store's own cursor back.
                if !page.welcome.is_behind {
                    self.saw_given_out(page.cursor.position);
                }
                format!(
                    "{} items after {}/{} through {}/{}",
                    page.items.len(),
                    down.after.position,
                    down.after.code_after,
                    page.cursor.position,
                    page.cursor.code_after
                )
            }
            Request::Ask(asked) => {
                let answer: Asked = read(json);
                let told = match answer.told {
                    Told::Redeemed { verdict, entry, .. } => {
                        format!("{} {}", verdict.word(), entry.unwrap_or_default())
                    }
                    other => format!("{other:?}"),
                };
                format!("{} is {told}", asked.question.key)
            }
            Request::Live(asked) => {
                let joined: Joined = read(json);
                format!(
                    "life {} asked for, {} stands",
                    asked.hello.incarnation, joined.welcome.incarnation
                )
            }
            Request::Join(_) | Request::Stock(_) => "let in".to_owned(),
        }
    }

    /// A store hears an answer on one of its lines.
    fn hears(&mut self, store: usize, way: usize, letter: &Letter, json: &[u8]) -> Checked<()> {
        let act = self.act(Place::Store(store), "courier");
        let mut json = json.to_vec();
        let mut before = Vec::new();
        let acked = self.number_at(store, "SELECT acked_seq FROM hub_link");
        if letter.route == Route::Down {
            let mut page: Page = read(&json);
            before = self.unsent(store, page.welcome.acked_through);
            self.meddle_with_page(store, &mut page);
            json = written(&page);
        }
        let one = &mut self.stores[store];
        let done = one.lines.ways[way]
            .courier
            .answered(one.node.ledger(), letter, &json, &act)
            .undisturbed("take an answer")?;
        match &done {
            Ok(did) => {
                // A contact: the time since it begins anew.
                one.node.aged_ms = self.now_ms;
                self.trace
                    .step(&format!("store {store} hears {:?}: {did:?}", letter.route));
            }
            Err(missed) => {
                return broken(
                    Law::NoError,
                    format!(
                        "store {store} cannot take the hub's answer: {}",
                        missed.why()
                    ),
                );
            }
        }
        if letter.route == Route::Down && self.game.fault == Some(Fault::OverUnsent) {
            // It is the page that is taken for a later one: what was acknowledged is as it was, or the
            // hub would be found to know less than its store.
            let again = format!("UPDATE hub_link SET acked_seq = {acked}");
            self.stores[store].node.meddle(&again);
        }
        self.check_unsent(store, &before)
    }

    /// Everything that one line has to say, on a whole line, until it has nothing more; whether
    /// anything came of it.
    pub(crate) fn says_all(&mut self, store: usize, way: usize) -> Checked<bool> {
        const LETTERS: usize = 40;
        let mut came_of_it = false;
        for _ in 0..LETTERS {
            let Some(letter) = self.next_letter(store, way)? else {
                break;
            };
            let parcel = Parcel {
                store,
                route: letter.route,
                is_answer: false,
                call: 0,
                put_off: PUT_OFF_MAX,
                json: letter.body.clone(),
            };
            let before = self.state_of_link(store)?;
            if let Some(json) = self.answers(&parcel)? {
                self.hears(store, way, &letter, &json)?;
            } else {
                self.miss(store, way, &letter, "the hub refuses it")?;
                break;
            }
            if self.state_of_link(store)? != before {
                came_of_it = true;
            } else if letter.route == Route::Down {
                break;
            }
        }
        Ok(came_of_it)
    }
}
