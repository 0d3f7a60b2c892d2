//! Backups before a run: they can be restored, nothing runs if one fails, and existing files are never overwritten.
#![cfg(unix)]

mod stopped;

use std::path::{Path, PathBuf};

use runner_tests::servers::{Kind, Server, Tls};
use runner_tests::{Engine, EngineProject, ITEMS, Output, SmallDisk, dump, for_each_engine, for_each_server, project};

/// Two migrations, the first of which is applied, with values that a bad dump would lose.
fn shop(engine: Engine) -> EngineProject {
    let project = project!(engine);
    fill(&project);
    project
}

fn fill(project: &EngineProject) {
    project
        .sql(
            "0001_items",
            &format!(
                "{ITEMS}INSERT INTO items (id, name, price) SELECT i, concat('«item» ', i), i / 3.0 FROM ({}) AS n;\n\
                 CREATE VIEW dear AS SELECT * FROM items WHERE price > 100;",
                project.engine().numbers(1000)
            ),
            "DROP VIEW dear;\nDROP TABLE items;",
        )
        .sql("0002_prices", "UPDATE items SET price = 0;\nCREATE TABLE second (id INTEGER);", "DROP TABLE second;");
    project.runner("apply --target 1").succeeds();
}

/// The files of a directory of the project.
fn files(project: &EngineProject, directory: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(project.file(directory)).into_iter().flatten().flatten();
    let mut files: Vec<_> = entries.map(|entry| entry.path()).collect();
    files.sort();
    files
}

/// The content restored from the file.
fn restored(project: &EngineProject, file: &Path) -> Vec<String> {
    let Some(server) = project.engine().server() else {
        let connection = rusqlite::Connection::open(file).unwrap();
        dump::check(&connection);
        return format!("{:?}", dump::everything(&connection)).lines().map(str::to_owned).collect();
    };
    let fresh = server.database();
    fresh.client().restore(file);
    // The name of the database is not compared.
    let text = fresh.client().dump_everything();
    text.into_iter().map(|line| line.replace(fresh.name(), "DATABASE")).collect()
}

fn now(project: &EngineProject) -> Vec<String> {
    let lines = project.everything();
    match project.engine() {
        Engine::Sqlite => lines,
        _ => lines.iter().map(|line| line.replace(project.server_database().name(), "DATABASE")).collect(),
    }
}

/// The run failed before it changed anything, and left no file.
#[track_caller]
fn stops(project: &EngineProject, output: &Output, directory: &str, before: &[String]) {
    output.says(&["backup failed; nothing was run"]);
    assert_eq!(now(project), before, "{output}");
    assert_eq!(files(project, directory), Vec::<PathBuf>::new(), "{output}");
}

for_each_engine! {
    fn a_restored_backup_equals_the_original(engine) {
        let project = shop(engine);
        for (line, place) in [
            ("apply --backup kept/up", "kept/up"),
            ("rollback -n 1 --backup kept/down", "kept/down"),
            ("apply --backup none", ""),
            ("redo --backup kept/redo", "kept/redo"),
        ] {
            std::fs::create_dir_all(project.file("kept")).unwrap();
            let before = now(&project);
            let output = project.runner(line);
            output.succeeds();
            if place.is_empty() {
                output.does_not_say(&["backup"]);
                continue;
            }
            output.says(&["backup ", place]);
            assert_ne!(now(&project), before, "{output}");
            assert_eq!(restored(&project, &project.file(place)), before, "{line}");
            #[cfg(unix)]
            assert_eq!(std::os::unix::fs::MetadataExt::mode(&project.file(place).metadata().unwrap()) & 0o777, 0o600);
        }
        assert_eq!(files(&project, "kept").len(), 3);
    }

    fn names_are_generated_and_backups_made_only_if_something_runs(engine) {
        let project = shop(engine);
        project.settings("[backup]\nto = \"auto\"\ndirectory = \"kept\"");
        for line in ["plan", "status", "apply --target 1", "rollback --dry-run"] {
            project.runner(line);
        }
        assert_eq!(files(&project, "kept"), Vec::<PathBuf>::new());
        let before = now(&project);
        let output = project.runner("apply --format json");
        let report: serde_json::Value = serde_json::from_str(&output.succeeds().stdout).unwrap();
        let [file] = files(&project, "kept").try_into().unwrap();
        assert_eq!(report["backup"]["path"], file.display().to_string());
        assert_eq!(report["backup"]["bytes"], file.metadata().unwrap().len());
        assert!(file.file_name().unwrap().to_string_lossy().contains("-0001-"), "{file:?}");
        assert_eq!(restored(&project, &file), before);
        project.runner("apply").succeeds();
        project.runner("rollback --backup none").succeeds();
        assert_eq!(files(&project, "kept").len(), 1);
        // Without a directory: next to the file, or in `backups`.
        project.write("runner.toml", "[project]\nname = \"test\"\n");
        project.finish(project.command(["apply"]).env("RUNNER_BACKUP", "auto")).succeeds();
        let directory = if engine == Engine::Sqlite { "." } else { "backups" };
        assert!(files(&project, directory).iter().any(|file| file.to_string_lossy().contains("-0001-")));
    }

    fn no_file_is_overwritten(engine) {
        let project = shop(engine);
        project.write("mine", "precious");
        let before = now(&project);
        project.runner("apply --backup mine").exits(1).says(&["backups do not overwrite files", "hint:", "nothing was run"]);
        assert_eq!((now(&project), project.read("mine")), (before, "precious".to_owned()));
    }

    fn a_directory_that_does_not_exist_is_created(engine) {
        let project = shop(engine);
        for line in ["apply --backup new/", "rollback --backup new/"] {
            project.runner(line).succeeds();
        }
        let made = files(&project, "new");
        assert_eq!(made.len(), 2, "{made:?}");
    }

    fn nothing_runs_without_a_writable_directory(engine) {
        let project = shop(engine);
        project.write("file", "");
        let before = now(&project);
        for place in ["file/backup", "missing/backup", "/proc/backup"] {
            let output = project.runner(&format!("apply --backup {place}"));
            stops(&project, output.exits(1).says(&["cannot create a file in", "hint:"]), "kept", &before);
        }
        project.settings("[backup]\nto = \"auto\"\ndirectory = \"file/directory\"");
        project.runner("apply").exits(1).says(&["cannot create", "nothing was run"]);
        assert_eq!(now(&project), before);
    }

    fn on_a_disk_that_is_full(engine) {
        let project = shop(engine);
        project.execute(&format!("INSERT INTO items (id, name, price) SELECT i + 1000, concat('more of it ', i * 7919), i FROM ({}) AS n", engine.numbers(50_000)));
        let before = now(&project);
        let disk = SmallDisk::new(&project, "kept", 64 * 1024);
        let output = disk.run("apply --backup kept/backup");
        stops(&project, output.exits(1).says(&["hint:"]), "kept", &before);
        project.runner("apply").succeeds();
    }

    fn a_failed_run_shows_how_to_restore_the_backup(engine) {
        let project = shop(engine);
        project.sql("0003_broken", "INSERT INTO nowhere VALUES (1);", "SELECT 1;");
        let before = now(&project);
        let output = project.runner("apply --backup safe");
        output.exits(1).says(&["0003_broken", "hint: the backup", "safe", "holds the database as it was before this run", "to restore it"]);
        assert_eq!(restored(&project, &project.file("safe")), before);
    }

    fn a_custom_command(engine) {
        let project = shop(engine);
        let before = now(&project);
        project.settings("[backup]\nto = \"kept\"\ncommand = [\"sh\", \"-c\", \"echo no way >&2; exit 3\"]");
        let output = project.runner("apply");
        stops(&project, output.exits(1).says(&["`sh` failed", "no way"]), "none", &before);
        assert!(!project.file("kept").exists());
        for (command, kept) in [
            ("[\"sh\", \"-c\", \"printf %s \\\"$0\\\" > \\\"$1\\\"\", \"{database}\", \"{file}\"]", true),
            // With a command that names no file, its output is written to the file.
            ("[\"printf\", \"%s\", \"{database}\"]", true),
            ("[\"no such program\"]", false),
        ] {
            let _ = std::fs::remove_file(project.file("kept"));
            project.write("runner.toml", format!("[project]\nname = \"test\"\n[backup]\nto = \"kept\"\ncommand = {command}\n"));
            let output = project.runner("redo");
            if !kept {
                output.exits(1).says(&["cannot run `", "hint:"]);
                continue;
            }
            output.succeeds();
            let name = match engine {
                Engine::Sqlite => project.file("runner.db").display().to_string(),
                _ => project.server_database().name().to_owned(),
            };
            assert_eq!(project.read("kept"), name, "{command}");
        }
    }

    fn an_empty_backup_is_a_failure(engine) {
        let project = shop(engine);
        let before = now(&project);
        for command in [
            "[\"true\", \"{file}\"]",
            "[\"sh\", \"-c\", \"echo no way >&2\"]",
            "[\"sh\", \"-c\", \"echo no way >&2; rm \\\"$0\\\"\", \"{file}\"]",
        ] {
            let settings = format!("[project]\nname = \"test\"\n[backup]\nto = \"kept\"\ncommand = {command}\n");
            project.write("runner.toml", settings);
            let output = project.runner("apply");
            stops(&project, output.exits(1).says(&["wrote nothing to", "hint:"]), "none", &before);
            assert!(!project.file("kept").exists(), "{output}");
            if command.contains("no way") {
                output.says(&["no way"]);
            }
        }
    }

}

for_each_server! {
    fn nothing_runs_without_the_dump_program(engine) {
        let project = shop(engine);
        let before = now(&project);
        let output = project.finish(project.command(["apply", "--backup", "kept"]).env("PATH", "/nowhere"));
        output.exits(1).says(&["not found on the `PATH`", "hint: install", "nothing was run"]);
        assert_eq!(now(&project), before);
        assert!(!project.file("kept").exists());
    }

    fn a_program_older_than_the_server(engine) {
        let project = shop(engine);
        let program = if engine == Engine::Postgres { "pg_dump" } else { "mariadb-dump" };
        let says = "pg_dump: error: aborting because of server version mismatch";
        project.program(&format!("bin/{program}"), &format!("#!/bin/sh\necho '{says}' >&2\nexit 1\n"));
        let path = format!("{}:{}", project.file("bin").display(), std::env::var("PATH").unwrap());
        let output = project.finish(project.command(["apply", "--backup", "kept"]).env("PATH", path));
        output.exits(1).says(&[says, "hint: `pg_dump` is older than the server"]);
        assert_eq!(project.history(), ["0001"]);
    }

    fn by_the_unix_socket(engine) {
        let mut project = shop(engine);
        let before = now(&project);
        let url = project.server_database().socket_url().expect("a server of our own");
        project.by(&url);
        project.runner("apply --backup kept").succeeds();
        assert_eq!(restored(&project, &project.file("kept")), before);
    }
}

/// A password with characters that every syntax involved quotes differently. No output may contain it.
#[test]
fn with_a_password_and_over_tls() {
    const PASSWORD: &str = "p\"a\\s's #%$x";
    let encoded = "p%22a%5Cs%27s%20%23%25%24x";
    for kind in [Kind::Postgres, Kind::Mariadb] {
        let server = Server::private(kind).tls(Tls::Required).start();
        let project = EngineProject::on(env!("CARGO_BIN_EXE_runner"), server.database());
        let user = "keeper";
        let name = project.server_database().name().to_owned();
        match kind {
            Kind::Postgres => server
                .client()
                .sql(&format!("CREATE ROLE {user} LOGIN SUPERUSER PASSWORD '{}'", PASSWORD.replace('\'', "''"))),
            Kind::Mariadb => server.client().sql(&format!(
                "CREATE USER {user}@'%' IDENTIFIED BY '{}'; GRANT ALL PRIVILEGES ON *.* TO {user}@'%'",
                PASSWORD.replace('\\', "\\\\").replace('\'', "''")
            )),
        };
        let authority = server.authority().display().to_string();
        let (scheme, parameters) = match kind {
            Kind::Postgres => ("postgres", format!("sslmode=verify-ca&sslrootcert={authority}")),
            Kind::Mariadb => ("mysql", format!("ssl-mode=verify_ca&ssl-ca={authority}")),
        };
        let mut project = project;
        let url = format!("{scheme}://{user}:{encoded}@127.0.0.1:{}/{name}?{parameters}", server.port());
        project.by(&url);
        project.sql("0001_items", "CREATE TABLE items (id INTEGER NOT NULL PRIMARY KEY);", "DROP TABLE items;").sql(
            "0002_more",
            "INSERT INTO items VALUES (1);",
            "DELETE FROM items;",
        );
        project.runner("apply --target 1").succeeds();
        let before = project.everything();
        let output = project.runner("apply --backup kept");
        output.succeeds().does_not_say(&["p\"a", "p%22a"]);
        let fresh = server.database();
        fresh.client().restore(&project.file("kept"));
        assert_eq!(fresh.client().dump_everything().len(), before.len());
        // A wrong password is reported with the server's message.
        project.settings(
            "[backup]\nto = \"other\"\ncommand = [\"sh\", \"-c\", \"ps -ef | grep -c 'p\\\"a' >&2; exit 1\"]",
        );
        project.runner("rollback").exits(1).does_not_say(&["p\"a"]);
    }
}

/// Their files have one name, in directories of their own.
#[test]
fn each_database_of_several_has_a_backup_with_its_name() {
    let project = shop(Engine::Sqlite);
    project.settings(
        "[tenants]\nurl = \"sqlite:{tenant}/app.db?mode=rwc\"\nnames = [\"acme\", \"beta\"]\n\
         [databases.billing]\nurl = \"sqlite:app.db\"\nmigrations = \"billing\"",
    );
    for name in ["acme", "beta"] {
        std::fs::create_dir(project.file(name)).unwrap();
    }
    for name in ["1_a", "2_b"] {
        project.write(&format!("billing/000{name}.up.sql"), format!("CREATE TABLE \"{name}\" (id INTEGER);"));
    }
    project.runner("apply --all --target 1").succeeds();
    let output = project.runner("apply --all --backup kept/ --format json");
    let report: serde_json::Value = serde_json::from_str(&output.succeeds().stdout).unwrap();
    let names: Vec<String> =
        files(&project, "kept").iter().map(|it| it.file_name().unwrap().to_string_lossy().into_owned()).collect();
    assert_eq!(names.len(), 3, "{report}");
    for (file, name) in names.iter().zip(["acme", "beta", "billing"]) {
        assert!(file.starts_with(&format!("{name}-0001-")), "{file}");
    }
}

#[test]
fn an_in_memory_database_cannot_be_backed_up() {
    let project = shop(Engine::Sqlite);
    project.runner("apply -D sqlite::memory: --backup auto").exits(2).says(&["in-memory", "hint:"]);
}

#[test]
fn invalid_settings_are_reported() {
    let project = shop(Engine::Sqlite);
    for (lines, says) in [
        ("[backup]\nto = \"\"", "`backup.to` is empty"),
        ("[backup]\ncommand = []", "`backup.command` has no program"),
        ("[backup]\nfile = \"x\"", "unknown key `file`"),
        ("[environments.production.backup]\nto = 7", "`environments.production.backup.to` must be a string"),
    ] {
        project.write("runner.toml", format!("[project]\nname = \"test\"\n{lines}\n"));
        project.runner("apply").exits(2).says(&[says]);
    }
    // The environment's value takes precedence over the file's, and is relative to the project.
    let text = "[project]\nname = \"test\"\n[backup]\nto = \"auto\"\n[environments.production]\nurl = \"sqlite:runner.db\"\n\
                [environments.production.backup]\nto = \"theirs\"\n";
    project.write("runner.toml", text);
    project.runner("apply -e production").succeeds();
    assert!(project.file("theirs").exists());
}
