//! The inverse MDCT by an FFT of half as many points, twiddled before and after. Takes the place of Symphonia's own, whose
//! every other coefficient from the end keeps the compiler from using registers of four.

use super::fft::{Fft, Quad};
use super::lanes::F32x4;

/// The inverse MDCT from `n` coefficients to `2 n` samples.
pub struct Imdct {
    fft: Fft,
    twiddle_re: Vec<Quad>,
    twiddle_im: Vec<Quad>,
}

impl Imdct {
    /// Without scaling. `n` is a power of two and at least 32.
    #[cfg_attr(test, expect(dead_code))]
    pub fn new(n: usize) -> Self {
        Imdct::new_scaled(n, 1.0)
    }

    pub fn new_scaled(n: usize, scale: f64) -> Self {
        let half = n / 2;
        let offset = 1.0 / 8.0 + if scale.is_sign_positive() { 0.0 } else { half as f64 };
        let twiddle = |quad: usize, part: fn(f64) -> f64| -> Quad {
            std::array::from_fn(|lane| {
                let angle = std::f64::consts::PI / n as f64 * (offset + (4 * quad + lane) as f64);
                (scale.abs().sqrt() * part(angle)) as f32
            })
        };
        Imdct {
            fft: Fft::new(half),
            twiddle_re: (0..half / 4).map(|quad| twiddle(quad, f64::cos)).collect(),
            twiddle_im: (0..half / 4).map(|quad| twiddle(quad, f64::sin)).collect(),
        }
    }

    /// Panics unless `coefficients` are `n` and `out` is twice as long.
    pub fn imdct(&mut self, coefficients: &[f32], out: &mut [f32]) {
        let n = 2 * self.fft.points();
        assert_eq!(coefficients.len(), n);
        assert_eq!(out.len(), 2 * n);
        let quads = coefficients.as_chunks::<4>().0;
        let (twiddle_re, twiddle_im) = (&self.twiddle_re[..n / 8], &self.twiddle_im[..n / 8]);
        let spectrum = self.fft.transform(|quad| {
            let even = F32x4::new(quads[2 * quad]).evens(F32x4::new(quads[2 * quad + 1]));
            let end = quads.len() - 1 - 2 * quad;
            let odd = F32x4::new(quads[end - 1]).odds(F32x4::new(quads[end])).reversed();
            let (re, im) = (F32x4::new(twiddle_re[quad]), F32x4::new(twiddle_im[quad]));
            (-(odd * im + even * re), even * im - odd * re)
        });

        // Each half of the output is a sequence and its mirror image.
        let (first, second) = out.as_chunks_mut::<4>().0.split_at_mut(n / 4);
        let (first_mirror, first) = first.split_at_mut(n / 8);
        let (second_mirror, second) = second.split_at_mut(n / 8);
        let twiddled = |quad: usize| {
            let (w_re, w_im) = (F32x4::new(twiddle_re[quad]), F32x4::new(twiddle_im[quad]));
            let (re, im) = (F32x4::new(spectrum.re[quad]), F32x4::new(spectrum.im[quad]));
            (w_re * re + w_im * im, w_im * re - w_re * im)
        };
        let count = n / 8;
        for quad in 0..count / 2 {
            let (low_re, low_im) = twiddled(quad);
            let (high_re, high_im) = twiddled(count - 1 - quad);
            let (high_re, high_im) = (high_re.reversed(), high_im.reversed());
            for (half, part) in [low_im.zip_low(high_re), low_im.zip_high(high_re)].into_iter().enumerate() {
                first[2 * quad + half] = part.lanes();
                first_mirror[count - 1 - 2 * quad - half] = (-part.reversed()).lanes();
            }
            for (half, part) in [low_re.zip_low(high_im), low_re.zip_high(high_im)].into_iter().enumerate() {
                second[2 * quad + half] = part.lanes();
                second_mirror[count - 1 - 2 * quad - half] = part.reversed().lanes();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use super::Imdct;

    #[test]
    fn equals_the_definition_for_every_length_and_scale() {
        for (n, scale) in [(32, 1.0), (64, 0.25), (128, 1.0 / 256.0), (256, -0.5), (1024, 1.0 / 2048.0)] {
            let coefficients: Vec<f32> = (0..n).map(|k| ((k * k) as f32 * 0.023).sin()).collect();
            let mut out = vec![0.0; 2 * n];
            Imdct::new_scaled(n, scale).imdct(&coefficients, &mut out);
            for (i, actual) in out.iter().enumerate() {
                let angle = |k: usize| PI / (4 * n) as f64 * (((2 * i + 1 + n) * (2 * k + 1)) % (8 * n)) as f64;
                let sum: f64 = coefficients.iter().enumerate().map(|(k, x)| f64::from(*x) * angle(k).cos()).sum();
                let error = (f64::from(*actual) - scale * sum).abs();
                assert!(error < 2e-6 * scale.abs() * n as f64, "{n} coefficients, sample {i}: off by {error}");
            }
        }
    }
}
