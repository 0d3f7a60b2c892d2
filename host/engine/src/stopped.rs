//! The error of a run that was stopped.

use runner_base::error::{Error, ErrorKind};
use runner_database::stop::StopReason;

/// Returns the error of a run that was stopped.
pub fn stopped(reason: StopReason) -> Error {
    match reason {
        StopReason::Interrupt => Error::new(ErrorKind::Interrupted, "stopped by an interrupt"),
        StopReason::Terminate => Error::new(ErrorKind::Terminated, "stopped by a request to terminate"),
        StopReason::WallTime => Error::denied("the run took longer than the limit `wall_time` allows")
            .hint("raise it with `--limit wall_time=…` or under `[limits]` in `runner.toml`"),
        StopReason::Cancelled => Error::new(ErrorKind::Terminated, "cancelled by `runner cancel`"),
    }
}
