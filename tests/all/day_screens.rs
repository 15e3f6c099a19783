//! The page of the day's report: what it draws at every size, what it orders, and that nothing is
//! printed by one key.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use counterfoil::devices::scan::input::Key;
use counterfoil::domain::chain_head::ChainHead;
use counterfoil::domain::day_report::{AnswerCount, DayCounts, DayGroup, DayReport, ManagerActs};
use counterfoil::domain::slip_job::SlipOutcome;
use counterfoil::tui::back_order::{BackOrder, BackTold};
use counterfoil::tui::day_order::{DayOrder, DayTold};
use counterfoil::tui::msg::{Effect, Msg};
use jiff::civil::Date;

use crate::screens::{
    DARK, SIZES, Scene, check, drawn, effects, key, model, now, scan, scan_effect, signed_in, text,
    then, typed, without_bells,
};

fn group(name: Option<&str>, accepted: u64, refused: u64, assigned: u64) -> DayGroup {
    DayGroup {
        name: name.map(str::to_owned),
        counts: DayCounts {
            accepted,
            refused,
            assigned,
            ..DayCounts::default()
        },
    }
}

fn refused(answer: &str, count: u64) -> AnswerCount {
    AnswerCount {
        kind: "redeem".into(),
        answer: answer.into(),
        count,
    }
}

/// The report of a busy day, which has 14 more hours to go.
fn report(date: &str) -> Box<DayReport> {
    let date: Date = date.parse().unwrap();
    let start = date.in_tz("Europe/Berlin").unwrap();
    Box::new(DayReport {
        date,
        store: Some("Riverside".into()),
        timezone: "Europe/Berlin".into(),
        from: start.timestamp(),
        to: start.tomorrow().unwrap().timestamp(),
        as_of: now(),
        number: None,
        copies: None,
        counts: DayCounts {
            accepted: 112,
            provisional: 3,
            refused: 9,
            reversed: 2,
            overrides: 1,
            assigned: 31,
            voided: 2,
            replaced: 1,
            slips: 30,
            reprints: 4,
        },
        refused_by_reason: vec![
            refused("already_redeemed", 6),
            refused("expired", 1),
            refused("misread", 2),
        ],
        other_attempts: Vec::new(),
        by_manager: vec![ManagerActs {
            manager: Some("Mia".into()),
            what: "expired".into(),
            count: 1,
        }],
        by_store: Vec::new(),
        by_campaign: vec![
            group(None, 0, 2, 0),
            group(Some("newsletter"), 30, 3, 0),
            group(Some("spring-menu"), 82, 4, 31),
        ],
        by_counter: vec![
            group(Some("Counter 1"), 70, 5, 0),
            group(Some("Counter 2"), 42, 4, 0),
            group(Some("desk"), 0, 0, 31),
        ],
        by_operator: vec![
            group(None, 2, 0, 0),
            group(Some("Ana"), 68, 5, 31),
            group(Some("Ben"), 42, 4, 0),
        ],
        unknown: Vec::new(),
        head: ChainHead {
            entry: "BCDFGHJKLN-1-917".into(),
            hash: "0f3a91c4".repeat(8),
        },
    })
}

fn told(told: DayTold) -> Msg {
    Msg::BackTold(BackTold::Day(told))
}

fn printer() -> Msg {
    Msg::PrinterHealth {
        words: "ready".into(),
        is_well: true,
    }
}

fn at_day(shown: Box<DayReport>) -> Vec<Msg> {
    then(
        signed_in(),
        [
            printer(),
            key(Key::F(5)),
            key(Key::F(5)),
            key(Key::F(5)),
            told(DayTold::Read(shown)),
        ],
    )
}

fn closed() -> Box<DayReport> {
    let mut report = report("2026-03-11");
    report.number = Some(17);
    report.copies = Some(2);
    report.unknown = vec!["Station Road was last heard of Wed 11 Mar 2026, 14:02".into()];
    report
}

fn scenes() -> Vec<Scene> {
    let today = || at_day(report("2026-03-12"));
    vec![
        ("day", false, today()),
        ("day-asked", false, then(today(), [key(Key::F(7))])),
        (
            "day-closed",
            false,
            then(
                at_day(closed()),
                [
                    key(Key::PageDown),
                    told(DayTold::Printed {
                        number: 17,
                        outcome: SlipOutcome::Unconfirmed("paper_out".into()),
                    }),
                ],
            ),
        ),
    ]
}

#[test]
fn the_day_at_every_size() {
    for (name, is_training, msgs) in scenes() {
        check(name, is_training, &msgs);
    }
}

fn order(order: DayOrder) -> Effect {
    Effect::Back(Box::new(BackOrder::Day(order)))
}

#[test]
fn two_keys_print_and_arrows_lead_to_other_days() {
    let mut console = model(DARK, (80, 24), false, &then(signed_in(), [printer()]));
    effects(&mut console, [key(Key::F(5)), key(Key::F(5))]);
    let opened = effects(&mut console, [key(Key::F(5))]);
    assert_eq!(opened, [order(DayOrder::Read(None))]);
    effects(&mut console, [told(DayTold::Read(report("2026-03-12")))]);
    let before: Date = "2026-03-11".parse().unwrap();
    let turned = effects(&mut console, [key(Key::Left)]);
    assert_eq!(turned, [order(DayOrder::Read(Some(before)))]);
    effects(&mut console, [told(DayTold::Read(report("2026-03-11")))]);
    assert_eq!(effects(&mut console, [key(Key::Enter)]), []);
    assert_eq!(effects(&mut console, [key(Key::F(7))]), []);
    assert_eq!(effects(&mut console, [key(Key::Esc), key(Key::Enter)]), []);
    let printed = effects(
        &mut console,
        [key(Key::F(7)), key(Key::Enter), key(Key::Enter)],
    );
    assert_eq!(printed, [order(DayOrder::Print(before))]);
    // It goes to the printer wherever the operator has gone meanwhile.
    let mut ordered = report("2026-03-11");
    ordered.number = Some(4);
    let effects_of = effects(
        &mut console,
        [key(Key::F(2)), told(DayTold::Ordered(ordered.clone()))],
    );
    assert_eq!(
        effects_of,
        [
            Effect::PrintDay(ordered),
            order(DayOrder::Read(Some(before)))
        ]
    );
    let outcome = SlipOutcome::Printed;
    effects(
        &mut console,
        [told(DayTold::Printed { number: 4, outcome })],
    );
    let shown = text(&drawn(&console, (80, 24)));
    assert!(shown.contains("Z 4 is printed"), "{shown}");
}

#[test]
fn a_scan_on_the_page_is_judged_and_drops_the_question() {
    let mut console = model(DARK, (80, 24), false, &at_day(report("2026-03-12")));
    let judged = effects(&mut console, [key(Key::F(7)), scan("BCDFGHJKLNPRST")]);
    assert_eq!(
        without_bells(judged),
        [scan_effect(1, "BCDFGHJKLNPRST", true)]
    );
    assert_eq!(effects(&mut console, [key(Key::Enter)]), []);
    // A line typed by a slow scanner is one too.
    let typed = effects(&mut console, [typed("BCDFGHJKLNPRST"), key(Key::Enter)]);
    assert_eq!(
        without_bells(typed),
        [scan_effect(2, "BCDFGHJKLNPRST", true)]
    );
}

#[test]
fn without_a_printer_nothing_takes_a_number() {
    let msgs = then(
        signed_in(),
        [
            key(Key::F(5)),
            key(Key::F(5)),
            key(Key::F(5)),
            told(DayTold::Read(report("2026-03-12"))),
            key(Key::F(7)),
            key(Key::Enter),
        ],
    );
    for size in SIZES {
        let shown = text(&drawn(&model(DARK, size, false, &msgs), size));
        assert!(shown.contains("no printer is set up"), "{shown}");
    }
}
