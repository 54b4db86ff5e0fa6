import { getCompileCacheDir } from 'node:module';
import path from 'node:path';
import { MessageChannel, Worker, type MessagePort } from 'node:worker_threads';
import { DecodeError } from './decode-error.ts';
import type { DecodeSpec } from './decode-spec.ts';
import { WorkerDecodeStream, type DecodeStream, type StreamLink } from './decode-stream.ts';
import { loadSymphoniaModule } from './symphonia-module.ts';
import { rebuildError } from './worker-error.ts';
import type { OpenCommand, WorkerCommand, WorkerReply, WorkerSetup } from './worker-protocol.ts';

export interface DecodeWorkerOptions {
  /** PCM decoded ahead of the reader, in seconds per stream. Default 2. */
  readonly ringSeconds?: number;
  /** The compiled decoder. Default: compiled once per process and shared by all workers. */
  readonly module?: WebAssembly.Module;
}

/** A thread that does not stop by itself is stuck outside the doorbell (a reader's own wait): it is then terminated. */
const STOP_GRACE_MS = 1000;

interface PendingOpen {
  readonly opened: PromiseWithResolvers<DecodeStream>;
  readonly signal: AbortSignal | undefined;
}

/**
 * A thread that decodes streams in the order in which they are opened. At most two are open at once: the second is
 * opened when the first was decoded to its end, while its PCM is still being read. The process may end while a worker
 * exists, as long as nothing is awaited from it.
 */
export class DecodeWorker implements AsyncDisposable {
  /** One 32-bit word; the only word that the thread ever waits on. Whoever serves bytes to a reader increments and notifies it. */
  readonly doorbell: SharedArrayBuffer = new SharedArrayBuffer(4);
  readonly #bell = new Int32Array(this.doorbell);
  readonly #ringSeconds: number;
  readonly #module: Promise<WebAssembly.Module>;
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #exited = Promise.withResolvers<void>();
  readonly #opening = new Map<number, PendingOpen>();
  readonly #streams = new Map<number, WorkerDecodeStream>();
  readonly #link: StreamLink;
  #nextStreamId = 1;
  #holds = 0;
  #isClosing = false;
  /** Why the thread is gone, when it went by itself. */
  #crash: Error | undefined;

  private constructor(options: DecodeWorkerOptions) {
    this.#ringSeconds = options.ringSeconds ?? 2;
    this.#module = options.module === undefined ? loadSymphoniaModule() : Promise.resolve(options.module);
    // Told to whoever opens a stream.
    this.#module.catch(() => undefined);
    const { port1, port2 } = new MessageChannel();
    const setup: WorkerSetup = { port: port2, doorbell: this.doorbell };
    this.#worker = new Worker(new URL('./worker.ts', import.meta.url), {
      workerData: setup,
      transferList: [port2],
      name: 'tutti-decode',
      env: threadEnvironment(),
    });
    this.#worker.unref();
    this.#worker.on('error', (error) => (this.#crash = asError(error)));
    this.#worker.once('exit', () => this.#onExit());
    this.#port = port1;
    this.#port.on('message', (reply: WorkerReply) => this.#receive(reply));
    this.#port.unref();
    this.#link = { doorbell: this.doorbell, send: (command) => this.#send(command), hold: () => this.#hold() };
  }

  /** Starts the thread. */
  static start(options: DecodeWorkerOptions = {}): DecodeWorker {
    return new DecodeWorker(options);
  }

  /**
   * Opens a stream; resolves when its first bytes were recognised and `startFrame` was reached. Rejects with a
   * `DecodeError`, or with what the byte source threw: same `name`, `message` and `code`. Abort, like failure, rejects
   * after the worker gave the byte source up, so that its files may then be closed.
   */
  async open(spec: DecodeSpec, options: { readonly signal?: AbortSignal } = {}): Promise<DecodeStream> {
    const { signal } = options;
    signal?.throwIfAborted();
    using _hold = this.#hold();
    const module = await this.#module;
    signal?.throwIfAborted();
    if (this.#isClosing || this.#crash !== undefined) throw this.#goneError('open');
    const streamId = this.#nextStreamId++;
    const pending: PendingOpen = { opened: Promise.withResolvers<DecodeStream>(), signal };
    this.#post(this.#openCommand(spec, streamId, module), spec.transfer);
    this.#opening.set(streamId, pending);
    const abort = (): void => this.#send({ type: 'close', streamId });
    signal?.addEventListener('abort', abort);
    try {
      const stream = await pending.opened.promise;
      if (signal?.aborted !== true) return stream;
      await stream.close();
      throw signal.reason;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  /** Closes every stream and ends the thread, also one that is blocked in a read. Idempotent. */
  async close(): Promise<void> {
    if (!this.#isClosing) {
      this.#isClosing = true;
      this.#send({ type: 'stop' });
    }
    using _hold = this.#hold();
    const grace = setTimeout(() => void this.#worker.terminate(), STOP_GRACE_MS);
    await this.#exited.promise;
    clearTimeout(grace);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #openCommand(spec: DecodeSpec, streamId: number, module: WebAssembly.Module): OpenCommand {
    const { readerData, hint, startFrame = 0 } = spec;
    const readerModule = String(spec.readerModule);
    return { type: 'open', streamId, module, readerModule, readerData, hint, startFrame, ringSeconds: this.#ringSeconds };
  }

  #send(command: WorkerCommand): void {
    this.#post(command, undefined);
  }

  /** A blocked thread gets no message events: it is woken by the doorbell and then takes what was posted. */
  #post(command: WorkerCommand, transfer: DecodeSpec['transfer']): void {
    this.#port.postMessage(command, [...(transfer ?? [])]);
    Atomics.add(this.#bell, 0, 1);
    Atomics.notify(this.#bell, 0);
  }

  #hold(): Disposable {
    if (this.#holds === 0) this.#worker.ref();
    this.#holds += 1;
    return {
      [Symbol.dispose]: () => {
        this.#holds -= 1;
        if (this.#holds === 0) this.#worker.unref();
      },
    };
  }

  #receive(reply: WorkerReply): void {
    const pending = this.#opening.get(reply.streamId);
    if (pending !== undefined) this.#settleOpen(pending, reply);
    else this.#streams.get(reply.streamId)?.receive(reply);
    if (reply.type === 'closed') this.#streams.delete(reply.streamId);
  }

  #settleOpen({ opened, signal }: PendingOpen, reply: WorkerReply): void {
    // Opened in the moment of the abort: the answer to the close is still to come.
    if (reply.type === 'opened' && signal?.aborted === true) return;
    this.#opening.delete(reply.streamId);
    if (reply.type === 'opened') {
      const stream = new WorkerDecodeStream(reply, this.#link);
      this.#streams.set(reply.streamId, stream);
      opened.resolve(stream);
    } else if (signal?.aborted === true) opened.reject(signal.reason);
    else opened.reject(reply.type === 'open-failed' ? rebuildError(reply.error) : this.#goneError('open'));
  }

  #onExit(): void {
    if (!this.#isClosing) this.#crash ??= new Error('the thread ended');
    for (const { opened, signal } of this.#opening.values())
      opened.reject(signal?.aborted === true ? signal.reason : this.#goneError('open'));
    for (const stream of this.#streams.values()) {
      if (this.#isClosing) stream.acknowledgeClose();
      else stream.abandon(this.#goneError('decode'));
    }
    this.#opening.clear();
    this.#streams.clear();
    this.#port.close();
    this.#exited.resolve();
  }

  #goneError(operation: string): DecodeError {
    if (this.#isClosing) return new DecodeError('decode/closed', `${operation}: the decode worker was closed`);
    return new DecodeError('decode/trap', `${operation}: the decode worker stopped unexpectedly`, { cause: this.#crash });
  }
}

/** A process that turned the compile cache on did so for itself only: through the environment its threads have it too. */
function threadEnvironment(): NodeJS.ProcessEnv {
  const directory = getCompileCacheDir();
  return directory === undefined ? process.env : { ...process.env, NODE_COMPILE_CACHE: path.dirname(directory) };
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
