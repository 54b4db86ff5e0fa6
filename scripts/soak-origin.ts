// The origin of a soak, in a process of its own: what it holds open is not counted. Arguments: directory, seed.
import { seededRandom, startOrigin, type OriginBehaviour } from '@tutti/fixtures';

const [directory = '.', seed = '1'] = process.argv.slice(2);
/** What goes wrong is chosen anew this often. */
const changeMs = 700;

const origin = await startOrigin({ root: directory });
const random = seededRandom(Number(seed) + 2);
const counts = new Map<string, number>();
const faults = ['none', 'status', 'reset', 'truncate', 'stall', 'ranges-ignored'] as const;

const timer = setInterval(() => {
  count();
  origin.configure(chosenBehaviour());
}, changeMs);

process.on('message', () => {
  clearInterval(timer);
  count();
  origin.configure({ fault: 'none', faultEvery: 0, ignoresRanges: false });
  process.send?.({ answers: Object.fromEntries(counts) });
});
process.on('disconnect', () => process.exit());
process.send?.({ baseUrl: origin.baseUrl });

function chosenBehaviour(): Partial<OriginBehaviour> {
  const chosen = faults[Math.floor(random() * faults.length)] ?? 'none';
  const healthy = { fault: 'none', faultEvery: 0, ignoresRanges: false, latencyMs: random() < 0.3 ? 20 : 0 } as const;
  if (chosen === 'none') return healthy;
  if (chosen === 'ranges-ignored') return { ...healthy, ignoresRanges: true };
  return {
    ...healthy,
    fault: chosen,
    faultEvery: 1 + Math.floor(random() * 4),
    faultAfterBytes: Math.floor(random() * 100_000),
    retryAfterSeconds: 0,
    // Longer than the client of the soak waits, now and then.
    stallMs: random() < 0.5 ? 300 : 2500,
  };
}

/** Answers by status, and those that were broken off. */
function count(): void {
  for (const { status } of origin.requests) counts.set(String(status), (counts.get(String(status)) ?? 0) + 1);
  origin.resetLog();
}
