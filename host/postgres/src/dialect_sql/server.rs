//! Questions to a PostgreSQL server: the login, the database, sessions and replicas.

use std::time::Duration;

use async_trait::async_trait;

use runner_base::error::{Error, Result};
use runner_data::Value;
use runner_database::dialect_sql::{Login, Power, Server, Standby, not_a_replica};
use runner_database::{Database, DatabaseError, HostSession, QueryLimits};

/// The login and its rights. Roles of which it is a member count, since it can take them on.
const LOGIN: &str = "SELECT r.rolname::pg_catalog.text, r.rolsuper, \
     pg_catalog.pg_has_role(r.oid, 'pg_execute_server_program', 'MEMBER'), \
     pg_catalog.pg_has_role(r.oid, 'pg_read_server_files', 'MEMBER'), \
     pg_catalog.pg_has_role(r.oid, 'pg_write_server_files', 'MEMBER'), \
     r.rolcreaterole, r.rolbypassrls, r.rolreplication, \
     pg_catalog.pg_has_role(r.oid, 'pg_signal_backend', 'MEMBER') \
     FROM pg_catalog.pg_roles r WHERE r.rolname OPERATOR(pg_catalog.=) CURRENT_USER";

/// The sessions that wait for the open transaction, or one of its savepoints, as a session does that wants one of its rows.
const WAITING: &str = "SELECT pg_catalog.count(*) FROM pg_catalog.pg_locks w WHERE NOT w.granted \
     AND w.locktype OPERATOR(pg_catalog.=) 'transactionid' \
     AND w.transactionid OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT h.transactionid FROM pg_catalog.pg_locks h \
         WHERE h.granted AND h.locktype OPERATOR(pg_catalog.=) 'transactionid' \
             AND h.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()))";

/// The rights that [`LOGIN`] asks for, from its second column on.
const RIGHTS: [Power; 8] = [
    Power::Superuser,
    Power::Programs,
    Power::ReadFiles,
    Power::WriteFiles,
    Power::Logins,
    Power::Policies,
    Power::Replication,
    Power::Sessions,
];

/// The standbys of a server: name, state, how much of the log they have applied, the lag measured by the server in
/// milliseconds, and the length of the log. Without the privilege to see them, a user gets rows of NULLs.
const STANDBYS: &str = "SELECT CASE WHEN r.application_name OPERATOR(pg_catalog.<>) '' THEN r.application_name \
     ELSE coalesce(pg_catalog.host(r.client_addr), r.pid::pg_catalog.text) END, r.state, \
     pg_catalog.pg_wal_lsn_diff(r.replay_lsn, '0/0')::bigint, \
     (extract(epoch FROM r.replay_lag) OPERATOR(pg_catalog.*) 1000)::bigint, \
     pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), '0/0')::bigint \
     FROM pg_catalog.pg_stat_replication r WHERE r.state IS NULL OR r.state OPERATOR(pg_catalog.<>) 'backup'";

/// The length of the log.
const LOG: &str = "SELECT pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), '0/0')::bigint";

/// The number of other active sessions, and of those whose state the user may not see. Parameter: the run, after which our
/// own sessions are named.
const ACTIVE: &str = "SELECT pg_catalog.count(*) FILTER (WHERE a.state OPERATOR(pg_catalog.=) 'active' \
     AND a.backend_type OPERATOR(pg_catalog.=) 'client backend' \
     AND pg_catalog.strpos(a.application_name, $1::pg_catalog.text) OPERATOR(pg_catalog.=) 0), \
     pg_catalog.count(*) FILTER (WHERE a.query OPERATOR(pg_catalog.=) '<insufficient privilege>') \
     FROM pg_catalog.pg_stat_activity a WHERE a.pid OPERATOR(pg_catalog.<>) pg_catalog.pg_backend_pid()";

/// The lag of a standby: none if it is connected and has applied everything it received, otherwise the age of the last
/// transaction it applied. NULL if it has applied none yet.
const LAG: &str = "SELECT pg_catalog.pg_is_in_recovery(), CASE \
     WHEN EXISTS (SELECT 1 FROM pg_catalog.pg_stat_wal_receiver) \
     AND pg_catalog.pg_last_wal_receive_lsn() OPERATOR(pg_catalog.=) pg_catalog.pg_last_wal_replay_lsn() THEN 0 \
     ELSE (extract(epoch FROM pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) \
     pg_catalog.pg_last_xact_replay_timestamp()) OPERATOR(pg_catalog.*) 1000)::bigint \
     END";

/// A server.
pub(super) struct Postgres;

#[async_trait]
impl Server for Postgres {
    async fn login(&self, host: &mut HostSession<'_>) -> Result<Option<Login>, DatabaseError> {
        Ok(Some(of_rights(&ask(host, LOGIN, &[]).await?)))
    }

    /// The number of the cluster, where the login may ask for it, and the name of the database.
    async fn identity(&self, database: &mut dyn Database) -> Result<String, DatabaseError> {
        const MAY: &str =
            "SELECT pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')::pg_catalog.text";
        const CLUSTER: &str = "SELECT c.system_identifier::pg_catalog.text FROM pg_catalog.pg_control_system() c";
        let host = &mut database.host();
        let cluster = match one(host, MAY).await?.as_deref() {
            Some("true") => one(host, CLUSTER).await?,
            _ => None,
        };
        let name = one(host, "SELECT pg_catalog.current_database()::pg_catalog.text").await?;
        Ok(format!("{}/{}", cluster.unwrap_or_default(), name.unwrap_or_default()))
    }

    fn is_same(&self, one: &str, other: &str) -> bool {
        let [one, other] = [one, other].map(|text| text.split_once('/').unwrap_or(("", text)));
        let is_other_cluster = !one.0.is_empty() && !other.0.is_empty() && one.0 != other.0;
        one.1 == other.1 && !is_other_cluster
    }

    async fn active_sessions(&self, host: &mut HostSession<'_>, run_id: &str) -> Result<u64> {
        let rows = ask(host, ACTIVE, &[run_id.into()]).await?;
        let count = |at: usize| {
            let value = rows.first().and_then(|row| row.get(at)).and_then(Value::as_int64);
            value.and_then(|count| u64::try_from(count).ok())
        };
        if !rows.is_empty() && count(1) != Some(0) {
            return Err(Error::failed("this user may not see the activity of other sessions")
                .hint("`GRANT pg_monitor TO` the user, or omit `max_active_connections`"));
        }
        count(0).ok_or_else(|| Error::failed("the server does not report how many sessions are active"))
    }

    async fn others_wait(&self, host: &mut HostSession<'_>) -> Result<bool, DatabaseError> {
        let found = host.query(WAITING, &[], QueryLimits::NONE).await?.rows;
        Ok(found.first().and_then(|row| row.first()).and_then(Value::as_int64).is_some_and(|waiting| waiting > 0))
    }

    async fn standbys(&self, host: &mut HostSession<'_>) -> Result<(i64, Vec<Standby>)> {
        let rows = ask(host, STANDBYS, &[]).await?;
        let log = match rows.first().and_then(|row| row.get(4)).and_then(Value::as_int64) {
            Some(log) => Some(log),
            None => ask(host, LOG, &[]).await?.first().and_then(|row| row.first()).and_then(Value::as_int64),
        };
        let mut standbys = Vec::with_capacity(rows.len());
        for row in &rows {
            let [name, state, applied, measured, _] = &row[..] else { continue };
            let Some(applied) = applied.as_int64() else {
                if state.as_text().is_none() {
                    return Err(Error::failed("this user may not see the lag of the standbys")
                        .hint("`GRANT pg_monitor TO` the user, or omit `max_lag`"));
                }
                // It has connected but reported nothing yet.
                continue;
            };
            let name = name.as_text().unwrap_or("?").to_owned();
            standbys.push(Standby { name, applied, lag: milliseconds(measured).unwrap_or_default() });
        }
        Ok((log.unwrap_or_default(), standbys))
    }

    async fn replica_lag(&self, host: &mut HostSession<'_>) -> Result<Option<Duration>, DatabaseError> {
        let rows = ask(host, LAG, &[]).await?;
        match rows.first().map(Vec::as_slice) {
            Some([Value::Boolean(true), lag]) => Ok(milliseconds(lag)),
            _ => Err(not_a_replica()),
        }
    }
}

async fn ask(host: &mut HostSession<'_>, text: &str, parameters: &[Value]) -> Result<Vec<Vec<Value>>, DatabaseError> {
    Ok(host.query(text, parameters, QueryLimits::NONE).await?.rows)
}

/// The answer to a question with one text.
async fn one(host: &mut HostSession<'_>, text: &str) -> Result<Option<String>, DatabaseError> {
    let rows = ask(host, text, &[]).await?;
    Ok(rows.first().and_then(|row| row.first()).and_then(Value::as_text).map(str::to_owned))
}

/// A lag. Clocks differ, so it may be negative.
fn milliseconds(value: &Value) -> Option<Duration> {
    Some(Duration::from_millis(u64::try_from(value.as_int64()?.max(0)).ok()?))
}

fn of_rights(rows: &[Vec<Value>]) -> Login {
    let row = rows.first().map(Vec::as_slice).unwrap_or_default();
    let is_set = |at: usize| row.get(at + 1) == Some(&Value::Boolean(true));
    let mut powers: Vec<Power> =
        RIGHTS.into_iter().enumerate().filter(|(at, _)| is_set(*at)).map(|(_, power)| power).collect();
    if powers.contains(&Power::Superuser) {
        powers = vec![Power::Superuser];
    }
    Login { name: row.first().and_then(Value::as_text).map(str::to_owned), powers }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_on_postgres() {
        let row = |rights: [bool; 8]| {
            let rights = rights.map(Value::Boolean);
            vec![std::iter::once("app".into()).chain(rights).collect::<Vec<Value>>()]
        };
        let mut rights = [false; 8];
        assert_eq!(of_rights(&row(rights)).powers, []);
        rights[3] = true;
        rights[5] = true;
        let found = of_rights(&row(rights));
        assert_eq!((found.name.as_deref(), found.powers), (Some("app"), vec![Power::WriteFiles, Power::Policies]));
        rights[0] = true;
        assert_eq!(of_rights(&row(rights)).powers, [Power::Superuser], "which includes the others");
    }
}
