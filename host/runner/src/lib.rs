//! Database migrations for SQLite, PostgreSQL, MySQL and MariaDB, for programs that bring their own database up to date. A
//! migration is a pair of SQL files, or logic in a sandboxed WebAssembly component. The command line of the same name is one
//! user of this crate; projects, lockfile and history are the same for both.
//!
//! # Quick start
//!
//! A [`Runner`] has a [`Project`] and a database. Here the project's files are part of the program:
//!
//! ```
//! use runner::{Project, Runner};
//!
//! const FILES: [(&str, &[u8]); 2] = [
//!     ("migrations/0001_users.up.sql", b"CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);"),
//!     ("migrations/0001_users.down.sql", b"DROP TABLE users;"),
//! ];
//!
//! # #[cfg(feature = "sqlite")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> runner::Result<()> {
//! # let directory = tempfile::tempdir().expect("a directory");
//! # let url = format!("sqlite://{}", directory.path().join("app.db").display());
//! let runner = Runner::builder().project(Project::embedded(FILES)).database(url).build()?;
//! let outcome = runner.apply().await?;
//! assert_eq!(outcome.done.len(), 1);
//!
//! let again = runner.apply().await?;
//! assert!(again.is_up_to_date());
//! assert_eq!(runner.status().await?.current().as_deref(), Some("0001_users"));
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "sqlite"))]
//! # fn main() {}
//! ```
//!
//! Call [`Runner::apply`] when the program starts, before it serves anything. Of several instances that start together, one
//! takes the lock and applies what is pending; the others wait for it and then find nothing to do. With nothing pending, `apply`
//! asks the database one question and starts nothing.
//!
//! # Files
//!
//! [`Project::directory`] reads a directory as the command line does: `migrations/`, and `runner.toml`, `runner.lock` and `.env` if
//! they exist. [`Project::embedded`] takes the same files from the program, by [`include_bytes!`] or as above. With the feature
//! `include-dir`, `Project::included` takes a directory embedded by the crate
//! [`include_dir`](https://docs.rs/include_dir):
//!
//! ```
//! # #[cfg(all(feature = "include-dir", feature = "sqlite"))]
//! # fn main() -> runner::Result<()> {
//! # use runner::{Project, Runner};
//! use include_dir::{Dir, include_dir};
//!
//! # /*
//! static DB: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/db");
//! # */
//! # static DB: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../examples/embedded-axum/db");
//!
//! let runner = Runner::builder().project(Project::included(&DB)).database("sqlite://app.db").build()?;
//! # Ok(())
//! # }
//! # #[cfg(not(all(feature = "include-dir", feature = "sqlite")))]
//! # fn main() {}
//! ```
//!
//! An existing lockfile must fit in either case; [`Builder::locked`] requires it to list every migration.
//!
//! # Databases
//!
//! [`Builder::database`] takes a URL, or the connect options of sqlx: `pool.connect_options()` of a pool that the program has.
//! A run opens its own connections and leaves the pool alone.
//!
//! # Events
//!
//! [`Builder::on_event`] calls a function with each [`Event`]; [`Builder::event_stream`] gives a stream of them:
//!
//! ```
//! # use runner::{Event, Project, Runner};
//! let runner = Runner::builder()
//!     .project(Project::embedded([]))
//!     .database("sqlite://app.db")
//!     .on_event(|event| {
//!         if let Event::MigrationFinished { revision, name, duration, .. } = event {
//!             eprintln!("applied {revision}_{name} in {duration:?}");
//!         }
//!     })
//!     .build();
//! # #[cfg(feature = "sqlite")]
//! # runner.expect("a runner");
//! ```
//!
//! # Runtimes
//!
//! The futures are `Send` and can be awaited in any runtime. Work that blocks runs on threads of its own. Dropping a future
//! stops its run at the next safe point; [`Runner::stop`] does the same for a program that wants to wait for the end. A run that
//! was stopped, or killed, is continued or repeated by the next `apply`.
//!
//! The crate installs no signal handler, no panic hook and no allocator, and takes no settings from environment variables unless
//! [`Builder::variables`] passes them on, with few exceptions: PostgreSQL's `PGHOST` and the like fill in what a URL leaves out, the
//! history names who applied a migration by `USER` and `HOSTNAME` or their like, and with `[backup]` the dump program is looked for
//! on the `PATH` and inherits the environment. From the first component on, wasmtime handles the faults of WebAssembly code
//! (`SIGSEGV` and the like); it passes all others on.
//!
//! # Components
//!
//! A component is inspected before it is compiled, and runs with the limits of `runner.toml`. Compiled code is kept in the
//! directory of [`Builder::component_cache`], with what is known of large SQL files. [`Builder::component_compiler`] names the program that compiles, in a process of
//! its own, which can be the same program:
//!
//! ```no_run
//! # #[cfg(all(feature = "components", feature = "sqlite"))]
//! fn main() -> std::process::ExitCode {
//!     if std::env::args().nth(1).is_some_and(|argument| argument == "compile-component") {
//!         return runner::compile_component();
//!     }
//! #   let project = runner::Project::embedded([]);
//!     let this = std::env::current_exe().expect("a program has a path");
//!     let runner = runner::Runner::builder().project(project).component_compiler(this).build();
//! #   let _ = runner;
//!     std::process::ExitCode::SUCCESS
//! }
//! # #[cfg(not(all(feature = "components", feature = "sqlite")))]
//! # fn main() {}
//! ```
//!
//! # Errors
//!
//! An [`Error`] has a kind, a sentence, the places it is about, causes, and hints. `{}` prints the sentence, `{:#}` everything.
//! [`Runner::apply`] and [`Runner::rollback`] fail when a migration fails; [`Runner::run`] returns an [`Outcome`] with the error
//! and what was finished before.
//!
//! # Features
//!
//! | feature | for |
//! | --- | --- |
//! | `sqlite`, `postgres`, `mysql` | the drivers; `mysql` is MariaDB's, too. At least one is needed |
//! | `components` | migrations that are WebAssembly components; brings wasmtime |
//! | `include-dir` | projects embedded by the crate `include_dir` |
//! | `cli` | the binary, and what only it needs |
//!
//! All are on by default. A program with SQLite and SQL migrations needs
//! `runner = { version = "…", default-features = false, features = ["sqlite"] }`. A database or a component that a build lacks
//! the feature for is an error that names it.
//!
//! # Where things are
//!
//! Everything that a program needs is re-exported here. The code is in crates of its own: `runner-library` has the door
//! [`Runner`], and `docs/architecture.md` of the repository is the map of the others.

#[cfg(not(any(feature = "sqlite", feature = "postgres", feature = "mysql")))]
compile_error!("the crate `runner` needs at least one of its features `sqlite`, `postgres` and `mysql`");

pub use runner_base::dialect::Dialect;
pub use runner_base::error::{Error, ErrorKind, Result};
pub use runner_data::Value;
pub use runner_engine::Direction;
pub use runner_engine::apply::Action;
pub use runner_engine::event::TransformProgress;
pub use runner_engine::event::{Event, LogLevel};
pub use runner_engine::history::{History, Record, RunMode};
pub use runner_engine::outcome::{Done, Failed, Outcome, TookEffect};
pub use runner_engine::plan::{Plan, PlannedMigration};
pub use runner_engine::status::{Standing, StatusRow};
pub use runner_engine::target::Target;
pub use runner_engine::verify::{Extent, Finding, ProofLevel, Verdict, Verified};
pub use runner_library::{Builder, DatabaseLocation, Events, Runner, Status};
pub use runner_project::Project;
pub use runner_project::settings::OnExisting;
#[cfg(feature = "components")]
pub use runner_sandbox::compile::compile_component;
