/**
 * Long runs under load. Exits 1 when a promise is broken.
 *
 * `npm run soak -- [--minutes 5 --assets 200 --readers 32 --seed 1]`: a cache, see soak-cache.ts
 * `npm run soak -- party [--minutes 30 --seed 1]`: a party, see soak-party.ts
 *
 * @module
 */
const [subject] = process.argv.slice(2);
if (subject === 'party') {
  process.argv.splice(2, 1);
  await import('./soak-party.ts');
} else await import('./soak-cache.ts');
