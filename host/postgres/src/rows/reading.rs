//! A second connection that reads a table while the first one writes: the server has one process for each connection,
//! and so reads one page while it writes another. The following says where that is safe.
//!
//! Copying 1,000,000 rows into a new table went from 1.35 to 0.8 times `CREATE TABLE AS`, and an update from 1.3 to 1.2
//! times `UPDATE`. It is used where the server confirms that the transaction has changed nothing there:
//!
//! * The source is a plain table without a filter, which could call functions and depend on other tables.
//! * The transaction has no lock on it but read locks and the one that keeps others from writing (`hold`): one that has
//!   changed its rows or definition keeps another lock to the end.
//! * Writing changes rows that have been read, and nothing else: no rules, no triggers for this kind of change but
//!   those that check references, and no partitions in the target.
//! * No policies and no other role, so that both see the same rows.
//!
//! Two connections of one client could wait for each other unnoticed. They do not: the reading one takes its only lock
//! at the start, for which it waits a millisecond at most, and is closed before the transform returns. That lock is the
//! one of a query that returns nothing; `LOCK TABLE … NOWAIT` requires a right to the whole table, which the login of a
//! component under grants does not have. It is opened once three chunks have shown that there is something to read, and
//! nothing waits for it. Chunks, order and transcript are the same either way.
//!
//! Rejected: an exported snapshot, which does not show the transaction's own rows; more threads that decode, since the
//! server was the bottleneck; pipelining, since it would still do one thing at a time.

use crate::error::Result;
use crate::host_sql::{filled, literal, rows, text_of};
use crate::session::Session;
use crate::session::code_free::CHECKS_ONLY;
use runner_database::{Dialect, ReadingAhead, TableIdentity, TableName, TableSource, TableTarget, WriteMode};
use runner_sql::{Tokens, reads_its_row};

/// A query for whether rows of table `$1` may be read before others are written to table `$2`, and for the OID of the source, if
/// other sessions see in it what this transaction sees.
///
/// The first, if writing changes nothing but the addressed rows, and those are not still to be read:
///
/// * the target has no rules, and no triggers of this kind of change, `$4`, but those that check references, whose functions are `$5`;
/// * the source has no policies, and neither is part of another table, such as the other one; or it is the same table, and its rows
///   are changed by a key that was read, which is `$3`.
///
/// The second, if moreover
///
/// * both are plain tables, without partitions, and the role is the one that logged in;
/// * this transaction has only read the source: any change of rows or of the table leaves a lock until the end, other than those that
///   reading and [`row_locks`](super::row_locks) take.
const READING_AHEAD: &str = "\
    SELECT a.here::pg_catalog.text, CASE WHEN a.here \
        AND s.relkind OPERATOR(pg_catalog.=) 'r' AND s.relpersistence OPERATOR(pg_catalog.<>) 't' \
        AND NOT s.relhassubclass AND t.relkind OPERATOR(pg_catalog.=) 'r' \
        AND current_user OPERATOR(pg_catalog.=) session_user \
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_locks l \
            WHERE l.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid() AND l.relation OPERATOR(pg_catalog.=) s.oid \
                AND l.locktype OPERATOR(pg_catalog.=) 'relation' \
                AND l.database OPERATOR(pg_catalog.=) (SELECT d.oid FROM pg_catalog.pg_database d \
                    WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()) \
                AND l.mode OPERATOR(pg_catalog.<>) ALL \
                    (ARRAY['AccessShareLock', 'RowShareLock', 'ShareRowExclusiveLock']::pg_catalog.text[])) \
        THEN s.oid::pg_catalog.text END \
    FROM pg_catalog.pg_class s, pg_catalog.pg_class t, LATERAL (SELECT \
        s.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['r', 'p']::pg_catalog.\"char\"[]) AND NOT s.relrowsecurity \
        AND (t.relkind OPERATOR(pg_catalog.=) 'p' OR t.relkind OPERATOR(pg_catalog.=) 'r' AND NOT t.relhassubclass) \
        AND CASE WHEN s.oid OPERATOR(pg_catalog.=) t.oid THEN $3 \
            ELSE NOT EXISTS (SELECT FROM pg_catalog.pg_inherits i \
                WHERE i.inhrelid OPERATOR(pg_catalog.=) s.oid OR i.inhrelid OPERATOR(pg_catalog.=) t.oid) END \
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_rewrite r WHERE r.ev_class OPERATOR(pg_catalog.=) t.oid) \
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger g \
            WHERE (g.tgrelid OPERATOR(pg_catalog.=) t.oid OR EXISTS (SELECT \
                    FROM pg_catalog.pg_partition_tree(t.oid::pg_catalog.regclass) q \
                    WHERE q.relid::pg_catalog.oid OPERATOR(pg_catalog.=) g.tgrelid)) \
                AND g.tgenabled OPERATOR(pg_catalog.<>) 'D' \
                AND (g.tgtype::pg_catalog.int4 OPERATOR(pg_catalog.&) $4) OPERATOR(pg_catalog.<>) 0 \
                AND NOT (g.tgisinternal AND g.tgfoid OPERATOR(pg_catalog.=) ANY ($5))) AS here) a \
    WHERE s.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($1)::pg_catalog.oid \
        AND t.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($2)::pg_catalog.oid";

/// The bits of `pg_trigger.tgtype` for the changes that a mode makes.
fn events(mode: WriteMode) -> &'static str {
    match mode {
        WriteMode::Insert => "4",
        WriteMode::Delete => "8",
        WriteMode::Update => "16",
        WriteMode::Upsert => "20",
    }
}

/// How far a transform may read ahead of what it writes.
pub(crate) async fn reading_ahead(
    session: &mut Session,
    source: &TableSource,
    target: &TableTarget,
) -> Result<ReadingAhead> {
    let is_alone = source.filter.as_ref().is_none_or(|filter| reads_its_row(&Tokens::new(filter, Dialect::Postgres)));
    if !session.has_transaction() || !is_alone {
        return Ok(ReadingAhead::default());
    }
    let quoted = |table: &TableName| literal(&table.quoted(Dialect::Postgres));
    let by_key = target.changes_only_what_was_read(source).to_string();
    let texts =
        [quoted(&source.table), quoted(&target.table), by_key, events(target.mode).to_owned(), CHECKS_ONLY.to_owned()];
    let ask = filled(READING_AHEAD, &texts)?;
    let scope = session.enter(None).await?;
    let watch = session.watch();
    let found = watch.run(rows(session.wire().0, &ask)).await;
    let found = session.leave(scope, found).await?;
    let cell = |at: usize| found.first().and_then(|row| text_of(row, at));
    // A condition may depend on settings of this session.
    let elsewhere = cell(1).filter(|_| source.filter.is_none()).map(TableIdentity);
    Ok(ReadingAhead { here: cell(0).as_deref() == Some("true"), elsewhere })
}
