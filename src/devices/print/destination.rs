//! Where a printer is: how the configuration writes it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use thiserror::Error;

/// The port on which printers take raw jobs (`AppSocket`).
pub const PORT_DEFAULT: u16 = 9100;

/// What most serial printers are set to when they leave the factory.
pub const BAUD_DEFAULT: u32 = 9600;

/// Where a printer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// On the network: `tcp://host:9100`.
    Tcp {
        /// Its name or address, without brackets.
        host: String,
        /// Its port.
        port: u16,
    },
    /// A device node that takes bytes: `/dev/usb/lp0`.
    Device(PathBuf),
    /// A USB printer, at whichever node it is now: `usb:` and its maker and model, or its serial
    /// number, as [`list`](crate::devices::print::list) has them.
    Usb(String),
    /// On a serial line: `serial:/dev/ttyUSB0@9600`, 8N1.
    Serial {
        /// The line.
        path: PathBuf,
        /// Bits per second.
        baud: u32,
    },
    /// A shell command that reads the job on its standard input: `command:lp -d till -o raw`.
    Command(String),
    /// A file to which jobs are added: `file:PATH`.
    File(PathBuf),
}

/// A text that names no destination.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is no printer")]
pub struct MalformedDestination(pub String);

impl MalformedDestination {
    /// What to write instead.
    pub const HINT: &'static str = "use tcp://192.168.1.50:9100, usb:NAME, /dev/usb/lp0, \
                                    serial:/dev/ttyUSB0@9600, command:lp -d till -o raw, or file:PATH";
}

impl Destination {
    /// Whether anything can come back from there.
    pub fn can_answer(&self) -> bool {
        match self {
            Destination::Tcp { .. }
            | Destination::Device(_)
            | Destination::Usb(_)
            | Destination::Serial { .. } => true,
            Destination::Command(_) | Destination::File(_) => false,
        }
    }
}

impl FromStr for Destination {
    type Err = MalformedDestination;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = || MalformedDestination(text.to_owned());
        let trimmed = text.trim();
        if trimmed.chars().any(char::is_control) {
            return Err(malformed());
        }
        let found = if let Some(rest) = trimmed.strip_prefix("tcp://") {
            tcp(rest)
        } else if let Some(rest) = trimmed.strip_prefix("serial:") {
            serial(rest)
        } else if let Some(command) = trimmed.strip_prefix("command:") {
            let command = command.trim();
            (!command.is_empty()).then(|| Destination::Command(command.to_owned()))
        } else if let Some(path) = trimmed.strip_prefix("file:") {
            (!path.is_empty()).then(|| Destination::File(PathBuf::from(path)))
        } else if let Some(name) = trimmed.strip_prefix("usb:") {
            let name = name.trim();
            (!name.is_empty()).then(|| Destination::Usb(name.to_owned()))
        } else if trimmed.starts_with("/dev/") {
            Some(Destination::Device(PathBuf::from(trimmed)))
        } else {
            None
        };
        found.ok_or_else(malformed)
    }
}

/// `host`, `host:port`, `[::1]:port`; a trailing slash is an address book's habit.
fn tcp(text: &str) -> Option<Destination> {
    let text = text.strip_suffix('/').unwrap_or(text);
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']')?;
            let port = match after {
                "" => None,
                _ => Some(after.strip_prefix(':')?),
            };
            (host, port)
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let port = match port {
        None => PORT_DEFAULT,
        Some(port) => port.parse().ok().filter(|port| *port > 0)?,
    };
    let is_host = |letter: char| letter.is_alphanumeric() || ".-_:%".contains(letter);
    (!host.is_empty() && host.chars().all(is_host)).then(|| Destination::Tcp {
        host: host.to_owned(),
        port,
    })
}

fn serial(text: &str) -> Option<Destination> {
    // Stable paths hold an @ now and then; the speed is behind the last.
    let (path, baud) = match text.rsplit_once('@') {
        Some((path, baud)) => (path, baud.parse().ok().filter(|baud| *baud > 0)?),
        None => (text, BAUD_DEFAULT),
    };
    path.starts_with('/').then(|| Destination::Serial {
        path: PathBuf::from(path),
        baud,
    })
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Destination::Tcp { host, port } if host.contains(':') => {
                write!(f, "tcp://[{host}]:{port}")
            }
            Destination::Tcp { host, port } => write!(f, "tcp://{host}:{port}"),
            Destination::Device(path) => write!(f, "{}", path.display()),
            Destination::Usb(name) => write!(f, "usb:{name}"),
            Destination::Serial { path, baud } => write!(f, "serial:{}@{baud}", path.display()),
            Destination::Command(command) => write!(f, "command:{command}"),
            Destination::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Destination;

    #[test]
    fn destinations_are_read_and_written_alike() {
        for (text, wanted) in [
            ("tcp://till-printer", "tcp://till-printer:9100"),
            ("tcp://10.0.0.7:9101/", "tcp://10.0.0.7:9101"),
            ("tcp://[fe80::1]", "tcp://[fe80::1]:9100"),
            ("tcp://[::1]:99", "tcp://[::1]:99"),
            (" /dev/usb/lp0 ", "/dev/usb/lp0"),
            ("serial:/dev/ttyUSB0", "serial:/dev/ttyUSB0@9600"),
            ("serial:/dev/a@b@38400", "serial:/dev/a@b@38400"),
            ("command: lp -d till -o raw", "command:lp -d till -o raw"),
            ("usb: EPSON TM-T20III", "usb:EPSON TM-T20III"),
            ("file:slips.bin", "file:slips.bin"),
        ] {
            let found: Destination = text.parse().unwrap();
            assert_eq!(found.to_string(), wanted);
            assert_eq!(found.to_string().parse(), Ok(found));
        }
    }

    #[test]
    fn what_names_no_printer_is_refused() {
        for text in [
            "",
            "epson",
            "lp0",
            "tcp://",
            "tcp://:9100",
            "tcp://a:0",
            "tcp://a:99999",
            "tcp://a b",
            "tcp://::1",
            "tcp://[::1]9100",
            "tcp://[::1",
            "serial:ttyUSB0",
            "serial:/dev/ttyUSB0@fast",
            "serial:/dev/ttyUSB0@0",
            "command:",
            "file:",
            "usb:",
            "http://a",
            "/dev/usb/lp0\u{1b}",
        ] {
            assert!(text.parse::<Destination>().is_err(), "{text:?}");
        }
    }
}
