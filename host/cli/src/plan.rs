//! `runner plan`

use super::context::{Context, HistoryDetail, OpenedDatabase};
use super::exit;
use super::remarks::Remarks;
use super::request::PlanRequest;
use super::survey::with_refusals;
use runner_base::dialect::Dialect;
use runner_base::error::{Error, Result};
use runner_base::runtime;
use runner_database::logins::{LoginRequest, LoginTask, Removal};
use runner_database::{Database, Facts, HostSession, order};
use runner_engine::Direction;
use runner_engine::apply::{PlannedSql, planned_sql};
use runner_engine::chunks::Chunks;
use runner_engine::control::in_progress::note;
use runner_engine::existing_database;
use runner_engine::held_locks::held_locks;
use runner_engine::history::RunMode;
use runner_engine::plan::{
    Inspection, Plan, PlanInput, Refusal, Statements, check_dry_run, down_mode, file_of, inspect, plan_towards,
};
use runner_engine::transcript::store::known_unrepeatable;
use runner_library::run::revision_of;
use runner_project::catalog::Catalog;
use runner_project::settings::OnExisting;
use runner_report::escape::first_escaped;
use runner_report::json::{ErrorJson, PlanJson};
use runner_report::{Format, Printer, Text, text};
use runner_sql::{Sql, changes_session};

/// Shows what would run.
pub fn run(context: &Context, request: &PlanRequest) -> Result<u8> {
    let catalog = context.catalog_for_now(request.locked);
    let (catalog, _) = catalog.map_err(|error| with_refusals(context, request.locked, error))?;
    runtime::run(async {
        let OpenedDatabase { mut database, history, facts, under_way } = context.open(HistoryDetail::ForPlan).await?;
        let input = PlanInput { catalog: &catalog, history: &history, facts: &facts, options: request.options };
        // Before an error that may have to do with it.
        if let Some(run) = &under_way {
            context.printer.warn(&note(run), None);
        }
        let (grants, limits) = (&context.settings.grants, &context.settings.limits);
        let plan = plan_towards(&input, &request.target).and_then(|plan| plan.with_grants(&input, grants, limits));
        let plan = plan.map_err(|error| context.place(error))?;
        let refusal = existing(context, &plan, &catalog, &mut database).await?;
        let values = (&facts, &context.settings.parameters);
        let planned = planned_sql(&plan, &catalog, &mut database, values).await;
        let PlannedSql { runs: sql, statements, downs } = planned.map_err(|error| context.place(error))?;
        let chunking = context.settings.chunking.fit(facts.dialect)?;
        let chunks = match facts.dialect.has_many_writers() {
            true => Chunks::of(chunking.rows, chunking.time, limits.batch_rows),
            false => Chunks::of_one_writer(chunking.rows, limits.batch_rows),
        };
        let mut steps = inspections((&plan, &sql, &statements), chunks, &facts);
        let warnings = downgrades(&plan, &downs, &catalog, &facts);
        if let Some(database) = &mut database {
            recall(&plan, &mut steps, &mut database.host()).await.map_err(|error| context.place(error))?;
            add_locks(&plan, &sql, &mut steps, &mut database.host()).await.map_err(|error| context.place(error))?;
        }
        let shown = request.sql.then_some(sql.as_slice());
        let printer = &context.printer;
        context.say_database();
        let notes = say_isolation(context, &plan, &facts, &mut database).await?;
        let is_text = printer.format() == Format::Text;
        let checked = refusal.map_or_else(|| plan.check(context.settings.isolation, &facts), Err);
        let checked = checked.map_err(|error| context.place(error));
        match (printer.format(), shown) {
            (Format::Json, sql) => {
                let target = request.target.to_string();
                let error = checked.as_ref().err().map(ErrorJson::new);
                let told = (&*warnings, &*notes, error);
                printer.json(&PlanJson::new(context.database_json(), target, &plan, &steps, sql, told));
            }
            (Format::Text, Some(sql)) => {
                printer.data(&text::plan_sql(&plan, sql, facts.dialect, printer.script_to()));
                warn_of_escapes(printer, &plan, sql, &catalog);
                warn_of_sessions(printer, &plan, sql, &catalog, facts.dialect);
            }
            (Format::Text, None) => printer.data(&text::plan(&plan, &steps)),
        }
        if is_text {
            text::remarks(&warnings, &[]).iter().for_each(|remark| printer.always(remark));
            let mut remarks = Remarks::new(&catalog);
            remarks.no_foreign_keys = !context.settings.foreign_keys;
            for (migration, sql) in
                plan.steps.iter().zip(&sql).filter_map(|(migration, sql)| Some((migration, sql.as_ref()?)))
            {
                let file = file_of(&catalog, migration, migration.direction);
                remarks.check_for_loss(&file, sql, &migration.description, facts.dialect);
            }
            text::remarks(&[], &remarks.notes()).iter().for_each(|note| printer.info(note));
        }
        if plan.is_empty() && is_text {
            let at = plan
                .current
                .as_ref()
                .map_or_else(|| "nothing is applied".to_owned(), |id| format!("the database is at `{id}`"));
            printer.info(&Text::new().plain(format!("nothing to do: {at}")).end());
        }
        notes.iter().filter(|_| is_text).for_each(|note| printer.warn(note, None));
        match (checked, printer.format()) {
            (Ok(()), _) => Ok(exit::DONE),
            (Err(error), Format::Text) => Err(error),
            // The document says it.
            (Err(error), Format::Json) => Ok(exit::of(error.kind)),
        }
    })
}

/// Why `apply` would refuse the database, if it is not empty and has no history.
async fn existing(
    context: &Context,
    plan: &Plan,
    catalog: &Catalog,
    database: &mut Option<Box<dyn Database>>,
) -> Result<Option<Error>> {
    let Some(database) = database.as_mut().filter(|_| !plan.is_empty()) else { return Ok(None) };
    if context.settings.on_existing == OnExisting::Apply {
        return Ok(None);
    }
    let found = existing_database::inspect(&mut database.host()).await.map_err(|error| context.place(error))?;
    Ok(found.map(|found| found.refused(|version| revision_of(catalog, version))))
}

/// Warns where a migration of the script would be in the session of the one before it; PostgreSQL has a statement for a new one.
fn warn_of_sessions(printer: &Printer, plan: &Plan, sql: &[Option<Sql>], catalog: &Catalog, dialect: Dialect) {
    let followed = plan.steps.len().saturating_sub(1);
    for (migration, sql) in plan.steps.iter().zip(sql).take(if dialect == Dialect::Postgres { 0 } else { followed }) {
        if sql.as_ref().is_some_and(|sql| changes_session(sql, dialect)) {
            let file = file_of(catalog, migration, migration.direction);
            printer.warn(
                &format!(
                    "`{file}` changes its session, and what follows it in the script would be in that session, too"
                ),
                Some("a run gives each migration a new one: let the client connect again before the next"),
            );
        }
    }
}

/// Warns where the script that was printed is not what the files are.
fn warn_of_escapes(printer: &Printer, plan: &Plan, sql: &[Option<Sql>], catalog: &Catalog) {
    for (migration, sql) in plan.steps.iter().zip(sql) {
        if let Some((line, character)) = first_escaped(sql.as_deref().unwrap_or_default(), printer.script_to()) {
            let file = file_of(catalog, migration, migration.direction);
            let printed = character.escape_default();
            printer.warn(
                &format!(
                    "`{file}` contains U+{:04X} in line {line}, which is printed as `{printed}`",
                    u32::from(character)
                ),
                Some("to get the SQL as it is, use `--format json`"),
            );
        }
    }
}

/// Says what isolates the components; returns what reaches past their grants.
async fn say_isolation(
    context: &Context,
    plan: &Plan,
    facts: &Facts,
    database: &mut Option<Box<dyn Database>>,
) -> Result<Vec<String>> {
    if let Some(line) = plan.isolation(facts).filter(|_| context.printer.format() == Format::Text) {
        context.printer.info(&Text::new().plain(line).end());
    }
    let wanted = plan.logins();
    let Some(database) = database.as_mut().filter(|_| !wanted.is_empty()) else { return Ok(Vec::new()) };
    let mut host = database.host();
    let mut notes = order::revealed(&mut host, &wanted).await.map_err(|error| context.place(error.into()))?;
    if facts.separate_logins {
        let request = LoginRequest { task: LoginTask::Look, wanted, remove: Removal::Nothing };
        let found = host.logins(&request).await.map_err(|error| context.place(error.into()))?;
        notes.extend(found.notes.into_iter().chain(found.reached.iter().map(ToString::to_string)));
    }
    Ok(notes)
}

/// Adds what earlier runs of the same components recorded. The statements of a component are unknown before its first run.
async fn recall(plan: &Plan, looks: &mut [Inspection], database: &mut HostSession<'_>) -> Result<()> {
    let components = plan.steps.iter().zip(looks).filter(|(migration, _)| migration.kind.is_sandboxed());
    for (migration, look) in components.filter(|(migration, _)| migration.direction == Direction::Up) {
        look.unrepeatable = known_unrepeatable(database, &migration.revision, &migration.sha256).await?;
    }
    Ok(())
}

/// Adds the large tables that migrations in SQL keep locked.
async fn add_locks(
    plan: &Plan,
    sql: &[Option<Sql>],
    looks: &mut [Inspection],
    database: &mut HostSession<'_>,
) -> Result<()> {
    for ((migration, sql), look) in plan.steps.iter().zip(sql).zip(looks) {
        if let Some(sql) = sql {
            look.locks = held_locks(sql, migration.mode == RunMode::Atomic, database).await?;
        }
    }
    Ok(())
}

/// What is known of each migration, whose SQL and statements are given, and how transforms are cut.
fn inspections(
    (plan, sql, statements): (&Plan, &[Option<Sql>], &[Option<Statements>]),
    chunks: Chunks,
    facts: &Facts,
) -> Vec<Inspection> {
    let each = plan.steps.iter().zip(sql).zip(statements).map(|((migration, sql), statements)| {
        let dry_run = check_dry_run(migration, sql.as_ref(), facts).is_ok();
        let has_chunks = migration.kind.is_sandboxed() && migration.mode == RunMode::Stepwise;
        let chunks = has_chunks.then_some(chunks);
        Inspection { statements: *statements, dry_run, chunks, ..Inspection::default() }
    });
    each.collect()
}

/// What cannot run in the downgrades of the migrations that would be applied.
fn downgrades(plan: &Plan, downs: &[Option<Sql>], catalog: &Catalog, facts: &Facts) -> Vec<Refusal> {
    let refusals = plan.steps.iter().zip(downs).filter_map(|(migration, down)| {
        let file = file_of(catalog, migration, Direction::Down);
        Some(
            inspect(&migration.id(), &file, down_mode(&migration.description, migration.mode), down.as_ref()?, facts).1,
        )
    });
    refusals.flatten().collect()
}
