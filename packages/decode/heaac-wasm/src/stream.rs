//! One stream of AAC with spectral band replication.

use oxideav_aac::asc::AudioSpecificConfig;
use oxideav_aac::decode::StreamDecoder;

/// Object types that this module decodes (ISO/IEC 14496-3, table 1.17): low complexity is the core of the others.
const AAC_LC: u8 = 2;

pub struct Stream {
    config: AudioSpecificConfig,
    decoder: StreamDecoder,
    pub samples: Vec<f32>,
    pub rate: u32,
    pub channels: usize,
}

impl Stream {
    /// `setup` is an AudioSpecificConfig. `None` where it is damaged or of another kind of AAC.
    pub fn open(setup: &[u8]) -> Option<Self> {
        let (config, _) = AudioSpecificConfig::parse(setup).ok()?;
        let is_supported = config.aot == AAC_LC && (1..=6).contains(&config.channel_configuration);
        is_supported.then(|| Stream {
            config,
            decoder: StreamDecoder::new(),
            samples: Vec::new(),
            rate: 0,
            channels: 0,
        })
    }

    /// `begins`: the packets that follow are the first. Else they are those of another place, where not every packet repeats what
    /// earlier ones told: the headers of replication and of parametric stereo stay known.
    pub fn reset(&mut self, begins: bool) {
        if begins {
            self.decoder = StreamDecoder::new();
        } else {
            self.decoder.restart();
        }
    }

    /// Frames of the packet, whose samples are then in `samples`; `None` where it is damaged.
    pub fn decode(&mut self, packet: &[u8]) -> Option<usize> {
        let AudioSpecificConfig { aot, sampling_frequency_index, sample_rate, channel_configuration, .. } = self.config;
        let decoded =
            self.decoder.decode_raw_data_block(aot, sampling_frequency_index, sample_rate, channel_configuration, 1, packet).ok()?;
        if decoded.channels == 0 {
            return None;
        }
        // Parametric stereo that is announced but has not begun yet is the same on both sides.
        let copies = if self.config.ps_present && decoded.channels == 1 { 2 } else { 1 };
        self.samples.clear();
        for &sample in &decoded.pcm {
            self.samples.extend(std::iter::repeat_n(f32::from(sample) / 32_768.0, copies));
        }
        self.rate = decoded.sample_rate;
        self.channels = decoded.channels * copies;
        Some(decoded.pcm.len() / decoded.channels)
    }
}
