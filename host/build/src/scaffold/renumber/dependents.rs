//! Other migrations that use what gets another name: their digests would change with a path in them, and without one they would break.

use super::paths::{Target, Token, is_comment, line_of, named, parts, tokens};
use super::references::{SOURCES, read};
use runner_base::error::{Error, Result};
use runner_project::discovery::{BUILD_MANIFEST, is_written};
use runner_project::files::ProjectDirectory;
use runner_project::problem::shown;

/// Ends of the names of files that compilers read, in which paths are in quotes.
const COMPILED: [&str; 9] = [".rs", ".go", ".c", ".h", ".cc", ".cpp", ".hpp", ".zig", ".zon"];

/// As [`COMPILED`], for files with comments that begin with `#`.
const CONFIGURED: [&str; 1] = [".toml"];

/// Files of tools in which paths may be words of a command, and come without quotes.
const COMMANDS: [&str; 9] = [
    BUILD_MANIFEST,
    "package.json",
    "tsconfig.json",
    "jsconfig.json",
    "deno.json",
    "go.mod",
    "go.work",
    "Makefile",
    "CMakeLists.txt",
];

/// A file that may name others.
struct Candidate {
    /// Its path from the project.
    file: String,
    /// The directory among the migrations that it is in, or the migrations themselves.
    top: String,
    /// Where it leads, if it is a link.
    link: Option<String>,
}

/// Fails if a file among the migrations uses what gets another name, and cannot be changed with it.
pub(super) fn refuse(project: &ProjectDirectory, migrations: &str, targets: &[Target<'_>]) -> Result<()> {
    if targets.is_empty() {
        return Ok(());
    }
    let mut candidates = candidates(project, migrations, targets)?;
    candidates.sort_by(|one, other| one.file.cmp(&other.file));
    for it in candidates {
        let mut here = parts(&it.file);
        here.pop();
        if let Some(link) = &it.link {
            match targets.iter().find(|target| !named(link, &here, &target.place).is_empty()) {
                Some(target) => return Err(refused(&it, None, target)),
                None => continue,
            }
        }
        let Some(bytes) = read(project, &it.file)? else { continue };
        // What else there is has no paths.
        let Ok(text) = std::str::from_utf8(&bytes) else { continue };
        if let Some((line, target)) = find(text, &it, &here, targets) {
            return Err(refused(&it, Some(line), target));
        }
    }
    Ok(())
}

/// The line of the first path in a text that leads to a target.
fn find<'t>(text: &str, it: &Candidate, here: &[&str], targets: &'t [Target<'t>]) -> Option<(usize, &'t Target<'t>)> {
    if !targets.iter().any(|target| text.contains(target.old)) {
        return None;
    }
    let (is_command, marks) = kind(&it.file)?;
    let top = parts(&it.top);
    let leads_to = |token: &Token<'_>| {
        // What is put together begins with a directory that is known elsewhere, mostly that of the migration. Commands run there, too.
        let rest = token.path.rsplit('}').next().unwrap_or_default();
        let from_top = rest.strip_prefix('/').filter(|rest| rest.starts_with(".."));
        let path = from_top.unwrap_or(rest);
        let leads = |base: &[&str], target: &Target<'_>| !named(path, base, &target.place).is_empty();
        let has_two = is_command || from_top.is_some();
        targets.iter().find(|target| leads(here, target) || (has_two && leads(&top, target)))
    };
    let may_be_one =
        |token: &Token<'_>| (token.is_quoted || is_command) && (token.is_relative() || token.path.contains("../"));
    let found = tokens(text).filter(may_be_one).filter(|token| !is_comment(text, token.start, marks));
    found.filter_map(|token| Some((line_of(text, token.start), leads_to(&token)?))).next()
}

/// Whether paths in the file come without quotes, too, and how its comments begin. `None` if it is not known to name files.
fn kind(file: &str) -> Option<(bool, &'static [&'static str])> {
    let name = file.rsplit('/').next().unwrap_or_default();
    let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
    match () {
        () if COMMANDS.contains(&name) || ends(&[".sh"]) => Some((true, &["#", "//"])),
        () if ends(&SOURCES) => Some((false, &["//", "/*", "*", "#"])),
        // `#include` and `#[path = …]`.
        () if ends(&COMPILED) => Some((false, &["//", "/*", "* "])),
        () if ends(&CONFIGURED) => Some((false, &["#"])),
        () => None,
    }
}

/// The files among the migrations that may name others, apart from those that change with the name.
fn candidates(project: &ProjectDirectory, migrations: &str, targets: &[Target<'_>]) -> Result<Vec<Candidate>> {
    let (mut found, mut directories) = (Vec::new(), vec![(migrations.to_owned(), migrations.to_owned())]);
    while let Some((directory, top)) = directories.pop() {
        let failed = |error| Error::usage(format!("cannot list the directory `{}`", shown(&directory))).cause(error);
        let is_among = directory == migrations;
        let at_top = directory == top;
        let by_command = !is_among && project.root.is_file(format!("{top}/{BUILD_MANIFEST}"));
        for entry in project.root.read_dir(&directory).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let kind = entry.file_type().map_err(failed)?;
            let file = format!("{directory}/{name}");
            let is_own = targets.iter().any(|target| parts(&file).starts_with(&target.place));
            if name.starts_with('.') || (is_own && !kind.is_dir() && SOURCES.iter().any(|end| name.ends_with(end))) {
                continue;
            }
            if kind.is_dir() {
                if name != "node_modules" && !is_written(&name, at_top, by_command) {
                    directories.push((file.clone(), if is_among { file } else { top.clone() }));
                }
            } else if kind.is_symlink() {
                let link = project.root.read_link(&file).ok().map(|path| path.to_string_lossy().into_owned());
                found.extend(link.map(|link| Candidate { file, top: top.clone(), link: Some(link) }));
            } else if kind.is_file() && self::kind(&file).is_some() && (!is_among || is_script(&name)) {
                found.push(Candidate { file, top: top.clone(), link: None });
            }
        }
    }
    Ok(found)
}

/// Whether a file next to the migrations is one of them: the files of tools there belong to none.
fn is_script(name: &str) -> bool {
    SOURCES.iter().any(|end| name.ends_with(end))
}

fn refused(it: &Candidate, line: Option<usize>, target: &Target<'_>) -> Error {
    let place = target.place.join("/");
    let line = line.map(|line| format!(":{line}")).unwrap_or_default();
    let hint = match parts(&it.file).starts_with(&target.place) {
        true => "nothing was renamed; name what is in the directory without the directory's own name".to_owned(),
        false => format!(
            "nothing was renamed: a path in a migration is part of what it is made of; move what several share out of \
             `{place}` first"
        ),
    };
    Error::usage(format!("`{}` uses `{place}`, which would get another name", shown(&it.file)))
        .at("file", format!("{}{line}", it.file))
        .hint(hint)
}
