//! kill -9 at any moment: what a till had answered is there, once, and nothing is half done.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests: what fails here fails the test"
)]

use std::collections::BTreeMap;
use std::process::Stdio;

use serde_json::Value;

use crate::dice::Dice;
use crate::shop::{CAMPAIGN, Shop, Till, code, command_on, number, run_on, text};

const SEED: u64 = 0xdead_2026;

const LINES: usize = 10;

/// Notes what a till said was accepted: code to redemption.
fn note(accepted: &mut BTreeMap<String, String>, answer: &Value) {
    if text(answer, "verdict") == "accepted" {
        let before = accepted.insert(
            text(answer, "code").to_owned(),
            text(answer, "redemption_id").to_owned(),
        );
        assert_eq!(before, None, "accepted twice: {answer}");
    }
}

#[test]
fn no_killed_till_loses_or_doubles_what_it_answered() {
    let rounds = 20 * crate::soak();
    let shop = Shop::with(&[], rounds * LINES);
    let mut dice = Dice::new(SEED);
    let mut accepted = BTreeMap::new();
    for round in 0..rounds {
        let codes: Vec<String> = (0..LINES).map(|line| code(round * LINES + line)).collect();
        // Both tills are fed the same codes, so that they also race.
        let mut tills = ["a", "b"].map(|name| Till::up(shop.folder(), name, &[]));
        for till in &mut tills {
            till.feed(&(dice.shuffled(&codes).join("\n") + "\n"));
        }
        for mut till in tills {
            // After some answers, the rest of its input still waiting or under way.
            for _ in 0..dice.below(LINES) {
                note(&mut accepted, &till.answer().unwrap());
            }
            let (said_before, errors) = till.kill();
            assert_eq!(errors, "", "round {round}, seed {SEED:#x}");
            for answer in &said_before {
                note(&mut accepted, answer);
            }
        }
    }
    let life = shop.look();
    let mut entries = life
        .prepare(
            "SELECT n.name || '-' || e.incarnation || '-' || e.seq, coalesce(c.shown, c.folded) \
             FROM entry e JOIN node n ON n.id = e.node JOIN code c ON c.id = e.code \
             WHERE e.kind = 'redeemed'",
        )
        .unwrap();
    let rows = entries
        .query_map([], |row| Ok((row.get(1)?, row.get(0)?)))
        .unwrap();
    let kept: Vec<(String, String)> = rows.collect::<Result<_, _>>().unwrap();
    let by_code: BTreeMap<_, _> = kept.iter().cloned().collect();
    assert_eq!(
        by_code.len(),
        kept.len(),
        "a code was used twice, {SEED:#x}"
    );
    for (code, redemption) in &accepted {
        assert_eq!(by_code.get(code), Some(redemption), "{code}, {SEED:#x}");
    }
    assert!(accepted.len() > rounds, "only {} answers", accepted.len());
    shop.assert_well();
    // What was under way and not answered was done, or not: asked again, it is told truly.
    let (exit, lives) = (shop.run(&["codes", "show", &code(0)]), accepted.len());
    assert_eq!(exit.exit, 0, "{lives}");
}

/// A moment of an import, as another process can see it.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// At least so many codes of the new batch are stored.
    Codes(i64),
    /// At least so many places in its pool.
    Places(i64),
    /// It is published.
    Published,
}

impl Moment {
    fn sql(self) -> String {
        match self {
            Moment::Codes(least) => {
                format!("SELECT count(*) >= {least} FROM code WHERE batch > 1")
            }
            Moment::Places(least) => format!("SELECT count(*) >= {least} FROM pool_slot"),
            Moment::Published => {
                "SELECT count(*) > 0 FROM batch WHERE id > 1 AND is_published = 1".to_owned()
            }
        }
    }
}

/// Runs a command on a shop and kills it as soon as the moment has come.
fn kill_at(shop: &Shop, arguments: &[&str], moment: Moment) {
    let mut child = command_on(shop.folder())
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let looking = shop.look();
    let mut has_come = looking.prepare(&moment.sql()).unwrap();
    while child.try_wait().unwrap().is_none() {
        if has_come.query_row([], |row| row.get::<_, bool>(0)).unwrap() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

/// Codes of the lists that are imported and generated here.
const COUNT: i64 = 6_000;

/// The killed work stored nothing or all of it, and the till goes on, before anything is tidied
/// and after. Whether it was all.
fn look_after_kill(shop: &Shop, till: &mut Till, round: usize, moment: Moment) -> bool {
    assert_eq!(till.scan(&code(2 * round)), "accepted", "{moment:?}");
    let pool = shop.run(&["pool"]);
    let available = number(pool.well().json(), "available");
    assert_eq!(available % COUNT, 0, "published half, {moment:?}");
    if available == 0 {
        let word = till.scan("LIST-00007-KEEP");
        assert_eq!(word, "not_found", "{moment:?}");
    }
    assert_eq!(till.scan(&code(2 * round + 1)), "accepted", "{moment:?}");
    let (exit, faults) = shop.verify();
    assert_eq!((exit, faults.as_str()), (0, "[]"), "{moment:?}");
    available > 0
}

#[test]
fn a_killed_import_or_generation_publishes_nothing_half_and_the_next_one_works() {
    let list: Vec<String> = (0..COUNT).map(|n| format!("LIST-{n:05}-KEEP")).collect();
    let mut halves = 0;
    let mut dice = Dice::new(SEED + 1);
    let some = |dice: &mut Dice| 1 + i64::try_from(dice.below(3_000)).unwrap();
    for is_import in [true, false] {
        let moments = [
            Moment::Codes(1),
            Moment::Codes(some(&mut dice)),
            Moment::Places(some(&mut dice)),
            Moment::Published,
        ];
        let shop = Shop::with(&[], 40);
        let file = shop.beside("list.csv");
        std::fs::write(&file, list.join("\n")).unwrap();
        let count = COUNT.to_string();
        let arguments = if is_import {
            [
                "codes",
                "import",
                file.to_str().unwrap(),
                "--campaign",
                CAMPAIGN,
            ]
            .to_vec()
        } else {
            [
                "codes",
                "generate",
                "--count",
                &count,
                "--campaign",
                CAMPAIGN,
            ]
            .to_vec()
        };
        let mut till = Till::up(shop.folder(), "till", &[]);
        for (round, moment) in moments.into_iter().enumerate() {
            kill_at(&shop, &arguments, moment);
            let is_published = look_after_kill(&shop, &mut till, round, moment);
            halves += usize::from(!is_published);
            if is_published {
                break;
            }
        }
        till.close();
        let published = "SELECT count(*) FROM batch WHERE id > 1 AND is_published = 1";
        if shop.count(published) == 0 {
            let done = run_on(shop.folder(), &arguments);
            done.well();
        }
        // Nothing of the dead ones is left.
        while shop.count("SELECT count(*) FROM batch WHERE is_published = 0") > 0 {
            shop.run(&["pool"]).well();
        }
        let all = shop.count("SELECT count(*) FROM code");
        assert_eq!(all, COUNT + 40, "import: {is_import}");
        assert_eq!(shop.count("SELECT count(*) FROM pool_slot"), COUNT);
        shop.assert_well();
    }
    assert!(halves > 0, "no kill came half-way");
}
