//! What a body asks: read strictly, so that a mistyped field is told and never passed over.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::domain::campaign::ContactKind;
use crate::domain::claim::ClaimContext;
use crate::domain::ids::{CampaignId, Key, MalformedName, is_plain_name};
use crate::domain::notes::{Note, Notes};
use crate::http::fault::Fault;
use crate::sync::intake;

/// A longer text is no scan.
const CODE_BYTES_MAX: usize = 8192;

/// A question to the ledger.
#[derive(Debug)]
pub(super) enum Ask {
    /// Whether the token is let in; nothing else.
    Knock,
    /// Whether the ledger answers.
    Health,
    Claim(Box<AskedClaim>),
    Redemption(Box<AskedRedemption>),
    Pools,
    /// What a store asks; whether it is asked for the last time.
    Sync(Arc<intake::Request>, bool),
}

impl Ask {
    /// Whether answering it stores something.
    pub(super) fn writes(&self) -> bool {
        matches!(self, Ask::Claim(_) | Ask::Redemption(_))
    }
}

/// A claim, each field well-formed.
#[derive(Debug)]
pub(super) struct AskedClaim {
    pub(super) campaign: CampaignId,
    pub(super) contacts: Vec<(ContactKind, String)>,
    pub(super) name: Option<String>,
    pub(super) context: ClaimContext,
    pub(super) key: Option<Key>,
    pub(super) trigger: Option<String>,
    pub(super) notes: Notes,
    pub(super) resends: bool,
}

/// A redemption, each field well-formed.
#[derive(Debug)]
pub(super) struct AskedRedemption {
    pub(super) code: String,
    pub(super) campaign: Option<CampaignId>,
    pub(super) key: Option<Key>,
    pub(super) is_check: bool,
    pub(super) receipt: Option<String>,
    pub(super) customer: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClaimBody {
    campaign: String,
    email: Option<String>,
    phone: Option<String>,
    loyalty: Option<String>,
    external_id: Option<String>,
    name: Option<String>,
    context: Option<String>,
    key: Option<String>,
    trigger: Option<String>,
    notes: Option<BTreeMap<String, String>>,
    resend: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RedemptionBody {
    code: String,
    campaign: Option<String>,
    key: Option<String>,
    check: Option<bool>,
    receipt: Option<String>,
    customer: Option<String>,
}

/// Reads the body of a claim.
pub(super) fn claim(body: &[u8]) -> Result<Ask, Fault> {
    let body: ClaimBody = object(body)?;
    let contacts = [
        (ContactKind::Email, body.email),
        (ContactKind::Phone, body.phone),
        (ContactKind::Loyalty, body.loyalty),
        (ContactKind::ExternalId, body.external_id),
    ];
    if !body
        .trigger
        .as_deref()
        .is_none_or(|text| is_plain_name(text, 200))
    {
        return Err(Fault::malformed_field(
            "trigger: use 1 to 200 characters without control characters",
        ));
    }
    Ok(Ask::Claim(Box::new(AskedClaim {
        campaign: field("campaign", &body.campaign)?,
        contacts: contacts
            .into_iter()
            .filter_map(|(kind, text)| Some((kind, text?)))
            .collect(),
        name: body.name,
        context: maybe("context", body.context.as_deref())?.unwrap_or(ClaimContext::Send),
        key: maybe("key", body.key.as_deref())?,
        trigger: body.trigger,
        notes: notes(&body.notes.unwrap_or_default())?,
        resends: body.resend.unwrap_or(false),
    })))
}

/// Reads the body of a redemption.
pub(super) fn redemption(body: &[u8]) -> Result<Ask, Fault> {
    let body: RedemptionBody = object(body)?;
    if body.code.len() > CODE_BYTES_MAX {
        return Err(Fault::malformed_field(
            "code: more than 8192 bytes are no code",
        ));
    }
    Ok(Ask::Redemption(Box::new(AskedRedemption {
        campaign: maybe("campaign", body.campaign.as_deref())?,
        key: maybe("key", body.key.as_deref())?,
        is_check: body.check.unwrap_or(false),
        code: body.code,
        receipt: body.receipt,
        customer: body.customer,
    })))
}

/// Reads what a store asks.
pub(super) fn sync(route: intake::Route, body: &[u8]) -> Result<Arc<intake::Request>, Fault> {
    intake::read(route, body)
        .map(Arc::new)
        .map_err(|fault| unreadable(&fault))
}

fn object<T: DeserializeOwned>(body: &[u8]) -> Result<T, Fault> {
    serde_json::from_slice(body).map_err(|fault| unreadable(&fault))
}

fn unreadable(fault: &serde_json::Error) -> Fault {
    if fault.is_data() {
        Fault::malformed_field(fault.to_string())
    } else {
        Fault::malformed_body(format!("the body is not JSON: {fault}"))
    }
}

fn field<T: FromStr<Err = MalformedName>>(name: &str, text: &str) -> Result<T, Fault> {
    text.parse()
        .map_err(|fault: MalformedName| Fault::malformed_field(format!("{name}: {fault}")))
}

fn maybe<T: FromStr<Err = MalformedName>>(
    name: &str,
    text: Option<&str>,
) -> Result<Option<T>, Fault> {
    text.map(|text| field(name, text)).transpose()
}

fn notes(notes: &BTreeMap<String, String>) -> Result<Notes, Fault> {
    let notes = notes
        .iter()
        .map(|(name, value)| {
            if name.contains('=') {
                // The first one would end the name.
                return Err(Fault::malformed_field("notes: a name holds no '='"));
            }
            field::<Note>("notes", &format!("{name}={value}"))
        })
        .collect::<Result<Vec<_>, _>>()?;
    Notes::of(&notes).map_err(|fault| Fault::malformed_field(format!("notes: {fault}")))
}
