//! What the order of rows reveals.
//!
//! Rows come in the order in which the database finds them. Where that is the order of an index or of a key, it reveals
//! how their values compare, also those of columns that a component may not read; with rows of its own among them, it
//! finds out the values. Neither SQLite's authorizer nor a right on columns prevents that, so it is named, for the
//! operator to decide.

use std::collections::{BTreeMap, BTreeSet};

use super::grants::{Grants, Need, Touched, Verb};
use super::{DatabaseError, DesiredLogin, Dialect, Facts, HostSession, QueryLimits, TableName};
use runner_data::Value;

/// The third column of [`question`] for what a table is divided by: no index has this name.
const PARTITIONS: &str = " ";

/// The columns of indexes, keys and partitions: schema, table, index (empty for the key of the table), and column; NULL for an expression
/// of which the columns are unknown.
fn question(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => {
            "SELECT NULL, m.name, iif(l.origin = 'pk', '', l.name), x.name FROM main.sqlite_schema m, \
             pragma_index_list(m.name, 'main') l, pragma_index_xinfo(l.name, 'main') x WHERE m.type = 'table' AND x.key \
             UNION SELECT NULL, m.name, '', c.name FROM main.sqlite_schema m, pragma_table_xinfo(m.name, 'main') c \
             WHERE m.type = 'table' AND c.pk > 0"
        }
        Dialect::Postgres => {
            "SELECT n.nspname::pg_catalog.text, t.relname::pg_catalog.text, i.relname::pg_catalog.text, a.attname::pg_catalog.text \
             FROM pg_catalog.pg_index x \
             JOIN pg_catalog.pg_class t ON t.oid OPERATOR(pg_catalog.=) x.indrelid \
             JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) t.relnamespace \
             JOIN pg_catalog.pg_class i ON i.oid OPERATOR(pg_catalog.=) x.indexrelid \
             JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) t.oid \
             WHERE a.attnum OPERATOR(pg_catalog.>) 0 AND (a.attnum OPERATOR(pg_catalog.=) ANY (x.indkey) \
             OR EXISTS (SELECT 1 FROM pg_catalog.pg_depend d WHERE d.objid OPERATOR(pg_catalog.=) i.oid \
             AND d.classid OPERATOR(pg_catalog.=) 1259::pg_catalog.oid AND d.refobjid OPERATOR(pg_catalog.=) t.oid \
             AND d.refobjsubid OPERATOR(pg_catalog.=) a.attnum)) \
             AND n.nspname OPERATOR(pg_catalog.<>) ALL (ARRAY['pg_catalog', 'pg_toast', 'information_schema']::pg_catalog.name[]) \
             UNION ALL SELECT n.nspname::pg_catalog.text, t.relname::pg_catalog.text, ' ', a.attname::pg_catalog.text \
             FROM pg_catalog.pg_partitioned_table x \
             JOIN pg_catalog.pg_class t ON t.oid OPERATOR(pg_catalog.=) x.partrelid \
             JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) t.relnamespace \
             CROSS JOIN LATERAL pg_catalog.unnest(x.partattrs) k (attnum) \
             LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) t.oid \
             AND a.attnum OPERATOR(pg_catalog.=) k.attnum AND k.attnum OPERATOR(pg_catalog.>) 0"
        }
        // The server opens the tables of each database that it is asked for.
        Dialect::Mysql | Dialect::Mariadb => {
            "SELECT table_schema, table_name, IF(index_name = 'PRIMARY', '', index_name), column_name \
             FROM information_schema.statistics WHERE table_schema = ? \
             UNION SELECT table_schema, table_name, ' ', NULL FROM information_schema.partitions \
             WHERE table_schema = ? AND partition_name IS NOT NULL"
        }
    }
}

/// An index, the key or the partitions of a table: its schema, the table, and the name, as in [`question`].
type Index = (String, String, String);

/// Returns the columns that components can learn about, although they may not read them, from the order of the rows
/// that they may read.
pub async fn revealed(database: &mut HostSession<'_>, wanted: &[DesiredLogin]) -> Result<Vec<String>, DatabaseError> {
    // A condition of a reader may contain a query, so this concerns components without `raw_sql`, too.
    let concerned = |login: &&DesiredLogin| {
        login.grants.tables.iter().any(|grant| grant.verb == Verb::Read && !grant.columns.is_empty())
    };
    let wanted: Vec<_> = wanted.iter().filter(concerned).collect();
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let facts = database.facts().clone();
    let mut indexes: BTreeMap<Index, BTreeSet<Option<String>>> = BTreeMap::new();
    for schema in schemas(&wanted, &facts) {
        let found = database.query(question(facts.dialect), &schema, QueryLimits::NONE).await?;
        for row in &found.rows {
            let text = |at: usize| row.get(at).and_then(Value::as_text).map(str::to_owned);
            let index = (text(0).unwrap_or_default(), text(1).unwrap_or_default(), text(2).unwrap_or_default());
            indexes.entry(index).or_default().insert(text(3));
        }
    }
    let notes = wanted.iter().flat_map(|login| notes(&login.id, &login.grants, &indexes, &facts));
    Ok(notes.collect())
}

/// The schemas to ask for, as the values of each question; the others are answered for all schemas at once.
fn schemas(wanted: &[&DesiredLogin], facts: &Facts) -> Vec<Vec<Value>> {
    if !facts.dialect.schemas_are_databases() {
        return vec![Vec::new()];
    }
    let named =
        wanted.iter().flat_map(|login| login.grants.tables.iter().filter_map(|grant| grant.tables.schema.clone()));
    let all: BTreeSet<String> = named.chain(facts.schema.clone()).collect();
    all.into_iter().map(|schema| vec![Value::Text(schema.clone()), Value::Text(schema)]).collect()
}

fn notes(id: &str, grants: &Grants, indexes: &BTreeMap<Index, BTreeSet<Option<String>>>, facts: &Facts) -> Vec<String> {
    let own = facts.schema.as_deref().unwrap_or("main");
    let grants = grants.within(own);
    let note = |((schema, table, index), columns): (&Index, &BTreeSet<Option<String>>)| {
        let schema = Some(schema).filter(|schema| !schema.is_empty() && *schema != own).cloned();
        let named = TableName { schema, name: table.clone() };
        let may_read =
            |columns| grants.allow(&Need::Table { verb: Verb::Read, table: named.clone(), columns }, facts.dialect);
        if !may_read(Touched::Table) || may_read(Touched::EveryColumn) {
            return None;
        }
        let hidden = columns.iter().filter_map(|column| match column {
            Some(column) if may_read(Touched::Column(column.clone())) => None,
            Some(column) => Some(format!("`{column}`")),
            None => Some("an expression".to_owned()),
        });
        let hidden: Vec<_> = hidden.collect();
        let through = match &**index {
            "" => "its key".to_owned(),
            PARTITIONS => "its partitions".to_owned(),
            index => format!("the index `{index}`"),
        };
        (!hidden.is_empty()).then(|| {
            format!("the order of the rows of `{named}` can reveal {} to `{id}`, through {through}", hidden.join(", "))
        })
    };
    indexes.iter().filter_map(note).collect()
}
