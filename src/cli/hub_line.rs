//! The command line's own line to its hub: one question, asked and waited for.

use std::path::Path;
use std::time::Duration;

use crate::cli::failure::Failure;
use crate::desk::{HubLine, Miss};
use crate::domain::wire::{AskHub, Asked};
use crate::http::client::{HubClient, HubUrl, PlainHttp};
use crate::http::tls::Trust;
use crate::ledger::{HubLink, Ledger};

/// Where questions go.
const ASK: &str = "/v1/sync/ask";

/// The line to a hub, opened at the first question.
pub(crate) struct Line {
    link: HubLink,
    client: Option<HubClient>,
}

impl Line {
    /// The line of a ledger that has joined a hub; none: a shop alone, or a hub.
    pub(crate) fn of(ledger: &mut Ledger) -> Result<Option<Line>, Failure> {
        Ok(ledger.hub_link()?.map(|link| Line { link, client: None }))
    }

    fn client(&mut self) -> Result<&mut HubClient, Miss> {
        if self.client.is_none() {
            // Where no client can be made, nothing is sent; `sync` says what is wrong with the link.
            self.client = client_of(&self.link);
        }
        self.client.as_mut().ok_or(Miss::NotSent)
    }
}

fn client_of(link: &HubLink) -> Option<HubClient> {
    // Whoever joined has said whether the network is safe.
    let url = HubUrl::parse(&link.url, PlainHttp::Anywhere).ok()?;
    let trust = Trust::new(link.ca_file.as_deref().map(Path::new)).ok()?;
    HubClient::new(url, &link.secret, &trust).ok()
}

impl HubLine for Line {
    fn ask(&mut self, ask: &AskHub, deadline: Duration) -> Result<Asked, Miss> {
        let body = serde_json::to_vec(ask).ok().ok_or(Miss::NotSent)?;
        let answer = self.client()?.post(ASK, &body, deadline);
        let bytes = answer.map_err(|miss| {
            if miss.may_be_done() {
                Miss::NoAnswer
            } else {
                Miss::NotSent
            }
        })?;
        // An answer that cannot be read says nothing of what was done.
        serde_json::from_slice(&bytes).ok().ok_or(Miss::NoAnswer)
    }
}
