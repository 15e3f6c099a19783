//! The page of the campaigns: messages in, cells and orders out.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use counterfoil::devices::scan::input::Key;
use counterfoil::domain::campaign::{Campaign, Rules};
use counterfoil::domain::campaign_sheet::{CampaignChange, CampaignSheet};
use counterfoil::domain::code::check_letters;
use counterfoil::domain::given_rule::GivenRule;
use counterfoil::domain::test_mode::TestMode;
use counterfoil::tui::back_order::{BackOrder, BackTold};
use counterfoil::tui::campaign_order::{CampaignList, CampaignOrder, CampaignTold};
use counterfoil::tui::model::Model;
use counterfoil::tui::msg::{ApprovalAsk, Effect, Msg, Pin};
use jiff::tz::TimeZone;

use crate::screens::{
    DARK, after, check, drawn, effects, key, model, opened, scan, signed_in, text, then, typed,
    without_bells,
};

const SIZE: (u16, u16) = (80, 24);
const CODE: &str = "BCDFGHJKLNPRST";
const DAY_S: i64 = 86_400;

fn told(told: CampaignTold) -> Msg {
    Msg::BackTold(BackTold::Campaign(told))
}

fn sheet(id: &str, offer: &str, change: impl Fn(&mut Rules)) -> CampaignSheet {
    let mut rules = Rules::new(offer);
    change(&mut rules);
    CampaignSheet {
        campaign: Campaign {
            id: id.parse().unwrap(),
            revision: 3,
            is_paused: false,
            rules,
        },
        test_mode: None,
        left: 4_312,
        claimable: 20_000,
    }
}

fn spring() -> CampaignSheet {
    sheet("spring-menu", "Free coffee", |rules| {
        rules.starts_at = "2026-03-01T00:00:00+01:00".parse().ok();
        rules.ends_at = "2026-04-01T00:00:00+02:00".parse().ok();
        rules.hours = "Mon-Fri 09:00-18:00".parse().ok();
        rules.stores = vec!["Riverside".to_owned(), "Station".to_owned()];
        rules.uses = 2;
    })
}

fn all() -> CampaignList {
    let paused = {
        let mut sheet = sheet("newsletter", "10 % off", |_| {});
        sheet.campaign.is_paused = true;
        sheet.claimable = 0;
        sheet
    };
    let mut staff = sheet("staff-test", "Lunch", |rules| {
        rules.assign_for = "30d".parse().ok();
    });
    staff.test_mode = Some(TestMode {
        campaign: "staff-test".parse().unwrap(),
        until: after(2 * DAY_S),
        customers: vec!["UBCDFGHJKLNPRST".to_owned()],
        drawn: 6,
    });
    let autumn = sheet("autumn", "Free cake", |rules| {
        rules.starts_at = Some(after(200 * DAY_S));
    });
    let winter = sheet("winter", "Free tea", |rules| {
        rules.ends_at = Some(after(-9 * DAY_S));
    });
    CampaignList {
        sheets: vec![spring(), paused, staff, autumn, winter],
        zone: TimeZone::get("Europe/Rome").unwrap(),
        elsewhere: None,
    }
}

fn page_of(begun: Vec<Msg>, list: CampaignList) -> Vec<Msg> {
    let keys = [key(Key::F(5)), key(Key::F(5))];
    then(then(begun, keys), [told(CampaignTold::Listed(list))])
}

/// The page, where a manager signs in.
fn page() -> Vec<Msg> {
    page_of(signed_in(), all())
}

/// The page, where nobody signs in.
fn nobody() -> Vec<Msg> {
    nobodys(all())
}

fn nobodys(list: CampaignList) -> Vec<Msg> {
    page_of(vec![opened(Vec::new(), Vec::new())], list)
}

fn enter() -> Msg {
    key(Key::Enter)
}

/// A letter and Enter, the marked one being so many below the first.
fn letter(letter: &str, below: usize) -> Vec<Msg> {
    let mut msgs = vec![key(Key::Down); below];
    msgs.extend([typed(letter), enter()]);
    msgs
}

fn back(order: CampaignOrder) -> Effect {
    Effect::Back(Box::new(BackOrder::Campaign(order)))
}

fn change(id: &str, change: CampaignChange, pin: Option<&str>) -> Effect {
    back(CampaignOrder::Change {
        campaign: id.parse().unwrap(),
        change,
        approval: pin.map(|pin| ApprovalAsk {
            operator: Some("Ben".to_owned()),
            pin: Some(Pin::new(pin.to_owned())),
            reason: "campaigns".to_owned(),
        }),
    })
}

fn weigh(number: u64, id: &str, given: Vec<GivenRule>) -> Effect {
    back(CampaignOrder::Weigh {
        number,
        campaign: id.parse().unwrap(),
        given,
    })
}

fn weighed(number: u64, lines: &[&str]) -> Msg {
    told(CampaignTold::Weighed {
        number,
        lines: lines.iter().map(|line| (*line).to_owned()).collect(),
    })
}

fn screen(model: &Model) -> String {
    text(&drawn(model, SIZE))
}

#[track_caller]
fn assert_shows(model: &Model, words: &str) {
    let shown = screen(model);
    assert!(shown.contains(words), "{words}: {shown}");
}

/// The uses of the first campaign are typed anew, and asked for.
fn uses_typed() -> Vec<Msg> {
    let mut msgs = letter("e", 0);
    msgs.extend(vec![key(Key::Down); 3]);
    msgs.extend([key(Key::Backspace), typed("5"), enter()]);
    msgs
}

#[test]
fn the_page_is_drawn_at_every_size() {
    check("campaigns", false, &page());
    let paused = then(page(), [key(Key::Down)]);
    check("campaigns-paused", false, &paused);
    let none = CampaignList {
        sheets: Vec::new(),
        ..all()
    };
    check("campaigns-none", false, &page_of(signed_in(), none));
    let elsewhere = CampaignList {
        elsewhere: Some(
            "this store has joined the hub at https://hub.example.org: campaigns and pools are \
             changed there"
                .to_owned(),
        ),
        ..all()
    };
    check("campaigns-at-hub", false, &page_of(signed_in(), elsewhere));
    check("campaign-all", false, &then(page(), letter("a", 0)));
    check("campaign-form", false, &then(page(), letter("e", 0)));
    check("campaign-pause", false, &then(page(), letter("p", 0)));
    let hits = [
        "12 codes that are given out and not used up would end sooner",
        "3 codes that are given out and not used up would be honoured at fewer stores",
    ];
    let asked = then(then(page(), uses_typed()), [weighed(1, &hits)]);
    check("campaign-hits", false, &asked);
    check(
        "campaign-manager",
        false,
        &then(asked, [typed("y"), enter(), typed("13")]),
    );
    check("campaign-test", false, &then(page(), letter("t", 0)));
}

#[test]
fn a_new_campaign_is_begun_with_an_offer_and_an_end_and_a_fault_loses_nothing() {
    let mut model = model(DARK, SIZE, false, &then(page(), letter("n", 0)));
    let filled = [
        typed("su mmer"),
        enter(),
        typed("Ice cream"),
        enter(),
        typed("2026-13-01"),
        enter(),
    ];
    assert_eq!(effects(&mut model, filled), []);
    assert_shows(&model, "is not a campaign ID");
    effects(&mut model, vec![key(Key::Backspace); 5]);
    assert_eq!(effects(&mut model, [typed("mmer"), enter(), enter()]), []);
    assert_eq!(effects(&mut model, [enter()]), []);
    assert_shows(&model, "is not a time");
    assert_shows(&model, "Ice cream");
    effects(&mut model, [key(Key::Ctrl('u')), typed("2026-08-31")]);
    assert_eq!(effects(&mut model, [enter()]), []);
    assert_shows(&model, "Begin summer – a manager's PIN");
    let given = vec![
        GivenRule::Offer("Ice cream".to_owned()),
        GivenRule::Ends("2026-08-31".parse().ok()),
    ];
    assert_eq!(
        effects(&mut model, [typed("86420"), enter()]),
        [change(
            "summer",
            CampaignChange::Create(given),
            Some("86420")
        )]
    );
    let refused = told(CampaignTold::Refused("the PIN is wrong".to_owned()));
    effects(&mut model, [refused]);
    assert_shows(&model, "not done: the PIN is wrong");
    let again = effects(&mut model, [typed("1357"), enter()]);
    assert!(matches!(again.as_slice(), [Effect::Back(_)]), "{again:?}");
    let done = told(CampaignTold::Changed {
        words: "summer has begun".to_owned(),
        lines: Vec::new(),
    });
    assert_eq!(effects(&mut model, [done]), [back(CampaignOrder::List)]);
    assert_shows(&model, "summer has begun");
    // It looks like nothing that went wrong, which the next letter is.
    let colour_of = |model: &Model, words: &str| {
        let row = screen(model).lines().position(|line| line.contains(words));
        let row = u16::try_from(row.expect("a row of it")).unwrap();
        drawn(model, SIZE)[(4, row)].fg
    };
    let of_done = colour_of(&model, "summer has begun");
    effects(&mut model, [typed("y"), enter()]);
    let of_fault = colour_of(&model, "y stands for nothing here");
    assert_eq!(of_done, ratatui::style::Color::Reset);
    assert_ne!(of_fault, of_done);
}

#[test]
fn only_what_was_typed_anew_is_changed_and_what_hits_codes_is_asked_first() {
    let mut model = model(DARK, SIZE, false, &then(page(), letter("", 0)));
    assert_eq!(effects(&mut model, [enter()]), []);
    assert_shows(&model, "nothing is changed yet");
    effects(&mut model, vec![key(Key::Down); 3]);
    let faulty = [key(Key::Backspace), typed("many"), enter()];
    assert_eq!(effects(&mut model, faulty), []);
    assert_shows(&model, "use a number from 1 to 10000");
    let mended = [
        key(Key::Ctrl('u')),
        typed("5"),
        key(Key::Down),
        key(Key::Down),
    ];
    effects(&mut model, mended);
    // Hours are taken away where the field is empty.
    let given = vec![GivenRule::Uses(5), GivenRule::Hours(None)];
    assert_eq!(
        effects(&mut model, [key(Key::Ctrl('u')), enter()]),
        [weigh(1, "spring-menu", given.clone())]
    );
    // An answer to another question is none.
    effects(&mut model, [weighed(7, &["9 codes"])]);
    assert_shows(&model, "counting");
    effects(&mut model, [weighed(1, &["9 codes would end"])]);
    assert_shows(&model, "9 codes would end");
    assert_shows(&model, "uses of a code: 5 (was 2)");
    // Enter alone leaves all as it is, and what was typed stays.
    assert_eq!(effects(&mut model, [enter()]), []);
    assert_shows(&model, "nothing is changed");
    assert_eq!(
        effects(&mut model, [enter()]),
        [weigh(2, "spring-menu", given.clone())]
    );
    let asked = [weighed(2, &["9 codes"]), typed("y"), enter()];
    assert_eq!(effects(&mut model, asked), []);
    let set = CampaignChange::Set(given);
    assert_eq!(
        effects(&mut model, [typed("86420"), enter()]),
        [change("spring-menu", set, Some("86420"))]
    );
}

#[test]
fn nothing_is_changed_by_one_key_and_a_scan_drops_what_is_asked() {
    for begun in [page(), nobody()] {
        for act in ["n", "e", "x", "p", "t", "a", ""] {
            let mut model = model(DARK, SIZE, false, &begun);
            assert_eq!(effects(&mut model, letter(act, 0)), [], "{act}");
            if ["p", "a", ""].contains(&act) {
                continue;
            }
            // A form that is not filled in orders nothing.
            assert_eq!(
                effects(&mut model, [enter()]).len(),
                usize::from(act == "x")
            );
        }
    }
    let mut model = model(DARK, SIZE, false, &then(page(), letter("p", 0)));
    let ordered = without_bells(effects(&mut model, [scan(CODE), enter()]));
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
    assert!(!screen(&model).contains("Pause spring-menu?"));
    // A line of letters is a scan, and so is one where a key is awaited.
    for before in [Vec::new(), letter("p", 0)] {
        let mut model = model_of(&then(page(), before));
        let ordered = effects(&mut model, [typed("pen"), enter()]);
        assert!(
            matches!(ordered.as_slice(), [Effect::Scan { .. }]),
            "{ordered:?}"
        );
    }
}

#[test]
fn a_scan_drops_the_question_and_leaves_what_is_filled_in() {
    let asked = then(then(page(), uses_typed()), [weighed(1, &["9 codes"])]);
    for more in [vec![], vec![typed("y"), enter(), typed("864")]] {
        let mut model = model_of(&then(asked.clone(), more));
        let ordered = effects(&mut model, [scan(CODE)]);
        assert!(
            matches!(ordered.as_slice(), [Effect::Scan { .. }]),
            "{ordered:?}"
        );
        assert_shows(&model, "*uses of a code     5");
        assert!(!screen(&model).contains("PIN"), "{}", screen(&model));
    }
    let checks = check_letters("BCDFGHJKLNPR").unwrap();
    // A code that was typed slowly into a line is judged, and the line is as it was.
    let mut model = model_of(&then(page(), letter("e", 0)));
    let checked: String = CODE.chars().take(12).chain(checks).collect();
    let typing = [key(Key::Ctrl('u')), typed(&checked), enter()];
    let ordered = effects(&mut model, typing);
    assert!(
        matches!(ordered.as_slice(), [Effect::Scan { .. }]),
        "{ordered:?}"
    );
    assert_shows(&model, "offer              Free coffee");
}

fn model_of(msgs: &[Msg]) -> Model {
    model(DARK, SIZE, false, msgs)
}

#[test]
fn where_nobody_signs_in_every_change_is_asked_once_more() {
    let mut model = model(DARK, SIZE, false, &nobody());
    effects(&mut model, letter("p", 0));
    assert_eq!(
        effects(&mut model, [enter()]),
        [change("spring-menu", CampaignChange::Pause, None)]
    );
    let mut model = model_of(&then(nobody(), uses_typed()));
    assert_eq!(effects(&mut model, [weighed(1, &[])]), []);
    assert_shows(&model, "Change spring-menu?");
    let set = CampaignChange::Set(vec![GivenRule::Uses(5)]);
    assert_eq!(
        effects(&mut model, [enter()]),
        [change("spring-menu", set, None)]
    );
    // Anything else leaves all as it is.
    let mut model = model_of(&then(nobody(), letter("p", 0)));
    assert_eq!(effects(&mut model, [typed("q"), enter()]), []);
    assert_shows(&model, "nothing is changed");
}

#[test]
fn a_later_end_is_proposed_a_week_away() {
    let mut model = model(DARK, SIZE, false, &then(nobody(), letter("x", 0)));
    assert_shows(&model, "2026-04-07");
    let later = GivenRule::Ends("2026-04-07".parse().ok());
    assert_eq!(
        effects(&mut model, [enter()]),
        [weigh(1, "spring-menu", vec![later])]
    );
    // One that is over is extended from today.
    let over = model_of(&then(nobody(), letter("x", 4)));
    assert_shows(&over, "2026-03-19");
    // One without an end has none to put off.
    let endless = model_of(&then(nobody(), letter("x", 1)));
    assert_shows(&endless, "newsletter never ends");
}

#[test]
fn test_mode_is_begun_for_named_customers_and_says_what_was_drawn_when_it_ends() {
    let mut model = model(DARK, SIZE, false, &then(nobody(), letter("t", 0)));
    let filled = [typed("ana@example.org, 0171 2345678"), enter(), enter()];
    assert_eq!(effects(&mut model, filled), []);
    let on = CampaignChange::TestOn {
        customers: vec!["ana@example.org".to_owned(), "0171 2345678".to_owned()],
        until: None,
    };
    assert_eq!(
        effects(&mut model, [enter()]),
        [change("spring-menu", on, None)]
    );
    let mut model = model_of(&then(nobody(), letter("t", 2)));
    assert_shows(&model, "staff-test goes live");
    assert_eq!(
        effects(&mut model, [enter()]),
        [change("staff-test", CampaignChange::TestOff, None)]
    );
    let ended = told(CampaignTold::Changed {
        words: "staff-test is no longer in test mode; 1 test codes were drawn in it".to_owned(),
        lines: vec!["Thu 12 Mar 2026 14:02  TEST-BCDF  UBCDFGHJKLNPRST".to_owned()],
    });
    assert_eq!(effects(&mut model, [ended]), [back(CampaignOrder::List)]);
    assert_shows(&model, "TEST-BCDF");
}

#[test]
fn at_a_store_of_a_hub_the_page_is_to_look_only() {
    let elsewhere = CampaignList {
        elsewhere: Some("campaigns are changed at the hub".to_owned()),
        ..all()
    };
    for act in ["n", "e", "x", "p", "t"] {
        let mut model = model_of(&nobodys(elsewhere.clone()));
        assert_eq!(effects(&mut model, letter(act, 0)), []);
        assert_eq!(effects(&mut model, [enter(), enter()]), []);
        assert_shows(&model, "campaigns are changed at the hub");
    }
    let model = model_of(&nobodys(elsewhere));
    assert!(!screen(&model).contains("pause"), "{}", screen(&model));
}
