//! `join`, `sync` and `lease return`: a store and its hub.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::cli::args::{JoinArgs, LeaseCommand, SyncArgs};
use crate::cli::context::{Context, moment, now, open_given, secret};
use crate::cli::failure::Failure;
use crate::desk::random;
use crate::domain::entry::hex;
use crate::domain::hub_status::{HubStatus, Reach};
use crate::domain::refusal::Refusal;
use crate::domain::wire::{Join, Joined, Standing};
use crate::http::client::{HubUrl, PlainHttp};
use crate::http::sync_loop::{
    Delivered, HubConnection, LineFault, Stopped, SyncLoop, SyncProgress, SyncSetup, sync_once,
};
use crate::ledger::{HubAddress, Ledger};
use crate::sync::courier::{Missed, status};
use crate::sync::intake::Route;

/// What every store's secret begins with.
const STORE_PREFIX: &str = "cfs_";

/// How long the hub may take over a piece of a stock.
const PIECE_WITHIN: Duration = Duration::from_mins(1);

/// Joins a hub: an empty ledger at once, a shop that worked alone with everything it has.
pub(super) fn join(
    context: &mut Context,
    args: &JoinArgs,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let mut ledger = context.open()?;
    context.need_manager(&mut ledger)?;
    if args.give_up {
        let was_begun = ledger.give_up_joining()?;
        return said(
            context,
            out,
            &serde_json::json!({"given_up": was_begun}),
            if was_begun {
                "given up: this ledger is as it was; at the hub, `hub store revoke` ends it there"
            } else {
                "there was nothing to give up"
            },
        );
    }
    let url = args.url.as_deref().unwrap_or_default();
    let plain = if args.plain_http {
        PlainHttp::Anywhere
    } else {
        PlainHttp::OnThisComputer
    };
    HubUrl::parse(url, plain).map_err(|fault| {
        Failure::usage(
            fault.to_string(),
            "write it as https://hub.example.org; within a network that you trust, --plain-http",
        )
    })?;
    let token = token(args.token_file.as_deref())?;
    let ca_file = args
        .ca_file
        .clone()
        .or_else(|| context.config.hub_ca.value.clone());
    let address = HubAddress {
        url: url.trim_end_matches('/').to_owned(),
        ca_file: ca_file.as_deref().map(absolute).transpose()?,
        secret: format!("{STORE_PREFIX}{}", hex(&random::<32>()?)),
    };
    let mut door = HubConnection::to(url, &token, ca_file.as_deref())?;
    let is_joined = ledger.hub_link()?.is_some();
    let (address, asked) = ledger.begin_joining(&address, &context.act()?)??;
    let joined: Joined = door
        .say(Route::Join, &asked, PIECE_WITHIN)
        .map_err(|missed| refused_or_missed("joining the hub", &missed))?;
    let mut hub = HubConnection::to(url, &address.secret, ca_file.as_deref())?;
    let joined = bring(context, &mut ledger, &mut hub, &asked, joined)?;
    if joined.welcome.standing != Standing::Active && !is_joined {
        return Err(Refusal::StoreStanding(joined.welcome.standing.as_str()).into());
    }
    ledger.join_hub(&address, &joined, &context.act()?)??;
    let bar = bar(context);
    let synced = sync_once(&mut ledger, &mut hub, now, &mut |progress| {
        show(&bar, progress);
    });
    bar.finish_and_clear();
    let words = match &synced {
        _ if is_joined => "the hub knows this store by another secret from now on",
        Ok(_) => "joined; everything the hub has is here",
        Err(_) => "joined; the hub's codes are still to come: `counterfoil sync`",
    };
    let value = serde_json::json!({
        "joined": address.url, "hub": joined.welcome.hub, "pieces": joined.pieces,
        "synced": synced.is_ok(),
    });
    said(context, out, &value, words)?;
    match synced {
        Ok(_) => Ok(0),
        Err(stopped) => Err(failed("the first sync", stopped)),
    }
}

/// Brings the pieces of a stock that the hub has not got; what it says in the end.
fn bring(
    context: &Context,
    ledger: &mut Ledger,
    hub: &mut HubConnection,
    asked: &Join,
    mut joined: Joined,
) -> Result<Joined, Failure> {
    let bar = bar(context);
    bar.set_message("pieces");
    bar.set_length(asked.pieces);
    while joined.pieces < asked.pieces {
        let from = joined.pieces;
        for piece in ledger.stock_from(from, &context.act()?)? {
            joined = hub
                .say(Route::Stock, &piece?, PIECE_WITHIN)
                .map_err(|missed| refused_or_missed("bringing the stock", &missed))?;
            bar.set_position(joined.pieces);
        }
        if joined.pieces <= from {
            return Err(Failure {
                code: "unavailable",
                message: format!("bringing the stock: the hub has {from} pieces and takes no more"),
                hint: "run the same command again".into(),
                exit: 3,
            });
        }
    }
    bar.finish_and_clear();
    Ok(joined)
}

/// Brings this store and its hub up to date: once, or for as long as it runs.
pub(super) fn sync(
    context: &mut Context,
    args: &SyncArgs,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let mut ledger = context.open()?;
    let Some(link) = ledger.hub_link()? else {
        return Err(Refusal::NotJoined.into());
    };
    if !args.once {
        drop(ledger);
        return keep_on(context, out);
    }
    let mut hub = HubConnection::of(&link, context.config.hub_ca.value.as_deref())?;
    let bar = bar(context);
    let synced = sync_once(&mut ledger, &mut hub, now, &mut |progress| {
        show(&bar, progress);
    });
    bar.finish_and_clear();
    let reach = match &synced {
        Ok(_) => Reach::Online,
        Err(Stopped::Missed(missed)) => Reach::Offline {
            since_ms: link
                .last_contact_ms
                .unwrap_or_else(|| now().as_millisecond()),
            why: missed.why().to_owned(),
        },
        Err(Stopped::Ledger(_)) => Reach::Unknown,
    };
    let done = *synced.as_ref().unwrap_or(&Delivered::default());
    if let Some(status) = status(&mut ledger, reach, &context.act()?)? {
        let zone = ledger.place()?.zone;
        let mut value = status_json(&status, &status.words(now(), &zone));
        if let (Some(object), Ok(serde_json::Value::Object(counts))) =
            (value.as_object_mut(), serde_json::to_value(done))
        {
            object.extend(counts);
        }
        let words = format!(
            "{}: {} entries and {} attempts sent, {} items received",
            status.words(now(), &zone),
            done.entries,
            done.attempts,
            done.items
        );
        let words = match done.conflicts {
            0 => words,
            many => format!("{words}; {many} in conflict: `counterfoil conflicts list`"),
        };
        said(context, out, &value, &words)?;
    }
    match synced {
        Ok(_) => Ok(0),
        Err(stopped) => Err(failed("sync", stopped)),
    }
}

/// Keeps in touch until it is stopped, and says whenever something changes.
fn keep_on(context: &mut Context, out: &mut dyn Write) -> Result<u8, Failure> {
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])?;
    let (tell, told) = channel::<Option<HubStatus>>();
    let ended = tell.clone();
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            signals.forever().next();
            drop(ended.send(None));
        })?;
    let zone = context.open()?.place()?.zone;
    let sync = SyncLoop::start(&SyncSetup {
        folder: context.data.clone(),
        ca_file: context.config.hub_ca.value.clone(),
        clock: now,
        tell: Arc::new(move |status| drop(tell.send(Some(status)))),
    })?;
    let mut said_last = String::new();
    while let Ok(Some(status)) = told.recv() {
        let words = status.words(now(), &zone);
        if words != said_last {
            let line = format!("{} {words}", moment(now(), &zone));
            said(context, out, &status_json(&status, &words), &line)?;
            out.flush()?;
            said_last = words;
        }
    }
    sync.stop();
    Ok(0)
}

/// Gives back what this store has not assigned.
pub(super) fn lease(
    context: &mut Context,
    command: &LeaseCommand,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let LeaseCommand::Return { campaign } = command;
    let mut ledger = context.open()?;
    context.need_manager(&mut ledger)?;
    let codes = ledger.return_leases(campaign.as_ref(), &context.act()?)??;
    said(
        context,
        out,
        &serde_json::json!({"returned": codes}),
        &format!("{codes} codes are handed over; the hub has them at the next contact"),
    )
}

fn status_json(status: &HubStatus, words: &str) -> serde_json::Value {
    serde_json::json!({
        "online": status.is_online(),
        "standing": status.standing.as_str(),
        "may_hold": status.may_hold,
        "unsent": status.unsent,
        "pending": status.pending,
        "behind": status.behind,
        "codes_ahead": status.codes_ahead,
        "clock_offset_ms": status.clock_offset_ms,
        "hub_is_behind": status.hub_is_behind,
        "why": status.why(),
        "message": words,
    })
}

fn said(
    context: &Context,
    out: &mut dyn Write,
    value: &serde_json::Value,
    words: &str,
) -> Result<u8, Failure> {
    if context.is_json {
        writeln!(out, "{value}")?;
    } else {
        writeln!(out, "{words}")?;
    }
    Ok(0)
}

fn absolute(path: &Path) -> Result<String, Failure> {
    let path = std::path::absolute(path)?;
    path.into_os_string()
        .into_string()
        .ok()
        .ok_or_else(|| Failure::usage("the certificate file's name is not UTF-8", "rename it"))
}

/// The enrolment token: the first line of a file, or of standard input.
fn token(file: Option<&Path>) -> Result<String, Failure> {
    let text = match file {
        None => {
            return Err(Failure::usage(
                "no enrolment token was named",
                "name its file with --token-file, or `-` for standard input",
            ));
        }
        Some(path) if path.as_os_str() == "-" => secret("enrolment token: ")?,
        Some(path) => std::io::read_to_string(open_given(path)?)?,
    };
    let line = text.lines().next().unwrap_or_default().trim().to_owned();
    if line.is_empty() {
        return Err(Failure::usage(
            "the enrolment token is empty",
            "at the hub: `counterfoil hub store add NAME` shows one",
        ));
    }
    Ok(line)
}

fn show(bar: &ProgressBar, progress: SyncProgress) {
    bar.set_message(if progress.counts_codes {
        "codes"
    } else {
        "changes"
    });
    bar.set_length(progress.goal);
    bar.set_position(progress.done);
}

fn bar(context: &Context) -> ProgressBar {
    if !context.draws_bars() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos} of {len} {msg}, {eta} left") {
        bar.set_style(style);
    }
    bar
}

impl From<LineFault> for Failure {
    fn from(fault: LineFault) -> Self {
        let hint = "check the hub's URL, and the file of --ca-file or store.hub_ca";
        Failure::usage(fault.to_string(), hint)
    }
}

fn failed(what: &str, stopped: Stopped) -> Failure {
    match stopped {
        Stopped::Ledger(error) => error.into(),
        Stopped::Missed(missed) => refused_or_missed(what, &missed),
    }
}

/// A hub that refuses has said why; one that does not answer may do so later.
fn refused_or_missed(what: &str, missed: &Missed) -> Failure {
    match missed {
        Missed::Refused {
            why,
            retry_after: Some(_),
            ..
        } => Failure {
            code: "out_of_reach",
            message: format!("{what}: the hub asks to be left alone for now: {why}"),
            hint: "nothing is lost; run the same command again in a while".into(),
            exit: 3,
        },
        Missed::Refused { why, .. } => Failure {
            code: "refused",
            message: format!("{what}: {why}"),
            hint: "the hub's manager: `counterfoil hub store list`".into(),
            exit: 1,
        },
        Missed::NotDone { why } | Missed::Unknown { why } => Failure {
            code: "out_of_reach",
            message: format!("{what}: {why}"),
            hint: "nothing is lost; run the same command again".into(),
            exit: 3,
        },
    }
}
