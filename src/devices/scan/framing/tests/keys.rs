//! Keys, escape sequences and pastes: what is a command, and what only looks like one.

use crate::devices::scan::framing::tests::{
    CODE, dirty, flagged, garbage, key, ms, paced, pasted, scan, serial, suffixed, typed, wedge,
};
use crate::devices::scan::framing::{Framer, SCAN_BYTES_MAX};
use crate::devices::scan::input::{Input, Key, Scan, ScanFlag, ScanFlags};

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
