//! What is worth saying of a project that may be valid all the same.

use std::collections::BTreeMap;

use runner_base::dialect::Dialect;
use runner_base::error::Error;
use runner_data::Value;
use runner_database::Facts;
use runner_engine::Direction;
use runner_engine::artifact::{Named, SqlValues, filled};
use runner_engine::implicit_delete;
use runner_engine::plan::{Refusal, check_dialect, down_mode, inspect, run_mode};
use runner_engine::script::ScriptSource;
use runner_project::TARGET_WORDS;
use runner_project::catalog::{Catalog, Description, Kind, Migration};
use runner_sql::{Sql, has_statement};

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
    pub is_unknown: bool,
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
        let up = match self.note(migration, facts, given) {
            Ok(Some(up)) => up,
            Ok(None) => return Vec::new(),
            Err(without_value) => return without_value,
        };
        let mode = run_mode(&migration.description, facts);
        let (_, refusals) = inspect(&migration.id(), &migration.up_file(), mode, &up, facts);
        refusals.into_iter().map(Refusal::into_error).collect()
    }

    /// All but what cannot run of an upgrade, whose text it returns; none of what is not SQL for this database. Fails for parameters
    /// without a value.
    pub fn note(
        &mut self,
        migration: &Migration,
        facts: &Facts,
        given: &BTreeMap<String, Value>,
    ) -> Result<Option<Sql>, Vec<Error>> {
        if migration.kind == Kind::Sql && check_dialect(facts.dialect, migration).is_err() {
            self.elsewhere.push(migration.id());
            return Ok(None);
        }
        let Some((up, down)) = migration.read_sql().map_err(|error| vec![error])? else { return Ok(None) };
        let id = migration.id();
        let mode = run_mode(&migration.description, facts);
        let file = migration.up_file();
        let named = Named { migration: id.clone(), up: file.clone(), down: migration.down_file() };
        let values = (facts.dialect, SqlValues { kept: None, given });
        let (up, down) = match filled(up.clone(), down.cloned(), Direction::Up, values, &named) {
            Ok(ScriptSource::Sql { up, down, .. }) => (up, down),
            Ok(_) => return Ok(None),
            Err(refusals) => return Err(refusals.into_iter().map(Refusal::into_error).collect()),
        };
        if does_nothing(&up, facts.dialect) {
            self.empty.push(file.clone());
        } else if up.contains("CANNOT BE WRITTEN AS SQL") {
            // As Django prints it.
            self.incomplete.push(file.clone());
        }
        self.check_for_loss(&file, &up, &migration.description, facts.dialect);
        if let Some(down) = down {
            let down_file = migration.down_file();
            let mode = down_mode(&migration.description, mode);
            self.downgrades.extend(inspect(&id, &down_file, mode, &down, facts).1);
            self.check_for_loss(&down_file, &down, &migration.description, facts.dialect);
            if does_nothing(&down, facts.dialect) && down_file != file {
                self.empty_downgrades.push(down_file);
            }
        }
        Ok(Some(up))
    }

    /// Notes if a file replaces a table in a way that may lose rows of others.
    pub fn check_for_loss(&mut self, file: &str, sql: &Sql, description: &Description, dialect: Dialect) {
        if self.no_foreign_keys {
            return;
        }
        // What cannot be read is refused elsewhere.
        let Ok(program) = sql.program(dialect) else { return };
        self.lossy.extend(implicit_delete::warning(file, &program, description));
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
fn does_nothing(sql: &Sql, dialect: Dialect) -> bool {
    let takes_out_all = || sql.program(dialect).is_ok_and(|program| program.is_empty() && program.has_transaction);
    !has_statement(sql, dialect) || takes_out_all()
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
