//! The console in a terminal of our own, with what that terminal would show.
//!
//! Nothing here sleeps: to let time pass is to wait for output, until a deadline.

use std::fs::{File, OpenOptions};
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, Termios, Winsize, tcgetattr, tcsetattr, tcsetwinsize};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Longer than any silence that the console decides by.
pub(crate) const SILENCE: Duration = Duration::from_millis(300);

/// F-keys as xterm sends them.
pub(crate) const F1: &[u8] = b"\x1bOP";
pub(crate) const F2: &[u8] = b"\x1bOQ";
pub(crate) const F3: &[u8] = b"\x1bOR";
pub(crate) const F4: &[u8] = b"\x1bOS";
pub(crate) const F5: &[u8] = b"\x1b[15~";
pub(crate) const F7: &[u8] = b"\x1b[18~";
pub(crate) const F6: &[u8] = b"\x1b[17~";
pub(crate) const F8: &[u8] = b"\x1b[19~";
pub(crate) const F9: &[u8] = b"\x1b[20~";
pub(crate) const F10: &[u8] = b"\x1b[21~";

/// The console, its terminal, and what it has written.
pub(crate) struct Console {
    master: Option<OwnedFd>,
    /// Kept open, to look at the terminal after the console has ended.
    slave: File,
    before: Termios,
    child: Child,
    model: vt100::Parser,
    written: Vec<u8>,
}

fn now() -> Instant {
    #[expect(
        clippy::disallowed_methods,
        reason = "deadlines, and the pace of a scanner that types"
    )]
    Instant::now()
}

fn timespec(time: Duration) -> Timespec {
    Timespec::try_from(time).expect("a short time")
}

impl Console {
    /// What a command in a session of its own begins with: the terminal on its standard input
    /// becomes its controlling one, as in a terminal window.
    pub(crate) const IN_A_SESSION: &[&str] = &["setsid", "-c"];

    /// Starts the command in a terminal of 80 columns and 24 rows.
    pub(crate) fn open(mut command: Command) -> Console {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags).expect("a terminal");
        grantpt(&master).expect("granted");
        unlockpt(&master).expect("unlocked");
        let name = ptsname(&master, Vec::new()).expect("a name");
        let slave = {
            use std::os::unix::fs::OpenOptionsExt as _;
            OpenOptions::new()
                .read(true)
                .write(true)
                .custom_flags(OFlags::NOCTTY.bits().cast_signed())
                .open(name.to_str().expect("UTF-8"))
                .expect("its other end")
        };
        tcsetwinsize(&slave, size(80, 24)).expect("sized");
        rustix::fs::fcntl_setfl(&master, OFlags::RDWR | OFlags::NONBLOCK).expect("non-blocking");
        let before = tcgetattr(&slave).expect("its modes");
        let end = || Stdio::from(slave.try_clone().expect("another"));
        let child = command
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .expect("it starts");
        Console {
            master: Some(master),
            slave,
            before,
            child,
            model: vt100::Parser::new(24, 80, 0),
            written: Vec::new(),
        }
    }

    /// What the terminal shows.
    pub(crate) fn screen(&self) -> String {
        self.model.screen().contents()
    }

    /// One row of what the terminal shows.
    pub(crate) fn row(&self, row: usize) -> String {
        let (_, columns) = self.model.screen().size();
        self.model
            .screen()
            .rows(0, columns)
            .nth(row)
            .expect("a row")
    }

    /// Every byte that the console has written.
    pub(crate) fn written(&self) -> &[u8] {
        &self.written
    }

    /// Whether the alternate screen is in view.
    pub(crate) fn is_on_alternate_screen(&self) -> bool {
        self.model.screen().alternate_screen()
    }

    /// Whether the cursor is hidden, or pastes are bracketed.
    pub(crate) fn is_cursor_hidden_or_paste_bracketed(&self) -> bool {
        self.model.screen().hide_cursor() || self.model.screen().bracketed_paste()
    }

    /// Types all of it at once.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let until = now() + PATIENCE;
        let mut left = bytes;
        while !left.is_empty() {
            assert!(now() < until, "not taken: {} bytes", left.len());
            let flags = PollFlags::IN | PollFlags::OUT;
            if let Some(ready) = self.poll(flags, Duration::from_secs(1)) {
                if ready.contains(PollFlags::IN) {
                    self.take();
                }
                if ready.contains(PollFlags::OUT) {
                    match rustix::io::write(self.master(), left) {
                        Ok(count) => left = &left[count..],
                        Err(Errno::AGAIN | Errno::INTR) => {}
                        Err(errno) => panic!("{errno}"),
                    }
                }
            }
        }
    }

    /// Types all of it at once, and takes nothing of what is written.
    pub(crate) fn send_unread(&mut self, bytes: &[u8]) {
        let mut left = bytes;
        while !left.is_empty() {
            let ready = self.poll(PollFlags::OUT, PATIENCE);
            assert!(ready.is_some(), "not taken: {} bytes", left.len());
            match rustix::io::write(self.master(), left) {
                Ok(count) => left = &left[count..],
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(errno) => panic!("{errno}"),
            }
        }
    }

    /// Waits until something outside of the screen is so, and takes nothing of what is written.
    pub(crate) fn wait_unread(what: &str, is_so: impl Fn() -> bool) {
        let until = now() + PATIENCE;
        while !is_so() {
            assert!(now() < until, "never: {what}");
            poll(&mut [], Some(&timespec(Duration::from_millis(20)))).ok();
        }
    }

    /// Waits for the end of a killed one.
    pub(crate) fn end_unread(&mut self) {
        self.child.wait().expect("an end");
    }

    /// Types all of it at once, then is silent for long enough that it is decided.
    pub(crate) fn send_alone(&mut self, bytes: &[u8]) {
        self.pass(SILENCE);
        self.send(bytes);
        self.pass(SILENCE);
    }

    /// A scan with a carriage return, as most scanners send it.
    pub(crate) fn scan(&mut self, code: &str) {
        self.send(format!("{code}\r").as_bytes());
    }

    /// Types one byte after another, and answers the longest time between two: this machine may
    /// be late.
    pub(crate) fn send_paced(&mut self, bytes: &[u8], gap: Duration) -> Duration {
        let mut longest = Duration::ZERO;
        let mut typed_at: Option<Instant> = None;
        for byte in bytes {
            if let Some(before) = typed_at {
                self.pass(gap.saturating_sub(before.elapsed()));
                longest = longest.max(before.elapsed());
            }
            typed_at = Some(now());
            self.send(&[*byte]);
        }
        longest
    }

    /// Types by hand: 120 ms a key, then Enter.
    pub(crate) fn type_line(&mut self, text: &str) {
        self.type_keys(format!("{text}\r").as_bytes());
    }

    /// Types by hand: 120 ms a key.
    pub(crate) fn type_keys(&mut self, keys: &[u8]) {
        self.pass(SILENCE);
        self.send_paced(keys, Duration::from_millis(120));
        self.pass(SILENCE);
    }

    /// Lets time pass, and takes what is written meanwhile.
    pub(crate) fn pass(&mut self, time: Duration) {
        let until = now() + time;
        loop {
            let left = until.saturating_duration_since(now());
            if left.is_zero() {
                return;
            }
            if self.poll(PollFlags::IN, left).is_some() && !self.take() {
                return;
            }
        }
    }

    /// Waits until the screen shows a text.
    pub(crate) fn wait_for(&mut self, text: &str) {
        self.wait_until(text, |console| console.screen().contains(text));
    }

    /// Waits until something is so.
    pub(crate) fn wait_until(&mut self, what: &str, is_so: impl Fn(&Console) -> bool) {
        let until = now() + PATIENCE;
        while !is_so(self) {
            let left = until.saturating_duration_since(now());
            assert!(!left.is_zero(), "never: {what}\n{}", self.screen());
            if self.poll(PollFlags::IN, left).is_some() {
                let is_open = self.take();
                assert!(
                    is_open || is_so(self),
                    "the console has ended before: {what}\n{}",
                    self.screen()
                );
            }
        }
    }

    /// Makes the terminal another size.
    pub(crate) fn resize(&mut self, columns: u16, rows: u16) {
        self.model.screen_mut().set_size(rows, columns);
        tcsetwinsize(&self.slave, size(columns, rows)).expect("sized");
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("sent");
    }

    /// Waits for the end, and takes what is written until then.
    pub(crate) fn end(&mut self) -> ExitStatus {
        let process = pidfd_open(self.pid(), PidfdFlags::empty()).expect("a process");
        let until = now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(now());
            assert!(!left.is_zero(), "it does not end\n{}", self.screen());
            let mut is_ended = false;
            {
                let process = PollFd::new(&process, PollFlags::IN);
                let mut fds = vec![process];
                if let Some(master) = &self.master {
                    fds.push(PollFd::new(master, PollFlags::IN));
                }
                poll(&mut fds, Some(&timespec(left))).ok();
                is_ended |= !fds[0].revents().is_empty();
            }
            if self.master.is_some() {
                self.take();
            }
            if is_ended {
                return self.child.wait().expect("an end");
            }
        }
    }

    /// Ends it as an operator does where nobody is signed in.
    pub(crate) fn leave(&mut self) -> ExitStatus {
        self.send_alone(F10);
        self.wait_for("Leave the console?");
        self.send_alone(b"\r");
        self.end()
    }

    /// The terminal's other end goes away, as a window that is closed.
    pub(crate) fn hang_up(&mut self) {
        self.master = None;
    }

    /// Whether the terminal is as it was before the console.
    pub(crate) fn is_terminal_restored(&self) -> bool {
        let after = tcgetattr(&self.slave).expect("its modes");
        after.local_modes == self.before.local_modes
            && after.input_modes == self.before.input_modes
            && after.output_modes == self.before.output_modes
            && after.control_modes == self.before.control_modes
            && format!("{:?}", after.special_codes) == format!("{:?}", self.before.special_codes)
    }

    /// How many bytes a shell would find typed.
    pub(crate) fn left_to_read(&self) -> u64 {
        // A line without an end is not told of before the terminal gives single bytes.
        let mut modes = tcgetattr(&self.slave).expect("its modes");
        modes.make_raw();
        tcsetattr(&self.slave, OptionalActions::Now, &modes).expect("set");
        rustix::io::ioctl_fionread(&self.slave).expect("counted")
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    fn master(&self) -> &OwnedFd {
        self.master.as_ref().expect("a terminal")
    }

    fn poll(&self, flags: PollFlags, time: Duration) -> Option<PollFlags> {
        let mut fds = [PollFd::from_borrowed_fd(self.master().as_fd(), flags)];
        match poll(&mut fds, Some(&timespec(time))) {
            Ok(0) | Err(Errno::INTR) => None,
            Ok(_) => Some(fds[0].revents()),
            Err(errno) => panic!("{errno}"),
        }
    }

    /// Takes what is written; false where nobody will write any more.
    fn take(&mut self) -> bool {
        let mut buffer = [0; 8192];
        match rustix::io::read(self.master(), &mut buffer) {
            Ok(0) | Err(Errno::IO) => false,
            Ok(count) => {
                self.written.extend_from_slice(&buffer[..count]);
                self.model.process(&buffer[..count]);
                true
            }
            Err(Errno::AGAIN | Errno::INTR) => true,
            Err(errno) => panic!("{errno}"),
        }
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        // It may have ended before; then there is nothing to end.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn size(columns: u16, rows: u16) -> Winsize {
    Winsize {
        ws_col: columns,
        ws_row: rows,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}
