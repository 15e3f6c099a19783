//! Signing in by PIN and badge, what a scan does meanwhile, and the first run.

use std::path::PathBuf;

use crate::console::pty::{Console, F10, SILENCE};
use crate::console::scans::grouped;
use crate::console::shop::{Shop, run};

const NOT_JUDGED: &str = "sign in and scan again";

/// A shop with a cashier, a manager and codes; nobody is at the counter yet.
fn staffed(count: usize) -> (Shop, Vec<String>, Console) {
    let (shop, codes) = Shop::with_codes(count);
    shop.operator("ana", "cashier", "2580");
    shop.operator("mia", "manager", "86420");
    let mut console = shop.console_with(&["--counter", "till 1"]);
    console.wait_for("SIGN IN");
    (shop, codes, console)
}

#[test]
fn a_cashier_signs_in_redeems_under_their_name_and_signs_out() {
    let (shop, codes, mut console) = staffed(1);
    console.type_line("2580");
    console.wait_for("ana (cashier)");
    console.scan(&codes[0]);
    console.wait_for(&grouped(&codes[0]));
    assert_eq!(
        shop.json(&["log", "--outcome", "accepted"])[0]["operator"],
        "ana"
    );
    console.send_alone(F10);
    console.wait_for("SIGN IN");
    assert!(!console.screen().contains("ana (cashier)"));
    // The other one in the list.
    console.send_alone(b"\x1b[B");
    console.type_line("86420");
    console.wait_for("mia (manager)");
    console.send_alone(F10);
    console.wait_for("SIGN IN");
    let status = console.leave();
    assert!(status.success());
}

#[test]
fn wrong_pins_lock_the_counter_and_a_badge_still_signs_in() {
    let (shop, _, mut console) = staffed(1);
    let badge = badge_of(&shop, "mia");
    for _ in 0..3 {
        console.type_line("9999");
        console.wait_for("the PIN is wrong");
    }
    console.type_line("9999");
    console.wait_for("Locked for another");
    // The lock is the counter's own, and outlives its console.
    console.type_line("2580");
    assert!(console.screen().contains("SIGN IN"));
    let mut again = shop.console_with(&["--counter", "till 1"]);
    again.wait_for("SIGN IN");
    again.type_line("2580");
    again.wait_for("Locked for another");
    let mut other = shop.console_with(&["--counter", "till 2"]);
    other.wait_for("SIGN IN");
    other.type_line("2580");
    other.wait_for("ana (cashier)");
    console.scan(&badge);
    console.wait_for("mia (manager)");
    assert_eq!(shop.json(&["log", "--outcome", "wrong_pin"]).len(), 4);
}

#[test]
fn a_scan_is_no_pin_attempt_and_is_not_judged_before_somebody_signs_in() {
    let (shop, codes, mut console) = staffed(2);
    for _ in 0..3 {
        console.type_line("9999");
        console.wait_for("the PIN is wrong");
    }
    // One more wrong PIN would lock. Half a PIN is typed; then codes, and even the PIN itself.
    console.type_keys(b"25");
    for text in [
        &codes[0],
        "2580",
        "86420",
        &codes[1],
        "4006381333931",
        "9999",
    ] {
        console.pass(SILENCE);
        console.scan(text);
        console.pass(SILENCE);
        console.wait_for(NOT_JUDGED);
        assert!(console.screen().contains("SIGN IN"));
    }
    console.type_line("80");
    console.wait_for("ana (cashier)");
    assert_eq!(shop.json(&["log", "--outcome", "wrong_pin"]).len(), 3);
    assert!(shop.answers().is_empty(), "{:?}", shop.answers());
    console.scan(&codes[0]);
    console.wait_for(&grouped(&codes[0]));
    assert_eq!(shop.accepted(), codes[..1]);
}

#[test]
fn a_code_typed_slowly_into_the_pin_field_is_a_scan_too() {
    let (shop, codes, mut console) = staffed(1);
    console.type_line(&codes[0]);
    console.wait_for(NOT_JUDGED);
    assert!(shop.json(&["log", "--outcome", "wrong_pin"]).is_empty());
    assert!(shop.answers().is_empty());
}

#[test]
fn a_badge_signs_in_and_changes_the_operator_anywhere() {
    let (shop, codes, mut console) = staffed(2);
    let ana = badge_of(&shop, "ana");
    let former = badge_of(&shop, "mia");
    let mia = badge_of(&shop, "mia");
    console.scan(&former);
    console.wait_for(NOT_JUDGED);
    console.scan(&ana);
    console.wait_for("ana (cashier)");
    console.scan(&codes[0]);
    console.wait_for(&grouped(&codes[0]));
    console.send_alone(crate::console::pty::F1);
    console.scan(&mia);
    console.wait_for("mia (manager)");
    console.scan(&codes[1]);
    console.wait_for(&grouped(&codes[1]));
    let lines = shop.json(&["log", "--outcome", "accepted"]);
    let names: Vec<_> = lines.iter().map(|line| line["operator"].clone()).collect();
    assert_eq!(names, ["ana", "mia"]);
    assert!(!shop.ok(&["log"]).out.contains(&mia), "a badge is a secret");
}

#[test]
fn a_new_shop_is_set_up_by_typing_and_scans_wait_for_it() {
    let shop = Shop::without_ledger();
    let mut console = first_run(&shop);
    console.type_keys("Mill Lane".as_bytes());
    console.send_alone(b"BCDFGHJKLNPRST\r");
    console.wait_for("Mill Lane");
    assert!(
        !console.screen().contains("BCDFGHJKLNPRST"),
        "{}",
        console.screen()
    );
    console.send_alone(b"\r");
    console.send_alone(b"\x15");
    console.type_line("Europe/Rome");
    go_to(&mut console, "Signing in");
    // Each person with a PIN.
    console.send_alone(b"\r");
    for line in ["mia", "86420", "86420", "ana", "2580", "2580"] {
        console.type_line(line);
    }
    assert!(!console.screen().contains("2580"));
    console.send_alone(b"\r");
    console.wait_for("SIGN IN");
    console.type_line("2580");
    console.wait_for("ana (cashier)");
    assert!(console.row(0).contains("Mill Lane"));
    let mut command = shop.bare_command(&[]);
    command.args(["--json", "operator", "list"]);
    let done = run(command, b"");
    assert_eq!(done.code, 0, "{done:?}");
    let names: Vec<_> = done
        .lines()
        .iter()
        .map(|line| line["operator"].clone())
        .collect();
    assert_eq!(names, ["ana", "mia"]);
    let mut command = shop.bare_command(&[]);
    command.args(["--json", "log"]);
    let done = run(command, b"");
    assert!(
        done.lines().iter().all(|line| line["kind"] != "redeem"),
        "{done:?}"
    );
}

#[test]
fn a_new_shop_may_be_one_where_nobody_signs_in() {
    let shop = Shop::without_ledger();
    let mut console = first_run(&shop);
    console.type_line("Mill Lane");
    go_to(&mut console, "Signing in");
    console.send_alone(b"\x1b[C");
    console.wait_for("nobody signs in here");
    console.send_alone(b"\r");
    console.send_alone(b"\r");
    console.wait_for("Ready for the next scan");
    assert!(console.row(0).contains("open to all"));
    let status = console.leave();
    assert!(status.success());
    assert!(default_place(&shop).join("counterfoil.toml").exists());
    // The next start asks nothing.
    let mut console = Console::open(shop.bare_command(Console::IN_A_SESSION));
    console.wait_for("Ready for the next scan");
}

#[test]
fn a_set_up_that_is_left_leaves_nothing() {
    let shop = Shop::without_ledger();
    let mut console = first_run(&shop);
    console.type_line("Mill Lane");
    let status = console.leave();
    assert!(status.success());
    assert!(!default_place(&shop).join("counterfoil.toml").exists());
    first_run(&shop);
}

fn first_run(shop: &Shop) -> Console {
    let mut console = Console::open(shop.bare_command(Console::IN_A_SESSION));
    console.wait_for("SET UP THIS SHOP");
    console
}

/// From line to line of the form, until one is marked.
fn go_to(console: &mut Console, label: &str) {
    let mark = format!("› {label}");
    for _ in 0..10 {
        if console.screen().contains(&mark) {
            return;
        }
        console.send_alone(b"\r");
    }
    panic!("no line {label}\n{}", console.screen());
}

fn default_place(shop: &Shop) -> PathBuf {
    shop.folder().join("share").join("counterfoil")
}

fn badge_of(shop: &Shop, name: &str) -> String {
    let line = &shop.json(&["operator", "set-badge", name])[0];
    line["badge"].as_str().expect("a badge").to_owned()
}
