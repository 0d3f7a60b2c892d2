//! Turns the servers' error numbers into errors that an operator can act on.

use sqlx::mysql::MySqlDatabaseError;

use runner_data::temporal;
use runner_database::dialect_sql::UnknownName;
use runner_database::{DatabaseError, DatabaseErrorKind, Meaning};

/// What this crate's functions return.
pub(crate) type Result<T, E = DatabaseError> = std::result::Result<T, E>;

/// The prepared protocol does not support the statement.
pub(crate) const NOT_PREPARABLE: &str = "1295";

/// The table does not exist.
pub(crate) const NO_TABLE: &str = "1146";

/// The database does not exist.
pub(crate) const NO_DATABASE: &str = "1049";

/// A row with this key exists already.
pub(crate) const DUPLICATE: &str = "1062";

/// The warning after a rollback: tables such as those of MyISAM keep their changes.
pub(crate) const NOT_UNDONE: &str = "1196";

/// The answer to a statement that was killed.
const INTERRUPTED: &str = "1317";

/// What an error of the driver means.
pub(crate) fn from_sqlx(error: sqlx::Error) -> DatabaseError {
    match error {
        sqlx::Error::Database(error) => match error.try_downcast_ref::<MySqlDatabaseError>() {
            Some(error) => from_server(error.number(), error.code().unwrap_or_default(), error.message()),
            None => DatabaseError::new(DatabaseErrorKind::Other, error.message()),
        },
        sqlx::Error::Io(error) => lost(&error.to_string()),
        sqlx::Error::Tls(error) => DatabaseError::new(DatabaseErrorKind::Connection, format!("TLS failed: {error}")),
        sqlx::Error::Protocol(message) if message.starts_with("unknown column type") => {
            lost(&format!("the server sent a column of a type that runner cannot read ({message}), so it was closed"))
                .hint("convert the column in the statement, as `VECTOR_TO_STRING` does, or leave it out")
        }
        // Other malformed packets come from a connection that was cut.
        sqlx::Error::Protocol(message) => lost(&message),
        error @ (sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::Encode(_)) => {
            DatabaseError::new(DatabaseErrorKind::Conversion, error.to_string())
        }
        error => DatabaseError::new(DatabaseErrorKind::Other, error.to_string()),
    }
}

/// The error of an answer that lacks what was asked for.
pub(crate) fn unanswered() -> DatabaseError {
    lost("the server did not answer what it was asked")
}

/// The error of a lost connection.
pub(crate) fn lost(why: &str) -> DatabaseError {
    DatabaseError::new(DatabaseErrorKind::Connection, format!("the connection to the server is lost: {why}"))
        .hint("look at the server's log; when the server is back, run the command again")
}

/// What an error number of the server means. `state` is its SQLSTATE.
fn from_server(number: u16, state: &str, message: &str) -> DatabaseError {
    let error = DatabaseError::new(kind(number, state), without_period(message))
        .code(number.to_string())
        .means(meaning(number));
    match hint(number, message) {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

fn without_period(message: &str) -> &str {
    message.trim_end().trim_end_matches('.')
}

fn kind(number: u16, state: &str) -> DatabaseErrorKind {
    use DatabaseErrorKind::{
        Busy, Configuration, Connection, Constraint, Conversion, Corrupt, Denied, Full, Interrupted, Limit, NotFound,
        Other, ReadOnly, Syntax, Timeout,
    };
    match number {
        // Access: to a database, table, column, routine; missing privileges.
        1044 | 1045 | 1095 | 1142 | 1143 | 1227 | 1370 | 1410 | 1419 | 1698 | 3118 => Denied,
        1049 => NotFound,
        // On MySQL, 4025 is a different error.
        4025 if state != "23000" => Other,
        1022 | 1048 | 1062 | 1169 | 1216 | 1217 | 1364 | 1451 | 1452 | 1557 | 1586 | 1761 | 1762 | 1859 | 3819
        | 4025 => Constraint,
        1264 | 1265 | 1292 | 1366 | 1367 | 1406 | 1411 | 1416 | 1441 | 1690 | 3140 | 3141 | 3156 | 3903 | 4038 => {
            Conversion
        }
        // Lock wait, deadlock, NOWAIT; a row that was changed since the transaction began (`innodb_snapshot_isolation`).
        1020 | 1205 | 1213 | 1614 | 3058 | 3572 => Busy,
        1969 | 3024 => Timeout,
        1317 => Interrupted,
        1021 | 1114 => Full,
        1290 | 1792 | 1836 | 3906 => ReadOnly,
        1043 | 1053 | 1077 | 1080 | 1152 | 1184 | 1189 | 1190 | 1927 | 2002 | 2003 | 2006 | 2013 | 4031 => Connection,
        1154..=1161 => Connection,
        1040 | 1129 | 1130 | 1203 | 1226 => Connection,
        1153 => Limit,
        1037 | 1038 | 1041 | 1135 | 1206 | 1390 | 1436 | 1456 => Limit,
        1033 | 1034 | 1035 | 1194 | 1195 | 1712 | 1877 | 1878 => Corrupt,
        1115 | 1231 | 1273 => Configuration,
        _ if state.starts_with("42") => Syntax,
        _ if state.starts_with("22") => Conversion,
        _ if state.starts_with("23") => Constraint,
        _ if state.starts_with("08") => Connection,
        1046 | 1050 | 1051 | 1060 | 1061 | 1146 | 1193 | 1210 | 1243 | 1295 | 1305 | 1318 | 1347 | 1360 | 1537
        | 1539 => Syntax,
        _ => Other,
    }
}

fn meaning(number: u16) -> Meaning {
    match number {
        // The lock timeout, the deadlock, and MariaDB's row that was changed since the transaction began.
        1205 | 1213 | 1020 => Meaning::Conflict,
        // A database, table, column or routine for which the user lacks a privilege.
        1044 | 1142 | 1143 | 1370 => Meaning::NotGranted,
        // A syntax error, and what the prepared protocol does not know.
        1064 | 1295 => Meaning::NotParsed,
        _ => Meaning::Failed,
    }
}

/// The hint for an error number.
fn hint(number: u16, message: &str) -> Option<String> {
    let hint = match number {
        1044 | 1142 | 1143 | 1370 => return grant(number, message.trim_end_matches('.')),
        1227 => "an administrator can grant the privilege that the message names",
        1419 => "an administrator can allow it: `SET GLOBAL log_bin_trust_function_creators = 1`",
        1095 => "killing a connection of another user needs the privilege `CONNECTION ADMIN` or `SUPER`",
        1205 => {
            "another session holds the rows or the table; `SHOW PROCESSLIST` shows which, and the command can be run \
                 again"
        }
        1213 => "another session locked the same rows in a different order; run the command again",
        1020 => "another session changed the same rows meanwhile; run the command again",
        1047 if message.contains("WSREP") => {
            "this node of a Galera cluster has lost the others, or `wsrep_reject_queries` is set; give the URL of another node, or \
                 wait until it is back"
        }
        1021 | 1114 => "free some space on the server's disk, or raise the limit of its tablespace",
        1153 => "raise `max_allowed_packet` on the server",
        1206 => "raise `innodb_buffer_pool_size` on the server, or change fewer rows at once",
        1290 | 1836 if message.contains("read-only") || message.contains("read only") => {
            "give the URL of the primary server"
        }
        1792 => "the session or the server opens transactions for reading only; look at `transaction_read_only`",
        1292 if beyond_timestamp(message) => {
            "a `TIMESTAMP` holds 1970-01-01 00:00:01 to 2038-01-19 03:14:07 in UTC, and to 2106-02-07 06:28:15 on MariaDB 11.5 and \
                 later; a `DATETIME` holds the years 1000 to 9999"
        }
        1665 => "set `binlog_format = ROW` on the server",
        1969 | 3024 => "raise `statement_timeout`",
        // InnoDB's DB_TABLESPACE_EXISTS on MariaDB, ER_TABLESPACE_EXISTS on MySQL.
        1005 | 1813 if number == 1813 || message.contains("errno: 184") => {
            "a crash of the server left the file of a table that is gone: remove the table's `.ibd` file from the database's directory \
             in the server's `datadir`, and run the command again"
        }
        1071 | 1170 => "give the key a length, or the column a shorter type",
        1118 => {
            "columns that were dropped still count until the table is rebuilt: `ALTER TABLE … FORCE` does that; \
                 otherwise, make some columns `TEXT`"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

/// What to change in a migration in SQL that has met an error with this code.
pub(crate) fn advice(code: &str) -> Option<&'static str> {
    // A row or a table that others refer to.
    matches!(code, "1217" | "1451" | "3730").then_some(
        "`SET foreign_key_checks = 0` at the top of the file turns the checks off for this migration, and `foreign_keys = false` \
         in `[database]` for all",
    )
}

/// The name in "Unknown column 'emial' in 'field list'" or "Table 'd.usr' doesn't exist".
pub(crate) fn unknown_name(message: &str) -> Option<UnknownName<'_>> {
    match message.strip_prefix("Unknown column '") {
        Some(rest) => rest.split('\'').next().map(UnknownName::Column),
        None => {
            let rest = message.strip_prefix("Table '").filter(|rest| rest.contains("doesn't exist"))?;
            rest.split('\'').next().map(UnknownName::Table)
        }
    }
}

/// Whether the value that a message quotes is a date and time that only a `TIMESTAMP` cannot hold:
/// "Incorrect datetime value: '1960-01-01 00:00:00' for column `d`.`t`.`c` at row 1".
fn beyond_timestamp(message: &str) -> bool {
    const FIRST: i64 = 1_000_000;
    const LAST: i64 = i32::MAX as i64 * 1_000_000 + 999_999;
    let value = message.strip_prefix("Incorrect datetime value: '").and_then(|rest| rest.split('\'').next());
    let instant = value.and_then(|value| temporal::parse_timestamp(value.as_bytes()));
    instant.is_some_and(|instant| !(FIRST..=LAST).contains(&instant))
}

/// The error of a statement of a writer, without the number of a row that the server adds: it has counted the rows of the statement's
/// own tables, too. Which row of the batch it is, the writer knows.
pub(crate) fn without_row(mut error: DatabaseError) -> DatabaseError {
    if let Some((message, row)) = error.message.rsplit_once(" at row ")
        && !row.is_empty()
        && row.bytes().all(|byte| byte.is_ascii_digit())
    {
        error.message = message.to_owned();
    }
    error
}

/// The missing `GRANT`, as far as the server's message names it.
fn grant(number: u16, message: &str) -> Option<String> {
    // "Access denied for user 'u'@'h' to database 'd'", "INSERT command denied to user 'u'@'h' for table `d`.`t`".
    let user = message.split(" user ").nth(1)?.split(' ').next()?;
    let what = || message.split(" command denied").next().map(str::to_uppercase);
    let grant = match number {
        1044 => format!("ALL PRIVILEGES ON {}.* TO {user}", message.split(" to database ").nth(1)?.replace('\'', "`")),
        1142 => format!("{} ON {} TO {user}", what()?, message.split(" for table ").nth(1)?.replace('\'', "`")),
        1143 => format!("{} ON {} TO {user}", what()?, message.rsplit(" in table ").next()?.replace('\'', "`")),
        1370 => {
            format!("{} ON PROCEDURE {} TO {user}", what()?, message.split(" for routine ").nth(1)?.replace('\'', ""))
        }
        _ => return None,
    };
    Some(format!("an administrator can grant it: `GRANT {grant}`"))
}

/// Whether this is the number of an error of a server, or of a user's limits, that accept no more sessions now.
pub(crate) fn is_full(number: u16) -> bool {
    matches!(number, 1040 | 1203 | 1226)
}

/// Whether the statement ended because it was killed.
pub(crate) fn is_interrupted(error: &DatabaseError) -> bool {
    error.code == INTERRUPTED || matches!(error.code.as_str(), "1969" | "3024")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unknown_name_is_read_from_the_message() {
        for (message, expected) in [
            ("Unknown column 'emial' in 'field list'", Some(UnknownName::Column("emial"))),
            ("Table 'd.usr' doesn't exist", Some(UnknownName::Table("d.usr"))),
            ("Table 'd.usr' is read only", None),
        ] {
            assert_eq!(unknown_name(message), expected, "{message}");
        }
    }
}
