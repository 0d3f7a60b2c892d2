//! What would do something else in another run: fed from the run's inputs on SQLite, named elsewhere.

use super::*;

/// The parameters of the component.
fn parameters(statements: &[&str], queries: &[&str]) -> String {
    let lines = |name: &str, lines: &[&str]| format!("{name} = \"\"\"{}\"\"\"\n", lines.join("\n"));
    format!("[parameters]\n{}{}", lines("statements", statements), lines("queries", queries))
}

const FED: [&str; 6] = [
    "CREATE TABLE noted (id INTEGER PRIMARY KEY, a, b, at TEXT DEFAULT CURRENT_TIMESTAMP, token DEFAULT (hex(randomblob(4))))",
    "CREATE TRIGGER doubled AFTER UPDATE OF twice ON items WHEN NEW.twice IS NOT NULL BEGIN INSERT INTO noted (a, b) VALUES (NEW.id, random()); END",
    "INSERT INTO noted (a, b) SELECT random(), hex(randomblob(8)) FROM items WHERE id < 4",
    "INSERT INTO noted (a, b) SELECT random(), hex(randomblob(8)) FROM items WHERE id < 4",
    "INSERT INTO noted (a, b) VALUES (unixepoch('now'), datetime() || ' ' || date('now') || ' ' || time('now', '+1 hour'))",
    "INSERT INTO noted (a, b) VALUES (strftime('%s'), current_date || ' ' || current_time || ' ' || current_timestamp)",
];

/// A component that fills a table whose defaults ask for time and chance, also through a trigger.
fn noted() -> EngineProject {
    let project = shop(Engine::Sqlite);
    project.settings(&parameters(&FED, &["SELECT random()"]));
    project.settings("undo = \"\"\"DROP TRIGGER doubled\nDROP TABLE noted\"\"\"");
    project
}

#[track_caller]
fn is_fed(project: &EngineProject) {
    let run = project
        .value("SELECT datetime(run_timestamp / 1000000, 'unixepoch') FROM runner_history WHERE revision = '0002'");
    let seconds = project.value("SELECT run_timestamp / 1000000 FROM runner_history WHERE revision = '0002'");
    assert_eq!(
        project.value("SELECT count(*) || ' ' || count(DISTINCT at) || ' ' || min(at) FROM noted"),
        format!("78 1 {run}")
    );
    let row = |row: u32| project.value(&format!("SELECT a || ' ' || b FROM noted WHERE id = {row}"));
    let (date, time) = run.split_once(' ').unwrap();
    let later = project.value(&format!("SELECT time('{run}', '+1 hour')"));
    assert_eq!(row(7), format!("{seconds} {run} {date} {later}"));
    assert_eq!(row(8), format!("{seconds} {date} {time} {run}"));
    // Chance differs from row to row and from statement to statement.
    assert_eq!(project.value("SELECT count(DISTINCT token) || ' ' || count(DISTINCT b) FROM noted"), "78 78");
}

#[test]
fn a_component_on_sqlite_sees_the_time_and_the_seed_of_its_run() {
    let project = noted();
    project.runner("apply --target 1").succeeds();
    // The run begins before its second: the real time would differ.
    assert!(project.dies_at("apply", 9), "it ended before");
    std::thread::sleep(std::time::Duration::from_millis(1100));
    project.runner("apply").succeeds().does_not_say(&["next time; pass"]);
    is_fed(&project);
    project.runner("verify --strict").exits(0);
}

#[test]
fn the_time_zone_of_the_machine_is_none_of_a_runs_inputs_on_sqlite() {
    let project = shop(Engine::Sqlite);
    let local = "INSERT INTO noted VALUES (datetime('2026-01-01 12:00', 'localtime') || ' ' || datetime('2026-01-01 12:00', 'utc'))";
    project.settings(&parameters(&["CREATE TABLE noted (at TEXT)", local], &[]));
    project.sql("0003_own", local, "DELETE FROM noted;");
    project.finish(project.command(["apply"]).env("TZ", "XYZ-3")).succeeds();
    assert_eq!(
        project.value("SELECT group_concat(at, ', ') FROM (SELECT at FROM noted ORDER BY rowid)"),
        "2026-01-01 12:00:00 2026-01-01 12:00:00, 2026-01-01 15:00:00 2026-01-01 09:00:00"
    );
}

/// Compares the rows of killed and resumed runs with those of a whole one that had the same inputs.
#[test]
fn an_interrupted_component_on_sqlite_goes_on_with_the_same_chance() {
    noted().runner("test --crash").succeeds();
}

for_each_engine! {
    fn statements_that_ask_the_server_for_time_or_chance_are_named(engine) {
        let (statement, calls): (&str, &[&str]) = match engine {
            Engine::Sqlite => return,
            Engine::Postgres => (
                "UPDATE items SET name = CAST(gen_random_uuid() AS varchar), price = extract(year FROM now()) WHERE ctid <> '(9,9)'",
                &["gen_random_uuid()", "now()", "ctid"],
            ),
            _ => (
                "UPDATE items SET name = uuid(), price = year(now()) + MOD(@@timestamp, 2)",
                &["uuid()", "now()", "@@timestamp"],
            ),
        };
        let project = shop(engine);
        project.settings(&parameters(&[statement], &[]));
        let flags = if engine == Engine::Mariadb { "--on-copy" } else { "" };
        let warning = format!("{} may return something else next time", calls.join(", "));
        let expected = serde_json::json!([{ "statement": statement, "calls": calls }]);
        project.runner(&format!("apply --dry-run {flags}")).succeeds().says(&[&warning, statement]);
        let tried = project.runner(&format!("apply --dry-run {flags} --format json"));
        let tried: Value = serde_json::from_str(&tried.stdout).unwrap();
        assert_eq!(tried["dry_run_report"]["migrations"][1]["volatile"], expected, "{tried}");

        project.runner("apply").succeeds().says(&[&warning, statement]);
        let done = format!("asked for {}, which differs from run to run", calls.join(", "));
        project.runner("verify").succeeds().prints(&["not repeatable: it", &done, statement]);
        project.runner("show 2").succeeds().prints(&[&done, statement]);
        let verified: Value = serde_json::from_str(&project.runner("verify --format json").stdout).unwrap();
        assert_eq!(verified["migrations"][0]["volatile"], expected);
        project.runner("rollback").succeeds();
        let plan = project.runner("plan");
        plan.succeeds().prints(&["risk: an earlier run", &done, statement]);
        let plan: Value = serde_json::from_str(&project.runner("plan --format json").stdout).unwrap();
        assert_eq!(plan["migrations"][0]["volatile"], expected);
    }
}
