//! Which serial ports there are, found without opening any.

use std::fs;
use std::path::{Path, PathBuf};

use serialport::SerialPortType;

const BY_ID: &str = "/dev/serial/by-id";
const BY_PATH: &str = "/dev/serial/by-path";

/// A serial port of a USB device. Ports without one are not listed, since most of them lead
/// nowhere and some to the machine's own console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SerialPortFound {
    /// The device node, whose number may change with every plug.
    pub node: PathBuf,
    /// What to write into the configuration: named after the device, or after the socket it is
    /// plugged into if another device would have the same name; the node if there is neither.
    pub stable_path: PathBuf,
    /// The USB vendor id.
    pub vid: u16,
    /// The USB product id.
    pub pid: u16,
    /// The product's name.
    pub product: Option<String>,
    /// The serial number.
    pub serial: Option<String>,
}

/// A name that the system gave a node.
struct Link {
    path: PathBuf,
    node: PathBuf,
}

/// Lists the serial ports of USB devices, by node.
pub fn list() -> Vec<SerialPortFound> {
    let mut found = usb_ports();
    found.sort_by(|a, b| a.node.cmp(&b.node));
    let by_id = links_in(Path::new(BY_ID));
    let by_path = links_in(Path::new(BY_PATH));
    name_stably(&mut found, &by_id, &by_path);
    found
}

/// The product's name of the port at `path`, if it belongs to a USB device.
pub(super) fn product_of(path: &Path) -> Option<String> {
    let node = path.canonicalize().ok()?;
    usb_ports()
        .into_iter()
        .find(|port| port.node == node)?
        .product
}

fn usb_ports() -> Vec<SerialPortFound> {
    // The crate panics where there is no such folder.
    if !Path::new("/sys/class/tty").is_dir() {
        return Vec::new();
    }
    let ports = serialport::available_ports().unwrap_or_default();
    ports
        .into_iter()
        .filter_map(|port| match port.port_type {
            SerialPortType::UsbPort(usb) => Some(SerialPortFound {
                node: PathBuf::from(&port.port_name),
                stable_path: PathBuf::from(port.port_name),
                vid: usb.vid,
                pid: usb.pid,
                product: usb.product,
                serial: usb.serial_number,
            }),
            SerialPortType::PciPort | SerialPortType::BluetoothPort | SerialPortType::Unknown => {
                None
            }
        })
        .collect()
}

fn links_in(folder: &Path) -> Vec<Link> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut links: Vec<_> = entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let node = path.canonicalize().ok()?;
            Some(Link { path, node })
        })
        .collect();
    links.sort_by(|a, b| a.path.cmp(&b.path));
    links
}

fn name_stably(found: &mut [SerialPortFound], by_id: &[Link], by_path: &[Link]) {
    let name_in = |links: &[Link], node: &Path| {
        let link = links.iter().find(|link| link.node == node)?;
        Some(link.path.clone())
    };
    // Of two devices alike the system names only one, and not always the same.
    let nameless: Vec<_> = found
        .iter()
        .filter(|port| name_in(by_id, &port.node).is_none())
        .map(|port| (port.vid, port.pid, port.serial.clone()))
        .collect();
    for port in found {
        let has_twin = nameless.contains(&(port.vid, port.pid, port.serial.clone()));
        let id = if has_twin {
            None
        } else {
            name_in(by_id, &port.node)
        };
        if let Some(path) = id.or_else(|| name_in(by_path, &port.node)) {
            port.stable_path = path;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::devices::scan::serial::ports::{Link, SerialPortFound, links_in, list, name_stably};

    fn port(node: &str, serial: Option<&str>) -> SerialPortFound {
        SerialPortFound {
            node: node.into(),
            stable_path: node.into(),
            vid: 0x0c2e,
            pid: 0x0b6a,
            product: Some("Scanner".to_owned()),
            serial: serial.map(str::to_owned),
        }
    }

    fn link(path: &str, node: &str) -> Link {
        Link {
            path: path.into(),
            node: node.into(),
        }
    }

    fn stable_paths(
        mut found: Vec<SerialPortFound>,
        by_id: &[Link],
        by_path: &[Link],
    ) -> Vec<String> {
        name_stably(&mut found, by_id, by_path);
        let path = |port: &SerialPortFound| port.stable_path.display().to_string();
        found.iter().map(path).collect()
    }

    #[test]
    fn a_scanner_is_named_by_its_id() {
        let by_id = [link("/id/a", "/dev/ttyACM0"), link("/id/b", "/dev/ttyACM1")];
        let by_path = [link("/path/1", "/dev/ttyACM0")];
        let found = vec![
            port("/dev/ttyACM0", Some("A")),
            port("/dev/ttyACM1", Some("B")),
        ];
        assert_eq!(stable_paths(found, &by_id, &by_path), ["/id/a", "/id/b"]);
    }

    #[test]
    fn two_scanners_alike_are_named_by_their_sockets() {
        let by_id = [link("/id/only", "/dev/ttyACM1")];
        let by_path = [
            link("/path/1", "/dev/ttyACM0"),
            link("/path/2", "/dev/ttyACM1"),
        ];
        let found = vec![port("/dev/ttyACM0", None), port("/dev/ttyACM1", None)];
        assert_eq!(
            stable_paths(found, &by_id, &by_path),
            ["/path/1", "/path/2"]
        );
    }

    #[test]
    fn without_names_the_node_is_left() {
        let found = vec![port("/dev/ttyACM0", None)];
        assert_eq!(stable_paths(found, &[], &[]), ["/dev/ttyACM0"]);
    }

    #[test]
    fn links_are_followed_to_their_nodes() {
        let folder = tempfile::tempdir().unwrap();
        let node = folder.path().join("ttyACM7");
        fs::write(&node, "").unwrap();
        let ids = folder.path().join("by-id");
        fs::create_dir(&ids).unwrap();
        std::os::unix::fs::symlink("../ttyACM7", ids.join("usb-A")).unwrap();
        std::os::unix::fs::symlink("../ttyACM8", ids.join("usb-gone")).unwrap();
        let links = links_in(&ids);
        assert_eq!(links.len(), 1);
        assert_eq!(links[0].path, ids.join("usb-A"));
        assert_eq!(links[0].node, node.canonicalize().unwrap());
        assert!(links_in(&folder.path().join("none")).is_empty());
    }

    #[test]
    fn listing_opens_nothing_that_is_no_usb_device() {
        for port in list() {
            assert!(!port.node.starts_with("/dev/ttyS"), "{port:?}");
        }
    }
}
