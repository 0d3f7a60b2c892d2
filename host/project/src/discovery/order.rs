//! Refuses names that can be read in two orders: by numbers, and as text or as dates.

use std::cmp::Ordering;

use super::group::FoundName;
use crate::problem::Problem;
use crate::revision::calendar_date;

/// The problem of two names that follow each other in the order of revisions, if others would put them in another order.
pub(super) fn unclear(earlier: &FoundName, later: &FoundName) -> Option<Problem> {
    let is_of_flyway = |entry: &FoundName| entry.file.own_name().starts_with(['V', 'v', 'U']);
    if is_of_flyway(earlier) && is_of_flyway(later) {
        return None;
    }
    let [first, second] = [&*earlier.name.revision, &*later.name.revision];
    let why = if is_padded_otherwise(first, second) {
        "as numbers, the first comes first; as text, the second"
    } else if is_date_or_version(first, second) {
        "one is a date, and the other a version that begins with a year"
    } else {
        return None;
    };
    let files = [&*earlier.file.file_name, &*later.file.file_name];
    Some(two_orders(files, why).hint("spell the revisions of all migrations alike"))
}

fn two_orders(files: [&str; 2], why: &str) -> Problem {
    Problem::new(format!("the order of `{}` and `{}` is not clear: {why}", files[0], files[1]))
}

/// Whether numbers that differ first have zeros before them and different lengths, so that text has the other order: `1.1` and
/// `1.02`.
fn is_padded_otherwise(first: &str, second: &str) -> bool {
    let mut parts = first.split('.').zip(second.split('.')).skip(1);
    let Some((one, other)) = parts.find(|(one, other)| one != other) else { return false };
    let is_padded = |part: &str| part.len() > 1 && part.starts_with('0');
    let starts_alike = first.split('.').next() == second.split('.').next();
    starts_alike && one.len() != other.len() && (is_padded(one) || is_padded(other)) && one > other
}

/// Whether one is the date of a day or later, and the other a version: `2024.01.02` and `20240103`.
fn is_date_or_version(first: &str, second: &str) -> bool {
    let is_date = |revision: &str| revision.get(..8).is_some_and(|date| calendar_date(date).is_some());
    let is_version = |revision: &str| {
        revision.split_once('.').is_some_and(|(year, _)| year.len() == 4 && ("1900".."2200").contains(&year))
    };
    is_date(first) && is_version(second) || is_version(first) && is_date(second)
}

/// The problem of several names of one revision, in the order of their text, if their numbers have another order.
pub(super) fn unclear_names(revision: &str, files: &[(&str, &str)]) -> Option<Problem> {
    let pair = files.windows(2).find(|pair| by_numbers(pair[0].0, pair[1].0).is_gt())?;
    let why = format!("both have the revision {revision}; as text, the first comes first; as numbers, the second");
    Some(two_orders([pair[0].1, pair[1].1], &why).hint("give one of the two another revision"))
}

/// The order of names whose numbers are compared by value.
fn by_numbers(mut left: &str, mut right: &str) -> Ordering {
    loop {
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let (l, r) = (digits(left), digits(right));
        if l > 0 && r > 0 {
            let (one, other) = (left[..l].trim_start_matches('0'), right[..r].trim_start_matches('0'));
            match one.len().cmp(&other.len()).then_with(|| one.cmp(other)) {
                Ordering::Equal => {}
                unequal => return unequal,
            }
            (left, right) = (&left[l..], &right[r..]);
            continue;
        }
        let (mut one, mut other) = (left.chars(), right.chars());
        match (one.next(), other.next()) {
            (None, None) => return Ordering::Equal,
            (l, r) if l != r => return l.cmp(&r),
            _ => (left, right) = (one.as_str(), other.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_by_their_numbers() {
        for (left, right) in [("2_b", "10_a"), ("a2", "a10"), ("a", "a1"), ("a01b", "a1c"), ("a", "b")] {
            assert_eq!(by_numbers(left, right), Ordering::Less, "{left} {right}");
        }
    }
}
