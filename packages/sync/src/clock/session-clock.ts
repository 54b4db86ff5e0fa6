import { toSession, type ClockMap } from './clock-map.ts';
import type { LocalUs, SessionUs } from '../units.ts';

/**
 * Session time that never runs backwards while maps follow one another: where a newer map says less than was already told, time stands
 * still until it has caught up. For display and for stamps; playback steers by the map itself.
 */
export class SessionClock {
  #map: ClockMap | undefined;
  #toldUs: SessionUs | undefined;

  /** Goes on by this map. Only one that begins anew, after a suspend, may set the time back. */
  follow(map: ClockMap): void {
    if (map.validFromUs !== this.#map?.validFromUs) this.#toldUs = undefined;
    this.#map = map;
  }

  /** Session time at a local time, asked for in order; `undefined` before the first map. */
  at(localUs: LocalUs): SessionUs | undefined {
    if (this.#map === undefined) return undefined;
    const mapped = toSession(this.#map, localUs);
    this.#toldUs = this.#toldUs === undefined || mapped > this.#toldUs ? mapped : this.#toldUs;
    return this.#toldUs;
  }
}
