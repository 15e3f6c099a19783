//! Slips through the real program: stored before they are sent, printed once, doubtful until a
//! person says otherwise; never a second code.
#![expect(
    clippy::indexing_slicing,
    reason = "a key that is not there fails the test"
)]

use std::net::TcpListener;
use std::process::Stdio;

use serde_json::Value;

use crate::printing::fake::{FakePrinter, Mood};
use crate::printing::interpreter::Paper;
use crate::shop::{CAMPAIGN, Ran, Shop, command_on, number, text};

const DOTS: u16 = 576;

fn shop(codes: u32) -> Shop {
    let shop = Shop::with(&[], 1);
    let count = codes.to_string();
    shop.run(&[
        "codes",
        "generate",
        "--campaign",
        CAMPAIGN,
        "--count",
        &count,
    ])
    .well();
    shop
}

/// Runs a command with a printer of this mood; what it answered, and the printer.
fn with_printer(shop: &Shop, mood: Mood, words: &[&str]) -> (Ran, FakePrinter) {
    let printer = FakePrinter::new(mood);
    let to = format!("tcp://{}", printer.address);
    let ended = command_on(shop.folder())
        .args(words)
        .env("COUNTERFOIL_PRINTER", to)
        .stdin(Stdio::null())
        .output()
        .expect("it runs");
    (Ran::of(&ended), printer)
}

const ANA: [&str; 5] = ["assign", "--campaign", CAMPAIGN, "--email", "ana@x.org"];

fn ana(more: &[&'static str]) -> Vec<&'static str> {
    [&ANA[..], more].concat()
}

/// What is on the paper: the job between the questions before it and the fence behind it.
fn paper_of(printer: &FakePrinter) -> Paper {
    let sent = printer.job();
    let questions = sent
        .chunks(3)
        .take_while(|asked| asked.starts_with(&[0x10, 4]))
        .count();
    let job = sent[questions * 3..]
        .strip_suffix(b"\x1dr\x01")
        .expect("a fence behind the job");
    Paper::of(job, DOTS).expect("a good job")
}

/// The code whose QR stands on the paper; it stands there as text as well.
fn code_on(printer: &FakePrinter) -> String {
    let paper = paper_of(printer);
    assert_eq!((paper.cuts, paper.pulses), (1, 0));
    let codes = paper.codes();
    assert_eq!(codes.len(), 1, "{codes:?}");
    let letters: String = paper.words().concat().replace(['-', ' '], "");
    assert!(letters.contains(&codes[0]), "{letters}");
    codes[0].clone()
}

/// The open slips, by code and copy.
fn open_slips(shop: &Shop) -> Vec<(String, i64, Value)> {
    let ran = shop.run(&["printer", "slips"]);
    assert_eq!(ran.exit, 0, "{}", ran.errors);
    ran.lines
        .iter()
        .map(|slip| {
            (
                text(slip, "code").to_owned(),
                number(slip, "copy"),
                slip["why"].clone(),
            )
        })
        .collect()
}

fn available(shop: &Shop) -> i64 {
    number(shop.run(&["pool"]).well().json(), "available")
}

#[test]
fn a_claim_prints_the_code_that_it_answers() {
    let shop = shop(3);
    let (ran, printer) = with_printer(
        &shop,
        Mood::Well,
        &ana(&["--name", "Ana \u{1b}p0 Żuk", "--print"]),
    );
    // A name with a control character is refused before anything is given.
    assert_eq!(ran.exit, 2, "{}", ran.errors);
    assert_eq!(available(&shop), 3);
    drop(printer);
    let (ran, printer) = with_printer(&shop, Mood::Well, &ana(&["--name", "Ana Żuk", "--print"]));
    let told = ran.well().json();
    assert_eq!(text(told, "code"), code_on(&printer));
    assert_eq!(text(&told["slip"], "state"), "printed");
    assert_eq!(told["slip"]["copy"], 1);
    assert_eq!(told["slip"]["substitutions"][0], "Ż is printed as Z");
    assert_eq!(open_slips(&shop), []);
    assert_eq!(available(&shop), 2);
}

#[test]
fn a_printer_in_trouble_is_told_apart_and_never_costs_a_second_code() {
    for (mood, why) in [
        (Mood::PaperOut, "paper_out"),
        (Mood::CoverOpen, "cover_open"),
        (Mood::Offline, "offline"),
        (Mood::EndsMidJob, "paper_out"),
        (Mood::Drops(100), "connection_lost"),
    ] {
        let shop = shop(2);
        let (ran, _printer) = with_printer(&shop, mood, &ana(&["--print"]));
        assert_eq!(ran.exit, 4, "{mood:?} {}", ran.errors);
        let told = ran.json();
        assert_eq!(text(told, "claim"), "assigned");
        let code = text(told, "code").to_owned();
        assert_eq!(text(&told["slip"], "state"), "unconfirmed");
        assert_eq!(text(&told["slip"], "why"), why);
        assert_eq!(open_slips(&shop), [(code.clone(), 1, why.into())]);
        // Nothing prints by itself when the printer is well again: somebody asks for it.
        let (again, printer) = with_printer(&shop, Mood::Well, &["print", &code]);
        assert_eq!(text(again.well().json(), "state"), "printed");
        assert_eq!(code_on(&printer), code);
        assert_eq!(open_slips(&shop), []);
        assert_eq!(available(&shop), 1, "{mood:?}");
        shop.run(&["verify"]).well();
    }
}

#[test]
fn a_reprint_is_the_same_code_counted_and_in_the_log() {
    let shop = shop(2);
    let (first, printer) = with_printer(&shop, Mood::Well, &ana(&["--print"]));
    let code = text(first.well().json(), "code").to_owned();
    drop(printer);
    // Whoever has one already is not given paper unasked.
    let (known, _printer) = with_printer(&shop, Mood::Well, &ana(&["--print"]));
    let known = known.well().json().clone();
    assert_eq!(text(&known, "claim"), "already_assigned");
    assert_eq!(known["slip"], Value::Null);
    let (second, printer) = with_printer(&shop, Mood::NearEnd, &["print", &code]);
    assert_eq!(second.well().json()["copy"], 2);
    let paper = paper_of(&printer);
    assert_eq!(paper.codes(), std::slice::from_ref(&code));
    assert!(paper.words().iter().any(|line| line.contains("COPY 2")));
    let life = shop.run(&["codes", "show", &code]);
    let kinds: Vec<&str> = life.json()["entries"]
        .as_array()
        .expect("entries")
        .iter()
        .map(|entry| text(entry, "kind"))
        .collect();
    assert_eq!(kinds, ["assigned", "slip_ordered", "slip_ordered"]);
    let log = shop.run(&["log", "--code", &code]);
    let ordered = log
        .lines
        .iter()
        .filter(|line| text(line, "kind") == "slip_ordered")
        .count();
    assert_eq!(ordered, 2);
}

#[test]
fn a_silent_printer_leaves_a_doubt_that_a_person_settles() {
    let shop = shop(1);
    let (ran, _printer) = with_printer(&shop, Mood::Silent, &ana(&["--print"]));
    assert_eq!(text(&ran.json()["slip"], "why"), "silent");
    let slips = shop.run(&["printer", "slips"]);
    let slip = number(slips.json(), "slip").to_string();
    shop.run(&["printer", "settle", &slip]).well();
    assert_eq!(open_slips(&shop), []);
    let again = shop.run(&["printer", "settle", &slip]);
    assert_eq!(again.exit, 1, "{}", again.errors);
    shop.run(&["verify"]).well();
}

#[test]
fn only_a_code_that_can_be_used_is_printed() {
    let shop = shop(2);
    let (ran, printer) = with_printer(&shop, Mood::Well, &ana(&["--print"]));
    let code = text(ran.well().json(), "code").to_owned();
    drop(printer);
    let exported = shop.run(&["codes", "export", "--campaign", CAMPAIGN]);
    let free = exported
        .lines
        .iter()
        .find(|line| text(line, "state") == "available")
        .map(|line| text(line, "code").to_owned())
        .expect("one is left");
    shop.run(&["redeem", &code]).well();
    for (asked, answer) in [
        (code.as_str(), "wrong_state"),
        (free.as_str(), "wrong_state"),
        ("NOSUCHCODE", "not_found"),
    ] {
        let to = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = to.local_addr().expect("an address");
        let ended = command_on(shop.folder())
            .args(["print", asked])
            .env("COUNTERFOIL_PRINTER", format!("tcp://{address}"))
            .output()
            .expect("it runs");
        let ran = Ran::of(&ended);
        assert_eq!(ran.exit, 1, "{asked}: {}", ran.errors);
        assert!(ran.errors.contains(answer), "{}", ran.errors);
        // The printer was never called.
        to.set_nonblocking(true).expect("a socket");
        assert!(to.accept().is_err(), "{asked}");
    }
}

#[test]
fn without_a_printer_nothing_is_given() {
    let shop = shop(1);
    let ran = shop.run(&ana(&["--print"]));
    assert_eq!(ran.exit, 2, "{:?}", ran.lines);
    assert!(ran.errors.contains("no printer"), "{}", ran.errors);
    assert_eq!(available(&shop), 1);
}

#[test]
fn a_claim_killed_before_its_paper_prints_the_same_code_when_asked_again() {
    let shop = shop(5);
    let printer = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = printer.local_addr().expect("an address");
    let mut killed = command_on(shop.folder())
        .args(ana(&["--key", "order-7", "--print"]))
        .env("COUNTERFOIL_PRINTER", format!("tcp://{address}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it runs");
    // It calls the printer after its commit, and waits for an answer that never comes.
    let _line = printer.accept().expect("it calls");
    killed.kill().expect("it is killed");
    killed.wait().expect("it ends");
    assert_eq!(available(&shop), 4);
    let left: String = shop
        .look()
        .query_row(
            "SELECT c.folded FROM slip s JOIN code c ON c.id = s.code WHERE s.state = 0",
            [],
            |row| row.get(0),
        )
        .expect("one slip is left");
    let (again, printer) = with_printer(&shop, Mood::Well, &ana(&["--key", "order-7", "--print"]));
    let told = again.well().json();
    assert_eq!(text(told, "claim"), "replayed");
    assert_eq!(text(told, "code"), left);
    assert_eq!(code_on(&printer), left);
    assert_eq!(available(&shop), 4);
    assert_eq!(open_slips(&shop), []);
    assert_eq!(
        shop.count("SELECT count(*) FROM slip WHERE state IN (0, 2)"),
        0
    );
    shop.run(&["verify"]).well();
}
