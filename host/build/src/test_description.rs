//! What migrations of tests report about themselves.

use runner_base::error::{Error, Result};
use runner_project::built::Described;
use runner_project::catalog::Description;
use runner_project::lockfile::ComponentDescription;
use runner_project::script::SOURCE;

/// What a migration reports about itself; a script's summary is its source.
pub(super) fn description_of(of: Described<'_>) -> Result<ComponentDescription> {
    match of {
        Described::Component { bytes, .. } => described(bytes),
        Described::Script(script) => described(&[&[0; 11], &script.files[SOURCE][..]].concat()),
    }
}

/// What such a component, or any other, reports about itself.
fn described(bytes: &[u8]) -> Result<ComponentDescription> {
    let summary = String::from_utf8_lossy(&bytes[bytes.len().min(11)..]).into_owned();
    if summary == "broken" {
        return Err(Error::failed("it cannot be described"));
    }
    let summary = if bytes.len() < 64 { summary } else { String::new() };
    let description = Description { summary, ..Description::default() };
    Ok(ComponentDescription { description, transformer: false, world: "runner:migration/migration@0.1.0".to_owned() })
}
