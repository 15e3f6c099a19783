//! Today's figures, in a block or in one line.

use crate::tui::canvas::Canvas;
use crate::tui::msg::TodayCounts;

pub(super) fn draw_today(canvas: &mut Canvas<'_>, today: TodayCounts, first_row: u16) {
    let theme = canvas.theme();
    canvas.text(0, first_row, "TODAY", theme.strong());
    for (offset, label, count) in [
        (1, "accepted", today.accepted),
        (2, "refused", today.refused),
        (3, "settled later", today.provisional),
    ] {
        let row = first_row.saturating_add(offset);
        canvas.text(0, row, label, theme.dim());
        canvas.text(15, row, &format!("{count:>6}"), theme.strong());
    }
}

pub(super) fn today_in_one_line(today: TodayCounts) -> String {
    format!(
        "today: accepted {} · refused {} · settled later {}",
        today.accepted, today.refused, today.provisional
    )
}
