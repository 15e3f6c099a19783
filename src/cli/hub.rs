//! `hub` and `hub token add|rotate|revoke|list`.

use std::io::Write;
use std::net::TcpListener;

use signal_hook::consts::{SIGINT, SIGTERM};

use crate::cli::args::{HubArgs, HubCommand, TokenCommand};
use crate::cli::context::{Context, now, warn};
use crate::cli::failure::Failure;
use crate::cli::store;
use crate::desk::pool_watch::{POOLS_COUNTER, PoolWatch, WatchSetup};
use crate::desk::{act, random};
use crate::domain::entry::hex;
use crate::domain::token::{Token, scopes_text};
use crate::http::tls::HubCertificate;
use crate::http::{Hub, Limits, serve};
use crate::ledger::Ledger;

/// What every secret begins with, so that it is known for one wherever it turns up.
const SECRET_PREFIX: &str = "cft_";

pub(super) fn run(
    context: &mut Context,
    args: HubArgs,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    match args.command {
        None => listen(context, &args, out),
        Some(HubCommand::Token(command)) => token(context, command, out),
        Some(HubCommand::Store(command)) => store::run(context, command, out),
        Some(HubCommand::Adopt { file }) => store::adopt(context, &file, out),
        Some(HubCommand::Restored { missing }) => store::restored(context, missing, out),
    }
}

fn listen(context: &mut Context, args: &HubArgs, out: &mut dyn Write) -> Result<u8, Failure> {
    let certificate = certificate(args)?;
    if certificate.is_none() && !args.listen.ip().is_loopback() && !args.plain_http {
        return Err(Failure::usage(
            format!(
                "listening on {}: codes and tokens would cross the network in clear",
                args.listen
            ),
            "name a certificate with --tls-cert and --tls-key, listen on 127.0.0.1 behind a proxy \
             that speaks TLS, or say --plain-http",
        ));
    }
    let mut ledger = context.open()?;
    ledger.end_old_secrets(&context.act()?)?;
    if let Some(store) = ledger.behind_of()? {
        warn(&store::behind_words(&store));
    }
    ledger.finish_fences(&context.act()?)?;
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])?;
    let bound = TcpListener::bind(args.listen)
        .and_then(|listener| Ok((listener.local_addr()?, listener)))
        .map_err(|error| {
            Failure::usage(
                format!("listening on {}: {error}", args.listen),
                "name another address with --listen, or end what listens there",
            )
        });
    let (address, listener) = bound?;
    let is_tls = certificate.is_some();
    if context.is_json {
        writeln!(
            out,
            "{}",
            serde_json::json!({"listening": address.to_string(), "tls": is_tls})
        )?;
    } else {
        let scheme = if is_tls { "https" } else { "http" };
        writeln!(out, "listening on {scheme}://{address}")?;
    }
    out.flush()?;
    let hub = Hub {
        ledger,
        listener,
        certificate,
        limits: Limits {
            connections_max: usize::from(args.connections.get()),
            ..Limits::default()
        },
        log: Box::new(std::io::stderr()),
        allowed_hosts: context.config.allowed_hosts.value.clone(),
        clock: now,
    };
    // Lives as long as the hub serves.
    let _watch = PoolWatch::start(watch_of(context))?;
    serve(hub, move || {
        signals.forever().next();
    })?;
    Ok(0)
}

/// What watches the pools of a hub's ledger, by a connection of its own.
fn watch_of(context: &Context) -> WatchSetup {
    let (database, folder) = (context.database.clone(), context.data.clone());
    WatchSetup {
        open: Box::new(move || {
            let act = act(POOLS_COUNTER, None, now())?;
            match &database {
                Some(database) => Ledger::open_in(database, &act),
                None => Ledger::open(&folder, &act).map(|(ledger, _)| ledger),
            }
        }),
        clock: now,
        tell: context.config.notice.teller(),
    }
}

/// The certificate that the arguments name, if they do; what is amiss with it is said on stderr.
fn certificate(args: &HubArgs) -> Result<Option<HubCertificate>, Failure> {
    let (Some(chain), Some(key)) = (&args.tls_cert, &args.tls_key) else {
        return Ok(None);
    };
    let (certificate, warnings) = HubCertificate::load(chain, key, now())
        .map_err(|fault| Failure::usage(fault.to_string(), fault.hint))?;
    for words in warnings {
        warn(&words);
    }
    Ok(Some(certificate))
}

fn token(context: &mut Context, command: TokenCommand, out: &mut dyn Write) -> Result<u8, Failure> {
    let mut ledger = context.open()?;
    match command {
        TokenCommand::List => {
            let tokens = ledger.tokens()?;
            if tokens.is_empty() && !context.is_json {
                writeln!(
                    out,
                    "no program is let in: `counterfoil hub token add NAME --scope claim`"
                )?;
            }
            for token in &tokens {
                write_token(context, token, None, out)?;
            }
        }
        TokenCommand::Add { name, scopes } => {
            context.need_manager(&mut ledger)?;
            let secret = new_secret()?;
            let token = ledger.add_token(&name, &scopes, &secret, &context.act()?)??;
            write_token(context, &token, Some(&secret), out)?;
        }
        TokenCommand::Rotate { name, overlap } => {
            context.need_manager(&mut ledger)?;
            let secret = new_secret()?;
            let token = ledger.rotate_token(&name, &secret, overlap, &context.act()?)??;
            write_token(context, &token, Some(&secret), out)?;
        }
        TokenCommand::Revoke { name } => {
            context.need_manager(&mut ledger)?;
            let token = ledger.revoke_token(&name, &context.act()?)??;
            write_token(context, &token, None, out)?;
        }
    }
    Ok(0)
}

fn new_secret() -> Result<String, Failure> {
    Ok(format!("{SECRET_PREFIX}{}", hex(&random::<32>()?)))
}

fn write_token(
    context: &Context,
    token: &Token,
    secret: Option<&str>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    if context.is_json {
        let scopes: Vec<&str> = token.scopes.iter().map(|scope| scope.as_str()).collect();
        let mut value = serde_json::json!({
            "name": token.name.as_str(), "scopes": scopes, "revoked": token.is_revoked,
            "old_ends_at": token.old_ends_at,
        });
        if let (Some(secret), Some(object)) = (secret, value.as_object_mut()) {
            object.insert("token".to_owned(), secret.into());
        }
        writeln!(out, "{value}")?;
        return Ok(());
    }
    let state = match token.old_ends_at {
        _ if token.is_revoked => "revoked".to_owned(),
        Some(end) => format!("the secret before is let in until {end}"),
        None => String::new(),
    };
    let line = format!(
        "{:<20} {}  {state}",
        token.name.as_str(),
        scopes_text(&token.scopes)
    );
    writeln!(out, "{}", line.trim_end())?;
    if let Some(secret) = secret {
        writeln!(out, "token, shown this once: {secret}")?;
    }
    Ok(())
}
