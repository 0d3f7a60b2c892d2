//! `runner redo`

use super::context::Context;
use super::request::RunRequest;
use runner_base::error::Result;
use runner_engine::apply::Action;

/// Rolls back the last migration and applies it again.
pub fn run(context: Context, request: &RunRequest) -> Result<u8> {
    super::run::run(context, request, Action::Redo)
}
