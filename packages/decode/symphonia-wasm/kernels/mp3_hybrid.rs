//! The hybrid filterbank of MPEG audio, Layer III (ISO/IEC 11172-3, 2.4.3.4.10): inverse MDCT, window and overlap of four
//! sub-bands at once, one in each lane.
//!
//! The 36-point transform is a DCT-IV of 18 points, that one a DCT-II of 18 and two of 9 by the recursions of Lee (IEEE
//! Transactions on Circuits and Systems II 48(10), 2001).

use std::f64::consts::PI;
use std::sync::OnceLock;

use super::lanes::F32x4;

const BANDS: usize = 32;
const LINES: usize = 18;

/// The shape of a granule's window.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Normal,
    Start,
    /// Three short ones.
    Short,
    Stop,
}

/// Turns the spectral lines of a granule, 18 in each sub-band, into 18 samples in time of each sub-band.
///
/// Only `bands` sub-bands hold lines that are not zero. In a mixed granule the two lowest have a normal window, whatever the
/// shape of the others (2.4.3.4.10.3). `overlap` is what the last granule left; its order is known to this function only,
/// and silence is all zeros.
pub fn hybrid_synthesis(
    shape: Shape,
    is_mixed: bool,
    bands: usize,
    overlap: &mut [[f32; LINES]; BANDS],
    samples: &mut [f32; BANDS * LINES],
) {
    let overlap = overlap.as_flattened_mut();
    let tables = Tables::get();
    let groups = bands.div_ceil(4);
    for (group, overlap) in overlap.chunks_exact_mut(4 * LINES).enumerate() {
        let samples = &mut samples[4 * LINES * group..4 * LINES * (group + 1)];
        if group >= groups {
            let past = std::array::from_fn(|n| F32x4::load(overlap, 4 * n));
            overlap.fill(0.0);
            store(past, samples);
            continue;
        }
        let lines = load(samples);
        let mut transformed = transform(shape, &lines, tables);
        if is_mixed && group == 0 {
            let normal = transform(Shape::Normal, &lines, tables);
            transformed = std::array::from_fn(|n| normal[n].join_low(transformed[n].join_high(transformed[n])));
        }
        let now = std::array::from_fn(|n| transformed[n] + F32x4::load(overlap, 4 * n));
        for n in 0..LINES {
            transformed[LINES + n].store(overlap, 4 * n);
        }
        store(now, samples);
    }
}

/// The lines of four sub-bands, line by line.
#[inline(always)]
fn load(samples: &[f32]) -> [F32x4; LINES] {
    let mut lines = [F32x4::zero(); LINES];
    // The last four overlap those before.
    for at in [0, 4, 8, 12, 14] {
        let rows = std::array::from_fn(|band| F32x4::load(samples, LINES * band + at));
        lines[at..at + 4].copy_from_slice(&F32x4::transpose(rows));
    }
    lines
}

#[inline(always)]
fn store(lines: [F32x4; LINES], samples: &mut [f32]) {
    for at in [0, 4, 8, 12, 14] {
        let columns = F32x4::transpose([lines[at], lines[at + 1], lines[at + 2], lines[at + 3]]);
        for (band, column) in columns.into_iter().enumerate() {
            column.store(samples, LINES * band + at);
        }
    }
}

struct Tables {
    /// Normal, start and stop, with the signs of the transform's mirror images.
    windows: [[f32; 36]; 3],
    /// `short[n][k]`: line `k` of a short window to sample `n` of its 12, the window in it.
    short: [[f32; 6]; 12],
    /// `2 cos(pi (2n + 1) / 72)`.
    to_dct_ii: [f32; 18],
    /// `2 cos(pi (2n + 1) / 36)`.
    to_halves: [f32; 9],
}

impl Tables {
    fn get() -> &'static Tables {
        static TABLES: OnceLock<Box<Tables>> = OnceLock::new();
        TABLES.get_or_init(|| Box::new(Tables::new()))
    }

    fn new() -> Self {
        let long = |n: usize| (PI / 36.0 * (n as f64 + 0.5)).sin();
        let short = |n: usize| (PI / 12.0 * (n as f64 + 0.5)).sin();
        let sign = |n: usize| if n < 9 { 1.0 } else { -1.0 };
        let start = |n: usize| match n {
            0..18 => long(n),
            18..24 => 1.0,
            24..30 => short(n - 18),
            _ => 0.0,
        };
        Tables {
            windows: [
                std::array::from_fn(|n| (sign(n) * long(n)) as f32),
                std::array::from_fn(|n| (sign(n) * start(n)) as f32),
                std::array::from_fn(|n| (sign(n) * start(35 - n)) as f32),
            ],
            short: std::array::from_fn(|n| {
                std::array::from_fn(|k| (short(n) * (PI / 24.0 * ((2 * n + 7) * (2 * k + 1)) as f64).cos()) as f32)
            }),
            to_dct_ii: std::array::from_fn(|n| (2.0 * (PI / 72.0 * (2 * n + 1) as f64).cos()) as f32),
            to_halves: std::array::from_fn(|n| (2.0 * (PI / 36.0 * (2 * n + 1) as f64).cos()) as f32),
        }
    }
}

#[inline(always)]
fn transform(shape: Shape, lines: &[F32x4; LINES], tables: &Tables) -> [F32x4; 36] {
    match shape {
        Shape::Normal => imdct36(lines, &tables.windows[0]),
        Shape::Start => imdct36(lines, &tables.windows[1]),
        Shape::Short => imdct12(lines, tables),
        Shape::Stop => imdct36(lines, &tables.windows[2]),
    }
}

#[inline(always)]
fn imdct36(lines: &[F32x4; 18], window: &[f32; 36]) -> [F32x4; 36] {
    let tables = Tables::get();
    let folded = dct_iv_18(lines, tables);
    std::array::from_fn(|n| {
        let value = match n {
            0..9 => folded[9 + n],
            9..27 => folded[26 - n],
            _ => folded[n - 27],
        };
        value * F32x4::splat(window[n])
    })
}

#[inline(always)]
fn dct_iv_18(x: &[F32x4; 18], tables: &Tables) -> [F32x4; 18] {
    let mut y = dct_ii_18(std::array::from_fn(|n| x[n] * F32x4::splat(tables.to_dct_ii[n])), tables);
    y[0] = y[0] * F32x4::splat(0.5);
    for n in 1..18 {
        y[n] = y[n] - y[n - 1];
    }
    y
}

#[inline(always)]
fn dct_ii_18(x: [F32x4; 18], tables: &Tables) -> [F32x4; 18] {
    let even = dct_ii_9(std::array::from_fn(|n| x[n] + x[17 - n]));
    let mut odd = dct_ii_9(std::array::from_fn(|n| (x[n] - x[17 - n]) * F32x4::splat(tables.to_halves[n])));
    odd[0] = odd[0] * F32x4::splat(0.5);
    for n in 1..9 {
        odd[n] = odd[n] - odd[n - 1];
    }
    std::array::from_fn(|n| if n % 2 == 0 { even[n / 2] } else { odd[n / 2] })
}

/// DCT-II of nine points, its factors joined where one is the sum of two others.
#[inline(always)]
fn dct_ii_9(x: [F32x4; 9]) -> [F32x4; 9] {
    const COS_30: f32 = 0.866_025_4;
    const COS_40: f32 = 0.766_044_44;
    const COS_50: f32 = 0.642_787_6;
    const COS_70: f32 = 0.342_020_14;
    const COS_80: f32 = 0.173_648_18;
    let times = |value: F32x4, factor: f32| value * F32x4::splat(factor);

    let s: [F32x4; 4] = std::array::from_fn(|n| x[n] + x[8 - n]);
    let middle = x[4] - times(s[1], 0.5);
    let (u, v) = (s[0] - s[2], s[0] - s[3]);
    let w = v - u;
    let outer = s[0] + s[2] + s[3];

    let d: [F32x4; 4] = std::array::from_fn(|n| x[n] - x[8 - n]);
    let third = times(d[1], COS_30);
    let (p, q, r) = (d[0] + d[2], d[0] + d[3], d[2] - d[3]);
    [
        outer + s[1] + x[4],
        times(p, COS_50) + times(q, COS_70) + third,
        times(v, COS_40) + times(u, COS_80) - middle,
        times(d[0] - d[2] - d[3], COS_30),
        times(u, COS_40) - times(w, COS_80) + middle,
        times(q, COS_50) - times(r, COS_70) - third,
        times(outer, 0.5) - s[1] - x[4],
        times(p, COS_70) + times(r, COS_50) - third,
        times(v, COS_80) + times(w, COS_40) + middle,
    ]
}

/// Three short windows, overlapped among themselves. Lines come in turn from the three.
#[inline(never)]
fn imdct12(lines: &[F32x4; 18], tables: &Tables) -> [F32x4; 36] {
    let mut out = [F32x4::zero(); 36];
    for window in 0..3 {
        for (n, factors) in tables.short.iter().enumerate() {
            let terms = (0..6).map(|k| lines[3 * k + window] * F32x4::splat(factors[k]));
            let at = 6 + 6 * window + n;
            out[at] = terms.fold(out[at], |sum, term| sum + term);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use super::{BANDS, LINES, Shape, hybrid_synthesis};

    fn spectrum(seed: usize) -> [f32; BANDS * LINES] {
        std::array::from_fn(|n| ((n * n + 7 * seed) as f32 * 0.017).sin())
    }

    /// The standard's formulas in doubles: 36 windowed samples of one sub-band.
    fn by_the_standard(lines: &[f32], shape: Shape) -> [f64; 36] {
        let transform = |points: usize, line: &dyn Fn(usize) -> f32, n: usize| -> f64 {
            let angle = |k: usize| PI / (2 * points) as f64 * ((2 * n + 1 + points / 2) * (2 * k + 1)) as f64;
            (0..points / 2).map(|k| f64::from(line(k)) * angle(k).cos()).sum()
        };
        let sine = |points: usize, n: usize| (PI / points as f64 * (n as f64 + 0.5)).sin();
        let window = |n: usize| match (shape, n) {
            (Shape::Start, 18..24) | (Shape::Stop, 12..18) => 1.0,
            (Shape::Start, 24..30) => sine(12, n - 18),
            (Shape::Start, 30..36) | (Shape::Stop, 0..6) => 0.0,
            (Shape::Stop, 6..12) => sine(12, n - 6),
            _ => sine(36, n),
        };
        match shape {
            Shape::Short => {
                let mut out = [0.0; 36];
                for short in 0..3 {
                    for n in 0..12 {
                        out[6 + 6 * short + n] += sine(12, n) * transform(12, &|k| lines[3 * k + short], n);
                    }
                }
                out
            }
            _ => std::array::from_fn(|n| window(n) * transform(36, &|k| lines[k], n)),
        }
    }

    #[test]
    fn gives_what_the_standard_gives_for_every_shape_and_overlaps() {
        let shapes = [Shape::Normal, Shape::Start, Shape::Short, Shape::Stop];
        let mut overlap = [[0.0; LINES]; BANDS];
        let mut past = [[0.0; LINES]; BANDS];
        for (granule, shape) in shapes.into_iter().chain(shapes).enumerate() {
            let is_mixed = granule >= shapes.len();
            let mut samples = spectrum(granule);
            let bands = 29;
            samples[bands * LINES..].fill(0.0);
            let lines = samples;
            hybrid_synthesis(shape, is_mixed, bands, &mut overlap, &mut samples);
            for band in 0..BANDS {
                let shape = if is_mixed && band < 2 { Shape::Normal } else { shape };
                let expected = by_the_standard(&lines[band * LINES..], shape);
                for n in 0..LINES {
                    let (actual, expected) = (f64::from(samples[band * LINES + n]), expected[n] + past[band][n]);
                    assert!((actual - expected).abs() < 1e-5, "granule {granule}, band {band}: {actual}, not {expected}");
                }
                past[band].copy_from_slice(&expected[LINES..]);
            }
        }
    }

    #[test]
    fn the_past_sounds_on_where_nothing_follows() {
        let mut overlap = [[0.0; LINES]; BANDS];
        hybrid_synthesis(Shape::Normal, false, BANDS, &mut overlap, &mut spectrum(1));
        let mut samples = [0.0; BANDS * LINES];
        hybrid_synthesis(Shape::Normal, false, 0, &mut overlap, &mut samples);
        assert!(samples.iter().any(|sample| *sample != 0.0));
        assert!(overlap.as_flattened().iter().all(|sample| *sample == 0.0));
    }
}
