//! Several processes on one ledger: whether all advance alike, and how long one waits.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use counterfoil::desk;
use counterfoil::domain::code::Shape;
use counterfoil::domain::code_list::SpreadsheetCheck;
use counterfoil::domain::verdict::Verdict;
use counterfoil::ledger::ImportOrder;

use crate::arguments::Arguments;
use crate::disk;
use crate::figures::{Figures, Times};
use crate::redeem::scan_of;
use crate::shop::{Shop, act, quiet};

/// Codes that a process has ready.
const READY_MAX: u64 = 40_000;

struct Worker {
    child: Child,
    orders: ChildStdin,
    words: BufReader<ChildStdout>,
}

/// What a process tells at the end.
struct Told {
    done: f64,
    longest: Duration,
    words: String,
}

impl Worker {
    fn start(shop: &Shop, share: usize, shares: usize) -> Worker {
        let mut child = Command::new(std::env::current_exe().expect("this bench"))
            .arg("--worker")
            .arg(&shop.folder)
            .args([
                shop.codes.to_string(),
                share.to_string(),
                shares.to_string(),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process");
        let orders = child.stdin.take().expect("piped");
        let words = BufReader::new(child.stdout.take().expect("piped"));
        Worker {
            child,
            orders,
            words,
        }
    }

    fn hear(&mut self) -> String {
        let mut line = String::new();
        self.words.read_line(&mut line).expect("a line");
        line.trim().to_owned()
    }

    fn say(&mut self) {
        self.orders.write_all(b"\n").expect("a line");
    }

    fn end(mut self) -> Told {
        let line = self.hear();
        self.child.wait().expect("an end");
        let mut numbers = line.splitn(3, ' ');
        let mut number = || numbers.next().and_then(|word| word.parse::<f64>().ok());
        Told {
            done: number().expect("a count"),
            longest: Duration::from_secs_f64(number().expect("a time")),
            words: numbers.next().unwrap_or_default().to_owned(),
        }
    }
}

/// A process of its own: redeems from one line to the next.
pub(crate) fn work(order: &[String]) {
    let [folder, codes, share, shares] = order else {
        return;
    };
    let codes: u64 = codes.parse().expect("a count");
    let shop = Shop {
        folder: PathBuf::from(folder),
        codes,
    };
    let shares = shares.parse().expect("a count");
    let ready = usize::try_from(READY_MAX.min(codes / shares)).expect("a count");
    let unused = shop.unused(ready, share.parse().expect("a number"), shares);
    let mut ledger = shop.open();
    println!("ready");
    wait_for_line();
    let is_over = Arc::new(AtomicBool::new(false));
    let over = Arc::clone(&is_over);
    std::thread::spawn(move || {
        wait_for_line();
        over.store(true, Ordering::Relaxed);
    });
    let mut times = Times::default();
    let mut had_enough = false;
    for code in &unused {
        if is_over.load(Ordering::Relaxed) {
            had_enough = true;
            break;
        }
        let (act, at) = (act(), Instant::now());
        let key = desk::mint_key(act.now).expect("random bytes");
        let answer = ledger
            .redeem(&scan_of(code, &key), &act)
            .expect("a verdict");
        assert!(
            matches!(answer.verdict, Verdict::Accepted { .. }),
            "{answer:?}"
        );
        times.push(at.elapsed());
        ledger.rest_if_due();
    }
    times.sort();
    println!(
        "{} {:.6} p50 {:.1?}, p99 {:.1?}{}",
        times.len(),
        times.at(1000).as_secs_f64(),
        times.at(500),
        times.at(990),
        if had_enough {
            ""
        } else {
            " (ran out of codes)"
        }
    );
}

fn wait_for_line() {
    // At the end of the lines nobody waits for this process any more.
    std::io::stdin().read_line(&mut String::new()).unwrap_or(0);
}

/// While `meanwhile` goes on, all processes redeem.
fn run(shop: &Shop, counters: usize, meanwhile: impl FnOnce()) -> (Vec<Told>, Duration) {
    let mut workers: Vec<Worker> = (0..counters)
        .map(|share| Worker::start(shop, share, counters))
        .collect();
    for worker in &mut workers {
        assert_eq!(worker.hear(), "ready");
    }
    workers.iter_mut().for_each(Worker::say);
    let began = Instant::now();
    meanwhile();
    let took = began.elapsed();
    workers.iter_mut().for_each(Worker::say);
    (workers.into_iter().map(Worker::end).collect(), took)
}

fn tell(name: &str, told: &[Told], took: Duration, disk_p99: Duration, figures: &mut Figures) {
    let counters = f64::from(u32::try_from(told.len()).expect("few"));
    let done: f64 = told.iter().map(|one| one.done).sum();
    let slowest = told
        .iter()
        .map(|one| one.done)
        .fold(f64::INFINITY, f64::min);
    let fastest = told.iter().map(|one| one.done).fold(0.0, f64::max);
    let longest = told.iter().map(|one| one.longest).max().unwrap_or_default();
    let first = told
        .first()
        .map(|one| one.words.as_str())
        .unwrap_or_default();
    figures.note(
        name,
        &format!(
            "{:.0}/s in all for {took:.1?}, one of them: {first}; longest wait {longest:.1?}",
            done / took.as_secs_f64()
        ),
    );
    figures.at_least(
        &format!("{name}: slowest : fastest"),
        slowest / fastest,
        0.8,
    );
    let unit = disk_p99.as_secs_f64() * counters;
    figures.at_most(
        &format!("{name}: longest wait over fdatasync p99 × {counters}"),
        longest.as_secs_f64() / unit,
        10.0,
        " ×",
    );
}

pub(crate) fn measure(arguments: &Arguments, shop: &Shop, figures: &mut Figures) {
    let disk_p99 = disk::measure(&shop.folder).p99;
    figures.note("fdatasync p99 just before", &format!("{disk_p99:.0?}"));
    let name = format!("{} processes", arguments.counters);
    let (told, took) = run(shop, arguments.counters, || {
        std::thread::sleep(Duration::from_secs(arguments.seconds));
    });
    tell(&name, &told, took, disk_p99, figures);

    let list: String = (0..arguments.imported)
        .map(|_| {
            let random = desk::random::<16>().expect("random bytes");
            Shape::standard().generate(&random).expect("a code") + "\n"
        })
        .collect();
    let mut ledger = shop.open();
    let (told, took) = run(shop, arguments.counters, || {
        let order = ImportOrder {
            campaign: "coffee".parse().expect("a name"),
            is_given_out: true,
            skips_bad: false,
            check: SpreadsheetCheck::TakeAsIs,
        };
        let mut progress = |_| {};
        let never = AtomicBool::new(false);
        let mut work = quiet(&mut progress, &never);
        ledger
            .import_codes(&mut list.as_bytes(), &order, &act(), &mut work, &mut |_| {
                Ok(())
            })
            .expect("codes are kept")
            .expect("codes");
    });
    let name = format!("{name} while {} codes are imported", arguments.imported);
    tell(&name, &told, took, disk_p99, figures);
}
