import type { TrackInfo } from './track-info.ts';

/** What `describe.rs` writes. The module is built from the same tree, so its shape is not checked again. */
interface Description {
  readonly codec: string;
  readonly container: string;
  readonly sampleRate: number;
  readonly channelCount: number;
  readonly bitsPerSample: number | null;
  readonly durationFrames: number | null;
  readonly trimStartFrames: number;
  readonly trimEndFrames: number;
  readonly firstTimestampSeconds: number | null;
  readonly tags: Readonly<Record<string, string>>;
}

/** Reads the module's description of a track. */
export function parseDescription(json: string, isSeekable: boolean): TrackInfo {
  const description = JSON.parse(json) as Description;
  return {
    codec: description.codec,
    container: description.container,
    sampleRate: description.sampleRate,
    channelCount: description.channelCount,
    bitsPerSample: description.bitsPerSample ?? undefined,
    durationFrames: description.durationFrames ?? undefined,
    trim: { startFrames: description.trimStartFrames, endFrames: description.trimEndFrames },
    firstTimestampSeconds: description.firstTimestampSeconds ?? undefined,
    isSeekable,
    tags: description.tags,
  };
}
