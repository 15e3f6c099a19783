//! A printer that is none: it answers as its mood says, and keeps what it was sent.
#![expect(
    clippy::unwrap_used,
    reason = "a test's own surroundings: what fails here fails the test"
)]

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// How it behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// It prints.
    Well,
    /// It prints, and its roll is nearly used up.
    NearEnd,
    /// It has no paper.
    PaperOut,
    /// Its cover is open.
    CoverOpen,
    /// Its cutter is stuck.
    CutterStuck,
    /// It has another error.
    Broken,
    /// It is off line and does not say why.
    Offline,
    /// It prints and answers nothing.
    Silent,
    /// It answers nothing but the fence.
    FenceOnly,
    /// Its fence comes only after it was asked again.
    Slow,
    /// It answers that all is well, and its fence never comes.
    Stuck,
    /// Its paper ends when the job is there.
    EndsMidJob,
    /// Its paper ends with the job's last line.
    EndsAfterJob,
    /// Its cover is opened while it prints.
    OpensMidJob,
    /// It goes away after so many bytes.
    Drops(usize),
    /// It accepts and never reads.
    NeverReads,
    /// It answers what no printer does.
    Garbage,
    /// It is no printer: a line that sends everything back.
    Echo,
    /// It tells its status unasked before each answer.
    Automatic,
}

/// A printer that runs until it is dropped.
pub(crate) struct FakePrinter {
    pub(crate) address: SocketAddr,
    jobs: Receiver<Vec<u8>>,
    /// Ends one that never reads.
    _end: Sender<()>,
}

impl FakePrinter {
    /// On an address of its own.
    pub(crate) fn new(mood: Mood) -> FakePrinter {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (job, jobs) = channel();
        let (end, ended) = channel::<()>();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                if mood == Mood::NeverReads {
                    // Until the test is over: the sender is never used.
                    ended.recv().ok();
                    return;
                }
                let kept = serve(&mut stream, mood);
                drop(stream);
                if job.send(kept).is_err() {
                    return;
                }
            }
        });
        FakePrinter {
            address,
            jobs,
            _end: end,
        }
    }

    /// What the next connection that ended had sent.
    pub(crate) fn job(&self) -> Vec<u8> {
        self.jobs.recv_timeout(Duration::from_secs(30)).unwrap()
    }
}

/// The same on a serial line: answers the line's name, and what was sent once it is closed.
pub(crate) fn on_a_line(mood: Mood) -> (PathBuf, Receiver<Vec<u8>>) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let master: OwnedFd = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
    let (job, jobs) = channel();
    std::thread::spawn(move || {
        let mut line = File::from(master);
        job.send(serve(&mut line, mood)).ok();
    });
    (PathBuf::from(name), jobs)
}

/// Reads and answers until the other side closes; answers what it read.
fn serve<S: Read + Write>(stream: &mut S, mood: Mood) -> Vec<u8> {
    let mut kept: Vec<u8> = Vec::new();
    let mut seen = 0;
    let mut has_fence = false;
    let mut is_asked_again = false;
    let mut buffer = [0; 512];
    loop {
        let count = match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return kept,
            Ok(count) => count,
        };
        let new = buffer.get(..count).unwrap();
        kept.extend_from_slice(new);
        if mood == Mood::Echo {
            // Where nobody listens any more, what was sent before is read all the same.
            drop(stream.write_all(new));
        }
        if let Mood::Drops(most) = mood
            && kept.len() > most
        {
            return kept;
        }
        while let Some(asked) = kept.get(seen..seen + 3) {
            seen += 1;
            let answer = match asked {
                [0x10, 0x04, question @ 1..=4] => {
                    let mut answer = status(mood, *question, has_fence);
                    if mood == Mood::Slow && has_fence && !is_asked_again {
                        is_asked_again = true;
                        answer.push(0x00);
                    }
                    answer
                }
                [0x1d, b'r', 1] => {
                    has_fence = true;
                    fence(mood)
                }
                _ => continue,
            };
            if stream.write_all(&answer).is_err() {
                return kept;
            }
        }
    }
}

fn status(mood: Mood, question: u8, has_fence: bool) -> Vec<u8> {
    // What is wrong, as the bits of the four answers.
    let [printer, offline, error, paper] = match mood {
        Mood::Silent | Mood::FenceOnly | Mood::NeverReads | Mood::Echo => return Vec::new(),
        Mood::Garbage => return vec![0xff, 0x92, 0x00, 0x13],
        Mood::NearEnd => [0x04, 0, 0, 0x0c],
        Mood::PaperOut => [0x0c, 0x20, 0, 0x6c],
        Mood::CoverOpen => [0x0c, 0x04, 0, 0],
        Mood::CutterStuck => [0x0c, 0x40, 0x08, 0],
        Mood::Broken => [0x0c, 0x40, 0x20, 0],
        Mood::Offline => [0x0c, 0, 0, 0],
        Mood::EndsMidJob if has_fence => [0x0c, 0x20, 0, 0x60],
        Mood::OpensMidJob if has_fence => [0x0c, 0x04, 0, 0],
        Mood::Well
        | Mood::Automatic
        | Mood::Slow
        | Mood::Stuck
        | Mood::Drops(_)
        | Mood::EndsAfterJob
        | Mood::EndsMidJob
        | Mood::OpensMidJob => [0x04, 0, 0, 0],
    };
    let bits = match question {
        1 => printer,
        2 => offline,
        3 => error,
        _ => paper,
    };
    let mut answer = vec![0x12 | bits];
    if mood == Mood::Automatic {
        answer.splice(0..0, [0x14, 0x00, 0x00, 0x0f]);
    }
    answer
}

fn fence(mood: Mood) -> Vec<u8> {
    match mood {
        Mood::Well | Mood::FenceOnly => vec![0x00],
        Mood::Automatic => vec![0x10, 0x00, 0x00, 0x0f, 0x00],
        Mood::NearEnd => vec![0x03],
        Mood::EndsAfterJob => vec![0x0f],
        Mood::Garbage => vec![0x00, 0xff],
        Mood::PaperOut
        | Mood::CoverOpen
        | Mood::CutterStuck
        | Mood::Broken
        | Mood::Offline
        | Mood::Silent
        | Mood::Slow
        | Mood::Stuck
        | Mood::EndsMidJob
        | Mood::OpensMidJob
        | Mood::Drops(_)
        | Mood::NeverReads
        | Mood::Echo => Vec::new(),
    }
}
