//! What holds a component back on a database, and what its login may do beyond that database.

use crate::data::Value;
use crate::database::{DatabaseError, Dialect, HostSession, QueryLimits};
use crate::error::Result;

/// What keeps a component from what it is not meant to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Barrier {
    /// The database itself decides about each statement, by SQLite's authorizer.
    Authorizer,
    /// Each component has a login of its own, with the rights that it is granted.
    SeparateLogins,
    /// A component has the login of the tool. Its statements are looked at, and the tool's own tables are proven unchanged
    /// before anything is committed.
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

/// The login, and one row for each of its rights on the whole server.
const MYSQL: &str = "SELECT CURRENT_USER(), p.privilege_type, p.is_grantable FROM information_schema.user_privileges p \
     WHERE p.grantee = CONCAT('''', SUBSTRING_INDEX(CURRENT_USER(), '@', 1), '''@''', \
     SUBSTRING(CURRENT_USER(), CHAR_LENGTH(SUBSTRING_INDEX(CURRENT_USER(), '@', 1)) + 2), '''')";

/// Looks at the rights of the login.
pub async fn look(database: &mut HostSession<'_>) -> Result<Isolation> {
    let dialect = database.facts().dialect;
    Ok(match dialect {
        Dialect::Sqlite => Isolation { login: None, barrier: Barrier::Authorizer, powers: Vec::new() },
        Dialect::Postgres => of_postgres(&ask(database, POSTGRES).await?),
        Dialect::Mysql | Dialect::Mariadb => of_mysql(&ask(database, MYSQL).await?),
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

fn of_mysql(rows: &[Vec<Value>]) -> Isolation {
    let mut powers: Vec<Power> = Vec::new();
    for row in rows {
        let privilege = text(row.get(1)).unwrap_or_default().to_ascii_uppercase();
        powers.extend(of_privilege(&privilege));
        if text(row.get(2)).is_some_and(|it| it.eq_ignore_ascii_case("YES")) {
            powers.push(Power::Logins);
        }
    }
    powers.sort_unstable();
    powers.dedup();
    Isolation { login: rows.first().and_then(|row| text(row.first())), barrier: Barrier::SharedLogin, powers }
}

/// What a privilege on the whole server allows, as the manuals of MySQL and MariaDB describe them.
fn of_privilege(privilege: &str) -> &'static [Power] {
    match privilege {
        "FILE" => &[Power::ReadFiles, Power::WriteFiles],
        "INSERT" | "UPDATE" | "DELETE" | "DROP" | "ALTER" | "CREATE" => &[Power::OtherDatabases, Power::Code],
        "SELECT" | "SHOW VIEW" | "LOCK TABLES" | "EXECUTE" | "TRIGGER" | "EVENT" | "INDEX" | "CREATE ROUTINE"
        | "ALTER ROUTINE" | "CREATE VIEW" => &[Power::OtherDatabases],
        "CREATE USER" | "CREATE ROLE" | "ROLE_ADMIN" | "SET USER" | "SET_USER_ID" | "SET_ANY_DEFINER" => {
            &[Power::Logins]
        }
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
        let row = |privilege: &str, grantable: &str| vec!["app@%".into(), privilege.into(), grantable.into()];
        assert_eq!(of_mysql(&[row("USAGE", "NO")]).powers, []);
        let found = of_mysql(&[row("FILE", "NO"), row("SELECT", "YES"), row("SHOW VIEW", "NO")]);
        assert_eq!(found.login.as_deref(), Some("app@%"));
        assert_eq!(found.powers, [Power::ReadFiles, Power::WriteFiles, Power::Logins, Power::OtherDatabases]);
    }
}
