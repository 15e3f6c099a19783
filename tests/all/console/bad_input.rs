//! What a scanner, a QR code or a broken cable may send: none of it stops the next scan, quits,
//! presses a key, or reaches the terminal as it came.

use crate::console::pty::{F8, F10};
use crate::console::scans::grouped;
use crate::console::shop::Shop;

#[test]
fn no_input_keeps_the_next_code_from_being_honoured() {
    let long = vec![b'X'; 100_000];
    let digits = vec![b'7'; 7089];
    let bad: [&[u8]; 26] = [
        b"\x1b[200~",
        b"\x1b[200~CODE-IN-A-PASTE\r",
        b"\x1b[1;",
        b"\x1b[",
        b"\x1b",
        b"\x1bP0;1|no end of a device string",
        b"\x1b]52;c;c3RvbGVu\x07\r",
        b"\x1b]0;a title without an end",
        b"\x1b[?1049l\x1b[2J\x1b[31mRED\r",
        b"\x1b[6n\x1b[c\x1b[>0q\r",
        b"\x1b[12;40R\r",
        b"\x1b[<0;10;10M\x1b[<0;10;10m",
        b"\x00\x01\x02\x05\x06\x07\x08\x0b\x0c\x0e\x0f\r",
        b"\x10\x12\x14\x15\x16\x17\x18\x19\x1c\x1e\x1f\x7f\r",
        b"\x1d01095011015300031721123110ABC123\r",
        b"]C10109501101530003\x1d21SERIAL\r",
        b"Caf\xe9 12345\r",
        b"\xff\xfe\xfd\xfc\xfb\xfa\xf9\r",
        b"\xc3",
        b"\x93\xfa\x96{\x8c\xea\x82P\x82Q\r",
        b"\xef\xbb\xbfBOM\xe2\x80\xaeRTL\xe2\x80\x8bZERO\r",
        b"'; DROP TABLE code; --\r",
        b"=HYPERLINK(\"http://x\")\r",
        b"%s%n{}{0}$(reboot)`id`\r",
        &digits,
        &long,
    ];
    let (shop, codes) = Shop::with_codes(bad.len());
    let mut console = shop.console("till 1");
    for (bytes, code) in bad.iter().zip(&codes) {
        console.send_alone(bytes);
        assert!(
            !console.screen().contains("Leave the console?"),
            "{bytes:?}"
        );
        console.scan(code);
        console.wait_for(&grouped(code));
    }
    assert_eq!(shop.accepted(), codes);
    assert_clean(console.written());
    // Nor does it leave the log as it came.
    let told = shop.ok(&["log"]).out;
    assert!(
        told.chars().all(|c| c == '\n' || !c.is_control()),
        "{told:?}"
    );
}

#[test]
fn a_code_with_foreign_bytes_in_it_is_not_that_code() {
    let (shop, codes) = Shop::with_codes(7);
    let mut console = shop.console("till 1");
    let between: [&[u8]; 7] = [
        b"\x03",
        b"\x1b[21~",
        b"\xff",
        b"\x07",
        b"\xe2\x80\x8b",
        b"\x7f",
        b"\x1b[200~",
    ];
    for (number, (code, bytes)) in (1..).zip(codes.iter().zip(between)) {
        let (head, tail) = code.split_at(7);
        console.send_alone(&[head.as_bytes(), bytes, tail.as_bytes(), b"\r"].concat());
        console.wait_for(&format!("#{number}"));
    }
    assert_eq!(shop.accepted(), Vec::<String>::new());
    // Read well, each is honoured.
    for code in &codes {
        console.scan(code);
        console.wait_for(&grouped(code));
    }
    assert_eq!(shop.accepted(), codes);
}

#[test]
fn keys_within_a_burst_press_nothing() {
    let (shop, codes) = Shop::with_codes(3);
    let mut console = shop.console("till 1");
    console.scan(&codes[0]);
    console.wait_for(&grouped(&codes[0]));
    let bursts: [&[&[u8]]; 6] = [
        &[b"ABCDEF", F8, b"1\r"],
        &[F8, b"1\r"],
        &[F10, b"\r"],
        &[b"\x03\r"],
        &[b"\x078\r1\r"],
        &[b"XYZ", F10, b"XYZ\r"],
    ];
    for burst in bursts {
        let bytes = burst.concat();
        console.send_alone(&bytes);
        let screen = console.screen();
        assert!(
            !screen.contains("wrong code scanned"),
            "{bytes:?}\n{screen}"
        );
        assert!(
            !screen.contains("Leave the console?"),
            "{bytes:?}\n{screen}"
        );
    }
    console.scan(&codes[1]);
    console.wait_for(&grouped(&codes[1]));
    assert_eq!(shop.accepted(), codes[..2]);
    assert!(shop.scans("reversed").is_empty());
}

#[test]
fn control_keys_alone_neither_quit_nor_stop() {
    let (shop, codes) = Shop::with_codes(7);
    let mut console = shop.console("till 1");
    // Interrupt, end of file, suspend, stop and start output, quit, discard.
    for (byte, code) in [0x03, 0x04, 0x1a, 0x13, 0x11, 0x1c, 0x0f]
        .iter()
        .zip(&codes)
    {
        console.send_alone(&[*byte]);
        console.scan(code);
        console.wait_for(&grouped(code));
        assert!(!console.screen().contains("Leave the console?"));
    }
    assert_eq!(shop.accepted(), codes);
}

#[test]
fn caps_lock_changes_nothing_and_alt_mode_is_named() {
    let (shop, codes) = Shop::with_codes(2);
    let mut console = shop.console("till 1");
    console.scan(&codes[0].to_lowercase());
    console.wait_for(&grouped(&codes[0]));
    // Alt and a digit of the keypad, for each of the code's characters.
    console.send_alone(b"\x1b0\x1b6\x1b6\x1b0\x1b6\x1b7\r");
    console.wait_for("ALT mode");
    console.scan(&codes[1]);
    console.wait_for(&grouped(&codes[1]));
    assert_eq!(shop.accepted(), codes);
}

#[test]
fn two_codes_at_once_are_named_and_neither_is_used() {
    let (shop, codes) = Shop::with_codes(2);
    let mut console = shop.console("till 1");
    console.send_alone(format!("{}{}\r", codes[0], codes[1]).as_bytes());
    console.wait_for("#1");
    console.wait_for("not ours");
    assert!(shop.accepted().is_empty());
    let answers = shop.answers();
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].1, "not_ours");
}

#[test]
fn a_paste_is_scans_and_never_keys() {
    let (shop, codes) = Shop::with_codes(2);
    let mut console = shop.console("till 1");
    let paste = format!(
        "\x1b[200~{}\r{}\n\x03\x1b[21~\r\x1b[201~",
        codes[0], codes[1]
    );
    console.send_alone(paste.as_bytes());
    console.wait_for("#3");
    assert!(!console.screen().contains("Leave the console?"));
    assert_eq!(shop.accepted(), codes);
}

/// What a console writes: its own sequences, and no byte that only a scan could have brought.
fn assert_clean(written: &[u8]) {
    for (at, byte) in written.iter().enumerate() {
        let is_ours = !byte.is_ascii_control() || matches!(byte, 0x1b | b'\r' | b'\n' | 0x07);
        assert!(is_ours, "byte {byte:#x} at {at}");
    }
    let text = String::from_utf8(written.to_vec()).expect("UTF-8");
    for sequence in [
        "\x1b]",
        "\x1bP",
        "\x1b[6n",
        "\x1b[c",
        "\x1b[>0q",
        "\x1b[?1049l",
        "\x1b[1;\x1b",
    ] {
        assert!(!text.contains(sequence), "{sequence:?} was written");
    }
    for character in ['\u{202e}', '\u{200b}', '\u{feff}'] {
        assert!(!text.contains(character), "{character:?} was written");
    }
}
