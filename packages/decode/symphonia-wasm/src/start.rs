//! How a session starts: open, decode the first packet, plan the trim.

use std::collections::VecDeque;

use symphonia::core::codecs::audio::well_known::{CODEC_ID_OPUS, CODEC_ID_VORBIS};
use symphonia::core::errors::Error;
use symphonia::core::packet::Packet;

use crate::clock::{FrameClock, Precision, Timing};
use crate::failure::Failure;
use crate::foreign::{Foreign, opus_pre_skip};
use crate::gapless::{Facts, Plan, plan};
use crate::opening::{Examined, Opened, examine, make_decoder, open};
use crate::packet_header::Framing;
use crate::packets::Spec;
use crate::session::Session;
use crate::source::Source;
use crate::tags::read_tags;

/// Packets that may fail before the first good one: fewer than later, since the wait is the listener's.
const MAX_LOST_AT_START: u32 = 200;

impl Session {
    /// Opens the stream and decodes its first packet, so that rate and channels are those of the audio itself. After
    /// `Failure::Foreign` the same source may be opened again with the host's decoder.
    pub fn open(source: &Source, foreign: Option<&Foreign>) -> Result<Self, Failure> {
        let opened = Self::open_source(source, foreign);
        if source.has_failed() { Err(Failure::Source) } else { opened }
    }

    fn open_source(source: &Source, foreign: Option<&Foreign>) -> Result<Self, Failure> {
        source.set_forward_only(false);
        let first = examine(source, foreign).and_then(|examined| Self::start(source, examined));
        match first {
            Err(failure @ (Failure::Damaged(_) | Failure::Empty(_))) if source.len() > Some(0) && !source.has_failed() => {
                // Cut-off MP4, AIFF, Matroska and others open only when they are not asked for what lies behind the cut.
                source.set_forward_only(true);
                let retried = examine(source, foreign).and_then(|examined| Self::start(source, examined));
                retried.map_err(|retry| if retry == Failure::Source { retry } else { failure })
            }
            first => first,
        }
    }

    fn start(source: &Source, examined: Examined) -> Result<Self, Failure> {
        let Opened { mut format, decoder, track } = open(source, &examined)?;
        let tags = read_tags(format.as_mut());
        let rate = track.params.sample_rate.unwrap_or(0);
        let mut session = Session {
            source: source.clone(),
            format,
            decoder,
            tags,
            plan: Plan::default(),
            rate,
            channels: 0,
            clock: FrameClock::new(Timing::of(&track, rate.max(1), 0)),
            samples: Vec::new(),
            lost: 0,
            lost_in_a_row: 0,
            held: VecDeque::new(),
            next_frame: 0,
            silence_left: 0,
            drops_next: track.codec == CODEC_ID_VORBIS,
            pending: None,
            position: 0,
            has_ended: false,
            links: 0,
            link_start: 0,
            begins_link: false,
            resume_at: None,
            first_packet: Box::default(),
            first_frame: 0,
            packet_frames: 0,
            index: None,
            examined,
            track,
        };
        session.prime()?;
        source.stop_keeping_head();
        Ok(session)
    }

    /// Decodes up to the first good packet, then starts over with what it told.
    fn prime(&mut self) -> Result<(), Failure> {
        let mut packets = VecDeque::new();
        let frames = loop {
            let Some(packet) = self.next_packet()? else {
                return Err(if packets.is_empty() {
                    Failure::Empty(format!("there is no audio in this {} file", self.track.container))
                } else {
                    Failure::Damaged("no packet of the audio can be decoded".into())
                });
            };
            let decoded = self.decoder.decode(&packet).map(|buffer| Spec::of(&buffer));
            packets.push_back(packet);
            match decoded {
                Ok(spec) => {
                    self.rate = spec.rate;
                    self.channels = spec.channels;
                    break spec.frames;
                }
                Err(Error::Unsupported(reason)) => return Err(self.unsupported_packet(reason)),
                Err(_) if packets.len() as u32 >= MAX_LOST_AT_START => {
                    return Err(Failure::Damaged("no packet of the audio can be decoded".into()));
                }
                Err(_) => (),
            }
        };
        self.clock = FrameClock::new(Timing::of(&self.track, self.rate, frames as i64));
        let itunes = self.tags.itunes_gapless;
        let facts = Facts { rate: self.rate, packet_frames: frames as u64, bytes: self.source.len() };
        self.plan = plan(&self.track, facts, self.examined.mp4.as_ref(), itunes);
        if self.examined.is_chained {
            self.plan.frames = None;
        }
        self.packet_frames = frames as i64;
        if let Some(first) = packets.front() {
            self.clock.anchor(self.anchor_of(first), first.pts);
            self.next_frame = self.frame_of_first(first);
            self.first_frame = self.next_frame;
            if Framing::of(&self.track.container).is_some() {
                self.first_packet = first.data.clone();
            }
            let first_played = self.next_frame + self.clock.rounded(first.trim_start.get() as i64);
            let is_ogg_opus = self.track.codec == CODEC_ID_OPUS && self.track.container == "ogg";
            if (self.plan.start == 0 || is_ogg_opus) && first_played > 0 {
                // A stream cut out of a longer one; Ogg's last timestamp then counts what is missing, too.
                self.plan.start += first_played;
                if self.track.container == "ogg" {
                    self.plan.frames = self.plan.frames.map(|frames| frames.saturating_sub(first_played as u64));
                }
            }
        }
        // Decoded again from the first packet on, so that losses are counted and filled as everywhere else.
        self.held = packets;
        self.decoder = make_decoder(&self.track, self.examined.foreign.as_ref())?;
        self.pending = self.next_chunk()?;
        self.position = 0;
        Ok(())
    }

    /// Frame of the first packet. Matroska rounds an Opus encoder's delay to milliseconds; the setup has it exactly.
    fn anchor_of(&self, first: &Packet) -> i64 {
        let rounded = self.clock.rounded(first.pts.get());
        let delayed = -opus_pre_skip(&self.track.params);
        let two_ticks = self.clock.rounded(2);
        if self.track.codec == CODEC_ID_OPUS && (rounded - delayed).abs() <= two_ticks { delayed } else { rounded }
    }

    pub(crate) fn frame_of_first(&self, first: &Packet) -> i64 {
        match self.clock.precision {
            Precision::Exact | Precision::Grid(_) => self.clock.frames(first.pts),
            Precision::Counted => 0,
        }
    }
}
