import { access, constants, mkdir, statfs } from 'node:fs/promises';
import { loadSymphoniaModule } from '@tutti/decode';
import { defaultDirectories } from '../directories.ts';
import { createDeviceOutput, listDevices } from '../output/device.ts';
import { codeOf, describeError } from './describe-error.ts';
import { exitCodes } from './exit-codes.ts';
import { openSession, type CommonOptions } from './session.ts';
import { formatBytes } from './size-text.ts';

interface Finding {
  readonly topic: string;
  /** `missing` stops something from working, `note` does not. */
  readonly state: 'good' | 'note' | 'missing';
  readonly text: string;
}

/** `tutti doctor`: what is there, what is missing, how to get it. Ends 1 when something that playing needs is missing. */
export async function runDoctor(options: CommonOptions): Promise<void> {
  await using session = openSession({ ...options, offline: true });
  const findings = [
    checkNode(),
    await check('decoder', checkDecoder),
    await check('sound', checkSound),
    await check('cache', () => checkCache(session.cacheDirectory)),
    { topic: 'log', state: 'good', text: defaultDirectories.log } as const,
  ];
  for (const finding of findings) {
    session.reporter.event('finding', { ...finding });
    const mark = { good: '✓', note: '–', missing: '✗' }[finding.state];
    session.reporter.result(`${mark} ${finding.topic.padEnd(8)} ${finding.text}`);
  }
  if (findings.some((finding) => finding.state === 'missing')) process.exitCode = exitCodes.failed;
}

async function check(topic: string, work: () => Promise<Omit<Finding, 'topic'>>): Promise<Finding> {
  try {
    return { topic, ...(await work()) };
  } catch (error) {
    // Without sound everything else still works: files, standard output, the cache.
    const state = codeOf(error)?.startsWith('output/') === true ? 'note' : 'missing';
    return { topic, state, text: describeError(error) };
  }
}

function checkNode(): Finding {
  return { topic: 'node', state: 'good', text: `${process.version} on ${process.platform} ${process.arch}` };
}

async function checkDecoder(): Promise<Omit<Finding, 'topic'>> {
  await loadSymphoniaModule();
  return { state: 'good', text: 'Symphonia (WebAssembly with SIMD) loads' };
}

async function checkSound(): Promise<Omit<Finding, 'topic'>> {
  await using output = await createDeviceOutput();
  const devices = await listDevices();
  return { state: 'good', text: `${output.description} opens; outputs: ${devices.join(', ')}` };
}

async function checkCache(directory: string): Promise<Omit<Finding, 'topic'>> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await access(directory, constants.W_OK);
  } catch {
    return { state: 'missing', text: `${directory} cannot be written to: choose another place with --cache` };
  }
  const { bavail, bsize } = await statfs(directory);
  return { state: 'good', text: `${directory}, ${formatBytes(bavail * bsize)} free on its disk` };
}
