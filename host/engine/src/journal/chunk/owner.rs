//! The owners of chunks.

use runner_data::Value;

/// The owner of chunks: one attempt of a run at a transform.
#[derive(Clone, Debug)]
pub struct Owner {
    /// Distinguishes the attempt from every other one.
    pub id: String,
    /// Whether the attempt leads or helps.
    pub role: ChunkRole,
    /// The run.
    pub run_id: String,
    /// Process and host, for display.
    pub held_by: String,
}

runner_base::named! {
    /// The role of a process in a shared transform.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum ChunkRole {
        /// Holds the lock, and begins and ends the transform.
        Leader = "leader",
        /// Processes chunks of a transform that another process leads.
        Helper = "helper",
    }
}

impl Owner {
    /// Creates a new attempt of a run.
    pub fn new(run_id: &str, held_by: &str, role: ChunkRole) -> Self {
        let id = format!("{run_id}-{:08x}", runner_base::random::bits() as u32);
        Self { id, role, run_id: run_id.to_owned(), held_by: held_by.to_owned() }
    }

    /// Returns whether the attempt leads.
    pub fn leads(&self) -> bool {
        self.role == ChunkRole::Leader
    }

    /// Returns the columns `owner`, `role`, `run_id` and `held_by`.
    pub(super) fn columns(&self) -> [Value; 4] {
        [self.id.as_str().into(), self.role.name().into(), self.run_id.as_str().into(), self.held_by.as_str().into()]
    }
}
