//! The adaptive predictor of ALAC, which Apple published with its encoder.

/// Turns residuals into samples in place. `coefficients` belong to the newest sample first and adapt; the first
/// `coefficients.len() + 1` samples are there already. Samples are `32 - clipped` bits wide.
pub fn predict(coefficients: &mut [i32], shift: u32, clipped: u32, samples: &mut [i32]) {
    macro_rules! by_order {
        ($($order:literal)*) => {
            match coefficients.len() {
                $($order => adapt(coefficients.first_chunk_mut::<$order>().expect("as many as matched"), shift, clipped, samples),)*
                _ => adapt_any(coefficients, shift, clipped, samples),
            }
        };
    }
    by_order!(4 5 6 7 8);
}

#[inline(always)]
fn adapt<const ORDER: usize>(coefficients: &mut [i32; ORDER], shift: u32, clipped: u32, samples: &mut [i32]) {
    let rounding = (1 << shift) >> 1;
    // Oldest first, as the samples are.
    let mut weights = *coefficients;
    weights.reverse();
    for n in ORDER + 1..samples.len() {
        let past = &samples[n - ORDER - 1..n];
        let base = past[0];
        let differences: [i32; ORDER] = std::array::from_fn(|k| past[k + 1].wrapping_sub(base));
        let mut sum: i32 = rounding;
        for k in 0..ORDER {
            sum = sum.wrapping_add(weights[k].wrapping_mul(differences[k]));
        }
        let residual = samples[n];
        let sample = residual.wrapping_add(base).wrapping_add(sum >> shift);
        samples[n] = sample << clipped >> clipped;

        // Each weight moves by the sign of its difference while the residual is not yet used up: without a branch, since
        // nothing tells when that will be.
        let direction = residual.signum();
        let mut left = residual;
        for k in 0..ORDER {
            let active = -i32::from(left.wrapping_mul(direction) > 0);
            let difference = differences[k];
            weights[k] = weights[k].wrapping_add(active & difference.signum().wrapping_mul(direction));
            let size = difference.wrapping_mul(difference.signum()).wrapping_mul(direction) >> shift;
            left = left.wrapping_sub(active & size.wrapping_mul(k as i32 + 1));
        }
    }
    weights.reverse();
    *coefficients = weights;
}

#[inline(never)]
fn adapt_any(coefficients: &mut [i32], shift: u32, clipped: u32, samples: &mut [i32]) {
    let order = coefficients.len();
    for n in order + 1..samples.len() {
        let past = &samples[n - order - 1..n];
        let base = past[0];
        let newest_first = past[1..].iter().rev().map(|sample| sample.wrapping_sub(base));
        let sum = coefficients
            .iter()
            .zip(newest_first)
            .fold(0i32, |sum, (weight, difference)| sum.wrapping_add(weight.wrapping_mul(difference)));
        let residual = samples[n];
        let direction = residual.signum();
        let mut left = residual;
        for (k, weight) in coefficients.iter_mut().rev().enumerate() {
            if left.wrapping_mul(direction) <= 0 {
                break;
            }
            let difference = past[k + 1].wrapping_sub(base);
            *weight = weight.wrapping_add(difference.signum().wrapping_mul(direction));
            let size = difference.wrapping_mul(difference.signum()).wrapping_mul(direction) >> shift;
            left = left.wrapping_sub(size.wrapping_mul(k as i32 + 1));
        }
        let value = sum.wrapping_add((1 << shift) >> 1) >> shift;
        samples[n] = residual.wrapping_add(base).wrapping_add(value) << clipped >> clipped;
    }
}

#[cfg(test)]
mod tests {
    use super::{adapt_any, predict};

    #[test]
    fn every_order_gives_the_same_as_the_plain_loop() {
        for order in 1..=31usize {
            let weights: Vec<i32> = (0..order as i32).map(|n| (n * 31 % 11 - 5) * 20).collect();
            let residuals: Vec<i32> = (0..500i32).map(|n| n.wrapping_mul(n).wrapping_mul(7919) >> 22).collect();
            let (mut expected, mut expected_weights) = (residuals.clone(), weights.clone());
            adapt_any(&mut expected_weights, 9, 15, &mut expected);
            let (mut actual, mut actual_weights) = (residuals, weights);
            predict(&mut actual_weights, 9, 15, &mut actual);
            assert_eq!((actual, actual_weights), (expected, expected_weights), "order {order}");
        }
    }
}
