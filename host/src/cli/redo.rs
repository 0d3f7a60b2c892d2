//! `runner redo`

use super::context::Context;
use super::request::RunRequest;
use crate::engine::apply::Action;
use runner_base::error::Result;

/// Rolls back the last migration and applies it again.
pub fn run(context: Context, request: &RunRequest) -> Result<u8> {
    super::run::run(context, request, Action::Redo)
}
