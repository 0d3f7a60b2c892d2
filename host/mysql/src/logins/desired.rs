//! What a login should be, worked out from grants and the catalogue; and the statements that make it so. Pure.

use std::collections::BTreeSet;

use super::catalogue::{CONNECTIONS, Catalogue, Found, account, spelled};
use super::gate::{self, GATE, named};
use crate::error::Result;
use crate::guard::is_tool_name;
use crate::host_sql::literal;
use runner_database::grants::{Grant, Grants};
use runner_database::logins::refusals::check_wanted;
use runner_database::logins::rights::{self, Granted, Rights, relations_of, resolve};
use runner_database::logins::{DesiredLogin, LoginReport, LoginRequest, LoginState, Removal};
use runner_database::{Dialect, SchemaChange};

/// Why something is not granted: in the transaction of a component, the tool's tables are not compared.
const REACHES: &str = "which runs a trigger or a function that names a table of runner, or a database that no grant names, with the rights of its owner";

/// The way out.
const REACHES_HINT: &str =
    "find out who made the trigger or the function, and drop it; or grant what the component may do in that database";

/// A password that MySQL generates, and returns in its answer only: no statement has it, so no log does.
pub(crate) const RANDOM_PASSWORD: &str = "WITH caching_sha2_password BY RANDOM PASSWORD";

/// Databases of the server itself.
const OF_THE_SERVER: [&str; 4] = ["information_schema", "performance_schema", "mysql", "sys"];

/// What a component is granted, as rights of the server.
#[derive(Debug, Default)]
pub(crate) struct DesiredRights {
    /// As `GRANT` spells them, such as ``SELECT (`id`) ON `app`.`customers` ``.
    pub rights: Rights,
    /// What they are on, as `GRANT` spells it after `ON`.
    pub objects: BTreeSet<String>,
    /// What grants name that does not exist.
    pub unknown: Vec<String>,
    /// What runs with the rights of another, or changes rows by itself, in words.
    pub past: Vec<String>,
    /// What a line cannot be held to, in words, and the way out; it is not granted.
    pub refused: Vec<(String, &'static str)>,
}

/// Fails if grants ask for what a login cannot be given here.
pub(crate) fn check(wanted: &DesiredLogin) -> Result<()> {
    let of_server = |schema: &String| OF_THE_SERVER.iter().any(|it| it.eq_ignore_ascii_case(schema));
    check_wanted(wanted, |grant: &Grant| {
        is_tool_name(&grant.tables.name) || grant.tables.schema.as_ref().is_some_and(of_server)
    })
}

/// Works out the rights on a table that was created, or on columns that were added. `database`: that of names without one.
pub(crate) fn rights_on_new(grants: &Grants, change: &SchemaChange, database: &str) -> Rights {
    let mut rights = Rights::new();
    if let Some(relations) = relations_of(change, database) {
        resolve(grants, &relations, database).granted.iter().for_each(|granted| add(&mut rights, granted));
    }
    rights
}

fn add(rights: &mut Rights, Granted { privilege, table: (schema, name), columns, .. }: &Granted<'_>) {
    let table = named(schema, name);
    if columns.is_empty() {
        rights.insert(format!("{privilege} ON {table}"));
    }
    let each = columns.iter().map(|column| Dialect::Mysql.quote(column));
    rights.extend(each.map(|column| format!("{privilege} ({column}) ON {table}")));
}

impl DesiredRights {
    /// Works out the rights.
    pub(crate) fn of(grants: &Grants, catalogue: &Catalogue) -> Self {
        let database = catalogue.database.as_str();
        let found = resolve(grants, &catalogue.relations, database);
        let mut wanted = Self { unknown: found.unknown, ..Self::default() };
        wanted
            .past
            .extend(found.views.iter().map(|view| format!("the view `{view}` reads with the rights of its owner")));
        wanted.past.extend(catalogue.attached.past(&found.granted));
        wanted.execute(format!("PROCEDURE {}", named(database, GATE)));
        for granted in &found.granted {
            let table = (granted.table.0.to_owned(), granted.table.1.to_owned());
            let reads_some = granted.privilege == "SELECT" && !granted.columns.is_empty();
            if reads_some && catalogue.versioned.contains(&table) {
                wanted.refused.push((
                    format!(
                        "`SELECT` on some columns of `{}.{}`: the table is system-versioned, and a user who may read one of them may also \
                         read when each row was written, and what it was before",
                        table.0, table.1
                    ),
                    "grant the table without naming columns, or a view of the columns that it is to read",
                ));
                continue;
            }
            if reads_some && let Some(refused) = reveals(granted, &table, catalogue) {
                wanted.refused.push(refused);
                continue;
            }
            let reaches = catalogue.reaching.get(&table);
            if reaches.is_some_and(|when_written| granted.privilege != "SELECT" || !when_written) {
                let what = format!("`{}` on `{}.{}`", granted.privilege, table.0, table.1);
                wanted.refused.push((format!("{what}, {REACHES}"), REACHES_HINT));
                continue;
            }
            wanted.objects.insert(named(granted.table.0, granted.table.1));
            add(&mut wanted.rights, granted);
        }
        for function in &grants.functions {
            let (of, name) = function.split_once('.').unwrap_or((database, function));
            let found =
                catalogue.functions.iter().find(|(schema, it, _)| schema == of && it.eq_ignore_ascii_case(name));
            let Some((schema, name, is_definer)) = found else {
                wanted.unknown.push(format!("`function {function}`: there is no function `{of}.{name}`"));
                continue;
            };
            if catalogue.reaching.contains_key(&(schema.clone(), name.clone())) {
                wanted.refused.push((format!("`EXECUTE` on the function `{schema}.{name}`, {REACHES}"), REACHES_HINT));
                continue;
            }
            wanted.execute(format!("FUNCTION {}", named(schema, name)));
            if *is_definer {
                wanted.past.push(format!("the function `{schema}.{name}` runs with the rights of its owner"));
            }
        }
        wanted
    }

    fn execute(&mut self, routine: String) {
        self.rights.insert(format!("EXECUTE ON {routine}"));
        self.objects.insert(routine);
    }

    /// The databases that grants name, other than that of the project.
    pub(crate) fn schemas(wanted: &[&Grants]) -> Vec<String> {
        let tables =
            wanted.iter().flat_map(|grants| grants.tables.iter().filter_map(|grant| grant.tables.schema.clone()));
        let functions = wanted.iter().flat_map(|grants| grants.functions.iter());
        let functions = functions.filter_map(|name| name.split_once('.').map(|(schema, _)| schema.to_owned()));
        tables.chain(functions).collect()
    }
}

/// What a right to read some columns of a table reveals about others, in words, and the way out.
fn reveals(granted: &Granted<'_>, table: &(String, String), catalogue: &Catalogue) -> Option<(String, &'static str)> {
    let others = || granted.relation.columns.iter().filter(|column| !granted.columns.contains(&column.as_str()));
    let what = format!("`SELECT` on some columns of `{}.{}`", table.0, table.1);
    let histogram = catalogue.histograms.get(table).and_then(|columns| others().find(|it| columns.contains(*it)));
    if let Some(column) = histogram {
        let what = format!(
            "{what}: anyone who may read one of them may read the histogram of `{column}`, which has values of it"
        );
        return Some((
            what,
            "drop it with `ANALYZE TABLE … DROP HISTOGRAM ON …`, or grant the table without naming columns",
        ));
    }
    let expression = catalogue.partitions.get(table)?.to_lowercase();
    let names = |column: &&String| expression.contains(&column.to_lowercase());
    others().find(names).map(|column| {
        (
            format!("{what}: its partitions are made by `{column}`, and a query can ask for the rows of one partition"),
            "grant the table without naming columns, or a view of the columns that it is to read",
        )
    })
}

/// What a login is and should not be, or the other way round, apart from its rights.
pub(crate) fn differences_apart(found: Option<&Found>) -> Vec<String> {
    match found {
        Some(found) if found.exists => {
            let roles = found.roles.iter().map(|role| format!("it has the role {role}"));
            found.attributes.iter().cloned().chain(roles).collect()
        }
        _ => vec!["it does not exist".to_owned()],
    }
}

/// The statements that give a login its rights and take others away.
pub(crate) fn align(login: &str, found: &Rights, wanted: &Rights) -> Vec<String> {
    rights::align(&account(login), found, wanted, "")
}

/// The statements for a login, and its state.
fn one(wanted: &DesiredLogin, catalogue: &Catalogue, gate: Option<&str>, report: &mut LoginReport) {
    let revision = wanted.grants.component.clone();
    let login = catalogue.login_of(&revision);
    let of = DesiredRights::of(&wanted.grants, catalogue);
    let found = catalogue.logins.get(&login);
    let mut differences = differences_apart(found);
    let none = Rights::new();
    let held = found.map_or(&none, |found| &found.rights);
    if found.is_some_and(|found| found.exists) && !catalogue.is_blind {
        differences.extend(rights::differences(held, &of.rights));
    }
    match wanted.is_early {
        true => {
            let later = |unknown: &String| format!("{unknown}; it is granted when `{}` runs", wanted.id);
            report.notes.extend(of.unknown.iter().map(later));
        }
        false => report.unknown.extend(of.unknown.iter().cloned()),
    }
    differences.extend(of.refused.into_iter().map(|(what, _)| format!("it cannot be held to {what}")));
    report.notes.extend(of.past.iter().map(|past| format!("{past}, and so does `{}` through it", wanted.id)));
    let user = account(&login);
    if found.and_then(|found| found.revision.as_deref()) != Some(&revision) {
        report.statements.push(format!(
            "REPLACE INTO {} (login, revision) VALUES ({}, {})",
            named(&catalogue.database, gate::LOGINS),
            literal(&login),
            literal(&revision)
        ));
    }
    let is_mysql = catalogue.dialect == Dialect::Mysql;
    if !found.is_some_and(|found| found.exists) {
        // This password is for no login: each run sets one, or the operator does.
        let by = if is_mysql { RANDOM_PASSWORD } else { "VIA mysql_native_password USING 'invalid'" };
        report
            .statements
            .push(format!("CREATE USER IF NOT EXISTS {user} IDENTIFIED {by} WITH MAX_USER_CONNECTIONS {CONNECTIONS}"));
    }
    if let Some(found) = found {
        if !found.attributes.is_empty() {
            let time = if is_mysql { "" } else { "MAX_STATEMENT_TIME 0 " };
            report.statements.push(format!(
                "ALTER USER {user} WITH MAX_QUERIES_PER_HOUR 0 MAX_UPDATES_PER_HOUR 0 MAX_CONNECTIONS_PER_HOUR 0 \
                 {time}MAX_USER_CONNECTIONS {CONNECTIONS} ACCOUNT UNLOCK"
            ));
        }
        report.statements.extend(found.roles.iter().map(|role| format!("REVOKE {role} FROM {user}")));
    }
    // Recreating the procedure drops the right to call it.
    let lost = format!("EXECUTE ON PROCEDURE {}", named(&catalogue.database, GATE));
    let kept = held.iter().filter(|right| gate.is_none() || **right != lost).cloned().collect();
    report.statements.extend(align(&login, &kept, &of.rights));
    report.logins.push(LoginState {
        login,
        revision,
        component: Some(wanted.id.clone()),
        exists: found.is_some_and(|found| found.exists),
        rights: held.iter().cloned().collect(),
        differences,
    });
}

/// What exists beyond what should, and the statements that lead there. `gate`: how the gate differs from what it should
/// be.
pub(crate) fn report(request: &LoginRequest, catalogue: &Catalogue, gate: Option<&str>) -> LoginReport {
    let wanted = &request.wanted;
    let mut report = LoginReport::default();
    if !wanted.is_empty() && gate.is_some() {
        report.statements.extend(gate::making(&catalogue.database, &spelled(&catalogue.host), catalogue.dialect));
    }
    for wanted in wanted {
        one(wanted, catalogue, gate, &mut report);
    }
    for state in report.logins.iter_mut().filter(|_| gate.is_some()) {
        state.differences.extend(gate.map(str::to_owned));
    }
    let noted = catalogue.logins.iter().filter_map(|(login, found)| Some((login, found.revision.as_deref()?, found)));
    for (login, revision, found) in noted {
        let is_removed = match &request.remove {
            Removal::Others => !wanted.iter().any(|wanted| wanted.grants.component == revision),
            Removal::Nothing => false,
            Removal::Of(removed) => removed == revision,
        };
        // A row that something else has written removes no other user.
        if !is_removed || *login != catalogue.login_of(revision) {
            continue;
        }
        let noted = named(&catalogue.database, gate::LOGINS);
        report.statements.extend([
            format!("DROP USER IF EXISTS {}", account(login)),
            format!("DELETE FROM {noted} WHERE login = {}", literal(login)),
        ]);
        report.logins.push(LoginState {
            login: login.clone(),
            revision: revision.to_owned(),
            component: None,
            exists: found.exists,
            rights: found.rights.iter().cloned().collect(),
            differences: vec!["it is to be removed".to_owned()],
        });
    }
    if !wanted.is_empty() {
        report
            .notes
            .extend(catalogue.open.iter().map(|open| format!("{}, components too: run `{}`", open.what, open.revoke)));
        if catalogue.is_blind {
            report.notes.push(
                "runner's own login may not read what others are granted (`SELECT` on `mysql`.*), so only a run shows whether \
                 logins have more than their grants"
                    .to_owned(),
            );
        }
    }
    report
}
