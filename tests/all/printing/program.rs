//! The commands that try a printer, and the configuration that names it.
#![expect(
    clippy::unwrap_used,
    reason = "a test's own surroundings: what fails here fails the test"
)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::printing::fake::{FakePrinter, Mood};
use crate::printing::interpreter::Paper;

fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_counterfoil"))
        .arg("--data")
        .arg(folder)
        .args(arguments)
        .env_remove("COUNTERFOIL_PRINTER")
        .output()
        .unwrap()
}

fn json(folder: &Path, arguments: &[&str]) -> (i32, Value) {
    let ended = run(folder, &[&["--json"], arguments].concat());
    let line = serde_json::from_slice(&ended.stdout).unwrap_or(Value::Null);
    (ended.status.code().unwrap(), line)
}

fn field<'v>(value: &'v Value, key: &str) -> &'v Value {
    value.get(key).unwrap()
}

#[test]
fn a_printer_is_tried_and_what_came_back_is_said() {
    let folder = tempfile::tempdir().unwrap();
    for (mood, exit, outcome, reason, health) in [
        (Mood::Well, 0, "printed", Value::Null, "ready"),
        (Mood::NearEnd, 0, "printed", Value::Null, "paper_low"),
        (
            Mood::PaperOut,
            4,
            "not_sent",
            Value::from("paper_out"),
            "paper_out",
        ),
    ] {
        let fake = FakePrinter::new(mood);
        let to = format!("tcp://{}", fake.address);
        let (code, line) = json(folder.path(), &["printer", "test", "--to", &to]);
        assert_eq!(code, exit, "{line}");
        assert_eq!(field(&line, "outcome"), outcome);
        assert_eq!(*field(&line, "reason"), reason);
        assert_eq!(field(&line, "to"), to.as_str());
        let (code, line) = json(folder.path(), &["printer", "status", "--to", &to]);
        assert_eq!(
            (code, field(&line, "health").as_str()),
            (exit, Some(health))
        );
        let words = run(folder.path(), &["printer", "status", "--to", &to]);
        let words = String::from_utf8(words.stdout).unwrap();
        assert!(words.starts_with(&to), "{words}");
    }
}

#[test]
fn a_sample_slip_shows_the_shops_own_template() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("slip.txt"), "Ours\n{qr}\n{code}\n").unwrap();
    let file = folder.path().join("out.bin");
    let to = format!("file:{}", file.display());
    let arguments = [
        "printer",
        "test",
        "--slip",
        "--profile",
        "generic58",
        "--to",
    ];
    let (code, line) = json(folder.path(), &[&arguments[..], &[&to]].concat());
    assert_eq!((code, field(&line, "outcome").as_str()), (0, Some("sent")));
    let paper = Paper::of(&fs::read(&file).unwrap(), 384).unwrap();
    assert!(paper.words().contains(&"Ours"));
    assert!(paper.words().contains(&"TEST - NOT VALID"));
    assert_eq!(paper.codes(), ["TEST-NOT-VALID"]);
    // A fault names the file and the line, and prints nothing.
    fs::write(folder.path().join("slip.txt"), "{code}\n{nmae}\n").unwrap();
    fs::remove_file(&file).unwrap();
    let ended = run(folder.path(), &[&arguments[..], &[&to]].concat());
    let words = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(2));
    assert!(
        words.contains("slip.txt: line 2: {nmae} is no placeholder"),
        "{words}"
    );
    assert!(!file.exists());
}

#[test]
fn the_configuration_names_the_printer() {
    let folder = tempfile::tempdir().unwrap();
    let write = |text: &str| fs::write(folder.path().join("counterfoil.toml"), text).unwrap();
    let rows = || {
        let ended = run(folder.path(), &["--json", "config"]);
        let text = String::from_utf8(ended.stdout).unwrap();
        let row = |line: &str| {
            let row: Value = serde_json::from_str(line).unwrap();
            format!(
                "{} {} {}",
                field(&row, "name").as_str().unwrap(),
                field(&row, "value").as_str().unwrap(),
                field(&row, "origin").as_str().unwrap()
            )
        };
        text.lines().map(row).collect::<Vec<_>>()
    };
    write("[printer]\nto = \"/dev/usb/lp7\"\nprofile = \"epson80\"\ncolumns = 48\n");
    let found = rows();
    for wanted in [
        "printer.to /dev/usb/lp7 file",
        "printer.profile epson80 file",
        "printer.status auto default",
        "printer.qr raster default",
        "printer.columns 48 file",
        "printer.page_code cp858 default",
        "printer.page_code_number 19 default",
        "printer.real_time_switch true default",
    ] {
        assert!(found.contains(&wanted.to_owned()), "{wanted}: {found:?}");
    }
    let (code, line) = json(folder.path(), &["printer", "status"]);
    assert_eq!(
        (code, field(&line, "health").as_str()),
        (4, Some("missing"))
    );
    for (text, wanted) in [
        ("", "no printer is set up"),
        ("to = \"lp0\"", "[printer] to: \"lp0\" is no printer"),
        ("to = \"/dev/null\"\ncolumns = 9", "[printer] columns is 9"),
        (
            "to = \"/dev/null\"\nwidth_dots = 570",
            "[printer] width_dots is 570",
        ),
        (
            "to = \"/dev/null\"\nprofile = \"custom\"",
            "width_dots is not set",
        ),
        (
            "to = \"/dev/null\"\nprofile = \"epson\"",
            "unknown variant `epson`",
        ),
    ] {
        write(&format!("[printer]\n{text}\n"));
        let ended = run(folder.path(), &["printer", "test"]);
        let words = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(2), "{text}: {words}");
        assert!(words.contains(wanted), "{text}: {words}");
    }
}
