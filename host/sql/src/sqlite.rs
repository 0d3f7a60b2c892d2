//! Statements specific to SQLite.

use std::borrow::Cow;

use super::tokens::Tokens;
use super::unquote::unquote;
use runner_base::dialect::Dialect;

/// The journal modes with which a transaction can be rolled back and survives a crash.
pub const JOURNAL_MODES: [&str; 4] = ["wal", "delete", "truncate", "persist"];

/// Whether SQLite refuses or ignores a statement inside a transaction.
pub(super) fn refuses_transaction(tokens: &Tokens<'_>) -> bool {
    if tokens.head().next().is_some_and(|(_, word)| word.eq_ignore_ascii_case("VACUUM")) {
        return true;
    }
    let Some((name, value)) = pragma(tokens) else { return false };
    // A mode that is always refused is reported as such.
    let is_safe = |value: &str| JOURNAL_MODES.iter().any(|mode| value.eq_ignore_ascii_case(mode));
    let sets_journal = name.eq_ignore_ascii_case("journal_mode") && value.as_deref().is_some_and(is_safe);
    sets_journal || name.eq_ignore_ascii_case("wal_checkpoint")
}

/// Whether a statement is `PRAGMA foreign_keys` with a value, and whether that turns them on. As SQLite reads it: what is not one of
/// its words for "on" is off.
pub(super) fn sets_foreign_keys(tokens: &Tokens<'_>) -> Option<bool> {
    let (name, value) = pragma(tokens)?;
    let value = value.filter(|_| name.eq_ignore_ascii_case("foreign_keys"))?.to_ascii_lowercase();
    let is_on = matches!(value.as_str(), "on" | "yes" | "true") || value.parse::<i64>().is_ok_and(|number| number != 0);
    Some(is_on)
}

/// The name of a pragma that a statement sets, and that takes effect with the next `VACUUM` only, since the database has tables already.
pub fn waits_for_vacuum(tokens: &Tokens<'_>) -> Option<String> {
    let (name, value) = pragma(tokens)?;
    let waits = name.eq_ignore_ascii_case("page_size") || name.eq_ignore_ascii_case("auto_vacuum");
    (waits && value.is_some()).then(|| name.into_owned())
}

/// Whether a statement sets the journal of the database, to something else than a write-ahead log.
pub fn leaves_write_ahead_log(tokens: &Tokens<'_>) -> Option<bool> {
    let (name, value) = pragma(tokens)?;
    let value = value.filter(|_| name.eq_ignore_ascii_case("journal_mode"))?;
    Some(!value.eq_ignore_ascii_case("wal"))
}

/// The name of a pragma and its value, unquoted.
fn pragma<'a>(tokens: &Tokens<'a>) -> Option<(Cow<'a, str>, Option<Cow<'a, str>>)> {
    if tokens.dialect() != Dialect::Sqlite {
        return None;
    }
    let mut parts = tokens.head().map(|(_, text)| text);
    parts.next().filter(|word| word.eq_ignore_ascii_case("PRAGMA"))?;
    let (mut name, mut sign) = (parts.next()?, parts.next());
    if sign == Some(".") {
        (name, sign) = (parts.next()?, parts.next());
    }
    Some((unquote(name), sign.and_then(|_| parts.next()).map(unquote)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_that_refuse_a_transaction_are_found() {
        for (statement, refuses) in [
            ("/* a */ vacuum", true),
            ("PRAGMA journal_mode = WAL", true),
            ("pragma main . \"journal_mode\" ('delete') -- b", true),
            ("PRAGMA wal_checkpoint", true),
            ("PRAGMA main.wal_checkpoint(TRUNCATE)", true),
            ("PRAGMA journal_mode", false),
            ("PRAGMA main.journal_mode", false),
            ("PRAGMA journal_mode = OFF", false),
            ("PRAGMA table_info(wal_checkpoint)", false),
            ("PRAGMA foreign_keys = OFF", false),
            ("PRAGMA", false),
            ("PRAGMA main.", false),
            ("", false),
        ] {
            assert_eq!(refuses_transaction(&Tokens::new(statement, Dialect::Sqlite)), refuses, "{statement}");
        }
    }
}
