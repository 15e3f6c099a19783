//! Campaigns at the counter: how each stands, and what a manager changes about them.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::desk::{Desk, act, random};
use crate::domain::campaign::Rules;
use crate::domain::campaign_sheet::{CampaignChange, CampaignChanged, CampaignSheet};
use crate::domain::given_rule::{GivenRule, put_over};
use crate::domain::ids::{CampaignId, MalformedName};
use crate::domain::local_time::Boundary;
use crate::domain::pool::PoolFigures;
use crate::domain::refusal::Refusal;
use crate::domain::test_mode::USUAL_LENGTH_MS;
use crate::domain::verdict::Approval;
use crate::ledger::{Act, LedgerError};

impl Desk {
    /// Every campaign, in the order of their beginning.
    pub fn campaign_sheets(&mut self, now: Timestamp) -> Result<Vec<CampaignSheet>, LedgerError> {
        let campaigns = self.ledger.campaigns()?;
        let test_modes = self.ledger.campaigns_in_test_mode(now)?;
        let pools = self.pools(now)?;
        let sheets = campaigns.into_iter().map(|campaign| {
            let pool = pools.iter().find(|pool| pool.campaign == campaign.id);
            let mut test_modes = test_modes.iter();
            CampaignSheet {
                test_mode: test_modes
                    .find(|test_mode| test_mode.campaign == campaign.id)
                    .cloned(),
                left: pool.map_or(0, PoolFigures::left),
                claimable: pool.map_or(0, |pool| pool.claimable),
                campaign,
            }
        });
        Ok(sheets.collect())
    }

    /// Why campaigns cannot be changed here; none: they can.
    pub fn campaigns_elsewhere(&mut self) -> Result<Option<Refusal>, LedgerError> {
        let link = self.ledger.hub_link()?;
        Ok(link.map(|link| Refusal::PoolsAtTheHub(link.url)))
    }

    /// The rules of a campaign with what was given put over them; changes nothing.
    pub fn rules_after(
        &mut self,
        id: &CampaignId,
        given: &[GivenRule],
    ) -> Result<Result<Rules, Refusal>, LedgerError> {
        let zone = self.zone()?;
        let campaign = match self.ledger.campaign(id)? {
            Ok(campaign) => campaign,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let mut rules = campaign.rules;
        Ok(put_over(given, &mut rules, &zone)
            .map(|()| rules)
            .map_err(faulty))
    }

    /// Changes a campaign, as the manager who approves it.
    pub fn change_campaign(
        &mut self,
        id: &CampaignId,
        change: &CampaignChange,
        approval: &Approval,
        now: Timestamp,
    ) -> Result<Result<CampaignChanged, Refusal>, LedgerError> {
        let act = act(&self.counter, approval.by.as_deref(), now)?;
        let campaign = match change {
            CampaignChange::Create(given) => {
                let mut rules = Rules::new("");
                if let Err(fault) = put_over(given, &mut rules, &self.zone()?) {
                    return Ok(Err(faulty(fault)));
                }
                self.ledger.create_campaign(id, &rules, &random()?, &act)?
            }
            CampaignChange::Set(given) => match self.rules_after(id, given)? {
                Ok(after) => {
                    let zone = self.zone()?;
                    let change = |stored: &mut Rules| {
                        if put_over(given, stored, &zone).is_err() {
                            stored.clone_from(&after);
                        }
                    };
                    self.ledger.set_campaign(id, change, &act)?
                }
                Err(refusal) => Err(refusal),
            },
            CampaignChange::Pause => self.ledger.pause_campaign(id, true, &act)?,
            CampaignChange::Resume => self.ledger.pause_campaign(id, false, &act)?,
            CampaignChange::TestOn { customers, until } => {
                return self.begin_test_mode(id, customers, *until, &act);
            }
            CampaignChange::TestOff => {
                let ended = self.ledger.test_mode_off(id, &act)?;
                return Ok(ended.map(CampaignChanged::Live));
            }
        };
        Ok(campaign.map(|campaign| CampaignChanged::Stands(Box::new(campaign))))
    }

    fn begin_test_mode(
        &mut self,
        id: &CampaignId,
        customers: &[String],
        until: Option<Boundary>,
        act: &Act,
    ) -> Result<Result<CampaignChanged, Refusal>, LedgerError> {
        let until = match until {
            None => act.now + SignedDuration::from_millis(USUAL_LENGTH_MS),
            Some(boundary) => match boundary.ends_at(&self.zone()?) {
                Some(until) => until,
                None => return Ok(Err(Refusal::Faulty("the time is out of range".to_owned()))),
            },
        };
        let mut named = Vec::new();
        for customer in customers {
            named.push((customer.clone(), random()?));
        }
        let begun = self.ledger.test_mode_on(id, &named, until, act)?;
        Ok(begun.map(CampaignChanged::Tests))
    }

    /// The store's time zone.
    pub fn zone(&mut self) -> Result<TimeZone, LedgerError> {
        Ok(self.ledger.place()?.zone)
    }
}

fn faulty(fault: MalformedName) -> Refusal {
    Refusal::Faulty(fault.0)
}
