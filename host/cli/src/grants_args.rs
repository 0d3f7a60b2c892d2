//! The command line of `runner grants`, as clap reads it.

use clap::{Args, Subcommand};

/// `runner grants`
#[derive(Args, Debug)]
#[command(subcommand_required = true, arg_required_else_help = true)]
#[command(after_help = "Run `runner help grants` for details and examples.")]
#[command(after_long_help = "\
On a server, a component with `[grants.NAME]` in `runner.toml` runs with a login of its own, which
has the privileges of these lines and no others. `sync` makes that login, keeps it in line and
removes it when the table is gone: on PostgreSQL in one transaction, on MySQL and MariaDB statement
by statement, so that the next `sync` completes one that was interrupted. Each run sets a random
password, or takes the one of `password_env`.

The login of the database URL needs CREATEROLE and has to own the tables; on MySQL and MariaDB,
CREATE USER, all privileges on its database with GRANT OPTION, and SELECT on mysql.*. Otherwise
`sync --sql` prints what a database administrator has to run.

SQLite enforces grants by itself, and needs none of this.

Examples:
  runner grants list               the logins, and what each has in the database
  runner grants sync               bring all of them in line
  runner grants sync 0004          that of one component
  runner grants sync --sql         print the statements for a database administrator
  runner grants remove 0004        remove the login of a component")]
pub struct GrantsArgs {
    #[command(subcommand)]
    pub command: GrantsCommand,
}

/// The commands about logins of components.
#[derive(Debug, Subcommand)]
pub enum GrantsCommand {
    /// Make the logins of components, bring them in line, and remove those without grants
    Sync(SyncArgs),
    /// Show the logins of components next to what the settings grant
    #[command(visible_alias = "show")]
    List,
    /// Remove the logins of components
    Remove(RemoveArgs),
}

/// `runner grants sync`
#[derive(Args, Debug)]
pub struct SyncArgs {
    /// Component, as `[grants.NAME]` names it, or a package; by default all of them
    pub name: Option<String>,
    /// Print the statements, without running them
    #[arg(long, visible_alias = "dry-run")]
    pub sql: bool,
}

/// `runner grants remove`
#[derive(Args, Debug)]
pub struct RemoveArgs {
    /// Component, by its revision or as `list` shows it; by default all of them
    pub revision: Option<String>,
}
