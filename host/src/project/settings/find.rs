//! Finds the settings file: the given one, else the nearest in the current directory and its parents.

use std::path::{Path, PathBuf};

use super::{FILE_NAME, LoadRequest};
use crate::error::{Error, Result};
use crate::project::env;
use crate::project::origin::Origin;

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

fn no_project(start: &Path) -> Error {
    Error::usage(format!("could not find `{FILE_NAME}` in `{}` or any parent directory", start.display()))
        .hint("create a project with `runner init`, or pass its settings file with `--config FILE`")
}
