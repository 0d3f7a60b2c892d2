//! Determines the outcome of a step that began and has no answer.
//!
//! An intent has to show later whether a schema change took effect. The text names the objects; only those are asked
//! for, and only what the change can show: for `CREATE TABLE` and `DROP TABLE` whether the table exists, for an index
//! the indexes of its table, for `ALTER TABLE` the whole definition. The question is an expression in the `INSERT`
//! itself, so the server answers it where it is stored. Each object is named by equality: MariaDB opens every table of
//! a database for anything else, `IN` and `lower(…)` included.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::store::Intent;
use crate::call::canonical::{self, Sink};
use crate::call::{Call, CallKind, is_repeatable, stored};
use crate::schema::objects::expression;
use runner_base::error::{Error, Result};
use runner_data::{RowSet, Value};
use runner_database::{Dialect, Facts, HostSession, QueryLimits};
use runner_sql::{RemovedConcurrently, folded_names, identifiers, objects, removed_concurrently};

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
    if let Some((halves, noted)) = intent.before.as_deref().and_then(computed) {
        return known_to_server(database, &facts, &intent.text, halves, noted).await;
    }
    if let Some(removed) = removed_concurrently(&intent.text, facts.dialect) {
        let (question, outcomes) = match removed {
            // An interrupted one leaves an invalid index, which can be dropped again.
            RemovedConcurrently::Index(_) => (IS_VALID, [Known::NoEffect, Known::Repeatable]),
            // Only `DETACH PARTITION … FINALIZE` can complete one that is pending.
            RemovedConcurrently::Partition(_) => (IS_PENDING, [Known::Halved, Known::NoEffect]),
        };
        return gone(database, intent.before.as_deref(), question, outcomes).await;
    }
    if let (Some(before), false) = (&intent.before, computes(facts.dialect)) {
        // The table may have been changed by others: what cannot be read shows nothing.
        let Some(before) = stored::unpack::<SchemaBefore>(before) else { return Ok(Known::Nothing) };
        let now = digest(database, &facts, &before.names).await?;
        return Ok(match before.may_be_halved {
            _ if now == before.digest => Known::NoEffect,
            false => Known::TookEffect,
            // The objects are dropped one by one: if none is left, all were dropped.
            true if now == NO_OBJECTS => Known::TookEffect,
            true => Known::Halved,
        });
    }
    Ok(if is_repeatable(&intent.text, facts.dialect) { Known::Repeatable } else { Known::Nothing })
}

/// Returns what is known about a statement that removes an object: that it took effect if the question has no answer
/// for the object any more, else one of these two, for an answer that is true and one that is not.
async fn gone(
    database: &mut HostSession<'_>,
    before: Option<&[u8]>,
    question: &str,
    [if_so, if_not]: [Known; 2],
) -> Result<Known> {
    let Some(ObjectBefore { oid }) = before.and_then(stored::unpack) else { return Ok(Known::Nothing) };
    // Without an object there was nothing to do.
    let Some(oid) = oid else { return Ok(Known::NoEffect) };
    let found = database.query(question, &[oid.into()], QueryLimits::NONE).await?;
    Ok(match found.rows.first().map(|row| row.first().and_then(Value::as_text)) {
        None => Known::TookEffect,
        Some(Some("true")) => if_so,
        Some(_) => if_not,
    })
}

/// Whether an index is valid.
const IS_VALID: &str = "SELECT i.indisvalid::pg_catalog.text FROM pg_catalog.pg_index i \
    WHERE i.indexrelid OPERATOR(pg_catalog.=) $1::pg_catalog.int8::pg_catalog.oid";

/// Whether a partition is half detached. The column is new in version 14.
const IS_PENDING: &str = "SELECT pg_catalog.to_jsonb(i) OPERATOR(pg_catalog.->>) 'inhdetachpending'::pg_catalog.text \
    FROM pg_catalog.pg_inherits i WHERE i.inhrelid OPERATOR(pg_catalog.=) $1::pg_catalog.int8::pg_catalog.oid";

/// The object of a name, which may depend on the settings of the session.
const OBJECT: &str = "SELECT pg_catalog.to_regclass($1::pg_catalog.text)::pg_catalog.oid::pg_catalog.int8";

/// What an intent stores of the schema, so that a later probe can determine whether the statement took effect.
pub(super) enum Look {
    /// What was found.
    Found(Vec<u8>),
    /// An expression with which the server finds it when the intent is stored.
    Expression(String),
}

/// The first bytes of what a server has computed.
const COMPUTED: [u8; 8] = [0xff; 8];

/// Whether the server computes what an intent stores.
fn computes(dialect: Dialect) -> bool {
    matches!(dialect, Dialect::Mysql | Dialect::Mariadb)
}

/// Returns what the intent of a statement stores; `None` if its objects cannot be determined from its text. With `halves`,
/// the statement may be interrupted between two of its objects.
pub(super) async fn look(database: &mut HostSession<'_>, call: &Call<'_>, halves: bool) -> Result<Option<Look>> {
    let statement = call.text;
    let facts = database.facts().clone();
    if computes(facts.dialect) {
        let Some(objects) = objects::objects(statement, facts.dialect, facts.schema.as_deref()) else {
            return Ok(None);
        };
        let (value, _) = expression(&objects, &facts);
        let head = hex::encode([&COMPUTED[..], &[u8::from(halves)]].concat());
        return Ok(Some(Look::Expression(format!("CONCAT(x'{head}', {value})"))));
    }
    let is_at_once = facts.dialect == Dialect::Postgres && call.kind == CallKind::Statement;
    if let Some(removed) = removed_concurrently(statement, facts.dialect) {
        let (RemovedConcurrently::Index(name) | RemovedConcurrently::Partition(name)) = removed;
        let rows = match is_at_once {
            true => ask_at_once(database, OBJECT, &name).await?,
            false => database.query(OBJECT, &[name.as_str().into()], QueryLimits::NONE).await?.rows,
        };
        let oid = rows.first().and_then(|row| row.first()).and_then(Value::as_int64);
        return Ok(Some(Look::Found(stored::pack(&ObjectBefore { oid }))));
    }
    let names = names(statement, facts.dialect);
    let digest = match is_at_once {
        true => digest_at_once(database, &names).await?,
        false => digest(database, &facts, &names).await?,
    };
    Ok(Some(Look::Found(stored::pack(&SchemaBefore { names, digest, may_be_halved: halves }))))
}

/// Returns whether the statement may be interrupted between two of its objects, and what the server has computed.
fn computed(before: &[u8]) -> Option<(bool, &[u8])> {
    let (halves, noted) = before.strip_prefix(&COMPUTED[..])?.split_first()?;
    Some((*halves == 1, noted))
}

/// Returns what the same expression shows now.
async fn known_to_server(
    database: &mut HostSession<'_>,
    facts: &Facts,
    statement: &str,
    halves: bool,
    noted: &[u8],
) -> Result<Known> {
    let Some(objects) = objects::objects(statement, facts.dialect, facts.schema.as_deref()) else {
        return Ok(Known::Nothing);
    };
    let (value, nothing) = expression(&objects, facts);
    let found = database.query(&format!("SELECT {value}"), &[], QueryLimits::NONE).await?;
    let now = match found.rows.first().and_then(|row| row.first()) {
        Some(Value::Text(text)) => text.as_bytes(),
        // On MariaDB 11.4.5, a text with a `COUNT(*)` in it is binary.
        Some(Value::Bytes(bytes)) => bytes.as_slice(),
        _ => return Ok(Known::Nothing),
    };
    Ok(match halves {
        _ if now == noted => Known::NoEffect,
        false => Known::TookEffect,
        // The objects are dropped one by one: if none is left, all were dropped.
        true if now == nothing.as_bytes() => Known::TookEffect,
        true => Known::Halved,
    })
}

/// The index that a statement drops, or the partition that it detaches, as an intent stores it. Its name alone does not
/// identify it: it depends on the settings of the session.
#[derive(Serialize, Deserialize)]
struct ObjectBefore {
    /// `None` if there was none.
    oid: Option<i64>,
}

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
    let mut names = match dialect {
        Dialect::Postgres => folded_names(statement),
        Dialect::Sqlite => identifiers(statement, dialect).iter().map(|name| name.to_ascii_lowercase()).collect(),
        Dialect::Mysql | Dialect::Mariadb => {
            identifiers(statement, dialect).iter().map(|name| name.to_lowercase()).collect()
        }
    };
    names.sort_unstable();
    names.dedup();
    names
}

/// Returns the query for kind, schema and name of the objects with one of [`names`], outside the system catalogues.
fn named(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => "SELECT type, '', name FROM main.sqlite_schema WHERE lower(name) = ?1 ORDER BY 1, 3",
        Dialect::Postgres => {
            "SELECT CASE WHEN c.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['r', 'p']::pg_catalog.\"char\"[]) THEN 'table' \
             WHEN c.relkind OPERATOR(pg_catalog.=) 'i' THEN CASE WHEN (SELECT i.indisvalid FROM pg_catalog.pg_index i \
             WHERE i.indexrelid OPERATOR(pg_catalog.=) c.oid) THEN 'index' ELSE 'invalid index' END \
             WHEN c.relkind OPERATOR(pg_catalog.=) 'v' THEN 'view' \
             WHEN c.relkind OPERATOR(pg_catalog.=) 'm' THEN 'materialized view' \
             WHEN c.relkind OPERATOR(pg_catalog.=) 'S' THEN 'sequence' \
             ELSE 'relation' END, n.nspname::pg_catalog.text, c.relname::pg_catalog.text FROM pg_catalog.pg_class c \
             JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
             WHERE (c.relname::pg_catalog.text OPERATOR(pg_catalog.=) $1::pg_catalog.text \
             OR pg_catalog.lower(c.relname::pg_catalog.text) OPERATOR(pg_catalog.=) $1::pg_catalog.text) \
             AND n.nspname OPERATOR(pg_catalog.<>) ALL \
                 (ARRAY['pg_catalog', 'information_schema', 'runner']::pg_catalog.name[]) \
             AND n.nspname OPERATOR(pg_catalog.!~~) 'pg\\_t%' \
             UNION ALL SELECT 'function', n.nspname::pg_catalog.text, p.proname::pg_catalog.text \
             FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace \
             WHERE (p.proname::pg_catalog.text OPERATOR(pg_catalog.=) $1::pg_catalog.text \
             OR pg_catalog.lower(p.proname::pg_catalog.text) OPERATOR(pg_catalog.=) $1::pg_catalog.text) \
             AND n.nspname OPERATOR(pg_catalog.<>) ALL \
                 (ARRAY['pg_catalog', 'information_schema']::pg_catalog.name[]) ORDER BY 1, 2"
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
    // One question for all names: a server may be far away.
    let all = Value::from(as_json(names));
    let mut answers = Vec::new();
    for query in queries(facts.dialect) {
        answers.push(database.query(query, std::slice::from_ref(&all), QueryLimits::NONE).await?);
    }
    Ok(digest_of(names, answers))
}

/// The same on PostgreSQL, at once.
pub(super) async fn digest_at_once(database: &mut HostSession<'_>, names: &[String]) -> Result<[u8; 32]> {
    let (all, mut answers) = (as_json(names), Vec::new());
    for query in queries(Dialect::Postgres) {
        let columns = ["value", "nspname", "relname", "pg_get_indexdef"].map(str::to_owned).to_vec();
        answers.push(RowSet { columns, rows: ask_at_once(database, query, &all).await? });
    }
    Ok(digest_of(names, answers))
}

/// Asks PostgreSQL a question with one text, `$1`, as a literal: one message instead of five, because nothing is prepared. Only for
/// the session of the host, and outside of transactions.
async fn ask_at_once(database: &mut HostSession<'_>, question: &str, text: &str) -> Result<Vec<Vec<Value>>> {
    let literal = Dialect::Postgres.host_literal(text).map_err(|why| Error::failed(format!("a name {why}")))?;
    let probe = database.probe(&[question.replace("$1", &literal)]).await?;
    Ok(probe.answers.into_iter().next().unwrap_or_default())
}

fn as_json(names: &[String]) -> String {
    serde_json::Value::from(names).to_string()
}

fn digest_of(names: &[String], answers: Vec<RowSet>) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for RowSet { columns, rows } in answers {
        let mut found: BTreeMap<String, Vec<Vec<Value>>> = BTreeMap::new();
        for mut row in rows {
            let rest = row.split_off(row.len().min(1));
            let name = row.first().and_then(Value::as_text).unwrap_or_default();
            found.entry(name.to_owned()).or_default().push(rest);
        }
        for name in names {
            if let Some(rows) = found.get(name).cloned() {
                hasher.bytes(name.as_bytes());
                let columns = columns.iter().skip(1).cloned().collect();
                canonical::put_row_set(&mut hasher, &RowSet { columns, rows });
            }
        }
    }
    hasher.finalize().into()
}

/// Returns the queries for everything in a schema that belongs to one of [`names`], which is the first column of each row. Parameter:
/// the names, as JSON. Earlier builds stored them all in lower case.
fn queries(dialect: Dialect) -> &'static [&'static str] {
    match dialect {
        Dialect::Sqlite => &["SELECT m.value, s.type, s.name, s.tbl_name, s.sql FROM json_each(?1) m \
             JOIN main.sqlite_schema s ON m.value IN (lower(s.name), lower(s.tbl_name)) ORDER BY 2, 3"],
        // Of PostgreSQL's statements that cannot be rolled back, the schema shows only those that build an index. The last condition
        // follows from the join: it is hashed, and leaves few indexes for it.
        Dialect::Postgres => &[
            "SELECT m.value, n.nspname::pg_catalog.text, c.relname::pg_catalog.text, pg_catalog.pg_get_indexdef(c.oid) \
             FROM pg_catalog.pg_index i \
             JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) i.indexrelid \
             JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
             JOIN pg_catalog.json_array_elements_text($1::pg_catalog.text::pg_catalog.json) m (value) \
             ON c.relname::pg_catalog.text OPERATOR(pg_catalog.=) m.value \
             OR pg_catalog.lower(c.relname::pg_catalog.text) OPERATOR(pg_catalog.=) m.value \
             WHERE i.indisvalid AND (c.relname::pg_catalog.text OPERATOR(pg_catalog.=) ANY (SELECT l.value \
             FROM pg_catalog.json_array_elements_text($1::pg_catalog.text::pg_catalog.json) l (value)) \
             OR pg_catalog.lower(c.relname::pg_catalog.text) OPERATOR(pg_catalog.=) ANY (SELECT l.value \
             FROM pg_catalog.json_array_elements_text($1::pg_catalog.text::pg_catalog.json) l (value))) \
             ORDER BY 2, 3",
        ],
        // The server computes it itself: see `look`.
        Dialect::Mysql | Dialect::Mariadb => &[],
    }
}
