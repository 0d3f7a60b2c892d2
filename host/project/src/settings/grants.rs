//! `[grants.NAME]`: what a component may do with the database.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::env::Variables;
use crate::toml_reader::Section;
use runner_base::error::Result;
use runner_database::Grants;
use runner_database::grants::Grant;
use runner_database::logins::Secret;

/// The grants of components, by the name in the settings: a migration's ID, its revision, or the package that it is part of.
pub type ComponentGrants = BTreeMap<String, Arc<Grants>>;

/// What precedes the name of a function.
const FUNCTION: &str = "function ";

/// Fills in the passwords that operators keep in variables.
pub(super) fn with_passwords(grants: &ComponentGrants, variables: &Variables) -> Result<ComponentGrants> {
    let filled = grants.iter().map(|(name, grants)| {
        let secret = match &grants.password_env {
            Some(variable) => variables.get(variable)?,
            None => None,
        };
        let secret = secret.filter(|secret| !secret.is_empty()).map(Secret::new);
        Ok((name.clone(), Arc::new(Grants { secret, ..(**grants).clone() })))
    });
    filled.collect()
}

/// One table.
pub(super) fn read(section: &Section<'_, '_>, _name: &str) -> Option<Arc<Grants>> {
    section.only(&["allow", "raw_sql", "password_env", "superuser"]);
    Some(Arc::new(read_grants(section)))
}

/// What is granted in a table, that of a package too.
pub(super) fn read_grants(section: &Section<'_, '_>) -> Grants {
    let mut grants = Grants {
        raw_sql: section.boolean("raw_sql"),
        password_env: section.text("password_env").map(str::to_owned),
        superuser: section.boolean("superuser"),
        ..Grants::default()
    };
    for line in section.strings("allow") {
        let line = line.trim();
        if let Some(name) = line.strip_prefix(FUNCTION).map(str::trim).filter(|name| !name.is_empty()) {
            grants.functions.insert(name.to_owned());
            continue;
        }
        match line.parse::<Grant>() {
            Ok(grant) => grants.tables.push(grant),
            Err(error) => section.wrong("allow", error.message, &error.hint.unwrap_or_default()),
        }
    }
    grants
}
