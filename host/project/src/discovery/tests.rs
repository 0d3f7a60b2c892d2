use std::path::Path;

use super::*;
use crate::script::companions_within;
use crate::test_project::TestProject;

/// The names that are found, and the messages of all problems.
fn look(project: &TestProject) -> (Vec<String>, Vec<String>) {
    let directory = ProjectDirectory::open(project.path(), Path::new("migrations")).expect("a directory");
    let (found, problems) = discover(&directory).expect("listed");
    (found.iter().map(Found::id).collect(), problems.into_iter().map(|problem| problem.message).collect())
}

fn with(names: &[&str]) -> TestProject {
    let project = TestProject::new(&[]);
    for name in names {
        if let Some(directory) = name.strip_suffix('/') {
            std::fs::create_dir(project.path().join("migrations").join(directory)).expect("a directory");
        } else {
            project.write(&format!("migrations/{name}"), "SELECT 1");
        }
    }
    project
}

#[test]
fn migrations_are_ordered_by_number() {
    let project = with(&[
        "10_ten.up.sql",
        "9_nine.up.sql",
        "9_nine.down.sql",
        "008_eight.wasm",
        "7_seven/",
        ".hidden.sql",
        "README.md",
        "vendor/",
        "00000000000000000011_eleven.wasm",
        "00000000000000000011_eleven/",
    ]);
    let (found, problems) = look(&project);
    assert_eq!(found, ["7_seven", "008_eight", "9_nine", "10_ten", "00000000000000000011_eleven"]);
    assert_eq!(problems, [""; 0]);
}

#[test]
fn all_problems_are_reported_at_once() {
    let project = with(&[
        "1_a.txt",
        "2_b.down.sql",
        "3_c.up.sql",
        "03_d.wasm",
        "4_e.up.sql",
        "4_e.wasm",
        "5_f.up.sql",
        "5_f/",
        "6_g.txt",
        "7_h.up.sql",
        "7_h1.up.sql",
        "7_h2.down.sql",
        "8_i.up.sql",
        "8_i.sql",
        "notes/",
    ]);
    project.write("migrations/9_j/up.sql", "SELECT 1");
    project.write("migrations/9_j/notes.txt", "");
    let (found, problems) = look(&project);
    assert_eq!(found, [""; 0]);
    assert_eq!(
        problems,
        [
            "`1_a.txt` is not a migration",
            "`2_b.down.sql` has no matching upgrade",
            "`6_g.txt` is not a migration",
            "`9_j` contains SQL, and `notes.txt`, which is no part of such a migration",
            "`notes` has no `_` between revision and name",
            "revision 3 exists more than once: `3_c.up.sql` and `03_d.wasm`",
            "revision 4 is both SQL and a component: `4_e.up.sql` and `4_e.wasm`",
            "revision 5 is both SQL and a component: `5_f.up.sql` and `5_f`",
            "revision 7 exists more than once: `7_h.up.sql`, `7_h1.up.sql` and `7_h2.down.sql`",
            "revision 8 has more than one upgrade: `8_i.up.sql` and `8_i.sql`",
        ]
    );
}

#[cfg(unix)]
#[test]
fn links_are_followed_within_the_project_only() {
    use std::os::unix::fs::symlink;
    let outside = tempfile::tempdir().expect("a directory");
    std::fs::write(outside.path().join("x.sql"), "SELECT 1").expect("written");
    let project = with(&["1_a.up.sql"]);
    project.write("shared/b.sql", "SELECT 2");
    let link =
        |target: &Path, name: &str| symlink(target, project.path().join("migrations").join(name)).expect("a link");
    link(Path::new("../shared/b.sql"), "2_b.up.sql");
    link(&outside.path().join("x.sql"), "3_c.up.sql");
    link(Path::new("../../x.sql"), "4_d.up.sql");
    link(Path::new("nowhere"), "5_e.up.sql");
    link(outside.path(), "6_f");
    let (found, problems) = look(&project);
    assert_eq!(found, ["1_a", "2_b"]);
    assert_eq!(problems.len(), 4, "{problems:?}");
    for (problem, end) in problems.iter().zip([
        "`3_c.up.sql` is outside the project",
        "`4_d.up.sql` is outside the project",
        "`5_e.up.sql` cannot be read: No such file or directory (os error 2)",
        "`6_f` is outside the project",
    ]) {
        assert_eq!(problem, end);
    }
    // The directory itself must not be a link out of the project either.
    symlink(outside.path(), project.path().join("elsewhere")).expect("a link");
    let error = ProjectDirectory::open(project.path(), Path::new("elsewhere")).err().expect("an error");
    assert_eq!(error.message, "the directory `elsewhere` is outside the project");
}

#[cfg(unix)]
#[test]
fn names_are_escaped_in_messages() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let project = with(&["1_\u{1b}[2J.up.sql"]);
    std::fs::write(project.path().join("migrations").join(OsStr::from_bytes(b"2_\xff.up.sql")), "").expect("written");
    let (_, problems) = look(&project);
    assert_eq!(
        problems,
        ["`1_\\u{1b}[2J.up.sql` contains `\\u{1b}`", "`2_\u{fffd}.up.sql` has a name that is not UTF-8"]
    );
}

#[cfg(unix)]
#[test]
fn what_a_link_leads_to_is_part_of_the_source() {
    let project = with(&[]);
    for file in ["migrations/1_a/Cargo.toml", "migrations/1_a/src/lib.rs", "shared/lib.rs", "shared/deep/more.rs"] {
        project.write(file, "one");
    }
    let inside = project.path().join("migrations/1_a");
    let link = |target: &str, name: &str| std::os::unix::fs::symlink(target, inside.join(name)).expect("a link");
    let directory = ProjectDirectory::open(project.path(), Path::new("migrations")).expect("a directory");
    let entry = FoundEntry { file_name: "1_a".to_owned(), link: false };
    let digest = || source_digest(&directory, &entry, 1 << 20).map(|digest| digest.expect("source code"));
    let mut seen = BTreeSet::from([digest().expect("no link")]);
    link("../../../shared/lib.rs", "src/linked.rs");
    assert!(seen.insert(digest().expect("a file")));
    project.write("shared/lib.rs", "two");
    assert!(seen.insert(digest().expect("the file has changed")));
    link("../../shared", "shared");
    assert!(seen.insert(digest().expect("a directory")));
    project.write("shared/deep/more.rs", "two");
    assert!(seen.insert(digest().expect("a file of the directory has changed")));
    // What cargo writes may be anywhere.
    link("/nowhere", "target");
    assert!(!seen.insert(digest().expect("not read")));
    for (target, name, says) in [
        ("nowhere", "src/gone.rs", "`1_a/src/gone.rs` cannot be read"),
        ("/etc/hostname", "src/out.rs", "`1_a/src/out.rs` is outside the project"),
        (".", "shared/deep/again", "`1_a/shared/deep/again` is a link to a directory, in a directory that is linked"),
    ] {
        link(target, name);
        let problem = digest().expect_err(says);
        assert!(problem.message.starts_with(says), "{}", problem.message);
        std::fs::remove_file(inside.join(name)).expect("removed");
    }
}

#[test]
fn assets_are_found_with_their_digests() {
    let project = with(&["1_a.wasm"]);
    project.write("migrations/1_a/assets/zones/eu.csv", "abc");
    project.write("migrations/1_a/assets/.hidden", "");
    project.write("migrations/1_a/src/lib.rs", "");
    let directory = ProjectDirectory::open(project.path(), Path::new("migrations")).expect("a directory");
    let entry = FoundEntry { file_name: "1_a".to_owned(), link: false };
    let assets = find_assets(&directory, &entry, 3).expect("assets");
    let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(assets.into_iter().collect::<Vec<_>>(), [("zones/eu.csv".to_owned(), digest.to_owned())]);
    let problem = find_assets(&directory, &entry, 2).expect_err("too large");
    assert_eq!(problem.message, "`1_a/assets/zones/eu.csv` exceeds the limit `asset_bytes` of 2B");
}

#[test]
fn scripts_have_a_directory_of_companions() {
    let project = with(&["1_a.js", "2026-01-05-093000_b.py", "runtimes/"]);
    for path in ["lib/rules.js", "data.json", "tests/fixtures/t.csv", ".hidden", "lib/__pycache__/x"] {
        project.write(&format!("migrations/1_a/{path}"), "x");
    }
    project.write("migrations/2026-01-05-093000_b/y.py", "x");
    project.write("migrations/runtimes/javascript-00.wasm.zst", "x");
    let directory = ProjectDirectory::open(project.path(), Path::new("migrations")).expect("a directory");
    let (found, problems) = discover(&directory).expect("listed");
    assert!(problems.is_empty(), "{problems:?}");
    let companions: Vec<(String, String, Vec<String>)> = (found.iter())
        .map(|found| {
            let FoundFiles::Script { directory: Some(entry), .. } = &found.files else { panic!("{found:?}") };
            let files = companions_within(&directory, entry, 1).expect("files");
            (found.id(), found.directory(), files.into_keys().collect())
        })
        .collect();
    let expected =
        [("1_a", "1_a", &["data.json", "lib/rules.js"][..]), ("20260105093000_b", "2026-01-05-093000_b", &["y.py"])];
    let expected: Vec<_> = expected
        .map(|(id, directory, files)| {
            (id.to_owned(), directory.to_owned(), files.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>())
        })
        .into();
    assert_eq!(companions, expected);
    let names: BTreeSet<(&str, bool)> = [("1_a.js", false), ("1_a", true), ("runtimes", true)].into();
    let (embedded, problems) = discover_embedded(&names, |_| BTreeSet::new(), &Ignored::default());
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(embedded.iter().map(Found::id).collect::<Vec<_>>(), ["1_a"]);
    // The host's own assets begin with it.
    project.write("migrations/1_a/:script", "x");
    let entry = FoundEntry { file_name: "1_a".to_owned(), link: false };
    let problem = companions_within(&directory, &entry, 1).expect_err("a reserved name");
    assert_eq!(problem.message, "`1_a/:script` begins with `:`");
}

#[test]
fn a_missing_directory_is_an_error() {
    let project = TestProject::new(&[]);
    let error = ProjectDirectory::open(project.path(), Path::new("db")).err().expect("an error");
    assert_eq!(error.message, "the project has no directory `db`");
}

#[test]
fn names_of_other_tools_are_known() {
    let project =
        with(&["0187.up.sql", "0187.down.sql", "V1.2__x.sql", "U1.2__x.sql", "20260105_a.sql", "20260105093000_b.sql"]);
    project.write("migrations/2026-01-06-093000_c/up.sql", "SELECT 1");
    project.write("migrations/2026-01-06-093000_c/down.sql", "SELECT 1");
    project.write("migrations/20260107093000_d/migration.sql", "SELECT 1");
    project.write("migrations/20260107093000_d/README.md", "prose");
    let (found, problems) = look(&project);
    assert_eq!(problems, [""; 0]);
    let expected = ["1.2_x", "0187", "20260105_a", "20260105093000_b", "20260106093000_c", "20260107093000_d"];
    assert_eq!(found, expected);
}

#[test]
fn two_files_that_end_in_up_and_down_are_one_migration() {
    let project = with(&["7_a_up.sql", "7_a_down.sql", "8_b-down.sql", "8_b-up.sql", "9_slow_down.sql", "10_c_up.sql"]);
    assert_eq!(look(&project), (["7_a", "8_b", "9_slow_down", "10_c_up"].map(str::to_owned).to_vec(), Vec::new()));
}

/// The directions of the files of the only migration.
fn directions(project: &TestProject) -> Vec<String> {
    let directory = ProjectDirectory::open(project.path(), Path::new("migrations")).expect("a directory");
    let (found, problems) = discover(&directory).expect("listed");
    let [Found { files: FoundFiles::Sql { files, .. }, .. }] = &found[..] else { panic!("{found:?} {problems:?}") };
    let mut all: Vec<String> = files.iter().map(|it| format!("{:?} {}", it.part, it.entry.file_name)).collect();
    all.sort_unstable_by(|a, b| b.cmp(a));
    all
}

#[test]
fn a_downgrade_is_known_by_the_last_word_of_its_name_next_to_its_upgrade() {
    for (up, down) in [
        ("1_a.sql", "1_a_down.sql"),
        ("1_a.sql", "1_a-down.sql"),
        ("1_a.sql", "1_a down.sql"),
        ("1_a.sql", "1_a_rollback.sql"),
        ("1_a.sql", "1_a_revert.sql"),
        ("1_a.sql", "1_a_undo.sql"),
        ("1_a.sql", "1_a_downgrade.sql"),
        ("1_a.sql", "1_A_DOWN.sql"),
        ("1_a.sql", "1_a.drop.sql"),
        ("1_a.sql", "1_a.rollback.sql"),
        ("1_a.sql", "1_a.revert.sql"),
        ("1_a.sql", "1_a.rollback.postgres.sql"),
        ("1_a.postgres.sql", "1_a.postgres.rollback.sql"),
        ("1_a.postgres.sql", "1_a_down.sql"),
        ("1_a.sql", "1_down.sql"),
        ("1_a.up.sql", "1_a_down.sql"),
        ("1_a.up.sql", "1_b.rollback.sql"),
        ("1_a_up.sql", "1_a_rollback.sql"),
        ("1_a_up.sql", "1_a.down.sql"),
        ("1_a_deploy.sql", "1_a_revert.sql"),
        ("1_a_do.sql", "1_a_undo.sql"),
        ("1_a_up.postgres.sql", "1_a_down.sql"),
        ("1.sql", "1_down.sql"),
        ("1.sql", "1.rollback.sql"),
        ("1_up.sql", "1_down.sql"),
        ("V1__a.sql", "V1__a_rollback.sql"),
        ("1_slow_down.sql", "1_slow_down_undo.sql"),
    ] {
        assert_eq!(directions(&with(&[up, down])), [format!("Up {up}"), format!("Down {down}")], "{down}");
        let names: BTreeSet<(&str, bool)> = [(up, false), (down, false)].into();
        let (embedded, problems) = discover_embedded(&names, |_| BTreeSet::new(), &Ignored::default());
        assert_eq!((embedded.len(), problems.len()), (1, 0), "{down}");
    }
    // Alone, it is a migration that is named so.
    for name in ["5_undo.sql", "7_user_rollback.sql", "3_drop.sql", "9_slow_down.sql", "2_a.drop.sql"] {
        assert_eq!(directions(&with(&[name])), [format!("Up {name}")]);
    }
}

#[test]
fn a_downgrade_without_its_upgrade_or_next_to_two_is_refused() {
    for (names, expected) in [
        (&["1_a.rollback.sql"][..], "`1_a.rollback.sql` has no matching upgrade"),
        (&["1_a.revert.sql"], "`1_a.revert.sql` has no matching upgrade"),
        (&["1_a.sql", "1_b.rollback.sql"], "revision 1 exists more than once: `1_b.rollback.sql` and `1_a.sql`"),
        (
            &["1_a.sql", "1_b.sql", "1_down.sql"],
            "revision 1 exists more than once: `1_down.sql`, `1_a.sql` and `1_b.sql`",
        ),
        (
            &["1_a.sql", "1_a.down.sql", "1_a_undo.sql"],
            "revision 1 has more than one downgrade: `1_a.down.sql` and `1_a_undo.sql`",
        ),
        (&["1_a.Undo.sql"], "`1_a.Undo.sql` says its direction by `do` or `undo`"),
        (&["1_a.Rollback.sql"], "`1_a.Rollback.sql` has an upper-case extension"),
        (&["1_a.revert.tidb.sql"], "`1_a.revert.tidb.sql` is for `tidb`, which is no database that runner knows"),
    ] {
        assert_eq!(look(&with(names)), (Vec::new(), vec![expected.to_owned()]));
    }
    // Each of the two has a migration of its own.
    let project = with(&["1_a.sql", "1_b.sql", "1_b_down.sql"]);
    assert_eq!(look(&project), (["1_a", "1.2_b"].map(str::to_owned).to_vec(), Vec::new()));
    let project = with(&["1_sign.sql", "1_sign.down.sql", "1_sign_up.sql"]);
    assert_eq!(look(&project), (["1_sign", "1.2_sign_up"].map(str::to_owned).to_vec(), Vec::new()));
}

#[test]
fn sql_in_a_directory_has_a_name_that_says_what_it_is() {
    let project = with(&["1_a/other.sql", "1_a/more.SQL", "1_a/README.md"]);
    let expected = "`1_a` contains SQL, but neither `up.sql` nor `migration.sql`";
    assert_eq!(look(&project), (Vec::new(), vec![expected.to_owned()]));
    let names: BTreeSet<(&str, bool)> = [("1_a", true)].into();
    let (_, problems) = discover_embedded(&names, |_| [("other.sql", false)].into(), &Ignored::default());
    assert_eq!(problems.into_iter().map(|it| it.message).collect::<Vec<_>>(), [expected]);
    // Of a script or a component, it is a part.
    for names in [
        &["1_a/other.sql", "1_a.js"][..],
        &["1_a/other.sql", "1_a.wasm"],
        &["1_a/other.sql", "1_a/Cargo.toml"],
        &["1_a/other.sql", "1_a/main.go"],
        &["1_a/other.sql", "1_a/assets/a.csv"],
        &["1_a/assets/a.sql"],
    ] {
        assert_eq!(look(&with(names)), (vec!["1_a".to_owned()], Vec::new()), "{names:?}");
    }
}

#[test]
fn a_script_next_to_directories_is_no_migration() {
    let project = with(&["fill_by_hand.sql"]);
    project.write("migrations/2026-01-05-093000_a/up.sql", "SELECT 1");
    assert_eq!(look(&project), (vec!["20260105093000_a".to_owned()], Vec::new()));
    project.write("migrations/7_b.sql", "SELECT 1");
    assert_eq!(look(&project).1, ["`fill_by_hand.sql` does not start with a revision of 1 to 20 digits"]);
}

#[test]
fn a_downgrade_with_another_name_belongs_to_the_only_upgrade_of_its_number() {
    let project = with(&["30_add_data.up.sql", "30_drop_data.down.sql", "31_a copy.sql"]);
    assert_eq!(look(&project), (["30_add_data", "31_a copy"].map(str::to_owned).to_vec(), Vec::new()));
}

#[test]
fn an_undo_of_flyway_belongs_to_the_version_whatever_it_is_called() {
    let project = with(&[
        "V1__a.sql",
        "U1__other.sql",
        "V1.1__b.sql",
        "U1_1__undo_b.sql",
        "V02__c.sql",
        "U2__d.sql",
        "V3__e.sql",
    ]);
    assert_eq!(look(&project), (["1_a", "1.1_b", "02_c", "3_e"].map(str::to_owned).to_vec(), Vec::new()));
    // Which of two is unclear.
    let project = with(&["V1__a.sql", "V1__b.sql", "U1__c.sql", "2_a.sql", "U2__b.sql"]);
    let expected = [
        "revision 1 exists more than once: `V1__a.sql`, `V1__b.sql` and `U1__c.sql`",
        "revision 2 exists more than once: `2_a.sql` and `U2__b.sql`",
    ];
    let problems = look(&project).1;
    assert_eq!(problems.len(), 2, "{problems:?}");
    for (problem, expected) in problems.iter().zip(expected) {
        assert!(problem.starts_with(&expected[..expected.find(": ").expect("a colon")]), "{problem}");
    }
}

#[test]
fn several_files_of_one_number_are_ordered_by_name() {
    let project = with(&["7_b.sql", "7_a.up.sql", "7_a.down.sql", "8_c.sql", "7_d.up.postgres.sql"]);
    assert_eq!(look(&project), (["7_a", "7.2_b", "7.3_d", "8_c"].map(str::to_owned).to_vec(), Vec::new()));
    let project = with(&["7_b.sql", "7_a.sql", "V7.2__c.sql"]);
    assert_eq!(look(&project).1, ["revision 7.2 exists more than once: `7.2_b` and `7.2_c`"]);
}

#[test]
fn migrations_of_flyway_are_found_in_directories_below() {
    let project = with(&["V1__a.sql"]);
    project.write("migrations/more/V2__b.sql", "SELECT 1");
    project.write("migrations/more/U2__b.sql", "SELECT 1");
    project.write("migrations/2024/q1/V3__c.sql", "SELECT 1");
    assert_eq!(look(&project), (["1_a", "2_b", "3_c"].map(str::to_owned).to_vec(), Vec::new()));
    project.write("migrations/more/notes.txt", "");
    let expected = "`more` contains migrations of Flyway, and `more/notes.txt`, which is none";
    assert_eq!(look(&project).1, [expected]);
}

#[test]
fn names_that_the_settings_leave_out_are_ignored() {
    let project = with(&["1_a.sql", "notify_templates.sql", "templates/"]);
    let directory = ProjectDirectory::open(project.path(), Path::new("migrations")).expect("a directory");
    let (_, problems) = discover(&directory).expect("listed");
    let hints: Vec<_> = problems.iter().filter_map(|problem| problem.hint.as_deref()).collect();
    assert!(
        hints.iter().any(|hint| hint.ends_with("; or leave it out: `ignore = [\"templates/\"]` in `[project]`")),
        "{hints:?}"
    );
    project.write("runner.toml", "[project]\nignore = [\"notify_*.sql\", \"templates/\"]");
    let catalog = crate::Catalog::load(&project.settings(), Default::default()).expect("a catalog");
    assert_eq!(catalog.migrations.len(), 1);
}

#[test]
fn several_numbers_have_one_order() {
    for (names, expected) in [
        (&["1.10.0_b.sql", "1.2.0_a.sql"][..], "1.2.0_a 1.10.0_b"),
        (&["V1.10_b.sql", "V1.2_a.sql"], "1.2_a 1.10_b"),
        (&["20240102_10_x.sql", "20240102_2_y.sql"], "20240102.2_y 20240102.10_x"),
        (&["2024-1-3.sql", "2024-01-02.sql"], "20240102 20240103"),
        (&["2024_01_10_b.sql", "2024_01_9_a.sql", "20240111_c.sql"], "20240109_a 20240110_b 20240111_c"),
        (&["1.02_a.sql", "1.10_b.sql"], "1.02_a 1.10_b"),
        (&["V1.1__a.sql", "V1.02__b.sql"], "1.1_a 1.02_b"),
        (&["7_a1.sql", "7_a2.sql", "8_1_x.sql", "8_2_y.sql"], "7_a1 7.2_a2 8_1_x 8.2_2_y"),
    ] {
        let (found, problems) = look(&with(names));
        assert_eq!((found.join(" "), problems), (expected.to_owned(), Vec::new()));
    }
}

#[test]
fn names_that_can_be_read_in_two_orders_are_refused() {
    for (names, expected) in [
        (&["1.0.0.sql", "1.0.0-rc1.sql"][..], "revision 1.0.0 exists more than once: `1.0.0.sql` and `1.0.0-rc1.sql`"),
        (&["1.02_a.sql", "1.1_b.sql"], "the order of `1.1_b.sql` and `1.02_a.sql` is not clear: as numbers,"),
        (
            &["20240102_1530_a.sql", "20240102_093000_b.sql"],
            "the order of `20240102_1530_a.sql` and `20240102_093000_b.sql`",
        ),
        (
            &["1_10_a.sql", "1_2_b.sql"],
            "the order of `1_10_a.sql` and `1_2_b.sql` is not clear: both have the revision 1;",
        ),
        (
            &["2024_01_b.sql", "2024_01_15_a.sql"],
            "the order of `2024_01_b.sql` and `2024_01_15_a.sql` is not clear: one is",
        ),
        (&["20240102_2_a.sql", "20240102_2_b.sql"], "revision 20240102.2 exists more than once: "),
    ] {
        let problems = look(&with(names)).1;
        assert!(problems.len() == 1 && problems[0].starts_with(expected), "{problems:?}");
    }
}

#[test]
fn a_date_is_one_revision_whatever_is_added() {
    let names = ["2024_01_01_a.sql", "2024_01_03_c.sql", "2024_01_04_d.sql"];
    let project = with(&names);
    let expected = ["20240101_a", "20240103_c", "20240104_d"].map(str::to_owned);
    assert_eq!(look(&project), (expected.to_vec(), Vec::new()));
    project.write("migrations/2024_01_02_b.sql", "SELECT 1");
    let found = look(&project).0;
    assert!(expected.iter().all(|id| found.contains(id)) && found[1] == "20240102_b", "{found:?}");
}

#[test]
fn a_file_for_another_database_is_left_out_if_its_migration_has_others() {
    let project = with(&[
        "1_a.up.sql",
        "1_a.up.oracle.sql",
        "1_a.mssql.down.sql",
        "V2__b.sql",
        "V02__b.h2.sql",
        // popx.
        "3_c.cockroach.autocommit.up.sql",
        "20260105_copy_from.oracle.up.sql",
        "4_d.db2.sql",
        "schema.oracle.sql",
    ]);
    project.write("migrations/5_e/up.sql", "SELECT 1");
    project.write("migrations/5_e/up.oracle.sql", "SELECT 1");
    let directory = ProjectDirectory::open(project.path(), Path::new("migrations")).expect("a directory");
    let (found, problems) = discover(&directory).expect("listed");
    assert_eq!(found.iter().map(Found::id).collect::<Vec<_>>(), ["1_a", "2_b", "5_e"]);
    let [copied, alone, loose] = problems.as_slice() else { panic!("{problems:?}") };
    assert_eq!(
        copied.message,
        "`20260105_copy_from.oracle.up.sql` is for `oracle`, which is no database that runner knows"
    );
    assert!(copied.hint.as_ref().is_some_and(|hint| hint.contains("`20260105_copy_from_oracle.up.sql`")), "{copied:?}");
    assert_eq!(alone.message, "`4_d.db2.sql` is for `db2`, which is no database that runner knows");
    assert_eq!(loose.message, "`schema.oracle.sql` has no `_` between revision and name");
    let names: BTreeSet<(&str, bool)> = [("1_a.sql", false), ("1_a.h2.sql", false), ("2_b.h2.sql", false)].into();
    let (embedded, problems) = discover_embedded(&names, |_| BTreeSet::new(), &Ignored::default());
    assert_eq!((embedded.len(), problems.len()), (1, 1), "{problems:?}");
}

#[test]
fn a_component_has_one_file_and_one_directory() {
    for (names, problem) in [
        (["1-fill.wasm", "1_fill.wasm"], "revision 1 exists more than once: `1-fill.wasm` and `1_fill.wasm`"),
        (["1-fill/Cargo.toml", "1_fill/Cargo.toml"], "revision 1 exists more than once: `1-fill` and `1_fill`"),
    ] {
        assert_eq!(look(&with(&names)), (Vec::new(), vec![problem.to_owned()]));
    }
    assert_eq!(look(&with(&["1-fill/Cargo.toml", "1_fill.wasm"])), (vec!["1_fill".to_owned()], Vec::new()));
}

#[test]
fn what_looks_like_the_downgrade_of_another_file_does_not_run_after_it() {
    for (files, later, other) in [
        (["1_a.sql", "1_rollback_a.sql"], "1_rollback_a.sql", "1_a.sql"),
        (["1_a.sql", "1_a_reverse.sql"], "1_a_reverse.sql", "1_a.sql"),
        (["1_add_users.sql", "1_add-undo-users.sql"], "1_add-undo-users.sql", "1_add_users.sql"),
        (["1_a.sql", "1_a (down).sql"], "1_a (down).sql", "1_a.sql"),
        (["1_a.forward.sql", "1_a.reverse.sql"], "1_a.reverse.sql", "1_a.forward.sql"),
        (["1_a_up.sql", "1_a_dn.sql"], "1_a_dn.sql", "1_a_up.sql"),
        (["1_a.up.sql", "1_a.donw.sql"], "1_a.donw.sql", "1_a.up.sql"),
        (["1_a.up.sql", "1_a.down (1).sql"], "1_a.down (1).sql", "1_a.up.sql"),
    ] {
        let (_, problems) = look(&with(&files));
        assert_eq!(
            problems,
            [format!("`{later}` looks like the downgrade of `{other}`, and would run after it")],
            "{files:?}"
        );
    }
    for files in [["1_a.sql", "1_b.sql"], ["1_tear_down.sql", "1_tear.sql"], ["1_down_payment.sql", "1_x.sql"]] {
        let (_, problems) = look(&with(&files));
        assert!(!problems.iter().any(|it| it.contains("looks like")), "{files:?}: {problems:?}");
    }
}
