//! Expressions that differ as texts, and whether the server takes them for the same.
//!
//! PostgreSQL writes an `IN` list over `varchar` in one way, and in another once it has read what it wrote; so a restored database differs
//! in its texts from one that was migrated. The texts of both are put through the server once more: what it writes alike then is
//! no difference. MySQL and MariaDB write what they have read, and of SQLite's texts it is the meaning that is compared.

use std::borrow::Cow;

use runner_database::{Database, DatabaseError, DatabaseErrorKind, Dialect, QueryLimits, TransactionOptions};

use crate::differences::{Altered, Change, Difference};
use crate::model::{Kind, Object, ObjectId, Property, Schema};

/// What a text is tried with.
const TABLE: &str = "pg_temp.tried_table";

/// A way to have the server read a text and write it again.
struct Trial {
    /// What it needs.
    before: Option<String>,
    /// The statement with the text.
    statement: String,
    /// The question for what the server makes of it.
    question: Cow<'static, str>,
}

impl Schema {
    /// Leaves out differences from this schema that are none to the server. The database has the schema `other`, or at least the objects
    /// that differ, and is not changed: it is a scratch database. No transaction may be open.
    ///
    /// # Errors
    ///
    /// Those of the connection. A text that the server does not take is a difference.
    pub async fn without_equal(
        &self,
        differences: Vec<Difference>,
        database: &mut dyn Database,
    ) -> Result<Vec<Difference>, DatabaseError> {
        if self.dialect != Dialect::Postgres {
            return Ok(differences);
        }
        let mut found = Vec::with_capacity(differences.len());
        for Difference { id, change } in differences {
            let Change::Altered(properties) = change else {
                found.push(Difference { id, change });
                continue;
            };
            let mut left = Vec::with_capacity(properties.len());
            for property in properties {
                if !self.is_equal(&id, &property, database).await? {
                    left.push(property);
                }
            }
            if !left.is_empty() {
                found.push(Difference { id, change: Change::Altered(left) });
            }
        }
        Ok(found)
    }

    async fn is_equal(
        &self,
        id: &ObjectId,
        altered: &Altered,
        database: &mut dyn Database,
    ) -> Result<bool, DatabaseError> {
        let (Some(Property::Expression(from)), Some(Property::Expression(to))) = (&altered.from, &altered.to) else {
            return Ok(false);
        };
        let Some(object) = self.objects.get(id) else { return Ok(false) };
        let [from, to] = [from, to].map(|text| self.trial(id, object, &altered.property, text));
        let (Some(from), Some(to)) = (from, to) else { return Ok(false) };
        let from = written(database, &from).await?;
        Ok(from.is_some() && from == written(database, &to).await?)
    }

    fn trial(&self, id: &ObjectId, object: &Object, property: &str, text: &str) -> Option<Trial> {
        let parent = object.parent.as_ref();
        let like =
            |table: &ObjectId| Some(format!("CREATE TEMPORARY TABLE tried_table (LIKE {})", quoted(&table.path)));
        let (before, statement, question) = match (id.kind, property) {
            (Kind::View | Kind::MaterializedView, "definition") => (
                None,
                format!("CREATE TEMPORARY VIEW tried_view AS {text}"),
                "SELECT pg_get_viewdef('pg_temp.tried_view'::regclass)",
            ),
            (Kind::Constraint, "definition") if parent?.kind == Kind::Type => {
                let Some(Property::Text(base)) = self.objects.get(parent?)?.properties.get("type") else { return None };
                (
                    None,
                    format!("CREATE DOMAIN pg_temp.tried_domain AS {base} CONSTRAINT tried {text}"),
                    "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE contypid = 'pg_temp.tried_domain'::regtype",
                )
            }
            // A temporary table cannot refer to another one, and the server writes these in one way.
            (Kind::Constraint, "definition") if text.starts_with("FOREIGN KEY") => return None,
            (Kind::Constraint, "definition") => (
                like(parent?),
                format!("ALTER TABLE {TABLE} ADD CONSTRAINT tried {text}"),
                "SELECT pg_get_constraintdef(oid) FROM pg_constraint \
                 WHERE conrelid = 'pg_temp.tried_table'::regclass AND conname = 'tried'",
            ),
            (Kind::Index, "definition") => (
                like(parent?),
                format!("CREATE INDEX tried ON {TABLE} {text}"),
                "SELECT pg_get_indexdef('pg_temp.tried'::regclass)",
            ),
            (Kind::Policy, "using" | "check") => (
                like(parent?),
                format!("CREATE POLICY tried ON {TABLE} USING ({text})"),
                "SELECT pg_get_expr(polqual, polrelid) FROM pg_policy WHERE polrelid = 'pg_temp.tried_table'::regclass",
            ),
            (Kind::Column, "default" | "generated") => {
                let Some(Property::Text(declared)) = object.properties.get("type") else { return None };
                let how = if property == "default" {
                    format!("DEFAULT {text}")
                } else {
                    format!("GENERATED ALWAYS AS ({text}) STORED")
                };
                (
                    like(parent?),
                    format!("ALTER TABLE {TABLE} ADD COLUMN tried_column {declared} {how}"),
                    "SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = 'pg_temp.tried_table'::regclass",
                )
            }
            // In place of the one that is there.
            (Kind::Trigger | Kind::Rule, "definition") => {
                let (table, name) = (quoted(&parent?.path), id.path.last()?);
                let (word, catalogue) =
                    if id.kind == Kind::Trigger { ("TRIGGER", "trigger") } else { ("RULE", "rule") };
                let (table_of, name_of, from) = match id.kind {
                    Kind::Trigger => ("tgrelid", "tgname", "pg_trigger WHERE NOT tgisinternal AND"),
                    _ => ("ev_class", "rulename", "pg_rewrite WHERE"),
                };
                let text_of = |text: &str| format!("'{}'", text.replace('\'', "''"));
                let question = format!(
                    "SELECT pg_get_{catalogue}def(oid) FROM {from} {table_of} = {}::regclass AND {name_of} = {}",
                    text_of(&table),
                    text_of(name)
                );
                let before = Some(format!("DROP {word} {} ON {table}", Dialect::Postgres.quote(name)));
                return Some(Trial { before, statement: text.to_owned(), question: question.into() });
            }
            _ => return None,
        };
        Some(Trial { before, statement, question: question.into() })
    }
}

fn quoted(path: &[String]) -> String {
    path.iter().map(|name| Dialect::Postgres.quote(name)).collect::<Vec<_>>().join(".")
}

/// What the server writes; `None` if it does not take the text.
async fn written(database: &mut dyn Database, trial: &Trial) -> Result<Option<String>, DatabaseError> {
    let session = &mut database.host();
    session.begin(TransactionOptions::default()).await?;
    let tried = {
        let path = "SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true)";
        let mut tried = session.query(path, &[], QueryLimits::NONE).await.map(drop);
        for statement in trial.before.iter().chain([&trial.statement]) {
            if tried.is_ok() {
                tried = session.execute(statement, &[]).await.map(drop);
            }
        }
        match tried {
            Ok(()) => session.query(&trial.question, &[], QueryLimits::NONE).await.map(Some),
            Err(error) if error.kind == DatabaseErrorKind::Connection => Err(error),
            Err(_) => Ok(None),
        }
    };
    session.rollback().await?;
    let rows = tried?.map(|found| found.rows).unwrap_or_default();
    Ok(rows.first().and_then(|row| row.first()).and_then(|cell| cell.as_text()).map(str::to_owned))
}
