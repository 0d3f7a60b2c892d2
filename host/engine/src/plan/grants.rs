//! What components need beyond what the operator grants them, compared before anything runs.
//!
//! A component's own word decides nothing: the database enforces the grants while it runs. The comparison reports all
//! gaps at once, instead of the first one halfway through.

use std::sync::Arc;

use super::{Plan, PlanInput, PlannedMigration};
use crate::isolation::Barrier;
use crate::target::compare_revisions;
use runner_base::error::{Error, ErrorKind, Result, several};
use runner_database::{DesiredLogin, Facts, Grants};
use runner_project::catalog::{Kind, Need, RAW_SQL};
use runner_project::limits::Limits;
use runner_project::lockfile::quote;
use runner_project::package_of;
use runner_project::settings::{ComponentGrants, RequiredIsolation};
use runner_project::{RevisionKey, migration_id};

impl Plan {
    /// Gives each component what the operator grants it, and compares the limits that it needs. Fails if grants are for no
    /// component.
    pub fn with_grants(mut self, input: &PlanInput<'_>, grants: &ComponentGrants, limits: &Limits) -> Result<Self> {
        // Names of packages have a `/`; the catalog has compared them.
        for name in grants.keys().filter(|name| !name.contains('/')) {
            component_of_grants(input, name)?;
        }
        let schema = input.facts.schema_of_names();
        for migration in self.steps.iter_mut().filter(|migration| migration.kind.is_sandboxed()) {
            let granted = grants_for(grants, &migration.revision, &migration.name);
            migration.grants = granted.map(|grants| Arc::new(grants.of(&migration.revision)));
            let lacks = |grants: &Arc<Grants>| {
                let mut lines = lacking(grants, &migration.description.shown_needs(), schema);
                lines.retain(|line| !(input.options.one_schema && is_granted_without_schema(grants, line)));
                lines
            };
            migration.not_granted = migration.grants.as_ref().map(lacks).unwrap_or_default();
            let too_low = migration.description.needs.iter().filter(|need| !need.is_within(limits));
            migration.above_limits = too_low.cloned().collect();
            migration.isolation = Some(match (input.facts.dialect.has_server(), &migration.grants) {
                (false, _) => Barrier::Authorizer,
                (true, Some(_)) if input.facts.separate_logins => Barrier::SeparateLogins,
                (true, _) => Barrier::SharedLogin,
            });
        }
        Ok(self)
    }

    /// Fails if one of the components could not run as it is to be: in its mode, confined as the settings require, with what it is
    /// granted.
    pub fn check(&self, required: RequiredIsolation, facts: &Facts) -> Result<()> {
        self.check_modes()?;
        self.check_isolation(required, facts)?;
        self.check_grants()
    }

    /// Fails if grants or limits lack what one of the planned migrations declares to need.
    fn check_grants(&self) -> Result<()> {
        let refused: Vec<Error> = self.steps.iter().filter_map(|migration| refusal(&self.steps, migration)).collect();
        let heading = |count| format!("{count} components need more than they are granted");
        several(refused, heading).map_or(Ok(()), Err)
    }
}

impl Plan {
    /// Fails if a component is to run that the database does not confine, where the settings require it.
    fn check_isolation(&self, required: RequiredIsolation, facts: &Facts) -> Result<()> {
        let components = self.steps.iter().filter(|migration| migration.kind.is_sandboxed());
        let refused =
            components.filter_map(|migration| unconfined(&migration.id(), migration.grants.is_some(), required, facts));
        several(refused.collect(), |count| format!("{count} components would run with runner's own login"))
            .map_or(Ok(()), Err)
    }

    /// Says in one line what isolates its components; `None` without components, and where the database itself decides about each
    /// statement.
    pub fn isolation(&self, facts: &Facts) -> Option<String> {
        let components = || self.steps.iter().filter(|migration| migration.kind.is_sandboxed());
        if !facts.dialect.has_server() || components().next().is_none() {
            return None;
        }
        let open: Vec<String> = components()
            .filter(|migration| migration.grants.is_none() || !facts.separate_logins)
            .map(|migration| format!("`{}`", migration.id()))
            .collect();
        Some(match open.as_slice() {
            [] => "isolation: each component has a login of its own, with the rights that it is granted".to_owned(),
            open => format!("isolation: none by the server for {}, with runner's own login", open.join(", ")),
        })
    }

    /// The logins that its components under grants need.
    pub fn logins(&self) -> Vec<DesiredLogin> {
        let wanted = |migration: &PlannedMigration| {
            Some(DesiredLogin { id: migration.id(), grants: migration.grants.clone()?, is_early: true })
        };
        self.steps.iter().filter_map(wanted).collect()
    }
}

/// The error of a component that would run with runner's own login where the settings forbid that; `None` if it may run.
pub fn unconfined(id: &str, has_grants: bool, required: RequiredIsolation, facts: &Facts) -> Option<Error> {
    if required == RequiredIsolation::Any || !facts.dialect.has_server() || (has_grants && facts.separate_logins) {
        return None;
    }
    let error = Error::new(
        ErrorKind::Denied,
        format!("`{id}` would run with runner's own login, and the settings say `isolation = \"required\"`"),
    );
    Some(match facts.separate_logins {
        true => error.hint(format!(
            "write what it may do below `[grants.{id}]`, and run `runner grants sync`: it then has a login of its own"
        )),
        false => error.hint(format!("components have no logins of their own on {}", facts.dialect)),
    })
}

/// What a component is granted, by its revision and name; `None`: it may do what SQL may. One of a package may do nothing unless
/// the settings say so.
pub fn grants_for(grants: &ComponentGrants, revision: &str, name: &str) -> Option<Arc<Grants>> {
    let found = grants.iter().find(|(key, _)| is_for(key, revision, name)).map(|(_, grants)| grants.clone());
    found.or_else(|| package_of(name).map(|_| Arc::default()))
}

/// What a planned migration declares to need and does not get, in the words of `needs`.
pub fn missing_grants(migration: &PlannedMigration) -> Vec<String> {
    migration.not_granted.iter().cloned().chain(migration.above_limits.iter().map(ToString::to_string)).collect()
}

/// Which of the lines that are needed are not granted. `schema`: the one in which names without one are looked up.
pub fn lacking(grants: &Grants, wanted: &[String], schema: &str) -> Vec<String> {
    let grants = grants.within(schema);
    let is_granted = |line: &String| Need::parse(line).is_some_and(|need| need.within(schema).is_granted(&grants));
    wanted.iter().filter(|line| !is_granted(line)).cloned().collect()
}

/// Whether grants without schemas give what is needed of a table, whichever schema that names.
fn is_granted_without_schema(grants: &Grants, line: &str) -> bool {
    match Need::parse(line) {
        Some(Need::Table(mut grant)) => {
            grant.tables.schema = None;
            grants.cover(&grant)
        }
        _ => false,
    }
}

fn refusal(steps: &[PlannedMigration], migration: &PlannedMigration) -> Option<Error> {
    let (id, package) = (migration.id(), package_of(&migration.name));
    let missing = missing_grants(migration);
    if missing.is_empty() {
        return None;
    }
    let what = if missing.len() == migration.above_limits.len() { "the limits allow" } else { "it is granted" };
    let mut error = Error::new(ErrorKind::Denied, format!("`{id}` needs more than {what}: {}", missing.join(", ")));
    if let Some(grants) = &migration.grants {
        // The migrations of a package have one table for all of them.
        let is_granted_there =
            |other: &&PlannedMigration| other.id() == id || (package.is_some() && package_of(&other.name) == package);
        let mut lines: Vec<String> = Vec::new();
        for line in steps.iter().filter(is_granted_there).flat_map(|other| &other.not_granted) {
            if !lines.contains(line) {
                lines.push(line.clone());
            }
        }
        let table = match package {
            Some(package) => format!("[packages.\"{package}\"]"),
            None => format!("[grants.{id}]"),
        };
        if !lines.is_empty() {
            let lines = grants_to_paste(grants, &lines);
            error = error.hint(format!("if you trust it with that, write below `{table}`: {lines}"));
        }
    }
    let limits: Vec<String> = migration.above_limits.iter().filter_map(Need::limit_to_paste).collect();
    if !limits.is_empty() {
        let limits: Vec<String> = limits.iter().map(|line| format!("`{line}`")).collect();
        error = error.hint(format!("if you trust it with that, write below `[limits]`: {}", limits.join(" and ")));
    }
    Some(error)
}

/// What is granted, in the words of needs.
pub fn granted_lines(grants: &Grants) -> Vec<String> {
    grants.lines().chain(grants.raw_sql.then(|| RAW_SQL.to_owned())).collect()
}

/// The settings that grant what is missing in addition to what is granted.
pub fn grants_to_paste(grants: &Grants, missing: &[String]) -> String {
    let missing_lines = missing.iter().filter(|line| *line != RAW_SQL).cloned();
    let lines: Vec<String> = grants.lines().chain(missing_lines).map(|line| quoted(&line)).collect();
    let raw_sql = grants.raw_sql || missing.iter().any(|line| line == RAW_SQL);
    format!("`allow = [{}]`{}", lines.join(", "), if raw_sql { " and `raw_sql = true`" } else { "" })
}

/// A line as a string of the settings.
fn quoted(line: &str) -> String {
    if line.contains('"') && !line.contains('\'') { format!("'{line}'") } else { quote(line) }
}

/// Whether a name in the settings is that of a migration.
fn is_for(name: &str, revision: &str, migration: &str) -> bool {
    if let Some(package) = package_of(migration) {
        return name == package;
    }
    name == migration_id(revision, migration)
        || (RevisionKey::of(name).is_some() && compare_revisions(name, revision).is_eq())
}

/// Returns the revision of the component that a name in the settings means. One that means none is an error: it leaves a component
/// without the limits that its operator wanted.
pub fn component_of_grants(input: &PlanInput<'_>, name: &str) -> Result<String> {
    let project = input.catalog.migrations.iter().map(|it| (&*it.revision, &*it.name, it.kind));
    let applied = input.history.live.iter().map(|it| (&*it.revision, &*it.name, it.kind));
    let mut named = project.chain(applied).filter(|(revision, migration, _)| is_for(name, revision, migration));
    match named.next() {
        Some((revision, _, Kind::Component | Kind::Script)) => Ok(revision.to_owned()),
        Some((revision, migration, Kind::Sql)) => {
            Err(Error::usage(format!("`[grants.{name}]` is for `{}`, which is SQL", migration_id(revision, migration)))
                .hint("grants restrict components: review SQL before you run it, and remove the table"))
        }
        None => Err(Error::usage(format!("`[grants.{name}]` is for no migration of this project"))
            .hint("name a component as `runner status` shows it, by its revision or as REVISION_name")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runner_base::dialect::Dialect;

    #[test]
    fn a_table_may_be_named_with_the_schema_of_the_connection() {
        let wanted = ["read public.a", "insert b", "insert main.c", "drop other.d", "raw_sql"].map(str::to_owned);
        let lines = ["read a", "insert public.b", "insert c", "drop d"].map(str::to_owned);
        let granted = Need::grants(&lines);
        let lacks = |dialect, schema: Option<&str>| {
            let facts = Facts { schema: schema.map(str::to_owned), ..Facts::of_dialect(dialect) };
            lacking(&granted, &wanted, facts.schema_of_names())
        };
        for (schema, lacking) in [
            (None, vec!["insert main.c", "drop other.d", "raw_sql"]),
            (Some("public"), vec!["insert main.c", "drop other.d", "raw_sql"]),
            (Some("other"), vec!["read public.a", "insert b", "insert main.c", "raw_sql"]),
        ] {
            assert_eq!(lacks(Dialect::Postgres, schema), lacking, "{schema:?}");
        }
        assert_eq!(lacks(Dialect::Sqlite, None), ["read public.a", "insert b", "drop other.d", "raw_sql"]);
        assert_eq!(lacks(Dialect::Mariadb, Some("main")), ["read public.a", "insert b", "drop other.d", "raw_sql"]);
    }

    #[test]
    fn what_is_to_paste_is_toml() {
        // A vowel sign that a terminal joins to the letter before it, and both kinds of quotes.
        let missing = ["read \u{e17}\u{e35}", "read \"it's\"", "read \"a b\"", RAW_SQL].map(str::to_owned);
        let text = grants_to_paste(&Grants::default(), &missing);
        let (allow, raw_sql) = text.split_once("` and `").expect("two settings");
        let toml = format!("{}\n{}", allow.trim_matches('`'), raw_sql.trim_matches('`'));
        let document: toml::Table = toml.parse().unwrap_or_else(|error| panic!("{error}\n{toml}"));
        let lines: Vec<&str> =
            document["allow"].as_array().expect("an array").iter().filter_map(toml::Value::as_str).collect();
        assert_eq!(lines, missing[..3]);
        assert_eq!(document["raw_sql"].as_bool(), Some(true));
    }
}
