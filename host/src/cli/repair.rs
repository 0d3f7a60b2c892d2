//! `runner repair`

use super::context::{Context, Look};
use super::exit;
use super::request::RepairRequest;
use crate::engine::identity::Identity;
use crate::engine::repair::{repair, survey};
use crate::error::{Error, Result};
use crate::report::json::RepairJson;
use crate::report::{Format, text};
use crate::runtime;

/// Shows a partial revision, or records how an operator resolved it.
pub fn run(context: &Context, request: &RepairRequest) -> Result<u8> {
    // A project that does not match its lockfile must not prevent a repair.
    let catalog = context.inspect()?.catalog;
    runtime::run(async {
        let Some(mut database) = context.look(Look::Live).await?.database else {
            return Err(context.place(Error::usage("nothing to repair: the database does not exist")));
        };
        let database = &mut *database;
        let wanted = request.revision.as_deref();
        let printer = &context.printer;
        let Some(order) = &request.order else {
            let survey = survey(database, wanted, &catalog).await.map_err(|error| context.place(error))?;
            match printer.format() {
                Format::Json => printer.json(&RepairJson::shown(context.database_json(), &survey)),
                Format::Text => printer.data(&text::survey(&survey)),
            }
            return Ok(exit::DONE);
        };
        let before = survey(database, wanted, &catalog).await.map_err(|error| context.place(error))?;
        let done = repair(database, wanted, &catalog, order, &Identity::now()).await;
        let done = done.map_err(|error| context.place(error.at("migration", before.record.id())))?;
        match printer.format() {
            Format::Json => printer.json(&RepairJson::done(context.database_json(), &before, &done)),
            Format::Text => printer.talk(&text::repaired(&before, order.action, &done)),
        }
        Ok(exit::DONE)
    })
}
