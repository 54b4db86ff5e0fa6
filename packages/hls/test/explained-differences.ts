/** Where hls.js or m3u8-parser says something else than we do about a playlist of the corpora, or we refuse one, and why that is right. */
export interface Explanation {
  /** Of RFC 8216, or of its second edition (draft-pantos-hls-rfc8216bis). */
  readonly clause: string;
  readonly because: string;
  /** As the test words them: playlist, parser, fact: entry: ours | theirs. */
  readonly differences: readonly string[];
}

export const EXPLAINED: readonly Explanation[] = [
  {
    clause: 'RFC 8216, 4.3.1.1',
    because: 'a playlist begins with #EXTM3U and has something in it; a comment above that line we overlook, hls.js does not',
    differences: [
      'hls-parser-fixtures/8.10-EXT-X-DATERANGE-carrying-SCTE-35-tags.m3u8, hls.js, entries: segment 0 is ours alone',
      'hls-parser-fixtures/8.6-Master-Playlist-with-Alternative-audio.m3u8, hls.js, entries: variant https://media.test/dir/low/video-only.m3u8 1280000 is ours alone',
      'hls-parser-fixtures/8.7-Master-Playlist-with-Alternative-video.m3u8, hls.js, entries: variant https://media.test/dir/low/main/audio-video.m3u8 1280000 is ours alone',
      'hls-parser-fixtures/8.9-CHARACTERISTICS-attribute-containing-multiple-characteristics.m3u8, hls.js, entries: variant https://media.test/dir/low/video-only.m3u8 1280000 is ours alone',
      'hls-parser-fixtures/SCTE-35_07.m3u8, hls.js, entries: segment 0 is ours alone',
      'm3u8-parser-playlists/empty.m3u8, refused: hls/not-a-playlist',
      'm3u8-parser-playlists/headerOnly.m3u8, refused: hls/not-a-playlist',
      'm3u8-parser-playlists/manifestNoExtM3u.m3u8, refused: hls/not-a-playlist',
      'm3u8-parser-playlists/master.m3u8, hls.js, entries: variant https://media.test/dir/media.m3u8 240000 is ours alone',
      'm3u8-parser-playlists/start.m3u8, refused: hls/not-a-playlist',
      'm3u8-parser-playlists/streamInfInvalid.m3u8, hls.js, entries: variant https://media.test/dir/media.m3u8 0 is ours alone',
    ],
  },
  {
    clause: 'RFC 8216, 4.1',
    because: 'EXT-X-STREAM-INF makes a multivariant playlist; hls.js takes one with EXT-X-TARGETDURATION for a media playlist',
    differences: ['m3u8-parser-playlists/emptyTargetDuration.m3u8, hls.js, entries: segment 0 is theirs alone'],
  },
  {
    clause: 'RFC 8216, 4.3.4.2',
    because: 'a variant is the line after its EXT-X-STREAM-INF; m3u8-parser makes one of any line, and trips over a trailing comma',
    differences: [
      'eyevinn-hls-playlists/master.m3u8, m3u8-parser, entries: variant https://media.test/dir/*%20Connection%20#0%20to%20host%20lbs-usp-hls-vod.cmore.se%20left%20intact 0 is theirs alone',
      'm3u8-rs-playlists/master-not-ending-in-newline.m3u8, m3u8-parser, entries: variant https://media.test/dir/A1.m3u8 0 is theirs alone',
      "m3u8-rs-playlists/master.m3u8, m3u8-parser, throws: Cannot read properties of null (reading 'slice')",
      'm3u8-rs-playlists/masterplaylist.m3u8, m3u8-parser, entries: variant https://media.test/dir/A1.m3u8 0 is theirs alone',
    ],
  },
  {
    clause: 'RFC 8216, 4.3.2.1',
    because:
      'a line that begins with # is no address, whatever is wrong with its duration; hls.js makes a segment of what follows the colon',
    differences: [
      'm3u8-parser-playlists/extinf.m3u8, hls.js, entries: segment 17 is theirs alone',
      'm3u8-parser-playlists/extinf.m3u8, hls.js, range: segment 1: 522828-1110328 | ',
      'm3u8-parser-playlists/extinf.m3u8, hls.js, uri: segment 1: https://media.test/dir/hls_450k_video.ts | https://media.test/dir/list.m3u8;asljasdfii11)))00,',
    ],
  },
  {
    clause: 'RFC 8216, 4.3.2.2',
    because:
      'a range without offset follows one of the same resource, which there is none of: the others follow one of another resource',
    differences: [
      'm3u8-parser-playlists/byteRange.m3u8, hls.js, range: segment 2: 0-713084 | 1110328-1823412',
      'm3u8-parser-playlists/byteRange.m3u8, m3u8-parser, range: segment 2: 0-713084 | 1110328-1823412',
      'm3u8-parser-playlists/llhls-byte-range.m3u8, hls.js, range: segment 0: 0-587500 | NaN-NaN',
      'm3u8-parser-playlists/llhls-byte-range.m3u8, m3u8-parser, range: segment 2: 0-713084 | 1110328-1823412',
    ],
  },
  {
    clause: 'RFC 8216, 4.3.2.4',
    because: 'an IV is a number of 128 bits, which m3u8-parser reads from the wrong end when digits are left out',
    differences: [
      'm3u8-rs-playlists/media-not-ending-in-newline.m3u8, m3u8-parser, lastKey: segment 0: AES-128 https://secure.domain.com/ 0xb059217aa2649ce170b734 | AES-128 https://secure.domain.com/ 0xb059217aa2649ce10000000000000000',
      'm3u8-rs-playlists/mediaplaylist.m3u8, m3u8-parser, lastKey: segment 0: AES-128 https://secure.domain.com/ 0xb059217aa2649ce170b734 | AES-128 https://secure.domain.com/ 0xb059217aa2649ce10000000000000000',
    ],
  },
  {
    clause: 'RFC 8216, 4.3.2.4',
    because: 'a key stays in force whatever its KEYFORMAT; m3u8-parser keeps those of FairPlay and Widevine elsewhere',
    differences: [
      'eyevinn-hls-playlists/audio_index.m3u8, m3u8-parser, lastKey: segment 2: SAMPLE-AES-CTR data:text/plain;base64… implicit | ',
      'eyevinn-hls-playlists/playlist_a-eng-0384k-aac-6c.mp4.m3u8, m3u8-parser, lastKey: segment 2: SAMPLE-AES-CTR data:text/plain;base64… implicit | ',
      'eyevinn-hls-playlists/playlist_v-0240p-0400k-libx264.mp4.m3u8, m3u8-parser, lastKey: segment 2: SAMPLE-AES-CTR data:text/plain;base64… implicit | ',
      'eyevinn-hls-playlists/playlist_v-0480p-1000k-libx264.mp4.m3u8, m3u8-parser, lastKey: segment 2: SAMPLE-AES-CTR data:text/plain;base64… implicit | ',
      'eyevinn-hls-playlists/playlist_v-0576p-1400k-libx264.mp4.m3u8, m3u8-parser, lastKey: segment 2: SAMPLE-AES-CTR data:text/plain;base64… implicit | ',
      'eyevinn-hls-playlists/video_index.m3u8, m3u8-parser, lastKey: segment 0: SAMPLE-AES skd://twelve implicit | ',
    ],
  },
  {
    clause: 'RFC 8216, 4.3.3.2',
    because: 'a media sequence number is a decimal integer, which has no sign',
    differences: ['m3u8-parser-playlists/negativeMediaSequence.m3u8, m3u8-parser, sequence: segment 0: 0 | -11'],
  },
  {
    clause: 'draft-pantos-hls-rfc8216bis, 4.4.5.2 and 6.2.5.1',
    because: 'EXT-X-SKIP is for those who asked for an update of what they have: without the skipped segments it cannot be played',
    differences: [
      'hls-parser-fixtures/Low-Latency_Example-02_Playlist_Delta_Update.m3u8, refused: hls/bad-playlist',
      'hls-parser-fixtures/Low-Latency_Example-03_Byterange-addressed_Parts-01.m3u8, refused: hls/bad-playlist',
      'hls-parser-fixtures/Low-Latency_Example-03_Byterange-addressed_Parts-02.m3u8, refused: hls/bad-playlist',
      'hls-parser-fixtures/Low-Latency_Example-03_Byterange-addressed_Parts-03.m3u8, refused: hls/bad-playlist',
      'm3u8-parser-playlists/llhls-delta-byte-range.m3u8, refused: hls/bad-playlist',
      'm3u8-parser-playlists/llhlsDelta.m3u8, refused: hls/bad-playlist',
    ],
  },
];
