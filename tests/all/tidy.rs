//! The rules of the house that a compiler does not hold: layers, names, comments, SQL.

use std::fs;
use std::path::{Path, PathBuf};

/// Which layers a layer may import; a layer may always import itself.
const LAYERS: [(&str, &[&str]); 8] = [
    ("domain", &[]),
    ("ledger", &["domain"]),
    ("devices", &["domain"]),
    ("desk", &["domain", "ledger", "devices"]),
    ("sync", &["domain", "ledger"]),
    ("http", &["domain", "ledger", "desk", "sync"]),
    ("tui", &["domain", "devices"]),
    (
        "cli",
        &["domain", "ledger", "devices", "desk", "http", "tui", "sync"],
    ),
];

/// Files that may import more than their layer: the seams.
const SEAMS: [(&str, &[&str]); 1] = [("tui/runner/", &["desk", "ledger", "http", "sync"])];

/// Crates that only some places may name.
const FENCED: &[(&str, &[&str])] = &[
    ("ratatui", &["tui/"]),
    ("crossterm", &["tui/"]),
    ("rusqlite", &["ledger/"]),
    ("tokio_postgres", &["ledger/"]),
    ("futures_core", &["ledger/postgres.rs"]),
    ("axum", &["http/"]),
    (
        "tokio",
        &["http/", "ledger/database.rs", "ledger/postgres.rs"],
    ),
    ("hyper", &["http/"]),
    ("hyper_util", &["http/"]),
    ("http_body_util", &["http/"]),
    ("rustls", &["http/", "ledger/database.rs"]),
    ("rustls_native_certs", &["http/", "ledger/database.rs"]),
    ("tokio_rustls", &["http/", "ledger/database.rs"]),
    ("serialport", &["devices/"]),
    ("qrcode", &["domain/qr.rs"]),
    ("clap", &["cli/"]),
    ("clap_complete", &["cli/"]),
    ("clap_mangen", &["cli/manual.rs"]),
    ("indicatif", &["cli/"]),
    ("rpassword", &["cli/"]),
    ("toml", &["cli/"]),
    ("getrandom", &["desk/", "ledger/error.rs", "ledger/pool/"]),
];

fn files_below(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(listing) = fs::read_dir(&folder) else {
            continue;
        };
        for item in listing {
            let path = item.expect("a readable folder").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn below_src(path: &Path) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    path.strip_prefix(root)
        .expect("below src")
        .to_string_lossy()
        .into_owned()
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).expect("a readable file")
}

/// The code of a file: without comment lines and without its tests.
fn code(path: &Path) -> String {
    text(path)
        .split("#[cfg(test)]\nmod tests {")
        .next()
        .expect("a part")
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

fn is_test_file(name: &str) -> bool {
    name.ends_with("tests.rs") || name.contains("/tests/")
}

#[test]
fn layers_import_downwards_only() {
    let mut wrong = Vec::new();
    for path in files_below("src", "rs") {
        let name = below_src(&path);
        let Some((layer, _)) = name.split_once('/') else {
            continue;
        };
        let (_, allowed) = LAYERS
            .iter()
            .find(|(known, _)| *known == layer)
            .unwrap_or_else(|| panic!("{name}: no such layer in the table"));
        let more = SEAMS
            .iter()
            .find(|(place, _)| name.starts_with(place))
            .map_or(&[][..], |(_, more)| more);
        for part in code(&path).split("crate::").skip(1) {
            let named: String = part
                .chars()
                .take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '_')
                .collect();
            let is_layer = LAYERS.iter().any(|(known, _)| *known == named);
            let may = named == layer
                || allowed.contains(&named.as_str())
                || more.contains(&named.as_str());
            if is_layer && !may {
                wrong.push(format!("{name} imports crate::{named}"));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "imports point down only:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn screens_know_the_domain_and_nothing_else() {
    for path in files_below("src/tui/screens", "rs") {
        let code = code(&path);
        for layer in ["desk", "ledger", "cli"] {
            assert!(
                !code.contains(&format!("crate::{layer}")),
                "{} names {layer}",
                path.display()
            );
        }
    }
}

#[test]
fn crates_stay_behind_their_fences() {
    let mut wrong = Vec::new();
    for path in files_below("src", "rs") {
        let name = below_src(&path);
        if is_test_file(&name) {
            continue;
        }
        let code = code(&path);
        for (fenced, places) in FENCED {
            let is_named = code.contains(&format!("{fenced}::"));
            if is_named && !places.iter().any(|place| name.starts_with(place)) {
                wrong.push(format!("{name} names {fenced}"));
            }
        }
    }
    assert!(wrong.is_empty(), "fenced crates:\n{}", wrong.join("\n"));
}

#[test]
fn every_file_says_what_it_is_and_none_is_an_attic() {
    for folder in ["src", "tests", "benches"] {
        for path in files_below(folder, "rs") {
            assert!(
                text(&path).starts_with("//!"),
                "{} has no front line",
                path.display()
            );
            let stem = path
                .file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            for attic in [
                "util", "utils", "helper", "helpers", "manager", "common", "misc",
            ] {
                assert_ne!(stem, attic, "{} is an attic", path.display());
            }
        }
    }
}

#[test]
fn no_test_file_is_forgotten() {
    let main = text(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/all/main.rs"));
    for path in files_below("tests/all", "rs") {
        let stem = path
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let is_inner = path
            .parent()
            .is_some_and(|folder| !folder.ends_with("tests/all"));
        if stem != "main" && !is_inner {
            assert!(
                main.contains(&format!("mod {stem};")),
                "{stem} is not in main.rs"
            );
        }
    }
}

#[test]
fn tests_do_not_sleep_and_none_is_switched_off() {
    // Written in two parts, so that this file does not find itself.
    let banned = [
        concat!("thread::", "sleep"),
        concat!("#[", "ignore"),
        concat!("#[should", "_panic"),
    ];
    for folder in ["src", "tests"] {
        for path in files_below(folder, "rs") {
            let text = text(&path);
            for word in banned {
                assert!(!text.contains(word), "{} says {word}", path.display());
            }
        }
    }
}

#[test]
fn sql_introduces_its_parameters_in_order() {
    // SQLite numbers them by first use where PostgreSQL goes by the number: they must agree.
    let mut wrong = Vec::new();
    for path in files_below("src/ledger", "rs") {
        for literal in code(&path).split('"').skip(1).step_by(2) {
            let mut newest = 0;
            for part in literal.split('$').skip(1) {
                let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
                let Ok(number) = digits.parse::<u32>() else {
                    continue;
                };
                if number > newest + 1 {
                    wrong.push(format!("{}: ${number} in {literal:?}", path.display()));
                }
                newest = newest.max(number);
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What the ledger's SQL may not say, so that another PostgreSQL-compatible database can keep it: what
/// only one engine has, or what gives numbers out in another order than that of the commits.
const BEYOND_THE_SUBSET: [&str; 27] = [
    "EXCLUDE USING",
    "GIST",
    "LISTEN ",
    "NOTIFY ",
    "DEFERRABLE",
    "LOCK TABLE",
    "ADVISORY",
    "NEXTVAL",
    "CURRVAL",
    "SETVAL",
    "SKIP LOCKED",
    "JSON_",
    "JSONB",
    "JULIANDAY",
    "STRFTIME",
    "DATETIME(",
    "DATE_TRUNC",
    "GENERATE_SERIES",
    "UNNEST(",
    "INSERT OR ",
    "REPLACE INTO",
    "ROWID",
    "IFNULL(",
    "GROUP_CONCAT",
    "STRING_AGG",
    "ILIKE",
    "::",
];

#[test]
fn sql_stays_in_the_subset_that_both_engines_share() {
    let verbs = ["SELECT ", "INSERT ", "UPDATE ", "DELETE "];
    let mut wrong = Vec::new();
    let mut seen = 0;
    for path in files_below("src/ledger", "rs") {
        let name = below_src(&path);
        // The engines' own files say what is theirs alone.
        let is_engine = ["ledger/sqlite.rs", "ledger/pipeline.rs"].contains(&name.as_str());
        if is_engine || is_test_file(&name) {
            continue;
        }
        for literal in code(&path).split('"').skip(1).step_by(2) {
            if !verbs.iter().any(|verb| literal.starts_with(verb)) {
                continue;
            }
            seen += 1;
            let upper = literal.to_ascii_uppercase();
            for word in BEYOND_THE_SUBSET {
                if upper.contains(word) {
                    wrong.push(format!("{name} says {word} in {literal:?}"));
                }
            }
            // Rows are locked by the seam, which knows where that means something.
            if upper.contains("FOR UPDATE") && name != "ledger/postgres.rs" {
                wrong.push(format!("{name} locks rows by itself in {literal:?}"));
            }
        }
    }
    assert!(seen > 150, "the statements were not found: {seen}");
    for path in files_below("assets/migrations", "sql") {
        let bare: String = text(&path)
            .lines()
            .map(|line| {
                line.split("--")
                    .next()
                    .unwrap_or_default()
                    .to_ascii_uppercase()
                    + "\n"
            })
            .collect();
        for word in BEYOND_THE_SUBSET {
            // `WITHOUT ROWID` is SQLite's, and left out on PostgreSQL.
            if bare.replace("WITHOUT ROWID", "").contains(word) {
                wrong.push(format!("{} says {word}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "beyond the subset:\n{}", wrong.join("\n"));
}

#[test]
fn every_dependency_earns_its_place_in_one_line() {
    let manifest = text(&Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"));
    let mut is_dependencies = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            is_dependencies = line.contains("dependencies]");
        } else if is_dependencies && line.contains('=') {
            assert!(line.contains(" # "), "no reason beside: {line}");
        }
    }
}
