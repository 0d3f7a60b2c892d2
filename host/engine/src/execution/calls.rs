//! The calls that a component can make, and those of them that are the same in every mode.

use std::collections::BTreeMap;

use super::Execution;
use super::step::{Fault, StepStart, Steps};
use crate::CallError;
use crate::call::{Call, CallKind};
use crate::event::{Event, Unrepeatable, Why};
use crate::implicit_delete::ImplicitDelete;
use crate::script::RunContext;
use crate::transcript::tables::of_parameters;
use runner_data::{RowSet, Value};
use runner_database::{BatchLimits, Dialect, QueryLimits, SchemaChange};
use runner_project::catalog::Kind;
use runner_sql::Tokens;
use runner_sql::order::is_unordered;
use runner_sql::volatile::volatile_calls;

/// The limits on what one call returns.
#[derive(Clone, Copy, Debug)]
pub struct CallLimits {
    /// On a batch.
    pub batch: BatchLimits,
    /// On the result of a query.
    pub query: QueryLimits,
}

/// The calls of one migration's run.
pub struct Calls {
    pub(super) steps: Steps,
    pub(super) limits: CallLimits,
    pub(super) dialect: Dialect,
    /// The last statement that was searched for calls.
    checked: String,
    /// The targets of writers that are not finished, by their numbers.
    pub(super) unfinished: BTreeMap<u64, String>,
    /// Writers opened so far.
    pub(super) writers: u64,
}

impl Calls {
    /// The calls of a run.
    pub fn new(run: RunContext, dialect: Dialect, limits: CallLimits) -> Self {
        Self {
            steps: Steps::new(run, Kind::Component),
            limits,
            dialect,
            checked: String::new(),
            unfinished: BTreeMap::new(),
            writers: 0,
        }
    }

    /// The last step that began: its number and its statement.
    pub fn last_step(&self) -> Option<&(u64, String)> {
        self.steps.last()
    }

    /// The last error that a call returned.
    pub fn fault(&self) -> Option<&Fault> {
        self.steps.fault()
    }

    /// The target of a writer that is not finished.
    pub fn unfinished_writer(&self) -> Option<&str> {
        self.unfinished.values().next().map(String::as_str)
    }

    /// Runs a statement; returns how many rows it changed.
    pub async fn execute(&mut self, statement: &str, parameters: &[Value]) -> Result<u64, CallError> {
        self.note_calls(statement);
        let call = Call { kind: CallKind::Execute, text: statement, parameters: &of_parameters(parameters) };
        let rows = match self.steps.begin(&call).await? {
            StepStart::Answered(rows) => rows,
            StepStart::Running(mut step) => {
                let deletes = ImplicitDelete::of_call(statement, self.dialect);
                let result = step.guarding(deletes.as_ref(), async |step| step.execute(statement, parameters).await);
                let result = result.await;
                self.steps.end(step, result).await?
            }
        };
        self.steps.count(0, rows);
        Ok(rows)
    }

    /// Runs a statement and collects its rows.
    pub async fn query(&mut self, statement: &str, parameters: &[Value]) -> Result<RowSet, CallError> {
        self.note_calls(statement);
        let call = Call { kind: CallKind::Query, text: statement, parameters: &of_parameters(parameters) };
        let rows: RowSet = match self.steps.begin(&call).await? {
            StepStart::Answered(rows) => rows,
            StepStart::Running(mut step) => {
                let result = step.query(statement, parameters, self.limits.query).await;
                self.steps.end(step, result).await?
            }
        };
        let count = rows.rows.len() as u64;
        self.note_order(statement, count);
        self.steps.count(count, 0);
        Ok(rows)
    }

    /// Changes the schema.
    pub async fn change_schema(&mut self, change: &SchemaChange) -> Result<(), CallError> {
        let statement = change.statement(self.dialect)?;
        let call = Call { kind: CallKind::Schema, text: &statement, parameters: "" };
        match self.steps.begin(&call).await? {
            StepStart::Answered(()) => Ok(()),
            StepStart::Running(mut step) => {
                let deletes = ImplicitDelete::of_call(&statement, self.dialect);
                let result = step.guarding(deletes.as_ref(), async |step| step.change_schema(change, &statement).await);
                let result = result.await.map_err(|error| step.without_rows(error));
                self.steps.end(step, result).await
            }
        }
    }

    /// Warns of a statement that returned several rows and asked for no order: the order may differ the next time.
    pub(super) fn note_order(&self, statement: &str, rows: u64) {
        if !self.is_replayed() && is_unordered(&Tokens::new(statement, self.dialect), rows) {
            self.note(statement, Why::NoOrder);
        }
    }

    /// Warns of a statement that asks the server for the time or for chance.
    pub(super) fn note_calls(&mut self, statement: &str) {
        // A loop runs the same statement many times.
        if self.is_replayed() || self.checked == statement {
            return;
        }
        statement.clone_into(&mut self.checked);
        let calls = volatile_calls(&Tokens::new(statement, self.dialect));
        if !calls.is_empty() {
            self.note(statement, Why::Calls(calls));
        }
    }

    fn is_replayed(&self) -> bool {
        matches!(self.steps.run.execution, Execution::Replayed(_))
    }

    fn note(&self, statement: &str, why: Why) {
        let run = &self.steps.run;
        let statement = Unrepeatable { statement: runner_sql::excerpt(statement), why };
        if run.recorder.note_unrepeatable(&statement) {
            run.events.emit(&Event::Unrepeatable { revision: run.revision.clone(), statement });
        }
    }
}
