//! The log from its newest line backwards, a bounded number of rows a look: a page of a log of millions
//! costs no more than one of hundreds.

use crate::domain::log::{LogFilter, LogPart, LogPlace};
use crate::ledger::chain::Head;
use crate::ledger::codes::{CodeRow, find};
use crate::ledger::engine::Tx;
use crate::ledger::error::Cause;
use crate::ledger::log::{
    ATTEMPT_COLUMNS, ENTRY_COLUMNS, Placed, attempt_row, entry_row, wants_entries,
};
use crate::ledger::log_times;

/// So many entries, and so many attempts, are looked at in one view of the ledger.
const LOOKED_AT: i64 = 3_000;

/// The newest wanted lines before a place.
pub(crate) fn part(
    tx: &Tx<'_>,
    from: Option<LogPlace>,
    filter: &LogFilter,
    most: usize,
) -> Result<LogPart, Cause> {
    let head = Head::load(tx)?;
    let mut place = match from {
        Some(place) => place,
        None => first_place(tx, filter)?,
    };
    // The lines of a code are found by it.
    let code = match &filter.code {
        Some(folded) => find(tx, folded)?,
        None => None,
    };
    let look = Look {
        tx,
        head: &head,
        filter,
        place,
        code: code.as_ref(),
        // Where every line is wanted, no more are read than are.
        looked_at: if *filter == LogFilter::default() {
            i64::try_from(most).map_or(LOOKED_AT, |most| most.clamp(1, LOOKED_AT))
        } else {
            LOOKED_AT
        },
    };
    let (entries, attempts) = (look.entries()?, look.attempts()?);
    let (entries_full, attempts_full) = (look.is_full(&entries), look.is_full(&attempts));
    // What lies beyond the shorter list may come before what the longer one holds: leave it.
    let entry_end = entries
        .last()
        .filter(|_| entries_full)
        .map(|last| last.entry);
    let attempt_end = attempts
        .last()
        .filter(|_| attempts_full)
        .map(|last| last.entry);
    let mut merged: Vec<Placed> = entries
        .into_iter()
        .filter(|entry| attempt_end.is_none_or(|end| entry.entry > end))
        .chain(
            attempts
                .into_iter()
                .filter(|attempt| entry_end.is_none_or(|end| attempt.entry >= end)),
        )
        .collect();
    merged.sort_by_key(|placed| std::cmp::Reverse((placed.entry, placed.attempt)));
    let mut part = LogPart::default();
    let mut is_cut = entries_full || attempts_full;
    for placed in merged {
        if part.lines.len() >= most {
            is_cut = true;
            break;
        }
        if placed.attempt == 0 {
            place.entry = placed.entry;
        } else {
            place.attempt = placed.attempt;
        }
        part.looked_back_to = Some(placed.at);
        part.lines.extend(placed.line);
    }
    part.next = is_cut.then_some(place);
    Ok(part)
}

/// Where the filter's times end, and how far back they go.
fn first_place(tx: &Tx<'_>, filter: &LogFilter) -> Result<LogPlace, Cause> {
    let floor = log_times::floor(tx, filter.since)?;
    let ceiling = log_times::ceiling(tx, filter.until)?;
    Ok(LogPlace {
        entry: ceiling.entry.saturating_add(1),
        attempt: ceiling.attempt.saturating_add(1),
        entry_floor: floor.entry,
        attempt_floor: floor.attempt,
    })
}

fn entries_sql() -> String {
    format!("{ENTRY_COLUMNS}WHERE e.id < $1 AND e.id > $2 ORDER BY e.id DESC LIMIT $3")
}

fn entry_sql() -> String {
    format!("{ENTRY_COLUMNS}WHERE e.id = $1")
}

fn attempts_sql() -> String {
    format!("{ATTEMPT_COLUMNS}WHERE a.id < $1 AND a.id > $2 ORDER BY a.id DESC LIMIT $3")
}

fn attempts_of_code_sql() -> String {
    format!(
        "{ATTEMPT_COLUMNS}WHERE a.code = $1 AND a.id < $2 AND a.id > $3 ORDER BY a.id DESC LIMIT $4"
    )
}

struct Look<'l, 't> {
    tx: &'l Tx<'t>,
    head: &'l Head,
    filter: &'l LogFilter,
    place: LogPlace,
    code: Option<&'l CodeRow>,
    looked_at: i64,
}

impl Look<'_, '_> {
    fn is_full(&self, lines: &[Placed]) -> bool {
        i64::try_from(lines.len()).unwrap_or(i64::MAX) >= self.looked_at
    }

    fn entries(&self) -> Result<Vec<Placed>, Cause> {
        if !wants_entries(self.filter) {
            return Ok(Vec::new());
        }
        if let Some(code) = self.code {
            return self.entries_of(code);
        }
        self.tx.all(
            &entries_sql(),
            &[
                self.place.entry.into(),
                self.place.entry_floor.into(),
                self.looked_at.into(),
            ],
            |row| entry_row(row, self.head, self.filter),
        )
    }

    /// The entries of a code, along its list.
    fn entries_of(&self, code: &CodeRow) -> Result<Vec<Placed>, Cause> {
        let mut next = self.entry_before(code)?;
        let mut entries = Vec::new();
        while let Some(entry) = next.filter(|entry| *entry > self.place.entry_floor) {
            let read = self.tx.one(&entry_sql(), &[entry.into()], |row| {
                Ok((entry_row(row, self.head, self.filter)?, row.maybe_int(9)?))
            })?;
            let Some((placed, previous)) = read else {
                return Err(Cause::Damaged(format!("entry {entry} is missing")));
            };
            next = previous;
            if entry < self.place.entry {
                entries.push(placed);
            }
            if self.is_full(&entries) {
                break;
            }
        }
        Ok(entries)
    }

    /// Where its list goes on: after the entry that was reached, or from its head.
    fn entry_before(&self, code: &CodeRow) -> Result<Option<i64>, Cause> {
        let reached = self.tx.one(
            "SELECT previous_of_code FROM entry WHERE id = $1 AND code = $2",
            &[self.place.entry.into(), code.id.into()],
            |row| row.maybe_int(0),
        )?;
        Ok(reached.unwrap_or(code.newest_entry))
    }

    fn attempts(&self) -> Result<Vec<Placed>, Cause> {
        let (before, floor) = (self.place.attempt, self.place.attempt_floor);
        let most = self.looked_at;
        if let Some(code) = self.code {
            return self.tx.all(
                &attempts_of_code_sql(),
                &[code.id.into(), before.into(), floor.into(), most.into()],
                |row| attempt_row(row, self.head, self.filter),
            );
        }
        self.tx.all(
            &attempts_sql(),
            &[before.into(), floor.into(), most.into()],
            |row| attempt_row(row, self.head, self.filter),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::engine::Engine;
    use crate::ledger::schema::migrate;
    use crate::ledger::sqlite::{Access, Sqlite};

    #[test]
    fn a_part_of_the_log_is_found_without_going_through_all_of_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ledger.db");
        let file = Sqlite::open(&path, Access::Create, 0o600).expect("opens");
        let mut engine = Engine::Sqlite(Box::new(file));
        migrate(&mut engine, 1).expect("migrates");
        let plans = [
            (entries_sql(), 3),
            (entry_sql(), 1),
            (attempts_sql(), 3),
            (attempts_of_code_sql(), 4),
        ];
        for (sql, values) in plans {
            let values = vec![1_i64.into(); values];
            let plan = engine
                .read(|tx| {
                    let explained = format!("EXPLAIN QUERY PLAN {sql}");
                    tx.all(&explained, &values, |row| row.text(3))
                })
                .expect("a plan");
            assert!(!plan.is_empty());
            for step in plan {
                assert!(step.starts_with("SEARCH"), "{step}: {sql}");
            }
        }
    }
}
