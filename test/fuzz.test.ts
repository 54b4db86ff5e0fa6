import { seededRandom } from '@tutti/fixtures';
import { expect, test } from 'vitest';
import { fuzzCorpus } from '../scripts/fuzz-corpus.ts';
import { runInput } from '../scripts/fuzz-input.ts';
import { mutate, pick } from '../scripts/fuzz-mutate.ts';

const INPUTS = 150;

test('damaged media decode or end in a typed error, and never trap', async () => {
  const corpus = fuzzCorpus({ withCorpora: false });
  const ends = new Map<string, number>();
  for (let seed = 1; seed <= INPUTS; seed += 1) {
    const random = seededRandom(seed);
    const { name, bytes } = pick(corpus, random);
    const mutant = mutate(bytes, pick(corpus, random).bytes, random);
    const { end, memoryBytes } = await runInput(mutant, random);
    expect(end, `seed ${seed}: ${name}`).not.toBe('decode/trap');
    expect(memoryBytes, `seed ${seed}: ${name}`).toBeLessThanOrEqual(256 * 1024 ** 2);
    ends.set(end, (ends.get(end) ?? 0) + 1);
  }
  // Damage that nothing survives, or that nothing notices, would prove nothing.
  expect(ends.get('decoded')).toBeGreaterThan(INPUTS / 4);
  expect(ends.size).toBeGreaterThan(2);
});
