//! Runs the program that dumps a server's database.
//!
//! No password stands on a command line, which everybody on the machine can read: `pg_dump` gets it in its environment, and
//! the programs of MySQL and MariaDB in an option file that is a pipe.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use super::place::Growing;
use super::{Told, pause};
use crate::database::{DatabaseUrl, Dialect, mysql, postgres};
use crate::engine::backup::BackupJob;
use crate::engine::script::stopped;
use crate::error::{Error, Result};

/// How often a look at the file tells how far it has grown.
const LOOK: Duration = Duration::from_millis(250);

/// How long a program may take to end when it is asked to.
const PATIENCE: Duration = Duration::from_secs(2);

/// The most that is kept of what a program says.
const SAID: usize = 4096;

/// What stands for the file in an argument.
const FILE: &str = "{file}";

/// A program and everything that it is told.
struct Prepared {
    program: PathBuf,
    arguments: Vec<String>,
    variables: Vec<(&'static str, String)>,
    input: Option<String>,
    /// Whether it writes the file itself; else its output goes there.
    writes_file: bool,
}

/// Has the database written into the file.
pub(super) async fn run(
    url: &DatabaseUrl,
    dialect: Dialect,
    command: Option<&[String]>,
    growing: &Growing,
    job: &BackupJob,
) -> Result<()> {
    let prepared = prepare(url, dialect, command, growing.path())?;
    let name = prepared.program.display().to_string();
    let mut program = Command::new(&prepared.program);
    program.args(&prepared.arguments).envs(prepared.variables).kill_on_drop(true);
    program.stdin(if prepared.input.is_some() { Stdio::piped() } else { Stdio::null() }).stderr(Stdio::piped());
    program.stdout(match prepared.writes_file {
        true => Stdio::null(),
        false => {
            let file = std::fs::OpenOptions::new().append(true).open(growing.path());
            Stdio::from(file.map_err(|error| Error::failed("the file cannot be opened").cause(error))?)
        }
    });
    let mut child = program.spawn().map_err(|error| {
        Error::failed(format!("`{name}` cannot be started"))
            .cause(error)
            .hint("look at `[backup] command` in `runner.toml`, and whether the program is there and may be run")
    })?;
    if let (Some(input), Some(mut pipe)) = (prepared.input, child.stdin.take()) {
        // One that does not read it says what it lacks.
        let _ = pipe.write_all(input.as_bytes()).await;
    }
    let said = listen(&mut child);
    let ended = wait(&mut child, growing.path(), job).await;
    let said = said.await.unwrap_or_default();
    let status = ended?;
    if status.success() {
        return Ok(());
    }
    let mut error = Error::failed(format!("`{name}` failed: {status}"));
    // Of options that are the other family's nobody needs to hear.
    for line in said.lines().map(str::trim).filter(|line| !line.is_empty() && !line.contains("'loose-")) {
        error = error.cause(line);
    }
    Err(match advice(&said) {
        Some(advice) => error.hint(advice),
        None => error,
    })
}

/// Waits for the end of the program, tells how far it is, and ends it when the run is to stop.
async fn wait(child: &mut Child, file: &Path, job: &BackupJob) -> Result<std::process::ExitStatus> {
    let told = Told::new(job);
    let lost = |error: std::io::Error| Error::failed("the program is lost").cause(error);
    loop {
        tokio::select! {
            biased;
            status = child.wait() => return status.map_err(lost),
            reason = pause(&job.stop, LOOK) => {
                if let Some(reason) = reason {
                    end(child).await;
                    return Err(stopped(reason));
                }
                if let Ok(found) = std::fs::metadata(file) {
                    told.tell(found.len(), None, "bytes");
                }
            }
        }
    }
}

/// Asks the program to end, and ends it if it does not.
async fn end(child: &mut Child) {
    #[cfg(unix)]
    if let Some(id) = child.id().and_then(|id| i32::try_from(id).ok()) {
        // SAFETY: a signal to our own child, which was not waited for yet, so that the number is its own.
        unsafe { libc::kill(id, libc::SIGTERM) };
    }
    if tokio::time::timeout(PATIENCE, child.wait()).await.is_err() {
        let _ = child.kill().await;
    }
}

/// Reads what the program says, to its end, and keeps the end of it.
fn listen(child: &mut Child) -> tokio::task::JoinHandle<String> {
    let pipe = child.stderr.take();
    tokio::spawn(async move {
        let Some(mut pipe) = pipe else { return String::new() };
        let mut kept = Vec::new();
        let mut block = [0; 1024];
        while let Ok(read @ 1..) = pipe.read(&mut block).await {
            kept.extend_from_slice(&block[..read]);
            let excess = kept.len().saturating_sub(SAID);
            kept.drain(..excess);
        }
        String::from_utf8_lossy(&kept).into_owned()
    })
}

fn prepare(url: &DatabaseUrl, dialect: Dialect, command: Option<&[String]>, file: &Path) -> Result<Prepared> {
    let file = file.display().to_string();
    let mut prepared = match dialect {
        Dialect::Sqlite => Prepared {
            program: PathBuf::new(),
            arguments: Vec::new(),
            variables: Vec::new(),
            input: None,
            writes_file: false,
        },
        Dialect::Postgres => Prepared {
            program: PathBuf::from("pg_dump"),
            // The custom format is compressed, and restores whole or in part.
            arguments: ["--format=custom", "--no-password", "--file", &file].map(str::to_owned).to_vec(),
            variables: postgres::dump::environment(url)?,
            input: None,
            writes_file: true,
        },
        Dialect::Mysql | Dialect::Mariadb => mysql_dump(url, &file)?,
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

fn mysql_dump(url: &DatabaseUrl, file: &str) -> Result<Prepared> {
    let told = mysql::dump::told(url)?;
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
        // Would take rights that few have; the other family does not know the last two.
        "--no-tablespaces",
        "--loose-column-statistics=0",
        "--loose-set-gtid-purged=OFF",
        &result,
        "--",
        &told.database,
    ];
    Ok(Prepared {
        program: PathBuf::new(),
        arguments: arguments.map(str::to_owned).to_vec(),
        variables: Vec::new(),
        input: Some(told.option_file),
        writes_file: true,
    })
}

/// What placeholders stand for.
fn fields(url: &DatabaseUrl, dialect: Dialect, file: &str) -> Result<Vec<(&'static str, String)>> {
    let mut fields = vec![("file", file.to_owned())];
    match dialect {
        Dialect::Sqlite => {
            fields.extend(url.sqlite_path().map(|path| ("database", path.display().to_string())));
        }
        Dialect::Postgres => {
            let names = [("PGHOST", "host"), ("PGPORT", "port"), ("PGUSER", "user"), ("PGDATABASE", "database")];
            for (variable, value) in postgres::dump::environment(url)? {
                fields.extend(names.iter().find(|(name, _)| *name == variable).map(|(_, name)| (*name, value)));
            }
        }
        Dialect::Mysql | Dialect::Mariadb => {
            let told = mysql::dump::told(url)?;
            fields.extend([
                ("host", told.host),
                ("port", told.port.to_string()),
                ("socket", told.socket),
                ("user", told.user),
                ("database", told.database),
            ]);
        }
    }
    Ok(fields)
}

/// The dump program of a family on the `PATH`.
fn find(dialect: Dialect) -> Result<PathBuf> {
    let names: &[&str] = match dialect {
        Dialect::Postgres => &["pg_dump"],
        Dialect::Mariadb => &["mariadb-dump", "mysqldump"],
        _ => &["mysqldump", "mariadb-dump"],
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let mut found = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    found.find(|program| program.is_file()).ok_or_else(|| {
        Error::failed(format!("`{}` is not on the `PATH`", names.join("` or `")))
            .hint(format!("install the client programs of {dialect}, or name another program in `[backup] command`"))
    })
}

/// What to do about what a program said.
fn advice(said: &str) -> Option<&'static str> {
    let said = said.to_lowercase();
    let has = |text: &str| said.contains(text);
    if has("server version mismatch") {
        Some(
            "the program is older than the server: install that of the server's version, or name it in `[backup] command`",
        )
    } else if has("no space left on device") || has("errno: 28") || has("errno 28") || has("errcode: 28") {
        Some("make room on the disk, or name another folder with `--backup PATH` or `[backup] folder`")
    } else if has("permission denied for") || has("access denied") || has("insufficient privileges") {
        Some(
            "the user of the database URL may not read everything: grant it that, or name a program with a user of its own in \
              `[backup] command`",
        )
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_filled_in_and_shows_no_password() {
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
    fn the_usual_programs_show_no_password() {
        for url in ["postgres://me:secret@db/app", "mysql://me:secret@db/app"] {
            let url = DatabaseUrl::parse(url, Path::new("/")).expect("a URL");
            let prepared = prepare(&url, url.dialect(), None, Path::new("/b"));
            let Ok(prepared) = prepared else { continue };
            assert!(!prepared.arguments.join(" ").contains("secret"));
        }
    }

    #[test]
    fn what_is_known_of_a_failure_is_advised() {
        let old = "pg_dump: error: aborting because of server version mismatch\n";
        assert!(advice(old).is_some_and(|advice| advice.contains("older than the server")));
        assert_eq!(advice("something else"), None);
    }
}
