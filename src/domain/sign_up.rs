//! The sign-up desk: what it asks for a customer, and what it may take back.

use jiff::Timestamp;

use crate::domain::campaign::{Campaign, ContactKind};
use crate::domain::ids::{CampaignId, Key};

/// What a sign-up desk has to choose from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignUpRoom {
    /// Every campaign, in the order of their beginning.
    pub campaigns: Vec<Campaign>,
    /// The campaign that a form begins with: of the newest sign-up at this counter, or with codes.
    pub first: Option<CampaignId>,
    /// A fresh key, for the next form.
    pub key: Key,
}

/// A filled form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignUpAsk {
    /// Of which campaign.
    pub campaign: CampaignId,
    /// What the customer is called.
    pub name: Option<String>,
    /// How they are known, as typed.
    pub contacts: Vec<(ContactKind, String)>,
    /// Whether they agree to be written to.
    pub consents: bool,
    /// The form's key: asked again, it is the same act.
    pub key: Key,
    /// Whether a slip is to be printed.
    pub prints: bool,
}

/// A code that this counter has given out lately, and may take back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenOutChoice {
    /// The code as stored.
    pub code: String,
    /// Its campaign.
    pub campaign: CampaignId,
    /// What the customer gets.
    pub offer: String,
    /// What they are called, where they said so.
    pub name: Option<String>,
    /// When it was given out.
    pub at: Timestamp,
}
