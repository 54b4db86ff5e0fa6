//! RF64 and BW64 (EBU Tech 3306, ITU-R BS.2088) presented as the WAV that they extend: the sizes that do not fit 32 bits
//! stand in a chunk of their own.

use std::io;

use crate::source::Source;

/// Chunks examined before the data; real files have a handful.
const MAX_CHUNKS: usize = 256;
/// A RIFF size that says that there is none: the file ends where it ends.
const UNKNOWN: u32 = u32::MAX;

/// Patches the head of an RF64 file; anything else is left as it is. Returns the length of the data where 32 bits cannot tell it.
pub fn present_as_wav(source: &Source) -> io::Result<Option<u64>> {
    let head = source.read_up_to(0, 36)?;
    let is_rf64 = head.len() == 36 && (head.starts_with(b"RF64") || head.starts_with(b"BW64")) && &head[8..16] == b"WAVEds64";
    if !is_rf64 {
        return Ok(None);
    }
    let data_length = u64::from_le_bytes([head[28], head[29], head[30], head[31], head[32], head[33], head[34], head[35]]);
    let mut position = 12;
    for _ in 0..MAX_CHUNKS {
        let chunk = source.read_up_to(position, 8)?;
        let Some(&[a, b, c, d]) = chunk.get(4..8) else { return Ok(None) };
        if chunk.starts_with(b"data") {
            let short = u32::try_from(data_length).ok().filter(|&length| length != UNKNOWN);
            source.patch(position + 4, short.unwrap_or(UNKNOWN).to_le_bytes());
            source.patch(4, UNKNOWN.to_le_bytes());
            source.patch(0, *b"RIFF");
            return Ok(short.is_none().then_some(data_length));
        }
        let length = u64::from(u32::from_le_bytes([a, b, c, d]));
        position += 8 + length + length % 2;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{ByteOrigin, ReadFailed};

    struct Memory(Vec<u8>);

    impl ByteOrigin for Memory {
        fn len(&self) -> Option<u64> {
            Some(self.0.len() as u64)
        }

        fn read_at(&mut self, position: u64, into: &mut [u8]) -> Result<usize, ReadFailed> {
            let rest = self.0.get(position as usize..).unwrap_or_default();
            let count = rest.len().min(into.len());
            into[..count].copy_from_slice(&rest[..count]);
            Ok(count)
        }
    }

    #[test]
    fn the_sizes_of_the_extension_replace_those_of_the_head() {
        let mut file = b"RF64\xff\xff\xff\xffWAVEds64\x1c\0\0\0".to_vec();
        file.extend(1000u64.to_le_bytes());
        file.extend(7u64.to_le_bytes());
        file.extend([0; 12]);
        file.extend(b"odd \x01\0\0\0x\0data\xff\xff\xff\xff");
        let data = file.len() as u64 - 4;
        let source = Source::new(Box::new(Memory(file)));
        assert_eq!(present_as_wav(&source).unwrap(), None);
        assert_eq!(source.read_up_to(0, 12).unwrap(), b"RIFF\xff\xff\xff\xffWAVE");
        assert_eq!(source.read_up_to(data, 4).unwrap(), 7u32.to_le_bytes());
    }
}
