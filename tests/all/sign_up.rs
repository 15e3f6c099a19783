//! The sign-up screen: what it asks, what it orders, what it shows.
#![expect(
    clippy::indexing_slicing,
    reason = "helpers of tests may fail as tests do"
)]

use std::{iter, slice};

use counterfoil::devices::scan::input::Key as Press;
use counterfoil::domain::campaign::{Campaign, ContactKind, Rules};
use counterfoil::domain::claim::{Claim, ClaimWord, Look, Looked, LookedCode};
use counterfoil::domain::ids::Key;
use counterfoil::domain::operator::{Operator, Role};
use counterfoil::domain::sign_up::{GivenOutChoice, SignUpAsk, SignUpRoom};
use counterfoil::domain::slip::Slip;
use counterfoil::domain::slip_job::{OpenSlip, SlipJob, SlipOutcome};
use counterfoil::tui::model::Model;
use counterfoil::tui::msg::{Effect, Msg};
use counterfoil::tui::theme::{Palette, Theme};
use ratatui::buffer::Buffer;
use ratatui::style::Color;
use rqrr::PreparedImage;

use crate::screens::{
    DARK, MONO, SIZES, Scene, after, check, check_in_colour, drawn, effects, judged, key, model,
    now, scan, scan_for_field, signed_in, status, text, then, typed, used,
};

const CODE: &str = "BCDFGHJKLNPRST";

fn campaign(id: &str, offer: &str) -> Campaign {
    Campaign {
        id: id.parse().expect("a name"),
        revision: 1,
        is_paused: false,
        rules: Rules::new(offer),
    }
}

fn form_key(name: &str) -> Key {
    name.parse().expect("a key")
}

/// What there is to choose from: one campaign is paused, and the newest sign-up was of the second.
fn room(name: &str) -> Msg {
    let mut paused = campaign("old", "Summer sale");
    paused.is_paused = true;
    let mut coffee = campaign("coffee", "Free coffee, any size");
    coffee.rules.ends_at = Some(after(86_400 * 30));
    Msg::SignUpRoomRead(Box::new(SignUpRoom {
        campaigns: vec![paused, campaign("news", "15 % off everything"), coffee],
        first: Some("coffee".parse().expect("a name")),
        key: form_key(name),
    }))
}

fn printer() -> Msg {
    Msg::PrinterHealth {
        words: "ready".to_owned(),
        is_well: true,
    }
}

/// The form is open, at the name.
fn open() -> Vec<Msg> {
    then(signed_in(), [printer(), key(Press::F(3)), room("k1")])
}

/// So many ticks, at the same moment.
fn ticks(count: usize) -> impl Iterator<Item = Msg> {
    iter::repeat_n(Msg::Ticked { now: after(60) }, count)
}

/// Maria is typed, and her contact was looked at.
fn maria() -> Vec<Msg> {
    let mut msgs = then(
        open(),
        [typed("Maria"), key(Press::Tab), typed("maria@example.org")],
    );
    msgs.extend(ticks(2));
    msgs
}

fn looked(number: u64, look: Look) -> Msg {
    Msg::Looked { number, look }
}

fn has_one(state: &'static str) -> Look {
    Look::One(Looked {
        customer_id: "Uxyz".to_owned(),
        newest: Some(LookedCode {
            masked: "…GHJK".to_owned(),
            state,
            is_usable: state == "assigned",
            expires_at: Some(after(86_400 * 30)),
        }),
        codes_held: 1,
        per_customer: 1,
        is_tester: false,
    })
}

fn claim(word: ClaimWord) -> Claim {
    let has_code = matches!(
        word,
        ClaimWord::Assigned | ClaimWord::Replayed | ClaimWord::AlreadyAssigned
    );
    Claim {
        word,
        code: has_code.then(|| CODE.to_owned()),
        state: has_code.then_some("assigned"),
        assignment_id: None,
        customer_id: None,
        key: "k1".to_owned(),
        expires_at: has_code.then(|| after(86_400 * 30)),
        slip: None,
        beyond_limit: 0,
        campaign: "coffee".parse().expect("an id"),
        fallback: None,
        because: None,
    }
}

fn claimed(claim: Claim) -> Msg {
    Msg::Claimed {
        key: form_key("k1"),
        claim: Box::new(claim),
    }
}

fn job(number: i64) -> SlipJob {
    SlipJob {
        number,
        slip: Slip {
            store: "Riverside".to_owned(),
            campaign: "coffee".to_owned(),
            offer: "Free coffee, any size".to_owned(),
            code: CODE.to_owned(),
            name: Some("Maria".to_owned()),
            validity: "valid until Sat 11 Apr 2026".to_owned(),
            issued: "Thu 12 Mar 2026 14:32".to_owned(),
            copy: 1,
            is_test: false,
        },
    }
}

fn asked() -> Vec<Msg> {
    then(
        maria(),
        [
            looked(1, Look::Nobody),
            key(Press::Enter),
            key(Press::Enter),
        ],
    )
}

/// It has been in view for as long as eyes need.
fn seen(mut msgs: Vec<Msg>) -> Vec<Msg> {
    msgs.extend(ticks(2));
    msgs
}

fn signed_up() -> Vec<Msg> {
    let mut with_slip = claim(ClaimWord::Assigned);
    with_slip.slip = Some(job(7));
    let printed = Msg::SlipPrinted {
        number: 7,
        outcome: SlipOutcome::Printed,
    };
    seen(then(asked(), [claimed(with_slip), printed]))
}

fn choices() -> Msg {
    let choice = |seconds, code: &str, name: Option<&str>| GivenOutChoice {
        code: code.to_owned(),
        campaign: "coffee".parse().expect("a name"),
        offer: "Free coffee, any size".to_owned(),
        name: name.map(str::to_owned),
        at: after(seconds),
    };
    Msg::GivenOutListed {
        choices: vec![
            choice(58, CODE, Some("Maria")),
            choice(10, "CDFGHJKLNPRSTV", None),
        ],
    }
}

fn doubtful() -> Msg {
    let slip = |number, name: Option<&str>, why: Option<&str>| OpenSlip {
        number,
        code: CODE.to_owned(),
        campaign: "coffee".to_owned(),
        name: name.map(str::to_owned),
        copy: 1,
        why: why.map(str::to_owned),
        counter: "Counter 2".to_owned(),
        at: after(-600),
    };
    Msg::SlipsListed {
        slips: vec![
            slip(7, Some("Maria"), Some("paper_out")),
            slip(4, None, None),
        ],
    }
}

/// What the desk and the printer may say at any time.
pub(crate) fn said(at: usize) -> Msg {
    let mut with_slip = claim(ClaimWord::Assigned);
    with_slip.slip = Some(job(7));
    match at {
        0 => room("k1"),
        1 => looked(1, Look::Nobody),
        2 => looked(2, has_one("\u{1b}[5m")),
        3 => claimed(with_slip),
        4 => claimed(claim(ClaimWord::AlreadyAssigned)),
        5 => claimed(claim(ClaimWord::KeyConflict)),
        6 => choices(),
        7 => doubtful(),
        8 => Msg::Cancelled {
            code: CODE.to_owned(),
            problem: None,
        },
        9 => Msg::SlipRefused {
            words: "\u{9b}2J no".to_owned(),
        },
        _ => Msg::SlipPrinted {
            number: 7,
            outcome: SlipOutcome::Unconfirmed("\u{7}cover".to_owned()),
        },
    }
}

/// Everything that the screen may look like.
pub(crate) fn scenes() -> Vec<Scene> {
    let test = || status(false, None, 2, &["coffee"]);
    let verdict = [scan("x"), judged(1, used())];
    let confirm = [looked(1, Look::Nobody), key(Press::Enter)];
    let again = [claimed(claim(ClaimWord::AlreadyAssigned))];
    let none_left = [claimed(claim(ClaimWord::PoolExhausted))];
    let of_test_mode = [claimed(Claim {
        state: Some("test"),
        ..claim(ClaimWord::Assigned)
    })];
    vec![
        ("sign-up", false, open()),
        (
            "sign-up-known",
            false,
            then(maria(), [looked(1, has_one("redeemed"))]),
        ),
        ("sign-up-asked", false, then(maria(), confirm)),
        ("sign-up-test", true, then(maria(), [test(), doubtful()])),
        ("sign-up-scan", false, then(maria(), verdict)),
        ("sign-up-done", false, signed_up()),
        ("sign-up-has-one", false, seen(then(asked(), again))),
        (
            "sign-up-test-code",
            false,
            seen(then(then(asked(), [test()]), of_test_mode)),
        ),
        ("sign-up-exhausted", false, then(asked(), none_left)),
        (
            "take-back",
            false,
            then(signed_up(), [key(Press::F(8)), choices(), typed("2")]),
        ),
        (
            "slips",
            false,
            then(open(), [key(Press::F(7)), doubtful(), typed("1")]),
        ),
    ]
}

#[test]
fn every_sign_up_at_every_size() {
    for (name, is_training, msgs) in scenes() {
        if matches!(name, "sign-up-done" | "sign-up-test-code") {
            // Its QR code is nothing without colours.
            check_in_colour(name, is_training, &msgs);
        } else {
            check(name, is_training, &msgs);
        }
    }
}

fn ask() -> Effect {
    Effect::SignUp(Box::new(SignUpAsk {
        campaign: "coffee".parse().expect("a name"),
        name: Some("Maria".to_owned()),
        contacts: vec![(ContactKind::Email, "maria@example.org".to_owned())],
        consents: false,
        key: form_key("k1"),
        prints: true,
    }))
}

fn shown(model: &Model) -> String {
    text(&drawn(model, (80, 24)))
}

#[test]
fn a_walk_in_is_signed_up_by_a_contact_and_two_keys() {
    let mut model = model(DARK, (80, 24), false, &signed_in());
    let done = effects(&mut model, [printer(), key(Press::F(3))]);
    assert_eq!(done, [Effect::ReadSignUpRoom, Effect::ListSlips]);
    let typing = [
        room("k1"),
        typed("Maria"),
        key(Press::Enter),
        typed("maria@example.org"),
    ];
    assert_eq!(effects(&mut model, typing), []);
    // Looked at once the typing has paused, and once only.
    let look = Effect::LookFor {
        number: 1,
        campaign: "coffee".parse().expect("a name"),
        contacts: vec![(ContactKind::Email, "maria@example.org".to_owned())],
    };
    assert_eq!(effects(&mut model, ticks(6)), [look]);
    assert_eq!(
        effects(&mut model, [looked(1, Look::Nobody), key(Press::Enter)]),
        []
    );
    assert!(shown(&model).contains("Enter again: give Free coffee, any size to Maria"));
    assert_eq!(
        effects(&mut model, [key(Press::Enter), key(Press::Enter)]),
        [ask()]
    );
    let mut with_slip = claim(ClaimWord::Assigned);
    with_slip.slip = Some(job(7));
    let done = effects(&mut model, [claimed(with_slip)]);
    assert_eq!(done, [Effect::Print(Box::new(job(7)))]);
    let answer = shown(&model);
    for words in [
        "BCDF-GHJK-LNPR-ST",
        "valid until",
        "Maria",
        "printing the slip",
    ] {
        assert!(answer.contains(words), "{words}: {answer}");
    }
    let outcome = SlipOutcome::Unconfirmed("paper_out".to_owned());
    let note = Effect::NoteSlip {
        number: 7,
        outcome: outcome.clone(),
    };
    let done = effects(&mut model, [Msg::SlipPrinted { number: 7, outcome }]);
    assert_eq!(done, [note]);
    assert!(
        shown(&model).contains("not confirmed: paper out"),
        "{}",
        shown(&model)
    );
    // Printed again by two keys, and never by one.
    assert_eq!(effects(&mut model, [key(Press::F(7)), key(Press::Esc)]), []);
    let again = [key(Press::F(7)), key(Press::Enter)];
    let reprint = Effect::Reprint {
        code: CODE.to_owned(),
    };
    assert_eq!(effects(&mut model, again), [reprint]);
    // On to the next, with nothing of the last.
    effects(&mut model, ticks(2));
    let done = effects(&mut model, [key(Press::Enter), room("k2")]);
    assert_eq!(done, [Effect::ReadSignUpRoom]);
    let next = shown(&model);
    assert!(
        !next.contains("Maria") && next.contains("‹ coffee ›"),
        "{next}"
    );
}

#[test]
fn one_key_never_gives_a_code_and_a_changed_form_asks_anew() {
    let mut model = model(DARK, (80, 24), false, &maria());
    let changed = [
        looked(1, Look::Nobody),
        key(Press::Enter),
        typed("x"),
        key(Press::Enter),
        key(Press::Esc),
        key(Press::Enter),
    ];
    let done = effects(&mut model, changed);
    assert!(
        done.iter()
            .all(|effect| matches!(effect, Effect::LookFor { .. })),
        "{done:?}"
    );
    // The answer to an older look says nothing about this form.
    model.update(looked(1, has_one("assigned")));
    assert!(!shown(&model).contains("Has one already"));
}

#[test]
fn who_has_one_is_told_before_anything_is_claimed() {
    for (state, words) in [
        ("redeemed", "Has one already: …GHJK, used."),
        (
            "assigned",
            "Has one already: …GHJK, valid until Sat 11 Apr 2026",
        ),
        (
            "expired",
            "Has one already: …GHJK, was valid until Sat 11 Apr 2026",
        ),
    ] {
        let mut model = model(DARK, (80, 24), false, &maria());
        model.update(looked(1, has_one(state)));
        assert!(shown(&model).contains(words), "{}", shown(&model));
        model.update(key(Press::Enter));
        assert!(shown(&model).contains("No new code is given"));
    }
    let mut model = model(DARK, (80, 24), false, &maria());
    effects(
        &mut model,
        [
            looked(1, Look::Several),
            key(Press::Enter),
            key(Press::Enter),
        ],
    );
    assert!(shown(&model).contains("belong to two customers"));
    assert!(!shown(&model).contains("Enter again"));
}

#[test]
fn a_contact_that_is_none_is_said_when_it_is_left() {
    let invalid = Look::Invalid {
        kind: ContactKind::Email,
        why: "\"maria\" is not an e-mail address: it has no @".to_owned(),
    };
    let mut model = model(DARK, (80, 24), false, &maria());
    model.update(looked(1, invalid.clone()));
    assert!(shown(&model).contains("not complete yet"));
    model.update(key(Press::Tab));
    assert!(shown(&model).contains("it has no @"));
    let done = effects(&mut model, [key(Press::Enter), key(Press::Enter)]);
    assert_eq!(done, []);
    // The marked line is the one to be mended.
    assert!(shown(&model).contains("› E-mail"), "{}", shown(&model));
}

#[test]
fn a_refused_form_stays_as_it_is_and_is_the_same_act_when_asked_again() {
    for (word, words) in [
        (ClaimWord::PoolExhausted, "no code of this offer is left"),
        (ClaimWord::NotLive, "coffee gives no codes now"),
        (
            ClaimWord::NotEligible,
            "gives no code to this customer here",
        ),
        (ClaimWord::ContactsDisagree, "belong to two customers"),
        (ClaimWord::InvalidContact, "name the customer by"),
    ] {
        let mut model = model(DARK, (80, 24), false, &asked());
        effects(&mut model, [claimed(claim(word))]);
        let refused = shown(&model);
        assert!(
            refused.contains(words) && refused.contains("maria@example.org"),
            "{refused}"
        );
        let done = effects(&mut model, [key(Press::Enter), key(Press::Enter)]);
        assert!(done.contains(&ask()), "{word:?}: {done:?}");
    }
    // Also where the ledger could not do it.
    let mut model = model(DARK, (80, 24), false, &asked());
    let failed = Msg::ActFailed {
        number: None,
        words: "the disk is full".to_owned(),
        hint: "free some space".to_owned(),
    };
    effects(&mut model, [failed]);
    assert!(
        shown(&model).contains("the disk is full"),
        "{}",
        shown(&model)
    );
    let done = effects(&mut model, [key(Press::Enter), key(Press::Enter)]);
    assert_eq!(done, [ask()]);
}

#[test]
fn a_scan_in_the_middle_of_typing_leaves_the_form() {
    let mut model = model(DARK, (80, 24), false, &maria());
    effects(
        &mut model,
        [
            looked(1, Look::Nobody),
            key(Press::Enter),
            scan("x"),
            judged(1, used()),
        ],
    );
    let above = shown(&model);
    assert!(
        above.contains("Station Road") && above.contains("maria@example.org"),
        "{above}"
    );
    let two_keys = [key(Press::Enter), key(Press::Enter)];
    assert_eq!(effects(&mut model, two_keys), [ask()]);
    // To the home screen and back, nothing typed is lost; the answer comes wherever one is.
    effects(
        &mut model,
        [key(Press::F(2)), claimed(claim(ClaimWord::Assigned))],
    );
    let home = shown(&model);
    assert!(
        !home.contains("SIGN-UP") && home.contains("F3 shows it"),
        "{home}"
    );
    let back = effects(&mut model, [key(Press::F(3))]);
    assert_eq!(back, [Effect::ReadSignUpRoom, Effect::ListSlips]);
    assert!(shown(&model).contains(" SIGNED UP "));
}

#[test]
fn a_loyalty_card_is_scanned_into_its_line_only() {
    let mut model = model(DARK, (80, 24), false, &open());
    let plain = effects(&mut model, [scan("4006381333931")]);
    assert!(
        matches!(plain[..], [Effect::Scan { fills: false, .. }]),
        "{plain:?}"
    );
    effects(&mut model, iter::repeat_n(key(Press::Tab), 3));
    let done = effects(&mut model, [scan("]C1990815"), Msg::NoCode { number: 2 }]);
    assert_eq!(done, [scan_for_field(2, "]C1990815")]);
    let filled = shown(&model);
    assert!(filled.contains("› Loyalty no.   990815"), "{filled}");
    let look = effects(&mut model, ticks(2));
    assert!(
        matches!(look[..], [Effect::LookFor { number: 1, .. }]),
        "{look:?}"
    );
}

#[test]
fn campaigns_are_chosen_by_arrows_and_live_ones_come_first() {
    let mut model = model(DARK, (80, 24), false, &open());
    model.update(key(Press::Up));
    for (arrow, campaign) in [
        (Press::Left, "‹ news ›"),
        (Press::Left, "‹ news ›"),
        (Press::Right, "‹ coffee ›"),
        (Press::Right, "‹ old ›  PAUSED – Summer sale"),
        (Press::Right, "‹ old ›"),
    ] {
        model.update(key(arrow));
        assert!(
            shown(&model).contains(campaign),
            "{campaign}: {}",
            shown(&model)
        );
    }
}

#[test]
fn consent_is_a_tick_that_nobody_makes_by_chance() {
    let mut model = model(DARK, (80, 24), false, &maria());
    model.update(looked(1, Look::Nobody));
    effects(&mut model, iter::repeat_n(key(Press::Tab), 3));
    model.update(typed(" "));
    assert!(shown(&model).contains("[x] they agree"));
    let done = effects(&mut model, [key(Press::Enter), key(Press::Enter)]);
    let [Effect::SignUp(ask)] = &done[..] else {
        panic!("{done:?}");
    };
    assert!(ask.consents);
}

#[test]
fn what_was_given_out_is_taken_back_by_three_keys() {
    let mut model = model(DARK, (80, 24), false, &signed_up());
    let done = effects(&mut model, [key(Press::F(8)), choices(), key(Press::Enter)]);
    assert_eq!(done, [Effect::ListGivenOut], "a digit first");
    let cancel = Effect::Cancel {
        code: CODE.to_owned(),
        reason: "wrong campaign".to_owned(),
    };
    assert_eq!(
        effects(&mut model, [typed("2"), key(Press::Enter)]),
        [cancel]
    );
    let refused = Msg::Cancelled {
        code: CODE.to_owned(),
        problem: Some("the code has been used".to_owned()),
    };
    model.update(refused);
    assert!(shown(&model).contains("the code has been used"));
    let done = effects(
        &mut model,
        [Msg::Cancelled {
            code: CODE.to_owned(),
            problem: None,
        }],
    );
    assert_eq!(done, [Effect::ReadSignUpRoom], "a fresh key");
    let form = shown(&model);
    assert!(
        form.contains("…PRST is void") && form.contains("maria@example.org"),
        "{form}"
    );
    // The next one is another act.
    effects(&mut model, [room("k2"), key(Press::Enter)]);
    let done = effects(&mut model, [key(Press::Enter)]);
    let [Effect::SignUp(ask)] = &done[..] else {
        panic!("{done:?}");
    };
    assert_eq!(ask.key, form_key("k2"));
}

#[test]
fn doubtful_slips_are_counted_printed_again_or_settled() {
    let mut model = model(DARK, (80, 24), false, &open());
    effects(&mut model, [status(false, None, 2, &[]), doubtful()]);
    assert!(shown(&model).contains("2 slips not confirmed: F7"));
    assert!(shown(&model).contains("! 2 slips not confirmed"));
    let list = effects(
        &mut model,
        [key(Press::F(7)), doubtful(), key(Press::Enter)],
    );
    assert_eq!(list, [Effect::ListSlips], "a digit first");
    let again = effects(
        &mut model,
        [typed("1"), key(Press::Enter), key(Press::Enter)],
    );
    let reprint = Effect::Reprint {
        code: CODE.to_owned(),
    };
    assert_eq!(again, [reprint]);
    let ordered = Msg::SlipOrdered {
        job: Box::new(job(9)),
    };
    let done = effects(&mut model, [ordered]);
    assert_eq!(done, [Effect::Print(Box::new(job(9)))]);
    let has_it = [key(Press::Down), typed("2"), key(Press::Enter)];
    assert_eq!(
        effects(&mut model, has_it),
        [Effect::SettleSlip { number: 4 }]
    );
}

#[test]
fn a_marked_slip_stays_marked_when_the_list_is_read_anew() {
    let slip = |number: i64, code: &str| OpenSlip {
        number,
        code: code.to_owned(),
        campaign: "coffee".to_owned(),
        name: None,
        copy: 1,
        why: Some("silent".to_owned()),
        counter: "Counter 2".to_owned(),
        at: after(-600),
    };
    let listed = |slips: &[OpenSlip]| Msg::SlipsListed {
        slips: slips.to_vec(),
    };
    let (old, new) = (slip(4, "CDFGHJKLNPRSTV"), slip(9, CODE));
    let opened = then(open(), [key(Press::F(7)), listed(slice::from_ref(&old))]);
    let mut model = model(DARK, (80, 24), false, &opened);
    // Another one is in doubt before the digit is pressed: the newest is listed first.
    effects(&mut model, [typed("2"), listed(&[new.clone(), old])]);
    assert!(shown(&model).contains("the printer says nothing"));
    let done = effects(&mut model, [key(Press::Enter)]);
    assert_eq!(done, [Effect::SettleSlip { number: 4 }]);
    // The one that a digit was typed for is gone: the digit is no answer for another.
    let gone = [key(Press::Down), typed("2"), listed(slice::from_ref(&new))];
    effects(&mut model, gone);
    assert_eq!(effects(&mut model, [key(Press::Enter)]), []);
    assert!(shown(&model).contains("a digit says what is to be done"));
    // What another counter has settled is off the list, and off the note below the form.
    let refused = Msg::SlipRefused {
        words: "this slip is settled already".to_owned(),
    };
    assert_eq!(effects(&mut model, [refused]), [Effect::ListSlips]);
    let counted = [status(false, None, 1, &[]), status(false, None, 1, &[])];
    assert_eq!(effects(&mut model, counted), [Effect::ListSlips]);
}

#[test]
fn an_ill_printer_leaves_room_for_the_slips_beside_it() {
    let ill = Msg::PrinterHealth {
        words: "the printer is out of paper".to_owned(),
        is_well: false,
    };
    let msgs = then(open(), [ill, status(false, None, 2, &[])]);
    let model = model(DARK, (60, 18), false, &msgs);
    let narrow = text(&drawn(&model, (60, 18)));
    assert!(
        narrow.contains("! printer is out of paper  ! 2 slips not confirmed"),
        "{narrow}"
    );
}

#[test]
fn enter_says_why_a_contact_will_not_do() {
    let why = "\"bo@\" is no e-mail address";
    let invalid = || Look::Invalid {
        kind: ContactKind::Email,
        why: why.to_owned(),
    };
    let half = then(open(), [key(Press::Tab), typed("bo@")]);
    let mut slow = model(DARK, (80, 24), false, &half);
    effects(&mut slow, ticks(2));
    effects(&mut slow, [looked(1, invalid())]);
    assert!(shown(&slow).contains("not complete yet"));
    effects(&mut slow, [key(Press::Enter)]);
    assert!(shown(&slow).contains(why), "{}", shown(&slow));
    effects(&mut slow, [key(Press::Backspace)]);
    assert!(!shown(&slow).contains(why), "it was about another line");
    // Whoever is faster than the look is told as well, and nothing is given.
    let mut fast = model(DARK, (80, 24), false, &half);
    effects(&mut fast, [key(Press::Enter), looked(1, invalid())]);
    assert!(shown(&fast).contains(why), "{}", shown(&fast));
    assert!(!shown(&fast).contains("Enter again"));
}

#[test]
fn another_campaign_is_chosen_knowingly() {
    let exhausted = then(asked(), [claimed(claim(ClaimWord::PoolExhausted))]);
    let mut model = model(DARK, (80, 24), false, &exhausted);
    assert!(shown(&model).contains("no code of this offer is left"));
    effects(&mut model, [key(Press::Up), key(Press::Up)]);
    assert!(shown(&model).contains("2 of 3 · Left, Right"));
    effects(&mut model, [key(Press::Right)]);
    let other = shown(&model);
    assert!(other.contains("‹ old ›  PAUSED – Summer sale"), "{other}");
    assert!(!other.contains("no code of this offer"), "of the other one");
}

#[test]
fn whoever_has_one_already_is_told_its_state() {
    let mut has_one = claim(ClaimWord::AlreadyAssigned);
    has_one.expires_at = None;
    let model = model(DARK, (80, 24), false, &then(asked(), [claimed(has_one)]));
    assert!(shown(&model).contains("not used yet"), "{}", shown(&model));
}

#[test]
fn what_is_pasted_for_an_address_or_a_phone_fills_its_line() {
    let mut model = model(DARK, (80, 24), false, &then(open(), [key(Press::Tab)]));
    let asks = |number, raw: &str| [scan_for_field(number, raw)];
    let done = effects(&mut model, [scan("anna@example.org")]);
    assert_eq!(done, asks(1, "anna@example.org"), "it may yet be a code");
    effects(&mut model, [Msg::NoCode { number: 1 }]);
    assert!(shown(&model).contains("› E-mail        anna@example.org"));
    effects(&mut model, [key(Press::Tab)]);
    effects(
        &mut model,
        [scan("+44 20 7946 0958"), Msg::NoCode { number: 2 }],
    );
    assert!(shown(&model).contains("› Phone         +44 20 7946 0958"));
    // What looks like neither is judged, as anywhere.
    for (number, raw) in [(3, "4006381333931"), (4, "anna@example.org")] {
        let done = effects(&mut model, [scan(raw)]);
        let [Effect::Scan { fills, .. }] = &done[..] else {
            panic!("{done:?}");
        };
        assert!(!fills, "{number}: {raw}");
    }
    effects(&mut model, [key(Press::BackTab)]);
    for raw in [
        "MATMSG:TO:bo@example.org;;",
        "mailto:bo@example.org",
        "a@b",
        "@x.y",
    ] {
        let done = effects(&mut model, [scan(raw)]);
        assert!(
            matches!(&done[..], [Effect::Scan { fills: false, .. }]),
            "{raw}"
        );
    }
}

#[test]
fn what_cannot_be_seen_is_not_filled_in() {
    let mut model = model(DARK, (80, 24), false, &open());
    let resized = |columns, rows| Msg::Resized { columns, rows };
    effects(&mut model, [resized(50, 12), typed("x"), resized(80, 24)]);
    assert!(
        shown(&model).contains("› Name          ▏"),
        "{}",
        shown(&model)
    );
}

#[test]
fn a_scan_that_fails_says_nothing_of_the_sign_up_at_the_desk() {
    let failed = Msg::ActFailed {
        number: Some(1),
        words: "the disk is full".to_owned(),
        hint: "Free some room".to_owned(),
    };
    let mut model = model(DARK, (80, 24), false, &then(asked(), [scan("x"), failed]));
    effects(&mut model, [claimed(claim(ClaimWord::Assigned))]);
    assert!(shown(&model).contains("SIGNED UP"), "{}", shown(&model));
}

#[test]
fn one_enter_too_many_does_not_take_the_answer_out_of_view() {
    let given = then(asked(), [claimed(claim(ClaimWord::Assigned))]);
    let mut model = model(DARK, (80, 24), false, &given);
    effects(&mut model, [key(Press::Enter)]);
    assert!(shown(&model).contains("SIGNED UP"), "{}", shown(&model));
    assert!(!shown(&model).contains("Enter: next customer"));
    effects(&mut model, ticks(2));
    assert!(shown(&model).contains("Enter: next customer"));
    effects(&mut model, [key(Press::Enter)]);
    assert!(shown(&model).contains("may stay empty"));
}

#[test]
fn a_scan_drops_the_question_and_keeps_the_form() {
    let confirm = [looked(1, Look::Nobody), key(Press::Enter), scan("x")];
    let mut form = model(DARK, (80, 24), false, &then(maria(), confirm));
    assert!(!shown(&form).contains("Enter again"), "{}", shown(&form));
    assert!(shown(&form).contains("maria@example.org"));
    assert_eq!(effects(&mut form, [key(Press::Enter)]), [], "it asks anew");
    assert!(shown(&form).contains("Enter again"));
    // So does one after F7, and one while something is to be taken back.
    let mut done = model(DARK, (80, 24), false, &signed_up());
    effects(&mut done, [key(Press::F(7))]);
    assert!(shown(&done).contains("Enter prints the slip again"));
    effects(&mut done, [scan("x")]);
    assert!(!shown(&done).contains("Enter prints the slip again"));
    let list = [key(Press::F(8)), choices(), typed("1"), scan("y")];
    effects(&mut done, list);
    assert!(shown(&done).contains("SIGNED UP"), "{}", shown(&done));
}

#[test]
fn a_barcode_too_long_for_the_line_is_not_half_of_it() {
    let at_loyalty = then(open(), [key(Press::Tab), key(Press::Tab), key(Press::Tab)]);
    let mut model = model(DARK, (80, 24), false, &at_loyalty);
    let done = effects(&mut model, [scan("7".repeat(121))]);
    assert!(
        matches!(&done[..], [Effect::Scan { fills: false, .. }]),
        "{done:?}"
    );
    let done = effects(&mut model, [scan("7".repeat(120))]);
    assert!(
        matches!(&done[..], [Effect::Scan { fills: true, .. }]),
        "{done:?}"
    );
}

#[test]
fn a_code_that_a_slow_scanner_types_is_a_scan_also_when_it_ends_with_a_tab() {
    for end in [Press::Enter, Press::Tab] {
        let mut model = model(DARK, (80, 24), false, &then(open(), [key(Press::Tab)]));
        let done = effects(&mut model, [typed("NXKS-LNHBCNHBJD"), key(end)]);
        assert!(
            matches!(&done[..], [Effect::Scan { .. }]),
            "{end:?}: {done:?}"
        );
        assert!(!shown(&model).contains("NXKS"), "{}", shown(&model));
    }
}

#[test]
fn whatever_is_wrong_is_said_to_its_end() {
    let why = "\"020 7946 0958\" is not a phone number: write it with its country, as in \
               +44 20 7946 0958, or say which country the store dials in: phone_region under \
               [store], or here";
    let mut model = model(DARK, (80, 24), false, &asked());
    effects(
        &mut model,
        [Msg::SignUpRefused {
            words: why.to_owned(),
        }],
    );
    assert!(shown(&model).contains("or here"), "{}", shown(&model));
}

#[test]
fn nobody_is_said_to_be_signed_in_who_has_signed_out() {
    let badge = Msg::SignedIn {
        operator: Operator {
            name: "Max".to_owned(),
            role: Role::Manager,
        },
        number: None,
    };
    let mut model = model(DARK, (80, 24), false, &then(open(), [badge]));
    assert!(shown(&model).contains("Max is signed in"));
    effects(&mut model, [key(Press::F(10))]);
    assert!(
        !shown(&model).contains("Max is signed in"),
        "{}",
        shown(&model)
    );
}

#[test]
fn a_slip_is_printed_for_whoever_has_signed_out() {
    let mut model = model(DARK, (80, 24), false, &asked());
    effects(&mut model, [key(Press::F(2)), key(Press::F(10))]);
    let mut with_slip = claim(ClaimWord::Assigned);
    with_slip.slip = Some(job(7));
    let done = effects(&mut model, [claimed(with_slip)]);
    assert_eq!(done, [Effect::Print(Box::new(job(7)))]);
    assert!(!shown(&model).contains("BCDF"), "{}", shown(&model));
}

/// The picture of some cells in a terminal with these colours for ink and ground, 6 × 12 dots each;
/// luminance.
fn picture(buffer: &Buffer, (ink, ground): (u8, u8)) -> (usize, usize, Vec<u8>) {
    let luminance = |colour: Color, own: u8| {
        if colour == Color::Indexed(16) {
            0
        } else if colour == Color::Indexed(231) {
            255
        } else {
            own
        }
    };
    let (columns, rows) = (
        usize::from(buffer.area.width),
        usize::from(buffer.area.height),
    );
    let (width, height) = (columns * 6, rows * 12);
    let mut dots = vec![ground; width * height];
    for (at, cell) in buffer.content.iter().enumerate() {
        let (left, top) = (at % columns * 6, at / columns * 12);
        for y in 0..12 {
            let is_upper = cell.symbol() == "▀" && y < 6;
            let dot = if is_upper || cell.symbol() == "█" {
                luminance(cell.fg, ink)
            } else {
                luminance(cell.bg, ground)
            };
            for x in 0..6 {
                dots[(top + y) * width + left + x] = dot;
            }
        }
    }
    (width, height, dots)
}

fn read_back(buffer: &Buffer, terminal: (u8, u8)) -> Vec<String> {
    let (width, height, dots) = picture(buffer, terminal);
    PreparedImage::prepare_from_greyscale(width, height, |x, y| dots[y * width + x])
        .detect_grids()
        .iter()
        .filter_map(|grid| grid.decode().ok())
        .map(|(_, text)| text)
        .collect()
}

#[test]
fn the_qr_on_the_screen_reads_in_any_theme() {
    // Dark, light, and both kinds of solarized.
    for terminal in [(200, 24), (40, 255), (131, 30), (105, 245)] {
        for (size, palette) in [
            ((80, 24), Palette::Dark),
            ((80, 24), Palette::Light),
            ((120, 40), Palette::Dark),
            ((200, 60), Palette::Light),
        ] {
            let theme = Theme {
                palette,
                is_ascii: false,
            };
            let model = model(theme, size, false, &signed_up());
            let buffer = drawn(&model, size);
            assert_eq!(
                read_back(&buffer, terminal),
                [CODE],
                "{terminal:?} {size:?}"
            );
        }
    }
    // Also under the banners of training and test mode.
    let mut model = model(DARK, (80, 24), true, &signed_up());
    model.update(status(false, None, 0, &["coffee"]));
    assert_eq!(read_back(&drawn(&model, (80, 24)), (200, 24)), [CODE]);
}

#[test]
fn where_no_qr_can_be_the_letters_are_and_why() {
    let bare = |size, theme| text(&drawn(&model(theme, size, false, &signed_up()), size));
    for size in SIZES {
        let plain = bare(size, MONO);
        assert!(plain.contains("no QR code without colours") && plain.contains("BCDF-GHJK"));
    }
    let small = bare((60, 18), DARK);
    assert!(
        small.contains("enlarge the window") && small.contains("BCDF-GHJK"),
        "{small}"
    );
    // A console without half blocks has room for it when it is large.
    let theme = Theme {
        palette: Palette::Sixteen,
        is_ascii: true,
    };
    assert!(bare((80, 24), theme).contains("enlarge the window"));
    let wide = drawn(&model(theme, (120, 40), false, &signed_up()), (120, 40));
    assert!(!text(&wide).contains("enlarge the window"));
    assert!(wide.content.iter().any(|cell| cell.bg == Color::White));
    assert_eq!(now(), after(0));
}
