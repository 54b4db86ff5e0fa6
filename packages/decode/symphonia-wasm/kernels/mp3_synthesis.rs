//! The polyphase synthesis filterbank of MPEG audio (ISO/IEC 11172-3, 2.4.3.2.2), four time slots at once.
//!
//! Matrixing is a 32-point DCT-II (Konstantinides, IEEE Signal Processing Letters 1(2), 1994), computed by Lee's
//! decomposition (IEEE Transactions on ASSP 32(6), 1984) with one time slot in each lane. Of a slot's 64 values of the
//! standard's V vector only 32 differ: they are kept in the order in which the window reads them, and each is used for the
//! two outputs that mirror each other.

use std::sync::OnceLock;

use super::lanes::F32x4;

const BANDS: usize = 32;
/// Slots of the past that the window reaches into.
const PAST: usize = 15;
/// Slots that are computed at a time: a granule of Layer III.
const MAX_SLOTS: usize = 18;

/// What a slot leaves for the window: 16 values for the slots of even age, 16 for those of odd age.
type Slot = [f32; BANDS];

/// The filterbank's memory of one channel.
pub struct SynthesisState {
    past: [Slot; PAST],
}

impl Default for SynthesisState {
    fn default() -> Self {
        SynthesisState { past: [[0.0; BANDS]; PAST] }
    }
}

/// Turns `slots` time slots of 32 sub-bands, `samples[band * slots + slot]`, into `32 * slots` samples of PCM.
/// `window` is the standard's table D.
pub fn synthesis(state: &mut SynthesisState, window: &[f32; 512], slots: usize, samples: &[f32], out: &mut [f32]) {
    static WINDOW: OnceLock<Box<FoldedWindow>> = OnceLock::new();
    let window = WINDOW.get_or_init(|| Box::new(FoldedWindow::new(window)));
    let mut start = 0;
    while start < slots {
        let count = (slots - start).min(MAX_SLOTS);
        let mut lines = [[0.0; BANDS]; PAST + MAX_SLOTS];
        lines[..PAST].copy_from_slice(&state.past);
        let mut slot = 0;
        while slot < count {
            // The last four may overlap those before: they give the same values again.
            let first = slot.min(count - 4);
            matrix(samples, slots, start + first, &mut lines[PAST + first..PAST + first + 4]);
            slot += 4;
        }
        let out = &mut out[BANDS * start..BANDS * (start + count)];
        for (pair, out) in out.chunks_exact_mut(2 * BANDS).enumerate() {
            window.apply(&lines[2 * pair..2 * pair + PAST + 2], out);
        }
        state.past.copy_from_slice(&lines[count..count + PAST]);
        start += count;
    }
}

/// Computes four slots from `first` on.
#[inline(always)]
fn matrix(samples: &[f32], slots: usize, first: usize, lines: &mut [Slot]) {
    let spectrum = dct32(std::array::from_fn(|band| F32x4::load(samples, band * slots + first)));
    let [a, b, c, d] = lines else { unreachable!("four slots") };
    let mut place = |at: usize, rows: [F32x4; 4]| {
        let [w, x, y, z] = F32x4::transpose(rows);
        w.store(a, at);
        x.store(b, at);
        y.store(c, at);
        z.store(d, at);
    };
    place(0, [spectrum[16], spectrum[31], spectrum[30], spectrum[29]]);
    for group in 1..4 {
        let top = 32 - 4 * group;
        place(4 * group, [spectrum[top], spectrum[top - 1], spectrum[top - 2], spectrum[top - 3]]);
    }
    for group in 0..4 {
        let low = 4 * group;
        place(16 + low, [spectrum[low], spectrum[low + 1], spectrum[low + 2], spectrum[low + 3]]);
    }
}

/// The window by the age of a slot, its signs and mirror images folded in.
struct FoldedWindow {
    /// For output `16 - n`; entry 0 of the even ages is for output 0.
    falling: [[f32; 16]; 16],
    /// For output `16 + n`.
    rising: [[f32; 16]; 16],
    /// Output 0 also takes the value 0 of the even half from slots of odd age.
    first: [f32; 8],
}

impl FoldedWindow {
    fn new(d: &[f32; 512]) -> Self {
        let mut folded = FoldedWindow { falling: [[0.0; 16]; 16], rising: [[0.0; 16]; 16], first: [0.0; 8] };
        for half in 0..8 {
            let base = 64 * half;
            let (even, odd) = (2 * half, 2 * half + 1);
            folded.falling[even][0] = d[base];
            folded.rising[odd][0] = -d[base + 48];
            folded.first[half] = -d[base + 32];
            for n in 1..16 {
                folded.falling[even][n] = d[base + 16 - n];
                folded.falling[odd][n] = -d[base + 48 - n];
                folded.rising[even][n] = -d[base + 16 + n];
                folded.rising[odd][n] = -d[base + 48 + n];
            }
        }
        folded
    }

    /// Windows two slots: `lines` holds them last, after the 15 before them.
    #[inline(always)]
    fn apply(&self, lines: &[Slot], out: &mut [f32]) {
        let lines: &[Slot; PAST + 2] = lines.try_into().expect("fifteen slots before two");
        let (one, two) = out.split_at_mut(BANDS);
        for group in 0..4 {
            let at = 4 * group;
            let mut falling = [F32x4::zero(); 2];
            let mut rising = [F32x4::zero(); 2];
            for age in 0..16 {
                let half = at + 16 * (age & 1);
                let (down, up) = (F32x4::load(&self.falling[age], at), F32x4::load(&self.rising[age], at));
                for (n, line) in [PAST - age, PAST + 1 - age].into_iter().enumerate() {
                    let values = F32x4::load(&lines[line], half);
                    falling[n] = falling[n] + values * down;
                    rising[n] = rising[n] + values * up;
                }
            }
            falling[0].reversed().store(one, 13 - at);
            falling[1].reversed().store(two, 13 - at);
            // After the line above: at 16 that wrote what belongs to output 0.
            if group == 0 {
                one[0] = falling[0].lanes()[0];
                two[0] = falling[1].lanes()[0];
            }
            rising[0].store(one, 16 + at);
            rising[1].store(two, 16 + at);
        }
        for (half, weight) in self.first.iter().enumerate() {
            let line = PAST - 2 * half - 1;
            one[0] += weight * lines[line][0];
            two[0] += weight * lines[line + 1][0];
        }
    }
}

/// `1 / (2 cos(pi (2n + 1) / 2N))`, the factors of the decomposition into halves.
const FACTORS_32: [f32; 16] = [0.500_602_998, 0.505_470_960, 0.515_447_310, 0.531_042_591, 0.553_103_896, 0.582_934_968, 0.622_504_123, 0.674_808_341, 0.744_536_271, 0.839_349_645, 0.972_568_238, 1.169_439_93, 1.484_164_62, 2.057_781_01, 3.407_608_42, 10.190_008_12];
const FACTORS_16: [f32; 8] = [0.502_419_286, 0.522_498_615, 0.566_944_035, 0.646_821_783, 0.788_154_623, 1.060_677_69, 1.722_447_10, 5.101_148_62];
const FACTORS_8: [f32; 4] = [0.509_795_579, 0.601_344_887, 0.899_976_223, 2.562_915_45];
const FACTORS_4: [f32; 2] = [0.541_196_100, 1.306_562_96];
const FACTORS_2: [f32; 1] = [std::f32::consts::FRAC_1_SQRT_2];

macro_rules! halve {
    ($name:ident, $half:ident, $length:literal, $factors:ident) => {
        /// DCT-II without scaling, by two of half the length.
        #[inline(always)]
        fn $name(x: [F32x4; $length]) -> [F32x4; $length] {
            const HALF: usize = $length / 2;
            let sums = $half(std::array::from_fn(|n| x[n] + x[$length - 1 - n]));
            let differences =
                $half(std::array::from_fn(|n| (x[n] - x[$length - 1 - n]) * F32x4::splat($factors[n])));
            std::array::from_fn(|n| match n {
                _ if n % 2 == 0 => sums[n / 2],
                _ if n / 2 + 1 < HALF => differences[n / 2] + differences[n / 2 + 1],
                _ => differences[n / 2],
            })
        }
    };
}

halve!(dct32, dct16, 32, FACTORS_32);
halve!(dct16, dct8, 16, FACTORS_16);
halve!(dct8, dct4, 8, FACTORS_8);
halve!(dct4, dct2, 4, FACTORS_4);
halve!(dct2, dct1, 2, FACTORS_2);

#[inline(always)]
fn dct1(x: [F32x4; 1]) -> [F32x4; 1] {
    x
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use super::{BANDS, SynthesisState, synthesis};

    /// Any table will do, as long as it is the same in both: the standard's own is upstream's.
    fn window() -> [f32; 512] {
        std::array::from_fn(|n| ((n as f32 * 0.37).sin() + 0.25) / 3.0)
    }

    /// The standard's flow chart, word for word, in doubles.
    fn by_the_standard(d: &[f32; 512], slots: usize, samples: &[f32]) -> Vec<f64> {
        let mut v = vec![0.0; 1024];
        let mut out = Vec::new();
        for slot in 0..slots {
            v.copy_within(0..960, 64);
            for (i, v) in v[..64].iter_mut().enumerate() {
                *v = (0..BANDS)
                    .map(|k| ((16 + i) as f64 * (2 * k + 1) as f64 * PI / 64.0).cos() * f64::from(samples[k * slots + slot]))
                    .sum();
            }
            for j in 0..BANDS {
                let term = |i: usize| {
                    let base = 128 * i;
                    v[base + j] * f64::from(d[64 * i + j]) + v[base + 96 + j] * f64::from(d[64 * i + 32 + j])
                };
                out.push((0..8).map(term).sum());
            }
        }
        out
    }

    #[test]
    fn gives_what_the_standard_gives_for_every_layer() {
        for slots in [12, 18, 36] {
            let samples: Vec<f32> = (0..BANDS * slots).map(|n| ((n * n) as f32 * 0.013).sin()).collect();
            let expected = by_the_standard(&window(), slots, &samples);
            let mut actual = vec![0.0; BANDS * slots];
            synthesis(&mut SynthesisState::default(), &window(), slots, &samples, &mut actual);
            for (actual, expected) in actual.iter().zip(expected) {
                assert!((f64::from(*actual) - expected).abs() < 2e-5, "{actual} instead of {expected}");
            }
        }
    }

    #[test]
    fn the_past_is_carried_on() {
        let samples: Vec<f32> = (0..BANDS * 36).map(|n| ((n * n) as f32 * 0.013).sin()).collect();
        let mut whole = vec![0.0; BANDS * 36];
        synthesis(&mut SynthesisState::default(), &window(), 36, &samples, &mut whole);
        let mut state = SynthesisState::default();
        for part in 0..2 {
            let half: Vec<f32> = (0..BANDS).flat_map(|band| samples[band * 36 + part * 18..][..18].to_vec()).collect();
            let mut out = vec![0.0; BANDS * 18];
            synthesis(&mut state, &window(), 18, &half, &mut out);
            assert_eq!(out, whole[part * BANDS * 18..][..BANDS * 18]);
        }
    }
}
