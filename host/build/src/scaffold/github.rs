//! `runner init --ci github`: a workflow that checks the migrations of every pull request.

use std::path::{Path, PathBuf};

use super::{Scaffolded, cannot_write};
use crate::build::{Needs, needs};
use runner_base::error::{Error, Result};
use runner_database::Dialect;
use runner_project::files::open_root;
use runner_project::settings::Settings;

const WORKFLOW: &str = ".github/workflows/migrations.yml";

/// Where the workflow is written: the root of the repository, which is the project if that is in none.
fn repository(project: &Path) -> &Path {
    project.ancestors().find(|directory| directory.join(".git").exists()).unwrap_or(project)
}

/// A path without links and `..`, as far as it exists: what is above it is above the directory then, too.
fn resolved(path: &Path) -> PathBuf {
    let real = |above: &Path| Some(above.canonicalize().ok()?.join(path.strip_prefix(above).ok()?));
    path.ancestors().find_map(real).unwrap_or_else(|| path.to_path_buf())
}

/// Fails if there is a workflow. `project` is absolute, and need not exist.
pub fn check(project: &Path) -> Result<()> {
    let project = resolved(project);
    let file = repository(&project).join(WORKFLOW);
    if !file.exists() {
        return Ok(());
    }
    Err(Error::usage(format!("`{}` already exists", file.display())).hint("delete it to have it written again"))
}

/// Writes the workflow of a project.
pub fn github(settings: &Settings, made: &mut Scaffolded) -> Result<()> {
    let project = settings.directory().canonicalize().map_err(|error| cannot_write(&settings.root, &error))?;
    let root = repository(&project);
    check(&project)?;
    let below = project.strip_prefix(root).unwrap_or(Path::new("")).to_path_buf();
    let mut written = Scaffolded::default();
    let workflow = workflow(settings, &below, &needs(settings)?);
    written.add(&open_root(root)?, Path::new(WORKFLOW), workflow)?;
    // As seen from the project.
    let up: PathBuf = below.components().map(|_| "..").collect();
    made.files.push(up.join(WORKFLOW));
    Ok(())
}

/// The text of the workflow of a project in this directory of its repository.
fn workflow(settings: &Settings, below: &Path, needs: &Needs) -> String {
    let server = Server::of(settings.database_url.value.dialect());
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let defaults = match below.to_string_lossy() {
        here if here.is_empty() => String::new(),
        below => format!("    defaults:\n      run:\n        working-directory: {}\n", quoted(&below)),
    };
    let mut env: Vec<String> = Vec::new();
    if let Some(server) = &server {
        env.push(format!("RUNNER_DATABASE_URL: {}", server.url));
    }
    if let Some(name) = &settings.database {
        env.push(format!("RUNNER_DATABASE: {}", quoted(&name.value)));
    }
    let env = match env.is_empty() {
        true => String::new(),
        false => format!("    env:\n{}", env.iter().map(|line| format!("      {line}\n")).collect::<String>()),
    };
    // A project of SQL alone may have no lockfile.
    let is_locked = settings.root.join(settings.lockfile_name()).exists();
    include_str!("templates/github.yml")
        .replace("{{defaults}}", &defaults)
        .replace("{{services}}", &server.as_ref().map(Server::service).unwrap_or_default())
        .replace("{{env}}", &env)
        .replace("{{check}}", &check_step(needs))
        .replace("{{version}}", env!("CARGO_PKG_VERSION"))
        .replace("{{repository}}", env!("CARGO_PKG_REPOSITORY"))
        .replace("{{locked}}", if is_locked { " --locked" } else { "" })
        .replace("{{server}}", if server.is_some() { " --database-url \"$RUNNER_DATABASE_URL\"" } else { "" })
}

/// The steps that build the components again, if any can be built.
fn check_step(needs: &Needs) -> String {
    if !needs.builds {
        return String::new();
    }
    let mut steps = String::new();
    if !needs.commands.is_empty() {
        let lines: String = needs.commands.iter().map(|line| format!("          {line}\n")).collect();
        steps.push_str("      # The versions that made the artifacts: others may give other bytes.\n");
        steps.push_str(&format!("      - name: Install what the builds need\n        run: |\n{lines}"));
    }
    for page in &needs.pages {
        steps.push_str(&format!("      # The builds need {page}\n"));
    }
    steps + "      - name: Prove that the artifacts come from their sources\n        run: runner build --check\n"
}

/// A database server for the workflow.
struct Server {
    name: &'static str,
    image: &'static str,
    env: &'static [&'static str],
    port: u16,
    /// Succeeds once it accepts connections.
    health: &'static str,
    url: &'static str,
}

impl Server {
    fn of(dialect: Dialect) -> Option<Self> {
        match dialect {
            Dialect::Sqlite => None,
            Dialect::Postgres => Some(Self {
                name: "postgres",
                image: "postgres:17",
                env: &["POSTGRES_PASSWORD: postgres"],
                port: 5432,
                health: "pg_isready --host 127.0.0.1",
                url: "postgres://postgres:postgres@127.0.0.1:5432/postgres",
            }),
            Dialect::Mariadb => Some(Self {
                name: "mariadb",
                image: "mariadb:11.4",
                env: &["MARIADB_ROOT_PASSWORD: root", "MARIADB_DATABASE: migrations"],
                port: 3306,
                health: "healthcheck.sh --connect --innodb_initialized",
                url: "mariadb://root:root@127.0.0.1:3306/migrations",
            }),
            Dialect::Mysql => Some(Self {
                name: "mysql",
                image: "mysql:8.4",
                env: &["MYSQL_ROOT_PASSWORD: root", "MYSQL_DATABASE: migrations"],
                port: 3306,
                health: "mysqladmin ping --host=127.0.0.1 --user=root --password=root",
                url: "mysql://root:root@127.0.0.1:3306/migrations",
            }),
        }
    }

    fn service(&self) -> String {
        let Self { name, image, env, port, health, .. } = self;
        let env: String = env.iter().map(|line| format!("          {line}\n")).collect();
        format!(
            "    services:\n      {name}:\n        # Take the version that you run.\n        image: {image}\n        env:\n{env}        \
             ports: [\"{port}:{port}\"]\n        options: >-\n          --health-cmd \"{health}\"\n          \
             --health-interval 5s --health-timeout 5s --health-retries 20\n"
        )
    }
}
