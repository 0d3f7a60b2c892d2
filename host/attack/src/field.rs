//! The scratch database on which the attacks are tried, and what it is like before and after one.

use std::sync::Arc;
use std::time::Duration;

use runner_base::error::{Error, Result};
use runner_corpus::Corpus;
use runner_data::Value;
use runner_database::logins::{DesiredLogin, LoginRequest, LoginTask, Removal};
use runner_database::{
    ConnectOptions, Database, DatabaseUrl, Grants, HostSession, LockRequest, QueryLimits, StopSignal,
    TransactionOptions,
};
use runner_drivers::connect;
use runner_engine::isolation::Barrier;
use runner_testing::scratch::Scratch;

/// The revision of the attacker.
const ATTACKER: &str = "attacker";

/// How long a run that an attack has killed may hold the lock of the next one.
const LOCK_WAIT: Duration = Duration::from_secs(30);

/// Scratch databases, and a session that observes.
pub(super) struct Field<'a> {
    server: &'a DatabaseUrl,
    options: ConnectOptions,
    corpus: &'a Corpus,
    scratch: Scratch,
    /// A second database on the same server.
    other: Option<Scratch>,
    witness: Box<dyn Database>,
    barrier: Barrier,
    /// What the attacker is granted, if it has a login of its own.
    grants: Option<Arc<Grants>>,
}

/// What no attack may change, as it is at one time: what it is, and the answer.
pub(super) struct State(Vec<(&'static str, String)>);

impl State {
    /// The lock is not part of the state: it is held while an attack runs.
    pub(super) const LOCK: &'static str = "the lock";

    /// What is different, each once.
    pub(super) fn differs(&self, before: &Self) -> Vec<&'static str> {
        let pairs = self.0.iter().zip(&before.0);
        let mut changed: Vec<&str> = pairs.filter(|(now, then)| now.1 != then.1).map(|(now, _)| now.0).collect();
        changed.dedup();
        changed
    }
}

/// An error of PostgreSQL before 15, where `public` of a new database does not belong to the owner of the database.
pub(super) fn explained(mut error: Error) -> Error {
    let concerns = ["must be owner of schema public", "SCHEMA \"public\""];
    if concerns.iter().any(|it| error.message.contains(it)) {
        error.hints = vec![
            "let a superuser run `ALTER SCHEMA public OWNER TO …` in `template1`: before PostgreSQL 15, `public` of a new database \
             is not its owner's"
                .into(),
        ];
    }
    error
}

impl<'a> Field<'a> {
    /// The options of connections to scratch databases.
    pub(super) fn options(options: &ConnectOptions) -> ConnectOptions {
        ConnectOptions { create: true, statement_timeout: Some(LOCK_WAIT), ..options.clone() }
    }

    /// Makes what the attacks use in a scratch database, and further databases.
    pub(super) async fn create(
        server: &'a DatabaseUrl,
        options: &ConnectOptions,
        corpus: &'a Corpus,
        barrier: Barrier,
        scratch: Scratch,
    ) -> Result<Self> {
        let options = Self::options(options);
        let other = match corpus.has_other {
            true => Some(Scratch::create(server, &options).await?),
            false => None,
        };
        let witness = connect(&scratch.url, &options).await?;
        let mut field = Self { server, options, corpus, scratch, other, witness, barrier, grants: None };
        let filled = match field.fill_database().await {
            Ok(()) => field.confine().await,
            Err(error) => Err(error),
        };
        match filled {
            Ok(()) => Ok(field),
            Err(error) => {
                drop(field.discard().await);
                Err(error)
            }
        }
    }

    async fn fill_database(&mut self) -> Result<()> {
        for text in (self.corpus.history)() {
            self.say(&text).await?;
        }
        for text in self.corpus.field.concat() {
            self.say(text).await?;
        }
        Ok(())
    }

    /// Makes the login of the attacker.
    async fn confine(&mut self) -> Result<()> {
        if self.barrier != Barrier::SeparateLogins {
            return Ok(());
        }
        let tables = self.corpus.granted.iter().map(|line| line.parse()).collect::<Result<_, _>>()?;
        let grants = Arc::new(Grants { tables, raw_sql: true, component: ATTACKER.to_owned(), ..Grants::default() });
        let wanted = vec![DesiredLogin { id: ATTACKER.to_owned(), grants: grants.clone(), is_early: false }];
        self.grants = Some(grants);
        let request = LoginRequest { task: LoginTask::Sync, wanted, remove: Removal::Nothing };
        self.observer().logins(&request).await?;
        Ok(())
    }

    /// What held the attacker back.
    pub(super) fn barrier(&self) -> Barrier {
        self.barrier
    }

    /// Drops the login, which belongs to the server, and the databases, each even if another one cannot be dropped.
    pub(super) async fn discard(mut self) -> Result<()> {
        let mut done: Result<()> = Ok(());
        if self.grants.is_some() {
            let request = LoginRequest { task: LoginTask::Sync, wanted: Vec::new(), remove: Removal::Others };
            done = self.observer().logins(&request).await.map(drop).map_err(Error::from);
        }
        drop(self.witness);
        if let Some(other) = self.other {
            done = done.and(other.discard().await);
        }
        done.and(self.scratch.discard().await)
    }

    /// Recreates everything after an attack that succeeded.
    pub(super) async fn replace(&mut self) -> Result<()> {
        let scratch = Scratch::create(self.server, &self.options).await?;
        let fresh = Self::create(self.server, &self.options, self.corpus, self.barrier, scratch).await?;
        std::mem::replace(self, fresh).discard().await
    }

    /// Recreates what an attack that ran may have changed, and was free to.
    pub(super) async fn again(&mut self) -> Result<()> {
        for text in self.corpus.again.concat() {
            self.say(text).await?;
        }
        Ok(())
    }

    async fn say(&mut self, text: &str) -> Result<()> {
        let text = self.fill(text).await?;
        let said = self.observer().execute(&text, &[]).await;
        said.map(drop).map_err(|error| Error::from(error).at("statement", text))
    }

    /// The session that observes.
    pub(super) fn observer(&mut self) -> HostSession<'_> {
        self.witness.host()
    }

    /// A connection of a run that holds the lock.
    pub(super) async fn attacker(&mut self) -> Result<Box<dyn Database>> {
        let mut database = connect(&self.scratch.url, &self.options).await?;
        let request = LockRequest { wait: LOCK_WAIT, run_id: "attack".to_owned(), owner: "runner doctor".to_owned() };
        database.lock(&request, &StopSignal::never(), &|_| {}).await?;
        if let Some(grants) = &self.grants {
            database.set_grants(Some(grants.clone()))?;
            // Its session is opened, and its rights and password are set, before the state is read.
            database.host().begin(TransactionOptions::default()).await?;
            database.host().rollback().await?;
        }
        Ok(database)
    }

    /// Whether the lock is held.
    pub(super) async fn is_locked(&mut self) -> Result<bool> {
        Ok(self.observer().lock_holder().await?.is_some())
    }

    /// Fills the placeholders of a text.
    pub(super) async fn fill(&mut self, text: &str) -> Result<String> {
        let name = |url: &DatabaseUrl| url.database_name().unwrap_or_default().to_owned();
        let mut text = text.replace("{t}", self.corpus.tampering).replace("{db}", &name(&self.scratch.url));
        text = text.replace("{table}", self.corpus.table);
        if let Some(other) = &self.other {
            text = text.replace("{other}", &name(&other.url));
        }
        let file = self.scratch.url.sqlite_path();
        if let Some(directory) = file.as_deref().and_then(std::path::Path::parent) {
            text = text.replace("{dir}", &directory.display().to_string());
        }
        for (placeholder, question) in self.corpus.answers {
            if text.contains(placeholder) {
                let question = Box::pin(self.fill(question)).await?;
                let found = self.observer().query(&question, &[], QueryLimits::NONE).await?;
                let answer = found.rows.first().and_then(|row| row.first()).and_then(Value::as_text);
                text = text.replace(placeholder, answer.unwrap_or_default());
            }
        }
        Ok(text)
    }

    /// What no attack may change. Settings and temporary tables of SQLite are those of the attacker's connection.
    pub(super) async fn state(&mut self, attacker: &mut dyn Database) -> State {
        let mut state = Vec::new();
        let file = self.scratch.url.sqlite_path();
        if let Some(directory) = file.as_deref().and_then(std::path::Path::parent) {
            let names = std::fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.file_name());
            // Those of the database itself come and go.
            let mut names: Vec<_> = names.filter(|name| !name.to_string_lossy().starts_with("scratch.db")).collect();
            names.sort();
            state.push(("other files", format!("{names:?}")));
        }
        for (what, question) in self.corpus.state.iter().filter(|(what, _)| *what != State::LOCK) {
            // What no longer exists is a change as well.
            let Ok(question) = self.fill(question).await else {
                state.push((*what, String::new()));
                continue;
            };
            let mut session = if file.is_some() { attacker.host() } else { self.witness.host() };
            let answer = session.query(&question, &[], QueryLimits::NONE).await;
            state.push((*what, answer.map(|found| format!("{:?}", found.rows)).unwrap_or_default()));
        }
        State(state)
    }
}
