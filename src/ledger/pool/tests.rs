//! Imports and generation, told as tables and stories on real ledgers.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::*;
use crate::domain::campaign::{ContactKind, Rules};
use crate::domain::code::{Pattern, Shape};
use crate::domain::code_list::{BadRow, SpreadsheetCheck};
use crate::domain::ids::{CampaignId, Key};
use crate::domain::verdict::{CodeState, Verdict};
use crate::ledger::{Act, Scan, Setup, customers};

const SMALL: Sizes = Sizes {
    run_bytes: 64 * 1024,
    slice_rows_max: 100,
    rows_per_report: 50,
};

fn act() -> Act {
    Act {
        now: "2027-03-01T12:00:00Z".parse().unwrap(),
        counter: "till 1".into(),
        operator: None,
        salt: [7; 16],
    }
}

fn id(name: &str) -> CampaignId {
    name.parse().unwrap()
}

fn begin(folder: &Path) -> Ledger {
    let setup = Setup {
        store: "Riverside".into(),
        timezone: "Europe/Berlin".into(),
        node: "BCDFGHJKLN".into(),
        mode: 0o600,
    };
    let mut ledger = Ledger::create(folder, &setup, &act()).unwrap();
    for name in ["spring", "winter"] {
        ledger
            .create_campaign(&id(name), &Rules::new("Free coffee"), &[9; 32], &act())
            .unwrap()
            .unwrap();
    }
    ledger
}

fn fresh() -> (tempfile::TempDir, Ledger) {
    let folder = tempfile::tempdir().unwrap();
    let ledger = begin(folder.path());
    (folder, ledger)
}

fn order() -> ImportOrder {
    ImportOrder {
        campaign: id("spring"),
        is_given_out: false,
        skips_bad: false,
        check: SpreadsheetCheck::Look,
    }
}

/// Random bytes that are the same in every run.
fn drawn(seed: u64) -> impl FnMut(&mut [u8]) -> Result<(), getrandom::Error> {
    let mut count = seed << 32;
    move |bytes| {
        for chunk in bytes.chunks_mut(32) {
            count += 1;
            let digest = Sha256::digest(count.to_le_bytes());
            chunk.copy_from_slice(&digest[..chunk.len()]);
        }
        Ok(())
    }
}

/// Works with small sizes, and stops at the report of this number.
fn working<T>(stop_at: Option<u32>, work: impl FnOnce(&mut LongWork<'_>) -> T) -> T {
    let stop = AtomicBool::new(false);
    let mut reports = 0;
    work(&mut LongWork {
        random: &mut drawn(1),
        progress: &mut |_| {
            reports += 1;
            if Some(reports) == stop_at {
                stop.store(true, Ordering::Relaxed);
            }
        },
        stop: &stop,
    })
}

type Outcome = Result<Result<ImportReport, Refusal>, LedgerError>;

fn import_until(
    ledger: &mut Ledger,
    text: impl AsRef<[u8]>,
    order: &ImportOrder,
    stop_at: Option<u32>,
) -> Outcome {
    let mut told = Vec::new();
    let mut sink = |row: &BadRow| {
        told.push(row.clone());
        Ok(())
    };
    let outcome = working(stop_at, |work| {
        ledger.import_codes_within(&mut text.as_ref(), order, &act(), work, &mut sink, SMALL)
    });
    if let Ok(Ok(report)) = &outcome {
        assert_eq!(report.bad_count, told.len() as u64);
        assert_eq!(report.bad, told[..told.len().min(100)]);
        assert!(told.is_sorted_by_key(|row| row.line));
    }
    outcome
}

fn import(ledger: &mut Ledger, text: impl AsRef<[u8]>, order: &ImportOrder) -> ImportReport {
    let report = import_until(ledger, text, order, None).unwrap().unwrap();
    check_whole(ledger);
    report
}

fn number(ledger: &mut Ledger, sql: &str) -> i64 {
    ledger
        .read("count", "rows", |tx| tx.one(sql, &[], |row| row.int(0)))
        .unwrap()
        .unwrap()
}

/// Everything that must hold between two acts.
fn check_whole(ledger: &mut Ledger) {
    for (says, sql) in [
        (
            "unpublished batch",
            "SELECT count(*) FROM batch WHERE is_published = 0",
        ),
        (
            "code of no batch",
            "SELECT count(*) FROM code c LEFT JOIN batch b ON b.id = c.batch WHERE b.id IS NULL",
        ),
        (
            "slot and code disagree",
            "SELECT count(*) FROM code c LEFT JOIN pool_slot p ON p.campaign = c.campaign AND p.ordinal = c.ordinal WHERE c.ordinal IS NOT NULL AND p.code IS NOT c.id",
        ),
        (
            "slot of no code",
            "SELECT count(*) FROM pool_slot p LEFT JOIN code c ON c.id = p.code WHERE c.ordinal IS NOT p.ordinal",
        ),
        (
            "ordinal of an assigned arrival",
            "SELECT count(*) FROM code WHERE (ordinal IS NULL) <> (assigned_incarnation IS NOT NULL)",
        ),
        (
            "order of ids",
            "SELECT count(*) FROM (SELECT id, batch, customer, lag(id) OVER (PARTITION BY batch, customer IS NULL ORDER BY folded) AS before FROM code) WHERE id <> before + 1",
        ),
        (
            "batch and codes disagree",
            "SELECT count(*) FROM batch b WHERE b.code_count <> (SELECT count(*) FROM code c WHERE c.batch = b.id AND c.id >= b.first_code AND c.id < b.first_code + b.code_count)",
        ),
        (
            "lease and batch disagree",
            "SELECT count(*) FROM batch b LEFT JOIN lease l ON l.campaign = b.campaign AND l.first_ordinal = b.first_ordinal AND l.end_ordinal = b.first_ordinal + b.ordinal_count WHERE b.ordinal_count > 0 AND l.id IS NULL",
        ),
        (
            "tally and codes disagree",
            "SELECT count(*) FROM tally t WHERE t.available <> (SELECT count(*) FROM code c WHERE c.campaign = t.campaign AND c.state = 0) OR t.assigned <> (SELECT count(*) FROM code c WHERE c.campaign = t.campaign AND c.state = 1) OR t.redeemed <> (SELECT count(*) FROM code c WHERE c.campaign = t.campaign AND c.state = 2)",
        ),
        (
            "code and customer slot disagree",
            "SELECT count(*) FROM code c LEFT JOIN customer_slot s ON s.code = c.id WHERE (c.customer IS NULL) <> (s.customer IS NULL) OR c.customer <> s.customer",
        ),
        (
            "slot of a code that is gone",
            "SELECT count(*) FROM customer_slot s LEFT JOIN code c ON c.id = s.code WHERE c.id IS NULL",
        ),
        (
            "batch number left",
            "SELECT (SELECT count(*) FROM customer WHERE batch IS NOT NULL) + (SELECT count(*) FROM contact WHERE batch IS NOT NULL) + (SELECT count(*) FROM contact_hash WHERE batch IS NOT NULL)",
        ),
    ] {
        assert_eq!(number(ledger, sql), 0, "{says}");
    }
    let health = ledger.verify(&mut |_| {}).unwrap();
    assert_eq!(health.faults, [""; 0]);
    let left = std::fs::read_dir(ledger.folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("ledger.sort-") || name.starts_with("ledger.batch-"))
        .collect::<Vec<_>>();
    assert_eq!(left, [""; 0]);
}

/// The ledger has what it had when it was set up, and gives out the same numbers.
fn check_empty(ledger: &mut Ledger) {
    check_whole(ledger);
    for table in [
        "batch",
        "code",
        "pool_slot",
        "lease",
        "customer",
        "contact",
        "contact_hash",
        "customer_slot",
    ] {
        assert_eq!(
            number(ledger, &format!("SELECT count(*) FROM {table}")),
            0,
            "{table}"
        );
    }
    assert_eq!(number(ledger, "SELECT next_code_id FROM ledger"), 1);
    assert_eq!(number(ledger, "SELECT max(next_ordinal) FROM campaign"), 0);
    assert_eq!(
        number(
            ledger,
            "SELECT count(*) FROM entry WHERE kind = 'codes_added'"
        ),
        0
    );
}

fn redeem(ledger: &mut Ledger, code: &str) -> Verdict {
    static KEYS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let number = KEYS.fetch_add(1, Ordering::Relaxed);
    let key: Key = format!("key-{number}").parse().unwrap();
    let scan = Scan::new(code.as_bytes(), &key);
    ledger.redeem(&scan, &act()).unwrap().verdict
}

fn exported(ledger: &mut Ledger) -> BTreeMap<String, ExportedCode> {
    let mut codes = BTreeMap::new();
    let count = ledger
        .export_codes(&id("spring"), &[], &mut |code| {
            codes.insert(code.code.clone(), code);
            Ok(())
        })
        .unwrap()
        .unwrap();
    assert_eq!(count, codes.len() as u64);
    codes
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn every_reason_names_line_column_and_value() {
    let (_folder, mut ledger) = fresh();
    let known = "code,email\nknown-1,\nknown2,kim@example.org\n";
    assert_eq!(import(&mut ledger, known, &order()).stored, 2);
    let long = "X".repeat(65);
    let table: &[(&str, u64, &str, &str)] = &[
        (
            "code,email\n,a@example.org\n",
            2,
            "code",
            "there is no code",
        ),
        (&long, 1, "1", "too long: 64 at most"),
        ("GRÜN\n", 1, "1", "not a plain (ASCII) character"),
        ("A\u{7}B\n", 1, "1", "is a control character"),
        ("--\n", 1, "1", "more than spaces and hyphens"),
        (
            "A1\nB1\nA1\n",
            3,
            "1",
            "the same code stands in line 1 of this file",
        ),
        (
            "A-1\nB1\na 1\n",
            3,
            "1",
            "could not tell it from \"A-1\" in line 1",
        ),
        (
            "A1\nknown-1\n",
            2,
            "1",
            "has this code already, in campaign spring",
        ),
        (
            "KNOWN1\n",
            1,
            "1",
            "could not tell it from \"known-1\" of campaign spring",
        ),
        (
            "code,email\nA1,ana\n",
            2,
            "email",
            "is not an e-mail address",
        ),
        ("code,phone\nA1,12\n", 2, "phone", "is not a phone number"),
        (
            "code,expires_at\nA1,tomorrow\n",
            2,
            "expires_at",
            "is not a time",
        ),
        (
            "code,email\nA1,kim@example.org\n",
            2,
            "email",
            "has their 1 of this campaign's codes",
        ),
        (
            "code,email\nA1,a@example.org\nA2,A@example.org\n",
            3,
            "email",
            "has their 1 of this",
        ),
        ("code,email\nA1\n", 2, "", "the row has 1 fields, not 2"),
        ("A1\n1,23E+11\n", 2, "1", "scientific notation"),
        ("1.2E+10\n", 1, "1", "scientific notation"),
        (
            "000123\n123456\n1234\n",
            3,
            "1",
            "dropped leading zeros: most numbers here have 6",
        ),
    ];
    for (text, line, column, reason) in table {
        let report = import(&mut ledger, text, &order());
        assert_eq!(
            (report.stored, report.skipped, report.bad_count),
            (0, 0, 1),
            "{text:?}"
        );
        let row = &report.bad[0];
        assert_eq!(
            (row.line, row.column.as_str()),
            (*line, *column),
            "{text:?} {row:?}"
        );
        assert!(row.reason.contains(reason), "{text:?} {row:?}");
        assert!(
            row.value.chars().count() <= 81 && row.value.is_ascii() || row.value.ends_with('…')
        );
    }
    assert_eq!(number(&mut ledger, "SELECT count(*) FROM code"), 2);
    assert_eq!(number(&mut ledger, "SELECT count(*) FROM customer"), 1);
}

#[test]
fn contacts_of_two_customers_are_named() {
    let (_folder, mut ledger) = fresh();
    let text = "code,email,external_id\nA1,a@example.org,\nA2,,x1\nA3,a@example.org,x1\n";
    let report = import(&mut ledger, text, &order());
    assert_eq!((report.stored, report.bad[0].line), (0, 4));
    assert!(report.bad[0].reason.contains("belong to two customers"));
}

#[test]
fn a_file_that_cannot_be_read_is_refused_by_name() {
    let (_folder, mut ledger) = fresh();
    let utf16: Vec<u8> = "\u{feff}code\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    for (text, says) in [
        (utf16.as_slice(), "UTF-16"),
        (b"code,name\nA1,x\n", "no column \"name\""),
        (b"code,code\nA1,x\n", "the column code stands there twice"),
        (b"a,b,c,d,e,f\n", "line 1 has 6 fields"),
        (b"", "no codes"),
        (b"code\n\n", "no codes"),
    ] {
        let refused = import_until(&mut ledger, text, &order(), None)
            .unwrap()
            .unwrap_err();
        assert!(refused.to_string().contains(says), "{refused}");
    }
    let nowhere = ImportOrder {
        campaign: id("nowhere"),
        ..order()
    };
    let refused = import_until(&mut ledger, "A1\n", &nowhere, None).unwrap();
    assert!(matches!(refused, Err(Refusal::NoSuchCampaign(_))));
    check_empty(&mut ledger);
}

#[test]
fn lists_come_in_many_spellings() {
    for text in [
        "A-1\nb2\n",
        "A-1\r\nb2\r\n",
        "A-1\n\n b2 ",
        "code\nA-1\nb2\n",
        "CODE\nA-1\nb2\n",
        "\u{feff}\"Code\"\r\n\"A-1\"\r\n\"b2\"\r\n",
        "code;email\nA-1;\nb2;\n",
        "email\tcode\n",
        "code\temail\tphone\nA-1\t\t\nb2\t\t\n",
    ] {
        let (_folder, mut ledger) = fresh();
        if text.starts_with("email") {
            assert_eq!(import(&mut ledger, text, &order()).bad[0].column, "2");
            continue;
        }
        assert_eq!(import(&mut ledger, text, &order()).stored, 2, "{text:?}");
        assert_eq!(
            exported(&mut ledger).into_keys().collect::<Vec<_>>(),
            ["A-1", "b2"]
        );
    }
}

#[test]
fn one_bad_row_stores_nothing_unless_it_may_be_skipped() {
    let (_folder, mut ledger) = fresh();
    let text = "A1\nA1\nÄ\nB1\n";
    let report = import(&mut ledger, text, &order());
    assert_eq!((report.stored, report.skipped, report.bad_count), (0, 0, 2));
    check_empty(&mut ledger);
    let skipping = ImportOrder {
        skips_bad: true,
        ..order()
    };
    let report = import(&mut ledger, text, &skipping);
    assert_eq!((report.stored, report.skipped, report.bad_count), (2, 2, 2));
    assert_eq!(exported(&mut ledger).len(), 2);
    let report = import(&mut ledger, text, &skipping);
    assert_eq!((report.stored, report.skipped), (0, 4));
}

#[test]
fn spreadsheet_damage_may_be_taken_as_it_is() {
    let (_folder, mut ledger) = fresh();
    let as_is = ImportOrder {
        check: SpreadsheetCheck::TakeAsIs,
        ..order()
    };
    let report = import(&mut ledger, "123456\n1234\n1.2E+10\n", &as_is);
    assert_eq!(report.stored, 3);
}

#[test]
fn rows_with_contacts_arrive_assigned_and_their_customers_are_known() {
    let (_folder, mut ledger) = fresh();
    let text = "code,email,phone,external_id,expires_at\n\
                A1,Ana@example.org,+44 20 7946 0958,,2027-03-31\n\
                A2,,,crm-7,2027-02-01\nA3,,,,\n";
    assert_eq!(import(&mut ledger, text, &order()).stored, 3);
    let codes = exported(&mut ledger);
    assert_eq!(codes["A1"].state, CodeState::Assigned);
    assert_eq!(codes["A1"].email.as_deref(), Some("ana@example.org"));
    assert_eq!(codes["A1"].phone.as_deref(), Some("+442079460958"));
    assert_eq!(codes["A1"].expires_at, "2027-03-31T22:00:00Z".parse().ok());
    assert_eq!(codes["A2"].external_id.as_deref(), Some("CRM-7"));
    assert_eq!(
        (codes["A3"].state, &codes["A3"].customer_id),
        (CodeState::Available, &None)
    );
    let who = ledger
        .read("find", "ana", |tx| {
            customers::resolve(tx, "ana@EXAMPLE.org", None)
        })
        .unwrap();
    assert_eq!(who.map(|(_, id)| id), codes["A1"].customer_id);
    assert!(matches!(
        redeem(&mut ledger, "a1"),
        Verdict::Accepted { .. }
    ));
    assert!(matches!(redeem(&mut ledger, "A2"), Verdict::Expired { .. }));
    assert!(matches!(redeem(&mut ledger, "A3"), Verdict::NotAssigned));
    // A known customer's new contact is theirs from now on, in another campaign too.
    let winter = ImportOrder {
        campaign: id("winter"),
        ..order()
    };
    let text = "code,email,external_id\nW1,ana@example.org,crm-9\n";
    assert_eq!(import(&mut ledger, text, &winter).stored, 1);
    let report = import(&mut ledger, "code,external_id\nW2,CRM-9\n", &winter);
    assert!(report.bad[0].reason.contains("has their 1 of"));
    assert_eq!(number(&mut ledger, "SELECT count(*) FROM customer"), 2);
    check_whole(&mut ledger);
}

#[test]
fn a_customer_gets_as_many_as_the_campaign_allows() {
    let (_folder, mut ledger) = fresh();
    ledger
        .set_campaign(&id("spring"), |rules| rules.per_customer = 2, &act())
        .unwrap()
        .unwrap();
    let text = "code,email\nA1,a@b.org\nA2,a@b.org\nA3,c@b.org\n";
    assert_eq!(import(&mut ledger, text, &order()).stored, 3);
    let report = import(
        &mut ledger,
        "code,email\nA4,c@b.org\nA5,c@b.org\n",
        &order(),
    );
    assert_eq!(report.bad[0].line, 3);
    let skipping = ImportOrder {
        skips_bad: true,
        ..order()
    };
    let report = import(
        &mut ledger,
        "code,email\nA4,c@b.org\nA5,c@b.org\n",
        &skipping,
    );
    assert_eq!((report.stored, report.skipped), (1, 1));
    assert_eq!(
        number(&mut ledger, "SELECT max(slot) FROM customer_slot"),
        2
    );
}

#[test]
fn codes_given_out_are_assigned_and_never_claimed() {
    let (_folder, mut ledger) = fresh();
    let given_out = ImportOrder {
        is_given_out: true,
        ..order()
    };
    let text = "code,email\nA1,\nA2,a@b.org\n";
    assert_eq!(import(&mut ledger, text, &given_out).stored, 2);
    assert_eq!(number(&mut ledger, "SELECT count(*) FROM pool_slot"), 0);
    assert_eq!(number(&mut ledger, "SELECT count(*) FROM lease"), 0);
    assert!(matches!(
        redeem(&mut ledger, "A1"),
        Verdict::Accepted { .. }
    ));
    let pool = ledger
        .pools(Some(&id("spring")), act().now)
        .unwrap()
        .unwrap()
        .remove(0);
    assert_eq!(
        (pool.total, pool.available, pool.assigned, pool.redeemed),
        (2, 0, 1, 1)
    );
}

fn many(count: u32) -> String {
    // An odd factor sends the numbers below 2³² to each other, one to one.
    let codes: Vec<String> = (0..count)
        .map(|number| format!("K{:010}\n", number.wrapping_mul(2_654_435_761)))
        .collect();
    codes.concat()
}

#[test]
fn a_list_larger_than_a_run_is_stored_in_the_order_of_its_codes() {
    let (_folder, mut ledger) = fresh();
    let big = Sizes {
        slice_rows_max: u64::MAX,
        ..SMALL
    };
    let text = many(100_000) + "K9\nk-9\n";
    let skipping = ImportOrder {
        skips_bad: true,
        ..order()
    };
    let report = working(None, |work| {
        ledger.import_codes_within(
            &mut text.as_bytes(),
            &skipping,
            &act(),
            work,
            &mut |_| Ok(()),
            big,
        )
    })
    .unwrap()
    .unwrap();
    assert_eq!((report.stored, report.bad[0].line), (100_001, 100_002));
    check_whole(&mut ledger);
    let hash = ledger
        .read("read", "the batch", |tx| {
            let mut hasher = Sha256::new();
            tx.each("SELECT folded FROM code ORDER BY id", &[], |row| {
                hasher.update(row.text(0)?);
                hasher.update(b"\n");
                Ok(())
            })?;
            let kept = tx.one("SELECT codes_hash FROM batch", &[], |row| row.hash(0))?;
            Ok(kept == Some(hasher.finalize().into()))
        })
        .unwrap();
    assert!(hash);
    assert_eq!(exported(&mut ledger).len(), 100_001);
    // Imported once more, every row is bad, and the answer still holds only a hundred.
    let again = import_until(&mut ledger, text, &order(), None)
        .unwrap()
        .unwrap();
    assert_eq!((again.bad_count, again.bad.len()), (100_002, 100));
}

#[test]
fn stopping_at_any_moment_leaves_nothing() {
    let (_folder, mut ledger) = fresh();
    let mut text = String::from("code,email\n");
    for number in 0..400 {
        let email = (number % 3 == 0).then(|| format!("a{number}@b.org"));
        writeln!(text, "K{number:05},{}", email.unwrap_or_default()).unwrap();
    }
    let mut stops = 0;
    for stop_at in 1.. {
        match import_until(&mut ledger, &text, &order(), Some(stop_at)) {
            Ok(report) => {
                assert_eq!(report.unwrap().stored, 400);
                break;
            }
            Err(error) => assert!(matches!(error.cause, Cause::Interrupted), "{error}"),
        }
        stops += 1;
        check_empty(&mut ledger);
    }
    assert!(stops > 20, "{stops}");
    check_whole(&mut ledger);
}

/// An import whose process dies at the report of this number: nothing of it runs any more.
fn kill_at(ledger: &mut Ledger, text: &str, kill_at: u32) {
    let mut reports = 0;
    let died = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        ledger.import_codes_within(
            &mut text.as_bytes(),
            &order(),
            &act(),
            &mut LongWork {
                random: &mut drawn(1),
                progress: &mut |progress| {
                    reports += u32::from(progress.step == Step::Storing);
                    assert!(reports < kill_at, "killed, as it should be");
                },
                stop: &AtomicBool::new(false),
            },
            &mut |_| Ok(()),
            SMALL,
        )
    }));
    assert!(died.is_err());
}

#[test]
fn an_abandoned_batch_is_unseen_and_swept() {
    let (folder, mut ledger) = fresh();
    let mut text = String::from("code,email\nA1,a@b.org\n");
    for number in 0..600 {
        writeln!(text, "K{number},").unwrap();
    }
    for at in 1..15 {
        kill_at(&mut ledger, &text, at);
        assert_eq!(
            number(
                &mut ledger,
                "SELECT count(*) FROM batch WHERE is_published = 0"
            ),
            1
        );
        assert!(matches!(redeem(&mut ledger, "A1"), Verdict::NotFound));
        let who = ledger.read("find", "a", |tx| customers::resolve(tx, "a@b.org", None));
        assert!(who.unwrap().is_none());
        std::fs::write(folder.path().join("ledger.sort-1-1"), b"x").unwrap();
        while ledger.sweep_batches().unwrap() {}
        check_empty(&mut ledger);
    }
    kill_at(&mut ledger, &text, 5);
    // While its owner lives, nobody touches it.
    let path = folder.path().join("ledger.batch-1");
    let lock = crate::ledger::sqlite::lock_file(&path, 0o600).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    assert!(!ledger.sweep_batches().unwrap());
    let stored = number(&mut ledger, "SELECT count(*) FROM code");
    assert!(stored > 100, "{stored}");
    drop(lock);
    // An import sweeps before it begins.
    assert_eq!(import(&mut ledger, &text, &order()).stored, 601);
}

#[test]
fn customers_of_a_published_batch_are_seen_before_it_is_tidied() {
    let (_folder, mut ledger) = fresh();
    import(&mut ledger, "code,email\nA1,a@b.org\n", &order());
    ledger
        .write("break", "the end", |writing| {
            for table in ["customer", "contact", "contact_hash"] {
                writing
                    .tx
                    .execute(&format!("UPDATE {table} SET batch = 1"), &[])?;
            }
            Ok(())
        })
        .unwrap();
    let who = ledger.read("find", "a", |tx| customers::resolve(tx, "a@b.org", None));
    assert!(who.unwrap().is_some());
    while ledger.sweep_batches().unwrap() {}
    check_whole(&mut ledger);
}

#[test]
fn what_is_published_is_never_removed() {
    let (folder, mut ledger) = fresh();
    import(&mut ledger, "A1\nA2\n", &order());
    let batch = store::Batch {
        id: 1,
        campaign: 1,
        first_code: 1,
        code_count: 2,
        first_ordinal: 0,
        ordinal_count: 2,
        writer: None,
    };
    let is_done = pace::Pace::new(u64::MAX).slice(&mut ledger, |writing, slice| {
        sweep::remove_some(writing, &batch, Some(&folder.path().join("none")), slice)
    });
    assert!(is_done.unwrap());
    assert_eq!(number(&mut ledger, "SELECT count(*) FROM pool_slot"), 2);
    check_whole(&mut ledger);
}

#[test]
fn a_lock_without_its_batch_is_removed() {
    let (folder, mut ledger) = fresh();
    std::fs::write(folder.path().join("ledger.batch-77"), b"").unwrap();
    while ledger.sweep_batches().unwrap() {}
    check_empty(&mut ledger);
}

#[test]
fn a_clash_that_comes_during_the_import_stores_nothing() {
    let (folder, mut ledger) = fresh();
    let (mut other, _) = Ledger::open(folder.path(), &act()).unwrap();
    let mut has_clashed = false;
    let stop = AtomicBool::new(false);
    let outcome = ledger.import_codes_within(
        &mut many(1000).as_bytes(),
        &order(),
        &act(),
        &mut LongWork {
            random: &mut drawn(1),
            progress: &mut |progress| {
                if progress.step == Step::Storing && !std::mem::replace(&mut has_clashed, true) {
                    // The greatest of them all: it is not stored yet.
                    let last = many(1000).lines().max().unwrap().to_owned();
                    let winter = ImportOrder {
                        campaign: id("winter"),
                        ..order()
                    };
                    assert_eq!(
                        import_until(&mut other, last, &winter, None)
                            .unwrap()
                            .unwrap()
                            .stored,
                        1
                    );
                }
            },
            stop: &stop,
        },
        &mut |_| Ok(()),
        SMALL,
    );
    assert!(matches!(outcome.unwrap_err().cause, Cause::Changed(_)));
    assert_eq!(number(&mut ledger, "SELECT count(*) FROM code"), 1);
    check_whole(&mut ledger);
}

#[test]
fn a_till_redeems_while_an_import_runs() {
    let (folder, mut ledger) = fresh();
    let given_out = ImportOrder {
        is_given_out: true,
        ..order()
    };
    let early: Vec<String> = (0..200).map(|number| format!("EARLY{number}\n")).collect();
    import(&mut ledger, early.concat(), &given_out);
    let path = folder.path().to_owned();
    let importing = std::thread::spawn(move || {
        let (mut own, _) = Ledger::open(&path, &act()).unwrap();
        import_until(&mut own, many(20_000), &order(), None)
            .unwrap()
            .unwrap()
    });
    for number in 0..200 {
        let verdict = redeem(&mut ledger, &format!("early{number}"));
        assert!(matches!(verdict, Verdict::Accepted { .. }), "{verdict:?}");
    }
    assert_eq!(importing.join().unwrap().stored, 20_000);
    check_whole(&mut ledger);
    let pool = ledger
        .pools(Some(&id("spring")), act().now)
        .unwrap()
        .unwrap()
        .remove(0);
    assert_eq!(
        (pool.available, pool.redeemed, pool.uses_made),
        (20_000, 200, 200)
    );
}

fn generate(
    ledger: &mut Ledger,
    count: u64,
    drawing: Drawing,
    seed: u64,
) -> Result<ImportReport, Refusal> {
    let order = GenerateOrder {
        campaign: id("spring"),
        count,
        drawing,
        is_given_out: false,
    };
    let report = ledger
        .generate_codes_within(
            &order,
            &act(),
            &mut LongWork {
                random: &mut drawn(seed),
                progress: &mut |_| {},
                stop: &AtomicBool::new(false),
            },
            SMALL,
        )
        .unwrap();
    check_whole(ledger);
    report
}

#[test]
fn generated_codes_are_unique_of_their_shape_and_as_many_as_asked_for() {
    let (_folder, mut ledger) = fresh();
    let shape = Shape::new("Sp-", 10).unwrap();
    assert_eq!(
        generate(&mut ledger, 5000, Drawing::Shape(shape.clone()), 1)
            .unwrap()
            .stored,
        5000
    );
    let codes = exported(&mut ledger);
    assert_eq!(codes.len(), 5000);
    for code in codes.keys() {
        let folded = crate::domain::code::fold(code).unwrap();
        assert!(
            code.starts_with("Sp-") && shape.matches(folded.as_str()),
            "{code}"
        );
    }
    assert_eq!(
        number(&mut ledger, "SELECT count(*) FROM shape WHERE length = 10"),
        1
    );
    // The same bytes once more: every code is taken, and each is replaced.
    assert_eq!(
        generate(&mut ledger, 5000, Drawing::Shape(shape), 1)
            .unwrap()
            .stored,
        5000
    );
    assert_eq!(exported(&mut ledger).len(), 10_000);
}

#[test]
fn twins_within_a_draw_are_replaced() {
    let (_folder, mut ledger) = fresh();
    let pattern = || Drawing::Pattern(Pattern::parse("ab-#####??").unwrap());
    assert_eq!(
        generate(&mut ledger, 15_000, pattern(), 3).unwrap().stored,
        15_000
    );
    assert_eq!(exported(&mut ledger).len(), 15_000);
    for count in [0, 30_000] {
        assert!(matches!(
            generate(&mut ledger, count, pattern(), 4),
            Err(Refusal::Faulty(_))
        ));
    }
}

#[test]
fn ordinals_do_not_follow_the_order_of_codes() {
    let (_folder, mut ledger) = fresh();
    import(&mut ledger, many(3000), &order());
    let ups = number(
        &mut ledger,
        "SELECT count(*) FROM code a JOIN code b ON b.id = a.id + 1 WHERE b.ordinal > a.ordinal",
    );
    assert!((1300..1700).contains(&ups), "{ups}");
    assert_eq!(number(&mut ledger, "SELECT max(ordinal) FROM code"), 2999);
    import(&mut ledger, "X1\nX2\n", &order());
    assert_eq!(number(&mut ledger, "SELECT max(ordinal) FROM code"), 3001);
}

#[test]
fn the_last_24_hours_are_counted_to_the_moment() {
    let (_folder, mut ledger) = fresh();
    let now_ms = act().now.as_millisecond();
    let day = 24 * 3_600_000;
    for (campaign, ago_ms) in [
        (1, day + 1),
        (1, day),
        (1, day - 1),
        (2, day - 1),
        (1, 30 * 60_000),
        (1, 0),
    ] {
        ledger
            .write("assign", "a code", |writing| {
                let entry = writing.append(
                    crate::domain::entry::Fact::RestoreSettled,
                    &crate::ledger::Setting {
                        at_ms: now_ms - ago_ms,
                        ..crate::ledger::setting_of(&act())
                    },
                )?;
                writing.tx.execute(
                    "UPDATE entry SET kind = 'assigned', campaign = $1, at_ms = $2 WHERE id = $3",
                    &[
                        i64::from(campaign).into(),
                        (now_ms - ago_ms).into(),
                        entry.local.into(),
                    ],
                )?;
                crate::ledger::tally::count_hour(
                    writing.tx,
                    i64::from(campaign),
                    "assigned",
                    now_ms - ago_ms,
                    entry.local,
                )
            })
            .unwrap();
    }
    for (minutes, expected) in [(0, [3, 1]), (29, [2, 0]), (24 * 60, [0, 0])] {
        let now = act().now + jiff::SignedDuration::from_mins(minutes);
        let pools = ledger.pools(None, now).unwrap().unwrap();
        let found: Vec<u64> = pools.iter().map(|pool| pool.assigned_last_24h).collect();
        assert_eq!(found, expected, "{minutes}");
    }
    assert!(matches!(
        ledger.pools(Some(&id("nowhere")), act().now).unwrap(),
        Err(Refusal::NoSuchCampaign(_))
    ));
}

#[test]
fn kinds_of_contact_keep_their_numbers() {
    for kind in [
        ContactKind::Email,
        ContactKind::Phone,
        ContactKind::Loyalty,
        ContactKind::ExternalId,
    ] {
        assert_eq!(customers::kind_of(customers::kind_number(kind)), Some(kind));
    }
}
