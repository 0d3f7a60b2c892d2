//! `runner doctor`

use super::context::{Context, HistoryDetail, OpenedDatabase};
use super::exit;
use super::test_runs::TestRuns;
use crate::attack;
use crate::engine::isolation::{self, Barrier, Isolation};
use crate::engine::plan::grants_for;
use crate::error::{ErrorKind, Result};
use crate::project::catalog::Catalog;
use crate::report::json::DoctorJson;
use crate::report::{Format, text};
use crate::runtime;

/// Shows what isolates the project's components on this database, and with `with_attack` what a hostile one would achieve.
/// Fails if a component could reach beyond it.
pub fn run(context: &Context, with_attack: bool) -> Result<u8> {
    let catalog = context.inspect()?.catalog;
    runtime::run(async {
        let OpenedDatabase { database, facts, .. } = context.open(HistoryDetail::Live).await?;
        let isolation = match database {
            Some(mut database) => isolation::look(&mut database.host()).await.map_err(|error| context.place(error))?,
            None => Isolation { login: None, barrier: Barrier::Authorizer, powers: Vec::new() },
        };
        let attacked = match with_attack {
            true => {
                let url = &context.settings.database_url.value;
                let tried = attack::attack(url, &TestRuns::options(context, facts.dialect), facts.dialect).await;
                Some(tried.map_err(|error| context.place(error))?)
            }
            false => None,
        };
        let components = components(context, &catalog);
        let each = || components.iter().map(|component| (&*component.id, component.granted.as_deref()));
        context.say_database();
        match context.printer.format() {
            Format::Json => {
                let (database, enforced) = (context.database_json(), facts.enforces_grants);
                let doctor = DoctorJson::new(database, &facts.version, &isolation, enforced, each());
                context.printer.json(&doctor.attacked(attacked.as_ref()));
            }
            Format::Text => {
                context.printer.data(&text::doctor(&facts, &isolation, each()));
                if let Some(attacked) = &attacked {
                    context.printer.data(&text::attacked(attacked));
                }
            }
        }
        let reaches_beyond = !components.is_empty() && !isolation.powers.is_empty();
        let is_unenforced = !facts.enforces_grants && components.iter().any(|component| component.granted.is_some());
        let is_open = attacked.is_some_and(|report| !report.succeeded.is_empty());
        Ok(if reaches_beyond || is_unenforced || is_open { exit::of(ErrorKind::Denied) } else { exit::DONE })
    })
}

/// A component of the project, and what the settings grant it; `None`: what SQL may do.
struct Component {
    /// `REVISION_name`.
    id: String,
    /// The grants, one per line.
    granted: Option<Vec<String>>,
}

fn components(context: &Context, catalog: &Catalog) -> Vec<Component> {
    let components = catalog.migrations.iter().filter(|migration| migration.kind.is_sandboxed());
    let granted = components.map(|migration| {
        let grants = grants_for(&context.settings.grants, &migration.revision, &migration.name);
        Component { id: migration.id(), granted: grants.map(|grants| grants.lines().collect()) }
    });
    granted.collect()
}
