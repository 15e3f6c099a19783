//! Suffixes and pace: what is a scan and what is typing.

use crate::devices::scan::framing::Framer;
use crate::devices::scan::framing::tests::{
    CODE, garbage, key, ms, paced, scan, serial, suffixed, typed, wedge,
};
use crate::devices::scan::input::{Input, Key};

#[test]
fn every_suffix_ends_one_scan() {
    for suffix in [
        &b"\r"[..],
        b"\n",
        b"\r\n",
        b"\t",
        b"\r\r",
        b"\r\n\r\n",
        b"\t\r",
        b"\n\n",
        b"",
    ] {
        let bytes = suffixed(CODE, suffix);
        assert_eq!(wedge(&[(0, &bytes)]), [scan(CODE)], "{suffix:?}");
        assert_eq!(serial(&[(0, &bytes)]), [scan(CODE)], "{suffix:?}");
        for gap in [1, 8, 25] {
            let reads = paced(&bytes, 0, gap);
            assert_eq!(wedge(&reads), [scan(CODE)], "{suffix:?} {gap} ms");
            assert_eq!(serial(&reads), [scan(CODE)], "{suffix:?} {gap} ms");
        }
    }
    assert_eq!(serial(&[(0, b"CODE\0")]), [scan(b"CODE")]);
}

#[test]
fn a_late_second_suffix_is_no_enter() {
    let bytes = suffixed(CODE, b"\r");
    for (suffix, late) in [
        (b"\r", 5),
        (b"\r", 30),
        (b"\r", 55),
        (b"\n", 30),
        (b"\n", 90),
    ] {
        assert_eq!(
            wedge(&[(0, &bytes[..]), (late, suffix)]),
            [scan(CODE)],
            "{late} ms"
        );
    }
    assert_eq!(
        wedge(&[(0, &bytes[..]), (200, b"\r")]),
        [scan(CODE), key(Key::Enter)]
    );
}

#[test]
fn a_suffix_alone_is_its_key() {
    assert_eq!(wedge(&[(0, b"\r")]), [key(Key::Enter)]);
    assert_eq!(wedge(&[(0, b"\n")]), [key(Key::Enter)]);
    assert_eq!(wedge(&[(0, b"\t")]), [key(Key::Tab)]);
    assert_eq!(serial(&[(0, b"\r\n\t\0")]), []);
}

#[test]
fn a_held_enter_is_one_enter() {
    let mut reads = paced(b"\r\r\r\r\r\r", 400, 30);
    reads.insert(0, (0, *b"\r"));
    assert_eq!(wedge(&reads), [key(Key::Enter)]);
}

#[test]
fn a_suffix_that_a_burst_begins_with_is_neither_enter_nor_code() {
    for prefix in [&b"\r"[..], b"\r\n", b"\t", b"\r\r", b"\n\t\r"] {
        let bytes = [prefix, CODE, b"\r"].concat();
        assert_eq!(wedge(&[(0, &bytes)]), [scan(CODE)], "{prefix:?}");
        assert_eq!(wedge(&paced(&bytes, 0, 25)), [scan(CODE)], "{prefix:?}");
    }
    assert_eq!(wedge(&[(0, b"\r\r")]), []);
    assert_eq!(wedge(&[(0, b"\r\n")]), [key(Key::Enter)]);
}

#[test]
fn a_suffix_is_decided_at_once_and_an_enter_alone_after_a_moment() {
    let mut out = Vec::new();
    let mut framer = Framer::wedge();
    framer.feed(&suffixed(CODE, b"\r"), ms(0), &mut out);
    assert_eq!(out, [scan(CODE)]);
    assert_eq!(framer.next_deadline(), None);
    framer.feed(b"\r", ms(500), &mut out);
    assert_eq!(framer.next_deadline(), Some(ms(535)));
    framer.tick(ms(535), &mut out);
    assert_eq!(out, [scan(CODE), key(Key::Enter)]);
}

#[test]
fn a_burst_without_suffix_ends_by_silence() {
    let mut out = Vec::new();
    let mut framer = Framer::wedge();
    framer.feed(CODE, ms(0), &mut out);
    assert_eq!(framer.pending().as_bytes(), CODE);
    assert_eq!(framer.next_deadline(), Some(ms(100)));
    framer.tick(ms(99), &mut out);
    assert_eq!(out, []);
    framer.tick(ms(100), &mut out);
    assert_eq!(out, [scan(CODE)]);
}

#[test]
fn short_scans_are_scans_if_their_suffix_is_as_fast() {
    assert_eq!(wedge(&[(0, b"12\r")]), [scan(b"12")]);
    assert_eq!(wedge(&paced(b"1234\r", 0, 8)), [scan(b"1234")]);
    assert_eq!(
        wedge(&[(0, b"7\r")]),
        [typed("7"), vec![key(Key::Enter)]].concat()
    );
    assert_eq!(serial(&[(0, b"7\r")]), [scan(b"7")]);
}

#[test]
fn a_hiccup_does_not_tear_a_scan() {
    let reads = [(0, &b"BCD"[..]), (70, b"FGHJ"), (140, b"KLNPRSTVX\r")];
    assert_eq!(wedge(&reads), [scan(CODE)]);
    assert_eq!(serial(&reads), [scan(CODE)]);
}

#[test]
fn a_gap_beyond_silence_tears_a_scan_and_nothing_is_guessed() {
    let reads = [(0, &b"BCDFGHJK"[..]), (130, b"LNPRSTVX\r")];
    let halves = [scan(b"BCDFGHJK"), scan(b"LNPRSTVX")];
    assert_eq!(wedge(&reads), halves);
    assert_eq!(serial(&reads), halves);
}

#[test]
fn scans_without_suffix_join_within_silence() {
    let both = suffixed(CODE, CODE);
    assert_eq!(wedge(&[(0, CODE), (60, CODE)]), [scan(&both)]);
    assert_eq!(serial(&[(0, CODE), (60, CODE)]), [scan(&both)]);
}

#[test]
fn a_thousand_scans_in_one_burst_come_in_order() {
    let codes: Vec<String> = (0..1000).map(|i| format!("CODE-{i:011}")).collect();
    let bytes: Vec<u8> = codes
        .iter()
        .flat_map(|c| format!("{c}\r\n").into_bytes())
        .collect();
    assert_eq!(bytes.len(), 18_000);
    let expected: Vec<Input> = codes.iter().map(|c| scan(c.as_bytes())).collect();
    assert_eq!(wedge(&[(0, &bytes)]), expected);
    let reads: Vec<(u64, &[u8])> = (0..).zip(bytes.chunks(1024)).collect();
    assert_eq!(wedge(&reads), expected);
    assert_eq!(serial(&reads), expected);
}

#[test]
fn what_follows_a_scan_at_its_pace_is_scanned_too() {
    assert_eq!(wedge(&[(0, b"CODE12\rA")]), [scan(b"CODE12"), scan(b"A")]);
    assert_eq!(
        wedge(&[(0, b"CODE12\r\x1b[19~")]),
        [scan(b"CODE12"), garbage()]
    );
    let reads = [(0, &b"CODE12\r"[..]), (25, b"\x7f")];
    assert_eq!(wedge(&reads), [scan(b"CODE12"), garbage()]);
}

#[test]
fn half_typed_text_is_not_mixed_with_a_scan() {
    let burst = suffixed(CODE, b"\r");
    let reads = [(0, &b"j"[..]), (80, b"o"), (160, b"h"), (320, &burst)];
    assert_eq!(wedge(&reads), [typed("joh"), vec![scan(CODE)]].concat());
    let reads = [(0, &b"j"[..]), (80, b"o"), (160, b"h"), (220, &burst)];
    assert_eq!(wedge(&reads), [typed("joh"), vec![scan(CODE)]].concat());
}

#[test]
fn a_held_letter_is_no_scan() {
    for gap in [15, 25, 30, 33] {
        let reads = paced(b"aaaaaaaaaa", 0, gap);
        assert_eq!(wedge(&reads), typed("aaaaaaaaaa"), "{gap} ms");
    }
    assert_eq!(wedge(&paced(b"00000000\r", 0, 2)), [scan(b"00000000")]);
}

#[test]
fn a_letter_held_for_minutes_is_typed_whole() {
    let reads = paced(&[b'a'; 9000], 0, 30);
    assert_eq!(wedge(&reads), typed(&"a".repeat(9000)));
}

#[test]
fn typing_is_given_out_while_it_goes_on() {
    let mut out = Vec::new();
    let mut framer = Framer::wedge();
    for (at, byte) in paced(b"hello", 0, 60) {
        framer.feed(&byte, ms(at), &mut out);
    }
    assert_eq!(out, typed("hell"));
    assert_eq!(framer.pending(), "o");
    framer.feed(b"\r", ms(300), &mut out);
    assert_eq!(out, [typed("hello"), vec![key(Key::Enter)]].concat());
}

#[test]
fn one_letter_is_typed_after_silence() {
    let mut out = Vec::new();
    let mut framer = Framer::wedge();
    framer.feed(b"y", ms(0), &mut out);
    assert_eq!((out.len(), framer.pending().as_str()), (0, "y"));
    framer.tick(framer.next_deadline().unwrap(), &mut out);
    assert_eq!(out, typed("y"));
}

#[test]
fn a_late_reader_does_not_tear_a_scan() {
    let mut out = Vec::new();
    let mut framer = Framer::wedge();
    framer.feed(&CODE[..6], ms(0), &mut out);
    assert_eq!(framer.arrival(ms(3)), ms(3));
    framer.feed(&CODE[6..], framer.arrival(ms(150)), &mut out);
    framer.tick(ms(400), &mut out);
    assert_eq!(out, [scan(CODE)]);
    assert_eq!(framer.arrival(ms(900)), ms(900));
    framer.feed(b"a", ms(1000), &mut out);
    assert_eq!(framer.arrival(ms(9000)), ms(9000));
}
