//! The host's side of the contract: one WIT interface, one file.

mod batches;
mod context;
mod sql;

use std::time::Instant;

use wasmtime::Engine;
use wasmtime::component::{HasSelf, Linker};

use super::bindings::Migration;
use super::bindings::runner::migration::{description_types, types};
use super::convert;
use super::failure::{HostFailure, Stopped};
use super::state::{Fault, GuestState, Role};
use crate::database::stop::StopReason;
use crate::database::{DatabaseError, DatabaseErrorKind, SharedDatabase};
use crate::engine::event::Event;
use crate::error::{Error, Result};

/// What a host call answers: a value or an error for the guest, or a trap.
type Answer<T> = wasmtime::Result<Result<T, types::Error>>;

/// A linker with every interface of the contract.
pub fn linker(engine: &Engine) -> Result<Linker<GuestState>> {
    let mut linker = Linker::new(engine);
    Migration::add_to_linker::<GuestState, HasSelf<GuestState>>(&mut linker, |state| state)
        .map_err(|error| Error::failed("the sandbox's functions cannot be linked").cause(format!("{error:#}")))?;
    Ok(linker)
}

impl types::Host for GuestState {}
impl description_types::Host for GuestState {}

/// A step under way: a host call that touches the database.
struct Step {
    number: u64,
    statement: String,
    started: Instant,
    database: SharedDatabase,
}

impl GuestState {
    /// Begins a step, or refuses it to an instance that may not touch the database.
    fn begin_step(&mut self, kind: &str, statement: &str, parameters: &str) -> Result<Step, types::Error> {
        let run = match (self.role, &self.run) {
            (Role::Migrate, Some(run)) => run,
            _ => {
                let place = if self.role == Role::Transform { "transform-batch" } else { "describe" };
                return Err(convert::error_out(&DatabaseError::new(
                    DatabaseErrorKind::Denied,
                    format!("`{kind}` cannot be called inside `{place}`, which must depend on its arguments alone"),
                )));
            }
        };
        let number = run.tally.begin_step(&format!("{kind}\n{statement}\n{parameters}"));
        let database = run.database.clone();
        self.last_step = Some((number, statement.to_owned()));
        Ok(Step { number, statement: statement.to_owned(), started: Instant::now(), database })
    }

    /// Ends a step: tells who watches, remembers an error's place, and turns a stop into a trap.
    fn end_step<T>(&mut self, step: Step, result: Result<T, DatabaseError>, rows: impl FnOnce(&T) -> u64) -> Answer<T> {
        let Some(run) = &self.run else {
            return Err(wasmtime::Error::new(HostFailure("a step ended outside a run".to_owned())));
        };
        match result {
            Ok(value) => {
                let rows = rows(&value);
                run.tally.record(&format!("ok {rows}"));
                run.events.emit(&Event::StepFinished {
                    revision: run.revision.clone(),
                    step: step.number,
                    statement: step.statement,
                    rows,
                    duration: step.started.elapsed(),
                });
                Ok(Ok(value))
            }
            Err(error) if error.kind == DatabaseErrorKind::Interrupted => {
                let reason = run.stop.reason().unwrap_or(StopReason::Interrupt);
                Err(wasmtime::Error::new(Stopped(reason)))
            }
            Err(error) => {
                run.tally.note_error(&error);
                let answer = convert::error_out(&error);
                self.fault = Some(Fault { step: step.number, statement: step.statement, error });
                Ok(Err(answer))
            }
        }
    }
}

/// Parameters as the transcript keeps them: their digest says all that a later run has to compare.
fn transcribe(parameters: &[crate::data::Value]) -> String {
    use sha2::Digest;
    if parameters.is_empty() {
        return String::new();
    }
    hex::encode(sha2::Sha256::digest(format!("{parameters:?}").as_bytes()))
}

/// A limit as a count of this machine's memory.
fn saturating(limit: u64) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}
