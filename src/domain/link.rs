//! What a text is to a phone: a web link, a contact card, a Wi-Fi code and the like.

use std::borrow::Cow;

use crate::domain::code::CODE_BYTES_MAX;
use crate::domain::escape::for_display;
use crate::domain::reading::NotOurs;

/// A web link, or none.
pub(super) enum Link {
    None,
    Allowed { code: String },
    Foreign { host: String },
    Several,
}

pub(super) fn starts_with_any(text: &str, prefixes: &[&str]) -> bool {
    prefixes
        .iter()
        .any(|prefix| strip_ignoring_case(text, prefix).is_some())
}

pub(super) fn strip_ignoring_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// What phones make of a QR code by its first word.
pub(super) fn card(bare: &str) -> Option<NotOurs> {
    let table: [(&[&str], NotOurs); 8] = [
        (
            &["BEGIN:VCARD", "MECARD:", "BIZCARD:"],
            NotOurs::ContactCard,
        ),
        (&["WIFI:", "DPP:"], NotOurs::WifiCard),
        (
            &["otpauth:", "otpauth-migration:"],
            NotOurs::OneTimePassword,
        ),
        (&["BEGIN:VEVENT", "BEGIN:VCALENDAR"], NotOurs::CalendarEntry),
        (&["mailto:", "MATMSG:", "SMTP:"], NotOurs::MailLink),
        (&["tel:", "facetime:"], NotOurs::PhoneLink),
        (&["sms:", "smsto:", "mms:", "mmsto:"], NotOurs::MessageLink),
        (&["geo:"], NotOurs::MapLink),
    ];
    table
        .into_iter()
        .find(|(prefixes, _)| starts_with_any(bare, prefixes))
        .map(|(_, card)| card)
}

/// Any other `scheme://`; a code glued to a link looks like one.
pub(super) fn app_link(bare: &str) -> Option<NotOurs> {
    let (scheme, _) = bare.split_once("://")?;
    let is_scheme = scheme.len() <= CODE_BYTES_MAX
        && scheme.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || "+-.".contains(letter));
    let scheme = scheme.to_ascii_lowercase();
    let is_glued = scheme.ends_with("http") || scheme.ends_with("https");
    is_scheme.then_some(if is_glued {
        NotOurs::SeveralCodes
    } else {
        NotOurs::AppLink { scheme }
    })
}

/// Takes a web address apart. Nothing is ever opened, so what is unusual need not be understood, only
/// never taken for a link of ours: the host is what a browser would go to.
pub(super) fn link(bare: &str, allowed_hosts: &[String]) -> Link {
    let text = address_of(bare);
    let Some(Address {
        host,
        after,
        is_link,
        is_plain,
    }) = taken_apart(bare, &text)
    else {
        return Link::None;
    };
    let is_allowed = is_among(&host, allowed_hosts);
    let is_ours = is_allowed && !after.is_empty() && is_plain;
    if host.is_empty() || !(is_link || is_ours) {
        return Link::None;
    }
    if is_allowed && after.contains("://") {
        return Link::Several;
    }
    match code_in(after).filter(|_| is_allowed) {
        Some(code) => Link::Allowed { code },
        None => Link::Foreign {
            host: for_display(&host),
        },
    }
}

/// What follows the host in a link to one of ours; none: it is no such link, or several.
pub(super) fn path_of_ours(bare: &str, allowed_hosts: &[String]) -> Option<String> {
    match link(bare, allowed_hosts) {
        Link::Allowed { .. } => {}
        Link::None | Link::Foreign { .. } | Link::Several => return None,
    }
    let text = address_of(bare);
    taken_apart(bare, &text).map(|address| address.after.to_owned())
}

struct Address<'a> {
    /// In lower case.
    host: String,
    after: &'a str,
    /// Whether it is a link, whatever its host.
    is_link: bool,
    /// Whether it names a host and nothing but a host.
    is_plain: bool,
}

/// A link that was escaped as a whole, without its escapes.
fn address_of(bare: &str) -> Cow<'_, str> {
    let is_escaped = starts_with_any(bare, &["http%3a", "https%3a"]);
    match is_escaped.then(|| percent_decoded(bare)).flatten() {
        Some(decoded) => Cow::Owned(decoded),
        None => Cow::Borrowed(bare),
    }
}

fn taken_apart<'a>(bare: &str, address: &'a str) -> Option<Address<'a>> {
    let stripped = ["https://", "http://"]
        .iter()
        .find_map(|s| strip_ignoring_case(address, s));
    let rest = stripped.unwrap_or(address);
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let (authority, after) = rest.split_at_checked(end)?;
    let (_, after_user) = authority.rsplit_once('@').unwrap_or(("", authority));
    let host = match after_user.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        Some(_) | None => after_user,
    };
    Some(Address {
        host: host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase(),
        after,
        // A driver may drop the scheme; then only a host that is known makes it a link.
        is_link: stripped.is_some() || starts_with_any(bare, &["www."]),
        is_plain: authority == after_user,
    })
}

fn is_among(host: &str, allowed_hosts: &[String]) -> bool {
    allowed_hosts
        .iter()
        .any(|allowed| allowed.eq_ignore_ascii_case(host))
}

/// The code in the path and query of a link: the parameter `code`, `c` or `v`, else the last part of
/// the path.
pub(super) fn code_in(after_host: &str) -> Option<String> {
    let (address, _) = after_host.split_once('#').unwrap_or((after_host, ""));
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let parameter = |name: &str| {
        query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(key, value)| key.eq_ignore_ascii_case(name) && !value.is_empty())
            .map(|(_, value)| value.replace('+', " "))
    };
    let last_part = || {
        path.split(['/', '\\'])
            .rfind(|part| !part.is_empty())
            .map(str::to_owned)
    };
    let code = ["code", "c", "v"]
        .into_iter()
        .find_map(parameter)
        .or_else(last_part)?;
    percent_decoded(&code)
}

/// Percent-decoding (RFC 3986 §2.1); a `%` without two digits stays. `None` if it is not UTF-8.
pub(super) fn percent_decoded(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let hex = match after {
            [high, low, ..] if *first == b'%' => hex_digit(*high).zip(hex_digit(*low)),
            _ => None,
        };
        if let Some((high, low)) = hex {
            decoded.push(high << 4 | low);
            rest = after.get(2..).unwrap_or_default();
        } else {
            decoded.push(*first);
            rest = after;
        }
    }
    String::from_utf8(decoded).ok()
}

pub(super) fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}
