//! Several hub processes on one database: every limit holds between them, and lost connections lose
//! nothing and do nothing twice. What is answered together is stored together.
//!
//! The canaries do what two processes do, statement by statement, with the guard taken out: both must
//! be let through.
#![expect(
    clippy::unwrap_used,
    reason = "a test's own surroundings: what fails here fails the test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use counterfoil::desk::{act, mint_key};
use counterfoil::domain::claim::{Claim, ClaimWord};
use counterfoil::domain::log::LogFilter;
use counterfoil::ledger::{Database, Expected, Ledger, LogPosition, Scan};
use jiff::Timestamp;
use postgres::error::SqlState;
use serde_json::{Value, json};

use crate::http::{Hub, ask, pool_kept, token};
use crate::shop::{CAMPAIGN, Kept, Shop, codes, text};
use crate::stores::Store;
use crate::together::{claim, wish};

const CALLERS: usize = 8;

/// Asks every body of a list at once, half of them at each hub; the answers, in order.
fn ask_both(hubs: &[Hub; 2], path: &str, token: &str, bodies: &[Value]) -> Vec<Value> {
    let begin = Barrier::new(CALLERS);
    let mut told: Vec<(usize, Value)> = thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS)
            .map(|caller| {
                let begin = &begin;
                scope.spawn(move || {
                    begin.wait();
                    let own = bodies.iter().enumerate().skip(caller).step_by(CALLERS);
                    own.map(|(place, body)| {
                        let hub = hubs.get(caller % 2).unwrap();
                        let got = ask(&hub.address, "POST", path, Some(token), &body.to_string());
                        let got = got.unwrap();
                        assert_eq!(got.status, 200, "{}", got.body);
                        (place, got.json())
                    })
                    .collect::<Vec<_>>()
                })
            })
            .collect();
        callers
            .into_iter()
            .flat_map(|caller| caller.join().unwrap())
            .collect()
    });
    told.sort_by_key(|(place, _)| *place);
    told.into_iter().map(|(_, answer)| answer).collect()
}

fn count(told: &[Value], key: &str, word: &str) -> usize {
    told.iter().filter(|told| text(told, key) == word).count()
}

fn two_hubs(shop: &Shop) -> [Hub; 2] {
    [Hub::up(shop), Hub::up(shop)]
}

#[test]
fn two_hubs_hold_every_limit_between_them() {
    let rules = [
        "--per-customer",
        "4",
        "--limit-per-day",
        "1",
        "--allow-anonymous",
        "5/day",
    ];
    let shop = pool_kept(Kept::InDatabase, &rules, 400);
    let secret = token(&shop, "web", "claim,redeem");
    let hubs = two_hubs(&shop);
    // Ten people are asked for sixteen times each, at both: four codes each, and one person each.
    let claims: Vec<Value> = (0..160)
        .map(|n| json!({"campaign": CAMPAIGN, "email": format!("c{}@example.org", n % 10),
                        "phone": format!("+44 20 7946 09{:02}", n % 10), "key": format!("claim-{n}")}))
        .collect();
    let told = ask_both(&hubs, "/v1/claims", &secret, &claims);
    assert_eq!(count(&told, "claim", "assigned"), 40);
    assert_eq!(count(&told, "claim", "already_assigned"), 120);
    let mut held = BTreeMap::<String, BTreeSet<String>>::new();
    for told in &told {
        let customer = text(told, "customer_id").to_owned();
        held.entry(customer)
            .or_default()
            .insert(text(told, "code").to_owned());
    }
    assert_eq!(held.len(), 10, "one person each");
    assert!(held.values().all(|codes| codes.len() == 4), "{held:?}");
    // Nobody may use more than one of theirs a day.
    let mine: Vec<&String> = held.values().flatten().collect();
    let scans: Vec<Value> = (0..80)
        .map(|n| json!({"code": mine.get(n % 40), "key": format!("scan-{n}")}))
        .collect();
    let told = ask_both(&hubs, "/v1/redemptions", &secret, &scans);
    assert_eq!(count(&told, "verdict", "accepted"), 10);
    // And only five codes a day go to people without a name.
    let nobody: Vec<Value> = (0..80)
        .map(|n| json!({"campaign": CAMPAIGN, "key": format!("nobody-{n}")}))
        .collect();
    let told = ask_both(&hubs, "/v1/claims", &secret, &nobody);
    assert_eq!(count(&told, "claim", "assigned"), 5);
    // One key at both is one act.
    let shared: Vec<Value> = (0..40)
        .map(|n| {
            json!({"campaign": CAMPAIGN, "email": format!("k{}@example.org", n / 8),
                        "key": format!("shared-{}", n / 8)})
        })
        .collect();
    let told = ask_both(&hubs, "/v1/claims", &secret, &shared);
    assert_eq!(count(&told, "claim", "assigned"), 5);
    assert_eq!(count(&told, "claim", "replayed"), 35);
    for hub in hubs {
        drop(hub.end());
    }
    shop.assert_well();
    assert_eq!(
        shop.count("SELECT count(*) FROM claim_range WHERE writer IS NOT NULL"),
        0,
        "what a hub has left it gives back at its end"
    );
}

#[test]
fn two_hubs_empty_a_pool_to_its_last_code_and_each_code_goes_to_one() {
    let shop = pool_kept(Kept::InDatabase, &[], 150);
    let secret = token(&shop, "web", "claim");
    let hubs = two_hubs(&shop);
    let claims: Vec<Value> = (0..200)
        .map(|n| json!({"campaign": CAMPAIGN, "email": format!("c{n}@example.org")}))
        .collect();
    let told = ask_both(&hubs, "/v1/claims", &secret, &claims);
    let given: BTreeSet<&str> = told
        .iter()
        .filter(|told| text(told, "claim") == "assigned")
        .map(|told| text(told, "code"))
        .collect();
    assert_eq!(given.len(), 150);
    assert_eq!(count(&told, "claim", "pool_exhausted"), 50);
    for hub in hubs {
        drop(hub.end());
    }
    shop.assert_well();
}

#[test]
fn a_killed_hub_leaves_its_range_to_be_taken_back() {
    let shop = pool_kept(Kept::InDatabase, &[], 64);
    let secret = token(&shop, "web", "claim");
    let claim = |hub: &Hub, n: usize| {
        let body = json!({"campaign": CAMPAIGN, "email": format!("c{n}@example.org")});
        let got = ask(
            &hub.address,
            "POST",
            "/v1/claims",
            Some(&secret),
            &body.to_string(),
        );
        text(&got.unwrap().json(), "claim").to_owned()
    };
    let mut first = Hub::up(&shop);
    assert_eq!(claim(&first, 0), "assigned");
    first.child.kill().unwrap();
    first.child.wait().unwrap();
    let left = "SELECT count(*) FROM claim_range WHERE writer IS NOT NULL \
                AND next_ordinal < end_ordinal";
    assert_eq!(shop.count(left), 1, "it had a range");
    let second = Hub::up(&shop);
    let words: Vec<String> = (1..70).map(|n| claim(&second, n)).collect();
    assert_eq!(words.iter().filter(|word| *word == "assigned").count(), 63);
    assert_eq!(
        words
            .iter()
            .filter(|word| *word == "pool_exhausted")
            .count(),
        6
    );
    drop(second.end());
    shop.assert_well();
}

#[test]
fn a_store_is_lent_what_a_killed_hub_had_for_itself() {
    let shop = pool_kept(Kept::InDatabase, &[], 64);
    let mut killed = open(&shop, Kept::InDatabase);
    let given = |claim: Option<Claim>| claim.and_then(|claim| claim.code);
    let first = given(claim(&mut killed, &wish("first@example.org", "first")));
    let mut codes = BTreeSet::from([first.unwrap()]);
    let reserved = "SELECT sum(end_ordinal - next_ordinal) FROM claim_range";
    assert_eq!(shop.count(reserved), 3, "it has them for itself");
    let hub = Hub::up(&shop);
    let secret = token(&shop, "web", "claim");
    for n in 0..60 {
        let body = json!({"campaign": CAMPAIGN, "email": format!("c{n}@example.org")});
        assert!(codes.insert(text(&hub.claim(&secret, &body), "code").to_owned()));
    }
    // Nothing else is left, and whoever has it may be there still.
    let store = Store::joined(&shop, &hub.address, "Riverside");
    let lent = "SELECT coalesce(sum(end_ordinal - next_ordinal), 0) FROM lease WHERE holder = 1";
    assert_eq!(store.count(lent), 0);
    assert_eq!(shop.count(reserved), 3);
    let silence = "UPDATE writer SET beat_at_ms = beat_at_ms - 61000";
    shop.database().connect().execute(silence, &[]).unwrap();
    // A share of it at each contact: one for the hub, and one for each store.
    store.sync().well();
    store.sync().well();
    assert_eq!(store.count(lent), 3);
    // It was there after all: what was taken from it, it gives to nobody.
    let late = claim(&mut killed, &wish("late@example.org", "late")).unwrap();
    assert_eq!(late.word, ClaimWord::PoolExhausted);
    for name in ["ana", "ben", "cleo"] {
        assert!(codes.insert(store.assign(name)));
    }
    assert_eq!(codes.len(), 64);
    store.sync().well();
    store.assert_well();
    drop((killed, hub.end()));
    shop.assert_well();
}

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "one story, told from its beginning to its end"
)]
fn lost_connections_lose_nothing_and_do_nothing_twice() {
    const CLAIMS: usize = 480;
    let shop = pool_kept(Kept::InDatabase, &[], 600);
    let secret = token(&shop, "web", "claim,redeem");
    let hubs = two_hubs(&shop);
    let answered = AtomicUsize::new(0);
    let is_done = AtomicBool::new(false);
    let (told, cuts) = thread::scope(|scope| {
        // After every few answers, all connections of the hubs are cut.
        let cutter = scope.spawn(|| {
            let mut database = shop.database().connect();
            let (mut next, mut cuts) = (20, 0_u32);
            while !is_done.load(Ordering::Acquire) {
                if answered.load(Ordering::Acquire) < next {
                    thread::yield_now();
                    continue;
                }
                next += 20;
                let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                           WHERE application_name = 'counterfoil' AND datname = current_database()";
                database.query_one(cut, &[]).unwrap();
                cuts += 1;
            }
            cuts
        });
        let callers: Vec<_> = (0..CALLERS)
            .map(|caller| {
                let (hubs, secret, answered) = (&hubs, &secret, &answered);
                scope.spawn(move || {
                    let mut told = Vec::new();
                    for n in (0..CLAIMS).skip(caller).step_by(CALLERS) {
                        let hub = hubs.get(caller % 2).unwrap();
                        let body = json!({"campaign": CAMPAIGN, "key": format!("claim-{n}"),
                                          "email": format!("c{n}@example.org")});
                        let mut first = true;
                        let claim = loop {
                            let got = ask(
                                &hub.address,
                                "POST",
                                "/v1/claims",
                                Some(secret),
                                &body.to_string(),
                            )
                            .unwrap();
                            if got.status == 200 {
                                break got.json();
                            }
                            // Not known, or not reached: asked again under its key.
                            assert_eq!(got.status, 503, "{}", got.body);
                            first = false;
                        };
                        let word = text(&claim, "claim");
                        // A first answer is never that of an act it knows nothing of.
                        assert!(
                            word == "assigned" || (!first && word == "replayed"),
                            "{claim}"
                        );
                        told.push((n, text(&claim, "code").to_owned()));
                        answered.fetch_add(1, Ordering::AcqRel);
                    }
                    told
                })
            })
            .collect();
        let told: Vec<_> = callers
            .into_iter()
            .map(thread::ScopedJoinHandle::join)
            .collect();
        is_done.store(true, Ordering::Release);
        let told: BTreeMap<usize, String> = told.into_iter().flat_map(Result::unwrap).collect();
        (told, cutter.join().unwrap())
    });
    assert!(cuts >= 10, "cut {cuts} times");
    for hub in hubs {
        drop(hub.end());
    }
    assert_eq!(told.len(), CLAIMS);
    assert_eq!(told.values().collect::<BTreeSet<_>>().len(), CLAIMS);
    for (table, why) in [
        ("customer_slot", "a code each"),
        ("act_key", "an act a key"),
    ] {
        let rows = shop.count(&format!("SELECT count(*) FROM {table}"));
        assert_eq!(usize::try_from(rows).unwrap(), CLAIMS, "{why}");
    }
    let given = shop.count("SELECT count(*) FROM entry WHERE kind = 'assigned'");
    assert_eq!(usize::try_from(given).unwrap(), CLAIMS);
    shop.assert_well();
}

#[test]
fn what_a_killed_hub_has_answered_is_stored() {
    for kept in Kept::EITHER {
        let shop = pool_kept(kept, &[], 2_000);
        let secret = token(&shop, "web", "claim");
        let mut hub = Hub::up(&shop);
        let answered = AtomicUsize::new(0);
        let told: Vec<String> = thread::scope(|scope| {
            let callers: Vec<_> = (0..CALLERS)
                .map(|caller| {
                    let (address, secret, answered) = (hub.address.clone(), &secret, &answered);
                    scope.spawn(move || {
                        let mut told = Vec::new();
                        for n in 0.. {
                            let body = json!({"campaign": CAMPAIGN,
                                              "email": format!("c{caller}-{n}@example.org")});
                            let body = body.to_string();
                            let Some(got) =
                                ask(&address, "POST", "/v1/claims", Some(secret), &body)
                            else {
                                break;
                            };
                            told.push(text(&got.json(), "code").to_owned());
                            answered.fetch_add(1, Ordering::AcqRel);
                        }
                        told
                    })
                })
                .collect();
            while answered.load(Ordering::Acquire) < 60 {
                thread::yield_now();
            }
            hub.child.kill().unwrap();
            callers
                .into_iter()
                .flat_map(|caller| caller.join().unwrap())
                .collect()
        });
        hub.child.wait().unwrap();
        let given: BTreeSet<String> = shop
            .texts("SELECT coalesce(shown, folded) FROM code WHERE customer IS NOT NULL")
            .into_iter()
            .collect();
        assert!(told.len() >= 60);
        let lost: Vec<&String> = told.iter().filter(|code| !given.contains(*code)).collect();
        assert!(lost.is_empty(), "{kept:?}: {lost:?}");
        shop.assert_well();
    }
}

/// The clock of the programs on the same ledger.
pub(crate) fn now() -> Timestamp {
    #[expect(
        clippy::disallowed_methods,
        reason = "the same clock as the programs on the same ledger"
    )]
    Timestamp::now()
}

pub(crate) fn open(shop: &Shop, kept: Kept) -> Ledger {
    let act = act("test", None, now()).unwrap();
    match kept {
        Kept::InFolder => Ledger::open(shop.folder(), &act).unwrap().0,
        Kept::InDatabase => {
            let database = Database::parse(shop.database().url()).unwrap();
            Ledger::open_in(&database, &act).unwrap()
        }
    }
}

/// All that a reader of the log is told from where it is, by who tried it.
fn lines(ledger: &mut Ledger, position: &mut LogPosition) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(lines) = ledger.log_page(position, &LogFilter::default()).unwrap() {
        all.extend(lines.into_iter().map(|line| line.counter));
    }
    all
}

#[test]
fn who_follows_the_log_misses_nothing_that_is_committed_late() {
    let shop = pool_kept(Kept::InDatabase, &[], 1);
    let mut ledger = open(&shop, Kept::InDatabase);
    let (mut following, mut naive) = (LogPosition::default(), LogPosition::default());
    ledger.look_ahead(&mut following).unwrap();
    assert_eq!(
        lines(&mut ledger, &mut following),
        lines(&mut ledger, &mut naive)
    );

    // Two processes write, and the one that began first commits last.
    let note = |counter: &str| {
        format!(
            "INSERT INTO attempt (at_ms, after_entry, kind, answer, counter) \
             SELECT 0, max(id), 'redeem', 'not_found', '{counter}' FROM entry"
        )
    };
    let (mut slow, mut fast) = (shop.database().connect(), shop.database().connect());
    let mut slow = slow.transaction().unwrap();
    slow.execute(&note("slow"), &[]).unwrap();
    fast.execute(&note("fast"), &[]).unwrap();
    for _ in 0..2 {
        ledger.look_ahead(&mut following).unwrap();
        assert!(
            lines(&mut ledger, &mut following).is_empty(),
            "one is still to come"
        );
    }
    assert_eq!(lines(&mut ledger, &mut naive), ["fast"]);
    slow.commit().unwrap();
    // Others that write meanwhile, and do not end, hold up nothing that is settled.
    let mut third = shop.database().connect();
    let mut third = third.transaction().unwrap();
    third.execute(&note("third"), &[]).unwrap();
    ledger.look_ahead(&mut following).unwrap();
    assert_eq!(lines(&mut ledger, &mut following), ["slow", "fast"]);
    third.commit().unwrap();
    ledger.look_ahead(&mut following).unwrap();
    assert_eq!(lines(&mut ledger, &mut following), ["third"]);
    // The canary: who goes by the numbers alone has passed one over for ever.
    assert_eq!(lines(&mut ledger, &mut naive), ["third"]);
}

/// Makes every write to one code fail, as a full disk or a defect would.
fn sabotage(shop: &Shop, kept: Kept, code: &str) {
    let folded = code.replace('-', "");
    match kept {
        Kept::InFolder => rusqlite::Connection::open(shop.folder().join("ledger.db"))
            .unwrap()
            .execute_batch(&format!(
                "CREATE TRIGGER sabotage BEFORE UPDATE ON code WHEN old.folded = '{folded}' \
                 BEGIN SELECT raise(ABORT, 'sabotage'); END"
            ))
            .unwrap(),
        Kept::InDatabase => shop
            .database()
            .connect()
            .batch_execute(&format!(
                "CREATE FUNCTION sabotage() RETURNS trigger LANGUAGE plpgsql AS \
                 $$ BEGIN RAISE EXCEPTION 'sabotage'; END $$; \
                 CREATE TRIGGER sabotage BEFORE UPDATE ON code FOR EACH ROW \
                 WHEN (old.folded = '{folded}') EXECUTE FUNCTION sabotage()"
            ))
            .unwrap(),
    }
}

#[test]
fn one_that_fails_harms_no_other_of_those_answered_together() {
    for kept in Kept::EITHER {
        let codes = codes(12);
        let shop = Shop::kept(kept, &[], codes.len());
        let wrong = codes.get(5).unwrap();
        sabotage(&shop, kept, wrong);
        let mut ledger = open(&shop, kept);
        let turns = || match kept {
            Kept::InFolder => 0,
            Kept::InDatabase => shop.count("SELECT sum(turn) FROM writer"),
        };
        let before = turns();
        // Each twice: the second scan sees the first one's use, before anything is committed.
        let scans: Vec<&String> = codes.iter().chain(&codes).collect();
        let told = ledger
            .answer_together(
                &scans,
                |_, _| Expected::Anything,
                |ledger, code| {
                    let act = act("till", None, now()).unwrap();
                    let minted = mint_key(act.now).unwrap();
                    let scan = Scan::new(code.as_bytes(), &minted);
                    ledger
                        .redeem(&scan, &act)
                        .map(|answer| answer.verdict.word())
                },
            )
            .unwrap();
        assert!(turns() - before <= 1, "one commit: {}", turns() - before);
        for (place, (code, told)) in scans.iter().zip(told).enumerate() {
            if *code == wrong {
                assert!(told.is_err(), "{kept:?}");
            } else {
                let word = if place < codes.len() {
                    "accepted"
                } else {
                    "already_redeemed"
                };
                assert_eq!(told.unwrap(), word, "{kept:?} {code}");
            }
        }
        drop(ledger);
        assert_eq!(
            shop.count("SELECT count(*) FROM entry WHERE kind = 'redeemed'"),
            11
        );
        shop.assert_well();
    }
}

#[test]
fn a_group_that_meets_another_process_half_way_is_answered_one_by_one() {
    let codes = codes(6);
    let shop = Shop::kept(Kept::InDatabase, &["--uses", "2"], codes.len());
    let mut ledger = open(&shop, Kept::InDatabase);
    let mut other = open(&shop, Kept::InDatabase);
    let mut is_first = true;
    let key = "shared".parse().unwrap();
    let told = ledger
        .answer_together(
            &codes,
            |_, _| Expected::Anything,
            |ledger, code| {
                let act = act("till", None, now()).unwrap();
                let minted = mint_key(act.now).unwrap();
                let scan = Scan {
                    key: Some(&key),
                    ..Scan::new(code.as_bytes(), &minted)
                };
                if std::mem::take(&mut is_first) {
                    // Another process binds the same key, to the last of these codes, and commits.
                    let last = Scan {
                        key: Some(&key),
                        ..Scan::new(codes.last().unwrap().as_bytes(), &minted)
                    };
                    let word = other.redeem(&last, &act).unwrap().verdict.word();
                    assert_eq!(word, "accepted");
                }
                ledger.redeem(&scan, &act).unwrap().verdict.word()
            },
        )
        .unwrap();
    let mut expected = vec!["key_conflict"; 5];
    expected.push("replayed");
    assert_eq!(told, expected);
    drop((ledger, other));
    shop.assert_well();
}

#[test]
fn the_canary_lets_two_processes_through_where_no_guard_stands() {
    let shop = pool_kept(Kept::InDatabase, &[], 4);
    let (mut one, mut two) = (shop.database().connect(), shop.database().connect());
    let (mut one, mut two) = (one.transaction().unwrap(), two.transaction().unwrap());
    let look = "SELECT coalesce(sum(amount), 0) = 0 FROM customer_day";
    for both in [&mut one, &mut two] {
        let is_free: bool = both.query_one(look, &[]).unwrap().get(0);
        assert!(is_free, "both see that nothing was counted");
    }
    let count = "INSERT INTO customer_day (campaign, customer, day, amount) VALUES (1, 7, 1, 1) \
                 ON CONFLICT (campaign, customer, day) DO UPDATE SET amount = customer_day.amount + 1";
    assert_eq!(one.execute(count, &[]).unwrap(), 1);
    one.commit().unwrap();
    // With the product's guard the second is told; without it, it counts beyond the limit of one.
    let guarded = format!("{count} WHERE customer_day.amount < 1");
    assert_eq!(two.execute(&guarded, &[]).unwrap(), 0);
    assert_eq!(two.execute(count, &[]).unwrap(), 1);
    two.commit().unwrap();
    assert_eq!(
        shop.count("SELECT amount FROM customer_day"),
        2,
        "two where one may"
    );

    // The same of recognising a new customer: passed over in silence, or told as a race.
    let known = "INSERT INTO contact_hash (campaign, hash, customer) VALUES (1, 'x', $1)";
    let mut one = shop.database().connect();
    one.execute(known, &[&1_i64]).unwrap();
    let silent = format!("{known} ON CONFLICT DO NOTHING");
    assert_eq!(
        one.execute(&silent, &[&2_i64]).unwrap(),
        0,
        "nobody hears of it"
    );
    let told = one.execute(known, &[&2_i64]).unwrap_err();
    assert_eq!(told.code(), Some(&SqlState::UNIQUE_VIOLATION));

    // And of one person who is new to two campaigns: without the guard, both make a customer of them.
    let (mut one, mut two) = (shop.database().connect(), shop.database().connect());
    let (mut one, mut two) = (one.transaction().unwrap(), two.transaction().unwrap());
    let add = "INSERT INTO contact (customer, kind, normal_form) \
               SELECT CAST($1 AS BIGINT), 0, 'ana' WHERE NOT EXISTS \
               (SELECT 1 FROM contact WHERE normal_form = 'ana' AND kind = 0)";
    let meet = "SELECT pg_try_advisory_xact_lock(7)";
    let is_alone: bool = one.query_one(meet, &[]).unwrap().get(0);
    assert!(is_alone);
    assert_eq!(one.execute(add, &[&1_i64]).unwrap(), 1);
    let is_alone: bool = two.query_one(meet, &[]).unwrap().get(0);
    assert!(!is_alone, "the second is told, and waits");
    assert_eq!(two.execute(add, &[&2_i64]).unwrap(), 1, "or goes on alone");
    one.commit().unwrap();
    two.commit().unwrap();
    let known = "SELECT count(DISTINCT customer) FROM contact WHERE normal_form = 'ana'";
    assert_eq!(shop.count(known), 2, "two where one may be");
}
