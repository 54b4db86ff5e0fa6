//! From bytes to a format reader and a decoder, and from Symphonia's errors to ours.

use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::well_known::{CODEC_ID_AAC, CODEC_ID_PCM_ALAW, CODEC_ID_PCM_MULAW};
use symphonia::core::codecs::audio::{AudioCodecId, AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::{Hint, Probe, ProbeOptions};
use symphonia::core::formats::{FormatOptions, FormatReader, Track, TrackType};
use symphonia::core::meta::MetadataOptions;
use symphonia::core::units::TimeBase;
use symphonia::default::{formats, get_codecs, meta};

use crate::clock::Timing;
use crate::codec_name::{container_name, is_pcm, refused_name, sample_entry_name};
use crate::failure::Failure;
use crate::foreign::{Foreign, ForeignDecoder, ForeignRequest};
use crate::mp4::{Mp4Head, read_head};
use crate::ogg::is_chained;
use crate::rf64::present_as_wav;
use crate::sniff::{Family, Sniffed, sniff};
use crate::source::Source;

/// A format reader and decoder at the first packet of the audio track.
pub struct Opened {
    pub format: Box<dyn FormatReader>,
    pub decoder: Box<dyn AudioDecoder>,
    pub track: OpenedTrack,
}

#[derive(Clone)]
pub struct OpenedTrack {
    pub id: u32,
    pub codec: AudioCodecId,
    pub params: AudioCodecParameters,
    pub time_base: Option<TimeBase>,
    pub frames: Option<u64>,
    pub delay: u32,
    pub padding: u32,
    pub container: String,
}

impl<'a> Timing<'a> {
    /// Of a track whose packets decode to `packet_frames` frames at `rate`.
    pub fn of(track: &'a OpenedTrack, rate: u32, packet_frames: i64) -> Self {
        Timing {
            time_base: track.time_base.or_else(|| TimeBase::try_from_recip(rate)).unwrap_or_default(),
            rate,
            codec: track.codec,
            container: &track.container,
            packet_frames,
            setup: track.params.extra_data.as_deref(),
        }
    }
}

/// What is found out once, before the first format reader is made.
pub struct Examined {
    pub family: Family,
    pub mp4: Option<Mp4Head>,
    /// Bytes of a WAV file's data, where its own head cannot tell them.
    pub long_data_bytes: Option<u64>,
    /// Several Ogg streams, one behind the other.
    pub is_chained: bool,
    /// The host's decoder, where it has brought one.
    pub foreign: Option<Foreign>,
}

/// Looks at the head of the source and refuses by name what is not decoded.
pub fn examine(source: &Source, foreign: Option<&Foreign>) -> Result<Examined, Failure> {
    let long_data_bytes = present_as_wav(source).map_err(|_| Failure::Source)?;
    let family = match sniff(source).map_err(|_| Failure::Source)? {
        Sniffed::Family(family) => family,
        Sniffed::Empty => return Err(Failure::Empty("the source holds no bytes".into())),
        Sniffed::Unsupported(codec, container) => return Err(unsupported(codec, container)),
        Sniffed::NotMedia(what) => return Err(Failure::NotMedia(format!("this is {what}, not audio"))),
    };
    if family != Family::Other {
        source.show_tail();
    }
    // Ogg finds its duration at the end, Matroska its cues; the others only make estimates of the length.
    source.hide_length(matches!(family, Family::Mp4 | Family::Other));
    let mp4 = if family == Family::Mp4 { read_head(source).map_err(|_| Failure::Source)? } else { None };
    let is_chained = family == Family::Ogg && is_chained(source).map_err(|_| Failure::Source)?;
    Ok(Examined { family, mp4, long_data_bytes, is_chained, foreign: foreign.cloned() })
}

pub fn open(source: &Source, examined: &Examined) -> Result<Opened, Failure> {
    let format = make_reader(source, examined)?;
    let container = container_name(format.format_info().short_name).to_owned();
    let Some(track) = choose_track(format.as_ref()) else { return Err(refuse_tracks(examined, &container)) };
    let Some(CodecParameters::Audio(mut params)) = track.codec_params.clone() else {
        return Err(refuse_tracks(examined, &container));
    };
    if matches!(params.codec, CODEC_ID_PCM_ALAW | CODEC_ID_PCM_MULAW) {
        // CAF tells the 8 bits of the file, where the decoder expects those of its samples.
        (params.bits_per_sample, params.bits_per_coded_sample) = (None, None);
    }
    let track = OpenedTrack {
        id: track.id,
        codec: params.codec,
        time_base: track.time_base,
        frames: track.num_frames.or_else(|| long_frames(examined, &params)),
        delay: track.delay.unwrap_or(0),
        padding: track.padding.unwrap_or(0),
        params,
        container,
    };
    let decoder = make_decoder(&track, examined.foreign.as_ref())?;
    Ok(Opened { format, decoder, track })
}

/// Frames in the data of a WAV file that is longer than its head can tell.
fn long_frames(examined: &Examined, params: &AudioCodecParameters) -> Option<u64> {
    let bits = params.bits_per_coded_sample.or(params.bits_per_sample).filter(|_| is_pcm(params.codec))?;
    let frame_bytes = params.channels.as_ref()?.count() as u64 * u64::from(bits.div_ceil(8));
    examined.long_data_bytes?.checked_div(frame_bytes)
}

fn make_reader(source: &Source, examined: &Examined) -> Result<Box<dyn FormatReader>, Failure> {
    let metadata = MetadataOptions::default();
    let opened = probe().probe(&Hint::new(), source.stream(), FormatOptions::default(), metadata);
    if source.has_failed() {
        return Err(Failure::Source);
    }
    opened.map_err(|error| match error {
        Error::Unsupported(reason) if reason.starts_with("core (probe)") => match examined.family {
            Family::Other => Failure::NotMedia("no audio format that we know is recognised in these bytes".into()),
            _ => Failure::Damaged("the file is too damaged to be opened".into()),
        },
        Error::Unsupported(reason) if !reason.contains("missing") => Failure::Unsupported(reason.into()),
        error => Failure::Damaged(format!("the file cannot be opened: {error}")),
    })
}

/// All formats that this build has. Of the metadata only what stands at the head: ID3v1 and APE tags would cost a read at the end of every
/// file before the first sample.
fn probe() -> Probe {
    let mut probe = Probe::new_with_options(&ProbeOptions::default());
    probe.register_format::<formats::AdtsReader<'_>>();
    probe.register_format::<formats::FlacReader<'_>>();
    probe.register_format::<formats::IsoMp4Reader<'_>>();
    probe.register_format::<formats::MpaReader<'_>>();
    probe.register_format::<formats::WavReader<'_>>();
    probe.register_format::<formats::OggReader<'_>>();
    #[cfg(feature = "everything")]
    {
        probe.register_format::<formats::AiffReader<'_>>();
        probe.register_format::<formats::CafReader<'_>>();
        probe.register_format::<formats::MkvReader<'_>>();
    }
    probe.register_metadata::<meta::Id3v2Reader<'_>>();
    probe
}

pub fn choose_track(format: &dyn FormatReader) -> Option<&Track> {
    format.default_track(TrackType::Audio).or_else(|| format.first_track(TrackType::Audio))
}

/// Symphonia's decoder, or the host's where it has brought one: it only does when it was asked.
pub fn make_decoder(track: &OpenedTrack, foreign: Option<&Foreign>) -> Result<Box<dyn AudioDecoder>, Failure> {
    if let Some(foreign) = foreign {
        return Ok(Box::new(ForeignDecoder::new(foreign.clone(), &track.params)));
    }
    if let Some(request) = ForeignRequest::opus(track) {
        return Err(Failure::Foreign(request));
    }
    // Trimming is done by the session, on frame indexes.
    let options = AudioDecoderOptions::default().gapless(false);
    get_codecs().make_audio_decoder(&track.params, &options).map_err(|error| match error {
        Error::Unsupported(_) => refuse_codec(track),
        Error::DecodeError(_) if track.codec == CODEC_ID_AAC => refuse_codec(track),
        error => Failure::Damaged(format!("the codec's setup is damaged: {error}")),
    })
}

fn refuse_codec(track: &OpenedTrack) -> Failure {
    let name = refused_name(&track.params);
    let request = name.starts_with("he-aac").then(|| ForeignRequest::aac(&name, track)).flatten();
    request.map_or_else(|| unsupported(&name, &track.container), Failure::Foreign)
}

fn refuse_tracks(examined: &Examined, container: &str) -> Failure {
    match examined.mp4.as_ref().and_then(|head| head.audio_tracks.first()) {
        Some(track) => unsupported(&sample_entry_name(track.sample_entry), container),
        None => Failure::Empty(format!("there is no audio track in this {container} file")),
    }
}

pub fn unsupported(codec: &str, container: &str) -> Failure {
    Failure::Unsupported(format!("{codec} in {container} is not supported"))
}
