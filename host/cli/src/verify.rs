//! `runner verify`

use super::context::Context;
use super::request::VerifyRequest;
use super::{exit, signals};
use runner_base::error::{ErrorKind, Result};
use runner_base::runtime;
use runner_database::StopSignal;
use runner_engine::verify::{Verdict, Verified};
use runner_library::verify::verify;
use runner_report::json::VerifyJson;
use runner_report::{Format, SinkOptions, Text, sink, text};

/// Verifies applied migrations.
pub fn run(context: &Context, request: &VerifyRequest) -> Result<u8> {
    let project = context.inspect()?;
    let verified = runtime::run(async {
        let stop = StopSignal::default();
        signals::watch(&context.printer, &stop, context.settings.limits.wall_time)?;
        let database = context.settings.database_url.value.to_string();
        let options = SinkOptions { dry_run: false, database, run_id: None };
        let events = sink(&context.printer, options);
        verify(&context.setup, project, &request.revisions, request.extent, events, stop).await
    })?;
    let printer = &context.printer;
    match printer.format() {
        Format::Json => printer.json(&VerifyJson::new(context.database_json(), &verified)),
        Format::Text if verified.is_empty() => {
            printer.info(&Text::new().plain("nothing to verify: no component is applied").end());
        }
        Format::Text => {
            printer.data(&text::verified(&verified));
            printer.info(&text::verify_summary(&verified));
        }
    }
    Ok(code(&verified, request.strict))
}

/// Differences take precedence; unproven findings count only with `strict`.
fn code(verified: &[Verified], strict: bool) -> u8 {
    let any = |wanted: fn(&Verdict) -> bool| {
        verified.iter().flat_map(|it| &it.findings).any(|finding| wanted(&finding.verdict))
    };
    if any(|verdict| matches!(verdict, Verdict::Differs(_))) {
        exit::of(ErrorKind::Mismatch)
    } else if strict && any(|verdict| matches!(verdict, Verdict::Unproven(_))) {
        exit::of(ErrorKind::Failed)
    } else {
        exit::DONE
    }
}
