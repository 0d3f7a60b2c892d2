//! The session in which a migration's statements run.

use std::ops::{Deref, DerefMut};

use crate::dry_run::{RecordingSession, Watch};
use runner_database::{Bulk, Database, DatabaseError, MigrationSession, Role, SchemaChange, StopSignal};
use runner_project::catalog::Kind;

/// The session of a migration.
pub enum StepSession<'a> {
    /// The database's.
    Plain(MigrationSession<'a>),
    /// That of a dry run.
    Recorded(RecordingSession<'a>),
}

/// The session of a migration of this kind, recorded by `watch` in a dry run.
pub fn session_of<'a>(
    database: &'a mut dyn Database,
    kind: Kind,
    stop: &StopSignal,
    watch: Option<&'a Watch>,
) -> StepSession<'a> {
    let is_sql = kind == Kind::Sql;
    match watch {
        Some(watch) => {
            let role = if is_sql { Role::SqlScript } else { Role::Component };
            StepSession::Recorded(RecordingSession { database, role, stop: stop.clone(), watch })
        }
        None => StepSession::Plain(if is_sql { database.script(stop) } else { database.component(stop) }),
    }
}

impl StepSession<'_> {
    /// Changes the schema. What a component under grants may not do by itself is done for it.
    pub async fn change_schema(&mut self, change: &SchemaChange) -> Result<(), DatabaseError> {
        match self {
            Self::Plain(session) => session.change_schema(change).await,
            Self::Recorded(session) => runner_database::Session::change_schema(session, change).await,
        }
    }
}

impl<'a> Deref for StepSession<'a> {
    type Target = dyn Bulk + 'a;

    fn deref(&self) -> &Self::Target {
        match self {
            Self::Plain(session) => &**session,
            Self::Recorded(session) => session,
        }
    }
}

impl DerefMut for StepSession<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        match self {
            Self::Plain(session) => &mut **session,
            Self::Recorded(session) => session,
        }
    }
}
