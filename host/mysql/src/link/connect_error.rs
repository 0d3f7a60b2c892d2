//! The errors of connections that could not be opened.

use sqlx::mysql::{MySqlConnectOptions, MySqlDatabaseError};

use crate::error::{from_sqlx, is_full};
use runner_database::{DatabaseError, DatabaseErrorKind};

/// Where the server is, for messages.
pub(crate) fn place(options: &MySqlConnectOptions) -> String {
    match options.get_socket() {
        Some(socket) => format!("the server at the socket `{}`", socket.display()),
        None => format!("the server at `{}:{}`", options.get_host(), options.get_port()),
    }
}

/// The hint for a TLS failure.
const WITHOUT_TRUST: &str = "`?ssl-mode=` chooses how much TLS there must be, and `?ssl-ca=` names the file with the \
    certificate of the authority";

/// The error of a connection that could not be opened. `shown`: the URL without its password.
pub(crate) fn from_connecting(error: sqlx::Error, options: &MySqlConnectOptions, shown: &str) -> DatabaseError {
    let (user, place) = (options.get_username(), place(options));
    let database = options.get_database().unwrap_or_default();
    let hint = match &error {
        sqlx::Error::Database(server) => {
            match server.try_downcast_ref::<MySqlDatabaseError>().map_or(0, MySqlDatabaseError::number) {
                1045 | 1698 => format!("look at the user `{user}` and the password in the URL `{shown}`"),
                1044 => format!(
                    "an administrator can grant it: `GRANT ALL PRIVILEGES ON `{}`.* TO …`, with the user of the message",
                    database
                ),
                1049 => "check the name in the database URL, or create it: `runner db create`, or `CREATE DATABASE … CHARACTER SET \
                         utf8mb4` as an administrator"
                    .to_owned(),
                number if is_full(number) => {
                    "a run needs up to four connections, and one more for each further job of `--jobs`; wait, or raise `max_connections` on \
                     the server"
                        .to_owned()
                }
                1129 => "`FLUSH HOSTS` on the server lets this host in again".to_owned(),
                1130 => "the server admits no user from this host; check the host part of its users".to_owned(),
                _ => format!("look at {place}"),
            }
        }
        sqlx::Error::Tls(_) => WITHOUT_TRUST.to_owned(),
        sqlx::Error::Configuration(error) if wants_tls(error.as_ref()) => return without_tls(user, &place),
        sqlx::Error::Io(error) if is_of_tls(error) => WITHOUT_TRUST.to_owned(),
        _ => format!("check whether {place} is running, and at the host and the port of the URL"),
    };
    let mut converted = match error {
        sqlx::Error::Io(error) => {
            let what = if is_of_tls(&error) { "TLS with" } else { "no connection to" };
            DatabaseError::new(DatabaseErrorKind::Connection, format!("{what} {place}: {error}"))
        }
        error => from_sqlx(error),
    };
    converted.hint = Some(hint);
    converted
}

/// Whether the server wants the password itself, which the driver sends over TLS only.
fn wants_tls(error: &(dyn std::error::Error + 'static)) -> bool {
    error.to_string().contains("RSA auth")
}

/// The error of a login by `caching_sha2_password` or `sha256_password` without TLS.
fn without_tls(user: &str, place: &str) -> DatabaseError {
    DatabaseError::new(
        DatabaseErrorKind::Denied,
        format!(
            "{place} wants the password of `{user}` over an encrypted connection (`caching_sha2_password`), and this one is \
             not encrypted"
        ),
    )
    .hint(
        "use TLS: remove `ssl-mode=disabled` from the URL, and if the server has no TLS, give it a certificate (`ssl_cert`, \
         `ssl_key`)",
    )
}

/// Whether a connection failed because of TLS, which the driver reveals only in the text of the error.
fn is_of_tls(error: &std::io::Error) -> bool {
    let text = error.to_string();
    ["certificate", "received fatal alert", "peer is incompatible", "TLS"].iter().any(|part| text.contains(part))
}
