//! A database of its own in which attempts are run as migrations are, and what is there before and after one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::class::{Attacker, Attempt, Class, GRANTS, Mode, Verb};
use super::classes::{Ground, ground};
use super::guest::{Ends, Guest, Heard};
use crate::data::Value;
use crate::database::logins::{LoginRequest, LoginTask, Removal, WantedLogin};
use crate::database::{ConnectOptions, Connector, Database, DatabaseUrl, Grants, QueryLimits, StopSignal, connect};
use crate::engine::apply::{Action, Ahead, Engine, Request};
use crate::engine::control::RunControl;
use crate::engine::dry_run::{DryRun, DryRunRecorder, Ground as DryRunGround, RecorderOptions, RecordingDatabase};
use crate::engine::event::{Event, EventSink};
use crate::engine::identity::Identity;
use crate::engine::outcome::Outcome;
use crate::engine::plan::PlanOptions;
use crate::engine::sql_script::SqlScript;
use crate::engine::target::Target;
use crate::engine::{Script, ScriptLoader, ScriptSource, Transforms};
use crate::error::{Error, Result};
use crate::project::catalog::{
    Artifact, Catalog, ComponentFiles, Description, Kind, Migration, Mode as Asked, SqlFiles,
};
use crate::project::settings::RequiredIsolation;
use crate::project::sha256;

/// How long a run waits for the session of one that was given up.
const LOCK_WAIT: Duration = Duration::from_secs(60);

/// What is in everything that no attacker may read.
const CANARY: &str = "CANARY";

/// The revisions and names: what was there before, the attacker, and what comes after it.
const BASE: (&str, &str) = ("0001", "base");
const GUEST: (&str, &str) = ("0002", "guest");
const NEXT: (&str, &str) = ("0003", "next");

/// A database with tables of an application and the tool's history.
pub struct Arena {
    url: DatabaseUrl,
    options: ConnectOptions,
    ground: &'static Ground,
    witness: Box<dyn Database>,
    /// What components are granted, if grants can be tried here.
    grants: Option<Arc<Grants>>,
    clean: State,
}

/// How an attempt is run.
#[derive(Clone, Copy, Debug)]
pub struct How {
    /// How it is committed.
    pub mode: Mode,
    /// Where its first run ends. A second one resumes it.
    pub ends: Ends,
    /// How many connections its transforms use.
    pub connections: usize,
}

impl How {
    /// To the end.
    pub fn of(mode: Mode) -> Self {
        Self { mode, ends: Ends::Never, connections: 1 }
    }
}

/// One line of the picture of a database: whose it is, what it is, and how it is.
type Line = [String; 3];

/// What a database holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct State(BTreeSet<Line>);

impl State {
    /// What is different in what belongs to these.
    fn differences(&self, before: &Self, of: &[&str]) -> Vec<String> {
        let is_of = |line: &&Line| of.contains(&&*line[0]);
        let told = |sign: &str, line: &Line| format!("{sign} {}: {}", line[1], line[2]);
        let gone = before.0.difference(&self.0).filter(is_of).map(|line| told("-", line));
        gone.chain(self.0.difference(&before.0).filter(is_of).map(|line| told("+", line))).collect()
    }

    /// The rows of the history.
    fn history(&self) -> BTreeSet<&str> {
        self.0.iter().filter(|line| line[0] == "history").map(|line| &*line[2]).collect()
    }
}

/// How a run ended.
#[derive(Debug)]
enum Ran {
    /// With this outcome.
    Ended(Box<Outcome>),
    /// Before anything was begun.
    Refused(Error),
    /// It was given up.
    GivenUp,
}

impl Ran {
    fn told(&self) -> String {
        match self {
            Self::Ended(outcome) => match &outcome.error {
                Some(error) => format!("{error:#}"),
                None => "it succeeded".to_owned(),
            },
            Self::Refused(error) => format!("refused: {error:#}"),
            Self::GivenUp => "it was given up".to_owned(),
        }
    }

    /// Whether it failed and named an object of the tool.
    fn names_the_tool(&self) -> bool {
        let has_failed = match self {
            Self::Ended(outcome) => outcome.error.is_some(),
            Self::Refused(_) => true,
            Self::GivenUp => false,
        };
        has_failed && self.told().contains("`runner_")
    }

    fn has_done(&self, revision: &str) -> bool {
        matches!(self, Self::Ended(outcome) if !outcome.dry_run && outcome.done.iter().any(|done| done.revision == revision))
    }

    /// Whether some of it may remain although it did not come to its end.
    fn may_leave_some(&self, mode: Mode) -> bool {
        match self {
            Self::Ended(outcome) => outcome.failed.as_ref().is_some_and(|failed| failed.took_effect.is_some()),
            Self::Refused(_) => false,
            Self::GivenUp => mode == Mode::Stepwise,
        }
    }
}

/// What came of an attempt.
#[derive(Debug)]
pub struct Verdict {
    /// What should not have been possible; empty: it held.
    pub broken: Vec<String>,
    /// How its runs ended.
    pub ran: Vec<String>,
    /// What its calls were answered.
    pub heard: Vec<String>,
}

impl Arena {
    /// Makes it in an empty database. The login of the URL is the host's, and owns the database. `with_grants`: components under
    /// grants are tried as well, if the server can enforce any.
    pub async fn make(url: &DatabaseUrl, options: &ConnectOptions, with_grants: bool) -> Result<Self> {
        let options = ConnectOptions { create: true, ..options.clone() };
        let mut witness = connect(url, &options).await?;
        let facts = witness.facts().clone();
        let Some(ground) = ground(facts.dialect) else {
            return Err(Error::usage(format!("there are no attacks on {} to try", facts.dialect)));
        };
        for text in ground.make {
            let made = witness.host().execute(text, &[]).await;
            made.map_err(|error| Error::from(error).at("statement", *text))?;
        }
        let tables = GRANTS.into_iter().map(|line| line.parse()).collect::<Result<_, _>>()?;
        // What the host's own login may do is not what is tried.
        let grants = Arc::new(Grants { tables, superuser: true, ..Grants::default() });
        let mut arena = Self {
            url: url.clone(),
            options: ConnectOptions { create: false, ..options },
            ground,
            witness,
            grants: (with_grants && facts.enforces_grants).then_some(grants),
            clean: State::default(),
        };
        arena.only(vec![base()], Mode::Atomic).await?;
        arena.all(ground.aged).await?;
        if let Some(grants) = arena.grants.as_ref().filter(|_| facts.separate_logins) {
            let wanted = [GUEST, NEXT].map(|(revision, name)| WantedLogin {
                id: format!("{revision}_{name}"),
                grants: Arc::new(grants.of(revision)),
                is_early: false,
            });
            let wanted = wanted.to_vec();
            let request = LoginRequest { task: LoginTask::Sync, wanted, remove: Removal::Nothing };
            arena.witness.host().logins(&request).await?;
        }
        // What the tool makes at its first use is there before the first attack. Where a component can do nothing, attacks prove nothing.
        for mode in [Mode::Stepwise, Mode::Atomic, Mode::DryRun] {
            arena.only(vec![base(), component(NEXT, mode)], mode).await?;
            arena.all(ground.reset).await?;
        }
        arena.clean = arena.state().await?;
        Ok(arena)
    }

    /// The classes of attacks that can be tried here.
    pub fn classes(&self) -> Vec<&'static Class> {
        let can = |class: &&Class| self.grants.is_some() || !class.by.is_granted();
        self.ground.classes.iter().filter(can).collect()
    }

    /// Removes the logins, which belong to the server.
    pub async fn discard(mut self) -> Result<()> {
        if self.grants.is_some() && self.witness.facts().separate_logins {
            let request = LoginRequest { task: LoginTask::Sync, wanted: Vec::new(), remove: Removal::Others };
            self.witness.host().logins(&request).await?;
        }
        Ok(())
    }

    /// Tries an attempt. Afterwards the arena is as it was, unless [`Self::is_clean`] says otherwise.
    pub async fn try_out(&mut self, attempt: &Attempt, how: How) -> Result<Verdict> {
        let class = attempt.class;
        let before = match attempt.before.is_empty() {
            true => self.clean.clone(),
            false => {
                for text in &attempt.before {
                    let done = self.witness.host().execute(text, &[]).await;
                    done.map_err(|error| Error::from(error).at("statement", text))?;
                }
                self.state().await?
            }
        };
        let heard = Heard::default();
        let guest = |ends| Guest { calls: attempt.calls.clone(), ends, heard: heard.clone(), hangs: Arc::default() };
        let mut migrations = vec![base(), attacker(attempt, how.mode)];
        let mut ran = vec![self.run(&migrations, guest(how.ends), class.by, how).await?];
        if how.ends != Ends::Never {
            ran.push(self.run(&migrations, guest(Ends::Never), class.by, how).await?);
        }
        let is_done = ran.iter().any(|ran| ran.has_done(GUEST.0));
        let leaves_some = ran.last().is_some_and(|ran| ran.may_leave_some(how.mode));
        let mut broken = Vec::new();
        if class.then && !leaves_some {
            if !is_done {
                migrations.truncate(1);
            }
            migrations.push(component(NEXT, Mode::Atomic));
            let next = Guest { calls: vec![(Verb::Transform, String::new())], ..guest(Ends::Never) };
            ran.push(self.run(&migrations, next, class.by, How::of(Mode::Atomic)).await?);
            if let (false, Some(last)) = (is_done, ran.last().filter(|ran| !ran.has_done(NEXT.0))) {
                broken.push(format!("the next migration cannot be applied: {}", last.told()));
            }
        }
        let after = self.state().await.unwrap_or_default();
        let theirs: &[&str] = match (class.by.is_granted(), is_done || leaves_some) {
            (true, true) => &["tool", "all"],
            (false, true) => &["tool"],
            // What failed, or was to be rolled back, leaves nothing.
            (_, false) if ran.iter().any(|ran| ran.has_done(NEXT.0)) => &["tool", "all"],
            (_, false) => &["tool", "all", "own"],
        };
        broken.extend(after.differences(&before, theirs));
        broken.extend(lies(&after, &ran, leaves_some));
        // Where a change of the schema commits, what could not be prevented is found, and the run says so.
        let may_be_found = !class.by.is_granted() && !self.witness.facts().transactional_ddl;
        if may_be_found && ran.iter().any(Ran::names_the_tool) {
            broken.clear();
        }
        let heard = heard.take();
        if class.by.is_granted() && heard.iter().any(|answer| answer.contains(CANARY)) {
            broken.push("it reads what it is not granted".to_owned());
        }
        if after != self.clean {
            // Where it cannot, the arena is not clean.
            drop(self.all(self.ground.reset).await);
        }
        Ok(Verdict { broken, ran: ran.iter().map(Ran::told).collect(), heard })
    }

    /// Whether nothing of what was tried is left.
    pub async fn is_clean(&mut self) -> bool {
        matches!(self.state().await, Ok(state) if state == self.clean)
    }

    /// Runs migrations that must succeed.
    async fn only(&mut self, migrations: Vec<Migration>, mode: Mode) -> Result<()> {
        let calls = vec![(Verb::Filter, String::new()), (Verb::Transform, String::new())];
        let guest = Guest { calls, ends: Ends::Never, heard: Heard::default(), hangs: Arc::default() };
        match self.run(&migrations, guest, Attacker::Component, How::of(mode)).await? {
            Ran::Ended(outcome) => (*outcome).into_result().map(drop),
            Ran::Refused(error) => Err(error),
            Ran::GivenUp => Ok(()),
        }
        .map_err(|error| error.hint("the attacks prove nothing: what a component may do is refused as well"))
    }

    /// Runs migrations as a command does.
    async fn run(&self, migrations: &[Migration], guest: Guest, by: Attacker, how: How) -> Result<Ran> {
        let database = connect(&self.url, &self.options).await?;
        let dialect = database.facts().dialect;
        let events: Arc<dyn EventSink> = Arc::new(Deaf);
        let dry_run = (how.mode == Mode::DryRun).then(|| DryRun {
            recorder: Arc::new(DryRunRecorder::new(events.clone(), RecorderOptions { samples: 3, all: true })),
            on_scratch: None,
            chunks: None,
        });
        let events: Arc<dyn EventSink> = dry_run.as_ref().map_or(events, |it| it.recorder.clone());
        let database: Box<dyn Database> = match &dry_run {
            Some(it) => Box::new(RecordingDatabase::new(database, it.recorder.clone(), DryRunGround::Transaction)),
            None => database,
        };
        let granted = |(revision, name): (&str, &str), raw_sql| {
            let is_there = migrations.iter().any(|it| it.revision == revision);
            let grants = self.grants.as_ref().filter(|_| is_there);
            let grants = grants.map(|grants| Grants { raw_sql, ..grants.of(revision) });
            grants.map(|grants| (format!("{revision}_{name}"), Arc::new(grants)))
        };
        let of_guest = by.is_granted().then(|| granted(GUEST, by == Attacker::GrantedSql)).flatten();
        let grants: BTreeMap<_, _> = of_guest.into_iter().chain(granted(NEXT, false)).collect();
        let stop = StopSignal::default();
        let identity = Identity::now();
        let options = ConnectOptions { worker_of: Some(identity.run_id.clone()), ..self.options.clone() };
        let transforms = Transforms {
            connections: how.connections,
            rows: Some(20),
            connector: dry_run.is_none().then_some(Connector { url: self.url.clone(), options }),
            run_id: identity.run_id.clone(),
            held_by: "doctor".to_owned(),
            ..Transforms::default()
        };
        let hangs = guest.hangs.clone();
        let loader: Arc<dyn ScriptLoader> = Arc::new(move |source: &ScriptSource| -> Result<Box<dyn Script>> {
            match source {
                ScriptSource::Sql { up, down, .. } => Ok(Box::new(SqlScript::new(up, down.as_deref(), dialect)?)),
                _ => Ok(Box::new(guest.clone())),
            }
        });
        let engine = Engine {
            database: Arc::new(tokio::sync::Mutex::new(database)),
            catalog: Arc::new(Catalog { migrations: migrations.to_vec(), ..Catalog::default() }),
            loader,
            ahead: Ahead::default(),
            control: Arc::new(RunControl::free(events.clone(), stop.clone())),
            events,
            stop,
            parameters: Arc::default(),
            grants: Arc::new(grants),
            limits: Arc::default(),
            isolation: RequiredIsolation::Any,
            identity,
            stored_artifact_bytes: 1 << 20,
            stored_call_bytes: 1 << 20,
            retries: 3,
            dry_run,
            backup: None,
            transforms: Arc::new(transforms),
        };
        let request = Request {
            action: Action::Apply(Target::Latest),
            options: PlanOptions::default(),
            lock_wait: LOCK_WAIT,
            dry_run: how.mode == Mode::DryRun,
            accept: None,
        };
        tokio::select! {
            biased;
            ran = Box::pin(engine.run(&request)) => Ok(match ran {
                Ok(outcome) => Ran::Ended(Box::new(outcome)),
                Err(error) => Ran::Refused(error),
            }),
            () = hangs.notified() => Ok(Ran::GivenUp),
        }
    }

    /// What the database holds.
    async fn state(&mut self) -> Result<State> {
        let mut lines = BTreeSet::new();
        for question in self.ground.state {
            let found = self.witness.host().query(question, &[], QueryLimits::NONE).await;
            let found = found.map_err(|error| Error::from(error).at("statement", *question))?;
            lines.extend(found.rows.into_iter().filter_map(|row| {
                let text = |value: Value| value.as_text().map(str::to_owned).unwrap_or_default();
                <[Value; 3]>::try_from(row).ok().map(|row| row.map(text))
            }));
        }
        Ok(State(lines))
    }

    async fn all(&mut self, statements: &[&str]) -> Result<()> {
        for text in statements {
            let done = self.witness.host().execute(text, &[]).await;
            done.map_err(|error| Error::from(error).at("statement", *text))?;
        }
        Ok(())
    }
}

/// What the history says that is not so, or does not say.
fn lies(after: &State, ran: &[Ran], leaves_some: bool) -> Vec<String> {
    let row = |(revision, name): (&str, &str), state: &str| format!("{revision} {name} {state}");
    let mut owed = vec![row(BASE, "applied")];
    let done = |of: (&str, &str)| ran.iter().any(|ran| ran.has_done(of.0)).then(|| row(of, "applied"));
    owed.extend([GUEST, NEXT].into_iter().filter_map(done));
    let partial = row(GUEST, "partial");
    let rows = after.history();
    let missing = owed.iter().filter(|row| !rows.contains(&***row)).map(|row| format!("the history lacks `{row}`"));
    let known = |row: &&&str| owed.iter().any(|it| it == **row) || (leaves_some && **row == partial);
    let forged = rows.iter().filter(|row| !known(row)).map(|row| format!("the history has `{row}`"));
    missing.chain(forged).collect()
}

/// The migration before all others.
fn base() -> Migration {
    sql(BASE, "SELECT 1", Mode::Atomic)
}

/// The migration of an attempt.
fn attacker(attempt: &Attempt, mode: Mode) -> Migration {
    if attempt.class.by != Attacker::File {
        return component(GUEST, mode);
    }
    let statements: Vec<&str> = attempt.calls.iter().map(|(_, text)| &**text).collect();
    let head = if mode == Mode::Stepwise { "-- runner:no-transaction\n" } else { "" };
    sql(GUEST, &format!("{head}{};", statements.join(";\n")), mode)
}

fn sql((revision, name): (&str, &str), up: &str, mode: Mode) -> Migration {
    let artifact = Artifact::Sql { up: up.to_owned(), down: None, files: SqlFiles::default() };
    let asked = if mode == Mode::Stepwise { Asked::Stepwise } else { Asked::Auto };
    migration((revision, name), Kind::Sql, up.as_bytes(), (artifact, asked))
}

fn component((revision, name): (&str, &str), mode: Mode) -> Migration {
    let wasm: &'static [u8] = b"a migration of the attacks";
    let path = Path::new("migrations").join(name).display().to_string();
    let artifact = Artifact::Component {
        files: ComponentFiles::Embedded { path, wasm, assets: Arc::default() },
        assets: BTreeMap::new(),
    };
    let asked = if mode == Mode::Stepwise { Asked::Stepwise } else { Asked::Atomic };
    migration((revision, name), Kind::Component, wasm, (artifact, asked))
}

fn migration(
    (revision, name): (&str, &str),
    kind: Kind,
    bytes: &[u8],
    (artifact, mode): (Artifact, Asked),
) -> Migration {
    Migration {
        revision: revision.to_owned(),
        name: name.to_owned(),
        kind,
        sha256: sha256(bytes),
        artifact,
        description: Description { mode, ..Description::default() },
        locked: true,
    }
}

/// Nobody listens.
struct Deaf;

impl EventSink for Deaf {
    fn emit(&self, _event: &Event) {}
}
