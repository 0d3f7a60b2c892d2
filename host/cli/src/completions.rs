//! `runner completions` and `runner man`, and the completion of command lines, which knows the project's revisions.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::builder::{PossibleValue, Resettable};
use clap::{Arg, Command, CommandFactory, FromArgMatches as _, ValueEnum};
use clap_complete::CompletionCandidate;
use clap_complete::engine::ArgValueCompleter;
use clap_complete::env::{CompleteEnv, Shells};

use super::args::Cli;
use super::context::cache_directory;
use super::project_args::Shell;
use super::setting_flags::HistoryFlags;
use super::{exit, request};
use runner_base::error::{Error, Result};
use runner_library::fleet;
use runner_project::catalog::Catalog;
use runner_project::settings::DatabaseUse;
use runner_project::{Checks, LoadRequest, Settings, TARGET_WORDS};
use runner_report::{Printer, escape};

/// The variable by which a shell asks for completions.
const VARIABLE: &str = "COMPLETE";

/// Answers a shell that asks for completions; false if none does.
pub fn complete(arguments: &[OsString]) -> bool {
    let here = std::env::current_dir().ok();
    let asked = || with_typed_aliases(command(&load(arguments)), arguments);
    match CompleteEnv::with_factory(asked).var(VARIABLE).try_complete(arguments, here.as_deref()) {
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
    printer.info(&runner_report::Text::new().plain(message).end());
    Ok(exit::DONE)
}

fn cannot_print(error: std::io::Error) -> Error {
    Error::failed("the output could not be written").cause(error)
}

/// The command line, with completers for what the project names. `load`: the project, as far as the line says which.
fn command(load: &LoadRequest) -> Command {
    let by = |arg: Arg, complete: fn(&LoadRequest, &str) -> Vec<CompletionCandidate>| {
        let load = load.clone();
        arg.add(ArgValueCompleter::new(move |typed: &OsStr| complete(&load, &typed.to_string_lossy())))
    };
    let with = |arg: Arg| match arg.get_id().as_str() {
        // A new one.
        "revision" if arg.get_value_names().is_some_and(|names| names.iter().any(|name| name == "NEW")) => arg,
        "revision" | "revisions" | "migration" | "accept_changed" => by(arg, revisions),
        "target" => by(arg, |load, typed| {
            // The other words for `latest` are for those who look for them.
            let is_wanted = |word: &&&str| word.starts_with(typed) && !(typed.is_empty() && word.starts_with("head"));
            let words = TARGET_WORDS.iter().filter(is_wanted);
            words.map(|word| CompletionCandidate::new(*word)).chain(revisions(load, typed)).collect()
        }),
        "environment" => by(arg, |load, typed| {
            let (environments, _) = Settings::names(load).unwrap_or_default();
            beginning(environments, typed)
        }),
        "database" => by(arg, |load, typed| {
            // Tenants that only a query knows are left out.
            let named = Settings::databases(load).ok();
            let tenants = named.as_ref().map(fleet::known_tenants).unwrap_or_default();
            beginning(named.into_iter().flat_map(|named| named.databases).chain(tenants), typed)
        }),
        _ => arg,
    };
    fn walk(command: Command, with: &impl Fn(Arg) -> Arg) -> Command {
        command.mut_args(with).mut_subcommands(|inner| walk(inner, with))
    }
    walk(Cli::command(), &with)
}

/// Without the aliases of commands and flags of which none is being typed: a shell would show one of them in place of the name.
fn with_typed_aliases(command: Command, arguments: &[OsString]) -> Command {
    let words: Vec<_> = arguments.iter().filter_map(|word| word.to_str()).filter(|word| !word.is_empty()).collect();
    let is_typed = |alias: &str, name: &str| {
        words.iter().any(|word| alias == *word || (alias.starts_with(word) && !name.starts_with(word)))
    };
    let of_flag = |arg: Arg| {
        let name = format!("--{}", arg.get_long().unwrap_or_default());
        let aliases = arg.get_all_aliases().unwrap_or_default();
        match aliases.iter().any(|alias| is_typed(&format!("--{alias}"), &name)) {
            true => arg,
            false => arg.alias(Resettable::Reset).visible_alias(Resettable::Reset),
        }
    };
    fn walk(command: Command, is_typed: &impl Fn(&str, &str) -> bool, of_flag: &impl Fn(Arg) -> Arg) -> Command {
        let is_kept = command.get_all_aliases().any(|alias| is_typed(alias, command.get_name()));
        let command = if is_kept { command } else { command.alias(Resettable::Reset) };
        command.mut_args(of_flag).mut_subcommands(|inner| walk(inner, is_typed, of_flag))
    }
    walk(command, &is_typed, &of_flag)
}

fn beginning(names: impl IntoIterator<Item = String>, typed: &str) -> Vec<CompletionCandidate> {
    // The shell shows a name as it is.
    let names = names.into_iter().filter(|name| name.starts_with(typed) && escape::line(name.as_str()) == *name);
    names.map(CompletionCandidate::new).collect()
}

/// The project's migrations that begin with what is typed, by revision or by name. A project with errors has none: a line that is
/// being typed is no place to report them.
fn revisions(load: &LoadRequest, typed: &str) -> Vec<CompletionCandidate> {
    let mut candidates: Vec<CompletionCandidate> = Vec::new();
    let catalogs = settings(load).into_iter().filter_map(|settings| {
        let settings = Settings { cache_directory: cache_directory(&load.env), ..settings };
        Catalog::inspect(&settings, Checks::default()).ok()
    });
    for migration in catalogs.flat_map(|report| report.catalog.migrations) {
        // The shell shows it as it is.
        let summary = Some(escape::line(&migration.description.summary).into_owned().into());
        for text in [migration.id(), migration.name.clone()] {
            if text.starts_with(typed) {
                candidates.push(CompletionCandidate::new(text).help(summary));
                break;
            }
        }
    }
    candidates
}

/// The settings, or those of each database where none is the main one.
fn settings(load: &LoadRequest) -> Vec<Settings> {
    let main = || LoadRequest { database: None, ..load.clone() };
    // A name may be that of a tenant, which has the migrations of the main database.
    if let Ok(settings) = Settings::load(load).or_else(|_| Settings::load(&main())) {
        return vec![settings];
    }
    let (_, databases) = Settings::names(load).unwrap_or_default();
    let of = |name| Settings::load(&LoadRequest { database: Some(name), ..load.clone() }).ok();
    databases.into_iter().filter_map(of).collect()
}

/// The project that a line which is being typed is about. `arguments`: those of a shell that asks, in which the line follows `--`.
fn load(arguments: &[OsString]) -> LoadRequest {
    let line = arguments.iter().skip_while(|word| *word != "--").skip(1);
    let typed = Cli::command().ignore_errors(true).try_get_matches_from(joined(line)).ok();
    let text = |name: &str| typed.as_ref()?.try_get_one::<String>(name).ok().flatten().cloned();
    let databases = typed.as_ref().and_then(|typed| typed.try_get_many::<String>("database").ok().flatten());
    let databases: Vec<String> = databases.into_iter().flatten().cloned().collect();
    let config = || typed.as_ref()?.try_get_one::<PathBuf>("config").ok().flatten().cloned();
    let flags = typed.as_ref().and_then(|typed| HistoryFlags::from_arg_matches(typed).ok()).unwrap_or_default();
    LoadRequest {
        config: config(),
        environment: text("environment"),
        database: Some(databases).filter(|names| names.len() == 1).and_then(|mut names| names.pop()),
        database_url: text("database_url"),
        flags: flags.0.into_iter().collect(),
        wanted: DatabaseUse::Kind,
        // Without one, no project is found.
        start_dir: std::env::current_dir().unwrap_or_default(),
        env: request::process_variables(),
        ..LoadRequest::default()
    }
}

/// The words of a line: bash takes `--config=FILE` apart.
fn joined<'w>(words: impl Iterator<Item = &'w OsString>) -> Vec<OsString> {
    let mut joined: Vec<OsString> = Vec::new();
    let mut is_open = false;
    for word in words {
        let is_flag = joined.last().is_some_and(|last| last.to_string_lossy().starts_with("--"));
        match joined.last_mut() {
            Some(flag) if is_open || (is_flag && word == "=") => {
                flag.push(word);
                is_open = !is_open;
            }
            _ => joined.push(word.clone()),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_which_project_it_is_about() {
        let of = |line: &str| {
            let words = "runner -- runner ".to_owned() + line;
            let load = load(&words.split(' ').map(OsString::from).collect::<Vec<_>>());
            let config = load.config.map(|path| path.display().to_string()).unwrap_or_default();
            [config, load.environment.unwrap_or_default(), load.database.unwrap_or_default()].join(",")
        };
        for (line, expected) in [
            ("-c a.toml apply -e live --target ", "a.toml,live,"),
            ("--config = a.toml apply -n b --target", "a.toml,,b"),
            ("status --config=a.toml -e=live --tar", "a.toml,live,"),
            ("rollback -n 2 --database b --target", ",,b"),
            ("grants sync -c a.toml", "a.toml,,"),
            ("status -n a -n b -n ", ",,"),
            ("", ",,"),
        ] {
            assert_eq!(of(line), expected, "{line}");
        }
    }
}
