//! What depends on the schema of the tool's own tables: the texts that query them, the keys of the lock, and the names
//! of sessions.

pub(crate) mod foreign;
pub(crate) mod tool_tables;

use sha2::{Digest as _, Sha256};

use crate::dialect_sql::SQL;
use runner_database::facts::{GUARDED_TABLES, TOOL_SCHEMA};
use runner_database::{Dialect, Facts, HistoryPlace};

/// The key of the lock where the tables are in their own schema: `runner` in ASCII and two zero bytes. It is part of the format, since
/// all versions must agree on it. The server separates advisory locks by database.
const KEY: i64 = 0x7275_6e6e_6572_0000;

/// The objects in a schema that has others, too, by the row `d` of `pg_depend`: the tables, by their names.
const OURS_AMONG_OTHERS: &str = " AND (d.refobjid OPERATOR(pg_catalog.=) pg_catalog.to_regnamespace('runner_gate')::pg_catalog.oid \
    OR d.classid OPERATOR(pg_catalog.=) 1259::pg_catalog.oid AND d.objid OPERATOR(pg_catalog.=) ANY (ARRAY( \
        SELECT o.oid FROM pg_catalog.pg_class o WHERE o.relnamespace OPERATOR(pg_catalog.=) pg_catalog.to_regnamespace('@')::pg_catalog.oid \
            AND o.relname OPERATOR(pg_catalog.=) ANY (ARRAY[{names}]::pg_catalog.name[]))))";

/// The prefix of the names of connections that work for a run; the run's id follows. In another [`ToolPlace`] than the default it is
/// another.
const PREFIX: &str = "runner:";

/// The template of a query for whether the tables of a lease exist, for a user who may have no privilege on their schema.
const HAS_LEASES: &str = "SELECT 'leases' FROM pg_catalog.pg_class c \
    JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
    WHERE n.oid OPERATOR(pg_catalog.=) pg_catalog.to_regnamespace('@') AND c.relname OPERATOR(pg_catalog.=) 'runner_heartbeat'";

/// The template of a query for what the tables are: who owns them, who may use them, and their columns.
const WHICH: &str = "SELECT c.relname, c.oid, c.relowner, c.relacl::pg_catalog.text, \
        (SELECT n.nspacl::pg_catalog.text FROM pg_catalog.pg_namespace n WHERE n.oid OPERATOR(pg_catalog.=) c.relnamespace \
            AND n.nspname OPERATOR(pg_catalog.=) ANY (ARRAY[{own}]::pg_catalog.name[])), \
        (SELECT pg_catalog.string_agg(pg_catalog.concat_ws(' ', a.attnum, a.attname, a.atttypid), ',' ORDER BY a.attnum) \
            FROM pg_catalog.pg_attribute a WHERE a.attrelid OPERATOR(pg_catalog.=) c.oid \
            AND a.attnum OPERATOR(pg_catalog.>) 0) \
    FROM pg_catalog.pg_class c WHERE c.relnamespace OPERATOR(pg_catalog.=) pg_catalog.to_regnamespace('@') \
        AND c.relname OPERATOR(pg_catalog.=) ANY (ARRAY[{names}]::pg_catalog.name[])";

/// The schema of the tool's tables, and the texts about them.
pub(crate) struct ToolPlace {
    /// The facts that are known before the server was asked.
    pub(crate) facts: Facts,
    /// The schema as an identifier, in quotes.
    schema: String,
    /// See [`foreign::inspect`].
    pub(crate) inspect: String,
    /// See [`tool_tables::fingerprint`].
    pub(crate) fingerprint: String,
    /// The same without the number of rows.
    pub(crate) without_rows: String,
    /// See [`tool_tables::without_locks`].
    pub(crate) without_locks: String,
    /// See [`tool_tables::outline`].
    pub(crate) outline: String,
    /// See [`WHICH`].
    pub(crate) which: String,
    /// See [`HAS_LEASES`].
    pub(crate) has_leases: String,
    /// The key of the lock.
    pub(crate) key: i64,
    /// What the names of sessions that work for a run begin with.
    pub(crate) application: String,
}

impl ToolPlace {
    pub(crate) fn of(history: &HistoryPlace) -> Self {
        let name = history.name(Dialect::Postgres);
        let placed = |template: &str| placed(template, history.schema());
        let digest = Sha256::digest(name);
        let number = i64::from_be_bytes(digest[..8].try_into().unwrap_or_default());
        Self {
            facts: Facts { sql: &SQL, history: history.clone(), ..Facts::of_dialect(Dialect::Postgres) },
            schema: Dialect::Postgres.quote(history.schema()),
            inspect: placed(&foreign::inspect()),
            fingerprint: placed(&tool_tables::fingerprint(true)),
            without_rows: placed(&tool_tables::fingerprint(false)),
            without_locks: placed(&tool_tables::without_locks()),
            outline: placed(&tool_tables::outline()),
            which: placed(WHICH),
            has_leases: placed(HAS_LEASES),
            // Positive, and the next is that of [`Self::work_key`].
            key: if name.is_empty() { KEY } else { number & i64::MAX & !1 },
            // The server keeps 63 bytes of a name, and the run's id has 36.
            application: match name {
                "" => PREFIX.to_owned(),
                _ => format!("{}/{}:", PREFIX.trim_end_matches(':'), &hex::encode(digest)[..8]),
            },
        }
    }

    /// The key that the transactions of a run hold, shared, on the connection for its work. Until it ends, a session shows by it
    /// that it works for a run: a migration can change the name of its session, but cannot release this lock.
    pub(crate) fn work_key(&self) -> i64 {
        self.key + 1
    }

    /// One of the tables, as statements name it.
    pub(crate) fn table(&self, name: &str) -> String {
        format!("{}.{}", self.schema, Dialect::Postgres.quote(name))
    }

    /// Whether a statement of the host is about the tool's tables: `tool_sql` writes their schema in quotes, before each of them.
    pub(crate) fn is_named_in(&self, statement: &str) -> bool {
        let behind = format!("{}.", self.schema);
        statement.match_indices(&behind).any(|(at, _)| {
            let rest = &statement[at + behind.len()..];
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            GUARDED_TABLES.contains(&&rest[..end])
        })
    }
}

/// A text about the tables in this schema. In a schema of their own, everything is runner's: nothing else may be, and
/// who may do what with it is compared. In one of the application, only the tables are.
fn placed(template: &str, schema: &str) -> String {
    let is_own = schema == TOOL_SCHEMA;
    let tables = HistoryPlace::default().guarded(Dialect::Postgres);
    let own = if is_own { format!("'{schema}'") } else { String::new() };
    template
        .replace("{only}", if is_own { "" } else { OURS_AMONG_OTHERS })
        .replace("{names}", &tables)
        .replace("{own}", &own)
        .replace("{own, }", &if is_own { format!("{own}, ") } else { String::new() })
        .replace('@', &Dialect::Postgres.quote(schema))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(schema: Option<&str>) -> ToolPlace {
        ToolPlace::of(&HistoryPlace { schema: schema.map(str::to_owned), prefix: None })
    }

    #[test]
    fn statements_about_the_tools_tables_are_recognised() {
        let (own, acme) = (place(None), place(Some("acme")));
        let about = "SELECT m.value FROM \"runner\".runner_meta m";
        assert!(own.is_named_in(about) && !acme.is_named_in(about));
        assert!(acme.is_named_in("DELETE FROM \"acme\".runner_history"));
        for other in [
            "SELECT 1",
            "SELECT \"a\".runner_x FROM \"a\"",
            "SELECT runner.runner_history",
            "\".runner_",
            "\"acme\".runner_metal",
        ] {
            assert!(!own.is_named_in(other) && !acme.is_named_in(other), "{other}");
        }
    }

    #[test]
    fn places_differ_in_their_locks_and_sessions() {
        let (own, acme, other) = (place(None), place(Some("acme")), place(Some("other")));
        assert_eq!(own.key, place(Some(TOOL_SCHEMA)).key, "the default may be named");
        assert!(own.key != acme.key && acme.key != other.key && acme.key > 0 && acme.work_key() == acme.key + 1);
        assert!(acme.application != other.application && !acme.application.starts_with(&own.application));
        assert!(acme.application.len() + 36 < 64);
        let texts =
            [&acme.inspect, &acme.fingerprint, &acme.without_rows, &acme.outline, &acme.which, &acme.has_leases];
        for text in texts {
            assert!(!text.contains(['@', '{']) && !text.contains("regnamespace('runner')"), "{text}");
        }
    }
}
