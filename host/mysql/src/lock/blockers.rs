//! Names the sessions that a run waits for.

use super::names::{Names, is_used};
use crate::link::facts::SessionFacts;
use runner_database::Dialect;

/// Whether the session that does the work of a run waits for a lock. The query for the sessions reads all that the server has of
/// sessions and transactions, twice.
pub(crate) fn is_blocked(server: &SessionFacts) -> String {
    let me = is_used(&Names::of(server).work);
    format!(
        "SELECT COUNT(*) FROM information_schema.PROCESSLIST my \
         WHERE my.ID = {me} AND my.COMMAND <> 'Sleep' AND (my.STATE LIKE 'Waiting for%lock' OR my.ID IN (\
         SELECT t.trx_mysql_thread_id FROM information_schema.INNODB_TRX t WHERE t.trx_state = 'LOCK WAIT'))"
    )
}

/// The query for the sessions that block the one that does the work of a run.
///
/// A lock on rows has a holder that the server names. Of the locks of DDL, MariaDB names the holder only with a plugin, and MySQL to those
/// who may read `performance_schema`; but its holder has a transaction open, so the sessions with one are named, the oldest first.
pub(crate) fn query(server: &SessionFacts) -> String {
    let me = is_used(&Names::of(server).work);
    let rows = match server.facts.dialect {
        Dialect::Mariadb => {
            "SELECT w.blocking_trx_id FROM information_schema.INNODB_LOCK_WAITS w WHERE w.requesting_trx_id = mine.trx_id"
        }
        _ => {
            "SELECT w.BLOCKING_ENGINE_TRANSACTION_ID FROM performance_schema.data_lock_waits w \
             WHERE w.REQUESTING_ENGINE_TRANSACTION_ID = mine.trx_id"
        }
    };
    format!(
        "SELECT t.trx_mysql_thread_id, p.USER, p.HOST, IF(p.COMMAND = 'Sleep', 'idle in transaction', LOWER(p.COMMAND)), \
         GREATEST(TIMESTAMPDIFF(SECOND, t.trx_started, CONVERT_TZ(NOW(), @@session.time_zone, 'SYSTEM')), 0), LEFT(COALESCE(p.INFO, t.trx_query), 120), my.STATE LIKE 'Waiting for%lock' \
         FROM information_schema.PROCESSLIST my \
         LEFT JOIN information_schema.INNODB_TRX mine ON mine.trx_mysql_thread_id = my.ID \
         JOIN information_schema.INNODB_TRX t ON t.trx_mysql_thread_id <> my.ID \
         JOIN information_schema.PROCESSLIST p ON p.ID = t.trx_mysql_thread_id \
         WHERE my.ID = {me} AND (my.STATE LIKE 'Waiting for%lock' OR (mine.trx_state = 'LOCK WAIT' AND t.trx_id IN ({rows}))) \
         ORDER BY t.trx_started LIMIT 3"
    )
}
