//! What is on the paper: printed by the interpreter, read by a reader of QR codes.

use counterfoil::devices::print::{
    Cut, JobFault, Profile, ProfileName, QrWay, slip_job, test_sheet,
};
use counterfoil::domain::slip::Slip;
use counterfoil::domain::slip_template::Template;
use proptest::prelude::*;

use crate::printing::interpreter::{Paper, PrintedLine};
use crate::printing::slip;

/// Every profile, with either kind of QR code.
fn profiles() -> Vec<(String, Profile)> {
    let mut all = Vec::new();
    for name in ProfileName::ALL {
        for qr in [QrWay::Raster, QrWay::Native] {
            let profile = Profile {
                qr,
                ..name.profile()
            };
            all.push((format!("{} {qr:?}", name.as_str()), profile));
        }
    }
    all
}

/// Prints, and holds what is true of every slip.
#[track_caller]
fn print(slip: &Slip, template: &Template, profile: &Profile) -> Paper {
    let job = slip_job(slip, template, profile).expect("a job");
    let paper = Paper::of(&job.bytes, profile.width_dots).expect("commands that are known");
    assert_eq!(paper.pulses, 0, "the drawer stays shut");
    assert_eq!(paper.real_time_in_data, 0, "data is data");
    assert_eq!(paper.overlong, 0, "{:?}", paper.words());
    assert_eq!(
        (paper.cuts, paper.is_cut_last),
        (1, true),
        "one cut, at the end"
    );
    paper
}

#[test]
fn a_slip_reads_the_same_on_every_paper() {
    for (name, profile) in profiles() {
        let paper = print(&slip(), &Template::standard(), &profile);
        assert_eq!(paper.codes(), ["BCDFGHJKLNPRST"], "{name}");
        assert!(paper.words().contains(&"BCDF-GHJK-LNPR-ST"), "{name}");
        let is_native = profile.qr == QrWay::Native;
        assert_eq!(paper.native_codes, usize::from(is_native), "{name}");
        assert_eq!(paper.raster_rows.is_empty(), is_native, "{name}");
        assert!(paper.raster_rows.iter().all(|rows| *rows <= 255), "{name}");
    }
}

#[test]
fn an_epson_prints_accents_and_the_euro_and_others_spell_them() {
    let fancy = Slip {
        offer: "5 € off".to_owned(),
        name: Some("Zoë Łukasz".to_owned()),
        ..slip()
    };
    let epson = print(
        &fancy,
        &Template::standard(),
        &ProfileName::Epson80.profile(),
    );
    assert_eq!(epson.pages, [19]);
    assert!(epson.words().contains(&"5 € off"));
    assert!(epson.words().contains(&"Zoë Lukasz"));
    let plain = print(
        &fancy,
        &Template::standard(),
        &ProfileName::Generic58.profile(),
    );
    assert!(plain.pages.is_empty());
    assert!(plain.words().contains(&"5 EUR off"));
    assert!(plain.words().contains(&"Zoe Lukasz"));
    let job = slip_job(
        &fancy,
        &Template::standard(),
        &ProfileName::Epson80.profile(),
    );
    let told: Vec<String> = job
        .expect("a job")
        .substitutions
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(told, ["Ł is printed as L"]);
}

#[test]
fn the_code_is_large_where_it_fits_and_a_copy_says_so() {
    let copy = Slip {
        copy: 2,
        is_test: true,
        ..slip()
    };
    let paper = print(
        &copy,
        &Template::standard(),
        &ProfileName::Epson80.profile(),
    );
    let line = |text: &str, scale| PrintedLine {
        text: text.to_owned(),
        scale,
        is_bold: true,
    };
    for wanted in [
        line("BCDF-GHJK-LNPR-ST", (2, 2)),
        line("COPY 2", (1, 1)),
        line("TEST – NOT VALID".replace('–', "-").as_str(), (2, 2)),
    ] {
        assert!(paper.lines.contains(&wanted), "{wanted:?}");
    }
    let narrow = print(
        &copy,
        &Template::standard(),
        &ProfileName::Generic58.profile(),
    );
    assert!(narrow.lines.contains(&line("BCDF-GHJK-LNPR-ST", (1, 2))));
}

#[test]
fn a_drawer_is_not_opened_by_a_name() {
    let sly = "\u{1b}p\u{0}\u{19}\u{fa}\u{10}\u{14}\u{1}\u{0}\u{1}\u{1d}V\u{0}\u{1d}(D\u{0}\r\n";
    let slip = Slip {
        store: sly.to_owned(),
        offer: sly.to_owned(),
        name: Some(sly.to_owned()),
        campaign: sly.to_owned(),
        validity: sly.to_owned(),
        issued: sly.to_owned(),
        ..slip()
    };
    for (name, profile) in profiles() {
        let paper = print(&slip, &Template::standard(), &profile);
        assert_eq!(paper.codes(), ["BCDFGHJKLNPRST"], "{name}");
    }
    let sly = Slip {
        code: format!("ABC{}", '\u{10}'),
        ..slip
    };
    for (name, profile) in profiles() {
        let job = slip_job(&sly, &Template::standard(), &profile);
        let fault = JobFault::Code("\"ABC\\x10\"".to_owned());
        assert_eq!(job, Err(fault), "{name}");
    }
}

#[test]
fn a_cut_is_what_the_profile_says() {
    for (cut, feed_lines, cuts) in [
        (Cut::Partial, Some(3), 1),
        (Cut::Full, Some(3), 1),
        (Cut::Full, None, 1),
        (Cut::None, None, 0),
        (Cut::None, Some(2), 0),
    ] {
        let profile = Profile {
            cut,
            feed_lines,
            ..ProfileName::Generic80.profile()
        };
        let job = slip_job(&slip(), &Template::standard(), &profile).expect("a job");
        let paper = Paper::of(&job.bytes, profile.width_dots).expect("known commands");
        assert_eq!(paper.cuts, cuts, "{cut:?} {feed_lines:?}");
        let is_fed = paper.words().last() == Some(&"");
        assert_eq!(is_fed, feed_lines.is_some() || cut == Cut::None, "{cut:?}");
    }
}

#[test]
fn the_test_sheet_shows_every_candidate() {
    for name in ProfileName::ALL {
        let profile = name.profile();
        let job = test_sheet(&profile, name).expect("a sheet");
        let paper = Paper::of(&job.bytes, profile.width_dots).expect("known commands");
        assert_eq!(
            paper.codes(),
            ["TEST-NOT-VALID", "TEST-NOT-VALID"],
            "{name:?}"
        );
        assert_eq!((paper.native_codes, paper.cuts, paper.pulses), (1, 1, 0));
        let words = paper.words().join("\n");
        for wanted in [
            &format!("Profile: {}", name.as_str()),
            "cp858   19  5,00 € äöüß",
            "cp1252  16  5,00 € äöüß",
            "qr = \"native\"",
        ] {
            assert!(words.contains(wanted), "{wanted} in {words}");
        }
        // The rulers for wider paper are meant to break.
        let wider = [32_u16, 42, 48]
            .iter()
            .filter(|columns| **columns * 12 > profile.width_dots);
        assert_eq!(paper.overlong, wider.count(), "{name:?}");
    }
}

fn any_slip() -> impl Strategy<Value = Slip> {
    // Often what a printer obeys, else anything at all.
    let word = || {
        prop_oneof![
            ".{0,40}",
            any::<String>(),
            "[\u{0}-\u{1f}pVvkDa@(!t\u{80}-\u{9f}{}\\[\\]-]{0,60}",
        ]
    };
    (
        (word(), word(), word(), word(), word()),
        proptest::option::of(word()),
        "[!-~][ -~]{0,63}",
        0_u32..4,
        any::<bool>(),
    )
        .prop_map(
            |((store, offer, campaign, validity, issued), name, code, copy, is_test)| Slip {
                store,
                campaign,
                offer,
                code,
                name,
                validity,
                issued,
                copy,
                is_test,
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn whatever_a_slip_holds_the_code_is_read_and_nothing_obeys(
        slip in any_slip(),
        (name, profile) in proptest::sample::select(profiles()),
    ) {
        let paper = print(&slip, &Template::standard(), &profile);
        prop_assert_eq!(paper.codes(), [slip.code], "{}", name);
    }

    #[test]
    fn whatever_a_template_says_nothing_obeys(
        text in "[{}\\[\\]# a-z\\n\u{7f}-\u{ff}-]{0,80}",
        (name, profile) in proptest::sample::select(profiles()),
    ) {
        if let Ok(template) = Template::parse(&format!("{{qr}}\n{{code}}\n{text}")) {
            let paper = print(&slip(), &template, &profile);
            prop_assert_eq!(paper.codes(), ["BCDFGHJKLNPRST"], "{}", name);
        }
    }

    #[test]
    fn any_code_is_printed_or_refused(code: String) {
        let slip = Slip { code, ..slip() };
        for (_, profile) in profiles() {
            match slip_job(&slip, &Template::standard(), &profile) {
                Ok(_) => prop_assert!(slip.code.bytes().all(|byte| (b' '..=b'~').contains(&byte))),
                Err(fault) => prop_assert!(matches!(fault, JobFault::Code(_)), "{}", fault),
            }
        }
    }
}
