//! `runner validate`

use super::build::describe_script;
use super::context::Context;
use super::exit;
use super::remarks::Remarks;
use super::survey::Survey;
use runner_base::dialect::Dialect;
use runner_base::error::{Error, Result, several};
use runner_database::{StopSignal, Unset};
use runner_drivers::facts;
use runner_engine::artifact::source_of;
use runner_engine::plan::{Refusal, check_mode, run_mode};
use runner_engine::script::ScriptSource;
use runner_engine::target::compare_revisions;
use runner_project::catalog::{Artifact, Checks, ComparedTexts, Description, Kind, Migration};
use runner_project::package_of;
use runner_report::json::ValidateJson;
use runner_report::{Format, Text, text, units};
use runner_sandbox::Sandbox;

/// Checks the project without a database: names, lockfile, SQL, and the descriptions of components. Everything that is wrong is
/// reported at once; a downgrade that cannot run is a warning. `dialect`: that of the SQL, if not that of the settings' URL. `base`: a
/// commit with which the migrations are compared.
pub fn run(context: &Context, locked: bool, dialect: Option<Dialect>, base: Option<&str>) -> Result<u8> {
    let is_unknown = dialect.is_none() && context.settings.database_url.value.unset() == Some(&Unset::Url);
    let dialect = dialect.unwrap_or_else(|| context.settings.database_url.value.dialect());
    let checks = Checks { locked, dialect: Some(dialect), texts: ComparedTexts::All };
    let survey = Survey::of(context, checks)?;
    context.warn_without_database(&survey.catalog);
    let found = survey.problems.len() + survey.mismatches.len();
    let (of_files, of_all) = (survey.heading(context, false), survey.heading(context, true));
    let (catalog, mut errors) = survey.into_parts();
    let sandbox = context.sandbox(1, StopSignal::never());
    let facts = match dialect == context.settings.database_url.value.dialect() {
        true => context.facts_of_missing(),
        false => facts(dialect),
    };
    let mut remarks = Remarks::new(&catalog);
    remarks.no_foreign_keys = !context.settings.foreign_keys;
    let has_sql = catalog.migrations.iter().any(|it| it.kind == Kind::Sql);
    remarks.is_unknown = is_unknown && has_sql;
    for migration in &catalog.migrations {
        match &migration.artifact {
            Artifact::Sql { .. } => errors.extend(remarks.check(migration, &facts, &context.settings.parameters)),
            Artifact::Component { .. } | Artifact::Script(_) => {
                let runs = check_mode(run_mode(&migration.description, &facts), &migration.description);
                let checked = check(&sandbox, migration).and(runs);
                errors.extend(checked.map_err(|error| error.at("migration", migration.id())).err());
            }
        }
    }
    if let Some(base) = base.filter(|_| errors.is_empty()) {
        errors = super::base::check(context, base)?;
    }
    if context.printer.format() == Format::Text {
        for remark in text::remarks(&remarks.downgrades, &remarks.notes()) {
            context.printer.always(&remark);
        }
    }
    let all = |count| if found == count { of_files(count) } else { of_all(count) };
    if let Some(error) = several(errors, all) {
        // The document that would have them is not printed.
        if context.printer.format() == Format::Json {
            for refusal in &remarks.downgrades {
                let hints: Vec<&str> = refusal.error.hints.iter().map(|hint| &**hint).collect();
                let hints = Some(hints.join("; ")).filter(|hints| !hints.is_empty());
                context.warn(&at(refusal), hints.as_deref());
            }
            remarks.notes().iter().for_each(|note| context.warn(note, None));
        }
        return Err(error);
    }
    match context.printer.format() {
        Format::Json => {
            context.printer.json(&ValidateJson::new(&catalog, (dialect, base), &remarks.downgrades, remarks.notes()))
        }
        Format::Text => {
            let number = units::counted(catalog.migrations.len() as u64, "migration", "migrations");
            context.printer.info(&Text::new().plain(format!("the project is valid: {number}")).end());
        }
    }
    Ok(exit::DONE)
}

/// What cannot run, with its place.
fn at(refusal: &Refusal) -> String {
    format!("{}:{}: {}", refusal.file, refusal.line, refusal.error.message)
}

fn check(sandbox: &Sandbox, migration: &Migration) -> Result<()> {
    let mut described = match source_of(migration)? {
        ScriptSource::Sql { .. } => return Ok(()),
        ScriptSource::Component { bytes, assets, .. } => sandbox.describe(&bytes, assets)?.description,
        ScriptSource::Script(script) => describe_script(sandbox, &script)?.description,
    };
    // The component has its own names for tables.
    described.rename(&migration.description.renames);
    described.project.clone_from(&migration.description.project);
    if agree(&described, &migration.description, package_of(&migration.name).is_some()) {
        return Ok(());
    }
    let what = if migration.kind == Kind::Script { "script" } else { "component" };
    Err(Error::mismatch(format!("the {what}'s description does not match the lockfile"))
        .hint(format!("if the {what} is correct, run `runner build {}`", migration.revision)))
}

/// Whether two descriptions are the same, apart from what the catalog normalises.
fn agree(described: &Description, locked: &Description, is_packaged: bool) -> bool {
    // The catalog replaces those of packages by revisions of the project.
    let is_same =
        |(one, other): (&String, &String)| is_packaged || one.contains(':') || compare_revisions(one, other).is_eq();
    let same_revisions = described.depends_on.len() == locked.depends_on.len()
        && described.depends_on.iter().zip(&locked.depends_on).all(is_same);
    // Without a summary, the catalog derives one from the name.
    let same_summary = described.summary.is_empty() || described.summary == locked.summary;
    let (summary, depends_on) = (described.summary.clone(), described.depends_on.clone());
    // Lines of builds before 0.1.0 have no edition.
    let time_zones = locked.time_zones.clone().or_else(|| described.time_zones.clone());
    let locked = Description { summary, depends_on, time_zones, requires: Vec::new(), runtime: None, ..locked.clone() };
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
        assert!(agree(&described, &locked, false));
        let other = Description { summary: "something else".to_owned(), ..locked.clone() };
        assert!(!agree(&other, &locked, false));
        let other = Description { irreversible: true, ..locked.clone() };
        assert!(!agree(&other, &locked, false));
        assert!(!agree(&Description::default(), &locked, false));
    }
}
