import { parentPort, workerData } from 'node:worker_threads';
import { ControlBlockView } from '../src/control-block.ts';

export interface WatchingReport {
  readonly problem: string | undefined;
  readonly length: number | undefined;
}

/** Takes pictures until the resource is committed, and says what was wrong with any of them. */
function watch(): WatchingReport {
  const view = new ControlBlockView(workerData as SharedArrayBuffer);
  let presentBytes = 0;
  for (;;) {
    const { state, length } = view.picture(0);
    const ranges = view.ranges();
    let bytes = 0;
    let lastEnd = -1;
    for (const { start, end } of ranges) {
      if (start <= lastEnd) return { problem: `ranges meet at ${String(start)}`, length };
      if (start % 10 !== 0 && start % 10 !== 3) return { problem: `a range starts at ${String(start)}`, length };
      if (end % 10 !== 3 && end % 10 !== 0) return { problem: `a range ends at ${String(end)}`, length };
      lastEnd = end;
      bytes += end - start;
    }
    if (bytes < presentBytes) return { problem: `${String(presentBytes)} bytes became ${String(bytes)}`, length };
    presentBytes = bytes;
    if (state === 'committed') return { problem: undefined, length };
  }
}

parentPort?.postMessage('watching');
parentPort?.postMessage(watch());
