//! What is refused about logins, in the words of the operator.

use super::DesiredLogin;
use super::Reached;
use crate::grants::Grant;
use crate::{DatabaseError, DatabaseErrorKind};
use runner_sql::Tokens;

/// The way out for an operator who may not do it.
pub const DBA: &str = "have a database administrator run what `runner grants sync --sql` prints";

fn denied(message: String) -> DatabaseError {
    DatabaseError::new(DatabaseErrorKind::Denied, message)
}

/// The error of a login that is not as it should be.
pub fn out_of_line(reason: String) -> DatabaseError {
    denied(reason).hint("run `runner grants sync`")
}

/// The same with all reasons; none without any.
pub fn all_out_of_line(reasons: Vec<String>) -> Result<(), DatabaseError> {
    match reasons.as_slice() {
        [] => Ok(()),
        [only] => Err(out_of_line(only.clone())),
        [first, rest @ ..] => Err(out_of_line(first.clone()).detail(rest.join("; "))),
    }
}

/// How many rights of everybody an error names.
pub const NAMED: usize = 5;

/// Fails if components could do more than their grants say, since everybody can.
pub fn check_reached(reached: &[Reached]) -> Result<(), DatabaseError> {
    let Some((first, others)) = reached.split_first() else { return Ok(()) };
    let mut rest: Vec<&str> = others.iter().map(|it| it.what.as_str()).take(NAMED - 1).collect();
    let more = format!("and {} more", others.len().saturating_sub(rest.len()));
    rest.extend((reached.len() > NAMED).then_some(more.as_str()));
    let remedies: Vec<String> = reached.iter().take(NAMED).map(|it| format!("`{}`", it.remedy)).collect();
    let error = denied(format!("components could do more than they are granted: {}", first.what)).hint(format!(
        "run {}, and grant it to the roles that need it; or list it in the grants of the component",
        remedies.join(", ")
    ));
    Err(if rest.is_empty() { error } else { error.detail(rest.join("; ")) })
}

/// The error of a statement that brings logins in line and that the server refused.
pub fn cannot_bring_in_line(error: DatabaseError) -> DatabaseError {
    if error.kind != DatabaseErrorKind::Denied {
        return error;
    }
    denied(format!("the logins cannot be brought in line: {}", error.message)).code(error.code).hint(DBA)
}

/// The error of grants that name what does not exist.
pub fn unknown(names: &[String]) -> DatabaseError {
    let what = if names.len() == 1 { "a grant names what does not exist" } else { "grants name what does not exist" };
    DatabaseError::new(DatabaseErrorKind::Configuration, format!("{what}: {}", names.join("; ")))
        .hint("correct the lines in `runner.toml`, or apply the migrations that create it first")
}

/// Fails if grants ask for what a login cannot be given: tables of `is_forbidden` schemas or of runner's.
pub fn check_wanted(wanted: &DesiredLogin, is_forbidden: impl Fn(&Grant) -> bool) -> Result<(), DatabaseError> {
    match wanted.grants.tables.iter().find(|grant| is_forbidden(grant)) {
        None => Ok(()),
        Some(grant) => Err(denied(format!("`{}` cannot be granted `{grant}`", wanted.id))
            .hint("what belongs to runner and to the server is not granted to components")),
    }
}

/// Refuses a statement of a component under grants that begins with none of these words.
pub fn check_statement(tokens: &Tokens<'_>, may_say: &[&str]) -> Result<(), DatabaseError> {
    if tokens.begins_with(may_say) { Ok(()) } else { Err(cannot_run(tokens.text())) }
}

/// The error of a statement that is neither a query nor a change of rows.
pub fn cannot_run(statement: &str) -> DatabaseError {
    denied(format!("a component under grants cannot run `{}`", runner_sql::excerpt(statement)))
        .hint("it may read and change rows; put everything else into a migration in SQL")
}

/// The error of a component whose host may do everything. `owner`: a better login.
pub fn superuser(id: &str, host: &str, is: &str, owner: &str) -> DatabaseError {
    denied(format!("`{id}` has grants, and runner's own login `{host}` {is}")).hint(format!(
        "connect as {owner}, or write `superuser = true` below its `[grants.NAME]` or `[packages.NAME]` to run it all the same"
    ))
}

/// The error of a server that rejects a login.
pub fn refused(login: &str, error: &DatabaseError) -> DatabaseError {
    denied(format!("the server does not let the login `{login}` in"))
        .code(error.code.clone())
        .detail(error.message.clone())
}

/// The way out where the operator's secret is wrong.
pub const WRONG_SECRET: &str =
    "check the variable that `password_env` of its `[grants.NAME]` or `[packages.NAME]` names";

/// Fails, with all of them, if variables are not set that hold the passwords of logins.
pub fn check_secrets(wanted: &[DesiredLogin]) -> Result<(), DatabaseError> {
    let missing = |wanted: &DesiredLogin| match (&wanted.grants.password_env, &wanted.grants.secret) {
        (Some(variable), None) => Some(no_secret(variable, &wanted.id)),
        _ => None,
    };
    let mut missing = wanted.iter().filter_map(missing);
    let Some(first) = missing.next() else { return Ok(()) };
    let rest: Vec<String> = missing.map(|error| error.message).collect();
    Err(if rest.is_empty() { first } else { first.detail(rest.join("; ")) })
}

/// The error of a variable that is not set. `whose`: a component, or its login.
pub fn no_secret(variable: &str, whose: &str) -> DatabaseError {
    let unset = format!("the variable `{variable}`, which holds the password of the login of `{whose}`, is not set");
    DatabaseError::new(DatabaseErrorKind::Configuration, unset)
        .hint("set it, or remove `password_env`: then each run sets a password of its own")
}

/// The error of a host that may not set a password. `privilege`: what it lacks.
pub fn cannot_set_password(login: &str, code: String, privilege: &str) -> DatabaseError {
    denied(format!("runner's own login may not set the password of `{login}`")).code(code).hint(format!(
        "name a variable that holds its password with `password_env` below its `[grants.NAME]` or `[packages.NAME]`, or \
         give runner's login {privilege}"
    ))
}

/// The error of a gate that is not as it should be.
pub fn broken_gate(difference: &str) -> DatabaseError {
    denied("components under grants cannot run, because the gate of their logins is not there".to_owned())
        .detail(difference)
        .hint("run `runner grants sync`")
}

/// The error for a component under grants that has no session of its login.
pub fn no_session() -> DatabaseError {
    denied("a component under grants has no session of its own login here".to_owned()).hint("run `runner grants sync`")
}

/// The error of the gate, whose messages begin with `runner: `, in the words of the operator.
pub fn of_gate(error: DatabaseError) -> DatabaseError {
    let Some(reason) = error.message.strip_prefix("runner: ") else { return error };
    match reason {
        "refused" => denied("the gate refused this session, which has no open transaction of its own".to_owned())
            .hint("a pooler must give each login a session of its own, not one for each transaction"),
        other => denied(format!("{other}, and nothing of it remains")),
    }
    .code(error.code)
}
