/** Entry of the decode thread. Ends when it was told to stop. */
import { workerData } from 'node:worker_threads';
import { DecodeLoop } from './worker-loop.ts';
import type { WorkerSetup } from './worker-protocol.ts';

await new DecodeLoop(workerData as WorkerSetup).run();
