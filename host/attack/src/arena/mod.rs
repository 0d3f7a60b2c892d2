//! A database of its own in which attempts are run as migrations are, and what is there before and after one.

mod migrations;
mod outcome;
mod run;
mod state;

use std::collections::BTreeSet;
use std::sync::Arc;

use super::class::{Attacker, Attempt, Class, GRANTS, Mode, Verb};
use super::classes::{self, Ground, ground};
use super::guest::{Ends, Guest, Heard};
use super::{cache, memory};
use migrations::{attacker, base, component};
use outcome::Ran;
use runner_base::error::{Error, Result};
use runner_data::Value;
use runner_database::logins::{DesiredLogin, LoginRequest, LoginTask, Removal};
use runner_database::{ConnectOptions, Database, DatabaseUrl, Grants, QueryLimits};
use runner_drivers::connect;
use runner_project::catalog::Migration;
use state::{State, lies};

/// What is in everything that no attacker may read.
const CANARY: &str = "CANARY";

/// The revisions and names: what was there before, and what comes after the attacker.
const BASE: (&str, &str) = ("0001", "first");
/// The revision and the name of the attacker.
pub const GUEST: (&str, &str) = ("0002", "guest");
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
    /// Whether two processes run it, and share its transforms.
    pub is_shared: bool,
}

impl How {
    /// To the end.
    pub fn of(mode: Mode) -> Self {
        Self { mode, ends: Ends::Never, connections: 1, is_shared: false }
    }
}

/// What the runs of an attempt say that they left.
#[derive(Debug)]
pub struct Left {
    /// The migrations that are done, by revision and name.
    pub done: Vec<(&'static str, &'static str)>,
    /// Whether something of a migration that is not done may be there.
    pub some: bool,
    /// Whether a run failed and named an object of the tool.
    pub is_found: bool,
    /// What it was answered.
    pub heard: Vec<String>,
}

/// The outcome of an attempt.
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
            grants: with_grants.then_some(grants),
            clean: State::default(),
        };
        arena.only(vec![base()], Mode::Atomic).await?;
        arena.all(ground.aged).await?;
        if let Some(grants) = arena.grants.as_ref().filter(|_| facts.separate_logins) {
            let wanted = [GUEST, NEXT].map(|(revision, name)| DesiredLogin {
                id: format!("{revision}_{name}"),
                grants: Arc::new(grants.of(revision)),
                is_early: false,
            });
            let wanted = wanted.to_vec();
            let request = LoginRequest { task: LoginTask::Sync, wanted, remove: Removal::Nothing };
            arena.witness.host().logins(&request).await?;
        }
        // What the tool makes at its first use exists before the first attack. Where a component can do nothing,
        // attacks prove nothing.
        for mode in [Mode::Stepwise, Mode::Atomic, Mode::DryRun] {
            arena.only(vec![base(), component(NEXT, mode)], mode).await?;
            arena.all(ground.reset).await?;
        }
        arena.clean = arena.state().await?;
        Ok(arena)
    }

    /// The classes of attacks that can be tried here.
    pub fn classes(&self) -> Vec<&'static Class> {
        classes::of(self.witness.facts().dialect).filter(|class| self.why_not(class).is_none()).collect()
    }

    /// Why a class cannot be tried here.
    pub fn why_not(&self, class: &Class) -> Option<&'static str> {
        match () {
            () if class.by.is_granted() && self.grants.is_none() => Some(super::NO_GRANTS),
            () if class.by == Attacker::Neighbour && cfg!(not(unix)) => Some(cache::NOT_UNIX),
            () if class.is_measured && !memory::is_known() => Some(memory::UNKNOWN),
            () => None,
        }
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
        if class.by == Attacker::Neighbour {
            return cache::try_out(attempt);
        }
        // What a process takes is that of all its attempts.
        let (mut alone, mut among) = (None, None);
        match class.is_measured {
            true => alone = Some(memory::Measured::begin().await),
            false => among = Some(memory::unmeasured().await),
        }
        let before = self.before(attempt).await?;
        let heard = Heard::default();
        let is_slow = how.is_shared;
        let guest =
            |ends| Guest { calls: attempt.calls.clone(), ends, is_slow, heard: heard.clone(), hangs: Arc::default() };
        let mut migrations = vec![base(), attacker(attempt, how.mode)];
        let first = self.run(&migrations, guest(how.ends), class.by, how);
        let mut ran = match how.is_shared {
            true => {
                let (first, other) = tokio::join!(first, self.run(&migrations, guest(Ends::Never), class.by, how));
                vec![first?, other?]
            }
            false => vec![first.await?],
        };
        if how.ends != Ends::Never {
            ran.push(self.run(&migrations, guest(Ends::Never), class.by, how).await?);
        }
        let is_done = ran.iter().any(|ran| ran.has_done(GUEST.0));
        let ended = if how.is_shared { &ran[..] } else { &ran[ran.len() - 1..] };
        let leaves_some = !is_done && ended.iter().any(|ran| ran.may_leave_some(how.mode));
        let floods = attempt.calls.iter().any(|(verb, _)| *verb == Verb::Flood);
        let mut broken: Vec<String> = ran.iter().filter(|_| floods).filter_map(Ran::goes_on).collect();
        broken.extend(alone.take().and_then(memory::Measured::exceeded));
        drop(among.take());
        if class.then && !leaves_some {
            if !is_done {
                migrations.truncate(1);
            }
            migrations.push(component(NEXT, Mode::Atomic));
            let next = Guest { calls: vec![(Verb::Transform, String::new())], ..guest(Ends::Never) };
            ran.push(self.run(&migrations, next, class.by, How::of(Mode::Atomic)).await?);
            if let (false, Some(last)) = (is_done, ran.last().filter(|ran| !ran.has_done(NEXT.0))) {
                broken.push(format!("the next migration cannot be applied: {}", last.shown()));
            }
        }
        let done = [GUEST, NEXT].into_iter().filter(|(revision, _)| ran.iter().any(|ran| ran.has_done(revision)));
        let left = Left {
            done: done.collect(),
            some: leaves_some,
            is_found: ran.iter().any(Ran::names_the_tool),
            heard: heard.take(),
        };
        broken.extend(self.compare(class, &before, &left).await);
        Ok(Verdict { broken, ran: ran.iter().map(Ran::shown).collect(), heard: left.heard })
    }

    /// Judges an attempt that other processes run: `run` does so, and says what they left.
    pub async fn judge(&mut self, attempt: &Attempt, run: impl FnOnce() -> Left) -> Result<Vec<String>> {
        let before = self.before(attempt).await?;
        let left = run();
        Ok(self.compare(attempt.class, &before, &left).await)
    }

    /// Does what was done to the database before an attempt; returns what it holds then.
    async fn before(&mut self, attempt: &Attempt) -> Result<State> {
        if attempt.before.is_empty() {
            return Ok(self.clean.clone());
        }
        for text in &attempt.before {
            let done = self.witness.host().execute(text, &[]).await;
            done.map_err(|error| Error::from(error).at("statement", text))?;
        }
        self.state().await
    }

    /// What is not as it may be after an attempt. Afterwards the arena is as it was, if it can be.
    async fn compare(&mut self, class: &Class, before: &State, left: &Left) -> Vec<String> {
        let after = self.state().await.unwrap_or_default();
        let theirs: &[&str] = match (class.by.is_granted(), left.done.contains(&GUEST) || left.some) {
            (true, true) => &["tool", "all"],
            (false, true) => &["tool"],
            // What failed, or was to be rolled back, leaves nothing.
            (_, false) if left.done.contains(&NEXT) => &["tool", "all"],
            (_, false) => &["tool", "all", "own"],
        };
        let mut broken = after.differences(before, theirs);
        broken.extend(lies(&after, left));
        // Where a change of the schema commits, what could not be prevented is found, and the run says so.
        if left.is_found && !class.by.is_granted() && !self.witness.facts().transactional_ddl {
            broken.clear();
        }
        if class.by.is_granted() && left.heard.iter().any(|answer| answer.contains(CANARY)) {
            broken.push("it reads what it is not granted".to_owned());
        }
        if after != self.clean {
            // Where it cannot, the arena is not clean.
            drop(self.all(self.ground.reset).await);
        }
        broken
    }

    /// Whether no part of what was tried is left.
    pub async fn is_clean(&mut self) -> bool {
        matches!(self.state().await, Ok(state) if state == self.clean)
    }

    /// Runs migrations that must succeed.
    async fn only(&mut self, migrations: Vec<Migration>, mode: Mode) -> Result<()> {
        let calls = vec![(Verb::Filter, String::new()), (Verb::Transform, String::new())];
        let guest = Guest { calls, ends: Ends::Never, is_slow: false, heard: Heard::default(), hangs: Arc::default() };
        match self.run(&migrations, guest, Attacker::Component, How::of(mode)).await? {
            Ran::Ended(outcome, _) => (*outcome).into_result().map(drop),
            Ran::Refused(error) => Err(error),
            Ran::GivenUp => Ok(()),
        }
        .map_err(|error| error.hint("the attacks prove nothing: what a component may do is refused as well"))
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
