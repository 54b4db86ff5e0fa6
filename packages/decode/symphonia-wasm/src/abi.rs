//! The C interface of the WebAssembly module. One instance holds one session, so that a trap ends one stream only.
//!
//! Every export that may fail returns a negative status (`Failure::status`); `text` then holds the message.

use std::cell::RefCell;

use crate::describe::describe;
use crate::failure::Failure;
use crate::foreign::{Decoded, Foreign, PacketDecoder};
use crate::session::{Chunk, Session};
use crate::source::{ByteOrigin, ReadFailed, Source};

#[link(wasm_import_module = "host")]
unsafe extern "C" {
    /// Fills memory from the source at a byte position; returns the count, 0 at the end, negative on failure.
    fn read(position: f64, pointer: *mut u8, length: usize) -> i32;
    /// Length of the source in bytes, −1 when unknown.
    fn length() -> f64;
    /// Decodes a packet with the decoder that the host has brought: frames of interleaved samples, negative when the packet
    /// is damaged.
    fn decode_packet(packet: *const u8, length: usize, samples: *mut f32, capacity: usize) -> i32;
    /// Frames per second of what `decode_packet` gave last.
    fn packet_rate() -> u32;
    fn packet_channels() -> usize;
    /// Forgets the packets so far.
    fn reset_packets(begins: i32);
}

struct Host;

impl ByteOrigin for Host {
    fn len(&self) -> Option<u64> {
        // SAFETY: the host's function takes no pointers.
        let length = unsafe { length() };
        (length >= 0.0).then_some(length as u64)
    }

    fn read_at(&mut self, position: u64, into: &mut [u8]) -> Result<usize, ReadFailed> {
        // SAFETY: the host writes at most `into.len()` bytes behind the pointer.
        let count = unsafe { read(position as f64, into.as_mut_ptr(), into.len()) };
        usize::try_from(count).map_err(|_| ReadFailed)
    }
}

impl PacketDecoder for Host {
    fn reset(&mut self, begins: bool) {
        // SAFETY: the host's function takes no pointers.
        unsafe { reset_packets(i32::from(begins)) }
    }

    fn decode(&mut self, packet: &[u8], samples: &mut [f32]) -> Option<Decoded> {
        // SAFETY: the host reads the packet and writes at most `samples.len()` samples.
        let (frames, rate, channels) = unsafe {
            let frames = decode_packet(packet.as_ptr(), packet.len(), samples.as_mut_ptr(), samples.len());
            (frames, packet_rate(), packet_channels())
        };
        usize::try_from(frames).ok().map(|frames| Decoded { rate, channels, frames })
    }
}

#[derive(Default)]
struct State {
    source: Option<Source>,
    session: Option<Session>,
    chunk: Option<Chunk>,
    text: String,
    setup: Vec<u8>,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
}

impl State {
    fn fail(&mut self, failure: &Failure) -> i32 {
        let (status, message) = failure.status();
        self.text = message.into();
        self.setup = if let Failure::Foreign(request) = failure { request.setup.clone() } else { Vec::new() };
        status
    }
}

/// Opens the host's source. 0, or a failure; `text` then holds the description of the track. The failure −7 asks for a
/// decoder of the codec in `text`, set up by the bytes in `setup`, and for another call with `has_decoder`.
#[unsafe(no_mangle)]
extern "C" fn open(has_decoder: bool) -> i32 {
    STATE.with_borrow_mut(|state| {
        let source = state.source.get_or_insert_with(|| Source::new(Box::new(Host))).clone();
        source.clear_failure();
        let foreign = has_decoder.then(|| Foreign::new(Box::new(Host)));
        match Session::open(&source, foreign.as_ref()) {
            Ok(session) => {
                state.text = describe(&session);
                state.session = Some(session);
                0
            }
            Err(failure) => state.fail(&failure),
        }
    })
}

/// Decodes. The number of frames, 0 at the end, or a failure.
#[unsafe(no_mangle)]
extern "C" fn decode() -> i32 {
    STATE.with_borrow_mut(|state| {
        let Some(session) = &mut state.session else { return 0 };
        session.source.clear_failure();
        match session.decode() {
            Ok(chunk) => {
                state.chunk = chunk;
                chunk.map_or(0, |chunk| chunk.frames as i32)
            }
            Err(failure) => state.fail(&failure),
        }
    })
}

/// Seeks. The frame landed on, or a failure.
#[unsafe(no_mangle)]
extern "C" fn seek(frame: f64) -> f64 {
    STATE.with_borrow_mut(|state| {
        let Some(session) = &mut state.session else { return 0.0 };
        session.source.clear_failure();
        match session.seek(frame as u64) {
            Ok(landed) => landed as f64,
            Err(failure) => f64::from(state.fail(&failure)),
        }
    })
}

/// Address of the last chunk's first sample: 32-bit floats, interleaved.
#[unsafe(no_mangle)]
extern "C" fn samples() -> *const f32 {
    STATE.with_borrow(|state| match (&state.session, &state.chunk) {
        (Some(session), Some(chunk)) => session.samples[chunk.offset * session.channels..].as_ptr(),
        _ => std::ptr::null(),
    })
}

/// Frame position of the last chunk.
#[unsafe(no_mangle)]
extern "C" fn position() -> f64 {
    STATE.with_borrow(|state| state.chunk.map_or(0.0, |chunk| chunk.position as f64))
}

/// Packets lost so far.
#[unsafe(no_mangle)]
extern "C" fn lost() -> f64 {
    STATE.with_borrow(|state| state.session.as_ref().map_or(0.0, |session| session.lost as f64))
}

/// Address of the last text, UTF-8.
#[unsafe(no_mangle)]
extern "C" fn text() -> *const u8 {
    STATE.with_borrow(|state| state.text.as_ptr())
}

#[unsafe(no_mangle)]
extern "C" fn text_length() -> usize {
    STATE.with_borrow(|state| state.text.len())
}

/// Address of the setup of the decoder that the host is asked for.
#[unsafe(no_mangle)]
extern "C" fn setup() -> *const u8 {
    STATE.with_borrow(|state| state.setup.as_ptr())
}

#[unsafe(no_mangle)]
extern "C" fn setup_length() -> usize {
    STATE.with_borrow(|state| state.setup.len())
}
