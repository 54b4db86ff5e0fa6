//! What the first bytes say: the family of the container, or the name of one that is not decoded.

use std::io;

use crate::source::Source;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Mp4,
    Ogg,
    Matroska,
    Caf,
    Other,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Sniffed {
    Empty,
    Family(Family),
    /// Media, but not decoded: codec and container.
    Unsupported(&'static str, &'static str),
    /// Not media: what it is instead.
    NotMedia(&'static str),
}

/// An ID3v2 tag may be followed by another; more than a few is noise.
const MAX_ID3_TAGS: usize = 4;
const HEAD_BYTES: usize = 564;

/// Looks at the head, past any ID3v2 tags.
pub fn sniff(source: &Source) -> io::Result<Sniffed> {
    let mut position = 0;
    for _ in 0..MAX_ID3_TAGS {
        let head = source.read_up_to(position, 10)?;
        match id3v2_length(&head) {
            Some(length) => position += length,
            None => break,
        }
    }
    let head = source.read_up_to(position, HEAD_BYTES)?;
    if position == 0 && head.is_empty() {
        return Ok(Sniffed::Empty);
    }
    let sniffed = sniff_head(&head);
    if sniffed == Sniffed::Family(Family::Other) && is_free_format(&source.read_up_to(position, FREE_FORMAT_BYTES)?) {
        return Ok(Sniffed::Unsupported("mpeg audio of free format", "a raw stream"));
    }
    Ok(sniffed)
}

/// Holds three packets of any bitrate that an encoder would choose by itself.
const FREE_FORMAT_BYTES: usize = 8 * 1024;

/// MPEG audio whose headers tell no bitrate: their distance is the same from packet to packet, but for a byte (or, in
/// Layer I, four) of padding (ISO/IEC 11172-3, 2.4.2.3).
fn is_free_format(bytes: &[u8]) -> bool {
    let Some(first) = bytes.first_chunk::<3>() else { return false };
    let is_free = |header: &[u8; 3]| {
        header[0] == 0xff && header[1] & 0xe0 == 0xe0 && header[1] & 0x06 != 0 && header[1] & 0x18 != 0x08 && header[2] & 0xf0 == 0 && header[2] & 0x0c != 0x0c
    };
    let follows = |at: usize| {
        let header = bytes.get(at..).and_then(|rest| rest.first_chunk::<3>());
        header.is_some_and(|header| is_free(header) && header[1] == first[1] && header[2] & 0xfc == first[2] & 0xfc)
    };
    is_free(first) && (24..bytes.len() / 2).any(|length| follows(length) && (0..9).any(|padding| follows(2 * length + padding - 4)))
}

/// Length of the ID3v2 tag that begins here (ID3v2.4, section 3.1), footer included.
fn id3v2_length(head: &[u8]) -> Option<u64> {
    if head.len() < 10 || &head[..3] != b"ID3" || head[3] == 0xff || head[6..10].iter().any(|byte| byte & 0x80 != 0) {
        return None;
    }
    let size = head[6..10].iter().fold(0u64, |size, &byte| (size << 7) | u64::from(byte));
    let footer = if head[5] & 0x10 != 0 { 10 } else { 0 };
    Some(10 + size + footer)
}

pub fn sniff_head(head: &[u8]) -> Sniffed {
    let starts = |magic: &[u8]| head.starts_with(magic);
    let has_at = |offset: usize, magic: &[u8]| head.get(offset..).is_some_and(|rest| rest.starts_with(magic));

    if has_at(4, b"ftyp") || has_at(4, b"styp") || has_at(4, b"moov") {
        return Sniffed::Family(Family::Mp4);
    }
    if starts(b"OggS") {
        return Sniffed::Family(Family::Ogg);
    }
    if starts(b"\x1a\x45\xdf\xa3") {
        return Sniffed::Family(Family::Matroska);
    }
    if starts(b"caff") {
        return Sniffed::Family(Family::Caf);
    }
    if starts(b"\x0b\x77") && head.len() > 5 {
        // The bit stream identification (ATSC A/52, 5.3): above 10 is E-AC-3.
        let codec = if head[5] >> 3 > 10 { "e-ac-3" } else { "ac-3" };
        return Sniffed::Unsupported(codec, "a raw stream");
    }
    if has_at(0, b"\x47") && has_at(188, b"\x47") && has_at(376, b"\x47") {
        return Sniffed::Unsupported("audio", "mpeg-ts opened as a single file");
    }
    const UNSUPPORTED: &[(&[u8], &str, &str)] = &[
        (b"wvpk", "wavpack", "wavpack"),
        (b"MAC ", "monkey's audio", "ape"),
        (b"MPCK", "musepack", "musepack"),
        (b"MP+", "musepack", "musepack"),
        (b"TTA1", "true audio", "tta"),
        (b"OFR ", "optimfrog", "optimfrog"),
        (b"DSD ", "dsd", "dsf"),
        (b"FRM8", "dsd", "dsdiff"),
        (b"#!AMR", "amr", "amr"),
        (b"FLV\x01", "audio", "flv"),
        (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "wma", "asf"),
        (b"\x7f\xfe\x80\x01", "dts", "a raw stream"),
        (b"\x64\x58\x20\x25", "dts-hd", "a raw stream"),
        (b"\x00\x00\x01\xba", "audio", "mpeg-ps"),
        (b".ra\xfd", "realaudio", "realaudio"),
        (b".RMF", "realaudio", "realmedia"),
        (b"MThd", "midi", "midi"),
        (b".snd", "pcm", "au"),
        (b"riff\x2e\x91\xcf\x11", "pcm", "wave64"),
    ];
    if let Some((_, codec, container)) = UNSUPPORTED.iter().find(|(magic, ..)| starts(magic)) {
        return Sniffed::Unsupported(codec, container);
    }
    if is_loas(head) {
        return Sniffed::Unsupported("aac in latm", "a raw stream");
    }
    if starts(b"RIFF") && head.len() >= 12 && !has_at(8, b"WAVE") {
        return Sniffed::Unsupported("audio", "a riff file that is not wav");
    }
    sniff_text(head).map_or(Sniffed::Family(Family::Other), Sniffed::NotMedia)
}

/// Two frames of an audio sync stream, one behind the other (ISO/IEC 14496-3, 1.7.2).
fn is_loas(head: &[u8]) -> bool {
    let length = |at: usize| match head.get(at..at + 3) {
        Some(&[0x56, high, low]) if high >> 5 == 7 => Some(3 + (usize::from(high & 0x1f) << 8 | usize::from(low))),
        _ => None,
    };
    length(0).is_some_and(|first| first > 3 && length(first).is_some())
}

fn sniff_text(head: &[u8]) -> Option<&'static str> {
    const PDF: &[u8] = b"%PDF-";
    const ZIP: &[u8] = b"PK\x03\x04";
    const PNG: &[u8] = b"\x89PNG";
    const JPEG: &[u8] = b"\xff\xd8\xff\xe0";
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    let starts = |word: &str| text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()));
    if starts("<!doctype") || starts("<html") || starts("<head") || starts("<body") {
        return Some("an HTML page");
    }
    if starts("#EXTM3U") {
        return Some("an HLS playlist");
    }
    if starts("<?xml") || starts("<error") {
        return Some("an XML document");
    }
    if text.starts_with(b"{\"") || text.starts_with(b"{\n") || text.starts_with(b"{ ") || text.starts_with(b"[{") {
        return Some("a JSON document");
    }
    if head.starts_with(PDF) {
        return Some("a PDF document");
    }
    if head.starts_with(ZIP) {
        return Some("a ZIP archive");
    }
    if head.starts_with(PNG) || head.starts_with(JPEG) {
        return Some("an image");
    }
    None
}
