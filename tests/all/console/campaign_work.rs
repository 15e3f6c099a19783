//! Long work from the real console: an import through the file picker with scans meanwhile, a stop and
//! a signal that leave nothing half, a generation, a preflight, and who may begin them.

use std::fmt::Write as _;
use std::fs;

use rustix::process::Signal;

use crate::console::pty::{Console, F2, F5};
use crate::console::scans::grouped;
use crate::console::shop::Shop;

/// More rows than can be stored while a few keys are typed.
const MANY: u32 = 800_000;

/// A list of codes in the home folder.
fn list(shop: &Shop, name: &str, count: u32) {
    let mut text = String::from("code\n");
    for number in 0..count {
        writeln!(text, "LIST-{number:07}").expect("written");
    }
    fs::write(shop.folder().join(name), text).expect("a list");
}

fn at_campaigns(console: &mut Console) {
    console.send_alone(F5);
    console.wait_for("[POOLS]");
    console.send_alone(F5);
    console.wait_for("[CAMPAIGNS]");
    console.wait_for("Free coffee");
}

/// From the campaigns through the picker to the look at the list.
fn pick(console: &mut Console, name: &str) {
    console.type_line("i");
    console.wait_for("Backspace: up");
    console.wait_for(name);
    console.type_line(name);
    console.wait_for("one column, the code (by its header)");
}

/// The pool of the only campaign: all codes, and those that can be claimed.
fn pool(shop: &Shop) -> (u64, u64) {
    let pools = shop.json(&["pool"]);
    let figure = |key: &str| pools[0][key].as_u64().expect("a figure");
    (figure("total"), figure("available"))
}

/// The entries of imports and generations, each with its operator.
fn stored(shop: &Shop) -> Vec<(String, String)> {
    let lines = shop.json(&["log"]);
    let of =
        |line: &serde_json::Value, key: &str| line[key].as_str().unwrap_or_default().to_owned();
    lines
        .iter()
        .map(|line| (of(line, "kind"), of(line, "operator")))
        .filter(|(kind, _)| kind.starts_with("codes_"))
        .collect()
}

#[test]
fn a_list_is_imported_through_the_picker_and_a_code_of_it_is_honoured() {
    let (shop, codes) = Shop::with_codes(1);
    let text = "code\nPAPER-1\nPAPER-2\nPAPER 1\n";
    fs::write(shop.folder().join("paper.csv"), text).expect("a list");
    let mut console = shop.console("till 1");
    at_campaigns(&mut console);
    pick(&mut console, "paper.csv");
    assert!(console.screen().contains("PAPER-2"), "{}", console.screen());
    // One bad row, and nothing is stored.
    console.send_alone(b"\r");
    console.wait_for("NOTHING STORED: 1 bad rows");
    console.wait_for("line 4, code: PAPER 1");
    console.wait_for("paper.csv.bad.csv");
    assert_eq!(pool(&shop), (1, 0));
    console.send_alone(b"\r");
    console.wait_for("[CAMPAIGNS]");
    // Given out already, without the bad one.
    pick(&mut console, "paper.csv");
    console.send_alone(b" ");
    console.send_alone(b"\x1b[B");
    console.send_alone(b" ");
    console.send_alone(b"\r");
    console.wait_for("2 codes stored in coffee, 1 bad rows left out");
    console.scan("PAPER-2");
    console.wait_for("#1");
    console.scan(&codes[0]);
    console.wait_for(&grouped(&codes[0]));
    assert_eq!(shop.accepted(), ["PAPER-2", &codes[0]]);
    assert_eq!(pool(&shop), (3, 0));
}

#[test]
fn scans_go_on_while_a_list_is_imported_and_a_stop_leaves_nothing_half() {
    let (shop, codes) = Shop::with_codes(3);
    list(&shop, "many.csv", MANY);
    let mut console = shop.console("till 1");
    at_campaigns(&mut console);
    pick(&mut console, "many.csv");
    console.send_alone(b"\r");
    console.wait_for("rows read");
    console.send_alone(F2);
    console.wait_for("importing");
    console.scan(&codes[0]);
    console.wait_for(&grouped(&codes[0]));
    assert_eq!(shop.accepted(), codes[..1], "scans go on meanwhile");
    assert!(
        console.screen().contains("importing"),
        "{}",
        console.screen()
    );
    console.send_alone(F5);
    console.wait_for("[POOLS]");
    console.send_alone(F5);
    console.wait_for("storing");
    // Another process sees nothing of what is stored so far.
    assert_eq!(pool(&shop), (3, 0));
    console.send_alone(b"\x1b");
    console.wait_for("Stop it?");
    console.send_alone(b"\r");
    console.wait_for("STOPPED; nothing of it is stored");
    assert_eq!(pool(&shop), (3, 0));
    assert_eq!(shop.run(&["codes", "show", "LIST-0000007"]).code, 1);
    shop.ok(&["verify"]);
    // Its codes are taken later, as if nothing had been.
    list(&shop, "few.csv", 1_000);
    shop.ok(&["codes", "import", "--campaign", "coffee", "few.csv"]);
    assert_eq!(pool(&shop), (1_003, 1_000));
    console.scan(&codes[1]);
    console.wait_for(&grouped(&codes[1]));
}

#[test]
fn a_signal_stops_it_cleanly_before_the_console_ends() {
    let (shop, _) = Shop::with_codes(1);
    list(&shop, "many.csv", MANY);
    let mut console = shop.console("till 1");
    at_campaigns(&mut console);
    pick(&mut console, "many.csv");
    console.send_alone(b"\r");
    console.wait_for("rows read");
    console.signal(Signal::TERM);
    let status = console.end();
    assert!(status.success(), "{status}");
    assert!(console.is_terminal_restored());
    assert_eq!(pool(&shop), (1, 0));
    assert_eq!(stored(&shop).len(), 1, "only what the shop began with");
    shop.ok(&["verify"]);
}

#[test]
fn a_manager_begins_it_and_stands_in_its_entry() {
    let (shop, _) = Shop::with_codes(0);
    shop.operator("ana", "cashier", "2580");
    shop.operator("mia", "manager", "86420");
    let mut console = shop.console_with(&["--counter", "till 1"]);
    console.wait_for("SIGN IN");
    console.type_line("2580");
    console.wait_for("ana (cashier)");
    at_campaigns(&mut console);
    console.type_line("g");
    console.wait_for("A manager must approve this");
    console.type_line("2580");
    console.wait_for("the PIN is wrong");
    console.type_line("86420");
    console.wait_for("such as");
    console.type_line("25");
    console.type_line("CF-");
    console.wait_for("such as CF-");
    console.send_alone(b"\r");
    console.send_alone(b"\r");
    console.wait_for("25 codes stored in coffee");
    assert_eq!(pool(&shop), (25, 25));
    let by_mia = ("codes_added".to_owned(), "mia".to_owned());
    assert_eq!(stored(&shop), [by_mia]);
    assert!(
        shop.codes_of("coffee")
            .iter()
            .all(|code| code.starts_with("CF-"))
    );
}

#[test]
fn a_preflight_is_played_step_by_step_and_leaves_the_ledger_alone() {
    let shop = Shop::new();
    shop.campaign("coffee", &["--offer", "Free coffee"], 0);
    shop.ok(&["codes", "generate", "--campaign", "coffee", "--count", "60"]);
    let before = shop.json(&["log"]).len();
    let mut console = shop.console("till 1");
    at_campaigns(&mut console);
    console.type_line("f");
    console.wait_for("customers to have a code");
    console.type_line("50");
    console.wait_for("PASS");
    console.wait_for("0 failed");
    console.wait_for("nothing here was changed");
    assert_eq!(shop.json(&["log"]).len(), before);
    assert_eq!(pool(&shop), (60, 60));
}
