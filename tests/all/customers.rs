//! Customers: one person however they are written down, named, edited, joined, erased, exported.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::too_many_lines,
    reason = "what fails here fails the test, and says where; each story is told in one piece"
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

/// A customer as they are shown.
fn shown(shop: &Shop, id: &str) -> Value {
    shop.run(&["customer", "show", id]).well().json().clone()
}

fn edit(shop: &Shop, id: &str, words: &[&str]) -> Ran {
    shop.run(&[&["customer", "edit", id], words].concat())
}

fn join(shop: &Shop, kept: &str, gone: &str) -> Ran {
    shop.run(&["customer", "join", kept, gone, "--reason", "one person"])
}

fn masks(customer: &Value) -> Vec<String> {
    let contacts = customer["contacts"].as_array().unwrap();
    contacts
        .iter()
        .map(|contact| text(contact, "masked").to_owned())
        .collect()
}

#[test]
fn editing_never_frees_a_second_code_and_says_nothing_readable_in_the_chain() {
    let shop = desk(&["--provider-aliases", "yes"], 5);
    another(&shop, "cake", &[], 5);
    let given = assigned(&shop, &["--email", "a.na@gmail.com"]);
    let id = text(&given, "customer_id");
    let changed = edit(
        &shop,
        id,
        &[
            "--name",
            "Ana Weiß",
            "--add-email",
            "ANA@example.org",
            "--add-phone",
            "+442079460958",
            "--add-loyalty",
            "12 34",
            "--add-external-id",
            "crm-7",
            "--remove-email",
            "a.na@GMAIL.com",
        ],
    );
    let changed = changed.well().json();
    assert_eq!(text(changed, "name"), "Ana Weiß");
    assert_eq!(masks(changed), ["a…@example.org", "…0958", "…34", "…-7"]);
    // By what was removed, its mailbox, and what was added: the one code.
    for words in [
        ["--email", "a.na@gmail.com"],
        ["--email", "ana+x@googlemail.com"],
        ["--email", "ana@example.org"],
        ["--phone", "+44 20 7946 0958"],
        ["--loyalty", "1234"],
        ["--external-id", "CRM-7"],
    ] {
        has_already(&shop, &words, &given);
    }
    // What is removed is gone from what is readable; where there was no code it names nobody.
    assert!(found(&shop, "a.na@gmail.com").is_empty());
    let cake = claim_of(&shop, "cake", &["--email", "a.na@gmail.com"]);
    assert_eq!(text(&cake, "claim"), "assigned");
    assert_ne!(cake["customer_id"], given["customer_id"]);
    // One entry, with kinds only; the same again makes none.
    edit(&shop, id, &["--name", "Ana Weiß", "--add-loyalty", "1234"]).well();
    let bodies = shop.run(&["log"]).well().lines.clone();
    let edits: Vec<&Value> = bodies
        .iter()
        .filter(|line| line["kind"] == "customer_edited")
        .collect();
    assert_eq!(edits.len(), 1);
    assert_eq!(text(edits[0], "customer_id"), id);
    for readable in ["Ana", "ana@", "2079", "crm-7"] {
        let sql = format!("SELECT count(*) FROM entry WHERE body LIKE '%{readable}%'");
        assert_eq!(shop.count(&sql), 0, "{readable}");
    }
    assert_eq!(shop.verify(), (0, "[]".to_owned()));
}

#[test]
fn an_edit_is_done_whole_or_not_at_all() {
    let shop = desk(&[], 3);
    let ana = assigned(&shop, &["--email", "ana@example.org"]);
    let ben = assigned(&shop, &["--email", "ben@example.org"]);
    let (ana, ben) = (text(&ana, "customer_id"), text(&ben, "customer_id"));
    let attempt = |words: &[&str], exit, name| refused(&edit(&shop, ana, words), exit, name);
    let words = ["--name", "Ana", "--add-email", "ben@example.org"];
    let told = attempt(&words, 1, "contact_of_another");
    assert!(
        told.contains(ben) && told.contains("customer join"),
        "{told}"
    );
    attempt(
        &["--name", "Ana", "--remove-phone", "+442079460958"],
        1,
        "no_such_contact",
    );
    attempt(&["--name", "Ana", "--add-email", "nobody"], 2, "faulty");
    attempt(&["--name", "A\nB"], 2, "faulty");
    assert_eq!(edit(&shop, ana, &[]).exit, 2);
    refused(
        &edit(&shop, "UNOBODY", &["--name", "X"]),
        1,
        "no_such_customer",
    );
    // Also what somebody is only recognised by, because it was removed, is theirs.
    edit(&shop, ben, &["--remove-email", "ben@example.org"]).well();
    attempt(&["--add-email", "ben@example.org"], 1, "contact_of_another");
    assert_eq!(shown(&shop, ana)["name"], Value::Null);
    assert_eq!(
        shop.count("SELECT count(*) FROM entry WHERE kind = 'customer_edited'"),
        1
    );
    shop.assert_well();
}

#[test]
fn a_familys_telephone_finds_all_of_them_and_names_none_of_them() {
    let shop = desk(&["--identify-by", "email"], 3);
    another(&shop, "cake", &[], 3);
    let phone = "+44 20 7946 0958";
    let of = |email| {
        let given = assigned(&shop, &["--email", email, "--phone", phone]);
        text(&given, "customer_id").to_owned()
    };
    let family = [of("mum@example.org"), of("dad@example.org")];
    assert_eq!(found(&shop, phone), family);
    let cake = claim_of(&shop, "cake", &["--phone", phone]);
    assert_eq!(text(&cake, "claim"), "contacts_disagree");
    let said = text(&cake, "message");
    assert!(said.contains("this contact is that of two"), "{said}");
    assert_eq!(shop.verify(), (0, "[]".to_owned()));
}

#[test]
fn consent_is_withdrawn_and_given_and_a_name_is_taken_away() {
    let shop = desk(&[], 2);
    let ana = assigned(
        &shop,
        &[
            "--email",
            "ana@example.org",
            "--name",
            "Ana Weiß",
            "--consent",
        ],
    );
    let ana = text(&ana, "customer_id");
    let agreed = shown(&shop, ana)["consented_at"].clone();
    assert!(agreed.is_string());
    // Who agrees already agreed when they did, and nothing is written.
    edit(&shop, ana, &["--consent", "yes"]).well();
    assert_eq!(shown(&shop, ana)["consented_at"], agreed);
    let edits = "SELECT count(*) FROM entry WHERE kind = 'customer_edited'";
    assert_eq!(shop.count(edits), 0);
    let withdrawn = edit(&shop, ana, &["--consent", "no"]);
    assert_eq!(withdrawn.well().json()["consented_at"], Value::Null);
    assert_eq!(
        shop.count("SELECT count(*) FROM entry WHERE body LIKE '%\"consents\":false%'"),
        1
    );
    let given = edit(&shop, ana, &["--consent", "yes"]);
    assert!(given.well().json()["consented_at"].is_string());
    let nameless = edit(&shop, ana, &["--name", ""]);
    assert_eq!(nameless.well().json()["name"], Value::Null);
    assert!(found(&shop, "Weiß").is_empty());
    assert!(files_with(&shop, "Weiß").is_empty());
    edit(&shop, ana, &["--name", " "]).well();
    assert_eq!(shop.count(edits), 3);
    assert_eq!(edit(&shop, ana, &["--consent", "maybe"]).exit, 2);
    shop.assert_well();
}

#[test]
fn two_customers_who_are_one_person_keep_both_codes_and_are_told_the_oldest() {
    let shop = desk(&["--limit-per-day", "5", "--uses", "3"], 9);
    another(&shop, "cake", &[], 3);
    let old = assigned(
        &shop,
        &["--email", "ana@example.org", "--key", "form-1", "--consent"],
    );
    let new = assigned(
        &shop,
        &[
            "--phone",
            "+442079460958",
            "--key",
            "form-2",
            "--name",
            "Ana",
        ],
    );
    let cake = claim_of(&shop, "cake", &["--email", "ana@example.org"]);
    let (gone, kept) = (text(&old, "customer_id"), text(&new, "customer_id"));
    for (code, times) in [(&old, 2), (&new, 1)] {
        for _ in 0..times {
            assert_eq!(shop.redeem(text(code, "code")), "accepted");
        }
    }
    let joined = join(&shop, kept, gone).well().json().clone();
    assert_eq!(text(&joined, "customer_id"), kept);
    assert_eq!(text(&joined, "name"), "Ana");
    assert!(joined["consented_at"].is_string());
    assert_eq!(masks(&joined), ["a…@example.org", "…0958"]);
    assert_eq!(joined["more_than_allowed"], serde_json::json!([CAMPAIGN]));
    let codes = joined["codes"].as_array().unwrap();
    assert_eq!(codes.len(), 3);
    assert_eq!(
        codes[0]["code"], old["code"],
        "the oldest first, though it was the other's"
    );
    // Nothing is left with who is gone, and counts are those of both.
    for table in ["contact", "contact_hash", "customer_slot", "customer_day"] {
        let of = |who: &str| {
            shop.count(&format!(
                "SELECT count(*) FROM {table} WHERE customer = \
                 (SELECT id FROM customer WHERE public_id = '{who}')"
            ))
        };
        assert_eq!(of(gone), 0, "{table}");
        assert!(of(kept) > 0, "{table}");
    }
    assert_eq!(
        shop.count(
            "SELECT sum(amount) FROM customer_day WHERE customer = \
                    (SELECT id FROM customer WHERE joined_to IS NULL AND name IS NOT NULL)"
        ),
        3
    );
    // Either contact, and every campaign: what they had first.
    for words in [["--email", "ana@example.org"], ["--phone", "+442079460958"]] {
        has_already(&shop, &words, &old);
        let told = claim(&shop, &words);
        assert!(
            text(&told, "message").contains("1 more than the campaign allows"),
            "{told}"
        );
        assert_eq!(claim_of(&shop, "cake", &words)["code"], cake["code"]);
    }
    // Keys tell their own codes for ever, whoever they were made by.
    for (key, code) in [("form-1", &old), ("form-2", &new)] {
        for contact in [["--email", "ana@example.org"], ["--phone", "+442079460958"]] {
            let told = claim(&shop, &[&contact[..], &["--key", key]].concat());
            assert_eq!(text(&told, "claim"), "replayed", "{key} {contact:?}");
            assert_eq!(told["code"], code["code"]);
            assert_eq!(text(&told, "customer_id"), kept);
        }
    }
    // Both ids find the person, and either is them at the counter.
    for id in [kept, gone] {
        assert_eq!(shown(&shop, id), shown(&shop, kept));
        assert_eq!(found(&shop, id), [kept]);
        let check = ["redeem", text(&old, "code"), "--check", "--customer", id];
        assert_eq!(text(shop.run(&check).json(), "verdict"), "accepted");
    }
    refused(&join(&shop, gone, kept), 1, "one_customer");
    refused(&join(&shop, kept, "UNOBODY"), 1, "no_such_customer");
    // An undo gives the day back to the person.
    shop.run(&["reverse", text(&old, "code"), "--reason", "slip"])
        .well();
    assert_eq!(shop.count("SELECT sum(amount) FROM customer_day"), 2);
    assert_eq!(
        shop.count("SELECT count(*) FROM entry WHERE kind = 'customers_joined'"),
        1
    );
    assert_eq!(shop.verify(), (0, "[]".to_owned()));
}

#[test]
fn the_oldest_live_code_is_told_also_after_it_was_ended_and_after_a_second_join() {
    let shop = desk(&[], 9);
    let given: Vec<Value> = ["a", "b", "c"]
        .iter()
        .map(|name| assigned(&shop, &["--email", &format!("{name}@example.org")]))
        .collect();
    let id = |place: usize| text(&given[place], "customer_id");
    join(&shop, id(1), id(0)).well();
    join(&shop, id(2), id(1)).well();
    for contact in ["a@example.org", "b@example.org", "c@example.org"] {
        has_already(&shop, &["--email", contact], &given[0]);
    }
    assert_eq!(text(&shown(&shop, id(0)), "customer_id"), id(2));
    shop.run(&[
        "codes",
        "void",
        text(&given[0], "code"),
        "--reason",
        "cancelled",
    ])
    .well();
    has_already(&shop, &["--email", "c@example.org"], &given[1]);
    shop.run(&[
        "codes",
        "void",
        text(&given[1], "code"),
        "--reason",
        "cancelled",
    ])
    .well();
    has_already(&shop, &["--email", "a@example.org"], &given[2]);
    assert_eq!(
        shown(&shop, id(2))["more_than_allowed"],
        serde_json::json!([])
    );
    // A contact that was removed before the join still names the person after it.
    let dan = assigned(&shop, &["--email", "d@example.org"]);
    edit(
        &shop,
        text(&dan, "customer_id"),
        &["--remove-email", "d@example.org"],
    )
    .well();
    join(&shop, id(2), text(&dan, "customer_id")).well();
    has_already(&shop, &["--email", "d@example.org"], &given[2]);
    shop.assert_well();
}

/// The files of a ledger that hold a text, whatever its letter case.
fn files_with(shop: &Shop, what: &str) -> Vec<String> {
    let what = what.to_lowercase();
    let mut found = Vec::new();
    for item in std::fs::read_dir(shop.folder()).unwrap() {
        let path = item.unwrap().path();
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.make_ascii_lowercase();
        if bytes
            .windows(what.len())
            .any(|part| part == what.as_bytes())
        {
            found.push(path.display().to_string());
        }
    }
    found
}

#[test]
fn an_erased_customer_is_in_no_byte_of_the_ledger_and_still_has_their_one_code() {
    let shop = desk(&["--require", "receipt"], 9);
    another(&shop, "cake", &[], 4);
    // Enough of them that pages were split, with what was on them left behind.
    let mut list = String::from("code,email,phone,external_id\n");
    for row in 0..600 {
        use std::fmt::Write as _;
        let (mail, place) = ((row * 7919) % 600, row % 10);
        writeln!(
            list,
            "LIST-{row},guest{mail:03}@shop{place}.example.org,,crm-{mail:06}"
        )
        .unwrap();
    }
    import(&shop, &list).well();
    // A till is open all the while.
    let till = crate::shop::Till::up(shop.folder(), "till 1", &[]);
    let words = [
        "--email",
        "Vanishing.Vera@example.org",
        "--phone",
        "+442079460958",
        "--name",
        "Vera Vanishing",
        "--consent",
        "--trigger",
        "vera wrote",
    ];
    let given = assigned(&shop, &words);
    let (id, code) = (text(&given, "customer_id"), text(&given, "code"));
    claim_of(&shop, "cake", &["--phone", "+442079460958"]);
    // Names and contacts come into reasons and scans.
    let redeem = ["redeem", code, "--receipt", "VERA-RECEIPT-77"];
    shop.run(&redeem).well();
    shop.run(&[
        "reverse",
        code,
        "--reason",
        "Vera Vanishing changed her mind",
    ])
    .well();
    shop.run(&[
        "redeem",
        "LIST-1",
        "--customer",
        "vanishing.vera@example.org",
    ]);
    shop.run(&["redeem", "vanishing.vera@example.org"]);
    shop.run(&["redeem", code, "--customer", "vera.before@example.org"]);
    edit(&shop, id, &["--add-email", "vera.before@example.org"]).well();
    edit(&shop, id, &["--remove-email", "vera.before@example.org"]).well();
    let gone = assigned(&shop, &["--email", "vera.twice@example.org"]);
    shop.run(&[
        "customer",
        "join",
        id,
        text(&gone, "customer_id"),
        "--reason",
        "Vera told us",
    ])
    .well();
    let readable = [
        "vanishing",
        "442079460958",
        "vera wrote",
        "vera-receipt",
        "vera.twice",
        "vera told",
        "vera.before",
    ];
    for what in readable {
        assert!(!files_with(&shop, what).is_empty(), "{what}");
    }
    let words = r#"{"store":"Corner","name":"Vera Vanishing"}"#;
    rusqlite::Connection::open(shop.folder().join("ledger.db"))
        .unwrap()
        .execute(
            "INSERT INTO slip (code, copy, entry, state, counter, at_ms, words) \
             SELECT id, 1, newest_entry, 1, 'desk', 0, ?1 FROM code WHERE folded = ?2",
            (words, code),
        )
        .unwrap();
    let exported = shop.run(&["customer", "export", id]).well().json().clone();
    assert_eq!(
        text(&exported["slips"][0]["words"], "name"),
        "Vera Vanishing"
    );
    let entries = shop.count("SELECT count(*) FROM entry");
    refused(&shop.run(&["customer", "erase", id]), 2, "usage");
    assert_eq!(shop.count("SELECT count(*) FROM entry"), entries);

    let erased = shop
        .run(&["customer", "erase", id, "--yes"])
        .well()
        .json()
        .clone();
    assert_eq!(erased["still_readable"], Value::Null);
    assert_eq!(number(&erased, "slips"), 1);
    assert_eq!(
        shop.count("SELECT count(*) FROM slip WHERE words IS NULL"),
        1
    );
    assert_eq!(
        (number(&erased, "contacts"), number(&erased, "codes_kept")),
        (3, 3)
    );
    for what in readable {
        assert_eq!(files_with(&shop, what), Vec::<String>::new(), "{what}");
    }
    assert_eq!(shop.count("SELECT count(*) FROM entry"), entries + 1);
    let shown = shown(&shop, id);
    assert_eq!(
        (&shown["name"], &shown["consented_at"]),
        (&Value::Null, &Value::Null)
    );
    assert!(masks(&shown).is_empty() && shown["erased_at"].is_string());
    // Still recognised, by everything, and not made readable again by being asked for.
    for contact in [
        ["--email", "vanishing.vera@example.org"],
        ["--phone", "+442079460958"],
        ["--email", "vera.before@example.org"],
        ["--email", "vera.twice@example.org"],
    ] {
        let again = [&contact[..], &["--name", "Vera Vanishing"]].concat();
        has_already(&shop, &again, &given);
        assert_eq!(
            text(&claim_of(&shop, "cake", &contact), "claim"),
            "already_assigned"
        );
    }
    for what in readable {
        assert_eq!(files_with(&shop, what), Vec::<String>::new(), "{what}");
    }
    // The code is honoured, the others are untouched, and everything adds up.
    shop.run(&["redeem", code, "--receipt", "1"]).well();
    assert_eq!(found(&shop, "guest007@shop3.example.org").len(), 1);
    assert_eq!(shop.count("SELECT count(*) FROM contact"), 1200);
    assert_eq!(shop.verify(), (0, "[]".to_owned()));
    let (_, errors, exit) = till.close();
    assert_eq!((errors.as_str(), exit), ("", Some(0)));
    // Once more there is nothing to erase, and that is fine.
    let again = shop
        .run(&["customer", "erase", id, "--yes"])
        .well()
        .json()
        .clone();
    assert_eq!(number(&again, "contacts"), 0);
}

#[test]
fn a_customers_export_tells_everything_known() {
    let shop = desk(&[], 3);
    let words = [
        "--email",
        "ana@example.org",
        "--name",
        "Ana",
        "--consent",
        "--trigger",
        "web form",
        "--key",
        "form-1",
    ];
    let given = assigned(&shop, &words);
    let (id, code) = (text(&given, "customer_id"), text(&given, "code"));
    let twin = assigned(&shop, &["--phone", "+442079460958"]);
    let twin = text(&twin, "customer_id");
    has_already(&shop, &["--email", "ana@example.org"], &given);
    shop.run(&["redeem", code]).well();
    shop.run(&["redeem", code]);
    shop.run(&["reverse", code, "--reason", "slip of the hand"])
        .well();
    join(&shop, id, twin).well();
    // Somebody else's act is none of theirs.
    assigned(&shop, &["--email", "ben@example.org"]);
    let told = shop
        .run(&["customer", "export", twin])
        .well()
        .json()
        .clone();
    assert_eq!(text(&told, "customer_id"), id);
    assert_eq!(told["former_ids"], serde_json::json!([twin]));
    assert_eq!(text(&told, "name"), "Ana");
    assert!(told["consented_at"].is_string() && told["erased_at"].is_null());
    assert_eq!(
        told["contacts"],
        serde_json::json!([
            {"kind": "email", "contact": "ana@example.org"},
            {"kind": "phone", "contact": "+442079460958"},
        ])
    );
    let of = |list: &str, key: &str| -> Vec<String> {
        let rows = told[list].as_array().unwrap();
        rows.iter().map(|row| text(row, key).to_owned()).collect()
    };
    assert_eq!(of("codes", "offer"), ["one coffee", "one coffee"]);
    assert_eq!(
        of("entries", "kind"),
        [
            "assigned",
            "assigned",
            "redeemed",
            "reversed",
            "customers_joined"
        ]
    );
    assert_eq!(text(&told["entries"][0], "trigger"), "web form");
    assert_eq!(text(&told["entries"][0], "key"), "form-1");
    assert_eq!(text(&told["entries"][3], "reason"), "slip of the hand");
    assert_eq!(
        of("attempts", "answer"),
        ["already_assigned", "already_redeemed"]
    );
    assert_eq!(told["slips"], serde_json::json!([]));
    // For people: the same in words.
    let ended = std::process::Command::new(env!("CARGO_BIN_EXE_counterfoil"))
        .arg("--data")
        .arg(shop.folder())
        .args(["customer", "export", id])
        .output()
        .unwrap();
    let words = String::from_utf8(ended.stdout).unwrap();
    for said in [
        id,
        "Ana",
        "ana@example.org",
        "+442079460958",
        "key: form-1",
        "set off by: web form",
        "reason: slip of the hand",
        "already redeemed",
    ] {
        assert!(words.contains(said), "{said:?} is not in\n{words}");
    }
    refused(
        &shop.run(&["customer", "export", "UNOBODY"]),
        1,
        "no_such_customer",
    );
}

#[test]
fn only_a_manager_changes_erases_or_exports_a_customer() {
    let shop = crate::console::shop::Shop::new();
    shop.ok(&["campaign", "create", "tea", "--offer", "tea"]);
    shop.ok(&["codes", "generate", "--campaign", "tea", "--count", "3"]);
    let given = shop.json(&["assign", "--campaign", "tea", "--email", "ana@example.org"]);
    let other = shop.json(&["assign", "--campaign", "tea", "--email", "ben@example.org"]);
    let (id, other) = (
        text(&given[0], "customer_id"),
        text(&other[0], "customer_id"),
    );
    shop.operator("ana", "cashier", "246810");
    shop.operator("mia", "manager", "135791");
    let acts: [&[&str]; 4] = [
        &["customer", "edit", id, "--name", "Ana"],
        &["customer", "export", id],
        &["customer", "join", id, other, "--reason", "one person"],
        &["customer", "erase", id, "--yes"],
    ];
    for act in acts {
        let by = |name: &str, pin: &str| {
            let words = [&["--json", "--operator", name], act].concat();
            shop.run_with(&words, format!("{pin}\n").as_bytes())
        };
        assert_eq!(
            by("ana", "246810").error()["code"],
            "not_a_manager",
            "{act:?}"
        );
        assert_eq!(by("mia", "135791").code, 0, "{act:?}");
    }
    // To look is for everybody, and shows no full contact.
    let words = ["--json", "--operator", "ana", "customer", "find", other];
    let told = shop.ok(&words).out;
    assert!(told.contains(id) && !told.contains('@'), "{told}");
}

#[test]
fn verify_finds_a_code_that_counts_for_somebody_else() {
    let shop = desk(&[], 3);
    let ana = assigned(&shop, &["--email", "ana@example.org"]);
    let ben = assigned(&shop, &["--email", "ben@example.org"]);
    let ids = [text(&ana, "customer_id"), text(&ben, "customer_id")];
    let change = |sql: &str| {
        rusqlite::Connection::open(shop.folder().join("ledger.db"))
            .unwrap()
            .execute(sql, ids)
            .unwrap()
    };
    let moved = "UPDATE code SET customer = (SELECT id FROM customer WHERE public_id = ?1) \
                 WHERE customer = (SELECT id FROM customer WHERE public_id = ?2)";
    assert_eq!(change(moved), 1);
    let (exit, faults) = shop.verify();
    assert!(exit == 5 && faults.contains("whose it is not"), "{faults}");
    let joined = "UPDATE customer SET joined_to = (SELECT id FROM customer WHERE public_id = ?1) \
                  WHERE public_id = ?2";
    assert_eq!(change(joined), 1);
    let (exit, faults) = shop.verify();
    assert!(exit == 5 && faults.contains("was joined"), "{faults}");
}

#[test]
fn a_mailbox_asked_for_by_many_at_once_under_many_spellings_has_one_code() {
    const PROCESSES: usize = 8;
    let shop = desk(&["--provider-aliases", "yes"], 20);
    let together = std::sync::Barrier::new(PROCESSES);
    let told: Vec<Value> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..PROCESSES)
            .map(|process| {
                let (shop, together) = (&shop, &together);
                scope.spawn(move || {
                    together.wait();
                    let email = format!("{}ana+{process}@gmail.com", "v.".repeat(process % 3));
                    claim(shop, &["--email", &email])
                })
            })
            .collect();
        asking.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let assigned = told
        .iter()
        .filter(|told| told["claim"] == "assigned")
        .count();
    let codes: std::collections::BTreeSet<&str> =
        told.iter().map(|told| text(told, "code")).collect();
    assert_eq!((assigned, codes.len()), (3, 3), "{told:?}");
    assert_eq!(shop.count("SELECT count(*) FROM customer"), 3);
    shop.assert_well();
}

#[test]
fn on_a_terminal_an_erasing_is_asked_about() {
    let shop = crate::console::shop::Shop::new();
    shop.ok(&["campaign", "create", "tea", "--offer", "tea"]);
    shop.ok(&["codes", "generate", "--campaign", "tea", "--count", "1"]);
    let words = ["--email", "ana@example.org", "--name", "Ana"];
    let given = shop.json(&[&["assign", "--campaign", "tea"], &words[..]].concat());
    let id = text(&given[0], "customer_id");
    let name = || shop.json(&["customer", "show", id])[0]["name"].clone();
    for (answer, says, left) in [
        ("no", "nothing was erased", Value::from("Ana")),
        ("yes", "is erased", Value::Null),
    ] {
        let mut asked = shop.console_with(&["customer", "erase", id]);
        asked.wait_for("Type yes");
        asked.send(format!("{answer}\n").as_bytes());
        asked.wait_for(says);
        assert_eq!(name(), left);
    }
}

#[test]
fn test_codes_go_with_a_join_and_their_texts_with_an_erasing() {
    let shop = desk(&[], 3);
    let mut ids = Vec::new();
    for email in ["tess@example.org", "tom@example.org"] {
        ids.push(text(&assigned(&shop, &["--email", email]), "customer_id").to_owned());
    }
    let on = [
        "campaign",
        "test-mode",
        CAMPAIGN,
        "on",
        "--customer",
        &ids[1],
    ];
    shop.run(&on).well();
    let drawn = claim(
        &shop,
        &["--email", "tom@example.org", "--trigger", "tom tests"],
    );
    assert_eq!(text(&drawn, "state"), "test", "{drawn}");
    join(&shop, &ids[0], &ids[1]).well();
    // Who tests goes on testing, under the id that stays.
    let more = claim(&shop, &["--email", "tess@example.org"]);
    assert_eq!(
        (text(&more, "state"), text(&more, "customer_id")),
        ("test", ids[0].as_str())
    );
    assert_eq!(
        shop.count("SELECT count(DISTINCT customer) FROM code WHERE state = 5"),
        1
    );
    assert!(!files_with(&shop, "tom tests").is_empty());
    shop.run(&["customer", "erase", &ids[0], "--yes"]).well();
    assert_eq!(files_with(&shop, "tom tests"), Vec::<String>::new());
    assert_eq!(shop.verify(), (0, "[]".to_owned()));
}

#[test]
fn a_contact_that_is_named_beside_a_known_one_is_theirs_from_then_on() {
    let shop = desk(&[], 5);
    let first = claim(&shop, &["--phone", "+44 20 7946 0958"]);
    assert_eq!(text(&first, "claim"), "assigned");
    let both = ["--phone", "+442079460958", "--loyalty", "L-77"];
    // A look keeps nothing.
    claim(&shop, &[&both[..], &["--context", "view"]].concat());
    assert_eq!(shop.count("SELECT count(*) FROM contact"), 1);
    has_already(&shop, &both, &first);
    has_already(&shop, &["--loyalty", "L 77"], &first);
    let entries = "SELECT count(*) FROM entry WHERE kind = 'customer_edited'";
    assert_eq!(shop.count(entries), 1);
    has_already(&shop, &both, &first);
    assert_eq!(shop.count(entries), 1, "said once");
    // Also of somebody who was erased, and then nothing readable is kept.
    shop.run(&["customer", "erase", text(&first, "customer_id"), "--yes"])
        .well();
    let more = ["--loyalty", "L-77", "--email", "ana@example.org"];
    assert_eq!(text(&claim(&shop, &more), "claim"), "already_assigned");
    let alone = claim(&shop, &["--email", "ana@example.org"]);
    assert_eq!(text(&alone, "claim"), "already_assigned");
    assert_eq!(shop.count("SELECT count(*) FROM contact"), 0);
    shop.run(&["verify"]).well();
}

#[test]
fn looking_for_nothing_is_wrong_usage() {
    let shop = desk(&[], 1);
    for nothing in ["", "  "] {
        refused(&shop.run(&["customer", "find", nothing]), 2, "usage");
    }
    let page = "x".repeat(5000);
    let words = refused(
        &shop.run(&["customer", "find", &page]),
        1,
        "no_such_customer",
    );
    assert!(words.len() < 500, "{words}");
}
