//! Refuses a downgrade that its name does not say.

use std::collections::BTreeMap;

use super::group::FoundName;
use super::name::Role;
use crate::problem::{Problem, shown};
use crate::revision::migration_id;
use runner_sql::DOWN_WORDS;

/// A file that looks like the downgrade of another of its revision, and that would run after it: `1_rollback_a.sql`
/// next to `1_a.sql`, `1_a.donw.sql` next to `1_a.up.sql`.
pub(super) fn unclear(names: &BTreeMap<String, Vec<FoundName>>) -> Option<Problem> {
    const UP: [&str; 9] = ["up", "ups", "upgrade", "do", "apply", "deploy", "forward", "forwards", "install"];
    let words = |name: &str, without: &[&str]| -> (Vec<String>, bool) {
        let all = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase);
        let (kept, left): (Vec<String>, Vec<String>) = all.partition(|word| !without.contains(&word.as_str()));
        (kept, !left.is_empty())
    };
    let is_of = |later: &str, entries: &[FoundName], other: &str, others: &[FoundName]| {
        let (kept, has_down) = words(later, &DOWN_WORDS);
        let is_reversal = has_down && (kept == words(other, &UP).0 || kept == words(other, &[]).0);
        let has_parts = others.iter().any(|entry| entry.name.role == Role::Up);
        let is_spelled_wrong = has_parts && later.strip_prefix(other).is_some_and(|rest| rest.starts_with('.'));
        entries.iter().all(|entry| entry.name.role == Role::Whole) && (is_reversal || is_spelled_wrong)
    };
    let found = names.iter().find_map(|(later, entries)| {
        let (_, others) =
            names.iter().find(|(other, others)| *other != later && is_of(later, entries, other, others))?;
        Some((entries.first()?, others.first()?))
    });
    let (later, other) = found?;
    let (file, upgrade) = (&later.file.file_name, &other.file.file_name);
    let down = format!("{}.down.sql", migration_id(&other.name.revision, &other.name.name));
    let message = format!("`{}` looks like the downgrade of `{}`, and would run after it", shown(file), shown(upgrade));
    Some(Problem::new(message).hint(format!("call it `{down}` if it is, or give it another revision if it is not")))
}
