//! Empty data directories, created once per version of a server: creating one takes seconds, copying it hardly any
//! time.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use super::programs::{User, find, is_mysql, run, server, version};
use super::{Kind, place};
use crate::guests;

/// Must change whenever the commands below do.
const FORMAT: u32 = 1;

/// Creates the data directory of a new server.
pub(super) fn copy(kind: Kind, data: &Path, user: Option<User>) {
    let cache = guests::target_directory().join("test-servers");
    std::fs::create_dir_all(&cache).unwrap();
    let version = version(&server(kind));
    let plain: String = version.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
    let owner = user.map_or(0, |user| user.uid);
    let template = cache.join(format!("{}-{FORMAT}-{owner}-{plain}", kind.name()));
    if !template.exists() {
        // Another process may be creating it.
        let lock = File::create(cache.join("lock")).unwrap();
        lock.lock().unwrap();
        if !template.exists() {
            make(kind, &template, user);
        }
    }
    // A directory that already exists is on its own disk.
    let from = if data.exists() { template.join(".") } else { template };
    run(Command::new("cp").arg("-a").arg(from).arg(data));
    place::close_to_others(data);
}

/// Created where the server's user can write, and renamed at the end, so that no partial template is ever visible.
fn make(kind: Kind, template: &Path, user: Option<User>) {
    let directory = place::directory("template", user);
    let data = directory.join("data");
    let mut command = match kind {
        Kind::Postgres => {
            let mut command = Command::new(find("initdb"));
            command.args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]);
            // Small files are copied quickly.
            command.arg("--wal-segsize=4").arg("-D").arg(&data);
            command
        }
        Kind::Mariadb if is_mysql() => {
            let mut command = Command::new(server(kind));
            command.args(["--no-defaults", "--initialize-insecure", "--innodb-redo-log-capacity=32M"]);
            command.arg(format!("--datadir={}", data.display()));
            command
        }
        Kind::Mariadb => {
            let mut command = Command::new(find("mariadb-install-db"));
            command.args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]);
            command.args(["--innodb-log-file-size=8M", "--innodb-data-file-path=ibdata1:4M:autoextend"]);
            // By default, the first file would grow to 70 MB at once.
            command.arg("--innodb-autoextend-increment=1").arg(format!("--datadir={}", data.display()));
            command
        }
    };
    command.current_dir(&directory).env("LC_ALL", "C.UTF-8");
    if let Some(user) = user {
        command.uid(user.uid).gid(user.gid);
    }
    run(&mut command);
    let part = template.with_extension("part");
    let _ = std::fs::remove_dir_all(&part);
    run(Command::new("cp").arg("-a").arg(&data).arg(&part));
    std::fs::rename(&part, template).unwrap();
    let _ = std::fs::remove_dir_all(directory);
}
