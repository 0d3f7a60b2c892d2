//! `runner build`

use super::context::Context;
use super::exit;
use crate::error::Result;
use crate::project::build::{BuildRequest, build};
use crate::project::lockfile::ComponentDescription;
use crate::report::json::BuildJson;
use crate::report::{Format, Text, text};
use crate::sandbox::{Described, Sandbox};

/// Builds components and updates the lockfile.
pub fn run(context: &Context, revisions: &[String], all: bool) -> Result<u8> {
    let sandbox = context.sandbox(1);
    let request = BuildRequest {
        revisions,
        all,
        env: &context.env,
        describe: &|bytes| describe(&sandbox, bytes),
        compiling: &|what| context.printer.talk(&Text::new().plain(format!("building {what}")).end()),
    };
    let report = build(&context.settings, &request)?;
    match context.printer.format() {
        Format::Json => context.printer.json(&BuildJson::new(&report)),
        Format::Text => context.printer.talk(&text::built(&report)),
    }
    Ok(exit::DONE)
}

/// A component's description, as the lockfile stores it.
pub fn describe(sandbox: &Sandbox, bytes: &[u8]) -> Result<ComponentDescription> {
    let Described { description, transformer } = sandbox.describe(bytes)?;
    let world = if transformer { "data-migration" } else { "migration" };
    Ok(ComponentDescription { description, transformer, world: format!("runner:migration/{world}@0.1.0") })
}
