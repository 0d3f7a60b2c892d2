//! Which pragmas a migration may use. A setting of the connection would outlive the migration that made it and change what the
//! next one does.

use std::borrow::Cow;

use super::denial::Denial;
use runner_database::Role;
use runner_database::message::REBUILD_ORDER;
use runner_sql::JOURNAL_MODES;

/// Pragmas that every migration may use, also with a value: they only read, or last until the end of the transaction.
const EVERYBODYS: &[&str] = &[
    "table_info",
    "table_xinfo",
    "table_list",
    "index_list",
    "index_info",
    "index_xinfo",
    "foreign_key_list",
    "foreign_key_check",
    "integrity_check",
    "quick_check",
    "defer_foreign_keys",
];
/// Further pragmas that a guest may use, only to read. FTS5 asks for `data_version`, and RTree and FTS4 for `page_size`, in
/// statements of their own that the authorizer cannot distinguish from the guest's.
const GUEST_READS: &[&str] = &["foreign_keys", "user_version", "data_version", "page_size"];

/// Further pragmas that a script may set, in addition to `journal_mode`: they change the file and not the connection.
const SCRIPT_PRAGMAS: &[&str] =
    &["user_version", "application_id", "auto_vacuum", "page_size", "incremental_vacuum", "optimize", "wal_checkpoint"];

/// Why a pragma is refused to a role, if it is. `transaction`: whether our own is open.
pub(super) fn refuse(rights: Role, transaction: bool, name: &str, value: Option<&str>) -> Option<Denial> {
    let is = |other: &str| name.eq_ignore_ascii_case(other);
    if rights == Role::Component {
        let allowed =
            EVERYBODYS.iter().any(|other| is(other)) || (value.is_none() && GUEST_READS.iter().any(|other| is(other)));
        return (!allowed).then(|| {
            Denial::new(
                format!("a component may not use PRAGMA {name}"),
                "a component may look at the schema (table_xinfo, index_list, foreign_key_check …), not change the \
                   connection; a migration in SQL may",
            )
        });
    }
    let value = value?;
    if is("writable_schema") || is("schema_version") {
        return Some(Denial::new(
            format!("PRAGMA {name} is refused: it can destroy the database"),
            "rebuild the table with the directive `-- runner:table-rebuild`; of a dump, write `CREATE VIRTUAL TABLE …` in place of what \
             inserts one into `sqlite_schema`, and leave out its shadow tables",
        ));
    }
    if is("encoding") {
        return Some(Denial::new(
            "PRAGMA encoding does nothing: a database keeps the encoding that it was made with",
            "leave the statement out",
        ));
    }
    if is("foreign_keys") {
        // Refused in both: a dry run uses a transaction where the run itself does not.
        return Some(Denial::new(
            "PRAGMA foreign_keys is refused: inside of a transaction it does nothing, and outside of one it would \
                   outlive the migration",
            instead(name),
        ));
    }
    if is("journal_mode") {
        // SQLite accepts the beginning of a word for the word.
        if !JOURNAL_MODES.iter().any(|mode| mode.eq_ignore_ascii_case(value)) {
            return Some(Denial::new(
                format!("PRAGMA journal_mode = {value} is refused: nothing could be rolled back after it"),
                "use one of `wal`, `delete`, `truncate` and `persist`",
            ));
        }
        return transaction.then(|| {
            Denial::new(
                "PRAGMA journal_mode does nothing inside a transaction",
                "write the directive `-- runner:no-transaction` at the top of the file",
            )
        });
    }
    let allowed = EVERYBODYS.iter().chain(SCRIPT_PRAGMAS).any(|other| is(other));
    (!allowed).then(|| {
        Denial::new(format!("PRAGMA {name} is refused: the setting would outlive the migration"), instead(name))
    })
}

/// What to do instead of a setting of the connection.
fn instead(pragma: &str) -> Cow<'static, str> {
    let setting = match pragma.to_ascii_lowercase().as_str() {
        "foreign_keys" => {
            "write the directive `-- runner:table-rebuild` at the top of the file instead: foreign keys are then off, and checked as a \
             whole at the end"
        }
        "legacy_alter_table" => {
            return format!(
                "omit it, and rebuild the table in another order, with the directive `-- runner:table-rebuild` at the top of the file: \
                 {REBUILD_ORDER}"
            )
            .into();
        }
        "busy_timeout" | "synchronous" | "cache_size" => {
            "set it for the whole run, in the database URL: `?busy_timeout=`, `?synchronous=` and `?cache_size=` are known"
        }
        "ignore_check_constraints" => {
            "fix the rows first, or rebuild the table without the constraint, with the directive `-- runner:table-rebuild`"
        }
        "case_sensitive_like" => "compare with GLOB, or with `=` and a COLLATE clause",
        "recursive_triggers" => "omit it, and write the changes that the triggers would make as statements",
        _ => {
            "omit the statement: a migration finds the same connection settings in every run, and a program sets its own"
        }
    };
    setting.into()
}
