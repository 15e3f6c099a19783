//! Joining a hub through the real program: an empty ledger, a shop with all it has, forty stores.
#![expect(
    clippy::unwrap_used,
    reason = "a test's own surroundings: what fails here fails the test"
)]

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::proxy::{Cut, Trouble};
use crate::shop::{CAMPAIGN, command_on, number, text};
use crate::stage::Stage;
use crate::stores::{Store, invite};

const JOIN: &str = "/v1/sync/join";
const STOCK: &str = "/v1/sync/stock";

/// A shop that has worked alone: codes in every state, customers, redemptions.
fn shop() -> Store {
    let shop = Store::new("Riverside");
    shop.run(&["campaign", "create", "own", "--offer", "free tea"])
        .well();
    shop.run(&["codes", "generate", "--campaign", "own", "--count", "3000"])
        .well();
    let list = shop.beside("cards.csv");
    std::fs::write(&list, "CARD-0001-SAME\nCARD-0002-SAME\nCARD-0003-SAME\n").unwrap();
    let list = list.to_str().unwrap();
    shop.run(&["codes", "import", list, "--campaign", "own", "--given-out"])
        .well();
    for place in 0..6 {
        let email = format!("guest{place}@example.org");
        let given = shop.run(&["assign", "--campaign", "own", "--email", &email]);
        let code = text(given.well().json(), "code").to_owned();
        if place % 2 == 0 {
            assert_eq!(shop.redeem(&code), "accepted");
        }
    }
    assert_eq!(shop.redeem("CARD-0001-SAME"), "accepted");
    assert_eq!(shop.redeem("CARD-0002-SAME"), "accepted");
    shop.run(&["reverse", "CARD-0002-SAME", "--reason", "a slip"])
        .well();
    shop
}

/// What a pool comes to.
fn figures(pool: &Value) -> Vec<i64> {
    ["assigned", "redeemed", "void", "suspect", "uses_made"]
        .iter()
        .map(|word| number(pool, word))
        .collect()
}

#[test]
fn a_shop_with_everything_it_has_joins_however_often_it_is_cut_off() {
    let mut stage = Stage::new();
    let shop = shop();
    let before = shop.run(&["pool", "--campaign", "own"]);
    let before = figures(before.well().json());
    let token = invite(&stage.shop, "Riverside");
    let join = || shop.join(&token, &stage.proxy.address);
    let campaigns = || stage.shop.count("SELECT count(*) FROM campaign");
    for trouble in [
        Trouble::Close,
        Trouble::QuestionCut(Cut::Middle),
        Trouble::AnswerCut(Cut::Last),
    ] {
        stage.proxy.troubles(JOIN, trouble.clone());
        let ran = join();
        assert_eq!(ran.exit, 3, "{trouble:?}: {}", ran.errors);
        assert!(stage.proxy.has_met_any());
    }
    let ways = [
        Trouble::AnswerCut(Cut::Last),
        Trouble::QuestionCut(Cut::Middle),
        Trouble::Close,
        Trouble::AnswerCut(Cut::After(0)),
    ];
    let mut cuts = 0;
    for trouble in ways.iter().cycle() {
        // One piece comes through, the next meets this.
        stage.proxy.troubles_after(1, STOCK, trouble.clone());
        let ran = join();
        if ran.exit == 0 {
            break;
        }
        cuts += 1;
        assert_eq!(ran.exit, 3, "{trouble:?}: {}", ran.errors);
        assert!(stage.proxy.has_met_any(), "{trouble:?}");
        // It sells on meanwhile; and at the hub nobody sees half of it.
        assert_eq!(shop.redeem("CARD-0001-SAME"), "already_redeemed");
        assert_eq!(shop.count("SELECT count(*) FROM hub_link"), 0);
        let seen = stage.shop.run(&["campaign", "list"]);
        let seen = seen.well().lines.len();
        assert!(seen == 1 || campaigns() == 2, "{seen}");
        assert!(cuts < 40, "it gets nowhere");
    }
    assert!(cuts >= 3, "cut off {cuts} times");
    stage.proxy.heals();
    shop.sync().well();
    shop.assert_sent(&stage.shop);
    for ledger in [
        stage.shop.run(&["pool", "--campaign", "own"]),
        shop.run(&["pool", "--campaign", "own"]),
    ] {
        assert_eq!(figures(ledger.well().json()), before);
    }
    let customers = "SELECT count(*) FROM customer";
    assert_eq!(stage.shop.count(customers), shop.count(customers));
    // It goes on as it was: with its own codes, and nobody else spends them unasked.
    assert_eq!(shop.redeem("CARD-0003-SAME"), "accepted");
    shop.sync().well();
    assert_eq!(stage.uses("CARD-0003-SAME"), 1);
    assert_eq!(stage.shop.redeem("CARD-0003-SAME"), "already_redeemed");
    let found = stage.shop.run(&["customer", "find", "guest1@example.org"]);
    assert_eq!(found.well().lines.len(), 1, "{:?}", found.lines);
    assert_eq!(stage.conflicts(), 0);
    shop.assert_well();
    drop(stage.ends());
    let (exit, faults) = stage.shop.verify();
    assert_eq!((exit, faults.as_str()), (0, "[]"));
}

#[test]
fn a_shop_killed_while_it_brings_its_stock_goes_on_where_it_was() {
    let mut stage = Stage::new();
    let shop = shop();
    let token = invite(&stage.shop, "Riverside");
    let file = shop.beside("token");
    std::fs::write(&file, &token).unwrap();
    let url = format!("http://{}", stage.proxy.address);
    for (passes, trouble) in [(0, Trouble::Silent), (2, Trouble::Late), (0, Trouble::Late)] {
        stage.proxy.troubles_after(passes, STOCK, trouble);
        let mut joins = command_on(shop.folder())
            .args(["join", &url, "--token-file", file.to_str().unwrap()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        stage.proxy.has_met();
        joins.kill().unwrap();
        joins.wait().unwrap();
    }
    stage.proxy.heals();
    drop(stage.proxy.asked());
    shop.join(&token, &stage.proxy.address).well();
    let pieces = stage.proxy.asked();
    let brought = pieces.iter().filter(|path| *path == STOCK).count();
    // The pools, and what came with the answer that was late, were there.
    assert!(brought >= 1, "{pieces:?}");
    shop.sync().well();
    shop.assert_sent(&stage.shop);
    assert_eq!(shop.redeem("CARD-0003-SAME"), "accepted");
    shop.assert_well();
    drop(stage.ends());
    let (exit, faults) = stage.shop.verify();
    assert_eq!((exit, faults.as_str()), (0, "[]"));
}

#[test]
fn a_shop_with_what_the_hub_has_already_is_told_and_both_are_as_they_were() {
    let mut stage = Stage::new();
    let shop = Store::new("Riverside");
    shop.run(&["campaign", "create", CAMPAIGN, "--offer", "another"])
        .well();
    let token = invite(&stage.shop, "Riverside");
    let ran = shop.join(&token, &stage.proxy.address);
    assert_eq!(ran.exit, 1, "{}", ran.errors);
    assert!(ran.errors.contains(CAMPAIGN), "{}", ran.errors);
    assert_eq!(shop.count("SELECT count(*) FROM hub_link"), 0);
    shop.run(&["join", "--give-up"]).well();
    shop.run(&["campaign", "create", "more", "--offer", "more"])
        .well();
    shop.assert_well();
    stage.assert_well();
}

#[test]
fn a_token_is_good_for_one_ledger_and_for_nothing_that_is_mistyped() {
    let mut stage = Stage::new();
    let (first, second) = (Store::new("Riverside"), Store::new("Riverside"));
    let token = invite(&stage.shop, "Riverside");
    let ran = first.join("cfe_wrong", &stage.proxy.address);
    assert_eq!(ran.exit, 1, "{}", ran.errors);
    first.join(&token, &stage.proxy.address).well();
    let ran = second.join(&token, &stage.proxy.address);
    assert_eq!(ran.exit, 1, "{}", ran.errors);
    let ran = second.join("", &stage.proxy.address);
    assert_eq!(ran.exit, 2, "{}", ran.errors);
    // Joined once, it joins nobody else.
    let ran = first.join(&token, &stage.proxy.address);
    assert_ne!(ran.exit, 0);
    first.sync().well();
    first.assert_sent(&stage.shop);
    stage.assert_well();
}

/// The commands that the README gives for many stores.
fn readme_loop() -> String {
    let readme = include_str!("../../README.md");
    let after = readme.split_once("Forty stores").unwrap().1;
    let block = after.split_once("```sh\n").unwrap().1;
    block.split_once("```").unwrap().0.to_owned()
}

#[test]
fn forty_stores_are_let_in_by_the_loop_that_the_readme_shows() {
    let mut stage = Stage::new();
    let names: Vec<String> = (1..=40).map(|n| format!("Store {n:02}")).collect();
    let place = stage.shop.beside("enrol");
    std::fs::create_dir_all(place.join("tokens")).unwrap();
    std::fs::write(place.join("stores.txt"), names.join("\n") + "\n").unwrap();
    // `jq -r .token`, for a computer that has none.
    let script = format!(
        "set -e\ncounterfoil() {{ \"$PROGRAM\" --data \"$HUB\" \"$@\"; }}\n\
         jq() {{ sed -n 's/.*\"token\":\"\\([^\"]*\\)\".*/\\1/p'; }}\n{}",
        readme_loop()
    );
    let ended = Command::new("sh")
        .args(["-c", &script])
        .current_dir(&place)
        .env("PROGRAM", env!("CARGO_BIN_EXE_counterfoil"))
        .env("HUB", stage.shop.folder())
        .env_remove("COUNTERFOIL_DATA")
        .env_remove("COUNTERFOIL_DATABASE")
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(ended.status.success(), "{words}");
    for name in &names {
        let token = std::fs::read_to_string(place.join("tokens").join(name)).unwrap();
        let store = Store::new(name);
        store.join(token.trim(), &stage.proxy.address).well();
        store.assert_sent(&stage.shop);
    }
    let listed = stage
        .shop
        .run(&["hub", "store", "list"])
        .well()
        .lines
        .clone();
    assert_eq!(listed.len(), 40);
    for store in &listed {
        assert_eq!(text(store, "standing"), "active", "{store}");
        assert_eq!(number(store, "unsent"), 0, "{store}");
    }
    stage.assert_well();
}
