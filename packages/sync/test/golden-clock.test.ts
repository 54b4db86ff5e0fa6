import { describe, expect, test } from 'vitest';
import { linkProfiles } from './virtual/link-profiles.ts';
import { percentile, surveyClients, surveySendspin, type Survey } from './virtual/survey.ts';

const survey = { seeds: 24, seconds: 300, everyUs: 25_000 } as const;
const parts = [0.5, 0.95, 0.999] as const;

/** |error| at p50, p95 and p99.9 once settled, in µs: what the design measured of Sendspin's estimator, and what ours may have at most. */
const golden = {
  lan: { sendspin: [3, 8, 16], limit: [2, 5, 10] },
  wifi: { sendspin: [61, 179, 546], limit: [55, 125, 420] },
  busyWifi: { sendspin: [503, 919, 1576], limit: [400, 750, 1250] },
  wan: { sendspin: [484, 1003, 1654], limit: [650, 850, 1250] },
} as const;
const paths = Object.keys(golden) as (keyof typeof golden)[];

const surveys = new Map<string, Survey>();
function surveyOf(path: keyof typeof linkProfiles): Survey {
  const known = surveys.get(path) ?? surveyClients({ profile: linkProfiles[path], ...survey });
  surveys.set(path, known);
  return known;
}

describe('clock estimate over simulated paths', () => {
  test.each(paths)('the simulated %s is as hard on Sendspin as the one that the design measured', (path) => {
    const errorsUs = surveySendspin({ profile: linkProfiles[path], ...survey, everyUs: 200_000 });
    for (const [index, part] of parts.entries()) {
      const ratio = percentile(errorsUs, part) / golden[path].sendspin[index]!;
      expect(ratio, `p${part * 100}`).toBeGreaterThan(0.8);
      expect(ratio, `p${part * 100}`).toBeLessThan(1.2);
    }
  });

  test.each(paths)('stays within its limits on %s', (path) => {
    const { errorsUs } = surveyOf(path);
    for (const [index, part] of parts.entries()) {
      expect(percentile(errorsUs, part), `p${part * 100}`).toBeLessThanOrEqual(golden[path].limit[index]!);
    }
  });

  test('is good half a second after the join', () => {
    expect(percentile(surveyOf('lan').earlyErrorsUs, 0.5)).toBeLessThanOrEqual(20);
    expect(percentile(surveyOf('wifi').earlyErrorsUs, 0.5)).toBeLessThanOrEqual(105);
  });

  test('never errs by more than the bound that it publishes, in a million comparisons, over a bad relay too', () => {
    const all = [...paths, 'relay' as const].map((path) => surveyOf(path));
    expect(all.reduce((sum, { comparisons }) => sum + comparisons, 0)).toBeGreaterThan(1_000_000);
    expect(all.reduce((sum, { violations }) => sum + violations, 0)).toBe(0);
  });

  test.each(['lan', 'wifi'] as const)('publishes a bound that is hardly more than half of the least round trip on %s', (path) => {
    expect(percentile(surveyOf(path).doubtsUs, 0.95)).toBeLessThanOrEqual(100);
  });
});
