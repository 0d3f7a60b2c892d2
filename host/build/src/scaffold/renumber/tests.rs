//! Migrations that get another revision.

use super::*;
use crate::test_project::TestProject;

const NOW: &str = "20260301100000";

fn request<'a>(migration: &'a str, revision: Option<&'a str>) -> RenumberRequest<'a> {
    RenumberRequest { migration, revision, now: NOW }
}

#[test]
fn a_late_migration_comes_last() {
    let project = TestProject::new(&[
        ("migrations/0001_users.up.sql", "SELECT 1"),
        ("migrations/0002_ours.up.sql", "SELECT 1"),
        ("migrations/0002_theirs.up.sql", "SELECT 1"),
        ("migrations/0002_theirs.down.sql", "SELECT 1"),
        ("migrations/0003_more.up.sql", "SELECT 1"),
    ]);
    let settings = project.settings();
    let error = plan_renumber(&settings, &request("2", None)).expect_err("two of them");
    assert_eq!(error.message, "`2` may mean any of `0002_ours` and `0002_theirs`");
    let plan = plan_renumber(&settings, &request("theirs", None)).expect("a plan");
    assert_eq!((plan.old.as_str(), plan.revision.as_str(), plan.is_locked), ("0002.2", "0004", false));
    renumber(&settings, &plan).expect("renamed");
    let catalog = runner_project::Catalog::load(&settings, Default::default()).expect("a catalog");
    let ids: Vec<String> = catalog.migrations.iter().map(|migration| migration.id()).collect();
    assert_eq!(ids, ["0001_users", "0002_ours", "0003_more", "0004_theirs"]);
}

#[test]
fn the_style_of_the_revision_is_kept() {
    for (id, others, expected) in [
        ("20260101000000_a", "20260102000000_b", NOW),
        ("20260101000000_a", "20270101000000_b", "20270101000001"),
        ("7_a", "9_b", "10"),
        ("0007_a", "0009_b", "0010"),
        ("20240102_a", "20240104_b", "20260301"),
        ("20240102_a", "20260301_b", "20260302"),
        ("20240102.2_a", "20260331_b", "20260401"),
        ("20240102_a", "20260301100001_b", "20260302"),
        ("1.2.0_a", "1.10.0_b", "2"),
    ] {
        let id_of = |text: &str| {
            let (revision, name) = text.split_once('_').expect("an id");
            Id { revision: revision.to_owned(), name: name.to_owned() }
        };
        let all: All = [id, others].into_iter().map(id_of).map(|id| (id, Vec::new())).collect();
        assert_eq!(last(&all, &id_of(id), NOW).expect("a revision"), expected, "{id}");
    }
}

#[test]
fn the_form_of_a_name_is_kept() {
    for (file, new, expected) in [
        ("0187.up.sql", "0188", "0188.up.sql"),
        ("V1_2__x.sql", "3", "V3__x.sql"),
        ("2026-01-05-093000_x", NOW, "2026-03-01-100000_x"),
        ("2026-01-05-093000-0000_x", NOW, "2026-03-01-100000_x"),
        ("2026_01_05_093000_x.sql", NOW, "2026_03_01_100000_x.sql"),
        ("2026-01-05-093000_x", "7", "7_x"),
        ("20260105093000_init", NOW, "20260301100000_init"),
        ("2024_01_02_b.sql", "20260301", "2026_03_01_b.sql"),
        ("2024-1-2_b.sql", "20260301", "2026-03-01_b.sql"),
        ("2024_01_02_10_b.sql", "20240102.2", "20240102.2_b.sql"),
        ("20240102_10_b.sql", "20260301", "20260301_b.sql"),
        ("1.2.0_b.sql", "2", "2_b.sql"),
    ] {
        assert_eq!(renamed(file, new), expected, "{file}");
    }
}

#[test]
fn names_of_other_tools_are_renumbered() {
    for (files, which, expected) in [
        (&["0187.up.sql", "0187.down.sql", "0188.up.sql"][..], "187", "0188 0189"),
        (
            &["2026-01-05-093000_a/up.sql", "2026-01-05-093000_a/down.sql", "20260106_b.sql"],
            "a",
            "20260106_b 20260301100000_a",
        ),
        (&["1_init/migration.sql", "2_more/migration.sql"], "1", "2_more 3_init"),
        (&["1_a_up.sql", "1_a_down.sql", "2_b_up.sql", "2_b_down.sql"], "1", "2_b 3_a"),
        (&["1_a.sql", "1_a_rollback.sql", "2_b.sql", "2_b.revert.sql"], "1", "2_b 3_a"),
        (&["1_a.sql", "1_down.sql", "2_b.sql"], "1", "2_b 3_a"),
        (&["V1__a.sql", "V2__b.sql"], "1_a", "2_b 3_a"),
        (&["1_a.sql", "1_a.oracle.sql", "2_b.sql"], "a", "2_b 3_a"),
    ] {
        let all: Vec<_> = files.iter().map(|file| (format!("migrations/{file}"), "SELECT 1;")).collect();
        let all: Vec<(&str, &str)> = all.iter().map(|(file, text)| (&**file, *text)).collect();
        let project = TestProject::new(&all);
        let settings = project.settings();
        let plan = plan_renumber(&settings, &request(which, None)).expect("a plan");
        renumber(&settings, &plan).expect("renamed");
        let catalog = runner_project::Catalog::load(&settings, Default::default()).expect("a catalog");
        let ids: Vec<String> = catalog.migrations.iter().map(|migration| migration.id()).collect();
        assert_eq!(ids.join(" "), expected);
    }
}

#[test]
fn a_migration_that_has_the_revision_already_is_left_alone() {
    let two = ["migrations/0003_a.sql", "migrations/0004_b.up.sql"];
    let last = "`0004_b` already comes last, with the revision 0004";
    for (files, which, wanted, message) in [
        (&two[..], "0004", None, last),
        (&two, "4", Some("0004"), "`0004_b` already has the revision 0004"),
        (&["migrations/1_a.sql"], "1", None, "`1_a` already comes last, with the revision 1"),
    ] {
        let files: Vec<_> = files.iter().map(|file| (*file, "SELECT 1;")).collect();
        let project = TestProject::new(&files);
        let error = plan_renumber(&project.settings(), &request(which, wanted)).expect_err(message);
        assert_eq!(error.message, message);
    }
}

#[test]
fn the_others_of_a_number_move_up() {
    let project = TestProject::new(&[
        ("migrations/7_a.sql", "SELECT 1"),
        ("migrations/7_b.sql", "SELECT 1"),
        ("migrations/7_c.sql", "SELECT 1"),
    ]);
    let settings = project.settings();
    let plan = plan_renumber(&settings, &request("7.2_b", None)).expect("a plan");
    assert_eq!((plan.old.as_str(), plan.revision.as_str()), ("7.2", "8"));
    let moved: Vec<_> = plan.shifted.iter().map(|(id, revision)| format!("{} {revision}", id.shown())).collect();
    assert_eq!(moved, ["7.3_c 7.2"]);
}

#[test]
fn tests_keep_their_migrations() {
    let project = TestProject::new(&[
        ("migrations/7_a.sql", "SELECT 1"),
        ("migrations/7_b.sql", "SELECT 1"),
        ("migrations/7_c.sql", "SELECT 1"),
        ("migrations/tests/7_a/up/1.sql", "SELECT 'a'"),
        ("migrations/tests/7.2_b/up/1.sql", "SELECT 'b'"),
        ("migrations/tests/7.3_c/up/1.sql", "SELECT 'c'"),
    ]);
    let settings = project.settings();
    let plan = plan_renumber(&settings, &request("7.2_b", None)).expect("a plan");
    project.write("migrations/tests/7.2_c/up/1.sql", "SELECT 'in the way'");
    let error = renumber(&settings, &plan).expect_err("in the way");
    assert_eq!(error.message, "`tests/7.2_c` already exists");
    assert_eq!(project.read("migrations/7_b.sql"), "SELECT 1");
    assert_eq!(project.read("migrations/tests/7.2_b/up/1.sql"), "SELECT 'b'");
    std::fs::remove_dir_all(project.path().join("migrations/tests/7.2_c")).expect("removed");
    renumber(&settings, &plan).expect("renamed");
    for (id, text) in [("7_a", "SELECT 'a'"), ("7.2_c", "SELECT 'c'"), ("8_b", "SELECT 'b'")] {
        assert_eq!(project.read(&format!("migrations/tests/{id}/up/1.sql")), text);
    }
}

#[test]
fn a_revision_that_is_taken_is_refused_and_nothing_is_renamed() {
    let project = TestProject::new(&[("migrations/1_a.up.sql", "SELECT 1"), ("migrations/2_b.up.sql", "SELECT 1")]);
    let settings = project.settings();
    for (wanted, message) in [("02", "`2_b` has the revision 02"), ("x", "`x` is not a revision")] {
        let error = plan_renumber(&settings, &request("1", Some(wanted))).expect_err(wanted);
        assert_eq!(error.message, message);
    }
    let plan = plan_renumber(&settings, &request("1_a", Some("5"))).expect("a plan");
    project.write("migrations/5_a.up.sql", "-- in the way");
    assert_eq!(renumber(&settings, &plan).expect_err("in the way").message, "`5_a.up.sql` already exists");
    assert_eq!(project.read("migrations/1_a.up.sql"), "SELECT 1");
}

/// A project with a script that imports from its directory, and grants.
fn with_script(import: &str, settings: &str) -> TestProject {
    TestProject::new(&[
        ("runner.toml", settings),
        ("migrations/1_a.sql", "SELECT 1"),
        ("migrations/2_tidy.ts", &format!("{import}\nexport function upgrade() {{}}\n")),
        ("migrations/2_tidy/rules.ts", "import { x } from '../2_tidy/x.ts';\n"),
        ("migrations/2_tidy/deep/y.js", "export * from \"../../2_tidy/x.ts\";\n"),
        ("migrations/2_tidy/x.ts", "// See 2_tidy/rules.ts.\nexport const x = 12_2_tidy2;\n"),
        ("migrations/3_b.sql", "SELECT 1"),
    ])
}

#[test]
fn imports_of_the_own_directory_and_grants_follow() {
    let import = "import { clean } from \"./2_tidy/rules.ts\"; // of 2_tidy\nawait import(`./2_tidy/${name}.js`);\n// Not 2_tidy/x.";
    let settings = "# Mine.\n[database]\nurl = \"sqlite:a.db\"\n\n# The others.\n[grants.1_a]\n\n# Its own.\n[grants.2_tidy] # here\n\
                    allow = [\"read a\"]\n\n[grants.3_b]\n";
    let project = with_script(import, settings);
    let plan = plan_renumber(&project.settings(), &request("tidy", None)).expect("a plan");
    renumber(&project.settings(), &plan).expect("renamed");
    let edited: Vec<&str> = plan.edits.iter().map(|edit| edit.renamed.as_str()).collect();
    assert_eq!(
        edited,
        ["migrations/4_tidy/deep/y.js", "migrations/4_tidy/rules.ts", "migrations/4_tidy.ts", "runner.toml"]
    );
    assert_eq!(
        project.read("migrations/4_tidy.ts"),
        "import { clean } from \"./4_tidy/rules.ts\"; // of 2_tidy\nawait import(`./4_tidy/${name}.js`);\n// Not 2_tidy/x.\n\
         export function upgrade() {}\n"
    );
    assert_eq!(project.read("migrations/4_tidy/rules.ts"), "import { x } from '../4_tidy/x.ts';\n");
    assert_eq!(project.read("migrations/4_tidy/deep/y.js"), "export * from \"../../4_tidy/x.ts\";\n");
    assert_eq!(project.read("migrations/4_tidy/x.ts"), "// See 2_tidy/rules.ts.\nexport const x = 12_2_tidy2;\n");
    assert_eq!(project.read("runner.toml"), settings.replace("2_tidy", "4_tidy"));
}

#[test]
fn grants_by_revision_follow_in_every_form() {
    for (settings, expected) in [
        ("[grants.02]\nallow = []\n", Some("[grants.4]\nallow = []\n")),
        ("[grants]\n\"2\" = { allow = [] }\n", Some("[grants]\n4 = { allow = [] }\n")),
        (
            "grants.2_tidy.allow = []\ngrants.2_tidy.raw_sql = true\n",
            Some("grants.4_tidy.allow = []\ngrants.4_tidy.raw_sql = true\n"),
        ),
        ("[grants.20]\nallow = []\n[parameters]\nx = \"2_tidy\"\n", None),
    ] {
        let project = with_script("", settings);
        let plan = plan_renumber(&project.settings(), &request("tidy", None)).expect("a plan");
        renumber(&project.settings(), &plan).expect("renamed");
        assert_eq!(project.read("runner.toml"), expected.unwrap_or(settings));
    }
    let project = with_script("", "# One of two.\n[grants.2]\n");
    project.write("migrations/2_other.js", "");
    let error = plan_renumber(&project.settings(), &request("tidy", None)).expect_err("whose are they?");
    assert_eq!(error.message, "`[grants.2]` may be for `2_tidy` or for another migration with its revision");
    assert_eq!(error.places, [("file", "runner.toml:2".to_owned())]);
}

#[test]
fn an_import_that_cannot_be_changed_is_refused_with_its_line() {
    let project = with_script("\nconst rules = await import(\"./\" + \"2_tidy/rules.ts\");", "");
    let error = plan_renumber(&project.settings(), &request("tidy", None)).expect_err("unclear");
    let message = "`migrations/2_tidy.ts` names the directory `2_tidy` in a way that cannot be changed safely";
    assert_eq!(error.message, message);
    assert_eq!(error.places, [("file", "migrations/2_tidy.ts:2".to_owned())]);
    assert!(error.hints[0].contains("nothing was renamed"));
}

#[test]
fn everything_or_nothing_changes() {
    let project = with_script("import \"./2_tidy/rules.ts\";", "[grants.2_tidy]\n");
    let plan = plan_renumber(&project.settings(), &request("tidy", None)).expect("a plan");
    let files = ["runner.toml", "migrations/2_tidy.ts", "migrations/2_tidy/rules.ts", "migrations/2_tidy/deep/y.js"];
    let before = files.map(|file| project.read(file));
    // The lockfile comes last.
    std::fs::create_dir(project.path().join("runner.lock")).expect("a directory");
    renumber(&project.settings(), &plan).expect_err("it cannot be written");
    assert_eq!(files.map(|file| project.read(file)), before);
    assert!(!project.path().join("migrations/4_tidy.ts").exists());
}

#[test]
fn lists_of_directories_follow() {
    let manifest = "[workspace]\nmembers = [\"1_a\", \"1_a/rules\", \"1_ab\"]\n";
    let project = TestProject::new(&[
        ("migrations/1_a/Cargo.toml", "[package]\nname = \"a\"\n"),
        ("migrations/Cargo.toml", manifest),
        ("migrations/2_b.sql", "SELECT 1"),
        ("Cargo.toml", "[workspace]\nexclude = ['migrations/1_a']\n"),
        ("tsconfig.json", "{ \"compilerOptions\": { \"rootDirs\": [\"migrations\", \"./migrations/1_a\"] } }\n"),
    ]);
    let plan = plan_renumber(&project.settings(), &request("a", None)).expect("a plan");
    renumber(&project.settings(), &plan).expect("renamed");
    assert_eq!(project.read("migrations/Cargo.toml"), manifest.replace("1_a\"", "3_a\"").replace("1_a/", "3_a/"));
    assert_eq!(project.read("Cargo.toml"), "[workspace]\nexclude = ['migrations/3_a']\n");
    assert!(project.read("tsconfig.json").contains("\"./migrations/3_a\""));
}

#[test]
fn versions_and_divisions_are_no_paths() {
    let manifest = "[workspace]\nmembers = [\"migrations/1\"]\n\n[dependencies]\nserde = \"1\"\nrand = \"1.4\"\n";
    let project = TestProject::new(&[
        ("migrations/1/up.sql", "SELECT 1"),
        ("migrations/2.js", "const x = 2/3;\nexport const y = \"2/3\";\n"),
        ("Cargo.toml", manifest),
    ]);
    for which in ["1", "2"] {
        let plan = plan_renumber(&project.settings(), &request(which, None)).expect("a plan");
        renumber(&project.settings(), &plan).expect("renamed");
    }
    assert_eq!(project.read("Cargo.toml"), manifest.replace("migrations/1", "migrations/3"));
    assert_eq!(project.read("migrations/4.js"), "const x = 2/3;\nexport const y = \"2/3\";\n");
    // With a directory, only what is in quotes may be a path into it.
    project.write("migrations/4.js", "const x = 4/3, y = 'above 4/3';\n");
    project.write("migrations/4/rules.js", "export const y = 1;\n");
    let plan = plan_renumber(&project.settings(), &request("4", Some("5"))).expect("a plan");
    assert_eq!(plan.edits, []);
}

#[test]
fn what_another_migration_uses_keeps_its_name() {
    for (file, text, line) in [
        ("migrations/2_b/Cargo.toml", "[package]\n[dependencies]\nmoney = { path = \"../1_a/money\" }\n", ":3"),
        ("migrations/2_b/migration.toml", "[build]\nsources = [\"../1_a/money\"]\n", ":2"),
        ("migrations/2_b/migration.toml", "[build]\ncommand = [\"sh\", \"-c\", \"cp ../1_a/x .\"]\n", ":2"),
        ("migrations/2_b/package.json", "{ \"dependencies\": { \"money\": \"file:../1_a/money\" } }\n", ":1"),
        ("migrations/2_b/go.mod", "module b\n\nreplace money => ../1_a/money\n", ":3"),
        ("migrations/2_b/src/lib.rs", "#[path = \"../../1_a/src/x.rs\"]\nmod x;\n", ":1"),
        ("migrations/2_b/src/lib.rs", "include!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/../1_a/x.rs\"));\n", ":1"),
        ("migrations/2_b/x.js", "\nimport x from '../1_a/x.js';\n", ":2"),
        ("migrations/2_b.js", "import x from \"./1_a/x.js\";\n", ":1"),
    ] {
        let project = TestProject::new(&[("migrations/1_a/up.sql", "SELECT 1"), ("migrations/3_c.sql", "SELECT 1")]);
        project.write(file, text);
        let error = plan_renumber(&project.settings(), &request("a", None)).expect_err(file);
        assert_eq!(error.message, format!("`{file}` uses `migrations/1_a`, which would get another name"));
        assert_eq!(error.places, [("file", format!("{file}{line}"))]);
        assert!(error.hints[0].contains("move what several share out of `migrations/1_a` first"), "{:?}", error.hints);
    }
}

#[test]
fn what_only_looks_like_a_use_is_none() {
    for (file, text) in [
        (
            "migrations/2_b/Cargo.toml",
            "[package]\nversion = \"1\"\n# See ../1/x.\n[dependencies]\nx = { path = \"../10/x\" }\n",
        ),
        ("migrations/2_b/src/lib.rs", "// As \"../../1/x\".\nconst X: i32 = 1/2;\ninclude!(\"../1/x.rs\");\n"),
        ("migrations/2_b/node_modules/x.js", "import '../../1/x.js'\n"),
        ("migrations/2_b/target/x.rs", "include!(\"../../1/x.rs\");\n"),
        ("migrations/target/x.rs", "include!(\"../1/x.rs\");\n"),
        ("migrations/2_b.js", "const x = 1/2; // and ./1/x\n"),
        ("migrations/package.json", "{ \"workspaces\": [\"./1\"] }\n"),
    ] {
        let project = TestProject::new(&[("migrations/1/up.sql", "SELECT 1"), ("migrations/3_c.sql", "SELECT 1")]);
        project.write(file, text);
        plan_renumber(&project.settings(), &request("1", None)).expect(file);
    }
}

#[test]
fn a_directory_that_names_itself_keeps_its_name() {
    let project = TestProject::new(&[("migrations/1_a/Cargo.toml", "[dependencies]\nx = { path = \"../1_a/x\" }\n")]);
    let error = plan_renumber(&project.settings(), &request("a", Some("2"))).expect_err("it names itself");
    assert_eq!(error.places, [("file", "migrations/1_a/Cargo.toml:2".to_owned())]);
    assert!(error.hints[0].contains("without the directory's own name"), "{:?}", error.hints);
}

#[cfg(unix)]
#[test]
fn where_a_link_of_another_migration_leads_keeps_its_name() {
    let project = TestProject::new(&[("migrations/1_a/x/y.rs", ""), ("migrations/2_b/Cargo.toml", "")]);
    std::os::unix::fs::symlink("../1_a/x", project.path().join("migrations/2_b/x")).expect("a link");
    let error = plan_renumber(&project.settings(), &request("a", None)).expect_err("it leads there");
    assert_eq!(error.places, [("file", "migrations/2_b/x".to_owned())]);
}

#[test]
fn line_ends_of_the_settings_are_kept() {
    for settings in [
        "[grants.2_tidy]\r\nallow = []\r\n\r\n[grants.3_b]\r\n",
        "# Mine.\r\n[grants.2_tidy]\nallow = []\r\n",
        "\u{feff}[grants.2_tidy]\r\n",
    ] {
        let project = with_script("", settings);
        let plan = plan_renumber(&project.settings(), &request("tidy", None)).expect("a plan");
        renumber(&project.settings(), &plan).expect("renamed");
        assert_eq!(project.read("runner.toml"), settings.replace("2_tidy", "4_tidy"));
    }
}

#[test]
fn a_file_that_is_too_large_to_be_searched_is_refused() {
    for file in ["migrations/2_tidy/x.ts", "migrations/3_b/src/lib.rs", "Cargo.toml"] {
        let project = with_script("", "");
        project.write(file, " ".repeat((16 << 20) + 1));
        let error = plan_renumber(&project.settings(), &request("tidy", None)).expect_err(file);
        assert_eq!(error.message, format!("`{file}` has more than 16MiB, too much to look for the migration"));
    }
}
