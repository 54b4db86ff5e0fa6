//! Symphonia behind a small C interface for WebAssembly: bytes in through two imports, trimmed PCM with frame positions
//! out. Everything but `abi` is ordinary Rust and is tested natively.

#[cfg(target_arch = "wasm32")]
mod abi;
pub mod clock;
pub mod codec_name;
pub mod describe;
pub mod failure;
pub mod foreign;
pub mod gapless;
pub mod interleave;
#[cfg(test)]
#[path = "../kernels/mod.rs"]
mod kernels;
pub mod mp4;
pub mod ogg;
pub mod opening;
pub mod opus_packet;
pub mod packet_header;
pub mod packet_index;
mod packets;
pub mod rf64;
mod seek;
pub mod session;
pub mod sniff;
pub mod source;
mod start;
pub mod tags;
mod tail;
