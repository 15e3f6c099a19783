//! The feed of a hub that several processes write: what is committed later is told later, whoever was
//! first to write it.
//!
//! The canary does the same with positions that are given when a change is written.

use std::collections::BTreeMap;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use counterfoil::domain::campaign::Rules;
use counterfoil::domain::ids::Key;
use counterfoil::domain::verdict::Band;
use counterfoil::domain::wire::{Cursor, Down, Hello, HubKnown, Item, WIRE};
use counterfoil::ledger::{Database, Ledger, Scan};

use crate::sync::world::{Node, SPRING, act_of, empty_hub, store, with_hubs_in_databases};

const WRITERS: usize = 32;

/// Codes of each writer, and how often each is used.
const CODES: usize = 4;
const USES: usize = 3;

fn name(writer: usize, code: usize) -> String {
    format!("W{writer:02}C{code}")
}

/// A hub in a database, with the codes of all writers, and a store that has heard of nothing.
fn hub() -> (Node, Node) {
    let mut hub = empty_hub();
    let rules = Rules {
        uses: u32::try_from(USES).unwrap(),
        ..Rules::new("Free coffee")
    };
    hub.campaign(SPRING, &rules);
    let codes: Vec<String> = (0..WRITERS)
        .flat_map(|writer| (0..CODES).map(move |code| name(writer, code)))
        .collect();
    let codes: Vec<&str> = codes.iter().map(String::as_str).collect();
    hub.import(SPRING, &codes);
    let store = store(&mut hub, "Riverside");
    (hub, store)
}

/// What a store has been told of codes, and how far it is.
struct Reader {
    ledger: Ledger,
    hello: Hello,
    after: Cursor,
    uses: BTreeMap<String, u32>,
    pages: usize,
}

impl Reader {
    /// The next page; whether there was anything in it.
    fn read(&mut self, now_ms: i64) -> bool {
        let down = Down {
            hello: self.hello.clone(),
            after: self.after,
            wait_ms: 0,
            hub: HubKnown::default(),
            standing: None,
        };
        let page = self
            .ledger
            .down_page(&down, &act_of("sync", now_ms))
            .unwrap();
        assert!(page.cursor.position >= self.after.position);
        let is_new = page.cursor != self.after;
        for item in &page.items {
            if let Item::Codes { codes } = item {
                for code in codes {
                    self.uses.insert(code.code.clone(), code.uses_made);
                }
            }
        }
        self.after = page.cursor;
        self.pages += usize::from(is_new);
        is_new
    }
}

fn nothing_is_passed_over_while_many_write() {
    let (hub, mut riverside) = hub();
    let database = Database::parse(hub.database().unwrap().url()).unwrap();
    let now_ms = hub.now_ms;
    let act = act_of("sync", now_ms);
    let mut reader = Reader {
        ledger: Ledger::open_in(&database, &act).unwrap(),
        hello: Hello {
            wire: WIRE,
            node: riverside.name(),
            incarnation: 1,
            now_ms,
            unsent: 0,
        },
        after: Cursor::default(),
        uses: BTreeMap::new(),
        pages: 0,
    };
    while reader.read(now_ms) {}
    assert_eq!(reader.uses.len(), WRITERS * CODES);
    assert!(reader.uses.values().all(|uses| *uses == 0));
    let (begin, left) = (Barrier::new(WRITERS), AtomicUsize::new(WRITERS));
    let pages = AtomicUsize::new(0);
    reader.pages = 0;
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (database, begin, left, pages) = (&database, &begin, &left, &pages);
            scope.spawn(move || {
                let mut ledger = Ledger::open_in(database, &act_of("till", now_ms)).unwrap();
                begin.wait();
                for (time, code) in (0..USES).flat_map(|time| (0..CODES).map(move |c| (time, c))) {
                    let code = name(writer, code);
                    let key: Key = format!("{code}-{time}").parse().unwrap();
                    let scan = Scan {
                        key: Some(&key),
                        ..Scan::new(code.as_bytes(), &key)
                    };
                    let seen = pages.load(Ordering::Acquire);
                    let answer = ledger.redeem(&scan, &act_of("till", now_ms)).unwrap();
                    assert_eq!(answer.verdict.band(), Band::Go, "{code}");
                    // The first writer goes on once what it wrote was read, so that others write
                    // while somebody reads, however fast they are.
                    while writer == 0 && seen <= 3 && pages.load(Ordering::Acquire) == seen {
                        thread::yield_now();
                    }
                }
                left.fetch_sub(1, Ordering::Release);
            });
        }
        while left.load(Ordering::Acquire) > 0 {
            reader.read(now_ms);
            pages.store(reader.pages, Ordering::Release);
        }
    });
    while reader.read(now_ms) {}
    assert!(reader.pages > 3, "it read while they wrote");
    let behind: Vec<_> = reader
        .uses
        .iter()
        .filter(|(_, uses)| **uses as usize != USES)
        .collect();
    assert!(behind.is_empty(), "passed over: {behind:?}");
    assert_eq!(
        hub.count("SELECT count(*) FROM feed WHERE position IS NULL"),
        0
    );
}

#[test]
fn thirty_two_writers_and_nothing_of_the_feed_is_passed_over() {
    with_hubs_in_databases(nothing_is_passed_over_while_many_write);
}

fn a_place_that_is_taken_before_the_commit_is_passed_over() {
    let (mut hub, mut riverside) = hub();
    let mut reader = Reader {
        ledger: Ledger::open_in(
            &Database::parse(hub.database().unwrap().url()).unwrap(),
            &hub.act(),
        )
        .unwrap(),
        hello: Hello {
            wire: WIRE,
            node: riverside.name(),
            incarnation: 1,
            now_ms: hub.now_ms,
            unsent: 0,
        },
        after: Cursor::default(),
        uses: BTreeMap::new(),
        pages: 0,
    };
    let now_ms = hub.now_ms;
    while reader.read(now_ms) {}
    let (slow_code, quick_code) = (name(0, 0), name(1, 0));
    let newest = hub.ledger.feed_position().unwrap();
    let database = hub.database().unwrap();
    let (mut slow, mut quick) = (database.connect(), database.connect());
    for is_early in [true, false] {
        let uses = i32::from(!is_early) + 1;
        let place = |position: i64| {
            if is_early {
                position.to_string()
            } else {
                "NULL".to_owned()
            }
        };
        let change = |code: &str, position: i64| {
            format!(
                "UPDATE code SET uses_made = {uses} WHERE folded = '{code}'; \
                 INSERT INTO feed (kind, subject, node, position) \
                 SELECT 3, id, 0, {} FROM code WHERE folded = '{code}' \
                 ON CONFLICT (kind, subject, node) DO UPDATE SET position = excluded.position",
                place(position)
            )
        };
        let mut first = slow.transaction().unwrap();
        first
            .batch_execute(&change(&slow_code, newest + 1))
            .unwrap();
        let mut second = quick.transaction().unwrap();
        second
            .batch_execute(&change(&quick_code, newest + 2))
            .unwrap();
        if is_early {
            let head = format!("UPDATE feed_head SET position = {}", newest + 2);
            second.batch_execute(&head).unwrap();
        }
        second.commit().unwrap();
        while reader.read(now_ms) {}
        first.commit().unwrap();
        while reader.read(now_ms) {}
        let told = |code: &str| reader.uses.get(code).copied().unwrap();
        let uses = uses.unsigned_abs();
        assert_eq!(told(&quick_code), uses);
        let is_told = told(&slow_code) == uses;
        assert_eq!(is_told, !is_early, "told: {is_told}, early: {is_early}");
    }
}

#[test]
fn canary_a_place_given_at_writing_is_passed_over() {
    with_hubs_in_databases(a_place_that_is_taken_before_the_commit_is_passed_over);
}
