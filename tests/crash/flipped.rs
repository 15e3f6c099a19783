//! Damage that SQLite does not see: a flipped bit in the write-ahead log, and rows changed by hand.

use rusqlite::{Connection, OpenFlags};

use crate::dice::Dice;
use crate::shop::{Shop, Till, code, number, text};

const SEED: u64 = 0x0f11_2026;

#[test]
fn a_flipped_bit_in_the_write_ahead_log_is_told_and_begins_a_new_life() {
    let mut dice = Dice::new(SEED);
    for _ in 0..4 * crate::soak() {
        let shop = Shop::with(&[], 42);
        let mut till = Till::up(shop.folder(), "till", &[]);
        for number in 0..40 {
            assert_eq!(till.scan(&code(number)), "accepted");
        }
        // Killed, it leaves its write-ahead log.
        till.kill();
        let log = shop.folder().join("ledger.db-wal");
        let mut bytes = std::fs::read(&log).unwrap();
        let flipped = dice.below(bytes.len());
        bytes[flipped] ^= 1 << dice.below(8);
        std::fs::write(&log, &bytes).unwrap();
        let place = format!("byte {flipped} of {}, seed {SEED:#x}", bytes.len());

        let (exit, faults) = shop.verify();
        let kept = shop.count("SELECT count(*) FROM entry WHERE kind = 'redeemed'");
        let told = format!("{} entries that were committed are missing", 40 - kept);
        assert_eq!(exit, 5, "{place}");
        assert!(faults.contains(&told), "{faults}; {kept} are left, {place}");
        assert_eq!(
            std::fs::read(&log).unwrap(),
            bytes,
            "verify changes nothing"
        );
        assert_eq!(shop.count("SELECT count(*) FROM pragma_integrity_check"), 1);

        let first = shop.run(&["redeem", &code(41)]);
        assert!(
            first.errors.contains("lacks entries that were committed"),
            "{}",
            first.errors
        );
        assert_eq!(text(first.json(), "verdict"), "needs_approval", "{place}");
        // Honoured before and forgotten since: a manager decides.
        assert_eq!(shop.redeem(&code(39)), "needs_approval", "{place}");
        for number in 0..usize::try_from(kept).unwrap() {
            assert_eq!(shop.redeem(&code(number)), "already_redeemed", "{place}");
            if number > 2 {
                break;
            }
        }
        let approved = [
            "redeem",
            &code(41),
            "--override",
            "--reason",
            "asked the customer",
        ];
        assert_eq!(text(shop.run(&approved).json(), "verdict"), "accepted");
        shop.assert_well();
        let verified = shop.run(&["verify"]);
        assert_eq!(number(verified.json(), "rebirths"), 1);
    }
}

/// What may be changed by hand, and what `verify` then names.
const TAMPERINGS: [(&str, &str); 18] = [
    (
        "UPDATE entry SET body = replace(body, '\"till\"', '\"tall\"') WHERE kind = 'redeemed' AND code = 3",
        "the chain",
    ),
    (
        "UPDATE entry SET hash = zeroblob(32) WHERE code = 3",
        "the chain",
    ),
    (
        "UPDATE entry SET kind = 'voided' WHERE code = 3",
        "the chain",
    ),
    ("UPDATE entry SET code = 4 WHERE code = 3", "the chain"),
    (
        "UPDATE entry SET at_ms = at_ms - 1 WHERE code = 3",
        "the chain",
    ),
    ("DELETE FROM entry WHERE code = 3", "the chain"),
    (
        "DELETE FROM entry WHERE id = (SELECT max(id) FROM entry)",
        "the chain",
    ),
    (
        "INSERT INTO entry (node, incarnation, seq, at_ms, kind, body, hash) SELECT 1, 1, max(seq) + 1, \
         max(at_ms), 'restore_settled', '{}', zeroblob(32) FROM entry",
        "the chain",
    ),
    (
        "INSERT INTO entry (node, incarnation, seq, at_ms, kind, body, hash) \
         SELECT node, 2, seq, at_ms, kind, body, hash FROM entry WHERE seq = 5",
        "the chain",
    ),
    (
        "UPDATE side SET text = replace(text, 'a slip', 'a whim')",
        "erasable text",
    ),
    ("UPDATE code SET uses_made = 0 WHERE id = 3", "the tallies"),
    (
        "UPDATE code SET uses_made = 0, state = 1 WHERE id = 3; UPDATE tally SET \
         redeemed = redeemed - 1, assigned = assigned + 1, uses_made = uses_made - 1",
        "the tallies",
    ),
    (
        "UPDATE tally SET redeemed = redeemed - 1, assigned = assigned + 1",
        "the tallies",
    ),
    (
        "UPDATE code SET folded = 'SHOP99999KEEP' WHERE id = 9",
        "the codes of batch",
    ),
    (
        "DELETE FROM code WHERE id = 9; UPDATE tally SET assigned = assigned - 1",
        "the codes of batch",
    ),
    (
        "DELETE FROM code WHERE id = 12; UPDATE tally SET assigned = assigned - 1; \
         UPDATE batch SET code_count = 11",
        "the codes of batch",
    ),
    (
        "INSERT INTO code (id, folded, campaign, batch, state, holder, grant_number) \
         VALUES (900, 'FORGED', 1, 1, 1, 1, 1); UPDATE tally SET assigned = assigned + 1",
        "never imported",
    ),
    (
        "INSERT INTO reversal SELECT id, id FROM entry WHERE code = 3; \
         UPDATE code SET uses_made = 0, state = 1 WHERE id = 3; UPDATE tally SET \
         redeemed = redeemed - 1, assigned = assigned + 1, uses_made = uses_made - 1",
        "no entry tells of it",
    ),
];

#[test]
fn rows_changed_by_hand_are_found() {
    let shop = Shop::with(&[], 12);
    let mut till = Till::up(shop.folder(), "till", &[]);
    for number in 0..6 {
        assert_eq!(till.scan(&code(number)), "accepted");
    }
    till.close();
    let undo = ["reverse", &code(0), "--reason", "a slip"];
    assert_eq!(text(shop.run(&undo).json(), "reversal"), "reversed");
    shop.assert_well();
    let file = shop.folder().join("ledger.db");
    let whole = std::fs::read(&file).unwrap();
    for (tampering, named) in TAMPERINGS {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
        let connection = Connection::open_with_flags(&file, flags).unwrap();
        connection.execute_batch(tampering).unwrap();
        connection.close().unwrap();
        let (exit, faults) = shop.verify();
        assert_eq!(exit, 5, "{tampering}");
        assert!(faults.contains(named), "{tampering}: {faults}");
        // In place: the same file, as it was.
        std::fs::write(&file, &whole).unwrap();
        assert_eq!(shop.verify(), (0, "[]".to_owned()), "undone: {tampering}");
    }
}
