//! A migration that makes the calls of an attempt, as a component makes them, and records what they answer.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::class::Verb;
use runner_base::error::{Error, Result};
use runner_data::{Batch, Value};
use runner_database::schema_change::{DataType, DefaultValue, NewColumn, NewTable};
use runner_database::{
    BatchLimits, Dialect, QueryLimits, SchemaChange, TableName, TableSource, TableTarget, WriteMode,
};
use runner_engine::batch_function::{BatchFunction, BatchInstance};
use runner_engine::execution::{CallLimits, Calls, Reader};
use runner_engine::transform::TransformTask;
use runner_engine::{CallError, Direction, RunContext, Script};

/// What one call returns at most.
const LIMITS: CallLimits = CallLimits {
    batch: BatchLimits { rows: 1000, bytes: 1 << 20, cell_bytes: 1 << 20, call_bytes: 32 << 20 },
    query: QueryLimits { rows: 1000, bytes: 1 << 20 },
};

/// What a guest has received: the answers of its calls, or why they failed.
#[derive(Clone, Debug, Default)]
pub struct Heard(Arc<Mutex<Vec<String>>>);

impl Heard {
    pub(super) fn note(&self, text: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    }

    /// Takes what was received until now.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Where a guest ends early.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ends {
    /// It does not.
    #[default]
    Never,
    /// It fails before that call.
    Failing(usize),
    /// Before that call it does nothing any more: its caller gives it up.
    Hanging(usize),
}

/// The migration.
#[derive(Clone, Debug)]
pub(super) struct Guest {
    pub(super) calls: Vec<(Verb, String)>,
    pub(super) ends: Ends,
    /// Whether its batch function takes long enough for another process to do a part of the transform.
    pub(super) is_slow: bool,
    pub(super) heard: Heard,
    /// Notified when it hangs.
    pub(super) hangs: Arc<tokio::sync::Notify>,
}

impl Guest {
    /// What it calls without end, if it is a component that does.
    pub(super) fn floods(&self) -> Option<String> {
        self.calls.iter().find(|(verb, _)| *verb == Verb::Flood).map(|(_, text)| text.clone())
    }
}

#[async_trait]
impl Script for Guest {
    async fn run(&self, _direction: Direction, context: &RunContext) -> Result<()> {
        let dialect = context.database.lock().await.facts().dialect;
        let mut calls = Calls::new(context.clone(), dialect, LIMITS);
        for (at, (verb, text)) in self.calls.iter().enumerate() {
            match self.ends {
                Ends::Failing(before) if before == at => return Err(Error::failed("this is enough")),
                Ends::Hanging(before) if before == at => {
                    self.hangs.notify_one();
                    std::future::pending::<()>().await;
                }
                _ => {}
            }
            if *verb == Verb::Fail {
                return Err(Error::failed(text.clone()));
            }
            match make(&mut calls, *verb, text, (dialect, self.is_slow)).await {
                Ok(answer) => self.heard.note(answer),
                // It continues after an error.
                Err(CallError::Database(error)) => self.heard.note(error.to_string()),
                Err(error) => return Err(error.into_error()),
            }
        }
        Ok(())
    }

    async fn batch_function(&self, _context: &RunContext) -> Option<Arc<dyn BatchFunction>> {
        Some(Arc::new(Same { is_slow: self.is_slow }))
    }
}

fn table(name: &str) -> TableName {
    TableName { schema: None, name: name.to_owned() }
}

/// The granted column of `people`.
fn people(filter: &str) -> TableSource {
    let filter = Some(filter.to_owned()).filter(|text| !text.is_empty());
    TableSource { columns: vec![("id".to_owned(), None)], filter, ..TableSource::all_of(table("people")) }
}

fn column(name: &str, data_type: DataType, default: Option<&str>) -> NewColumn {
    let default = default.map(|text| DefaultValue::Literal(Value::from(text)));
    NewColumn { name: name.to_owned(), data_type, not_null: false, default, identity: false }
}

/// Makes a call; returns what it answers.
async fn make(
    calls: &mut Calls,
    verb: Verb,
    text: &str,
    (dialect, is_slow): (Dialect, bool),
) -> Result<String, CallError> {
    // MySQL knows defaults of short texts only.
    let of_text = if dialect.schemas_are_databases() { DataType::Varchar(1000) } else { DataType::Text };
    let answer = match verb {
        Verb::Execute => format!("{} rows", calls.execute(text, &[]).await?),
        Verb::Query => format!("{:?}", calls.query(text, &[]).await?.rows),
        Verb::Read => {
            let reader = calls.read(text.to_owned(), Vec::new()).await?;
            read(calls, reader).await?
        }
        Verb::Filter => {
            let reader = calls.read_table(people(text)).await?;
            read(calls, reader).await?
        }
        Verb::Table => {
            let reader = calls.read_table(TableSource::all_of(table(text))).await?;
            read(calls, reader).await?
        }
        Verb::Transform => {
            let target = TableTarget { table: table("outbox"), mode: WriteMode::Insert, key: Vec::new() };
            let task = TransformTask { name: "copy".to_owned(), source: people(text), target };
            format!("{:?}", calls.transform(Some(Arc::new(Same { is_slow })), task).await?)
        }
        Verb::Create => {
            let columns = vec![column("id", DataType::Int64, None), column("v", of_text, Some(text))];
            let primary_key = vec!["id".to_owned()];
            let new =
                NewTable { table: table("made"), columns, primary_key, unique: Vec::new(), foreign_keys: Vec::new() };
            calls.change_schema(&SchemaChange::CreateTable(new)).await?;
            "created".to_owned()
        }
        Verb::Add => {
            let column = column("added", of_text, Some(text));
            calls.change_schema(&SchemaChange::AddColumn { table: table("mine"), column }).await?;
            "added".to_owned()
        }
        Verb::Drop => {
            calls.change_schema(&SchemaChange::DropTable(table(text))).await?;
            "dropped".to_owned()
        }
        Verb::Fail | Verb::Flood | Verb::Cache => String::new(),
    };
    Ok(answer)
}

async fn read(calls: &mut Calls, mut reader: Reader) -> Result<String, CallError> {
    let mut read = Vec::new();
    let ended = loop {
        match calls.next(&mut reader).await {
            Ok(Some(batch)) => read.push(format!("{:?}", batch.columns)),
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    calls.close(reader).await;
    ended.map(|()| read.concat())
}

/// How long a batch takes where others are to have a part: longer than the pause after which they look for one.
const SLOW: Duration = Duration::from_millis(400);

/// The batch function that changes nothing.
#[derive(Clone, Copy)]
struct Same {
    is_slow: bool,
}

#[async_trait]
impl BatchFunction for Same {
    fn limits(&self) -> BatchLimits {
        LIMITS.batch
    }

    fn instances(&self) -> usize {
        1
    }

    async fn start(&self) -> Result<Box<dyn BatchInstance>> {
        Ok(Box::new(*self))
    }
}

#[async_trait]
impl BatchInstance for Same {
    async fn transform(&mut self, _name: &str, rows: Batch) -> Result<Batch> {
        if self.is_slow {
            tokio::time::sleep(SLOW).await;
        }
        Ok(rows)
    }
}
