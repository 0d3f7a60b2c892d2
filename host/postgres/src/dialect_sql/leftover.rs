//! Indexes that a failed or killed statement left: `CREATE INDEX CONCURRENTLY` an invalid index, which occupies the name and slows down
//! writes; with `IF NOT EXISTS` it would even be taken for a valid one. `REINDEX … CONCURRENTLY` leaves copies, which slow down writes.

use runner_database::Dialect;
use runner_sql::{Tokens, concurrent_index, rebuilt_concurrently};

/// The question for what a statement may leave, if it may, and whether that is in its way.
pub(super) fn question(statement: &str) -> Option<(String, bool)> {
    // In one message, as nothing is prepared. What cannot be spelled does not exist.
    let spelled = |text: &str| Dialect::Postgres.host_literal(text).ok();
    let tokens = Tokens::new(statement, Dialect::Postgres);
    if let Some(index) = concurrent_index(&tokens) {
        return Some((unfinished(&spelled(&index.name)?, &spelled(&index.table)?), true));
    }
    let name = rebuilt_concurrently(&tokens)?;
    Some((half_rebuilt(&spelled(&name)?), false))
}

/// The question for an unfinished index with this name and table, both spelled as texts, that no session is building.
fn unfinished(name: &str, table: &str) -> String {
    format!(
        "SELECT n.nspname::pg_catalog.text, c.relname::pg_catalog.text FROM pg_catalog.pg_index i \
         JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) i.indexrelid \
         JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
         WHERE NOT i.indisvalid AND c.relname::pg_catalog.text OPERATOR(pg_catalog.=) {name}::pg_catalog.text \
         AND i.indrelid OPERATOR(pg_catalog.=) pg_catalog.to_regclass({table}::pg_catalog.text)::pg_catalog.oid \
         AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_stat_progress_create_index p \
         WHERE p.index_relid OPERATOR(pg_catalog.=) c.oid)"
    )
}

/// The question for what a `REINDEX … CONCURRENTLY` of an index or a table, whose name is spelled as a text, left: copies that were to
/// take the place of indexes, and indexes whose place was taken, those of partitions and of TOAST tables too. Such an index has the
/// name of the other one, cut off if it would be too long, and an ending. There is no answer while any session builds an index of one
/// of the tables, or one of which this role may not know the table.
fn half_rebuilt(name: &str) -> String {
    let named = format!("pg_catalog.to_regclass({name}::pg_catalog.text)");
    format!(
        "WITH named AS (SELECT {named}::pg_catalog.oid AS oid \
         UNION SELECT relid::pg_catalog.oid FROM pg_catalog.pg_partition_tree({named})), \
         owners AS (SELECT oid FROM named UNION SELECT x.indrelid FROM pg_catalog.pg_index x \
         WHERE x.indexrelid OPERATOR(pg_catalog.=) ANY (SELECT oid FROM named)), \
         tables AS (SELECT oid FROM owners UNION SELECT t.reltoastrelid FROM pg_catalog.pg_class t \
         WHERE t.oid OPERATOR(pg_catalog.=) ANY (SELECT oid FROM owners)), \
         left_over AS (SELECT n.nspname, c.relname, i.indrelid, i.indexrelid, \
         pg_catalog.regexp_replace(c.relname::pg_catalog.text, '_cc(new|old)[0-9]*$', '') AS other FROM pg_catalog.pg_index i \
         JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) i.indexrelid \
         JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
         WHERE NOT i.indisvalid AND i.indrelid OPERATOR(pg_catalog.=) ANY (SELECT oid FROM tables)) \
         SELECT l.nspname::pg_catalog.text, l.relname::pg_catalog.text FROM left_over l \
         WHERE l.relname::pg_catalog.text OPERATOR(pg_catalog.<>) l.other AND EXISTS (SELECT 1 FROM pg_catalog.pg_index o \
         JOIN pg_catalog.pg_class k ON k.oid OPERATOR(pg_catalog.=) o.indexrelid \
         WHERE (o.indexrelid OPERATOR(pg_catalog.=) ANY (SELECT oid FROM named) \
         OR o.indrelid OPERATOR(pg_catalog.=) ANY (SELECT oid FROM named UNION SELECT t.reltoastrelid FROM pg_catalog.pg_class t \
         WHERE t.oid OPERATOR(pg_catalog.=) ANY (SELECT oid FROM named))) \
         AND o.indrelid OPERATOR(pg_catalog.=) l.indrelid AND o.indexrelid OPERATOR(pg_catalog.<>) l.indexrelid \
         AND (k.relname::pg_catalog.text OPERATOR(pg_catalog.=) l.other \
         OR pg_catalog.octet_length(l.relname::pg_catalog.text) OPERATOR(pg_catalog.>=) {CUT_OFF} \
         AND pg_catalog.starts_with(k.relname::pg_catalog.text, l.other))) \
         AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_stat_progress_create_index p \
         WHERE p.datname OPERATOR(pg_catalog.=) pg_catalog.current_database() \
         AND (p.relid IS NULL OR p.relid OPERATOR(pg_catalog.=) ANY (SELECT oid FROM tables))) \
         ORDER BY l.nspname OPERATOR(pg_catalog.=) 'pg_toast'::pg_catalog.name, l.relname"
    )
}

/// A name with so many bytes may have been cut off: 63 have room, and no character is cut in two.
const CUT_OFF: usize = 60;
