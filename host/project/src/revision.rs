//! Revisions as they are compared: as numbers, and 8 or 12 digits of a date among 14 as that date.

mod next;

use std::cmp::Ordering;

pub use next::{revision_after, revision_after_all, revision_at};

use super::package::package_of;

/// Most digits of a revision, or of a part of it.
const DIGITS: usize = 20;

/// Most parts after the first one: `1.2.3` has two.
const PARTS: u32 = 4;

/// A revision as the order uses it. Equal keys are the same revision: `0002` and `2`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RevisionKey {
    first: u128,
    /// The parts after a dot, 32 bits each.
    rest: u128,
}

impl RevisionKey {
    /// The key of a revision; `None` if the text is not one.
    pub fn of(revision: &str) -> Option<Self> {
        let Some((first, parts)) = revision.split_once('.') else {
            return Some(Self { first: scaled(revision.as_bytes())?, rest: 0 });
        };
        let mut parts = parts.as_bytes().split(|byte| *byte == b'.');
        let mut key = Self { first: scaled(first.as_bytes())?, rest: 0 };
        for (part, digits) in (0..PARTS).zip(parts.by_ref()) {
            // One more than the number, so that `1` comes before `1.0`.
            let number = number(digits)?.checked_add(1).filter(|number| *number <= u128::from(u32::MAX))?;
            key.rest |= number << (32 * (PARTS - 1 - part));
        }
        parts.next().is_none().then_some(key)
    }

    /// The first part of a revision, as a number.
    pub(super) fn first_of(revision: &str) -> u128 {
        revision.as_bytes().split(|byte| *byte == b'.').next().and_then(number).unwrap_or_default()
    }
}

fn number(digits: &[u8]) -> Option<u128> {
    if digits.is_empty() || digits.len() > DIGITS {
        return None;
    }
    // 19 digits fit into 64 bits, in which this is much quicker than in 128.
    let (head, last) = digits.split_at(digits.len().min(DIGITS - 1));
    let mut value = 0_u64;
    for digit in head {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + u64::from(digit);
    }
    match last {
        [] => Some(value.into()),
        [digit @ b'0'..=b'9'] => Some(u128::from(value) * 10 + u128::from(digit - b'0')),
        _ => None,
    }
}

/// The number in tens of millionths, and a last digit that keeps `20260105` and `20260105000000` apart. What begins with a year
/// of these centuries and has as many digits as dates have is compared by its first 14 digits. Other lengths are left alone:
/// 10, 13, 16 and 19 digits count the seconds of Unix, or parts of them.
fn scaled(digits: &[u8]) -> Option<u128> {
    const FRACTION: u128 = 10_000_000;
    let number = number(digits)?;
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    let digits = &digits[zeros..];
    let is_date = || digits.get(..4).is_some_and(|year| (&b"1900"[..]..&b"2200"[..]).contains(&year));
    Some(match digits.len() {
        8 if is_date() => number * 1_000_000 * FRACTION,
        12 if is_date() => number * 100 * FRACTION + 1,
        17 if is_date() => number * (FRACTION / 1_000) + 3,
        18 if is_date() => number * (FRACTION / 10_000) + 4,
        20 if is_date() => number * (FRACTION / 1_000_000) + 5,
        _ => number * FRACTION + 2,
    })
}

/// The date that 8 digits are; `None` for others and for years that no migration is from.
pub(crate) fn calendar_date(digits: &str) -> Option<jiff::civil::Date> {
    if digits.len() != 8 || !("1900".."2200").contains(&digits.get(..4)?) {
        return None;
    }
    jiff::civil::Date::strptime("%Y%m%d", digits).ok()
}

/// The place of a revision in the order of all, however they are spelled, for what is compared more than once. What is not a revision
/// comes first, in the order of its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RevisionPlace<'a> {
    key: Option<RevisionKey>,
    /// Of what is not a revision.
    text: &'a str,
}

impl<'a> RevisionPlace<'a> {
    /// The place of a revision.
    pub fn of(revision: &'a str) -> Self {
        let key = RevisionKey::of(revision);
        Self { key, text: if key.is_some() { "" } else { revision } }
    }
}

/// Orders revisions by their places.
pub fn compare_revisions(left: &str, right: &str) -> Ordering {
    RevisionPlace::of(left).cmp(&RevisionPlace::of(right))
}

/// A migration as messages name it: `REVISION_name`, or the revision alone if it has no name, and one of a package by the name alone,
/// `vendor/package:REVISION`.
pub fn migration_id(revision: &str, name: &str) -> String {
    if package_of(name).is_some() {
        return name.to_owned();
    }
    if name.is_empty() { revision.to_owned() } else { format!("{revision}_{name}") }
}

/// What a text refers to that names a revision: one of the project, or one of a package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// The package; empty for the project.
    package: String,
    key: RevisionKey,
}

impl Reference {
    /// Parses `REVISION` or `vendor/package:REVISION`.
    pub fn of(text: &str) -> Option<Self> {
        let (package, revision) = text.split_once(':').unwrap_or(("", text));
        Some(Self { package: package.to_owned(), key: RevisionKey::of(revision)? })
    }

    /// What refers to a migration.
    pub fn to(revision: &str, name: &str) -> Option<Self> {
        if package_of(name).is_some() { Self::of(name) } else { Self::of(revision) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revisions_compare_as_numbers_and_dates() {
        for texts in [
            &["0", "1", "009", "10", "0187", "1700000000", "1800000000000", "99999999999999999999"][..],
            &["20251231", "20251231000000", "20260105", "202601050000", "202601051030", "20260105103000", "20260106"],
            &["20260105103000", "20260105103000500", "202601051030010000", "20260105103002"],
            &["20150100000001000000", "20200317160354000000", "20200317160354000001"],
            &["1", "1.0", "1.1", "1.2.3", "1.10", "2", "0187", "187.2", "188"],
            &["1899999999", "1900000000", "1700000000000000000", "1900000000000000000"],
        ] {
            for pair in texts.windows(2) {
                assert_eq!(compare_revisions(pair[0], pair[1]), Ordering::Less, "{pair:?}");
            }
        }
        for (left, right) in [("0009", "9"), ("01.02", "1.2"), ("020260105", "20260105")] {
            assert_eq!(RevisionKey::of(left), RevisionKey::of(right));
        }
    }

    #[test]
    fn other_texts_are_no_revisions() {
        for text in ["", "a", "1a", "1.", ".1", "1..2", "1.2.3.4.5.6", "-1", "123456789012345678901", "1.4294967296"] {
            assert_eq!(RevisionKey::of(text), None, "{text}");
        }
    }
}
