//! Packages of others in a project: added, updated, removed, made and published. What reads those that a project has is in
//! `runner_project::vendored`.
//!
//! It may import `runner-project` and what is below it.
//!
//! ```text
//! remove         takes one out
//! add            takes one in
//! assign         gives its migrations revisions
//! publish lookup what else there is of a package
//! place          where packages are: a file, a web server, a registry
//! remote         web servers and registries
//! fetched        a package as it was read there, and its signature
//! edit make      the settings of a package; one from the project's own migrations
//! ```

mod add;
mod assign;
mod edit;
mod fetched;
mod lookup;
mod make;
mod place;
mod publish;
mod remote;
mod remove;

pub use add::{AddRequest, Vendored, add, assign_missing, update};
pub use assign::{VendoredMigration, needs_of, repeated};
pub use fetched::signature_beside;
pub use lookup::{Outdated, outdated, updatable};
pub use make::{MakeRequest, Packed, make};
pub use place::Place;
pub use publish::{check_signature, push};
pub use remote::{PushRequest, Pushed, PushedAs, try_manifest};
pub use remove::{Removed, plan_remove, remove};
