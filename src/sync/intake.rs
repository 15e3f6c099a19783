//! The hub's side: a request of a store becomes a call of the ledger. Who calls is looked at first.
//! Not here: waiting. An answer says when it would be worth it.

use serde::{Deserialize, Serialize};

use crate::domain::refusal::Refusal;
use crate::domain::store::StoreNode;
use crate::domain::wire::{
    AskHub, Down, Hello, Join, NewLife, Standing, Stock, Told, UP_BYTES_MAX, Up, WIRE,
};
use crate::ledger::{Act, Ledger, LedgerError};

/// A contact is noted again after this time, where nothing else is.
const NOTED_AGAIN_MS: i64 = 5_000;

/// What a store can ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// To be let in.
    Join,
    /// To bring its stock.
    Stock,
    /// To be known again after it was restored.
    Live,
    /// To bring its entries.
    Up,
    /// To be told what changed.
    Down,
    /// What it may not decide alone.
    Ask,
}

impl Route {
    /// Every route.
    pub const ALL: [Route; 6] = [
        Route::Join,
        Route::Stock,
        Route::Live,
        Route::Up,
        Route::Down,
        Route::Ask,
    ];

    /// Its path.
    pub const fn path(self) -> &'static str {
        match self {
            Route::Join => "/v1/sync/join",
            Route::Stock => "/v1/sync/stock",
            Route::Live => "/v1/sync/live",
            Route::Up => "/v1/sync/up",
            Route::Down => "/v1/sync/down",
            Route::Ask => "/v1/sync/ask",
        }
    }

    /// The longest body, in bytes.
    pub const fn bytes_max(self) -> usize {
        match self {
            Route::Up | Route::Stock => 2 * UP_BYTES_MAX,
            Route::Live => 1024 * 1024,
            Route::Join | Route::Down | Route::Ask => 64 * 1024,
        }
    }
}

/// A request, read.
#[derive(Debug, Clone)]
pub enum Request {
    /// See [`Route::Join`].
    Join(Join),
    /// See [`Route::Stock`].
    Stock(Stock),
    /// See [`Route::Live`].
    Live(NewLife),
    /// See [`Route::Up`].
    Up(Up),
    /// See [`Route::Down`].
    Down(Down),
    /// See [`Route::Ask`].
    Ask(AskHub),
}

/// An answer to a request.
#[derive(Debug)]
pub enum Reply {
    /// This, as JSON.
    Said(String),
    /// There is nothing new yet: ask again when something has changed, or for the last time.
    Later(String),
}

/// Why a request is not answered.
#[derive(Debug, PartialEq, Eq)]
pub enum Barred {
    /// Nobody is known by this secret.
    Unknown,
    /// The store was reported stolen: not even facts are taken.
    Stolen,
    /// The secret is that of another node than the one that is named.
    AnotherNode,
    /// It speaks a version of the protocol that this program does not.
    Wire(u32),
    /// The ledger refuses it.
    Refused(Refusal),
    /// What was written cannot be written as JSON: a bug.
    Unspeakable(String),
}

impl From<Refusal> for Barred {
    fn from(refusal: Refusal) -> Self {
        Barred::Refused(refusal)
    }
}

/// Reads a body.
pub fn read(route: Route, body: &[u8]) -> Result<Request, serde_json::Error> {
    fn of<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, serde_json::Error> {
        serde_json::from_slice(body)
    }
    Ok(match route {
        Route::Join => Request::Join(of(body)?),
        Route::Stock => Request::Stock(of(body)?),
        Route::Live => Request::Live(of(body)?),
        Route::Up => Request::Up(of(body)?),
        Route::Down => Request::Down(of(body)?),
        Route::Ask => Request::Ask(of(body)?),
    })
}

/// Whether whoever has this secret may ask at all: what is asked before a body is read.
pub fn may_knock(ledger: &mut Ledger, secret: &str) -> Result<Result<(), Barred>, LedgerError> {
    Ok(match ledger.authenticate(secret)? {
        Some(store) if store.standing == Standing::Stolen => Err(Barred::Stolen),
        Some(_) => Ok(()),
        None if ledger.is_enrolment(secret)? => Ok(()),
        None => Err(Barred::Unknown),
    })
}

/// Answers a request. `is_last` where nobody will ask again: then it is answered as it stands.
pub fn answer(
    ledger: &mut Ledger,
    secret: &str,
    request: &Request,
    is_last: bool,
    act: &Act,
) -> Result<Result<Reply, Barred>, LedgerError> {
    let hello = request.hello();
    if hello.wire != WIRE {
        return Ok(Err(Barred::Wire(hello.wire)));
    }
    // What an ended life held is taken back before anybody is answered by it.
    ledger.finish_fences(act)?;
    if let Request::Join(join) = request {
        return Ok(match ledger.enrol(join, secret, act)? {
            Ok(joined) => said(&joined),
            Err(refusal) => Err(refusal.into()),
        });
    }
    let Some(store) = ledger.authenticate(secret)? else {
        return Ok(Err(Barred::Unknown));
    };
    if store.standing == Standing::Stolen {
        return Ok(Err(Barred::Stolen));
    }
    if store.node.as_deref() != Some(hello.node.as_str()) {
        return Ok(Err(Barred::AnotherNode));
    }
    match request {
        Request::Join(_) => Ok(Err(Barred::Unknown)),
        Request::Stock(stock) => Ok(match ledger.take_stock(stock, act)? {
            Ok(joined) => said(&joined),
            Err(refusal) => Err(refusal.into()),
        }),
        Request::Live(life) => Ok(match ledger.begin_life(life, act)? {
            Ok(joined) => said(&joined),
            Err(refusal) => Err(refusal.into()),
        }),
        // It notes the contact with what it takes in.
        Request::Up(up) => Ok(said(&ledger.take_in(up, act)?)),
        Request::Down(down) => {
            note(ledger, &store, hello, Some(down.after.position), act)?;
            let told = (hello.incarnation, down.after.position);
            let is_found = ledger.hear_of_hub(store.number, &down.hub, told, act)?;
            let page = ledger.down_page(down, act)?;
            let is_fenced = page.welcome.incarnation == hello.incarnation
                && down.standing.is_some_and(|thought| {
                    thought != Standing::Quarantined && thought != page.welcome.standing
                });
            let is_news = is_found
                || !page.items.is_empty()
                || page.cursor != down.after
                || page.more
                || is_fenced;
            Ok(if is_news || is_last || down.wait_ms == 0 {
                said(&page)
            } else {
                later(&page)
            })
        }
        Request::Ask(ask) => {
            note(ledger, &store, hello, None, act)?;
            if is_last {
                return Ok(said(&ledger.answer_at_last(ask, act)?));
            }
            let asked = ledger.answer_question(ask, act)?;
            Ok(if asked.told == Told::Wait {
                later(&asked)
            } else {
                said(&asked)
            })
        }
    }
}

impl Request {
    fn hello(&self) -> &Hello {
        match self {
            Request::Join(join) => &join.hello,
            Request::Stock(stock) => &stock.hello,
            Request::Live(life) => &life.hello,
            Request::Up(up) => &up.hello,
            Request::Down(down) => &down.hello,
            Request::Ask(ask) => &ask.hello,
        }
    }
}

/// Notes a contact, but not every one of many in a row.
fn note(
    ledger: &mut Ledger,
    store: &StoreNode,
    hello: &Hello,
    feed_position: Option<i64>,
    act: &Act,
) -> Result<(), LedgerError> {
    let now_ms = act.now.as_millisecond();
    let is_fresh = store
        .last_contact_ms
        .is_some_and(|last_ms| (0..NOTED_AGAIN_MS).contains(&(now_ms - last_ms)));
    let is_moved = feed_position.is_some_and(|position| position != store.feed_position);
    let is_other = i64::try_from(hello.unsent) != Ok(store.unsent);
    if is_fresh && !is_moved && !is_other {
        return Ok(());
    }
    ledger.note_contact(store.number, hello, feed_position, act)
}

fn said(value: &impl Serialize) -> Result<Reply, Barred> {
    serde_json::to_string(value)
        .map(Reply::Said)
        .map_err(|fault| Barred::Unspeakable(fault.to_string()))
}

fn later(value: &impl Serialize) -> Result<Reply, Barred> {
    serde_json::to_string(value)
        .map(Reply::Later)
        .map_err(|fault| Barred::Unspeakable(fault.to_string()))
}
