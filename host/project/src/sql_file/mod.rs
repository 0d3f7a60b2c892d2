//! SQL files as artifacts: their texts for each direction and dialect, and what they say about themselves. Line ends
//! and a byte order mark make no difference.

mod describe;
mod known;
mod read;
mod written;

use super::digest::sha256;
use super::discovery::{FoundEntry, SqlFile, SqlPart};
use super::lockfile::{SqlDigests, TextDigests};
use super::migration::{Description, SqlFiles};
use super::per_dialect::PerDialect;
use super::problem::Problem;
pub(crate) use known::{Known, KnownPlace};
pub(super) use read::normalise;
use read::{runs_in_transaction, sql_text};
use runner_base::dialect::Dialect;
use runner_base::error::ErrorKind;
use runner_sql::{Section, Sql, SqlError, near_marker, sections};
pub use written::WrittenSql;
pub(crate) use written::{Pair, WrittenPlace};

/// The SQL of a migration in one direction and for one dialect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SqlText {
    /// The file.
    pub file: String,
    /// The text, with LF line ends.
    pub text: Sql,
    /// Its section or its file's name says that each statement commits by itself.
    no_transaction: bool,
    /// The file's name does.
    autocommit: bool,
}

/// The upgrade and the downgrade, if there are such.
type Both = (Option<SqlText>, Option<SqlText>);

/// All SQL of a migration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SqlTexts {
    texts: PerDialect<Both>,
    /// `metadata.toml` says that each statement commits by itself.
    stepwise: bool,
}

/// The SQL of a migration that a database gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chosen<'a> {
    pub(crate) up: &'a SqlText,
    pub(crate) down: Option<&'a SqlText>,
    /// The dialect of the upgrade: that of the database, unless there is none for it.
    pub dialect: Dialect,
    /// Where the two are among all texts.
    pub keys: ChosenKeys,
    stepwise: bool,
}

/// Which of all texts were chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChosenKeys {
    /// The dialect of the upgrade; `None`: that of all.
    pub up: Option<Dialect>,
    down: Option<Option<Dialect>>,
}

impl Chosen<'_> {
    /// Whether each statement commits by itself, as far as a file other than the SQL says so.
    pub fn is_stepwise(&self) -> bool {
        self.stepwise || self.up.autocommit || self.down.is_some_and(|down| down.autocommit)
    }
}

impl SqlTexts {
    /// Reads the files of a migration; all that is wrong with them is reported.
    pub fn read(
        files: &[SqlFile],
        metadata: Option<&FoundEntry>,
        mut read: impl FnMut(&FoundEntry) -> Result<Vec<u8>, Problem>,
    ) -> Result<Self, Vec<Problem>> {
        let mut all = Self::default();
        let mut problems = Vec::new();
        for file in files {
            let text = read(&file.entry).and_then(|bytes| sql_text(&file.entry, bytes));
            if let Err(problem) = text.and_then(|text| all.add(file, text)) {
                problems.push(problem);
            }
        }
        if let Some(file) = metadata {
            let text = read(file).and_then(|bytes| sql_text(file, bytes));
            match text.and_then(|text| runs_in_transaction(&file.file_name, &text)) {
                Ok(in_transaction) => all.stepwise = !in_transaction,
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() { Ok(all) } else { Err(problems) }
    }

    fn add(&mut self, file: &SqlFile, text: String) -> Result<(), Problem> {
        let name = &file.entry.file_name;
        let of = |section: Section| SqlText {
            file: name.clone(),
            text: section.text.into(),
            no_transaction: section.no_transaction || file.autocommit,
            autocommit: file.autocommit,
        };
        let (up, down) = self.texts.entry(file.dialect);
        let found = sections(&text, file.dialect).map_err(|error| in_file(name, error))?;
        let upgrade = found.as_ref().map_or(&text, |sections| &sections.up.text);
        let problem = (file.part == SqlPart::Up).then(|| near_marker(upgrade, file.dialect)).flatten();
        if let Some(error) = problem {
            return Err(in_file(name, error));
        }
        match (file.part, found) {
            (SqlPart::Up, None) => *up = Some(of(Section { text, no_transaction: false })),
            (SqlPart::Down, None) => match down {
                Some(other) => return Err(two_downgrades(&other.file, name)),
                None => *down = Some(of(Section { text, no_transaction: false })),
            },
            (SqlPart::Up, Some(sections)) => {
                *up = Some(of(sections.up));
                match (sections.down, &*down) {
                    (Some(_), Some(other)) => return Err(two_downgrades(name, &other.file)),
                    (Some(section), None) => *down = Some(of(section)),
                    (None, _) => {}
                }
            }
            (SqlPart::Down, Some(_)) => {
                let message = format!("`{name}` has markers of an upgrade, but is a downgrade");
                return Err(Problem::new(message)
                    .hint("put both directions into one file that ends in `.sql`, or remove the markers"));
            }
        }
        Ok(())
    }

    /// The digests of all of it, for the lockfile.
    pub fn digests(&self) -> SqlDigests {
        let digest = |text: &Option<SqlText>| text.as_ref().map(|it| sha256(it.text.as_bytes()));
        let texts = self.texts.map(|(up, down)| TextDigests { up: digest(up), down: digest(down) });
        let all = self.texts.values().flat_map(|(up, down)| [up, down]);
        // A name is not part of a text's digest.
        let stepwise = self.stepwise || all.flatten().any(|text| text.autocommit);
        SqlDigests { texts, stepwise }
    }

    /// How many bytes it has.
    pub fn size(&self) -> usize {
        let all = self.texts.values().flat_map(|(up, down)| [up, down]);
        all.flatten().map(|it| it.text.len()).sum()
    }

    /// What a database of that dialect gets: in each direction the most specific text. Without an upgrade for it, that for another
    /// database, so that the migration can be listed.
    pub fn choose(&self, dialect: Dialect) -> Option<Chosen<'_>> {
        let up = |key| self.texts.get(key).and_then(|(up, _)| up.as_ref());
        let down = |key| self.texts.get(key).and_then(|(_, down)| down.as_ref());
        let mut own = dialect.written_as().iter().map(|dialect| Some(*dialect)).chain([None]);
        let (keys, dialect) = match own.clone().find(|key| up(*key).is_some()) {
            Some(key) => (ChosenKeys { up: key, down: own.find(|key| down(*key).is_some()) }, dialect),
            None => {
                let of = self.texts.keys().find_map(|key| key.filter(|_| up(key).is_some()))?;
                let key = Some(of);
                (ChosenKeys { up: key, down: down(key).map(|_| key) }, of)
            }
        };
        Some(Chosen { up: up(keys.up)?, down: keys.down.and_then(down), dialect, keys, stepwise: self.stepwise })
    }

    /// The databases that it is for; none: all.
    fn dialects(&self) -> Vec<Dialect> {
        if self.texts.get(None).is_some_and(|(up, _)| up.is_some()) {
            return Vec::new();
        }
        self.texts.iter().filter_map(|(key, (up, _))| key.filter(|_| up.is_some())).collect()
    }

    /// What the texts say about the migration.
    pub fn describe(&self, chosen: &Chosen<'_>) -> Result<Description, Vec<Problem>> {
        Ok(Description { dialects: self.dialects(), ..chosen.describe()? })
    }

    /// The upgrade and the downgrade that a database of that dialect gets, and all else that is known of them; `None` without an upgrade.
    pub(crate) fn into_chosen(mut self, dialect: Dialect) -> Result<Option<(Known, Pair)>, Vec<Problem>> {
        let Some(chosen) = self.choose(dialect) else { return Ok(None) };
        let description = self.describe(&chosen)?;
        let (keys, stepwise, digests) = (chosen.keys, chosen.is_stepwise(), self.digests());
        let digest = digests.texts.get(keys.up).and_then(|texts| texts.up.clone()).unwrap_or_default();
        let dialects: Vec<Dialect> = self.texts.keys().flatten().collect();
        let chosen_for = (!dialects.is_empty()).then_some(dialect);
        let up = self.texts.entry(keys.up).0.take().unwrap_or_default();
        let down = keys.down.and_then(|key| self.texts.entry(key).1.take());
        let (down, down_file) = down.map(|down| (down.text, down.file)).unzip();
        let files = SqlFiles { up: up.file, down: down_file, chosen_for, dialects };
        Ok(Some((Known { digest, digests, stepwise, files, description }, (up.text, down))))
    }
}

fn two_downgrades(sections: &str, file: &str) -> Problem {
    Problem::new(format!("`{sections}` has a downgrade, and so has `{file}`")).hint("remove one of the two")
}

fn in_file(file: &str, error: SqlError) -> Problem {
    Problem {
        message: error.message,
        places: vec![("file", format!("{file}:{}", error.line))],
        hint: error.hint,
        kind: ErrorKind::Usage,
    }
}

#[cfg(test)]
mod tests;
