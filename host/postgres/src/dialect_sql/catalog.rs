//! Questions to the catalog of PostgreSQL.

use super::leftover;
use runner_database::Dialect;
use runner_database::dialect_sql::{CatalogSql, RemovalSql, SchemaProbe};

/// All of them.
pub(super) const CATALOG: CatalogSql = CatalogSql {
    tables: "SELECT n.nspname::pg_catalog.text, c.relname::pg_catalog.text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n \
             ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
             WHERE c.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['r', 'p', 'f']::pg_catalog.\"char\"[]) \
             AND NOT c.relispartition \
             AND NOT n.nspname::pg_catalog.text OPERATOR(pg_catalog.~) '^(pg_|information_schema$)' \
             AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d \
             WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass \
             AND d.objid OPERATOR(pg_catalog.=) c.oid AND d.deptype OPERATOR(pg_catalog.=) 'e'::pg_catalog.\"char\")",
    has_schemas: true,
    // The server suggests names by itself, and answers nothing more in the transaction.
    columns: None,
    named: "SELECT CASE WHEN c.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['r', 'p']::pg_catalog.\"char\"[]) THEN 'table' \
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
                 (ARRAY['pg_catalog', 'information_schema']::pg_catalog.name[]) ORDER BY 1, 2",
    probe: SchemaProbe::Queries {
        queries: &[PROBE],
        at_once: Some(&["value", "nspname", "relname", "pg_get_indexdef"]),
    },
    removal: Some(RemovalSql { number: NUMBER, is_valid: IS_VALID, is_pending: IS_PENDING }),
    leftover: leftover::question,
    row_estimate: |table| {
        let quoted = table.quoted(Dialect::Postgres);
        Some((ESTIMATE, vec![quoted.into()]))
    },
    lasting: None,
    cascade: None,
    data_version: None,
};

/// What belongs to one of some names. Of the statements that cannot be rolled back, the schema shows only those that build an index. The
/// last condition follows from the join: it is hashed, and leaves few indexes for it.
const PROBE: &str = "SELECT m.value, n.nspname::pg_catalog.text, c.relname::pg_catalog.text, pg_catalog.pg_get_indexdef(c.oid) \
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
             ORDER BY 2, 3";

/// The number of the object of a name, which may depend on the settings of the session.
const NUMBER: &str = "SELECT pg_catalog.to_regclass($1::pg_catalog.text)::pg_catalog.oid::pg_catalog.int8";

/// Whether an index is valid.
const IS_VALID: &str = "SELECT i.indisvalid::pg_catalog.text FROM pg_catalog.pg_index i \
    WHERE i.indexrelid OPERATOR(pg_catalog.=) $1::pg_catalog.int8::pg_catalog.oid";

/// Whether a partition is half detached. The column is new in version 14.
const IS_PENDING: &str = "SELECT pg_catalog.to_jsonb(i) OPERATOR(pg_catalog.->>) 'inhdetachpending'::pg_catalog.text \
    FROM pg_catalog.pg_inherits i WHERE i.inhrelid OPERATOR(pg_catalog.=) $1::pg_catalog.int8::pg_catalog.oid";

/// The estimate for a table. Parameter: its quoted name. A table that was never analysed has none.
const ESTIMATE: &str = "SELECT CASE WHEN c.reltuples OPERATOR(pg_catalog.>) 0 THEN c.reltuples::bigint END \
     FROM pg_catalog.pg_class c \
     WHERE c.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($1::pg_catalog.text)::pg_catalog.oid";
