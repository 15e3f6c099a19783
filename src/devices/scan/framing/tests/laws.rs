//! The laws of framing, for any input.

use std::time::Duration;

use proptest::prelude::{Just, Strategy, any, prop, prop_assert, prop_assert_eq, prop_assume};
use proptest::{prop_oneof, proptest};

use crate::devices::scan::framing::tests::{
    CODE, garbage, key, ms, play, scan, serial, suffixed, typed, wedge,
};
use crate::devices::scan::framing::{Framer, is_showable};
use crate::devices::scan::input::{Input, Key};

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
    fn no_code_presses_a_key(reads in reads(), gap in 0u64..10, start in prop_oneof![Just(0u64), 100u64..300]) {
        let mut code: Vec<u8> = reads.into_iter().flat_map(|(_, bytes)| bytes).collect();
        code.truncate(2000);
        code.insert(0, b'A');
        code.rotate_left(usize::from(start != 0));
        code.push(b'\r');
        let times = (0..).map(|i| start + i * gap);
        let paced: Vec<(u64, [u8; 1])> = times.zip(code.iter().map(|byte| [*byte])).collect();
        // One character and its Enter may come in one packet from a hand far away.
        let inputs = wedge(&paced);
        for (before, input) in std::iter::once(&garbage()).chain(&inputs).zip(&inputs) {
            let is_enter = *input == key(Key::Enter) || *input == key(Key::Tab);
            let is_entered = is_enter && matches!(before, Input::Typed(_));
            prop_assert!(!matches!(input, Input::Key(_)) || is_entered, "{input:?}");
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
        code in "[A-Z0-9\u{1d}-]{5,39}[A-Z]",
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
