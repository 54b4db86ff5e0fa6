import { InvalidArgumentError, Option, type Command } from 'commander';
import { parseBytes } from './size-text.ts';

/** A subcommand with the options that all share, and one example in its help. */
export function command(parent: Command, name: string, example: string): Command {
  const created = parent.command(name).exitOverride().addHelpText('after', `\nExample:\n  $ ${example}`);
  return addCommonOptions(created);
}

export function addCommonOptions(target: Command): Command {
  return target
    .addOption(envOption('--cache <dir>', 'cache directory'))
    .addOption(
      envOption('--max-bytes <size>', 'limit of the cache, like 10GiB (default: 10GiB or a tenth of the free space)').argParser(
        parseBytes,
      ),
    )
    .addOption(envOption('--verbose', 'tell the causes of errors'))
    .addOption(envOption('--quiet', 'only errors on stderr'))
    .addOption(envOption('--json', 'newline-delimited events on stdout'));
}

export function addOutputOptions(target: Command): Command {
  return target
    .addOption(envOption('--output <where>', 'device, null, stdout or FILE.wav'))
    .addOption(envOption('--device <name>', 'part of a sound device’s name'))
    .addOption(envOption('--volume <db>', 'gain in dB, at most 0').argParser(parseVolume).default(0));
}

export function variantOption(): Option {
  return envOption('--variant <choice>', 'HLS variant: auto, lowest, highest or bits per second')
    .argParser(parseVariant)
    .default('auto');
}

export function languageOption(): Option {
  return envOption('--language <tag>', 'HLS audio in this language, as en or pt-BR, where there is a choice');
}

/** An option that `TUTTI_<NAME>` sets as well. */
export function envOption(flags: string, description: string): Option {
  const option = new Option(flags, description);
  return option.env(`TUTTI_${option.name().toUpperCase().replaceAll('-', '_')}`);
}

export function parseVariant(text: string): string | number {
  if (text === 'auto' || text === 'lowest' || text === 'highest') return text;
  const bandwidth = Number(text);
  if (Number.isInteger(bandwidth) && bandwidth > 0) return bandwidth;
  throw new InvalidArgumentError('It is auto, lowest, highest or a number of bits per second.');
}

export function parseVolume(text: string): number {
  const decibels = Number(text);
  if (text.trim() === '' || !(decibels >= -96 && decibels <= 0)) throw new InvalidArgumentError('A volume is −96 to 0 dB.');
  return decibels;
}

export function parseCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1) throw new InvalidArgumentError('It is a whole number above 0.');
  return count;
}
