import { createHash } from 'node:crypto';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { UpstreamEdit } from './upstream-edits.ts';

/** Makes the edits in the build's copy of the upstream sources. Throws where a text is not there exactly once. */
export function editSources(vendor: string, edits: readonly UpstreamEdit[]): void {
  for (const edit of edits) {
    const path = join(vendor, edit.file);
    const edited = applied(readFileSync(path, 'utf8'), edit);
    writeFileSync(path, edited);
    acceptEdit(vendor, edit.file, createHash('sha256').update(edited).digest('hex'));
  }
}

/** Puts the kernels beside Symphonia's own modules. */
export function addKernels(vendor: string, kernels: string): void {
  cpSync(kernels, join(vendor, 'symphonia-core', 'src', 'kernels'), { recursive: true });
}

function applied(text: string, { file, find, until, replace }: UpstreamEdit): string {
  const [before, after, ...more] = text.split(find);
  if (before === undefined || after === undefined || more.length > 0)
    throw new Error(`upstream edit of ${file}: expected ${JSON.stringify(find)} once`);
  const end = until === undefined ? 0 : after.indexOf(until);
  if (end < 0) throw new Error(`upstream edit of ${file}: expected ${JSON.stringify(until)} after ${JSON.stringify(find)}`);
  return before + replace + after.slice(end);
}

/** Cargo checks vendored files against this list. */
function acceptEdit(vendor: string, file: string, hash: string): void {
  const [folder = '', ...rest] = file.split('/');
  const list = join(vendor, folder, '.cargo-checksum.json');
  const checksums = JSON.parse(readFileSync(list, 'utf8')) as { files: Record<string, string> };
  checksums.files[rest.join('/')] = hash;
  writeFileSync(list, JSON.stringify(checksums));
}
