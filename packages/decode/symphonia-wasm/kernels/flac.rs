//! Linear prediction as in FLAC (RFC 9639, section 9.2.5 and 9.2.6).

/// Turns residuals into samples in place. The first `coefficients.len()` samples are there already; the last coefficient
/// belongs to the sample before. `bits` is the width of a sample: where no sum can leave 32 bits, none is computed in 64.
pub fn predict(coefficients: &[i32], shift: u32, bits: u32, samples: &mut [i32]) {
    let weight: u64 = coefficients.iter().map(|coefficient| u64::from(coefficient.unsigned_abs())).sum();
    let fits = weight << (bits - 1) < 1 << 31;
    macro_rules! by_order {
        ($($order:literal)*) => {
            match coefficients.len() {
                $($order => {
                    let coefficients = coefficients.first_chunk::<$order>().expect("as many as matched");
                    if fits { narrow(coefficients, shift, samples) } else { wide(coefficients, shift, samples) }
                })*
                order => any_order(order, coefficients, shift, samples),
            }
        };
    }
    by_order!(1 2 3 4 5 6 7 8 9 10 11 12);
}

/// The fixed predictors of orders 0 to 4. Sums wrap, so that 32 bits are as good as any more.
pub fn predict_fixed(order: u32, samples: &mut [i32]) {
    match order {
        1 => narrow(&[1], 0, samples),
        2 => narrow(&[-1, 2], 0, samples),
        3 => narrow(&[1, -3, 3], 0, samples),
        4 => narrow(&[-1, 4, -6, 4], 0, samples),
        _ => (),
    }
}

#[inline(always)]
fn narrow<const ORDER: usize>(coefficients: &[i32; ORDER], shift: u32, samples: &mut [i32]) {
    let Some(mut last) = samples.get(ORDER - 1).copied() else { return };
    for n in ORDER..samples.len() {
        let past = &samples[n - ORDER..n];
        // The sample before is not loaded again: waiting for its store would take longer than all the rest.
        let mut sum = 0i32;
        for k in 0..ORDER - 1 {
            sum = sum.wrapping_add(coefficients[k].wrapping_mul(past[k]));
        }
        sum = sum.wrapping_add(coefficients[ORDER - 1].wrapping_mul(last));
        last = samples[n].wrapping_add(sum >> shift);
        samples[n] = last;
    }
}

#[inline(always)]
fn wide<const ORDER: usize>(coefficients: &[i32; ORDER], shift: u32, samples: &mut [i32]) {
    let Some(mut last) = samples.get(ORDER - 1).copied() else { return };
    for n in ORDER..samples.len() {
        let past = &samples[n - ORDER..n];
        let mut sum = 0i64;
        for k in 0..ORDER - 1 {
            sum += i64::from(coefficients[k]) * i64::from(past[k]);
        }
        sum += i64::from(coefficients[ORDER - 1]) * i64::from(last);
        last = samples[n].wrapping_add((sum >> shift) as i32);
        samples[n] = last;
    }
}

#[inline(never)]
fn any_order(order: usize, coefficients: &[i32], shift: u32, samples: &mut [i32]) {
    for n in order..samples.len() {
        let past = &samples[n - order..n];
        let sum: i64 = coefficients.iter().zip(past).map(|(a, b)| i64::from(*a) * i64::from(*b)).sum();
        samples[n] = samples[n].wrapping_add((sum >> shift) as i32);
    }
}

#[cfg(test)]
mod tests {
    use super::{any_order, predict, predict_fixed};

    fn residuals(bits: u32) -> Vec<i32> {
        (0..300i32).map(|n| n.wrapping_mul(n).wrapping_mul(7919) >> (34 - bits)).collect()
    }

    #[test]
    fn every_order_and_width_gives_the_same_as_the_sum_in_64_bits() {
        for order in 1..=32 {
            for bits in [8, 16, 17, 24, 32] {
                let coefficients: Vec<i32> = (0..order).map(|n| (n * 37 % 19 - 9) * 50).collect();
                let mut expected = residuals(bits);
                any_order(coefficients.len(), &coefficients, 12, &mut expected);
                let mut actual = residuals(bits);
                predict(&coefficients, 12, bits, &mut actual);
                assert_eq!(actual, expected, "order {order}, {bits} bits");
            }
        }
    }

    #[test]
    fn fixed_predictors_undo_differences() {
        let original: Vec<i32> = (0..100i32).map(|n| n.wrapping_mul(n).wrapping_mul(104_729)).collect();
        for order in 0..=4 {
            let mut samples = original.clone();
            for round in 0..order {
                for n in (round + 1..samples.len()).rev() {
                    samples[n] = samples[n].wrapping_sub(samples[n - 1]);
                }
            }
            let mut warm = samples.clone();
            warm[..order].copy_from_slice(&original[..order]);
            predict_fixed(order as u32, &mut warm);
            assert_eq!(warm, original, "order {order}");
        }
    }

    #[test]
    fn blocks_shorter_than_the_order_stay_as_they_are() {
        let mut samples = [1, 2, 3];
        predict(&[1; 8], 0, 16, &mut samples);
        assert_eq!(samples, [1, 2, 3]);
    }
}
