//! `runner build --check`

use super::build::with_request;
use super::context::Context;
use super::{exit, signals};
use runner_base::error::{Error, ErrorKind, Result};
use runner_build::build::{CheckReport, Verdict, check};
use runner_database::StopSignal;
use runner_engine::stopped::stopped;
use runner_report::json::CheckJson;
use runner_report::{Format, error, text, units};
use runner_testing::scratch::ScratchDirectory;

/// Proves that artifacts come from their sources, and writes nothing to the project.
pub fn run(context: &Context, revisions: &[String]) -> Result<u8> {
    let stop = StopSignal::default();
    signals::watch(&context.printer, &stop, None)?;
    let directory = ScratchDirectory::create()?;
    let checked = with_request(context, revisions, Some(&stop), |request| {
        check(&context.settings, request, &directory.path().join("stage"))
    });
    directory.discard();
    if let Some(reason) = stop.reason() {
        return Err(stopped(reason));
    }
    let report = checked?;
    let verdict = verdict(&report);
    let code = verdict.as_ref().map_or(exit::DONE, exit::code);
    match context.printer.format() {
        Format::Json => context.printer.json(&CheckJson::new(&report)),
        Format::Text => {
            context.printer.data(&text::checked(&report));
            for artifact in &report.artifacts {
                if let Verdict::Failed(failed) = &artifact.verdict {
                    context.printer.always(&error::error(failed));
                }
            }
            match verdict {
                Some(error) => return Err(error),
                None => context.printer.info(&text::check_summary(&report)),
            }
        }
    }
    Ok(code)
}

/// The error of a check that found something. Differences take precedence over what could not be built.
fn verdict(report: &CheckReport) -> Option<Error> {
    let (mut differ, mut failed, mut hints) = (0, Vec::new(), Vec::new());
    for artifact in &report.artifacts {
        match &artifact.verdict {
            Verdict::Differs { hints: own, .. } => {
                differ += 1;
                hints.extend(own.iter().cloned());
            }
            Verdict::Failed(error) => failed.push(error.kind),
            Verdict::Same | Verdict::NoSource => {}
        }
    }
    let of = units::counted(report.artifacts.len() as u64, "artifact", "artifacts");
    let error = match failed.first() {
        _ if differ > 0 => {
            let verb = if differ == 1 { "does" } else { "do" };
            Error::new(ErrorKind::Mismatch, format!("{differ} of {of} {verb} not come from the source"))
        }
        Some(kind) => Error::new(*kind, format!("{} of {of} could not be built", failed.len())),
        None => return None,
    };
    Some(hints.into_iter().fold(error, Error::hint))
}
