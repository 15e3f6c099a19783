//! What scanners and hands were seen to send, and the laws of framing as properties.

use std::time::Duration;

use proptest::prelude::{Just, Strategy, any, prop, prop_assert, prop_assert_eq, prop_assume};
use proptest::{prop_oneof, proptest};

use crate::devices::scan::framing::{Framer, SCAN_BYTES_MAX, is_showable};
use crate::devices::scan::input::{Input, Key, Scan, ScanFlag, ScanFlags, ScanNotice};

const CODE: &[u8] = b"BCDFGHJKLNPRSTVX";

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Feeds each read at its time in ms, then waits for a second of silence.
fn play<B: AsRef<[u8]>>(mut framer: Framer, reads: &[(u64, B)]) -> Vec<Input> {
    let mut out = Vec::new();
    let mut last = 0;
    for (at, bytes) in reads {
        framer.feed(bytes.as_ref(), ms(*at), &mut out);
        last = *at;
    }
    framer.tick(ms(last + 1000), &mut out);
    assert_eq!(framer.pending(), "");
    assert_eq!(framer.next_deadline(), None);
    out
}

fn wedge<B: AsRef<[u8]>>(reads: &[(u64, B)]) -> Vec<Input> {
    play(Framer::wedge(), reads)
}

fn serial<B: AsRef<[u8]>>(reads: &[(u64, B)]) -> Vec<Input> {
    play(Framer::serial(), reads)
}

/// One read per byte, `gap` ms apart.
fn paced(bytes: &[u8], start: u64, gap: u64) -> Vec<(u64, [u8; 1])> {
    let times = (0..).map(|i| start + i * gap);
    times.zip(bytes.iter().map(|byte| [*byte])).collect()
}

fn scan(bytes: &[u8]) -> Input {
    flagged(bytes, ScanFlags::NONE)
}

fn flagged(bytes: &[u8], flags: ScanFlags) -> Input {
    Input::Scan(Scan {
        bytes: bytes.to_vec(),
        total: bytes.len(),
        flags,
    })
}

fn dirty(bytes: &[u8]) -> Input {
    flagged(bytes, ScanFlags::NONE.with(ScanFlag::Dirty))
}

fn pasted(bytes: &[u8]) -> Input {
    flagged(bytes, ScanFlags::NONE.with(ScanFlag::Paste))
}

fn key(key: Key) -> Input {
    Input::Key(key)
}

fn typed(text: &str) -> Vec<Input> {
    text.chars().map(Input::Typed).collect()
}

fn garbage() -> Input {
    Input::Notice(ScanNotice::Garbage)
}

fn suffixed(bytes: &[u8], suffix: &[u8]) -> Vec<u8> {
    [bytes, suffix].concat()
}

// Suffixes.

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
    let reads = paced(b"\r\r\r\r\r\r", 0, 30);
    assert_eq!(wedge(&reads), [key(Key::Enter)]);
}

#[test]
fn an_enter_and_a_suffix_are_decided_at_once() {
    let mut out = Vec::new();
    let mut framer = Framer::wedge();
    framer.feed(b"\r", ms(0), &mut out);
    assert_eq!(out, [key(Key::Enter)]);
    framer.feed(&suffixed(CODE, b"\r"), ms(500), &mut out);
    assert_eq!(out, [key(Key::Enter), scan(CODE)]);
    assert_eq!(framer.next_deadline(), None);
}

// Pace.

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

// Keys.

#[test]
fn keys_alone_are_commands() {
    let keys: [(&[u8], Key); 35] = [
        (b"\x1bOP", Key::F(1)),
        (b"\x1b[11~", Key::F(1)),
        (b"\x1b[[A", Key::F(1)),
        (b"\x1b[[E", Key::F(5)),
        (b"\x1bOS", Key::F(4)),
        (b"\x1b[15~", Key::F(5)),
        (b"\x1b[17~", Key::F(6)),
        (b"\x1b[18~", Key::F(7)),
        (b"\x1b[19~", Key::F(8)),
        (b"\x1b[20~", Key::F(9)),
        (b"\x1b[21~", Key::F(10)),
        (b"\x1b[23~", Key::F(11)),
        (b"\x1b[24~", Key::F(12)),
        (b"\x1b[A", Key::Up),
        (b"\x1bOB", Key::Down),
        (b"\x1b[C", Key::Right),
        (b"\x1b[D", Key::Left),
        (b"\x1b[H", Key::Home),
        (b"\x1b[4~", Key::End),
        (b"\x1b[5~", Key::PageUp),
        (b"\x1b[6~", Key::PageDown),
        (b"\x1b[2~", Key::Insert),
        (b"\x1b[3~", Key::Delete),
        (b"\x1b[Z", Key::BackTab),
        (b"\x1b", Key::Esc),
        (b"\x7f", Key::Backspace),
        (b"\x08", Key::Backspace),
        (b"\x00", Key::Ctrl('@')),
        (b"\x03", Key::Ctrl('c')),
        (b"\x04", Key::Ctrl('d')),
        (b"\x11", Key::Ctrl('q')),
        (b"\x13", Key::Ctrl('s')),
        (b"\x1a", Key::Ctrl('z')),
        (b"\x1d", Key::Ctrl(']')),
        (b"\x1f", Key::Ctrl('_')),
    ];
    for (bytes, expected) in keys {
        assert_eq!(wedge(&[(0, bytes)]), [key(expected)], "{bytes:?}");
        assert_eq!(
            serial(&[(0, bytes)]).len(),
            usize::from(bytes != b"\0" && bytes != b"\x11" && bytes != b"\x13")
        );
    }
}

#[test]
fn a_key_waits_for_quiet_and_esc_for_a_sequence() {
    let mut out = Vec::new();
    let mut framer = Framer::wedge();
    framer.feed(b"\x1bOP", ms(0), &mut out);
    framer.tick(ms(34), &mut out);
    assert_eq!((out.len(), framer.next_deadline()), (0, Some(ms(35))));
    framer.tick(ms(35), &mut out);
    framer.feed(b"\x1b", ms(200), &mut out);
    framer.tick(ms(249), &mut out);
    assert_eq!((out.len(), framer.next_deadline()), (1, Some(ms(250))));
    framer.tick(ms(250), &mut out);
    assert_eq!(out, [key(Key::F(1)), key(Key::Esc)]);
}

#[test]
fn no_byte_of_a_burst_is_a_command() {
    for control in [0, 3, 4, 7, 8, 0x11, 0x13, 0x1a, 0x7f] {
        let bytes = [b"BCDF", &[control][..], b"GHJK"].concat();
        let flags = ScanFlags::NONE.with_if(control != 4, ScanFlag::Dirty);
        assert_eq!(wedge(&[(0, &bytes)]), [flagged(&bytes, flags)]);
        for gap in [1, 25] {
            let reads = paced(&suffixed(&bytes, b"\r"), 0, gap);
            assert_eq!(
                wedge(&reads),
                [flagged(&bytes, flags)],
                "{control:#x} {gap} ms"
            );
        }
    }
    for sequence in [
        &b"\x1b[19~"[..],
        b"\x1bOP",
        b"\x1b[A",
        b"\x1b[24;80R",
        b"\x1b[6n",
        b"\x1b[<0;10;5M",
        b"\x1b[M abc",
        b"\x1b]52;c;QUJD\x07",
        b"\x1b]52;c;QUJD\x1b\\",
        b"\x1bP1$r0m\x1b\\",
        b"\x1b[200~",
        b"\x1b[201~",
        b"\x1b[1;",
        b"\x1b",
        b"\x1b\x1b",
    ] {
        for (before, after) in [(CODE, &b"GHJK"[..]), (b"", CODE), (CODE, b"")] {
            if before.is_empty() && sequence == b"\x1b[200~" {
                continue;
            }
            let bytes = [before, sequence, after].concat();
            let reads = [(0, suffixed(&bytes, b"\r"))];
            assert_eq!(wedge(&reads), [dirty(&bytes)], "{bytes:?}");
            assert_eq!(serial(&reads), [dirty(&bytes)], "{bytes:?}");
            let reads = paced(&suffixed(&bytes, b"\r"), 0, 3);
            assert_eq!(wedge(&reads), [dirty(&bytes)], "{bytes:?}");
        }
    }
}

#[test]
fn a_key_with_a_suffix_at_its_heels_is_a_scanners() {
    for bytes in [
        &b"\x1b[19~\r"[..],
        b"\x15\r",
        b"\x03\t",
        b"\x1b\r",
        b"\x1b[19~\x1b[B\r",
    ] {
        assert_eq!(wedge(&[(0, bytes)]), [garbage()], "{bytes:?}");
        for gap in [1, 25] {
            assert_eq!(
                wedge(&paced(bytes, 0, gap)),
                [garbage()],
                "{bytes:?} {gap} ms"
            );
        }
    }
    // Held arrows may follow each other this closely, but no Enter follows them.
    let reads = [(0, &b"\x1b[B"[..]), (25, b"\x1b[B"), (50, b"\r")];
    assert_eq!(wedge(&reads), [key(Key::Down), key(Key::Down)]);
}

#[test]
fn backspace_works_right_after_typing() {
    let reads = [(0, &b"a"[..]), (90, b"b"), (110, b"\x7f"), (190, b"c")];
    let expected = [typed("ab"), vec![key(Key::Backspace)], typed("c")].concat();
    assert_eq!(wedge(&reads), expected);
    let reads = [(0, &b"a"[..]), (90, b"b"), (130, b"\x7f"), (190, b"c")];
    assert_eq!(wedge(&reads), expected);
    let reads = [(0, &b"a"[..]), (80, b"\x7f"), (116, b"\r")];
    let expected = [typed("a"), vec![key(Key::Backspace), key(Key::Enter)]].concat();
    assert_eq!(wedge(&reads), expected);
}

#[test]
fn a_function_key_after_typing_gives_the_typing_out_first() {
    let reads = [(0, &b"a"[..]), (70, b"b"), (150, b"\x1bOQ")];
    assert_eq!(wedge(&reads), [typed("ab"), vec![key(Key::F(2))]].concat());
    let reads = [(0, &b"\x07"[..]), (200, b"2")];
    assert_eq!(
        wedge(&reads),
        [vec![key(Key::Ctrl('g'))], typed("2")].concat()
    );
}

#[test]
fn a_held_arrow_or_backspace_repeats() {
    for (bytes, expected) in [(&b"\x1b[B"[..], Key::Down), (b"\x7f", Key::Backspace)] {
        let reads: Vec<(u64, &[u8])> = (0..20).map(|i| (i * 30, bytes)).collect();
        assert_eq!(wedge(&reads), vec![key(expected); 20]);
    }
    let reads: Vec<(u64, &[u8])> = (0..20).map(|i| (i * 30, &b"\x1b[19~"[..])).collect();
    assert_eq!(wedge(&reads), [garbage()]);
}

#[test]
fn answers_of_the_terminal_and_mouse_reports_are_swallowed() {
    for bytes in [
        &b"\x1b[24;80R"[..],
        b"\x1b[?62;c",
        b"\x1b[<0;10;5M",
        b"\x1b[M !!",
        b"\x1b[I",
        b"\x1bx",
        b"\x1b]11;rgb:0000/0000/0000\x07",
    ] {
        assert_eq!(wedge(&[(0, bytes)]), [], "{bytes:?}");
    }
}

// Escape sequences without an end.

#[test]
fn a_code_after_an_unfinished_sequence_is_whole() {
    let burst = suffixed(CODE, b"\r");
    for start in [
        &b"\x1b[1;"[..],
        b"\x1bO",
        b"\x1b]52;c;AAAA",
        b"\x1bP",
        b"\x1b[M ",
        b"\x1b[<0;",
    ] {
        let reads = [(0, start), (60, &burst[..])];
        assert_eq!(wedge(&reads), [garbage(), scan(CODE)], "{start:?}");
    }
    assert_eq!(
        wedge(&[(0, &b"\x1b"[..]), (60, &burst)]),
        [key(Key::Esc), scan(CODE)]
    );
}

#[test]
fn a_sequence_is_cut_after_32_bytes() {
    let bytes = [b"\x1b]", &[b'x'; 60][..]].concat();
    assert_eq!(wedge(&[(0, suffixed(&bytes, b"\r"))]), [dirty(&bytes)]);
    assert_eq!(wedge(&[(0, &bytes)]), [dirty(&bytes)]);
}

// Pastes.

#[test]
fn every_line_of_a_paste_is_a_scan() {
    let reads = [(0, b"\x1b[200~ABC\rDEF\r\n\nG\tH\x1b[201~")];
    assert_eq!(
        wedge(&reads),
        [pasted(b"ABC"), pasted(b"DEF"), pasted(b"G\tH")]
    );
}

#[test]
fn keys_in_a_paste_are_none() {
    let reads = [(0, b"\x1b[200~A\x1b[19~\x03\x1b[201B\x1b\x1b[201~")];
    let Input::Scan(scan) = &wedge(&reads)[0] else {
        panic!("no scan");
    };
    assert_eq!(scan.bytes, b"A\x1b[19~\x03\x1b[201B\x1b");
    assert!(scan.flags.contains(ScanFlag::Dirty) && scan.flags.contains(ScanFlag::Paste));
    assert_eq!(wedge(&reads).len(), 1);
}

#[test]
fn a_paste_without_end_is_over_after_250_ms() {
    let burst = suffixed(CODE, b"\r");
    let reads = [
        (0, &b"\x1b[200~AB"[..]),
        (249, b"C\rDE"),
        (499, &burst),
        (900, b"\x1bOP"),
    ];
    assert_eq!(
        wedge(&reads),
        [pasted(b"ABC"), pasted(b"DE"), scan(CODE), key(Key::F(1))]
    );
    let mut framer = Framer::wedge();
    framer.feed(b"\x1b[200~AB", ms(0), &mut Vec::new());
    assert_eq!(framer.next_deadline(), Some(ms(250)));
    assert_eq!(framer.pending(), "AB");
    assert_eq!(wedge(&[(0, b"\x1b[200~")]), []);
}

#[test]
fn a_line_of_a_paste_is_cut_too() {
    let bytes = [b"\x1b[200~", &[b'x'; 9000][..], b"\rABC\x1b[201~"].concat();
    let long = Input::Scan(Scan {
        bytes: vec![b'x'; SCAN_BYTES_MAX],
        total: 9000,
        flags: ScanFlags::NONE
            .with(ScanFlag::Paste)
            .with(ScanFlag::Overlong),
    });
    assert_eq!(wedge(&[(0, bytes)]), [long, pasted(b"ABC")]);
}

// Too much.

#[test]
fn a_stream_without_end_is_one_overlong_scan() {
    let first = &[b'x'; 4000][..];
    let then = &vec![b'y'; 96_000];
    let burst = suffixed(CODE, b"\r");
    let reads = [
        (0, first),
        (1, then),
        (90, b"tail\rTAILTAIL\r"),
        (300, &burst),
    ];
    let long = Input::Scan(Scan {
        bytes: [first, &then[..96]].concat(),
        total: 100_014,
        flags: ScanFlags::NONE.with(ScanFlag::Overlong),
    });
    assert_eq!(wedge(&reads), [long.clone(), scan(CODE)]);
    assert_eq!(serial(&reads), [long, scan(CODE)]);
}

#[test]
fn the_longest_scan_is_whole() {
    let bytes = vec![b'7'; SCAN_BYTES_MAX];
    let reads = [(0, suffixed(&bytes, b"\r\n"))];
    assert_eq!(wedge(&reads), [scan(&bytes)]);
    assert_eq!(serial(&reads), [scan(&bytes)]);
    let bytes = vec![b'7'; 2953];
    assert_eq!(wedge(&[(0, suffixed(&bytes, b"\t"))]), [scan(&bytes)]);
}

#[test]
fn escapes_without_end_stop_too() {
    let bytes = b"\x1b[19~".repeat(20_000);
    let inputs = wedge(&[(0, &bytes)]);
    let [Input::Scan(scan)] = &inputs[..] else {
        panic!("{} inputs", inputs.len());
    };
    assert_eq!((scan.bytes.len(), scan.total), (SCAN_BYTES_MAX, 100_000));
}

// Bytes that are no text.

#[test]
fn bytes_are_kept_as_they_came() {
    for bytes in [
        &b"Caf\xe9 12345"[..],
        b"\x83\x52\x81[\x83h12345",
        b"ABC\xc3DEF12",
        b"A\xffB\xc3(C12",
        b"\xef\xbb\xbfCODE123",
        "CO\u{200b}DE\u{202e}12".as_bytes(),
        "ＡＢＣＤＥＦ".as_bytes(),
        b"=HYPERLINK(1)'; --",
    ] {
        let reads = [(0, suffixed(bytes, b"\r"))];
        assert_eq!(wedge(&reads), [scan(bytes)], "{bytes:?}");
        assert_eq!(serial(&reads), [scan(bytes)], "{bytes:?}");
        assert_eq!(
            wedge(&paced(&reads[0].1, 0, 25)),
            [scan(bytes)],
            "{bytes:?}"
        );
    }
}

#[test]
fn separators_of_gs1_are_kept_and_clean() {
    let bytes = b"\x1d0109501101530003\x1d17250101\x1d10ABC\x1e\x04";
    assert_eq!(wedge(&paced(&suffixed(bytes, b"\r"), 0, 2)), [scan(bytes)]);
    assert_eq!(serial(&[(0, suffixed(bytes, b"\r"))]), [scan(bytes)]);
}

#[test]
fn aim_ids_and_prefixes_are_left_to_others() {
    let bytes = b"]Q1]Q1CODE";
    assert_eq!(wedge(&[(0, suffixed(bytes, b"\r"))]), [scan(bytes)]);
}

#[test]
fn bytes_that_are_no_utf8_are_never_typed() {
    let reads = [(0, &b"a"[..]), (80, b"\xff"), (160, b"\xc3"), (240, b"b")];
    let expected = [typed("a"), vec![garbage(), garbage()], typed("b")].concat();
    assert_eq!(wedge(&reads), expected);
}

#[test]
fn typing_may_be_beyond_ascii() {
    let text = "Zoë Łódź 日本";
    let mut reads = Vec::new();
    for (i, c) in (0..).zip(text.chars()) {
        reads.push((i * 60, c.to_string()));
    }
    assert_eq!(wedge(&reads), typed(text));
    let bytes: Vec<(u64, &[u8])> = vec![(0, b"\xc3"), (1, b"\xab")];
    assert_eq!(wedge(&bytes), typed("ë"));
}

#[test]
fn pending_text_is_safe_to_show() {
    let mut framer = Framer::wedge();
    framer.feed(
        "A\u{202e}B\u{200b}\u{9b}é\x07\x1b[31mC".as_bytes(),
        ms(0),
        &mut Vec::new(),
    );
    assert_eq!(framer.pending(), "A·B··éC");
    let mut framer = Framer::serial();
    framer.feed(b"A\x1b[2J\xff\xfe", ms(0), &mut Vec::new());
    assert_eq!(framer.pending(), "A·[2J··");
}

// Scanners set up wrongly.

#[test]
fn alt_mode_is_noticed() {
    let notice = Input::Notice(ScanNotice::AltMode);
    assert_eq!(
        wedge(&[(0, b"\x1b0\x1b6\x1b7\x1b0\x1b6\x1b8\r")]),
        std::slice::from_ref(&notice)
    );
    for gap in [5, 25, 60] {
        let reads: Vec<(u64, &[u8])> = (0..12).map(|i| (i * gap, &b"\x1b6"[..])).collect();
        assert_eq!(wedge(&reads), std::slice::from_ref(&notice), "{gap} ms");
    }
    assert_eq!(wedge(&[(0, b"\x1b0"), (90, b"\x1b6")]), []);
    let bytes = b"\x1b0\x1b6\x1b7CODE";
    let flags = ScanFlags::NONE
        .with(ScanFlag::Dirty)
        .with(ScanFlag::AltDigits);
    assert_eq!(
        wedge(&[(0, suffixed(bytes, b"\r"))]),
        [notice, flagged(bytes, flags)]
    );
}

#[test]
fn a_parity_bit_is_noticed() {
    let parity = ScanFlags::NONE.with(ScanFlag::Parity);
    let ones = |byte: &u8| byte.count_ones() % 2 == 1;
    let code = b"CF7K2M9QXA\r";
    let even: Vec<u8> = code.iter().map(|b| b | u8::from(ones(b)) << 7).collect();
    let odd: Vec<u8> = code.iter().map(|b| b | u8::from(!ones(b)) << 7).collect();
    let mark: Vec<u8> = code.iter().map(|b| b | 0x80).collect();
    assert_eq!(serial(&[(0, &even)]), [flagged(&even, parity)]);
    assert_eq!(serial(&[(0, &odd)]), [flagged(&odd[..10], parity)]);
    assert_eq!(serial(&[(0, &mark)]), [flagged(&mark, parity)]);
    for bytes in [
        &b"Caf\xe9 12345"[..],
        "Café 12345".as_bytes(),
        b"\x80\xf8\x9e\xe6\xff\x81",
        b"CODE",
    ] {
        assert_eq!(serial(&[(0, bytes)]), [scan(bytes)], "{bytes:?}");
    }
}

#[test]
fn flow_control_is_no_data() {
    assert_eq!(serial(&[(0, b"\x11\x13CODE\x13\r\x11")]), [scan(b"CODE")]);
}

// A reader that is held up.

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

// Laws.

/// Bytes that are likely to mean something, in reads with gaps that are likely to matter.
fn reads() -> impl Strategy<Value = Vec<(u64, Vec<u8>)>> {
    let piece = prop_oneof![
        Just(CODE.to_vec()),
        Just(b"\r".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"\t".to_vec()),
        Just(b"\x1b".to_vec()),
        Just(b"\x1b[".to_vec()),
        Just(b"\x1b[19~".to_vec()),
        Just(b"\x1b[B".to_vec()),
        Just(b"\x1b[200~".to_vec()),
        Just(b"\x1b[201~".to_vec()),
        Just(b"\x1b]52;c;".to_vec()),
        Just(b"\x1b7".to_vec()),
        Just(b"\x7f".to_vec()),
        Just("é日".as_bytes().to_vec()),
        Just(vec![b'x'; 3000]),
        prop::collection::vec(any::<u8>(), 0..8),
        prop::collection::vec(b'a'..=b'z', 1..3),
    ];
    let gap = prop_oneof![
        4 => 0u64..3,
        4 => 0u64..60,
        2 => 30u64..45,
        1 => 95u64..105,
        1 => 100u64..400,
    ];
    prop::collection::vec((gap, piece), 0..30).prop_map(|reads| {
        let mut at = 0;
        let absolute = |(gap, bytes): (u64, Vec<u8>)| {
            at += gap;
            (at, bytes)
        };
        reads.into_iter().map(absolute).collect()
    })
}

proptest! {
    #[test]
    fn how_bytes_are_split_among_reads_changes_nothing(reads in reads()) {
        let mut bytewise = Vec::new();
        for (at, bytes) in &reads {
            bytewise.extend(bytes.iter().map(|byte| (*at, vec![*byte])));
        }
        prop_assert_eq!(wedge(&reads), wedge(&bytewise));
        prop_assert_eq!(serial(&reads), serial(&bytewise));
    }

    #[test]
    fn how_often_silence_is_told_changes_nothing(reads in reads(), step in 1u64..40) {
        for new in [Framer::wedge, Framer::serial] {
            let mut framer = new();
            let mut out = Vec::new();
            let mut now = 0;
            for (at, bytes) in &reads {
                while now < *at {
                    framer.tick(ms(now), &mut out);
                    now += step;
                }
                framer.feed(bytes, ms(*at), &mut out);
                now = *at;
            }
            framer.tick(ms(now + 1000), &mut out);
            prop_assert_eq!(out, play(new(), &reads));
        }
    }

    #[test]
    fn deadlines_are_all_that_is_needed(reads in reads()) {
        for new in [Framer::wedge, Framer::serial] {
            let mut framer = new();
            let mut out = Vec::new();
            for (at, bytes) in &reads {
                while let Some(deadline) = framer.next_deadline().filter(|d| *d <= ms(*at)) {
                    framer.tick(deadline, &mut out);
                    prop_assert!(framer.next_deadline().is_none_or(|d| d > deadline));
                }
                framer.feed(bytes, ms(*at), &mut out);
            }
            while let Some(deadline) = framer.next_deadline() {
                framer.tick(deadline, &mut out);
                prop_assert!(framer.next_deadline().is_none_or(|d| d > deadline));
            }
            prop_assert_eq!(out, play(new(), &reads));
        }
    }

    #[test]
    fn nothing_keeps_the_next_scan_from_coming(reads in reads()) {
        let at = reads.last().map_or(0, |(at, _)| *at) + 250;
        let mut reads = reads;
        reads.push((at, suffixed(CODE, b"\r")));
        prop_assert_eq!(wedge(&reads).pop(), Some(scan(CODE)));
        prop_assert_eq!(serial(&reads).pop(), Some(scan(CODE)));
    }

    #[test]
    fn no_control_character_is_ever_typed_or_shown(reads in reads()) {
        let mut framer = Framer::wedge();
        let mut out = Vec::new();
        for (at, bytes) in &reads {
            framer.feed(bytes, ms(*at), &mut out);
            prop_assert!(framer.pending().chars().all(is_showable));
        }
        for input in out {
            if let Input::Typed(c) = input {
                prop_assert!(!c.is_control());
            }
        }
    }

    #[test]
    fn typing_by_hand_is_never_a_scan(
        text in "[ -~äß€]{1,40}",
        gaps in prop::collection::vec(40u64..=140, 40),
        is_entered in any::<bool>(),
    ) {
        let mut at = 0;
        let mut reads = Vec::new();
        for (c, gap) in text.chars().zip(&gaps) {
            reads.push((at, c.to_string()));
            at += gap;
        }
        let mut expected = typed(&text);
        if is_entered {
            reads.push((at, "\r".to_owned()));
            expected.push(key(Key::Enter));
        }
        prop_assert_eq!(wedge(&reads), expected);
    }

    #[test]
    fn up_to_25_ms_a_character_is_always_a_scan(
        code in "[A-Z0-9-]{6,40}",
        pace_us in 0u64..=25_000,
        jitter in prop::collection::vec(0.0..=1.0, 42),
        suffix in prop::sample::select(vec!["", "\r", "\n", "\r\n", "\t"]),
    ) {
        // A code of one character only could be a held key, and is no code.
        prop_assume!(code.bytes().any(|byte| Some(byte) != code.bytes().next()));
        for new in [Framer::wedge, Framer::serial] {
            let mut framer = new();
            let mut out = Vec::new();
            let mut at = Duration::ZERO;
            // Each character is late by up to one more pace, so that gaps reach twice the pace.
            for ((i, byte), late) in (0..).zip(code.bytes().chain(suffix.bytes())).zip(&jitter) {
                at = Duration::from_micros(pace_us * i) + Duration::from_micros(pace_us).mul_f64(*late);
                framer.feed(&[byte], at, &mut out);
            }
            framer.tick(at + ms(1000), &mut out);
            prop_assert_eq!(out, vec![scan(code.as_bytes())]);
        }
    }
}
