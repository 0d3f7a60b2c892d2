//! Finds the settings file: the one that is named, else the nearest above.

use std::path::{Path, PathBuf};

use super::{FILE_NAME, LoadRequest};
use crate::error::{Error, Result};
use crate::project::env;

/// The settings file, absolute.
pub(super) fn settings_file(request: &LoadRequest) -> Result<PathBuf> {
    let variable = || request.env.get(env::CONFIG).filter(|value| !value.is_empty()).map(PathBuf::from);
    let named = match &request.config {
        Some(file) => Some((file.clone(), "--config")),
        None => variable().map(|file| (file, env::CONFIG)),
    };
    if let Some((file, origin)) = named {
        let path = request.start_dir.join(&file);
        if path.is_dir() {
            return Err(Error::usage(format!("`{}` from `{origin}` is a folder", file.display()))
                .hint(format!("name the file: `{}`", file.join(FILE_NAME).display())));
        }
        if !path.exists() {
            return Err(Error::usage(format!("there is no settings file `{}`, named by `{origin}`", file.display()))
                .hint("a relative path means the folder one stands in; without a name, the nearest `runner.toml` is taken"));
        }
        return Ok(path);
    }
    let nearest = request.start_dir.ancestors().map(|folder| folder.join(FILE_NAME)).find(|file| file.is_file());
    nearest.ok_or_else(|| no_project(&request.start_dir))
}

fn no_project(start: &Path) -> Error {
    Error::usage(format!("there is no `{FILE_NAME}` in `{}` nor in a folder above", start.display()))
        .hint("make a project here with `runner init`, or name its settings file with `--config FILE`")
}
