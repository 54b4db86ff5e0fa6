import { NetError, type HttpBody, type HttpClient, type HttpRequest, type Representation } from '@tutti/net';
import type { ResourceOrigin, StreamingResource } from '@tutti/storage';
import { BodyWriter } from './body-writer.ts';

/** Changes a body's bytes on their way into a resource (decryption): lengths may change, order may not. */
export interface BodyTransform {
  /** Kept as `transformId` with the resource: bytes stored under another one are never continued. */
  readonly id: string;
  push(chunk: Uint8Array): readonly Uint8Array[];
  /** Called once, after the last chunk of a body that was read to its end. */
  flush(): readonly Uint8Array[];
}

export interface DownloadOptions {
  readonly client: Pick<HttpClient, 'open'>;
  readonly resource: StreamingResource;
  /** What to ask for; range and representation are the downloader's. */
  readonly request: Omit<HttpRequest, 'range' | 'expected'>;
  /** Bytes to fetch, as offsets on the wire. Default: the whole body. */
  readonly range?: { readonly start: number; readonly end?: number };
  /** Offset in the resource of the first byte that is stored. Default: `range.start`. */
  readonly position?: number;
  /** Length that the resource will have, where it differs from the representation's (a byte range of a larger file). */
  readonly storedLength?: number;
  readonly transform?: BodyTransform;
  /** Called once, with the answer, before its bytes are read. */
  readonly onBody?: (body: HttpBody) => void;
  /** Called for every chunk with the bytes that came over the wire. */
  readonly onBytes?: (byteCount: number) => void;
  /** When the server ignores the range and sends everything, store what follows the range too. Default false. */
  readonly keepsSurplus?: boolean;
  /** Called after every write with the offset in the resource up to which this body's bytes can be read now. */
  readonly onWritten?: (position: number) => void;
  /** Awaited before the next chunk is taken: holds up the origin. */
  readonly beforeChunk?: () => Promise<void>;
  /** Abort closes the connection and rejects with the reason once no write is under way; what was received stays. */
  readonly signal?: AbortSignal;
}

export interface DownloadResult {
  readonly finalUrl: string;
  readonly contentType: string | undefined;
  readonly representation: Representation;
  readonly acceptsRanges: boolean;
  readonly timeToFirstByteMs: number;
  /** Bytes that came over the wire. */
  readonly networkBytes: number;
  /** Offset in the resource after the last stored byte. */
  readonly endPosition: number;
  /** Whether the last byte stored is the last of the representation: the body ended there by itself. */
  readonly isWhole: boolean;
}

/**
 * Pumps one body, or one range of it, into a resource: the only way from network to disk. Records what the origin says
 * with the resource, and refuses to mix representations: bytes already there are continued with `If-Range`, and an answer
 * that differs fails with `net/representation-changed`. Throws `NetError` and `StorageError`; never fails or commits the
 * resource, which is its owner's decision.
 */
export async function download(options: DownloadOptions): Promise<DownloadResult> {
  const { client, onBytes, range, resource, signal, transform } = options;
  signal?.throwIfAborted();
  await using body = await client.open(requestOf(options), signal === undefined ? {} : { signal });
  checkRepresentation(resource, body, transform);
  announce(options, body);
  options.onBody?.(body);
  const writer = new BodyWriter(resource, options.position ?? range?.start ?? 0, options.onWritten);
  const wireEnd = options.keepsSurplus === true && !body.acceptsRanges ? undefined : range?.end;
  let wirePosition = body.start;
  let networkBytes = 0;
  try {
    for await (const chunk of body.chunks) {
      networkBytes += chunk.length;
      onBytes?.(chunk.length);
      const wanted = wireEnd === undefined ? chunk : chunk.subarray(0, Math.max(0, wireEnd - wirePosition));
      wirePosition += wanted.length;
      for (const bytes of transform?.push(wanted) ?? [wanted]) await writer.push(bytes);
      // A body that ends here is read to its own end: breaking off would close a connection that can serve again.
      if (wanted.length < chunk.length || (wirePosition === wireEnd && body.end !== wireEnd)) break;
      await options.beforeChunk?.();
    }
    for (const bytes of transform?.flush() ?? []) await writer.push(bytes);
    await writer.flush();
  } finally {
    await writer.settled();
  }
  signal?.throwIfAborted();
  return {
    finalUrl: body.finalUrl,
    contentType: body.contentType,
    representation: body.representation,
    acceptsRanges: body.acceptsRanges,
    timeToFirstByteMs: body.timeToFirstByteMs,
    networkBytes,
    endPosition: writer.writtenPosition,
    isWhole: isWhole(body, wirePosition, wireEnd),
  };
}

function requestOf({ range, request, resource }: DownloadOptions): HttpRequest {
  const { origin } = resource;
  return {
    ...request,
    ...(range === undefined ? {} : { range }),
    ...(origin === undefined ? {} : { expected: { validator: origin.validator, totalLength: origin.totalLength } }),
  };
}

/** The answer must be of the representation that the bytes already stored came from. */
function checkRepresentation(resource: StreamingResource, body: HttpBody, transform: BodyTransform | undefined): void {
  const { origin } = resource;
  if (origin === undefined) return;
  const { totalLength, validator } = body.representation;
  const isOther =
    origin.validator !== validator ||
    (origin.totalLength !== undefined && totalLength !== undefined && origin.totalLength !== totalLength) ||
    origin.transformId !== transform?.id;
  if (!isOther) return;
  throw new NetError(
    'net/representation-changed',
    `download ${resource.label}: the file at the origin is another one than before`,
    {
      url: resource.label,
    },
  );
}

function announce({ resource, storedLength, transform }: DownloadOptions, body: HttpBody): void {
  const { totalLength, validator } = body.representation;
  const origin: ResourceOrigin = { validator, totalLength, contentType: body.contentType, transformId: transform?.id };
  const known = resource.origin;
  const announcedLength = storedLength ?? (transform === undefined ? totalLength : undefined);
  const isNews = known === undefined || (known.totalLength === undefined && totalLength !== undefined);
  if (isNews || resource.announcedLength !== announcedLength) resource.announce(origin, announcedLength);
}

function isWhole(body: HttpBody, wirePosition: number, wireEnd: number | undefined): boolean {
  const { totalLength } = body.representation;
  if (totalLength !== undefined) return wirePosition >= totalLength;
  return wireEnd === undefined || wirePosition < wireEnd;
}
