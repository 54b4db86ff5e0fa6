//! The inverse modified discrete cosine transform of AAC's filter bank by way of a fast Fourier transform. The decoder's own
//! follows the definition and takes twenty times as long as everything else; a scripted edit makes it call this one.

use std::cell::RefCell;
use std::f64::consts::PI;

#[derive(Clone, Copy)]
struct Complex {
    re: f64,
    im: f64,
}

impl Complex {
    const ZERO: Self = Complex { re: 0.0, im: 0.0 };

    fn unit(angle: f64) -> Self {
        Complex { re: angle.cos(), im: angle.sin() }
    }

    fn times(self, other: Self) -> Self {
        Complex { re: self.re * other.re - self.im * other.im, im: self.re * other.im + self.im * other.re }
    }

    fn plus(self, other: Self) -> Self {
        Complex { re: self.re + other.re, im: self.im + other.im }
    }

    fn minus(self, other: Self) -> Self {
        Complex { re: self.re - other.re, im: self.im - other.im }
    }
}

/// Twiddle factors of one size. With n₀ = (N/2 + 1)/2 the phase of the definition, 2π/N · (n + n₀)(k + ½), is
/// 2π/N · kn + 2π/N · kn₀ + π/N · (n + n₀): a Fourier transform between two rotations.
struct Plan {
    size: usize,
    roots: Vec<Complex>,
    before: Vec<Complex>,
    after: Vec<Complex>,
}

impl Plan {
    fn new(size: usize) -> Self {
        let n0 = (size / 2 + 1) as f64 / 2.0;
        let turn = 2.0 * PI / size as f64;
        Plan {
            size,
            roots: (0..size / 2).map(|k| Complex::unit(turn * k as f64)).collect(),
            before: (0..size / 2).map(|k| Complex::unit(turn * k as f64 * n0)).collect(),
            after: (0..size).map(|n| Complex::unit(turn / 2.0 * (n as f64 + n0))).collect(),
        }
    }

    fn run(&self, spectrum: &[f64], samples: &mut [f64]) {
        let mut line = vec![Complex::ZERO; self.size];
        let shift = u32::BITS - self.size.trailing_zeros();
        for (k, (&value, before)) in spectrum.iter().zip(&self.before).enumerate() {
            let reversed = (k as u32).reverse_bits() >> shift;
            line[reversed as usize] = Complex { re: value * before.re, im: value * before.im };
        }
        self.transform(&mut line);
        let scale = 2.0 / self.size as f64;
        for ((sample, &value), &after) in samples.iter_mut().zip(&line).zip(&self.after) {
            *sample = scale * value.times(after).re;
        }
    }

    /// Radix 2, decimation in time; the line is in bit-reversed order.
    fn transform(&self, line: &mut [Complex]) {
        let mut half = 1;
        while half < self.size {
            let stride = self.size / (2 * half);
            for block in line.chunks_exact_mut(2 * half) {
                let (low, high) = block.split_at_mut(half);
                for (k, (low, high)) in low.iter_mut().zip(high).enumerate() {
                    let turned = high.times(self.roots[k * stride]);
                    (*low, *high) = (low.plus(turned), low.minus(turned));
                }
            }
            half *= 2;
        }
    }
}

thread_local! {
    static PLANS: RefCell<Vec<Plan>> = const { RefCell::new(Vec::new()) };
}

/// Called by the edited decoder: `size / 2` spectral lines become `size` samples. `size` is a power of two.
///
/// # Safety
/// `spectrum` and `samples` hold that many values.
#[unsafe(no_mangle)]
unsafe extern "C" fn tutti_imdct(spectrum: *const f64, samples: *mut f64, size: usize) {
    // SAFETY: the caller's promise.
    let (spectrum, samples) =
        unsafe { (std::slice::from_raw_parts(spectrum, size / 2), std::slice::from_raw_parts_mut(samples, size)) };
    PLANS.with_borrow_mut(|plans| {
        let known = plans.iter().position(|plan| plan.size == size);
        let index = known.unwrap_or_else(|| {
            plans.push(Plan::new(size));
            plans.len() - 1
        });
        plans[index].run(spectrum, samples);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_the_definition_says() {
        for size in [8, 256, 2048] {
            let spectrum: Vec<f64> = (0..size / 2).map(|k| ((k * 7919) % 1000) as f64 / 500.0 - 1.0).collect();
            let mut samples = vec![0.0; size];
            Plan::new(size).run(&spectrum, &mut samples);
            let n0 = (size / 2 + 1) as f64 / 2.0;
            for n in (0..size).step_by(size / 8) {
                let turn = 2.0 * PI / size as f64 * (n as f64 + n0);
                let sum: f64 = spectrum.iter().enumerate().map(|(k, value)| value * (turn * (k as f64 + 0.5)).cos()).sum();
                assert!((samples[n] - 2.0 / size as f64 * sum).abs() < 1e-12);
            }
        }
    }
}
