//! `runner remove`

use super::context::Context;
use super::exit;
use runner_base::error::{Error, Result};
use runner_project::package::PackageName;
use runner_report::json::RemovedJson;
use runner_report::text;

/// Removes a package.
pub fn run(context: &Context, name: &PackageName) -> Result<u8> {
    let removed = runner_packages::plan_remove(&context.settings, name)?;
    let migrations = removed.migrations.iter().map(|(revision, name)| (revision, name));
    if let Some(record) = context.applied_of(migrations, "package", "stay in the project") {
        return Err(context.place(
            Error::mismatch(format!("`{}` is applied, so `{}` must stay in the project", record.id(), removed.name))
                .hint("`runner rollback` its migrations first"),
        ));
    }
    runner_packages::remove(&context.settings, &removed)?;
    context.printer.json_or_talk(|| RemovedJson::new(&removed), || text::removed(&removed));
    Ok(exit::DONE)
}
