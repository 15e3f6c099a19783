//! Test mode: named customers draw test codes from a part of the pool that is theirs alone, so that
//! a campaign can be tried end to end before and while it runs.
//!
//! Invariant: a test code is made when it is drawn, has the state `test` for ever and no ordinal; it
//! moves no figure but the pool's `test`. Its places in the pool are those below zero, where no
//! cursor comes, so that a campaign's test codes are found without looking through its codes. A hub
//! alone makes test codes: its stores know who draws them, and give those customers nothing.

use jiff::Timestamp;

use crate::domain::campaign::{Campaign, ContactKind};
use crate::domain::code::{ALPHABET, Shape, fold};
use crate::domain::contact::{PhoneRegion, normal_forms};
use crate::domain::entry::{Fact, instant};
use crate::domain::ids::CampaignId;
use crate::domain::refusal::Refusal;
use crate::domain::test_mode::{TestCode, TestMode, TestModeEnd};
use crate::domain::verdict::CodeState;
use crate::ledger::chain::{Head, OWN_NODE, take_code_ids};
use crate::ledger::codes::{assignment_of, by_id, state_number};
use crate::ledger::customers::{
    Recognition, add_contacts, add_customer, customers_of as customers_known, known_by, public_id,
    recognise, resolve,
};
use crate::ledger::engine::Tx;
use crate::ledger::error::Cause;
use crate::ledger::feed::{EVERYBODY, FeedKind, touch};
use crate::ledger::joining::pools_are_elsewhere;
use crate::ledger::tally::add_codes;
use crate::ledger::{Act, Ledger, LedgerError, Setting, Writing, campaigns, link, setting_of};

/// Test codes that a campaign may have in all, so that a test run amok ends.
const TEST_CODES_MAX: u32 = 10_000;

/// Test customers that a campaign may have at one time.
const TEST_CUSTOMERS_MAX: usize = 100;

/// Codes of the test part were made under this name of their batch.
pub(crate) const TEST_BATCH: &str = "test";

impl Ledger {
    /// Puts a campaign into test mode until an instant, for these customers and nobody else: each an
    /// id or a contact, with random bytes for the id of one whom nobody knows yet; 1 to 100. In test
    /// mode already: with these customers and this end from now on. A campaign has at most 10 000
    /// test codes in all.
    pub fn test_mode_on(
        &mut self,
        campaign: &CampaignId,
        customers: &[(String, [u8; 14])],
        until: Timestamp,
        act: &Act,
    ) -> Result<Result<TestMode, Refusal>, LedgerError> {
        self.write("begin test mode of", campaign.as_str(), |writing| {
            if let Some(refusal) = pools_are_elsewhere(writing.tx)? {
                return Ok(Err(refusal));
            }
            begin(writing, campaign, customers, until, act)
        })
    }

    /// Ends test mode, and answers what was drawn in it, oldest first. Where there is none to end,
    /// nothing is written; one whose time is over may still be ended, to see what was drawn.
    pub fn test_mode_off(
        &mut self,
        campaign: &CampaignId,
        act: &Act,
    ) -> Result<Result<TestModeEnd, Refusal>, LedgerError> {
        let batch = match self.write("end test mode of", campaign.as_str(), |writing| {
            if link::load(writing.tx)?.is_some() {
                return Ok(pools_are_elsewhere(writing.tx)?.map_or(Ok(None), Err));
            }
            end(writing, campaign, act)
        })? {
            Ok(batch) => batch,
            Err(refusal) => return Ok(Err(refusal)),
        };
        // Nothing is drawn in it any more, so that the write lock need not be held while it is read.
        let drawn = match batch {
            Some((local, batch)) => {
                self.read("list", "test codes", |tx| drawn_in(tx, local, batch))?
            }
            None => Vec::new(),
        };
        Ok(Ok(TestModeEnd {
            campaign: campaign.clone(),
            was_on: batch.is_some(),
            drawn,
        }))
    }

    /// The campaigns in test mode at this instant, in the order of their beginning: a few rows.
    pub fn campaigns_in_test_mode(&mut self, now: Timestamp) -> Result<Vec<TestMode>, LedgerError> {
        self.read("list", "campaigns in test mode", |tx| in_test_mode(tx, now))
    }
}

/// The campaigns in test mode at this instant.
fn in_test_mode(tx: &Tx<'_>, now: Timestamp) -> Result<Vec<TestMode>, Cause> {
    let found = tx.all(
        "SELECT m.id, m.name, m.test_until_ms, sum(t.test) FROM campaign m \
         JOIN tally t ON t.campaign = m.id WHERE m.test_until_ms > $1 \
         GROUP BY m.id, m.name, m.test_until_ms ORDER BY m.id",
        &[now.as_millisecond().into()],
        |row| Ok((row.int(0)?, row.text(1)?, row.int(2)?, row.count(3)?)),
    )?;
    found
        .into_iter()
        .map(|(local, name, until_ms, drawn)| {
            Ok(TestMode {
                campaign: campaigns::id_of(&name)?,
                until: instant(until_ms),
                customers: customers_of(tx, local)?,
                drawn,
            })
        })
        .collect()
}

fn customers_of(tx: &Tx<'_>, campaign: i64) -> Result<Vec<String>, Cause> {
    tx.all(
        "SELECT u.public_id FROM test_customer t JOIN customer u ON u.id = t.customer \
         WHERE t.campaign = $1 ORDER BY t.customer",
        &[campaign.into()],
        |row| row.text(0),
    )
}

fn begin(
    writing: &mut Writing<'_, '_>,
    id: &CampaignId,
    named: &[(String, [u8; 14])],
    until: Timestamp,
    act: &Act,
) -> Result<Result<TestMode, Refusal>, Cause> {
    campaigns::hold(writing.tx, id)?;
    let Some((local, campaign)) = campaigns::find(writing.tx, id)? else {
        return Ok(Err(Refusal::NoSuchCampaign(id.clone())));
    };
    let faulty = |why: &str| Ok(Err(Refusal::Faulty(why.to_owned())));
    if until <= act.now {
        return faulty("test mode must end in the future");
    }
    if named.is_empty() || named.len() > TEST_CUSTOMERS_MAX {
        return faulty("name 1 to 100 test customers");
    }
    // Nobody is made a customer before everybody is known to be one.
    let mut customers = Vec::new();
    for (text, random) in named {
        match whom(writing.tx, (local, &campaign), text, writing.phone_region)? {
            Ok(whom) => customers.push((whom, *random)),
            Err(refusal) => return Ok(Err(refusal)),
        }
    }
    let tx = writing.tx;
    if open_batch(tx, local)?.is_none() {
        tx.execute(
            "INSERT INTO batch (campaign, how, is_published, first_code, code_count, \
             first_ordinal, ordinal_count) VALUES ($1, $2, 1, 0, 0, 0, 0)",
            &[local.into(), TEST_BATCH.into()],
        )?;
    }
    tx.execute(
        "UPDATE campaign SET test_until_ms = $1 WHERE id = $2",
        &[until.as_millisecond().into(), local.into()],
    )?;
    let mut testers = Vec::new();
    for (whom, random) in customers {
        testers.push(match whom {
            Whom::Known(customer) => customer,
            Whom::New(kind, form) => introduce(tx, (local, &campaign), kind, &form, random)?,
        });
    }
    name_testers(tx, local, &testers)?;
    touch(tx, FeedKind::Campaign, local, EVERYBODY)?;
    let customers = customers_of(tx, local)?;
    writing.append(
        Fact::TestModeOn {
            until_ms: until.as_millisecond(),
            customers: customers.clone(),
        },
        &Setting {
            campaign: Some((local, id, campaign.revision)),
            ..setting_of(act)
        },
    )?;
    Ok(Ok(TestMode {
        campaign: id.clone(),
        until,
        customers,
        drawn: drawn(writing.tx, local)?,
    }))
}

/// Who is meant to be a test customer.
enum Whom {
    Known(i64),
    New(ContactKind, String),
}

/// A contact that nobody is known by is of the first kind that the campaign goes by and that it can
/// be: an e-mail address, a phone number, a loyalty number.
fn whom(
    tx: &Tx<'_>,
    (local, campaign): (i64, &Campaign),
    text: &str,
    region: Option<PhoneRegion>,
) -> Result<Result<Whom, Refusal>, Cause> {
    if let Some((customer, _)) = resolve(tx, text, region)? {
        return Ok(Ok(Whom::Known(customer)));
    }
    let contact = normal_forms(text, region)
        .into_iter()
        .find(|(kind, _)| campaign.rules.identify_by.contains(kind))
        // An id that nobody has is a slip of the pen, never a loyalty number.
        .filter(|_| !is_like_an_id(text.trim()));
    let Some((kind, form)) = contact else {
        return Ok(Err(Refusal::NoSuchCustomer(text.trim().to_owned())));
    };
    // Who was erased is recognised by the campaign still.
    let recognition = Recognition::of(tx, local, &campaign.rules)?;
    let known = customers_known(tx, local, kind, &form, &recognition.hashes(kind, &form)?)?;
    Ok(Ok(match known.first() {
        Some(customer) => Whom::Known(*customer),
        None => Whom::New(kind, form),
    }))
}

fn is_like_an_id(text: &str) -> bool {
    text.strip_prefix('U').is_some_and(|letters| {
        letters.len() == 14 && letters.bytes().all(|letter| ALPHABET.contains(&letter))
    })
}

fn introduce(
    tx: &Tx<'_>,
    (local, campaign): (i64, &Campaign),
    kind: ContactKind,
    form: &str,
    random: [u8; 14],
) -> Result<i64, Cause> {
    // Named twice in one breath.
    if let Some(customer) = known_by(tx, kind, form)?.first() {
        return Ok(*customer);
    }
    let customer = add_customer(tx, random)?;
    add_contacts(tx, customer, &[(kind, form.to_owned())])?;
    recognise(tx, local, &campaign.rules, customer)?;
    Ok(customer)
}

/// When a campaign's test mode ends, and who its test customers are; none: it has not been begun, or
/// was ended.
pub(crate) fn state(tx: &Tx<'_>, campaign: i64) -> Result<Option<(i64, Vec<i64>)>, Cause> {
    let until_ms = tx.one(
        "SELECT test_until_ms FROM campaign WHERE id = $1",
        &[campaign.into()],
        |row| row.maybe_int(0),
    )?;
    let Some(until_ms) = until_ms.flatten() else {
        return Ok(None);
    };
    let testers = tx.all(
        "SELECT customer FROM test_customer WHERE campaign = $1 ORDER BY customer",
        &[campaign.into()],
        |row| row.int(0),
    )?;
    Ok(Some((until_ms, testers)))
}

/// At a store: a campaign's test mode as the hub tells of it.
pub(crate) fn take_told(
    tx: &Tx<'_>,
    campaign: i64,
    until_ms: Option<i64>,
    testers: &[i64],
) -> Result<(), Cause> {
    tx.execute(
        "UPDATE campaign SET test_until_ms = $1 WHERE id = $2",
        &[until_ms.into(), campaign.into()],
    )?;
    name_testers(tx, campaign, testers)
}

/// From now on these are the test customers of a campaign, and nobody else.
fn name_testers(tx: &Tx<'_>, campaign: i64, testers: &[i64]) -> Result<(), Cause> {
    tx.execute(
        "DELETE FROM test_customer WHERE campaign = $1",
        &[campaign.into()],
    )?;
    for tester in testers {
        tx.execute(
            "INSERT INTO test_customer (campaign, customer) VALUES ($1, $2) \
             ON CONFLICT DO NOTHING",
            &[campaign.into(), (*tester).into()],
        )?;
    }
    Ok(())
}

/// The batch of the test mode that has not been ended, where there is one.
fn open_batch(tx: &Tx<'_>, campaign: i64) -> Result<Option<i64>, Cause> {
    tx.one(
        "SELECT b.id FROM campaign m JOIN batch b ON b.campaign = m.id WHERE m.id = $1 \
         AND m.test_until_ms IS NOT NULL AND b.how = $2 ORDER BY b.id DESC LIMIT 1",
        &[campaign.into(), TEST_BATCH.into()],
        |row| row.int(0),
    )
}

fn drawn(tx: &Tx<'_>, campaign: i64) -> Result<u32, Cause> {
    Ok(tx
        .one(
            "SELECT sum(test) FROM tally WHERE campaign = $1",
            &[campaign.into()],
            |row| row.maybe_int(0),
        )?
        .flatten()
        .and_then(|count| u32::try_from(count).ok())
        .unwrap_or(0))
}

/// Ends test mode; the campaign's local number and the batch of what was drawn, where there was one.
fn end(
    writing: &mut Writing<'_, '_>,
    id: &CampaignId,
    act: &Act,
) -> Result<Result<Option<(i64, i64)>, Refusal>, Cause> {
    let tx = writing.tx;
    let Some((local, campaign)) = campaigns::find(tx, id)? else {
        return Ok(Err(Refusal::NoSuchCampaign(id.clone())));
    };
    let Some(batch) = open_batch(tx, local)? else {
        return Ok(Ok(None));
    };
    let drawn = tx
        .one(
            "SELECT count(*) FROM pool_slot p JOIN code c ON c.id = p.code \
             WHERE p.campaign = $1 AND p.ordinal < 0 AND c.batch = $2",
            &[local.into(), batch.into()],
            |row| row.count(0),
        )?
        .unwrap_or(0);
    take_told(tx, local, None, &[])?;
    touch(tx, FeedKind::Campaign, local, EVERYBODY)?;
    writing.append(
        Fact::TestModeOff {
            drawn: u64::from(drawn),
        },
        &Setting {
            campaign: Some((local, id, campaign.revision)),
            ..setting_of(act)
        },
    )?;
    Ok(Ok(Some((local, batch))))
}

/// The test codes of one batch, oldest first.
fn drawn_in(tx: &Tx<'_>, campaign: i64, batch: i64) -> Result<Vec<TestCode>, Cause> {
    let head = Head::load(tx)?;
    let codes = tx.all(
        "SELECT p.code FROM pool_slot p JOIN code c ON c.id = p.code \
         WHERE p.campaign = $1 AND p.ordinal < 0 AND c.batch = $2 ORDER BY p.ordinal DESC",
        &[campaign.into(), batch.into()],
        |row| row.int(0),
    )?;
    let mut drawn = Vec::new();
    for code in codes {
        let missing = || Cause::Damaged(format!("test code {code} is missing"));
        let row = by_id(tx, code)?.ok_or_else(missing)?;
        let made = assignment_of(tx, &head, &row)?.ok_or_else(missing)?;
        let customer = row.customer.ok_or_else(missing)?;
        drawn.push(TestCode {
            code: row.as_stored().to_owned(),
            customer_id: public_id(tx, customer)?,
            at: instant(made.body.at_ms),
        });
    }
    Ok(drawn)
}

/// Whether a customer draws test codes of a campaign at this instant.
pub(crate) fn is_tester(
    tx: &Tx<'_>,
    campaign: i64,
    customer: i64,
    now: Timestamp,
) -> Result<bool, Cause> {
    Ok(tx
        .one(
            "SELECT t.customer FROM test_customer t JOIN campaign m ON m.id = t.campaign \
             WHERE t.campaign = $1 AND t.customer = $2 AND m.test_until_ms > $3",
            &[
                campaign.into(),
                customer.into(),
                now.as_millisecond().into(),
            ],
            |row| row.int(0),
        )?
        .is_some())
}

/// The test codes of a customer, of a campaign; test codes have no slots.
pub(crate) fn codes_of(tx: &Tx<'_>, campaign: i64, customer: i64) -> Result<Vec<i64>, Cause> {
    tx.all(
        "SELECT p.code FROM pool_slot p JOIN code c ON c.id = p.code \
         WHERE p.campaign = $1 AND p.ordinal < 0 AND c.customer = $2 ORDER BY p.ordinal DESC",
        &[campaign.into(), customer.into()],
        |row| row.int(0),
    )
}

/// The newest test code that a customer drew of a campaign.
pub(crate) fn newest_of(tx: &Tx<'_>, campaign: i64, customer: i64) -> Result<Option<i64>, Cause> {
    tx.one(
        "SELECT c.id FROM pool_slot p JOIN code c ON c.id = p.code \
         WHERE p.campaign = $1 AND p.ordinal < 0 AND c.customer = $2 ORDER BY p.ordinal LIMIT 1",
        &[campaign.into(), customer.into()],
        |row| row.int(0),
    )
}

/// A test code just made: its local number and folding.
pub(crate) struct Made {
    pub(crate) code: i64,
    pub(crate) folded: String,
}

/// Makes a test code for a customer; its entry is the caller's to write. None: the campaign has had
/// as many as it may.
pub(crate) fn make(
    writing: &mut Writing<'_, '_>,
    campaign: i64,
    customer: i64,
    random: &[u8],
    expires_at_ms: Option<i64>,
) -> Result<Option<Made>, Cause> {
    let tx = writing.tx;
    let batch = open_batch(tx, campaign)?;
    let (Some(batch), true) = (batch, drawn(tx, campaign)? < TEST_CODES_MAX) else {
        return Ok(None);
    };
    let faulty = || Cause::Damaged("a test code could not be made".into());
    let shown = Shape::test().generate(random).ok_or_else(faulty)?;
    let folded = fold(&shown).ok().ok_or_else(faulty)?.into_string();
    let code = take_code_ids(tx, &mut writing.head, 1)?;
    let added = tx.execute(
        "INSERT INTO code (id, folded, shown, campaign, batch, state, holder, grant_number, \
         customer, expires_at_ms, assigned_incarnation) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, $9, $10) ON CONFLICT DO NOTHING",
        &[
            code.into(),
            (&folded).into(),
            (&shown).into(),
            campaign.into(),
            batch.into(),
            state_number(CodeState::Test).into(),
            OWN_NODE.into(),
            customer.into(),
            expires_at_ms.into(),
            writing.head.incarnation.into(),
        ],
    )?;
    if added != 1 {
        return Err(Cause::Changed("a code reads like the one drawn".into()));
    }
    let lowest = tx
        .one(
            "SELECT min(ordinal) FROM pool_slot WHERE campaign = $1",
            &[campaign.into()],
            |row| row.maybe_int(0),
        )?
        .flatten()
        .unwrap_or(0);
    tx.execute(
        "INSERT INTO pool_slot (campaign, ordinal, code) VALUES ($1, $2, $3)",
        &[campaign.into(), (lowest.min(0) - 1).into(), code.into()],
    )?;
    add_codes(tx, campaign, [0, 0, 0, 1])?;
    Ok(Some(Made { code, folded }))
}
