//! Keyboard layouts: what a scanner that types US keys meant on a computer set to another layout.
//!
//! A repair explains a fault to a person ("the computer's keyboard is set to German"). Invariant: it
//! is never honoured as a scan. A counter may ask for one layout's scans to be read [`as_us`] before
//! anything else; then there is nothing to guess. Invariant: a letter that arrives has one meaning in a layout.
//! Not here: dead keys that swallow the next letter, and keys that need `AltGr` (a scanner set to US
//! keys presses none).

use serde::{Deserialize, Serialize};
use std::fmt;

/// A keyboard layout that a computer may have while its scanner types US keys. With caps lock on,
/// French and Belgian Windows types the other level of every key, digits included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// Germany and Austria.
    German,
    /// France.
    French,
    /// France, with caps lock on.
    FrenchCapsLock,
    /// Belgium; French on Apple computers types letters and digits like it.
    Belgian,
    /// Belgium, with caps lock on.
    BelgianCapsLock,
    /// Italy.
    Italian,
    /// Spain.
    Spanish,
    /// Portugal.
    Portuguese,
    /// Switzerland.
    Swiss,
    /// Sweden and Finland.
    Swedish,
    /// Denmark.
    Danish,
    /// Norway.
    Norwegian,
    /// Czechia, QWERTZ.
    Czech,
    /// Hungary.
    Hungarian,
    /// US Dvorak.
    Dvorak,
}

impl Layout {
    /// Every layout, in the order in which they are tried.
    pub const ALL: [Layout; 15] = [
        Layout::German,
        Layout::French,
        Layout::FrenchCapsLock,
        Layout::Belgian,
        Layout::BelgianCapsLock,
        Layout::Italian,
        Layout::Spanish,
        Layout::Portuguese,
        Layout::Swiss,
        Layout::Swedish,
        Layout::Danish,
        Layout::Norwegian,
        Layout::Czech,
        Layout::Hungarian,
        Layout::Dvorak,
    ];

    /// Its name, for people.
    pub fn name(self) -> &'static str {
        match self {
            Layout::German => "German",
            Layout::French => "French",
            Layout::FrenchCapsLock => "French with caps lock",
            Layout::Belgian => "Belgian",
            Layout::BelgianCapsLock => "Belgian with caps lock",
            Layout::Italian => "Italian",
            Layout::Spanish => "Spanish",
            Layout::Portuguese => "Portuguese",
            Layout::Swiss => "Swiss",
            Layout::Swedish => "Swedish",
            Layout::Danish => "Danish",
            Layout::Norwegian => "Norwegian",
            Layout::Czech => "Czech",
            Layout::Hungarian => "Hungarian",
            Layout::Dvorak => "Dvorak",
        }
    }

    fn keys(self) -> Keys {
        match self {
            Layout::German => GERMAN,
            Layout::French => FRENCH,
            Layout::FrenchCapsLock => FRENCH.inverted(),
            Layout::Belgian => BELGIAN,
            Layout::BelgianCapsLock => BELGIAN.inverted(),
            Layout::Italian => ITALIAN,
            Layout::Spanish => SPANISH,
            Layout::Portuguese => PORTUGUESE,
            Layout::Swiss => SWISS,
            Layout::Swedish => SWEDISH,
            Layout::Danish => DANISH,
            Layout::Norwegian => NORWEGIAN,
            Layout::Czech => CZECH,
            Layout::Hungarian => HUNGARIAN,
            Layout::Dvorak => DVORAK,
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a scanner set to US keys meant by a text that arrived at a computer with this layout. `None`
/// if the layout cannot type the text, if the text would mean something that neither a code nor a
/// link is made of (`0-9A-Za-z`, space and `-_./:?=&%]`), or if it would mean itself.
pub fn repair(text: &str, layout: Layout) -> Option<String> {
    let keys = layout.keys();
    let meant: String = text
        .chars()
        .map(|arrived| keys.meaning(arrived).filter(|meant| is_expected(*meant)))
        .collect::<Option<String>>()?;
    (meant != text).then_some(meant)
}

/// What a scanner set to US keys typed, key for key, on a computer known to have this layout. `None` if
/// that layout cannot have typed the text, or if it is the same there. Control characters stay.
pub fn as_us(text: &str, layout: Layout) -> Option<String> {
    let keys = layout.keys();
    let typed: String = text
        .chars()
        .map(|arrived| {
            if arrived.is_ascii_control() {
                Some(arrived)
            } else {
                keys.meaning(arrived)
            }
        })
        .collect::<Option<String>>()?;
    (typed != text).then_some(typed)
}

/// What the 47 character keys of a keyboard type, row by row, from the key left of `1` to the key
/// left of the right shift.
#[derive(Clone, Copy)]
struct Keys {
    plain: &'static str,
    shifted: &'static str,
}

impl Keys {
    fn inverted(self) -> Keys {
        Keys {
            plain: self.shifted,
            shifted: self.plain,
        }
    }

    /// The character that a US keyboard has where this one has `arrived`.
    fn meaning(self, arrived: char) -> Option<char> {
        if arrived == ' ' {
            return Some(' ');
        }
        self.us_twin(arrived).or_else(|| {
            // Where caps lock turns é into É but leaves the other keys alone.
            let mut lower = arrived.to_lowercase();
            let first = lower
                .next()
                .filter(|first| *first != arrived && !arrived.is_ascii())?;
            lower
                .next()
                .is_none()
                .then(|| self.us_twin(first))
                .flatten()
        })
    }

    fn us_twin(self, arrived: char) -> Option<char> {
        let plain = same_place(self.plain, arrived, US.plain);
        plain.or_else(|| same_place(self.shifted, arrived, US.shifted))
    }
}

/// The character of `us`, which is ASCII, in the place that `arrived` has in `typed`.
fn same_place(typed: &str, arrived: char, us: &str) -> Option<char> {
    let (before, _) = typed.split_once(arrived)?;
    let meant = us.as_bytes().get(before.chars().count())?;
    Some(char::from(*meant))
}

fn is_expected(meant: char) -> bool {
    meant.is_ascii_alphanumeric() || " -_./:?=&%]".contains(meant)
}

// The default variant of each layout in Debian's xkb-data 2.35 (symbols de, fr, be, it, es, pt, ch,
// se, dk, no, cz, hu and us(dvorak)), read through libxkbcommon for levels 1 and 2; a dead key
// stands for its accent.
const US: Keys = Keys {
    plain: r"`1234567890-=qwertyuiop[]asdfghjkl;'\zxcvbnm,./",
    shifted: r#"~!@#$%^&*()_+QWERTYUIOP{}ASDFGHJKL:"|ZXCVBNM<>?"#,
};
const GERMAN: Keys = Keys {
    plain: "^1234567890ß´qwertzuiopü+asdfghjklöä#yxcvbnm,.-",
    shifted: r#"°!"§$%&/()=?`QWERTZUIOPÜ*ASDFGHJKLÖÄ'YXCVBNM;:_"#,
};
const FRENCH: Keys = Keys {
    plain: r#"²&é"'(-è_çà)=azertyuiop^$qsdfghjklmù*wxcvbn,;:!"#,
    shifted: "~1234567890°+AZERTYUIOP¨£QSDFGHJKLM%µWXCVBN?./§",
};
const BELGIAN: Keys = Keys {
    plain: r#"²&é"'(§è!çà)-azertyuiop^$qsdfghjklmùµwxcvbn,;:="#,
    shifted: "³1234567890°_AZERTYUIOP¨*QSDFGHJKLM%£WXCVBN?./+",
};
const ITALIAN: Keys = Keys {
    plain: r"\1234567890'ìqwertyuiopè+asdfghjklòàùzxcvbnm,.-",
    shifted: r#"|!"£$%&/()=?^QWERTYUIOPé*ASDFGHJKLç°§ZXCVBNM;:_"#,
};
const SPANISH: Keys = Keys {
    plain: "º1234567890'¡qwertyuiop`+asdfghjklñ´çzxcvbnm,.-",
    shifted: r#"ª!"·$%&/()=?¿QWERTYUIOP^*ASDFGHJKLÑ¨ÇZXCVBNM;:_"#,
};
const PORTUGUESE: Keys = Keys {
    plain: r"\1234567890'«qwertyuiop+´asdfghjklçº~zxcvbnm,.-",
    shifted: r##"|!"#$%&/()=?»QWERTYUIOP*`ASDFGHJKLÇª^ZXCVBNM;:_"##,
};
const SWISS: Keys = Keys {
    plain: "§1234567890'^qwertzuiopü¨asdfghjklöä$yxcvbnm,.-",
    shifted: r#"°+"*ç%&/()=?`QWERTZUIOPè!ASDFGHJKLéà£YXCVBNM;:_"#,
};
const SWEDISH: Keys = Keys {
    plain: "§1234567890+´qwertyuiopå¨asdfghjklöä'zxcvbnm,.-",
    shifted: r##"½!"#¤%&/()=?`QWERTYUIOPÅ^ASDFGHJKLÖÄ*ZXCVBNM;:_"##,
};
const DANISH: Keys = Keys {
    plain: "½1234567890+´qwertyuiopå¨asdfghjklæø'zxcvbnm,.-",
    shifted: r##"§!"#¤%&/()=?`QWERTYUIOPÅ^ASDFGHJKLÆØ*ZXCVBNM;:_"##,
};
const NORWEGIAN: Keys = Keys {
    plain: r"|1234567890+\qwertyuiopå¨asdfghjkløæ'zxcvbnm,.-",
    shifted: r##"§!"#¤%&/()=?`QWERTYUIOPÅ^ASDFGHJKLØÆ*ZXCVBNM;:_"##,
};
const CZECH: Keys = Keys {
    plain: ";+ěščřžýáíé=´qwertzuiopú)asdfghjklů§¨yxcvbnm,.-",
    shifted: r#"°1234567890%ˇQWERTZUIOP/(ASDFGHJKL"!'YXCVBNM?:_"#,
};
const HUNGARIAN: Keys = Keys {
    plain: "0123456789öüóqwertzuiopőúasdfghjkléáűyxcvbnm,.-",
    shifted: r#"§'"+!%/=()ÖÜÓQWERTZUIOPŐÚASDFGHJKLÉÁŰYXCVBNM?:_"#,
};
const DVORAK: Keys = Keys {
    plain: r"`1234567890[]',.pyfgcrl/=aoeuidhtns-\;qjkxbmwvz",
    shifted: r#"~!@#$%^&*(){}"<>PYFGCRL?+AOEUIDHTNS_|:QJKXBMWVZ"#,
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Keys, Layout, US, as_us, repair};

    /// What arrives from a scanner set to US keys.
    pub(crate) fn garble(text: &str, layout: Layout) -> String {
        let keys = layout.keys();
        let us = US.plain.chars().chain(US.shifted.chars());
        let typed: Vec<(char, char)> = us
            .zip(keys.plain.chars().chain(keys.shifted.chars()))
            .collect();
        text.chars()
            .map(|meant| {
                typed
                    .iter()
                    .find(|(us, _)| *us == meant)
                    .map_or(meant, |(_, typed)| *typed)
            })
            .collect()
    }

    #[test]
    fn every_layout_types_47_keys_and_no_letter_twice() {
        for Keys { plain, shifted } in Layout::ALL.map(Layout::keys).into_iter().chain([US]) {
            assert_eq!(
                (plain.chars().count(), shifted.chars().count()),
                (47, 47),
                "{plain}"
            );
            let mut letters: Vec<char> = plain.chars().chain(shifted.chars()).collect();
            letters.sort_unstable();
            letters.dedup();
            assert_eq!(letters.len(), 94, "{plain}");
        }
    }

    #[test]
    fn codes_garbled_by_a_layout_are_recognised() {
        let table: &[(&str, &[Layout])] = &[
            ("CFß7K2Mß9QXA", &[Layout::German]),
            ("CF)èKé?)çAXQ", &[Layout::French]),
            (
                "CF'7K2M'9QXA",
                &[
                    Layout::Italian,
                    Layout::Spanish,
                    Layout::Portuguese,
                    Layout::Swiss,
                ],
            ),
            (
                "CF+7K2M+9QXA",
                &[Layout::Swedish, Layout::Danish, Layout::Norwegian],
            ),
            ("CF=ýKěM=íQXA", &[Layout::Czech]),
        ];
        for (arrived, layouts) in table {
            for layout in *layouts {
                assert_eq!(
                    repair(arrived, *layout).as_deref(),
                    Some("CF-7K2M-9QXA"),
                    "{layout}"
                );
            }
        }
    }

    #[test]
    fn links_garbled_by_a_layout_are_recognised() {
        assert_eq!(
            repair("httpsÖ--x.io-r_c´AY19", Layout::German).as_deref(),
            Some("https://x.io/r?c=AZ19")
        );
        assert_eq!(
            repair("+Q1CODE", Layout::German).as_deref(),
            Some("]Q1CODE")
        );
    }

    /// From a field report: ten codes on a computer with French keys, without and with caps lock.
    #[test]
    fn french_keys_with_and_without_caps_lock_are_recognised() {
        let table = [
            ("004HQ3NIDBVD", "àà'HA\"NIDBVD", "004ha3nidbvd"),
            ("00AHRR8B8KUY", "ààQHRR!B!KUY", "00qhrr8b8kuy"),
            ("00JL6RVTT36W", "ààJL§RVTT\"§Z", "00jl6rvtt36z"),
            ("00WMYP2Y8V3E", "ààZ?YPéY!V\"E", "00z,yp2y8v3e"),
            ("0138U9Q6AABD", "à&\"!UçA§QQBD", "0138u9a6qqbd"),
            ("0178N53Y98TL", "à&è!N(\"Yç!TL", "0178n53y98tl"),
            ("01NNGCXUHM2K", "à&NNGCXUH?éK", "01nngcxuh,2k"),
        ];
        for (code, arrived, with_caps_lock) in table {
            assert_eq!(repair(arrived, Layout::Belgian).as_deref(), Some(code));
            for layout in [Layout::FrenchCapsLock, Layout::BelgianCapsLock] {
                assert_eq!(
                    repair(with_caps_lock, layout).as_deref(),
                    Some(code),
                    "{layout}"
                );
            }
        }
        assert_eq!(repair("ÉÀ", Layout::French).as_deref(), Some("20"));
    }

    #[test]
    fn a_known_layout_is_read_key_for_key() {
        for (arrived, layout, meant) in [
            ("CFß7K2Mß9QXA", Layout::German, Some("CF-7K2M-9QXA")),
            // Also where another reading would do: Y and Z are swapped, whatever comes.
            ("AZ-1", Layout::German, Some("AY/1")),
            (")01=\u{1d}21", Layout::German, Some("(01)\u{1d}21")),
            ("BCDFGHJK", Layout::German, None),
            ("CF-Ж", Layout::German, None),
            ("ààHA", Layout::Belgian, Some("00HQ")),
        ] {
            assert_eq!(as_us(arrived, layout).as_deref(), meant, "{arrived}");
        }
    }

    #[test]
    fn what_a_layout_cannot_have_made_is_left_alone() {
        assert_eq!(repair("BCDFGHJK", Layout::German), None);
        assert_eq!(repair("ＡＢＣ", Layout::German), None);
        assert_eq!(repair("CFß7\u{1b}", Layout::German), None);
        assert_eq!(repair("", Layout::German), None);
    }

    proptest! {
        #[test]
        fn a_garbled_text_is_repaired(text in "[0-9A-Za-z./:?=&_-]{1,40}", at in 0..Layout::ALL.len()) {
            let layout = Layout::ALL[at];
            let arrived = garble(&text, layout);
            let expected = (arrived != text).then_some(text);
            prop_assert_eq!(repair(&arrived, layout), expected);
        }

        #[test]
        fn whatever_is_typed_is_read_as_us(text in "[ -~\u{1d}]{0,40}", at in 0..Layout::ALL.len()) {
            let layout = Layout::ALL[at];
            let arrived = garble(&text, layout);
            let expected = (arrived != text).then_some(text);
            prop_assert_eq!(as_us(&arrived, layout), expected);
        }

        #[test]
        fn generated_codes_survive_every_layout_but_dvorak(code in "[BCDFGHJKLNPRSTVX]{14}") {
            for layout in Layout::ALL.into_iter().filter(|layout| *layout != Layout::Dvorak) {
                prop_assert!(garble(&code, layout).eq_ignore_ascii_case(&code));
            }
        }
    }
}
