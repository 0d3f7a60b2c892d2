//! Tables that keep what is written to them after a rollback, on servers where some engines know no transactions.

use std::sync::Arc;

use tokio::sync::OnceCell;

use runner_data::Value;
use runner_database::message::{TAKES_PART, takes_nothing_back};
use runner_database::{DatabaseError, DatabaseErrorKind, HostSession, QueryLimits};
use runner_sql::classify::reads;
use runner_sql::{Tokens, qualifiers};

/// Words between `INSERT` or `REPLACE` and its table.
const BEFORE_TABLE: [&str; 5] = ["LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "IGNORE", "INTO"];

/// A table.
struct Lasting {
    schema: String,
    name: String,
    engine: String,
}

/// A table of the run's own database that keeps what is written to it, and its engine.
pub async fn lasting_table(host: &mut HostSession<'_>) -> Result<Option<(String, String)>, DatabaseError> {
    let facts = host.facts();
    let Some(lasting) = &facts.sql.catalog.lasting else { return Ok(None) };
    let (question, schema) = (lasting.here, facts.tool_schema().into());
    let found = host.query(question, &[schema], QueryLimits::NONE).await?;
    Ok(found.rows.first().map(|row| (text(row, 0), text(row, 1))))
}

fn text(row: &[Value], at: usize) -> String {
    row.get(at).and_then(Value::as_text).unwrap_or_default().to_owned()
}

/// Those tables of other databases, asked for once, when a statement changes rows and names a database.
#[derive(Clone, Default)]
pub(super) struct LastingElsewhere(Arc<OnceCell<Vec<Lasting>>>);

impl LastingElsewhere {
    /// Fails if a statement would change one of them, as far as its text shows it: what it does through a view or a trigger is found by the
    /// rollback.
    pub(super) async fn check(&self, host: &mut HostSession<'_>, statement: &str) -> Result<(), DatabaseError> {
        let facts = host.facts();
        let tokens = Tokens::new(statement, facts.dialect);
        let Some(lasting) = facts.sql.catalog.lasting.as_ref().filter(|_| !reads(&tokens)) else {
            return Ok(());
        };
        let own = facts.schema.clone().unwrap_or_default();
        if qualifiers(&tokens).iter().all(|name| *name == own) {
            return Ok(());
        }
        let known = self.0.get_or_try_init(|| ask(host, lasting.elsewhere, own)).await?;
        changed(&tokens, known).map_or(Ok(()), |table| Err(refusal(table)))
    }
}

async fn ask(host: &mut HostSession<'_>, question: &str, own: String) -> Result<Vec<Lasting>, DatabaseError> {
    let found = host.query(question, &[own.into()], QueryLimits::NONE).await?;
    let table = |row: &Vec<Value>| Lasting { schema: text(row, 0), name: text(row, 1), engine: text(row, 2) };
    Ok(found.rows.iter().map(table).collect())
}

/// The table of these that a statement changes, or may change.
fn changed<'a>(tokens: &Tokens<'_>, known: &'a [Lasting]) -> Option<&'a Lasting> {
    let names = tokens.identifiers();
    // Names are the same here whatever their case is; servers differ.
    let is = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
    let mut named = names;
    if names.first().is_some_and(|verb| is(verb, "INSERT") || is(verb, "REPLACE")) {
        // What else it names is read.
        let start = names.iter().skip(1).take_while(|name| BEFORE_TABLE.iter().any(|word| is(name, word))).count() + 1;
        named = &names[start.min(names.len())..(start + 2).min(names.len())];
    }
    known.iter().find(|table| named.windows(2).any(|pair| is(&pair[0], &table.schema) && is(&pair[1], &table.name)))
}

fn refusal(Lasting { schema, name, engine }: &Lasting) -> DatabaseError {
    let what = takes_nothing_back(format_args!("{schema}.{name}"), engine);
    DatabaseError::new(
        DatabaseErrorKind::Configuration,
        format!("the statement changes {what}, so the dry run stops here"),
    )
    .hint(TAKES_PART)
    .hint("`--target` stops before this migration")
}

#[cfg(test)]
mod tests {
    use super::*;
    use runner_database::Dialect;

    #[test]
    fn what_a_statement_changes_is_told_from_what_it_reads() {
        let table =
            |name: &str| Lasting { schema: "other".to_owned(), name: name.to_owned(), engine: "Aria".to_owned() };
        let known = [table("a"), table("b")];
        for (statement, found) in [
            ("INSERT INTO other.a VALUES (1)", Some("a")),
            ("REPLACE low_priority `Other` . `B` SET x = 1", Some("b")),
            ("INSERT IGNORE INTO mine SELECT x FROM other.a", None),
            ("INSERT INTO other.c SELECT x FROM other.a", None),
            ("UPDATE mine JOIN other.b ON TRUE SET x = 1", Some("b")),
            ("DELETE a FROM other.a", Some("a")),
            ("DELETE FROM another.a WHERE other = 1", None),
            ("INSERT", None),
        ] {
            let changed = changed(&Tokens::new(statement, Dialect::Mariadb), &known).map(|table| table.name.as_str());
            assert_eq!(changed, found, "{statement}");
        }
    }
}
