//! A QR code as dots for `GS v 0`.
//!
//! Invariant: a raster holds no real-time command. A printer executes `DLE DC4` (drawer, power off),
//! `DLE EOT` and `DLE ENQ` also where they stand in a picture (Epson, TM-T88III manual, "notes on
//! real-time commands"). A module of two dots or more cannot come to a DLE (a lone dark dot), so this
//! never happens with what we draw; the check is what says so, not this sentence.

use crate::domain::qr::{MASKS, QUIET_ZONE_MODULES, QrFault, QrMatrix};

/// Rows of one `GS v 0`: what a height of one byte holds.
const PIECE_ROWS_MAX: usize = 255;

const BYTES_THAT_COMMAND: [[u8; 2]; 3] = [[0x10, 0x14], [0x10, 0x04], [0x10, 0x05]];

/// Rows of dots, eight to a byte, the leftmost in the highest bit; 1 is dark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Raster {
    row_bytes: u16,
    data: Vec<u8>,
}

/// Why a QR code cannot be drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RasterFault {
    /// It has no symbol.
    Qr(QrFault),
    /// The paper is too narrow even for the smallest module.
    TooNarrow,
}

/// The largest module up to `module_dots` at which the symbol and its quiet zone fit, not smaller
/// than `module_dots_min`.
pub(super) fn module_that_fits(
    matrix: &QrMatrix,
    width_dots: u16,
    module_dots: u16,
    module_dots_min: u16,
) -> Option<u16> {
    let modules = matrix
        .size()
        .saturating_add(QUIET_ZONE_MODULES.saturating_mul(2));
    let modules = u16::try_from(modules).ok()?;
    let fits = width_dots.checked_div(modules)?.min(module_dots);
    (fits >= module_dots_min).then_some(fits)
}

/// Draws the QR code of `text` with its quiet zone. Should the dots hold a real-time command, another
/// mask is tried, and then a smaller module.
pub(super) fn draw(
    text: &str,
    width_dots: u16,
    module_dots: u16,
    module_dots_min: u16,
) -> Result<Raster, RasterFault> {
    let best = QrMatrix::of(text).map_err(RasterFault::Qr)?;
    let largest = module_that_fits(&best, width_dots, module_dots, module_dots_min)
        .ok_or(RasterFault::TooNarrow)?;
    for module in (module_dots_min..=largest).rev() {
        let drawn = Raster::of(&best, module);
        if !drawn.holds_command() {
            return Ok(drawn);
        }
        for mask in 0..MASKS {
            let other = QrMatrix::with_mask(text, mask).map_err(RasterFault::Qr)?;
            let drawn = Raster::of(&other, module);
            if !drawn.holds_command() {
                return Ok(drawn);
            }
        }
    }
    Err(RasterFault::TooNarrow)
}

impl Raster {
    fn of(matrix: &QrMatrix, module_dots: u16) -> Raster {
        let module = usize::from(module_dots).max(1);
        let side = matrix
            .size()
            .saturating_add(QUIET_ZONE_MODULES.saturating_mul(2))
            .saturating_mul(module);
        let row_bytes = side.div_ceil(8);
        let is_dark = |dot_x: usize, dot_y: usize| {
            let at = |dot: usize| (dot / module).checked_sub(QUIET_ZONE_MODULES);
            match (at(dot_x), at(dot_y)) {
                (Some(x), Some(y)) => matrix.is_dark(x, y),
                (None, _) | (_, None) => false,
            }
        };
        let mut data = Vec::with_capacity(row_bytes.saturating_mul(side));
        for y in 0..side {
            for byte in 0..row_bytes {
                let dots = (0..8).map(|bit| is_dark(byte.saturating_mul(8).saturating_add(bit), y));
                data.push(dots.fold(0, |byte, dark| (byte << 1) | u8::from(dark)));
            }
        }
        Raster {
            row_bytes: u16::try_from(row_bytes).unwrap_or(u16::MAX),
            data,
        }
    }

    /// Bytes of one row.
    pub(super) fn row_bytes(&self) -> u16 {
        self.row_bytes
    }

    /// The picture in pieces of at most 255 rows: how many, and their bytes.
    pub(super) fn pieces(&self) -> impl Iterator<Item = (u8, &[u8])> {
        let row = usize::from(self.row_bytes).max(1);
        self.data
            .chunks(row.saturating_mul(PIECE_ROWS_MAX))
            .map(move |piece| (u8::try_from(piece.len() / row).unwrap_or(u8::MAX), piece))
    }

    fn holds_command(&self) -> bool {
        self.data
            .windows(2)
            .any(|pair| BYTES_THAT_COMMAND.iter().any(|command| command == pair))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Raster, RasterFault, draw, module_that_fits};
    use crate::domain::qr::{QR_BYTES_MAX, QrFault, QrMatrix};

    #[test]
    fn modules_are_as_large_as_the_paper_allows() {
        let small = QrMatrix::of("BCDFGHJKLNPRST").unwrap();
        let large = QrMatrix::of(&"b".repeat(64)).unwrap();
        assert_eq!(module_that_fits(&small, 576, 8, 4), Some(8));
        assert_eq!(module_that_fits(&small, 200, 8, 4), Some(6));
        assert_eq!(module_that_fits(&large, 384, 8, 4), Some(8));
        assert_eq!(module_that_fits(&large, 192, 8, 4), Some(4));
        assert_eq!(module_that_fits(&large, 176, 8, 4), None);
    }

    #[test]
    fn a_raster_is_the_symbol_and_its_quiet_zone_in_pieces() {
        let raster = draw("BCDFGHJKLNPRST", 576, 9, 4).unwrap();
        // (21 + 8) modules of 9 dots: 261, which is 33 bytes.
        assert_eq!(raster.row_bytes(), 33);
        let rows: Vec<u8> = raster.pieces().map(|(rows, _)| rows).collect();
        assert_eq!(rows, [255, 6]);
        for (rows, data) in raster.pieces() {
            assert_eq!(data.len(), usize::from(rows) * 33);
        }
        assert!(raster.data[..33 * 36].iter().all(|byte| *byte == 0));
        // The finder's first row: 36 light dots, then 63 dark ones.
        assert_eq!(raster.data[33 * 36 + 4..33 * 36 + 6], [0x0f, 0xff]);
    }

    #[test]
    fn what_cannot_be_drawn_is_said() {
        assert_eq!(draw("", 576, 8, 4), Err(RasterFault::Qr(QrFault::Empty)));
        let bytes = QR_BYTES_MAX + 1;
        let fault = RasterFault::Qr(QrFault::TooLong { bytes });
        assert_eq!(draw(&"a".repeat(bytes), 576, 8, 4), Err(fault));
        assert_eq!(
            draw(&"a".repeat(QR_BYTES_MAX), 576, 8, 4),
            Err(RasterFault::TooNarrow)
        );
    }

    #[test]
    fn dots_that_command_are_found() {
        for (data, holds) in [
            (vec![0x10, 0x14], true),
            (vec![0, 0x10, 0x04, 0], true),
            (vec![0x10, 0x05], true),
            (vec![0x10, 0, 0x14], false),
        ] {
            let row_bytes = 1;
            assert_eq!(Raster { row_bytes, data }.holds_command(), holds);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn no_raster_holds_a_command(code in "[ -~]{1,64}", module in 4_u16..=16) {
            let matrix = QrMatrix::of(&code).unwrap();
            prop_assert!(!Raster::of(&matrix, module).holds_command());
            prop_assert!(!Raster::of(&matrix, module).data.contains(&0x10));
        }
    }
}
