//! What goes over the line: JSON, as it is on the real one, and whose call it belongs to.

use counterfoil::sync::intake::Route;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// One message on the line.
#[derive(Debug, Clone)]
pub(crate) struct Parcel {
    pub(crate) store: usize,
    pub(crate) route: Route,
    pub(crate) is_answer: bool,
    /// The call it belongs to: an answer is heard by nobody else.
    pub(crate) call: u64,
    /// How often the hub has put it off.
    pub(crate) put_off: u32,
    pub(crate) json: Vec<u8>,
}

pub(crate) fn written(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("a wire value is JSON")
}

pub(crate) fn read<T: DeserializeOwned>(json: &[u8]) -> T {
    serde_json::from_slice(json).expect("the wire value that was written")
}
