//! `runner validate`

use std::collections::BTreeMap;

use super::build::describe_script;
use super::context::Context;
use super::exit;
use super::survey::Survey;
use runner_base::dialect::Dialect;
use runner_base::error::{Error, Result, several};
use runner_data::Value;
use runner_database::{Facts, StopSignal, Unset};
use runner_drivers::facts;
use runner_engine::Direction;
use runner_engine::artifact::{Named, SqlValues, filled, source_of};
use runner_engine::implicit_delete;
use runner_engine::plan::{Refusal, check_dialect, check_mode, down_mode, inspect, run_mode};
use runner_engine::script::ScriptSource;
use runner_engine::target::compare_revisions;
use runner_project::catalog::{Artifact, Catalog, Checks, ComparedTexts, Description, Kind, Migration};
use runner_project::{TARGET_WORDS, package_of};
use runner_report::json::ValidateJson;
use runner_report::{Format, Text, text, units};
use runner_sandbox::Sandbox;
use runner_sql::{has_statement, program};

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
    let mut remarks = Remarks { no_foreign_keys: !context.settings.foreign_keys, ..Remarks::new(&catalog) };
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
                let hints = Some(refusal.error.hints.join("; ")).filter(|hints| !hints.is_empty());
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
            context.printer.talk(&Text::new().plain(format!("the project is valid: {number}")).end());
        }
    }
    Ok(exit::DONE)
}

/// What cannot run, with its place.
fn at(refusal: &Refusal) -> String {
    format!("{}:{}: {}", refusal.file, refusal.line, refusal.error.message)
}

/// What is worth saying of a project that may be valid all the same.
#[derive(Default)]
pub(super) struct Remarks {
    /// What cannot run in downgrades.
    pub downgrades: Vec<Refusal>,
    /// Upgrades that do nothing.
    empty: Vec<String>,
    /// Upgrades of which a part could not be exported as SQL.
    incomplete: Vec<String>,
    /// Downgrades that do nothing.
    empty_downgrades: Vec<String>,
    /// Foreign keys are never enforced.
    pub no_foreign_keys: bool,
    /// No database is named, so nothing says whose SQL the files have.
    is_unknown: bool,
    /// Files that replace a table in a way that may lose rows of others.
    lossy: Vec<String>,
    /// Migrations for other databases, with those.
    elsewhere: Vec<String>,
    /// Migrations whose names mean something else as targets.
    like_targets: Vec<(String, String)>,
}

impl Remarks {
    /// What is known of a catalog before its migrations are read.
    pub fn new(catalog: &Catalog) -> Self {
        let is_word = |it: &&Migration| TARGET_WORDS.contains(&it.name.as_str());
        let like_targets = catalog.migrations.iter().filter(is_word).map(|it| (it.name.clone(), it.id())).collect();
        let elsewhere = catalog.elsewhere.iter().map(Migration::id).collect();
        Self { elsewhere, like_targets, ..Self::default() }
    }

    /// What cannot run of an upgrade, and the parameters without a value.
    pub fn check(&mut self, migration: &Migration, facts: &Facts, given: &BTreeMap<String, Value>) -> Vec<Error> {
        let Artifact::Sql { up, down, .. } = &migration.artifact else { return Vec::new() };
        if check_dialect(facts.dialect, migration).is_err() {
            self.elsewhere.push(migration.id());
            return Vec::new();
        }
        let id = migration.id();
        let mode = run_mode(&migration.description, facts);
        let file = migration.up_file();
        let named = Named { migration: id.clone(), up: file.clone(), down: migration.down_file() };
        let values = (facts.dialect, SqlValues { kept: None, given });
        let (up, down) = match filled(up.clone(), down.clone(), Direction::Up, values, &named) {
            Ok(ScriptSource::Sql { up, down, .. }) => (up, down),
            Ok(_) => return Vec::new(),
            Err(refusals) => return refusals.into_iter().map(Refusal::into_error).collect(),
        };
        if does_nothing(&up, facts.dialect) {
            self.empty.push(file.clone());
        } else if up.contains("CANNOT BE WRITTEN AS SQL") {
            // As Django prints it.
            self.incomplete.push(file.clone());
        }
        let (_, refusals) = inspect(&id, &file, mode, &up, facts);
        self.look_for_loss(&file, &up, &migration.description, facts.dialect);
        if let Some(down) = down {
            let down_file = migration.down_file();
            let mode = down_mode(&migration.description, mode);
            self.downgrades.extend(inspect(&id, &down_file, mode, &down, facts).1);
            self.look_for_loss(&down_file, &down, &migration.description, facts.dialect);
            if does_nothing(&down, facts.dialect) && down_file != file {
                self.empty_downgrades.push(down_file);
            }
        }
        refusals.into_iter().map(Refusal::into_error).collect()
    }

    /// Notes if a file replaces a table in a way that may lose rows of others.
    pub fn look_for_loss(&mut self, file: &str, text: &str, description: &Description, dialect: Dialect) {
        if self.no_foreign_keys {
            return;
        }
        // What cannot be read is refused elsewhere.
        let Ok(program) = program(text, dialect) else { return };
        self.lossy.extend(implicit_delete::warning(file, &program, description, dialect));
    }

    /// That upgrades do nothing, if there are any. One that was applied may be a template of which only the comments are left.
    pub fn idle(&self) -> Option<String> {
        without_statement(&self.empty)
    }

    /// In sentences, what is not about downgrades.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = self.lossy.clone();
        if self.is_unknown {
            notes.push(
                "no database is named, so SQL was read as that of SQLite: `--dialect NAME` reads it as that of another"
                    .to_owned(),
            );
        }
        notes.extend(without_statement(&[self.empty.as_slice(), &self.empty_downgrades].concat()));
        notes.extend(self.incomplete.iter().map(|file| {
            format!("a comment in `{file}` says that an operation cannot be written as SQL: what it did is missing")
        }));
        let like_target =
            |(name, id): &(String, String)| format!("`--target {name}` does not mean `{id}`: write `--target {id}`");
        notes.extend(self.like_targets.iter().map(like_target));
        match self.elsewhere.as_slice() {
            [] => {}
            [one] => notes.push(format!("`{one}` is for another database and does nothing here")),
            several => {
                notes.push(format!(
                    "{} migrations are for other databases and do nothing here: {}",
                    several.len(),
                    listed(several)
                ));
            }
        }
        notes
    }
}

/// Whether a text has no statement, but perhaps the `BEGIN` and `COMMIT` around none.
fn does_nothing(text: &str, dialect: Dialect) -> bool {
    let takes_out_all =
        || program(text, dialect).is_ok_and(|program| program.statements.is_empty() && program.has_transaction);
    !has_statement(text, dialect) || takes_out_all()
}

/// That files do nothing, if there are any.
fn without_statement(files: &[String]) -> Option<String> {
    match files {
        [] => None,
        [one] => Some(format!("`{one}` has no statement, so it does nothing")),
        several => Some(format!("{} files have no statement, so they do nothing: {}", several.len(), listed(several))),
    }
}

/// The first of several names.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 8;
    let mut shown: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    if names.len() > SHOWN {
        shown.push(format!("{} more", names.len() - SHOWN));
    }
    shown.join(", ")
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
    let locked = Description { summary, depends_on, requires: Vec::new(), runtime: None, ..locked.clone() };
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
