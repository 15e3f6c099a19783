//! The shop: its ledger, migrations, hub and certificates.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::desk::doctor::days_until;
use crate::domain::doctor::{Check, Line};
use crate::domain::entry::instant;
use crate::domain::hub_status::{CLOCK_OFF_MS, HubHealth, HubStatus};
use crate::domain::store::StoreNode;
use crate::domain::wire::Standing;
use crate::ledger::{CheckUp, LedgerFile, LedgerPhase};

/// A ledger, as far as it could be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LedgerSeen {
    /// There is none.
    None {
        /// Where it was looked for.
        place: String,
    },
    /// It could not be opened or read.
    Fault {
        /// What failed.
        message: String,
        /// What to do.
        hint: String,
    },
    /// It opens.
    Open {
        /// The store's name.
        store: String,
        /// What was found.
        found: CheckUp,
    },
}

/// Judges the ledger.
pub fn ledger(seen: &LedgerSeen) -> Vec<Line> {
    match seen {
        LedgerSeen::None { place } => vec![Line::look(
            Check::Ledger,
            format!("none in {place} yet"),
            "open the console (`counterfoil`) or say `counterfoil init`; if there should be one, name \
             its folder with --data",
        )],
        LedgerSeen::Fault { message, hint } => vec![Line::bad(Check::Ledger, message, hint)],
        LedgerSeen::Open { store, found } => opened(store, found),
    }
}

fn opened(store: &str, found: &CheckUp) -> Vec<Line> {
    let mut lines: Vec<Line> = found
        .faults
        .iter()
        .map(|fault| {
            Line::bad(
                Check::Ledger,
                format!("the file is damaged: {fault}"),
                "stop the counters, run `counterfoil verify`, and restore the newest backup",
            )
        })
        .collect();
    if found.phase == LedgerPhase::Moved {
        lines.push(Line::bad(
            Check::Ledger,
            "it was closed by `backup --move`: the shop goes on elsewhere",
            "work there; or, if that was never done, `counterfoil restore` its file here",
        ));
    } else if let Some(fault) = &found.marker {
        lines.push(Line::bad(
            Check::Ledger,
            format!("the marker beside it: {fault}"),
            "if another ledger.db belongs here, put it back before anything else; else go on: the next \
             command begins a new life, and nothing is honoured twice",
        ));
    }
    if found.phase == LedgerPhase::UnderRestore {
        lines.push(Line::look(
            Check::Ledger,
            "restored: codes that were not yet used need a manager's approval",
            "when the lost time is settled: counterfoil restore --settle",
        ));
    }
    if lines.is_empty() {
        let extent = if found.is_whole {
            "the file is sound"
        } else {
            "the parts looked at are sound; all of it: counterfoil verify"
        };
        lines.push(Line::ok(
            Check::Ledger,
            format!("{store}: opens, {} entries; {extent}", found.entries),
        ));
    }
    lines
}

/// Judges the permissions of the ledger's files: contacts and secrets are in them.
pub fn files(found: &[LedgerFile]) -> Vec<Line> {
    let Some(main) = found.iter().find(|file| file.name == "ledger.db") else {
        return Vec::new();
    };
    let named = |is_wrong: &dyn Fn(&LedgerFile) -> bool| -> Vec<&str> {
        let wrong = found.iter().filter(|file| is_wrong(file));
        wrong.map(|file| file.name.as_str()).collect()
    };
    let mut lines = Vec::new();
    let locked = named(&|file| !file.may_open);
    if !locked.is_empty() {
        lines.push(Line::bad(
            Check::Ledger,
            format!("this account may not read and write {}", locked.join(", ")),
            "work under the account that set the ledger up, or give the files to this one (chown)",
        ));
    }
    // The configuration may hold the database's password, and is otherwise nobody's secret.
    let is_open = |file: &LedgerFile| file.mode & 0o007 > 0;
    let open = named(&|file| is_open(file) && file.name.starts_with("ledger."));
    if !open.is_empty() {
        lines.push(Line::bad(
            Check::Ledger,
            format!(
                "every account of this computer can open {}",
                open.join(", ")
            ),
            format!("chmod o= {}", open.join(" ")),
        ));
    }
    let other =
        named(&|file| file.name.starts_with("ledger.") && !is_open(file) && file.mode != main.mode);
    if !other.is_empty() {
        lines.push(Line::look(
            Check::Ledger,
            format!(
                "{} have other permissions than ledger.db ({:o})",
                other.join(", "),
                main.mode
            ),
            format!("chmod {:o} {}", main.mode, other.join(" ")),
        ));
    }
    if lines.is_empty() {
        let whose = if main.mode & 0o070 == 0 {
            "this account's alone"
        } else {
            "shared within their group"
        };
        lines.push(Line::ok(
            Check::Ledger,
            format!("its files are {whose} ({:o})", main.mode),
        ));
    }
    lines
}

/// Judges a ledger's version against the program's: how many migrations each has.
pub fn migrations(applied: usize, known: usize) -> Line {
    if applied < known {
        return Line::look(
            Check::Migrations,
            format!("{applied} of {known}: an older program wrote this ledger"),
            "counterfoil backup FILE, then go on: the next command brings it up to date",
        );
    }
    Line::ok(Check::Migrations, format!("{applied} of {known}"))
}

/// A hub that this ledger has joined, and what it said when it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// Where it is.
    pub url: String,
    /// How this store stands with it.
    pub status: HubStatus,
    /// Why it does not let this store in; none: it does, or could not be asked.
    pub refused: Option<String>,
}

/// Judges how this store stands with its hub.
pub fn joined(seen: &Joined, now: Timestamp, zone: &TimeZone) -> Vec<Line> {
    let url = &seen.url;
    let mut lines = Vec::new();
    let words = seen.status.words(now, zone);
    let ill = |what: String| {
        let to_do = match seen.status.standing {
            Standing::Quarantined => "counterfoil sync --once",
            Standing::Revoked | Standing::WrittenOff | Standing::Stolen | Standing::Invited => {
                "the hub's manager: counterfoil hub store list"
            }
            Standing::Active => {
                "check the network and the hub's address, certificate and clock; then `counterfoil \
                 sync --once` says more"
            }
        };
        Line::bad(Check::Hub, what, to_do)
    };
    if let Some(why) = &seen.refused {
        lines.push(Line::bad(
            Check::Hub,
            format!("{url} answers, and does not let this store in: {why}"),
            "the hub's manager: counterfoil hub store list; then reinstate it, or add and join again",
        ));
    }
    lines.push(match (seen.status.why(), seen.status.health(now)) {
        (Some(why), HubHealth::Ill) => ill(format!("{url}: {words}; {why}")),
        (Some(why), HubHealth::Waits | HubHealth::Well) => Line::look(
            Check::Hub,
            format!("{url} is out of reach: {why}"),
            "the counters go on without it; check the network if it lasts",
        ),
        (None, HubHealth::Ill) => ill(format!("{url}: {words}")),
        (None, HubHealth::Waits | HubHealth::Well) => {
            Line::ok(Check::Hub, format!("{url} answers; {words}"))
        }
    });
    if seen.status.unsent > 0 {
        lines.push(Line::look(
            Check::Hub,
            format!("{} entries exist on this machine only", seen.status.unsent),
            "an open console sends them by itself; without one: counterfoil sync --once",
        ));
    }
    lines
}

/// So long a store may be silent before it is spoken of: over a weekend.
const SILENT_DAYS: i64 = 3;

/// Judges the stores of a hub.
pub fn stores(found: &[StoreNode], now: Timestamp) -> Vec<Line> {
    const LIST: &str = "counterfoil hub store list";
    let mut lines = Vec::new();
    let active: Vec<&StoreNode> = found
        .iter()
        .filter(|store| store.standing == Standing::Active)
        .collect();
    for store in &active {
        let called = store.called();
        let silent_days = store
            .last_contact_ms
            .and_then(|last_ms| days_until(now, instant(last_ms)))
            .unwrap_or(0);
        if silent_days >= SILENT_DAYS {
            lines.push(Line::look(
                Check::Hub,
                format!("{called} has not called for {silent_days} days"),
                format!("is it closed, or its line down? {LIST}"),
            ));
        }
        if store.clock_offset_ms.abs() > CLOCK_OFF_MS {
            lines.push(Line::look(
                Check::Hub,
                format!(
                    "the clock of {called} is {} min off",
                    store.clock_offset_ms.abs() / 60_000
                ),
                "set its clock there: timedatectl set-ntp true",
            ));
        }
    }
    if lines.is_empty() && !found.is_empty() {
        let words = match active.len() {
            1 => "1 store, and all is well with it".to_owned(),
            many => format!("{many} stores, and all is well with them"),
        };
        lines.push(Line::ok(Check::Hub, format!("this ledger is one: {words}")));
    }
    lines
}

/// So long before its end a certificate is spoken of.
const RENEWAL_DAYS: i64 = 14;

/// Judges when a certificate ends.
pub fn certificate(whose: &str, ends_at: Timestamp, now: Timestamp, zone: &TimeZone) -> Line {
    let date = ends_at
        .to_zoned(zone.clone())
        .strftime("%Y-%m-%d")
        .to_string();
    match days_until(ends_at, now) {
        None => Line::bad(
            Check::Certificate,
            format!("{whose} ended on {date}: nobody trusts it any more"),
            "renew it",
        ),
        Some(days) if days < RENEWAL_DAYS => Line::look(
            Check::Certificate,
            format!("{whose} ends in {days} days, on {date}"),
            "renew it",
        ),
        Some(days) => Line::ok(
            Check::Certificate,
            format!("{whose} ends in {days} days, on {date}"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::doctor::Mark;
    use crate::domain::hub_status::Reach;

    /// What is found otherwise.
    type Change = fn(&mut CheckUp);

    /// What is seen otherwise, the marks, and words.
    type Row<'a> = (Box<dyn Fn(&mut Joined) + 'a>, &'a str, &'a str);

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    const NOW: &str = "2026-11-21T20:00:00Z";

    fn marks(lines: &[Line]) -> String {
        let marks: Vec<&str> = lines.iter().map(|line| line.mark.as_str()).collect();
        marks.join(" ")
    }

    fn said(lines: &[Line]) -> String {
        let words: Vec<String> = lines
            .iter()
            .map(|line| format!("{} · {}", line.what, line.to_do.as_deref().unwrap_or("")))
            .collect();
        words.join("\n")
    }

    #[test]
    fn a_ledger_is_judged_by_what_was_found() {
        let well = CheckUp {
            entries: 42,
            newest_at: at(NOW),
            faults: Vec::new(),
            is_whole: true,
            marker: None,
            phase: LedgerPhase::Usual,
        };
        let table: [(Change, &str, &str); 7] = [
            (|_| {}, "ok", "Corner: opens, 42 entries; the file is sound"),
            (|found| found.is_whole = false, "ok", "counterfoil verify"),
            (
                |found| found.faults = vec!["row 3 missing".into(), "b".into()],
                "bad bad",
                "row 3 missing · stop the counters",
            ),
            (
                |found| found.marker = Some("3 entries are missing".into()),
                "bad",
                "3 entries are missing",
            ),
            (
                |found| found.phase = LedgerPhase::Moved,
                "bad",
                "goes on elsewhere",
            ),
            (
                |found| {
                    found.phase = LedgerPhase::Moved;
                    found.marker = Some("it is missing".into());
                },
                "bad",
                "goes on elsewhere",
            ),
            (
                |found| found.phase = LedgerPhase::UnderRestore,
                "look",
                "restore --settle",
            ),
        ];
        for (change, wanted, words) in table {
            let mut found = well.clone();
            change(&mut found);
            let lines = ledger(&LedgerSeen::Open {
                store: "Corner".into(),
                found,
            });
            assert_eq!(marks(&lines), wanted, "{lines:?}");
            assert!(said(&lines).contains(words), "{lines:?}");
        }
        let place = "/data".to_owned();
        assert_eq!(marks(&ledger(&LedgerSeen::None { place })), "look");
        let fault = LedgerSeen::Fault {
            message: "m".into(),
            hint: "h".into(),
        };
        assert_eq!(said(&ledger(&fault)), "m · h");
    }

    #[test]
    fn files_are_closed_to_others_and_alike() {
        let file = |name: &str, mode, may_open| LedgerFile {
            name: name.to_owned(),
            mode,
            may_open,
        };
        let table = [
            (vec![], "", ""),
            (
                vec![
                    file("counterfoil.toml", 0o644, true),
                    file("ledger.db", 0o600, true),
                    file("ledger.marker", 0o600, true),
                ],
                "ok",
                "this account's alone (600)",
            ),
            (vec![file("ledger.db", 0o660, true)], "ok", "group (660)"),
            (
                vec![
                    file("ledger.db", 0o644, true),
                    file("ledger.db-wal", 0o644, true),
                ],
                "bad",
                "chmod o= ledger.db ledger.db-wal",
            ),
            (
                vec![
                    file("ledger.db", 0o660, true),
                    file("ledger.turn-a", 0o600, true),
                ],
                "look",
                "chmod 660 ledger.turn-a",
            ),
            (
                vec![file("ledger.db", 0o600, false)],
                "bad",
                "may not read and write ledger.db",
            ),
        ];
        for (found, wanted, words) in table {
            let lines = files(&found);
            assert_eq!(marks(&lines), wanted, "{lines:?}");
            assert!(said(&lines).contains(words), "{lines:?}");
        }
    }

    #[test]
    fn an_older_ledger_is_looked_at_and_its_own_is_well() {
        assert_eq!(migrations(10, 10).mark, Mark::Ok);
        let older = migrations(9, 10);
        assert_eq!(older.mark, Mark::Look);
        assert!(older.what.starts_with("9 of 10"), "{older:?}");
    }

    #[test]
    fn a_store_is_judged_by_its_hub() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let well = Joined {
            url: "https://hub".into(),
            status: HubStatus {
                reach: Reach::Online,
                standing: Standing::Active,
                may_hold: true,
                unsent: 0,
                pending: 0,
                behind: 0,
                position: 9,
                codes_here: 5,
                codes_ahead: 0,
                last_contact_ms: Some(at(NOW).as_millisecond()),
                clock_offset_ms: 0,
                hub_is_behind: false,
            },
            refused: None,
        };
        let offline = |why: &str| Reach::Offline {
            since_ms: at(NOW).as_millisecond(),
            why: why.into(),
        };
        let table: [Row<'_>; 7] = [
            (Box::new(|_| {}), "ok", "https://hub answers"),
            (
                Box::new(|seen| seen.status.reach = offline("no connection")),
                "look",
                "out of reach: no connection",
            ),
            (
                Box::new(|seen| {
                    seen.status.reach = offline("the hub's certificate is not trusted: x");
                }),
                "bad",
                "certificate is not trusted",
            ),
            (
                Box::new(|seen| seen.refused = Some("no such token".into())),
                "bad ok",
                "no such token",
            ),
            (
                Box::new(|seen| seen.status.standing = Standing::Quarantined),
                "bad",
                "sync --once",
            ),
            (
                Box::new(|seen| seen.status.standing = Standing::Revoked),
                "bad",
                "hub store list",
            ),
            (
                Box::new(|seen| seen.status.unsent = 17),
                "ok look",
                "17 entries exist on this machine only",
            ),
        ];
        for (change, wanted, words) in table {
            let mut seen = well.clone();
            change(&mut seen);
            let lines = joined(&seen, at(NOW), &zone);
            assert_eq!(marks(&lines), wanted, "{lines:?}");
            assert!(said(&lines).contains(words), "{lines:?}");
        }
    }

    #[test]
    fn a_hub_names_the_stores_that_are_silent_or_off() {
        let store = |last: Option<&str>, clock_offset_ms| StoreNode {
            number: 2,
            node: Some("BCDFGHJKLN".into()),
            store: "Riverside".into(),
            label: crate::domain::store::FIRST_LABEL.into(),
            standing: Standing::Active,
            timezone: "Europe/Berlin".into(),
            incarnation: 1,
            acked_seq: 0,
            feed_position: 0,
            last_contact_ms: last.map(|text| at(text).as_millisecond()),
            clock_offset_ms,
            unsent: 0,
        };
        let table = [
            (vec![], "", ""),
            (vec![store(Some(NOW), 0)], "ok", "1 store"),
            (vec![store(None, 0)], "ok", ""),
            (
                vec![store(Some("2026-11-17T20:00:00Z"), 0)],
                "look",
                "Riverside has not called for 4 days",
            ),
            (vec![store(Some(NOW), -600_000)], "look", "10 min off"),
        ];
        for (found, wanted, words) in table {
            let lines = stores(&found, at(NOW));
            assert_eq!(marks(&lines), wanted, "{lines:?}");
            assert!(said(&lines).contains(words), "{lines:?}");
        }
        let gone = StoreNode {
            standing: Standing::Revoked,
            ..store(Some("2026-01-01T00:00:00Z"), 0)
        };
        assert_eq!(marks(&stores(&[gone], at(NOW))), "ok");
    }

    #[test]
    fn a_certificate_is_spoken_of_before_it_ends() {
        let zone = TimeZone::UTC;
        for (end, mark, words) in [
            ("2026-11-21T19:59:59Z", Mark::Bad, "ended on 2026-11-21"),
            ("2026-11-22T20:00:00Z", Mark::Look, "ends in 1 days"),
            ("2026-12-05T19:59:59Z", Mark::Look, "ends in 13 days"),
            (
                "2026-12-05T20:00:00Z",
                Mark::Ok,
                "ends in 14 days, on 2026-12-05",
            ),
        ] {
            let line = certificate("hub.pem", at(end), at(NOW), &zone);
            assert_eq!(line.mark, mark, "{line:?}");
            assert!(line.what.contains(words), "{line:?}");
        }
    }
}
