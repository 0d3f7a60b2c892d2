//! `runner diff`

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::context::{Context, HistoryDetail};
use super::exit;
use super::new_lines::NewLines;
use super::request::{DiffRequest, GlobalRequest};
use super::signals;
use super::test_runs::{Catalogs, TestRuns};
use runner_base::error::{Error, Result};
use runner_base::runtime;
use runner_database::{ConnectOptions, Database, DatabaseUrl, Dialect, StopSignal};
use runner_drivers::connect;
use runner_engine::apply::Action;
use runner_engine::identity::Identity;
use runner_engine::target::Target;
use runner_project::{Catalog, Checks, migration_id};
use runner_report::json::DiffJson;
use runner_report::{Format, text};
use runner_schema::{Difference, Reading, Schema};
use runner_testing::migration_tests::{TestRunner as _, run_script};
use runner_testing::scratch::Scratch;

/// The database of the settings.
const DATABASE: &str = "database";
/// The project's migrations; with `@`, up to a target.
const MIGRATIONS: &str = "migrations";

/// Where a schema comes from.
enum Side {
    Database,
    Url(DatabaseUrl),
    Migrations(Target),
    Files(Vec<PathBuf>),
}

/// Compares two schemas.
pub fn run(context: Context, global: &GlobalRequest, request: &DiffRequest) -> Result<u8> {
    let own = context.settings.migrations_directory();
    let sides = [Side::read(&request.from, &own)?, Side::read(&request.to, &own)?];
    let dialect = dialect(&context, &sides)?;
    let stop = StopSignal::default();
    signals::watch(&context.printer, &stop, None)?;
    let server = match sides.iter().any(Side::needs_scratch) {
        true => Some(scratch_server(&context, dialect, request.scratch.as_deref())?),
        false => None,
    };
    let states = States::new(context, global, (dialect, server), &sides, request.jobs, stop)?;
    let (before, after, differences) = runtime::run(states.compare(&sides))?;
    let printer = &states.context.printer;
    let (from, to) = ((&before.schema, before.name.as_str()), (&after.schema, after.name.as_str()));
    match printer.format() {
        Format::Json => printer.json(&DiffJson::new(from, to, &differences)),
        Format::Text => {
            printer.data(&text::differences(from.0, to.0, &differences));
            printer.info(&text::differences_summary(from, to, differences.len()));
        }
    }
    Ok(if request.exit_code && !differences.is_empty() { exit::PENDING } else { exit::DONE })
}

/// The one kind of database that both sides are of.
fn dialect(context: &Context, sides: &[Side; 2]) -> Result<Dialect> {
    let own = context.settings.database_url.value.dialect();
    let mut found = sides.iter().filter_map(|side| match side {
        Side::Database => Some(own),
        Side::Url(url) => Some(url.dialect()),
        Side::Migrations(_) | Side::Files(_) => None,
    });
    let first = found.next().unwrap_or(own);
    match found.next() {
        // A URL of MySQL may be that of MariaDB, and the other way round: the servers say which they are.
        Some(second) if !are_alike(first, second) => Err(of_two_kinds(first, second)),
        _ => Ok(first),
    }
}

/// Whether a server of one may turn out to be one of the other.
fn are_alike(one: Dialect, other: Dialect) -> bool {
    let is_mysql = |dialect| matches!(dialect, Dialect::Mysql | Dialect::Mariadb);
    one == other || is_mysql(one) && is_mysql(other)
}

fn of_two_kinds(one: Dialect, other: Dialect) -> Error {
    Error::usage(format!("a schema of {one} cannot be compared with one of {other}"))
        .hint("compare databases of one kind, and give scratch databases a server of the same")
}

impl Side {
    /// Whether it has to be made before it can be read.
    fn needs_scratch(&self) -> bool {
        matches!(self, Self::Migrations(_) | Self::Files(_))
    }

    /// `own`: the directory of the project's migrations.
    fn read(text: &str, own: &Path) -> Result<Self> {
        if text == DATABASE {
            return Ok(Self::Database);
        }
        if let Some(rest) = text.strip_prefix(MIGRATIONS) {
            if rest.is_empty() {
                return Ok(Self::Migrations(Target::Latest));
            }
            if let Some(target) = rest.strip_prefix('@') {
                return target.parse().map(Self::Migrations);
            }
        }
        let path = Path::new(text);
        if path.is_dir() {
            if std::fs::canonicalize(path).ok() == std::fs::canonicalize(own).ok() {
                return Err(Error::usage(format!(
                    "`{text}` is the directory of the migrations, which are no schema by themselves"
                ))
                .hint(format!("`{MIGRATIONS}` is what they make of an empty database")));
            }
            return files_of(path).map(Self::Files);
        }
        if path.extension().is_some_and(|end| end.eq_ignore_ascii_case("sql")) {
            return Ok(Self::Files(vec![path.to_owned()]));
        }
        if text.contains(':') {
            let start = std::env::current_dir().unwrap_or_default();
            return Ok(Self::Url(DatabaseUrl::parse(text, &start)?));
        }
        Err(Error::usage(format!("`{text}` is not a schema"))
            .hint("name `database`, `migrations`, `migrations@TARGET`, the URL of a database, a SQL file, or a directory of them"))
    }
}

/// The SQL files of a directory, in the order of their names.
fn files_of(directory: &Path) -> Result<Vec<PathBuf>> {
    let failed = |error: std::io::Error| {
        let hint = "name a directory that this user may read";
        Error::failed(format!("cannot read `{}`", directory.display())).cause(error).hint(hint)
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|end| end.eq_ignore_ascii_case("sql")) {
            found.push(path);
        }
    }
    found.sort();
    if found.is_empty() {
        let error = Error::usage(format!("there is no SQL file in `{}`", directory.display()));
        return Err(error.hint("name a directory of files that end in `.sql`"));
    }
    Ok(found)
}

/// The schema of a side.
struct State {
    schema: Schema,
    /// How messages call it.
    name: String,
    /// The database that was made for it.
    scratch: Option<Scratch>,
}

/// What obtains schemas.
struct States {
    context: Arc<Context>,
    runs: TestRuns,
    catalogs: Catalogs,
    options: ConnectOptions,
    /// The server on which scratch databases are made, where there has to be one.
    server: Option<DatabaseUrl>,
}

impl States {
    fn new(
        context: Context,
        global: &GlobalRequest,
        (dialect, server): (Dialect, Option<DatabaseUrl>),
        sides: &[Side; 2],
        jobs: usize,
        stop: StopSignal,
    ) -> Result<Self> {
        let mut catalogs = Catalogs::new();
        let has_migrations = sides.iter().any(|side| matches!(side, Side::Migrations(_)));
        if let Some(server) = server.as_ref().filter(|_| has_migrations) {
            let (_, NewLines(lines)) = context.catalog_for_now(false)?;
            let checks = Checks { dialect: Some(server.dialect()), ..Checks::default() };
            catalogs.insert(server.dialect(), Arc::new(Catalog::load_with(&context.settings, checks, &lines)?));
        }
        let context = Arc::new(context);
        let now = Identity::now();
        let inputs = (now.run_timestamp, now.seed);
        Ok(Self {
            options: TestRuns::options(&context, dialect),
            runs: TestRuns::new(context.clone(), global, catalogs.clone(), inputs, jobs, stop)?,
            server,
            catalogs,
            context,
        })
    }

    /// Both schemas, and how they differ. No scratch database remains.
    async fn compare(&self, [from, to]: &[Side; 2]) -> Result<(State, State, Vec<Difference>)> {
        // What exists comes first: a scratch database is made like it.
        let is_swapped = from.needs_scratch() && !to.needs_scratch();
        let [first, second] = if is_swapped { [to, from] } else { [from, to] };
        let mut first = self.read(first, None).await?;
        let compared = match self.read(second, Some(&first.schema)).await {
            Ok(mut second) => {
                let [before, after] = if is_swapped { [&second, &first] } else { [&first, &second] };
                let differences = self.differences(before, after).await;
                discard(&mut second).await.and(differences).map(|differences| (second, differences))
            }
            Err(error) => Err(error),
        };
        let discarded = discard(&mut first).await;
        let (second, differences) = compared?;
        let (before, after) = if is_swapped { (second, first) } else { (first, second) };
        discarded.map(|()| (before, after, differences))
    }

    /// The differences, without those that are none to the server, which is asked on a scratch database.
    async fn differences(&self, before: &State, after: &State) -> Result<Vec<Difference>> {
        // The scheme of a URL does not say which of the two a server of MySQL's protocol is.
        let [one, other] = [before.schema.dialect, after.schema.dialect];
        if one != other {
            return Err(of_two_kinds(one, other));
        }
        let differences = before.schema.differences(&after.schema);
        let Some(scratch) = after.scratch.as_ref().or(before.scratch.as_ref()) else { return Ok(differences) };
        let mut database = connect(&scratch.url, &self.options).await?;
        Ok(before.schema.without_equal(differences, &mut *database).await?)
    }

    /// `like`: the schema of a database that a new one is made like.
    async fn read(&self, side: &Side, like: Option<&Schema>) -> Result<State> {
        match side {
            Side::Database => self.existing(&self.context.settings.database_url.value, &self.options).await,
            Side::Url(url) => self.existing(url, &ConnectOptions::default()).await,
            Side::Migrations(target) => {
                let target = self.resolve(target).await?;
                let name = match &target {
                    Target::Revision(revision) => format!("the migrations up to `{}`", self.name_of(revision)),
                    Target::Base => "no migrations".to_owned(),
                    _ => "the migrations".to_owned(),
                };
                let apply = async |url: &DatabaseUrl| match target {
                    Target::Base => Ok(()),
                    target => self.runs.run(url, Action::Apply(target)).await,
                };
                let state = self.on_scratch(name, like, apply).await;
                state.map_err(|error| error.at("doing", "applying the migrations to a scratch database"))
            }
            Side::Files(files) => {
                let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
                let load = async |url: &DatabaseUrl| {
                    let mut database = connect(url, &self.options).await?;
                    for (file, name) in files.iter().zip(&names) {
                        let text = std::fs::read_to_string(file).map_err(|error| {
                            Error::usage(format!("cannot read `{name}`"))
                                .cause(error)
                                .hint("name SQL files in UTF-8, from the current directory")
                        })?;
                        // Commands of psql around a dump of PostgreSQL.
                        let is_command =
                            |line: &&str| line.starts_with("\\restrict ") || line.starts_with("\\unrestrict ");
                        let text: String = text
                            .split_inclusive('\n')
                            .map(|line| if is_command(&line) { "\n" } else { line })
                            .collect();
                        run_script(&mut *database, &text).await.map_err(|error| error.at("file", name))?;
                    }
                    Ok(())
                };
                self.on_scratch(names.join(", "), like, load).await
            }
        }
    }

    /// What is relative is so to the database of the settings, and not to the scratch database.
    async fn resolve(&self, target: &Target) -> Result<Target> {
        if matches!(target, Target::Latest | Target::Base | Target::Revision(_)) {
            return Ok(target.clone());
        }
        let opened = self.context.open(HistoryDetail::Live).await?;
        let all: Vec<&str> =
            self.catalogs.values().flat_map(|it| &it.migrations).map(|it| it.revision.as_str()).collect();
        let applied = match opened.history.current() {
            None => 0,
            Some(record) => {
                all.iter().position(|revision| *revision == record.revision).map(|at| at + 1).ok_or_else(|| {
                    Error::mismatch(format!("the migration `{}`, which is current, is not in the project", record.id()))
                        .hint("name a revision: `migrations@REVISION`")
                })?
            }
        };
        let wanted = match target {
            Target::Next => applied.checked_add(1),
            Target::Forward(count) => applied.checked_add(*count),
            Target::Back(count) => applied.checked_sub(*count),
            _ => Some(applied),
        };
        match wanted.filter(|wanted| *wanted <= all.len()) {
            Some(0) => Ok(Target::Base),
            Some(wanted) => Ok(Target::Revision(all[wanted - 1].to_owned())),
            None => Err(Error::usage(format!("`{MIGRATIONS}@{target}` is beyond the migrations of the project"))
                .hint(format!("{applied} of its {} migrations are applied", all.len()))),
        }
    }

    fn name_of(&self, revision: &str) -> String {
        let mut all = self.catalogs.values().flat_map(|catalog| &catalog.migrations);
        let found = all.find(|migration| migration.revision == revision);
        found.map_or_else(|| revision.to_owned(), |migration| migration_id(&migration.revision, &migration.name))
    }

    /// A database that is there already.
    async fn existing(&self, url: &DatabaseUrl, options: &ConnectOptions) -> Result<State> {
        let schema = self.schema(url, &ConnectOptions { create: false, ..options.clone() }).await?;
        Ok(State { schema, name: url.to_string(), scratch: None })
    }

    /// Fills a scratch database, and reads its schema.
    async fn on_scratch(
        &self,
        name: String,
        like: Option<&Schema>,
        fill: impl AsyncFnOnce(&DatabaseUrl) -> Result<()>,
    ) -> Result<State> {
        let no_server = || Error::failed("there is no server for a scratch database");
        let server = self.server.as_ref().ok_or_else(no_server)?;
        let scratch = Scratch::like(server, &self.options, like.and_then(Schema::charset)).await?;
        let read = match fill(&scratch.url).await {
            Ok(()) => self.schema(&scratch.url, &self.options).await,
            Err(error) => Err(error),
        };
        match read {
            Ok(schema) => Ok(State { schema, name, scratch: Some(scratch) }),
            Err(error) => {
                // The error matters more than that of the scratch database.
                drop(scratch.discard().await);
                Err(error)
            }
        }
    }

    async fn schema(&self, url: &DatabaseUrl, options: &ConnectOptions) -> Result<Schema> {
        let place = |error: Error| error.at("database", url.to_string());
        let mut database: Box<dyn Database> = connect(url, options).await.map_err(|error| place(error.into()))?;
        runner_schema::read(&mut *database, Reading::default()).await.map_err(|error| place(error.into()))
    }
}

/// Drops the database that was made for a side.
async fn discard(state: &mut State) -> Result<()> {
    match state.scratch.take() {
        Some(scratch) => scratch.discard().await,
        None => Ok(()),
    }
}

/// Where scratch databases are made: never on a server that was configured for other purposes.
fn scratch_server(context: &Context, dialect: Dialect, flag: Option<&str>) -> Result<DatabaseUrl> {
    if let Some(text) = flag {
        let url = DatabaseUrl::parse(text, &std::env::current_dir().unwrap_or_default())?;
        return if are_alike(dialect, url.dialect()) { Ok(url) } else { Err(of_two_kinds(dialect, url.dialect())) };
    }
    if !dialect.has_server() {
        return DatabaseUrl::parse("sqlite:scratch", &std::env::temp_dir());
    }
    let urls: Vec<DatabaseUrl> = context.settings.test.urls.clone()?.into_iter().map(|url| url.value).collect();
    let found = urls.iter().find(|url| url.dialect() == dialect);
    found.or_else(|| urls.iter().find(|url| are_alike(dialect, url.dialect()))).cloned().ok_or_else(|| {
        Error::usage(format!("no server of {dialect} is configured for scratch databases"))
            .hint("`--scratch URL` names one, on which a database is created and dropped afterwards")
            .hint("or list it in `runner.toml`: `[test]` with `urls = [\"postgres://…\"]`")
    })
}
