//! The first wall: what the text of a statement shows. It gives early and friendly errors; what a text hides is found by
//! the proofs (see [`Guard::after`](super::Guard::after)).

use super::login::{check_hint, check_locks, check_quoting, denied, run_comment};
use super::programs::EVENT_BY_HAND;
use crate::error::Result;
use crate::link::settings::Quoting;
use runner_database::facts::{LEASE_TABLES, TOOL_TABLES, is_tool_table};
use runner_database::{DatabaseError, DatabaseErrorKind, Dialect, Facts, Role};
use runner_sql::classify::{open_run_comments, reads, skip_run_comments};
use runner_sql::{
    StatementClass, Tokens, assigned_scopes, classify, engine_of_elsewhere, engines, for_statement,
    identifiers_of_objects, qualifiers, used_database, words,
};

/// First words of the statements that a component may run, apart from changes of the schema.
const OF_COMPONENTS: [&str; 13] = [
    "SELECT", "WITH", "VALUES", "TABLE", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "INSERT", "UPDATE", "DELETE",
    "REPLACE", "DO",
];

/// First words of changes of the schema that a component may run, if they are about one of [`OBJECTS`].
const CHANGES: [&str; 9] = ["CREATE", "ALTER", "DROP", "RENAME", "TRUNCATE", "ANALYZE", "OPTIMIZE", "CHECK", "REPAIR"];

/// What such a change may be about. Users, roles, servers, databases and plugins are not among them.
const OBJECTS: [&str; 9] =
    ["TABLE", "TABLES", "INDEX", "VIEW", "TRIGGER", "PROCEDURE", "FUNCTION", "SEQUENCE", "EVENT"];

/// Words of statements that store a program.
const PROGRAMS: [&str; 5] = ["TRIGGER", "PROCEDURE", "FUNCTION", "EVENT", "PACKAGE"];

/// Words that a component may not use: files and libraries.
const OUTSIDE: [&str; 4] = ["OUTFILE", "DUMPFILE", "LOAD_FILE", "SONAME"];

/// Statements that show digests of passwords, and of a server the password; in the body of a program, too.
const SHOWS_SECRETS: [&[&str]; 3] = [&["SHOW", "CREATE", "USER"], &["SHOW", "CREATE", "SERVER"], &["SHOW", "GRANTS"]];

/// The servers' own databases; a component may only name the standard catalogue, which shows each user what is theirs.
const SYSTEM: [&str; 3] = ["mysql", "sys", "performance_schema"];

/// Who asks, and where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asking<'a> {
    pub role: Role,
    pub in_transaction: bool,
    /// The database that holds the tool's tables.
    pub database: &'a str,
    /// Whether the server does not distinguish `App` from `app`, or may not.
    pub folds_names: bool,
    /// The modes that a script has set and that change where a string ends.
    pub quoting: Quoting,
}

impl Asking<'_> {
    /// Whether this is the name of the database that holds the tool's tables.
    fn is_own(&self, name: &str) -> bool {
        name == self.database || self.folds_names && name.to_lowercase() == self.database.to_lowercase()
    }
}

/// Why a migration in SQL may not run a statement, as far as its text shows it, whatever the `sql_mode` is.
pub fn refused_text(tokens: &Tokens<'_>, facts: &Facts, in_transaction: bool) -> Option<DatabaseError> {
    let database = facts.schema.as_deref();
    if database.is_none() && used_database(tokens).is_some() {
        // It may be the one that is migrated.
        return None;
    }
    let database = database.unwrap_or_default();
    let (role, quoting) = (Role::SqlScript, Quoting::default());
    let asking = Asking { role, in_transaction, database, folds_names: true, quoting };
    check(tokens, asking).err()
}

/// Fails if the role may not run a statement; otherwise returns its class.
pub(crate) fn check(tokens: &Tokens<'_>, asking: Asking<'_>) -> Result<StatementClass> {
    let (role, dialect) = (asking.role, tokens.dialect());
    let opened = open_run_comments(tokens);
    let opened = opened.as_deref().map(|opened| Tokens::new(opened, dialect));
    let class = opened.as_ref().map_or_else(|| classify(tokens), classify);
    if role == Role::Host {
        return Ok(class);
    }
    check_quoting(asking.quoting, tokens)?;
    if role == Role::Component && opened.is_some() {
        return Err(run_comment());
    }
    check_names(tokens, asking)?;
    if let Some(opened) = &opened {
        // Whether the server runs them depends on their versions and on its own.
        check_names(opened, asking)?;
        check_names(&Tokens::new(&skip_run_comments(tokens).unwrap_or_default(), dialect), asking)?;
        // In such comments, a name counts wherever it occurs.
        if let Some(name) = tool_table_in(tokens.text()) {
            return Err(tool_table(name));
        }
    }
    if role == Role::Component {
        check_component(tokens, class)?;
    }
    let class = match &opened {
        Some(opened) => check_shown(opened, class)?,
        None => check_shown(tokens, class)?,
    };
    if asking.in_transaction && class == StatementClass::Schema {
        return Err(denied(
            "a statement that changes the schema, in a transaction: MySQL and MariaDB would commit what \
                           was done so far",
        )
        .hint("set `mode = \"stepwise\"`, or write `-- runner:no-transaction` at the top of the file"));
    }
    match class {
        // What remains of it if the server skips some of the comments may be anything.
        StatementClass::Rows | StatementClass::Schema if opened.is_some() => Ok(StatementClass::Unknown),
        class => Ok(class),
    }
}

/// Refuses what the text shows with its comments opened; otherwise returns the class.
fn check_shown(tokens: &Tokens<'_>, class: StatementClass) -> Result<StatementClass> {
    check_event(tokens, class)?;
    match for_statement(tokens).filter(|_| class == StatementClass::Session) {
        None => Ok(class),
        // It may do what the statement in it does.
        Some(inner) if classify(&Tokens::new(inner, tokens.dialect())) == StatementClass::Rows => {
            Ok(StatementClass::Unknown)
        }
        Some(_) => Err(denied("`SET STATEMENT` around anything but a change of rows")
            .hint("set the variable before it, with `SET`")),
    }
}

pub(crate) fn tool_table(name: &str) -> DatabaseError {
    DatabaseError::new(DatabaseErrorKind::Denied, format!("`{name}` belongs to runner, and no migration may change it"))
        .hint(
            "give your own table another name; `mariadb-dump --ignore-table` leaves one of runner's out of a dump; what runner keeps \
             is shown by `runner status` and `runner history`",
        )
}

/// Whether a name is that of a tool table as some server compares names: where it folds them, it folds more than ASCII.
pub(crate) fn is_tool_name(name: &str) -> bool {
    let fold = |c: char| match c {
        'İ' | 'ı' => 'i',
        'ſ' => 's',
        _ => c.to_lowercase().next().unwrap_or(c),
    };
    is_tool_table(&name.chars().map(fold).collect::<String>())
}

/// The tool table whose name occurs in a text. What precedes it may be anything, as `1.e` may; what follows it would make it another
/// name.
fn tool_table_in(text: &str) -> Option<&'static str> {
    let text = text.to_ascii_lowercase();
    let goes_on = |after: usize| text[after..].starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    let occurs = |name: &&str| text.match_indices(*name).any(|(at, _)| !goes_on(at + name.len()));
    TOOL_TABLES.into_iter().chain(LEASE_TABLES).find(occurs)
}

fn check_names(tokens: &Tokens<'_>, asking: Asking<'_>) -> Result<()> {
    let (class, role, names) = (classify(tokens), asking.role, tokens.identifiers());
    let has = |name: &str| tokens.mentions(&[name]);
    let first = names.first().map(|name| name.to_ascii_uppercase()).unwrap_or_default();
    match class {
        StatementClass::TransactionControl if first == "XA" => {
            return Err(denied("XA transactions")
                .hint("they outlive the session and keep their locks; use ordinary statements"));
        }
        StatementClass::TransactionControl => {
            return Err(denied(&format!("`{first}`: runner itself begins and ends the transaction"))
                .hint("remove it from the migration"));
        }
        StatementClass::Session if role == Role::Component => {
            return Err(denied(&format!("`{first}` from a component: it would change the session for the host too"))
                .hint("do it in a migration in SQL"));
        }
        StatementClass::Session if names.get(1).is_some_and(|used| first == "USE" && !asking.is_own(used)) => {
            return Err(DatabaseError::uses_another(&names[1]));
        }
        StatementClass::Session if has("autocommit") || has("completion_type") => {
            return Err(denied("`SET autocommit` or `SET completion_type`: runner decides what is committed when")
                .hint("remove it from the migration"));
        }
        StatementClass::Session if sets_global(tokens) => {
            return Err(denied("`SET GLOBAL` or `SET PERSIST`: it changes the server for all users")
                .hint("an administrator sets it on the server; `mysqldump --set-gtid-purged=OFF` leaves it out"));
        }
        StatementClass::Unknown
            if role == Role::Component && matches!(first.as_str(), "KILL" | "SHUTDOWN" | "RESTART") =>
        {
            return Err(denied(&format!("`{first}` from a component")).hint("do it by hand, or in a migration in SQL"));
        }
        _ => {}
    }
    if !reads(tokens)
        && let Some(name) = identifiers_of_objects(tokens).iter().find(|name| is_tool_name(name))
    {
        return Err(tool_table(name));
    }
    check_locks(tokens)?;
    let is_database =
        names.iter().take(4).any(|name| matches!(name.to_ascii_uppercase().as_str(), "DATABASE" | "SCHEMA"));
    let drops = first == "DROP" || (first == "CREATE" && has("OR") && has("REPLACE"));
    if class == StatementClass::Schema && is_database && drops && has(asking.database) {
        return Err(denied(&format!("`{first} DATABASE` of the database that it migrates: it holds the history"))
            .hint("`runner db drop` and `runner db reset` do that"));
    }
    Ok(())
}

/// Refuses an event with dynamic SQL, which the server would run unseen by any proof.
fn check_event(tokens: &Tokens<'_>, class: StatementClass) -> Result<()> {
    let mut names = tokens.identifiers().iter();
    let mut is_event = || {
        names.find(|name| is_kind(&name.to_ascii_uppercase())).is_some_and(|kind| kind.eq_ignore_ascii_case("EVENT"))
    };
    if class == StatementClass::Schema && is_event() && tokens.mentions(&["EXECUTE", "PREPARE"]) {
        return Err(denied("an event with dynamic SQL, which the server runs at any time")
            .hint(format!("write the statement itself; {EVENT_BY_HAND}")));
    }
    Ok(())
}

/// What a component may not do beyond that. A component may come from others.
fn check_component(tokens: &Tokens<'_>, class: StatementClass) -> Result<()> {
    let upper: Vec<String> = tokens.identifiers().iter().map(|name| name.to_ascii_uppercase()).collect();
    let first = upper.first().map_or("", String::as_str);
    let has = |of: &[&str]| upper.iter().any(|name| of.contains(&name.as_str()));
    let kind = upper.iter().find(|name| is_kind(name));
    let is_known = OF_COMPONENTS.contains(&first)
        || first == "CALL"
        || (CHANGES.contains(&first) && kind.map_or(first == "TRUNCATE", |kind| OBJECTS.contains(&kind.as_str())));
    if !is_known {
        let shown = if first.is_empty() { "this statement" } else { first };
        return Err(denied(&format!("`{shown}` from a component")).hint("do it in a migration in SQL"));
    }
    check_hint(tokens.text())?;
    let words = words(tokens);
    // The file of a table of the engine CSV can be that of another program.
    let engine =
        engine_of_elsewhere(tokens).or_else(|| engines(tokens).iter().any(|engine| engine == "CSV").then_some("CSV"));
    // MariaDB asks for no privilege on files there.
    let directory =
        words.windows(2).any(|pair| pair[1] == "DIRECTORY" && ["DATA", "INDEX"].contains(&pair[0].as_str()));
    let directory = directory.then_some("DIRECTORY");
    if let Some(word) = OUTSIDE.into_iter().find(|word| words.iter().any(|it| it == word)).or(engine).or(directory) {
        return Err(denied(&format!("`{word}` from a component: it reaches outside the database"))
            .hint("do it in a migration in SQL"));
    }
    // MySQL shows only what the user may do.
    let mut secrets =
        SHOWS_SECRETS.into_iter().filter(|shown| tokens.dialect() == Dialect::Mariadb || shown[1] != "GRANTS");
    if let Some(shown) = secrets.find(|shown| words.windows(shown.len()).any(|it| it == *shown)) {
        return Err(denied(&format!("`{}` from a component: it shows passwords, or digests of them", shown.join(" ")))
            .hint("`information_schema.USER_PRIVILEGES` and its siblings show what a user may do"));
    }
    if class == StatementClass::Schema && has(&PROGRAMS) && has(&["EXECUTE", "PREPARE"]) {
        return Err(denied("dynamic SQL in a program that a component stores").hint("write the statement itself"));
    }
    // A connection string names a table as well as any other text.
    if class == StatementClass::Schema
        && let Some(name) = identifiers_of_objects(tokens).iter().find_map(|text| tool_table_in(text))
    {
        return Err(tool_table(name));
    }
    if let Some(place) = qualifiers(tokens).iter().find(|name| SYSTEM.iter().any(|it| it.eq_ignore_ascii_case(name))) {
        return Err(denied(&format!("a statement about the server's own database `{place}` from a component"))
            .hint("`information_schema` shows what a migration may know"));
    }
    Ok(())
}

/// Whether a word says what a change of the schema is about.
fn is_kind(word: &str) -> bool {
    const OTHERS: [&str; 10] =
        ["DATABASE", "SCHEMA", "USER", "ROLE", "SERVER", "PACKAGE", "TABLESPACE", "LOGFILE", "INSTANCE", "RESOURCE"];
    OBJECTS.contains(&word) || OTHERS.contains(&word)
}

/// Whether a `SET` assigns to a variable of the server rather than of the session.
fn sets_global(tokens: &Tokens<'_>) -> bool {
    let is_global = |scope: &String| matches!(scope.as_str(), "GLOBAL" | "PERSIST" | "PERSIST_ONLY");
    assigned_scopes(tokens).iter().any(is_global)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: Asking<'_> = Asking {
        role: Role::SqlScript,
        in_transaction: false,
        database: "app",
        folds_names: false,
        quoting: Quoting { plain_backslash: false, ansi: false },
    };

    #[test]
    fn what_a_text_shows_is_refused() {
        let component = Asking { role: Role::Component, ..SCRIPT };
        for (asking, text, allowed) in [
            (SCRIPT, "SET GLOBAL general_log = 1", false),
            (SCRIPT, "set @@global.general_log = 1", false),
            (SCRIPT, "SET @a = 1, @@GLOBAL . general_log = 1", false),
            (SCRIPT, "SET PERSIST general_log = 1", false),
            (SCRIPT, "SET sql_mode = @@GLOBAL.sql_mode", true),
            (SCRIPT, "SET @global = 1", true),
            (SCRIPT, "SET @old = @@sql_mode, sql_mode = ''", true),
            (SCRIPT, "SET STATEMENT max_statement_time = 1 FOR UPDATE t SET a = 1", true),
            (SCRIPT, "SET STATEMENT max_statement_time = 1 FOR CREATE TABLE u (a INT)", false),
            (SCRIPT, "SET STATEMENT max_statement_time = 1 FOR COMMIT", false),
            (SCRIPT, "USE app", true),
            (SCRIPT, "USE APP", false),
            (Asking { folds_names: true, ..SCRIPT }, "USE APP", true),
            (Asking { folds_names: true, database: "App", ..SCRIPT }, "USE `app`", true),
            (Asking { folds_names: true, ..SCRIPT }, "USE apps", false),
            (SCRIPT, "USE `other`", false),
            (SCRIPT, "/*!40000 use other */", false),
            (SCRIPT, "DROP DATABASE app", false),
            (SCRIPT, "drop /* x */ schema if exists `APP`", false),
            (SCRIPT, "CREATE OR REPLACE DATABASE app", false),
            (SCRIPT, "DROP DATABASE other", true),
            (SCRIPT, "UPDATE `runner_hİstory` SET a = 1", false),
            (SCRIPT, "UPDATE `runner_hıſtory` SET a = 1", false),
            (SCRIPT, "CREATE TABLE t (a INT, KEY runner_history_a (a)) /*!50100 COMMENT 'x' */", true),
            (SCRIPT, "CREATE TABLE runner_history_2 (a INT) /*!50100 COMMENT 'x' */", true),
            (SCRIPT, "/*!50100 UPDATE runner_history */ SET a = 1", false),
            (SCRIPT, "/*!50100 UPDATE 1.erunner_history */ SET a = 1", false),
            (SCRIPT, "CREATE INDEX runner_history ON t (a)", true),
            (component, "ALTER TABLE t ADD CONSTRAINT `runner_history` CHECK (a > 0)", true),
            (component, "CREATE INDEX runner_history_a ON t (a)", true),
            (component, "CREATE TABLE t (a INT) ENGINE = MYISAM CONNECTION = 'mysql://h/d/runner_history'", false),
            (component, "ALTER TABLE t DROP INDEX runner_history, RENAME TO runner_chunk", false),
            (SCRIPT, "CREATE INDEX runner_history_a ON runner_history (a)", false),
            (SCRIPT, "UPDATE runner_checKpoint SET a = 1", false),
            (SCRIPT, "SELECT GET_LOCK('runner:x', 0)", false),
            (SCRIPT, "SELECT GET_LOCK('mine', 0)", true),
            (SCRIPT, "CALL p()", true),
            (SCRIPT, "GRANT SELECT ON t TO u", true),
            (component, "CALL p()", true),
            (component, "BEGIN NOT ATOMIC SELECT 1; END", false),
            (component, "IF 1 THEN SELECT 1; END IF", false),
            (component, "a: LOOP LEAVE a; END LOOP", false),
            (component, "EXECUTE IMMEDIATE 'SELECT 1'", false),
            (component, "GRANT SELECT ON t TO u", false),
            (component, "CREATE USER u", false),
            (component, "CREATE OR REPLACE ROLE u", false),
            (component, "DROP DATABASE other", false),
            (component, "INSTALL SONAME 'x'", false),
            (component, "CREATE FUNCTION f RETURNS INT SONAME 'x'", false),
            (component, "CREATE SERVER s FOREIGN DATA WRAPPER mysql OPTIONS (HOST 'x')", false),
            (component, "CREATE TABLE t (a INT) ENGINE = FEDERATED CONNECTION = 'mysql://h/d/t'", false),
            (component, "SELECT 1 INTO OUTFILE '/tmp/x'", false),
            (component, "CREATE TABLE t (a INT) ENGINE = MyISAM INDEX /* x */ DIRECTORY '/tmp'", false),
            (component, "CREATE TABLE t (a INT) data directory = '/tmp'", false),
            (component, "CREATE TABLE t (`data` INT, directory INT)", true),
            (component, "SELECT load_file('/etc/passwd')", false),
            (component, "SELECT * FROM mysql . global_priv", false),
            (component, "SHOW CREATE /* x */ user app", false),
            (component, "SHOW CREATE SERVER s", false),
            (component, "show grants for current_user", false),
            (component, "CREATE PROCEDURE p() SHOW GRANTS", false),
            (component, "SHOW CREATE TABLE user", true),
            (SCRIPT, "SHOW GRANTS", true),
            (component, "CALL `sys`.execute_prepared_stmt('SELECT 1')", false),
            (component, "CREATE PROCEDURE p() EXECUTE IMMEDIATE CONCAT('a', 'b')", false),
            (component, "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO PREPARE s FROM @x", false),
            (SCRIPT, "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO EXECUTE IMMEDIATE @x", false),
            (SCRIPT, "CREATE DEFINER = u EVENT e ON SCHEDULE EVERY 1 DAY DO DELETE FROM t", true),
            (SCRIPT, "CREATE PROCEDURE p() EXECUTE IMMEDIATE @x", true),
            (component, "CREATE PROCEDURE p() UPDATE t SET a = 1", true),
            (component, "CREATE UNIQUE INDEX i ON t (a)", true),
            (component, "CREATE OR REPLACE ALGORITHM = MERGE DEFINER = me VIEW v AS SELECT 1", true),
            (component, "ALTER TABLE t ADD COLUMN `user` INT", true),
            (component, "TRUNCATE t", true),
            (component, "DELETE /*+ BKA(t) set_var(foreign_key_checks = 0) */ FROM t", false),
            (component, "SELECT /*+ BKA(t) */ 'set' FROM t", true),
            (component, "CREATE TEMPORARY TABLE t (a INT)", true),
            (component, "(SELECT 1) UNION (SELECT 2)", true),
            (component, "SELECT * FROM information_schema.TABLES", true),
        ] {
            assert_eq!(
                check(&Tokens::new(text, Dialect::Mariadb), asking).is_ok(),
                allowed,
                "{:?}: {text}",
                asking.role
            );
        }
    }
}
