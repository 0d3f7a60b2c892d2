//! The command line: parses arguments, wires the rooms together, maps results to exit codes.

mod apply;
mod args;
mod build;
mod cancel;
mod context;
mod control;
mod current;
mod exit;
mod history;
mod init;
mod new;
mod pause;
mod plan;
mod redo;
mod repair;
mod request;
mod resume;
mod rollback;
mod run;
mod run_args;
mod show;
mod signals;
mod status;
mod test;
mod test_args;
mod test_runs;
mod throttle_args;
mod validate;
mod verify;

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use clap::error::ErrorKind as ClapErrorKind;

use crate::error::{Error, ErrorKind, Result};
use crate::project::env::{self, Switches};
use crate::report::json::ErrorDocument;
use crate::report::{ColorWhen, Format, Printer, Verbosity};
use args::{Cli, Command, FormatArg};
use context::Context;
use request::PrinterFlags;

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
        Command::New(args) => new::run(&context()?, &args.name, args.lang),
        Command::Build(args) => build::run(&context()?, &args.revisions, args.all),
        Command::Apply(args) => {
            let global = request::with_waits(&global, &args.run);
            let context = Context::load(printer.clone(), &global)?;
            let request = request::apply(args, &context.settings.switches)?;
            apply::run(context, &request)
        }
        Command::Rollback(args) => {
            let global = request::with_waits(&global, &args.run);
            let context = Context::load(printer.clone(), &global)?;
            let request = request::rollback(args, &context.settings.switches)?;
            rollback::run(context, &request)
        }
        Command::Redo(args) => {
            let global = request::with_waits(&global, &args.run);
            let context = Context::load(printer.clone(), &global)?;
            let request = request::redo(args, &context.settings.switches)?;
            redo::run(context, &request)
        }
        Command::Plan(args) => {
            let context = context()?;
            plan::run(&context, &request::plan(args, &context.settings.switches)?)
        }
        Command::Status(args) => status::run(&context()?, args.exit_code),
        Command::Pause(args) => pause::run(&context()?, args.revision.as_deref(), args.why.as_deref()),
        Command::Resume(args) => resume::run(&context()?, args.revision.as_deref()),
        Command::Cancel(args) => cancel::run(&context()?, args.revision.as_deref(), args.why.as_deref()),
        Command::Current => current::run(&context()?),
        Command::History => history::run(&context()?),
        Command::Show(args) => show::run(&context()?, &args.revision),
        Command::Repair(args) => repair::run(&context()?, &request::repair(args)?),
        Command::Validate(args) => {
            let context = context()?;
            validate::run(&context, args.locked || context.settings.switches.locked)
        }
        Command::Test(args) => {
            let context = context()?;
            let request = request::test(args, &context.settings.switches)?;
            test::run(context, &global, request)
        }
        Command::CrashAt(args) => {
            let context = context()?;
            let request = request::crash_at(args, &context.settings.switches)?;
            test_runs::crash_at(context, &global, &request)
        }
        Command::Verify(args) => verify::run(&context()?, &request::verify(args)),
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
    // The settings may say more; a wrong variable is told when they are read.
    let switches = Switches::of_process(request::process_variables());
    let flags = PrinterFlags::new(&cli.global);
    let (verbosity, color) = request::flags(&flags, &switches)
        .or_else(|_| request::flags(&flags, &Switches { color: None, ..switches }))
        .unwrap_or_default();
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

/// Help, the version, or a command line that cannot be read: clap knows what to tell, and it is told as everything is.
fn unparsed(error: &clap::Error, arguments: &[OsString]) -> ExitCode {
    let words: Vec<_> = arguments.iter().map(|argument| argument.to_string_lossy()).collect();
    let said = |flag: &str, value: &str| {
        words.iter().any(|word| *word == format!("{flag}={value}"))
            || words.windows(2).any(|pair| pair[0] == flag && pair[1] == value)
    };
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let color = match variable(env::COLOR).as_str() {
        _ if said("--color", "never") => ColorWhen::Never,
        _ if said("--color", "always") => ColorWhen::Always,
        "never" => ColorWhen::Never,
        "always" => ColorWhen::Always,
        _ => ColorWhen::Auto,
    };
    let format = if said("--format", "json") || variable(env::FORMAT) == "json" { Format::Json } else { Format::Text };
    let printer = Printer::new(format, Verbosity::Normal, color);
    let rendered = error.render();
    let code = match error.kind() {
        ClapErrorKind::DisplayHelp | ClapErrorKind::DisplayVersion => {
            printer.help(&rendered.ansi().to_string(), false);
            exit::DONE
        }
        ClapErrorKind::DisplayHelpOnMissingArgumentOrSubcommand if format == Format::Text => {
            printer.help(&rendered.ansi().to_string(), true);
            exit::of(ErrorKind::Usage)
        }
        _ => report(&printer, &usage_error(&rendered.to_string())),
    };
    ExitCode::from(told(&printer, code))
}

/// clap's text as an error of ours: its first paragraph, its tips as hints, and where to read on.
fn usage_error(text: &str) -> Error {
    let usage = text.lines().find_map(|line| line.strip_prefix("Usage: "));
    let mut verb = usage.and_then(|usage| usage.split(' ').nth(1)).unwrap_or_default();
    if !verb.starts_with(|c: char| c.is_ascii_lowercase()) {
        verb = "";
    }
    let mut message = String::new();
    let mut hints = Vec::new();
    let told =
        text.lines().take_while(|line| !line.starts_with("Usage: ") && !line.starts_with("For more information"));
    for line in told.map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(tip) = line.strip_prefix("tip: ") {
            hints.push(tip.replace('\'', "`"));
        } else if let Some(values) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            hints.push(values.to_owned());
        } else if message.is_empty() {
            message = line.trim_start_matches("error: ").replace('\'', "`");
        } else {
            message.push_str(if message.ends_with(':') { " " } else { ", " });
            message.push_str(line);
        }
    }
    if message.is_empty() || text.starts_with("Database migrations") {
        message = "there is no verb on the command line".to_owned();
        hints.clear();
        verb = "";
    }
    let error = hints.into_iter().fold(Error::usage(message), Error::hint);
    match verb {
        "" => error.hint("`runner --help` lists verbs and flags"),
        verb => error.hint(format!("`runner {verb} --help` lists what it takes")),
    }
}

#[cfg(test)]
mod tests;
