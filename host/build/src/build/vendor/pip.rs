//! Packages of pip: wheels of pure Python, as they are.

use std::path::Path;
use std::process::Command;

use super::{Place, Ran, native, remove};
use runner_base::error::{Error, Result};
use runner_project::digest::sha256;
use runner_project::files::cannot_write;
use runner_project::script::{Installer, Packages};

/// The program that has pip.
pub(super) const PYTHON: &str = "python3";

/// Its module, in one word: pyenv knows pip by two, and adds work of its own, which fails where two installations end at once.
const PIP: &str = "-mpip";

/// For which Python a wheel has to be: the runtime's.
const FOR: [&str; 4] = ["--only-binary", ":all:", "--python-version", "3.14"];

/// Wheels of pure Python.
const PURE: [&str; 6] = ["--platform", "any", "--implementation", "py", "--abi", "none"];

/// The same, and those of one processor, whatever this machine has: for packages that do without their native part.
const ANY: [&str; 14] = [
    "--platform",
    "any",
    "--platform",
    "manylinux2014_x86_64",
    "--platform",
    "manylinux_2_27_x86_64",
    "--platform",
    "manylinux_2_28_x86_64",
    "--implementation",
    "cp",
    "--abi",
    "none",
    "--abi",
    "cp314",
];

/// What else holds for each call of pip.
const ALWAYS: [&str; 4] = ["--retries", "2", "--disable-pip-version-check", "--no-input"];

/// What holds for installing. Otherwise pip compares the versions of Python that a package is for with the one that runs pip.
const INSTALL: [&str; 4] = ["install", "--ignore-installed", "--no-compile", "--ignore-requires-python"];

/// What pip says if it gets no answer.
const UNREACHABLE: [&str; 3] = ["Retrying (Retry(", "Failed to establish a new connection", "Max retries exceeded"];

/// Where the lock says from which manifest it was written.
const OF: &str = "sha256 of requirements.txt: ";

/// Installs what the lock pins; returns the lock if there was none for this manifest.
pub(super) fn make(place: &Place<'_>, packages: &Packages) -> Result<Option<String>> {
    let ran = place.run(PYTHON, |it| it.args([PIP, "--version"]))?;
    if !ran.succeeded {
        let error = Error::usage(format!("a tool is missing: `{PYTHON} -m pip` failed"));
        return Err(ran
            .failed(error)
            .hint(format!("install it: `{PYTHON} -m ensurepip`, or the package `python3-pip`")));
    }
    let head = format!("# {OF}{}", sha256(packages.manifest.replace("\r\n", "\n").as_bytes()));
    let path = place.stage.join(Installer::Pip.lock());
    let is_for_this = |lock: &&String| lock.lines().any(|line| line == head);
    let locked = packages.lock.as_ref().filter(is_for_this);
    let lock = match locked {
        Some(lock) => lock.clone(),
        None => resolve(place, packages, &head)?,
    };
    std::fs::write(&path, &lock).map_err(|error| cannot_write(path.display(), &error))?;
    let ran = pip(place, &INSTALL, |it| {
        it.args(ANY).args(["--require-hashes", "--target"]).arg(&place.out).arg("-r").arg(&path)
    })?;
    if !ran.succeeded {
        let lock = place.file(Installer::Pip.lock());
        return Err(
            if ran.has(&["DO NOT MATCH THE HASHES", "hashes are missing", "must have their versions pinned"]) {
                ran.failed(Error::mismatch(format!("a package is not the one that `{lock}` pins")))
                    .hint(format!("find out why; without `{lock}`, `runner build` writes it anew"))
            } else {
                failed(place, &ran, packages)?
            },
        );
    }
    let programs = place.out.join("bin");
    let unneeded = if programs.join("__init__.py").exists() { Ok(()) } else { remove(&programs) };
    let without = || unneeded.and_then(|()| clean(&place.out)).and_then(|()| drop_optional(&place.out));
    without().map_err(|error| cannot_write(place.out.display(), &error))?;
    Ok(locked.is_none().then_some(lock))
}

/// The lock: the wheels that fit, by version and digest.
fn resolve(place: &Place<'_>, packages: &Packages, head: &str) -> Result<String> {
    let is_other = |line: &&str| {
        ["-r", "--requirement", "-e", "--editable", "-c", "--constraint"].iter().any(|it| line.starts_with(it))
    };
    if let Some(line) = packages.manifest.lines().map(str::trim).find(is_other) {
        let message = format!("`{}` refers to something else: `{line}`", place.file(Installer::Pip.manifest()));
        return Err(Error::usage(message).hint("name the packages in it, one a line"));
    }
    let report = place.stage.join("report.json");
    let optional = place.stage.join("optional");
    std::fs::create_dir_all(&optional).map_err(|error| cannot_write(optional.display(), &error))?;
    let mut tried: Vec<String> = Vec::new();
    loop {
        let ran = pip(place, &INSTALL, |it| {
            it.args(PURE).args(["--dry-run", "--target"]).arg(place.stage.join("none")).arg("--report").arg(&report);
            it.arg("--find-links").arg(&optional).args(["-r", Installer::Pip.manifest()])
        })?;
        if ran.succeeded {
            break;
        }
        let missing =
            missing(&ran).filter(|it| native::is_optional(name_of(it)) && !tried.iter().any(|tried| tried == it));
        match missing {
            Some(requirement) if fetch_optional(place, packages, requirement, &optional)? => {
                tried.push(requirement.to_owned())
            }
            _ => return Err(failed(place, &ran, packages)?),
        }
    }
    let text = std::fs::read_to_string(&report).unwrap_or_default();
    let report: serde_json::Value = serde_json::from_str(&text).map_err(|error| {
        Error::failed("pip wrote a report that is not JSON").cause(error).hint("pip 23 or later is needed")
    })?;
    let mut lines = Vec::new();
    for package in report["install"].as_array().into_iter().flatten() {
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let (name, version) = (text(&package["metadata"]["name"]), text(&package["metadata"]["version"]));
        let info = &package["download_info"];
        let digest = text(&info["archive_info"]["hashes"]["sha256"]);
        if digest.is_empty() {
            return Err(Error::usage(format!("the package `{name}` is not a wheel, and cannot be pinned"))
                .hint("name a version of it, or the path of a wheel"));
        }
        let (url, here) = (text(&info["url"]), format!("file://{}/", place.directory.display()));
        let pinned = match (package["is_direct"].as_bool(), url.strip_prefix(&here)) {
            // As others have it, too.
            (Some(true), Some(path)) if !path.contains('%') => format!("./{path}"),
            (Some(true), _) => format!("{name} @ {url}"),
            _ => format!("{name}=={version}"),
        };
        lines.push(format!("{pinned} --hash=sha256:{digest}"));
    }
    lines.sort_unstable_by_key(|line| line.to_lowercase());
    let options = packages.manifest.lines().map(str::trim).filter(|line| line.starts_with('-')).map(str::to_owned);
    let first =
        "# Written by `runner build`; do not edit. Without it, the newest versions that fit are taken.".to_owned();
    let all: Vec<String> = [first, head.to_owned()].into_iter().chain(options).chain(lines).collect();
    Ok(all.join("\n") + "\n")
}

/// A verb of pip.
fn pip(place: &Place<'_>, verb: &[&str], with: impl FnOnce(&mut Command) -> &mut Command) -> Result<Ran> {
    place.run(PYTHON, |it| with(it.arg(PIP).args(verb).args(ALWAYS).args(FOR)))
}

/// The requirement for which pip finds no wheel. If every version of a package needs such a one, pip names all of them.
fn missing(ran: &Ran) -> Option<&str> {
    let after = |text: &str| ran.said.lines().find_map(|line| Some(line.split_once(text)?.1.trim()));
    let requirement = after("No matching distribution found for ").or_else(|| after(" depends on "))?;
    requirement.split(" (").next()
}

/// The name in a requirement.
fn name_of(requirement: &str) -> &str {
    let end = requirement.find(|c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c)).unwrap_or(requirement.len());
    &requirement[..end]
}

/// The options of a manifest, such as where wheels are.
fn options(packages: &Packages) -> impl Iterator<Item = &str> {
    let lines = packages.manifest.lines().map(str::trim).filter(|line| line.starts_with('-'));
    lines.flat_map(|line| line.splitn(2, [' ', '=']))
}

/// Fetches the wheel of a package that does without its native part, under the name of a pure one, so that pip takes it; its bytes, and so
/// its digest, stay. False if there is none.
fn fetch_optional(place: &Place<'_>, packages: &Packages, requirement: &str, into: &Path) -> Result<bool> {
    let ran = pip(place, &["download", "--no-deps"], |it| {
        it.args(ANY).arg("--dest").arg(into).args(options(packages)).arg(requirement)
    })?;
    let rename = || -> std::io::Result<()> {
        for entry in std::fs::read_dir(into)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if let [name, version, ..] = name.split('-').collect::<Vec<_>>()[..] {
                std::fs::rename(&path, into.join(format!("{name}-{version}-py3-none-any.whl")))?;
            }
        }
        Ok(())
    };
    rename().map_err(|error| cannot_write(into.display(), &error))?;
    Ok(ran.succeeded)
}

/// Removes the native parts of packages that do without them.
fn drop_optional(out: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(out)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let package = name.strip_suffix(".dist-info").and_then(|name| name.split('-').next());
        if !package.is_some_and(native::is_optional) {
            continue;
        }
        let record = std::fs::read_to_string(entry.path().join("RECORD"))?;
        for file in record.lines().filter_map(|line| line.split(',').next()).filter(|file| native::is_native(file)) {
            std::fs::remove_file(out.join(file))?;
        }
    }
    Ok(())
}

/// The error of pip. If it does not find a package that fits, that may have native code.
fn failed(place: &Place<'_>, ran: &Ran, packages: &Packages) -> Result<Error> {
    let at = |error: Error| error.at("manifest", place.file(packages.installer.manifest()));
    if ran.has(&UNREACHABLE) {
        let error = ran.failed_by(Error::failed("the index of pip cannot be reached"), &UNREACHABLE);
        return Ok(at(error.hint("nothing was changed; `pip config list` says where it is")));
    }
    let Some(requirement) = missing(ran) else {
        return Ok(at(ran.failed(Error::failed("`pip install` failed"))));
    };
    let name = name_of(requirement);
    // Whatever runs here: then only the kind of wheel is at fault.
    let any = place.run(PYTHON, |it| {
        it.arg(PIP).args(INSTALL).args(ALWAYS).args(["--only-binary", ":all:", "--dry-run", "--no-deps", "--target"]);
        it.arg(place.stage.join("none")).args(options(packages)).arg(requirement)
    })?;
    if any.succeeded {
        let why = ran.said.lines().map(str::trim).find(|line| line.contains(&format!(" depends on {name}")));
        let error = native::refused(name, "its wheels are for certain processors");
        return Ok(at(why.into_iter().fold(error, |error, why| error.cause(why))));
    }
    let error = Error::usage(format!("pip does not find a wheel of `{requirement}`"));
    let error = ran.failed_by(error, &["Could not find a version", " depends on "]);
    Ok(at(error.hint(format!(
        "see its name; a package that is published as source alone has pip run its `setup.py` on this machine: if you trust it, add the \
         line `--no-binary {name}` to `{}`",
        packages.installer.manifest()
    ))))
}

/// Removes tests, and what Python writes.
fn clean(directory: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        if entry.file_type()?.is_dir() {
            let is_test = |entry: std::io::Result<std::fs::DirEntry>| {
                entry.is_ok_and(|it| it.file_name().to_string_lossy().starts_with("test_"))
            };
            let has_tests = name == "tests" && std::fs::read_dir(&path)?.any(is_test);
            match has_tests || name == "__pycache__" {
                true => std::fs::remove_dir_all(&path)?,
                false => clean(&path)?,
            }
        }
    }
    Ok(())
}
