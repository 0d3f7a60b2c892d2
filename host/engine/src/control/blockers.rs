//! Names the sessions that the run waits for.

use super::RunControl;
use crate::event::{Event, LogLevel};
use runner_data::Value;
use runner_database::{Blockers, Database, DatabaseError, QueryLimits};

impl RunControl {
    /// Reports each session that the run waits for, once. `told`: those that were reported before, without those that
    /// have ended.
    pub(super) async fn report_blockers(
        &self,
        database: &mut dyn Database,
        told: &mut Vec<String>,
    ) -> Result<(), DatabaseError> {
        let Some(Blockers { is_blocked, query, parameters }) = database.blockers(&self.about.run_id) else {
            return Ok(());
        };
        if let Some(question) = is_blocked {
            let answer = database.host_until(&self.stop).query(&question, &[], QueryLimits::NONE).await?;
            if answer.rows.first().and_then(|row| row.first()?.as_int64()) != Some(1) {
                told.clear();
                return Ok(());
            }
        }
        let found = database.host_until(&self.stop).query(&query, &parameters, QueryLimits::NONE).await?;
        let mut blockers = Vec::new();
        for row in &found.rows {
            let [pid, user, application, state, age, query, is_likely] = &row[..] else { continue };
            let pid = pid.as_int64().unwrap_or_default();
            let key = format!("{pid} {}", query.as_text().unwrap_or_default());
            if !told.contains(&key) {
                let revision = self.state().revision();
                let likely = if is_likely.as_int64() == Some(1) { "a lock, probably of " } else { "" };
                let session = described(pid, [user, application, state, query], age.as_int64());
                let message = format!("waiting for {likely}{session}");
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
