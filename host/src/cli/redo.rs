//! `runner redo`

use super::context::Context;
use super::request::RunRequest;
use crate::engine::apply::Action;
use crate::error::Result;

/// One down and up again.
pub fn run(context: Context, request: &RunRequest) -> Result<u8> {
    super::run::run(context, request, Action::Redo)
}
