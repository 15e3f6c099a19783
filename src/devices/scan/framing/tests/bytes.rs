//! Bytes of all kinds: too many, no text, or of a scanner that is set up wrongly.

use crate::devices::scan::framing::tests::{
    CODE, flagged, garbage, ms, paced, scan, serial, suffixed, typed, wedge,
};
use crate::devices::scan::framing::{Framer, SCAN_BYTES_MAX};
use crate::devices::scan::input::{Input, Scan, ScanFlag, ScanFlags, ScanNotice};

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
