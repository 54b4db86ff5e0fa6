import { InvalidArgumentError, type Command } from 'commander';
import { addOutputOptions, command, envOption, parseCount, parseVolume, variantOption } from './options.ts';
import { parseTime } from './time-text.ts';

/** The commands of a party: `host`, `join` and `ctl`. */
export function addPartyCommands(program: Command): void {
  addHost(program);
  addJoin(program);
  addCtl(program);
}

function addHost(program: Command): void {
  const host = command(program, 'host', 'tutti host ~/Music/album --name Kitchen')
    .description('Start a party: plays here, and in step on every node that joins')
    .argument('[source...]', 'URL, file, folder or .m3u list; more can be added with ctl add')
    .action(async (sources, options) => (await import('./host.ts')).runHost(sources, options));
  addPlayerOptions(host)
    .addOption(envOption('--name <name>', 'name of the party (default: of this computer)'))
    .addOption(envOption('--port <n>', 'TCP port of control and media').argParser(parsePort).default(17401))
    .addOption(envOption('--clock-port <n>', 'UDP port of time').argParser(parsePort).default(17402))
    .addOption(envOption('--max-nodes <n>', 'nodes that may join').argParser(parseNodeCount).default(32))
    .addOption(envOption('--no-play', 'only conduct: this computer plays nothing'))
    .addOption(
      envOption('--on-host-gone <what>', 'what nodes do when this computer is gone').choices(['stop', 'finish']).default('stop'),
    )
    .addOption(variantOption());
}

function addJoin(program: Command): void {
  const join = command(program, 'join', "tutti join 'tutti://192.168.1.20:17401/#SECRET'")
    .description('Play in step with a party; without an address, look for one on this network')
    .argument('[host]', 'the invitation that the host printed, or HOST[:PORT]')
    .action(async (host, options) => (await import('./join.ts')).runJoin(host, options));
  addPlayerOptions(join)
    .addOption(envOption('--name <name>', 'name of this node (default: of this computer)'))
    .addOption(envOption('--secret <text>', 'the secret, when the address comes without one'));
}

function addCtl(program: Command): void {
  const ctl = program.command('ctl').description('Control a party from another terminal').exitOverride();
  const add = (name: string, example: string, description: string): Command =>
    command(ctl, name, `tutti ctl ${example}`)
      .description(description)
      .addOption(envOption('--host <host>', 'invitation or HOST[:PORT] (default: the party on this computer)'))
      .addOption(envOption('--secret <text>', 'the secret, when the address comes without one'));
  const run = async (options: object, commandOf: () => object): Promise<void> =>
    (await import('./ctl.ts')).runCtl(commandOf() as never, options);
  add('status', 'status', 'What plays, and what follows').action((options) =>
    run(options, () => ({ kind: 'status', view: 'queue' })),
  );
  add('nodes', 'nodes --json', 'How well each node keeps time').action((options) =>
    run(options, () => ({ kind: 'status', view: 'nodes' })),
  );
  add('add', 'add https://example.org/song.mp3', 'Put something at the end of the queue')
    .argument('<source...>', 'URL; on the host’s computer also a file, folder or .m3u list')
    .action((sources, options) => run(options, () => ({ kind: 'add', sources })));
  add('remove', 'remove 3', 'Take a track out of the queue')
    .argument('<number>', 'its place, as ctl status counts', parseCount)
    .action((place, options) => run(options, () => ({ kind: 'remove', place })));
  add('move', 'move 3 1', 'Move a track to another place of the queue')
    .argument('<number>', 'its place, as ctl status counts', parseCount)
    .argument('<to>', 'its new place', parseCount)
    .action((place, to, options) => run(options, () => ({ kind: 'move', place, to })));
  for (const [kind, description] of [
    ['play', 'Play what is in the queue, or go on after a pause'],
    ['pause', 'Pause everywhere at the same frame'],
    ['resume', 'Go on after a pause'],
    ['skip', 'Go to the next track'],
    ['stop', 'Stop playing; the party stays'],
  ] as const) {
    add(kind, kind, description).action((options) => run(options, () => ({ kind })));
  }
  add('seek', 'seek 1:30', 'Go to another place of the track')
    .argument('<time>', 'from the beginning: 90, 1:30, 2m', parseTime)
    .action((seconds, options) => run(options, () => ({ kind: 'seek', seconds })));
  add('volume', 'volume -12', 'Set the volume, everywhere or of one node')
    .argument('<db>', 'gain in dB, −96 to 0', parseVolume)
    .addOption(envOption('--node <name>', 'only this node'))
    .action((volumeDb, options: { readonly node?: string }) =>
      run(options, () => ({ kind: 'volume', volumeDb, ...(options.node === undefined ? {} : { nodeId: options.node }) })),
    );
}

function addPlayerOptions(target: Command): Command {
  return addOutputOptions(target).addOption(
    envOption('--output-delay <ms>', 'how much later than its device says this loudspeaker sounds, in milliseconds').argParser(
      parseDelay,
    ),
  );
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new InvalidArgumentError('A port is 0 to 65535; 0 takes any.');
  return port;
}

function parseNodeCount(text: string): number {
  const count = parseCount(text);
  if (count > 256) throw new InvalidArgumentError('A party has 256 nodes at most.');
  return count;
}

function parseDelay(text: string): number {
  const delayMs = Number(text);
  if (text.trim() === '' || !(delayMs >= -5000 && delayMs <= 5000)) throw new InvalidArgumentError('A delay is −5000 to 5000 ms.');
  return delayMs;
}
