//! What a counter does beside scanning: undo, a second counter, and what a crash left unseen.

use std::time::Duration;

use counterfoil::desk::{self, Desk, Extra, Moment, Scanned};
use counterfoil::domain::verdict::Verdict;
use counterfoil::ledger::Ledger;
use jiff::Timestamp;
use rustix::process::Signal;

use crate::console::pty::{Console, F8};
use crate::console::scans::grouped;
use crate::console::shop::Shop;

const UNDONE: &str = "undone: the code can be used again";

#[test]
fn undo_takes_three_keys() {
    let (shop, codes) = Shop::with_codes(2);
    let mut console = shop.console("till 1");
    for code in &codes {
        console.scan(code);
        console.wait_for(&grouped(code));
    }
    undo(&mut console, F8);
    assert_eq!(shop.scans("reversed"), codes[1..]);
    let line = &shop.json(&["log", "--outcome", "reversed"])[0];
    assert_eq!(line["reason"], "sale was cancelled");
    // By the other way to the same key; the newest that stands is marked.
    undo(&mut console, b"\x078");
    assert_eq!(shop.scans("reversed"), [codes[1].clone(), codes[0].clone()]);
    // What was undone is honoured again, however soon.
    console.scan(&codes[0]);
    console.wait_for("used 1 of 1");
    assert_eq!(shop.accepted().len(), 3);
}

#[test]
fn a_scan_cancels_an_open_undo() {
    let (shop, codes) = Shop::with_codes(2);
    let mut console = shop.console("till 1");
    console.scan(&codes[0]);
    console.wait_for(&grouped(&codes[0]));
    console.send_alone(F8);
    console.wait_for("wrong code scanned");
    console.scan(&codes[1]);
    console.wait_for(&grouped(&codes[1]));
    console.send_alone(b"1");
    console.send_alone(b"\r");
    assert!(shop.scans("reversed").is_empty());
    assert_eq!(shop.accepted(), codes);
}

#[test]
fn a_code_used_at_one_counter_is_refused_at_the_other_and_both_count_it() {
    let (shop, codes) = Shop::with_codes(2);
    let mut one = shop.console("till 1");
    let mut other = shop.console("till 2");
    one.scan(&codes[0]);
    one.wait_for(&grouped(&codes[0]));
    other.scan(&codes[0]);
    other.wait_for("already used");
    other.wait_for("Riverside, till 1");
    other.scan(&codes[1]);
    other.wait_for(&grouped(&codes[1]));
    for console in [&mut one, &mut other] {
        console.wait_until("today's figures", |console| {
            let screen = console.screen();
            screen.contains("accepted            2") && screen.contains("refused             1")
        });
    }
    assert_eq!(shop.accepted(), codes);
}

#[test]
fn the_same_code_at_two_counters_at_once_is_honoured_at_one() {
    let (shop, codes) = Shop::with_codes(60);
    let mut one = shop.console("till 1");
    let mut other = shop.console("till 2");
    let all = codes.join("\r") + "\r";
    one.send(all.as_bytes());
    other.send(all.as_bytes());
    for console in [&mut one, &mut other] {
        console.wait_until("all of both", |console| {
            let screen = console.screen();
            screen.contains("accepted           60") && screen.contains("refused            60")
        });
    }
    let mut accepted = shop.accepted();
    accepted.sort();
    let mut codes = codes;
    codes.sort();
    assert_eq!(accepted, codes);
}

#[test]
fn what_was_accepted_and_never_drawn_heads_the_list_after_a_crash() {
    let (shop, codes) = Shop::with_codes(400);
    let mut console = shop.console("till 1");
    // Nobody reads what it draws: before long it can draw no more, and the desk goes on.
    let all = codes.join("\r") + "\r";
    console.send_unread(all.as_bytes());
    Console::wait_unread("acceptances that were not drawn", || {
        unseen(&shop).len() >= 20
    });
    console.signal(Signal::KILL);
    console.end_unread();
    let unseen = unseen(&shop);
    let accepted = shop.accepted();
    let newest = unseen.first().expect("one that nobody saw");
    assert_eq!(accepted.last(), Some(newest));
    let mut console = shop.console("till 1");
    let tail = &newest[newest.len() - 4..];
    assert!(console.row(2).contains(tail), "{}", console.screen());
    console.wait_for("unseen: Free");
    console.scan(newest);
    console.wait_for("the same request again, counted once");
    let answer = (newest.clone(), "replayed".to_owned());
    assert_eq!(shop.answers().last(), Some(&answer));
    assert_eq!(shop.accepted(), accepted);
}

/// The acceptances of the first counter that were not drawn, newest first.
fn unseen(shop: &Shop) -> Vec<String> {
    let looking = desk::act("till 1", None, now()).expect("an act");
    let mut ledger = Ledger::open_reading(&shop.data()).expect("opened");
    let unseen = ledger.unseen(&looking).expect("listed");
    unseen.into_iter().map(|unseen| unseen.code).collect()
}

#[test]
fn an_unseen_acceptance_is_this_counters_own_and_repeated_for_fifteen_minutes() {
    let (shop, codes) = Shop::with_codes(2);
    let minutes = |count: i64| now() - jiff::SignedDuration::from_mins(count);
    for (code, ago) in codes.iter().zip([16, 14]) {
        let now = minutes(ago);
        let opening = desk::act("till 1", None, now).expect("an act");
        let (ledger, _) = Ledger::open(&shop.data(), &opening).expect("opened");
        let mut desk = Desk::new(ledger, "till 1", &[]);
        let moment = Moment {
            now,
            elapsed: Duration::ZERO,
        };
        let scanned = desk.scan(code.as_bytes(), &Extra::default(), moment);
        let Ok(Scanned::Judged(answer)) = scanned else {
            panic!("{scanned:?}");
        };
        assert!(matches!(answer.verdict, Verdict::Accepted { .. }));
    }
    let mut other = shop.console("till 2");
    assert!(other.screen().contains("none yet"));
    other.scan(&codes[1]);
    other.wait_for("already used");
    let mut console = shop.console("till 1");
    console.wait_for("unseen: Free");
    console.scan(&codes[1]);
    console.wait_for("the same request again, counted once");
    console.scan(&codes[0]);
    console.wait_for("#2");
    console.wait_for("already used");
    let words: Vec<_> = shop.answers().into_iter().map(|(_, word)| word).collect();
    let expected = [
        "accepted",
        "accepted",
        "already_redeemed",
        "replayed",
        "already_redeemed",
    ];
    assert_eq!(words, expected);
}

/// Opens undo by a key, picks the third reason, and does it.
fn undo(console: &mut Console, key: &[u8]) {
    if let [prefix @ 0x07, digit] = key {
        console.send_alone(&[*prefix]);
        console.send_alone(&[*digit]);
    } else {
        console.send_alone(key);
    }
    console.wait_for("sale was cancelled");
    console.send_alone(b"3");
    console.wait_for("›3 sale was cancelled");
    console.send_alone(b"\r");
    console.wait_for(UNDONE);
}

fn now() -> Timestamp {
    #[expect(
        clippy::disallowed_methods,
        reason = "the program under test reads the wall clock too"
    )]
    Timestamp::now()
}
