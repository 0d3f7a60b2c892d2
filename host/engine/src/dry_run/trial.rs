//! What a dry run does at each call of a migration: it judges the statement before it is sent, and records it.

use std::sync::Arc;

use super::judge::{Ground, Judgement, judge, judge_table};
use super::lasting::LastingElsewhere;
use super::recorder::DryRunRecorder;
use runner_data::Value;
use runner_database::{DatabaseError, HostSession, TableName, TableSource};
use runner_project::catalog::Kind;

/// How the calls of migrations are tried.
#[derive(Clone)]
pub struct Trial {
    /// Receives what the calls and the engine report.
    pub recorder: Arc<DryRunRecorder>,
    ground: Arc<Ground>,
    lasting: LastingElsewhere,
}

impl Trial {
    /// Tries calls on this ground.
    pub fn new(recorder: Arc<DryRunRecorder>, ground: Ground) -> Self {
        Self { recorder, ground: Arc::new(ground), lasting: LastingElsewhere::default() }
    }

    /// Whether a statement of a migration of this kind is run; false if it is only reported. Fails if the dry run could not undo it.
    pub(crate) async fn allows(
        &self,
        statement: &str,
        kind: Kind,
        host: &mut HostSession<'_>,
    ) -> Result<bool, DatabaseError> {
        // A component may not run what cannot run in a transaction; the database rejects it as in a real run.
        let outside = self.recorder.is_stepwise() && kind == Kind::Sql;
        let refused = match judge(statement, &self.ground, host.facts(), outside) {
            Judgement::Run if *self.ground == Ground::Transaction => self.lasting.check(host, statement).await,
            Judgement::Run => Ok(()),
            Judgement::Leave => return Ok(false),
            Judgement::Refuse(error) => Err(*error),
        };
        refused.inspect_err(|error| self.recorder.refuse(error)).map(|()| true)
    }

    /// Records a call; `error`: that it failed.
    pub(crate) fn note(&self, statement: &str, parameters: &[Value], error: Option<&DatabaseError>) {
        self.recorder.asked(statement, parameters, error);
    }

    /// Records a call that was not made.
    pub(crate) fn skip(&self, statement: &str, parameters: &[Value]) {
        self.recorder.left(statement, parameters);
    }

    /// Fails if a table is outside of what the dry run can undo.
    pub(super) fn check_table(&self, table: &TableName) -> Result<(), DatabaseError> {
        judge_table(table, &self.ground).inspect_err(|error| self.recorder.refuse(error))
    }

    /// The same for a table that is read, and for the condition on its rows.
    pub(crate) async fn check_source(
        &self,
        source: &TableSource,
        kind: Kind,
        host: &mut HostSession<'_>,
    ) -> Result<(), DatabaseError> {
        let filter = source.filter.as_deref().unwrap_or("1 = 1");
        let statement = format!("SELECT 1 FROM {} WHERE {filter}", source.table.quoted(host.facts().dialect));
        self.allows(&statement, kind, host).await.map(drop)
    }
}
