//! Exit codes: they depend only on the kind of an error.

use runner_base::error::Error;
pub use runner_report::error::exit_code as of;

/// Done, or nothing to do.
pub const DONE: u8 = 0;
/// `status --exit-code`: migrations are pending. `diff --exit-code`: the schemas differ.
pub const PENDING: u8 = 3;

/// The exit code of an error.
pub fn code(error: &Error) -> u8 {
    of(error.kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use runner_base::error::ErrorKind;

    #[test]
    fn exit_codes_are_a_contract() {
        let kinds = [
            (ErrorKind::Failed, 1),
            (ErrorKind::Usage, 2),
            (ErrorKind::Mismatch, 4),
            (ErrorKind::LockTimeout, 5),
            (ErrorKind::Partial, 6),
            (ErrorKind::Denied, 7),
            (ErrorKind::Interrupted, 130),
            (ErrorKind::Terminated, 143),
        ];
        for (kind, code) in kinds {
            assert_eq!(of(kind), code);
        }
    }
}
