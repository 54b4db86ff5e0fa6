//! Tags by their usual lower-case names.

use symphonia::core::formats::FormatReader;
use symphonia::core::meta::{MetadataRevision, RawValue, StandardTag, Tag};

/// Tags in the order found; the first value of a name counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags {
    pub named: Vec<(&'static str, String)>,
    /// `iTunSMPB`: encoder delay, padding and length as iTunes writes them.
    pub itunes_gapless: Option<ItunesGapless>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ItunesGapless {
    pub delay: u64,
    pub padding: u64,
    pub frames: u64,
}

pub fn read_tags(format: &mut dyn FormatReader) -> Tags {
    let mut tags = Tags::default();
    let mut metadata = format.metadata();
    loop {
        if let Some(revision) = metadata.current() {
            tags.add_revision(revision);
        }
        if metadata.pop().is_none() {
            return tags;
        }
    }
}

impl Tags {
    fn add_revision(&mut self, revision: &MetadataRevision) {
        let per_track = revision.per_track.iter().flat_map(|track| &track.metadata.tags);
        for tag in revision.media.tags.iter().chain(per_track) {
            if let Some((name, value)) = standard(tag) {
                self.add(name, value);
            }
            if tag.raw.key.ends_with("iTunSMPB") {
                if let RawValue::String(text) = &tag.raw.value {
                    self.itunes_gapless = self.itunes_gapless.or_else(|| ItunesGapless::parse(text));
                }
            }
        }
    }

    fn add(&mut self, name: &'static str, value: String) {
        let value = value.trim_matches(['\0', ' ', '\n', '\r', '\t']);
        if !value.is_empty() && !self.named.iter().any(|(known, _)| *known == name) {
            self.named.push((name, value.into()));
        }
    }
}

impl ItunesGapless {
    /// ` 00000000 00000840 000001CA 00000000003F31F6 …`: a reserved word, delay, padding, length, in hexadecimal.
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace().skip(1).map(|word| u64::from_str_radix(word, 16).ok());
        let gapless = ItunesGapless { delay: words.next()??, padding: words.next()??, frames: words.next()?? };
        (gapless.frames > 0 && gapless.delay < 1 << 20 && gapless.padding < 1 << 20).then_some(gapless)
    }
}

fn standard(tag: &Tag) -> Option<(&'static str, String)> {
    use StandardTag::*;
    let text = |name, value: &std::sync::Arc<String>| Some((name, value.as_ref().clone()));
    match tag.std.as_ref()? {
        TrackTitle(value) => text("title", value),
        Artist(value) => text("artist", value),
        Album(value) => text("album", value),
        AlbumArtist(value) => text("albumartist", value),
        Composer(value) => text("composer", value),
        Genre(value) => text("genre", value),
        Comment(value) => text("comment", value),
        Copyright(value) => text("copyright", value),
        Encoder(value) => text("encoder", value),
        Language(value) => text("language", value),
        Lyrics(value) => text("lyrics", value),
        IdentIsrc(value) => text("isrc", value),
        RecordingDate(value) | ReleaseDate(value) | OriginalReleaseDate(value) => text("date", value),
        RecordingYear(year) | ReleaseYear(year) | OriginalReleaseYear(year) => Some(("date", year.to_string())),
        TrackNumber(number) => Some(("track", number.to_string())),
        TrackTotal(number) => Some(("tracktotal", number.to_string())),
        DiscNumber(number) => Some(("disc", number.to_string())),
        DiscTotal(number) => Some(("disctotal", number.to_string())),
        Bpm(number) => Some(("bpm", number.to_string())),
        ReplayGainTrackGain(value) => text("replaygain_track_gain", value),
        ReplayGainTrackPeak(value) => text("replaygain_track_peak", value),
        ReplayGainAlbumGain(value) => text("replaygain_album_gain", value),
        ReplayGainAlbumPeak(value) => text("replaygain_album_peak", value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn itunes_gapless_is_read_in_hexadecimal() {
        let text = " 00000000 00000840 000001CA 00000000003F31F6 00000000 00000000";
        assert_eq!(ItunesGapless::parse(text), Some(ItunesGapless { delay: 2112, padding: 458, frames: 4_141_558 }));
        assert_eq!(ItunesGapless::parse("nonsense"), None);
    }
}
