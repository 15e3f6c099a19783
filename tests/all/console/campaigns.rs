//! Campaigns on the real console: begun, changed, paused, and kept with who did it.

use crate::console::pty::{Console, F5};
use crate::console::scans::grouped;
use crate::console::shop::Shop;

const DOWN: &[u8] = b"\x1b[B";

fn at_the_page(shop: &Shop) -> Console {
    let mut console = shop.console_with(&["--counter", "till 1"]);
    console.wait_for("SIGN IN");
    console.type_line("2580");
    console.wait_for("ana (cashier)");
    console.send_alone(F5);
    console.wait_for("─ POOLS ─");
    console.send_alone(F5);
    console.wait_for("Letter, Enter:");
    console
}

#[test]
fn a_manager_begins_changes_and_pauses_a_campaign_at_the_counter() {
    let (shop, codes) = Shop::with_codes(2);
    shop.operator("ana", "cashier", "2580");
    shop.operator("mia", "manager", "86420");
    let mut console = at_the_page(&shop);
    console.type_line("n");
    console.wait_for("Another campaign");
    console.type_line("summer");
    console.type_line("Ice cream");
    console.type_line("2099-08-31");
    console.wait_for("Begin summer");
    // A cashier's own PIN is none of a manager.
    console.type_line("2580");
    console.wait_for("the PIN is wrong");
    console.type_line("86420");
    console.wait_for("summer has begun");
    // The first one has codes that are given out, and ends sooner from now on.
    console.send_alone(b"\r");
    console.wait_for("The rules of coffee");
    console.send_alone(DOWN);
    console.send_alone(DOWN);
    console.send_alone(b"\x15");
    console.type_line("2098-12-31");
    console.wait_for("2 codes that are given out and not used up would end sooner");
    console.type_line("y");
    console.wait_for("Change coffee – a manager's PIN");
    console.type_line("86420");
    console.wait_for("coffee is changed");
    console.type_line("p");
    console.wait_for("Pause coffee?");
    console.send_alone(b"\r");
    console.wait_for("Pause coffee – a manager's PIN");
    console.type_line("86420");
    console.wait_for("coffee is PAUSED");
    // What is drawn is what is kept.
    let shown = shop.json(&["campaign", "list"]);
    assert_eq!(shown[0]["is_paused"], true);
    assert_eq!(shown[1]["campaign"], "summer");
    assert_eq!(shown[1]["offer"], "Ice cream");
    let entries: Vec<(String, String)> = shop
        .json(&["log"])
        .iter()
        .map(|line| {
            let of = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
            (of("kind"), of("operator"))
        })
        .collect();
    for kind in ["campaign_created", "campaign_changed", "campaign_paused"] {
        let entry = (kind.to_owned(), "mia".to_owned());
        assert!(entries.contains(&entry), "{kind}: {entries:?}");
    }
    // A scan on the page is judged, by the campaign as it is now.
    console.scan(&codes[0]);
    console.wait_for(&grouped(&codes[0]));
    assert!(shop.accepted().is_empty());
}
