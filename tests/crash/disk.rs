//! The disk is full, or fails, at every single operation in turn: an answer is kept, an error used
//! nothing up, and afterwards everything goes on.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests: what fails here fails the test"
)]

use std::collections::BTreeSet;
use std::io::Cursor;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rusqlite::{Connection, OpenFlags};

use counterfoil::desk;
use counterfoil::domain::code_list::SpreadsheetCheck;
use counterfoil::ledger::{Cause, ImportOrder, Ledger, LedgerError, LongWork};

use crate::shop::{CAMPAIGN, Shop, code};
use crate::tape::{Change, Disk, Event, Fault, Tape};
use crate::till::{act, redeem};
use crate::vfs;

/// After so many writes the next one makes a rest due, which takes over the write-ahead log.
const WRITES_BEFORE_REST: usize = 255;

/// After so many without a rest, the next one takes it over by itself.
const WRITES_BEFORE_TAKING_OVER: usize = 4095;

/// The codes that are used up, by what a power cut would leave of the disk right now.
fn used_for_sure(shop: &Shop, disk: &Disk) -> BTreeSet<String> {
    let place = shop.beside("cut");
    drop(std::fs::remove_dir_all(&place));
    std::fs::create_dir(&place).unwrap();
    for (name, bytes) in disk.sure() {
        std::fs::write(place.join(name), bytes).unwrap();
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(place.join("ledger.db"), flags).unwrap();
    let mut used = connection
        .prepare("SELECT coalesce(shown, folded) FROM code WHERE uses_made = 1")
        .unwrap();
    let rows = used.query_map([], |row| row.get(0)).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

/// So many writes that change nothing.
fn write_nothing(ledger: &mut Ledger, count: usize) {
    let act = act();
    for _ in 0..count {
        let settled = ledger.settle_restore(&act).unwrap();
        assert!(settled.is_err(), "there was no restore");
    }
}

fn assert_well(ledger: &mut Ledger, when: &str) {
    let health = ledger.verify(&mut |_| {}).unwrap();
    assert_eq!(health.faults, Vec::<String>::new(), "{when}");
}

/// Redeems under a fault at the first operation, the second, and so on until none is reached.
/// Each redemption takes over the write-ahead log as well. Answers how many operations that were.
fn redeem_under(fault: fn(u64) -> Fault, check: fn(&LedgerError)) -> u64 {
    let shop = Shop::with(&[], 400);
    let folder = shop.folder();
    let tape = Arc::new(Tape::default());
    let mut disk = Disk::of(folder, &["ledger.db"]);
    vfs::watch(folder, &tape);
    // Held open all along: else every closing would take over the write-ahead log.
    let (mut keeper, _) = Ledger::open(folder, &act()).unwrap();
    let mut acknowledged = BTreeSet::new();
    let mut nth = 0;
    loop {
        nth += 1;
        let when = format!("operation {nth} fails");
        let scanned = code(usize::try_from(nth).unwrap());
        let (mut ledger, rebirth) = Ledger::open(folder, &act()).unwrap();
        assert_eq!(rebirth, None, "{when}");
        write_nothing(&mut ledger, WRITES_BEFORE_REST);
        tape.set_fault(Some(fault(nth)));
        let answer = redeem(&mut ledger, &scanned);
        ledger.rest_if_due();
        let has_failed = tape.has_failed();
        tape.set_fault(None);
        let events = tape.take();
        let mut has_taken_over = false;
        for event in &events {
            if let Event::Done(name, change) = event {
                disk.play(name, change);
                has_taken_over |= name == "ledger.db" && matches!(change, Change::Sync);
            }
        }
        let is_error = answer.is_err();
        match answer {
            Ok(answer) => {
                assert_eq!(answer.verdict.word(), "accepted", "{when}");
                acknowledged.insert(scanned.clone());
            }
            Err(error) => check(&error),
        }
        let used = used_for_sure(&shop, &disk);
        assert!(
            acknowledged.is_subset(&used),
            "{when}: an answer is not kept"
        );
        // With room again, the same code is accepted where it was not, and nothing is wrong.
        let again = redeem(&mut ledger, &scanned).unwrap();
        let expected = if is_error {
            "accepted"
        } else {
            "already_redeemed"
        };
        assert_eq!(again.verdict.word(), expected, "{when}");
        acknowledged.insert(scanned);
        assert_well(&mut keeper, &when);
        if !has_failed {
            assert!(has_taken_over, "the write-ahead log was taken over as well");
            break;
        }
    }
    vfs::unwatch(folder);
    drop(keeper);
    shop.assert_well();
    nth
}

#[test]
fn a_full_disk_at_any_write_uses_nothing_up_and_says_so() {
    let operations = redeem_under(Fault::Full, |error| {
        assert!(matches!(error.cause, Cause::DiskFull), "{error}");
    });
    assert!(operations > 20, "only {operations} operations were tried");
}

#[test]
fn a_failing_disk_at_any_write_or_sync_answers_nothing_that_is_not_kept() {
    let operations = redeem_under(Fault::Broken, |error| {
        assert!(matches!(error.cause, Cause::Engine(_)), "{error}");
    });
    assert!(operations > 20, "only {operations} operations were tried");
}

#[test]
fn an_answer_stands_though_the_log_behind_it_cannot_be_taken_over() {
    let shop = Shop::with(&[], 4);
    let tape = Arc::new(Tape::default());
    vfs::watch(shop.folder(), &tape);
    let (mut ledger, _) = Ledger::open(shop.folder(), &act()).unwrap();
    assert!(redeem(&mut ledger, &code(0)).is_ok());
    write_nothing(&mut ledger, WRITES_BEFORE_TAKING_OVER - 1);
    tape.set_fault(Some(Fault::NoRoomBesideLog));
    let answer = redeem(&mut ledger, &code(1)).unwrap();
    assert_eq!(answer.verdict.word(), "accepted");
    assert!(tape.has_failed(), "it was tried");
    tape.set_fault(None);
    assert!(ledger.rest().is_ok());
    drop(ledger);
    vfs::unwatch(shop.folder());
    shop.assert_well();
}

/// A list with customers, so that every kind of row is written.
fn list() -> String {
    let rows = (0..120).map(|number| format!("LIST-{number:05}-KEEP,c{number}@example.org\n"));
    std::iter::once("code,email\n".to_owned())
        .chain(rows)
        .collect()
}

fn import(ledger: &mut Ledger) -> Result<u64, LedgerError> {
    let order = ImportOrder {
        campaign: CAMPAIGN.parse().unwrap(),
        is_given_out: false,
        skips_bad: false,
        check: SpreadsheetCheck::Look,
    };
    let mut work = LongWork {
        random: &mut desk::fill_random,
        progress: &mut |_| {},
        stop: &AtomicBool::new(false),
    };
    let source = &mut Cursor::new(list());
    let report = ledger.import_codes(source, &order, &act(), &mut work, &mut |_| Ok(()))?;
    Ok(report.unwrap().stored)
}

#[test]
fn a_full_disk_during_an_import_stores_all_of_it_or_nothing() {
    let mut nth = 1;
    let (mut kept, mut refused) = (0, 0);
    loop {
        let shop = Shop::with(&[], 3);
        let folder = shop.folder();
        let tape = Arc::new(Tape::default());
        vfs::watch(folder, &tape);
        let (mut ledger, _) = Ledger::open(folder, &act()).unwrap();
        tape.set_fault(Some(Fault::Full(nth)));
        let imported = import(&mut ledger);
        let has_failed = tape.has_failed();
        let word = |ledger: &mut Ledger| {
            let answer = redeem(ledger, "LIST-00007-KEEP").unwrap();
            answer.verdict.word()
        };
        tape.set_fault(None);
        let when = format!("write {nth} finds the disk full");
        match imported {
            Ok(stored) => {
                assert_eq!(stored, 120, "{when}");
                kept += 1;
            }
            Err(error) => {
                assert!(matches!(error.cause, Cause::DiskFull), "{when}: {error}");
                assert_eq!(word(&mut ledger), "not_found", "{when}");
                let again = import(&mut ledger).unwrap_or_else(|error| panic!("{when}: {error}"));
                assert_eq!(again, 120, "{when}");
                refused += 1;
            }
        }
        assert_eq!(word(&mut ledger), "accepted", "{when}");
        assert_well(&mut ledger, &when);
        drop(ledger);
        vfs::unwatch(folder);
        assert_eq!(shop.count("SELECT count(*) FROM code"), 123, "{when}");
        assert_eq!(shop.count("SELECT count(*) FROM batch"), 2, "{when}");
        if !has_failed {
            break;
        }
        // Every write at first, then ever larger steps.
        nth += 1 + nth / 8;
    }
    assert!(kept > 0 && refused > 10, "{kept} kept, {refused} refused");
}
