//! The command line: parses arguments, wires the rooms together, maps results to exit codes.

mod apply;
mod args;
mod build;
mod context;
mod current;
mod exit;
mod history;
mod init;
mod new;
mod plan;
mod redo;
mod request;
mod rollback;
mod run;
mod runtime;
mod show;
mod signals;
mod status;
mod validate;

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use clap::error::ErrorKind as ClapErrorKind;

use crate::error::{Error, Result};
use crate::report::json::ErrorDocument;
use crate::report::{ColorWhen, Format, Printer, Verbosity};
use args::{Cli, ColorArg, Command, FormatArg};
use context::Context;

/// Runs the process's command line.
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => return unparsed(&error, &arguments),
    };
    let printer = Arc::new(printer(&cli));
    let code = dispatch(cli, &printer).unwrap_or_else(|error| report(&printer, &error));
    ExitCode::from(told(&printer, code))
}

/// The exit code of what was told: the given one, unless that was all that failed.
fn told(printer: &Printer, code: u8) -> u8 {
    let Some(lost) = printer.lost() else { return code };
    let error = Error::failed("the output could not be written")
        .cause(lost)
        .hint("what the command did, it did; only what it has to say is lost");
    printer.always(&crate::report::error::error(&error));
    if code == exit::DONE { exit::code(&error) } else { code }
}

/// Translates clap's types into plain requests and runs the command.
fn dispatch(cli: Cli, printer: &Arc<Printer>) -> Result<u8> {
    let global = request::global(cli.global)?;
    let context = || Context::load(printer.clone(), &global);
    match cli.command {
        Command::Init(args) => init::run(printer, &args.folder),
        Command::New(args) => new::run(&context()?, &args.name, &args.lang),
        Command::Build(args) => build::run(&context()?, &args.revisions, args.all),
        Command::Apply(args) => {
            let global = request::with_lock_timeout(&global, args.run.lock_timeout.as_deref());
            apply::run(Context::load(printer.clone(), &global)?, &request::apply(args)?)
        }
        Command::Rollback(args) => {
            let global = request::with_lock_timeout(&global, args.run.lock_timeout.as_deref());
            rollback::run(Context::load(printer.clone(), &global)?, &request::rollback(args)?)
        }
        Command::Redo(args) => {
            let global = request::with_lock_timeout(&global, args.run.lock_timeout.as_deref());
            redo::run(Context::load(printer.clone(), &global)?, &request::redo(args))
        }
        Command::Plan(args) => plan::run(&context()?, &request::plan(args)?),
        Command::Status(args) => status::run(&context()?, args.exit_code),
        Command::Current => current::run(&context()?),
        Command::History => history::run(&context()?),
        Command::Show(args) => show::run(&context()?, &args.revision),
        Command::Validate(args) => validate::run(&context()?, args.locked),
    }
}

fn printer(cli: &Cli) -> Printer {
    let format = match cli.global.format {
        Some(FormatArg::Json) => Format::Json,
        Some(FormatArg::Text) => Format::Text,
        // Until the settings are read, which may fail: then the error should be in the right form, too.
        None if std::env::var_os("RUNNER_FORMAT").is_some_and(|format| format == "json") => Format::Json,
        None => Format::Text,
    };
    let verbosity = match (cli.global.quiet, cli.global.verbose) {
        (_, true) => Verbosity::Verbose,
        (true, false) => Verbosity::Quiet,
        (false, false) => Verbosity::Normal,
    };
    let color = match cli.global.color {
        ColorArg::Auto => ColorWhen::Auto,
        ColorArg::Always => ColorWhen::Always,
        ColorArg::Never => ColorWhen::Never,
    };
    Printer::new(format, verbosity, color)
}

/// Tells an error and answers its exit code.
fn report(printer: &Printer, error: &Error) -> u8 {
    let code = exit::code(error);
    match printer.format() {
        Format::Json => printer.json(&ErrorDocument::new(error, code)),
        Format::Text => printer.always(&crate::report::error::error(error)),
    }
    code
}

/// Help, the version, or a command line that cannot be read: clap tells it, in JSON where that was asked for.
fn unparsed(error: &clap::Error, arguments: &[OsString]) -> ExitCode {
    let is_answer = matches!(error.kind(), ClapErrorKind::DisplayHelp | ClapErrorKind::DisplayVersion);
    let words: Vec<_> = arguments.iter().map(|argument| argument.to_string_lossy()).collect();
    let json = words.iter().any(|word| word == "--format=json")
        || words.windows(2).any(|pair| pair[0] == "--format" && pair[1] == "json")
        || std::env::var_os("RUNNER_FORMAT").is_some_and(|format| format == "json");
    if json && !is_answer {
        let text = error.render().to_string();
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let message = lines.next().unwrap_or("the command line cannot be read").trim_start_matches("error: ");
        let error = Error::usage(message).hint("`runner --help` lists verbs and flags");
        let printer = Printer::new(Format::Json, Verbosity::Normal, ColorWhen::Never);
        return ExitCode::from(report(&printer, &error));
    }
    // A reader who went away is no failure.
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

#[cfg(test)]
mod tests;
