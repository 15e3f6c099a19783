//! A customer as the desk sees one: masked contacts, and the codes they have.

use serde::Serialize;

/// A customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Customer {
    /// Their name in this ledger.
    pub customer_id: String,
    /// How they are known.
    pub contacts: Vec<MaskedContact>,
    /// Their codes, oldest first.
    pub codes: Vec<HeldCode>,
}

/// A contact, enough of it to recognise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MaskedContact {
    /// `email`, `phone`, `loyalty` or `external_id`.
    pub kind: &'static str,
    /// The masked contact.
    pub masked: String,
}

/// A code that a customer has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeldCode {
    /// The code as stored.
    pub code: String,
    /// Its campaign.
    pub campaign: String,
    /// Its state.
    pub state: &'static str,
    /// Uses made.
    pub uses_made: u32,
}
