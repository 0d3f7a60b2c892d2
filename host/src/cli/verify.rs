//! `runner verify`

use std::sync::Arc;

use super::context::{Context, Look};
use super::request::VerifyRequest;
use super::{exit, signals};
use crate::database::{BatchLimits, StopSignal};
use crate::engine::verify::{Verdict, Verified, Verifier};
use crate::error::{Error, ErrorKind, Result};
use crate::report::json::VerifyJson;
use crate::report::{Flavour, Format, Text, sink, text};
use crate::runtime;

/// Number of component instances: chunks are checked one after another.
const JOBS: usize = 1;

/// Verifies applied migrations.
pub fn run(context: &Context, request: &VerifyRequest) -> Result<u8> {
    let project = context.inspect()?;
    let verified = runtime::run(async {
        let stop = StopSignal::default();
        signals::watch(&stop, context.settings.limits.wall_time)?;
        let Some(database) = context.look(Look::Live).await?.database else {
            return match request.revisions.first() {
                None => Ok(Vec::new()),
                Some(revision) => Err(context.place(
                    Error::usage(format!("`{revision}` is not applied: the database does not exist"))
                        .hint("`runner apply` creates it"),
                )),
            };
        };
        let limits = &context.settings.limits;
        let size = |limit: u64| usize::try_from(limit).unwrap_or(usize::MAX);
        let flavour = Flavour { dry_run: false, database: context.settings.database_url.value.to_string() };
        let verifier = Verifier {
            loader: context.loader(JOBS, database.facts().dialect),
            database: Arc::new(tokio::sync::Mutex::new(database)),
            project,
            events: sink(&context.printer, flavour),
            stop,
            extent: request.extent,
            limits: BatchLimits {
                rows: size(limits.batch_rows),
                bytes: size(limits.batch_bytes),
                cell_bytes: size(limits.cell_bytes),
            },
        };
        verifier.run(&request.revisions).await.map_err(|error| context.place(error))
    })?;
    let printer = &context.printer;
    match printer.format() {
        Format::Json => printer.json(&VerifyJson::new(context.database_json(), &verified)),
        Format::Text if verified.is_empty() => {
            printer.talk(&Text::new().plain("nothing to verify: no component is applied").end());
        }
        Format::Text => {
            printer.data(&text::verified(&verified));
            printer.talk(&text::verify_summary(&verified));
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
