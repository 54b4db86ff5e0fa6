import { NetError } from './net-error.ts';
import type { Target } from './target.ts';

/** Where a foreign error struck: before the answer's headers, or inside its body. */
export type ExchangePhase = 'head' | 'body';

const CONNECT_CODES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ENOTFOUND: 'host not found',
  EAI_AGAIN: 'host name could not be looked up',
  EAI_FAIL: 'host name could not be looked up',
  EHOSTUNREACH: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  ENETDOWN: 'network down',
  EHOSTDOWN: 'host down',
  EADDRNOTAVAIL: 'no local address',
  EACCES: 'connection not permitted',
  EPERM: 'connection not permitted',
  EINVAL: 'invalid address',
};
const RESET_CODES: readonly string[] = ['ECONNRESET', 'EPIPE', 'ECONNABORTED', 'UND_ERR_SOCKET', 'UND_ERR_INFO', 'UND_ERR_ABORTED'];
/** Streams and sessions of HTTP/2 that the other side ended. */
const HTTP2_CODE = /^ERR_HTTP2_/;
const TIMEOUT_CODES: Readonly<Record<string, string>> = {
  UND_ERR_CONNECT_TIMEOUT: 'connection timed out',
  ETIMEDOUT: 'connection timed out',
  UND_ERR_HEADERS_TIMEOUT: 'no answer in time',
  UND_ERR_BODY_TIMEOUT: 'no data in time',
};
const TLS_CODE =
  /^(ERR_TLS|ERR_SSL|CERT_|CRL_|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED|HOSTNAME_MISMATCH|INVALID_CA|EPROTO|PATH_LENGTH|ERR_OSSL)/;

/** Converts whatever undici or the system threw, once. A `NetError` passes unchanged. */
export function toNetError(error: unknown, target: Target, phase: ExchangePhase): NetError {
  if (error instanceof NetError) return error;
  const code = systemCodeOf(error);
  const fail = (netCode: NetError['code'], what: string): NetError =>
    new NetError(netCode, `GET ${target.label}: ${what}`, { url: target.label, cause: withoutExtras(error, code) });
  const connect = CONNECT_CODES[code];
  const timeout = TIMEOUT_CODES[code];
  if (phase === 'body' && isEarlyEnd(error, code)) return fail('net/body-too-short', 'the connection ended before the body did');
  if (connect !== undefined) return fail('net/connect-failed', `cannot connect to ${target.authority}: ${connect} (${code})`);
  if (timeout !== undefined) return fail('net/timeout', `${timeout} from ${target.authority}`);
  if (TLS_CODE.test(code)) return fail('net/tls', `no secure connection to ${target.authority} (${code})`);
  if (RESET_CODES.includes(code) || HTTP2_CODE.test(code)) return fail('net/reset', `connection to ${target.authority} was reset`);
  if (code === 'UND_ERR_DESTROYED' || code === 'UND_ERR_CLOSED') return fail('net/closed', 'the client is closed');
  return fail('net/protocol', `${target.authority} does not speak HTTP as expected${code === '' ? '' : ` (${code})`}`);
}

/** A body that the server ended in good order (FIN), but too soon. */
function isEarlyEnd(error: unknown, code: string): boolean {
  if (code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH' || code === 'HPE_INVALID_EOF_STATE') return true;
  return code === 'UND_ERR_SOCKET' && error instanceof Error && error.message === 'other side closed';
}

function systemCodeOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  if ('code' in error && typeof error.code === 'string' && error.code !== '') return error.code;
  if (error instanceof AggregateError) return systemCodeOf(error.errors[0]);
  return systemCodeOf(error.cause);
}

/** A copy with name, code and message only: parser errors carry raw answer bytes, URL errors the whole URL. */
function withoutExtras(error: unknown, code: string): Error | undefined {
  if (!(error instanceof Error)) return undefined;
  const copy = new Error(error.message === '' ? code : error.message);
  return Object.defineProperties(copy, {
    name: { value: error.name },
    code: { value: code },
    stack: { value: error.stack },
  });
}
