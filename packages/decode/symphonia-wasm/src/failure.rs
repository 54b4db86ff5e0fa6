//! Why a session could not do what was asked.

use crate::foreign::ForeignRequest;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// A read failed. The host knows why.
    Source,
    /// Media, but codec, container or variant is not decoded; the message names both.
    Unsupported(String),
    NotMedia(String),
    Empty(String),
    Damaged(String),
    NotSeekable(String),
    /// The host has to bring a decoder and to open again.
    Foreign(ForeignRequest),
}

impl Failure {
    /// The status that crosses into the host, and the message.
    pub fn status(&self) -> (i32, &str) {
        match self {
            Failure::Source => (-1, "the byte source failed"),
            Failure::Unsupported(message) => (-2, message),
            Failure::NotMedia(message) => (-3, message),
            Failure::Empty(message) => (-4, message),
            Failure::Damaged(message) => (-5, message),
            Failure::NotSeekable(message) => (-6, message),
            Failure::Foreign(request) => (-7, &request.name),
        }
    }
}
