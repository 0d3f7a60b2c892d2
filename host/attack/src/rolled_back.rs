//! Attacks on the database itself, each in a transaction that is rolled back: for servers on which no scratch database can be
//! made. Nothing here commits, and nothing takes the lock of a run.

use std::time::Duration;

use super::{AttackReport, Ground, MIGRATION, Succeeded, runs};
use runner_base::error::Result;
use runner_corpus::{Attack, Corpus, InTransaction, RolledBack};
use runner_data::Value;
use runner_database::{ConnectOptions, Database, DatabaseError, DatabaseUrl, QueryLimits, StopSignal};
use runner_drivers::connect;
use runner_engine::isolation::Barrier;

/// How long a statement may run, or wait for others: the database is in use.
const PATIENCE: Duration = Duration::from_secs(5);

/// A statement that every component may run.
const HARMLESS: &str = "SELECT 1";

/// A database that is in use.
struct Ring<'a> {
    url: &'a DatabaseUrl,
    options: ConnectOptions,
    corpus: &'a Corpus,
    way: &'a InTransaction,
    /// Why what an attack needs cannot be made: the table, and the field.
    obstacles: [Option<String>; 2],
}

/// Tries what can be tried without a commit, since no scratch database could be made.
pub(super) async fn try_all(
    url: &DatabaseUrl,
    options: &ConnectOptions,
    corpus: &Corpus,
    barrier: Barrier,
    because: String,
) -> Result<AttackReport> {
    let nowhere = |why: &str| Ok(nowhere(url, corpus, barrier, format!("{because}, and {why}")));
    let Some(way) = corpus.in_transaction else {
        return nowhere("a transaction that is rolled back is no substitute: changes of the schema commit");
    };
    if barrier == Barrier::SeparateLogins {
        return nowhere("a login for the attacker, which a component has here, would have to be committed");
    }
    let options = ConnectOptions {
        create: false,
        statement_timeout: Some(PATIENCE),
        lock_timeout: Some(PATIENCE),
        ..options.clone()
    };
    let mut ring = Ring { url, options, corpus, way, obstacles: [const { None }; 2] };
    if let Err(error) = ring.probe().await {
        return nowhere(&format!("a transaction fails as well: {error}"));
    }
    let ground = Ground::Transaction { because: because.clone() };
    let mut report = AttackReport { barrier, ground, tried: 0, not_tried: Vec::new(), succeeded: Vec::new() };
    for reach in corpus.reaches {
        let statement = ring.fill(reach.statement);
        if let Some(why) = ring.obstacle(reach.rolled_back) {
            report.leave(&why, vec![statement]);
            continue;
        }
        report.tried += 1;
        let mut attacker = ring.open(reach.rolled_back).await?;
        let succeeds = runs(attacker.as_mut(), &statement).await;
        close(attacker).await;
        if succeeds {
            report.succeeded.push(Succeeded { what: vec![reach.what], statements: vec![statement] });
        }
    }
    for attack in corpus.attacks.iter().copied().flatten().chain(corpus.of_components) {
        let statements: Vec<String> = attack.statements.iter().map(|text| ring.fill(text)).collect();
        if let Some(why) = ring.obstacle(attack.rolled_back) {
            report.leave(&why, statements);
            continue;
        }
        report.tried += 1;
        let what = ring.change(attack, &statements).await?;
        if !what.is_empty() {
            report.succeeded.push(Succeeded { what, statements });
        }
    }
    super::runs::leave(url.dialect(), &mut report, "it takes whole runs, which commit");
    Ok(report)
}

/// The report of a server on which nothing can be tried.
fn nowhere(url: &DatabaseUrl, corpus: &Corpus, barrier: Barrier, because: String) -> AttackReport {
    let mut report = AttackReport {
        barrier,
        ground: Ground::Nowhere { because: because.clone() },
        tried: 0,
        not_tried: Vec::new(),
        succeeded: Vec::new(),
    };
    let texts = |attack: &Attack| attack.statements.iter().map(|text| fill(corpus, url, text)).collect();
    for reach in corpus.reaches {
        report.leave(&because, vec![fill(corpus, url, reach.statement)]);
    }
    for attack in corpus.attacks.iter().copied().flatten().chain(corpus.of_components) {
        report.leave(&because, texts(attack));
    }
    super::runs::leave(url.dialect(), &mut report, &because);
    report
}

/// Fills the placeholders of a text without a scratch database. What exists only there is called by the word of its placeholder.
fn fill(corpus: &Corpus, url: &DatabaseUrl, text: &str) -> String {
    let table = corpus.in_transaction.map_or(corpus.table, |way| way.table_name);
    let database = url.database_name().unwrap_or_default();
    let text = text.replace("{table}", table).replace("{db}", database).replace("{t}", corpus.tampering);
    let words = ["{other}", "{lock}", "{holder}", "{worker}"];
    words
        .into_iter()
        .fold(text.replace("{user}", "CURRENT_USER"), |text, word| text.replace(word, word.trim_matches(['{', '}'])))
}

impl Ring<'_> {
    /// Finds out what can be made. Fails if not even a harmless statement of a component runs.
    async fn probe(&mut self) -> Result<(), DatabaseError> {
        let mut attacker = self.open(RolledBack::Alone).await?;
        let stop = StopSignal::never();
        attacker.component(&stop).query(HARMLESS, &[], QueryLimits::NONE).await?;
        let mut told = [const { None }; 2];
        for (question, answer) in [self.way.no_table, self.way.no_field].into_iter().zip(&mut told) {
            let found = attacker.host().query(question, &[], QueryLimits::NONE).await?;
            *answer = found.rows.first().and_then(|row| row.first()).and_then(Value::as_text).map(str::to_owned);
        }
        close(attacker).await;
        let [no_table, no_field] = told;
        let no_field = no_table.clone().or(no_field);
        for (at, (needs, known)) in
            [(RolledBack::WithTable, no_table), (RolledBack::WithField, no_field)].into_iter().enumerate()
        {
            self.obstacles[at] = match known {
                None => self
                    .trial(needs)
                    .await
                    .err()
                    .map(|error| format!("what it needs cannot be made: {}", error.message)),
                known => known,
            };
        }
        Ok(())
    }

    /// Makes what attacks need, has a component do what it may, and undoes both.
    async fn trial(&self, needs: RolledBack) -> Result<(), DatabaseError> {
        let mut attacker = self.open(needs).await?;
        let stop = StopSignal::never();
        let ran = match needs {
            RolledBack::WithField => attacker.component(&stop).execute(self.corpus.harmless, &[]).await.map(drop),
            _ => Ok(()),
        };
        close(attacker).await;
        ran
    }

    /// Why something is not tried.
    fn obstacle(&self, of: RolledBack) -> Option<String> {
        match of {
            RolledBack::Alone => None,
            RolledBack::WithTable => self.obstacles[0].clone(),
            RolledBack::WithField => self.obstacles[1].clone(),
            RolledBack::Never(why) => Some(why.to_owned()),
        }
    }

    fn fill(&self, text: &str) -> String {
        fill(self.corpus, self.url, text)
    }

    /// A connection in a transaction that has made what an attack needs. Each attack has one of its own, which ends with it.
    async fn open(&self, needs: RolledBack) -> Result<Box<dyn Database>, DatabaseError> {
        let mut database = connect(self.url, &self.options).await?;
        database.host().begin(MIGRATION).await?;
        let made = match needs {
            RolledBack::Alone | RolledBack::Never(_) => None,
            RolledBack::WithTable => Some(self.way.table.to_owned()),
            RolledBack::WithField => {
                let field = self.corpus.field.concat().into_iter().map(str::to_owned);
                let all: Vec<String> = (self.corpus.history)().into_iter().chain(field).collect();
                Some((self.way.at_once)(&all))
            }
        };
        if let Some(text) = made {
            database.host().execute(&text, &[]).await?;
        }
        Ok(database)
    }

    /// What an attack would have changed: what it changed in its transaction, if the host would have committed that.
    async fn change(&self, attack: &Attack, statements: &[String]) -> Result<Vec<&'static str>> {
        let mut attacker = self.open(attack.rolled_back).await?;
        let before = self.state(attacker.as_mut()).await;
        let stop = StopSignal::never();
        for statement in statements {
            // A component may continue after an error.
            drop(attacker.component(&stop).execute(statement, &[]).await);
        }
        let is_found = {
            let mut host = attacker.host();
            host.check(runner_database::Check::Constraints).await.is_err()
                || host.check(runner_database::Check::ToolTables).await.is_err()
                || !host.in_transaction().await.unwrap_or_default()
        };
        let after = if is_found { before.clone() } else { self.state(attacker.as_mut()).await };
        close(attacker).await;
        let pairs = after.into_iter().zip(before);
        let mut changed: Vec<&str> = pairs.filter(|(now, then)| now.1 != then.1).map(|(now, _)| now.0).collect();
        changed.dedup();
        Ok(changed)
    }

    /// What no attack may change, as this transaction sees it: what it is, and the answer. After a question that fails, which
    /// is a change as well, those that follow fail too.
    async fn state(&self, database: &mut dyn Database) -> Vec<(&'static str, Option<String>)> {
        let mut state = Vec::new();
        for (what, question) in self.corpus.state.iter().filter(|(what, _)| *what != super::State::LOCK) {
            let answer = database.host().query(question, &[], QueryLimits::NONE).await;
            state.push((*what, answer.ok().map(|found| format!("{:?}", found.rows))));
        }
        state
    }
}

/// Rolls back, and ends the session. If it is lost, the server rolls back by itself.
async fn close(mut attacker: Box<dyn Database>) {
    drop(attacker.host().rollback().await);
}
