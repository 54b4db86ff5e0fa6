import type { ByteRange } from './byte-range.ts';
import type { FileSystem } from './file-system.ts';
import { parseIdentity, type ProcessIdentity } from './process-identity.ts';
import type { ResourceOrigin } from './streaming-resource.ts';

/** What is known about a `.part` file: written beside it, always whole. */
export interface PartSidecar {
  readonly origin: ResourceOrigin | undefined;
  /** Length of the stored bytes, where it was known beforehand. */
  readonly announcedLength: number | undefined;
  /** Bytes that were synced before this was written: the only ones that a later process may trust. */
  readonly ranges: readonly ByteRange[];
  /** The process that is writing, while one is. */
  readonly owner: ProcessIdentity | undefined;
}

const SIDECAR_VERSION = 1;

/** The name that bytes have until they are complete. */
export function partPath(path: string): string {
  return `${path}.part`;
}

/** The sidecar's name. */
export function sidecarPath(path: string): string {
  return `${path}.part.json`;
}

/** Reads the sidecar of the resource at `path`; `undefined` when there is none or it makes no sense. */
export async function readSidecar(fileSystem: FileSystem, path: string): Promise<PartSidecar | undefined> {
  const bytes = await fileSystem.readWhole(sidecarPath(path));
  return bytes === undefined ? undefined : parseSidecar(new TextDecoder().decode(bytes));
}

/** Text of a sidecar: JSON, ranges as pairs of offsets. */
export function formatSidecar({ origin, announcedLength, ranges, owner }: PartSidecar): string {
  return JSON.stringify({
    version: SIDECAR_VERSION,
    origin,
    announcedLength,
    ranges: ranges.map(({ start, end }) => [start, end]),
    owner,
  });
}

/** Parses a sidecar's text. Anything unexpected makes all of it void: bytes are then fetched again. */
export function parseSidecar(text: string): PartSidecar | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(json) || json.version !== SIDECAR_VERSION) return undefined;
  const ranges = parseRanges(json.ranges);
  const origin = json.origin === undefined ? null : parseOrigin(json.origin);
  if (ranges === undefined || origin === undefined) return undefined;
  return { origin: origin ?? undefined, announcedLength: asOffset(json.announcedLength), ranges, owner: parseIdentity(json.owner) };
}

function parseRanges(value: unknown): ByteRange[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const ranges: ByteRange[] = [];
  for (const pair of value as unknown[]) {
    const [start, end] = Array.isArray(pair) ? [asOffset(pair[0]), asOffset(pair[1])] : [];
    if (start === undefined || end === undefined || end < start) return undefined;
    ranges.push({ start, end });
  }
  return ranges;
}

function parseOrigin(value: unknown): ResourceOrigin | undefined {
  if (!isRecord(value) || typeof value.validator !== 'string') return undefined;
  return {
    validator: value.validator,
    totalLength: asOffset(value.totalLength),
    contentType: typeof value.contentType === 'string' ? value.contentType : undefined,
    transformId: typeof value.transformId === 'string' ? value.transformId : undefined,
  };
}

function asOffset(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
