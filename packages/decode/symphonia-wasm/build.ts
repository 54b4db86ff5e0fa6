/**
 * Builds the WebAssembly modules in `wasm/` from their Rust crates and compares them with the committed ones.
 *
 *     node build.ts                  rebuild and compare: says identical, different or toolchain moved
 *     node build.ts --update         rebuild and write the artefacts
 *     node build.ts --update heaac   only that module
 *
 * @module
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compilerName, installedVersion, offeredCompiler, prepareToolchain, type Toolchain } from './toolchain.ts';
import { heaacEdits } from '../heaac-wasm/upstream-edits.ts';
import { upstreamEdits, type UpstreamEdit } from './upstream-edits.ts';

/** One Rust crate and the module in `wasm/` that it becomes. */
interface WasmCrate {
  /** Of the module and of the files beside it. */
  readonly name: string;
  readonly folder: string;
  /** File that cargo makes. */
  readonly library: string;
  readonly edits: readonly UpstreamEdit[];
}

const crates: readonly WasmCrate[] = [
  { name: 'symphonia', folder: folderOf('.'), library: 'symphonia_wasm.wasm', edits: upstreamEdits },
  { name: 'heaac', folder: folderOf('../heaac-wasm/'), library: 'heaac_wasm.wasm', edits: heaacEdits },
];
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
function vendorSources({ folder, edits }: WasmCrate, { cache, cargo, environment, standardLibrarySources }: Toolchain): string {
  const inputs = [readFileSync(join(folder, 'Cargo.lock'), 'utf8'), JSON.stringify(edits), standardLibrarySources];
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
  for (const { file, find, replace } of edits) {
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

function compile({ name, folder, library }: WasmCrate, toolchain: Toolchain, vendor: string): string {
  const { cache, cargo, environment, root } = toolchain;
  const remaps = { [vendor]: '/vendor', [root]: '/toolchain', [folder.replace(/\/$/, '')]: `/${name}-wasm`, [cache]: '/cache' };
  // rustc takes the last prefix that fits.
  const remapFlags = Object.entries(remaps)
    .toSorted(([a], [b]) => a.length - b.length)
    .map(([from, to]) => `--remap-path-prefix=${from}=${to}`);
  // One each: the flags differ by the crate's folder, and cargo would throw the other's work away.
  const output = join(cache, `target-${name}`);
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
      cwd: folder,
      env: { ...environment, CARGO_TARGET_DIR: output, CARGO_ENCODED_RUSTFLAGS: [...rustFlags, ...remapFlags].join('\x1f') },
      stdio: 'inherit',
    },
  );
  const compiled = join(output, target, 'release', library);
  const optimized = join(cache, `${name}.wasm`);
  const optimizer = join(nodeModules, 'binaryen', 'bin', 'wasm-opt');
  execFileSync(process.execPath, [optimizer, ...optimizerFlags, compiled, '-o', optimized], { stdio: 'inherit' });
  return optimized;
}

function writeArtefacts(crate: WasmCrate, toolchain: Toolchain, built: string): void {
  const bytes = readFileSync(built);
  const record: BuildRecord = {
    sha256: sha256(bytes),
    bytes: bytes.length,
    date: new Date().toISOString().slice(0, 10),
    compiler: compilerName(toolchain),
    packages: toolchain.versions,
    binaryen: installedVersion(new URL('file://' + join(nodeModules, 'binaryen', 'package.json'))),
    cargoLockSha256: sha256(readFileSync(join(crate.folder, 'Cargo.lock'))),
    rustFlags,
    optimizerFlags,
    upstreamEdits: crate.edits.map(({ file, reason }) => ({ file, reason })),
  };
  mkdirSync(artefacts, { recursive: true });
  const files = artefactsOf(crate);
  copyFileSync(built, files.module);
  writeFileSync(files.hash, `${record.sha256}  ${crate.name}.wasm\n`);
  writeFileSync(files.record, `${JSON.stringify(record, null, 2)}\n`);
}

function artefactsOf({ name }: WasmCrate): { readonly module: string; readonly hash: string; readonly record: string } {
  const module = join(artefacts, `${name}.wasm`);
  return { module, hash: `${module}.sha256`, record: join(artefacts, `${name}-build-record.json`) };
}

function readRecord(crate: WasmCrate): BuildRecord | undefined {
  try {
    return JSON.parse(readFileSync(artefactsOf(crate).record, 'utf8')) as BuildRecord;
  } catch {
    return undefined;
  }
}

/** Runs decode's tests on another build, then puts the committed artefacts back. */
function testBuild(crate: WasmCrate, toolchain: Toolchain, built: string): void {
  const kept = Object.values(artefactsOf(crate)).map((path) => ({ path, bytes: readFileSync(path) }));
  try {
    writeArtefacts(crate, toolchain, built);
    execFileSync(join(nodeModules, '.bin', 'vitest'), ['run', 'packages/decode'], { cwd: project, stdio: 'inherit' });
  } finally {
    for (const { path, bytes } of kept) writeFileSync(path, bytes);
  }
}

function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

function folderOf(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url));
}

function build(crate: WasmCrate, toolchain: Toolchain, offered: string): void {
  const record = readRecord(crate);
  const built = compile(crate, toolchain, vendorSources(crate, toolchain));
  const hash = sha256(readFileSync(built));
  if (process.argv.includes('--update')) {
    writeArtefacts(crate, toolchain, built);
    console.log(`${crate.name} written: ${hash}`);
  } else if (record !== undefined && record.packages['rustc-web'] !== offered) {
    const was = record.packages['rustc-web'] ?? '?';
    console.log(`${crate.name} toolchain moved: built with rustc-web ${was}, ${offered} is offered now; testing the new build`);
    testBuild(crate, toolchain, built);
    console.log(`${crate.name} toolchain moved: the new build ${hash} passes decode's tests; --update writes it`);
  } else if (hash === record?.sha256) {
    console.log(`${crate.name} identical: ${hash}`);
  } else {
    console.log(`${crate.name} different: committed ${record?.sha256 ?? 'nothing'}, built ${hash}; --update writes the new one`);
    process.exitCode = 1;
  }
}

function main(): void {
  const offered = offeredCompiler();
  if (offered === undefined) {
    console.log(
      'no toolchain: rustc-web is not offered here (Debian 12 with security updates has it); the committed modules stand',
    );
    return;
  }
  const toolchain = prepareToolchain();
  const named = crates.filter(({ name }) => process.argv.includes(name));
  for (const crate of named.length > 0 ? named : crates) build(crate, toolchain, offered);
}

main();
