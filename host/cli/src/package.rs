//! `runner package`

use std::path::Path;

use super::context::Context;
use super::exit;
use super::package_args::PackageArgs;
use runner_base::error::{Error, Result};
use runner_engine::plan::{grants_for, grants_to_paste, lacking};
use runner_engine::target::Candidates;
use runner_packages::{MakeRequest, Place, PushRequest, make};
use runner_project::package::{PackageName, Version};
use runner_report::json::PackageJson;
use runner_report::{Format, text};

/// A package that is to be made.
pub struct Request {
    revisions: Vec<String>,
    name: PackageName,
    version: Version,
    description: String,
    output: Option<std::path::PathBuf>,
    push: Option<Push>,
}

/// Where a package is to be pushed.
struct Push {
    place: Place,
    key: Option<String>,
    overwrites: bool,
}

impl TryFrom<PackageArgs> for Request {
    type Error = Error;

    fn try_from(args: PackageArgs) -> Result<Self> {
        let PackageArgs { revisions, name, version, description, output, push, key, overwrite } = args;
        let push = push.as_deref().map(Place::parse).transpose()?;
        let key = key.map(|key| key.trim().to_owned());
        let push = push.map(|place| Push { place, key, overwrites: overwrite });
        let wrong = || Error::usage(format!("`{version}` is not a version")).hint("use three numbers, such as `1.2.0`");
        let version = Version::parse(&version).ok_or_else(wrong)?;
        Ok(Self { revisions, name: package_name(&name)?, version, description, output, push })
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
    // A script cannot be part of a package: no line for one is to be kept.
    let (catalog, _) = context.catalog_for_now(false)?;
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
            lacking: &|grants, lines| lacking(grants, lines, &context.usual_schema()),
            paste: &grants_to_paste,
        },
    )?;
    let file = request.output.clone().unwrap_or_else(|| request.name.file(request.version).into());
    let Some(push) = &request.push else {
        write(&file, &packed.bytes)?;
        context.printer.json_or_talk(|| PackageJson::new(&packed, &file, None), || text::packed(&packed, &file));
        return Ok(exit::DONE);
    };
    let signature = signature(&file, &packed.bytes, push.key.as_deref())?;
    write(&file, &packed.bytes)?;
    if context.printer.format() == Format::Text {
        context.printer.info(&text::pushing(&packed, &push.place));
    }
    let pushed = runner_packages::push(
        &context.settings,
        &push.place,
        &PushRequest {
            name: &request.name,
            version: request.version,
            description: &request.description,
            bytes: &packed.bytes,
            signature: signature.as_deref(),
            overwrites: push.overwrites,
        },
    )?;
    if signature.is_none() {
        let hint = format!("`minisign -Sm {}` signs it; push it again then", file.display());
        context.printer.warn("it is not signed, so projects that pin a key cannot add it", Some(&hint));
    }
    context.printer.json_or_talk(
        || PackageJson::new(&packed, &file, Some((&pushed, signature.is_some()))),
        || text::pushed(&packed, &pushed),
    );
    Ok(exit::DONE)
}

/// The signature next to the file, if there is one. Fails if it is known to be for different contents.
fn signature(file: &Path, bytes: &[u8], key: Option<&str>) -> Result<Option<Vec<u8>>> {
    let found = runner_packages::signature_beside(file)?;
    let (shown, sign) =
        (file.display(), format!("run the same without `--push`, and `minisign -Sm {}`", file.display()));
    let Some((beside, signature)) = found else {
        return match key {
            Some(_) => {
                Err(Error::mismatch(format!("`{shown}` is not signed: there is no `{shown}.minisig`")).hint(sign))
            }
            None => Ok(None),
        };
    };
    // Without the key it is not known what was signed, but the file that was is next to it.
    let is_stale = || std::fs::read(file).is_ok_and(|before| before != bytes);
    let problem = match key {
        Some(key) => runner_packages::check_signature(key, &signature, bytes)?.err(),
        None if is_stale() => Some("is for different contents than the migrations give"),
        None if is_older(&beside, file) => Some("is older than the file, or the file is not there"),
        None => None,
    };
    match problem {
        Some(problem) => Err(Error::mismatch(format!("the signature `{}` {problem}", beside.display())).hint(sign)),
        None => Ok(Some(signature)),
    }
}

/// Whether a signature was made before the file was last written, and so perhaps of something else.
fn is_older(signature: &Path, file: &Path) -> bool {
    let written = |path: &Path| path.metadata().and_then(|it| it.modified());
    !matches!((written(signature), written(file)), (Ok(signed), Ok(written)) if signed >= written)
}

/// Writes the package, unless the file has the same bytes: a signature is newer than what it signs.
fn write(file: &Path, bytes: &[u8]) -> Result<()> {
    if std::fs::read(file).is_ok_and(|before| before == bytes) {
        return Ok(());
    }
    std::fs::write(file, bytes).map_err(|error| {
        Error::failed(format!("cannot write `{}`", file.display()))
            .cause(error)
            .hint("check the permissions of the file and its directory")
    })
}
