//! Who is not let in, and what is not taken: said clearly, and nothing is changed. What a store that
//! may no more has done is taken all the same.
#![expect(
    clippy::unwrap_used,
    reason = "a test's own surroundings: what fails here fails the test"
)]

use counterfoil::domain::wire::{UP_BYTES_MAX, Up};
use rusqlite::OpenFlags;

use crate::proxy::{Cut, Trouble};
use crate::serving::{Got, ask, got, head_of};
use crate::shop::{number, text};
use crate::stage::Stage;
use crate::stores::Store;

const UP: &str = "/v1/sync/up";

/// Sends this to the hub itself.
fn up(stage: &Stage, secret: &str, body: &str) -> Got {
    let address = &stage.hub.as_ref().unwrap().address;
    ask(address, "POST", UP, Some(secret), body).unwrap()
}

fn sent(up: &Up) -> String {
    serde_json::to_string(up).unwrap()
}

#[test]
fn what_a_store_did_is_taken_when_it_may_no_more() {
    let mut stage = Stage::new();
    let store = stage.store("Riverside");
    let (spent, kept) = (store.assign("ana"), store.assign("ben"));
    assert_eq!(store.redeem(&spent), "accepted");
    stage
        .shop
        .run(&["hub", "store", "revoke", "Riverside"])
        .well();
    let ran = store.sync();
    assert_eq!(text(ran.well().json(), "standing"), "revoked");
    assert_eq!(number(ran.json(), "unsent"), 0);
    store.assert_sent(&stage.shop);
    assert_eq!(stage.uses(&spent), 1);
    // It spends nothing any more, and what it tried goes up too.
    let refused = store.run(&["redeem", &kept]);
    assert_ne!(refused.exit, 0, "{:?}", refused.lines);
    store.sync().well();
    store.assert_sent(&stage.shop);
    assert_eq!(stage.uses(&kept), 0);
    stage
        .shop
        .run(&["hub", "store", "reinstate", "Riverside"])
        .well();
    store.sync().well();
    assert_eq!(store.redeem(&kept), "accepted");
    store.sync().well();
    assert_eq!(stage.uses(&kept), 1);
    assert_eq!(stage.conflicts(), 0);
    stage.assert_well();
}

#[test]
fn a_store_with_a_wrong_secret_is_refused_and_keeps_what_it_has() {
    let mut stage = Stage::new();
    let store = stage.store("Riverside");
    let code = store.assign("ana");
    let (secret, unsent, reached) = (store.secret(), store.unsent(), store.reached());
    let tell = |secret: &str| {
        let file = store.open(OpenFlags::SQLITE_OPEN_READ_WRITE);
        file.execute("UPDATE hub_link SET secret = $1", [secret])
            .unwrap();
    };
    tell("cfs_0000000000000000000000000000000000000000000000000000000000000000");
    let ran = store.sync();
    assert_eq!(ran.exit, 1, "{}", ran.errors);
    assert!(ran.errors.contains("refused"), "{}", ran.errors);
    assert_eq!(number(ran.json(), "unsent"), unsent);
    assert_eq!(store.reached(), reached);
    tell(&secret);
    assert_eq!(store.redeem(&code), "accepted");
    store.sync().well();
    store.assert_sent(&stage.shop);
    stage.assert_well();
}

#[test]
fn a_store_that_gets_another_secret_keeps_what_it_has_not_sent() {
    let mut stage = Stage::new();
    let store = stage.store("Riverside");
    let code = store.assign("ana");
    let (old, before) = (store.secret(), store.unsent());
    let invited = stage.shop.run(&["hub", "store", "rotate", "Riverside"]);
    let token = text(invited.well().json(), "token").to_owned();
    // Until it comes with the token, its old secret goes on.
    store.sync().well();
    assert_eq!(store.redeem(&code), "accepted");
    assert!(store.unsent() > 0 && before > 0);
    let held = store.count("SELECT count(*) FROM code WHERE holder = 1");
    // Another ledger has no use for it.
    let other = Store::new("Riverside");
    let ran = other.join(&token, &stage.proxy.address);
    assert_ne!(ran.exit, 0, "{:?}", ran.lines);
    assert_eq!(store.secret(), old);
    // The answer is lost: it says so, and the same command again is the same act.
    stage
        .proxy
        .troubles("/v1/sync/join", Trouble::AnswerCut(Cut::Last));
    let ran = store.join(&token, &stage.proxy.address);
    assert_eq!(ran.exit, 3, "{}", ran.errors);
    stage.proxy.heals();
    store.join(&token, &stage.proxy.address).well();
    assert_ne!(store.secret(), old);
    assert_eq!(
        store.count("SELECT count(*) FROM code WHERE holder = 1"),
        held
    );
    store.sync().well();
    store.assert_sent(&stage.shop);
    assert_eq!(stage.uses(&code), 1);
    // The old one lets nobody in any more, and the token works once.
    assert_eq!(up(&stage, &old, "{}").status, 401);
    let copy = Store::new("Riverside");
    assert_ne!(copy.join(&token, &stage.proxy.address).exit, 0);
    let ran = stage.shop.run(&["hub", "store", "rotate", "Nowhere"]);
    assert_ne!(ran.exit, 0);
    stage.assert_well();
}

#[test]
fn what_is_not_well_said_is_refused_in_words_and_changes_nothing() {
    let mut stage = Stage::new();
    let (riverside, station) = (stage.store("Riverside"), stage.store("Station Road"));
    drop(riverside.assign("ana"));
    let (secret, well) = (riverside.secret(), riverside.up());
    let rows = || {
        let sql = "SELECT (SELECT count(*) FROM entry) + (SELECT count(*) FROM attempt) \
                   + (SELECT sum(acked_seq) FROM store)";
        stage.shop.count(sql)
    };
    let before = rows();
    let mut wire = well.clone();
    wire.hello.wire = 77;
    let mut another = well.clone();
    another.hello.node = station.hello().node;
    let mut nobody = well.clone();
    nobody.hello.node = "NOBODYEVER".into();
    let text_of = sent(&well);
    let half = text_of.get(..text_of.len() / 2).unwrap().to_owned();
    let table = [
        (secret.as_str(), sent(&wire), 400, "wire_version"),
        (secret.as_str(), sent(&another), 403, "another_node"),
        (secret.as_str(), sent(&nobody), 403, "another_node"),
        ("cfs_wrong", text_of.clone(), 401, "unauthorized"),
        (&station.secret(), text_of.clone(), 403, "another_node"),
        (secret.as_str(), half, 400, "malformed_body"),
        (secret.as_str(), String::new(), 400, "malformed_body"),
        (secret.as_str(), "[]".into(), 422, "malformed_field"),
        (secret.as_str(), "{}".into(), 422, "malformed_field"),
    ];
    for (secret, body, status, code) in table {
        let told = up(&stage, secret, &body);
        assert_eq!(
            (told.status, told.error().as_str()),
            (status, code),
            "{}",
            told.body
        );
        assert_eq!(rows(), before, "{code}");
    }
    let head = head_of("POST", UP, Some(&secret), 2 * UP_BYTES_MAX + 1);
    let told = got(stage.hub.as_ref().unwrap().send(head.as_bytes())).unwrap();
    assert_eq!((told.status, told.error().as_str()), (413, "too_large"));
    assert_eq!(rows(), before);
    // And what is well said is taken, twice as once.
    for _ in 0..2 {
        assert_eq!(up(&stage, &secret, &text_of).status, 200);
    }
    riverside.sync().well();
    riverside.assert_sent(&stage.shop);
    stage.assert_well();
}

#[test]
fn a_gap_and_a_spoilt_entry_acknowledge_nothing() {
    let mut stage = Stage::new();
    let store = stage.store("Riverside");
    for name in ["ana", "ben", "cleo"] {
        let code = store.assign(name);
        assert_eq!(store.redeem(&code), "accepted");
    }
    let (secret, well) = (store.secret(), store.up());
    let acked = store.reached().acked_seq;
    let mut gap = well.clone();
    gap.entries.remove(0);
    let mut spoilt = well.clone();
    let last = spoilt.entries.last_mut().unwrap();
    last.body = last.body.replace("redeemed", "reversed");
    for wrong in [gap, spoilt] {
        let before = stage
            .shop
            .count("SELECT count(*) FROM entry WHERE node <> 1");
        let told = up(&stage, &secret, &sent(&wrong));
        if told.status == 200 {
            let through = told.json()["welcome"]["acked_through"].as_i64().unwrap();
            assert!(through < well.entries.last().unwrap().seq, "{}", told.body);
            assert!(through >= acked);
        }
        let here = stage
            .shop
            .count("SELECT count(*) FROM entry WHERE node <> 1");
        assert!(here - before < i64::try_from(well.entries.len()).unwrap());
    }
    store.sync().well();
    store.assert_sent(&stage.shop);
    stage.assert_well();
}

#[test]
fn a_hub_whose_ledger_fails_says_so_in_its_log_and_takes_it_later() {
    let mut stage = Stage::new();
    let store = stage.store("Riverside");
    let code = store.assign("ana");
    let unsent = store.unsent();
    let file = rusqlite::Connection::open(stage.shop.folder().join("ledger.db")).unwrap();
    file.execute_batch(
        "CREATE TRIGGER sabotage BEFORE INSERT ON entry WHEN new.node <> 1 \
         BEGIN SELECT raise(ABORT, 'sabotage'); END",
    )
    .unwrap();
    let ran = store.sync();
    assert_eq!(ran.exit, 3, "{}", ran.errors);
    assert_eq!(number(ran.json(), "unsent"), unsent);
    assert_eq!(store.unsent(), unsent);
    file.execute_batch("DROP TRIGGER sabotage").unwrap();
    drop(file);
    store.sync().well();
    store.assert_sent(&stage.shop);
    let lines = stage.ends();
    let failed: Vec<_> = lines
        .iter()
        .filter(|line| line.get("cause").is_some())
        .collect();
    assert_eq!(failed.len(), 1, "{failed:?}");
    let line = failed.first().unwrap();
    assert_eq!(text(line, "route"), UP);
    assert_eq!(text(line, "op"), "take in entries of");
    assert!(text(line, "cause").contains("sabotage"), "{line}");
    assert_eq!(
        (number(line, "status"), text(line, "token")),
        (500, "Riverside")
    );
    let said = format!("{lines:?}");
    for private in [code.as_str(), "ana@", &store.secret()] {
        assert!(!said.contains(private), "{private} in {said}");
    }
    stage.assert_well();
}

#[test]
fn a_stolen_store_is_told_nothing_and_its_file_is_taken_in() {
    let mut stage = Stage::new();
    let store = stage.store("Riverside");
    let (spent, kept) = (store.assign("ana"), store.assign("ben"));
    store.sync().well();
    assert_eq!(store.redeem(&spent), "accepted");
    stage
        .shop
        .run(&["hub", "store", "stolen", "Riverside"])
        .well();
    let (unsent, before) = (store.unsent(), stage.uses(&spent));
    let ran = store.sync();
    assert_eq!(ran.exit, 1, "{}", ran.errors);
    assert!(ran.errors.contains("reported stolen"), "{}", ran.errors);
    let got = up(&stage, &store.secret(), "{}");
    assert_eq!((got.status, got.error().as_str()), (403, "stolen"));
    assert_eq!((store.unsent(), before), (unsent, 0));
    assert_eq!(stage.uses(&spent), 0);

    let adopt = |store: &Store| {
        let file = store.folder().join("ledger.db");
        stage.shop.run(&["hub", "adopt", file.to_str().unwrap()])
    };
    let ran = adopt(&store);
    assert_eq!(text(ran.well().json(), "store"), "Riverside");
    assert_eq!(number(ran.json(), "entries"), unsent);
    assert_eq!(stage.uses(&spent), 1);
    // Again: nothing more. Its file is as it was.
    let ran = adopt(&store);
    assert_eq!(number(ran.well().json(), "entries"), 0);
    assert_eq!(store.unsent(), unsent);
    assert_eq!(stage.uses(&spent), 1);
    // What it had given out is honoured by nobody without a look.
    assert_ne!(stage.shop.redeem(&kept), "accepted");

    // A file of nobody's, and one that is no ledger.
    let other = Store::new("Elsewhere");
    let ran = adopt(&other);
    assert_ne!(ran.exit, 0, "{:?}", ran.lines);
    assert!(ran.errors.contains("hint"), "{}", ran.errors);
    let scribble = store.beside("scribble");
    std::fs::write(&scribble, "no ledger").unwrap();
    let ran = stage
        .shop
        .run(&["hub", "adopt", scribble.to_str().unwrap()]);
    assert_ne!(ran.exit, 0);
    let ran = stage.shop.run(&["hub", "adopt", "/nowhere/ledger.db"]);
    assert_ne!(ran.exit, 0);
    assert!(!stage.shop.folder().join("ledger.adopted").exists());
    drop(stage.ends());
    let (exit, faults) = stage.shop.verify();
    assert_eq!((exit, faults.as_str()), (0, "[]"));
}
