//! The texts of a migration in SQL, in memory or on disk.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use super::SqlTexts;
use crate::discovery::{FoundEntry, SqlFile};
use crate::files::{ProjectDirectory, no_directory};
use crate::lockfile::SqlDigests;
use runner_base::error::{Error, Result, several};
use runner_database::Dialect;
use runner_sql::Sql;

/// An upgrade and a downgrade, with LF line ends, as a database gets them. Large ones of which everything else is known are read when
/// that is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenSql {
    has_down: bool,
    texts: Arc<OnceLock<(Sql, Option<Sql>)>>,
    place: Option<Arc<WrittenPlace>>,
}

/// Where texts are read, and what they must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WrittenPlace {
    /// The project.
    pub root: PathBuf,
    /// The directory of its migrations, relative to it.
    pub migrations: PathBuf,
    /// The files of the migration.
    pub files: Vec<SqlFile>,
    /// Diesel's `metadata.toml`.
    pub metadata: Option<FoundEntry>,
    /// The largest that is read.
    pub limit: u64,
    /// The database that they are for.
    pub dialect: Dialect,
    /// What was found in them before.
    pub digests: SqlDigests,
}

impl WrittenSql {
    /// Texts that were read.
    pub fn new(up: Sql, down: Option<Sql>) -> Self {
        Self { has_down: down.is_some(), texts: Arc::new(OnceLock::from((up, down))), place: None }
    }

    /// Texts that are not read yet.
    pub(crate) fn at(place: WrittenPlace, has_down: bool) -> Self {
        Self { has_down, texts: Arc::default(), place: Some(Arc::new(place)) }
    }

    /// Whether there is a downgrade.
    pub fn has_down(&self) -> bool {
        self.has_down
    }

    /// The two texts, which are read now unless they were before. Fails if the files have changed since they were looked at.
    pub fn read(&self) -> Result<&(Sql, Option<Sql>)> {
        if let (None, Some(place)) = (self.texts.get(), &self.place) {
            let _ = self.texts.set(place.read()?);
        }
        Ok(self.texts.get_or_init(Default::default))
    }
}

impl WrittenPlace {
    fn read(&self) -> Result<(Sql, Option<Sql>)> {
        let project = ProjectDirectory::open_if_there(&self.root, &self.migrations)?;
        let project = project.ok_or_else(|| no_directory(&self.root, &self.migrations))?;
        let read = |file: &FoundEntry| project.read(&file.file_name, file.link, self.limit);
        let name = || self.files.first().map(|file| file.entry.file_name.as_str()).unwrap_or_default();
        let texts = SqlTexts::read(&self.files, self.metadata.as_ref(), read).map_err(|problems| {
            let problems = problems.into_iter().map(Error::from).collect();
            several(problems, |count| format!("{count} problems in `{}`", name())).unwrap_or_else(|| self.changed())
        })?;
        if texts.digests() != self.digests {
            return Err(self.changed());
        }
        let keys = texts.choose(self.dialect).map(|chosen| chosen.keys).ok_or_else(|| self.changed())?;
        let (up, down) = texts.into_chosen(keys);
        Ok((up.text, down.map(|down| down.text)))
    }

    fn changed(&self) -> Error {
        let name = self.files.first().map(|file| file.entry.file_name.as_str()).unwrap_or_default();
        Error::mismatch(format!("`{name}` changed while runner was running"))
            .hint("run the command again once nothing else writes to the project")
    }
}

#[cfg(test)]
mod tests;
