//! The Find screen: what is typed, the list, the life of a code, and what is done from there.

use counterfoil::devices::scan::input::Key;
use counterfoil::domain::claim::{Claim, ClaimWord};
use counterfoil::domain::customer::MaskedContact;
use counterfoil::domain::finding::{Finding, FoundCode, FoundLife, Holder};
use counterfoil::domain::ids;
use counterfoil::domain::log::{Life, LifeEntry};
use counterfoil::domain::reversal::{Reversal, ReversalWord};
use counterfoil::domain::slip_job::SlipOutcome;
use counterfoil::tui::find_order::{FindOrder, FindTold};
use counterfoil::tui::model::Model;
use counterfoil::tui::msg::{ApprovalAsk, Effect, Msg, Pin};

use crate::screens::{
    DARK, SIZES, accepted, after, answer, check, drawn, effects, judged, key, model, scan,
    signed_in, text, then, typed,
};

const CODE: &str = "BCDFGHJKLNPRST";
const OTHER: &str = "CDFGHJKLNPRSTV";

fn contacts() -> Vec<MaskedContact> {
    vec![
        MaskedContact {
            kind: "email",
            masked: "m…@example.org".to_owned(),
        },
        MaskedContact {
            kind: "phone",
            masked: "…0958".to_owned(),
        },
    ]
}

fn found_code(code: &str, state: &'static str, seconds: i64) -> FoundCode {
    FoundCode {
        code: code.to_owned(),
        campaign: "spring-menu".to_owned(),
        state,
        changed_at: Some(after(seconds)),
        expires_at: Some(after(864_000)),
    }
}

fn maria() -> Holder {
    Holder {
        customer_id: Some("UBCDF".to_owned()),
        name: Some("Maria Rossi".to_owned()),
        contacts: contacts(),
        codes: vec![
            found_code(CODE, "assigned", -50),
            found_code(OTHER, "redeemed", -90_000),
        ],
    }
}

fn finding(holders: Vec<Holder>) -> Finding {
    Finding {
        holders,
        ..Finding::default()
    }
}

fn entry(id: &str, seconds: i64, kind: &'static str, words: &[&str]) -> LifeEntry {
    LifeEntry {
        id: id.to_owned(),
        at: after(seconds),
        kind,
        store: "Riverside".to_owned(),
        counter: "Counter 2".to_owned(),
        operator: Some("Ana".to_owned()),
        detail: String::new(),
        words: words.iter().map(|word| (*word).to_owned()).collect(),
        until: None,
        undoes: None,
    }
}

fn form_key() -> ids::Key {
    "form-1".parse().expect("a key")
}

fn life(state: &'static str, uses_made: u32, entries: Vec<LifeEntry>) -> FoundLife {
    FoundLife {
        life: Life {
            code: CODE.to_owned(),
            campaign: "spring-menu".to_owned(),
            ordinal: Some(7),
            state,
            holder: "node".to_owned(),
            customer_id: Some("UBCDF".to_owned()),
            expires_at: Some(after(864_000)),
            uses_made,
            entries,
        },
        offer: "Free coffee, any size".to_owned(),
        uses: 2,
        name: Some("Maria Rossi".to_owned()),
        contacts: contacts(),
        key: form_key(),
    }
}

fn unused() -> FoundLife {
    life(
        "assigned",
        0,
        vec![entry("n-1-1", -90_000, "assigned", &[])],
    )
}

/// Given out, used, undone, and used twice since.
fn busy() -> FoundLife {
    let mut given = entry("n-1-1", -900_000, "assigned", &[]);
    given.until = Some(after(864_000));
    let mut undone = entry(
        "n-1-3",
        -95_000,
        "reversed",
        &["approved by Ben", "reason: sale was cancelled"],
    );
    undone.undoes = Some("n-1-2".to_owned());
    life(
        "redeemed",
        2,
        vec![
            given,
            entry("n-1-2", -99_000, "redeemed", &["use 1", "confirmed"]),
            undone,
            entry("n-1-4", -4_000, "redeemed", &["use 1", "confirmed"]),
            entry("n-1-5", -30, "redeemed", &["use 2", "confirmed"]),
        ],
    )
}

fn told(number: u64, told: FindTold) -> Msg {
    Msg::FindTold { number, told }
}

fn found(number: u64, finding: Finding) -> Msg {
    told(number, FindTold::Found(finding))
}

fn found_on(number: u64, found: Finding) -> Msg {
    told(number, FindTold::FoundOn { found, next: None })
}

fn opened(number: u64, life: FoundLife) -> Msg {
    told(number, FindTold::Life(Box::new(life)))
}

fn order(number: u64, order: FindOrder) -> Effect {
    Effect::Find {
        number,
        order: Box::new(order),
    }
}

fn open(number: u64, code: &str) -> Effect {
    let code = code.to_owned();
    order(number, FindOrder::Open { code })
}

fn at_find() -> Vec<Msg> {
    then(signed_in(), [key(Key::F(4))])
}

fn listed() -> Vec<Msg> {
    let nobody = Holder {
        customer_id: None,
        name: None,
        contacts: Vec::new(),
        codes: vec![found_code("CF-7K2M-PRST", "void", -4_000)],
    };
    then(
        at_find(),
        [
            typed("prst"),
            key(Key::Enter),
            found(1, Finding::default()),
            found_on(2, finding(vec![maria(), nobody])),
        ],
    )
}

fn in_life(life: FoundLife) -> Vec<Msg> {
    then(listed(), [key(Key::Enter), opened(3, life)])
}

fn shown(model: &Model) -> String {
    text(&drawn(model, (80, 24)))
}

#[test]
fn every_page_of_find_at_every_size() {
    let asked = |key_number, more: Vec<Msg>| {
        let life = if key_number == 8 { busy() } else { unused() };
        then(then(in_life(life), [key(Key::F(key_number))]), more)
    };
    let claim = Msg::FindTold {
        number: 4,
        told: FindTold::Replaced(Box::new(claim(ClaimWord::Assigned))),
    };
    let scenes: Vec<(&str, Vec<Msg>)> = vec![
        ("find", at_find()),
        (
            "find-nothing",
            then(
                at_find(),
                [
                    typed("wxyz"),
                    key(Key::Enter),
                    found(1, Finding::default()),
                    found_on(2, Finding::default()),
                ],
            ),
        ),
        ("find-list", listed()),
        ("find-life", in_life(busy())),
        ("find-undo", asked(8, vec![typed("3")])),
        (
            "find-manager",
            asked(
                9,
                vec![
                    typed("1"),
                    key(Key::Enter),
                    told(4, FindTold::NeedsApproval),
                    typed("86420"),
                ],
            ),
        ),
        (
            "find-replaced",
            asked(9, vec![typed("1"), key(Key::Enter), claim]),
        ),
        (
            "find-scanned",
            then(
                at_find(),
                [scan(CODE), judged(1, accepted()), opened(1, busy())],
            ),
        ),
    ];
    for (name, msgs) in scenes {
        if name == "find-replaced" {
            // Without colours there is no QR code, so the text differs.
            let shown = text(&drawn(&model(DARK, (80, 24), false, &msgs), (80, 24)));
            assert!(shown.contains("CDFG-HJKL-NPRS-TV"), "{shown}");
            continue;
        }
        check(name, false, &msgs);
    }
}

fn claim(word: ClaimWord) -> Claim {
    Claim {
        word,
        code: (word == ClaimWord::Assigned).then(|| OTHER.to_owned()),
        state: Some("assigned"),
        assignment_id: None,
        customer_id: None,
        key: "form-1".to_owned(),
        expires_at: Some(after(864_000)),
        campaign: "spring-menu".parse().expect("a campaign"),
        slip: None,
        fallback: None,
        because: None,
        beyond_limit: 0,
    }
}

#[test]
fn a_search_goes_on_slice_by_slice_and_enter_opens_the_marked_life() {
    let mut model = model(DARK, (80, 24), false, &at_find());
    let text = "prst".to_owned();
    let find = order(1, FindOrder::Find { text: text.clone() });
    assert_eq!(
        effects(&mut model, [typed("prst"), key(Key::Enter)]),
        [find]
    );
    let on = |number, after: &str| {
        let (text, after) = (text.clone(), after.to_owned());
        order(number, FindOrder::FindOn { text, after })
    };
    assert_eq!(
        effects(&mut model, [found(1, Finding::default())]),
        [on(2, "")]
    );
    let mut maria = maria();
    maria.name = Some("Maria \u{1b}[31mRossi".to_owned());
    let part = told(
        2,
        FindTold::FoundOn {
            found: finding(vec![maria]),
            next: Some("K".to_owned()),
        },
    );
    assert_eq!(effects(&mut model, [part]), [on(3, "K")]);
    assert!(shown(&model).contains("looking on"));
    assert_eq!(effects(&mut model, [found_on(3, Finding::default())]), []);
    let list = shown(&model);
    assert!(list.contains("›BCDF-GHJK-LNPR-ST"), "{list}");
    assert!(!list.contains('\u{1b}'));
    assert_eq!(
        effects(&mut model, [key(Key::Down), key(Key::Enter)]),
        [open(4, OTHER)]
    );
    // Back to the list, and from there to the scans.
    effects(&mut model, [opened(4, unused()), key(Key::Esc)]);
    assert!(shown(&model).contains("›CDFG-HJKL"), "{}", shown(&model));
    effects(&mut model, [key(Key::Esc)]);
    assert!(!shown(&model).contains(" FIND "));
}

#[test]
fn a_late_answer_of_another_search_is_nobodys() {
    let mut model = model(DARK, (80, 24), false, &at_find());
    effects(
        &mut model,
        [typed("mar"), key(Key::Enter), typed("ia"), key(Key::Enter)],
    );
    assert_eq!(effects(&mut model, [found(1, finding(vec![maria()]))]), []);
    assert!(!shown(&model).contains("m…@example.org"));
    effects(&mut model, [found(2, finding(vec![maria()]))]);
    assert!(shown(&model).contains("m…@example.org"));
    // Nor one that comes after its asker has gone.
    effects(&mut model, [key(Key::Enter), key(Key::F(10))]);
    let back = Msg::SignedIn {
        operator: crate::screens::staff().remove(0),
        number: None,
    };
    effects(&mut model, [back, key(Key::F(4)), opened(4, unused())]);
    assert!(
        !shown(&model).contains("LIFE OF A CODE"),
        "{}",
        shown(&model)
    );
}

#[test]
fn the_only_code_that_ends_so_and_is_nobodys_shows_its_life_at_once() {
    let mut model = model(DARK, (80, 24), false, &at_find());
    let nobody = Holder {
        customer_id: None,
        codes: vec![found_code(CODE, "assigned", -50)],
        ..maria()
    };
    let done = effects(
        &mut model,
        [
            typed("prst"),
            key(Key::Enter),
            found(1, Finding::default()),
            found_on(2, finding(vec![nobody])),
        ],
    );
    assert_eq!(done.last(), Some(&open(3, CODE)));
}

#[test]
fn a_whole_code_typed_by_hand_is_a_scan_if_its_check_letters_hold() {
    let mut model = model(DARK, (80, 24), false, &at_find());
    let shape = counterfoil::domain::code::Shape::standard();
    let code = shape.generate(&[7; 12]).expect("a code");
    let done = effects(&mut model, [typed(&code), key(Key::Enter)]);
    assert!(
        matches!(&done[..], [Effect::Scan { raw, .. }] if raw == code.as_bytes()),
        "{done:?}"
    );
    // One without them is looked for, and its life shown.
    let done = effects(
        &mut model,
        [
            typed("SUMMER-7"),
            key(Key::Enter),
            found(
                1,
                Finding {
                    code: Some("SUMMER-7".to_owned()),
                    ..Finding::default()
                },
            ),
        ],
    );
    assert_eq!(done.last(), Some(&open(2, "SUMMER-7")));
}

#[test]
fn a_use_is_undone_by_reason_and_a_managers_pin_days_later() {
    let mut model = model(DARK, (80, 24), false, &in_life(busy()));
    // The newest is marked; the one before it stands too.
    let asked = effects(&mut model, [key(Key::Up), key(Key::F(8)), key(Key::Enter)]);
    assert_eq!(asked, [], "no reason yet");
    assert!(shown(&model).contains("a digit picks the reason first"));
    let undo = |number, approval| {
        order(
            number,
            FindOrder::Undo {
                redemption_id: "n-1-4".to_owned(),
                reason: "sale was cancelled".to_owned(),
                approval,
            },
        )
    };
    let done = effects(&mut model, [typed("3"), key(Key::Enter)]);
    assert_eq!(done, [undo(4, None)]);
    let reversal = |word| Reversal {
        word,
        code: Some(CODE.to_owned()),
        redemption_id: Some("n-1-4".to_owned()),
        key: "k".to_owned(),
        at: after(60),
        is_void: false,
    };
    effects(
        &mut model,
        [told(
            4,
            FindTold::Undone(reversal(ReversalWord::NeedsApproval)),
        )],
    );
    assert!(shown(&model).contains("Manager  Ben"), "{}", shown(&model));
    let done = effects(&mut model, [typed("86420"), key(Key::Enter)]);
    let approval = ApprovalAsk {
        operator: Some("Ben".to_owned()),
        pin: Some(Pin::new("86420".to_owned())),
        reason: "sale was cancelled".to_owned(),
    };
    assert_eq!(done, [undo(5, Some(approval))]);
    let done = effects(
        &mut model,
        [told(5, FindTold::Refused("the PIN is wrong".to_owned()))],
    );
    assert_eq!(done, [Effect::Bell { times: 2 }]);
    assert!(shown(&model).contains("the PIN is wrong"));
    effects(&mut model, [typed("13579"), key(Key::Enter)]);
    let done = effects(
        &mut model,
        [told(6, FindTold::Undone(reversal(ReversalWord::Reversed)))],
    );
    assert_eq!(done, [open(7, CODE)]);
    let after = shown(&model);
    assert!(after.contains("the code can be used again"), "{after}");
    let said = after.matches("undone: the code can be used again").count();
    assert_eq!(said, 2, "the strip says so too: {after}");
}

#[test]
fn a_code_is_replaced_under_one_key_and_shown_also_when_a_scan_came_between() {
    let mut model = model(DARK, (80, 24), false, &in_life(unused()));
    let replace = |number| {
        order(
            number,
            FindOrder::Replace {
                ask: counterfoil::domain::finding::ReplaceAsk {
                    code: CODE.to_owned(),
                    reason: "slip was lost".to_owned(),
                    key: form_key(),
                    prints: false,
                },
                approval: None,
            },
        )
    };
    let done = effects(&mut model, [key(Key::F(9)), typed("1"), key(Key::Enter)]);
    assert_eq!(done, [replace(4)]);
    // The ledger could not: the next key is the same act.
    effects(
        &mut model,
        [told(4, FindTold::Failed("the disk is full".to_owned()))],
    );
    assert!(shown(&model).contains("NOT DONE"), "{}", shown(&model));
    assert_eq!(effects(&mut model, [key(Key::Enter)]), [replace(5)]);
    // A scan drops the form and is judged; what was ordered is told all the same.
    let done = effects(&mut model, [scan(OTHER)]);
    assert!(matches!(done[..], [Effect::Scan { .. }]), "{done:?}");
    assert!(!shown(&model).contains("REPLACE:"));
    let done = effects(
        &mut model,
        [
            told(5, FindTold::Replaced(Box::new(claim(ClaimWord::Assigned)))),
            judged(1, accepted()),
        ],
    );
    assert!(done.contains(&open(6, OTHER)), "{done:?}");
    let now = shown(&model);
    assert!(
        now.contains("REPLACED") && now.contains("CDFG-HJKL-NPRS-TV"),
        "{now}"
    );
    assert!(now.contains("…PRST") && now.contains("#1"), "{now}");
}

#[test]
fn an_answer_that_finds_another_screen_is_a_notice() {
    let mut model = model(DARK, (80, 24), false, &in_life(unused()));
    effects(
        &mut model,
        [key(Key::F(9)), typed("1"), key(Key::Enter), key(Key::F(2))],
    );
    let replaced = told(4, FindTold::Replaced(Box::new(claim(ClaimWord::Assigned))));
    effects(&mut model, [replaced]);
    assert!(
        shown(&model).contains("replaced by CDFG"),
        "{}",
        shown(&model)
    );
    effects(&mut model, [key(Key::F(4))]);
    assert!(shown(&model).contains("REPLACED"), "{}", shown(&model));
}

#[test]
fn what_cannot_be_done_is_said_and_nothing_is_asked() {
    let mut model = model(DARK, (80, 24), false, &in_life(busy()));
    for (number, words) in [(9, "only an unused code"), (7, "no printer")] {
        assert_eq!(effects(&mut model, [key(Key::F(number))]), []);
        assert!(shown(&model).contains(words), "{}", shown(&model));
    }
    effects(
        &mut model,
        [
            key(Key::Esc),
            key(Key::Enter),
            opened(4, unused()),
            key(Key::F(8)),
        ],
    );
    assert!(
        shown(&model).contains("nothing to undo"),
        "{}",
        shown(&model)
    );
}

#[test]
fn a_slip_is_printed_again_by_a_second_key() {
    let mut model = model(DARK, (80, 24), false, &in_life(unused()));
    effects(
        &mut model,
        [Msg::PrinterHealth {
            words: "ready".to_owned(),
            is_well: true,
        }],
    );
    assert_eq!(effects(&mut model, [key(Key::F(7))]), []);
    assert!(shown(&model).contains("Enter prints the slip"));
    assert_eq!(effects(&mut model, [key(Key::Esc), key(Key::Enter)]), []);
    let done = effects(&mut model, [key(Key::F(7)), key(Key::Enter)]);
    let code = CODE.to_owned();
    assert_eq!(done, [Effect::Reprint { code }]);
    let refused = Msg::SlipRefused {
        words: "the code is void".to_owned(),
    };
    effects(&mut model, [refused]);
    assert!(shown(&model).contains("the code is void"));
    // Somebody else's slip is not ours.
    effects(
        &mut model,
        [Msg::SlipPrinted {
            number: 9,
            outcome: SlipOutcome::Printed,
        }],
    );
    assert!(!shown(&model).contains("on paper"));
}

#[test]
fn a_scan_on_find_shows_the_codes_life_below_its_verdict() {
    for size in SIZES {
        let mut model = model(DARK, size, false, &at_find());
        let done = effects(&mut model, [scan(CODE), judged(1, accepted())]);
        assert!(done.contains(&open(1, CODE)), "{done:?}");
        effects(&mut model, [opened(1, busy())]);
        let now = text(&drawn(&model, size));
        assert!(
            now.contains("#1") && now.contains("LIFE OF A CODE"),
            "{now}"
        );
        // What is no code has no life.
        let unknown = answer(
            counterfoil::domain::verdict::Verdict::NotFound,
            "no such code",
        );
        let done = effects(&mut model, [scan("x"), judged(2, unknown)]);
        assert!(
            !done
                .iter()
                .any(|effect| matches!(effect, Effect::Find { .. }))
        );
    }
}
