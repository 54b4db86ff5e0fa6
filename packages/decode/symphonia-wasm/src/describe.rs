//! What a session knows about its track, as JSON for the host.

use std::fmt::Write;

use crate::codec_name::{codec_name, is_lossless};
use crate::session::Session;

pub fn describe(session: &Session) -> String {
    let track = &session.track;
    let bits = track.params.bits_per_sample.or(track.params.bits_per_coded_sample).filter(|&bits| bits > 0 && is_lossless(track.codec));
    let mut json = String::from("{");
    text(&mut json, "codec", codec_name(track.codec));
    text(&mut json, "container", &track.container);
    number(&mut json, "sampleRate", Some(session.rate));
    number(&mut json, "channelCount", Some(session.channels));
    number(&mut json, "bitsPerSample", bits);
    number(&mut json, "durationFrames", session.plan.frames);
    number(&mut json, "trimStartFrames", Some(session.plan.trimmed_start));
    number(&mut json, "trimEndFrames", Some(session.plan.trimmed_end));
    number(&mut json, "firstTimestampSeconds", session.plan.first_timestamp_seconds);
    json.push_str("\"tags\":{");
    for (name, value) in &session.tags.named {
        text(&mut json, name, value);
    }
    if json.ends_with(',') {
        json.pop();
    }
    json.push_str("}}");
    json
}

fn number(json: &mut String, name: &str, value: Option<impl ToString>) {
    let value = value.map_or("null".into(), |value| value.to_string());
    let _ = write!(json, "\"{name}\":{value},");
}

fn text(json: &mut String, name: &str, value: &str) {
    let _ = write!(json, "\"{name}\":\"");
    for character in value.chars() {
        match character {
            '"' | '\\' => {
                json.push('\\');
                json.push(character);
            }
            control if (control as u32) < 0x20 => {
                let _ = write!(json, "\\u{:04x}", control as u32);
            }
            other => json.push(other),
        }
    }
    json.push_str("\",");
}
