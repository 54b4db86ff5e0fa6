import { OutputError } from '../output/output-error.ts';
import { exitCodes } from './exit-codes.ts';

/** What to do about an error, by its code; errors that say it themselves are not here. */
const remedies: Readonly<Record<string, string>> = {
  'assets/not-cached': 'play or warm it once with the network, without --offline',
  'assets/in-use': 'stop what plays or warms it, then try again',
  'decode/empty': 'the file holds nothing: check where it came from',
  'decode/not-media': 'check that the address leads to an audio file',
  'hls/live': 'tutti warm --until-now keeps what it holds by now, and play --offline plays that',
  'net/bad-url': 'give an address that begins with http:// or https://',
  'net/connect-failed': 'check the address and the network; what is cached plays with --offline',
  'net/forbidden': 'the server wants credentials or a fresh link',
  'net/not-found': 'check the address',
  'net/timeout': 'check the network and try again; what was fetched is kept',
  'net/reset': 'try again; what was fetched is kept',
  'net/body-too-short': 'try again; what was fetched is kept',
  'net/representation-changed': 'the file on the server was replaced: play it again',
  'net/unexpected-html': 'the server answered with a web page: check the address, or sign in',
  'storage/no-space': 'free some disk space, or choose another place with --cache',
  'storage/io': 'check the disk',
  'storage/not-present': 'the cache was removed while it was in use: try again',
  'storage/read-only': 'choose another place with --cache',
  'stream/empty': 'the file holds nothing: check the address',
};

/** One sentence: what failed, on what, and what to do. */
export function describeError(error: unknown): string {
  const sentence = error instanceof Error ? error.message : String(error);
  const remedy = remedies[codeOf(error) ?? ''];
  return remedy === undefined || sentence.includes(remedy) ? sentence : `${sentence}: ${remedy}`;
}

/** The error, with the name of what it is about in front when its own message does not say. */
export function about(subject: string, error: unknown): unknown {
  if (!(error instanceof Error) || codeOf(error)?.startsWith('decode/') !== true || error.message.includes(subject)) return error;
  return Object.assign(new Error(`${subject}: ${error.message}`, { cause: error.cause }), { code: codeOf(error) });
}

/** The causes below an error, outermost first, at most ten. */
export function causeChain(error: unknown): readonly string[] {
  const chain: string[] = [];
  let cause = error instanceof Error ? error.cause : undefined;
  while (cause !== undefined && chain.length < 10) {
    if (!(cause instanceof Error)) break;
    chain.push(`${codeOf(cause) ?? cause.name}: ${cause.message}`);
    cause = cause.cause;
  }
  return chain;
}

export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

export function exitCodeOf(error: unknown): number {
  if (error instanceof Interrupted) return exitCodes.interrupted;
  if (error instanceof UsageError) return exitCodes.usage;
  if (error instanceof OutputError && (error.code === 'output/no-device' || error.code === 'output/no-audio-library')) {
    return exitCodes.noOutput;
  }
  const isUsage = ['net/bad-url', 'source/bad-url', 'source/unsupported-scheme'].includes(codeOf(error) ?? '');
  return isUsage ? exitCodes.usage : exitCodes.failed;
}

/** The user pressed Ctrl-C, or the system asked the program to end. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

/** The command line or a setting is wrong. The message says how it would be right. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
