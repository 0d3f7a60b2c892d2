//! The first line of defence: the statements that scripts and guests may not run. It checks words, so SQL that is
//! assembled at run time can evade it; `guard` and the identity of the transaction prove that none did.

use crate::error::{Result, denied};
use runner_database::facts::{TOOL_SCHEMA, is_tool_table, may_name_tool_objects};
use runner_database::{DatabaseError, Role, TableName};
use runner_sql::{StatementClass, Tokens, classify, copies_to_client, excerpt, identifiers_of_objects, schemas, words};

/// Why a migration in SQL may not run a statement, as far as its words show it.
pub fn refused_text(tokens: &Tokens<'_>) -> Option<DatabaseError> {
    check(tokens, Role::SqlScript).err()
}

/// Refuses a statement that the role may not run; otherwise returns its effect on the surrounding transaction.
pub(crate) fn check(tokens: &Tokens<'_>, rights: Role) -> Result<StatementClass> {
    let class = classify(tokens);
    if rights == Role::Host {
        return Ok(class);
    }
    if class == StatementClass::TransactionControl {
        return Err(denied("a migration cannot begin, end or divide the transaction it runs in")
            .hint("remove this statement: runner itself begins and ends the transaction"));
    }
    if may_name_tool_objects(tokens.text()) {
        check_names(tokens, class)?;
    }
    check_propagation(tokens)?;
    let is_copied = rights == Role::SqlScript && tokens.has_rows();
    if tokens.begins_with(&["COPY"])
        && !is_copied
        && let Some((message, hint)) = copies_to_client(&words(tokens))
    {
        return Err(denied(&message).hint(hint));
    }
    if rights == Role::Component {
        if class == StatementClass::Session {
            return Err(denied("a component cannot change settings of the connection")
                .hint("a migration in SQL may: put this statement into one"));
        }
        if class == StatementClass::RefusesTransaction {
            return Err(denied(format!(
                "a component cannot run `{}`, which refuses a transaction",
                excerpt(tokens.text())
            ))
            .hint("put it into a migration in SQL of its own with the line `-- runner:no-transaction`"));
        }
    }
    Ok(class)
}

/// Refuses what names the tool's own tables, or their schema.
fn check_names(tokens: &Tokens<'_>, class: StatementClass) -> Result<()> {
    // A block that commits is code too, whatever its class.
    let runs_elsewhere = tokens.identifiers().iter().any(|word| runs_elsewhere(word));
    let may_be_code = runs_elsewhere
        || matches!(class, StatementClass::Schema | StatementClass::Unknown)
        || tokens.begins_with(&["DO"]);
    // The tool's tables have a schema of their own, so an index elsewhere takes the place of none.
    let objects = identifiers_of_objects(tokens);
    if let Some(name) = objects.iter().find_map(|word| tool_table_in(word, may_be_code))
        && (runs_elsewhere || !only_reads(tokens))
    {
        return Err(tool_table(&name));
    }
    if schemas(tokens).iter().any(|name| name.eq_ignore_ascii_case(TOOL_SCHEMA)) {
        return Err(denied("the schema `runner` belongs to runner itself")
            .hint("give your schema another name; `pg_dump --exclude-schema=runner` leaves it out of a dump"));
    }
    Ok(())
}

/// Refuses the setting by which Citus would send workers our whole messages, which its own statement is part of. It
/// takes no right.
pub(crate) fn check_propagation(tokens: &Tokens<'_>) -> Result<()> {
    if tokens.mentions(&["PROPAGATE_SET_COMMANDS"]) {
        return Err(denied("a migration cannot change `citus.propagate_set_commands`")
            .hint("the settings that runner pins reach the workers without it"));
    }
    Ok(())
}

/// Refuses writers access to the tool's own tables.
pub(crate) fn check_table(table: &TableName, rights: Role) -> Result<()> {
    let ours = is_tool_table(&table.name) || table.schema.as_deref() == Some(TOOL_SCHEMA);
    if rights != Role::Host && ours { Err(tool_table(&table.name)) } else { Ok(()) }
}

/// Whether a statement only reads rows, as far as its words show.
fn only_reads(tokens: &Tokens<'_>) -> bool {
    const WRITES: [&str; 8] = ["INSERT", "UPDATE", "DELETE", "MERGE", "INTO", "SHARE", "LOCK", "ANALYZE"];
    tokens.begins_with(&["SELECT", "WITH", "TABLE"]) && !tokens.mentions(&WRITES)
}

/// Whether a word is a function of Citus that runs a text in another session, on this server or another: none of our
/// proofs sees what that does. Texts that are assembled, and other extensions that do the same, are left to the
/// privileges of the login.
fn runs_elsewhere(word: &str) -> bool {
    word.get(..15).is_some_and(|start| start.eq_ignore_ascii_case("run_command_on_"))
}

/// Returns the tool table that a word of a statement names. Texts are data, except the bodies of functions and `DO`.
fn tool_table_in(word: &str, may_be_code: bool) -> Option<String> {
    if is_tool_table(word) {
        return Some(word.to_owned());
    }
    if !may_be_code {
        return None;
    }
    let mut words = word.split(|character: char| !(character.is_alphanumeric() || character == '_'));
    words.find(|word| is_tool_table(word)).map(str::to_owned)
}

/// Returns the error for access to a tool table.
pub(crate) fn tool_table(name: &str) -> DatabaseError {
    denied(format!("the table `{}` belongs to runner itself", name.to_lowercase())).hint(
        "the history is written by `runner apply` and `runner rollback` alone; give your table another name; `pg_dump \
         --exclude-schema=runner` leaves them out of a dump, or `--exclude-table=*.runner_*` where `[history]` names another schema",
    )
}
