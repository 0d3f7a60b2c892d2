//! Why a call of a migration ended without a value.

use runner_base::error::Error;
use runner_database::DatabaseError;
use runner_database::stop::StopReason;

use crate::stopped::stopped;

/// Why a call of a migration ended without a value.
#[derive(Debug)]
pub enum CallError {
    /// The database refused something: the migration may handle it.
    Database(DatabaseError),
    /// The run is to stop.
    Stopped(StopReason),
    /// The migration has failed, whatever its code makes of it.
    Failed(Error),
}

impl CallError {
    /// The error of a run that ends with it.
    pub fn into_error(self) -> Error {
        match self {
            Self::Database(error) => error.into(),
            Self::Stopped(reason) => stopped(reason),
            Self::Failed(error) => error,
        }
    }
}

impl From<DatabaseError> for CallError {
    fn from(error: DatabaseError) -> Self {
        Self::Database(error)
    }
}

impl From<Error> for CallError {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}
