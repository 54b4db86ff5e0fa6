//! Where the packets of a stream without a container begin: ADTS and MPEG audio carry neither times nor an index.
//!
//! A stream of constant bitrate is an index by itself: packet `n` begins where arithmetic puts it, and the landing proves
//! it. Any other stream is walked from header to header, once: what was walked is remembered.

use std::io;

use crate::packet_header::{Framing, HEADER_BYTES, Header, next_header, parse};
use crate::source::Source;

/// Every so many packets one position is kept.
const STRIDE: usize = 32;
/// Packets that must agree with arithmetic before it is believed: padding at 44.1 kHz repeats after 147 at the latest.
const PROOF_PACKETS: usize = 160;
/// Packets that must be where arithmetic puts them at a landing.
const LANDING_PACKETS: usize = 4;
/// Bytes searched for the first packet: garbage and artwork before it may be long.
const MAX_SEARCH_BYTES: u64 = 16 * 1024 * 1024;
const SEARCH_BYTES: usize = 32 * 1024;

/// A packet to land on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Landing {
    pub packet: u64,
    pub position: u64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Spacing {
    Unknown,
    /// All packets have this length.
    Equal(u64),
    /// Packets are padded so that `bytes` over `packets` holds exactly in the long run.
    Padded { bytes: u64, packets: u64, bitrate: u64 },
    Varying,
}

pub struct PacketIndex {
    framing: Framing,
    /// Positions of the packets 0, 32, 64, …
    positions: Vec<u64>,
    /// Where the next packet to be walked begins, and its number.
    next: Landing,
    spacing: Spacing,
    /// Packets in the stream, once its end was walked to.
    count: Option<u64>,
}

impl PacketIndex {
    /// Finds the first packet by its bytes. `None` where it is not found.
    pub fn find(source: &Source, framing: Framing, packet: &[u8]) -> io::Result<Option<Self>> {
        let mut position = 0;
        while position < MAX_SEARCH_BYTES {
            let bytes = source.read_up_to(position, SEARCH_BYTES + packet.len())?;
            if let Some(at) = bytes.windows(packet.len()).position(|window| window == packet) {
                let Some(first) = header_before(framing, &bytes, at, position) else { return Ok(None) };
                let next = Landing { packet: 0, position: first };
                return Ok(Some(PacketIndex { framing, positions: vec![first], next, spacing: Spacing::Unknown, count: None }));
            }
            if bytes.len() < SEARCH_BYTES + packet.len() {
                break;
            }
            position += SEARCH_BYTES as u64;
        }
        Ok(None)
    }

    /// The packet `packet`, or the last one before it whose position is known without reading everything in between.
    pub fn land(&mut self, source: &Source, packet: u64) -> io::Result<Landing> {
        if self.spacing == Spacing::Unknown {
            self.spacing = self.prove_spacing(source)?;
        }
        if packet > self.next.packet {
            if let Some(landing) = self.computed(source, packet)? {
                return Ok(landing);
            }
        }
        self.walk_to(source, packet)?;
        let entry = (packet as usize / STRIDE).min(self.positions.len() - 1);
        Ok(Landing { packet: (entry * STRIDE) as u64, position: self.positions[entry] })
    }

    /// Walks headers until `packet` is behind, or the end.
    fn walk_to(&mut self, source: &Source, packet: u64) -> io::Result<()> {
        while self.count.is_none() && self.next.packet <= packet {
            self.step(source)?;
        }
        Ok(())
    }

    /// Walks over one packet as the demultiplexer reads it: whatever does not parse as a header is searched through.
    fn step(&mut self, source: &Source) -> io::Result<Option<Header>> {
        let mut position = self.next.position;
        loop {
            let Some((at, header)) = next_header(self.framing, source, position)? else {
                self.count = Some(self.next.packet);
                return Ok(None);
            };
            if header.is_tag {
                position = at + header.length;
                continue;
            }
            if self.next.packet as usize == self.positions.len() * STRIDE {
                self.positions.push(at);
            }
            self.next = Landing { packet: self.next.packet + 1, position: at + header.length };
            return Ok(Some(header));
        }
    }

    fn prove_spacing(&mut self, source: &Source) -> io::Result<Spacing> {
        if self.framing == Framing::Adts {
            return Ok(Spacing::Varying);
        }
        let first = self.positions[0];
        let mut starts = Vec::new();
        let mut headers: Vec<Header> = Vec::new();
        while headers.len() < PROOF_PACKETS {
            let Some(header) = self.step(source)? else { break };
            starts.push(self.next.position - header.length);
            headers.push(header);
        }
        let Some(header) = headers.first().copied() else { return Ok(Spacing::Varying) };
        if headers.iter().any(|other| (other.bitrate, other.rate) != (header.bitrate, header.rate)) {
            return Ok(Spacing::Varying);
        }
        if headers.iter().all(|other| other.length == header.length) {
            return Ok(Spacing::Equal(header.length));
        }
        let padded = Spacing::Padded { bytes: header.frames * header.bitrate, packets: 8 * header.rate, bitrate: header.bitrate };
        let fits = starts.iter().enumerate().all(|(packet, &start)| padded.offset(packet as u64).abs_diff(start - first) <= 1);
        Ok(if fits { padded } else { Spacing::Varying })
    }

    /// Where arithmetic puts the packet, proven by the packets that are found there.
    fn computed(&self, source: &Source, packet: u64) -> io::Result<Option<Landing>> {
        if matches!(self.spacing, Spacing::Unknown | Spacing::Varying) {
            return Ok(None);
        }
        let slack = u64::from(matches!(self.spacing, Spacing::Padded { .. }));
        let expected = self.positions[0] + self.spacing.offset(packet);
        for position in expected - slack..=expected + slack {
            if self.is_confirmed(source, packet, position)? {
                return Ok(Some(Landing { packet, position }));
            }
        }
        Ok(None)
    }

    fn is_confirmed(&self, source: &Source, packet: u64, mut position: u64) -> io::Result<bool> {
        for following in 0..LANDING_PACKETS as u64 {
            let expected = self.positions[0] + self.spacing.offset(packet + following);
            let bytes = source.read_up_to(position, HEADER_BYTES)?;
            let Some(header) = parse(self.framing, &bytes) else { return Ok(false) };
            let is_alike = match self.spacing {
                Spacing::Equal(length) => header.length == length,
                Spacing::Padded { bitrate, .. } => header.bitrate == bitrate,
                Spacing::Unknown | Spacing::Varying => false,
            };
            if header.is_tag || !is_alike || expected.abs_diff(position) > 1 {
                return Ok(false);
            }
            position += header.length;
        }
        Ok(true)
    }
}

impl Spacing {
    /// Bytes from the first packet to the start of another.
    fn offset(&self, packet: u64) -> u64 {
        match *self {
            Spacing::Equal(length) => packet * length,
            Spacing::Padded { bytes, packets, .. } => (u128::from(packet) * u128::from(bytes) / u128::from(packets)) as u64,
            Spacing::Unknown | Spacing::Varying => 0,
        }
    }
}

/// Position of the header whose packet, as the demultiplexer gives it, begins `at` bytes into `bytes`.
fn header_before(framing: Framing, bytes: &[u8], at: usize, position: u64) -> Option<u64> {
    framing.header_lengths().iter().find_map(|length| {
        let start = at.checked_sub(*length)?;
        parse(framing, &bytes[start..]).map(|_| position + start as u64)
    })
}
