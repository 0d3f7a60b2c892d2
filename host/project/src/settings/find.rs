//! Finds the settings file: the given one, else the nearest in the current directory and its parents.

use std::path::{Path, PathBuf};

use super::FILE_NAME;
use super::request::LoadRequest;
use crate::env;
use crate::origin::Origin;
use runner_base::error::{Error, Result};

/// The settings file, absolute.
pub(super) fn settings_file(request: &LoadRequest) -> Result<PathBuf> {
    if request.config.is_none() && request.unreadable.contains(env::CONFIG) {
        return Err(env::unreadable(env::CONFIG, &Origin::Environment(env::CONFIG.to_owned())));
    }
    let variable = || request.env.get(env::CONFIG).filter(|value| !value.is_empty()).map(PathBuf::from);
    let named = match &request.config {
        Some(file) => Some((file.clone(), "--config")),
        None => variable().map(|file| (file, env::CONFIG)),
    };
    if let Some((file, origin)) = named {
        let path = request.start_dir.join(&file);
        if path.is_dir() {
            return Err(Error::usage(format!("`{}` from `{origin}` is a directory", file.display()))
                .hint(format!("use the path of the file: `{}`", file.join(FILE_NAME).display())));
        }
        if !path.exists() {
            return Err(Error::usage(format!("settings file `{}` from `{origin}` not found", file.display()))
                .hint("relative paths start at the current directory; by default the nearest `runner.toml` is used"));
        }
        return Ok(path);
    }
    // Something else of this name is an error, not a reason to work on another project above.
    let is_there = |file: &PathBuf| std::fs::symlink_metadata(file).is_ok();
    let nearest = request.start_dir.ancestors().map(|directory| directory.join(FILE_NAME)).find(is_there);
    nearest.ok_or_else(|| no_project(&request.start_dir))
}

/// Files by which projects of tools without SQL files are known, and how their migrations become SQL.
const OTHER_TOOLS: [(&str, &str); 6] = [
    (
        "alembic.ini",
        "Alembic: `alembic upgrade head --sql` prints its migrations as SQL, `alembic upgrade FROM:TO --sql` some",
    ),
    ("manage.py", "Django: `python manage.py sqlmigrate APP NAME` prints a migration as SQL"),
    ("knexfile.js", KNEX),
    ("knexfile.ts", KNEX),
    ("knexfile.mjs", KNEX),
    (
        ".sequelizerc",
        "Sequelize, which prints no SQL: begin with a dump of the schema, such as `pg_dump --schema-only`, and `runner baseline`",
    ),
];

const KNEX: &str = "Knex, which prints no SQL: begin with a dump of the schema, such as `pg_dump --schema-only`, and `runner baseline`";

fn no_project(start: &Path) -> Error {
    let error = Error::usage(format!("could not find `{FILE_NAME}` in `{}` or any parent directory", start.display()));
    let tool = OTHER_TOOLS.iter().find(|(file, _)| start.join(file).is_file());
    tool.map(|(file, hint)| format!("`{file}` is of {hint}"))
        .into_iter()
        .fold(error, Error::hint)
        .hint("create a project with `runner init`, or pass its settings file with `--config FILE`")
}
