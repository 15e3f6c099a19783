//! A text as a QR symbol: which modules are dark. How big and on what is for printers and screens.
//!
//! Invariant: the modules depend on the text and the mask alone.
//! Not here: pixels, raster bytes, terminal cells; whether the text is a code.

use qrcode::bits::encode_auto;
use qrcode::canvas::{Canvas, MaskPattern};
use qrcode::ec::construct_codewords;
use qrcode::types::{Color, QrError};
use qrcode::{EcLevel, QrCode};
use thiserror::Error;

/// The longest text a symbol holds, in bytes: version 40 at level M (ISO/IEC 18004, table 7).
/// Digits alone, or upper-case letters alone, fit more.
pub const QR_BYTES_MAX: usize = 2331;

/// The empty border that a reader needs around the symbol, in modules (ISO/IEC 18004, 6.3.8).
pub const QUIET_ZONE_MODULES: usize = 4;

/// How many masks there are to choose from (ISO/IEC 18004, table 10).
pub const MASKS: u8 = 8;

/// Level M: readable with 15 % of the symbol lost to a fold or a pale print head.
const LEVEL: EcLevel = EcLevel::M;

/// The modules of a QR symbol without its quiet zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QrMatrix {
    size: usize,
    dark: Vec<bool>,
}

/// Why a text has no symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum QrFault {
    /// More than any symbol holds.
    #[error("a text of {bytes} bytes is too long for a QR code: {QR_BYTES_MAX} at most")]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// Nothing to say.
    #[error("an empty text has no QR code")]
    Empty,
}

impl QrMatrix {
    /// The symbol of `text` at level M, in the smallest version that holds it and under the mask that
    /// scores best.
    pub fn of(text: &str) -> Result<QrMatrix, QrFault> {
        if text.is_empty() {
            return Err(QrFault::Empty);
        }
        let symbol = QrCode::with_error_correction_level(text, LEVEL)
            .map_err(|error| fault_of(error, text))?;
        Ok(QrMatrix::from_colors(symbol.width(), &symbol.to_colors()))
    }

    /// The same symbol under the mask of this number, taken modulo [`MASKS`]. Every mask is readable:
    /// this is for whoever cannot print what the best one came to.
    pub fn with_mask(text: &str, mask: u8) -> Result<QrMatrix, QrFault> {
        if text.is_empty() {
            return Err(QrFault::Empty);
        }
        let pattern = match mask % MASKS {
            0 => MaskPattern::Checkerboard,
            1 => MaskPattern::HorizontalLines,
            2 => MaskPattern::VerticalLines,
            3 => MaskPattern::DiagonalLines,
            4 => MaskPattern::LargeCheckerboard,
            5 => MaskPattern::Fields,
            6 => MaskPattern::Diamonds,
            _ => MaskPattern::Meadow,
        };
        let draw = || {
            let bits = encode_auto(text.as_bytes(), LEVEL)?;
            let version = bits.version();
            let (data, correction) = construct_codewords(&bits.into_bytes(), version, LEVEL)?;
            let mut canvas = Canvas::new(version, LEVEL);
            canvas.draw_all_functional_patterns();
            canvas.draw_data(&data, &correction);
            canvas.apply_mask(pattern);
            let width = usize::try_from(version.width()).unwrap_or_default();
            Ok(QrMatrix::from_colors(width, &canvas.into_colors()))
        };
        draw().map_err(|error| fault_of(error, text))
    }

    /// Modules on each side: 21 to 177.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Whether the module in column `x` and row `y`, from 0, is dark; outside the symbol none is.
    pub fn is_dark(&self, x: usize, y: usize) -> bool {
        x < self.size
            && y.checked_mul(self.size)
                .and_then(|start| self.dark.get(start.checked_add(x)?))
                .is_some_and(|dark| *dark)
    }

    fn from_colors(size: usize, colors: &[Color]) -> QrMatrix {
        QrMatrix {
            size,
            dark: colors.iter().map(|color| *color == Color::Dark).collect(),
        }
    }
}

/// Of all that the crate may say, a text that we let choose its version can only be too long.
fn fault_of(_: QrError, text: &str) -> QrFault {
    QrFault::TooLong { bytes: text.len() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{MASKS, QR_BYTES_MAX, QrFault, QrMatrix};

    /// What a reader of QR codes makes of the modules, drawn at 3 pixels each with a quiet zone.
    fn read_back(matrix: &QrMatrix) -> String {
        let side = (matrix.size() + 8) * 3;
        let mut image = rqrr::PreparedImage::prepare_from_greyscale(side, side, |x, y| {
            let module = |at: usize| (at / 3).wrapping_sub(4);
            if matrix.is_dark(module(x), module(y)) {
                0
            } else {
                255
            }
        });
        let grids = image.detect_grids();
        assert_eq!(grids.len(), 1, "one symbol");
        grids[0].decode().unwrap().1
    }

    #[test]
    fn a_code_is_read_back_under_every_mask() {
        let code = "BCDFGHJKLNPRST";
        assert_eq!(QrMatrix::of(code).unwrap().size(), 21);
        assert_eq!(read_back(&QrMatrix::of(code).unwrap()), code);
        for mask in 0..MASKS {
            let matrix = QrMatrix::with_mask(code, mask).unwrap();
            assert_eq!(read_back(&matrix), code, "mask {mask}");
        }
    }

    #[test]
    fn the_best_mask_is_one_of_the_masks() {
        let best = QrMatrix::of("BCDFGHJKLNPRST").unwrap();
        let is_best = |mask| QrMatrix::with_mask("BCDFGHJKLNPRST", mask) == Ok(best.clone());
        assert_eq!((0..MASKS).filter(|mask| is_best(*mask)).count(), 1);
    }

    #[test]
    fn what_does_not_fit_is_said() {
        assert_eq!(QrMatrix::of(""), Err(QrFault::Empty));
        assert_eq!(QrMatrix::of(&"a".repeat(QR_BYTES_MAX)).unwrap().size(), 177);
        let bytes = QR_BYTES_MAX + 1;
        assert_eq!(
            QrMatrix::of(&"a".repeat(bytes)),
            Err(QrFault::TooLong { bytes })
        );
        assert_eq!(
            QrMatrix::with_mask(&"a".repeat(bytes), 0),
            Err(QrFault::TooLong { bytes })
        );
    }

    #[test]
    fn outside_the_symbol_all_is_light() {
        let matrix = QrMatrix::of("A").unwrap();
        assert!(matrix.is_dark(0, 0));
        for (x, y) in [(21, 0), (0, 21), (usize::MAX, 0), (0, usize::MAX)] {
            assert!(!matrix.is_dark(x, y), "{x} {y}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_code_is_read_back(code in "[ -~]{1,64}") {
            prop_assert_eq!(read_back(&QrMatrix::of(&code).unwrap()), code);
        }
    }
}
