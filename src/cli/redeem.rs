//! `redeem` and `reverse`.

use std::io::{self, BufRead, Write};

use crate::cli::args::{RedeemArgs, ReverseArgs};
use crate::cli::context::{Context, now};
use crate::cli::failure::Failure;
use crate::cli::hub_line::Line;
use crate::desk::{self, HubLine, mint_key};
use crate::domain::code::grouped;
use crate::domain::escape::for_display;
use crate::domain::ids::Key;
use crate::domain::json::{ReversalJson, VerdictJson};
use crate::domain::refusal::Refusal;
use crate::domain::reversal::ReversalWord;
use crate::domain::verdict::{Answer, Approval, Band, Verdict};
use crate::ledger::{Ledger, Scan, Undo, UndoRequest};

/// A line of standard input longer than this is no scan; the rest of it is counted and dropped.
const LINE_BYTES_MAX: usize = 8192;

pub(super) fn redeem(
    context: &mut Context,
    args: &RedeemArgs,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let mut ledger = context.open()?;
    if let Some(campaign) = &args.campaign {
        // A campaign that does not exist is wrong usage; another one's code is a verdict.
        ledger.campaign(campaign)??;
    }
    let approval = match (&args.reason, args.overrides) {
        (Some(reason), true) => Some(context.approval(&mut ledger, reason)?),
        _ => None,
    };
    let mut line = Line::of(&mut ledger)?;
    let Some(code) = &args.code else {
        let at = (&mut ledger, line.as_mut());
        return every_line(context, at, args, approval.as_ref(), out);
    };
    let answer = one(
        context,
        (&mut ledger, line.as_mut()),
        args,
        approval.as_ref(),
        code.as_bytes(),
        args.key.as_ref(),
    )?;
    write_answer(context, &answer, out)?;
    Ok(answer.verdict.band().exit_code())
}

fn one(
    context: &Context,
    (ledger, line): (&mut Ledger, Option<&mut Line>),
    args: &RedeemArgs,
    approval: Option<&Approval>,
    raw: &[u8],
    key: Option<&Key>,
) -> Result<Answer, Failure> {
    let act = context.act()?;
    let minted = mint_key(act.now)?;
    let gs1 = context.config.scanner.gs1();
    let scan = Scan {
        allowed_hosts: &context.config.allowed_hosts.value,
        gs1: gs1.as_ref(),
        key,
        campaign: args.campaign.as_ref(),
        receipt: args.receipt.as_deref(),
        customer: args.customer.as_deref(),
        approval,
        is_check: args.mode.check,
        ..Scan::new(raw, &minted)
    };
    let line = line.map(|line| line as &mut dyn HubLine);
    Ok(desk::redeem(ledger, &scan, line, &act)?)
}

/// Answers each line as it comes; an answer means committed, nothing is grouped.
fn every_line(
    context: &Context,
    (ledger, mut hub): (&mut Ledger, Option<&mut Line>),
    args: &RedeemArgs,
    approval: Option<&Approval>,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let mut input = io::stdin().lock();
    let mut is_every_key_well_formed = true;
    while let Some(line) = next_line(&mut input)? {
        let (code, key) = match line.iter().position(|byte| *byte == b'\t') {
            Some(tab) => {
                let (code, rest) = line.split_at(tab);
                (code, rest.get(1..).unwrap_or_default().trim_ascii())
            }
            None => (line.as_slice(), [].as_slice()),
        };
        let key: Option<Result<Key, String>> = (!key.is_empty()).then(|| {
            std::str::from_utf8(key)
                .map_err(|fault| fault.to_string())
                .and_then(|text| text.parse::<Key>().map_err(|fault| fault.0))
        });
        if let Some(Err(fault)) = key {
            // Nothing was judged under a key that cannot be kept.
            is_every_key_well_formed = false;
            write_key_fault(context, &fault, out)?;
            continue;
        }
        let key = key.and_then(Result::ok);
        let at = (&mut *ledger, hub.as_deref_mut());
        let answer = one(context, at, args, approval, code, key.as_ref())?;
        write_answer(context, &answer, out)?;
        out.flush()?;
        ledger.rest_if_due();
    }
    Ok(if is_every_key_well_formed { 0 } else { 2 })
}

/// The next line without its end; nothing after the last one.
fn next_line(input: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let mut is_any = false;
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            break;
        }
        is_any = true;
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let upto = end.unwrap_or(buffer.len());
        let room = LINE_BYTES_MAX.saturating_sub(line.len());
        line.extend(buffer.iter().take(upto.min(room)));
        input.consume(end.map_or(upto, |end| end + 1));
        if end.is_some() {
            break;
        }
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(is_any.then_some(line))
}

fn write_key_fault(context: &Context, fault: &str, out: &mut dyn Write) -> Result<(), Failure> {
    if context.is_json {
        let error = serde_json::json!({"error": {
            "code": "usage", "message": fault, "hint": "send CODE or CODE<TAB>KEY",
        }});
        writeln!(out, "{error}")?;
    } else {
        writeln!(out, "error: {fault}; nothing was judged")?;
    }
    Ok(out.flush()?)
}

fn write_answer(context: &Context, answer: &Answer, out: &mut dyn Write) -> Result<(), Failure> {
    if context.is_json {
        writeln!(out, "{}", serde_json::to_string(&VerdictJson::of(answer))?)?;
        return Ok(());
    }
    let word = answer.verdict.word().to_uppercase().replace('_', " ");
    let sign = match answer.verdict.band() {
        Band::Go => "ok  ",
        Band::Look => "look",
        Band::Stop => "STOP",
        Band::Wait => "wait",
    };
    let code = answer.code.as_deref().map(grouped).unwrap_or_default();
    let mut line = format!("{sign}  {word}  {code}  {}", for_display(&answer.message));
    if let Verdict::Accepted { certainty } = answer.verdict {
        line.push_str(", ");
        line.push_str(certainty.as_str());
    }
    if answer.is_check {
        line.push_str(" (checked only: nothing was used up)");
    }
    if !answer.overrode.is_empty() {
        line.push_str(" (set aside: ");
        line.push_str(&answer.overrode.join(", "));
        line.push(')');
    }
    writeln!(out, "{line}")?;
    Ok(())
}

pub(super) fn reverse(
    context: &mut Context,
    args: &ReverseArgs,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let mut ledger = context.open()?;
    let mut line = Line::of(&mut ledger)?;
    let undo = match (&args.redemption, &args.code) {
        (Some(id), _) => Undo::Redemption(id),
        (None, code) => Undo::Code {
            raw: code.as_deref().unwrap_or_default().as_bytes(),
            allowed_hosts: &context.config.allowed_hosts.value.clone(),
        },
    };
    // This account is trusted as a manager; a named operator proves it only where that is needed.
    let mut approval = match context.operator {
        None => Some(context.approval(&mut ledger, &args.reason)?),
        Some(_) => None,
    };
    loop {
        let act = context.act()?;
        let minted = mint_key(now())?;
        let request = UndoRequest {
            undo,
            reason: &args.reason,
            key: args.key.as_ref(),
            minted: &minted,
            approval: approval.as_ref(),
        };
        let asked = line.as_mut().map(|line| line as &mut dyn HubLine);
        let reversal = desk::reverse(&mut ledger, &request, asked, &act)?;
        if reversal.word == ReversalWord::NeedsApproval && approval.is_none() {
            match context.approval(&mut ledger, &args.reason) {
                Ok(given) => {
                    approval = Some(given);
                    continue;
                }
                Err(failure) if failure.code == Refusal::WrongPin.code() => {}
                Err(failure) if failure.exit == 1 => {}
                Err(failure) => return Err(failure),
            }
        }
        if context.is_json {
            writeln!(
                out,
                "{}",
                serde_json::to_string(&ReversalJson::of(&reversal))?
            )?;
        } else {
            let code = reversal.code.as_deref().map(grouped).unwrap_or_default();
            writeln!(
                out,
                "{}  {code}  {}",
                reversal.word.as_str().to_uppercase().replace('_', " "),
                reversal.message()
            )?;
        }
        return Ok(reversal.word.exit_code());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_read_whole_also_the_last_one_and_the_blank_ones() {
        let mut input = io::Cursor::new(b"A\r\n\nB\tk\n\xff\xfe\nlast".to_vec());
        let mut lines = Vec::new();
        while let Some(line) = next_line(&mut input).expect("reads") {
            lines.push(line);
        }
        assert_eq!(lines, [&b"A"[..], b"", b"B\tk", b"\xff\xfe", b"last"]);
    }

    #[test]
    fn a_line_without_an_end_is_cut_and_what_follows_is_a_line_of_its_own() {
        let mut bytes = vec![b'X'; 100_000];
        bytes.extend_from_slice(b"\nNEXT\n");
        let mut input = io::BufReader::with_capacity(777, io::Cursor::new(bytes));
        let long = next_line(&mut input).expect("reads").expect("a line");
        assert_eq!(long.len(), LINE_BYTES_MAX);
        let next = next_line(&mut input).expect("reads").expect("a line");
        assert_eq!(next, b"NEXT");
    }
}
