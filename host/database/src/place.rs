//! Where runner's own tables are, and what they are called: so that several projects, or tenants in schemas of their own, have a history each in one database.

use super::Dialect;
use runner_base::error::{Error, Result};

/// The length that a name may have: with the longest name of a table, the prefix stays below the 64 characters of MySQL and MariaDB.
const LENGTH: usize = 40;

/// The place of the history: `[history]` in the settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryPlace {
    /// PostgreSQL: the schema of the tables, which may have tables of the application, too; without one, [`TOOL_SCHEMA`], where there
    /// is nothing else.
    pub schema: Option<String>,
    /// SQLite, MySQL and MariaDB: what the names of the tables begin with, before `runner_`.
    pub prefix: Option<String>,
}

impl HistoryPlace {
    /// Fails if a database of this kind has no such place, or a name needs quotes.
    pub fn check(&self, dialect: Dialect) -> Result<()> {
        let (used, key, other, other_key) = match dialect {
            Dialect::Postgres => (&self.schema, "schema", &self.prefix, "prefix"),
            _ => (&self.prefix, "prefix", &self.schema, "schema"),
        };
        if let (None, Some(name)) = (used, other) {
            return Err(Error::usage(format!("on {}, the history has no `{other_key}`", dialect)).hint(format!(
                "name its place with `{key} = \"{name}{}\"` in `[history]`, or `--history-{key}`",
                if key == "prefix" && !name.ends_with('_') { "_" } else { "" }
            )));
        }
        let Some(name) = used else { return Ok(()) };
        // Not in upper case: PostgreSQL folds a name without quotes, as in a `search_path`, and some servers the names of all tables.
        let begins = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
        let is_name = begins
            && name.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'_')
            && name.len() <= LENGTH;
        if !is_name {
            return Err(Error::usage(format!("`{name}` cannot be the `{key}` of the history")).hint(format!(
                "use up to {LENGTH} lower-case letters from a to z, digits and `_`, with a letter or `_` first"
            )));
        }
        // This distinguishes a table of a history from one of the application.
        if key == "prefix" && !name.ends_with('_') {
            return Err(Error::usage(format!("the `prefix` of the history must end in `_`, not as `{name}` does"))
                .hint(format!("write `{name}_`")));
        }
        let is_of_server = key == "schema" && (name.starts_with("pg_") || name == "information_schema");
        if is_of_server || name == "runner_gate" || name.starts_with("sqlite_") {
            return Err(Error::usage(format!("the history cannot be in `{name}`, which is not the application's"))
                .hint("give it a place of another name"));
        }
        Ok(())
    }

    /// The schema on PostgreSQL.
    pub fn schema(&self) -> &str {
        self.schema.as_deref().unwrap_or(TOOL_SCHEMA)
    }

    /// What the names of the tables begin with: nothing on PostgreSQL.
    pub fn prefix(&self, dialect: Dialect) -> &str {
        match dialect {
            Dialect::Postgres => "",
            _ => self.prefix.as_deref().unwrap_or_default(),
        }
    }

    /// What distinguishes this place from the others of a database of this kind; empty for the default.
    pub fn name(&self, dialect: Dialect) -> &str {
        match dialect {
            Dialect::Postgres => self.schema.as_deref().filter(|schema| *schema != TOOL_SCHEMA).unwrap_or_default(),
            _ => self.prefix(dialect),
        }
    }

    /// The names of [`TOOL_TABLES`] here, as a list of SQL literals.
    pub fn tables(&self, dialect: Dialect) -> String {
        self.literals(dialect, &TOOL_TABLES)
    }

    /// The same with the tables of a lease.
    pub fn guarded(&self, dialect: Dialect) -> String {
        self.literals(dialect, &GUARDED_TABLES)
    }

    fn literals(&self, dialect: Dialect, tables: &[&str]) -> String {
        let prefix = self.prefix(dialect);
        tables.iter().map(|table| format!("'{prefix}{table}'")).collect::<Vec<_>>().join(", ")
    }
}

/// The schema of runner's own tables on PostgreSQL, unless the settings name another.
pub const TOOL_SCHEMA: &str = "runner";

/// The tables that runner keeps in a database. No migration may write to them, alter them or shadow them.
pub const TOOL_TABLES: [&str; 11] = [
    "runner_history",
    "runner_artifact",
    "runner_journal",
    "runner_head",
    "runner_checkpoint",
    "runner_chunk",
    "runner_repair",
    "runner_evidence",
    "runner_control",
    "runner_progress",
    "runner_meta",
];

/// The same, with [`LEASE_TABLES`].
pub const GUARDED_TABLES: [&str; TOOL_TABLES.len() + LEASE_TABLES.len()] = {
    let mut all = [""; TOOL_TABLES.len() + LEASE_TABLES.len()];
    let (tool, lease) = all.split_at_mut(TOOL_TABLES.len());
    tool.copy_from_slice(&TOOL_TABLES);
    lease.copy_from_slice(&LEASE_TABLES);
    all
};

/// The tables of a lease, which runs create whose lock is one. Only runner may change these, too.
pub const LEASE_TABLES: [&str; 2] = ["runner_lease", "runner_heartbeat"];

/// What `runner grants sync` makes in addition on MariaDB: a procedure, and its tables. On PostgreSQL they are in a
/// schema of their own.
pub const GATE_NAMES: [&str; 3] = ["runner_gate", "runner_gate_ticket", "runner_gate_login"];

/// Whether a text may name something of the tool's: all of its names have that of [`TOOL_SCHEMA`] in them. It is quick, for the many
/// statements with rows.
pub fn may_name_tool_objects(text: &str) -> bool {
    text.to_ascii_lowercase().contains(TOOL_SCHEMA)
}

/// Returns whether a name is that of a table of this or of another project's history: see [`tool_table`].
pub fn is_tool_table(name: &str) -> bool {
    tool_table(name).is_some()
}

/// Returns the one of [`TOOL_TABLES`], [`LEASE_TABLES`] and [`GATE_NAMES`] that a name is, ignoring case, with whatever prefix.
pub fn tool_table(name: &str) -> Option<&'static str> {
    TOOL_TABLES.into_iter().chain(LEASE_TABLES).chain(GATE_NAMES).find(|table| {
        let ends = name.len().checked_sub(table.len()).and_then(|at| Some((name.get(..at)?, name.get(at..)?)));
        ends.is_some_and(|(prefix, end)| {
            end.eq_ignore_ascii_case(table) && (prefix.is_empty() || prefix.ends_with('_'))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(schema: Option<&str>, prefix: Option<&str>) -> HistoryPlace {
        HistoryPlace { schema: schema.map(str::to_owned), prefix: prefix.map(str::to_owned) }
    }

    #[test]
    fn no_name_of_the_tools_is_overlooked() {
        let names = GUARDED_TABLES.into_iter().chain(GATE_NAMES).chain([TOOL_SCHEMA]);
        names.for_each(|name| assert!(may_name_tool_objects(&format!("a_{}s", name.to_uppercase())), "{name}"));
        assert!(!may_name_tool_objects("INSERT INTO history VALUES ('run')"));
    }

    #[test]
    fn a_place_is_checked_for_its_kind_of_database() {
        let long = "x".repeat(41);
        for (place, dialect, problem) in [
            (place(None, None), Dialect::Sqlite, None),
            (place(Some("acme"), None), Dialect::Postgres, None),
            (place(Some("acme"), Some("a_")), Dialect::Mysql, None),
            (place(Some("acme"), None), Dialect::Mariadb, Some("on MariaDB, the history has no `schema`")),
            (place(None, Some("a_")), Dialect::Postgres, Some("on PostgreSQL, the history has no `prefix`")),
            (place(Some("a-b"), None), Dialect::Postgres, Some("`a-b` cannot be the `schema`")),
            (place(Some("a\"; DROP"), None), Dialect::Postgres, Some("cannot be")),
            (place(Some("1a"), None), Dialect::Postgres, Some("`1a` cannot be")),
            (place(Some("Acme"), None), Dialect::Postgres, Some("`Acme` cannot be the `schema`")),
            (place(None, Some("Acme_")), Dialect::Mysql, Some("`Acme_` cannot be the `prefix`")),
            (place(Some(""), None), Dialect::Postgres, Some("`` cannot be")),
            (place(Some(&long), None), Dialect::Postgres, Some("cannot be")),
            (place(Some("pg_temp"), None), Dialect::Postgres, Some("cannot be in `pg_temp`")),
            (place(Some("runner_gate"), None), Dialect::Postgres, Some("cannot be in `runner_gate`")),
            (place(None, Some("a")), Dialect::Sqlite, Some("must end in `_`, not as `a` does")),
            (place(None, Some("sqlite_")), Dialect::Sqlite, Some("cannot be in `sqlite_`")),
        ] {
            let found = place.check(dialect).err().map(|error| error.message);
            match problem {
                None => assert_eq!(found, None, "{place:?}"),
                Some(problem) => assert!(found.as_ref().is_some_and(|it| it.contains(problem)), "{place:?} {found:?}"),
            }
        }
    }
}
