//! What the desk does upon the orders of the page of the campaigns, and the answer to each.

use std::path::Path;

use jiff::Timestamp;

use crate::desk::Desk;
use crate::domain::campaign::{Campaign, Rules};
use crate::domain::campaign_sheet::{CampaignChange, CampaignChanged};
use crate::domain::code::grouped;
use crate::domain::ids::CampaignId;
use crate::domain::local_time::in_words;
use crate::ledger::{Ledger, LedgerError};
use crate::tui::back_order::BackTold;
use crate::tui::campaign_order::{CampaignList, CampaignOrder, CampaignTold};
use crate::tui::msg::{ApprovalAsk, Msg};
use crate::tui::runner::orders::{Answered, approved};
use crate::tui::runner::work_orders::WorkJob;

/// Carries out one order; what the ledger could not do is an answer too, on the page that asked. Weighing
/// goes through a campaign's codes, and is handed on.
pub(super) fn answer(desk: &mut Desk, order: CampaignOrder, now: Timestamp) -> Answered {
    let told = match order {
        CampaignOrder::List => list(desk, now).map_or_else(
            |error| CampaignTold::NotListed(words(&error)),
            CampaignTold::Listed,
        ),
        CampaignOrder::Weigh {
            number,
            campaign,
            given,
        } => match desk.rules_after(&campaign, &given) {
            Ok(Ok(after)) => {
                return Answered::Work(WorkJob::Weigh(Weighing {
                    number,
                    campaign,
                    after: Box::new(after),
                    now,
                }));
            }
            Ok(Err(refusal)) => CampaignTold::Refused(refusal.to_string()),
            Err(error) => CampaignTold::Failed(words(&error)),
        },
        CampaignOrder::Change {
            campaign,
            change,
            approval,
        } => carried_out(desk, &campaign, &change, approval, now)
            .unwrap_or_else(|error| CampaignTold::Failed(words(&error))),
    };
    Answered::Told(Some(Msg::BackTold(BackTold::Campaign(told))))
}

fn words(error: &LedgerError) -> String {
    format!("{error}. {}", error.hint())
}

fn list(desk: &mut Desk, now: Timestamp) -> Result<CampaignList, LedgerError> {
    Ok(CampaignList {
        sheets: desk.campaign_sheets(now)?,
        zone: desk.zone()?,
        elsewhere: desk
            .campaigns_elsewhere()?
            .map(|refusal| refusal.to_string()),
    })
}

/// A change of rules that is to be weighed.
pub(super) struct Weighing {
    /// Which question it is.
    number: u64,
    campaign: CampaignId,
    after: Box<Rules>,
    now: Timestamp,
}

impl Weighing {
    /// What the change would do to codes; `folder` is the ledger's.
    pub(super) fn answer(&self, folder: &Path) -> CampaignTold {
        let weighed = Ledger::open_reading(folder)
            .and_then(|mut ledger| ledger.weigh_rules(&self.campaign, &self.after, self.now));
        match weighed {
            Ok(Ok(hits)) => CampaignTold::Weighed {
                number: self.number,
                lines: hits.iter().map(ToString::to_string).collect(),
            },
            Ok(Err(refusal)) => CampaignTold::Refused(refusal.to_string()),
            Err(error) => CampaignTold::Failed(words(&error)),
        }
    }
}

fn carried_out(
    desk: &mut Desk,
    campaign: &CampaignId,
    change: &CampaignChange,
    approval: Option<ApprovalAsk>,
    now: Timestamp,
) -> Result<CampaignTold, LedgerError> {
    let approval = match approved(desk, approval, "campaigns", now)? {
        Ok(approval) => approval,
        Err(words) => return Ok(CampaignTold::Refused(words)),
    };
    let changed = match desk.change_campaign(campaign, change, &approval, now)? {
        Ok(changed) => changed,
        Err(refusal) => return Ok(CampaignTold::Refused(refusal.to_string())),
    };
    let zone = desk.zone()?;
    let (words, lines) = match changed {
        CampaignChanged::Stands(campaign) => (done_words(change, &campaign), Vec::new()),
        CampaignChanged::Tests(test_mode) => (test_mode.begun_in_words(&zone), Vec::new()),
        CampaignChanged::Live(end) => {
            let drawn = end.drawn.iter().map(|drawn| {
                let at = in_words(drawn.at, &zone);
                format!("{at}  {}  {}", grouped(&drawn.code), drawn.customer_id)
            });
            (end.in_words(), drawn.collect())
        }
    };
    Ok(CampaignTold::Changed { words, lines })
}

fn done_words(change: &CampaignChange, campaign: &Campaign) -> String {
    let id = &campaign.id;
    match change {
        CampaignChange::Create(_) => format!("{id} has begun; it has no codes yet"),
        CampaignChange::Pause => {
            format!("{id} is PAUSED: its codes are refused until it is resumed")
        }
        CampaignChange::Resume => format!("{id} is resumed: its codes are honoured again"),
        CampaignChange::Set(_) | CampaignChange::TestOn { .. } | CampaignChange::TestOff => {
            format!(
                "{id} is changed; its rules are revision {}",
                campaign.revision
            )
        }
    }
}
