//! Commands on several databases: which ones, with what they share.

mod plan;
mod run;
mod status;

pub use plan::run as plan;
pub use run::{confirm_rollback, run};
pub use status::run as status;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::context::{Context, Setup};
use super::exit;
use super::request::{FleetRequest, GlobalRequest};
use runner_base::error::{Error, ErrorKind, Result};
use runner_database::{DatabaseUrl, HistoryPlace, StopSignal};
use runner_library::distinct::{Distinct, NAME_ONCE};
use runner_library::fleet::{self, Each, Pace, Selection, Work};
use runner_project::env::Switches;
use runner_project::origin::Sourced;
use runner_report::{Printer, Text};

/// Databases at the same time, unless the operator says otherwise. A run mostly waits for a disk or for a server, so this does not
/// depend on the number of processors; but each has connections of its own.
const PARALLEL: usize = 8;

/// The databases of a command.
pub struct Fleet {
    /// Where output is written.
    pub printer: Arc<Printer>,
    /// Settings and project: one for each named database, one for all tenants of a dialect.
    pub contexts: Vec<Context>,
    /// The databases, in order.
    pub members: Vec<Member>,
    /// How to go through them.
    pub pace: Pace,
    /// Stops all of them.
    pub stop: StopSignal,
    /// Whether they are several.
    pub distinct: Distinct,
}

/// A database of the command.
pub struct Member {
    /// Its name.
    pub name: String,
    /// Its URL.
    pub url: Sourced<DatabaseUrl>,
    /// Where its history is.
    pub history: HistoryPlace,
    /// Its settings and project, among the contexts.
    pub base: usize,
}

/// The databases of a command; none if it is for one database.
pub fn load(printer: &Arc<Printer>, global: &GlobalRequest, request: &FleetRequest) -> Result<Option<Fleet>> {
    let several = global.databases.len() > 1;
    if usize::from(request.all) + usize::from(request.retry.is_some()) + usize::from(!global.databases.is_empty()) > 1 {
        return Err(Error::usage("`--database`, `--all-databases` and `--retry` exclude each other")
            .hint("use one of them to say which databases"));
    }
    let selection = match &request.retry {
        _ if request.all => Selection::All,
        Some(report) => Selection::Named(fleet::unfinished(report, request.verb)?),
        None if several => Selection::Named(global.databases.clone()),
        None if request.canary.is_some() || request.parallel.is_some() => {
            return Err(Error::usage("`--canary` and `--parallel` are about several databases")
                .hint("name them with `--database`, or use `--all-databases`"));
        }
        None => return Ok(None),
    };
    let found = match &selection {
        Selection::Named(names) if names.is_empty() => fleet::Found::default(),
        _ => fleet::find(&global.load, &selection)?,
    };
    let of = |load| {
        let global = GlobalRequest { load, databases: Vec::new(), ..global.clone() };
        Context::load(printer.clone(), &global)
    };
    let contexts: Vec<Context> = found.requests.into_iter().map(of).collect::<Result<_>>()?;
    let members: Vec<Member> = (found.members.into_iter())
        .map(|fleet::Member { name, url, base }| {
            let url = url.unwrap_or_else(|| contexts[base].settings.database_url.clone());
            let settings = &contexts[base].settings;
            let history = match &settings.tenant {
                Some(_) => settings.history_of(&name)?,
                None => settings.history.clone(),
            };
            Ok(Member { name, url, history, base })
        })
        .collect::<Result<_>>()?;
    printer.hide(members.iter().flat_map(|member| member.url.value.secrets()));
    check_distinct(&members)?;
    let parallel = request.parallel.unwrap_or(PARALLEL);
    let canaries = request.canary.unwrap_or(found.canaries.max(1));
    let pace = Pace { parallel, canaries };
    Ok(Some(Fleet {
        printer: printer.clone(),
        contexts,
        members,
        pace,
        stop: StopSignal::default(),
        distinct: Distinct::default(),
    }))
}

/// Two names of one database would be two runs, of which the second waits for the lock of the first.
fn check_distinct(members: &[Member]) -> Result<()> {
    let mut seen: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for member in members {
        if let Some(other) = seen.insert(member.address(), &member.name) {
            return Err(Error::usage(format!("`{other}` and `{}` are the same database", member.name)).hint(NAME_ONCE));
        }
    }
    Ok(())
}

/// Fails if the command line names several databases.
pub fn refuse(global: &GlobalRequest) -> Result<()> {
    if global.databases.len() < 2 {
        return Ok(());
    }
    Err(Error::usage(format!("this command works on one database, and {} are named", global.databases.len()))
        .hint("`apply`, `rollback`, `plan` and `status` take several; use the others once for each database"))
}

impl Member {
    /// The URL, and where the history is.
    fn address(&self) -> (&str, &str) {
        let url = &self.url.value;
        (url.secret(), self.history.name(url.dialect()))
    }
}

impl Fleet {
    /// The variables that stand in for flags: those of the project.
    pub fn switches(&self) -> Switches {
        self.contexts.first().map(|context| context.settings.switches.clone()).unwrap_or_default()
    }

    /// What a command on one of the databases works with.
    pub fn setup(&self, at: usize) -> Setup {
        let Member { name, url, history, base } = &self.members[at];
        let context = &self.contexts[*base];
        let mut setup = context.setup.clone();
        setup.settings.database_url = url.clone();
        setup.settings.history = history.clone();
        setup.member = Some((name.clone(), self.distinct.clone()));
        setup.settings.tenant = context.settings.tenant.as_ref().map(|_| name.clone());
        setup
    }

    /// Goes through the databases.
    pub fn each<T: Send>(&self, pace: Pace, work: &Work<'_, T>) -> Vec<Each<T>> {
        let ended = fleet::each(self.members.len(), pace, &self.stop, work);
        let each = self.members.iter().zip(ended).map(|(member, (ended, took))| Each {
            name: member.name.clone(),
            url: member.url.value.to_string(),
            source: member.url.origin.to_string(),
            ended,
            took,
        });
        each.collect()
    }

    /// Reads the databases: without canaries, and without reporting each.
    pub fn read<T: Send>(&self, run: &(dyn Fn(usize, StopSignal) -> Result<T> + Sync)) -> Vec<Each<T>> {
        let work = Work { run, is_failure: &|_: &Result<T>| false, ended: &|_, _: &Result<T>, _: Duration| () };
        self.each(Pace { canaries: 0, ..self.pace }, &work)
    }

    /// Prints the errors of databases that could not be read.
    pub fn print_errors<T>(&self, each: &[Each<T>]) {
        let errors = each.iter().filter_map(|it| Some((&it.name, it.ended.error()?)));
        for (name, error) in errors {
            self.printer.always(&runner_report::error::error(&error.clone().at("name", name.as_str())));
        }
    }

    /// Whether there is no database, after a report without failures.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Says that there is nothing to do.
    pub fn say_empty(&self) {
        self.printer.info(&Text::new().plain("nothing to retry: every database of the report is done").end());
    }
}

/// The exit code of several: the one that asks the most of the operator.
pub fn exit_code(codes: impl IntoIterator<Item = u8>) -> u8 {
    const ORDER: [ErrorKind; 8] = [
        ErrorKind::Terminated,
        ErrorKind::Interrupted,
        ErrorKind::Partial,
        ErrorKind::Mismatch,
        ErrorKind::Denied,
        ErrorKind::Failed,
        ErrorKind::Usage,
        ErrorKind::LockTimeout,
    ];
    let order: Vec<u8> = ORDER.iter().map(|kind| exit::of(*kind)).chain([exit::PENDING]).collect();
    let place = |code: &u8| order.iter().position(|it| it == code).unwrap_or(order.len());
    codes.into_iter().min_by_key(place).unwrap_or(exit::DONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_that_asks_the_most_wins() {
        assert_eq!(exit_code([]), 0);
        assert_eq!(exit_code([0, 0]), 0);
        assert_eq!(exit_code([0, 3, 0]), 3);
        assert_eq!(exit_code([5, 1, 3]), 1);
        assert_eq!(exit_code([1, 4, 7, 2]), 4);
        assert_eq!(exit_code([4, 6, 1]), 6);
        assert_eq!(exit_code([6, 130]), 130);
        assert_eq!(exit_code([130, 143]), 143);
    }
}
