//! The page of the log: what it shows at every size, what it orders, who sees what, and guessing.

use counterfoil::devices::scan::input::Key;
use counterfoil::domain::guessing::Guessing;
use counterfoil::domain::log::{LogFormat, LogLine, LogPart, LogPlace};
use counterfoil::domain::notes::Notes;
use counterfoil::domain::operator::Role;
use counterfoil::tui::back_order::{BackOrder, BackTold};
use counterfoil::tui::log_order::{LogOrder, LogTold};
use counterfoil::tui::model::Model;
use counterfoil::tui::msg::{Effect, Msg};

use crate::screens::{
    DARK, SIZES, Scene, accepted, after, check, drawn, effects, judged, key, model, opened,
    operator, scan, scan_effect, signed_in, status, text, then, typed,
};

const SIZE: (u16, u16) = (80, 24);

fn line(seconds: i64, kind: &str, answer: &str, code: Option<&str>) -> LogLine {
    LogLine {
        at: after(seconds),
        kind: kind.to_owned(),
        answer: answer.to_owned(),
        code: code.map(str::to_owned),
        campaign: code.map(|_| "spring-menu".to_owned()),
        customer_id: None,
        store: "Riverside".to_owned(),
        counter: "Counter 2".to_owned(),
        operator: Some("Ana".to_owned()),
        trigger: None,
        key: Some("k-77".to_owned()),
        raw: None,
        reason: None,
        notes: Notes::default(),
    }
}

fn lines() -> Vec<LogLine> {
    let unknown = LogLine {
        raw: Some("https://example.org/?c=BCDF\\x1b[2J".to_owned()),
        ..line(40, "redeem", "not_found", None)
    };
    let given = LogLine {
        customer_id: Some("c-9KX2".to_owned()),
        trigger: Some("mailto:ana@example.org".to_owned()),
        reason: Some("asked for by +442079460958".to_owned()),
        ..line(-90, "assign", "assigned", Some("FGHJKLNPRSTVXB"))
    };
    vec![
        line(50, "redeem", "accepted", Some("BCDFGHJKLNPRST")),
        line(45, "redeem", "already_redeemed", Some("CDFGHJKLNPRSTV")),
        unknown,
        line(30, "redeem", "unknown_outcome", Some("DFGHJKLNPRSTVX")),
        LogLine {
            reason: Some("11 unknown codes within 12 s".to_owned()),
            ..line(20, "guessing", "noticed", None)
        },
        given,
        LogLine {
            campaign: Some("spring-menu".to_owned()),
            operator: Some("os:root".to_owned()),
            ..line(-90_000, "campaign_created", "done", None)
        },
    ]
}

fn part(lines: Vec<LogLine>, next: Option<LogPlace>) -> LogPart {
    LogPart {
        looked_back_to: lines.last().map(|line| line.at),
        lines,
        next,
    }
}

fn place(entry: i64) -> LogPlace {
    LogPlace {
        entry,
        attempt: 1,
        entry_floor: 0,
        attempt_floor: 0,
    }
}

fn told(told: LogTold) -> Msg {
    Msg::BackTold(BackTold::Log(told))
}

fn read(number: u64, from: Option<LogPlace>, part: LogPart) -> Msg {
    told(LogTold::Read { number, from, part })
}

/// The page in view of Ana, a cashier, or of a manager.
fn page(is_manager: bool) -> Vec<Msg> {
    let mut msgs = signed_in();
    if is_manager {
        msgs.push(Msg::SignedIn {
            operator: operator("Ben", Role::Manager),
            number: None,
        });
    }
    // Where another one signs in, what the one before has asked is nobody's.
    let number = if is_manager { 2 } else { 1 };
    then(
        msgs,
        [key(Key::F(6)), read(number, None, part(lines(), None))],
    )
}

fn guessing() -> Guessing {
    Guessing {
        counter: "Counter 2".to_owned(),
        store: None,
        since: after(-30),
        newest: after(20),
        guesses: 16,
        slowed_until: Some(after(300)),
    }
}

fn stands() -> Msg {
    Msg::GuessingStands {
        guessing: vec![guessing()],
    }
}

fn orders(effects: &[Effect]) -> Vec<LogOrder> {
    effects
        .iter()
        .filter_map(|effect| {
            if let Effect::Back(order) = effect
                && let BackOrder::Log(order) = &**order
            {
                Some(order.clone())
            } else {
                None
            }
        })
        .collect()
}

fn shown(model: &Model) -> String {
    text(&drawn(model, SIZE))
}

#[expect(clippy::too_many_lines, reason = "a scene after another")]
fn scenes() -> Vec<Scene> {
    let many: Vec<LogLine> = (0..60)
        .map(|number| line(50 - number, "redeem", "accepted", Some("BCDFGHJKLNPRST")))
        .collect();
    let second = [key(Key::Down), key(Key::Down)];
    vec![
        ("log", false, page(false)),
        (
            "log-long",
            false,
            then(
                signed_in(),
                [
                    key(Key::F(6)),
                    read(1, None, part(many, Some(place(9)))),
                    key(Key::PageDown),
                ],
            ),
        ),
        (
            "log-none",
            false,
            then(
                signed_in(),
                [key(Key::F(6)), read(1, None, part(vec![], None))],
            ),
        ),
        (
            "log-line",
            false,
            then(page(true), then(second.to_vec(), [key(Key::Enter)])),
        ),
        (
            "log-filter",
            false,
            then(
                page(true),
                [key(Key::Tab), typed("refused"), key(Key::Tab), typed("spr")],
            ),
        ),
        ("log-guessing", false, then(page(true), [stands()])),
        (
            "guessing-told",
            false,
            then(then(signed_in(), [stands()]), [key(Key::F(2))]),
        ),
        (
            "log-export",
            false,
            then(
                page(true),
                [key(Key::F(8)), typed("1"), key(Key::Enter), typed("24")],
            ),
        ),
        (
            "log-exporting",
            false,
            then(
                page(true),
                [
                    told(LogTold::ExportBegan {
                        path: "/srv/exports/log.csv".to_owned(),
                    }),
                    told(LogTold::Exported {
                        done: 40,
                        total: 100,
                        lines: 12,
                        is_whole: false,
                    }),
                ],
            ),
        ),
    ]
}

#[test]
fn every_screen_of_the_log_at_every_size() {
    for (name, is_training, msgs) in scenes() {
        check(name, is_training, &msgs);
    }
}

#[test]
fn f6_leads_to_the_log_then_to_the_conflicts_and_back() {
    let mut console = model(DARK, SIZE, false, &signed_in());
    console.update(key(Key::F(6)));
    assert!(shown(&console).contains("[LOG]"));
    console.update(key(Key::F(6)));
    assert!(shown(&console).contains("[CONFLICTS]"));
    console.update(key(Key::F(6)));
    assert!(shown(&console).contains("[LOG]"));
}

#[test]
fn the_page_follows_while_the_newest_line_is_marked() {
    let mut console = model(DARK, SIZE, false, &page(false));
    let news = || status(false, None, 0, &[]);
    let asked = orders(&console.update(news()));
    assert!(
        matches!(
            asked[..],
            [LogOrder::Read {
                number: 2,
                from: None,
                ..
            }]
        ),
        "{asked:?}"
    );
    // Nothing is asked twice at once.
    assert!(orders(&console.update(news())).is_empty());
    let newest = line(58, "redeem", "expired", Some("GHJKLNPRSTVXBC"));
    let mut all = vec![newest];
    all.extend(lines());
    console.update(read(2, None, part(all, None)));
    let seen = shown(&console);
    assert!(seen.contains("…VXBC") && seen.contains("…PRST"), "{seen}");
    assert_eq!(seen.matches("already").count(), 1, "{seen}");
    // Whoever looks further down is left in peace.
    console.update(key(Key::Down));
    assert!(orders(&console.update(news())).is_empty());
    console.update(key(Key::Up));
    assert_eq!(orders(&console.update(news())).len(), 1);
    // An answer to an older order is nobody's.
    console.update(read(2, None, part(vec![], None)));
    assert!(shown(&console).contains("…VXBC"));
}

#[test]
fn it_looks_further_back_by_itself_and_then_when_asked() {
    let msgs = then(signed_in(), [key(Key::F(6))]);
    let mut console = model(DARK, SIZE, false, &msgs);
    let (mut number, mut from, mut looks) = (1, None, 0);
    // Nothing that is wanted: after some looks it stops, and says how far it has come.
    loop {
        let answer = LogPart {
            looked_back_to: Some(after(-5_000)),
            ..part(vec![], Some(place(50 - looks)))
        };
        let asked = orders(&console.update(read(number, from, answer)));
        let Some(LogOrder::Read {
            number: next,
            from: place,
            ..
        }) = asked.into_iter().next()
        else {
            break;
        };
        (number, from, looks) = (next, place, looks + 1);
        assert!(looks < 40, "without end");
    }
    assert!(looks > 3);
    let seen = shown(&console);
    assert!(seen.contains("Page Down: further"), "{seen}");
    let asked = orders(&console.update(key(Key::PageDown)));
    assert!(
        matches!(asked[..], [LogOrder::Read { from: Some(_), .. }]),
        "{asked:?}"
    );
}

#[test]
fn a_digit_or_the_form_says_what_is_shown() {
    let mut console = model(DARK, SIZE, false, &page(false));
    // A digit alone does nothing; a longer line is a scan.
    assert!(orders(&effects(&mut console, [typed("3")])).is_empty());
    let asked = orders(&effects(&mut console, [key(Key::Enter)]));
    let Some(LogOrder::Read { wish, .. }) = asked.first() else {
        panic!("{asked:?}");
    };
    assert_eq!(wish.outcome, "refused");
    let scanned = effects(&mut console, [typed("BCDFGHJKLNPRST"), key(Key::Enter)]);
    assert_eq!(scanned, [scan_effect(1, "BCDFGHJKLNPRST", true)]);
    effects(&mut console, [judged(1, accepted())]);
    let typing = [
        key(Key::Tab),
        key(Key::Ctrl('u')),
        typed("accepted"),
        key(Key::Tab),
        typed("coffee"),
        key(Key::BackTab),
        key(Key::BackTab),
        typed("2026-11-21"),
        key(Key::Enter),
    ];
    let asked = orders(&effects(&mut console, typing));
    let [
        LogOrder::Read {
            number,
            from: None,
            wish,
        },
    ] = &asked[..]
    else {
        panic!("{asked:?}");
    };
    assert_eq!(
        (wish.outcome.as_str(), wish.campaign.as_str()),
        ("accepted", "coffee")
    );
    assert_eq!(
        (wish.until.as_str(), wish.since.as_str()),
        ("2026-11-21", "")
    );
    assert!(shown(&console).contains("answer accepted, campaign coffee"));
    // What cannot be is said, and the form keeps it.
    console.update(told(LogTold::Unread {
        number: *number,
        words: "no such time".to_owned(),
    }));
    assert!(shown(&console).contains("no such time"));
}

#[test]
fn a_scan_is_judged_on_the_page_and_drops_what_is_asked() {
    for size in SIZES {
        let mut console = model(DARK, size, false, &page(true));
        effects(&mut console, [key(Key::F(8)), typed("1")]);
        let ordered = effects(&mut console, [scan("BCDFGHJKLNPRST")]);
        assert_eq!(ordered, [scan_effect(1, "BCDFGHJKLNPRST", true)]);
        effects(&mut console, [judged(1, accepted())]);
        let seen = text(&drawn(&console, size));
        assert!(
            seen.contains("Free coffee") && !seen.contains("A digit"),
            "{seen}"
        );
    }
}

#[test]
fn a_cashier_sees_no_whole_contact_and_no_whole_code() {
    let secrets = ["ana@example.org", "+442079460958", "FGHJ-KLNP"];
    for (is_manager, sees) in [(false, false), (true, true)] {
        let mut console = model(DARK, SIZE, false, &page(is_manager));
        let down = vec![key(Key::Down); 5];
        effects(&mut console, then(down, [key(Key::Enter)]));
        let seen = shown(&console);
        for secret in secrets {
            assert_eq!(seen.contains(secret), sees, "{secret}\n{seen}");
        }
    }
    // What a manager has opened is not for the cashier whose badge is read next.
    let mut console = model(DARK, SIZE, false, &page(true));
    effects(
        &mut console,
        then(vec![key(Key::Down); 5], [key(Key::Enter)]),
    );
    console.update(Msg::SignedIn {
        operator: operator("Ana", Role::Cashier),
        number: Some(9),
    });
    let seen = shown(&console);
    assert!(
        !seen.contains("ana@example.org") && !seen.contains("FGHJ-KLNP"),
        "{seen}"
    );
    console.update(key(Key::F(10)));
    assert!(!shown(&console).contains("spring-menu"));
}

#[test]
fn an_export_takes_a_digit_and_a_manager_and_can_be_stopped() {
    let mut console = model(DARK, SIZE, false, &page(false));
    let asked = effects(
        &mut console,
        [key(Key::F(8)), key(Key::Enter), typed("2"), key(Key::Enter)],
    );
    assert!(orders(&asked).is_empty(), "no key alone exports");
    let asked = orders(&effects(&mut console, [typed("2468"), key(Key::Enter)]));
    let [
        LogOrder::Export {
            format: LogFormat::JsonLines,
            approval: Some(approval),
            ..
        },
    ] = &asked[..]
    else {
        panic!("{asked:?}");
    };
    assert_eq!(approval.operator.as_deref(), Some("Ben"));
    // Refused, it asks for the PIN anew.
    console.update(told(LogTold::Refused("the PIN is wrong".to_owned())));
    assert!(shown(&console).contains("the PIN is wrong"));
    let asked = orders(&effects(&mut console, [typed("1357"), key(Key::Enter)]));
    assert_eq!(asked.len(), 1);
    let path = "/srv/exports/log.jsonl".to_owned();
    let asked = orders(&console.update(told(LogTold::ExportBegan { path })));
    assert_eq!(asked, [LogOrder::ExportOn]);
    let step = || {
        told(LogTold::Exported {
            done: 30,
            total: 60,
            lines: 3,
            is_whole: false,
        })
    };
    assert_eq!(orders(&console.update(step())), [LogOrder::ExportOn]);
    assert!(shown(&console).contains("50 %"));
    assert_eq!(
        orders(&console.update(key(Key::Esc))),
        [LogOrder::ExportStop]
    );
    console.update(told(LogTold::ExportStopped));
    assert!(shown(&console).contains("no file is left"));
    // A step that was still on its way goes on with nothing.
    assert!(orders(&console.update(step())).is_empty());
}

#[test]
fn a_notice_of_guessing_is_for_managers_and_ended_by_one() {
    // A cashier at that counter is told why it is slow; one at another counter nothing.
    let mut console = model(DARK, SIZE, false, &then(signed_in(), [stands()]));
    assert!(
        shown(&console).contains("call a manager"),
        "{}",
        shown(&console)
    );
    assert!(!shown(&console).contains("GUESSING?"));
    let elsewhere = Guessing {
        counter: "Counter 7".to_owned(),
        ..guessing()
    };
    console.update(Msg::GuessingStands {
        guessing: vec![elsewhere],
    });
    assert!(!shown(&console).contains("MANY UNKNOWN"));
    // A manager sees it on every screen but the log's own, which tells it in full.
    console.update(stands());
    console.update(Msg::SignedIn {
        operator: operator("Ben", Role::Manager),
        number: None,
    });
    assert!(shown(&console).contains("GUESSING? 16 unknown codes at Counter 2: F6"));
    effects(
        &mut console,
        [key(Key::F(6)), read(1, None, part(lines(), None))],
    );
    assert!(
        shown(&console).contains("F9 ends the notice"),
        "{}",
        shown(&console)
    );
    let asked = effects(
        &mut console,
        [
            key(Key::F(9)),
            typed("4"),
            key(Key::Enter),
            typed("2468"),
            key(Key::Enter),
        ],
    );
    let [
        LogOrder::EndGuessing {
            counter,
            reason,
            approval: Some(_),
        },
    ] = &orders(&asked)[..]
    else {
        panic!("{asked:?}");
    };
    assert_eq!(
        (counter.as_str(), reason.as_str()),
        ("Counter 2", "somebody tried codes")
    );
    console.update(told(LogTold::GuessingEnded {
        counter: counter.clone(),
    }));
    assert!(!shown(&console).contains("F9 ends the notice"));
    // Where nobody signs in, whoever is there is told, and no PIN is asked.
    let mut console = model(DARK, SIZE, false, &[opened(vec![], vec![]), stands()]);
    assert!(shown(&console).contains("GUESSING?"));
    let asked = effects(
        &mut console,
        [key(Key::F(6)), key(Key::F(9)), typed("1"), key(Key::Enter)],
    );
    assert!(matches!(
        orders(&asked).last(),
        Some(LogOrder::EndGuessing { approval: None, .. })
    ));
}
