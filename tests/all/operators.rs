//! The page of the operators, the shift change and the lock: messages in, cells and orders out.
use std::io::Write as _;
use std::process::Stdio;

use counterfoil::devices::scan::input::Key;
use counterfoil::domain::operator::{ListedOperator, Operator, Role};
use counterfoil::domain::verdict::{ApprovalCause, Verdict};
use counterfoil::tui::back_order::{BackOrder, BackTold};
use counterfoil::tui::model::{LOCK_AFTER, Model};
use counterfoil::tui::msg::{ApprovalAsk, Effect, Msg, Pin, WhyNotJudged};
use counterfoil::tui::operator_order::{Badge, OperatorOrder, OperatorTold, OperatorWish};

use serde_json::json;

use crate::screens::{
    DARK, accepted, after, answer, check, drawn, effects, judged, key, model, opened, operator,
    scan, signed_in, staff, text, then, typed,
};
use crate::shop::{Kept, Ran, Shop};

/// Changes the operators of a shop by the command line, a PIN on standard input.
fn operators_of(shop: &Shop, arguments: &[&str], pin: &str) -> Ran {
    let mut command = shop.command();
    command.arg("operator").args(arguments);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("begun");
    let mut input = child.stdin.take().expect("an input");
    writeln!(input, "{pin}").expect("written");
    drop(input);
    Ran::of(&child.wait_with_output().expect("ended"))
}

#[test]
fn who_can_approve_is_never_the_last_to_go_on_either_engine() {
    for kept in Kept::EITHER {
        let shop = Shop::kept(kept, &[], 1);
        let of = |arguments: &[&str]| operators_of(&shop, arguments, "86420");
        of(&["add", "mia", "--role", "manager"]).well();
        of(&["add", "ana"]).well();
        of(&["add", "eva", "--role", "manager", "--no-pin"]).well();
        // Eva has no PIN: she approves nothing.
        for last in [&["remove", "mia"][..], &["set-role", "mia", "cashier"]] {
            let refused = of(last);
            assert_eq!(refused.exit, 1, "{last:?}");
            assert!(
                refused.errors.contains("last_manager"),
                "{}",
                refused.errors
            );
        }
        of(&["set-role", "ana", "manager"]).well();
        assert!(
            of(&["set-role", "ana", "manager"])
                .errors
                .contains("already")
        );
        of(&["set-role", "mia", "cashier"]).well();
        let badge = of(&["set-badge", "ana"]);
        assert!(badge.well().json()["badge"].is_string());
        let listed = of(&["list"]);
        assert_eq!(
            listed.lines.first(),
            Some(&json!({
                "operator": "ana", "role": "manager", "has_pin": true, "has_badge": true,
                "last_seen_at": null, "is_hubs": false,
            })),
        );
        for gone in ["eva", "mia"] {
            of(&["remove", gone]).well();
        }
        // Alone she cannot become a cashier, and may go.
        assert!(
            of(&["set-role", "ana", "cashier"])
                .errors
                .contains("last_manager")
        );
        of(&["remove", "ana"]).well();
        assert!(of(&["list"]).lines.is_empty());
        shop.assert_well();
    }
}

const SIZE: (u16, u16) = (80, 24);
const CODE: &str = "BCDFGHJKLNPRST";

fn listed(name: &str, role: Role, seen: Option<i64>) -> ListedOperator {
    ListedOperator {
        operator: operator(name, role),
        has_pin: true,
        has_badge: seen.is_some(),
        last_seen_at: seen.map(after),
        is_hubs: false,
    }
}

fn told(told: OperatorTold) -> Msg {
    Msg::BackTold(BackTold::Operator(told))
}

fn all() -> Msg {
    let head_office = ListedOperator {
        has_badge: false,
        is_hubs: true,
        ..listed("Zoe", Role::Manager, Some(-400_000))
    };
    told(OperatorTold::Listed(vec![
        listed("Ana", Role::Cashier, Some(50)),
        listed("Ben", Role::Manager, Some(-73_000)),
        listed("Chloé", Role::Manager, None),
        head_office,
    ]))
}

/// The page, with everybody on it.
fn page() -> Vec<Msg> {
    let begun = then(signed_in(), to_the_page());
    then(begun, [all()])
}

/// The page where nobody signs in.
fn nobody() -> Vec<Msg> {
    let begun = then(vec![opened(Vec::new(), Vec::new())], to_the_page());
    then(begun, [told(OperatorTold::Listed(Vec::new()))])
}

/// From page to page of the same key, until it is this one.
fn to_the_page() -> Vec<Msg> {
    let mut model = model(DARK, SIZE, false, &signed_in());
    let mut keys = Vec::new();
    while !screen(&model).contains("─ OPERATORS ─") {
        assert!(keys.len() < 9, "no such page: {}", screen(&model));
        model.update(key(Key::F(5)));
        keys.push(key(Key::F(5)));
    }
    keys
}

fn enter() -> Msg {
    key(Key::Enter)
}

fn change(name: &str, wish: OperatorWish, pin: Option<&str>) -> Effect {
    Effect::Back(Box::new(BackOrder::Operator(OperatorOrder::Change {
        name: name.to_owned(),
        wish,
        approval: pin.map(|pin| ApprovalAsk {
            operator: Some("Ben".to_owned()),
            pin: Some(Pin::new(pin.to_owned())),
            reason: "operators".to_owned(),
        }),
    })))
}

fn read_badge(raw: &str) -> Effect {
    Effect::Back(Box::new(BackOrder::Operator(OperatorOrder::ReadBadge {
        name: "Ana".to_owned(),
        badge: Badge::new(raw.as_bytes().to_vec()),
    })))
}

fn list() -> Effect {
    Effect::Back(Box::new(BackOrder::Operator(OperatorOrder::List)))
}

fn screen(model: &Model) -> String {
    text(&drawn(model, SIZE))
}

/// Ana's badge is awaited.
fn badge_awaited() -> Vec<Msg> {
    then(page(), [enter(), typed("2"), enter()])
}

/// Ana's new PIN is typed twice, and a manager's is awaited.
fn pin_typed() -> Vec<Msg> {
    let lines = [
        typed("1"),
        enter(),
        typed("8642"),
        enter(),
        typed("8642"),
        enter(),
    ];
    then(then(page(), [enter()]), lines)
}

#[test]
fn the_page_is_drawn_at_every_size() {
    check("operators", false, &page());
    let none = nobody();
    check("operators-none", false, &none);
    check("operator-menu", false, &then(page(), [enter(), typed("3")]));
    let add = [
        key(Key::F(7)),
        typed("Dora"),
        enter(),
        enter(),
        typed("246"),
    ];
    check("operator-add", false, &then(page(), add));
    check("operator-badge", false, &badge_awaited());
    check("operator-manager", false, &then(pin_typed(), [typed("13")]));
    let remove = [key(Key::Down), enter(), typed("4"), enter()];
    check("operator-remove", false, &then(page(), remove));
}

#[test]
fn a_new_operator_is_added_with_a_pin_typed_twice_and_a_managers_pin() {
    let mut model = model(DARK, SIZE, false, &page());
    let more = [
        key(Key::F(7)),
        typed("Dora"),
        enter(),
        key(Key::Right),
        enter(),
        typed("2468"),
        enter(),
        typed("2469"),
        enter(),
    ];
    assert_eq!(effects(&mut model, more), []);
    assert!(
        screen(&model).contains("the two PINs differ"),
        "{}",
        screen(&model)
    );
    let mended = [
        key(Key::Backspace),
        typed("8"),
        enter(),
        typed("86420"),
        enter(),
    ];
    let wish = OperatorWish::Add {
        role: Role::Manager,
        pin: Pin::new("2468".to_owned()),
    };
    assert_eq!(
        effects(&mut model, mended),
        [change("Dora", wish, Some("86420"))]
    );
    assert!(!screen(&model).contains("2468"), "no PIN is drawn");
    // A wrong one is asked again, and what was filled in stays.
    let refused = told(OperatorTold::Refused("the PIN is wrong".to_owned()));
    effects(&mut model, [refused]);
    assert!(screen(&model).contains("not done: the PIN is wrong"));
    let again = effects(&mut model, [typed("1357"), enter()]);
    assert!(matches!(again.as_slice(), [Effect::Back(_)]), "{again:?}");
    let done = told(OperatorTold::Changed("Dora may sign in".to_owned()));
    assert_eq!(effects(&mut model, [done]), [list()]);
    assert!(screen(&model).contains("Dora may sign in"));
}

#[test]
fn nothing_is_changed_by_fewer_than_two_keys_and_a_scan_drops_what_is_asked() {
    for digit in 1..=4 {
        let mut model = model(DARK, SIZE, false, &page());
        let asked = effects(&mut model, [enter(), typed(&digit.to_string()), enter()]);
        assert_eq!(asked, [], "{digit}");
    }
    let mut model = model(DARK, SIZE, false, &pin_typed());
    let ordered = effects(&mut model, [typed("1357"), scan(CODE), enter()]);
    assert!(
        matches!(
            ordered.as_slice(),
            [Effect::Scan {
                may_judge: true,
                ..
            }]
        ),
        "{ordered:?}"
    );
    assert!(!screen(&model).contains("PIN, Enter"), "{}", screen(&model));
}

#[test]
fn where_nobody_signs_in_the_first_is_a_manager_and_needs_no_approval() {
    let none = nobody();
    let mut model = model(DARK, SIZE, false, &none);
    let lines = [
        key(Key::F(7)),
        typed("Ben"),
        enter(),
        typed("86420"),
        enter(),
        typed("86420"),
        enter(),
    ];
    let wish = OperatorWish::Add {
        role: Role::Manager,
        pin: Pin::new("86420".to_owned()),
    };
    assert_eq!(effects(&mut model, lines), [change("Ben", wish, None)]);
    // From now on everybody signs in.
    let operators = vec![operator("Ben", Role::Manager)];
    model.update(Msg::OperatorsRead { operators });
    assert!(screen(&model).contains("SIGN IN"), "{}", screen(&model));
}

#[test]
fn the_only_operator_is_removed_and_it_is_said_that_nobody_signs_in() {
    let ben = vec![operator("Ben", Role::Manager)];
    let begun = vec![
        opened(ben, Vec::new()),
        Msg::SignedIn {
            operator: operator("Ben", Role::Manager),
            number: None,
        },
    ];
    let listed = OperatorTold::Listed(vec![listed("Ben", Role::Manager, Some(0))]);
    let begun = then(then(begun, to_the_page()), [told(listed)]);
    let mut model = model(DARK, SIZE, false, &begun);
    effects(&mut model, [enter(), typed("4"), enter()]);
    assert!(
        screen(&model).contains("NOBODY SIGNS IN"),
        "{}",
        screen(&model)
    );
    let ordered = effects(&mut model, [enter(), typed("86420"), enter()]);
    assert_eq!(
        ordered,
        [change("Ben", OperatorWish::Remove, Some("86420"))]
    );
    let operators = Vec::new();
    effects(&mut model, [Msg::OperatorsRead { operators }]);
    let shown = screen(&model);
    assert!(
        shown.contains("NOBODY SIGNS IN any more") && shown.contains("open to all"),
        "{shown}"
    );
}

#[test]
fn a_badge_is_scanned_into_its_field_and_a_code_is_judged_even_there() {
    let mut model = model(DARK, SIZE, false, &badge_awaited());
    // The field takes it: nothing is judged, and nobody is signed in by it.
    let asked = effects(&mut model, [scan("STAFF-0042")]);
    assert_eq!(asked, [read_badge("STAFF-0042")]);
    assert!(
        !format!("{asked:?}").contains("STAFF"),
        "a badge is a secret"
    );
    let badge = Badge::new(b"STAFF-0042".to_vec());
    effects(&mut model, [told(OperatorTold::BadgeFits(badge.clone()))]);
    let shown = screen(&model);
    assert!(
        shown.contains("read. Enter goes on") && !shown.contains("STAFF"),
        "{shown}"
    );
    // A code meanwhile: it was no badge after all, is judged, and the field says so.
    assert_eq!(effects(&mut model, [scan(CODE)]), [read_badge(CODE)]);
    let code = Badge::new(CODE.as_bytes().to_vec());
    let ordered = effects(&mut model, [told(OperatorTold::IsCode(code))]);
    let [
        Effect::Scan {
            number,
            came: None,
            raw,
            may_judge: true,
            fills: false,
        },
    ] = ordered.as_slice()
    else {
        panic!("{ordered:?}");
    };
    assert_eq!(raw, CODE.as_bytes());
    effects(&mut model, [judged(*number, accepted())]);
    let shown = screen(&model);
    for words in ["Free coffee", "that was a customer's code", "scan it now"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    // Without a badge there is nothing to approve.
    assert_eq!(effects(&mut model, [enter()]), []);
    effects(
        &mut model,
        [
            scan("STAFF-0042"),
            told(OperatorTold::BadgeFits(badge.clone())),
        ],
    );
    let ordered = effects(&mut model, [enter(), typed("86420"), enter()]);
    assert_eq!(
        ordered,
        [change("Ana", OperatorWish::SetBadge(badge), Some("86420"))]
    );
    // Once it is no more awaited, a scan is a scan.
    let ordered = effects(&mut model, [key(Key::Esc), scan("STAFF-0042")]);
    assert!(
        matches!(ordered.as_slice(), [Effect::Scan { .. }]),
        "{ordered:?}"
    );
}

#[test]
fn an_operator_of_the_hub_is_not_changed_here() {
    let mut model = model(DARK, SIZE, false, &page());
    effects(&mut model, [key(Key::PageDown), enter()]);
    assert!(
        screen(&model).contains("Zoe is an operator of the hub"),
        "{}",
        screen(&model)
    );
}

fn badge_of(operator: Operator, number: u64) -> Msg {
    Msg::SignedIn {
        operator,
        number: Some(number),
    }
}

#[test]
fn a_shift_changes_by_one_scan_and_takes_the_forms_of_the_one_before_with_it() {
    for (form, title) in [(3, "SIGN-UP"), (4, " FIND ")] {
        let mut model = model(DARK, SIZE, false, &signed_in());
        effects(&mut model, [key(Key::F(form)), typed("maria@example.org")]);
        assert!(screen(&model).contains("maria@example.org"));
        // Ana's own badge once more changes nothing.
        let ana = operator("Ana", Role::Cashier);
        effects(&mut model, [scan("BADGE-ANA"), badge_of(ana, 1)]);
        let shown = screen(&model);
        assert!(
            shown.contains("maria@example.org") && shown.contains(title),
            "{shown}"
        );
        let ben = operator("Ben", Role::Manager);
        effects(&mut model, [scan("BADGE-BEN"), badge_of(ben, 2)]);
        let shown = screen(&model);
        assert!(
            shown.contains("Ben (manager)") && shown.contains("LAST SCANS"),
            "{shown}"
        );
        effects(&mut model, [key(Key::F(form))]);
        let shown = screen(&model);
        assert!(shown.contains(title) && !shown.contains("maria"), "{shown}");
    }
}

#[test]
fn a_shift_change_drops_what_the_one_before_was_asked() {
    let asked = [
        (Verdict::NeedsAnswer, "Receipt number"),
        (Verdict::NeedsCustomer, "Number or e-mail"),
        (Verdict::NeedsApproval(ApprovalCause::Campaign), "Manager"),
    ];
    for (verdict, label) in asked {
        let begun = [scan(CODE), judged(1, answer(verdict, "asked")), typed("86")];
        let mut model = model(DARK, SIZE, false, &then(signed_in(), begun));
        assert!(screen(&model).contains(label), "{}", screen(&model));
        let ben = operator("Ben", Role::Manager);
        effects(&mut model, [scan("BADGE-BEN"), badge_of(ben, 2)]);
        let shown = screen(&model);
        assert!(
            !shown.contains(label) && shown.contains("Ben (manager)"),
            "{shown}"
        );
        // What was half typed is nobody's: Enter orders nothing.
        assert_eq!(
            effects(&mut model, [typed("420"), key(Key::Esc), enter()]),
            []
        );
    }
    // The same by F10 and a PIN.
    let manager = answer(Verdict::NeedsApproval(ApprovalCause::Campaign), "asked");
    let begun = [scan(CODE), judged(1, manager), typed("86")];
    let mut model = model(DARK, SIZE, false, &then(signed_in(), begun));
    let ben = Msg::SignedIn {
        operator: operator("Ben", Role::Manager),
        number: None,
    };
    assert_eq!(
        effects(&mut model, [key(Key::F(10)), ben]),
        [Effect::SignOut]
    );
    assert!(!screen(&model).contains("Manager  "), "{}", screen(&model));
    assert_eq!(effects(&mut model, [enter()]), []);
}

#[test]
fn an_open_page_of_the_back_room_is_left_with_its_settlement() {
    let mut model = model(DARK, SIZE, false, &pin_typed());
    effects(&mut model, [typed("864")]);
    let ben = operator("Ben", Role::Manager);
    effects(&mut model, [badge_of(ben, 1)]);
    effects(&mut model, then(to_the_page(), [all()]));
    let shown = screen(&model);
    assert!(
        shown.contains("OPERATORS") && !shown.contains("PIN, Enter"),
        "{shown}"
    );
}

fn ticked(seconds: i64) -> Msg {
    Msg::Ticked {
        now: after(seconds),
    }
}

#[test]
fn an_idle_console_locks_itself_and_keeps_the_verdict() {
    let begun = [
        scan(CODE),
        judged(1, accepted()),
        key(Key::F(3)),
        typed("maria@example.org"),
    ];
    let mut model = model(DARK, SIZE, false, &then(signed_in(), begun));
    let idle = LOCK_AFTER.as_secs();
    assert_eq!(effects(&mut model, [ticked(60 + idle - 1)]), []);
    // A key and a scan are somebody.
    effects(
        &mut model,
        [key(Key::F(1)), key(Key::F(1)), ticked(60 + idle + 5)],
    );
    effects(&mut model, [scan("x"), ticked(60 + 2 * idle)]);
    assert!(screen(&model).contains("Ana (cashier)"));
    let at = 60 + idle + 5 + idle;
    assert_eq!(effects(&mut model, [ticked(at)]), [Effect::SignOut]);
    check_locked(&model);
    // What was typed is gone; the code that was honoured is listed for whoever comes next.
    let ana = Msg::SignedIn {
        operator: operator("Ana", Role::Cashier),
        number: None,
    };
    effects(&mut model, [ana]);
    let shown = screen(&model);
    assert!(shown.contains("Free coffee"), "{shown}");
    effects(&mut model, [key(Key::F(3))]);
    assert!(!screen(&model).contains("maria"), "{}", screen(&model));
}

fn check_locked(model: &Model) {
    let shown = screen(model);
    for words in [
        "LOCKED: nobody was here for 5 minutes",
        "SIGN IN",
        "signed out",
        "› Ana",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    assert!(!shown.contains("maria"), "{shown}");
}

#[test]
fn a_locked_console_takes_a_scan_only_to_say_so_and_a_late_verdict_is_not_lost() {
    // The hub is asked about a scan when the console locks itself.
    let begun = [scan(CODE), Msg::AskingHub { number: 1 }];
    let mut model = model(DARK, SIZE, false, &then(signed_in(), begun));
    effects(&mut model, [ticked(60 + LOCK_AFTER.as_secs())]);
    let ordered = effects(&mut model, [judged(1, accepted())]);
    assert_eq!(ordered, [Effect::Bell { times: 1 }]);
    assert!(screen(&model).contains("Free coffee"), "{}", screen(&model));
    assert_eq!(model.drawn(), [Effect::MarkShown { entry: 41 }]);
    let ordered = effects(&mut model, [scan("CDFGHJKLNPRSTV")]);
    assert!(
        matches!(
            ordered.as_slice(),
            [Effect::Scan {
                number: 2,
                may_judge: false,
                ..
            }]
        ),
        "{ordered:?}"
    );
    let why = WhyNotJudged::SignedOut;
    effects(&mut model, [Msg::NotJudged { number: 2, why }]);
    assert!(screen(&model).contains("sign in and scan again"));
}

#[test]
fn a_console_that_is_open_to_all_or_told_never_to_does_not_lock_itself() {
    let open = [opened(Vec::new(), Vec::new()), ticked(100_000)];
    let mut free = model(DARK, SIZE, false, &[]);
    assert_eq!(effects(&mut free, open), []);
    assert!(screen(&free).contains("Ready for the next scan"));
    // A clock that is set back begins anew, and does not lock for a day.
    let mut stepped = model(DARK, SIZE, false, &signed_in());
    let back = [ticked(-90_000), ticked(-90_000 + LOCK_AFTER.as_secs())];
    assert_eq!(effects(&mut stepped, back), [Effect::SignOut]);
}

#[test]
fn who_was_removed_at_another_counter_is_signed_out_and_who_got_a_role_has_it() {
    let mut model = model(DARK, SIZE, false, &signed_in());
    let mut operators = staff();
    if let Some(ana) = operators.first_mut() {
        ana.role = Role::Manager;
    }
    let told = Msg::OperatorsRead { operators };
    assert_eq!(effects(&mut model, [told]), []);
    assert!(screen(&model).contains("Ana (manager)"));
    let operators = staff().split_off(1);
    let told = Msg::OperatorsRead { operators };
    assert_eq!(effects(&mut model, [told]), [Effect::SignOut]);
    let shown = screen(&model);
    assert!(
        shown.contains("SIGN IN") && !shown.contains("Ana"),
        "{shown}"
    );
}
