//! The gate: a procedure through which the host reads and writes its own tables in the transaction of a component that
//! has a login of its own. That login has no privilege on these tables. A caller of the procedure has to know the
//! session's token, which only this process does, on the session and with the login for which the host has noted its
//! digest.
//!
//! ```text
//! START TRANSACTION; SAVEPOINT … the component … CALL runner_gate(token, …) …; RELEASE SAVEPOINT …; COMMIT
//! ```
//!
//! Rights cannot keep out everything: column privileges do not hold for `HANDLER`, and changes of the schema commit
//! even where they are refused. So each statement of a component is first prepared with `EXPLAIN FORMAT=JSON` before
//! it: the server's own grammar accepts queries and changes of rows there and nothing else, and runs nothing. There are
//! no temporary tables, since one could shadow a table of the tool; results are held in memory.
//!
//! On MySQL, no variable says that a transaction is open, so the procedure asks for what one forbids (`SET TRANSACTION
//! READ ONLY`, error 1568). There is no `EXECUTE IMMEDIATE`: the text is prepared from a user variable, which is
//! emptied before it runs, and is the last statement, since `CALL` answers with the rows of the last. The procedure
//! cannot be replaced: it is dropped and made, and the right to call it is granted again. The server makes passwords up
//! (`BY RANDOM PASSWORD`, since 8.0.18), because no library makes the digests of `caching_sha2_password`. Names of
//! users have 32 characters. `mandatory_roles` are those of every user, and the component does not run. Hints set
//! variables (`SET_VAR`), so a statement with one is refused.
//!
//! Rejected: views in a database of the login's own, which have no key, take no batches and have another name; a ticket
//! that the host reads before the commit, since the savepoint says the same; `ed25519`, a plugin to install.
//!
//! Not covered: a statement that the server explains and that commits, if there is one, keeps what it changed within
//! the grants. Passwords of runs do not expire.

use crate::error::{NO_DATABASE, NO_TABLE, Result};
use crate::host_sql::{HostExecutor, literal, text};
use crate::inspect;
use crate::link::Link;
use runner_database::Dialect;

/// The procedure.
pub(crate) const GATE: &str = "runner_gate";

/// The table of the sessions that it admits.
pub(crate) const TICKETS: &str = "runner_gate_ticket";

/// The table of the logins that were made, so that they are found when the settings no longer name their components.
pub(crate) const LOGINS: &str = "runner_gate_login";

/// The mode in which the procedure runs what it is given: that of the texts of the host.
const MODE: &str = "STRICT_TRANS_TABLES";

/// The parameters, as the catalogue has them.
const PARAMETERS: &str = "p_token varchar(64),p_text longtext";

/// The tables, as the catalogue has them.
const COLUMNS: &str = "runner_gate_login.login varchar(80),runner_gate_login.revision varchar(255),\
    runner_gate_ticket.token_sha256 binary(32),runner_gate_ticket.login varchar(255),\
    runner_gate_ticket.session bigint(20) unsigned,runner_gate_ticket.opened_at timestamp";

/// A name with its database.
pub(crate) fn named(database: &str, name: &str) -> String {
    format!("{}.{}", Dialect::Mysql.quote(database), Dialect::Mysql.quote(name))
}

/// The body of the procedure. A `SIGNAL` undoes nothing, so it comes before everything else.
fn body(database: &str, dialect: Dialect) -> String {
    let (asks, is_outside, runs) = match dialect {
        Dialect::Mysql => (ASKS_MYSQL, "NOT is_open", RUNS_MYSQL),
        _ => ("", "@@in_transaction = 0", "\n    EXECUTE IMMEDIATE p_text;"),
    };
    format!(
        "BEGIN{asks}
    IF {is_outside} OR (SELECT COUNT(*) FROM {} t WHERE t.token_sha256 = UNHEX(SHA2(p_token, 256)) AND t.login = USER() AND \
t.session = CONNECTION_ID()) <> 1 THEN
        SIGNAL SQLSTATE '28000' SET MESSAGE_TEXT = 'runner: refused';
    END IF;{runs}
END",
        named(database, TICKETS)
    )
}

/// How the procedure finds out whether a transaction is open where no variable says it: the server refuses this
/// statement within one, and elsewhere it makes the next one read-only.
const ASKS_MYSQL: &str = "
    DECLARE is_open BOOLEAN DEFAULT FALSE;
    BEGIN
        DECLARE CONTINUE HANDLER FOR 1568 SET is_open = TRUE;
        SET TRANSACTION READ ONLY;
    END;";

/// How it runs a text there. The caller gets the number of rows of the last statement.
const RUNS_MYSQL: &str = "
    SET @runner_gate = p_text;
    PREPARE runner_gate FROM @runner_gate;
    SET @runner_gate = NULL;
    EXECUTE runner_gate;";

/// The statements that make the gate. `owner`: the user that owns the tool's tables, quoted.
pub(crate) fn making(database: &str, owner: &str, dialect: Dialect) -> Vec<String> {
    let text = "CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL";
    let mut making = vec![
        format!(
            "CREATE TABLE IF NOT EXISTS {} (token_sha256 BINARY(32) NOT NULL PRIMARY KEY, login VARCHAR(255) {text}, \
             session BIGINT UNSIGNED NOT NULL, opened_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP) ENGINE = InnoDB",
            named(database, TICKETS)
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS {} (login VARCHAR(80) {text} PRIMARY KEY, revision VARCHAR(255) {text}) ENGINE = InnoDB",
            named(database, LOGINS)
        ),
        format!("SET SESSION sql_mode = '{MODE}'"),
    ];
    let gate = named(database, GATE);
    let create = match dialect {
        Dialect::Mysql => {
            making.push(format!("DROP PROCEDURE IF EXISTS {gate}"));
            "CREATE"
        }
        _ => "CREATE OR REPLACE",
    };
    making.push(format!(
        "{create} DEFINER = {owner} PROCEDURE {gate} (IN p_token VARCHAR(64) CHARACTER SET ascii, \
         IN p_text LONGTEXT CHARACTER SET utf8mb4) MODIFIES SQL DATA SQL SECURITY DEFINER {}",
        body(database, dialect)
    ));
    making
}

/// Returns how the gate differs from what it should be; `None` if it does not. Fails if others have attached something to the tool's
/// tables.
pub(crate) async fn difference(link: &mut Link) -> Result<Option<String>> {
    let facts = link.facts().clone();
    inspect::check(&mut link.work, &facts).await?;
    let (dialect, database) = (facts.dialect, link.endpoint().database().to_owned());
    let (schema, gate) = (literal(&database), literal(GATE));
    let tables = format!("{}, {}", literal(TICKETS), literal(LOGINS));
    let asked = format!(
        "SELECT CONCAT_WS('|', r.ROUTINE_TYPE, r.SECURITY_TYPE, r.DEFINER = CURRENT_USER(), r.SQL_MODE, r.CHARACTER_SET_CLIENT), r.ROUTINE_DEFINITION, \
             (SELECT GROUP_CONCAT(PARAMETER_NAME, ' ', DTD_IDENTIFIER ORDER BY ORDINAL_POSITION) FROM information_schema.PARAMETERS \
                 WHERE SPECIFIC_SCHEMA = {schema} AND SPECIFIC_NAME = {gate}), \
             (SELECT GROUP_CONCAT(TABLE_NAME, '.', COLUMN_NAME, ' ', COLUMN_TYPE ORDER BY TABLE_NAME, ORDINAL_POSITION) \
                 FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = {schema} AND TABLE_NAME IN ({tables})) \
         FROM information_schema.ROUTINES r WHERE r.ROUTINE_SCHEMA = {schema} AND r.ROUTINE_NAME = {gate}"
    );
    let found = match link.work.all(asked).await {
        Err(error) if [NO_TABLE, NO_DATABASE].contains(&error.code.as_str()) => Vec::new(),
        found => found?,
    };
    let Some(row) = found.first() else { return Ok(Some(format!("the procedure `{GATE}` does not exist"))) };
    let is_as_made = text(row, 0) == format!("PROCEDURE|DEFINER|1|{MODE}|utf8mb4")
        && text(row, 1) == body(&database, dialect)
        && text(row, 2) == PARAMETERS;
    if !is_as_made {
        return Ok(Some(format!("the procedure `{GATE}` is not as runner makes it")));
    }
    // MySQL and newer servers leave out the width of integers.
    let columns = text(row, 3).replace("bigint unsigned", "bigint(20) unsigned");
    Ok((columns != COLUMNS).then(|| format!("the tables of the procedure `{GATE}` are not as runner makes them")))
}

/// The statement that admits a session to the gate, and forgets those of long ago. `user`: as the session says it.
pub(crate) fn ticket(database: &str, token_sha256: &str, user: &str, session: u64) -> String {
    let table = named(database, TICKETS);
    format!(
        "DELETE FROM {table} WHERE opened_at < NOW() - INTERVAL 30 DAY; \
         INSERT INTO {table} (token_sha256, login, session) VALUES (x'{token_sha256}', {}, {session})",
        literal(user)
    )
}
