//! Pools: their figures equal a recount from entries whatever was done, low ones are warned of once until
//! they are refilled, and whoever is outside is told by a command or a web address.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test's own surroundings: what fails here fails the test"
)]

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use counterfoil::desk::pool_watch::{PoolNotice, TellOutside, tell_outside};
use counterfoil::devices::print::run_command;
use counterfoil::domain::campaign::Rules;
use counterfoil::domain::entry::instant;
use counterfoil::domain::pool::{LowPool, PoolFigures, PoolLow};
use counterfoil::http::client::post_notice;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::dice::Dice;
use crate::sync::world::{Node, SPRING, and_with_hubs_in_databases, empty_hub, hub, meet, store};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// The first seed, and how many follow it.
const SEEDS: (u64, u64) = (0x0000_5EED, 3);

fn pool(node: &mut Node) -> PoolFigures {
    let now = instant(node.now_ms);
    let campaign = SPRING.parse().unwrap();
    node.ledger
        .pools(Some(&campaign), now)
        .unwrap()
        .unwrap()
        .remove(0)
}

fn counted(node: &Node, sql: &str) -> u64 {
    node.count(sql).unsigned_abs()
}

/// What the entries and codes themselves come to.
fn assert_recounts(node: &mut Node, seed: u64) {
    let figures = pool(node);
    let state = |number: i64| format!("SELECT count(*) FROM code WHERE state = {number}");
    let states = [0, 1, 2, 3, 4].map(|number| counted(node, &state(number)));
    let leased = counted(
        node,
        "SELECT count(*) FROM code WHERE state = 0 AND holder <> 1",
    );
    assert_eq!(
        [
            figures.available + figures.leased,
            figures.assigned,
            figures.redeemed,
            figures.void,
            figures.suspect,
            figures.leased,
            figures.claimable,
            figures.total,
        ],
        [
            states[0],
            states[1],
            states[2],
            states[3],
            states[4],
            leased,
            counted(node, "SELECT count(*) FROM code WHERE ordinal IS NOT NULL"),
            states.iter().sum(),
        ],
        "seed {seed}"
    );
    let of_kind = |kind: &str, after_ms: i64, to_ms: i64| {
        counted(
            node,
            &format!(
                "SELECT count(*) FROM entry WHERE kind = '{kind}' AND at_ms > {after_ms} \
                 AND at_ms <= {to_ms}"
            ),
        )
    };
    assert_eq!(
        figures.assigned_last_24h,
        of_kind("assigned", node.now_ms - DAY_MS, i64::MAX),
        "seed {seed}"
    );
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    assert_eq!(figures.per_day.len(), 14);
    let today = instant(node.now_ms).to_zoned(zone.clone()).date();
    assert_eq!(figures.per_day[13].date, today);
    for day in &figures.per_day {
        let from = day.date.to_zoned(zone.clone()).unwrap();
        let to = from.tomorrow().unwrap().timestamp().as_millisecond() - 1;
        let from = from.timestamp().as_millisecond() - 1;
        assert_eq!(
            [day.assigned, day.redeemed],
            [of_kind("assigned", from, to), of_kind("redeemed", from, to)],
            "seed {seed}, {}",
            day.date
        );
    }
}

#[test]
fn figures_equal_a_recount_of_any_history() {
    for seed in (SEEDS.0..).take(usize::try_from(SEEDS.1).unwrap()) {
        let mut dice = Dice::new(seed);
        let mut node = empty_hub();
        node.campaign(SPRING, &Rules::new("Free coffee"));
        node.generate(SPRING, 30, false);
        let mut given = Vec::new();
        for step in 0..60 {
            let act = node.act();
            match dice.below(12) {
                0..=4 => {
                    let claim = node.claim(SPRING, &format!("c{step}@example.org"));
                    given.extend(claim.code);
                }
                5..=6 if !given.is_empty() => {
                    let code = &given[dice.below(given.len())];
                    node.verdict("till 1", code, &format!("k{step}"));
                }
                7 if !given.is_empty() => {
                    let code = given[dice.below(given.len())].clone();
                    node.reverse("till 1", &code);
                }
                8 if !given.is_empty() => {
                    let code = given[dice.below(given.len())].as_bytes();
                    drop(node.ledger.void_code(code, "lost", &act).unwrap());
                }
                9 if dice.below(3) == 0 => node.generate(SPRING, 5, dice.below(2) == 0),
                _ => {}
            }
            // Minutes, hours, and now and then a day: the clocks are changed on some.
            let most = [HOUR_MS / 2, 5 * HOUR_MS, 30 * HOUR_MS][dice.below(3)];
            node.passes(i64::try_from(dice.below(usize::try_from(most).unwrap())).unwrap());
            let act = node.act();
            node.ledger.watch_pools(&act).unwrap();
            if step % 6 == 5 {
                assert_recounts(&mut node, seed);
            }
        }
        node.assert_well();
    }
}

fn kinds(node: &Node) -> Vec<String> {
    node.texts("SELECT kind FROM entry WHERE kind IN ('pool_low', 'pool_refilled') ORDER BY id")
}

fn low(node: &mut Node) -> Vec<PoolLow> {
    let act = node.act();
    node.ledger.watch_pools(&act).unwrap();
    let warnings = pool(node).warnings;
    warnings.into_iter().map(|warning| warning.low).collect()
}

#[test]
fn a_low_pool_is_warned_of_once_and_a_refill_clears_it() {
    let mut node = hub(20);
    // Too fast to say when it ends: only the share counts here.
    let rules = |rules: &mut Rules| rules.warn_days = 0;
    let act = node.act();
    let campaign = SPRING.parse().unwrap();
    node.ledger
        .set_campaign(&campaign, rules, &act)
        .unwrap()
        .unwrap();
    for customer in 0..18 {
        node.assigned(SPRING, &format!("c{customer}@example.org"));
    }
    // A tenth is left, and not less.
    assert_eq!(low(&mut node), []);
    node.assigned(SPRING, "nineteen@example.org");
    assert_eq!(low(&mut node), [PoolLow::Share]);
    assert_eq!(low(&mut node), [PoolLow::Share]);
    assert_eq!(kinds(&node), ["pool_low"]);
    node.assigned(SPRING, "twenty@example.org");
    assert_eq!(low(&mut node), [PoolLow::Empty, PoolLow::Share]);
    assert_eq!(kinds(&node).len(), 2);
    let told = node.ledger.low_pools().unwrap();
    let [
        LowPool {
            low: PoolLow::Empty,
            left: 0,
            ..
        },
    ] = told.as_slice()
    else {
        panic!("{told:?}");
    };
    node.generate(SPRING, 1, false);
    // One of twenty-one is still little; it is not empty any more.
    assert_eq!(low(&mut node), [PoolLow::Share]);
    node.generate(SPRING, 10, false);
    assert_eq!(low(&mut node), []);
    assert_eq!(
        kinds(&node),
        ["pool_low", "pool_low", "pool_refilled", "pool_refilled"]
    );
    for customer in 0..9 {
        node.assigned(SPRING, &format!("d{customer}@example.org"));
    }
    // Crossed again: warned of again.
    assert_eq!(low(&mut node), [PoolLow::Share]);
    let act = node.act();
    node.ledger
        .set_campaign(&campaign, |rules| rules.warn_share = 1, &act)
        .unwrap()
        .unwrap();
    // Other rules clear it too.
    assert_eq!(low(&mut node), []);
    node.assert_well();
}

#[test]
fn the_days_that_are_left_are_warned_of_and_a_quiet_day_clears_nothing() {
    let mut node = hub(100);
    // The forecast minds weekdays and hours: whenever this is built, it begins on a Monday at 08:00 UTC.
    // (The first day of the epoch was a Thursday.)
    let since_monday_ms = (node.now_ms - 4 * DAY_MS - 8 * HOUR_MS).rem_euclid(7 * DAY_MS);
    node.passes(7 * DAY_MS - since_monday_ms);
    for hour in 0..70 {
        node.assigned(SPRING, &format!("c{hour}@example.org"));
        node.passes(HOUR_MS);
    }
    let figures = pool(&mut node);
    let (from, to) = figures
        .forecast
        .map(|forecast| (forecast.from, forecast.to))
        .unwrap();
    let now = instant(node.now_ms);
    let hours = |at: Timestamp| at.duration_since(now).as_hours();
    assert!((10..=30).contains(&hours(from)), "{from} {now}");
    assert!((30..=72).contains(&hours(to)), "{to} {now}");
    assert_eq!(low(&mut node), [PoolLow::Days]);
    node.passes(3 * DAY_MS);
    assert_eq!(low(&mut node), [PoolLow::Days]);
    node.generate(SPRING, 1000, false);
    assert_eq!(low(&mut node), []);
}

#[test]
fn a_store_leaves_the_warnings_to_its_hub() {
    let mut head = hub(10);
    let mut shop = store(&mut head, "Riverside");
    meet(&mut head, &mut shop);
    assert_eq!(low(&mut shop), []);
    for customer in 0..10 {
        head.claim(SPRING, &format!("c{customer}@example.org"));
    }
    meet(&mut head, &mut shop);
    assert_eq!(low(&mut shop), []);
    assert_eq!(kinds(&shop), Vec::<String>::new());
}

/// What is told outside is kept here, or refused.
fn teller(told: &Arc<Mutex<Vec<PoolNotice>>>, fails: bool) -> TellOutside {
    let told = Arc::clone(told);
    Arc::new(move |notice| {
        if fails {
            return Err("the line is down".to_owned());
        }
        told.lock().unwrap().push(notice.clone());
        Ok(())
    })
}

fn clock() -> Timestamp {
    instant(crate::sync::world::start_ms())
}

fn a_while_later() -> Timestamp {
    clock() + SignedDuration::from_mins(2)
}

#[test]
fn somebody_outside_is_told_once_and_again_where_it_failed() {
    let mut node = hub(1);
    node.assigned(SPRING, "ana@example.org");
    assert_eq!(low(&mut node), [PoolLow::Empty]);
    let told = Arc::new(Mutex::new(Vec::new()));
    let count = tell_outside(&mut node.ledger, clock, &teller(&told, true)).unwrap();
    assert_eq!(count, 0);
    let warnings = pool(&mut node).warnings;
    let notice = warnings[0].notice.clone().unwrap();
    assert_eq!(
        (notice.tries, notice.problem.as_deref()),
        (1, Some("the line is down"))
    );
    // Not at once again, but after a while; and then no more.
    let well = teller(&told, false);
    assert_eq!(tell_outside(&mut node.ledger, clock, &well).unwrap(), 0);
    assert_eq!(
        tell_outside(&mut node.ledger, a_while_later, &well).unwrap(),
        1
    );
    assert_eq!(
        tell_outside(&mut node.ledger, a_while_later, &well).unwrap(),
        0
    );
    let told = told.lock().unwrap();
    let lows: Vec<PoolLow> = told.iter().map(|notice| notice.low).collect();
    assert_eq!(lows, [PoolLow::Empty]);
    assert!(
        told[0].message.contains("0 of 1 codes left"),
        "{}",
        told[0].message
    );
    assert!(
        pool(&mut node)
            .warnings
            .iter()
            .all(|warning| warning.notice.is_none())
    );
}

#[test]
fn a_command_gets_the_notice_and_its_failure_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notice.json");
    let command = format!("cat > '{}'", file.display());
    let within = Duration::from_secs(20);
    run_command(&command, b"{\"notice\":\"pool_low\"}", within).unwrap();
    assert_eq!(
        std::fs::read_to_string(&file).unwrap(),
        "{\"notice\":\"pool_low\"}"
    );
    let why = run_command(
        "cat > /dev/null; echo no such mailbox >&2; exit 3",
        b"{}",
        within,
    );
    let why = why.unwrap_err();
    assert!(why.contains("no such mailbox"), "{why}");
}

#[test]
fn a_web_address_gets_the_notice_and_its_refusal_is_said() {
    for (status, is_taken) in [("204 No Content", true), ("500 Broken", false)] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!(
            "http://{}/hook?key=a-secret",
            listener.local_addr().unwrap()
        );
        let server = std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            let mut asked = Vec::new();
            let mut buffer = [0; 1024];
            while !asked.ends_with(b"{\"low\":\"empty\"}") {
                let count = socket.read(&mut buffer).unwrap();
                asked.extend_from_slice(&buffer[..count]);
            }
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
            socket.write_all(answer.as_bytes()).unwrap();
            String::from_utf8(asked).unwrap()
        });
        let posted = post_notice(
            &address,
            b"{\"low\":\"empty\"}".to_vec(),
            Duration::from_secs(20),
        );
        let asked = server.join().unwrap();
        assert!(
            asked.starts_with("POST /hook?key=a-secret HTTP/1.1\r\n"),
            "{asked}"
        );
        assert!(!asked.to_lowercase().contains("authorization"), "{asked}");
        assert_eq!(posted.is_ok(), is_taken, "{posted:?}");
        // The address may hold a secret.
        assert!(!format!("{posted:?}").contains("a-secret"), "{posted:?}");
    }
    let why = post_notice("ftp://example.org/x", Vec::new(), Duration::from_secs(1));
    assert_eq!(why.unwrap_err(), "the web address cannot be used");
}

and_with_hubs_in_databases!(
    figures_equal_a_recount_of_any_history,
    a_low_pool_is_warned_of_once_and_a_refill_clears_it,
    somebody_outside_is_told_once_and_again_where_it_failed,
);
