//! One open stream: packets in, trimmed PCM with frame positions out. How it starts is in `start`, what becomes of a
//! packet in `packets`, how it seeks in `seek`.

use std::collections::VecDeque;

use symphonia::core::codecs::audio::AudioDecoder;
use symphonia::core::codecs::audio::well_known::CODEC_ID_VORBIS;
use symphonia::core::formats::FormatReader;
use symphonia::core::packet::Packet;

use crate::clock::{FrameClock, Precision};
use crate::failure::Failure;
use crate::foreign::opus_pre_skip;
use crate::gapless::Plan;
use crate::opening::{Examined, Opened, OpenedTrack, open};
use crate::packet_index::PacketIndex;
use crate::source::Source;
use crate::tags::Tags;

/// Silence is handed out in pieces of this size.
const SILENCE_FRAMES: i64 = 8192;
/// A hole shorter than this part of a second is jitter of the timestamps.
const MIN_GAP_RATE_PART: i64 = 100;
/// A longer hole in the timestamps is not a loss but a jump of the stream's clock.
pub(crate) const MAX_GAP_SECONDS: i64 = 30;

/// Frames that are ready in the session's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Frame position after the trim.
    pub position: u64,
    /// First frame within the buffer.
    pub offset: usize,
    pub frames: usize,
}

/// A run of decoded frames before the trim, `offset` frames into the buffer.
pub(crate) struct Run {
    pub(crate) start: i64,
    pub(crate) offset: usize,
    pub(crate) frames: usize,
}

pub struct Session {
    pub(crate) source: Source,
    pub(crate) examined: Examined,
    pub(crate) format: Box<dyn FormatReader>,
    pub(crate) decoder: Box<dyn AudioDecoder>,
    pub track: OpenedTrack,
    pub tags: Tags,
    pub plan: Plan,
    pub rate: u32,
    pub channels: usize,
    pub(crate) clock: FrameClock,
    pub samples: Vec<f32>,
    pub lost: u64,
    pub(crate) lost_in_a_row: u32,
    /// Packets that were read but not decoded yet.
    pub(crate) held: VecDeque<Packet>,
    /// Frame, before the trim, that the next packet begins with.
    pub(crate) next_frame: i64,
    pub(crate) silence_left: i64,
    /// The next decoded packet only fills the decoder's overlap.
    pub(crate) drops_next: bool,
    pub(crate) pending: Option<Chunk>,
    /// Position that the next chunk begins at, or beyond.
    pub(crate) position: u64,
    pub(crate) has_ended: bool,
    /// Links of a chained stream that were passed; their timestamps begin again.
    pub(crate) links: u32,
    pub(crate) link_start: i64,
    /// The next packet is the first of a link.
    pub(crate) begins_link: bool,
    /// The format reader was left in the middle of something; where to go on.
    pub(crate) resume_at: Option<u64>,
    /// The first packet, its frame and its length in frames: a stream without a container is indexed from here.
    pub(crate) first_packet: Box<[u8]>,
    pub(crate) first_frame: i64,
    pub(crate) packet_frames: i64,
    pub(crate) index: Option<PacketIndex>,
}

impl Session {
    /// The next frames, or `None` at the end, however often it is asked.
    pub fn decode(&mut self) -> Result<Option<Chunk>, Failure> {
        if let Some(position) = self.resume_at {
            self.recover(position)?;
        }
        let decoded = self.next_chunk();
        if decoded == Err(Failure::Source) {
            self.resume_at = Some(self.position);
        }
        decoded
    }

    pub(crate) fn next_chunk(&mut self) -> Result<Option<Chunk>, Failure> {
        loop {
            if let Some(chunk) = self.pending.take() {
                self.position = chunk.position + chunk.frames as u64;
                return Ok(Some(chunk));
            }
            if self.has_ended {
                return Ok(None);
            }
            match self.next_run()? {
                Some(run) => self.pending = self.trim(&run),
                None => self.has_ended = true,
            }
        }
    }

    /// What of a run lies between the trims and is not behind the position.
    fn trim(&mut self, run: &Run) -> Option<Chunk> {
        let start = run.start - self.plan.start;
        let mut end = start + run.frames as i64;
        if let (true, Some(frames), 0) = (self.plan.cuts_end, self.plan.frames, self.links) {
            if end >= frames as i64 {
                end = frames as i64;
                // Behind the end of an Ogg stream another link may follow.
                self.has_ended = self.track.container != "ogg";
            }
        }
        let first = start.max(self.position as i64);
        (end > first).then(|| Chunk {
            position: first as u64,
            offset: run.offset + (first - start) as usize,
            frames: (end - first) as usize,
        })
    }

    fn next_run(&mut self) -> Result<Option<Run>, Failure> {
        loop {
            if self.silence_left > 0 {
                return Ok(Some(self.silence()));
            }
            let Some(packet) = self.next_packet()? else { return Ok(None) };
            if std::mem::take(&mut self.begins_link) && self.clock.precision != Precision::Counted {
                // Vorbis' first block lies before the link's first frame; Opus counts what it skips.
                let skipped = opus_pre_skip(&self.track.params);
                self.next_frame = self.link_start + self.clock.frames(packet.pts).min(0) - skipped;
            }
            let gap = self.gap_before(&packet);
            if gap > 0 {
                self.lost += 1;
                self.silence_left = gap;
                self.held.push_front(packet);
                continue;
            }
            if let Some(run) = self.decode_packet(packet)? {
                return Ok(Some(run));
            }
        }
    }

    fn silence(&mut self) -> Run {
        let frames = self.silence_left.min(SILENCE_FRAMES);
        let run = Run { start: self.next_frame, offset: 0, frames: frames as usize };
        self.samples.clear();
        self.samples.resize(run.frames * self.channels, 0.0);
        self.silence_left -= frames;
        self.next_frame += frames;
        run
    }

    /// Frames that are missing before a packet, where the timestamps can tell.
    fn gap_before(&self, packet: &Packet) -> i64 {
        if self.clock.precision == Precision::Counted {
            return 0;
        }
        let gap = self.link_start + self.clock.frames(packet.pts) - self.next_frame;
        let rate = i64::from(self.rate);
        if gap >= rate / MIN_GAP_RATE_PART && gap <= MAX_GAP_SECONDS * rate { gap } else { 0 }
    }

    /// Builds reader and decoder anew at the first packet.
    pub(crate) fn reopen(&mut self) -> Result<(), Failure> {
        let Opened { format, decoder, track } = open(&self.source, &self.examined)?;
        self.format = format;
        self.decoder = decoder;
        self.track = track;
        self.drops_next = self.track.codec == CODEC_ID_VORBIS;
        self.links = 0;
        self.link_start = 0;
        self.begins_link = false;
        self.silence_left = 0;
        self.lost_in_a_row = 0;
        self.has_ended = false;
        self.held.clear();
        if let Some(first) = self.next_packet()? {
            self.next_frame = self.frame_of_first(&first);
            self.held.push_front(first);
        }
        Ok(())
    }

    /// Forgets what was under way, before packets are read from another place.
    pub(crate) fn flush(&mut self) {
        self.decoder.reset();
        self.drops_next = self.track.codec == CODEC_ID_VORBIS;
        self.silence_left = 0;
        self.lost_in_a_row = 0;
        self.has_ended = false;
        self.held.clear();
        self.pending = None;
    }
}
