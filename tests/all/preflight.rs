//! The preflight: it passes what is well, fails what is planted, and leaves no trace.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use jiff::Timestamp;
use rusqlite::Connection;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use counterfoil::desk;
use counterfoil::ledger::{Ledger, Rehearsal};

use crate::shop::{command_on, run_on, text};

/// A shop with one campaign, and a folder of its own for temporary files.
struct Stage {
    _place: TempDir,
    data: PathBuf,
    temporary: PathBuf,
}

/// What a preflight said: its exit code, the outcome of each check, the lines themselves.
struct Told {
    exit: i32,
    outcomes: BTreeMap<String, String>,
    lines: Vec<Value>,
    errors: String,
}

impl Told {
    fn outcome(&self, check: &str) -> &str {
        self.outcomes.get(check).map_or("missing", String::as_str)
    }

    fn happened(&self, check: &str) -> &str {
        let line = self.lines.iter().find(|line| line["check"] == check);
        line.map_or("missing", |line| text(line, "happened"))
    }

    /// The checks that did not pass.
    fn wrong(&self) -> Vec<(&str, &str)> {
        self.outcomes
            .iter()
            .filter(|(check, outcome)| *check != "summary" && *outcome != "pass")
            .map(|(check, outcome)| (check.as_str(), outcome.as_str()))
            .collect()
    }
}

impl Stage {
    fn with(rules: &[&str], codes: &str) -> Stage {
        let place = tempfile::tempdir().expect("a folder");
        let stage = Stage {
            data: place.path().join("data"),
            temporary: place.path().join("temporary"),
            _place: place,
        };
        std::fs::create_dir(&stage.temporary).expect("a folder");
        stage.run(&["init", "--store", "Corner", "--timezone", "Europe/Berlin"]);
        let create = ["campaign", "create", "spring", "--offer", "one coffee"];
        stage.run(&[&create, rules].concat());
        if codes != "0" {
            let generate = ["codes", "generate", "--campaign", "spring", "--count"];
            stage.run(&[&generate[..], &[codes]].concat());
        }
        stage
    }

    fn run(&self, words: &[&str]) {
        let ran = run_on(&self.data, words);
        assert_eq!(ran.exit, 0, "{words:?}: {:?} {}", ran.lines, ran.errors);
    }

    fn preflight(&self, more: &[&str]) -> Told {
        let ended = command_on(&self.data)
            .env("TMPDIR", &self.temporary)
            .args(["campaign", "preflight", "spring"])
            .args(more)
            .stdin(Stdio::null())
            .output()
            .expect("runs");
        let printed = String::from_utf8(ended.stdout).expect("text");
        let lines: Vec<Value> = printed
            .lines()
            .map(|line| serde_json::from_str(line).expect("an object a line"))
            .collect();
        Told {
            exit: ended.status.code().expect("ends by itself"),
            outcomes: lines
                .iter()
                .map(|line| (text(line, "check").into(), text(line, "outcome").into()))
                .collect(),
            lines,
            errors: String::from_utf8(ended.stderr).expect("text"),
        }
    }

    /// What is left in the folder for temporary files.
    fn left(&self) -> Vec<PathBuf> {
        let listing = std::fs::read_dir(&self.temporary).expect("a folder");
        listing.map(|item| item.expect("an item").path()).collect()
    }

    /// Changes the ledger behind the program's back: what a preflight plays on is a copy of it.
    fn plant(&self, sql: &str) {
        let connection = Connection::open(self.data.join("ledger.db")).expect("opens");
        connection.execute_batch(sql).expect("is planted");
    }

    /// A copy as a preflight makes it, left behind as by one that was killed.
    fn leave_copy(&self) -> PathBuf {
        Ledger::open_reading(&self.data)
            .expect("opens")
            .rehearse(&self.temporary, "left", &mut |_, _| true)
            .expect("copies")
    }
}

/// Everything that a command could have changed: files byte by byte, but for SQLite's empty log and
/// its index, which any reader makes.
fn bytes_of(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let listing = std::fs::read_dir(folder).expect("a folder");
    listing
        .map(|item| item.expect("an item").path())
        .map(|path| (path.clone(), std::fs::read(path).expect("a file")))
        .filter(|(path, bytes)| {
            let ending = path.extension().unwrap_or_default();
            ending != "db-shm" && !(ending == "db-wal" && bytes.is_empty())
        })
        .collect()
}

const IN_TIME: [&str; 4] = ["--starts", "2026-01-01", "--ends", "2099-12-31"];

#[test]
fn a_campaign_in_order_passes_and_the_ledger_is_as_it_was() {
    let stage = Stage::with(&IN_TIME, "100");
    stage.run(&[
        "assign",
        "--campaign",
        "spring",
        "--email",
        "ana@example.org",
    ]);
    let log = run_on(&stage.data, &["log"]).lines;
    let before = bytes_of(&stage.data);
    let told = stage.preflight(&["--audience", "99"]);
    assert_eq!(told.wrong(), [], "{:?}", told.lines);
    assert_eq!((told.exit, told.errors.as_str()), (0, ""));
    for check in [
        "pool",
        "same_event",
        "same_event_at_once",
        "same_customer_at_once",
        "two_customers_at_once",
        "preview",
        "view",
        "forward",
        "contact",
        "no_contact",
        "wrong_store",
        "paper_out",
        "crash",
        "exhausted",
        "not_yet",
        "expired",
        "honoured",
        "validity",
        "chain",
    ] {
        assert_eq!(told.outcome(check), "pass", "{check}");
    }
    let last = told.lines.last().expect("lines");
    assert_eq!(
        (text(last, "check"), text(last, "outcome")),
        ("summary", "pass")
    );
    assert_eq!(bytes_of(&stage.data), before, "nothing changed");
    assert_eq!(run_on(&stage.data, &["log"]).lines, log);
    assert_eq!(run_on(&stage.data, &["verify"]).exit, 0);
    assert_eq!(stage.left(), Vec::<PathBuf>::new());
}

#[test]
fn words_for_people_say_the_same() {
    let stage = Stage::with(&IN_TIME, "3");
    let ended = std::process::Command::new(env!("CARGO_BIN_EXE_counterfoil"))
        .env("TMPDIR", &stage.temporary)
        .arg("--data")
        .arg(&stage.data)
        .args(["campaign", "preflight", "spring", "--audience", "5"])
        .output()
        .expect("runs");
    let printed = String::from_utf8(ended.stdout).expect("text");
    assert_eq!(ended.status.code(), Some(1));
    assert!(
        printed.contains("FAIL  there are codes for everybody"),
        "{printed}"
    );
    assert!(printed.contains("3 available: 2 are missing"), "{printed}");
    assert!(
        printed.contains("PASS  the same event three times"),
        "{printed}"
    );
    assert!(
        printed
            .lines()
            .last()
            .is_some_and(|line| line.starts_with("FAIL")),
        "{printed}"
    );
}

#[test]
fn what_stands_in_a_launchs_way_fails_and_the_rest_is_played() {
    type Fault = (
        &'static [&'static str],
        &'static [&'static str],
        &'static str,
        &'static str,
    );
    let faults: [Fault; 6] = [
        (
            &["--ends", "2099-12-31"],
            &["campaign", "pause", "spring"],
            "paused",
            "fail",
        ),
        (&["--ends", "2026-02-01"], &[], "window", "fail"),
        (
            &["--ends", "2099-12-31", "--stores", "Mall"],
            &[],
            "store",
            "fail",
        ),
        (
            &["--ends", "2099-12-31", "--per-customer", "5"],
            &[],
            "pool",
            "fail",
        ),
        (
            &["--ends", "2099-12-31", "--allow-anonymous", "5/day"],
            &[],
            "no_contact",
            "warn",
        ),
        (&[], &[], "expired", "warn"),
    ];
    for (rules, more, check, outcome) in faults {
        let stage = Stage::with(rules, "20");
        if !more.is_empty() {
            stage.run(more);
        }
        let told = stage.preflight(&["--audience", "5"]);
        assert_eq!(told.wrong(), [(check, outcome)], "{:?}", told.lines);
        assert_eq!(told.exit, i32::from(outcome == "fail"), "{check}");
        assert_eq!(stage.left(), Vec::<PathBuf>::new());
    }
}

#[test]
fn a_campaign_without_a_code_or_known_by_telephone_alone_is_played_on_topped_up_copies() {
    let empty = Stage::with(&IN_TIME, "0");
    let told = empty.preflight(&[]);
    assert_eq!((told.exit, told.wrong()), (1, vec![("pool", "fail")]));
    let rules = [&IN_TIME[..], &["--identify-by", "phone"]].concat();
    let told = Stage::with(&rules, "9").preflight(&[]);
    assert_eq!((told.exit, told.wrong()), (0, vec![]), "{:?}", told.lines);
    // Two codes a customer: two events give two, and one event still one.
    let rules = [
        &IN_TIME[..],
        &["--per-customer", "2", "--require", "receipt"],
    ]
    .concat();
    let told = Stage::with(&rules, "9").preflight(&[]);
    assert_eq!((told.exit, told.wrong()), (0, vec![]), "{:?}", told.lines);
    assert!(told.happened("honoured").starts_with("needs_answer"));
    let rules = [&IN_TIME[..], &["--uses", "3"]].concat();
    let told = Stage::with(&rules, "9").preflight(&[]);
    assert_eq!((told.exit, told.wrong()), (0, vec![]), "{:?}", told.lines);
    assert!(told.happened("honoured").starts_with("accepted 3 times"));
}

#[test]
fn planted_faults_fail_the_checks_that_look_for_them() {
    const DOUBLE: [&str; 6] = [
        "--starts",
        "2026-01-01",
        "--ends",
        "2099-12-31",
        "--per-customer",
        "9",
    ];
    // A ledger that forgets its keys: a retry draws again.
    let stage = Stage::with(&DOUBLE, "200");
    stage.plant("CREATE TRIGGER planted AFTER INSERT ON act_key BEGIN DELETE FROM act_key; END");
    let told = stage.preflight(&[]);
    assert_eq!(told.exit, 1);
    for check in ["same_event", "same_event_at_once", "crash"] {
        assert_eq!(told.outcome(check), "fail", "{check}: {:?}", told.lines);
    }
    assert_eq!(told.outcome("two_customers_at_once"), "pass");
    assert!(
        told.happened("same_event")
            .starts_with("3 assigned: 3 codes")
    );

    // One that forgets who has a code: two events of one customer draw two.
    let stage = Stage::with(&IN_TIME, "200");
    stage.plant(
        "CREATE TRIGGER planted AFTER INSERT ON customer_slot BEGIN DELETE FROM customer_slot; END",
    );
    let told = stage.preflight(&[]);
    assert_eq!(told.exit, 1);
    for check in ["same_customer_at_once", "view"] {
        assert_eq!(told.outcome(check), "fail", "{check}: {:?}", told.lines);
    }

    // One that honours a code again and again.
    let stage = Stage::with(&IN_TIME, "200");
    stage.plant(
        "CREATE TRIGGER planted AFTER UPDATE OF uses_made ON code WHEN NEW.uses_made > 0 \
         BEGIN UPDATE code SET uses_made = 0, state = 1 WHERE id = NEW.id; END",
    );
    let told = stage.preflight(&[]);
    assert_eq!(
        (told.exit, told.outcome("honoured")),
        (1, "fail"),
        "{:?}",
        told.lines
    );

    // A slip that is forgotten, codes that ended long ago, and an entry that was changed.
    let stage = Stage::with(&IN_TIME, "200");
    stage.plant(
        "CREATE TRIGGER planted AFTER UPDATE OF state ON slip WHEN NEW.state = 2 \
         BEGIN UPDATE slip SET state = 3 WHERE id = NEW.id; END;
         UPDATE code SET expires_at_ms = 1000 WHERE ordinal >= 150;
         UPDATE campaign SET test_until_ms = 4000000000000;
         INSERT INTO test_customer (campaign, customer) VALUES (1, 7);
         UPDATE entry SET body = replace(body, 'coffee', 'toffee')",
    );
    let told = stage.preflight(&[]);
    assert_eq!(told.exit, 1);
    for check in ["paper_out", "ended", "test_mode", "chain"] {
        assert_eq!(told.outcome(check), "fail", "{check}: {:?}", told.lines);
    }
    assert!(told.happened("chain").contains("entry 2"));
    assert!(told.happened("ended").starts_with("50 codes"));
    assert!(told.happened("test_mode").ends_with("test customers: 1"));
    assert!(told.happened("pool").starts_with("150 available"));
    assert_eq!(stage.left(), Vec::<PathBuf>::new());
}

#[test]
fn a_printer_that_is_never_asked_is_a_warning_and_a_slip_that_cannot_be_a_fail() {
    let stage = Stage::with(&IN_TIME, "50");
    let configuration = stage.data.join("counterfoil.toml");
    let to_file = "[printer]\nto = \"file:/dev/null\"\n";
    std::fs::write(&configuration, to_file).expect("writes");
    let told = stage.preflight(&[]);
    assert_eq!((told.exit, told.wrong()), (0, vec![("paper_out", "warn")]));
    std::fs::write(
        stage.data.join("slip.txt"),
        "{{no such place}}\n{nonsense}\n",
    )
    .expect("writes");
    let told = stage.preflight(&[]);
    assert_eq!((told.exit, told.wrong()), (1, vec![("paper_out", "fail")]));
    assert!(
        told.happened("paper_out").contains("slip.txt"),
        "{}",
        told.happened("paper_out")
    );
}

#[test]
fn a_copied_ledger_is_named_and_not_healed() {
    let stage = Stage::with(&IN_TIME, "50");
    std::fs::remove_file(stage.data.join("ledger.marker")).expect("goes");
    let told = stage.preflight(&[]);
    assert_eq!((told.exit, told.wrong()), (1, vec![("marker", "fail")]));
    assert!(!stage.data.join("ledger.marker").exists());
}

#[test]
fn no_such_campaign_is_wrong_usage_and_nothing_is_copied() {
    let stage = Stage::with(&IN_TIME, "5");
    let ran = run_on(&stage.data, &["campaign", "preflight", "autumn"]);
    assert_eq!(ran.exit, 2);
    assert!(ran.errors.contains("no_such_campaign"), "{}", ran.errors);
}

#[test]
fn a_copy_that_was_left_is_no_ledger_and_the_next_preflight_clears_it_away() {
    use std::os::unix::fs::PermissionsExt as _;
    let stage = Stage::with(&IN_TIME, "50");
    let left = stage.leave_copy();
    let mode = std::fs::metadata(&left)
        .expect("a folder")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o700);
    let assign = [
        "assign",
        "--campaign",
        "spring",
        "--email",
        "ana@example.org",
    ];
    let refused = run_on(&left, &assign);
    assert_eq!(refused.exit, 2);
    assert!(refused.errors.contains("no_ledger"), "{}", refused.errors);
    // Neither under a ledger's name nor as a backup.
    let copy = left.join("rehearsal.db");
    let restored = stage.temporary.join("restored");
    let named = stage.temporary.join("named");
    std::fs::create_dir(&named).expect("a folder");
    std::fs::copy(&copy, named.join("ledger.db")).expect("copies");
    let file = copy.to_str().expect("text");
    for (folder, words) in [(&named, &assign[..]), (&restored, &["restore", file])] {
        let refused = run_on(folder, words);
        assert_eq!(refused.exit, 2, "{words:?}");
        assert!(
            refused.errors.contains("\"rehearsal\""),
            "{}",
            refused.errors
        );
    }
    // And a ledger is no copy: nothing claims on it as a preflight does.
    let claim = [
        "rehearse-claim",
        "--campaign",
        "spring",
        "--kind",
        "email",
        "--contact",
    ];
    let customer = ["a@example.org", "--key", "k", "--at-ms", "0"];
    assert_ne!(
        run_on(&stage.data, &[&claim[..], &customer].concat()).exit,
        0
    );
    // One that is open is let be.
    let at: Timestamp = "2026-11-21T12:00:00Z".parse().expect("an instant");
    let open = Rehearsal::open(&left, at).expect("opens");
    assert_eq!(stage.preflight(&[]).exit, 0);
    assert!(left.exists());
    drop(open);
    assert_eq!(stage.preflight(&[]).exit, 0);
    assert!(!left.exists());
}

#[test]
fn a_copy_goes_on_as_the_same_life_and_the_ledger_never_hears_of_it() {
    let stage = Stage::with(&IN_TIME, "50");
    let before = bytes_of(&stage.data);
    let left = stage.leave_copy();
    let at: Timestamp = "2026-11-21T12:00:00Z".parse().expect("an instant");
    let mut copy = Rehearsal::open(&left, at).expect("opens");
    let act = desk::act("1", None, at).expect("an act");
    let campaign = "spring".parse().expect("a name");
    let paused = copy.ledger().pause_campaign(&campaign, true, &act);
    assert!(paused.expect("writes").expect("is there").is_paused);
    let pools = copy
        .ledger()
        .pools(None, at)
        .expect("reads")
        .expect("is there");
    assert_eq!(
        pools.first().map(|pool| (pool.available, pool.suspect)),
        Some((50, 0))
    );
    let health = copy.ledger().verify(&mut |_| {}).expect("reads");
    assert_eq!((health.faults.len(), health.rebirths), (0, 0));
    assert!(!left.join("ledger.marker").exists());
    assert_eq!(bytes_of(&stage.data), before);
}

#[test]
fn whoever_stops_it_finds_no_copy_left() {
    let stage = Stage::with(&IN_TIME, "50");
    let mut child = command_on(&stage.data)
        .env("TMPDIR", &stage.temporary)
        .args(["campaign", "preflight", "spring"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("begins");
    let mut rows = BufReader::new(child.stdout.take().expect("piped")).lines();
    rows.next().expect("a row").expect("text");
    let id = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    kill_process(id.expect("a process"), Signal::TERM).expect("is told to stop");
    let rest = rows.count();
    let exit = child.wait().expect("ends").code();
    // Stopped between two checks; on a slow machine's worst day after the last.
    assert!(exit == Some(5) || rest > 20, "{exit:?} after {rest} rows");
    assert_eq!(stage.left(), Vec::<PathBuf>::new());
}
