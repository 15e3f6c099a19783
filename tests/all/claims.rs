//! Claims: one code per customer and key, also when many ask at once from separate processes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::sync::Barrier;

use rusqlite::Connection;
use serde_json::Value;

use crate::shop::{run_on, text};

pub(crate) fn counterfoil(folder: &Path, words: &[&str]) -> (i32, Value) {
    let ran = run_on(folder, words);
    (ran.exit, ran.lines.last().cloned().unwrap_or_default())
}

pub(crate) fn shop(codes: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("shop");
    for words in [
        vec!["init", "--store", "Shop", "--timezone", "Europe/Berlin"],
        vec!["campaign", "create", "coffee", "--offer", "Free coffee"],
        vec![
            "codes",
            "generate",
            "--campaign",
            "coffee",
            "--count",
            codes,
        ],
    ] {
        let (exit, told) = counterfoil(&data, &words);
        assert_eq!(exit, 0, "{words:?}: {told}");
    }
    folder
}

pub(crate) fn claim(data: &Path, words: &[&str]) -> (i32, Value) {
    let mut all = vec!["assign", "--campaign", "coffee"];
    all.extend(words);
    counterfoil(data, &all)
}

pub(crate) fn pool(data: &Path) -> Value {
    counterfoil(data, &["pool"]).1
}

#[test]
fn fifty_customers_asked_for_by_sixteen_processes_have_one_code_each() {
    const PROCESSES: usize = 16;
    const CUSTOMERS: usize = 50;
    let folder = shop("50");
    let data = folder.path().join("shop");
    let together = Barrier::new(PROCESSES);
    let told: Vec<(String, Value)> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..PROCESSES)
            .map(|process| {
                let (data, together) = (&data, &together);
                scope.spawn(move || {
                    let mut told = Vec::new();
                    for number in 0..CUSTOMERS {
                        // Every customer is asked for by four of the processes, at about one time.
                        if number % 4 != process % 4 {
                            continue;
                        }
                        if told.is_empty() {
                            together.wait();
                        }
                        let email = format!("guest{number}@example.org");
                        let (exit, answer) = claim(data, &["--email", &email]);
                        assert_eq!(exit, 0, "{answer}");
                        told.push((email, answer));
                    }
                    told
                })
            })
            .collect();
        asking
            .into_iter()
            .flat_map(|process| process.join().expect("ends well"))
            .collect()
    });
    let mut codes: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut assigned = 0;
    for (email, answer) in &told {
        assert!(["assigned", "already_assigned"].contains(&text(answer, "claim")));
        assigned += usize::from(text(answer, "claim") == "assigned");
        codes
            .entry(email.clone())
            .or_default()
            .insert(text(answer, "code").to_owned());
    }
    assert_eq!(assigned, CUSTOMERS);
    assert!(codes.values().all(|codes| codes.len() == 1), "{codes:?}");
    let distinct: BTreeSet<&String> = codes.values().flatten().collect();
    assert_eq!(distinct.len(), CUSTOMERS);
    assert_eq!(pool(&data)["assigned"], 50);
    assert_eq!(pool(&data)["available"], 0);
    // What each was told is what the ledger says.
    for (email, answer) in &told {
        let (_, life) = counterfoil(&data, &["codes", "show", text(answer, "code")]);
        assert_eq!(life["customer_id"], answer["customer_id"], "{email}");
        assert_eq!(text(&life["entries"][0], "kind"), "assigned");
    }
    assert_eq!(counterfoil(&data, &["verify"]).0, 0);
}

#[test]
fn a_pool_of_one_goes_to_one_and_the_losers_same_key_draws_after_a_refill() {
    let folder = shop("1");
    let data = folder.path().join("shop");
    let (_, won) = claim(&data, &["--email", "ana@example.org", "--key", "form-1"]);
    assert_eq!(text(&won, "claim"), "assigned");
    let ask = [
        "--email",
        "ben@example.org",
        "--key",
        "form-2",
        "--trigger",
        "web form",
    ];
    let (exit, lost) = claim(&data, &ask);
    assert_eq!((exit, text(&lost, "claim")), (1, "pool_exhausted"));
    assert!(lost["code"].is_null());
    let (_, noted) = counterfoil(&data, &["log", "--outcome", "pool_exhausted"]);
    assert_eq!(
        (text(&noted, "trigger"), text(&noted, "key")),
        ("web form", "form-2")
    );
    assert_eq!(text(&noted, "reason"), "no code is left in the pool");
    let (_, ben) = counterfoil(&data, &["customer", "find", "ben@example.org"]);
    assert_eq!(noted["customer_id"], ben["customer_id"]);
    counterfoil(
        &data,
        &["codes", "generate", "--campaign", "coffee", "--count", "1"],
    );
    let (_, drawn) = claim(&data, &ask);
    assert_eq!(text(&drawn, "claim"), "assigned");
    assert_ne!(drawn["code"], won["code"]);
}

#[test]
fn who_asked_in_vain_disagrees_with_nobody_and_is_one_person_when_codes_are_back() {
    let folder = shop("1");
    let data = folder.path().join("shop");
    let email = ["--email", "ben@example.org"];
    let phone = ["--phone", "+44 20 7946 0958"];
    claim(&data, &["--email", "ana@example.org"]);
    for words in [&email[..], &phone[..], &email[..]] {
        let (exit, lost) = claim(&data, words);
        assert_eq!((exit, text(&lost, "claim")), (1, "pool_exhausted"));
        let (_, noted) = counterfoil(&data, &["log", "--outcome", "pool_exhausted"]);
        let (_, found) = counterfoil(&data, &["customer", "find", words[1]]);
        assert_eq!(found["customer_id"], noted["customer_id"]);
    }
    // Asking is not a reason to be two customers, nor to know somebody who only looks.
    let looked = [&["--email", "cy@example.org", "--context"][..], &["view"]].concat();
    claim(&data, &looked);
    assert_eq!(
        counterfoil(&data, &["customer", "find", "cy@example.org"]).0,
        1
    );
    let more = ["codes", "generate", "--campaign", "coffee", "--count", "3"];
    assert_eq!(counterfoil(&data, &more).0, 0);
    let (_, given) = claim(&data, &[&email[..], &phone[..]].concat());
    assert_eq!(text(&given, "claim"), "assigned");
    for words in [&email[..], &phone[..]] {
        let (_, again) = claim(&data, words);
        assert_eq!(text(&again, "claim"), "already_assigned");
        assert_eq!(again["code"], given["code"]);
        let (_, found) = counterfoil(&data, &["customer", "find", words[1]]);
        assert_eq!(found["customer_id"], given["customer_id"]);
    }
    // The log says which code was told, by whatever was asked.
    let (_, told) = counterfoil(&data, &["log", "--outcome", "already_assigned"]);
    assert_eq!(told["code"], given["code"]);
    assert_eq!(counterfoil(&data, &["verify"]).0, 0);
}

#[test]
fn a_key_is_safe_for_ever_and_tells_another_customer_nothing() {
    let folder = shop("5");
    let data = folder.path().join("shop");
    let (_, first) = claim(&data, &["--email", "Ana@Example.org", "--key", "k"]);
    let (_, again) = claim(&data, &["--email", " ana@example.ORG ", "--key", "k"]);
    assert_eq!(text(&again, "claim"), "replayed");
    assert_eq!(again["code"], first["code"]);
    let (exit, other) = claim(&data, &["--email", "ben@example.org", "--key", "k"]);
    assert_eq!((exit, text(&other, "claim")), (1, "key_conflict"));
    for told in ["code", "state", "customer_id", "assignment_id"] {
        assert!(other[told].is_null(), "{told}");
    }
    // A used code is named by its state, and not handed out again.
    counterfoil(&data, &["redeem", text(&first, "code")]);
    let (_, used) = claim(&data, &["--email", "ana@example.org"]);
    assert_eq!(
        (text(&used, "state"), used["code"].is_null()),
        ("redeemed", true)
    );
    assert_eq!(pool(&data)["available"], 4);
}

#[test]
fn preview_view_and_forward_never_change_the_pool() {
    let folder = shop("2");
    let data = folder.path().join("shop");
    let asked = |context| claim(&data, &["--email", "ana@example.org", "--context", context]);
    let (exit, preview) = asked("preview");
    assert_eq!((exit, text(&preview, "code")), (0, "PREVIEW-coffee"));
    assert_eq!(asked("view").1["claim"], "nothing_assigned");
    let (exit, forward) = asked("forward");
    assert_eq!((exit, forward["code"].is_null()), (1, true));
    assert_eq!(pool(&data)["available"], 2);
    let (_, sent) = asked("send");
    assert_eq!(asked("view").1["code"], sent["code"]);
    assert_eq!(pool(&data)["available"], 1);
    let (exit, redeemed) = counterfoil(&data, &["redeem", "PREVIEW-coffee"]);
    assert_eq!((exit, text(&redeemed, "verdict")), (1, "not_ours"));
}

#[test]
fn a_look_again_names_a_void_code_by_its_state_and_changes_nothing() {
    let folder = shop("2");
    let data = folder.path().join("shop");
    let ana = ["--email", "ana@example.org"];
    let (_, given) = claim(&data, &ana);
    let code = text(&given, "code");
    assert_eq!(
        counterfoil(&data, &["codes", "void", code, "--reason", "lost"]).0,
        0
    );
    let view = [&ana[..], &["--context", "view"]].concat();
    let (exit, told) = claim(&data, &view);
    assert_eq!((exit, text(&told, "claim")), (1, "nothing_assigned"));
    assert_eq!(
        (text(&told, "state"), told["code"].is_null()),
        ("void", true)
    );
    assert_eq!(told["customer_id"], given["customer_id"]);
    let (_, resent) = claim(&data, &[&view[..], &["--resend"]].concat());
    assert_eq!(resent["code"], given["code"]);
    assert_eq!(pool(&data)["available"], 1);
    assert_eq!(text(&claim(&data, &ana).1, "claim"), "assigned");
}

#[test]
fn contacts_of_two_customers_disagree_and_any_of_ones_own_is_enough() {
    let folder = shop("5");
    let data = folder.path().join("shop");
    let phone = "+44 20 7946 0958";
    let (_, both) = claim(&data, &["--email", "ana@example.org", "--phone", phone]);
    let (_, by_phone) = claim(&data, &["--phone", "0044 (20) 7946-0958"]);
    assert_eq!(by_phone["code"], both["code"]);
    claim(&data, &["--email", "ben@example.org"]);
    let (exit, torn) = claim(&data, &["--email", "ben@example.org", "--phone", phone]);
    assert_eq!((exit, text(&torn, "claim")), (1, "contacts_disagree"));
    assert!(torn["code"].is_null());
    assert_eq!(
        claim(&data, &["--email", "nobody"]).1["claim"],
        "invalid_contact"
    );
    assert_eq!(claim(&data, &[]).1["claim"], "not_eligible");
    assert_eq!(pool(&data)["assigned"], 2);
}

#[test]
fn a_lost_slip_is_replaced_in_one_step_and_never_leaves_anybody_without() {
    let folder = shop("2");
    let data = folder.path().join("shop");
    let (_, first) = claim(&data, &["--email", "ana@example.org"]);
    let replace =
        |code: &str| counterfoil(&data, &["replace", code, "--reason", "lost", "--key", code]);
    let unsaid = ["replace", text(&first, "code"), "--reason", " "];
    assert_eq!(counterfoil(&data, &unsaid).0, 2);
    let (exit, second) = replace(text(&first, "code"));
    assert_eq!((exit, text(&second, "claim")), (0, "assigned"));
    assert_eq!(second["customer_id"], first["customer_id"]);
    let (_, again) = replace(text(&first, "code"));
    assert_eq!(text(&again, "claim"), "replayed");
    assert_eq!(again["code"], second["code"]);
    let (_, old) = counterfoil(&data, &["redeem", text(&first, "code")]);
    assert_eq!(text(&old, "verdict"), "void");
    // With an empty pool nothing is ended.
    let (exit, none) = replace(text(&second, "code"));
    assert_eq!((exit, text(&none, "claim")), (1, "pool_exhausted"));
    let (exit, _) = counterfoil(&data, &["redeem", text(&second, "code")]);
    assert_eq!(exit, 0);
    let figures = pool(&data);
    assert_eq!(
        (&figures["void"], &figures["redeemed"]),
        (&1.into(), &1.into())
    );
    assert_eq!(counterfoil(&data, &["verify"]).0, 0);
}

#[test]
fn whoever_lost_theirs_is_found_again_by_contact_or_last_letters() {
    let folder = shop("3");
    let data = folder.path().join("shop");
    let (_, given) = claim(
        &data,
        &["--email", "ana@example.org", "--phone", "+442079460958"],
    );
    let code = text(&given, "code");
    let (last, id) = (&code[code.len() - 4..], text(&given, "customer_id"));
    for named in ["ANA@example.org", "+44 20 7946 0958", code, last, id] {
        let (exit, found) = counterfoil(&data, &["customer", "find", named]);
        assert_eq!(exit, 0, "{named}");
        assert_eq!(found["customer_id"], given["customer_id"], "{named}");
        assert_eq!(text(&found["codes"][0], "code"), code);
        let shown = found.to_string();
        assert!(
            !shown.contains("ana@") && !shown.contains("207946"),
            "{shown}"
        );
    }
    assert_eq!(counterfoil(&data, &["customer", "show", id]).0, 0);
    for unknown in ["ben@example.org", "ZZ", "nobody at all"] {
        assert_eq!(
            counterfoil(&data, &["customer", "find", unknown]).0,
            1,
            "{unknown}"
        );
    }
}

#[test]
fn a_code_under_another_grant_is_never_given_out() {
    let folder = shop("1");
    let data = folder.path().join("shop");
    let file = Connection::open(data.join("ledger.db")).expect("the file opens");
    file.execute("UPDATE code SET grant_number = grant_number + 1", [])
        .expect("taken back");
    drop(file);
    let (exit, told) = claim(&data, &["--email", "ana@example.org"]);
    assert_eq!((exit, told), (5, Value::Null));
    let figures = pool(&data);
    assert_eq!(
        (&figures["available"], &figures["assigned"]),
        (&1.into(), &0.into())
    );
    assert_eq!(
        counterfoil(&data, &["customer", "find", "ana@example.org"]).0,
        1
    );
}

/// The canary: the claim that everybody writes by hand, look up a free code, then mark it. Two who
/// look before either writes get the same one, and the pool still looks clean.
#[test]
fn the_canary_gives_one_code_to_two_people_without_the_guard() {
    let folder = shop("2");
    let file = folder.path().join("shop").join("ledger.db");
    let looked = Barrier::new(2);
    let given: Vec<i64> = std::thread::scope(|scope| {
        let asking: Vec<_> = ["ana", "ben"]
            .into_iter()
            .map(|name| {
                let (file, looked) = (&file, &looked);
                scope.spawn(move || {
                    let ledger = Connection::open(file).expect("the file opens");
                    let code: i64 = ledger
                        .query_row("SELECT min(id) FROM code WHERE state = 0", [], |row| {
                            row.get(0)
                        })
                        .expect("a free code");
                    looked.wait();
                    ledger
                        .busy_timeout(std::time::Duration::from_secs(10))
                        .expect("waits");
                    ledger
                        .execute(
                            "UPDATE code SET state = 1, shown = ?1 WHERE id = ?2",
                            (name, code),
                        )
                        .expect("written");
                    code
                })
            })
            .collect();
        asking
            .into_iter()
            .map(|one| one.join().expect("ends well"))
            .collect()
    });
    assert_eq!(given[0], given[1], "both were given the same code");
    let ledger = Connection::open(&file).expect("the file opens");
    let assigned: i64 = ledger
        .query_row("SELECT count(*) FROM code WHERE state = 1", [], |row| {
            row.get(0)
        })
        .expect("a count");
    assert_eq!(assigned, 1, "and the pool looks clean");
}

#[test]
fn what_a_tool_notes_beside_a_claim_is_found_again_in_the_log() {
    let folder = shop("1");
    let data = folder.path().join("shop");
    let asked = |email: &str, order: &str| {
        let note = format!("order={order}");
        let words = [
            "--trigger",
            "web form",
            "--note",
            &note,
            "--note",
            "shop=a=b",
        ];
        claim(&data, &[&["--email", email], &words[..]].concat()).0
    };
    // An entry, and an attempt that changed nothing.
    assert_eq!(asked("ana@example.org", "77"), 0);
    assert_eq!(asked("ben@example.org", "78"), 1);
    let log = |words: &[&str]| run_on(&data, &[&["log"], words].concat()).lines;
    for (order, answer) in [("77", "assigned"), ("78", "pool_exhausted")] {
        let found = log(&["--note", &format!("order={order}"), "--note", "shop=a=b"]);
        assert_eq!(found.len(), 1, "{found:?}");
        let line = &found[0];
        assert_eq!(text(line, "answer"), answer);
        assert_eq!(text(line, "trigger"), "web form");
        let notes = serde_json::json!({"order": order, "shop": "a=b"});
        assert_eq!(line["notes"], notes);
    }
    assert_eq!(log(&["--note", "order=79"]).len(), 0);
    let words = in_words(&data, &["log"]);
    assert_eq!(words.matches("set off by web form").count(), 2, "{words}");
    assert!(words.contains("order=77 shop=a=b"), "{words}");
    // They stand in the erasable text, not in what is chained.
    let file = Connection::open(data.join("ledger.db")).expect("the file opens");
    let bodies: i64 = file
        .query_row(
            "SELECT count(*) FROM entry WHERE body LIKE '%order%' OR body LIKE '%web form%'",
            [],
            |row| row.get(0),
        )
        .expect("a count");
    assert_eq!(bodies, 0);
    for bad in ["order", "a=b\nc", "ä=1"] {
        let (exit, _) = claim(&data, &["--email", "cy@example.org", "--note", bad]);
        assert_eq!(exit, 2, "{bad}");
    }
    let (exit, _) = claim(
        &data,
        &["--email", "c@b.org", "--note", "a=1", "--note", "a=2"],
    );
    assert_eq!(exit, 2);
    assert_eq!(counterfoil(&data, &["verify"]).0, 0);
}

/// What the program says without `--json`.
pub(crate) fn in_words(data: &Path, words: &[&str]) -> String {
    let ended = Command::new(env!("CARGO_BIN_EXE_counterfoil"))
        .arg("--data")
        .arg(data)
        .args(words)
        .output()
        .expect("it runs");
    String::from_utf8(ended.stdout).expect("text")
}

#[test]
fn an_empty_pool_says_what_the_campaign_says_instead_and_a_counter_knows_it() {
    let folder = shop("1");
    let data = folder.path().join("shop");
    let set = |text: &str| counterfoil(&data, &["campaign", "set", "coffee", "--fallback", text]);
    let (_, given) = claim(&data, &["--email", "ana@example.org"]);
    assert!(given.get("fallback").is_none());
    // Nothing that is a code, or could be taken for one of ours.
    let code = text(&given, "code").to_lowercase();
    for bad in [
        code.as_str(),
        "BCDF-GHJK-LNPR-SX",
        "TEST-BCDFGHJKLNPRST",
        " - ",
    ] {
        assert_eq!(set(bad).0, 2, "{bad}");
    }
    let seq = |data: &Path| counterfoil(data, &["verify"]).1["entries"].clone();
    let entries = seq(&data);
    assert_eq!(set("Grüße: 10 % mit HALLO-10").0, 0);
    assert_eq!(set("Welcome 10").0, 0);
    let ask = ["--email", "ben@example.org"];
    let (exit, told) = claim(&data, &ask);
    assert_eq!((exit, text(&told, "claim")), (1, "pool_exhausted"));
    assert_eq!(text(&told, "fallback"), "Welcome 10");
    assert!(text(&told, "message").contains("Welcome 10"), "{told}");
    assert!(told["code"].is_null() && told["customer_id"].is_null());
    let said = in_words(
        &data,
        &[&["assign", "--campaign", "coffee"], &ask[..]].concat(),
    );
    assert!(said.contains("Welcome 10"), "{said}");
    for typed in ["welcome10", "WEL-COME 10", "]Q1Welcome 10"] {
        let (exit, verdict) = counterfoil(&data, &["redeem", typed]);
        assert_eq!(
            (exit, text(&verdict, "verdict")),
            (1, "not_ours"),
            "{typed}"
        );
        let message = text(&verdict, "message");
        assert!(
            message.contains("coffee") && message.contains("not a code"),
            "{message}"
        );
    }
    assert_eq!(set("Grüße: 10 % mit HALLO-10").0, 0);
    let (_, verdict) = counterfoil(&data, &["redeem", "grüße: 10 % MIT hallo10"]);
    assert_eq!(text(&verdict, "verdict"), "not_ours");
    assert_eq!(
        counterfoil(&data, &["redeem", "welcome10"]).1["verdict"],
        "not_found"
    );
    // Two changes of the rules, and the third; a claim that got nothing is no entry.
    assert_eq!(seq(&data).as_i64(), entries.as_i64().map(|count| count + 3));
    // Neither a list nor a draw can make a code of it.
    set("Welcome 10");
    let list = data.with_file_name("list.csv");
    std::fs::write(&list, "WELCOME10\n").expect("written");
    let list = list.to_str().expect("a path");
    let (exit, told) = counterfoil(&data, &["codes", "import", list, "--campaign", "coffee"]);
    assert_eq!(exit, 1);
    assert!(told.to_string().contains("coffee says"), "{told}");
    let shown = in_words(&data, &["campaign", "show", "coffee"]);
    assert!(shown.contains("say Welcome 10"), "{shown}");
    assert_eq!(set("none").0, 0);
    assert!(claim(&data, &ask).1.get("fallback").is_none());
}

#[test]
fn a_claim_that_gives_nothing_says_why_and_what_next() {
    let folder = shop("3");
    let data = folder.path().join("shop");
    let set = |rule: &str, value: &str| {
        assert_eq!(
            counterfoil(&data, &["campaign", "set", "coffee", rule, value]).0,
            0
        );
    };
    let asked = |words: &[&str]| {
        let (_, told) = claim(&data, words);
        let said = |key| text(&told, key).to_owned();
        (said("claim"), said("message"))
    };
    let ana = ["--email", "ana@example.org"];
    let eligible = |words: &[&str], why: &str| {
        let (word, message) = asked(words);
        assert_eq!(word, "not_eligible");
        assert!(
            message.contains(why) && message.contains("coffee"),
            "{message}"
        );
    };
    eligible(
        &[],
        "an e-mail address or a phone number or a loyalty number",
    );
    set("--stores", "Station");
    eligible(&ana, "for Station, not for Shop");
    set("--stores", "");
    set("--allow-anonymous", "1/day");
    assert_eq!(asked(&[]).0, "assigned");
    eligible(&[], "1 codes a day");
    set("--ends", "2020-01-01");
    let (word, message) = asked(&ana);
    assert_eq!(word, "not_live");
    assert!(message.contains("ended Thu 2 Jan 2020 00:00"), "{message}");
    set("--ends", "none");
    let (word, message) = asked(&["--email", "ana"]);
    assert_eq!(word, "invalid_contact");
    assert!(message.contains("no @"), "{message}");
    let keyed = [&ana[..], &["--key", "k"]].concat();
    assert_eq!(asked(&keyed).0, "assigned");
    let (_, code) = claim(&data, &ana);
    counterfoil(
        &data,
        &["codes", "void", text(&code, "code"), "--reason", "lost"],
    );
    let (word, message) = asked(&keyed);
    assert_eq!(word, "replayed");
    assert!(
        message.contains("is void") && message.contains("another key"),
        "{message}"
    );
}

/// A shop whose customers may have two codes each.
fn two_each(codes: &str) -> tempfile::TempDir {
    let folder = shop(codes);
    let data = folder.path().join("shop");
    let set = ["campaign", "set", "coffee", "--per-customer", "2"];
    assert_eq!(counterfoil(&data, &set).0, 0);
    folder
}

#[test]
fn a_look_again_is_for_the_newest_code_whatever_key_comes_with_it() {
    let folder = two_each("3");
    let data = folder.path().join("shop");
    let ana = ["--email", "ana@example.org"];
    let asked = |more: &[&str]| claim(&data, &[&ana, more].concat()).1;
    let first = asked(&["--key", "k1"]);
    let second = asked(&["--key", "k2"]);
    assert_ne!(first["code"], second["code"]);
    for more in [
        &[][..],
        &["--key", "k1"],
        &["--key", "k2"],
        &["--key", "k3"],
    ] {
        let seen = asked(&[&["--context", "view"], more].concat());
        assert_eq!(text(&seen, "claim"), "already_assigned");
        assert_eq!(seen["code"], second["code"], "{more:?}");
    }
    // Whose key it is says nothing of who looks.
    let (_, nobody) = claim(&data, &["--context", "view", "--key", "k1"]);
    assert_eq!(text(&nobody, "claim"), "nothing_assigned");
    // At the limit the one that can be used is told, though it is the older one.
    counterfoil(&data, &["redeem", text(&second, "code")]);
    let again = asked(&["--key", "k4"]);
    assert_eq!(text(&again, "claim"), "already_assigned");
    assert_eq!(again["code"], first["code"]);
    claim(&data, &["--phone", "+442079460958"]);
    let torn = asked(&["--phone", "+442079460958", "--context", "view"]);
    assert_eq!(text(&torn, "claim"), "contacts_disagree");
}

#[test]
fn a_key_alone_means_only_somebody_who_has_no_other_name() {
    let folder = shop("4");
    let data = folder.path().join("shop");
    claim(&data, &["--email", "ana@example.org", "--key", "k1"]);
    let (exit, told) = claim(&data, &["--key", "k1"]);
    assert_eq!((exit, text(&told, "claim")), (1, "key_conflict"));
    assert!(told["code"].is_null() && told["customer_id"].is_null());
    let set = |rule: &str, value: &str| {
        counterfoil(&data, &["campaign", "set", "coffee", rule, value]);
    };
    set("--allow-anonymous", "2/day");
    let nobody = |more: &[&str]| claim(&data, &[&["--key", "k2"], more].concat()).1;
    let first = nobody(&[]);
    assert_eq!(text(&first, "claim"), "assigned");
    let again = nobody(&[]);
    assert_eq!(
        (text(&again, "claim"), &again["code"]),
        ("replayed", &first["code"])
    );
    assert_eq!(
        nobody(&["--email", "cy@example.org"])["claim"],
        "key_conflict"
    );
    // A contact that the campaign does not go by names nobody, and is still the same request.
    set("--identify-by", "email");
    let phone = |number: &str| claim(&data, &["--key", "k3", "--phone", number]).1;
    let given = phone("+442079460958");
    assert_eq!(text(&given, "claim"), "assigned");
    let again = phone("+44 20 7946 0958");
    assert_eq!(
        (text(&again, "claim"), &again["code"]),
        ("replayed", &given["code"])
    );
    assert_eq!(phone("+442079460959")["claim"], "key_conflict");
    assert_eq!(pool(&data)["assigned"], 3);
}

#[test]
fn a_lost_slip_is_replaced_one_for_one_also_under_a_lower_limit() {
    let folder = two_each("4");
    let data = folder.path().join("shop");
    let draw = || claim(&data, &["--email", "ana@example.org"]).1;
    let (first, second) = (draw(), draw());
    let set = |limit: &str| {
        counterfoil(
            &data,
            &["campaign", "set", "coffee", "--per-customer", limit],
        );
    };
    set("1");
    let (exit, new) = counterfoil(
        &data,
        &["replace", text(&first, "code"), "--reason", "lost"],
    );
    assert_eq!((exit, text(&new, "claim")), (0, "assigned"));
    assert_eq!(text(&draw(), "claim"), "already_assigned");
    assert_eq!(pool(&data)["assigned"], 2);
    // Raised, the next key draws.
    set("3");
    let third = draw();
    assert_eq!(text(&third, "claim"), "assigned");
    assert!(third["code"] != second["code"] && third["code"] != new["code"]);
    assert_eq!(counterfoil(&data, &["verify"]).0, 0);
}

#[test]
fn what_expired_in_the_pool_is_ended_as_it_is_passed_and_an_own_end_is_kept() {
    let folder = shop("1");
    let data = folder.path().join("shop");
    claim(&data, &["--email", "first@example.org"]);
    let import = |name: &str, rows: &[String]| {
        let list = data.with_file_name(name);
        let text = format!("code,expires_at\n{}\n", rows.join("\n"));
        std::fs::write(&list, text).expect("written");
        let list = list.to_str().expect("a path");
        let (exit, told) = counterfoil(&data, &["codes", "import", list, "--campaign", "coffee"]);
        assert_eq!(exit, 0, "{told}");
    };
    // More of them than are passed in one write, before the one that is good.
    let old: Vec<String> = (0..450)
        .map(|number| format!("OLD-{number:04},2020-01-01"))
        .collect();
    import("old.csv", &old);
    import("good.csv", &["GOOD-1,2099-12-24T18:00".to_owned()]);
    let (exit, given) = claim(&data, &["--email", "ana@example.org"]);
    assert_eq!((exit, text(&given, "code")), (0, "GOOD-1"));
    assert_eq!(text(&given, "expires_at"), "2099-12-24T17:00:00Z");
    let figures = pool(&data);
    assert_eq!(
        (&figures["available"], &figures["void"]),
        (&0.into(), &450.into())
    );
    let (_, life) = counterfoil(&data, &["codes", "show", "OLD-0007"]);
    assert!(
        life["entries"].to_string().contains("expired before"),
        "{life}"
    );
    assert_eq!(counterfoil(&data, &["verify"]).0, 0);
}

/// Who is being imported with a code is neither given a second one, nor told of a code that may
/// never come to be.
#[test]
fn whoever_an_import_has_a_code_for_waits_until_it_is_done() {
    let folder = shop("3");
    let data = folder.path().join("shop");
    let ana = ["--email", "ana@example.org"];
    claim(&data, &ana);
    // As an import leaves it while it runs, its lock held: the customer, her contact, her code.
    let file = Connection::open(data.join("ledger.db")).expect("the file opens");
    let lock = std::fs::File::create(data.join("ledger.batch-99")).expect("a lock");
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive)
        .expect("nobody else has it");
    let batch = |is_published: u8| {
        file.execute_batch(&format!(
            "INSERT INTO batch (id, campaign, how, is_published, first_code, code_count, \
             first_ordinal, ordinal_count) VALUES (99, 1, 'imported', {is_published}, 900, 0, 0, 0) \
             ON CONFLICT (id) DO UPDATE SET is_published = {is_published}"
        ))
        .expect("changed");
    };
    batch(0);
    file.execute_batch(
        "UPDATE customer SET batch = 99; UPDATE contact SET batch = 99; \
         UPDATE contact_hash SET batch = 99;",
    )
    .expect("changed");
    let waits = |more: &[&str]| {
        let (exit, told) = claim(&data, &[&ana[..], more].concat());
        assert_eq!((exit, text(&told, "claim")), (1, "in_progress"));
        assert!(told["code"].is_null() && told["customer_id"].is_null());
        assert!(text(&told, "message").contains("same key"), "{told}");
    };
    waits(&["--key", "k"]);
    // Known before, and only her code is new.
    file.execute_batch(
        "UPDATE customer SET batch = NULL; UPDATE contact SET batch = NULL; \
         UPDATE contact_hash SET batch = NULL; \
         UPDATE code SET batch = 99 WHERE state = 1;",
    )
    .expect("changed");
    waits(&["--key", "k"]);
    let (_, seen) = claim(&data, &[&ana[..], &["--context", "view"]].concat());
    assert_eq!(text(&seen, "claim"), "nothing_assigned");
    assert_eq!(pool(&data)["available"], 2);
    batch(1);
    let (_, done) = claim(&data, &[&ana[..], &["--key", "k"]].concat());
    assert_eq!(text(&done, "claim"), "already_assigned");
}
