//! A call that touches the database, and how it is committed.

use sha2::{Digest, Sha256};

use crate::database::{Dialect, Facts};
use crate::sql::{StatementClass, classify, concurrent_index, identifiers};

/// Digits of a digest that the journal keeps: enough to know a call again.
const DIGITS: usize = 32;

/// Characters of a statement that the journal keeps for people.
const SHOWN: usize = 500;

/// What is asked of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallKind {
    /// A statement of a migration in SQL.
    Statement,
    /// `sql.execute`.
    Execute,
    /// `sql.query`.
    Query,
    /// `batches.read`.
    Read,
    /// `batches.read-table`.
    ReadTable,
    /// `reader.next`.
    Next,
    /// `batches.write`.
    Write,
    /// `writer.write`.
    WriteBatch,
    /// `writer.finish`.
    Finish,
    /// `batches.transform`.
    Transform,
}

impl CallKind {
    /// The name as journal and messages spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Statement => "statement",
            Self::Execute => "execute",
            Self::Query => "query",
            Self::Read => "read",
            Self::ReadTable => "read-table",
            Self::Next => "next",
            Self::Write => "write",
            Self::WriteBatch => "write-batch",
            Self::Finish => "finish",
            Self::Transform => "transform",
        }
    }
}

/// How a step is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commit {
    /// Together with its entry in the journal, in one transaction.
    Together,
    /// By itself, between its intent and its answer.
    Apart,
}

/// A call.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// What it is.
    pub kind: CallKind,
    /// The statement, or what the call is.
    pub text: &'a str,
    /// What tells it from another call with the same text: a digest of its parameters.
    pub parameters: &'a str,
}

impl Call<'_> {
    /// The call as a line of the transcript.
    pub fn line(&self) -> String {
        format!("{}\n{}\n{}", self.kind.name(), self.text, self.parameters)
    }

    /// What the journal knows it by.
    pub fn digest(&self) -> String {
        hex::encode(Sha256::digest(self.line()))[..DIGITS].to_owned()
    }

    /// The statement for people, not longer than they read.
    pub fn shown(&self) -> String {
        match self.text.char_indices().nth(SHOWN) {
            Some((end, _)) => format!("{}…", &self.text[..end]),
            None => self.text.to_owned(),
        }
    }

    /// How it is committed.
    pub fn commit(&self, facts: &Facts) -> Commit {
        if !matches!(self.kind, CallKind::Statement | CallKind::Execute | CallKind::Query) {
            return Commit::Together;
        }
        match self.class(facts.dialect) {
            // The database refuses what would end a transaction, whoever opened it; settings do no harm to one.
            StatementClass::Rows | StatementClass::TransactionControl | StatementClass::Session => Commit::Together,
            StatementClass::Schema if facts.transactional_ddl => Commit::Together,
            StatementClass::Schema | StatementClass::RefusesTransaction | StatementClass::Unknown => Commit::Apart,
        }
    }

    /// Whether it may be settled from the schema alone what became of it.
    pub fn is_atomic_ddl(&self, facts: &Facts) -> bool {
        // An index that was not finished is not valid, and is taken away before it is built again.
        (facts.atomic_ddl && self.class(facts.dialect) == StatementClass::Schema)
            || concurrent_index(self.text, facts.dialect).is_some()
    }

    fn class(&self, dialect: Dialect) -> StatementClass {
        classify(self.text, dialect)
    }

    /// Whether it may change something that stays.
    pub fn has_effect(&self, dialect: Dialect) -> bool {
        match self.kind {
            CallKind::Statement | CallKind::Execute | CallKind::WriteBatch | CallKind::Transform => true,
            CallKind::Query => !only_looks(self.text, dialect),
            CallKind::Read | CallKind::ReadTable | CallKind::Next | CallKind::Write | CallKind::Finish => false,
        }
    }
}

/// Whether a statement changes nothing, as far as its words tell.
fn only_looks(statement: &str, dialect: Dialect) -> bool {
    let words = identifiers(statement, dialect);
    let looks = ["SELECT", "VALUES", "TABLE", "SHOW", "DESCRIBE", "DESC", "PRAGMA"];
    let first = words.first().is_some_and(|first| looks.iter().any(|word| word.eq_ignore_ascii_case(first)));
    first && !words.iter().any(|word| word.eq_ignore_ascii_case("INTO"))
}

/// The seal over a step and everything before it.
pub fn seal(before: &str, step: u64, kind: &str, digest: &str, answer: &[u8]) -> String {
    let mut hasher = Sha256::new();
    for part in [before.as_bytes(), &step.to_le_bytes(), kind.as_bytes(), digest.as_bytes(), answer] {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hex::encode(hasher.finalize())[..DIGITS].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_rolled_back_is_committed_with_its_entry() {
        let (sqlite, mariadb, postgres) = (
            Facts::of_dialect(Dialect::Sqlite),
            Facts::of_dialect(Dialect::Mariadb),
            Facts::of_dialect(Dialect::Postgres),
        );
        for (facts, text, commit) in [
            (&sqlite, "CREATE TABLE t (a)", Commit::Together),
            (&sqlite, "VACUUM", Commit::Apart),
            (&mariadb, "CREATE TABLE t (a INT)", Commit::Apart),
            (&mariadb, "INSERT INTO t VALUES (1)", Commit::Together),
            (&mariadb, "CALL p()", Commit::Apart),
            (&postgres, "CREATE INDEX i ON t (a)", Commit::Together),
            (&postgres, "CREATE INDEX CONCURRENTLY i ON t (a)", Commit::Apart),
            (&postgres, "DO $$ BEGIN END $$", Commit::Apart),
        ] {
            let call = Call { kind: CallKind::Execute, text, parameters: "" };
            assert_eq!(call.commit(facts), commit, "{text}");
        }
        let batch = Call { kind: CallKind::WriteBatch, text: "insert t", parameters: "" };
        assert_eq!(batch.commit(&mariadb), Commit::Together);
    }

    #[test]
    fn what_only_looks_has_no_effect() {
        for (kind, text, effect) in [
            (CallKind::Query, "SELECT 1", false),
            (CallKind::Query, "select a into b from c", true),
            (CallKind::Query, "INSERT INTO t VALUES (1) RETURNING a", true),
            (CallKind::Query, "WITH a AS (SELECT 1) SELECT * FROM a", true),
            (CallKind::Execute, "SELECT 1", true),
            (CallKind::Next, "read", false),
        ] {
            let call = Call { kind, text, parameters: "" };
            assert_eq!(call.has_effect(Dialect::Postgres), effect, "{text}");
        }
    }

    #[test]
    fn calls_are_told_apart() {
        let call = Call { kind: CallKind::Execute, text: "SELECT 1", parameters: "" };
        for other in [
            Call { kind: CallKind::Query, ..call },
            Call { text: "SELECT 2", ..call },
            Call { parameters: "1", ..call },
        ] {
            assert_ne!(call.digest(), other.digest());
        }
        let long = "x".repeat(2 * SHOWN);
        assert_eq!(Call { text: &long, ..call }.shown().chars().count(), SHOWN + 1);
        assert_ne!(seal("", 1, "execute", "d", b"a"), seal("", 1, "execute", "d", b"b"));
    }
}
