//! What a run works on, as the holder of the lock notes it next to a database that hides everything else until the
//! commit.

use std::fmt;

use super::store::two_numbers;

/// What a run works on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    /// The revision of the migration.
    pub revision: String,
    /// `upgrade` or `downgrade`.
    pub direction: String,
    /// `atomic` or `stepwise`.
    pub mode: String,
    /// The statement of a migration in SQL, and the number of its statements.
    pub statement: Option<(u64, u64)>,
}

impl Work {
    /// Reads a note.
    pub(super) fn parse(note: &str) -> Option<Self> {
        let mut words = note.splitn(4, ' ').map(str::to_owned);
        let (revision, direction, mode) = (words.next()?, words.next()?, words.next()?);
        let statement = words.next().and_then(|numbers| two_numbers(&numbers));
        Some(Self { revision, direction, mode, statement })
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.revision, self.direction, self.mode)?;
        self.statement.map_or(Ok(()), |(number, of)| write!(f, " {number} {of}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_read_again() {
        for statement in [None, Some((2, 5))] {
            let [revision, direction, mode] = ["0002", "upgrade", "atomic"].map(str::to_owned);
            let work = Work { revision, direction, mode, statement };
            assert_eq!(Work::parse(&work.to_string()), Some(work));
        }
        assert_eq!(Work::parse("something else"), None);
    }
}
