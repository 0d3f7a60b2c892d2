//! `runner outdated`

use super::context::Context;
use super::exit;
use runner_base::error::Result;
use runner_report::json::OutdatedJson;
use runner_report::{Format, text};

/// Shows which versions of the project's packages there are.
pub fn run(context: &Context) -> Result<u8> {
    let packages = runner_packages::outdated(&context.settings)?;
    match context.printer.format() {
        Format::Json => context.printer.json(&OutdatedJson::new(&packages)),
        Format::Text => context.printer.data(&text::outdated(&packages)),
    }
    Ok(exit::DONE)
}
