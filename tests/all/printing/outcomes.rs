//! What is said about a job, whatever the printer does.
#![expect(
    clippy::unwrap_used,
    reason = "a test's own surroundings: what fails here fails the test"
)]

use std::fs;
use std::net::TcpListener;
use std::time::Duration;

use counterfoil::devices::print::{
    Destination, Health, Outcome, Paper, Printer, ProfileName, Reason, StatusMode, Waits,
};
use counterfoil::domain::slip_template::Template;
use rustix::fs::{FlockOperation, Mode, OFlags};

use crate::printing::fake::{FakePrinter, Mood, on_a_line};
use crate::printing::slip;

const OK: Outcome = Outcome::Printed { paper: Paper::Ok };
const NEAR_END: Outcome = Outcome::Printed {
    paper: Paper::NearEnd,
};

/// Long enough for a machine that does other things too: for what will come.
const PATIENT: Duration = Duration::from_secs(20);

/// For what never comes.
const SHORT: Duration = Duration::from_millis(60);

fn patient() -> Waits {
    Waits {
        connect: PATIENT,
        status: PATIENT,
        stall: PATIENT,
        fence: PATIENT,
        command: PATIENT,
    }
}

fn short() -> Waits {
    Waits {
        status: SHORT,
        stall: SHORT,
        fence: SHORT,
        ..patient()
    }
}

/// What comes makes no sense, and it has to come first: on a busy machine it may take a while.
fn noisy() -> Waits {
    Waits {
        status: Duration::from_secs(1),
        fence: Duration::from_secs(1),
        ..patient()
    }
}

/// The status comes, the fence does not.
fn without_fence() -> Waits {
    Waits {
        fence: SHORT,
        ..patient()
    }
}

fn at(destination: Destination, waits: Waits) -> Printer {
    Printer {
        waits,
        ..Printer::new(destination, ProfileName::Generic80.profile())
    }
}

fn tcp(fake: &FakePrinter, waits: Waits) -> Printer {
    let destination = Destination::Tcp {
        host: fake.address.ip().to_string(),
        port: fake.address.port(),
    };
    at(destination, waits)
}

fn job(printer: &Printer) -> Vec<u8> {
    printer.job(&slip(), &Template::standard()).unwrap().bytes
}

/// What every mood comes to: as an outcome, and before a job as health.
fn moods() -> Vec<(Mood, Waits, Outcome, Health)> {
    use Outcome::{NotSent, Unconfirmed};
    let ready = |mood, waits, outcome| (mood, waits, outcome, Health::Ready(Paper::Ok));
    // Before the job, so that nothing of it was sent.
    let refused = |mood, reason: Reason| {
        let health = Health::NotReady(reason.clone());
        (mood, patient(), NotSent(reason), health)
    };
    let unknown = |mood, waits, reason: Reason| {
        let health = Health::NotReady(reason.clone());
        (mood, waits, Unconfirmed(reason), health)
    };
    let near_end = Health::Ready(Paper::NearEnd);
    let paper_out = || Unconfirmed(Reason::PaperOut);
    let cover_open = Unconfirmed(Reason::CoverOpen);
    let lost = Unconfirmed(Reason::ConnectionLost);
    vec![
        ready(Mood::Well, patient(), OK),
        (Mood::NearEnd, patient(), NEAR_END, near_end),
        ready(Mood::Automatic, patient(), OK),
        ready(Mood::Slow, without_fence(), OK),
        refused(Mood::PaperOut, Reason::PaperOut),
        refused(Mood::CoverOpen, Reason::CoverOpen),
        refused(Mood::CutterStuck, Reason::CutterError),
        refused(Mood::Broken, Reason::PrinterError),
        refused(Mood::Offline, Reason::Offline),
        refused(Mood::Drops(2), Reason::ConnectionLost),
        ready(Mood::EndsMidJob, without_fence(), paper_out()),
        ready(Mood::EndsAfterJob, patient(), paper_out()),
        ready(Mood::OpensMidJob, without_fence(), cover_open),
        ready(Mood::Stuck, without_fence(), Unconfirmed(Reason::Busy)),
        ready(Mood::Drops(1000), patient(), lost),
        unknown(Mood::Silent, short(), Reason::Silent),
        unknown(Mood::NeverReads, short(), Reason::Silent),
        unknown(Mood::Garbage, noisy(), Reason::Garbled),
        unknown(Mood::Echo, noisy(), Reason::Garbled),
    ]
}

#[test]
fn every_mood_of_a_printer_has_its_outcome() {
    for (mood, waits, wanted, _) in moods() {
        let fake = FakePrinter::new(mood);
        let printer = tcp(&fake, waits);
        let job = job(&printer);
        assert_eq!(printer.print(&job), wanted, "{mood:?}");
        if mood == Mood::NeverReads {
            continue;
        }
        let sent = fake.job();
        let has_job = sent.windows(job.len()).any(|part| part == job);
        let was_sent = !matches!(wanted, Outcome::NotSent(_));
        let is_whole = !matches!(mood, Mood::Drops(_));
        assert_eq!(has_job, was_sent && is_whole, "{mood:?}");
    }
}

#[test]
fn every_mood_of_a_printer_has_its_health() {
    for (mood, waits, _, wanted) in moods() {
        let fake = FakePrinter::new(mood);
        assert_eq!(tcp(&fake, waits).health(), wanted, "{mood:?}");
        if mood != Mood::NeverReads {
            // Nothing but questions of three bytes.
            let sent = fake.job();
            assert!(sent.chunks(3).all(|asked| asked.starts_with(&[0x10, 4])));
        }
    }
}

#[test]
fn a_fence_is_enough_where_nothing_else_is_answered() {
    let fake = FakePrinter::new(Mood::FenceOnly);
    let waits = Waits {
        status: SHORT,
        ..patient()
    };
    let printer = tcp(&fake, waits);
    assert_eq!(printer.print(&job(&printer)), OK);
}

#[test]
fn a_printer_that_is_not_asked_is_sent_the_job_alone() {
    for mood in [Mood::Silent, Mood::Well, Mood::PaperOut] {
        let fake = FakePrinter::new(mood);
        let printer = Printer {
            status: StatusMode::None,
            ..tcp(&fake, patient())
        };
        let job = job(&printer);
        assert_eq!(printer.print(&job), Outcome::Sent, "{mood:?}");
        assert_eq!(fake.job(), job, "{mood:?}");
        assert_eq!(printer.health(), Health::NotAsked);
    }
}

#[test]
fn names_resolve_and_what_is_not_there_is_said() {
    let fake = FakePrinter::new(Mood::Well);
    let named = |host: &str, port| {
        let host = host.to_owned();
        at(Destination::Tcp { host, port }, patient())
    };
    let printer = named("localhost", fake.address.port());
    assert_eq!(printer.print(&job(&printer)), OK);
    // A port that was free a moment ago.
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let refused = named("127.0.0.1", port);
    assert_eq!(
        refused.print(b"job"),
        Outcome::NotSent(Reason::Refused),
        "nobody listens"
    );
    assert_eq!(refused.health(), Health::NotReady(Reason::Refused));
    // Not a name that any resolver may have (RFC 6761).
    let unknown = named("printer.invalid", 9100).print(b"job");
    let reason = Reason::UnknownHost("printer.invalid".to_owned());
    assert_eq!(unknown, Outcome::NotSent(reason));
}

#[test]
fn a_serial_printer_is_asked_like_any_other() {
    for (mood, waits, wanted) in [
        (Mood::Well, patient(), OK),
        (Mood::NearEnd, patient(), NEAR_END),
        (
            Mood::PaperOut,
            patient(),
            Outcome::NotSent(Reason::PaperOut),
        ),
        (
            Mood::EndsMidJob,
            without_fence(),
            Outcome::Unconfirmed(Reason::PaperOut),
        ),
    ] {
        let (path, jobs) = on_a_line(mood);
        // So fast that the line itself adds next to nothing to the waits.
        let printer = at(
            Destination::Serial {
                path,
                baud: 921_600,
            },
            waits,
        );
        let job = job(&printer);
        assert_eq!(printer.print(&job), wanted, "{mood:?}");
        let sent = jobs.recv_timeout(PATIENT).unwrap();
        let has_job = sent.windows(job.len()).any(|part| part == job);
        assert_eq!(has_job, !matches!(wanted, Outcome::NotSent(_)), "{mood:?}");
    }
}

#[test]
fn a_serial_line_has_one_owner() {
    let (path, _jobs) = on_a_line(Mood::Well);
    let held = rustix::fs::open(&path, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
    rustix::fs::flock(&held, FlockOperation::NonBlockingLockExclusive).unwrap();
    let baud = 9600;
    let printer = at(Destination::Serial { path, baud }, patient());
    assert_eq!(printer.print(b"job"), Outcome::NotSent(Reason::Busy));
}

#[test]
fn what_is_no_serial_line_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, "").unwrap();
    let baud = 9600;
    let printer = at(Destination::Serial { path, baud }, patient());
    let reason = Reason::Failed("it is not a serial line".to_owned());
    assert_eq!(printer.print(b"job"), Outcome::NotSent(reason));
}

#[test]
fn a_device_that_takes_no_more_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lp0");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &path,
        rustix::fs::FileType::Fifo,
        Mode::RUSR | Mode::WUSR,
        0,
    )
    .unwrap();
    // More than any pipe holds unread.
    let job = vec![b'x'; 2_000_000];
    let printer = Printer {
        status: StatusMode::None,
        ..at(Destination::Device(path.clone()), short())
    };
    assert_eq!(printer.print(&job), Outcome::Unconfirmed(Reason::Offline));
    // Full before the job began.
    let flags = OFlags::RDWR | OFlags::NONBLOCK;
    let held = rustix::fs::open(&path, flags, Mode::empty()).unwrap();
    while rustix::io::write(&held, &[0; 4096]).is_ok() {}
    while rustix::io::write(&held, &[0]).is_ok() {}
    assert_eq!(printer.print(&job), Outcome::NotSent(Reason::Offline));
}

#[test]
fn a_device_answers() {
    let (path, jobs) = on_a_line(Mood::Well);
    // A terminal's line rules would answer for it: they are switched off, as a printer has none.
    let flags = OFlags::RDWR | OFlags::NOCTTY;
    let held = rustix::fs::open(&path, flags, Mode::empty()).unwrap();
    let mut settings = rustix::termios::tcgetattr(&held).unwrap();
    settings.make_raw();
    rustix::termios::tcsetattr(&held, rustix::termios::OptionalActions::Now, &settings).unwrap();
    let printer = at(Destination::Device(path), patient());
    assert_eq!(printer.print(&job(&printer)), OK);
    drop(held);
    jobs.recv_timeout(PATIENT).unwrap();
}

#[test]
fn a_device_that_is_not_plugged_in_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lp0");
    let serial = Destination::Serial {
        path: path.clone(),
        baud: 9600,
    };
    for destination in [Destination::Device(path), serial] {
        let printer = at(destination, patient());
        let missing = Outcome::NotSent(Reason::Missing);
        assert_eq!(printer.print(b"job"), missing);
        assert_eq!(printer.health(), Health::NotReady(Reason::Missing));
    }
}

#[test]
fn a_command_reads_the_job() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("job.bin");
    let command = |text: String, waits| at(Destination::Command(text), waits);
    let cat = command(format!("cat > '{}'", path.display()), patient());
    // More than a pipe holds.
    let job = vec![b'x'; 300_000];
    assert_eq!(cat.print(&job), Outcome::Sent);
    assert_eq!(fs::read(&path).unwrap(), job);
    assert_eq!(cat.health(), Health::NotAsked);
    let failing = "cat > /dev/null; echo first >&2; echo no such queue >&2; exit 3".to_owned();
    let words = "no such queue".to_owned();
    let reason = Reason::CommandFailed {
        exit: Some(3),
        words,
    };
    assert_eq!(
        command(failing, patient()).print(&job),
        Outcome::Unconfirmed(reason)
    );
    let waits = Waits {
        command: SHORT,
        ..patient()
    };
    let endless = command(
        "cat > /dev/null; exec cat /dev/zero > /dev/null".to_owned(),
        waits,
    );
    let outcome = endless.print(&job);
    assert!(matches!(
        outcome,
        Outcome::Unconfirmed(Reason::Failed(_)) | Outcome::NotSent(Reason::Failed(_))
    ));
}

#[test]
fn a_file_gathers_jobs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("slips.bin");
    let file = at(Destination::File(path.clone()), patient());
    assert_eq!(file.print(b"one"), Outcome::Sent);
    assert_eq!(file.print(b"two"), Outcome::Sent);
    assert_eq!(fs::read(&path).unwrap(), b"onetwo");
    let nowhere = Destination::File(folder.path().join("no/such/folder"));
    let outcome = at(nowhere, patient()).print(b"one");
    assert_eq!(outcome, Outcome::NotSent(Reason::Missing));
}
