//! `runner rollback`

use super::confirm;
use super::context::{Context, HistoryDetail, Setup};
use super::request::RunRequest;
use runner_base::error::Result;
use runner_base::runtime;
use runner_engine::apply::Action;
use runner_engine::target::Target;
use runner_library::run::ROLL_BACK_ALL;

/// Rolls back to the target.
pub fn run(context: Context, request: &RunRequest, yes: bool) -> Result<u8> {
    let asks = request.dry_run.is_none() && confirm::asks(yes);
    if asks && leaves_nothing(&context, &request.target)? {
        confirm::destroy(&context, ROLL_BACK_ALL, yes)?;
    }
    super::run::run(context, request, Action::Rollback(request.target.clone()))
}

/// Whether the rollback leaves nothing applied.
pub(super) fn leaves_nothing(setup: &Setup, target: &Target) -> Result<bool> {
    let applied = match target {
        Target::Back(2..) => runtime::run(setup.open(HistoryDetail::Live))?.history.live.len(),
        _ => 0,
    };
    Ok(target.leaves_nothing(applied))
}
