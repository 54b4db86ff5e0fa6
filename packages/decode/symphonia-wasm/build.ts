/**
 * Builds the modules in `wasm/` from the Rust crate beside this file and compares them with the committed ones.
 *
 *     node build.ts            rebuild and compare: says identical, different or toolchain moved
 *     node build.ts --update   rebuild and write the artefacts
 *
 * @module
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync } from 'node:zlib';
import { addKernels, editSources } from './edit-sources.ts';
import { kernelEdits } from './kernel-edits.ts';
import { compilerName, installedVersion, offeredCompiler, prepareToolchain, type Toolchain } from './toolchain.ts';
import { upstreamEdits } from './upstream-edits.ts';

/** The modules, by the crate's features that each is built with. */
const modules = { 'symphonia.wasm': 'everything', 'symphonia-browser.wasm': 'browser' } as const;
const edits = [...upstreamEdits, ...kernelEdits];

const crate = fileURLToPath(new URL('.', import.meta.url));
const kernels = join(crate, 'kernels');
const artefacts = fileURLToPath(new URL('../wasm/', import.meta.url));
const project = fileURLToPath(new URL('../../../', import.meta.url));
const nodeModules = join(project, 'node_modules');

const target = 'wasm32-unknown-unknown';
const rustFlags = ['-C', 'target-feature=+simd128'];
const optimizerFlags = ['-O3', '--enable-simd', '--enable-bulk-memory', '--enable-nontrapping-float-to-int', '--enable-sign-ext'];
optimizerFlags.push('--enable-mutable-globals', '--enable-multivalue', '--enable-reference-types');

interface ModuleRecord {
  readonly file: string;
  readonly features: string;
  readonly sha256: string;
  readonly bytes: number;
  /** Compressed as a web server would. */
  readonly brotliBytes: number;
}

interface BuildRecord {
  readonly modules: readonly ModuleRecord[];
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
  const ours = readdirSync(kernels).toSorted();
  const inputs = [readFileSync(join(crate, 'Cargo.lock'), 'utf8'), JSON.stringify(edits), standardLibrarySources];
  inputs.push(...ours.map((name) => readFileSync(join(kernels, name), 'utf8')));
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
  editSources(vendor, edits);
  addKernels(vendor, kernels);
  writeFileSync(stamp, '');
  return vendor;
}

/** Compiles and optimizes every module; answers the folder that holds them. */
function compile(toolchain: Toolchain, vendor: string): string {
  const { cache, cargo, environment, root } = toolchain;
  const remaps = { [vendor]: '/vendor', [root]: '/toolchain', [crate.replace(/\/$/, '')]: '/symphonia-wasm', [cache]: '/cache' };
  // rustc takes the last prefix that fits.
  const remapFlags = Object.entries(remaps)
    .toSorted(([a], [b]) => a.length - b.length)
    .map(([from, to]) => `--remap-path-prefix=${from}=${to}`);
  const output = join(cache, 'target');
  const sources = ['source.crates-io.replace-with="vendored"', `source.vendored.directory="${vendor}"`];
  const compiled = join(output, target, 'release', 'symphonia_wasm.wasm');
  const optimized = join(cache, 'modules');
  const optimizer = join(nodeModules, 'binaryen', 'bin', 'wasm-opt');
  mkdirSync(optimized, { recursive: true });
  for (const [file, features] of Object.entries(modules)) {
    execFileSync(
      cargo,
      [
        'build',
        '--release',
        '--locked',
        '--offline',
        '--no-default-features',
        `--features=${features}`,
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
    execFileSync(process.execPath, [optimizer, ...optimizerFlags, compiled, '-o', join(optimized, file)], { stdio: 'inherit' });
  }
  return optimized;
}

function recordModules(built: string): ModuleRecord[] {
  return Object.entries(modules).map(([file, features]) => {
    const bytes = readFileSync(join(built, file));
    return { file, features, sha256: sha256(bytes), bytes: bytes.length, brotliBytes: brotliCompressSync(bytes).length };
  });
}

function writeArtefacts(toolchain: Toolchain, built: string): void {
  const record: BuildRecord = {
    modules: recordModules(built),
    date: new Date().toISOString().slice(0, 10),
    compiler: compilerName(toolchain),
    packages: toolchain.versions,
    binaryen: installedVersion(new URL('file://' + join(nodeModules, 'binaryen', 'package.json'))),
    cargoLockSha256: sha256(readFileSync(join(crate, 'Cargo.lock'))),
    rustFlags,
    optimizerFlags,
    upstreamEdits: edits.map(({ file, reason }) => ({ file, reason })),
  };
  mkdirSync(artefacts, { recursive: true });
  for (const { file } of record.modules) copyFileSync(join(built, file), join(artefacts, file));
  writeFileSync(join(artefacts, 'SHA256SUMS'), sums(record.modules));
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
  const kept = readdirSync(artefacts).map((name) => ({ path: join(artefacts, name), bytes: readFileSync(join(artefacts, name)) }));
  try {
    writeArtefacts(toolchain, built);
    execFileSync(join(nodeModules, '.bin', 'vitest'), ['run', 'packages/decode'], { cwd: project, stdio: 'inherit' });
  } finally {
    for (const { path, bytes } of kept) writeFileSync(path, bytes);
  }
}

/** As `sha256sum` writes them. */
function sums(records: readonly ModuleRecord[]): string {
  return records.map((record) => `${record.sha256}  ${record.file}\n`).join('');
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
  const hashes = sums(recordModules(built));
  if (isUpdate) {
    writeArtefacts(toolchain, built);
    console.log(`written:\n${hashes}`);
  } else if (record !== undefined && record.packages['rustc-web'] !== offered) {
    console.log(
      `toolchain moved: built with rustc-web ${record.packages['rustc-web'] ?? '?'}, ${offered} is offered now; testing the new build`,
    );
    testBuild(toolchain, built);
    console.log(`toolchain moved: the new build passes decode's tests; --update writes it\n${hashes}`);
  } else if (record !== undefined && hashes === sums(record.modules)) {
    console.log(`identical:\n${hashes}`);
  } else {
    console.log(
      `different: committed\n${record === undefined ? 'nothing\n' : sums(record.modules)}built\n${hashes}--update writes the new ones`,
    );
    process.exitCode = 1;
  }
}

main();
