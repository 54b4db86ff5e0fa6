//! Exact seeks: land early enough for the codec, decode forward, drop.

use symphonia::core::codecs::audio::well_known::{CODEC_ID_AAC, CODEC_ID_FLAC, CODEC_ID_MP1, CODEC_ID_MP2, CODEC_ID_MP3, CODEC_ID_OPUS, CODEC_ID_VORBIS};
use symphonia::core::formats::{FormatOptions, FormatReader, SeekMode, SeekTo};
use symphonia::default::formats::{AdtsReader, MpaReader};

use crate::clock::Precision;
use crate::failure::Failure;
use crate::packet_header::Framing;
use crate::packet_index::PacketIndex;
use crate::session::{Chunk, Session};

/// Landings tried before the stream is decoded from its start: Matroska's cues may be 5 s apart or more.
const MAX_LANDINGS: u32 = 6;

impl Session {
    /// Moves to `frame`, or to the end where that comes first, and returns where it is. The next chunk begins there.
    pub fn seek(&mut self, frame: u64) -> Result<u64, Failure> {
        let target = self.plan.frames.map_or(frame, |frames| frame.min(frames));
        let lost = self.lost;
        let landed = self.go_to(target);
        // What a landing stumbles over was or will be counted when it is played.
        self.lost = lost;
        if landed == Err(Failure::Source) {
            self.resume_at = Some(target);
        }
        landed
    }

    pub(crate) fn recover(&mut self, position: u64) -> Result<(), Failure> {
        self.seek(position).map(|_| ())
    }

    fn go_to(&mut self, target: u64) -> Result<u64, Failure> {
        let here = self.pending.map_or(self.position, |chunk| chunk.position);
        let is_short_hop = target >= here && target - here <= u64::from(self.rate);
        if self.resume_at.is_some() {
            if !self.source.is_seekable() {
                return Err(Failure::NotSeekable("a source that only goes forward failed and cannot be read again".into()));
            }
            self.reposition(target, true)?;
        } else if !self.source.is_seekable() {
            if target < here {
                return Err(Failure::NotSeekable("the source only goes forward".into()));
            }
        } else if !is_short_hop {
            self.reposition(target, false)?;
        }
        self.resume_at = None;
        self.run_to(target)
    }

    /// Puts reader and decoder before `target`, far enough for the codec to be settled there.
    fn reposition(&mut self, target: u64, is_broken: bool) -> Result<(), Failure> {
        self.pending = None;
        self.position = target;
        let frame = target as i64 + self.plan.start;
        if is_broken {
            self.reopen()?;
        }
        let settled = self.in_phase(frame - self.preroll_frames());
        let can_land = (self.clock.precision != Precision::Counted || self.track.codec == CODEC_ID_FLAC)
            && !self.examined.is_chained
            && self.links == 0
            && !self.source.is_forward_only();
        let has_landed = match Framing::of(&self.track.container) {
            _ if !can_land || settled <= self.first_frame => false,
            Some(framing) => self.land_by_index(framing, settled)?,
            None => self.land(settled)?,
        };
        if has_landed {
            return Ok(());
        }
        self.flush();
        self.clock.rebase(0);
        self.reopen()
    }

    /// Begins a new reader at a packet whose number is known. False when only the start is left.
    fn land_by_index(&mut self, framing: Framing, settled: i64) -> Result<bool, Failure> {
        let source = self.source.clone();
        if self.index.is_none() {
            self.index = PacketIndex::find(&source, framing, &self.first_packet).map_err(|_| Failure::Source)?;
        }
        let Some(index) = &mut self.index else { return Ok(false) };
        let wanted = (settled - self.first_frame) / self.packet_frames.max(1);
        let landing = index.land(&source, wanted as u64).map_err(|_| Failure::Source)?;
        if landing.packet == 0 {
            return Ok(false);
        }
        let stream = source.stream_at(landing.position);
        let options = FormatOptions::default();
        let opened = match framing {
            Framing::Adts => AdtsReader::try_new(stream, options).map(|reader| Box::new(reader) as Box<dyn FormatReader>),
            Framing::MpegAudio => MpaReader::try_new(stream, options).map(|reader| Box::new(reader) as Box<dyn FormatReader>),
        };
        if source.has_failed() {
            return Err(Failure::Source);
        }
        let Ok(reader) = opened else { return Ok(false) };
        self.flush();
        self.format = reader;
        self.clock.rebase(self.first_frame + landing.packet as i64 * self.packet_frames);
        let Some(packet) = self.next_packet()? else { return Ok(false) };
        // What the reader found must be what stands at the landing.
        let bytes = source.read_up_to(landing.position, packet.data.len() + Framing::MAX_HEADER_BYTES).map_err(|_| Failure::Source)?;
        if !framing.header_lengths().iter().any(|&length| bytes.get(length..).is_some_and(|rest| rest.starts_with(&packet.data))) {
            return Ok(false);
        }
        self.next_frame = self.clock.frames(packet.pts);
        self.held.push_front(packet);
        Ok(true)
    }

    /// Asks the reader for a packet at or before `settled`, from ever further ahead. False when only the start is left.
    fn land(&mut self, settled: i64) -> Result<bool, Failure> {
        let mut back = 0;
        for _ in 0..MAX_LANDINGS {
            let aim = settled - back;
            if aim <= 0 {
                return Ok(false);
            }
            self.flush();
            let to = SeekTo::Timestamp { ts: self.clock.timestamp(aim), track_id: self.track.id };
            let sought = self.format.seek(SeekMode::Accurate, to);
            if self.source.has_failed() {
                return Err(Failure::Source);
            }
            if sought.is_err() {
                return Ok(false);
            }
            let Some(packet) = self.next_packet()? else { return Ok(false) };
            let first = match self.clock.precision {
                Precision::Counted => match flac_frame(&packet.data, self.track.params.extra_data.as_deref()) {
                    Some(first) => first,
                    None => return Ok(false),
                },
                Precision::Exact | Precision::Grid(_) => self.clock.frames(packet.pts),
            };
            if self.links > 0 {
                return Ok(false);
            }
            if first + self.clock.rounded(packet.trim_start.get() as i64) <= settled {
                self.next_frame = first;
                self.held.push_front(packet);
                return Ok(true);
            }
            back = (back * 2).max(i64::from(self.rate));
        }
        Ok(false)
    }

    /// Decodes and drops up to `target`; the chunk that reaches over it stays for the next `decode`.
    fn run_to(&mut self, target: u64) -> Result<u64, Failure> {
        loop {
            match self.next_chunk()? {
                Some(chunk) if chunk.position + chunk.frames as u64 <= target => (),
                Some(chunk) => {
                    let skipped = target.saturating_sub(chunk.position);
                    let rest = Chunk {
                        position: chunk.position + skipped,
                        offset: chunk.offset + skipped as usize,
                        frames: chunk.frames - skipped as usize,
                    };
                    self.position = rest.position;
                    self.pending = Some(rest);
                    return Ok(rest.position);
                }
                None => return Ok(self.end()),
            }
        }
    }

    /// Position of the end, once it has been reached.
    fn end(&mut self) -> u64 {
        let end = (self.next_frame - self.plan.start).max(0) as u64;
        self.position = self.plan.frames.map_or(end, |frames| frames.min(end));
        self.position
    }

    fn has_replication(&self) -> bool {
        self.track.codec == CODEC_ID_AAC && self.packet_frames > 1024
    }

    /// The frame at or before `settled` at which a decoder that begins there makes the noise that one run makes: replication takes it
    /// from a circle of 512 values, 32 times a packet and band (ISO/IEC 14496-3, 4.6.18.7.5).
    fn in_phase(&self, settled: i64) -> i64 {
        if !self.has_replication() {
            return settled;
        }
        let circle = 512 / 32 * self.packet_frames;
        self.first_frame + (settled - self.first_frame).div_euclid(circle) * circle
    }

    /// Frames that must be decoded and dropped before a frame comes out as it does in one run.
    fn preroll_frames(&self) -> i64 {
        match self.track.codec {
            // Main data may begin 511 bytes back (ISO/IEC 11172-3, 2.4.2.7): with 96-byte frames of 32 kbit/s nine
            // frames, at the lowest rates of MPEG-2 many more; then one for the overlap and the filter bank.
            CODEC_ID_MP3 if self.rate >= 32_000 => 12 * 1152,
            CODEC_ID_MP3 => 40 * 576,
            CODEC_ID_MP1 | CODEC_ID_MP2 => 4 * 1152,
            // Spectral band replication looks further back than the overlap: measured, nine packets until the last bit agrees.
            CODEC_ID_AAC if self.has_replication() => 10 * self.packet_frames,
            CODEC_ID_AAC => 2 * 1024,
            // Measured: after half a second the samples are those of one run, to the last bit. RFC 7845, 4.6, asks for 80 ms,
            // which leaves a difference of some 50 dB.
            CODEC_ID_OPUS => 48_000,
            // The first block only fills the overlap; blocks have up to 8192 samples.
            CODEC_ID_VORBIS => 2 * 8192,
            _ => 0,
        }
    }
}

/// First frame of a FLAC packet, which carries it whatever its container rounds (RFC 9639, 9.1.5): the number of the packet
/// where all have the length that the stream information tells, else the number of the frame itself.
fn flac_frame(packet: &[u8], stream_information: Option<&[u8]>) -> Option<i64> {
    let &[0xff, flags @ (0xf8 | 0xf9), _, _, first, ..] = packet else { return None };
    // Coded like UTF-8, up to seven bytes.
    let length = match first.leading_ones() {
        0 => 1,
        1 | 8 => return None,
        ones => ones as usize,
    };
    let lead = if length == 1 { u64::from(first) } else { u64::from(first) & ((1 << (7 - length)) - 1) };
    let following = packet.get(5..4 + length)?;
    let number = following.iter().fold(lead, |number, &byte| (number << 6) | u64::from(byte & 0x3f));
    if flags == 0xf9 {
        return i64::try_from(number).ok();
    }
    let &[high, low, ..] = stream_information? else { return None };
    i64::try_from(number * u64::from(u16::from_be_bytes([high, low]))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flac_packet_tells_its_first_frame() {
        let information = [0x10, 0x00];
        assert_eq!(flac_frame(&[0xff, 0xf8, 0xc9, 0x18, 0x05], Some(&information)), Some(5 * 4096));
        assert_eq!(flac_frame(&[0xff, 0xf8, 0xc9, 0x18, 0xc4, 0x80], Some(&information)), Some(256 * 4096));
        assert_eq!(flac_frame(&[0xff, 0xf9, 0xc9, 0x18, 0xe1, 0x80, 0x80], Some(&information)), Some(4096));
        assert_eq!(flac_frame(&[0x00, 0xf8, 0xc9, 0x18, 0x05], Some(&information)), None);
    }
}
