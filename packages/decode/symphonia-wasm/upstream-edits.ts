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
    file: 'symphonia-format-mkv/src/segment.rs',
    find: 'uid: uid.ok_or(EbmlError::ElementError("mkv: missing edition uid"))?,',
    replace: 'uid: uid.unwrap_or(NonZeroU64::MIN),',
    reason: 'EditionUID is optional (RFC 9559, section 5.1.7.1.1); without it the whole file was refused.',
  },
];
