//! Importing random codes, against `sqlite3 .import` and a plain loop of inserts into the same
//! tables and indexes, in one run on one disk.
//!
//! `cargo bench --bench import -- [COUNT] [--probe] [--contacts]`: COUNT codes (10 million unless
//! told), each one a line of a file in random order. `--probe` has another counter scan all the
//! while, and tells how long it waited. `--contacts` gives every code an e-mail address, which only
//! the product can import.
#![expect(clippy::print_stdout, reason = "a bench reports on standard output")]
#![expect(
    clippy::disallowed_methods,
    reason = "elapsed time is what a bench measures"
)]

use std::error::Error;
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use counterfoil::domain::campaign::Rules;
use counterfoil::domain::code::Shape;
use counterfoil::domain::code_list::SpreadsheetCheck;
use counterfoil::domain::ids::Key;
use counterfoil::ledger::{Act, ImportOrder, Ledger, LongWork, Progress, Scan, Setup};
use jiff::Timestamp;

type Fallible<T> = Result<T, Box<dyn Error>>;

/// The page cache that the product has, in KiB: the others get the same.
const CACHE: &str = "PRAGMA cache_size = -16384";

fn main() -> Fallible<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let count = arguments
        .iter()
        .find_map(|argument| argument.parse::<u64>().ok())
        .unwrap_or(10_000_000);
    let is_probed = arguments.iter().any(|argument| argument == "--probe");
    let folder = tempfile::tempdir()?;
    let list = folder.path().join("codes.csv");
    let has_contacts = arguments.iter().any(|argument| argument == "--contacts");
    write_list(&list, count, has_contacts)?;
    println!("{count} codes");
    println!(
        "fdatasync/s before: {:.0}",
        syncs_per_second(folder.path())?
    );

    let ours = product(&folder.path().join("product"), &list, count, is_probed)?;
    if has_contacts {
        return Ok(());
    }
    let loop_of_inserts = inserts(&folder.path().join("inserts"), &list, count)?;
    tell_ratio("a loop of inserts", ours, loop_of_inserts);
    match sqlite3_import(&folder.path().join("sqlite3"), &list, count)? {
        Some(theirs) => tell_ratio("sqlite3 .import", ours, theirs),
        None => println!("sqlite3 is not installed: not measured"),
    }
    println!("fdatasync/s after: {:.0}", syncs_per_second(folder.path())?);
    Ok(())
}

fn tell_ratio(what: &str, ours: Duration, theirs: Duration) {
    let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
    println!("ratio to {what}: {ratio:.2} (goal: at most 0.5)");
}

/// Twelve letters drawn and two to check, a line each.
fn write_list(path: &Path, count: u64, has_contacts: bool) -> Fallible<()> {
    let shape = Shape::standard();
    let mut out = BufWriter::new(File::create(path)?);
    let mut random = vec![0; shape.random_len() * 4096];
    let mut written = 0;
    if has_contacts {
        writeln!(out, "code,email")?;
    }
    while written < count {
        getrandom::fill(&mut random)?;
        for bytes in random.chunks_exact(shape.random_len()) {
            if written < count {
                let code = shape.generate(bytes).ok_or("no code")?;
                if has_contacts {
                    writeln!(out, "{code},{code}@example.org")?;
                } else {
                    writeln!(out, "{code}")?;
                }
                written += 1;
            }
        }
    }
    out.flush()?;
    Ok(())
}

fn act() -> Act {
    Act {
        now: Timestamp::now(),
        counter: "bench".into(),
        operator: None,
        salt: [1; 16],
    }
}

fn new_ledger(folder: &Path) -> Fallible<Ledger> {
    let setup = Setup {
        store: "Bench".into(),
        timezone: "UTC".into(),
        node: "BCDFGHJKLN".into(),
        mode: 0o600,
    };
    let mut ledger = Ledger::create(folder, &setup, &act())?;
    let rules = Rules::new("Free coffee");
    ledger.create_campaign(&"spring".parse()?, &rules, &[1; 32], &act())??;
    Ok(ledger)
}

fn product(folder: &Path, list: &Path, count: u64, is_probed: bool) -> Fallible<Duration> {
    let mut ledger = new_ledger(folder)?;
    let order = ImportOrder {
        campaign: "spring".parse()?,
        is_given_out: false,
        skips_bad: false,
        check: SpreadsheetCheck::Look,
    };
    let stop = AtomicBool::new(false);
    let begun = Instant::now();
    let mut steps: Vec<(Progress, Duration)> = Vec::new();
    let mut source = File::open(list)?;
    let is_done = AtomicBool::new(false);
    let memory_before = memory("VmRSS")?;
    let (report, waits) = std::thread::scope(|scope| {
        let probe = is_probed.then(|| scope.spawn(|| probe(folder, &is_done)));
        let report = ledger.import_codes(
            &mut source,
            &order,
            &act(),
            &mut LongWork {
                random: &mut getrandom::fill,
                progress: &mut |progress| {
                    if steps
                        .last()
                        .is_none_or(|(last, _)| last.step != progress.step)
                    {
                        steps.push((progress, begun.elapsed()));
                    }
                },
                stop: &stop,
            },
            &mut |_| Ok(()),
        );
        is_done.store(true, Ordering::Relaxed);
        (report, probe.map(std::thread::ScopedJoinHandle::join))
    });
    let took = begun.elapsed();
    let report = report??;
    if report.stored != count {
        return Err(format!("{} of {count} were stored", report.stored).into());
    }
    println!("product: {:.2} s", took.as_secs_f64());
    for (progress, at) in steps {
        println!("  {:?} from {:.2} s", progress.step, at.as_secs_f64());
    }
    println!(
        "  memory: {} MiB before, {} MiB at most",
        memory_before / 1024,
        memory("VmHWM")? / 1024
    );
    if let Some(Ok(Some((scans, mut waits)))) = waits {
        waits.sort_unstable();
        let p99 = waits
            .get(waits.len() * 99 / 100)
            .copied()
            .unwrap_or_default();
        let longest = waits.last().copied().unwrap_or_default();
        println!("  {scans} scans meanwhile: p99 {p99:?}, longest {longest:?}");
    }
    Ok(took)
}

/// Scans as another counter does, a hundred times a second; how long each took.
fn probe(folder: &Path, is_done: &AtomicBool) -> Option<(usize, Vec<Duration>)> {
    let (mut ledger, _) = Ledger::open(folder, &act()).ok()?;
    let minted: Key = "probe".parse().ok()?;
    let mut waits = Vec::new();
    while !is_done.load(Ordering::Relaxed) {
        let begun = Instant::now();
        let scan = Scan::new(b"NO SUCH CODE", &minted);
        ledger.redeem(&scan, &act()).ok()?;
        waits.push(begun.elapsed());
        std::thread::sleep(Duration::from_millis(10));
    }
    Some((waits.len(), waits))
}

/// An empty ledger's file, with a published batch to put codes into.
fn empty_file(folder: &Path, count: u64) -> Fallible<PathBuf> {
    drop(new_ledger(folder)?);
    let path = folder.join("ledger.db");
    let connection = rusqlite::Connection::open(&path)?;
    connection.execute(
        "INSERT INTO batch VALUES (1, 1, 'imported', 1, 1, ?1, 0, ?1, NULL)",
        [count.cast_signed()],
    )?;
    Ok(path)
}

fn inserts(folder: &Path, list: &Path, count: u64) -> Fallible<Duration> {
    let path = empty_file(folder, count)?;
    let mut connection = rusqlite::Connection::open(path)?;
    connection.execute_batch(CACHE)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    let begun = Instant::now();
    let transaction = connection.transaction()?;
    let mut insert = transaction.prepare(
        "INSERT INTO code (id, folded, campaign, batch, ordinal, state, holder, grant_number) \
         VALUES (?1, ?2, 1, 1, ?3, 0, 1, 1)",
    )?;
    for (number, line) in (0_i64..).zip(BufReader::new(File::open(list)?).lines()) {
        insert.execute((number + 1, line?, number))?;
    }
    drop(insert);
    transaction.execute("INSERT INTO pool_slot SELECT 1, ordinal, id FROM code", [])?;
    transaction.commit()?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    let took = begun.elapsed();
    println!("a loop of inserts: {:.2} s", took.as_secs_f64());
    Ok(took)
}

fn sqlite3_import(folder: &Path, list: &Path, count: u64) -> Fallible<Option<Duration>> {
    if Command::new("sqlite3").arg("-version").output().is_err() {
        return Ok(None);
    }
    let path = empty_file(folder, count)?;
    let (codes, slots) = (folder.join("code.csv"), folder.join("slot.csv"));
    let mut code_out = BufWriter::new(File::create(&codes)?);
    let mut slot_out = BufWriter::new(File::create(&slots)?);
    for (number, line) in (0_i64..).zip(BufReader::new(File::open(list)?).lines()) {
        // `.import` knows no NULL.
        let (id, code) = (number + 1, line?);
        writeln!(code_out, "{id},{code},,1,1,{number},0,0,1,1,0,0,0,0")?;
        writeln!(slot_out, "1,{number},{id}")?;
    }
    code_out.flush()?;
    slot_out.flush()?;
    let script = format!(
        "{CACHE};\nPRAGMA synchronous = FULL;\n.mode csv\n.import {} code\n\
         .import {} pool_slot\nPRAGMA wal_checkpoint(TRUNCATE);\n",
        codes.display(),
        slots.display()
    );
    let begun = Instant::now();
    let mut child = Command::new("sqlite3")
        .arg(&path)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()?;
    child
        .stdin
        .take()
        .ok_or("no input")?
        .write_all(script.as_bytes())?;
    let status = child.wait()?;
    let took = begun.elapsed();
    let connection = rusqlite::Connection::open(&path)?;
    let stored: i64 =
        connection.query_row("SELECT count(*) FROM pool_slot", [], |row| row.get(0))?;
    if !status.success() || stored != count.cast_signed() {
        return Err(format!("sqlite3 stored {stored} of {count}").into());
    }
    println!("sqlite3 .import: {:.2} s", took.as_secs_f64());
    Ok(Some(took))
}

/// How often the disk makes 4 KiB durable.
fn syncs_per_second(folder: &Path) -> Fallible<f64> {
    let path = folder.join("syncs");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(&path)?;
    let begun = Instant::now();
    let mut syncs = 0_u32;
    while begun.elapsed() < Duration::from_secs(1) {
        file.write_all_at(&[7; 4096], 0)?;
        file.sync_data()?;
        syncs += 1;
    }
    std::fs::remove_file(&path)?;
    Ok(f64::from(syncs) / begun.elapsed().as_secs_f64())
}

/// A line of this process's memory, in KiB.
fn memory(what: &str) -> Fallible<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find(|line| line.starts_with(what))
        .ok_or("no such line")?;
    Ok(line
        .split_whitespace()
        .nth(1)
        .ok_or("no such number")?
        .parse()?)
}
