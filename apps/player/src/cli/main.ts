import { readFileSync } from 'node:fs';
import { Command, CommanderError, type Option } from 'commander';
import { ConfigError, readSettings, type FileSettings } from '../config.ts';
import { codeOf, exitCodeOf, Interrupted, UsageError } from './describe-error.ts';
import { exitCodes } from './exit-codes.ts';
import {
  addCommonOptions,
  addOutputOptions,
  command,
  envOption,
  languageOption,
  parseCount,
  parseVariant,
  variantOption,
} from './options.ts';
import { addPartyCommands } from './party-commands.ts';
import { Reporter } from './reporter.ts';
import { parseTime } from './time-text.ts';

/** Runs the command line and sets the exit code; never throws. */
export async function main(argv: readonly string[]): Promise<void> {
  const program = buildProgram();
  try {
    applySettings(program, await readSettings(process.env));
    await program.parseAsync([...argv]);
  } catch (error) {
    process.exitCode = report(error, argv);
  }
}

function report(error: unknown, argv: readonly string[]): number {
  // Commander has said it already: help and version end well, the rest is wrong usage.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
  const isVerbose = argv.includes('--verbose') || process.env['TUTTI_VERBOSE'] !== undefined;
  const reporter = new Reporter({ isJson: argv.includes('--json'), isQuiet: false, isVerbose });
  // The program that read our output has had enough, as `head` does: that is no failure.
  if (codeOf(error) === 'output/broken-pipe') return exitCodes.done;
  if (error instanceof Interrupted) reporter.line('stopped; what was fetched is kept');
  else reporter.error(error);
  return error instanceof ConfigError ? exitCodes.usage : exitCodeOf(error);
}

function buildProgram(): Command {
  const program = new Command('tutti')
    .description('Plays music everywhere at the same instant: streams, caches every byte, decodes, plays.')
    .version(packageVersion())
    .exitOverride()
    .showHelpAfterError('(add --help for the options and an example)')
    .enablePositionalOptions()
    .action(async (options) => (await import('./demo.ts')).runDemo(options));
  addOutputOptions(addCommonOptions(program));
  addPlay(program);
  addWarm(program);
  addDecode(program);
  addProbe(program);
  addCache(program);
  addPartyCommands(program);
  command(program, 'doctor', 'tutti doctor')
    .description('What this machine has for Tutti, what is missing, and how to get it')
    .action(async (options) => (await import('./doctor.ts')).runDoctor(options));
  return program;
}

function addPlay(program: Command): void {
  const play = command(program, 'play', 'tutti play https://example.org/album/master.m3u8 --volume -6')
    .description('Play URLs (HLS or progressive), files, folders or .m3u lists, one after the other without a gap')
    .argument('<source...>', 'URL, file, folder or .m3u list')
    .action(async (sources, options) => (await import('./play.ts')).runPlay(sources, options));
  addOutputOptions(play)
    .addOption(envOption('--start <time>', 'begin each track here: 90, 1:30, 2m').argParser(parseTime))
    .addOption(envOption('--duration <time>', 'play so much of each track').argParser(parseTime))
    .addOption(variantOption())
    .addOption(languageOption())
    .addOption(envOption('--offline', 'play from the cache only'))
    .addOption(envOption('--loop', 'begin again after the last track'));
}

function addWarm(program: Command): void {
  command(program, 'warm', 'tutti warm --from party.m3u --pin')
    .description('Fetch everything into the cache without playing')
    .argument('[source...]', 'URL or .m3u list; what is fetched already is not fetched again')
    .addOption(envOption('--from <file>', 'read sources from a list or .m3u, - for standard input'))
    .addOption(
      envOption('--variants <choice>', 'HLS variants: auto, all, lowest, highest or bits per second')
        .argParser((text) => (text === 'all' ? text : parseVariant(text)))
        .default('auto'),
    )
    .addOption(languageOption())
    .addOption(envOption('--concurrency <n>', 'requests at once, at most 6 to one server').argParser(parseCount).default(6))
    .addOption(envOption('--pin', 'never evict what was fetched'))
    .addOption(envOption('--until-now', 'take what a live stream holds by now'))
    .addOption(envOption('--dry-run', 'only tell what would be fetched: asks for playlists and nothing else'))
    .action(async (sources, options) => (await import('./warm.ts')).runWarm(sources, options));
}

function addDecode(program: Command): void {
  command(program, 'decode', 'tutti decode song.flac -o song.wav')
    .description('Decode to PCM; - reads standard input')
    .argument('<source>', 'URL, file or -')
    .addOption(envOption('-o, --output <file>', 'file to write, - for standard output').default('-'))
    .addOption(
      envOption('--format <format>', 'wav, or samples without a header').choices(['wav', 'f32', 's16', 's24']).default('wav'),
    )
    .addOption(envOption('--rate <hz>', 'resample to this rate').argParser(parseCount))
    .addOption(envOption('--channels <n>', 'mix to so many channels').argParser(parseCount))
    .addOption(envOption('--start <time>', 'begin here').argParser(parseTime))
    .addOption(envOption('--duration <time>', 'decode so much').argParser(parseTime))
    .addOption(variantOption())
    .addOption(languageOption())
    .addOption(envOption('--offline', 'read from the cache only'))
    .action(async (source, options) => (await import('./decode.ts')).runDecode(source, options));
}

function addProbe(program: Command): void {
  command(program, 'probe', 'tutti probe --json song.m4a')
    .description('Container, codec, rate, channels, duration, gapless trim, tags and variants')
    .argument('<source>', 'URL, file or -')
    .addOption(variantOption())
    .addOption(languageOption())
    .addOption(envOption('--offline', 'read from the cache only'))
    .action(async (source, options) => (await import('./probe.ts')).runProbe(source, options));
}

function addCache(program: Command): void {
  const cache = program.command('cache').description('Look after the cache').exitOverride();
  const add = (name: string, description: string, argument?: string, example?: string): Command => {
    const parameters = example ?? (argument === undefined ? '' : 'https://example.org/song.mp3');
    const sub = command(cache, name, `tutti cache ${name} ${parameters}`.trimEnd()).description(description);
    if (argument !== undefined) sub.argument(argument, 'source URL or asset id, as cache ls prints it');
    return sub.action(async (...values: unknown[]) => {
      const { runCache } = await import('./cache.ts');
      // Commander passes the operands, then the options, then the command.
      const operands = values.slice(0, -2).flat();
      await runCache(
        name,
        operands.filter((value) => typeof value === 'string'),
        sub.opts(),
      );
    });
  };
  add('ls', 'List what is cached, the most recently used first');
  add('stat', 'Everything about one asset', '<source>');
  add('usage', 'Bytes used, limit and free space');
  add('path', 'Print the cache directory, or the directory of one asset', '[source]');
  add('rm', 'Remove assets', '<source...>');
  add('pin', 'Keep assets whatever happens: they are never evicted', '<source...>');
  add('unpin', 'Let assets be evicted again', '<source...>');
  add('verify', 'Read every complete file and take out what is damaged; ends with 2 when something was', '[source...]', '--repair')
    .addOption(envOption('--repair', 'fetch again what was taken out; ends with 0 when all of it came'))
    .addOption(variantOption());
  add('evict', 'Bring the cache under its limit now; ends with 2 when the rest is pinned or in use', undefined, '--max-bytes 5GiB');
}

/** Flags win over the environment, the environment over the file, the file over the defaults. */
function applySettings(program: Command, settings: FileSettings): void {
  const known = new Set<string>();
  for (const target of [program, ...program.commands, ...program.commands.flatMap((parent) => parent.commands)]) {
    for (const option of target.options) {
      known.add(option.name()).add(`${target.name()}.${option.name()}`);
      const value = settings.get(target.name(), option.name());
      if (value !== undefined) target.setOptionValueWithSource(option.attributeName(), parsed(option, value, settings), 'config');
    }
  }
  const unknown = settings.names.find((name) => !known.has(name));
  if (unknown !== undefined)
    throw new UsageError(`the settings file ${settings.file} has an unknown setting ${unknown}: see tutti --help for the names`);
}

function parsed(option: Option, value: string | number | boolean, settings: FileSettings): unknown {
  if (typeof value === 'boolean' || option.parseArg === undefined) return value;
  try {
    return option.parseArg(String(value), undefined);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UsageError(`the settings file ${settings.file} has a bad ${option.name()} (${value}): ${reason}`, { cause });
  }
}

function packageVersion(): string {
  const description: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  return typeof description === 'object' && description !== null && 'version' in description
    ? String(description.version)
    : 'unknown';
}
