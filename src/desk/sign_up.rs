//! Signing customers up: the campaigns, whose contact it is, the claim, and taking it back.

use jiff::Timestamp;

use crate::desk::{Desk, mint_key, random};
use crate::domain::campaign::{Campaign, ContactKind};
use crate::domain::claim::{Claim, ClaimContext, Look};
use crate::domain::ids::CampaignId;
use crate::domain::log::Life;
use crate::domain::notes::Notes;
use crate::domain::refusal::Refusal;
use crate::domain::sign_up::{GivenOutChoice, SignUpAsk, SignUpRoom};
use crate::ledger::{ClaimRequest, LedgerError};

/// What the log says set a claim of this desk off.
const TRIGGER: &str = "sign-up";

/// How many codes are listed to be taken back.
const SHOWN_MAX: usize = 20;

/// The claim of a sign-up.
pub(super) fn claim_of(ask: &SignUpAsk, random: [u8; 14]) -> ClaimRequest<'_> {
    ClaimRequest {
        campaign: &ask.campaign,
        contacts: &ask.contacts,
        context: ClaimContext::Send,
        key: Some(&ask.key),
        minted: &ask.key,
        trigger: Some(TRIGGER),
        notes: Notes::default(),
        resends: false,
        prints: ask.prints,
        name: ask.name.as_deref(),
        consents: ask.consents,
        random,
    }
}

impl Desk {
    /// What a sign-up desk has to choose from, and a key for its next form.
    pub fn sign_up_room(&mut self, now: Timestamp) -> Result<SignUpRoom, LedgerError> {
        let campaigns = self.ledger.campaigns()?;
        Ok(SignUpRoom {
            first: self.first_campaign(&campaigns, now)?,
            campaigns,
            key: mint_key(now)?,
        })
    }

    /// The campaign of this counter's newest sign-up, however long ago; else the newest that has
    /// codes to give. Neither if it gives nothing now.
    fn first_campaign(
        &mut self,
        campaigns: &[Campaign],
        now: Timestamp,
    ) -> Result<Option<CampaignId>, LedgerError> {
        let is_live = |id: &CampaignId| {
            let mut all = campaigns.iter();
            all.any(|campaign| campaign.id == *id && campaign.is_live(now))
        };
        let act = self.act(now)?;
        let given = self.ledger.given_out_campaigns(&act)?;
        if let Some(newest) = given.into_iter().find(is_live) {
            return Ok(Some(newest));
        }
        let pools = self.ledger.pools(None, now)?.unwrap_or_default();
        let has_codes = |id: &CampaignId| {
            let mut all = pools.iter();
            all.any(|pool| pool.campaign == *id && pool.available > 0)
        };
        let mut newest_first = campaigns.iter().rev().map(|campaign| &campaign.id);
        Ok(newest_first
            .find(|id| is_live(id) && has_codes(id))
            .cloned())
    }

    /// Whom the contacts name, and what they have of the campaign; changes nothing.
    pub fn look_for(
        &mut self,
        campaign: &CampaignId,
        contacts: &[(ContactKind, String)],
        now: Timestamp,
    ) -> Result<Result<Look, Refusal>, LedgerError> {
        self.ledger.look_for(campaign, contacts, now)
    }

    /// Gives a customer a code of their own, or says which they have. Asked again under its key it
    /// is the same act.
    pub fn sign_up(
        &mut self,
        ask: &SignUpAsk,
        now: Timestamp,
    ) -> Result<Result<Claim, Refusal>, LedgerError> {
        let act = self.act(now)?;
        self.ledger.assign(&claim_of(ask, random()?), &act)
    }

    /// The codes that this counter has given out lately, and may take back.
    pub fn given_out(&mut self, now: Timestamp) -> Result<Vec<GivenOutChoice>, LedgerError> {
        let act = self.act(now)?;
        self.ledger.given_out_choices(SHOWN_MAX, &act)
    }

    /// Takes a code back that this counter has just given out.
    pub fn cancel(
        &mut self,
        code: &str,
        reason: &str,
        now: Timestamp,
    ) -> Result<Result<Life, Refusal>, LedgerError> {
        let act = self.act(now)?;
        self.ledger.cancel(code.as_bytes(), reason, &act)
    }
}
