//! The screens with a form: a scan is redeemed above them, and what was typed stays.

use counterfoil::devices::scan::input::Key;
use counterfoil::domain::verdict::Verdict;
use counterfoil::tui::keys;
use counterfoil::tui::model::Model;
use counterfoil::tui::msg::{Effect, Msg};

use crate::screens::{
    DARK, SIZES, accepted, after, answer, drawn, effects, judged, key, model, operator, scan,
    scan_effect, scan_for_field, signed_in, text, typed, used,
};

/// The function keys of the forms, and a word that only that screen shows.
const FORMS: [(u8, &str); 2] = [(3, "SIGN-UP"), (4, " FIND ")];

#[test]
fn a_scan_above_a_form_is_redeemed_and_the_form_kept() {
    for (number, title) in FORMS {
        for size in SIZES {
            let mut model = model(DARK, size, false, &signed_in());
            effects(&mut model, [key(Key::F(number)), typed("half a wo")]);
            let mut ordered = effects(&mut model, [scan("BCDFGHJKLNPRST")]);
            assert!(
                matches!(
                    ordered.pop(),
                    Some(Effect::Scan {
                        number: 1,
                        may_judge: true,
                        ..
                    })
                ),
                "{title}"
            );
            let waiting = text(&drawn(&model, size));
            assert!(
                waiting.contains("do not hand over") && waiting.contains("half a wo"),
                "{waiting}"
            );
            let mut done = effects(&mut model, [judged(1, accepted())]);
            // Find shows the code's life below the verdict.
            done.retain(|effect| !matches!(effect, Effect::Find { .. }));
            assert_eq!(done, [Effect::Bell { times: 1 }]);
            let shown = text(&drawn(&model, size));
            for words in [
                "give the offer",
                "Free coffee, any size",
                "#1",
                title,
                "half a wo",
            ] {
                assert!(shown.contains(words), "{words} is missing:\n{shown}");
            }
            assert_eq!(model.drawn(), [Effect::MarkShown { entry: 41 }]);
            // Its age is told as on the home screen; the next verdict takes its place.
            model.update(Msg::Ticked { now: after(90) });
            assert!(text(&drawn(&model, size)).contains("s ago"));
            effects(&mut model, [scan("x"), judged(2, used())]);
            let shown = text(&drawn(&model, size));
            assert!(
                shown.contains("used yesterday 18:02, Station Road"),
                "{shown}"
            );
            // The home screen lists both, and undo is where it was.
            model.update(key(Key::Esc));
            let home = text(&drawn(&model, size));
            assert!(
                home.contains("Ready for the next scan") && !home.contains(title),
                "{home}"
            );
            assert_eq!(effects(&mut model, [key(Key::F(8))]), [Effect::ListUndo]);
            model.update(key(Key::F(number)));
            assert!(text(&drawn(&model, size)).contains("half a wo"));
        }
    }
}

#[test]
fn what_is_no_code_fills_the_field_that_waits_for_it() {
    let mut model = model(DARK, (80, 24), false, &signed_in());
    model.update(key(Key::F(4)));
    let done = effects(
        &mut model,
        [scan("]C14006381333931"), Msg::NoCode { number: 1 }],
    );
    assert_eq!(done, [scan_for_field(1, "]C14006381333931")]);
    let shown = text(&drawn(&model, (80, 24)));
    assert!(
        shown.contains("4006381333931") && shown.contains("redeemed at once"),
        "{shown}"
    );
    // Nobody waits for it any more: it is judged, and nothing is lost.
    let done = effects(
        &mut model,
        [
            scan("4006381333931"),
            key(Key::Esc),
            Msg::NoCode { number: 2 },
        ],
    );
    assert_eq!(
        done,
        [
            scan_for_field(2, "4006381333931"),
            scan_effect(3, "4006381333931", true)
        ]
    );
}

#[test]
fn a_question_is_asked_at_home_and_the_form_waits() {
    for (number, title) in FORMS {
        let mut model = model(DARK, (80, 24), false, &signed_in());
        effects(&mut model, [key(Key::F(number)), typed("Mar"), scan("x")]);
        model.update(judged(1, answer(Verdict::NeedsAnswer, "receipt number?")));
        assert!(text(&drawn(&model, (80, 24))).contains("Receipt number"));
        let done = effects(&mut model, [typed("4711"), key(Key::Enter)]);
        assert!(
            matches!(done[..], [Effect::Redeem { number: 2, .. }]),
            "{done:?}"
        );
        effects(&mut model, [judged(2, accepted()), key(keys::PREFIX)]);
        model.update(typed(&number.to_string()));
        let shown = text(&drawn(&model, (80, 24)));
        assert!(shown.contains(title) && shown.contains("Mar"), "{shown}");
        assert!(shown.contains("give the offer"), "{shown}");
    }
}

#[test]
fn the_badge_of_another_empties_the_form_and_so_does_signing_out() {
    for (number, title) in FORMS {
        let mut model = model(DARK, (80, 24), false, &signed_in());
        effects(
            &mut model,
            [key(Key::F(number)), typed("Mar"), scan("badge")],
        );
        let ben = || Msg::SignedIn {
            operator: operator("Ben", counterfoil::domain::operator::Role::Manager),
            number: Some(1),
        };
        model.update(ben());
        let shown = text(&drawn(&model, (80, 24)));
        assert!(shown.contains("Ben (manager)"), "{shown}");
        let is_empty = |model: &Model| {
            let shown = text(&drawn(model, (80, 24)));
            assert!(shown.contains(title) && !shown.contains("Mar"), "{shown}");
        };
        model.update(key(Key::F(number)));
        is_empty(&model);
        effects(
            &mut model,
            [typed("Mar"), key(Key::F(10)), ben(), key(Key::F(number))],
        );
        is_empty(&model);
    }
}

#[test]
fn a_terminal_that_is_too_small_shows_verdicts_and_takes_no_form() {
    let size = (40, 10);
    let mut model = model(DARK, size, false, &signed_in());
    effects(&mut model, [key(Key::F(3)), scan("x"), judged(1, used())]);
    let shown = text(&drawn(&model, size));
    assert!(shown.contains("enlarge the window"), "{shown}");
    assert_eq!(effects(&mut model, [key(Key::Enter), key(Key::Enter)]), []);
}
