//! Many counters at once, from processes and from threads: one use each, and every answer true.
//!
//! The canaries run the same race with the guard taken out, and must show the double redemption:
//! a race test that cannot fail proves nothing.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests: what fails here fails the test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use counterfoil::desk;
use counterfoil::domain::reversal::ReversalWord;
use counterfoil::domain::verdict::{Answer, Approval};
use counterfoil::ledger::{Ledger, Scan, Undo, UndoRequest};

use crate::dice::Dice;
use crate::shop::{Kept, Shop, Till, code, codes, number, text};

const SEED: u64 = 0x0020_2611_2109;

/// One answer of a till.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Told {
    till: usize,
    code: String,
    verdict: String,
    redemption: Option<String>,
    uses_made: Option<i64>,
    first_counter: Option<String>,
}

fn told(till: usize, value: &Value) -> Told {
    let maybe = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    Told {
        till,
        code: maybe("code").unwrap_or_default(),
        verdict: text(value, "verdict").to_owned(),
        redemption: maybe("redemption_id"),
        uses_made: value.get("uses_made").and_then(Value::as_i64),
        first_counter: value
            .get("first")
            .and_then(|first| first.get("counter"))
            .and_then(Value::as_str)
            .map(str::to_owned),
    }
}

/// Feeds every till its lines at the same moment, and collects what each was told, in order.
fn race(shop: &Shop, counters: &[&str], lines: &[String]) -> Vec<Vec<Told>> {
    let tills: Vec<Till> = counters
        .iter()
        .map(|counter| Till::of(shop, counter, &[]))
        .collect();
    let start = Barrier::new(tills.len());
    std::thread::scope(|scope| {
        let running: Vec<_> = tills
            .into_iter()
            .zip(lines)
            .enumerate()
            .map(|(till, (mut process, lines))| {
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    process.feed(lines);
                    let (answers, errors, exit) = process.close();
                    assert_eq!((errors.as_str(), exit), ("", Some(0)));
                    answers.iter().map(|value| told(till, value)).collect()
                })
            })
            .collect();
        running
            .into_iter()
            .map(|thread| thread.join().expect("a till that ends"))
            .collect()
    })
}

fn lines(codes: &[String]) -> String {
    codes.join("\n") + "\n"
}

/// The codes that were accepted more often than they may be: what every race here looks for.
fn honoured_too_often(told: &[Told], uses: usize) -> BTreeSet<String> {
    let mut accepted = BTreeMap::<&str, usize>::new();
    for told in told.iter().filter(|told| told.verdict == "accepted") {
        *accepted.entry(&told.code).or_default() += 1;
    }
    accepted
        .into_iter()
        .filter(|(_, count)| *count > uses)
        .map(|(code, _)| code.to_owned())
        .collect()
}

/// The codes that have a redemption which stands, by SQL of our own.
fn redeemed(shop: &Shop) -> BTreeSet<String> {
    let stands = "SELECT coalesce(c.shown, c.folded) FROM entry e JOIN code c ON c.id = e.code \
                  LEFT JOIN reversal r ON r.redemption = e.id \
                  WHERE e.kind = 'redeemed' AND r.entry IS NULL";
    shop.texts(stands).into_iter().collect()
}

/// The log's lines of one counter are what it was told, in the order it was told.
fn assert_log_tells(shop: &Shop, counters: &[&str], told: &[Vec<Told>]) {
    let log = shop.run(&["log"]);
    log.well();
    assert!(!log.errors.contains("locked"), "{}", log.errors);
    for (counter, told) in counters.iter().zip(told) {
        let logged: Vec<(String, String)> = log
            .lines
            .iter()
            .filter(|line| text(line, "counter") == *counter && text(line, "kind") == "redeem")
            .map(|line| {
                let code = line.get("code").and_then(Value::as_str);
                let answer = text(line, "answer").to_owned();
                (code.unwrap_or_default().to_owned(), answer)
            })
            .collect();
        // The blank line that showed it was up comes first.
        let up = [(String::new(), "not_ours".to_owned())];
        let said = told
            .iter()
            .map(|told| (told.code.clone(), told.verdict.clone()));
        let said: Vec<_> = up.into_iter().chain(said).collect();
        assert_eq!(logged, said, "{counter}");
    }
}

#[test]
fn eight_processes_honour_every_code_once_and_each_is_told_the_truth() {
    for kept in Kept::EITHER {
        let counters = ["1", "2", "3", "4", "5", "6", "7", "8"];
        let codes = codes(300);
        let shop = Shop::kept(kept, &[], codes.len());
        let mut dice = Dice::new(SEED);
        let orders: Vec<String> = counters
            .iter()
            .map(|_| lines(&dice.shuffled(&codes)))
            .collect();
        let (told, checks) = std::thread::scope(|scope| {
            // A verification beside the race sees a whole ledger every time.
            let checks = scope.spawn(|| (0..6).map(|_| shop.verify()).collect::<Vec<_>>());
            (race(&shop, &counters, &orders), checks.join().unwrap())
        });
        for (exit, faults) in checks {
            assert_eq!((exit, faults.as_str()), (0, "[]"));
        }
        let all: Vec<Told> = told.iter().flatten().cloned().collect();
        assert_eq!(all.len(), counters.len() * codes.len(), "seed {SEED:#x}");
        assert_eq!(honoured_too_often(&all, 1), BTreeSet::new());
        let winners: BTreeMap<&str, &Told> = all
            .iter()
            .filter(|told| told.verdict == "accepted")
            .map(|told| (told.code.as_str(), told))
            .collect();
        assert_eq!(winners.len(), codes.len(), "each is honoured: {SEED:#x}");
        for told in &all {
            let winner = winners.get(told.code.as_str()).unwrap();
            if told.verdict != "accepted" {
                assert_eq!(told.verdict, "already_redeemed", "{told:?}");
                let counter = counters.get(winner.till).copied();
                assert_eq!(told.first_counter.as_deref(), counter, "{told:?}");
            }
        }
        assert_log_tells(&shop, &counters, &told);
        assert_eq!(redeemed(&shop), codes.iter().cloned().collect());
        for place in [0, 150, 299] {
            let code = code(place);
            let life = shop.run(&["codes", "show", &code]);
            let life = life.well().json();
            let entries = life.get("entries").and_then(Value::as_array).unwrap();
            assert_eq!(entries.len(), 1, "{life}");
            let entry = entries.first().unwrap();
            let winner = winners.get(code.as_str()).unwrap();
            assert_eq!(Some(text(entry, "id")), winner.redemption.as_deref());
            assert_eq!(
                Some(text(entry, "counter")),
                counters.get(winner.till).copied()
            );
            assert_eq!(
                (text(life, "state"), number(life, "uses_made")),
                ("redeemed", 1)
            );
        }
        shop.assert_well();
    }
}

#[test]
fn a_code_with_three_uses_is_honoured_three_times_by_eight_processes() {
    for kept in Kept::EITHER {
        let counters = ["1", "2", "3", "4", "5", "6", "7", "8"];
        let codes = codes(40);
        let shop = Shop::kept(kept, &["--uses", "3"], codes.len());
        let mut dice = Dice::new(SEED + 1);
        let orders: Vec<String> = counters
            .iter()
            .map(|_| lines(&dice.shuffled(&codes)))
            .collect();
        let told: Vec<Told> = race(&shop, &counters, &orders).concat();
        for code in &codes {
            let mut uses: Vec<i64> = told
                .iter()
                .filter(|told| told.verdict == "accepted" && told.code == *code)
                .filter_map(|told| told.uses_made)
                .collect();
            uses.sort_unstable();
            assert_eq!(uses, [1, 2, 3], "{code}, seed {SEED:#x}");
        }
        assert_eq!(shop.count("SELECT sum(uses_made) FROM code"), 120);
        shop.assert_well();
    }
}

#[test]
fn one_key_acts_once_however_many_processes_of_its_counter_bring_it() {
    for kept in Kept::EITHER {
        let counters = ["till"; 4];
        let codes = codes(40);
        // Two uses: without the key, a second acceptance would be right.
        let shop = Shop::kept(kept, &["--uses", "2"], codes.len());
        let mut dice = Dice::new(SEED + 2);
        let keyed: Vec<String> = codes
            .iter()
            .map(|code| format!("{code}\tkey-{code}"))
            .collect();
        let orders: Vec<String> = counters
            .iter()
            .map(|_| lines(&dice.shuffled(&keyed)))
            .collect();
        let told: Vec<Told> = race(&shop, &counters, &orders).concat();
        for code in &codes {
            let answers: Vec<&Told> = told.iter().filter(|told| told.code == *code).collect();
            let count = |word: &str| answers.iter().filter(|told| told.verdict == word).count();
            assert_eq!((count("accepted"), count("replayed")), (1, 3), "{code}");
            let redemptions: BTreeSet<_> = answers.iter().map(|told| &told.redemption).collect();
            assert_eq!(
                redemptions.len(),
                1,
                "each is told the same act: {answers:?}"
            );
        }
        assert_eq!(shop.count("SELECT sum(uses_made) FROM code"), 40);
        shop.assert_well();
    }
}

#[test]
fn two_processes_undo_one_redemption_once() {
    for kept in Kept::EITHER {
        let shop = Shop::kept(kept, &["--uses", "3"], 6);
        let mut till = Till::of(&shop, "till", &[]);
        for code in codes(6) {
            till.feed(&format!("{code}\n"));
            let answer = till.answer().unwrap();
            let id = text(&answer, "redemption_id").to_owned();
            let undo = ["reverse", "--redemption", &id, "--reason", "a slip"];
            let words: BTreeSet<String> = std::thread::scope(|scope| {
                let both = [
                    scope.spawn(|| shop.run(&undo)),
                    scope.spawn(|| shop.run(&undo)),
                ];
                both.map(|thread| text(thread.join().unwrap().json(), "reversal").to_owned())
                    .into()
            });
            let expected = ["nothing_to_reverse", "reversed"].map(str::to_owned);
            assert_eq!(words, expected.into());
        }
        till.close();
        assert_eq!(shop.count("SELECT count(*) FROM reversal"), 6);
        assert_eq!(shop.count("SELECT sum(uses_made) FROM code"), 0);
        shop.assert_well();
    }
}

/// The clock of the programs that run beside.
fn now() -> Timestamp {
    #[expect(
        clippy::disallowed_methods,
        reason = "the same clock as the programs on the same ledger"
    )]
    Timestamp::now()
}

fn redeem(ledger: &mut Ledger, counter: &str, code: &str) -> Answer {
    let act = desk::act(counter, None, now()).unwrap();
    let minted = desk::mint_key(act.now).unwrap();
    let none: BTreeMap<String, Duration> = BTreeMap::new();
    let scan = Scan {
        honoured: Some(&none),
        ..Scan::new(code.as_bytes(), &minted)
    };
    ledger.redeem(&scan, &act).unwrap()
}

fn open(shop: &Shop) -> Ledger {
    let act = desk::act("test", None, now()).unwrap();
    let (ledger, rebirth) = Ledger::open(shop.folder(), &act).unwrap();
    assert_eq!(rebirth, None);
    ledger
}

#[test]
fn six_threads_honour_and_undo_every_code_once() {
    let codes = codes(60);
    let shop = Shop::with(&[], codes.len());
    let start = Barrier::new(6);
    let told: Vec<(Vec<Told>, usize)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..6)
            .map(|till| {
                let (shop, start, codes) = (&shop, &start, &codes);
                scope.spawn(move || {
                    let counter = format!("till-{till}");
                    let mut ledger = open(shop);
                    let order = Dice::new(SEED + 10 + till as u64).shuffled(codes);
                    start.wait();
                    let told = order
                        .iter()
                        .map(|code| {
                            let answer = redeem(&mut ledger, &counter, code);
                            Told {
                                till,
                                code: code.clone(),
                                verdict: answer.verdict.word().to_owned(),
                                redemption: answer.redemption_id,
                                uses_made: answer.uses_made.map(i64::from),
                                first_counter: answer.first.map(|first| first.counter),
                            }
                        })
                        .collect();
                    start.wait();
                    // Now everybody undoes everything.
                    let undone = codes
                        .iter()
                        .filter(|code| undo(&mut ledger, &counter, code) == ReversalWord::Reversed)
                        .count();
                    (told, undone)
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let undone: usize = told.iter().map(|(_, undone)| undone).sum();
    let told: Vec<Told> = told.into_iter().flat_map(|(told, _)| told).collect();
    assert_eq!(honoured_too_often(&told, 1), BTreeSet::new());
    let accepted = told.iter().filter(|told| told.verdict == "accepted");
    assert_eq!((accepted.count(), undone), (60, 60), "seed {SEED:#x}");
    assert_eq!(shop.count("SELECT sum(uses_made) FROM code"), 0);
    shop.assert_well();
}

#[test]
fn a_verification_beside_a_busy_till_never_sees_a_loss() {
    let codes = codes(400);
    let shop = Shop::with(&[], codes.len());
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut ledger = open(&shop);
            for code in &codes {
                redeem(&mut ledger, "till", code);
            }
            is_done.store(true, Ordering::Release);
        });
        while !is_done.load(Ordering::Acquire) {
            let mut ledger = Ledger::open_reading(shop.folder()).unwrap();
            let health = ledger.verify(&mut |_| {}).unwrap();
            assert_eq!(health.faults, Vec::<String>::new());
        }
    });
}

fn undo(ledger: &mut Ledger, counter: &str, code: &str) -> ReversalWord {
    let act = desk::act(counter, None, now()).unwrap();
    let minted = desk::mint_key(act.now).unwrap();
    let approval = Approval {
        by: None,
        reason: "closing".into(),
    };
    let request = UndoRequest {
        undo: Undo::Code {
            raw: code.as_bytes(),
            allowed_hosts: &[],
        },
        reason: "closing",
        key: None,
        minted: &minted,
        approval: Some(&approval),
    };
    ledger.reverse(&request, &act).unwrap().word
}

/// What a canary does with the one row it looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Guard {
    /// The program's own: the write says what was seen.
    In,
    /// Look, then write by code.
    Out,
}

fn raw(shop_folder: &std::path::Path) -> Connection {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(shop_folder.join("ledger.db"), flags).unwrap();
    connection.busy_timeout(Duration::from_mins(1)).unwrap();
    connection
}

fn look(connection: &Connection, folded: &str) -> i64 {
    connection
        .query_row(
            "SELECT uses_made FROM code WHERE folded = ?1",
            [folded],
            |row| row.get(0),
        )
        .unwrap()
}

/// Whether it counts as honoured: one row was changed.
fn write(connection: &Connection, folded: &str, seen: i64, guard: Guard) -> bool {
    let condition = match guard {
        Guard::In => "AND uses_made = ?2 AND uses_made < 1",
        Guard::Out => "AND ?2 < 1",
    };
    let sql = format!("UPDATE code SET uses_made = uses_made + 1 WHERE folded = ?1 {condition}");
    let changed = connection.execute(&sql, rusqlite::params![folded, seen]);
    changed.unwrap() == 1
}

fn folded(code: &str) -> String {
    code.replace('-', "")
}

fn verdict_of(is_honoured: bool) -> String {
    let word = if is_honoured {
        "accepted"
    } else {
        "already_redeemed"
    };
    word.to_owned()
}

fn raced(till: usize, code: &str, is_honoured: bool) -> Told {
    Told {
        till,
        code: code.to_owned(),
        verdict: verdict_of(is_honoured),
        redemption: None,
        uses_made: None,
        first_counter: None,
    }
}

fn race_threads(guard: Guard) -> BTreeSet<String> {
    let shop = Shop::with(&[], 5);
    let between = Barrier::new(4);
    let told: Vec<Told> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|till| {
                let (shop, between) = (&shop, &between);
                scope.spawn(move || {
                    let connection = raw(shop.folder());
                    let race_one = |code: &String| {
                        let seen = look(&connection, &folded(code));
                        between.wait();
                        raced(till, code, write(&connection, &folded(code), seen, guard))
                    };
                    codes(5).iter().map(race_one).collect::<Vec<_>>()
                })
            })
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    honoured_too_often(&told, 1)
}

#[test]
fn the_canary_in_threads_honours_twice_without_the_guard_and_not_with_it() {
    assert_eq!(race_threads(Guard::Out), codes(5).into_iter().collect());
    assert_eq!(race_threads(Guard::In), BTreeSet::new());
}

const CANARY_FOLDER: &str = "COUNTERFOIL_CANARY_FOLDER";
const CANARY_GUARD: &str = "COUNTERFOIL_CANARY_GUARD";

/// A process of the canary: looks when told a code, writes when told so. Alone it does nothing.
#[test]
fn canary_worker() {
    let Some(folder) = std::env::var_os(CANARY_FOLDER) else {
        return;
    };
    let guard = if std::env::var_os(CANARY_GUARD).is_some() {
        Guard::In
    } else {
        Guard::Out
    };
    let connection = raw(folder.as_ref());
    let mut seen = 0;
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let mut out = std::io::stdout();
        match line.split_once(' ').unwrap() {
            ("look", code) => {
                seen = look(&connection, code);
                writeln!(out, "\ncanary looked").unwrap();
            }
            (_, code) => {
                let word = verdict_of(write(&connection, code, seen, guard));
                writeln!(out, "\ncanary {word}").unwrap();
            }
        }
        out.flush().unwrap();
    }
}

struct Canary {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Canary {
    fn up(shop: &Shop, guard: Guard) -> Canary {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["races::canary_worker", "--exact", "--nocapture"])
            .env(CANARY_FOLDER, shop.folder())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        if guard == Guard::In {
            command.env(CANARY_GUARD, "in");
        }
        let mut child = command.spawn().unwrap();
        Canary {
            input: child.stdin.take().unwrap(),
            output: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    fn tell(&mut self, line: &str) {
        writeln!(self.input, "{line}").unwrap();
    }

    fn hear(&mut self) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.output.read_line(&mut line).unwrap(), 0, "it is gone");
            if let Some(word) = line.strip_prefix("canary ") {
                return word.trim_end().to_owned();
            }
        }
    }
}

fn race_processes(guard: Guard) -> BTreeSet<String> {
    let shop = Shop::with(&[], 3);
    let mut canaries: Vec<Canary> = (0..4).map(|_| Canary::up(&shop, guard)).collect();
    let mut told = Vec::new();
    for code in codes(3) {
        for step in ["look", "write"] {
            for canary in &mut canaries {
                canary.tell(&format!("{step} {}", folded(&code)));
            }
            for (till, canary) in canaries.iter_mut().enumerate() {
                let word = canary.hear();
                if step == "write" {
                    told.push(raced(till, &code, word == "accepted"));
                }
            }
        }
    }
    for canary in canaries {
        let Canary {
            mut child,
            input,
            output: _output,
        } = canary;
        drop(input);
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(told.len(), 12);
    honoured_too_often(&told, 1)
}

#[test]
fn the_canary_in_processes_honours_twice_without_the_guard_and_not_with_it() {
    assert_eq!(race_processes(Guard::Out), codes(3).into_iter().collect());
    assert_eq!(race_processes(Guard::In), BTreeSet::new());
}
