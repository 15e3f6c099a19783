//! The page of the pools: what it draws at every size, that it reads itself anew, and what is noticed
//! elsewhere.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use counterfoil::devices::scan::input::Key;
use counterfoil::domain::depletion::Forecast;
use counterfoil::domain::pool::{
    LowPool, NoticeState, PoolDay, PoolFigures, PoolLow, PoolStanding, PoolWarning,
};
use counterfoil::tui::back_order::{BackOrder, BackTold};
use counterfoil::tui::msg::{Effect, Msg};
use counterfoil::tui::pool_order::{PoolOrder, PoolTold};
use jiff::ToSpan as _;
use jiff::civil::Date;

use crate::screens::{
    DARK, Scene, after, check, drawn, effects, key, model, now, scan, scan_effect, signed_in, text,
    then, without_bells,
};

const DAY_S: i64 = 86_400;

fn days(most: u64) -> Vec<PoolDay> {
    let today: Date = "2026-03-12".parse().unwrap();
    let shares = [20, 30, 45, 60, 40, 10, 0, 25, 35, 55, 100, 70, 15, 40];
    (0_i32..14)
        .zip(shares)
        .map(|(place, share)| PoolDay {
            date: today.checked_sub((13 - place).days()).unwrap(),
            assigned: most * share / 100,
            redeemed: most * (100 - share) / 150,
        })
        .collect()
}

fn pool(
    campaign: &str,
    offer: &str,
    [available, leased, assigned, redeemed, void]: [u64; 5],
) -> PoolFigures {
    PoolFigures {
        campaign: campaign.parse().unwrap(),
        total: available + leased + assigned + redeemed + void,
        available,
        leased,
        assigned,
        redeemed,
        void,
        suspect: 0,
        test: 0,
        uses_made: redeemed,
        assigned_last_24h: 1_204,
        leases: Vec::new(),
        forecast: None,
        test_until: None,
        claimable: available + leased + assigned + redeemed + void,
        warnings: Vec::new(),
        per_day: days(1_300),
        offer: offer.to_owned(),
        standing: PoolStanding::Live,
        is_at_store: false,
    }
}

fn spring() -> PoolFigures {
    PoolFigures {
        forecast: Some(Forecast {
            from: after(3 * DAY_S),
            at: after(4 * DAY_S + 5_400),
            to: after(6 * DAY_S),
        }),
        ..pool("spring-menu", "Free coffee", [4_312, 500, 9_020, 6_150, 18])
    }
}

fn letter() -> PoolFigures {
    pool("newsletter", "10 % off", [9_100, 0, 700, 200, 0])
}

fn staff() -> PoolFigures {
    PoolFigures {
        test: 6,
        test_until: Some(after(7_200)),
        ..pool("staff-test", "Lunch", [50, 0, 0, 0, 0])
    }
}

fn low() -> PoolFigures {
    PoolFigures {
        warnings: vec![
            PoolWarning {
                low: PoolLow::Share,
                at: after(-3_600),
                left: 180,
                notice: Some(NoticeState {
                    tries: 2,
                    problem: Some("notice.url: hooks.example.org answered 500".to_owned()),
                }),
            },
            PoolWarning {
                low: PoolLow::Days,
                at: after(-90_000),
                left: 900,
                notice: None,
            },
        ],
        forecast: Some(Forecast {
            from: after(3_600),
            at: after(9_000),
            to: after(14_000),
        }),
        ..pool("spring-menu", "Free coffee", [170, 0, 9_020, 10_150, 18])
    }
}

fn read(pools: Vec<PoolFigures>) -> Msg {
    Msg::BackTold(BackTold::Pool(PoolTold::Read {
        pools,
        at: after(60),
    }))
}

fn at_pools(pools: Vec<PoolFigures>) -> Vec<Msg> {
    then(signed_in(), [key(Key::F(5)), read(pools)])
}

fn warned() -> Msg {
    Msg::PoolsLow {
        low: vec![LowPool {
            campaign: "spring-menu".parse().unwrap(),
            low: PoolLow::Days,
            at: now(),
            left: 900,
        }],
    }
}

fn scenes() -> Vec<Scene> {
    vec![
        ("pools", false, at_pools(vec![spring(), letter(), staff()])),
        ("pools-one", false, at_pools(vec![letter()])),
        ("pools-low", false, at_pools(vec![low(), letter()])),
        (
            "pools-test-mode",
            false,
            then(
                at_pools(vec![spring(), letter(), staff()]),
                [key(Key::Down), key(Key::Down)],
            ),
        ),
        ("pools-none", false, at_pools(Vec::new())),
        ("pools-warned", false, then(signed_in(), [warned()])),
    ]
}

#[test]
fn the_page_of_the_pools_draws_at_every_size() {
    for (name, is_training, msgs) in scenes() {
        check(name, is_training, &msgs);
    }
}

fn is_read(effect: &Effect) -> bool {
    matches!(effect, Effect::Back(order) if **order == BackOrder::Pool(PoolOrder::Read))
}

#[test]
fn the_page_reads_itself_anew_while_it_is_looked_at_and_not_after() {
    let mut console = model(DARK, (80, 24), false, &signed_in());
    let reads = |effects: Vec<Effect>| effects.iter().filter(|effect| is_read(effect)).count();
    assert_eq!(reads(console.update(Msg::Ticked { now: after(61) })), 0);
    assert_eq!(reads(console.update(key(Key::F(5)))), 1);
    // Not again before it is answered, nor at once after it.
    assert_eq!(reads(console.update(Msg::Ticked { now: after(67) })), 0);
    console.update(read(vec![spring()]));
    let told = PoolTold::Read {
        pools: vec![spring()],
        at: after(67),
    };
    console.update(Msg::BackTold(BackTold::Pool(told)));
    assert_eq!(reads(console.update(Msg::Ticked { now: after(72) })), 1);
    console.update(key(Key::F(2)));
    assert_eq!(reads(console.update(Msg::Ticked { now: after(90) })), 0);
}

#[test]
fn a_marked_campaign_stays_marked_when_the_page_is_read_again() {
    let mut console = model(DARK, (80, 24), false, &at_pools(vec![spring(), letter()]));
    console.update(key(Key::Down));
    console.update(read(vec![staff(), spring(), letter()]));
    let shown = text(&drawn(&console, (80, 24)));
    assert!(shown.contains("newsletter · 10 % off"), "{shown}");
}

#[test]
fn a_low_pool_is_noticed_everywhere_until_somebody_has_looked() {
    let mut console = model(DARK, (80, 24), false, &then(signed_in(), [warned()]));
    let shown = text(&drawn(&console, (80, 24)));
    assert!(shown.contains("POOL LOW"), "{shown}");
    assert!(shown.contains("pool spring-menu low: F5"), "{shown}");
    console.update(key(Key::F(5)));
    console.update(key(Key::F(2)));
    let shown = text(&drawn(&console, (80, 24)));
    assert!(!shown.contains("POOL LOW"), "{shown}");
    assert!(shown.contains("pool spring-menu low: F5"), "{shown}");
    console.update(Msg::PoolsLow { low: Vec::new() });
    let shown = text(&drawn(&console, (80, 24)));
    assert!(!shown.contains("low: F5"), "{shown}");
}

#[test]
fn a_scan_on_the_page_is_judged_at_once() {
    let mut console = model(DARK, (80, 24), false, &at_pools(vec![spring()]));
    let told = effects(&mut console, [scan("BCDFGHJKLNPRST")]);
    assert_eq!(
        without_bells(told),
        [scan_effect(1, "BCDFGHJKLNPRST", true)]
    );
}
