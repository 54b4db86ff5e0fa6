//! Whether an Ogg file is a chain of streams (RFC 3533, section 4): Symphonia tells the length of the first one only.

use std::io;

use crate::source::Source;

const PAGE_HEADER_BYTES: usize = 27;
/// The largest page (RFC 3533, section 6): header, 255 lacing values, 255 segments of 255 bytes.
const MAX_PAGE_BYTES: u64 = 65_307;
/// Streams multiplexed in one file; more is no file that anyone plays.
const MAX_STREAMS: usize = 16;
const BEGINS_STREAM: u8 = 0x02;

/// Whether the last page belongs to a stream that does not begin at the head of the file.
pub fn is_chained(source: &Source) -> io::Result<bool> {
    let Some(length) = source.len() else { return Ok(false) };
    let serials = first_serials(source)?;
    let tail_start = length.saturating_sub(MAX_PAGE_BYTES);
    let tail = source.read_up_to(tail_start, (length - tail_start) as usize)?;
    let last = tail.windows(4).rposition(|window| window == b"OggS").and_then(|at| serial(&tail[at..]));
    Ok(last.is_some_and(|last| !serials.is_empty() && !serials.contains(&last)))
}

fn first_serials(source: &Source) -> io::Result<Vec<u32>> {
    let mut serials = Vec::new();
    let mut position = 0;
    while serials.len() < MAX_STREAMS {
        let page = source.read_up_to(position, PAGE_HEADER_BYTES + 255)?;
        if !page.starts_with(b"OggS") || page.get(5).is_none_or(|flags| flags & BEGINS_STREAM == 0) {
            break;
        }
        serials.extend(serial(&page));
        let segments = page.get(26).map_or(0, |&count| usize::from(count));
        let body: u64 = page.iter().skip(PAGE_HEADER_BYTES).take(segments).map(|&length| u64::from(length)).sum();
        position += (PAGE_HEADER_BYTES + segments) as u64 + body;
    }
    Ok(serials)
}

fn serial(page: &[u8]) -> Option<u32> {
    page.get(14..18).map(|bytes| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}
