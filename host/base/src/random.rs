//! Random bits.

/// Random bits of the operating system.
///
/// # Panics
/// If the system has no source of randomness.
pub fn bits() -> u64 {
    getrandom::u64().expect("the operating system supplies random bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_differ() {
        assert_ne!(bits(), bits());
    }
}
