//! `runner build`

use std::sync::Arc;

use super::applied::Applied;
use super::context::Context;
use super::exit;
use runner_base::error::Result;
use runner_build::build::{BuildRequest, build, lines};
use runner_database::StopSignal;
use runner_engine::script::{AssetPlace, Assets};
use runner_project::built::Described;
use runner_project::lockfile::{ComponentDescription, LockLine};
use runner_project::script::{LoadedScript, embedded};
use runner_report::json::BuildJson;
use runner_report::{Text, text};
use runner_sandbox::Sandbox;

/// Builds components and updates the lockfile.
pub fn run(context: &Context, revisions: &[String], all: bool) -> Result<u8> {
    let report = with_request(context, revisions, None, |request| {
        build(&context.settings, &BuildRequest { all, ..request.clone() })
    })?;
    context
        .printer
        .json_or_talk(|| BuildJson::new(&report), || text::built(&report, |hint| context.settings.for_database(hint)));
    Ok(exit::DONE)
}

/// The lines of the lockfile for scripts with these revisions, which it does not list yet.
pub fn lines_of(context: &Context, revisions: &[String]) -> Result<Vec<LockLine>> {
    with_request(context, revisions, None, |request| lines(&context.settings, request))
}

/// Hands over the request for a build of the project.
pub fn with_request<T>(
    context: &Context,
    revisions: &[String],
    stop: Option<&StopSignal>,
    then: impl FnOnce(&BuildRequest<'_>) -> T,
) -> T {
    let sandbox = context.sandbox(1, stop.cloned().unwrap_or(StopSignal::never()));
    let applied = Applied::new(context);
    then(&BuildRequest {
        revisions,
        all: false,
        env: &context.env,
        program: std::env::current_exe().ok(),
        is_applied: &|revision| applied.contains(revision),
        has_history: &|| applied.has_history(),
        describe: &|of| describe(&sandbox, of),
        runtime: &embedded,
        compiling: &|what| context.printer.info(&Text::new().plain(format!("building {what}")).end()),
        stop,
        stage: None,
    })
}

/// The description of a component or a script, as the lockfile stores it.
pub fn describe(sandbox: &Sandbox, of: Described<'_>) -> Result<ComponentDescription> {
    let runner_sandbox::Described { description, transformer } = match of {
        Described::Component { bytes, assets, assets_directory } => {
            let place = AssetPlace::Directory(assets_directory.to_path_buf());
            sandbox.describe(bytes, Some(Assets { place, digests: assets.clone() }))?
        }
        Described::Script(script) => describe_script(sandbox, script)?,
    };
    let world = if transformer { "data-migration" } else { "migration" };
    Ok(ComponentDescription { description, transformer, world: format!("runner:migration/{world}@0.1.0") })
}

/// The description of a script.
pub fn describe_script(sandbox: &Sandbox, script: &LoadedScript) -> Result<runner_sandbox::Described> {
    sandbox.describe_script(&Arc::new(script.clone()))
}
