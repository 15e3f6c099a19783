//! What a redemption asks of the database: a bounded number of statements, each by an index.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "what a test needs beside its test functions may fail it too"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use counterfoil::desk::{MODE_PRIVATE, act, fill_random, set_up};
use counterfoil::domain::campaign::Rules;
use counterfoil::domain::code::Shape;
use counterfoil::domain::entry::instant;
use counterfoil::ledger::{Drawing, GenerateOrder, LongWork, built_at};
use rusqlite::Connection;

/// Whence the statements of a redemption come, and where in each file they end.
const PLACES: [(&str, &str); 12] = [
    ("codes.rs", "#[cfg(test)]"),
    ("redeem.rs", "#[cfg(test)]"),
    ("link.rs", "#[cfg(test)]"),
    ("nodes.rs", "pub(crate) fn number_of"),
    ("pending.rs", "pub struct PendingQuestion"),
    ("chain.rs", "#[cfg(test)]"),
    ("tally.rs", "#[cfg(test)]"),
    ("attempts.rs", "impl Ledger {"),
    ("guessing.rs", "pub(crate) fn forget"),
    ("campaigns.rs", "fn create("),
    ("customers.rs", "impl Ledger {"),
    ("mod.rs", "fn create("),
];

/// Tables that may be read as a whole: a handful of rows, however many codes there are.
const TINY: [&str; 4] = [
    "k",        // the codes of one customer, limited where they are read
    "shape",    // one row a kind of generated code
    "campaign", // the list of campaigns
    "unshown",  // what a screen has yet to draw
];

fn text(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("a file")
}

/// A string literal at the start of `code`, as the compiler reads it, and what follows.
fn literal(code: &str) -> (String, &str) {
    let mut value = String::new();
    let mut letters = code.char_indices();
    while let Some((place, letter)) = letters.next() {
        match letter {
            '"' => return (value, &code[place + 1..]),
            '\\' => {
                let (_, escaped) = letters.next().expect("an escape");
                if escaped == '\n' {
                    // A line that goes on: its indentation is not part of it.
                    let rest = letters.as_str();
                    letters = {
                        let kept = rest.trim_start();
                        let at = code.len() - kept.len();
                        let mut all = code.char_indices();
                        while all.offset() < at {
                            all.next();
                        }
                        all
                    };
                } else {
                    value.push('\\');
                    value.push(escaped);
                }
            }
            other => value.push(other),
        }
    }
    (value, "")
}

/// The statements in a piece of source, its constants put in their places.
fn statements(code: &str, constants: &[(String, String)]) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = code;
    while let Some((_, after)) = rest.split_once('"') {
        let (mut value, more) = literal(after);
        rest = more;
        for (name, meant) in constants {
            value = value.replace(&format!("{{{name}}}"), meant);
        }
        let is_statement = ["SELECT ", "INSERT ", "UPDATE ", "DELETE "]
            .iter()
            .any(|verb| value.starts_with(verb));
        if is_statement {
            found.push(value);
        }
    }
    found
}

fn constants(code: &str) -> Vec<(String, String)> {
    code.split("const ")
        .skip(1)
        .filter_map(|part| {
            let (name, after) = part.split_once(": &str = \"")?;
            (!name.contains('\n')).then(|| (name.to_owned(), literal(after).0))
        })
        .collect()
}

fn without_comments(code: &str) -> String {
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Every statement that a redemption may run.
fn of_a_redemption() -> BTreeSet<String> {
    let found = statements_of(&PLACES);
    assert!(found.len() > 20, "the statements were not found");
    found
}

fn statements_of(places: &[(&str, &str)]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (file, end) in places {
        let code = without_comments(&text(&format!("src/ledger/{file}")));
        let part = code.split(end).next().expect("a part");
        found.extend(statements(part, &constants(&code)));
    }
    found
}

fn ledger() -> (tempfile::TempDir, Connection) {
    let folder = tempfile::tempdir().expect("a folder");
    let now = instant(built_at().as_millisecond() + 1000);
    let act = act("Till 1", None, now).expect("random bytes");
    let mut ledger = set_up(folder.path(), "Shop", "Europe/Berlin", MODE_PRIVATE, &act)
        .expect("a ledger")
        .expect("a shop");
    let campaign = "coffee".parse().expect("a name");
    ledger
        .create_campaign(&campaign, &Rules::new("Free coffee"), &[7; 32], &act)
        .expect("kept")
        .expect("a campaign");
    let order = GenerateOrder {
        campaign,
        count: 2000,
        drawing: Drawing::Shape(Shape::standard()),
        is_given_out: true,
    };
    let mut work = LongWork {
        random: &mut fill_random,
        progress: &mut |_| {},
        stop: &AtomicBool::new(false),
    };
    ledger
        .generate_codes(&order, &act, &mut work)
        .expect("kept")
        .expect("codes");
    drop(ledger);
    let connection = Connection::open(folder.path().join("ledger.db")).expect("it opens");
    (folder, connection)
}

/// Tables that the plan of a statement reads from end to end.
fn read_whole(connection: &Connection, sql: &str) -> Vec<String> {
    let mut plan = connection
        .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
    let count = plan.parameter_count();
    let nothing = rusqlite::params_from_iter(vec![rusqlite::types::Null; count]);
    let steps: Vec<String> = plan
        .query_map(nothing, |row| row.get(3))
        .expect("a plan")
        .collect::<Result<_, _>>()
        .expect("a plan");
    steps
        .iter()
        .filter_map(|step| step.strip_prefix("SCAN "))
        .filter(|what| !what.starts_with("CONSTANT ROW"))
        .map(str::to_owned)
        .collect()
}

/// Every statement that is not by an index, but for those of tiny tables.
fn not_by_an_index(statements: &BTreeSet<String>) -> Vec<String> {
    let (_folder, connection) = ledger();
    let mut wrong = Vec::new();
    for sql in statements {
        for table in read_whole(&connection, sql) {
            if !TINY.contains(&table.as_str()) {
                wrong.push(format!("{table}: {sql}"));
            }
        }
    }
    wrong
}

#[test]
fn no_statement_of_a_look_or_a_claim_reads_a_table_from_end_to_end() {
    let of_a_claim = statements_of(&[
        ("look.rs", "#[cfg(test)]"),
        ("assign.rs", "#[cfg(test)]"),
        ("customers.rs", "impl Ledger {"),
        ("codes.rs", "#[cfg(test)]"),
        ("cancel.rs", "#[cfg(test)]"),
    ]);
    assert!(of_a_claim.len() > 25, "the statements were not found");
    let wrong = not_by_an_index(&of_a_claim);
    assert!(wrong.is_empty(), "read whole:\n{}", wrong.join("\n"));
}

#[test]
fn no_statement_of_a_redemption_reads_a_table_from_end_to_end() {
    let wrong = not_by_an_index(&of_a_redemption());
    assert!(wrong.is_empty(), "read whole:\n{}", wrong.join("\n"));
    let (_folder, connection) = ledger();
    // The eye for it is open.
    let scan = "SELECT id FROM code WHERE ordinal = $1";
    assert_eq!(read_whole(&connection, scan), ["code"]);
}

#[test]
fn what_is_measured_as_raw_is_what_a_redemption_runs() {
    let raw: BTreeSet<String> = statements(&text("benches/sqlite/raw.rs"), &[])
        .into_iter()
        .collect();
    assert_eq!(raw.len(), 11, "an accepted code takes eleven statements");
    let ours = of_a_redemption();
    let strange: Vec<&String> = raw.iter().filter(|sql| !ours.contains(*sql)).collect();
    assert!(strange.is_empty(), "not the product's: {strange:#?}");
}
