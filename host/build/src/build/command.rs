//! Builds a component with the command of its `migration.toml`.
//!
//! The command is a list, run without a shell in the migration's directory, so that it is the same on every system.
//! `runner` does the rest for every language alike: it embeds the contract if the module names only its world, drops
//! names and debug information, makes the component, asks it for its description in the sandbox, and only then writes
//! artifact and lockfile. Tools are listed with the command that installs each, since a missing module of Python is not
//! a missing program; nothing is installed.
//!
//! A C library imports WASI by itself, if only to abort, and the host links none. So an adapter (`wasi_stub.wat`)
//! answers inside of the component what needs no system, the same in every run, and the rest is an error of the build.
//! The adapter of wasmtime would turn preview 1 into imports that the sandbox has not. Rejected as well: a template for
//! each language in the program that finds compilers by itself, right for one version of one toolchain; bindings that
//! each build generates, other code after an update.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use super::external_inputs::ExternalInputs;
use super::manifest::{BuildManifest, Tool};
use super::{BuildRequest, process, toolchain};
use runner_base::error::{Error, Result};
use runner_project::discovery::{BUILD_MANIFEST, FoundEntry};
use runner_project::files::{ProjectDirectory, read_regular_anywhere};
use runner_project::settings::Settings;

/// The largest manifest; they have some ten lines.
const LARGEST_MANIFEST: u64 = 1 << 20;

/// What to do about a directory that cannot be used.
const MUST_BE_WRITABLE: &str =
    "the user that runs `runner build` must be able to read and write the migration's directory";

/// What a command made.
pub(super) struct Made {
    /// A component, a core module or WebAssembly text.
    pub bytes: Vec<u8>,
    /// The file, below the directory of the migrations.
    pub file: String,
    /// The world of a core module that does not name its own.
    pub world: Option<&'static str>,
}

/// The manifest of a directory, if it has one.
pub(super) fn manifest(project: &ProjectDirectory, directory: &FoundEntry) -> Result<Option<BuildManifest>> {
    let name = format!("{}/{BUILD_MANIFEST}", directory.file_name);
    let there =
        project.open_directory(&directory.file_name, directory.link).is_ok_and(|dir| dir.exists(BUILD_MANIFEST));
    if !there {
        return Ok(None);
    }
    let bytes = project.read(&name, directory.link, LARGEST_MANIFEST)?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Error::usage(format!("`{name}` is not UTF-8")).hint("save the file as UTF-8"))?;
    BuildManifest::parse(&name, &text).map(Some)
}

/// What the manifest says that the command reads outside of the migration's directory, relative to the project.
pub(super) fn sources(
    settings: &Settings,
    source: &FoundEntry,
    manifest: &BuildManifest,
    request: &BuildRequest<'_>,
) -> Result<BTreeSet<String>> {
    let directory = settings.migrations_directory().join(&source.file_name);
    let file = format!("{}/{BUILD_MANIFEST}", source.file_name);
    ExternalInputs::new(settings, &directory, None, request.stage).named(&manifest.sources, &file)
}

/// Runs the command in the migration's directory. What it prints is passed to standard error, as it is.
#[allow(clippy::disallowed_methods, reason = "the command writes there by itself, as compilers do")]
pub(super) fn build(
    settings: &Settings,
    source: &FoundEntry,
    manifest: &BuildManifest,
    request: &BuildRequest<'_>,
) -> Result<Made> {
    let env = request.env;
    let directory = settings.migrations_directory().join(&source.file_name);
    let file = format!("{}/{}", source.file_name, manifest.artifact.display());
    let artifact = directory.join(&manifest.artifact);
    for tool in &manifest.tools {
        check(tool, manifest, &directory, env)?;
    }
    if let Some(parent) = artifact.parent().filter(|_| !manifest.command.is_empty()) {
        std::fs::create_dir_all(parent)
            .map_err(|error| Error::failed(format!("cannot create `{}`", parent.display())).cause(error))
            .map_err(|error| error.hint(MUST_BE_WRITABLE))?;
    }
    if let Some((program, arguments)) = manifest.command.split_first() {
        let shown = manifest.command.join(" ");
        let mut command = command(program, manifest, &directory, env);
        command.args(arguments).stdin(Stdio::null()).stdout(io::stderr()).stderr(Stdio::inherit());
        let output =
            process::output(&mut command, request.stop)?.map_err(|error| cannot_run(program, source, error))?;
        let status = output.status;
        if !status.success() {
            return Err(Error::failed(format!("`{shown}` failed: {status}"))
                .at("directory", directory.display().to_string())
                .hint("see its messages above"));
        }
    }
    // A link may lead anywhere, but what is read has to be a component.
    let bytes = match read_regular_anywhere(&artifact, settings.limits.artifact_bytes) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => {
            let limit = settings.limits.artifact_bytes;
            return Err(runner_project::files::too_large(&file, limit, "artifact_bytes").into());
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let message = match manifest.command.is_empty() {
                true => format!("`{file}` does not exist"),
                false => format!("`{}` succeeded and did not write `{file}`", manifest.command.join(" ")),
            };
            return Err(Error::usage(message)
                .hint(format!("`artifact` in `{}/{BUILD_MANIFEST}` names what the build writes", source.file_name)));
        }
        Err(error) => {
            return Err(Error::failed(format!("cannot read `{file}`")).cause(error).hint(MUST_BE_WRITABLE));
        }
    };
    Ok(Made { bytes, file, world: manifest.world })
}

/// Fails, with the command that installs it, if a program is not there.
fn check(tool: &Tool, manifest: &BuildManifest, directory: &Path, env: &BTreeMap<String, String>) -> Result<()> {
    let Some((program, arguments)) = tool.check.split_first() else { return Ok(()) };
    let shown = tool.check.join(" ");
    let mut command = command(program, manifest, directory, env);
    let output = command.args(arguments).stdin(Stdio::null()).output();
    let error = match output {
        Ok(output) if output.status.success() => return Ok(()),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default().trim().to_owned();
            let error = Error::usage(format!("a tool is missing: `{shown}` failed"));
            if said.is_empty() { error } else { error.cause(said) }
        }
        Err(error) => Error::usage(format!("a tool is missing: cannot run `{program}`")).cause(error),
    };
    // What no command installs has the address of a page.
    Err(error.hint(match tool.install.contains("://") {
        true => format!("install {}", tool.install),
        false => format!("install it: `{}`", tool.install),
    }))
}

/// A program of `PATH`, or a path below the directory, with the variables of the manifest and without those that an outer cargo sets.
fn command(program: &str, manifest: &BuildManifest, directory: &Path, env: &BTreeMap<String, String>) -> Command {
    let own = directory.join(program);
    let is_path = program.contains('/') && !Path::new(program).is_absolute();
    let found = if is_path { own.to_string_lossy().into_owned() } else { program.to_owned() };
    let mut command = toolchain::command(&found, None, directory, env);
    command.envs(manifest.env.iter().map(|(name, value)| (name, value)));
    command
}

fn cannot_run(program: &str, source: &FoundEntry, error: io::Error) -> Error {
    let is_missing = error.kind() == io::ErrorKind::NotFound;
    let error = Error::usage(format!("cannot run `{program}`")).cause(error);
    let manifest = format!("{}/{BUILD_MANIFEST}", source.file_name);
    match is_missing {
        true => error.hint(format!("install it, or change `command` in `{manifest}`")),
        false => error.hint(format!("see `command` in `{manifest}`")),
    }
}
