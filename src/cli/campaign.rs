//! `campaign create|list|show|set|pause|resume`; `test-mode` and `preflight` have files of their own.

use std::io::{IsTerminal as _, Write};

use jiff::tz::TimeZone;

use crate::cli::args::{CampaignCommand, Given, RuleArgs};
use crate::cli::context::{Context, now, says_yes, warn};
use crate::cli::failure::Failure;
use crate::cli::preflight;
use crate::cli::test_mode;
use crate::desk::random;
use crate::domain::campaign::{Campaign, Requirement, Rules};
use crate::domain::escape::for_display;
use crate::domain::ids::CampaignId;
use crate::domain::local_time::in_words;
use crate::domain::rule_change::RuleHit;
use crate::domain::test_mode::TestMode;

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
    let test_modes = ledger.campaigns_in_test_mode(now())?;
    let campaign = match command {
        CampaignCommand::List => {
            let campaigns = ledger.campaigns()?;
            if campaigns.is_empty() && !context.is_json {
                writeln!(out, "{NONE_YET}")?;
            }
            for campaign in &campaigns {
                let test_mode = of(&test_modes, campaign);
                write_line(context, campaign, test_mode, &zone, out)?;
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
        CampaignCommand::Set { id, rules, yes } => {
            context.need_manager(&mut ledger)?;
            // Tried first on a copy: a fault in an argument is told before the ledger is asked.
            let mut all = ledger.campaign(&id)??.rules;
            apply(&rules, &mut all, &zone)?;
            let hits = ledger.weigh_rules(&id, &all, now())??;
            if !hits.is_empty() && !yes {
                ask(&id, &hits)?;
            }
            let change = |stored: &mut Rules| {
                if apply(&rules, stored, &zone).is_err() {
                    *stored = all.clone();
                }
            };
            ledger.set_campaign(&id, change, &context.act()?)??
        }
        CampaignCommand::TestMode(args) => {
            context.need_manager(&mut ledger)?;
            return test_mode::run(context, &mut ledger, &args, &zone, out);
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
    let test_mode = of(&test_modes, &campaign);
    write_whole(context, &campaign, test_mode, &zone, out)?;
    Ok(0)
}

/// Says what a change takes from codes that are given out, and asks where there is a terminal to ask
/// on. A script has said what it wants, and hears how many it hits.
fn ask(id: &CampaignId, hits: &[RuleHit]) -> Result<(), Failure> {
    for hit in hits {
        warn(&format!("{id}: {hit}"));
    }
    if !std::io::stdin().is_terminal() {
        return Ok(());
    }
    if says_yes("Type yes to change it:")? {
        Ok(())
    } else {
        Err(Failure::usage(
            "nothing was changed",
            "type yes, or say --yes",
        ))
    }
}

/// A campaign's test mode, where it is in one.
fn of<'t>(test_modes: &'t [TestMode], campaign: &Campaign) -> Option<&'t TestMode> {
    test_modes
        .iter()
        .find(|test_mode| test_mode.campaign == campaign.id)
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
    set(&mut rules.warn_share, given.warn_share.as_ref());
    set(&mut rules.warn_days, given.warn_days.as_ref());
    set_or_clear(&mut rules.offline_per_day, given.offline_per_day.as_ref());
    set_or_clear(&mut rules.hours, given.hours.as_ref());
    set_or_clear(&mut rules.assign_for, given.assign_for.as_ref());
    set_or_clear(&mut rules.limit_per_day, given.limit_per_day.as_ref());
    set_or_clear(&mut rules.fallback, given.fallback.as_ref());
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
    test_mode: Option<&TestMode>,
    zone: &TimeZone,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    if context.is_json {
        let mut value = serde_json::to_value(campaign)?;
        if let Some(object) = value.as_object_mut() {
            let until = test_mode.map(|test_mode| test_mode.until);
            object.insert("test_until".to_owned(), serde_json::to_value(until)?);
            let customers = test_mode.map(|test_mode| &test_mode.customers);
            object.insert(
                "test_customers".to_owned(),
                serde_json::to_value(customers)?,
            );
        }
        writeln!(out, "{value}")?;
    } else {
        writeln!(
            out,
            "{:<20} {}{}{}, {}",
            campaign.id.as_str(),
            for_display(&campaign.rules.offer),
            if campaign.is_paused { " (PAUSED)" } else { "" },
            test_mode.map_or_else(String::new, |test_mode| {
                format!(" (TEST MODE until {})", in_words(test_mode.until, zone))
            }),
            campaign.rules.window_in_words(zone)
        )?;
    }
    Ok(())
}

fn test_mode_words(test_mode: Option<&TestMode>, zone: &TimeZone) -> String {
    let Some(test_mode) = test_mode else {
        return "off".to_owned();
    };
    format!(
        "TEST MODE until {} for {}",
        in_words(test_mode.until, zone),
        test_mode.customers.join(", ")
    )
}

fn fallback_words(rules: &Rules) -> String {
    match &rules.fallback {
        Some(text) => format!("say {}", for_display(text)),
        None => "nothing is said".to_owned(),
    }
}

fn write_whole(
    context: &Context,
    campaign: &Campaign,
    test_mode: Option<&TestMode>,
    zone: &TimeZone,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    if context.is_json {
        return write_line(context, campaign, test_mode, zone, out);
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
        ("test mode", test_mode_words(test_mode, zone)),
        ("offer", for_display(&rules.offer)),
        ("if none is left", fallback_words(rules)),
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
        ("warns", warning_words(rules)),
    ];
    for (name, value) in rows.into_iter().chain(known_rows(rules)) {
        writeln!(out, "{name:<18} {value}")?;
    }
    Ok(())
}

/// When it is warned of the pool.
fn warning_words(rules: &Rules) -> String {
    let share = (rules.warn_share > 0).then(|| format!("below {} % left", rules.warn_share));
    let days =
        (rules.warn_days > 0).then(|| format!("{} days before it is empty", rules.warn_days));
    let empty = "when it is empty".to_owned();
    share
        .into_iter()
        .chain(days)
        .chain([empty])
        .collect::<Vec<_>>()
        .join(", ")
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
