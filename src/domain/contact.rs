//! Contacts in normal form, so that one person is recognised however they are written down.

use std::fmt;
use std::str::FromStr;

use phonenumber::country::Id as Country;
use phonenumber::metadata::DATABASE;
use phonenumber::{Mode, PhoneNumber};
use serde::{Deserialize, Serialize};

use crate::domain::campaign::ContactKind;
use crate::domain::ids::MalformedName;

/// A contact that cannot be one, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ContactFault(pub String);

/// The country in which a store dials: where a phone number belongs that comes without one.
///
/// Two letters of ISO 3166-1, as in `GB`; read in any letter case, written in capitals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PhoneRegion(Country);

impl FromStr for PhoneRegion {
    type Err = MalformedName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let letters = text.trim().to_ascii_uppercase();
        Country::from_str(&letters)
            .ok()
            .filter(|country| letters.len() == 2 && DATABASE.by_id(country.as_ref()).is_some())
            .map(PhoneRegion)
            .ok_or_else(|| {
                MalformedName(format!(
                    "{text:?} is not a country with telephones: use its two letters, as in GB \
                     (ISO 3166)"
                ))
            })
    }
}

impl TryFrom<String> for PhoneRegion {
    type Error = MalformedName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<PhoneRegion> for String {
    fn from(region: PhoneRegion) -> String {
        region.to_string()
    }
}

impl fmt::Display for PhoneRegion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_ref())
    }
}

/// The normal form of a contact of a known kind. What is in normal form stays as it is.
///
/// E-mail: trimmed, lower case, the domain in its ASCII form (IDNA, UTS 46). Phone: E.164; a number
/// without its country (`+49 …`, `0049 …`) is one of `region`, and without a region it is none.
/// Loyalty number: upper case, without the spaces and hyphens that cards print for the eye.
/// External id: trimmed, upper case.
pub fn normal_form(
    kind: ContactKind,
    text: &str,
    region: Option<PhoneRegion>,
) -> Result<String, ContactFault> {
    let text = text.trim();
    if text.is_empty() || text.len() > 254 || text.chars().any(char::is_control) {
        return Err(ContactFault(format!(
            "a contact has 1 to 254 characters, none of them a control character ({} bytes)",
            text.len()
        )));
    }
    match kind {
        ContactKind::Email => email(text),
        ContactKind::Phone => phone(text, region),
        ContactKind::Loyalty => loyalty(text),
        ContactKind::ExternalId => Ok(text.to_uppercase()),
    }
}

/// Every kind of contact that a text could be, each in its normal form.
pub fn normal_forms(text: &str, region: Option<PhoneRegion>) -> Vec<(ContactKind, String)> {
    ContactKind::ALL
        .into_iter()
        .filter_map(|kind| Some((kind, normal_form(kind, text, region).ok()?)))
        .collect()
}

/// Providers that deliver `name+anything` to `name`, by their own word: Google, Microsoft, Apple,
/// Proton and Fastmail document it for their own domains. Others may mean something else by a `+`
/// (RFC 5321, section 2.3.11: only the receiving host reads a local part).
const TAGGED_AT: [&str; 13] = [
    "gmail.com",
    "outlook.com",
    "hotmail.com",
    "live.com",
    "msn.com",
    "icloud.com",
    "me.com",
    "mac.com",
    "proton.me",
    "protonmail.com",
    "pm.me",
    "fastmail.com",
    "fastmail.fm",
];

/// The mailbox behind an e-mail address in normal form, by the rules of its provider; the address
/// itself where no rule is known. Only for telling people apart: nobody is written to by it.
///
/// `googlemail.com` is `gmail.com`, and dots in a local part there mean nothing (Google, "Dots don't
/// matter in Gmail addresses"); a `+tag` is dropped at the providers that document it so. What would
/// leave no local part is left as it is.
pub fn mailbox(form: &str) -> String {
    let Some((local, domain)) = form.rsplit_once('@') else {
        return form.to_owned();
    };
    let domain = if domain == "googlemail.com" {
        "gmail.com"
    } else {
        domain
    };
    let mut name = local.to_owned();
    if TAGGED_AT.contains(&domain)
        && let Some((before, _)) = local.split_once('+')
    {
        before.clone_into(&mut name);
    }
    if domain == "gmail.com" {
        name.retain(|letter| letter != '.');
    }
    if name.is_empty() {
        local.clone_into(&mut name);
    }
    format!("{name}@{domain}")
}

/// A contact as a desk shows it: enough to recognise, not enough to use.
///
/// Of an e-mail address the domain and the first letter of two or more before it; of anything else
/// the last four characters, or fewer, so that at least half is hidden.
pub fn masked(kind: ContactKind, form: &str) -> String {
    if kind == ContactKind::Email
        && let Some((local, domain)) = form.rsplit_once('@')
    {
        let mut letters = local.chars();
        let first = letters.next().filter(|_| letters.next().is_some());
        return format!("{}…@{domain}", first.map(String::from).unwrap_or_default());
    }
    let shown = (form.chars().count() / 2).min(4);
    let hidden = form.chars().count() - shown;
    let last: String = form.chars().skip(hidden).collect();
    format!("…{last}")
}

/// A text without what may be a contact in it: each is masked. Numbers of seven digits or more may be
/// one of a telephone.
pub fn hide_contacts(text: &str) -> String {
    let is_apart = |letter: char| letter.is_whitespace() || "=,;:<>\"'()".contains(letter);
    let mut hidden = String::with_capacity(text.len());
    for piece in text.split_inclusive(is_apart) {
        let word = piece.trim_end_matches(is_apart);
        let digits = word.bytes().filter(u8::is_ascii_digit).count();
        let is_number = digits >= 7 && !word.chars().any(char::is_alphabetic);
        if word.contains('@') {
            hidden.push_str(&masked(ContactKind::Email, word));
        } else if is_number {
            hidden.push_str(&masked(ContactKind::Phone, word));
        } else {
            hidden.push_str(word);
        }
        hidden.push_str(piece.get(word.len()..).unwrap_or_default());
    }
    hidden
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

fn phone(text: &str, region: Option<PhoneRegion>) -> Result<String, ContactFault> {
    let fault = |why: &str| ContactFault(format!("{text:?} is not a phone number: {why}"));
    let international = text
        .strip_prefix("00")
        .map_or_else(|| text.to_owned(), |rest| format!("+{rest}"));
    let number = if international.starts_with('+') {
        // The region is left out: its own prefixes would be taken off foreign numbers.
        phonenumber::parse(None, &international).ok()
    } else {
        let region = region.ok_or_else(|| {
            fault(
                "write it with its country, as in +44 20 7946 0958, or say which country the store \
                 dials in: phone_region under [store] in counterfoil.toml",
            )
        })?;
        national(&international, region)
    };
    let number = number.ok_or_else(|| fault("it cannot be read"))?;
    if !phonenumber::is_valid(&number) {
        return Err(fault("no such number can exist"));
    }
    let form = e164(&number);
    // Some plans read their own E.164 otherwise; such a number would be two customers.
    phonenumber::parse(None, &form)
        .ok()
        .filter(|again| e164(again) == form)
        .ok_or_else(|| fault("write it with its country, as in +44 20 7946 0958"))?;
    Ok(form)
}

/// A number as it is dialled within a country; none where it leads out of it, as 011 does in the US.
fn national(text: &str, region: PhoneRegion) -> Option<PhoneNumber> {
    let own = DATABASE.by_id(region.0.as_ref())?.country_code();
    phonenumber::parse(Some(region.0), text)
        .ok()
        .filter(|number| number.code().value() == own)
}

fn e164(number: &PhoneNumber) -> String {
    number.format().mode(Mode::E164).to_string()
}

fn loyalty(text: &str) -> Result<String, ContactFault> {
    let form: String = text
        .chars()
        .filter(|letter| {
            !letter.is_whitespace() && !matches!(letter, '-' | '\u{2010}'..='\u{2015}')
        })
        .collect::<String>()
        .to_uppercase();
    if form.is_empty() {
        return Err(ContactFault(format!(
            "{text:?} is not a loyalty number: there is nothing but hyphens"
        )));
    }
    Ok(form)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn form(kind: ContactKind, text: &str) -> Result<String, ContactFault> {
        normal_form(kind, text, None)
    }

    fn region(text: &str) -> PhoneRegion {
        text.parse().expect("a region")
    }

    #[test]
    fn one_address_has_one_form_however_it_is_written() {
        let form = |text| form(ContactKind::Email, text);
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
    fn a_mailbox_is_behind_the_addresses_that_its_provider_says_so() {
        for (address, behind) in [
            ("a.na.b@gmail.com", "anab@gmail.com"),
            ("ana.b+shop@googlemail.com", "anab@gmail.com"),
            ("ana.b+shop@outlook.com", "ana.b@outlook.com"),
            ("ana+x+y@icloud.com", "ana@icloud.com"),
            ("ana.b+shop@example.org", "ana.b+shop@example.org"),
            ("ana.b@example.org", "ana.b@example.org"),
            ("+tag@gmail.com", "+tag@gmail.com"),
            (".@gmail.com", ".@gmail.com"),
        ] {
            assert_eq!(mailbox(address), behind, "{address}");
            assert_eq!(mailbox(behind), behind, "{behind}");
        }
    }

    #[test]
    fn contacts_in_a_text_are_hidden_and_the_rest_is_left() {
        assert_eq!(
            hide_contacts("mailto:ana@example.org, tel +442079460958; order 77"),
            "mailto:a…@example.org, tel …0958; order 77"
        );
        assert_eq!(hide_contacts("BCDF-GHJK-LNPR-ST"), "BCDF-GHJK-LNPR-ST");
    }

    #[test]
    fn a_masked_contact_is_recognised_and_hides_at_least_half() {
        assert_eq!(
            masked(ContactKind::Email, "ana@example.org"),
            "a…@example.org"
        );
        assert_eq!(masked(ContactKind::Email, "a@example.org"), "…@example.org");
        assert_eq!(masked(ContactKind::Phone, "+442079460958"), "…0958");
        assert_eq!(masked(ContactKind::Loyalty, "1234"), "…34");
        assert_eq!(masked(ContactKind::ExternalId, "x"), "…");
    }

    #[test]
    fn one_number_has_one_form_however_it_is_written() {
        let form = |text| form(ContactKind::Phone, text);
        assert_eq!(form("+44 20 7946 0958"), Ok("+442079460958".into()));
        assert_eq!(form("0044 (20) 7946-0958"), Ok("+442079460958".into()));
        for bad in ["12", "020 7946 0958", "+44", "phone", "+999 123"] {
            assert!(form(bad).is_err(), "{bad}");
        }
        let told = form("020 7946 0958").expect_err("no country").0;
        assert!(told.contains("phone_region"), "{told}");
    }

    #[test]
    fn a_number_without_a_country_is_one_of_the_stores() {
        let form = |text, letters| normal_form(ContactKind::Phone, text, Some(region(letters)));
        assert_eq!(form("020 7946 0958", "gb"), Ok("+442079460958".into()));
        assert_eq!(form("030 901820", "DE"), Ok("+4930901820".into()));
        assert_eq!(form("06 6988 4466", "IT"), Ok("+390669884466".into()));
        assert_eq!(form("(202) 456-1111", "US"), Ok("+12024561111".into()));
        for (text, letters) in [
            ("+39 06 6988 4466", "GB"),
            ("0039 06 6988 4466", "US"),
            ("+390669884466", "DE"),
        ] {
            assert_eq!(form(text, letters), Ok("+390669884466".into()), "{letters}");
        }
        // Dialled out of the country in its own way: too easy to read wrongly.
        assert!(form("011 44 1632 960983", "US").is_err());
        for bad in ["", "G", "GBR", "XX", "44", "001"] {
            assert!(bad.parse::<PhoneRegion>().is_err(), "{bad}");
        }
        assert_eq!(region(" de ").to_string(), "DE");
    }

    #[test]
    fn a_loyalty_number_is_the_same_in_groups() {
        let form = |text| form(ContactKind::Loyalty, text);
        assert_eq!(form(" ab12 34-56\u{2011}78 "), Ok("AB12345678".into()));
        assert!(form(" - - ").is_err());
    }

    fn kinds() -> impl Strategy<Value = ContactKind> {
        proptest::sample::select(ContactKind::ALL.to_vec())
    }

    fn regions() -> impl Strategy<Value = Option<PhoneRegion>> {
        proptest::option::of(
            proptest::sample::select(vec!["GB", "DE", "IT", "US", "FR", "AR", "MX"])
                .prop_map(region),
        )
    }

    /// Texts of which many are contacts.
    fn texts() -> impl Strategy<Value = String> {
        prop_oneof![
            "\\PC{1,40}",
            "[A-Za-z.+ßÄéİΣ]{1,12}@[a-zäB]{1,8}\\.(com|org|example|DE)",
            "(\\+|00|0)?[1-9][0-9 ()-]{5,14}",
            "\\+(44|49|39|1|33|54|52)[0-9]{6,11}",
            "[a-z0-9 -]{1,20}",
        ]
    }

    proptest! {
        #[test]
        fn a_normal_form_is_its_own(kind in kinds(), text in texts(), region in regions()) {
            if let Ok(form) = normal_form(kind, &text, region) {
                // Also in a store that dials elsewhere: what is stored means the same everywhere.
                prop_assert_eq!(normal_form(kind, &form, region), Ok(form.clone()));
                prop_assert_eq!(normal_form(kind, &form, None), Ok(form.clone()));
                if kind == ContactKind::Email {
                    prop_assert_eq!(mailbox(&mailbox(&form)), mailbox(&form));
                }
            }
        }

        #[test]
        fn spellings_of_one_contact_agree(
            local in "[a-z]{2,8}",
            dots in proptest::collection::vec(any::<bool>(), 8),
            tag in "[a-z]{0,5}",
            number in "[0-9]{7}",
        ) {
            let upper = normal_form(ContactKind::Email, &format!(" {}@EXAMPLE.org", local.to_uppercase()), None);
            prop_assert_eq!(upper, Ok(format!("{local}@example.org")));
            let mut dotted = String::new();
            for (letter, dot) in local.chars().zip(&dots) {
                if *dot && !dotted.is_empty() {
                    dotted.push('.');
                }
                dotted.push(letter);
            }
            prop_assert_eq!(
                mailbox(&format!("{dotted}+{tag}@googlemail.com")),
                format!("{local}@gmail.com")
            );
            let region: PhoneRegion = region("GB");
            let spelled = |text: String| normal_form(ContactKind::Phone, &text, Some(region));
            let plain = spelled(format!("+44207{number}"));
            prop_assert!(plain.is_ok());
            prop_assert_eq!(&spelled(format!("0207{number}")), &plain);
            prop_assert_eq!(&spelled(format!("(020) 7{}-{}", &number[..3], &number[3..])), &plain);
            prop_assert_eq!(&spelled(format!("0044 207 {number}")), &plain);
            let card = normal_form(ContactKind::Loyalty, &format!("{local}-{number}"), None);
            prop_assert_eq!(card, normal_form(ContactKind::Loyalty, &format!("{local} {number} "), None));
        }

        #[test]
        fn a_mask_hides_what_it_says(kind in kinds(), text in texts(), region in regions()) {
            if let Ok(form) = normal_form(kind, &text, region) {
                let mask = masked(kind, &form);
                let (hidden, shown) = match form.rsplit_once('@') {
                    Some((local, domain)) if kind == ContactKind::Email => {
                        let suffix = format!("…@{domain}");
                        (local.to_owned(), mask.strip_suffix(&suffix).unwrap().to_owned())
                    }
                    _ => (form.clone(), mask.strip_prefix('…').unwrap().to_owned()),
                };
                let (all, told) = (hidden.chars().count(), shown.chars().count());
                prop_assert!(told * 2 <= all, "{form} as {mask}");
                let most = if kind == ContactKind::Email { 1 } else { 4 };
                prop_assert!(told <= most);
            }
        }
    }
}
