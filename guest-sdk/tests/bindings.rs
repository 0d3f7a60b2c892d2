//! The bindings in `src/bindings` are what wit-bindgen generates from the contract.
//!
//! They are committed, because the macro that would generate them in every build takes most of the compile time of a small
//! migration (28 s instead of 5 s on two cores). After a change to `wit/`:
//!
//! ```text
//! UPDATE_BINDINGS=1 cargo test -p runner-guest --test bindings
//! ```

use std::path::Path;
use std::{env, fs};

use wit_bindgen_core::wit_parser::Resolve;
use wit_bindgen_core::{Files, WorldGenerator};
use wit_bindgen_rust::{Opts, WithOption};

/// The interfaces in both worlds. The second world takes their types from the first.
const SHARED: [&str; 7] = ["types", "sql", "batches", "schema", "context", "process", "description-types"];

#[test]
fn migration_is_up_to_date() {
    check("migration", Opts { additional_derive_attributes: vec!["PartialEq".into()], ..options("migration") });
}

#[test]
fn data_migration_is_up_to_date() {
    let module = |interface: &str| {
        let path = format!("crate::bindings::migration::runner::migration::{}", interface.replace('-', "_"));
        (format!("runner:migration/{interface}@0.1.0"), WithOption::Path(path))
    };
    check("data_migration", Opts { with: SHARED.into_iter().map(module).collect(), ..options("data_migration") });
}

/// The export macro has to work in other crates, with the types of this one.
fn options(module: &str) -> Opts {
    Opts {
        format: true,
        pub_export_macro: true,
        export_macro_name: Some(format!("export_{module}")),
        default_bindings_module: Some(format!("runner_guest::bindings::{module}")),
        ..Opts::default()
    }
}

fn check(module: &str, options: Opts) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(root.join("wit")).expect("the contract is valid");
    let world = resolve.select_world(&[package], Some(&module.replace('_', "-"))).expect("the contract has the world");
    let mut files = Files::default();
    options.build().generate(&mut resolve, world, &mut files).expect("the contract has bindings");
    let (_, generated) = files.iter().next().expect("there is one file");

    let path = root.join("src/bindings").join(module).with_extension("rs");
    if env::var_os("UPDATE_BINDINGS").is_some() {
        fs::write(&path, generated).expect("the file can be written");
    }
    let kept = fs::read(&path).expect("the file can be read");
    assert!(kept == generated, "{} is out of date: run with UPDATE_BINDINGS=1", path.display());
}
