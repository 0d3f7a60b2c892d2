//! Settings: the source of each value, and the messages about wrong ones.

use std::path::Path;

use runner_tests::{Output, TestProject, guests, project};

fn one() -> TestProject {
    let project = project!();
    project.sql("1_t", "CREATE TABLE t (id INTEGER);", "DROP TABLE t;");
    project
}

/// Applies with these variables, and returns which database files exist.
fn apply_with(project: &TestProject, arguments: &[&str], variables: &[(&str, &str)]) -> (Output, Vec<String>) {
    let mut command = project.command(["apply"]);
    command.args(arguments).envs(variables.iter().copied());
    let output = project.finish(&mut command);
    (output, databases(project.root()))
}

/// The database files, which are removed.
fn databases(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.contains(".db"))
        .collect();
    for name in &names {
        std::fs::remove_file(directory.join(name)).unwrap();
    }
    names.retain(|name| name.ends_with(".db"));
    names.sort();
    names
}

#[test]
fn only_a_project_that_names_a_database_has_one() {
    let project = one();
    let apply = |variables: &[(&str, &str)]| {
        let mut command = project.command(["apply"]);
        project.finish(command.env_remove("DATABASE_URL").envs(variables.iter().copied()))
    };
    apply(&[]).exits(2).says(&["no database URL is set", "`[database]`"]);
    for name in ["DATABASE_URL", "RUNNER_DATABASE_URL", "RUNNER_ENVIRONMENT", "RUNNER_DATABASE"] {
        apply(&[(name, "")]).exits(2).says(&[&format!("`{name}` is empty")[..]]);
    }
    for line in
        ["DATABASE_URL: postgres://h/d", "set DATABASE_URL=postgres://h/d", "DATABASE_URL=postgres://u:pa$word@h/d"]
    {
        project.write(".env", line);
        apply(&[]).exits(2).says(&[".env:1"]);
    }
    project.write(".env", "DATABASE_URL=\n");
    apply(&[]).exits(2).says(&["`DATABASE_URL` is empty"]);
    std::fs::remove_file(project.file(".env")).unwrap();
    project.runner("validate").succeeds();
    assert!(databases(project.root()).is_empty());
}

#[test]
fn a_project_of_files_for_other_databases_is_refused() {
    let project = project!();
    project.write("migrations/1_t.postgres.up.sql", "CREATE TABLE t (id INTEGER);");
    project
        .runner("apply")
        .exits(2)
        .says(&["every migration of the project is for PostgreSQL, and the database is SQLite"]);
    assert!(databases(project.root()).is_empty());
}

#[test]
fn sources_are_used_in_order_of_precedence() {
    let project = one();
    let peel = |arguments: &[&str], variables: &[(&str, &str)], expected: &str| {
        let (output, files) = apply_with(&project, arguments, variables);
        output.succeeds();
        assert_eq!(files, [expected], "{arguments:?} {variables:?}");
    };
    let all = [("RUNNER_DATABASE_URL", "sqlite:own.db"), ("DATABASE_URL", "sqlite:common.db")];
    project.write(".env", "RUNNER_DATABASE_URL=sqlite:dot-own.db\nDATABASE_URL=sqlite:dot-common.db\n");
    project.settings("[database]\nurl = \"sqlite:file.db\"");
    peel(&["--database-url", "sqlite:flag.db"], &all, "flag.db");
    peel(&["-D", "sqlite:flag.db"], &all, "flag.db");
    peel(&[], &all, "own.db");
    peel(&[], &all[1..], "common.db");
    peel(&[], &[("RUNNER_DATABASE_URL", "sqlite:own.db"), ("DATABASE_URL", "")], "own.db");
    peel(&[], &[], "dot-own.db");
    project.write(".env", "DATABASE_URL=sqlite:dot-common.db\n");
    peel(&[], &[], "dot-common.db");
    std::fs::remove_file(project.file(".env")).unwrap();
    peel(&[], &[], "file.db");
}

/// As if it were not set, another database would be migrated.
#[cfg(unix)]
#[test]
fn a_variable_that_is_not_text_is_no_variable_that_is_not_set() {
    use std::os::unix::ffi::OsStrExt;
    let latin = std::ffi::OsStr::from_bytes(b"sqlite:b\xfccher.db");
    let project = one();
    let with = |name: &str, verb: &str| {
        let mut command = project.command([verb]);
        project.finish(command.env(name, latin))
    };
    for name in ["RUNNER_DATABASE_URL", "DATABASE_URL", "RUNNER_CONFIG", "RUNNER_JOBS"] {
        for verb in ["status", "apply"] {
            with(name, verb).exits(2).says(&[&format!("`{name}`"), "not valid UTF-8"]).does_not_say(&["cher"]);
        }
    }
    with("THEIRS", "status").succeeds();
    assert_eq!(databases(project.root()), [""; 0]);
    project.settings("[database]\nurl = \"sqlite:${THEIRS}\"");
    with("THEIRS", "apply").exits(2).says(&["`THEIRS`", "`database.url`"]).does_not_say(&["cher"]);
    project.write("runner.toml", "").write(".env", b"DATABASE_URL=sqlite:b\xfccher.db\n");
    project.runner("apply").exits(2).says(&["`DATABASE_URL`", "`.env`"]).does_not_say(&["cher"]);
    assert_eq!(databases(project.root()), [""; 0]);
}

#[test]
fn the_project_is_found_from_a_subdirectory() {
    let project = one();
    std::fs::create_dir_all(project.file("src/deep")).unwrap();
    let mut command = project.command(["apply"]);
    project.finish(command.current_dir(project.file("src/deep"))).succeeds();
    assert!(project.file("runner.db").exists());
    // Paths on the command line are relative to the current directory.
    let mut command = project.command(["apply", "-D", "sqlite:here.db"]);
    project.finish(command.current_dir(project.file("src/deep"))).succeeds();
    assert!(project.file("src/deep/here.db").exists());
}

/// The database is in the directory, whatever its name.
#[test]
fn directories_may_have_unusual_names() {
    let project = project!(empty);
    for name in ["we?ird", "per%20cent", "sp ace", "ha#sh", "quo'te", "dou\"ble", "ünï", "a&b=c", "co:lon"] {
        project.write(&format!("{name}/runner.toml"), "[database]\nurl = 'sqlite:runner.db'");
        project.write(&format!("{name}/migrations/1_t.up.sql"), "CREATE TABLE t (id INTEGER);");
        let mut command = project.command(["apply"]);
        project.finish(command.current_dir(project.file(name))).succeeds();
        assert!(project.file(&format!("{name}/runner.db")).exists(), "{name}");
        let mut command = project.command(["status", "--exit-code"]);
        project.finish(command.current_dir(project.file(name))).succeeds();
    }
}

#[test]
fn a_missing_project_is_an_error_with_a_hint() {
    let project = project!(empty);
    for verb in ["apply", "status", "plan", "validate", "build", "history"] {
        project.runner(verb).exits(2).says(&["runner.toml", "runner init", "--config"]);
    }
}

#[test]
fn another_settings_file_is_named_by_flag_or_variable() {
    let project = one();
    project.settings("[database]\nurl = \"sqlite:main.db\"");
    project.write("conf/other.toml", "[database]\nurl = \"sqlite:other.db\"\n");
    project.write("conf/migrations/1_o.up.sql", "CREATE TABLE o (id INTEGER);");
    project.runner("apply -c conf/other.toml").succeeds();
    assert!(project.file("conf/other.db").exists());
    let mut command = project.command(["apply"]);
    project.finish(command.env("RUNNER_CONFIG", "conf/other.toml")).succeeds();
    project.runner("apply --config nowhere.toml").exits(2).says(&["nowhere.toml", "--config"]);
    project.runner("apply --config conf").exits(2).says(&["is a directory"]);
}

#[test]
fn environments_are_chosen_by_name() {
    let project = one();
    project.settings(
        "[database]\nurl = \"sqlite:main.db\"\n[environments.staging]\nurl = \"sqlite:staging.db\"\n\
         [environments.production]\nurl = \"sqlite:production.db\"",
    );
    let chosen = |arguments: &[&str], variables: &[(&str, &str)], expected: &str| {
        let (output, files) = apply_with(&project, arguments, variables);
        output.succeeds();
        assert_eq!(files, [expected], "{arguments:?} {variables:?}");
    };
    let elsewhere = [("DATABASE_URL", "sqlite:elsewhere.db")];
    chosen(&["-e", "staging"], &[], "staging.db");
    chosen(&["--environment", "production"], &elsewhere, "production.db");
    chosen(&["-e", "production"], &[("RUNNER_DATABASE_URL", "sqlite:own.db")], "own.db");
    chosen(&[], &[("RUNNER_ENVIRONMENT", "staging"), elsewhere[0]], "staging.db");
    chosen(&[], &[("RUNNER_ENVIRONMENT", "staging"), ("RUNNER_DATABASE_URL", "sqlite:own.db")], "own.db");
    chosen(&[], &[("RUNNER_ENVIRONMENT", "staging")], "staging.db");
    chosen(&["-e", "production"], &[("RUNNER_ENVIRONMENT", "staging")], "production.db");
    chosen(&["-e", "production", "-D", "sqlite:flag.db"], &[], "flag.db");
    // GitHub's runners set a variable of this name for their own purpose.
    chosen(&[], &[("RUNNER_ENVIRONMENT", "github-hosted"), ("GITHUB_ACTIONS", "true")], "main.db");
    project.runner("apply -e prodution").exits(2).says(&["no environment `prodution`", "did you mean `production`?"]);
    let mut command = project.command(["apply"]);
    project.finish(command.env("RUNNER_ENVIRONMENT", "nowhere")).exits(2).says(&["nowhere", "RUNNER_ENVIRONMENT"]);
}

#[test]
fn several_databases_have_separate_directories_and_histories() {
    let project = project!();
    project.settings(
        "[databases.billing]\nurl = \"sqlite:billing.db\"\nmigrations = \"billing\"\n\
         [databases.catalogue]\nurl = \"sqlite:catalogue.db\"\nmigrations = \"catalogue\"",
    );
    project.write("billing/1_b.up.sql", "CREATE TABLE b (id INTEGER);");
    project.write("catalogue/1_c.up.sql", "CREATE TABLE c (id INTEGER);");
    project.runner("apply").exits(2).says(&["several databases", "`billing`", "`catalogue`", "--database"]);
    project.runner("apply -n billing").succeeds();
    assert!(project.file("billing.db").exists() && !project.file("catalogue.db").exists());
    // Variables of other tools refer to a main database, never to a named one.
    let mut command = project.command(["apply", "--database", "catalogue"]);
    project.finish(command.env("DATABASE_URL", "sqlite:elsewhere.db")).succeeds();
    assert!(project.file("catalogue.db").exists() && !project.file("elsewhere.db").exists());
    project.runner("apply -n biling").exits(2).says(&["did you mean `billing`?"]);
}

#[test]
fn all_errors_in_the_settings_are_reported_with_their_lines() {
    let project = one();
    project.write(
        "runner.toml",
        "[project]\nnme = \"x\"\n[database]\nurl = 7\n[limits]\nfule = 1\nstack = \"lots\"\n[grants.x]\na = 1\n",
    );
    let output = project.runner("apply");
    output.exits(2).says(&[
        "runner.toml:2",
        "`nme`",
        "`name`",
        "runner.toml:4",
        "must be a string",
        "runner.toml:6",
        "`fuel`",
    ]);
    output.says(&["runner.toml:7", "lots", "grants"]);
    assert!(!project.file("runner.db").exists());
}

#[test]
fn invalid_toml_is_reported_with_its_line() {
    let project = one();
    project.write("runner.toml", "[project]\nname = \"x\n");
    project.runner("apply").exits(2).says(&["runner.toml", "2"]);
    project.write("runner.toml", b"[project]\nname = \"\xff\"\n");
    project.runner("apply").exits(2).says(&["runner.toml", "not valid UTF-8"]);
    // Editors on Windows add byte order marks and carriage returns.
    project.write("runner.toml", "\u{feff}[project]\r\nname = \"x\"\r\n");
    project.runner("apply").succeeds();
}

#[test]
fn variables_are_replaced_in_urls_and_passwords_are_hidden() {
    let project = one();
    project.settings("[database]\nurl = \"sqlite:${STAGE}.db\"");
    let (output, files) = apply_with(&project, &[], &[("STAGE", "blue")]);
    output.succeeds();
    assert_eq!(files, ["blue.db"]);
    project.runner("apply").exits(2).says(&["`STAGE` is not set", "runner.toml"]);
    for url in [
        "postgres://me:s3cr3t@host/db",
        "postgres://me:s3cr3t@host:notaport/db",
        "mysql://me:s3cr3t@host/db?x=1",
        "mariadb://me:s3cr3t@@host/db",
        "nonsense://me:s3cr3t@host/db",
        "postgres://host/db?password=s3cr3t",
    ] {
        let (output, _) = apply_with(&project, &["-D", url], &[]);
        output.exits(if output.exit_code() == Some(1) { 1 } else { 2 }).does_not_say(&["s3cr3t"]);
        let (output, _) = apply_with(&project, &["--format", "json"], &[("DATABASE_URL", url)]);
        output.does_not_say(&["s3cr3t"]);
    }
}

#[test]
fn invalid_urls_are_reported_with_a_hint() {
    let project = one();
    for (url, says) in [
        ("", ""),
        ("runner.db", "sqlite:"),
        ("sqlit:x.db", "sqlite"),
        ("sqlite:x.db?mod=ro", "mode"),
        ("sqlite:x.db?mode=readonly", "`ro`"),
        ("sqlite:x.db?busy_timeout=soon", "milliseconds"),
        ("postgres://localhost/x", "PostgreSQL"),
    ] {
        let output = project.run(["apply", "-D", url]);
        assert!(matches!(output.exit_code(), Some(1 | 2)), "{url}\n{output}");
        output.says(&[says, "error:"]);
        assert!(!project.file("x.db").exists(), "{url}");
    }
}

#[test]
fn an_invalid_dotenv_line_matters_only_for_our_variables() {
    let project = one();
    project.write(".env", "SOMEBODY = 'else\nOTHER=fine\n");
    project.runner("apply").succeeds();
    project.write(".env", "RUNNER_DATABASE_URL='sqlite:x.db\n");
    project.runner("apply").exits(2).says(&[".env"]);
}

#[test]
fn parameters_come_from_file_environment_and_flag() {
    let project = project!();
    project
        .sql(
            "1_people",
            "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, score REAL, active BOOLEAN, note TEXT);",
            "DROP TABLE people;",
        )
        .component("2_hostile", &guests::component("hostile"));
    project.runner("apply").exits(1).says(&["parameter `behaviour` is not set"]);
    project.settings(
        "[parameters]\nbehaviour = \"return_error\"\n[environments.other]\nparameters = { behaviour = \"panic\" }",
    );
    project.runner("apply").exits(1).says(&["row 7 cannot be parsed"]);
    project.runner("apply -e other").exits(1).says(&["7 apples"]);
    project.runner("apply -e other --parameter behaviour=behave").succeeds();
    project.runner("redo --parameter behaviour").exits(2).says(&["behaviour", "NAME=VALUE"]);
}

#[test]
fn formats_timeouts_and_limits_are_checked_before_anything_else() {
    let project = one();
    project.runner("apply --format xml").exits(2).says(&["xml", "json"]);
    let mut command = project.command(["status"]);
    project.finish(command.env("RUNNER_FORMAT", "yaml")).exits(2).says(&["yaml", "RUNNER_FORMAT"]);
    let mut command = project.command(["status"]);
    project.finish(command.env("RUNNER_FORMAT", "json")).succeeds().prints(&["\"schema\": 1"]);
    project.runner("apply --lock-timeout soon").exits(2).says(&["soon"]);
    project.runner("apply --limit fule=1").exits(2).says(&["did you mean `fuel`?"]);
    project.runner("apply --limit fuel").exits(2).says(&["--limit"]);
    project.runner("apply --limit guest_memory=1TiB").exits(2).says(&["guest_memory", "4GiB"]);
    assert!(!project.file("runner.db").exists());
}

/// What connects needs the variables of the URL, and nothing else does.
#[test]
fn variables_of_the_url_are_for_what_connects() {
    let project = one();
    project.write("runner.toml", "[database]\nurl = \"mysql://app:${DB_PASSWORD}@127.0.0.1:1/shop\"");
    for line in ["validate", "build", "outdated", "new second"] {
        project.runner(line).succeeds();
    }
    let asked = "cannot tell whether the migration is applied: the variable `DB_PASSWORD` is not set";
    project.runner("renumber second 7").succeeds().says(&[asked]);
    for line in ["apply", "plan", "status", "current", "doctor", "db wait"] {
        let says =
            ["the variable `DB_PASSWORD` is not set", "`database.url` in `runner.toml`", "hint: set `DB_PASSWORD`"];
        project.runner(line).exits(2).says(&says);
    }
    // The name of the database is known, and the kind of it.
    project.write("migrations/8_use.up.sql", "USE other;");
    project.runner("validate").exits(7).says(&["8_use.up.sql:1", "`USE other`"]);
    project.write("runner.toml", "[database]\nurl = \"mysql://app@127.0.0.1:1/${DB_NAME}\"");
    project.runner("validate").succeeds();
    project.write("runner.toml", "[database]\nurl = \"${DB_URL}\"");
    project.runner("validate").exits(2).says(&["the variable `DB_URL` is not set"]);
}

#[test]
fn a_lock_that_the_database_cannot_have_is_refused() {
    let project = one();
    let settings = |lines: &str| {
        project.write("runner.toml", lines);
        project.runner("apply")
    };
    let no_lease = "`lock = \"lease\"` is not possible on SQLite, whose lock is always a file next to the database";
    settings("[database]\nlock = \"lease\"").exits(2).says(&[
        no_lease,
        "`database.lock` in `runner.toml`, line 2",
        "hint: ",
    ]);
    settings("[database]\nlock = \"leased\"")
        .exits(2)
        .says(&["must be `lease` or `node:NAME`, not `leased`", "runner.toml:2"]);
    settings("[environments.live]\nlock = \"lease\"").succeeds();
    project.runner("status -e live").exits(2).says(&[no_lease, "`environments.live.lock`"]);
    settings("[database]\nurl = \"postgres://127.0.0.1:1/shop\"\nlock = \"node:a\"")
        .exits(2)
        .says(&["`lock = \"node:a\"` is for a Galera cluster of MariaDB, and the database is PostgreSQL"]);
}

#[test]
fn stamp_knows_the_switch_for_missing_migrations() {
    let project = one();
    project.sql("2_u", "CREATE TABLE u (id INTEGER);", "DROP TABLE u;");
    project.runner("apply").succeeds();
    for direction in ["up", "down"] {
        std::fs::remove_file(project.file(&format!("migrations/1_t.{direction}.sql"))).unwrap();
    }
    let stamp = |value: &str| {
        let mut command = project.command(["stamp", "--dry-run"]);
        project.finish(command.env("RUNNER_ALLOW_MISSING", value))
    };
    stamp("0").exits(4).says(&["missing from the project", "1_t"]);
    stamp("1").succeeds();
}
