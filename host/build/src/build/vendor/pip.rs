//! Packages of pip: wheels of pure Python, as they are.

use std::path::Path;

use super::{Place, Ran, native, remove};
use runner_base::error::{Error, Result};
use runner_project::digest::sha256;
use runner_project::files::cannot_write;
use runner_project::script::{Installer, Packages};

/// The program that has pip.
pub(super) const PYTHON: &str = "python3";

/// The wheels that the runtime can run: pure ones, for its version of Python.
const PURE: [&str; 10] = [
    "--only-binary",
    ":all:",
    "--platform",
    "any",
    "--implementation",
    "py",
    "--abi",
    "none",
    "--python-version",
    "3.14",
];

/// What else holds for each call of pip.
const ALWAYS: [&str; 4] = ["--ignore-installed", "--no-compile", "--disable-pip-version-check", "--no-input"];

/// What pip says if it gets no answer.
const UNREACHABLE: [&str; 3] = ["Retrying (Retry(", "Failed to establish a new connection", "Max retries exceeded"];

/// Where the lock says from which manifest it was written.
const OF: &str = "sha256 of requirements.txt: ";

/// Installs what the lock pins; returns the lock if there was none for this manifest.
pub(super) fn make(place: &Place<'_>, packages: &Packages) -> Result<Option<String>> {
    let ran = place.run(PYTHON, |it| it.args(["-m", "pip", "--version"]))?;
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
    let ran = pip(place, |it| it.args(["--require-hashes", "--target"]).arg(&place.out).arg("-r").arg(&path))?;
    if !ran.succeeded {
        let lock = place.file(Installer::Pip.lock());
        return Err(
            if ran.has(&["DO NOT MATCH THE HASHES", "hashes are missing", "must have their versions pinned"]) {
                ran.failed_by(
                    Error::mismatch(format!("a package is not the one that `{lock}` pins")),
                    &["Expected", "from "],
                )
                .hint(format!("find out why; without `{lock}`, `runner build` writes it anew"))
            } else {
                failed(place, &ran, packages)?
            },
        );
    }
    let programs = place.out.join("bin");
    let unneeded = if programs.join("__init__.py").exists() { Ok(()) } else { remove(&programs) };
    unneeded.and_then(|()| clean(&place.out)).map_err(|error| cannot_write(place.out.display(), &error))?;
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
    let ran = pip(place, |it| {
        it.args(["--dry-run", "--target"])
            .arg(place.stage.join("none"))
            .arg("--report")
            .arg(&report)
            .args(["-r", Installer::Pip.manifest()])
    })?;
    if !ran.succeeded {
        return Err(failed(place, &ran, packages)?);
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
        let pinned = match package["is_direct"].as_bool() {
            Some(true) => format!("{name} @ {}", text(&info["url"])),
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

/// `pip install` of pure wheels.
fn pip(place: &Place<'_>, with: impl FnOnce(&mut std::process::Command) -> &mut std::process::Command) -> Result<Ran> {
    place.run(PYTHON, |it| with(it.args(["-m", "pip", "install", "--retries", "2"]).args(ALWAYS).args(PURE)))
}

/// The error of pip. If it does not find a package that fits, that may have native code.
fn failed(place: &Place<'_>, ran: &Ran, packages: &Packages) -> Result<Error> {
    let at = |error: Error| error.at("manifest", place.file(packages.installer.manifest()));
    if ran.has(&UNREACHABLE) {
        let error = ran.failed_by(Error::failed("the index of pip cannot be reached"), &UNREACHABLE);
        return Ok(at(error.hint("nothing was changed; `pip config list` says where it is")));
    }
    let missing = ran.said.lines().find_map(|line| line.split_once("No matching distribution found for "));
    let Some(requirement) = missing.map(|(_, requirement)| requirement.trim()) else {
        return Ok(at(ran.failed(Error::failed("`pip install` failed"))));
    };
    let end = requirement.find(|c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c)).unwrap_or(requirement.len());
    let name = &requirement[..end];
    // Whatever runs here, of any version: then only the kind of wheel is at fault.
    let options = packages.manifest.lines().map(str::trim).filter(|line| line.starts_with('-'));
    let options: Vec<&str> = options.flat_map(|line| line.splitn(2, [' ', '='])).collect();
    let any = place.run(PYTHON, |it| {
        it.args(["-m", "pip", "install", "--dry-run", "--no-deps", "--ignore-installed", "--disable-pip-version-check"])
            .args(["--only-binary", ":all:", "--target"])
            .arg(place.stage.join("none"))
            .args(options)
            .arg(requirement.split(" (").next().unwrap_or(name))
    })?;
    if any.succeeded {
        return Ok(at(native::refused(name, "its wheels are for certain processors")));
    }
    let error = Error::usage(format!("pip does not find a wheel of `{requirement}`"));
    let error = ran.failed_by(error, &["Could not find a version"]);
    Ok(at(error.hint(format!(
        "see its name; of a package in source code alone, `pip wheel --no-deps {name}` makes a wheel, whose path can be named in its place"
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
