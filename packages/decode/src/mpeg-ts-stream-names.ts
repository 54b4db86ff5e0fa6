/**
 * Names of elementary streams for messages: by stream type (ISO/IEC 13818-1, table 2-34; ATSC A/53 and HLS conventions from 0x80
 * on), for private data by descriptor (ETSI EN 300 468).
 */
const BY_STREAM_TYPE: Readonly<Record<number, string>> = {
  0x01: 'MPEG-1 video',
  0x02: 'MPEG-2 video',
  0x03: 'MPEG audio',
  0x04: 'MPEG audio',
  0x05: 'private sections',
  0x0b: 'DSM-CC',
  0x0f: 'AAC',
  0x10: 'MPEG-4 video',
  0x11: 'AAC in LATM',
  0x15: 'timed metadata',
  0x1b: 'H.264 video',
  0x1c: 'raw AAC',
  0x24: 'H.265 video',
  0x2d: 'MPEG-H audio',
  0x2e: 'MPEG-H audio',
  0x33: 'H.266 video',
  0x81: 'AC-3',
  0x82: 'DTS',
  0x83: 'TrueHD',
  0x84: 'E-AC-3',
  0x85: 'DTS-HD',
  0x86: 'SCTE-35 or DTS-HD',
  0x87: 'E-AC-3',
  0x8a: 'DTS',
  0xc1: 'SAMPLE-AES AC-3',
  0xc2: 'SAMPLE-AES E-AC-3',
  0xcf: 'SAMPLE-AES AAC',
  0xdb: 'SAMPLE-AES H.264 video',
  0xea: 'VC-1 video',
};

const BY_DESCRIPTOR: Readonly<Record<number, string>> = {
  0x56: 'teletext',
  0x59: 'subtitles',
  0x6a: 'AC-3',
  0x7a: 'E-AC-3',
  0x7b: 'DTS',
  0x7c: 'AAC in LATM',
};

const BY_REGISTRATION: Readonly<Record<string, string>> = {
  'AC-3': 'AC-3',
  'AC-4': 'AC-4',
  BSSD: 'SMPTE 302M PCM',
  DTS1: 'DTS',
  DTS2: 'DTS',
  DTS3: 'DTS',
  EAC3: 'E-AC-3',
  HDMV: 'Blu-ray PCM',
  HEVC: 'H.265 video',
  Opus: 'Opus',
};

const BY_EXTENSION_DESCRIPTOR: Readonly<Record<number, string>> = {
  0x0e: 'DTS-HD',
  0x0f: 'DTS Neural',
  0x15: 'AC-4',
  0x21: 'DTS-UHD',
};

/** A name such as `AC-3` with the stream type behind it. `descriptors` is the stream's descriptor loop. */
export function elementaryStreamName(streamType: number, descriptors: Uint8Array): string {
  const named = BY_STREAM_TYPE[streamType] ?? nameByDescriptors(descriptors) ?? 'an unknown stream';
  return `${named} (type 0x${streamType.toString(16).padStart(2, '0')})`;
}

function nameByDescriptors(descriptors: Uint8Array): string | undefined {
  for (let at = 0; at + 2 <= descriptors.length; at += 2 + (descriptors[at + 1] ?? 0)) {
    const tag = descriptors[at] ?? 0;
    const body = descriptors.subarray(at + 2, at + 2 + (descriptors[at + 1] ?? 0));
    const name =
      BY_DESCRIPTOR[tag] ??
      (tag === 0x05 ? BY_REGISTRATION[String.fromCharCode(...body.subarray(0, 4))] : undefined) ??
      (tag === 0x7f ? BY_EXTENSION_DESCRIPTOR[body[0] ?? 0] : undefined);
    if (name !== undefined) return name;
  }
  return undefined;
}
