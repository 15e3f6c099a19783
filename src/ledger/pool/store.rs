//! Storing a batch: reserve, slices of codes in their folded order, slices of the pool in the order
//! of claims, and one last write that publishes.

use std::fs::File;

use rustix::fs::{FlockOperation, flock};
use sha2::{Digest as _, Sha256};

use crate::domain::code::Shape;
use crate::domain::entry::{Fact, Hash, hex};
use crate::domain::ids::CampaignId;
use crate::domain::verdict::CodeState;
use crate::ledger::chain::{OWN_NODE, take_code_ids};
use crate::ledger::codes::state_number;
use crate::ledger::engine::{Engine, Many, Tx, Value};
use crate::ledger::error::Cause;
use crate::ledger::feed::{EVERYBODY, FeedKind, touch};
use crate::ledger::joining::pools_are_elsewhere;
use crate::ledger::pool::people::People;
use crate::ledger::pool::permutation::{KEY_BYTES, Permutation};
use crate::ledger::pool::rows::{Listed, text, untagged};
use crate::ledger::pool::sort::{Sorted, SpoolReader};
use crate::ledger::pool::sweep::{remove_some, unmark_some};
use crate::ledger::pool::{Job, Step};
use crate::ledger::sqlite::lock_file;
use crate::ledger::tally::add_codes;
use crate::ledger::{Act, Setting, Writing, campaigns, setting_of};

/// The number of a grant that a shop gives itself.
const OWN_GRANT: i64 = 1;

const INSERT_CODE: &str = "INSERT INTO code (id, folded, shown, campaign, batch, ordinal, state, \
     holder, grant_number, customer, expires_at_ms, assigned_incarnation) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";

/// What is stored, checked and in order.
pub(super) struct Goods<'g> {
    pub(super) campaign: i64,
    pub(super) how: &'static str,
    /// The codes that belong to nobody, by folded code.
    pub(super) plain: SpoolReader,
    pub(super) plain_count: u64,
    /// Whether they were given out by others, so are never claimed.
    pub(super) is_given_out: bool,
    /// The codes with a customer, by folded code, each tagged with its person.
    pub(super) owned: Option<(Sorted, u64, People)>,
    /// What generated codes look like.
    pub(super) shape: Option<&'g Shape>,
}

/// A batch that is being stored. Its lock lives as long as its owner.
pub(super) struct Batch {
    pub(super) id: i64,
    pub(super) campaign: i64,
    pub(super) first_code: i64,
    pub(super) code_count: i64,
    pub(super) first_ordinal: i64,
    pub(super) ordinal_count: i64,
    /// The process that stores it, where several write.
    pub(super) writer: Option<i64>,
}

/// Stores and publishes goods. Whatever ends it early, the batch is removed.
pub(super) fn store(job: &mut Job<'_, '_>, mut goods: Goods<'_>, act: &Act) -> Result<(), Cause> {
    let mut key = [0; KEY_BYTES];
    (job.work.random)(&mut key)?;
    let (batch, lock) = reserve(job, &goods)?;
    let order = Permutation::new(&key, batch.ordinal_count.unsigned_abs());
    let stored = fill(job, &batch, &mut goods, &order)
        .and_then(|codes_hash| publish(job, &batch, &goods, &codes_hash, act));
    if let Err(cause) = stored {
        // What cannot be removed now (the disk is full) is unseen, and swept later.
        drop(remove(job, &batch));
        drop(lock);
        return Err(changed(cause));
    }
    // Published: the rest only tidies, and the next start would do it as well.
    if lock.is_some() {
        drop(std::fs::remove_file(job.ledger.files.batch_lock(batch.id)));
    }
    drop(lock);
    if goods.owned.is_some() {
        drop(unmark(job, &batch));
    }
    drop(job.ledger.engine.checkpoint());
    Ok(())
}

fn unmark(job: &mut Job<'_, '_>, batch: &Batch) -> Result<(), Cause> {
    while !job.pace.slice(job.ledger, |writing, slice| {
        unmark_some(writing.tx, batch.id, slice)
    })? {}
    Ok(())
}

/// A code that came in between, by another counter, is a clash that the check could not see.
fn changed(cause: Cause) -> Cause {
    let is_taken = matches!(cause, Cause::Raced(_))
        || matches!(&cause, Cause::Engine(error)
            if error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation));
    if is_taken {
        return Cause::Changed("another counter has just added one of these codes".into());
    }
    cause
}

/// Takes a block of ids and a block of ordinals. The lock is taken before anybody can see the batch.
///
/// Where several processes write, it is this one's by its number instead.
fn reserve(job: &mut Job<'_, '_>, goods: &Goods<'_>) -> Result<(Batch, Option<File>), Cause> {
    let owned = goods.owned.as_ref().map_or(0, |(_, count, _)| *count);
    let code_count = (goods.plain_count + owned).cast_signed();
    let ordinal_count = if goods.is_given_out {
        0
    } else {
        goods.plain_count.cast_signed()
    };
    let (files, mode) = (job.ledger.files.clone(), job.ledger.mode);
    job.pace.slice(job.ledger, |writing, _| {
        let first_code = take_code_ids(writing.tx, &mut writing.head, code_count)?;
        let first_ordinal = writing
            .tx
            .one(
                "UPDATE campaign SET next_ordinal = next_ordinal + $1 WHERE id = $2 \
                 RETURNING next_ordinal - $1",
                &[ordinal_count.into(), goods.campaign.into()],
                |row| row.int(0),
            )?
            .ok_or_else(|| Cause::Changed("the campaign is gone".into()))?;
        let id = writing.tx.insert(
            "INSERT INTO batch (campaign, how, first_code, code_count, first_ordinal, \
             ordinal_count, writer) VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id",
            &[
                goods.campaign.into(),
                goods.how.into(),
                first_code.into(),
                code_count.into(),
                first_ordinal.into(),
                ordinal_count.into(),
                writing.tx.writer().into(),
            ],
        )?;
        let lock = if writing.tx.writer().is_none() {
            let lock = lock_file(&files.batch_lock(id), mode)?;
            flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
            Some(lock)
        } else {
            None
        };
        let batch = Batch {
            id,
            campaign: goods.campaign,
            first_code,
            code_count,
            first_ordinal,
            ordinal_count,
            writer: writing.tx.writer(),
        };
        Ok((batch, lock))
    })
}

/// Stores the customers, the codes and the pool of a batch; the hash of its codes.
fn fill(
    job: &mut Job<'_, '_>,
    batch: &Batch,
    goods: &mut Goods<'_>,
    order: &Permutation,
) -> Result<Hash, Cause> {
    let mut filling = Filling {
        batch,
        order,
        is_given_out: goods.is_given_out,
        stored: 0,
        hasher: Sha256::new(),
    };
    while !job.pace.slice(job.ledger, |writing, slice| {
        hold(writing.tx, batch)?;
        let mut insert = writing.tx.statement(INSERT_CODE)?;
        while let Some(record) = goods.plain.next()? {
            let row = Listed::decode(record.payload)?;
            filling.insert(&mut insert, writing, text(record.key)?, &row, None)?;
            if slice.is_over_after(1) {
                return Ok(false);
            }
        }
        Ok(true)
    })? {
        filling.report(job)?;
    }
    filling.report(job)?;
    if let Some((sorted, _, people)) = &mut goods.owned {
        filling.store_owned(job, sorted, people)?;
    }
    filling.store_pool(job)?;
    Ok(filling.hasher.finalize().into())
}

/// Makes sure that the batch is still there, for as long as a slice adds to it: whoever takes its
/// owner for dead removes it.
pub(super) fn hold(tx: &Tx<'_>, batch: &Batch) -> Result<(), Cause> {
    let held = tx.lock_rows(
        "SELECT id FROM batch WHERE id = $1 AND is_published = 0",
        &[batch.id.into()],
    )?;
    if held == Some(0) {
        return Err(Cause::Changed("the batch was removed".into()));
    }
    Ok(())
}

struct Filling<'f> {
    batch: &'f Batch,
    order: &'f Permutation,
    is_given_out: bool,
    stored: i64,
    hasher: Sha256,
}

impl Filling<'_> {
    fn report(&self, job: &mut Job<'_, '_>) -> Result<(), Cause> {
        let total = self.batch.code_count.unsigned_abs();
        job.report(Step::Storing, self.stored.unsigned_abs(), Some(total))
    }

    fn insert(
        &mut self,
        insert: &mut Many<'_>,
        writing: &Writing<'_, '_>,
        folded: &str,
        row: &Listed<'_>,
        customer: Option<i64>,
    ) -> Result<i64, Cause> {
        let id = self.batch.first_code + self.stored;
        let is_claimable = customer.is_none() && !self.is_given_out;
        let ordinal = is_claimable.then(|| {
            let sent = self.order.forward(self.stored.unsigned_abs());
            self.batch.first_ordinal + sent.cast_signed()
        });
        let state = if is_claimable {
            CodeState::Available
        } else {
            CodeState::Assigned
        };
        insert.execute(&[
            id.into(),
            folded.into(),
            row.shown.into(),
            self.batch.campaign.into(),
            self.batch.id.into(),
            ordinal.into(),
            state_number(state).into(),
            OWN_NODE.into(),
            OWN_GRANT.into(),
            customer.into(),
            row.expires_at_ms.into(),
            Some(writing.head.incarnation)
                .filter(|_| !is_claimable)
                .into(),
        ])?;
        self.hasher.update(folded.as_bytes());
        self.hasher.update(b"\n");
        self.stored += 1;
        Ok(id)
    }

    fn store_owned(
        &mut self,
        job: &mut Job<'_, '_>,
        sorted: &mut Sorted,
        people: &mut People,
    ) -> Result<(), Cause> {
        loop {
            let random = &mut *job.work.random;
            let is_last = job.pace.slice(job.ledger, |writing, slice| {
                hold(writing.tx, self.batch)?;
                people.store(writing.tx, self.batch, slice, random)
            })?;
            self.report(job)?;
            if is_last {
                break;
            }
        }
        while !job.pace.slice(job.ledger, |writing, slice| {
            hold(writing.tx, self.batch)?;
            let mut insert = writing.tx.statement(INSERT_CODE)?;
            while let Some(record) = sorted.next()? {
                let (person, payload) = untagged(record.payload)?;
                let row = Listed::decode(payload)?;
                let customer = people.customer(writing.tx, person.cast_signed())?;
                let folded = text(record.key)?;
                let id = self.insert(&mut insert, writing, folded, &row, Some(customer))?;
                people.take_slot(writing.tx, customer, id)?;
                if slice.is_over_after(4) {
                    return Ok(false);
                }
            }
            Ok(true)
        })? {
            self.report(job)?;
        }
        Ok(())
    }

    /// The pool in the order of claims, so that its tree grows at its end only.
    fn store_pool(&self, job: &mut Job<'_, '_>) -> Result<(), Cause> {
        let mut places = 0..self.batch.ordinal_count;
        while !job.pace.slice(job.ledger, |writing, slice| {
            hold(writing.tx, self.batch)?;
            let mut insert = writing
                .tx
                .statement("INSERT INTO pool_slot (campaign, ordinal, code) VALUES ($1, $2, $3)")?;
            for place in places.by_ref() {
                let code = self.order.backward(place.unsigned_abs()).cast_signed();
                insert.execute(&[
                    self.batch.campaign.into(),
                    (self.batch.first_ordinal + place).into(),
                    (self.batch.first_code + code).into(),
                ])?;
                if slice.is_over_after(1) {
                    return Ok(false);
                }
            }
            Ok(true)
        })? {
            self.report(job)?;
        }
        Ok(())
    }
}

/// The last write: from here on the codes exist.
fn publish(
    job: &mut Job<'_, '_>,
    batch: &Batch,
    goods: &Goods<'_>,
    codes_hash: &Hash,
    act: &Act,
) -> Result<(), Cause> {
    job.report(
        Step::Storing,
        batch.code_count.unsigned_abs(),
        Some(batch.code_count.unsigned_abs()),
    )?;
    job.pace.slice(job.ledger, |writing, _| {
        if pools_are_elsewhere(writing.tx)?.is_some() {
            return Err(Cause::Changed("this ledger has begun to join a hub".into()));
        }
        let is_ours = writing.tx.execute(
            "UPDATE batch SET is_published = 1, codes_hash = $1 WHERE id = $2 AND is_published = 0",
            &[codes_hash.as_slice().into(), batch.id.into()],
        )?;
        if is_ours != 1 {
            return Err(Cause::Changed("the batch was removed".into()));
        }
        let campaign = campaigns::load(writing.tx, batch.campaign)?;
        announce(
            writing,
            batch,
            goods,
            codes_hash,
            (&campaign.id, campaign.revision),
            act,
        )?;
        let owned = batch.code_count - batch.ordinal_count;
        add_codes(
            writing.tx,
            batch.campaign,
            [batch.ordinal_count, owned, 0, 0],
        )?;
        if batch.ordinal_count > 0 {
            writing.tx.execute(
                "INSERT INTO lease (campaign, first_ordinal, end_ordinal, next_ordinal, holder, \
                 grant_number) VALUES ($1, $2, $3, $2, $4, $5)",
                &[
                    batch.campaign.into(),
                    batch.first_ordinal.into(),
                    (batch.first_ordinal + batch.ordinal_count).into(),
                    OWN_NODE.into(),
                    OWN_GRANT.into(),
                ],
            )?;
        }
        if let Some(shape) = goods.shape {
            let length = i64::try_from(shape.length).unwrap_or(i64::MAX);
            let is_new = writing.tx.execute(
                "INSERT INTO shape (prefix, length) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                &[(&shape.prefix).into(), Value::Int(length)],
            )?;
            if is_new == 1 {
                // Shapes are told with campaigns.
                touch(writing.tx, FeedKind::Campaign, batch.campaign, EVERYBODY)?;
            }
        }
        touch(writing.tx, FeedKind::Batch, batch.id, EVERYBODY)
    })
}

fn announce(
    writing: &mut Writing<'_, '_>,
    batch: &Batch,
    goods: &Goods<'_>,
    codes_hash: &Hash,
    (campaign, revision): (&CampaignId, u32),
    act: &Act,
) -> Result<(), Cause> {
    let fact = Fact::CodesAdded {
        how: goods.how.to_owned(),
        count: batch.code_count.unsigned_abs(),
        given_out: (batch.code_count - batch.ordinal_count).unsigned_abs(),
        codes_sha256: hex(codes_hash),
        first_ordinal: (batch.ordinal_count > 0).then_some(batch.first_ordinal.unsigned_abs()),
    };
    writing.append(
        fact,
        &Setting {
            campaign: Some((batch.campaign, campaign, revision)),
            ..setting_of(act)
        },
    )?;
    Ok(())
}

/// Removes a batch that its owner gives up.
fn remove(job: &mut Job<'_, '_>, batch: &Batch) -> Result<(), Cause> {
    let lock = match job.ledger.engine {
        Engine::Sqlite(_) => Some(job.ledger.files.batch_lock(batch.id)),
        Engine::Postgres(_) => None,
    };
    while !job.pace.slice(job.ledger, |writing, slice| {
        remove_some(writing, batch, lock.as_deref(), slice)
    })? {}
    Ok(())
}
