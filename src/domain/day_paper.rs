//! The Z report on paper: one column, figures before their names, so that any width will do.

use jiff::tz::TimeZone;

use crate::domain::day_report::{DayCounts, DayGroup, DayReport};
use crate::domain::local_time::in_words;
use crate::domain::slip_template::{Align, SlipLine, Style};

/// Members of a list that are named one by one; the rest stands in one sum, so that the list adds up.
const NAMED_MAX: usize = 24;

/// Columns of what a member comes to, beside its indentation: narrow paper has 32.
const PARTS_COLUMNS: usize = 30;

const PLAIN: Style = Style {
    align: Align::Left,
    is_large: false,
    is_bold: false,
};

const BOLD: Style = Style {
    is_bold: true,
    ..PLAIN
};

const HEADING: Style = Style {
    align: Align::Centre,
    is_large: true,
    is_bold: true,
};

const CENTRED: Style = Style {
    align: Align::Centre,
    ..PLAIN
};

/// What the report of a training ledger says on top and at the end.
const TRAINING: &str = "TRAINING – COUNTS NOTHING";

fn text(text: impl Into<String>, style: Style) -> SlipLine {
    SlipLine::Text {
        text: text.into(),
        style,
        holds_code: false,
    }
}

/// The lines of a report.
pub fn lines(report: &DayReport, is_training: bool) -> Vec<SlipLine> {
    let mut lines = heading(report, is_training);
    lines.extend(figures(report));
    for (name, groups) in report.lists() {
        group_lines(&mut lines, name, groups);
    }
    if !report.unknown.is_empty() {
        lines.push(text("", PLAIN));
        lines.push(text("NOT KNOWN HERE", BOLD));
        lines.extend(
            report
                .unknown
                .iter()
                .map(|words| text(words.clone(), PLAIN)),
        );
    }
    lines.extend(foot(report, is_training));
    lines
}

/// Which report it is, of which day, and counted when.
fn heading(report: &DayReport, is_training: bool) -> Vec<SlipLine> {
    let zone = TimeZone::get(&report.timezone).unwrap_or(TimeZone::UTC);
    let mut lines = Vec::new();
    let copies = report.copies.unwrap_or(1);
    if is_training {
        lines.push(text(TRAINING, HEADING));
    }
    let number = report
        .number
        .map_or_else(|| "DAY REPORT".to_owned(), |number| format!("Z {number}"));
    lines.push(text(number, HEADING));
    if copies > 1 {
        lines.push(text(format!("COPY {copies}"), HEADING));
    }
    lines.push(text(
        report.store.as_deref().unwrap_or("all stores"),
        Style {
            is_bold: true,
            ..CENTRED
        },
    ));
    lines.push(text(
        report.date.strftime("%A, %-d %B %Y").to_string(),
        CENTRED,
    ));
    lines.extend(report.odd_length().map(|words| text(words, CENTRED)));
    let counted = in_words(report.as_of, &zone);
    if !report.is_over() {
        lines.push(text(
            "NOT THE WHOLE DAY",
            Style {
                is_bold: true,
                ..CENTRED
            },
        ));
    }
    lines.push(text(format!("counted {counted}"), CENTRED));
    lines
}

/// The figures of the whole day.
fn figures(report: &DayReport) -> Vec<SlipLine> {
    let mut lines = vec![SlipLine::Rule];
    for (name, figure) in report.counts.figures() {
        let style = if name == "accepted" { BOLD } else { PLAIN };
        lines.push(text(figure_line(name, figure), style));
    }
    if !report.refused_by_reason.is_empty() {
        lines.push(text("", PLAIN));
        lines.push(text("REFUSED, BY REASON", BOLD));
        let list = report.refused_by_reason.iter();
        lines.extend(list.map(|one| {
            let reason = one.answer.replace('_', " ");
            text(format!("{:>7}  {reason}", one.count), PLAIN)
        }));
    }
    if !report.by_manager.is_empty() {
        lines.push(text("", PLAIN));
        lines.push(text("BY MANAGERS", BOLD));
        for one in report.by_manager.iter().take(NAMED_MAX) {
            let who = one.manager.as_deref().unwrap_or("nobody signed in");
            let what = one.what.replace('_', " ").replace('+', ", ");
            lines.push(text(format!("{:>7}  {who}: {what}", one.count), PLAIN));
        }
        let rest = report.by_manager.iter().skip(NAMED_MAX);
        let rest: u64 = rest.map(|one| one.count).sum();
        if rest > 0 {
            lines.push(text(format!("{rest:>7}  others"), PLAIN));
        }
    }
    lines
}

/// The end of the chain, and how it is checked.
fn foot(report: &DayReport, is_training: bool) -> Vec<SlipLine> {
    let copies = report.copies.unwrap_or(1);
    let mut lines = vec![
        SlipLine::Rule,
        text("END OF THE CHAIN", BOLD),
        text(report.head.entry.clone(), PLAIN),
    ];
    lines.extend(
        report
            .head
            .groups(4)
            .into_iter()
            .map(|group| text(format!("  {group}"), PLAIN)),
    );
    lines.push(text(
        "To check it: counterfoil verify --head, with the lines above in quotes",
        PLAIN,
    ));
    if copies > 1 {
        lines.push(text(format!("COPY {copies}"), HEADING));
    }
    if is_training {
        lines.push(text(TRAINING, HEADING));
    }
    lines.push(SlipLine::Cut);
    lines
}

/// What a figure is called for people.
pub fn figure_words(name: &str) -> &str {
    match name {
        "provisional" => "of these offline, settled later",
        "reversed" => "undone",
        "overrides" => "of these by override",
        "replaced" => "of these replaced",
        "slips" => "slips printed",
        "reprints" => "printed again",
        other => other,
    }
}

fn figure_line(name: &str, figure: u64) -> String {
    format!("{figure:>7}  {}", figure_words(name))
}

/// `112 accepted, 3 offline, 9 refused`: what is not nothing.
pub fn in_short(counts: &DayCounts) -> String {
    let words = counts
        .figures()
        .into_iter()
        .filter(|(_, figure)| *figure > 0)
        .map(|(name, figure)| {
            let word = match name {
                "provisional" => "offline",
                "reversed" => "undone",
                "overrides" => "by override",
                other => other,
            };
            format!("{figure} {word}")
        });
    words.collect::<Vec<_>>().join(", ")
}

/// A group's name, where it has none.
pub fn no_name(list: &str) -> &'static str {
    match list {
        "campaign" => "no campaign",
        "operator" => "nobody signed in",
        _ => "–",
    }
}

fn group_lines(lines: &mut Vec<SlipLine>, list: &str, groups: &[DayGroup]) {
    if groups.is_empty() {
        return;
    }
    lines.push(text("", PLAIN));
    lines.push(text(format!("BY {}", list.to_uppercase()), BOLD));
    let mut put = |name: &str, counts: &DayCounts| {
        lines.push(text(name, PLAIN));
        let mut line = String::new();
        for part in in_short(counts).split_inclusive(", ") {
            if line.len().saturating_add(part.trim_end().len()) > PARTS_COLUMNS {
                lines.push(text(format!("  {}", line.trim_end()), PLAIN));
                line.clear();
            }
            line.push_str(part);
        }
        lines.push(text(format!("  {line}"), PLAIN));
    };
    for group in groups.iter().take(NAMED_MAX) {
        let name = group.name.as_deref().unwrap_or_else(|| no_name(list));
        put(name, &group.counts);
    }
    let mut rest = DayCounts::default();
    for group in groups.iter().skip(NAMED_MAX) {
        rest.add(&group.counts);
    }
    if !rest.is_empty() {
        let count = groups.len().saturating_sub(NAMED_MAX);
        put(&format!("{count} others"), &rest);
    }
}
