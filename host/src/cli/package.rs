//! `runner package`

use std::path::Path;

use super::context::Context;
use super::exit;
use super::package_args::PackageArgs;
use crate::engine::plan::grants_for;
use crate::engine::target::Candidates;
use crate::error::{Error, Result};
use crate::project::packages::{MakeRequest, PackageName, Version, make};
use crate::report::json::PackageJson;
use crate::report::{Format, text};

/// A package that is to be made.
pub struct Request {
    revisions: Vec<String>,
    name: PackageName,
    version: Version,
    description: String,
    output: Option<std::path::PathBuf>,
}

impl TryFrom<PackageArgs> for Request {
    type Error = Error;

    fn try_from(args: PackageArgs) -> Result<Self> {
        let PackageArgs { revisions, name, version, description, output } = args;
        let wrong = || Error::usage(format!("`{version}` is not a version")).hint("use three numbers, such as `1.2.0`");
        let version = Version::parse(&version).ok_or_else(wrong)?;
        Ok(Self { revisions, name: package_name(&name)?, version, description, output })
    }
}

/// The name of a package.
pub fn package_name(text: &str) -> Result<PackageName> {
    PackageName::parse(text).ok_or_else(|| {
        Error::usage(format!("`{text}` is not the name of a package"))
            .hint("use `vendor/package`, in lower-case letters, digits and `-`")
    })
}

/// Makes a package of migrations of the project.
pub fn run(context: &Context, request: &Request) -> Result<u8> {
    let catalog = context.catalog(false)?;
    let names: Candidates<'_> = catalog.migrations.iter().map(|it| (&*it.revision, &*it.name)).collect();
    let chosen = request.revisions.iter().map(|text| names.resolve(text));
    let chosen = chosen.collect::<Result<Vec<&str>>>()?;
    let migrations = chosen.into_iter().filter_map(|revision| catalog.get(revision)).collect();
    let packed = make(
        &context.settings,
        &catalog,
        &MakeRequest {
            name: &request.name,
            version: request.version,
            description: &request.description,
            migrations,
            grants: &|grants, migration| grants_for(grants, &migration.revision, &migration.name),
        },
    )?;
    let file = request.output.clone().unwrap_or_else(|| request.name.file(request.version).into());
    write(&file, &packed.bytes)?;
    match context.printer.format() {
        Format::Json => context.printer.json(&PackageJson::new(&packed, &file)),
        Format::Text => context.printer.talk(&text::packed(&packed, &file)),
    }
    Ok(exit::DONE)
}

fn write(file: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(file, bytes).map_err(|error| {
        Error::failed(format!("cannot write `{}`", file.display()))
            .cause(error)
            .hint("check the permissions of the file and its directory")
    })
}
