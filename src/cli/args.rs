//! The arguments, as they are documented to a shop owner by `--help`.

use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use jiff::civil::Date;

use crate::cli::config::Theme;
use crate::devices::print::ProfileName;
use crate::domain::campaign::ContactKind;
use crate::domain::chain_head::ChainHead;
use crate::domain::claim::ClaimContext;
use crate::domain::conflict::Decision;
use crate::domain::contact::PhoneRegion;
use crate::domain::given_rule::{GivenRule, RuleName};
use crate::domain::ids::{CampaignId, EntryId, Key, MalformedName, is_plain_name};
use crate::domain::local_time::{Boundary, Length};
use crate::domain::notes::Note;
use crate::domain::operator::Role;
use crate::domain::token::{Scope, TokenName};

/// Under this heading stand, in every command's help, the options that every command has.
const EVERYWHERE: &str = "Options of every command";

/// Honours single-use codes at the counter, once each. Without a command, opens the console.
#[derive(Debug, Parser)]
#[command(name = "counterfoil", version, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 done or accepted, 1 refused or bad rows, 2 wrong usage or \
configuration, 3 outcome unknown, 4 device, 5 ledger, 70 a bug."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(flatten)]
    pub(crate) console: ConsoleArgs,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// The folder that holds the ledger [default: the platform's data folder]
    #[arg(long, global = true, help_heading = EVERYWHERE, env = "COUNTERFOIL_DATA", value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// The ledger in a PostgreSQL database, `postgres://USER@HOST/NAME`, in the place of one in a
    /// folder; also by `COUNTERFOIL_DATABASE`. A password never stands here [default: the ledger in --data]
    ///
    /// `?sslmode=` says how safely its server is reached, as for libpq: `disable`, no TLS; `prefer`, TLS
    /// where the server has it, with any certificate [default on this computer]; `require`, TLS, with any
    /// certificate [default elsewhere]; `verify-ca`, with one signed by whom `&sslrootcert=FILE` (PEM)
    /// names [default: whom this computer trusts]; `verify-full`, and it is for the host of the URL.
    /// From `require` on nothing is ever sent in clear; with a sslrootcert, `require` is `verify-ca`
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "URL")]
    pub(crate) database: Option<String>,
    /// Print one JSON object a line on standard output, and errors as JSON on standard error
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub(crate) json: bool,
    /// The counter's name [default: this host and terminal]
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "NAME")]
    pub(crate) counter: Option<String>,
    /// Act as this operator; a manager's PIN is read from standard input where one is needed
    /// [default: your account on this computer]
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "NAME")]
    pub(crate) operator: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The console with sample codes on a throw-away ledger: to look around, and to train
    Demo(ConsoleArgs),
    /// Set up a ledger for this shop, without questions
    Init(InitArgs),
    /// Offers and their rules
    #[command(subcommand)]
    Campaign(CampaignCommand),
    /// The codes of a campaign: import, generate, export, look at, cancel
    #[command(subcommand)]
    Codes(CodesCommand),
    /// Honour a code, if it may be honoured, and use it up
    Redeem(RedeemArgs),
    /// Undo a redemption: the code can be used again
    Reverse(ReverseArgs),
    /// Give a customer a code of their own: once per person, and once per key
    Assign(AssignArgs),
    /// End a lost code's life and give its customer another, in one step
    Replace(ReplaceArgs),
    /// Print a customer's slip again: the same code, the next copy
    Print(PrintArgs),
    /// Who has which code: find a customer again
    #[command(subcommand)]
    Customer(CustomerCommand),
    /// What stores that were apart did, and that cannot all be right
    #[command(subcommand)]
    Conflicts(ConflictsCommand),
    /// How many codes are left
    Pool(PoolArgs),
    /// What happened: every scan and change with its answer
    Log(Box<LogArgs>),
    /// What a day came to
    #[command(subcommand)]
    Report(ReportCommand),
    /// Who may sign in at the console
    #[command(subcommand)]
    Operator(OperatorCommand),
    /// Let shop systems and e-mail tools claim and redeem over HTTP, from this ledger
    Hub(HubArgs),
    /// Make this ledger a store of a hub; a shop that worked alone brings what it has
    Join(JoinArgs),
    /// Bring this store and its hub up to date with each other
    Sync(SyncArgs),
    /// Codes that the hub has lent to this store
    #[command(subcommand)]
    Lease(LeaseCommand),
    /// The printer of slips: try it, ask how it is
    #[command(subcommand)]
    Printer(PrinterCommand),
    /// The scanners and printers this computer has, by name; opens none of them
    Devices,
    /// Every setting, its value and where it came from
    Config,
    /// Copy the ledger to a file, while the counters go on
    Backup(BackupArgs),
    /// Put a backup in the place of the ledger, or end what a restore began
    Restore(RestoreArgs),
    /// Check the file, the chain of entries, the counts and the codes; changes nothing
    Verify(VerifyArgs),
    /// What may be wrong here, line by line, and what to do; changes nothing
    #[command(
        after_help = "Exit codes: 0 nothing is bad; else what the first of these is bad says: 4 scanners \
or printers, 5 disk, ledger or migrations, 2 anything else."
    )]
    Doctor(DoctorArgs),
    /// Print what makes a shell complete these commands with Tab
    #[command(
        after_help = "bash: counterfoil completions bash > ~/.local/share/bash-completion/completions/\
counterfoil\nzsh: counterfoil completions zsh > a folder of $fpath, as _counterfoil\nfish: counterfoil \
completions fish > ~/.config/fish/completions/counterfoil.fish"
    )]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the pages of the manual, one a command
    Man {
        /// The folder to write to, which is made where it is missing
        #[arg(long, value_name = "DIR")]
        to: PathBuf,
    },
    /// One claim of a preflight on its copy: waits for a line, claims, answers
    #[command(hide = true)]
    RehearseClaim(RehearseClaimArgs),
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// A certificate of this hub, in PEM, whose end is looked at
    #[arg(long, value_name = "FILE", default_value = "/etc/counterfoil/hub.pem")]
    pub(crate) tls_cert: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct RehearseClaimArgs {
    /// The campaign
    #[arg(long)]
    pub(crate) campaign: CampaignId,
    /// How the customer is known: `email`, `phone`, `loyalty` or `external_id`
    #[arg(long)]
    pub(crate) kind: ContactKind,
    /// The customer's contact
    #[arg(long)]
    pub(crate) contact: String,
    /// The event's key
    #[arg(long)]
    pub(crate) key: Key,
    /// When it is asked, in milliseconds since 1970
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) at_ms: i64,
    /// Say `committed` instead of the answer, and wait to be killed
    #[arg(long)]
    pub(crate) held: bool,
}

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// The store's name, as it is told to customers and other counters
    #[arg(long, value_name = "NAME")]
    pub(crate) store: String,
    /// The store's time zone, as in Europe/Berlin
    #[arg(long, value_name = "ZONE")]
    pub(crate) timezone: String,
    /// Of which country phone numbers are that come without one, as in GB; kept in counterfoil.toml
    #[arg(long, value_name = "COUNTRY")]
    pub(crate) phone_region: Option<PhoneRegion>,
    /// Let every account of this group use the ledger (counters under several accounts)
    #[arg(long, value_name = "GROUP")]
    pub(crate) group: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CampaignCommand {
    /// Begin a campaign
    Create {
        /// Its name in commands and files: letters, digits, '.', '_', '-'
        id: CampaignId,
        #[command(flatten)]
        rules: Box<RuleArgs>,
    },
    /// All campaigns
    List,
    /// One campaign and its rules
    Show {
        /// The campaign
        id: CampaignId,
    },
    /// Change a campaign's rules; what is not named stays. What takes something from codes that are
    /// given out is told first: how many it hits; on a terminal it is asked for
    Set {
        /// The campaign
        id: CampaignId,
        #[command(flatten)]
        rules: Box<RuleArgs>,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Refuse its codes until it is resumed
    Pause {
        /// The campaign
        id: CampaignId,
    },
    /// Honour its codes again
    Resume {
        /// The campaign
        id: CampaignId,
    },
    /// Let named test customers draw test codes that no counter honours, as often as they like
    TestMode(TestModeArgs),
    /// Play what goes wrong in production on a copy of the ledger, and say how each ended; exit code
    /// 1 where any fails. Nothing here changes
    Preflight {
        /// The campaign
        id: CampaignId,
        /// How many customers are to have a code: fails where there are too few
        #[arg(long, value_name = "N")]
        audience: Option<u64>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct TestModeArgs {
    /// The campaign
    pub(crate) id: CampaignId,
    /// on or off; off lists what was drawn
    #[arg(value_name = "on|off", value_parser = switch)]
    pub(crate) switch: Switch,
    /// A test customer: an id or a contact; a contact nobody knows makes a customer. May be repeated,
    /// 100 at most; these and no others from now on
    #[arg(long = "customer", value_name = "C", num_args = 1..)]
    pub(crate) customers: Vec<String>,
    /// Until when: 2026-12-24 (that whole day), 2026-12-24T18:00 (not included) [default: 7 days from
    /// now]
    #[arg(long, value_name = "T")]
    pub(crate) until: Option<Boundary>,
}

/// What is switched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Switch {
    On,
    Off,
}

fn switch(text: &str) -> Result<Switch, String> {
    match text {
        "on" => Ok(Switch::On),
        "off" => Ok(Switch::Off),
        _ => Err("use on or off".to_owned()),
    }
}

/// A rule as [`GivenRule::read`] takes it.
fn rule(
    name: RuleName,
) -> impl Fn(&str) -> Result<GivenRule, MalformedName> + Clone + Send + Sync + 'static {
    move |text| GivenRule::read(name, text)
}

#[derive(Debug, Args)]
pub(crate) struct RuleArgs {
    /// What the customer gets, in words
    #[arg(long, value_name = "TEXT", value_parser = rule(RuleName::Offer))]
    pub(crate) offer: Option<GivenRule>,
    /// From when codes are honoured: 2026-12-01 (that day's first instant), 2026-12-01T09:00, or none
    #[arg(long, value_name = "T", value_parser = rule(RuleName::Starts))]
    pub(crate) starts: Option<GivenRule>,
    /// Until when: 2026-12-24 (that whole day), 2026-12-24T18:00 (not included), or none
    #[arg(long, value_name = "T", value_parser = rule(RuleName::Ends))]
    pub(crate) ends: Option<GivenRule>,
    /// How often one code is honoured [default: 1]
    #[arg(long, value_name = "N", value_parser = rule(RuleName::Uses))]
    pub(crate) uses: Option<GivenRule>,
    /// How many codes one customer may have [default: 1]
    #[arg(long, value_name = "N", value_parser = rule(RuleName::PerCustomer))]
    pub(crate) per_customer: Option<GivenRule>,
    /// What an offline store honours: confirmed-only or accept [default: confirmed-only]
    #[arg(long, value_name = "POLICY", value_parser = rule(RuleName::Offline))]
    pub(crate) offline: Option<GivenRule>,
    /// At most so many provisional acceptances a day while offline, or none
    #[arg(long, value_name = "N", value_parser = rule(RuleName::OfflinePerDay))]
    pub(crate) offline_per_day: Option<GivenRule>,
    /// Where assigned codes live: issuing-store or anywhere [default: issuing-store]
    #[arg(long, value_name = "HOME", value_parser = rule(RuleName::Home))]
    pub(crate) home: Option<GivenRule>,
    /// Who assigns while offline: lease or hub [default: lease]
    #[arg(long, value_name = "WHO", value_parser = rule(RuleName::OfflineAssign))]
    pub(crate) offline_assign: Option<GivenRule>,
    /// When codes are honoured, by the store's clock: "Mon-Fri 09:00-18:00, Sat 10:00-14:00", or none
    #[arg(long, value_name = "HOURS", value_parser = rule(RuleName::Hours))]
    pub(crate) hours: Option<GivenRule>,
    /// The stores that honour the codes, by name; "" for every store
    #[arg(long, value_name = "A,B", value_parser = rule(RuleName::Stores))]
    pub(crate) stores: Option<Vec<GivenRule>>,
    /// How long a code is valid from its assignment: 30d, 12h, or none
    #[arg(long, value_name = "DURATION", value_parser = rule(RuleName::AssignFor))]
    pub(crate) assign_for: Option<GivenRule>,
    /// What must be known first: receipt, approval, customer; "" for nothing
    #[arg(long, value_name = "WHAT", value_parser = rule(RuleName::Require))]
    pub(crate) require: Option<Vec<GivenRule>>,
    /// At most so many redemptions per customer and day, or none
    #[arg(long, value_name = "N", value_parser = rule(RuleName::LimitPerDay))]
    pub(crate) limit_per_day: Option<GivenRule>,
    /// By what a customer is recognised: email, phone, loyalty [default: all three]
    #[arg(long, value_name = "WHAT", value_parser = rule(RuleName::IdentifyBy))]
    pub(crate) identify_by: Option<Vec<GivenRule>>,
    /// How many codes a day may go to customers without a contact, as in 5/day [default: 0]
    #[arg(long, value_name = "N/day", value_parser = rule(RuleName::AllowAnonymous))]
    pub(crate) allow_anonymous: Option<GivenRule>,
    /// What is said where no code is left, or none: 1 to 200 characters; never given out as a code
    #[arg(long, value_name = "TEXT", value_parser = rule(RuleName::Fallback))]
    pub(crate) fallback: Option<GivenRule>,
    /// Whether a mailbox's several addresses are one customer, yes or no: dots and googlemail.com at
    /// Gmail, +tags at Gmail, Outlook, iCloud, Proton and Fastmail; stands once a customer has a
    /// code [default: no]
    #[arg(long, value_name = "yes|no", value_parser = rule(RuleName::ProviderAliases))]
    pub(crate) provider_aliases: Option<GivenRule>,
    /// Warn once less than this share of the pool is left, or 0 for never [default: 10]
    #[arg(long, value_name = "PERCENT", value_parser = rule(RuleName::WarnShare))]
    pub(crate) warn_share: Option<GivenRule>,
    /// Warn once the pool will be empty within so many days, or 0 for never [default: 3]
    #[arg(long, value_name = "N", value_parser = rule(RuleName::WarnDays))]
    pub(crate) warn_days: Option<GivenRule>,
}

impl RuleArgs {
    /// All that was given; a list that was given in parts as one.
    pub(crate) fn given(&self) -> Vec<GivenRule> {
        let single = [
            &self.offer,
            &self.starts,
            &self.ends,
            &self.uses,
            &self.per_customer,
            &self.offline,
            &self.offline_per_day,
            &self.home,
            &self.offline_assign,
            &self.hours,
            &self.assign_for,
            &self.limit_per_day,
            &self.allow_anonymous,
            &self.fallback,
            &self.provider_aliases,
            &self.warn_share,
            &self.warn_days,
        ];
        let lists = [&self.stores, &self.require, &self.identify_by];
        let joined = |parts: &[GivenRule]| parts.iter().cloned().reduce(GivenRule::and);
        single
            .into_iter()
            .flatten()
            .cloned()
            .chain(
                lists
                    .into_iter()
                    .filter_map(|list| joined(list.as_deref()?)),
            )
            .collect()
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum CodesCommand {
    /// Store a list of codes: all of it, or nothing and every bad row by name
    Import {
        /// A CSV file: one code a row, or columns `code,email,phone,external_id,expires_at`; - reads
        /// standard input
        file: PathBuf,
        /// The campaign they belong to
        #[arg(long, value_name = "ID")]
        campaign: CampaignId,
        /// They were sent or printed by others: each may be honoured, none is given out again
        #[arg(long)]
        given_out: bool,
        /// Store the good rows and write the bad ones to a file
        #[arg(long)]
        skip_bad: bool,
        /// Do not look for what a spreadsheet does to numbers
        #[arg(long)]
        as_is: bool,
    },
    /// Draw new codes
    Generate {
        /// The campaign they belong to
        #[arg(long, value_name = "ID")]
        campaign: CampaignId,
        /// How many
        #[arg(long, value_name = "N")]
        count: u64,
        /// They will be printed or sent by others: each may be honoured, none is given out again
        #[arg(long)]
        given_out: bool,
        /// Letters of a code, the two check letters included
        #[arg(long, value_name = "N", default_value_t = 14)]
        length: usize,
        /// Put before every code
        #[arg(long, value_name = "TEXT", default_value = "")]
        prefix: String,
        /// Instead of the usual form: ? is a letter, # a digit, the rest as it is; without check
        /// letters, so that a misread is not told from an unknown code
        #[arg(long, value_name = "PATTERN", conflicts_with_all = ["length", "prefix"])]
        pattern: Option<String>,
    },
    /// Write a campaign's codes as CSV, or with --json as lines
    Export {
        /// The campaign
        #[arg(long, value_name = "ID")]
        campaign: CampaignId,
        /// Only codes in this state: available, assigned, redeemed, void or suspect
        #[arg(long, value_name = "STATE")]
        state: Option<String>,
    },
    /// The whole life of a code
    Show {
        /// The code
        code: String,
    },
    /// End a code's life: it is never honoured or given out again
    Void {
        /// The code
        code: String,
        /// Why
        #[arg(long, value_name = "R", value_parser = reason)]
        reason: String,
    },
}

/// A reason that says something: an act that asks for one keeps it for ever.
fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("say why, in a few words".to_owned());
    }
    if text.chars().any(char::is_control) {
        return Err("use one line without control characters".to_owned());
    }
    Ok(text.to_owned())
}

#[derive(Debug, Args)]
pub(crate) struct RedeemArgs {
    /// The code, as scanned or typed
    #[arg(required_unless_present = "stdin", conflicts_with = "stdin")]
    pub(crate) code: Option<String>,
    /// Only a code of this campaign will do
    #[arg(long, value_name = "ID")]
    pub(crate) campaign: Option<CampaignId>,
    /// Your name for this act: asked again under it, it is answered and not done again
    #[arg(long, value_name = "K", conflicts_with = "stdin")]
    pub(crate) key: Option<Key>,
    #[command(flatten)]
    pub(crate) mode: RedeemMode,
    /// The receipt number, where the campaign asks for one
    #[arg(long, value_name = "R")]
    pub(crate) receipt: Option<String>,
    /// Who the customer is: an id, e-mail address, phone or loyalty number
    #[arg(long, value_name = "C")]
    pub(crate) customer: Option<String>,
    /// As a manager, set aside what a manager may set aside, and approve
    #[arg(long = "override", requires = "reason")]
    pub(crate) overrides: bool,
    /// Why it is set aside
    #[arg(long, value_name = "R", value_parser = reason)]
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct RedeemMode {
    /// Judge, and use nothing up
    #[arg(long)]
    pub(crate) check: bool,
    /// Read `CODE` or `CODE<TAB>KEY` a line and answer each line, in order
    #[arg(long)]
    pub(crate) stdin: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ReverseArgs {
    /// The code whose newest redemption is undone
    #[arg(required_unless_present = "redemption")]
    pub(crate) code: Option<String>,
    /// The redemption to undo, by its id
    #[arg(long, value_name = "ID", conflicts_with = "code")]
    pub(crate) redemption: Option<EntryId>,
    /// Why
    #[arg(long, value_name = "R", value_parser = reason)]
    pub(crate) reason: String,
    /// Your name for this act: asked again under it, it is answered and not done again
    #[arg(long, value_name = "K")]
    pub(crate) key: Option<Key>,
}

#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "flags that have nothing to do with each other"
)]
pub(crate) struct AssignArgs {
    /// The campaign
    #[arg(long, value_name = "ID")]
    pub(crate) campaign: CampaignId,
    /// The customer's e-mail address
    #[arg(long, value_name = "E")]
    pub(crate) email: Option<String>,
    /// Their telephone number; with its country, as in +44 20 7946 0958, where the store has none set
    #[arg(long, value_name = "P")]
    pub(crate) phone: Option<String>,
    /// Their loyalty number
    #[arg(long, value_name = "L")]
    pub(crate) loyalty: Option<String>,
    /// Another system's name for them
    #[arg(long, value_name = "X")]
    pub(crate) external_id: Option<String>,
    /// What they are called, for the desk and the slip; kept where nothing was kept before
    #[arg(long, value_name = "N")]
    pub(crate) name: Option<String>,
    /// They agree to be written to
    #[arg(long)]
    pub(crate) consent: bool,
    /// send gives a code; preview, view and forward never change the pool
    #[arg(long, value_name = "CONTEXT", default_value = "send", value_parser = claim_context)]
    pub(crate) context: ClaimContext,
    /// Your name for this act: asked again under it, it is answered and not done again
    #[arg(long, value_name = "K")]
    pub(crate) key: Option<Key>,
    /// What set it off, for the log: 1 to 200 characters
    #[arg(long, value_name = "TEXT", value_parser = trigger)]
    pub(crate) trigger: Option<String>,
    /// A note for the log, as in order=77; may be given 16 times. Names have 1 to 40 letters, digits,
    /// '.', '_' and '-', values 1 to 200 characters
    #[arg(long = "note", value_name = "K=V")]
    pub(crate) notes: Vec<Note>,
    /// Tell the code even where it was used, ended or has expired
    #[arg(long)]
    pub(crate) resend: bool,
    /// Print the slip of a code that is given now, or was given under this key; whoever has one
    /// already gets another copy by `counterfoil print CODE`
    #[arg(long)]
    pub(crate) print: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PrintArgs {
    /// The code, which a customer has and can still use
    pub(crate) code: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConflictsCommand {
    /// Those that nobody has settled
    List {
        /// The settled ones as well
        #[arg(long)]
        all: bool,
    },
    /// One of them, with all that is known of it
    Show {
        /// Its number
        #[arg(value_name = "ID")]
        number: i64,
    },
    /// As a manager at the hub, say how it ends; it is kept with your name and reason
    Settle {
        /// Its number
        #[arg(value_name = "ID")]
        number: i64,
        /// stand (both stay), void-other (of two codes of one person the second is void; of one code
        /// that two people have, that one), write-off (what was handed over is lost)
        #[arg(long, value_name = "D")]
        decision: Decision,
        /// Why
        #[arg(long, value_name = "R", value_parser = reason)]
        reason: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum CustomerCommand {
    /// By a contact, a name, a code, or the last letters of a code
    Find {
        /// An e-mail address, phone, loyalty number, a part of a name, a code, or four or more last
        /// letters of one
        text: String,
    },
    /// One customer, by id
    Show {
        /// The customer's id
        id: String,
    },
    /// As a manager, change what is known of a customer; it never frees a second code
    Edit {
        /// The customer's id
        id: String,
        #[command(flatten)]
        change: Box<EditArgs>,
    },
    /// As a manager, make two customers one who are one person: both keep their codes, and both ids
    /// find them
    Join {
        /// The id that stays
        kept: String,
        /// The id whose contacts, codes and counts become the other's
        gone: String,
        /// Why
        #[arg(long, value_name = "R", value_parser = reason)]
        reason: String,
    },
    /// As a manager, erase everything readable about a customer, for ever; they are still recognised,
    /// and their codes still honoured
    #[command(
        after_help = "Erased are contacts, name, consent, reasons and raw texts of entries and \
attempts about them and their codes, and the words on their slips; from the bytes of the ledger's \
files, too, for which the file may have to be written anew while the counters wait. Not reached are \
backups, lists that were exported, and a caller's --key, which is part of the chain of entries."
    )]
    Erase {
        /// The customer's id
        id: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// As a manager, tell everything known about a customer, with their full contacts: in words, or with
    /// --json as one object
    Export {
        /// The customer's id
        id: String,
    },
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct EditArgs {
    /// What they are called from now on; "" for nothing
    #[arg(long, value_name = "N")]
    pub(crate) name: Option<String>,
    /// Whether they agree to be written to, yes or no
    #[arg(long, value_name = "yes|no", value_parser = yes_or_no)]
    pub(crate) consent: Option<bool>,
    /// They are known by this e-mail address as well; may be given again, as may all the others
    #[arg(long, value_name = "E")]
    pub(crate) add_email: Vec<String>,
    /// By this telephone number
    #[arg(long, value_name = "P")]
    pub(crate) add_phone: Vec<String>,
    /// By this loyalty number
    #[arg(long, value_name = "L")]
    pub(crate) add_loyalty: Vec<String>,
    /// By this name in another system
    #[arg(long, value_name = "X")]
    pub(crate) add_external_id: Vec<String>,
    /// This e-mail address is theirs no more
    #[arg(long, value_name = "E")]
    pub(crate) remove_email: Vec<String>,
    /// This telephone number
    #[arg(long, value_name = "P")]
    pub(crate) remove_phone: Vec<String>,
    /// This loyalty number
    #[arg(long, value_name = "L")]
    pub(crate) remove_loyalty: Vec<String>,
    /// This name in another system
    #[arg(long, value_name = "X")]
    pub(crate) remove_external_id: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ReplaceArgs {
    /// The code that was lost
    pub(crate) code: String,
    /// Why
    #[arg(long, value_name = "R", value_parser = reason)]
    pub(crate) reason: String,
    /// Your name for this act: asked again under it, it is answered and not done again
    #[arg(long, value_name = "K")]
    pub(crate) key: Option<Key>,
    /// Print the slip of the new code
    #[arg(long)]
    pub(crate) print: bool,
}

fn yes_or_no(text: &str) -> Result<bool, String> {
    match text {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("use yes or no".to_owned()),
    }
}

/// What set an act off: one line for the log.
fn trigger(text: &str) -> Result<String, String> {
    is_plain_name(text, 200)
        .then(|| text.to_owned())
        .ok_or_else(|| "use 1 to 200 characters without control characters".to_owned())
}

fn claim_context(text: &str) -> Result<ClaimContext, MalformedName> {
    text.parse()
}

#[derive(Debug, Args)]
pub(crate) struct PoolArgs {
    /// Only this campaign
    #[arg(long, value_name = "ID")]
    pub(crate) campaign: Option<CampaignId>,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct LogArgs {
    #[command(subcommand)]
    pub(crate) command: Option<LogCommand>,
    #[command(flatten)]
    pub(crate) choice: LogChoice,
    /// Go on as more happens, until stopped
    #[arg(long, conflicts_with = "until")]
    pub(crate) follow: bool,
}

/// Which lines of the log; all that is given must be true of a line. Beside them, `--operator` and
/// `--counter` choose lines where nothing but the log is read.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct LogChoice {
    /// Not before this time: 2026-11-21, 2026-11-21T09:00, or how long ago, as in 2h
    #[arg(long, value_name = "T")]
    pub(crate) since: Option<String>,
    /// Before this time, or on this day and before: as --since
    #[arg(long, value_name = "T")]
    pub(crate) until: Option<String>,
    /// Only with this answer, as in `already_redeemed`; `refused` is every refusal, `unknown` every code
    /// that nobody knows
    #[arg(long, value_name = "W")]
    pub(crate) outcome: Option<String>,
    /// Only of this campaign
    #[arg(long, value_name = "ID")]
    pub(crate) campaign: Option<CampaignId>,
    /// Only of this code
    #[arg(long, value_name = "C")]
    pub(crate) code: Option<String>,
    /// Only of this customer, by id or contact
    #[arg(long, value_name = "C")]
    pub(crate) customer: Option<String>,
    /// Only by this operator; in the log itself --operator says the same
    #[arg(long, value_name = "NAME")]
    pub(crate) by: Option<String>,
    /// Only at this counter; in the log itself --counter says the same
    #[arg(long, value_name = "NAME")]
    pub(crate) at: Option<String>,
    /// Only with this note; may be given several times
    #[arg(long = "note", value_name = "K=V")]
    pub(crate) notes: Vec<Note>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LogCommand {
    /// Write the log to a file, for spreadsheets (CSV, formulas neutralised) or programs (JSON lines)
    Export {
        /// The file; JSON lines where it ends so (.jsonl, .json) or with --json, else CSV; `-` for
        /// standard output
        file: PathBuf,
        #[command(flatten)]
        choice: LogChoice,
    },
    /// End the notice about many unknown codes at a counter, and their slow answers
    EndGuessing {
        /// The counter, as the notice names it
        place: String,
        /// What was found
        #[arg(long, value_name = "R")]
        reason: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ReportCommand {
    /// The figures of a local day: by campaign, counter and operator, with the end of the chain
    Day(DayArgs),
}

#[derive(Debug, Args)]
pub(crate) struct DayArgs {
    /// The day, as in 2026-11-21 [default: today, by the store's clock]
    #[arg(long, value_name = "D")]
    pub(crate) date: Option<Date>,
    /// At a hub: only this store [default: all of them together, each by its own day]
    #[arg(long, value_name = "NAME")]
    pub(crate) store: Option<String>,
    /// Print it as a Z report: under the next number; what was printed just so before, as a copy
    #[arg(long)]
    pub(crate) print: bool,
    /// Write it to a file for spreadsheets; a manager's right
    #[arg(long, value_name = "FILE")]
    pub(crate) csv: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Only look whether the end of the chain on a Z report is in this ledger, and everything before it
    /// as it was: the entry's name and its hash, as on the paper; 16 digits of the hash or more
    #[arg(long, value_name = "HEAD")]
    pub(crate) head: Option<ChainHead>,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct HubArgs {
    #[command(subcommand)]
    pub(crate) command: Option<HubCommand>,
    /// Where to listen: an address and a port; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7878")]
    pub(crate) listen: SocketAddr,
    /// The hub's certificate and those that vouch for it, in PEM; a renewed file is used at once
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The certificate's key, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Listen beyond this computer without TLS: whoever can read the network reads codes and tokens
    #[arg(long, conflicts_with = "tls_cert")]
    pub(crate) plain_http: bool,
    /// How many connections may be open at once; further ones wait until one ends
    #[arg(long, value_name = "N", default_value = "512")]
    pub(crate) connections: NonZeroU16,
}

#[derive(Debug, Subcommand)]
pub(crate) enum HubCommand {
    /// The tokens by which programs are let in
    #[command(subcommand)]
    Token(TokenCommand),
    /// The stores whose ledgers this one brings together; the first one makes it a hub
    #[command(subcommand)]
    Store(StoreCommand),
    /// Take in what a store's ledger holds that does not come by itself: stolen and found, or saved
    /// from a broken computer
    Adopt {
        /// The ledger's file, `ledger.db`, with the files beside it
        file: PathBuf,
    },
    /// This hub was put back to an older state, by a dump or a copied file: begin a new life of it, so
    /// that nothing is given out or honoured twice; its stores tell what they know
    Restored {
        /// How many codes may have been given out here since that state, of each campaign, and lent to
        /// stores; else all that are left are suspect, and never given out
        #[arg(long, value_name = "N")]
        missing: Option<u32>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Let a store's ledger in, by a token that works once and is shown this once
    Add(StoreName),
    /// All stores: what they may do, their last contact, what is still to be sent either way
    List,
    /// A store gets another secret: it joins again, by a token that is shown this once, and keeps what it
    /// has; until it has, its old secret goes on
    Rotate(StoreName),
    /// A store spends nothing any more; what it has not sent is still taken
    Revoke(StoreName),
    /// A store may act again
    Reinstate(StoreName),
    /// A store's ledger is lost: what it held is suspect from now on, and never issued again
    WriteOff(StoreName),
    /// A store's computer is in wrong hands: written off, and nothing is taken from it any more
    Stolen(StoreName),
}

#[derive(Debug, Args)]
pub(crate) struct StoreName {
    /// The store, by the name that its own ledger has
    pub(crate) store: String,
    /// Which of its ledgers, where it has several
    #[arg(long, value_name = "N")]
    pub(crate) node: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct JoinArgs {
    /// Where the hub is: `https://hub.example.org`
    #[arg(required_unless_present = "give_up")]
    pub(crate) url: Option<String>,
    /// The file with the token of `hub store add`; `-` for standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Who vouches for the hub's certificate, in PEM, beside those whom this computer trusts
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// The hub may be asked in clear: whoever can read the network reads codes and secrets
    #[arg(long)]
    pub(crate) plain_http: bool,
    /// Give up joining that was begun and not ended; this ledger is as it was
    #[arg(long, conflicts_with = "url")]
    pub(crate) give_up: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SyncArgs {
    /// Once, and say what was done; else for as long as it runs
    #[arg(long)]
    pub(crate) once: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LeaseCommand {
    /// Give codes that this store has not assigned back to the hub
    Return {
        /// Only those of this campaign
        #[arg(long, value_name = "ID")]
        campaign: Option<CampaignId>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Let a program in; its secret is shown this once, and kept as a hash only
    Add {
        /// The program's name, as the log will show it
        name: TokenName,
        /// What it may do: claim, redeem, read, sync
        #[arg(
            long = "scope",
            value_name = "WHAT",
            value_delimiter = ',',
            required = true
        )]
        scopes: Vec<Scope>,
    },
    /// Give a program another secret, shown this once; the one it has goes on for a while. For a
    /// secret that somebody else has, revoke the token and add it again
    Rotate {
        /// The program's name
        name: TokenName,
        /// How long the old secret is let in beside the new one
        #[arg(long, value_name = "DURATION", default_value = "24h")]
        overlap: Length,
    },
    /// Let a program in no longer, from this moment; what it did keeps its name
    Revoke {
        /// The program's name
        name: TokenName,
    },
    /// All tokens, revoked ones too; no secrets
    List,
}

#[derive(Debug, Subcommand)]
pub(crate) enum OperatorCommand {
    /// Let somebody sign in; the PIN is asked for, or read from standard input
    Add {
        /// The name they sign by
        name: String,
        /// cashier or manager
        #[arg(long, default_value = "cashier", value_parser = role)]
        role: Role,
        /// They sign in by badge only
        #[arg(long)]
        no_pin: bool,
    },
    /// Everyone who may sign in
    List,
    /// Give an operator another PIN, asked for or read from standard input
    SetPin {
        /// The operator
        name: String,
    },
    /// Draw a badge for an operator: print it as a barcode; a former badge ends
    SetBadge {
        /// The operator
        name: String,
    },
    /// Make an operator a cashier or a manager
    SetRole {
        /// The operator
        name: String,
        /// cashier or manager
        #[arg(value_parser = role)]
        role: Role,
    },
    /// They may no longer sign in; what they did keeps their name
    Remove {
        /// The operator
        name: String,
    },
}

fn role(text: &str) -> Result<Role, MalformedName> {
    text.parse()
}

#[derive(Debug, Subcommand)]
pub(crate) enum PrinterCommand {
    /// Print a sheet that shows which profile and settings suit the printer, and say what came back
    Test {
        #[command(flatten)]
        printer: PrinterArgs,
        /// Print a sample slip instead, by the shop's slip.txt if there is one
        #[arg(long)]
        slip: bool,
    },
    /// Ask the printer how it is; prints nothing
    Status(PrinterArgs),
    /// The slips of which nobody knows whether the customer has them, newest first; at most 100
    Slips,
    /// The customer has this slip, though no printer said so
    Settle {
        /// Its number, as `printer slips` shows it
        slip: i64,
    },
}

#[derive(Debug, Args)]
pub(crate) struct PrinterArgs {
    /// Where it is [default: the configured printer]
    #[arg(
        long,
        value_name = "DESTINATION",
        long_help = "Where it is: tcp://192.168.1.50:9100, usb:NAME as `devices` lists it, /dev/usb/lp0, \
serial:/dev/ttyUSB0@9600, command:lp -d till -o raw, or file:PATH [default: the configured printer]"
    )]
    pub(crate) to: Option<String>,
    /// What it is: epson80, generic80, generic58 or custom
    #[arg(long, value_name = "PROFILE", value_parser = profile_name)]
    pub(crate) profile: Option<ProfileName>,
}

fn profile_name(text: &str) -> Result<ProfileName, String> {
    ProfileName::of(text).ok_or_else(|| "use epson80, generic80, generic58 or custom".to_owned())
}

#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    /// The file to write; never overwritten
    pub(crate) file: PathBuf,
    /// Also close the ledger here, to go on with the file on another computer
    #[arg(long = "move")]
    pub(crate) moves: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// The backup
    #[arg(required_unless_present = "settle")]
    pub(crate) file: Option<PathBuf>,
    /// How many codes may have been given out since the backup, where that is more than is shown
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) missing: u32,
    /// End the approvals that a restore began: the codes of the backup are honoured as usual again
    #[arg(long, conflicts_with = "file")]
    pub(crate) settle: bool,
}

/// How the console looks and which scanners it opens.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ConsoleArgs {
    /// A serial scanner, by its path (`counterfoil devices` lists them); may be given twice
    #[arg(long, value_name = "PATH")]
    pub(crate) scanner: Option<Vec<PathBuf>>,
    /// Its speed, for RS-232 scanners
    #[arg(long, value_name = "BAUD")]
    pub(crate) baud: Option<u32>,
    /// auto, dark, light, mono or ascii
    #[arg(long, value_name = "THEME")]
    pub(crate) theme: Option<Theme>,
}
