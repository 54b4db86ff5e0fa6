/** The module that a decode worker imports for every reader of this package. */
export const readerModule = new URL('./worker-source.ts', import.meta.url);
