//! `runner stamp` and `runner baseline`

use super::context::{Context, HistoryDetail};
use super::request::StampOrder;
use super::{exit, signals};
use runner_base::error::{Error, Result};
use runner_base::runtime;
use runner_database::StopSignal;
use runner_engine::identity::Identity;
use runner_engine::plan::Mark;
use runner_engine::stamp::{StampRequest, stamp};
use runner_report::json::StampJson;
use runner_report::text;

/// Records that the database is at a revision, without running anything.
pub fn run(context: &Context, order: &StampOrder) -> Result<u8> {
    let (catalog, lines) = context.catalog_for_now(false)?;
    runtime::run(async {
        let Some(mut database) = context.open(HistoryDetail::Live).await?.database else {
            return Err(context.place(
                Error::usage("the database does not exist, so it cannot be at any revision")
                    .hint("`runner apply` creates it; check the database URL if it should exist"),
            ));
        };
        let stop = StopSignal::default();
        signals::watch(&context.printer, &stop, None)?;
        let identity = Identity::now();
        let request = StampRequest {
            kind: order.kind,
            target: order.target.clone(),
            why: order.why.clone(),
            dry_run: order.dry_run,
            options: order.options,
            lock_wait: context.settings.lock_timeout.value,
            stored_artifact_bytes: context.settings.limits.stored_artifact_bytes,
        };
        let marks = stamp(&mut *database, &catalog, &request, &identity, &stop, &context.waiting()).await;
        let marks = marks.map_err(|error| context.place(error))?;
        let is_recorded =
            |revision: &str| marks.iter().any(|it| matches!(it, Mark::Applied(one) if one.revision == revision));
        lines.keep_or_warn(context, None, |revision| !order.dry_run && is_recorded(revision));
        let history = runner_engine::history::read(&mut database.host()).await.map_err(|error| context.place(error))?;
        context.printer.json_or_talk(
            || StampJson::new(context.database_json(), &request, &identity, &marks, &history),
            || text::stamped(&request, &marks, &history),
        );
        Ok(exit::DONE)
    })
}
