//! The load that a run checks before it continues: the lag of replicas, and the sessions that are active on the server.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::throttle::hold::Hold;
use crate::throttle::replica::Replica;
use runner_base::error::Result;
use runner_database::HostSession;
use runner_database::dialect_sql::Standby;
use runner_project::settings::Throttle;

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
    pub async fn check(
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
        let server = database.facts().sql.server;
        let active = server.active_sessions(database, run_id).await?;
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
        let server = database.facts().sql.server;
        let (log, standbys) = server.standbys(database).await?;
        let now = Instant::now();
        self.remember(log, now);
        let mut found = Vec::with_capacity(standbys.len());
        for Standby { name, applied, lag } in standbys {
            let own = self.age_of(applied, now);
            // A standby that has applied everything does not lag, whatever was measured last.
            let measured = if own > Duration::ZERO || applied < log { lag } else { Duration::ZERO };
            found.push((format!("`{name}`"), own.max(measured)));
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
