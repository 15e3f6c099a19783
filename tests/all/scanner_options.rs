//! What a counter may ask for about its scanners: off until asked for, and then as the configuration says.
#![expect(clippy::indexing_slicing, reason = "answers whose keys the test knows")]

use serde_json::Value;

use crate::console::shop::Shop;

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
    let link = format!("https://id.example/01/9506000134352/21/{code}?17=261231");
    assert_word(&shop, &link, "accepted");
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
    assert!(
        out.contains("GS1 texts are read, for codes in the fields 255, 21"),
        "{out}"
    );
}
