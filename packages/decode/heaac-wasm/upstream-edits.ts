import type { UpstreamEdit } from '../symphonia-wasm/upstream-edits.ts';

export const heaacEdits: readonly UpstreamEdit[] = [
  {
    file: 'oxideav-aac/src/filterbank.rs',
    find: '    let half = n_transform / 2;\n    debug_assert_eq!(spec.len(), half);\n    let n0 = (half + 1) as f64 / 2.0;',
    replace:
      '    if n_transform.is_power_of_two() && spec.len() == n_transform / 2 {\n        unsafe extern "C" {\n' +
      '            fn tutti_imdct(spectrum: *const f64, samples: *mut f64, size: usize);\n        }\n' +
      '        let mut samples = vec![0.0; n_transform];\n' +
      '        // SAFETY: both buffers have the promised lengths.\n' +
      '        unsafe { tutti_imdct(spec.as_ptr(), samples.as_mut_ptr(), n_transform) };\n        return samples;\n    }\n' +
      '    let half = n_transform / 2;\n    debug_assert_eq!(spec.len(), half);\n    let n0 = (half + 1) as f64 / 2.0;',
    reason:
      'The transform follows its definition, two million cosines a packet and channel: 0.9 times real time on a desktop, where ' +
      'a fast Fourier transform (heaac-wasm/src/imdct.rs) reaches 50 times.',
  },
  {
    file: 'oxideav-aac/src/decode.rs',
    find: '    /// A fresh stream decoder with no element state.',
    replace:
      '    pub fn restart(&mut self) {\n        self.decoders.clear();\n        self.cce_decoders.clear();\n' +
      '        for sbr in self.sbr.values_mut() {\n            sbr.restart();\n        }\n    }\n\n' +
      '    /// A fresh stream decoder with no element state.',
    reason:
      'A new decoder after a seek knew no header until the stream repeats it, and played at half the rate until then; this one ' +
      'forgets only what packets leave behind in the signal.',
  },
  {
    file: 'oxideav-aac/src/sbr_decoder.rs',
    find: '    /// A fresh SBR decoder.',
    replace:
      '    pub fn restart(&mut self) {\n        for channel in &mut self.channels {\n' +
      '            channel.env_state = EnvAdjustState::new();\n        }\n    }\n\n    /// A fresh SBR decoder.',
    reason: 'The replication’s part of the edit above: its noise and its sines begin anew, in the phase of every 16th packet.',
  },
];
