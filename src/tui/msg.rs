//! What may happen ([`Msg`]) and what may be ordered ([`Effect`]): two closed lists of plain data.

use std::fmt;
use std::path::PathBuf;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::devices::scan::input::Input;
use crate::devices::scan::serial::SerialPortFound;
use crate::domain::campaign::ContactKind;
use crate::domain::claim::{Claim, Look};
use crate::domain::conflict::Conflict;
use crate::domain::day_report::DayReport;
use crate::domain::guessing::Guessing;
use crate::domain::hub_status::HubStatus;
use crate::domain::ids::{CampaignId, Key};
use crate::domain::operator::Operator;
use crate::domain::pool::LowPool;
use crate::domain::reversal::{GivenUp, PendingChoice, Reversal, UndoChoice};
use crate::domain::sign_up::{GivenOutChoice, SignUpAsk, SignUpRoom};
use crate::domain::slip_job::{OpenSlip, SlipJob, SlipOutcome};
use crate::domain::verdict::{Answer, Unseen};
use crate::tui::back_order::{BackOrder, BackTold};
use crate::tui::find_order::{FindOrder, FindTold};

/// Where an input came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The terminal: keys, and scanners that type.
    Keyboard,
    /// A scanner with a line of its own; only its scans count, never its keys.
    Scanner(String),
}

/// A typed PIN; debug output hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Pin(String);

impl Pin {
    /// A PIN as typed by hand.
    pub fn new(typed: String) -> Pin {
        Pin(typed)
    }

    /// The PIN itself, for the one place that verifies it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Pin(hidden)")
    }
}

/// A manager's approval as asked for, before the desk has verified the PIN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalAsk {
    /// The manager; none: nobody signs in here.
    pub operator: Option<String>,
    /// Their PIN; none: nobody signs in here.
    pub pin: Option<Pin>,
    /// One of the fixed reasons, in words.
    pub reason: String,
}

/// Today's figures of this counter's store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TodayCounts {
    /// Redemptions accepted.
    pub accepted: u64,
    /// Scans refused.
    pub refused: u64,
    /// Of those accepted, how many will be settled later.
    pub provisional: u64,
}

/// What the console knows once the ledger is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The store's name.
    pub store: String,
    /// The counter's name.
    pub counter: String,
    /// The store's time zone.
    pub zone: TimeZone,
    /// Who may sign in; empty: the console is open without sign-in.
    pub operators: Vec<Operator>,
    /// Today's figures.
    pub today: TodayCounts,
    /// Acceptances never drawn, newest first.
    pub unseen: Vec<Unseen>,
}

/// Why a scan was not judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhyNotJudged {
    /// Nobody is signed in, and it is nobody's badge.
    SignedOut,
    /// The shop is not set up yet.
    NotSetUp,
    /// The ledger was not open yet.
    Starting,
}

impl WhyNotJudged {
    /// What to do about it.
    pub fn words(self) -> &'static str {
        match self {
            WhyNotJudged::SignedOut => "sign in and scan again",
            WhyNotJudged::NotSetUp => "finish set-up and scan again",
            WhyNotJudged::Starting => "not open yet: scan again",
        }
    }
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Msg {
    /// Something came in from a scanner or the keyboard.
    Input {
        /// From where.
        source: Source,
        /// What, in order.
        inputs: Vec<Input>,
        /// What has come in but is not yet known to be typing or a scan.
        pending: String,
    },
    /// Time went by; about four a second.
    Ticked {
        /// The wall clock.
        now: Timestamp,
    },
    /// The terminal has another size.
    Resized {
        /// Columns of cells.
        columns: u16,
        /// Rows of cells.
        rows: u16,
    },
    /// The ledger is open.
    Opened(Box<Opened>),
    /// There is no ledger yet: set-up begins.
    SetUpNeeded {
        /// The time zone to suggest.
        zone: String,
        /// The counter's name to suggest.
        counter: String,
        /// The serial scanners that are plugged in and not in use yet.
        scanners: Vec<SerialPortFound>,
    },
    /// Other scanners are plugged in than before, during set-up.
    ScannersFound {
        /// Those not in use yet.
        scanners: Vec<SerialPortFound>,
    },
    /// Set-up is stored; [`Msg::Opened`] follows.
    SetUpDone {
        /// What could not be written to the configuration, for people.
        problem: Option<String>,
    },
    /// Set-up is not stored.
    SetUpRefused {
        /// What is wrong, for people.
        words: String,
    },
    /// Somebody is signed in, by PIN or by badge.
    SignedIn {
        /// Who.
        operator: Operator,
        /// The scan that was their badge.
        number: Option<u64>,
    },
    /// The PIN was wrong, or the counter is locked.
    SignInRefused {
        /// What is wrong, for people.
        words: String,
        /// Until when no PIN is taken.
        locked_until: Option<Timestamp>,
    },
    /// A scan was judged, and what it changed is committed.
    Judged {
        /// Of the [`Effect::Scan`] or [`Effect::Redeem`].
        number: u64,
        /// The verdict.
        answer: Box<Answer>,
    },
    /// A scan was not judged; nothing happened.
    NotJudged {
        /// Of the [`Effect::Scan`].
        number: u64,
        /// Why.
        why: WhyNotJudged,
    },
    /// A scan was no code, and a field waited for it; nothing was judged.
    NoCode {
        /// Of the [`Effect::Scan`].
        number: u64,
    },
    /// A manager's PIN was wrong, or the counter is locked; nothing happened.
    ApprovalRefused {
        /// Of the [`Effect::Redeem`]; none: of an [`Effect::Undo`].
        number: Option<u64>,
        /// What is wrong, for people.
        words: String,
    },
    /// The ledger could not do it; nothing is used up.
    ActFailed {
        /// Of the scan; none: of another act.
        number: Option<u64>,
        /// What failed.
        words: String,
        /// What to do about it.
        hint: String,
    },
    /// A scan is asked of the hub; nothing is known of it before.
    AskingHub {
        /// Of the [`Effect::Scan`] or [`Effect::Redeem`].
        number: u64,
    },
    /// A sign-up is asked of the hub.
    SignUpAsksHub {
        /// The key of the form.
        key: Key,
    },
    /// An undo is asked of the hub.
    UndoAsksHub,
    /// This counter's newest redemptions, and the scans that the hub has not answered.
    UndoListed {
        /// Newest first.
        choices: Vec<UndoChoice>,
        /// Newest first.
        pending: Vec<PendingChoice>,
    },
    /// A scan that the hub has not answered was given up, or not.
    GivenUp {
        /// The code as stored, or as it was read.
        code: String,
        /// What became of it.
        outcome: GivenUp,
    },
    /// An undo was answered.
    Undone {
        /// The answer.
        answer: Reversal,
    },
    /// What a sign-up has to choose from.
    SignUpRoomRead(Box<SignUpRoom>),
    /// Whom the contacts of the form name.
    Looked {
        /// Of the [`Effect::LookFor`].
        number: u64,
        /// What is known of them.
        look: Look,
    },
    /// A sign-up was answered, and what it changed is committed.
    Claimed {
        /// The key of the form.
        key: Key,
        /// The answer.
        claim: Box<Claim>,
    },
    /// A sign-up was refused; nothing was given.
    SignUpRefused {
        /// What is wrong, for people.
        words: String,
    },
    /// What this counter may take back.
    GivenOutListed {
        /// Newest first.
        choices: Vec<GivenOutChoice>,
    },
    /// A code that was given out was taken back, or not.
    Cancelled {
        /// The code as stored.
        code: String,
        /// What is wrong, for people; none: it is void now.
        problem: Option<String>,
    },
    /// The slips that no printer has confirmed.
    SlipsListed {
        /// Newest first.
        slips: Vec<OpenSlip>,
    },
    /// A slip is stored, and is to be printed now.
    SlipOrdered {
        /// It.
        job: Box<SlipJob>,
    },
    /// A slip is not printed, or not settled; nothing was changed.
    SlipRefused {
        /// What is wrong, for people.
        words: String,
    },
    /// A printer was asked to print a slip.
    SlipPrinted {
        /// The slip's number in the ledger.
        number: i64,
        /// What is known of the paper.
        outcome: SlipOutcome,
    },
    /// The printer came, went or is ill.
    PrinterHealth {
        /// Its state in words.
        words: String,
        /// Whether it works.
        is_well: bool,
    },
    /// The desk has answered an order of the Find screen.
    FindTold {
        /// Of the [`Effect::Find`].
        number: u64,
        /// The answer.
        told: FindTold,
    },
    /// A scanner came, went or is ill.
    ScannerHealth {
        /// The scanner.
        name: String,
        /// Its state in words.
        words: String,
        /// Whether it works.
        is_well: bool,
    },
    /// The figures and the state of the machine were read.
    StatusRead {
        /// Today's figures.
        today: TodayCounts,
        /// The wall clock is behind the ledger.
        is_clock_behind: bool,
        /// What is wrong with the disk, in words.
        disk: Option<String>,
        /// How many scans the hub was asked about and has not answered.
        pending: u64,
        /// How many entries exist on this machine only; none: there is no hub.
        unsent: Option<u64>,
        /// How many slips no printer has confirmed.
        open_slips: u32,
        /// The campaigns in test mode.
        in_test_mode: Vec<String>,
    },
    /// Who may sign in is another list than before, be it by another counter.
    OperatorsRead {
        /// By name.
        operators: Vec<Operator>,
    },
    /// How this store stands with its hub; none: it has none.
    HubTold(Option<Box<HubStatus>>),
    /// The pools that are warned of are others than before.
    PoolsLow {
        /// They, each by its gravest warning.
        low: Vec<LowPool>,
    },
    /// The conflicts that are open, as far as this ledger knows, changed.
    ConflictsOpen {
        /// Oldest first.
        open: Vec<Conflict>,
    },
    /// The counters at which many unknown codes were read are others than before.
    GuessingStands {
        /// By counter.
        guessing: Vec<Guessing>,
    },
    /// The desk has answered an order of the back room.
    BackTold(BackTold),
    /// The desk has not answered for long: another counter is at the ledger, or the disk is slow.
    LedgerSlow,
}

/// What a shop begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewShop {
    /// The store's name.
    pub store: String,
    /// The time zone, as typed.
    pub zone: String,
    /// This counter's name.
    pub counter: String,
    /// The serial scanner to read, by its stable path; none: there is none, or it types.
    pub scanner: Option<PathBuf>,
    /// The first people, with their PINs; empty: nobody signs in.
    pub operators: Vec<(Operator, Pin)>,
}

/// Something to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// See whether it is a badge; if not, and if it may be judged, redeem it.
    Scan {
        /// The running number of the act.
        number: u64,
        /// The bytes as they came, or as the counter's keyboard layout makes of them.
        raw: Vec<u8>,
        /// The bytes as they came, where `raw` is something else; only kept.
        came: Option<Vec<u8>>,
        /// Only a badge counts while this is false.
        may_judge: bool,
        /// A field waits for what is no code: then nothing is judged, and [`Msg::NoCode`] says so.
        fills: bool,
    },
    /// Redeem with the answers to questions.
    Redeem {
        /// The running number of the act.
        number: u64,
        /// The bytes of the scan that raised the question.
        raw: Vec<u8>,
        /// Of that scan, as of [`Effect::Scan`].
        came: Option<Vec<u8>>,
        /// The receipt number.
        receipt: Option<String>,
        /// The customer's id or contact.
        customer: Option<String>,
        /// A manager's approval.
        approval: Option<ApprovalAsk>,
    },
    /// Sign in by PIN.
    SignIn {
        /// Who.
        operator: String,
        /// Their PIN.
        pin: Pin,
    },
    /// Sign out.
    SignOut,
    /// Set the shop up.
    SetUp(Box<NewShop>),
    /// List what could be undone.
    ListUndo,
    /// Undo one redemption.
    Undo {
        /// Which.
        redemption_id: String,
        /// One of the fixed reasons, in words.
        reason: String,
        /// A manager's approval.
        approval: Option<ApprovalAsk>,
    },
    /// Give a scan up that the hub has not answered.
    GiveUp {
        /// Which.
        choice: PendingChoice,
        /// One of the fixed reasons, in words.
        reason: String,
        /// A manager's approval.
        approval: Option<ApprovalAsk>,
    },
    /// Read what a sign-up has to choose from; answered by [`Msg::SignUpRoomRead`].
    ReadSignUpRoom,
    /// Look whose contacts these are; answered by [`Msg::Looked`]. Changes nothing.
    LookFor {
        /// The running number of the look.
        number: u64,
        /// Of which campaign.
        campaign: CampaignId,
        /// As typed.
        contacts: Vec<(ContactKind, String)>,
    },
    /// Give a customer a code of their own.
    SignUp(Box<SignUpAsk>),
    /// List what this counter may take back.
    ListGivenOut,
    /// Take back what was given out.
    Cancel {
        /// The code as stored.
        code: String,
        /// One of the fixed reasons, in words.
        reason: String,
    },
    /// List the slips that no printer has confirmed.
    ListSlips,
    /// Store another copy of a code's slip; answered by [`Msg::SlipOrdered`].
    Reprint {
        /// The code as stored.
        code: String,
    },
    /// Print a stored slip; answered by [`Msg::SlipPrinted`].
    Print(Box<SlipJob>),
    /// Print the report of a day, which has its number; answered by [`Msg::BackTold`].
    PrintDay(Box<DayReport>),
    /// Keep what became of a slip.
    NoteSlip {
        /// The slip's number in the ledger.
        number: i64,
        /// What is known of the paper.
        outcome: SlipOutcome,
    },
    /// The customer has the slip: somebody has seen it.
    SettleSlip {
        /// The slip's number in the ledger.
        number: i64,
    },
    /// What the Find screen orders; answered by [`Msg::FindTold`].
    Find {
        /// The running number of the order.
        number: u64,
        /// The order.
        order: Box<FindOrder>,
    },
    /// What a page of the back room orders; answered by [`Msg::BackTold`].
    Back(Box<BackOrder>),
    /// Mark an acceptance as shown.
    MarkShown {
        /// Its local entry.
        entry: i64,
    },
    /// Ring the terminal's bell.
    Bell {
        /// How often.
        times: u8,
    },
    /// End the console.
    Quit,
}
