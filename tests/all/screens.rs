//! The console's screens: messages in, the drawn cells and the effects out. No terminal, no ledger.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests may fail as tests do"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use counterfoil::devices::scan::input::{Input, Key, Scan, ScanFlag, ScanFlags, ScanNotice};
use counterfoil::devices::scan::serial::SerialPortFound;
use counterfoil::domain::operator::{Operator, Role};
use counterfoil::domain::reading::{MisreadHint, NotOurs};
use counterfoil::domain::reversal::{Reversal, ReversalWord, UndoChoice};
use counterfoil::domain::verdict::{
    Answer, ApprovalCause, Band, Certainty, Limit, Story, Unseen, Verdict,
};
use counterfoil::tui::big_word::{self, Scale};
use counterfoil::tui::draw::draw;
use counterfoil::tui::keys;
use counterfoil::tui::model::{FADE_AFTER, LOCK_AFTER, Model, Options};
use counterfoil::tui::msg::{
    ApprovalAsk, Effect, Msg, NewShop, Opened, Pin, Source, TodayCounts, WhyNotJudged,
};
use counterfoil::tui::theme::{Palette, Theme};
use counterfoil::tui::words;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier};

pub(crate) const SIZES: [(u16, u16); 3] = [(60, 18), (80, 24), (120, 40)];

pub(crate) const DARK: Theme = Theme {
    palette: Palette::Dark,
    is_ascii: false,
};

pub(crate) const MONO: Theme = Theme {
    palette: Palette::Mono,
    is_ascii: false,
};

pub(crate) const BARE: Theme = Theme {
    palette: Palette::Sixteen,
    is_ascii: true,
};

/// Thu 12 Mar 2026 14:31:07 in the store.
pub(crate) fn now() -> Timestamp {
    "2026-03-12T13:31:07Z".parse().unwrap()
}

pub(crate) fn after(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

/// A model that has gone through some messages.
pub(crate) fn model(theme: Theme, size: (u16, u16), is_training: bool, msgs: &[Msg]) -> Model {
    let training = is_training.then(|| {
        [
            ("BCDFGHJKLNPRST", "accepted, once"),
            ("CDFGHJKLNPRSTV", "used yesterday"),
            ("DFGHJKLNPRSTVX", "expired"),
            ("TRAIN-1", "asks for a receipt number"),
        ]
        .map(|(code, happens)| (code.to_owned(), happens.to_owned()))
        .to_vec()
    });
    let mut model = Model::new(Options {
        theme,
        fade_after: FADE_AFTER,
        lock_after: LOCK_AFTER,
        layout: None,
        training,
        columns: size.0,
        rows: size.1,
        now: now(),
    });
    for msg in msgs {
        model.update(msg.clone());
    }
    model
}

pub(crate) fn drawn(model: &Model, size: (u16, u16)) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(size.0, size.1)).unwrap();
    terminal
        .draw(|frame| {
            let area = frame.area();
            draw(model, area, frame.buffer_mut());
        })
        .unwrap();
    terminal.backend().buffer().clone()
}

pub(crate) fn text(buffer: &Buffer) -> String {
    let mut text = String::new();
    for row in buffer.content.chunks(usize::from(buffer.area.width).max(1)) {
        let line: String = row.iter().map(ratatui::buffer::Cell::symbol).collect();
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// One letter per cell for its colours and modifiers, and what the letters stand for.
fn styles(buffer: &Buffer) -> String {
    let mut names: BTreeMap<String, char> = BTreeMap::new();
    let mut letters = ('a'..='z').chain('A'..='Z');
    let mut planes = String::new();
    for row in buffer.content.chunks(usize::from(buffer.area.width).max(1)) {
        let line: String = row
            .iter()
            .map(|cell| {
                let mut name = format!("{} on {}", cell.fg, cell.bg);
                if !cell.modifier.is_empty() {
                    write!(name, " {:?}", cell.modifier).unwrap();
                }
                if name == "Reset on Reset" {
                    return '.';
                }
                *names.entry(name).or_insert_with(|| letters.next().unwrap())
            })
            .collect();
        planes.push_str(line.trim_end_matches('.'));
        planes.push('\n');
    }
    let mut legend: Vec<_> = names
        .into_iter()
        .map(|(name, letter)| (letter, name))
        .collect();
    legend.sort();
    for (letter, name) in legend {
        writeln!(planes, "{letter} = {name}").unwrap();
    }
    planes
}

/// Draws a scene at every size as a snapshot; and in one colour, where the text must be the same.
pub(crate) fn check(name: &str, is_training: bool, msgs: &[Msg]) {
    for size in SIZES {
        let colour = drawn(&model(DARK, size, is_training, msgs), size);
        let mono = drawn(&model(MONO, size, is_training, msgs), size);
        assert_eq!(
            text(&colour),
            text(&mono),
            "{name}: text does not need colour"
        );
        for cell in &mono.content {
            assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset), "{name}");
        }
        let bare = text(&drawn(&model(BARE, size, is_training, msgs), size));
        // A name may have any letter; our own signs may not.
        assert!(bare.replace('é', "e").is_ascii(), "{name}: {bare}");
    }
    check_in_colour(name, is_training, msgs);
}

/// Draws a scene at every size as a snapshot.
pub(crate) fn check_in_colour(name: &str, is_training: bool, msgs: &[Msg]) {
    for size in SIZES {
        let colour = drawn(&model(DARK, size, is_training, msgs), size);
        insta::with_settings!({omit_expression => true, prepend_module_to_snapshot => false}, {
            insta::assert_snapshot!(
                format!("{name}-{}x{}", size.0, size.1),
                format!("{}\n{}", text(&colour), styles(&colour))
            );
        });
    }
}

pub(crate) fn operator(name: &str, role: Role) -> Operator {
    Operator {
        name: name.to_owned(),
        role,
    }
}

pub(crate) fn opened(operators: Vec<Operator>, unseen: Vec<Unseen>) -> Msg {
    Msg::Opened(Box::new(Opened {
        store: "Riverside".to_owned(),
        counter: "Counter 2".to_owned(),
        zone: TimeZone::get("Europe/Rome").unwrap(),
        operators,
        today: TodayCounts {
            accepted: 112,
            refused: 9,
            provisional: 0,
        },
        unseen,
    }))
}

/// Products and stable paths.
const SCANNERS: [(&str, &str); 2] = [
    ("Xenon 1900", "/dev/serial/by-id/usb-Honeywell_Xenon-if00"),
    (
        "Voyager 1472g",
        "/dev/serial/by-id/usb-Honeywell_Voyager-if00",
    ),
];

fn ports(found: &[(&str, &str)]) -> Vec<SerialPortFound> {
    found
        .iter()
        .map(|(product, path)| SerialPortFound {
            node: PathBuf::from("/dev/ttyACM0"),
            stable_path: PathBuf::from(path),
            vid: 0x0c2e,
            pid: 0x0901,
            product: Some((*product).to_owned()),
            serial: None,
        })
        .collect()
}

fn set_up_needed(zone: &str) -> Msg {
    Msg::SetUpNeeded {
        zone: zone.to_owned(),
        counter: "till1:pts/0".to_owned(),
        scanners: ports(&SCANNERS),
    }
}

pub(crate) fn staff() -> Vec<Operator> {
    vec![
        operator("Ana", Role::Cashier),
        operator("Ben", Role::Manager),
        operator("Chloé", Role::Manager),
    ]
}

/// Open, with Ana at the counter.
pub(crate) fn signed_in() -> Vec<Msg> {
    vec![
        opened(staff(), Vec::new()),
        Msg::SignedIn {
            operator: operator("Ana", Role::Cashier),
            number: None,
        },
        Msg::ScannerHealth {
            name: "Honeywell".to_owned(),
            words: "ready".to_owned(),
            is_well: true,
        },
        Msg::Ticked { now: after(60) },
    ]
}

pub(crate) fn input(inputs: Vec<Input>) -> Msg {
    Msg::Input {
        source: Source::Keyboard,
        inputs,
        pending: String::new(),
    }
}

pub(crate) fn scan(raw: impl AsRef<[u8]>) -> Msg {
    input(vec![scan_input(raw)])
}

fn scan_input(raw: impl AsRef<[u8]>) -> Input {
    Input::Scan(Scan {
        bytes: raw.as_ref().to_vec(),
        total: raw.as_ref().len(),
        flags: ScanFlags::NONE,
    })
}

pub(crate) fn typed(text: &str) -> Msg {
    input(text.chars().map(Input::Typed).collect())
}

pub(crate) fn key(key: Key) -> Msg {
    input(vec![Input::Key(key)])
}

pub(crate) fn answer(verdict: Verdict, message: &str) -> Answer {
    let is_known = !matches!(
        verdict,
        Verdict::NotFound | Verdict::NotOurs(_) | Verdict::Misread(_)
    );
    Answer {
        unshown: (verdict.band() == Band::Go).then_some(41),
        verdict,
        is_check: false,
        code: is_known.then(|| "BCDFGHJKLNPRST".to_owned()),
        campaign: is_known.then(|| "spring-menu".parse().unwrap()),
        offer: is_known.then(|| "Free coffee, any size".to_owned()),
        uses_made: is_known.then_some(1),
        uses: is_known.then_some(1),
        expires_at: None,
        redemption_id: None,
        key: "k".to_owned(),
        at: after(60),
        first: None,
        message: message.to_owned(),
        overrode: Vec::new(),
    }
}

pub(crate) fn accepted() -> Answer {
    let verdict = Verdict::Accepted {
        certainty: Certainty::Confirmed,
    };
    answer(verdict, "Free coffee, any size: use 1 of 1")
}

pub(crate) fn used() -> Answer {
    let mut answer = answer(
        Verdict::AlreadyRedeemed,
        "used yesterday 18:02, Station Road, Counter 1, by Ben",
    );
    answer.first = Some(Story {
        at: after(-73_000),
        store: "Station Road".to_owned(),
        counter: "Counter 1".to_owned(),
        operator: Some("Ben".to_owned()),
    });
    answer
}

fn expired() -> Answer {
    answer(
        Verdict::Expired(after(-86_400)),
        "expired Wed 11 Mar 2026 00:00",
    )
}

pub(crate) fn judged(number: u64, answer: Answer) -> Msg {
    Msg::Judged {
        number,
        answer: Box::new(answer),
    }
}

fn reversal(word: ReversalWord, code: &str) -> Reversal {
    Reversal {
        word,
        code: Some(code.to_owned()),
        redemption_id: Some("n-1-9".to_owned()),
        key: "k".to_owned(),
        at: after(60),
        is_void: false,
    }
}

pub(crate) fn choices() -> Msg {
    let choice = |id: &str, seconds: i64, code: &str| UndoChoice {
        redemption_id: id.to_owned(),
        at: after(seconds),
        code: code.to_owned(),
        offer: "Free coffee, any size".to_owned(),
        operator: Some("Ana".to_owned()),
        needs_approval: seconds < -900,
    };
    Msg::UndoListed {
        choices: vec![
            choice("n-1-9", 55, "BCDFGHJKLNPRST"),
            choice("n-1-8", 20, "CDFGHJKLNPRSTV"),
            choice("n-1-7", -90_000, "CF-7K2M-9QXA"),
        ],
        pending: vec![],
    }
}

/// One verdict of every word.
fn every_verdict() -> Vec<Verdict> {
    vec![
        Verdict::Accepted {
            certainty: Certainty::Confirmed,
        },
        Verdict::Replayed,
        Verdict::Reread,
        Verdict::NeedsCustomer,
        Verdict::NeedsAnswer,
        Verdict::NeedsApproval(ApprovalCause::Campaign),
        Verdict::Misread(MisreadHint::CheckLetters),
        Verdict::AlreadyRedeemed,
        Verdict::Reversed,
        Verdict::NotFound,
        Verdict::NotAssigned,
        Verdict::NotYetValid(now()),
        Verdict::Expired(now()),
        Verdict::OutsideHours,
        Verdict::Paused,
        Verdict::Void,
        Verdict::Suspect,
        Verdict::WrongStore,
        Verdict::WrongCampaign,
        Verdict::WrongCustomer,
        Verdict::LimitReached(Limit::PerDay(1)),
        Verdict::NotOurs(NotOurs::ProductBarcode),
        Verdict::KeyConflict,
        Verdict::OfflineRefused,
        Verdict::UnknownOutcome,
    ]
}

pub(crate) fn then(mut msgs: Vec<Msg>, more: impl IntoIterator<Item = Msg>) -> Vec<Msg> {
    msgs.extend(more);
    msgs
}

/// A morning's work, so that the list has something to show.
pub(crate) fn after_some_scans() -> Vec<Msg> {
    let mut msgs = signed_in();
    let earlier = [
        accepted(),
        used(),
        answer(
            Verdict::Misread(MisreadHint::CheckLetters),
            "not read correctly: scan again",
        ),
    ];
    for (number, answer) in (1..).zip(earlier) {
        msgs.push(scan("BCDFGHJKLNPRST"));
        msgs.push(judged(number, answer));
    }
    msgs
}

/// A screen: its name, whether it is in training, and what happened before.
pub(crate) type Scene = (&'static str, bool, Vec<Msg>);

/// Every screen.
pub(crate) fn scenes() -> Vec<Scene> {
    let mut scenes = verdict_scenes();
    scenes.extend(desk_scenes());
    scenes.extend(question_scenes());
    scenes.extend(undo_scenes());
    scenes.extend(door_scenes());
    scenes
}

fn seen(answer: Answer) -> Vec<Msg> {
    then(
        after_some_scans(),
        [scan("BCDFGHJKLNPRST"), judged(4, answer)],
    )
}

fn verdict_scenes() -> Vec<Scene> {
    let misread = answer(
        Verdict::Misread(MisreadHint::CheckLetters),
        "not read correctly: scan again",
    );
    let unknown = answer(
        Verdict::UnknownOutcome,
        "no answer yet: do not hand over, scan again",
    );
    let late = Msg::Ticked { now: after(72) };
    vec![
        ("accepted", false, seen(accepted())),
        ("accepted-training", true, seen(accepted())),
        ("already-redeemed", false, seen(used())),
        ("expired", false, seen(expired())),
        ("misread", false, seen(misread)),
        ("unknown-outcome", false, seen(unknown)),
        ("faded", false, then(seen(accepted()), [late])),
    ]
}

/// What the panel says while there is no verdict.
fn desk_scenes() -> Vec<Scene> {
    let tick = || Msg::Ticked { now: after(60) };
    let sent = || then(after_some_scans(), [typed("half"), scan("BCDFGHJKLNPRST")]);
    let failed = Msg::ActFailed {
        number: Some(4),
        words: "could not write the ledger: no space left on the disk".to_owned(),
        hint: "free some space, then scan again".to_owned(),
    };
    vec![
        ("starting", false, vec![]),
        ("ready", false, signed_in()),
        ("ready-training", true, vec![opened(vec![], vec![]), tick()]),
        ("reading", false, sent()),
        ("waiting", false, then(sent(), [tick(), Msg::LedgerSlow])),
        ("failed", false, then(sent(), [failed])),
        (
            "leaving",
            false,
            vec![opened(vec![], vec![]), key(Key::F(10))],
        ),
    ]
}

fn question_scenes() -> Vec<Scene> {
    let receipt = answer(
        Verdict::NeedsAnswer,
        "receipt number? nothing is used up yet",
    );
    let manager = || {
        seen(answer(
            Verdict::NeedsApproval(ApprovalCause::Campaign),
            "a manager must approve; nothing is used up yet",
        ))
    };
    vec![
        (
            "question-receipt",
            false,
            then(seen(receipt), [typed("4711")]),
        ),
        (
            "question-manager",
            false,
            then(manager(), [key(Key::Down), typed("2468")]),
        ),
        (
            "question-reason",
            false,
            then(manager(), [typed("2468"), key(Key::Enter), typed("3")]),
        ),
    ]
}

fn undo_scenes() -> Vec<Scene> {
    let open = || then(seen(accepted()), [key(Key::F(8)), choices()]);
    let undone = Msg::Undone {
        answer: reversal(ReversalWord::Reversed, "BCDFGHJKLNPRST"),
    };
    vec![
        ("undo", false, then(open(), [key(Key::Down), typed("1")])),
        (
            "undone",
            false,
            then(open(), [typed("1"), key(Key::Enter), undone]),
        ),
    ]
}

/// What the desk read of itself and of the machine.
pub(crate) fn status(
    is_clock_behind: bool,
    disk: Option<&str>,
    open_slips: u32,
    in_test_mode: &[&str],
) -> Msg {
    Msg::StatusRead {
        today: TodayCounts::default(),
        is_clock_behind,
        disk: disk.map(str::to_owned),
        pending: 0,
        unsent: None,
        open_slips,
        in_test_mode: in_test_mode.iter().map(|name| (*name).to_owned()).collect(),
    }
}

/// Set-up, sign-in, what a crash has left behind, and help.
fn door_scenes() -> Vec<Scene> {
    let unseen = Unseen {
        entry: 7,
        at: after(30),
        code: "CDFGHJKLNPRSTV".to_owned(),
        offer: "15 % off".to_owned(),
    };
    let ill = [
        Msg::SignedIn {
            operator: operator("Ana", Role::Cashier),
            number: None,
        },
        status(true, Some("almost full"), 0, &[]),
        Msg::ScannerHealth {
            name: "Honeywell".to_owned(),
            words: "unplugged".to_owned(),
            is_well: false,
        },
    ];
    let not_judged = Msg::NotJudged {
        number: 1,
        why: WhyNotJudged::SignedOut,
    };
    let locked = Msg::SignInRefused {
        words: "wrong PIN, five times.".to_owned(),
        locked_until: Some(after(75)),
    };
    let door = || vec![opened(staff(), vec![])];
    let set_up = || vec![set_up_needed("Europe/Rome")];
    let down = || key(Key::Down);
    let half_way = [
        typed("Riverside"),
        down(),
        down(),
        down(),
        key(Key::Right),
        down(),
        down(),
        typed("Ben"),
        down(),
    ];
    let scanned = [typed("2468"), scan("BCDFGHJKLNPRST")];
    let nobody = [
        down(),
        down(),
        down(),
        down(),
        key(Key::Right),
        down(),
        key(Key::Enter),
    ];
    vec![
        (
            "unshown",
            false,
            then(vec![opened(staff(), vec![unseen])], ill),
        ),
        (
            "sign-in",
            false,
            then(door(), [typed("24"), scan("x"), not_judged]),
        ),
        ("sign-in-locked", false, then(door(), [down(), locked])),
        ("set-up", false, then(then(set_up(), half_way), scanned)),
        ("set-up-nobody", false, then(set_up(), nobody)),
        ("help", true, then(signed_in(), [key(Key::F(1)), down()])),
    ]
}

#[test]
fn every_screen_at_every_size() {
    for (name, is_training, msgs) in scenes() {
        check(name, is_training, &msgs);
    }
}

#[test]
fn bands_differ_without_colour() {
    for size in SIZES {
        let panel = |verdict| {
            let msgs = then(signed_in(), [scan("x"), judged(1, answer(verdict, ""))]);
            let text = text(&drawn(&model(MONO, size, false, &msgs), size));
            let lines: Vec<String> = text.lines().map(str::to_owned).collect();
            // The top border, and everything inside.
            let border: String = lines[1].chars().skip(10).take(20).collect();
            (border, lines[2..8].concat(), text)
        };
        let go = panel(Verdict::Accepted {
            certainty: Certainty::Confirmed,
        });
        let look = panel(Verdict::NeedsAnswer);
        let stop = panel(Verdict::AlreadyRedeemed);
        let wait = panel(Verdict::UnknownOutcome);
        let all = [(&go, '✔'), (&look, '?'), (&stop, '✖'), (&wait, '…')];
        for (at, (one, glyph)) in all.iter().enumerate() {
            assert!(
                one.2.contains(&format!("{glyph}  Free coffee")),
                "{}",
                one.2
            );
            for (other, _) in &all[at + 1..] {
                assert_ne!(one.0, other.0, "borders");
                assert_ne!(one.1, other.1, "words");
            }
        }
    }
}

#[test]
fn two_verdicts_alike_are_two() {
    let size = (80, 24);
    let single = then(signed_in(), [scan("x"), judged(1, accepted())]);
    let double = then(single.clone(), [scan("x"), judged(2, accepted())]);
    let (one, other) = (
        drawn(&model(DARK, size, false, &single), size),
        drawn(&model(DARK, size, false, &double), size),
    );
    assert_ne!(text(&one).lines().nth(1), text(&other).lines().nth(1));
    assert_ne!(one[(5, 5)].bg, other[(5, 5)].bg);
}

#[test]
fn every_word_has_a_short_text() {
    let all = every_verdict();
    assert_eq!(all.len(), words::WORDS.len());
    for verdict in all {
        let text = words::of(verdict.word());
        assert_eq!(text.word, verdict.word());
        assert!(text.short.chars().count() <= 14, "{}", text.short);
        let columns = big_word::columns(text.big, Scale::Half);
        assert!(columns.is_some_and(|columns| columns <= 56), "{}", text.big);
        assert!(!text.means.is_empty() && !text.advice.is_empty());
    }
    let mut bigs: Vec<&str> = words::WORDS.iter().map(|text| text.big).collect();
    bigs.sort_unstable();
    bigs.dedup();
    assert_eq!(bigs.len(), words::WORDS.len(), "each word has its own");
}

#[test]
fn bells_tell_the_bands_apart() {
    for verdict in every_verdict() {
        let mut model = model(DARK, (80, 24), false, &signed_in());
        model.update(scan("x"));
        let effects = model.update(judged(1, answer(verdict.clone(), "")));
        let expected = match verdict.band() {
            Band::Go if verdict == Verdict::Reread => vec![],
            Band::Go => vec![Effect::Bell { times: 1 }],
            Band::Look | Band::Wait => vec![Effect::Bell { times: 2 }],
            Band::Stop => vec![Effect::Bell { times: 3 }],
        };
        assert_eq!(effects, expected, "{}", verdict.word());
    }
}

/// Feeds messages and collects what is ordered.
pub(crate) fn effects(model: &mut Model, msgs: impl IntoIterator<Item = Msg>) -> Vec<Effect> {
    msgs.into_iter().flat_map(|msg| model.update(msg)).collect()
}

pub(crate) fn without_bells(effects: Vec<Effect>) -> Vec<Effect> {
    effects
        .into_iter()
        .filter(|effect| !matches!(effect, Effect::Bell { .. }))
        .collect()
}

pub(crate) fn scan_effect(number: u64, raw: &str, may_judge: bool) -> Effect {
    Effect::Scan {
        number,
        came: None,
        raw: raw.as_bytes().to_vec(),
        may_judge,
        fills: false,
    }
}

/// A scan while a field waits for what is no code.
pub(crate) fn scan_for_field(number: u64, raw: &str) -> Effect {
    Effect::Scan {
        number,
        came: None,
        raw: raw.as_bytes().to_vec(),
        may_judge: true,
        fills: true,
    }
}

#[test]
fn an_acceptance_is_marked_once_it_was_drawn() {
    let mut model = model(DARK, (80, 24), false, &signed_in());
    model.update(scan("x"));
    assert_eq!(model.drawn(), []);
    model.update(judged(1, accepted()));
    assert_eq!(model.drawn(), [Effect::MarkShown { entry: 41 }]);
    assert_eq!(model.drawn(), []);
    // Overtaken before it was drawn: the list shows it, unless it is out of view.
    effects(&mut model, [scan("x"), scan("y"), judged(2, accepted())]);
    assert_eq!(model.drawn(), [Effect::MarkShown { entry: 41 }]);
    effects(&mut model, [judged(3, accepted()), key(Key::F(1))]);
    assert_eq!(model.drawn(), [], "help covers it");
    model.update(key(Key::Esc));
    assert_eq!(model.drawn(), [Effect::MarkShown { entry: 41 }]);
}

#[test]
fn a_receipt_is_typed_or_scanned_and_a_code_drops_the_question() {
    let needs = || answer(Verdict::NeedsAnswer, "receipt number?");
    let redeem = |number, receipt: &str| Effect::Redeem {
        number,
        came: None,
        raw: b"x".to_vec(),
        receipt: Some(receipt.to_owned()),
        customer: None,
        approval: None,
    };
    let asked = then(signed_in(), [scan("x"), judged(1, needs())]);
    let mut typing = model(DARK, (80, 24), false, &asked);
    let done = effects(
        &mut typing,
        [key(Key::Enter), typed("47 11"), key(Key::Enter)],
    );
    assert_eq!(without_bells(done), [redeem(2, "47 11")]);

    let mut scanning = model(DARK, (80, 24), false, &asked);
    let done = effects(
        &mut scanning,
        [scan("]C10815"), Msg::NoCode { number: 2 }, key(Key::Enter)],
    );
    assert_eq!(
        without_bells(done),
        [scan_for_field(2, "]C10815"), redeem(3, "0815")]
    );

    let mut other = model(DARK, (80, 24), false, &asked);
    effects(&mut other, [scan("y"), judged(2, used())]);
    let done = effects(&mut other, [typed("4711"), key(Key::Enter)]);
    assert_eq!(done, [scan_effect(3, "4711", true)], "no question is open");
}

#[test]
fn a_manager_sets_a_refusal_aside() {
    let refused = then(signed_in(), [scan("x"), judged(1, expired())]);
    let mut model = model(DARK, (80, 24), false, &refused);
    let done = effects(
        &mut model,
        [
            key(Key::F(9)),
            key(Key::Down),
            typed("2468"),
            key(Key::Enter),
            typed("2"),
            key(Key::Enter),
        ],
    );
    let approval = |name: &str, pin: &str| {
        Some(ApprovalAsk {
            operator: Some(name.to_owned()),
            pin: Some(Pin::new(pin.to_owned())),
            reason: "our own mistake".to_owned(),
        })
    };
    let order = |number, approval| Effect::Redeem {
        number,
        came: None,
        raw: b"x".to_vec(),
        receipt: None,
        customer: None,
        approval,
    };
    assert_eq!(done, [order(2, approval("Chloé", "2468"))]);
    // A wrong PIN asks again; a scan instead of the PIN is a scan.
    let again = [
        Msg::ApprovalRefused {
            number: Some(2),
            words: "wrong PIN".to_owned(),
        },
        typed("1357"),
        key(Key::Enter),
        typed("2"),
        key(Key::Enter),
    ];
    let done = effects(&mut model, again);
    assert_eq!(without_bells(done), [order(3, approval("Chloé", "1357"))]);
    let done = effects(
        &mut model,
        [
            judged(3, expired()),
            key(Key::F(9)),
            scan("1357"),
            key(Key::Enter),
        ],
    );
    assert_eq!(without_bells(done), [scan_effect(4, "1357", true)]);
}

#[test]
fn what_no_manager_may_set_aside_has_no_such_key() {
    for verdict in every_verdict() {
        let asks = matches!(verdict, Verdict::NeedsApproval(_));
        let expected = verdict.may_be_overridden() || asks;
        let msgs = [
            scan("x"),
            judged(1, answer(verdict.clone(), "")),
            key(Key::Esc),
        ];
        let msgs = then(signed_in(), msgs);
        let mut model = model(DARK, (80, 24), false, &msgs);
        let footer = text(&drawn(&model, (80, 24)));
        let keys_named = footer.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(keys_named.contains("F9 Manager F10"), expected, "{footer}");
        let keys = [
            key(Key::F(9)),
            typed("1"),
            key(Key::Enter),
            typed("1"),
            key(Key::Enter),
        ];
        let done = effects(&mut model, keys);
        let is_asked = done
            .iter()
            .any(|effect| matches!(effect, Effect::Redeem { .. }));
        assert_eq!(is_asked, expected, "{}", verdict.word());
    }
}

#[test]
fn undo_takes_three_keys_and_a_scan_cancels_it() {
    let mut model = model(DARK, (80, 24), false, &signed_in());
    let undo = |id: &str, approval| Effect::Undo {
        redemption_id: id.to_owned(),
        reason: "wrong code scanned".to_owned(),
        approval,
    };
    let done = effects(
        &mut model,
        [key(Key::F(8)), choices(), typed("1"), key(Key::Enter)],
    );
    assert_eq!(done, [Effect::ListUndo, undo("n-1-9", None)]);
    // A manager is asked, where the desk wants one.
    let needs = Msg::Undone {
        answer: reversal(ReversalWord::NeedsApproval, "BCDFGHJKLNPRST"),
    };
    let done = effects(&mut model, [needs, typed("2468"), key(Key::Enter)]);
    let approval = ApprovalAsk {
        operator: Some("Ben".to_owned()),
        pin: Some(Pin::new("2468".to_owned())),
        reason: "wrong code scanned".to_owned(),
    };
    assert_eq!(done, [undo("n-1-9", Some(approval))]);
    // By Ctrl-G and a digit too; a scan cancels; and what a slow scanner types is a scan.
    let prefix = || [key(keys::PREFIX), typed("8")];
    assert_eq!(effects(&mut model, prefix()), [Effect::ListUndo]);
    let done = effects(
        &mut model,
        [choices(), typed("1"), scan("x"), key(Key::Enter)],
    );
    assert_eq!(done, [scan_effect(1, "x", true)]);
    model.update(judged(1, used()));
    effects(&mut model, prefix());
    let done = effects(&mut model, [choices(), typed("1234567"), key(Key::Enter)]);
    assert_eq!(done, [scan_effect(2, "1234567", true)]);
}

#[test]
fn half_typed_text_comes_back_after_a_scan() {
    let mut model = model(DARK, (80, 24), false, &signed_in());
    effects(&mut model, [typed("BCDF"), scan("x")]);
    assert!(text(&drawn(&model, (80, 24))).contains("Code (set aside): BCDF"));
    effects(&mut model, [judged(1, used()), typed("GHJK")]);
    assert!(text(&drawn(&model, (80, 24))).contains("Code: BCDFGHJK"));
    let done = effects(&mut model, [key(Key::Enter)]);
    assert_eq!(done, [scan_effect(2, "BCDFGHJK", true)]);
}

#[test]
fn a_typed_code_is_a_scan_in_any_field() {
    // Check letters as pinned by the domain: CDFGHJKL + HT.
    let code = "cdfg-hjkl-ht";
    let line = || [typed(code), key(Key::Enter)];
    let needs = || {
        then(
            signed_in(),
            [scan("x"), judged(1, answer(Verdict::NeedsCustomer, ""))],
        )
    };
    let refused = || {
        then(
            signed_in(),
            [scan("x"), judged(1, expired()), key(Key::F(9))],
        )
    };
    let undo = || then(signed_in(), [key(Key::F(8)), choices()]);
    let set_up = |steps| {
        let start = vec![Msg::SetUpNeeded {
            zone: String::new(),
            counter: "till1:pts/0".to_owned(),
            scanners: Vec::new(),
        }];
        then(start, vec![key(Key::Down); steps])
    };
    for (name, msgs, number, may_judge) in [
        ("home", signed_in(), 1, true),
        ("question", needs(), 2, true),
        ("manager's PIN", refused(), 2, true),
        ("undo", undo(), 1, true),
        ("sign-in", vec![opened(staff(), vec![])], 1, false),
        ("set-up, name", set_up(0), 1, false),
        ("set-up, PIN", set_up(5), 1, false),
    ] {
        let mut model = model(DARK, (80, 24), false, &msgs);
        let done = effects(&mut model, line());
        assert_eq!(done, [scan_effect(number, code, may_judge)], "{name}");
    }
}

#[test]
fn signing_in_and_out() {
    let mut model = model(DARK, (80, 24), false, &[opened(staff(), vec![])]);
    let done = effects(&mut model, [key(Key::Down), scan("2468"), key(Key::Enter)]);
    assert_eq!(
        done,
        [scan_effect(1, "2468", false)],
        "nothing scanned is a PIN"
    );
    let not_judged = Msg::NotJudged {
        number: 1,
        why: WhyNotJudged::SignedOut,
    };
    effects(&mut model, [not_judged]);
    assert!(text(&drawn(&model, (80, 24))).contains("sign in and scan again"));
    let done = effects(
        &mut model,
        [typed("1357"), key(Key::Enter), key(Key::Enter)],
    );
    let sign_in = |operator: &str, pin: &str| Effect::SignIn {
        operator: operator.to_owned(),
        pin: Pin::new(pin.to_owned()),
    };
    assert_eq!(done, [sign_in("Ben", "1357")]);
    assert!(!format!("{done:?}").contains("1357"), "no PIN in a log");
    let locked = Msg::SignInRefused {
        words: "locked".to_owned(),
        locked_until: Some(after(30)),
    };
    let done = effects(&mut model, [locked, typed("1357"), key(Key::Enter)]);
    assert_eq!(done, []);
    let done = effects(
        &mut model,
        [Msg::Ticked { now: after(30) }, key(Key::Enter)],
    );
    assert_eq!(done, [sign_in("Ben", "1357")]);
    // A badge signs in as well; then F10 signs out, and only then leaves.
    let badge = Msg::SignedIn {
        operator: operator("Ben", Role::Manager),
        number: Some(2),
    };
    let done = effects(&mut model, [scan("badge"), badge, key(Key::F(10))]);
    assert_eq!(done, [scan_effect(2, "badge", false), Effect::SignOut]);
    let done = effects(
        &mut model,
        [key(Key::F(10)), key(Key::Esc), key(Key::Enter)],
    );
    assert_eq!(done, []);
    let done = effects(&mut model, [key(keys::PREFIX), typed("0"), key(Key::Enter)]);
    assert_eq!(done, [Effect::Quit]);
}

#[test]
fn set_up_asks_everything_once() {
    let steps = |texts: &[&str]| -> Vec<Msg> {
        texts
            .iter()
            .flat_map(|text| [typed(text), key(Key::Enter)])
            .collect()
    };
    let start = set_up_needed("Europe/Rome");
    let mut model = model(DARK, (80, 24), false, std::slice::from_ref(&start));
    let form = [
        "Riverside",
        "",
        "",
        "",
        "",
        "Ben",
        "2468",
        "2469",
        "Ana",
        "1357",
        "1357",
        "",
    ];
    assert_eq!(effects(&mut model, steps(&form)), []);
    assert!(text(&drawn(&model, (80, 24))).contains("the two PINs differ"));
    let again = [
        key(Key::Down),
        key(Key::Backspace),
        typed("8"),
        key(Key::Enter),
        key(Key::Enter),
        key(Key::Enter),
        key(Key::Enter),
        key(Key::Enter),
    ];
    let set_up = |counter: &str, scanner: Option<&str>, operators| {
        Effect::SetUp(Box::new(NewShop {
            store: "Riverside".to_owned(),
            zone: "Europe/Rome".to_owned(),
            counter: counter.to_owned(),
            scanner: scanner.map(PathBuf::from),
            operators,
        }))
    };
    let pin = |text: &str| Pin::new(text.to_owned());
    let staff = vec![
        (operator("Ben", Role::Manager), pin("2468")),
        (operator("Ana", Role::Cashier), pin("1357")),
    ];
    assert_eq!(
        effects(&mut model, again),
        [set_up("till1:pts/0", None, staff)]
    );
    // Where nobody signs in there is less to say.
    model.update(start);
    effects(&mut model, steps(&["Riverside", ""]));
    effects(&mut model, [key(Key::Ctrl('u'))]);
    effects(&mut model, steps(&["Counter 1"]));
    let done = effects(
        &mut model,
        [
            key(Key::Right),
            key(Key::Right),
            key(Key::Enter),
            key(Key::Right),
            key(Key::Enter),
            key(Key::Enter),
        ],
    );
    assert_eq!(done, [set_up("Counter 1", Some(SCANNERS[1].1), vec![])]);
}

#[test]
fn a_chosen_scanner_stays_chosen_while_it_is_plugged_in() {
    let chosen = |found: &[(&str, &str)]| {
        let mut model = model(DARK, (80, 24), false, &[set_up_needed("Europe/Rome")]);
        let to_scanner = [key(Key::Down), key(Key::Down), key(Key::Down)];
        effects(&mut model, to_scanner);
        effects(&mut model, [key(Key::Right), key(Key::Right)]);
        model.update(Msg::ScannersFound {
            scanners: ports(found),
        });
        text(&drawn(&model, (80, 24)))
    };
    assert!(chosen(&SCANNERS[1..]).contains("‹ Voyager 1472g"));
    assert!(chosen(&SCANNERS[..1]).contains("‹ none, or one that types"));
    let none = chosen(&[]);
    assert!(!none.contains("Scanner") && none.contains("› Signing in"));
}

#[test]
fn a_scanner_of_its_own_types_nothing() {
    let mut model = model(DARK, (80, 24), false, &signed_in());
    let msg = Msg::Input {
        source: Source::Scanner("Honeywell".to_owned()),
        inputs: vec![
            Input::Key(Key::F(10)),
            Input::Typed('1'),
            Input::Key(Key::Enter),
            scan_input("x"),
            Input::Notice(ScanNotice::AltMode),
        ],
        pending: String::new(),
    };
    assert_eq!(model.update(msg), [scan_effect(1, "x", true)]);
    assert!(text(&drawn(&model, (80, 24))).contains("switch its ALT mode off"));
}

#[test]
fn an_odd_scan_says_what_to_set_on_the_scanner() {
    for size in SIZES {
        let shown = |flags| {
            let mut model = model(DARK, size, false, &signed_in());
            let scan = Input::Scan(Scan {
                bytes: b"x".to_vec(),
                total: 1,
                flags,
            });
            let ordered = effects(&mut model, [input(vec![scan])]);
            assert_eq!(ordered, [scan_effect(1, "x", true)]);
            model.update(judged(1, used()));
            text(&drawn(&model, size))
        };
        assert!(!shown(ScanFlags::NONE.with(ScanFlag::Overlong)).contains("scanner:"));
        assert!(shown(ScanFlags::NONE.with(ScanFlag::Parity)).contains("set it to 8N1"));
        assert!(
            shown(ScanFlags::NONE.with(ScanFlag::AltDigits)).contains("switch off its ALT mode")
        );
    }
}

/// One thing that may happen to a console.
#[derive(Debug, Clone)]
enum Step {
    Scans(Vec<Vec<u8>>),
    Typed(String),
    Key(Key),
    Tick(u8),
    Resize(u16, u16),
    /// The desk answers its oldest scan; an acceptance only where `true`.
    Answer(usize, bool),
    Refuse,
    Fail,
    SignedIn,
    Undo(ReversalWord),
    /// The desk's oldest scan is no code.
    NoCode,
    AtSignUp(usize),
    Other(usize),
}

/// Scanned bytes: anything, but always with a `7`, which nobody types.
fn raw() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..20),
        Just(b"\x1b[2J\x1b]0;owned\x07".to_vec()),
        Just("\u{9b}31m\u{202e}\u{200b}".as_bytes().to_vec()),
        Just(b"24".to_vec()),
    ]
    .prop_map(|mut bytes| {
        bytes.insert(0, b'7');
        bytes
    })
}

fn any_key() -> impl Strategy<Value = Key> {
    prop_oneof![
        (1..=12_u8).prop_map(Key::F),
        Just(Key::Enter),
        Just(Key::Enter),
        Just(Key::Esc),
        Just(Key::Up),
        Just(Key::Down),
        Just(Key::Left),
        Just(Key::Tab),
        Just(Key::BackTab),
        Just(Key::Backspace),
        Just(Key::PageDown),
        Just(Key::Ctrl('g')),
        Just(Key::Ctrl('u')),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => proptest::collection::vec(raw(), 1..3).prop_map(Step::Scans),
        3 => "[1-6a-zß ]{1,5}".prop_map(Step::Typed),
        1 => Just(Step::Typed("cdfg-hjkl-ht".to_owned())),
        5 => any_key().prop_map(Step::Key),
        1 => any::<u8>().prop_map(Step::Tick),
        1 => (1..200_u16, 1..80_u16).prop_map(|(columns, rows)| Step::Resize(columns, rows)),
        5 => (0..25_usize, any::<bool>()).prop_map(|(at, may)| Step::Answer(at, may)),
        1 => Just(Step::Refuse),
        1 => Just(Step::Fail),
        2 => Just(Step::SignedIn),
        1 => prop_oneof![
            Just(ReversalWord::Reversed),
            Just(ReversalWord::NeedsApproval),
            Just(ReversalWord::KeyConflict),
        ]
        .prop_map(Step::Undo),
        1 => (0..6_usize).prop_map(Step::Other),
        1 => Just(Step::NoCode),
        2 => (0..11_usize).prop_map(Step::AtSignUp),
    ]
}

/// A console under test, and what the world around it knows.
struct World {
    model: Model,
    size: (u16, u16),
    now: Timestamp,
    at_desk: Vec<u64>,
    last_number: u64,
    has_go: bool,
}

impl World {
    fn new() -> World {
        World {
            model: model(DARK, (80, 24), false, &[]),
            size: (80, 24),
            now: now(),
            at_desk: Vec::new(),
            last_number: 0,
            has_go: false,
        }
    }

    fn msg(&mut self, step: &Step) -> Option<Msg> {
        let oldest = || self.at_desk.first().copied();
        Some(match step {
            Step::Scans(all) => input(all.iter().map(scan_input).collect()),
            Step::Typed(text) => typed(text),
            Step::Key(pressed) => key(*pressed),
            Step::Tick(seconds) => {
                self.now += SignedDuration::from_secs(i64::from(*seconds));
                Msg::Ticked { now: self.now }
            }
            Step::Resize(columns, rows) => {
                self.size = (*columns, *rows);
                Msg::Resized {
                    columns: *columns,
                    rows: *rows,
                }
            }
            Step::Answer(at, may_go) => {
                let number = oldest()?;
                let verdict = every_verdict()[*at].clone();
                let is_go = verdict.band() == Band::Go;
                if is_go && !may_go {
                    return None;
                }
                self.has_go |= is_go;
                self.at_desk.remove(0);
                judged(number, answer(verdict, "\u{1b}[31m words 7"))
            }
            Step::Refuse => Msg::ApprovalRefused {
                number: oldest().inspect(|_| {
                    self.at_desk.remove(0);
                }),
                words: "wrong\u{7}".to_owned(),
            },
            Step::Fail => Msg::ActFailed {
                number: oldest().inspect(|_| {
                    self.at_desk.remove(0);
                }),
                words: "disk full".to_owned(),
                hint: "\u{9b}2J".to_owned(),
            },
            Step::SignedIn => Msg::SignedIn {
                operator: operator("Ana", Role::Cashier),
                number: None,
            },
            Step::Undo(word) => Msg::Undone {
                answer: reversal(*word, "\u{1b}c"),
            },
            Step::NoCode => {
                let number = oldest()?;
                self.at_desk.remove(0);
                Msg::NoCode { number }
            }
            Step::AtSignUp(at) => crate::sign_up::said(*at),
            Step::Other(0) => opened(staff(), vec![]),
            Step::Other(1) => opened(vec![], vec![]),
            Step::Other(2) => choices(),
            Step::Other(3) => Msg::LedgerSlow,
            Step::Other(4) => set_up_needed("Europe/\u{1b}[5mRome"),
            Step::Other(_) => Msg::SetUpRefused {
                words: "no".to_owned(),
            },
        })
    }

    fn take(&mut self, step: &Step) {
        let Some(msg) = self.msg(step) else { return };
        let effects = self.model.update(msg);
        let mut scanned: Vec<Vec<u8>> = Vec::new();
        for effect in effects {
            match effect {
                Effect::Scan { number, raw, .. } => {
                    scanned.push(raw);
                    self.sent(number);
                }
                Effect::Redeem {
                    number, approval, ..
                } => {
                    self.sent(number);
                    hand_typed(approval.and_then(|approval| approval.pin).as_ref());
                }
                Effect::SignIn { pin, .. } => hand_typed(Some(&pin)),
                Effect::Undo { approval, .. } => {
                    hand_typed(approval.and_then(|approval| approval.pin).as_ref());
                }
                Effect::SetUp(shop) => {
                    for (_, pin) in &shop.operators {
                        hand_typed(Some(pin));
                    }
                }
                Effect::SignOut
                | Effect::ListUndo
                | Effect::ReadSignUpRoom
                | Effect::LookFor { .. }
                | Effect::SignUp(_)
                | Effect::ListGivenOut
                | Effect::Cancel { .. }
                | Effect::ListSlips
                | Effect::Reprint { .. }
                | Effect::Print(_)
                | Effect::PrintDay(_)
                | Effect::NoteSlip { .. }
                | Effect::SettleSlip { .. }
                | Effect::MarkShown { .. }
                | Effect::Bell { .. }
                | Effect::Find { .. }
                | Effect::Back(_)
                | Effect::GiveUp { .. }
                | Effect::Quit => {}
            }
        }
        if let Step::Scans(all) = step {
            assert_eq!(&scanned, all, "every scan once, in order");
        }
        self.look();
    }

    fn sent(&mut self, number: u64) {
        assert!(number > self.last_number, "numbers grow");
        self.last_number = number;
        self.at_desk.push(number);
    }

    fn look(&mut self) {
        let buffer = drawn(&self.model, self.size);
        let is_green = |cell: &ratatui::buffer::Cell| matches!(cell.bg, Color::Indexed(22 | 28));
        let greens = buffer.content.iter().filter(|cell| is_green(cell)).count();
        let marks = buffer
            .content
            .iter()
            .filter(|cell| cell.symbol() == "✔")
            .count();
        if !self.has_go {
            assert_eq!((greens, marks), (0, 0), "no acceptance before its verdict");
        }
        if !self.at_desk.is_empty() {
            assert_eq!(greens, 0, "nothing green while a scan is at the desk");
        }
        for cell in &buffer.content {
            let is_harmless = |character: char| {
                !character.is_control()
                    && !matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
            };
            assert!(
                cell.symbol().chars().all(is_harmless),
                "{:?}",
                cell.symbol()
            );
            assert!(!cell.modifier.contains(Modifier::SLOW_BLINK));
        }
        self.model.drawn();
    }
}

fn hand_typed(pin: Option<&Pin>) {
    if let Some(pin) = pin {
        assert!(!pin.as_str().contains('7'), "a scan became a PIN");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens(steps in proptest::collection::vec(step(), 1..40)) {
        let mut world = World::new();
        for step in &steps {
            world.take(step);
        }
    }

}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_screen_at_any_size(columns in 1..=200_u16, rows in 1..=80_u16, bare: bool) {
        let theme = if bare { BARE } else { DARK };
        for (_, is_training, msgs) in scenes().into_iter().chain(crate::sign_up::scenes()) {
            let mut model = model(theme, (columns, rows), is_training, &msgs);
            drawn(&model, (columns, rows));
            // A size that the model has not been told yet must not hurt either.
            drawn(&model, (rows, columns));
            model.drawn();
        }
    }
}
