//! `runner build`

use std::cell::OnceCell;

use super::context::{Context, HistoryDetail};
use super::exit;
use crate::database::StopSignal;
use crate::engine::history::History;
use crate::error::Result;
use crate::project::build::{BuildRequest, build};
use crate::project::lockfile::ComponentDescription;
use crate::report::json::BuildJson;
use crate::report::{Format, Text, text};
use crate::runtime;
use crate::sandbox::{Described, Sandbox};

/// Builds components and updates the lockfile.
pub fn run(context: &Context, revisions: &[String], all: bool) -> Result<u8> {
    let sandbox = context.sandbox(1, StopSignal::never());
    let applied = Applied { context, revisions: OnceCell::new() };
    let request = BuildRequest {
        revisions,
        all,
        env: &context.env,
        program: std::env::current_exe().ok(),
        is_applied: &|revision| applied.contains(revision),
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

/// What is applied to the database of the settings. Only asked when an artifact is about to be replaced: building needs
/// no database.
struct Applied<'a> {
    context: &'a Context,
    revisions: OnceCell<History>,
}

impl Applied<'_> {
    fn contains(&self, revision: &str) -> bool {
        let history = self.revisions.get_or_init(|| {
            let looked = runtime::run(self.context.open(HistoryDetail::Live));
            looked.map(|looked| looked.history).unwrap_or_else(|error| {
                let message = format!("cannot tell which artifacts are applied: {}", error.message);
                self.context.printer.warn(&message, Some("an artifact that is applied somewhere must not change"));
                History::default()
            })
        });
        history.get(revision).is_some()
    }
}

/// A component's description, as the lockfile stores it.
pub fn describe(sandbox: &Sandbox, bytes: &[u8]) -> Result<ComponentDescription> {
    let Described { description, transformer } = sandbox.describe(bytes)?;
    let world = if transformer { "data-migration" } else { "migration" };
    Ok(ComponentDescription { description, transformer, world: format!("runner:migration/{world}@0.1.0") })
}
