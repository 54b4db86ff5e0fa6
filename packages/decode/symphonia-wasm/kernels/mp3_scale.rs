//! The scale of a band in MPEG audio, Layer III.

/// Two to the power of `quarters / 4`, for every exponent that a stream can ask for.
#[inline(always)]
pub fn two_to_quarters(quarters: i32) -> f32 {
    const FRACTIONS: [f64; 4] = [1.0, 1.189_207_115_002_721, std::f64::consts::SQRT_2, 1.681_792_830_507_429];
    let whole = f64::from_bits(((1023 + i64::from(quarters >> 2)) as u64) << 52);
    (whole * FRACTIONS[(quarters & 3) as usize]) as f32
}

#[cfg(test)]
mod tests {
    use super::two_to_quarters;

    #[test]
    fn equals_the_power_over_the_range_of_gains_and_scale_factors() {
        for quarters in -210 - 8 * 7 - 4 * (15 + 3) * 4..=255 - 210 {
            assert_eq!(two_to_quarters(quarters), 2f64.powf(0.25 * f64::from(quarters)) as f32, "{quarters}");
        }
    }
}
