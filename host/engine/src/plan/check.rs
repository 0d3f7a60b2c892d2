//! Checks whether project and history agree.

use super::{PlanInput, run_mode};
use crate::history::{Record, State};
use crate::target::compare_revisions;
use runner_base::dialect::Dialect;
use runner_base::error::{Error, Result};
use runner_project::catalog::{Catalog, Kind, Migration};
use runner_project::{RevisionKey, migration_id, read_id, short};

/// Rejects a project that lacks an applied revision, unless that is allowed, or has a different artifact for one.
/// `except` is a revision that may have changed.
pub fn check_history(input: &PlanInput<'_>, except: Option<&str>) -> Result<()> {
    let mut changed = Vec::new();
    let mut missing = Vec::new();
    for record in input.history.live.iter().filter(|record| Some(&*record.revision) != except) {
        match find(input, &record.revision) {
            None => missing.push(record),
            // A partly applied upgrade may be fixed: only what took effect must stay the same, which is checked when it
            // resumes. A partial downgrade must be finished first, whatever the project contains.
            Some(_) if record.state.is_partial() => {}
            Some(migration) if migration.sha256 != record.sha256 => changed.push((migration, record)),
            Some(_) => {}
        }
    }
    if !changed.is_empty() {
        let mut error = Error::mismatch(match changed.len() {
            1 => "a migration was changed after it was applied".to_owned(),
            several => format!("{several} migrations were changed after they were applied"),
        });
        for (migration, record) in changed.iter().rev() {
            let (was, is) = (short(&record.sha256), short(&migration.sha256));
            error = error.at("migration", format!("{} (applied: sha256 {was}, project: {is})", migration.id()));
        }
        if let Some((new, record)) =
            changed.iter().find(|(migration, record)| took_the_place(input.catalog, migration, record))
        {
            return Err(error.hint(format!("`{}` took the place of `{}`: {}", new.id(), record.id(), renumber(new))));
        }
        let records = changed.iter().map(|(_, record)| *record);
        if let Some((record, project)) = of_others(input, records)?.first() {
            return Err(error.hint(format!(
                "the project `{project}` applied `{}`: `[history]` gives each project in one database a history of its own",
                record.id()
            )));
        }
        return Err(error
            .hint("restore the files as they were applied, and make the change in a new migration")
            .hint("if it is the newest and not yet released, `runner redo` rolls it back and applies it again")
            .hint("if the change does not matter, `runner repair REVISION --accept-checksum --why TEXT` accepts it"));
    }
    if !missing.is_empty() && !input.options.allow_missing {
        let mut error = Error::mismatch(match missing.len() {
            1 => "an applied migration is missing from the project".to_owned(),
            several => format!("{several} applied migrations are missing from the project"),
        });
        let read_now = missing.iter().rev().find_map(|record| Some((record, read_otherwise(input.catalog, record)?)));
        if let Some((record, now)) = read_now {
            let (was, now) = (record.id(), now.id());
            error = error.hint(format!(
                "`{was}` is `{now}` in the project, where the whole date or version is the revision: `runner stamp --target {now} \
                 --allow-missing` records what is applied up to it, with `--dry-run` only shows it"
            ));
        }
        let others = of_others(input, missing.iter().copied())?;
        for record in missing.into_iter().rev() {
            error = error.at("migration", record.id());
        }
        if let Some((_, project)) = others.first() {
            return Err(error.hint(format!(
                "the project `{project}` applied that: `[history]` gives each project in one database a history of its own"
            )));
        }
        return Err(error
            .hint("restore the files, or use the release of the project that has them")
            .hint("`--allow-missing` continues without them, if a newer release applied them"));
    }
    Ok(())
}

/// Those of the records that the project lacks and another one has applied, with its name.
pub fn of_others<'a>(
    input: &PlanInput<'_>,
    records: impl Iterator<Item = &'a Record>,
) -> Result<Vec<(&'a Record, String)>> {
    let mut others = Vec::new();
    for record in records {
        let is_here = find(input, &record.revision).is_some_and(|migration| migration.sha256 == record.sha256);
        let project = if is_here { String::new() } else { record.description()?.project };
        if !project.is_empty() && !input.catalog.project.is_empty() && project != input.catalog.project {
            others.push((record, project));
        }
    }
    Ok(others)
}

/// Returns the project's migration for a revision as spelled in history; leading zeros do not matter.
pub fn find<'a>(input: &PlanInput<'a>, revision: &str) -> Option<&'a Migration> {
    let migrations = &input.catalog.migrations;
    let found = migrations.binary_search_by(|migration| compare_revisions(&migration.revision, revision));
    found.ok().map(|index| &migrations[index])
}

/// The migration that a record is of, if its revision was the first number of its name alone: `2024.2` and `01_03_c` for what is
/// `20240103_c`.
fn read_otherwise<'a>(catalog: &'a Catalog, record: &Record) -> Option<&'a Migration> {
    let first = record.revision.split('.').next()?;
    let id = read_id(&migration_id(first, &record.name))?;
    catalog.migrations.iter().find(|migration| migration.sha256 == record.sha256 && migration.id() == id)
}

/// Whether a migration has the revision of an applied one, which is in the project under another revision now: several files with one
/// number have revisions in the order of their names.
pub fn took_the_place(catalog: &Catalog, migration: &Migration, record: &Record) -> bool {
    let is_it = |other: &Migration| other.name == record.name && other.sha256 == record.sha256;
    migration.name != record.name && catalog.migrations.iter().any(is_it)
}

/// The error of a migration that is another than the one in history with its revision.
pub fn is_another(migration: &Migration, record: &Record) -> Error {
    Error::usage(format!("`{}` is a different migration from `{}`", migration.id(), record.id()))
        .hint(format!("it took the place of the other: {}", renumber(migration)))
}

/// What to do about a migration that has the revision of another.
pub fn renumber(migration: &Migration) -> String {
    format!("give it a revision of its own by `runner renumber {}`", migration.id())
}

/// Fails if the project's migration is of another kind than the one in history.
pub fn check_kind(migration: &Migration, record: &Record) -> Result<()> {
    if migration.kind == record.kind {
        return Ok(());
    }
    let (id, was, is) = (record.id(), record.kind.name(), migration.kind.name());
    Err(Error::usage(format!("`{id}` has the kind `{was}` in the history and `{is}` in the project")).hint(format!(
        "restore its files as they were, or give what is in their place a revision of its own by `runner renumber {}`",
        migration.id()
    )))
}

/// Rejects a component whose source code changed since it was built: what would run is not what its author sees.
pub fn check_built(input: &PlanInput<'_>, migration: &Migration) -> Result<()> {
    let id = migration.id();
    if !input.catalog.stale.contains(&id) {
        return Ok(());
    }
    Err(Error::mismatch(format!("`{id}` is out of date: its source code changed since it was built"))
        .hint(format!("run `runner build {}`", migration.revision))
        .hint("`--locked` runs what the lockfile lists, whatever the source code says"))
}

/// Rejects to resume as something else: what is recorded of one mode or kind means nothing to another.
pub fn check_resumed(input: &PlanInput<'_>, migration: &Migration, record: &Record) -> Result<()> {
    check_kind(migration, record)?;
    let now = run_mode(&migration.description, input.facts);
    if now == record.mode {
        return Ok(());
    }
    let (id, was, now) = (migration.id(), record.mode.name(), now.name());
    Err(Error::mismatch(format!("`{id}` began in the mode `{was}`, and is now to run in the mode `{now}`"))
        .hint("let it ask for the mode that it had, and run `runner apply` to go on; or undo it: `runner rollback`"))
}

/// Rejects migrations that are not for this database.
pub fn check_dialect(dialect: Dialect, migration: &Migration) -> Result<()> {
    let dialects = &migration.description.dialects;
    // A component names the servers that it knows; a SQL file for MySQL is for MariaDB too.
    let fits = |it: &Dialect| *it == dialect || (migration.kind == Kind::Sql && it.includes(dialect));
    if dialects.is_empty() || dialects.iter().any(fits) {
        return migration.check_server(dialect);
    }
    let names: Vec<String> = dialects.iter().map(ToString::to_string).collect();
    Err(Error::usage(format!("the migration is for {} only, and this database is {}", names.join(", "), dialect))
        .at("migration", migration.id()))
}

/// Rejects a migration whose dependencies are neither applied nor `earlier` in the plan.
pub fn check_dependencies(input: &PlanInput<'_>, migration: &Migration, earlier: &[&Migration]) -> Result<()> {
    for wanted in &migration.description.depends_on {
        let applied = input
            .history
            .live
            .iter()
            .any(|record| record.state == State::Applied && means(wanted, &record.revision, &record.name));
        if applied || earlier.iter().any(|other| means(wanted, &other.revision, &other.name)) {
            continue;
        }
        let in_project = input.catalog.migrations.iter().find(|other| means(wanted, &other.revision, &other.name));
        let error = match in_project {
            Some(later) => Error::usage(format!("it depends on `{}`, which comes later", later.id()))
                .hint("a migration can depend only on earlier ones: give it a later revision"),
            None => Error::usage(format!("it depends on `{wanted}`, which is neither applied nor in the project"))
                .hint("add the migration it needs, or correct its `depends-on`"),
        };
        return Err(error.at("migration", migration.id()));
    }
    Ok(())
}

/// Whether a dependency, as it is written, refers to that revision.
pub fn means(wanted: &str, revision: &str, name: &str) -> bool {
    (RevisionKey::of(wanted).is_some() && compare_revisions(wanted, revision).is_eq())
        || [Some(wanted), read_id(wanted).as_deref()].contains(&Some(&*migration_id(revision, name)))
}
