//! The load that a run checks before it continues: the lag of replicas, and the sessions that are active on the server.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::throttle::hold::Hold;
use crate::throttle::replica::Replica;
use runner_base::error::{Error, Result};
use runner_data::Value;
use runner_database::{DatabaseError, Dialect, HostSession, QueryLimits};
use runner_project::settings::Throttle;

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

/// The number of active threads, including our own.
const THREADS: &str = "SHOW GLOBAL STATUS LIKE 'Threads_running'";

/// The number of log positions that are remembered.
const POSITIONS: usize = 2048;

/// Measures the load repeatedly.
#[derive(Default)]
pub struct Load {
    /// The length of the log at points in time, from which the age of what a standby has applied follows. The server's own
    /// measurement stops when a standby does.
    log: VecDeque<(i64, Instant)>,
    /// `None` if not connected yet.
    replicas: Option<Vec<Replica>>,
    /// Warnings that have not been reported yet.
    pub warnings: Vec<String>,
}

impl Load {
    /// Returns what holds the run, if anything. Fails if the load cannot be measured, so that the limit cannot be enforced.
    pub async fn look(
        &mut self,
        database: &mut HostSession<'_>,
        throttle: &Throttle,
        run_id: &str,
    ) -> Result<Option<Hold>> {
        if let Some(at_most) = throttle.max_lag
            && let Some(hold) = self.lag(database, throttle, at_most).await?
        {
            return Ok(Some(hold));
        }
        let Some(at_most) = throttle.max_active_connections else { return Ok(None) };
        let active = active(database, run_id).await?;
        Ok((active > at_most).then_some(Hold::Connections { active, at_most }))
    }

    async fn lag(
        &mut self,
        database: &mut HostSession<'_>,
        throttle: &Throttle,
        at_most: Duration,
    ) -> Result<Option<Hold>> {
        let is_first = self.replicas.is_none();
        if is_first {
            let mut replicas = Vec::new();
            for url in &throttle.replicas {
                // A wrong URL is reported at once; a replica that stops answering later is waited for.
                replicas.push(Replica::open(url).await?);
            }
            self.replicas = Some(replicas);
        }
        let mut worst: Option<(String, Duration)> = None;
        if database.facts().dialect.reports_replicas() {
            let found = self.standbys(database).await?;
            if found.is_empty() && is_first && throttle.replicas.is_empty() {
                self.warnings.push("this server has no standbys, so `max_lag` has no effect yet".to_owned());
            }
            worst = found.into_iter().max_by_key(|(_, lag)| *lag);
        }
        for replica in self.replicas.iter_mut().flatten() {
            match replica.lag().await {
                Ok(Some(lag)) if worst.as_ref().is_none_or(|(_, worst)| lag > *worst) => {
                    worst = Some((replica.name(), lag));
                }
                Ok(Some(_)) => {}
                Ok(None) => return Ok(Some(Hold::Lag { replica: replica.name(), lag: None, at_most })),
                Err(error) => return Ok(Some(Hold::Unasked { replica: replica.name(), why: error.message })),
            }
        }
        let too_far = worst.filter(|(_, lag)| *lag > at_most);
        Ok(too_far.map(|(replica, lag)| Hold::Lag { replica, lag: Some(lag), at_most }))
    }

    /// Measures the lag of the server's own standbys.
    async fn standbys(&mut self, database: &mut HostSession<'_>) -> Result<Vec<(String, Duration)>> {
        let rows = ask(database, STANDBYS, &[]).await?;
        let now = Instant::now();
        let end = match rows.first().and_then(|row| row.get(4)).and_then(Value::as_int64) {
            Some(end) => Some(end),
            None => ask(database, LOG, &[]).await?.first().and_then(|row| row.first()).and_then(Value::as_int64),
        };
        self.remember(end.unwrap_or_default(), now);
        let mut found = Vec::with_capacity(rows.len());
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
            let own = self.age_of(applied, now);
            let measured = measured.as_int64().and_then(|lag| u64::try_from(lag).ok()).map(Duration::from_millis);
            // A standby that has applied everything does not lag, whatever was measured last.
            let measured = measured.filter(|_| own > Duration::ZERO || Some(applied) < end).unwrap_or_default();
            found.push((format!("`{}`", name.as_text().unwrap_or("?")), own.max(measured)));
        }
        Ok(found)
    }

    fn remember(&mut self, end: i64, now: Instant) {
        if self.log.back().is_none_or(|(last, _)| *last < end) {
            self.log.push_back((end, now));
        }
        if self.log.len() > POSITIONS {
            // Older positions are needed less precisely.
            let mut place = 0;
            self.log.retain(|_| {
                place += 1;
                place % 2 == 1 || place > POSITIONS / 2
            });
        }
    }

    /// Returns how long ago the log grew beyond this length.
    fn age_of(&self, applied: i64, now: Instant) -> Duration {
        let missed = self.log.iter().find(|(end, _)| *end > applied);
        missed.map_or(Duration::ZERO, |(_, at)| now.saturating_duration_since(*at))
    }
}

/// Returns the number of other active sessions.
async fn active(database: &mut HostSession<'_>, run_id: &str) -> Result<u64> {
    let count = |value: Option<&Value>| {
        let value = value?;
        value.as_int64().or_else(|| value.as_text()?.parse().ok()).and_then(|count| u64::try_from(count).ok())
    };
    let unknown = || Error::failed("the server does not report how many sessions are active");
    // Each server has its own view for this, and a file has no sessions.
    match database.facts().dialect {
        Dialect::Sqlite => Ok(0),
        Dialect::Postgres => {
            let rows = ask(database, ACTIVE, &[run_id.into()]).await?;
            let row = rows.first().ok_or_else(unknown)?;
            if count(row.get(1)) != Some(0) {
                return Err(Error::failed("this user may not see the activity of other sessions")
                    .hint("`GRANT pg_monitor TO` the user, or omit `max_active_connections`"));
            }
            count(row.first()).ok_or_else(unknown)
        }
        Dialect::Mysql | Dialect::Mariadb => {
            let rows = ask(database, THREADS, &[]).await?;
            let running = rows.first().and_then(|row| count(row.get(1))).ok_or_else(unknown)?;
            // The session that runs this query is active as well.
            Ok(running.saturating_sub(1))
        }
    }
}

async fn ask(
    database: &mut HostSession<'_>,
    text: &str,
    parameters: &[Value],
) -> std::result::Result<Vec<Vec<Value>>, DatabaseError> {
    Ok(database.query(text, parameters, QueryLimits::NONE).await?.rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standby_that_stands_still_grows_older() {
        let begin = Instant::now();
        let at = |second: u64| begin + Duration::from_secs(second);
        let mut load = Load::default();
        for second in 0..100 {
            load.remember(second as i64 * 10, at(second));
        }
        assert_eq!(load.age_of(990, at(100)), Duration::ZERO);
        assert_eq!(load.age_of(985, at(100)), Duration::from_secs(1));
        assert_eq!(load.age_of(0, at(100)), Duration::from_secs(99));
        // While the log does not grow, there is nothing to catch up with.
        assert_eq!(load.age_of(990, at(5000)), Duration::ZERO);
        for second in 100..50_000 {
            load.remember(second as i64 * 10, at(second));
        }
        assert!(load.log.len() <= POSITIONS, "{}", load.log.len());
        assert_eq!(load.age_of(499_980, at(50_000)), Duration::from_secs(1));
    }
}
