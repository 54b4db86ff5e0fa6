import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { References } from '../src/playlist/references.ts';

const part = fc.oneof(
  fc.constantFrom('a', 'seg-1.ts', '.', '..', '...', '~', '_', '', 'ä', '%2e', ':', '?x=1', '#y', '//', 'a b', 'http:', '@'),
  fc.string({ unit: 'binary', maxLength: 3 }),
);
const reference = fc.array(part, { maxLength: 5 }).map((parts) => parts.join('/'));
const base = fc.constantFrom(
  'https://media.test/a/b/list.m3u8?t=1/2',
  'http://user:word@media.test:8080/list.m3u8#x',
  'https://media.test',
  'https://media.test/%2e%2e/ä/l',
);

it('resolves every reference as the URL standard does', () => {
  fc.assert(
    fc.property(base, reference, (url, text) => {
      const expected = URL.parse(text, url);
      const references = new References(url);
      expect(references.any(text)).toBe(expected?.href ?? text);
      if (expected?.protocol === 'http:' || expected?.protocol === 'https:') {
        expect(references.fetchable(text, 1)).toBe(expected.href);
      } else {
        expect(() => references.fetchable(text, 7)).toThrow('line 7');
      }
    }),
    { numRuns: 3000 },
  );
});
