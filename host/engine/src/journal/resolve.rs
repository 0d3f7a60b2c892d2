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
use crate::call::{Call, CallKind, codec};
use runner_base::error::{Error, Result};
use runner_data::{RowSet, Value};
use runner_database::dialect_sql::SchemaProbe;
use runner_database::{Facts, HostSession, QueryLimits};
use runner_sql::{RemovedConcurrently, Tokens, catalog_names, is_repeatable, objects, removed_concurrently};

/// The digest of a schema without any of the objects: SHA-256 of nothing.
const NO_OBJECTS: [u8; 32] = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41,
    0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];

runner_base::named! {
    /// What is known about the outcome of a step that began and has no answer.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Known {
        /// The database shows that it took effect.
        TookEffect = "took-effect",
        /// The database shows that it did not take effect.
        NoEffect = "no-effect",
        /// It does not matter: the statement is idempotent.
        Repeatable = "repeatable",
        /// Only a part of it took effect.
        Halved = "halved",
        /// The database does not show it.
        Nothing = "nothing",
    }
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
    let (catalog, tokens) = (&facts.sql.catalog, Tokens::new(&intent.text, facts.dialect));
    if let (Some(removed), Some(sql)) = (removed_concurrently(&tokens), &catalog.removal) {
        let (question, outcomes) = match removed {
            // An interrupted one leaves an invalid index, which can be dropped again.
            RemovedConcurrently::Index(_) => (sql.is_valid, [Known::NoEffect, Known::Repeatable]),
            // Only `DETACH PARTITION … FINALIZE` can complete one that is pending.
            RemovedConcurrently::Partition(_) => (sql.is_pending, [Known::Halved, Known::NoEffect]),
        };
        return gone(database, intent.before.as_deref(), question, outcomes).await;
    }
    if let (Some(before), SchemaProbe::Queries { queries, .. }) = (&intent.before, catalog.probe) {
        // The table may have been changed by others: what cannot be read shows nothing.
        let Some(before) = codec::unpack::<SchemaBefore>(before) else { return Ok(Known::Nothing) };
        let now = digest(database, queries, None, &before.names).await?;
        return Ok(compared(before.may_be_halved, now == before.digest, now == NO_OBJECTS));
    }
    Ok(if is_repeatable(&tokens) { Known::Repeatable } else { Known::Nothing })
}

/// Returns what the objects of a statement show: whether they are as before, and whether none is left.
fn compared(halves: bool, is_same: bool, is_nothing: bool) -> Known {
    match halves {
        _ if is_same => Known::NoEffect,
        false => Known::TookEffect,
        // The objects are dropped one by one: if none is left, all were dropped.
        true if is_nothing => Known::TookEffect,
        true => Known::Halved,
    }
}

/// Returns what is known about a statement that removes an object: that it took effect if the question has no answer
/// for the object any more, else one of these two, for an answer that is true and one that is not.
async fn gone(
    database: &mut HostSession<'_>,
    before: Option<&[u8]>,
    question: &str,
    [if_so, if_not]: [Known; 2],
) -> Result<Known> {
    let Some(ObjectBefore { oid }) = before.and_then(codec::unpack) else { return Ok(Known::Nothing) };
    // Without an object there was nothing to do.
    let Some(oid) = oid else { return Ok(Known::NoEffect) };
    let found = database.query(question, &[oid.into()], QueryLimits::NONE).await?;
    Ok(match found.rows.first().map(|row| row.first().and_then(Value::as_text)) {
        None => Known::TookEffect,
        Some(Some("true")) => if_so,
        Some(_) => if_not,
    })
}

/// What an intent stores of the schema, so that a later probe can determine whether the statement took effect.
pub(super) enum Look {
    /// What was found.
    Found(Vec<u8>),
    /// An expression with which the server finds it when the intent is stored.
    Expression(String),
}

/// The first bytes of what a server has computed.
const COMPUTED: [u8; 8] = [0xff; 8];

/// Returns what the intent of a statement stores; `None` if its objects cannot be determined from its text. With `halves`,
/// the statement may be interrupted between two of its objects.
pub(super) async fn observe(database: &mut HostSession<'_>, call: &Call<'_>, halves: bool) -> Result<Option<Look>> {
    let facts = database.facts().clone();
    let tokens = call.tokens(facts.dialect);
    let (queries, at_once) = match facts.sql.catalog.probe {
        SchemaProbe::Queries { queries, at_once } => (queries, at_once),
        SchemaProbe::Expression(expression) => {
            let Some(objects) = objects::objects(&tokens, facts.schema.as_deref()) else {
                return Ok(None);
            };
            let (value, _) = expression(&objects, &facts);
            let head = hex::encode([&COMPUTED[..], &[u8::from(halves)]].concat());
            return Ok(Some(Look::Expression(format!("CONCAT(x'{head}', {value})"))));
        }
    };
    let at_once = at_once.filter(|_| call.kind == CallKind::Statement);
    let removed = removed_concurrently(&tokens);
    if let (Some(removed), Some(sql)) = (removed, &facts.sql.catalog.removal) {
        let (RemovedConcurrently::Index(name) | RemovedConcurrently::Partition(name)) = removed;
        let found = ask(database, sql.number, at_once, &name).await?;
        let oid = found.rows.first().and_then(|row| row.first()).and_then(Value::as_int64);
        return Ok(Some(Look::Found(codec::pack(&ObjectBefore { oid }))));
    }
    let names = catalog_names(&tokens);
    let digest = digest(database, queries, at_once, &names).await?;
    Ok(Some(Look::Found(codec::pack(&SchemaBefore { names, digest, may_be_halved: halves }))))
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
    let objects = objects::objects(&Tokens::new(statement, facts.dialect), facts.schema.as_deref());
    let (SchemaProbe::Expression(expression), Some(objects)) = (facts.sql.catalog.probe, objects) else {
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
    Ok(compared(halves, now == noted, now == nothing.as_bytes()))
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
    for name in catalog_names(&Tokens::new(statement, facts.dialect)) {
        let rows = database.query(facts.sql.catalog.named, &[name.as_str().into()], QueryLimits::NONE).await?.rows;
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

/// Returns the digest of everything in the schema that has one of these names. Later builds compare it: it never changes.
pub(super) async fn digest(
    database: &mut HostSession<'_>,
    queries: &[&str],
    at_once: Option<&[&str]>,
    names: &[String],
) -> Result<[u8; 32]> {
    // One question for all names: a server may be far away.
    let all = serde_json::Value::from(names).to_string();
    let mut answers = Vec::new();
    for query in queries {
        answers.push(ask(database, query, at_once, &all).await?);
    }
    Ok(digest_of(names, answers))
}

/// Asks a question with one text; `at_once`, as a literal: one message instead of five, because nothing is prepared. That is only for the
/// session of the host, and outside of transactions, and does not return the names of columns, which are these.
async fn ask(database: &mut HostSession<'_>, question: &str, at_once: Option<&[&str]>, text: &str) -> Result<RowSet> {
    let Some(columns) = at_once else {
        return Ok(database.query(question, &[text.into()], QueryLimits::NONE).await?);
    };
    let dialect = database.facts().dialect;
    let literal = dialect.host_literal(text).map_err(|why| Error::failed(format!("a name {why}")))?;
    let probe = database.probe(&[question.replace(&dialect.placeholder(1), &literal)]).await?;
    let columns = columns.iter().map(|column| (*column).to_owned()).collect();
    Ok(RowSet { columns, rows: probe.answers.into_iter().next().unwrap_or_default() })
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
