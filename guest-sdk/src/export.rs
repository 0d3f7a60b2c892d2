//! How a type becomes a component: the adapter used by [`export!`](crate::export!).

use std::marker::PhantomData;

use crate::bindings::migration::runner::migration::types;
use crate::bindings::{data_migration, migration};
use crate::{Batch, Description, Migration, Transformer, chance, panic};

/// Exports a type as the migration of this component.
///
/// `export!(T)` requires `T: `[`Migration`] and creates a component of the world `migration`; `export!(T, transformer)` also
/// requires `T: `[`Transformer`] and creates one of the world `data-migration`. Use it once, in the root of a `cdylib` crate.
///
/// If the crate is compiled for another target than WebAssembly, such as for its unit tests, the macro only checks that the
/// traits are implemented.
///
/// ```
/// use runner_guest::prelude::*;
///
/// struct AddNotes;
///
/// impl Migration for AddNotes {
///     fn describe() -> Description {
///         Description::new("add notes")
///     }
///
///     fn upgrade() -> Result<()> {
///         sql::execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT NOT NULL)", params![])?;
///         Ok(())
///     }
/// }
///
/// runner_guest::export!(AddNotes);
/// ```
#[macro_export]
macro_rules! export {
    ($migration:ty) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            type Exported = $crate::__private::Exported<$migration>;
    $crate::bindings::migration::export_migration!(Exported with_types_in $crate::bindings::migration);
        };
        const _: fn() = $crate::__private::check_migration::<$migration>;
    };
    ($migration:ty, transformer) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            type Exported = $crate::__private::Exported<$migration>;
    $crate::bindings::data_migration::export_data_migration!(Exported with_types_in $crate::bindings::data_migration);
        };
        const _: fn() = $crate::__private::check_migration::<$migration>;
        const _: fn() = $crate::__private::check_transformer::<$migration>;
    };
}

/// Represents a migration in the generated code.
pub struct Exported<T>(PhantomData<T>);

/// Turns a missing [`Migration`] into an error on every target.
pub fn check_migration<T: Migration>() {}

/// Turns a missing [`Transformer`] into an error on every target.
pub fn check_transformer<T: Transformer>() {}

fn describe<T: Migration>() -> Description {
    panic::report_to_host();
    T::describe()
}

fn upgrade<T: Migration>() -> Result<(), types::Error> {
    panic::report_to_host();
    chance::follow_run();
    T::upgrade().map_err(Into::into)
}

fn downgrade<T: Migration>() -> Result<(), types::Error> {
    panic::report_to_host();
    chance::follow_run();
    T::downgrade().map_err(Into::into)
}

impl<T: Migration> migration::Guest for Exported<T> {
    fn describe() -> Description {
        describe::<T>()
    }

    fn upgrade() -> Result<(), types::Error> {
        upgrade::<T>()
    }

    fn downgrade() -> Result<(), types::Error> {
        downgrade::<T>()
    }
}

impl<T: Migration> data_migration::Guest for Exported<T> {
    fn describe() -> Description {
        describe::<T>()
    }

    fn upgrade() -> Result<(), types::Error> {
        upgrade::<T>()
    }

    fn downgrade() -> Result<(), types::Error> {
        downgrade::<T>()
    }
}

impl<T: Migration + Transformer> data_migration::exports::runner::migration::transformer::Guest for Exported<T> {
    fn transform_batch(name: String, rows: Batch) -> Result<Batch, String> {
        panic::report_to_host();
        chance::follow_batch(&name, &rows);
        T::transform(&name, rows).map_err(|error| error.to_string())
    }
}
