import { placeAutomation, type AutomationPoint, type PlacedAutomation, type SessionUs } from '@tutti/sync';
import type { MusicalLine } from '@tutti/sync/musical';
import { MAX_AUTOMATION_POINTS, type HostMessage } from '@tutti/sync/protocol';

type AutomationMessage = Extract<HostMessage, { type: 'automation' }>;

/** What a party's volume does by itself, in session time: kept for who joins later. */
export class HostAutomation {
  readonly #nowUs: () => SessionUs;
  #points: readonly PlacedAutomation[] = [];

  constructor(nowUs: () => SessionUs) {
    this.#nowUs = nowUs;
  }

  /** Everything a node that knows nothing has to know: what the past amounts to, and what is still to come. */
  get messages(): readonly AutomationMessage[] {
    return messagesOf(this.#points);
  }

  /** Adds points; what is told in ticks happens where `line` puts the tick. Returns what to tell the nodes. */
  add(points: readonly AutomationPoint[], line: MusicalLine): readonly AutomationMessage[] {
    const placed = placeAutomation(points, line);
    const sorted = [...this.#points, ...placed].toSorted((a, b) => a.atUs - b.atUs);
    const nowUs = this.#nowUs();
    const past = sorted.filter(({ atUs }) => atUs <= nowUs);
    this.#points = [...(past.length === 0 ? [] : [past.reduce(after)]), ...sorted.slice(past.length)];
    return messagesOf(placed);
  }
}

/** Two changes, one after the other, as one. */
function after(before: PlacedAutomation, change: PlacedAutomation): PlacedAutomation {
  return { atUs: change.atUs, volumeDb: change.volumeDb ?? before.volumeDb, muted: change.muted ?? before.muted };
}

function messagesOf(points: readonly PlacedAutomation[]): readonly AutomationMessage[] {
  const count = Math.ceil(points.length / MAX_AUTOMATION_POINTS);
  return Array.from({ length: count }, (_, index) => {
    const from = index * MAX_AUTOMATION_POINTS;
    return { type: 'automation', points: points.slice(from, from + MAX_AUTOMATION_POINTS) };
  });
}
