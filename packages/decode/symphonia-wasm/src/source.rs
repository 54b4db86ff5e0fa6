//! The byte source as Symphonia sees it: buffered, re-openable, and unable to hide a failed read.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, MutexGuard};

use symphonia::core::io::{MediaSource, MediaSourceStream, MediaSourceStreamOptions};

use crate::tail::{cut_start, tail_start};

/// A read that the host could not do. What went wrong stays on the host's side.
#[derive(Debug)]
pub struct ReadFailed;

/// Reads by position. 0 is the proven end.
pub trait ByteOrigin: Send {
    /// Length in bytes, or `None` when unknown: then reads only go forward.
    fn len(&self) -> Option<u64>;
    fn read_at(&mut self, position: u64, into: &mut [u8]) -> Result<usize, ReadFailed>;
}

/// One request to the origin. Large enough that a call per window costs nothing beside decoding it, small enough that
/// each step of a binary search over HTTP stays cheap.
const WINDOW_BYTES: usize = 32 * 1024;

/// How much of a forward-only stream is kept so that its head can be examined before Symphonia reads it.
const MAX_KEPT_HEAD_BYTES: usize = 8 * 1024 * 1024;

struct Inner {
    origin: Box<dyn ByteOrigin>,
    window: Vec<u8>,
    window_start: u64,
    /// Bytes from 0 of a forward-only stream, while it is being opened.
    head: Vec<u8>,
    keeps_head: bool,
    has_failed: bool,
    is_length_hidden: bool,
    is_forward_only: bool,
    /// Tags that end the file are not presented.
    hides_tail: bool,
    /// Where they begin, once they were come to.
    tail: Option<u64>,
    /// Bytes that are presented instead of the source's own.
    patches: Vec<(u64, [u8; 4])>,
}

impl Inner {
    fn read_at(&mut self, position: u64, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() || self.tail.is_some_and(|tail| position >= tail) {
            return Ok(0);
        }
        if let Some(count) = copy_from(&self.head, 0, position, into) {
            return Ok(count);
        }
        if let Some(count) = copy_from(&self.window, self.window_start, position, into) {
            return Ok(count);
        }
        // The head of a forward-only stream is read without gaps, whatever order it is examined in.
        while self.keeps_head && position > self.head.len() as u64 {
            let end = self.head.len() as u64;
            self.fill_window(end)?;
            if self.window.is_empty() {
                return Ok(0);
            }
            if let Some(count) = copy_from(&self.window, self.window_start, position, into) {
                return Ok(count);
            }
        }
        self.fill_window(position)?;
        Ok(copy_from(&self.window, self.window_start, position, into).unwrap_or(0))
    }

    fn hide_tail(&mut self) {
        let length = self.origin.len();
        if let Some(at) = tail_start(&self.window, self.window_start, length) {
            self.window.truncate(at);
            self.tail = Some(self.window_start + at as u64);
        } else if let (Some(at), Some(_)) = (cut_start(&self.window), length) {
            self.window.truncate(at);
        }
    }

    fn fill_window(&mut self, position: u64) -> io::Result<()> {
        self.window.resize(WINDOW_BYTES, 0);
        self.window_start = position;
        let count = match self.origin.read_at(position, &mut self.window) {
            Ok(count) => count.min(WINDOW_BYTES),
            Err(ReadFailed) => {
                self.window.clear();
                self.has_failed = true;
                // Not `Interrupted`: std retries that one by itself.
                return Err(io::Error::other("the byte source failed"));
            }
        };
        self.window.truncate(count);
        for (at, bytes) in &self.patches {
            overlay(&mut self.window, position, *at, bytes);
        }
        if self.hides_tail {
            self.hide_tail();
        }
        if self.keeps_head && position == self.head.len() as u64 {
            if self.head.len() + count <= MAX_KEPT_HEAD_BYTES {
                self.head.extend_from_slice(&self.window);
            } else {
                self.keeps_head = false;
            }
        }
        Ok(())
    }
}

/// Writes what of a patch lies within `bytes`, which begin at `start`.
fn overlay(bytes: &mut [u8], start: u64, at: u64, patch: &[u8]) {
    for (offset, &byte) in patch.iter().enumerate() {
        let target = (at + offset as u64).checked_sub(start).and_then(|index| bytes.get_mut(index as usize));
        if let Some(target) = target {
            *target = byte;
        }
    }
}

fn copy_from(bytes: &[u8], start: u64, position: u64, into: &mut [u8]) -> Option<usize> {
    let offset = usize::try_from(position.checked_sub(start)?).ok()?;
    let available = bytes.get(offset..).filter(|rest| !rest.is_empty())?;
    let count = available.len().min(into.len());
    into[..count].copy_from_slice(&available[..count]);
    Some(count)
}

/// The one byte source of a session. Clones share it, so a format reader can be rebuilt over it at any time.
#[derive(Clone)]
pub struct Source(Arc<Mutex<Inner>>);

impl Source {
    pub fn new(origin: Box<dyn ByteOrigin>) -> Self {
        let keeps_head = origin.len().is_none();
        Source(Arc::new(Mutex::new(Inner {
            origin,
            window: Vec::new(),
            window_start: 0,
            head: Vec::new(),
            keeps_head,
            has_failed: false,
            is_length_hidden: false,
            is_forward_only: false,
            hides_tail: true,
            tail: None,
            patches: Vec::new(),
        })))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub fn len(&self) -> Option<u64> {
        self.inner().origin.len()
    }

    pub fn is_seekable(&self) -> bool {
        self.len().is_some()
    }

    /// Whether a read has failed since the last `clear_failure`. Symphonia swallows some read errors; this does not.
    pub fn has_failed(&self) -> bool {
        self.inner().has_failed
    }

    pub fn clear_failure(&self) {
        self.inner().has_failed = false;
    }

    /// Keeps Symphonia from estimating a duration by sampling the whole file.
    pub fn hide_length(&self, is_hidden: bool) {
        self.inner().is_length_hidden = is_hidden;
    }

    /// Presents the tags that end the file, too: for containers that tell themselves where they end.
    pub fn show_tail(&self) {
        let mut inner = self.inner();
        inner.hides_tail = false;
        inner.tail = None;
        if inner.origin.len().is_some() {
            inner.window.clear();
        }
    }

    /// Presents a seekable source as one that only goes forward: some readers open truncated files only then.
    pub fn set_forward_only(&self, is_forward_only: bool) {
        self.inner().is_forward_only = is_forward_only;
    }

    pub fn is_forward_only(&self) -> bool {
        let inner = self.inner();
        inner.is_forward_only || inner.origin.len().is_none()
    }

    /// From now on presents four bytes instead of those at `position`.
    pub fn patch(&self, position: u64, bytes: [u8; 4]) {
        let mut inner = self.inner();
        let Inner { window, window_start, head, patches, .. } = &mut *inner;
        overlay(window, *window_start, position, &bytes);
        overlay(head, 0, position, &bytes);
        patches.push((position, bytes));
    }

    /// Ends the keeping of a forward-only stream's head. What is kept stays until it has been read past.
    pub fn stop_keeping_head(&self) {
        self.inner().keeps_head = false;
    }

    /// Reads exactly `count` bytes at `position`, fewer only at the end.
    pub fn read_up_to(&self, position: u64, count: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; count];
        let mut filled = 0;
        while filled < count {
            let read = self.inner().read_at(position + filled as u64, &mut bytes[filled..])?;
            if read == 0 {
                break;
            }
            filled += read;
        }
        bytes.truncate(filled);
        Ok(bytes)
    }

    pub fn stream<'s>(&self) -> MediaSourceStream<'s> {
        self.stream_at(0)
    }

    /// A stream whose first byte is the one at `position`; seeks in it are counted from the start of the source.
    pub fn stream_at<'s>(&self, position: u64) -> MediaSourceStream<'s> {
        let cursor = Cursor { source: self.clone(), position };
        MediaSourceStream::new(Box::new(cursor), MediaSourceStreamOptions::default())
    }
}

struct Cursor {
    source: Source,
    position: u64,
}

impl Read for Cursor {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut inner = self.source.inner();
        let count = inner.read_at(self.position, into)?;
        self.position += count as u64;
        if !inner.keeps_head && !inner.head.is_empty() && self.position >= inner.head.len() as u64 {
            inner.head = Vec::new();
        }
        Ok(count)
    }
}

impl Seek for Cursor {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(delta) => self.position.checked_add_signed(delta),
            SeekFrom::End(delta) => self.source.len().and_then(|len| len.checked_add_signed(delta)),
        };
        self.position = position.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.position)
    }
}

impl MediaSource for Cursor {
    fn is_seekable(&self) -> bool {
        let inner = self.source.inner();
        inner.origin.len().is_some() && !inner.is_forward_only
    }

    fn byte_len(&self) -> Option<u64> {
        let inner = self.source.inner();
        if inner.is_length_hidden { None } else { inner.origin.len() }
    }
}
