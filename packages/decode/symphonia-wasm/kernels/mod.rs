//! Kernels for the codecs' hot loops, written for four lanes. The build copies this folder into its own copy of
//! symphonia-core and lets the codecs call it (see `upstream-edits.ts`); the crate's own tests compile it natively.

pub mod alac;
pub mod bits;
pub mod fft;
pub mod flac;
pub mod imdct;
pub mod lanes;
pub mod mp3_hybrid;
pub mod mp3_scale;
pub mod mp3_synthesis;
