//! A shop in a throw-away folder, set up by the command line.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::console::pty::Console;

/// The program under test.
const PROGRAM: &str = env!("CARGO_BIN_EXE_counterfoil");

/// What a command answered.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Done {
    /// Standard output as JSON, one value a line; anything else there is a fault.
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.out
            .lines()
            .map(|line| {
                serde_json::from_str(line)
                    .unwrap_or_else(|fault| panic!("no JSON: {line:?} ({fault}) in {self:?}"))
            })
            .collect()
    }

    /// The one line of JSON.
    pub(crate) fn line(&self) -> Value {
        let mut lines = self.lines();
        assert_eq!(lines.len(), 1, "{self:?}");
        lines.remove(0)
    }

    /// The one error on standard error.
    pub(crate) fn error(&self) -> Value {
        let value: Value = serde_json::from_str(self.err.trim())
            .unwrap_or_else(|fault| panic!("no JSON: {fault} in {self:?}"));
        value["error"].clone()
    }
}

/// A shop: a ledger with campaigns and codes.
pub(crate) struct Shop {
    folder: TempDir,
}

impl Shop {
    /// An empty shop where nobody signs in.
    pub(crate) fn new() -> Shop {
        let shop = Shop::without_ledger();
        shop.ok(&[
            "init",
            "--store",
            "Riverside",
            "--timezone",
            "Europe/Berlin",
        ]);
        shop
    }

    /// A folder without a ledger.
    pub(crate) fn without_ledger() -> Shop {
        Shop {
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    /// A shop with one campaign, `coffee`, and so many codes that were given out.
    pub(crate) fn with_codes(count: usize) -> (Shop, Vec<String>) {
        let shop = Shop::new();
        let codes = shop.campaign("coffee", &["--offer", "Free coffee"], count);
        (shop, codes)
    }

    /// Begins a campaign with so many given-out codes, and answers them.
    pub(crate) fn campaign(&self, id: &str, rules: &[&str], count: usize) -> Vec<String> {
        self.ok(&[&["campaign", "create", id], rules].concat());
        if count == 0 {
            return Vec::new();
        }
        let count = count.to_string();
        self.ok(&[
            "codes",
            "generate",
            "--campaign",
            id,
            "--count",
            &count,
            "--given-out",
        ]);
        self.codes_of(id)
    }

    /// Every code of a campaign.
    pub(crate) fn codes_of(&self, id: &str) -> Vec<String> {
        self.json(&["codes", "export", "--campaign", id])
            .iter()
            .map(|line| line["code"].as_str().expect("a code").to_owned())
            .collect()
    }

    /// Stores a list of codes.
    pub(crate) fn import(&self, id: &str, list: &str) {
        let done = self.run_with(
            &["codes", "import", "-", "--campaign", id, "--given-out"],
            list.as_bytes(),
        );
        assert_eq!(done.code, 0, "{done:?}");
    }

    /// Lets somebody sign in.
    pub(crate) fn operator(&self, name: &str, role: &str, pin: &str) {
        let done = self.run_with(
            &["operator", "add", name, "--role", role],
            format!("{pin}\n").as_bytes(),
        );
        assert_eq!(done.code, 0, "{done:?}");
    }

    /// The data folder.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The folder around the data folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The program with nothing of our own environment but the path.
    pub(crate) fn bare_command(&self, before: &[&str]) -> Command {
        let words: Vec<&str> = before.iter().copied().chain([PROGRAM]).collect();
        let mut command = Command::new(words[0]);
        command
            .args(&words[1..])
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("TERM", "xterm-256color")
            .env("XDG_DATA_HOME", self.folder.path().join("share"))
            .current_dir(self.folder.path());
        command
    }

    /// The program on this shop's ledger.
    fn command(&self) -> Command {
        let mut command = self.bare_command(&[]);
        command.arg("--data").arg(self.data());
        command
    }

    /// Runs a command that must be done.
    pub(crate) fn ok(&self, args: &[&str]) -> Done {
        let done = self.run(args);
        assert_eq!(done.code, 0, "{args:?}: {done:?}");
        done
    }

    /// Runs a command that must be done, with `--json`.
    pub(crate) fn json(&self, args: &[&str]) -> Vec<Value> {
        self.ok(&[&["--json"], args].concat()).lines()
    }

    /// Runs a command.
    pub(crate) fn run(&self, args: &[&str]) -> Done {
        self.run_with(args, b"")
    }

    /// Runs a command with something on its standard input.
    pub(crate) fn run_with(&self, args: &[&str], input: &[u8]) -> Done {
        let mut command = self.command();
        command.args(args);
        run(command, input)
    }

    /// Opens a console at a counter of 80 columns and 24 rows, and waits until it is ready.
    pub(crate) fn console(&self, counter: &str) -> Console {
        let mut console = self.console_with(&["--counter", counter]);
        console.wait_for("Ready for the next scan");
        console
    }

    /// Opens a console with arguments of its own.
    pub(crate) fn console_with(&self, args: &[&str]) -> Console {
        let mut command = self.bare_command(Console::IN_A_SESSION);
        command.arg("--data").arg(self.data()).args(args);
        Console::open(command)
    }

    /// Every scan that was honoured, oldest first.
    pub(crate) fn accepted(&self) -> Vec<String> {
        self.scans("accepted")
    }

    /// Every scan with this answer, oldest first: the code, else what was read.
    pub(crate) fn scans(&self, answer: &str) -> Vec<String> {
        self.json(&["log", "--outcome", answer])
            .iter()
            .map(|line| {
                let text = line["code"].as_str().or(line["raw"].as_str());
                text.expect("a code or what was read").to_owned()
            })
            .collect()
    }

    /// Every scan and its answer, oldest first.
    pub(crate) fn answers(&self) -> Vec<(String, String)> {
        self.json(&["log"])
            .iter()
            .filter(|line| line["kind"] == "redeem")
            .map(|line| {
                let text = line["code"].as_str().or(line["raw"].as_str());
                let answer = line["answer"].as_str().expect("an answer");
                (text.unwrap_or_default().to_owned(), answer.to_owned())
            })
            .collect()
    }
}

/// Runs a command to its end with something on its standard input.
pub(crate) fn run(mut command: Command, input: &[u8]) -> Done {
    // A file, not a pipe: the program may answer before it has read all.
    let mut file: File = tempfile::tempfile().expect("a file");
    file.write_all(input).expect("written");
    std::io::Seek::rewind(&mut file).expect("rewound");
    let Output {
        status,
        stdout,
        stderr,
    } = command.stdin(Stdio::from(file)).output().expect("it runs");
    Done {
        code: status.code().unwrap_or(-1),
        out: String::from_utf8(stdout).expect("UTF-8"),
        err: String::from_utf8(stderr).expect("UTF-8"),
    }
}
