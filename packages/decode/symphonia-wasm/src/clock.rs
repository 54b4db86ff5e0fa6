//! From a container's timestamps to frame indexes.

use symphonia::core::codecs::audio::AudioCodecId;
use symphonia::core::codecs::audio::well_known::{
    CODEC_ID_AAC, CODEC_ID_ALAC, CODEC_ID_MP1, CODEC_ID_MP2, CODEC_ID_MP3, CODEC_ID_OPUS, CODEC_ID_VORBIS,
};
use symphonia::core::units::{TimeBase, Timestamp};

/// How far a container's timestamps can be trusted to name a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// Every timestamp is a whole frame.
    Exact,
    /// Timestamps may be a little off, but packets begin at multiples of this many frames: the nearest one is meant.
    Grid(i64),
    /// Rounded, and packets vary: frames can only be counted from the start.
    Counted,
}

/// What decides about a stream's timestamps.
#[derive(Clone, Copy)]
pub struct Timing<'a> {
    pub time_base: TimeBase,
    /// Frames per second.
    pub rate: u32,
    pub codec: AudioCodecId,
    pub container: &'a str,
    /// Decoded frames of a packet, for codecs that have a fixed number.
    pub packet_frames: i64,
    /// The codec's setup: Vorbis keeps its block sizes there.
    pub setup: Option<&'a [u8]>,
}

#[derive(Clone, Copy, Debug)]
pub struct FrameClock {
    numerator: i128,
    denominator: i128,
    pub precision: Precision,
    /// Frame of the first packet, and what its timestamp rounds to: a grid is anchored here.
    first: i64,
    first_stamp: i64,
    /// Frame at timestamp 0: a reader that was put into the middle of a stream without timestamps counts from there.
    base: i64,
}

/// Packets of Opus are multiples of 2.5 ms at 48 kHz (RFC 6716, 2.1.4).
const OPUS_STEP: i64 = 120;

impl FrameClock {
    pub fn new(timing: Timing<'_>) -> Self {
        let numerator = i128::from(timing.time_base.numer.get()) * i128::from(timing.rate);
        let denominator = i128::from(timing.time_base.denom.get());
        let is_whole = numerator % denominator == 0 && timing.container != "mkv";
        let precision = match grid(&timing) {
            // Half a step must hold the rounding of one tick and a frame or two of jitter.
            Some(step) if i128::from(step) * denominator > 2 * (numerator + 2 * denominator) => Precision::Grid(step),
            _ if is_whole => Precision::Exact,
            _ => Precision::Counted,
        };
        FrameClock { numerator, denominator, precision, first: 0, first_stamp: 0, base: 0 }
    }

    /// Names the frame of the first packet, whose timestamp may be rounded.
    pub fn anchor(&mut self, first: i64, stamp: Timestamp) {
        self.first = first;
        self.first_stamp = self.rounded(stamp.get());
    }

    /// Names the frame of timestamp 0.
    pub fn rebase(&mut self, base: i64) {
        self.base = base;
    }

    /// Frame index of a timestamp.
    pub fn frames(&self, timestamp: Timestamp) -> i64 {
        let frames = self.rounded(timestamp.get());
        match self.precision {
            Precision::Grid(step) => self.first + (frames - self.first_stamp + step / 2).div_euclid(step) * step,
            Precision::Exact | Precision::Counted => self.base + frames,
        }
    }

    /// The last timestamp at or before a frame index.
    pub fn timestamp(&self, frames: i64) -> Timestamp {
        let stamped = frames - self.first + self.first_stamp;
        let ticks = (i128::from(stamped) * self.denominator).div_euclid(self.numerator);
        Timestamp::new(ticks as i64)
    }

    /// Frames in a number of ticks, to the nearest.
    pub fn rounded(&self, ticks: i64) -> i64 {
        ((i128::from(ticks) * self.numerator * 2 + self.denominator).div_euclid(self.denominator * 2)) as i64
    }
}

/// Muxers that were fed rounded timestamps write MP4 and Ogg timestamps that are a frame off here and there; Matroska
/// keeps milliseconds. Streams without a container count their frames and need no grid.
fn grid(timing: &Timing<'_>) -> Option<i64> {
    if !matches!(timing.container, "mp4" | "mkv" | "ogg") {
        return None;
    }
    match timing.codec {
        CODEC_ID_AAC | CODEC_ID_ALAC | CODEC_ID_MP1 | CODEC_ID_MP2 | CODEC_ID_MP3 => {
            (timing.packet_frames > 0).then_some(timing.packet_frames)
        }
        CODEC_ID_OPUS => Some(OPUS_STEP),
        // A packet gives a quarter of its block and of the one before (Vorbis I, 4.3.8): all multiples of a quarter of
        // the short block, whose exponent is in the identification header (4.2.2).
        CODEC_ID_VORBIS if timing.container == "ogg" => {
            let exponent = timing.setup?.get(28)? & 0x0f;
            (exponent >= 6).then(|| (1 << exponent) / 4)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use symphonia::core::codecs::audio::well_known::CODEC_ID_FLAC;

    fn timing(container: &str, codec: AudioCodecId, denominator: u32) -> Timing<'_> {
        let time_base = TimeBase::try_new(1, denominator).unwrap();
        Timing { time_base, rate: 44_100, codec, container, packet_frames: 1024, setup: None }
    }

    #[test]
    fn a_time_base_of_whole_frames_is_exact() {
        let clock = FrameClock::new(timing("mp3", CODEC_ID_MP3, 44_100));
        assert_eq!(clock.precision, Precision::Exact);
        assert_eq!(clock.frames(Timestamp::new(-1105)), -1105);
        assert_eq!(clock.timestamp(12_345), Timestamp::new(12_345));
    }

    #[test]
    fn milliseconds_name_a_packet_of_fixed_length() {
        let mut clock = FrameClock::new(timing("mkv", CODEC_ID_AAC, 1000));
        clock.anchor(1014, Timestamp::new(23));
        for packet in 0..10_000 {
            let milliseconds = ((packet * 1024) as f64 / 44.1 + 23.0).round() as i64;
            assert_eq!(clock.frames(Timestamp::new(milliseconds)), 1014 + packet * 1024);
        }
    }

    #[test]
    fn a_delay_that_was_rounded_shifts_every_timestamp() {
        let time_base = TimeBase::try_new(1, 1000).unwrap();
        let timing = Timing { time_base, rate: 48_000, codec: CODEC_ID_OPUS, container: "mkv", packet_frames: 960, setup: None };
        let mut clock = FrameClock::new(timing);
        clock.anchor(-312, Timestamp::new(-5));
        assert_eq!(clock.frames(Timestamp::new(-5)), -312);
        assert_eq!(clock.frames(Timestamp::new(20_000 - 6)), 960_000 - 312);
        assert_eq!(clock.timestamp(960_000 - 312), Timestamp::new(20_000 - 5));
    }

    #[test]
    fn a_timestamp_that_is_a_frame_off_still_names_its_packet() {
        let clock = FrameClock::new(timing("mp4", CODEC_ID_AAC, 44_100));
        assert_eq!(clock.frames(Timestamp::new(1024 * 7 - 1)), 1024 * 7);
        assert_eq!(clock.frames(Timestamp::new(1024 * 7 + 2)), 1024 * 7);
    }

    #[test]
    fn vorbis_packets_begin_at_quarters_of_the_short_block() {
        let mut setup = b"\x01vorbis".to_vec();
        setup.resize(28, 0);
        setup.push(0xb8);
        let clock = FrameClock::new(Timing { setup: Some(&setup), ..timing("ogg", CODEC_ID_VORBIS, 44_100) });
        assert_eq!(clock.precision, Precision::Grid(64));
        assert_eq!(clock.frames(Timestamp::new(799_999)), 800_000);
    }

    #[test]
    fn milliseconds_of_varying_packets_are_not_trusted() {
        assert_eq!(FrameClock::new(timing("mkv", CODEC_ID_FLAC, 1000)).precision, Precision::Counted);
    }
}
