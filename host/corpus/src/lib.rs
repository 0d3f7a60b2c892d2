//! Statements that try to get past what keeps a migration from the rest of a database: one corpus for each dialect.
//!
//! It may import `runner-database` (names).
//!
//! The tests of the drivers try all of them, in several spellings and roles. `runner doctor --attack` tries those that cannot
//! harm a server if they succeed. The verdict is never that of a check: a corpus has questions about what no attack may
//! change, and their answers before and after are compared.

pub mod mariadb;
pub mod mysql;
pub mod postgres;
pub mod sqlite;

use runner_base::dialect::Dialect;

/// One attack: statements that a migration runs one after the other.
///
/// Their placeholders are the database `{db}`, a second one `{other}`, the login `{user}`, the directory `{dir}` of SQLite's
/// files, the name of the lock `{lock}`, the sessions `{holder}` and `{worker}` that hold its parts, a table `{table}`, and
/// `{t}`, a statement that rewrites the history, as an expression that assembles it.
#[derive(Clone, Copy, Debug)]
pub struct Attack {
    /// The statements.
    pub statements: &'static [&'static str],
    /// Whether more than the database changes if it succeeds: a login, the server, another file.
    pub is_beyond: bool,
    /// Whether a transaction that is rolled back shows what it does, and leaves nothing of it.
    pub rolled_back: RolledBack,
}

/// Whether something can be tried in a transaction that is rolled back, on a database that is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RolledBack {
    /// It can, and needs nothing.
    Alone,
    /// It can, with a table `{table}` that the transaction makes.
    WithTable,
    /// It can, with all of the field and with tables that are named like the tool's.
    WithField,
    /// It cannot, for this reason.
    Never(&'static str),
}

impl Attack {
    /// An attack that changes only the database.
    const fn of(statements: &'static [&'static str]) -> Self {
        Self { statements, is_beyond: false, rolled_back: RolledBack::WithField }
    }

    /// An attack that changes only the database, but cannot be tried in a transaction that is rolled back.
    const fn committed(statements: &'static [&'static str], why: &'static str) -> Self {
        Self { statements, is_beyond: false, rolled_back: RolledBack::Never(why) }
    }

    /// An attack that changes more.
    const fn beyond(statements: &'static [&'static str]) -> Self {
        Self { statements, is_beyond: true, rolled_back: RolledBack::Never(BEYOND) }
    }
}

/// Something that a login may do beyond its database, done without leaving anything.
#[derive(Clone, Copy, Debug)]
pub struct Reach {
    /// What it is, after "may".
    pub what: &'static str,
    /// The statement. It succeeds if it runs, and if its first value, if it has one, is not NULL.
    pub statement: &'static str,
    /// What removes what it leaves in spite of a rollback.
    pub undo: Option<&'static str>,
    /// Whether it can be tried in a transaction that is rolled back.
    pub rolled_back: RolledBack,
}

impl Reach {
    const fn new(what: &'static str, statement: &'static str) -> Self {
        Self { what, statement, undo: None, rolled_back: RolledBack::Alone }
    }

    const fn with_table(what: &'static str, statement: &'static str) -> Self {
        Self { rolled_back: RolledBack::WithTable, ..Self::new(what, statement) }
    }
}

/// Why some attacks are not tried anywhere.
pub const BEYOND: &str = "it would change the server if it succeeded";

/// How attacks are tried in a transaction that is rolled back, where no scratch database can be made.
pub struct InTransaction {
    /// A query for why no object can be made, even for a moment; NULL if it can.
    pub no_table: &'static str,
    /// The statement that makes the table.
    pub table: &'static str,
    /// What `{table}` stands for.
    pub table_name: &'static str,
    /// A query for why the field cannot be made; NULL if it can.
    pub no_field: &'static str,
    /// One statement that runs these.
    pub at_once: fn(&[String]) -> String,
}

/// The attacks on one dialect.
pub struct Corpus {
    /// The statements that make tables with the names of the tool's in an empty database.
    pub history: fn() -> Vec<String>,
    /// The statements that make what the attacks use, one list after the other.
    pub field: &'static [&'static [&'static str]],
    /// The statements that recreate it after an attack that ran, one list after the other.
    pub again: &'static [&'static [&'static str]],
    /// How they are tried without a scratch database; `None`: a change of the schema commits there.
    pub in_transaction: Option<&'static InTransaction>,
    /// What `{table}` stands for in a scratch database.
    pub table: &'static str,
    /// The expression that `{t}` stands for.
    pub tampering: &'static str,
    /// Placeholders, and queries for what they stand for.
    pub answers: &'static [(&'static str, &'static str)],
    /// Whether `{other}` is used.
    pub has_other: bool,
    /// What a component with a login of its own is granted while it attacks.
    pub granted: &'static [&'static str],
    /// What such a component may do. Where it cannot do even that, its attacks prove nothing.
    pub harmless: &'static str,
    /// What no migration may do, judged by `state`.
    pub attacks: &'static [&'static [Attack]],
    /// What a migration in SQL may do, and a component may not.
    pub of_components: &'static [Attack],
    /// What no attack may change: what it is, and a query.
    pub state: &'static [(&'static str, &'static str)],
    /// What a component may do nowhere, judged by success.
    pub reaches: &'static [Reach],
}

/// Returns the corpus of a dialect.
pub fn corpus(dialect: Dialect) -> &'static Corpus {
    match dialect {
        Dialect::Sqlite => &sqlite::CORPUS,
        Dialect::Postgres => &postgres::CORPUS,
        Dialect::Mariadb => &mariadb::CORPUS,
        Dialect::Mysql => &mysql::CORPUS,
    }
}
