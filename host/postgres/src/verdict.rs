//! What the server answers to questions of the host that have to hold before a COMMIT in the same message. The server stops at the
//! first statement that fails, so such a question is a cast that fails where the answer is no: the error then carries the answer.

use crate::error::{ABORTED, aborted, denied, lock_lost};
use runner_database::{DatabaseError, lease};

/// Begins an answer.
const START: &str = "runner:";

/// Separates its parts.
const SEPARATOR: char = '\u{1}';

/// An answer other than yes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The open transaction is not the one that was begun.
    Over,
    /// The tool's tables are not as they were; the parts are those of a fingerprint.
    Changed,
    /// A change has not changed exactly one row.
    Rows,
    /// The server reads texts otherwise than they were checked: `client_encoding`, `standard_conforming_strings`.
    Misread,
    /// The server no longer has the lock on record.
    Unlocked,
    /// The lease is another run's.
    Unleased,
    /// Something on the search path would take the place of the server's own: what.
    Captured,
    /// Something of others is attached to the tool's tables, or in its schemas: what.
    Foreign,
    /// Code of a guest is still to run in the commit: because of what.
    Pending,
    /// A value would be rounded: the position of its column.
    Rounded,
}

use Verdict::*;

const ALL: [Verdict; 10] = [Over, Changed, Rows, Misread, Unlocked, Unleased, Captured, Foreign, Pending, Rounded];

impl Verdict {
    /// The expression of the answer. `parts`: expressions; without any, the time, so that the server computes it only where it is
    /// needed.
    pub(crate) fn answer(self, parts: &[&str]) -> String {
        let word = self.word();
        let parts = if parts.is_empty() { &["pg_catalog.now()"] } else { parts };
        let parts: String = parts.iter().map(|part| format!(", pg_catalog.chr(1), {part}")).collect();
        format!("pg_catalog.concat('{START}{word}'{parts})")
    }

    /// A query that fails with the answer unless the condition holds; a FROM may follow.
    pub(crate) fn unless(self, condition: &str, parts: &[&str]) -> String {
        format!("SELECT CASE WHEN {condition} THEN 0 ELSE {}::pg_catalog.int4 END", self.answer(parts))
    }

    /// The answer in an error, with its parts. The server quotes it in the manner of its language.
    pub(crate) fn of(error: &DatabaseError) -> Option<(Self, Vec<String>)> {
        let (_, told) = error.message.split_once(START)?;
        let mut parts = told.trim_end_matches(['"', '\u{bb}', ' ']).split(SEPARATOR).map(str::to_owned);
        let word = parts.next()?;
        let verdict = ALL.into_iter().find(|verdict| verdict.word() == word)?;
        Some((verdict, parts.collect()))
    }

    fn word(self) -> String {
        format!("{self:?}").to_lowercase()
    }
}

/// The error that the answer to one of our own queries reports, or else the error itself.
pub(crate) fn explain(error: DatabaseError) -> DatabaseError {
    if error.code == ABORTED {
        return aborted("an earlier statement failed");
    }
    let Some((verdict, parts)) = Verdict::of(&error) else { return error };
    let part = |at: usize| parts.get(at).map_or("", String::as_str);
    match verdict {
        Over => DatabaseError::ended_by_migration(),
        Rows => DatabaseError::unexpected_rows(),
        Misread => misread(part(0), part(1)),
        Unlocked => lock_lost(),
        Unleased => lease::lost(),
        Captured => captured(part(0)),
        Foreign => foreign(part(0)),
        Pending => pending(part(0)),
        // Only who has asked knows what it means.
        Changed | Rounded => error,
    }
}

fn misread(encoding: &str, escapes: &str) -> DatabaseError {
    let what = match encoding {
        "UTF8" => format!("`standard_conforming_strings` to `{escapes}`"),
        other => format!("`client_encoding` to `{other}`"),
    };
    denied(format!("the component has set {what}, and the server would misread texts"))
        .hint("leave that setting out: texts are in UTF-8, and a backslash in them is a backslash")
}

fn captured(what: &str) -> DatabaseError {
    denied(format!("{what} would take the place of the server's own"))
        .hint("find out who made it, and drop it, or take its schema off the search path")
}

fn foreign(what: &str) -> DatabaseError {
    denied(format!("runner's own tables, or what is in its schemas, are not as runner made them: {what}"))
        .hint("find out who made it, and drop it: its code could run with the privileges of the user that runs runner")
}

fn pending(what: &str) -> DatabaseError {
    denied(format!("the migration would go on while its transaction commits, after the last check, because of {what}")).hint(
        "let deferred triggers end their work when they run, without `SET CONSTRAINTS … DEFERRED` in their functions; close each cursor \
         `WITH HOLD`; and be the owner of each table whose triggers can be deferred, or a member of the owner's role: before PostgreSQL 16, \
         only the owner can find out whether they are pending",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::conversion;

    /// The text of an answer, as the server would make it of values.
    fn told(expression: &str) -> String {
        let parts = expression.trim_start_matches("pg_catalog.concat(").trim_end_matches(')').split(", ");
        parts
            .map(|part| {
                if part == "pg_catalog.chr(1" || part == "pg_catalog.chr(1)" {
                    "\u{1}"
                } else {
                    part.trim_matches('\'')
                }
            })
            .collect()
    }

    #[test]
    fn each_answer_comes_back_from_an_error() {
        for verdict in ALL {
            for parts in [&["'a table'"][..], &["'a'", "''", "'c'"]] {
                for (start, end) in [("\"", "\""), ("\u{ab} ", " \u{bb}"), ("", "")] {
                    let message =
                        format!("invalid input syntax for type integer: {start}{}{end}", told(&verdict.answer(parts)));
                    let error = conversion(message);
                    let expected = parts.iter().map(|part| part.trim_matches('\'').to_owned()).collect();
                    assert_eq!(Verdict::of(&error), Some((verdict, expected)), "{error:?}");
                }
            }
        }
        for other in ["runner:other", "runner: refused", "no answer"] {
            assert_eq!(Verdict::of(&conversion(other)), None, "{other}");
        }
    }
}
