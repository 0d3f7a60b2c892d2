//! The project that is killed, and what its database must contain.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use runner_tests::{Engine, EngineProject, Output, guests};

/// Pages and chunks of a few rows, so that there are many.
const LIMITS: &str = "[limits]\nbatch_rows = 8\n";

/// All rows of all tables, one per line; in a single query, because each one starts a client of the server.
const ROWS: &str = "SELECT concat('items ', id, ' ', name, ' ', price) FROM items";
const MORE_ROWS: &str = " UNION ALL SELECT concat('ledger ', id, ' ', entry) FROM ledger \
                         UNION ALL SELECT concat('copies ', id, ' ', label) FROM copies";

/// Upgrade or downgrade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Up,
    Down,
}

impl Way {
    /// The command for this direction, which changes nothing once it is done.
    pub fn line(self) -> &'static str {
        match self {
            Self::Up => "apply --lock-timeout 5m",
            Self::Down => "rollback --target 1 --lock-timeout 5m",
        }
    }
}

pub fn component() -> &'static [u8] {
    static COMPONENT: OnceLock<Vec<u8>> = OnceLock::new();
    COMPONENT.get_or_init(|| guests::component("reference"))
}

/// A table with this many rows, and the first of two migrations applied.
pub fn project(engine: Engine, rows: u64) -> EngineProject {
    let project = EngineProject::new(env!("CARGO_BIN_EXE_runner"), engine);
    project.items(rows).component("0002_reference", component()).settings(LIMITS);
    project.runner("apply --target 1").succeeds();
    project
}

/// The tables as text, row by row.
pub fn tables(project: &EngineProject, way: Way) -> Vec<String> {
    let more = if way == Way::Up { MORE_ROWS } else { "" };
    let mut rows = project.rows(&format!("{ROWS}{more}"));
    rows.sort_unstable();
    rows
}

/// The result of an undisturbed run: rows, and the whole database with its schema.
pub struct Expected {
    pub rows: [Vec<String>; 2],
    pub whole: [Vec<String>; 2],
    /// Steps, rows read and rows written by the upgrade, as counted in the history.
    pub counts: String,
    /// How long each direction takes.
    pub took: [Duration; 2],
}

impl Expected {
    /// Determines it from an undisturbed project on the engine.
    pub fn learn(engine: Engine, rows: u64) -> Self {
        let project = project(engine, rows);
        let before = [tables(&project, Way::Down), project.state()];
        let timed = |way: Way| {
            let start = Instant::now();
            project.runner(way.line()).succeeds();
            start.elapsed()
        };
        let up = timed(Way::Up);
        let after = [tables(&project, Way::Up), project.state()];
        let counts = counts(&project);
        let down = timed(Way::Down);
        assert_eq!([tables(&project, Way::Down), project.state()], before, "the way back leads elsewhere");
        let [before_rows, before_whole] = before;
        let [after_rows, after_whole] = after;
        Self { rows: [after_rows, before_rows], whole: [after_whole, before_whole], counts, took: [up, down] }
    }

    /// The tables equal those of an undisturbed run.
    pub fn check(&self, project: &EngineProject, way: Way, moment: &str) {
        let found = tables(project, way);
        let expected = &self.rows[way as usize];
        assert!(found == *expected, "{moment}: {}", first_difference(&found, expected));
    }

    /// Like [`Expected::check`], including the schema and the counts in the history.
    pub fn check_whole(&self, project: &EngineProject, way: Way, moment: &str) {
        self.check(project, way, moment);
        let (found, expected) = (project.state(), &self.whole[way as usize]);
        assert!(found == *expected, "{moment}: {}", first_difference(&found, expected));
        if way == Way::Up {
            assert_eq!(counts(project), self.counts, "{moment}: history counts what was done once");
        }
    }
}

fn first_difference(found: &[String], expected: &[String]) -> String {
    let lines = found.iter().map(Some).chain(std::iter::repeat(None));
    let wanted = expected.iter().map(Some).chain(std::iter::repeat(None));
    let length = found.len().max(expected.len());
    let differs = lines.zip(wanted).take(length).find(|(left, right)| left != right);
    format!("{} lines, {} expected; the first that differs: {differs:?}", found.len(), expected.len())
}

fn counts(project: &EngineProject) -> String {
    let query = format!(
        "SELECT steps, rows_read, rows_written FROM {} WHERE revision = '0002' AND state = 'applied'",
        project.engine().history_table()
    );
    project.value(&query)
}

/// Runs a command to completion, whatever the result, and returns how long it took.
pub fn run(project: &EngineProject, line: &str) -> (Output, Duration) {
    let start = Instant::now();
    let output = project.runner(line);
    (output, start.elapsed())
}

/// The next run, which needs no help. Returns how long it took.
pub fn heal(project: &EngineProject, way: Way, moment: &str) -> Duration {
    let (output, took) = run(project, way.line());
    assert_eq!(output.exit_code(), Some(0), "{moment}\n{output}");
    took
}
