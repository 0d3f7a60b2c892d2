//! What holds a component back on a database, and what its login may do beyond that database.

use runner_base::error::Result;
use runner_data::Value;
use runner_database::{DatabaseError, Dialect, HostSession, QueryLimits};
use runner_sql::ShownGrants;

/// What keeps a component from what it is not meant to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Barrier {
    /// The database itself decides about each statement, by SQLite's authorizer.
    Authorizer,
    /// Each component has a login of its own, with the rights that it is granted.
    SeparateLogins,
    /// A component has the login of the tool. Its statements are inspected, and the tool's own tables are proven
    /// unchanged before anything is committed.
    SharedLogin,
}

impl Barrier {
    /// The word in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Authorizer => "authorizer",
            Self::SeparateLogins => "separate-logins",
            Self::SharedLogin => "shared-login",
        }
    }
}

/// What a login may do beyond the tables of its database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Power {
    /// Everything.
    Superuser,
    /// Run programs on the server's machine.
    Programs,
    /// Read files of the server's machine.
    ReadFiles,
    /// Write files of the server's machine.
    WriteFiles,
    /// Load code into the server.
    Code,
    /// Create logins, or grant rights to them.
    Logins,
    /// Read or write other databases of the server.
    OtherDatabases,
    /// See rows that policies hide.
    Policies,
    /// Receive all changes of the server.
    Replication,
    /// Change settings of the whole server, or stop it.
    Server,
    /// End other sessions.
    Sessions,
}

impl Power {
    /// The word in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Superuser => "superuser",
            Self::Programs => "programs",
            Self::ReadFiles => "read-files",
            Self::WriteFiles => "write-files",
            Self::Code => "code",
            Self::Logins => "logins",
            Self::OtherDatabases => "other-databases",
            Self::Policies => "policies",
            Self::Replication => "replication",
            Self::Server => "server",
            Self::Sessions => "sessions",
        }
    }

    /// What it allows, after "may".
    pub fn told(self) -> &'static str {
        match self {
            Self::Superuser => "do everything on the server, as a superuser",
            Self::Programs => "run programs on the server's machine",
            Self::ReadFiles => "read files of the server's machine",
            Self::WriteFiles => "write files of the server's machine",
            Self::Code => "load code into the server",
            Self::Logins => "create logins or grant rights",
            Self::OtherDatabases => "read or write other databases",
            Self::Policies => "see rows that policies hide",
            Self::Replication => "receive all changes of the server",
            Self::Server => "change settings of the server, or stop it",
            Self::Sessions => "end other sessions",
        }
    }
}

/// How well components are isolated on a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Isolation {
    /// The login on the server; `None` where there is none.
    pub login: Option<String>,
    /// What holds components back.
    pub barrier: Barrier,
    /// What the login may do beyond its database, without what a superuser may do anyway.
    pub powers: Vec<Power>,
}

/// The login and its rights. Roles of which it is a member count, since it can take them on.
const POSTGRES: &str = "SELECT r.rolname::pg_catalog.text, r.rolsuper, \
     pg_catalog.pg_has_role(r.oid, 'pg_execute_server_program', 'MEMBER'), \
     pg_catalog.pg_has_role(r.oid, 'pg_read_server_files', 'MEMBER'), \
     pg_catalog.pg_has_role(r.oid, 'pg_write_server_files', 'MEMBER'), \
     r.rolcreaterole, r.rolbypassrls, r.rolreplication, \
     pg_catalog.pg_has_role(r.oid, 'pg_signal_backend', 'MEMBER') \
     FROM pg_catalog.pg_roles r WHERE r.rolname OPERATOR(pg_catalog.=) CURRENT_USER";

/// The rights that [`POSTGRES`] asks for, from its second column on.
const OF_POSTGRES: [Power; 8] = [
    Power::Superuser,
    Power::Programs,
    Power::ReadFiles,
    Power::WriteFiles,
    Power::Logins,
    Power::Policies,
    Power::Replication,
    Power::Sessions,
];

/// The login, and the roles that are active: those that it has by default.
const OF_MYSQL: &str = "SELECT CURRENT_USER(), NULLIF(CURRENT_ROLE(), 'NONE')";

/// Checks the rights of the login.
pub async fn look(database: &mut HostSession<'_>) -> Result<Isolation> {
    let dialect = database.facts().dialect;
    Ok(match dialect {
        Dialect::Sqlite => Isolation { login: None, barrier: Barrier::Authorizer, powers: Vec::new() },
        Dialect::Postgres => of_postgres(&ask(database, POSTGRES).await?),
        Dialect::Mysql | Dialect::Mariadb => {
            let row = ask(database, OF_MYSQL).await?.into_iter().next();
            let cell = |at: usize| text(row.as_ref().and_then(|row| row.get(at)));
            // MariaDB shows the rights of the active role as well, MySQL where it is asked to.
            let grants = match cell(1).filter(|_| dialect == Dialect::Mysql) {
                Some(roles) => format!("SHOW GRANTS FOR CURRENT_USER() USING {roles}"),
                None => "SHOW GRANTS".to_owned(),
            };
            let lines = ask(database, &grants).await?;
            let lines: Vec<String> = lines.iter().filter_map(|row| text(row.first())).collect();
            of_mysql(cell(0), &ShownGrants::of(lines.iter().map(String::as_str)))
        }
    })
}

async fn ask(database: &mut HostSession<'_>, text: &str) -> Result<Vec<Vec<Value>>, DatabaseError> {
    Ok(database.query(text, &[], QueryLimits::NONE).await?.rows)
}

fn of_postgres(rows: &[Vec<Value>]) -> Isolation {
    let row = rows.first().map(Vec::as_slice).unwrap_or_default();
    let is_set = |at: usize| row.get(at + 1) == Some(&Value::Boolean(true));
    let mut powers: Vec<Power> =
        OF_POSTGRES.into_iter().enumerate().filter(|(at, _)| is_set(*at)).map(|(_, power)| power).collect();
    if powers.contains(&Power::Superuser) {
        powers = vec![Power::Superuser];
    }
    Isolation { login: text(row.first()), barrier: Barrier::SharedLogin, powers }
}

fn of_mysql(login: Option<String>, shown: &ShownGrants) -> Isolation {
    let mut powers: Vec<Power> = shown.on_server().flat_map(of_privilege).copied().collect();
    powers.sort_unstable();
    powers.dedup();
    Isolation { login, barrier: Barrier::SharedLogin, powers }
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

fn text(value: Option<&Value>) -> Option<String> {
    value?.as_text().map(str::to_owned)
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
        assert_eq!(of_postgres(&row(rights)).powers, []);
        rights[3] = true;
        rights[5] = true;
        let found = of_postgres(&row(rights));
        assert_eq!((found.login.as_deref(), found.powers), (Some("app"), vec![Power::WriteFiles, Power::Policies]));
        rights[0] = true;
        assert_eq!(of_postgres(&row(rights)).powers, [Power::Superuser], "which includes the others");
    }

    #[test]
    fn rights_on_mysql() {
        let of = |lines: &[&str]| of_mysql(None, &ShownGrants::of(lines.iter().copied())).powers;
        assert_eq!(of(&["GRANT USAGE ON *.* TO `app`@`%`", "GRANT ALL PRIVILEGES ON `app`.* TO `app`@`%`"]), []);
        assert_eq!(
            of(&["GRANT FILE, SELECT, SHOW VIEW ON *.* TO `app`@`%` WITH GRANT OPTION"]),
            [Power::ReadFiles, Power::WriteFiles, Power::Logins, Power::OtherDatabases]
        );
        let of_role = of(&["GRANT `boss` TO `app`@`%`", "GRANT ALL PRIVILEGES ON *.* TO `boss`"]);
        assert!(of_role.contains(&Power::Server) && of_role.contains(&Power::Code), "{of_role:?}");
    }
}
