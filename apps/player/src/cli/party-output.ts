import { createPartyPlayer } from '../node/create-party-player.ts';
import type { PartyPlayer } from '../node/party-player.ts';
import { createDeviceOutput } from '../output/device.ts';
import { createNullOutput } from '../output/null.ts';
import { OutputError } from '../output/output-error.ts';
import type { TimedOutput } from '../output/timed-output.ts';
import type { OutputOptions } from './choose-output.ts';
import { describeError, UsageError } from './describe-error.ts';
import type { Reporter } from './reporter.ts';

export interface PartyOutputOptions extends OutputOptions {
  /** Milliseconds. */
  readonly outputDelay?: number;
}

/** What a node plays on. */
export interface PartyOutput {
  readonly player: PartyPlayer;
  /** For people. */
  readonly description: string;
  /** False where the node plays into nothing. */
  readonly hasDevice: boolean;
}

/**
 * Opens what a node plays on. Asked for nothing, a machine without sound takes part silently and says so; asked for a device, it fails
 * with `OutputError`.
 */
export async function openPartyOutput(options: PartyOutputOptions, reporter: Reporter): Promise<PartyOutput> {
  const output = await openTimedOutput(options, reporter);
  const player = createPartyPlayer({
    openOutput: async () => output,
    outputDelayMs: options.outputDelay ?? 0,
    volumeDb: options.volume ?? 0,
  });
  return { player, description: output.description, hasDevice: output.kind === 'device' };
}

async function openTimedOutput({ device, output }: PartyOutputOptions, reporter: Reporter): Promise<TimedOutput> {
  if (output === 'null') return createNullOutput();
  if (output !== undefined && output !== 'device')
    throw new UsageError(`a party plays on a device or, silently, with --output null: not on ${output}`);
  try {
    return await createDeviceOutput(device === undefined ? {} : { deviceName: device });
  } catch (error) {
    if (!(error instanceof OutputError) || output !== undefined || device !== undefined) throw error;
    reporter.line(`No audio output detected. (${describeError(error)}); taking part silently`);
    reporter.event('output-fallback', { code: error.code, output: 'null' });
    return createNullOutput();
  }
}
