//! The command line of `runner diff`, as clap reads it.

use clap::Args;

/// `runner diff`
#[derive(Args, Debug)]
#[command(after_help = "Run `runner help diff` for details and examples.")]
#[command(after_long_help = "\
A schema is one of:
  database             that of the database of the settings
  migrations           what the migrations of the project make of an empty database
  migrations@TARGET    the same up to a target, such as a revision, a name, or `current` and `-1`,
                       which count from what is applied to the database
  URL                  that of a database, such as `sqlite:app.db`
  FILE.sql, DIRECTORY  what SQL files make of an empty database, in the order of their names

Migrations and files are run on a scratch database, which is dropped afterwards: for SQLite a
temporary file, otherwise on the server of `--scratch` or of `urls` in `[test]`. Nothing else is
written.

Objects that only one side has are shown with `-` or `+`, and what differs of the others by each
property. The tables of runner itself, owners and privileges are left out. Kinds of objects that
are not compared are counted.

Examples:
  runner diff                              what applying the migrations would change
  runner diff migrations@current database  what was changed by hand
  runner diff migrations@-1 migrations@current
                                           what the last migration has changed
  runner diff migrations schema.sql        whether a file says the same as the migrations
  runner diff sqlite:old.db sqlite:new.db --format json")]
pub struct DiffArgs {
    /// The schema before
    #[arg(default_value = "database")]
    pub from: String,
    /// The schema after
    #[arg(default_value = "migrations")]
    pub to: String,
    /// Exit with 3 if there is a difference
    #[arg(long)]
    pub exit_code: bool,
    /// Server on which scratch databases are created
    #[arg(long, value_name = "URL")]
    pub scratch: Option<String>,
}
