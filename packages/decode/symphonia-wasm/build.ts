/**
 * Builds `wasm/symphonia.wasm` from the Rust crate beside this file and compares it with the committed one.
 *
 *     node build.ts            rebuild and compare: says identical, different or toolchain moved
 *     node build.ts --update   rebuild and write the artefacts
 *
 * @module
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compilerName, installedVersion, offeredCompiler, prepareToolchain, type Toolchain } from './toolchain.ts';
import { upstreamEdits } from './upstream-edits.ts';

const crate = fileURLToPath(new URL('.', import.meta.url));
const artefacts = fileURLToPath(new URL('../wasm/', import.meta.url));
const project = fileURLToPath(new URL('../../../', import.meta.url));
const nodeModules = join(project, 'node_modules');

const target = 'wasm32-unknown-unknown';
/** A page is 64 KiB: no input makes a track take more than 256 MiB. */
const rustFlags = ['-C', 'target-feature=+simd128', '-C', 'link-arg=--max-memory=268435456'];
const optimizerFlags = ['-O3', '--enable-simd', '--enable-bulk-memory', '--enable-nontrapping-float-to-int', '--enable-sign-ext'];
optimizerFlags.push('--enable-mutable-globals', '--enable-multivalue', '--enable-reference-types');

interface BuildRecord {
  readonly sha256: string;
  readonly bytes: number;
  readonly date: string;
  readonly compiler: string;
  readonly packages: Readonly<Record<string, string>>;
  readonly binaryen: string;
  readonly cargoLockSha256: string;
  readonly rustFlags: readonly string[];
  readonly optimizerFlags: readonly string[];
  readonly upstreamEdits: readonly { readonly file: string; readonly reason: string }[];
}

/**
 * Copies the crate's dependencies, and those of the standard library beside them, and makes the upstream edits in the
 * copy. The lock file stays as it is.
 */
function vendorSources({ cache, cargo, environment, standardLibrarySources }: Toolchain): string {
  const inputs = [readFileSync(join(crate, 'Cargo.lock'), 'utf8'), JSON.stringify(upstreamEdits), standardLibrarySources];
  const vendor = join(cache, `vendor-${sha256(inputs.join('\n')).slice(0, 16)}`);
  const stamp = join(vendor, '.complete');
  if (existsSync(stamp)) return vendor;
  rmSync(vendor, { recursive: true, force: true });
  execFileSync(cargo, ['vendor', '--quiet', '--locked', vendor], {
    cwd: crate,
    env: environment,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  cpSync(join(standardLibrarySources, 'vendor'), vendor, { recursive: true });
  for (const { file, find, replace } of upstreamEdits) {
    const path = join(vendor, file);
    const parts = readFileSync(path, 'utf8').split(find);
    if (parts.length !== 2) throw new Error(`upstream edit of ${file}: expected the text once, found it ${parts.length - 1} times`);
    const edited = parts.join(replace);
    writeFileSync(path, edited);
    acceptEdit(vendor, file, sha256(edited));
  }
  writeFileSync(stamp, '');
  return vendor;
}

/** Cargo checks vendored files against this list. */
function acceptEdit(vendor: string, file: string, hash: string): void {
  const [folder = '', ...rest] = file.split('/');
  const list = join(vendor, folder, '.cargo-checksum.json');
  const checksums = JSON.parse(readFileSync(list, 'utf8')) as { files: Record<string, string> };
  checksums.files[rest.join('/')] = hash;
  writeFileSync(list, JSON.stringify(checksums));
}

function compile(toolchain: Toolchain, vendor: string): string {
  const { cache, cargo, environment, root } = toolchain;
  const remaps = { [vendor]: '/vendor', [root]: '/toolchain', [crate.replace(/\/$/, '')]: '/symphonia-wasm', [cache]: '/cache' };
  // rustc takes the last prefix that fits.
  const remapFlags = Object.entries(remaps)
    .toSorted(([a], [b]) => a.length - b.length)
    .map(([from, to]) => `--remap-path-prefix=${from}=${to}`);
  const output = join(cache, 'target');
  const sources = ['source.crates-io.replace-with="vendored"', `source.vendored.directory="${vendor}"`];
  execFileSync(
    cargo,
    [
      'build',
      '--release',
      '--locked',
      '--offline',
      `--target=${target}`,
      '-Zbuild-std=std,panic_abort',
      ...sources.flatMap((source) => ['--config', source]),
    ],
    {
      cwd: crate,
      env: { ...environment, CARGO_TARGET_DIR: output, CARGO_ENCODED_RUSTFLAGS: [...rustFlags, ...remapFlags].join('\x1f') },
      stdio: 'inherit',
    },
  );
  const compiled = join(output, target, 'release', 'symphonia_wasm.wasm');
  const optimized = join(cache, 'symphonia.wasm');
  const optimizer = join(nodeModules, 'binaryen', 'bin', 'wasm-opt');
  execFileSync(process.execPath, [optimizer, ...optimizerFlags, compiled, '-o', optimized], { stdio: 'inherit' });
  return optimized;
}

function writeArtefacts(toolchain: Toolchain, built: string): void {
  const bytes = readFileSync(built);
  const record: BuildRecord = {
    sha256: sha256(bytes),
    bytes: bytes.length,
    date: new Date().toISOString().slice(0, 10),
    compiler: compilerName(toolchain),
    packages: toolchain.versions,
    binaryen: installedVersion(new URL('file://' + join(nodeModules, 'binaryen', 'package.json'))),
    cargoLockSha256: sha256(readFileSync(join(crate, 'Cargo.lock'))),
    rustFlags,
    optimizerFlags,
    upstreamEdits: upstreamEdits.map(({ file, reason }) => ({ file, reason })),
  };
  mkdirSync(artefacts, { recursive: true });
  copyFileSync(built, join(artefacts, 'symphonia.wasm'));
  writeFileSync(join(artefacts, 'symphonia.wasm.sha256'), `${record.sha256}  symphonia.wasm\n`);
  writeFileSync(join(artefacts, 'build-record.json'), `${JSON.stringify(record, null, 2)}\n`);
}

function readRecord(): BuildRecord | undefined {
  try {
    return JSON.parse(readFileSync(join(artefacts, 'build-record.json'), 'utf8')) as BuildRecord;
  } catch {
    return undefined;
  }
}

/** Runs decode's tests on another build, then puts the committed artefacts back. */
function testBuild(toolchain: Toolchain, built: string): void {
  const names = ['symphonia.wasm', 'symphonia.wasm.sha256', 'build-record.json'];
  const kept = names.map((name) => ({ path: join(artefacts, name), bytes: readFileSync(join(artefacts, name)) }));
  try {
    writeArtefacts(toolchain, built);
    execFileSync(join(nodeModules, '.bin', 'vitest'), ['run', 'packages/decode'], { cwd: project, stdio: 'inherit' });
  } finally {
    for (const { path, bytes } of kept) writeFileSync(path, bytes);
  }
}

function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

function main(): void {
  const record = readRecord();
  const offered = offeredCompiler();
  const isUpdate = process.argv.includes('--update');
  if (offered === undefined) {
    console.log(
      'no toolchain: rustc-web is not offered here (Debian 12 with security updates has it); the committed module stands',
    );
    return;
  }
  const toolchain = prepareToolchain();
  const built = compile(toolchain, vendorSources(toolchain));
  const hash = sha256(readFileSync(built));
  if (isUpdate) {
    writeArtefacts(toolchain, built);
    console.log(`written: ${hash}`);
  } else if (record !== undefined && record.packages['rustc-web'] !== offered) {
    console.log(
      `toolchain moved: built with rustc-web ${record.packages['rustc-web'] ?? '?'}, ${offered} is offered now; testing the new build`,
    );
    testBuild(toolchain, built);
    console.log(`toolchain moved: the new build ${hash} passes decode's tests; --update writes it`);
  } else if (hash === record?.sha256) {
    console.log(`identical: ${hash}`);
  } else {
    console.log(`different: committed ${record?.sha256 ?? 'nothing'}, built ${hash}; --update writes the new one`);
    process.exitCode = 1;
  }
}

main();
