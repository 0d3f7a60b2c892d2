//! Files as text: line ends and a byte order mark make no difference.

use crate::discovery::FoundEntry;
use crate::line_ends::wide_encoding;
use crate::problem::Problem;

/// Reads Diesel's `metadata.toml`.
pub(super) fn runs_in_transaction(name: &str, text: &str) -> Result<bool, Problem> {
    let unknown = |what: String| {
        Problem::new(format!("`{name}` {what}")).hint("only `run_in_transaction` is known, `true` or `false`")
    };
    let table: toml::Table = text.parse().map_err(|_| unknown("is not valid TOML".to_owned()))?;
    match table.keys().find(|key| *key != "run_in_transaction") {
        Some(key) => Err(unknown(format!("sets `{key}`"))),
        None => match table.get("run_in_transaction").map(toml::Value::as_bool) {
            None => Ok(true),
            Some(Some(value)) => Ok(value),
            Some(None) => Err(unknown("sets `run_in_transaction` to something else".to_owned())),
        },
    }
}

/// The text of a SQL file, with LF line ends.
pub(super) fn sql_text(file: &FoundEntry, bytes: Vec<u8>) -> Result<String, Problem> {
    let name = &file.file_name;
    normalise(bytes).map_err(|problem| Problem { message: format!("`{name}` {}", problem.message), ..problem })
}

/// What `pg_dump --format=custom` begins its files with.
const ARCHIVE: &[u8] = b"PGDMP";

/// The text of the bytes; the problem completes the sentence "`x` …".
pub(crate) fn normalise(bytes: Vec<u8>) -> Result<String, Problem> {
    if bytes.starts_with(ARCHIVE) {
        return Err(Problem::new("is an archive of `pg_dump`, not SQL")
            .hint("write the dump with `--format=plain`, or turn it into SQL: `pg_restore --file=FILE ARCHIVE`"));
    }
    if let Some(encoding) = wide_encoding(&bytes) {
        return Err(Problem::new(format!("is {encoding}, not UTF-8")).hint(format!(
            "save the file as UTF-8: `iconv -f {encoding} -t UTF-8`; in PowerShell, `Set-Content -Encoding utf8`"
        )));
    }
    let mut text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Problem::new(format!("is not valid UTF-8 at byte {at} (counted from 0)"))
            .hint("save the file as UTF-8; write other bytes as `X'…'`, as `mariadb-dump --hex-blob` does")
    })?;
    // SQLite would silently end the script here.
    if let Some(at) = text.find('\0') {
        return Err(
            Problem::new(format!("contains a NUL at byte {at} (counted from 0)")).hint("remove the NUL: SQL is text")
        );
    }
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    Ok(if text.contains('\r') { text.replace("\r\n", "\n") } else { text })
}
