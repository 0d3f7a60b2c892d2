use std::path::Path;
use std::time::{Duration, SystemTime};

use super::*;
use crate::test_project::TestProject;
use runner_base::error::ErrorKind;
use runner_project::catalog::ComparedTexts;
use runner_project::{Artifact, Catalog, Checks, Migration, Settings, sha256};

/// Longer than a file must not have changed to be remembered.
const SETTLES: Duration = Duration::from_millis(2100);

const LARGE: usize = 1 << 20;

fn large(text: &str) -> String {
    format!("{text}\n-- {}\n", "x".repeat(LARGE))
}

/// A project whose settings name a cache.
fn settings(project: &TestProject) -> Settings {
    let settings = project.settings();
    Settings { cache_directory: Some(project.path().join("cache")), ..settings }
}

fn load(settings: &Settings) -> Vec<Migration> {
    let report = Catalog::inspect(settings, Checks::default()).expect("a report");
    report.catalog.migrations
}

fn is_read(migration: &Migration) -> bool {
    let Artifact::Sql { texts, .. } = &migration.artifact else { panic!("no SQL") };
    !matches!(&texts.0, Written::OnDisk(place) if place.texts.get().is_none())
}

fn kept(settings: &Settings) -> Vec<std::path::PathBuf> {
    let cache = settings.cache_directory.as_deref().map(Path::read_dir).expect("a directory");
    cache.into_iter().flatten().map(|entry| entry.expect("an entry").path()).collect()
}

#[test]
fn what_is_known_of_a_large_file_is_what_is_read_in_it() {
    let files = [
        ("1_plain.sql", large("CREATE TABLE a (x int);")),
        ("2_says.up.sql", large("-- runner:summary A large one\n-- runner:depends-on 1\nSELECT 1;")),
        ("2_says.down.sql", "SELECT 2;\r\n".to_owned()),
        ("3_once.sql", large("-- runner:irreversible\nSELECT 1;")),
        ("4_steps.autocommit.sql", large("SELECT 1;")),
        ("5_rebuild.sql", large("PRAGMA foreign_keys = OFF; DROP TABLE t; PRAGMA foreign_keys = ON;")),
        ("6_both.sql", large("-- +goose Up\nSELECT 1;\n-- +goose Down\nSELECT 2;")),
        ("7_some.sqlite.up.sql", large("SELECT 'sqlite';")),
        ("7_some.postgres.up.sql", "SELECT 'postgres';".to_owned()),
        ("8_diesel/up.sql", large("SELECT 1;")),
        ("8_diesel/metadata.toml", "run_in_transaction = false".to_owned()),
        ("9_small.sql", "SELECT 1;".to_owned()),
    ];
    let project = TestProject::new(&[]);
    files.iter().for_each(|(name, text)| project.write(&format!("migrations/{name}"), text));
    let settings = settings(&project);
    std::thread::sleep(SETTLES);
    let read = load(&settings);
    assert_eq!((read.len(), kept(&settings).len()), (9, 8));
    let known = load(&settings);
    assert!(read.iter().all(is_read));
    let revisions = |migrations: &[Migration]| -> Vec<String> {
        migrations.iter().filter(|it| is_read(it)).map(|it| it.revision.clone()).collect()
    };
    assert_eq!(revisions(&known), ["9"]);
    assert_eq!(read, known);
    // For another database, other texts are chosen.
    let elsewhere = Checks { dialect: Some(Dialect::Postgres), ..Checks::default() };
    let report = Catalog::inspect(&settings, elsewhere).expect("a report");
    let (up, _) = report.catalog.migrations[6].read_sql().expect("read").expect("SQL");
    assert_eq!(&**up, "SELECT 'postgres';");
}

#[test]
fn a_file_that_changed_is_read_again() {
    let project = TestProject::new(&[]);
    let [one, two] = ["1;", "2;"].map(|number| large(&format!("SELECT {number}")));
    project.write("migrations/1_a.sql", &one);
    let path = project.path().join("migrations/1_a.sql");
    let settings = settings(&project);
    std::thread::sleep(SETTLES);
    load(&settings);
    let before = load(&settings).remove(0);
    assert!(!is_read(&before));
    let written = path.metadata().and_then(|file| file.modified()).expect("its time");
    // As long as before, and with the time of before.
    project.write("migrations/1_a.sql", &two);
    let file = std::fs::File::options().append(true).open(&path).expect("opened");
    file.set_modified(written).expect("its time");
    let after = load(&settings).remove(0);
    assert!(is_read(&after) && before.sha256 != after.sha256);
    let error = before.read_sql().expect_err("another text");
    assert_eq!((error.kind, &*error.message), (ErrorKind::Mismatch, "`1_a.sql` changed while runner was running"));
    assert!(kept(&settings).is_empty(), "the next command does not believe it either");
    std::fs::remove_file(&path).expect("removed");
    before.read_sql().expect_err("no text");
    project.write("migrations/1_a.sql", &one);
    assert_eq!(before.read_sql().expect("as it was").map(|(up, _)| up.len()), Some(one.len()));
}

#[test]
fn what_is_kept_is_one_file_for_each_migration_and_may_be_damaged() {
    let project = TestProject::new(&[("migrations/1_a.sql", &large("SELECT 1;"))]);
    let mut settings = settings(&project);
    let path = project.path().join("migrations/1_a.sql");
    let written = |at| std::fs::File::options().append(true).open(&path).and_then(|file| file.set_modified(at));
    written(SystemTime::now() + Duration::from_secs(60)).expect("its time");
    load(&settings);
    assert_eq!(kept(&settings).len(), 0, "it may change within one tick of the clock");
    written(SystemTime::now()).expect("its time");
    std::thread::sleep(SETTLES);
    load(&settings);
    let [kept] = &kept(&settings)[..] else { panic!("not one file") };
    let text = std::fs::read_to_string(kept).expect("read");
    for damaged in ["", "{}", &text[..text.len() / 2], &text.replace("\"auto\"", "\"stepwise\"")] {
        std::fs::write(kept, damaged).expect("written");
        assert!(is_read(&load(&settings)[0]), "{damaged}");
        assert_eq!(std::fs::read_to_string(kept).expect("read"), text, "it is written anew");
    }
    assert!(!is_read(&load(&settings)[0]));
    // As by another build, which found something else in it.
    let (name, other) = (kept.file_name().expect("a name"), text[64..].replace("\"auto\"", "\"stepwise\""));
    let digest = sha256(format!("{}{other}", name.to_string_lossy()).as_bytes());
    std::fs::write(kept, format!("{digest}{other}")).expect("written");
    let migration = load(&settings).remove(0);
    assert!(!is_read(&migration));
    assert_eq!(migration.read_sql().expect_err("another one").kind, ErrorKind::Mismatch);
    assert!(is_read(&load(&settings)[0]) && !is_read(&load(&settings)[0]), "it is found anew");
    let all = Checks { texts: ComparedTexts::All, ..Checks::default() };
    let report = Catalog::inspect(&settings, all).expect("a report");
    assert!(is_read(&report.catalog.migrations[0]), "who checks all of it reads it");
    settings.limits.artifact_bytes = LARGE as u64;
    let error = Catalog::inspect(&settings, Checks::default()).expect_err("too large");
    assert!(error.message.contains("exceeds the limit `artifact_bytes`"), "{}", error.message);
}
