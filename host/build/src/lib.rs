//! What writes the migrations of a project: compilers for their sources, and templates for new ones.
//!
//! It may import `runner-packages`, `runner-project` and what is below them.
//!
//! ```text
//! scaffold  new projects, migrations and workflows; other revisions for those there are
//! build     compilers, and the lines that the lockfile gets
//! ```

pub mod build;
pub mod scaffold;

#[cfg(test)]
mod catalog_tests;
#[cfg(test)]
mod test_description;
#[cfg(test)]
#[path = "../../project/src/test_project.rs"]
mod test_project;
