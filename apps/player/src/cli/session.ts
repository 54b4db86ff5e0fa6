import { openCache, type Cache, type Logger } from '../compose.ts';
import { defaultDirectories } from '../directories.ts';
import { looksLikePlaylist } from '../media/open-media.ts';
import { Interrupted } from './describe-error.ts';
import { Reporter } from './reporter.ts';

/** Options that every command takes. */
export interface CommonOptions {
  readonly cache?: string;
  readonly maxBytes?: number;
  readonly verbose?: boolean;
  readonly quiet?: boolean;
  readonly json?: boolean;
  readonly offline?: boolean;
}

/** What a command works with: its voice, the signal that ends it, and the cache, opened when first asked for. */
export interface Session extends AsyncDisposable {
  readonly reporter: Reporter;
  /** Aborts with `Interrupted` on Ctrl-C and on a request to end. */
  readonly signal: AbortSignal;
  readonly cacheDirectory: string;
  /** `url` is what will be opened first, where that is known. */
  cache(url?: string): Promise<Cache>;
}

/** The cache gets this long to checkpoint after Ctrl-C before the program ends all the same. */
const patienceMs = 900;

export function openSession(options: CommonOptions): Session {
  const reporter = new Reporter({
    isJson: options.json ?? false,
    isQuiet: options.quiet ?? false,
    isVerbose: options.verbose ?? false,
  });
  const controller = new AbortController();
  const cacheDirectory = options.cache ?? defaultDirectories.cache;
  let cache: Promise<Cache> | undefined;

  const interrupt = (): void => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort(new Interrupted('stopped; what was fetched is kept'));
    setTimeout(() => process.exit(130), patienceMs).unref();
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, interrupt);

  return {
    reporter,
    signal: controller.signal,
    cacheDirectory,
    cache: (url) => (cache ??= openSessionCache(options, cacheDirectory, url)),
    async [Symbol.asyncDispose]() {
      await (await cache?.catch(() => undefined))?.close();
      for (const signal of signals) process.off(signal, interrupt);
      reporter.close();
    },
  };
}

async function openSessionCache(options: CommonOptions, directory: string, url: string | undefined): Promise<Cache> {
  return openCache({
    directory,
    isOffline: options.offline ?? false,
    // Only what --verbose asks for is logged.
    ...(options.verbose === true ? { logger: openLog() } : {}),
    ...(url === undefined || !looksLikePlaylist(url) ? {} : { firstPlaylist: url }),
    ...(options.maxBytes === undefined ? {} : { maxBytes: options.maxBytes }),
  });
}

async function openLog(): Promise<Logger> {
  const { createFileLogger } = await import('../log.ts');
  return createFileLogger(defaultDirectories.log, 'debug');
}
