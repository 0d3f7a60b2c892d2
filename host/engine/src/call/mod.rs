//! A call that touches the database, and how it is committed.

pub mod answer;
pub mod canonical;
pub mod codec;
#[cfg(test)]
pub(crate) mod golden_tests;
mod inputs;
pub mod partial_effects;
pub mod transform;

pub use answer::Answer;
use answer::{Page, Resolved, Spooled, pack};
pub use inputs::Inputs;

use std::ops::Range;

use sha2::{Digest, Sha256};

use runner_data::RowSet;
use runner_database::{Dialect, Facts};
use runner_sql::classify::has_list;
use runner_sql::{
    Program, StatementClass, Tokens, calls_only_known, classify, concurrent_index, removed_concurrently, without_rows,
};

/// Digits of a digest that the journal keeps: enough to recognise a call.
const DIGITS: usize = 32;

/// Characters of a statement that the journal keeps for display.
const SHOWN: usize = 500;

runner_base::named! {
    /// The kind of a database call.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum CallKind {
        /// A statement of a migration in SQL.
        Statement = "statement",
        /// Several of them that are committed together: those between a `BEGIN` and its `COMMIT`, or that insert rows.
        Transaction = "transaction",
        /// `sql.execute`.
        Execute = "execute",
        /// `sql.query`.
        Query = "query",
        /// A function of `schema`.
        Schema = "schema",
        /// `batches.read`.
        Read = "read",
        /// `batches.read-table`.
        ReadTable = "read-table",
        /// `reader.next`.
        Next = "next",
        /// `batches.write`.
        Write = "write",
        /// `writer.write`.
        WriteBatch = "write-batch",
        /// `writer.finish`.
        Finish = "finish",
        /// `batches.transform`.
        Transform = "transform",
    }
}

impl CallKind {
    /// Whether its text is one statement of the migration, which shows what it needs.
    pub fn is_statement(self) -> bool {
        self.traits().0
    }

    /// Whether it is a statement of the migration, and whether what it changes may commit by itself.
    fn traits(self) -> (bool, bool) {
        match self {
            Self::Statement | Self::Execute | Self::Query => (true, true),
            Self::Read => (true, false),
            Self::Schema => (false, true),
            Self::Transaction
            | Self::ReadTable
            | Self::Next
            | Self::Write
            | Self::WriteBatch
            | Self::Finish
            | Self::Transform => (false, false),
        }
    }

    /// The packed answer of a call that took effect, where its own was lost. `rows`: how many it affected.
    pub fn lost_answer(self, rows: u64) -> Vec<u8> {
        fn of<T: Answer>() -> Vec<u8> {
            pack(Ok(&T::lost()))
        }
        match self {
            Self::Query => of::<RowSet>(),
            Self::Read => of::<Spooled>(),
            Self::ReadTable => of::<Resolved>(),
            Self::Next => of::<Page>(),
            Self::Write | Self::Schema => of::<()>(),
            Self::Statement | Self::Transaction | Self::Execute | Self::WriteBatch | Self::Finish | Self::Transform => {
                pack(Ok(&rows))
            }
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
    /// A digest of the parameters, which distinguishes calls with the same text.
    pub parameters: &'a str,
}

impl<'a> Call<'a> {
    /// The call that executes these units of a migration in SQL, which follow one another.
    pub fn of_units(program: &'a Program, units: &[Range<usize>]) -> Option<Self> {
        let unit = units.first()?.start..units.last()?.end;
        let kind = if unit.len() == 1 { CallKind::Statement } else { CallKind::Transaction };
        Some(Self { kind, text: program.text_of(&unit), parameters: "" })
    }
}

impl Call<'_> {
    /// Returns the call as a line of the transcript.
    pub fn line(&self) -> String {
        format!("{}\n{}\n{}", self.kind.name(), self.text, self.parameters)
    }

    /// Returns the digest that identifies the call in the journal.
    pub fn digest(&self) -> String {
        hex::encode(Sha256::digest(self.line()))[..DIGITS].to_owned()
    }

    /// Returns the statement for display, shortened.
    pub fn shown(&self) -> String {
        shown(self.text)
    }

    /// Returns how the call is committed.
    pub fn commit(&self, facts: &Facts) -> Commit {
        let (_, may_commit) = self.kind.traits();
        if !may_commit {
            return Commit::Together;
        }
        match classify(&self.tokens(facts.dialect)) {
            // The database refuses anything that would end a transaction; settings do not affect one.
            StatementClass::Rows | StatementClass::TransactionControl | StatementClass::Session => Commit::Together,
            StatementClass::Schema if facts.transactional_ddl => Commit::Together,
            StatementClass::Schema | StatementClass::RefusesTransaction | StatementClass::Unknown => Commit::Apart,
        }
    }

    /// Returns whether the schema alone shows the outcome of the call.
    pub fn shows_in_schema(&self, facts: &Facts) -> bool {
        let tokens = self.tokens(facts.dialect);
        let is_atomic = facts.atomic_ddl && classify(&tokens) == StatementClass::Schema;
        // An unfinished index is not valid, and is dropped before it is rebuilt.
        (is_atomic && shows(&tokens) && !drops_several(&tokens))
            || concurrent_index(&tokens).is_some()
            || removed_concurrently(&tokens).is_some()
    }

    /// Returns whether the schema shows the outcome unless the call was interrupted partway.
    pub fn shows_unless_halved(&self, facts: &Facts) -> bool {
        let tokens = self.tokens(facts.dialect);
        facts.atomic_ddl
            && classify(&tokens) == StatementClass::Schema
            && drops_several(&tokens)
            && shows(&tokens)
            // Objects of another database are not inspected.
            && !self.text.contains('.')
    }

    pub(crate) fn tokens(&self, dialect: Dialect) -> Tokens<'_> {
        Tokens::new(self.text, dialect)
    }

    /// Returns whether the call may make a lasting change.
    pub fn has_effect(&self, dialect: Dialect) -> bool {
        match self.kind {
            CallKind::Statement
            | CallKind::Transaction
            | CallKind::Execute
            | CallKind::Schema
            | CallKind::WriteBatch
            | CallKind::Transform => true,
            CallKind::Query => {
                let tokens = self.tokens(dialect);
                !is_read_only(&tokens) || may_call_anything(&tokens)
            }
            // A cursor reads a SELECT.
            CallKind::Read => may_call_anything(&self.tokens(dialect)),
            CallKind::ReadTable | CallKind::Next | CallKind::Write | CallKind::Finish => false,
        }
    }
}

/// Returns a statement for display, shortened.
pub fn shown(statement: &str) -> String {
    let statement = without_rows(statement);
    match statement.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &statement[..end]),
        None => statement.to_owned(),
    }
}

/// Returns whether a statement changes nothing, judged by its words.
fn is_read_only(tokens: &Tokens<'_>) -> bool {
    tokens.begins_with(&["SELECT", "VALUES", "TABLE", "SHOW", "DESCRIBE", "DESC", "PRAGMA"])
        && !tokens.mentions(&["INTO"])
}

/// Returns whether a statement that reads may change something by a function that it calls. SQLite has only its own.
fn may_call_anything(tokens: &Tokens<'_>) -> bool {
    tokens.dialect().has_server() && !calls_only_known(tokens)
}

/// Words after the verb that name what is changed, and whether the schema shows all of that change.
const OBJECTS: [(&str, bool); 17] = [
    ("TABLE", true),
    ("INDEX", true),
    ("VIEW", true),
    ("PROCEDURE", true),
    ("FUNCTION", true),
    ("TRIGGER", true),
    ("TEMPORARY", false),
    ("DATABASE", false),
    ("SCHEMA", false),
    ("USER", false),
    ("ROLE", false),
    ("EVENT", true),
    ("SEQUENCE", true),
    ("SERVER", false),
    ("PACKAGE", false),
    ("TABLESPACE", false),
    ("LOGFILE", false),
];

/// Returns whether a schema change is visible in the schema afterwards. Roles, users and the numbers of a sequence are
/// not part of the comparison; a `TRUNCATE` leaves the schema as it is; a replaced table is dropped before it is
/// created.
fn shows(tokens: &Tokens<'_>) -> bool {
    let words: Vec<String> = tokens.identifiers().iter().map(|word| word.to_ascii_uppercase()).collect();
    let Some(verb) = words.first() else { return false };
    let is_known = |word: &String| OBJECTS.iter().find(|(object, _)| object == word).map(|(_, shows)| *shows);
    let has = |wanted: &str| words.iter().any(|word| word == wanted);
    let replaced = words.get(1).is_some_and(|word| word == "OR") && (has("TABLE") || has("SEQUENCE"));
    let counts_on = verb == "ALTER" && words.get(1).is_some_and(|word| word == "SEQUENCE");
    matches!(verb.as_str(), "CREATE" | "ALTER" | "DROP" | "RENAME")
        && words.iter().skip(1).find_map(is_known) == Some(true)
        && !(replaced || counts_on || has("PARTITION"))
}

/// Returns whether a statement drops several tables one after the other.
fn drops_several(tokens: &Tokens<'_>) -> bool {
    tokens.begins_with(&["DROP"]) && has_list(tokens)
}

/// Returns the digest of parts, each prefixed with its length.
pub fn digest_of(parts: &[&[u8]]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hex::encode(hasher.finalize())[..DIGITS].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_can_be_rolled_back_is_committed_with_its_entry() {
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
    fn the_schema_decides_only_what_it_shows_completely() {
        let facts = Facts { atomic_ddl: true, ..Facts::of_dialect(Dialect::Mariadb) };
        for (text, shows) in [
            ("CREATE TABLE t (a INT, b INT)", true),
            ("alter table `user` add column a int", true),
            ("CREATE UNIQUE INDEX i ON t (a, b)", true),
            ("CREATE DEFINER = me PROCEDURE p() SELECT 1", true),
            ("RENAME TABLE a TO b", true),
            ("DROP TABLE t", true),
            ("DROP TABLE t, u", false),
            ("TRUNCATE TABLE t", false),
            ("CREATE OR REPLACE TABLE t (a INT)", false),
            ("CREATE OR REPLACE VIEW v AS SELECT 1", true),
            ("CREATE USER trigger_happy", false),
            ("GRANT SELECT ON TABLE t TO u", false),
            ("ALTER TABLE t DROP PARTITION p", false),
            ("INSERT INTO t VALUES (1)", false),
        ] {
            let call = Call { kind: CallKind::Execute, text, parameters: "" };
            assert_eq!(call.shows_in_schema(&facts), shows, "{text}");
        }
        let call = Call { kind: CallKind::Execute, text: "DROP TABLE t", parameters: "" };
        assert!(!call.shows_in_schema(&Facts { atomic_ddl: false, ..facts }), "it may be incomplete");
    }

    #[test]
    fn several_tables_may_be_dropped_in_part() {
        let facts = Facts { atomic_ddl: true, ..Facts::of_dialect(Dialect::Mariadb) };
        for (text, halves, wholly) in [
            ("DROP TABLE a, b", true, false),
            ("drop view if exists a, b", true, false),
            ("/* why */ DROP TABLE a, b", true, false),
            ("DROP TABLE a, other.b", false, false),
            ("DROP TABLE a", false, true),
            ("DROP USER a, b", false, false),
            ("CREATE TABLE a (b INT, c INT)", false, true),
            ("CREATE SEQUENCE s", false, true),
            ("CREATE OR REPLACE SEQUENCE s", false, false),
            ("ALTER SEQUENCE s RESTART 5", false, false),
            ("CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO DELETE FROM t", false, true),
        ] {
            let call = Call { kind: CallKind::Statement, text, parameters: "" };
            assert_eq!((call.shows_unless_halved(&facts), call.shows_in_schema(&facts)), (halves, wholly), "{text}");
        }
    }

    #[test]
    fn reading_has_no_effect() {
        for (kind, text, effect) in [
            (CallKind::Query, "SELECT 1", false),
            (CallKind::Query, "select a into b from c", true),
            (CallKind::Query, "INSERT INTO t VALUES (1) RETURNING a", true),
            (CallKind::Query, "WITH a AS (SELECT 1) SELECT * FROM a", true),
            (CallKind::Execute, "SELECT 1", true),
            (CallKind::Query, "SELECT count(*) FROM t WHERE id IN (1, 2)", false),
            (CallKind::Query, "SELECT bill_customers()", true),
            (CallKind::Read, "SELECT id, max(n) FROM t GROUP BY id", false),
            (CallKind::Read, "SELECT setval('s', id) FROM t", true),
            (CallKind::Next, "read", false),
        ] {
            let call = Call { kind, text, parameters: "" };
            assert_eq!(call.has_effect(Dialect::Postgres), effect, "{text}");
        }
    }

    #[test]
    fn different_calls_have_different_digests() {
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
    }
}
