//! Where the revision of a name ends: it is a number, a version, or a date with what counts the migrations of that date.

use std::ops::Range;

use crate::problem::Problem;
use crate::revision::{calendar_date, migration_id};

/// Most digits of a number after the first one. A longer one is a part of the name.
const COUNTER_DIGITS: usize = 9;

/// Most numbers that count the migrations of a date.
const COUNTERS: usize = 4;

/// The parts of a name.
pub(super) struct Split<'a> {
    pub revision: String,
    /// Where the name spells it.
    pub spelled: Range<usize>,
    pub name: &'a str,
    /// Flyway's `U2__x`.
    pub undoes: bool,
}

/// Splits a name into revision and name; the problem completes the sentence "`x` …".
pub(super) fn split(stem: &str) -> Result<Split<'_>, Problem> {
    if let Some(split) = versioned(stem) {
        return Ok(split);
    }
    if let Some(split) = dated(stem)? {
        return Ok(split);
    }
    numbered(stem).map_err(Problem::new)
}

/// Where the name of a file spells its revision.
pub fn spelled(file: &str) -> Option<Range<usize>> {
    split(file).ok().map(|split| split.spelled)
}

/// A migration as its file spells it, as messages name it: `20260105_x` for `2026_01_05_x`. `None` if that is the same.
pub fn read_id(text: &str) -> Option<String> {
    let Split { revision, name, .. } = split(text).ok()?;
    Some(migration_id(&revision, name)).filter(|id| id != text)
}

/// Flyway and refinery: `V2__x`, `V1.2__x`, `V1_2__x`, `U2__x`; others `V2.x`, `V2_x` and `V1.2_x`.
fn versioned(stem: &str) -> Option<Split<'_>> {
    let rest = stem.strip_prefix(['V', 'v', 'U']).filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))?;
    let undoes = stem.starts_with('U');
    if let Some((version, name)) = rest.split_once("__").filter(|(_, name)| !name.is_empty()) {
        return Some(Split { revision: version.replace('_', "."), spelled: 1..1 + version.len(), name, undoes });
    }
    let (revision, name) = rest.split_at(version(rest));
    let name = name.strip_prefix(['_', '.']).filter(|name| !name.is_empty())?;
    Some(Split { revision: revision.to_owned(), spelled: 1..1 + revision.len(), name, undoes })
}

/// Dates: Diesel's `2026-01-05-093000_x` and `2026-01-05-093000-0000_x`, others' `2026_01_05_x` and `2026-1-5_x`. Numbers after a date,
/// a month or a year count its migrations: `20260105_2_x` comes before `20260105_10_x`. `None` for other names.
fn dated(stem: &str) -> Result<Option<Split<'_>>, Problem> {
    let numbers = numbers(stem);
    let texts: Vec<&str> = numbers.iter().map(|number| &stem[number.clone()]).collect();
    let is_year = |text: &str| text.len() == 4 && ("1900".."2200").contains(&text);
    let is_day = |text: &str| calendar_date(text).is_some();
    let is_short = |text: &str| text.len() <= 2;
    let (mut revision, mut used) = match texts.as_slice() {
        [year, month, day, ..] if is_year(year) && is_short(month) && is_short(day) => {
            let date = format!("{year}{month:0>2}{day:0>2}");
            if calendar_date(&date).is_none() {
                let message = format!("begins with `{year}-{month}-{day}`, which is not a date");
                let hint =
                    format!("begin the name with a date such as `{year}-01-31`, or with a number of another length");
                return Err(Problem::new(message).hint(hint));
            }
            (date, 3)
        }
        [day, month, year, ..] if is_short(day) && is_short(month) && is_year(year) => {
            let message = format!("begins with `{day}-{month}-{year}`, a date with the year last");
            return Err(Problem::new(message).hint(format!("begin the name with the year: `{year}-01-31`")));
        }
        [date, ..] if is_day_first(date) => {
            let message = format!("begins with `{date}`, a date with the year last");
            return Err(Problem::new(message).hint("begin the name with the year: `20260131`"));
        }
        // A number of another length is not counted further: `0005_2_columns`.
        [first, ..] if is_year(first) || is_day(first) || is_day(&format!("{first}01")) => ((*first).to_owned(), 1),
        _ => return Ok(None),
    };
    if used == 3 {
        let lengths: Vec<usize> = texts[used..].iter().map(|text| text.len()).collect();
        // The time; then Diesel's number.
        let time = match lengths.as_slice() {
            [6, 4, ..] => 2,
            [6 | 4, ..] => 1,
            [2, 2, 2, ..] => 3,
            _ => 0,
        };
        revision.extend(texts[used..used + time].iter().copied());
        used += time;
    }
    if revision.len() <= "20260105".len() {
        for counter in texts[used..].iter().take(COUNTERS).take_while(|text| text.len() <= COUNTER_DIGITS) {
            revision.push('.');
            revision.push_str(counter);
            used += 1;
        }
    }
    let end = numbers[used - 1].end;
    // `2026.1.5` and `20260105.2` are versions.
    if version(&stem[numbers[used - 1].start..]) > numbers[used - 1].len() {
        return Ok(None);
    }
    let Some(name) = after_mark(&stem[end..]) else { return Ok(None) };
    Ok(Some(Split { revision, spelled: 0..end, name, undoes: false }))
}

/// Whether 8 digits are a date with its year at the end, and none with it at the beginning: `31122026`, `12312026`.
fn is_day_first(digits: &str) -> bool {
    let (Some(day), Some(month), Some(year)) = (digits.get(..2), digits.get(2..4), digits.get(4..)) else {
        return false;
    };
    let is_date = |month: &str, day: &str| calendar_date(&format!("{year}{month}{day}")).is_some();
    calendar_date(digits).is_none() && (is_date(month, day) || is_date(day, month))
}

/// `0187`, `1_x`, `1-x`, `1.x`, `1.10.0_x`; the error completes the sentence "`x` …".
fn numbered(stem: &str) -> Result<Split<'_>, &'static str> {
    let (revision, rest) = stem.split_at(version(stem));
    if revision.is_empty() || !rest.is_empty() && !rest.starts_with(['_', '-', '.']) {
        return Err(match stem.contains('_') {
            true => "does not start with a revision of 1 to 20 digits",
            false => "has no `_` between revision and name",
        });
    }
    let name = after_mark(rest).ok_or("has no name after its revision")?;
    Ok(Split { revision: revision.to_owned(), spelled: 0..revision.len(), name, undoes: false })
}

/// The name after the mark that ends a revision; empty if there is neither.
fn after_mark(rest: &str) -> Option<&str> {
    match rest {
        "" => Some(""),
        rest => rest.strip_prefix(['_', '-', '.']).filter(|name| !name.is_empty()),
    }
}

/// The length of the number, or the version with dots, that a text begins with: `1.10.0` of `1.10.0_x`, `1` of `1.2fa`.
fn version(text: &str) -> usize {
    let mut end = digits(text);
    while end > 0 && text[end..].starts_with('.') {
        let number = digits(&text[end + 1..]);
        let next = end + 1 + number;
        if number == 0 || text[next..].starts_with(|c: char| c.is_alphanumeric()) {
            break;
        }
        end = next;
    }
    end
}

/// The numbers that a text begins with, with one `-` or `_` between them.
fn numbers(text: &str) -> Vec<Range<usize>> {
    let mut numbers = Vec::new();
    let mut start = 0;
    loop {
        let end = start + digits(&text[start..]);
        if end == start || !(text[end..].is_empty() || text[end..].starts_with(['_', '-', '.'])) {
            return numbers;
        }
        numbers.push(start..end);
        if !text[end..].starts_with(['_', '-']) {
            return numbers;
        }
        start = end + 1;
    }
}

/// How many digits a text begins with.
fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}
