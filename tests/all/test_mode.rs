//! Test mode: named customers draw test codes, and nothing else of the campaign is touched.

use std::path::Path;

use counterfoil::desk;
use counterfoil::domain::campaign::ContactKind;
use counterfoil::domain::claim::{ClaimContext, ClaimWord, Look};
use counterfoil::domain::notes::Notes;
use counterfoil::ledger::{ClaimRequest, Ledger};
use jiff::{SignedDuration, Timestamp};
use rusqlite::Connection;
use serde_json::Value;

use crate::claims::{claim, counterfoil, in_words, pool, shop};
use crate::shop::text;

const TESTER: &str = "qa@example.org";

fn on(data: &Path, more: &[&str]) -> (i32, Value) {
    let all = [
        "campaign",
        "test-mode",
        "coffee",
        "on",
        "--customer",
        TESTER,
    ];
    counterfoil(data, &[&all, more].concat())
}

fn off(data: &Path) -> Value {
    let (exit, ended) = counterfoil(data, &["campaign", "test-mode", "coffee", "off"]);
    assert_eq!(exit, 0, "{ended}");
    ended
}

/// The figures that a test code must never move.
fn real(data: &Path) -> [Value; 7] {
    let figures = pool(data);
    [
        "available",
        "leased",
        "assigned",
        "redeemed",
        "void",
        "suspect",
        "assigned_last_24h",
    ]
    .map(|name| figures.get(name).cloned().unwrap_or_default())
}

#[test]
fn test_customers_draw_again_and_again_and_the_pool_is_as_it_was() {
    let folder = shop("2");
    let data = folder.path().join("shop");
    let before = real(&data);
    let (exit, began) = on(&data, &["--customer", "+44 20 7946 0958"]);
    assert_eq!(exit, 0, "{began}");
    assert_eq!(began["customers"].as_array().map(Vec::len), Some(2));
    let mut drawn = Vec::new();
    for _ in 0..3 {
        let (exit, given) = claim(&data, &["--email", TESTER]);
        assert_eq!((exit, text(&given, "claim")), (0, "assigned"));
        assert_eq!(text(&given, "state"), "test");
        let code = text(&given, "code").to_owned();
        assert!(code.starts_with("TEST-"), "{code}");
        assert!(text(&given, "message").contains("test code"));
        drawn.push(code);
    }
    assert_eq!(real(&data), before);
    let figures = pool(&data);
    assert_eq!(
        (&figures["test"], &figures["total"]),
        (&3.into(), &5.into())
    );
    // A view tells the newest; a preview is a preview.
    let (_, seen) = claim(&data, &["--email", TESTER, "--context", "view"]);
    assert_eq!(text(&seen, "code"), drawn[2]);
    let (_, preview) = claim(&data, &["--email", TESTER, "--context", "preview"]);
    assert_eq!(text(&preview, "code"), "PREVIEW-coffee");
    // At a counter they are nothing, however they are read, also to a manager.
    let forced = ["--override", "--reason", "please"];
    for more in [&[][..], &forced[..]] {
        let (exit, told) = counterfoil(&data, &[&["redeem", &drawn[0]], more].concat());
        assert_eq!((exit, text(&told, "verdict")), (1, "not_ours"));
        assert_eq!(text(&told, "message"), "a test code");
    }
    for words in [["codes", "void"], ["replace", ""]] {
        let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
        let (exit, _) = counterfoil(
            &data,
            &[&words[..], &[&drawn[0], "--reason", "tried"]].concat(),
        );
        assert_eq!(exit, 1, "{words:?}");
    }
    // Everybody else is given real codes as ever, once each.
    let (_, real_one) = claim(&data, &["--email", "ana@example.org"]);
    assert_eq!(text(&real_one, "state"), "assigned");
    let (_, again) = claim(&data, &["--email", "ana@example.org"]);
    assert_eq!(text(&again, "claim"), "already_assigned");
    let ended = off(&data);
    let listed: Vec<&str> = ended["drawn"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|drawn| text(drawn, "code"))
        .collect();
    assert_eq!(listed, drawn);
    assert_eq!(off(&data)["was_on"], false);
    // From here on they are customers like others.
    let (_, own) = claim(&data, &["--email", TESTER]);
    assert_eq!(
        (text(&own, "claim"), text(&own, "state")),
        ("assigned", "assigned")
    );
    assert_eq!(pool(&data)["test"], 3);
    assert_eq!(
        counterfoil(&data, &["verify"]),
        counterfoil(&data, &["verify"])
    );
    assert_eq!(counterfoil(&data, &["verify"]).0, 0);
}

#[test]
fn a_key_draws_one_test_code_also_after_test_mode_has_ended() {
    let folder = shop("1");
    let data = folder.path().join("shop");
    on(&data, &[]);
    let ask = ["--email", TESTER, "--key", "k1"];
    let (_, first) = claim(&data, &ask);
    let (_, again) = claim(&data, &ask);
    assert_eq!(text(&again, "claim"), "replayed");
    assert_eq!(again["code"], first["code"]);
    off(&data);
    let (_, later) = claim(&data, &ask);
    assert_eq!(
        (text(&later, "claim"), &later["code"]),
        ("replayed", &first["code"])
    );
    assert_eq!(
        (
            pool(&data)["test"].clone(),
            pool(&data)["available"].clone()
        ),
        (1.into(), 1.into())
    );
}

#[test]
fn test_mode_is_shown_with_its_end_and_both_its_ends_are_entries() {
    let folder = shop("1");
    let data = folder.path().join("shop");
    assert!(counterfoil(&data, &["campaign", "show", "coffee"]).1["test_until"].is_null());
    let (exit, began) = on(&data, &["--until", "2099-12-24T18:00"]);
    assert_eq!(exit, 0, "{began}");
    assert_eq!(text(&began, "until"), "2099-12-24T17:00:00Z");
    for words in [
        &["campaign", "show", "coffee"][..],
        &["campaign", "list"],
        &["pool"],
    ] {
        let (_, told) = counterfoil(&data, words);
        assert_eq!(
            text(&told, "test_until"),
            "2099-12-24T17:00:00Z",
            "{words:?}"
        );
        let said = in_words(&data, words);
        assert!(
            said.contains("TEST MODE until Thu 24 Dec 2099 18:00"),
            "{said}"
        );
    }
    off(&data);
    let said = in_words(&data, &["campaign", "list"]);
    assert!(!said.contains("TEST MODE"), "{said}");
    let log = in_words(&data, &["log"]);
    assert!(
        log.contains("test_mode_on") && log.contains("test_mode_off"),
        "{log}"
    );
}

#[test]
fn what_cannot_be_test_mode_is_refused_and_makes_nobody_a_customer() {
    let folder = shop("1");
    let data = folder.path().join("shop");
    let customers = |data: &Path| {
        let file = Connection::open(data.join("ledger.db")).expect("the file opens");
        file.query_row("SELECT count(*) FROM customer", [], |row| {
            row.get::<_, i64>(0)
        })
        .expect("a count")
    };
    let test_mode = ["campaign", "test-mode", "coffee"];
    for words in [
        &["on"][..],
        &["maybe", "--customer", TESTER],
        &["on", "--customer", TESTER, "--until", "2020-01-01"],
        &["off", "--customer", TESTER],
        // An id that nobody has; somebody named beside it is not made either.
        &["on", "--customer", TESTER, "--customer", "UBCDFGHJKLNPRST"],
    ] {
        let (exit, _) = counterfoil(&data, &[&test_mode, words].concat());
        assert!([1, 2].contains(&exit), "{words:?}");
        assert_eq!(customers(&data), 0, "{words:?}");
    }
    let (exit, _) = counterfoil(&data, &["campaign", "test-mode", "tea", "off"]);
    assert_eq!(exit, 2);
}

#[test]
fn test_customers_try_a_campaign_before_it_begins_but_not_while_it_is_paused() {
    let folder = shop("1");
    let data = folder.path().join("shop");
    counterfoil(
        &data,
        &["campaign", "set", "coffee", "--starts", "2099-01-01"],
    );
    on(&data, &[]);
    let (_, early) = claim(&data, &["--email", "ana@example.org"]);
    assert_eq!(text(&early, "claim"), "not_live");
    assert!(text(&early, "message").contains("2099"), "{early}");
    assert_eq!(text(&claim(&data, &["--email", TESTER]).1, "state"), "test");
    counterfoil(&data, &["campaign", "pause", "coffee"]);
    let (_, paused) = claim(&data, &["--email", TESTER]);
    assert_eq!(text(&paused, "claim"), "not_live");
    assert!(text(&paused, "message").contains("paused"), "{paused}");
}

/// Nobody has to end it: after its time the same customer is one like others.
#[test]
fn test_mode_ends_by_itself() {
    let folder = shop("1");
    let data = folder.path().join("shop");
    on(&data, &[]);
    #[expect(
        clippy::disallowed_methods,
        reason = "the same clock as the program that began test mode"
    )]
    let now = Timestamp::now();
    let campaign = "coffee".parse().expect("a name");
    let contacts = [(ContactKind::Email, TESTER.to_owned())];
    let ask = |days: i64| {
        let act = desk::act("till", None, now + SignedDuration::from_hours(24 * days))
            .expect("random bytes");
        let minted = desk::mint_key(act.now).expect("random bytes");
        let request = ClaimRequest {
            campaign: &campaign,
            contacts: &contacts,
            context: ClaimContext::Send,
            key: None,
            minted: &minted,
            trigger: None,
            notes: Notes::default(),
            resends: false,
            name: None,
            consents: false,
            prints: true,
            random: desk::random().expect("random bytes"),
        };
        let (mut ledger, _) = Ledger::open(&data, &act).expect("it opens");
        let modes = ledger.campaigns_in_test_mode(act.now).expect("read").len();
        let claim = ledger
            .assign(&request, &act)
            .expect("kept")
            .expect("a claim");
        (claim, modes)
    };
    let (sixth, modes) = ask(6);
    assert_eq!((sixth.state, modes), (Some("test"), 1));
    assert!(sixth.slip.is_some_and(|job| job.slip.is_test));
    let (eighth, modes) = ask(8);
    assert_eq!(
        (eighth.word, eighth.state, modes),
        (ClaimWord::Assigned, Some("assigned"), 0)
    );
    assert!(eighth.slip.is_some_and(|job| !job.slip.is_test));
    assert_eq!(off(&data)["was_on"], true);
    assert_eq!(counterfoil(&data, &["verify"]).0, 0);
}

#[test]
fn verify_recounts_test_codes_and_knows_a_forged_one() {
    let folder = shop("1");
    let data = folder.path().join("shop");
    on(&data, &[]);
    claim(&data, &["--email", TESTER]);
    let changed = |sql: &str| {
        let file = Connection::open(data.join("ledger.db")).expect("the file opens");
        file.execute_batch(sql).expect("changed");
        counterfoil(&data, &["verify"]).0
    };
    assert_eq!(changed(""), 0);
    assert_ne!(changed("UPDATE tally SET test = test + 1"), 0);
    assert_eq!(changed("UPDATE tally SET test = test - 1"), 0);
    let forged = "INSERT INTO code (id, folded, campaign, batch, state, holder, grant_number) \
        SELECT 900, 'TESTX', campaign, batch, 5, 1, 0 FROM code WHERE state = 5; \
        UPDATE tally SET test = test + 1";
    assert_ne!(changed(forged), 0);
    let gone = "DELETE FROM code WHERE id = 900; UPDATE tally SET test = test - 1";
    assert_eq!(changed(gone), 0);
    // A real code passed off as a test code, and the other way round.
    let hidden = "UPDATE code SET state = 5 WHERE state = 0; \
        UPDATE tally SET test = test + 1, available = available - 1";
    assert_ne!(changed(hidden), 0);
}

#[test]
fn a_look_knows_that_a_test_customer_draws_whatever_they_have() {
    let folder = shop("2");
    let data = folder.path().join("shop");
    let (_, real) = claim(&data, &["--email", TESTER]);
    assert_eq!(text(&real, "state"), "assigned");
    let looked = || {
        #[expect(
            clippy::disallowed_methods,
            reason = "the same clock as the programs that switch test mode"
        )]
        let now = Timestamp::now();
        let act = desk::act("desk", None, now).unwrap();
        let contacts = [(ContactKind::Email, TESTER.to_owned())];
        let mut ledger = Ledger::open(&data, &act).unwrap().0;
        let campaign = "coffee".parse().unwrap();
        let look = ledger.look_for(&campaign, &contacts, now).unwrap().unwrap();
        let Look::One(looked) = look else {
            panic!("{look:?}");
        };
        looked
    };
    assert!(!looked().may_have_another());
    assert_eq!(on(&data, &[]).0, 0);
    assert!(looked().is_tester && looked().may_have_another());
    let (_, given) = claim(&data, &["--email", TESTER]);
    assert_eq!(text(&given, "state"), "test");
    off(&data);
    assert!(!looked().may_have_another());
}
