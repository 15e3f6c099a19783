//! The report of a day adds up: its lists to each other, to what entries and attempts tell, and at a hub
//! to its stores; its paper proves the file.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test's own surroundings: what fails here fails the test"
)]

use std::collections::BTreeMap;

use counterfoil::domain::campaign::Rules;
use counterfoil::domain::chain_head::ChainHead;
use counterfoil::domain::day_report::{DayCounts, DayReport};
use counterfoil::domain::entry::{chained, instant};
use counterfoil::domain::ids::{EntryId, Key};
use counterfoil::domain::verdict::Approval;
use counterfoil::ledger::{Act, Database, Ledger, ReplaceRequest, Scan, Undo, UndoRequest};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rusqlite::Connection;
use serde_json::Value;

use crate::dice::Dice;
use crate::printing::fake::{FakePrinter, Mood};
use crate::shop::{Kept, Ran, Shop, code, command_on, number, text};
use crate::sync::world::{
    Node, SPRING, act_of, and_with_hubs_in_databases, empty_hub, hub, meet, start_ms, store, tell,
};

const HOUR_MS: i64 = 3_600_000;

/// The hours of this campaign are over before any counter opens.
const NIGHT: &str = "night";

fn zone() -> TimeZone {
    TimeZone::get("Europe/Berlin").unwrap()
}

fn date_of(at_ms: i64) -> Date {
    instant(at_ms).to_zoned(zone()).date()
}

fn report(node: &mut Node, date: Date, store: Option<&str>) -> DayReport {
    let now = instant(node.now_ms);
    node.ledger.day_report(date, store, now).unwrap().unwrap()
}

/// A day on which clocks are changed begins 30 hours after this.
fn before_the_clocks_change() -> i64 {
    let start = instant(start_ms());
    let next = zone().following(start).next().unwrap().timestamp();
    next.as_millisecond() - 30 * HOUR_MS
}

/// Who does what on this roll.
fn act(dice: &mut Dice, at_ms: i64) -> Act {
    let operators = [None, Some("Ana"), Some("Ben")];
    let counters = ["till 1", "till 2", "desk"];
    Act {
        operator: operators[dice.below(3)].map(str::to_owned),
        ..act_of(counters[dice.below(3)], at_ms)
    }
}

/// One act of a history; most leave something to count.
fn step(node: &mut Node, dice: &mut Dice, codes: &[String], number: usize) {
    let act = act(dice, node.now_ms);
    let raw = codes[dice.below(codes.len())].as_bytes();
    let minted: Key = format!("key-{number}").parse().unwrap();
    let approval = Approval {
        by: Some("Mia".into()),
        reason: "goodwill".into(),
    };
    match dice.below(10) {
        0..4 => {
            let scan = Scan {
                approval: (dice.below(2) == 0).then_some(&approval),
                key: Some(&minted),
                ..Scan::new(raw, &minted)
            };
            node.ledger.redeem(&scan, &act).unwrap();
        }
        4 => {
            let scan = Scan {
                is_check: dice.below(3) == 0,
                ..Scan::new(b"NOBODYKNOWS", &minted)
            };
            node.ledger.redeem(&scan, &act).unwrap();
        }
        5 => {
            let request = UndoRequest {
                undo: Undo::Code {
                    raw,
                    allowed_hosts: &[],
                },
                reason: "wrong item",
                key: None,
                minted: &minted,
                approval: Some(&approval),
            };
            node.ledger.reverse(&request, &act).unwrap();
        }
        6 => {
            node.claim(SPRING, &format!("guest{number}@example.org"));
        }
        7 => {
            let request = ReplaceRequest {
                raw,
                reason: "lost",
                key: None,
                minted: &minted,
                approved_by: Some("Mia"),
                only_unused: false,
                prints: true,
                random: std::array::from_fn(|_| u8::try_from(dice.below(256)).unwrap()),
            };
            drop(node.ledger.replace(&request, &act).unwrap());
        }
        8 => {
            for _ in 0..2 {
                drop(node.ledger.order_slip(raw, &act).unwrap());
            }
        }
        _ => drop(node.ledger.void_code(raw, "torn", &act).unwrap()),
    }
}

/// A hub, or a shop alone, with codes of two campaigns.
fn stocked(mut node: Node) -> (Node, Vec<String>) {
    node.campaign(SPRING, &Rules::new("Free coffee"));
    let night = Rules {
        hours: Some("Mon-Sun 03:00-03:01".parse().unwrap()),
        uses: 2,
        ..Rules::new("Late tea")
    };
    node.campaign(NIGHT, &night);
    node.generate(SPRING, 200, false);
    let spring: Vec<String> = (0..25).map(|number| format!("SPRING{number:03}")).collect();
    let late: Vec<String> = (0..15).map(|number| format!("NIGHT{number:03}")).collect();
    let texts = |codes: &[String]| codes.to_vec();
    node.import(
        SPRING,
        &texts(&spring)
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>(),
    );
    node.import(
        NIGHT,
        &texts(&late).iter().map(String::as_str).collect::<Vec<_>>(),
    );
    let mut codes = spring;
    codes.extend(late);
    (node, codes)
}

type Lists = BTreeMap<(&'static str, Option<String>), DayCounts>;

/// What the rows themselves tell of a day: of the whole, and by list and name.
fn recount(node: &Node, date: Date) -> Lists {
    let mut lists = Lists::new();
    let mut add =
        |campaign: Option<String>, counter: String, operator: Option<String>, more: DayCounts| {
            if more == DayCounts::default() {
                return;
            }
            for (list, name) in [
                ("day", None),
                ("campaign", campaign),
                ("counter", Some(counter)),
                ("operator", operator),
            ] {
                lists.entry((list, name)).or_default().add(&more);
            }
        };
    let one = |is: bool| u64::from(is);
    for stored in node.texts("SELECT body FROM entry WHERE node = 1") {
        let body: Value = serde_json::from_str(&stored).unwrap();
        if date_of(number(&body, "at_ms")) != date {
            continue;
        }
        let kind = text(&body, "kind");
        let named = |key: &str| body[key].as_str().map(str::to_owned);
        let is_redeemed = kind == "redeemed";
        add(
            named("campaign"),
            text(&body, "counter").to_owned(),
            named("operator"),
            DayCounts {
                accepted: one(is_redeemed),
                provisional: one(is_redeemed && body["certainty"] == "provisional"),
                refused: 0,
                reversed: one(kind == "reversed"),
                overrides: one(is_redeemed && body["overrode"].is_array()),
                assigned: one(kind == "assigned"),
                voided: one(kind == "voided"),
                replaced: one(kind == "voided" && body["is_replaced"] == true),
                slips: one(kind == "slip_ordered" && body["copy"] == 1),
                reprints: one(kind == "slip_ordered" && body["copy"] != 1),
            },
        );
    }
    let attempts = node.texts(
        "SELECT a.at_ms || '|' || a.kind || '|' || a.answer || '|' || a.counter || '|' || \
         coalesce(a.operator, '') || '|' || coalesce(m.name, '') FROM attempt a \
         LEFT JOIN campaign m ON m.id = a.campaign WHERE a.node = 1",
    );
    for attempt in attempts {
        let parts: Vec<&str> = attempt.split('|').collect();
        let is_refused = parts[1] == "redeem" && !["replayed", "reread"].contains(&parts[2]);
        if date_of(parts[0].parse().unwrap()) != date || !is_refused {
            continue;
        }
        let named = |part: &str| (!part.is_empty()).then(|| part.to_owned());
        let refused = DayCounts {
            refused: 1,
            ..DayCounts::default()
        };
        add(
            named(parts[5]),
            parts[3].to_owned(),
            named(parts[4]),
            refused,
        );
    }
    lists
}

/// The lists of a report as [`recount`] has them.
fn told(report: &DayReport) -> Lists {
    let mut lists = Lists::new();
    if !report.counts.is_empty() {
        lists.insert(("day", None), report.counts);
    }
    for (list, groups) in report.lists() {
        for group in groups {
            lists.insert((list, group.name.clone()), group.counts);
        }
    }
    lists
}

/// Every list adds up to the day, and the reasons to the refusals.
fn assert_adds_up(report: &DayReport) {
    for (list, groups) in report.lists() {
        let mut sum = DayCounts::default();
        for group in groups {
            sum.add(&group.counts);
        }
        if list != "store" || report.store.is_none() {
            assert_eq!(sum, report.counts, "by {list} on {}", report.date);
        }
    }
    let refused = report.refused_by_reason.iter();
    assert_eq!(
        refused.map(|one| one.count).sum::<u64>(),
        report.counts.refused
    );
}

fn a_day_adds_up_to_its_entries_and_attempts() {
    for seed in 0..2 {
        let mut dice = Dice::new(seed);
        let mut node = empty_hub();
        node.now_ms = before_the_clocks_change();
        let (mut node, codes) = stocked(node);
        let first = date_of(node.now_ms);
        for number in 0..110 {
            step(&mut node, &mut dice, &codes, number);
            node.passes(i64::try_from(dice.below(80)).unwrap() * 60_000);
        }
        let mut whole = DayCounts::default();
        let mut date = first;
        let mut lengths = Vec::new();
        while date <= date_of(node.now_ms) {
            let report = report(&mut node, date, None);
            assert_adds_up(&report);
            assert_eq!(told(&report), recount(&node, date), "seed {seed}, {date}");
            whole.add(&report.counts);
            lengths.extend(report.odd_length());
            date = date.tomorrow().unwrap();
        }
        assert_eq!(lengths.len(), 1, "the clocks were changed: {lengths:?}");
        // What is to be counted did happen.
        for (name, figure) in whole.figures() {
            assert!(
                figure > 0 || name == "provisional",
                "seed {seed}: no {name}"
            );
        }
        node.assert_well();
    }
}

#[test]
fn a_day_adds_up_in_a_folder() {
    a_day_adds_up_to_its_entries_and_attempts();
}

#[test]
fn a_day_adds_up_in_a_database() {
    crate::sync::world::with_hubs_in_databases(a_day_adds_up_to_its_entries_and_attempts);
}

#[test]
fn the_report_of_an_old_day_says_what_it_said_on_its_evening() {
    let (mut node, codes) = stocked(empty_hub());
    let mut dice = Dice::new(7);
    let date = date_of(node.now_ms);
    for number in 0..40 {
        step(&mut node, &mut dice, &codes, number);
    }
    node.passes(24 * HOUR_MS);
    let evening = report(&mut node, date, None);
    assert!(evening.counts.refused > 0);
    node.passes(31 * 24 * HOUR_MS);
    let act = node.act();
    while node.ledger.forget_old_attempts(&act).unwrap() {}
    assert_eq!(node.count("SELECT count(*) FROM attempt"), 0);
    let old = report(&mut node, date, None);
    assert_eq!(told(&old), told(&evening));
    assert_eq!((old.sha256(), old.unknown), (evening.sha256(), Vec::new()));
    // Attempts of a ledger that did not count them yet are told while they are there, and missed after.
    node.tamper("DELETE FROM attempt_day");
    node.tamper(&format!(
        "INSERT INTO attempt_uncounted (id, through, newest_at_ms) VALUES (1, 99, {})",
        start_ms() + HOUR_MS
    ));
    let bare = report(&mut node, date, None);
    assert_eq!(bare.counts.refused, 0);
    assert!(
        bare.unknown[0].contains("not known any more"),
        "{:?}",
        bare.unknown
    );
}

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "one story, told from its beginning to its end"
)]
fn a_z_report_is_an_entry_and_printed_again_it_is_a_copy() {
    let (mut node, codes) = stocked(empty_hub());
    let date = date_of(node.now_ms);
    let order = |node: &mut Node| {
        let act = node.act();
        node.ledger
            .order_z_report(date, None, &act)
            .unwrap()
            .unwrap()
    };
    node.redeem("till 1", &codes[0], "key-0");
    let noon = order(&mut node);
    assert_eq!(
        (noon.number, noon.copies, noon.is_over()),
        (Some(1), Some(1), false)
    );
    let again = order(&mut node);
    assert_eq!(
        again,
        DayReport {
            copies: Some(2),
            ..noon.clone()
        }
    );
    // The day goes on: what is printed then is another report.
    node.redeem("till 1", &codes[1], "key-1");
    assert_eq!(report(&mut node, date, None).number, None);
    assert_eq!(order(&mut node).number, Some(2));
    node.passes(24 * HOUR_MS);
    let evening = order(&mut node);
    assert_eq!((evening.number, evening.is_over()), (Some(3), true));
    assert_eq!(evening.counts.accepted, 2);
    node.passes(HOUR_MS);
    assert_eq!(
        order(&mut node),
        DayReport {
            copies: Some(2),
            ..evening.clone()
        }
    );
    assert_eq!(
        node.count("SELECT count(*) FROM entry WHERE kind = 'day_closed'"),
        3
    );
    assert_eq!(
        node.count("SELECT count(*) FROM entry WHERE kind = 'day_printed'"),
        2
    );
    node.assert_well();
    // The paper's head is the entry by which it was printed.
    let id: EntryId = noon.head.entry.parse().unwrap();
    let body = node.texts(&format!("SELECT body FROM entry WHERE seq = {}", id.seq));
    assert!(body[0].contains("\"kind\":\"day_closed\""), "{body:?}");
    assert!(body[0].contains(&noon.sha256()), "{body:?}");
    for head in [&noon.head, &evening.head] {
        let check = node.ledger.verify_head(head).unwrap();
        assert!(check.is_well() && check.since > 0, "{check:?}");
    }
    node.tamper("UPDATE z_report SET words = replace(words, '\"accepted\":1', '\"accepted\":9')");
    let health = node.ledger.verify(&mut |_| ()).unwrap();
    assert!(
        health
            .faults
            .iter()
            .any(|fault| fault.contains("Z 1 says otherwise")),
        "{:?}",
        health.faults
    );
    let tomorrow = date_of(node.now_ms + 24 * HOUR_MS);
    let now = instant(node.now_ms);
    assert!(
        node.ledger
            .day_report(tomorrow, None, now)
            .unwrap()
            .is_err()
    );
}

/// Everything of a chain after some entry, hashed anew: what somebody does who knows how.
fn chain_anew(file: &Connection) {
    let mut rows = file
        .prepare("SELECT id, body FROM entry WHERE node = 1 ORDER BY seq")
        .unwrap();
    let bodies: Vec<(i64, String)> = rows
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let mut hash = [0; 32];
    for (seq, (id, body)) in (1..).zip(bodies) {
        hash = chained(&hash, body.as_bytes());
        file.execute(
            "UPDATE entry SET seq = ?1, hash = ?2 WHERE id = ?3",
            (seq, hash.as_slice(), id),
        )
        .unwrap();
        file.execute(
            "UPDATE ledger SET seq = ?1, hash = ?2",
            (seq, hash.as_slice()),
        )
        .unwrap();
    }
}

#[test]
fn paper_finds_what_was_changed_removed_or_inserted_and_hashed_anew() {
    let shop = Shop::with(&[], 12);
    for number in 0..4 {
        assert_eq!(shop.redeem(&code(number)), "accepted");
    }
    let paper = format!("file:{}", shop.beside("paper.bin").display());
    let printed = |words: &[&str]| {
        let ended = command_on(shop.folder())
            .args(words)
            .env("COUNTERFOIL_PRINTER", &paper)
            .output()
            .unwrap();
        Ran::of(&ended)
    };
    let z = printed(&["report", "day", "--print"]);
    let head = &z.well().json()["head"];
    let head = format!("{} {}", text(head, "entry"), text(head, "hash"));
    assert_eq!(shop.redeem(&code(5)), "accepted");
    let verified = shop.run(&["verify", "--head", &head]);
    assert_eq!(number(verified.well().json(), "since"), 1);
    let file = shop.folder().join("ledger.db");
    let whole = std::fs::read(&file).unwrap();
    // After the paper's entry anything may be written; before it nothing.
    let tamperings = [
        (
            "UPDATE entry SET body = replace(body, '\"kind\":\"redeemed\"', '\"kind\":\"redeemed\" ') WHERE seq = 5",
            false,
        ),
        ("DELETE FROM entry WHERE seq = 5", false),
        (
            "UPDATE entry SET seq = seq + 1000 WHERE seq > 5; UPDATE entry SET seq = seq - 999 WHERE seq > 1000; \
             INSERT INTO entry (node, incarnation, seq, at_ms, kind, campaign, code, previous_of_code, body, hash) \
             SELECT node, incarnation, 6, at_ms, kind, campaign, NULL, NULL, body, zeroblob(32) FROM entry WHERE seq = 5",
            false,
        ),
        ("DELETE FROM entry WHERE kind = 'day_closed'", false),
        (
            "DELETE FROM entry WHERE seq = (SELECT max(seq) FROM entry)",
            true,
        ),
    ];
    for (tampering, agrees) in tamperings {
        let connection = Connection::open(&file).unwrap();
        connection.execute_batch(tampering).unwrap();
        let raw = shop.run(&["verify"]);
        assert_eq!(raw.exit, 5, "{tampering}");
        chain_anew(&connection);
        drop(connection);
        let ran = shop.run(&["verify", "--head", &head]);
        assert_eq!(
            ran.exit,
            if agrees { 0 } else { 5 },
            "{tampering}: {:?}",
            ran.lines
        );
        std::fs::write(&file, &whole).unwrap();
    }
    let short: ChainHead = head.parse().unwrap();
    let begun = format!("{} {}", short.entry, &short.hash[..16]);
    shop.run(&["verify", "--head", &begun]).well();
    let other = format!("{} {}", short.entry, "0".repeat(64));
    assert_eq!(shop.run(&["verify", "--head", &other]).exit, 5);
    assert_eq!(shop.run(&["verify", "--head", "nonsense"]).exit, 2);
}

#[expect(
    clippy::too_many_lines,
    reason = "one story, told from its beginning to its end"
)]
fn a_hub_reports_what_its_stores_do() {
    let mut hub = hub(60);
    let codes: Vec<String> = (0..12).map(|number| format!("HUB{number:03}")).collect();
    hub.import(
        SPRING,
        &codes.iter().map(String::as_str).collect::<Vec<_>>(),
    );
    let mut stores = [
        store(&mut hub, "Riverside"),
        store(&mut hub, "Station Road"),
    ];
    for store in &mut stores {
        meet(&mut hub, store);
        tell(&mut hub, store);
    }
    let mut dice = Dice::new(11);
    for number in 0..60 {
        let place = dice.below(3);
        let minute = 60_000;
        let node = match place {
            2 => &mut hub,
            at => &mut stores[at],
        };
        step(node, &mut dice, &codes, number);
        hub.passes(minute);
        for store in &mut stores {
            store.passes(minute);
        }
    }
    let date = date_of(hub.now_ms);
    for store in &mut stores {
        meet(&mut hub, store);
        // Once more, to say that nothing is left.
        meet(&mut hub, store);
    }
    let all = report(&mut hub, date, None);
    assert_adds_up(&all);
    assert_eq!(all.unknown, Vec::<String>::new());
    assert_eq!((all.store.as_ref(), all.by_store.len()), (None, 3));
    let mut sum = DayCounts::default();
    for name in ["Head office", "Riverside", "Station Road"] {
        let one = report(&mut hub, date, Some(name));
        assert_adds_up(&one);
        assert_eq!((one.store.as_deref(), one.by_store.len()), (Some(name), 0));
        let group = all
            .by_store
            .iter()
            .find(|group| group.name.as_deref() == Some(name));
        assert_eq!(group.map(|group| group.counts), Some(one.counts), "{name}");
        sum.add(&one.counts);
        let at = ["Riverside", "Station Road"]
            .iter()
            .position(|one| *one == name);
        if let Some(store) = at.map(|at| &mut stores[at]) {
            let own = report(store, date, None);
            assert_eq!(told(&own), told(&one), "{name} and its hub say the same");
            assert_eq!(own.refused_by_reason, one.refused_by_reason);
            assert_eq!(own.by_manager, one.by_manager);
        }
    }
    assert_eq!(sum, all.counts);
    assert!(
        sum.accepted > 0 && sum.refused > 0 && sum.assigned > 0,
        "{sum:?}"
    );
    let now = instant(hub.now_ms);
    assert!(
        hub.ledger
            .day_report(date, Some("Nowhere"), now)
            .unwrap()
            .is_err()
    );
    // A store that is not heard of any more may have more to tell.
    hub.passes(48 * HOUR_MS);
    let next = date.tomorrow().unwrap();
    let silent = report(&mut hub, next, Some("Riverside"));
    assert!(
        silent.unknown[0].starts_with("Riverside was last heard of"),
        "{:?}",
        silent.unknown
    );
    // What a store printed is checked at its hub as well.
    let act = stores[0].act();
    let z = stores[0]
        .ledger
        .order_z_report(date, None, &act)
        .unwrap()
        .unwrap();
    meet(&mut hub, &mut stores[0]);
    assert!(hub.ledger.verify_head(&z.head).unwrap().is_well());
    hub.assert_well();
    // What the hub prints proves its stores' entries as well, and those of its other processes.
    let url = hub.database().map(|database| database.url().to_owned());
    if let Some(url) = &url {
        let database = Database::parse(url).unwrap();
        let mut other = Ledger::open_in(&database, &hub.act()).unwrap();
        let minted: Key = "other".parse().unwrap();
        let scan = Scan::new(b"NOSUCHCODE", &minted);
        other.redeem(&scan, &hub.act()).unwrap();
        let act = hub.act();
        other
            .void_code(codes[0].as_bytes(), "torn", &act)
            .unwrap()
            .ok();
        other.order_slip(codes[1].as_bytes(), &act).unwrap().ok();
    }
    let act = hub.act();
    let z = hub
        .ledger
        .order_z_report(date, None, &act)
        .unwrap()
        .unwrap();
    let check = hub.ledger.verify_head(&z.head).unwrap();
    assert!(check.is_well(), "{check:?}");
    assert!(check.covers >= 2, "{check:?}");
    let changed = hub.tamper("UPDATE entry SET body = body || ' ' WHERE node <> 1 AND seq = 3");
    assert!(changed > 0);
    let check = hub.ledger.verify_head(&z.head).unwrap();
    assert!(
        check.is_here && check.is_same && !check.is_well(),
        "{check:?}"
    );
}

#[test]
fn hub_and_stores_report_the_same() {
    a_hub_reports_what_its_stores_do();
}

and_with_hubs_in_databases!(hub_and_stores_report_the_same);

#[test]
fn the_command_line_reports_prints_and_writes_a_table() {
    let shop = Shop::with(&[], 6);
    let redeem = |counter: &str, number: usize| {
        let ran = shop.run(&["--counter", counter, "redeem", &code(number)]);
        text(ran.json(), "verdict").to_owned()
    };
    assert_eq!(redeem("till 1", 0), "accepted");
    assert_eq!(redeem("=1+1", 1), "accepted");
    assert_eq!(redeem("=1+1", 1), "already_redeemed");
    let table = shop.beside("day.csv");
    let ran = shop.run(&["report", "day", "--csv", table.to_str().unwrap()]);
    let json = ran.well().json();
    assert_eq!((number(json, "accepted"), number(json, "refused")), (2, 1));
    assert_eq!(json["number"], Value::Null);
    let rows = std::fs::read_to_string(&table).unwrap();
    assert!(
        rows.starts_with("date,store,list,name,figure,count\n"),
        "{rows}"
    );
    assert!(
        rows.contains(",Corner,counter,'=1+1,accepted,1\n"),
        "{rows}"
    );
    assert!(!rows.contains(",=1+1,"), "{rows}");
    let printer = FakePrinter::new(Mood::Well);
    let ended = command_on(shop.folder())
        .args(["report", "day", "--print"])
        .env("COUNTERFOIL_PRINTER", format!("tcp://{}", printer.address))
        .output()
        .unwrap();
    let ran = Ran::of(&ended);
    let json = ran.well().json();
    assert_eq!(
        (number(json, "number"), text(json, "paper")),
        (1, "printed")
    );
    let job = String::from_utf8_lossy(&printer.job()).into_owned();
    for words in [
        "Z 1",
        "      2  accepted",
        "already redeemed",
        "till 1",
        "END OF THE CHAIN",
        text(&json["head"], "entry"),
    ] {
        assert!(job.contains(words), "{words:?} in {job:?}");
    }
    let nowhere = command_on(shop.folder())
        .args(["report", "day", "--print"])
        .env("COUNTERFOIL_PRINTER", "")
        .output()
        .unwrap();
    assert_eq!(Ran::of(&nowhere).exit, 2);
    assert_eq!(
        shop.count("SELECT number FROM z_head"),
        1,
        "what cannot be printed takes no number"
    );
    shop.assert_well();
    assert_eq!(shop.run(&["report", "day", "--date", "2999-01-01"]).exit, 2);
    for kept in Kept::EITHER {
        let shop = Shop::kept(kept, &[], 2);
        assert_eq!(shop.redeem(&code(0)), "accepted");
        let ran = shop.run(&["report", "day"]);
        assert_eq!(number(ran.well().json(), "accepted"), 1);
        let head = &ran.json()["head"];
        let head = format!("{} {}", text(head, "entry"), text(head, "hash"));
        shop.run(&["verify", "--head", &head]).well();
    }
}
