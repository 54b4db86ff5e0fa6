import path from 'node:path';
import { styleText } from 'node:util';
import { SyncError } from '@tutti/sync';
import { PartyKeys, type Member, type PartyCommand, type SessionView } from '@tutti/sync/protocol';
import { connectLink, proveToHost, received } from '@tutti/sync/transport';
import { isHttpUrl } from '../media/expand-sources.ts';
import { UsageError } from './describe-error.ts';
import { shortHostName } from './host.ts';
import { clockWord, type Quality, qualityOf } from './node-quality.ts';
import { nowOf, outcomeLine } from './outcome-line.ts';
import { controlTarget } from './party-target.ts';
import type { Reporter } from './reporter.ts';
import { openSession, type CommonOptions } from './session.ts';
import { statusLine } from './tell-party.ts';
import { formatTime } from './time-text.ts';

export interface CtlOptions extends CommonOptions {
  readonly host?: string;
  readonly secret?: string;
}

/** What the command line asks for: a command of the protocol, or one that counts places as `ctl status` prints them. */
export type CtlRequest =
  | Exclude<PartyCommand, { readonly kind: 'status' | 'remove' | 'move' }>
  | { readonly kind: 'status'; readonly view: 'queue' | 'nodes' }
  | { readonly kind: 'remove'; readonly place: number }
  | { readonly kind: 'move'; readonly place: number; readonly to: number };

/** `tutti ctl …` */
export async function runCtl(request: CtlRequest, options: CtlOptions): Promise<void> {
  await using session = openSession(options);
  const { reporter, signal } = session;
  const { host, port, secret } = await controlTarget(options.host, options.secret);
  const link = await connectLink({ host, port, signal });
  const stop = (): void => link.close();
  signal.addEventListener('abort', stop);
  try {
    await proveToHost(link, new PartyKeys(secret));
    link.send({ type: 'control', name: shortHostName() });
    let id = 0;
    let view: SessionView | undefined;
    const ask = async (command: PartyCommand): Promise<void> => {
      id++;
      link.send({ type: 'command', id, command });
      for (;;) {
        const message = await received(link);
        if (message.type === 'session') view = message.session;
        else if (message.type === 'outcome' && message.id === id) {
          if (message.code === undefined) return;
          throw Object.assign(new Error(message.message ?? 'the host refused'), { code: message.code });
        } else if (message.type === 'end') throw new SyncError('sync/link-lost', message.reason);
      }
    };
    const seen = async (): Promise<SessionView> => {
      await ask({ kind: 'status' });
      if (view === undefined) throw new SyncError('sync/bad-message', `${link.remoteAddress} told nothing`);
      return view;
    };
    if (request.kind === 'status') tell(await seen(), request.view, reporter);
    else {
      const command = await commandOf(request, seen);
      await ask(command);
      tellOutcome(command, await seen(), reporter);
    }
    link.send({ type: 'bye', reason: 'done' });
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', stop);
    link.close();
  }
}

async function commandOf(
  request: Exclude<CtlRequest, { readonly kind: 'status' }>,
  seen: () => Promise<SessionView>,
): Promise<PartyCommand> {
  switch (request.kind) {
    case 'add':
      // A name means the same there as here.
      return { kind: 'add', sources: request.sources.map((source) => (isHttpUrl(source) ? source : path.resolve(source))) };
    case 'remove': {
      const view = await seen();
      return { kind: 'remove', trackId: trackAt(view, request.place), revision: view.revision };
    }
    case 'move': {
      const view = await seen();
      return { kind: 'move', trackId: trackAt(view, request.place), index: request.to - 1, revision: view.revision };
    }
    default:
      return request;
  }
}

function tellOutcome(command: PartyCommand, view: SessionView, reporter: Reporter): void {
  const now = nowOf(view);
  const position = now === undefined ? {} : { source: now.label, positionSeconds: now.seconds };
  reporter.event('done', { command: command.kind, state: view.state, ...position, queueLength: view.queue.length });
  reporter.line(outcomeLine(command, view));
}

function trackAt({ queue }: SessionView, place: number): string {
  const item = queue[place - 1];
  if (item === undefined) throw new UsageError(`there is no track ${place}: the queue has ${queue.length}`);
  return item.trackId;
}

function tell(view: SessionView, what: 'queue' | 'nodes', reporter: Reporter): void {
  if (what === 'queue') {
    reporter.event('status', { ...view });
    reporter.result(`${view.name}: ${statusLine(view)}`);
    view.queue.forEach((item, index) => {
      const failure = item.message === undefined ? '' : ` (${item.message})`;
      reporter.result(
        `${String(index + 1).padStart(3)}. ${item.status.padEnd(12)} ${formatTime(item.durationSeconds)}  ${item.label}${failure}`,
      );
    });
    return;
  }
  const rows = view.members.map(rowOf);
  for (const member of view.members) reporter.event('node', { ...member, quality: qualityOf(member) });
  reporter.result(
    table(
      [
        ['node', 'clock', 'align p50/p95', 'latency', 'underruns', 'snaps', 'buffered', 'output'],
        ...rows.map(({ cells }) => cells),
      ],
      rows.map(({ quality }) => quality),
    ),
  );
}

function rowOf(member: Member): { readonly cells: readonly string[]; readonly quality: Quality } {
  const { isConnected, name, report } = member;
  const quality = qualityOf(member);
  if (!isConnected || report === undefined) return { cells: [name, 'gone', '', '', '', '', '', ''], quality };
  const { alignP50Us, alignP95Us, bufferedSeconds, hasDevice, latencySource, output, snaps, underruns } = report;
  const align =
    alignP50Us === undefined || alignP95Us === undefined ? '–' : `${Math.round(alignP50Us)}/${Math.round(alignP95Us)} µs`;
  const where = hasDevice ? output : `${output} (no device)`;
  return {
    cells: [
      name,
      clockWord(report),
      align,
      latencySource,
      String(underruns),
      String(snaps),
      `${bufferedSeconds.toFixed(1)} s`,
      where,
    ],
    quality,
  };
}

function table(rows: readonly (readonly string[])[], qualities: readonly Quality[]): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const colours = { good: 'green', fair: 'yellow', bad: 'red' } as const;
  return lines
    .map((line, index) => {
      const quality = qualities[index - 1];
      return quality === undefined ? line : styleText(colours[quality], line, { stream: process.stdout });
    })
    .join('\n');
}
