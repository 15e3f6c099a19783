//! Operators on the real console and on the command line: the page, badges, roles, the lock.

use std::fs;

use crate::console::pty::{Console, F4, F5, F7, F9, F10};
use crate::console::scans::grouped;
use crate::console::shop::Shop;

/// A shop with a cashier and a manager, and the manager at the page of the operators.
fn at_the_page(count: usize) -> (Shop, Vec<String>, Console) {
    let (shop, codes) = Shop::with_codes(count);
    shop.operator("ana", "cashier", "2580");
    shop.operator("mia", "manager", "86420");
    let mut console = shop.console_with(&["--counter", "till 1"]);
    console.wait_for("SIGN IN");
    console.type_line("2580");
    console.wait_for("ana (cashier)");
    // From page to page of the same key.
    for _ in 0..9 {
        if console.screen().contains("─ OPERATORS ─") {
            break;
        }
        console.send_alone(F5);
    }
    console.wait_for("LAST SEEN");
    (shop, codes, console)
}

fn kinds(shop: &Shop) -> Vec<(String, String)> {
    let lines = shop.json(&["log"]);
    let of =
        |line: &serde_json::Value, key: &str| line[key].as_str().unwrap_or_default().to_owned();
    lines
        .iter()
        .map(|line| (of(line, "kind"), of(line, "operator")))
        .collect()
}

#[test]
fn a_manager_adds_somebody_and_gives_them_a_badge_at_the_counter() {
    let (shop, codes, mut console) = at_the_page(1);
    console.send_alone(F7);
    console.wait_for("Another operator");
    console.type_line("zoe");
    console.send_alone(b"\r");
    console.type_line("13579");
    console.type_line("13579");
    console.wait_for("a manager's PIN");
    // A cashier's own PIN is none of a manager.
    console.type_line("2580");
    console.wait_for("the PIN is wrong");
    console.type_line("86420");
    console.wait_for("zoe may sign in from now on, as a cashier");
    // The badge: a code that is scanned there is redeemed, a product is refused.
    console.send_alone(b"\x1b[6~");
    console.send_alone(b"\r");
    console.wait_for("What is changed about zoe?");
    console.type_line("2");
    console.wait_for("scan it now");
    console.scan("4006381333931");
    console.wait_for("that is a product barcode, and no badge");
    console.scan(&codes[0]);
    console.wait_for("that was a customer's code");
    console.wait_for(&grouped(&codes[0]));
    assert_eq!(shop.accepted(), codes);
    console.scan("STAFF-0042-Z");
    console.wait_for("read. Enter goes on");
    console.send_alone(b"\r");
    console.wait_for("a manager's PIN");
    console.type_line("86420");
    console.wait_for("zoe signs in with this badge");
    assert!(!console.screen().contains("STAFF"));
    // One scan changes the shift.
    console.scan("STAFF-0042-Z");
    console.wait_for("zoe (cashier)");
    console.send_alone(F10);
    console.wait_for("SIGN IN");
    let by_mia = |kind: &str| (kind.to_owned(), "mia".to_owned());
    let said = kinds(&shop);
    assert!(said.contains(&by_mia("operator_added")), "{said:?}");
    assert!(said.contains(&by_mia("operator_badge_set")), "{said:?}");
    assert!(
        !shop.ok(&["log"]).out.contains("STAFF"),
        "a badge is a secret"
    );
    let listed = shop.json(&["operator", "list"]);
    assert_eq!(listed[2]["operator"], "zoe");
    assert_eq!(listed[2]["has_badge"], true);
    assert!(listed[2]["last_seen_at"].is_string(), "{listed:?}");
    // A code that comes later and reads the same is a customer's, and signs nobody in.
    shop.import("coffee", "STAFF-0042-Z\n");
    console.type_line("2580");
    console.wait_for("ana (cashier)");
    console.scan("STAFF-0042-Z");
    console.wait_for("used 1 of 1");
    assert_eq!(
        shop.accepted().last().map(String::as_str),
        Some("STAFF-0042-Z")
    );
    assert!(console.screen().contains("ana (cashier)"));
}

#[test]
fn the_last_manager_stays_while_others_sign_in() {
    let (shop, _, mut console) = at_the_page(0);
    console.send_alone(b"\x1b[B");
    console.send_alone(b"\r");
    console.wait_for("What is changed about mia?");
    console.type_line("4");
    console.wait_for("Remove mia?");
    console.send_alone(b"\r");
    console.wait_for("a manager's PIN");
    console.type_line("86420");
    console.wait_for("mia is the last manager with a PIN");
    console.send_alone(b"\x1b");
    let last = shop.run(&["--json", "operator", "remove", "mia"]);
    assert_eq!(
        (last.code, last.error()["code"].as_str()),
        (1, Some("last_manager"))
    );
    let last = shop.run(&["--json", "operator", "set-role", "mia", "cashier"]);
    assert_eq!(
        (last.code, last.error()["code"].as_str()),
        (1, Some("last_manager"))
    );
    // Who is removed elsewhere is signed out here; the last of all may go, and it is said.
    shop.ok(&["operator", "remove", "ana"]);
    console.wait_for("who may sign in here has changed");
    shop.ok(&["operator", "remove", "mia"]);
    console.wait_for("NOBODY SIGNS IN any more");
    console.wait_for("open to all");
}

#[test]
fn an_idle_console_locks_itself_as_configured() {
    let (shop, codes) = Shop::with_codes(2);
    shop.operator("mia", "manager", "86420");
    let file = shop.data().join("counterfoil.toml");
    fs::write(file, "[console]\nlock_after_s = 1\n").expect("written");
    let rows = shop.json(&["config"]);
    let row = rows
        .iter()
        .find(|row| row["name"] == "console.lock_after_s");
    assert_eq!(
        row.map(|row| row["value"].clone()),
        Some("1".into()),
        "{rows:?}"
    );
    let mut console = shop.console_with(&["--counter", "till 1"]);
    console.wait_for("SIGN IN");
    console.type_line("86420");
    console.wait_for("mia (manager)");
    console.scan(&codes[0]);
    console.wait_for("LOCKED: nobody was here for 1 seconds");
    console.scan(&codes[1]);
    console.wait_for("sign in and scan again");
    assert_eq!(shop.accepted(), codes[..1]);
}

#[test]
fn a_manager_shows_one_whole_contact_and_it_is_kept_who_did() {
    let (shop, _) = Shop::with_codes(0);
    shop.campaign("club", &["--offer", "Tea"], 0);
    shop.ok(&["codes", "generate", "--campaign", "club", "--count", "5"]);
    let contact = "maria.rossi@example.org";
    shop.ok(&["assign", "--campaign", "club", "--email", contact]);
    shop.operator("ana", "cashier", "2580");
    shop.operator("mia", "manager", "86420");
    let mut console = shop.console_with(&["--counter", "till 1"]);
    console.wait_for("SIGN IN");
    console.type_line("2580");
    console.wait_for("ana (cashier)");
    console.send_alone(F4);
    console.wait_for(" FIND ");
    console.type_line(contact);
    console.wait_for("m…@example.org");
    console.send_alone(F9);
    console.wait_for("Show the whole contact");
    console.send_alone(b"\r");
    console.wait_for("A manager must approve this");
    console.type_line("2580");
    console.wait_for("the PIN is wrong");
    console.type_line("86420");
    console.wait_for("any key hides it again");
    assert!(
        console.screen().contains(&format!("email       {contact}")),
        "{}",
        console.screen()
    );
    console.send_alone(b"\x1b");
    console.wait_for("Enter: its life");
    let shown = shop.json(&["log", "--outcome", "shown"]);
    assert_eq!(shown.len(), 1, "{shown:?}");
    assert_eq!(
        (&shown[0]["kind"], &shown[0]["operator"]),
        (&"show_contact".into(), &"mia".into())
    );
    assert!(shown[0]["customer_id"].is_string());
}

/// What only a manager takes away from the shop: as a named cashier each is refused, and nothing of it
/// is printed; as a named manager each is done.
#[test]
fn a_named_cashier_can_export_nothing() {
    let (shop, codes) = Shop::with_codes(1);
    shop.ok(&["codes", "generate", "--campaign", "coffee", "--count", "2"]);
    let contact = "maria.rossi@example.org";
    shop.ok(&["assign", "--campaign", "coffee", "--email", contact]);
    let found = shop.json(&["customer", "find", contact]);
    let id = found[0]["customer_id"].as_str().expect("an id").to_owned();
    shop.operator("ana", "cashier", "2580");
    shop.operator("mia", "manager", "86420");
    let backup = shop.folder().join("backup.db").display().to_string();
    let exports: [&[&str]; 3] = [
        &["codes", "export", "--campaign", "coffee"],
        &["customer", "export", &id],
        &["backup", &backup],
    ];
    for export in exports {
        let by = |name: &str, pin: &str| {
            shop.run_with(
                &[&["--json", "--operator", name], export].concat(),
                format!("{pin}\n").as_bytes(),
            )
        };
        let refused = by("ana", "2580");
        assert_eq!(refused.code, 1, "{export:?} {refused:?}");
        assert_eq!(refused.error()["code"], "not_a_manager", "{export:?}");
        assert_eq!(refused.out, "", "{export:?}");
        assert!(!shop.folder().join("backup.db").exists(), "{export:?}");
        assert_eq!(by("mia", "86420").code, 0, "{export:?}");
    }
    // What a cashier may look at has no whole contact in it.
    let looks: [&[&str]; 4] = [
        &["customer", "find", contact],
        &["customer", "show", &id],
        &["codes", "show", &codes[0]],
        &["log"],
    ];
    for look in looks {
        let seen = shop.run_with(&[&["--json", "--operator", "ana"], look].concat(), b"");
        assert_eq!(seen.code, 0, "{look:?} {seen:?}");
        assert!(!seen.out.contains(contact), "{look:?} {seen:?}");
    }
}
