//! A shop in a folder of its own, worked with the real program: what races, crashes and restores
//! are tried on.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test's own surroundings: what fails here fails the test"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};

use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use tempfile::TempDir;

use crate::cluster::TestDatabase;

/// The one campaign of every shop.
pub(crate) const CAMPAIGN: &str = "spring";

/// What keeps a shop's ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    InFolder,
    InDatabase,
}

impl Kept {
    /// Each of them: what holds on one, holds on the other.
    pub(crate) const EITHER: [Kept; 2] = [Kept::InFolder, Kept::InDatabase];
}

/// A ledger with one campaign, in a folder that goes away with it, or in a database.
pub(crate) struct Shop {
    _place: TempDir,
    folder: PathBuf,
    database: Option<TestDatabase>,
}

/// A command that has ended.
pub(crate) struct Ran {
    pub(crate) exit: i32,
    pub(crate) lines: Vec<Value>,
    pub(crate) errors: String,
}

impl Ran {
    /// What a program that has ended printed.
    pub(crate) fn of(ended: &Output) -> Ran {
        let printed = std::str::from_utf8(&ended.stdout).unwrap();
        Ran {
            exit: ended.status.code().unwrap_or(-1),
            lines: printed
                .lines()
                .map(|line| {
                    serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"))
                })
                .collect(),
            errors: String::from_utf8(ended.stderr.clone()).unwrap(),
        }
    }

    /// The only object it printed.
    pub(crate) fn json(&self) -> &Value {
        assert_eq!(self.lines.len(), 1, "one line: {:?}", self.lines);
        self.lines.first().unwrap()
    }

    /// The same, of a command that went well.
    pub(crate) fn well(&self) -> &Self {
        assert_eq!(self.exit, 0, "{:?} {}", self.lines, self.errors);
        self
    }
}

/// The text of one field.
pub(crate) fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value
        .get(key)
        .and_then(Value::as_str)
        .unwrap_or_else(|| panic!("no text {key:?} in {value}"))
}

/// The number in one field.
pub(crate) fn number(value: &Value, key: &str) -> i64 {
    value
        .get(key)
        .and_then(Value::as_i64)
        .unwrap_or_else(|| panic!("no number {key:?} in {value}"))
}

/// The codes of a shop, by number.
pub(crate) fn code(number: usize) -> String {
    format!("SHOP-{number:05}-KEEP")
}

/// So many codes.
pub(crate) fn codes(count: usize) -> Vec<String> {
    (0..count).map(code).collect()
}

/// Runs the program on a folder, to its end.
pub(crate) fn run_on(folder: &Path, arguments: &[&str]) -> Ran {
    let ended = command_on(folder)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Ran::of(&ended)
}

/// The program on a folder, not yet told what to do.
pub(crate) fn command_on(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_counterfoil"));
    command
        .arg("--json")
        .arg("--data")
        .arg(folder)
        .env_remove("COUNTERFOIL_DATA")
        .env_remove("COUNTERFOIL_DATABASE");
    command
}

impl Shop {
    /// A shop whose campaign has these rules and so many codes, all given out.
    pub(crate) fn with(rules: &[&str], count: usize) -> Shop {
        Shop::kept(Kept::InFolder, rules, count)
    }

    /// The same, kept so.
    pub(crate) fn kept(kept: Kept, rules: &[&str], count: usize) -> Shop {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("data");
        let shop = Shop {
            _place: place,
            folder,
            database: (kept == Kept::InDatabase).then(TestDatabase::with_tables),
        };
        shop.run(&["init", "--store", "Corner", "--timezone", "Europe/Berlin"])
            .well();
        let create = ["campaign", "create", CAMPAIGN, "--offer", "one coffee"];
        shop.run(&[&create, rules].concat()).well();
        shop.import("first.csv", &codes(count), &["--given-out"])
            .well();
        shop
    }

    /// Imports codes from a file of this name.
    pub(crate) fn import(&self, name: &str, codes: &[String], more: &[&str]) -> Ran {
        let list = self.beside(name);
        std::fs::write(&list, codes.join("\n")).unwrap();
        let list = list.to_str().unwrap();
        self.run(&[&["codes", "import", list, "--campaign", CAMPAIGN], more].concat())
    }

    /// The folder of its ledger.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A path beside the ledger's folder.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.with_file_name(name)
    }

    /// Runs the program on it, to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        let ended = self
            .command()
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        Ran::of(&ended)
    }

    /// The program on it, not yet told what to do.
    pub(crate) fn command(&self) -> Command {
        let mut command = command_on(&self.folder);
        if let Some(database) = &self.database {
            command.env("COUNTERFOIL_DATABASE", database.url());
        }
        command
    }

    /// The database, of a shop that is kept in one.
    pub(crate) fn database(&self) -> &TestDatabase {
        self.database.as_ref().unwrap()
    }

    /// The verdict on one scan.
    pub(crate) fn redeem(&self, code: &str) -> String {
        text(self.run(&["redeem", code]).json(), "verdict").to_owned()
    }

    /// A connection of our own that only looks.
    pub(crate) fn look(&self) -> Connection {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Connection::open_with_flags(self.folder.join("ledger.db"), flags).unwrap()
    }

    /// One number from the ledger, by SQL of our own.
    pub(crate) fn count(&self, sql: &str) -> i64 {
        match &self.database {
            Some(database) => database.count(sql),
            None => self.look().query_row(sql, [], |row| row.get(0)).unwrap(),
        }
    }

    /// The texts of one column, by SQL of our own.
    pub(crate) fn texts(&self, sql: &str) -> Vec<String> {
        if let Some(database) = &self.database {
            return database.texts(sql);
        }
        let connection = self.look();
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    }

    /// What `verify` says; the faults it names, in one text.
    pub(crate) fn verify(&self) -> (i32, String) {
        let ran = self.run(&["verify"]);
        let faults = ran.json().get("faults").map(Value::to_string);
        (ran.exit, faults.unwrap_or_default())
    }

    /// Everything holds: the program's own check, SQLite's, and a recount of the pool by SQL.
    pub(crate) fn assert_well(&self) {
        let (exit, faults) = self.verify();
        assert_eq!((exit, faults.as_str()), (0, "[]"));
        if self.database.is_none() {
            let integrity: String = self
                .look()
                .query_row("PRAGMA integrity_check", [], |row| row.get(0))
                .unwrap();
            assert_eq!(integrity, "ok");
        }
        let wrong = self.count(
            "SELECT count(*) FROM (SELECT e.code FROM entry e \
             LEFT JOIN reversal r ON r.redemption = e.id \
             WHERE e.kind = 'redeemed' AND r.entry IS NULL GROUP BY e.code \
             HAVING count(*) <> (SELECT uses_made FROM code WHERE code.id = e.code)) wrong",
        );
        assert_eq!(wrong, 0, "a code's uses are not its redemptions");
        let pool = self.run(&["pool", "--campaign", CAMPAIGN]);
        let pool = pool.well().json();
        for (state, word) in (0..).zip(["available", "assigned", "redeemed", "void", "suspect"]) {
            let recount = self.count(&format!(
                "SELECT count(*) FROM code c JOIN batch b ON b.id = c.batch \
                 WHERE b.is_published = 1 AND c.state = {state}"
            ));
            // What a hub has lent is to be had elsewhere.
            let lent = if state == 0 {
                number(pool, "leased")
            } else {
                0
            };
            assert_eq!(number(pool, word) + lent, recount, "{word}");
        }
        let uses = self.count("SELECT sum(uses_made) FROM code");
        assert_eq!(number(pool, "uses_made"), uses);
    }
}

/// A till: `redeem --stdin`, up and waiting for scans.
pub(crate) struct Till {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Till {
    /// Begins a till, and waits until it has answered a blank line: it is up then.
    pub(crate) fn up(folder: &Path, counter: &str, more: &[&str]) -> Till {
        Till::begun(command_on(folder), counter, more)
    }

    /// The same on a shop, wherever it is kept.
    pub(crate) fn of(shop: &Shop, counter: &str, more: &[&str]) -> Till {
        Till::begun(shop.command(), counter, more)
    }

    fn begun(mut command: Command, counter: &str, more: &[&str]) -> Till {
        let mut child = command
            .args(["--counter", counter, "redeem", "--stdin"])
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut till = Till {
            input: child.stdin.take(),
            output: BufReader::new(child.stdout.take().unwrap()),
            child,
        };
        till.feed("\n");
        assert_eq!(text(&till.answer().unwrap(), "verdict"), "not_ours");
        till
    }

    /// Scans, as many as there are lines; answers are not waited for.
    pub(crate) fn feed(&mut self, lines: &str) {
        let input = self.input.as_mut().unwrap();
        input.write_all(lines.as_bytes()).unwrap();
        input.flush().unwrap();
    }

    /// The next answer; none: the till is gone.
    pub(crate) fn answer(&mut self) -> Option<Value> {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        // A line that was cut off by the till's death was never said.
        line.ends_with('\n')
            .then(|| serde_json::from_str(&line).unwrap_or_else(|_| panic!("no JSON: {line}")))
    }

    /// Scans once and waits for the verdict.
    pub(crate) fn scan(&mut self, code: &str) -> String {
        self.feed(&format!("{code}\n"));
        text(&self.answer().unwrap(), "verdict").to_owned()
    }

    /// Ends its input; the answers it still gives, what it said on standard error, its exit code.
    pub(crate) fn close(mut self) -> (Vec<Value>, String, Option<i32>) {
        drop(self.input.take());
        self.rest()
    }

    /// SIGKILL, and what it had said before.
    pub(crate) fn kill(mut self) -> (Vec<Value>, String) {
        self.child.kill().unwrap();
        let (answers, errors, _) = self.rest();
        (answers, errors)
    }

    fn rest(&mut self) -> (Vec<Value>, String, Option<i32>) {
        let answers = std::iter::from_fn(|| self.answer()).collect();
        let mut errors = String::new();
        let stream = self.child.stderr.as_mut().unwrap();
        stream.read_to_string(&mut errors).unwrap();
        (answers, errors, self.child.wait().unwrap().code())
    }
}
