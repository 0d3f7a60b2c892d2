//! `runner validate`

use super::context::Context;
use super::exit;
use crate::engine::sql_script::SqlScript;
use crate::engine::target::compare_revisions;
use crate::error::{Error, Result};
use crate::project::catalog::{Artifact, Description, Migration};
use crate::report::json::ValidateJson;
use crate::report::{Format, Text, units};
use crate::runner::run::with_file;
use crate::sandbox::Sandbox;

/// Checks the project without a database: names, lockfile, SQL, and the descriptions of components.
pub fn run(context: &Context, locked: bool) -> Result<u8> {
    let catalog = context.catalog(locked)?;
    let sandbox = context.sandbox(1);
    for migration in &catalog.migrations {
        check(context, &sandbox, migration).map_err(|error| with_file(error.at("migration", migration.id())))?;
    }
    match context.printer.format() {
        Format::Json => context.printer.json(&ValidateJson::new(&catalog)),
        Format::Text => {
            let number = units::counted(catalog.migrations.len() as u64, "migration", "migrations");
            context.printer.talk(&Text::new().plain(format!("the project is valid: {number}")).end());
        }
    }
    Ok(exit::DONE)
}

fn check(context: &Context, sandbox: &Sandbox, migration: &Migration) -> Result<()> {
    if let Artifact::Sql { up, down } = &migration.artifact {
        let dialect = context.settings.database_url.value.dialect();
        return SqlScript::new(up, down.as_deref(), dialect).map(|_| ());
    }
    let Some(bytes) = migration.read_component()? else { return Ok(()) };
    let described = sandbox.describe(&bytes)?.description;
    if agree(&described, &migration.description) {
        return Ok(());
    }
    Err(Error::mismatch("the component's description does not match the lockfile")
        .hint(format!("if the component is correct, run `runner build {}`", migration.revision)))
}

/// Whether two descriptions are the same, apart from what the catalog normalises.
fn agree(described: &Description, locked: &Description) -> bool {
    let same_revisions = described.depends_on.len() == locked.depends_on.len()
        && (described.depends_on.iter().zip(&locked.depends_on))
            .all(|(one, other)| compare_revisions(one, other).is_eq());
    // Without a summary, the catalog derives one from the name.
    let same_summary = described.summary.is_empty() || described.summary == locked.summary;
    let locked =
        Description { summary: described.summary.clone(), depends_on: described.depends_on.clone(), ..locked.clone() };
    same_revisions && same_summary && *described == locked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_normalised_fields_may_differ() {
        let locked = Description {
            summary: "utc times".to_owned(),
            depends_on: vec!["0001".to_owned()],
            ..Description::default()
        };
        let described = Description { depends_on: vec!["1".to_owned()], ..Description::default() };
        assert!(agree(&described, &locked));
        let other = Description { summary: "something else".to_owned(), ..locked.clone() };
        assert!(!agree(&other, &locked));
        let other = Description { irreversible: true, ..locked.clone() };
        assert!(!agree(&other, &locked));
        assert!(!agree(&Description::default(), &locked));
    }
}
