//! Runs a component's `describe`, without a database.

use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use super::assets::GuestAssets;
use super::bindings::Migration;
use super::bindings::runner::migration::description_types as wit;
use super::inspect::is_transformer;
use super::state::{GuestState, Purpose};
use super::text::{ERROR, WORD, cut};
use super::{Artifact, SandboxCore, component, convert};
use runner_base::error::{Error, Result};
use runner_database::Dialect;
use runner_database::stop::{StopReason, StopSignal};
use runner_engine::script::Assets;
use runner_engine::stopped::stopped;
use runner_project::catalog::{Description, Need};
use runner_project::package::PackageName;
use wasmtime::component::InstancePre;

/// What a component reports about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// Its description.
    pub description: Description,
    /// Whether it exports a transformer.
    pub transformer: bool,
}

/// The longest summary that a lockfile line takes.
const MAX_SUMMARY: usize = 500;
/// Revisions that a migration depends on, and what it needs: each is a line of the lockfile, which every command reads.
const MAX_LINES: usize = 1_000;

/// The most time that a description takes. It is what a guest knows about itself: an interpreter needs a tenth of a
/// second for it.
const LONGEST: Duration = Duration::from_secs(30);

/// Runs the component's `describe`. Blocks the calling thread; the guest runs on a separate one.
pub(super) fn describe(core: Arc<SandboxCore>, artifact: &Artifact<'_>, assets: Option<Assets>) -> Result<Described> {
    describe_within(LONGEST, core, artifact, assets)
}

/// As [`describe`], in at most so much time.
fn describe_within(
    longest: Duration,
    core: Arc<SandboxCore>,
    artifact: &Artifact<'_>,
    assets: Option<Assets>,
) -> Result<Described> {
    let compiled = core.component(artifact)?;
    let transformer = is_transformer(&compiled);
    let stop = core.stop.child();
    let call = async {
        let pre = component::pre_instantiate(&core, &compiled)?;
        let once = |answers| ask(&core, &pre, assets.clone(), stop.clone(), answers);
        let (description, asked) = once(0).await?;
        if asked && once(1).await?.0 != description {
            return Err(Error::denied("the description depends on the clock or on random numbers").hint(
                "a description is the same at all times: write its summary, its dependencies and its needs as constants",
            ));
        }
        Ok(description)
    };
    let call = async {
        // What waits in the host, such as for a large asset, ends as well.
        tokio::select! {
            biased;
            reason = stop.raised() => Err(stopped(reason)),
            described = call => described,
        }
    };
    let failed = |what: &str| Error::failed(format!("the component could not be described: {what}"));
    let mut is_late = false;
    // A separate thread: the caller may be inside an async runtime, which cannot be entered twice. This one keeps the time, since a
    // guest may leave that one no turn.
    let described = std::thread::scope(|scope| {
        let (done, ended) = std::sync::mpsc::channel::<()>();
        let worker = scope.spawn(move || {
            let _done = done;
            runner_base::runtime::run(call)
        });
        if ended.recv_timeout(longest) == Err(RecvTimeoutError::Timeout) {
            is_late = true;
            stop.raise(StopReason::WallTime);
        }
        worker.join().unwrap_or_else(|_| Err(failed("its thread ended")))
    });
    // What was done nevertheless counts, and a signal to the process has another error.
    let description = described.map_err(|error| match is_late && !core.stop.is_raised() {
        true => failed(&format!("`describe` took longer than {} s", longest.as_secs())),
        false => error,
    })?;
    Ok(Described { description, transformer })
}

/// What one call of the component's `describe` returns, and whether it asked for the time or for the seed, which have other answers in
/// another call.
async fn ask(
    core: &SandboxCore,
    pre: &InstancePre<GuestState>,
    assets: Option<Assets>,
    stop: StopSignal,
    answers: usize,
) -> Result<(Description, bool)> {
    let mut state = GuestState::new(Purpose::Describe, core.limits.clone());
    state.assets = assets.map(GuestAssets::new).map(Arc::new);
    state.stop = stop;
    state.chance.answers = answers;
    let mut store = component::store(core, state)?;
    let instance = match pre.instantiate_async(&mut store).await {
        Ok(instance) => instance,
        Err(error) => {
            store.data_mut().end_lines();
            return Err(component::failed(&error, &mut store, "describe"));
        }
    };
    let migration = match Migration::new(&mut store, &instance) {
        Ok(migration) => migration,
        Err(error) => return Err(component::mismatch(&error)),
    };
    let described = migration.call_describe(&mut store).await;
    store.data_mut().end_lines();
    match described {
        Ok(description) => Ok((read(description)?, store.data().chance.asked)),
        Err(error) => Err(component::failed(&error, &mut store, "describe")),
    }
}

/// The description that a component returned, checked.
fn read(description: wit::Description) -> Result<Description> {
    for (what, count) in [("dependencies", description.depends_on.len()), ("needs", description.needs.len())] {
        if count > MAX_LINES {
            return Err(Error::denied(format!(
                "the component's description has {count} {what}, more than {MAX_LINES}"
            ))
            .hint("look at what `describe` of the component returns"));
        }
    }
    let description = convert::description_in(description).map_err(|error| {
        let hint = error.hint.unwrap_or_else(|| "look at what `describe` of the component returns".to_owned());
        Error::failed("one of the component's needs makes no sense").cause(cut(&error.message, ERROR)).hint(hint)
    })?;
    check(&description)?;
    Ok(Description { needs: distinct(description.needs), ..description })
}

/// Each need once, and of a limit the highest value: what is missing is reported and pasted line by line.
fn distinct(needs: Vec<Need>) -> Vec<Need> {
    let mut found: Vec<Need> = Vec::with_capacity(needs.len());
    for need in needs {
        let same = found.iter_mut().find(|known| match (&**known, &need) {
            (Need::Limit { name, .. }, Need::Limit { name: other, .. }) => name == other,
            (known, need) => known == need,
        });
        match (same, need) {
            (None, need) => found.push(need),
            (Some(Need::Limit { least, .. }), Need::Limit { least: more, .. }) => *least = more.max(*least),
            (Some(_), _) => {}
        }
    }
    found
}

fn check(description: &Description) -> Result<()> {
    let one_line = |text: &str, most: usize| !text.chars().any(char::is_control) && text.len() <= most;
    if !one_line(&description.summary, MAX_SUMMARY) {
        return Err(Error::failed(format!("the component's summary is not one line of at most {MAX_SUMMARY} bytes")));
    }
    let known = [Dialect::Sqlite, Dialect::Postgres, Dialect::Mysql, Dialect::Mariadb];
    let is_repeated = |dialect: &Dialect| description.dialects.iter().filter(|it| *it == dialect).nth(1).is_some();
    // More of them than there are means that one occurs twice, without comparing each with each.
    if description.dialects.len() > known.len() || known.iter().any(is_repeated) {
        return Err(Error::failed("the component's description names a database twice")
            .hint("`dialects` lists each database once; an empty list means all"));
    }
    for revision in &description.depends_on {
        let (package, number) = revision.split_once(':').map_or((None, &**revision), |(it, rest)| (Some(it), rest));
        let is_revision = !number.is_empty() && number.len() <= 20 && number.bytes().all(|byte| byte.is_ascii_digit());
        if !is_revision || package.is_some_and(|package| PackageName::parse(package).is_none()) {
            return Err(Error::failed(format!(
                "the component depends on `{}`, which is no revision",
                cut(revision, WORD).escape_debug()
            ))
            .hint("a revision is the number that a migration's file name begins with, or `vendor/package:NUMBER`"));
        }
    }
    for need in &description.needs {
        let text = need.to_string();
        if !one_line(&text, Need::LONGEST) {
            return Err(Error::failed(format!(
                "one of the component's needs is not one line of at most {} bytes",
                Need::LONGEST
            )));
        }
        // What the lockfile, the history and the settings have is the same need.
        if Need::parse(&text).as_ref() != Some(need) {
            let what = format!("the component needs `{}`, which cannot be granted", cut(&text, WORD));
            let error = Error::failed(what);
            return Err(match need {
                Need::Limit { name, .. } => error.hint(format!("see the range of the limit `{name}`")),
                _ => {
                    error.hint("names of tables, columns and functions are not empty, and have no space at either end")
                }
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use runner_tests::text_guests::TextGuest;

    use super::*;

    /// The time is up while the guest leaves the thread that runs it no turn.
    #[test]
    fn a_description_ends_when_its_time_is_up() {
        let log = "(import \"runner:migration/context@0.1.0\" \"log\" (func $log (param i32 i32 i32)))";
        let call = "(call $log (i32.const 0) (i32.const 65536) (i32.const 200000))";
        for repeated in [call, ""] {
            let guest = TextGuest::describing(&format!("(loop {repeated} (br 0))")).with(log).mib(1).component();
            let artifact = Artifact { source: crate::Source::Bytes(&guest), sha256: &runner_project::sha256(&guest) };
            let sandbox = crate::Sandbox::new(crate::SandboxOptions::default());
            let core = sandbox.core().expect("a sandbox");
            let described = describe_within(Duration::from_millis(300), core, &artifact, None);
            let error = described.expect_err("it never ends");
            assert!(error.message.contains("`describe` took longer than"), "{error:#}");
        }
    }

    #[test]
    fn each_need_is_there_once() {
        let needs = |lines: &[&str]| lines.iter().map(|line| Need::parse(line).expect(line)).collect::<Vec<_>>();
        let declared = ["read a", "limit fuel = 7", "raw_sql", "read a", "limit fuel = 9", "limit fuel = 8", "raw_sql"];
        assert_eq!(distinct(needs(&declared)), needs(&["read a", "limit fuel = 9", "raw_sql"]));
    }
}
