//! The computer: its clock, time zones, disk, and the terminal.

use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::domain::doctor::{Check, Line};
use crate::domain::hub_status::CLOCK_OFF_MS;
use crate::ledger::CLOCK_TOLERANCE_MS;

/// What tells whether a clock is right.
#[derive(Debug, Clone)]
pub struct ClockSeen {
    /// What it shows.
    pub now: Timestamp,
    /// By which zone it is told.
    pub zone: TimeZone,
    /// When this program was built.
    pub built_at: Timestamp,
    /// The time of the ledger's newest entry.
    pub newest_entry: Option<Timestamp>,
    /// This clock less the hub's, where a hub was asked.
    pub hub_offset_ms: Option<i64>,
    /// Whether a time service sets it; none: the system does not say.
    pub is_synchronised: Option<bool>,
}

/// Judges the clock.
pub fn clock(seen: &ClockSeen) -> Line {
    const SET: &str = "set the clock, and let a time service keep it: timedatectl set-ntp true";
    let shown = |at: Timestamp| {
        at.to_zoned(seen.zone.clone())
            .strftime("%Y-%m-%d %H:%M:%S %Z")
            .to_string()
    };
    let now = shown(seen.now);
    let bad = |why: String| Line::bad(Check::Clock, why, SET);
    if seen.now < seen.built_at {
        let built = shown(seen.built_at);
        return bad(format!(
            "{now} is before this program was built, {built}: what depends on time needs a manager"
        ));
    }
    if let Some(newest) = seen.newest_entry
        && newest.as_millisecond() - seen.now.as_millisecond() > CLOCK_TOLERANCE_MS
    {
        return bad(format!(
            "{now} is before the ledger's newest entry, {}: what depends on time needs a manager",
            shown(newest)
        ));
    }
    let off_ms = seen.hub_offset_ms.unwrap_or(0);
    if off_ms.abs() > CLOCK_OFF_MS {
        let way = if off_ms > 0 { "ahead of" } else { "behind" };
        return bad(format!("{} min {way} the hub's", off_ms.abs() / 60_000));
    }
    match seen.is_synchronised {
        Some(true) => Line::ok(Check::Clock, format!("{now}, kept by a time service")),
        Some(false) => Line::look(
            Check::Clock,
            format!("{now}, and no time service keeps it"),
            "timedatectl set-ntp true",
        ),
        None => Line::ok(
            Check::Clock,
            format!("{now}; the system does not say whether a time service keeps it"),
        ),
    }
}

/// Judges the store's time zone: `store`, by what the ledger says, or none where there is no ledger.
pub fn time_zone(store: Option<&TimeZone>, has_data: bool, now: Timestamp) -> Line {
    if !has_data {
        return Line::bad(
            Check::TimeZone,
            "no time zone data can be read",
            "unset TZDIR, or mend /usr/share/zoneinfo: reinstall tzdata",
        );
    }
    let Some(zone) = store else {
        return Line::ok(
            Check::TimeZone,
            "the data are there; no ledger names one yet",
        );
    };
    let name = zone.iana_name().unwrap_or("a zone without a name");
    let offset = zone.to_offset(now);
    let next = zone.following(now).next().map_or_else(
        || "it never changes".to_owned(),
        |change| {
            let at = change.timestamp().to_zoned(zone.clone());
            format!("changes next on {}", at.strftime("%Y-%m-%d"))
        },
    );
    Line::ok(Check::TimeZone, format!("{name}, UTC{offset} now; {next}"))
}

/// So little room is bad: an import or a day's entries may not fit.
const FREE_BYTES_BAD: u64 = 64 * 1024 * 1024;

/// And so little is to be looked at.
const FREE_BYTES_LOOK: u64 = 1024 * 1024 * 1024;

/// The disk below the ledger's folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DiskSeen {
    /// The folder, or the nearest one above it that is there.
    pub folder: String,
    /// The kind of file system, as the system calls it.
    pub kind: Option<String>,
    /// The name of the network file system that it is, where it is one.
    pub network: Option<&'static str>,
    /// Room for this account.
    pub free_bytes: u64,
    /// Whether this account may write there.
    pub may_write: bool,
    /// Whether the ballast beside the ledger has its size; none: there is no ledger.
    pub has_ballast: Option<bool>,
}

/// Judges the disk.
pub fn disk(seen: &DiskSeen) -> Line {
    let folder = &seen.folder;
    let bad = |what: String, to_do: &str| Line::bad(Check::Disk, what, to_do);
    if let Some(network) = seen.network {
        return bad(
            format!("{folder} is on {network}: a ledger there can be damaged, and is not opened"),
            "name a folder on a disk of this computer with --data, or keep the ledger in PostgreSQL",
        );
    }
    if !seen.may_write {
        return bad(
            format!("this account may not write in {folder}"),
            "mount it for writing, or give the folder to this account (chown), or set the ledger up \
             for a group: init --group",
        );
    }
    let free_mib = seen.free_bytes / (1024 * 1024);
    let kind = seen.kind.as_deref().unwrap_or("a file system");
    let room = format!("{free_mib} MiB free for {folder} on {kind}");
    if seen.free_bytes < FREE_BYTES_BAD {
        return bad(room, "make room: nothing is honoured on a full disk");
    }
    if seen.has_ballast == Some(false) {
        return Line::look(
            Check::Disk,
            format!("{room}; the ballast beside the ledger is not whole: the disk was full"),
            "make room; the next command that writes grows the ballast again",
        );
    }
    if seen.free_bytes < FREE_BYTES_LOOK {
        return Line::look(Check::Disk, room, "make room before an import");
    }
    Line::ok(Check::Disk, room)
}

/// The kind of file system that holds a folder, by the text of `/proc/self/mountinfo` (proc(5)).
pub fn file_system_of(mountinfo: &str, folder: &Path) -> Option<String> {
    let mut best: Option<(usize, &str)> = None;
    for line in mountinfo.lines() {
        let Some((place, rest)) = line.split_once(" - ") else {
            continue;
        };
        let (Some(point), Some(kind)) = (place.split(' ').nth(4), rest.split(' ').next()) else {
            continue;
        };
        // Blanks are written as octal numbers; of two mounts at one place the later hides the former.
        let point = point.replace("\\040", " ");
        if folder.starts_with(&point) && best.is_none_or(|(length, _)| point.len() >= length) {
            best = Some((point.len(), kind));
        }
    }
    best.map(|(_, kind)| kind.to_owned())
}

/// The terminal, as it can be seen from inside.
pub struct TerminalSeen<'a> {
    /// Columns and rows; none: there is no terminal.
    pub size: Option<(u16, u16)>,
    /// What a variable of the environment says.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// What `tmux list-keys -T root` says, inside tmux.
    pub tmux_keys: Option<&'a str>,
}

/// The keys that the console has commands on.
const KEYS: [&str; 10] = ["F1", "F2", "F3", "F4", "F5", "F6", "F7", "F8", "F9", "F10"];

/// What to do where a key does nothing.
const PREFIX: &str = "press Ctrl-G, then the key's digit (0 for F10)";

/// Judges the terminal.
pub fn terminal(seen: &TerminalSeen<'_>) -> Vec<Line> {
    let Some((columns, rows)) = seen.size else {
        return vec![Line::ok(
            Check::Terminal,
            "none here; the console needs one",
        )];
    };
    let size = format!("{columns} columns, {rows} rows");
    let mut lines = vec![match (columns, rows) {
        (..60, _) | (_, ..18) => Line::bad(
            Check::Terminal,
            size,
            "make the window larger or its letters smaller: the console needs 60 by 18",
        ),
        (..80, _) | (_, ..24) => Line::look(
            Check::Terminal,
            size,
            "from 80 by 24 on the screens are complete",
        ),
        _ => Line::ok(Check::Terminal, size),
    }];
    lines.push(colour(seen.variable));
    lines.push(letters(seen.variable));
    lines.push(keys(seen));
    lines
}

fn colour(variable: &dyn Fn(&str) -> Option<String>) -> Line {
    let is_set = |name| variable(name).is_some_and(|value| !value.is_empty());
    let Some(term) = variable("TERM").filter(|term| !term.is_empty() && term != "dumb") else {
        return Line::bad(
            Check::Terminal,
            "TERM does not say what it is",
            "log in again, or export TERM=xterm-256color",
        );
    };
    if is_set("NO_COLOR") {
        return Line::ok(
            Check::Terminal,
            format!("{term}, without colour (NO_COLOR): word, shape and border say the verdict"),
        );
    }
    Line::ok(Check::Terminal, format!("{term}, with colour"))
}

fn letters(variable: &dyn Fn(&str) -> Option<String>) -> Line {
    if variable("TERM").as_deref() == Some("linux") {
        return Line::ok(Check::Terminal, "the Linux console: drawn in ASCII");
    }
    // The first of them that is set counts (locale(7)).
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .filter_map(variable)
        .find(|value| !value.is_empty());
    let folded = locale.as_deref().map(str::to_ascii_lowercase);
    match folded {
        Some(name) if name.contains("utf-8") || name.contains("utf8") => {
            Line::ok(Check::Terminal, "UTF-8")
        }
        _ => Line::look(
            Check::Terminal,
            format!(
                "the locale is {}, not UTF-8: borders may be garbled",
                locale.as_deref().unwrap_or("not set")
            ),
            "export LANG=C.UTF-8, or theme = \"ascii\" under [console]",
        ),
    }
}

fn keys(seen: &TerminalSeen<'_>) -> Line {
    let is_set = |name| (seen.variable)(name).is_some_and(|value| !value.is_empty());
    let bound: Vec<&str> = seen.tmux_keys.map(bound_in_tmux).unwrap_or_default();
    if !bound.is_empty() {
        let keys = bound.join(", ");
        return Line::look(
            Check::Terminal,
            format!("tmux keeps {keys}"),
            format!(
                "{PREFIX}; or `tmux unbind-key -n {}` for each",
                bound.first().unwrap_or(&"F1")
            ),
        );
    }
    let program = (seen.variable)("TERM_PROGRAM").unwrap_or_default();
    let kept = if is_set("KONSOLE_VERSION") {
        Some(("Konsole may keep F1", "Settings > Keyboard Shortcuts"))
    } else if is_set("VTE_VERSION") {
        Some((
            "a terminal of GNOME's or Xfce's may keep F1 and F10",
            "its preferences have a switch for shortcuts and the menu key",
        ))
    } else if program == "vscode" {
        Some((
            "the editor keeps most function keys",
            "use a terminal of its own",
        ))
    } else if program == "Apple_Terminal" || program == "iTerm.app" {
        Some((
            "a Mac's keyboard gives function keys only with fn",
            "System Settings > Keyboard > use F1, F2, etc. as standard function keys",
        ))
    } else {
        None
    };
    match kept {
        Some((what, way)) => Line::look(Check::Terminal, what, format!("{way}; or {PREFIX}")),
        None => Line::ok(
            Check::Terminal,
            format!("nothing is known to keep function keys; where one does nothing, {PREFIX}"),
        ),
    }
}

/// Our keys that tmux acts upon itself: `bind-key -T root F8 split-window`.
fn bound_in_tmux(list: &str) -> Vec<&'static str> {
    let bound: Vec<&str> = list
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace().skip_while(|word| *word != "root");
            words.nth(1)
        })
        .collect();
    KEYS.into_iter().filter(|key| bound.contains(key)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::doctor::Mark;

    /// What is seen otherwise.
    type Change<T> = fn(&mut T);

    /// A size, variables, and what tmux says.
    type Row<'a> = ((u16, u16), &'a [(&'a str, &'a str)], Option<&'a str>);

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_clock_is_judged_by_the_build_the_ledger_the_hub_and_the_time_service() {
        let well = ClockSeen {
            now: at("2026-11-21T20:00:00Z"),
            zone: TimeZone::get("Europe/Berlin").unwrap(),
            built_at: at("2026-11-01T00:00:00Z"),
            newest_entry: Some(at("2026-11-21T19:59:00Z")),
            hub_offset_ms: Some(-1_500),
            is_synchronised: Some(true),
        };
        let table: [(Change<ClockSeen>, Mark, &str); 9] = [
            (|_| {}, Mark::Ok, "2026-11-21 21:00:00 CET, kept by"),
            (|seen| seen.is_synchronised = None, Mark::Ok, "does not say"),
            (
                |seen| seen.is_synchronised = Some(false),
                Mark::Look,
                "no time service",
            ),
            (
                |seen| seen.now = at("2026-10-01T00:00:00Z"),
                Mark::Bad,
                "was built",
            ),
            (
                |seen| seen.newest_entry = Some(at("2026-11-21T20:01:01Z")),
                Mark::Bad,
                "newest entry, 2026-11-21 21:01:01",
            ),
            // Counters on one machine differ by as much.
            (
                |seen| seen.newest_entry = Some(at("2026-11-21T20:01:00Z")),
                Mark::Ok,
                "",
            ),
            (|seen| seen.newest_entry = None, Mark::Ok, ""),
            (
                |seen| seen.hub_offset_ms = Some(360_000),
                Mark::Bad,
                "6 min ahead of",
            ),
            (
                |seen| seen.hub_offset_ms = Some(-360_000),
                Mark::Bad,
                "6 min behind",
            ),
        ];
        for (change, mark, words) in table {
            let mut seen = well.clone();
            change(&mut seen);
            let line = clock(&seen);
            assert_eq!(line.mark, mark, "{line:?}");
            assert!(line.what.contains(words), "{line:?}");
            assert_eq!(line.to_do.is_none(), mark == Mark::Ok, "{line:?}");
        }
    }

    #[test]
    fn a_time_zone_says_when_it_changes_next() {
        let now = at("2026-11-21T20:00:00Z");
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let line = time_zone(Some(&berlin), true, now);
        assert_eq!(
            (line.mark, line.what.as_str()),
            (
                Mark::Ok,
                "Europe/Berlin, UTC+01 now; changes next on 2027-03-28"
            )
        );
        assert_eq!(time_zone(None, true, now).mark, Mark::Ok);
        assert_eq!(time_zone(Some(&berlin), false, now).mark, Mark::Bad);
    }

    #[test]
    fn a_disk_is_judged_by_its_kind_its_rights_and_its_room() {
        let well = DiskSeen {
            folder: "/data".to_owned(),
            kind: Some("ext4".to_owned()),
            network: None,
            free_bytes: 5 << 30,
            may_write: true,
            has_ballast: Some(true),
        };
        let table: [(Change<DiskSeen>, Mark, &str); 7] = [
            (|_| {}, Mark::Ok, "5120 MiB free for /data on ext4"),
            (|seen| seen.has_ballast = None, Mark::Ok, "on ext4"),
            (
                |seen| seen.network = Some("NFS"),
                Mark::Bad,
                "/data is on NFS",
            ),
            (
                |seen| seen.may_write = false,
                Mark::Bad,
                "may not write in /data",
            ),
            (|seen| seen.free_bytes = 10 << 20, Mark::Bad, "10 MiB"),
            (|seen| seen.free_bytes = 500 << 20, Mark::Look, "500 MiB"),
            (|seen| seen.has_ballast = Some(false), Mark::Look, "ballast"),
        ];
        for (change, mark, words) in table {
            let mut seen = well.clone();
            change(&mut seen);
            let line = disk(&seen);
            assert_eq!(line.mark, mark, "{line:?}");
            assert!(line.what.contains(words), "{line:?}");
        }
    }

    #[test]
    fn the_file_system_is_that_of_the_deepest_mount() {
        let mounts = "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
                      23 22 0:5 / /srv rw shared:2 - nfs4 nas:/x rw\n\
                      24 23 0:6 / /srv/shop\\040one rw - btrfs /dev/sdb rw\nbroken\n";
        for (folder, kind) in [
            ("/home/a", "ext4"),
            ("/srv/b", "nfs4"),
            ("/srvb", "ext4"),
            ("/srv/shop one/x", "btrfs"),
        ] {
            assert_eq!(
                file_system_of(mounts, Path::new(folder)).as_deref(),
                Some(kind),
                "{folder}"
            );
        }
        assert_eq!(file_system_of("", Path::new("/")), None);
    }

    #[test]
    fn a_terminal_is_judged_by_size_colour_letters_and_keys() {
        let usual = [("TERM", "xterm-256color"), ("LANG", "de_DE.UTF-8")];
        let marks = |(size, variables, tmux_keys): Row<'_>| {
            let lines = terminal(&TerminalSeen {
                size: Some(size),
                variable: &|name| {
                    let found = variables.iter().find(|(known, _)| *known == name);
                    found.map(|(_, value)| (*value).to_owned())
                },
                tmux_keys,
            });
            let words: Vec<String> = lines.iter().map(|line| line.what.clone()).collect();
            let marks: Vec<&str> = lines.iter().map(|line| line.mark.as_str()).collect();
            (marks.join(" "), words.join("; "))
        };
        let tmux = "bind-key -T root MouseDown1Pane select-pane\nbind-key -r -T root F8 a\n\
                    bind-key    -T root F12 b\nbind-key -T root F2 c";
        let table: [(Row<'_>, &str, &str); 11] = [
            (((80, 24), &usual, None), "ok ok ok ok", "80 columns"),
            (((79, 24), &usual, None), "look ok ok ok", ""),
            (((80, 23), &usual, None), "look ok ok ok", ""),
            (((59, 24), &usual, None), "bad ok ok ok", ""),
            (((80, 17), &usual, None), "bad ok ok ok", ""),
            (
                ((80, 24), &[("TERM", "dumb"), usual[1]], None),
                "ok bad ok ok",
                "TERM",
            ),
            (
                ((80, 24), &[usual[0], ("LC_ALL", "C"), usual[1]], None),
                "ok ok look ok",
                "the locale is C",
            ),
            (
                ((80, 24), &[("TERM", "linux")], None),
                "ok ok ok ok",
                "ASCII",
            ),
            (((80, 24), &[usual[0]], None), "ok ok look ok", "not set"),
            (
                ((80, 24), &usual, Some(tmux)),
                "ok ok ok look",
                "tmux keeps F2, F8",
            ),
            (
                (
                    (80, 24),
                    &[usual[0], usual[1], ("VTE_VERSION", "7006")],
                    None,
                ),
                "ok ok ok look",
                "F10",
            ),
        ];
        for (row, wanted, words) in table {
            let (marks, said) = marks(row);
            assert_eq!(marks, wanted, "{said}");
            assert!(said.contains(words), "{said}");
        }
        let plain = [usual[0], usual[1], ("NO_COLOR", "1")];
        assert!(
            marks(((80, 24), &plain, Some("")))
                .1
                .contains("without colour")
        );
    }

    #[test]
    fn without_a_terminal_there_is_nothing_to_judge() {
        let lines = terminal(&TerminalSeen {
            size: None,
            variable: &|_| None,
            tmux_keys: None,
        });
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].mark, Mark::Ok);
    }
}
