//! Network, device node and serial line as one: a descriptor that never blocks.

use std::fs::OpenOptions;
use std::io;
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{FlockOperation, OFlags};
use rustix::io::Errno;
use rustix::termios::{ControlModes, InputModes, OptionalActions, QueueSelector};

use crate::devices::print::destination::Destination;
use crate::devices::print::transport::{Deadline, WriteFault, unopened};
use crate::devices::print::{Reason, Waits, found};

/// How long to wait before a device that says "no more" is asked again.
const EMPTY_WAIT: Duration = Duration::from_millis(20);

/// An open way to a printer.
#[derive(Debug)]
pub(crate) enum Wire {
    /// A connection.
    Tcp(TcpStream),
    /// A device node, or what stands in for one.
    Device(OwnedFd),
    /// A serial line.
    Serial(OwnedFd),
}

/// What listening came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answered {
    /// A byte.
    Byte(u8),
    /// Nothing in time.
    Nothing,
    /// The other side has gone.
    Gone,
}

/// Opens the way to a destination that can answer.
pub(crate) fn open(destination: &Destination, waits: &Waits) -> Result<Wire, Reason> {
    match destination {
        Destination::Tcp { host, port } => connect(host, *port, waits.connect).map(Wire::Tcp),
        Destination::Device(path) => open_node(path, "lp").map(Wire::Device),
        Destination::Usb(name) => open_node(&found::node_of(name)?, "lp").map(Wire::Device),
        Destination::Serial { path, baud } => open_serial(path, *baud).map(Wire::Serial),
        Destination::Command(_) | Destination::File(_) => {
            Err(Reason::Failed("it is not a device".to_owned()))
        }
    }
}

impl Wire {
    /// Writes all of it. The wait is for the next byte to be taken, not for all of them: a slow
    /// printer is not a dead one.
    pub(crate) fn write_all(&mut self, bytes: &[u8], stall: Duration) -> Result<(), WriteFault> {
        let mut rest = bytes;
        let mut deadline = Deadline::after(stall);
        let fault = |rest: &[u8], reason| WriteFault {
            sent: bytes.len().saturating_sub(rest.len()),
            reason,
        };
        while !rest.is_empty() {
            match rustix::io::write(&*self, rest) {
                Ok(count) if count > 0 => {
                    rest = rest.get(count..).unwrap_or_default();
                    deadline = Deadline::after(stall);
                    continue;
                }
                Ok(_) | Err(Errno::AGAIN) => {}
                Err(Errno::INTR) => continue,
                Err(errno) => return Err(fault(rest, lost(errno))),
            }
            let Some(left) = deadline.left() else {
                return Err(fault(rest, Reason::Offline));
            };
            let mut fds = [PollFd::new(self, PollFlags::OUT)];
            match poll(&mut fds, Some(&left)) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(fault(rest, lost(errno))),
            }
        }
        Ok(())
    }

    /// The next byte that comes before the deadline.
    pub(crate) fn listen(&mut self, deadline: Deadline) -> Answered {
        loop {
            let mut byte = [0];
            let is_empty = match rustix::io::read(&*self, &mut byte) {
                Ok(1..) => {
                    let [byte] = byte;
                    return Answered::Byte(byte);
                }
                // A USB printer says so too when it merely has nothing to say.
                Ok(0) if matches!(self, Wire::Device(_)) => true,
                Err(Errno::AGAIN | Errno::INTR) => false,
                // A printer that only listens.
                Err(Errno::BADF | Errno::INVAL) => return Answered::Nothing,
                Ok(0) | Err(_) => return Answered::Gone,
            };
            let Some(left) = deadline.left() else {
                return Answered::Nothing;
            };
            // Asking is polling for nothing, where the device claims to have more at once.
            let (flags, wait) = if is_empty {
                let wait = rustix::event::Timespec::try_from(EMPTY_WAIT).unwrap_or(left);
                (PollFlags::empty(), wait.min(left))
            } else {
                (PollFlags::IN, left)
            };
            let mut fds = [PollFd::new(self, flags)];
            match poll(&mut fds, Some(&wait)) {
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) if is_empty => return Answered::Gone,
                Ok(_) => {}
                Err(_) => return Answered::Gone,
            }
        }
    }

    /// Ends a job that went well. What the printer said unasked is read first: a connection that is
    /// closed over unread bytes is reset, and the end of the job may be lost with it.
    pub(crate) fn close(mut self) {
        let mut unread = 0_u32;
        while unread < 4096
            && matches!(
                self.listen(Deadline::after(Duration::ZERO)),
                Answered::Byte(_)
            )
        {
            unread = unread.saturating_add(1);
        }
        if let Wire::Tcp(stream) = &self {
            // Gone already is closed.
            stream.shutdown(Shutdown::Write).ok();
        }
    }

    /// Ends a job that did not. What a serial line still holds is dropped, since closing would wait
    /// for it; what the network holds may still print: the same slip late, where a torn connection
    /// could cut short a slip that is printing.
    pub(crate) fn abandon(self) {
        if let Wire::Serial(line) = &self {
            rustix::termios::tcflush(line, QueueSelector::OFlush).ok();
        }
    }
}

impl AsFd for Wire {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Wire::Tcp(stream) => stream.as_fd(),
            Wire::Device(node) | Wire::Serial(node) => node.as_fd(),
        }
    }
}

/// What ends a way that was open.
fn lost(errno: Errno) -> Reason {
    match errno {
        Errno::CONNRESET
        | Errno::PIPE
        | Errno::IO
        | Errno::NODEV
        | Errno::NXIO
        | Errno::CONNABORTED
        | Errno::NOTCONN => Reason::ConnectionLost,
        Errno::TIMEDOUT | Errno::HOSTUNREACH | Errno::NETUNREACH => Reason::Unreachable,
        other => Reason::Failed(io::Error::from(other).to_string()),
    }
}

fn connect(host: &str, port: u16, wait: Duration) -> Result<TcpStream, Reason> {
    let deadline = Deadline::after(wait);
    let mut reason = Reason::UnknownHost(host.to_owned());
    for address in addresses(host, port, wait) {
        let Some(left) = deadline
            .left()
            .and_then(|left| Duration::try_from(left).ok())
        else {
            break;
        };
        if left.is_zero() {
            break;
        }
        match TcpStream::connect_timeout(&address, left) {
            Ok(stream) => {
                // A status question of three bytes must not wait for company.
                stream.set_nodelay(true).ok();
                return match stream.set_nonblocking(true) {
                    Ok(()) => Ok(stream),
                    Err(error) => Err(Reason::Failed(error.to_string())),
                };
            }
            Err(error) => {
                reason = match error.raw_os_error().map(Errno::from_raw_os_error) {
                    Some(Errno::CONNREFUSED) => Reason::Refused,
                    Some(errno) => lost(errno),
                    // The library's own word for the time that is up.
                    None => Reason::Unreachable,
                };
            }
        }
    }
    Err(reason)
}

/// The addresses of a host. The system's resolver has no deadline, so it runs in a thread that is left
/// behind if it takes too long.
fn addresses(host: &str, port: u16, wait: Duration) -> Vec<SocketAddr> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return vec![SocketAddr::new(address, port)];
    }
    let (found, answer) = sync_channel(1);
    let host = host.to_owned();
    let started = std::thread::Builder::new()
        .name("resolver".to_owned())
        .spawn(move || {
            let list = (host.as_str(), port)
                .to_socket_addrs()
                .map(Iterator::collect)
                .unwrap_or_default();
            // Nobody waits for it any more if this fails.
            found.send(list).ok();
        });
    match started {
        Ok(_) => answer.recv_timeout(wait).unwrap_or_default(),
        Err(_) => Vec::new(),
    }
}

fn open_node(path: &Path, group: &str) -> Result<OwnedFd, Reason> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(i32::try_from(flags.bits()).unwrap_or_default())
        .open(path)
        .map(OwnedFd::from)
        .map_err(|error| unopened(&error, path, group))
}

/// A serial line, 8N1, for this program alone. The printer may hold us back with XOFF, which no status
/// byte looks like; modem lines are not needed.
fn open_serial(path: &Path, baud: u32) -> Result<OwnedFd, Reason> {
    let line = open_node(path, "dialout")?;
    let set_up = || -> Result<(), Errno> {
        let mut settings = rustix::termios::tcgetattr(&line)?;
        settings.make_raw();
        settings.input_modes |= InputModes::IXON;
        settings.control_modes |= ControlModes::CLOCAL | ControlModes::CREAD;
        settings.control_modes -= ControlModes::HUPCL | ControlModes::CRTSCTS;
        settings.set_speed(baud)?;
        rustix::termios::tcsetattr(&line, OptionalActions::Now, &settings)?;
        rustix::termios::ioctl_tiocexcl(&line)?;
        rustix::fs::flock(&line, FlockOperation::NonBlockingLockExclusive)
    };
    match set_up() {
        Ok(()) => Ok(line),
        Err(Errno::AGAIN | Errno::BUSY) => Err(Reason::Busy),
        Err(Errno::NOTTY) => Err(Reason::Failed("it is not a serial line".to_owned())),
        Err(Errno::INVAL) => Err(Reason::Failed(format!("it cannot do {baud} baud"))),
        Err(errno) => Err(lost(errno)),
    }
}
