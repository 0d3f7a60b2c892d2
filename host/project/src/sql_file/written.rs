//! The texts of a migration in SQL, in memory or on disk.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use super::{Known, KnownPlace, SqlTexts};
use crate::discovery::{FoundEntry, SqlFile};
use crate::files::{ProjectDirectory, no_directory};
use runner_base::error::{Error, Result, several};
use runner_database::Dialect;
use runner_sql::Sql;

/// An upgrade and a downgrade, with LF line ends, as a database gets them. Large ones of which everything else is known are read when
/// that is needed.
#[derive(Clone, Debug)]
pub struct WrittenSql(Written);

#[derive(Clone, Debug)]
enum Written {
    Read(Arc<Pair>),
    OnDisk(Arc<WrittenPlace>),
}

/// An upgrade and a downgrade.
pub(crate) type Pair = (Sql, Option<Sql>);

/// Where texts are read, and what they must be.
#[derive(Debug)]
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
    pub found: Known,
    /// Where that is kept.
    pub known: KnownPlace,
    /// What was read.
    pub texts: OnceLock<Pair>,
}

impl WrittenSql {
    /// Texts that were read.
    pub fn new(up: Sql, down: Option<Sql>) -> Self {
        Self(Written::Read(Arc::new((up, down))))
    }

    /// Texts that are not read yet.
    pub(crate) fn at(place: WrittenPlace) -> Self {
        Self(Written::OnDisk(Arc::new(place)))
    }

    /// Whether there is a downgrade.
    pub fn has_down(&self) -> bool {
        match &self.0 {
            Written::Read(texts) => texts.1.is_some(),
            Written::OnDisk(place) => place.found.files.down.is_some(),
        }
    }

    /// The two texts, which are read now unless they were before. Fails if the files have changed since they were looked at.
    pub fn read(&self) -> Result<&(Sql, Option<Sql>)> {
        match &self.0 {
            Written::Read(texts) => Ok(texts),
            Written::OnDisk(place) => match place.texts.get() {
                Some(texts) => Ok(texts),
                None => {
                    let texts = place.read()?;
                    Ok(place.texts.get_or_init(|| texts))
                }
            },
        }
    }
}

/// They are the same if their texts are; those that cannot be read are not.
impl PartialEq for WrittenSql {
    fn eq(&self, other: &Self) -> bool {
        matches!((self.read(), other.read()), (Ok(one), Ok(other)) if one == other)
    }
}

impl Eq for WrittenSql {}

impl WrittenPlace {
    fn read(&self) -> Result<Pair> {
        let project = ProjectDirectory::open_if_there(&self.root, &self.migrations)?;
        let project = project.ok_or_else(|| no_directory(&self.root, &self.migrations))?;
        let read = |file: &FoundEntry| project.read(&file.file_name, file.link, self.limit);
        let texts = SqlTexts::read(&self.files, self.metadata.as_ref(), read);
        let chosen = texts.and_then(|texts| texts.into_chosen(self.dialect)).map_err(|problems| {
            let problems = problems.into_iter().map(Error::from).collect();
            several(problems, |count| format!("{count} problems in `{}`", self.name()))
                .unwrap_or_else(|| self.changed())
        })?;
        // Another build may have found something else in the same text.
        let (_, texts) = chosen.filter(|(found, _)| *found == self.found).ok_or_else(|| self.changed())?;
        Ok(texts)
    }

    fn name(&self) -> &str {
        self.files.first().map(|file| file.entry.file_name.as_str()).unwrap_or_default()
    }

    /// The error of files in which something else is found than before. Where the system did not note the change, the next command must
    /// not believe it either.
    fn changed(&self) -> Error {
        self.known.forget();
        Error::mismatch(format!("`{}` changed while runner was running", self.name()))
            .hint("run the command again once nothing else writes to the project")
    }
}

#[cfg(all(test, unix))]
mod tests;
