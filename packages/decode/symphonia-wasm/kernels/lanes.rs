//! Four floats at once: `v128` on WebAssembly, an array elsewhere, where only the tests run.

use std::ops::{Add, Mul, Neg, Sub};

#[cfg(target_arch = "wasm32")]
use std::arch::wasm32 as simd;

#[cfg(target_arch = "wasm32")]
type Register = simd::v128;
#[cfg(not(target_arch = "wasm32"))]
type Register = [f32; 4];

#[derive(Clone, Copy)]
pub struct F32x4(Register);

#[cfg(target_arch = "wasm32")]
impl F32x4 {
    #[inline(always)]
    pub fn new(lanes: [f32; 4]) -> Self {
        F32x4(simd::f32x4(lanes[0], lanes[1], lanes[2], lanes[3]))
    }

    #[inline(always)]
    pub fn lanes(self) -> [f32; 4] {
        [
            simd::f32x4_extract_lane::<0>(self.0),
            simd::f32x4_extract_lane::<1>(self.0),
            simd::f32x4_extract_lane::<2>(self.0),
            simd::f32x4_extract_lane::<3>(self.0),
        ]
    }

    #[inline(always)]
    pub fn splat(value: f32) -> Self {
        F32x4(simd::f32x4_splat(value))
    }

    /// The lanes in the opposite order.
    #[inline(always)]
    pub fn reversed(self) -> Self {
        F32x4(simd::i32x4_shuffle::<3, 2, 1, 0>(self.0, self.0))
    }

    /// Lanes 0 and 2 of both: the even ones of eight.
    #[inline(always)]
    pub fn evens(self, next: Self) -> Self {
        F32x4(simd::i32x4_shuffle::<0, 2, 4, 6>(self.0, next.0))
    }

    /// Lanes 1 and 3 of both: the odd ones of eight.
    #[inline(always)]
    pub fn odds(self, next: Self) -> Self {
        F32x4(simd::i32x4_shuffle::<1, 3, 5, 7>(self.0, next.0))
    }

    /// The first two lanes of both, in turn.
    #[inline(always)]
    pub fn zip_low(self, other: Self) -> Self {
        F32x4(simd::i32x4_shuffle::<0, 4, 1, 5>(self.0, other.0))
    }

    /// The last two lanes of both, in turn.
    #[inline(always)]
    pub fn zip_high(self, other: Self) -> Self {
        F32x4(simd::i32x4_shuffle::<2, 6, 3, 7>(self.0, other.0))
    }

    /// The first two lanes of both, one after the other.
    #[inline(always)]
    pub fn join_low(self, other: Self) -> Self {
        F32x4(simd::i32x4_shuffle::<0, 1, 4, 5>(self.0, other.0))
    }

    /// The last two lanes of both, one after the other.
    #[inline(always)]
    pub fn join_high(self, other: Self) -> Self {
        F32x4(simd::i32x4_shuffle::<2, 3, 6, 7>(self.0, other.0))
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl F32x4 {
    pub fn new(lanes: [f32; 4]) -> Self {
        F32x4(lanes)
    }

    pub fn lanes(self) -> [f32; 4] {
        self.0
    }

    pub fn splat(value: f32) -> Self {
        F32x4([value; 4])
    }

    pub fn reversed(self) -> Self {
        self.pick(self, [3, 2, 1, 0])
    }

    pub fn evens(self, next: Self) -> Self {
        self.pick(next, [0, 2, 4, 6])
    }

    pub fn odds(self, next: Self) -> Self {
        self.pick(next, [1, 3, 5, 7])
    }

    pub fn zip_low(self, other: Self) -> Self {
        self.pick(other, [0, 4, 1, 5])
    }

    pub fn zip_high(self, other: Self) -> Self {
        self.pick(other, [2, 6, 3, 7])
    }

    pub fn join_low(self, other: Self) -> Self {
        self.pick(other, [0, 1, 4, 5])
    }

    pub fn join_high(self, other: Self) -> Self {
        self.pick(other, [2, 3, 6, 7])
    }

    fn pick(self, other: Self, from: [usize; 4]) -> Self {
        F32x4(from.map(|lane| if lane < 4 { self.0[lane] } else { other.0[lane - 4] }))
    }
}

impl F32x4 {
    #[inline(always)]
    pub fn zero() -> Self {
        F32x4::splat(0.0)
    }

    /// The four values from `at` on.
    #[inline(always)]
    pub fn load(values: &[f32], at: usize) -> Self {
        let values = &values[at..at + 4];
        F32x4::new([values[0], values[1], values[2], values[3]])
    }

    /// Writes the lanes from `at` on.
    #[inline(always)]
    pub fn store(self, values: &mut [f32], at: usize) {
        let [a, b, c, d] = self.lanes();
        let values = &mut values[at..at + 4];
        values[0] = a;
        values[1] = b;
        values[2] = c;
        values[3] = d;
    }

    /// Rows become columns.
    #[inline(always)]
    pub fn transpose([a, b, c, d]: [Self; 4]) -> [Self; 4] {
        let (ac_low, ac_high) = (a.zip_low(c), a.zip_high(c));
        let (bd_low, bd_high) = (b.zip_low(d), b.zip_high(d));
        [ac_low.zip_low(bd_low), ac_low.zip_high(bd_low), ac_high.zip_low(bd_high), ac_high.zip_high(bd_high)]
    }
}

macro_rules! operator {
    ($trait:ident, $method:ident, $intrinsic:ident, $operator:tt) => {
        impl $trait for F32x4 {
            type Output = Self;

            #[cfg(target_arch = "wasm32")]
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                F32x4(simd::$intrinsic(self.0, other.0))
            }

            #[cfg(not(target_arch = "wasm32"))]
            fn $method(self, other: Self) -> Self {
                F32x4(std::array::from_fn(|lane| self.0[lane] $operator other.0[lane]))
            }
        }
    };
}

operator!(Add, add, f32x4_add, +);
operator!(Sub, sub, f32x4_sub, -);
operator!(Mul, mul, f32x4_mul, *);

impl Neg for F32x4 {
    type Output = Self;

    #[cfg(target_arch = "wasm32")]
    #[inline(always)]
    fn neg(self) -> Self {
        F32x4(simd::f32x4_neg(self.0))
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn neg(self) -> Self {
        F32x4(self.0.map(|lane| -lane))
    }
}

#[cfg(test)]
mod tests {
    use super::F32x4;

    #[test]
    fn transposing_makes_columns_of_rows() {
        let rows: [F32x4; 4] = std::array::from_fn(|row| F32x4::new(std::array::from_fn(|column| (10 * row + column) as f32)));
        let columns = F32x4::transpose(rows).map(F32x4::lanes);
        assert_eq!(columns, std::array::from_fn(|column| std::array::from_fn(|row| (10 * row + column) as f32)));
    }
}
