//! What a counter asks for about its scanners: each of it off until the configuration says otherwise.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::cli::config::{Origin, Sourced};
use crate::cli::failure::Failure;
use crate::devices::scan::serial::Acknowledge;
use crate::domain::gs1::{CodeField, Gs1Rules, Gtin};
use crate::domain::layout::Layout;

/// The section of the file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ScannerSection {
    pub(crate) ports: Option<Vec<PathBuf>>,
    pub(crate) baud: Option<u32>,
    gs1: Option<bool>,
    gs1_code_in: Option<Vec<CodeField>>,
    gs1_gtins: Option<Vec<Gtin>>,
    layout: Option<Layout>,
    device: Option<PathBuf>,
    grab: Option<bool>,
    acknowledge: Option<Acknowledge>,
}

/// What was asked for.
#[derive(Debug, Clone)]
pub(crate) struct ScannerOptions {
    has_gs1: Sourced<bool>,
    gs1_code_in: Sourced<Vec<CodeField>>,
    gs1_gtins: Sourced<Vec<Gtin>>,
    layout: Sourced<Option<Layout>>,
    device: Sourced<Option<PathBuf>>,
    grabs: Sourced<bool>,
    acknowledge: Sourced<Option<Acknowledge>>,
}

impl ScannerOptions {
    pub(crate) fn new(section: ScannerSection) -> ScannerOptions {
        ScannerOptions {
            has_gs1: Sourced::first(None, None, section.gs1, || false),
            gs1_code_in: Sourced::first(None, None, section.gs1_code_in, || {
                Gs1Rules::default().code_in
            }),
            gs1_gtins: Sourced::first(None, None, section.gs1_gtins, Vec::new),
            layout: Sourced::first(None, None, section.layout.map(Some), || None),
            device: Sourced::first(None, None, section.device.map(Some), || None),
            grabs: Sourced::first(None, None, section.grab, || false),
            acknowledge: Sourced::first(None, None, section.acknowledge.map(Some), || None),
        }
    }

    /// Where codes are taken from in GS1 texts; none: nowhere.
    pub(crate) fn gs1(&self) -> Option<Gs1Rules> {
        self.has_gs1.value.then(|| Gs1Rules {
            code_in: self.gs1_code_in.value.clone(),
            gtins: self.gs1_gtins.value.clone(),
        })
    }

    /// How the keyboard is set whose scanner types US keys, where it is known.
    pub(crate) fn layout(&self) -> Option<Layout> {
        self.layout.value
    }

    /// The scanner that types and is taken for the console alone.
    pub(crate) fn device(&self) -> Option<&Path> {
        self.device.value.as_deref().filter(|_| self.grabs.value)
    }

    /// How serial scanners are told the verdict; none: they are not.
    pub(crate) fn acknowledge(&self) -> Option<Acknowledge> {
        self.acknowledge.value
    }

    /// What does not go together.
    pub(crate) fn fault(&self) -> Option<Failure> {
        match (&self.device.value, self.grabs.value) {
            (Some(path), false) => Some(Failure::usage(
                format!(
                    "[scanner] device is {}, and grab is not true: each scan would come twice",
                    path.display()
                ),
                "set grab = true, or leave device out",
            )),
            (None, true) => Some(Failure::usage(
                "[scanner] grab is true, and no device is named",
                "set device to the scanner's path; `counterfoil devices` lists them",
            )),
            (Some(_), true) | (None, false) => None,
        }
    }

    /// What was asked for, a line each.
    pub(crate) fn asked_for(&self) -> Vec<String> {
        let gs1 = self.gs1().map(|rules| {
            let items = match rules.gtins.as_slice() {
                [] => String::new(),
                gtins => format!("; serial numbers count only of {}", listed(gtins)),
            };
            let fields = listed(&rules.code_in);
            format!("GS1 texts are read, for codes in the fields {fields}{items}")
        });
        let layout = self.layout().map(|layout| {
            format!(
                "scanners that type are read as US keys on a {layout} keyboard; hands, and scanners on \
                 a line of their own, are not"
            )
        });
        let acknowledge = self.acknowledge().map(|Acknowledge::Honeywell| {
            "serial scanners are told the verdict (Honeywell): Host ACK must be on in each"
                .to_owned()
        });
        [gs1, layout, acknowledge].into_iter().flatten().collect()
    }

    /// The values as text.
    pub(crate) fn rows(&self) -> Vec<(&'static str, String, Origin)> {
        vec![
            (
                "scanner.gs1",
                self.has_gs1.value.to_string(),
                self.has_gs1.origin,
            ),
            (
                "scanner.gs1_code_in",
                listed(&self.gs1_code_in.value),
                self.gs1_code_in.origin,
            ),
            (
                "scanner.gs1_gtins",
                listed(&self.gs1_gtins.value),
                self.gs1_gtins.origin,
            ),
            (
                "scanner.layout",
                self.layout
                    .value
                    .map(|layout| layout.to_string())
                    .unwrap_or_default(),
                self.layout.origin,
            ),
            (
                "scanner.device",
                self.device
                    .value
                    .as_ref()
                    .map_or_else(String::new, |path| path.display().to_string()),
                self.device.origin,
            ),
            (
                "scanner.grab",
                self.grabs.value.to_string(),
                self.grabs.origin,
            ),
            (
                "scanner.acknowledge",
                self.acknowledge
                    .value
                    .map_or_else(String::new, |Acknowledge::Honeywell| "honeywell".to_owned()),
                self.acknowledge.origin,
            ),
        ]
    }
}

fn listed<T: ToString>(values: &[T]) -> String {
    let values: Vec<String> = values.iter().map(T::to_string).collect();
    values.join(", ")
}
