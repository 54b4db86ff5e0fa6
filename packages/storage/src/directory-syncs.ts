import type { FileSystem } from './file-system.ts';

/** The callers whose sync of a directory has not begun yet; `undefined` when there are none. */
interface Queue {
  next: PromiseWithResolvers<void> | undefined;
}

/**
 * Syncs directories for many callers at once. A caller's changes are covered only by a sync that begins after them: whoever
 * comes while one is under way shares the next with everybody else who does.
 */
export class DirectorySyncs {
  readonly #queues = new WeakMap<FileSystem, Map<string, Queue>>();

  /** Settles when a sync that began after this call is over; rejects as that did. */
  run(fileSystem: FileSystem, directory: string): Promise<void> {
    const queues = this.#queues.get(fileSystem) ?? new Map<string, Queue>();
    this.#queues.set(fileSystem, queues);
    const running = queues.get(directory);
    const queue = running ?? { next: undefined };
    queue.next ??= Promise.withResolvers<void>();
    const { promise } = queue.next;
    if (running === undefined) {
      queues.set(directory, queue);
      void work(
        queue,
        () => fileSystem.syncDirectory(directory),
        () => queues.delete(directory),
      );
    }
    return promise;
  }
}

/** Serves the callers round by round; `onEmpty` is called in the same turn that finds none. */
async function work(queue: Queue, sync: () => Promise<void>, onEmpty: () => void): Promise<void> {
  for (let callers = queue.next; callers !== undefined; callers = queue.next) {
    queue.next = undefined;
    await sync().then(callers.resolve, callers.reject);
  }
  onEmpty();
}
