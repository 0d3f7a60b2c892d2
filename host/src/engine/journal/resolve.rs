//! What became of a step that was begun and whose end nobody noted.

use sha2::{Digest, Sha256};

use super::codec::{self, Sink};
use super::store::Intent;
use crate::data::Value;
use crate::database::{Database, Dialect, Facts, QueryLimits};
use crate::error::Result;
use crate::sql::identifiers;

/// Whether only an operator can find out.
pub(super) fn waits_for_the_operator(intent: &Intent) -> bool {
    intent.kind != "transform" && intent.before.is_none()
}

/// What an intent keeps of a statement that the schema shows: the names in it, and a digest of all that the schema has under
/// them.
pub(super) async fn look(database: &mut dyn Database, facts: &Facts, statement: &str) -> Result<Vec<u8>> {
    let mut names = identifiers(statement, facts.dialect);
    names.iter_mut().for_each(|name| *name = name.to_lowercase());
    names.sort_unstable();
    names.dedup();
    let mut before = Vec::new();
    codec::put_list(&mut before, &names, |bytes, name| bytes.bytes(name.as_bytes()));
    before.bytes(&digest(database, facts, &names).await?);
    Ok(before)
}

/// Whether the schema is another under those names: a statement that takes effect wholly or not at all has taken effect.
/// None if that is not what [`look`] answered.
pub(super) async fn has_changed(database: &mut dyn Database, facts: &Facts, before: &[u8]) -> Result<Option<bool>> {
    let mut source = codec::Source::new(before);
    let (Some(names), Some(noted)) = (source.list(codec::Source::text), source.bytes()) else { return Ok(None) };
    Ok(Some(digest(database, facts, &names).await? != noted))
}

async fn digest(database: &mut dyn Database, facts: &Facts, names: &[String]) -> Result<Vec<u8>> {
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

/// Everything that a schema has under one name, in lower case.
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

const MYSQL: [&str; 8] = [
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
];
