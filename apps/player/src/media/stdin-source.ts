import type { MediaSource } from '@tutti/stream';

/** Standard input as a media source: one pass, no cache, no seeking. */
export function openStdinSource(): MediaSource {
  const close = async (): Promise<void> => {};
  return {
    kind: 'file',
    label: 'standard input',
    durationSeconds: undefined,
    counters: { networkBytes: 0, cachedBytes: 0, requestCount: 0 },
    async *spans({ startSeconds }) {
      yield {
        startSeconds: 0,
        durationSeconds: undefined,
        offsetSeconds: startSeconds,
        isGap: false,
        isSeekable: false,
        hint: {},
        openReader: () => ({
          spec: { readerModule: new URL('./stdin-reader.ts', import.meta.url), readerData: undefined },
          release: close,
        }),
      };
    },
    fill: async () => ({ isComplete: true, missing: [], doneBytes: 0, totalBytes: undefined, doneResources: 0, totalResources: 0 }),
    on: () => ({ [Symbol.dispose]() {} }),
    close,
    [Symbol.asyncDispose]: close,
  };
}
