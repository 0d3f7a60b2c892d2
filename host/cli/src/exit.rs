//! Exit codes: they depend only on the kind of an error.

use runner_base::error::{Error, ErrorKind};

/// Done, or nothing to do.
pub const DONE: u8 = 0;
/// `status --exit-code`: migrations are pending.
pub const PENDING: u8 = 3;

/// The exit code of an error.
pub fn code(error: &Error) -> u8 {
    of(error.kind)
}

/// The exit code of a kind of error.
pub fn of(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Failed => 1,
        ErrorKind::Usage => 2,
        ErrorKind::Mismatch => 4,
        ErrorKind::LockTimeout => 5,
        ErrorKind::Partial => 6,
        ErrorKind::Denied => 7,
        ErrorKind::Interrupted => 130,
        ErrorKind::Terminated => 143,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
