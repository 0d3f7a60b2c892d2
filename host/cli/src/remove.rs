//! `runner remove`

use super::context::{Context, HistoryDetail};
use super::exit;
use runner_base::error::{Error, Result};
use runner_base::runtime;
use runner_packages::Removed;
use runner_project::package::PackageName;
use runner_report::json::RemovedJson;
use runner_report::{Format, text};

/// Removes a package.
pub fn run(context: &Context, name: &PackageName) -> Result<u8> {
    let removed = runner_packages::plan_remove(&context.settings, name)?;
    refuse_applied(context, &removed)?;
    runner_packages::remove(&context.settings, &removed)?;
    match context.printer.format() {
        Format::Json => context.printer.json(&RemovedJson::new(&removed)),
        Format::Text => context.printer.talk(&text::removed(&removed)),
    }
    Ok(exit::DONE)
}

/// Fails if a migration of the package is applied to the database of the settings. Removing needs no database: one that cannot be
/// reached is only warned of.
fn refuse_applied(context: &Context, removed: &Removed) -> Result<()> {
    let opened = match runtime::run(context.open(HistoryDetail::Live)) {
        Ok(opened) => opened,
        Err(error) => {
            let message = format!("cannot tell whether the package is applied: {}", error.message);
            context.printer.warn(&message, Some("a migration that is applied somewhere must stay in the project"));
            return Ok(());
        }
    };
    let mut applied = removed
        .migrations
        .iter()
        .filter_map(|(revision, name)| opened.history.get(revision).filter(|record| record.name == *name));
    match applied.next() {
        None => Ok(()),
        Some(record) => Err(context.place(
            Error::mismatch(format!("`{}` is applied, so `{}` must stay in the project", record.id(), removed.name))
                .hint("`runner rollback` its migrations first"),
        )),
    }
}
