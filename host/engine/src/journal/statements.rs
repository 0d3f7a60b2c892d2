//! Statements of a migration in SQL that took effect before its file was edited.

use super::store;
use crate::call::Call;
use crate::run::Run;
use runner_base::error::{Error, Result};
use runner_database::HostSession;

/// Fails, as the run that resumes would, unless the statements that took effect are still the first ones of the migration. `calls`:
/// its calls in their order.
pub async fn check_statements(database: &mut HostSession<'_>, run: Run, calls: &[Call<'_>]) -> Result<()> {
    let mut last = 0;
    loop {
        let page = store::page(database, run, last).await?;
        let Some(end) = page.last() else { return Ok(()) };
        last = end.entry.step;
        let is_as_it_was = |recorded: &store::Recorded| {
            let at = usize::try_from(recorded.entry.step).ok().and_then(|step| step.checked_sub(1));
            at.and_then(|at| calls.get(at))
                .is_some_and(|call| recorded.entry.kind == call.kind.name() && recorded.entry.digest == call.digest())
        };
        if !page.iter().all(is_as_it_was) {
            return Err(changed(store::done(database, run).await?));
        }
    }
}

/// Returns the error for SQL whose statements differ from those that took effect.
pub(super) fn changed(done: u64) -> Error {
    let (message, hint) = match done {
        1 => (
            "the first statement took effect and has been changed since".to_owned(),
            "restore it; the statements after it may be changed".to_owned(),
        ),
        _ => (
            format!("the first {done} statements took effect and have been changed since"),
            "restore them; the statements after them may be changed".to_owned(),
        ),
    };
    Error::mismatch(message).hint(hint)
}
