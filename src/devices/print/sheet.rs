//! The test sheet: every candidate with its label, so that a person can see which ones this printer
//! understands, and choose the profile.

use crate::devices::print::escpos::Size;
use crate::devices::print::page::{Job, JobFault, Page};
use crate::devices::print::profile::{PageCode, Profile, ProfileName, QrWay};
use crate::devices::print::text::{CodeTable, spell};
use crate::domain::slip_template::{Align, Style};

/// What the QR codes of the sheet hold; no counter honours it.
pub const TEST_CODE: &str = "TEST-NOT-VALID";

/// The line that shows whether a page code is the right one.
const SAMPLE: &str = "5,00 € äöüß éèñ £";

/// The numbers by which models select their page codes, the usual first (escpos-printer-db, 2026-07).
const PAGES: [(CodeTable, &[u8]); 3] = [
    (CodeTable::Cp437, &[0]),
    (CodeTable::Cp858, &[19, 4, 53, 14, 6, 31]),
    (CodeTable::Cp1252, &[16, 32, 71, 11, 8]),
];

const PLAIN: Style = Style {
    align: Align::Left,
    is_large: false,
    is_bold: false,
};

const HEADING: Style = Style {
    is_bold: true,
    ..PLAIN
};

/// The test sheet of a profile, as the console or `printer test` prints it.
pub fn test_sheet(profile: &Profile, name: ProfileName) -> Result<Job, JobFault> {
    // ASCII prints everywhere; what tries a page code selects it itself.
    let ascii = Profile {
        page_code: PageCode {
            table: CodeTable::Ascii,
            number: 0,
        },
        ..profile.clone()
    };
    let mut page = Page::begin(&ascii);
    let title = Style {
        align: Align::Centre,
        is_large: true,
        is_bold: true,
    };
    page.text("COUNTERFOIL", title, false)?;
    page.text(
        "printer test",
        Style {
            is_large: false,
            ..title
        },
        false,
    )?;
    page.text("", PLAIN, false)?;
    page.text(&format!("Profile: {}", name.as_str()), PLAIN, false)?;
    widths(&mut page)?;
    page_codes(&mut page)?;
    pictures(&mut page)?;
    cutting(&mut page)?;
    Ok(page.end())
}

/// Rulers: a line that wraps is wider than the paper.
fn widths(page: &mut Page<'_>) -> Result<(), JobFault> {
    page.text("", PLAIN, false)?;
    page.text(
        "1 WIDTH. columns: the longest line that is not broken",
        HEADING,
        false,
    )?;
    page.escpos.align(Align::Left);
    page.escpos.look(Size::Normal, false);
    for columns in [32_usize, 42, 48] {
        let label = format!("{columns} ");
        let dashes = columns.saturating_sub(label.len()).saturating_sub(1);
        // Not wrapped by us: the printer shall show where its paper ends.
        page.escpos
            .line(format!("{label}{}|", "-".repeat(dashes)).as_bytes());
    }
    Ok(())
}

fn page_codes(page: &mut Page<'_>) -> Result<(), JobFault> {
    page.text("", PLAIN, false)?;
    page.text(
        "2 LETTERS. page_code and its number: a line with the euro sign and all the accents",
        HEADING,
        false,
    )?;
    page.text(&format!("ascii: {SAMPLE}"), PLAIN, false)?;
    for (table, numbers) in PAGES {
        for number in numbers {
            page.escpos.page_code(PageCode {
                table,
                number: *number,
            });
            let label = format!("{:<7}{number:>3}  ", table.as_str());
            let (mut line, _) = spell(&label, table);
            line.extend(spell(SAMPLE, table).0);
            page.escpos.line(&line);
        }
    }
    // Back to the page that every printer begins with.
    page.escpos.page_code(PageCode {
        table: CodeTable::Cp437,
        number: 0,
    });
    Ok(())
}

fn pictures(page: &mut Page<'_>) -> Result<(), JobFault> {
    page.text("", PLAIN, false)?;
    page.text(
        &format!("3 QR. Scan each: it must read {TEST_CODE}"),
        HEADING,
        false,
    )?;
    page.text("qr = \"raster\"", PLAIN, false)?;
    page.qr(TEST_CODE, Align::Centre, QrWay::Raster)?;
    page.text("qr = \"native\"", PLAIN, false)?;
    page.qr(TEST_CODE, Align::Centre, QrWay::Native)?;
    page.text(
        "No code, or letters and signs instead: leave qr = \"raster\".",
        PLAIN,
        false,
    )
}

fn cutting(page: &mut Page<'_>) -> Result<(), JobFault> {
    let cut = page.profile.cut.as_str();
    page.text("", PLAIN, false)?;
    page.text("4 CUT. The paper is cut below:", HEADING, false)?;
    page.text(&format!("cut = \"{cut}\""), PLAIN, false)
}
