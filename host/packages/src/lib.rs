//! Packages of others in a project: added, updated, removed, made and published. What reads those that a project has is in
//! `runner_project::vendored`.
//!
//! It may import `runner-project` and what is below it.
//!
//! ```text
//! remove         takes one out
//! add            takes one in
//! assign         gives its migrations revisions
//! publish newer  what else there is of a package
//! place          where packages are: a file, a web server, a registry
//! remote         web servers and registries
//! fetched        a package as it was read there, and its signature
//! edit make      the settings of a package; one from the project's own migrations
//! ```

mod add;
mod assign;
mod edit;
mod fetched;
mod make;
mod newer;
mod place;
mod publish;
mod remote;
mod remove;

pub use add::{AddRequest, Vendored, add, heal, update};
pub use assign::{VendoredMigration, needs_of, repeated};
pub use fetched::signature_beside;
pub use make::{MakeRequest, Packed, make};
pub use newer::{Outdated, outdated, updatable};
pub use place::Place;
pub use publish::{check_signature, push};
pub use remote::{PushRequest, Pushed, PushedAs, try_manifest};
pub use remove::{Removed, plan_remove, remove};
