//! `runner new`: creates a migration that builds and works.

use std::path::{Component, Path, PathBuf};

use super::name::snake_case;
use super::{CompiledLanguage, Scaffolded, editors, sdk};
use crate::build::keep_runtime;
use runner_base::error::{Error, Result};
use runner_base::suggest::did_you_mean;
use runner_project::discovery::discover;
use runner_project::files::open_root;
use runner_project::lockfile::Lockfile;
use runner_project::problem::{list, shown};
use runner_project::revision::RevisionKey;
use runner_project::script::{Installer, ScriptLanguage};
use runner_project::settings::Settings;

/// Language of a new migration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// A pair of SQL files.
    #[default]
    Sql,
    /// A Rust crate.
    Rust,
    /// A language that a command compiles.
    Compiled(CompiledLanguage),
    /// A script.
    Script(ScriptLanguage),
}

impl Language {
    /// The supported languages.
    pub const NAMES: [&'static str; 9] = ["sql", "javascript", "typescript", "python", "rust", "go", "c", "cpp", "zig"];

    /// The language with this name.
    pub fn from_name(name: &str) -> Result<Self> {
        match name.to_lowercase().as_str() {
            "sql" => Ok(Self::Sql),
            "rust" | "rs" => Ok(Self::Rust),
            "go" | "golang" => Ok(Self::Compiled(CompiledLanguage::Go)),
            "c" => Ok(Self::Compiled(CompiledLanguage::C)),
            "cpp" | "c++" => Ok(Self::Compiled(CompiledLanguage::Cpp)),
            "zig" => Ok(Self::Compiled(CompiledLanguage::Zig)),
            "javascript" | "js" => Ok(Self::Script(ScriptLanguage::Javascript)),
            "typescript" | "ts" => Ok(Self::Script(ScriptLanguage::Typescript)),
            "python" | "py" => Ok(Self::Script(ScriptLanguage::Python)),
            other => {
                let error = Error::usage(format!("no template for the language `{}`", shown(other)));
                Err(match did_you_mean(other, Self::NAMES) {
                    Some(meant) => error.hint(format!("did you mean `{meant}`?")),
                    None => error.hint(format!(
                        "there are templates for {}; components in other languages can be added as `.wasm` files",
                        list(Self::NAMES)
                    )),
                })
            }
        }
    }
}

/// A migration to create.
#[derive(Clone, Copy)]
pub struct NewRequest<'a> {
    /// Its name, as given.
    pub name: &'a str,
    /// Its language.
    pub language: Language,
    /// What is to install packages for it, if anything is.
    pub installer: Option<Installer>,
    /// Its revision, unless a later one exists.
    pub revision: &'a str,
    /// The compressed runtimes of scripts that this program has, by their names.
    pub runtime: &'a dyn Fn(&str) -> Option<&'static [u8]>,
}

/// Creates a migration.
pub fn new_migration(settings: &Settings, request: &NewRequest<'_>) -> Result<Scaffolded> {
    let name = snake_case(request.name)?;
    if let Some(installer) = request.installer {
        check_installer(installer, request.language)?;
    }
    let template = match request.language {
        Language::Script(language) => script_template(language),
        Language::Sql | Language::Rust | Language::Compiled(_) => "",
    };
    let root = open_root(&settings.root)?;
    root.create_dir_all(&settings.migrations).map_err(|error| super::cannot_write(&settings.migrations, &error))?;
    let project = settings.project_directory()?;
    // Problems of other migrations must not prevent a new one; other commands report them.
    let (found, _) = discover(&project)?;
    // Migrations of packages have lines only; a lockfile with errors is for other commands to report.
    let lockfile = Lockfile::read_to_rewrite(&project.root, &settings.lockfile_name()).map(|(lockfile, _)| lockfile);
    let lines = lockfile.unwrap_or_default().lines.into_iter().map(|line| line.revision);
    let last = found.iter().map(|found| found.revision.clone()).chain(lines).max_by_key(|it| RevisionKey::of(it));
    let revision = match (last, RevisionKey::of(request.revision)) {
        (Some(last), wanted) if wanted.is_some() && wanted <= RevisionKey::of(&last) => {
            runner_project::revision::revision_after_all(request.revision, &last, request.revision)?
        }
        _ => request.revision.to_owned(),
    };
    let id = format!("{revision}_{name}");
    let mut made = Scaffolded { root: settings.root.clone(), migration: Some(id.clone()), ..Scaffolded::default() };
    let path = settings.migrations.join(&id);
    let identifier = identifier(&name);
    match request.language {
        Language::Sql => {
            let fill = |template: &str| {
                template.replace("{{name}}", &identifier).replace("{{summary}}", &name.replace('_', " "))
            };
            let file = |end: &str| settings.migrations.join(format!("{id}.{end}"));
            made.add(&root, &file("up.sql"), fill(include_str!("templates/new.up.sql")))?;
            made.add(&root, &file("down.sql"), fill(include_str!("templates/new.down.sql")))?;
        }
        Language::Script(language) => {
            let runtime = keep_runtime(settings, language, request.runtime)?;
            let text = template.replace("{{name}}", &identifier).replace("{{summary}}", &name.replace('_', " "));
            made.add(&root, &settings.migrations.join(format!("{id}{}", language.end())), text)?;
            made.files.extend(runtime.map(|file| settings.migrations.join(file)));
            for (file, text) in request.installer.iter().flat_map(|it| package_files(*it)) {
                made.add(&root, &path.join(file), text)?;
            }
            editors::configure(&root, (&settings.migrations, &path), (language, request.installer), &mut made)?;
        }
        Language::Rust => {
            let sdk_path = sdk_path(settings, &mut made, &root)?;
            let fill = |template: &str| template.replace("{{name}}", &identifier).replace("{{sdk_path}}", &sdk_path);
            made.add(&root, &path.join("Cargo.toml"), fill(sdk::CARGO_TEMPLATE))?;
            made.add(&root, &path.join("src/lib.rs"), fill(sdk::LIB_TEMPLATE))?;
            made.add(&root, &path.join(".gitignore"), "/target/\n")?;
        }
        Language::Compiled(language) => {
            let sdk = language.sdk().unpack(&root, &mut made)?;
            let sdk_path = up_to_root(settings, &sdk).to_string_lossy().replace('\\', "/");
            for (file, template) in language.files() {
                let text = template.replace("{{name}}", &identifier).replace("{{sdk_path}}", &sdk_path);
                made.add(&root, &path.join(file), text.replace("{{summary}}", &name.replace('_', " ")))?;
            }
        }
    }
    Ok(made)
}

/// What a template calls its crate and its table. The table is `IDENTIFIER_items`, and PostgreSQL cuts a name at 63 bytes.
fn identifier(name: &str) -> String {
    const LONGEST: usize = 50;
    // Names of tables and crates must not start with a digit.
    let digit_first = name.starts_with(|c: char| c.is_ascii_digit());
    let mut identifier = if digit_first { format!("migration_{name}") } else { name.to_owned() };
    identifier.truncate(LONGEST);
    identifier.trim_end_matches('_').to_owned()
}

/// The path from the directory of a new migration to one of the project, with `/`.
fn up_to_root(settings: &Settings, below: &Path) -> PathBuf {
    let up = settings.migrations.components().count() + 1;
    std::iter::repeat_n("..", up).collect::<PathBuf>().join(below)
}

/// The template of a script; with `{{name}}` and `{{summary}}`.
fn script_template(language: ScriptLanguage) -> &'static str {
    match language {
        ScriptLanguage::Javascript => include_str!("templates/new.js"),
        ScriptLanguage::Typescript => include_str!("templates/new.ts"),
        ScriptLanguage::Python => include_str!("templates/new.py"),
    }
}

/// Fails if packages of an installer are not for a language.
fn check_installer(installer: Installer, language: Language) -> Result<()> {
    if matches!(language, Language::Script(language) if Installer::of(language) == installer) {
        return Ok(());
    }
    let has_it = |language: &ScriptLanguage| Installer::of(*language) == installer;
    let languages: Vec<ScriptLanguage> = ScriptLanguage::ALL.into_iter().filter(has_it).collect();
    let titles = languages.iter().map(|language| language.title()).collect::<Vec<_>>().join(" and ");
    let last = languages.last().map_or("", |language| language.name());
    let hint = format!("`runner new NAME --lang {last} --{}`", installer.name());
    Err(Error::usage(format!("`--{}` is for migrations in {titles}", installer.name())).hint(hint))
}

/// What the directory of a script has for its packages.
fn package_files(installer: Installer) -> &'static [(&'static str, &'static str)] {
    match installer {
        Installer::Npm => &[
            ("package.json", include_str!("templates/package.json")),
            // The bundled modules are committed instead.
            (".gitignore", "/node_modules/\n"),
        ],
        Installer::Pip => &[("requirements.txt", include_str!("templates/requirements.txt"))],
    }
}

/// The path from the directory of the new migration to the SDK, with `/`.
fn sdk_path(settings: &Settings, made: &mut Scaffolded, root: &cap_std::fs::Dir) -> Result<String> {
    let sdk = match &settings.sdk {
        Some(sdk) if sdk.join("Cargo.toml").is_file() => sdk.clone(),
        Some(sdk) => {
            return Err(Error::usage(format!("`{}`, set by `project.sdk`, contains no crate", sdk.display())).hint(
                "use the directory of `runner-guest`, or remove the setting to use the copy embedded in runner",
            ));
        }
        None => settings.root.join(sdk::unpack(root, made)?),
    };
    // Inside the project; each leading `..` of the setting goes up one directory.
    let relative = match sdk.strip_prefix(&settings.root) {
        Ok(below) => up_to_root(settings, below),
        Err(_) => sdk,
    };
    let parts = relative.components().map(|part| match part {
        Component::RootDir => Ok(String::new()),
        part => part.as_os_str().to_str().map(str::to_owned).ok_or(()),
    });
    match parts.collect::<Result<Vec<_>, ()>>() {
        Ok(parts) => Ok(parts.join("/").replace('\\', "/").replace('"', "\\\"")),
        Err(()) => Err(Error::usage(format!("the path `{}` is not UTF-8", relative.display()))),
    }
}
