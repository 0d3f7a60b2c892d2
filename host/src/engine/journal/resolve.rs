//! Determines the outcome of a step that began and has no answer.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::damaged;
use super::store::Intent;
use crate::data::Value;
use crate::database::{Dialect, Facts, HostSession, QueryLimits};
use crate::engine::call::canonical::{self, Sink};
use crate::engine::call::{is_repeatable, stored};
use crate::error::Result;
use crate::sql::{dropped_concurrently, identifiers};

/// The digest of a schema without any of the objects: SHA-256 of nothing.
const NO_OBJECTS: [u8; 32] = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41,
    0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];

/// What is known about the outcome of a step that began and has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// The database shows that it took effect.
    TookEffect,
    /// The database shows that it did not take effect.
    NoEffect,
    /// It does not matter: the statement is idempotent.
    Repeatable,
    /// Only a part of it took effect.
    Halved,
    /// The database does not show it.
    Nothing,
}

impl Known {
    /// Returns whether only an operator can determine it.
    pub fn waits_for_the_operator(self) -> bool {
        matches!(self, Self::Halved | Self::Nothing)
    }
}

/// Returns what is known about a step that is not a transform.
pub(super) async fn known(database: &mut HostSession<'_>, intent: &Intent) -> Result<Known> {
    let facts = database.facts().clone();
    if let Some(before) = &intent.before {
        let before: SchemaBefore = stored::unpack(before)
            .ok_or_else(|| damaged(format!("the schema before step {} cannot be read", intent.step)))?;
        let now = digest(database, &facts, &before.names).await?;
        return Ok(match before.may_be_halved {
            _ if now == before.digest => Known::NoEffect,
            false => Known::TookEffect,
            // The objects are dropped one by one: if none is left, all were dropped.
            true if now == NO_OBJECTS => Known::TookEffect,
            true => Known::Halved,
        });
    }
    if is_repeatable(&intent.text, facts.dialect) {
        return Ok(Known::Repeatable);
    }
    let Some(index) = dropped_concurrently(&intent.text, facts.dialect) else { return Ok(Known::Nothing) };
    let found = database.query(IS_INDEX, &[index.as_str().into()], QueryLimits::NONE).await?;
    // An interrupted `DROP INDEX CONCURRENTLY` leaves an invalid index, which can be dropped again.
    Ok(if found.rows.is_empty() { Known::TookEffect } else { Known::NoEffect })
}

const IS_INDEX: &str = "SELECT 1 FROM pg_catalog.pg_class c WHERE c.oid = pg_catalog.to_regclass($1::text)";

/// The schema before a statement whose effect it will show, as an intent stores it.
#[derive(Serialize, Deserialize)]
struct SchemaBefore {
    /// The names in the statement.
    names: Vec<String>,
    /// The digest of everything in the schema that has one of these names.
    digest: [u8; 32],
    /// Whether the statement may be interrupted between two of its objects.
    may_be_halved: bool,
}

/// Returns what the intent of a statement stores of the schema, so that a later probe can tell whether it took effect.
pub(super) async fn schema_before(
    database: &mut HostSession<'_>,
    statement: &str,
    may_be_halved: bool,
) -> Result<Vec<u8>> {
    let facts = database.facts().clone();
    let names = names(statement, facts.dialect);
    let digest = digest(database, &facts, &names).await?;
    Ok(stored::pack(&SchemaBefore { names, digest, may_be_halved }))
}

/// Returns the objects whose names a statement contains, for display: `table t, which has rows`.
pub(super) async fn named_objects(database: &mut HostSession<'_>, statement: &str) -> Result<Vec<String>> {
    let facts = database.facts().clone();
    let mut found = Vec::new();
    for name in names(statement, facts.dialect) {
        let rows = database.query(named(facts.dialect), &[name.as_str().into()], QueryLimits::NONE).await?.rows;
        for row in rows {
            let [Some(kind), Some(place), Some(name)] = [0, 1, 2].map(|at| row.get(at).and_then(Value::as_text)) else {
                continue;
            };
            let shown = if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") };
            if kind != "table" {
                found.push(format!("{kind} `{shown}`"));
                continue;
            }
            let quote = |text: &str| facts.dialect.quote(text);
            let table = if place.is_empty() { quote(name) } else { format!("{}.{}", quote(place), quote(name)) };
            let any = database.query(&format!("SELECT 1 FROM {table} LIMIT 1"), &[], QueryLimits::NONE).await;
            found.push(match any {
                Ok(any) if any.rows.is_empty() => format!("table `{shown}`, which is empty"),
                Ok(_) => format!("table `{shown}`, which has rows"),
                // That the table exists is worth showing by itself.
                Err(_) => format!("table `{shown}`"),
            });
        }
    }
    found.dedup();
    Ok(found)
}

fn names(statement: &str, dialect: Dialect) -> Vec<String> {
    let mut names = identifiers(statement, dialect);
    names.iter_mut().for_each(|name| *name = name.to_lowercase());
    names.sort_unstable();
    names.dedup();
    names
}

/// Returns the query for kind, schema and name of the objects with a name, given in lower case, outside the system
/// catalogues.
fn named(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => "SELECT type, '', name FROM main.sqlite_schema WHERE lower(name) = ?1 ORDER BY 1, 3",
        Dialect::Postgres => {
            "SELECT CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'table' WHEN 'i' THEN \
             CASE WHEN (SELECT i.indisvalid FROM pg_catalog.pg_index i WHERE i.indexrelid = c.oid) THEN 'index' \
             ELSE 'invalid index' END WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence' \
             ELSE 'relation' END, n.nspname::text, c.relname::text FROM pg_catalog.pg_class c \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE lower(c.relname::text) = $1::text AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'runner') \
             AND n.nspname NOT LIKE 'pg\\_t%' UNION ALL SELECT 'function', n.nspname::text, p.proname::text \
             FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace \
             WHERE lower(p.proname::text) = $1::text AND n.nspname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2"
        }
        Dialect::Mysql | Dialect::Mariadb => {
            "SELECT CASE o.t WHEN 'BASE TABLE' THEN 'table' ELSE lower(o.t) END, '', o.n FROM (\
             SELECT table_type AS t, table_name AS n FROM information_schema.tables WHERE table_schema = database() \
             UNION ALL SELECT routine_type, routine_name FROM information_schema.routines WHERE routine_schema = database() \
             UNION ALL SELECT 'trigger', trigger_name FROM information_schema.triggers WHERE trigger_schema = database() \
             UNION ALL SELECT 'event', event_name FROM information_schema.events WHERE event_schema = database() \
             UNION ALL SELECT DISTINCT 'index', index_name FROM information_schema.statistics \
             WHERE table_schema = database()) AS o WHERE lower(o.n) = ? ORDER BY 1, 3"
        }
    }
}

/// Returns the digest of everything in the schema that has one of these names. Later builds compare it: it never changes.
pub(super) async fn digest(database: &mut HostSession<'_>, facts: &Facts, names: &[String]) -> Result<[u8; 32]> {
    let mut hasher = Sha256::new();
    for query in objects(facts.dialect) {
        for name in names {
            let found = database.query(query, &[Value::from(name.as_str())], QueryLimits::NONE).await?;
            if !found.rows.is_empty() {
                hasher.bytes(name.as_bytes());
                canonical::put_row_set(&mut hasher, &found);
            }
        }
    }
    Ok(hasher.finalize().into())
}

/// Returns the queries for everything in a schema that belongs to a name, given in lower case.
fn objects(dialect: Dialect) -> &'static [&'static str] {
    match dialect {
        Dialect::Sqlite => &[
            "SELECT type, name, tbl_name, sql FROM main.sqlite_schema WHERE ?1 IN (lower(name), lower(tbl_name)) ORDER BY 1, 2",
        ],
        // Of PostgreSQL's statements that cannot be rolled back, the schema shows only those that build an index.
        Dialect::Postgres => {
            &["SELECT n.nspname::text, c.relname::text, pg_catalog.pg_get_indexdef(c.oid) FROM pg_catalog.pg_index i \
             JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE i.indisvalid AND lower(c.relname::text) = $1::text ORDER BY 1, 2"]
        }
        Dialect::Mysql | Dialect::Mariadb => &MYSQL,
    }
}

const MYSQL: [&str; 9] = [
    "SELECT table_name, table_type, engine, table_collation, table_comment, create_options, row_format \
     FROM information_schema.tables WHERE table_schema = database() AND lower(table_name) = ? ORDER BY 1",
    "SELECT table_name, ordinal_position, column_name, column_default, is_nullable, column_type, collation_name, extra, \
     column_comment, generation_expression FROM information_schema.columns \
     WHERE table_schema = database() AND lower(table_name) = ? ORDER BY 1, 2",
    "SELECT table_name, index_name, seq_in_index, non_unique, column_name, sub_part, index_type, index_comment, collation \
     FROM information_schema.statistics WHERE table_schema = database() AND lower(table_name) = ? ORDER BY 1, 2, 3",
    "SELECT k.table_name, k.constraint_name, k.ordinal_position, k.column_name, k.referenced_table_name, \
     k.referenced_column_name, r.update_rule, r.delete_rule FROM information_schema.key_column_usage k \
     LEFT JOIN information_schema.referential_constraints r ON r.constraint_schema = k.constraint_schema \
     AND r.constraint_name = k.constraint_name AND r.table_name = k.table_name \
     WHERE k.table_schema = database() AND lower(k.table_name) = ? ORDER BY 1, 2, 3",
    "SELECT constraint_name, check_clause FROM information_schema.check_constraints \
     WHERE constraint_schema = database() AND lower(constraint_name) = ? ORDER BY 1",
    "SELECT table_name, view_definition, check_option, security_type FROM information_schema.views \
     WHERE table_schema = database() AND lower(table_name) = ? ORDER BY 1",
    "SELECT routine_name, routine_type, routine_definition, dtd_identifier, security_type \
     FROM information_schema.routines WHERE routine_schema = database() AND lower(routine_name) = ? ORDER BY 1, 2",
    "SELECT trigger_name, event_object_table, event_manipulation, action_timing, action_statement \
     FROM information_schema.triggers WHERE trigger_schema = database() AND lower(trigger_name) = ? ORDER BY 1",
    "SELECT event_name, event_type, event_definition, execute_at, interval_value, interval_field, starts, ends, status, \
     on_completion, event_comment FROM information_schema.events \
     WHERE event_schema = database() AND lower(event_name) = ? ORDER BY 1",
];
