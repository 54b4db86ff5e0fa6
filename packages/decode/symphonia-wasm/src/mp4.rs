//! The parts of an MP4 file's head that Symphonia reads past: edit list, codec name, first fragment's decode time
//! (ISO/IEC 14496-12).

use std::io;

use crate::source::Source;

/// What the head says about one audio track.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mp4Track {
    pub track_id: u32,
    /// Ticks per second of the track's own time.
    pub timescale: u32,
    /// Duration of all samples in the track's ticks (`mdhd`).
    pub duration: u64,
    /// Sample entry code: `mp4a`, `alac`, `ac-3`, `enca`, …
    pub sample_entry: [u8; 4],
    /// Packets in the movie box (`stsz`); 0 in a fragmented file.
    pub sample_count: u32,
    pub edit: Option<Edit>,
}

/// The only non-empty entry of the track's edit list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edit {
    /// First tick of the media that is presented.
    pub media_time: u64,
    /// Presented length in ticks of the movie; 0 means up to the end.
    pub duration: u64,
    /// False when more entries follow: then only the start is known.
    pub is_only: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mp4Head {
    pub movie_timescale: u32,
    pub is_fragmented: bool,
    pub audio_tracks: Vec<Mp4Track>,
    /// Track and base decode time of the first fragments (`tfdt`), in the track's ticks.
    pub first_decode_times: Vec<(u32, u64)>,
    /// Sum of the segment index's durations per track, when the index covers the file up to its end.
    pub indexed_durations: Vec<(u32, u32, u64)>,
}

/// Boxes examined before giving up: real heads have a few dozen.
const MAX_BOXES: usize = 4096;
/// A leaf that is read whole; edit lists, segment indexes and fragment headers are far smaller.
const MAX_LEAF_BYTES: u64 = 4 * 1024 * 1024;

#[derive(Clone, Copy)]
struct BoxHeader {
    kind: [u8; 4],
    body: u64,
    /// `u64::MAX` for a box that goes on to the end of the file.
    end: u64,
}

struct Walk<'a> {
    source: &'a Source,
    boxes_left: usize,
}

impl Walk<'_> {
    fn header(&mut self, position: u64) -> io::Result<Option<BoxHeader>> {
        if self.boxes_left == 0 {
            return Ok(None);
        }
        self.boxes_left -= 1;
        let bytes = self.source.read_up_to(position, 16)?;
        if bytes.len() < 8 {
            return Ok(None);
        }
        let kind = [bytes[4], bytes[5], bytes[6], bytes[7]];
        let (header_length, length) = match be32(&bytes, 0) {
            0 => (8, None),
            1 if bytes.len() == 16 => (16, Some(be64(&bytes, 8))),
            1 => return Ok(None),
            length => (8, Some(u64::from(length))),
        };
        let end = match length {
            None => u64::MAX,
            Some(length) if length < header_length => return Ok(None),
            Some(length) => position.saturating_add(length),
        };
        Ok(Some(BoxHeader { kind, body: position + header_length, end }))
    }

    fn children(&mut self, parent: BoxHeader) -> io::Result<Vec<BoxHeader>> {
        let mut children = Vec::new();
        let mut position = parent.body;
        while position + 8 <= parent.end {
            match self.header(position)? {
                Some(child) if child.end <= parent.end => {
                    position = child.end;
                    children.push(child);
                }
                _ => break,
            }
        }
        Ok(children)
    }

    fn leaf(&self, header: BoxHeader, max_bytes: u64) -> io::Result<Vec<u8>> {
        let length = (header.end - header.body).min(max_bytes).min(MAX_LEAF_BYTES);
        self.source.read_up_to(header.body, length as usize)
    }
}

/// Reads the head: everything before the media data, and the movie box where it stands behind it on a seekable source.
pub fn read_head(source: &Source) -> io::Result<Option<Mp4Head>> {
    let mut walk = Walk { source, boxes_left: MAX_BOXES };
    let mut head = Mp4Head::default();
    let mut has_movie = false;
    let mut index_end = None;
    let mut position = 0;
    while let Some(top) = walk.header(position)? {
        match &top.kind {
            b"moov" => {
                read_movie(&mut walk, top, &mut head)?;
                has_movie = true;
                if !head.is_fragmented {
                    break;
                }
            }
            b"sidx" => index_end = read_segment_index(&walk.leaf(top, MAX_LEAF_BYTES)?, top.end, &mut head),
            b"moof" => {
                if has_movie {
                    read_fragment(&mut walk, top, &mut head)?;
                    break;
                }
            }
            b"mdat" if has_movie || !source.is_seekable() => break,
            _ => (),
        }
        if top.end == u64::MAX {
            break;
        }
        position = top.end;
    }
    if index_end.is_none() || index_end != source.len() {
        head.indexed_durations.clear();
    }
    Ok(has_movie.then_some(head))
}

fn read_movie(walk: &mut Walk<'_>, movie: BoxHeader, head: &mut Mp4Head) -> io::Result<()> {
    for child in walk.children(movie)? {
        match &child.kind {
            b"mvhd" => {
                let bytes = walk.leaf(child, 32)?;
                head.movie_timescale = match bytes.first() {
                    Some(1) => try_be32(&bytes, 20),
                    _ => try_be32(&bytes, 12),
                };
            }
            b"mvex" => head.is_fragmented = true,
            b"trak" => {
                if let Some(track) = read_track(walk, child)? {
                    head.audio_tracks.push(track);
                }
            }
            _ => (),
        }
    }
    Ok(())
}

fn read_track(walk: &mut Walk<'_>, header: BoxHeader) -> io::Result<Option<Mp4Track>> {
    let mut track = Mp4Track::default();
    let mut is_audio = false;
    for child in walk.children(header)? {
        match &child.kind {
            b"tkhd" => {
                let bytes = walk.leaf(child, 24)?;
                track.track_id = match bytes.first() {
                    Some(1) => try_be32(&bytes, 20),
                    _ => try_be32(&bytes, 12),
                };
            }
            b"edts" => {
                for list in walk.children(child)? {
                    if &list.kind == b"elst" {
                        track.edit = read_edit_list(&walk.leaf(list, MAX_LEAF_BYTES)?);
                    }
                }
            }
            b"mdia" => is_audio = read_media(walk, child, &mut track)?,
            _ => (),
        }
    }
    Ok(is_audio.then_some(track))
}

fn read_media(walk: &mut Walk<'_>, media: BoxHeader, track: &mut Mp4Track) -> io::Result<bool> {
    let mut is_audio = false;
    for child in walk.children(media)? {
        match &child.kind {
            b"mdhd" => {
                let bytes = walk.leaf(child, 36)?;
                (track.timescale, track.duration) = match bytes.first() {
                    Some(1) if bytes.len() >= 32 => (be32(&bytes, 20), be64(&bytes, 24)),
                    _ => (try_be32(&bytes, 12), u64::from(try_be32(&bytes, 16))),
                };
            }
            b"hdlr" => is_audio = walk.leaf(child, 12)?.get(8..12) == Some(b"soun"),
            b"minf" => {
                for table in walk.children(child)?.into_iter().filter(|inner| &inner.kind == b"stbl") {
                    read_sample_table(walk, table, track)?;
                }
            }
            _ => (),
        }
    }
    Ok(is_audio)
}

fn read_sample_table(walk: &mut Walk<'_>, table: BoxHeader, track: &mut Mp4Track) -> io::Result<()> {
    for child in walk.children(table)? {
        match &child.kind {
            b"stsd" => {
                if let Some(code) = walk.leaf(child, 16)?.get(12..16) {
                    track.sample_entry.copy_from_slice(code);
                }
            }
            b"stsz" | b"stz2" => track.sample_count = try_be32(&walk.leaf(child, 12)?, 8),
            _ => (),
        }
    }
    Ok(())
}

/// ISO/IEC 14496-12, 8.6.6. Empty edits (media time −1) only delay the presentation and are passed over.
fn read_edit_list(bytes: &[u8]) -> Option<Edit> {
    let is_long = *bytes.first()? == 1;
    let count = bytes.get(4..8).map(|field| be32(field, 0))? as usize;
    let entry_length = if is_long { 20 } else { 12 };
    let mut edit: Option<Edit> = None;
    for entry in bytes.get(8..)?.chunks_exact(entry_length).take(count) {
        let (duration, media_time) = if is_long {
            (be64(entry, 0), be64(entry, 8) as i64)
        } else {
            (u64::from(be32(entry, 0)), i64::from(be32(entry, 4) as i32))
        };
        let Ok(media_time) = u64::try_from(media_time) else { continue };
        match &mut edit {
            Some(first) => first.is_only = false,
            None => edit = Some(Edit { media_time, duration, is_only: true }),
        }
    }
    edit
}

/// ISO/IEC 14496-12, 8.16.3. Returns where the indexed bytes end.
fn read_segment_index(bytes: &[u8], box_end: u64, head: &mut Mp4Head) -> Option<u64> {
    let is_long = *bytes.first()? == 1;
    let fixed_length = if is_long { 32 } else { 24 };
    let fixed = bytes.get(..fixed_length)?;
    let (reference_id, timescale) = (be32(fixed, 4), be32(fixed, 8));
    let first_offset = if is_long { be64(fixed, 20) } else { u64::from(be32(fixed, 16)) };
    let mut end = box_end.checked_add(first_offset)?;
    let mut duration = 0;
    for entry in bytes.get(fixed_length..)?.chunks_exact(12) {
        end = end.checked_add(u64::from(be32(entry, 0) & 0x7fff_ffff))?;
        duration += u64::from(be32(entry, 4));
    }
    head.indexed_durations.push((reference_id, timescale, duration));
    Some(end)
}

fn read_fragment(walk: &mut Walk<'_>, fragment: BoxHeader, head: &mut Mp4Head) -> io::Result<()> {
    for traf in walk.children(fragment)?.into_iter().filter(|child| &child.kind == b"traf") {
        let mut track_id = 0;
        for child in walk.children(traf)? {
            match &child.kind {
                b"tfhd" => track_id = try_be32(&walk.leaf(child, 8)?, 4),
                b"tfdt" => {
                    let bytes = walk.leaf(child, 12)?;
                    let time = match bytes.first() {
                        Some(1) if bytes.len() >= 12 => be64(&bytes, 4),
                        _ => u64::from(try_be32(&bytes, 4)),
                    };
                    head.first_decode_times.push((track_id, time));
                }
                _ => (),
            }
        }
    }
    Ok(())
}

fn be32(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn be64(bytes: &[u8], at: usize) -> u64 {
    u64::from(be32(bytes, at)) << 32 | u64::from(be32(bytes, at + 4))
}

fn try_be32(bytes: &[u8], at: usize) -> u32 {
    if bytes.len() >= at + 4 { be32(bytes, at) } else { 0 }
}
