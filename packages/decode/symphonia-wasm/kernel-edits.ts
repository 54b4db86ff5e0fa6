import type { UpstreamEdit } from './upstream-edits.ts';

/** Both ways in which a bit reader gets more bits: the second keeps what it has. */
function fetching(fill: string, opening: string): string {
  return [
    opening,
    '    #[inline(always)]',
    '    fn fetch_bits(&mut self) -> io::Result<()> {',
    '        (self.bits, self.n_bits_left) = (0, 0);',
    `        let taken = crate::kernels::bits::${fill}(self.buf, &mut self.bits, &mut self.n_bits_left);`,
    '        self.buf = &self.buf[taken..];',
    '        if taken == 0 { end_of_bitstream_error() } else { Ok(()) }',
    '    }',
    '',
    '    #[inline(always)]',
    '    fn fetch_bits_partial(&mut self) -> io::Result<()> {',
    `        let taken = crate::kernels::bits::${fill}(self.buf, &mut self.bits, &mut self.n_bits_left);`,
    '        self.buf = &self.buf[taken..];',
    '        Ok(())',
    '    }',
    '',
    '',
  ].join('\n');
}

/** A function that reads codes in a loop. */
interface CodeLoop {
  readonly name: string;
  readonly visibility?: string;
  /** The reader's type where it is not a parameter of the function's own. */
  readonly reader?: string;
  /** Those behind the reader. */
  readonly parameters: string;
  readonly result: string;
}

function spectral(name: string, codebook: string): CodeLoop {
  return { name, parameters: `cb: &codebooks::${codebook}, scale: f32, dst: &mut [f32]`, result: 'Result<()>' };
}

/** Puts a function of the same name before each loop, which gives it a reader of its own. */
function localReaders(file: string, share: string, loops: readonly CodeLoop[]): readonly UpstreamEdit[] {
  return loops.map(({ name, visibility = '', reader, parameters, result }) => {
    const generic = reader === undefined ? '<B: ReadBitsLtr>' : '';
    const names = parameters.split(', ').map((parameter) => parameter.split(':')[0]);
    return {
      file,
      find: `${visibility}fn ${name}${generic}(`,
      replace: [
        `${visibility}fn ${name}${generic}(bs: &mut ${reader ?? 'B'}, ${parameters}) -> ${result} {`,
        `    bs.with_local(|bs| ${name}_from(bs, ${names.join(', ')}))`,
        '}',
        '',
        '#[inline(always)]',
        `fn ${name}_from${generic}(`,
      ].join('\n'),
      reason: `A reader that can stay in registers for the loop of ${name} (${share}).`,
    };
  });
}

/** A reader's way to work on a copy of itself. */
function withLocal(reader: string): readonly string[] {
  return [
    '    #[inline(always)]',
    '    fn with_local<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {',
    `        let mut local = ${reader} { ..*self };`,
    '        let worked = work(&mut local);',
    '        *self = local;',
    '        worked',
    '    }',
    '',
  ];
}

const localDeclaration = [
  '    /// Calls `work` with a reader of its own, which can stay in registers, and takes over what that has read.',
  '    #[inline(always)]',
  '    fn with_local<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T',
  '    where',
  '        Self: Sized,',
  '    {',
  '        work(self)',
  '    }',
  '',
];

/**
 * Lets Symphonia's codecs call the kernels of `kernels/`, which the build puts beside them as `symphonia_core::kernels`.
 * Shares of time are those of one core decoding music in Node before the edit.
 */
export const kernelEdits: readonly UpstreamEdit[] = [
  {
    file: 'symphonia-core/src/lib.rs',
    find: 'pub mod io;\n',
    replace: 'pub mod io;\npub mod kernels;\n',
    reason: 'Where the kernels live: every codec sees this crate.',
  },
  {
    file: 'symphonia-core/src/dsp/mdct.rs',
    find: 'use crate::dsp::complex::Complex;',
    until: '#[cfg(test)]',
    replace: 'pub use crate::kernels::imdct::Imdct;\n\n',
    reason: 'The inverse MDCT of AAC and Vorbis: a stride of minus two kept the compiler from using SIMD (16 % of the time).',
  },
  {
    file: 'symphonia-core/src/io/bit.rs',
    find: "impl private::FetchBitsLtr for BitReaderLtr<'_> {\n",
    until: '    #[inline(always)]\n    fn get_bits(&self)',
    replace: fetching('fill_from_first', "impl private::FetchBitsLtr for BitReaderLtr<'_> {"),
    reason: 'Eight bytes at a time instead of one, and so that a reader can stay in registers: this stands in every Huffman loop.',
  },
  {
    file: 'symphonia-core/src/io/bit.rs',
    find: "impl private::FetchBitsRtl for BitReaderRtl<'_> {\n",
    until: '    #[inline(always)]\n    fn get_bits(&self)',
    replace: fetching('fill_from_last', "impl private::FetchBitsRtl for BitReaderRtl<'_> {"),
    reason: 'The same for Vorbis, last bit first.',
  },
  {
    file: 'symphonia-core/src/io/bit.rs',
    find: "impl ReadBitsLtr for BitReaderLtr<'_> {}",
    replace: [
      "impl ReadBitsLtr for BitReaderLtr<'_> {",
      ...withLocal('BitReaderLtr'),
      '    #[inline]',
      '    fn read_rice_run(&mut self, parameter: u32, out: &mut [i32]) -> usize {',
      '        let mut window =',
      '            crate::kernels::bits::BitWindow { bytes: self.buf, bits: self.bits, count: self.n_bits_left };',
      '        let done = window.read_rice(parameter, out);',
      '        (self.buf, self.bits, self.n_bits_left) = (window.bytes, window.bits, window.count);',
      '        done',
      '    }',
      '}',
    ].join('\n'),
    reason: 'Codes without a trip through memory between two of them (Rice codes are a third of the time of FLAC).',
  },
  {
    file: 'symphonia-core/src/io/bit.rs',
    find: 'pub trait ReadBitsLtr: private::FetchBitsLtr {\n',
    replace: [
      'pub trait ReadBitsLtr: private::FetchBitsLtr {',
      ...localDeclaration,
      '    /// Reads signed Rice codes and returns how many; none where there is no fast way.',
      '    fn read_rice_run(&mut self, _parameter: u32, _out: &mut [i32]) -> usize {',
      '        0',
      '    }',
      '',
      '',
    ].join('\n'),
    reason: 'The declarations of the edit above.',
  },
  {
    file: 'symphonia-core/src/io/bit.rs',
    find: 'pub trait ReadBitsRtl: private::FetchBitsRtl {\n',
    replace: ['pub trait ReadBitsRtl: private::FetchBitsRtl {', ...localDeclaration, ''].join('\n'),
    reason: 'The same for Vorbis.',
  },
  {
    file: 'symphonia-core/src/io/bit.rs',
    find: "impl ReadBitsRtl for BitReaderRtl<'_> {}",
    replace: ["impl ReadBitsRtl for BitReaderRtl<'_> {", ...withLocal('BitReaderRtl'), '}'].join('\n'),
    reason: 'The same for Vorbis.',
  },
  {
    file: 'symphonia-bundle-flac/src/decoder.rs',
    find: '        for sample in buf.iter_mut() {\n            let q = bs.read_unary_zeros()?;',
    until: '    }\n    else {\n        let residual_bits',
    replace: [
      '        let mut rest = buf;',
      '        loop {',
      '            let done = bs.read_rice_run(rice_param, rest);',
      '            let Some((sample, after)) = rest[done..].split_first_mut() else { break };',
      '            let q = bs.read_unary_zeros()?;',
      '            let r = bs.read_bits_leq32(rice_param)?;',
      '            *sample = rice_signed_to_i32((q << rice_param) | r);',
      '            rest = after;',
      '        }',
      '',
    ].join('\n'),
    reason: 'Calls the fast way; what it leaves is read as before.',
  },
  {
    file: 'symphonia-bundle-flac/src/decoder.rs',
    find: '        // Helper function to dispatch to a predictor',
    until: '    }\n    else {\n        return unsupported_error("flac: lpc shifts',
    replace: [
      '        let coefficients = &qlp_coeffs[32 - order as usize..];',
      '        symphonia_core::kernels::flac::predict(coefficients, qlp_coeff_shift as u32, bps, buf);',
      '',
    ].join('\n'),
    reason: 'Prediction by exact order, in 32 bits where that is enough, and without reloading the last sample (26 % of FLAC).',
  },
  {
    file: 'symphonia-bundle-flac/src/decoder.rs',
    find: '    fixed_predict(order, buf);',
    replace: '    symphonia_core::kernels::flac::predict_fixed(order, buf);',
    reason: 'The same for the fixed predictors.',
  },
  {
    file: 'symphonia-codec-alac/src/lib.rs',
    find: '        // Do the prediction.\n',
    until: '        Ok(())\n    }\n}',
    replace: [
      '        let coefficients = &mut self.lpc_coeffs[..order];',
      '        symphonia_core::kernels::alac::predict(coefficients, self.shift, num_clip_bits, out);',
      '',
      '',
    ].join('\n'),
    reason: 'The adaptive predictor by exact order and without a branch that nothing can foretell (57 % of ALAC).',
  },
  {
    file: 'symphonia-bundle-mp3/src/synthesis.rs',
    find: '/// `SynthesisState` maintains',
    until: '/// Sub-band synthesis transforms',
    replace: 'pub use symphonia_core::kernels::mp3_synthesis::SynthesisState;\n\n',
    reason: 'The state of the kernel below.',
  },
  {
    file: 'symphonia-bundle-mp3/src/synthesis.rs',
    find: '    let mut s_vec = [0f32; 32];',
    until: '/// Performs a 32-point',
    replace: '    symphonia_core::kernels::mp3_synthesis::synthesis(state, &SYNTHESIS_D, n_frames, in_samples, out);\n}\n\n',
    reason: 'The polyphase filterbank, four time slots at once (43 % of MP3).',
  },
  {
    file: 'symphonia-bundle-mp3/src/layer3/hybrid_synthesis.rs',
    find: '    // The first sub-band after the rzero partition boundary is',
    until: '/// Performs the 12-point',
    replace: [
      '    use symphonia_core::kernels::mp3_hybrid::{Shape, hybrid_synthesis};',
      '    let shape = match channel.block_type {',
      '        BlockType::Long => Shape::Normal,',
      '        BlockType::Start => Shape::Start,',
      '        BlockType::Short { .. } => Shape::Short,',
      '        BlockType::End => Shape::Stop,',
      '    };',
      '    hybrid_synthesis(shape, channel.is_mixed, channel.rzero.div_ceil(18), overlap, samples);',
      '}',
      '',
      '',
    ].join('\n'),
    reason: 'Inverse MDCT, window and overlap of four sub-bands at once.',
  },
  {
    file: 'symphonia-bundle-mp3/src/layer3/requantize.rs',
    find: 'f64::powf(2.0, 0.25 * f64::from(a - b)) as f32',
    replace: 'symphonia_core::kernels::mp3_scale::two_to_quarters(a - b)',
    reason: 'A power by software for every band of every granule.',
  },
  {
    file: 'symphonia-bundle-mp3/src/layer3/requantize.rs',
    find: 'f64::powf(2.0, 0.25 * f64::from(a[i % 3] - b)) as f32',
    replace: 'symphonia_core::kernels::mp3_scale::two_to_quarters(a[i % 3] - b)',
    reason: 'The same for short blocks.',
  },
  {
    file: 'symphonia-codec-aac/src/aac/ics/mod.rs',
    find: '        let (a, b, c, d) = cb.read_quant(bs)?;\n\n        if a != 0 {',
    until: '    }\n\n    Ok(())',
    replace: [
      '        let (a, b, c, d) = cb.read_quant(bs)?;',
      '        let quants = [a, b, c, d];',
      '        let count = quants.iter().map(|quant| u32::from(*quant != 0)).sum();',
      '        let mut signs = bs.read_bits_leq32(count)?.unbounded_shl(32 - count);',
      '        for (out, quant) in out.iter_mut().zip(quants) {',
      '            *out = f32::from_bits(iquant[usize::from(quant)].to_bits() ^ (signs & 1 << 31));',
      '            signs <<= u32::from(quant != 0);',
      '        }',
      '',
    ].join('\n'),
    reason: 'All signs of a group in one look, without a branch for each (15 % of AAC).',
  },
  {
    file: 'symphonia-codec-vorbis/src/lib.rs',
    find: '                let (new_m, new_a) = if *m > 0.0 {',
    until: '                *m = new_m;',
    replace: [
      '                let turned = if *m > 0.0 { *a } else { -*a };',
      '                let (new_m, new_a) = if *a > 0.0 { (*m, *m - turned) } else { (*m + turned, *m) };',
      '',
      '',
    ].join('\n'),
    reason: 'The four cases of inverse coupling as two choices of a value, which SIMD can make.',
  },
  ...localReaders('symphonia-codec-vorbis/src/residue.rs', '40 % of Vorbis', [
    {
      name: 'read_residue_partition_format1',
      reader: "BitReaderRtl<'_>",
      parameters: 'codebook: &VorbisCodebook, out: &mut [f32]',
      result: 'Result<()>',
    },
  ]),
  ...localReaders('symphonia-bundle-mp3/src/layer3/requantize.rs', 'a tenth of MP3', [
    {
      name: 'read_huffman_samples',
      visibility: 'pub(super) ',
      parameters: 'channel: &GranuleChannel, part3_bits: u32, buf: &mut [f32; 576]',
      result: 'Result<usize>',
    },
  ]),
  ...localReaders('symphonia-codec-aac/src/aac/ics/mod.rs', 'a quarter of AAC', [
    ...['decode_quads_unsigned', 'decode_quads_signed'].map((name) => spectral(name, 'QuadsCodebook')),
    ...['decode_pairs_unsigned', 'decode_pairs_signed'].map((name) => spectral(name, 'PairsCodebook')),
    spectral('decode_pairs_unsigned_escape', 'EscapeCodebook'),
  ]),
];
