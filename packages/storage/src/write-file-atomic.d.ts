/** The part of write-file-atomic 8 that is used here; the package ships no types. */
declare module 'write-file-atomic' {
  function writeFileAtomic(
    path: string,
    data: string | Uint8Array,
    options?: { readonly mode?: number; readonly fsync?: boolean },
  ): Promise<void>;
  export default writeFileAtomic;
}
