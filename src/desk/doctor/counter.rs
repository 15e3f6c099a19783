//! The things on the counter: scanners and printers, and whether this account may open them.

use crate::devices::print::{Health, Paper};
use crate::devices::rights::NodeRights;
use crate::domain::doctor::{Check, Line};

/// A device's node, and what this account may do with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeSeen {
    /// Where it is.
    pub path: String,
    /// What it is called, where it says so.
    pub name: Option<String>,
    /// Its rights; none: it is not there.
    pub rights: Option<NodeRights>,
}

impl NodeSeen {
    fn called(&self) -> String {
        match &self.name {
            Some(name) => format!("{name} ({})", self.path),
            None => self.path.clone(),
        }
    }
}

/// What gives an account the right to a node, and why it has not got it yet.
fn join(rights: &NodeRights) -> String {
    let group = &rights.group;
    if rights.is_listed {
        format!("this account is in the group {group}, but not since it logged in: log in again")
    } else {
        format!("sudo usermod -aG {group} $USER, then log in again")
    }
}

/// A serial port that a scanner is, or may be, on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SerialSeen {
    /// Its node.
    pub node: NodeSeen,
    /// Whether a counter here opens it.
    pub is_configured: bool,
}

/// Judges the serial ports.
pub fn serial(ports: &[SerialSeen]) -> Vec<Line> {
    let lines: Vec<Line> = ports.iter().map(port).collect();
    if lines.is_empty() {
        return vec![Line::ok(
            Check::Scanner,
            "none on a serial line; one that types like a keyboard needs no setting",
        )];
    }
    lines
}

fn port(seen: &SerialSeen) -> Line {
    let called = seen.node.called();
    match (&seen.node.rights, seen.is_configured) {
        (None, _) => Line::bad(
            Check::Scanner,
            format!("{called} is configured and not plugged in"),
            "plug it in, or see `counterfoil devices` and change [scanner] ports",
        ),
        (Some(rights), true) if !rights.may_open => Line::bad(
            Check::Scanner,
            format!(
                "no permission for {called}: it belongs to the group {}",
                rights.group
            ),
            join(rights),
        ),
        (Some(_), true) => Line::ok(Check::Scanner, format!("{called} can be opened")),
        (Some(rights), false) => {
            let path = &seen.node.path;
            let way =
                format!("if it is a scanner: counterfoil --scanner {path}, or [scanner] ports");
            let to_do = if rights.may_open {
                way
            } else {
                format!("{way}; and {}", join(rights))
            };
            Line::look(
                Check::Scanner,
                format!("{called} is plugged in, and no counter opens it"),
                to_do,
            )
        }
    }
}

/// Keyboards and the scanners that are such, as the kernel sees them (evdev).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyboardsSeen {
    /// How many there are.
    pub count: usize,
    /// The paths of those that are scanners by their names.
    pub scanners: Vec<String>,
    /// The first that this account may not open, with its group.
    pub denied: Option<NodeRights>,
}

/// Judges them: the console needs none of them, so this is never bad.
pub fn keyboards(seen: &KeyboardsSeen) -> Option<Line> {
    let devices = match seen.count {
        0 => return None,
        1 => "1 keyboard or scanner that types like one".to_owned(),
        many => format!("{many} keyboards or scanners that type like one"),
    };
    let by_name = match seen.scanners.as_slice() {
        [] => String::new(),
        paths => format!(" (a scanner by its name: {})", paths.join(", ")),
    };
    let devices = format!("{devices}{by_name}");
    let words = match &seen.denied {
        None => format!("{devices}; this account may open each past the terminal"),
        Some(rights) => format!(
            "{devices}: nothing is needed; to open one past the terminal, {}",
            join(rights)
        ),
    };
    Some(Line::ok(Check::Scanner, words))
}

/// Judges the scanner that types and is taken for the console alone.
pub fn exclusive(seen: &NodeSeen) -> Line {
    let called = seen.called();
    match &seen.rights {
        None => Line::bad(
            Check::Scanner,
            format!("{called} is configured and not plugged in"),
            "plug it in, or see `counterfoil devices` and change [scanner] device",
        ),
        Some(rights) if !rights.may_open => Line::bad(
            Check::Scanner,
            format!(
                "no permission for {called}: it belongs to the group {}",
                rights.group
            ),
            format!(
                "{}; or a udev rule for this scanner alone, as in 60-counterfoil.rules",
                join(rights)
            ),
        ),
        Some(_) => Line::ok(
            Check::Scanner,
            format!("{called} can be taken for the console alone"),
        ),
    }
}

/// The printer of slips.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrinterSeen {
    /// None is set up.
    None,
    /// It was asked.
    Asked {
        /// Where it is.
        to: String,
        /// How it is.
        health: Health,
    },
}

/// Judges the printer of slips.
pub fn printer(seen: &PrinterSeen) -> Line {
    let PrinterSeen::Asked { to, health } = seen else {
        return Line::ok(Check::Printer, "none is set up; slips are not printed");
    };
    let words = format!("{to}: {health}");
    match health {
        Health::Ready(Paper::Ok) => Line::ok(Check::Printer, words),
        Health::NotAsked => Line::ok(
            Check::Printer,
            format!("{words}; whether it prints, `counterfoil printer test` shows"),
        ),
        Health::Ready(Paper::NearEnd) => Line::look(Check::Printer, words, "have a new roll ready"),
        Health::NotReady(reason) => Line::bad(Check::Printer, words, reason.hint()),
    }
}

/// Judges a USB printer's node; the one that is set up is asked besides.
pub fn usb_printer(node: &NodeSeen, is_configured: bool) -> Option<Line> {
    let rights = node.rights.as_ref()?;
    let called = node.called();
    if !rights.may_open {
        let what = format!(
            "no permission for {called}: it belongs to the group {}",
            rights.group
        );
        return Some(if is_configured {
            Line::bad(Check::Printer, what, join(rights))
        } else {
            Line::look(Check::Printer, what, join(rights))
        });
    }
    (!is_configured).then(|| {
        Line::look(
            Check::Printer,
            format!("{called} is plugged in, and not set up"),
            "if slips are to be printed on it: counterfoil devices, then [printer] to",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devices::print::Reason;
    use crate::domain::doctor::Mark;

    /// What an account may do: open it, not yet, or not at all.
    #[derive(PartialEq, Eq)]
    enum May {
        Open,
        AfterLogin,
        Not,
    }

    fn rights(group: &str, may: &May) -> NodeRights {
        NodeRights {
            group: group.to_owned(),
            may_open: *may == May::Open,
            is_listed: *may == May::AfterLogin,
        }
    }

    fn node(path: &str, rights: Option<NodeRights>) -> NodeSeen {
        NodeSeen {
            path: path.to_owned(),
            name: Some("Xenon".to_owned()),
            rights,
        }
    }

    #[test]
    fn a_serial_scanner_is_there_allowed_and_set_up() {
        let table = [
            (None, true, Mark::Bad, "plug it in"),
            (
                Some(rights("dialout", &May::Not)),
                true,
                Mark::Bad,
                "sudo usermod -aG dialout $USER",
            ),
            (
                Some(rights("dialout", &May::AfterLogin)),
                true,
                Mark::Bad,
                "log in again",
            ),
            (Some(rights("dialout", &May::Open)), true, Mark::Ok, ""),
            (
                Some(rights("dialout", &May::Open)),
                false,
                Mark::Look,
                "counterfoil --scanner /dev/s",
            ),
            (
                Some(rights("plugdev", &May::Not)),
                false,
                Mark::Look,
                "usermod -aG plugdev",
            ),
        ];
        for (rights, is_configured, mark, to_do) in table {
            let lines = serial(&[SerialSeen {
                node: node("/dev/s", rights),
                is_configured,
            }]);
            let line = &lines[0];
            assert_eq!((lines.len(), line.mark), (1, mark), "{line:?}");
            assert!(line.what.contains("/dev/s"), "{line:?}");
            let said = line.to_do.clone().unwrap_or_default();
            assert!(said.contains(to_do), "{line:?}");
        }
        assert_eq!(serial(&[])[0].mark, Mark::Ok);
    }

    #[test]
    fn keyboards_are_counted_and_name_the_group_to_join() {
        let line = |count, denied| {
            keyboards(&KeyboardsSeen {
                count,
                scanners: vec!["/dev/input/by-id/usb-Scanner-event-kbd".to_owned()],
                denied,
            })
        };
        assert_eq!(line(0, None), None);
        let denied = line(2, Some(rights("input", &May::Not))).unwrap();
        assert_eq!(denied.mark, Mark::Ok);
        assert!(denied.what.starts_with("2 keyboards"), "{denied:?}");
        assert!(denied.what.contains("usermod -aG input"), "{denied:?}");
        let open = line(1, None).unwrap();
        assert!(open.what.contains("may open each"), "{open:?}");
        assert!(open.what.contains("by its name: /dev/input"), "{open:?}");
    }

    #[test]
    fn an_exclusive_scanner_is_there_and_allowed() {
        for (rights, mark, to_do) in [
            (None, Mark::Bad, "plug it in"),
            (Some(rights("input", &May::Not)), Mark::Bad, "udev rule"),
            (Some(rights("input", &May::Not)), Mark::Bad, "-aG input"),
            (Some(rights("input", &May::Open)), Mark::Ok, ""),
        ] {
            let line = exclusive(&node("/dev/input/by-id/s", rights));
            assert_eq!(line.mark, mark, "{line:?}");
            assert!(line.what.contains("/dev/input/by-id/s"), "{line:?}");
            assert!(
                line.to_do.clone().unwrap_or_default().contains(to_do),
                "{line:?}"
            );
        }
    }

    #[test]
    fn a_printer_is_as_it_says() {
        let asked = |health| PrinterSeen::Asked {
            to: "tcp://till:9100".to_owned(),
            health,
        };
        let table = [
            (PrinterSeen::None, Mark::Ok, "", ""),
            (asked(Health::Ready(Paper::Ok)), Mark::Ok, "ready", ""),
            (asked(Health::NotAsked), Mark::Ok, "printer test", ""),
            (
                asked(Health::Ready(Paper::NearEnd)),
                Mark::Look,
                "nearly used up",
                "new roll",
            ),
            (
                asked(Health::NotReady(Reason::PaperOut)),
                Mark::Bad,
                "out of paper",
                "put in a new roll",
            ),
            (
                asked(Health::NotReady(Reason::NoPermission {
                    group: "lp".into(),
                })),
                Mark::Bad,
                "",
                "usermod -aG lp",
            ),
        ];
        for (seen, mark, what, to_do) in table {
            let line = printer(&seen);
            assert_eq!(line.mark, mark, "{line:?}");
            assert!(line.what.contains(what), "{line:?}");
            assert!(line.to_do.unwrap_or_default().contains(to_do), "{seen:?}");
        }
    }

    #[test]
    fn a_usb_printer_names_its_group() {
        let mark = |rights, is_configured| {
            usb_printer(&node("/dev/usb/lp0", rights), is_configured).map(|line| {
                assert!(line.what.contains("/dev/usb/lp0"), "{line:?}");
                (line.mark, line.to_do.unwrap_or_default())
            })
        };
        assert_eq!(mark(Some(rights("lp", &May::Open)), true), None);
        assert_eq!(mark(None, true), None);
        let (bad, to_do) = mark(Some(rights("lp", &May::Not)), true).unwrap();
        assert_eq!(bad, Mark::Bad);
        assert!(to_do.contains("-aG lp "), "{to_do}");
        let (look, _) = mark(Some(rights("lp", &May::Not)), false).unwrap();
        assert_eq!(look, Mark::Look);
        let (other, to_do) = mark(Some(rights("lp", &May::Open)), false).unwrap();
        assert_eq!(other, Mark::Look);
        assert!(to_do.contains("[printer] to"), "{to_do}");
    }
}
