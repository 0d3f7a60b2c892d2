//! `runner plan` on several databases: what would run on each.

use super::Fleet;
use crate::context::{HistoryDetail, OpenedDatabase};
use crate::exit;
use crate::request::PlanRequest;
use runner_base::error::{Error, Result};
use runner_base::runtime;
use runner_engine::apply::planned_sql;
use runner_engine::control::in_progress::note;
use runner_engine::plan::{Plan, PlanInput, plan_towards};
use runner_project::Catalog;
use runner_report::json::FleetPlanJson;
use runner_report::{Format, text};

/// Shows what would run.
pub fn run(fleet: &Fleet, request: &PlanRequest) -> Result<u8> {
    if request.sql {
        return Err(Error::usage("`--sql` shows the statements for one database")
            .hint("name the database with `--database NAME`"));
    }
    let loaded: Vec<_> =
        fleet.contexts.iter().map(|context| context.catalog_for_now(request.locked)).collect::<Result<_>>()?;
    let (catalogs, _): (Vec<Catalog>, Vec<_>) = loaded.into_iter().unzip();
    let look = |at: usize, _| -> Result<Plan> {
        let setup = fleet.setup(at);
        let catalog = &catalogs[fleet.members[at].base];
        runtime::run(async {
            let OpenedDatabase { mut database, history, facts, under_way } = setup.open(HistoryDetail::ForPlan).await?;
            if let Some(run) = under_way {
                fleet.printer.warn(&format!("{}: {}", fleet.members[at].name, note(&run)), None);
            }
            let input = PlanInput { catalog, history: &history, facts: &facts, options: request.options };
            let planned = plan_towards(&input, &request.target);
            let (grants, limits) = (&setup.settings.grants, &setup.settings.limits);
            let planned = planned.and_then(|plan| plan.with_grants(&input, grants, limits));
            let plan = planned.map_err(|error| setup.place(error))?;
            // What no database could run is refused as the run would refuse it.
            let values = (&facts, &setup.settings.parameters);
            planned_sql(&plan, catalog, &mut database, values).await.map_err(|error| setup.place(error))?;
            plan.check(setup.settings.isolation, &facts).map_err(|error| setup.place(error))?;
            Ok(plan)
        })
    };
    let each = fleet.read(&look);
    let printer = &fleet.printer;
    match printer.format() {
        Format::Json => printer.json(&FleetPlanJson::new(request.target.to_string(), &each)),
        Format::Text => {
            printer.data(&text::fleet_plans(&each));
            fleet.print_errors(&each);
            printer.info(&text::fleet_plan_summary(&each));
        }
    }
    Ok(super::exit_code(each.iter().filter_map(|it| it.ended.error()).map(exit::code)))
}
