//! Whom a desk has before it, while their contact is still being typed: a look that changes and
//! keeps nothing.

use jiff::Timestamp;

use crate::domain::campaign::{Campaign, ContactKind};
use crate::domain::claim::{Look, Looked, LookedCode, tells_oldest, told_state};
use crate::domain::code::last_letters;
use crate::domain::contact::{PhoneRegion, normal_form};
use crate::domain::entry::instant;
use crate::domain::ids::CampaignId;
use crate::domain::refusal::Refusal;
use crate::domain::verdict::CodeState;
use crate::ledger::assign::{customers_named, identifying};
use crate::ledger::codes::{by_id, state_number};
use crate::ledger::customers::public_id;
use crate::ledger::engine::Tx;
use crate::ledger::error::Cause;
use crate::ledger::{Ledger, LedgerError, campaigns, test_mode};

/// Ended codes of one customer that are looked past, beside those they may have.
const ENDED_MAX: u32 = 1000;

impl Ledger {
    /// Who the contacts name in a campaign, and what they have of it, at this instant. Claims
    /// nothing, writes nothing, keeps no attempt; every row it reads is found by an index, and of
    /// one customer it reads at most the codes they may have and 1000 more.
    pub fn look_for(
        &mut self,
        campaign: &CampaignId,
        contacts: &[(ContactKind, String)],
        now: Timestamp,
    ) -> Result<Result<Look, Refusal>, LedgerError> {
        let region = self.phone_region;
        self.read("look for a customer of", campaign.as_str(), |tx| {
            look(tx, campaign, (contacts, region), now)
        })
    }
}

fn look(
    tx: &Tx<'_>,
    id: &CampaignId,
    (contacts, region): (&[(ContactKind, String)], Option<PhoneRegion>),
    now: Timestamp,
) -> Result<Result<Look, Refusal>, Cause> {
    let Some((local, campaign)) = campaigns::find(tx, id)? else {
        return Ok(Err(Refusal::NoSuchCampaign(id.clone())));
    };
    let mut forms = Vec::new();
    for (kind, text) in contacts {
        match normal_form(*kind, text, region) {
            Ok(form) => forms.push((*kind, form)),
            Err(fault) => {
                return Ok(Ok(Look::Invalid {
                    kind: *kind,
                    why: fault.0,
                }));
            }
        }
    }
    let naming = identifying(&campaign.rules, &forms);
    let mut customers = customers_named(tx, (local, &campaign.rules), &naming)?.into_iter();
    Ok(Ok(match (customers.next(), customers.next()) {
        (None, _) => Look::Nobody,
        (Some(customer), None) => Look::One(looked_at(tx, (local, &campaign), customer, now)?),
        (Some(_), Some(_)) => Look::Several,
    }))
}

fn looked_at(
    tx: &Tx<'_>,
    (local, campaign): (i64, &Campaign),
    customer: i64,
    now: Timestamp,
) -> Result<Looked, Cause> {
    let per_customer = campaign.rules.per_customer;
    let live = tx.all(
        "SELECT k.code FROM (SELECT s.slot AS slot, s.code AS code, c.state AS state \
         FROM customer_slot s JOIN code c ON c.id = s.code JOIN batch b ON b.id = c.batch \
         WHERE s.campaign = $1 AND s.customer = $2 AND b.is_published = 1 ORDER BY s.slot DESC LIMIT $3) k \
         WHERE k.state <> $4 ORDER BY k.slot DESC",
        &[
            local.into(),
            customer.into(),
            per_customer.saturating_add(ENDED_MAX).into(),
            state_number(CodeState::Void).into(),
        ],
        |row| row.int(0),
    )?;
    let codes_held = u32::try_from(live.len()).unwrap_or(u32::MAX);
    let told = if tells_oldest(codes_held, per_customer) {
        live.last()
    } else {
        live.first()
    };
    let newest = match told {
        Some(code) => by_id(tx, *code)?,
        None => None,
    };
    Ok(Looked {
        customer_id: public_id(tx, customer)?,
        newest: newest.map(|row| {
            let expires_at = campaign.rules.end_of_code(row.expires_at_ms.map(instant));
            let (state, is_usable) = told_state(row.state, expires_at, now);
            LookedCode {
                masked: last_letters(row.as_stored()),
                state,
                is_usable,
                expires_at,
            }
        }),
        codes_held,
        per_customer,
        is_tester: test_mode::is_tester(tx, local, customer, now)?,
    })
}
