interface Event {
  readonly atUs: number;
  /** Events of the same instant happen in the order in which they were planned. */
  readonly order: number;
  run: (() => void) | undefined;
}

/** One queue of events in true time, in microseconds. Nothing happens but what was planned, and nothing waits. */
export class VirtualWorld {
  readonly #heap: Event[] = [];
  #order = 0;
  #nowUs = 0;

  /** True time: what no clock in the world can read. */
  get nowUs(): number {
    return this.#nowUs;
  }

  /** Plans `run` for a true time, now at the earliest. */
  at(trueUs: number, run: () => void): Disposable {
    const event: Event = { atUs: Math.max(trueUs, this.#nowUs), order: (this.#order += 1), run };
    this.#push(event);
    return {
      [Symbol.dispose]: () => {
        event.run = undefined;
      },
    };
  }

  /** Lets everything happen that is planned before `trueUs`, and what follows from it. */
  runUntil(trueUs: number): void {
    for (let event = this.#heap[0]; event !== undefined && event.atUs <= trueUs; event = this.#heap[0]) {
      this.#pop();
      this.#nowUs = event.atUs;
      event.run?.();
    }
    this.#nowUs = trueUs;
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let index = heap.length;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(event, heap[parent]!)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1;
      if (!isBefore(heap[child]!, last)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.atUs < b.atUs || (a.atUs === b.atUs && a.order < b.order);
}
