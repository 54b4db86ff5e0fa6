import { createDeviceOutput } from '../output/device.ts';
import { createNullOutput } from '../output/null.ts';
import type { Output } from '../output/output.ts';
import { OutputError } from '../output/output-error.ts';
import { createStdoutOutput } from '../output/stdout.ts';
import { createFileOutput } from '../output/file.ts';
import { describeError, UsageError } from './describe-error.ts';
import type { Reporter } from './reporter.ts';

export interface OutputOptions {
  readonly output?: string;
  readonly device?: string;
  readonly volume?: number;
}

/**
 * Opens the output that the user asked for. Asked for nothing, a machine without sound plays into the null output and says so; asked
 * for a device, it fails with `OutputError`.
 */
export async function chooseOutput(options: OutputOptions, reporter: Reporter): Promise<Output> {
  const { output, device } = options;
  if (output === 'null') return createNullOutput();
  if (output === 'stdout') {
    if (reporter.isJson) throw new UsageError('--json and --output stdout both want standard output: write to a FILE.wav instead');
    return createStdoutOutput();
  }
  if (output !== undefined && output !== 'device') {
    if (!/\.wav$/i.test(output))
      throw new UsageError(`there is no output "${output}": it is device, null, stdout or a file name that ends in .wav`);
    return createFileOutput(output);
  }
  try {
    return await createDeviceOutput(device === undefined ? {} : { deviceName: device });
  } catch (error) {
    if (!(error instanceof OutputError) || output !== undefined || device !== undefined) throw error;
    reporter.line(`${describeError(error)}; playing silently in real time`);
    reporter.event('output-fallback', { code: error.code, output: 'null' });
    return createNullOutput();
  }
}
