//! A corrected script or component goes on where the one before failed, if it repeats what is recorded.

use runner_tests::{Engine, EngineProject, for_each_engine, guests, project};

const ID: &str = "0002_notes";

/// A stepwise migration with this body.
fn script(body: &str) -> String {
    script_in("stepwise", body)
}

fn script_in(mode: &str, body: &str) -> String {
    format!(
        "import {{ db }} from 'runner-guest';\n\
         export const description = {{ summary: 'notes', mode: '{mode}' }};\n\
         export function upgrade() {{\n{body}\n}}\n\
         export function downgrade() {{\n\
         for (const table of ['more', 'notes']) db.execute('DROP TABLE IF EXISTS ' + table);\n}}\n"
    )
}

const CREATE: &str = "db.execute('CREATE TABLE notes (id INTEGER NOT NULL PRIMARY KEY, entry VARCHAR(50) NOT NULL)');";
const INSERT: &str = "db.execute('INSERT INTO notes VALUES (?, ?)', [1, 'one']);";
const READ: &str = "const found = db.query('SELECT count(*) AS n FROM notes');";
const TYPO: &str = "db.execute('UPDATE nots SET entry = upper(entry)');";
const UPDATE: &str = "db.execute('UPDATE notes SET entry = upper(entry)');";
const MORE: &str = "db.execute('CREATE TABLE more (id INTEGER NOT NULL PRIMARY KEY)');";

fn body(lines: &[&str]) -> String {
    script(&lines.join("\n"))
}

fn write(project: &EngineProject, script: &str) {
    let script = match project.engine() {
        Engine::Postgres => script.replace("(?, ?)", "($1, $2)"),
        _ => script.to_owned(),
    };
    project.write(&format!("migrations/{ID}.js"), script);
    project.runner("build").succeeds();
}

/// A project whose script failed in its fourth step.
fn failed(engine: Engine) -> EngineProject {
    let project = project!(engine);
    project.sql("0001_items", &engine.items(3), "DROP TABLE items;");
    write(&project, &body(&[CREATE, INSERT, READ, TYPO, MORE]));
    project.runner("apply").exits(6).says(&[
        "0002_notes.js:7",
        "fix the cause, and run `runner apply` to resume there",
        "if the script is the cause, correct it",
        "run `runner build` and `runner apply` again",
        "run `runner rollback` first",
    ]);
    project
}

/// As it is without a failure.
fn expected(engine: Engine) -> [String; 2] {
    let project = project!(engine);
    project.sql("0001_items", &engine.items(3), "DROP TABLE items;");
    write(&project, &body(&[CREATE, INSERT, READ, UPDATE, MORE]));
    project.runner("apply").succeeds();
    outcome(&project)
}

/// The rows of the user and what history says of the revision.
fn outcome(project: &EngineProject) -> [String; 2] {
    let entry = project.value("SELECT entry FROM notes WHERE id = 1");
    assert_eq!(project.value("SELECT count(*) FROM more"), "0");
    [entry, digest(project)]
}

fn digest(project: &EngineProject) -> String {
    project.value(&format!("SELECT sha256 FROM {} WHERE revision = '0002'", project.engine().history_table()))
}

fn replaced(project: &EngineProject) -> usize {
    project.runner("history --format json").succeeds().stdout.matches("\"corrected\"").count()
}

for_each_engine! {
    fn a_corrected_script_goes_on_and_ends_as_if_it_had_been_right(engine) {
        let project = failed(engine);
        write(&project, &body(&[CREATE, INSERT, READ, UPDATE, MORE]));
        project.runner("apply").succeeds().says(&["0002_notes", "the corrected build, sha256 ", "continues from there, with step 4"]);
        assert_eq!(outcome(&project), expected(engine));
        assert_eq!(replaced(&project), 1);
        project.runner("history").prints(&["corrected from step 4, after sha256"]);
        let verified = project.runner("verify --strict --format json");
        let text = &verified.succeeds().stdout;
        assert!(text.contains("until step 4") && !text.contains("\"unproven\""), "{text}");
        project.runner("rollback").succeeds();
    }

    fn what_is_recorded_must_be_repeated(engine) {
        let project = failed(engine);
        let journal = project.engine().history_table().replace("history", "journal");
        let head = |project: &EngineProject| {
            let entry = project.value("SELECT entry FROM notes WHERE id = 1");
            [digest(project), entry, project.value(&format!("SELECT count(*) FROM {journal}"))]
        };
        let before = head(&project);
        let other = CREATE.replace("VARCHAR(50)", "VARCHAR(60)");
        let parameter = INSERT.replace("'one'", "'two'");
        for (lines, told) in [
            (&[&*other, INSERT, READ, UPDATE][..], &["step: 1", "recorded: execute `CREATE TABLE notes", "now: execute `CREATE TABLE notes", "VARCHAR(60)"][..]),
            (&[CREATE, &*parameter, READ, UPDATE], &["step: 2", "now: execute `INSERT INTO notes", "with other parameters"]),
            (&[CREATE, INSERT], &["step: 3", "now: the end of the migration"]),
            (&[CREATE, INSERT, UPDATE], &["step: 3", "recorded: query", "now: execute `UPDATE notes"]),
        ] {
            write(&project, &body(lines));
            project.runner("apply").exits(4).says(told).says(&["does not repeat the calls", "up to step 3", "`runner rollback`", "nothing was changed"]);
            assert_eq!(head(&project), before, "{lines:?}");
        }
        // The mode says what is recorded.
        let atomic = script_in("atomic", &[CREATE, INSERT, READ, UPDATE].join("\n"));
        write(&project, &atomic);
        for line in ["apply", "plan"] {
            project.runner(line).exits(4).says(&["`0002_notes` began in the mode `stepwise`", "hint: let it ask for the mode"]);
        }
        assert_eq!(head(&project), before);
        write(&project, &body(&[CREATE, INSERT, READ]));
        project.runner("apply").succeeds();
        assert_eq!(project.value("SELECT entry FROM notes"), "one");
        project.runner("verify --strict").succeeds();
    }

    fn two_corrections_in_a_row(engine) {
        let project = failed(engine);
        write(&project, &body(&[CREATE, INSERT, READ, UPDATE, "throw new Error('second thoughts');"]));
        project.runner("apply").exits(6).says(&["second thoughts", "if the script is the cause"]);
        // The first build made another fourth step.
        write(&project, &body(&[CREATE, INSERT, READ, MORE]));
        project.runner("apply").exits(4).says(&["step: 4"]);
        write(&project, &body(&[CREATE, INSERT, READ, UPDATE, MORE]));
        project.runner("apply").succeeds().says(&["with step 5"]);
        assert_eq!(outcome(&project), expected(engine));
        assert_eq!(replaced(&project), 2);
        project.runner("verify --strict").succeeds();
        project.runner("rollback").succeeds();
    }

    fn killed_after_a_correction(engine) {
        let right = body(&[CREATE, INSERT, READ, UPDATE, MORE]);
        let expected = expected(engine);
        let mut kills = 0;
        for moment in (1..).step_by(3) {
            let project = failed(engine);
            write(&project, &right);
            let output = project.finish(project.command(["apply"]).env("RUNNER_TEST_CRASH_AT", moment.to_string()));
            if output.exit_code() == Some(0) {
                break;
            }
            assert!(output.signal().is_some(), "{output}");
            kills += 1;
            project.runner("apply").succeeds();
            assert_eq!(outcome(&project), expected, "killed at {moment}");
            assert_eq!(replaced(&project), 1, "killed at {moment}");
            project.runner("verify --strict").succeeds();
        }
        assert!(kills >= 2, "{kills}");
    }

    fn what_took_effect_is_undone_whatever_the_project_has(engine) {
        let project = failed(engine);
        write(&project, &body(&[CREATE, UPDATE]));
        project.runner("rollback").succeeds();
        project.runner("apply").succeeds();
        assert_eq!(replaced(&project), 0);
    }

    fn a_transform_that_did_nothing_is_begun_again_by_the_corrected_component(engine) {
        let project = project!(engine);
        project
            .sql("1_items", &format!("{}\nCREATE TABLE marks (entry VARCHAR(50) NOT NULL);", engine.items(20)), "DROP TABLE marks;\nDROP TABLE items;")
            .component("2_build", &guests::component("stumble"))
            .settings("[transform]\nchunk_rows = 5\n[parameters]\nat = 1");
        project.runner("apply --jobs 1").exits(6).says(&["no way past 1", "if the component is the cause", "`runner apply` again"]);
        project.component("2_build", &guests::component("strayed"));
        project.runner("apply").exits(4).says(&["step: 1", "now: execute `CREATE TABLE raised"]);
        project.component("2_build", &guests::component("mended"));
        project.runner("apply").succeeds().says(&["with step 5"]);
        for table in ["raised", "copies", "tags"] {
            assert_eq!(project.value(&format!("SELECT count(*) FROM {table}")), "20", "{table}");
        }
        let verified = project.runner("verify --all-chunks --strict --format json");
        assert!(!verified.succeeds().stdout.contains("\"unproven\""), "{verified}");
    }
}
