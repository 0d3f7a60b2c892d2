//! Explains why a connection could not be opened, in terms the operator can act on.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;

use crate::error::{from_sqlx, lost, pooler_error};
use runner_database::url::redact;
use runner_database::{DatabaseError, DatabaseErrorKind};

/// Whether the server is only starting up.
pub(crate) fn is_starting(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(inner) if inner.code().as_deref() == Some("57P03"))
}

/// Returns the error for a server that did not respond in time.
pub(crate) fn silent(options: &PgConnectOptions, timeout: Duration) -> DatabaseError {
    lost(&format!("{} did not answer within {} s", server(options), timeout.as_secs_f64()))
        .hint("look at host and port of the database URL, at firewalls, and whether the server is up")
}

/// Converts a connection error, adding server, database and user.
pub(crate) fn explain(error: &sqlx::Error, options: &PgConnectOptions) -> DatabaseError {
    let server = server(options);
    match error {
        sqlx::Error::Database(_) => refused(from_sqlx(error, None), options, &server),
        sqlx::Error::Tls(cause) => lost(&format!("cannot open an encrypted connection to {server}: {}", cause),
        )
        .hint(
            "`?sslmode=` and `?sslrootcert=` of the database URL say what is asked of the server: `verify-full` needs a \
             certificate for this host, `require` any, `prefer` none",
        ),
        sqlx::Error::Io(cause) => unreachable_server(cause, options, &server),
        sqlx::Error::Protocol(text) => lost(&format!("what answers at {} does not use the PostgreSQL protocol", place(options)),
        )
        .detail(redact(text))
        .hint("look at the port of the database URL: it may belong to another program"),
        other => {
            let error = from_sqlx(other, None);
            DatabaseError {
                kind: DatabaseErrorKind::Connection,
                message: format!("{server} cannot be reached: {}", error.message),
                ..error
            }
        }
    }
}

fn unreachable_server(cause: &std::io::Error, options: &PgConnectOptions, server: &str) -> DatabaseError {
    use std::io::ErrorKind;
    let by_socket = options.get_socket().is_some() || options.get_host().starts_with('/');
    let (message, hint) = match cause.kind() {
        ErrorKind::ConnectionRefused if !by_socket => (
            format!("nothing listens at {server}"),
            "look at host and port of the database URL, and whether the server is up",
        ),
        ErrorKind::NotFound | ErrorKind::ConnectionRefused if by_socket => (
            format!("there is no socket of a PostgreSQL server at {}", place(options)),
            "check the directory and the port of the database URL, and whether the server is up",
        ),
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset => (
            format!("{server} closed the connection"),
            "look at the server's log; the port may belong to another program",
        ),
        _ if format!("{cause}").contains("lookup") => {
            (format!("the host `{}` is not known", options.get_host()), "look at the host of the database URL")
        }
        _ => (format!("{server} cannot be reached"), "look at host and port of the database URL"),
    };
    lost(&message).detail(cause.to_string()).hint(hint)
}

fn refused(error: DatabaseError, options: &PgConnectOptions, server: &str) -> DatabaseError {
    let user = options.get_username();
    let database = options.get_database().unwrap_or(user);
    if let Some((kind, hint)) = pooler_error(&error.message) {
        return DatabaseError { kind, hint: Some(hint.to_owned()), ..error };
    }
    let (kind, hint) = match error.code.as_str() {
        "28P01" => (
            DatabaseErrorKind::Denied,
            format!("look at the password of `{user}`: in the database URL, `PGPASSWORD` or the password file"),
        ),
        "28000" => (
            DatabaseErrorKind::Denied,
            format!("look at the user of the database URL, and at the server's `pg_hba.conf`, which decides whether `{user}` may connect"),
        ),
        "3D000" => (
            DatabaseErrorKind::NotFound,
            format!("check the name in the database URL, or create it: `runner db create`, or `CREATE DATABASE \"{database}\"`"),
        ),
        "42501" => (
            DatabaseErrorKind::Denied,
            format!("let the owner of the database run `GRANT CONNECT ON DATABASE \"{database}\" TO \"{user}\"`"),
        ),
        "53300" => (
            DatabaseErrorKind::Busy,
            "wait until other connections end, or raise `max_connections` of the server or the limit of the role; a run \
             takes one for its lock, one for each of its `--jobs`, and after a second one that watches for `runner pause`"
                .to_owned(),
        ),
        "57P03" => (DatabaseErrorKind::Connection, "wait until the server is up".to_owned()),
        "08P01" | "0A000" => (
            DatabaseErrorKind::Configuration,
            "a pooler refuses settings at startup: remove `options` from the database URL".to_owned(),
        ),
        "42704" | "22023" => (
            DatabaseErrorKind::Configuration,
            "look at `options` in the database URL and at `PGOPTIONS`".to_owned(),
        ),
        _ => (error.kind, "look at the server's log".to_owned()),
    };
    DatabaseError {
        kind,
        message: format!("{server} does not let `{user}` connect to the database `{database}`: {}", error.message),
        hint: Some(hint),
        ..error
    }
}

/// Returns the server's name for messages.
fn server(options: &PgConnectOptions) -> String {
    format!("the PostgreSQL server at {}", place(options))
}

fn place(options: &PgConnectOptions) -> String {
    let port = options.get_port();
    match options.get_socket() {
        Some(directory) => format!("`{}`, port {port}", directory.display()),
        None => format!("`{}`, port {port}", options.get_host()),
    }
}
