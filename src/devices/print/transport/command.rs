//! Destinations that only take: a shell command that reads the job, and a file that jobs are added to.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process_group};

use crate::devices::print::transport::{Deadline, WriteFault, unopened};
use crate::devices::print::{Reason, Waits};

/// How much of what a command complains is kept.
const COMPLAINT_BYTES_MAX: usize = 400;

/// How often a command that closed its ends is asked whether it has ended.
const END_WAIT: Duration = Duration::from_millis(20);

/// Runs a command with the job on its standard input, and waits for its end. What it says on its
/// standard error becomes part of the reason.
pub(crate) fn run(command: &str, job: &[u8], waits: &Waits) -> Result<(), WriteFault> {
    let nothing_sent = |reason| WriteFault { sent: 0, reason };
    let mut child = Command::new("/bin/sh")
        .arg("-c")
        .arg(command)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|error| nothing_sent(Reason::Failed(error.to_string())))?;
    let done = attend(&mut child, job, waits);
    if done.is_err() && matches!(child.try_wait(), Ok(None)) {
        kill(&mut child);
    }
    done
}

fn attend(child: &mut Child, job: &[u8], waits: &Waits) -> Result<(), WriteFault> {
    let mut rest = job;
    let mut input = child.stdin.take().map(OwnedFd::from);
    let mut complaints = child.stderr.take().map(OwnedFd::from);
    for end in [&input, &complaints].into_iter().flatten() {
        rustix::io::ioctl_fionbio(end, true).ok();
    }
    let mut complaint = Vec::new();
    let deadline = Deadline::after(waits.command);
    let fault = |rest: &[u8], reason| WriteFault {
        sent: job.len().saturating_sub(rest.len()),
        reason,
    };
    while input.is_some() || complaints.is_some() {
        let Some(left) = deadline.left() else {
            return Err(fault(
                rest,
                Reason::Failed("the command does not end".to_owned()),
            ));
        };
        {
            let mut fds = Vec::with_capacity(2);
            fds.extend(input.as_ref().map(|end| PollFd::new(end, PollFlags::OUT)));
            fds.extend(
                complaints
                    .as_ref()
                    .map(|end| PollFd::new(end, PollFlags::IN)),
            );
            // Whatever it found, or was interrupted by, the two ends below find out.
            poll(&mut fds, Some(&left)).ok();
        }
        if let Some(end) = &input {
            match rustix::io::write(end, rest) {
                Ok(count) => {
                    rest = rest.get(count..).unwrap_or_default();
                    if rest.is_empty() {
                        input = None;
                    }
                }
                Err(Errno::AGAIN | Errno::INTR) => {}
                // A command that has read enough; its exit status says whether it has.
                Err(_) => input = None,
            }
        }
        if let Some(end) = &complaints {
            let mut buffer = [0; 256];
            match rustix::io::read(end, &mut buffer) {
                Ok(0) => complaints = None,
                Ok(count) => complaint.extend_from_slice(buffer.get(..count).unwrap_or_default()),
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(_) => complaints = None,
            }
            complaint.truncate(COMPLAINT_BYTES_MAX);
        }
    }
    let status = wait(child, deadline)
        .ok_or_else(|| fault(rest, Reason::Failed("the command does not end".to_owned())))?;
    if status.success() && rest.is_empty() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&complaint);
    Err(fault(
        rest,
        Reason::CommandFailed {
            exit: status.code(),
            words: words.trim().lines().next_back().unwrap_or("").to_owned(),
        },
    ))
}

fn wait(child: &mut Child, deadline: Deadline) -> Option<ExitStatus> {
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        let left = deadline.left()?;
        let step = Timespec::try_from(END_WAIT).unwrap_or(left);
        poll(&mut [], Some(&step.min(left))).ok();
    }
}

/// Ends a command and whatever it started.
fn kill(child: &mut Child) {
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    if let Some(group) = group {
        kill_process_group(group, Signal::KILL).ok();
    }
    // It has been killed: this returns.
    child.wait().ok();
}

/// Adds a job to a file. What is no file, and a pipe that nobody reads, is not waited for.
pub(crate) fn append(path: &Path, job: &[u8]) -> Result<(), WriteFault> {
    let fault = |sent: usize, error: &io::Error| WriteFault {
        sent,
        reason: unopened(error, path, "lp"),
    };
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .custom_flags(i32::try_from(flags.bits()).unwrap_or_default())
        .open(path)
        .map_err(|error| fault(0, &error))?;
    file.write_all(job).map_err(|error| fault(1, &error))
}
