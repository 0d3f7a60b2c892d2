//! Which databases a command goes through.

use std::collections::{BTreeMap, BTreeSet};

use super::list;
use runner_base::error::{Error, Result, several};
use runner_base::suggest::did_you_mean;
use runner_database::DatabaseUrl;
use runner_project::LoadRequest;
use runner_project::Settings;
use runner_project::origin::Sourced;
use runner_project::settings::{NamedDatabases, Tenant};

/// What the operator asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// These databases and tenants.
    Named(Vec<String>),
    /// Every one that has a name.
    All,
}

/// A database of the fleet.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// A tenant's URL; a named database has that of its settings.
    pub url: Option<Sourced<DatabaseUrl>>,
    /// Which of the requests its settings come from.
    pub base: usize,
}

/// The databases, in order: the canaries of the settings come first.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The databases.
    pub members: Vec<Member>,
    /// Settings: one request for each named database, and one for all tenants of a dialect.
    pub requests: Vec<LoadRequest>,
    /// How many canaries the settings name, and are among these databases.
    pub canaries: usize,
}

/// Finds the databases, and asks the lists of tenants for them if need be.
pub fn find(request: &LoadRequest, selection: &Selection) -> Result<Found> {
    let named = Settings::databases(request)?;
    if request.database_url.is_some() {
        return Err(Error::usage("`--database-url` cannot be combined with several databases")
            .hint("it is the URL of one database; name the others in `runner.toml`"));
    }
    if let Selection::Named(names) = selection {
        let mut seen = BTreeSet::new();
        let twice: Vec<&String> = names.iter().filter(|name| !seen.insert(*name)).collect();
        if let Some(name) = twice.first() {
            return Err(Error::usage(format!("the database `{name}` is named twice")).hint("name it once"));
        }
    }
    let wants_tenants = match selection {
        Selection::All => true,
        Selection::Named(names) => names.iter().any(|name| !named.databases.contains(name)),
    };
    let tenants = if wants_tenants { all_tenants(&named)? } else { Vec::new() };
    let canary = named.tenants.as_ref().and_then(|tenants| tenants.as_ref().ok()).map(|it| it.canary.clone());
    let (databases, tenants) = match selection {
        Selection::All if named.databases.is_empty() && tenants.is_empty() => return Err(no_others(&named)),
        Selection::All => (named.databases.iter().cloned().collect(), tenants),
        Selection::Named(names) => select(names, &named, tenants)?,
    };
    if let Some(origin) = named.url_variable.filter(|_| !databases.is_empty()) {
        return Err(Error::usage(format!("the URL {origin} cannot be that of several databases"))
            .hint("unset `RUNNER_DATABASE_URL` for a command on several databases"));
    }
    Ok(assemble(request, databases, tenants, &canary.unwrap_or_default()))
}

/// The tenant that `--database` or its variable names, if there is no such table in `[databases]`.
pub fn tenant(request: &LoadRequest) -> Result<Option<Tenant>> {
    let named = Settings::databases(request)?;
    let Some(chosen) = &named.chosen else { return Ok(None) };
    let has_none = named.tenants.is_none() && named.without_tenants.is_none();
    if named.databases.contains(&chosen.value) || has_none {
        return Ok(None);
    }
    if request.database_url.is_some() {
        return Err(Error::usage("`--database-url` cannot be combined with the name of a tenant")
            .hint("leave one of the two out"));
    }
    let tenants = all_tenants(&named)?;
    let (_, mut found) = select(std::slice::from_ref(&chosen.value), &named, tenants)?;
    Ok(found.pop())
}

/// The names of tenants that are known without a database.
pub fn known_tenants(named: &NamedDatabases) -> Vec<String> {
    named.tenants.as_ref().and_then(|tenants| tenants.as_ref().ok()).map(list::known).unwrap_or_default()
}

fn all_tenants(named: &NamedDatabases) -> Result<Vec<Tenant>> {
    let Some(tenants) = &named.tenants else { return Ok(Vec::new()) };
    let found = list::read(tenants.as_ref().map_err(Error::clone)?)?;
    let both = found.iter().filter(|tenant| named.databases.contains(&tenant.name)).map(|tenant| {
        let name = &tenant.name;
        Error::usage(format!("`{name}` is a tenant and a table `[databases.{name}]`")).hint("rename one of the two")
    });
    several(both.collect(), |number| format!("{number} names are ambiguous")).map_or(Ok(found), Err)
}

/// The databases and tenants of these names, in the order of the names.
fn select(names: &[String], named: &NamedDatabases, tenants: Vec<Tenant>) -> Result<(Vec<String>, Vec<Tenant>)> {
    let mut tenants: BTreeMap<String, Tenant> = tenants.into_iter().map(|it| (it.name.clone(), it)).collect();
    let all: BTreeSet<String> = named.databases.iter().chain(tenants.keys()).cloned().collect();
    let (mut databases, mut chosen, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
    for name in names {
        if named.databases.contains(name) {
            databases.push(name.clone());
        } else if let Some(tenant) = tenants.remove(name) {
            chosen.push(tenant);
        } else {
            let error = Error::usage(format!("`{}` has no database or tenant `{name}`", named.file));
            unknown.push(match (did_you_mean(name, all.iter().map(String::as_str)), &named.without_tenants) {
                (Some(meant), _) => error.hint(format!("did you mean `{meant}`?")),
                (None, Some(environment)) => error.hint(no_table(environment)),
                (None, None) => error.hint("`runner status --all` lists all of them"),
            });
        }
    }
    several(unknown, |number| format!("{number} databases are unknown")).map_or(Ok((databases, chosen)), Err)
}

fn no_table(environment: &str) -> String {
    format!("the tenants of an environment are in a table of their own: `[environments.{environment}.tenants]`")
}

fn no_others(named: &NamedDatabases) -> Error {
    let error = Error::usage(format!("`{}` has no databases with names and no tenants", named.file));
    match &named.without_tenants {
        Some(environment) => error.hint(no_table(environment)),
        None => error.hint("add a table `[tenants]` or `[databases.NAME]`; without `--all`, the main database is used"),
    }
}

fn assemble(request: &LoadRequest, databases: Vec<String>, tenants: Vec<Tenant>, canary: &[String]) -> Found {
    let mut found = Found::default();
    let (first, others): (Vec<_>, Vec<_>) = tenants.into_iter().partition(|tenant| canary.contains(&tenant.name));
    found.canaries = first.len();
    let mut bases = BTreeMap::new();
    let mut add = |found: &mut Found, tenant: Tenant| {
        let base = *bases.entry(tenant.url.value.dialect().name()).or_insert_with(|| {
            found.requests.push(LoadRequest { database: None, tenant: Some(tenant.clone()), ..request.clone() });
            found.requests.len() - 1
        });
        found.members.push(Member { name: tenant.name, url: Some(tenant.url), base });
    };
    first.into_iter().for_each(|tenant| add(&mut found, tenant));
    for name in databases {
        found.requests.push(LoadRequest { database: Some(name.clone()), ..request.clone() });
        found.members.push(Member { name, url: None, base: found.requests.len() - 1 });
    }
    others.into_iter().for_each(|tenant| add(&mut found, tenant));
    found
}
