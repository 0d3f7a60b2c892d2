//! `runner new`: a migration that builds and works.

use std::path::{Component, PathBuf};

use super::name::snake_case;
use super::{Scaffolded, sdk};
use crate::error::{Error, Result};
use crate::project::discovery::{discover, revision_number};
use crate::project::files::{ProjectFolder, open_root};
use crate::project::problem::{list, shown};
use crate::project::settings::Settings;
use crate::suggest::did_you_mean;

/// What a new migration is written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// A pair of SQL files.
    #[default]
    Sql,
    /// A Rust crate.
    Rust,
}

impl Language {
    /// The languages of this version.
    pub const NAMES: [&'static str; 2] = ["sql", "rust"];

    /// The language of that name.
    pub fn from_name(name: &str) -> Result<Self> {
        match name.to_lowercase().as_str() {
            "sql" => Ok(Self::Sql),
            "rust" | "rs" => Ok(Self::Rust),
            other => {
                let error =
                    Error::usage(format!("there is no template for `{}` in this version of runner", shown(other)));
                Err(match did_you_mean(other, Self::NAMES) {
                    Some(meant) => error.hint(format!("did you mean `{meant}`?")),
                    None => error.hint(format!(
                        "there are templates for {}; a component in any language can be put among the migrations",
                        list(Self::NAMES)
                    )),
                })
            }
        }
    }
}

/// A migration to be made.
#[derive(Clone, Copy, Debug)]
pub struct NewRequest<'a> {
    /// Its name, as a person says it.
    pub name: &'a str,
    /// What it is written in.
    pub language: Language,
    /// Its revision, if no later one is there already.
    pub revision: &'a str,
}

/// Makes a migration.
pub fn new_migration(settings: &Settings, request: &NewRequest<'_>) -> Result<Scaffolded> {
    let name = snake_case(request.name)?;
    let root = open_root(&settings.root)?;
    root.create_dir_all(&settings.migrations).map_err(|error| super::cannot_write(&settings.migrations, &error))?;
    let project = ProjectFolder::open(&settings.root, &settings.migrations)?;
    // Problems among the others are told by whatever looks at them; they need not stand in the way of a new one.
    let (found, _) = discover(&project)?;
    let revision = match (found.last(), revision_number(request.revision)) {
        (Some(last), Some(wanted)) if wanted <= last.number() => super::revision_after(last.number()),
        _ => request.revision.to_owned(),
    };
    let id = format!("{revision}_{name}");
    let mut made = Scaffolded { root: settings.root.clone(), migration: Some(id.clone()), files: Vec::new() };
    let path = settings.migrations.join(&id);
    // What tables and crates are called does not begin with a digit.
    let digit_first = name.starts_with(|c: char| c.is_ascii_digit());
    let identifier = if digit_first { format!("migration_{name}") } else { name.clone() };
    match request.language {
        Language::Sql => {
            let fill =
                |template: &str| template.replace("{{name}}", &name).replace("{{summary}}", &name.replace('_', " "));
            let file = |end: &str| settings.migrations.join(format!("{id}.{end}"));
            made.add(&root, &file("up.sql"), fill(include_str!("templates/new.up.sql")))?;
            made.add(&root, &file("down.sql"), fill(include_str!("templates/new.down.sql")))?;
        }
        Language::Rust => {
            let sdk_path = sdk_path(settings, &mut made, &root)?;
            let fill = |template: &str| template.replace("{{name}}", &identifier).replace("{{sdk_path}}", &sdk_path);
            made.add(&root, &path.join("Cargo.toml"), fill(sdk::CARGO_TEMPLATE))?;
            made.add(&root, &path.join("src/lib.rs"), fill(sdk::LIB_TEMPLATE))?;
            made.add(&root, &path.join(".gitignore"), "/target/\n")?;
        }
    }
    Ok(made)
}

/// The way from the new migration's folder to the SDK, with `/`.
fn sdk_path(settings: &Settings, made: &mut Scaffolded, root: &cap_std::fs::Dir) -> Result<String> {
    let sdk = match &settings.sdk {
        Some(sdk) if sdk.join("Cargo.toml").is_file() => sdk.clone(),
        Some(sdk) => {
            return Err(Error::usage(format!("there is no crate in `{}`, set by `project.sdk`", sdk.display()))
                .hint("name the folder of `runner-guest`, or take the setting out to use the copy inside runner"));
        }
        None => settings.root.join(sdk::unpack(root, made)?),
    };
    // Below the project, and one folder up from it for each `..` that the setting begins with.
    let relative = match sdk.strip_prefix(&settings.root) {
        Ok(below) => {
            let up = settings.migrations.components().count() + 1;
            std::iter::repeat_n("..", up).collect::<PathBuf>().join(below)
        }
        Err(_) => sdk,
    };
    let parts = relative.components().map(|part| match part {
        Component::RootDir => Ok(String::new()),
        part => part.as_os_str().to_str().map(str::to_owned).ok_or(()),
    });
    match parts.collect::<Result<Vec<_>, ()>>() {
        Ok(parts) => Ok(parts.join("/").replace('\\', "/").replace('"', "\\\"")),
        Err(()) => Err(Error::usage(format!("the path `{}` is not UTF-8", relative.display()))),
    }
}
