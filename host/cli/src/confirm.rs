//! Asks before something is destroyed, and refuses it for protected databases.

use std::io::{self, IsTerminal};

use super::context::Context;
use runner_base::error::{Error, Result};
use runner_report::{Printer, Text};

/// Fails if the database is protected, or if the operator declines. `what` completes "About to …". Only asks where an
/// answer is possible: on a terminal. An operator who could answer and cannot be asked is not taken to agree.
pub fn destroy(context: &Context, what: &str, yes: bool) -> Result<()> {
    context.check_protected(what)?;
    ask(&context.printer, &format!("{what} {}", context.settings.database_url.value), yes)
}

/// Whether [`ask`] asks.
pub fn asks(yes: bool) -> bool {
    !yes && io::stdin().is_terminal()
}

/// Fails if the operator declines.
pub fn ask(printer: &Printer, what: &str, yes: bool) -> Result<()> {
    if !asks(yes) {
        return Ok(());
    }
    if !printer.is_interactive() {
        return Err(Error::failed(format!("cannot ask whether to {what}: standard error is no terminal"))
            .hint("`--yes` skips the question"));
    }
    // If the question cannot be shown, it is not answered either.
    let question = format!("About to {what}. Continue? [y/N] ");
    let asked = printer.ask(&Text::new().plain(question));
    let mut answer = String::new();
    let read = asked.and_then(|()| io::stdin().read_line(&mut answer));
    match (read, answer.trim().to_lowercase().as_str()) {
        (Ok(_), "y" | "yes") => Ok(()),
        _ => Err(Error::failed("not confirmed: nothing was changed").hint("`--yes` skips the question")),
    }
}
