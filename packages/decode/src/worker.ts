/** Entry of the decode thread. Ends when it was told to stop. */
import os from 'node:os';
import { workerData } from 'node:worker_threads';
import { DecodeLoop } from './worker-loop.ts';
import type { WorkerSetup } from './worker-protocol.ts';

// Decoding runs seconds ahead of the sound: it does not inherit the priority of a thread that serves a device. (On Linux this concerns
// the thread alone; elsewhere, the process.)
if (process.platform === 'linux' && os.getPriority() < 0) os.setPriority(0);

await new DecodeLoop(workerData as WorkerSetup).run();
