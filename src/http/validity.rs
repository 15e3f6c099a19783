//! When a certificate ends, read from its DER (RFC 5280, 4.1). Nothing else of it is looked at.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The last instant of a certificate's validity; none: it is not one.
pub(super) fn end_of(der: &[u8]) -> Option<Timestamp> {
    let (certificate, _) = part(der, SEQUENCE)?;
    let (to_be_signed, _) = part(certificate, SEQUENCE)?;
    let rest = match part(to_be_signed, VERSION) {
        Some((_, rest)) => rest,
        None => to_be_signed,
    };
    // Serial number, algorithm and issuer stand before the validity.
    let (_, _, rest) = next(rest)?;
    let (_, _, rest) = next(rest)?;
    let (_, _, rest) = next(rest)?;
    let (validity, _) = part(rest, SEQUENCE)?;
    let (_, _, end) = next(validity)?;
    let (tag, text, _) = next(end)?;
    moment(tag, std::str::from_utf8(text).ok()?)
}

/// The first part of these bytes, which must be of this tag, and what follows it.
fn part(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, content, rest) = next(bytes)?;
    (found == tag).then_some((content, rest))
}

/// Tag, content, and what follows.
fn next(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = if *first < 0x80 {
        (usize::from(*first), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(*first & 0x7f))?;
        if digits.len() > 4 {
            return None;
        }
        let length = digits
            .iter()
            .fold(0_usize, |length, digit| (length << 8) | usize::from(*digit));
        (length, rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

/// `YYMMDDHHMMSSZ`, of the years 1950 to 2049, or `YYYYMMDDHHMMSSZ`.
fn moment(tag: u8, text: &str) -> Option<Timestamp> {
    let whole = match tag {
        UTC_TIME => {
            let year: u8 = text.get(..2)?.parse().ok()?;
            let century = if year < 50 { "20" } else { "19" };
            format!("{century}{text}")
        }
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let time = DateTime::strptime("%Y%m%d%H%M%SZ", &whole).ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_read_whichever_way_it_is_written() {
        for (year, wanted) in [
            (2031, "2031-02-03T00:00:00Z"),
            (2061, "2061-02-03T00:00:00Z"),
        ] {
            let mut params = rcgen::CertificateParams::new(vec!["hub".to_owned()]).unwrap();
            params.not_before = rcgen::date_time_ymd(2026, 1, 1);
            params.not_after = rcgen::date_time_ymd(year, 2, 3);
            let key = rcgen::KeyPair::generate().unwrap();
            let certificate = params.self_signed(&key).unwrap();
            let der = certificate.der();
            assert_eq!(end_of(der), Some(wanted.parse().unwrap()));
            for cut in 0..der.len() {
                assert_eq!(end_of(&der[..cut]), None, "cut at {cut}");
            }
        }
        assert_eq!(
            moment(UTC_TIME, "991231235959Z"),
            Some("1999-12-31T23:59:59Z".parse().unwrap())
        );
        for wrong in ["", "é", "99123123595", "999999999999Z"] {
            assert_eq!(moment(UTC_TIME, wrong), None, "{wrong}");
        }
    }
}
