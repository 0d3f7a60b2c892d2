//! The command line of the commands that need no database, as clap reads it.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use runner_project::script::Installer;

/// `runner init`
#[derive(Args, Debug)]
#[command(after_help = "Run `runner help init` for examples.")]
#[command(after_long_help = "\
Examples:
  runner init                      in the current directory
  runner init shop                 in a new directory `shop`
  runner init -D postgres://app:secret@localhost/shop
                                   for this database: `runner.toml` has its URL, `.env` the password
  runner init --ci github          also a workflow for GitHub; in a project, the workflow alone")]
pub struct InitArgs {
    /// Directory of the project
    #[arg(default_value = ".", value_name = "DIR")]
    pub directory: PathBuf,
    /// Write a workflow that checks the migrations of every pull request
    #[arg(long, value_name = "SYSTEM", value_parser = ["github"])]
    pub ci: Option<String>,
}

/// `runner new`
#[derive(Args, Debug)]
#[command(after_help = "Run `runner help new` for examples.")]
#[command(after_long_help = "\
Examples:
  runner new create_orders         two SQL files, for upgrade and downgrade
  runner new \"create orders\"       the same
  runner new tidy_names --lang javascript
                                   a script, which needs no build and no toolchain
  runner new tidy_names --lang typescript --npm
                                   a script with packages of npm, which `runner build` bundles
  runner new tidy_names --lang python --pip
                                   a script with packages of pip
  runner new tidy_names --lang rust")]
pub struct NewArgs {
    /// Name of the migration, such as `create_orders` or `"create orders"`
    pub name: String,
    /// Language of the migration: `sql` (the default), `javascript`, `typescript`, `python`, `rust`, `go`, `c`, `cpp` or `zig`
    ///
    /// [env: RUNNER_LANG]
    #[arg(short, long, value_name = "LANG")]
    pub lang: Option<String>,
    /// Add a `package.json`, for a script in JavaScript or TypeScript that uses packages of npm
    #[arg(long, conflicts_with = "pip")]
    pub npm: bool,
    /// Add a `requirements.txt`, for a script in Python that uses packages of pip
    #[arg(long)]
    pub pip: bool,
}

impl NewArgs {
    /// What is to install packages.
    pub fn installer(&self) -> Option<Installer> {
        self.npm.then_some(Installer::Npm).or(self.pip.then_some(Installer::Pip))
    }
}

/// `runner build`
#[derive(Args, Debug)]
#[command(after_help = "Run `runner help build` for examples.")]
#[command(after_long_help = "\
Examples:
  runner build                     build what is new or changed and update the lockfile
  runner build 20260112101500      rebuild one migration
  runner build --all               rebuild every migration that has source code and is not applied
  runner build --check             for CI: prove that the artifacts come from their sources
  runner build --watch             rebuild what changes, until Ctrl-C")]
pub struct BuildArgs {
    /// Revisions to rebuild: revisions, names, or unique prefixes
    #[arg(value_name = "REVISION")]
    pub revisions: Vec<String>,
    /// Rebuild every migration that has source code, except those that are applied
    #[arg(long, conflicts_with = "revisions")]
    pub all: bool,
    /// Build elsewhere, write nothing to the project, and compare the artifacts and their lines in the lockfile
    ///
    /// Exits with 4 if an artifact is not what its source gives. A component without source code is listed and not checked.
    #[arg(long, conflicts_with_all = ["all", "watch"])]
    pub check: bool,
    /// Rebuild whenever a source file changes, until Ctrl-C
    #[arg(long, conflicts_with = "all")]
    pub watch: bool,
}

/// `runner renumber`
#[derive(Args, Debug)]
#[command(after_help = "Run `runner help renumber` for examples.")]
#[command(after_long_help = "\
For a migration that arrives late: two branches chose the same revision, or an older one than what
is applied by now. Renames its files, its source directory and its line in the lockfile.

Examples:
  runner renumber 0042_add_email   after all other migrations
  runner renumber add_email 0057   to a revision of your choice")]
pub struct RenumberArgs {
    /// The migration: `REVISION_name`, or its revision or name
    pub migration: String,
    /// The new revision; by default one after all others
    #[arg(value_name = "NEW")]
    pub revision: Option<String>,
}

/// `runner validate`
#[derive(Args, Debug)]
#[command(after_help = "Run `runner help validate` for examples.")]
#[command(after_long_help = "\
Examples:
  runner validate                  check names, lockfile, SQL and components
  runner validate --locked         for CI: also require that the lockfile is complete
  runner validate --dialect mysql  check the SQL that MySQL would get
  runner check --base origin/main  for pull requests: also that no migration of the base was changed

Exits with 4 if the lockfile does not fit, or a migration of the base was changed, else with 2 if
something is wrong.")]
pub struct ValidateArgs {
    /// Require that the lockfile lists every migration, SQL included
    ///
    /// [env: RUNNER_LOCKED]
    #[arg(long)]
    pub locked: bool,
    /// Check the SQL as this dialect [default: that of the database URL]
    #[arg(long, value_name = "DIALECT", value_parser = ["sqlite", "postgres", "mysql", "mariadb"])]
    pub dialect: Option<String>,
    /// Require that no migration of this commit was edited, deleted or renamed, and that none was added before its last one
    ///
    /// Asks `git`. A downgrade may be edited. What the commit got since the branch left it does not count.
    #[arg(long, value_name = "REF")]
    pub base: Option<String>,
}

/// `runner completions`
#[derive(Args, Debug)]
#[command(after_help = "Run `runner help completions` for examples.")]
#[command(after_long_help = "\
Completes commands, options, and the project's revisions, environments and databases.

Examples:
  echo 'source <(runner completions bash)' >> ~/.bashrc
  echo 'source <(runner completions zsh)' >> ~/.zshrc
  runner completions fish > ~/.config/fish/completions/runner.fish")]
pub struct CompletionsArgs {
    /// The shell
    pub shell: Shell,
}

/// `runner man`
#[derive(Args, Debug)]
#[command(after_help = "Run `runner help man` for examples.")]
#[command(after_long_help = "\
Examples:
  runner man | man -l -
  runner man /usr/local/share/man/man1")]
pub struct ManArgs {
    /// Directory to write the pages to, one for each command
    #[arg(value_name = "DIR")]
    pub directory: Option<PathBuf>,
}

/// A shell whose command lines can be completed.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Shell {
    Bash,
    Elvish,
    Fish,
    Powershell,
    Zsh,
}
