//! What a model of printer can do: paper, page code, QR, cutter.
//!
//! The numbers are those of most models in escpos-printer-db (2026-07): 576 dots on 80 mm, 384 on
//! 58 mm; `ESC t` 19 is PC858 on 32 of 50 models; ten of 50 print garbage for a native QR code, with
//! no word of error, and every one with graphics prints a raster: so a raster is the default.

use serde::Deserialize;

use crate::devices::print::text::CodeTable;

/// What a model of printer can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Dots across the paper, [`DOTS_MIN`] to [`DOTS_MAX`]; a multiple of 8.
    pub width_dots: u16,
    /// Characters across the paper in font A, [`COLUMNS_MIN`] to [`COLUMNS_MAX`].
    pub columns: u16,
    /// The page code for texts.
    pub page_code: PageCode,
    /// How QR codes are printed.
    pub qr: QrWay,
    /// The largest module of a QR code, in dots, [`MODULE_DOTS_MIN`] to [`MODULE_DOTS_MAX`]; it is
    /// smaller where the paper is too narrow.
    pub module_dots: u16,
    /// How the paper is cut.
    pub cut: Cut,
    /// Empty lines before the cut; `None` where the printer feeds to its cutter by itself
    /// (`GS V` function B).
    pub feed_lines: Option<u8>,
    /// Whether it is an Epson, or understands `GS ( D`: its real-time commands are switched off
    /// for the job, so that no data can open the drawer.
    pub has_real_time_switch: bool,
}

/// The narrowest paper, in dots: what the longest code's QR needs at the smallest module.
pub const DOTS_MIN: u16 = 192;
/// The widest paper, in dots: 4 inches at 203 dots an inch.
pub const DOTS_MAX: u16 = 832;
/// The fewest characters in a line: a standard code fits.
pub const COLUMNS_MIN: u16 = 20;
/// The most characters in a line.
pub const COLUMNS_MAX: u16 = 80;
/// The smallest module that cheap heads print and phones read, in dots.
pub const MODULE_DOTS_MIN: u16 = 4;
/// The largest module, in dots: what `GS ( k` function 67 takes.
pub const MODULE_DOTS_MAX: u16 = 16;

/// A page of characters and the number by which `ESC t` selects it on this model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageCode {
    /// Its characters.
    pub table: CodeTable,
    /// Its number; not sent for [`CodeTable::Ascii`].
    pub number: u8,
}

/// How a QR code is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QrWay {
    /// As a picture, by `GS v 0`.
    Raster,
    /// By the printer's own symbol, by `GS ( k`.
    Native,
}

impl QrWay {
    /// The name in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            QrWay::Raster => "raster",
            QrWay::Native => "native",
        }
    }
}

/// How the paper is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cut {
    /// Not at all: fed to the tear bar.
    None,
    /// Up to a bridge.
    Partial,
    /// Off.
    Full,
}

impl Cut {
    /// The name in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Cut::None => "none",
            Cut::Partial => "partial",
            Cut::Full => "full",
        }
    }
}

/// The profiles that are built in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProfileName {
    /// Epson TM and what copies it well, 80 mm.
    Epson80,
    /// Any other 80 mm printer.
    Generic80,
    /// Any 58 mm printer.
    Generic58,
    /// Whatever the configuration says.
    Custom,
}

impl ProfileName {
    /// Every profile, for listing.
    pub const ALL: [ProfileName; 4] = [
        ProfileName::Epson80,
        ProfileName::Generic80,
        ProfileName::Generic58,
        ProfileName::Custom,
    ];

    /// The name in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            ProfileName::Epson80 => "epson80",
            ProfileName::Generic80 => "generic80",
            ProfileName::Generic58 => "generic58",
            ProfileName::Custom => "custom",
        }
    }

    /// The profile of this name, or `None`.
    pub fn of(name: &str) -> Option<ProfileName> {
        ProfileName::ALL
            .into_iter()
            .find(|known| known.as_str() == name)
    }

    /// What it is; `custom` begins as `generic80`.
    ///
    /// Lines of 80 mm paper have 42 characters, though many models print 48: the others would break
    /// every full line.
    pub fn profile(self) -> Profile {
        let ascii = PageCode {
            table: CodeTable::Ascii,
            number: 0,
        };
        match self {
            ProfileName::Epson80 => Profile {
                width_dots: 576,
                columns: 42,
                page_code: PageCode {
                    table: CodeTable::Cp858,
                    number: 19,
                },
                qr: QrWay::Raster,
                module_dots: 8,
                cut: Cut::Partial,
                feed_lines: None,
                has_real_time_switch: true,
            },
            ProfileName::Generic80 | ProfileName::Custom => Profile {
                width_dots: 576,
                columns: 42,
                page_code: ascii,
                qr: QrWay::Raster,
                module_dots: 8,
                cut: Cut::Partial,
                feed_lines: Some(4),
                has_real_time_switch: false,
            },
            ProfileName::Generic58 => Profile {
                width_dots: 384,
                columns: 32,
                page_code: ascii,
                qr: QrWay::Raster,
                module_dots: 8,
                cut: Cut::Partial,
                feed_lines: Some(4),
                has_real_time_switch: false,
            },
        }
    }
}
