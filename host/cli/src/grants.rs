//! `runner grants`

use std::sync::Arc;

use super::context::{Context, HistoryDetail, OpenedDatabase};
use super::exit;
use super::grants_args::GrantsCommand;
use runner_base::error::{Error, Result};
use runner_base::runtime;
use runner_database::logins::{DesiredLogin, LoginReport, LoginRequest, LoginTask, Removal};
use runner_database::{Database, Dialect, order};
use runner_engine::history::History;
use runner_engine::plan::{PlanInput, PlanOptions, component_of_grants, grants_for};
use runner_engine::target::compare_revisions;
use runner_project::catalog::{Catalog, CatalogProblemKind};
use runner_project::{migration_id, package_of};
use runner_report::json::GrantsJson;
use runner_report::{Format, Text, text};

/// Checks the logins of components, or changes them.
pub fn run(context: &Context, command: GrantsCommand) -> Result<u8> {
    let report = context.inspect()?;
    let catalog = report.catalog;
    // A script that cannot be loaded has no login.
    for problem in report.problems.iter().filter(|problem| problem.kind == CatalogProblemKind::UnlistedScript) {
        context.printer.warn(&problem.message, Some(&problem.hint));
    }
    runtime::run(async {
        let OpenedDatabase { mut database, history, facts, .. } = context.open(HistoryDetail::Live).await?;
        let input = PlanInput { catalog: &catalog, history: &history, facts: &facts, options: PlanOptions::default() };
        let Asked { action, request } = asked(context, &input, &mut database, command).await?;
        let mut found = logins(context, &mut database, &request).await?;
        if let Some(database) = &mut database {
            let revealed = order::revealed(&mut database.host(), &request.wanted).await;
            found.notes.extend(revealed.map_err(|error| context.place(error.into()))?);
        }
        show(context, facts.dialect, (action, request.task), &found);
        Ok(exit::DONE)
    })
}

/// What a command asks for.
struct Asked {
    action: &'static str,
    request: LoginRequest,
}

async fn logins(
    context: &Context,
    database: &mut Option<Box<dyn Database>>,
    request: &LoginRequest,
) -> Result<LoginReport> {
    let Some(database) = database else { return Err(missing(context)) };
    database.host().logins(request).await.map_err(|error| context.place(error.into()))
}

async fn asked(
    context: &Context,
    input: &PlanInput<'_>,
    database: &mut Option<Box<dyn Database>>,
    command: GrantsCommand,
) -> Result<Asked> {
    let all = wanted(context, input)?;
    Ok(match command {
        GrantsCommand::List => Asked {
            action: "list",
            request: LoginRequest { task: LoginTask::Look, wanted: all, remove: Removal::Others },
        },
        GrantsCommand::Sync(args) => {
            let task = if args.sql { LoginTask::Script } else { LoginTask::Sync };
            let (wanted, remove) = match args.name {
                None => (all, Removal::Others),
                Some(name) => {
                    let is_asked = |it: &DesiredLogin| {
                        package_of(&it.id) == Some(&*name) || is_meant(&it.id, &it.grants.component, &name)
                    };
                    let of: Vec<DesiredLogin> = all.into_iter().filter(is_asked).collect();
                    if of.is_empty() {
                        component_of_grants(input, &name)?;
                        return Err(Error::usage(format!("the settings have no grants for `{name}`")).hint(format!(
                            "write `[grants.{name}]` into `runner.toml`; an empty table grants nothing"
                        )));
                    }
                    (of, Removal::Nothing)
                }
            };
            Asked { action: "sync", request: LoginRequest { task, wanted, remove } }
        }
        GrantsCommand::Remove(args) => {
            let remove = match args.revision {
                None => Removal::Others,
                Some(name) => Removal::Of(revision_of_login(context, input, database, &name).await?),
            };
            Asked { action: "remove", request: LoginRequest { task: LoginTask::Sync, wanted: Vec::new(), remove } }
        }
    })
}

/// Whether a text means a component: by its revision, or as `runner grants list` shows it.
fn is_meant(id: &str, revision: &str, text: &str) -> bool {
    id == text || compare_revisions(revision, text).is_eq()
}

/// Returns the revision of the component that a text names, of the project, of the history, or of a login that both have lost.
async fn revision_of_login(
    context: &Context,
    input: &PlanInput<'_>,
    database: &mut Option<Box<dyn Database>>,
    text: &str,
) -> Result<String> {
    let project = input.catalog.migrations.iter().map(|it| (&*it.revision, &*it.name, it.kind));
    let applied = input.history.live.iter().map(|it| (&*it.revision, &*it.name, it.kind));
    let mut components = project.chain(applied).filter(|(_, _, kind)| kind.is_sandboxed());
    let found = components.find(|(revision, name, _)| is_meant(&migration_id(revision, name), revision, text));
    if let Some((revision, ..)) = found {
        return Ok(revision.to_owned());
    }
    let request = LoginRequest { task: LoginTask::Look, wanted: Vec::new(), remove: Removal::Others };
    let mut left = logins(context, database, &request).await?.logins.into_iter();
    // Of the component, the login has the revision alone.
    let named = text.split_once('_').map_or("", |(revision, _)| revision);
    let found = left.find(|login| [text, named].iter().any(|it| compare_revisions(&login.revision, it).is_eq()));
    found.map(|login| login.revision).ok_or_else(|| {
        Error::usage(format!("no component `{text}`, and no login of one")).hint("`runner grants list` shows them")
    })
}

/// The components under grants: of the project, and those that only the history has, which can be rolled back.
fn wanted(context: &Context, input: &PlanInput<'_>) -> Result<Vec<DesiredLogin>> {
    let settings = &context.settings.grants;
    // Names of packages have a `/`; the catalog has compared them.
    for name in settings.keys().filter(|name| !name.contains('/')) {
        component_of_grants(input, name)?;
    }
    let project = input.catalog.migrations.iter().map(|it| (&*it.revision, &*it.name, it.kind));
    let only_history = input.history.live.iter().filter(|record| input.catalog.get(&record.revision).is_none());
    let all = project.chain(only_history.map(|it| (&*it.revision, &*it.name, it.kind)));
    let granted = all.filter(|(_, _, kind)| kind.is_sandboxed()).filter_map(|(revision, name, _)| {
        let grants = Arc::new(grants_for(settings, revision, name)?.of(revision));
        let is_early = is_early(input.catalog, input.history, revision);
        Some(DesiredLogin { id: migration_id(revision, name), grants, is_early })
    });
    Ok(granted.collect())
}

/// Whether migrations before a revision are pending.
fn is_early(catalog: &Catalog, history: &History, revision: &str) -> bool {
    let is_applied = |revision: &str| history.live.iter().any(|record| record.revision == revision);
    let mut before = catalog.migrations.iter().filter(|it| compare_revisions(&it.revision, revision).is_lt());
    before.any(|migration| !is_applied(&migration.revision))
}

fn missing(context: &Context) -> Error {
    context.place(Error::failed("the database does not exist").hint("`runner apply` creates a SQLite file"))
}

fn show(context: &Context, dialect: Dialect, (action, task): (&'static str, LoginTask), found: &LoginReport) {
    let printer = &context.printer;
    context.say_database();
    match printer.format() {
        Format::Json => printer.json(&GrantsJson::new(context.database_json(), action, task, found)),
        Format::Text => {
            match task {
                LoginTask::Look => printer.data(&text::logins(found)),
                LoginTask::Script => printer.data(&text::login_statements(found, dialect, printer.script_to())),
                LoginTask::Sync => printer.info(&Text::new().plain(text::login_changes(action, found)).end()),
            }
            found.notes.iter().for_each(|note| printer.warn(note, None));
        }
    }
}
