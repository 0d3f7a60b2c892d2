//! The SQL of a migration, as its project and its engine hand it on.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use super::program::program;
use super::{Program, SqlError};
use runner_base::dialect::Dialect;

/// A text in SQL that runs as one. It is divided into statements when that is first asked for, once for all copies of it.
#[derive(Clone)]
pub struct Sql(Arc<Shared>);

struct Shared {
    text: Arc<String>,
    /// For each way to read it.
    programs: [OnceLock<Result<Arc<Program>, SqlError>>; 3],
}

impl Sql {
    /// Its statements, and how its transaction is to be.
    pub fn program(&self, dialect: Dialect) -> Result<Arc<Program>, SqlError> {
        let [sqlite, postgres, mysql] = &self.0.programs;
        let program_of = match dialect {
            Dialect::Sqlite => sqlite,
            Dialect::Postgres => postgres,
            Dialect::Mysql | Dialect::Mariadb => mysql,
        };
        program_of.get_or_init(|| program(self.0.text.clone(), dialect).map(Arc::new)).clone()
    }
}

impl From<&str> for Sql {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl From<String> for Sql {
    fn from(text: String) -> Self {
        // Large ones are not copied.
        Self(Arc::new(Shared { text: Arc::new(text), programs: Default::default() }))
    }
}

impl Default for Sql {
    fn default() -> Self {
        Self::from("")
    }
}

impl Deref for Sql {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0.text
    }
}

impl PartialEq for Sql {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Sql {}

impl fmt::Debug for Sql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}
