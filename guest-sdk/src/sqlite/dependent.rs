//! Views and triggers that have to be dropped while a table is rebuilt.

use super::connection::Connection;
use super::quote;
use super::schema::Object;
use super::token::tokens;
use crate::{Result, params};

/// Views and triggers, each with a statement that shows whether it works.
pub(super) struct Dependents(Vec<(Object, Option<String>)>);

impl Dependents {
    /// Records which of them work at the moment: those have to work afterwards.
    pub(super) fn new(db: &impl Connection, objects: Vec<Object>) -> Result<Self> {
        let works = |object: Object| {
            let probe = probe(db, &object)?.filter(|probe| db.query(probe, &[]).is_ok());
            Ok((object, probe))
        };
        objects.into_iter().map(works).collect::<Result<_>>().map(Self)
    }

    /// Drops them. The triggers go first, since dropping a view drops its triggers.
    pub(super) fn drop(&self, db: &impl Connection) -> Result<()> {
        for kind in ["trigger", "view"] {
            for (object, _) in self.0.iter().filter(|(object, _)| object.kind == kind) {
                db.execute(&format!("DROP {kind} main.{}", quote(&object.name)), &[])?;
            }
        }
        Ok(())
    }

    /// Creates them again, views first, each kind in its original order.
    pub(super) fn restore(&self, db: &impl Connection) -> Result<()> {
        for kind in ["view", "trigger"] {
            for (object, _) in self.0.iter().filter(|(object, _)| object.kind == kind) {
                db.execute(&object.sql, &[])?;
            }
        }
        for (object, probe) in self.0.iter().filter_map(|(object, probe)| Some((object, probe.as_ref()?))) {
            db.query(probe, &[]).map_err(|error| {
                let (kind, name) = (&object.kind, &object.name);
                error.context(format_args!(
                    "{kind} `{name}` would no longer work; drop it first, and create it again afterwards"
                ))
            })?;
        }
        Ok(())
    }
}

/// A statement that SQLite can only compile while the object works. It changes nothing.
fn probe(db: &impl Connection, object: &Object) -> Result<Option<String>> {
    let table = quote(&object.table);
    if object.kind == "view" {
        return Ok(Some(format!("EXPLAIN QUERY PLAN SELECT * FROM main.{}", quote(&object.name))));
    }
    let tokens = tokens(&object.sql)?;
    let event = tokens.iter().skip(2).find(|token| ["DELETE", "INSERT", "UPDATE"].iter().any(|event| token.is(event)));
    let statement = match event.map(|event| event.text.to_ascii_uppercase()).as_deref() {
        Some("DELETE") => format!("DELETE FROM main.{table}"),
        Some("INSERT") => format!("INSERT INTO main.{table} DEFAULT VALUES"),
        Some("UPDATE") => {
            let columns = "SELECT name FROM pragma_table_xinfo(?1) WHERE hidden = 0";
            let columns = db.query(columns, &params![object.table.as_str()])?;
            let set: Vec<_> =
                columns.column::<String>(0)?.iter().map(|name| format!("{0} = {0}", quote(name))).collect();
            format!("UPDATE main.{table} SET {}", set.join(", "))
        }
        _ => return Ok(None),
    };
    Ok(Some(format!("EXPLAIN QUERY PLAN {statement}")))
}
