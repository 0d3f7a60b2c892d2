//! Packages of others: made, signed, added, granted, updated, removed, and what of it is refused.

use std::path::Path;

use runner_tests::minisign::Keys;
use sha2::{Digest as _, Sha256};

use super::*;

pub const NAME: &str = "acme/copier";

/// The settings of an author for [`package`].
pub const COPY: &str =
    "allow = ['read people(id, name)', 'insert copies', 'delete copies', 'read copies']\nraw_sql = true";

/// Tables for the component, which belong to whoever uses the package.
const PEOPLE: &str = "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL, card TEXT NOT NULL);
     CREATE TABLE copies (id INTEGER PRIMARY KEY, name TEXT);
     WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100)
     INSERT INTO people SELECT i, 'person ' || i, 'card ' || i FROM n;";

/// A project that makes packages, of these migrations with these grants.
pub fn author(migrations: &[(&str, &[u8], &str)]) -> TestProject {
    let author = project!();
    for (id, bytes, grants) in migrations {
        author.write(&format!("migrations/{id}.wasm"), bytes).settings(&format!("[grants.{id}]\n{grants}"));
    }
    author.runner("build").succeeds();
    author
}

/// Makes a package of the migrations of these revisions, in a directory of a project.
pub fn package(author: &TestProject, project: &TestProject, revisions: &str, name: &str, version: &str) -> String {
    let file = format!("dist/{}_{version}.wasm", name.replace('/', "_"));
    std::fs::create_dir_all(project.file("dist")).unwrap();
    let line =
        format!("package {revisions} --name {name} --version {version} --output {}", project.file(&file).display());
    author.runner(&line).succeeds();
    file
}

/// Signs a file, as `minisign -Sm` does.
fn sign(keys: &Keys, file: &Path) {
    let signature = keys.sign(&std::fs::read(file).unwrap());
    std::fs::write(format!("{}.minisig", file.display()), signature).unwrap();
}

/// A project with the tables, into which a package may be added.
pub fn operator() -> TestProject {
    let project = project!();
    project.sql("0001_people", PEOPLE, "DROP TABLE copies; DROP TABLE people;");
    project
}

/// A project with the package of one migration, and the file of the package.
fn with_package() -> (TestProject, TestProject, String) {
    let (project, author) = (operator(), author(&[("0001_copy", &guests::component("granted"), COPY)]));
    let file = package(&author, &project, "0001", NAME, "1.0.0");
    project.runner(&format!("add {file}")).succeeds();
    (project, author, file)
}

/// Grants the package what it asks for.
fn grant(project: &TestProject, name: &str, grants: &str) {
    let settings = project.read("runner.toml");
    let (before, after) = settings.split_once(&format!("[packages.\"{name}\"]\n")).unwrap();
    let after = after.replacen("allow = []\n", "", 1);
    project.write("runner.toml", format!("{before}[packages.\"{name}\"]\n{grants}\n{after}"));
}

#[test]
fn a_package_is_made_reproducibly() {
    let granted = guests::component("granted");
    let author = author(&[("0001_copy", &granted, COPY), ("0002_again", &granted, COPY)]);
    let line = format!("package 0002 copy --name {NAME} --version 1.2.0 -o");
    author.runner(&format!("{line} a.wasm")).succeeds().says(&[
        "packed 0001_copy",
        "packed 0002_again",
        "minisign -Sm",
    ]);
    author.runner(&format!("{line} b.wasm")).succeeds();
    let bytes = std::fs::read(author.file("a.wasm")).unwrap();
    assert!(bytes == std::fs::read(author.file("b.wasm")).unwrap(), "other bytes the second time");
    assert!(bytes.len() < 2 * granted.len() + 1_000, "its migrations, and little else");
    author.runner(&format!("package 1 --name {NAME} --version 1.2.0")).succeeds();
    assert!(author.file("acme_copier_1.2.0.wasm").is_file());
    let output = author.runner(&format!("{line} c.wasm --format json"));
    let document: serde_json::Value = serde_json::from_str(&output.succeeds().stdout).unwrap();
    assert_eq!(document["migrations"], serde_json::json!(["0001_copy", "0002_again"]), "{document}");
}

#[test]
fn what_cannot_be_packed_is_told_at_once() {
    let granted = guests::component("granted");
    let author = author(&[("0001_copy", &granted, COPY)]);
    author.sql("0002_sql", "SELECT 1", "SELECT 1").component("0003_free", &granted);
    author.write("migrations/0004_large/assets/data.csv", "a").component("0004_large", &granted);
    let output = author.runner(&format!("package 1 2 3 4 --name {NAME} --version 1.0.0"));
    output.exits(2).says(&[
        "3 migrations cannot be part of a package",
        "0002_sql: a package cannot contain SQL files",
        "0003_free: the settings grant it nothing",
        "0004_large: a package cannot contain assets",
        "hint:",
    ]);
    author
        .runner("package 1 --name Acme/copier --version 1.0.0")
        .exits(2)
        .says(&["not the name of a package", "hint:"]);
    author.runner(&format!("package 1 --name {NAME} --version 1.0")).exits(2).says(&["not a version", "hint:"]);
    author.runner(&format!("package 9 --name {NAME} --version 1.0.0")).exits(2).says(&["no revision or name"]);
    assert!(!author.file("acme_copier_1.0.0.wasm").exists());
}

/// As for a wide table; and it says what to do about one that is too long.
#[test]
fn a_grant_may_be_as_long_as_a_need() {
    let read = |columns: usize| {
        let columns: Vec<String> = (0..columns).map(|at| format!("column_of_people_{at}")).collect();
        format!("'read people(id, name, {})'", columns.join(", "))
    };
    let author = author(&[
        ("0001_copy", &guests::component("granted"), &COPY.replace("'read people(id, name)'", &read(150))),
        ("0002_wide", &guests::component("granted"), &COPY.replace("'read people(id, name)'", &read(250))),
    ]);
    author.runner(&format!("package 1 --name {NAME} --version 1.0.0 -o a.wasm")).succeeds();
    let output = author.runner(&format!("package 1 2 --name {NAME} --version 1.0.0 -o b.wasm"));
    output.exits(2).says(&["0002_wide", "a grant of more than 4096 bytes", "split its columns over several lines"]);
    let operator = operator();
    let bytes = std::fs::read(author.file("a.wasm")).unwrap();
    operator.write("a.wasm", bytes).runner("add a.wasm").succeeds();
}

/// A migration that was tried with less than it says it needs is not packed.
#[test]
fn a_package_asks_for_what_its_migrations_need() {
    let author = author(&[("0001_copy", &guests::component("granted"), "allow = ['read people(id)']")]);
    let line = format!("package 1 --name {NAME} --version 1.0.0 -o package.wasm");
    let paste = "allow = [\"read people(id)\", \"read people(id, name)\", \"insert copies\"]";
    author.runner(&line).exits(7).says(&[
        "it needs more than it is granted: read people(id, name), insert copies",
        "migration: 0001_copy",
        &format!("write below `[grants.0001_copy]`: `{paste}`"),
    ]);
    assert!(!author.file("package.wasm").exists());
    author.write("runner.toml", author.read("runner.toml").replace("allow = ['read people(id)']", paste));
    author.runner(&line).succeeds();
}

/// Its manifest may leave out what its components say that they need: whoever adds the package is told of both.
#[test]
fn what_a_package_does_not_ask_for_is_told_all_the_same() {
    let (steps, granted) = (guests::component("steps"), guests::component("granted"));
    let project = operator();
    let author = author(&[("0001_steps", &steps, "allow = ['read people']"), ("0002_copy", &granted, COPY)]);
    let [first, second] = [("1", "1.0.0"), ("1 2", "1.1.0")]
        .map(|(revisions, version)| package(&author, &project, revisions, NAME, version));
    let mut bytes = std::fs::read(project.file(&second)).unwrap();
    let asked = b"insert copies";
    let at = bytes.windows(asked.len()).position(|window| window == asked).expect("in the manifest, which comes first");
    bytes[at..at + asked.len()].copy_from_slice(b"insert people");
    project.write(&second, &bytes);
    let missing = "read people(id, name), insert people, delete copies, read copies, raw_sql, insert copies";
    let other = operator();
    other
        .write("package.wasm", &bytes)
        .runner("add package.wasm")
        .succeeds()
        .says(&[&format!("it needs more than it is granted: read people, {missing}\n")]);
    // What the manifest asks for is not enough.
    let asked = COPY.replace("insert copies", "insert people").replace("allow = [", "allow = ['read people', ");
    project.runner(&format!("add {first}")).succeeds();
    for (settings, project, line) in
        [(&asked, &project, format!("update {NAME} --from {second}")), (&asked, &other, "plan".to_owned())]
    {
        grant(project, NAME, settings);
        project.runner(&line).exits(7).says(&[
            "needs more than it is granted: insert copies\n",
            "write below `[packages.\"acme/copier\"]`: `allow = [\"read people\",",
            "\"insert copies\"]` and `raw_sql = true`",
        ]);
        project.write(
            "runner.toml",
            project.read("runner.toml").replace("'insert people'", "'insert people', 'insert copies'"),
        );
        project.runner(&line).succeeds();
    }
    other.runner("plan").prints(&["raw_sql, insert copies"]);
}

/// Nothing is granted by default, all of it is told before anything runs, and then the package is a part of the project.
#[test]
fn a_package_does_what_it_is_granted_and_nothing_else() {
    let (project, author) = (operator(), author(&[("0001_copy", &guests::component("granted"), COPY)]));
    project.runner("build").succeeds();
    project.runner("apply").succeeds();
    let file = package(&author, &project, "0001", NAME, "1.0.0");
    project.runner(&format!("add {file}")).succeeds().says(&[
        "added acme/copier 1.0.0",
        "acme/copier:0001 is revision 0002",
        "warning: its signature was not checked",
        "warning: it needs more than it is granted: read people(id, name), insert copies, delete copies, read copies, raw_sql",
        "write below `[packages.\"acme/copier\"]`: `allow = [\"read people(id, name)\",",
    ]);
    assert!(project.read("runner.toml").contains("[packages.\"acme/copier\"]\nversion = \"1\"\nallow = []\n"));
    project.runner(&format!("add {file}")).succeeds().says(&["acme/copier 1.0.0 is up to date"]);
    let before = project.dump();
    for line in ["plan", "apply", "apply --dry-run"] {
        project.runner(line).exits(7).says(&[
            "`acme/copier:0001` needs more than it is granted: read people(id, name), insert copies",
            "write below `[packages.\"acme/copier\"]`",
            "and `raw_sql = true`",
        ]);
        assert_eq!(project.dump(), before, "{line}");
    }
    grant(&project, NAME, COPY);
    project.runner("plan").succeeds().prints(&[
        "acme/copier:0001",
        "needs: read people(id, name), insert copies, delete copies, read copies, raw_sql",
        "granted: read people(id, name), insert copies, delete copies, read copies, raw_sql",
    ]);
    project.runner("validate --locked").succeeds();
    project.run(["apply", "--parameter", "read=card"]).exits(7).says(&["missing grant: read people(card)"]);
    project
        .run(["apply", "--parameter", "statements=DELETE FROM people"])
        .exits(7)
        .says(&["missing grant: delete people"]);
    assert_eq!(project.dump(), before);
    project.run(["apply", "--parameter", "transform=true"]).succeeds();
    assert_eq!(project.value("SELECT count(*) FROM copies"), "100");
    assert_eq!(project.value("SELECT name FROM runner_history WHERE revision = '0002'"), "acme/copier:0001");
    project.runner("status").succeeds().prints(&["0002", "acme/copier:0001"]);
    project.runner("history").succeeds().prints(&["acme/copier:0001"]);
    project.runner("show acme/copier:0001").succeeds().prints(&["acme/copier:0001", "read people(id, name)"]);
    project.runner("verify").succeeds();
    project.runner("build").succeeds().says(&["up to date"]);
    project.runner("remove acme/copier").exits(4).says(&["`acme/copier:0001` is applied", "runner rollback"]);
    project.runner("rollback --target 0001").succeeds();
    assert_eq!(project.dump_user(), {
        let plain = operator();
        plain.runner("apply").succeeds();
        plain.dump_user()
    });
    project.runner("remove acme/copier").succeeds().says(&["removed acme/copier 1.0.0 (1 migration)"]);
    assert!(!project.read("runner.toml").contains("packages"), "{}", project.read("runner.toml"));
    assert_eq!(std::fs::read_dir(project.file("migrations/vendor")).unwrap().count(), 0);
    project.runner("validate --locked").succeeds();
}

/// A fresh database gets a package where it was added, and what depends on it after it.
#[test]
fn a_package_has_a_place_in_the_order() {
    let (project, author, _) = with_package();
    grant(&project, NAME, COPY);
    project.sql("0003_more", "-- runner:depends-on acme/copier:1\nALTER TABLE people DROP COLUMN card", "SELECT 1");
    project.runner("new later").succeeds();
    assert!(std::fs::read_dir(project.file("migrations")).unwrap().count() > 4, "a migration after the package's");
    let document = |line: &str| -> serde_json::Value { serde_json::from_str(&project.runner(line).stdout).unwrap() };
    let plan = document("plan --format json");
    let names: Vec<_> = plan["migrations"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["people", "acme/copier:0001", "more", "later"]);
    project.runner("apply --target acme/copier:0001 --parameter transform=true").succeeds();
    project.runner("apply").succeeds();
    project.runner("remove acme/copier").exits(2).says(&["`0003_more` depends on `acme/copier`"]);
    project.sql("0005_wrong", "-- runner:depends-on acme/other:1\nSELECT 1", "SELECT 1");
    project
        .runner("apply")
        .exits(2)
        .says(&["depends on the unknown revision `acme/other:1`", "add that package first"]);
    std::fs::remove_file(project.file("migrations/0005_wrong.up.sql")).unwrap();
    std::fs::remove_file(project.file("migrations/0005_wrong.down.sql")).unwrap();
    // A newer version adds its migrations at the end.
    author.write("migrations/0002_again.wasm", guests::component("granted"));
    author.settings(&format!("[grants.0002_again]\n{COPY}")).runner("build").succeeds();
    package(&author, &project, "0001 0002", NAME, "1.1.0");
    project.runner("outdated").succeeds().prints(&["acme/copier", "1.0.0", "1.1.0"]);
    project.runner("update").succeeds().says(&["updated acme/copier 1.1.0 from 1.0.0", "acme/copier:0002 is revision"]);
    project.runner("update acme/copier").succeeds().says(&["acme/copier 1.1.0 is up to date"]);
    let status = document("status --format json");
    let states: Vec<_> = (status["migrations"].as_array().unwrap().iter())
        .map(|it| format!("{} {}", it["name"].as_str().unwrap(), it["state"].as_str().unwrap()))
        .collect();
    let expected =
        ["people applied", "acme/copier:0001 applied", "more applied", "later applied", "acme/copier:0002 pending"];
    assert_eq!(states, expected);
    project.runner("apply").succeeds();
    assert!(!project.file("migrations/vendor/acme_copier_1.0.0.wasm").exists());
}

#[test]
fn a_migration_of_a_package_is_renumbered_like_any_other() {
    let (project, _, _) = with_package();
    grant(&project, NAME, COPY);
    // As a merge leaves it: another branch has a migration of the same number.
    project.sql("0002_theirs", "SELECT 1", "SELECT 1");
    project
        .runner("plan")
        .exits(2)
        .says(&["revision 0002 exists more than once: `0002_theirs` and `acme/copier:0001`"]);
    project.runner("build").exits(2).says(&["revision 0002 exists more than once"]);
    project.runner("renumber acme/copier:0001").succeeds();
    project.runner("build").succeeds();
    project.runner("apply").succeeds();
    assert_eq!(project.value("SELECT revision FROM runner_history WHERE name LIKE 'acme%'"), "0003");
}

/// Two branches each add a migration, one of them a package.
#[test]
fn a_lockfile_with_packages_is_healed_after_a_merge() {
    let (project, _, _) = with_package();
    let lockfile = project.read("runner.lock");
    let line = |begin: &str| lockfile.lines().find(|line| line.starts_with(begin)).unwrap().to_owned();
    let (migration, package) = (line("\"0002_acme/copier:0001\""), line("\"acme/copier\""));
    let theirs = "0002_theirs = { kind = \"sql\", sha256 = \"00\" }";
    let conflict = format!(
        "version = 1\n<<<<<<< ours\ndigest = \"sha256:1\"\n\n[artifacts]\n{migration}\n\n[packages]\n{package}\n=======\n\
         digest = \"sha256:2\"\n\n[artifacts]\n{theirs}\n>>>>>>> theirs\n"
    );
    project.write("runner.lock", conflict);
    project.runner("plan").exits(4).says(&["merge conflict"]);
    project.runner("build").succeeds();
    let healed = project.read("runner.lock");
    assert!(healed.contains(&migration) && healed.contains(&package), "{healed}");
    // A line that was lost is made again.
    project.write("runner.lock", healed.replace(&format!("{migration}\n"), ""));
    project.runner("build").exits(0);
    assert!(project.read("runner.lock").contains("acme/copier:0001"));
}

/// As a merge leaves it that keeps the lines of two branches which both added the package. Each would be a migration of its own.
#[test]
fn a_package_that_two_branches_added_runs_once() {
    let (project, _, _) = with_package();
    grant(&project, NAME, COPY);
    project.runner("build").succeeds();
    let lockfile = project.read("runner.lock");
    let line = lockfile.lines().find(|line| line.starts_with("\"0002_acme/copier:0001\"")).unwrap();
    let theirs = line.replace("\"0002_", "\"0003_");
    let merged = relocked(&lockfile.replace(line, &format!("{line}\n{theirs}")));
    project.write("runner.lock", &merged);
    for command in ["plan", "apply"] {
        project.runner(command).exits(4).says(&[
            "`acme/copier:0001` has more than one line in `runner.lock`",
            "hint: run `runner build`: it keeps one of them",
        ]);
    }
    project.runner("build").succeeds().says(&["removed acme/copier:0001"]);
    assert_eq!(project.read("runner.lock"), lockfile, "the first line");
    // What is applied keeps its revision, whichever branch gave it.
    let only_theirs = relocked(&lockfile.replace(line, &theirs));
    project.write("runner.lock", &only_theirs);
    project.runner("apply --parameter transform=true").succeeds();
    assert_eq!(project.value("SELECT count(*) FROM copies"), "100");
    let digest = |text: &str| text.lines().find(|line| line.starts_with("digest = ")).unwrap().to_owned();
    let conflict = lockfile.replace(line, &format!("<<<<<<< ours\n{line}\n=======\n{theirs}\n>>>>>>> theirs"));
    let by_hand = merged.replace(&digest(&merged), &digest(&lockfile));
    for merge in [merged, conflict, by_hand] {
        project.write("runner.lock", merge);
        project.runner("build").succeeds();
        assert_eq!(project.read("runner.lock"), only_theirs);
    }
    project.runner("apply").succeeds();
    assert_eq!(project.value("SELECT count(*) FROM copies"), "100");
}

/// A lockfile with a digest of the lines that it has now.
fn relocked(lockfile: &str) -> String {
    let (head, lines) = lockfile.split_once("[artifacts]\n").unwrap();
    let digest = head.lines().find(|line| line.starts_with("digest = ")).unwrap();
    let now = format!("digest = \"sha256:{}\"", hex::encode(Sha256::digest(lines)));
    format!("{}[artifacts]\n{lines}", head.replace(digest, &now))
}

/// As builds before 0.1.0 wrote it. What to do about it loses no package, and no revision of its migrations.
#[test]
fn a_lockfile_with_needs_of_an_older_form_is_written_again() {
    let (project, _, _) = with_package();
    grant(&project, NAME, COPY);
    project.runner("apply --target acme/copier:0001 --parameter transform=true").succeeds();
    project.component("0003_own", &guests::component("granted"));
    let lockfile = project.read("runner.lock");
    assert_eq!(lockfile.matches("\"insert copies\"").count(), 2, "{lockfile}");
    project.write("runner.lock", lockfile.replace("\"insert copies\"", "\"write-table copies\""));
    for line in ["plan", "apply", "build 3"] {
        project
            .runner(line)
            .exits(4)
            .says(&["invalid `needs`: `write-table copies`", "hint: run `runner build`: it asks the migrations again"]);
    }
    project.runner("build").succeeds();
    let line = |text: &str, begin: &str| text.lines().find(|line| line.starts_with(begin)).unwrap().to_owned();
    let healed = project.read("runner.lock");
    for begin in ["\"0002_acme/copier:0001\"", "0003_own", "\"acme/copier\""] {
        assert_eq!(line(&healed, begin), line(&lockfile, begin));
    }
    project.runner("validate --locked").succeeds();
    let plan = project.runner("plan");
    assert!(!plan.succeeds().prints(&["0003_own"]).stdout.contains("acme/copier"), "{plan}");
    project.runner("rollback --target 0001").succeeds();
}

/// The hint names the file of the database that was chosen.
#[test]
fn a_wrong_line_of_a_package_is_told_with_its_lockfile() {
    let (project, author) = (project!(), author(&[("0001_copy", &guests::component("granted"), COPY)]));
    let file = package(&author, &project, "0001", NAME, "1.0.0");
    project.write("runner.toml", "[databases.shop]\nurl = 'sqlite://shop.db'\nmigrations = 'shop'\n");
    std::fs::create_dir_all(project.file("shop")).unwrap();
    project.runner(&format!("add {file} -n shop")).succeeds();
    let lockfile = project.read("runner.shop.lock");
    let (before, after) = lockfile.split_once("[artifacts]\n").unwrap();
    let (first, rest) = after.split_once("sha256 = \"").unwrap();
    let wrong = format!("{before}[artifacts]\n{first}sha256 = \"{}{}", "0".repeat(64), &rest[64..]);
    project.write("runner.shop.lock", relocked(&wrong));
    project.runner("plan -n shop").exits(4).says(&[
        "acme/copier:0001` does not match its digest",
        "hint: restore `runner.shop.lock` from version control",
    ]);
}

/// On MariaDB, a schema is a database: a grant may name it.
#[test]
fn grants_name_the_database_of_the_url() {
    let author = author(&[("0001_copy", &guests::component("granted"), COPY)]);
    let add = |schema: &str| {
        let mut project = project!();
        let file = package(&author, &project, "0001", NAME, "1.0.0");
        project.set_url("mysql://nobody@localhost/shop");
        let allow = COPY.replace("people", &format!("{schema}.people"));
        project.settings(&format!("[packages.\"{NAME}\"]\n{allow}\n"));
        project.runner(&format!("add {file}"))
    };
    add("shop").succeeds().does_not_say(&["needs more than it is granted"]);
    add("public").succeeds().says(&["needs more than it is granted: read people(id, name)\n"]);
}

/// A table that is named with a schema stays where it is.
#[test]
fn a_prefix_that_is_for_no_table_is_refused() {
    let (project, author) =
        (operator(), author(&[("0001_crm", &guests::component("steps"), "allow = ['create crm.t']")]));
    let file = package(&author, &project, "0001", "acme/crm", "1.0.0");
    project
        .runner(&format!("add {file} --prefix acme_"))
        .exits(2)
        .says(&["`acme/crm` creates no table that a prefix could be for", "hint: to give tables other names"]);
    assert!(!project.file("runner.lock").exists());
}

#[test]
fn a_signature_is_required_where_a_key_is_pinned() {
    let (project, author) = (operator(), author(&[("0001_copy", &guests::component("granted"), COPY)]));
    let file = package(&author, &project, "0001", NAME, "1.0.0");
    let [keys, others] = [1, 2].map(Keys::new);
    let key = keys.public();
    let add = format!("add {file} --key {key}");
    project.runner(&add).exits(4).says(&["is not signed", ".minisig", "hint:"]);
    sign(&others, &project.file(&file));
    project.runner(&add).exits(4).says(&["the signature of", "was made with another key"]);
    sign(&keys, &project.file(&file));
    project.runner(&format!("add {file} --key RWnonsense")).exits(2).says(&["not a public key of minisign"]);
    // One byte of the package, and one of the signature.
    let bytes = std::fs::read(project.file(&file)).unwrap();
    let mut changed = bytes.clone();
    *changed.last_mut().unwrap() ^= 1;
    std::fs::write(project.file(&file), &changed).unwrap();
    project.runner(&add).exits(4).says(&["the signature of", "is not valid"]);
    std::fs::write(project.file(&file), &bytes).unwrap();
    let signature = std::fs::read_to_string(project.file(&format!("{file}.minisig"))).unwrap();
    std::fs::write(project.file(&format!("{file}.minisig")), signature.replace("timestamp:", "timestamp: ")).unwrap();
    project.runner(&add).exits(4).says(&["the signature of"]);
    assert!(!project.read("runner.toml").contains("packages") && !project.file("migrations/vendor").exists());
    std::fs::write(project.file(&format!("{file}.minisig")), &signature).unwrap();
    project.runner(&add).succeeds().does_not_say(&["signature was not checked"]);
    grant(&project, NAME, COPY);
    project.runner("plan").succeeds();
    // What is in the project is checked by each command.
    let (toml, vendored) = (project.read("runner.toml"), "migrations/vendor/acme_copier_1.0.0.wasm.minisig");
    for (settings, said) in [
        (toml.replace(&key, &others.public()), "is not the one that `acme/copier` was added with"),
        (toml.replace(&format!("key = \"{key}\"\n"), ""), "was added with a key, which"),
    ] {
        assert_ne!(settings, toml);
        project.write("runner.toml", settings);
        for line in ["plan", "apply", "validate"] {
            project.runner(line).exits(4).says(&[said, "hint:"]);
        }
    }
    project.write("runner.toml", &toml);
    std::fs::remove_file(project.file(vendored)).unwrap();
    project.runner("apply").exits(4).says(&["acme_copier_1.0.0.wasm.minisig` does not exist"]);
    std::fs::copy(project.file(&file), project.file(vendored)).unwrap_or_default();
    project.runner("apply").exits(7).says(&["too large"]);
    project.write(vendored, "nonsense");
    project.runner("apply").exits(4).says(&["is not one of minisign"]);
    assert!(!project.file("runner.db").exists(), "a database was opened");
    project.write(vendored, &signature);
    // An update has to be signed with the same key.
    let newer = package(&author, &project, "0001", NAME, "1.1.0");
    project.runner("update").exits(4).says(&["is not signed"]);
    sign(&others, &project.file(&newer));
    project.runner("update").exits(4).says(&["was made with another key"]);
    sign(&keys, &project.file(&newer));
    project.runner("update").succeeds().says(&["updated acme/copier 1.1.0 from 1.0.0"]);
    project.runner("apply").succeeds();
}

/// A key that is pinned later is checked by `update`, and from then on.
#[test]
fn a_key_can_be_pinned_later() {
    let (project, _, file) = with_package();
    let keys = Keys::new(1);
    grant(&project, NAME, &format!("{COPY}\nkey = \"{}\"", keys.public()));
    project.runner("plan").exits(4).says(&["was added before", "runner update acme/copier"]);
    project.runner("update acme/copier").exits(4).says(&["is not signed"]);
    sign(&keys, &project.file(&file));
    project.runner("update acme/copier").succeeds();
    project.runner("plan").succeeds();
}

/// As when a merge loses the line, or the whole table: a version that nobody signed would be taken instead.
#[test]
fn a_package_whose_key_was_lost_is_not_updated() {
    let (project, author) = (operator(), author(&[("0001_copy", &guests::component("granted"), COPY)]));
    let file = package(&author, &project, "0001", NAME, "1.0.0");
    let [keys, others] = [1, 2].map(Keys::new);
    let key = keys.public();
    sign(&keys, &project.file(&file));
    project.runner(&format!("add {file} --key {key}")).succeeds();
    let newer = package(&author, &project, "0001", NAME, "1.1.0");
    let (toml, lock) = (project.read("runner.toml"), project.read("runner.lock"));
    let (rest, _) = toml.split_once("[packages.").unwrap();
    for settings in [toml.replace(&format!("key = \"{key}\"\n"), ""), rest.to_owned()] {
        assert_ne!(settings, toml);
        project.write("runner.toml", &settings);
        for line in ["update".to_owned(), format!("update {NAME} --from {newer}")] {
            project.runner(&line).exits(4).says(&["was added with a key, which", "restore `key`"]);
        }
        // Nor is another key taken for it.
        sign(&others, &project.file(&file));
        project.runner(&format!("add {file} --key {}", others.public())).exits(4).says(&["restore `key`"]);
        sign(&keys, &project.file(&file));
        assert_eq!((project.read("runner.toml"), project.read("runner.lock")), (settings, lock.clone()));
        assert!(!project.file("migrations/vendor/acme_copier_1.1.0.wasm").exists());
    }
    project.write("runner.toml", &toml);
    project.runner("update").exits(4).says(&["is not signed"]);
    sign(&keys, &project.file(&newer));
    project.runner("update").succeeds();
}

/// So does the file of a package that the project has: its key is never left unread.
#[test]
fn adding_a_package_again_with_a_key_pins_it() {
    let (project, _, file) = with_package();
    let [keys, others] = [1, 2].map(Keys::new);
    let before = [project.read("runner.lock"), project.read("runner.toml")];
    let add = |key: &str| project.runner(&format!("add {file} --key {key}"));
    add(&keys.public()).exits(4).says(&["is not signed"]);
    sign(&keys, &project.file(&file));
    add(&others.public()).exits(4).says(&["was made with another key"]);
    add("RWnonsense").exits(2).says(&["not a public key of minisign"]);
    assert_eq!([project.read("runner.lock"), project.read("runner.toml")], before, "nothing was written");
    add(&keys.public()).succeeds().says(&["updated acme/copier 1.0.0"]).does_not_say(&["was not checked", "from"]);
    for file in ["runner.lock", "runner.toml"] {
        assert!(project.read(file).contains(&keys.public()), "{file}");
    }
    add(&keys.public()).succeeds().says(&["is up to date"]);
    add(&others.public()).exits(4).says(&["`--key` is not the key of `acme/copier` in the settings"]);
}

/// What a version range in the settings excludes is not added either.
#[test]
fn a_version_that_grants_are_not_for_is_not_added() {
    let (project, author) = (operator(), author(&[("0001_copy", &guests::component("granted"), COPY)]));
    let file = package(&author, &project, "0001", NAME, "2.0.0");
    project.settings(&format!("[packages.\"{NAME}\"]\nversion = \"1\"\n{COPY}"));
    let before = project.read("runner.toml");
    project
        .runner(&format!("add {file}"))
        .exits(7)
        .says(&["`acme/copier 2.0.0` is not a version that its grants are for: 1", "version = \"2\""]);
    assert_eq!(project.read("runner.toml"), before, "nothing was written");
    assert!(!project.file("runner.lock").exists() && !project.file("migrations/vendor").exists());
}

#[test]
fn a_downgrade_and_changed_versions_are_refused() {
    let granted = guests::component("granted");
    let (project, author) = (operator(), author(&[("0001_copy", &granted, COPY), ("0002_again", &granted, COPY)]));
    let old = package(&author, &project, "0001", NAME, "1.0.0");
    let new = package(&author, &project, "0001 0002", NAME, "1.1.0");
    let other = package(&author, &project, "0001 0002", "acme/other", "1.1.0");
    project.runner(&format!("add {new}")).succeeds();
    let before = [project.read("runner.lock"), project.read("runner.toml")];
    let update = format!("update {NAME} --from");
    project
        .runner(&format!("{update} {old}"))
        .exits(4)
        .says(&["is a downgrade: the project has 1.1.0, and this is 1.0.0"]);
    project.runner(&format!("add {old}")).exits(2).says(&["has `acme/copier` already: 1.1.0", "--from"]);
    project.runner(&format!("{update} {other}")).exits(4).says(&["is the package `acme/other`, not `acme/copier`"]);
    project.runner(&format!("{update} nowhere.wasm")).exits(2).says(&["does not exist"]);
    // The same version with other bytes, a newer one without a migration, and one with other bytes for it.
    author.write("migrations/0002_again.wasm", guests::component("steps")).runner("build 2").succeeds();
    let same = package(&author, &project, "0001 0002", NAME, "1.1.0");
    project
        .runner(&format!("{update} {same}"))
        .exits(4)
        .says(&["has version 1.1.0, as the one in the project has, but different contents"]);
    let fewer = package(&author, &project, "0001", NAME, "1.2.0");
    project
        .runner(&format!("{update} {fewer}"))
        .exits(4)
        .says(&["`acme/copier 1.2.0` has no `acme/copier:0002` any more"]);
    let changed = package(&author, &project, "0001 0002", NAME, "1.3.0");
    project.runner(&format!("{update} {changed}")).exits(4).says(&["contains a different `acme/copier:0002`"]);
    let major = package(&author, &project, "0001 0002", NAME, "2.0.0");
    project
        .runner(&format!("{update} {major}"))
        .exits(7)
        .says(&["not a version that its grants are for: 1", "version = \"2\""]);
    assert_eq!([project.read("runner.lock"), project.read("runner.toml")], before, "nothing was written");
    assert_eq!(std::fs::read_dir(project.file("migrations/vendor")).unwrap().count(), 1);
    // By hand, it is found as well.
    project.write("runner.toml", before[1].replace("version = \"1\"", "version = \"=1.0.0\""));
    project.runner("plan").exits(7).says(&["is not a version that `[packages.\"acme/copier\"]` grants something to"]);
}

#[test]
fn an_update_that_wants_more_asks_again() {
    let granted = guests::component("granted");
    let (project, author, _) = with_package();
    grant(&project, NAME, COPY);
    let more = COPY.replace("'insert copies'", "'insert copies', 'read people(card)'");
    author.write("migrations/0002_more.wasm", &granted).settings(&format!("[grants.0002_more]\n{more}"));
    author.runner("build").succeeds();
    package(&author, &project, "0001 0002", NAME, "1.1.0");
    let before = project.read("runner.lock");
    project.runner("update").exits(7).says(&[
        "`acme/copier 1.1.0` needs more than it is granted: read people(card)",
        "write below `[packages.\"acme/copier\"]`: `allow = [\"read people(id, name)\",",
        "\"read people(card)\"]` and `raw_sql = true`",
    ]);
    assert_eq!(project.read("runner.lock"), before);
    grant(&project, NAME, "");
    let more = project.read("runner.toml").replace("'insert copies'", "'insert copies', 'read people(card)'");
    project.write("runner.toml", more);
    project.runner("update").succeeds();
    project.runner("apply").succeeds();
}

/// Packages are updated one by one: those before the one that is refused are, and the error in JSON names them.
#[test]
fn a_refused_update_names_those_before_it() {
    let granted = guests::component("granted");
    let (project, author, _) = with_package();
    let other = "acme/other";
    package(&author, &project, "0001", other, "1.0.0");
    project.runner("add dist/acme_other_1.0.0.wasm").succeeds();
    grant(&project, NAME, COPY);
    grant(&project, other, COPY);
    author.write("migrations/0002_again.wasm", &granted).settings(&format!("[grants.0002_again]\n{COPY}"));
    author.runner("build").succeeds();
    package(&author, &project, "0001 0002", NAME, "1.1.0");
    let more = COPY.replace("'insert copies'", "'insert copies', 'read people(card)'");
    author.write("migrations/0003_more.wasm", &granted).settings(&format!("[grants.0003_more]\n{more}"));
    author.runner("build").succeeds();
    package(&author, &project, "0001 0003", other, "1.1.0");
    let output = project.runner("update --format json");
    let error: serde_json::Value = serde_json::from_str(&output.exits(7).stdout).unwrap();
    let places = error["error"]["places"].as_array().unwrap();
    let updated: Vec<_> =
        places.iter().filter(|it| it["label"] == "updated").map(|it| it["text"].as_str().unwrap()).collect();
    assert_eq!(updated, ["acme/copier 1.1.0"], "{output}");
    // The second time, nothing before it is written.
    let output = project.runner("update --format json");
    assert!(!output.exits(7).stdout.contains("\"updated\""), "{output}");
}

#[test]
fn two_packages_that_claim_one_table_are_refused() {
    let steps = guests::component("steps");
    let outbox = |lines: &str| author(&[("0001_outbox", &steps, lines)]);
    let project = operator();
    let first =
        package(&outbox("allow = ['create outbox_*', 'insert outbox_*']"), &project, "1", "acme/outbox", "1.0.0");
    let second = package(&outbox("allow = ['alter Outbox_Events']"), &project, "1", "other/outbox", "1.0.0");
    let reader = package(&outbox("allow = ['read outbox_events']"), &project, "1", "other/reader", "1.0.0");
    project.runner(&format!("add {first}")).succeeds();
    project.runner(&format!("add {reader}")).succeeds();
    let before = project.read("runner.lock");
    let said = "the packages `acme/outbox` and `other/outbox` both claim the table `Outbox_Events`";
    project.runner(&format!("add {second}")).exits(2).says(&[said, "hint:"]);
    assert_eq!(project.read("runner.lock"), before);
}

/// Whatever of it somebody changes, no command works with it.
#[test]
fn a_package_that_was_changed_by_hand_is_refused() {
    let (project, _, _) = with_package();
    grant(&project, NAME, COPY);
    let file = "migrations/vendor/acme_copier_1.0.0.wasm";
    let bytes = std::fs::read(project.file(file)).unwrap();
    let refused = |said: &str, code: i32| {
        for line in ["plan", "apply", "validate"] {
            project.runner(line).exits(code).says(&[said, "hint:"]);
        }
    };
    for at in [8, bytes.len() / 2, bytes.len() - 1] {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        project.write(file, changed);
        refused("`vendor/acme_copier_1.0.0.wasm` does not match the digest in `runner.lock`", 4);
    }
    std::fs::remove_file(project.file(file)).unwrap();
    refused("`vendor/acme_copier_1.0.0.wasm` is listed in `runner.lock` but does not exist", 4);
    project.write(file, &bytes).write("migrations/vendor/evil.wasm", &bytes);
    refused("`vendor/evil.wasm` is not a file of a package in `runner.lock`", 2);
    std::fs::remove_file(project.file("migrations/vendor/evil.wasm")).unwrap();
    let lockfile = project.read("runner.lock");
    project.write("runner.lock", lockfile.replace("1.0.0", "1.0.1"));
    refused("was changed by something other than runner", 4);
    project.write("runner.lock", &lockfile);
    project.settings("[packages.\"acme/typo\"]\nallow = []");
    for line in ["plan", "validate"] {
        project
            .runner(line)
            .succeeds()
            .says(&["warning: `[packages.\"acme/typo\"]` is for no package of this project"]);
    }
    assert!(!project.file("runner.db").exists(), "a database was opened");
}

#[cfg(unix)]
#[test]
fn a_link_in_place_of_a_package_is_not_followed_out() {
    let (project, _, source) = with_package();
    grant(&project, NAME, COPY);
    let file = project.file("migrations/vendor/acme_copier_1.0.0.wasm");
    std::fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink(project.file(&source), &file).unwrap();
    project.runner("plan").exits(2).says(&["vendor/acme_copier_1.0.0.wasm", "outside the project"]);
    std::fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink("/dev/zero", &file).unwrap();
    project.runner("plan").exits(2).says(&["vendor/acme_copier_1.0.0.wasm"]);
}

#[test]
fn what_is_no_package_is_not_added() {
    let project = operator();
    project.write("a.wasm", guests::component("granted")).write("b.wasm", "nonsense");
    project.runner("add a.wasm").exits(2).says(&["`", "a.wasm` is a component, but not a package"]);
    project.runner("add b.wasm").exits(2).says(&["b.wasm` is not a package"]);
    project.runner("add nowhere.wasm").exits(2).says(&["does not exist"]);
    project.runner("add migrations").exits(2).says(&["is a directory"]);
    project.runner("update acme/copier").exits(2).says(&["the project has no package `acme/copier`"]);
    project.runner("remove acme/copier").exits(2).says(&["the project has no package `acme/copier`"]);
    project.runner("update").succeeds().says(&["no packages"]);
    project.runner("outdated").succeeds().prints(&["no packages"]);
}

/// A package asks for what it likes; a description that the sandbox refuses is not added.
#[test]
fn a_hostile_package_is_confined() {
    let hostile = guests::component("hostile");
    let (project, author) = (hostile_operator(), author(&[("0001_hostile", &hostile, "allow = ['read people']")]));
    let file = package(&author, &project, "0001", "evil/package", "1.0.0");
    project.runner(&format!("add {file}")).succeeds();
    project.write("runner.toml", project.read("runner.toml").replace("allow = []", "allow = ['read people']"));
    let before = project.dump();
    for behaviour in [Behaviour::WriteHistory, Behaviour::DropTableUnderReader] {
        apply(&project, behaviour, &[]).exits(7);
        assert_eq!(project.dump(), before, "{}", behaviour.name());
    }
}

/// A project with the tables of the hostile component, applied.
fn hostile_operator() -> TestProject {
    let project = operator();
    project.runner("apply").succeeds();
    project
}

/// A login that may do everything runs nothing of a package, unless the operator says so.
#[test]
fn packages_with_the_login_of_a_superuser_are_refused() {
    let author = author(&[("0001_copy", &guests::component("granted"), COPY)]);
    let file = author.file("package.wasm");
    author.runner(&format!("package 1 --name {NAME} --version 1.0.0 -o {}", file.display())).succeeds();
    for (engine, why) in [
        (runner_tests::Engine::Postgres, "is a superuser"),
        (runner_tests::Engine::Mariadb, "may write everything on the server"),
    ] {
        let project = project!(engine);
        project.runner(&format!("add {}", file.display())).succeeds();
        let toml = project.read("runner.toml").replace("allow = []\n", &format!("{COPY}\n"));
        project.write("runner.toml", toml);
        project.runner("apply").exits(7).says(&["`acme/copier:0001` has grants", why, "superuser = true"]);
        assert!(project.history().is_empty());
        // With the operator's word the login of the package is asked for.
        project.write(
            "runner.toml",
            project.read("runner.toml").replace("raw_sql = true\n", "raw_sql = true\nsuperuser = true\n"),
        );
        project.runner("apply").exits(7).says(&["run `runner grants sync`"]);
        assert!(project.history().is_empty());
    }
}

/// A package is named as one, and means all of its migrations.
#[test]
fn the_logins_of_a_package_are_made_together() {
    let granted = guests::component("granted");
    let author = author(&[("0001_copy", &granted, COPY), ("0002_again", &granted, COPY)]);
    let file = author.file("package.wasm");
    author.runner(&format!("package 1 2 --name {NAME} --version 1.0.0 -o {}", file.display())).succeeds();
    for engine in [runner_tests::Engine::Postgres, runner_tests::Engine::Mariadb] {
        let project = project!(engine);
        let tables = "CREATE TABLE people (id INTEGER PRIMARY KEY, name VARCHAR(100));\n\
                      CREATE TABLE copies (id INTEGER PRIMARY KEY, name VARCHAR(100));";
        project.sql("0001_people", tables, "DROP TABLE copies; DROP TABLE people;");
        project.runner("apply").succeeds();
        project.runner(&format!("add {}", file.display())).succeeds();
        let toml = project.read("runner.toml").replace("allow = []\n", &format!("{COPY}\n"));
        project.write("runner.toml", toml);
        project.runner("grants sync acme/copier:0002").succeeds().says(&["1 login"]);
        project.runner(&format!("grants sync {NAME}")).succeeds().says(&["2 logins"]);
        project.runner("grants sync acme/other").exits(2).says(&["hint:"]);
        project.runner("grants remove acme/copier:0001").succeeds();
        project.runner("grants remove acme/copier:0002").succeeds();
    }
}
