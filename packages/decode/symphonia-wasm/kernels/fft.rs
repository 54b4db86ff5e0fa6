//! A complex FFT of 16 to 2048 points, a power of two: Stockham's order, radix 4, and radix 2 at the end where it takes
//! one. Real and imaginary parts lie apart, so that four points are one register throughout.

use std::f64::consts::TAU;

use super::lanes::F32x4;

const MIN_POINTS: usize = 16;
const MAX_POINTS: usize = 2048;

/// Four neighbours.
pub type Quad = [f32; 4];

/// Real parts and imaginary parts.
#[derive(Clone)]
pub struct Split {
    pub re: Vec<Quad>,
    pub im: Vec<Quad>,
}

impl Split {
    fn new(points: usize) -> Self {
        Split { re: vec![[0.0; 4]; points / 4], im: vec![[0.0; 4]; points / 4] }
    }
}

#[derive(Clone, Copy)]
struct Complex {
    re: F32x4,
    im: F32x4,
}

impl Complex {
    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        Complex { re: self.re + other.re, im: self.im + other.im }
    }

    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        Complex { re: self.re - other.re, im: self.im - other.im }
    }

    #[inline(always)]
    fn times(self, other: Self) -> Self {
        Complex { re: self.re * other.re - self.im * other.im, im: self.re * other.im + self.im * other.re }
    }

    /// Times the imaginary unit.
    #[inline(always)]
    fn turned(self) -> Self {
        Complex { re: -self.im, im: self.re }
    }
}

/// The factors of one butterfly's outputs 1 to 3: real and imaginary part of each.
type Factors<Part> = [Part; 6];

pub struct Fft {
    points: usize,
    /// Of the first pass: four butterflies each.
    first: Vec<Factors<Quad>>,
    /// Of each later pass of radix 4.
    later: Vec<Vec<Factors<f32>>>,
    halves_last: bool,
    from: Split,
    to: Split,
}

impl Fft {
    /// Panics on other lengths.
    pub fn new(points: usize) -> Self {
        assert!(points.is_power_of_two() && (MIN_POINTS..=MAX_POINTS).contains(&points), "fft: {points} points");
        let factors = |butterfly: usize, points: usize| -> Factors<f32> {
            std::array::from_fn(|part| {
                let angle = -TAU * (butterfly * (part / 2 + 1)) as f64 / points as f64;
                (if part % 2 == 0 { angle.cos() } else { angle.sin() }) as f32
            })
        };
        let first = (0..points / 16)
            .map(|quad| {
                let four: [Factors<f32>; 4] = std::array::from_fn(|lane| factors(4 * quad + lane, points));
                std::array::from_fn(|part| four.map(|factors| factors[part]))
            })
            .collect();
        let mut later = Vec::new();
        let mut left = points / 4;
        while left >= 4 {
            later.push((0..left / 4).map(|butterfly| factors(butterfly, left)).collect());
            left /= 4;
        }
        Fft { points, first, later, halves_last: left == 2, from: Split::new(points), to: Split::new(points) }
    }

    pub fn points(&self) -> usize {
        self.points
    }

    /// Transforms what `input` gives for each four points from the index of the quad on; the sign of the exponent is minus.
    #[inline(always)]
    pub fn transform(&mut self, input: impl Fn(usize) -> (F32x4, F32x4)) -> &Split {
        self.first_pass(input);
        for (factors, pass) in self.later.iter().zip([pass::<1>, pass::<4>, pass::<16>, pass::<64>]) {
            std::mem::swap(&mut self.from, &mut self.to);
            pass(&self.from, &mut self.to, factors);
        }
        if self.halves_last {
            std::mem::swap(&mut self.from, &mut self.to);
            last_pass(&self.from, &mut self.to);
        }
        &self.to
    }

    /// Four butterflies next to each other; their outputs are transposed into place.
    #[inline(always)]
    fn first_pass(&mut self, input: impl Fn(usize) -> (F32x4, F32x4)) {
        let quarter = self.points / 16;
        let (re, im) = (self.to.re.as_chunks_mut::<4>().0, self.to.im.as_chunks_mut::<4>().0);
        for (quad, (factors, (re, im))) in self.first.iter().zip(re.iter_mut().zip(im)).enumerate() {
            let at = |part: usize| {
                let (re, im) = input(quad + part * quarter);
                Complex { re, im }
            };
            let out = butterfly([at(0), at(1), at(2), at(3)], factors.map(F32x4::new));
            *re = F32x4::transpose(out.map(|value| value.re)).map(F32x4::lanes);
            *im = F32x4::transpose(out.map(|value| value.im)).map(F32x4::lanes);
        }
    }
}

/// The four outputs, turned by their factors.
#[inline(always)]
fn butterfly([a, b, c, d]: [Complex; 4], [re1, im1, re2, im2, re3, im3]: Factors<F32x4>) -> [Complex; 4] {
    let (sum, difference) = (a.plus(c), a.minus(c));
    let (other_sum, turned) = (b.plus(d), b.minus(d).turned());
    [
        sum.plus(other_sum),
        difference.minus(turned).times(Complex { re: re1, im: im1 }),
        sum.minus(other_sum).times(Complex { re: re2, im: im2 }),
        difference.plus(turned).times(Complex { re: re3, im: im3 }),
    ]
}

/// One pass of radix 4 over runs of `STRIDE` quads that share their factors.
fn pass<const STRIDE: usize>(from: &Split, to: &mut Split, factors: &[Factors<f32>]) {
    let count = factors.len();
    let (re, im) = (from.re.as_chunks::<STRIDE>().0, from.im.as_chunks::<STRIDE>().0);
    let re: [&[[Quad; STRIDE]]; 4] = std::array::from_fn(|part| &re[part * count..(part + 1) * count]);
    let im: [&[[Quad; STRIDE]]; 4] = std::array::from_fn(|part| &im[part * count..(part + 1) * count]);
    let re_out = to.re.as_chunks_mut::<STRIDE>().0.as_chunks_mut::<4>().0;
    let im_out = to.im.as_chunks_mut::<STRIDE>().0.as_chunks_mut::<4>().0;
    for (run, (factors, (re_out, im_out))) in factors.iter().zip(re_out.iter_mut().zip(im_out)).enumerate() {
        let factors = factors.map(F32x4::splat);
        for n in 0..STRIDE {
            let at = |part: usize| Complex { re: F32x4::new(re[part][run][n]), im: F32x4::new(im[part][run][n]) };
            let out = butterfly([at(0), at(1), at(2), at(3)], factors);
            for part in 0..4 {
                re_out[part][n] = out[part].re.lanes();
                im_out[part][n] = out[part].im.lanes();
            }
        }
    }
}

/// The pass of radix 2, whose factors are all one.
fn last_pass(from: &Split, to: &mut Split) {
    for (from, to) in [(&from.re, &mut to.re), (&from.im, &mut to.im)] {
        let half = from.len() / 2;
        let (sums, differences) = to.split_at_mut(half);
        let outputs = sums.iter_mut().zip(differences);
        for ((a, b), (sum, difference)) in from[..half].iter().zip(&from[half..]).zip(outputs) {
            let (a, b) = (F32x4::new(*a), F32x4::new(*b));
            *sum = (a + b).lanes();
            *difference = (a - b).lanes();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::{F32x4, Fft};

    #[test]
    fn equals_the_sum_for_every_length() {
        for points in [16, 32, 64, 128, 256, 512, 1024, 2048] {
            let value = |n: usize, seed: usize| ((n * n + seed) as f32 * 0.019).sin();
            let quad = |quad: usize, seed: usize| F32x4::new(std::array::from_fn(|lane| value(4 * quad + lane, seed)));
            let mut fft = Fft::new(points);
            let out = fft.transform(|n| (quad(n, 1), quad(n, 2)));
            let worst = (0..points)
                .map(|k| {
                    let mut sum = (0.0, 0.0);
                    for n in 0..points {
                        let (sin, cos) = (-TAU * ((n * k) % points) as f64 / points as f64).sin_cos();
                        let (re, im) = (f64::from(value(n, 1)), f64::from(value(n, 2)));
                        sum = (sum.0 + re * cos - im * sin, sum.1 + re * sin + im * cos);
                    }
                    let actual = (f64::from(out.re.as_flattened()[k]), f64::from(out.im.as_flattened()[k]));
                    (actual.0 - sum.0).abs().max((actual.1 - sum.1).abs())
                })
                .fold(0.0, f64::max);
            assert!(worst < 1e-5 * (points as f64).sqrt(), "{points} points: {worst}");
        }
    }
}
