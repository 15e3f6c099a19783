//! What the ledger holds about one person beside their customer: entries, attempts and slips. Found
//! by reading everything in pages, so that no view is held for long; to be exported, or erased.

use std::collections::BTreeSet;

use crate::domain::campaign::ContactKind;
use crate::domain::contact::{PhoneRegion, normal_forms};
use crate::domain::entry::{Body, Side};
use crate::domain::escape::unescape;
use crate::domain::ids::EntryId;
use crate::domain::log::{LogFilter, LogLine};
use crate::ledger::chain::{Head, OWN_NODE, side_of};
use crate::ledger::customers::{by_public_id, contacts_of};
use crate::ledger::engine::Tx;
use crate::ledger::error::Cause;
use crate::ledger::log::attempts_after;
use crate::ledger::{campaigns, test_mode};

/// Rows read in one view of the ledger.
const PAGE: i64 = 2_000;

/// A contact shorter than this is not looked for within other texts: it would be found everywhere.
const MENTION_BYTES_MIN: usize = 6;

/// By what a person is found in entries and attempts.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) customer: i64,
    /// Their own number, and those of the customers who were joined to them.
    pub(crate) numbers: Vec<i64>,
    /// The ids, in the same order.
    pub(crate) ids: Vec<String>,
    /// Their codes, void ones and test codes among them.
    pub(crate) codes: BTreeSet<i64>,
    pub(crate) contacts: Vec<(ContactKind, String)>,
    region: Option<PhoneRegion>,
}

impl Person {
    /// The person of an id.
    pub(crate) fn find(
        tx: &Tx<'_>,
        id: &str,
        region: Option<PhoneRegion>,
    ) -> Result<Option<Person>, Cause> {
        let Some((customer, public_id)) = by_public_id(tx, id)? else {
            return Ok(None);
        };
        let mut person = Person {
            customer,
            numbers: vec![customer],
            ids: vec![public_id],
            codes: BTreeSet::new(),
            contacts: contacts_of(tx, customer)?,
            region,
        };
        // Whoever was joined to somebody who was joined to them is them as well.
        let mut place = 0;
        while let Some(number) = person.numbers.get(place).copied() {
            tx.each(
                "SELECT id, public_id FROM customer WHERE joined_to = $1 ORDER BY id",
                &[number.into()],
                |row| {
                    person.numbers.push(row.int(0)?);
                    person.ids.push(row.text(1)?);
                    Ok(())
                },
            )?;
            place += 1;
        }
        person.codes = tx
            .all(
                "SELECT s.code FROM customer_slot s JOIN code c ON c.id = s.code \
                 JOIN batch b ON b.id = c.batch WHERE s.customer = $1 AND b.is_published = 1",
                &[customer.into()],
                |row| row.int(0),
            )?
            .into_iter()
            .collect();
        for campaign in campaigns::every(tx)? {
            let tests = test_mode::codes_of(tx, campaign, customer)?;
            person.codes.extend(tests);
        }
        Ok(Some(person))
    }

    /// Whether an entry is about them: it names them or a code of theirs, or they are named in its
    /// erasable text.
    fn is_in_entry(&self, code: Option<i64>, body: &str, side: &Side, text: &str) -> bool {
        code.is_some_and(|code| self.codes.contains(&code))
            || self.ids.iter().any(|id| body.contains(id.as_str()))
            || self.is_mentioned(text)
            || self.is_said(side.customer_said.as_deref())
    }

    /// Whether a text holds one of their contacts.
    pub(crate) fn is_mentioned(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        self.contacts
            .iter()
            .any(|(_, form)| form.len() >= MENTION_BYTES_MIN && text.contains(&form.to_lowercase()))
    }

    /// Whether what was said or scanned is one of their contacts, however it was written.
    fn is_said(&self, kept: Option<&str>) -> bool {
        let said = kept
            .and_then(unescape)
            .and_then(|raw| String::from_utf8(raw).ok());
        said.is_some_and(|said| {
            normal_forms(&said, self.region)
                .iter()
                .any(|contact| self.contacts.contains(contact))
        })
    }

    fn is_in_attempt(&self, attempt: &AttemptAbout) -> bool {
        let texts = [&attempt.line.raw, &attempt.line.reason, &attempt.notes];
        attempt
            .customer
            .is_some_and(|customer| self.numbers.contains(&customer))
            || attempt.code.is_some_and(|code| self.codes.contains(&code))
            || texts
                .into_iter()
                .flatten()
                .any(|text| self.is_mentioned(text))
            || self.is_said(attempt.line.raw.as_deref())
    }
}

/// An entry about a person.
pub(crate) struct EntryAbout {
    pub(crate) number: i64,
    pub(crate) at_ms: i64,
    pub(crate) kind: String,
    /// None: it is another store's, and cannot be read here.
    pub(crate) body: Option<Body>,
    pub(crate) id: EntryId,
    /// Where the node that wrote it stands; none: here.
    pub(crate) store: Option<String>,
    pub(crate) side: Side,
    /// The stored bytes of the erasable text, after its salt.
    pub(crate) stored: Option<Vec<u8>>,
}

/// An attempt about a person.
pub(crate) struct AttemptAbout {
    pub(crate) number: i64,
    pub(crate) line: LogLine,
    code: Option<i64>,
    customer: Option<i64>,
    notes: Option<String>,
}

/// A page of entries after a number: those about the person, and the last number looked at; none
/// at the end.
pub(crate) fn entries_about(
    tx: &Tx<'_>,
    person: &Person,
    after: i64,
) -> Result<(Vec<EntryAbout>, Option<i64>), Cause> {
    let mut last = None;
    let mut about = Vec::new();
    tx.each(
        "SELECT e.id, e.code, e.body, e.seq, e.incarnation, s.salt, s.text, e.node, n.name, n.store, \
         e.at_ms, e.kind \
         FROM entry e JOIN node n ON n.id = e.node \
         LEFT JOIN side s ON s.entry = e.id WHERE e.id > $1 ORDER BY e.id LIMIT $2",
        &[after.into(), PAGE.into()],
        |row| {
            last = Some(row.int(0)?);
            let (body, text) = (row.text(2)?, row.maybe_text(6)?);
            let side = side_of(text.as_deref())?;
            let stored = match &text {
                Some(text) => Some([&row.blob(5)?, text.as_bytes()].concat()),
                None => None,
            };
            let text = text.unwrap_or_default();
            if person.is_in_entry(row.maybe_int(1)?, &body, &side, &text) {
                let is_own = row.int(7)? == OWN_NODE;
                about.push(EntryAbout {
                    number: row.int(0)?,
                    at_ms: row.int(10)?,
                    kind: row.text(11)?,
                    body: match serde_json::from_str(&body) {
                        Err(fault) if is_own => return Err(fault.into()),
                        read => read.ok(),
                    },
                    id: EntryId {
                        node: row.text(8)?,
                        incarnation: row.count(4)?,
                        seq: row.int(3)?.unsigned_abs(),
                    },
                    store: row.maybe_text(9)?.filter(|_| !is_own),
                    side,
                    stored,
                });
            }
            Ok(())
        },
    )?;
    Ok((about, last))
}

/// A page of attempts after a number, in the same way.
pub(crate) fn attempts_about(
    tx: &Tx<'_>,
    person: &Person,
    after: i64,
) -> Result<(Vec<AttemptAbout>, Option<i64>), Cause> {
    let mut whose = tx
        .all(
            "SELECT id, code, customer, notes FROM attempt WHERE id > $1 ORDER BY id LIMIT $2",
            &[after.into(), PAGE.into()],
            |row| {
                let (code, customer) = (row.maybe_int(1)?, row.maybe_int(2)?);
                Ok((row.int(0)?, (code, customer, row.maybe_text(3)?)))
            },
        )?
        .into_iter();
    let head = Head::load(tx)?;
    let lines = attempts_after(tx, &head, (after, i64::MAX), PAGE, &LogFilter::default())?;
    let mut last = None;
    let mut about = Vec::new();
    for placed in lines {
        // Both are the same rows in the same view.
        let (Some((number, (code, customer, notes))), Some(line)) = (whose.next(), placed.line)
        else {
            break;
        };
        last = Some(number);
        let attempt = AttemptAbout {
            number,
            line,
            code,
            customer,
            notes,
        };
        if person.is_in_attempt(&attempt) {
            about.push(attempt);
        }
    }
    Ok((about, last))
}
