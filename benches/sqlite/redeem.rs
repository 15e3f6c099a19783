//! One writer: the product against raw SQLite, on a small ledger and on a large one, in turns.

use std::path::Path;
use std::time::{Duration, Instant};

use counterfoil::desk;
use counterfoil::domain::code::fold;
use counterfoil::domain::ids::Key;
use counterfoil::domain::verdict::Verdict;
use counterfoil::ledger::{Act, Ledger, Scan};

use crate::arguments::Arguments;
use crate::figures::{Figures, Times, median};
use crate::raw::{self, Planned, Raw};
use crate::shop::{Shop, act};

/// One way to redeem, on one ledger.
#[derive(Default)]
struct Lane {
    times: Times,
    rounds: Vec<f64>,
    processor: Duration,
}

impl Lane {
    fn round<T>(&mut self, work: &[T], mut redeem: impl FnMut(&T)) {
        let processor = processor_time();
        let began = Instant::now();
        for one in work {
            let at = Instant::now();
            redeem(one);
            self.times.push(at.elapsed());
        }
        self.rounds.push(began.elapsed().as_secs_f64());
        self.processor += processor_time().saturating_sub(processor);
    }

    fn per_second(&self) -> f64 {
        count(self.times.len()) / self.rounds.iter().sum::<f64>()
    }

    fn processor_us(&self) -> f64 {
        self.processor.as_secs_f64() * 1e6 / count(self.times.len())
    }

    fn words(&mut self) -> String {
        self.times.sort();
        format!(
            "{:.0}/s, p50 {:.0?}, p99 {:.0?}, processor {:.1} µs",
            self.per_second(),
            self.times.at(500),
            self.times.at(990),
            self.processor_us()
        )
    }
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).expect("a count"))
}

/// Time on a processor of this thread, as the system counts it.
fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let ns = text.split(' ').next().and_then(|word| word.parse().ok());
    Duration::from_nanos(ns.unwrap_or(0))
}

struct Task {
    code: String,
    key: Key,
    act: Act,
}

struct Pair {
    ledger: Ledger,
    connection: rusqlite::Connection,
    tasks: Vec<Task>,
    planned: Vec<Planned>,
    product: Lane,
    raw: Lane,
}

/// The product on one ledger, raw SQLite on its copy.
fn pair(shop: &Shop, copy: &Path, total: usize) -> Pair {
    let codes = shop.unused(total + 1, 0, 1);
    assert_eq!(
        codes.len(),
        total + 1,
        "enough unused codes: make the ledger larger"
    );
    let mut ledger = shop.open();
    ledger.rest().expect("a checkpoint");
    drop(ledger);
    std::fs::copy(shop.ledger_file(), copy).expect("a copy");
    let mut tasks: Vec<Task> = codes
        .into_iter()
        .map(|code| Task {
            code,
            key: desk::mint_key(act().now).expect("random bytes"),
            act: act(),
        })
        .collect();
    let mut ledger = shop.open();
    let first = tasks.pop().expect("a task");
    redeem(&mut ledger, &first);
    let connection = raw::open(copy);
    let body: String = rusqlite::Connection::open(shop.ledger_file())
        .expect("the ledger opens")
        .query_row(
            "SELECT body FROM entry ORDER BY id DESC LIMIT 1",
            [],
            |row| row.get(0),
        )
        .expect("an entry");
    let folded = |task: &Task| fold(&task.code).expect("a code").into_string();
    let planned = tasks
        .iter()
        .map(|task| Planned {
            folded: folded(task),
            counter: task.act.counter.clone(),
            key: task.key.to_string(),
            at_ms: task.act.now.as_millisecond(),
            body: body
                .replace(&folded(&first), &folded(task))
                .replace(first.key.as_str(), task.key.as_str()),
            hash: desk::random().expect("random bytes"),
        })
        .collect();
    Pair {
        ledger,
        connection,
        tasks,
        planned,
        product: Lane::default(),
        raw: Lane::default(),
    }
}

fn redeem(ledger: &mut Ledger, task: &Task) {
    let scan = scan_of(&task.code, &task.key);
    let answer = ledger.redeem(&scan, &task.act).expect("a verdict");
    assert!(
        matches!(answer.verdict, Verdict::Accepted { .. }),
        "{answer:?}"
    );
    ledger.rest_if_due();
}

pub(crate) fn scan_of<'s>(code: &'s str, key: &'s Key) -> Scan<'s> {
    Scan::new(code.as_bytes(), key)
}

pub(crate) fn measure(arguments: &Arguments, small: &Shop, big: &Shop, figures: &mut Figures) {
    let total = arguments.rounds * arguments.redemptions;
    let copies = tempfile::tempdir_in(&big.folder).expect("a folder for copies");
    let mut pairs = [(small, "small.db"), (big, "big.db")]
        .map(|(shop, name)| (shop.codes, pair(shop, &copies.path().join(name), total)));
    for round in 0..arguments.rounds {
        let part = round * arguments.redemptions..(round + 1) * arguments.redemptions;
        for (_, pair) in &mut pairs {
            let Pair {
                ledger,
                connection,
                tasks,
                planned,
                product,
                raw,
            } = pair;
            let tasks = tasks.get(part.clone()).expect("tasks");
            let planned = planned.get(part.clone()).expect("tasks");
            let mut statements = Raw::new(connection);
            // Each in turn goes first.
            if round % 2 == 0 {
                product.round(tasks, |task| redeem(ledger, task));
            }
            raw.round(planned, |one| statements.redeem(one).expect("a redemption"));
            if round % 2 == 1 {
                product.round(tasks, |task| redeem(ledger, task));
            }
        }
    }
    for (codes, pair) in &mut pairs {
        figures.note(&format!("{codes} codes, product"), &pair.product.words());
        figures.note(&format!("{codes} codes, raw"), &pair.raw.words());
        let ratios = |(product, raw): (&f64, &f64)| raw / product;
        let rounds = pair.product.rounds.iter().zip(&pair.raw.rounds).map(ratios);
        figures.at_least(
            &format!("{codes} codes: durable redemptions, product : raw (middle of the rounds)"),
            median(rounds.collect()),
            0.8,
        );
    }
    let [(few, small), (many, big)] = &pairs;
    let slower = |small: &Lane, big: &Lane| {
        small.times.at(500).as_secs_f64().recip() * big.times.at(500).as_secs_f64()
    };
    let (product, raw) = (
        slower(&small.product, &big.product),
        slower(&small.raw, &big.raw),
    );
    figures.note(
        &format!("a redemption (p50) at {many} codes against {few}"),
        &format!("product {product:.2} ×, raw {raw:.2} ×"),
    );
    figures.at_most("the same, product over raw", product / raw, 1.2, " ×");
}
