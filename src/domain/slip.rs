//! The slip: the paper that a customer takes home.

use serde::{Deserialize, Serialize};

/// Everything that the paper says, so that the same words can be printed again.
///
/// Texts are as given: whoever makes bytes of them keeps control characters out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slip {
    /// The store's name.
    pub store: String,
    /// The campaign.
    pub campaign: String,
    /// What the customer gets, in words.
    pub offer: String,
    /// The code as stored: what the QR holds.
    pub code: String,
    /// The customer's name, where they gave one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Until when it is valid, in words and the store's time.
    pub validity: String,
    /// When the code was given to the customer, in words and the store's time.
    pub issued: String,
    /// Which copy this is, from 1; 2 and above are reprints.
    pub copy: u32,
    /// A test code, that no counter honours.
    #[serde(default)]
    pub is_test: bool,
}
