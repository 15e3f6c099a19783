//! Questions that a scan raises: a receipt, a manager; none of them blocks the next scan.

use crate::console::pty::{Console, F2, F9};
use crate::console::scans::grouped;
use crate::console::shop::Shop;

const CASHIER_PIN: &str = "2580";
const MANAGER_PIN: &str = "86420";

/// A shop where people sign in, with the cashier at the counter.
fn staffed(shop: &Shop) -> Console {
    shop.operator("ana", "cashier", CASHIER_PIN);
    shop.operator("mia", "manager", MANAGER_PIN);
    let mut console = shop.console_with(&["--counter", "till 1"]);
    console.wait_for("SIGN IN");
    console.type_line(CASHIER_PIN);
    console.wait_for("ana (cashier)");
    console
}

#[test]
fn a_manager_approves_by_pin_and_reason() {
    let shop = Shop::new();
    let codes = shop.campaign(
        "gift",
        &["--offer", "Gift card", "--require", "approval"],
        1,
    );
    let mut console = staffed(&shop);
    console.scan(&codes[0]);
    console.wait_for("Manager  mia");
    // The cashier's own PIN is none, and is asked again.
    console.type_line(CASHIER_PIN);
    console.send_alone(b"6");
    console.send_alone(b"\r");
    console.wait_for("the PIN is wrong");
    assert!(shop.accepted().is_empty());
    console.type_line(MANAGER_PIN);
    console.wait_for("typed");
    console.send_alone(b"6");
    console.wait_for("›6 goodwill");
    console.send_alone(b"\r");
    console.wait_for("used 1 of 1");
    let lines = shop.json(&["log", "--outcome", "accepted"]);
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["operator"], "ana");
    assert_eq!(lines[0]["reason"], "goodwill");
    assert!(!console.screen().contains(MANAGER_PIN));
    let written = String::from_utf8_lossy(console.written()).into_owned();
    assert!(!written.contains(MANAGER_PIN) && !written.contains(CASHIER_PIN));
}

#[test]
fn a_manager_sets_an_expiry_aside() {
    let shop = Shop::new();
    let codes = shop.campaign(
        "past",
        &["--offer", "Summer sale", "--ends", "2026-01-31"],
        2,
    );
    let mut console = staffed(&shop);
    console.scan(&codes[0]);
    console.wait_for("F9 Manager");
    console.wait_for("expired");
    console.send_alone(F9);
    console.wait_for("Manager  mia");
    console.type_line(MANAGER_PIN);
    console.wait_for("typed");
    console.send_alone(b"1");
    console.send_alone(b"\r");
    console.wait_for("used 1 of 1");
    let life = &shop.json(&["codes", "show", &codes[0]])[0];
    assert!(life.to_string().contains("expired"), "{life}");
    // The next one is refused as ever.
    console.scan(&codes[1]);
    console.wait_for("#3");
    console.wait_for("F9 Manager");
    assert_eq!(shop.accepted(), codes[..1]);
}

#[test]
fn a_receipt_is_typed_or_scanned() {
    let shop = Shop::new();
    let codes = shop.campaign("sale", &["--offer", "15 % off", "--require", "receipt"], 2);
    let mut console = shop.console("till 1");
    console.scan(&codes[0]);
    console.wait_for("Receipt number");
    assert!(shop.accepted().is_empty());
    console.type_keys(b"R-77");
    console.wait_for("Receipt number  R-77");
    console.send_alone(b"\r");
    console.wait_for("used 1 of 1");
    console.scan(&codes[1]);
    console.wait_for("Receipt number");
    // A product's barcode is no code of ours: it is the answer, and is confirmed with Enter.
    console.send_alone(b"4006381333931\r");
    console.wait_for("Receipt number  4006381333931");
    assert_eq!(shop.accepted(), codes[..1]);
    console.send_alone(b"\r");
    console.wait_until("the second one", |console| {
        console.screen().contains("accepted            2")
    });
    assert_eq!(shop.accepted(), codes);
}

#[test]
fn a_scan_drops_an_open_question_and_is_judged() {
    let shop = Shop::new();
    let sale = shop.campaign("sale", &["--offer", "15 % off", "--require", "receipt"], 2);
    let gift = shop.campaign(
        "gift",
        &["--offer", "Gift card", "--require", "approval"],
        1,
    );
    let coffee = shop.campaign("coffee", &["--offer", "Free coffee"], 3);
    let mut console = staffed(&shop);
    console.scan(&sale[0]);
    console.wait_for("Receipt number");
    console.type_keys(b"R-1");
    console.scan(&coffee[0]);
    console.wait_for(&grouped(&coffee[0]));
    assert!(!console.screen().contains("Receipt number"));
    // In the middle of a manager's PIN.
    console.scan(&gift[0]);
    console.wait_for("Manager  mia");
    console.type_keys(b"864");
    console.scan(&coffee[1]);
    console.wait_for(&grouped(&coffee[1]));
    // Another question takes the place of the first.
    console.scan(&sale[0]);
    console.wait_for("Receipt number");
    console.scan(&sale[1]);
    console.wait_for(&grouped(&sale[1]));
    console.wait_for("Receipt number");
    console.send_alone(F2);
    console.scan(&coffee[2]);
    console.wait_for(&grouped(&coffee[2]));
    assert_eq!(shop.accepted(), coffee);
    let attempts = shop.json(&["log", "--outcome", "wrong_pin"]);
    assert!(attempts.is_empty(), "{attempts:?}");
}

#[test]
fn where_nobody_signs_in_a_reason_is_enough() {
    let shop = Shop::new();
    let codes = shop.campaign(
        "gift",
        &["--offer", "Gift card", "--require", "approval"],
        1,
    );
    let mut console = shop.console("till 1");
    console.scan(&codes[0]);
    console.wait_for("goodwill");
    assert!(!console.screen().contains("PIN"));
    console.send_alone(b"2");
    console.send_alone(b"\r");
    console.wait_for("used 1 of 1");
    assert_eq!(shop.accepted(), codes);
}
