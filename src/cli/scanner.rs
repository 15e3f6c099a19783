//! What a counter asks for about its scanners: each of it off until the configuration says otherwise.

use std::path::PathBuf;

use serde::Deserialize;

use crate::cli::config::{Origin, Sourced};
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
}

/// What was asked for.
#[derive(Debug, Clone)]
pub(crate) struct ScannerOptions {
    has_gs1: Sourced<bool>,
    gs1_code_in: Sourced<Vec<CodeField>>,
    gs1_gtins: Sourced<Vec<Gtin>>,
    layout: Sourced<Option<Layout>>,
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
        gs1.into_iter().chain(layout).collect()
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
        ]
    }
}

fn listed<T: ToString>(values: &[T]) -> String {
    let values: Vec<String> = values.iter().map(T::to_string).collect();
    values.join(", ")
}
