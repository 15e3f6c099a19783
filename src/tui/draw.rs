//! Puts the model on the screen: header, banner, the open screen, scan line, keys, status.

use jiff::tz::TimeZone;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::domain::hub_status::HubHealth;
use crate::tui::back_room::BackPage;
use crate::tui::canvas::{Canvas, columns, cut};
use crate::tui::keys::{self, KeyRow, Place, name};
use crate::tui::layout::strip_rows;
use crate::tui::model::{Device, Model, Screen, TRAINING, is_small};
use crate::tui::pages::View;
use crate::tui::theme::Tone;

/// Columns of a banner that are left to its ornaments, where there is room.
const ORNAMENT_COLUMNS: u16 = 22;

/// Draws the whole console. The model should have been told the size by `Msg::Resized`.
pub fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    let mut canvas = Canvas::new(buffer, area, model.options.theme);
    canvas.fill(Style::new());
    let zone = model.zone();
    if is_small(canvas.columns(), canvas.rows()) {
        draw_small(model, &mut canvas, &zone);
        return;
    }
    draw_header(model, &mut canvas);
    let mut top = 1;
    for phrases in model.banners() {
        draw_banner(&mut canvas.part(0, top, area.width, 1), &phrases);
        top = top.saturating_add(1);
    }
    let bottom = canvas.rows().saturating_sub(3);
    let (width, height) = (canvas.columns(), bottom.saturating_sub(top));
    draw_screen(model, &mut canvas.part(0, top, width, height), &zone);
    draw_scan_line(
        model,
        &mut canvas.part(1, bottom, width.saturating_sub(2), 1),
    );
    let keys_row = bottom.saturating_add(1);
    draw_keys(
        model,
        &mut canvas.part(1, keys_row, width.saturating_sub(2), 1),
    );
    let status_row = bottom.saturating_add(2);
    draw_status(
        model,
        &mut canvas.part(1, status_row, width.saturating_sub(2), 1),
        &zone,
    );
}

/// A line that cannot be missed: the longest of the phrases that has room.
fn draw_banner(canvas: &mut Canvas<'_>, phrases: &[String]) {
    let style = canvas.theme().banner();
    canvas.fill(style);
    let room = canvas.columns().saturating_sub(2);
    let plain = canvas.columns().saturating_sub(ORNAMENT_COLUMNS);
    let words = fitting(phrases, room);
    // What has no choice of words is cut before its ornaments are given up.
    let words = cut(words, if phrases.len() > 1 { room } else { plain });
    let left = canvas.columns().saturating_sub(columns(&words)) / 2;
    canvas.text(left, 0, &words, style);
    if columns(&words) <= plain {
        canvas.text(2, 0, "▒▒▒▒▒▒▒▒", style);
        canvas.text_right(2, 0, "▒▒▒▒▒▒▒▒", style);
    }
}

/// The first of the phrases that has room, else the last.
fn fitting(phrases: &[String], room: u16) -> &str {
    phrases
        .iter()
        .find(|phrase| columns(phrase) <= room)
        .or(phrases.last())
        .map_or("", String::as_str)
}

fn view<'a>(model: &'a Model, zone: &'a TimeZone) -> View<'a> {
    View {
        now: model.now,
        zone,
        today: model.today,
        training: model.options.training.as_deref(),
        fade_after: model.options.fade_after,
        pending: &model.pending,
        in_test_mode: &model.in_test_mode,
    }
}

fn draw_small(model: &Model, canvas: &mut Canvas<'_>, zone: &TimeZone) {
    if let (Screen::Redeem | Screen::SignUp | Screen::Find | Screen::Back, None) =
        (&model.screen, &model.help)
    {
        let height = canvas.rows();
        let mut top = 0;
        if model.options.training.is_some() {
            let style = canvas.theme().banner();
            canvas.text(0, 0, TRAINING, style);
            top = 1;
        }
        let width = canvas.columns();
        model.redeem.draw_small(
            &mut canvas.part(0, top, width, height.saturating_sub(top)),
            &view(model, zone),
        );
        return;
    }
    let (width, height) = (canvas.columns(), canvas.rows().saturating_sub(1));
    draw_screen(model, &mut canvas.part(0, 0, width, height), zone);
    let style = canvas.theme().warning();
    canvas.text(0, height, "enlarge the window", style);
}

fn draw_screen(model: &Model, canvas: &mut Canvas<'_>, zone: &TimeZone) {
    if let Some(help) = &model.help {
        help.draw(canvas, model.options.training.as_deref());
        return;
    }
    match &model.screen {
        Screen::Starting => {
            let theme = canvas.theme();
            canvas.border(theme.border(Tone::Plain), Style::new());
            let mut inside = canvas.inside(3);
            inside.text(0, 1, "Opening the ledger …", theme.strong());
        }
        Screen::SetUp(set_up) => set_up.draw(canvas),
        Screen::SignIn(sign_in) => {
            let operators = model.shop.as_ref().map_or(&[][..], |shop| &shop.operators);
            sign_in.draw(canvas, operators, model.now);
            let (width, bottom) = (canvas.columns(), canvas.rows().saturating_sub(2));
            let mut strip = canvas.part(3, bottom, width.saturating_sub(6), 1);
            model.redeem.draw_strip(&mut strip, zone);
        }
        Screen::Redeem => model.redeem.draw(canvas, &view(model, zone)),
        Screen::SignUp => {
            let view = view(model, zone);
            let mut form = above_form(model, canvas, &view);
            model.sign_up.draw(&mut form, &view);
        }
        Screen::Find => {
            let view = view(model, zone);
            let mut form = above_form(model, canvas, &view);
            model.find.draw(&mut form, &view);
        }
        Screen::Back => {
            let view = view(model, zone);
            let mut page = above_form(model, canvas, &view);
            let mut page = below_tabs(model, &mut page);
            model.back.page().draw(&mut page, &view);
        }
    }
}

/// Draws the names of the pages that the same key leads to, and leaves the rest to the one in view.
fn below_tabs<'c>(model: &Model, canvas: &'c mut Canvas<'_>) -> Canvas<'c> {
    let theme = canvas.theme();
    let (columns, rows) = (canvas.columns(), canvas.rows());
    let tabs = model.back.tabs();
    if tabs.is_empty() {
        return canvas.part(0, 0, columns, rows);
    }
    let mut column = 1;
    for (title, is_in_view) in tabs {
        let (words, style) = if is_in_view {
            (format!("[{}]", title.to_uppercase()), theme.strong())
        } else {
            (format!(" {title} "), theme.dim())
        };
        column = canvas
            .text(column, 0, &words, style)
            .saturating_add(column)
            .saturating_add(1);
    }
    canvas.part(0, 1, columns, rows.saturating_sub(1))
}

/// Draws the verdict strip, and leaves the rest to the form.
fn above_form<'c>(model: &Model, canvas: &'c mut Canvas<'_>, view: &View<'_>) -> Canvas<'c> {
    let (columns, rows) = (canvas.columns(), canvas.rows());
    let strip_rows = strip_rows(rows);
    let mut strip = canvas.part(0, 0, columns, strip_rows);
    model.redeem.draw_above_form(&mut strip, view);
    canvas.part(0, strip_rows, columns, rows.saturating_sub(strip_rows))
}

fn draw_header(model: &Model, canvas: &mut Canvas<'_>) {
    let theme = canvas.theme();
    let taken = canvas
        .text(1, 0, "COUNTERFOIL", theme.strong())
        .saturating_add(3);
    let who = match (&model.operator, &model.screen) {
        (Some(operator), _) => format!("{} ({})", operator.name, operator.role.as_str()),
        (None, Screen::Redeem | Screen::SignUp | Screen::Find | Screen::Back) => {
            "open to all".to_owned()
        }
        (None, Screen::SignIn(_)) => "signed out".to_owned(),
        (None, Screen::Starting | Screen::SetUp(_)) => String::new(),
    };
    let who = cut(&who, canvas.columns() / 3);
    let who_width = canvas.text_right(1, 0, &who, theme.strong());
    if let Some(shop) = &model.shop {
        let room = canvas
            .columns()
            .saturating_sub(taken)
            .saturating_sub(who_width)
            .saturating_sub(3);
        let place = cut(&format!("{} · {}", shop.store, shop.counter), room);
        canvas.text(taken, 0, &place, theme.dim());
    }
}

fn draw_scan_line(model: &Model, canvas: &mut Canvas<'_>) {
    let theme = canvas.theme();
    let pending = if model.place() == Place::Question || !matches!(model.screen, Screen::Redeem) {
        ""
    } else {
        model.pending.as_str()
    };
    let room = canvas.columns();
    if let Some(notice) = model.notice() {
        let style = if notice.tone == Tone::Plain {
            theme.strong()
        } else {
            theme.warning()
        };
        canvas.text(0, 0, &cut(&notice.words, room), style);
        return;
    }
    let words = match model.screen {
        Screen::Redeem => model.redeem.scan_line(pending, room),
        Screen::Starting => "not open yet: a scan must be repeated".to_owned(),
        Screen::SetUp(_) => "scans count once set-up is finished".to_owned(),
        Screen::SignIn(_) => "scans count once somebody is signed in; a badge signs in".to_owned(),
        Screen::SignUp | Screen::Find | Screen::Back => {
            let page = matches!(model.screen, Screen::Back).then(|| model.back.page());
            page.and_then(BackPage::scan_words)
                .unwrap_or("Ready for the next scan, also while you type")
                .to_owned()
        }
    };
    // The end of a long line is what is being typed.
    let hidden = words
        .chars()
        .count()
        .saturating_sub(usize::from(room).max(1));
    let seen: String = words.chars().skip(hidden).collect();
    let style = if seen.starts_with("Code:") {
        theme.strong()
    } else {
        theme.dim()
    };
    canvas.text(0, 0, &seen, style);
}

fn draw_keys(model: &Model, canvas: &mut Canvas<'_>) {
    let theme = canvas.theme();
    let place = model.place();
    if place == Place::Leaving {
        canvas.text(
            0,
            0,
            "Leave the console? Enter leaves, any other key stays",
            theme.warning(),
        );
        return;
    }
    let rows: Vec<&KeyRow> = keys::footer(place, model.operator.is_some()).collect();
    let wide: u16 = rows
        .iter()
        .map(|row| {
            columns(&name(row.key))
                .saturating_add(columns(row.label))
                .saturating_add(3)
        })
        .fold(0, u16::saturating_add);
    // Closer together rather than without the last ones.
    let gap = if wide.saturating_sub(2) <= canvas.columns() {
        2
    } else {
        1
    };
    let mut column: u16 = 0;
    for row in rows {
        let key = name(row.key);
        let needed = columns(&key)
            .saturating_add(columns(row.label))
            .saturating_add(1);
        if column > 0 && column.saturating_add(needed) > canvas.columns() {
            break;
        }
        column = column
            .saturating_add(canvas.text(column, 0, &key, theme.strong()))
            .saturating_add(1);
        column = column
            .saturating_add(canvas.text(column, 0, row.label, theme.dim()))
            .saturating_add(gap);
    }
}

/// Warnings first, then the hub, the scanners and the clock.
fn draw_status(model: &Model, canvas: &mut Canvas<'_>, zone: &TimeZone) {
    let theme = canvas.theme();
    let mut clock_columns = 0;
    if model.shop.is_some() {
        let clock = model
            .now
            .to_zoned(zone.clone())
            .strftime("%H:%M")
            .to_string();
        clock_columns = canvas.text_right(0, 0, &clock, theme.strong());
    }
    let room = canvas.columns().saturating_sub(clock_columns);
    let mut line = canvas.part(0, 0, room.saturating_sub(1), 1);
    let (before, after) = status_parts(model);
    let hub = model.hub.as_deref().map(|hub| {
        let taken = parts_columns(before.iter().chain(&after));
        let phrases = hub.phrases(model.now, zone);
        // What is well gives way to a hub that is not.
        let left = line.columns().saturating_sub(taken).saturating_sub(2);
        let alone = line
            .columns()
            .saturating_sub(parts_columns(before.iter()))
            .saturating_sub(2);
        let is_well = hub.health(model.now) == HubHealth::Well;
        let room = if is_well { left } else { alone };
        let words = fitting(&phrases, room).to_owned();
        StatusPart {
            words,
            tone: match hub.health(model.now) {
                HubHealth::Well => Tone::Go,
                HubHealth::Waits => Tone::Wait,
                HubHealth::Ill => Tone::Failed,
            },
        }
    });
    let mut column: u16 = 0;
    for part in before.into_iter().chain(hub).chain(after) {
        let (glyph, style) = if part.tone == Tone::Go {
            ("●", theme.dim())
        } else if part.tone == Tone::Wait {
            ("○", theme.strong())
        } else {
            ("!", theme.warning())
        };
        column = column
            .saturating_add(line.text(column, 0, glyph, theme.mark(part.tone)))
            .saturating_add(1);
        let words = cut(&part.words, line.columns().saturating_sub(column));
        column = column
            .saturating_add(line.text(column, 0, &words, style))
            .saturating_add(2);
    }
}

/// One thing on the status line.
struct StatusPart {
    words: String,
    tone: Tone,
}

/// The columns that parts take, each with its shape and a gap.
fn parts_columns<'a>(parts: impl Iterator<Item = &'a StatusPart>) -> u16 {
    parts
        .map(|part| columns(&part.words).saturating_add(4))
        .fold(0, u16::saturating_add)
}

/// What is wrong, which stands before the hub, and what is well, which stands behind it.
fn status_parts(model: &Model) -> (Vec<StatusPart>, Vec<StatusPart>) {
    let ill = |words: String| StatusPart {
        words,
        tone: Tone::Failed,
    };
    let well = |words: String| StatusPart {
        words,
        tone: Tone::Go,
    };
    let mut before = Vec::new();
    if model.is_clock_behind {
        before.push(ill("CLOCK is wrong: set it".to_owned()));
    }
    before.extend(model.disk.as_ref().map(|disk| ill(format!("DISK {disk}"))));
    let (well_scanners, ill_scanners): (Vec<_>, Vec<_>) = model
        .scanners
        .iter()
        .partition(|(_, scanner)| scanner.is_well);
    let in_words = |name: &str, scanner: &Device| format!("scanner {name}: {}", scanner.words);
    before.extend(
        ill_scanners
            .iter()
            .map(|(name, scanner)| ill(in_words(name, scanner))),
    );
    before.extend(
        model
            .printer
            .iter()
            .filter(|printer| !printer.is_well)
            .map(|printer| ill(printer_in_words(&printer.words))),
    );
    if model.open_slips > 0 {
        before.push(ill(slips_in_words(model.open_slips)));
    }
    match model.back.conflicts.open_count() {
        0 => {}
        1 => before.push(ill("1 conflict: F6".to_owned())),
        count => before.push(ill(format!("{count} conflicts: F6"))),
    }
    before.extend(model.back.pools.in_status().map(ill));
    let mut after = Vec::new();
    after.extend(
        model
            .back
            .campaigns
            .work_in_status()
            .map(|words| StatusPart {
                words,
                tone: Tone::Wait,
            }),
    );
    if ill_scanners.is_empty() {
        after.extend(
            well_scanners
                .iter()
                .map(|(name, scanner)| well(in_words(name, scanner))),
        );
    }
    after.extend(
        model
            .printer
            .iter()
            .filter(|printer| printer.is_well)
            .map(|printer| well(format!("printer: {}", printer.words))),
    );
    (before, after)
}

/// What ails the printer, short enough to leave room for the slips beside it.
fn printer_in_words(words: &str) -> String {
    match words.strip_prefix("the printer") {
        Some(rest) => format!("printer{rest}"),
        None if words.contains("printer") => words.to_owned(),
        None => format!("printer: {words}"),
    }
}

fn slips_in_words(count: u32) -> String {
    if count == 1 {
        "1 slip not confirmed".to_owned()
    } else {
        format!("{count} slips not confirmed")
    }
}
