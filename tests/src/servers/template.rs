//! Empty data folders, made once for each version of a server: making one takes seconds, copying it none.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use super::programs::{User, find, run, version};
use super::{Kind, place};
use crate::guests;

/// Changes whenever the commands below do.
const FORMAT: u32 = 1;

/// Makes the data folder of a new server.
pub(super) fn copy(kind: Kind, data: &Path, user: Option<User>) {
    let cache = guests::target_folder().join("test-servers");
    std::fs::create_dir_all(&cache).unwrap();
    let version = match kind {
        Kind::Postgres => version("initdb"),
        Kind::Mariadb => version("mariadbd"),
    };
    let plain: String = version.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
    let owner = user.map_or(0, |user| user.uid);
    let template = cache.join(format!("{}-{FORMAT}-{owner}-{plain}", kind.name()));
    if !template.exists() {
        // Another process may be at it.
        let lock = File::create(cache.join("lock")).unwrap();
        lock.lock().unwrap();
        if !template.exists() {
            make(kind, &template, user);
        }
    }
    // A folder that is there already is one on a disk of its own.
    let from = if data.exists() { template.join(".") } else { template };
    run(Command::new("cp").arg("-a").arg(from).arg(data));
    place::close_to_others(data);
}

/// Where the user of the server can write, and by a rename, so that no half of a template is ever seen.
fn make(kind: Kind, template: &Path, user: Option<User>) {
    let folder = place::folder("template", user);
    let data = folder.join("data");
    let mut command = match kind {
        Kind::Postgres => {
            let mut command = Command::new(find("initdb"));
            command.args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]);
            // Small files are copied quickly.
            command.arg("--wal-segsize=4").arg("-D").arg(&data);
            command
        }
        Kind::Mariadb => {
            let mut command = Command::new(find("mariadb-install-db"));
            command.args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]);
            command.args(["--innodb-log-file-size=8M", "--innodb-data-file-path=ibdata1:4M:autoextend"]);
            // By default the first file would grow to 70 MB at once.
            command.arg("--innodb-autoextend-increment=1").arg(format!("--datadir={}", data.display()));
            command
        }
    };
    command.current_dir(&folder).env("LC_ALL", "C.UTF-8");
    if let Some(user) = user {
        command.uid(user.uid).gid(user.gid);
    }
    run(&mut command);
    let part = template.with_extension("part");
    let _ = std::fs::remove_dir_all(&part);
    run(Command::new("cp").arg("-a").arg(&data).arg(&part));
    std::fs::rename(&part, template).unwrap();
    let _ = std::fs::remove_dir_all(folder);
}
