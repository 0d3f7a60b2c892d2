//! The command line: parses arguments, has the crates below do what is asked, maps results to exit codes. One command a file.
//!
//! It may import everything. Only the binary imports it.

// The futures of a run are nested deeply: with the driver of MySQL alone the default of 128 is not enough.
#![recursion_limit = "256"]

mod add;
mod adopt_args;
mod applied;
mod apply;
mod args;
mod base;
mod build;
mod build_check;
mod build_watch;
mod cancel;
mod catalog;
mod completions;
mod confirm;
mod context;
mod control;
mod control_args;
mod current;
mod db;
mod diff;
mod diff_args;
mod doctor;
mod exit;
mod fleet;
mod fleet_args;
mod foreign_verbs;
mod grants;
mod grants_args;
mod history;
mod history_args;
mod init;
mod new;
mod new_lines;
mod outdated;
mod package;
mod package_args;
mod pause;
mod plan;
mod project_args;
mod redo;
mod remarks;
mod remove;
mod renumber;
mod repair;
mod request;
mod resume;
mod rollback;
mod run;
mod run_args;
mod setting_flags;
mod show;
mod signals;
mod stamp;
mod status;
mod survey;
mod test;
mod test_args;
mod test_runs;
mod validate;
mod verify;

use std::borrow::Cow;
use std::ffi::OsString;
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use clap::error::{ContextKind, ErrorKind as ClapErrorKind};

use adopt_args::{DbArgs, DbCommand};
use args::{Cli, Command, FormatArg};
use context::Context;
use request::{FleetRequest, GlobalRequest, PrinterFlags};
use runner_base::error::{Error, ErrorKind, Result};
use runner_build::build::wrapper;
use runner_database::redact::{redact, redact_url};
use runner_engine::apply::Action;
use runner_project::env::{self, Switches};
use runner_report::json::ErrorDocument;
use runner_report::{ColorWhen, Format, Printer, Verbosity};
use runner_sandbox::compile;

/// Runs the process's command line. On Unix the process ends with a command, and this does not return.
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    if std::env::var_os(wrapper::WRAPPER).is_some() {
        return as_compiler(arguments.get(1..).unwrap_or_default());
    }
    if arguments.len() == 2 && arguments[1] == compile::COMMAND {
        return compile::compile_component();
    }
    if completions::complete(&arguments) {
        return ExitCode::SUCCESS;
    }
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => return unparsed(&error, &arguments),
    };
    let printer = Arc::new(printer(&cli));
    report_panics(&printer);
    let dispatched = std::panic::catch_unwind(AssertUnwindSafe(|| dispatch(cli, &printer)));
    let failed = exit::of(ErrorKind::Failed);
    let code = dispatched.map_or(failed, |done| done.unwrap_or_else(|error| report(&printer, &error)));
    leave(with_lost_output(&printer, code))
}

/// Ends the process. On Unix at once, without what libraries do at the end: the allocator would give its memory back piece by piece,
/// which takes a twentieth of the time of `status`. All that has to be closed is by now, and the printer flushes what it writes.
fn leave(code: u8) -> ExitCode {
    #[cfg(unix)]
    // SAFETY: it does not return, and touches no memory of this process.
    unsafe {
        libc::_exit(code.into())
    }
    #[cfg(not(unix))]
    ExitCode::from(code)
}

/// Has a panic pass through the printer: its message may quote anything.
fn report_panics(printer: &Arc<Printer>) {
    let printer = Arc::clone(printer);
    std::panic::set_hook(Box::new(move |panic| {
        let error = internal_error(panic.payload_as_str().unwrap_or("no message"), panic.location());
        let backtrace = std::backtrace::Backtrace::capture();
        let error = match backtrace.status() {
            std::backtrace::BacktraceStatus::Captured => error.cause(backtrace),
            _ => error.hint("`RUST_BACKTRACE=1` shows where it came from"),
        };
        printer.always(&runner_report::error::error(&error));
    }));
}

/// A panic as an error.
fn internal_error(message: &str, place: Option<&std::panic::Location<'_>>) -> Error {
    let error = Error::failed("runner panicked: this is a bug in runner").cause(message);
    place.map_or(error.clone(), |place| error.at("source", place.to_string()))
}

/// Runs the compiler: cargo started this program in its place.
fn as_compiler(arguments: &[OsString]) -> ExitCode {
    match wrapper::run(arguments, |name| std::env::var_os(name)) {
        Ok(status) => ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)),
        Err(error) => {
            let failed = Error::failed("cannot start the Rust compiler").cause(error);
            Printer::new(Format::Text, Verbosity::Normal, ColorWhen::Auto)
                .always(&runner_report::error::error(&failed));
            ExitCode::FAILURE
        }
    }
}

/// The exit code of the command, or that of an error if it succeeded and its output could not be written.
fn with_lost_output(printer: &Printer, code: u8) -> u8 {
    let Some(lost) = printer.lost() else { return code };
    let error = Error::failed("the output could not be written")
        .cause(lost)
        .hint("the command completed; only its output was lost");
    printer.always(&runner_report::error::error(&error));
    if code == exit::DONE { exit::code(&error) } else { code }
}

/// Translates clap's types into plain requests and runs the command.
fn dispatch(cli: Cli, printer: &Arc<Printer>) -> Result<u8> {
    let global = request::global(cli.global)?;
    let fleet = |request: &FleetRequest| fleet::load(printer, &global, request);
    if !matches!(cli.command, Command::Apply(_) | Command::Rollback(_) | Command::Plan(_) | Command::Status(_)) {
        fleet::refuse(&global)?;
    }
    let context = || Context::load(printer.clone(), &global);
    let project = || Context::of_project(printer.clone(), &global);
    match cli.command {
        Command::Init(args) => init::run(printer, &args.directory, args.ci.is_some(), &global.load),
        Command::New(args) => new::run(&project()?, &args.name, (args.lang.clone(), args.installer())),
        Command::Build(args) if args.check => build_check::run(&project()?, &args.revisions),
        Command::Build(args) if args.watch => build_watch::run(&project()?, &args.revisions),
        Command::Build(args) => build::run(&project()?, &args.revisions, args.all),
        Command::Renumber(args) => renumber::run(&project()?, &args.migration, args.revision.as_deref()),
        Command::Package(args) => package::run(&project()?, &args.try_into()?),
        Command::Add(args) => add::run(&project()?, &args),
        Command::Update(args) => {
            let names: Vec<_> = args.names.iter().map(|name| package::package_name(name)).collect::<Result<_>>()?;
            add::update(&project()?, &names, args.from.as_deref())
        }
        Command::Remove(args) => remove::run(&project()?, &package::package_name(&args.name)?),
        Command::Outdated => outdated::run(&project()?),
        Command::Apply(args) => {
            let mut global = request::with_waits(&global, &args.run);
            global.load.flags.extend(args.on_existing.clone().map(|action| ("--on-existing", action)));
            let asked = FleetRequest::running("apply", args.fleet.all, &args.fleet_run);
            if let Some(fleet) = fleet::load(printer, &global, &asked)? {
                let request = request::apply(args, &fleet.switches())?;
                let action = Action::Apply(request.target.clone());
                return fleet::run(fleet, &request, &action);
            }
            let context = Context::load(printer.clone(), &global)?;
            let request = request::apply(args, &context.settings.switches)?;
            apply::run(context, &request)
        }
        Command::Rollback(args) => {
            let mut global = request::with_waits(&global, &args.run);
            global.load.unprotect.clone_from(&args.protection.unprotect);
            let yes = args.yes;
            let asked = FleetRequest::running("rollback", args.all_databases, &args.fleet_run);
            if let Some(fleet) = fleet::load(printer, &global, &asked)? {
                let request = request::rollback(args, &fleet.switches())?;
                fleet::confirm_rollback(&fleet, &request, yes)?;
                let action = Action::Rollback(request.target.clone());
                return fleet::run(fleet, &request, &action);
            }
            let context = Context::load(printer.clone(), &global)?;
            let request = request::rollback(args, &context.settings.switches)?;
            rollback::run(context, &request, yes)
        }
        Command::Redo(args) => {
            let global = request::with_waits(&global, &args.run);
            let context = Context::load(printer.clone(), &global)?;
            let request = request::redo(args, &context.settings.switches)?;
            redo::run(context, &request)
        }
        Command::Plan(args) => {
            if let Some(fleet) = fleet(&FleetRequest::reading(args.fleet.all, args.parallel))? {
                return fleet::plan(&fleet, &request::plan(args, &fleet.switches())?);
            }
            let context = context()?;
            plan::run(&context, &request::plan(args, &context.settings.switches)?)
        }
        Command::Status(args) => match fleet(&FleetRequest::reading(args.fleet.all, args.parallel))? {
            Some(fleet) => fleet::status(&fleet, args.exit_code),
            None => status::run(&context()?, args.exit_code),
        },
        Command::Pause(args) => pause::run(&context()?, args.revision.as_deref(), args.why.as_deref()),
        Command::Resume(args) => resume::run(&context()?, args.revision.as_deref()),
        Command::Cancel(args) => cancel::run(&context()?, args.revision.as_deref(), args.why.as_deref()),
        Command::Current => current::run(&context()?),
        Command::History => history::run(&context()?),
        Command::Show(args) => show::run(&context()?, &args.revision),
        Command::Repair(args) => repair::run(&context()?, &request::repair(args)?),
        Command::Stamp(args) => {
            let context = context()?;
            let order = request::stamp(args, &context.settings.switches)?;
            stamp::run(&context, &order)
        }
        Command::Baseline(args) => stamp::run(&context()?, &request::baseline(args)?),
        Command::Db(args) => db(args, printer, &global),
        Command::Validate(args) => {
            let context = project()?;
            let dialect = args.dialect.as_deref().and_then(|name| name.parse().ok());
            validate::run(&context, args.locked || context.settings.switches.locked, dialect, args.base.as_deref())
        }
        Command::Doctor { attack } => doctor::run(&context()?, attack),
        Command::Grants(args) => grants::run(&context()?, args.command),
        Command::Test(args) => {
            let context = project()?;
            let request = request::test(args, &context.settings.switches)?;
            test::run(context, &global, request)
        }
        Command::CrashAt(args) => {
            let context = context()?;
            let request = request::crash_at(args, &context.settings.switches)?;
            test_runs::crash_at(context, &global, &request)
        }
        Command::Diff(args) => {
            let context = context()?;
            let request = request::diff(args, &context.settings.switches)?;
            diff::run(context, &global, &request)
        }
        Command::Verify(args) => verify::run(&context()?, &request::verify(args)),
        Command::Completions(args) => completions::print(printer, args.shell),
        Command::Man(args) => completions::man(printer, args.directory.as_deref()),
    }
}

/// Translates the commands about whole databases.
fn db(args: DbArgs, printer: &Arc<Printer>, global: &GlobalRequest) -> Result<u8> {
    let context = || Context::load(printer.clone(), global);
    match args.command {
        DbCommand::Create => db::create(&context()?),
        DbCommand::Drop(args) => {
            let mut global = global.clone();
            global.load.unprotect.clone_from(&args.protection.unprotect);
            db::drop(&Context::load(printer.clone(), &global)?, args.yes, args.force)
        }
        DbCommand::Reset(args) => {
            let mut global = request::with_waits(global, &args.run);
            global.load.unprotect.clone_from(&args.protection.unprotect);
            let context = Context::load(printer.clone(), &global)?;
            let request = request::reset(&args, &context.settings.switches)?;
            db::reset(context, &request, args.yes, args.force)
        }
        DbCommand::Wait(args) => db::wait(&context()?, request::db_wait(&args)?),
    }
}

fn printer(cli: &Cli) -> Printer {
    let format = match cli.global.format {
        Some(FormatArg::Json) => Format::Json,
        Some(FormatArg::Text) => Format::Text,
        // Reading the settings may fail, and that error should be in the right format, too.
        None if std::env::var_os("RUNNER_FORMAT").is_some_and(|format| format == "json") => Format::Json,
        None => Format::Text,
    };
    // The settings may change this; an invalid variable is reported when they are read.
    let switches = Switches::of_process(request::process_variables());
    let flags = PrinterFlags::new(&cli.global);
    let (verbosity, color) = request::flags(&flags, &switches)
        .or_else(|_| request::flags(&flags, &Switches { color: None, ..switches }))
        .unwrap_or_default();
    Printer::new(format, verbosity, color)
}

/// Reports an error and returns its exit code.
fn report(printer: &Printer, error: &Error) -> u8 {
    let code = exit::code(error);
    match printer.format() {
        Format::Json => printer.json(&ErrorDocument::new(error)),
        Format::Text => printer.always(&runner_report::error::error(error)),
    }
    code
}

/// Help, the version, or an invalid command line: clap's text, in the format that was asked for.
fn unparsed(error: &clap::Error, arguments: &[OsString]) -> ExitCode {
    let words: Vec<_> = arguments.iter().map(|argument| argument.to_string_lossy()).collect();
    let is_given = |flag: &str, value: &str| {
        words.iter().any(|word| *word == format!("{flag}={value}"))
            || words.windows(2).any(|pair| pair[0] == flag && pair[1] == value)
    };
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let color = match variable(env::COLOR).as_str() {
        _ if is_given("--color", "never") => ColorWhen::Never,
        _ if is_given("--color", "always") => ColorWhen::Always,
        _ if is_given("--color", "auto") => ColorWhen::Auto,
        "never" => ColorWhen::Never,
        "always" => ColorWhen::Always,
        _ => ColorWhen::Auto,
    };
    let format = match variable(env::FORMAT).as_str() {
        _ if is_given("--format", "json") => Format::Json,
        _ if is_given("--format", "text") => Format::Text,
        "json" => Format::Json,
        _ => Format::Text,
    };
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
        _ => report(&printer, &usage_error(error, &words)),
    };
    ExitCode::from(with_lost_output(&printer, code))
}

/// A text that may quote arguments, without the passwords of URLs in them: where an argument ends is known here.
fn without_urls(text: String, arguments: &[Cow<'_, str>]) -> String {
    let values = arguments.iter().flat_map(|word| [&**word, word.split_once('=').map_or("", |(_, value)| value)]);
    let urls = values.filter(|word| word.contains(':') && word.contains(['@', '?', '/']));
    urls.fold(text, |text, url| match redact_url(url) {
        shown if shown == url => text,
        shown => text.replace(url, &shown),
    })
}

/// clap's error as our own: its first paragraph, its tips as hints, and where to read more.
fn usage_error(error: &clap::Error, arguments: &[Cow<'_, str>]) -> Error {
    const OVERVIEW: &str = "`runner help` lists commands and options";
    if error.kind() == ClapErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return Error::usage("no command given").hint(OVERVIEW);
    }
    let text = without_urls(error.render().to_string(), arguments);
    let mut message = String::new();
    let mut hints = Vec::new();
    let lines = text.lines();
    let lines = lines.take_while(|line| !line.starts_with("Usage: ") && !line.starts_with("For more information"));
    for line in lines.map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(tip) = line.strip_prefix("tip: ") {
            hints.push(redact(&tip.replace('\'', "`").replace("subcommand", "command")));
        } else if let Some(values) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            hints.push(values.to_owned());
        } else if message.is_empty() {
            message = redact(&line.trim_start_matches("error: ").replace('\'', "`"));
        } else {
            message.push_str(if message.ends_with(':') { " " } else { ", " });
            message.push_str(&redact(line));
        }
    }
    if let (ClapErrorKind::InvalidSubcommand, Some(verb)) =
        (error.kind(), error.get(ContextKind::InvalidSubcommand).map(ToString::to_string))
    {
        let verb = without_urls(verb, arguments);
        message = format!("no such command: `{}`", redact(&verb));
        if let Some(hint) = foreign_verbs::hint(&verb) {
            hints = vec![hint.to_owned()];
        }
    }
    let usage = text.lines().find_map(|line| line.strip_prefix("Usage: "));
    let verb = usage.and_then(|usage| usage.split(' ').nth(1)).unwrap_or_default();
    let error = hints.into_iter().fold(Error::usage(message), Error::hint);
    if verb.starts_with(|c: char| c.is_ascii_lowercase()) {
        error.hint(format!("`runner help {verb}` shows its options"))
    } else {
        error.hint(OVERVIEW)
    }
}

#[cfg(test)]
mod tests;
