/**
 * Runs benches by name: `npm run bench -- decode net`; what begins with a dash, and follows, are options of theirs. Each file beside this one is a bench that exports `run`.
 *
 * @module
 */
import { readdirSync } from 'node:fs';

interface Bench {
  /** Runs and prints. Benches that have options take them as they were typed. */
  run(options: readonly string[]): Promise<void>;
}

const names = readdirSync(new URL('.', import.meta.url))
  .filter((file) => file.endsWith('.ts') && file !== 'main.ts')
  .map((file) => file.slice(0, -'.ts'.length))
  .toSorted();

const typed = process.argv.slice(2);
const firstOption = typed.findIndex((word) => word.startsWith('-'));
const wanted = firstOption < 0 ? typed : typed.slice(0, firstOption);
const options = firstOption < 0 ? [] : typed.slice(firstOption);
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
