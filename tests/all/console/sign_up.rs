//! The sign-up desk: a customer is typed in, and gets one code, whatever is scanned meanwhile.

use crate::console::pty::{Console, F2, F3, F8};
use crate::console::shop::Shop;

/// A shop with a pool of codes to be given out, and one code of another campaign out there.
fn shop() -> (Shop, String) {
    let shop = Shop::new();
    let cake = shop.campaign("cake", &["--offer", "Free cake"], 1);
    shop.campaign("coffee", &["--offer", "Free coffee"], 0);
    shop.ok(&["codes", "generate", "--campaign", "coffee", "--count", "5"]);
    (shop, cake[0].clone())
}

/// Opens the form: it begins with the coffee, which has codes to give.
fn desk(shop: &Shop) -> Console {
    let mut console = shop.console("desk 1");
    console.send_alone(F3);
    console.wait_for("Campaign      ‹ coffee ›");
    console
}

fn type_in(console: &mut Console, name: &str, email: &str) {
    console.type_keys(name.as_bytes());
    console.send_alone(b"\t");
    console.type_keys(email.as_bytes());
}

/// What the pool has given out.
fn assigned(shop: &Shop) -> u64 {
    shop.json(&["pool", "--campaign", "coffee"])[0]["assigned"]
        .as_u64()
        .expect("a number")
}

#[test]
fn a_customer_is_signed_up_by_typing_and_a_scan_in_between_is_redeemed() {
    let (shop, cake) = shop();
    let mut console = desk(&shop);
    console.type_keys(b"Mar");
    console.scan(&cake);
    console.wait_for("give the offer");
    console.wait_for("Name          Mar");
    assert_eq!(shop.accepted(), [cake]);
    type_in(&mut console, "ia", "maria@example.org");
    console.wait_for("A new customer.");
    console.send_alone(b"\r");
    console.wait_for("Enter again: give Free coffee to Maria, maria@example.org");
    assert_eq!(assigned(&shop), 0, "one key gives nothing");
    console.send_alone(b"\r");
    console.wait_for("SIGNED UP");
    console.wait_for("Maria · maria@example.org");
    assert_eq!(assigned(&shop), 1);
    let known = &shop.json(&["customer", "find", "maria@example.org"])[0];
    assert_eq!(known["name"], "Maria", "{known}");
    // Home and back: the answer is still there; then the next one.
    console.send_alone(F2);
    console.wait_for("LAST SCANS");
    console.send_alone(F3);
    console.wait_for("SIGNED UP");
    console.wait_for("Enter: next customer");
    console.send_alone(b"\r");
    console.wait_for("may stay empty");
    assert!(!console.screen().contains("Maria"));
}

#[test]
fn the_same_person_again_is_told_so_and_no_second_code_is_drawn() {
    let (shop, _) = shop();
    let claim = shop.json(&[
        "assign",
        "--campaign",
        "coffee",
        "--email",
        "bo@example.org",
    ]);
    let code = claim[0]["code"].as_str().expect("a code").to_owned();
    let mut console = desk(&shop);
    type_in(&mut console, "Bo", "BO@Example.org");
    let tail: String = code.chars().skip(code.chars().count() - 4).collect();
    console.wait_for(&format!("Has one already: …{tail}"));
    console.send_alone(b"\r");
    console.wait_for("No new code is given");
    console.send_alone(b"\r");
    console.wait_for("HAS ONE ALREADY");
    assert!(!console.screen().contains(&code), "the desk sees it masked");
    assert_eq!(assigned(&shop), 1);
}

#[test]
fn a_slip_of_the_finger_is_taken_back() {
    let (shop, _) = shop();
    let mut console = desk(&shop);
    type_in(&mut console, "Ida", "ida@example.org");
    console.wait_for("A new customer.");
    console.send_alone(b"\r");
    console.wait_for("Enter again");
    console.send_alone(b"\r");
    console.wait_for("SIGNED UP");
    console.send_alone(F8);
    console.wait_for("TAKE BACK");
    console.wait_for("Ida");
    console.send_alone(b"1");
    console.send_alone(b"\r");
    console.wait_for("taken back");
    let pool = &shop.json(&["pool", "--campaign", "coffee"])[0];
    assert_eq!((&pool["assigned"], &pool["void"]), (&0.into(), &1.into()));
    // The form is as it was, and may be asked anew.
    console.wait_for("E-mail        ida@example.org");
    console.send_alone(b"\r");
    console.wait_for("Enter again");
    console.send_alone(b"\r");
    console.wait_for("SIGNED UP");
    assert_eq!(assigned(&shop), 1);
}

#[test]
fn a_loyalty_card_fills_its_line_and_is_no_attempt() {
    let (shop, _) = shop();
    let mut console = desk(&shop);
    for _ in 0..3 {
        console.send_alone(b"\t");
    }
    console.wait_for("› Loyalty no.");
    console.scan("4006381333931");
    console.wait_for("Loyalty no.   4006381333931");
    console.wait_for("A new customer.");
    assert!(shop.answers().is_empty(), "{:?}", shop.answers());
    // Elsewhere the same barcode is judged.
    console.send_alone(b"\x1b[A");
    console.scan("4006381333931");
    console.wait_for("a product barcode");
    assert_eq!(shop.answers().len(), 1);
}
