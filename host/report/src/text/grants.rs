//! The output of `runner grants`.

use crate::escape::ScriptTo;
use crate::styled::{DIM, GOOD, ODD, PLAIN, STRONG, Text};
use runner_database::Dialect;
use runner_database::logins::LoginReport;
use runner_sql::delimited;

/// The logins of components, and what each has.
pub fn logins(found: &LoginReport) -> Text {
    let mut text = Text::new();
    for login in &found.logins {
        text.push(STRONG, &login.login);
        text.push(PLAIN, "  ");
        text.push(PLAIN, login.component.as_deref().unwrap_or(&login.revision));
        text.push(PLAIN, "  ");
        match login.differences.as_slice() {
            [] => text.push(GOOD, "in line"),
            _ => text.push(ODD, "not in line"),
        }
        text.push_end();
        for right in &login.rights {
            text.push_line(DIM, format!("  {right}"));
        }
        for difference in &login.differences {
            text.push_line(ODD, format!("  {difference}"));
        }
    }
    for unknown in &found.unknown {
        text.push_line(ODD, unknown);
    }
    text
}

/// The statements for an operator who may run them, as the server's own client reads them.
pub fn login_statements(found: &LoginReport, dialect: Dialect, to: ScriptTo) -> Text {
    let mut text = Text::new();
    if found.statements.is_empty() {
        return text;
    }
    if dialect == Dialect::Postgres {
        for statement in ["BEGIN", &found.statements.join(";\n"), "COMMIT"] {
            text.push_whole(PLAIN, &format!("{statement};"), to);
        }
        return text;
    }
    for statement in &found.statements {
        match statement.contains(';') {
            true => text.push_whole(PLAIN, &delimited(statement), to),
            false => text.push_whole(PLAIN, &format!("{statement};"), to),
        }
    }
    text
}

/// What was done.
pub fn login_changes(action: &str, found: &LoginReport) -> String {
    let logins = found.logins.len();
    let counted = if logins == 1 { "1 login".to_owned() } else { format!("{logins} logins") };
    match (found.statements.len(), action) {
        (0, "remove") => "there is no login to remove".to_owned(),
        (0, _) => format!("{counted} in line already"),
        (_, "remove") => "removed".to_owned(),
        (1, _) => format!("{counted} in line, by 1 statement"),
        (statements, _) => format!("{counted} in line, by {statements} statements"),
    }
}
