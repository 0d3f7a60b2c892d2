//! What a database records about its migrations. Reading never writes: a database without our tables has an empty
//! history.

mod artifact;
mod packed;
mod read;
mod record;
mod repairs;
#[cfg(test)]
mod tests;
mod write;

pub use artifact::{Stored, artifact_changes, load_artifact};
pub use packed::ComponentBytes;
pub use read::{
    History, answered, glance, is_there, parse_rows, question, read, read_all, read_with_artifacts, unreadable,
};
pub use record::{Record, RunMode, State, declared_json};
pub use repairs::{ACCEPT_CHANGED, ACCEPT_CHECKSUM, CORRECTED, Repair, add_repair, read_repairs, repaired};
pub use write::{
    End, Numbers, Work, add_work, discard, ended, ensure, ensure_apart, finished_stepwise, handed_over, in_force,
    in_state, inserted, make, reopen, set_applied, set_reason, unmade, unused_artifacts,
};
