//! The JSON of answers, as the contract lists its keys; readers ignore others.

use jiff::Timestamp;
use serde::Serialize;

use crate::domain::claim::Claim;
use crate::domain::ids::CampaignId;
use crate::domain::reversal::Reversal;
use crate::domain::verdict::{Answer, Story};

#[derive(Debug, Serialize)]
struct StoryJson<'a> {
    at: Timestamp,
    store: &'a str,
    counter: &'a str,
    operator: Option<&'a str>,
}

impl<'a> StoryJson<'a> {
    fn of(story: &'a Story) -> Self {
        StoryJson {
            at: story.at,
            store: &story.store,
            counter: &story.counter,
            operator: story.operator.as_deref(),
        }
    }
}

/// A verdict.
#[derive(Debug, Serialize)]
pub(crate) struct VerdictJson<'a> {
    verdict: &'static str,
    band: &'static str,
    certainty: &'static str,
    check: bool,
    code: Option<&'a str>,
    campaign: Option<&'a str>,
    offer: Option<&'a str>,
    uses_made: Option<u32>,
    uses: Option<u32>,
    expires_at: Option<Timestamp>,
    redemption_id: Option<&'a str>,
    key: &'a str,
    at: Timestamp,
    first: Option<StoryJson<'a>>,
    message: &'a str,
    overrode: &'a [&'static str],
}

impl<'a> VerdictJson<'a> {
    /// The JSON of an answer.
    pub(crate) fn of(answer: &'a Answer) -> Self {
        VerdictJson {
            verdict: answer.verdict.word(),
            band: answer.verdict.band().as_str(),
            certainty: answer.verdict.certainty().as_str(),
            check: answer.is_check,
            code: answer.code.as_deref(),
            campaign: answer.campaign.as_ref().map(CampaignId::as_str),
            offer: answer.offer.as_deref(),
            uses_made: answer.uses_made,
            uses: answer.uses,
            expires_at: answer.expires_at,
            redemption_id: answer.redemption_id.as_deref(),
            key: &answer.key,
            at: answer.at,
            first: answer.first.as_ref().map(StoryJson::of),
            message: &answer.message,
            overrode: &answer.overrode,
        }
    }
}

/// A reversal.
#[derive(Debug, Serialize)]
pub(crate) struct ReversalJson<'a> {
    reversal: &'static str,
    code: Option<&'a str>,
    redemption_id: Option<&'a str>,
    key: &'a str,
    at: Timestamp,
    message: &'static str,
}

impl<'a> ReversalJson<'a> {
    /// The JSON of a reversal.
    pub(crate) fn of(reversal: &'a Reversal) -> Self {
        ReversalJson {
            reversal: reversal.word.as_str(),
            code: reversal.code.as_deref(),
            redemption_id: reversal.redemption_id.as_deref(),
            key: &reversal.key,
            at: reversal.at,
            message: reversal.message(),
        }
    }
}

/// A claim.
#[derive(Debug, Serialize)]
pub(crate) struct ClaimJson<'a, S> {
    claim: &'static str,
    code: Option<&'a str>,
    state: Option<&'static str>,
    campaign: &'a str,
    assignment_id: Option<&'a str>,
    customer_id: Option<&'a str>,
    key: &'a str,
    expires_at: Option<Timestamp>,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fallback: Option<&'a str>,
    slip: Option<S>,
}

impl<'a, S: Serialize> ClaimJson<'a, S> {
    /// The JSON of a claim, and of what became of its slip.
    pub(crate) fn of(claim: &'a Claim, slip: Option<S>) -> Self {
        ClaimJson {
            claim: claim.word.as_str(),
            code: claim.code.as_deref(),
            state: claim.state,
            campaign: claim.campaign.as_str(),
            assignment_id: claim.assignment_id.as_deref(),
            customer_id: claim.customer_id.as_deref(),
            key: &claim.key,
            expires_at: claim.expires_at,
            message: claim.message(),
            fallback: claim.fallback.as_deref(),
            slip,
        }
    }
}
