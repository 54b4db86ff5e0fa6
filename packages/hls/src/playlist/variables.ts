import { HlsError, publicUrl } from '../hls-error.ts';
import { MAX_PLAYLIST_BYTES } from './line-scan.ts';
import type { Attributes } from './line-scan.ts';

/** Values by variable name. */
export type Variables = ReadonlyMap<string, string>;

export interface VariableScopeOptions {
  /** URL of the playlist after redirects: QUERYPARAM reads its query. */
  readonly url: string;
  /** URL as it was asked: its query counts where the final URL has no such parameter. */
  readonly requestUrl?: string | undefined;
  /** Variables of the multivariant playlist, for IMPORT. Absent when there is none. */
  readonly imports?: Variables | undefined;
}

const REFERENCE = /\{\$([A-Za-z0-9_-]+)\}/gu;

/** Variables of one playlist (EXT-X-DEFINE, draft-pantos-hls-rfc8216bis 4.3 and 4.4.2.3), in the order of its lines. */
export class VariableScope {
  readonly #options: VariableScopeOptions;
  readonly #values = new Map<string, string>();
  /** Characters that substitution has written so far. */
  #writtenLength = 0;

  constructor(options: VariableScopeOptions) {
    this.#options = options;
  }

  get values(): Variables {
    return this.#values;
  }

  /** Adds what one EXT-X-DEFINE defines. Throws `hls/bad-playlist` when it defines nothing, or a name twice. */
  define(attributes: Attributes, line: number): void {
    const { name, value } = this.#read(attributes, line);
    if (this.#values.has(name)) throw this.#error(`variable ${name} is defined twice`, line);
    // A query parameter may decode to a line break, which would make lines of its own.
    // oxlint-disable-next-line no-control-regex -- they are what is removed
    this.#values.set(name, value.replaceAll(/[\u0000-\u001F\u007F]/gu, ''));
  }

  /**
   * Replaces `{$name}` by its value. Throws `hls/bad-playlist` for a name that no line above defines, and `hls/too-large` when the
   * values, which may be made of each other, come to more text than a playlist may have.
   */
  substitute(text: string, line: number): string {
    if (!text.includes('{$')) return text;
    return text.replace(REFERENCE, (_, name: string) => {
      const value = this.#values.get(name);
      if (value === undefined) throw this.#error(`variable ${name} is used but not defined`, line);
      this.#writtenLength += value.length;
      if (this.#writtenLength > MAX_PLAYLIST_BYTES) throw this.#tooLarge(line);
      return value;
    });
  }

  #read(attributes: Attributes, line: number): { readonly name: string; readonly value: string } {
    const name = attributes.get('NAME');
    if (name !== undefined) return { name, value: this.substitute(attributes.get('VALUE') ?? '', line) };
    const imported = attributes.get('IMPORT');
    if (imported !== undefined) return { name: imported, value: this.#import(imported, line) };
    const parameter = attributes.get('QUERYPARAM');
    if (parameter !== undefined) return { name: parameter, value: this.#queryParameter(parameter, line) };
    throw this.#error('EXT-X-DEFINE has none of NAME, IMPORT and QUERYPARAM', line);
  }

  #import(name: string, line: number): string {
    const value = this.#options.imports?.get(name);
    if (value !== undefined) return value;
    const reason =
      this.#options.imports === undefined
        ? 'play the multivariant playlist that defines it instead'
        : 'the multivariant playlist does not define it';
    throw this.#error(`variable ${name} cannot be imported: ${reason}`, line);
  }

  #queryParameter(name: string, line: number): string {
    for (const url of [this.#options.url, this.#options.requestUrl]) {
      const value = url === undefined ? null : (URL.parse(url)?.searchParams.get(name) ?? null);
      if (value !== null) return value;
    }
    throw this.#error(`variable ${name} is a query parameter that the playlist's URL does not have`, line);
  }

  #tooLarge(line: number): HlsError {
    const { url } = this.#options;
    return new HlsError('hls/too-large', `playlist ${publicUrl(url)}, line ${line}: its variables make it too large`, {
      url,
      line,
    });
  }

  #error(problem: string, line: number): HlsError {
    const { url } = this.#options;
    return new HlsError('hls/bad-playlist', `playlist ${publicUrl(url)}, line ${line}: ${problem}`, { url, line });
  }
}
