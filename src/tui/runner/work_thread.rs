//! Long work beside the desk: one import, generation or preflight at a time on a thread and a connection
//! of its own, so that scans go on; and looks at folders and files, which may be slow to answer.
//!
//! Whoever lets the worker go stops what is under way and waits for it: nothing half is left.

use std::cell::Cell;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;

use crate::desk::preflight::News;
use crate::desk::{BadFile, act, fill_random};
use crate::domain::code::Shape;
use crate::domain::code_list::SpreadsheetCheck;
use crate::domain::contact::PhoneRegion;
use crate::domain::ids::CampaignId;
use crate::domain::operator::Operator;
use crate::domain::refusal::Refusal;
use crate::domain::verdict::Approval;
use crate::ledger::{
    Act, Cause, Drawing, GenerateOrder, ImportOrder, ImportReport, Ledger, LedgerError, LongWork,
    Progress, Step, look_at_list,
};
use crate::tui::back_order::BackTold;
use crate::tui::campaign_order::CampaignTold;
use crate::tui::msg::Msg;
use crate::tui::runner::alarm::Alarm;
use crate::tui::runner::campaign_orders::Weighing;
use crate::tui::runner::work_orders::WorkJob;
use crate::tui::runner::{Clock, Happening, Rehearse};
use crate::tui::work_order::{
    FolderRow, ListBeginning, Listing, WorkEnd, WorkOrder, WorkProgress, WorkStep, WorkTold,
    WorkWish,
};

/// Rows of a folder that are listed; whoever has more types a path.
const FOLDER_ROWS_MAX: usize = 5_000;

/// Rows of a list that are looked at.
const LOOK_ROWS: usize = 6;

/// Looks that may be under way: a disk that does not answer must not take more and more threads.
const LOOKS_MAX: usize = 4;

/// How far it is, is told so often.
const TOLD_APART: Duration = Duration::from_millis(100);

/// Before so much time and work has gone by, the rest cannot be told.
const LEFT_AFTER: Duration = Duration::from_secs(2);
const LEFT_AFTER_PERCENT: f64 = 4.0;

/// What the steps begin and end with, in percent of the whole; storing takes longest.
const FIRST_STEP: (f64, f64) = (0.0, 25.0);
const CHECKING: (f64, f64) = (25.0, 40.0);
const STORING: (f64, f64) = (40.0, 100.0);

/// What the worker works with.
#[derive(Clone)]
pub(super) struct Tools {
    pub(super) folder: PathBuf,
    pub(super) phone_region: Option<PhoneRegion>,
    pub(super) home: PathBuf,
    pub(super) rehearse: Rehearse,
    pub(super) clock: Clock,
    pub(super) tell: SyncSender<Happening>,
}

/// Does long work, one at a time.
pub(super) struct Worker {
    tools: Tools,
    grant: Option<Grant>,
    under_way: Option<UnderWay>,
    looks: Arc<()>,
}

/// What a manager has let happen, as long as the same person is at the counter.
struct Grant {
    approval: Approval,
    here: Option<String>,
}

/// Work under way; it is stopped, and waited for, when this goes.
struct UnderWay {
    noun: &'static str,
    signs: Arc<Signs>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Signs {
    stop: AtomicBool,
    is_done: AtomicBool,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.signs.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic has been told of by its alarm.
            thread.join().unwrap_or_default();
        }
    }
}

impl Worker {
    pub(super) fn new(tools: Tools) -> Worker {
        Worker {
            tools,
            grant: None,
            under_way: None,
            looks: Arc::new(()),
        }
    }

    /// Does an order, or begins it; what is to be said at once.
    pub(super) fn take(
        &mut self,
        job: WorkJob,
        counter: &str,
        here: Option<&Operator>,
    ) -> Option<BackTold> {
        let here = here.map(|operator| operator.name.clone());
        let told = match job {
            WorkJob::Grant(approval) => {
                self.grant = Some(Grant { approval, here });
                Some(WorkTold::Granted)
            }
            WorkJob::Weigh(weighing) => return self.weigh(weighing).map(BackTold::Campaign),
            WorkJob::Order(order) => self.follow(order, counter, here.as_deref()),
        };
        told.map(BackTold::Work)
    }

    fn follow(&mut self, order: WorkOrder, counter: &str, here: Option<&str>) -> Option<WorkTold> {
        match order {
            // Answered where managers are proven.
            WorkOrder::Ask { .. } => None,
            WorkOrder::Close => {
                self.grant = None;
                None
            }
            WorkOrder::Stop => {
                if let Some(work) = &self.under_way {
                    work.signs.stop.store(true, Ordering::Relaxed);
                }
                None
            }
            WorkOrder::Go { number, to } => {
                if self.grant_of(here).is_none() {
                    let words = NOT_GRANTED.to_owned();
                    return Some(WorkTold::Unread { number, words });
                }
                self.go(number, to)
            }
            WorkOrder::Begin(wish) => {
                let Some(grant) = self.grant_of(here) else {
                    return Some(WorkTold::Refused(NOT_GRANTED.to_owned()));
                };
                let by = grant.approval.by.clone();
                Some(self.begin(wish, counter, by))
            }
        }
    }

    /// Whoever is here now goes: the next one asks a manager anew.
    pub(super) fn forget_grant(&mut self) {
        self.grant = None;
    }

    fn grant_of(&self, here: Option<&str>) -> Option<&Grant> {
        self.grant
            .as_ref()
            .filter(|grant| grant.here.as_deref() == here)
    }

    fn go(&self, number: u64, to: Option<PathBuf>) -> Option<WorkTold> {
        let unread = |words: &str| {
            let words = words.to_owned();
            Some(WorkTold::Unread { number, words })
        };
        if Arc::strong_count(&self.looks) > LOOKS_MAX {
            return unread("the disk has not answered yet: wait, or look at its cable");
        }
        let token = Arc::clone(&self.looks);
        let (home, tell) = (self.tools.home.clone(), self.tools.tell.clone());
        let begun = std::thread::Builder::new()
            .name("look".to_owned())
            .spawn(move || {
                let alarm = Alarm::new(tell);
                let told = look(number, &place_of(to, &home));
                // Where nobody listens any more, the console is ending.
                alarm.tell().send(happening(told)).unwrap_or_default();
                drop(token);
            });
        match begun {
            Ok(_) => None,
            Err(_) => unread(NO_ROOM),
        }
    }

    /// Goes through a campaign's codes on a connection of its own, which only reads.
    fn weigh(&self, weighing: Weighing) -> Option<CampaignTold> {
        let (folder, tell) = (self.tools.folder.clone(), self.tools.tell.clone());
        let begun = std::thread::Builder::new()
            .name("weigh".to_owned())
            .spawn(move || {
                let alarm = Alarm::new(tell);
                let told = BackTold::Campaign(weighing.answer(&folder));
                let told = Happening::Told(Msg::BackTold(told));
                // Where nobody listens any more, the console is ending.
                alarm.tell().send(told).unwrap_or_default();
            });
        begun
            .err()
            .map(|_| CampaignTold::Failed(NO_ROOM.to_owned()))
    }

    fn begin(&mut self, wish: WorkWish, counter: &str, by: Option<String>) -> WorkTold {
        self.under_way
            .take_if(|work| work.signs.is_done.load(Ordering::Relaxed));
        if let Some(work) = &self.under_way {
            return WorkTold::Refused(format!(
                "{} is under way at this counter: one at a time",
                work.noun
            ));
        }
        let (noun, signs) = (wish.noun(), Arc::new(Signs::default()));
        let (tools, theirs, begun) = (self.tools.clone(), Arc::clone(&signs), wish.clone());
        let counter = counter.to_owned();
        let thread = std::thread::Builder::new()
            .name("long work".to_owned())
            .spawn(move || {
                let alarm = Alarm::new(tools.tell.clone());
                let end = Work {
                    tools: &tools,
                    signs: &theirs,
                }
                .run(&wish, &counter, by.as_deref());
                theirs.is_done.store(true, Ordering::Relaxed);
                let told = happening(WorkTold::Ended(Box::new(end)));
                alarm.tell().send(told).unwrap_or_default();
            });
        match thread {
            Ok(thread) => {
                self.under_way = Some(UnderWay {
                    noun,
                    signs,
                    thread: Some(thread),
                });
                WorkTold::Began(begun)
            }
            Err(error) => WorkTold::Refused(format!(
                "this computer has no room for it: {error}. Try again"
            )),
        }
    }
}

const NOT_GRANTED: &str = "a manager must approve it first";

const NO_ROOM: &str = "this computer has no room for another thread: try again";

fn happening(told: WorkTold) -> Happening {
    Happening::Told(Msg::BackTold(BackTold::Work(told)))
}

/// A place as it was typed or picked: `~` is the home folder.
fn place_of(to: Option<PathBuf>, home: &Path) -> PathBuf {
    match to {
        None => home.to_owned(),
        Some(path) => match path.strip_prefix("~") {
            Ok(rest) => home.join(rest),
            Err(_) => path,
        },
    }
}

/// Lists a folder, or looks at the beginning of a file.
fn look(number: u64, path: &Path) -> WorkTold {
    let told = fs::metadata(path).and_then(|found| {
        if found.is_dir() {
            let listing = list(path)?;
            return Ok(WorkTold::Listed { number, listing });
        }
        if !found.is_file() {
            return Err(io::Error::other("this is neither a file nor a folder"));
        }
        Ok(beginning_of(path, found.len())?.map_or_else(
            |words| WorkTold::Unread { number, words },
            |list| WorkTold::Looked {
                number,
                list: Box::new(list),
            },
        ))
    });
    told.unwrap_or_else(|error| {
        let words = format!("{}: {}", path.display(), file_words(&error));
        WorkTold::Unread { number, words }
    })
}

/// Why a file or a folder cannot be read, for people.
fn file_words(error: &io::Error) -> String {
    let kind = error.kind();
    if kind == io::ErrorKind::PermissionDenied {
        "this account may not read it: ask whoever owns it, or pick another".to_owned()
    } else if kind == io::ErrorKind::NotFound {
        "there is nothing of this name".to_owned()
    } else {
        error.to_string()
    }
}

fn list(folder: &Path) -> io::Result<Listing> {
    let mut rows = Vec::new();
    let mut is_cut = false;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if rows.len() >= FOLDER_ROWS_MAX {
            is_cut = true;
            break;
        }
        let path = entry.path();
        // What a link leads to; a link to nothing is shown as it is.
        let found = fs::metadata(&path).or_else(|_| entry.metadata()).ok();
        let changed_at = found
            .as_ref()
            .and_then(|found| Timestamp::try_from(found.modified().ok()?).ok());
        rows.push(FolderRow {
            name: entry.file_name().to_string_lossy().into_owned(),
            path,
            is_folder: found.as_ref().is_some_and(fs::Metadata::is_dir),
            bytes: found.map_or(0, |found| found.len()),
            changed_at,
        });
    }
    Ok(Listing::new(folder.to_owned(), rows, is_cut))
}

fn beginning_of(path: &Path, bytes: u64) -> io::Result<Result<ListBeginning, String>> {
    let mut source = BufReader::new(File::open(path)?);
    Ok(match look_at_list(&mut source, LOOK_ROWS) {
        Ok(Ok(look)) => Ok(ListBeginning {
            path: path.to_owned(),
            bytes,
            columns: look.columns,
            has_header: look.has_header,
            code_at: look.code_at,
            rows: look.rows,
        }),
        Ok(Err(refusal)) => Err(refusal.to_string()),
        Err(error) => Err(error.to_string()),
    })
}

/// Why work did not come to its end.
enum Ended {
    Refused(String),
    Failed(LedgerError),
}

impl From<LedgerError> for Ended {
    fn from(error: LedgerError) -> Ended {
        Ended::Failed(error)
    }
}

impl From<Refusal> for Ended {
    fn from(refusal: Refusal) -> Ended {
        Ended::Refused(refusal.to_string())
    }
}

/// Work on its thread.
struct Work<'w> {
    tools: &'w Tools,
    signs: &'w Signs,
}

impl Work<'_> {
    fn run(&self, wish: &WorkWish, counter: &str, by: Option<&str>) -> WorkEnd {
        let done = match wish {
            WorkWish::Preflight { campaign, audience } => self.preflight(campaign, *audience),
            WorkWish::Import { .. } | WorkWish::Generate { .. } => self
                .ledger(counter, by)
                .and_then(|(mut ledger, act)| self.fill(&mut ledger, wish, &act)),
        };
        match done {
            Ok(end) => end,
            Err(_) if self.is_stopped() => WorkEnd::Stopped,
            Err(Ended::Refused(words)) => WorkEnd::Failed(words),
            Err(Ended::Failed(error)) if matches!(error.cause, Cause::Interrupted) => {
                WorkEnd::Stopped
            }
            Err(Ended::Failed(error)) => WorkEnd::Failed(format!("{error}. {}", error.hint())),
        }
    }

    fn is_stopped(&self) -> bool {
        self.signs.stop.load(Ordering::Relaxed)
    }

    /// A connection of its own: the desk's is the scans'.
    fn ledger(&self, counter: &str, by: Option<&str>) -> Result<(Ledger, Act), Ended> {
        let act = act(counter, by, self.tools.clock.moment().now)?;
        let (mut ledger, _) = Ledger::open(&self.tools.folder, &act)?;
        ledger.dial_in(self.tools.phone_region);
        Ok((ledger, act))
    }

    fn fill(&self, ledger: &mut Ledger, wish: &WorkWish, act: &Act) -> Result<WorkEnd, Ended> {
        match wish {
            WorkWish::Import {
                campaign,
                path,
                is_given_out,
                skips_bad,
                is_as_is,
            } => {
                let order = ImportOrder {
                    campaign: campaign.clone(),
                    is_given_out: *is_given_out,
                    skips_bad: *skips_bad,
                    check: if *is_as_is {
                        SpreadsheetCheck::TakeAsIs
                    } else {
                        SpreadsheetCheck::Look
                    },
                };
                self.import(ledger, path, &order, act)
            }
            WorkWish::Generate {
                campaign,
                count,
                prefix,
                length,
                is_given_out,
            } => {
                let shape = Shape::new(prefix, *length);
                let shape = shape.map_err(|fault| Ended::Refused(fault.to_string()))?;
                let order = GenerateOrder {
                    campaign: campaign.clone(),
                    count: *count,
                    drawing: Drawing::Shape(shape),
                    is_given_out: *is_given_out,
                };
                let mut told = Teller::new(self.tools);
                let mut work = LongWork {
                    random: &mut fill_random,
                    progress: &mut |progress| told.progress(progress, None),
                    stop: &self.signs.stop,
                };
                let report = ledger.generate_codes(&order, act, &mut work)??;
                Ok(stored(report, None))
            }
            WorkWish::Preflight { .. } => Ok(WorkEnd::Played),
        }
    }

    fn import(
        &self,
        ledger: &mut Ledger,
        path: &Path,
        order: &ImportOrder,
        act: &Act,
    ) -> Result<WorkEnd, Ended> {
        let unread = |error: io::Error| {
            Ended::Refused(format!("{}: {}", path.display(), file_words(&error)))
        };
        let file = File::open(path).map_err(unread)?;
        let bytes = file.metadata().map_err(unread)?.len();
        let read = Cell::new(0);
        let mut source = Counted {
            inner: BufReader::new(file),
            read: &read,
        };
        let mut bad_file = BadFile::beside(path).or_at(self.tools.folder.join("import.bad.csv"));
        let mut told = Teller::new(self.tools);
        let mut work = LongWork {
            random: &mut fill_random,
            progress: &mut |progress| told.progress(progress, Some((read.get(), bytes))),
            stop: &self.signs.stop,
        };
        let report = ledger.import_codes(&mut source, order, act, &mut work, &mut |row| {
            bad_file.add(row)
        })??;
        // The codes are stored: a file that is not whole takes nothing of that back.
        let kept = bad_file.end().unwrap_or_default();
        Ok(stored(report, kept))
    }

    fn preflight(&self, campaign: &CampaignId, audience: Option<u64>) -> Result<WorkEnd, Ended> {
        let mut told = Teller::new(self.tools);
        let played = (self.tools.rehearse)(campaign, audience, &mut |news| {
            match news {
                News::Copying(done, total) => told.copying(done, total),
                News::Begun(trial) => told.say(WorkTold::Trying(trial.words)),
                News::Ended(check) => told.say(WorkTold::Checked(check)),
            }
            !self.is_stopped()
        });
        if self.is_stopped() {
            return Ok(WorkEnd::Stopped);
        }
        played.map_err(Ended::Refused)?;
        Ok(WorkEnd::Played)
    }
}

fn stored(report: ImportReport, bad_file: Option<PathBuf>) -> WorkEnd {
    WorkEnd::Stored {
        stored: report.stored,
        skipped: report.skipped,
        bad: report.bad,
        bad_count: report.bad_count,
        bad_file: bad_file.map(|path| path.display().to_string()),
    }
}

/// Counts what is read.
struct Counted<'c, R> {
    inner: R,
    read: &'c Cell<u64>,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let more = u64::try_from(count).unwrap_or(u64::MAX);
        self.read.set(self.read.get().saturating_add(more));
        Ok(count)
    }
}

/// Tells how far work is, not too often.
struct Teller<'t> {
    tools: &'t Tools,
    begun: Duration,
    told: Option<(WorkStep, Duration)>,
    percent: f64,
}

impl Teller<'_> {
    fn new(tools: &Tools) -> Teller<'_> {
        Teller {
            tools,
            begun: tools.clock.moment().elapsed,
            told: None,
            percent: 0.0,
        }
    }

    fn say(&self, told: WorkTold) {
        // Where nobody listens any more, the console is ending, and stops the work.
        self.tools.tell.send(happening(told)).unwrap_or_default();
    }

    fn copying(&mut self, done: u64, total: u64) {
        let step = WorkStep::Copying;
        self.tell(step, (done, Some(total)), 0, Some(share(done, total)));
    }

    fn progress(&mut self, progress: Progress, read: Option<(u64, u64)>) {
        let (step, (from, to)) = match progress.step {
            Step::Reading => (WorkStep::Reading, FIRST_STEP),
            Step::Drawing => (WorkStep::Drawing, FIRST_STEP),
            Step::Checking => (WorkStep::Checking, CHECKING),
            Step::Storing => (WorkStep::Storing, STORING),
        };
        let within = match (progress.total, read, progress.step) {
            (Some(total), _, _) => share(progress.done, total),
            (None, Some((read, bytes)), Step::Reading) => share(read, bytes),
            (None, _, _) => 0.0,
        };
        let whole = from + (to - from) * within;
        let rows = (progress.done, progress.total);
        self.tell(step, rows, progress.bad, Some(whole / 100.0));
    }

    fn tell(
        &mut self,
        step: WorkStep,
        (done, total): (u64, Option<u64>),
        bad: u64,
        whole: Option<f64>,
    ) {
        let elapsed = self.tools.clock.moment().elapsed;
        let is_soon = self
            .told
            .is_some_and(|(told, at)| told == step && elapsed.saturating_sub(at) < TOLD_APART);
        if is_soon && total != Some(done) {
            return;
        }
        self.told = Some((step, elapsed));
        let percent = whole.map(|whole| {
            // What is drawn once more does not go back.
            self.percent = self.percent.max(whole * 100.0);
            self.percent
        });
        let spent = elapsed.saturating_sub(self.begun);
        let left_s = percent
            .filter(|percent| spent >= LEFT_AFTER && *percent >= LEFT_AFTER_PERCENT)
            .map(|percent| whole_number(spent.as_secs_f64() * (100.0 - percent) / percent));
        self.say(WorkTold::Progress(WorkProgress {
            step,
            done,
            total,
            bad,
            percent: percent.map(|percent| {
                u8::try_from(whole_number(percent))
                    .unwrap_or(u8::MAX)
                    .min(99)
            }),
            left_s,
        }));
    }
}

/// How much of something is done; of nothing, all.
fn share(done: u64, total: u64) -> f64 {
    if total == 0 {
        return 1.0;
    }
    let thousandths = u128::from(done.min(total)) * 1000 / u128::from(total);
    f64::from(u16::try_from(thousandths).unwrap_or(1000)) / 1000.0
}

/// Without its fraction.
fn whole_number(number: f64) -> u64 {
    Duration::try_from_secs_f64(number).map_or(0, |seconds| seconds.as_secs())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;
    use crate::domain::operator::Role;

    #[test]
    fn a_folder_says_what_is_in_it_and_why_it_cannot() {
        let place = tempfile::tempdir().expect("a folder");
        let at = |name: &str| place.path().join(name);
        fs::create_dir(at("zebra")).expect("made");
        for name in ["notes.pdf", "b.CSV", "a.txt"] {
            fs::write(at(name), "CODE1\nCODE2\n").expect("written");
        }
        std::os::unix::fs::symlink(at("nowhere"), at("broken")).expect("linked");
        let WorkTold::Listed { number: 7, listing } = look(7, place.path()) else {
            panic!("no listing");
        };
        let names: Vec<&str> = listing.rows.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(names, ["zebra", "a.txt", "b.CSV", "broken", "notes.pdf"]);
        let WorkTold::Looked { list, .. } = look(8, &at("a.txt")) else {
            panic!("no list");
        };
        assert_eq!((list.columns.len(), list.code_at, list.bytes), (1, 0, 12));
        assert_eq!(list.rows, [["CODE1"], ["CODE2"]]);
        for (name, words) in [
            ("nowhere", "there is nothing of this name"),
            ("broken", "there is nothing of this name"),
        ] {
            let WorkTold::Unread { words: said, .. } = look(9, &at(name)) else {
                panic!("was read: {name}");
            };
            assert!(said.contains(words), "{said}");
        }
        let WorkTold::Unread { words, .. } = look(10, Path::new("/dev/null")) else {
            panic!("was read");
        };
        assert!(words.contains("neither a file nor a folder"), "{words}");
        let home = Path::new("/home/mia");
        assert_eq!(place_of(None, home), home);
        let typed = Some(PathBuf::from("~/lists"));
        assert_eq!(place_of(typed, home), home.join("lists"));
    }

    #[test]
    fn one_at_a_time_only_what_was_granted_and_whoever_goes_stops_it() {
        let (tell, told) = sync_channel(64);
        let mut worker = Worker::new(Tools {
            folder: PathBuf::new(),
            phone_region: None,
            home: PathBuf::from("/"),
            // Played until somebody stops it.
            rehearse: Arc::new(|_, _, tell| {
                while tell(News::Copying(1, 2)) {
                    std::thread::yield_now();
                }
                Ok(())
            }),
            clock: Clock::new(),
            tell,
        });
        let somebody = |name: &str, role| Operator {
            name: name.to_owned(),
            role,
        };
        let (ana, mia) = (
            somebody("ana", Role::Cashier),
            somebody("mia", Role::Manager),
        );
        let wish = || WorkWish::Preflight {
            campaign: "spring".parse().expect("a name"),
            audience: None,
        };
        let begin = || WorkJob::Order(WorkOrder::Begin(wish()));
        let go = || {
            WorkJob::Order(WorkOrder::Go {
                number: 1,
                to: None,
            })
        };
        let granted = || {
            WorkJob::Grant(Approval {
                by: Some("mia".to_owned()),
                reason: String::new(),
            })
        };
        let told_of_work = |told| Some(BackTold::Work(told));
        let refused = told_of_work(WorkTold::Refused(NOT_GRANTED.to_owned()));
        let unread = told_of_work(WorkTold::Unread {
            number: 1,
            words: NOT_GRANTED.to_owned(),
        });
        assert_eq!(worker.take(begin(), "till 1", Some(&ana)), refused);
        assert_eq!(worker.take(go(), "till 1", Some(&ana)), unread);
        let yes = worker.take(granted(), "till 1", Some(&ana));
        assert_eq!(yes, told_of_work(WorkTold::Granted));
        // It was granted to whoever was there.
        assert_eq!(worker.take(begin(), "till 1", Some(&mia)), refused);
        let yes = worker.take(begin(), "till 1", Some(&ana));
        assert_eq!(yes, told_of_work(WorkTold::Began(wish())));
        let second = worker.take(begin(), "till 1", Some(&ana));
        let Some(BackTold::Work(WorkTold::Refused(words))) = second else {
            panic!("two at a time");
        };
        assert!(words.contains("the preflight is under way"), "{words}");
        worker.forget_grant();
        assert_eq!(worker.take(go(), "till 1", Some(&ana)), unread);
        drop(worker);
        let last = told.try_iter().last();
        let end = Msg::BackTold(BackTold::Work(WorkTold::Ended(Box::new(WorkEnd::Stopped))));
        assert!(
            matches!(&last, Some(Happening::Told(told)) if *told == end),
            "it was waited for"
        );
    }

    #[test]
    fn a_share_is_a_share() {
        assert_eq!(whole_number(share(1, 3) * 100.0), 33);
        assert_eq!(whole_number(share(3, 3) * 100.0), 100);
        assert_eq!(whole_number(share(0, 0) * 100.0), 100);
        assert_eq!(whole_number(-1.0), 0);
    }
}
