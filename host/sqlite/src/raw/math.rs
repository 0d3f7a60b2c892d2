//! SQLite's mathematical functions, with the results of `func.c`. The SQLite that comes with `rusqlite` is built without them, and no
//! setting of a build reaches those who install this program from its sources.

use std::f64::consts::PI;
use std::ffi::{CStr, c_int};

use rusqlite::ffi;

use super::register::register;

/// A function of numbers. NaN becomes NULL.
enum Function {
    /// Keeps an integer as it is.
    Rounding(fn(f64) -> f64),
    One(fn(f64) -> f64),
    Two(fn(f64, f64) -> f64),
    /// NULL for what is not above 0.
    Logarithm(fn(f64) -> f64),
    Pi,
}

unsafe extern "C" {
    // Those of the standard library are computed otherwise, and differ in the last digit.
    safe fn acosh(x: f64) -> f64;
    safe fn asinh(x: f64) -> f64;
    safe fn atanh(x: f64) -> f64;
}

/// The logarithm of a number to a base: NULL for a base that is not above 1.
fn log(base: f64, x: f64) -> f64 {
    let base = if base > 0.0 { base.ln() } else { f64::NAN };
    if base > 0.0 && x > 0.0 { x.ln() / base } else { f64::NAN }
}

/// All of them. `sign` is always there.
static FUNCTIONS: [(&CStr, Function); 30] = [
    (c"ceil", Function::Rounding(f64::ceil)),
    (c"ceiling", Function::Rounding(f64::ceil)),
    (c"floor", Function::Rounding(f64::floor)),
    (c"trunc", Function::Rounding(f64::trunc)),
    (c"ln", Function::Logarithm(f64::ln)),
    (c"log", Function::Logarithm(f64::log10)),
    (c"log10", Function::Logarithm(f64::log10)),
    (c"log2", Function::Logarithm(f64::log2)),
    (c"log", Function::Two(log)),
    (c"exp", Function::One(f64::exp)),
    (c"pow", Function::Two(f64::powf)),
    (c"power", Function::Two(f64::powf)),
    (c"mod", Function::Two(|x, y| x % y)),
    (c"acos", Function::One(f64::acos)),
    (c"asin", Function::One(f64::asin)),
    (c"atan", Function::One(f64::atan)),
    (c"atan2", Function::Two(f64::atan2)),
    (c"cos", Function::One(f64::cos)),
    (c"sin", Function::One(f64::sin)),
    (c"tan", Function::One(f64::tan)),
    (c"cosh", Function::One(f64::cosh)),
    (c"sinh", Function::One(f64::sinh)),
    (c"tanh", Function::One(f64::tanh)),
    (c"acosh", Function::One(|x| acosh(x))),
    (c"asinh", Function::One(|x| asinh(x))),
    (c"atanh", Function::One(|x| atanh(x))),
    (c"sqrt", Function::One(f64::sqrt)),
    (c"radians", Function::One(|x| x * (PI / 180.0))),
    (c"degrees", Function::One(|x| x * (180.0 / PI))),
    (c"pi", Function::Pi),
];

/// Registers the mathematical functions, unless this SQLite has them.
///
/// # Errors
/// The result code of SQLite.
///
/// # Safety
/// `database` is an open connection.
pub(super) unsafe fn provide(database: *mut ffi::sqlite3) -> Result<(), c_int> {
    // SAFETY: the name ends in NUL.
    if unsafe { ffi::sqlite3_compileoption_used(c"ENABLE_MATH_FUNCTIONS".as_ptr()) } != 0 {
        return Ok(());
    }
    // As SQLite's own: in indexes and generated columns, too.
    let flags = ffi::SQLITE_DETERMINISTIC | ffi::SQLITE_INNOCUOUS;
    for (name, function) in &FUNCTIONS {
        let arguments = match function {
            Function::Pi => 0,
            Function::Two(_) => 2,
            _ => 1,
        };
        // SAFETY: as above. `call` takes its state for a `&&Function`, and does not panic.
        unsafe { register(database, (name, arguments), flags, function, call) }?;
    }
    Ok(())
}

unsafe extern "C" fn call(context: *mut ffi::sqlite3_context, _: c_int, arguments: *mut *mut ffi::sqlite3_value) {
    // SAFETY: called by SQLite with as many arguments as `provide` registered; all pointers are valid during the call. Nothing in
    // here panics.
    unsafe {
        let function = *ffi::sqlite3_user_data(context).cast::<&Function>();
        let number = |at: usize| {
            let value = *arguments.add(at);
            // A text that is a number counts as one.
            let class = ffi::sqlite3_value_numeric_type(value);
            matches!(class, ffi::SQLITE_INTEGER | ffi::SQLITE_FLOAT).then(|| ffi::sqlite3_value_double(value))
        };
        let result = match function {
            Function::Pi => Some(PI),
            Function::Rounding(_) if ffi::sqlite3_value_numeric_type(*arguments) == ffi::SQLITE_INTEGER => {
                return ffi::sqlite3_result_int64(context, ffi::sqlite3_value_int64(*arguments));
            }
            Function::Rounding(of) | Function::One(of) => number(0).map(of),
            Function::Logarithm(of) => number(0).filter(|x| *x > 0.0).map(of),
            Function::Two(of) => number(0).zip(number(1)).map(|(x, y)| of(x, y)),
        };
        // NULL, unless it is a number; SQLite makes NULL of NaN.
        if let Some(result) = result {
            ffi::sqlite3_result_double(context, result);
        }
    }
}
