//! `runner plan`

use super::context::{Context, Look, Looked};
use super::request::PlanRequest;
use super::{exit, runtime};
use crate::engine::apply::planned_sql;
use crate::engine::plan::{Input, plan_towards};

use crate::error::Result;
use crate::report::json::PlanJson;
use crate::report::{Format, Text, text};

/// Says what would run.
pub fn run(context: &Context, request: &PlanRequest) -> Result<u8> {
    let catalog = context.catalog(request.locked)?;
    runtime::look(async {
        let Looked { database, history, facts } = context.look(Look::WithArtifacts).await?;
        let input = Input { catalog: &catalog, history: &history, facts: &facts, options: request.options };
        let plan = plan_towards(&input, &request.target)?;
        let sql = match request.sql {
            true => Some(planned_sql(&plan, &catalog, database).await?),
            false => None,
        };
        let printer = &context.printer;
        match (printer.format(), &sql) {
            (Format::Json, sql) => {
                let target = request.target.to_string();
                printer.json(&PlanJson::new(context.database_json(), target, &plan, sql.as_deref()));
            }
            (Format::Text, Some(sql)) => printer.data(&text::plan_sql(&plan, sql)),
            (Format::Text, None) => printer.data(&text::plan(&plan)),
        }
        if plan.is_empty() && printer.format() == Format::Text {
            let at =
                plan.current.map_or_else(|| "nothing is applied".to_owned(), |id| format!("the database is at `{id}`"));
            printer.talk(&Text::new().plain(format!("nothing to do: {at}")).end());
        }
        Ok(exit::DONE)
    })
}
