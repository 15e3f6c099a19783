//! The sync of real ledgers under a seeded simulation: a hub and its stores in one thread, on a line
//! that delays, loses, doubles and reorders; processes die, disks are put back, clocks are wrong. The
//! laws are measured by what people were told, kept outside of every ledger.
//!
//! One seed is one game: it plays the same way wherever it is played. What breaks a law is told with
//! its seed, the command that plays it again, and its last steps.
//!
//! | file | what for |
//! |---|---|
//! | `world.rs` | the game: what happens, in an order that the dice choose |
//! | `counters.rs` | people at counters, and what they make of the answers |
//! | `asks.rs` | what a store may not decide alone |
//! | `courier.rs` | what passes between a store and its hub |
//! | `node.rs` | a ledger in a folder, its clock, its backups and its disk |
//! | `record.rs` | what people were told |
//! | `watch.rs`, `rest.rs` | the laws, as the game goes on and at rest |
//! | `order.rs` | the same entries in another order |
//! | `fault.rs` | planted faults, one a law |
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a game and its rules: what fails here fails the test, with its seed"
)]

mod asks;
mod broken;
mod counters;
mod courier;
mod dice;
mod fault;
mod letters;
mod network;
mod node;
mod order;
mod record;
mod rest;
mod trace;
mod watch;
mod world;

use std::collections::BTreeMap;

use fault::Fault;
use order::in_every_order;
use world::{Falls, Game, Played, play};

/// Seeds that every run of the tests plays.
const SEEDS: std::ops::Range<u64> = 1..21;

/// Steps of each.
const STEPS: u64 = 5_000;

/// How the seeds are shared out among tests that run side by side.
const PARTS: u64 = 4;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// `COUNTERFOIL_SIM_SEEDS` is one seed, or `FROM..TO`.
fn seeds() -> std::ops::Range<u64> {
    let Ok(text) = std::env::var("COUNTERFOIL_SIM_SEEDS") else {
        return SEEDS;
    };
    let read = |part: &str| part.parse::<u64>().expect("a seed is a number");
    match text.split_once("..") {
        Some((from, to)) => read(from)..read(to),
        None => read(&text)..read(&text) + 1,
    }
}

fn steps() -> u64 {
    number("COUNTERFOIL_SIM_STEPS").unwrap_or(STEPS)
}

/// `COUNTERFOIL_SIM_GO_ON=1`: a game goes on after something was broken, and tells of all of it.
fn goes_on() -> bool {
    number("COUNTERFOIL_SIM_GO_ON").is_some_and(|number| number > 0)
}

fn told(test: &str, (seed, steps): (u64, u64), played: &Played) -> String {
    let again = format!(
        "play it again: COUNTERFOIL_SIM_SEEDS={seed} COUNTERFOIL_SIM_STEPS={steps} cargo test --test \
         sim {test}"
    );
    played.broken.iter().fold(again, |told, found| {
        format!(
            "{told}\n\nseed {seed} broke {}\nthe last steps:\n{}",
            found.broken, found.last_steps
        )
    })
}

fn play_part(part: u64) {
    let steps = steps();
    let mut all = 0;
    let mut words: BTreeMap<String, u64> = BTreeMap::new();
    let mut broken = Vec::new();
    for seed in seeds().filter(|seed| seed % PARTS == part) {
        let played = play(Game {
            seed,
            steps,
            fault: None,
            goes_on: goes_on(),
            hub_falls: Falls::Never,
        });
        if !played.broken.is_empty() {
            broken.push(told("part", (seed, steps), &played));
        }
        all += played.steps;
        for (word, count) in played.words {
            *words.entry(word).or_default() += count;
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n\n"));
    if all >= STEPS {
        // Games in which nothing happens prove nothing.
        for word in [
            "accepted",
            "assigned",
            "reversed",
            "already_redeemed",
            "replayed",
        ] {
            assert!(
                words.contains_key(word),
                "nobody was told {word}: {words:?}"
            );
        }
    }
}

#[test]
fn part_0() {
    play_part(0);
}

#[test]
fn part_1() {
    play_part(1);
}

#[test]
fn part_2() {
    play_part(2);
}

#[test]
fn part_3() {
    play_part(3);
}

/// Plays games whose hub falls back; each of these words must be said in them.
fn play_falls(hub_falls: Falls, chosen: std::ops::Range<u64>, said: &[&str]) {
    let test = match hub_falls {
        Falls::Unnoticed => "hubs_that_are_put_back",
        Falls::Never | Falls::ByRestore => "hubs_that_fall_back",
    };
    let mut words: BTreeMap<String, u64> = BTreeMap::new();
    let mut broken = Vec::new();
    let asked_for = std::env::var_os("COUNTERFOIL_SIM_SEEDS").map(|_| seeds());
    let is_asked_for = asked_for.is_some();
    for seed in asked_for.unwrap_or(chosen) {
        let steps = steps().min(3_000);
        let played = play(Game {
            seed,
            steps,
            fault: None,
            goes_on: goes_on(),
            hub_falls,
        });
        if !played.broken.is_empty() {
            broken.push(told(test, (seed, steps), &played));
        }
        for (word, count) in played.words {
            *words.entry(word).or_default() += count;
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n\n"));
    for word in said {
        // A few seeds that somebody asks for need not have all of it.
        assert!(
            is_asked_for || words.contains_key(*word),
            "nobody was told {word}: {words:?}"
        );
    }
}

/// The hub itself is restored to older states: nothing is given out or honoured twice, and all come to
/// rest with the same ledgers.
#[test]
fn hubs_that_fall_back() {
    let said = ["accepted", "assigned", "needs_approval", "hub_found_behind"];
    play_falls(Falls::ByRestore, 101..109, &said);
}

/// The hub is an older one and does not know: the first store that knows more tells, whatever it did
/// until then is found, and all come to rest with the same ledgers.
#[test]
fn hubs_that_are_put_back_unnoticed() {
    let said = ["accepted", "assigned", "hub_put_back", "hub_found_behind"];
    play_falls(Falls::Unnoticed, 201..205, &said);
}

#[test]
fn one_seed_is_one_game_wherever_it_is_played() {
    let game = Game {
        seed: 7,
        steps: 1_000,
        fault: None,
        goes_on: false,
        hub_falls: Falls::Never,
    };
    let (first, second) = (play(game), play(game));
    assert!(
        first.broken.is_empty(),
        "{}",
        told("one_seed", (7, game.steps), &first)
    );
    assert_eq!((first.hash, first.steps), (second.hash, second.steps));
    let other = play(Game { seed: 8, ..game });
    assert_ne!(first.hash, other.hash);
}

/// Each planted fault is found, as a breach of its own law and of no other, in one of a few games: not
/// every game has something to plant it in.
#[test]
fn every_law_can_be_found_broken() {
    const TRIED: std::ops::Range<u64> = 1..9;
    for (fault, law) in Fault::ALL {
        let is_found = TRIED.into_iter().any(|seed| {
            let game = Game {
                seed,
                steps: 1_500,
                fault: Some(fault),
                goes_on: false,
                hub_falls: fault.needs(),
            };
            let played = play(game);
            let found = played.broken.first().map(|found| found.broken.law);
            assert!(
                found.is_none_or(|found| found == law),
                "{fault:?} in {}",
                told("every_law", (seed, game.steps), &played)
            );
            found.is_some()
        });
        assert!(is_found, "{fault:?} was not found in the games {TRIED:?}");
    }
}

#[test]
fn the_same_entries_in_any_order_are_the_same_ledger() {
    for seed in 1..5 {
        let broken = in_every_order(seed, 800).err();
        assert!(
            broken.is_none(),
            "seed {seed}: {}",
            broken.map_or_else(String::new, |broken| broken.to_string())
        );
    }
}
