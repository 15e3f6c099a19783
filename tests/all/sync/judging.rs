//! What cannot be right is told, once and to whom it concerns; what is one act is one act.

use std::process::Command;

use counterfoil::domain::campaign::Rules;
use counterfoil::domain::conflict::{ConflictKind, Decision};
use counterfoil::domain::entry::Fact;
use counterfoil::domain::verdict::{Band, Verdict};
use counterfoil::domain::wire::{Standing, WireCustomer};
use jiff::Timestamp;
use serde_json::Value;

use crate::sync::scribe::{About, Scribe, given, undone, used, used_as};
use crate::sync::world::{
    Node, SPRING, and_with_hubs_in_databases, empty_hub, hub, meet, send, store,
};

fn kinds(hub: &mut Node) -> Vec<ConflictKind> {
    let open = hub.ledger.conflicts(true).unwrap();
    open.iter().map(|conflict| conflict.kind).collect()
}

/// A hub with codes that were given out, and scribes in the place of its stores.
fn apart<const STORES: usize>(codes: &[&str]) -> (Node, [Scribe; STORES]) {
    let mut hub = hub(8);
    if !codes.is_empty() {
        hub.import(SPRING, codes);
    }
    let scribes = std::array::from_fn(|number| {
        let name = format!("Store {}", ["A", "B", "C"].get(number).unwrap_or(&"D"));
        Scribe::of(&mut store(&mut hub, &name))
    });
    (hub, scribes)
}

fn hears(hub: &mut Node, scribe: &Scribe) {
    let act = hub.act();
    let answer = hub.ledger.take_in(&scribe.whole(), &act).unwrap();
    assert_eq!(answer.welcome.standing, Standing::Active);
    let count = i64::try_from(scribe.entries.len()).unwrap();
    assert_eq!(answer.welcome.acked_through, count);
}

fn in_pool(hub: &Node, place: i64) -> String {
    let sql = format!(
        "SELECT folded FROM code WHERE ordinal IS NOT NULL ORDER BY folded LIMIT 1 OFFSET {place}"
    );
    hub.texts(&sql).remove(0)
}

#[test]
fn what_does_not_follow_is_not_acknowledged_and_what_cannot_be_read_is_parked() {
    let (mut hub, [mut scribe]) = apart(&["ONE", "TWO"]);
    let begun = scribe.entries.len();
    scribe.write(used(), About::code("ONE"));
    scribe.write_raw(r#"{"at_ms":1,"kind":"telepathy","counter":"till 1"}"#.into());
    scribe.write(used(), About::code("TWO"));
    let last = scribe.entries.len();
    let act = hub.act();
    // A piece of it before what comes before it.
    let gap = hub.ledger.take_in(&scribe.batch(last, last), &act).unwrap();
    assert_eq!((gap.welcome.acked_through, gap.forked_after), (0, None));
    // Changed on the way: what is before it is kept.
    let mut changed = scribe.whole();
    changed.entries[begun].body = changed.entries[begun].body.replace("ONE", "TWO");
    let heard = hub.ledger.take_in(&changed, &act).unwrap();
    let known = i64::try_from(begun).unwrap();
    assert_eq!(
        (heard.welcome.acked_through, heard.forked_after),
        (known, None)
    );

    let heard = hub.ledger.take_in(&scribe.whole(), &act).unwrap();
    let parked = heard.outcomes.first().unwrap();
    assert_eq!(heard.outcomes.len(), 1);
    assert_eq!((parked.seq, parked.conflict), (known + 2, None));
    assert_eq!(hub.count("SELECT sum(uses_made) FROM code"), 2);
    assert_eq!(
        hub.count("SELECT count(*) FROM entry WHERE kind = 'parked'"),
        1
    );
    let mut position = counterfoil::ledger::LogPosition::default();
    let filter = counterfoil::domain::log::LogFilter::default();
    let lines = hub
        .ledger
        .log_page(&mut position, &filter)
        .unwrap()
        .unwrap();
    assert!(
        lines
            .iter()
            .any(|line| line.kind == "parked" && line.store == "Store A")
    );
    hub.assert_well();

    // Another life of the same file: nothing of it is acknowledged.
    let mut other = scribe.clone();
    other.entries.truncate(begun + 1);
    let mut other = other.again();
    other.write(used(), About::code("TWO"));
    let heard = hub.ledger.take_in(&other.whole(), &act).unwrap();
    assert_eq!(heard.forked_after, Some(known + 1));
    assert_eq!(heard.welcome.standing, Standing::Quarantined);
    assert_eq!(heard.welcome.acked_through, i64::try_from(last).unwrap());
    hub.assert_well();
}

#[test]
fn an_act_that_was_asked_and_then_done_alone_under_its_key_is_one_act() {
    let (mut hub, [mut scribe]) = apart(&["ONE"]);
    let asked = hub.redeem(&format!("{}/till 1", scribe.node), "ONE", "scan-1");
    assert_eq!(asked.verdict.band(), Band::Go);
    let about = About {
        key: Some("scan-1"),
        ..About::code("ONE")
    };
    let name = scribe.write(used(), about);
    hears(&mut hub, &scribe);
    hears(&mut hub, &scribe);
    assert_eq!(kinds(&mut hub), []);
    assert_eq!(
        hub.count("SELECT uses_made FROM code WHERE folded = 'ONE'"),
        1
    );
    assert_eq!(
        hub.count("SELECT sum(amount) FROM tally_hour WHERE kind = 'redeemed'"),
        1
    );
    hub.assert_well();
    // The store undoes what it calls its own.
    scribe.write(undone(&name), About::code("ONE"));
    hears(&mut hub, &scribe);
    assert_eq!(
        hub.count("SELECT uses_made FROM code WHERE folded = 'ONE'"),
        0
    );
    hub.assert_well();
}

#[test]
fn a_key_of_two_acts_is_told_and_both_are_kept() {
    let (mut hub, [mut scribe]) = apart(&["ONE", "TWO"]);
    for code in ["ONE", "TWO"] {
        let about = About {
            key: Some("scan-1"),
            ..About::code(code)
        };
        scribe.write(used(), about);
    }
    hears(&mut hub, &scribe);
    assert_eq!(kinds(&mut hub), [ConflictKind::SameKeyOtherContent]);
    let conflict = hub.ledger.conflicts(true).unwrap().remove(0);
    assert_eq!(conflict.stories.len(), 2);
    assert_eq!(hub.count("SELECT sum(uses_made) FROM code"), 2);
    hub.assert_well();
}

#[test]
fn what_was_asked_and_given_up_is_undone_and_its_key_refused_for_ever() {
    for is_asked_first in [true, false] {
        let (mut hub, [mut scribe]) = apart(&["ONE"]);
        let counter = format!("{}/till 1", scribe.node);
        if is_asked_first {
            let asked = hub.redeem(&counter, "ONE", "scan-1");
            assert_eq!(asked.verdict.band(), Band::Go);
        }
        let about = About {
            key: Some("scan-1"),
            ..About::code("ONE")
        };
        scribe.write(Fact::Withdrawn, about);
        hears(&mut hub, &scribe);
        hears(&mut hub, &scribe);
        assert_eq!(
            hub.count("SELECT uses_made FROM code WHERE folded = 'ONE'"),
            0
        );
        let late = hub.redeem(&counter, "ONE", "scan-1");
        assert_eq!(late.verdict, Verdict::Reversed);
        assert_eq!(
            hub.count("SELECT uses_made FROM code WHERE folded = 'ONE'"),
            0
        );
        assert_eq!(kinds(&mut hub), []);
        hub.assert_well();
    }
}

#[test]
fn an_undoing_takes_the_excess_away_wherever_it_is_made() {
    for is_at_hub in [true, false] {
        let (mut hub, [mut one, mut other]) = apart(&["ONE"]);
        one.write(used(), About::code("ONE"));
        let name = other.write(used(), About::code("ONE"));
        hears(&mut hub, &one);
        hears(&mut hub, &other);
        assert_eq!(kinds(&mut hub), [ConflictKind::DoubleRedeemed]);
        if is_at_hub {
            hub.reverse("back room", "ONE");
        } else {
            other.write(undone(&name), About::code("ONE"));
            hears(&mut hub, &other);
        }
        assert_eq!(kinds(&mut hub), []);
        let all = hub.ledger.conflicts(false).unwrap();
        let settled = all[0].settled.as_ref().unwrap();
        assert_eq!((settled.decision, &settled.by), (None, &None));
        assert_eq!(
            hub.count("SELECT state * 10 + uses_made FROM code WHERE folded = 'ONE'"),
            21
        );
        hub.assert_well();
    }
}

#[test]
fn a_holder_that_is_none_is_told_and_its_use_counts() {
    let (mut hub, [mut scribe]) = apart(&["ONE"]);
    scribe.write(used_as("confirmed"), About::code("ONE"));
    scribe.write(used(), About::code("NOBODYKNOWS"));
    hears(&mut hub, &scribe);
    assert_eq!(
        kinds(&mut hub),
        [ConflictKind::LeaseBreach, ConflictKind::NotFound]
    );
    let unknown = hub.ledger.conflicts(true).unwrap().remove(1);
    assert_eq!(unknown.stories[0].code.as_deref(), Some("NOBODYKNOWS"));
    assert_eq!(
        hub.count("SELECT uses_made FROM code WHERE folded = 'ONE'"),
        1
    );
    hub.assert_well();
}

#[test]
fn an_unknown_code_whose_use_is_undone_is_no_conflict_any_more() {
    for is_at_once in [true, false] {
        let (mut hub, [mut scribe]) = apart(&[]);
        let name = scribe.write(used(), About::code("NOBODYKNOWS"));
        if !is_at_once {
            hears(&mut hub, &scribe);
            assert_eq!(kinds(&mut hub), [ConflictKind::NotFound]);
        }
        scribe.write(undone(&name), About::code("NOBODYKNOWS"));
        hears(&mut hub, &scribe);
        assert_eq!(kinds(&mut hub), []);
        let all = hub.ledger.conflicts(false).unwrap();
        assert_eq!(all.len(), 1);
        let settled = all[0].settled.as_ref().unwrap();
        assert_eq!((settled.decision, &settled.by), (None, &None));
        hub.assert_well();
    }
}

#[test]
fn a_use_outside_the_campaigns_window_is_told_and_counts() {
    let mut hub = empty_hub();
    let at = |hours: i64| hub.now_ms + hours * 3_600_000;
    let (starts, ends) = (at(1), at(2));
    let rules = Rules {
        starts_at: Some(Timestamp::from_millisecond(starts).unwrap()),
        ends_at: Some(Timestamp::from_millisecond(ends).unwrap()),
        ..Rules::new("Free coffee")
    };
    hub.campaign(SPRING, &rules);
    let codes = ["EARLY", "FIRST", "LAST", "LATE", "HONOURED"];
    hub.import(SPRING, &codes);
    let mut scribe = Scribe::of(&mut store(&mut hub, "Store A"));
    let uses = [starts - 1, starts, ends - 1, ends];
    let mut names = Vec::new();
    for (code, at_ms) in codes.into_iter().zip(uses) {
        let about = About {
            at_ms: Some(at_ms),
            ..About::code(code)
        };
        names.push(scribe.write(used(), about));
    }
    // A manager has set the end aside.
    let honoured = Fact::Redeemed {
        uses_made: 1,
        certainty: "provisional".into(),
        overrode: vec!["expired".into()],
        approved_by: Some("ben".into()),
    };
    let about = About {
        at_ms: Some(ends),
        ..About::code("HONOURED")
    };
    scribe.write(honoured, about);
    hears(&mut hub, &scribe);
    let told = |hub: &mut Node| {
        let open = hub.ledger.conflicts(true).unwrap();
        open.into_iter()
            .map(|conflict| (conflict.kind, conflict.stories[0].code.clone().unwrap()))
            .collect::<Vec<_>>()
    };
    let outside = |code: &str| (ConflictKind::RedeemedOutsideWindow, code.to_owned());
    assert_eq!(told(&mut hub), [outside("EARLY"), outside("LATE")]);
    assert_eq!(hub.count("SELECT sum(uses_made) FROM code"), 5);
    // Undone, it is none any more.
    scribe.write(undone(&names[0]), About::code("EARLY"));
    hears(&mut hub, &scribe);
    assert_eq!(told(&mut hub), [outside("LATE")]);
    hub.assert_well();
}

/// Two stores that were apart have each given a code to somebody with one contact.
fn two_codes_of_one_person() -> (Node, [String; 2]) {
    let (mut hub, [mut one, mut other]) = apart(&[]);
    let codes = [in_pool(&hub, 0), in_pool(&hub, 1)];
    for (scribe, (name, code)) in [&mut one, &mut other]
        .into_iter()
        .zip(["UONE", "UTWO"].into_iter().zip(&codes))
    {
        scribe.customers.push(WireCustomer {
            customer: name.into(),
            hashes: vec![(SPRING.parse().unwrap(), "ab".repeat(32))],
            contacts: vec![("email".into(), "ana@example.org".into())],
            ..WireCustomer::default()
        });
        let about = About {
            customer: Some(name),
            ..About::code(code)
        };
        scribe.write(given(), about);
    }
    hears(&mut hub, &one);
    hears(&mut hub, &other);
    (hub, codes)
}

fn second_codes(hub: &mut Node) -> usize {
    let kinds = kinds(hub);
    kinds
        .iter()
        .filter(|kind| **kind == ConflictKind::SecondCode)
        .count()
}

#[test]
fn a_second_code_is_told_and_the_manager_voids_it() {
    let (mut hub, codes) = two_codes_of_one_person();
    assert_eq!(second_codes(&mut hub), 1);
    let all = hub.ledger.conflicts(true).unwrap();
    let second = all
        .iter()
        .find(|conflict| conflict.kind == ConflictKind::SecondCode)
        .unwrap();
    assert_eq!(
        second.code.as_deref().map(str::to_owned),
        Some(codes[1].clone())
    );
    assert_eq!(second.stories.len(), 2);
    let act = hub.act();
    hub.ledger
        .settle_conflict(second.number, Decision::VoidOther, "one each", &act)
        .unwrap()
        .unwrap();
    let state = |hub: &Node, code: &str| {
        hub.count(&format!("SELECT state FROM code WHERE folded = '{code}'"))
    };
    assert_eq!((state(&hub, &codes[0]), state(&hub, &codes[1])), (1, 3));
    assert_eq!(second_codes(&mut hub), 0);
    let refused = hub
        .ledger
        .settle_conflict(second.number, Decision::Stand, "again", &act)
        .unwrap();
    assert_eq!(refused.unwrap_err().code(), "conflict_settled");
    hub.assert_well();
}

#[test]
fn a_second_code_that_ends_otherwise_is_no_conflict_any_more_and_joining_two_people_raises_one() {
    let (mut hub, codes) = two_codes_of_one_person();
    let act = hub.act();
    hub.ledger
        .void_code(codes[0].as_bytes(), "lost", &act)
        .unwrap()
        .unwrap();
    assert_eq!(second_codes(&mut hub), 0);
    hub.assert_well();

    let mut hub = hub_with_two_customers();
    assert_eq!(kinds(&mut hub), []);
    let ids: Vec<String> = ["ana@example.org", "ben@example.org"]
        .iter()
        .map(|text| {
            hub.ledger
                .find_customers(text)
                .unwrap()
                .remove(0)
                .customer_id
        })
        .collect();
    hub.ledger
        .join_customers(&ids[0], &ids[1], "one person", &act)
        .unwrap()
        .unwrap();
    assert_eq!(kinds(&mut hub), [ConflictKind::SecondCode]);
    hub.assert_well();
}

fn hub_with_two_customers() -> Node {
    let mut hub = hub(8);
    store(&mut hub, "Riverside");
    hub.assigned(SPRING, "ana@example.org");
    hub.assigned(SPRING, "ben@example.org");
    hub
}

#[test]
fn what_a_store_gives_back_is_the_hubs_once_its_entry_is_there() {
    let mut hub = hub(100);
    let mut riverside = store(&mut hub, "Riverside");
    meet(&mut hub, &mut riverside);
    let code = riverside.assigned(SPRING, "ana@example.org");
    let lent = "SELECT count(*) FROM code WHERE holder <> 1";
    let before = hub.count(lent);
    assert!(before > 0);
    let act = riverside.act();
    let returned = riverside.ledger.return_leases(None, &act).unwrap().unwrap();
    assert!(returned > 0);
    assert_eq!(hub.count(lent), before);
    let mut up = riverside.batch();
    // A store that asked for more would be lent some again.
    up.demands.clear();
    let act = hub.act();
    for _ in 0..2 {
        hub.ledger.take_in(&up, &act).unwrap();
    }
    assert_eq!(hub.count("SELECT sum(leased) FROM tally"), 0);
    // The code that it assigned is its own still.
    assert_eq!(hub.count(lent), 1);
    assert_eq!(
        hub.count(&format!(
            "SELECT count(*) FROM code WHERE folded = '{code}' AND holder <> 1"
        )),
        1
    );
    assert_eq!(kinds(&mut hub), []);
    hub.assert_well();
}

#[test]
fn a_changed_entry_of_a_store_is_found() {
    let (mut hub, [mut scribe]) = apart(&["ONE", "TWO"]);
    scribe.write(used(), About::code("ONE"));
    scribe.write(used(), About::code("TWO"));
    hears(&mut hub, &scribe);
    hub.assert_well();
    let changed = hub.tamper(
        "UPDATE entry SET body = replace(body, 'till 1', 'till 9') WHERE node <> 1 \
         AND kind = 'redeemed' AND code = (SELECT id FROM code WHERE folded = 'ONE')",
    );
    assert_eq!(changed, 1);
    let health = hub.ledger.verify(&mut |_| ()).unwrap();
    assert_eq!(health.faults.len(), 1, "{:?}", health.faults);
    assert!(
        health.faults[0].contains("does not follow"),
        "{:?}",
        health.faults
    );
}

#[test]
fn who_is_erased_at_a_store_is_erased_at_the_hub() {
    let mut hub = hub(100);
    let mut riverside = store(&mut hub, "Riverside");
    meet(&mut hub, &mut riverside);
    riverside.assigned(SPRING, "vera@example.org");
    send(&mut hub, &mut riverside);
    let known = "SELECT count(*) FROM contact WHERE normal_form = 'vera@example.org'";
    assert_eq!(hub.count(known), 1);
    let act = riverside.act();
    let id = riverside
        .ledger
        .find_customers("vera@example.org")
        .unwrap()
        .remove(0)
        .customer_id;
    riverside.ledger.erase_customer(&id, &act).unwrap().unwrap();
    send(&mut hub, &mut riverside);
    assert_eq!(hub.count(known), 0);
    assert_eq!(hub.count("SELECT count(*) FROM outcome"), 0);
    // Recognised still.
    assert_eq!(hub.count("SELECT count(*) FROM contact_hash"), 1);
    hub.assert_well();
}

/// The program on a ledger, as a person at a shell runs it.
fn run(node: &Node, arguments: &[&str]) -> (String, String, Option<i32>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_counterfoil"));
    command.env_remove("COUNTERFOIL_DATABASE");
    if let Some(database) = node.database() {
        command.env("COUNTERFOIL_DATABASE", database.url());
    }
    let done = command
        .arg("--data")
        .arg(node.folder())
        .args(arguments)
        .output()
        .unwrap();
    (
        String::from_utf8(done.stdout).unwrap(),
        String::from_utf8(done.stderr).unwrap(),
        done.status.code(),
    )
}

#[test]
fn a_manager_lists_shows_and_settles_at_a_shell() {
    let (mut hub, [mut one, mut other]) = apart(&["ONE"]);
    one.write(used(), About::code("ONE"));
    other.write(used(), About::code("ONE"));
    hears(&mut hub, &one);
    hears(&mut hub, &other);
    let (words, _, exit) = run(&hub, &["conflicts", "list"]);
    assert_eq!(exit, Some(0));
    for said in [
        "used once too often",
        "Store A, till 1, ana",
        "Store B",
        "provisional",
    ] {
        assert!(words.contains(said), "{words}");
    }
    let (json, _, exit) = run(&hub, &["--json", "conflicts", "show", "1"]);
    assert_eq!(exit, Some(0));
    let shown: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(shown["conflict"], "double_redeemed");
    assert_eq!(shown["is_open"], true);
    assert_eq!(shown["stories"].as_array().unwrap().len(), 2);
    let settle = |decision: &str| {
        run(
            &hub,
            &[
                "--json",
                "conflicts",
                "settle",
                "1",
                "--decision",
                decision,
                "--reason",
                "goodwill",
            ],
        )
    };
    let (_, errors, exit) = settle("void-other");
    assert_eq!(exit, Some(2), "{errors}");
    let (json, errors, exit) = settle("write-off");
    assert_eq!(exit, Some(0), "{errors}");
    let settled: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(settled["decision"], "write-off");
    assert_eq!(settled["reason"], "goodwill");
    let (_, errors, exit) = settle("stand");
    assert_eq!(exit, Some(1), "{errors}");
    let (words, _, _) = run(&hub, &["conflicts", "list"]);
    assert!(words.contains("no conflict"), "{words}");
    let (words, _, _) = run(&hub, &["conflicts", "list", "--all"]);
    assert!(words.contains("write-off by os:"), "{words}");
}

and_with_hubs_in_databases! {
    what_does_not_follow_is_not_acknowledged_and_what_cannot_be_read_is_parked,
    an_act_that_was_asked_and_then_done_alone_under_its_key_is_one_act,
    a_key_of_two_acts_is_told_and_both_are_kept,
    what_was_asked_and_given_up_is_undone_and_its_key_refused_for_ever,
    an_undoing_takes_the_excess_away_wherever_it_is_made,
    a_holder_that_is_none_is_told_and_its_use_counts,
    a_second_code_is_told_and_the_manager_voids_it,
    a_second_code_that_ends_otherwise_is_no_conflict_any_more_and_joining_two_people_raises_one,
    what_a_store_gives_back_is_the_hubs_once_its_entry_is_there,
    a_changed_entry_of_a_store_is_found,
    who_is_erased_at_a_store_is_erased_at_the_hub,
    a_manager_lists_shows_and_settles_at_a_shell,
}
