//! Ends in ways that a run has to distinguish.

use runner_guest::prelude::*;

pub fn trap() -> Result<()> {
    #[cfg(target_family = "wasm")]
    core::arch::wasm32::unreachable();
    #[cfg(not(target_family = "wasm"))]
    Ok(())
}

pub fn panic() -> Result<()> {
    panic!("nobody expected {} apples", 7)
}

pub fn return_error() -> Result<()> {
    Err(Error::new("the address of row 7 cannot be parsed").with_detail("it says `nowhere`"))
}

pub fn return_database_error() -> Result<()> {
    sql::execute("INSERT INTO people (id, name) VALUES (1, 'twice')", params![])?;
    Ok(())
}

pub fn return_wrapped_error() -> Result<()> {
    sql::execute("UPDATE nowhere SET x = 1", params![]).context("while tidying up")?;
    Ok(())
}

/// SQLite only undoes the failed statement: the migration may continue.
pub fn ignore_database_error() -> Result<()> {
    let _ = sql::execute("INSERT INTO people (id, name) VALUES (1, 'twice')", params![]);
    Ok(())
}

/// The conflict clause ends the whole transaction without the host's knowledge.
pub fn roll_back_by_conflict() -> Result<()> {
    let _ = sql::execute("INSERT OR ROLLBACK INTO people (id, name) VALUES (1, 'twice')", params![]);
    let _ = sql::execute("UPDATE people SET name = 'changed outside of the transaction'", params![]);
    Ok(())
}

pub fn roll_back_by_trigger() -> Result<()> {
    sql::execute("CREATE TRIGGER bomb BEFORE UPDATE ON people BEGIN SELECT RAISE(ROLLBACK, 'boom'); END", params![])?;
    let _ = sql::execute("UPDATE people SET score = 0", params![]);
    let _ = sql::execute("UPDATE people SET name = 'changed outside of the transaction'", params![]);
    Ok(())
}
