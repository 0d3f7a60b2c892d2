//! `runner outdated`

use super::context::Context;
use super::exit;
use runner_base::error::Result;
use runner_report::json::OutdatedJson;
use runner_report::text;

/// Shows which versions of the project's packages there are.
pub fn run(context: &Context) -> Result<u8> {
    let packages = runner_packages::outdated(&context.settings)?;
    context.printer.json_or_data(|| OutdatedJson::new(&packages), || text::outdated(&packages));
    Ok(exit::DONE)
}
