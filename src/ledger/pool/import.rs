//! Importing a list: read it, sort it, look for clashes, settle whose codes they are, store it.

use std::io::{self, Read};

use jiff::tz::TimeZone;
use serde::Serialize;

use crate::domain::campaign::{Campaign, ContactKind};
use crate::domain::code_list::{
    BadField, BadRow, Column, Columns, DigitCensus, ListFault, RowFault, SpreadsheetCheck,
    has_lost_zeros,
};
use crate::domain::ids::CampaignId;
use crate::domain::refusal::Refusal;
use crate::ledger::chain::Head;
use crate::ledger::codes::fallbacks;
use crate::ledger::error::Cause;
use crate::ledger::joining::pools_are_elsewhere;
use crate::ledger::pool::clash::{Clashes, fault_of};
use crate::ledger::pool::list::CodeList;
use crate::ledger::pool::people::People;
use crate::ledger::pool::rows::{BadRows, Listed, tagged, text, with_code, without_code};
use crate::ledger::pool::sort::{Sorted, Sorter, Spool};
use crate::ledger::pool::store::{Goods, store};
use crate::ledger::pool::sweep::sweep;
use crate::ledger::pool::{Fail, Job, LongWork, Sizes, Step, settled};
use crate::ledger::{Act, Ledger, LedgerError, campaigns, zone_of};

/// Bad rows that an answer holds; the sink is told of all.
pub(crate) const BAD_SHOWN_MAX: usize = 100;

/// What is to be imported, and how.
#[derive(Debug, Clone)]
pub struct ImportOrder {
    /// Into which campaign.
    pub campaign: CampaignId,
    /// Every code was given out by others: it arrives assigned and is never claimed.
    pub is_given_out: bool,
    /// Good rows are stored although others are bad.
    pub skips_bad: bool,
    /// Whether codes are looked at for what spreadsheets do to them.
    pub check: SpreadsheetCheck,
}

/// What came of an import. With bad rows that were not to be skipped, nothing is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImportReport {
    /// The campaign.
    pub campaign: CampaignId,
    /// Codes stored.
    pub stored: u64,
    /// Bad rows left out while the others were stored.
    pub skipped: u64,
    /// The first 100 bad rows, in the order of their lines.
    pub bad: Vec<BadRow>,
    /// How many there are.
    pub bad_count: u64,
}

/// The campaign of an import, as it was when it began.
struct Target {
    local: i64,
    campaign: Campaign,
    zone: TimeZone,
}

impl Ledger {
    /// Imports a list of codes. `sink` is told every bad row, in the order of their lines.
    pub fn import_codes(
        &mut self,
        source: &mut dyn Read,
        order: &ImportOrder,
        act: &Act,
        work: &mut LongWork<'_>,
        sink: &mut dyn FnMut(&BadRow) -> io::Result<()>,
    ) -> Result<Result<ImportReport, Refusal>, LedgerError> {
        self.import_codes_within(source, order, act, work, sink, Sizes::default())
    }

    pub(crate) fn import_codes_within(
        &mut self,
        source: &mut dyn Read,
        order: &ImportOrder,
        act: &Act,
        work: &mut LongWork<'_>,
        sink: &mut dyn FnMut(&BadRow) -> io::Result<()>,
        sizes: Sizes,
    ) -> Result<Result<ImportReport, Refusal>, LedgerError> {
        let mut job = Job::new(self, work, sizes);
        let result = import(&mut job, source, order, act, sink);
        settled(result, "import codes into", order.campaign.as_str())
    }
}

fn import(
    job: &mut Job<'_, '_>,
    source: &mut dyn Read,
    order: &ImportOrder,
    act: &Act,
    sink: &mut dyn FnMut(&BadRow) -> io::Result<()>,
) -> Result<ImportReport, Fail> {
    if let Some(refusal) = job.read(pools_are_elsewhere)? {
        return Err(refusal.into());
    }
    sweep(job.ledger, &mut job.pace)?;
    let target = target(job, &order.campaign)?;
    let mut bad = BadRows::new(job.sorter());
    let list = read_list(job, source, order, &target, &mut bad)?;
    let good = check(job, list, &mut bad)?;
    let owned = settle(job, &target, good.owned, &good.columns, &mut bad)?;
    let (plain_count, owned_count) = (good.plain.len(), owned.as_ref().map_or(0, |o| o.1));
    let good_count = plain_count + owned_count;
    let bad_count = bad.count();
    if good_count + bad_count == 0 {
        return Err(ListFault::Empty.into());
    }
    let is_stored = good_count > 0 && (bad_count == 0 || order.skips_bad);
    let bad = bad.tell(BAD_SHOWN_MAX, sink)?;
    if is_stored {
        let goods = Goods {
            campaign: target.local,
            how: "imported",
            plain: good.plain.read()?,
            plain_count,
            is_given_out: order.is_given_out,
            owned,
            shape: None,
        };
        store(job, goods, act)?;
    }
    Ok(ImportReport {
        campaign: order.campaign.clone(),
        stored: if is_stored { good_count } else { 0 },
        skipped: if order.skips_bad { bad_count } else { 0 },
        bad,
        bad_count,
    })
}

fn target(job: &mut Job<'_, '_>, id: &CampaignId) -> Result<Target, Fail> {
    let found = job.read(|tx| {
        let Some((local, campaign)) = campaigns::find(tx, id)? else {
            return Ok(None);
        };
        let zone = zone_of(&Head::load(tx)?)?;
        Ok(Some(Target {
            local,
            campaign,
            zone,
        }))
    })?;
    found.ok_or_else(|| Refusal::NoSuchCampaign(id.clone()).into())
}

/// A list whose rows make sense each by itself.
struct List {
    columns: Columns,
    usual_digits: Option<usize>,
    rows: Sorter,
    count: u64,
}

fn read_list(
    job: &mut Job<'_, '_>,
    source: &mut dyn Read,
    order: &ImportOrder,
    target: &Target,
    bad: &mut BadRows,
) -> Result<List, Fail> {
    let Some(mut list) = CodeList::open(source)? else {
        return Err(ListFault::Empty.into());
    };
    let columns = list.columns().clone();
    let region = job.ledger.phone_region;
    let mut census = DigitCensus::default();
    let mut rows = job.sorter();
    let (mut seen, mut count) = (0, 0);
    let mut payload = Vec::new();
    while let Some((line, record)) = list.next()? {
        seen += 1;
        job.tick(Step::Reading, seen, None)?;
        let row = match columns.read(record.iter(), order.check, &target.zone, region) {
            Ok(row) => row,
            Err(field) => {
                bad.push(&columns.bad_row(line, &field))?;
                job.bad = bad.count();
                continue;
            }
        };
        if order.check == SpreadsheetCheck::Look {
            census.count(row.shown);
        }
        payload.clear();
        Listed::of(&row, line).encode(&mut payload);
        rows.push(row.folded.as_str().as_bytes(), &payload)?;
        count += 1;
    }
    Ok(List {
        columns,
        usual_digits: census.usual(),
        rows,
        count,
    })
}

/// The rows that can be stored, as far as their codes go.
struct Good {
    columns: Columns,
    /// Without contacts, by folded code.
    plain: Spool,
    /// With contacts, by line.
    owned: Sorter,
}

/// The code before in the sorted list.
#[derive(Default)]
struct Previous {
    folded: String,
    shown: String,
    line: u64,
}

/// Looks for codes that stand twice, or in the ledger: one walk along both, in the same order.
fn check(job: &mut Job<'_, '_>, list: List, bad: &mut BadRows) -> Result<Good, Cause> {
    let mut good = Good {
        plain: job.spool()?,
        owned: job.sorter(),
        columns: list.columns,
    };
    let place = good.columns.place_of(Column::Code);
    let total = Some(list.count);
    let mut sorted = list.rows.finish()?;
    let mut clashes = Clashes::new();
    let fallbacks = job.read(fallbacks)?;
    let mut previous = Previous::default();
    let (mut done, mut payload) = (0, Vec::new());
    while let Some(record) = sorted.next()? {
        done += 1;
        job.tick(Step::Checking, done, total)?;
        let folded = text(record.key)?;
        let row = Listed::decode(record.payload)?;
        let shown = row.shown.unwrap_or(folded);
        let mut fault = has_lost_zeros(shown, list.usual_digits);
        if fault.is_none() && folded == previous.folded {
            fault = Some(twice(&previous, shown));
        } else if fault.is_none() {
            previous.folded.replace_range(.., folded);
            previous.shown.replace_range(.., shown);
            previous.line = row.line;
            if let Some(said) = fallbacks.iter().find(|said| said.form == folded) {
                fault = Some(RowFault::Fallback {
                    campaign: said.campaign.clone(),
                });
            } else if let Some(code) = clashes.find(job, folded)? {
                fault = Some(job.read(|tx| fault_of(tx, code, shown))?);
            }
        }
        if let Some(fault) = fault {
            let value = shown.as_bytes().to_vec();
            let field = BadField {
                place,
                value,
                fault,
            };
            bad.push(&good.columns.bad_row(row.line, &field))?;
            job.bad = bad.count();
        } else if row.contacts.is_empty() {
            good.plain.push(record)?;
        } else {
            with_code(record.key, record.payload, &mut payload);
            good.owned.push(&row.line.to_be_bytes(), &payload)?;
        }
    }
    Ok(good)
}

fn twice(previous: &Previous, shown: &str) -> RowFault {
    if previous.shown == shown {
        RowFault::Twice {
            first_line: previous.line,
        }
    } else {
        RowFault::Clash {
            first_line: previous.line,
            first: previous.shown.clone(),
        }
    }
}

/// Settles whose the codes with contacts are, in the order of the list; back in folded order.
fn settle(
    job: &mut Job<'_, '_>,
    target: &Target,
    owned: Sorter,
    columns: &Columns,
    bad: &mut BadRows,
) -> Result<Option<(Sorted, u64, People)>, Fail> {
    let mut by_line = owned.finish()?;
    let mut people = None;
    let mut settled = job.sorter();
    let (mut done, mut count, mut payload) = (0, 0, Vec::new());
    while let Some(record) = by_line.next()? {
        done += 1;
        job.tick(Step::Checking, done, None)?;
        let people = match &mut people {
            Some(people) => people,
            none => none.insert(People::new(job, target.local, &target.campaign.rules)?),
        };
        let record = without_code(record.payload)?;
        let row = Listed::decode(record.payload)?;
        match people.settle(job, &row.contacts)? {
            Ok(person) => {
                tagged(person.unsigned_abs(), record.payload, &mut payload);
                settled.push(record.key, &payload)?;
                count += 1;
            }
            Err(fault) => {
                let first = row.contacts.first();
                let field = BadField {
                    place: first.and_then(|(kind, _)| columns.place_of(column_of(*kind)?)),
                    value: first.map_or_else(Vec::new, |(_, form)| form.as_bytes().to_vec()),
                    fault,
                };
                bad.push(&columns.bad_row(row.line, &field))?;
                job.bad = bad.count();
            }
        }
    }
    let Some(people) = people else {
        return Ok(None);
    };
    Ok(Some((settled.finish()?, count, people)))
}

fn column_of(kind: ContactKind) -> Option<Column> {
    match kind {
        ContactKind::Email => Some(Column::Email),
        ContactKind::Phone => Some(Column::Phone),
        ContactKind::ExternalId => Some(Column::ExternalId),
        ContactKind::Loyalty => None,
    }
}
