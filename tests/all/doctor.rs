//! `doctor` through the real program: it says what is wrong, and changes nothing. How each line is judged
//! stands beside `desk::doctor`.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test's own surroundings: what fails here fails the test"
)]

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::hub_tls::{authority, ca_file, files, issue};
use crate::serving::Hub;
use crate::shop::{Kept, Ran, Shop, Till, run_on, text};
use crate::stores::{Store, invite};

/// What it says of one thing: its marks and words.
fn of<'r>(ran: &'r Ran, check: &str) -> Vec<(&'r str, String)> {
    ran.lines
        .iter()
        .filter(|line| text(line, "check") == check)
        .map(|line| {
            let to_do = line.get("to_do").and_then(Value::as_str);
            let words = format!("{} · {}", text(line, "what"), to_do.unwrap_or_default());
            (text(line, "mark"), words)
        })
        .collect()
}

/// The worst of one thing, with its words.
fn worst<'r>(ran: &'r Ran, check: &str) -> (&'r str, String) {
    let mut said = of(ran, check);
    said.sort_by_key(|(mark, _)| ["bad", "look", "ok"].iter().position(|known| known == mark));
    said.into_iter()
        .next()
        .unwrap_or_else(|| panic!("nothing of {check} in {:?}", ran.lines))
}

#[track_caller]
fn assert_says(ran: &Ran, check: &str, mark: &str, words: &str) {
    let (found, said) = worst(ran, check);
    assert_eq!(found, mark, "{said}");
    assert!(said.contains(words), "{said}");
}

fn doctor(folder: &Path) -> Ran {
    run_on(folder, &["doctor"])
}

/// Every file of a folder but the locks, with what is in it.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            (name, std::fs::read(entry.path()).unwrap())
        })
        // SQLite's shared memory is every reader's.
        .filter(|(name, _)| !name.ends_with("-shm"))
        .collect()
}

#[test]
fn without_a_ledger_it_says_so_and_makes_none() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("none");
    let ran = doctor(&folder);
    assert_eq!(ran.exit, 0, "{:?}", ran.lines);
    assert_says(&ran, "ledger", "look", "counterfoil init");
    for check in [
        "configuration",
        "clock",
        "time_zone",
        "disk",
        "scanner",
        "printer",
        "terminal",
    ] {
        assert!(!of(&ran, check).is_empty(), "{check}");
    }
    assert!(of(&ran, "migrations").is_empty() && of(&ran, "hub").is_empty());
    assert!(!folder.exists());
}

#[test]
fn every_line_is_one_object_and_in_words_one_line() {
    let shop = Shop::with(&[], 1);
    let printed = shop.command().arg("doctor").output().unwrap();
    let printed = String::from_utf8(printed.stdout).unwrap();
    for line in printed.lines() {
        let places = [
            "{\"check\":\"",
            "\",\"mark\":\"",
            "\",\"what\":\"",
            ",\"to_do\":",
        ]
        .map(|key| line.find(key).unwrap_or_else(|| panic!("{line}")));
        assert!(places.is_sorted() && line.ends_with('}'), "{line}");
    }
    let words = std::process::Command::new(env!("CARGO_BIN_EXE_counterfoil"))
        .arg("--data")
        .arg(shop.folder())
        .arg("doctor")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(words.status.code(), Some(0));
    let words = String::from_utf8(words.stdout).unwrap();
    assert_eq!(words.lines().count(), printed.lines().count());
    assert!(words.contains("ok    ledger: Corner: opens, "), "{words}");
    assert!(words.contains("ok    migrations: "), "{words}");
    for line in words.lines() {
        let mark = line.split("  ").next().unwrap().trim_end();
        assert!(["ok", "look", "bad"].contains(&mark), "{line}");
        assert_eq!(line.contains("  · "), mark != "ok", "{line}");
    }
}

#[test]
fn it_changes_nothing_while_a_counter_has_the_ledger_open() {
    let shop = Shop::with(&[], 2);
    let mut till = Till::of(&shop, "till", &[]);
    assert_eq!(till.scan(&crate::shop::code(0)), "accepted");
    let ballast = shop.folder().join("ledger.ballast");
    std::fs::remove_file(&ballast).unwrap();
    let before = contents(shop.folder());
    let ran = doctor(shop.folder());
    assert_eq!(ran.exit, 0, "{:?}", ran.lines);
    assert_says(&ran, "ledger", "ok", "Corner: opens, ");
    assert_says(&ran, "disk", "look", "ballast");
    assert_eq!(contents(shop.folder()), before);
    assert_eq!(till.scan(&crate::shop::code(1)), "accepted");
    assert_eq!(till.close().2, Some(0));
}

#[test]
fn a_configuration_is_bad_key_by_key_and_the_rest_is_looked_at() {
    let shop = Shop::with(&[], 1);
    let file = shop.folder().join("counterfoil.toml");
    std::fs::write(&file, "[console]\nbel = true\n[pritner]\nto = \"x\"\n").unwrap();
    let refused = shop.run(&["pool"]);
    assert_eq!(refused.exit, 2, "{}", refused.errors);
    let ran = doctor(shop.folder());
    assert_eq!(ran.exit, 2, "{:?}", ran.lines);
    let said = of(&ran, "configuration");
    assert_eq!(said.len(), 2, "{said:?}");
    for (words, line) in [("`bel`", "line 2"), ("`pritner`", "line 3")] {
        assert!(
            said.iter().any(|(mark, what)| {
                *mark == "bad" && what.contains(words) && what.contains(line)
            }),
            "{said:?}"
        );
    }
    assert_says(&ran, "ledger", "ok", "opens");

    // A device is said first, then the ledger, then this.
    std::fs::write(&file, "[printer]\nto = \"/dev/usb/lp77\"\nbel = 1\n").unwrap();
    let ran = doctor(shop.folder());
    assert_eq!(ran.exit, 4, "{:?}", ran.lines);
    assert_says(&ran, "printer", "bad", "/dev/usb/lp77");
    assert_says(&ran, "configuration", "bad", "`bel`");

    std::fs::write(&file, "[scanner]\nports = [\"/dev/serial/by-id/none\"]\n").unwrap();
    let ran = doctor(shop.folder());
    assert_eq!(ran.exit, 4, "{:?}", ran.lines);
    assert_says(
        &ran,
        "scanner",
        "bad",
        "/dev/serial/by-id/none is configured",
    );

    std::fs::write(&file, "[printer]\nto = \"command:true\"\n").unwrap();
    let ran = doctor(shop.folder());
    assert_eq!(ran.exit, 0, "{:?}", ran.lines);
    assert_says(&ran, "printer", "ok", "command:true");
}

#[test]
fn a_ledger_that_is_not_as_it_should_be_is_said_to_be_so() {
    let spoil = |what: &dyn Fn(&Shop)| {
        let shop = Shop::with(&[], 3);
        what(&shop);
        let ran = doctor(shop.folder());
        assert_eq!(ran.exit, 5, "{:?}", ran.lines);
        ran
    };
    let change = |shop: &Shop, sql: &str| {
        let ledger = rusqlite::Connection::open(shop.folder().join("ledger.db")).unwrap();
        ledger.execute_batch(sql).unwrap();
    };
    let ran = spoil(&|shop| {
        let path = shop.folder().join("ledger.db");
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
    });
    assert_says(&ran, "ledger", "bad", "chmod o= ledger.db");

    let ran = spoil(&|shop| change(shop, "INSERT INTO migration VALUES (99, '0099_later', 1)"));
    assert_says(&ran, "migrations", "bad", "0099_later");

    let ran = spoil(&|shop| {
        let file = shop.beside("old.db");
        shop.run(&["backup", file.to_str().unwrap()]).well();
        shop.redeem(&crate::shop::code(0));
        for side in ["-wal", "-shm"] {
            drop(std::fs::remove_file(
                shop.folder().join(format!("ledger.db{side}")),
            ));
        }
        // In place: the same file, as an older copy of it was.
        std::fs::write(
            shop.folder().join("ledger.db"),
            std::fs::read(file).unwrap(),
        )
        .unwrap();
    });
    assert_says(
        &ran,
        "ledger",
        "bad",
        "1 entries that were committed are missing",
    );

    let ran = spoil(&|shop| {
        change(shop, "PRAGMA wal_checkpoint(TRUNCATE)");
        let path = shop.folder().join("ledger.db");
        let mut bytes = std::fs::read(&path).unwrap();
        // The second half of the pages is gone.
        let half = bytes.len() / 8192 * 4096;
        bytes[half..].fill(0xaa);
        std::fs::write(&path, bytes).unwrap();
    });
    assert_says(&ran, "ledger", "bad", "");

    let ran = spoil(&|shop| {
        let file = shop.beside("moved.db");
        shop.run(&["backup", "--move", file.to_str().unwrap()])
            .well();
    });
    assert_says(&ran, "ledger", "bad", "goes on elsewhere");
}

#[test]
fn an_older_ledger_is_looked_at_and_left_as_it_is() {
    let shop = Shop::with(&[], 1);
    let ledger = rusqlite::Connection::open(shop.folder().join("ledger.db")).unwrap();
    let newest = "(SELECT max(number) FROM migration)";
    ledger
        .execute(
            &format!("DELETE FROM migration WHERE number = {newest}"),
            [],
        )
        .unwrap();
    let ran = doctor(shop.folder());
    assert_eq!(ran.exit, 0, "{:?}", ran.lines);
    assert_says(
        &ran,
        "migrations",
        "look",
        "an older program wrote this ledger",
    );
    let left = shop.count("SELECT max(number) FROM migration");
    assert_eq!(left, shop.count("SELECT count(*) FROM migration"));
}

#[test]
fn a_ledger_in_a_database_is_looked_at_too() {
    let shop = Shop::kept(Kept::InDatabase, &[], 1);
    let ran = shop.run(&["doctor"]);
    assert_eq!(ran.exit, 0, "{:?}", ran.lines);
    assert_says(&ran, "ledger", "ok", "Corner: opens, ");
    assert_says(&ran, "migrations", "ok", " of ");
    assert!(of(&ran, "disk").is_empty(), "its disk is the server's");
}

#[test]
fn a_store_says_how_it_stands_with_its_hub_and_when_its_certificate_ends() {
    let shop = Shop::with(&[], 1);
    let ours = authority("ours");
    let ca = ca_file(&shop, &ours, "ca.pem");
    let files = files(&shop, &issue(&ours, "127.0.0.1", 2099));
    let hub = Hub::up_with(&shop, &files.arguments());
    let store = Store::new("Riverside");
    let token = store.beside("token");
    std::fs::write(&token, invite(&shop, "Riverside")).unwrap();
    let url = format!("https://{}", hub.address);
    let (token, ca) = (token.to_str().unwrap(), ca.to_str().unwrap());
    store
        .run(&["join", &url, "--token-file", token, "--ca-file", ca])
        .well();
    store.sync().well();

    let calls = "SELECT max(last_contact_ms) FROM store";
    let (before, last_call) = (store.reached(), shop.count(calls));
    let ran = doctor(store.folder());
    assert_eq!(ran.exit, 0, "{:?}", ran.lines);
    assert_says(&ran, "hub", "ok", &format!("{url} answers"));
    assert_says(&ran, "certificate", "ok", "the hub's ends in ");
    assert!(worst(&ran, "certificate").1.contains("2099-12-31"));
    assert_eq!((store.reached(), shop.count(calls)), (before, last_call));

    // The hub itself: its stores, and its own certificate where it is named.
    let chain = files.chain.to_str().unwrap();
    let ran = shop.run(&["doctor", "--tls-cert", chain]);
    assert_says(&ran, "hub", "ok", "1 store");
    assert_says(&ran, "certificate", "ok", "hub.pem ends in ");
    let key = shop.beside("hub.key");
    let ran = shop.run(&["doctor", "--tls-cert", key.to_str().unwrap()]);
    assert_says(&ran, "certificate", "look", "hub.key");

    // A secret that the hub does not know.
    let secret = "UPDATE hub_link SET secret = secret || 'x'";
    rusqlite::Connection::open(store.folder().join("ledger.db"))
        .unwrap()
        .execute(secret, [])
        .unwrap();
    let ran = doctor(store.folder());
    assert_eq!(ran.exit, 2, "{:?}", ran.lines);
    assert_says(&ran, "hub", "bad", "does not let this store in");

    // Out of reach: a store's right.
    drop(hub.end());
    let ran = doctor(store.folder());
    assert_eq!(ran.exit, 0, "{:?}", ran.lines);
    assert_says(&ran, "hub", "look", "is out of reach");
    assert!(of(&ran, "certificate").is_empty());
}

#[test]
fn work_that_is_on_this_machine_only_is_counted() {
    let shop = Shop::with(&[], 1);
    let hub = Hub::up(&shop);
    let store = Store::joined(&shop, &hub.address, "Riverside");
    store.sync().well();
    store.run(&["operator", "add", "Ana", "--no-pin"]).well();
    let ran = doctor(store.folder());
    assert_eq!(ran.exit, 0, "{:?}", ran.lines);
    assert_says(&ran, "hub", "look", "1 entries exist on this machine only");
    drop(hub.end());
}
