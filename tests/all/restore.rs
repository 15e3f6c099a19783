//! A shop alone restores, copies and moves its ledger: nothing is honoured twice unasked.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests: what fails here fails the test"
)]

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::shop::{CAMPAIGN, Ran, Shop, Till, code, number, run_on, text};

/// Given-out codes 0 to 5 were honoured before the backup, 6 to 11 after it, the rest never.
const BEFORE: usize = 6;
const AFTER: usize = 12;
const COUNT: usize = 20;

/// Codes in the pool that nobody has been given.
const POOL: usize = 150;

struct BackedUp {
    shop: Shop,
    backup: PathBuf,
}

fn honour(shop: &Shop, numbers: std::ops::Range<usize>) {
    let mut till = Till::up(shop.folder(), "till", &[]);
    for number in numbers {
        assert_eq!(till.scan(&code(number)), "accepted");
    }
    till.close();
}

fn pool_codes(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("POOL-{n:05}-KEEP")).collect()
}

/// A shop with a backup, and redemptions before and after it.
fn backed_up() -> BackedUp {
    let shop = Shop::with(&[], COUNT);
    shop.import("pool.csv", &pool_codes(POOL), &[]).well();
    honour(&shop, 0..BEFORE);
    let backup = shop.beside("backup.db");
    shop.run(&["backup", backup.to_str().unwrap()]).well();
    honour(&shop, BEFORE..AFTER);
    BackedUp { shop, backup }
}

fn restored(folder: &Path, backup: &Path, more: &[&str]) -> Ran {
    run_on(
        folder,
        &[&["restore", backup.to_str().unwrap()], more].concat(),
    )
}

fn verdict(folder: &Path, code: &str, more: &[&str]) -> String {
    let ran = run_on(folder, &[&["redeem", code], more].concat());
    text(ran.json(), "verdict").to_owned()
}

fn well(folder: &Path) {
    let verified = run_on(folder, &["verify"]);
    verified.well();
}

const APPROVED: [&str; 3] = ["--override", "--reason", "asked the customer"];

/// What a restored shop does with each kind of code, to the end of the restore.
fn assert_restored_shop(folder: &Path) {
    well(folder);
    for number in [0, BEFORE - 1] {
        assert_eq!(verdict(folder, &code(number), &[]), "already_redeemed");
        assert_eq!(
            verdict(folder, &code(number), &APPROVED),
            "already_redeemed"
        );
    }
    // Honoured by the lost life, or never: the ledger cannot know, so a manager is asked.
    for number in BEFORE..COUNT {
        assert_eq!(verdict(folder, &code(number), &[]), "needs_approval");
    }
    assert_eq!(verdict(folder, &code(AFTER), &APPROVED), "accepted");
    assert_eq!(verdict(folder, &code(AFTER), &APPROVED), "already_redeemed");
    // What comes in from now on was never seen by a lost life.
    let fresh = folder.with_file_name("fresh.csv");
    std::fs::write(&fresh, "FRESH-00001-KEEP\nFRESH-00002-KEEP\n").unwrap();
    let fresh = [
        "codes",
        "import",
        fresh.to_str().unwrap(),
        "--campaign",
        CAMPAIGN,
    ];
    run_on(folder, &[&fresh[..], &["--given-out"]].concat()).well();
    assert_eq!(verdict(folder, "FRESH-00001-KEEP", &[]), "accepted");
    assert_eq!(verdict(folder, &code(AFTER + 1), &[]), "needs_approval");
    run_on(folder, &["restore", "--settle"]).well();
    assert_eq!(verdict(folder, &code(AFTER + 1), &[]), "accepted");
    assert_eq!(verdict(folder, &code(AFTER + 1), &[]), "already_redeemed");
    let again = run_on(folder, &["restore", "--settle"]);
    assert_eq!(again.exit, 1, "{}", again.errors);
    well(folder);
    assert_pool_recounts(folder);
}

fn pool(folder: &Path) -> serde_json::Value {
    run_on(folder, &["pool"]).well().json().clone()
}

fn assert_pool_recounts(folder: &Path) {
    let pool = pool(folder);
    let sum: i64 = [
        "available",
        "leased",
        "assigned",
        "redeemed",
        "void",
        "suspect",
        "test",
    ]
    .iter()
    .map(|state| number(&pool, state))
    .sum();
    assert_eq!(sum, number(&pool, "total"), "{pool}");
}

/// Former ledgers kept beside the restored one.
fn kept(folder: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder).unwrap();
    files
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().contains("ledger.replaced-"))
        .collect()
}

#[test]
fn restored_on_its_old_disk_the_marker_says_how_much_is_missing() {
    let BackedUp { shop, backup } = backed_up();
    let folder = shop.folder();
    // The last of the former life is still in its write-ahead log.
    let mut till = Till::up(folder, "till", &[]);
    assert_eq!(till.scan(&code(COUNT - 1)), "accepted");
    till.kill();
    let told = restored(folder, &backup, &[]);
    let told = told.well().json();
    assert_eq!(text(told, "why"), "restored");
    // At most so many codes were given out since, so that many of the pool are suspect.
    assert_eq!(number(told, "missing"), 7);
    assert_eq!(number(told, "suspects"), 7);
    assert_eq!(number(&pool(folder), "suspect"), 7);
    // The former life, put aside, still holds everything.
    let kept = kept(folder);
    let former = Connection::open(kept.first().unwrap()).unwrap();
    let redeemed = former.query_row("SELECT sum(uses_made) FROM code", [], |row| row.get(0));
    assert_eq!(redeemed, Ok(13));
    assert_restored_shop(folder);
}

#[test]
fn restored_where_nothing_is_known_a_hundred_codes_are_suspect() {
    let BackedUp { shop, backup } = backed_up();
    let folder = shop.beside("new-pc");
    let told = restored(&folder, &backup, &[]);
    let told = told.well().json();
    assert_eq!(
        (number(told, "missing"), number(told, "suspects")),
        (100, 100)
    );
    assert_restored_shop(&folder);
    // A person who knows better raises it.
    let more = shop.beside("other-pc");
    let told = restored(&more, &backup, &["--missing", "120"]);
    assert_eq!(number(told.well().json(), "suspects"), 120);
    assert_eq!(kept(&more).len(), 0);
}

#[test]
fn an_old_file_put_back_by_hand_is_noticed_by_the_next_command() {
    let BackedUp { shop, backup } = backed_up();
    let folder = shop.folder();
    std::fs::copy(&backup, folder.join("ledger.db")).unwrap();
    let verified = shop.run(&["verify"]);
    assert_eq!(verified.exit, 5);
    let faults = verified.json().get("faults").unwrap().to_string();
    assert!(
        faults.contains("6 entries that were committed are missing"),
        "{faults}"
    );
    let first = shop.run(&["redeem", &code(AFTER - 1)]);
    assert_eq!(text(first.json(), "verdict"), "needs_approval");
    assert!(
        first.errors.contains("up to 6 entries are missing"),
        "{}",
        first.errors
    );
    let second = shop.run(&["redeem", &code(AFTER - 1)]);
    assert_eq!(second.errors, "", "it is said once");
    assert_restored_shop(folder);
}

#[test]
fn a_folder_copied_elsewhere_is_another_life() {
    let BackedUp { shop, .. } = backed_up();
    let copy = shop.beside("copy");
    std::fs::create_dir(&copy).unwrap();
    for entry in std::fs::read_dir(shop.folder()).unwrap() {
        let from = entry.unwrap().path();
        std::fs::copy(&from, copy.join(from.file_name().unwrap())).unwrap();
    }
    let first = run_on(&copy, &["redeem", &code(AFTER)]);
    assert!(first.errors.contains("was copied here"), "{}", first.errors);
    assert_eq!(text(first.json(), "verdict"), "needs_approval");
    assert_eq!(verdict(&copy, &code(AFTER - 1), &[]), "already_redeemed");
    assert_eq!(number(&pool(&copy), "suspect"), 100);
    well(&copy);
    // The one that stayed knows nothing of it and goes on.
    let stayed = shop.run(&["redeem", &code(AFTER)]);
    assert_eq!(text(stayed.json(), "verdict"), "accepted");
    assert_eq!(stayed.errors, "");
    shop.assert_well();
}

#[test]
fn a_lost_marker_is_taken_for_an_old_file() {
    let BackedUp { shop, .. } = backed_up();
    std::fs::remove_file(shop.folder().join("ledger.marker")).unwrap();
    assert_eq!(shop.run(&["verify"]).exit, 5);
    let first = shop.run(&["redeem", &code(AFTER)]);
    assert!(first.errors.contains("lost the marker"), "{}", first.errors);
    assert_eq!(text(first.json(), "verdict"), "needs_approval");
    well(shop.folder());
}

#[test]
fn a_moved_ledger_is_closed_here_and_goes_on_there_without_questions() {
    let BackedUp { shop, .. } = backed_up();
    let moving = shop.beside("moving.db");
    shop.run(&["backup", "--move", moving.to_str().unwrap()])
        .well();
    for arguments in [
        &["redeem", "SHOP-00015-KEEP"][..],
        &["reverse", "SHOP-00001-KEEP", "--reason", "no"],
        &["campaign", "pause", CAMPAIGN],
        &["codes", "void", "SHOP-00015-KEEP", "--reason", "no"],
    ] {
        let ran = shop.run(arguments);
        assert_eq!(ran.exit, 5, "{arguments:?}");
        assert!(ran.errors.contains(r#""code":"moved""#), "{}", ran.errors);
    }
    // Its file is written again if it is asked for: the first may not have fitted on the disk.
    let again = shop.beside("again.db");
    // Only by name: a plain backup of a closed ledger would open elsewhere as well.
    let plain = shop.folder().join("plain.db");
    let refused = shop.run(&["backup", plain.to_str().unwrap()]);
    assert_eq!(refused.exit, 5, "{}", refused.errors);
    assert!(!plain.exists());
    shop.run(&["backup", "--move", again.to_str().unwrap()])
        .well();
    let there = shop.beside("there");
    let told = restored(&there, &moving, &[]);
    let told = told.well().json();
    assert_eq!((text(told, "why"), number(told, "suspects")), ("moved", 0));
    assert_eq!(verdict(&there, &code(AFTER - 1), &[]), "already_redeemed");
    assert_eq!(verdict(&there, &code(AFTER), &[]), "accepted");
    well(&there);
    // Put there once more, it is an old backup as any other.
    let again = restored(&there, &moving, &[]);
    let again = again.well().json();
    assert_eq!(text(again, "why"), "restored");
    assert_eq!(verdict(&there, &code(AFTER), &[]), "needs_approval");
    well(&there);
}

#[test]
fn a_move_that_cannot_write_its_file_leaves_the_ledger_open() {
    let BackedUp { shop, backup } = backed_up();
    let missing = shop.beside("no-such-folder").join("moving.db");
    for file in [backup, missing] {
        let ran = shop.run(&["backup", "--move", file.to_str().unwrap()]);
        assert_ne!(ran.exit, 0, "{}", ran.errors);
    }
    assert_eq!(shop.redeem(&code(AFTER)), "accepted");
    shop.assert_well();
}

/// Every life has a number of its own, and what earlier lives gave out stays suspect.
#[test]
fn restored_twice_from_one_backup_every_life_is_counted() {
    let BackedUp { shop, backup } = backed_up();
    let folder = shop.folder();
    let first = restored(folder, &backup, &[]);
    assert_eq!(number(first.well().json(), "suspects"), 6);
    run_on(folder, &["restore", "--settle"]).well();
    let second_life = run_on(folder, &["redeem", &code(AFTER)]);
    let second_id = text(second_life.json(), "redemption_id").to_owned();
    // The former life's file has a name by the second: this one needs another.
    let second = restored(folder, &backup, &[]);
    let second = second.well().json();
    // Six of the first life; of the second its beginning, its settling and one redemption.
    assert_eq!(number(second, "missing"), 9);
    assert_eq!(number(second, "suspects"), 9);
    run_on(folder, &["restore", "--settle"]).well();
    let third_life = run_on(folder, &["redeem", &code(AFTER)]);
    assert_eq!(text(third_life.json(), "verdict"), "accepted");
    let third_id = text(third_life.json(), "redemption_id");
    let life = |id: &str| id.split('-').nth(1).unwrap().to_owned();
    assert_eq!((life(&second_id), life(third_id)), ("2".into(), "3".into()));
    assert_eq!(kept(folder).len(), 2);
    well(folder);
}

#[test]
fn a_restore_refuses_what_it_must_and_changes_nothing_then() {
    let BackedUp { shop, backup } = backed_up();
    let folder = shop.folder();
    let refused = |folder: &Path, file: &Path, code: &str| {
        let ran = restored(folder, file, &[]);
        assert_ne!(ran.exit, 0, "{code}");
        assert!(
            ran.errors.contains(&format!(r#""code":"{code}""#)),
            "{}",
            ran.errors
        );
    };
    // A till has it open.
    let mut till = Till::up(folder, "till", &[]);
    refused(folder, &backup, "in_use");
    assert_eq!(till.scan(&code(AFTER)), "accepted");
    till.close();
    // Another shop's folder.
    let other = Shop::with(&[], 2);
    refused(other.folder(), &backup, "another_shop");
    assert_eq!(other.redeem(&code(1)), "accepted");
    other.assert_well();
    // A backup with a hole in it, one that was cut off, one that is none.
    let whole = std::fs::read(&backup).unwrap();
    let damaged = shop.beside("damaged.db");
    let middle = whole.len() / 2 / 4096 * 4096;
    let mut holed = whole.clone();
    holed[middle..middle + 16 * 4096].fill(0x5a);
    std::fs::write(&damaged, holed).unwrap();
    refused(folder, &damaged, "damaged");
    std::fs::write(&damaged, &whole[..middle]).unwrap();
    refused(folder, &damaged, "damaged");
    std::fs::write(&damaged, vec![b'x'; 20_000]).unwrap();
    refused(folder, &damaged, "not_a_ledger");
    let missing = restored(folder, &shop.beside("nothing.db"), &[]);
    assert_ne!(missing.exit, 0);
    // Nothing was changed by any of it.
    assert_eq!(kept(folder).len(), 0);
    let after = shop.run(&["redeem", &code(AFTER + 1)]);
    assert_eq!(text(after.json(), "verdict"), "accepted");
    assert_eq!(after.errors, "");
    shop.assert_well();
    // A backup is never overwritten.
    assert_ne!(shop.run(&["backup", backup.to_str().unwrap()]).exit, 0);
    assert_eq!(std::fs::read(&backup).unwrap(), whole);
}
