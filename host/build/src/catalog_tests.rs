//! What a catalog says of projects that were built.

use std::collections::BTreeMap;

use crate::build::{BuildRequest, build};
use crate::test_description::description_of;
use crate::test_project::{TestProject, component, shown, shown_error};
use runner_base::dialect::Dialect;
use runner_base::error::Result;
use runner_project::catalog::*;
use runner_project::limits::Limits;
use runner_project::{Settings, sha256};

fn lock(project: &TestProject) {
    let request = BuildRequest {
        revisions: &[],
        all: false,
        env: &BTreeMap::new(),
        program: None,
        describe: &description_of,
        runtime: &|_| None,
        compiling: &|_| (),
        stop: None,
        stage: None,
        is_applied: &|_| Ok(false),
        has_history: &|| Ok(true),
    };
    build(&project.settings(), &request).expect("built");
}

fn load(project: &TestProject) -> Result<Catalog> {
    Catalog::load(&project.settings(), Checks::default())
}

/// A project with SQL, and a component with an asset, all locked.
fn locked() -> TestProject {
    let project = TestProject::new(&[
        ("migrations/1_create.up.sql", "-- runner:summary Create a\nCREATE TABLE a (b);\n"),
        ("migrations/1_create.down.sql", "DROP TABLE a;\n"),
        ("migrations/2_fill/assets/x.csv", "1"),
        ("migrations/3_last.up.sql", "-- runner:depends-on 001\n-- runner:no-transaction\nSELECT 1;\n"),
    ]);
    project.write("migrations/2_fill.wasm", component("one"));
    lock(&project);
    project
}

#[test]
fn migrations_have_their_description_and_digest() {
    let project = locked();
    let catalog = load(&project).expect("a catalog");
    let [create, fill, last] = catalog.migrations.as_slice() else { panic!("{catalog:?}") };
    assert_eq!(create.sha256, sha256(b"-- runner:summary Create a\nCREATE TABLE a (b);\n"));
    assert_eq!((create.id().as_str(), create.kind, create.locked), ("1_create", Kind::Sql, true));
    assert_eq!((create.description.summary.as_str(), last.description.summary.as_str()), ("Create a", "last"));
    assert_eq!(
        (last.description.mode, last.description.depends_on.as_slice()),
        (Mode::Stepwise, ["1".to_owned()].as_slice())
    );
    assert_eq!((fill.kind, fill.description.summary.as_str()), (Kind::Component, "one"));
    assert_ne!(fill.sha256, sha256(&component("one")), "the asset is part of it");
    assert_eq!(fill.read_component().expect("read"), Some(component("one")));
    assert_eq!(create.read_component().expect("SQL"), None);
    assert_eq!(catalog.get("0002").map(Migration::id), Some("2_fill".to_owned()));
    assert!(catalog.get("4").is_none() && catalog.get("x").is_none());

    project.write("migrations/2_fill.wasm", component("two"));
    assert_eq!(fill.read_component().expect_err("other bytes").kind, runner_base::error::ErrorKind::Mismatch);
}

#[test]
fn line_ends_are_ignored() {
    let project = locked();
    project.write("migrations/1_create.down.sql", "\u{feff}DROP TABLE a;\r\n");
    load(&project).expect("the same artifact");
}

#[test]
fn every_mismatch_with_the_lockfile_is_reported() {
    let project = locked();
    for (change, message) in [
        (
            ("migrations/1_create.up.sql", Some("SELECT 2")),
            "`1_create.up.sql` does not match the digest in `runner.lock`",
        ),
        (("migrations/1_create.down.sql", Some("x")), "`1_create.down.sql` does not match the digest in `runner.lock`"),
        (("migrations/1_create.down.sql", None), "`1_create.down.sql` is listed in `runner.lock` but does not exist"),
        (("migrations/3_last.down.sql", Some("x")), "`3_last.down.sql` was added since `runner.lock` was written"),
        (("migrations/3_last.up.sql", None), "`3_last.up.sql` is listed in `runner.lock` but does not exist"),
        (("migrations/2_fill.wasm", Some("x")), "`2_fill.wasm` does not match the digest in `runner.lock`"),
        (("migrations/2_fill.wasm", None), "`2_fill.wasm` is listed in `runner.lock` but does not exist"),
        (
            ("migrations/2_fill/assets/x.csv", Some("2")),
            "the asset `2_fill/assets/x.csv` does not match the digest in `runner.lock`",
        ),
        (
            ("migrations/2_fill/assets/x.csv", None),
            "the asset `2_fill/assets/x.csv` is listed in `runner.lock` but does not exist",
        ),
        (
            ("migrations/2_fill/assets/y.csv", Some("2")),
            "the asset `2_fill/assets/y.csv` was added since `runner.lock` was written",
        ),
    ] {
        let project = locked();
        let (path, content) = change;
        match content {
            Some(content) => project.write(path, content),
            None => project.remove(path),
        }
        let error = load(&project).expect_err(message);
        assert_eq!((error.message.as_str(), error.kind), (message, runner_base::error::ErrorKind::Mismatch));
        assert!(error.hints[0].contains("runner build"), "{}", shown(&error));
        let report = Catalog::inspect(&project.settings(), Checks::default()).expect("a report");
        assert_eq!(report.problems.iter().map(|problem| problem.message.as_str()).collect::<Vec<_>>(), [message]);
    }
    project.write("migrations/2_fill.wasm", "x");
    project.write("migrations/3_last.up.sql", "SELECT 3");
    assert_eq!(
        shown_error(load(&project)),
        "2 migrations do not match the lockfile\n  - `2_fill.wasm` does not match the digest in `runner.lock`\n  \
         - `3_last.up.sql` does not match the digest in `runner.lock`\n  \
         hint: restore the applied version from version control; if the change is intended, run `runner build 2`\n  \
         hint: restore the applied version from version control; if the change is intended, run `runner build 3`"
    );
}

#[test]
fn files_of_one_migration_count_once() {
    let project = locked();
    project.write("migrations/3_last.up.sql", "SELECT 3");
    project.write("migrations/3_last.down.sql", "SELECT 4");
    let told = shown_error(load(&project));
    assert!(told.starts_with("a migration does not match the lockfile\n  - `3_last.up.sql`"), "{told}");
    assert!(told.contains("`3_last.down.sql`"), "{told}");
}

#[test]
fn a_missing_directory_is_empty_for_inspect() {
    let project = locked();
    std::fs::remove_dir_all(project.path().join("migrations")).expect("removed");
    let report = Catalog::inspect(&project.settings(), Checks::default()).expect("a report");
    assert!(report.catalog.migrations.is_empty());
    assert!(report.problems.iter().all(|problem| problem.kind == CatalogProblemKind::Missing));
    assert!(!report.problems.is_empty());
    assert!(shown_error(load(&project)).starts_with("the project has no directory `migrations`\n"));
}

#[test]
fn a_changed_name_or_kind_is_reported() {
    let project = locked();
    let rename = |from: &str, to: &str| {
        std::fs::rename(project.path().join(from), project.path().join(to)).expect("renamed");
    };
    rename("migrations/3_last.up.sql", "migrations/3_end.up.sql");
    assert_eq!(load(&project).expect_err("renamed").message, "`3_end` is named `3_last` in `runner.lock`");
    rename("migrations/3_end.up.sql", "migrations/3_last.wasm");
    let error = load(&project).expect_err("another kind");
    assert_eq!(error.message, "`3_last` is a component, but `runner.lock` lists SQL");
}

#[test]
fn the_lockfile_must_list_components_and_may_list_sql() {
    let project = TestProject::new(&[("migrations/1_a.up.sql", "SELECT 1")]);
    assert!(!load(&project).expect("SQL").migrations[0].locked);
    let error = Catalog::load(&project.settings(), Checks { locked: true, ..Checks::default() }).expect_err("locked");
    assert_eq!(shown(&error), "`1_a.up.sql` is not in `runner.lock`\n  hint: run `runner build`");
    project.write("migrations/2_b.wasm", component("one"));
    assert_eq!(shown_error(load(&project)), "`2_b.wasm` is not in `runner.lock`\n  hint: run `runner build 2`");
    lock(&project);
    Catalog::load(&project.settings(), Checks { locked: true, ..Checks::default() }).expect("all is listed");
}

#[test]
fn an_unbuilt_migration_is_reported() {
    let project = TestProject::new(&[
        ("migrations/1_a/Cargo.toml", ""),
        ("migrations/2_b.up.sql", "-- runner:depends-on 1\nSELECT 1"),
    ]);
    let error = load(&project).expect_err("not built");
    assert_eq!(shown(&error), "`1_a` is not built\n  hint: run `runner build 1`");
    assert_eq!(error.kind, runner_base::error::ErrorKind::Usage);
    let report = Catalog::inspect(&project.settings(), Checks::default()).expect("a report");
    assert_eq!((report.catalog.migrations.len(), report.problems[0].kind), (1, CatalogProblemKind::Unbuilt));
}

#[test]
fn an_empty_directory_is_called_one() {
    let project = TestProject::new(&[("migrations/1_a.up.sql", "SELECT 1"), ("migrations/2_b/.gitkeep", "")]);
    std::fs::create_dir(project.path().join("migrations/2026-01-05-093000_c")).expect("a directory");
    let told = shown_error(load(&project));
    for name in ["2_b", "2026-01-05-093000_c"] {
        assert!(told.contains(&format!("`{name}` is an empty directory")), "{told}");
    }
    assert!(told.contains("hint: remove it; `runner new` creates a migration"), "{told}");
    // That of a component or of a script may be empty.
    project.write("migrations/2_b.wasm", component("one"));
    std::fs::remove_dir(project.path().join("migrations/2026-01-05-093000_c")).expect("removed");
    assert_eq!(shown_error(load(&project)), "`2_b.wasm` is not in `runner.lock`\n  hint: run `runner build 2`");
}

/// What a database does not get does not concern it, whether it was added, changed or lost.
#[test]
fn a_file_for_another_database_is_no_mismatch() {
    let project = TestProject::new(&[
        ("migrations/1_a.up.sql", "SELECT 1"),
        ("migrations/1_a.down.sql", "SELECT 2"),
        ("migrations/2_b.up.sql", "SELECT 1"),
        ("migrations/2_b.up.mysql.sql", "SELECT 1"),
    ]);
    lock(&project);
    let of = |dialect, texts| {
        let checks = Checks { dialect: Some(dialect), texts, ..Checks::default() };
        let report = Catalog::inspect(&project.settings(), checks).expect("a report");
        report.problems.into_iter().map(|problem| problem.message).collect::<Vec<_>>()
    };
    let chosen = |dialect| of(dialect, ComparedTexts::Chosen);
    project.write("migrations/1_a.up.sqlite.sql", "SELECT 3");
    let added = ["`1_a.up.sqlite.sql` was added since `runner.lock` was written"];
    assert_eq!(chosen(Dialect::Postgres), [""; 0]);
    assert_eq!(chosen(Dialect::Mariadb), [""; 0]);
    // Here, it takes the place of the other one.
    let replaced = chosen(Dialect::Sqlite);
    assert_eq!(replaced, added);
    assert_eq!(of(Dialect::Postgres, ComparedTexts::All), added, "`validate` is about all of them");
    let strict = Checks { locked: true, dialect: Some(Dialect::Postgres), ..Checks::default() };
    assert_eq!(Catalog::load(&project.settings(), strict).expect_err("locked").message, added[0]);
    // MariaDB gets what is written for MySQL, unless there is something of its own.
    project.write("migrations/2_b.up.mysql.sql", "SELECT 4");
    assert_eq!(chosen(Dialect::Mariadb), ["`2_b.up.mysql.sql` does not match the digest in `runner.lock`"]);
    assert_eq!(chosen(Dialect::Postgres), [""; 0]);
    project.write("migrations/1_a.down.sql", "SELECT 5");
    assert_eq!(chosen(Dialect::Postgres), ["`1_a.down.sql` does not match the digest in `runner.lock`"]);
    std::fs::remove_file(project.path().join("migrations/1_a.up.sql")).expect("removed");
    assert_eq!(chosen(Dialect::Postgres)[0], "`1_a.up.sql` is listed in `runner.lock` but does not exist");
}

#[test]
fn all_problems_of_files_are_reported() {
    let project = TestProject::new(&[
        ("migrations/1_a.up.sql", "-- +goose Down\n"),
        ("migrations/2_b.up.sql", "-- runner:depends-on 9\n-- runner:depends-on 3\nSELECT 1"),
        ("migrations/3_c.up.sql", "\n-- runner:irreversable\nSELECT 1"),
        ("migrations/4_d.txt", ""),
    ]);
    project.write("migrations/5_e.up.sql", b"SELECT '\xff'");
    assert_eq!(
        shown_error(load(&project)),
        "6 problems in `migrations`\n  - `4_d.txt` is not a migration\n  \
         - 1_a.up.sql:1: `-- +goose Down` does not come after the marker of an upgrade\n  \
         - 3_c.up.sql:2: unknown directive `runner:irreversable`\n  \
         - `5_e.up.sql` is not valid UTF-8 at byte 8 (counted from 0)\n  \
         - `2_b` depends on the unknown revision `9`\n  \
         - `2_b` depends on the unknown revision `3`\n  \
         hint: migrations end in `.up.sql`, `.down.sql`, `.sql`, `.js`, `.ts`, `.py` or `.wasm`; move other files elsewhere\n  \
         hint: write one upgrade, and the downgrade after it\n  \
         hint: did you mean `-- runner:irreversible`?\n  \
         hint: save the file as UTF-8; write other bytes as `X'…'`, as `mariadb-dump --hex-blob` does\n  \
         hint: use the digits at the start of the file name"
    );
    let project = TestProject::new(&[("migrations/1_a.up.sql", "-- runner:depends-on 1\nSELECT 1")]);
    assert_eq!(load(&project).expect_err("depends on itself").message, "`1_a` depends on `1`, which is not earlier");
}

/// Those of packages that have no line have no revision yet.
#[test]
fn migrations_without_a_revision_are_counted() {
    let problem = |revision: &str, name: &str| CatalogProblem {
        revision: revision.to_owned(),
        name: name.to_owned(),
        kind: CatalogProblemKind::Unlisted,
        message: String::new(),
        hint: String::new(),
    };
    let lost = [problem("", "acme/outbox:0001"), problem("", "acme/outbox:0002"), problem("", "acme/outbox:0003")];
    assert_eq!(mismatched(&lost), "3 migrations do not match the lockfile");
    let files = [problem("1", "a"), problem("1", "a")];
    assert_eq!(mismatched(&files), "a migration does not match the lockfile");
}

#[test]
fn artifacts_have_a_limit() {
    let project = TestProject::new(&[("migrations/1_a.up.sql", "SELECT 1")]);
    let limits = Limits { artifact_bytes: 7, ..Limits::default() };
    let settings = Settings { limits, ..project.settings() };
    let error = Catalog::load(&settings, Checks::default()).expect_err("too large");
    assert_eq!(error.message, "`1_a.up.sql` exceeds the limit `artifact_bytes` of 7B");
    assert_eq!(error.kind, runner_base::error::ErrorKind::Denied);
}
