//! Codecs that Symphonia demultiplexes but does not decode: the host turns their packets into PCM with another module.

use std::sync::{Arc, Mutex};

use symphonia::core::audio::{AsGenericAudioBufferRef, Audio, AudioBuffer, AudioMut, AudioSpec, Channels, GenericAudioBufferRef};
use symphonia::core::codecs::CodecInfo;
use symphonia::core::codecs::audio::well_known::{CODEC_ID_AAC, CODEC_ID_OPUS};
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, FinalizeResult};
use symphonia::core::errors::{Result, decode_error};
use symphonia::core::packet::PacketRef;

use crate::codec_name::codec_name;
use crate::opening::OpenedTrack;
use crate::opus_packet;

/// Frames of the longest packet: 120 ms of Opus at 48 kHz (RFC 6716, 2.1.4).
const MAX_FRAMES: usize = 5760;
const MAX_CHANNELS: usize = 8;

/// What one packet became.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoded {
    pub rate: u32,
    pub channels: usize,
    pub frames: usize,
}

/// The host's decoder. It holds the state of one stream.
pub trait PacketDecoder: Send {
    /// The packets that follow are the first of the stream, or those of another place in it.
    fn reset(&mut self, begins: bool);
    /// Fills interleaved samples; `None` where the packet is damaged.
    fn decode(&mut self, packet: &[u8], samples: &mut [f32]) -> Option<Decoded>;
}

#[derive(Clone)]
pub struct Foreign(Arc<Mutex<Box<dyn PacketDecoder>>>);

impl Foreign {
    pub fn new(decoder: Box<dyn PacketDecoder>) -> Self {
        Foreign(Arc::new(Mutex::new(decoder)))
    }

    fn with<T>(&self, call: impl FnOnce(&mut dyn PacketDecoder) -> T) -> T {
        call(self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).as_mut())
    }
}

/// What the host needs to know to make its decoder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignRequest {
    /// Codec and container: `opus in ogg`, `he-aac in mp4`.
    pub name: String,
    /// The codec's setup as the container holds it: for Opus its identification header (RFC 7845, 5.1), for AAC its
    /// AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1).
    pub setup: Vec<u8>,
}

impl ForeignRequest {
    fn new(codec: &str, track: &OpenedTrack, setup: Vec<u8>) -> Self {
        ForeignRequest { name: format!("{codec} in {}", track.container), setup }
    }

    pub fn opus(track: &OpenedTrack) -> Option<Self> {
        let setup = track.params.extra_data.as_deref()?;
        let is_complete = track.params.codec == CODEC_ID_OPUS && setup.len() >= 19 && setup.starts_with(b"OpusHead");
        is_complete.then(|| Self::new("opus", track, setup.to_vec()))
    }

    /// `codec` is a kind of AAC that Symphonia does not decode. A stream without a setup says rate and channels in its packets.
    pub fn aac(codec: &str, track: &OpenedTrack) -> Option<Self> {
        let setup = match track.params.extra_data.as_deref() {
            Some(setup) => setup.to_vec(),
            None => {
                let rate = track.params.sample_rate?;
                let index = AAC_RATES.iter().position(|&candidate| candidate == rate)? as u8;
                let channels = u8::try_from(track.params.channels.as_ref()?.count()).ok()?;
                vec![AAC_LC << 3 | index >> 1, (index & 1) << 7 | channels << 3]
            }
        };
        (track.params.codec == CODEC_ID_AAC).then(|| Self::new(codec, track, setup))
    }
}

const AAC_LC: u8 = 2;
/// By index (ISO/IEC 14496-3, table 1.18).
const AAC_RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8000, 7350];

/// Frames at the start of an Opus stream that only settle the decoder (RFC 7845, 4.2).
pub fn opus_pre_skip(params: &AudioCodecParameters) -> i64 {
    match params.extra_data.as_deref() {
        Some(setup) if params.codec == CODEC_ID_OPUS && setup.len() >= 19 => i64::from(u16::from_le_bytes([setup[10], setup[11]])),
        _ => 0,
    }
}

/// Mapping family 0 has one stream; the others count them (RFC 7845, 5.1.1).
fn opus_streams(setup: &[u8]) -> usize {
    if setup[18] == 0 { 1 } else { setup.get(19).copied().map_or(0, usize::from) }
}

/// Every player applies the header's gain (RFC 7845, 5.1): decibels in 8.8 fixed point.
fn opus_gain(setup: &[u8]) -> f32 {
    let decibels = f32::from(i16::from_le_bytes([setup[16], setup[17]])) / 256.0;
    10f32.powf(decibels / 20.0)
}

pub struct ForeignDecoder {
    foreign: Foreign,
    params: AudioCodecParameters,
    info: CodecInfo,
    gain: f32,
    /// Streams in one packet of Opus.
    opus_streams: Option<usize>,
    samples: Vec<f32>,
    buffer: AudioBuffer<f32>,
}

impl ForeignDecoder {
    pub fn new(foreign: Foreign, params: &AudioCodecParameters) -> Self {
        foreign.with(|decoder| decoder.reset(true));
        let opus = params.extra_data.as_deref().filter(|setup| params.codec == CODEC_ID_OPUS && setup.len() >= 19);
        let name = codec_name(params.codec);
        ForeignDecoder {
            foreign,
            params: params.clone(),
            info: CodecInfo { short_name: name, long_name: name, profiles: &[] },
            gain: opus.map_or(1.0, opus_gain),
            opus_streams: opus.map(opus_streams),
            samples: vec![0.0; MAX_FRAMES * MAX_CHANNELS],
            buffer: AudioBuffer::default(),
        }
    }
}

impl AudioDecoder for ForeignDecoder {
    fn reset(&mut self) {
        self.foreign.with(|decoder| decoder.reset(false));
    }

    fn codec_info(&self) -> &CodecInfo {
        &self.info
    }

    fn codec_params(&self) -> &AudioCodecParameters {
        &self.params
    }

    fn decode_ref(&mut self, packet: &PacketRef<'_>) -> Result<GenericAudioBufferRef<'_>> {
        self.buffer.clear();
        if self.opus_streams.is_some_and(|streams| opus_packet::frames(packet.data, streams).is_none()) {
            return decode_error("the packet is damaged");
        }
        let Some(decoded) = self.foreign.with(|decoder| decoder.decode(packet.data, &mut self.samples)) else {
            return decode_error("the packet is damaged");
        };
        let Decoded { rate, channels, frames } = decoded;
        if channels == 0 || channels > MAX_CHANNELS || frames * channels > self.samples.len() {
            return decode_error("the packet is damaged");
        }
        let spec = AudioSpec::new(rate, Channels::Discrete(channels as u16));
        if self.buffer.is_unused() || self.buffer.spec() != &spec {
            self.buffer = AudioBuffer::new(spec, MAX_FRAMES * MAX_CHANNELS / channels);
        }
        self.buffer.render_uninit(Some(frames));
        for channel in 0..channels {
            let Some(plane) = self.buffer.plane_mut(channel) else { return decode_error("the packet is damaged") };
            for (into, sample) in plane.iter_mut().zip(self.samples[channel..].iter().step_by(channels)) {
                *into = sample * self.gain;
            }
        }
        Ok(self.buffer.as_generic_audio_buffer_ref())
    }

    fn finalize(&mut self) -> FinalizeResult {
        FinalizeResult::default()
    }

    fn last_decoded(&self) -> GenericAudioBufferRef<'_> {
        self.buffer.as_generic_audio_buffer_ref()
    }
}
