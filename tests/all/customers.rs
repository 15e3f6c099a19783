//! Customers: one person however they are written down, named, edited, joined, erased, exported.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what fails here fails the test, and says where"
)]

use std::process::Stdio;

use serde_json::Value;

use crate::shop::{CAMPAIGN, Ran, Shop, command_on, number, text};

/// A shop whose campaign has these rules, and so many codes to claim.
fn desk(rules: &[&str], count: usize) -> Shop {
    let shop = Shop::with(rules, 1);
    generate(&shop, CAMPAIGN, count);
    shop
}

fn generate(shop: &Shop, campaign: &str, count: usize) {
    let count = count.to_string();
    shop.run(&[
        "codes",
        "generate",
        "--campaign",
        campaign,
        "--count",
        &count,
    ])
    .well();
}

/// Another campaign with codes to claim.
fn another(shop: &Shop, campaign: &str, rules: &[&str], count: usize) {
    let create = ["campaign", "create", campaign, "--offer", "cake"];
    shop.run(&[&create, rules].concat()).well();
    generate(shop, campaign, count);
}

fn claim_of(shop: &Shop, campaign: &str, words: &[&str]) -> Value {
    let ran = shop.run(&[&["assign", "--campaign", campaign], words].concat());
    ran.json().clone()
}

fn claim(shop: &Shop, words: &[&str]) -> Value {
    claim_of(shop, CAMPAIGN, words)
}

/// A claim that draws a code.
#[track_caller]
fn assigned(shop: &Shop, words: &[&str]) -> Value {
    let told = claim(shop, words);
    assert_eq!(text(&told, "claim"), "assigned", "{words:?}: {told}");
    told
}

/// A claim that is answered with a code the customer has.
#[track_caller]
fn has_already(shop: &Shop, words: &[&str], code: &Value) {
    let told = claim(shop, words);
    assert_eq!(
        text(&told, "claim"),
        "already_assigned",
        "{words:?}: {told}"
    );
    assert_eq!(told["code"], code["code"], "{words:?}");
}

/// A command that is refused by this name.
#[track_caller]
fn refused(ran: &Ran, exit: i32, name: &str) -> String {
    assert_eq!(ran.exit, exit, "{:?} {}", ran.lines, ran.errors);
    let told: Value = serde_json::from_str(&ran.errors).unwrap();
    assert_eq!(told["error"]["code"], name, "{told}");
    format!(
        "{} {}",
        text(&told["error"], "message"),
        text(&told["error"], "hint")
    )
}

/// The ids that a search names.
fn found(shop: &Shop, what: &str) -> Vec<String> {
    let ran = shop.run(&["customer", "find", what]);
    ran.lines
        .iter()
        .map(|line| text(line, "customer_id").to_owned())
        .collect()
}

fn import(shop: &Shop, list: &str) -> Ran {
    let path = shop.beside("people.csv");
    std::fs::write(&path, list).unwrap();
    shop.run(&[
        "codes",
        "import",
        path.to_str().unwrap(),
        "--campaign",
        CAMPAIGN,
    ])
}

#[test]
fn a_mailbox_is_one_customer_only_where_the_campaign_says_so() {
    let shop = desk(&["--provider-aliases", "yes"], 5);
    another(&shop, "plain", &[], 5);
    let first = assigned(&shop, &["--email", "ana.b+news@googlemail.com"]);
    for spelling in [
        "anab@gmail.com",
        "A.N.A.B@GMail.com",
        "anab+x@gmail.com",
        "ana.b+news@googlemail.com",
    ] {
        has_already(&shop, &["--email", spelling], &first);
    }
    // Elsewhere a dot is a letter, and so it is for a campaign that does not say so.
    assigned(&shop, &["--email", "anab@example.org"]);
    assigned(&shop, &["--email", "ana.b@example.org"]);
    for spelling in ["ana.b@gmail.com", "anab@gmail.com"] {
        let told = claim_of(&shop, "plain", &["--email", spelling]);
        assert_eq!(text(&told, "claim"), "assigned", "{spelling}");
    }
    assert_eq!(
        shop.count("SELECT count(*) FROM code WHERE customer IS NOT NULL"),
        5
    );
    // What is kept to be read is what was said.
    assert_eq!(
        shop.count("SELECT count(*) FROM contact WHERE normal_form = 'ana.b+news@googlemail.com'"),
        1
    );
    assert_eq!(shop.verify(), (0, "[]".to_owned()));
}

#[test]
fn the_rule_for_aliases_stands_once_a_customer_has_a_code() {
    let shop = desk(&[], 2);
    let set = |to| shop.run(&["campaign", "set", CAMPAIGN, "--provider-aliases", to]);
    assert_eq!(set("yes").well().json()["provider_aliases"], true);
    set("no").well();
    assigned(&shop, &["--email", "ana@gmail.com"]);
    let words = refused(&set("yes"), 1, "customers_known");
    assert!(words.contains("another campaign"), "{words}");
    assert_eq!(
        shop.run(&["campaign", "show", CAMPAIGN]).well().json()["provider_aliases"],
        false
    );
    shop.run(&["campaign", "set", CAMPAIGN, "--offer", "two coffees"])
        .well();
}

#[test]
fn lists_follow_the_rule_for_aliases_within_themselves_and_against_the_ledger() {
    let shop = desk(&["--provider-aliases", "yes"], 2);
    let first = assigned(&shop, &["--email", "ben@gmail.com"]);
    let list = "code,email\nOTHER-1,c.arl@gmail.com\nOTHER-2,carl+2@googlemail.com\n\
                OTHER-3,be.n@gmail.com\n";
    let ran = import(&shop, list);
    assert_eq!(ran.exit, 1);
    let bad = ran.json()["bad"].as_array().unwrap().clone();
    let lines: Vec<i64> = bad.iter().map(|row| number(row, "line")).collect();
    assert_eq!(lines, [3, 4], "{bad:?}");
    import(&shop, "code,email\nOTHER-1,c.arl@gmail.com\n").well();
    has_already(
        &shop,
        &["--email", "carl@googlemail.com"],
        &serde_json::json!({"code": "OTHER-1"}),
    );
    has_already(&shop, &["--email", "b.e.n@gmail.com"], &first);
    shop.assert_well();
}

#[test]
fn a_phone_number_without_a_country_is_one_of_the_stores() {
    let shop = desk(&[], 5);
    let national = ["--phone", "020 7946 0958"];
    let told = claim(&shop, &national);
    assert_eq!(text(&told, "claim"), "invalid_contact");
    assert!(text(&told, "message").contains("phone_region"), "{told}");
    let with_region = |region: &str, words: &[&str]| {
        let ended = command_on(shop.folder())
            .args(words)
            .env("COUNTERFOIL_PHONE_REGION", region)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        (ended.status.code().unwrap(), ended)
    };
    let (exit, ended) = with_region("Britain", &["config"]);
    assert_eq!(exit, 2);
    assert!(
        String::from_utf8(ended.stderr)
            .unwrap()
            .contains("ISO 3166")
    );
    let (exit, ended) = with_region(
        "gb",
        &["assign", "--campaign", CAMPAIGN, national[0], national[1]],
    );
    assert_eq!(exit, 0, "{ended:?}");
    let given: Value = serde_json::from_slice(&ended.stdout).unwrap();
    has_already(&shop, &["--phone", "+44 20 7946 0958"], &given);
    // In the file it counts for claims, lists, scans and searches alike.
    std::fs::write(
        shop.folder().join("counterfoil.toml"),
        "[store]\nphone_region = \"GB\"\n",
    )
    .unwrap();
    has_already(&shop, &["--phone", "(020) 7946-0958"], &given);
    assert_eq!(found(&shop, "02079460958"), [text(&given, "customer_id")]);
    let ran = import(&shop, "code,phone\nOTHER-1,020 7946 0958\n");
    assert_eq!(ran.exit, 1, "{:?}", ran.lines);
    import(&shop, "code,phone\nOTHER-1,020 7946 0959\n").well();
    assert_eq!(
        shop.count("SELECT count(*) FROM contact WHERE normal_form = '+442079460959'"),
        1
    );
    let scan = |said: &str| {
        let ran = shop.run(&[
            "redeem",
            text(&given, "code"),
            "--check",
            "--customer",
            said,
        ]);
        text(ran.json(), "verdict").to_owned()
    };
    assert_eq!(scan("020 7946 0958"), "accepted");
    assert_eq!(scan("020 7946 0959"), "wrong_customer");
    // A region that is none is named, with the file.
    std::fs::write(
        shop.folder().join("counterfoil.toml"),
        "[store]\nphone_region = \"ZZ\"\n",
    )
    .unwrap();
    let words = refused(&shop.run(&["pool"]), 2, "usage");
    assert!(words.contains("counterfoil.toml"), "{words}");
}

#[test]
fn init_keeps_the_stores_phone_region() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("data");
    let run = |words: &[&str]| crate::shop::run_on(&folder, words);
    let set_up = ["init", "--store", "Corner", "--timezone", "Europe/London"];
    assert_eq!(
        run(&[&set_up[..], &["--phone-region", "Britain"]].concat()).exit,
        2
    );
    run(&[&set_up[..], &["--phone-region", "gb"]].concat()).well();
    let rows = run(&["config"]);
    let row = rows
        .lines
        .iter()
        .find(|row| row["name"] == "store.phone_region")
        .unwrap();
    assert_eq!((text(row, "value"), text(row, "origin")), ("GB", "file"));
}

#[test]
fn a_loyalty_number_is_one_however_it_is_grouped() {
    let shop = desk(&[], 2);
    let first = assigned(&shop, &["--loyalty", "ab12 3456-78"]);
    has_already(&shop, &["--loyalty", "AB12345678"], &first);
}

#[test]
fn a_customer_is_found_by_their_name_and_shown_with_it() {
    let shop = desk(&["--per-customer", "2"], 9);
    let zoe = assigned(
        &shop,
        &["--email", "zoe@example.org", "--name", " Zoë Ångström "],
    );
    let zoe_id = text(&zoe, "customer_id");
    assigned(
        &shop,
        &["--email", "ben@example.org", "--name", "Ben 100% O'Neill"],
    );
    for part in ["zoe", "ANGSTROM", "ë å", "Zoë Ångström"] {
        assert_eq!(found(&shop, part), [zoe_id], "{part}");
    }
    assert_eq!(found(&shop, "100%").len(), 1);
    assert!(found(&shop, "1_0").is_empty());
    assert!(found(&shop, "z").is_empty(), "one letter names everybody");
    let shown = shop
        .run(&["customer", "show", zoe_id])
        .well()
        .json()
        .clone();
    assert_eq!(text(&shown, "name"), "Zoë Ångström");
    assert_eq!(shown["consented_at"], Value::Null);
    // A name that was kept stays; a consent that was not given may come later.
    let again = ["--email", "zoe@example.org", "--name", "Zora", "--consent"];
    assigned(&shop, &again);
    let shown = shop
        .run(&["customer", "show", zoe_id])
        .well()
        .json()
        .clone();
    assert_eq!(text(&shown, "name"), "Zoë Ångström");
    assert!(text(&shown, "consented_at").ends_with('Z'));
    // Where none was kept, it is filled, also when nothing is drawn.
    let eve = assigned(&shop, &["--email", "eve@example.org"]);
    let known = ["--email", "eve@example.org", "--name", "Eve"];
    assigned(&shop, &known[..2]);
    assert_eq!(text(&claim(&shop, &known), "claim"), "already_assigned");
    assert_eq!(found(&shop, "eve"), [text(&eve, "customer_id")]);
    for bad in ["", "a\u{1b}[2J", &"x".repeat(101)] {
        let words = ["--email", "bad@example.org", "--name", bad];
        let ran = shop.run(&[&["assign", "--campaign", CAMPAIGN], &words[..]].concat());
        refused(&ran, 2, "faulty");
    }
    assert_eq!(shop.count("SELECT count(*) FROM customer"), 3);
    // Names stand in no entry.
    assert_eq!(
        shop.count("SELECT count(*) FROM entry WHERE body LIKE '%ngstr%'"),
        0
    );
    shop.assert_well();
}

#[test]
fn whoever_has_a_code_is_recognised_by_every_contact_they_were_ever_known_by() {
    let shop = desk(&[], 3);
    another(&shop, "cake", &[], 3);
    let both = ["--email", "ana@example.org", "--phone", "+442079460958"];
    assigned(&shop, &both);
    // Claimed by one contact only; by the other it is the same code.
    let cake = claim_of(&shop, "cake", &both[..2]);
    assert_eq!(text(&cake, "claim"), "assigned");
    assert_eq!(shop.count("SELECT count(*) FROM contact_hash"), 4);
    assert_eq!(claim_of(&shop, "cake", &both[2..])["code"], cake["code"]);
}
