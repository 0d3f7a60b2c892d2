use super::*;
use crate::build::{BuildRequest, build};
use crate::test_description::description_of;
use crate::test_project::{TestProject, shown, shown_error};
use runner_project::revision::{revision_after, revision_at};
use runner_project::script::ScriptLanguage;
use runner_project::{Catalog, Checks, LoadRequest, Settings};

fn new_in(project: &TestProject, name: &str, language: Language, revision: &str) -> Result<Scaffolded> {
    new_migration(&project.settings(), &NewRequest { name, language, installer: None, revision, runtime: &|_| None })
}

#[test]
fn the_text_about_languages_names_all_of_them() {
    let (_, text) =
        runner_project::env::ALL.iter().find(|(name, _)| *name == runner_project::env::LANG).expect("the variable");
    let (_, languages) = text.split_once(": ").expect("a list");
    let named: Vec<&str> = languages.split('`').skip(1).step_by(2).filter(|name| !name.starts_with("--")).collect();
    assert_eq!(named, Language::NAMES);
}

#[test]
fn a_new_project_has_a_migration_and_can_be_loaded() {
    let parent = tempfile::tempdir().expect("a directory");
    let directory = parent.path().join("My \"Shop\"");
    let made = init(&directory, Some(&revision_at(1_767_605_400)), None).expect("made");
    assert_eq!(made.migration.as_deref(), Some("20260105093000_create_notes"));
    assert_eq!(made.files.len(), 4);
    let request = LoadRequest { start_dir: directory.canonicalize().expect("there"), ..LoadRequest::default() };
    let settings = Settings::load(&request).unwrap_or_else(|error| panic!("{}", shown(&error)));
    assert_eq!(settings.name, "My \"Shop\"");
    assert_eq!(settings.database_url.value.sqlite_path(), Some(settings.root.join("my__shop_.db")));
    let catalog = Catalog::load(&settings, Checks::default()).expect("a catalog");
    assert_eq!(catalog.migrations[0].description.summary, "Create the table of notes");
    assert!(shown_error(init(&directory, Some("1"), None)).contains("is already a project"));
}

#[test]
fn existing_files_are_kept() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join(".gitignore"), "*.db\n.env\nmine").expect("written");
    std::fs::create_dir(directory.path().join("migrations")).expect("a directory");
    std::fs::write(directory.path().join("migrations/1_a.up.sql"), "SELECT 1").expect("written");
    let made = init(directory.path(), Some("2"), None).expect("made");
    assert_eq!((made.migration, made.files), (None, vec![".gitignore".into(), "runner.toml".into()]));
    let gitignore = std::fs::read_to_string(directory.path().join(".gitignore")).expect("read");
    assert_eq!(gitignore, "*.db\n.env\nmine\n\n# runner\n*.db-*\n*.runner-lock\n/backups/\n/.runner/target/\n");
}

#[test]
fn new_sql_migrations_come_last_and_load() {
    let project = TestProject::new(&[("migrations/0007_first.up.sql", "SELECT 1")]);
    let made = new_in(&project, "Add Email", Language::Sql, "20260105093000").expect("made");
    assert_eq!(made.migration.as_deref(), Some("20260105093000_add_email"));
    let files = ["migrations/20260105093000_add_email.up.sql", "migrations/20260105093000_add_email.down.sql"];
    assert_eq!(made.files, files.map(PathBuf::from));
    assert!(project.read(files[0]).starts_with("-- runner:summary add email\n"));
    // The clock has not advanced, or was set back.
    let made = new_in(&project, "again", Language::Sql, "20260105093000").expect("made");
    assert_eq!(made.migration.as_deref(), Some("20260105093001_again"));
    let catalog = Catalog::load(&project.settings(), Checks::default()).expect("a catalog");
    assert_eq!(catalog.migrations.len(), 3);
    assert_eq!(catalog.migrations[1].description.summary, "add email");
    assert!(new_in(&project, "a/b", Language::Sql, "1").is_err());
}

#[test]
fn no_revision_has_more_digits_than_can_be_read() {
    let project = TestProject::new(&[("migrations/99999999999999999999_a.sql", "SELECT 1")]);
    let error = new_in(&project, "b", Language::Sql, "20260105093000").expect_err("the last number");
    assert_eq!(error.message, "no revision comes after 99999999999999999999: a number has 20 digits at most");
}

#[test]
fn revisions_of_the_same_second_are_valid_times() {
    for (last, next) in [
        (7, "8"),
        (20_261_120_085_058, "20261120085059"),
        (20_261_120_085_059, "20261120085100"),
        (20_261_231_235_959, "20270101000000"),
        (20_261_120_085_064, "20261120085100"),
        (20_261_399_999_999, "20261400000000"),
    ] {
        assert_eq!(revision_after(last), next);
    }
}

#[test]
fn a_missing_directory_is_created() {
    let project = TestProject::new(&[("runner.toml", "[project]\nmigrations = 'db/changes'\n")]);
    let made = new_in(&project, "x", Language::Sql, "5").expect("made");
    assert_eq!(made.files[0], Path::new("db/changes/5_x.up.sql"));
}

#[test]
fn rust_uses_the_sdk_that_the_project_names() {
    let project = TestProject::new(&[
        ("sdk/Cargo.toml", ""),
        ("runner.toml", "[project]\nsdk = 'sdk'\nmigrations = 'db/changes'\n"),
    ]);
    let made = new_in(&project, "2fa", Language::Rust, "5").expect("made");
    assert_eq!(
        made.files,
        ["Cargo.toml", "src/lib.rs", ".gitignore"].map(|file| Path::new("db/changes/5_2fa").join(file))
    );
    let manifest = project.read("db/changes/5_2fa/Cargo.toml");
    assert!(
        manifest.contains("name = \"migration_2fa\"") && manifest.contains("path = \"../../../sdk\""),
        "{manifest}"
    );
    assert!(!manifest.contains("{{") && !project.read("db/changes/5_2fa/src/lib.rs").contains("{{"));
    project.remove("sdk/Cargo.toml");
    assert!(shown_error(new_in(&project, "x", Language::Rust, "6")).contains("contains no crate"));
}

/// A file of zstd without content.
const EMPTY_RUNTIME: &[u8] = b"\x28\xb5\x2f\xfd\x20\0\x01\0\0";

/// PostgreSQL cuts names at 63 bytes and MySQL refuses those of more than 64 characters. A name in SQL must not begin with a digit.
#[test]
fn names_of_tables_are_those_that_databases_take() {
    let project = TestProject::new(&[("sdk/Cargo.toml", ""), ("runner.toml", "[project]\nsdk = 'sdk'\n")]);
    let mut revision = 0;
    for (name, table) in [
        ("x".repeat(100), format!("{}_items", "x".repeat(50))),
        (format!("{}_y", "x".repeat(49)), format!("{}_items", "x".repeat(49))),
        (format!("2{}", "x".repeat(99)), format!("migration_2{}_items", "x".repeat(39))),
        ("time".to_owned(), "time_items".to_owned()),
    ] {
        for language in Language::NAMES {
            let of_script = matches!(language, "javascript" | "typescript" | "python");
            revision += 1;
            let request = NewRequest {
                name: &name,
                installer: None,
                language: Language::from_name(language).expect(language),
                revision: &revision.to_string(),
                runtime: &|_| of_script.then_some(EMPTY_RUNTIME),
            };
            let made = new_migration(&project.settings(), &request).unwrap_or_else(|error| panic!("{}", shown(&error)));
            assert_eq!(made.migration, Some(format!("{revision}_{name}")));
            let sources = made.files.iter().map(|file| project.path().join(file)).filter(|file| file.is_file());
            let texts: Vec<String> = sources.filter_map(|file| std::fs::read_to_string(file).ok()).collect();
            assert!(
                texts.iter().any(|text| text.contains(&format!("CREATE TABLE {table} ("))),
                "{language}: {texts:?}"
            );
            // A module of Go must not have the name of a package of the standard library.
            if language == "go" {
                let module = format!("module migration_{}\n", table.trim_end_matches("_items"));
                assert!(texts.iter().any(|text| text.starts_with(&module)), "{texts:?}");
            }
        }
    }
}

/// Takes some seconds: the SDK is compiled as on a user's machine.
#[test]
fn rust_uses_the_embedded_sdk_by_default() {
    // Its dependencies are already on disk, because this test needed them too.
    let project = TestProject::new(&[(".cargo/config.toml", "[net]\noffline = true\n")]);
    let made = new_in(&project, "add_email", Language::Rust, "5").expect("made");
    assert_eq!(made.files[0], Path::new(".runner/sdk").join(format!("runner-guest-{}", env!("CARGO_PKG_VERSION"))));
    let manifest = project.read("migrations/5_add_email/Cargo.toml");
    assert!(manifest.contains(&format!("path = \"../../.runner/sdk/runner-guest-{}\"", env!("CARGO_PKG_VERSION"))));
    let env = std::env::vars().collect();
    let request = BuildRequest {
        revisions: &[],
        all: false,
        env: &env,
        program: None,
        describe: &description_of,
        runtime: &|_| None,
        compiling: &|_| (),
        stop: None,
        stage: None,
        is_applied: &|_| Ok(false),
        has_history: &|| Ok(true),
    };
    let report = build(&project.settings(), &request).unwrap_or_else(|error| panic!("{}", shown(&error)));
    assert!(report.artifacts[0].compiled);
    let artifact = std::fs::read(project.path().join("migrations/5_add_email.wasm")).expect("an artifact");
    let path = project.path().to_str().expect("UTF-8").as_bytes();
    assert!(!artifact.windows(path.len()).any(|window| window == path), "the artifact contains no local path");
    // The next migration uses the same SDK.
    assert_eq!(new_in(&project, "more", Language::Rust, "6").expect("made").files.len(), 3);
}

#[test]
fn languages_have_names() {
    assert_eq!(Language::from_name("SQL").expect("one"), Language::Sql);
    assert_eq!(Language::from_name("rs").expect("one"), Language::Rust);
    assert_eq!(Language::from_name("js").expect("one"), Language::Script(ScriptLanguage::Javascript));
    assert_eq!(Language::from_name("C").expect("one"), Language::Compiled(CompiledLanguage::C));
    assert_eq!(Language::from_name("c++").expect("one"), Language::Compiled(CompiledLanguage::Cpp));
    assert_eq!(Language::from_name("zig").expect("one"), Language::Compiled(CompiledLanguage::Zig));
    assert_eq!(Language::from_name("Go").expect("one"), Language::Compiled(CompiledLanguage::Go));
    for name in ["ruby", "java", "cobol"] {
        let told = shown(&Language::from_name(name).expect_err(name));
        assert!(
            told.contains("no template for")
                && told.contains("`sql`, `javascript`, `typescript`, `python`, `rust`, `go`, `c`, `cpp` and `zig`"),
            "{told}"
        );
    }
}

/// `.env` is replaced as a whole: what cannot be written leaves the file that was there, which a second link to it shows.
#[cfg(unix)]
#[test]
fn a_password_is_added_to_another_file_with_the_permissions_of_the_first() {
    use std::os::unix::fs::PermissionsExt;

    let project = TestProject::new(&[(".env", "OTHER=1\n")]);
    let file = |name: &str| project.path().join(name);
    std::fs::set_permissions(file(".env"), std::fs::Permissions::from_mode(0o640)).expect("changed");
    std::fs::hard_link(file(".env"), file("before")).expect("linked");
    let url = runner_database::DatabaseUrl::parse("postgres://app:secret@db/shop", project.path()).expect("a URL");
    std::fs::remove_dir_all(file("migrations")).expect("removed");
    let _ = std::fs::remove_file(file("runner.toml"));
    init(project.path(), Some("1"), Some(&url)).unwrap_or_else(|error| panic!("{}", shown(&error)));
    assert_eq!(project.read(".env"), "OTHER=1\nDB_PASSWORD='secret'\n");
    assert_eq!(project.read("before"), "OTHER=1\n");
    let mode = std::fs::metadata(file(".env")).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
}
