//! The two traits that a migration implements.

use crate::{Batch, Description, Error, Result};

/// A migration: upgrades a database to its revision, and downgrades it again.
///
/// The host owns the connection, the transaction and the history; a migration only defines what is to be done. Pass the
/// type to [`export!`](crate::export!).
pub trait Migration {
    /// Describes the migration. Called once, when the component is built; it must not call the host.
    fn describe() -> Description;

    /// Upgrades the database from the previous revision to this one.
    fn upgrade() -> Result<()>;

    /// Downgrades the database from this revision to the previous one.
    ///
    /// The default returns an error. Also call [`Description::irreversible`], so that the host refuses the rollback before
    /// it begins.
    fn downgrade() -> Result<()> {
        Err(Error::new("this migration is irreversible"))
    }
}

/// The part of a migration that transforms batches, for [`batches::transform`](crate::batches::transform).
///
/// The result must only depend on the arguments, the parameters and the assets: the host calls the function in any order,
/// on several instances in parallel, again after a crash, or on a sample. Calls to [`sql`](crate::sql) and
/// [`batches`](crate::batches) are denied.
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
    /// Transforms one batch into another, under the name that was passed to `batches::transform`.
    ///
    /// For `update`, `upsert` and `delete`, the result includes the target's key columns; for `update` and `delete`, each
    /// key must be one of the chunk's. For `insert`, it may have more or fewer rows than the input.
    fn transform(name: &str, rows: Batch) -> Result<Batch>;
}
