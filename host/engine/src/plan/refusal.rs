//! Why SQL cannot be run as it is, reported before anything runs: for all files at once.

use super::PlannedMigration;
use crate::Direction;
use runner_base::error::{Error, several};
use runner_project::catalog::Catalog;

/// A statement, or a file, that is refused.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The migration, as messages name it.
    pub migration: String,
    /// The file.
    pub file: String,
    /// The line in it, counted from 1.
    pub line: usize,
    /// Why, and what to do; its places are the statement and its text.
    pub error: Error,
}

impl Refusal {
    /// Where it is and why, in one line.
    pub fn summary(&self) -> String {
        format!("{}:{}: {}", self.file, self.line, self.error.message)
    }

    /// The refusal as an error that says where it is.
    pub fn into_error(self) -> Error {
        let Self { migration, file, line, error } = self;
        error.at("migration", migration).at("file", format!("{file}:{line}"))
    }
}

/// One error for all refusals; `None` if there are none.
pub fn refused(mut refusals: Vec<Refusal>) -> Option<Error> {
    if refusals.len() == 1 {
        let Refusal { migration, file, error, .. } = refusals.pop()?;
        return Some(error.at("file", file).at("migration", migration));
    }
    let heading = |count| format!("{count} statements cannot run as the migrations are written");
    several(refusals.into_iter().map(Refusal::into_error).collect(), heading)
}

/// The file of a planned migration's SQL in one direction. What the project has lost has the usual name.
pub fn file_of(catalog: &Catalog, planned: &PlannedMigration, direction: Direction) -> String {
    match (catalog.get(&planned.revision), direction) {
        (Some(migration), Direction::Up) => migration.up_file(),
        (Some(migration), Direction::Down) => migration.down_file(),
        (None, Direction::Up) => format!("{}.up.sql", planned.id()),
        (None, Direction::Down) => format!("{}.down.sql", planned.id()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_refusals_are_one_error() {
        let refusal = |line| {
            let (migration, file) = ("1_a".to_owned(), "1_a.up.sql".to_owned());
            Refusal { migration, file, line, error: Error::usage("no").at("statement", "2 of 3").hint("try") }
        };
        assert!(refused(Vec::new()).is_none());
        let one = refused(vec![refusal(2)]).expect("an error");
        assert_eq!(format!("{one:#}"), "no\n  migration: 1_a\n  file: 1_a.up.sql\n  statement: 2 of 3\n  hint: try");
        let two = refused(vec![refusal(2), refusal(7)]).expect("an error");
        assert_eq!(two.message, "2 statements cannot run as the migrations are written");
        assert_eq!(two.causes, ["1_a.up.sql:2: no", "1_a.up.sql:7: no"]);
        assert_eq!(two.hints, ["try"]);
    }
}
