//! `runner doctor`

use std::sync::Arc;

use super::context::{Context, HistoryDetail, OpenedDatabase};
use super::exit;
use super::test_runs::TestRuns;
use runner_base::error::{ErrorKind, Result};
use runner_base::runtime;
use runner_database::logins::{DesiredLogin, LoginReport, LoginRequest, LoginTask, Removal};
use runner_database::order;
use runner_engine::isolation::{self, Barrier, Isolation};
use runner_engine::plan::{granted_lines, grants_for};
use runner_project::catalog::Catalog;
use runner_report::json::DoctorJson;
use runner_report::{Format, GrantedComponent, text};

/// Shows what the server can do, what isolates the project's components on it, and with `with_attack` what a hostile one
/// would achieve. Fails if a component could reach beyond the database.
pub fn run(context: &Context, with_attack: bool) -> Result<u8> {
    let catalog = context.inspect()?.catalog;
    runtime::run(async {
        let OpenedDatabase { database, facts, .. } = context.open(HistoryDetail::Live).await?;
        let mut components = components(context, &catalog);
        let mut notes = Vec::new();
        let mut isolation = Isolation { login: None, barrier: Barrier::Authorizer, powers: Vec::new() };
        if let Some(mut database) = database {
            isolation = isolation::check(&mut database.host()).await.map_err(|error| context.place(error))?;
            let wanted: Vec<_> = components.iter().filter_map(|component| component.wanted.clone()).collect();
            let revealed = order::revealed(&mut database.host(), &wanted).await;
            notes.extend(revealed.map_err(|error| context.place(error.into()))?);
            if facts.separate_logins {
                let request = LoginRequest { task: LoginTask::Look, wanted, remove: Removal::Nothing };
                let found = database.host().logins(&request).await.map_err(|error| context.place(error.into()))?;
                notes.extend(differences(&mut components, found));
                if !components.is_empty() && components.iter().all(|component| component.granted.is_some()) {
                    isolation.barrier = Barrier::SeparateLogins;
                }
            }
        }
        let attacked = match with_attack {
            true => {
                let url = &context.settings.database_url.value;
                let options = TestRuns::options(context, facts.dialect);
                let tried = runner_attack::attack(url, &options, facts.dialect, isolation.barrier).await;
                Some(tried.map_err(|error| context.place(error))?)
            }
            false => None,
        };
        let each: Vec<_> = components.iter().map(Component::granted).collect();
        context.say_database();
        match context.printer.format() {
            Format::Json => {
                let database = context.database_json();
                context.printer.json(&DoctorJson::new(database, &facts, &isolation, &each, notes, attacked.as_ref()));
            }
            Format::Text => {
                context.printer.data(&text::doctor(&facts, &isolation, &each));
                if let Some(attacked) = &attacked {
                    context.printer.data(&text::attacked(attacked));
                    if attacked.is_incomplete() {
                        let what =
                            if attacked.tried == 0 { "no attack was" } else { "not all attacks that matter were" };
                        context.printer.warn(
                            &format!("{what} tried"),
                            Some("let the login create databases, or give the URL of one that may"),
                        );
                    }
                }
                notes.iter().for_each(|note| context.printer.warn(note, None));
            }
        }
        let shares = |component: &Component| component.granted.is_none() || !facts.separate_logins;
        let reaches_beyond = components.iter().any(shares) && !isolation.powers.is_empty();
        let is_open = attacked.as_ref().is_some_and(|report| !report.succeeded.is_empty());
        // What was not tried is not safe.
        let is_untried = attacked.is_some_and(|report| report.is_incomplete());
        let is_out_of_line = components.iter().any(|component| !component.differences.is_empty());
        let is_denied = reaches_beyond || is_open || is_untried || is_out_of_line;
        Ok(if is_denied { exit::of(ErrorKind::Denied) } else { exit::DONE })
    })
}

/// A component of the project, and what the settings grant it.
struct Component {
    /// `REVISION_name`.
    id: String,
    /// The grants, one per line; `None`: what SQL may do.
    granted: Option<Vec<String>>,
    /// The login that it should have.
    wanted: Option<DesiredLogin>,
    /// How its login differs from that.
    differences: Vec<String>,
}

impl Component {
    fn granted(&self) -> GrantedComponent<'_> {
        GrantedComponent { id: &self.id, granted: self.granted.as_deref(), differences: &self.differences }
    }
}

fn components(context: &Context, catalog: &Catalog) -> Vec<Component> {
    let components = catalog.migrations.iter().filter(|migration| migration.kind.is_sandboxed());
    let granted = components.map(|migration| {
        let (id, grants) = (migration.id(), grants_for(&context.settings.grants, &migration.revision, &migration.name));
        Component {
            wanted: grants.as_ref().map(|grants| DesiredLogin {
                id: id.clone(),
                grants: Arc::new(grants.of(&migration.revision)),
                is_early: true,
            }),
            granted: grants.as_deref().map(granted_lines),
            differences: Vec::new(),
            id,
        }
    });
    granted.collect()
}

/// Notes how logins differ; returns what else was found.
fn differences(components: &mut [Component], found: LoginReport) -> Vec<String> {
    for login in found.logins {
        let of = components.iter_mut().find(|component| Some(&component.id) == login.component.as_ref());
        if let Some(component) = of {
            component.differences = login.differences;
        }
    }
    found.notes
}
