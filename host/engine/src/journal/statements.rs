//! Statements of a migration in SQL that took effect before its file was edited.

use super::store;
use crate::call::Call;
use crate::run::Run;
use runner_base::error::{Error, Result};
use runner_database::HostSession;
use runner_sql::Program;

/// Fails, as the run that resumes would, unless the statements that took effect are still the first ones of the program.
pub async fn check_statements(database: &mut HostSession<'_>, run: Run, program: &Program) -> Result<()> {
    let (units, mut last) = (program.units(true), 0);
    loop {
        let page = store::page(database, run, last).await?;
        if page.is_empty() {
            return Ok(());
        }
        for store::Recorded { entry, .. } in page {
            let of = [last, entry.step].map(|step| usize::try_from(step).unwrap_or(usize::MAX));
            let call = units.get(of[0]..of[1]).and_then(|units| Call::of_units(program, units));
            if !call.is_some_and(|call| entry.kind == call.kind.name() && entry.digest == call.digest()) {
                return Err(changed(store::done(database, run).await?));
            }
            last = entry.step;
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
