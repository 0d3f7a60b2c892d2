//! Names the sessions that the run waits for.

use super::RunControl;
use crate::data::Value;
use crate::database::{Database, DatabaseError, Dialect, QueryLimits};
use crate::engine::event::{Event, LogLevel};

/// The sessions that block those of a run on PostgreSQL: process, user, application, state, the seconds since their transaction began,
/// and their last statement. What this role may not see is NULL. The sessions of a run are named by its ID.
const BLOCKERS: &str = "SELECT b.pid::pg_catalog.int8, b.usename::pg_catalog.text, b.application_name::pg_catalog.text, \
    b.state::pg_catalog.text, \
    pg_catalog.floor(EXTRACT(epoch FROM pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) b.xact_start))::pg_catalog.int8, \
    pg_catalog.left(pg_catalog.regexp_replace(b.query, '\\s+', ' ', 'g'), 120) \
    FROM pg_catalog.pg_stat_activity w CROSS JOIN LATERAL pg_catalog.unnest(pg_catalog.pg_blocking_pids(w.pid)) AS p (pid) \
    JOIN pg_catalog.pg_stat_activity b ON b.pid OPERATOR(pg_catalog.=) p.pid \
    WHERE w.wait_event_type OPERATOR(pg_catalog.=) 'Lock' \
    AND w.application_name::pg_catalog.text OPERATOR(pg_catalog.=) pg_catalog.concat('runner:', $1::pg_catalog.text)";

impl RunControl {
    /// Reports each session that the run waits for, once. `told`: those that were reported before, without those that are gone.
    pub(super) async fn tell_blockers(
        &self,
        database: &mut dyn Database,
        told: &mut Vec<String>,
    ) -> Result<(), DatabaseError> {
        if database.facts().dialect != Dialect::Postgres {
            return Ok(());
        }
        let run = [self.about.run_id.as_str().into()];
        let found = database.host_until(&self.stop).query(BLOCKERS, &run, QueryLimits::NONE).await?;
        let mut blockers = Vec::new();
        for row in &found.rows {
            let [pid, user, application, state, age, query] = &row[..] else { continue };
            let pid = pid.as_int64().unwrap_or_default();
            let key = format!("{pid} {}", query.as_text().unwrap_or_default());
            if !told.contains(&key) {
                let revision = self.state().revision();
                let message =
                    format!("waiting for {}", described(pid, [user, application, state, query], age.as_int64()));
                self.events.emit(&Event::Log { revision, level: LogLevel::Info, message });
            }
            blockers.push(key);
        }
        *told = blockers;
        Ok(())
    }
}

/// A session in words.
fn described(pid: i64, [user, application, state, query]: [&Value; 4], age: Option<i64>) -> String {
    let text = |value: &Value| value.as_text().filter(|text| !text.is_empty()).map(str::to_owned);
    let mut parts = vec![format!("process {pid}")];
    parts.extend(text(user).map(|user| format!("user {user}")));
    parts.extend(text(application).map(|application| format!("application {application}")));
    parts.extend(text(state));
    parts.extend(age.map(|seconds| format!("its transaction began {seconds} s ago")));
    parts.extend(text(query).map(|query| format!("last statement `{query}`")));
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_role_may_not_see_is_left_out() {
        let null = Value::Null;
        assert_eq!(described(7, [&null, &null, &null, &null], None), "process 7");
        let [user, application, state, query] =
            ["app", "", "idle in transaction", "UPDATE t SET a = 1"].map(Value::from);
        assert_eq!(
            described(7, [&user, &application, &state, &query], Some(17)),
            "process 7, user app, idle in transaction, its transaction began 17 s ago, last statement `UPDATE t SET a = 1`"
        );
    }
}
