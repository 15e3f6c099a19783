//! What use cases that are committed at once know together, so that a claim or a redemption asks the
//! server nothing by itself: what was looked up for all of them beforehand, by one query a table.
//!
//! Nothing is decided by it that a write does not check again: who is not known has a unique slot, a
//! code is changed only as it was looked at, and rules are those that the tally is counted under.
//! Whatever one of them writes is forgotten here, and looked up anew by the next that asks.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::domain::campaign::ContactKind;
use crate::domain::contact::{PhoneRegion, normal_form};
use crate::domain::ids::{CampaignId, Key};
use crate::domain::reading::read as read_scan;
use crate::ledger::assign::identifying;
use crate::ledger::codes::CODE_COLUMNS;
use crate::ledger::customers::{Recognition, kind_number};
use crate::ledger::engine::{Row, Tx, Value};
use crate::ledger::error::Cause;
use crate::ledger::link::{LINK, RIGHTS};
use crate::ledger::pipeline::Ahead;
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
const NUMBERS_AT_ONCE: usize = 32;

/// Questions of one group that the next one begins with, at most.
const ASKED_AGAIN_MAX: usize = 16;

/// Codes of a range that are looked at in one go.
const CODES_AT_ONCE: i64 = 32;

/// This process's range of a pool that has codes left, held to the end of the transaction, with so many
/// of its next codes.
fn range() -> String {
    format!(
        "SELECT {CODE_COLUMNS}, r.id, r.next_ordinal, r.end_ordinal, r.code_grant FROM claim_range r \
         LEFT JOIN (pool_slot p JOIN code c ON c.id = p.code) ON p.campaign = r.campaign \
         AND p.ordinal >= r.next_ordinal AND p.ordinal < r.next_ordinal + $1 \
         AND p.ordinal < r.end_ordinal \
         WHERE r.id = (SELECT id FROM claim_range WHERE campaign = $2 AND writer = $3 \
         AND next_ordinal < end_ordinal ORDER BY id LIMIT 1) \
         AND r.writer = $3 AND r.next_ordinal < r.end_ordinal"
    )
}

/// Codes by their foldings, with their customers' ids.
fn sought_codes() -> String {
    format!(
        "SELECT {CODE_COLUMNS}, u.public_id FROM v JOIN code c ON c.folded = v.c1 \
         JOIN batch b ON b.id = c.batch LEFT JOIN customer u ON u.id = c.customer \
         WHERE b.is_published = 1"
    )
}

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

/// Such questions, of a table each.
pub(crate) type AskedOf = Vec<(&'static str, Asked)>;

/// The answer to one.
struct Settled {
    rows: Vec<postgres::Row>,
    /// Somebody wanted it.
    is_used: bool,
}

/// What they know together.
#[derive(Default)]
pub(crate) struct Group {
    settled: RefCell<BTreeMap<&'static str, BTreeMap<Asked, Settled>>>,
    absent: RefCell<BTreeMap<(&'static str, Owned), BTreeSet<Owned>>>,
    codes: RefCell<BTreeMap<String, postgres::Row>>,
    public_ids: RefCell<BTreeMap<i64, String>>,
    numbers: RefCell<BTreeMap<&'static str, VecDeque<i64>>>,
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
        if let Some(known) = self
            .settled
            .borrow_mut()
            .get_mut(table)
            .and_then(|asked_of| asked_of.get_mut(&asked))
        {
            known.is_used = true;
            return Ok(known.rows.clone());
        }
        let rows = ask()?;
        self.keep_settled(table, asked, &rows, true);
        Ok(rows)
    }

    fn keep_settled(
        &self,
        table: &'static str,
        asked: Asked,
        rows: &[postgres::Row],
        is_used: bool,
    ) {
        let mut settled = self.settled.borrow_mut();
        let rows = rows.to_vec();
        settled
            .entry(table)
            .or_default()
            .insert(asked, Settled { rows, is_used });
    }

    fn is_settled(&self, table: &'static str, asked: &Asked) -> bool {
        let settled = self.settled.borrow();
        settled
            .get(table)
            .is_some_and(|asked_of| asked_of.contains_key(asked))
    }

    /// What was wanted of what stays the same: the next group will want most of it too.
    pub(crate) fn wanted_of_settled(&self) -> AskedOf {
        let settled = self.settled.borrow();
        let used = settled.iter().flat_map(|(table, asked_of)| {
            let used = asked_of.iter().filter(|(_, known)| known.is_used);
            used.map(|(asked, _)| (*table, asked.clone()))
        });
        used.take(ASKED_AGAIN_MAX).collect()
    }

    /// Asks what the group before this one wanted, with the beginning of the transaction.
    pub(crate) fn ask_again(
        &self,
        open: &postgres::Open<'_>,
        wanted: &AskedOf,
    ) -> Result<(), Cause> {
        let questions: Vec<Ahead<'_>> = wanted
            .iter()
            .map(|(_, (sql, values))| Ahead::new(sql.as_str(), values))
            .collect();
        for ((table, asked), rows) in wanted.iter().zip(open.query_all(&questions)?) {
            self.keep_settled(table, asked.clone(), &rows, false);
        }
        Ok(())
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
        open: &postgres::Open<'_>,
    ) -> Result<i64, Cause> {
        let next = |group: &Group| {
            let mut numbers = group.numbers.borrow_mut();
            numbers.get_mut(table).and_then(VecDeque::pop_front)
        };
        if let Some(number) = next(self) {
            return Ok(number);
        }
        let wanted = wanted(NUMBERS_AT_ONCE);
        for rows in open.query_all(&[Ahead::numbers(table, &wanted)])? {
            self.keep_numbers(table, &rows)?;
        }
        next(self).ok_or_else(|| Cause::Damaged(format!("no number for a row of {table}")))
    }

    fn keep_numbers(&self, table: &'static str, rows: &[postgres::Row]) -> Result<(), Cause> {
        let mut numbers = self.numbers.borrow_mut();
        let kept = numbers.entry(table).or_default();
        for row in rows {
            kept.extend(postgres::int(row, 0)?);
        }
        Ok(())
    }

    /// Holds this process's range of a pool to the end of the transaction, where it has one, and looks
    /// at the next of its codes.
    pub(crate) fn take_range_of(
        &self,
        open: &postgres::Open<'_>,
        campaign: i64,
        writer: i64,
    ) -> Result<(), Cause> {
        let of = [CODES_AT_ONCE, campaign, writer].map(Owned::Int);
        let found = open.query_all(&[Ahead::new(range(), &of).locking_of("r")])?;
        found
            .into_iter()
            .try_for_each(|rows| self.keep_range(campaign, rows))
    }

    /// Keeps a pool's range that was found, and the codes that were looked at with it.
    fn keep_range(&self, campaign: i64, found: Vec<postgres::Row>) -> Result<(), Cause> {
        let mut places = self.places.borrow_mut();
        for row in found {
            let range = {
                let row = Row::Postgres(&row);
                Range {
                    id: row.int(13)?,
                    next_ordinal: row.int(14)?,
                    end_ordinal: row.int(15)?,
                    code_grant: row.int(16)?,
                    stored_ordinal: row.int(14)?,
                }
            };
            self.ranges.borrow_mut().insert(campaign, range);
            if let Some(ordinal) = postgres::int(&row, 4)? {
                places.insert((campaign, ordinal), row);
            }
        }
        Ok(())
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

    /// The code at a place of a pool, where it was looked at beforehand.
    pub(crate) fn code_at(&self, campaign: i64, ordinal: i64) -> Option<postgres::Row> {
        self.places.borrow_mut().remove(&(campaign, ordinal))
    }

    /// Looks up what a group is about to ask: what depends on nothing is asked at once.
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
        let pools: Vec<(i64, i64)> = sought.pools.into_iter().collect();
        let acts = wanted(expected.len());
        let customers = wanted(sought.keys.len());
        let tables = [
            ("act_key", "caller", "key", sought.keys),
            ("contact_hash", "campaign", "hash", sought.hashes),
            ("contact", "kind", "normal_form", sought.contacts),
        ];
        let of_link = self.unknown_of_link();
        let mut questions: Vec<Ahead<'_>> = of_link
            .iter()
            .map(|(sql, values)| Ahead::new(sql.as_str(), values))
            .collect();
        if !acts.is_empty() {
            questions.push(Ahead::numbers("entry", &acts));
        }
        if !pools.is_empty() {
            questions.push(Ahead::numbers("customer", &customers));
        }
        for (table, part, column, rows) in &tables {
            let sql = format!(
                "SELECT t.{part}, t.{column} FROM v \
                 JOIN {table} t ON t.{part} = v.c1 AND t.{column} = v.c2"
            );
            questions.extend((!rows.is_empty()).then(|| Ahead::of_rows(&sql, rows)));
        }
        let has_codes = !sought.codes.is_empty();
        questions.extend(has_codes.then(|| Ahead::of_rows(&sought_codes(), &sought.codes)));
        let ranges: Vec<[Owned; 3]> = pools
            .iter()
            .map(|(campaign, wanted)| [*wanted, *campaign, open.writer].map(Owned::Int))
            .collect();
        let range = range();
        questions.extend(
            ranges
                .iter()
                .map(|of| Ahead::new(range.as_str(), of).locking_of("r")),
        );

        let mut answers = open.query_all(&questions)?.into_iter();
        let mut next = || answers.next().unwrap_or_default();
        for asked in &of_link {
            self.keep_settled("hub_link", asked.clone(), &next(), false);
        }
        if !acts.is_empty() {
            self.keep_numbers("entry", &next())?;
        }
        if !pools.is_empty() {
            self.keep_numbers("customer", &next())?;
        }
        for (table, _, _, rows) in tables {
            if !rows.is_empty() {
                self.keep_absent(table, rows, &next())?;
            }
        }
        let found = if has_codes { next() } else { Vec::new() };
        let campaigns = self.keep_codes(found)?;
        for ((campaign, _), rows) in pools.into_iter().zip(answers) {
            self.keep_range(campaign, rows)?;
        }
        for campaign in campaigns {
            campaigns::load(tx, campaign)?;
        }
        Ok(())
    }

    /// What is to be asked about the hub's own link, which no group before this one wanted.
    fn unknown_of_link(&self) -> Vec<Asked> {
        [LINK, RIGHTS]
            .map(|sql| (sql.to_owned(), Vec::new()))
            .into_iter()
            .filter(|asked| !self.is_settled("hub_link", asked))
            .collect()
    }

    /// Keeps what is not among the rows that were found of those that were sought.
    fn keep_absent(
        &self,
        table: &'static str,
        sought: Vec<Vec<Owned>>,
        found: &[postgres::Row],
    ) -> Result<(), Cause> {
        let found: BTreeSet<(Owned, Owned)> = found.iter().map(pair).collect::<Result<_, _>>()?;
        let mut absent = self.absent.borrow_mut();
        for row in sought {
            if let Ok([part, column]) = <[Owned; 2]>::try_from(row)
                && !found.contains(&(part.clone(), column.clone()))
            {
                absent.entry((table, column)).or_default().insert(part);
            }
        }
        Ok(())
    }

    /// Keeps codes that are about to be redeemed, with their customers' ids; of which campaigns.
    fn keep_codes(&self, found: Vec<postgres::Row>) -> Result<BTreeSet<i64>, Cause> {
        let mut campaigns = BTreeSet::new();
        let (mut codes, mut ids) = (self.codes.borrow_mut(), self.public_ids.borrow_mut());
        for row in found {
            if let (Some(customer), Some(id)) = (postgres::int(&row, 8)?, postgres::text(&row, 13)?)
            {
                ids.insert(customer, id);
            }
            campaigns.extend(postgres::int(&row, 3)?);
            if let Some(folded) = postgres::text(&row, 1)? {
                codes.insert(folded, row);
            }
        }
        Ok(campaigns)
    }
}

/// As many rows as numbers are wanted.
fn wanted(count: usize) -> Vec<Vec<Owned>> {
    vec![vec![Owned::Null]; count]
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
    /// How many codes are claimed of each campaign.
    pools: BTreeMap<i64, i64>,
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
                *self.pools.entry(local).or_default() += 1;
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
