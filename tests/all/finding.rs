//! Finding at the desk: customers, ends of codes, lives; and replacing a slip that was lost.

use std::path::Path;

use counterfoil::desk::{self, Desk, Replaced};
use counterfoil::domain::claim::{Claim, ClaimWord};
use counterfoil::domain::finding::{Finding, FoundLife, ReplaceAsk, ReplaceFault};
use counterfoil::domain::ids::Key;
use counterfoil::domain::refusal::Refusal;
use counterfoil::domain::verdict::Approval;
use counterfoil::ledger::Ledger;
use jiff::Timestamp;

use crate::claims::{claim, counterfoil, shop};
use crate::shop::text;

fn now() -> Timestamp {
    #[expect(
        clippy::disallowed_methods,
        reason = "the command line beside it reads the wall clock too"
    )]
    Timestamp::now()
}

fn desk(data: &Path) -> Desk {
    let act = desk::act("desk", None, now()).expect("an act");
    let (ledger, _) = Ledger::open(data, &act).expect("a ledger");
    Desk::new(ledger, "desk", &[])
}

/// Everything that a text finds, from the first slice to the last.
fn find(desk: &mut Desk, text: &str) -> Finding {
    let mut found = desk.find(text, now()).expect("looked for");
    let mut after = Some(String::new());
    while let Some(from) = after {
        let (more, next) = desk
            .find_by_ending(text, &from, now())
            .expect("looked through");
        found.extend(more);
        after = next;
    }
    found
}

fn life(desk: &mut Desk, code: &str) -> FoundLife {
    desk.found_life(code, now()).expect("read").expect("a life")
}

fn assigned(data: &Path, email: &str) -> String {
    let (_, told) = claim(data, &["--email", email]);
    text(&told, "code").to_owned()
}

fn answered(replaced: Replaced) -> Claim {
    let told = format!("{replaced:?}");
    let Replaced::Answered(claim) = replaced else {
        unreachable!("not replaced: {told}");
    };
    *claim
}

fn ask(code: &str, key: &Key) -> ReplaceAsk {
    ReplaceAsk {
        code: code.to_owned(),
        reason: "slip was lost".to_owned(),
        key: key.clone(),
        prints: false,
    }
}

#[test]
fn a_customer_is_found_by_contact_and_by_the_end_of_a_code() {
    let folder = shop("40");
    let data = folder.path().join("shop");
    let code = assigned(&data, "ana.bell@example.org");
    let mut desk = desk(&data);
    let ending = &code[code.len() - 4..];
    let spaced = format!("{}-{} ", &ending[..2], &ending[2..].to_ascii_lowercase());
    for typed in ["Ana.Bell@Example.org", ending, &spaced] {
        let found = find(&mut desk, typed);
        assert_eq!(found.holders.len(), 1, "{typed}: {found:?}");
        let holder = &found.holders[0];
        assert_eq!(holder.contacts[0].masked, "a…@example.org");
        assert_eq!(holder.codes[0].code, code);
        assert_eq!(holder.codes[0].state, "assigned");
        assert!(holder.codes[0].changed_at.is_some());
    }
    // A whole code is named alone, however it is written.
    let found = find(&mut desk, &code.to_lowercase());
    assert_eq!(found.code, Some(code));
    for nobody in ["ben@example.org", "jkl", "", "zzzz"] {
        let found = find(&mut desk, nobody);
        assert_eq!((found.holders.len(), found.code), (0, None), "{nobody}");
    }
}

#[test]
fn everybody_who_shares_a_telephone_is_found_by_it() {
    let folder = shop("5");
    let data = folder.path().join("shop");
    let set = ["campaign", "set", "coffee", "--identify-by", "email"];
    assert_eq!(counterfoil(&data, &set).0, 0);
    let phone = "+44 20 7946 0958";
    for email in ["ana@example.org", "ben@example.org"] {
        let (exit, told) = claim(&data, &["--email", email, "--phone", phone]);
        assert_eq!((exit, text(&told, "claim")), (0, "assigned"));
    }
    assert_eq!(find(&mut desk(&data), phone).holders.len(), 2);
    let found = crate::shop::run_on(&data, &["customer", "find", phone]);
    assert_eq!(found.well().lines.len(), 2);
}

#[test]
fn a_customer_is_found_by_a_part_of_their_name() {
    let folder = shop("4");
    let data = folder.path().join("shop");
    let (_, told) = claim(
        &data,
        &["--email", "zoe@example.org", "--name", "Zoë Ångström"],
    );
    let found = find(&mut desk(&data), "angs");
    assert_eq!(found.holders.len(), 1, "{told}");
    assert_eq!(found.holders[0].name.as_deref(), Some("Zoë Ångström"));
}

#[test]
fn codes_that_nobody_was_given_stay_unsaid_and_given_out_ones_are_found() {
    let folder = shop("1");
    let data = folder.path().join("shop");
    let (_, exported) = counterfoil(&data, &["codes", "export", "--campaign", "coffee"]);
    let unissued = text(&exported, "code").to_owned();
    let list = folder.path().join("sent.csv");
    let rows: Vec<String> = (0..25)
        .map(|number| format!("MAIL{number:02}ENDS"))
        .collect();
    std::fs::write(&list, format!("code\n{}\n", rows.join("\n"))).expect("written");
    let list = list.to_str().expect("a path");
    let words = [
        "codes",
        "import",
        list,
        "--campaign",
        "coffee",
        "--given-out",
    ];
    assert_eq!(counterfoil(&data, &words).0, 0);
    let mut desk = desk(&data);
    assert_eq!(
        find(&mut desk, &unissued[unissued.len() - 4..]),
        Finding::default()
    );
    let found = find(&mut desk, "07ends");
    assert_eq!(found.holders[0].customer_id, None);
    assert_eq!(found.holders[0].codes[0].code, "MAIL07ENDS");
    assert!(!found.has_more);
    let found = find(&mut desk, "ends");
    assert_eq!(found.code_count(), 20);
    assert!(found.has_more);
    assert_eq!(
        life(&mut desk, "MAIL07ENDS").replace_fault(now()),
        Some(ReplaceFault::NobodyKnown)
    );
}

#[test]
fn a_lost_code_is_replaced_once_under_the_key_of_its_form() {
    let folder = shop("10");
    let data = folder.path().join("shop");
    let lost = assigned(&data, "ana@example.org");
    let mut desk = desk(&data);
    let key = life(&mut desk, &lost).key;
    let mut replace = |key: &Key| desk.replace(&ask(&lost, key), None, now()).expect("asked");
    let first = answered(replace(&key));
    assert_eq!(first.word, ClaimWord::Assigned);
    let again = answered(replace(&key));
    assert_eq!(
        (again.word, &again.code),
        (ClaimWord::Replayed, &first.code)
    );
    let other = desk::mint_key(now()).expect("a key");
    assert!(matches!(
        replace(&other),
        Replaced::Refused(Refusal::State(_))
    ));
    let old = life(&mut desk, &lost);
    assert_eq!(old.life.state, "void");
    let ended = old.life.entries.last().expect("an entry");
    assert!(ended.detail.contains("reason: slip was lost"), "{ended:?}");
    let new = life(&mut desk, first.code.as_deref().expect("a code"));
    assert_eq!(new.life.customer_id, old.life.customer_id);
    assert_eq!(counterfoil(&data, &["verify"]).0, 0);
}

#[test]
fn a_manager_approves_a_replacement_and_is_named_in_the_chain() {
    let folder = shop("10");
    let data = folder.path().join("shop");
    let lost = assigned(&data, "ana@example.org");
    let mut desk = desk(&data);
    let change = counterfoil::ledger::OperatorChange::Add {
        role: counterfoil::domain::operator::Role::Manager,
        pin: Some("86420"),
    };
    let act = desk::act("desk", None, now()).expect("an act");
    desk.ledger()
        .change_operator("mia", change, &act)
        .expect("asked")
        .expect("added");
    let key = life(&mut desk, &lost).key;
    let asked = desk.replace(&ask(&lost, &key), None, now());
    assert_eq!(asked.expect("asked"), Replaced::NeedsApproval);
    assert_eq!(life(&mut desk, &lost).life.state, "assigned");
    let approval = Approval {
        by: Some("mia".to_owned()),
        reason: "slip was lost".to_owned(),
    };
    let asked = desk.replace(&ask(&lost, &key), Some(&approval), now());
    answered(asked.expect("asked"));
    let ended = life(&mut desk, &lost).life.entries.pop().expect("an entry");
    assert_eq!(
        ended.detail,
        "was assigned; another took its place; approved by mia; reason: slip was lost"
    );
    assert_eq!(counterfoil(&data, &["verify"]).0, 0);
}

#[test]
fn only_an_unused_valid_code_is_replaced() {
    let folder = shop("10");
    let data = folder.path().join("shop");
    let used = assigned(&data, "ana@example.org");
    assert_eq!(counterfoil(&data, &["redeem", &used]).0, 0);
    let mut desk = desk(&data);
    let told = life(&mut desk, &used);
    assert_eq!(told.replace_fault(now()), Some(ReplaceFault::Used));
    let asked = desk.replace(&ask(&used, &told.key), None, now());
    assert_eq!(asked.expect("asked"), Replaced::Fault(ReplaceFault::Used));
    // The use stands, until it is undone.
    assert_eq!(told.newest_standing(), Some(1));
    assert_eq!(
        counterfoil(&data, &["reverse", &used, "--reason", "wrong one"]).0,
        0
    );
    let told = life(&mut desk, &used);
    assert_eq!(told.newest_standing(), None);
    assert_eq!(told.replace_fault(now()), None);
    let (_, ended) = counterfoil(
        &data,
        &["campaign", "set", "coffee", "--ends", "2026-01-01"],
    );
    let told = life(&mut desk, &used);
    assert_eq!(
        told.replace_fault(now()),
        Some(ReplaceFault::Expired),
        "{ended}"
    );
}
