//! `runner add` and `runner update`

use super::build::describe;
use super::context::Context;
use super::exit;
use super::package_args::AddArgs;
use runner_base::error::{Error, Result};
use runner_database::{Grants, StopSignal};
use runner_engine::plan::{grants_to_paste, lacking};
use runner_packages::{AddRequest, Place, Vendored};
use runner_project::package::PackageName;
use runner_report::json::VendoredJson;
use runner_report::{Format, text};

/// Adds a package.
pub fn run(context: &Context, args: &AddArgs) -> Result<u8> {
    let source = Place::parse(&args.source)?;
    let given = (args.key.as_deref(), args.prefix.as_deref());
    let vendored = with_request(context, given, |request| runner_packages::add(&context.settings, &source, request))?;
    report(context, "add", vec![vendored]);
    Ok(exit::DONE)
}

/// Replaces packages by newer versions; all of them if none is named.
pub fn update(context: &Context, names: &[PackageName], from: Option<&str>) -> Result<u8> {
    let from = from.map(Place::parse).transpose()?;
    if from.is_some() && names.len() != 1 {
        return Err(Error::usage("`--from` is for one package").hint("name it: `runner update NAME --from SOURCE`"));
    }
    let names = match names {
        [] => {
            let (names, others) = runner_packages::updatable(&context.settings)?;
            for name in others {
                let hint = format!("name the URL of the new version: `runner update {name} --from URL`");
                context.printer.warn(&format!("`{name}` is left as it is: a URL does not list versions"), Some(&hint));
            }
            names
        }
        names => names.to_vec(),
    };
    let mut updated = Vec::new();
    for name in &names {
        let one = with_request(context, (None, None), |request| {
            runner_packages::update(&context.settings, name, from.as_ref(), request)
        });
        match one {
            Ok(one) => updated.push(one),
            Err(error) => {
                // Those before it are updated. In JSON, the only document is that of the error.
                let written = updated.iter().filter(|it| it.changed);
                return Err(match context.printer.format() {
                    Format::Json => written
                        .rev()
                        .fold(error, |error, it| error.at("updated", format!("{} {}", it.name, it.version))),
                    Format::Text if updated.is_empty() => error,
                    Format::Text => {
                        report(context, "update", updated);
                        error
                    }
                });
            }
        }
    }
    report(context, "update", updated);
    Ok(exit::DONE)
}

fn with_request<T>(
    context: &Context,
    (key, prefix): (Option<&str>, Option<&str>),
    work: impl FnOnce(&AddRequest<'_>) -> Result<T>,
) -> Result<T> {
    let sandbox = context.sandbox(1, StopSignal::never());
    work(&AddRequest {
        key: key.map(str::trim),
        prefix,
        describe: &|of| describe(&sandbox, of),
        lacking: &|grants, lines| lacking(grants, lines, &context.usual_schema()),
        paste: &grants_to_paste,
    })
}

fn report(context: &Context, command: &'static str, packages: Vec<Vendored>) {
    let nothing = Grants::default();
    let with_missing = packages.into_iter().map(|package| {
        let granted = context.settings.grants.get(package.name.as_str()).map_or(&nothing, |granted| granted);
        let missing = lacking(granted, &runner_packages::needs_of(&package.migrations), &context.usual_schema());
        let paste = (!missing.is_empty()).then(|| grants_to_paste(granted, &missing));
        (package, missing, paste)
    });
    let packages: Vec<_> = with_missing.collect();
    context.printer.json_or_talk(|| VendoredJson::new(command, &packages), || text::vendored(&packages));
}
