//! `devices` and `config`: what this computer has, and how it is set.

use std::io::Write;

use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::devices::print::{self, UsbPrinterFound};
use crate::devices::scan::{evdev, serial};
use crate::domain::escape::for_display;

/// What is there, by names the system gives; no port is opened.
pub(super) fn devices(context: &Context, out: &mut dyn Write) -> Result<u8, Failure> {
    let found = serial::list();
    if context.is_json {
        as_json(context, &found, out)?;
        return Ok(0);
    }
    writeln!(
        out,
        "A scanner that types like a keyboard needs no setting: open the console and scan."
    )?;
    if found.is_empty() {
        writeln!(out, "No USB serial devices are plugged in.")?;
    }
    for port in &found {
        let product = port.product.as_deref().unwrap_or("unnamed device");
        writeln!(
            out,
            "{}  {:04x}:{:04x}  use it: counterfoil --scanner {}",
            for_display(product),
            port.vid,
            port.pid,
            port.stable_path.display()
        )?;
    }
    let known: Vec<_> = found.iter().map(|port| &port.stable_path).collect();
    for path in &context.config.ports.value {
        if !known.contains(&path) {
            writeln!(out, "{} is configured and not plugged in", path.display())?;
        }
    }
    for path in evdev::list() {
        let what = if evdev::looks_like_a_scanner(&path) {
            "a scanner that types"
        } else {
            "a keyboard"
        };
        writeln!(
            out,
            "{}  {what}  a scanner for the console alone: [scanner] device",
            for_display(&path.display().to_string())
        )?;
    }
    for printer in print::list() {
        writeln!(
            out,
            "{}  a printer  try it: counterfoil printer test --to {}",
            for_display(printer.product.as_deref().unwrap_or("unnamed device")),
            try_it(&printer)
        )?;
    }
    Ok(0)
}

fn as_json(
    context: &Context,
    found: &[serial::SerialPortFound],
    out: &mut dyn Write,
) -> Result<(), Failure> {
    for port in found {
        let value = serde_json::json!({
            "kind": "serial_scanner", "path": port.stable_path, "node": port.node,
            "vid": format!("{:04x}", port.vid), "pid": format!("{:04x}", port.pid),
            "product": port.product, "serial": port.serial,
            "configured": context.config.ports.value.contains(&port.stable_path),
        });
        writeln!(out, "{value}")?;
    }
    for path in evdev::list() {
        let value = serde_json::json!({
            "kind": "keyboard", "path": path, "node": path.canonicalize().ok(),
            "looks_like_a_scanner": evdev::looks_like_a_scanner(&path),
            "configured": context.config.scanner.device() == Some(path.as_path()),
        });
        writeln!(out, "{value}")?;
    }
    for printer in print::list() {
        let value = serde_json::json!({
            "kind": "usb_printer", "path": printer.node, "node": printer.node,
            "product": printer.product, "serial": printer.serial, "to": printer.stable_name(),
            "configured": context.config.printer.is_at(&printer),
        });
        writeln!(out, "{value}")?;
    }
    Ok(())
}

/// By its name, which stays; by its node where it has none.
fn try_it(printer: &UsbPrinterFound) -> String {
    let name = printer
        .stable_name()
        .unwrap_or_else(|| printer.node.display().to_string());
    for_display(&format!("'{name}'"))
}

pub(super) fn config(context: &Context, out: &mut dyn Write) -> Result<u8, Failure> {
    let file = context.data.join(crate::cli::config::FILE_NAME);
    if context.is_json {
        for (name, value, origin) in context.config.rows() {
            let line = serde_json::json!({"name": name, "value": value, "origin": origin});
            writeln!(out, "{line}")?;
        }
        let line = serde_json::json!({"name": "data", "value": context.data,
            "origin": context.place});
        writeln!(out, "{line}")?;
        return Ok(0);
    }
    writeln!(out, "data folder {}", context.data.display())?;
    let state = if file.exists() { "" } else { " (not there)" };
    writeln!(out, "configuration file {}{state}", file.display())?;
    for (name, value, origin) in context.config.rows() {
        let origin = serde_json::to_value(origin)?;
        writeln!(
            out,
            "{name:<24} {value:<28} ({})",
            origin.as_str().unwrap_or_default()
        )?;
    }
    Ok(0)
}
