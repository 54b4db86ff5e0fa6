import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { expandSources, isHttpUrl, parseM3u } from '../media/expand-sources.ts';
import { UsageError } from './describe-error.ts';

/** What the user named, sorted out. */
export interface WarmSources {
  /** To be fetched. */
  readonly urls: readonly string[];
  /** Files that are here already. */
  readonly local: readonly string[];
  /** What is no source, and why. */
  readonly bad: readonly { readonly source: string; readonly error: unknown }[];
}

/**
 * Sorts out what is to be warmed: operands and the entries of a list. One bad entry stops nothing, but when no address is left
 * it is thrown. Throws `UsageError`.
 */
export async function warmSources(operands: readonly string[], list: string | undefined): Promise<WarmSources> {
  const named = [...operands, ...(await listedSources(list))];
  if (named.length === 0) throw new UsageError('warm needs something to fetch: name a URL, or a list with --from');
  const entries: string[] = [];
  const bad: { source: string; error: unknown }[] = [];
  for (const source of named) {
    try {
      entries.push(...(await expandSources([source])));
    } catch (error) {
      bad.push({ source, error });
    }
  }
  const { urls = [], local = [] } = Object.groupBy(entries, (entry) => (isHttpUrl(entry) ? 'urls' : 'local'));
  if (urls.length === 0 && bad[0] !== undefined) throw bad[0].error;
  if (urls.length === 0) throw new UsageError(`${local[0] ?? ''} is here already: warm fetches http and https URLs`);
  return { urls, local, bad };
}

async function listedSources(from: string | undefined): Promise<readonly string[]> {
  if (from === undefined) return [];
  try {
    return parseM3u(from === '-' ? await text(process.stdin) : await readFile(from, 'utf8'));
  } catch (cause) {
    throw new UsageError(`the list ${from} cannot be read: check its name`, { cause });
  }
}
