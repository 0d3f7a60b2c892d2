//! `runner apply`

use super::context::Context;
use super::request::RunRequest;
use runner_base::error::Result;
use runner_engine::apply::Action;

/// Applies up to the target.
pub fn run(context: Context, request: &RunRequest) -> Result<u8> {
    super::run::run(context, request, Action::Apply(request.target.clone()))
}
