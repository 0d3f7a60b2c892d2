//! Small components in WebAssembly's text format that no toolchain would produce.

/// A component from its text.
pub fn parse(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// A component from its text, if it is one.
pub fn try_parse(text: &str) -> Option<Vec<u8>> {
    wat::parse_str(text).ok()
}

/// A core module, not a component.
pub fn core_module() -> Vec<u8> {
    parse(r#"(module (func (export "upgrade")))"#)
}

/// A component that exports nothing.
pub fn empty() -> Vec<u8> {
    parse("(component)")
}

/// A component of another world: it exports `run`.
pub fn other_world() -> Vec<u8> {
    parse(
        r#"(component
            (core module $m (func (export "run")))
            (core instance $i (instantiate $m))
            (func (export "run") (canon lift (core func $i "run"))))"#,
    )
}

/// A component that imports only these interfaces.
pub fn importing(interfaces: &[&str]) -> Vec<u8> {
    let imports: String = interfaces.iter().map(|name| format!("(import \"{name}\" (instance))")).collect();
    parse(&format!("(component {imports})"))
}

/// A component whose functions have the right names and the wrong types.
pub fn other_types() -> Vec<u8> {
    parse(
        r#"(component
            (core module $m (func (export "f") (result i32) i32.const 0))
            (core instance $i (instantiate $m))
            (func $f (result u32) (canon lift (core func $i "f")))
            (export "describe" (func $f))
            (export "upgrade" (func $f))
            (export "downgrade" (func $f)))"#,
    )
}

/// A core module with a function of this many nested blocks: small, and slow to compile.
pub fn deep(depth: usize) -> Vec<u8> {
    let (open, close) = ("(block ".repeat(depth), ")".repeat(depth));
    parse(&format!("(component (core module (func {open}{close})))"))
}

/// A component with this many functions.
pub fn wide(functions: usize) -> Vec<u8> {
    parse(&format!("(component (core module {}))", "(func)".repeat(functions)))
}

/// A component with the right exports whose core module contains this text and starts with the function `$start`.
pub fn starting(module: &str) -> Vec<u8> {
    parse(&format!(
        r#"(component
            (core module $m {module} (start $start) (func (export "f") (result i32) i32.const 0))
            (core instance $i (instantiate $m))
            (func $f (result u32) (canon lift (core func $i "f")))
            (export "describe" (func $f))
            (export "upgrade" (func $f))
            (export "downgrade" (func $f)))"#
    ))
}
