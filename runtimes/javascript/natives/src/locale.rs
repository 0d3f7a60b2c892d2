//! The order and the case of texts in a language.

use std::cmp::Ordering;

use icu_casemap::CaseMapper;
use icu_collator::options::{AlternateHandling, CaseLevel, CollatorOptions, Strength};
use icu_collator::preferences::{CollationCaseFirst, CollationNumericOrdering};
use icu_collator::{Collator, CollatorBorrowed, CollatorPreferences};
use icu_locale_core::Locale;

use crate::memory::{Bytes, slice, text};

/// A locale of BCP 47, with its extensions.
///
/// # Safety
///
/// The name has so many bytes.
unsafe fn locale(name: *const u8, size: usize) -> Option<Locale> {
    // SAFETY: the caller's promise.
    Locale::try_from_utf8(unsafe { slice(name, size) }).ok()
}

/// What decides on the order; -1 leaves a choice to the locale.
#[repr(C)]
pub struct Order {
    /// 0: letters; 1: accents too; 2: case too; 3: punctuation too.
    strength: i32,
    case_level: i32,
    /// 0: no; 1: the upper case; 2: the lower case.
    case_first: i32,
    numeric: i32,
    ignore_punctuation: i32,
}

/// The order of a locale; null if the locale is none.
///
/// # Safety
///
/// The name has so many bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn collator_new(name: *const u8, size: usize, order: &Order) -> Option<Box<CollatorBorrowed<'static>>> {
    // SAFETY: the caller's promise.
    let locale = unsafe { locale(name, size) }?;
    let mut preferences = CollatorPreferences::from(&locale);
    match order.numeric {
        0 => preferences.numeric_ordering = Some(CollationNumericOrdering::False),
        1 => preferences.numeric_ordering = Some(CollationNumericOrdering::True),
        _ => {}
    }
    match order.case_first {
        0 => preferences.case_first = Some(CollationCaseFirst::False),
        1 => preferences.case_first = Some(CollationCaseFirst::Upper),
        2 => preferences.case_first = Some(CollationCaseFirst::Lower),
        _ => {}
    }
    let mut options = CollatorOptions::default();
    options.strength = match order.strength {
        0 => Some(Strength::Primary),
        1 => Some(Strength::Secondary),
        2 => Some(Strength::Tertiary),
        3 => Some(Strength::Quaternary),
        _ => None,
    };
    options.case_level = match order.case_level {
        0 => Some(CaseLevel::Off),
        1 => Some(CaseLevel::On),
        _ => None,
    };
    options.alternate_handling = match order.ignore_punctuation {
        0 => Some(AlternateHandling::NonIgnorable),
        1 => Some(AlternateHandling::Shifted),
        _ => None,
    };
    Collator::try_new(preferences, options).ok().map(Box::new)
}

/// Compares two texts in UTF-8: -1, 0 or 1.
///
/// # Safety
///
/// The texts have those sizes.
#[unsafe(no_mangle)]
unsafe extern "C" fn collator_compare(
    collator: &CollatorBorrowed<'static>, left: *const u8, left_size: usize, right: *const u8, right_size: usize,
) -> i32 {
    // SAFETY: the caller's promise.
    match collator.compare_utf8(unsafe { slice(left, left_size) }, unsafe { slice(right, right_size) }) {
        Ordering::Less => -1,
        Ordering::Equal => 0,
        Ordering::Greater => 1,
    }
}

/// Frees a collator.
#[unsafe(no_mangle)]
extern "C" fn collator_free(collator: Option<Box<CollatorBorrowed<'static>>>) {
    drop(collator);
}

/// A text in the upper or the lower case of a locale; false if the locale is none.
///
/// # Safety
///
/// The name and the text have those sizes.
#[unsafe(no_mangle)]
unsafe extern "C" fn case_map(
    is_upper: bool, name: *const u8, name_size: usize, source: *const u8, source_size: usize, into: &mut Bytes,
) -> bool {
    // SAFETY: the caller's promise.
    let (locale, source) = unsafe { (locale(name, name_size), text(source, source_size)) };
    let Some(locale) = locale else { return false };
    let mapper = CaseMapper::new();
    let mapped = match is_upper {
        true => mapper.uppercase_to_string(&source, &locale.id),
        false => mapper.lowercase_to_string(&source, &locale.id),
    };
    *into = mapped.into_owned().into_bytes().into();
    true
}
