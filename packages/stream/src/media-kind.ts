import type { MediaHint } from '@tutti/decode';

/** What a URL and a Content-Type say about the bytes. Content decides. */
export function hintOf(url: string, contentType: string | undefined): MediaHint {
  const extension = extensionOf(URL.parse(url)?.pathname ?? url);
  // The type that servers give to what they do not know says nothing.
  const mimeType = contentType === 'application/octet-stream' ? undefined : contentType;
  return { ...(extension === undefined ? {} : { extension }), ...(mimeType === undefined ? {} : { mimeType }) };
}

/** The extension of a path, lower case, without the dot. */
export function extensionOf(path: string): string | undefined {
  return /\.([\da-z]{1,8})$/i.exec(path)?.[1]?.toLowerCase();
}

/** Whether the file may keep its index behind the media (ISO/IEC 14496-12: `moov` after `mdat`), so that it cannot be read forward only. */
export function needsSeeking(head: Uint8Array): boolean {
  return new TextDecoder('latin1').decode(head.subarray(4, 8)) === 'ftyp';
}
