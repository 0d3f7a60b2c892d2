//! What the server says about the user of a run, the tables, and the logins of components.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::mysql::MySqlRow;

use super::gate::{self, named};
use crate::error::{NO_TABLE, Result};
use crate::guard::{is_tool_name, reaching_objects};
use crate::host_sql::{HostExecutor, literal, text};
use crate::link::Link;
use runner_database::logins::names::{login_of, scope};
use runner_database::logins::refusals::NAMED;
use runner_database::logins::rights::{Relations, Rights};
use runner_database::logins::side_effects::{Action, Attached, ForeignKey, Program};
use runner_database::{DatabaseErrorKind, Dialect};
use runner_sql::ShownGrants;

/// What was found.
#[derive(Clone, Debug)]
pub(crate) struct Catalogue {
    /// MySQL or MariaDB.
    pub dialect: Dialect,
    /// The user of the run, as `CURRENT_USER()` says it.
    pub host: String,
    /// It may write everything on the server.
    pub is_superuser: bool,
    /// It may not read the rights of others.
    pub is_blind: bool,
    /// The database.
    pub database: String,
    /// What the names of logins have for it.
    pub scope: String,
    /// The tables and views.
    pub relations: Relations,
    /// The functions: database, name, and whether it runs with the rights of its owner.
    pub functions: Vec<(String, String, bool)>,
    /// The logins of components that exist, or that are known to have been made.
    pub logins: BTreeMap<String, Found>,
    /// What everybody may do in the database.
    pub open: Vec<Open>,
    /// Through what a statement changes the tool's tables, in a component's transaction too: the database and the name of functions, of
    /// tables with triggers, and of views; and whether a view does so only where it is written to.
    pub reaching: BTreeMap<(String, String), bool>,
    /// The tables that keep what was written to them before.
    pub versioned: BTreeSet<(String, String)>,
    /// The expressions by which tables are partitioned. A query may ask for one partition.
    pub partitions: BTreeMap<(String, String), String>,
    /// The columns with a histogram, which has values of them.
    pub histograms: BTreeMap<(String, String), BTreeSet<String>>,
    /// What changes of rows set off.
    pub attached: Attached,
}

/// A right that everybody has.
#[derive(Clone, Debug)]
pub(crate) struct Open {
    /// What it is, in words.
    pub what: String,
    /// What takes it away.
    pub revoke: String,
}

impl Open {
    /// What everybody has rights on, as `GRANT` spells it after `ON`.
    pub(crate) fn of_public(object: &str) -> Self {
        Self {
            what: format!("every user has rights on {object}"),
            revoke: format!("REVOKE ALL PRIVILEGES ON {object} FROM PUBLIC"),
        }
    }

    /// A role of every user, as the server spells it.
    pub(crate) fn of_role(role: &str) -> Self {
        Self {
            what: format!("every user has the role {role} (`mandatory_roles`)"),
            revoke: "SET PERSIST mandatory_roles = ''".to_owned(),
        }
    }
}

/// A login.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    /// The revision of its component, if it is noted.
    pub revision: Option<String>,
    /// Whether it exists; where that is not known, it is taken to.
    pub exists: bool,
    /// What it should not be, in words.
    pub attributes: Vec<String>,
    /// Its roles, quoted.
    pub roles: Vec<String>,
    /// Its rights, as `GRANT` spells them.
    pub rights: Rights,
}

/// The greatest number of sessions of a login; see `CONNECTIONS` of PostgreSQL.
pub(crate) const CONNECTIONS: u32 = 64;

/// Privileges on the whole server with which a user can make itself everything else. `SET USER` is MariaDB's; the last three are
/// MySQL's.
const EVERYTHING: [&str; 11] = [
    "ALL PRIVILEGES",
    "SUPER",
    "FILE",
    "INSERT",
    "UPDATE",
    "DELETE",
    "CREATE ROUTINE",
    "SET USER",
    "SET_USER_ID",
    "SET_ANY_DEFINER",
    "ROLE_ADMIN",
];

/// There is no such user.
const NO_USER: [&str; 2] = ["1141", "1396"];

impl Catalogue {
    /// Asks the server. `schemas`: the databases that grants are about; `logins`: the names of those that are wanted.
    pub(crate) async fn read(link: &mut Link, schemas: &[String], logins: &[String]) -> Result<Self> {
        let (facts, database) = (link.facts(), link.endpoint().database());
        let mut found = Self {
            dialect: facts.dialect,
            scope: scope(facts, database),
            host: String::new(),
            is_superuser: false,
            is_blind: false,
            database: database.to_owned(),
            relations: Relations::new(),
            functions: Vec::new(),
            logins: BTreeMap::new(),
            open: Vec::new(),
            reaching: BTreeMap::new(),
            versioned: BTreeSet::new(),
            partitions: BTreeMap::new(),
            histograms: BTreeMap::new(),
            attached: Attached::default(),
        };
        let connection = &mut link.work;
        found.host = text(&connection.one("SELECT CURRENT_USER()").await?, 0);
        // With those of its default role, which is active.
        found.is_superuser = shown(connection, None).await?.on_server().any(|right| EVERYTHING.contains(&right));
        found.read_tables(connection, schemas).await?;
        found.read_logins(connection, logins).await?;
        found.read_open(connection).await?;
        Ok(found)
    }

    /// The name of a component's login.
    pub(crate) fn login_of(&self, revision: &str) -> String {
        login_of(self.dialect, &self.scope, revision)
    }

    /// The databases that grants are about, as literals.
    fn list(&self, schemas: &[String]) -> String {
        std::iter::once(&self.database).chain(schemas).map(|name| literal(name)).collect::<Vec<_>>().join(", ")
    }

    async fn read_tables(&mut self, connection: &mut impl HostExecutor, schemas: &[String]) -> Result<()> {
        let list = self.list(schemas);
        let columns = format!(
            "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA IN ({list})"
        );
        for row in &connection.all(columns).await? {
            let (schema, name) = (text(row, 0), text(row, 1));
            if !is_tool_name(&name) {
                self.relations.entry((schema, name)).or_default().columns.insert(text(row, 2));
            }
        }
        let versioned = format!(
            "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES WHERE TABLE_TYPE = 'SYSTEM VERSIONED' AND TABLE_SCHEMA IN ({list})"
        );
        let versioned = connection.all(versioned).await?;
        self.versioned = versioned.iter().map(|row| (text(row, 0), text(row, 1))).collect();
        let partitions = format!(
            "SELECT DISTINCT TABLE_SCHEMA, TABLE_NAME, CONCAT_WS(' ', PARTITION_EXPRESSION, SUBPARTITION_EXPRESSION) \
             FROM information_schema.PARTITIONS WHERE PARTITION_NAME IS NOT NULL AND TABLE_SCHEMA IN ({list})"
        );
        let partitions = connection.all(partitions).await?;
        self.partitions = partitions.iter().map(|row| ((text(row, 0), text(row, 1)), text(row, 2))).collect();
        if self.dialect == Dialect::Mysql {
            let histograms = format!(
                "SELECT SCHEMA_NAME, TABLE_NAME, COLUMN_NAME FROM information_schema.COLUMN_STATISTICS WHERE SCHEMA_NAME IN ({list})"
            );
            for row in &connection.all(histograms).await? {
                self.histograms.entry((text(row, 0), text(row, 1))).or_default().insert(text(row, 2));
            }
        }
        for row in &connection.all(reaching_objects(&list, &literal(&self.database))).await? {
            let when_written = text(row, 0) == "trigger" || text(row, 0) == "view" && text(row, 3) == "1";
            let found = self.reaching.entry((text(row, 1), text(row, 2))).or_insert(when_written);
            *found &= when_written;
        }
        let views = format!(
            "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.VIEWS WHERE SECURITY_TYPE = 'DEFINER' AND TABLE_SCHEMA IN ({list})"
        );
        for row in &connection.all(views).await? {
            if let Some(relation) = self.relations.get_mut(&(text(row, 0), text(row, 1))) {
                relation.reaches_past = true;
            }
        }
        let functions = format!(
            "SELECT ROUTINE_SCHEMA, ROUTINE_NAME, SECURITY_TYPE FROM information_schema.ROUTINES WHERE ROUTINE_TYPE = 'FUNCTION' AND \
             ROUTINE_SCHEMA IN ({list})"
        );
        let functions = connection.all(functions).await?;
        self.functions = functions.iter().map(|row| (text(row, 0), text(row, 1), text(row, 2) == "DEFINER")).collect();
        // MariaDB would open the tables of all databases to find keys in others.
        let is_listed = match self.dialect {
            Dialect::Mysql => format!("k.REFERENCED_TABLE_SCHEMA IN ({list})"),
            _ => format!("r.CONSTRAINT_SCHEMA IN ({list}) AND k.TABLE_SCHEMA IN ({list})"),
        };
        let attached = format!(
            "SELECT 'trigger', TRIGGER_SCHEMA, EVENT_OBJECT_TABLE, TRIGGER_NAME, EVENT_MANIPULATION, '', '', '', '', '' \
                 FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA IN ({list}) \
             UNION ALL SELECT 'key', k.REFERENCED_TABLE_SCHEMA, k.REFERENCED_TABLE_NAME, k.CONSTRAINT_NAME, r.DELETE_RULE, r.UPDATE_RULE, \
                 k.TABLE_SCHEMA, k.TABLE_NAME, k.COLUMN_NAME, k.REFERENCED_COLUMN_NAME \
                 FROM information_schema.REFERENTIAL_CONSTRAINTS r JOIN information_schema.KEY_COLUMN_USAGE k \
                 ON k.CONSTRAINT_SCHEMA = r.CONSTRAINT_SCHEMA AND k.TABLE_NAME = r.TABLE_NAME AND k.CONSTRAINT_NAME = r.CONSTRAINT_NAME \
                 WHERE {is_listed}"
        );
        for row in &connection.all(attached).await? {
            self.attach(row);
        }
        Ok(())
    }

    /// Adds a trigger, or a column of a foreign key.
    fn attach(&mut self, row: &MySqlRow) {
        let (table, name) = ((text(row, 1), text(row, 2)), text(row, 3));
        if text(row, 0) == "trigger" {
            let what = format!("trigger `{name}`");
            return self.attached.programs.push(Program { what, table, privilege: text(row, 4) });
        }
        let child = (text(row, 6), text(row, 7));
        let keys = &mut self.attached.keys;
        let at = keys.iter().position(|key| key.name == name && key.child == child).unwrap_or_else(|| {
            let action = |at: usize| match text(row, at).as_str() {
                "CASCADE" => Action::Cascade,
                "SET NULL" | "SET DEFAULT" => Action::Set,
                _ => Action::Nothing,
            };
            let (columns, parent_columns) = (Vec::new(), Vec::new());
            let (on_delete, on_update) = (action(4), action(5));
            keys.push(ForeignKey { name, child, columns, parent: table, parent_columns, on_delete, on_update });
            keys.len() - 1
        });
        keys[at].columns.push(text(row, 8));
        keys[at].parent_columns.push(text(row, 9));
    }

    async fn read_logins(&mut self, connection: &mut impl HostExecutor, logins: &[String]) -> Result<()> {
        let noted = format!("SELECT login, revision FROM {}", named(&self.database, gate::LOGINS));
        let noted = match connection.all(noted).await {
            // The database is new.
            Err(error) if error.code == NO_TABLE => Vec::new(),
            noted => noted?,
        };
        let mut known: BTreeMap<String, Option<String>> = logins.iter().map(|login| (login.clone(), None)).collect();
        known.extend(noted.iter().map(|row| (text(row, 0), Some(text(row, 1)))));
        for (login, revision) in known {
            let found = match shown(connection, Some(&login)).await {
                Ok(ShownGrants { rights, roles, .. }) => {
                    let attributes = attributes(connection, &login).await?;
                    Found { revision, exists: true, attributes, roles, rights }
                }
                Err(error) if NO_USER.contains(&error.code.as_str()) => Found { revision, ..Found::default() },
                Err(error) if error.kind == DatabaseErrorKind::Denied => {
                    self.is_blind = true;
                    Found { exists: revision.is_some(), revision, ..Found::default() }
                }
                Err(error) => return Err(error),
            };
            if found.exists || found.revision.is_some() {
                self.logins.insert(login, found);
            }
        }
        Ok(())
    }

    /// Rights of everybody: of the anonymous user on databases, which every user has, and of `PUBLIC`.
    async fn read_open(&mut self, connection: &mut impl HostExecutor) -> Result<()> {
        let database = literal(&self.database);
        // A row of the anonymous user may exist there without such a user, and then nothing revokes it.
        let of_databases = format!(
            "SELECT User, CONCAT('`', REPLACE(Db, '`', '``'), '`.*'), Db FROM mysql.db WHERE User IN ('', 'PUBLIC') \
                 AND {database} LIKE Db AND 'Y' IN (Select_priv, Insert_priv, Update_priv, Delete_priv, Create_priv, Drop_priv, \
                 References_priv, Index_priv, Alter_priv, Create_tmp_table_priv, Lock_tables_priv, Create_view_priv, Show_view_priv, \
                 Create_routine_priv, Alter_routine_priv, Execute_priv, Event_priv, Trigger_priv) \
             UNION ALL SELECT 'PUBLIC', CONCAT('`', REPLACE(Db, '`', '``'), '`.`', REPLACE(Table_name, '`', '``'), '`'), Db \
                 FROM mysql.tables_priv WHERE User = 'PUBLIC' AND Db = {database} \
             UNION ALL SELECT 'PUBLIC', CONCAT(Routine_type, ' `', REPLACE(Db, '`', '``'), '`.`', REPLACE(Routine_name, '`', '``'), '`'), Db \
                 FROM mysql.procs_priv WHERE User = 'PUBLIC' AND Db = {database}"
        );
        let open = |row: &MySqlRow| match text(row, 0).as_str() {
            "PUBLIC" => Open::of_public(&text(row, 1)),
            _ => Open {
                revoke: format!(
                    "DELETE FROM mysql.db WHERE User = '' AND Db = {}; FLUSH PRIVILEGES",
                    literal(&text(row, 2))
                ),
                ..Open::of_public(&text(row, 1))
            },
        };
        match connection.all(of_databases).await {
            Ok(rows) => self.open = rows.iter().map(open).collect(),
            Err(error) if error.kind == DatabaseErrorKind::Denied => self.is_blind = true,
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// What a login may do, or the user of the connection, as the server says it.
pub(crate) async fn shown(connection: &mut impl HostExecutor, login: Option<&str>) -> Result<ShownGrants> {
    let of = login.map(|login| format!(" FOR {}", account(login))).unwrap_or_default();
    let lines = connection.all(format!("SHOW GRANTS{of}")).await?;
    let lines: Vec<String> = lines.iter().map(|row| text(row, 0)).collect();
    Ok(ShownGrants::of(lines.iter().map(String::as_str)))
}

/// Databases of the server, in which every user sees something.
const OF_ALL: &str = "'information_schema', 'performance_schema', 'sys'";

/// What the user of the connection has any right on, from whatever it comes, apart from these objects: the server shows each user
/// just that.
pub(crate) async fn reached(connection: &mut impl HostExecutor, granted: &BTreeSet<String>) -> Result<Vec<String>> {
    let quoted = |name: &str| format!("'`', REPLACE({name}, '`', '``'), '`'");
    let [table_schema, table, routine_schema, routine, schema] =
        ["TABLE_SCHEMA", "TABLE_NAME", "ROUTINE_SCHEMA", "ROUTINE_NAME", "SCHEMA_NAME"].map(quoted);
    let seen = format!(
        "SELECT CONVERT(CONCAT({table_schema}, '.', {table}) USING utf8mb4) FROM information_schema.TABLES \
             WHERE TABLE_SCHEMA NOT IN ({OF_ALL}) \
         UNION ALL SELECT CONVERT(CONCAT(ROUTINE_TYPE, ' ', {routine_schema}, '.', {routine}) USING utf8mb4) \
             FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA NOT IN ({OF_ALL}) \
         UNION ALL SELECT CONVERT(CONCAT({schema}, '.') USING utf8mb4) FROM information_schema.SCHEMATA \
             WHERE SCHEMA_NAME NOT IN ({OF_ALL})"
    );
    let seen = connection.all(seen).await?.into_iter().map(|row| text(&row, 0));
    // A user who sees an object also sees its database.
    let is_granted =
        |it: &String| granted.contains(it) || it.ends_with('.') && granted.iter().any(|one| one.contains(it));
    let mut reached: Vec<String> = seen.filter(|it| !is_granted(it)).collect();
    reached.iter_mut().filter(|it| it.ends_with('.')).for_each(|it| it.push('*'));
    if reached.len() > NAMED {
        let more = format!("and {} more", reached.len() - NAMED);
        reached.truncate(NAMED);
        reached.push(more);
    }
    Ok(reached)
}

/// What a user should not be, which only `SHOW CREATE USER` shows.
async fn attributes(connection: &mut impl HostExecutor, login: &str) -> Result<Vec<String>> {
    let shown = text(&connection.one(format!("SHOW CREATE USER {}", account(login))).await?, 0);
    let mut found = Vec::new();
    if shown.contains(" ACCOUNT LOCK") {
        found.push("it may not log in".to_owned());
    }
    let number = |of: &str| -> u32 {
        let rest = shown.split(of).nth(1).unwrap_or_default();
        rest.split(' ').next().and_then(|digits| digits.parse().ok()).unwrap_or_default()
    };
    let connections = number(" MAX_USER_CONNECTIONS ");
    if connections != CONNECTIONS {
        found.push(format!("it may have {connections} sessions instead of {CONNECTIONS}"));
    }
    let limits = [" MAX_QUERIES_PER_HOUR ", " MAX_UPDATES_PER_HOUR ", " MAX_CONNECTIONS_PER_HOUR "];
    if limits.into_iter().any(|limit| number(limit) > 0) || number(" MAX_STATEMENT_TIME ") > 0 {
        found.push("it has limits of its own".to_owned());
    }
    Ok(found)
}

/// A login as statements spell it: it may come from everywhere, as its password is random.
pub(crate) fn account(login: &str) -> String {
    format!("{}@'%'", literal(login))
}

/// A user as `CURRENT_USER()` says it, as statements spell it.
pub(crate) fn spelled(user: &str) -> String {
    let (name, host) = user.rsplit_once('@').unwrap_or((user, "%"));
    format!("{}@{}", Dialect::Mysql.quote(name), Dialect::Mysql.quote(host))
}
