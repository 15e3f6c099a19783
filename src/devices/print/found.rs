//! Which USB printers there are, found without opening any.

use std::fs;
use std::path::{Path, PathBuf};

const CLASS: &str = "/sys/class/usbmisc";

/// A printer of the USB printer class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsbPrinterFound {
    /// The device node, whose number may change with every plug.
    pub node: PathBuf,
    /// Maker and model, as the printer gives them (IEEE 1284 device id).
    pub product: Option<String>,
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
            })
        })
        .collect();
    found.sort_by(|a, b| a.node.cmp(&b.node));
    found
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

    use super::{UsbPrinterFound, list_in, product_of};

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
        };
        let wanted = [
            found("/dev/usb/lp0", None),
            found("/dev/usb/lp1", Some("EPSON TM-T20III")),
        ];
        assert_eq!(list_in(class.path()), wanted);
        assert_eq!(list_in(&class.path().join("none")), []);
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
