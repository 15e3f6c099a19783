//! Where the parts of the home screen are, by the size of the terminal.

/// Where things are, by the size of the terminal.
pub(super) struct Layout {
    pub(super) panel_columns: u16,
    pub(super) panel_rows: u16,
    pub(super) side_columns: u16,
    /// Rows of the list of last scans, beside the panel or below it.
    pub(super) list_rows: u16,
}

/// From this width on the list stands beside the panel.
pub(super) const WIDE_COLUMNS: u16 = 76;

/// Rows of the figures below the list.
pub(super) const TODAY_ROWS: u16 = 4;

/// Rows kept below the figures for the sample codes of the training mode, where there are many.
pub(super) const SAMPLES_ROWS: u16 = 10;

/// Rows of the verdict strip above a form that has `rows` rows with it: with a border from four on,
/// with a large word from five on. What is left to the form has room for a QR code.
pub(super) fn strip_rows(rows: u16) -> u16 {
    match rows {
        ..19 => 2,
        19 => 4,
        20.. => 5,
    }
}

impl Layout {
    /// The layout of a whole terminal.
    pub(super) fn of(columns: u16, rows: u16, banner_rows: u16) -> Layout {
        let around = 4_u16.saturating_add(banner_rows);
        Layout::inside(columns, rows.saturating_sub(around))
    }

    /// The layout of the part between header and scan line.
    pub(super) fn inside(columns: u16, rows: u16) -> Layout {
        if columns < WIDE_COLUMNS {
            let strip_rows = 2.min(rows.saturating_sub(6));
            return Layout {
                panel_columns: columns,
                panel_rows: rows.saturating_sub(strip_rows),
                side_columns: 0,
                list_rows: strip_rows.saturating_sub(1),
            };
        }
        let side_columns = (columns / 3).clamp(30, 46);
        let samples_rows = if rows > 28 { SAMPLES_ROWS } else { 0 };
        Layout {
            panel_columns: columns.saturating_sub(side_columns),
            panel_rows: rows,
            side_columns,
            list_rows: rows
                .saturating_sub(2)
                .saturating_sub(TODAY_ROWS)
                .saturating_sub(samples_rows),
        }
    }
}
