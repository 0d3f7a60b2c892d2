//! `runner rollback`

use super::confirm;
use super::context::{Context, HistoryDetail, Setup};
use super::request::RunRequest;
use crate::engine::apply::Action;
use crate::engine::target::Target;
use crate::error::Result;
use crate::report::Printer;
use crate::runtime;

/// Rolls back to the target.
pub fn run(context: Context, request: &RunRequest, yes: bool) -> Result<u8> {
    if request.dry_run.is_none()
        && matters(&context, &context.printer, yes)
        && leaves_nothing(&context, &request.target)?
    {
        confirm::destroy(&context, "roll back every migration of", yes)?;
    }
    super::run::run(context, request, Action::Rollback(request.target.clone()))
}

/// Whether it matters that nothing stays applied: the database is protected, or somebody can be asked.
pub(super) fn matters(setup: &Setup, printer: &Printer, yes: bool) -> bool {
    setup.settings.protected.is_some() || (!yes && printer.talks_to_somebody())
}

/// Whether the rollback leaves nothing applied. A number may be that of all that is; one migration is what nobody has to ask about.
pub(super) fn leaves_nothing(setup: &Setup, target: &Target) -> Result<bool> {
    match target {
        Target::Base => Ok(true),
        Target::Back(..=1) => Ok(false),
        Target::Back(number) => {
            let applied = runtime::run(setup.open(HistoryDetail::Live))?.history.live.len();
            Ok((1..=*number).contains(&applied))
        }
        Target::Latest | Target::Next | Target::Current | Target::Forward(_) | Target::Revision(_) => Ok(false),
    }
}
