//! `runner rollback`

use super::context::Context;
use super::request::RunRequest;
use crate::engine::apply::Action;
use crate::error::Result;

/// Rolls back to the target.
pub fn run(context: Context, request: &RunRequest) -> Result<u8> {
    super::run::run(context, request, Action::Rollback(request.target.clone()))
}
