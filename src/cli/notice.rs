//! Who outside is told of low pools: a command, a web address, or both, as the configuration says.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use crate::cli::config::{Origin, Sourced};
use crate::desk::pool_watch::{PoolNotice, TellOutside};
use crate::devices::print::run_command;
use crate::http::client::{notice_host, post_notice};

/// How long a command may run, and a web address be silent.
const WITHIN: Duration = Duration::from_secs(30);

/// The section of the file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct NoticeSection {
    command: Option<String>,
    url: Option<String>,
}

/// Who is told.
#[derive(Debug, Clone)]
pub(crate) struct NoticeConfig {
    command: Sourced<Option<String>>,
    url: Sourced<Option<String>>,
}

impl NoticeConfig {
    pub(crate) fn new(section: NoticeSection) -> NoticeConfig {
        let file = |value: Option<String>| value.filter(|value| !value.trim().is_empty()).map(Some);
        NoticeConfig {
            command: Sourced::first(None, None, file(section.command), || None),
            url: Sourced::first(None, None, file(section.url), || None),
        }
    }

    /// The values as text; of the web address only its host, for the rest is often a secret.
    pub(crate) fn rows(&self) -> [(&'static str, String, Origin); 2] {
        let url = self.url.value.as_deref().map(|url| {
            notice_host(url).map_or_else(
                || "not a web address: write it as https://host/path".to_owned(),
                |host| format!("{host} (its path is not shown)"),
            )
        });
        [
            (
                "notice.command",
                self.command.value.clone().unwrap_or_default(),
                self.command.origin,
            ),
            ("notice.url", url.unwrap_or_default(), self.url.origin),
        ]
    }

    /// What tells them; none: nobody is to be told.
    pub(crate) fn teller(&self) -> Option<TellOutside> {
        let (command, url) = (self.command.value.clone(), self.url.value.clone());
        if command.is_none() && url.is_none() {
            return None;
        }
        Some(Arc::new(move |notice: &PoolNotice| {
            let body = serde_json::to_vec(notice).map_err(|fault| fault.to_string())?;
            let by_command = command.as_ref().map(|command| {
                run_command(command, &body, WITHIN).map_err(|why| format!("notice.command: {why}"))
            });
            let by_url = url.as_ref().map(|url| {
                post_notice(url, body.clone(), WITHIN).map_err(|why| format!("notice.url: {why}"))
            });
            let faults: Vec<String> = [by_command, by_url]
                .into_iter()
                .flatten()
                .filter_map(Result::err)
                .collect();
            if faults.is_empty() {
                Ok(())
            } else {
                Err(faults.join("; "))
            }
        }))
    }
}
