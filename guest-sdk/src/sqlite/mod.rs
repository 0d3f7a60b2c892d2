//! SQLite: changes to a table that its ALTER TABLE cannot make.
//!
//! SQLite can add, drop and rename a column, and little else. For everything else its manual recommends to
//! [rebuild the table](https://sqlite.org/lang_altertable.html#otheralter): create a new one, copy the rows, drop the old
//! one, rename the new one. [`rebuild_table`] does that, and preserves what is easily lost: row ids, indexes, triggers,
//! views, the AUTOINCREMENT sequence, and the rows of other tables that refer to this one.
//!
//! ```no_run
//! use runner_guest::prelude::*;
//! use runner_guest::sqlite::rebuild_table;
//!
//! struct Tighten;
//!
//! impl Migration for Tighten {
//!     fn describe() -> Description {
//!         Description::new("require an email address").dialects([Dialect::Sqlite]).needs(Need::TableRebuild)
//!     }
//!
//!     fn upgrade() -> Result<()> {
//!         rebuild_table("users")
//!             .set_not_null("email")
//!             .fill("email", "coalesce(email, name || '@example.com')")
//!             .set_type("balance", "INTEGER")
//!             .add_constraint("CONSTRAINT solvent CHECK (balance >= 0)")
//!             .run()
//!     }
//!
//!     fn downgrade() -> Result<()> {
//!         rebuild_table("users").set_nullable("email").set_type("balance", "REAL").drop_constraint("solvent").run()
//!     }
//! }
//! ```

mod column;
mod connection;
mod copy;
mod definition;
mod dependent;
mod edit;
mod rebuild;
mod schema;
mod steps;
#[cfg(test)]
mod tests;
mod token;

pub use rebuild::{TableRebuild, rebuild_table};

/// Quotes a name for SQLite and PostgreSQL.
fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
