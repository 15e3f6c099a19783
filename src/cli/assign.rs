//! `assign` and `replace`: one code to one customer, for tools and for the desk alike.

use std::io::Write;

use crate::cli::args::{AssignArgs, ReplaceArgs};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::hub_line::Line;
use crate::cli::print::{SlipJson, need_printer, print_job};
use crate::desk::{self, HubLine, SlipPrinter, mint_key, random};
use crate::domain::campaign::ContactKind;
use crate::domain::claim::Claim;
use crate::domain::code::grouped;
use crate::domain::escape::for_display;
use crate::domain::json::ClaimJson;
use crate::domain::notes::Notes;
use crate::ledger::{ClaimRequest, Ledger, ReplaceRequest};

pub(super) fn assign(
    context: &Context,
    args: &AssignArgs,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let printer = args.print.then(|| need_printer(context)).transpose()?;
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
        notes: Notes::of(&args.notes)?,
        resends: args.resend,
        prints: printer.is_some(),
        name: args.name.as_deref(),
        consents: args.consent,
        random: random()?,
    };
    let mut line = Line::of(&mut ledger)?;
    let line = line.as_mut().map(|line| line as &mut dyn HubLine);
    let claim = desk::assign(&mut ledger, &request, line, &act)??;
    let slip = print_slip(printer.as_ref(), &mut ledger, &claim)?;
    tell(context, &claim, slip, out)
}

pub(super) fn replace(
    context: &mut Context,
    args: &ReplaceArgs,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let printer = args.print.then(|| need_printer(context)).transpose()?;
    let mut ledger = context.open()?;
    context.need_manager(&mut ledger)?;
    let act = context.act()?;
    let minted = mint_key(act.now)?;
    let request = ReplaceRequest {
        raw: args.code.as_bytes(),
        reason: &args.reason,
        key: args.key.as_ref(),
        minted: &minted,
        // Whoever replaces here has shown to be a manager.
        approved_by: None,
        only_unused: false,
        prints: printer.is_some(),
        random: random()?,
    };
    let mut line = Line::of(&mut ledger)?;
    let line = line.as_mut().map(|line| line as &mut dyn HubLine);
    let claim = desk::replace(&mut ledger, &request, line, &act)??;
    let slip = print_slip(printer.as_ref(), &mut ledger, &claim)?;
    tell(context, &claim, slip, out)
}

/// Prints what the claim has stored to be printed.
fn print_slip(
    printer: Option<&SlipPrinter>,
    ledger: &mut Ledger,
    claim: &Claim,
) -> Result<Option<SlipJson>, Failure> {
    printer
        .zip(claim.slip.as_ref())
        .map(|(printer, job)| print_job(printer, ledger, job))
        .transpose()
}

fn tell(
    context: &Context,
    claim: &Claim,
    slip: Option<SlipJson>,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let slip_exit = slip.as_ref().map_or(0, SlipJson::exit_code);
    if context.is_json {
        let line = ClaimJson::of(claim, slip);
        writeln!(out, "{}", serde_json::to_string(&line)?)?;
    } else {
        let code = claim.code.as_deref().map(grouped).unwrap_or_default();
        let state = claim.state.unwrap_or_default();
        writeln!(
            out,
            "{}  {code}  {state}  {}",
            claim.word.as_str().to_uppercase().replace('_', " "),
            for_display(&claim.message())
        )?;
        if let Some(slip) = &slip {
            writeln!(out, "slip: {}", for_display(slip.message()))?;
        }
    }
    // The claim's own answer first: the paper of a code that was given can be printed again.
    Ok(claim.word.exit_code().max(slip_exit))
}
