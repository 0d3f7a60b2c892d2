//! What the builds of a project need.

use super::{command, rust, rust_target};
use runner_base::error::Result;
use runner_project::discovery::{FoundFiles, discover};
use runner_project::settings::Settings;

/// What has to be installed to build the components of a project.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Whether anything is built at all.
    pub builds: bool,
    /// Commands that install tools.
    pub commands: Vec<String>,
    /// Tools that no command installs, with the addresses of pages.
    pub pages: Vec<String>,
}

/// What the builds of a project need, each once. Migrations that are invalid, or whose source cannot be built, need nothing.
pub fn needs(settings: &Settings) -> Result<Needs> {
    let mut needs = Needs::default();
    if !settings.migrations_directory().is_dir() {
        return Ok(needs);
    }
    let project = settings.project_directory()?;
    for found in discover(&project)?.0 {
        let FoundFiles::Component { directory: Some(directory), .. } = &found.files else { continue };
        if !rust::is_source(&project, directory, true)? {
            continue;
        }
        needs.builds = true;
        let tools: Vec<String> = match command::manifest(&project, directory)? {
            Some(manifest) => manifest.tools.into_iter().map(|tool| tool.install).collect(),
            None => vec![rust_target::install(rust_target::of(&project, directory)?)],
        };
        for tool in tools {
            let list = if tool.contains("://") { &mut needs.pages } else { &mut needs.commands };
            if !list.contains(&tool) {
                list.push(tool);
            }
        }
    }
    Ok(needs)
}
