//! How to restore a backup.

use std::path::Path;

use runner_base::suggest::quoted_for_shell;
use runner_database::{DatabaseUrl, Dialect};

/// The instructions, as a sentence.
pub(super) fn advice(url: &DatabaseUrl, dialect: Dialect, is_foreign: bool, backup: &Path) -> String {
    let backup = quoted_for_shell(&backup.display().to_string());
    if is_foreign {
        return format!("restore {backup} with the counterpart of your `[backup] command`");
    }
    let server = url.parameter(&["host", "socket"]).is_none().then(|| url.host_and_port()).flatten();
    let port = |port: u16| format!(" --port={port}");
    let server = server.map(|(host, of_host)| format!(" --host={host}{}", of_host.map(port).unwrap_or_default()));
    let server = server.unwrap_or_default();
    // Each server is restored with its own client.
    match dialect {
        Dialect::Sqlite => {
            let database =
                url.sqlite_path().map(|path| quoted_for_shell(&path.display().to_string())).unwrap_or_default();
            format!(
                "to restore it, stop whatever uses the database, remove {database}-wal and {database}-shm, and copy \
                 {backup} over {database}"
            )
        }
        Dialect::Postgres => {
            format!(
                "to restore it, make a fresh database and fill it: `createdb{server} NAME && pg_restore{server} \
                 --exit-on-error --dbname=NAME {backup}`"
            )
        }
        Dialect::Mysql | Dialect::Mariadb => {
            let client = if dialect == Dialect::Mariadb { "mariadb" } else { "mysql" };
            format!("to restore it, create an empty database and load it: `{client}{server} NAME < {backup}`")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_names_no_password() {
        for (url, dialect, part) in [
            ("sqlite:app.db", Dialect::Sqlite, "copy '/b/my backup' over /base/app.db"),
            ("postgres://me:secret@db:5433/a", Dialect::Postgres, "pg_restore --host=db --port=5433 --exit-on-error"),
            ("mysql://me:secret@db/a", Dialect::Mariadb, "`mariadb --host=db NAME < '/b/my backup'`"),
            ("mysql://me:secret@db/a?socket=/s", Dialect::Mysql, "`mysql NAME < '/b/my backup'`"),
        ] {
            let url = DatabaseUrl::parse(url, Path::new("/base")).expect("a URL");
            let advice = advice(&url, dialect, false, Path::new("/b/my backup"));
            assert!(advice.contains(part) && !advice.contains("secret"), "{advice}");
        }
    }
}
