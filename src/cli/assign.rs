//! `assign` and `replace`: one code to one customer, for tools and for the desk alike.

use std::io::Write;

use crate::cli::args::{AssignArgs, ReplaceArgs};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::json::ClaimJson;
use crate::desk::{mint_key, random};
use crate::domain::campaign::ContactKind;
use crate::domain::claim::Claim;
use crate::domain::code::grouped;
use crate::ledger::{ClaimRequest, ReplaceRequest};

pub(super) fn assign(
    context: &Context,
    args: &AssignArgs,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let mut ledger = context.open()?;
    let act = context.act()?;
    let minted = mint_key(act.now)?;
    let contacts: Vec<(ContactKind, String)> = [
        (ContactKind::Email, &args.email),
        (ContactKind::Phone, &args.phone),
        (ContactKind::Loyalty, &args.loyalty),
        (ContactKind::ExternalId, &args.external_id),
    ]
    .into_iter()
    .filter_map(|(kind, text)| Some((kind, text.clone()?)))
    .collect();
    let request = ClaimRequest {
        campaign: &args.campaign,
        contacts: &contacts,
        context: args.context,
        key: args.key.as_ref(),
        minted: &minted,
        trigger: args.trigger.as_deref(),
        resends: args.resend,
        prints: false,
        random: random()?,
    };
    let claim = ledger.assign(&request, &act)??;
    tell(context, &claim, Some(args.campaign.as_str()), out)
}

pub(super) fn replace(
    context: &mut Context,
    args: &ReplaceArgs,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let mut ledger = context.open()?;
    context.need_manager(&mut ledger)?;
    let act = context.act()?;
    let minted = mint_key(act.now)?;
    let claim = ledger.replace(
        &ReplaceRequest {
            raw: args.code.as_bytes(),
            reason: &args.reason,
            key: args.key.as_ref(),
            minted: &minted,
            // Whoever replaces here has shown to be a manager.
            approved_by: None,
            prints: false,
            random: random()?,
        },
        &act,
    )??;
    let campaign = ledger
        .life(args.code.as_bytes())?
        .ok()
        .map(|life| life.campaign);
    tell(context, &claim, campaign.as_deref(), out)
}

fn tell(
    context: &Context,
    claim: &Claim,
    campaign: Option<&str>,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    if context.is_json {
        let line = ClaimJson::of(claim, campaign);
        writeln!(out, "{}", serde_json::to_string(&line)?)?;
    } else {
        let code = claim.code.as_deref().map(grouped).unwrap_or_default();
        let state = claim.state.unwrap_or_default();
        writeln!(
            out,
            "{}  {code}  {state}  {}",
            claim.word.as_str().to_uppercase().replace('_', " "),
            claim.word.message()
        )?;
    }
    Ok(claim.word.exit_code())
}
