//! The results of the kills of a test, printed and recorded.

use std::collections::BTreeMap;
use std::time::Duration;

use runner_tests::{Engine, EngineProject, report};

/// What a kill left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Left {
    /// Nothing of the migration.
    Nothing,
    /// A part: some steps, some chunks.
    Part,
    /// All of it.
    Everything,
}

/// Counts kills.
pub struct Tally {
    test: &'static str,
    engine: Engine,
    version: String,
    kills: BTreeMap<(&'static str, Left), u64>,
    healed: Vec<Duration>,
}

impl Tally {
    pub fn new(test: &'static str, project: &EngineProject) -> Self {
        let (engine, version) = (project.engine(), project.version());
        Self { test, engine, version, kills: BTreeMap::new(), healed: Vec::new() }
    }

    /// Records that a run was killed in this direction, and what it left.
    pub fn kill(&mut self, way: &'static str, left: Left) {
        *self.kills.entry((way, left)).or_default() += 1;
    }

    /// Records how long the run after a kill took.
    pub fn heal(&mut self, took: Duration) {
        self.healed.push(took);
    }

    /// Adds another tally.
    pub fn add(&mut self, other: Self) {
        for (what, kills) in other.kills {
            *self.kills.entry(what).or_default() += kills;
        }
        self.healed.extend(other.healed);
    }

    /// How many runs were killed.
    pub fn total(&self) -> u64 {
        self.kills.values().sum()
    }

    /// How many kills left this.
    pub fn left(&self, left: Left) -> u64 {
        self.kills.iter().filter(|((_, what), _)| *what == left).map(|(_, count)| count).sum()
    }

    /// Prints the results, and appends them to the report if there is one.
    pub fn tell(mut self) {
        self.healed.sort_unstable();
        let millis = |duration: Option<&Duration>| duration.map_or(0, Duration::as_millis);
        let median = millis(self.healed.get(self.healed.len() / 2));
        let longest = millis(self.healed.last());
        let slow = self.healed.iter().filter(|took| **took > Duration::from_secs(2)).count();
        let of = |way: &str, left| {
            self.kills.iter().filter(|((w, l), _)| *w == way && *l == left).map(|(_, n)| n).sum::<u64>()
        };
        let ways: Vec<serde_json::Value> = ["up", "down"]
            .into_iter()
            .map(|way| {
                serde_json::json!({
                    "way": way,
                    "nothing": of(way, Left::Nothing), "part": of(way, Left::Part), "everything": of(way, Left::Everything),
                })
            })
            .collect();
        report::tell(serde_json::json!({
            "test": self.test, "engine": format!("{:?}", self.engine), "version": self.version, "kills": self.total(),
            "ways": ways, "healed": self.healed.len(), "median_ms": median, "longest_ms": longest, "over_two_seconds": slow,
        }));
    }
}

/// The number of databases of one engine on which a test kills in parallel: most of the time of a kill is spent
/// waiting for a server to notice. `RUNNER_TEST_LANES` sets it, for measuring the recovery time.
pub fn lanes() -> usize {
    let said = std::env::var("RUNNER_TEST_LANES").ok().map(|text| text.parse().expect("a number of lanes"));
    said.unwrap_or(4)
}

/// Lets every lane count on its own, and returns the total.
pub fn in_lanes(count: impl Fn(usize) -> Tally + Sync) -> Tally {
    let count = &count;
    let mut tallies = std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..lanes()).map(|lane| scope.spawn(move || count(lane))).collect();
        lanes.into_iter().map(|lane| lane.join().unwrap()).collect::<Vec<_>>()
    });
    let mut all = tallies.remove(0);
    tallies.into_iter().for_each(|tally| all.add(tally));
    all
}

/// What the database reports about the migration after a kill.
pub fn left(project: &EngineProject, way: super::reference::Way) -> Left {
    use super::reference::Way;
    let query = format!(
        "SELECT state FROM {} WHERE revision = '0002' AND rolled_back_at IS NULL ORDER BY id",
        project.engine().history_table()
    );
    let states = project.rows(&query);
    let state = states.last().map(String::as_str);
    match (state, way) {
        (None, Way::Up) | (Some("applied"), Way::Down) => Left::Nothing,
        (Some("applied"), Way::Up) | (None, Way::Down) => Left::Everything,
        (Some(_), _) => Left::Part,
    }
}
