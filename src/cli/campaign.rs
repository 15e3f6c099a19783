//! `campaign create|list|show|set|pause|resume`; `test-mode` and `preflight` have files of their own.

use std::io::{IsTerminal as _, Write};

use jiff::tz::TimeZone;

use crate::cli::args::CampaignCommand;
use crate::cli::context::{Context, now, says_yes, warn};
use crate::cli::failure::Failure;
use crate::cli::preflight;
use crate::cli::test_mode;
use crate::desk::random;
use crate::domain::campaign::{Campaign, Rules};
use crate::domain::escape::for_display;
use crate::domain::given_rule::put_over;
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
            if rules.offer.is_none() {
                return Err(Failure::usage(
                    "campaign create needs --offer",
                    "say what the customer gets",
                ));
            }
            let mut all = Rules::new("");
            put_over(&rules.given(), &mut all, &zone)?;
            ledger.create_campaign(&id, &all, &random()?, &context.act()?)??
        }
        CampaignCommand::Set { id, rules, yes } => {
            context.need_manager(&mut ledger)?;
            // Tried first on a copy: a fault in an argument is told before the ledger is asked.
            let mut all = ledger.campaign(&id)??.rules;
            let given = rules.given();
            put_over(&given, &mut all, &zone)?;
            let hits = ledger.weigh_rules(&id, &all, now())??;
            if !hits.is_empty() && !yes {
                ask(&id, &hits)?;
            }
            let change = |stored: &mut Rules| {
                if put_over(&given, stored, &zone).is_err() {
                    stored.clone_from(&all);
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
    for (name, value) in campaign.rows_in_words(test_mode, now(), zone) {
        writeln!(out, "{name:<18} {}", for_display(&value))?;
    }
    Ok(())
}
