//! Whose codes a list's rows are: each row's contacts name a customer of the ledger or a new one,
//! and nobody gets more codes than the campaign allows.
//!
//! Rows are settled in the order of the list, in a scratch database without a name beside the
//! ledger, so that memory is bounded; the ledger is only read until the batch is reserved.

use rusqlite::{Connection, OptionalExtension as _};

use crate::domain::campaign::ContactKind;
use crate::domain::code_list::RowFault;
use crate::domain::contact::mailbox;
use crate::ledger::campaigns;
use crate::ledger::customers::{
    Recognition, customers_of, kind_number, kind_of, public_id_of, slots_of, standing, take_slot,
};
use crate::ledger::engine::Tx;
use crate::ledger::error::Cause;
use crate::ledger::pool::pace::Slice;
use crate::ledger::pool::sort::sort_file_path;
use crate::ledger::pool::store::Batch;
use crate::ledger::pool::{Fail, Job};

/// The number of a person in the scratch database.
pub(super) type Person = i64;

/// Beside the kinds of contacts: the mailbox behind an e-mail address.
const MAILBOX: i64 = -1;

/// People are stored in pages of so many.
const PAGE: i64 = 64;

const SCRATCH: &str = "
    PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF;
    PRAGMA locking_mode = EXCLUSIVE;
    PRAGMA cache_size = -16384;
    CREATE TABLE person (id INTEGER PRIMARY KEY, customer INTEGER, codes INTEGER NOT NULL);
    CREATE UNIQUE INDEX person_by_customer ON person (customer) WHERE customer IS NOT NULL;
    CREATE TABLE known (kind INTEGER, form TEXT, person INTEGER, PRIMARY KEY (kind, form))
        WITHOUT ROWID;
    CREATE TABLE contact (person INTEGER, kind INTEGER, form TEXT, identifies INTEGER,
        PRIMARY KEY (person, kind, form)) WITHOUT ROWID;
    BEGIN;
";

/// What the campaign says about customers.
pub(super) struct People {
    scratch: Connection,
    campaign: i64,
    recognition: Recognition,
    per_customer: u32,
    stored_through: Person,
}

impl People {
    pub(super) fn new(
        job: &mut Job<'_, '_>,
        campaign: i64,
        rules: &crate::domain::campaign::Rules,
    ) -> Result<People, Cause> {
        let path = sort_file_path(job.ledger.files.folder());
        let scratch = Connection::open(&path)?;
        scratch.execute_batch(SCRATCH)?;
        // The open descriptor is all that is needed, and nothing is left behind.
        std::fs::remove_file(&path)?;
        let recognition = job.read(|tx| Recognition::of(tx, campaign, rules))?;
        Ok(People {
            scratch,
            campaign,
            recognition,
            per_customer: rules.per_customer,
            stored_through: 0,
        })
    }

    /// Settles whose code the next row is.
    pub(super) fn settle(
        &mut self,
        job: &mut Job<'_, '_>,
        contacts: &[(ContactKind, &str)],
    ) -> Result<Result<Person, RowFault>, Fail> {
        // A row with none of the contacts that the campaign goes by is known by what it has.
        let identifies = |kind: ContactKind| {
            self.recognition.identifies_by(kind)
                || !contacts
                    .iter()
                    .any(|(kind, _)| self.recognition.identifies_by(*kind))
        };
        let naming: Vec<(ContactKind, &str)> = contacts
            .iter()
            .copied()
            .filter(|(kind, _)| identifies(*kind))
            .collect();
        let mut named: Vec<Person> = Vec::new();
        for (kind, form) in &naming {
            for person in self.persons_of(job, *kind, form)? {
                if !named.contains(&person) {
                    named.push(person);
                }
            }
        }
        let person = match named.as_slice() {
            [] => self.add(None, 0)?,
            [person] => *person,
            _ => return Ok(Err(RowFault::TwoCustomers)),
        };
        let is_free = self
            .scratch
            .prepare_cached("UPDATE person SET codes = codes + 1 WHERE id = ?1 AND codes < ?2")?
            .execute((person, self.per_customer))?;
        if is_free == 0 {
            return Ok(Err(RowFault::PerCustomer {
                limit: self.per_customer,
            }));
        }
        for (kind, form) in contacts {
            let is_naming = naming.contains(&(*kind, *form));
            if is_naming {
                self.know(kind_number(*kind), form, person)?;
                if let Some(mailbox) = self.mailbox(*kind, form) {
                    self.know(MAILBOX, &mailbox, person)?;
                }
            }
            self.scratch
                .prepare_cached(
                    "INSERT INTO contact VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
                )?
                .execute((person, kind_number(*kind), form, is_naming))?;
        }
        Ok(Ok(person))
    }

    /// The mailbox behind an address, where the campaign goes by it.
    fn mailbox(&self, kind: ContactKind, form: &str) -> Option<String> {
        (kind == ContactKind::Email && self.recognition.is_by_mailbox()).then(|| mailbox(form))
    }

    fn know(&self, kind: i64, form: &str, person: Person) -> Result<(), Cause> {
        self.scratch
            .prepare_cached("INSERT INTO known VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")?
            .execute((kind, form, person))?;
        Ok(())
    }

    fn known(&self, kind: i64, form: &str) -> Result<Option<Person>, Cause> {
        Ok(self
            .scratch
            .prepare_cached("SELECT person FROM known WHERE kind = ?1 AND form = ?2")?
            .query_row((kind, form), |row| row.get(0))
            .optional()?)
    }

    /// Who is known by a contact: from this list, else from the ledger.
    fn persons_of(
        &self,
        job: &mut Job<'_, '_>,
        kind: ContactKind,
        form: &str,
    ) -> Result<Vec<Person>, Cause> {
        if let Some(person) = self.known(kind_number(kind), form)? {
            return Ok(vec![person]);
        }
        if let Some(mailbox) = self.mailbox(kind, form)
            && let Some(person) = self.known(MAILBOX, &mailbox)?
        {
            return Ok(vec![person]);
        }
        let hashes = self.recognition.hashes(kind, form)?;
        let campaign = self.campaign;
        let customers = job.read(|tx| customers_of(tx, campaign, kind, form, &hashes))?;
        customers
            .into_iter()
            .map(|customer| self.person_of(job, customer))
            .collect()
    }

    fn person_of(&self, job: &mut Job<'_, '_>, customer: i64) -> Result<Person, Cause> {
        let met = self
            .scratch
            .prepare_cached("SELECT id FROM person WHERE customer = ?1")?
            .query_row([customer], |row| row.get(0))
            .optional()?;
        if let Some(person) = met {
            return Ok(person);
        }
        let campaign = self.campaign;
        let slots = job.read(|tx| slots_of(tx, campaign, customer))?;
        let live = slots.iter().filter(|slot| slot.is_live).count();
        self.add(Some(customer), live)
    }

    fn add(&self, customer: Option<i64>, codes: usize) -> Result<Person, Cause> {
        self.scratch
            .prepare_cached("INSERT INTO person (customer, codes) VALUES (?1, ?2)")?
            .execute((customer, i64::try_from(codes).unwrap_or(i64::MAX)))?;
        Ok(self.scratch.last_insert_rowid())
    }

    /// Stores some of the people, as customers of the unpublished batch; whether that was the last.
    pub(super) fn store(
        &mut self,
        tx: &Tx<'_>,
        batch: &Batch,
        slice: &mut Slice,
        random: &mut dyn FnMut(&mut [u8]) -> Result<(), getrandom::Error>,
    ) -> Result<bool, Cause> {
        // Whoever changes how people are recognised waits for this slice, and then sees its people.
        tx.lock_rows(
            "SELECT id FROM campaign WHERE id = $1",
            &[self.campaign.into()],
        )?;
        let rules = campaigns::load(tx, self.campaign)?.rules;
        if rules.provider_aliases != self.recognition.is_by_mailbox() {
            return Err(Cause::Changed("the campaign's rules were changed".into()));
        }
        loop {
            let page = self
                .scratch
                .prepare_cached("SELECT id, customer FROM person WHERE id > ?1 LIMIT ?2")?
                .query_map((self.stored_through, PAGE), |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })?
                .collect::<Result<Vec<(Person, Option<i64>)>, _>>()?;
            if page.is_empty() {
                return Ok(true);
            }
            for (person, customer) in page {
                self.stored_through = person;
                self.store_one(tx, batch, person, customer, random)?;
                // A customer with its contacts and their indexes costs about eight codes.
                if slice.is_over_after(8) {
                    return Ok(false);
                }
            }
        }
    }

    fn store_one(
        &self,
        tx: &Tx<'_>,
        batch: &Batch,
        person: Person,
        known: Option<i64>,
        random: &mut dyn FnMut(&mut [u8]) -> Result<(), getrandom::Error>,
    ) -> Result<(), Cause> {
        let contacts = self
            .scratch
            .prepare_cached("SELECT kind, form, identifies FROM contact WHERE person = ?1")?
            .query_map([person], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
            .collect::<Result<Vec<(i64, String, bool)>, _>>()?;
        // A person without a code is one whose only row was refused.
        if contacts.is_empty() {
            return Ok(());
        }
        let customer = if let Some(customer) = known {
            standing(tx, customer)?
        } else {
            let customer = tx.insert(
                "INSERT INTO customer (public_id, batch) VALUES ($1, $2) RETURNING id",
                &[(&drawn_id(random)?).into(), batch.id.into()],
            )?;
            self.scratch
                .prepare_cached("UPDATE person SET customer = ?1 WHERE id = ?2")?
                .execute((customer, person))?;
            customer
        };
        for (number, form, identifies) in contacts {
            let kind = kind_of(number)
                .ok_or_else(|| Cause::Damaged(format!("a contact of kind {number}")))?;
            if identifies {
                self.store_hash(tx, batch, customer, kind, &form, known.is_none())?;
            }
            tx.execute(
                "INSERT INTO contact (customer, kind, normal_form, batch) \
                 VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
                &[
                    customer.into(),
                    number.into(),
                    (&form).into(),
                    batch.id.into(),
                ],
            )?;
        }
        Ok(())
    }

    fn store_hash(
        &self,
        tx: &Tx<'_>,
        batch: &Batch,
        customer: i64,
        kind: ContactKind,
        form: &str,
        is_new: bool,
    ) -> Result<(), Cause> {
        let hashes = self.recognition.hashes(kind, form)?;
        // The ledger may have met this person since the list was checked.
        let mut others = customers_of(tx, self.campaign, kind, form, &hashes)?;
        others.retain(|other| *other != customer);
        if is_new && !others.is_empty() {
            return Err(Cause::Changed("a customer was just added".into()));
        }
        for hash in hashes {
            let added = tx.execute(
                "INSERT INTO contact_hash (campaign, hash, customer, batch) \
                 VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
                &[
                    self.campaign.into(),
                    hash.as_slice().into(),
                    customer.into(),
                    batch.id.into(),
                ],
            )?;
            let is_anothers = added == 0 && {
                others = customers_of(tx, self.campaign, kind, form, &[hash])?;
                others.retain(|other| *other != customer);
                !others.is_empty()
            };
            if is_anothers {
                return Err(Cause::Changed("a customer was just given a code".into()));
            }
        }
        Ok(())
    }

    /// The customer a person was stored as; who was joined to another since is that other.
    pub(super) fn customer(&self, tx: &Tx<'_>, person: Person) -> Result<i64, Cause> {
        let customer = self
            .scratch
            .prepare_cached("SELECT customer FROM person WHERE id = ?1")?
            .query_row([person], |row| row.get(0))?;
        standing(tx, customer)
    }

    /// Takes the customer's next slot for a code.
    pub(super) fn take_slot(&self, tx: &Tx<'_>, customer: i64, code: i64) -> Result<(), Cause> {
        if take_slot(tx, self.campaign, customer, self.per_customer, code)? {
            Ok(())
        } else {
            Err(Cause::Changed("a customer was just given a code".into()))
        }
    }
}

fn drawn_id(
    random: &mut dyn FnMut(&mut [u8]) -> Result<(), getrandom::Error>,
) -> Result<String, Cause> {
    let mut bytes = [0; 14];
    random(&mut bytes)?;
    Ok(public_id_of(bytes))
}
