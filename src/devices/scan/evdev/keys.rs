//! Key events of a scanner that types, decoded as US keys: events in, bytes out.
//!
//! Source: `linux/input-event-codes.h` and Documentation/input/event-codes.rst of the kernel.
//! Invariant: after events were lost (`SYN_DROPPED`) nothing of that scan comes out.
//! Not here: when a scan ends (`framing`), and the device.

/// An event as the kernel writes it: `struct input_event` without its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyEvent {
    /// `EV_KEY`, `EV_SYN` or another.
    pub kind: u16,
    /// Which key.
    pub code: u16,
    /// 1 pressed, 0 released, 2 held.
    pub value: i32,
}

/// The bytes of one `struct input_event`: two words of time, two halves and a number.
pub const EVENT_BYTES: usize = 2 * size_of::<usize>() + 8;

impl KeyEvent {
    /// Reads one event; none: the bytes are too few.
    pub fn parse(bytes: &[u8]) -> Option<KeyEvent> {
        let rest = bytes.get(2 * size_of::<usize>()..)?;
        let (kind, rest) = rest.split_first_chunk::<2>()?;
        let (code, rest) = rest.split_first_chunk::<2>()?;
        let (value, _) = rest.split_first_chunk::<4>()?;
        Some(KeyEvent {
            kind: u16::from_ne_bytes(*kind),
            code: u16::from_ne_bytes(*code),
            value: i32::from_ne_bytes(*value),
        })
    }
}

const EV_SYN: u16 = 0;
const EV_KEY: u16 = 1;
const SYN_DROPPED: u16 = 3;
const TAB: u16 = 15;
const ENTER: u16 = 28;
const LEFT_CTRL: u16 = 29;
const LEFT_SHIFT: u16 = 42;
const RIGHT_SHIFT: u16 = 54;
const LEFT_ALT: u16 = 56;
const CAPS_LOCK: u16 = 58;
const KEYPAD_ENTER: u16 = 96;
const RIGHT_CTRL: u16 = 97;
const RIGHT_ALT: u16 = 100;

/// Rows of keys: the first code, and what they type without and with shift.
const ROWS: [(u16, &[u8], &[u8]); 7] = [
    (2, b"1234567890-=", b"!@#$%^&*()_+"),
    (16, b"qwertyuiop[]", b"QWERTYUIOP{}"),
    (30, b"asdfghjkl;'`", b"ASDFGHJKL:\"~"),
    (43, b"\\zxcvbnm,./", b"|ZXCVBNM<>?"),
    (57, b" ", b" "),
    // The key beside the left shift, which US keyboards do not have: as their backslash.
    (86, b"\\", b"|"),
    (117, b"=", b"="),
];

/// The keypad, whatever its Num Lock says: a scanner means the digits.
const KEYPAD: [(u16, u8); 16] = [
    (55, b'*'),
    (71, b'7'),
    (72, b'8'),
    (73, b'9'),
    (74, b'-'),
    (75, b'4'),
    (76, b'5'),
    (77, b'6'),
    (78, b'+'),
    (79, b'1'),
    (80, b'2'),
    (81, b'3'),
    (82, b'0'),
    (83, b'.'),
    (98, b'/'),
    (121, b','),
];

/// The keys that are held, and what they make of the next one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decoder {
    held: Vec<u16>,
    has_caps: bool,
    /// Digits typed with Alt held: a character's number, as some scanners send it.
    alt_digits: Option<u16>,
    /// Events were lost: what comes is swallowed up to the end of the scan.
    is_spoiled: bool,
}

impl Decoder {
    /// Takes an event, and adds what was typed.
    pub fn feed(&mut self, event: KeyEvent, typed: &mut Vec<u8>) {
        if event.kind == EV_SYN && event.code == SYN_DROPPED {
            // Whatever was held may have been let go unseen.
            *self = Decoder {
                has_caps: self.has_caps,
                is_spoiled: true,
                ..Decoder::default()
            };
            return;
        }
        if event.kind != EV_KEY {
            return;
        }
        match event.value {
            0 => self.released(event.code, typed),
            1 => self.pressed(event.code, typed),
            // A key that is held down is one key.
            _ => {}
        }
    }

    /// Nothing came for as long as a scan may pause.
    pub fn silence(&mut self) {
        self.is_spoiled = false;
    }

    /// Whether a scan is being swallowed.
    pub fn is_spoiled(&self) -> bool {
        self.is_spoiled
    }

    fn holds(&self, keys: [u16; 2]) -> bool {
        self.held.iter().any(|held| keys.contains(held))
    }

    fn released(&mut self, code: u16, typed: &mut Vec<u8>) {
        self.held.retain(|held| *held != code);
        if code == LEFT_ALT
            && let Some(number) = self.alt_digits.take()
            && !self.is_spoiled
        {
            // Beyond ASCII it depends on a code page that nobody has told us: unreadable.
            let is_ascii = u8::try_from(number).ok().filter(u8::is_ascii);
            typed.push(is_ascii.unwrap_or(0xff));
        }
    }

    fn pressed(&mut self, code: u16, typed: &mut Vec<u8>) {
        match code {
            LEFT_CTRL | RIGHT_CTRL | LEFT_SHIFT | RIGHT_SHIFT | LEFT_ALT | RIGHT_ALT => {
                if !self.held.contains(&code) {
                    self.held.push(code);
                }
            }
            CAPS_LOCK => self.has_caps = !self.has_caps,
            ENTER | KEYPAD_ENTER | TAB => {
                // It ends the scan that was spoiled, and begins none.
                if !std::mem::take(&mut self.is_spoiled) {
                    typed.push(if code == TAB { b'\t' } else { b'\r' });
                }
            }
            _ => {
                if let Some(byte) = self.meaning(code)
                    && !self.is_spoiled
                {
                    typed.push(byte);
                }
            }
        }
    }

    fn meaning(&mut self, code: u16) -> Option<u8> {
        let on_keypad = KEYPAD.iter().find(|(key, _)| *key == code);
        if let Some((_, byte)) = on_keypad {
            if self.held.contains(&LEFT_ALT) && byte.is_ascii_digit() {
                let digit = u16::from(*byte - b'0');
                let number = self.alt_digits.unwrap_or(0);
                self.alt_digits = Some(number.saturating_mul(10).saturating_add(digit));
                return None;
            }
            return Some(*byte);
        }
        let (plain, shifted) = ROWS.iter().find_map(|(first, plain, shifted)| {
            let at = usize::from(code.checked_sub(*first)?);
            Some((*plain.get(at)?, *shifted.get(at)?))
        })?;
        if self.holds([LEFT_CTRL, RIGHT_CTRL]) {
            // As terminals have it: Ctrl-] is GS.
            let upper = if self.holds([LEFT_SHIFT, RIGHT_SHIFT]) {
                shifted
            } else {
                plain.to_ascii_uppercase()
            };
            return Some(upper & 0x1f);
        }
        let is_inverted = self.has_caps && plain.is_ascii_lowercase();
        let is_shifted = self.holds([LEFT_SHIFT, RIGHT_SHIFT]) != is_inverted;
        Some(if is_shifted { shifted } else { plain })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(code: u16, value: i32) -> KeyEvent {
        KeyEvent {
            kind: EV_KEY,
            code,
            value,
        }
    }

    fn tap(code: u16) -> Vec<KeyEvent> {
        vec![key(code, 1), key(code, 0)]
    }

    fn with(modifier: u16, codes: &[u16]) -> Vec<KeyEvent> {
        let mut events = vec![key(modifier, 1)];
        events.extend(codes.iter().flat_map(|code| tap(*code)));
        events.push(key(modifier, 0));
        events
    }

    /// What a scanner set to US keys types.
    fn typed_by_scanner(text: &str) -> Vec<KeyEvent> {
        let one = |letter: u8| {
            for (first, plain, shifted) in ROWS {
                for (row, is_shifted) in [(plain, false), (shifted, true)] {
                    if let Some(at) = row.iter().position(|byte| *byte == letter) {
                        let code = first + u16::try_from(at).unwrap();
                        return if is_shifted {
                            with(LEFT_SHIFT, &[code])
                        } else {
                            tap(code)
                        };
                    }
                }
            }
            tap(ENTER)
        };
        text.bytes().flat_map(one).collect()
    }

    fn decoded(events: &[KeyEvent]) -> String {
        let mut decoder = Decoder::default();
        let mut typed = Vec::new();
        for event in events {
            decoder.feed(*event, &mut typed);
        }
        String::from_utf8_lossy(&typed).into_owned()
    }

    #[test]
    fn keys_are_read_as_a_us_keyboard_has_them() {
        let table = [
            (tap(30), "a"),
            (with(LEFT_SHIFT, &[30, 3]), "A@"),
            (with(RIGHT_SHIFT, &[12, 53]), "_?"),
            (vec![key(30, 1), key(30, 2), key(30, 2), key(30, 0)], "a"),
            (
                [tap(CAPS_LOCK), tap(30), tap(2), tap(CAPS_LOCK), tap(30)].concat(),
                "A1a",
            ),
            ([tap(CAPS_LOCK), with(LEFT_SHIFT, &[30, 2])].concat(), "a!"),
            (
                [tap(79), tap(82), tap(83), tap(KEYPAD_ENTER)].concat(),
                "10.\r",
            ),
            ([tap(2), tap(TAB), tap(3), tap(ENTER)].concat(), "1\t2\r"),
            (with(LEFT_CTRL, &[27]), "\u{1d}"),
            (with(RIGHT_CTRL, &[50]), "\r"),
            (with(LEFT_ALT, &[77, 76]), "A"),
            (
                [with(LEFT_ALT, &[82, 77, 77]), with(LEFT_ALT, &[75, 73])].concat(),
                "B1",
            ),
            (with(LEFT_ALT, &[79, 76, 76]), "\u{fffd}"),
            // A function key, a key of another device, a report.
            (
                [
                    tap(59),
                    tap(330),
                    vec![KeyEvent {
                        kind: EV_SYN,
                        code: 0,
                        value: 0,
                    }],
                ]
                .concat(),
                "",
            ),
        ];
        for (events, text) in table {
            assert_eq!(decoded(&events), text, "{events:?}");
        }
    }

    #[test]
    fn what_was_lost_spoils_its_scan_and_no_other() {
        let dropped = KeyEvent {
            kind: EV_SYN,
            code: SYN_DROPPED,
            value: 0,
        };
        let mut events = typed_by_scanner("BCDF");
        events.push(key(LEFT_SHIFT, 1));
        events.push(dropped);
        events.extend(typed_by_scanner("GHJK\n"));
        events.extend(typed_by_scanner("lnpr\n"));
        assert_eq!(decoded(&events), "BCDFlnpr\r");
        // Without a suffix it is silence that ends it.
        let mut decoder = Decoder::default();
        let mut typed = Vec::new();
        decoder.feed(dropped, &mut typed);
        for event in typed_by_scanner("GH") {
            decoder.feed(event, &mut typed);
        }
        assert!(decoder.is_spoiled() && typed.is_empty());
        decoder.silence();
        for event in typed_by_scanner("L") {
            decoder.feed(event, &mut typed);
        }
        assert_eq!(typed, b"L");
    }

    #[test]
    fn an_event_is_read_as_the_kernel_writes_it() {
        let mut bytes = vec![0xa5; 2 * size_of::<usize>()];
        bytes.extend(1u16.to_ne_bytes());
        bytes.extend(28u16.to_ne_bytes());
        bytes.extend(1i32.to_ne_bytes());
        assert_eq!(bytes.len(), EVENT_BYTES);
        assert_eq!(KeyEvent::parse(&bytes), Some(key(ENTER, 1)));
        assert_eq!(KeyEvent::parse(&bytes[1..]), None);
    }

    proptest! {
        #[test]
        fn whatever_is_typed_is_read(text in "[ -~]{0,60}") {
            prop_assert_eq!(decoded(&typed_by_scanner(&text)), text);
        }

        #[test]
        fn any_events_are_read(events: Vec<(u16, u16, i32)>) {
            let events: Vec<KeyEvent> = events
                .into_iter()
                .map(|(kind, code, value)| KeyEvent { kind: kind % 3, code: code % 160, value: value % 3 })
                .collect();
            decoded(&events);
        }
    }
}
