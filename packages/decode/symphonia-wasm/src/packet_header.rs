//! Headers of packets that stand in a stream without a container: ADTS and MPEG audio.

use std::io;

use crate::source::Source;

/// Bytes of a packet that tell everything about it: header, side information, and the name of a tag behind it.
pub const HEADER_BYTES: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    Adts,
    MpegAudio,
}

impl Framing {
    pub fn of(container: &str) -> Option<Self> {
        match container {
            "adts" => Some(Framing::Adts),
            "mp1" | "mp2" | "mp3" => Some(Framing::MpegAudio),
            _ => None,
        }
    }

    pub const MAX_HEADER_BYTES: usize = 9;

    /// Bytes of a header that the demultiplexer leaves out of its packets.
    pub fn header_lengths(self) -> &'static [usize] {
        match self {
            Framing::Adts => &[7, 9],
            Framing::MpegAudio => &[0],
        }
    }
}

/// One packet in the byte stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    pub length: u64,
    /// Bits per second; 0 where the header does not tell.
    pub bitrate: u64,
    pub rate: u64,
    /// Frames that a packet decodes to.
    pub frames: u64,
    /// A Xing, Info or VBRI frame in the middle holds no audio and is passed over.
    pub is_tag: bool,
}

/// The next header at or behind `position`, and where it stands.
pub fn next_header(framing: Framing, source: &Source, mut position: u64) -> io::Result<Option<(u64, Header)>> {
    loop {
        let bytes = source.read_up_to(position, HEADER_BYTES)?;
        let Some(at) = (0..bytes.len().saturating_sub(7)).find(|&at| parse(framing, &bytes[at..]).is_some()) else {
            if bytes.len() < HEADER_BYTES {
                return Ok(None);
            }
            position += HEADER_BYTES as u64 - 7;
            continue;
        };
        // Again from the start, so that a tag in it is seen whole.
        let found = position + at as u64;
        let bytes = if at == 0 { bytes } else { source.read_up_to(found, HEADER_BYTES)? };
        return Ok(parse(framing, &bytes).map(|header| (found, header)));
    }
}

/// Reads a header that stands at the start of `bytes`.
pub fn parse(framing: Framing, bytes: &[u8]) -> Option<Header> {
    match framing {
        Framing::Adts => parse_adts(bytes),
        Framing::MpegAudio => parse_mpeg_audio(bytes),
    }
}

/// ISO/IEC 14496-3, 1.A.2.2.
fn parse_adts(bytes: &[u8]) -> Option<Header> {
    let &[0xff, b1, b2, b3, b4, b5, b6, ..] = bytes else { return None };
    let has_crc = b1 & 1 == 0;
    let length = u64::from(b3 & 3) << 11 | u64::from(b4) << 3 | u64::from(b5 >> 5);
    let is_valid = b1 & 0xf6 == 0xf0 && (b2 >> 2) & 0xf < 13 && length >= if has_crc { 9 } else { 7 } && b6 & 3 == 0;
    is_valid.then_some(Header { length, bitrate: 0, rate: 0, frames: 1024, is_tag: false })
}

/// ISO/IEC 11172-3, 2.4.2.3, and the extension to low rates of 13818-3.
fn parse_mpeg_audio(bytes: &[u8]) -> Option<Header> {
    let &[0xff, b1, b2, b3, ..] = bytes else { return None };
    if b1 & 0xe0 != 0xe0 {
        return None;
    }
    let version = (b1 >> 3) & 3;
    let layer = 4 - ((b1 >> 1) & 3);
    let is_mpeg1 = version == 3;
    let bitrates: &[u64; 14] = match (is_mpeg1, layer) {
        (true, 1) => &[32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
        (true, 2) => &[32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
        (true, 3) => &[32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
        (false, 1) => &[32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
        (false, 2 | 3) => &[8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
        _ => return None,
    };
    let bitrate = 1000 * bitrates.get(usize::from(b2 >> 4).checked_sub(1)?)?;
    let rate = *[44_100, 48_000, 32_000].get(usize::from((b2 >> 2) & 3))?;
    let rate = match version {
        0 => rate / 4,
        2 => rate / 2,
        3 => rate,
        _ => return None,
    };
    let is_mono = b3 >> 6 == 3;
    if layer == 2 && !is_layer2_pair(bitrate, is_mono) {
        return None;
    }
    let frames = match layer {
        1 => 384,
        3 if !is_mpeg1 => 576,
        _ => 1152,
    };
    let padding = u64::from((b2 >> 1) & 1);
    let length = match layer {
        1 => (12 * bitrate / rate + padding) * 4,
        _ => frames / 8 * bitrate / rate + padding,
    };
    let side_info = match (is_mpeg1, is_mono) {
        (true, false) => 32,
        (true, true) | (false, false) => 17,
        (false, true) => 9,
    };
    let has_at = |offset: usize, name: &[u8]| bytes.get(offset..).is_some_and(|rest| rest.starts_with(name));
    let is_tag = layer == 3 && (has_at(4 + side_info, b"Xing") || has_at(4 + side_info, b"Info") || has_at(36, b"VBRI"));
    Some(Header { length, bitrate, rate, frames, is_tag })
}

/// Combinations of bitrate and mode that Layer II allows (ISO/IEC 11172-3, 2.4.2.3).
fn is_layer2_pair(bitrate: u64, is_mono: bool) -> bool {
    match bitrate {
        224_000 | 256_000 | 320_000 | 384_000 => !is_mono,
        32_000 | 48_000 | 56_000 | 80_000 => is_mono,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_a_packet_follows_from_its_header() {
        let header = parse(Framing::MpegAudio, &[0xff, 0xfb, 0x92, 0x64]).unwrap();
        assert_eq!((header.length, header.bitrate, header.rate, header.frames), (418, 128_000, 44_100, 1152));
        let header = parse(Framing::MpegAudio, &[0xff, 0xe3, 0x48, 0xc4]).unwrap();
        assert_eq!((header.length, header.rate, header.frames), (288, 8000, 576));
        assert_eq!(parse(Framing::MpegAudio, &[0xff, 0xfb, 0xf2, 0x64]), None);
        let header = parse(Framing::Adts, &[0xff, 0xf1, 0x50, 0x80, 0x2e, 0x7f, 0xfc]).unwrap();
        assert_eq!(header.length, 371);
    }
}
