//! kill -9 between a claim and its answer: asked again under its key it is the same code, and the
//! pool is down by one.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests: what fails here fails the test"
)]

use std::process::Stdio;

use crate::shop::{CAMPAIGN, Shop, command_on, number, text};

/// Claims that are killed before one is found that was committed and never answered.
const TRIES_MAX: usize = 400;

/// How many such claims are looked at.
const WANTED: usize = 3;

fn shop() -> Shop {
    let shop = Shop::with(&["--per-customer", "2"], 1);
    let count = (2 * TRIES_MAX).to_string();
    shop.run(&[
        "codes",
        "generate",
        "--campaign",
        CAMPAIGN,
        "--count",
        &count,
    ])
    .well();
    shop
}

fn available(shop: &Shop) -> i64 {
    number(shop.run(&["pool"]).well().json(), "available")
}

/// Begins a claim and kills it as soon as its entry can be seen; whether it had not answered.
fn killed(shop: &Shop, arguments: &[&str]) -> bool {
    let seen = "SELECT count(*) FROM entry WHERE kind = 'assigned'";
    let before = shop.count(seen);
    let looking = shop.look();
    let mut count = looking.prepare(seen).unwrap();
    let mut child = command_on(shop.folder())
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while child.try_wait().unwrap().is_none() {
        if count.query_row([], |row| row.get::<_, i64>(0)).unwrap() > before {
            child.kill().unwrap();
            break;
        }
    }
    let ended = child.wait_with_output().unwrap();
    ended.stdout.is_empty() && shop.count(seen) > before
}

/// Kills claims until enough of them were committed and never answered, and has each retried.
fn each_unanswered(shop: &Shop, mut retry: impl FnMut(&str)) {
    let mut unanswered = 0;
    for round in 0..TRIES_MAX {
        let email = format!("guest{round}@example.org");
        let key = format!("key-{round}");
        let claim = [
            "assign",
            "--campaign",
            CAMPAIGN,
            "--email",
            &email,
            "--key",
            &key,
        ];
        if killed(shop, &claim) {
            retry(&round.to_string());
            unanswered += 1;
        }
        if unanswered == WANTED {
            return;
        }
    }
    assert!(
        unanswered > 0,
        "no kill came between a commit and its answer"
    );
}

#[test]
fn a_killed_claim_is_the_same_code_again_under_its_key() {
    let shop = shop();
    each_unanswered(&shop, |round| {
        let (email, key) = (format!("guest{round}@example.org"), format!("key-{round}"));
        let left = available(&shop);
        let given = "SELECT folded FROM code WHERE newest_entry = (SELECT max(id) FROM entry)";
        let code: String = shop.look().query_row(given, [], |row| row.get(0)).unwrap();
        for _ in 0..2 {
            let again = shop.run(&[
                "assign",
                "--campaign",
                CAMPAIGN,
                "--email",
                &email,
                "--key",
                &key,
            ]);
            let again = again.well().json();
            assert_eq!(text(again, "claim"), "replayed");
            assert_eq!(text(again, "code"), code);
        }
        assert_eq!(available(&shop), left);
    });
    let assigned = shop.count("SELECT count(*) FROM entry WHERE kind = 'assigned'");
    assert_eq!(
        shop.count("SELECT count(DISTINCT customer) FROM customer_slot"),
        assigned
    );
    assert_eq!(
        available(&shop),
        2 * i64::try_from(TRIES_MAX).unwrap() - assigned
    );
    shop.assert_well();
}

/// The canary: whoever asks again without the key, where a customer may have two, has taken two.
#[test]
fn the_canary_takes_a_second_code_without_the_key() {
    let shop = shop();
    each_unanswered(&shop, |round| {
        let email = format!("guest{round}@example.org");
        let left = available(&shop);
        let again = shop.run(&["assign", "--campaign", CAMPAIGN, "--email", &email]);
        assert_eq!(text(again.well().json(), "claim"), "assigned");
        assert_eq!(available(&shop), left - 1);
    });
}
