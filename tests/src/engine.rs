//! Runs one scenario on every engine: a project whose database is a SQLite file or on a server, with the same queries
//! for all of them.

use std::ops::Deref;
use std::path::Path;

use crate::TestProject;
use crate::dump;
use crate::servers::{self, Kind, TestDatabase};

/// An engine that scenarios run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// SQLite, in the project's `runner.db`.
    Sqlite,
    /// PostgreSQL, on the server of this process.
    Postgres,
    /// MariaDB, or MySQL if `RUNNER_TEST_MYSQL` names it, on the server of this process.
    Mariadb,
}

/// The table that most guests expect.
pub const ITEMS: &str = "CREATE TABLE items (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(100) NOT NULL, \
                         price DOUBLE PRECISION NOT NULL);\n";

impl Engine {
    /// The history's table as statements name it.
    pub fn history_table(self) -> &'static str {
        match self {
            Self::Postgres => "runner.runner_history",
            Self::Sqlite | Self::Mariadb => "runner_history",
        }
    }

    /// Returns a SELECT of `i` from 1 to a number, to follow `INSERT INTO …`.
    pub fn numbers(self, last: u64) -> String {
        match self {
            Self::Postgres => format!("SELECT i FROM generate_series(1, {last}) AS n(i)"),
            Self::Mariadb => format!("SELECT seq AS i FROM {}", Kind::Mariadb.sequence(last)),
            Self::Sqlite => {
                format!(
                    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {last}) SELECT i FROM n"
                )
            }
        }
    }

    /// Statements that create [`ITEMS`] with this many rows.
    pub fn items(self, rows: u64) -> String {
        let numbers = self.numbers(rows);
        format!(
            "{ITEMS}INSERT INTO items (id, name, price) \
             SELECT i, concat('item ', i), i / 8.0 FROM ({numbers}) AS n;\n"
        )
    }

    /// The server of this process; `None` for SQLite.
    pub fn server(self) -> Option<&'static servers::Server> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => Some(servers::postgres()),
            Self::Mariadb => Some(servers::mariadb()),
        }
    }
}

impl From<Kind> for Engine {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Postgres => Self::Postgres,
            Kind::Mariadb => Self::Mariadb,
        }
    }
}

/// A project and its database on one of the engines.
pub struct EngineProject {
    engine: Engine,
    project: TestProject,
    database: Option<TestDatabase>,
}

impl EngineProject {
    /// Creates a project without migrations, and a fresh database.
    pub fn new(binary: &str, engine: Engine) -> Self {
        match engine.server() {
            None => Self { engine, project: TestProject::new(binary), database: None },
            Some(server) => Self::on(binary, server.database()),
        }
    }

    /// Creates a project without migrations on a server's database.
    pub fn on(binary: &str, database: TestDatabase) -> Self {
        let mut project = TestProject::new(binary);
        project.set_url(&database.url());
        Self { engine: database.kind().into(), project, database: Some(database) }
    }

    /// Copies a project to another directory, with a fresh database in place of its own.
    pub fn copy(binary: &str, engine: Engine, of: &Path) -> Self {
        let mut copy = Self::new(binary, engine);
        copy.project.copy_of(of);
        let url = copy.url();
        copy.project.set_url(&url);
        copy
    }

    /// The URL of its database.
    pub fn url(&self) -> String {
        match &self.database {
            Some(database) => database.url(),
            None => format!("sqlite://{}", self.project.file("runner.db").display()),
        }
    }

    /// Adds the migration `0001_items`, which creates [`ITEMS`] with this many rows.
    pub fn items(&self, rows: u64) -> &TestProject {
        self.project.sql("0001_items", &self.engine.items(rows), "DROP TABLE items;")
    }

    /// The engine.
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// Makes the project use another URL for its database.
    pub fn by(&mut self, url: &str) -> &Self {
        self.project.set_url(url);
        self
    }

    /// The database on a server.
    pub fn server_database(&self) -> &TestDatabase {
        self.database.as_ref().expect("SQLite has no server")
    }

    /// Runs statements on the database directly, without the project.
    #[track_caller]
    pub fn execute(&self, statements: &str) {
        match &self.database {
            Some(database) => drop(database.sql(statements)),
            None => self.project.database().execute_batch(statements).unwrap_or_else(|e| panic!("{statements}: {e}")),
        }
    }

    /// Whether a statement is sleeping on the server.
    #[track_caller]
    pub fn sleeps(&self) -> bool {
        let query = match self.engine {
            Engine::Postgres => {
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
            }
            _ => "SELECT count(*) FROM information_schema.processlist WHERE state = 'User sleep' AND db = database()",
        };
        self.value(query) != "0"
    }

    /// All rows of a query, one per line, with cells separated by `|`.
    #[track_caller]
    pub fn rows(&self, query: &str) -> Vec<String> {
        match &self.database {
            Some(database) => database.sql(query),
            None => dump::rows(&self.project.database(), query),
        }
    }

    /// The only value of a query, as text.
    #[track_caller]
    pub fn value(&self, query: &str) -> String {
        let rows = self.rows(query);
        assert_eq!(rows.len(), 1, "{query}: {rows:?}");
        rows.into_iter().next().unwrap_or_default()
    }

    /// Everything in the database except its name and the tool's own tables, as lines to compare.
    pub fn state(&self) -> Vec<String> {
        match &self.database {
            Some(database) => {
                let lines = database.client().dump().into_iter();
                lines.map(|line| line.replace(database.name(), "database")).collect()
            }
            // The first write sets the journal mode, which a rollback does not restore.
            None => format!("{:?}", self.project.dump_user())
                .lines()
                .filter(|line| !line.starts_with("journal_mode"))
                .map(str::to_owned)
                .collect(),
        }
    }

    /// Like [`EngineProject::state`], including the tool's own tables.
    pub fn everything(&self) -> Vec<String> {
        match &self.database {
            Some(database) => database.client().dump_everything(),
            None => format!("{:?}", self.project.dump()).lines().map(str::to_owned).collect(),
        }
    }

    /// The kind of database and its version.
    pub fn version(&self) -> String {
        self.value(match self.engine {
            Engine::Sqlite => "SELECT 'SQLite ' || sqlite_version()",
            Engine::Postgres => "SELECT 'PostgreSQL ' || split_part(current_setting('server_version'), ' ', 1)",
            Engine::Mariadb if Kind::Mariadb.is_mysql() => {
                "SELECT concat('MySQL ', substring_index(version(), '-', 1))"
            }
            Engine::Mariadb => "SELECT concat('MariaDB ', substring_index(version(), '-', 1))",
        })
    }

    /// Whether there is a history.
    pub fn has_history(&self) -> bool {
        let query = match self.engine {
            Engine::Sqlite => "SELECT count(*) FROM sqlite_schema WHERE name = 'runner_history'",
            Engine::Postgres => {
                "SELECT count(*) FROM pg_tables WHERE schemaname = 'runner' AND tablename = 'runner_history'"
            }
            Engine::Mariadb => {
                "SELECT count(*) FROM information_schema.tables WHERE table_schema = database() AND table_name = 'runner_history'"
            }
        };
        self.value(query) == "1"
    }

    /// The revisions that the history lists as applied, in order of application.
    pub fn history(&self) -> Vec<String> {
        match self.has_history() {
            true => self.rows(&format!(
                "SELECT revision FROM {} WHERE state = 'applied' ORDER BY id",
                self.engine.history_table()
            )),
            false => Vec::new(),
        }
    }
}

impl Deref for EngineProject {
    type Target = TestProject;

    fn deref(&self) -> &TestProject {
        &self.project
    }
}

/// Generates one test on every engine, or on every server, for each of these functions.
///
/// ```text
/// for_each_engine! { fn applies(engine) { … } }     // applies::sqlite, applies::postgres, applies::mariadb
/// for_each_server! { fn waits(engine) { … } }       // waits::postgres, waits::mariadb
/// ```
#[macro_export]
macro_rules! for_each_engine {
    ($($(#[$meta:meta])* fn $name:ident($engine:ident) $body:block)*) => {
        $(
            $(#[$meta])*
            mod $name {
                use super::*;
                #[test]
                fn sqlite() {
                    scenario($crate::Engine::Sqlite);
                }
                #[test]
                fn postgres() {
                    scenario($crate::Engine::Postgres);
                }
                #[test]
                fn mariadb() {
                    scenario($crate::Engine::Mariadb);
                }
                fn scenario($engine: $crate::Engine) $body
            }
        )*
    };
}

/// See [`for_each_engine!`].
#[macro_export]
macro_rules! for_each_server {
    ($($(#[$meta:meta])* fn $name:ident($engine:ident) $body:block)*) => {
        $(
            $(#[$meta])*
            mod $name {
                use super::*;
                #[test]
                fn postgres() {
                    scenario($crate::Engine::Postgres);
                }
                #[test]
                fn mariadb() {
                    scenario($crate::Engine::Mariadb);
                }
                fn scenario($engine: $crate::Engine) $body
            }
        )*
    };
}
