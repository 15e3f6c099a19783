//! Find: the life of a code by its last letters, a lost slip replaced, a use undone with a PIN.

use crate::console::pty::{Console, F4, F8, F9};
use crate::console::scans::grouped;
use crate::console::shop::Shop;

const CASHIER_PIN: &str = "2580";
const MANAGER_PIN: &str = "86420";

/// A shop with a campaign, of which these customers have a code each.
fn shop_with(customers: &[&str]) -> (Shop, Vec<String>) {
    let shop = Shop::new();
    shop.ok(&["campaign", "create", "coffee", "--offer", "Free coffee"]);
    shop.ok(&["codes", "generate", "--campaign", "coffee", "--count", "50"]);
    let codes = customers
        .iter()
        .map(|email| {
            let told = shop.json(&["assign", "--campaign", "coffee", "--email", email]);
            told[0]["code"].as_str().expect("a code").to_owned()
        })
        .collect();
    (shop, codes)
}

fn staffed(shop: &Shop) -> Console {
    shop.operator("ana", "cashier", CASHIER_PIN);
    shop.operator("mia", "manager", MANAGER_PIN);
    let mut console = shop.console_with(&["--counter", "till 1"]);
    console.wait_for("SIGN IN");
    console.type_line(CASHIER_PIN);
    console.wait_for("ana (cashier)");
    console
}

/// Opens the life of a code by its last letters, in small ones.
fn open_life(console: &mut Console, code: &str) {
    console.send_alone(F4);
    console.wait_for(" FIND ");
    console.type_line(&code[code.len() - 5..].to_ascii_lowercase());
    console.wait_for("1 found");
    console.send_alone(b"\r");
    console.wait_for("LIFE OF A CODE");
    console.wait_for(&grouped(code));
}

fn live_code(shop: &Shop, email: &str) -> String {
    let found = shop.json(&["customer", "find", email]);
    let codes = found[0]["codes"].as_array().expect("codes");
    let live = codes.iter().find(|code| code["state"] == "assigned");
    live.expect("one")["code"]
        .as_str()
        .expect("a code")
        .to_owned()
}

#[test]
fn a_lost_slip_is_replaced_and_only_the_new_code_is_honoured() {
    let (shop, codes) = shop_with(&["ana.bell@example.org", "ben@example.org"]);
    let mut console = staffed(&shop);
    open_life(&mut console, &codes[0]);
    console.wait_for("not used yet");
    console.wait_for("a…@example.org");
    console.send_alone(F9);
    console.wait_for("slip was lost");
    console.send_alone(b"1");
    console.wait_for("›1 slip was lost");
    console.send_alone(b"\r");
    console.wait_for("Manager  mia");
    // The cashier's own PIN is none.
    console.type_line(CASHIER_PIN);
    console.wait_for("the PIN is wrong");
    assert_eq!(live_code(&shop, "ana.bell@example.org"), codes[0]);
    console.type_line(MANAGER_PIN);
    console.wait_for("REPLACED");
    let new = live_code(&shop, "ana.bell@example.org");
    assert_ne!(new, codes[0]);
    console.wait_for(&grouped(&new));
    // The old one is refused, and why; its life stands below, once the new code is put away.
    console.scan(&codes[0]);
    console.wait_for("CANCELLED");
    console.wait_for("slip was lost");
    assert!(
        console.screen().contains("REPLACED"),
        "{}",
        console.screen()
    );
    console.send_alone(b"\x1b");
    console.wait_for("approved by mia");
    console.scan(&new);
    console.wait_for("ACCEPTED");
    console.wait_for("use 1");
    assert_eq!(shop.accepted(), [new]);
    let written = String::from_utf8_lossy(console.written()).into_owned();
    for secret in [MANAGER_PIN, CASHIER_PIN, "ana.bell"] {
        assert!(!written.contains(secret), "{secret} was drawn");
    }
    shop.ok(&["verify"]);
}

#[test]
fn a_use_is_undone_from_its_life_after_the_campaigns_end_with_a_pin() {
    let (shop, codes) = shop_with(&["ana@example.org"]);
    shop.ok(&["redeem", &codes[0]]);
    shop.ok(&["campaign", "set", "coffee", "--ends", "2026-01-31"]);
    let mut console = staffed(&shop);
    open_life(&mut console, &codes[0]);
    console.wait_for("USED 1 of 1");
    console.send_alone(F8);
    console.wait_for("UNDO the use of");
    console.send_alone(b"3");
    console.send_alone(b"\r");
    console.wait_for("Manager  mia");
    console.type_line(MANAGER_PIN);
    console.wait_for("undone: the code can be used again");
    console.wait_for("used (undone)");
    let line = &shop.json(&["log", "--outcome", "reversed"])[0];
    assert_eq!(line["reason"], "sale was cancelled");
    assert_eq!(line["operator"], "ana");
    let shown = &shop.json(&["codes", "show", &codes[0]])[0];
    assert!(shown.to_string().contains("approved by mia"), "{shown}");
}

#[test]
fn a_scan_drops_what_is_asked_and_shows_the_life_of_its_code() {
    let (shop, codes) = shop_with(&["ana@example.org", "ben@example.org"]);
    let mut console = staffed(&shop);
    open_life(&mut console, &codes[0]);
    console.send_alone(F9);
    console.wait_for("slip was lost");
    console.type_keys(b"1");
    console.scan(&codes[1]);
    console.wait_for("ACCEPTED");
    console.wait_for("USED 1 of 1");
    assert!(!console.screen().contains("REPLACE:"));
    console.send_alone(b"\r");
    assert_eq!(shop.accepted(), codes[1..]);
    assert_eq!(live_code(&shop, "ana@example.org"), codes[0]);
    // A whole code typed by hand is a scan here too.
    console.type_line(&codes[0]);
    console.wait_for("#2");
    assert_eq!(shop.accepted(), [codes[1].clone(), codes[0].clone()]);
}

#[test]
fn where_nobody_signs_in_a_reason_is_enough_and_a_given_out_code_opens_at_once() {
    let (shop, codes) = shop_with(&["ana@example.org"]);
    shop.import("coffee", "code\nMAILED-0815\n");
    let mut console = shop.console("till 1");
    console.send_alone(F4);
    console.type_line("0815");
    console.wait_for("to nobody known");
    console.wait_for("LIFE OF A CODE");
    console.send_alone(F9);
    console.wait_for("nobody to give another");
    console.send_alone(F4);
    console.type_line("nobody@example.org");
    console.wait_for("Nothing is found");
    open_life(&mut console, &codes[0]);
    console.send_alone(F9);
    console.wait_for("slip was lost");
    console.send_alone(b"2");
    console.send_alone(b"\r");
    console.wait_for("REPLACED");
    assert!(shop.accepted().is_empty());
}
