//! `runner rollback`

use super::confirm;
use super::context::Context;
use super::request::RunRequest;
use crate::engine::apply::Action;
use crate::engine::target::Target;
use crate::error::Result;

/// Rolls back to the target.
pub fn run(context: Context, request: &RunRequest, yes: bool) -> Result<u8> {
    if request.target == Target::Base && request.dry_run.is_none() {
        confirm::destroy(&context, "roll back every migration of", yes)?;
    }
    super::run::run(context, request, Action::Rollback(request.target.clone()))
}
