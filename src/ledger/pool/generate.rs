//! Generating codes: draw, sort, look for clashes, draw again what is missing, store.

use crate::domain::code::{Pattern, Shape, fold};
use crate::domain::ids::CampaignId;
use crate::domain::refusal::Refusal;
use crate::ledger::codes::fallbacks;
use crate::ledger::error::Cause;
use crate::ledger::joining::pools_are_elsewhere;
use crate::ledger::pool::clash::Clashes;
use crate::ledger::pool::import::ImportReport;
use crate::ledger::pool::rows::{Listed, text};
use crate::ledger::pool::sort::{Record, Sorted, Spool, SpoolReader};
use crate::ledger::pool::store::{Goods, store};
use crate::ledger::pool::sweep::sweep;
use crate::ledger::pool::{Fail, Job, LongWork, Sizes, Step, settled};
use crate::ledger::{Act, Ledger, LedgerError, campaigns};

/// So many codes must be possible for each that is drawn, or guessing one would be too easy.
const ROOM: u64 = 1000;

/// Random bytes are asked for in blocks.
const BLOCK_BYTES: usize = 64 * 1024;

/// Draws to replace codes that were taken; with [`ROOM`] to spare, three are many.
const ROUNDS_MAX: usize = 32;

/// What codes are drawn from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Drawing {
    /// Letters and check letters.
    Shape(Shape),
    /// Somebody else's pattern, without check letters.
    Pattern(Pattern),
}

/// What is to be generated.
#[derive(Debug, Clone)]
pub struct GenerateOrder {
    /// For which campaign.
    pub campaign: CampaignId,
    /// How many.
    pub count: u64,
    /// What the codes look like.
    pub drawing: Drawing,
    /// They are given out by others (printed on cards): never claimed.
    pub is_given_out: bool,
}

impl Drawing {
    fn combinations_log2(&self) -> u32 {
        match self {
            Drawing::Shape(shape) => shape.combinations_log2(),
            Drawing::Pattern(pattern) => pattern.combinations_log2(),
        }
    }

    fn random_len(&self) -> usize {
        match self {
            Drawing::Shape(shape) => shape.random_len(),
            Drawing::Pattern(pattern) => pattern.random_len(),
        }
    }

    fn generate(&self, random: &[u8]) -> Option<String> {
        match self {
            Drawing::Shape(shape) => shape.generate(random),
            Drawing::Pattern(pattern) => pattern.generate(random),
        }
    }

    fn has_room_for(&self, count: u64) -> bool {
        let wanted = u128::from(count) * u128::from(ROOM);
        1_u128
            .checked_shl(self.combinations_log2())
            .is_none_or(|room| room >= wanted)
    }
}

impl Ledger {
    /// Draws exactly so many codes that the ledger does not have, and stores them.
    pub fn generate_codes(
        &mut self,
        order: &GenerateOrder,
        act: &Act,
        work: &mut LongWork<'_>,
    ) -> Result<Result<ImportReport, Refusal>, LedgerError> {
        self.generate_codes_within(order, act, work, Sizes::default())
    }

    pub(crate) fn generate_codes_within(
        &mut self,
        order: &GenerateOrder,
        act: &Act,
        work: &mut LongWork<'_>,
        sizes: Sizes,
    ) -> Result<Result<ImportReport, Refusal>, LedgerError> {
        let mut job = Job::new(self, work, sizes);
        let result = generate(&mut job, order, act);
        settled(result, "generate codes for", order.campaign.as_str())
    }
}

fn generate(job: &mut Job<'_, '_>, order: &GenerateOrder, act: &Act) -> Result<ImportReport, Fail> {
    if let Some(refusal) = job.read(pools_are_elsewhere)? {
        return Err(refusal.into());
    }
    sweep(job.ledger, &mut job.pace)?;
    let id = &order.campaign;
    let Some((campaign, _)) = job.read(|tx| campaigns::find(tx, id))? else {
        return Err(Refusal::NoSuchCampaign(id.clone()).into());
    };
    if order.count == 0 {
        return Err(Refusal::Faulty("the count must be at least 1".to_owned()).into());
    }
    if !order.drawing.has_room_for(order.count) {
        return Err(too_small(order));
    }
    let mut kept: Option<Spool> = None;
    for _ in 0..ROUNDS_MAX {
        let missing = order.count - kept.as_ref().map_or(0, Spool::len);
        if missing == 0 {
            break;
        }
        let drawn = draw(job, &order.drawing, missing)?;
        let before = kept.map(Spool::read).transpose()?;
        kept = Some(merge(job, before, drawn, missing)?);
    }
    let Some(plain) = kept.filter(|kept| kept.len() == order.count) else {
        return Err(too_small(order));
    };
    let goods = Goods {
        campaign,
        how: "generated",
        plain: plain.read()?,
        plain_count: order.count,
        is_given_out: order.is_given_out,
        owned: None,
        shape: match &order.drawing {
            Drawing::Shape(shape) => Some(shape),
            Drawing::Pattern(_) => None,
        },
    };
    store(job, goods, act)?;
    Ok(ImportReport {
        campaign: order.campaign.clone(),
        stored: order.count,
        skipped: 0,
        bad: Vec::new(),
        bad_count: 0,
    })
}

fn too_small(order: &GenerateOrder) -> Fail {
    let wanted = u128::from(order.count) * u128::from(ROOM);
    let possible = match order.drawing.combinations_log2() {
        bits @ 0..=39 => format!("about {}", 1_u64 << bits),
        bits => format!("2^{bits}"),
    };
    Refusal::Faulty(format!(
        "{} codes of this form would be too easy to guess: {possible} are possible, and there \
         must be {wanted} ({ROOM} for each code); make the codes longer",
        order.count
    ))
    .into()
}

/// Draws codes and sorts them.
fn draw(job: &mut Job<'_, '_>, drawing: &Drawing, count: u64) -> Result<Sorted, Cause> {
    let mut sorter = job.sorter();
    let len = drawing.random_len().max(1);
    let mut block = vec![0; BLOCK_BYTES / len * len];
    let mut payload = Vec::new();
    let mut drawn = 0;
    while drawn < count {
        (job.work.random)(&mut block)?;
        for random in block.chunks_exact(len) {
            // Once in 10¹² times a pattern needs more than these; then the next bytes serve.
            let Some(code) = drawing.generate(random) else {
                continue;
            };
            let folded = fold(&code).ok().ok_or_else(|| {
                Cause::Damaged(format!("a code was drawn that is none: {code:?}"))
            })?;
            payload.clear();
            Listed {
                line: 0,
                shown: Some(code.as_str()).filter(|code| *code != folded.as_str()),
                expires_at_ms: None,
                contacts: Vec::new(),
            }
            .encode(&mut payload);
            sorter.push(folded.as_str().as_bytes(), &payload)?;
            drawn += 1;
            job.tick(Step::Drawing, drawn, Some(count))?;
            if drawn == count {
                break;
            }
        }
    }
    Ok(sorter.finish()?)
}

/// What was kept before and what is new, without what stands twice or in the ledger.
fn merge(
    job: &mut Job<'_, '_>,
    mut before: Option<SpoolReader>,
    mut drawn: Sorted,
    total: u64,
) -> Result<Spool, Cause> {
    let mut kept = job.spool()?;
    let mut clashes = Clashes::new();
    let fallbacks = job.read(fallbacks)?;
    let mut previous = Vec::new();
    let mut done = 0;
    let mut old = next_of(&mut before)?;
    while let Some(record) = drawn.next()? {
        done += 1;
        job.tick(Step::Checking, done, Some(total))?;
        while let Some((key, payload)) = old.take_if(|(key, _)| key.as_slice() <= record.key) {
            kept.push(Record {
                key: &key,
                payload: &payload,
            })?;
            previous = key;
            old = next_of(&mut before)?;
        }
        let folded = text(record.key)?;
        let is_new = previous != record.key && clashes.find(job, folded)?.is_none();
        if is_new && !fallbacks.iter().any(|said| said.form == folded) {
            kept.push(record)?;
            previous.clear();
            previous.extend_from_slice(record.key);
        }
    }
    while let Some((key, payload)) = old {
        kept.push(Record {
            key: &key,
            payload: &payload,
        })?;
        old = next_of(&mut before)?;
    }
    Ok(kept)
}

type Kept = (Vec<u8>, Vec<u8>);

fn next_of(reader: &mut Option<SpoolReader>) -> Result<Option<Kept>, Cause> {
    let Some(reader) = reader else {
        return Ok(None);
    };
    Ok(reader
        .next()?
        .map(|record| (record.key.to_vec(), record.payload.to_vec())))
}
