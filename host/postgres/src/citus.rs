//! Citus, the extension that spreads the tables of a database over several servers.
//!
//! Each server of a cluster answers as PostgreSQL. The tool's own tables and its lock are on the coordinator, and on
//! nothing else: a worker has the tables of the users and has no history. `docs/src/guide/engines.md` says what was
//! tried.
//!
//! Everything depends on one fact, the extension's version, found when a connection is made:
//!
//! * Only the coordinator is accepted. A worker showed everything as pending and would have begun a second history. It
//!   is known by the number of its group and not by `citus_is_coordinator()`, which is false, too, in a database whose
//!   extension was just created.
//! * Transactions set `citus.multi_shard_modify_mode` to `sequential`. By default Citus spreads a statement over
//!   several connections, and then refuses a later one that would not see what they did. For 60,000 rows it took no
//!   longer.
//! * Settings reach the workers in a `DO` block, with propagation off again at its end: `propagate_set_commands =
//!   'local'` sends a worker the whole message that a `SET LOCAL` is part of, and ours contain `BEGIN`, questions and
//!   `COMMIT`. Without it, an `extract(hour FROM …)` used the time zone of the worker, and an `ALTER TABLE` waited
//!   there without regard to `table_lock_timeout`.
//! * The history is in ordinary tables: what distributes new schemas is off while they are created, and a history or a
//!   schema `runner` that is distributed already is refused, since the proofs do not see its rows.
//!
//! Tests have stand-ins for the extension in a plain database: its entry, its catalogue and its function are all that
//! is asked.
//!
//! Rejected: a setting for the mode, since a file can choose it in its first statement; sequential mode only where a
//! run has several statements, a rule harder to know than the time is worth; a lock that workers see, because there is
//! still no history there.

/// A setting of Citus, which a script may change.
pub(crate) const MODE: &str = "citus.multi_shard_modify_mode";

/// Makes one connection to each worker do all that a transaction does there. By default several do, in parallel, and a later
/// statement of the transaction can fail because it would not see what an earlier one has done on another connection.
pub(crate) const SEQUENTIAL: &str = "SET LOCAL citus.multi_shard_modify_mode = 'sequential'; ";

/// Returns a statement that runs these `SET LOCAL`, each followed by `; `, on this server and on the workers that the transaction
/// uses, now or later. Otherwise a worker computes with its own time zone, waits for locks as long as its own settings say, and so
/// on.
///
/// Citus sends a worker the whole message that a `SET LOCAL` is part of. In a block each is by itself.
pub(crate) fn at_workers(settings: &str) -> String {
    if settings.is_empty() {
        return String::new();
    }
    format!(
        "DO LANGUAGE plpgsql $runner$ BEGIN SET LOCAL citus.propagate_set_commands = 'local'; {settings}\
         SET LOCAL citus.propagate_set_commands = 'none'; END $runner$; "
    )
}

/// What an error of Citus means, where its own hint does not help here. Its messages are in English only.
pub(crate) fn hint(message: &str, hint: Option<&str>) -> Option<&'static str> {
    if hint.is_some_and(|hint| hint.contains(MODE)) {
        return Some(
            "runner's own transactions are in Citus' sequential mode, unless a migration changes \
             `citus.multi_shard_modify_mode`: leave that out; in a block that commits by itself, begin each transaction with `SET LOCAL \
             citus.multi_shard_modify_mode = 'sequential'`",
        );
    }
    message.starts_with("modifying the partition value of rows").then_some(
        "Citus cannot change the distribution column of a row: leave the column out of what is written, or make it part of the \
         key by which rows are found",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_to_set_is_no_statement() {
        assert_eq!(at_workers(""), "");
        assert!(at_workers("SET LOCAL a = 1; ").contains("'local'; SET LOCAL a = 1; SET LOCAL citus"));
    }
}
