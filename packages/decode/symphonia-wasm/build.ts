/**
 * Builds the modules in `wasm/` from the Rust crates here and in `heaac-wasm/` and compares them with the committed ones.
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
import { heaacEdits } from '../heaac-wasm/upstream-edits.ts';
import { addKernels, editSources } from './edit-sources.ts';
import { kernelEdits } from './kernel-edits.ts';
import { compilerName, installedVersion, offeredCompiler, prepareToolchain, type Toolchain } from './toolchain.ts';
import { upstreamEdits, type UpstreamEdit } from './upstream-edits.ts';

/** One Rust crate and the modules that it becomes. */
interface WasmCrate {
  readonly name: string;
  readonly folder: string;
  /** File that cargo makes. */
  readonly library: string;
  readonly edits: readonly UpstreamEdit[];
  /** Folder of the kernels that the edits call. */
  readonly kernels?: string;
  /** File in `wasm/`, and the crate's features that it is built with. */
  readonly modules: Readonly<Record<string, string>>;
}

const crates: readonly WasmCrate[] = [
  {
    name: 'symphonia',
    folder: folderOf('.'),
    library: 'symphonia_wasm.wasm',
    edits: [...upstreamEdits, ...kernelEdits],
    kernels: folderOf('kernels/'),
    modules: { 'symphonia.wasm': 'everything', 'symphonia-browser.wasm': 'browser' },
  },
  {
    name: 'heaac',
    folder: folderOf('../heaac-wasm/'),
    library: 'heaac_wasm.wasm',
    edits: heaacEdits,
    modules: { 'heaac.wasm': '' },
  },
];
const artefacts = folderOf('../wasm/');
const project = folderOf('../../../');
const nodeModules = join(project, 'node_modules');

const target = 'wasm32-unknown-unknown';
/** A page is 64 KiB: no input makes a track take more than 256 MiB. */
const rustFlags = ['-C', 'target-feature=+simd128', '-C', 'link-arg=--max-memory=268435456'];
const optimizerFlags = ['-O3', '--enable-simd', '--enable-bulk-memory', '--enable-nontrapping-float-to-int', '--enable-sign-ext'];
optimizerFlags.push('--enable-mutable-globals', '--enable-multivalue', '--enable-reference-types');

interface ModuleRecord {
  readonly file: string;
  readonly crate: string;
  readonly features: string;
  readonly sha256: string;
  readonly bytes: number;
  /** Compressed as a web server would. */
  readonly brotliBytes: number;
}

interface CrateRecord {
  readonly name: string;
  readonly cargoLockSha256: string;
  readonly upstreamEdits: readonly { readonly file: string; readonly reason: string }[];
}

interface BuildRecord {
  readonly modules: readonly ModuleRecord[];
  readonly date: string;
  readonly compiler: string;
  readonly packages: Readonly<Record<string, string>>;
  readonly binaryen: string;
  readonly rustFlags: readonly string[];
  readonly optimizerFlags: readonly string[];
  readonly crates: readonly CrateRecord[];
}

/**
 * Copies the crate's dependencies, and those of the standard library beside them, and makes the upstream edits in the
 * copy. The lock file stays as it is.
 */
function vendorSources({ folder, edits, kernels }: WasmCrate, toolchain: Toolchain): string {
  const { cache, cargo, environment, standardLibrarySources } = toolchain;
  const inputs = [readFileSync(join(folder, 'Cargo.lock'), 'utf8'), JSON.stringify(edits), standardLibrarySources];
  const ours = kernels === undefined ? [] : readdirSync(kernels).map((name) => join(kernels, name));
  inputs.push(...ours.toSorted().map((path) => readFileSync(path, 'utf8')));
  const vendor = join(cache, `vendor-${sha256(inputs.join('\n')).slice(0, 16)}`);
  const stamp = join(vendor, '.complete');
  if (existsSync(stamp)) return vendor;
  rmSync(vendor, { recursive: true, force: true });
  execFileSync(cargo, ['vendor', '--quiet', '--locked', vendor], {
    cwd: folder,
    env: environment,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  cpSync(join(standardLibrarySources, 'vendor'), vendor, { recursive: true });
  editSources(vendor, edits);
  if (kernels !== undefined) addKernels(vendor, kernels);
  writeFileSync(stamp, '');
  return vendor;
}

/** Compiles and optimizes every module of a crate into the folder `optimized`. */
function compile({ name, folder, library, modules }: WasmCrate, toolchain: Toolchain, vendor: string, optimized: string): void {
  const { cache, cargo, environment, root } = toolchain;
  const remaps = { [vendor]: '/vendor', [root]: '/toolchain', [folder.replace(/\/$/, '')]: `/${name}-wasm`, [cache]: '/cache' };
  // rustc takes the last prefix that fits.
  const remapFlags = Object.entries(remaps)
    .toSorted(([a], [b]) => a.length - b.length)
    .map(([from, to]) => `--remap-path-prefix=${from}=${to}`);
  // One each: the flags differ by the crate's folder, and cargo would throw the other's work away.
  const output = join(cache, `target-${name}`);
  const sources = ['source.crates-io.replace-with="vendored"', `source.vendored.directory="${vendor}"`];
  const optimizer = join(nodeModules, 'binaryen', 'bin', 'wasm-opt');
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
        cwd: folder,
        env: { ...environment, CARGO_TARGET_DIR: output, CARGO_ENCODED_RUSTFLAGS: [...rustFlags, ...remapFlags].join('\x1f') },
        stdio: 'inherit',
      },
    );
    const compiled = join(output, target, 'release', library);
    execFileSync(process.execPath, [optimizer, ...optimizerFlags, compiled, '-o', join(optimized, file)], { stdio: 'inherit' });
  }
}

/** Builds every module; answers the folder that holds them. */
function buildModules(toolchain: Toolchain): string {
  const optimized = join(toolchain.cache, 'modules');
  mkdirSync(optimized, { recursive: true });
  for (const crate of crates) compile(crate, toolchain, vendorSources(crate, toolchain), optimized);
  return optimized;
}

function recordModules(built: string): ModuleRecord[] {
  return crates.flatMap(({ name, modules }) =>
    Object.entries(modules).map(([file, features]) => {
      const bytes = readFileSync(join(built, file));
      return {
        file,
        crate: name,
        features,
        sha256: sha256(bytes),
        bytes: bytes.length,
        brotliBytes: brotliCompressSync(bytes).length,
      };
    }),
  );
}

function writeArtefacts(toolchain: Toolchain, built: string): void {
  const record: BuildRecord = {
    modules: recordModules(built),
    date: new Date().toISOString().slice(0, 10),
    compiler: compilerName(toolchain),
    packages: toolchain.versions,
    binaryen: installedVersion(new URL('file://' + join(nodeModules, 'binaryen', 'package.json'))),
    rustFlags,
    optimizerFlags,
    crates: crates.map(({ name, folder, edits }) => ({
      name,
      cargoLockSha256: sha256(readFileSync(join(folder, 'Cargo.lock'))),
      upstreamEdits: edits.map(({ file, reason }) => ({ file, reason })),
    })),
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

function folderOf(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url));
}

function main(): void {
  const record = readRecord();
  const offered = offeredCompiler();
  const isUpdate = process.argv.includes('--update');
  if (offered === undefined) {
    console.log(
      'no toolchain: rustc-web is not offered here (Debian 12 with security updates has it); the committed modules stand',
    );
    return;
  }
  const toolchain = prepareToolchain();
  const built = buildModules(toolchain);
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
