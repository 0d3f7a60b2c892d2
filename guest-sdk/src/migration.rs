//! The two traits that a migration implements.

use crate::{Batch, Description, Error, Result};

/// A migration: brings a database one revision up or down.
///
/// The host owns the connection, the transaction and the history; a migration only says what is to be done. Hand the
/// type to [`export!`](crate::export!).
pub trait Migration {
    /// Describes the migration. Called once, when the component is built; nothing of the host may be used here.
    fn describe() -> Description;

    /// Brings the database from the revision before to this one.
    fn upgrade() -> Result<()>;

    /// Brings the database from this revision back to the one before.
    ///
    /// Without one of its own a migration answers an error; say [`Description::irreversible`] too, so that the host
    /// refuses before it begins.
    fn downgrade() -> Result<()> {
        Err(Error::new("this migration is irreversible"))
    }
}

/// The part of a migration that turns batches for [`batches::transform`](crate::batches::transform).
///
/// The answer may depend on the arguments, the parameters and the assets alone: the host calls it in any order, on several
/// instances at a time, again after a crash, or on a sample. [`sql`](crate::sql) and [`batches`](crate::batches) are
/// denied here.
///
/// ```
/// use runner_guest::prelude::*;
///
/// struct Metric;
///
/// impl Transformer for Metric {
///     fn transform(_name: &str, mut rows: Batch) -> Result<Batch> {
///         for distance in rows.float64_mut("distance")? {
///             *distance *= 1.609_344;
///         }
///         rows.text_mut("carrier")?.make_ascii_uppercase();
///         Ok(rows)
///     }
/// }
/// ```
pub trait Transformer {
    /// Turns one batch into another, under the name that was given to `batches::transform`.
    ///
    /// For `update`, `upsert` and `delete` the answer carries the target's key columns; for `update` and `delete` each
    /// key must be one of the chunk's. For `insert` it may have more or fewer rows than it was given.
    fn transform(name: &str, rows: Batch) -> Result<Batch>;
}
