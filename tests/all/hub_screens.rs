//! What a counter of a joined store shows of its hub: the status line, the banners, the conflicts.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests may fail as tests do"
)]

use counterfoil::devices::scan::input::Key;
use counterfoil::domain::conflict::{Conflict, ConflictKind, ConflictStory, Decision, Settled};
use counterfoil::domain::hub_status::{HubStatus, Reach};
use counterfoil::domain::operator::Role;
use counterfoil::domain::reversal::{GivenUp, PendingChoice};
use counterfoil::domain::verdict::Verdict;
use counterfoil::domain::wire::Standing;
use counterfoil::tui::back_order::{BackOrder, BackTold};
use counterfoil::tui::conflict_order::{ConflictOrder, ConflictTold, SettledAt};
use counterfoil::tui::model::Model;
use counterfoil::tui::msg::{Effect, Msg, Pin};

use crate::screens::{
    DARK, SIZES, Scene, accepted, after, answer, check, choices, drawn, input, judged, key, model,
    opened, operator, scan, signed_in, text, then, typed,
};

fn online() -> HubStatus {
    HubStatus {
        reach: Reach::Online,
        standing: Standing::Active,
        may_hold: true,
        unsent: 0,
        pending: 0,
        behind: 0,
        position: 4_200,
        codes_here: 0,
        codes_ahead: 0,
        last_contact_ms: Some(after(0).as_millisecond()),
        clock_offset_ms: 0,
        hub_is_behind: false,
    }
}

fn away(why: &str) -> HubStatus {
    let last_ms = after(-1_740).as_millisecond();
    HubStatus {
        reach: Reach::Offline {
            since_ms: last_ms,
            why: why.to_owned(),
        },
        last_contact_ms: Some(last_ms),
        unsent: 17,
        ..online()
    }
}

fn offline() -> HubStatus {
    away("no connection to hub:7878: it does not answer")
}

fn hub(status: HubStatus) -> Msg {
    Msg::HubTold(Some(Box::new(status)))
}

fn printer() -> Msg {
    Msg::PrinterHealth {
        words: "ready".to_owned(),
        is_well: true,
    }
}

/// A counter, and what it is told of its hub.
fn with_hub(status: HubStatus) -> Vec<Msg> {
    then(signed_in(), [printer(), hub(status)])
}

fn story(
    store: &str,
    counter: &str,
    by: Option<&str>,
    seconds: i64,
    certainty: &str,
) -> ConflictStory {
    ConflictStory {
        entry: format!("{}-1-7", store.to_uppercase()),
        kind: "redeemed".to_owned(),
        at_ms: after(seconds).as_millisecond(),
        store: store.to_owned(),
        counter: counter.to_owned(),
        operator: by.map(str::to_owned),
        certainty: Some(certainty.to_owned()),
        code: Some("BCDFGHJKLNPRST".to_owned()),
        customer: None,
    }
}

fn double() -> Conflict {
    Conflict {
        number: 7,
        kind: ConflictKind::DoubleRedeemed,
        entry: "RIVERSIDE-1-7".to_owned(),
        code: Some("BCDFGHJKLNPRST".to_owned()),
        campaign: Some("spring-menu".to_owned()),
        stories: vec![
            story(
                "Station Road",
                "Counter 1",
                Some("Ben"),
                -73_000,
                "confirmed",
            ),
            story("Riverside", "Counter 2", Some("Ana"), -1_700, "provisional"),
        ],
        raised_at: after(-20),
        settled: None,
    }
}

fn second() -> Conflict {
    let given = |store: &str, code: &str, seconds| ConflictStory {
        kind: "assigned".to_owned(),
        certainty: None,
        code: Some(code.to_owned()),
        customer: Some("c-9KX2".to_owned()),
        ..story(store, "desk", None, seconds, "")
    };
    Conflict {
        number: 5,
        kind: ConflictKind::SecondCode,
        entry: "HARBOUR-1-9".to_owned(),
        code: Some("CDFGHJKLNPRSTV".to_owned()),
        campaign: Some("newsletter".to_owned()),
        stories: vec![
            given("Station Road", "DFGHJKLNPRSTVX", -9_000),
            given("Harbour", "CDFGHJKLNPRSTV", -8_000),
        ],
        raised_at: after(-7_000),
        settled: None,
    }
}

fn settled() -> Conflict {
    Conflict {
        number: 3,
        code: Some("FGHJKLNPRSTVXB".to_owned()),
        settled: Some(Settled {
            decision: Some(Decision::WriteOff),
            reason: "the line was down".to_owned(),
            by: Some("Chloé".to_owned()),
            at: after(-80_000),
        }),
        ..double()
    }
}

fn listed(settled_at: SettledAt) -> Msg {
    Msg::BackTold(BackTold::Conflict(ConflictTold::Listed {
        conflicts: vec![settled(), second(), double()],
        settled_at,
    }))
}

/// The list, at the hub or at a store.
fn at_conflicts(settled_at: SettledAt) -> Vec<Msg> {
    then(
        with_hub(online()),
        [key(Key::F(6)), key(Key::F(6)), listed(settled_at)],
    )
}

/// A scan that the hub is asked about.
fn asked() -> Vec<Msg> {
    vec![scan("BCDFGHJKLNPRST"), Msg::AskingHub { number: 1 }]
}

fn pending() -> PendingChoice {
    PendingChoice {
        counter: "Counter 1".to_owned(),
        key: "k-1".parse().unwrap(),
        at: after(30),
        code: "BCDFGHJKLNPRST".to_owned(),
        operator: Some("Ana".to_owned()),
        needs_approval: false,
    }
}

fn unanswered() -> Msg {
    let Msg::UndoListed { choices, .. } = choices() else {
        panic!("a list");
    };
    Msg::UndoListed {
        choices,
        pending: vec![pending()],
    }
}

fn scenes() -> Vec<Scene> {
    let mut scenes = status_scenes();
    scenes.extend(asking_scenes());
    scenes.extend(conflict_scenes());
    scenes
}

fn status_scenes() -> Vec<Scene> {
    vec![
        ("hub-online", false, with_hub(online())),
        ("hub-offline", false, with_hub(offline())),
        (
            "hub-first-sync",
            false,
            with_hub(HubStatus {
                codes_here: 420_000,
                codes_ahead: 580_000,
                ..online()
            }),
        ),
        (
            "hub-quarantined",
            false,
            with_hub(HubStatus {
                standing: Standing::Quarantined,
                ..offline()
            }),
        ),
        (
            "hub-not-trusted",
            false,
            with_hub(away("the hub's certificate is not trusted: it has expired")),
        ),
    ]
}

fn asking_scenes() -> Vec<Scene> {
    vec![
        ("asking-hub", false, then(with_hub(online()), asked())),
        (
            "asked-behind",
            false,
            then(
                then(with_hub(online()), asked()),
                [scan("DFGHJKLNPRSTVX"), judged(2, accepted())],
            ),
        ),
        (
            "give-up",
            false,
            then(
                with_hub(online()),
                [key(Key::F(8)), unanswered(), typed("2")],
            ),
        ),
    ]
}

fn conflict_scenes() -> Vec<Scene> {
    let stories = |at| then(at_conflicts(at), [key(Key::Enter)]);
    let open = || Msg::ConflictsOpen {
        open: vec![double()],
    };
    vec![
        ("conflict-told", false, then(with_hub(online()), [open()])),
        ("conflicts", false, at_conflicts(SettledAt::Hub)),
        (
            "conflicts-none",
            false,
            then(
                signed_in(),
                [
                    key(Key::F(6)),
                    key(Key::F(6)),
                    Msg::BackTold(BackTold::Conflict(ConflictTold::Listed {
                        conflicts: vec![],
                        settled_at: SettledAt::Hub,
                    })),
                ],
            ),
        ),
        ("conflict-stories", false, stories(SettledAt::Hub)),
        ("conflict-settling", false, stories(SettledAt::Here)),
        (
            "conflict-manager",
            false,
            then(
                stories(SettledAt::Here),
                [
                    typed("1"),
                    key(Key::Enter),
                    typed("4"),
                    key(Key::Enter),
                    typed("24"),
                ],
            ),
        ),
    ]
}

#[test]
fn every_screen_about_the_hub_at_every_size() {
    for (name, is_training, msgs) in scenes() {
        check(name, is_training, &msgs);
    }
}

/// The last row of the screen.
fn status_line(msgs: &[Msg], size: (u16, u16)) -> String {
    let all = text(&drawn(&model(DARK, size, false, msgs), size));
    all.lines().last().unwrap().to_owned()
}

#[test]
fn a_shop_alone_says_nothing_of_a_hub() {
    for size in SIZES {
        let line = status_line(&signed_in(), size);
        assert!(!line.contains("hub") && !line.contains("alone"), "{line}");
    }
}

#[test]
fn the_status_line_says_how_it_stands_with_the_hub_at_every_size() {
    let revoked = HubStatus {
        standing: Standing::Revoked,
        ..offline()
    };
    for (status, shape, words) in [
        (online(), "●", "online"),
        (offline(), "○", "offline since 14:02"),
        (revoked, "!", "REVOKED"),
    ] {
        for size in SIZES {
            let line = status_line(&with_hub(status.clone()), size);
            assert!(
                line.contains(&format!("{shape} hub {words}"))
                    || line.contains(&format!("{shape} {words}")),
                "{size:?} {line}"
            );
        }
    }
}

#[test]
fn the_next_scan_does_not_wait_for_the_hub_and_a_late_answer_is_its_own_scans() {
    let size = (80, 24);
    let mut console = model(DARK, size, false, &then(with_hub(online()), asked()));
    let shown = text(&drawn(&console, size));
    assert!(
        shown.contains("asking the hub") && shown.contains("do not hand over"),
        "{shown}"
    );
    let effects = console.update(scan("DFGHJKLNPRSTVX"));
    assert!(matches!(effects[..], [Effect::Scan { number: 2, .. }]));
    console.update(judged(2, accepted()));
    let shown = text(&drawn(&console, size));
    assert!(
        shown.contains("#2") && shown.contains("confirmed"),
        "{shown}"
    );
    assert!(shown.contains("… asking the hub"), "{shown}");
    // What comes late is said with its number, and the panel stays the newer one's.
    let effects = console.update(judged(1, answer(Verdict::UnknownOutcome, "no answer yet")));
    assert!(effects.contains(&Effect::Bell { times: 2 }));
    let shown = text(&drawn(&console, size));
    assert!(shown.contains("#1 WAIT …PRST"), "{shown}");
    assert!(
        shown.contains("confirmed") && !shown.contains("asking the hub"),
        "{shown}"
    );
}

#[test]
fn a_scan_without_an_answer_is_given_up_by_three_keys_among_what_is_undone() {
    let mut console = model(DARK, (80, 24), false, &with_hub(online()));
    console.update(key(Key::F(8)));
    console.update(unanswered());
    // The newest comes first, whatever it is.
    let effects = effects_of(&mut console, [key(Key::Down), typed("2"), key(Key::Enter)]);
    let [
        Effect::GiveUp {
            choice,
            reason,
            approval: None,
        },
    ] = &effects[..]
    else {
        panic!("{effects:?}");
    };
    assert_eq!(
        (choice, reason.as_str()),
        (&pending(), "changed their mind")
    );
    console.update(Msg::GivenUp {
        code: pending().code,
        outcome: GivenUp::Done,
    });
    let shown = text(&drawn(&console, (80, 24)));
    assert!(shown.contains("its next scan is a new one"), "{shown}");
}

/// The effects of the messages, one after another.
fn effects_of(model: &mut Model, msgs: impl IntoIterator<Item = Msg>) -> Vec<Effect> {
    msgs.into_iter().flat_map(|msg| model.update(msg)).collect()
}

fn orders(effects: &[Effect]) -> Vec<&ConflictOrder> {
    effects
        .iter()
        .filter_map(|effect| {
            if let Effect::Back(order) = effect
                && let BackOrder::Conflict(order) = &**order
            {
                Some(order)
            } else {
                None
            }
        })
        .collect()
}

#[test]
fn a_conflict_is_noticed_on_every_screen_until_somebody_has_looked() {
    let told = Msg::ConflictsOpen {
        open: vec![double()],
    };
    let size = (80, 24);
    let mut console = model(DARK, size, false, &then(with_hub(online()), [told.clone()]));
    for screen in [Key::F(2), Key::F(3), Key::F(4)] {
        console.update(key(screen));
        let shown = text(&drawn(&console, size));
        assert!(shown.contains("CONFLICT – …PRST redeemed twice"), "{shown}");
        // Nothing is in its way: the next scan goes to the desk.
        let effects = console.update(scan("BCDFGHJKLNPRST"));
        assert!(effects.iter().any(|effect| matches!(
            effect,
            Effect::Scan {
                may_judge: true,
                ..
            }
        )));
    }
    let effects = effects_of(
        &mut console,
        [key(Key::F(6)), listed(SettledAt::Hub), key(Key::F(2))],
    );
    assert_eq!(orders(&effects), [&ConflictOrder::List]);
    let shown = text(&drawn(&console, size));
    assert!(!shown.contains("CONFLICT –"), "{shown}");
    assert!(shown.contains("2 conflicts: F6"), "{shown}");
    // Told again, it is known.
    console.update(told);
    assert!(!text(&drawn(&console, size)).contains("CONFLICT –"));
}

#[test]
fn settling_takes_a_decision_a_reason_and_a_manager() {
    let mut console = model(DARK, (80, 24), false, &at_conflicts(SettledAt::Here));
    let keys = [
        key(Key::Enter),
        key(Key::Enter),
        typed("9"),
        key(Key::Enter),
    ];
    assert!(orders(&effects_of(&mut console, keys)).is_empty());
    let keys = [
        key(Key::Backspace),
        typed("1"),
        key(Key::Enter),
        key(Key::Enter),
        typed("4"),
        key(Key::Enter),
        typed("2468"),
    ];
    assert!(orders(&effects_of(&mut console, keys)).is_empty());
    let effects = effects_of(&mut console, [key(Key::Enter), key(Key::Enter)]);
    let [
        ConflictOrder::Settle {
            number: 7,
            decision: Decision::Stand,
            reason,
            approval: Some(approval),
        },
    ] = orders(&effects)[..]
    else {
        panic!("{effects:?}");
    };
    assert_eq!(reason, "borne, as goodwill");
    assert_eq!(approval.operator.as_deref(), Some("Ben"));
    assert_eq!(approval.pin, Some(Pin::new("2468".to_owned())));
    // A wrong PIN is asked again, and nothing else is.
    let refused = Msg::BackTold(BackTold::Conflict(ConflictTold::Refused(
        "the PIN is wrong".to_owned(),
    )));
    console.update(refused);
    let effects = effects_of(&mut console, [typed("1357"), key(Key::Enter)]);
    assert_eq!(orders(&effects).len(), 1);
    let done = Conflict {
        settled: settled().settled,
        ..double()
    };
    let effects = console.update(Msg::BackTold(BackTold::Conflict(ConflictTold::Settled(
        Box::new(done),
    ))));
    assert_eq!(orders(&effects), [&ConflictOrder::List]);
    let shown = text(&drawn(&console, (80, 24)));
    assert!(shown.contains("settled: written off, Chloé"), "{shown}");
}

#[test]
fn where_nobody_signs_in_no_pin_is_asked() {
    let msgs = [
        opened(vec![], vec![]),
        key(Key::F(6)),
        key(Key::F(6)),
        listed(SettledAt::Here),
    ];
    let mut console = model(DARK, (80, 24), false, &msgs);
    let keys = [
        key(Key::Enter),
        typed("2"),
        key(Key::Enter),
        typed("1"),
        key(Key::Enter),
    ];
    let effects = effects_of(&mut console, keys);
    assert!(matches!(
        orders(&effects)[..],
        [ConflictOrder::Settle {
            decision: Decision::WriteOff,
            approval: None,
            ..
        }]
    ));
}

#[test]
fn a_store_settles_nothing_and_says_where_it_is_settled() {
    let mut console = model(DARK, (80, 24), false, &at_conflicts(SettledAt::Hub));
    let keys = [
        key(Key::Enter),
        typed("1"),
        key(Key::Enter),
        key(Key::Enter),
    ];
    assert!(orders(&effects_of(&mut console, keys)).is_empty());
    let shown = text(&drawn(&console, (80, 24)));
    assert!(shown.contains("A manager settles it at the hub"), "{shown}");
}

#[test]
fn scans_are_judged_on_the_screen_of_the_conflicts_and_drop_what_is_asked() {
    let mut console = model(DARK, (80, 24), false, &at_conflicts(SettledAt::Here));
    effects_of(&mut console, [key(Key::Enter), typed("1"), key(Key::Enter)]);
    let effects = console.update(scan("BCDFGHJKLNPRST"));
    assert!(matches!(
        effects[..],
        [Effect::Scan {
            number: 1,
            may_judge: true,
            ..
        }]
    ));
    console.update(judged(1, accepted()));
    let shown = text(&drawn(&console, (80, 24)));
    assert!(shown.contains("What is decided?"), "{shown}");
    assert!(shown.contains("Free coffee"), "{shown}");
    // A scanner that types slowly is no digit.
    let effects = effects_of(&mut console, [typed("BCDFGHJKLNPRST"), key(Key::Enter)]);
    assert!(matches!(effects[..], [Effect::Scan { number: 2, .. }]));
    // A badge changes the operator, and what the one before was asked is gone.
    console.update(Msg::SignedIn {
        operator: operator("Ben", Role::Manager),
        number: Some(2),
    });
    assert!(!text(&drawn(&console, (80, 24))).contains("What is decided?"));
    // Nothing that is typed or pressed by chance orders anything.
    let effects = console.update(input(vec![]));
    assert!(effects.is_empty());
}
