//! `runner apply` and `runner rollback` on several databases.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Fleet;
use crate::new_lines::NewLines;
use crate::request::RunRequest;
use crate::rollback::leaves_nothing;
use crate::run::{catalog, order, remarks_on, say};
use crate::{confirm, exit, signals};
use runner_base::error::{Error, Result};
use runner_base::runtime;
use runner_database::StopSignal;
use runner_engine::Direction;
use runner_engine::apply::Action;
use runner_engine::identity::Identity;
use runner_engine::target::Target;
use runner_library::clock;
use runner_library::fleet::{Each, Ended, Work};
use runner_library::run::{self as library, ROLL_BACK_ALL, Ran};
use runner_project::Catalog;
use runner_report::fleet::FleetReporter;
use runner_report::json::{Afterwards, FleetRunJson};
use runner_report::{Format, Verbosity, text, units};

/// Asks before every migration of several databases is rolled back; none of them may be protected.
pub fn confirm_rollback(fleet: &Fleet, request: &RunRequest, yes: bool) -> Result<()> {
    let context = |at: usize| &fleet.contexts[fleet.members[at].base];
    let asks = confirm::asks(yes);
    let matters = |at: usize| asks || context(at).settings.protected.is_some();
    if request.dry_run.is_some() || !(0..fleet.members.len()).any(matters) {
        return Ok(());
    }
    let emptied = match request.target {
        Target::Base => (0..fleet.members.len()).collect(),
        Target::Back(_) => emptied(fleet, request, &matters)?,
        _ => Vec::new(),
    };
    for at in &emptied {
        context(*at).check_protected(ROLL_BACK_ALL)?;
    }
    if emptied.is_empty() {
        return Ok(());
    }
    let databases = units::counted(emptied.len() as u64, "database", "databases");
    confirm::ask(&fleet.printer, &format!("{ROLL_BACK_ALL} {databases}"), yes)
}

/// The databases on which nothing would stay applied. One that cannot be asked is refused if it is protected; others fail in the
/// run.
fn emptied(fleet: &Fleet, request: &RunRequest, matters: &(dyn Fn(usize) -> bool + Sync)) -> Result<Vec<usize>> {
    let look = |at: usize, _| Ok(matters(at) && leaves_nothing(&fleet.setup(at), &request.target)?);
    let mut emptied = Vec::new();
    for (at, it) in fleet.read(&look).iter().enumerate() {
        let is_protected = fleet.contexts[fleet.members[at].base].settings.protected.is_some();
        match (it.ended.done(), it.ended.error()) {
            (Some(true), _) => emptied.push(at),
            (_, Some(error)) if is_protected => return Err(error.clone().at("name", it.name.as_str())),
            _ => {}
        }
    }
    Ok(emptied)
}

/// Runs the action on each database and reports the outcome.
pub fn run(mut fleet: Fleet, request: &RunRequest, action: &Action) -> Result<u8> {
    if fleet.is_empty() {
        fleet.say_empty();
    }
    check(&fleet, request)?;
    let began = Instant::now();
    let request = within(request, fleet.pace.parallel);
    let order = order(&fleet.printer, &request, action.clone());
    let stop = fleet.stop.clone();
    for at in 0..fleet.contexts.len() {
        let (done, rest) = fleet.contexts.split_at_mut(at);
        let Some(context) = rest.first_mut() else { continue };
        match done.first() {
            // The limits are those of the project: one sandbox is that of all.
            Some(first) => context.setup.use_sandbox_of(&first.setup),
            None => context.setup.share_sandbox(order.jobs, stop.clone()),
        }
    }
    let (catalogs, lines): (Vec<Catalog>, Vec<NewLines>) =
        fleet.contexts.iter().map(|context| catalog(context, &order)).collect::<Result<Vec<_>>>()?.into_iter().unzip();
    let catalogs: Vec<Arc<Catalog>> = catalogs.into_iter().map(Arc::new).collect();
    signals::watch(&fleet.printer, &stop, None)?;
    let reporter = Arc::new(FleetReporter::new(&fleet.printer, fleet.members.len(), order.dry_run.is_some()));
    let work = |at: usize, stop: StopSignal| -> Result<Ran> {
        let setup = fleet.setup(at);
        let identity = Identity::now();
        let events = reporter.sink(&fleet.members[at].name, &identity.run_id);
        let _clock = clock(&stop, setup.settings.limits.wall_time)?;
        let catalog = catalogs[fleet.members[at].base].clone();
        runtime::run(library::run(&setup, &order, catalog, (identity, events), stop))
    };
    let ended = |at: usize, ran: &Result<Ran>, took: Duration| {
        reporter.ended(&fleet.members[at].name, ran.as_ref().map(|ran| &ran.outcome), took);
    };
    let is_failure = |ran: &Result<Ran>| ran.as_ref().map_or(true, |ran| ran.outcome.error.is_some());
    let each = fleet.each(fleet.pace, &Work { run: &work, is_failure: &is_failure, ended: &ended });
    reporter.end();
    for (base, (context, lines)) in fleet.contexts.iter().zip(lines).enumerate() {
        // Another project may have a migration of the same number.
        let of_base = || fleet.members.iter().zip(&each).filter(|(member, _)| member.base == base);
        let ran = || of_base().filter_map(|(_, it)| it.ended.done());
        lines.keep_or_warn(context, None, |revision| ran().any(|ran| ran.outcome.took_effect(revision)));
    }
    let code = code(&each, &stop);
    let did = (action, order.dry_run.is_some());
    tell(&fleet, did, &each, &told(&fleet, &catalogs, &each), (began.elapsed(), code));
    Ok(code)
}

/// Refuses what only makes sense on one database.
fn check(fleet: &Fleet, request: &RunRequest) -> Result<()> {
    if request.accept.is_some() {
        return Err(Error::usage("`--accept-changed` is a decision about one database")
            .hint("name the database with `--database NAME`"));
    }
    if request.share {
        return Err(Error::usage("`--share` is about the run on one database")
            .hint("leave it out, or name the database with `--database NAME`"));
    }
    let backups = fleet.contexts.iter().filter_map(|context| context.settings.backup.to.as_ref());
    for to in backups {
        if let Some(path) = to.path()
            && to.directory().is_none()
            && fleet.members.len() > 1
        {
            return Err(Error::usage(format!("`{}` cannot be the backup of several databases", path.display()))
                .hint("use `--backup auto`, or a directory: `DIRECTORY/`"));
        }
    }
    Ok(())
}

/// The request with as many instances for each database as the processors allow, unless a number was asked for.
fn within(request: &RunRequest, parallel: usize) -> RunRequest {
    let mut request = request.clone();
    if !request.has_jobs {
        request.jobs = (request.jobs / parallel.max(1)).max(1);
        request.connections = request.connections.min(request.jobs);
    }
    request
}

/// A signal that came before all were done, or else the failure that asks the most of the operator.
fn code(each: &[Each<Ran>], stop: &StopSignal) -> u8 {
    let is_done = |it: &Each<Ran>| it.ended.done().is_some_and(|ran| ran.outcome.error.is_none());
    if let Some(reason) = stop.reason()
        && !each.iter().all(is_done)
    {
        return exit::code(&runner_engine::stopped::stopped(reason));
    }
    super::exit_code(each.iter().map(|it| match &it.ended {
        Ended::Ran(Ok(ran)) => ran.outcome.error.as_ref().map_or(exit::DONE, exit::code),
        Ended::Ran(Err(error)) => exit::code(error),
        // What prevented it has its own code.
        Ended::NotRun => exit::DONE,
    }))
}

/// Whether the same run again would continue from where the databases are then.
fn is_relative(action: &Action) -> bool {
    match action {
        Action::Apply(target) | Action::Rollback(target) => {
            matches!(target, Target::Next | Target::Forward(_) | Target::Back(_))
        }
        Action::Redo => true,
    }
}

/// What is worth saying of migrations that were applied: once for all databases.
fn told(fleet: &Fleet, catalogs: &[Arc<Catalog>], each: &[Each<Ran>]) -> Afterwards {
    let mut applied: Vec<BTreeSet<&str>> = vec![BTreeSet::new(); fleet.contexts.len()];
    for (member, it) in fleet.members.iter().zip(each) {
        let done = it.ended.done().into_iter().flat_map(|ran| &ran.outcome.done);
        applied[member.base].extend(done.filter(|it| it.direction == Direction::Up).map(|it| it.revision.as_str()));
    }
    let of_base =
        |(base, revisions): (usize, BTreeSet<&str>)| remarks_on(&fleet.contexts[base], &catalogs[base], revisions);
    let mut all = Afterwards::default();
    for of_base in applied.into_iter().enumerate().map(of_base) {
        all.warnings.extend(of_base.warnings);
        all.notes.extend(of_base.notes);
    }
    let mut seen = BTreeSet::new();
    all.warnings.retain(|it| seen.insert((it.file.clone(), it.line, it.error.message.clone())));
    let mut seen = BTreeSet::new();
    all.notes.retain(|note| seen.insert(note.clone()));
    all
}

fn tell(
    fleet: &Fleet,
    (action, dry_run): (&Action, bool),
    each: &[Each<Ran>],
    told: &Afterwards,
    (took, code): (Duration, u8),
) {
    let printer = &fleet.printer;
    match printer.format() {
        Format::Json => {
            printer.json(&FleetRunJson::new((action.verb(), dry_run), each, told, (took, code)));
        }
        Format::Text => {
            printer.data(&text::fleet_runs(each, printer.verbosity() == Verbosity::Verbose));
            printer.info(&text::fleet_summary(each, took, is_relative(action)));
            say(printer, told);
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Command};
    use crate::request;
    use runner_project::env::Switches;
    use runner_project::origin::Sourced;

    #[test]
    fn a_number_of_jobs_is_that_of_each_database_however_it_was_given() {
        let jobs = |flags: &[&str], variable: Option<&str>| {
            let line = ["runner", "apply"].into_iter().chain(flags.iter().copied());
            let Command::Apply(args) = Cli::parse_from(line).command else { panic!("apply is apply") };
            let jobs = variable.map(|text| Sourced::default(text.to_owned()));
            let request = request::apply(args, &Switches { jobs, ..Switches::default() }).expect("a request");
            let request = within(&request, 1_000);
            (request.jobs, request.connections)
        };
        assert_eq!(jobs(&["--jobs", "6"], None), (6, 6));
        assert_eq!(jobs(&[], Some("6")), (6, 6));
        assert_eq!(jobs(&[], None), (1, 1), "shared by all that run at the same time");
    }
}
