//! Conversions of numbers that fail where something would be lost.

/// Returns the float that equals this integer exactly.
pub fn exact_float(number: i64) -> Option<f64> {
    let float = number as f64;
    // 2^63 is representable as a float but not as an i64, and `as` would saturate to i64::MAX.
    (float < 9_223_372_036_854_775_808.0 && float as i64 == number).then_some(float)
}

/// Returns the integer that equals this float exactly; `None` for -0.0, because its sign would be lost.
pub fn exact_integer(number: f64) -> Option<i64> {
    let in_range = (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&number);
    (in_range && number.fract() == 0.0 && !(number == 0.0 && number.is_sign_negative())).then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lossy_conversions_are_none() {
        assert_eq!(
            (exact_float(1 << 53), exact_float((1 << 53) + 1), exact_float(i64::MAX)),
            (Some(2_f64.powi(53)), None, None)
        );
        assert_eq!((exact_integer(-7.0), exact_integer(0.5), exact_integer(-0.0)), (Some(-7), None, None));
        assert_eq!((exact_integer(2_f64.powi(63)), exact_integer(-(2_f64.powi(63)))), (None, Some(i64::MIN)));
    }
}
