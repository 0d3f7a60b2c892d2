//! What a login should be, worked out from grants and the catalogue; and the statements that make it so. Pure.

use std::collections::BTreeMap;

use super::catalogue::{Catalogue, Found, MayAlter, Power};
use crate::error::{Result, denied};
use crate::gate::functions::{self as gate, GATE};
use crate::host_sql::quoted;
use runner_database::facts::TOOL_SCHEMA;
use runner_database::grants::Grants;
use runner_database::logins::names::login_of;
use runner_database::logins::refusals::{check_reached, check_wanted, unknown};
use runner_database::logins::rights::{self, Granted, Rights, relations_of, resolve};
use runner_database::logins::{DesiredLogin, LoginReport, LoginRequest, LoginState, Reached, Removal};
use runner_database::{Dialect, SchemaChange};

/// The greatest number of sessions of a login: a transform with as many connections as `--jobs` accepts, one more that reads ahead,
/// and one that cancels. A component cannot open any, so this bounds only what others do with a password.
pub(super) const CONNECTIONS: i64 = 64;

/// What a component is granted, as rights of PostgreSQL.
#[derive(Debug, Default)]
pub(super) struct DesiredRights {
    /// As `GRANT` spells them, such as `SELECT ("id") ON TABLE "public"."customers"`.
    pub rights: Rights,
    /// What grants name that does not exist.
    pub unknown: Vec<String>,
    /// Views that read with the rights of their owners.
    pub views: Vec<String>,
    /// What else changes rows by itself, or runs with the rights of another, in words.
    pub past: Vec<String>,
}

/// The comment on a login, from which it is known again when the settings no longer name its component.
fn comment(database: &str, revision: &str) -> String {
    format!("{}{revision}", comment_start(database))
}

fn comment_start(database: &str) -> String {
    format!("runner: {} ", Dialect::Postgres.quote(database))
}

/// Fails if grants ask for what a login cannot be given here.
pub(super) fn check(wanted: &DesiredLogin) -> Result<()> {
    check_wanted(wanted, |grant| grant.tables.schema.as_deref().is_some_and(is_forbidden))
}

/// Works out the rights on a table that is being created, or on columns that are being added. `schema`: that of names without
/// one.
pub(super) fn rights_on_new(grants: &Grants, change: &SchemaChange, schema: &str) -> Rights {
    let mut wanted = DesiredRights::default();
    if let Some(relations) = relations_of(change, schema) {
        resolve(grants, &relations, schema).granted.iter().for_each(|granted| wanted.add(granted));
    }
    wanted.rights
}

impl DesiredRights {
    /// Works out the rights. `schema`: that of names without one.
    pub(super) fn of(grants: &Grants, catalogue: &Catalogue, schema: &str) -> Self {
        let mut wanted = Self::default();
        wanted.rights.insert(format!("CONNECT ON DATABASE {}", quote(&catalogue.database)));
        wanted.rights.insert(format!("USAGE ON SCHEMA {}", quote(GATE)));
        wanted.rights.extend(gate::callable().map(|function| format!("EXECUTE ON FUNCTION {function}")));
        let found = resolve(grants, &catalogue.relations, schema);
        for granted in &found.granted {
            wanted.add(granted);
        }
        wanted.past = catalogue.attached.past(&found.granted);
        (wanted.unknown, wanted.views) = (found.unknown, found.views);
        for function in &grants.functions {
            wanted.add_function(function, catalogue, schema);
        }
        wanted
    }

    /// As [`Self::of`]; fails if something that grants name does not exist, or if the login can do what they do not list because everybody
    /// can.
    pub(super) fn reachable(grants: &Grants, catalogue: &Catalogue, login: &str, schema: &str) -> Result<Self> {
        let wanted = Self::of(grants, catalogue, schema);
        if !wanted.unknown.is_empty() {
            return Err(unknown(&wanted.unknown));
        }
        check_reached(&reached(catalogue.logins.get(login), &wanted, catalogue))?;
        Ok(wanted)
    }

    fn add(&mut self, granted: &Granted<'_>) {
        let Granted { privilege, table: (schema, name), columns, relation } = granted;
        let table = format!("{}.{}", quote(schema), quote(name));
        self.rights.insert(format!("USAGE ON SCHEMA {}", quote(schema)));
        if columns.is_empty() {
            self.rights.insert(format!("{privilege} ON TABLE {table}"));
        }
        self.rights.extend(columns.iter().map(|column| format!("{privilege} ({}) ON TABLE {table}", quote(column))));
        if *privilege == "INSERT" {
            let of = relation.sequences.iter().map(|(schema, name)| format!("{}.{}", quote(schema), quote(name)));
            self.rights.extend(of.map(|sequence| format!("USAGE ON SEQUENCE {sequence}")));
        }
    }

    fn add_function(&mut self, function: &str, catalogue: &Catalogue, schema: &str) {
        let (of, name) = function.split_once('.').unwrap_or((schema, function));
        let mut found = catalogue.functions.iter().filter(|(schema, it, _)| schema == of && it == name).peekable();
        if found.peek().is_none() {
            self.unknown.push(format!("`function {function}`: there is no function `{of}.{name}`"));
        }
        for (schema, name, types) in found {
            self.rights.insert(format!("USAGE ON SCHEMA {}", quote(schema)));
            self.rights.insert(format!("EXECUTE ON FUNCTION {}.{}({types})", quote(schema), quote(name)));
        }
    }
}

/// What a login is and should not be, or the other way round.
pub(super) fn differences(found: Option<&Found>, wanted: &DesiredRights, catalogue: &Catalogue) -> Vec<String> {
    let Some(found) = found else { return vec!["it does not exist".to_owned()] };
    let mut differences: Vec<String> = found.attributes.iter().map(|(told, _)| (*told).to_owned()).collect();
    if found.connections != CONNECTIONS {
        differences.push(format!("it may have {} sessions instead of {CONNECTIONS}", found.connections));
    }
    if found.has_settings {
        differences.push("it has settings of its own".to_owned());
    }
    differences.extend(found.member_of.iter().map(|role| format!("it is a member of `{role}`")));
    if found.owns > 0 {
        differences.push("it owns something".to_owned());
    }
    differences.extend(rights::differences(&found.rights, &wanted.rights));
    differences.extend(otherwise(found, wanted, catalogue));
    differences
}

/// What a login can do beyond its grants because everybody can. `found`: the login, if it exists.
pub(super) fn reached(found: Option<&Found>, wanted: &DesiredRights, catalogue: &Catalogue) -> Vec<Reached> {
    let mut objects: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for power in catalogue.everybody.iter().filter(|power| !power.of_extension && !is_given(power, found, wanted)) {
        objects.entry(&power.object).or_default().push(&power.privilege);
    }
    let of_objects = objects.into_iter().map(|(object, privileges)| {
        let privileges = privileges.join(", ");
        Reached {
            what: format!("every role has {privileges} on {object}"),
            remedy: format!("REVOKE {privileges} ON {object} FROM PUBLIC"),
        }
    });
    let open = catalogue.open.iter().cloned();
    of_objects.chain(open.map(|(what, remedy)| Reached { what: format!("every role has {what}"), remedy })).collect()
}

/// Whether a login has a right by itself, or should have it. A right to a table is one to each column.
fn is_given(power: &Power, found: Option<&Found>, wanted: &DesiredRights) -> bool {
    let has = |right: &str| wanted.rights.contains(right) || found.is_some_and(|found| found.rights.contains(right));
    let whole = power.privilege.split(" (").next().unwrap_or_default();
    has(&power.right()) || has(&format!("{whole} ON {}", power.object))
}

/// What a login can do by roles or as an owner, without a grant to it or to everybody.
fn otherwise<'a>(
    found: &'a Found,
    wanted: &'a DesiredRights,
    catalogue: &'a Catalogue,
) -> impl Iterator<Item = String> + 'a {
    let powers = found.can.difference(&catalogue.everybody);
    let powers = powers.filter(|power| !is_given(power, Some(found), wanted));
    powers.map(|power| format!("it has {} by another role", power.right()))
}

/// The statements that give a login its rights and take others away.
pub(super) fn align(login: &str, found: &Rights, wanted: &Rights) -> Vec<String> {
    rights::align(&quote(login), found, wanted, " CASCADE")
}

/// The statements for a login, and its state.
fn one(wanted: &DesiredLogin, catalogue: &Catalogue, schema: &str, report: &mut LoginReport) -> Result<()> {
    let revision = wanted.grants.component.clone();
    let login = login_of(Dialect::Postgres, &catalogue.scope, &revision);
    let of = DesiredRights::of(&wanted.grants, catalogue, schema);
    let found = catalogue.logins.get(&login);
    let expected = comment(&catalogue.scope, &revision);
    if found.is_some_and(|found| !found.comment.is_empty() && found.comment != expected) {
        return Err(denied(format!("the role `{login}` belongs to something else")).hint("rename or drop it"));
    }
    let reached = reached(found, &of, catalogue);
    let mut differences = differences(found, &of, catalogue);
    differences.extend(reached.iter().map(ToString::to_string));
    report.reached.extend(reached);
    if wanted.is_early {
        let later = |unknown: &String| format!("{unknown}; it is granted when `{}` runs", wanted.id);
        report.notes.extend(of.unknown.iter().map(later));
    } else {
        report.unknown.extend(of.unknown.iter().cloned());
    }
    report.notes.extend(of.views.iter().map(|view| {
        format!("the view `{view}` reads with the rights of its owner, and so `{}` reads what it shows", wanted.id)
    }));
    report.notes.extend(of.past.iter().map(|past| format!("{past}, and so does `{}` through it", wanted.id)));
    let role = quote(&login);
    let mut statements = Vec::new();
    if found.is_none() {
        statements.push(format!("CREATE ROLE {role}"));
        statements.push(format!("COMMENT ON ROLE {role} IS {}", quoted(&expected)));
    }
    let is_right = |found: &Found| found.attributes.is_empty() && found.connections == CONNECTIONS;
    if !found.is_some_and(is_right) {
        // Only a superuser may say NOSUPERUSER, NOREPLICATION and NOBYPASSRLS, and since PostgreSQL 16 only who may create
        // databases NOCREATEDB: they are said only where they change something.
        let has = |by| found.is_some_and(|found| found.attributes.iter().any(|(_, of)| *of == by));
        let databases = if has(MayAlter::CreatorsOfDatabases) { " NOCREATEDB" } else { "" };
        let rare = if has(MayAlter::Superusers) { " NOSUPERUSER NOREPLICATION NOBYPASSRLS" } else { "" };
        statements.push(format!(
            "ALTER ROLE {role} LOGIN{databases} NOCREATEROLE NOINHERIT{rare} CONNECTION LIMIT {CONNECTIONS}"
        ));
    }
    if let Some(found) = found {
        if found.has_settings {
            statements.push(format!("ALTER ROLE {role} RESET ALL"));
            statements.push(format!("ALTER ROLE {role} IN DATABASE {} RESET ALL", quote(&catalogue.database)));
        }
        statements.extend(found.member_of.iter().map(|other| format!("REVOKE {} FROM {role}", quote(other))));
    }
    if !catalogue.is_superuser && found.is_none() {
        // So that the run sees and ends the sessions of the login.
        statements.push(format!("GRANT {role} TO {}", quote(&catalogue.host)));
    }
    let owns = found.is_some_and(|found| found.owns > 0);
    if owns {
        statements.push(format!("DROP OWNED BY {role}"));
    }
    let none = Rights::new();
    let rights = found.filter(|_| !owns).map_or(&none, |found| &found.rights);
    statements.extend(align(&login, rights, &of.rights));
    report.statements.extend(statements);
    report.logins.push(LoginState {
        login,
        revision,
        component: Some(wanted.id.clone()),
        exists: found.is_some(),
        rights: found.map(|found| found.rights.iter().cloned().collect()).unwrap_or_default(),
        differences,
    });
    Ok(())
}

/// What exists beyond what should, and the statements that lead there. `gate`: how the gate differs from what it should
/// be.
pub(super) fn report(
    request: &LoginRequest,
    catalogue: &Catalogue,
    schema: &str,
    gate: Option<&str>,
) -> Result<LoginReport> {
    let wanted = &request.wanted;
    let mut report = LoginReport::default();
    if !wanted.is_empty() {
        if gate.is_some() {
            report.statements.extend(gate::making(&quote(&catalogue.host)));
        }
        report.statements.extend(revoke_public(catalogue, &mut report.notes));
    }
    for wanted in wanted {
        one(wanted, catalogue, schema, &mut report)?;
    }
    for state in report.logins.iter_mut().filter(|_| gate.is_some()) {
        state.differences.extend(gate.map(str::to_owned));
    }
    let start = comment_start(&catalogue.scope);
    let stale = catalogue.logins.iter().filter_map(|(login, found)| {
        let revision = found.comment.strip_prefix(&start)?;
        let is_wanted = wanted.iter().any(|wanted| wanted.grants.component == revision);
        let is_removed = match &request.remove {
            Removal::Others => !is_wanted,
            Removal::Nothing => false,
            Removal::Of(removed) => removed == revision,
        };
        (is_removed && *login == login_of(Dialect::Postgres, &catalogue.scope, revision))
            .then_some((login, revision, found))
    });
    for (login, revision, found) in stale {
        let role = quote(login);
        report.statements.extend([format!("DROP OWNED BY {role}"), format!("DROP ROLE {role}")]);
        report.logins.push(LoginState {
            login: login.clone(),
            revision: revision.to_owned(),
            component: None,
            exists: true,
            rights: found.rights.iter().cloned().collect(),
            differences: vec!["it is to be removed".to_owned()],
        });
    }
    report.reached.sort();
    report.reached.dedup();
    if !wanted.is_empty() {
        let of_extensions = catalogue.everybody.iter().filter(|power| power.of_extension);
        report.notes.extend(of_extensions.map(|power| {
            format!(
                "every role has {} on {}, which an extension has made, components too",
                power.privilege, power.object
            )
        }));
    }
    Ok(report)
}

/// The statements that take from everybody what a component must not do.
fn revoke_public(catalogue: &Catalogue, notes: &mut Vec<String>) -> Vec<String> {
    let mut statements = Vec::new();
    let database = quote(&catalogue.database);
    for (is_open, privilege) in [(catalogue.temporary, "TEMPORARY"), (catalogue.create, "CREATE")] {
        if is_open {
            statements.push(format!("REVOKE {privilege} ON DATABASE {database} FROM PUBLIC"));
            notes.push(format!("every role has {privilege} on the database, and `runner grants sync` revokes it: grant it to roles that need it"));
        }
    }
    for schema in &catalogue.open_schemas {
        statements.push(format!("REVOKE CREATE ON SCHEMA {} FROM PUBLIC", quote(schema)));
        notes.push(format!(
            "every role has CREATE on the schema `{schema}`, and `runner grants sync` revokes it: grant it to roles that need it"
        ));
    }
    statements
}

/// Whether a schema is not one that grants are about.
pub(super) fn is_forbidden(schema: &str) -> bool {
    [TOOL_SCHEMA, GATE, "information_schema"].contains(&schema) || schema.starts_with("pg_")
}

/// A name in double quotes, always, so that it equals what the catalogue is asked for.
pub(super) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
