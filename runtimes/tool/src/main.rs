//! The two steps of a runtime's build that C compilers do not do: bindings of the contract, and the component around a core
//! module.

use std::path::Path;

use anyhow::{Context, Result, bail};
use wit_bindgen_core::{Files, wit_parser::Resolve};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["bindings", wit, directory] => bindings(wit.as_ref(), directory.as_ref()),
        ["encode", core, component] => encode(core.as_ref(), component.as_ref()),
        _ => bail!("usage: runtime-tool bindings WIT DIRECTORY | encode CORE COMPONENT"),
    }
}

/// Writes C bindings of the world `data-migration`.
fn bindings(wit: &Path, directory: &Path) -> Result<()> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(wit)?;
    let world = resolve.select_world(&[package], Some("data-migration"))?;
    let mut files = Files::default();
    wit_bindgen_c::Opts::default().build().generate(&mut resolve, world, &mut files)?;
    for (name, content) in files.iter() {
        std::fs::write(directory.join(name), content).with_context(|| format!("cannot write `{name}`"))?;
    }
    Ok(())
}

/// Makes a component of a core module that carries its world.
fn encode(core: &Path, component: &Path) -> Result<()> {
    let module = std::fs::read(core).with_context(|| format!("cannot read `{}`", core.display()))?;
    let bytes = wit_component::ComponentEncoder::default().validate(true).module(&module)?.encode()?;
    std::fs::write(component, bytes).with_context(|| format!("cannot write `{}`", component.display()))
}
