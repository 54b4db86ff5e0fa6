//! Short names of codecs and containers, for `info` and for messages.

use symphonia::core::codecs::audio::{AudioCodecId, AudioCodecParameters, CODEC_ID_NULL_AUDIO, well_known::*};

pub fn codec_name(codec: AudioCodecId) -> &'static str {
    match codec {
        CODEC_ID_NULL_AUDIO => "an unknown codec",
        CODEC_ID_VORBIS => "vorbis",
        CODEC_ID_OPUS => "opus",
        CODEC_ID_SPEEX => "speex",
        CODEC_ID_MUSEPACK => "musepack",
        CODEC_ID_MP1 => "mp1",
        CODEC_ID_MP2 => "mp2",
        CODEC_ID_MP3 => "mp3",
        CODEC_ID_AAC => "aac",
        CODEC_ID_AC3 => "ac-3",
        CODEC_ID_EAC3 => "e-ac-3",
        CODEC_ID_AC4 => "ac-4",
        CODEC_ID_DCA => "dts",
        CODEC_ID_ATRAC1 | CODEC_ID_ATRAC3 | CODEC_ID_ATRAC3PLUS | CODEC_ID_ATRAC9 => "atrac",
        CODEC_ID_WMA => "wma",
        CODEC_ID_FLAC => "flac",
        CODEC_ID_WAVPACK => "wavpack",
        CODEC_ID_MONKEYS_AUDIO => "monkey's audio",
        CODEC_ID_ALAC => "alac",
        CODEC_ID_TTA => "true audio",
        CODEC_ID_TRUEHD => "truehd",
        CODEC_ID_ADPCM_G722 | CODEC_ID_ADPCM_G726 | CODEC_ID_ADPCM_G726LE | CODEC_ID_ADPCM_MS
        | CODEC_ID_ADPCM_IMA_WAV | CODEC_ID_ADPCM_IMA_QT => "adpcm",
        codec if is_pcm(codec) => "pcm",
        _ => "an unknown codec",
    }
}

pub fn is_pcm(codec: AudioCodecId) -> bool {
    (CODEC_ID_PCM_S32LE..=CODEC_ID_PCM_MULAW).contains(&codec)
}

pub fn is_lossless(codec: AudioCodecId) -> bool {
    is_pcm(codec) || matches!(codec, CODEC_ID_FLAC | CODEC_ID_ALAC)
}

/// Codecs whose packets all hold the same number of frames, so that the last one is padded.
pub fn is_padded(codec: AudioCodecId) -> bool {
    matches!(codec, CODEC_ID_AAC | CODEC_ID_MP1 | CODEC_ID_MP2 | CODEC_ID_MP3)
}

pub fn container_name(short_name: &str) -> &str {
    match short_name {
        "isomp4" => "mp4",
        "wave" => "wav",
        "aac" => "adts",
        "matroska" => "mkv",
        name => name,
    }
}

/// The name of an MP4 sample entry that Symphonia does not know.
pub fn sample_entry_name(code: [u8; 4]) -> String {
    match &code {
        b"ac-3" => "ac-3".into(),
        b"ec-3" => "e-ac-3".into(),
        b"ac-4" => "ac-4".into(),
        b"Opus" => "opus".into(),
        b"dtsc" | b"dtse" | b"dtsh" | b"dtsl" | b"dtsx" => "dts".into(),
        b"enca" => "encrypted audio".into(),
        b"samr" | b"sawb" => "amr".into(),
        b"mhm1" | b"mha1" | b"mhm2" | b"mha2" => "mpeg-h".into(),
        b"mlpa" => "truehd".into(),
        _ => {
            let code: String = code.iter().map(|&byte| if byte.is_ascii_graphic() { byte as char } else { '?' }).collect();
            format!("codec {code}")
        }
    }
}

/// What a refused stream is called: AAC comes in many kinds, of which only low complexity with up to two channels plays.
pub fn refused_name(params: &AudioCodecParameters) -> String {
    if params.codec != CODEC_ID_AAC {
        return codec_name(params.codec).into();
    }
    if let Some(config) = &params.extra_data {
        return aac_name(config);
    }
    match params.channels.as_ref().map(|channels| channels.count()) {
        Some(count) if count > 2 => format!("aac with {count} channels"),
        Some(_) => "aac other than low complexity".into(),
        None => "aac with a channel layout of its own".into(),
    }
}

/// Reads the start of an AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1).
fn aac_name(config: &[u8]) -> String {
    let bits = config.iter().take(8).fold(0u64, |bits, &byte| (bits << 8) | u64::from(byte));
    let mut left = 8 * config.len().min(8) as u32;
    let mut take = |count: u32| {
        left = left.saturating_sub(count);
        (bits >> left) & ((1 << count) - 1)
    };
    let mut object_type = take(5);
    if object_type == 31 {
        object_type = 32 + take(6);
    }
    if take(4) == 15 {
        take(24);
    }
    let channels = take(4);
    match object_type {
        5 => "he-aac".into(),
        29 => "he-aac v2".into(),
        2 => match channels {
            0 => "aac with a channel layout of its own".into(),
            1 | 2 => "he-aac".into(),
            7 => "aac with 8 channels".into(),
            count => format!("aac with {count} channels"),
        },
        1 => "aac main".into(),
        3 => "aac ssr".into(),
        4 => "aac ltp".into(),
        23 => "aac-ld".into(),
        39 => "aac-eld".into(),
        42 => "xhe-aac".into(),
        other => format!("aac object type {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_audio_specific_config_is_named_by_what_stops_it() {
        assert_eq!(aac_name(&[0x2b, 0x92, 0x08, 0x00]), "he-aac");
        assert_eq!(aac_name(&[0xeb, 0x8a, 0x08, 0x00]), "he-aac v2");
        assert_eq!(aac_name(&[0x11, 0xb0]), "aac with 6 channels");
        assert_eq!(aac_name(&[0xf9, 0x46]), "xhe-aac");
    }
}
