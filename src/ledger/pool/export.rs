//! Giving a campaign's codes out as rows, in pages, so that no view of the ledger is held for long.

use std::io;

use jiff::Timestamp;

use crate::domain::campaign::ContactKind;
use crate::domain::entry::instant;
use crate::domain::ids::CampaignId;
use crate::domain::refusal::Refusal;
use crate::domain::verdict::CodeState;
use crate::ledger::codes::state_of;
use crate::ledger::customers::{kind_number, public_id};
use crate::ledger::engine::Tx;
use crate::ledger::error::{Cause, Naming as _};
use crate::ledger::{Ledger, LedgerError, campaigns};

/// Codes read in one go.
const PAGE: i64 = 10_000;

/// A code as it is given out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportedCode {
    /// The code as stored.
    pub code: String,
    /// Its state.
    pub state: CodeState,
    /// How often it was used.
    pub uses_made: u32,
    /// Whose it is.
    pub customer_id: Option<String>,
    /// Their e-mail address, the first if there are several.
    pub email: Option<String>,
    /// Their telephone number.
    pub phone: Option<String>,
    /// Another system's name for them.
    pub external_id: Option<String>,
    /// When it expires by itself.
    pub expires_at: Option<Timestamp>,
}

impl Ledger {
    /// Hands over a campaign's codes of some states (none named: of all), in the order of storage.
    pub fn export_codes(
        &mut self,
        campaign: &CampaignId,
        states: &[CodeState],
        take: &mut dyn FnMut(ExportedCode) -> io::Result<()>,
    ) -> Result<Result<u64, Refusal>, LedgerError> {
        export(self, campaign, states, take).naming("export codes of", campaign.as_str())
    }
}

fn export(
    ledger: &mut Ledger,
    id: &CampaignId,
    states: &[CodeState],
    take: &mut dyn FnMut(ExportedCode) -> io::Result<()>,
) -> Result<Result<u64, Refusal>, Cause> {
    let Some((campaign, _)) = ledger.engine.read(|tx| campaigns::find(tx, id))? else {
        return Ok(Err(Refusal::NoSuchCampaign(id.clone())));
    };
    let blocks = ledger.engine.read(|tx| {
        tx.all(
            "SELECT first_code, code_count FROM batch WHERE campaign = $1 AND is_published = 1 \
             ORDER BY first_code",
            &[campaign.into()],
            |row| Ok((row.int(0)?, row.int(1)?)),
        )
    })?;
    let mut given = 0;
    for (first, count) in blocks {
        let end = first + count;
        let mut next = first;
        while next < end {
            let page_end = end.min(next + PAGE);
            for code in ledger.engine.read(|tx| page(tx, next, page_end, states))? {
                take(code)?;
                given += 1;
            }
            next = page_end;
        }
    }
    Ok(Ok(given))
}

fn page(
    tx: &Tx<'_>,
    first: i64,
    end: i64,
    states: &[CodeState],
) -> Result<Vec<ExportedCode>, Cause> {
    let mut found = Vec::new();
    let rows = tx.all(
        "SELECT coalesce(shown, folded), state, uses_made, customer, expires_at_ms FROM code \
         WHERE id >= $1 AND id < $2 ORDER BY id",
        &[first.into(), end.into()],
        |row| {
            let state = state_of(row.int(1)?)?;
            if !states.is_empty() && !states.contains(&state) {
                return Ok(None);
            }
            let code = ExportedCode {
                code: row.text(0)?,
                state,
                uses_made: row.count(2)?,
                customer_id: None,
                email: None,
                phone: None,
                external_id: None,
                expires_at: row.maybe_int(4)?.map(instant),
            };
            Ok(Some((code, row.maybe_int(3)?)))
        },
    )?;
    for (mut code, customer) in rows.into_iter().flatten() {
        if let Some(customer) = customer {
            code.customer_id = Some(public_id(tx, customer)?);
            code.email = first_contact(tx, customer, ContactKind::Email)?;
            code.phone = first_contact(tx, customer, ContactKind::Phone)?;
            code.external_id = first_contact(tx, customer, ContactKind::ExternalId)?;
        }
        found.push(code);
    }
    Ok(found)
}

fn first_contact(tx: &Tx<'_>, customer: i64, kind: ContactKind) -> Result<Option<String>, Cause> {
    tx.one(
        "SELECT normal_form FROM contact WHERE customer = $1 AND kind = $2 ORDER BY normal_form",
        &[customer.into(), kind_number(kind).into()],
        |row| row.text(0),
    )
}
