//! Keeping others from changing what a transform has read and is going to write.
//!
//! In `READ COMMITTED`, a row may change between the page that reads it and the statement that writes it, and the change would be
//! overwritten.
//!
//! So before it reads, a transform that writes to the table it reads locks that table in `SHARE ROW EXCLUSIVE` mode,
//! subject to `table_lock_timeout` and retries like any other lock. Others read it, and change no row until the
//! migration commits: then every row is in the new form, also one that would have been inserted meanwhile. A table that
//! has to stay writable calls for a stepwise transform.
//!
//! A view, and a partition or what it is a partition of, are other relations with the same rows. So the tables that
//! source and target are made of are compared, by what rules depend on and what inherits. Of a view, the tables are
//! locked that both have and that the user may lock, those that it only looks things up in included: the catalogue does
//! not say which are written, since an `INSTEAD OF` trigger decides that, and held, lookups are the same for all rows.
//! To lock the view itself would take its owner's right to lock all that it mentions. What a view reads in a function
//! is not known. A user with rights on some columns may not lock the table; then all its rows are locked by
//! `SELECT … FOR NO KEY UPDATE`. A transform into another table locks nothing: a migration that drops the source
//! afterwards begins with `LOCK TABLE t IN SHARE MODE`, as does one that needs one state of a lookup.
//!
//! Rejected: `FOR NO KEY UPDATE` in each page, which marks and logs every row, and could not be read ahead; `xmin`
//! compared when writing, which takes a savepoint for each chunk and misses inserted rows; `REPEATABLE READ`, in which
//! one change anywhere fails all of it.

use sqlx::postgres::PgRow;

use crate::error::Result;
use crate::host_sql::{filled, in_server, literal, rows, simple, text_of, without_place};
use crate::session::Session;
use runner_database::{Dialect, TableName, TableSource, TableTarget, WriteMode};

/// A query for what is to be held of the relation `$2`, if any of its rows may be rows of `$1`: how, the qualified name, and whether the
/// user may change rows. `table`, if the user may lock it as a whole; `rows`, if the user has been granted only some of its columns.
///
/// The rows are the same where both are one table, but also where one of them is a view of the other or its partition, so what both are
/// made of is compared. Of a view the tables are held that both have and that the user may lock, not the view: that would take its owner's
/// right to lock whatever it mentions.
const HOW: &str = "\
    WITH RECURSIVE below AS ( \
        (SELECT true AS is_source, pg_catalog.to_regclass($1)::pg_catalog.oid AS relation \
            UNION ALL SELECT false, pg_catalog.to_regclass($2)::pg_catalog.oid) \
        UNION SELECT below.is_source, part.relation FROM below CROSS JOIN LATERAL ( \
            SELECT d.refobjid AS relation FROM pg_catalog.pg_rewrite w \
            JOIN pg_catalog.pg_depend d ON d.objid OPERATOR(pg_catalog.=) w.oid \
                AND d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_rewrite'::pg_catalog.regclass::pg_catalog.oid \
                AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid \
            WHERE w.ev_class OPERATOR(pg_catalog.=) below.relation \
            UNION ALL SELECT i.inhrelid FROM pg_catalog.pg_inherits i \
            WHERE i.inhparent OPERATOR(pg_catalog.=) below.relation) part) \
    SELECT CASE WHEN pg_catalog.has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE') THEN 'table' ELSE 'rows' END, \
        pg_catalog.concat(pg_catalog.quote_ident(n.nspname), '.', pg_catalog.quote_ident(c.relname)), \
        pg_catalog.has_any_column_privilege(c.oid, 'UPDATE') OR pg_catalog.has_table_privilege(c.oid, 'DELETE') \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
    JOIN pg_catalog.pg_class goal ON goal.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($2)::pg_catalog.oid \
    WHERE c.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['r', 'p']::pg_catalog.\"char\"[]) \
        AND EXISTS (SELECT FROM below source JOIN below target ON source.relation OPERATOR(pg_catalog.=) target.relation \
            WHERE source.is_source AND NOT target.is_source AND (c.oid OPERATOR(pg_catalog.=) goal.oid \
                OR goal.relkind OPERATOR(pg_catalog.=) 'v' AND c.oid OPERATOR(pg_catalog.=) target.relation \
                    AND pg_catalog.has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE'))) \
    ORDER BY c.oid";

/// Locks what a transform into `target` has read of `source`, if their rows may be the same.
pub(crate) async fn hold(session: &mut Session, source: &TableSource, target: &TableTarget) -> Result<()> {
    if !session.has_transaction() || target.mode == WriteMode::Insert {
        return Ok(());
    }
    let quoted = |table: &TableName| literal(&table.quoted(Dialect::Postgres));
    let ask = filled(HOW, &[quoted(&source.table), quoted(&target.table)])?;
    if session.is_gated() {
        return hold_gated(session, &ask).await;
    }
    let scope = session.enter(None).await?;
    let watch = session.watch();
    let connection = session.wire().0;
    let held = watch
        .run(async {
            let found = rows(connection, &ask).await?;
            let of = |how: &str| names(&found, |row| text_of(row, 0).as_deref() == Some(how));
            let tables = of("table");
            if !tables.is_empty() {
                simple(connection, &in_server(&lock(&tables))).await.map_err(without_place)?;
            }
            for table in of("rows") {
                let all = format!("SELECT pg_catalog.count(*) FROM (SELECT 1 FROM {table} FOR NO KEY UPDATE) held");
                simple(connection, &in_server(&all)).await.map_err(without_place)?;
            }
            Ok(())
        })
        .await;
    session.leave(scope, held).await
}

/// Locks the table as the owner of the gate, if the login may change rows of it.
async fn hold_gated(session: &mut Session, ask: &str) -> Result<()> {
    let scope = session.enter(None).await?;
    let found = session.link_mut().rows(ask).await;
    let found = session.leave(scope, found).await?;
    let tables = names(&found, |row| text_of(row, 2).as_deref() == Some("t"));
    if tables.is_empty() { Ok(()) } else { session.write_gated(&lock(&tables)).await.map(drop) }
}

fn names(found: &[PgRow], is_wanted: impl Fn(&PgRow) -> bool) -> Vec<String> {
    found.iter().filter(|row| is_wanted(row)).filter_map(|row| text_of(row, 1)).collect()
}

/// Conflicts with every change of rows and with itself, and lets others read.
fn lock(tables: &[String]) -> String {
    format!("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE", tables.join(", "))
}
