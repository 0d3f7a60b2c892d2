//! `runner repair`

use super::context::{Context, HistoryDetail};
use super::exit;
use super::request::{RepairOrder, RepairRequest};
use runner_base::error::{Error, Result};
use runner_base::runtime;
use runner_database::Database;
use runner_engine::accept::{AcceptRequest, accept_checksum};
use runner_engine::identity::Identity;
use runner_engine::repair::{repair, survey};
use runner_engine::target::compare_revisions;
use runner_report::json::{AcceptJson, RepairJson};
use runner_report::text;

/// Shows a partial revision, or records how an operator resolved it.
pub fn run(context: &Context, request: &RepairRequest) -> Result<u8> {
    // A project that does not match its lockfile must not prevent a repair.
    let catalog = context.inspect()?.catalog;
    runtime::run(async {
        let Some(mut database) = context.open(HistoryDetail::Live).await?.database else {
            return Err(context.place(Error::usage("nothing to repair: the database does not exist")));
        };
        let database = &mut *database;
        let wanted = request.revision.as_deref();
        let printer = &context.printer;
        if let RepairOrder::AcceptChecksum(why) = &request.order {
            return accept(context, database, wanted.unwrap_or_default(), why).await;
        }
        let RepairOrder::Record(order) = &request.order else {
            let survey = survey(database, wanted, &catalog).await.map_err(|error| context.place(error))?;
            printer.json_or_data(|| RepairJson::new(context.database_json(), &survey, None), || text::survey(&survey));
            return Ok(exit::DONE);
        };
        let before = survey(database, wanted, &catalog).await.map_err(|error| context.place(error))?;
        let done = repair(database, wanted, &catalog, order, &Identity::now()).await;
        let done = done.map_err(|error| context.place(error.at("migration", before.record.id())))?;
        printer.json_or_talk(
            || RepairJson::new(context.database_json(), &before, Some(&done)),
            || text::repaired(&before, order.action, &done),
        );
        Ok(exit::DONE)
    })
}

/// Accepts a changed artifact. Unlike a repair of an interrupted run, it requires the project to match its lockfile: what
/// is accepted must be what the team reviewed.
async fn accept(context: &Context, database: &mut dyn Database, wanted: &str, why: &str) -> Result<u8> {
    let (catalog, lines) = context.catalog_for_now(false)?;
    let request = AcceptRequest {
        why: why.to_owned(),
        lock_wait: context.settings.lock_timeout.value,
        stored_artifact_bytes: context.settings.limits.stored_artifact_bytes,
    };
    let accepted = accept_checksum(database, &catalog, wanted, &request, &Identity::now(), &context.waiting()).await;
    let accepted = accepted.map_err(|error| context.place(error))?;
    lines.keep_or_warn(context, None, |revision| compare_revisions(revision, &accepted.before.revision).is_eq());
    context.printer.json_or_talk(|| AcceptJson::new(context.database_json(), &accepted), || text::accepted(&accepted));
    Ok(exit::DONE)
}
