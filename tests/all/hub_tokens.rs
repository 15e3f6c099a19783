//! A token gets another secret while its program goes on: nothing of its work is lost, and the secret
//! before ends when it was said to.
#![expect(
    clippy::unwrap_used,
    reason = "a test's own surroundings: what fails here fails the test"
)]

use std::sync::atomic::{AtomicI64, Ordering};

use counterfoil::desk::act;
use counterfoil::http::Limits;
use counterfoil::ledger::{Database, Ledger};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::http::{ask, shop_with_pool, token};
use crate::hub_limits::{Running, now};
use crate::serving::{Got, Hub};
use crate::shop::{CAMPAIGN, Kept, Shop, text};

/// How far the clock of the one hub that uses it goes ahead, in minutes.
static AHEAD: AtomicI64 = AtomicI64::new(0);

fn clock_ahead() -> Timestamp {
    now() + SignedDuration::from_mins(AHEAD.load(Ordering::SeqCst))
}

/// Rotates a token and answers its new secret.
fn rotate(shop: &Shop, name: &str, more: &[&str]) -> String {
    let ran = shop.run(&[&["hub", "token", "rotate", name], more].concat());
    let told = ran.well().json();
    assert!(!told["old_ends_at"].is_null(), "{told}");
    text(told, "token").to_owned()
}

fn claim(address: &str, secret: &str, key: &str) -> Got {
    let body = json!({"campaign": CAMPAIGN, "email": format!("{key}@example.org"), "key": key});
    ask(
        address,
        "POST",
        "/v1/claims",
        Some(secret),
        &body.to_string(),
    )
    .unwrap()
}

fn word(got: &Got) -> String {
    assert_eq!(got.status, 200, "{}", got.body);
    text(&got.json(), "claim").to_owned()
}

/// The kinds of entries about tokens, oldest first.
fn token_entries(shop: &Shop) -> Vec<String> {
    let look = shop.look();
    let mut entries = look
        .prepare("SELECT kind FROM entry WHERE kind LIKE 'token%' ORDER BY id")
        .unwrap();
    let kinds = entries.query_map([], |row| row.get(0)).unwrap();
    kinds.collect::<Result<_, _>>().unwrap()
}

#[test]
fn a_rotated_token_goes_on_by_both_secrets_until_the_old_one_ends() {
    let shop = shop_with_pool(9);
    let old = token(&shop, "web", "claim");
    let hub = Running::by(&shop, Limits::default(), clock_ahead);
    let asks = |secret: &str, key: &str| claim(&hub.address, secret, key);
    assert_eq!(word(&asks(&old, "one")), "assigned");

    let new = rotate(&shop, "web", &[]);
    assert_ne!(old, new);
    // What was sent by the old one and not heard is asked again by either, and is the same act.
    for secret in [&old, &new] {
        assert_eq!(word(&asks(secret, "one")), "replayed");
    }
    // What was not sent yet goes out by the old one for as long as that was said.
    assert_eq!(word(&asks(&old, "two")), "assigned");
    AHEAD.store(24 * 60 - 1, Ordering::SeqCst);
    assert_eq!(word(&asks(&old, "three")), "assigned");
    AHEAD.store(24 * 60 + 1, Ordering::SeqCst);
    assert_eq!(asks(&old, "four").status, 401);
    // It has ended by an entry: no clock that is set back lets it in again.
    AHEAD.store(0, Ordering::SeqCst);
    assert_eq!(asks(&old, "four").status, 401);
    for key in ["one", "two", "three"] {
        assert_eq!(word(&asks(&new, key)), "replayed");
    }
    assert_eq!(word(&asks(&new, "four")), "assigned");
    hub.end();
    assert_eq!(
        token_entries(&shop),
        ["token_added", "token_rotated", "token_secret_ended"]
    );
    let listed = shop.run(&["hub", "token", "list"]);
    assert_eq!(listed.well().json()["old_ends_at"], Value::Null);
    assert_eq!(shop.verify().0, 0);
}

#[test]
fn one_old_secret_goes_on_at_most_and_none_of_a_revoked_token() {
    let shop = shop_with_pool(2);
    let first = token(&shop, "web", "claim");
    let hub = Hub::up(&shop);
    let status = |secret: &str| claim(&hub.address, secret, "one").status;
    let second = rotate(&shop, "web", &["--overlap", "15m"]);
    let third = rotate(&shop, "web", &[]);
    assert_eq!(
        [&first, &second, &third].map(|secret| status(secret)),
        [401, 200, 200]
    );
    shop.run(&["hub", "token", "revoke", "web"]).well();
    let refused = shop.run(&["hub", "token", "rotate", "web"]);
    assert_eq!(refused.exit, 2, "{}", refused.errors);
    assert!(refused.errors.contains("no_such_token"));
    let again = token(&shop, "web", "claim");
    assert_eq!(
        [&first, &second, &third, &again].map(|secret| status(secret)),
        [401, 401, 401, 200]
    );
    for wrong in [
        &["rotate", "nobody"][..],
        &["rotate", "web", "--overlap", "soon"],
        &["rotate", "web", "--overlap", "0h"],
    ] {
        let ran = shop.run(&[&["hub", "token"], wrong].concat());
        assert_eq!(ran.exit, 2, "{wrong:?}");
    }
    drop(hub.end());
    assert_eq!(
        token_entries(&shop),
        [
            "token_added",
            "token_rotated",
            "token_secret_ended",
            "token_rotated",
            "token_revoked",
            "token_added"
        ]
    );
    for secret in [&first, &second, &third, &again] {
        let bytes = std::fs::read(shop.folder().join("ledger.db")).unwrap();
        let is_found = bytes
            .windows(secret.len())
            .any(|part| part == secret.as_bytes());
        assert!(!is_found, "a secret stands in the ledger");
    }
    shop.assert_well();
}

#[test]
fn a_token_is_rotated_in_a_database_as_in_a_folder() {
    for kept in Kept::EITHER {
        let shop = Shop::kept(kept, &[], 3);
        let old = token(&shop, "web", "redeem");
        let hub = Hub::up(&shop);
        let status = |secret: &str| {
            let body = json!({"code": crate::shop::code(0), "check": true}).to_string();
            hub.ask("POST", "/v1/redemptions", Some(secret), &body)
                .status
        };
        let new = rotate(&shop, "web", &["--overlap", "1h"]);
        assert_eq!([&old, &new].map(|secret| status(secret)), [200, 200]);
        // Its time comes while the hub runs, and two processes end it: there is one entry.
        let later = act("later", None, now() + SignedDuration::from_hours(2)).unwrap();
        for _ in 0..2 {
            let mut ledger = match kept {
                Kept::InFolder => Ledger::open(shop.folder(), &later).unwrap().0,
                Kept::InDatabase => {
                    let database = Database::parse(shop.database().url()).unwrap();
                    Ledger::open_in(&database, &later).unwrap()
                }
            };
            ledger.end_old_secrets(&later).unwrap();
        }
        assert_eq!([&old, &new].map(|secret| status(secret)), [401, 200]);
        let ended = "SELECT count(*) FROM entry WHERE kind = 'token_secret_ended'";
        assert_eq!(shop.count(ended), 1, "{kept:?}");
        shop.run(&["hub", "token", "revoke", "web"]).well();
        assert_eq!(status(&new), 401);
        drop(hub.end());
        assert_eq!(shop.verify().0, 0, "{kept:?}");
    }
}
