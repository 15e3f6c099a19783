//! What a counter may ask for about its scanners: off until asked for, and then as the configuration says.
#![expect(clippy::indexing_slicing, reason = "answers whose keys the test knows")]

use counterfoil::desk::{Desk, Extra, Moment, Scanned, act};
use counterfoil::devices::scan::input::{Input, Key, Scan, ScanFlag, ScanFlags};
use counterfoil::domain::layout::Layout;
use counterfoil::ledger::Ledger;
use counterfoil::tui::model::{FADE_AFTER, LOCK_AFTER, Model, Options};
use counterfoil::tui::msg::{Effect, Msg, Source};
use jiff::Timestamp;
use serde_json::Value;

use crate::console::shop::Shop;
use crate::screens::{DARK, drawn, now, opened, text, without_bells};

fn configure(shop: &Shop, text: &str) {
    std::fs::write(shop.data().join("counterfoil.toml"), text).expect("written");
}

fn redeem(shop: &Shop, raw: &str) -> Value {
    shop.run(&["--json", "redeem", raw]).line()
}

#[track_caller]
fn assert_word(shop: &Shop, raw: &str, word: &str) -> Value {
    let line = redeem(shop, raw);
    assert_eq!(line["verdict"], word, "{raw}: {line}");
    line
}

/// Labels that carry a code, each in another way.
fn labels(codes: &[String]) -> Vec<String> {
    let separator = '\u{1d}';
    vec![
        format!("]C10109506000134352{separator}21{}", codes[0]),
        format!("]d2010950600013435210LOT{separator}21{}", codes[1]),
        format!("(01)09506000134352(21){}", codes[2]),
        format!("(01)09506000134352(17)261231(21){}", codes[3]),
    ]
}

#[test]
fn gs1_labels_are_not_ours_until_asked_for() {
    let (shop, codes) = Shop::with_codes(5);
    let labels = labels(&codes);
    for label in &labels {
        assert_word(&shop, label, "not_ours");
    }
    configure(&shop, "[scanner]\ngs1 = false\ngs1_code_in = [\"21\"]\n");
    for label in &labels {
        assert_word(&shop, label, "not_ours");
    }
    configure(&shop, "[scanner]\ngs1 = true\n");
    for (label, code) in labels.iter().zip(&codes) {
        let line = assert_word(&shop, label, "accepted");
        assert_eq!(line["code"], **code);
        assert_word(&shop, label, "already_redeemed");
    }
    // The log keeps what came, whatever was read in it.
    let log = shop.ok(&["--json", "log"]).out;
    assert!(log.contains("(01)09506000134352(21)"), "{log}");
    // Plain codes are read as ever.
    assert_word(&shop, &codes[4], "accepted");
}

#[test]
fn a_gs1_label_is_whole_or_nothing() {
    let (shop, codes) = Shop::with_codes(2);
    configure(
        &shop,
        "[scan]\nallowed_hosts = [\"id.example\"]\n[scanner]\ngs1 = true\n",
    );
    let code = &codes[0];
    for (label, word) in [
        (format!("(01)09506000134353(21){code}"), "misread"),
        (format!("(01)0950600013435(21){code}"), "misread"),
        (format!("(21){code}(21){}", codes[1]), "misread"),
        (format!("(21){}", &code[..13]), "not_found"),
        ("(01)09506000134352(10)LOT".to_owned(), "not_ours"),
        ("(255)9501101020917".to_owned(), "not_ours"),
        (
            format!("https://else.example/01/09506000134352/21/{code}"),
            "not_ours",
        ),
    ] {
        let line = assert_word(&shop, &label, word);
        assert_eq!(line["code"], Value::Null, "{label}");
    }
    let line = redeem(&shop, &format!("(01)09506000134353(21){code}"));
    let message = line["message"].as_str().unwrap_or_default();
    assert!(message.contains("wrong check digit"), "{message}");
    let address = format!("https://id.example/01/9506000134352/21/{code}?17=261231");
    assert_word(&shop, &address, "accepted");
}

#[test]
fn only_the_fields_and_items_asked_for_carry_codes() {
    let (shop, codes) = Shop::with_codes(1);
    let label = format!("(01)09506000134352(21){}", codes[0]);
    for (rules, word) in [
        ("gs1_code_in = [\"255\", \"91\"]", "not_ours"),
        ("gs1_gtins = [\"4006381333931\"]", "not_ours"),
        ("gs1_gtins = [\"9506000134352\"]", "accepted"),
    ] {
        configure(&shop, &format!("[scanner]\ngs1 = true\n{rules}\n"));
        assert_word(&shop, &label, word);
    }
    for (wrong, said) in [
        (
            "gs1_code_in = [\"10\"]",
            "no code stands in a GS1 field \"10\"",
        ),
        ("gs1_gtins = [\"9506000134353\"]", "is no GTIN"),
    ] {
        configure(&shop, &format!("[scanner]\ngs1 = true\n{wrong}\n"));
        let done = shop.run(&["redeem", &label]);
        assert_eq!(done.code, 2, "{done:?}");
        assert!(done.err.contains(said), "{done:?}");
    }
}

#[test]
fn doctor_says_what_is_asked_for() {
    let (shop, _) = Shop::with_codes(1);
    let said = |shop: &Shop| shop.run(&["doctor"]).out;
    assert!(!said(&shop).contains("GS1"), "nothing is asked for");
    configure(&shop, "[scanner]\ngs1 = true\n");
    let out = said(&shop);
    configure(
        &shop,
        "[scanner]\nlayout = \"german\"\nacknowledge = \"honeywell\"\n\
         device = \"/dev/input/by-id/usb-none-event-kbd\"\ngrab = true\n",
    );
    let all = said(&shop);
    for words in [
        "read as US keys on a German keyboard",
        "Host ACK must be on",
        "usb-none-event-kbd is configured and not plugged in",
    ] {
        assert!(all.contains(words), "{words}: {all}");
    }
    assert!(
        out.contains("GS1 texts are read, for codes in the fields 255, 21"),
        "{out}"
    );
}

#[test]
fn what_is_wrong_with_an_option_is_said_with_a_way_out() {
    let (shop, codes) = Shop::with_codes(1);
    for (wrong, said) in [
        ("layout = \"klingon\"", "german"),
        ("acknowledge = \"zebra\"", "honeywell"),
        ("device = \"/dev/input/by-id/a-event-kbd\"", "grab = true"),
        ("grab = true", "counterfoil devices"),
    ] {
        configure(&shop, &format!("[scanner]\n{wrong}\n"));
        let done = shop.run(&["redeem", &codes[0]]);
        assert_eq!(done.code, 2, "{wrong}: {done:?}");
        assert!(done.err.contains(said), "{wrong}: {done:?}");
    }
    configure(&shop, "");
    assert_word(&shop, &codes[0], "accepted");
}

/// A console that knows its keyboard's layout, or not, with somebody at its Redeem screen.
fn console(layout: Option<Layout>) -> Model {
    let mut model = Model::new(Options {
        theme: DARK,
        fade_after: FADE_AFTER,
        lock_after: LOCK_AFTER,
        layout,
        training: None,
        columns: 80,
        rows: 24,
        now: now(),
    });
    model.update(opened(Vec::new(), Vec::new()));
    model
}

fn ordered(model: &mut Model, source: Source, text: &str, flags: ScanFlags) -> Vec<Effect> {
    let scan = Scan {
        bytes: text.as_bytes().to_vec(),
        total: text.len(),
        flags,
    };
    without_bells(model.update(Msg::Input {
        source,
        inputs: vec![Input::Scan(scan)],
        pending: String::new(),
    }))
}

#[test]
fn only_what_a_scanner_types_is_read_by_the_layout() {
    let german = Some(Layout::German);
    let serial = || Source::Scanner("left".to_owned());
    let paste = ScanFlags::NONE.with(ScanFlag::Paste);
    let (typed, meant) = ("CF\u{df}AY", "CF-AZ");
    for (layout, source, flags, is_read) in [
        (german, Source::Keyboard, ScanFlags::NONE, true),
        (german, Source::Keyboard, paste, false),
        (german, serial(), ScanFlags::NONE, false),
        (None, Source::Keyboard, ScanFlags::NONE, false),
    ] {
        let effects = ordered(&mut console(layout), source.clone(), typed, flags);
        let [Effect::Scan { raw, came, .. }] = &effects[..] else {
            panic!("{effects:?}");
        };
        let (wanted, kept) = if is_read {
            (meant, Some(typed.as_bytes().to_vec()))
        } else {
            (typed, None)
        };
        assert_eq!(
            (raw.as_slice(), came),
            (wanted.as_bytes(), &kept),
            "{source:?} {flags:?}"
        );
    }
    // A line typed by hand is what it is.
    let mut model = console(german);
    let mut inputs: Vec<Input> = "AY".chars().map(Input::Typed).collect();
    inputs.push(Input::Key(Key::Enter));
    let effects = without_bells(model.update(Msg::Input {
        source: Source::Keyboard,
        inputs,
        pending: String::new(),
    }));
    assert!(
        matches!(&effects[..], [Effect::Scan { raw, came: None, .. }] if raw == b"AY"),
        "{effects:?}"
    );
    let shown = text(&drawn(&model, (120, 30)));
    assert!(shown.contains("US keys on a German keyboard"), "{shown}");
}

#[test]
fn the_log_keeps_what_came_and_what_came_is_not_looked_up() {
    let (shop, _) = Shop::with_codes(1);
    let list = shop.data().join("codes.csv");
    std::fs::write(&list, "code\nCF-AZ\nCF-AY\n").expect("written");
    let list = list.display().to_string();
    shop.ok(&[
        "codes",
        "import",
        &list,
        "--campaign",
        "coffee",
        "--given-out",
    ]);
    #[expect(
        clippy::disallowed_methods,
        reason = "the program under test reads the wall clock too"
    )]
    let at = Timestamp::now();
    let opening = act("till 1", None, at).expect("an act");
    let (ledger, _) = Ledger::open(&shop.data(), &opening).expect("opened");
    let mut desk = Desk::new(ledger, "till 1", &[]);
    let extra = Extra {
        came: Some("CF-AY".as_bytes().to_vec()),
        ..Extra::default()
    };
    let moment = Moment {
        now: at,
        elapsed: std::time::Duration::ZERO,
    };
    let Scanned::Judged(answer) = desk.scan(b"CF-AZ", &extra, moment).expect("judged") else {
        panic!("no badge");
    };
    assert_eq!(answer.code.as_deref(), Some("CF-AZ"));
    assert_eq!(answer.verdict.word(), "accepted");
    drop(desk);
    let log = shop.ok(&["--json", "log"]).out;
    assert!(log.contains("\"raw\":\"CF-AY\""), "{log}");
}
