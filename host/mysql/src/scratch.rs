//! A scratch copy of a database, as a second database on the same server: tables with their keys and rows, sequences,
//! routines, views and triggers, as the server itself spells them. Anything that cannot be copied faithfully is
//! refused.
//!
//! The name is derived from the original's, and the run's lock ensures that only one run uses it: a database that
//! already has this name when a run begins was left by a killed run.

use std::borrow::Cow;

use sha2::{Digest, Sha256};

use crate::connect;
use crate::error::Result;
use crate::link::settings::Quoting;
use crate::link::settings::set_mode;
use crate::logins::drop_logins;
use runner_data::Value;
use runner_database::facts::{LockKind, is_tool_table};
use runner_database::scratch::{ScratchCopy, ScratchPlace, ScratchRequest};
use runner_database::{Database, DatabaseError, DatabaseErrorKind, DatabaseUrl, Dialect, QueryLimits, Session};
use runner_sql::{Tokens, introduces_text, qualifiers, words};

/// Engines that keep all data in the table itself.
const ENGINES: [&str; 8] = ["innodb", "myisam", "aria", "memory", "archive", "csv", "rocksdb", "tokudb"];

/// Schemas that any statement may read.
const OF_THE_SERVER: [&str; 2] = ["information_schema", "performance_schema"];

/// No privileges on a database.
const ACCESS_DENIED: &str = "1044";
/// A missing privilege on a database or table, or one reserved for administrators.
const SPECIFIC_ACCESS_DENIED: &str = "1227";

/// The name of the scratch copy of a database.
fn name_of(original: &str) -> String {
    format!("runner_scratch_{}", &hex::encode(Sha256::digest(original))[..16])
}

/// Copies the database of the connection.
pub async fn make(original: &mut dyn Database, request: &ScratchRequest<'_>) -> Result<ScratchCopy> {
    let source = original.facts().schema.clone().unwrap_or_default();
    let scratch = name_of(&source);
    let url = request.url.with_database_name(&scratch);
    let original = &mut original.host();
    hold(&mut **original, &scratch).await?;
    let made = match create(&mut **original, &source, &scratch).await {
        Ok(()) => {
            let made = fill(&mut **original, &source, (&scratch, &url), request).await;
            if made.is_err() {
                // The error matters more; the next run removes what remains.
                let _ = drop_schema(&mut **original, &scratch).await;
            }
            made
        }
        // Where no lock holds the name, what is there may be another run's.
        Err(error) => Err(error),
    };
    if made.is_err() {
        let _ = release(&mut **original, &scratch).await;
    }
    made
}

/// Removes the scratch copy with that name.
pub async fn discard(original: &mut dyn Database, name: &str) -> Result<()> {
    let original = &mut original.host();
    let dropped = drop_schema(&mut **original, name).await;
    dropped.and(release(&mut **original, name).await)
}

/// Locks the name as `runner test` locks the names of its databases, which drops those that are not locked. Where such
/// locks do not hold on all nodes, it does without.
async fn hold(original: &mut dyn Session, name: &str) -> Result<()> {
    if original.facts().lock != LockKind::UserLocks {
        return Ok(());
    }
    match texts(original, "SELECT GET_LOCK(?, 10)", &[name.into()]).await?.concat().first() {
        Some(held) if held == "1" => Ok(()),
        _ => Err(DatabaseError::new(DatabaseErrorKind::Busy, format!("another session has locked the name `{name}`"))
            .hint("`runner test` locks the scratch databases that it removes: try again")),
    }
}

async fn release(original: &mut dyn Session, name: &str) -> Result<()> {
    match original.facts().lock {
        LockKind::UserLocks => texts(original, "SELECT RELEASE_LOCK(?)", &[name.into()]).await.map(drop),
        LockKind::File | LockKind::Advisory | LockKind::Lease => Ok(()),
    }
}

/// Drops it with the users that components had in it.
async fn drop_schema(original: &mut dyn Session, name: &str) -> Result<()> {
    drop_logins(original, name).await?;
    original.execute(&format!("DROP DATABASE IF EXISTS {}", Dialect::Mysql.quote(name)), &[]).await.map(drop)
}

/// Removes what a killed run left.
pub async fn sweep(original: &mut dyn Database) -> Result<Option<String>> {
    let name = name_of(original.facts().schema.as_deref().unwrap_or_default());
    let ask = "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ?";
    let original = &mut original.host();
    let found = original.query(ask, &[name.as_str().into()], QueryLimits::NONE).await?;
    if found.rows.is_empty() {
        return Ok(None);
    }
    drop_schema(&mut **original, &name).await?;
    Ok(Some(name))
}

/// Creates the empty scratch database, in place of one that a killed run left.
async fn create(original: &mut dyn Session, source: &str, scratch: &str) -> Result<()> {
    drop_schema(original, scratch).await.map_err(|error| rights(error, scratch))?;
    let ask = "SELECT DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA \
               WHERE SCHEMA_NAME = ?";
    let found = texts(original, ask, &[source.into()]).await?;
    let Some([set, collation]) = found.first().map(Vec::as_slice) else {
        return Err(DatabaseError::new(DatabaseErrorKind::NotFound, format!("the database `{source}` is gone")));
    };
    let create = format!("CREATE DATABASE {} CHARACTER SET {set} COLLATE {collation}", Dialect::Mysql.quote(scratch));
    original.execute(&create, &[]).await.map(drop).map_err(|error| rights(error, scratch))
}

/// The error of a user who may not create a scratch database, with the way to allow it.
fn rights(mut error: DatabaseError, scratch: &str) -> DatabaseError {
    if [ACCESS_DENIED, SPECIFIC_ACCESS_DENIED].contains(&error.code.as_str()) {
        error.message = format!("the user may not make the scratch database `{scratch}`: {}", error.message);
        error.kind = DatabaseErrorKind::Denied;
        error.hint = Some(format!("an administrator can allow it: GRANT ALL PRIVILEGES ON `{scratch}`.* TO the user"));
    }
    error
}

/// Copies everything into it.
async fn fill(
    original: &mut dyn Session,
    source: &str,
    (scratch, url): (&str, &DatabaseUrl),
    request: &ScratchRequest<'_>,
) -> Result<ScratchCopy> {
    let others = texts(original, "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA", &[]).await?;
    let others: Vec<String> = others
        .into_iter()
        .flatten()
        .filter(|name| name != scratch && !OF_THE_SERVER.iter().any(|it| it.eq_ignore_ascii_case(name)))
        .collect();
    let mut target = connect(url, request.connect).await.map_err(|error| rights(error, scratch))?;
    let mut session = target.host_until(request.stop);
    // Rows are copied unchanged, including those that today's mode would refuse, and tables before those they refer
    // to. READ COMMITTED takes no locks on the rows that are read.
    for statement in [
        &set_mode(MODE),
        "SET SESSION foreign_key_checks = 0, unique_checks = 0",
        "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    ] {
        session.execute(statement, &[]).await?;
    }
    if original.facts().dialect == Dialect::Mariadb {
        session.execute("SET SESSION check_constraint_checks = 0", &[]).await?;
    }
    let mut filler = Filler { original, target: &mut *session, source, others: &others, caveats: Vec::new() };
    filler.tables(request).await?;
    filler.routines().await?;
    filler.views().await?;
    filler.triggers().await?;
    let caveats = filler.caveats;
    drop(session);
    drop(target);
    let database = connect(url, request.connect).await?;
    Ok(ScratchCopy {
        database,
        name: "scratch database",
        others,
        caveats,
        place: ScratchPlace::Schema(scratch.to_owned()),
    })
}

/// The mode in which everything is copied that keeps no mode of its own.
const MODE: &str = "NO_AUTO_VALUE_ON_ZERO";

struct Filler<'a> {
    original: &'a mut dyn Session,
    /// A session whose database is the scratch copy.
    target: &'a mut dyn Session,
    source: &'a str,
    others: &'a [String],
    caveats: Vec<String>,
}

impl Filler<'_> {
    async fn tables(&mut self, request: &ScratchRequest<'_>) -> Result<()> {
        let ask = "SELECT TABLE_NAME, TABLE_TYPE, coalesce(ENGINE, ''), coalesce(CREATE_OPTIONS, '') \
                   FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_TYPE NOT LIKE '%VIEW' \
                   ORDER BY TABLE_TYPE = 'SEQUENCE' DESC, TABLE_NAME";
        let tables = texts(self.original, ask, &[self.source.into()]).await?;
        let mut parts = Vec::new();
        // All tables come before any rows, so that no rows are copied for a database that is refused.
        for row in &tables {
            let [table, kind, engine, _] = row.as_slice() else { continue };
            match kind.as_str() {
                "SEQUENCE" => self.sequence(table).await?,
                _ => self.table(table, kind, engine).await?,
            }
        }
        for (at, row) in tables.iter().enumerate() {
            let [table, kind, ..] = row.as_slice() else { continue };
            (request.progress)("tables", at as u64, Some(tables.len() as u64));
            if kind == "SEQUENCE" {
                continue;
            }
            if request.stop.is_raised() {
                return Err(DatabaseError::stopped());
            }
            let bound = request.rows.filter(|_| !is_tool_table(table));
            if self.rows(table, bound).await? {
                parts.push(format!("`{table}`"));
            }
        }
        if let (false, Some(rows)) = (parts.is_empty(), request.rows) {
            self.caveats.push(format!(
                "of {} only the first {rows} rows were copied: what depends on the others shows only in a real run; \
                 `--copy-rows all` copies them",
                parts.join(", ")
            ));
        }
        Ok(())
    }

    async fn table(&mut self, table: &str, kind: &str, engine: &str) -> Result<()> {
        if !ENGINES.iter().any(|known| known.eq_ignore_ascii_case(engine)) {
            return Err(refused(format!(
                "the table `{table}` is of the engine {engine}, which may keep its rows elsewhere"
            ))
            .hint("there is no dry run on a copy for such a database; try the migrations on a server of your own"));
        }
        let (definition, _) = self.shown("TABLE", table, "Create Table").await?;
        if let Some(other) = self.other_in(&definition) {
            return Err(refused(format!("the table `{table}` refers to the database `{other}`")).hint(OUTSIDE));
        }
        // There, MariaDB prints a text without escapes: a quote in it would end it, and what follows would make another table.
        let dialect = self.original.facts().dialect;
        if dialect == Dialect::Mariadb && introduces_text(&Tokens::new(&definition, dialect)) {
            return Err(refused(format!(
                "an expression of the table `{table}` contains a text with its character set, which the server does not print as it is"
            ))
            .hint("`CONVERT(X'…' USING utf8mb4)` means the same, and is printed as it is"));
        }
        if kind == "SYSTEM VERSIONED" {
            self.caveats.push(format!("of `{table}` only the current rows were copied, not their history"));
        }
        self.make("table", table, &definition).await
    }

    /// Copies rows; returns whether some were left out.
    async fn rows(&mut self, table: &str, bound: Option<u64>) -> Result<bool> {
        let ask = "SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? \
                   AND coalesce(GENERATION_EXPRESSION, '') = '' AND EXTRA NOT LIKE '%INVISIBLE SYSTEM%' \
                   ORDER BY ORDINAL_POSITION";
        let names = texts(self.original, ask, &[self.source.into(), table.into()]).await?;
        let quote = |name: &str| Dialect::Mysql.quote(name);
        let columns: Vec<String> = names.iter().flatten().map(|name| quote(name)).collect();
        let columns = columns.join(", ");
        let from = format!("{}.{}", quote(self.source), quote(table));
        let limit = match bound {
            None => String::new(),
            Some(rows) => {
                let key = "SELECT COLUMN_NAME FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = ? AND \
                           TABLE_NAME = ? AND INDEX_NAME = 'PRIMARY' ORDER BY SEQ_IN_INDEX";
                let key = texts(self.original, key, &[self.source.into(), table.into()]).await?;
                let key: Vec<String> = key.iter().flatten().map(|name| quote(name)).collect();
                let order = if key.is_empty() { String::new() } else { format!(" ORDER BY {}", key.join(", ")) };
                format!("{order} LIMIT {rows}")
            }
        };
        let copy = format!("INSERT INTO {} ({columns}) SELECT {columns} FROM {from}{limit}", quote(table));
        let copied = self.target.execute(&copy, &[]).await.map_err(|error| failed("rows of", table, error))?;
        let Some(bound) = bound.filter(|bound| copied >= *bound) else { return Ok(false) };
        let more = format!("SELECT 1 FROM {from} LIMIT {bound}, 1");
        Ok(!self.target.query(&more, &[], QueryLimits::NONE).await?.rows.is_empty())
    }

    async fn sequence(&mut self, name: &str) -> Result<()> {
        let (definition, _) = self.shown("SEQUENCE", name, "Create Table").await?;
        self.make("sequence", name, &definition).await?;
        let quoted = Dialect::Mysql.quote(name);
        let ask = format!("SELECT next_not_cached_value FROM {}.{quoted}", Dialect::Mysql.quote(self.source));
        if let Some(next) = texts(self.original, &ask, &[]).await?.into_iter().flatten().next() {
            self.target.query(&format!("SELECT setval({quoted}, {next}, 0)"), &[], QueryLimits::NONE).await?;
        }
        Ok(())
    }

    async fn routines(&mut self) -> Result<()> {
        let ask = "SELECT ROUTINE_NAME, ROUTINE_TYPE FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = ? \
                   AND ROUTINE_TYPE IN ('FUNCTION', 'PROCEDURE') ORDER BY ROUTINE_TYPE, ROUTINE_NAME";
        for row in texts(self.original, ask, &[self.source.into()]).await? {
            let [name, kind] = row.as_slice() else { continue };
            if is_tool_table(name) {
                continue; // Its owner is a user of this database, and the copy has no logins.
            }
            let column = if kind == "FUNCTION" { "Create Function" } else { "Create Procedure" };
            let (definition, mode) = self.shown(kind, name, column).await?;
            let what = if kind == "FUNCTION" { "function" } else { "procedure" };
            self.make_in(what, name, &definition, &mode).await?;
        }
        Ok(())
    }

    /// Views may depend on one another: those that fail are retried after the others.
    async fn views(&mut self) -> Result<()> {
        let ask = "SELECT TABLE_NAME FROM information_schema.VIEWS WHERE TABLE_SCHEMA = ? ORDER BY TABLE_NAME";
        let mut left: Vec<String> =
            texts(self.original, ask, &[self.source.into()]).await?.into_iter().flatten().collect();
        while !left.is_empty() {
            let mut failed = Vec::new();
            let mut last = None;
            let before = left.len();
            for view in left {
                let (definition, _) = self.shown("VIEW", &view, "Create View").await?;
                self.check_body("view", &view, &definition)?;
                if let Err(error) = self.make("view", &view, &definition).await {
                    failed.push(view);
                    last = Some(error);
                }
            }
            if let Some(error) = last.filter(|_| failed.len() == before) {
                return Err(error);
            }
            left = failed;
        }
        Ok(())
    }

    async fn triggers(&mut self) -> Result<()> {
        let ask = "SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = ? \
                   ORDER BY EVENT_OBJECT_TABLE, EVENT_MANIPULATION, ACTION_TIMING, ACTION_ORDER";
        for name in texts(self.original, ask, &[self.source.into()]).await?.into_iter().flatten() {
            let (definition, mode) = self.shown("TRIGGER", &name, "SQL Original Statement").await?;
            self.make_in("trigger", &name, &definition, &mode).await?;
        }
        Ok(())
    }

    /// The statement that created an object, and the mode that the object keeps, if any. It does not name the connection's own database.
    async fn shown(&mut self, kind: &str, name: &str, column: &str) -> Result<(String, String)> {
        let ask = format!("SHOW CREATE {kind} {}", Dialect::Mysql.quote(name));
        let found = self.original.query(&ask, &[], QueryLimits::NONE).await?;
        let row = found.rows.into_iter().next().unwrap_or_default();
        let text = |wanted: &str| {
            let mut cells = found.columns.iter().zip(&row);
            match cells.find(|(column, _)| column.eq_ignore_ascii_case(wanted))?.1 {
                Value::Text(text) => Some(text.clone()),
                Value::Bytes(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
                _ => None,
            }
        };
        match text(column) {
            Some(definition) => Ok((definition, text("sql_mode").unwrap_or_default())),
            // The server shows it only to its owner.
            None => Err(refused(format!("the user may not see how `{name}` is made"))
                .hint("a user who may, such as its definer, can do the dry run on a copy")),
        }
    }

    fn tokens<'a>(&self, definition: &'a str) -> Tokens<'a> {
        Tokens::new(definition, self.original.facts().dialect)
    }

    /// Another database that a definition names, if any.
    fn other_in(&self, definition: &str) -> Option<String> {
        let is_other = |name: &Cow<'_, str>| self.others.iter().any(|other| other.eq_ignore_ascii_case(name));
        qualifiers(&self.tokens(definition)).into_iter().find(is_other).map(Cow::into_owned)
    }

    /// Routines and triggers must not reach beyond the copy.
    fn check_body(&self, what: &str, name: &str, definition: &str) -> Result<()> {
        if let Some(other) = self.other_in(definition) {
            return Err(refused(format!("the {what} `{name}` names the database `{other}`")).hint(OUTSIDE));
        }
        let words = words(&self.tokens(definition));
        if words.iter().any(|word| ["EXECUTE", "PREPARE", "OUTFILE", "DUMPFILE"].contains(&word.as_str())) {
            return Err(refused(format!("the {what} `{name}` runs text as a statement, or writes files")).hint(OUTSIDE));
        }
        Ok(())
    }

    /// Makes a routine or a trigger, which keeps the mode in which it was created.
    async fn make_in(&mut self, what: &str, name: &str, definition: &str, mode: &str) -> Result<()> {
        if Quoting::of(mode).differs(&self.tokens(definition)) {
            return Err(refused(format!(
                "the {what} `{name}` has a string with a backslash in the mode `{mode}`, which may name another database"
            ))
            .hint(OUTSIDE));
        }
        self.check_body(what, name, definition)?;
        self.target.execute(&set_mode(mode), &[]).await?;
        let made = self.make(what, name, definition).await;
        made.and(self.target.execute(&set_mode(MODE), &[]).await.map(drop))
    }

    async fn make(&mut self, what: &str, name: &str, definition: &str) -> Result<()> {
        self.target.execute(definition, &[]).await.map(drop).map_err(|error| failed(what, name, error))
    }
}

/// The hint where a definition reaches beyond the copy.
const OUTSIDE: &str = "on a copy it would change what is no copy, so there is no dry run on a copy of this database; try the \
                       migrations on a server of your own";

fn refused(message: String) -> DatabaseError {
    DatabaseError::new(DatabaseErrorKind::Denied, format!("the database cannot be copied: {message}"))
}

fn failed(what: &str, name: &str, mut error: DatabaseError) -> DatabaseError {
    if error.kind != DatabaseErrorKind::Interrupted {
        error.message = format!("the {what} `{name}` cannot be copied: {}", error.message);
    }
    if error.code == SPECIFIC_ACCESS_DENIED {
        error.hint =
            Some("it belongs to another user: its definer, or an administrator, can do the dry run".to_owned());
    }
    error
}

/// The rows of a query as strings.
async fn texts(session: &mut dyn Session, query: &str, parameters: &[Value]) -> Result<Vec<Vec<String>>> {
    let text = |value: Value| match value {
        Value::Bytes(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Value::Int64(number) => number.to_string(),
        value => value.as_text().map(str::to_owned).unwrap_or_default(),
    };
    let found = session.query(query, parameters, QueryLimits::NONE).await?;
    Ok(found.rows.into_iter().map(|row| row.into_iter().map(text).collect()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_follows_from_the_original_alone() {
        assert_eq!(name_of("shop"), name_of("shop"));
        assert_ne!(name_of("shop"), name_of("Shop"));
        assert!(name_of("shop").len() <= 64);
    }
}
