//! Components that are loaded before their turn.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};

use super::*;
use crate::dry_run::{DryRun, DryRunRecorder, Ground, OnScratch, RecorderOptions, Trial};
use crate::script::Compiled;
use runner_drivers::Connector;
use runner_project::catalog::ComponentFiles;

/// Notes what is loaded and run, in order.
struct Loader {
    said: Arc<Mutex<Vec<String>>>,
    /// Whether all components are compiled already.
    is_compiled: bool,
    /// Records each that is loaded ahead.
    ahead: Sender<()>,
    /// What the first one waits for.
    other: Arc<Mutex<Receiver<()>>>,
}

/// Runs until the one after it is loaded as well, where that is to happen.
struct Runs {
    name: String,
    said: Arc<Mutex<Vec<String>>>,
    waits: Option<Arc<Mutex<Receiver<()>>>>,
}

#[async_trait]
impl Script for Runs {
    async fn run(&self, _: Direction, _: &RunContext) -> Result<()> {
        if let Some(other) = &self.waits {
            let other = other.lock().expect("not poisoned");
            for _ in ["one", "two"] {
                other.recv_timeout(Duration::from_secs(60)).expect("both are loaded while the first one runs");
            }
        }
        self.said.lock().expect("not poisoned").push(format!("run {}", self.name));
        Ok(())
    }
}

impl Loader {
    fn make(&self, sha256: &str) -> Runs {
        let name = if sha256 == digest("one") { "one" } else { "two" };
        let waits = (self.is_compiled && name == "one").then(|| self.other.clone());
        Runs { name: name.to_owned(), said: self.said.clone(), waits }
    }

    fn say(&self, what: &str) {
        self.said.lock().expect("not poisoned").push(what.to_owned());
    }
}

impl ScriptLoader for Loader {
    fn load(&self, source: &ScriptSource) -> Result<Box<dyn Script>> {
        let ScriptSource::Component { sha256, .. } = source else { return Err(Error::failed("not a component")) };
        let script = self.make(sha256);
        self.say(&format!("load {}", script.name));
        Ok(Box::new(script))
    }

    fn compiled(&self, sha256: &str) -> Option<Compiled> {
        let script = self.make(sha256);
        self.is_compiled.then(|| {
            self.ahead.send(()).expect("the test goes on");
            Box::new(move |_: &ScriptSource| Box::new(script) as Box<dyn Script>) as Compiled
        })
    }
}

fn digest(name: &str) -> String {
    sha256(name.as_bytes())
}

fn component(revision: &str, name: &'static str) -> Migration {
    let path = format!("migrations/{name}.wasm");
    let files = ComponentFiles::Embedded { path, wasm: name.as_bytes(), assets: Arc::default() };
    let artifact = Artifact::Component { files, assets: BTreeMap::new() };
    Migration { kind: Kind::Component, sha256: digest(name), artifact, ..sql(revision, "", None) }
}

async fn applied(migrations: Vec<Migration>, is_compiled: bool) -> (Outcome, Vec<String>) {
    let (outcome, said, _) = ran(migrations, is_compiled, None).await;
    (outcome, said)
}

/// The third is how many were loaded ahead, apart from those that a run waited for.
async fn ran(migrations: Vec<Migration>, is_compiled: bool, dry_run: Option<DryRun>) -> (Outcome, Vec<String>, usize) {
    let (said, (ahead, other)) = (Arc::default(), channel());
    let other = Arc::new(Mutex::new(other));
    let loader = Loader { said: Arc::clone(&said), is_compiled, ahead, other: other.clone() };
    let engine = Engine { loader: Arc::new(loader), dry_run, ..engine(migrations).await };
    let outcome = engine.apply().await;
    drop(engine);
    let said = said.lock().expect("not poisoned").clone();
    let more = other.lock().expect("not poisoned").try_iter().count();
    (outcome, said, more)
}

#[tokio::test]
async fn what_is_compiled_is_loaded_while_the_one_before_it_runs() {
    let (outcome, said) = applied(vec![component("1", "one"), component("2", "two")], true).await;
    assert!(outcome.error.is_none(), "{:?}", outcome.error);
    assert_eq!(said, ["run one", "run two"], "nothing is loaded twice");
}

#[tokio::test]
async fn a_dry_run_on_a_copy_takes_what_was_loaded_while_it_was_made() {
    let options = RecorderOptions { samples: 0, all: false };
    let recorder = Arc::new(DryRunRecorder::new(Arc::new(Heard::default()), options));
    let url = DatabaseUrl::parse("sqlite::memory:", Path::new("/")).expect("a URL");
    let connect = Connector { url, options: ConnectOptions::default() };
    let on_scratch = Some(OnScratch { rows: None, connect });
    let dry_run = DryRun { trial: Trial::new(recorder, Ground::Transaction), on_scratch, chunks: None };
    let (outcome, said, more) = ran(vec![component("1", "one"), component("2", "two")], true, Some(dry_run)).await;
    assert!(outcome.error.is_none(), "{:?}", outcome.error);
    assert_eq!(said, ["run one", "run two"]);
    assert_eq!(more, 0, "nothing is loaded twice");
}

#[tokio::test]
async fn what_must_be_compiled_waits_for_its_turn() {
    let (outcome, said) = applied(vec![component("1", "one"), component("2", "two")], false).await;
    assert!(outcome.error.is_none(), "{:?}", outcome.error);
    assert_eq!(said, ["load one", "run one", "load two", "run two"]);
}

#[tokio::test]
async fn what_cannot_be_read_fails_at_its_turn() {
    let artifact = Artifact::Component {
        files: ComponentFiles::Disk {
            path: Path::new("/nowhere/two.wasm").to_owned(),
            assets_directory: Path::new("/nowhere/two").to_owned(),
        },
        assets: BTreeMap::new(),
    };
    let two = Migration { artifact, ..component("2", "two") };
    let (outcome, said) = applied(vec![component("1", "one"), two], false).await;
    assert_eq!(outcome.error.expect("an error").message, "cannot read `/nowhere/two.wasm`");
    assert_eq!(outcome.done.iter().map(|done| &*done.revision).collect::<Vec<_>>(), ["1"]);
    assert_eq!(said, ["load one", "run one"]);
}
