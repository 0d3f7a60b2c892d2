//! The generated bindings: the only file that meets wit-bindgen's macro.
//!
//! Both worlds are generated, and the second one borrows every type from the first, so that a migration with a
//! transformer and one without it share all of this crate. What says which world a component has is a custom section
//! that the export macros emit into the migration's own crate (`pub_export_macro`); the sections that stand here name
//! imports alone, and imports that nobody calls are left out of the component.
#![allow(missing_docs, unsafe_code, reason = "generated code")]

wit_bindgen::generate!({
    path: "wit",
    world: "migration",
    pub_export_macro: true,
    export_macro_name: "export_migration",
    default_bindings_module: "runner_guest::bindings",
    additional_derives: [PartialEq],
    generate_unused_types: true,
});

pub mod data {
    wit_bindgen::generate!({
        path: "wit",
        world: "data-migration",
        pub_export_macro: true,
        export_macro_name: "export_data_migration",
        default_bindings_module: "runner_guest::bindings::data",
        with: {
            "runner:migration/types@0.1.0": crate::bindings::runner::migration::types,
            "runner:migration/sql@0.1.0": crate::bindings::runner::migration::sql,
            "runner:migration/batches@0.1.0": crate::bindings::runner::migration::batches,
            "runner:migration/context@0.1.0": crate::bindings::runner::migration::context,
            "runner:migration/description-types@0.1.0": crate::bindings::runner::migration::description_types,
        },
    });
}
