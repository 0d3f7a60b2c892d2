//! Statements specific to SQLite.

use super::classify::unquote;
use super::lex::Lexer;
use crate::dialect::Dialect;

/// The journal modes with which a transaction can be rolled back and survives a crash.
pub const JOURNAL_MODES: [&str; 4] = ["wal", "delete", "truncate", "persist"];

/// Whether SQLite refuses or ignores a statement inside a transaction.
pub(super) fn refuses_transaction(statement: &str) -> bool {
    let mut lexer = Lexer::new(statement, Dialect::Sqlite);
    let mut tokens = std::iter::from_fn(|| lexer.next_token().ok().flatten())
        .filter(|token| !token.kind.is_blank())
        .map(|token| &statement[token.range]);
    let is = |text: &str, other: &str| text.eq_ignore_ascii_case(other);
    match tokens.next() {
        Some(word) if is(word, "VACUUM") => return true,
        Some(word) if is(word, "PRAGMA") => {}
        _ => return false,
    }
    let (Some(mut name), mut sign) = (tokens.next(), tokens.next()) else { return false };
    if sign == Some(".") {
        let Some(behind) = tokens.next() else { return false };
        (name, sign) = (behind, tokens.next());
    }
    let name = unquote(name);
    // A mode that is always refused is reported as such.
    let is_safe = |value: &str| JOURNAL_MODES.iter().any(|mode| is(&unquote(value), mode));
    let sets_journal = is(&name, "journal_mode") && sign.is_some() && tokens.next().is_some_and(is_safe);
    sets_journal || is(&name, "wal_checkpoint")
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
            assert_eq!(refuses_transaction(statement), refuses, "{statement}");
        }
    }
}
