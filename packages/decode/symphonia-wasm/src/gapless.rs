//! Which of the decoded frames are played.

use symphonia::core::codecs::audio::well_known::{CODEC_ID_MP1, CODEC_ID_MP2, CODEC_ID_MP3, CODEC_ID_OPUS};

use crate::codec_name::{is_lossless, is_pcm};
use crate::foreign::opus_pre_skip;
use crate::mp4::{Edit, Mp4Head, Mp4Track};
use crate::opening::OpenedTrack;
use crate::tags::ItunesGapless;

/// Opus counts at 48 kHz whatever it was made from (RFC 7845, 4).
const OPUS_RATE: u32 = 48_000;

/// Frames kept of a track's decoded frames. Positions before and after the trim differ by `start`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Plan {
    /// Decoded frames dropped at the start, counted from the frame with timestamp 0.
    pub start: i64,
    /// Frames to play, where the container tells.
    pub frames: Option<u64>,
    /// Whether decoding stops at `frames`, because the container's packets hold more.
    pub cuts_end: bool,
    /// As reported: encoder delay and padding.
    pub trimmed_start: u64,
    pub trimmed_end: u64,
    /// Media time of the first played frame, in seconds.
    pub first_timestamp_seconds: Option<f64>,
}

/// What decoding the first packet and the source told.
#[derive(Clone, Copy)]
pub struct Facts {
    pub rate: u32,
    pub packet_frames: u64,
    /// Length of the source.
    pub bytes: Option<u64>,
}

pub fn plan(track: &OpenedTrack, facts: Facts, mp4: Option<&Mp4Head>, itunes: Option<ItunesGapless>) -> Plan {
    if let Some(head) = mp4 {
        if let Some(mp4_track) = head.audio_tracks.iter().find(|candidate| candidate.track_id == track.id) {
            let listed_edit = mp4_track.edit;
            let mp4_track = &with_opus_edit(mp4_track, opus_pre_skip(&track.params) as u64);
            let mut plan = plan_mp4(head, mp4_track, facts.rate, itunes);
            plan.first_timestamp_seconds = first_timestamp_seconds(head, mp4_track, listed_edit, &plan, facts.rate);
            if is_lossless(track.codec) {
                // Nothing is padded, and what an edit's rounding would cut off is music.
                plan.cuts_end &= plan.trimmed_end > 0;
            } else if let (true, Some(frames)) = (plan.cuts_end, plan.frames) {
                let decoded = u64::from(mp4_track.sample_count) * facts.packet_frames;
                plan.trimmed_end = decoded.saturating_sub(frames + plan.trimmed_start);
            }
            return plan;
        }
    }
    if track.container == "caf" && !is_pcm(track.codec) {
        // Symphonia counts whole packets, not the valid frames of the packet table.
        return Plan::default();
    }
    if track.codec == CODEC_ID_OPUS {
        return plan_opus(track);
    }
    let is_mpeg_audio = matches!(track.codec, CODEC_ID_MP1 | CODEC_ID_MP2 | CODEC_ID_MP3);
    Plan {
        // The position of the last page is the length, whatever the pages before it say; so is the count of a LAME tag.
        // Chunks may follow an RF64 file's data, whose end its reader does not know.
        cuts_end: track.container == "ogg" || is_mpeg_audio || (track.container == "wav" && is_pcm(track.codec)),
        frames: track.frames.filter(|&frames| frames > 0 && !exceeds_file(track, frames, facts.bytes)),
        // MPEG audio timestamps begin at −delay, so nothing has to be shifted; Vorbis' first block is no encoder delay.
        trimmed_start: if is_mpeg_audio { u64::from(track.delay) } else { 0 },
        trimmed_end: u64::from(track.padding),
        ..Plan::default()
    }
}

/// Ogg counts the frames that are skipped at the start, too (RFC 7845, 4.3); Matroska begins before 0.
fn plan_opus(track: &OpenedTrack) -> Plan {
    let skipped = opus_pre_skip(&track.params);
    let is_ogg = track.container == "ogg";
    Plan {
        start: if is_ogg { skipped } else { 0 },
        frames: track.frames.filter(|_| is_ogg).map(|frames| frames.saturating_sub(skipped as u64)),
        cuts_end: is_ogg,
        trimmed_start: skipped as u64,
        trimmed_end: u64::from(track.padding),
        ..Plan::default()
    }
}

/// A header of uncompressed audio may promise more than the file holds: one written to a pipe, or cut off.
fn exceeds_file(track: &OpenedTrack, frames: u64, bytes: Option<u64>) -> bool {
    let bits = track.params.bits_per_coded_sample.or(track.params.bits_per_sample);
    let channels = track.params.channels.as_ref().map(|channels| channels.count() as u64);
    match (bits, channels, bytes) {
        (Some(bits), Some(channels), Some(bytes)) if is_pcm(track.codec) => {
            frames.saturating_mul(channels * u64::from(bits.div_ceil(8))) > bytes
        }
        (_, _, None) if is_pcm(track.codec) => frames >= u64::from(u32::MAX) / 64,
        _ => false,
    }
}

/// Without an edit list, what Opus skips at the start stands in its setup only.
fn with_opus_edit(track: &Mp4Track, skipped: u64) -> Mp4Track {
    let media_time = rescale(skipped, track.timescale, OPUS_RATE);
    let edit = track.edit.or((skipped > 0).then_some(Edit { media_time, duration: 0, is_only: true }));
    Mp4Track { edit, ..track.clone() }
}

fn plan_mp4(head: &Mp4Head, track: &Mp4Track, rate: u32, itunes: Option<ItunesGapless>) -> Plan {
    let decode_time = first_decode_time(head, track);
    let media_ticks = media_ticks(head, track);
    let mut plan = Plan::default();
    let to_frames = |ticks: u64| rescale(ticks, rate, track.timescale);
    match (track.edit, itunes) {
        (Some(edit), _) => {
            // A stream that is joined in the middle has nothing of the edit's start left to drop.
            let start_ticks = edit.media_time.saturating_sub(decode_time);
            plan.trimmed_start = to_frames(start_ticks);
            let end_ticks = media_ticks.map(|media| (edit_end(&edit, head, track, media), media));
            plan.frames = end_ticks.map(|(end, _)| to_frames(end).saturating_sub(to_frames(edit.media_time)));
            plan.trimmed_end = end_ticks.map_or(0, |(end, media)| to_frames(media - end));
            plan.cuts_end = !head.is_fragmented;
        }
        (None, Some(itunes)) if !head.is_fragmented => {
            plan.trimmed_start = itunes.delay;
            plan.trimmed_end = itunes.padding;
            plan.frames = Some(itunes.frames);
            plan.cuts_end = true;
        }
        _ => {
            plan.frames = media_ticks.map(to_frames);
            plan.cuts_end = !head.is_fragmented;
        }
    }
    plan.start = plan.trimmed_start as i64;
    plan
}

/// Fragments carry decode times, in which an edit list's `media_time` is the zero of the presentation (ISO/IEC 14496-12,
/// 8.6.6): without that, encodings with different delays would not meet. What a codec skips by itself shifts nothing.
fn first_timestamp_seconds(head: &Mp4Head, track: &Mp4Track, listed: Option<Edit>, plan: &Plan, rate: u32) -> Option<f64> {
    if !head.is_fragmented || track.timescale == 0 {
        return None;
    }
    let zero = listed.map_or(0, |edit| edit.media_time);
    let first = (first_decode_time(head, track) as f64 - zero as f64) / f64::from(track.timescale);
    Some(first + plan.trimmed_start as f64 / f64::from(rate))
}

fn first_decode_time(head: &Mp4Head, track: &Mp4Track) -> u64 {
    head.first_decode_times.iter().find(|(id, _)| *id == track.track_id).map_or(0, |(_, time)| *time)
}

/// Length of all samples, in the track's ticks.
fn media_ticks(head: &Mp4Head, track: &Mp4Track) -> Option<u64> {
    let indexed = head.indexed_durations.iter().filter(|(id, scale, _)| *id == track.track_id && *scale == track.timescale);
    let ticks = if head.is_fragmented { indexed.map(|(.., ticks)| *ticks).sum() } else { track.duration };
    (ticks > 0 && ticks < u64::from(u32::MAX) * 4096).then_some(ticks)
}

/// Tick at which the edit ends, at most the end of the media. An edit's length is in the movie's coarser ticks: where it
/// agrees with the media's own end to within one of them, the media's end is meant.
fn edit_end(edit: &Edit, head: &Mp4Head, track: &Mp4Track, media_ticks: u64) -> u64 {
    if !edit.is_only || edit.duration == 0 || head.movie_timescale == 0 {
        return media_ticks;
    }
    let length = rescale(edit.duration, track.timescale, head.movie_timescale);
    let tick = u64::from(track.timescale.div_ceil(head.movie_timescale));
    let end = edit.media_time.saturating_add(length);
    if end.abs_diff(media_ticks) <= tick { media_ticks } else { end.min(media_ticks) }
}

fn rescale(value: u64, to: u32, from: u32) -> u64 {
    let from = u128::from(from.max(1));
    ((u128::from(value) * u128::from(to) + from / 2) / from) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mp4(edit: Option<Edit>, duration: u64, movie_timescale: u32) -> (Mp4Head, Mp4Track) {
        let track = Mp4Track { track_id: 1, timescale: 44_100, duration, edit, ..Mp4Track::default() };
        (Mp4Head { movie_timescale, audio_tracks: vec![track.clone()], ..Mp4Head::default() }, track)
    }

    #[test]
    fn an_edit_in_milliseconds_ends_where_the_media_ends() {
        let edit = Edit { media_time: 1024, duration: 20_000, is_only: true };
        let (head, track) = mp4(Some(edit), 883_024, 1000);
        let plan = plan_mp4(&head, &track, 44_100, None);
        assert_eq!((plan.start, plan.frames, plan.trimmed_end), (1024, Some(882_000), 0));
    }

    #[test]
    fn an_exact_edit_cuts_the_padding() {
        let edit = Edit { media_time: 2112, duration: 4_141_558, is_only: true };
        let (head, track) = mp4(Some(edit), 4_144_128, 44_100);
        let plan = plan_mp4(&head, &track, 44_100, None);
        assert_eq!((plan.start, plan.frames, plan.trimmed_end), (2112, Some(4_141_558), 458));
    }

    #[test]
    fn an_edit_list_wins_over_the_itunes_tag() {
        let edit = Edit { media_time: 1024, duration: 0, is_only: true };
        let itunes = ItunesGapless { delay: 2112, padding: 1, frames: 7 };
        let (head, track) = mp4(Some(edit), 10_240, 1000);
        assert_eq!(plan_mp4(&head, &track, 44_100, Some(itunes)).start, 1024);
        let (head, track) = mp4(None, 10_240, 1000);
        let plan = plan_mp4(&head, &track, 44_100, Some(itunes));
        assert_eq!((plan.start, plan.frames), (2112, Some(7)));
    }

    #[test]
    fn a_fragment_from_the_middle_keeps_its_first_frames() {
        let edit = Edit { media_time: 1024, duration: 0, is_only: true };
        let (mut head, track) = mp4(Some(edit), 0, 1000);
        head.is_fragmented = true;
        head.first_decode_times = vec![(1, 441_000)];
        let plan = plan_mp4(&head, &track, 44_100, None);
        assert_eq!((plan.start, plan.frames), (0, None));
    }

    #[test]
    fn a_fragments_time_begins_where_its_edit_does() {
        let edit = Some(Edit { media_time: 1024, duration: 0, is_only: true });
        let (mut head, track) = mp4(edit, 0, 1000);
        head.is_fragmented = true;
        let mut first = |decode_time, listed| {
            head.first_decode_times = vec![(1, decode_time)];
            let plan = plan_mp4(&head, &track, 44_100, None);
            first_timestamp_seconds(&head, &track, listed, &plan, 44_100).map(|seconds| (seconds * 44_100.0).round())
        };
        assert_eq!(first(0, edit), Some(0.0));
        assert_eq!(first(442_024, edit), Some(441_000.0));
        // What Opus skips is not heard, and is no edit.
        assert_eq!(first(0, None), Some(1024.0));
    }
}
