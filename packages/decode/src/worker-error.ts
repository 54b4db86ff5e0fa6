import { DecodeError, type DecodeErrorCode } from './decode-error.ts';

/** An error as plain data, so that it survives structured clone with its code and context. */
export interface ErrorRecord {
  readonly name: string;
  readonly message: string;
  readonly code: string | undefined;
  /** Own enumerable fields whose values are plain data. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly cause: ErrorRecord | undefined;
}

/** A chain of causes longer than this is cut. */
const MAX_CAUSES = 8;
/** Nesting of plain data in a field that is kept. */
const MAX_FIELD_DEPTH = 4;

/** What remains of `error` when it crosses to another thread. Stack traces stay behind: they name the worker's files. */
export function recordError(error: unknown, depth = 0): ErrorRecord {
  if (!(error instanceof Error)) {
    return {
      name: 'DecodeError',
      message: `byte source threw ${describe(error)}`,
      code: 'decode/source',
      fields: {},
      cause: undefined,
    };
  }
  if (error instanceof WebAssembly.RuntimeError) {
    return { name: 'DecodeError', message: `decoder trapped: ${error.message}`, code: 'decode/trap', fields: {}, cause: undefined };
  }
  const fields: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(error)) {
    if (key !== 'code' && key !== 'name' && key !== 'message' && key !== 'cause' && isPlain(value)) fields[key] = value;
  }
  const code = (error as { code?: unknown }).code;
  return {
    name: error.name,
    message: error.message,
    code: typeof code === 'string' ? code : undefined,
    fields,
    cause: error.cause === undefined || depth >= MAX_CAUSES ? undefined : recordError(error.cause, depth + 1),
  };
}

/** The error again: a `DecodeError` for decode's own codes, otherwise an `Error` with the same name, code and fields. */
export function rebuildError(record: ErrorRecord): Error & { readonly code?: string } {
  const options = record.cause === undefined ? undefined : { cause: rebuildError(record.cause) };
  if (record.name === 'DecodeError' && record.code?.startsWith('decode/') === true) {
    return Object.assign(new DecodeError(record.code as DecodeErrorCode, record.message, options), record.fields);
  }
  const error = new Error(record.message, options);
  Object.defineProperty(error, 'name', { value: record.name, configurable: true, writable: true });
  return Object.assign(error, record.fields, record.code === undefined ? {} : { code: record.code });
}

function describe(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : `a value of type ${typeof value}`;
}

function isPlain(value: unknown, depth = 0): boolean {
  if (value === null) return true;
  if (Array.isArray(value)) return depth < MAX_FIELD_DEPTH && value.every((item) => isPlain(item, depth + 1));
  if (typeof value !== 'object') return ['string', 'number', 'boolean', 'bigint', 'undefined'].includes(typeof value);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  return depth < MAX_FIELD_DEPTH && Object.values(value).every((item) => isPlain(item, depth + 1));
}
