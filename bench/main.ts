/**
 * Runs benches by name: `npm run bench -- decode net`. Each file beside this one is a bench that exports `run`.
 *
 * @module
 */
import { readdirSync } from 'node:fs';

interface Bench {
  /** Runs and prints. */
  run(): Promise<void>;
}

const names = readdirSync(new URL('.', import.meta.url))
  .filter((file) => file.endsWith('.ts') && file !== 'main.ts')
  .map((file) => file.slice(0, -'.ts'.length))
  .toSorted();

const wanted = process.argv.slice(2);
const unknown = wanted.find((name) => !names.includes(name));
if (wanted.length === 0 || unknown !== undefined) {
  const problem = unknown === undefined ? '' : `there is no bench called ${unknown}\n`;
  process.stderr.write(`${problem}usage: npm run bench -- <name>…, where a name is one of: ${names.join(', ')}\n`);
  process.exitCode = 2;
} else {
  for (const name of wanted) {
    const bench = (await import(`./${name}.ts`)) as Bench;
    await bench.run();
  }
}
