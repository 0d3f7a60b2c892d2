//! `migration.toml`, with which a migration's directory says how its component is built.

use std::path::{Component, Path, PathBuf};

use runner_base::error::Result;
use runner_project::toml_reader::{Document, Section};

/// The worlds that a core module without embedded WIT can be built for.
const WORLDS: [&str; 2] = ["migration", "data-migration"];

/// How to build a component.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct BuildManifest {
    /// The program and its arguments; empty if the artifact is in version control, such as a `.wat` written by hand.
    pub command: Vec<String>,
    /// What the command writes, relative to the directory.
    pub artifact: PathBuf,
    /// The world of a core module without embedded WIT.
    pub world: Option<&'static str>,
    /// Environment variables of the command and of the checks of its tools, in addition to those of the process.
    pub env: Vec<(String, String)>,
    /// Files and directories that the command reads, outside of its own directory and relative to it.
    pub sources: Vec<String>,
    /// Programs that the command needs.
    pub tools: Vec<Tool>,
}

/// A program that a build needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tool {
    /// A command that succeeds if the program is installed.
    pub check: Vec<String>,
    /// The command that installs it.
    pub install: String,
}

impl BuildManifest {
    /// Parses the text of a manifest. `file`: as messages show it.
    pub fn parse(file: &str, text: &str) -> Result<Self> {
        let document = Document::new(file, text);
        let table = document.parse()?;
        let root = Section::root(&document, &table);
        root.only(&["build"]);
        let build = root.section("build", "build");
        if build.is_none() && !root.has("build") {
            root.wrong("build", "`[build]` is missing", "it says how the component is built: `command` and `artifact`");
        }
        let manifest = build.map(|build| Self::read(&build));
        document.finish()?;
        // Without it there was a problem.
        Ok(manifest.unwrap_or_default())
    }

    fn read(build: &Section<'_, '_>) -> Self {
        build.only(&["command", "artifact", "world", "env", "sources", "tools"]);
        let command = build.strings("command");
        if build.has("command") && command.first().is_none_or(String::is_empty) {
            build.wrong("command", "`build.command` names no program", "it is a list: the program, and each argument");
        }
        let artifact = build.text("artifact").unwrap_or_default();
        if !build.has("artifact") {
            build.wrong(
                "artifact",
                "`build.artifact` is missing",
                "it is the file that the command writes, relative to the directory, such as `build/module.wasm`",
            );
        } else if !is_below(Path::new(artifact)) {
            build.wrong(
                "artifact",
                "`build.artifact` is not a path inside the directory",
                "such as `build/module.wasm`",
            );
        }
        let world = build.text("world").and_then(|name| {
            let known = WORLDS.into_iter().find(|world| *world == name);
            if known.is_none() {
                build.wrong("world", "`build.world` is not a world of the contract", "`migration` or `data-migration`");
            }
            known
        });
        let (artifact, sources) = (PathBuf::from(artifact), build.strings("sources"));
        if sources.iter().any(|path| path.is_empty() || Path::new(path).is_absolute()) {
            let hint = "relative to the migration's directory, such as `../../shared`";
            build.wrong("sources", "`build.sources` has an entry that is not a relative path", hint);
        }
        Self { command, artifact, world, env: env(build), sources, tools: tools(build) }
    }
}

/// `[build.env]`: environment variables.
fn env(build: &Section<'_, '_>) -> Vec<(String, String)> {
    let Some(section) = build.section("env", "build.env") else { return Vec::new() };
    let mut variables = Vec::new();
    for (name, _) in section.entries() {
        if name.is_empty() || name.contains(['=', '\0']) {
            section.wrong(name, "a variable's name has a `=`, or is empty", "such as `GOOS = \"wasip1\"`");
        }
        match section.text(name) {
            Some(value) if value.contains('\0') => {
                section.wrong(name, "a variable's value has a NUL", "such as `GOOS = \"wasip1\"`");
            }
            Some(value) => variables.push((name.to_owned(), value.to_owned())),
            None => {}
        }
    }
    variables
}

/// `[build.tools]`: a command that installs a program, and one that succeeds if it is installed.
fn tools(build: &Section<'_, '_>) -> Vec<Tool> {
    let Some(section) = build.section("tools", "build.tools") else { return Vec::new() };
    let mut tools = Vec::new();
    for (install, _) in section.entries() {
        let check = section.strings(install);
        if check.first().is_none_or(String::is_empty) {
            section.wrong(
                install,
                "a tool has no command that checks whether it is installed",
                "write `\"command that installs it\" = [\"program\", \"--version\"]`",
            );
        }
        tools.push(Tool { check, install: install.to_owned() });
    }
    tools
}

/// Whether a path stays in the directory that it is relative to.
fn is_below(path: &Path) -> bool {
    path.components().next().is_some() && path.components().all(|part| matches!(part, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_project::{shown, shown_error};

    #[test]
    fn a_manifest_says_how_to_build() {
        let text = "[build]\ncommand = [\"make\", \"-s\"]\nartifact = \"build/m.wasm\"\nworld = \"migration\"\n\
                    sources = [\"../../shared\"]\n[build.env]\nLANG = \"C\"\n[build.tools]\n\"apt-get install make\" = [\"make\", \"--version\"]\n";
        let expected = BuildManifest {
            command: vec!["make".to_owned(), "-s".to_owned()],
            artifact: PathBuf::from("build/m.wasm"),
            world: Some("migration"),
            env: vec![("LANG".to_owned(), "C".to_owned())],
            sources: vec!["../../shared".to_owned()],
            tools: vec![Tool {
                check: vec!["make".to_owned(), "--version".to_owned()],
                install: "apt-get install make".to_owned(),
            }],
        };
        assert_eq!(BuildManifest::parse("migration.toml", text).map_err(|error| shown(&error)), Ok(expected));
    }

    #[test]
    fn mistakes_are_told_with_their_lines() {
        for (text, parts) in [
            ("", &["`[build]` is missing", "hint:"][..]),
            ("[build", &["not valid TOML"]),
            (
                "[build]\ncommand = \"make\"",
                &["`build.command` must be a list of strings", "`build.artifact` is missing"],
            ),
            ("[build]\ncommand = []\nartifact = \"a\"", &["names no program", "migration.toml:2"]),
            ("[build]\nartifact = \"../a\"", &["not a path inside the directory"]),
            ("[build]\nartifact = \"/a\"", &["not a path inside the directory"]),
            ("[build]\nartifact = \"a\"\nworld = \"wasi\"", &["not a world of the contract", "`data-migration`"]),
            ("[build]\nartifact = \"a\"\n[build.env]\n\"A=B\" = \"c\"", &["name has a `=`"]),
            ("[build]\nartifact = \"a\"\n[build.env]\nA = \"b\\u0000\"", &["value has a NUL"]),
            ("[build]\nartifact = \"a\"\n[build.env]\nA = 1", &["must be a string"]),
            ("[build]\nartifact = \"a\"\nsources = [\"/srv\"]", &["not a relative path", "migration.toml:3"]),
            ("[build]\nartefact = \"a\"", &["did you mean `artifact`?"]),
            ("[build]\nartifact = \"a\"\n[build.tools]\n\"x\" = []", &["no command that checks"]),
            ("[biuld]\n", &["did you mean `build`?"]),
        ] {
            let told = shown_error(BuildManifest::parse("migration.toml", text));
            assert!(parts.iter().all(|part| told.contains(part)), "{text}\n{told}");
        }
    }
}
