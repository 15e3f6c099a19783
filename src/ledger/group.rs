//! What use cases that are committed at once know together, so that a claim or a redemption asks the
//! server nothing by itself: what was looked up for all of them beforehand, by one query a table.
//!
//! Nothing is decided by it that a write does not check again: who is not known has a unique slot, a
//! code is changed only as it was looked at, and rules are those that the tally is counted under.
//! Whatever one of them writes is forgotten here, and looked up anew by the next that asks.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::domain::campaign::ContactKind;
use crate::domain::contact::{PhoneRegion, normal_form};
use crate::domain::ids::{CampaignId, Key};
use crate::domain::reading::read as read_scan;
use crate::ledger::assign::identifying;
use crate::ledger::codes::{CODE_COLUMNS, CodeRow, code_row};
use crate::ledger::customers::{Recognition, kind_number};
use crate::ledger::engine::{Row, Tx, Value};
use crate::ledger::error::Cause;
use crate::ledger::waiting::Owned;
use crate::ledger::{campaigns, postgres};

/// What is about to be asked.
#[derive(Debug, Clone)]
pub enum Expected<'a> {
    /// Nothing that is known beforehand.
    Anything,
    /// A claim.
    Claim {
        /// Whose key it is.
        caller: String,
        /// The key that the act will be bound to.
        key: &'a Key,
        /// Of which campaign.
        campaign: &'a CampaignId,
        /// How the customer is known, as typed.
        contacts: &'a [(ContactKind, String)],
    },
    /// A redemption.
    Redemption {
        /// Whose key it is.
        caller: String,
        /// The key that the act will be bound to.
        key: &'a Key,
        /// What was scanned.
        raw: &'a [u8],
        /// Hosts of links that hold a code.
        allowed_hosts: &'a [String],
    },
}

/// What was looked for, and is nowhere.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Absent<'a> {
    /// A caller's key.
    Key(&'a str, &'a str),
    /// A campaign's hash of a contact, also one that an unpublished import brings.
    Hash(i64, &'a [u8]),
    /// A contact of anybody.
    Contact(ContactKind, &'a str),
}

impl Absent<'_> {
    /// The table, what is written to it, and in which part of it.
    fn place(self) -> (&'static str, Owned, Owned) {
        match self {
            Absent::Key(caller, key) => (
                "act_key",
                Owned::Text(key.to_owned()),
                Owned::Text(caller.to_owned()),
            ),
            Absent::Hash(campaign, hash) => (
                "contact_hash",
                Owned::Blob(hash.to_owned()),
                Owned::Int(campaign),
            ),
            Absent::Contact(kind, form) => (
                "contact",
                Owned::Text(form.to_owned()),
                Owned::Int(kind_number(kind)),
            ),
        }
    }
}

/// Numbers that are taken from the server in one go.
const NUMBERS_AT_ONCE: i64 = 32;

/// Codes of a range that are looked at in one go.
const CODES_AT_ONCE: i64 = 32;

/// The part of a range of a pool that is given away here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Range {
    pub(crate) id: i64,
    pub(crate) next_ordinal: i64,
    pub(crate) end_ordinal: i64,
    pub(crate) code_grant: i64,
    /// Where the cursor stands in the ledger.
    pub(crate) stored_ordinal: i64,
}

/// A question of which the answer stays the same while a group is answered.
type Asked = (String, Vec<Owned>);

/// What they know together.
#[derive(Default)]
pub(crate) struct Group {
    settled: RefCell<BTreeMap<&'static str, BTreeMap<Asked, Vec<postgres::Row>>>>,
    absent: RefCell<BTreeMap<(&'static str, Owned), BTreeSet<Owned>>>,
    codes: RefCell<BTreeMap<String, postgres::Row>>,
    public_ids: RefCell<BTreeMap<i64, String>>,
    numbers: RefCell<BTreeMap<&'static str, std::vec::IntoIter<i64>>>,
    ranges: RefCell<BTreeMap<i64, Range>>,
    places: RefCell<BTreeMap<(i64, i64), postgres::Row>>,
}

impl Group {
    /// The rows that a question was answered with before.
    pub(crate) fn settled(
        &self,
        table: &'static str,
        sql: &str,
        values: &[Value<'_>],
        ask: impl FnOnce() -> Result<Vec<postgres::Row>, Cause>,
    ) -> Result<Vec<postgres::Row>, Cause> {
        let asked = (sql.to_owned(), values.iter().map(Owned::of).collect());
        if let Some(rows) = self
            .settled
            .borrow()
            .get(table)
            .and_then(|asked_of| asked_of.get(&asked))
        {
            return Ok(rows.clone());
        }
        let rows = ask()?;
        self.settled
            .borrow_mut()
            .entry(table)
            .or_default()
            .insert(asked, rows.clone());
        Ok(rows)
    }

    /// Whether it was looked for beforehand, and was nowhere, and was not written since.
    pub(crate) fn is_absent(&self, what: Absent<'_>) -> bool {
        let (table, what, part) = what.place();
        self.absent
            .borrow()
            .get(&(table, what))
            .is_some_and(|parts| parts.contains(&part))
    }

    /// Something is written: what is known of it is forgotten.
    pub(crate) fn forget(&self, sql: &str, values: &[Value<'_>]) {
        let Some(table) = table_of(sql) else {
            return;
        };
        self.settled.borrow_mut().remove(table);
        match table {
            "act_key" | "contact" | "contact_hash" => {
                let name = match table {
                    "act_key" => "act_key",
                    "contact" => "contact",
                    _ => "contact_hash",
                };
                let mut absent = self.absent.borrow_mut();
                for value in values {
                    if matches!(value, Value::Text(_) | Value::Blob(_)) {
                        absent.remove(&(name, Owned::of(value)));
                    }
                }
            }
            "code" => {
                let is_meant = |row: &postgres::Row| {
                    let id = postgres::int(row, 0).ok().flatten();
                    let is_it =
                        |value: &Value<'_>| matches!(value, Value::Int(of) if Some(*of) == id);
                    values.iter().any(is_it)
                };
                self.codes.borrow_mut().retain(|_, row| !is_meant(row));
                self.places.borrow_mut().retain(|_, row| !is_meant(row));
            }
            _ => {}
        }
    }

    /// The code of a folding, as it was looked up beforehand: once, for whoever asks again may
    /// have changed it.
    pub(crate) fn code(&self, folded: &str) -> Option<postgres::Row> {
        self.codes.borrow_mut().remove(folded)
    }

    /// The id of a customer whose code was looked up beforehand; it is theirs for ever.
    pub(crate) fn public_id(&self, customer: i64) -> Option<String> {
        self.public_ids.borrow().get(&customer).cloned()
    }

    /// A number for a new row of a table.
    pub(crate) fn number(
        &self,
        table: &'static str,
        take: impl FnOnce(i64) -> Result<Vec<i64>, Cause>,
    ) -> Result<i64, Cause> {
        let known = self
            .numbers
            .borrow_mut()
            .get_mut(table)
            .and_then(Iterator::next);
        if let Some(number) = known {
            return Ok(number);
        }
        let mut taken = take(NUMBERS_AT_ONCE)?.into_iter();
        let first = taken.next();
        self.numbers.borrow_mut().insert(table, taken);
        first.ok_or_else(|| Cause::Damaged(format!("no number for a row of {table}")))
    }

    /// The next place of the range of a pool that is given away here, and the grant of its code.
    pub(crate) fn next_place(&self, campaign: i64) -> Option<(i64, i64)> {
        let mut ranges = self.ranges.borrow_mut();
        let range = ranges.get_mut(&campaign)?;
        let ordinal = range.next_ordinal;
        (ordinal < range.end_ordinal).then(|| {
            range.next_ordinal += 1;
            (ordinal, range.code_grant)
        })
    }

    pub(crate) fn keep_range(&self, campaign: i64, range: Range) {
        self.ranges.borrow_mut().insert(campaign, range);
    }

    pub(crate) fn take_range(&self, campaign: i64) -> Option<Range> {
        self.ranges.borrow_mut().remove(&campaign)
    }

    /// All ranges, as they stand: to be stored, or to be gone back to.
    pub(crate) fn ranges(&self) -> BTreeMap<i64, Range> {
        self.ranges.borrow().clone()
    }

    /// A use case failed: what it moved stands where it stood.
    pub(crate) fn go_back(&self, ranges: BTreeMap<i64, Range>) {
        self.settled.borrow_mut().clear();
        self.codes.borrow_mut().clear();
        self.places.borrow_mut().clear();
        *self.ranges.borrow_mut() = ranges;
    }

    /// The code at a place of a pool; those that come after it are looked up with it.
    pub(crate) fn code_at(
        &self,
        open: &postgres::Open<'_>,
        campaign: i64,
        ordinal: i64,
    ) -> Result<Option<CodeRow>, Cause> {
        let known = self.places.borrow_mut().remove(&(campaign, ordinal));
        if let Some(row) = known {
            return code_row(&Row::Postgres(&row)).map(Some);
        }
        let end = self
            .ranges
            .borrow()
            .get(&campaign)
            .map_or(ordinal + 1, |range| range.end_ordinal)
            .min(ordinal + CODES_AT_ONCE);
        let mut found = None;
        for row in open.query(
            &format!(
                "SELECT {CODE_COLUMNS} FROM pool_slot p JOIN code c ON c.id = p.code \
                 WHERE p.campaign = $1 AND p.ordinal >= $2 AND p.ordinal < $3"
            ),
            &[campaign.into(), ordinal.into(), end.into()],
        )? {
            match postgres::int(&row, 4)? {
                Some(of) if of == ordinal => found = Some(code_row(&Row::Postgres(&row))?),
                Some(of) => {
                    self.places.borrow_mut().insert((campaign, of), row);
                }
                None => {}
            }
        }
        Ok(found)
    }

    /// Looks up what a group is about to ask.
    pub(crate) fn look_ahead(
        &self,
        tx: &Tx<'_>,
        open: &postgres::Open<'_>,
        expected: &[Expected<'_>],
        region: Option<PhoneRegion>,
    ) -> Result<(), Cause> {
        let mut sought = Sought::default();
        for one in expected {
            sought.add(tx, one, region)?;
        }
        let mut absent = self.absent.borrow_mut();
        for (table, columns, what) in [
            ("act_key", ["caller", "key"], sought.keys),
            ("contact_hash", ["campaign", "hash"], sought.hashes),
            ("contact", ["kind", "normal_form"], sought.contacts),
        ] {
            if what.is_empty() {
                continue;
            }
            let [part, column] = columns;
            let found: BTreeSet<(Owned, Owned)> = open
                .query_rows(
                    &format!(
                        "SELECT t.{part}, t.{column} FROM v \
                         JOIN {table} t ON t.{part} = v.c1 AND t.{column} = v.c2"
                    ),
                    &what,
                )?
                .iter()
                .map(pair)
                .collect::<Result<_, _>>()?;
            for row in what {
                let Ok([part, column]) = <[Owned; 2]>::try_from(row) else {
                    continue;
                };
                if !found.contains(&(part.clone(), column.clone())) {
                    absent.entry((table, column)).or_default().insert(part);
                }
            }
        }
        if sought.codes.is_empty() {
            return Ok(());
        }
        let (mut codes, mut ids) = (self.codes.borrow_mut(), self.public_ids.borrow_mut());
        for row in open.query_rows(
            &format!(
                "SELECT {CODE_COLUMNS}, u.public_id FROM v JOIN code c ON c.folded = v.c1 \
                 JOIN batch b ON b.id = c.batch LEFT JOIN customer u ON u.id = c.customer \
                 WHERE b.is_published = 1"
            ),
            &sought.codes,
        )? {
            if let (Some(customer), Some(id)) = (postgres::int(&row, 8)?, postgres::text(&row, 13)?)
            {
                ids.insert(customer, id);
            }
            if let Some(folded) = postgres::text(&row, 1)? {
                codes.insert(folded, row);
            }
        }
        Ok(())
    }
}

fn pair(row: &postgres::Row) -> Result<(Owned, Owned), Cause> {
    let cell = |column| -> Result<Owned, Cause> {
        if let Ok(Some(number)) = postgres::int(row, column) {
            return Ok(Owned::Int(number));
        }
        if let Ok(Some(text)) = postgres::text(row, column) {
            return Ok(Owned::Text(text));
        }
        Ok(postgres::blob(row, column)?.map_or(Owned::Null, Owned::Blob))
    };
    Ok((cell(0)?, cell(1)?))
}

/// The table that a statement writes to.
fn table_of(sql: &str) -> Option<&str> {
    let rest = ["INSERT INTO ", "UPDATE ", "DELETE FROM "]
        .iter()
        .find_map(|verb| sql.strip_prefix(verb))?;
    rest.split([' ', '(']).next()
}

/// What is to be looked for, each once.
#[derive(Default)]
struct Sought {
    keys: Vec<Vec<Owned>>,
    hashes: Vec<Vec<Owned>>,
    contacts: Vec<Vec<Owned>>,
    codes: Vec<Vec<Owned>>,
}

impl Sought {
    fn add(
        &mut self,
        tx: &Tx<'_>,
        one: &Expected<'_>,
        region: Option<PhoneRegion>,
    ) -> Result<(), Cause> {
        match one {
            Expected::Anything => {}
            Expected::Claim {
                caller,
                key,
                campaign,
                contacts,
            } => {
                self.add_key(caller, key);
                let Some((local, campaign)) = campaigns::find(tx, campaign)? else {
                    return Ok(());
                };
                let forms: Vec<(ContactKind, String)> = contacts
                    .iter()
                    .filter_map(|(kind, text)| {
                        Some((*kind, normal_form(*kind, text, region).ok()?))
                    })
                    .collect();
                let recognition = Recognition::of(tx, local, &campaign.rules)?;
                for (kind, form) in identifying(&campaign.rules, &forms) {
                    for hash in recognition.hashes(kind, &form)? {
                        self.hashes
                            .push(vec![Owned::Int(local), Owned::Blob(hash.to_vec())]);
                    }
                    self.contacts
                        .push(vec![Owned::Int(kind_number(kind)), Owned::Text(form)]);
                }
            }
            Expected::Redemption {
                caller,
                key,
                raw,
                allowed_hosts,
            } => {
                self.add_key(caller, key);
                if let Some(folded) = read_scan(raw, allowed_hosts, &[]).candidates.first() {
                    self.codes
                        .push(vec![Owned::Text(folded.as_str().to_owned())]);
                }
            }
        }
        Ok(())
    }

    fn add_key(&mut self, caller: &str, key: &Key) {
        self.keys.push(vec![
            Owned::Text(caller.to_owned()),
            Owned::Text(key.to_string()),
        ]);
    }
}
