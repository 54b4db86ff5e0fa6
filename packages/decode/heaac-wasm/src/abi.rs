//! The C interface. Packets and the setup are put into the buffer that `input` gives.

use std::cell::RefCell;

use crate::stream::Stream;

#[derive(Default)]
struct State {
    input: Vec<u8>,
    stream: Option<Stream>,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
}

/// Address of a buffer for `length` bytes, valid until the next call.
#[unsafe(no_mangle)]
extern "C" fn input(length: usize) -> *mut u8 {
    STATE.with_borrow_mut(|state| {
        state.input.resize(length, 0);
        state.input.as_mut_ptr()
    })
}

/// Opens a stream whose AudioSpecificConfig is in the input. Whether it can be decoded.
#[unsafe(no_mangle)]
extern "C" fn open() -> bool {
    STATE.with_borrow_mut(|state| {
        state.stream = Stream::open(&state.input);
        state.stream.is_some()
    })
}

/// Decodes the packet in the input. Frames, or −1 where it is damaged.
#[unsafe(no_mangle)]
extern "C" fn decode() -> i32 {
    STATE.with_borrow_mut(|state| {
        let State { input, stream } = state;
        stream.as_mut().and_then(|stream| stream.decode(input)).map_or(-1, |frames| frames as i32)
    })
}

#[unsafe(no_mangle)]
extern "C" fn reset(begins: bool) {
    STATE.with_borrow_mut(|state| state.stream.as_mut().map(|stream| stream.reset(begins)));
}

/// Address of the samples of the last packet: 32-bit floats, interleaved.
#[unsafe(no_mangle)]
extern "C" fn samples() -> *const f32 {
    STATE.with_borrow(|state| state.stream.as_ref().map_or(std::ptr::null(), |stream| stream.samples.as_ptr()))
}

#[unsafe(no_mangle)]
extern "C" fn rate() -> u32 {
    STATE.with_borrow(|state| state.stream.as_ref().map_or(0, |stream| stream.rate))
}

#[unsafe(no_mangle)]
extern "C" fn channels() -> usize {
    STATE.with_borrow(|state| state.stream.as_ref().map_or(0, |stream| stream.channels))
}
