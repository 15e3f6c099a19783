//! Scans that a scanner types: bursts, suffixes, speeds, and typing by hand in the same line.

use std::time::Duration;

use crate::console::shop::Shop;

#[test]
fn a_thousand_scans_in_one_burst_are_all_honoured_in_order() {
    let (shop, codes) = Shop::with_codes(1000);
    let mut console = shop.console("till 1");
    let all = codes.join("\r") + "\r";
    console.send(all.as_bytes());
    console.wait_until("the last one, and all in today's figures", |console| {
        let screen = console.screen();
        screen.contains("#1000") && screen.contains("accepted         1000")
    });
    let last = codes.last().expect("a code");
    assert!(console.screen().contains(&grouped(last)));
    assert_eq!(shop.accepted(), codes);
}

#[test]
fn every_suffix_ends_a_scan_and_none_ends_two() {
    let suffixes = ["\r", "\n", "\r\n", "\t", "\r\r", ""];
    let (shop, codes) = Shop::with_codes(suffixes.len());
    let mut console = shop.console("till 1");
    for (number, (code, suffix)) in (1..).zip(codes.iter().zip(suffixes)) {
        console.send_alone(format!("{code}{suffix}").as_bytes());
        console.wait_for(&format!("#{number}"));
        console.wait_for(&grouped(code));
    }
    let expected: Vec<_> = codes
        .into_iter()
        .map(|code| (code, "accepted".to_owned()))
        .collect();
    assert_eq!(shop.answers(), expected);
    assert!(console.screen().contains("Ready for the next scan"));
}

#[test]
fn a_scanner_of_any_speed_is_honoured() {
    let (shop, codes) = Shop::with_codes(40);
    let mut console = shop.console("till 1");
    let mut codes = codes.iter();
    let mut honoured = Vec::new();
    for ms in [0, 1, 5, 25] {
        let mut kept = 0;
        while kept < 3 {
            let code = codes
                .next()
                .expect("a machine that keeps pace now and then");
            let line = format!("{code}\r");
            let longest = console.send_paced(line.as_bytes(), Duration::from_millis(ms));
            console.pass(Duration::from_millis(200));
            // What this machine typed with a hitch, no scanner of this speed would have typed.
            if longest < Duration::from_millis(ms + 20) {
                kept += 1;
                console.wait_for(&grouped(code));
                honoured.push(code.clone());
            }
        }
    }
    let accepted = shop.accepted();
    for code in honoured {
        assert!(accepted.contains(&code), "{code} of {accepted:?}");
    }
}

#[test]
fn a_code_is_typed_by_hand_in_small_letters_and_groups() {
    let (shop, codes) = Shop::with_codes(2);
    let mut console = shop.console("till 1");
    console.type_line(&codes[0]);
    console.wait_for(&grouped(&codes[0]));
    console.type_line(&grouped(&codes[1]).to_lowercase());
    console.wait_for(&grouped(&codes[1]));
    assert_eq!(shop.accepted(), codes);
}

#[test]
fn half_typed_text_is_set_aside_by_a_scan_and_back_afterwards() {
    let (shop, codes) = Shop::with_codes(2);
    let mut console = shop.console("till 1");
    let (first_half, second_half) = codes[0].split_at(5);
    console.type_keys(first_half.as_bytes());
    console.wait_for(&format!("Code: {first_half}"));
    console.scan(&codes[1]);
    console.wait_for(&grouped(&codes[1]));
    console.wait_for(&format!("Code: {first_half}"));
    console.type_line(second_half);
    console.wait_for(&grouped(&codes[0]));
    assert_eq!(shop.accepted(), [codes[1].clone(), codes[0].clone()]);
}

#[test]
fn the_same_code_left_in_view_is_counted_once() {
    let (shop, codes) = Shop::with_codes(1);
    let mut console = shop.console("till 1");
    let code = &codes[0];
    console.send(format!("{code}\r{code}\r{code}\r").as_bytes());
    console.wait_for("#3");
    console.wait_for("same code again, counted once");
    let answers: Vec<_> = shop.answers().into_iter().map(|(_, word)| word).collect();
    assert_eq!(answers, ["accepted", "reread", "reread"]);
}

/// A code as the panel shows it.
pub(super) fn grouped(code: &str) -> String {
    counterfoil::domain::code::grouped(code)
}
