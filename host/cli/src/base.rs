//! `runner validate --base REF`: what a branch changes of the migrations that its base has.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::context::Context;
use runner_base::dialect::Dialect;
use runner_base::error::{Error, Result};
use runner_project::catalog::{Catalog, Checks, ComparedTexts, Migration};
use runner_project::lockfile::LockLine;
use runner_project::settings::DatabaseUse;
use runner_project::{LoadRequest, RevisionKey, Settings, package_of};
use runner_testing::scratch::ScratchDirectory;

/// How to get what a shallow clone lacks.
const FETCH: &str = "in GitHub Actions, give `actions/checkout` the option `fetch-depth: 0`";

/// The migrations of a project. What is applied may differ between databases.
type State = BTreeMap<(Revision, Dialect), Entry>;

/// A revision; those of packages have no place in the order of the project's own.
type Revision = (Option<RevisionKey>, String);

/// A migration.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    id: String,
    sha256: String,
}

/// Returns what the project changes of the migrations that a commit has. What that commit got since the project's
/// branch left it is not a change of the branch.
pub(super) fn check(context: &Context, reference: &str) -> Result<Vec<Error>> {
    let git = Git::of(context, reference)?;
    let here = state(context, &context.settings)?;
    let commit = git.commit()?;
    let base = git.state(context, &commit)?;
    let mut changed: State = base.clone();
    changed.retain(|key, entry| here.get(key) != Some(entry));
    if !changed.is_empty() {
        let fork = git.state(context, &git.fork(&commit)?)?;
        changed.retain(|key, _| fork.get(key) != here.get(key));
    }
    let mut errors: Vec<Error> = Vec::new();
    let found = changed.iter().map(|(key, entry)| change(key, entry, (&here, &base), reference));
    for error in found.chain(preceding(&here, &base, reference)) {
        // One file for every database is one change.
        if !errors.iter().any(|known| known.message == error.message) {
            errors.push(error);
        }
    }
    Ok(errors)
}

/// The migrations of the project of these settings.
fn state(context: &Context, settings: &Settings) -> Result<State> {
    let mut state = State::new();
    let setup = runner_library::setup::Setup { settings: settings.clone(), ..context.setup.clone() };
    let of_settings = Context { setup, printer: context.printer.clone(), env: context.env.clone() };
    let survey = |dialect, lines: &[LockLine]| {
        let checks = Checks { locked: false, dialect: Some(dialect), texts: ComparedTexts::All };
        Catalog::survey_with(settings, checks, lines).map(|(report, _)| report)
    };
    let lines = of_settings.unlisted_scripts(&survey(Dialect::Sqlite, &[])?).lines;
    for dialect in Dialect::ALL {
        let report = survey(dialect, &lines)?;
        let entry = |it: &Migration| ((revision(it), dialect), Entry { id: it.id(), sha256: it.sha256.clone() });
        state.extend(report.catalog.migrations.iter().map(entry));
    }
    Ok(state)
}

fn revision(migration: &Migration) -> Revision {
    match package_of(&migration.name).is_none().then(|| RevisionKey::of(&migration.revision)).flatten() {
        Some(key) => (Some(key), String::new()),
        None => (None, migration.revision.clone()),
    }
}

/// What happened to a migration of the base.
fn change(key: &(Revision, Dialect), was: &Entry, (here, base): (&State, &State), reference: &str) -> Error {
    let id = &was.id;
    let is_copy =
        |(key, entry): &(&(Revision, Dialect), &Entry)| entry.sha256 == was.sha256 && !base.contains_key(*key);
    let renamed = match here.get(key) {
        Some(now) => (now.id != *id).then_some(now),
        None => here.iter().find(is_copy).map(|(_, entry)| entry),
    };
    let restore = format!("restore it as it is in `{reference}`");
    match (renamed, here.get(key)) {
        (Some(now), _) if now.sha256 == was.sha256 => {
            Error::mismatch(format!("`{id}`, which `{reference}` has, was renamed to `{}`", now.id))
                .hint("give it its name back: databases that have applied it know it by that")
        }
        (Some(now), _) => {
            Error::mismatch(format!("`{id}`, which `{reference}` has, was replaced by `{}`", now.id)).hint(restore)
        }
        (None, Some(_)) => Error::mismatch(format!("`{id}`, which `{reference}` has, was edited"))
            .hint(format!("{restore}, and make the change in a new migration")),
        (None, None) => Error::mismatch(format!("`{id}`, which `{reference}` has, was deleted")).hint(restore),
    }
}

/// The new migrations that come before the last one of the base.
fn preceding(here: &State, base: &State, reference: &str) -> Vec<Error> {
    let order = |state: &State| {
        let own: BTreeMap<RevisionKey, String> =
            state.iter().filter_map(|(((key, _), _), entry)| Some(((*key)?, entry.id.clone()))).collect();
        own
    };
    let (here, base) = (order(here), order(base));
    let Some((last, last_id)) = base.last_key_value() else { return Vec::new() };
    let new =
        here.iter().filter(|(key, id)| !base.contains_key(key) && *key < last && !base.values().any(|it| it == *id));
    new.map(|(_, id)| {
        Error::mismatch(format!("`{id}` is new, but comes before `{last_id}`, which `{reference}` has"))
            .hint(format!("`runner renumber {id}` gives it a revision after all others"))
    })
    .collect()
}

/// The repository of a project, and a commit of it.
struct Git<'a> {
    /// The root of its working tree.
    top: PathBuf,
    /// The project in it.
    project: PathBuf,
    reference: &'a str,
}

impl<'a> Git<'a> {
    fn of(context: &Context, reference: &'a str) -> Result<Self> {
        let root = context.settings.directory();
        let none = |cause: String| {
            Error::usage(format!("`{}` is not in a git repository", root.display()))
                .cause(cause)
                .hint("`--base` compares with a commit: run it in a clone of the repository")
        };
        let path = |what: &str| run(root, &["rev-parse", what], None, "").map(|it| line(&it));
        let top = PathBuf::from(path("--show-toplevel").map_err(|failed| failed.explained(none))?);
        let project = PathBuf::from(path("--show-prefix").map_err(|failed| failed.explained(none))?);
        Ok(Self { top, project, reference })
    }

    fn commit(&self) -> Result<String> {
        let reference = self.reference;
        let unknown = |cause: String| {
            let branch = reference.strip_prefix("origin/").unwrap_or(reference);
            let error = Error::usage(format!("this repository has no commit `{reference}`"));
            let error = if cause.is_empty() { error } else { error.cause(cause) };
            error.hint(format!("fetch it: `git fetch origin {branch}`; {FETCH}"))
        };
        // It would be an option of git.
        if reference.starts_with('-') {
            return Err(unknown(String::new()));
        }
        let commit = format!("{reference}^{{commit}}");
        let found = run(&self.top, &["rev-parse", "--verify", "--quiet", &commit], None, "");
        found.map(|it| line(&it)).map_err(|failed| failed.explained(unknown))
    }

    /// The last commit that the branch has in common with its base.
    fn fork(&self, commit: &str) -> Result<String> {
        let reference = self.reference;
        let unknown = |_| {
            Error::usage(format!("this repository has no commit that `HEAD` and `{reference}` have in common"))
                .hint(format!("fetch the history: `git fetch --unshallow`; {FETCH}"))
        };
        let found = run(&self.top, &["merge-base", "HEAD", commit], None, "");
        found.map(|it| line(&it)).map_err(|failed| failed.explained(unknown))
    }

    /// The migrations that a commit has.
    fn state(&self, context: &Context, commit: &str) -> Result<State> {
        let scratch = ScratchDirectory::create()?;
        let found = self.state_in(scratch.path(), context, commit);
        scratch.discard();
        found
    }

    fn state_in(&self, scratch: &Path, context: &Context, commit: &str) -> Result<State> {
        let failed = |cause: String| Error::failed(format!("cannot read the commit `{}`", self.reference)).cause(cause);
        let index = scratch.join("index");
        let git = |arguments: &[&str], input: &str| {
            run(&self.top, arguments, Some(&index), input).map_err(|it| it.explained(failed))
        };
        git(&["read-tree", commit], "")?;
        let files = git(&["ls-files", "-z"], "")?;
        let tree = scratch.join("tree");
        // Migrations may be next to the settings in a repository.
        let repository = std::fs::create_dir_all(tree.join(".git"));
        repository.map_err(|error| failed(error.to_string()))?;
        let prefix = format!("--prefix={}/", tree.display());
        let check_out = |is_wanted: &dyn Fn(&Path) -> bool| {
            let wanted = files.split_inclusive('\0').filter(|it| is_wanted(Path::new(it.trim_end_matches('\0'))));
            git(&["checkout-index", "-z", "--stdin", &prefix], &wanted.collect::<String>())
        };
        // The settings say where the migrations are.
        let is_settings = |name: &Path| name.extension().is_some_and(|it| it == "toml" || it == "lock");
        check_out(&|path| path.parent() == Some(trimmed(&self.project)) && is_settings(path))?;
        let root = tree.join(&self.project);
        std::fs::create_dir_all(&root).map_err(|error| failed(error.to_string()))?;
        let settings = settings_at(&root, context);
        let migrations = above(&self.project, &settings).join(&settings.migrations);
        check_out(&|path| path.starts_with(&migrations))?;
        state(context, &settings)
    }
}

/// The settings of another state of the project; those of this one, if they cannot be read.
fn settings_at(root: &Path, context: &Context) -> Settings {
    let now = &context.settings;
    let file = now.file.file_name().map(|name| root.join(name)).filter(|file| file.exists());
    let load = LoadRequest {
        config: file,
        environment: now.environment.as_ref().map(|it| it.value.clone()),
        database: now.database.as_ref().map(|it| it.value.clone()),
        wanted: DatabaseUse::Kind,
        start_dir: root.to_path_buf(),
        env: context.env.clone(),
        ..LoadRequest::default()
    };
    let here = || Settings { root: above(root, now).to_path_buf(), ..now.clone() };
    let settings = Settings::load(&load).ok().filter(|settings| settings.directory() == root).unwrap_or_else(here);
    Settings { cache_directory: now.cache_directory.clone(), ..settings }
}

/// The root of a project, by the directory of its settings.
fn above<'p>(directory: &'p Path, settings: &Settings) -> &'p Path {
    directory.ancestors().nth(settings.below.iter().count()).unwrap_or(directory)
}

fn trimmed(path: &Path) -> &Path {
    Path::new(path.to_str().map_or("", |text| text.trim_end_matches('/')))
}

/// Why `git` did nothing.
enum Failed {
    /// It cannot be started.
    Start(std::io::Error),
    /// It failed, and said why.
    Git(String),
}

impl Failed {
    fn explained(self, of_git: impl Fn(String) -> Error) -> Error {
        match self {
            Self::Git(cause) => of_git(cause),
            Self::Start(error) => Error::failed("cannot run `git`, which `--base` needs")
                .cause(error)
                .hint("install git, and check that it is on the `PATH`"),
        }
    }
}

/// Runs `git` in a directory, with an index of its own if one is given; returns its output.
fn run(directory: &Path, arguments: &[&str], index: Option<&Path>, input: &str) -> Result<String, Failed> {
    let mut command = Command::new("git");
    // What a sparse checkout leaves out belongs to the project, too.
    command.arg("-C").arg(directory).args(["-c", "core.sparseCheckout=false"]).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if let Some(index) = index {
        command.env("GIT_INDEX_FILE", index);
    }
    let mut child = command.spawn().map_err(Failed::Start)?;
    if let Some(mut stdin) = child.stdin.take() {
        // If it ends without reading, its status says so.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().map_err(Failed::Start)?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(Failed::Git(String::from_utf8_lossy(&output.stderr).trim().to_owned())),
    }
}

fn line(output: &str) -> String {
    output.trim_end_matches(['\n', '\r']).to_owned()
}
