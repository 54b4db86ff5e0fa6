import { readFileSync } from 'node:fs';
import path from 'node:path';
import { defaultDirectories } from './directories.ts';

/** Settings from a `tutti.toml`: by option name, at the top for every command or in a table named like the command. */
export interface FileSettings {
  /** The file that was read; `undefined` when there is none. */
  readonly file: string | undefined;
  /** The value of `option` for `command`, the command's own table first. */
  get(command: string, option: string): string | number | boolean | undefined;
  /** Every option named in the file, as `option` or `command.option`, to tell misspelled ones. */
  readonly names: readonly string[];
}

/** A settings file that cannot be used. The message names file and remedy. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code = 'config/unreadable';
}

/**
 * Reads the settings: `TUTTI_CONFIG` when set (it must exist then), else `tutti.toml` in the working directory, else in the user's
 * configuration directory. Rejects with `ConfigError`.
 */
export async function readSettings(environment: Readonly<Record<string, string | undefined>>): Promise<FileSettings> {
  const named = environment['TUTTI_CONFIG'];
  const candidates =
    named === undefined ? [path.resolve('tutti.toml'), path.join(defaultDirectories.config, 'tutti.toml')] : [named];
  for (const file of candidates) {
    const text = readIfThere(file, named !== undefined);
    if (text !== undefined) return parseSettings(text, file);
  }
  return { file: undefined, get: () => undefined, names: [] };
}

function readIfThere(file: string, mustExist: boolean): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const isAbsent = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    if (isAbsent && !mustExist) return undefined;
    throw new ConfigError(`the settings file ${file} cannot be read: check TUTTI_CONFIG and its permissions`, { cause });
  }
}

async function parseSettings(text: string, file: string): Promise<FileSettings> {
  // Most people have no settings file: the parser is loaded for those who do.
  const { parse } = await import('smol-toml');
  let document: Readonly<Record<string, unknown>>;
  try {
    document = parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
    throw new ConfigError(`the settings file ${file} is not valid TOML (${reason}): mend or remove it`, { cause });
  }
  const names = Object.entries(document).flatMap(([key, value]) =>
    isTable(value) ? Object.keys(value).map((option) => `${key}.${option}`) : [key],
  );
  return {
    file,
    names,
    get(command, option) {
      const table = document[command];
      const own = isTable(table) ? table[option] : undefined;
      const value = own ?? document[option];
      return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : undefined;
    },
  };
}

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
