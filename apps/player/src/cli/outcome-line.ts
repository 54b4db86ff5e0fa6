import type { PartyCommand, SessionView } from '@tutti/sync/protocol';
import { formatTime } from './time-text.ts';

/** One short line: what is now, after a command was obeyed. */
export function outcomeLine(command: PartyCommand, view: SessionView): string {
  switch (command.kind) {
    case 'volume':
      return `${command.nodeId ?? 'everywhere'} ${command.volumeDb} dB`;
    case 'add':
      return `+ ${view.queue.at(-1)?.label ?? ''}, ${view.queue.length} in the queue`;
    case 'remove':
    case 'move':
    case 'stop':
      return `${markOf(view)} ${view.queue.length} in the queue`;
    default:
      return nowLine(view);
  }
}

/** What plays in a session: the track, and where it is. */
export function nowOf(view: SessionView): { readonly label: string; readonly seconds: number | undefined } | undefined {
  const current = view.queue.find(({ status }) => status === 'playing');
  return current === undefined ? undefined : { label: current.label, seconds: view.positionSeconds };
}

/** `▶`, `⏸` or `■`. */
export function markOf({ queue, state }: SessionView): string {
  if (!queue.some(({ status }) => status === 'playing')) return '■';
  return state === 'paused' ? '⏸' : '▶';
}

function nowLine(view: SessionView): string {
  const now = nowOf(view);
  if (now !== undefined) return `${markOf(view)} ${now.label} ${formatTime(now.seconds)}`;
  const awaited = view.queue.find(({ status }) => status === 'transferring' || status === 'ready');
  return awaited === undefined ? `■ ${view.queue.length} in the queue` : `■ waiting for ${awaited.label}`;
}
