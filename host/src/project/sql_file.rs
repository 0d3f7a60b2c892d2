//! SQL files as artifacts: line ends and a byte order mark make no difference.

use super::discovery::FoundEntry;
use super::problem::Problem;
use crate::database::Dialect;
use crate::error::ErrorKind;
use crate::sql::{Directives, SqlError};

/// The text of a SQL file, with LF line ends.
pub(super) fn sql_text(file: &FoundEntry, bytes: Vec<u8>) -> Result<String, Problem> {
    let name = &file.file_name;
    normalise(bytes).map_err(|problem| Problem { message: format!("`{name}` {}", problem.message), ..problem })
}

/// The text of the bytes; the problem completes the sentence "`x` …".
fn normalise(bytes: Vec<u8>) -> Result<String, Problem> {
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Problem::new(format!("is not valid UTF-8 at byte {at} (counted from 0)"))
            .hint("save the file as UTF-8; write other bytes as `X'…'`")
    })?;
    // SQLite would silently end the script here.
    if let Some(at) = text.find('\0') {
        return Err(
            Problem::new(format!("contains a NUL at byte {at} (counted from 0)")).hint("remove the NUL: SQL is text")
        );
    }
    let text = match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    };
    Ok(if text.contains('\r') { text.replace("\r\n", "\n") } else { text })
}

/// The directives of a migration, from its two files.
pub(super) fn directives(id: &str, up: &str, down: Option<&str>, dialect: Dialect) -> Result<Directives, Vec<Problem>> {
    let mut problems = Vec::new();
    let up_file = format!("{id}.up.sql");
    let down_file = format!("{id}.down.sql");
    let directives = Directives::parse(up, dialect).unwrap_or_else(|error| {
        problems.push(in_file(&up_file, error));
        Directives::default()
    });
    if !crate::sql::has_statement(up, dialect) {
        let problem = Problem::new(format!("`{up_file}` has no statement"));
        problems.push(problem.hint("add one, or delete the migration if it was never applied"));
    }
    if let Some(down) = down {
        if directives.irreversible {
            let problem = Problem::new(format!("`{up_file}` is `runner:irreversible`, but `{down_file}` exists"));
            problems.push(problem.hint("remove one of the two"));
        }
        match Directives::parse(down, dialect) {
            Err(error) => problems.push(in_file(&down_file, error)),
            Ok(below) => {
                let merged = Directives {
                    no_transaction: directives.no_transaction,
                    table_rebuild: directives.table_rebuild,
                    ..Directives::default()
                };
                let repeated = Directives {
                    no_transaction: below.no_transaction && merged.no_transaction,
                    table_rebuild: below.table_rebuild && merged.table_rebuild,
                    ..Directives::default()
                };
                if below != repeated {
                    let problem = Problem::new(format!("`{down_file}` has directives that `{up_file}` does not have"));
                    problems.push(problem.hint(format!("move them to `{up_file}`: they apply to both directions")));
                }
            }
        }
    }
    if problems.is_empty() { Ok(directives) } else { Err(problems) }
}

fn in_file(file: &str, error: SqlError) -> Problem {
    Problem {
        message: error.message,
        places: vec![("file", format!("{file}:{}", error.line))],
        hint: error.hint,
        kind: ErrorKind::Usage,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_and_byte_order_marks_are_ignored() {
        for bytes in
            [&b"SELECT 1;\nSELECT 2;\n"[..], b"SELECT 1;\r\nSELECT 2;\r\n", b"\xef\xbb\xbfSELECT 1;\nSELECT 2;\r\n"]
        {
            assert_eq!(normalise(bytes.to_vec()).expect("text"), "SELECT 1;\nSELECT 2;\n");
        }
        assert_eq!(normalise(b"a\rb".to_vec()).expect("a lone CR is data"), "a\rb");
    }

    #[test]
    fn invalid_text_is_refused() {
        let error = normalise(b"SELECT '\xe9';".to_vec()).expect_err("Latin-1");
        assert_eq!(error.message, "is not valid UTF-8 at byte 8 (counted from 0)");
        let error = normalise(b"SELECT 1;\0DROP TABLE a;".to_vec()).expect_err("NUL");
        assert_eq!(error.message, "contains a NUL at byte 9 (counted from 0)");
    }

    #[test]
    fn directives_of_both_files_must_be_compatible() {
        let of = |up: &str, down: Option<&str>| match directives("1_a", up, down, Dialect::Sqlite) {
            Ok(directives) => Ok(directives),
            Err(problems) => Err(problems.into_iter().map(|problem| problem.message).collect::<Vec<_>>()),
        };
        let both = "-- runner:no-transaction\nSELECT 1;";
        assert!(of(both, Some(both)).expect("repeated").no_transaction);
        assert!(of(both, Some("")).is_ok(), "an empty downgrade");
        assert_eq!(
            of("SELECT 1", Some(both)),
            Err(vec!["`1_a.down.sql` has directives that `1_a.up.sql` does not have".to_owned()])
        );
        assert_eq!(
            of("-- runner:irreversible\n;", Some("-- runner:x")),
            Err(vec![
                "`1_a.up.sql` has no statement".to_owned(),
                "`1_a.up.sql` is `runner:irreversible`, but `1_a.down.sql` exists".to_owned(),
                "unknown directive `runner:x`".to_owned(),
            ])
        );
    }
}
