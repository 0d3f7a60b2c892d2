//! Throttling and controlling a run, and what others see of it.
#![cfg(unix)]

mod atomic;
mod busy;
mod elsewhere;
mod progress;
mod replicas;
mod throttle;
mod verbs;

use std::io::Read;
use std::process::Stdio;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use runner_tests::{Engine, EngineProject, Running, TestProject, guests, until};

/// How long anything may take to happen at all. It measures nothing: a machine may be busy.
const EVER: Duration = Duration::from_secs(120);

/// The number of rows, in chunks of ten.
const ROWS: u64 = 600;
const CHUNKS: &str = "[limits]\nbatch_rows = 10\n";

fn component() -> &'static [u8] {
    static COMPONENT: OnceLock<Vec<u8>> = OnceLock::new();
    COMPONENT.get_or_init(|| guests::component("paced"))
}

fn items(engine: Engine) -> String {
    format!(
        "CREATE TABLE items (id INTEGER NOT NULL PRIMARY KEY, price DOUBLE PRECISION NOT NULL);\n\
         INSERT INTO items (id, price) SELECT i, i / 8.0 FROM ({}) AS n;",
        engine.numbers(ROWS)
    )
}

/// A table, and a component that doubles its prices, chunk by chunk.
fn shop(engine: Engine) -> EngineProject {
    furnish(EngineProject::new(env!("CARGO_BIN_EXE_runner"), engine))
}

fn furnish(project: EngineProject) -> EngineProject {
    project
        .sql("0001_items", &items(project.engine()), "DROP TABLE items;")
        .component("0002_paced", component())
        .settings(CHUNKS);
    project.runner("apply --target 1").succeeds();
    project
}

/// A component that fails within its first second, after two chunks of ten rows, and also in its downgrade.
fn halfway(engine: Engine) -> EngineProject {
    static COMPONENT: OnceLock<Vec<u8>> = OnceLock::new();
    let items = format!(
        "CREATE TABLE items (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(100) NOT NULL);\n\
         INSERT INTO items (id, name) SELECT i, 'x' FROM ({}) AS n;",
        engine.numbers(50)
    );
    let project = EngineProject::new(env!("CARGO_BIN_EXE_runner"), engine);
    project
        .sql("0001_items", &items, "DROP TABLE items;")
        .component("0002_halfway", COMPONENT.get_or_init(|| guests::component("halfway")))
        .settings("[parameters]\nstumble = 21\nfail_down = true\n[limits]\nbatch_rows = 10\n");
    project.runner("apply --target 1").succeeds();
    project
}

/// The number of doubled prices.
fn doubled(project: &EngineProject) -> u64 {
    project.value("SELECT count(*) FROM items WHERE price = id / 4.0").parse().unwrap()
}

/// Every price is doubled once or not at all.
#[track_caller]
fn is_sound(project: &EngineProject) {
    let once = project.value("SELECT count(*) FROM items WHERE price = id / 4.0 OR price = id / 8.0");
    assert_eq!(once, ROWS.to_string(), "some prices are wrong");
}

#[track_caller]
fn is_whole(project: &EngineProject) {
    assert_eq!(doubled(project), ROWS);
}

/// `status` as JSON.
fn status(project: &TestProject) -> serde_json::Value {
    serde_json::from_str(&project.runner("status --format json").succeeds().stdout).unwrap()
}

/// The runs that `status` reports.
fn runs(project: &TestProject) -> Vec<serde_json::Value> {
    status(project)["runs"].as_array().unwrap().clone()
}

/// Waits until the only run is in this state.
#[track_caller]
fn until_run(project: &TestProject, what: &str, is_so: impl Fn(&serde_json::Value) -> bool) -> serde_json::Value {
    let mut last = Vec::new();
    let begin = Instant::now();
    loop {
        let found = runs(project);
        if let [run] = &found[..]
            && is_so(run)
        {
            return run.clone();
        }
        assert!(begin.elapsed() < EVER, "the run never came to this: {what}; last seen: {last:?}");
        last = found;
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A run in another process.
struct Apart {
    child: Running,
    said: Arc<Mutex<String>>,
    listener: Option<std::thread::JoinHandle<()>>,
}

impl Apart {
    fn start(project: &TestProject, line: &str) -> Self {
        let mut command = project.command(line.split_whitespace());
        let mut child = Running::start(command.stderr(Stdio::piped()));
        let said = Arc::new(Mutex::new(String::new()));
        let (mut stream, heard) = (child.stderr.take().unwrap(), said.clone());
        let listener = std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = stream.read(&mut bytes) {
                heard.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..length]));
            }
        });
        Self { child, said, listener: Some(listener) }
    }

    fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// Waits until it has printed this.
    #[track_caller]
    fn says(&mut self, text: &str) {
        let begin = Instant::now();
        while !self.said().contains(text) {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "it ended with {ended:?} and never said `{text}`:\n{}", self.said());
            assert!(begin.elapsed() < EVER, "it never says `{text}`:\n{}", self.said());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until it ends, and returns its exit code and output.
    fn ends(mut self) -> (Option<i32>, String) {
        let code = self.child.wait().unwrap().code();
        self.listener.take().unwrap().join().unwrap();
        (code, self.said())
    }

    /// Sends it a signal; it must end by it.
    #[track_caller]
    fn ends_by(self, signal: &str) -> (Option<i32>, String) {
        self.child.signal(signal);
        self.ends()
    }
}
