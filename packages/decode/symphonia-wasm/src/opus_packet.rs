//! Whether a packet of Opus is well formed (RFC 6716, section 3.4; RFC 7845, section 3, for several streams in one packet),
//! so that a decoder is only given what it can decode.

/// 48 kHz frames of one Opus frame by configuration (RFC 6716, table 2).
const SILK: [usize; 4] = [480, 960, 1920, 2880];
const HYBRID: [usize; 2] = [480, 960];
const CELT: [usize; 4] = [120, 240, 480, 960];

const MAX_FRAME_BYTES: usize = 1275;
/// 120 ms.
const MAX_FRAMES: usize = 5760;

/// 48 kHz frames that a packet of `streams` streams decodes to; `None` where it is damaged.
pub fn frames(packet: &[u8], streams: usize) -> Option<usize> {
    let mut rest = packet;
    let mut duration = None;
    for stream in 0..streams {
        let parsed = parse(rest, stream + 1 < streams)?;
        rest = rest.get(parsed.length..)?;
        if *duration.get_or_insert(parsed.frames) != parsed.frames {
            return None;
        }
    }
    duration
}

struct Parsed {
    frames: usize,
    length: usize,
}

/// One stream's packet. A delimited one tells the length of its last frame and may be followed by another.
fn parse(packet: &[u8], is_delimited: bool) -> Option<Parsed> {
    let mut reader = Reader { packet, at: 0 };
    let toc = reader.byte()?;
    let configuration = usize::from(toc >> 3);
    let frame_length = match configuration {
        0..=11 => SILK[configuration % 4],
        12..=15 => HYBRID[configuration % 2],
        _ => CELT[configuration % 4],
    };
    let (count, sizes, padding) = match toc & 3 {
        0 => (1, Sizes::Equal, 0),
        1 => (2, Sizes::Equal, 0),
        2 => (2, Sizes::First, 0),
        _ => {
            let flags = reader.byte()?;
            let padding = if flags & 0x40 != 0 { reader.padding()? } else { 0 };
            (usize::from(flags & 0x3f), if flags & 0x80 != 0 { Sizes::Each } else { Sizes::Equal }, padding)
        }
    };
    let frames = count * frame_length;
    if count == 0 || frames > MAX_FRAMES {
        return None;
    }
    let coded = match sizes {
        Sizes::Equal => 0,
        Sizes::First | Sizes::Each => count - 1,
    };
    let mut body = 0;
    for _ in 0..coded {
        body += reader.size()?;
    }
    let last = if is_delimited { Some(reader.size()?) } else { None };
    let available = packet.len().checked_sub(reader.at + padding)?;
    let body = match (sizes, last) {
        (Sizes::Equal, Some(last)) => count * last,
        (Sizes::Equal, None) if available % count == 0 && available / count <= MAX_FRAME_BYTES => available,
        (Sizes::Equal, None) => return None,
        (_, Some(last)) => body + last,
        (_, None) if available >= body && available - body <= MAX_FRAME_BYTES => available,
        (_, None) => return None,
    };
    (body <= available).then_some(Parsed { frames, length: reader.at + body + padding })
}

enum Sizes {
    Equal,
    First,
    Each,
}

struct Reader<'a> {
    packet: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let byte = self.packet.get(self.at).copied();
        self.at += 1;
        byte
    }

    /// Section 3.2.1.
    fn size(&mut self) -> Option<usize> {
        match usize::from(self.byte()?) {
            first @ 0..=251 => Some(first),
            first => Some(usize::from(self.byte()?) * 4 + first),
        }
    }

    /// Section 3.2.5.
    fn padding(&mut self) -> Option<usize> {
        let mut padding = 0;
        loop {
            match usize::from(self.byte()?) {
                255 => padding += 254,
                last => return Some(padding + last),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_tells_its_length() {
        assert_eq!(frames(&[0xfc, 1, 2, 3], 1), Some(960));
        assert_eq!(frames(&[0xfd, 1, 2, 3, 4], 1), Some(1920));
        assert_eq!(frames(&[0xfe, 2, 1, 2, 3], 1), Some(1920));
        assert_eq!(frames(&[0xff, 0x03, 1, 2, 3], 1), Some(2880));
        // A delimited frame of two bytes, then another stream's.
        assert_eq!(frames(&[0xfc, 2, 1, 2, 0xfc, 9], 2), Some(960));
    }

    #[test]
    fn what_does_not_add_up_is_damaged() {
        assert_eq!(frames(&[], 1), None);
        assert_eq!(frames(&[0xfd, 1, 2, 3], 1), None);
        assert_eq!(frames(&[0xfe, 200, 1], 1), None);
        assert_eq!(frames(&[0xff, 0x00], 1), None);
        assert_eq!(frames(&[0xff, 0x3f, 0], 1), None);
        assert_eq!(frames(&[0xfc, 2, 1], 2), None);
    }
}
