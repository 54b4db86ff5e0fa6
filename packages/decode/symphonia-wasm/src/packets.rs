//! What becomes of a packet: frames, or silence of the same length.

use symphonia::core::audio::GenericAudioBufferRef;
use symphonia::core::codecs::audio::well_known::{CODEC_ID_AAC, CODEC_ID_VORBIS};
use symphonia::core::errors::Error;
use symphonia::core::packet::Packet;

use crate::clock::Precision;
use crate::codec_name::{codec_name, is_padded};
use crate::failure::Failure;
use crate::foreign::ForeignRequest;
use crate::interleave::interleave;
use crate::opening::{choose_track, make_decoder, unsupported};
use crate::session::{MAX_GAP_SECONDS, Run, Session};

/// Packets in a row that may fail before the stream counts as beyond repair: some 20 s of any codec.
const MAX_LOST_IN_A_ROW: u32 = 1000;

impl Session {
    /// Decodes one packet into the buffer. A damaged one becomes silence of its length.
    pub(crate) fn decode_packet(&mut self, packet: Packet) -> Result<Option<Run>, Failure> {
        let start = self.next_frame;
        let buffer = match self.decoder.decode(&packet) {
            Ok(buffer) => buffer,
            Err(error) => return self.lose(&packet, error),
        };
        let spec = Spec::of(&buffer);
        if spec.frames > 0 && (spec.rate != self.rate || spec.channels != self.channels) {
            let change = format!("{} Hz with {} channels", spec.rate, spec.channels);
            return Err(unsupported(&format!("a change to {change} inside the stream"), &self.track.container));
        }
        interleave(&buffer, &mut self.samples);
        if self.track.codec == CODEC_ID_AAC && self.examined.foreign.is_none() {
            order_channels(&mut self.samples, spec.channels);
        }
        self.lost_in_a_row = 0;
        let frames = spec.frames as i64;
        if std::mem::take(&mut self.drops_next) {
            // The packet's own length: after a landing the demuxer knows the block before it, the decoder does not.
            if self.clock.precision != Precision::Counted {
                self.next_frame = start + self.clock.rounded(packet.block_dur().get() as i64);
            }
            return Ok(None);
        }
        self.next_frame = start + frames;
        let trim_start = self.clock.rounded(packet.trim_start.get() as i64).clamp(0, frames);
        let trim_end = self.end_trim(&packet, frames)?.clamp(0, frames - trim_start);
        Ok(Some(Run {
            start: start + trim_start,
            offset: trim_start as usize,
            frames: (frames - trim_start - trim_end) as usize,
        }))
    }

    /// Frames that a packet holds beyond the end. In MP4 the last packet's duration says so, in Ogg the last page's
    /// position; anywhere but at the end the same is jitter of the timestamps.
    fn end_trim(&mut self, packet: &Packet, frames: i64) -> Result<i64, Failure> {
        let stated = packet.trim_end.get() as i64;
        // Nanoseconds: an edit of the demultiplexer.
        if self.track.container == "mkv" {
            return Ok(((i128::from(stated) * i128::from(self.rate) + 500_000_000) / 1_000_000_000) as i64);
        }
        let stated = self.clock.rounded(stated);
        let trim = match self.track.container.as_str() {
            "ogg" => stated,
            "mp4" => {
                let duration = self.clock.rounded(packet.block_dur().get() as i64);
                if duration > 0 && is_padded(self.track.codec) { (frames - duration).max(0) } else { 0 }
            }
            _ => return Ok(stated),
        };
        if trim == 0 {
            return Ok(0);
        }
        let links = self.links;
        let following = self.next_packet()?;
        let is_last = following.is_none() || self.links != links;
        if let Some(following) = following {
            self.held.push_front(following);
        }
        if !is_last {
            return Ok(0);
        }
        let trim = trim.min(frames);
        self.next_frame -= trim;
        self.link_start = if self.links == links { self.link_start } else { self.next_frame };
        Ok(trim)
    }

    fn lose(&mut self, packet: &Packet, error: Error) -> Result<Option<Run>, Failure> {
        if let Error::Unsupported(reason) = error {
            if reason.contains("spectral band replication") {
                let found = "he-aac that begins inside the stream";
                return Err(unsupported(found, &self.track.container));
            }
        }
        self.count_loss()?;
        let duration = if self.track.container == "mkv" { packet.dur } else { packet.block_dur() };
        let frames = self.clock.rounded(duration.get() as i64);
        self.silence_left += frames.clamp(0, MAX_GAP_SECONDS * i64::from(self.rate));
        Ok(None)
    }

    fn count_loss(&mut self) -> Result<(), Failure> {
        self.lost += 1;
        self.lost_in_a_row += 1;
        if self.lost_in_a_row > MAX_LOST_IN_A_ROW {
            return Err(Failure::Damaged(format!("{MAX_LOST_IN_A_ROW} packets in a row cannot be decoded")));
        }
        Ok(())
    }

    pub(crate) fn unsupported_packet(&self, reason: &str) -> Failure {
        if reason.contains("spectral band replication") {
            let request = ForeignRequest::aac("he-aac", &self.track).filter(|_| self.examined.foreign.is_none());
            return request.map_or_else(|| unsupported("he-aac", &self.track.container), Failure::Foreign);
        }
        let name = format!("{} ({reason})", codec_name(self.track.codec));
        unsupported(&name, &self.track.container)
    }

    /// The next packet of the track. Whatever the reader stumbles over is a loss; only a failed read is a failure.
    pub(crate) fn next_packet(&mut self) -> Result<Option<Packet>, Failure> {
        if let Some(packet) = self.held.pop_front() {
            return Ok(Some(packet));
        }
        let mut errors = 0;
        loop {
            let next = self.format.next_packet();
            if self.source.has_failed() {
                return Err(Failure::Source);
            }
            match next {
                Ok(Some(packet)) if packet.track_id == self.track.id => return Ok(Some(packet)),
                Ok(Some(_)) => (),
                Ok(None) => return Ok(None),
                Err(Error::ResetRequired) => self.enter_link()?,
                Err(Error::IoError(error)) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                    self.lost += 1;
                    return Ok(None);
                }
                Err(_) => {
                    self.lost += 1;
                    errors += 1;
                    if errors > MAX_LOST_IN_A_ROW {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Goes on with the next link of a chained stream (RFC 3533, section 4).
    fn enter_link(&mut self) -> Result<(), Failure> {
        let Some(track) = choose_track(self.format.as_ref()) else {
            return Err(Failure::Damaged("a link of the chained stream holds no audio".into()));
        };
        self.track.id = track.id;
        if let Some(params) = track.codec_params.as_ref().and_then(|params| params.audio()) {
            self.track.params = params.clone();
            self.track.codec = params.codec;
        }
        self.decoder = make_decoder(&self.track, self.examined.foreign.as_ref())?;
        self.drops_next = self.track.codec == CODEC_ID_VORBIS;
        self.links += 1;
        self.link_start = self.next_frame;
        self.begins_link = true;
        Ok(())
    }
}

pub(crate) struct Spec {
    pub(crate) rate: u32,
    pub(crate) channels: usize,
    pub(crate) frames: usize,
}

impl Spec {
    pub(crate) fn of(buffer: &GenericAudioBufferRef<'_>) -> Self {
        let spec = buffer.spec();
        Spec { rate: spec.rate(), channels: spec.channels().count(), frames: buffer.frames() }
    }
}

/// AAC sends the centre first and the low frequencies last (ISO/IEC 14496-3, 1.6.3.5); everything else has the order of
/// WAV: left, right, centre, low frequencies, surround.
fn order_channels(samples: &mut [f32], channels: usize) {
    let order: &[usize] = match channels {
        3 => &[1, 2, 0],
        4 => &[1, 2, 0, 3],
        5 => &[1, 2, 0, 3, 4],
        6 => &[1, 2, 0, 5, 3, 4],
        _ => return,
    };
    let mut frame = [0.0; 6];
    for samples in samples.chunks_exact_mut(channels) {
        frame[..channels].copy_from_slice(samples);
        for (sample, &from) in samples.iter_mut().zip(order) {
            *sample = frame[from];
        }
    }
}
