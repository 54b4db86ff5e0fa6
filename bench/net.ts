/**
 * How fast the client is beside undici's own `request` and curl: one large body, and many small ones, over loopback.
 *
 * The server runs in a thread of its own. Each round runs every contender once, in turn, so that a busy machine is busy for
 * all of them; medians are compared. Times carry no meaning to another machine, ratios do.
 *
 * @module
 */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { createHttpClient, type HttpClient } from '@tutti/net';

const ROUNDS = 5;
const LARGE_BYTES = 100 * 1024 * 1024;
const SMALL_BYTES = 4096;
const SMALL_COUNT = 1000;
/** Requests under way at a time, for every contender: the client's own default per origin. */
const CONNECTIONS = 6;

/** What is used of undici: the same copy as the client's own. */
interface Undici {
  readonly Agent: new (options: { readonly connections: number; readonly pipelining: number }) => UndiciAgent;
  request(url: string, options: { readonly dispatcher: UndiciAgent }): Promise<{ readonly body: AsyncIterable<Uint8Array> }>;
}

interface UndiciAgent {
  close(): Promise<void>;
}

interface Contender {
  readonly name: string;
  /** Fetches the large body; answers the seconds it took. */
  large(url: string): Promise<number>;
  /** Fetches `${url}0` to `${url}999`. */
  small(url: string): Promise<number>;
}

/** Prints a table: MB/s and requests per second, and how long the others take beside us. */
export async function run(): Promise<void> {
  const server = new Worker(new URL(import.meta.url));
  const [port] = (await once(server, 'message')) as [number];
  await using client = createHttpClient({ perOriginRequests: CONNECTIONS });
  const undici = createRequire(import.meta.resolve('@tutti/net'))('undici') as Undici;
  const agent = new undici.Agent({ connections: CONNECTIONS, pipelining: 1 });
  const contenders: Contender[] = [tuttiContender(client), undiciContender(undici, agent)];
  if (await hasCurl()) contenders.push(curlContender());
  else process.stdout.write('there is no curl on this machine: it is left out\n');

  const base = `http://127.0.0.1:${port}`;
  const large = await measure(contenders, (contender) => contender.large(`${base}/large`));
  const small = await measure(contenders, (contender) => contender.small(`${base}/small/`));
  await agent.close();
  await server.terminate();

  process.stdout.write(`medians of ${ROUNDS} rounds, Node ${process.version}; ratios above 1: this client is faster\n\n`);
  process.stdout.write(`| client | 100 MB, MB/s | ratio | ${SMALL_COUNT} × 4 KiB, requests/s | ratio |\n|---|---|---|---|---|\n`);
  for (const [index, { name }] of contenders.entries()) {
    const [ours = 0] = large;
    const [oursSmall = 0] = small;
    const seconds = large[index] ?? 0;
    const secondsSmall = small[index] ?? 0;
    process.stdout.write(
      `| ${name} | ${(LARGE_BYTES / 1e6 / seconds).toFixed(0)} | ${(seconds / ours).toFixed(2)} ` +
        `| ${(SMALL_COUNT / secondsSmall).toFixed(0)} | ${(secondsSmall / oursSmall).toFixed(2)} |\n`,
    );
  }
}

/** Median seconds of each contender, after one round that does not count. */
async function measure(
  contenders: readonly Contender[],
  work: (contender: Contender) => Promise<number>,
): Promise<readonly number[]> {
  const seconds = contenders.map((): number[] => []);
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const [index, contender] of contenders.entries()) {
      const took = await work(contender);
      if (round > 0) seconds[index]?.push(took);
    }
  }
  return seconds.map((values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0);
}

function tuttiContender(client: HttpClient): Contender {
  const read = async (url: string, kind: 'media' | 'segment'): Promise<number> => {
    let length = 0;
    const body = await client.open({ url, kind });
    for await (const chunk of body.chunks) length += chunk.length;
    return length;
  };
  return {
    name: '@tutti/net',
    large: (url) => timed(async () => expectLength(await read(url, 'media'), LARGE_BYTES)),
    small: (url) => timed(() => sixAtATime(async (index) => expectLength(await read(`${url}${index}`, 'segment'), SMALL_BYTES))),
  };
}

function undiciContender(undici: Undici, agent: UndiciAgent): Contender {
  const read = async (url: string): Promise<number> => {
    let length = 0;
    const { body } = await undici.request(url, { dispatcher: agent });
    for await (const chunk of body) length += chunk.length;
    return length;
  };
  return {
    name: 'undici.request',
    large: (url) => timed(async () => expectLength(await read(url), LARGE_BYTES)),
    small: (url) => timed(() => sixAtATime(async (index) => expectLength(await read(`${url}${index}`), SMALL_BYTES))),
  };
}

function curlContender(): Contender {
  const curl = (...args: readonly string[]) => promisify(execFile)('curl', ['--silent', '--output', '/dev/null', ...args]);
  return {
    name: 'curl',
    // Its own measure: what starting a process costs is not counted.
    large: async (url) => Number((await curl('--write-out', '%{time_total}', url)).stdout),
    small: (url) => timed(() => curl('--parallel', '--parallel-max', String(CONNECTIONS), `${url}[0-${SMALL_COUNT - 1}]`)),
  };
}

async function sixAtATime(fetchOne: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const takeTurns = async (): Promise<void> => {
    for (let index = next++; index < SMALL_COUNT; index = next++) await fetchOne(index);
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, takeTurns));
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return (performance.now() - startedMs) / 1000;
}

function expectLength(actual: number, expected: number): void {
  if (actual !== expected) throw new Error(`${actual} bytes came instead of ${expected}`);
}

function hasCurl(): Promise<boolean> {
  return promisify(execFile)('curl', ['--version']).then(
    () => true,
    () => false,
  );
}

/** The server's thread. */
async function serve(): Promise<void> {
  const piece = Buffer.alloc(1024 * 1024, 'tutti');
  const small = Buffer.alloc(SMALL_BYTES, 'tutti');
  const sendLarge = async (response: ServerResponse): Promise<void> => {
    response.writeHead(200, { 'content-length': LARGE_BYTES });
    for (let sent = 0; sent < LARGE_BYTES && !response.destroyed; sent += piece.length) {
      if (!response.write(piece)) await once(response, 'drain');
    }
    response.end();
  };
  const server = createServer((incoming, response) => {
    if (incoming.url === '/large') void sendLarge(response);
    else response.writeHead(200, { 'content-length': SMALL_BYTES }).end(small);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  parentPort?.postMessage((server.address() as AddressInfo).port);
}

if (!isMainThread) await serve();
