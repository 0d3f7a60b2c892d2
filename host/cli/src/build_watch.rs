//! `runner build --watch`

use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use super::build::with_request;
use super::context::Context;
use super::{exit, signals};
use runner_base::error::{Error, Result};
use runner_build::build::{BuildReport, build, fingerprint, shared_directories};
use runner_database::StopSignal;
use runner_report::{Format, Text, error, text};

/// How long files must be left alone before they are built: an editor writes a file in several steps.
const QUIET: Duration = Duration::from_millis(250);

/// Interval between checks of the stop signal.
const LOOK: Duration = Duration::from_millis(100);

/// How often sources may change during builds before something else has to change. A build that writes into its own source would
/// otherwise never end; a file that is saved during a build is built by the next one.
const IN_A_ROW: usize = 3;

/// Rebuilds what changes. Errors of a build are printed and do not end it; SIGINT and SIGTERM do, with exit code 0.
pub fn run(context: &Context, revisions: &[String]) -> Result<u8> {
    if context.printer.format() == Format::Json {
        return Err(Error::usage("`--watch` has no end, and so no JSON document")
            .hint("leave out `--format json`, or build without `--watch`"));
    }
    let stop = StopSignal::default();
    signals::watch(&context.printer, &stop, None)?;
    let mut watched = Watched::new(context)?;
    let directory = context.settings.migrations.display();
    let mut said = String::new();
    loop {
        for _ in 0..IN_A_ROW {
            let before = fingerprint(&context.settings, revisions);
            build_once(context, revisions, &stop);
            said = fingerprint(&context.settings, revisions);
            if said == before || stop.is_raised() {
                break;
            }
        }
        // A build that failed for lack of the directory has said so.
        let _ = watched.watch();
        context.printer.info(&Text::new().plain(format!("watching `{directory}`; Ctrl-C ends it")).end());
        // What is saved again without a change, and what builds write, changes nothing.
        while fingerprint(&context.settings, revisions) == said {
            if !watched.wait(&stop)? {
                return Ok(exit::DONE);
            }
        }
    }
}

/// Builds, and prints what was done.
fn build_once(context: &Context, revisions: &[String], stop: &StopSignal) {
    let built = with_request(context, revisions, Some(stop), |request| build(&context.settings, request));
    match built {
        Ok(report) if did_anything(&report) => {
            context.printer.info(&text::built(&report, |hint| context.settings.for_database(hint)));
        }
        Ok(_) => {}
        Err(_) if stop.is_raised() => {}
        Err(failed) => context.printer.always(&error::error(&failed)),
    }
}

/// Whether a build did something worth a line.
fn did_anything(report: &BuildReport) -> bool {
    report.lockfile_written || report.artifacts.iter().any(|it| it.compiled || it.kept)
}

/// The directory of the migrations, watched.
struct Watched<'a> {
    context: &'a Context,
    watcher: RecommendedWatcher,
    changes: Receiver<notify::Result<()>>,
}

impl<'a> Watched<'a> {
    fn new(context: &'a Context) -> Result<Self> {
        let (sender, changes) = channel();
        let tell = move |event: notify::Result<Event>| {
            // Nothing listens any more once the command ends.
            let _ = match event {
                Ok(event) if is_read(event.kind) => Ok(()),
                event => sender.send(event.map(drop)),
            };
        };
        let watcher = notify::recommended_watcher(tell).map_err(cannot_watch)?;
        let mut watched = Self { context, watcher, changes };
        watched.watch()?;
        Ok(watched)
    }

    /// Watches the directory, also if another one took its place, and those that the last build found to be part of the source.
    fn watch(&mut self) -> Result<()> {
        let directory = self.context.settings.migrations_directory();
        if !directory.is_dir() {
            let shown = self.context.settings.migrations.display();
            return Err(Error::usage(format!("the directory `{shown}` does not exist"))
                .hint("start `runner build --watch` again once it does"));
        }
        self.watcher.watch(&directory, RecursiveMode::Recursive).map_err(cannot_watch)?;
        for (directory, with_all_below) in shared_directories(&self.context.settings) {
            let mode = if with_all_below { RecursiveMode::Recursive } else { RecursiveMode::NonRecursive };
            // One that no longer exists is reported by the build that needs it.
            let _ = self.watcher.watch(&directory, mode);
        }
        Ok(())
    }

    /// Waits until files changed and were then left alone; false if the command is to end.
    fn wait(&mut self, stop: &StopSignal) -> Result<bool> {
        let mut has_changed = false;
        loop {
            if stop.is_raised() {
                return Ok(false);
            }
            match self.changes.recv_timeout(if has_changed { QUIET } else { LOOK }) {
                Ok(change) => has_changed = change.map(|()| true).map_err(cannot_watch)?,
                Err(RecvTimeoutError::Timeout) if has_changed => return self.watch().map(|()| true),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(cannot_watch("the watcher ended")),
            }
        }
    }
}

/// Whether an event is that of a file that was read, as builds do.
fn is_read(event: EventKind) -> bool {
    matches!(event, EventKind::Access(kind) if kind != AccessKind::Close(AccessMode::Write))
}

fn cannot_watch(error: impl std::fmt::Display) -> Error {
    let error = Error::failed("cannot watch the files of the project").cause(error);
    match cfg!(target_os = "linux") {
        true => error.hint("raise `fs.inotify.max_user_watches` or `fs.inotify.max_user_instances` with `sysctl`"),
        false => error,
    }
}
