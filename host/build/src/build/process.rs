//! Runs compilers.

use std::io::{self, Read};
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

use runner_base::error::{Error, Result};
use runner_base::processes::{Group, own_session};
use runner_database::StopSignal;

/// Interval between checks whether a compiler has ended.
const LOOK: Duration = Duration::from_millis(20);

/// How long a compiler may take to terminate.
const PATIENCE: Duration = Duration::from_secs(2);

/// Runs a compiler to its end, or to the stop signal: then all of its processes are ended, and the error says no more than that. Without
/// a signal it belongs to the terminal, as any program does. A stream that is to be captured is a pipe already.
pub(super) fn output(command: &mut Command, stop: Option<&StopSignal>) -> Result<io::Result<Output>> {
    let Some(stop) = stop else { return Ok(command.output()) };
    own_session(command);
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return Ok(Err(error)),
    };
    let group = Group::of(Some(child.id()));
    let reader = child.stdout.take().map(|mut pipe| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            pipe.read_to_end(&mut bytes).map(|_| bytes)
        })
    });
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) => {}
            Err(error) => {
                end(&mut child, group);
                return Ok(Err(error));
            }
        }
        if stop.is_raised() {
            end(&mut child, group);
            return Err(Error::failed("the build was stopped"));
        }
        std::thread::sleep(LOOK);
    };
    group.forget();
    let lost = || io::Error::other("the thread that reads the output panicked");
    let stdout = reader.map_or(Ok(Vec::new()), |reader| reader.join().unwrap_or_else(|_| Err(lost())));
    Ok(stdout.map(|stdout| Output { status, stdout, stderr: Vec::new() }))
}

/// Terminates a compiler and its children, and kills those that do not end.
fn end(child: &mut Child, group: Group) {
    group.terminate();
    let patience = Instant::now() + PATIENCE;
    // The child exists for the system until it is waited for.
    while group.is_there() && Instant::now() < patience {
        if matches!(child.try_wait(), Ok(Some(_)) | Err(_)) && !group.is_there() {
            break;
        }
        std::thread::sleep(LOOK);
    }
    group.kill();
    // Both fail only if it has ended.
    let _ = child.kill();
    let _ = child.wait();
    group.forget();
}
