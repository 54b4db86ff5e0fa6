import { causeChain, codeOf, describeError } from './describe-error.ts';

export interface ReporterOptions {
  /** Newline-delimited JSON events on stdout, and nothing else there. */
  readonly isJson: boolean;
  readonly isQuiet: boolean;
  readonly isVerbose: boolean;
  readonly stdout?: NodeJS.WritableStream;
  readonly stderr?: NodeJS.WriteStream;
  /** Milliseconds since the program started. */
  readonly now?: () => number;
}

/** Without a terminal, a status line comes at most this often. */
const plainStatusMs = 5000;

/** The program's voice: results on stdout, status and messages on stderr, JSON events for machines. */
export class Reporter {
  readonly #options: ReporterOptions;
  readonly #stdout: NodeJS.WritableStream;
  readonly #stderr: NodeJS.WriteStream;
  readonly #now: () => number;
  #hasStatus = false;
  #lastPlainStatusMs = Number.NEGATIVE_INFINITY;

  constructor(options: ReporterOptions) {
    this.#options = options;
    this.#stdout = options.stdout ?? process.stdout;
    this.#stderr = options.stderr ?? process.stderr;
    this.#now = options.now ?? (() => performance.now());
  }

  get isJson(): boolean {
    return this.#options.isJson;
  }

  /** A fact for machines: one JSON line. Silent without `--json`. */
  event(name: string, fields: Readonly<Record<string, unknown>> = {}): void {
    if (this.#options.isJson) this.#stdout.write(`${JSON.stringify({ event: name, atMs: Math.round(this.#now()), ...fields })}\n`);
  }

  /** A result for people, on stdout. Silent with `--json`, where an event says it. */
  result(text: string): void {
    if (this.#options.isJson) return;
    this.#clearStatus();
    this.#stdout.write(`${text}\n`);
  }

  /** A message for people, on stderr. Silent with `--json`, where an event says it. */
  line(text: string): void {
    if (this.#options.isQuiet || this.#options.isJson) return;
    this.#clearStatus();
    this.#stderr.write(`${text}\n`);
  }

  /** What is going on now: one line that is overwritten in a terminal, a plain line now and then elsewhere. */
  status(text: string): void {
    if (this.#options.isQuiet || this.#options.isJson) return;
    if (this.#stderr.isTTY) {
      this.#stderr.write(`\r\u001B[K${clip(text, this.#stderr.columns - 1)}`);
      this.#hasStatus = true;
    } else if (this.#now() - this.#lastPlainStatusMs >= plainStatusMs) {
      this.#lastPlainStatusMs = this.#now();
      this.#stderr.write(`${text}\n`);
    }
  }

  /** An error: one sentence, with its causes when asked to be verbose. Never silenced. */
  error(error: unknown): void {
    this.event('error', { code: codeOf(error), message: describeError(error) });
    this.#clearStatus();
    this.#stderr.write(`tutti: ${describeError(error)}\n`);
    if (this.#options.isVerbose) for (const cause of causeChain(error)) this.#stderr.write(`  because ${cause}\n`);
  }

  /** Leaves the terminal as it was. */
  close(): void {
    this.#clearStatus();
  }

  #clearStatus(): void {
    if (!this.#hasStatus) return;
    this.#stderr.write('\r\u001B[K');
    this.#hasStatus = false;
  }
}

function clip(text: string, columns: number): string {
  return columns > 1 && text.length > columns ? `${text.slice(0, columns - 1)}…` : text;
}
