//! Wiring only: arguments, configuration, and one file per family of commands.
//!
//! Here, and in `tui/runner`, the clock is read; here errors become words and exit codes.

mod args;
mod assign;
mod campaign;
mod codes;
mod config;
mod conflicts;
mod console;
mod context;
mod customer;
mod database;
mod demo;
mod doctor;
mod dossier;
mod failure;
mod hub;
mod hub_line;
mod ledger_file;
mod log;
mod manual;
mod notice;
mod operator;
mod pool;
mod preflight;
mod print;
mod printer;
mod redeem;
mod report;
mod scanner;
mod set_up;
mod store;
mod surroundings;
mod sync;
mod test_mode;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::args::{Cli, Command, ConsoleArgs};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::domain::escape::for_display;

/// Runs the command line and answers its exit code.
pub fn run() -> ExitCode {
    let wants_json = std::env::args_os().any(|argument| argument == "--json");
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(fault) => return usage_fault(&fault, wants_json),
    };
    let mut out = io::BufWriter::new(io::stdout().lock());
    let context = match &cli.command {
        Some(Command::Doctor(_)) => Context::in_spite(&cli.global),
        Some(_) | None => Context::new(&cli.global),
    };
    let done = context.and_then(|mut context| {
        let code = dispatch(&mut context, cli.command, &cli.console, &mut out)?;
        out.flush()?;
        Ok(code)
    });
    match done {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            // What was answered before stands: an answer on stdout means committed.
            drop(out.flush());
            complain(&failure, wants_json);
            ExitCode::from(failure.exit)
        }
    }
}

fn dispatch(
    context: &mut Context,
    command: Option<Command>,
    console_args: &ConsoleArgs,
    out: &mut dyn io::Write,
) -> Result<u8, Failure> {
    match command {
        None => console::console(context, console_args),
        Some(Command::Demo(args)) => demo::demo(context, &args),
        Some(Command::Init(args)) => set_up::init(context, &args, out),
        Some(Command::Campaign(command)) => campaign::run(context, command, out),
        Some(Command::Codes(command)) => codes::run(context, command, out),
        Some(Command::Redeem(args)) => redeem::redeem(context, &args, out),
        Some(Command::Reverse(args)) => redeem::reverse(context, &args, out),
        Some(Command::Assign(args)) => assign::assign(context, &args, out),
        Some(Command::Replace(args)) => assign::replace(context, &args, out),
        Some(Command::Print(args)) => print::print(context, &args, out),
        Some(Command::Customer(command)) => customer::run(context, &command, out),
        Some(Command::Conflicts(command)) => conflicts::run(context, &command, out),
        Some(Command::Pool(args)) => pool::pool(context, &args, out),
        Some(Command::Log(args)) => log::log(context, &args, out),
        Some(Command::Report(command)) => report::run(context, command, out),
        Some(Command::Operator(command)) => operator::run(context, command, out),
        Some(Command::Hub(args)) => hub::run(context, args, out),
        Some(Command::Join(args)) => sync::join(context, &args, out),
        Some(Command::Sync(args)) => sync::sync(context, &args, out),
        Some(Command::Lease(command)) => sync::lease(context, &command, out),
        Some(Command::Printer(command)) => printer::run(context, command, out),
        Some(Command::Devices) => surroundings::devices(context, out),
        Some(Command::Config) => surroundings::config(context, out),
        Some(Command::Backup(args)) => ledger_file::backup(context, &args, out),
        Some(Command::Restore(args)) => ledger_file::restore(context, &args, out),
        Some(Command::RehearseClaim(args)) => preflight::claim(context, &args, out),
        Some(Command::Doctor(args)) => doctor::doctor(context, &args, out),
        Some(Command::Completions { shell }) => manual::completions(shell, out),
        Some(Command::Man { to }) => manual::man(&to),
        Some(Command::Verify(args)) => ledger_file::verify(context, &args, out),
    }
}

/// Says on stderr what failed; with `--json` as one object.
fn complain(failure: &Failure, wants_json: bool) {
    let text = if wants_json {
        serde_json::json!({"error": {
            "code": failure.code, "message": failure.message, "hint": failure.hint,
        }})
        .to_string()
    } else {
        format!(
            "error: {}\n hint: {}",
            shown(&failure.message),
            shown(&failure.hint)
        )
    };
    // Where stderr is gone, the exit code is all that is left to say it.
    drop(writeln!(io::stderr(), "{text}"));
}

/// Words for a terminal, line by line: a name in them may hold anything.
fn shown(words: &str) -> String {
    let lines: Vec<String> = words.trim_end().lines().map(for_display).collect();
    lines.join("\n")
}

fn usage_fault(fault: &clap::Error, wants_json: bool) -> ExitCode {
    let is_fault = fault.use_stderr();
    if is_fault && wants_json {
        let text = fault.to_string();
        // The first paragraph: what is wrong, and with a missing argument its name below it.
        let paragraph: Vec<&str> = text
            .trim_start_matches("error: ")
            .lines()
            .map(str::trim)
            .take_while(|line| !line.is_empty())
            .collect();
        let message = paragraph.join(" ");
        complain(&Failure::usage(message, "see --help"), true);
    } else {
        drop(fault.print());
    }
    ExitCode::from(if is_fault { 2 } else { 0 })
}
