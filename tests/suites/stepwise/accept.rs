//! A changed build goes on with a transform that failed: what is done stays, and nothing is done twice.

use std::sync::OnceLock;

use runner_tests::{Engine, EngineProject, Output, for_each_engine, guests, project};

/// The builds of one migration.
fn build(name: &str) -> &'static [u8] {
    static BUILDS: OnceLock<Vec<(&str, Vec<u8>)>> = OnceLock::new();
    let all = BUILDS
        .get_or_init(|| ["stumble", "mended", "strayed", "wider"].map(|name| (name, guests::component(name))).to_vec());
    &all.iter().find(|(it, _)| *it == name).unwrap().1
}

/// Rows of the table, and the key at which the first build fails: in the fourth of five chunks.
const ROWS: u64 = 100;
const AT: u64 = 70;

/// A project whose component failed within its second transform.
fn failed(engine: Engine, jobs: usize) -> EngineProject {
    let project = project!(engine);
    project
        .sql(
            "1_items",
            &format!("{}\nCREATE TABLE marks (entry VARCHAR(50) NOT NULL);", engine.items(ROWS)),
            "DROP TABLE marks;\nDROP TABLE items;",
        )
        .component("2_build", build("stumble"))
        .settings(&format!("[transform]\nchunk_rows = 20\n[limits]\nbatch_rows = 10\n[parameters]\nat = {AT}"));
    project.runner("apply --target 1").succeeds();
    let output = project.runner(&format!("apply --jobs {jobs}"));
    output.exits(6).says(&[&format!("no way past {AT}")]);
    project
}

fn number(project: &EngineProject, query: &str) -> u64 {
    project.value(query).parse().unwrap()
}

fn accepts(project: &EngineProject, more: &[&str]) -> Output {
    let line = ["apply", "--accept-changed", "2", "--why", "accepts all names"];
    project.run(line.iter().chain(more).copied())
}

/// The rows that the first build copied, which it wrote in upper case.
const BY_FIRST: &str = "SELECT count(*) FROM copies WHERE name LIKE BINARY 'ITEM%'";

fn by_first(project: &EngineProject) -> u64 {
    number(
        project,
        match project.engine() {
            Engine::Mariadb => BY_FIRST,
            Engine::Sqlite => "SELECT count(*) FROM copies WHERE name GLOB 'ITEM*'",
            Engine::Postgres => "SELECT count(*) FROM copies WHERE name LIKE 'ITEM%'",
        },
    )
}

/// Everything is there once, and what the first build did is still its own.
#[track_caller]
fn is_whole(project: &EngineProject, first: u64) {
    for (query, expected) in [
        ("SELECT count(*) FROM copies", ROWS),
        ("SELECT count(*) FROM raised", ROWS),
        ("SELECT count(*) FROM tags", ROWS),
        ("SELECT count(*) FROM raised r JOIN items i ON i.id = r.id WHERE r.price = i.price + 1", ROWS),
        ("SELECT count(*) FROM copies c JOIN items i ON i.id = c.id WHERE lower(c.name) = lower(i.name)", ROWS),
        ("SELECT count(*) FROM marks", 1),
    ] {
        assert_eq!(number(project, query), expected, "{query}");
    }
    assert_eq!(by_first(project), first);
    project.runner("status --exit-code").succeeds();
}

fn verified(project: &EngineProject) -> serde_json::Value {
    let output = project.runner("verify --all-chunks --strict --format json");
    let json: serde_json::Value = serde_json::from_str(&output.succeeds().stdout).unwrap();
    json
}

for_each_engine! {
    fn a_fixed_build_goes_on(engine) {
        for jobs in [1, 3] {
            let project = failed(engine, jobs);
            let first = by_first(&project);
            assert!((20..ROWS).contains(&first), "{first} of {ROWS} with {jobs} jobs");
            project.component("2_build", build("mended"));
            project.runner("apply").exits(4).says(&["another build of this component", "--accept-changed REVISION --why TEXT"]);
            let output = accepts(&project, &["--jobs", &jobs.to_string()]);
            output.succeeds().says(&["what is finished was done by sha256", "continues from there"]);
            is_whole(&project, first);
            // Each part is proven with the build that did it.
            let json = verified(&project);
            let text = json.to_string();
            assert!(text.contains("until the transform `copy`"), "{text}");
            assert!(text.contains("of them with the build that did them first"), "{text}");
            assert!(!text.contains("\"differs\"") && !text.contains("\"unproven\""), "{text}");
            let history = project.runner("history --format json");
            for told in ["accept-changed", "accepts all names", "replaced_sha256"] {
                assert!(history.succeeds().stdout.contains(told), "{history}");
            }
            project.runner("history").prints(&["accept-changed from step"]);
            // The newer build undoes both parts.
            project.runner("rollback").succeeds();
            assert_eq!(project.value("SELECT count(*) FROM marks WHERE entry = 'undone by mended'"), "1");
        }
    }

    fn killed_after_it_took_over(engine) {
        let mut kills = 0;
        for moment in (1..).step_by(4) {
            let project = failed(engine, 1);
            let first = by_first(&project);
            project.component("2_build", build("mended"));
            let mut command = project.command(["apply", "--jobs", "1", "--accept-changed", "2", "--why", "fixed"]);
            let output = project.finish(command.env("RUNNER_TEST_CRASH_AT", moment.to_string()));
            if output.exit_code() == Some(0) {
                break;
            }
            assert!(output.signal().is_some(), "{output}");
            kills += 1;
            // Once it has taken over, it needs no decision to go on, and before that it still needs one.
            let resumed = project.runner("apply");
            if resumed.exit_code() != Some(0) {
                resumed.exits(4).says(&["another build of this component"]);
                accepts(&project, &[]).succeeds();
            }
            is_whole(&project, first);
            verified(&project);
            assert_eq!(project.runner("history --format json").stdout.matches("\"accept-changed\"").count(), 1);
        }
        assert!(kills >= 3, "{kills}");
    }

    fn what_took_effect_must_be_repeated(engine) {
        let project = failed(engine, 1);
        project.component("2_build", build("strayed"));
        accepts(&project, &[]).exits(4).says(&[
            "the corrected build does not repeat the calls that took effect",
            "recorded: execute `CREATE TABLE raised (id INTEGER NOT NULL PRIMARY KEY, price",
            "now: execute `CREATE TABLE raised (id INTEGER NOT NULL PRIMARY KEY, more",
            "hint: keep what was done, up to step 4, as it was",
        ]);
        // Nothing was recorded: the build with which it began fails as before, and a fixed one goes on.
        project.component("2_build", build("stumble"));
        project.runner("apply --jobs 1").exits(6).says(&["no way past"]);
        // Half of the rows would lack a column.
        project.component("2_build", build("wider"));
        accepts(&project, &["--jobs", "1"]).exits(4).says(&["writes other columns than the chunks that are done", "now: id, name, price"]);
        project.component("2_build", build("mended"));
        let first = by_first(&project);
        accepts(&project, &[]).succeeds();
        is_whole(&project, first);
        // Three builds worked at it, one of which did nothing.
        verified(&project);
    }

    fn a_partial_upgrade_of_two_builds_is_undone_by_the_newer(engine) {
        let project = failed(engine, 1);
        project.component("2_build", build("mended"));
        let mut command = project.command(["apply", "--jobs", "1", "--accept-changed", "2", "--why", "fixed"]);
        let output = project.finish(command.env("RUNNER_TEST_CRASH_AT", "5"));
        assert!(output.signal().is_some(), "{output}");
        project.runner("rollback").succeeds();
        assert_eq!(project.value("SELECT count(*) FROM marks WHERE entry = 'undone by mended'"), "1");
        project.runner("apply").succeeds();
        assert_eq!(by_first(&project), 0);
    }

    fn only_an_interrupted_build_can_be_replaced(engine) {
        let project = failed(engine, 1);
        let first = by_first(&project);
        project.runner("apply --accept-changed 2").exits(2).says(&["`--accept-changed` requires a reason", "--why TEXT"]);
        project.runner("apply --why because").exits(2).says(&["--accept-changed"]);
        project.runner("apply --accept-changed 2 --why x --dry-run").exits(2);
        accepts(&project, &[]).exits(2).says(&["`2_build` is unchanged", "hint:", "`runner apply`"]);
        project.run(["apply", "--accept-changed", "7", "--why", "x"]).exits(2).says(&["no revision or name begins with `7`"]);
        project.run(["apply", "--accept-changed", "1", "--why", "x"]).exits(2).says(&["`1_items` is applied", "--accept-checksum"]);
        project.sql("3_later", "CREATE TABLE later (id INT);", "DROP TABLE later;");
        project.component("2_build", build("mended"));
        project.run(["apply", "--accept-changed", "3", "--why", "x"]).exits(2).says(&["`3` is pending", "omit"]);
        accepts(&project, &[]).succeeds();
        is_whole(&project, first);
        accepts(&project, &[]).exits(2).says(&["`2_build` is applied"]);
    }
}

/// Where it stopped between two transforms, it needs no decision, and keeps one that it is given.
#[test]
fn between_two_transforms_it_needs_no_decision() {
    for (line, action) in [("apply", "corrected"), ("apply --accept-changed 2 --why the_same", "accept-changed")] {
        let project = super::broken_off();
        let mut other = super::component().to_vec();
        other.extend([0, 2, 1, b'x']);
        project.component("0002_journal", &other);
        project.runner(line).succeeds().says(&["continues from there"]);
        project.runner("history").prints(&[action]);
    }
}
