//! What became of a step that was begun and whose end nobody noted.

use sha2::{Digest, Sha256};

use super::damaged;
use super::store::Intent;
use crate::data::Value;
use crate::database::{Dialect, Facts, HostSession, QueryLimits};
use crate::engine::call::codec;
use crate::engine::call::codec::Sink;
use crate::engine::call::is_repeatable;
use crate::error::Result;
use crate::sql::{dropped_concurrently, identifiers};

/// What is known of a step that was begun and whose end nobody noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// The database shows that it took effect.
    TookEffect,
    /// The database shows that it did not.
    NoEffect,
    /// It does not matter: run again, it comes to the same.
    Repeatable,
    /// A part of it took effect, and no more.
    Halved,
    /// The database does not tell.
    Nothing,
}

impl Known {
    /// Whether only an operator can find out.
    pub fn waits_for_the_operator(self) -> bool {
        matches!(self, Self::Halved | Self::Nothing)
    }
}

/// What is known of a step. A transform under way has its checkpoint, and is none.
pub(super) async fn known(database: &mut HostSession<'_>, intent: &Intent) -> Result<Known> {
    let facts = database.facts().clone();
    if let Some(before) = &intent.before {
        let mut source = codec::Source::new(before);
        let (Some(names), Some(noted), Some(halves)) =
            (source.list(codec::Source::text), source.bytes(), source.byte())
        else {
            return Err(damaged(format!("what step {} found", intent.step)));
        };
        let now = digest(database, &facts, &names).await?;
        return Ok(match halves {
            _ if now == noted => Known::NoEffect,
            0 => Known::TookEffect,
            // Of what is dropped one after the other all is gone, or not yet.
            _ if now == Sha256::digest(b"").to_vec() => Known::TookEffect,
            _ => Known::Halved,
        });
    }
    if is_repeatable(&intent.text, facts.dialect) {
        return Ok(Known::Repeatable);
    }
    let Some(index) = dropped_concurrently(&intent.text, facts.dialect) else { return Ok(Known::Nothing) };
    let found = database.query(IS_INDEX, &[index.as_str().into()], QueryLimits::NONE).await?;
    // One that is on its way out is not valid any more, but there: dropped again it goes.
    Ok(if found.rows.is_empty() { Known::TookEffect } else { Known::NoEffect })
}

const IS_INDEX: &str = "SELECT 1 FROM pg_catalog.pg_class c WHERE c.oid = pg_catalog.to_regclass($1::text)";

/// What an intent keeps of a statement that the schema shows: the names in it, a digest of all that the schema has under them,
/// and whether it may be interrupted in its middle.
pub(super) async fn look(database: &mut HostSession<'_>, statement: &str, halves: bool) -> Result<Vec<u8>> {
    let facts = database.facts().clone();
    let names = names(statement, facts.dialect);
    let mut before = Vec::new();
    codec::put_list(&mut before, &names, |bytes, name| bytes.bytes(name.as_bytes()));
    before.bytes(&digest(database, &facts, &names).await?);
    before.byte(u8::from(halves));
    Ok(before)
}

/// What the database has under the names in a statement, for people: `table t, which has rows`.
pub(super) async fn found(database: &mut HostSession<'_>, statement: &str) -> Result<Vec<String>> {
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
                // To know that it is there is something already.
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

/// Kind, place and name of what has a name, in lower case. System catalogues are left out. Each dialect has catalogues of its
/// own.
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

pub(super) async fn digest(database: &mut HostSession<'_>, facts: &Facts, names: &[String]) -> Result<Vec<u8>> {
    let mut hasher = Sha256::new();
    for query in objects(facts.dialect) {
        for name in names {
            let found = database.query(query, &[Value::from(name.as_str())], QueryLimits::NONE).await?;
            if !found.rows.is_empty() {
                hasher.bytes(name.as_bytes());
                codec::put_row_set(&mut hasher, &found);
            }
        }
    }
    Ok(hasher.finalize().to_vec())
}

/// Everything that a schema has under one name, in lower case. Each dialect has catalogues of its own.
fn objects(dialect: Dialect) -> &'static [&'static str] {
    match dialect {
        Dialect::Sqlite => &[
            "SELECT type, name, tbl_name, sql FROM main.sqlite_schema WHERE ?1 IN (lower(name), lower(tbl_name)) ORDER BY 1, 2",
        ],
        // Of its statements that cannot be rolled back, only those that build an index are of this kind.
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
