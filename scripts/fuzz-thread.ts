// One thread of the fuzzer: runs the inputs that it is sent and says how each ended. A hang is seen, and ended, from outside.
import { parentPort } from 'node:worker_threads';
import { seededRandom } from '@tutti/fixtures';
import { fuzzCorpus } from './fuzz-corpus.ts';
import { runInput } from './fuzz-input.ts';
import { mutate, pick } from './fuzz-mutate.ts';

export interface FuzzResult {
  readonly seed: number;
  readonly name: string;
  readonly bytes: number;
  readonly elapsedMs: number;
  readonly memoryBytes: number;
  /** How it ended; `escaped: …` for what is no typed error. */
  readonly end: string;
}

/** Sent before an input is run. */
export type FuzzMessage = { readonly running: Pick<FuzzResult, 'seed' | 'name' | 'bytes'> } | { readonly done: FuzzResult };

const corpus = fuzzCorpus({ withCorpora: true });

parentPort?.on('message', (seed: number) => void run(seed));

async function run(seed: number): Promise<void> {
  const random = seededRandom(seed);
  const { name, bytes } = pick(corpus, random);
  const mutant = mutate(bytes, pick(corpus, random).bytes, random);
  const input = { seed, name, bytes: mutant.length };
  post({ running: input });
  const startedAtMs = performance.now();
  let outcome: { readonly end: string; readonly memoryBytes: number };
  try {
    outcome = await runInput(mutant, random);
  } catch (error) {
    outcome = { end: `escaped: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`, memoryBytes: 0 };
  }
  post({ done: { ...input, ...outcome, elapsedMs: performance.now() - startedAtMs } });
}

function post(message: FuzzMessage): void {
  parentPort?.postMessage(message);
}
