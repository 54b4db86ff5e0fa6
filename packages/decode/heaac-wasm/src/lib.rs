//! HE-AAC behind a small C interface for WebAssembly: packets in, interleaved samples out. One instance holds one stream.

mod imdct;
pub mod stream;

#[cfg(target_arch = "wasm32")]
mod abi;
