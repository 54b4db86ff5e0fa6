//! Decoded planes as interleaved floats that every filter downstream can take.

use symphonia::core::audio::{Audio, GenericAudioBufferRef};

/// Replaces what is in `into` by the buffer's frames. Floats that are NaN, infinite or denormal become 0: the first two
/// would stay in every filter downstream, the last only slow them. Integers cannot become such.
pub fn interleave(buffer: &GenericAudioBufferRef<'_>, into: &mut Vec<f32>) {
    match buffer {
        GenericAudioBufferRef::F32(floats) if floats.num_planes() == 2 => {
            let (left, right) = floats.plane_pair(0, 1).unwrap_or_default();
            into.resize(2 * left.len(), 0.0);
            for (frame, (left, right)) in into.as_chunks_mut::<2>().0.iter_mut().zip(left.iter().zip(right)) {
                *frame = [clean(*left), clean(*right)];
            }
        }
        GenericAudioBufferRef::S32(integers) if integers.num_planes() == 2 => {
            let (left, right) = integers.plane_pair(0, 1).unwrap_or_default();
            into.resize(2 * left.len(), 0.0);
            for (frame, (left, right)) in into.as_chunks_mut::<2>().0.iter_mut().zip(left.iter().zip(right)) {
                *frame = [scaled(*left), scaled(*right)];
            }
        }
        GenericAudioBufferRef::F32(_) | GenericAudioBufferRef::F64(_) => {
            buffer.copy_to_vec_interleaved::<f32>(into);
            for sample in into {
                *sample = clean(*sample);
            }
        }
        _ => buffer.copy_to_vec_interleaved::<f32>(into),
    }
}

/// Rounds once, as a division in 64 bits would: a power of two changes no digit.
#[inline(always)]
fn scaled(sample: i32) -> f32 {
    const UNIT: f32 = 1.0 / (1u32 << 31) as f32;
    sample as f32 * UNIT
}

#[inline(always)]
fn clean(sample: f32) -> f32 {
    const EXPONENT: u32 = 0x7f80_0000;
    const LEAST: u32 = 0x0080_0000;
    let exponent = sample.to_bits() & EXPONENT;
    // Neither of the two ends: one comparison, without a branch.
    if exponent.wrapping_sub(LEAST) < EXPONENT - LEAST { sample } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::{clean, scaled};

    #[test]
    fn integers_are_scaled_as_in_64_bits() {
        for sample in [i32::MIN, i32::MAX, -1, 0, 1, 0x7fff_ff40, 0x7fff_ffc0, 0x0123_4567, -0x0123_4567, 0x7fff_0000] {
            assert_eq!(scaled(sample), (f64::from(sample) / 2_147_483_648.0) as f32);
        }
    }

    #[test]
    fn only_what_harms_becomes_silence() {
        for kept in [1.0, -1.0, 0.0, f32::MIN_POSITIVE, -f32::MIN_POSITIVE, f32::MAX, f32::MIN] {
            assert_eq!(clean(kept), kept);
        }
        for harmful in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MIN_POSITIVE / 2.0, -1e-40] {
            assert_eq!(clean(harmful), 0.0);
        }
    }
}
