//! Bits from a slice of bytes, up to eight bytes at a time.

/// Fills up 64 bits of which `count` hold, first bit first, and answers how many bytes that took. Below the count they are
/// zero before and after.
#[inline(always)]
pub fn fill_from_first(bytes: &[u8], bits: &mut u64, count: &mut u32) -> usize {
    let taken = bytes.len().min(((u64::BITS - *count) / 8) as usize);
    if taken > 0 {
        let width = 8 * taken as u32;
        let next = match bytes.first_chunk::<8>() {
            Some(next) => u64::from_be_bytes(*next),
            None => u64::from_be_bytes(last_bytes(bytes)),
        };
        *bits |= (next & !0 << (u64::BITS - width)) >> *count;
        *count += width;
    }
    taken
}

/// The same, last bit first: above the count the bits are zero.
#[inline(always)]
pub fn fill_from_last(bytes: &[u8], bits: &mut u64, count: &mut u32) -> usize {
    let taken = bytes.len().min(((u64::BITS - *count) / 8) as usize);
    if taken > 0 {
        let width = 8 * taken as u32;
        let next = match bytes.first_chunk::<8>() {
            Some(next) => u64::from_le_bytes(*next),
            None => u64::from_le_bytes(last_bytes(bytes)),
        };
        *bits |= (next & !0 >> (u64::BITS - width)) << *count;
        *count += width;
    }
    taken
}

/// Fewer than eight bytes. Takes no reader, so that a reader can stay in registers.
#[cold]
#[inline(never)]
fn last_bytes(bytes: &[u8]) -> [u8; 8] {
    std::array::from_fn(|n| bytes.get(n).copied().unwrap_or(0))
}

/// What a bit reader holds: the bytes to come and up to 64 bits, left-aligned, zero below those that count.
#[derive(Clone, Copy)]
pub struct BitWindow<'a> {
    pub bytes: &'a [u8],
    pub bits: u64,
    pub count: u32,
}

impl BitWindow<'_> {
    /// Reads Rice codes as signed values (RFC 9639, section 9.2.7.1) and returns how many it read: it stops short of `out`
    /// where a code is too long for one look, and near the end of the bytes.
    pub fn read_rice(&mut self, parameter: u32, out: &mut [i32]) -> usize {
        debug_assert!(parameter < 32);
        let BitWindow { mut bytes, mut bits, mut count } = *self;
        let mut done = 0;
        for value in out {
            if count < 64 {
                let Some(next) = bytes.first_chunk::<8>() else { break };
                // Bits beyond the count come again next time, the same.
                bits |= u64::from_be_bytes(*next) >> count;
                bytes = &bytes[((63 - count) >> 3) as usize..];
                count |= 56;
            }
            let zeros = bits.leading_zeros();
            let length = zeros + 1 + parameter;
            if length >= count {
                break;
            }
            let tail = bits << zeros << 1;
            let code = zeros << parameter | (tail >> 1 >> (63 - parameter)) as u32;
            *value = (code >> 1) as i32 ^ -((code & 1) as i32);
            bits = tail << parameter;
            count -= length;
            done += 1;
        }
        *self = BitWindow { bytes, bits: bits & !(!0u64).checked_shr(count).unwrap_or(0), count };
        done
    }
}

#[cfg(test)]
mod tests {
    use super::{BitWindow, fill_from_first, fill_from_last};

    fn written(values: &[i32], parameter: u32) -> Vec<u8> {
        let mut bits = Vec::new();
        for value in values {
            let code = ((value << 1) ^ (value >> 31)) as u32;
            bits.extend((0..code >> parameter).map(|_| 0));
            bits.push(1);
            bits.extend((0..parameter).rev().map(|bit| (code >> bit & 1) as u8));
        }
        bits.resize(bits.len().next_multiple_of(8), 0);
        bits.chunks(8).map(|byte| byte.iter().fold(0, |sum, bit| sum << 1 | bit)).collect()
    }

    #[test]
    fn reads_what_was_written_until_it_stops() {
        for parameter in [0, 1, 4, 9, 14, 30] {
            let values: Vec<i32> = (0..500).map(|n: i32| (n * n * 7919 % 37 - 18) << parameter >> 1).collect();
            let bytes = written(&values, parameter);
            let mut window = BitWindow { bytes: &bytes, bits: 0, count: 0 };
            let mut out = vec![0; 500];
            let done = window.read_rice(parameter, &mut out);
            assert!(done > 400, "{done} of 500 codes with parameter {parameter}");
            assert_eq!(out[..done], values[..done]);
            // What is left begins with the next code.
            let rest: Vec<u8> = written(&values[..done], parameter);
            let read = 8 * (bytes.len() - window.bytes.len()) - window.count as usize;
            assert!(read <= 8 * rest.len() && read + 8 > 8 * rest.len());
        }
    }

    #[test]
    fn filling_takes_whole_bytes_up_to_the_end() {
        let bytes: Vec<u8> = (1..=11).collect();
        let (mut bits, mut count) = (0x5u64 << 61, 3);
        let taken = fill_from_first(&bytes, &mut bits, &mut count);
        assert_eq!((taken, count, bits), (7, 59, 0x5 << 61 | 0x01020304050607 << 5));
        let (mut bits, mut count) = (0, 0);
        let taken = fill_from_first(&bytes[taken..], &mut bits, &mut count);
        assert_eq!((taken, count, bits), (4, 32, 0x08090a0b << 32));
        assert_eq!(fill_from_first(&[], &mut bits, &mut count), 0);

        let (mut bits, mut count) = (0x5, 3);
        let taken = fill_from_last(&bytes, &mut bits, &mut count);
        assert_eq!((taken, count, bits), (7, 59, 0x5 | 0x07060504030201 << 3));
        let (mut bits, mut count) = (0, 0);
        let taken = fill_from_last(&bytes[taken..], &mut bits, &mut count);
        assert_eq!((taken, count, bits), (4, 32, 0x0b0a0908));
    }

    #[test]
    fn a_long_code_is_left_to_the_caller() {
        let mut bytes = vec![0; 9];
        bytes.extend([0x80; 16]);
        let mut window = BitWindow { bytes: &bytes, bits: 0, count: 0 };
        assert_eq!(window.read_rice(0, &mut [0; 4]), 0);
        assert_eq!((window.bits, window.bytes.len() + window.count as usize / 8), (0, bytes.len()));
    }
}
