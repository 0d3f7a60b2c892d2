//! How the client programs of MySQL and MariaDB reach the database of a URL.

use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};

use crate::error::Result;
use crate::link::endpoint::Endpoint;
use runner_database::{ConnectOptions, DatabaseUrl};

/// The connection settings for `mariadb-dump`, `mysqldump` and similar programs.
pub struct DumpAccess {
    /// An option file: server, user, password and TLS. It contains the password, so it must not be written to disk.
    pub option_file: String,
    /// The host; not used with a socket.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The socket; empty for a host.
    pub socket: String,
    /// The user.
    pub user: String,
    /// The database.
    pub database: String,
}

/// Returns what the programs need in order to reach the database of a URL.
pub fn access(url: &DatabaseUrl) -> Result<DumpAccess> {
    let endpoint = Endpoint::new(url, &ConnectOptions::default())?;
    let options = endpoint.options();
    let socket = options.get_socket().map(|path| path.display().to_string()).unwrap_or_default();
    let mut file = String::from("[client]\n");
    let mut set = |name: &str, value: &str| file.push_str(&format!("{name}={}\n", quoted(value)));
    set("user", options.get_username());
    if let Some(password) = url.password() {
        set("password", &password);
    }
    match socket.is_empty() {
        // `localhost` alone would mean the socket.
        true => {
            set("protocol", "tcp");
            set("host", options.get_host());
            set("port", &options.get_port().to_string());
        }
        false => {
            set("protocol", "socket");
            set("socket", &socket);
        }
    }
    for (name, value) in tls(options, url) {
        set(name, &value);
    }
    Ok(DumpAccess {
        option_file: file,
        host: options.get_host().to_owned(),
        port: options.get_port(),
        socket,
        user: options.get_username().to_owned(),
        database: endpoint.database().to_owned(),
    })
}

/// MariaDB's option to verify the server's certificate. MySQL has none other than `ssl-mode`.
const VERIFIES: &str = "loose-ssl-verify-server-cert";

/// The two families spell these options differently; with `loose-`, each ignores the other's.
fn tls(options: &MySqlConnectOptions, url: &DatabaseUrl) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    let mut mode = |mysql: &str, mariadb: &'static [&'static str]| {
        found.push(("loose-ssl-mode", mysql.to_owned()));
        found.extend(mariadb.iter().map(|name| (*name, "1".to_owned())));
    };
    match options.get_ssl_mode() {
        MySqlSslMode::Disabled => mode("DISABLED", &["loose-skip-ssl"]),
        MySqlSslMode::Preferred => {}
        MySqlSslMode::Required => mode("REQUIRED", &["loose-ssl"]),
        MySqlSslMode::VerifyCa => mode("VERIFY_CA", &["loose-ssl", VERIFIES]),
        MySqlSslMode::VerifyIdentity => mode("VERIFY_IDENTITY", &["loose-ssl", VERIFIES]),
    }
    if matches!(options.get_ssl_mode(), MySqlSslMode::Preferred | MySqlSslMode::Required) {
        // The programs of MariaDB 11.4 and later verify the certificate unless that is turned off.
        found.push((VERIFIES, "0".to_owned()));
    }
    for (option, names) in
        [("ssl-ca", &["ssl-ca", "sslca"]), ("ssl-cert", &["ssl-cert", "sslcert"]), ("ssl-key", &["ssl-key", "sslkey"])]
    {
        found.extend(url.parameter(names).map(|value| (option, value)));
    }
    found
}

/// Quotes a value for an option file.
fn quoted(value: &str) -> String {
    let mut text = String::from("\"");
    for character in value.chars() {
        match character {
            '"' | '\\' => text.extend(['\\', character]),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            other => text.push(other),
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access_to(url: &str) -> DumpAccess {
        let url = DatabaseUrl::parse(url, std::path::Path::new("/")).expect("a URL");
        access(&url).expect("access")
    }

    #[test]
    fn the_option_file_follows_the_url() {
        let access = access_to("mysql://me:p%22a%5C%23s@localhost:3307/app?ssl-mode=verify_ca&ssl-ca=/ca.pem");
        assert_eq!((access.port, access.database.as_str(), access.user.as_str()), (3307, "app", "me"));
        let lines: Vec<&str> = access.option_file.lines().collect();
        for line in [
            r#"password="p\"a\\#s""#,
            r#"protocol="tcp""#,
            r#"port="3307""#,
            r#"loose-ssl-mode="VERIFY_CA""#,
            r#"loose-ssl-verify-server-cert="1""#,
            r#"ssl-ca="/ca.pem""#,
        ] {
            assert!(lines.contains(&line), "{line} is not in {lines:?}");
        }
        for (mode, verifies) in [
            ("", Some("0")),
            ("?ssl-mode=preferred", Some("0")),
            ("?ssl-mode=required", Some("0")),
            ("?ssl-mode=verify_identity", Some("1")),
            ("?ssl-mode=disabled", None),
        ] {
            let file = access_to(&format!("mysql://me@localhost/app{mode}")).option_file;
            let line = file.lines().find_map(|line| line.strip_prefix("loose-ssl-verify-server-cert="));
            assert_eq!(line, verifies.map(|value| format!("\"{value}\"")).as_deref(), "{mode}: {file}");
        }
    }
}
