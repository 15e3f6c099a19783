//! The log: each filter against going through all of it, backwards as forwards, exported, and what it
//! tells of guessing.
#![expect(clippy::indexing_slicing, reason = "a test's own lists")]

use counterfoil::desk::{self, mint_key};
use counterfoil::domain::guessing::{COUNTER, SLOWED_MAX_MS};
use counterfoil::domain::log::{LogFilter, LogLine, Outcome};
use counterfoil::ledger::{Act, Ledger, LogPosition, Scan};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::console::shop::Shop;

fn start() -> Timestamp {
    // Later than the program was built, as every clock must be.
    "2032-03-01T09:00:00Z".parse().expect("a time")
}

fn act(counter: &str, operator: &str, minutes: i64) -> Act {
    let now = start() + SignedDuration::from_mins(minutes);
    desk::act(counter, Some(operator), now).expect("an act")
}

fn read(ledger: &mut Ledger, raw: &str, act: &Act) -> &'static str {
    let key = mint_key(act.now).expect("a key");
    let scan = Scan::new(raw.as_bytes(), &key);
    ledger.redeem(&scan, act).expect("an answer").verdict.word()
}

fn forwards(ledger: &mut Ledger, filter: &LogFilter) -> Vec<LogLine> {
    let mut position = LogPosition::default();
    let mut all = Vec::new();
    while let Some(lines) = ledger.log_page(&mut position, filter).expect("lines") {
        all.extend(lines);
    }
    all
}

fn backwards(ledger: &mut Ledger, filter: &LogFilter, most: usize) -> Vec<LogLine> {
    let (mut place, mut all) = (None, Vec::new());
    loop {
        let part = ledger.log_back(place, filter, most).expect("a part");
        assert!(part.lines.len() <= most);
        all.extend(part.lines);
        place = part.next;
        if place.is_none() {
            break;
        }
    }
    all.reverse();
    all
}

/// A shop whose counters were busy for a day; the clock of the machine was set back for a while.
fn busy() -> (Shop, Vec<String>, Ledger) {
    let shop = Shop::new();
    let codes = shop.campaign("coffee", &["--offer", "Free coffee"], 30);
    let cakes = shop.campaign("cake", &["--offer", "Cake"], 30);
    let mut ledger = Ledger::open(&shop.data(), &act("desk", "os:test", 0))
        .expect("opens")
        .0;
    for number in 0..120_usize {
        let minutes = i64::try_from(number).expect("a number") * 12;
        // Half an hour back, and on from there.
        let minutes = if number > 60 { minutes - 30 } else { minutes };
        let counter = ["till 1", "till 2", "till 3"][number % 3];
        let operator = ["ana", "ben"][number % 2];
        let act = act(counter, operator, minutes);
        let raw = match number % 4 {
            0 => &codes[number / 4],
            1 => &cakes[number / 4],
            2 => &codes[number / 8],
            _ => "NOBODY-KNOWS",
        };
        read(&mut ledger, raw, &act);
    }
    (shop, codes, ledger)
}

#[test]
#[expect(clippy::too_many_lines, reason = "every filter in its turn")]
fn every_filter_finds_what_going_through_all_of_it_finds() {
    let (shop, codes, mut ledger) = busy();
    let all = forwards(&mut ledger, &LogFilter::default());
    assert!(all.len() > 120, "{}", all.len());
    let at = |minutes| Some(start() + SignedDuration::from_mins(minutes));
    let word = |word: &str| Some(word.parse::<Outcome>().expect("a word"));
    let text = |text: &str| Some(text.to_owned());
    let plain = LogFilter::default;
    let filters = [
        plain(),
        LogFilter {
            since: at(600),
            ..plain()
        },
        LogFilter {
            until: at(600),
            ..plain()
        },
        LogFilter {
            since: at(700),
            until: at(733),
            ..plain()
        },
        LogFilter {
            since: at(90_000),
            ..plain()
        },
        LogFilter {
            until: at(-9_000),
            ..plain()
        },
        LogFilter {
            outcome: word("accepted"),
            ..plain()
        },
        LogFilter {
            outcome: word("already_redeemed"),
            ..plain()
        },
        LogFilter {
            outcome: word("unknown"),
            ..plain()
        },
        LogFilter {
            outcome: word("refused"),
            ..plain()
        },
        LogFilter {
            outcome: word("done"),
            ..plain()
        },
        LogFilter {
            campaign: text("cake"),
            ..plain()
        },
        LogFilter {
            counter: text("till 2"),
            ..plain()
        },
        LogFilter {
            operator: text("ben"),
            ..plain()
        },
        LogFilter {
            code: text(&codes[3]),
            ..plain()
        },
        LogFilter {
            code: text("NOBODYKNOWS"),
            ..plain()
        },
        LogFilter {
            customer: text("c-nobody"),
            ..plain()
        },
        LogFilter {
            since: at(300),
            until: at(1_200),
            outcome: word("accepted"),
            campaign: text("coffee"),
            counter: text("till 1"),
            operator: text("ana"),
            ..plain()
        },
        LogFilter {
            code: text(&codes[3]),
            outcome: word("refused"),
            ..plain()
        },
    ];
    let mut found = 0;
    for filter in &filters {
        let wanted: Vec<LogLine> = all
            .iter()
            .filter(|line| filter.wants(line, line.code.as_deref()))
            .cloned()
            .collect();
        found += usize::from(!wanted.is_empty());
        assert_eq!(forwards(&mut ledger, filter), wanted, "{filter:?}");
        for most in [1, 7, 1_000] {
            assert_eq!(
                backwards(&mut ledger, filter, most),
                wanted,
                "{filter:?}, {most}"
            );
        }
    }
    assert!(
        found >= 14,
        "filters that find nothing prove nothing: {found}"
    );
    // The same by the command line, in words that combine.
    let told = shop.json(&[
        "log",
        "--counter",
        "till 1",
        "--operator",
        "ana",
        "--outcome",
        "refused",
        "--campaign",
        "coffee",
    ]);
    let wanted = all.iter().filter(|line| {
        line.counter == "till 1"
            && line.operator.as_deref() == Some("ana")
            && line.campaign.as_deref() == Some("coffee")
            && line.answer == "already_redeemed"
    });
    assert_eq!(told.len(), wanted.count());
    assert!(!told.is_empty());
    let until = shop.json(&[
        "log",
        "--since",
        "2032-03-01T12:00Z",
        "--until",
        "2032-03-01T13:00Z",
    ]);
    let within = |line: &&LogLine| {
        line.at >= start() + SignedDuration::from_hours(3)
            && line.at < start() + SignedDuration::from_hours(4)
    };
    assert_eq!(until.len(), all.iter().filter(within).count());
    for wrong in [
        &["log", "--campaign", "nothing"][..],
        &["log", "--until", "yesterday"],
        &["log", "--follow", "--until", "1h"],
    ] {
        assert_eq!(shop.run(wrong).code, 2, "{wrong:?}");
    }
}

#[test]
fn an_export_is_the_log_and_harms_no_spreadsheet() {
    let (shop, codes) = Shop::with_codes(2);
    shop.operator("ana", "cashier", "2580");
    shop.operator("mia", "manager", "86420");
    shop.ok(&["redeem", &codes[0]]);
    shop.run(&["redeem", "=HYPERLINK(\"http://example.org\")"]);
    shop.ok(&[
        "reverse",
        &codes[0],
        "--reason",
        "=1+1, our \"mistake\" of today",
    ]);
    let log = shop.json(&["log"]);
    let lines: Vec<Value> = shop.ok(&["--json", "log", "export", "-"]).lines();
    // It tells of itself, before it begins.
    assert_eq!(lines[..log.len()], log);
    assert_eq!(lines.last().expect("a line")["kind"], "log_exported");
    let file = shop.folder().join("log.jsonl");
    let path = file.to_str().expect("UTF-8");
    let told = shop.ok(&["log", "export", path]).out;
    assert_eq!(
        told.trim(),
        format!("{} lines are in {path}", log.len() + 2)
    );
    let written = std::fs::read_to_string(&file).expect("a file");
    assert!(written.starts_with(&shop.ok(&["--json", "log"]).out[..written.len() / 2]));
    let table = shop.folder().join("log.csv");
    shop.ok(&[
        "log",
        "export",
        table.to_str().expect("UTF-8"),
        "--outcome",
        "reversed",
    ]);
    let mut reader = csv::Reader::from_path(&table).expect("a table");
    let head = reader.headers().expect("a head").clone();
    assert_eq!(
        head.iter().take(13).collect::<Vec<_>>().join(", "),
        "at, kind, answer, code, campaign, customer_id, store, counter, operator, trigger, key, raw, \
         reason"
    );
    let rows: Vec<csv::StringRecord> = reader.records().map(|row| row.expect("a row")).collect();
    assert_eq!(rows.len(), 1);
    assert_eq!(&rows[0][12], "'=1+1, our \"mistake\" of today");
    let all = shop.ok(&["log", "export", "-"]).out;
    assert!(all.contains("'=HYPERLINK"), "{all}");
    for entry in std::fs::read_dir(shop.folder()).expect("a folder") {
        let name = entry.expect("a file").file_name();
        assert!(!name.to_string_lossy().ends_with(".part"), "{name:?}");
    }
    // A cashier exports nothing.
    let ana = ["--operator", "ana", "log", "export", "-"];
    let refused = shop.run_with(&ana, b"2580\n");
    assert_eq!((refused.code, refused.out.as_str()), (1, ""), "{refused:?}");
    let mia = ["--operator", "mia", "log", "export", "-"];
    assert!(shop.run_with(&mia, b"86420\n").out.contains("reversed"));
}

#[test]
fn an_export_that_fails_leaves_no_file() {
    let (shop, codes) = Shop::with_codes(1);
    shop.ok(&["redeem", &codes[0]]);
    let nowhere = shop.folder().join("nowhere/log.csv");
    let refused = shop.run(&["log", "export", nowhere.to_str().expect("UTF-8")]);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(!nowhere.exists());
}

#[test]
fn many_unknown_codes_at_one_counter_raise_one_notice_until_a_manager_ends_it() {
    let (shop, codes) = Shop::with_codes(20);
    shop.operator("ana", "cashier", "2580");
    let mut ledger = Ledger::open(&shop.data(), &act("desk", "os:test", 0))
        .expect("opens")
        .0;
    let till = |seconds: i64| Act {
        now: start() + SignedDuration::from_secs(seconds),
        ..act("till 1", "ana", 0)
    };
    let notices = |shop: &Shop| shop.json(&["log", "--outcome", "noticed"]).len();
    for number in 0..COUNTER.at_once {
        assert_eq!(
            ledger.slowed_ms("till 1", till(1).now).expect("a number"),
            0
        );
        let word = read(&mut ledger, &format!("GUESS-{number}"), &till(1));
        assert_eq!(word, "not_found");
        // What is known is never counted, nor what another counter reads.
        read(
            &mut ledger,
            &codes[usize::try_from(number).expect("small")],
            &till(1),
        );
        read(
            &mut ledger,
            "GUESS-A",
            &act(&format!("till {}", number + 2), "ben", 0),
        );
    }
    assert_eq!(ledger.guessing(till(1).now).expect("a list"), []);
    assert_eq!(notices(&shop), 0);
    read(&mut ledger, "GUESS-B", &till(2));
    let slowed = ledger.slowed_ms("till 1", till(2).now).expect("a number");
    assert_eq!(slowed, SLOWED_MAX_MS);
    assert_eq!(
        ledger.slowed_ms("till 2", till(2).now).expect("a number"),
        0
    );
    for number in 0..5 {
        read(&mut ledger, &format!("GUESS-C{number}"), &till(3));
    }
    let standing = ledger.guessing(till(3).now).expect("a list");
    assert_eq!(standing.len(), 1);
    assert_eq!(
        (standing[0].counter.as_str(), standing[0].guesses),
        ("till 1", 16)
    );
    assert_eq!(notices(&shop), 1, "one notice, not one for each");
    let line = &shop.json(&["log", "--outcome", "noticed"])[0];
    assert_eq!(
        (&line["kind"], &line["counter"]),
        (&"guessing".into(), &"till 1".into())
    );
    // A restart forgets nothing.
    drop(ledger);
    let mut ledger = Ledger::open(&shop.data(), &act("desk", "os:test", 1))
        .expect("opens")
        .0;
    assert_eq!(ledger.guessing(till(3).now).expect("a list"), standing);
    assert!(ledger.slowed_ms("till 1", till(3).now).expect("a number") > 0);
    // Time ends the slowness, and after a day the notice.
    let quiet = till(3_600);
    assert_eq!(ledger.slowed_ms("till 1", quiet.now).expect("a number"), 0);
    assert_eq!(ledger.guessing(quiet.now).expect("a list").len(), 1);
    assert_eq!(ledger.guessing(till(2 * 86_400).now).expect("a list"), []);
    // Somebody who guesses again on another day is told of again.
    for number in 0..=COUNTER.at_once {
        read(&mut ledger, &format!("GUESS-D{number}"), &till(90_000));
    }
    assert_eq!(notices(&shop), 2);
}

#[test]
fn a_manager_ends_a_notice_by_an_entry() {
    let shop = Shop::new();
    shop.operator("ana", "cashier", "2580");
    shop.operator("mia", "manager", "86420");
    let tries: Vec<String> = (0..12).map(|number| format!("GUESS{number}")).collect();
    let tries = tries.join("\n");
    let guesses = |shop: &Shop| {
        let done = shop.run_with(
            &["--counter", "till 1", "redeem", "--stdin"],
            tries.as_bytes(),
        );
        assert_eq!(done.code, 0, "{done:?}");
    };
    guesses(&shop);
    let end = ["log", "end-guessing", "till 1", "--reason", "a torn poster"];
    let by = |name| [&["--operator", name], &end[..]].concat();
    assert_eq!(shop.run_with(&by("ana"), b"2580\n").code, 1);
    assert_eq!(shop.run_with(&by("mia"), b"86420\n").code, 0);
    let entry = &shop.json(&["log", "--operator", "mia"])[0];
    assert_eq!(entry["kind"], "guessing_ended");
    assert_eq!(entry["reason"], "unknown codes at till 1: a torn poster");
    let again = shop.run_with(&[&["--json"], &by("mia")[..]].concat(), b"86420\n");
    assert_eq!(
        (again.code, &again.error()["code"]),
        (1, &"no_guessing".into())
    );
    shop.ok(&["verify"]);
    // It begins anew: a notice of its own.
    guesses(&shop);
    assert_eq!(shop.json(&["log", "--outcome", "noticed"]).len(), 2);
}
