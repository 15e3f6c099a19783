//! Contacts in normal form, so that one person is recognised however they are written down.

use phonenumber::Mode;

use crate::domain::campaign::ContactKind;

/// A contact that cannot be one, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ContactFault(pub String);

/// The normal form of a contact of a known kind.
///
/// E-mail: trimmed, lower case, the domain in its ASCII form (IDNA, UTS 46). Phone: E.164, and it
/// must come with its country (`+49 …`, `0049 …`). Others: trimmed, upper case.
pub fn normal_form(kind: ContactKind, text: &str) -> Result<String, ContactFault> {
    let text = text.trim();
    if text.is_empty() || text.len() > 254 || text.chars().any(char::is_control) {
        return Err(ContactFault(format!(
            "a contact has 1 to 254 characters, none of them a control character ({} bytes)",
            text.len()
        )));
    }
    match kind {
        ContactKind::Email => email(text),
        ContactKind::Phone => phone(text),
        ContactKind::Loyalty | ContactKind::ExternalId => Ok(text.to_uppercase()),
    }
}

/// Every kind of contact that a text could be, each in its normal form.
pub fn normal_forms(text: &str) -> Vec<(ContactKind, String)> {
    ContactKind::ALL
        .into_iter()
        .filter_map(|kind| Some((kind, normal_form(kind, text).ok()?)))
        .collect()
}

/// A contact as a desk shows it: enough to recognise, not enough to use.
///
/// Of an e-mail address the first letter and the domain; of anything else the last four characters,
/// or fewer, so that at least half is hidden.
pub fn masked(kind: ContactKind, form: &str) -> String {
    if kind == ContactKind::Email
        && let Some((local, domain)) = form.rsplit_once('@')
    {
        let first: String = local.chars().take(1).collect();
        return format!("{first}…@{domain}");
    }
    let shown = (form.chars().count() / 2).min(4);
    let hidden = form.chars().count() - shown;
    let last: String = form.chars().skip(hidden).collect();
    format!("…{last}")
}

fn email(text: &str) -> Result<String, ContactFault> {
    let fault = |why: &str| ContactFault(format!("{text:?} is not an e-mail address: {why}"));
    let (local, domain) = text.rsplit_once('@').ok_or_else(|| fault("it has no @"))?;
    if local.is_empty() || local.contains(char::is_whitespace) || local.contains('@') {
        return Err(fault("the part before the @ is not a name"));
    }
    let domain = idna::domain_to_ascii_strict(domain)
        .ok()
        .filter(|domain| domain.contains('.') && !domain.starts_with('.') && !domain.ends_with('.'))
        .ok_or_else(|| fault("the part after the @ is not a domain"))?;
    Ok(format!("{}@{domain}", local.to_lowercase()))
}

fn phone(text: &str) -> Result<String, ContactFault> {
    let fault = |why: &str| ContactFault(format!("{text:?} is not a phone number: {why}"));
    let international = text
        .strip_prefix("00")
        .map_or_else(|| text.to_owned(), |rest| format!("+{rest}"));
    if !international.starts_with('+') {
        return Err(fault("write it with its country, as in +44 20 7946 0958"));
    }
    let number = phonenumber::parse(None, &international)
        .ok()
        .ok_or_else(|| fault("it cannot be read"))?;
    if !phonenumber::is_valid(&number) {
        return Err(fault("no such number can exist"));
    }
    Ok(number.format().mode(Mode::E164).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_has_one_form_however_it_is_written() {
        let form = |text| normal_form(ContactKind::Email, text);
        assert_eq!(form(" Ana.B@Example.ORG "), Ok("ana.b@example.org".into()));
        assert_eq!(form("x@bücher.example"), form("X@xn--bcher-kva.example"));
        for bad in [
            "",
            "ana",
            "ana@",
            "@b.org",
            "a b@c.org",
            "a@b",
            "a@b..org",
            "a@@b.org",
        ] {
            assert!(form(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_masked_contact_is_recognised_and_hides_at_least_half() {
        assert_eq!(
            masked(ContactKind::Email, "ana@example.org"),
            "a…@example.org"
        );
        assert_eq!(masked(ContactKind::Phone, "+442079460958"), "…0958");
        assert_eq!(masked(ContactKind::Loyalty, "1234"), "…34");
        assert_eq!(masked(ContactKind::ExternalId, "x"), "…");
    }

    #[test]
    fn one_number_has_one_form_however_it_is_written() {
        let form = |text| normal_form(ContactKind::Phone, text);
        assert_eq!(form("+44 20 7946 0958"), Ok("+442079460958".into()));
        assert_eq!(form("0044 (20) 7946-0958"), Ok("+442079460958".into()));
        for bad in ["12", "020 7946 0958", "+44", "phone", "+999 123"] {
            assert!(form(bad).is_err(), "{bad}");
        }
    }
}
