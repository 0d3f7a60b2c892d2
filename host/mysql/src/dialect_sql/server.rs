//! Questions to a MySQL or MariaDB server: the login, the database, sessions and replicas.

use std::time::Duration;

use async_trait::async_trait;

use crate::error::{advice, unknown_name};
use runner_base::error::{Error, Result};
use runner_data::{RowSet, Value};
use runner_database::dialect_sql::{Login, Power, Server, UnknownName, not_a_replica};
use runner_database::{Database, DatabaseError, Dialect, Facts, HostSession, QueryLimits};
use runner_sql::ShownGrants;

/// The login, and the roles that are active: those that it has by default.
const LOGIN: &str = "SELECT CURRENT_USER(), NULLIF(CURRENT_ROLE(), 'NONE')";

/// The number of active threads, including our own.
const THREADS: &str = "SHOW GLOBAL STATUS LIKE 'Threads_running'";

/// How many row locks of the open transaction are waited for, on MariaDB: for users with the privilege `PROCESS`.
const WAITING_ON_MARIADB: &str = "SELECT COUNT(*) FROM information_schema.innodb_lock_waits w \
    JOIN information_schema.innodb_trx t ON t.trx_id = w.blocking_trx_id WHERE t.trx_mysql_thread_id = CONNECTION_ID()";

/// MariaDB answers that from a copy, which it refreshes only if no session has read it for 0.1 s.
const COPIED: Duration = Duration::from_millis(150);

/// The same on MySQL, for users that may read `performance_schema`.
const WAITING_ON_MYSQL: &str =
    "SELECT COUNT(*) FROM performance_schema.data_lock_waits WHERE blocking_thread_id = PS_CURRENT_THREAD_ID()";

/// A server.
pub(super) struct Mysql;

#[async_trait]
impl Server for Mysql {
    async fn login(&self, host: &mut HostSession<'_>) -> Result<Option<Login>, DatabaseError> {
        let row = ask(host, LOGIN).await?.rows.into_iter().next();
        let cell = |at: usize| text(row.as_ref().and_then(|row| row.get(at)));
        // MariaDB shows the rights of the active role as well, MySQL where it is asked to.
        let grants = match cell(1).filter(|_| host.facts().dialect == Dialect::Mysql) {
            Some(roles) => format!("SHOW GRANTS FOR CURRENT_USER() USING {roles}"),
            None => "SHOW GRANTS".to_owned(),
        };
        let lines = ask(host, &grants).await?.rows;
        let lines: Vec<String> = lines.iter().filter_map(|row| text(row.first())).collect();
        Ok(Some(of_grants(cell(0), &ShownGrants::of(lines.iter().map(String::as_str)))))
    }

    /// The name of the database: nothing else survives a failover.
    async fn identity(&self, database: &mut dyn Database) -> Result<String, DatabaseError> {
        let found = ask(&mut database.host(), "SELECT DATABASE()").await?;
        Ok(text(found.rows.first().and_then(|row| row.first())).unwrap_or_default())
    }

    async fn active_sessions(&self, host: &mut HostSession<'_>, _: &str) -> Result<u64> {
        let rows = ask(host, THREADS).await?.rows;
        let running = rows.first().and_then(|row| number(row.get(1)?));
        let running =
            running.ok_or_else(|| Error::failed("the server does not report how many sessions are active"))?;
        // The session that runs this query is active as well.
        Ok(running.saturating_sub(1))
    }

    async fn others_wait(&self, host: &mut HostSession<'_>) -> Result<bool, DatabaseError> {
        let question = match host.facts().dialect {
            Dialect::Mysql => WAITING_ON_MYSQL,
            _ => WAITING_ON_MARIADB,
        };
        // Without the privilege it is not known. An error does not end the transaction.
        let found = ask(host, question).await.map(|found| found.rows).unwrap_or_default();
        Ok(found.first().and_then(|row| number(row.first()?)).is_some_and(|waiting| waiting > 0))
    }

    fn same_answer_for(&self, facts: &Facts) -> Duration {
        if facts.dialect == Dialect::Mariadb { COPIED } else { Duration::ZERO }
    }

    async fn replica_lag(&self, host: &mut HostSession<'_>) -> Result<Option<Duration>, DatabaseError> {
        let found = ask(host, replica_status(host.facts())).await?;
        let names = ["Seconds_Behind_Master", "Seconds_Behind_Source"];
        let place = found.columns.iter().position(|column| names.contains(&column.as_str()));
        let place = place.filter(|_| !found.rows.is_empty()).ok_or_else(not_a_replica)?;
        let lags = found.rows.iter().map(|row| Some(Duration::from_secs(number(row.get(place)?)?)));
        // A source that has stopped is worse than any lag.
        Ok(lags.collect::<Option<Vec<_>>>().and_then(|lags| lags.into_iter().max()))
    }

    fn advice(&self, error: &DatabaseError) -> Option<&'static str> {
        advice(&error.code)
    }

    fn unknown_name<'a>(&self, message: &'a str) -> Option<UnknownName<'a>> {
        unknown_name(message)
    }
}

/// The statement that returns the lag.
fn replica_status(facts: &Facts) -> &'static str {
    match facts.dialect {
        // All of its sources, whatever their names.
        Dialect::Mariadb => "SHOW ALL SLAVES STATUS",
        _ if facts.has_replica_status => "SHOW REPLICA STATUS",
        _ => "SHOW SLAVE STATUS",
    }
}

async fn ask(host: &mut HostSession<'_>, text: &str) -> Result<RowSet, DatabaseError> {
    host.query(text, &[], QueryLimits::NONE).await
}

fn number(value: &Value) -> Option<u64> {
    value.as_int64().or_else(|| value.as_text()?.parse().ok()).and_then(|number| u64::try_from(number).ok())
}

fn text(value: Option<&Value>) -> Option<String> {
    value?.as_text().map(str::to_owned)
}

fn of_grants(name: Option<String>, shown: &ShownGrants) -> Login {
    let mut powers: Vec<Power> = shown.on_server().flat_map(of_privilege).copied().collect();
    powers.sort_unstable();
    powers.dedup();
    Login { name, powers }
}

/// What a privilege on the whole server allows, as the manuals of MySQL and MariaDB describe them.
fn of_privilege(privilege: &str) -> &'static [Power] {
    match privilege {
        "ALL PRIVILEGES" => &[
            Power::ReadFiles,
            Power::WriteFiles,
            Power::Logins,
            Power::OtherDatabases,
            Power::Code,
            Power::Replication,
            Power::Server,
            Power::Sessions,
        ],
        "FILE" => &[Power::ReadFiles, Power::WriteFiles],
        "INSERT" | "UPDATE" | "DELETE" | "DROP" | "ALTER" | "CREATE" => &[Power::OtherDatabases, Power::Code],
        "SELECT" | "SHOW VIEW" | "LOCK TABLES" | "EXECUTE" | "TRIGGER" | "EVENT" | "INDEX" | "CREATE ROUTINE"
        | "ALTER ROUTINE" | "CREATE VIEW" => &[Power::OtherDatabases],
        "GRANT OPTION" | "CREATE USER" | "CREATE ROLE" | "ROLE_ADMIN" | "SET USER" | "SET_USER_ID"
        | "SET_ANY_DEFINER" => &[Power::Logins],
        "SUPER" => &[Power::Server, Power::Sessions],
        "SHUTDOWN" | "RELOAD" | "SYSTEM_VARIABLES_ADMIN" | "PERSIST_RO_VARIABLES_ADMIN" | "CREATE TABLESPACE" => {
            &[Power::Server]
        }
        "CONNECTION ADMIN" | "CONNECTION_ADMIN" => &[Power::Sessions],
        "REPLICATION SLAVE"
        | "BINLOG ADMIN"
        | "BINLOG REPLAY"
        | "REPLICATION SLAVE ADMIN"
        | "REPLICATION_SLAVE_ADMIN" => &[Power::Replication],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_on_mysql() {
        let of = |lines: &[&str]| of_grants(None, &ShownGrants::of(lines.iter().copied())).powers;
        assert_eq!(of(&["GRANT USAGE ON *.* TO `app`@`%`", "GRANT ALL PRIVILEGES ON `app`.* TO `app`@`%`"]), []);
        assert_eq!(
            of(&["GRANT FILE, SELECT, SHOW VIEW ON *.* TO `app`@`%` WITH GRANT OPTION"]),
            [Power::ReadFiles, Power::WriteFiles, Power::Logins, Power::OtherDatabases]
        );
        let of_role = of(&["GRANT `boss` TO `app`@`%`", "GRANT ALL PRIVILEGES ON *.* TO `boss`"]);
        assert!(of_role.contains(&Power::Server) && of_role.contains(&Power::Code), "{of_role:?}");
    }

    #[test]
    fn each_server_is_asked_in_its_own_words() {
        let asked =
            |dialect, has_replica_status| replica_status(&Facts { has_replica_status, ..Facts::of_dialect(dialect) });
        assert_eq!(asked(Dialect::Mysql, true), "SHOW REPLICA STATUS");
        assert_eq!(asked(Dialect::Mysql, false), "SHOW SLAVE STATUS");
        assert_eq!(asked(Dialect::Mariadb, false), "SHOW ALL SLAVES STATUS");
    }
}
