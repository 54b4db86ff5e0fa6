/**
 * Runs one bench by name: `npm run bench -- decode`. Each file beside this one is a bench that exports `run`.
 *
 * @module
 */
import { readdirSync } from 'node:fs';

interface Bench {
  /** Runs and prints. `args` are the words after the bench's name. */
  run(args: readonly string[]): Promise<void>;
}

const names = readdirSync(new URL('.', import.meta.url))
  .filter((file) => file.endsWith('.ts') && file !== 'main.ts')
  .map((file) => file.slice(0, -'.ts'.length))
  .toSorted();

const [name, ...args] = process.argv.slice(2);
if (name === undefined || !names.includes(name)) {
  const problem = name === undefined ? '' : `there is no bench called ${name}\n`;
  process.stderr.write(`${problem}usage: npm run bench -- <name>, where the name is one of: ${names.join(', ')}\n`);
  process.exitCode = 2;
} else {
  const bench = (await import(`./${name}.ts`)) as Bench;
  await bench.run(args);
}
