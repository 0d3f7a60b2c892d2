//! Runs the dump program of a server.
//!
//! Passwords never appear on a command line, which every user of the machine can read: `pg_dump` gets it in its environment, the
//! programs of MySQL and MariaDB in an option file that is a pipe.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use super::child_process::ChildProcess;
use super::target_file::UnfinishedBackup;
use runner_base::error::{Error, Result};
use runner_database::{DatabaseUrl, Dialect};
#[cfg(not(all(feature = "postgres", feature = "mysql")))]
use runner_drivers::no_driver;
use runner_engine::backup::BackupJob;
#[cfg(feature = "mysql")]
use runner_mysql::dump::access;
#[cfg(feature = "postgres")]
use runner_postgres::dump::environment;

/// The placeholder of the file in arguments.
const FILE: &str = "{file}";

/// A program with its arguments, environment and input.
#[derive(Default)]
struct Prepared {
    program: PathBuf,
    arguments: Vec<String>,
    variables: Vec<(&'static str, String)>,
    input: Option<String>,
    /// Whether it writes the file itself; otherwise its output is written there.
    writes_file: bool,
}

/// Dumps the database into the file.
pub(super) async fn run(
    url: &DatabaseUrl,
    dialect: Dialect,
    command: Option<&[String]>,
    growing: &UnfinishedBackup,
    job: &BackupJob,
) -> Result<()> {
    let prepared = prepare(url, dialect, command, growing.path())?;
    let name = prepared.program.display().to_string();
    let mut program = Command::new(&prepared.program);
    program.args(&prepared.arguments).envs(prepared.variables);
    program.stdin(if prepared.input.is_some() { Stdio::piped() } else { Stdio::null() }).stderr(Stdio::piped());
    program.stdout(match prepared.writes_file {
        true => Stdio::null(),
        false => {
            let file = std::fs::OpenOptions::new().append(true).open(growing.path());
            Stdio::from(file.map_err(|error| Error::failed("cannot open the file").cause(error))?)
        }
    });
    let mut running = ChildProcess::start(program, prepared.input).await.map_err(|error| {
        Error::failed(format!("cannot run `{name}`"))
            .cause(error)
            .hint("check `[backup] command` in `runner.toml`, and that the program is installed and executable")
    })?;
    let status = running.wait(growing.path(), job).await?;
    let said = running.said().await;
    if !status.success() {
        let error = with_words(Error::failed(format!("`{name}` failed: {status}")), &said);
        return Err(match advice(&said) {
            Some(advice) => error.hint(advice),
            None => error,
        });
    }
    // A failure inside a pipe may go unnoticed.
    match std::fs::metadata(growing.path()) {
        Ok(file) if file.len() > 0 => Ok(()),
        _ => {
            let place = if prepared.writes_file { "the given file" } else { "its output" };
            Err(with_words(Error::failed(format!("`{name}` succeeded but wrote nothing to {place}")), &said)
                .hint(
                    "look at `[backup] command` in `runner.toml`: it writes the backup to `{file}`, or without that word to its \
                     output; a shell hears of a failure in a pipe with `set -o pipefail`",
                ))
        }
    }
}

/// The error with the output of the program.
fn with_words(error: Error, said: &str) -> Error {
    // Warnings about options of the other family are noise.
    let lines = said.lines().map(str::trim).filter(|line| !line.is_empty() && !line.contains("'loose-"));
    lines.fold(error, Error::cause)
}

fn prepare(url: &DatabaseUrl, dialect: Dialect, command: Option<&[String]>, file: &Path) -> Result<Prepared> {
    let file = file.display().to_string();
    let mut prepared = match dialect {
        Dialect::Sqlite => Prepared::default(),
        Dialect::Postgres => Prepared {
            program: PathBuf::from("pg_dump"),
            // The custom format is compressed, and restores whole or in part.
            arguments: ["--format=custom", "--no-password", "--file", &file].map(str::to_owned).to_vec(),
            variables: environment(url)?,
            writes_file: true,
            ..Prepared::default()
        },
        #[cfg(feature = "mysql")]
        Dialect::Mysql | Dialect::Mariadb => mysql_dump(url, &file)?,
        #[cfg(not(feature = "mysql"))]
        Dialect::Mysql | Dialect::Mariadb => return Err(no_driver(dialect).into()),
    };
    let Some(command) = command else {
        prepared.program = find(dialect)?;
        return Ok(prepared);
    };
    let fields = fields(url, dialect, &file)?;
    let fill = |argument: &String| {
        fields.iter().fold(argument.clone(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
    };
    prepared.writes_file = command.iter().any(|argument| argument.contains(FILE));
    let mut words = command.iter().map(fill);
    prepared.program = PathBuf::from(words.next().unwrap_or_default());
    prepared.arguments = words.collect();
    if matches!(dialect, Dialect::Mysql | Dialect::Mariadb) {
        prepared.input = None;
        prepared.variables.extend(url.password().map(|password| ("MYSQL_PWD", password)));
    }
    Ok(prepared)
}

/// Without its driver, there is no database of this kind to back up.
#[cfg(not(feature = "postgres"))]
fn environment(_url: &DatabaseUrl) -> Result<Vec<(&'static str, String)>> {
    Err(no_driver(Dialect::Postgres).into())
}

#[cfg(feature = "mysql")]
fn mysql_dump(url: &DatabaseUrl, file: &str) -> Result<Prepared> {
    let access = access(url)?;
    let result = format!("--result-file={file}");
    let arguments = [
        // Must be the first.
        "--defaults-file=/dev/stdin",
        "--single-transaction",
        "--quick",
        "--routines",
        "--triggers",
        "--events",
        "--hex-blob",
        "--default-character-set=utf8mb4",
        // These would require privileges that few users have; the other family does not know the last two.
        "--no-tablespaces",
        "--loose-column-statistics=0",
        "--loose-set-gtid-purged=OFF",
        &result,
        "--",
        &access.database,
    ];
    Ok(Prepared {
        arguments: arguments.map(str::to_owned).to_vec(),
        input: Some(access.option_file),
        writes_file: true,
        ..Prepared::default()
    })
}

/// Replaces placeholders.
fn fields(url: &DatabaseUrl, dialect: Dialect, file: &str) -> Result<Vec<(&'static str, String)>> {
    let mut fields = vec![("file", file.to_owned())];
    match dialect {
        Dialect::Sqlite => {
            fields.extend(url.sqlite_path().map(|path| ("database", path.display().to_string())));
        }
        Dialect::Postgres => {
            let names = [("PGHOST", "host"), ("PGPORT", "port"), ("PGUSER", "user"), ("PGDATABASE", "database")];
            for (variable, value) in environment(url)? {
                fields.extend(names.iter().find(|(name, _)| *name == variable).map(|(_, name)| (*name, value)));
            }
        }
        #[cfg(not(feature = "mysql"))]
        Dialect::Mysql | Dialect::Mariadb => return Err(no_driver(dialect).into()),
        #[cfg(feature = "mysql")]
        Dialect::Mysql | Dialect::Mariadb => {
            let access = access(url)?;
            fields.extend([
                ("host", access.host),
                ("port", access.port.to_string()),
                ("socket", access.socket),
                ("user", access.user),
                ("database", access.database),
            ]);
        }
    }
    Ok(fields)
}

/// The dump program for a dialect on the `PATH`.
fn find(dialect: Dialect) -> Result<PathBuf> {
    let names: &[&str] = match dialect {
        Dialect::Postgres => &["pg_dump"],
        Dialect::Mariadb => &["mariadb-dump", "mysqldump"],
        _ => &["mysqldump", "mariadb-dump"],
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let mut found = names.iter().flat_map(|name| directories.iter().map(move |directory| directory.join(name)));
    found.find(|program| program.is_file()).ok_or_else(|| {
        Error::failed(format!("`{}` not found on the `PATH`", names.join("` or `")))
            .hint(format!("install the client programs of {dialect}, or set another program in `[backup] command`"))
    })
}

/// A hint for the output of a program.
fn advice(said: &str) -> Option<String> {
    let said = said.to_lowercase();
    let has = |text: &str| said.contains(text);
    Some(if has("server version mismatch") {
        older_than_the_server(&said)
    } else if has("no space left on device") || has("errno: 28") || has("errno 28") || has("errcode: 28") {
        "free some disk space, or use another directory with `--backup PATH` or `[backup] directory`".to_owned()
    } else if has("permission denied for") || has("access denied") || has("insufficient privileges") {
        "the user of the database URL may not read everything: grant it that, or name a program with a user of its own in \
         `[backup] command`"
            .to_owned()
    } else {
        return None;
    })
}

/// The hint for a `pg_dump` that is older than its server, which names both: `server version: 18.4; pg_dump version:
/// 15.14 (Debian 15.14-0+deb12u1)`.
fn older_than_the_server(said: &str) -> String {
    let server = said.split_once("server version: ").map(|(_, rest)| rest);
    let major: String = server.unwrap_or_default().chars().take_while(char::is_ascii_digit).collect();
    let package = match major.is_empty() {
        true => "the client programs of the server's version".to_owned(),
        false => format!(
            "the client programs of PostgreSQL {major} or later (`postgresql-client-{major}` on Debian and Ubuntu, from \
             apt.postgresql.org if need be)"
        ),
    };
    format!("`pg_dump` is older than the server: install {package}, or name its `pg_dump` in `[backup] command`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_replaced_and_no_password_is_shown() {
        let command = ["dump", "{user}@{host}:{port}/{database}", "--to={file}"].map(str::to_owned);
        for (url, dialect, filled) in [
            ("postgres://me:secret@db:5433/app", Dialect::Postgres, "me@db:5433/app"),
            ("mysql://me:secret@db:3307/app", Dialect::Mariadb, "me@db:3307/app"),
        ] {
            let url = DatabaseUrl::parse(url, Path::new("/")).expect("a URL");
            let prepared = prepare(&url, dialect, Some(&command), Path::new("/b")).expect("prepared");
            assert_eq!(prepared.arguments, [filled, "--to=/b"]);
            assert!(prepared.writes_file);
            assert!(prepared.variables.iter().any(|(_, value)| value == "secret"));
        }
    }

    #[test]
    fn the_default_programs_show_no_password() {
        for url in ["postgres://me:secret@db/app", "mysql://me:secret@db/app"] {
            let url = DatabaseUrl::parse(url, Path::new("/")).expect("a URL");
            let prepared = prepare(&url, url.dialect(), None, Path::new("/b"));
            let Ok(prepared) = prepared else { continue };
            assert!(!prepared.arguments.join(" ").contains("secret"));
        }
    }

    #[test]
    fn known_failures_have_a_hint() {
        let old = "pg_dump: error: aborting because of server version mismatch\n\
                   pg_dump: detail: server version: 18.4; pg_dump version: 15.14 (Debian 15.14-0+deb12u1)\n";
        assert!(advice(old).is_some_and(|advice| advice.contains("`postgresql-client-18`")), "{:?}", advice(old));
        let terse = advice("pg_dump: error: aborting because of server version mismatch\n");
        assert!(terse.as_ref().is_some_and(|advice| advice.contains("older than the server")), "{terse:?}");
        assert_eq!(advice("something else"), None);
    }
}
