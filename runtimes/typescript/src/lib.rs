//! The C function that makes JavaScript of TypeScript, over the library that Node.js uses for the same.
//!
//! Types become spaces, so that every line and column stays where it is. A module with more than types, such as an `enum`, is
//! printed anew, with a map of its positions. What has no form as a module of JavaScript is an error with its position.

// Its functions, which the runtime of JavaScript has as well, and its allocator.
extern crate natives as _;

use std::sync::{Arc, Mutex, PoisonError};

use swc_common::errors::{DiagnosticBuilder, Emitter, Handler};
use swc_common::sync::Lrc;
use swc_common::{BytePos, GLOBALS, Globals, SourceMap};
use swc_ts_fast_strip::{Mode, Options, TransformOutput, operate};

/// What `typescript_strip` made of a source, as `typescript.h` declares it.
#[repr(C)]
pub struct Stripped {
    /// JavaScript, or the error's message, with a zero at its end that `size` does not count: the caller's to free.
    text: *mut u8,
    size: usize,
    /// Where the error is, from 1; 0 if that is unknown.
    line: u32,
    column: u32,
    /// Where the pieces of the JavaScript come from, as a source map; null if every position stays where it is. The caller's to
    /// free.
    map: *mut u8,
}

/// An error, and the offset of its position.
type Failure = (String, Option<u32>);

/// Keeps the errors in the source.
struct Errors(Arc<Mutex<Vec<Failure>>>);

impl Emitter for Errors {
    fn emit(&mut self, error: &mut DiagnosticBuilder<'_>) {
        let at = error.span.primary_span().filter(|span| span.lo != BytePos::DUMMY).map(|span| span.lo.0);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((error.message(), at));
    }
}

/// JavaScript, and the map of its positions if they are others.
fn javascript(source: &str) -> Result<TransformOutput, Failure> {
    operated(source, Mode::StripOnly).or_else(|mut errors| {
        errors.sort_by_key(|(_, at)| at.unwrap_or(u32::MAX));
        match errors.iter().position(|(message, _)| !is_transformed(message)) {
            None => operated(source, Mode::Transform).map_err(|mut errors| errors.remove(0)),
            Some(first) => Err(errors.swap_remove(first)),
        }
    })
}

/// At least one error, if it fails.
fn operated(source: &str, mode: Mode) -> Result<TransformOutput, Vec<Failure>> {
    let errors = Arc::new(Mutex::new(Vec::new()));
    let handler = Handler::with_emitter(false, false, Box::new(Errors(errors.clone())));
    let mut options = Options { module: Some(true), mode, source_map: true, ..Options::default() };
    // Imports stay as they are, and so do fields: as where types are only blanked.
    let transform = options.transform.get_or_insert_default();
    (transform.typescript.verbatim_module_syntax, transform.typescript.native_class_properties) = (true, true);
    let result = GLOBALS
        .set(&Globals::new(), || operate(&Lrc::new(SourceMap::default()), &handler, source.to_owned(), options));
    result.map_err(|error| {
        let found = std::mem::take(&mut *errors.lock().unwrap_or_else(PoisonError::into_inner));
        // Positions count from 1.
        let found = found.into_iter().map(|(message, at)| (named(message), at.map(|at| at.saturating_sub(1))));
        let found: Vec<Failure> = found.collect();
        if found.is_empty() { vec![(error.message, None)] } else { found }
    })
}

/// What is more than a type, and has a form in JavaScript.
const TRANSFORMED: [&str; 3] = ["enum", "namespace declaration", "parameter property"];

fn is_transformed(message: &str) -> bool {
    TRANSFORMED.contains(&message)
}

/// What cannot be stripped: its name if it has a form in JavaScript, and else an error in the words of the project. Other
/// messages as they are. The program adds a hint to those that say "cannot be stripped".
fn named(message: String) -> String {
    let what = match message.strip_prefix("TypeScript ").and_then(|it| it.strip_suffix(" is not supported in strip-only mode")) {
        Some("import equals declaration") => "`import … = …`",
        Some("export assignment") => "`export = …`",
        Some(other) if is_transformed(other) => return other.to_owned(),
        Some(other) => other,
        None if message.starts_with("The angle-bracket syntax") => {
            return "`<Type>value` cannot be stripped where it stands".to_owned();
        }
        None => return message,
    };
    format!("{what} cannot be stripped: it is more than a type")
}

/// The line and the column of an offset, from 1; columns count characters, as the interpreter does.
fn position(source: &str, offset: usize) -> (u32, u32) {
    let before = source.get(..offset).unwrap_or(source);
    let line = before.matches('\n').count();
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
    (line as u32 + 1, column as u32 + 1)
}

/// Text with a zero at its end, for C.
fn for_c(text: &str) -> *mut u8 {
    Box::into_raw([text.as_bytes(), b"\0"].concat().into_boxed_slice()).cast()
}

/// Makes JavaScript of a module; false, with a message, if that cannot be done.
///
/// # Safety
/// `source` points at `size` bytes of UTF-8, and `into` at a `Stripped`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn typescript_strip(source: *const u8, size: usize, into: *mut Stripped) -> bool {
    // SAFETY: the caller's promise. An empty source may have no address.
    let bytes = if size == 0 { &[][..] } else { unsafe { std::slice::from_raw_parts(source, size) } };
    let result = match std::str::from_utf8(bytes) {
        Ok(text) => javascript(text).map_err(|(message, at)| (message, at.map(|at| position(text, at as usize)))),
        Err(_) => Err(("the source is not UTF-8".to_owned(), None)),
    };
    let good = result.is_ok();
    let (text, (line, column), map) = match result {
        Ok(output) => (output.code, (0, 0), output.map.map_or(std::ptr::null_mut(), |map| for_c(&map))),
        Err((message, at)) => (message, at.unwrap_or_default(), std::ptr::null_mut()),
    };
    // SAFETY: the caller's promise.
    unsafe { into.write(Stripped { text: for_c(&text), size: text.len(), line, column, map }) };
    good
}
