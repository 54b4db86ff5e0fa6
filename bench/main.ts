/**
 * Runs benches by name: `npm run bench -- decode net`. Each file beside this one is a bench that exports `run`. What follows the
 * first option goes to all of them: `npm run bench -- warm --rounds 1`.
 *
 * @module
 */
import { readdirSync } from 'node:fs';

interface Bench {
  /** Runs and prints. Takes the options of the command line. */
  run(options: readonly string[]): Promise<void>;
}

const names = readdirSync(new URL('.', import.meta.url))
  .filter((file) => file.endsWith('.ts') && file !== 'main.ts')
  .map((file) => file.slice(0, -'.ts'.length))
  .toSorted();

const words = process.argv.slice(2);
const firstOption = words.findIndex((word) => word.startsWith('--'));
const wanted = firstOption === -1 ? words : words.slice(0, firstOption);
const options = words.slice(wanted.length);
const unknown = wanted.find((name) => !names.includes(name));
if (wanted.length === 0 || unknown !== undefined) {
  const problem = unknown === undefined ? '' : `there is no bench called ${unknown}\n`;
  process.stderr.write(`${problem}usage: npm run bench -- <name>…, where a name is one of: ${names.join(', ')}\n`);
  process.exitCode = 2;
} else {
  for (const name of wanted) {
    const bench = (await import(`./${name}.ts`)) as Bench;
    await bench.run(options);
  }
}
