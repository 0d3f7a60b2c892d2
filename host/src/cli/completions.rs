//! `runner completions` and `runner man`, and the completion of command lines, which knows the project's revisions.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::builder::PossibleValue;
use clap::{Arg, Command, CommandFactory, ValueEnum};
use clap_complete::CompletionCandidate;
use clap_complete::engine::ArgValueCompleter;
use clap_complete::env::{CompleteEnv, Shells};

use super::args::Cli;
use super::{exit, request};
use crate::error::{Error, Result};
use crate::project::catalog::Catalog;
use crate::project::{Checks, LoadRequest, Settings, TARGET_WORDS};
use crate::report::{Printer, escape};

/// The variable by which a shell asks for completions.
const VARIABLE: &str = "COMPLETE";

/// A shell whose command lines can be completed.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Shell {
    Bash,
    Elvish,
    Fish,
    Powershell,
    Zsh,
}

/// Answers a shell that asks for completions; false if none does.
pub fn complete(arguments: &[OsString]) -> bool {
    let here = std::env::current_dir().ok();
    match CompleteEnv::with_factory(command).var(VARIABLE).try_complete(arguments, here.as_deref()) {
        Ok(answered) => answered,
        Err(error) => error.exit(),
    }
}

/// Prints what a shell has to run to complete command lines.
pub fn print(printer: &Printer, shell: Shell) -> Result<u8> {
    let name = shell.to_possible_value().map(|value: PossibleValue| value.get_name().to_owned()).unwrap_or_default();
    let shells = Shells::builtins();
    let completer = shells.completer(&name).ok_or_else(|| Error::usage(format!("no completions for `{name}`")))?;
    let mut script = Vec::new();
    let written = completer.write_registration(VARIABLE, "runner", "runner", "runner", &mut script);
    written.map_err(cannot_print)?;
    printer.generated(&script);
    Ok(exit::DONE)
}

/// Writes a man page for the program and one for each command into a directory, or prints the first.
pub fn man(printer: &Printer, directory: Option<&Path>) -> Result<u8> {
    let Some(directory) = directory else {
        let mut page = Vec::new();
        let rendered = clap_mangen::Man::new(Cli::command()).render(&mut page);
        rendered.map_err(cannot_print)?;
        printer.generated(&page);
        return Ok(exit::DONE);
    };
    let failed = |error: std::io::Error| {
        Error::failed(format!("cannot write man pages to `{}`", directory.display())).cause(error)
    };
    std::fs::create_dir_all(directory).map_err(failed)?;
    clap_mangen::generate_to(Cli::command(), directory).map_err(failed)?;
    let message = format!("man pages written to `{}`", directory.display());
    printer.talk(&crate::report::Text::new().plain(message).end());
    Ok(exit::DONE)
}

fn cannot_print(error: std::io::Error) -> Error {
    Error::failed("the output could not be written").cause(error)
}

/// The command line, with completers for what the project names.
fn command() -> Command {
    let with = |arg: Arg| match arg.get_id().as_str() {
        "revision" | "revisions" => arg.add(ArgValueCompleter::new(|typed: &OsStr| revisions(typed, false))),
        "target" => arg.add(ArgValueCompleter::new(|typed: &OsStr| revisions(typed, true))),
        "environment" => {
            arg.add(ArgValueCompleter::new(|typed: &OsStr| names(typed, |(environments, _)| environments)))
        }
        "database" => arg.add(ArgValueCompleter::new(|typed: &OsStr| names(typed, |(_, databases)| databases))),
        _ => arg,
    };
    fn walk(command: Command, with: &impl Fn(Arg) -> Arg) -> Command {
        command.mut_args(with).mut_subcommands(|inner| walk(inner, with))
    }
    walk(Cli::command(), &with)
}

/// The project's migrations that begin with what is typed, by revision or by name, and with `targets` the words for targets.
/// A project with errors has none: a line that is being typed is no place to report them.
fn revisions(typed: &OsStr, targets: bool) -> Vec<CompletionCandidate> {
    let typed = typed.to_string_lossy();
    let mut candidates: Vec<CompletionCandidate> = Vec::new();
    if targets {
        let words = TARGET_WORDS.iter().filter(|word| word.starts_with(&*typed));
        candidates.extend(words.map(|word| CompletionCandidate::new(*word)));
    }
    let catalogs = settings().into_iter().filter_map(|settings| Catalog::inspect(&settings, Checks::default()).ok());
    for migration in catalogs.flat_map(|report| report.catalog.migrations) {
        // The shell shows it as it is.
        let summary = Some(escape::line(&migration.description.summary).into());
        for text in [migration.id(), migration.name.clone()] {
            if text.starts_with(&*typed) {
                candidates.push(CompletionCandidate::new(text).help(summary));
                break;
            }
        }
    }
    candidates
}

/// The names of environments or databases in the settings file.
fn names(
    typed: &OsStr,
    of: impl Fn((BTreeSet<String>, BTreeSet<String>)) -> BTreeSet<String>,
) -> Vec<CompletionCandidate> {
    let Ok(names) = load().and_then(|load| Settings::names(&load)) else { return Vec::new() };
    let typed = typed.to_string_lossy();
    of(names).into_iter().filter(|name| name.starts_with(&*typed)).map(CompletionCandidate::new).collect()
}

/// The settings, or those of each database where none is the main one.
fn settings() -> Vec<Settings> {
    let Ok(load) = load() else { return Vec::new() };
    if let Ok(settings) = Settings::load(&load) {
        return vec![settings];
    }
    let (_, databases) = Settings::names(&load).unwrap_or_default();
    let of = |name| Settings::load(&LoadRequest { database: Some(name), ..load.clone() }).ok();
    databases.into_iter().filter_map(of).collect()
}

fn load() -> Result<LoadRequest> {
    let start_dir = std::env::current_dir().map_err(|error| Error::failed("no current directory").cause(error))?;
    Ok(LoadRequest { start_dir, env: request::process_variables(), ..LoadRequest::default() })
}
