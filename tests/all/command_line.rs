//! The contract of the command line: answers, keys, exit codes, order of precedence.
#![expect(
    clippy::indexing_slicing,
    clippy::too_many_lines,
    reason = "tables of what is asked and answered, each in one piece"
)]

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;

use counterfoil::desk::{act, mint_key};
use counterfoil::ledger::{Ledger, Scan};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::console::shop::{Done, Shop};

const VERDICT_KEYS: &[&str] = &[
    "verdict",
    "band",
    "certainty",
    "check",
    "code",
    "campaign",
    "offer",
    "uses_made",
    "uses",
    "expires_at",
    "redemption_id",
    "key",
    "at",
    "first",
    "message",
];

/// Asserts that a value has these keys and, beside them, only those that we know to be more.
#[track_caller]
fn assert_keys(value: &Value, listed: &[&str], more: &[&str]) {
    let has: BTreeSet<&str> = value
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect();
    let wanted: BTreeSet<&str> = listed.iter().chain(more).copied().collect();
    assert_eq!(has, wanted, "{value}");
}

/// Redeems, and answers the verdict's word after checking what holds of every verdict.
#[track_caller]
fn redeem(shop: &Shop, args: &[&str]) -> (String, Value) {
    redeem_with(shop, args, b"")
}

#[track_caller]
fn redeem_with(shop: &Shop, args: &[&str], input: &[u8]) -> (String, Value) {
    let done = shop.run_with(&[&["--json", "redeem"], args].concat(), input);
    let line = done.line();
    assert_keys(&line, VERDICT_KEYS, &["overrode"]);
    let word = line["verdict"].as_str().expect("a word").to_owned();
    let (band, exit) = match word.as_str() {
        "accepted" | "replayed" => ("go", 0),
        "needs_customer" | "needs_answer" | "needs_approval" | "misread" => ("look", 1),
        _ => ("stop", 1),
    };
    assert_eq!(
        (line["band"].as_str(), done.code),
        (Some(band), exit),
        "{done:?}"
    );
    assert_eq!(line["certainty"], "confirmed");
    assert_time(&line["at"]);
    assert!(
        line["message"]
            .as_str()
            .is_some_and(|text| !text.is_empty())
    );
    assert!(done.err.is_empty(), "{done:?}");
    (word, line)
}

#[track_caller]
fn assert_word(shop: &Shop, args: &[&str], word: &str) -> Value {
    let (said, line) = redeem(shop, args);
    assert_eq!(said, word, "{args:?}: {line}");
    line
}

#[track_caller]
fn assert_time(value: &Value) {
    let text = value.as_str().unwrap_or_default();
    assert!(
        text.ends_with('Z') && text.parse::<Timestamp>().is_ok(),
        "{value} is no UTC time"
    );
}

#[track_caller]
fn assert_failure(done: &Done, code: i32, name: &str) {
    assert_eq!(done.code, code, "{done:?}");
    assert!(done.out.is_empty(), "{done:?}");
    let error = done.error();
    assert_keys(&error, &["code", "message", "hint"], &[]);
    assert_eq!(error["code"], name, "{done:?}");
    assert!(
        error["message"]
            .as_str()
            .is_some_and(|text| !text.is_empty())
    );
}

#[test]
fn a_code_is_honoured_once_under_its_key() {
    let (shop, codes) = Shop::with_codes(3);
    let first = assert_word(&shop, &[&codes[0], "--key", "receipt-1"], "accepted");
    assert_eq!(first["code"], codes[0].as_str());
    assert_eq!(first["campaign"], "coffee");
    assert_eq!(first["offer"], "Free coffee");
    assert_eq!(
        (&first["uses_made"], &first["uses"]),
        (&1.into(), &1.into())
    );
    assert_eq!(first["key"], "receipt-1");
    assert_eq!(first["check"], false);
    assert_eq!(first["expires_at"], Value::Null);
    assert_eq!(first["first"], Value::Null);
    let again = assert_word(&shop, &[&codes[0], "--key", "receipt-1"], "replayed");
    for key in ["redemption_id", "at", "uses_made", "key", "code"] {
        assert_eq!(again[key], first[key], "{key}");
    }
    let used = assert_word(&shop, &[&codes[0]], "already_redeemed");
    assert_keys(&used["first"], &["at", "store", "counter", "operator"], &[]);
    assert_eq!(used["first"]["store"], "Riverside");
    assert_eq!(used["first"]["at"], first["at"]);
    assert_word(&shop, &[&codes[1], "--key", "receipt-1"], "key_conflict");
    // A refusal binds no key: it is judged afresh.
    assert_word(&shop, &["BCDFGHJKLNPRST", "--key", "receipt-2"], "misread");
    assert_word(&shop, &[&codes[1], "--key", "receipt-2"], "accepted");
    let done = shop.run(&["--json", "reverse", &codes[0], "--reason", "slip"]);
    assert_eq!(done.code, 0, "{done:?}");
    assert_word(&shop, &[&codes[0], "--key", "receipt-1"], "reversed");
    assert_word(&shop, &[&codes[0], "--key", "receipt-3"], "accepted");
    // Keys are each counter's own.
    let line = assert_word(
        &shop,
        &[&codes[2], "--key", "receipt-1", "--counter", "till 9"],
        "accepted",
    );
    assert_ne!(line["redemption_id"], first["redemption_id"]);
}

#[test]
fn a_code_reads_the_same_however_it_is_written() {
    let (shop, codes) = Shop::with_codes(5);
    let grouped = counterfoil::domain::code::grouped(&codes[0]);
    assert_word(&shop, &[&grouped.to_lowercase()], "accepted");
    assert_word(&shop, &[&format!("]Q1{}", codes[1])], "accepted");
    let address = format!("https://shop.example/r?c={}", codes[2]);
    assert_word(&shop, &[&address], "not_ours");
    shop_file(&shop, "[scan]\nallowed_hosts = [\"shop.example\"]\n");
    assert_word(&shop, &[&address], "accepted");
    assert_word(&shop, &[&format!("  {}  ", codes[3])], "accepted");
    let mut misread: Vec<u8> = codes[4].clone().into_bytes();
    misread.swap(2, 3);
    if misread[2] == misread[3] {
        misread[2] = if misread[2] == b'B' { b'C' } else { b'B' };
    }
    let misread = String::from_utf8(misread).expect("letters");
    let line = assert_word(&shop, &[&misread], "misread");
    for key in [
        "code",
        "campaign",
        "offer",
        "uses_made",
        "uses",
        "redemption_id",
    ] {
        assert_eq!(line[key], Value::Null, "{key}");
    }
    assert_word(&shop, &["HELLO-WORLD"], "not_found");
    assert_word(&shop, &["4006381333931"], "not_ours");
    assert_word(&shop, &[""], "not_ours");
    assert_word(&shop, &["WIFI:T:WPA;S:shop;P:secret;;"], "not_ours");
    assert!(
        !shop.ok(&["log"]).out.contains("secret"),
        "a password is not kept"
    );
}

fn shop_file(shop: &Shop, text: &str) {
    std::fs::write(shop.data().join("counterfoil.toml"), text).expect("written");
}

/// Hours that do not hold now, nor in the next two days.
fn closed_now() -> String {
    let zone = jiff::tz::TimeZone::get("Europe/Berlin").expect("a zone");
    let day = (now() + SignedDuration::from_hours(72)).to_zoned(zone);
    format!("{} 09:00-10:00", day.strftime("%a"))
}

#[test]
fn refusals_come_in_their_order_of_precedence() {
    let shop = Shop::new();
    let hours = closed_now();
    let other = shop.campaign("other", &["--offer", "Another"], 1);
    let rules: &[&str] = &[
        "--offer",
        "Everything at once",
        "--limit-per-day",
        "1",
        "--per-customer",
        "5",
    ];
    shop.campaign("all", rules, 0);
    shop.import(
        "all",
        "code,email\nFIRST-1,ana@example.org\nLATER-2,ana@example.org\nENDED-3,ben@example.org\n",
    );
    shop.ok(&["codes", "generate", "--campaign", "all", "--count", "1"]);
    let free = shop
        .json(&[
            "codes",
            "export",
            "--campaign",
            "all",
            "--state",
            "available",
        ])
        .remove(0);
    let free = free["code"].as_str().expect("a code").to_owned();
    assert_word(
        &shop,
        &["FIRST-1", "--customer", "ana@example.org"],
        "accepted",
    );
    shop.ok(&["codes", "void", "ENDED-3", "--reason", "printed twice"]);
    shop.ok(&[
        "campaign",
        "set",
        "all",
        "--stores",
        "Elsewhere",
        "--ends",
        "2026-01-31",
        "--hours",
        &hours,
        "--require",
        "receipt,approval,customer",
    ]);
    shop.ok(&["campaign", "pause", "all"]);
    let set = |args: &[&str]| shop.ok(&[&["campaign", "set", "all"], args].concat());
    let ben: &[&str] = &["LATER-2", "--customer", "ben@example.org"];

    assert_word(
        &shop,
        &[ben, &["--campaign", "other"]].concat(),
        "wrong_campaign",
    );
    for code in ["FIRST-1", "LATER-2", "ENDED-3", &free] {
        assert_word(&shop, &[code], "wrong_store");
    }
    set(&["--stores", ""]);
    let line = assert_word(&shop, &["ENDED-3"], "void");
    assert!(
        line["message"]
            .as_str()
            .unwrap_or_default()
            .contains("printed twice"),
        "{line}"
    );
    assert_word(&shop, &["FIRST-1"], "already_redeemed");
    assert_word(&shop, &[&free], "not_assigned");
    let line = assert_word(&shop, ben, "expired");
    assert_eq!(line["expires_at"], "2026-01-31T23:00:00Z");
    set(&["--ends", "none", "--starts", "2099-01-01"]);
    assert_word(&shop, ben, "not_yet_valid");
    set(&["--starts", "none"]);
    assert_word(&shop, ben, "paused");
    shop.ok(&["campaign", "resume", "all"]);
    assert_word(&shop, ben, "outside_hours");
    set(&["--hours", "none"]);
    assert_word(&shop, ben, "wrong_customer");
    assert_word(&shop, &["LATER-2"], "limit_reached");
    set(&["--limit-per-day", "none"]);
    assert_word(&shop, &["LATER-2"], "needs_customer");
    let ana: &[&str] = &["LATER-2", "--customer", "ana@example.org"];
    assert_word(&shop, ana, "needs_answer");
    let told = [ana, &["--receipt", "R-1"]].concat();
    assert_word(&shop, &told, "needs_approval");
    let line = assert_word(&shop, &[&told[..], &["--check"]].concat(), "needs_approval");
    assert_eq!(line["check"], true);
    let line = assert_word(
        &shop,
        &[&told[..], &["--override", "--reason", "goodwill"]].concat(),
        "accepted",
    );
    assert_eq!(
        line["overrode"],
        serde_json::json!([]),
        "an approval asked for sets nothing aside"
    );
    assert_word(&shop, &told, "already_redeemed");
    assert_word(&shop, &[&other[0], "--campaign", "other"], "accepted");
}

#[test]
fn a_manager_sets_aside_what_may_be_and_nothing_else() {
    let hours = closed_now();
    let shop = Shop::new();
    let cases: [(&str, &[&str], &str); 5] = [
        ("past", &["--ends", "2026-01-31"], "expired"),
        ("soon", &["--starts", "2099-01-01"], "not_yet_valid"),
        ("hours", &["--hours", &hours], "outside_hours"),
        ("far", &["--stores", "Elsewhere"], "wrong_store"),
        ("paused", &[], "paused"),
    ];
    for (id, rules, word) in cases {
        let codes = shop.campaign(id, &[&["--offer", "X"], rules].concat(), 1);
        if id == "paused" {
            shop.ok(&["campaign", "pause", id]);
        }
        assert_word(&shop, &[&codes[0]], word);
        let line = assert_word(
            &shop,
            &[&codes[0], "--override", "--reason", "goodwill"],
            "accepted",
        );
        assert_eq!(line["overrode"], serde_json::json!([word]));
        let story = &shop.json(&["codes", "show", &codes[0]])[0];
        assert_keys(
            story,
            &[
                "code",
                "campaign",
                "ordinal",
                "state",
                "holder",
                "customer_id",
                "expires_at",
                "uses_made",
                "entries",
            ],
            &[],
        );
        assert_eq!(story["state"], "redeemed");
        let entry = story["entries"]
            .as_array()
            .and_then(|all| all.last())
            .expect("an entry");
        assert_keys(
            entry,
            &["id", "at", "kind", "store", "counter", "operator", "detail"],
            &[],
        );
        let detail = entry["detail"].as_str().unwrap_or_default();
        assert!(detail.contains(word), "{entry}");
    }
    let codes = shop.campaign("plain", &["--offer", "X"], 3);
    let with = ["--override", "--reason", "goodwill"];
    let line = assert_word(
        &shop,
        &[&[codes[0].as_str()], &with[..]].concat(),
        "accepted",
    );
    assert_eq!(line["overrode"], serde_json::json!([]), "it did not matter");
    assert_word(
        &shop,
        &[&[codes[0].as_str()], &with[..]].concat(),
        "already_redeemed",
    );
    shop.ok(&["codes", "void", &codes[1], "--reason", "lost"]);
    assert_word(&shop, &[&[codes[1].as_str()], &with[..]].concat(), "void");
    assert_word(
        &shop,
        &[&[codes[2].as_str(), "--campaign", "past"], &with[..]].concat(),
        "wrong_campaign",
    );
    assert_word(&shop, &[&["HELLO-WORLD"], &with[..]].concat(), "not_found");
    assert_word(&shop, &[&["BCDFGHJKLNPRST"], &with[..]].concat(), "misread");
    assert_word(&shop, &[&["4006381333931"], &with[..]].concat(), "not_ours");
    assert_failure(
        &shop.run(&["--json", "redeem", &codes[2], "--override"]),
        2,
        "usage",
    );
}

#[test]
fn a_named_manager_proves_it_by_their_pin() {
    let shop = Shop::new();
    let codes = shop.campaign("past", &["--offer", "X", "--ends", "2026-01-31"], 2);
    shop.operator("ana", "cashier", "2580");
    shop.operator("mia", "manager", "86420");
    let args = [
        "--json",
        "redeem",
        &codes[0],
        "--override",
        "--reason",
        "late",
        "--operator",
    ];
    let by = |name: &str, pin: &str| {
        shop.run_with(
            &[&args[..], &[name]].concat(),
            format!("{pin}\n").as_bytes(),
        )
    };
    assert_failure(&by("mia", "9999"), 1, "wrong_pin");
    assert_failure(&by("ana", "2580"), 1, "not_a_manager");
    assert_failure(&by("zoe", "2580"), 2, "no_such_operator");
    let line = by("mia", "86420").line();
    assert_eq!(line["verdict"], "accepted");
    let log = shop.json(&["log", "--outcome", "accepted"]);
    assert_eq!(log[0]["operator"], "mia");
    assert_eq!(log[0]["reason"], "late");
    // Four wrong ones lock the counter.
    for _ in 0..3 {
        assert_failure(&by("mia", "9999"), 1, "wrong_pin");
    }
    assert_failure(&by("mia", "9999"), 1, "locked");
    assert_failure(&by("mia", "86420"), 1, "locked");
}

#[test]
fn windows_include_their_start_and_exclude_their_end() {
    let shop = Shop::new();
    let codes = shop.campaign(
        "spring",
        &[
            "--offer",
            "X",
            "--starts",
            "2027-03-28",
            "--ends",
            "2027-10-31",
        ],
        1,
    );
    let shown = &shop.json(&["campaign", "show", "spring"])[0];
    // Local days in Berlin: winter time at the start, summer time until the last night.
    let starts: Timestamp = "2027-03-27T23:00:00Z".parse().expect("a time");
    let ends: Timestamp = "2027-10-31T23:00:00Z".parse().expect("a time");
    assert!(shown.to_string().contains(&starts.to_string()), "{shown}");
    assert!(shown.to_string().contains(&ends.to_string()), "{shown}");
    let (mut ledger, _) =
        Ledger::open(&shop.data(), &act("till 1", None, now()).expect("an act")).expect("opened");
    let ms = SignedDuration::from_millis(1);
    for (at, word) in [
        (starts - ms, "not_yet_valid"),
        (starts, "accepted"),
        (ends - ms, "accepted"),
        (ends, "expired"),
    ] {
        let act = act("till 1", None, at).expect("an act");
        let minted = mint_key(at).expect("a key");
        let answer = ledger
            .redeem(&scan(&codes[0], &minted, true), &act)
            .expect("judged");
        assert_eq!(answer.verdict.word(), word, "{at}");
    }
}

#[test]
fn a_clock_before_the_newest_entry_decides_nothing() {
    let shop = Shop::new();
    let bound = shop.campaign("bound", &["--offer", "X", "--ends", "2099-01-01"], 2);
    let free = shop.campaign("free", &["--offer", "Y"], 2);
    let later = now() + SignedDuration::from_hours(48);
    let later_act = act("till 1", None, later).expect("an act");
    {
        let (mut ledger, _) = Ledger::open(&shop.data(), &later_act).expect("opened");
        let minted = mint_key(later).expect("a key");
        let answer = ledger.redeem(&scan(&free[0], &minted, false), &later_act);
        assert_eq!(answer.expect("judged").verdict.word(), "accepted");
    }
    assert_word(&shop, &[&bound[0]], "needs_approval");
    assert_word(&shop, &[&free[1]], "accepted");
    let args = [&bound[0], "--override", "--reason", "the clock was wrong"];
    assert_word(&shop, &args, "accepted");
    // A manager has taken this clock as right.
    assert_word(&shop, &[&bound[1]], "accepted");
    assert_eq!(shop.run(&["verify"]).code, 0);
}

fn scan<'a>(code: &'a str, minted: &'a counterfoil::domain::ids::Key, is_check: bool) -> Scan<'a> {
    Scan {
        is_check,
        ..Scan::new(code.as_bytes(), minted)
    }
}

fn now() -> Timestamp {
    #[expect(
        clippy::disallowed_methods,
        reason = "the program under test reads the wall clock too"
    )]
    Timestamp::now()
}

#[test]
fn check_judges_and_uses_nothing_up() {
    let (shop, codes) = Shop::with_codes(1);
    for _ in 0..2 {
        let line = assert_word(&shop, &[&codes[0], "--check"], "accepted");
        assert_eq!(line["check"], true);
        assert_eq!(line["redemption_id"], Value::Null);
        assert_eq!(line["uses_made"], 0);
    }
    // A check binds no key either.
    assert_word(&shop, &[&codes[0], "--check", "--key", "k"], "accepted");
    assert_word(&shop, &[&codes[0], "--key", "k"], "accepted");
    assert_word(&shop, &[&codes[0], "--check"], "already_redeemed");
    let pool = &shop.json(&["pool"])[0];
    assert_eq!(pool["redeemed"], 1);
}

#[test]
fn a_code_of_three_uses_is_honoured_three_times() {
    let shop = Shop::new();
    let codes = shop.campaign("card", &["--offer", "Wash", "--uses", "3"], 1);
    for made in 1..=3 {
        let line = assert_word(&shop, &[&codes[0]], "accepted");
        assert_eq!(
            (&line["uses_made"], &line["uses"]),
            (&made.into(), &3.into())
        );
    }
    assert_word(&shop, &[&codes[0]], "already_redeemed");
}

#[test]
fn every_line_of_standard_input_is_answered_in_order() {
    let (shop, codes) = Shop::with_codes(5);
    let mut input = Vec::new();
    input.extend_from_slice(format!("{}\r\n\n", codes[0]).as_bytes());
    input.extend_from_slice(format!("{}\tkey-1\n", codes[1]).as_bytes());
    input.extend_from_slice(format!("{}\tkey-1\r\n", codes[1]).as_bytes());
    input.extend_from_slice(format!("{}\tkey-1\n", codes[2]).as_bytes());
    input.extend_from_slice(b"\xff\xfe\xfd\n   \t\n");
    input.extend(std::iter::repeat_n(b'X', 100_000));
    input.extend_from_slice(format!("\n{}\t\n", codes[3]).as_bytes());
    input.extend_from_slice(b"AB\x00\x1b]52;c;x\x07CD\n");
    input.extend_from_slice(codes[4].as_bytes());
    let expected = [
        "accepted",
        "not_ours",
        "accepted",
        "replayed",
        "key_conflict",
        "not_ours",
        "not_ours",
        "not_ours",
        "accepted",
        "not_ours",
        "accepted",
    ];
    let done = shop.run_with(&["--json", "redeem", "--stdin"], &input);
    assert_eq!(done.code, 0, "{done:?}");
    let lines = done.lines();
    let words: Vec<_> = lines.iter().map(|line| line["verdict"].clone()).collect();
    assert_eq!(words, expected);
    for line in &lines {
        assert_keys(line, VERDICT_KEYS, &["overrode"]);
    }
    assert_eq!(lines[2]["key"], "key-1");
    // In words: one line each too, and nothing raw.
    let done = shop.run_with(&["redeem", "--stdin"], &input);
    assert_eq!(done.code, 0, "{done:?}");
    assert_eq!(done.out.lines().count(), expected.len(), "{}", done.out);
    assert!(done.out.chars().all(|c| c == '\n' || !c.is_control()));
    let done = shop.run_with(&["redeem", "--stdin"], b"");
    assert_eq!((done.code, done.out.as_str()), (0, ""));
}

#[test]
fn a_key_that_cannot_be_kept_leaves_its_line_unjudged_and_the_others_answered() {
    let (shop, codes) = Shop::with_codes(2);
    let input = format!("{}\t{}\n{}\n", codes[0], "k".repeat(1000), codes[1]);
    let done = shop.run_with(&["--json", "redeem", "--stdin"], input.as_bytes());
    assert_eq!(done.code, 2, "{done:?}");
    let lines = done.lines();
    assert_eq!(lines.len(), 2);
    assert_keys(&lines[0]["error"], &["code", "message", "hint"], &[]);
    assert_eq!(lines[1]["verdict"], "accepted");
    assert_eq!(shop.accepted(), codes[1..]);
}

#[test]
fn an_answer_is_there_before_the_next_line_is_sent() {
    let (shop, codes) = Shop::with_codes(3);
    let mut command = shop.bare_command(&[]);
    let mut child = command
        .arg("--data")
        .arg(shop.data())
        .args(["--json", "redeem", "--stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut input = child.stdin.take().expect("an input");
    let mut output = BufReader::new(child.stdout.take().expect("an output"));
    for code in &codes {
        writeln!(input, "{code}").expect("sent");
        let mut line = String::new();
        output.read_line(&mut line).expect("answered");
        let line: Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(line["verdict"], "accepted");
        // Answered means committed.
        assert_eq!(shop.accepted().last(), Some(code));
    }
    drop(input);
    assert!(child.wait().expect("an end").success());
}

#[test]
fn a_redemption_is_undone_once() {
    let keys = ["reversal", "code", "redemption_id", "key", "at", "message"];
    let (shop, codes) = Shop::with_codes(2);
    let accepted = assert_word(&shop, &[&codes[0]], "accepted");
    let id = accepted["redemption_id"].as_str().expect("an id");
    let reverse = |args: &[&str]| {
        let done = shop.run(&[&["--json", "reverse"], args, &["--reason", "slip"]].concat());
        let line = done.line();
        assert_keys(&line, &keys, &[]);
        (
            line["reversal"].as_str().expect("a word").to_owned(),
            done.code,
            line,
        )
    };
    let (word, code, line) = reverse(&["--redemption", id, "--key", "undo-1"]);
    assert_eq!((word.as_str(), code), ("reversed", 0));
    assert_eq!(line["redemption_id"], id);
    assert_eq!(line["code"], codes[0].as_str());
    assert_time(&line["at"]);
    let (word, code, again) = reverse(&["--redemption", id, "--key", "undo-1"]);
    assert_eq!((word.as_str(), code), ("replayed", 0));
    assert_eq!(again["at"], line["at"]);
    let (word, code, _) = reverse(&[&codes[0]]);
    assert_eq!((word.as_str(), code), ("nothing_to_reverse", 1));
    let (word, code, _) = reverse(&["HELLO-WORLD"]);
    assert_eq!((word.as_str(), code), ("nothing_to_reverse", 1));
    assert_word(&shop, &[&codes[0]], "accepted");
    let (word, _, _) = reverse(&[&codes[0]]);
    assert_eq!(word, "reversed");
    assert_failure(&shop.run(&["--json", "reverse", &codes[0]]), 2, "usage");
    assert_failure(
        &shop.run(&["--json", "reverse", "--redemption", "x", "--reason", "r"]),
        2,
        "usage",
    );
}

#[test]
fn an_undo_gives_back_to_a_limit_only_what_was_counted() {
    let shop = Shop::new();
    shop.json(&["campaign", "create", "daily", "--offer", "X", "--uses", "9"]);
    let list = shop.folder().join("daily.csv");
    std::fs::write(&list, "code,email\nDAILY1,ana@example.com\n").expect("writes");
    let list = list.display().to_string();
    shop.json(&["codes", "import", &list, "--campaign", "daily"]);
    let early = assert_word(&shop, &["DAILY1"], "accepted");
    // What was honoured before the limit was set, earlier that day, counts as well.
    shop.json(&["campaign", "set", "daily", "--limit-per-day", "1"]);
    assert_word(&shop, &["DAILY1"], "limit_reached");
    shop.json(&["campaign", "set", "daily", "--limit-per-day", "2"]);
    assert_word(&shop, &["DAILY1"], "accepted");
    assert_word(&shop, &["DAILY1"], "limit_reached");
    let id = early["redemption_id"].as_str().expect("an id");
    shop.json(&["reverse", "--redemption", id, "--reason", "returned"]);
    assert_word(&shop, &["DAILY1"], "accepted");
    assert_word(&shop, &["DAILY1"], "limit_reached");
}

#[test]
fn undoing_a_use_does_not_bring_a_cancelled_code_back() {
    let shop = Shop::new();
    let codes = shop.campaign("twice", &["--offer", "X", "--uses", "2"], 1);
    assert_word(&shop, &[&codes[0]], "accepted");
    let voided = shop.run(&["codes", "void", &codes[0], "--reason", "lost"]);
    assert_eq!(voided.code, 0, "{voided:?}");
    let done = shop.run(&["--json", "reverse", &codes[0], "--reason", "returned"]);
    let line = done.line();
    assert_eq!(
        (done.code, line["reversal"].as_str()),
        (0, Some("reversed"))
    );
    let message = line["message"].as_str().unwrap_or_default();
    assert!(message.contains("stays cancelled"), "{message}");
    assert_word(&shop, &[&codes[0]], "void");
}

#[test]
fn pools_add_up_and_the_log_tells_of_everything() {
    let shop = Shop::new();
    let codes = shop.campaign("coffee", &["--offer", "Free coffee"], 4);
    shop.ok(&["codes", "generate", "--campaign", "coffee", "--count", "3"]);
    assert_word(&shop, &[&codes[0]], "accepted");
    assert_word(&shop, &["HELLO-WORLD"], "not_found");
    shop.ok(&["codes", "void", &codes[1], "--reason", "lost"]);
    let pool = shop.json(&["pool", "--campaign", "coffee"]).remove(0);
    assert_keys(
        &pool,
        &[
            "campaign",
            "total",
            "available",
            "leased",
            "assigned",
            "redeemed",
            "void",
            "suspect",
            "test",
            "uses_made",
            "assigned_last_24h",
            "empties_between",
        ],
        &["claimable", "warnings", "per_day"],
    );
    let states = [
        "available",
        "leased",
        "assigned",
        "redeemed",
        "void",
        "suspect",
        "test",
    ];
    let count = |name: &str| pool[name].as_u64().expect("a number");
    assert_eq!(states.map(count), [3, 0, 2, 1, 1, 0, 0]);
    assert_eq!(count("total"), states.map(count).iter().sum::<u64>());
    let lines = shop.json(&["log"]);
    for line in &lines {
        assert_keys(
            line,
            &[
                "at",
                "kind",
                "answer",
                "code",
                "campaign",
                "customer_id",
                "store",
                "counter",
                "operator",
                "trigger",
                "key",
                "raw",
                "reason",
            ],
            &[],
        );
        assert_time(&line["at"]);
        let who = line["operator"].as_str().unwrap_or_default();
        assert!(who.starts_with("os:"), "{line}");
    }
    assert_eq!(shop.json(&["log", "--outcome", "not_found"]).len(), 1);
    let of_code = shop.json(&["log", "--code", &codes[0].to_lowercase()]);
    assert!(
        of_code.iter().any(|line| line["answer"] == "accepted"),
        "{of_code:?}"
    );
    assert!(of_code.iter().all(|line| line["code"] == codes[0].as_str()));
    assert_eq!(shop.json(&["log", "--since", "1h"]).len(), lines.len());
    assert!(shop.json(&["log", "--since", "2099-01-01"]).is_empty());
}

#[test]
fn an_import_stores_all_or_nothing() {
    let keys = ["campaign", "stored", "skipped", "bad"];
    let more = ["bad_count", "bad_file"];
    let shop = Shop::new();
    shop.campaign("list", &["--offer", "X"], 0);
    let good = "CODE-A\nCODE-B\n";
    let bad = "CODE-C\ncode-a\n1.23E+15\n\u{e9}t\u{e9}\n";
    let import = |text: &str, args: &[&str]| {
        let file = shop.folder().join("list.csv");
        std::fs::write(&file, text).expect("written");
        let path = file.to_str().expect("UTF-8");
        shop.run(
            &[
                &["--json", "codes", "import", path, "--campaign", "list"],
                args,
            ]
            .concat(),
        )
    };
    let done = import(good, &["--given-out"]);
    assert_eq!(done.code, 0, "{done:?}");
    assert_keys(&done.line(), &keys, &more);
    assert_eq!(done.line()["stored"], 2);
    let done = import(bad, &[]);
    assert_eq!(done.code, 1, "{done:?}");
    let report = done.line();
    assert_keys(&report, &keys, &more);
    assert_eq!(
        (&report["stored"], &report["skipped"]),
        (&0.into(), &0.into())
    );
    let rows = report["bad"].as_array().expect("rows");
    let lines: Vec<_> = rows.iter().map(|row| row["line"].as_u64()).collect();
    assert_eq!(lines, [Some(2), Some(3), Some(4)]);
    for row in rows {
        assert_keys(row, &["line", "column", "value", "reason"], &[]);
    }
    assert_eq!(shop.json(&["pool"])[0]["total"], 2);
    let done = import(bad, &["--skip-bad"]);
    assert_eq!(done.code, 1, "{done:?}");
    assert_eq!(
        (&done.line()["stored"], &done.line()["skipped"]),
        (&1.into(), &3.into())
    );
    assert_eq!(shop.json(&["pool"])[0]["total"], 3);
}

#[test]
fn what_is_wrong_usage_is_two_and_an_error_in_json() {
    let (shop, codes) = Shop::with_codes(1);
    let cases: [(&[&str], &str); 16] = [
        (
            &["redeem", &codes[0], "--campaign", "nothing"],
            "no_such_campaign",
        ),
        (&["campaign", "show", "nothing"], "no_such_campaign"),
        (
            &["campaign", "create", "coffee", "--offer", "X"],
            "campaign_exists",
        ),
        (&["campaign", "create", "new"], "usage"),
        (
            &[
                "campaign", "create", "new", "--offer", "X", "--starts", "tomorrow",
            ],
            "usage",
        ),
        (
            &[
                "campaign", "create", "new", "--offer", "X", "--hours", "always",
            ],
            "usage",
        ),
        (&["campaign", "set", "coffee", "--uses", "0"], "faulty"),
        (&["pool", "--campaign", "nothing"], "no_such_campaign"),
        (
            &["codes", "export", "--campaign", "coffee", "--state", "lost"],
            "usage",
        ),
        (
            &[
                "codes",
                "generate",
                "--campaign",
                "coffee",
                "--count",
                "1",
                "--length",
                "99",
            ],
            "usage",
        ),
        (&["redeem"], "usage"),
        (&["redeem", &codes[0], "--stdin"], "usage"),
        (&["redeem", &codes[0], "--key", ""], "usage"),
        (&["no-such-command"], "usage"),
        (&["log", "--since", "yesterday"], "usage"),
        (
            &["init", "--store", "Again", "--timezone", "Europe/Berlin"],
            "ledger_exists",
        ),
    ];
    for (args, name) in cases {
        let done = shop.run(&[&["--json"], args].concat());
        assert_failure(&done, 2, name);
        // In words: what, and what to do.
        let done = shop.run(args);
        assert_eq!((done.code, done.out.as_str()), (2, ""), "{done:?}");
        assert!(done.err.starts_with("error: "), "{done:?}");
    }
    assert!(shop.accepted().is_empty());
    assert_failure(
        &shop.run(&["--json", "codes", "show", "HELLO-WORLD"]),
        1,
        "not_found",
    );
    let done = shop.run_with(&["--json", "operator", "add", "ana"], b"12\n");
    assert_failure(&done, 2, "faulty");
    shop_file(&shop, "[console]\ncolour = \"red\"\n");
    assert_failure(&shop.run(&["--json", "pool"]), 2, "usage");
}

#[test]
fn a_file_that_cannot_be_read_and_a_missing_argument_are_named() {
    let (shop, _) = Shop::with_codes(1);
    let folder = shop.folder().display().to_string();
    for args in [
        &["restore", "/nowhere/at-all.db"][..],
        &["restore", &folder],
        &["codes", "import", &folder, "--campaign", "coffee"],
        &["codes", "import", "/nowhere.csv", "--campaign", "coffee"],
    ] {
        let done = shop.run(&[&["--json"], args].concat());
        assert_failure(&done, 2, "usage");
        let error = done.error();
        let hint = error["hint"].as_str().unwrap_or_default();
        assert!(hint.contains("the file's name"), "{done:?}");
    }
    let error = shop.run(&["--json", "codes", "generate"]).error();
    let message = error["message"].as_str().unwrap_or_default();
    assert!(message.contains("--campaign <ID>"), "{message}");
    assert!(message.contains("--count <N>"), "{message}");
    // Nothing is written of a campaign that does not exist, not even a header.
    let done = shop.run(&["codes", "export", "--campaign", "nothing"]);
    assert_eq!((done.code, done.out.as_str()), (2, ""), "{done:?}");
}

#[test]
fn a_blank_is_neither_a_reason_nor_an_answer() {
    let shop = Shop::new();
    let codes = shop.campaign(
        "asks",
        &["--offer", "X", "--require", "receipt,customer"],
        1,
    );
    let code = codes[0].as_str();
    let blank = [code, "--receipt", " ", "--customer", ""];
    assert_word(&shop, &blank, "needs_customer");
    let known = [code, "--receipt", "", "--customer", "ana@example.com"];
    assert_word(&shop, &known, "needs_answer");
    for args in [
        &["redeem", code, "--override", "--reason", " "][..],
        &["codes", "void", code, "--reason", ""],
        &["codes", "void", code, "--reason", "two\nlines"],
        &["reverse", code, "--reason", "\t"],
    ] {
        let done = shop.run(&[&["--json"], args].concat());
        assert_failure(&done, 2, "usage");
    }
    let told = [code, "--receipt", "7", "--customer", "ana@example.com"];
    assert_word(&shop, &told, "accepted");
}

#[test]
fn a_codes_life_is_told_by_the_stores_clock_and_cannot_steer_the_terminal() {
    let shop = Shop::new();
    let codes = shop.campaign("asks", &["--offer", "X", "--require", "receipt"], 1);
    let line = assert_word(&shop, &[&codes[0], "--receipt", "7\u{1b}[31m"], "accepted");
    let at: Timestamp = line["at"]
        .as_str()
        .and_then(|at| at.parse().ok())
        .expect("a time");
    let done = shop.run(&["codes", "show", &codes[0]]);
    assert!(!done.out.contains('\u{1b}'), "{done:?}");
    let local = at
        .in_tz("Europe/Berlin")
        .expect("a zone")
        .strftime("%Y-%m-%d %H:%M:%S")
        .to_string();
    assert!(done.out.contains(&local), "{local}: {done:?}");
    let done = shop.run(&["restore", "/nowhere/\u{1b}[31m"]);
    assert!(!done.err.contains('\u{1b}'), "{done:?}");
}

#[test]
fn a_named_folder_without_a_ledger_is_an_error_and_stays_empty() {
    let shop = Shop::without_ledger();
    for args in [
        &["pool"][..],
        &["redeem", "X"],
        &["campaign", "list"],
        &["log"],
        &["verify"],
        &["operator", "list"],
        &[],
    ] {
        let done = shop.run(&[&["--json"], args].concat());
        assert_failure(&done, 2, "no_ledger");
        assert!(!shop.data().exists(), "{args:?}");
    }
    let done = shop.run(&[
        "--json",
        "init",
        "--store",
        "X",
        "--timezone",
        "Mars/Olympus",
    ]);
    assert_failure(&done, 2, "faulty");
}

#[test]
fn every_command_prints_only_json_where_that_is_asked() {
    let (shop, codes) = Shop::with_codes(2);
    let backup = shop.folder().join("backup.db");
    let backup = backup.to_str().expect("UTF-8");
    let commands: [&[&str]; 17] = [
        &["campaign", "list"],
        &["campaign", "show", "coffee"],
        &["campaign", "set", "coffee", "--offer", "Free tea"],
        &["campaign", "pause", "coffee"],
        &["campaign", "resume", "coffee"],
        &["codes", "generate", "--campaign", "coffee", "--count", "2"],
        &["codes", "export", "--campaign", "coffee"],
        &["codes", "show", &codes[0]],
        &["redeem", &codes[0]],
        &["reverse", &codes[0], "--reason", "slip"],
        &["codes", "void", &codes[1], "--reason", "lost"],
        &["pool"],
        &["log"],
        &["operator", "add", "kim", "--no-pin"],
        &["operator", "set-badge", "kim"],
        &["backup", backup],
        &["verify"],
    ];
    for args in commands {
        let done = shop.ok(&[&["--json"], args].concat());
        assert!(!done.lines().is_empty(), "{args:?}");
        assert!(done.err.is_empty(), "{done:?}");
    }
    for args in [
        &["operator", "list"][..],
        &["config"],
        &["devices"],
        &["operator", "remove", "kim"],
    ] {
        shop.json(args);
    }
    // A backup is never overwritten.
    assert_failure(&shop.run(&["--json", "backup", backup]), 5, "io");
    let done = shop.run(&["--json", "restore", backup]);
    assert_eq!(done.code, 0, "{done:?}");
    assert_eq!(done.line()["restored"], backup);
    // What a restore means is told beside the answers, never among them.
    let line = assert_word(&shop, &[&codes[0]], "needs_approval");
    assert!(
        line["message"]
            .as_str()
            .unwrap_or_default()
            .contains("restored"),
        "{line}"
    );
    shop.json(&["restore", "--settle"]);
    assert_word(&shop, &[&codes[0]], "accepted");
}

#[test]
fn codes_that_a_restored_ledger_may_have_lost_are_suspect() {
    let shop = Shop::new();
    shop.campaign("coffee", &["--offer", "Free coffee"], 0);
    shop.ok(&["codes", "generate", "--campaign", "coffee", "--count", "5"]);
    let backup = shop.folder().join("backup.db");
    let backup = backup.to_str().expect("UTF-8");
    shop.ok(&["backup", backup]);
    shop.ok(&["restore", backup, "--missing", "3"]);
    let pool = shop.json(&["pool"]).remove(0);
    let suspects = pool["suspect"].as_u64().expect("a number");
    assert!(suspects >= 3, "{pool}");
    let lines = shop.json(&[
        "codes",
        "export",
        "--campaign",
        "coffee",
        "--state",
        "suspect",
    ]);
    let code = lines[0]["code"].as_str().expect("a code");
    assert_word(&shop, &[code], "suspect");
    assert_word(
        &shop,
        &[code, "--override", "--reason", "known customer"],
        "accepted",
    );
}

#[test]
fn help_names_every_option_of_the_contract() {
    let shop = Shop::without_ledger();
    let table: [(&[&str], &[&str]); 22] = [
        (
            &[],
            &[
                "--data",
                "--json",
                "--counter",
                "--operator",
                "--scanner",
                "--theme",
                "Exit codes",
            ],
        ),
        (&["demo"], &["--scanner", "--theme"]),
        (&["init"], &["--store", "--timezone", "--group"]),
        (
            &["campaign", "create"],
            &[
                "--offer",
                "--starts",
                "--ends",
                "--uses",
                "--per-customer",
                "--offline",
                "--offline-per-day",
                "--home",
                "--offline-assign",
                "--hours",
                "--stores",
                "--assign-for",
                "--require",
                "--limit-per-day",
                "--identify-by",
                "--allow-anonymous",
            ],
        ),
        (
            &["campaign", "set"],
            &["--offer", "--ends", "--require", "none"],
        ),
        (&["campaign", "list"], &["--json"]),
        (&["campaign", "show"], &["<ID>"]),
        (&["campaign", "pause"], &["<ID>"]),
        (&["campaign", "resume"], &["<ID>"]),
        (
            &["codes", "import"],
            &["--campaign", "--given-out", "--skip-bad"],
        ),
        (
            &["codes", "generate"],
            &[
                "--campaign",
                "--count",
                "--given-out",
                "--length",
                "--prefix",
                "--pattern",
            ],
        ),
        (&["codes", "export"], &["--campaign", "--state"]),
        (&["codes", "show"], &["<CODE>"]),
        (&["codes", "void"], &["--reason"]),
        (
            &["redeem"],
            &[
                "--campaign",
                "--key",
                "--check",
                "--receipt",
                "--customer",
                "--override",
                "--reason",
                "--stdin",
            ],
        ),
        (&["reverse"], &["--redemption", "--reason", "--key"]),
        (&["pool"], &["--campaign"]),
        (&["log"], &["--since", "--outcome", "--code", "--follow"]),
        (&["operator", "add"], &["--role", "<NAME>"]),
        (&["backup"], &["--move"]),
        (&["restore"], &["--settle", "--missing"]),
        (&["verify"], &["--data"]),
    ];
    for (command, words) in table {
        let done = shop.ok(&[command, &["--help"]].concat());
        for word in words {
            assert!(
                done.out.contains(word),
                "{command:?} does not tell of {word}:\n{}",
                done.out
            );
        }
        // Globals are told everywhere.
        assert!(done.out.contains("--data") && done.out.contains("--counter"));
    }
    assert!(shop.ok(&["--version"]).out.starts_with("counterfoil "));
    assert!(!shop.data().exists());
}

#[test]
fn a_value_says_where_it_came_from_and_a_flag_wins() {
    let shop = Shop::new();
    shop_file(&shop, "[console]\ncounter = \"from the file\"\n");
    let told = |args: &[&str], is_data_in_environment: bool, counter: Option<&str>| {
        let mut command = shop.bare_command(&[]);
        if is_data_in_environment {
            command.env("COUNTERFOIL_DATA", shop.data());
        } else {
            command.arg("--data").arg(shop.data());
        }
        if let Some(counter) = counter {
            command.env("COUNTERFOIL_COUNTER", counter);
        }
        command.args(args).args(["--json", "config"]);
        let lines = crate::console::shop::run(command, b"").lines();
        ["console.counter", "console.bell", "data"].map(|name| {
            let line = lines.iter().find(|line| line["name"] == name);
            let line = line.unwrap_or_else(|| panic!("no {name} in {lines:?}"));
            assert_keys(line, &["name", "value", "origin"], &[]);
            let text = |key: &str| line[key].as_str().expect("text").to_owned();
            (text("value"), text("origin"))
        })
    };
    let data = shop.data().to_str().expect("UTF-8").to_owned();
    let row = |value: &str, origin: &str| (value.to_owned(), origin.to_owned());
    let bell = row("true", "default");
    assert_eq!(
        told(&[], false, None),
        [
            row("from the file", "file"),
            bell.clone(),
            row(&data, "flag")
        ]
    );
    assert_eq!(
        told(&[], true, Some("from outside")),
        [
            row("from outside", "environment"),
            bell.clone(),
            row(&data, "environment")
        ]
    );
    assert_eq!(
        told(&["--counter", "named"], true, Some("from outside")),
        [row("named", "flag"), bell, row(&data, "environment")]
    );
}

#[test]
fn the_log_goes_on_until_it_is_stopped() {
    let (shop, codes) = Shop::with_codes(2);
    let mut command = shop.bare_command(&[]);
    let mut child = command
        .arg("--data")
        .arg(shop.data())
        .args(["--json", "log", "--follow", "--outcome", "accepted"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut output = BufReader::new(child.stdout.take().expect("an output"));
    for code in &codes {
        assert_word(&shop, &[code], "accepted");
        let mut line = String::new();
        output.read_line(&mut line).expect("told");
        let line: Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(line["code"], code.as_str());
    }
    let process = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(process, rustix::process::Signal::TERM).expect("sent");
    let status = child.wait().expect("an end");
    assert!(status.success(), "{status}");
}

#[test]
fn a_reader_that_goes_away_is_no_disaster() {
    let (shop, codes) = Shop::with_codes(600);
    let done = shop.run_with(&["redeem", "--stdin"], (codes.join("\n") + "\n").as_bytes());
    assert_eq!(done.code, 0);
    let mut command = shop.bare_command(&[]);
    let mut child = command
        .arg("--data")
        .arg(shop.data())
        .args(["--json", "log"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut line = String::new();
    let mut output = BufReader::with_capacity(64, child.stdout.take().expect("an output"));
    output.read_line(&mut line).expect("read");
    drop(output);
    let done = child.wait_with_output().expect("an end");
    let said = String::from_utf8(done.stderr).expect("UTF-8");
    assert!(!said.contains("panicked"), "{said}");
    assert_eq!(shop.run(&["verify"]).code, 0);
}
