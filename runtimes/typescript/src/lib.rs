//! The C function that blanks the types of TypeScript, over the library that Node.js uses for the same.
//!
//! Types become spaces, so that every line and column stays where it is. What is more than a type, such as `enum`, is an error
//! with its position.

// Its functions, which the runtime of JavaScript has as well, and its allocator.
extern crate natives as _;

use std::sync::{Arc, Mutex, PoisonError};

use swc_common::errors::{DiagnosticBuilder, Emitter, Handler};
use swc_common::sync::Lrc;
use swc_common::{BytePos, GLOBALS, Globals, SourceMap};
use swc_ts_fast_strip::{Mode, Options, operate};

/// What `typescript_strip` made of a source, as `typescript.h` declares it.
#[repr(C)]
pub struct Stripped {
    /// JavaScript, or the error's message, with a zero at its end that `size` does not count: the caller's to free.
    text: *mut u8,
    size: usize,
    /// Where the error is, from 1; 0 if that is unknown.
    line: u32,
    column: u32,
}

/// An error, and the offset of its position.
type Failure = (String, Option<u32>);

/// Keeps the first error in the source.
struct FirstError(Arc<Mutex<Option<Failure>>>);

impl Emitter for FirstError {
    fn emit(&mut self, error: &mut DiagnosticBuilder<'_>) {
        let at = error.span.primary_span().filter(|span| span.lo != BytePos::DUMMY).map(|span| span.lo.0);
        let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_earlier = |(_, of): &Failure| at.is_some_and(|at| of.is_none_or(|of| at < of));
        if first.as_ref().is_none_or(is_earlier) {
            *first = Some((error.message(), at));
        }
    }
}

fn strip(source: &str) -> Result<String, Failure> {
    let first = Arc::new(Mutex::new(None));
    let handler = Handler::with_emitter(false, false, Box::new(FirstError(first.clone())));
    let options = Options { module: Some(true), mode: Mode::StripOnly, ..Options::default() };
    let result = GLOBALS
        .set(&Globals::new(), || operate(&Lrc::new(SourceMap::default()), &handler, source.to_owned(), options));
    result.map(|output| output.code).map_err(|error| {
        let found = first.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Positions count from 1.
        found.map_or((error.message, None), |(message, at)| (named(message), at.map(|at| at.saturating_sub(1))))
    })
}

/// What cannot be stripped, in the words of the project; other messages as they are. The program adds a hint to those that
/// say "cannot be stripped".
fn named(message: String) -> String {
    let what = match message.strip_prefix("TypeScript ").and_then(|it| it.strip_suffix(" is not supported in strip-only mode")) {
        Some("enum") => "`enum`",
        Some("namespace declaration") => "`namespace`",
        Some("import equals declaration") => "`import … = …`",
        Some("export assignment") => "`export = …`",
        Some("parameter property") => "a parameter property",
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

/// Blanks the types of a module; false, with a message, if that cannot be done.
///
/// # Safety
/// `source` points at `size` bytes of UTF-8, and `into` at a `Stripped`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn typescript_strip(source: *const u8, size: usize, into: *mut Stripped) -> bool {
    // SAFETY: the caller's promise. An empty source may have no address.
    let bytes = if size == 0 { &[][..] } else { unsafe { std::slice::from_raw_parts(source, size) } };
    let result = match std::str::from_utf8(bytes) {
        Ok(text) => strip(text).map_err(|(message, at)| (message, at.map(|at| position(text, at as usize)))),
        Err(_) => Err(("the source is not UTF-8".to_owned(), None)),
    };
    let good = result.is_ok();
    let (text, (line, column)) = match result {
        Ok(code) => (code, (0, 0)),
        Err((message, at)) => (message, at.unwrap_or_default()),
    };
    let size = text.len();
    let text = Box::into_raw([text.as_bytes(), b"\0"].concat().into_boxed_slice()).cast();
    // SAFETY: the caller's promise.
    unsafe { into.write(Stripped { text, size, line, column }) };
    good
}
