//! Turns PostgreSQL's errors into errors that an operator can act on. They are distinguished by SQLSTATE, never by
//! text: the language of a server's messages varies.

use std::error::Error as _;

use sqlx::postgres::{PgDatabaseError, PgErrorPosition};

use crate::citus;
use runner_database::facts::{TOOL_SCHEMA, is_tool_table};
use runner_database::message::{place_in, shortened};
use runner_database::url::redact;
use runner_database::{DatabaseError, DatabaseErrorKind, Dialect, Meaning};
use runner_sql::excerpt;

/// What this crate returns.
pub(crate) type Result<T, E = DatabaseError> = std::result::Result<T, E>;

/// SQLSTATE of a statement that was cancelled, or took longer than `statement_timeout`.
pub(crate) const CANCELED: &str = "57014";
/// SQLSTATE of a statement in a transaction that an earlier error has ended.
pub(crate) const ABORTED: &str = "25P02";
/// SQLSTATE of a statement that would write in a transaction that only reads.
pub(crate) const READ_ONLY: &str = "25006";
/// SQLSTATE of an object that is in use; by which session, only the place in the server's source says.
pub(crate) const IN_USE: &str = "55006";
/// Where the server finds that this very session uses a table: waiting would not help.
const USED_BY_ITSELF: &str = "CheckTableNotInUse";
/// SQLSTATE of a missing privilege.
const NO_RIGHT: &str = "42501";

/// Converts an error of sqlx; with the statement given, the error includes the position in it.
pub(crate) fn from_sqlx(error: &sqlx::Error, statement: Option<&str>) -> DatabaseError {
    from_sqlx_within(error, statement, 0)
}

/// As [`from_sqlx`], of a statement that was sent after so many characters of the same text.
pub(crate) fn from_sqlx_within(error: &sqlx::Error, statement: Option<&str>, before: usize) -> DatabaseError {
    match error {
        sqlx::Error::Database(inner) => match inner.try_downcast_ref::<PgDatabaseError>() {
            Some(inner) => from_server(inner, statement, before),
            None => DatabaseError::new(DatabaseErrorKind::Other, redact(inner.message())),
        },
        sqlx::Error::Io(error) => lost(&format!("the connection to the server is gone: {error}")),
        sqlx::Error::Tls(error) => lost(&format!("the encrypted connection failed: {error}")),
        sqlx::Error::Protocol(text) => lost(&format!("unexpected message from the server: {}", redact(text))),
        sqlx::Error::Encode(source) | sqlx::Error::Decode(source) => {
            DatabaseError::new(DatabaseErrorKind::Conversion, source.to_string())
        }
        sqlx::Error::ColumnDecode { index, source } => {
            DatabaseError::new(DatabaseErrorKind::Conversion, format!("column {index}: {source}"))
        }
        sqlx::Error::TypeNotFound { type_name } => {
            DatabaseError::new(DatabaseErrorKind::Syntax, format!("there is no type `{type_name}`"))
        }
        other => {
            let mut text = other.to_string();
            if let Some(source) = other.source() {
                text = format!("{text}: {source}");
            }
            DatabaseError::new(DatabaseErrorKind::Other, redact(&text))
        }
    }
}

/// Returns the error for a connection that can no longer be used.
pub(crate) fn lost(message: &str) -> DatabaseError {
    DatabaseError::new(DatabaseErrorKind::Connection, redact(message))
}

pub(crate) fn denied(message: impl Into<String>) -> DatabaseError {
    DatabaseError::new(DatabaseErrorKind::Denied, message)
}

pub(crate) fn configuration(message: impl Into<String>) -> DatabaseError {
    DatabaseError::new(DatabaseErrorKind::Configuration, message)
}

pub(crate) fn conversion(message: impl Into<String>) -> DatabaseError {
    DatabaseError::new(DatabaseErrorKind::Conversion, message)
}

/// Whether an error is that of the connection for the work, which can no longer be used.
pub(crate) fn is_lost(error: &DatabaseError) -> bool {
    error.kind == DatabaseErrorKind::Connection && error.meaning != Meaning::LockLost
}

/// The error for a lock that was lost before it was released.
pub(crate) fn lock_lost() -> DatabaseError {
    lost("the connection that holds the lock is lost, so another run may have begun")
        .means(Meaning::LockLost)
        .hint("run it again; check whether a pooler or the server ends idle transactions")
}

/// Explains why a transaction that an error has ended accepts no more statements.
pub(crate) fn aborted(first: &str) -> DatabaseError {
    DatabaseError::new(
        DatabaseErrorKind::Other,
        "the transaction takes no more statements, because an earlier one failed in it",
    )
    .code(ABORTED)
    .detail(first)
    .hint("look at the first error: PostgreSQL ends a transaction with it, and nothing of it remains")
}

pub(crate) fn read_only() -> DatabaseError {
    DatabaseError::new(DatabaseErrorKind::ReadOnly, "the database is read-only").code("25006").hint(
        "the server is a standby, or `default_transaction_read_only` is on for the role or the database: connect to the \
         primary server as a role that may write",
    )
}

/// The error for a server that does not say which transaction or process serves a session.
pub(crate) fn unnamed(what: &str) -> DatabaseError {
    lost(&format!("the server does not say which {what}"))
}

fn from_server(inner: &PgDatabaseError, statement: Option<&str>, before: usize) -> DatabaseError {
    let code = inner.code();
    let kind = if is_used_by_itself(inner) { DatabaseErrorKind::Other } else { kind(code) };
    let mut error =
        DatabaseError::new(kind, redact(shortened(inner.message()).trim_end())).code(code).means(meaning(code));
    error.detail = detail(inner, statement, before);
    error.hint = citus::hint(inner.message(), inner.hint()).map(str::to_owned).or_else(|| hint(inner));
    if code == NO_RIGHT && error.hint.is_none() {
        let (advice, is_grant) = grant(inner.message());
        error.hint = Some(advice);
        if is_grant {
            error.meaning = Meaning::NotGranted;
        }
    }
    if let Some((kind, hint)) = of_pooler(code, inner.message()) {
        (error.kind, error.hint) = (kind, Some(hint.to_owned()));
    }
    error
}

fn is_used_by_itself(inner: &PgDatabaseError) -> bool {
    inner.code() == IN_USE && inner.routine() == Some(USED_BY_ITSELF)
}

/// What an error of PgBouncer means. Its codes are those of connections; a migration may raise the same texts with others.
pub(crate) fn of_pooler(code: &str, message: &str) -> Option<(DatabaseErrorKind, &'static str)> {
    if code.starts_with("08") { pooler_error(message) } else { None }
}

/// What a text of PgBouncer means.
pub(crate) fn pooler_error(message: &str) -> Option<(DatabaseErrorKind, &'static str)> {
    let has = |text: &str| message.contains(text);
    Some(if has("not allowed in statement pooling mode") {
        (
            DatabaseErrorKind::Configuration,
            "runner needs transactions: set `pool_mode = transaction` or `session` for this database in PgBouncer, or \
             connect to the server itself",
        )
    } else if has("query_wait_timeout") || has("no more connections allowed") {
        (
            DatabaseErrorKind::Busy,
            "a run needs two server connections of the pooler at once, one of them for its lock, and now and then a third: \
             raise `default_pool_size` for this database in PgBouncer, wait until other clients leave, or connect to the \
             server itself",
        )
    } else {
        return None;
    })
}

/// Returns the meaning of a SQLSTATE.
pub(crate) fn kind(code: &str) -> DatabaseErrorKind {
    use DatabaseErrorKind as Kind;
    match code {
        NO_RIGHT => return Kind::Denied,
        CANCELED => return Kind::Timeout,
        "40001" | "40P01" | "55P03" | IN_USE | "53300" | "57P03" => return Kind::Busy,
        "53100" => return Kind::Full,
        "25006" | "25S02" => return Kind::ReadOnly,
        "57P01" | "57P02" | "57P05" | "25P03" | "25P04" => return Kind::Connection,
        "3D000" => return Kind::NotFound,
        "53200" | "53400" | "54000" | "54001" | "54011" | "54023" => return Kind::Limit,
        "XX001" | "XX002" => return Kind::Corrupt,
        "26000" | "3F000" | "42P05" => return Kind::Syntax,
        // More or fewer values than placeholders; other protocol violations are not reported by a server.
        "08P01" => return Kind::InvalidArgument,
        "2200G" | "22P05" | "22021" => return Kind::Conversion,
        _ => {}
    }
    match code.get(..2) {
        Some("08") => Kind::Connection,
        Some("22") => Kind::Conversion,
        Some("23" | "27" | "44") => Kind::Constraint,
        Some("42") => Kind::Syntax,
        Some("28") => Kind::Denied,
        Some("58") => Kind::Full,
        _ => Kind::Other,
    }
}

fn meaning(code: &str) -> Meaning {
    match code {
        // `lock_not_available` and `deadlock_detected`.
        "55P03" | "40P01" => Meaning::Conflict,
        // `serialization_failure`
        "40001" => Meaning::Outdated,
        // A missing privilege, `feature_not_supported`, and `wrong_object_type`.
        NO_RIGHT | "0A000" | "42809" => Meaning::Refused,
        _ => Meaning::Failed,
    }
}

/// Returns where it happened: the position in the statement, the server's detail, and the objects it names.
fn detail(inner: &PgDatabaseError, statement: Option<&str>, before: usize) -> Option<String> {
    let mut parts: Vec<String> = Vec::new();
    match inner.position() {
        Some(PgErrorPosition::Original(position)) => {
            parts.extend(statement.and_then(|statement| place(statement, position.checked_sub(before)?)));
        }
        Some(PgErrorPosition::Internal { position, query }) => {
            let place = place(query, position).map(|place| format!("{place} of "));
            parts.push(format!("{}the inner statement `{}`", place.unwrap_or_default(), excerpt(query)));
        }
        None => {}
    }
    if let Some(text) = inner.detail() {
        // A deadlock has a line for each process.
        let lines: Vec<&str> = shortened(text).lines().map(|line| line.trim().trim_end_matches('.')).collect();
        parts.push(redact(&lines.join("; ")));
    }
    let text = format!("{} {}", shortened(inner.message()), shortened(inner.detail().unwrap_or_default()));
    let objects = [
        ("table", inner.table()),
        ("column", inner.column()),
        ("type", inner.data_type()),
        ("constraint", inner.constraint()),
    ];
    for (what, name) in objects {
        // Most messages already name them.
        if let Some(name) = name.filter(|name| !text.contains(&format!("\"{name}\""))) {
            parts.push(format!("{what} `{name}`"));
        }
    }
    if let Some(text) = inner.r#where() {
        parts.push(excerpt(text));
    }
    if parts.is_empty() { None } else { Some(parts.join("; ")) }
}

fn hint(inner: &PgDatabaseError) -> Option<String> {
    let ours = match inner.code() {
        NO_RIGHT => return None,
        "40P01" => "run it again: the other transaction is likely over by now",
        "40001" => {
            "run it again: another transaction changed the same rows; smaller chunks of a transform (`--chunk-rows`) meet fewer \
             changes"
        }
        "55P03" => {
            "another transaction holds a lock on the table or row; run it again when there is less activity, or allow a longer wait"
        }
        CANCELED => "the statement took longer than it may, or was cancelled: raise `statement_timeout` if one is set",
        "53100" => "free some space on the database's disk; the whole transaction is rolled back",
        "53300" => "wait until other connections end, or raise `max_connections` of the server",
        "25006" => "connect to the primary server, or look at `default_transaction_read_only` of role and database",
        "57P01" | "57P02" => "the server was shut down or the connection ended by its administrator; run it again",
        "22021" => {
            "the text is not valid in the encoding of the connection, or holds a zero byte, which PostgreSQL cannot keep"
        }
        "22P05" => "the encoding of the database lacks this character; a database in UTF8 keeps all of them",
        "2D000" => {
            "what commits or rolls back by itself has to run outside of a transaction: in a SQL file with the line \
             `-- runner:no-transaction`, `CALL` of a procedure that commits, or a `DO` block with the `COMMIT`, which may not be in a part with \
             `EXCEPTION`; or do the work in a component's transform, which commits each chunk"
        }
        // "role "app" does not exist": the code is that of any object. In other languages, there is no advice.
        "42704" if inner.message().starts_with("role ") => {
            "create the role first; `pg_dump --no-owner --no-privileges` leaves owners and privileges out of a dump"
        }
        "55P04" => "add the value in a migration of its own, before this one",
        "25001" => {
            "in a SQL file, the line `-- runner:no-transaction` runs the migration's statements outside of a transaction"
        }
        "25P02" => "look at the first error: PostgreSQL ends a transaction with it",
        IN_USE if is_used_by_itself(inner) => {
            "constraints or triggers are put off until the commit for rows that were changed before, or a cursor or loop still \
             reads the table: change the table first or in a migration of its own, run `SET CONSTRAINTS ALL IMMEDIATE` before \
             it, or end the loop"
        }
        _ => return inner.hint().map(|text| redact(shortened(text).trim_end().trim_end_matches('.'))),
    };
    Some(ours.to_owned())
}

/// What precedes the name in the message, whose owner grants, and what.
const OTHERS: [(&str, &str, &str); 5] = [
    ("for schema ", "the schema", "USAGE, CREATE ON SCHEMA"),
    ("for database ", "the database", "CREATE ON DATABASE"),
    ("for sequence ", "`{}`", "USAGE ON SEQUENCE"),
    ("for function ", "`{}`", "EXECUTE ON FUNCTION"),
    ("for procedure ", "`{}`", "EXECUTE ON PROCEDURE"),
];

/// Returns how to give the right that is missing, and whether that is a `GRANT`. The kind of the object is only in the message, which is
/// translated: the English words are searched for, and without them the hint stays general. All that follows them is the name.
fn grant(message: &str) -> (String, bool) {
    let after = |words: &str| {
        let (_, name) = message.split_once(words)?;
        Some(name.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap_or(name))
    };
    let any_after = |words: &[&str]| words.iter().find_map(|words| after(words));
    let run = |owner: &str, grant: &str, name: &str| {
        format!("let the owner of {owner}, or a superuser, run `GRANT {grant} {} TO …`", spelled(name))
    };
    let owned = || {
        any_after(&["must be owner of materialized view ", "must be owner of foreign table "])
            .or_else(|| after("must be owner of ")?.split_once(' ').map(|(_, name)| name))
    };
    let table = any_after(&["for table ", "for view "]);
    if message.contains("row-level security")
        && let Some(name) = table
    {
        let advice =
            format!("a migration has to see all rows of `{name}`: connect as a superuser or a role with `BYPASSRLS`");
        return (advice, false);
    }
    let grant = if table.or_else(owned).is_some_and(is_tool_table) {
        format!(
            "let the owner of runner's tables, or a superuser, run `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA \
             {TOOL_SCHEMA} TO …`, or for the schema that `[history]` names; who only asks for the status needs `SELECT`"
        )
    } else if let Some(name) = table {
        run(&format!("`{name}`"), "SELECT, INSERT, UPDATE, DELETE ON", name)
    } else if after("for schema ") == Some(TOOL_SCHEMA) {
        format!(
            "let its owner, or a superuser, run `GRANT USAGE, CREATE ON SCHEMA {TOOL_SCHEMA} TO …` and `GRANT SELECT, \
             INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {TOOL_SCHEMA} TO …`; who only asks for the status needs `USAGE` \
             and `SELECT`"
        )
    } else if let Some((name, (_, owner, grant))) = OTHERS.iter().find_map(|other| after(other.0).zip(Some(other))) {
        run(&owner.replace("{}", name), grant, name)
    } else if let Some(name) = owned() {
        return (
            format!("only the owner of `{name}` may do this: connect as the owner, or run `ALTER … OWNER TO …`"),
            false,
        );
    } else {
        "let the owner of the object, or a superuser, grant the right to this role".to_owned()
    };
    (grant, true)
}

/// A name as a statement spells it: in quotes unless it is plain.
fn spelled(name: &str) -> String {
    let is_plain = name.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
        && name.chars().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '_');
    if is_plain { name.to_owned() } else { Dialect::Postgres.quote(name) }
}

/// Returns the place of a position in a statement, counted from 1 in characters.
fn place(statement: &str, position: usize) -> Option<String> {
    let (offset, _) = statement.char_indices().nth(position.checked_sub(1)?)?;
    place_in(statement, offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_a_pooler_come_with_codes_of_connections() {
        let text = "no more connections allowed (max_client_conn)";
        assert!(of_pooler("08P01", text).is_some());
        // A migration's own.
        assert!(of_pooler("P0001", text).is_none());
        assert!(of_pooler("08P01", "something else").is_none());
    }

    #[test]
    fn a_position_becomes_line_and_column() {
        for (statement, position, expected) in [
            ("SELEC 1", 1, Some("line 1, column 1, at `SELEC 1`")),
            ("SELECT 'ä',\n  x FROM t", 15, Some("line 2, column 3, at `x FROM t`")),
            ("SELECT", 7, None),
            ("SELECT", 0, None),
        ] {
            assert_eq!(place(statement, position).as_deref(), expected, "{statement}");
        }
    }

    #[test]
    fn the_missing_grant_names_the_object_as_a_statement_does() {
        for (message, part) in [
            (
                "permission denied for table items",
                "owner of `items`, or a superuser, run `GRANT SELECT, INSERT, UPDATE, DELETE ON items TO",
            ),
            ("permission denied for table Order Items", "the owner of `Order Items`, or"),
            ("permission denied for table Order Items", "DELETE ON \"Order Items\" TO"),
            ("permission denied for view Orders", "DELETE ON \"Orders\" TO"),
            ("permission denied for table a\"b", "DELETE ON \"a\"\"b\" TO"),
            ("permission denied for database my-app", "GRANT CREATE ON DATABASE \"my-app\" TO"),
            ("permission denied for schema My Shop", "ON SCHEMA \"My Shop\" TO"),
            ("permission denied for schema runner", "ON ALL TABLES IN SCHEMA runner TO"),
            ("permission denied for table runner_history", "ON ALL TABLES IN SCHEMA runner TO"),
            ("permission denied for sequence Numbers", "USAGE ON SEQUENCE \"Numbers\" TO"),
            ("permission denied for procedure p", "EXECUTE ON PROCEDURE p TO"),
            ("must be owner of table runner_history", "ON ALL TABLES IN SCHEMA runner TO"),
            ("must be owner of table Order Items", "only the owner of `Order Items` may"),
            ("must be owner of materialized view Sums", "only the owner of `Sums` may"),
            (
                "query would be affected by row-level security policy for table \"Order Items\"",
                "all rows of `Order Items`:",
            ),
            ("keine Berechtigung für Tabelle items", "the owner of the object"),
        ] {
            let (hint, is_grant) = grant(message);
            assert_eq!(is_grant, !hint.contains("OWNER TO") && !hint.contains("BYPASSRLS"), "{message}");
            assert!(hint.contains(part), "{message}: {hint}");
        }
    }

    #[test]
    fn codes_determine_the_kind() {
        use DatabaseErrorKind as Kind;
        for (code, expected) in [
            ("42601", Kind::Syntax),
            ("42P01", Kind::Syntax),
            ("42501", Kind::Denied),
            ("23505", Kind::Constraint),
            ("22003", Kind::Conversion),
            ("40P01", Kind::Busy),
            ("40001", Kind::Busy),
            ("55P03", Kind::Busy),
            ("53100", Kind::Full),
            ("25006", Kind::ReadOnly),
            ("57P01", Kind::Connection),
            ("08006", Kind::Connection),
            ("25P02", Kind::Other),
            ("P0001", Kind::Other),
            ("", Kind::Other),
        ] {
            assert_eq!(kind(code), expected, "{code}");
        }
    }
}
