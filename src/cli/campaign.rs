//! `campaign create|list|show|set|pause|resume`; `preflight` has a file of its own.

use std::io::Write;

use jiff::tz::TimeZone;

use crate::cli::args::{CampaignCommand, Given, RuleArgs};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::preflight;
use crate::desk::random;
use crate::domain::campaign::{Campaign, Requirement, Rules};
use crate::domain::escape::for_display;

/// What is said where there is no campaign.
pub(super) const NONE_YET: &str = "no campaigns yet: `counterfoil campaign create ID --offer TEXT`";

pub(super) fn run(
    context: &mut Context,
    command: CampaignCommand,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    if let CampaignCommand::Preflight { id, audience } = &command {
        return preflight::preflight(context, id, *audience, out);
    }
    let mut ledger = context.open()?;
    let zone = ledger.place()?.zone;
    let campaign = match command {
        CampaignCommand::List => {
            let campaigns = ledger.campaigns()?;
            if campaigns.is_empty() && !context.is_json {
                writeln!(out, "{NONE_YET}")?;
            }
            for campaign in &campaigns {
                write_line(context, campaign, &zone, out)?;
            }
            return Ok(0);
        }
        // Played on a copy, before the ledger was opened to write.
        CampaignCommand::Preflight { .. } => return Ok(0),
        CampaignCommand::Show { id } => ledger.campaign(&id)??,
        CampaignCommand::Create { id, rules } => {
            context.need_manager(&mut ledger)?;
            let offer = rules.offer.clone().ok_or_else(|| {
                Failure::usage(
                    "campaign create needs --offer",
                    "say what the customer gets",
                )
            })?;
            let mut all = Rules::new(&offer);
            apply(&rules, &mut all, &zone)?;
            ledger.create_campaign(&id, &all, &random()?, &context.act()?)??
        }
        CampaignCommand::Set { id, rules } => {
            context.need_manager(&mut ledger)?;
            // Tried first on a copy: a fault in an argument is told before the ledger is asked.
            let mut all = ledger.campaign(&id)??.rules;
            apply(&rules, &mut all, &zone)?;
            let change = |stored: &mut Rules| {
                if apply(&rules, stored, &zone).is_err() {
                    *stored = all.clone();
                }
            };
            ledger.set_campaign(&id, change, &context.act()?)??
        }
        CampaignCommand::Pause { id } => {
            context.need_manager(&mut ledger)?;
            ledger.pause_campaign(&id, true, &context.act()?)??
        }
        CampaignCommand::Resume { id } => {
            context.need_manager(&mut ledger)?;
            ledger.pause_campaign(&id, false, &context.act()?)??
        }
    };
    write_whole(context, &campaign, &zone, out)?;
    Ok(0)
}

/// Puts the given rules over those that stand.
fn apply(given: &RuleArgs, rules: &mut Rules, zone: &TimeZone) -> Result<(), Failure> {
    fn set<T: Clone>(target: &mut T, given: Option<&T>) {
        if let Some(value) = given {
            *target = value.clone();
        }
    }
    fn set_or_clear<T: Clone>(target: &mut Option<T>, given: Option<&Given<T>>) {
        match given {
            Some(Given::This(value)) => *target = Some(value.clone()),
            Some(Given::Nothing) => *target = None,
            None => {}
        }
    }
    set(&mut rules.offer, given.offer.as_ref());
    set(&mut rules.uses, given.uses.as_ref());
    set(&mut rules.per_customer, given.per_customer.as_ref());
    set(&mut rules.offline, given.offline.as_ref());
    set(&mut rules.home, given.home.as_ref());
    set(&mut rules.offline_assign, given.offline_assign.as_ref());
    set(
        &mut rules.allow_anonymous_per_day,
        given.allow_anonymous.as_ref(),
    );
    set(&mut rules.provider_aliases, given.provider_aliases.as_ref());
    set_or_clear(&mut rules.offline_per_day, given.offline_per_day.as_ref());
    set_or_clear(&mut rules.hours, given.hours.as_ref());
    set_or_clear(&mut rules.assign_for, given.assign_for.as_ref());
    set_or_clear(&mut rules.limit_per_day, given.limit_per_day.as_ref());
    let out_of_range = || Failure::usage("the time is out of range", "use a year from 1 to 9999");
    match given.starts {
        Some(Given::This(at)) => {
            rules.starts_at = Some(at.starts_at(zone).ok_or_else(out_of_range)?);
        }
        Some(Given::Nothing) => rules.starts_at = None,
        None => {}
    }
    match given.ends {
        Some(Given::This(at)) => {
            rules.ends_at = Some(at.ends_at(zone).ok_or_else(out_of_range)?);
        }
        Some(Given::Nothing) => rules.ends_at = None,
        None => {}
    }
    if let Some(stores) = &given.stores {
        rules.stores = stores
            .iter()
            .map(|name| name.trim().to_owned())
            .filter(|name| !name.is_empty())
            .collect();
    }
    if let Some(require) = &given.require {
        rules.require = require.iter().flatten().copied().collect();
    }
    if let Some(kinds) = &given.identify_by {
        rules.identify_by = kinds.iter().copied().collect();
    }
    Ok(())
}

fn write_line(
    context: &Context,
    campaign: &Campaign,
    zone: &TimeZone,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    if context.is_json {
        writeln!(out, "{}", serde_json::to_string(campaign)?)?;
    } else {
        writeln!(
            out,
            "{:<20} {}{}, {}",
            campaign.id.as_str(),
            for_display(&campaign.rules.offer),
            if campaign.is_paused { " (PAUSED)" } else { "" },
            campaign.rules.window_in_words(zone)
        )?;
    }
    Ok(())
}

fn write_whole(
    context: &Context,
    campaign: &Campaign,
    zone: &TimeZone,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    if context.is_json {
        return write_line(context, campaign, zone, out);
    }
    let rules = &campaign.rules;
    let names = |require: &Requirement| require.to_string();
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "none".to_owned());
    let list = |texts: Vec<String>, empty: &str| {
        if texts.is_empty() {
            empty.to_owned()
        } else {
            texts.join(", ")
        }
    };
    let rows = [
        (
            "campaign",
            format!("{} (revision {})", campaign.id, campaign.revision),
        ),
        (
            "state",
            if campaign.is_paused { "PAUSED" } else { "open" }.to_owned(),
        ),
        ("offer", for_display(&rules.offer)),
        ("valid", rules.window_in_words(zone)),
        (
            "hours",
            rules
                .hours
                .as_ref()
                .map_or_else(|| "always".to_owned(), ToString::to_string),
        ),
        ("stores", list(rules.stores.clone(), "every store")),
        ("uses of a code", rules.uses.to_string()),
        ("codes a customer", rules.per_customer.to_string()),
        (
            "needs first",
            list(rules.require.iter().map(names).collect(), "nothing"),
        ),
        (
            "uses a day",
            or_none(
                rules
                    .limit_per_day
                    .map(|limit| format!("{limit} per customer")),
            ),
        ),
        (
            "valid for",
            or_none(
                rules
                    .assign_for
                    .map(|length| format!("{length} from assignment")),
            ),
        ),
        ("offline", rules.offline.to_string()),
    ];
    for (name, value) in rows.into_iter().chain(known_rows(rules)) {
        writeln!(out, "{name:<18} {value}")?;
    }
    Ok(())
}

/// How customers are told apart.
fn known_rows(rules: &Rules) -> [(&'static str, String); 2] {
    let kinds: Vec<String> = rules.identify_by.iter().map(ToString::to_string).collect();
    let aliases = if rules.provider_aliases {
        "one customer, as their provider says"
    } else {
        "each address for itself"
    };
    [
        ("known by", kinds.join(", ")),
        ("mail aliases", aliases.to_owned()),
    ]
}
