//! `runner doctor --attack`: tries hostile statements with the rights of a login, and reports which of them would have succeeded.
//! They run on a scratch database, or, where none can be made, in transactions that are rolled back.
//!
//! It may import `runner-library`, `runner-testing`, `runner-corpus`, which has the statements, and what is below them.

// The futures of a run are nested deeply: with the driver of MySQL alone the default of 128 is not enough.
#![recursion_limit = "256"]

mod arena;
mod cache;
pub mod class;
mod classes;
mod field;
mod flood;
mod guest;
mod memory;
mod rolled_back;
mod runs;

pub use arena::{Arena, GUEST, How, Left, Verdict};
pub use guest::Ends;

use field::{Field, State, explained};

use runner_base::error::{Error, Result};
use runner_corpus::{Attack, BEYOND, Corpus, Reach};
use runner_data::Value;
use runner_database::{
    ConnectOptions, Database, DatabaseError, DatabaseUrl, Dialect, HostSession, QueryLimits, StopSignal,
    TransactionOptions, UnitOfWork,
};
use runner_engine::isolation::Barrier;
use runner_testing::scratch::Scratch;

/// The transaction of a component.
const MIGRATION: TransactionOptions =
    TransactionOptions { foreign_keys_off: false, isolation: None, for_migration: true, is_tried: false };

/// The outcome of the attacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttackReport {
    /// What held the attacker back.
    pub barrier: Barrier,
    /// Where they were tried.
    pub ground: Ground,
    /// How many were tried.
    pub tried: usize,
    /// Those that were not tried, by the reason.
    pub not_tried: Vec<NotTried>,
    /// Those that would have succeeded.
    pub succeeded: Vec<Succeeded>,
}

impl AttackReport {
    /// Whether something that matters was not tried.
    pub fn is_incomplete(&self) -> bool {
        self.tried == 0 || self.not_tried.iter().any(|some| some.matters)
    }

    /// Notes an attack that is not tried.
    fn leave(&mut self, why: &str, statements: Vec<String>) {
        match self.not_tried.iter_mut().find(|some| some.why == why) {
            Some(some) => some.attacks.push(statements),
            None => {
                // What is beyond the database is covered by a similar attack that is not, and a component without
                // grants needs none.
                let matters = ![BEYOND, NO_GRANTS].contains(&why);
                self.not_tried.push(NotTried { matters, why: why.to_owned(), attacks: vec![statements] });
            }
        }
    }
}

/// Why attacks of components under grants are not tried on some servers.
const NO_GRANTS: &str = "it takes a component with grants, and those of the project have none";

/// Where attacks are tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ground {
    /// On a scratch database.
    Scratch,
    /// On the database itself, in transactions that are rolled back.
    Transaction {
        /// Why not on a scratch database.
        because: String,
    },
    /// Nowhere.
    Nowhere {
        /// Why.
        because: String,
    },
}

/// Attacks that were not tried for the same reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotTried {
    /// Whether they are as dangerous as those that were: what was not tried is not safe.
    pub matters: bool,
    /// The reason, as a sentence about each.
    pub why: String,
    /// Their statements.
    pub attacks: Vec<Vec<String>>,
}

/// An attack that would have succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Succeeded {
    /// What it reached: what it changed, or what a component may do.
    pub what: Vec<&'static str>,
    /// Its statements.
    pub statements: Vec<String>,
}

/// Tries the corpus of the URL's dialect as a component, on scratch databases of the URL's server. With
/// [`Barrier::SeparateLogins`], the component has a login of its own there. Where no scratch database can be made, what needs
/// no commit is tried in transactions on the URL's database, which are rolled back.
///
/// # Errors
///
/// Fails if what a component may do is refused on a scratch database.
pub async fn attack(
    url: &DatabaseUrl,
    options: &ConnectOptions,
    dialect: Dialect,
    barrier: Barrier,
) -> Result<AttackReport> {
    let corpus = runner_corpus::corpus(dialect);
    let scratch = match Scratch::create(url, &Field::options(options)).await {
        Ok(scratch) => scratch,
        Err(error) if !dialect.has_server() => return Err(error),
        Err(error) => {
            let because = format!("no scratch database can be made: {}", error.message);
            return rolled_back::try_all(url, options, corpus, barrier, because).await;
        }
    };
    let mut field = Field::create(url, options, corpus, barrier, scratch).await.map_err(explained)?;
    let report = try_all(&mut field, corpus).await.map_err(explained);
    let discarded = field.discard().await;
    let mut report = report.and_then(|report| discarded.map(|()| report))?;
    runs::try_all(url, options, dialect, &mut report).await.map_err(explained)?;
    Ok(report)
}

async fn try_all(field: &mut Field<'_>, corpus: &Corpus) -> Result<AttackReport> {
    let (barrier, ground) = (field.barrier(), Ground::Scratch);
    let mut report = AttackReport { barrier, ground, tried: 0, not_tried: Vec::new(), succeeded: Vec::new() };
    check_granted(field, corpus).await?;
    for reach in corpus.reaches {
        report.tried += 1;
        let statement = field.fill(reach.statement).await?;
        if reaches(field, reach, &statement).await? {
            report.succeeded.push(Succeeded { what: vec![reach.what], statements: vec![statement] });
        }
    }
    for attack in corpus.attacks.iter().copied().flatten().chain(corpus.of_components) {
        if attack.is_beyond {
            let mut statements = Vec::new();
            for statement in attack.statements {
                statements.push(field.fill(statement).await?);
            }
            report.leave(BEYOND, statements);
            continue;
        }
        report.tried += 1;
        let (statements, what) = change(field, attack).await?;
        if !what.is_empty() {
            report.succeeded.push(Succeeded { what, statements });
            field.replace().await?;
        }
    }
    check_granted(field, corpus).await?;
    Ok(report)
}

/// Fails if the attacker could not even do what it is allowed to: then its attacks prove nothing.
async fn check_granted(field: &mut Field<'_>, corpus: &Corpus) -> Result<()> {
    let statement = field.fill(corpus.harmless).await?;
    let mut attacker = field.attacker().await?;
    run(attacker.as_mut(), std::slice::from_ref(&statement)).await.map_err(|error| {
        Error::failed("the attacks prove nothing: what a component may do was refused as well")
            .cause(error)
            .at("statement", statement)
    })
}

/// Whether a statement runs, and returns something.
async fn reaches(field: &mut Field<'_>, reach: &Reach, statement: &str) -> Result<bool> {
    let mut attacker = field.attacker().await?;
    attacker.host().begin(MIGRATION).await?;
    let ran = runs(attacker.as_mut(), statement).await;
    // It may have ended the session.
    drop(attacker.host().rollback().await);
    drop(attacker);
    if let Some(undo) = reach.undo.filter(|_| ran) {
        field.observer().execute(undo, &[]).await?;
    }
    Ok(ran)
}

/// Whether a statement of a component runs, and returns something, in the transaction that is open.
async fn runs(attacker: &mut dyn Database, statement: &str) -> bool {
    let stop = StopSignal::never();
    let limits = QueryLimits { rows: 2, bytes: 1 << 16 };
    if statement.starts_with("SELECT") {
        let found = attacker.component(&stop).query(statement, &[], limits).await;
        found.is_ok_and(|found| found.rows.iter().flatten().next() != Some(&Value::Null))
    } else {
        attacker.component(&stop).execute(statement, &[]).await.is_ok()
    }
}

/// Runs an attack as a component that is about to be committed. Returns its statements, and what they changed.
async fn change(field: &mut Field<'_>, attack: &Attack) -> Result<(Vec<String>, Vec<&'static str>)> {
    let mut attacker = field.attacker().await?;
    let before = field.state(attacker.as_mut()).await;
    let mut statements = Vec::new();
    for statement in attack.statements {
        statements.push(field.fill(statement).await?);
    }
    let ran = run(attacker.as_mut(), &statements).await;
    drop(attacker.host().drop_temporary().await);
    let mut changed = field.state(attacker.as_mut()).await.differs(&before);
    if ran.is_ok() && !field.is_locked().await? {
        // A session ends a little later than what ends it: then the next step notices.
        if attacker.host().commit(UnitOfWork::Apart(&[])).await.result().is_ok() {
            changed.push(State::LOCK);
        }
    }
    drop(attacker);
    if ran.is_ok() && changed.is_empty() {
        field.again().await?;
    }
    Ok((statements, changed))
}

async fn run(attacker: &mut dyn Database, statements: &[String]) -> Result<(), DatabaseError> {
    let stop = StopSignal::never();
    attacker.host().begin(MIGRATION).await?;
    let mut result = Ok(());
    for statement in statements {
        let ran = attacker.component(&stop).execute(statement, &[]).await;
        // A component may continue after an error.
        result = result.and(ran.map(drop));
    }
    let mut host: HostSession<'_> = attacker.host();
    let ended = host.commit(UnitOfWork::Migration(&[])).await.result();
    if ended.is_err() {
        drop(host.rollback().await);
    }
    // What a failed statement left is committed with the rest.
    result.and(ended)
}
