//! Asks before something is destroyed, and refuses it for protected databases.

use std::io::{IsTerminal, Write};

use super::context::Context;
use crate::error::{Error, Result};

/// Fails if the database is protected, or if the operator declines. `what` completes "About to …". Only asks where
/// somebody can answer: on a terminal.
pub fn destroy(context: &Context, what: &str, yes: bool) -> Result<()> {
    let url = &context.settings.database_url;
    if let Some(table) = &context.settings.protected {
        return Err(context.place(
            Error::denied(format!("`[{table}]` is protected: will not {what} this database"))
                .hint(format!("remove `protected = true` from `[{table}]` in `runner.toml` if you mean it")),
        ));
    }
    if yes || !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Ok(());
    }
    let mut out = std::io::stderr().lock();
    // If the question cannot be shown, it is not answered either.
    let asked = write!(out, "About to {what} {}. Continue? [y/N] ", url.value).and_then(|()| out.flush());
    let mut answer = String::new();
    let read = asked.and_then(|()| std::io::stdin().read_line(&mut answer));
    match (read, answer.trim().to_lowercase().as_str()) {
        (Ok(_), "y" | "yes") => Ok(()),
        _ => Err(Error::failed("not confirmed: nothing was changed").hint("`--yes` skips the question")),
    }
}
