//! Erasing a person: everything readable goes, from the tables and from the bytes of the file. What
//! holds the laws stays: hashes, codes, slots, counts, and the chain of entries.
//!
//! SQLite leaves deleted bytes where they were: here it writes zeros over what it deletes, the
//! write-ahead log is emptied, and then the file itself is read. Where a page still holds something
//! (pages that were split long ago do), the whole file is written anew, while the counters wait.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use crate::domain::campaign::ContactKind;
use crate::domain::customer::Customer;
use crate::domain::entry::Fact;
use crate::domain::escape::for_display;
use crate::domain::refusal::Refusal;
use crate::ledger::customers::{described, hold, is_erased, known_by};
use crate::ledger::edit::recognise_everywhere;
use crate::ledger::engine::{Engine, Tx};
use crate::ledger::error::{Cause, Naming as _};
use crate::ledger::feed::{EVERYBODY, FeedKind, touch};
use crate::ledger::person::{AttemptAbout, EntryAbout, Person, attempts_about, entries_about};
use crate::ledger::{Act, Ledger, LedgerError, Setting, Writing, setting_of};

/// What an erasing did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// The customer as they are now.
    pub customer: Customer,
    /// Contacts erased.
    pub contacts: u64,
    /// Entries whose erasable text was erased.
    pub entries: u64,
    /// Attempts whose texts were erased.
    pub attempts: u64,
    /// Slips whose words were erased.
    pub slips: u64,
    /// What of it can still be read in the ledger's files.
    pub left: Left,
}

/// What can still be read of an erased person in the ledger's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// Nothing.
    Nothing,
    /// Bytes that read like it: in entries, which never change (a caller's key, an operator's name),
    /// or in what is known of somebody else.
    Alike,
    /// Rows that the server no longer shows and has yet to tidy away, and its own log: both are its
    /// keeper's.
    Server,
    /// The write-ahead log: another program is reading it, and it is emptied when that has ended.
    Log,
}

impl Ledger {
    /// Erases everything readable about a customer; they are still recognised, and their codes
    /// still honoured. What it answers is committed, and looked for in the files. For a customer
    /// who was erased before there is nothing to look for any more: the file is written anew.
    pub fn erase_customer(
        &mut self,
        id: &str,
        act: &Act,
    ) -> Result<Result<Erasure, Refusal>, LedgerError> {
        erase(self, id, act)
    }
}

/// The numbers of what is to be erased, and how far it was looked for.
#[derive(Default)]
struct Traces {
    was_erased: bool,
    sides: Vec<i64>,
    attempts: Vec<i64>,
    /// Bytes that must not be found in the files afterwards.
    needles: Vec<Vec<u8>>,
    after_entry: i64,
    after_attempt: i64,
}

impl Traces {
    fn take_entries(&mut self, entries: Vec<EntryAbout>) {
        for entry in entries {
            // The salt before it makes every text the only one of its kind.
            if let Some(stored) = entry.stored {
                self.sides.push(entry.number);
                self.needles.push(stored);
            }
        }
    }

    fn take_attempts(&mut self, attempts: Vec<AttemptAbout>) {
        self.attempts
            .extend(attempts.into_iter().map(|attempt| attempt.number));
    }

    /// Goes on to the end of entries and attempts, within one view.
    fn finish(&mut self, tx: &Tx<'_>, person: &Person) -> Result<(), Cause> {
        loop {
            let (about, last) = entries_about(tx, person, self.after_entry)?;
            self.take_entries(about);
            match last {
                Some(last) => self.after_entry = last,
                None => break,
            }
        }
        loop {
            let (about, last) = attempts_about(tx, person, self.after_attempt)?;
            self.take_attempts(about);
            match last {
                Some(last) => self.after_attempt = last,
                None => return Ok(()),
            }
        }
    }
}

fn erase(
    ledger: &mut Ledger,
    id: &str,
    act: &Act,
) -> Result<Result<Erasure, Refusal>, LedgerError> {
    let (op, thing) = ("erase", "a customer");
    let Some(mut traces) = looked_for(ledger, id).naming(op, thing)? else {
        return Ok(Err(Refusal::NoSuchCustomer(for_display(id))));
    };
    let erased =
        ledger.write_zeroing(op, thing, |writing| forget(writing, id, &mut traces, act))?;
    let mut erasure = match erased {
        Ok(erasure) => erasure,
        Err(refusal) => return Ok(Err(refusal)),
    };
    erasure.left = scrub(ledger, &traces).naming("erase from the file", thing)?;
    Ok(Ok(erasure))
}

/// Looks for a person's traces, in pages and without the write lock.
fn looked_for(ledger: &mut Ledger, id: &str) -> Result<Option<Traces>, Cause> {
    let region = ledger.phone_region;
    let Some(person) = ledger.engine.read(|tx| Person::find(tx, id, region))? else {
        return Ok(None);
    };
    let mut traces = Traces::default();
    loop {
        let from = traces.after_entry;
        let (about, last) = ledger.engine.read(|tx| entries_about(tx, &person, from))?;
        traces.take_entries(about);
        match last {
            Some(last) => traces.after_entry = last,
            None => break,
        }
    }
    loop {
        let from = traces.after_attempt;
        let (about, last) = ledger.engine.read(|tx| attempts_about(tx, &person, from))?;
        traces.take_attempts(about);
        match last {
            Some(last) => traces.after_attempt = last,
            None => return Ok(Some(traces)),
        }
    }
}

fn forget(
    writing: &mut Writing<'_, '_>,
    id: &str,
    traces: &mut Traces,
    act: &Act,
) -> Result<Result<Erasure, Refusal>, Cause> {
    let tx = writing.tx;
    let Some(person) = Person::find(tx, id, writing.phone_region)? else {
        return Ok(Err(Refusal::NoSuchCustomer(for_display(id))));
    };
    hold(tx, &[person.customer])?;
    is_whole(tx, traces, &person)?;
    // What came since it was looked for.
    traces.finish(tx, &person)?;
    traces.needles.extend(needles_of(tx, &person)?);
    traces.was_erased = is_erased(tx, person.customer)?;
    recognise_everywhere(tx, person.customer)?;
    let (mut contacts, mut entries, mut attempts, mut slips) = (0, 0, 0, 0);
    for number in &person.numbers {
        contacts += tx.execute(
            "DELETE FROM contact WHERE customer = $1",
            &[(*number).into()],
        )?;
        tx.execute(
            "UPDATE customer SET name = NULL, name_form = NULL, consented_at_ms = NULL, \
             erased_at_ms = $1 WHERE id = $2",
            &[act.now.as_millisecond().into(), (*number).into()],
        )?;
    }
    for entry in &traces.sides {
        entries += tx.execute("DELETE FROM side WHERE entry = $1", &[(*entry).into()])?;
    }
    for attempt in &traces.attempts {
        attempts += tx.execute(
            "UPDATE attempt SET trigger_text = NULL, key = NULL, raw = NULL, reason = NULL, \
             notes = NULL WHERE id = $1",
            &[(*attempt).into()],
        )?;
    }
    for number in &person.numbers {
        touch(tx, FeedKind::Customer, *number, EVERYBODY)?;
    }
    for code in &person.codes {
        // What was said of it, why it is void, goes with its next telling.
        touch(tx, FeedKind::Code, *code, EVERYBODY)?;
        slips += tx.execute(
            "UPDATE slip SET words = NULL WHERE code = $1 AND words IS NOT NULL",
            &[(*code).into()],
        )?;
    }
    writing.append(
        Fact::CustomerErased,
        &Setting {
            customer: person.ids.first().map(String::as_str),
            ..setting_of(act)
        },
    )?;
    Ok(Ok(Erasure {
        customer: described(writing.tx, person.customer)?,
        contacts: contacts as u64,
        entries: entries as u64,
        attempts: attempts as u64,
        slips: slips as u64,
        left: Left::Nothing,
    }))
}

/// Somebody who was joined to them since has traces that were not looked for.
fn is_whole(tx: &Tx<'_>, traces: &Traces, person: &Person) -> Result<(), Cause> {
    let mut is_other = false;
    tx.each(
        "SELECT kind, body FROM entry WHERE id > $1",
        &[traces.after_entry.into()],
        |row| {
            let is_about = row.text(0)?.starts_with("customer") && {
                let body = row.text(1)?;
                person.ids.iter().any(|id| body.contains(id.as_str()))
            };
            is_other |= is_about;
            Ok(())
        },
    )?;
    if is_other {
        return Err(Cause::Changed("this customer was just changed".into()));
    }
    Ok(())
}

/// Shorter texts stand everywhere by chance.
const NEEDLE_BYTES_MIN: usize = 8;

/// What identifies the person, and nobody else, byte by byte.
fn needles_of(tx: &Tx<'_>, person: &Person) -> Result<Vec<Vec<u8>>, Cause> {
    let mut needles = Vec::new();
    for (kind, form) in &person.contacts {
        let owners = known_by(tx, *kind, form)?;
        let is_long = form.len() >= NEEDLE_BYTES_MIN || *kind == ContactKind::Email;
        if is_long && owners.iter().all(|owner| *owner == person.customer) {
            needles.push(form.as_bytes().to_vec());
        }
    }
    let names = tx.one(
        "SELECT name, name_form FROM customer WHERE id = $1",
        &[person.customer.into()],
        |row| Ok((row.maybe_text(0)?, row.maybe_text(1)?)),
    )?;
    let Some((Some(name), Some(form))) = names else {
        return Ok(needles);
    };
    let others = tx.one(
        "SELECT count(*) FROM customer WHERE name_form = $1 AND id <> $2",
        &[(&form).into(), person.customer.into()],
        |row| row.int(0),
    )?;
    if form.len() >= NEEDLE_BYTES_MIN && others == Some(0) {
        needles.push(name.into_bytes());
        needles.push(form.into_bytes());
    }
    Ok(needles)
}

/// Empties the log, reads the file, and writes it anew where it still holds something.
fn scrub(ledger: &mut Ledger, traces: &Traces) -> Result<Left, Cause> {
    if matches!(ledger.engine, Engine::Postgres(_)) {
        return Ok(Left::Server);
    }
    if !ledger.engine.file("a log")?.empty_log()? {
        return Ok(Left::Log);
    }
    let path = ledger.files.ledger();
    let needles = &traces.needles;
    if !traces.was_erased && !holds_any(&path, needles)? {
        return Ok(Left::Nothing);
    }
    ledger.engine.file("a file")?.write_anew()?;
    if !ledger.engine.file("a log")?.empty_log()? {
        return Ok(Left::Log);
    }
    Ok(if holds_any(&path, needles)? {
        Left::Alike
    } else {
        Left::Nothing
    })
}

/// So much of the file is looked through at a time.
const BLOCK_BYTES: usize = 1 << 20;

/// Whether a file holds one of these texts somewhere.
fn holds_any(path: &Path, needles: &[Vec<u8>]) -> io::Result<bool> {
    let mut begins = [false; 256];
    for needle in needles {
        if let Some(begin) = needle
            .first()
            .and_then(|first| begins.get_mut(usize::from(*first)))
        {
            *begin = true;
        }
    }
    let longest = needles.iter().map(Vec::len).max().unwrap_or(0);
    let mut file = File::open(path)?;
    let mut held = Vec::new();
    loop {
        let before = held.len();
        let read = file
            .by_ref()
            .take(BLOCK_BYTES as u64)
            .read_to_end(&mut held)?;
        for (place, byte) in held.iter().enumerate() {
            let may_begin = begins.get(usize::from(*byte)).copied().unwrap_or(false);
            if may_begin && needles.iter().any(|needle| stands_at(&held, place, needle)) {
                return Ok(true);
            }
        }
        if read == 0 {
            return Ok(false);
        }
        // What may be the beginning of a text that goes on in the next block.
        let kept = longest.min(before + read);
        held.drain(..before + read - kept);
    }
}

/// Whether a text stands at a place; a number only where it is no part of a longer one.
fn stands_at(held: &[u8], place: usize, needle: &[u8]) -> bool {
    let Some(after) = held.get(place..).and_then(|rest| rest.strip_prefix(needle)) else {
        return false;
    };
    let is_digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
    let before = place.checked_sub(1).and_then(|before| held.get(before));
    !needle.iter().all(u8::is_ascii_digit) || !(is_digit(before) || is_digit(after.first()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(folder: &Path) -> Ledger {
        let setup = crate::ledger::Setup {
            store: "Corner".into(),
            timezone: "Europe/London".into(),
            node: "BCDFGHJKLN".into(),
            mode: 0o600,
        };
        let act = Act {
            now: crate::ledger::built_at(),
            counter: "till".into(),
            operator: None,
            salt: [7; 16],
        };
        Ledger::create(folder, &setup, &act).unwrap()
    }

    fn traces(text: &str) -> Traces {
        Traces {
            needles: vec![text.as_bytes().to_vec()],
            ..Traces::default()
        }
    }

    /// What is kept of somebody, and deleted as SQLite deletes.
    fn leave_behind(ledger: &mut Ledger, form: &str) {
        ledger
            .write("keep", "a contact", |writing| {
                let insert = "INSERT INTO contact (customer, kind, normal_form) VALUES (1, 0, $1)";
                writing.tx.execute(insert, &[form.into()])
            })
            .unwrap();
        ledger
            .write("delete", "a contact", |writing| {
                writing.tx.execute("DELETE FROM contact", &[])
            })
            .unwrap();
    }

    #[test]
    fn what_was_left_behind_is_found_and_the_file_written_anew() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = ledger(folder.path());
        leave_behind(&mut ledger, "vera@example.org");
        let vera = traces("vera@example.org");
        assert!(ledger.engine.file("a log").unwrap().empty_log().unwrap());
        let path = ledger.files.ledger();
        assert!(holds_any(&path, &vera.needles).unwrap(), "SQLite leaves it");
        assert_eq!(scrub(&mut ledger, &vera).unwrap(), Left::Nothing);
        assert!(!holds_any(&path, &vera.needles).unwrap());
        // For whom nothing is known any more, the file is written anew unasked.
        leave_behind(&mut ledger, "vera@example.org");
        let again = Traces {
            was_erased: true,
            ..Traces::default()
        };
        assert_eq!(scrub(&mut ledger, &again).unwrap(), Left::Nothing);
        assert!(!holds_any(&path, &vera.needles).unwrap());
        assert_eq!(
            std::fs::metadata(path.with_extension("db-wal"))
                .unwrap()
                .len(),
            0
        );
        // What stands in an entry stays, and is told.
        assert_eq!(
            scrub(&mut ledger, &traces("BCDFGHJKLN")).unwrap(),
            Left::Alike
        );
    }

    #[test]
    fn a_log_that_somebody_reads_is_told_of() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = ledger(folder.path());
        let other = rusqlite::Connection::open(ledger.files.ledger()).unwrap();
        other
            .execute_batch("BEGIN; SELECT * FROM contact;")
            .unwrap();
        leave_behind(&mut ledger, "vera@example.org");
        let vera = traces("vera@example.org");
        assert_eq!(scrub(&mut ledger, &vera).unwrap(), Left::Log);
        other.execute_batch("COMMIT").unwrap();
        assert_eq!(scrub(&mut ledger, &vera).unwrap(), Left::Nothing);
    }

    #[test]
    fn a_number_is_not_found_within_a_longer_one() {
        assert!(stands_at(b"a12345678b", 1, b"12345678"));
        assert!(!stands_at(b"112345678b", 1, b"12345678"));
        assert!(!stands_at(b"a123456781", 1, b"12345678"));
        assert!(stands_at(b"1ana@example.org", 1, b"ana@example.org"));
    }

    #[test]
    fn a_text_is_found_also_across_two_blocks() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let needles = [b"ana@example.org".to_vec(), b"+442079460958".to_vec()];
        for place in [
            0,
            17,
            BLOCK_BYTES - 16,
            BLOCK_BYTES - 3,
            2 * BLOCK_BYTES + 1,
        ] {
            let mut bytes = vec![b'a'; 3 * BLOCK_BYTES];
            std::fs::write(&path, &bytes).unwrap();
            assert!(!holds_any(&path, &needles).unwrap());
            bytes.splice(place..place + 15, needles[0].iter().copied());
            std::fs::write(&path, &bytes).unwrap();
            assert!(holds_any(&path, &needles).unwrap(), "{place}");
        }
        assert!(!holds_any(&path, &[]).unwrap());
    }
}
