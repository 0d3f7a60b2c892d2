//! Shell completions and man pages.

use super::*;

/// What bash would offer for the last of these words.
fn offered(project: &TestProject, words: &[&str]) -> Vec<String> {
    let mut command = project.command(["--", "runner"]);
    let index = words.len().to_string();
    command.args(words).env("COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", index).env("_CLAP_IFS", "\n");
    let output = project.finish(&mut command);
    output.succeeds();
    output.stdout.lines().map(str::to_owned).collect()
}

#[test]
fn commands_options_and_what_the_project_names_are_offered() {
    let project = shop();
    project.settings(
        "[database]\nurl = 'sqlite:runner.db'\n[environments.production]\n\
         [databases.billing]\nurl = 'sqlite:b.db'\nmigrations = 'migrations'",
    );
    assert_eq!(offered(&project, &["rol"]), ["rollback"]);
    assert_eq!(offered(&project, &["show", "0002"]), ["0002_create_orders"]);
    assert_eq!(offered(&project, &["show", "create_"]), ["create_users", "create_orders"]);
    assert_eq!(offered(&project, &["apply", "--target", "la"]), ["latest"]);
    assert!(offered(&project, &["rollback", "--target", ""]).contains(&"0001_create_users".to_owned()));
    assert_eq!(offered(&project, &["status", "-e", "p"]), ["production"]);
    assert_eq!(offered(&project, &["status", "--database", ""]), ["billing"]);
    // Without a main database, those of all are offered.
    project.write("runner.toml", "[databases.billing]\nurl = 'sqlite:b.db'\nmigrations = 'migrations'");
    assert_eq!(offered(&project, &["show", "0002"]), ["0002_create_orders"]);
    // A broken project offers what is not of the project.
    project.write("migrations/nonsense.sql", "");
    assert_eq!(offered(&project, &["apply", "--target", "n"]), ["next"]);
    assert!(!project.file("runner.db").exists(), "the database is not asked");
}

/// As the shell may show one word for a command, that is not an alias, unless it is what is being typed.
#[test]
fn aliases_are_offered_where_they_are_typed() {
    let project = shop();
    let all = offered(&project, &[""]);
    for name in ["new", "apply", "rollback", "status", "validate"] {
        assert!(all.iter().any(|it| it == name), "`{name}` is missing: {all:?}");
    }
    for alias in ["create", "up", "migrate", "down", "undo", "info", "check"] {
        assert!(!all.iter().any(|it| it == alias), "`{alias}` is offered: {all:?}");
    }
    assert_eq!(offered(&project, &["roll"]), ["rollback"]);
    assert_eq!(offered(&project, &["stat"]), ["status"]);
    assert_eq!(offered(&project, &["mig"]), ["migrate"]);
    assert_eq!(offered(&project, &["undo", "--tar"]), ["--target"]);
    assert_eq!(offered(&project, &["up", "--target", "0001"]), ["0001_create_users"]);
    let flags = offered(&project, &["apply", "--"]);
    assert!(flags.iter().any(|it| it == "--all") && !flags.iter().any(|it| it == "--all-databases"), "{flags:?}");
    assert_eq!(offered(&project, &["apply", "--all-"]), ["--all-databases"]);
    let targets = offered(&project, &["apply", "--target", ""]);
    assert_eq!(targets[..4], ["latest", "next", "current", "base"]);
    assert_eq!(offered(&project, &["apply", "--target", "hea"]), ["head", "heads"]);
    for command in ["repair", "show", "pause", "cancel", "verify", "test"] {
        let words = offered(&project, &[command, "0003"]);
        assert_eq!(words, ["0003_index_users"], "{command}");
    }
}

#[test]
fn the_line_says_which_project_is_meant() {
    let project = shop();
    project.write(
        "other/runner.toml",
        "[database]\nurl = 'postgres://app:${DB_PASSWORD}@db.example.org/shop'\n\
         [tenants]\nurl = 'postgres://app:${DB_PASSWORD}@db.example.org/{tenant}'\nnames = ['acme', 'acorn', 'beta']\n\
         [environments.live.tenants]\nurl = 'sqlite:{tenant}.db'\nfile = 'tenants.txt'\n",
    );
    project.write("other/tenants.txt", "# all\nacre\n");
    project.write("other/migrations/0007_elsewhere.up.sql", "SELECT 1;");
    let other = |words: &[&str]| offered(&project, &[&["-c", "other/runner.toml"], words].concat());
    assert_eq!(other(&["status", "-n", "ac"]), ["acme", "acorn"]);
    assert_eq!(other(&["status", "-e", "live", "-n", ""]), ["acre"]);
    assert_eq!(other(&["status", "-e", ""]), ["live"]);
    assert_eq!(other(&["renumber", "00"]), ["0007_elsewhere"]);
    assert_eq!(offered(&project, &["show", "--config", "other/runner.toml", "0007"]), ["0007_elsewhere"]);
    // As bash takes it apart.
    assert_eq!(
        offered(&project, &["apply", "--config", "=", "other/runner.toml", "--target", "0007"]),
        ["0007_elsewhere"]
    );
    assert_eq!(offered(&project, &["show", "0007"]), [""; 0]);
    assert_eq!(offered(&project, &["renumber", "0002"]), ["0002_create_orders"]);
    assert_eq!(offered(&project, &["renumber", "0002_create_orders", "0002"]), [""; 0], "a new one");
    assert_eq!(offered(&project, &["apply", "--accept-changed", "0002"]), ["0002_create_orders"]);
}

#[test]
fn every_shell_gets_its_script() {
    let project = project!(empty);
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        project.run(["completions", shell]).succeeds().prints(&["COMPLETE", "runner"]);
    }
    project.run(["completions", "csh"]).exits(2).says(&["csh", "bash, elvish, fish"]);
}

#[test]
fn each_command_has_a_man_page() {
    let project = project!(empty);
    project.runner("man").succeeds().prints(&[".TH runner 1", "apply"]);
    project.runner("man pages/man1").succeeds().says(&["pages/man1"]);
    for page in ["runner.1", "runner-apply.1", "runner-db-reset.1"] {
        assert!(project.read(&format!("pages/man1/{page}")).contains(".TH"), "{page}");
    }
    project.write("file", "");
    project.runner("man file").exits(1).says(&["cannot write man pages to `file`"]);
}
