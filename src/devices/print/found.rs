//! Which USB printers there are, found without opening any.

use std::fs;
use std::path::{Path, PathBuf};

use crate::devices::print::Reason;

const CLASS: &str = "/sys/class/usbmisc";

/// A printer of the USB printer class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsbPrinterFound {
    /// The device node, whose number may change with every plug.
    pub node: PathBuf,
    /// Maker and model, as the printer gives them (IEEE 1284 device id).
    pub product: Option<String>,
    /// The serial number, where it has one.
    pub serial: Option<String>,
}

impl UsbPrinterFound {
    /// The destination that finds it again after a replug: `usb:` and its maker and model.
    pub fn stable_name(&self) -> Option<String> {
        let name = self.product.as_ref().or(self.serial.as_ref())?;
        Some(format!("usb:{name}"))
    }

    /// Whether this is its name: maker and model, or the serial number.
    pub fn is_called(&self, name: &str) -> bool {
        [&self.product, &self.serial]
            .into_iter()
            .flatten()
            .any(|own| own.eq_ignore_ascii_case(name))
    }
}

/// The node of the one printer of this name, whatever its number has become.
pub(crate) fn node_of(name: &str) -> Result<PathBuf, Reason> {
    node_in(&list(), name)
}

fn node_in(printers: &[UsbPrinterFound], name: &str) -> Result<PathBuf, Reason> {
    let mut called = printers.iter().filter(|printer| printer.is_called(name));
    match (called.next(), called.next()) {
        (Some(printer), None) => Ok(printer.node.clone()),
        (None, _) => Err(Reason::Missing),
        (Some(_), Some(_)) => Err(Reason::Failed(format!(
            "two printers are called {name}: name one by its serial number"
        ))),
    }
}

/// Lists the USB printers, by node.
pub fn list() -> Vec<UsbPrinterFound> {
    list_in(Path::new(CLASS))
}

fn list_in(class: &Path) -> Vec<UsbPrinterFound> {
    let Ok(entries) = fs::read_dir(class) else {
        return Vec::new();
    };
    let mut found: Vec<_> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name().into_string().ok()?;
            name.strip_prefix("lp")?.parse::<u32>().ok()?;
            let id = fs::read_to_string(entry.path().join("device/ieee1284_id"));
            Some(UsbPrinterFound {
                node: Path::new("/dev/usb").join(&name),
                product: id.ok().as_deref().and_then(product_of),
                serial: serial_of(&entry.path()),
            })
        })
        .collect();
    found.sort_by(|a, b| a.node.cmp(&b.node));
    found
}

/// The device of the printer's interface is the directory above it.
fn serial_of(entry: &Path) -> Option<String> {
    let interface = fs::canonicalize(entry.join("device")).ok()?;
    let serial = fs::read_to_string(interface.parent()?.join("serial")).ok()?;
    let serial = serial.trim();
    (!serial.is_empty()).then(|| serial.to_owned())
}

/// `MFG:EPSON;CMD:ESC/POS;MDL:TM-T20III;` and its long form `MANUFACTURER:…;MODEL:…`.
fn product_of(id: &str) -> Option<String> {
    let field = |names: [&str; 2]| {
        id.split(';').find_map(|part| {
            let (name, value) = part.trim().split_once(':')?;
            (names.contains(&name) && !value.trim().is_empty()).then(|| value.trim())
        })
    };
    match (field(["MFG", "MANUFACTURER"]), field(["MDL", "MODEL"])) {
        (Some(maker), Some(model)) => Some(format!("{maker} {model}")),
        (found, None) | (None, found) => found.map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{UsbPrinterFound, list_in, node_in, product_of};
    use crate::devices::print::Reason;

    #[test]
    fn printers_are_named_by_what_they_say() {
        let class = tempfile::tempdir().unwrap();
        for (name, id) in [
            (
                "lp1",
                Some("MFG:EPSON;CMD:ESC/POS;MDL:TM-T20III;CLS:PRINTER;\n"),
            ),
            ("lp0", None),
            ("hiddev0", Some("MFG:none;")),
        ] {
            let device = class.path().join(name).join("device");
            fs::create_dir_all(&device).unwrap();
            if let Some(id) = id {
                fs::write(device.join("ieee1284_id"), id).unwrap();
            }
        }
        let found = |node: &str, product: Option<&str>| UsbPrinterFound {
            node: node.into(),
            product: product.map(str::to_owned),
            serial: None,
        };
        let wanted = [
            found("/dev/usb/lp0", None),
            found("/dev/usb/lp1", Some("EPSON TM-T20III")),
        ];
        assert_eq!(list_in(class.path()), wanted);
        assert_eq!(list_in(&class.path().join("none")), []);
    }

    #[test]
    fn a_printer_is_found_again_by_its_name_whatever_its_number_is() {
        // As sysfs has it: the entry of the class points to the interface, beneath the device.
        let system = tempfile::tempdir().unwrap();
        let class = system.path().join("usbmisc");
        let plug = |node: &str, device: &str, serial: &str| {
            let interface = system.path().join(device).join("1-1:1.0");
            fs::create_dir_all(&interface).unwrap();
            fs::create_dir_all(class.join(node)).unwrap();
            fs::write(interface.join("ieee1284_id"), "MFG:EPSON;MDL:TM-T20III;").unwrap();
            fs::write(system.path().join(device).join("serial"), serial).unwrap();
            std::os::unix::fs::symlink(&interface, class.join(node).join("device")).unwrap();
        };
        plug("lp3", "1-1", "J3YF01\n");
        let found = list_in(&class);
        assert_eq!(found[0].stable_name().unwrap(), "usb:EPSON TM-T20III");
        for name in ["epson tm-t20iii", "J3YF01"] {
            assert_eq!(node_in(&found, name), Ok("/dev/usb/lp3".into()));
        }
        assert_eq!(node_in(&found, "EPSON"), Err(Reason::Missing));
        plug("lp4", "1-2", "J3YF02\n");
        let found = list_in(&class);
        assert_eq!(node_in(&found, "J3YF02"), Ok("/dev/usb/lp4".into()));
        let twins = node_in(&found, "EPSON TM-T20III");
        assert!(matches!(twins, Err(Reason::Failed(_))), "{twins:?}");
    }

    #[test]
    fn either_spelling_of_an_id_is_read() {
        for (id, wanted) in [
            ("MANUFACTURER:Star;MODEL:TSP100;", Some("Star TSP100")),
            ("MDL:POS-58;", Some("POS-58")),
            ("MFG: ;CMD:x", None),
        ] {
            assert_eq!(product_of(id).as_deref(), wanted);
        }
    }
}
