//! `pool`.

use std::io::Write;

use crate::cli::args::PoolArgs;
use crate::cli::campaign::NONE_YET;
use crate::cli::context::{Context, now};
use crate::cli::failure::Failure;
use crate::domain::escape::for_display;
use crate::domain::local_time::in_words;
use crate::domain::pool::PoolFigures;

pub(super) fn pool(
    context: &mut Context,
    args: &PoolArgs,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let mut ledger = context.open()?;
    let zone = ledger.place()?.zone;
    let now = now();
    let pools = ledger.pools(args.campaign.as_ref(), now)??;
    if pools.is_empty() && !context.is_json {
        writeln!(out, "{NONE_YET}")?;
    }
    for figures in &pools {
        if context.is_json {
            writeln!(out, "{}", serde_json::to_string(figures)?)?;
        } else {
            writeln!(
                out,
                "{}: {}{} of {} available; {}assigned {}, redeemed {}, void {}, suspect {}, test {}; \
                 {} uses made",
                figures.campaign,
                figures.test_until.map_or_else(String::new, |until| {
                    format!("TEST MODE until {}; ", in_words(until, &zone))
                }),
                figures.available,
                figures.total,
                leased(figures),
                figures.assigned,
                figures.redeemed,
                figures.void,
                figures.suspect,
                figures.test,
                figures.uses_made
            )?;
            writeln!(
                out,
                "  {}; assigned in the last 24 h: {}",
                figures.forecast_in_words(now, &zone),
                figures.assigned_last_24h
            )?;
            for warning in &figures.warnings {
                let since = in_words(warning.at, &zone);
                writeln!(out, "  WARNING since {since}: {}", warning.low.in_words())?;
                let notice = warning.notice.as_ref();
                if let Some(problem) = notice.and_then(|notice| notice.problem.as_ref()) {
                    writeln!(out, "  nobody outside was told: {}", for_display(problem))?;
                }
            }
            for lease in &figures.leases {
                let store = for_display(&lease.store);
                writeln!(
                    out,
                    "  {store} ({}): {} left of its leases",
                    lease.node, lease.left
                )?;
            }
        }
    }
    Ok(0)
}

/// What other nodes hold, where they hold any.
fn leased(figures: &PoolFigures) -> String {
    if figures.leased == 0 {
        return String::new();
    }
    format!("leased {}, ", figures.leased)
}
