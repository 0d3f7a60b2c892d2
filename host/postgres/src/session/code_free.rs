//! Whether the rows of a table can be read and written without running any code but the server's own.
//!
//! A migration's code reaches the transaction of a chunk only through what the chunk works on: the triggers, rules, policies, checks,
//! generated columns and defaults of its tables, the expressions of their indexes and statistics, types and operators that are not the
//! server's own; all of these but the triggers also of tables to which a foreign key leads, since the server plans a look into them;
//! and the filter, which is the component's. Where there is none of that, nothing can change runner's own tables or what the session
//! is, so the transaction needs nothing that guards them, and what is known of the tables stays true as long as their rows in the
//! catalogue are the same. That is one question, in the message that begins the transaction, instead of seven.
//!
//! What only a superuser can make counts as the server's own: operator classes, access methods. So do foreign keys that only
//! look. A check or an index with an expression does not, even one of the server's own functions, since some of those run a text
//! (`query_to_xml`). Nothing is locked: a trigger that another session makes between this question and the first write runs in that one
//! transaction, with the rights that it would have in any other.

use crate::host_sql::literal;
use crate::types::built_in_numbers;
use runner_database::{Dialect, TableName, TableSource, TableTarget, WriteMode};

/// The functions of triggers that check a foreign key, and change no row: `RI_FKey_check_ins`, `_check_upd`, `_restrict_del`,
/// `_restrict_upd`, `_noaction_del`, `_noaction_upd`. Their numbers are the same in all versions of the server.
pub(crate) const CHECKS_ONLY: &str = "ARRAY[1644, 1645, 1648, 1649, 1654, 1655]::pg_catalog.oid[]";

/// Types of the server's own whose comparisons are looked up on the path: `json` and `jsonb`.
const NOT_COMPARED: &str = "114, 3802";

/// The expression for the version of both tables, or NULL if code can run. `{tables}`: their numbers; `{filled}`: the number of a table
/// whose defaults are computed; `{key}`: the columns that are compared.
const VERSION: &str = "\
    (SELECT CASE WHEN pg_catalog.bool_and(c.relkind OPERATOR(pg_catalog.=) 'r' AND c.relam OPERATOR(pg_catalog.=) 2::pg_catalog.oid \
            AND NOT (c.relhasrules OR c.relhassubclass OR c.relispartition OR c.relrowsecurity) \
            AND c.relchecks OPERATOR(pg_catalog.=) 0 \
            AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid OPERATOR(pg_catalog.=) c.oid \
                AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped \
                AND (a.attgenerated OPERATOR(pg_catalog.<>) '' \
                    OR a.atthasdef AND c.oid OPERATOR(pg_catalog.=) {filled} \
                    OR a.atttypid OPERATOR(pg_catalog.<>) ALL (ARRAY[{compared}]::pg_catalog.oid[]) \
                        AND (a.atttypid OPERATOR(pg_catalog.<>) ALL (ARRAY[{not_compared}]::pg_catalog.oid[]) \
                            OR a.attname OPERATOR(pg_catalog.=) ANY (ARRAY[{key}]::pg_catalog.name[])))) \
            AND NOT EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid OPERATOR(pg_catalog.=) c.oid \
                AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL)) \
            AND NOT EXISTS (SELECT FROM pg_catalog.pg_statistic_ext x WHERE x.stxrelid OPERATOR(pg_catalog.=) c.oid) \
            AND (NOT c.relhastriggers OR c.oid OPERATOR(pg_catalog.<>) ALL ({tables}) \
                OR NOT EXISTS (SELECT FROM pg_catalog.pg_trigger g WHERE g.tgrelid OPERATOR(pg_catalog.=) c.oid \
                    AND (NOT g.tgisinternal OR g.tgdeferrable \
                        OR g.tgfoid OPERATOR(pg_catalog.<>) ALL ({checks_only}))))) \
        THEN pg_catalog.string_agg(pg_catalog.concat_ws(' ', c.oid, c.xmin, c.relnamespace::pg_catalog.regnamespace, \
            (SELECT pg_catalog.concat_ws(' ', pg_catalog.count(*), pg_catalog.sum(a.xmin::pg_catalog.text::pg_catalog.int8)) \
                FROM pg_catalog.pg_attribute a WHERE a.attrelid OPERATOR(pg_catalog.=) c.oid), \
            (SELECT pg_catalog.concat_ws(' ', pg_catalog.count(*), pg_catalog.sum(i.xmin::pg_catalog.text::pg_catalog.int8)) \
                FROM pg_catalog.pg_index i WHERE i.indrelid OPERATOR(pg_catalog.=) c.oid)), ';' ORDER BY c.oid) END \
        FROM pg_catalog.pg_class c WHERE c.oid OPERATOR(pg_catalog.=) ANY (pg_catalog.array_cat({tables}, ARRAY( \
            SELECT g.tgconstrrelid FROM pg_catalog.pg_trigger g WHERE g.tgrelid OPERATOR(pg_catalog.=) ANY ({tables})))) \
        HAVING pg_catalog.count(*) FILTER (WHERE c.oid OPERATOR(pg_catalog.=) ANY ({tables})) OPERATOR(pg_catalog.=) {count})";

/// The types whose comparisons are spelled with their schema.
fn compared() -> String {
    let is_spelled = |name: &&str| Dialect::Postgres.comparison("=", name) != "=";
    let numbers = built_in_numbers().filter(|(_, name)| is_spelled(name)).map(|(number, _)| number.to_string());
    numbers.collect::<Vec<_>>().join(", ")
}

/// The expression for the version of the tables that a transform reads and writes, which is NULL if they run code; `None` if the transform
/// runs some by itself.
pub(crate) fn version(source: &TableSource, target: &TableTarget) -> Option<String> {
    if source.filter.is_some() {
        return None;
    }
    let number = |table: &TableName| {
        format!("pg_catalog.to_regclass({})::pg_catalog.oid", literal(&table.quoted(Dialect::Postgres)))
    };
    let (read, written) = (number(&source.table), number(&target.table));
    let inserts = matches!(target.mode, WriteMode::Insert | WriteMode::Upsert);
    let (tables, count) = match source.table == target.table {
        true => (read, "1"),
        false => (format!("{read}, {written}"), "2"),
    };
    let key: Vec<String> = source.key.iter().chain(&target.key).map(|name| literal(name)).collect();
    let version = VERSION
        .replace("{filled}", if inserts { &written } else { "0::pg_catalog.oid" })
        .replace("{checks_only}", CHECKS_ONLY)
        .replace("{compared}", &compared())
        .replace("{not_compared}", NOT_COMPARED)
        .replace("{count}", count)
        .replace("{tables}", &format!("ARRAY[{tables}]::pg_catalog.oid[]"))
        .replace("{key}", &key.join(", "));
    Some(version)
}
