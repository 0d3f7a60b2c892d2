//! Compares project and history: a pure function.

use super::history::{History, Record, State};
use runner_project::RevisionPlace;
use runner_project::catalog::{Catalog, Migration};

runner_base::named! {
    /// The state of a revision.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Standing {
        /// In the database, as in the project.
        Applied = "applied",
        /// In the project but not in the database.
        Pending = "pending",
        /// Partly in the database.
        Partial = "partial",
        /// In the database but not in the project.
        Missing = "missing",
        /// In the database, from a different artifact than the project's.
        Changed = "changed",
        /// No longer in the database or the project, only in history.
        RolledBack = "rolled-back",
    }
}

/// One revision.
#[derive(Clone, Copy, Debug)]
pub struct StatusRow<'a> {
    /// Its state.
    pub standing: Standing,
    /// Pending, and older than the newest applied revision.
    pub late: bool,
    /// The project's migration.
    pub migration: Option<&'a Migration>,
    /// The history row.
    pub record: Option<&'a Record>,
}

impl<'a> StatusRow<'a> {
    /// Its revision.
    pub fn revision(&self) -> &'a str {
        let project = self.migration.map(|migration| &*migration.revision);
        project.or_else(|| self.record.map(|record| &*record.revision)).unwrap_or_default()
    }

    /// Its name.
    pub fn name(&self) -> &'a str {
        let project = self.migration.map(|migration| &*migration.name);
        project.or_else(|| self.record.map(|record| &*record.name)).unwrap_or_default()
    }
}

/// Returns every revision in the project or in history, in order.
pub fn status<'a>(catalog: &'a Catalog, history: &'a History) -> Vec<StatusRow<'a>> {
    let mut records: Vec<(RevisionPlace<'_>, &Record)> =
        history.live.iter().map(|record| (RevisionPlace::of(&record.revision), record)).collect();
    records.sort_by_key(|(place, _)| *place);
    let newest = records.last().map(|(place, _)| *place);
    let mut rows = Vec::with_capacity(records.len().max(catalog.migrations.len()));
    let mut records = records.into_iter().peekable();
    for migration in &catalog.migrations {
        let place = RevisionPlace::of(&migration.revision);
        while let Some((_, record)) = records.next_if(|(other, _)| *other < place) {
            rows.push(row(None, Some(record), false));
        }
        let record = records.next_if(|(other, _)| *other == place).map(|(_, record)| record);
        rows.push(row(Some(migration), record, newest.is_some_and(|newest| place < newest)));
    }
    rows.extend(records.map(|(_, record)| row(None, Some(record), false)));
    rows
}

/// The status of a revision that is in neither the project nor the database, from its last history row.
pub fn only_remembered(record: &Record) -> StatusRow<'_> {
    StatusRow { standing: Standing::RolledBack, late: false, migration: None, record: Some(record) }
}

fn row<'a>(migration: Option<&'a Migration>, record: Option<&'a Record>, is_older: bool) -> StatusRow<'a> {
    let standing = match (migration, record) {
        (_, Some(record)) if record.state != State::Applied => Standing::Partial,
        (Some(migration), Some(record)) if migration.sha256 != record.sha256 => Standing::Changed,
        (Some(_), Some(_)) => Standing::Applied,
        (None, _) => Standing::Missing,
        (Some(_), None) => Standing::Pending,
    };
    StatusRow { standing, late: standing == Standing::Pending && is_older, migration, record }
}
