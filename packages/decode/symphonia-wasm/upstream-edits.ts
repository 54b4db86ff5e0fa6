/** One small change to an upstream source, made in the build's own copy. The licence of the edited file stays its own. */
export interface UpstreamEdit {
  /** File below the vendored sources, crate folder first. */
  readonly file: string;
  readonly find: string;
  /** Everything from the text found up to this is replaced. Default: the text found alone. */
  readonly until?: string;
  readonly replace: string;
  readonly reason: string;
}

export const upstreamEdits: readonly UpstreamEdit[] = [
  {
    file: 'symphonia-core/src/io/media_source_stream.rs',
    find: '            assert!(pos - old_pos < isize::MAX as u64);\n            (pos - old_pos) as isize',
    replace: '            isize::try_from(pos - old_pos).unwrap_or(isize::MAX)',
    reason:
      'A position 2 GiB away is not in the buffer; with 32-bit words the assertion made it a panic: no MP4 file of that size ' +
      'could be opened, and a damaged table of chunks ended the module.',
  },
  {
    file: 'symphonia-core/src/io/media_source_stream.rs',
    find: '            assert!(old_pos - pos < isize::MAX as u64);\n            -((old_pos - pos) as isize)',
    replace: '            -isize::try_from(old_pos - pos).unwrap_or(isize::MAX)',
    reason: 'The same, backwards.',
  },
  {
    file: 'symphonia-core/src/io/media_source_stream.rs',
    find: 'cmp::min(self.ring.len(), self.rel_pos as usize) - unread_len',
    replace: 'cmp::min(self.ring.len() as u64, self.rel_pos) as usize - unread_len',
    reason: 'What was read since the last seek may be more than 4 GiB; with 32-bit words it began again at 0.',
  },
  {
    file: 'symphonia-codec-aac/src/aac/mod.rs',
    find: '0xd | 0xe => self.asc.sbr_present = true,',
    replace: '0xd | 0xe => return unsupported_error("aac: spectral band replication"),',
    reason:
      'HE-AAC that announces itself only inside its packets would play as its core alone: half the rate, no treble, no ' +
      'error. Upstream chose to play it so (pdeljanov/Symphonia#481; a decoder is proposed in #473).',
  },
  {
    file: 'symphonia-codec-vorbis/src/lib.rs',
    find: 'for coupling in mapping.couplings.iter() {',
    replace: 'for coupling in mapping.couplings.iter().rev() {',
    reason:
      'Inverse coupling runs from the last step to the first (Vorbis I, section 4.3.5); the other order shows with more ' +
      'than one step, that is with 5.1 (0.9 dB SNR instead of 138 dB).',
  },
  {
    file: 'symphonia-bundle-mp3/src/layer3/requantize.rs',
    find: 'requantize_long(channel, &bands[..switch], buf);',
    replace: 'requantize_long(channel, &bands[..=switch], buf);',
    reason:
      'Bands are given by their edges: the last long band of a mixed block kept its raw values, a burst 200 times full scale ' +
      '(compliance stream si_block).',
  },
  {
    file: 'symphonia-bundle-mp3/src/layer3/hybrid_synthesis.rs',
    find: 'channel.rzero = 18 * sb_limit.min(sb_rzero + 2).min(32);',
    replace: 'let end = 18 * sb_limit.min(sb_rzero + 2).min(32);\n    channel.rzero = channel.rzero.max(end);',
    reason: 'In a mixed block only two sub-bands are smoothed; the others, all its short blocks, were dropped with it.',
  },
  {
    file: 'symphonia-bundle-mp3/src/layer3/hybrid_synthesis.rs',
    find: 'for sb in (18..channel.rzero).step_by(18) {',
    replace: 'for sb in (18..end).step_by(18) {',
    reason: 'The loop of the edit above.',
  },
  {
    file: 'symphonia-bundle-mp3/src/layer3/stereo.rs',
    find: 'if granule.channels[0].block_type != granule.channels[1].block_type {',
    replace: 'if intensity && granule.channels[0].block_type != granule.channels[1].block_type {',
    reason:
      'Channels of a mid-side pair may choose their blocks alone, and encoders do; the packets were refused ' +
      '(pdeljanov/Symphonia#556, proposed in #557).',
  },
  {
    file: 'symphonia-bundle-mp3/src/demuxer.rs',
    find: '        let sync2 = header::read_frame_header_word_no_sync(&mut src)?;\n',
    replace:
      '        let Ok(sync2) = header::read_frame_header_word_no_sync(&mut src) else {\n' +
      '            return Ok(Score::Supported(127));\n        };\n',
    reason: 'A file of one packet was taken for no audio: behind it there is none to compare with.',
  },
  {
    file: 'symphonia-format-mkv/src/segment.rs',
    find: 'uid: uid.ok_or(EbmlError::ElementError("mkv: missing edition uid"))?,',
    replace: 'uid: uid.unwrap_or(NonZeroU64::MIN),',
    reason: 'EditionUID is optional (RFC 9559, section 5.1.7.1.1); without it the whole file was refused.',
  },
  {
    file: 'symphonia-bundle-mp3/src/layer3/mod.rs',
    find: '    block_type: BlockType,\n    /// Gain factors for region[0..3]',
    replace: '    block_type: BlockType,\n    is_mixed: bool,\n    illegal_positions: u64,\n    /// Gain factors for region[0..3]',
    reason: 'The fields of the edits of mixed blocks and intensity stereo below.',
  },
  {
    file: 'symphonia-bundle-mp3/src/layer3/mod.rs',
    find: '            block_type: BlockType::Long,\n            subblock_gain',
    replace:
      '            block_type: BlockType::Long,\n            is_mixed: false,\n            illegal_positions: 0,\n            subblock_gain',
    reason: 'The defaults of the fields above.',
  },
  {
    file: 'symphonia-bundle-mp3/src/layer3/bitstream.rs',
    find: 'let is_mixed = bs.read_bool()?;',
    replace: 'let is_mixed = bs.read_bool()?;\n        channel.is_mixed = is_mixed;',
    reason:
      'The mixed flag counts in start and stop blocks, too: their two lowest sub-bands keep the normal window ' +
      '(ISO/IEC 11172-3, 2.4.3.4.10.3; compliance stream si_block).',
  },
  {
    file: 'symphonia-bundle-mp3/src/layer3/bitstream.rs',
    find: 'channel.scalefacs[sfb] = bs.read_bits_leq32(slen)? as u8;\n            }\n            bits_read += slen * n_sfb as u32;',
    replace:
      'let scalefac = bs.read_bits_leq32(slen)? as u8;\n' +
      '                let is_illegal = is_intensity_stereo && u32::from(scalefac) == (1 << slen) - 1;\n' +
      '                channel.illegal_positions |= u64::from(is_illegal) << sfb;\n' +
      '                channel.scalefacs[sfb] = scalefac;\n            }\n' +
      '            bits_read += slen * n_sfb as u32;',
    reason:
      'The intensity position that means none is the largest of its own length in bits (ISO/IEC 13818-3, 2.4.3.2), not ' +
      'always 31 (compliance stream test46).',
  },
  {
    file: 'symphonia-bundle-mp3/src/layer3/stereo.rs',
    find: '    is_pos.copy_from_slice(&granule.channels[1].scalefacs[..22]);',
    replace:
      '    is_pos.copy_from_slice(&granule.channels[1].scalefacs[..22]);\n' +
      '    forbid(&mut is_pos, granule.channels[1].illegal_positions);',
    reason: 'Uses the positions of the edit above in long blocks.',
  },
  {
    file: 'symphonia-bundle-mp3/src/layer3/stereo.rs',
    find:
      '    is_pos[..36].copy_from_slice(&granule.channels[1].scalefacs[..36]);\n' +
      '    is_pos[36..].copy_from_slice(&granule.channels[1].scalefacs[33..36]);',
    replace:
      '    is_pos[..36].copy_from_slice(&granule.channels[1].scalefacs[..36]);\n' +
      '    forbid(&mut is_pos, granule.channels[1].illegal_positions);\n' +
      '    let (last, edge) = (sfi - 3, short_bands.len() - 7);\n' +
      '    for window in 0..3 {\n' +
      '        let band = &ch1[short_bands[edge + window]..short_bands[edge + window + 1]];\n' +
      '        is_pos[last + window] = last_position(header, is_zero_band(band), is_pos[last - 3 + window]);\n    }',
    reason: 'Uses the positions of the edit above in short blocks, and that of the last band below, also in mixed ones.',
  },
  {
    file: 'symphonia-bundle-mp3/src/layer3/stereo.rs',
    find: 'is_pos[21] = is_pos[20];',
    replace: 'let below = is_zero_band(&ch1[bands[20]..bands[21]]);\n    is_pos[21] = last_position(header, below, is_pos[20]);',
    reason:
      'The last band has no position of its own and takes that of the band below, where it has one: in a band that is not intensity ' +
      'coded the same number is a scale factor (compliance stream test46).',
  },
  {
    file: 'symphonia-bundle-mp3/src/layer3/stereo.rs',
    find: '/// Decodes channel 0 of the intensity stereo coded signal into left and right channels.',
    replace:
      'fn last_position(header: &FrameHeader, is_coded_below: bool, below: u8) -> u8 {\n    match header.is_mpeg1() {\n' +
      '        _ if is_coded_below => below,\n        true => 3,\n        false => 0,\n    }\n}\n\n' +
      '/// Decodes channel 0 of the intensity stereo coded signal into left and right channels.',
    reason: 'The function of the edits above and below; without a position the band is as loud on both sides.',
  },
  {
    file: 'symphonia-bundle-mp3/src/layer3/stereo.rs',
    find: '/// Determines if a band is zeroed.',
    replace:
      'fn forbid(positions: &mut [u8], illegal: u64) {\n    for (sfb, position) in positions.iter_mut().enumerate() {\n' +
      '        if (illegal >> sfb) & 1 == 1 {\n            *position = INTENSITY_INV_POS_MPEG2;\n        }\n    }\n}\n\n' +
      '/// Determines if a band is zeroed.',
    reason: 'The function of the two edits above.',
  },
  {
    file: 'symphonia-codec-aac/src/aac/mod.rs',
    find: '|| channels.count() > 2',
    replace: '|| channels.count() > 6',
    reason: 'The elements of up to 5.1 channels decode as they are; only their order is AAC’s own, which the wrapper mends.',
  },
  {
    file: 'symphonia-codec-aac/src/aac/mod.rs',
    find: '    pairs: Vec<cpe::ChannelPair>,\n    dsp: dsp::Dsp,',
    replace: '    pairs: Vec<cpe::ChannelPair>,\n    noise_seed: u32,\n    dsp: dsp::Dsp,',
    reason:
      'The noise of a packet (PNS) is drawn from a generator that began with the stream, so that after a seek it was another ' +
      'one. Seeded from the packet itself it is the same on every way to it.',
  },
  {
    file: 'symphonia-codec-aac/src/aac/mod.rs',
    find: 'Ok(AacDecoder { asc, pairs: Vec::new(), dsp',
    replace: 'Ok(AacDecoder { asc, pairs: Vec::new(), noise_seed: 0, dsp',
    reason: 'The field of the edit above.',
  },
  {
    file: 'symphonia-codec-aac/src/aac/mod.rs',
    find: 'let mut bs = BitReaderLtr::new(packet.data);',
    replace:
      'let mut bs = BitReaderLtr::new(packet.data);\n' +
      '        // FNV-1a.\n' +
      '        self.noise_seed = packet.data.iter().fold(0x811c_9dc5, |hash: u32, &byte| {\n' +
      '            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)\n        });',
    reason: 'The seed of the edit above.',
  },
  {
    file: 'symphonia-codec-aac/src/aac/mod.rs',
    find: 'validate!(if pair { channel + 1 } else { channel } < max_channels);',
    replace:
      'validate!(if pair { channel + 1 } else { channel } < max_channels);\n' +
      '        self.pairs[pair_no].seed_noise(self.noise_seed.wrapping_add(channel as u32));',
    reason: 'Where the seed of the edit above is set.',
  },
  {
    file: 'symphonia-codec-aac/src/aac/cpe.rs',
    find: '    pub fn reset(&mut self) {',
    replace:
      '    pub fn seed_noise(&mut self, seed: u32) {\n        self.lcg = Lcg::new(seed);\n    }\n\n    pub fn reset(&mut self) {',
    reason: 'The function of the edit above.',
  },
  {
    file: 'symphonia-format-isomp4/src/atoms/hvcc.rs',
    find: 'const MAX_HVCC_ATOM_SIZE: u64 = 1 * 1024;',
    replace: 'const MAX_HVCC_ATOM_SIZE: u64 = 64 * 1024;',
    reason: 'A video track with long parameter sets made the whole file unreadable, its audio included.',
  },
  {
    file: 'symphonia-format-isomp4/src/atoms/avcc.rs',
    find: 'const MAX_AVCC_ATOM_SIZE: u64 = 1 * 1024;',
    replace: 'const MAX_AVCC_ATOM_SIZE: u64 = 64 * 1024;',
    reason: 'As above, for H.264.',
  },
  {
    file: 'symphonia-format-riff/src/common.rs',
    find: '            if parent_len & 0x1 == 1 {\n                reader.read_u8()?;\n            }\n',
    replace: '',
    reason: 'The reader of the parent skips the padding of a list of odd length, too; skipped twice, the data chunk was missed.',
  },
  {
    file: 'symphonia-format-mkv/src/demuxer.rs',
    find: '    frames: VecDeque<Frame>,\n}',
    replace: '    frames: VecDeque<Frame>,\n    discard_padding: u64,\n}',
    reason: 'The field of the edits below.',
  },
  {
    file: 'symphonia-format-mkv/src/demuxer.rs',
    find: '            frames: VecDeque::new(),\n',
    replace: '            frames: VecDeque::new(),\n            discard_padding: 0,\n',
    reason: 'The field of the edits below.',
  },
  {
    file: 'symphonia-format-mkv/src/demuxer.rs',
    find: '                        let (data, duration) = match block_type {',
    replace: '                        self.discard_padding = 0;\n                        let (data, duration) = match block_type {',
    reason: 'The field of the edits below.',
  },
  {
    file: 'symphonia-format-mkv/src/demuxer.rs',
    find: '                                (group.data, group.duration)',
    replace:
      '                                let padding = group.discard_padding.map_or(0, |ticks| ticks.0);\n' +
      '                                self.discard_padding = padding.max(0) as u64;\n' +
      '                                (group.data, group.duration)',
    reason: 'The padding of the last block (RFC 9559, 5.1.3.5.7) was read and dropped, so that Opus played it.',
  },
  {
    file: 'symphonia-format-mkv/src/demuxer.rs',
    find:
      '                return Ok(Some(Packet::new(\n                    frame.track_num,\n                    frame.pts.into_ts(),\n' +
      '                    frame.dur.into_dur(),\n                    frame.data,\n                )));',
    replace:
      '                let (pts, dur) = (frame.pts.into_ts(), frame.dur.into_dur());\n' +
      '                let mut packet = Packet::new(frame.track_num, pts, dur, frame.data);\n' +
      '                if self.frames.is_empty() {\n' +
      '                    packet.trim_end = symphonia_core::units::Duration::new(self.discard_padding);\n                }\n' +
      '                return Ok(Some(packet));',
    reason: 'Hands the padding of the edit above out with the packet, in nanoseconds as it stands in the file.',
  },
  {
    file: 'symphonia-format-mkv/src/segment.rs',
    find: 'pub struct SignedMatroskaTicks(i64);',
    replace: 'pub struct SignedMatroskaTicks(pub i64);',
    reason: 'Read by the edit above.',
  },
];
