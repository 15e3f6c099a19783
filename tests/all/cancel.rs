//! The sign-up desk: looking before anything is asked for, and taking back what was just given out.
#![expect(
    clippy::expect_used,
    reason = "what a test needs beside its test functions may fail it too"
)]

use std::path::Path;

use counterfoil::desk::{self, Desk};
use counterfoil::domain::campaign::ContactKind;
use counterfoil::domain::claim::{CancelFault, Look};
use counterfoil::domain::refusal::Refusal;
use counterfoil::domain::verdict::CodeState;
use counterfoil::ledger::{Act, Ledger};
use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use crate::claims::{counterfoil, pool, shop};
use crate::shop::text;

const DESK: &str = "desk";

/// An act of this counter, so many minutes from now.
fn act(counter: &str, minutes: i64) -> Act {
    #[expect(
        clippy::disallowed_methods,
        reason = "the same clock as the programs that gave the codes out"
    )]
    let now = Timestamp::now() + SignedDuration::from_mins(minutes);
    desk::act(counter, None, now).expect("random bytes")
}

fn open(data: &Path) -> Ledger {
    Ledger::open(data, &act(DESK, 0)).expect("it opens").0
}

fn cancel(data: &Path, code: &str, act: &Act) -> Result<(), Refusal> {
    let done = open(data).cancel(code.as_bytes(), "paper ran out", act);
    done.expect("kept").map(|life| {
        assert_eq!((life.state, life.code.as_str()), ("void", code));
    })
}

fn claim(data: &Path, words: &[&str]) -> Value {
    let all = ["--counter", DESK, "assign", "--campaign", "coffee"];
    counterfoil(data, &[&all, words].concat()).1
}

fn look(data: &Path, contacts: &[(ContactKind, &str)]) -> Look {
    let contacts: Vec<_> = contacts
        .iter()
        .map(|(kind, text)| (*kind, (*text).to_owned()))
        .collect();
    let campaign = "coffee".parse().expect("a name");
    open(data)
        .look_for(&campaign, &contacts, act(DESK, 0).now)
        .expect("read")
        .expect("the campaign")
}

/// One number from the ledger, by SQL of our own.
fn count(data: &Path, sql: &str) -> i64 {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let file = Connection::open_with_flags(data.join("ledger.db"), flags).expect("the file opens");
    file.query_row(sql, [], |row| row.get(0)).expect("a number")
}

#[test]
fn what_a_counter_just_gave_out_is_taken_back_and_its_customer_draws_again() {
    let folder = shop("3");
    let data = folder.path().join("shop");
    let ana = ["--email", "ana@example.org"];
    let first = claim(&data, &ana);
    let code = text(&first, "code");
    assert_eq!(cancel(&data, code, &act(DESK, 1)), Ok(()));
    let (_, life) = counterfoil(&data, &["codes", "show", code]);
    let ended = &life["entries"][1];
    assert_eq!(text(ended, "kind"), "voided");
    assert_eq!(
        text(ended, "detail"),
        "was assigned; reason: cancelled: paper ran out"
    );
    let (_, scanned) = counterfoil(&data, &["redeem", code]);
    assert_eq!(
        (text(&scanned, "verdict"), text(&scanned, "message")),
        ("void", "cancelled: paper ran out")
    );
    let second = claim(&data, &ana);
    assert_eq!(text(&second, "claim"), "assigned");
    assert_eq!(second["customer_id"], first["customer_id"]);
    assert_ne!(second["code"], first["code"]);
    // Once: a second time there is nothing left to take back.
    assert_eq!(
        cancel(&data, code, &act(DESK, 1)),
        Err(Refusal::State(CodeState::Void))
    );
    let figures = pool(&data);
    for (state, codes) in [("available", 1), ("assigned", 1), ("void", 1)] {
        assert_eq!(figures[state], codes, "{state}");
    }
    assert_eq!(count(&data, "SELECT count(*) FROM customer_slot"), 2);
    assert_eq!(counterfoil(&data, &["verify"]).0, 0);
}

#[test]
fn a_code_without_a_contact_that_is_taken_back_gives_its_place_of_the_day_back() {
    let folder = shop("9");
    let data = folder.path().join("shop");
    let allow = ["campaign", "set", "coffee", "--allow-anonymous", "1/day"];
    assert_eq!(counterfoil(&data, &allow).0, 0);
    let drawn = || {
        let given = claim(&data, &[]);
        assert_eq!(text(&given, "claim"), "assigned");
        text(&given, "code").to_owned()
    };
    let is_full = || assert_eq!(text(&claim(&data, &[]), "claim"), "not_eligible");
    let first = drawn();
    is_full();
    // Somebody known takes no place, and gives none back.
    let ana = claim(&data, &["--email", "ana@example.org"]);
    assert_eq!(cancel(&data, text(&ana, "code"), &act(DESK, 0)), Ok(()));
    is_full();
    assert_eq!(cancel(&data, &first, &act(DESK, 0)), Ok(()));
    let second = drawn();
    is_full();
    // One given in another's stead took none either.
    let lost = ["replace", &second, "--reason", "lost"];
    let (_, third) = counterfoil(&data, &[&["--counter", DESK], &lost[..]].concat());
    assert_eq!(cancel(&data, text(&third, "code"), &act(DESK, 0)), Ok(()));
    is_full();
    // Ended by hand is ended as well; once used, it is used.
    assert_eq!(
        counterfoil(
            &data,
            &["campaign", "set", "coffee", "--allow-anonymous", "2/day"]
        )
        .0,
        0
    );
    let fourth = drawn();
    is_full();
    let void = ["codes", "void", &fourth, "--reason", "torn"];
    assert_eq!(counterfoil(&data, &void).0, 0);
    let fifth = drawn();
    assert_eq!(counterfoil(&data, &["redeem", &fifth]).0, 0);
    is_full();
    assert_eq!(counterfoil(&data, &["verify"]).0, 0);
}

#[test]
fn others_codes_late_ones_and_used_ones_are_not_taken_back() {
    let folder = shop("3");
    let data = folder.path().join("shop");
    let fault = |code: &str, act: &Act| match cancel(&data, code, act) {
        Err(Refusal::NotCancelled(fault)) => Some(fault),
        other => panic!("{other:?}"),
    };
    let given = claim(&data, &["--email", "ana@example.org"]);
    let code = text(&given, "code");
    assert_eq!(fault(code, &act("till", 0)), Some(CancelFault::NotHere));
    assert_eq!(fault(code, &act(DESK, 16)), Some(CancelFault::NotLately));
    assert_eq!(counterfoil(&data, &["redeem", code]).0, 0);
    assert_eq!(fault(code, &act(DESK, 0)), Some(CancelFault::Used));
    // What others gave out, and what nobody has been given.
    let list = data.with_file_name("cards.csv");
    std::fs::write(&list, "CARD-0001\n").expect("written");
    let list = list.to_str().expect("a path");
    let import = ["codes", "import", list, "--campaign", "coffee"];
    let (exit, _) = counterfoil(&data, &[&import[..], &["--given-out"]].concat());
    assert_eq!(exit, 0);
    assert_eq!(
        fault("CARD-0001", &act(DESK, 0)),
        Some(CancelFault::NotHere)
    );
    let unknown = cancel(&data, "NOWHERE", &act(DESK, 0));
    assert_eq!(unknown, Err(Refusal::NoSuchCode("NOWHERE".into())));
    // Every one of them is told of, and changed nothing.
    assert_eq!(
        count(&data, "SELECT count(*) FROM attempt WHERE kind = 'cancel'"),
        5
    );
    assert_eq!(pool(&data)["void"], 0);
    assert_eq!(counterfoil(&data, &["verify"]).0, 0);
}

#[test]
fn a_look_tells_whose_contact_it_is_and_leaves_no_trace() {
    let folder = shop("5");
    let data = folder.path().join("shop");
    let email = |text| (ContactKind::Email, text);
    let phone = "+44 20 7946 0958";
    let given = claim(&data, &["--email", "ana@example.org", "--phone", phone]);
    claim(&data, &["--email", "ben@example.org"]);
    let version = count(&data, "SELECT seq FROM ledger");
    assert_eq!(look(&data, &[email("cy@example.org")]), Look::Nobody);
    assert_eq!(look(&data, &[]), Look::Nobody);
    assert!(matches!(
        look(&data, &[email("an")]),
        Look::Invalid {
            kind: ContactKind::Email,
            ..
        }
    ));
    let both = [email("ben@example.org"), (ContactKind::Phone, phone)];
    assert_eq!(look(&data, &both), Look::Several);
    let ana = [email(" ANA@example.org ")];
    let Look::One(found) = look(&data, &ana) else {
        panic!("ana is known");
    };
    assert_eq!(found.customer_id, text(&given, "customer_id"));
    assert!(!found.may_have_another());
    let newest = found.newest.expect("a code");
    assert!(newest.is_usable);
    assert_eq!(newest.state, "assigned");
    let code = text(&given, "code");
    assert_eq!(newest.masked, format!("…{}", &code[code.len() - 4..]));
    // Neither an entry nor an attempt, and nobody new.
    assert_eq!(count(&data, "SELECT seq FROM ledger"), version);
    assert_eq!(count(&data, "SELECT count(*) FROM attempt"), 0);
    assert_eq!(count(&data, "SELECT count(*) FROM customer"), 2);
    // A used code is theirs still; a cancelled one is not.
    counterfoil(&data, &["redeem", code]);
    let Look::One(used) = look(&data, &ana) else {
        panic!("ana is known");
    };
    let newest = used.newest.expect("a code");
    assert_eq!((newest.state, newest.is_usable), ("redeemed", false));
    let ben = claim(&data, &["--email", "ben@example.org"]);
    assert_eq!(cancel(&data, text(&ben, "code"), &act(DESK, 0)), Ok(()));
    let Look::One(ben) = look(&data, &[email("ben@example.org")]) else {
        panic!("ben is known");
    };
    assert_eq!((ben.newest.clone(), ben.codes_held), (None, 0));
    assert!(ben.may_have_another());
}

#[test]
fn a_form_begins_with_the_campaign_of_the_newest_sign_up_or_with_codes_to_give() {
    let folder = shop("3");
    let data = folder.path().join("shop");
    let more = |id: &str| counterfoil(&data, &["campaign", "create", id, "--offer", "Free cake"]).0;
    let codes = ["codes", "generate", "--count", "1", "--campaign"];
    assert_eq!((more("tea"), more("cake"), more("empty")), (0, 0, 0));
    assert_eq!(counterfoil(&data, &[&codes[..], &["tea"]].concat()).0, 0);
    let given_out = [&codes[..], &["cake", "--given-out"]].concat();
    assert_eq!(counterfoil(&data, &given_out).0, 0);
    let first = |minutes| {
        let mut desk = Desk::new(open(&data), DESK, &[]);
        let room = desk.sign_up_room(act(DESK, minutes).now).expect("read");
        room.first.map(|campaign| campaign.to_string())
    };
    // None was given out here: the newest that has codes to give.
    assert_eq!(first(0).as_deref(), Some("tea"));
    // The last one, also tomorrow, and when it is used or taken back.
    claim(&data, &["--email", "ana@example.org"]);
    assert_eq!(first(0).as_deref(), Some("coffee"));
    assert_eq!(first(24 * 60).as_deref(), Some("coffee"));
    assert_eq!(counterfoil(&data, &["campaign", "pause", "coffee"]).0, 0);
    assert_eq!(
        first(24 * 60).as_deref(),
        Some("tea"),
        "it gives nothing now"
    );
}
