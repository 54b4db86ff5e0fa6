//! Exact seeks: land early enough for the codec, decode forward, drop.

use symphonia::core::codecs::audio::well_known::{CODEC_ID_AAC, CODEC_ID_MP1, CODEC_ID_MP2, CODEC_ID_MP3, CODEC_ID_VORBIS};
use symphonia::core::formats::{SeekMode, SeekTo};

use crate::clock::Precision;
use crate::failure::Failure;
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
        let settled = frame - self.preroll_frames();
        let can_land = self.clock.precision != Precision::Counted
            && !self.examined.is_chained
            && self.links == 0
            && !self.source.is_forward_only();
        if can_land && settled > 0 && self.land(settled)? {
            return Ok(());
        }
        self.flush();
        self.reopen()
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
            let first = self.clock.frames(packet.pts);
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

    /// Frames that must be decoded and dropped before a frame comes out as it does in one run.
    fn preroll_frames(&self) -> i64 {
        match self.track.codec {
            // Main data may begin 511 bytes back (ISO/IEC 11172-3, 2.4.2.7): with 96-byte frames of 32 kbit/s nine
            // frames, at the lowest rates of MPEG-2 many more; then one for the overlap and the filter bank.
            CODEC_ID_MP3 if self.rate >= 32_000 => 12 * 1152,
            CODEC_ID_MP3 => 40 * 576,
            CODEC_ID_MP1 | CODEC_ID_MP2 => 4 * 1152,
            CODEC_ID_AAC => 2 * 1024,
            // The first block only fills the overlap; blocks have up to 8192 samples.
            CODEC_ID_VORBIS => 2 * 8192,
            _ => 0,
        }
    }
}
